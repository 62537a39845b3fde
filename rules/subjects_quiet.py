"""Which readings cannot change any condition that looks at them, so that a backlog of one zone needs no round for each.

A reading is quiet when it lies on the same side of every number that its point is compared with as the one before it, in time and without a
gap, and no hold is running in its place. Only the quiet readings before the first other one of a place are passed over at once, so that
everything shown is what it would have been. Points whose value goes into arithmetic, a rate or a number with levels are never quiet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rules.expression_tree import COMPARISONS, Node
from rules.kernels import PENDING
from rules.subjects_memory import NEVER, SubjectMemory
from rules.subjects_plan import Group, Plan

if TYPE_CHECKING:
    from rules.compile import Program
    from rules.memory import Memory

Ints = NDArray[np.int64]
Batch = tuple[NDArray[np.int32], Ints, Ints, NDArray[np.float64], Ints]  # row, taken, arrived, value, delay


@dataclass(slots=True)
class Sides:
    """By slot: the numbers that its values are compared with, filled up with NaN; whether that is all that is done with them; and the least
    lateness of the rules that look at it."""

    numbers: NDArray[np.float64]
    is_plain: NDArray[np.bool_]
    lateness_ms: Ints


def sides_of(program: Program, plan: Plan) -> Sides:
    """The sides of a plan's slots."""
    is_plain = np.ones(plan.slots, np.bool_)
    lateness = np.full(plan.slots, 2**62, np.int64)
    pairs: list[tuple[Ints, NDArray[np.float64]]] = [(np.zeros(0, np.int64), np.zeros(0))]
    for group in plan.groups:
        rule = program.rules[group.rule]
        slots = np.unique(group.inputs.ids)
        own = program.link_lateness_ms[plan.slot_device[slots]] if rule.lateness_s is None else round(rule.lateness_s * 1000)
        lateness[slots] = np.minimum(lateness[slots], own)
        if group.tree is None:
            numbers = set(rule.states) if rule.vote_limit is None else {rule.vote_limit}
            uses: list[tuple[str, bool, set[float] | None]] = [(rule.metric, True, numbers)]
        else:
            uses = list(_uses(group.tree.root, False))
        for name, is_zone, numbers_of in uses:
            slots = _slots(group, name, is_zone)
            if numbers_of is None:
                is_plain[slots] = False
            else:
                pairs += [(slots, np.full(len(slots), number)) for number in numbers_of]
    own, number = np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])
    order = np.lexsort((number, own))
    own, number = own[order], number[order]
    if len(own):
        is_new = np.concatenate(([True], (own[1:] != own[:-1]) | (number[1:] != number[:-1])))
        own, number = own[is_new], number[is_new]
    counts = np.bincount(own, minlength=plan.slots)
    columns = np.full((plan.slots, int(counts.max(initial=0))), np.nan)
    columns[own, np.arange(len(own)) - np.repeat(np.cumsum(counts) - counts, counts)] = number
    return Sides(columns, is_plain, lateness)


def _slots(group: Group, name: str, is_zone: bool) -> Ints:
    slots = group.zone[name].ids if is_zone else group.own[name]
    return slots[slots >= 0]


def _uses(node: Node, in_count: bool) -> Iterator[tuple[str, bool, set[float] | None]]:
    """(metric, whether of the zone, the numbers it is compared with; None: more is done with it) of each use of a value."""
    if node.op in (*COMPARISONS, "flag"):
        values = [arg for arg in node.args if arg.op in ("metric", "max", "min")]
        numbers = [arg.number for arg in node.args if arg.op == "number"] if node.op != "flag" else [1.0]
        if len(values) == 1 and len(numbers) == 1:
            yield values[0].name, in_count or values[0].op != "metric", set(numbers)
            return
    if node.op in ("metric", "previous", "rate"):
        yield node.name, in_count, None
    elif node.op in ("max", "min", "mean", "sum"):
        yield node.name, True, None
    for arg in node.args:
        yield from _uses(arg, in_count or node.op == "count")


def is_quiet(
    program: Program,
    memory: Memory,
    mine: SubjectMemory,
    sides: Sides,
    batch: Batch,
) -> NDArray[np.bool_]:
    """Of readings (row, taken, arrived, value, delay) in order within each place: which are quiet, if all before them in their place are.
    Holds and what is due are the caller's to look at."""
    rows, taken, arrived, values, delay = batch
    plan = mine.plan
    slot = plan.slot_of_row[rows].astype(np.int64)
    quiet = np.ones(len(rows), np.bool_)
    linked = plan.is_linked[rows]
    if linked.any():
        quiet &= ~linked | ((values >= memory.low[rows]) & (values <= memory.high[rows]))
    order = np.argsort(slot, kind="stable")
    order = order[slot[order] >= 0]
    if not len(order):
        return quiet
    own, when, value = slot[order], taken[order], values[order]
    heard_h = memory.hearing(arrived[order])
    is_first = np.concatenate(([True], own[1:] != own[:-1]))
    before_taken = np.where(is_first, mine.taken_ms[own], np.roll(when, 1))
    before_h = np.where(is_first, mine.heard_h[own], np.roll(heard_h, 1))
    before = np.where(is_first, mine.values[own], np.roll(value, 1))
    before_delay = np.where(is_first, mine.delay_ms[own], np.roll(delay[order], 1))
    gap_ms = program.gap_ms[plan.slot_device[own]]
    numbers = sides.numbers[own]
    same = (np.sign(value[:, None] - numbers) == np.sign(before[:, None] - numbers)) | np.isnan(numbers)
    fine = sides.is_plain[own] & same.all(axis=1) & (before_taken != NEVER) & (when > before_taken) & (when - before_taken <= gap_ms)
    fine &= (heard_h - before_h < gap_ms) & (np.maximum(delay[order], before_delay) <= sides.lateness_ms[own])
    quiet[order] &= fine
    return quiet


def pass_over(program: Program, memory: Memory, mine: SubjectMemory, batch: Batch) -> None:
    """Take quiet readings in: the newest of each point stands, and who spoke last."""
    rows, taken, arrived, values, delay = batch
    plan = mine.plan
    slot = plan.slot_of_row[rows].astype(np.int64)
    use = np.flatnonzero(slot >= 0)
    order = use[np.argsort(slot[use], kind="stable")]
    if not len(order):
        return
    own = slot[order]
    is_last = np.concatenate((own[1:] != own[:-1], [True]))
    is_first = np.concatenate(([True], own[1:] != own[:-1]))
    previous = np.where(is_first, mine.values[own], np.roll(values[order], 1))
    last, slots = order[is_last], own[is_last]
    mine.previous[slots] = previous[is_last]
    mine.taken_ms[slots], mine.values[slots], mine.delay_ms[slots] = taken[last], values[last], delay[last]
    mine.heard_h[slots] = memory.hearing(arrived[last])
    by_time = np.sort(last)
    spoke = slot[by_time]
    for group, known in zip(plan.groups, mine.groups, strict=True):
        if not group.is_gate:
            subjects, at = group.inverse.take(spoke)
            known.last_device[subjects] = program.device_rows[rows[by_time[at]]]  # of several the last stands


def holds_in(mine: SubjectMemory, places: Ints) -> NDArray[np.bool_]:
    """Whether a hold is running in these places."""
    held = np.zeros(len(places), np.bool_)
    for group, known in zip(mine.plan.groups, mine.groups, strict=True):
        if not group.is_gate:
            subjects, own = group.by_place.take(places)
            held[own[((known.status[subjects] & PENDING) != 0).any(axis=1)]] = True
    return held
