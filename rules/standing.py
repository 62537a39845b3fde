"""How a rule stands on one subject, as the engine's memory has it: value, margin, running holds, gate, quality. A view that only reads.

Asked between steps, on the thread that steps (or of a memory that nobody steps). Conditions and due times are those of the engine's own
functions; nothing is decided here a second time.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np

from rules.compile import Program
from rules.derived_due import hold_dues
from rules.expression import Explained, value_unit
from rules.kernels import ACTIVE, BY_CONDITION, BY_SCHEDULE, FALLING, LATE, PENDING, RISING, SHUT, due_times, judge
from rules.memory import NEVER, Memory, find_watch
from rules.model import DERIVED_KINDS, SUBJECT_KINDS, Direction, Rule, RuleKind, Severity
from rules.subjects_explain import SubjectTruth, gate_truth, truth_of
from rules.wheel import FAR
from sites.metrics import unit_of


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelStanding:
    """One level. `margin`: how far the value must still go to reach the limit (negative: how far it is past it). `phase`: idle, rising
    (met, its hold is running), active, falling (back to normal, its clear hold is running). `since_ms` is when the running hold began
    by the reading that began it, `held_ms` how much of `hold_ms` has passed by the service's clock, `due_ms` when it ends if nothing
    comes between; None where only a reading can end it."""

    level: int
    severity: Severity
    limit: float | None
    returns_at: float | None
    margin: float | None
    is_met: bool | None  # None: there is no value
    phase: str
    since_ms: int | None
    held_ms: int | None
    hold_ms: int
    due_ms: int | None
    raise_hold_ms: int = 0  # before it raises, also while `hold_ms` is the clear hold of one that is raised


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A rule on one subject. `quality`: fresh, late (it came later than the rule takes as punctual), overdue, never_heard. `gate`: open,
    schedule, condition, both. `level`: the highest that is raised, -1 when none is."""

    rule_id: str
    rule_version: int
    subject: str
    device_id: str
    metric: str
    unit: str
    value: float | None
    reading: float | None  # the newest reading, where `value` is derived from several
    taken_ms: int | None
    arrived_ms: int | None
    delay_ms: int
    expected_ms: int
    overdue_ms: int | None  # from when on it counts as overdue, if nothing comes
    quality: str
    gate: str
    level: int
    levels: tuple[LevelStanding, ...]
    now_ms: int
    condition: Explained | None = None  # of an expression: the truth of each of its parts
    only_while: Explained | None = None  # likewise of what enables the rule

    @property
    def is_raised(self) -> bool:
        return self.level >= 0


def rule_row(program: Program, rule_id: str) -> int | None:
    """Where the program has this rule; None: it has not (deleted, disabled)."""
    at = bisect_left(program.rules, rule_id, key=lambda rule: rule.id)
    return at if at < len(program.rules) and program.rules[at].id == rule_id else None


def standing(program: Program, memory: Memory, rule_id: str, subject: str) -> Standing | None:
    """How this rule stands on a `point:` or `device:` subject; None: it has no such subject."""
    at = rule_row(program, rule_id)
    kind, _, name = subject.partition(":")
    if at is None:
        return None
    rule = program.rules[at]
    if rule.kind in SUBJECT_KINDS:
        return _of_subject(program, memory, rule, subject)
    if rule.of:
        return _of_count(program, memory, rule, subject)
    if kind == "device" and rule.kind is RuleKind.SILENCE:
        return _of_watch(program, memory, rule, at, name)
    device_id, _, metric = name.rpartition(":")
    row = program.roster.point_row(device_id, metric) if kind == "point" else None
    if row is None or row >= program.rows:
        return None
    return _of_point(program, memory, rule, at, row)


