"""How rules over several points stand on a device or zone, and which of their conditions are true: a view that only reads.

Conditions are evaluated by the engine's own frames; running `for`s are looked at, not moved on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program
from rules.expression import Explained, explain_tree
from rules.expression_eval import Interval, evaluate, shown
from rules.kernels import ACTIVE, FALLING, PENDING, RISING
from rules.memory import NEVER, Memory
from rules.subjects import PointStage, Stage
from rules.subjects_frame import Scene, SubjectFrame, condition_of
from rules.subjects_memory import GroupMemory, SubjectMemory, subject_names
from rules.subjects_plan import Group
from rules.wheel import FAR


@dataclass(frozen=True, slots=True)
class SubjectLevel:
    """One level of a rule on a subject; times as in `rules.standing.LevelStanding`."""

    phase: str
    is_met: bool | None
    since_ms: int | None
    held_ms: int | None
    hold_ms: int
    due_ms: int | None


@dataclass(frozen=True, slots=True)
class SubjectView:
    """`value` None: a condition has no number, or it is unknown. `newest_ms` is when the newest reading that it looks at was taken,
    `is_known` whether every point that it looks at is heard and not overdue."""

    device_id: str
    value: float | None
    levels: tuple[SubjectLevel, ...]
    is_open: bool
    is_scheduled: bool
    newest_ms: int | None
    heard_ms: int | None
    is_known: bool
    condition: Explained | None
    is_condition: bool  # it is true or not: there is no limit to compare with


def view(program: Program, memory: Memory, rule_at: int, subject: str) -> SubjectView | None:
    """How the rule stands on this subject; None: it is none of its subjects, or nothing was stepped yet."""
    found = _find(program, memory, rule_at, subject, is_gate=False)
    if found is None:
        return None
    mine, group, own, at = found
    subjects, when = np.array([at]), np.array([memory.now_ms])
    stage = Stage(program, memory, mine.plan, mine, cast(PointStage, None))  # of it only what looks is asked
    interval, value = _evaluated(stage.scene, group, subjects, when, own)
    met, back, _ = stage._compare(group, interval)
    pending, dues = stage._pending(group, own, subjects)
    due_of = dict(zip(np.flatnonzero(own.status[at] & PENDING).tolist(), dues.tolist(), strict=True)) if len(pending) else {}
    levels = tuple(
        _level(memory, group, own, at, level, None if not met[0, level] and not back[0, level] else bool(met[0, level]), due_of.get(level))
        for level in range(len(group.hold_ms))
    )
    slots, _ = group.inputs.take(subjects)
    heard = slots[mine.heard_h[slots] != NEVER]
    newest = int(mine.taken_ms[heard].max()) if len(heard) else None
    arrived = int(mine.heard_h[heard].max()) + memory.lost_ms if len(heard) else None
    known = stage.scene.is_known(slots, np.full(len(slots), memory.now_ms))
    device = int(group.subjects[at]) if group.over == "device" else int(mine.plan.first_device[group.subjects[at]])
    return SubjectView(
        device_id=program.roster.devices_by_row[device].id if device >= 0 else "",
        value=value,
        levels=levels,
        is_open=group.gate < 0 or bool(mine.groups[group.gate].is_open[at]),
        is_scheduled=not len(group.schedules) or bool(stage._schedules(group, subjects, when)[0][0]),
        newest_ms=newest,
        heard_ms=arrived,
        is_known=bool(known.all()) and len(slots) > 0,
        condition=_truth(stage.scene, group, subjects, when, own),
        is_condition=group.tree is not None and group.tree.root.is_condition,
    )


def only_while(program: Program, memory: Memory, rule_at: int, device_id: str) -> Explained | None:
    """The truth of each part of a rule's *only while*, at a device or at its zone; None: it has none there."""
    device = program.roster.device(device_id)
    for name in (f"device:{device_id}", f"zone:{device.zone_id}" if device else ""):
        found = _find(program, memory, rule_at, name, is_gate=True)
        if found is not None:
            mine, group, own, at = found
            return _truth(Scene(program, memory, mine), group, np.array([at]), np.array([memory.now_ms]), own)
    return None


def _find(
    program: Program, memory: Memory, rule_at: int, subject: str, is_gate: bool
) -> tuple[SubjectMemory, Group, GroupMemory, int] | None:
    mine = memory.subjects
    if mine is None:
        return None
    for group, own in zip(mine.plan.groups, mine.groups, strict=True):
        if group.rule == rule_at and group.is_gate is is_gate:
            names = subject_names(program, mine.plan, group)
            if subject in names:
                return mine, group, own, names.index(subject)
    return None


def _evaluated(
    scene: Scene, group: Group, subjects: NDArray[np.int64], when: NDArray[np.int64], own: GroupMemory
) -> tuple[Interval, float | None]:
    if group.tree is None:
        interval, value = condition_of(scene, group, subjects, when, own)
        return interval, float(value[0])
    found: list[Interval] = []
    frame = SubjectFrame(scene, group, subjects, when, own, writes=False)
    interval = evaluate(group.tree.root, frame, lambda node, made: found.append(made) if node is group.shown else None)
    number = np.nan if group.shown is None or group.shown.is_condition or not found else float(shown(found[0])[0])
    return interval, None if np.isnan(number) else number


def _truth(scene: Scene, group: Group, subjects: NDArray[np.int64], when: NDArray[np.int64], own: GroupMemory) -> Explained | None:
    return None if group.tree is None else explain_tree(group.tree, SubjectFrame(scene, group, subjects, when, own, writes=False))


def _level(memory: Memory, group: Group, own: GroupMemory, at: int, level: int, is_met: bool | None, due: int | None) -> SubjectLevel:
    status = int(own.status[at, level])
    is_pending, is_falling = bool(status & PENDING), bool(status & FALLING)
    clock = int(memory.hearing(memory.now_ms)) if is_falling else memory.now_ms
    return SubjectLevel(
        phase="falling" if is_falling else "active" if status & ACTIVE else "rising" if status & RISING else "idle",
        is_met=is_met,
        since_ms=int(own.since_taken_ms[at, level]) if is_pending else None,
        held_ms=max(0, clock - int(own.since_clock_ms[at, level])) if is_pending else None,
        hold_ms=int(group.clear_hold_ms) if status & ACTIVE else int(group.hold_ms[level]),
        due_ms=None if due is None or due >= FAR else due,
    )
