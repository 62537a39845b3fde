"""Gates: what opens and closes checks and watches from outside: a schedule here, an *only while* by whoever follows its condition.

A check is open when every gate of it is. Shut, its quiet bounds are endless, so that it costs nothing until it opens. Gates turn before
anything else that is due at the same moment. Opening with the condition already true begins the hold then; closing ends a running hold
and clears an active check. The gate of a schedule turns by service time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules import presence
from rules.compile import Program
from rules.edges import Edges
from rules.kernels import ACTIVE, BY_CONDITION, BY_SCHEDULE, LATE, OPENED, RISING, SHUT, due_times, judge
from rules.memory import NEVER, Memory
from rules.wheel import FAR
from sites.readings import STALE_RETAINED, Readings

GATE_INDEX = -2  # of edges by a gate: before those of timers of the same moment


def next_ms(program: Program, memory: Memory) -> int:
    """No gate of a schedule turns before this moment; NEVER when some were not looked at yet."""
    if program.gates.parts > memory.gate_parts:
        return int(NEVER)
    return min(memory.gate_next_ms, default=int(FAR))


def spans(program: Program, memory: Memory, arrived: NDArray[np.int64], until_ms: int, edges: Edges) -> Iterator[tuple[int, int, int]]:
    """Cuts a batch and the time up to `until_ms` where gates turn, and turns them: yields (first reading, last reading + 1, until) to be
    stepped before it goes on. A batch that no gate cuts is one span."""
    begin = 0
    while (turn_ms := next_ms(program, memory)) <= until_ms:
        at_ms = max(turn_ms, memory.now_ms)
        if at_ms == NEVER:  # the first step of all: as they stand at its first moment
            at_ms = int(arrived[0]) if len(arrived) else until_ms
        end = int(np.searchsorted(arrived, at_ms))
        if at_ms > memory.now_ms != NEVER:
            yield begin, end, at_ms - 1
            begin = end
        memory.now_ms = at_ms
        turn(program, memory, at_ms, edges)
    yield begin, len(arrived), until_ms


def note(memory: Memory, readings: Readings, arrived: NDArray[np.int64]) -> None:
    """Remember the newest readings of points with gates. Before these readings are stepped."""
    if not len(memory.newest.rows) or not len(arrived):
        return
    columns: tuple[NDArray[Any], ...] = readings.rows, readings.taken_ms, memory.hearing(arrived), readings.values, readings.delay_ms
    stale = (readings.flags & STALE_RETAINED) != 0
    if stale.any():
        columns = tuple(column[~stale] for column in columns)
    memory.newest.note(memory.taken_ms, columns)


def turn(program: Program, memory: Memory, now_ms: int, edges: Edges) -> None:
    """Let every schedule's gate that is due stand as it must at `now_ms`. What was due before has fired."""
    gates = program.gates
    is_anew = next_ms(program, memory) == NEVER
    memory.gate_next_ms += [int(NEVER)] * (len(gates.gates) - len(memory.gate_next_ms))
    for number, gate in enumerate(gates.gates):
        if memory.gate_next_ms[number] > now_ms and not is_anew:
            continue
        is_open = gate.is_open(now_ms)
        if gates.checks[number]:
            set_gate(program, memory, np.concatenate(gates.checks[number]), is_open, now_ms, edges, BY_SCHEDULE)
        if gates.watches[number]:
            presence.set_gate(program, memory, np.concatenate(gates.watches[number]), is_open, now_ms, edges, GATE_INDEX)
        following = gate.next_ms(now_ms)
        memory.gate_next_ms[number] = int(FAR) if following is None else following
    memory.gate_parts = gates.parts


