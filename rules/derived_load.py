"""Finding a dump's pairs again in a program: by rule id and point key, or by rule and row.

What the program does not know is left out: it was the memory of rules or points that are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rules.derived_memory import DerivedState
from rules.pairs import Derived

if TYPE_CHECKING:
    from rules.compile import Program
    from rules.memory import Memory


def load_derived(program: Program, memory: Memory, state: DerivedState, rule_ids: list[str]) -> None:
    """Take over a dump for the same rules. Before the memory settles."""
    derived, own = program.derived, memory.derived
    if derived is None or own is None:
        return
    own.now_ms = memory.now_ms
    if not derived.pairs or not len(state.rules):
        return
    rules = rules_by_id(program, rule_ids)
    pair_of = find_pairs(derived, _rows_of(program, state.keys), rules[state.rules] if len(rules) else np.zeros(0, np.int64))
    groups, part_ms = derived.group[pair_of], derived.recipes.part_ms[derived.rule[pair_of]]
    same = (pair_of >= 0) & (groups == state.groups) & (part_ms == state.part_ms)
    own.load(state, pair_of, same)


def rules_by_id(program: Program, rule_ids: list[str]) -> NDArray[np.int64]:
    """The place in the program of each rule id, -1 where there is none."""
    at = {rule.id: number for number, rule in enumerate(program.rules)}
    return np.array([at.get(rule_id, -1) for rule_id in rule_ids], np.int64)


def find_pairs(derived: Derived, rows: NDArray[np.int64], rules: NDArray[np.int64]) -> NDArray[np.int64]:
    """The pair of each (row, rule), -1 where there is none. Pairs are sorted by both."""
    if not derived.pairs or not len(rows):
        return np.full(len(rows), -1, np.int64)
    count = np.int64(len(derived.recipes.group))
    keys = derived.row[: derived.pairs].astype(np.int64) * count + derived.rule[: derived.pairs]
    wanted = rows * count + rules
    at = np.minimum(np.searchsorted(keys, wanted), derived.pairs - 1)
    return np.where((rows >= 0) & (rules >= 0) & (keys[at] == wanted), at, -1)


def _rows_of(program: Program, keys: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = program.roster.row_of_key
    return np.array([rows.get(key, -1) for key in keys.tolist()], np.int64)
