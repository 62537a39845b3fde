"""Between rules over several points and the stage of points: a memory for the plan, the stage of one step, and its findings.

The engine calls it with a few lines; what it needs of the engine it is handed. Holds no state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rules import gates
from rules.derived_gates import Turn
from rules.edges import Edges
from rules.findings import Edge, Finding
from rules.kernels import ACTIVE, BY_CONDITION, PENDING, SHUT, due_times
from rules.subjects import Stage
from rules.subjects_build import extended, has_grown
from rules.subjects_memory import SubjectMemory, subject_names
from rules.subjects_parts import AFTER, BEFORE, PointStage, Shown
from rules.subjects_plan import Plan
from rules.subjects_state import SubjectsState, edited
from sites.model import point_key
from sites.readings import Readings

if TYPE_CHECKING:
    from rules.compile import Program
    from rules.memory import Memory

Ints = NDArray[np.int64]
_LATER = 1 << 20  # more than the edges that one reading makes of one pair
Take = Callable[..., None]
Fire = Callable[..., NDArray[np.bool_]]


def attach(program: Program, memory: Memory) -> SubjectMemory:
    """The memory of the program's plan; made, from what was kept, when there is none for this plan."""
    assert program.subjects is not None
    before, mine = program.subjects, memory.subjects
    if mine is not None and mine.plan is before and not has_grown(program, before):
        program.subjects = extended(program, before)
        return mine
    state = (memory.subjects_state if mine is None else mine.dump(program)) or SubjectsState()
    plan = program.subjects = extended(program, before)
    if plan is not before:  # points that are new by themselves clear nothing
        state = replace(state, is_edited=True, is_settled=False)
    mine = memory.subjects = SubjectMemory(plan)
    mine.load(program, state, memory.lost_ms)
    memory.subjects_state = None
    _shut(program, memory, mine)
    return mine


def _shut(program: Program, memory: Memory, mine: SubjectMemory) -> None:
    """Let the checks behind every *only while* stand as it does. One that is active stays so until its condition is known to be false."""
    for group, known in zip(mine.plan.groups, mine.groups, strict=True):
        if group.checks is None or not group.size:
            continue
        owner = np.repeat(np.arange(group.size), np.diff(group.checks.start))
        checks = group.checks.ids
        column = memory.status if memory.derived is None or not group.is_derived else memory.derived.status
        active = np.bincount(owner, (column[checks] & ACTIVE) != 0, group.size) > 0
        known.is_open |= active
        wanted = np.where(known.is_open[owner], 0, BY_CONDITION)
        status = (column[checks] & ~np.uint8(BY_CONDITION)) | wanted.astype(np.uint8)
        column[checks] = np.where((status & SHUT) != 0, status & np.uint8(ACTIVE | SHUT), status)
        if not group.is_derived:
            memory.settle_bounds(np.unique(program.check_row[checks]).astype(np.int64))


def carry(old_program: Program, old_memory: Memory, new_program: Program, memory: Memory) -> None:
    """What the new memory begins with after an edit. Whatever the plan is, a rule that was not gated goes on as it stands."""
    state = dump(old_program, old_memory) or SubjectsState()
    if new_program.subjects is not None:
        memory.subjects_state = edited(state, old_program.rules, new_program.rules)


def dump(program: Program, memory: Memory) -> SubjectsState | None:
    """What is kept; None: there is nothing."""
    return memory.subjects_state if memory.subjects is None else memory.subjects.dump(program)


def stage(program: Program, memory: Memory, readings: Readings, arrived: Ints, edges: Edges, take: Take, fire: Fire) -> Stage:
    """The stage for a part of a batch. `take(readings, rows, arrived, use, span, edges)` and `fire` are the engine's own."""
    mine = attach(program, memory)

    def meet(index: Ints) -> None:
        gates.note(memory, picked(readings, index), arrived[index])
        take(readings, readings.rows, arrived, index, None, edges)

    def end(checks: Ints, until: Ints, into: Edges = edges) -> None:
        if fire(program, memory, checks, due_times(program, memory, checks), until, into).any():
            memory.settle_bounds(np.unique(program.check_row[checks]).astype(np.int64))

    def gate(checks: Ints, is_open: NDArray[np.bool_], at_ms: Ints, index: Ints, sub: int) -> None:
        own = Edges()
        gates.set_gate(program, memory, checks, is_open, at_ms, own)
        waiting = (memory.status[checks] & PENDING) != 0
        if waiting.any():
            end(checks[waiting], at_ms[waiting], own)  # without a hold it raises as the gate opens
        order = np.argsort(checks)
        for check, fired, _, _, *columns in own.parts:
            place = order[np.searchsorted(checks[order], check)]
            by = np.where(index[place] < 0, index[place], index[place] + edges.offset)
            edges.parts.append((check, np.maximum(fired, at_ms[place]), by, np.full(len(check), sub), *columns))

    return Stage(program, memory, program.subjects, mine, PointStage(meet, end, gate, lambda checks: due_times(program, memory, checks)))  # type: ignore[arg-type]