def set_gate(
    program: Program,
    memory: Memory,
    checks: NDArray[np.int64],
    is_open: NDArray[np.bool_] | bool,
    now_ms: NDArray[np.int64] | int,
    edges: Edges,
    by: int = BY_CONDITION,
) -> None:
    """Let one gate of these checks (each once) be open or shut from `now_ms` (one moment, or one each) on; `by` says which: BY_SCHEDULE, or
    BY_CONDITION for *only while*. What was due before `now_ms` has fired already. Findings go to `edges`; holds that begin are due by the
    memory's wheel."""
    status = memory.status[checks]
    wanted = np.broadcast_to(np.asarray(is_open, np.bool_), checks.shape)
    was_open = (status & SHUT) == 0
    status = np.where(wanted, status & np.uint8(~by & 0xFF), status | np.uint8(by))
    memory.status[checks] = status
    opens = (status & SHUT) == 0
    now_ms = np.broadcast_to(np.asarray(now_ms, np.int64), checks.shape)
    closes, reopens = was_open & ~opens, ~was_open & opens
    closing, opening = checks[closes], checks[reopens]
    if len(closing):
        _close(program, memory, closing, now_ms[closes], edges)
    if len(opening):
        begin(program, memory, opening, now_ms[reopens])
    changed = np.concatenate((closing, opening))
    if len(changed):
        memory.settle_bounds(np.unique(program.check_row[changed]).astype(np.int64))


def _close(program: Program, memory: Memory, checks: NDArray[np.int64], now_ms: NDArray[np.int64], edges: Edges) -> None:
    status = memory.status[checks]
    is_active = (status & ACTIVE) != 0
    active, now_ms = checks[is_active], now_ms[is_active]
    memory.status[checks] = status & SHUT
    row = program.check_row[active]
    memory.ended_ms[active] = np.maximum(memory.ended_ms[active], memory.taken_ms[row])
    value, _, _ = memory.newest.of(row, program.roster, memory.lost_ms)
    edges.add(active, now_ms, GATE_INDEX, 0, False, now_ms, value, False)


def begin(program: Program, memory: Memory, checks: NDArray[np.int64], now_ms: NDArray[np.int64] | int) -> None:
    """Of idle checks that open now: those whose point is in alarm by its newest reading begin their hold."""
    row = program.check_row[checks]
    heard = memory.taken_ms[row] != NEVER
    begun = np.broadcast_to(np.asarray(now_ms, np.int64), checks.shape)[heard]
    checks, row = checks[heard], row[heard]
    value, heard_h, delay = memory.newest.of(row, program.roster, memory.lost_ms)
    spec = program.check_spec[checks]
    met, _ = judge(program.specs, spec, value)
    checks, row, spec = checks[met], row[met], spec[met]
    lateness = program.specs.lateness_ms[spec]
    late = delay[met] > np.where(lateness < 0, program.link_lateness_ms[program.device_rows[row]], lateness)
    memory.status[checks] = np.where(late, RISING | OPENED | LATE, RISING | OPENED).astype(np.uint8)
    memory.since_taken_ms[checks] = memory.since_clock_ms[checks] = begun[met]
    memory.values[row], memory.heard_h[row] = value[met], heard_h[met]
    memory.wheel.put(checks, due_times(program, memory, checks))


def loosen(program: Program, memory: Memory) -> None:
    """After a carry: checks that were shut by a gate which their rule has no longer are open now. The gates that there are turn with the
    next step: only then does a new schedule begin, or end, what it means to."""
    status = memory.status[: memory.checks]
    shut = np.flatnonzero(status & SHUT)
    if not len(shut):
        return
    has_schedule = np.array([rule.schedule is not None for rule in program.rules], np.bool_)
    has_condition = np.array([bool(getattr(rule, "only_while", "")) for rule in program.rules], np.bool_)
    rule = program.specs.rule[program.check_spec[shut]]
    gone = np.where(has_schedule[rule], 0, BY_SCHEDULE) | np.where(has_condition[rule], 0, BY_CONDITION)
    status[shut] &= ~gone.astype(np.uint8)
    opening = shut[(status[shut] & SHUT) == 0]
    if len(opening):
        begin(program, memory, opening, memory.now_ms)
