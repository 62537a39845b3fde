"""The derived kinds' memory over an edit: which of the old pairs are still meant, and what of each is.

An edit keeps a window where what goes into it means the same, an active level always, a running hold only where the level means the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program, meanings
from rules.derived import seed
from rules.derived_due import derived_of
from rules.derived_gates import loosen
from rules.derived_load import find_pairs, rules_by_id
from rules.kernels import RISING, judge
from rules.memory import Memory
from rules.pairs import spread, window_meaning
from rules.windows import NEVER


def carry_derived(old_program: Program, old_memory: Memory, new_program: Program, memory: Memory) -> None:
    """What of the old memory's pairs goes on in the new one's. Before the new memory settles."""
    derived, own = new_program.derived, memory.derived
    if derived is None or own is None:
        return
    own.now_ms = memory.now_ms
    if old_program.derived is not None and old_memory.derived is not None and derived.pairs:
        _take_over(old_program, old_memory, new_program, memory)
    seed(new_program, memory, np.flatnonzero(own.taken_ms[: derived.pairs] == NEVER))


def _take_over(old_program: Program, old_memory: Memory, new_program: Program, memory: Memory) -> None:
    old, before = derived_of(old_program, old_memory)
    derived, own = derived_of(new_program, memory)
    before.fit()
    rules = rules_by_id(new_program, [rule.id for rule in old_program.rules])
    rule = old.rule[: old.pairs]
    pair_of = find_pairs(derived, old.row[: old.pairs].astype(np.int64), rules[rule])  # rows lie as they did: one roster
    there = np.flatnonzero(pair_of >= 0)
    if not len(there):
        return
    is_same_window = np.array(
        [
            at >= 0 and window_meaning(rule) == window_meaning(new_program.rules[at])
            for rule, at in zip(old_program.rules, rules, strict=True)
        ],
        np.bool_,
    )
    old_meaning, new_meaning = _numbered(old_program, new_program)
    # the same level of the same pair, before and now
    count = np.minimum(old.levels[there], derived.levels[pair_of[there]])
    was, _ = spread(old.first_check[there], count)
    now, _ = spread(derived.first_check[pair_of[there]], count)
    alike = old_meaning[old.tier.check_spec[was]] == new_meaning[derived.tier.check_spec[now]]
    old_goes_on: NDArray[np.bool_] = np.zeros(old.checks, np.bool_)
    new_went_on: NDArray[np.bool_] = np.zeros(derived.checks, np.bool_)
    old_goes_on[was[alike]] = new_went_on[now[alike]] = True
    own.take_over(before, pair_of, is_same_window[rule], old_goes_on)
    _begin_true_ones(new_program, memory, new_went_on)
    loosen(new_program, memory)


def _begin_true_ones(program: Program, memory: Memory, went_on: NDArray[np.bool_]) -> None:
    """Levels that are new on a window that is kept begin their hold now, where the value as last judged meets them."""
    derived, own = derived_of(program, memory)
    checks = np.flatnonzero(~went_on & (own.status[: derived.checks] == 0))
    pair = derived.check_pair[checks]
    met, _ = judge(program.specs, derived.tier.check_spec[checks], own.values[pair])
    own.status[checks[met]] = RISING
    own.since_taken_ms[checks[met]] = own.taken_ms[pair[met]]
    own.since_clock_ms[checks[met]] = memory.now_ms


def _numbered(old: Program, new: Program) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for the meaning of each spec of both programs: equal where the meanings are."""
    numbers: dict[tuple[object, ...], int] = {}
    one, other = ([numbers.setdefault(each, len(numbers)) for each in meanings(program)] for program in (old, new))
    return np.array(one, np.int64), np.array(other, np.int64)