def unlinked(plan: Plan, rows: NDArray[Any], use: Ints | None) -> Ints | None:
    """Of the readings at `use` (None: all) those whose checks no condition gates or looks at; the others go in order with what they depend
    on. `use` itself when it is all of them."""
    is_linked = plan.is_linked[rows if use is None else rows[use]]
    if not is_linked.any():
        return use
    alone = np.flatnonzero(~is_linked)
    return alone if use is None else use[alone]


def picked(readings: Readings, index: Ints | None) -> Readings:
    """Some readings of a batch (None: all)."""
    return readings if index is None else Readings(*(getattr(readings, name)[index] for name in Readings.__slots__))


def turns(stage: Stage, arrived: Ints, offset: int) -> list[Turn]:
    """The gates of derived values that conditions turned, for the tier of these, in order. `arrived` is that of the part that was stepped,
    which begins at `offset` in the batch. A condition that looks at alarms turns after its reading, all others before."""
    made: list[tuple[tuple[int, int, int], Turn]] = []
    for part in stage.turned:
        moments = np.stack([part.at_ms, part.index, part.is_open])
        for at_ms, index, is_open in np.unique(moments, axis=1).T.tolist():
            checks = part.checks[(moments == np.array([[at_ms], [index], [is_open]])).all(axis=0)]
            if index < 0:
                place = int(np.searchsorted(arrived, at_ms)) + offset
                made.append(((at_ms, place, part.sub), Turn(at_ms, place, at_ms - 1, checks, bool(is_open))))
                continue
            place = index + offset + (part.sub == AFTER)
            sub = -_LATER if part.sub == BEFORE else _LATER
            made.append(((at_ms, place, part.sub), Turn(at_ms, place, at_ms, checks, bool(is_open), index=index + offset, sub=sub)))
    return [turn for _, turn in sorted(made, key=lambda entry: entry[0])]


def findings(program: Program, made: list[Shown], offset: int) -> list[Finding]:
    """The findings of a stage, in order. `offset`: of the part of the batch that was stepped."""
    keyed: list[tuple[tuple[Any, ...], Finding]] = []
    for part in made:
        rule, group = program.rules[part.rule], part.group
        columns = (part.subject, part.before, part.after, part.at_ms, part.fired_ms, part.value, part.is_late, part.index, part.device)
        for subject, before, after, at_ms, fired_ms, value, is_late, index, device in zip(*(c.tolist() for c in columns), strict=True):
            if group.over == "device":
                device = int(group.subjects[subject])
            elif device < 0 and program.subjects is not None:
                device = int(program.subjects.first_device[group.subjects[subject]])
            name = _name(program, part, subject)
            level = group.variants[int(group.variant_of[subject])].levels[after] if after >= 0 else None
            is_condition = group.tree is not None and group.tree.root.is_condition
            finding = Finding(
                rule_id=rule.id,
                rule_version=rule.version,
                subject=name,
                device_id=program.roster.devices_by_row[device].id if device >= 0 else "",
                metric=rule.metric,
                edge=Edge.CLEARED if level is None else Edge.RAISED if before < 0 else Edge.STEPPED,
                level=after,
                severity=level.severity if level else None,
                limit=level.limit if level and not is_condition else None,
                value=None if value != value else value,
                at_ms=at_ms,
                fired_ms=fired_ms,
                is_late=is_late,
                index=index + offset if index >= 0 else -1,
            )
            keyed.append(((finding.fired_ms, finding.index >= 0, finding.index, finding.rule_id, point_key(name, "")), finding))
    keyed.sort(key=lambda entry: entry[0])
    return [finding for _, finding in keyed]


def _name(program: Program, part: Shown, subject: int) -> str:
    if part.group.over == "zone":
        assert program.subjects is not None
        return f"zone:{program.subjects.zone_of_place[int(part.group.subjects[subject])]}"
    return f"device:{program.roster.devices_by_row[int(part.group.subjects[subject])].id}"


__all__ = ["attach", "carry", "dump", "findings", "stage", "subject_names"]
