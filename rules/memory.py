"""What the engine remembers between steps: each check's condition and running hold, each point's newest time, who was last heard.

Written by the engine only. `dump` keeps what cannot be derived, named by rule ids and point keys, so that it can be loaded for a
program whose rows lie differently; quiet bounds and wheels are derived again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program, pair_key, pairs_a_row
from rules.derived_due import settle_wheel
from rules.derived_load import load_derived
from rules.derived_memory import DerivedMemory, DerivedState
from rules.kernels import BY_SCHEDULE, PENDING, SHUT, due_times, quiet_bounds
from rules.newest import Newest
from rules.recurrence import Recurrence, RecurrenceState
from rules.subjects_memory import SubjectMemory
from rules.subjects_state import SubjectsState
from rules.wheel import Wheel

NEVER = np.int64(-(2**63))
BLOCK_SHIFT = 11  # a block is 2,048 rows


@dataclass(slots=True)
class MemoryState:
    """Columns `point_*` are one per point ever heard, `check_*` one per check that is not idle, `device_*` one per device heard or
    offline, `watch_*` one per silence that is raised. `heard_h` times are on the hearing clock."""

    now_ms: int
    lost_ms: int
    paused_ms: int | None
    rule_ids: list[str]
    point_keys: NDArray[np.int64]
    point_taken_ms: NDArray[np.int64]
    check_rules: NDArray[np.int32]
    check_keys: NDArray[np.int64]
    check_levels: NDArray[np.uint8]
    check_status: NDArray[np.uint8]
    check_since_taken_ms: NDArray[np.int64]
    check_since_clock_ms: NDArray[np.int64]
    check_heard_h: NDArray[np.int64]
    check_values: NDArray[np.float64]
    device_ids: list[str]
    device_heard_h: NDArray[np.int64]
    device_offline: NDArray[np.bool_]
    watch_rules: NDArray[np.int32]
    watch_devices: NDArray[np.int32]  # index into device_ids
    # one per check that was ever active (empty in older snapshots)
    ended_rules: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    ended_keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    ended_levels: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    ended_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    # `newest_*`: of points with gates. Settled gates stand as their schedules say at now_ms: their bits are left out
    gates_settled: bool = True
    newest_keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    newest_values: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0, np.float64))
    newest_heard_h: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    newest_delay_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    derived: DerivedState = field(default_factory=DerivedState)
    recurrence: RecurrenceState = field(default_factory=RecurrenceState)
    subjects: SubjectsState | None = None


class Memory:
    """The engine's memory for one program; it grows with it (`fit`). All times are service time but those named `_h`, which are on the
    hearing clock: service time less what the service spent deaf (`lost_ms`), standing still while paused."""

    def __init__(self, program: Program) -> None:
        self._start(program)

    def _start(self, program: Program) -> None:
        self.program = program
        self.now_ms = int(NEVER)
        self.lost_ms = 0
        self.paused_ms: int | None = None
        # by point row
        self.rows = 0
        self.taken_ms = np.zeros(0, np.int64)
        self.heard_h = np.zeros(0, np.int64)  # of the newest reading; kept while a hold of the row is running
        self.values = np.zeros(0, np.float64)  # likewise
        self.low = np.zeros(0, np.float64)  # between low and high no check of the row can change
        self.high = np.zeros(0, np.float64)
        self.lows = np.zeros(0, np.int32)  # by block of rows: how many have a low that ends somewhere
        self.mark = np.zeros(0, np.bool_)  # scratch of the sieve, all False between its uses
        # by check
        self.checks = 0
        self.status = np.zeros(0, np.uint8)
        self.since_taken_ms = np.zeros(0, np.int64)
        self.since_clock_ms = np.zeros(0, np.int64)  # service time of a rise, hearing time of a fall
        self.ended_ms = np.zeros(0, np.int64)  # device time at which its last activity began to end, or of the last one out of order
        self.wheel = Wheel()
        self.newest = Newest()
        # by gate of the program's schedules
        self.gate_next_ms: list[int] = []  # when each turns next
        self.gate_parts = 0  # how many arrays of checks and watches were turned so far
        # by device row and by watch
        self.devices = 0
        self.device_heard_h = np.zeros(0, np.int64)
        self.device_offline = np.zeros(0, np.bool_)
        self.device_alert = np.zeros(0, np.bool_)  # offline, or with a raised watch
        self.device_odd = np.zeros(0, np.bool_)  # that, or never heard: what it says next may matter
        self.alerts = 0
        self.unheard = 0
        self.watches = 0
        self.watch_raised = np.zeros(0, np.bool_)
        self.watch_shut = np.zeros(0, np.bool_)  # by its schedule
        self.watch_wheel = Wheel()  # in hearing time
        # of rules over several points; until the first step what they begin with, when there is anything
        self.subjects: SubjectMemory | None = None
        self.subjects_state: SubjectsState | None = None
        self.derived = None if program.derived is None else DerivedMemory(program.derived)
        self.recurrence = Recurrence(program) if any(rule.of for rule in program.rules) else None
        self.fit()

    def fit(self) -> None:
        """Grow to the program's size; what is new is idle and unheard."""
        program = self.program
        if self.derived is not None:
            self.derived.fit()
        first_check = self.checks
        if program.checks > self.checks:
            for name in ("status", "since_taken_ms", "since_clock_ms"):
                setattr(self, name, _grown(getattr(self, name), self.checks, program.checks, 0))
            self.ended_ms = _grown(self.ended_ms, self.checks, program.checks, NEVER)
            self.wheel.fit(program.checks)
            self.checks = program.checks
        if program.rows > self.rows:
            first = self.rows
            fills = {"taken_ms": NEVER, "heard_h": NEVER, "values": 0.0, "low": -np.inf, "high": np.inf, "mark": False}
            for name, fill in fills.items():
                setattr(self, name, _grown(getattr(self, name), first, program.rows, fill))
            self.rows = program.rows
            self.lows = _grown(self.lows, len(self.lows), (len(self.low) >> BLOCK_SHIFT) + 1, 0)
            if first:
                self.settle_bounds(np.arange(first, program.rows))
            else:
                self._settle_all_bounds()
        if program.checks > first_check or program.rows > len(self.newest.slot):
            self.newest.fit(program, first_check, self.lost_ms)
        if program.devices > self.devices:
            self.unheard += program.devices - self.devices
            self.device_heard_h = _grown(self.device_heard_h, self.devices, program.devices, NEVER)
            self.device_offline = _grown(self.device_offline, self.devices, program.devices, False)
            self.device_alert = _grown(self.device_alert, self.devices, program.devices, False)
            self.device_odd = _grown(self.device_odd, self.devices, program.devices, True)
            self.devices = program.devices
        if program.watches > self.watches:
            self.watch_raised = _grown(self.watch_raised, self.watches, program.watches, False)
            self.watch_shut = _grown(self.watch_shut, self.watches, program.watches, False)
            self.watch_wheel.fit(program.watches)
            self.watches = program.watches

    def hearing(self, at_ms: Any) -> Any:
        """Hearing time of service times (a number or an array)."""
        if self.paused_ms is not None:
            at_ms = np.minimum(at_ms, self.paused_ms)
        return at_ms - self.lost_ms

    def settle_bounds(self, rows: NDArray[np.int64]) -> None:
        """Derive the quiet bounds of these rows again from their checks."""
        program = self.program
        counts = program.start[rows + 1] - program.start[rows]
        rows, counts = rows[counts > 0], counts[counts > 0]
        if not len(rows):
            return
        begins = np.cumsum(counts) - counts
        checks = np.repeat(program.start[rows] - begins, counts) + np.arange(int(counts.sum()))
        low, high = quiet_bounds(program.specs, program.check_spec[checks], self.status[checks])
        low = np.maximum.reduceat(low, begins)
        turned = ((low > -np.inf) != (self.low[rows] > -np.inf)).nonzero()[0]
        if len(turned):
            np.add.at(self.lows, rows[turned] >> BLOCK_SHIFT, np.where(low[turned] > -np.inf, 1, -1))
        self.low[rows] = low
        self.high[rows] = np.minimum.reduceat(high, begins)

    def _settle_all_bounds(self) -> None:
        """As `settle_bounds`, for all rows: nearly all checks are idle, whose bounds stand in their specs."""
        program, rows = self.program, self.rows
        starts = program.start[: rows + 1]
        has = (starts[1:] > starts[:-1]).nonzero()[0]
        self.low[:rows], self.high[:rows], self.lows[:] = -np.inf, np.inf, 0
        if not len(has):
            return
        spec, status = program.check_spec[: self.checks], self.status[: self.checks]
        low, high = program.specs.idle_low.take(spec, mode="clip"), program.specs.idle_high.take(spec, mode="clip")
        busy = status.nonzero()[0]
        low[busy], high[busy] = quiet_bounds(program.specs, spec[busy], status[busy])
        if len(has) < self.checks:
            low, high = np.maximum.reduceat(low, starts[has]), np.minimum.reduceat(high, starts[has])
        self.low[has], self.high[has] = low, high
        counted = np.bincount(has[low > -np.inf] >> BLOCK_SHIFT, minlength=len(self.lows))
        self.lows[:] = counted

    def settle(self) -> None:
        """Derive bounds, wheels and counts again: after a load, a carry or a resume. One pass over everything."""
        program = self.program
        self._settle_all_bounds()
        self.wheel = Wheel()
        self.wheel.fit(self.checks)
        pending = np.flatnonzero(self.status[: self.checks] & PENDING)
        self.wheel.put(pending, due_times(program, self, pending))
        self.watch_wheel = Wheel()
        self.watch_wheel.fit(self.watches)
        device = program.watch_device[: self.watches]
        raised = self.watch_raised[: self.watches]
        heard = self.device_heard_h[device]
        offline = self.device_offline[device]
        due = np.where(offline, self.hearing(self.now_ms), heard + program.watch_limit_ms[: self.watches])
        wanted = np.flatnonzero(~raised & (offline | (heard != NEVER)))
        self.watch_wheel.put(wanted, due[wanted])
        self.device_alert[: self.devices] = self.device_offline[: self.devices]
        self.device_alert[device[raised]] = True
        unheard = self.device_heard_h[: self.devices] == NEVER
        self.alerts, self.unheard = int(self.device_alert[: self.devices].sum()), int(unheard.sum())
        self.device_odd[: self.devices] = self.device_alert[: self.devices] | unheard
        if self.derived is not None:
            settle_wheel(program, self)
        if self.subjects is not None:
            self.subjects.unsettle()

    def dump(self) -> MemoryState:
        """A copy of everything that cannot be derived."""
        program = self.program
        keys = program.roster.columns.keys
        heard = np.flatnonzero(self.taken_ms[: self.rows] != NEVER)
        settled = self.gate_parts == program.gates.parts and min(self.gate_next_ms, default=self.now_ms + 1) > self.now_ms
        status = self.status[: self.checks] & np.uint8(~BY_SCHEDULE & 0xFF if settled else 0xFF)
        busy = np.flatnonzero(status)
        rows, specs = program.check_row[busy], program.check_spec[busy]
        holds = (status[busy] & PENDING) != 0  # of the others nothing of this means anything
        known = np.flatnonzero((self.device_heard_h[: self.devices] != NEVER) | self.device_alert[: self.devices])
        place = np.full(self.devices, -1, np.int32)
        place[known] = np.arange(len(known), dtype=np.int32)
        raised = np.flatnonzero(self.watch_raised[: self.watches])
        ended = np.flatnonzero(self.ended_ms[: self.checks] != NEVER)
        ended_specs = program.check_spec[ended]
        return MemoryState(
            now_ms=self.now_ms,
            lost_ms=self.lost_ms,
            paused_ms=self.paused_ms,
            rule_ids=[rule.id for rule in program.rules],
            point_keys=keys[heard],
            point_taken_ms=self.taken_ms[heard],
            check_rules=program.specs.rule[specs],
            check_keys=keys[rows],
            check_levels=program.specs.level[specs],
            check_status=status[busy],
            check_since_taken_ms=np.where(holds, self.since_taken_ms[busy], 0),
            check_since_clock_ms=np.where(holds, self.since_clock_ms[busy], 0),
            check_heard_h=np.where(holds, self.heard_h[rows], NEVER),
            check_values=np.where(holds, self.values[rows], 0.0),
            device_ids=[program.roster.devices_by_row[row].id for row in known.tolist()],
            device_heard_h=self.device_heard_h[known],
            device_offline=self.device_offline[known],
            watch_rules=program.watch_rule[raised],
            watch_devices=place[program.watch_device[raised]],
            ended_rules=program.specs.rule[ended_specs],
            ended_keys=keys[program.check_row[ended]],
            ended_levels=program.specs.level[ended_specs],
            ended_ms=self.ended_ms[ended],
            gates_settled=settled,
            newest_keys=keys[self.newest.rows],
            newest_values=self.newest.values.copy(),
            newest_heard_h=self.newest.heard_h.copy(),
            newest_delay_ms=self.newest.delay_ms.copy(),
            recurrence=RecurrenceState() if self.recurrence is None else self.recurrence.dump(),
            derived=DerivedState() if self.derived is None else self.derived.dump(),
            subjects=self.subjects_state if self.subjects is None else self.subjects.dump(program),
        )

    def load(self, state: MemoryState) -> None:
        """Take over a dump. What the program does not know is left out: it was the memory of rules or points that are gone."""
        program, roster = self.program, self.program.roster
        self._start(program)
        self.now_ms, self.lost_ms, self.paused_ms = state.now_ms, state.lost_ms, state.paused_ms
        rule_at = {rule.id: at for at, rule in enumerate(program.rules)}
        rules = np.array([rule_at.get(rule_id, -1) for rule_id in state.rule_ids], np.int64)
        sorted_keys = np.argsort(roster.columns.keys[: self.rows], kind="stable")
        row, known = _rows_of(roster.columns.keys[: self.rows], sorted_keys, state.point_keys)
        self.taken_ms[row[known]] = state.point_taken_ms[known]
        row, known = _rows_of(roster.columns.keys[: self.rows], sorted_keys, state.check_keys)
        rule = rules[state.check_rules] if len(rules) else np.zeros(0, np.int64)
        check, there = find_checks(program, row, rule, state.check_levels)
        use = np.flatnonzero(known & there)
        check, row = check[use], row[use]
        self.status[check] = state.check_status[use]
        self.since_taken_ms[check] = state.check_since_taken_ms[use]
        self.since_clock_ms[check] = state.check_since_clock_ms[use]
        holds = (state.check_status[use] & PENDING) != 0
        self.heard_h[row[holds]] = state.check_heard_h[use[holds]]
        self.values[row[holds]] = state.check_values[use[holds]]
        row, known = _rows_of(roster.columns.keys[: self.rows], sorted_keys, state.ended_keys)
        rule = rules[state.ended_rules] if len(rules) else np.zeros(0, np.int64)
        check, there = find_checks(program, row, rule, state.ended_levels)
        use = np.flatnonzero(known & there)
        self.ended_ms[check[use]] = state.ended_ms[use]
        device_at = np.array([roster.rows_ever.get(device_id, -1) for device_id in state.device_ids], np.int64)
        use = np.flatnonzero(device_at >= 0)
        self.device_heard_h[device_at[use]] = state.device_heard_h[use]
        self.device_offline[device_at[use]] = state.device_offline[use]
        for rule_row, device in zip(state.watch_rules.tolist(), state.watch_devices.tolist(), strict=True):
            watch = find_watch(program, int(rules[rule_row]), int(device_at[device]))
            if watch is not None:
                self.watch_raised[watch] = True
        row, known = _rows_of(roster.columns.keys[: self.rows], sorted_keys, state.newest_keys)
        columns = (state.newest_values, state.newest_heard_h, state.newest_delay_ms)
        self.newest.load(row[known], columns[0][known], columns[1][known], columns[2][known])
        if self.recurrence is not None:
            self.recurrence.load(state.recurrence, self.now_ms, self.lost_ms, self.paused_ms)
        load_derived(program, self, state.derived, state.rule_ids)
        self.subjects_state = state.subjects
        if state.gates_settled:
            self._shut_gates()
        self.settle()

    def _shut_gates(self) -> None:
        """Shut what a schedule shuts at the present time; what is active or rising is left to the next step, which ends it."""
        if self.now_ms == NEVER:
            return
        for number, gate in enumerate(self.program.gates.gates):
            if gate.is_open(self.now_ms):
                continue
            for checks in self.program.gates.checks[number]:
                self.status[checks[(self.status[checks] & ~np.uint8(SHUT)) == 0]] |= BY_SCHEDULE
            for watches in self.program.gates.watches[number]:
                self.watch_shut[watches[~self.watch_raised[watches]]] = True


