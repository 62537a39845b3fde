"""How the derived kinds take readings in and work their values out of what they keep; `rules.derived` says what each of them means.

The arithmetic of a pair's step, in the order of the step: take in, work out, and (drift) learn. Called by `rules.derived` only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program
from rules.derived_due import derived_of, gap_of
from rules.derived_memory import DerivedMemory
from rules.kernels import SHUT
from rules.memory import Memory
from rules.pairs import PARTS, WINDOWED, Derived, Group
from rules.windows import NEVER, tallied

SUMS, TIMED, EXTREMES, RATE, STUCK, DRIFT = (Group(number) for number in range(6))  # a look at an enumeration's member is dear in a round


def lateness_of(program: Program, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """How late a reading of each pair may be and still count as in time, ms."""
    derived = program.derived
    assert derived is not None
    own = program.specs.lateness_ms[derived.tier.check_spec[derived.first_check[pairs]]]
    of_link = program.link_lateness_ms[program.device_rows[derived.row[pairs]]]
    lateness: NDArray[np.int64] = np.where(own < 0, of_link, own)
    return lateness


def take_in(
    program: Program,
    memory: Memory,
    pairs: NDArray[np.int64],
    taken: NDArray[np.int64],
    now: NDArray[np.int64],
    values: NDArray[np.float64],
    late: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Take in a reading in order of each pair; returns which of them follow on a gap."""
    derived, own = derived_of(program, memory)
    recipes, rule, group = derived.recipes, derived.rule[pairs], derived.group[pairs]
    newest = own.taken_ms[pairs]
    is_first = newest == NEVER
    is_gap: NDArray[np.bool_] = ~is_first & (taken - newest > gap_of(program, pairs))
    own.taken_ms[pairs], own.heard_h[pairs], own.is_late[pairs] = taken, memory.hearing(now), late
    anew = is_first | (taken - newest > recipes.window_ms[rule])
    is_stuck = group == STUCK
    moved = is_first | is_gap | (np.abs(values - own.anchor[pairs]) > recipes.tolerance[rule])
    anew = np.where(is_stuck, moved, anew)
    own.since_ms[pairs[anew]] = taken[anew]
    stuck = np.flatnonzero(is_stuck & moved)
    own.anchor[pairs[stuck]] = values[stuck]
    for each in derived.present:
        mine = np.flatnonzero(group == each) if each in WINDOWED else ()
        if not len(mine):
            continue
        pair = pairs[mine]
        slots, before = derived.slot[pair].astype(np.int64), own.head[pair]
        part = taken[mine] // recipes.part_ms[rule[mine]]
        head = np.maximum(before, part)
        own.parts[each].move(slots, before, head)
        own.head[pair] = head
        kept = np.flatnonzero(part > head - PARTS)
        _join(derived, own, each, pair[kept], part[kept], taken[mine[kept]], values[mine[kept]])
    return is_gap


def join_out_of_order(
    program: Program,
    memory: Memory,
    pairs: NDArray[np.int64],
    taken: NDArray[np.int64],
    now: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """Readings older than the newest of their pairs (all different), in time, join the windows that they belong to."""
    derived, own = derived_of(program, memory)
    part_ms = derived.recipes.part_ms[derived.rule[pairs]]
    part = taken // part_ms
    present = own.taken_ms[pairs] + memory.hearing(now) - own.heard_h[pairs]
    is_kept = part > np.maximum(own.head[pairs], present // part_ms) - PARTS
    group = derived.group[pairs]
    for each in WINDOWED:
        mine = np.flatnonzero((group == each) & is_kept)
        mine = mine[own.is_new(pairs[mine], taken[mine])]
        if len(mine):
            _join(derived, own, each, pairs[mine], part[mine], taken[mine], values[mine])


def _join(
    derived: Derived,
    own: DerivedMemory,
    group: Group,
    pairs: NDArray[np.int64],
    part: NDArray[np.int64],
    taken: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    if not len(pairs):
        return
    rule = derived.rule[pairs]
    if group == EXTREMES:
        values = derived.recipes.sign[rule] * values
    elif group != RATE:
        values = tallied(derived.recipes, rule, values)
    own.parts[group].join(derived.slot[pairs].astype(np.int64), part, taken, values)
    own.remember(pairs, taken)


def work_out(
    program: Program,
    memory: Memory,
    pairs: NDArray[np.int64],
    at_ms: NDArray[np.int64],
    gap_ms: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """Work out the values of these pairs at device time `at_ms`; `values` are the readings just taken, for kinds that only these move."""
    derived, own = derived_of(program, memory)
    recipes, groups = derived.recipes, derived.group[pairs]
    made = np.full(len(pairs), np.nan)
    for group in derived.present:
        mine = np.flatnonzero(groups == group)
        if not len(mine):
            continue
        pair, at = pairs[mine], at_ms[mine]
        rule, slots, head = derived.rule[pair], derived.slot[pair].astype(np.int64), own.head[pair]
        known: NDArray[Any] = at - own.since_ms[pair] >= recipes.covered_ms[rule]
        if group == SUMS:
            value, holds = own.parts[group].totals(slots, recipes.total[rule])
        elif group == TIMED:
            value, holds = own.parts[group].means_over_time(slots, head, recipes.part_ms[rule], gap_ms[mine])
        elif group == EXTREMES:
            best = own.parts[group].top[slots]
            value, holds = recipes.sign[rule] * best, best > -np.inf
        elif group == RATE:
            first_ms, first = own.parts[group].firsts(slots)
            elapsed = at - first_ms
            holds, known = elapsed > 0, elapsed >= recipes.covered_ms[rule]
            value = (values[mine] - first) * recipes.per_ms[rule] / np.maximum(elapsed, 1)
        elif group == STUCK:
            value, holds = (at - own.since_ms[pair]) / 1000.0, np.ones(len(pair), bool)
        else:
            value, holds = np.abs(values[mine] - own.anchor[pair]), own.learnt_ms[pair] > 0
            known = own.learnt_ms[pair] >= recipes.covered_ms[rule]
        made[mine] = np.where(known & holds, value, np.nan)
    own.values[pairs] = made


def learn(
    program: Program,
    memory: Memory,
    pairs: NDArray[np.int64],
    taken: NDArray[np.int64],
    newest: NDArray[np.int64],
    gap_ms: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """Let the baselines follow the readings just judged."""
    derived, own = derived_of(program, memory)
    if DRIFT not in derived.present:
        return
    drifts = (derived.group[pairs] == DRIFT) & ~own.is_late[pairs]
    if not drifts.any():
        return
    checks, of = derived.checks_of(pairs)
    drifts[of[(own.status[checks] & ~np.uint8(SHUT)) != 0]] = False
    mine = np.flatnonzero(drifts)
    pair = pairs[mine]
    span = np.where(newest[mine] == NEVER, 0, np.minimum(taken[mine] - newest[mine], gap_ms[mine]))
    window, learnt = derived.recipes.window_ms[derived.rule[pair]], own.learnt_ms[pair]
    weight = span / np.maximum(span + learnt, 1)
    own.anchor[pair] = np.where(learnt == 0, values[mine], own.anchor[pair] + (values[mine] - own.anchor[pair]) * weight)
    own.learnt_ms[pair] = np.minimum(learnt + span, window)
