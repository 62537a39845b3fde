"""The derived kinds' memory over an edit: which of the old pairs are still meant, and what of each is.

An edit keeps a window where what goes into it means the same, an active level always, a running hold only where the level means the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program, meaning
from rules.derived import seed
from rules.derived_due import derived_of
from rules.derived_gates import loosen
from rules.derived_load import find_pairs, rules_by_id
from rules.kernels import RISING, judge
from rules.memory import Memory
from rules.model import Rule
from rules.pairs import window_meaning
from rules.windows import NEVER


def carry_derived(old_program: Program, old_memory: Memory, new_program: Program, memory: Memory) -> None:
    """What of the old memory's pairs goes on in the new one's. Before the new memory settles."""
    derived, own = new_program.derived, memory.derived
    if derived is None or own is None:
        return
    own.now_ms = memory.now_ms
    old, before = old_program.derived, old_memory.derived
    kept: NDArray[np.bool_] = np.zeros(derived.pairs, np.bool_)
    if derived.pairs and old is not None and before is not None:
        before.fit()
        state = before.dump()
        rules = rules_by_id(new_program, [rule.id for rule in old_program.rules])
        # rows lie as they did: one roster
        rows = old.row[before.known()].astype(np.int64)
        pair_of = find_pairs(derived, rows, rules[state.rules])
        windows = np.array(
            [_is_same_window(old_program.rules[at], _rule(new_program, to)) for at, to in enumerate(rules.tolist())], np.bool_
        )
        levels = state.check_level
        old_rule = state.rules[state.check_pair]
        same_level = _levels_alike(old_program, new_program, rules)
        spec = old_program.first_spec[old_rule] + levels
        own.load(state, pair_of, windows[state.rules], same_level[spec])
        kept = own.taken_ms[: derived.pairs] != NEVER
        _begin_true_ones(old_program, new_program, memory, np.flatnonzero(kept))
        loosen(new_program, memory)
    seed(new_program, memory, np.flatnonzero(~kept))


def _begin_true_ones(old_program: Program, new_program: Program, memory: Memory, pairs: NDArray[np.int64]) -> None:
    """Levels that are new on a window that is kept begin their hold now, where the value as last judged meets them."""
    derived, own = derived_of(new_program, memory)
    new_rules = rules_by_id(old_program, [rule.id for rule in new_program.rules])
    is_known = _levels_alike(new_program, old_program, new_rules)
    checks, of = derived.checks_of(pairs)
    spec = derived.tier.check_spec[checks]
    met, _ = judge(new_program.specs, spec, own.values[pairs][of])
    begins = np.flatnonzero(met & ~is_known[spec] & (own.status[checks] == 0))
    check = checks[begins]
    own.status[check] = RISING
    own.since_taken_ms[check] = own.taken_ms[pairs[of[begins]]]
    own.since_clock_ms[check] = memory.now_ms


def _levels_alike(one: Program, other: Program, rules: NDArray[np.int64]) -> NDArray[np.bool_]:
    """By spec of `one`: whether the rule that its rule is in the other program (`rules`, -1: none) has the same level."""
    found = np.zeros(len(one.specs.rule), np.bool_)
    for spec, (at, level) in enumerate(zip(one.specs.rule.tolist(), one.specs.level.tolist(), strict=True)):
        to = _rule(other, int(rules[at]))
        found[spec] = to is not None and level < len(to.levels) and meaning(one.rules[at], level) == meaning(to, level)
    return found


def _is_same_window(old: Rule, new: Rule | None) -> bool:
    return new is not None and window_meaning(old) == window_meaning(new)


def _rule(program: Program, at: int) -> Rule | None:
    return program.rules[at] if at >= 0 else None