def _of_point(program: Program, memory: Memory, rule: Rule, rule_at: int, row: int) -> Standing | None:
    tier, columns, values, due = program, memory, None, None
    if rule.kind in DERIVED_KINDS:
        if program.derived is None or memory.derived is None or row >= program.derived.tier.rows:
            return None
        tier, columns = program.derived.tier, memory.derived  # type: ignore[assignment]
    checks = np.arange(tier.start[row], tier.start[row + 1])
    checks = checks[tier.specs.rule[tier.check_spec[checks]] == rule_at]
    if not len(checks):
        return None
    roster = program.roster.columns
    is_heard = bool(roster.latest_taken_ms[row] != NEVER)
    reading = float(roster.latest_values[row]) if is_heard else None
    device_row = int(program.device_rows[row])
    gap_ms = int(program.gap_ms[device_row])
    if rule.kind in DERIVED_KINDS:
        assert program.derived is not None
        assert memory.derived is not None
        pair = int(program.derived.check_pair[checks[0]])
        derived_value = float(memory.derived.values[pair])
        values = derived_value if np.isfinite(derived_value) else None
        due = hold_dues(program, memory, checks, np.full(len(checks), gap_ms, np.int64))
    else:
        values = reading
        due = due_times(program, memory, checks)
    spec = tier.check_spec[checks]
    met = judge(tier.specs, spec, np.full(len(checks), 0.0 if values is None else values))[0]
    levels = tuple(
        _level(program, memory, rule, columns, int(check), int(spec[at]), values, bool(met[at]), int(due[at]))
        for at, check in enumerate(checks)
    )
    status = int(columns.status[checks[0]])
    arrived = int(roster.latest_arrived_ms[row]) if is_heard else None
    delay = int(roster.latest_delay_ms[row]) if is_heard else 0
    lateness = int(tier.specs.lateness_ms[spec[0]])
    is_late = delay > (lateness if lateness >= 0 else int(program.link_lateness_ms[device_row])) or bool(status & LATE)
    device = program.roster.device_of_row(row)
    metric = program.roster.metric_of_row(row)
    return Standing(
        rule_id=rule.id,
        rule_version=rule.version,
        subject=f"point:{device.id}:{metric}",
        device_id=device.id,
        metric=metric,
        unit=value_unit(rule) or unit_of(metric) if rule.kind not in DERIVED_KINDS else value_unit(rule),
        value=values,
        reading=reading,
        taken_ms=int(roster.latest_taken_ms[row]) if is_heard else None,
        arrived_ms=arrived,
        delay_ms=delay,
        now_ms=memory.now_ms,
        level=max((level.level for level in levels if level.phase in ("active", "falling")), default=-1),
        levels=levels,
        gate=_gate(status),
        only_while=_enabling(program, memory, rule, device.id, metric),
        **_quality(program, memory, device_row, arrived, is_late),
    )


def _of_count(program: Program, memory: Memory, rule: Rule, subject: str) -> Standing | None:
    """Of a count of another rule's raises: nothing is ever overdue there, since that nothing was found is known."""
    kind, _, name = subject.partition(":")
    device_id, metric = (name.rpartition(":")[0], name.rpartition(":")[2]) if kind == "point" else (name, "")
    if kind == "zone":
        device_id = next((device.id for device in program.roster.devices() if device.zone_id == name), "")
    told = None if memory.recurrence is None else memory.recurrence.looked_at(rule.id, subject, device_id)
    if told is None:
        return None
    levels = []
    for number, (level, stand, due_ms) in enumerate(zip(told.rule.levels, told.stands, told.due_ms, strict=True)):
        hold_s = told.rule.clear_hold_s if stand.active else told.rule.hold_s if level.hold_s is None else level.hold_s
        is_held = stand.since_ms is not None
        clock = int(memory.hearing(memory.now_ms)) if stand.active else memory.now_ms
        levels.append(
            LevelStanding(
                level=number,
                severity=level.severity,
                limit=level.limit,
                returns_at=level.limit - level.deadband,
                margin=level.limit - told.count,
                is_met=told.count >= level.limit,
                phase="falling" if stand.active and is_held else "active" if stand.active else "rising" if is_held else "idle",
                since_ms=stand.since_ms,
                held_ms=max(0, clock - stand.since_clock) if is_held else None,
                hold_ms=round(hold_s * 1000),
                due_ms=due_ms,
                raise_hold_ms=round((told.rule.hold_s if level.hold_s is None else level.hold_s) * 1000),
            )
        )
    row = program.roster.device_rows.get(device_id)
    counted_ms = None if told.newest_h is None else told.newest_h + memory.lost_ms
    return Standing(
        rule_id=rule.id,
        rule_version=rule.version,
        subject=subject,
        device_id=device_id,
        metric=metric,
        unit=value_unit(rule),
        value=float(told.count),
        reading=None,
        taken_ms=counted_ms,
        arrived_ms=counted_ms,
        delay_ms=0,
        expected_ms=0 if row is None else int(program.intervals.expected_ms(np.array([row]))[0]),
        overdue_ms=None,
        quality="fresh",
        gate="open" if told.is_open else "schedule",
        now_ms=memory.now_ms,
        level=max((each.level for each in levels if each.phase in ("active", "falling")), default=-1),
        levels=tuple(levels),
    )