def find_checks(
    program: Program, rows: NDArray[Any], rules: NDArray[Any], levels: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The check of each (row, rule, level), and whether the program has it. Rules or rows of -1 have none."""
    total = program.checks
    if not total or not len(rows):
        return np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
    level = np.asarray(levels, np.int64)
    possible = (rows >= 0) & (rules >= 0) & (level < program.level_counts[rules])
    spec = program.first_spec[rules].astype(np.int64) + level
    wanted = np.asarray(rows, np.int64) * pairs_a_row(program) + spec
    keys = pair_key(program, np.arange(total))
    at = np.minimum(np.searchsorted(keys, wanted), total - 1)
    return at, possible & (keys[at] == wanted)


def find_watch(program: Program, rule: int, device: int) -> int | None:
    """The watch of a silence rule on a device row, or None."""
    if rule < 0 or not 0 <= device < program.devices:
        return None
    begin, end = int(program.watch_start[device]), int(program.watch_start[device + 1])
    found = np.flatnonzero(program.watch_rule[begin:end] == rule)
    return begin + int(found[0]) if len(found) else None


def _rows_of(keys: NDArray[np.int64], order: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    if not len(keys):
        return np.full(len(wanted), -1, np.int64), np.zeros(len(wanted), bool)
    rising = np.argsort(wanted)  # looked up in their order the search walks through the keys instead of jumping about in them
    at = np.empty(len(wanted), np.int64)
    at[rising] = np.minimum(np.searchsorted(keys[order], wanted[rising]), len(keys) - 1)
    rows = order[at]
    known = keys[rows] == wanted
    return np.where(known, rows, -1), known


def _grown(old: NDArray[Any], size: int, need: int, fill: Any) -> NDArray[Any]:
    if need > len(old):
        new = np.full(need if size == 0 else max(need, 2 * len(old)), fill, old.dtype)
        new[:size] = old[:size]
        return new
    return old
