"""How a rule over several points stands on one subject now: each condition's truth, each point that it looks at, its gate, its holds.

Reads the memory between steps and writes nothing. Also the truth of an *only while* at a point that it gates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rules.compile import Program
from rules.expression import Explained, explain_tree
from rules.kernels import ACTIVE, PENDING, RISING
from rules.memory import NEVER, Memory
from rules.model import Severity
from rules.subjects_frame import Scene, SubjectFrame, condition_of, votes
from rules.subjects_memory import GroupMemory, SubjectMemory, subject_names
from rules.subjects_plan import Group
from sites.model import point_id


@dataclass(frozen=True, slots=True)
class PointTruth:
    """A point that the subject looks at. `is_known` False: never heard, or overdue. `votes`: of a vote only."""

    point: str
    value: float | None
    taken_ms: int | None
    is_known: bool
    votes: bool | None


@dataclass(frozen=True, slots=True)
class LevelTruth:
    """A level of the subject, with its numbers there. `phase`: idle, rising, active, falling; `hold_ms`: what is held next, the rise or
    the clear hold; `due_ms`: when it ends by the clock, while it runs."""

    limit: float | None
    deadband: float
    hold_ms: int
    severity: Severity
    phase: str
    since_ms: int | None  # device time at which the running hold began
    due_ms: int | None


@dataclass(frozen=True, slots=True)
class SubjectTruth:
    """`low`/`high`: between which the number (or the votes) lies; both infinite where nothing is known. `gate` None: the rule has no *only
    while*. `level`: the highest that is raised, -1 when none is."""

    rule_id: str
    subject: str
    now_ms: int
    low: float
    high: float
    value: float | None
    condition: Explained | None  # None: a vote
    gate: Explained | None
    is_open: bool
    in_schedule: bool
    points: tuple[PointTruth, ...]
    levels: tuple[LevelTruth, ...]
    level: int


def truth_of(program: Program, memory: Memory, rule_id: str, subject: str) -> SubjectTruth | None:
    """The rule (of kind expression or vote) on `device:<id>` or `zone:<id>`; None: it has no such subject, or was never stepped."""
    found = _find(program, memory, rule_id, subject, False)
    if found is None:
        return None
    mine, group, known, at = found
    scene, rule = _scene(program, memory, mine), program.rules[group.rule]
    subjects, now = np.array([at]), np.array([memory.now_ms])
    (low, high), value = condition_of(scene, group, subjects, now, known, writes=False)
    gate = mine.groups[group.gate] if group.gate >= 0 else None
    number = float(value[0])
    return SubjectTruth(
        rule_id=rule_id,
        subject=subject,
        now_ms=memory.now_ms,
        low=float(low[0]),
        high=float(high[0]),
        value=None if np.isnan(number) else number,
        condition=_explained(scene, group, known, at),
        gate=None if gate is None else _explained(scene, mine.plan.groups[group.gate], gate, at),
        is_open=gate is None or bool(gate.is_open[at]),
        in_schedule=not group.schedules or group.schedules[int(group.schedule_of[at])].is_open(memory.now_ms),
        points=_points(scene, group, at),
        levels=tuple(_level(memory, group, known, at, number) for number in range(len(rule.levels))),
        level=max((number for number in range(len(rule.levels)) if known.status[at, number] & ACTIVE), default=-1),
    )


def gate_truth(program: Program, memory: Memory, rule_id: str, device_id: str, suffix: str = "") -> tuple[Explained, bool] | None:
    """Each condition of a point rule's *only while* at the points of a device with this suffix (`2.l1` of `voltage_v.2.l1`), and whether it
    is open; None: it has none there."""
    found = _find(program, memory, rule_id, f"device:{device_id}{suffix and '/'}{suffix}", True)
    if found is None:
        return None
    mine, group, known, at = found
    made = _explained(_scene(program, memory, mine), group, known, at)
    assert made is not None
    return made, bool(known.is_open[at])


def _find(
    program: Program, memory: Memory, rule_id: str, subject: str, is_gate: bool
) -> tuple[SubjectMemory, Group, GroupMemory, int] | None:
    mine = memory.subjects
    if mine is None or mine.plan is not program.subjects:
        return None
    for group, known in zip(mine.plan.groups, mine.groups, strict=True):
        if group.is_gate is is_gate and program.rules[group.rule].id == rule_id:
            names = subject_names(program, mine.plan, group)
            return (mine, group, known, names.index(subject)) if subject in names else None
    return None


def _scene(program: Program, memory: Memory, mine: SubjectMemory) -> Scene:
    mine.device_heard_h, mine.device_offline = memory.device_heard_h, memory.device_offline
    return Scene(program, memory, mine)


def _explained(scene: Scene, group: Group, known: GroupMemory, at: int) -> Explained | None:
    if group.tree is None:
        return None
    now = np.array([scene.memory.now_ms])
    return explain_tree(group.tree, SubjectFrame(scene, group, np.array([at]), now, known, writes=False))


def _points(scene: Scene, group: Group, at: int) -> tuple[PointTruth, ...]:
    mine, rule = scene.subjects, scene.program.rules[group.rule]
    slots, _ = group.inputs.take(np.array([at]))
    known = scene.is_known(slots, np.full(len(slots), scene.memory.now_ms))
    roster, made = scene.program.roster, []
    for slot, is_known in zip(slots.tolist(), known.tolist(), strict=True):
        row = int(mine.plan.rows[slot])
        heard = mine.taken_ms[slot] != NEVER
        is_vote = bool(votes(rule, mine.values[slot : slot + 1])[0]) if group.tree is None and is_known else None
        made.append(
            PointTruth(
                point=point_id(roster.device_of_row(row).id, roster.metric_of_row(row)),
                value=float(mine.values[slot]) if heard else None,
                taken_ms=int(mine.taken_ms[slot]) if heard else None,
                is_known=is_known,
                votes=is_vote,
            )
        )
    return tuple(made)


def _level(memory: Memory, group: Group, known: GroupMemory, at: int, number: int) -> LevelTruth:
    level, status = group.variants[int(group.variant_of[at])].levels[number], int(known.status[at, number])
    rise_ms, clear_ms = int(group.hold_ms[group.variant_of[at], number]), int(group.clear_hold_ms[group.variant_of[at]])
    due = None
    if status & PENDING:
        since = int(known.since_clock_ms[at, number])
        due = since + (rise_ms if status & RISING else clear_ms + memory.lost_ms)
    is_condition = group.tree is not None and group.tree.root.is_condition
    phase = "rising" if status & RISING else "falling" if status & PENDING else "active" if status & ACTIVE else "idle"
    return LevelTruth(
        limit=None if is_condition else level.limit,
        deadband=level.deadband,
        hold_ms=clear_ms if phase in ("active", "falling") else rise_ms,
        severity=level.severity,
        phase=phase,
        since_ms=int(known.since_taken_ms[at, number]) if status & PENDING else None,
        due_ms=due,
    )