def _level(
    program: Program, memory: Memory, rule: Rule, columns: Any, check: int, spec: int, value: float | None, is_met: bool, due: int
) -> LevelStanding:
    specs = program.specs
    number = int(specs.level[spec])
    status = int(columns.status[check])
    sign = float(specs.sign[spec])
    is_state = bool(specs.is_state[spec])
    limit = None if is_state else sign * float(specs.raise_at[spec])
    is_falling, is_pending = bool(status & FALLING), bool(status & PENDING)
    clock = int(memory.hearing(memory.now_ms)) if is_falling else memory.now_ms
    return LevelStanding(
        level=number,
        severity=rule.levels[number].severity,
        limit=limit,
        returns_at=None if is_state else sign * float(specs.return_at[spec]),
        margin=None if limit is None or value is None else sign * (limit - value),
        is_met=None if value is None else is_met,
        phase="falling" if is_falling else "active" if status & ACTIVE else "rising" if status & RISING else "idle",
        since_ms=int(columns.since_taken_ms[check]) if is_pending else None,
        held_ms=max(0, clock - int(columns.since_clock_ms[check])) if is_pending else None,
        hold_ms=int(specs.clear_hold_ms[spec]) if status & ACTIVE else int(specs.hold_ms[spec]),
        due_ms=due if is_pending and due < FAR else None,
        raise_hold_ms=int(specs.hold_ms[spec]),
    )


def _of_subject(program: Program, memory: Memory, rule: Rule, subject: str) -> Standing | None:
    told = truth_of(program, memory, rule.id, subject)
    if told is None:
        return None
    sign = -1.0 if rule.direction is Direction.BELOW and rule.kind is not RuleKind.VOTE else 1.0  # votes are counted upwards
    levels = tuple(_subject_level(told, number, sign) for number in range(len(told.levels)))
    gates = {(True, True): "open", (True, False): "schedule", (False, True): "condition", (False, False): "both"}
    heard = [point for point in told.points if point.taken_ms is not None]
    newest = max((point.taken_ms for point in heard if point.taken_ms is not None), default=None)
    is_known = bool(told.points) and all(point.is_known for point in told.points)
    device_id = subject.partition(":")[2] if subject.startswith("device:") else heard[0].point.rpartition(":")[0] if heard else ""
    row = program.roster.device_rows.get(device_id)
    return Standing(
        rule_id=rule.id,
        rule_version=rule.version,
        subject=subject,
        device_id=device_id,
        metric=rule.metric,
        unit=value_unit(rule),
        value=told.value,
        reading=None,
        taken_ms=newest,
        arrived_ms=None,
        delay_ms=0,
        now_ms=told.now_ms,
        level=told.level,
        levels=levels,
        gate=gates[told.is_open, told.in_schedule],
        quality="never_heard" if newest is None else "fresh" if is_known else "overdue",
        expected_ms=0 if row is None else int(program.intervals.expected_ms(np.array([row]))[0]),
        overdue_ms=None,
        condition=told.condition,
        only_while=told.gate,
    )


def _subject_level(told: SubjectTruth, number: int, sign: float) -> LevelStanding:
    own = told.levels[number]
    low, high = sorted((sign * told.low, sign * told.high))
    wanted = 1.0 if own.limit is None else sign * own.limit
    return LevelStanding(
        level=number,
        severity=own.severity,
        limit=own.limit,
        returns_at=None if own.limit is None else own.limit - sign * own.deadband,
        margin=None if own.limit is None or told.value is None else sign * (own.limit - told.value),
        is_met=True if low >= wanted else False if high < wanted else None,
        phase=own.phase,
        since_ms=own.since_ms,
        held_ms=None if own.due_ms is None else max(0, own.hold_ms - (own.due_ms - told.now_ms)),
        hold_ms=own.hold_ms,
        due_ms=own.due_ms,
    )


def _enabling(program: Program, memory: Memory, rule: Rule, device_id: str, metric: str) -> Explained | None:
    """The truth of each part of a point rule's *only while*."""
    told = gate_truth(program, memory, rule.id, device_id, metric.partition(".")[2]) if rule.only_while else None
    return None if told is None else told[0]


def _of_watch(program: Program, memory: Memory, rule: Rule, rule_at: int, device_id: str) -> Standing | None:
    row = program.roster.device_rows.get(device_id)
    watch = None if row is None else find_watch(program, rule_at, row)
    if row is None or watch is None:
        return None
    heard_h = int(memory.device_heard_h[row])
    is_raised = bool(memory.watch_raised[watch])
    limit_ms = int(program.watch_limit_ms[watch])
    now_h = int(memory.hearing(memory.now_ms))
    is_heard = heard_h != NEVER
    silent_s = (now_h - heard_h) / 1000 if is_heard else None
    level = LevelStanding(
        level=0,
        severity=rule.levels[0].severity,
        limit=limit_ms / 1000,
        returns_at=limit_ms / 1000,
        margin=None if silent_s is None else limit_ms / 1000 - silent_s,
        is_met=None if silent_s is None else now_h - heard_h >= limit_ms or bool(memory.device_offline[row]),
        phase="active" if is_raised else "idle",
        since_ms=None,
        held_ms=None,
        hold_ms=0,
        due_ms=heard_h + limit_ms + memory.lost_ms if is_heard and not is_raised and memory.paused_ms is None else None,
    )
    heard_ms = heard_h + memory.lost_ms if is_heard else None
    return Standing(
        rule_id=rule.id,
        rule_version=rule.version,
        subject=f"device:{device_id}",
        device_id=device_id,
        metric="",
        unit="s",
        value=silent_s,
        reading=None,
        taken_ms=heard_ms,
        arrived_ms=heard_ms,
        delay_ms=0,
        now_ms=memory.now_ms,
        level=0 if is_raised else -1,
        levels=(level,),
        gate="schedule" if memory.watch_shut[watch] else "open",
        **_quality(program, memory, row, heard_ms, False),
    )


def _quality(program: Program, memory: Memory, device_row: int, heard_ms: int | None, is_late: bool) -> dict[str, Any]:
    gap_ms = int(program.gap_ms[device_row])
    expected = int(program.intervals.expected_ms(np.array([device_row]))[0])
    if heard_ms is None:
        return {"quality": "never_heard", "expected_ms": expected, "overdue_ms": None}
    is_overdue = memory.now_ms - heard_ms >= gap_ms
    return {
        "quality": "overdue" if is_overdue else "late" if is_late else "fresh",
        "expected_ms": expected,
        "overdue_ms": heard_ms + gap_ms,
    }


def _gate(status: int) -> str:
    if status & SHUT == SHUT:
        return "both"
    return "schedule" if status & BY_SCHEDULE else "condition" if status & BY_CONDITION else "open"
