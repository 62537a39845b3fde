"""Windows over readings, each kept in sixty parts of equal length: joining a reading, moving on in time, and what becomes of the contents.

Part number p of a window holds the readings with `taken_ms // part_ms == p`; the window at head part h is the parts (h - 60, h], so it
reaches back between 59 and 60 sixtieths of its length, whatever it holds, and its memory is bounded. Values are summed in int64 fixed
point: whole numbers and 2**-40ths apart, so that the order in which readings came does not show. Pure functions over `Parts`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.columns import widened
from rules.pairs import PARTS, Group, Recipes, Total

FRACTION = 2.0**40
MOST_VALUE = 2.0**42  # larger values are summed as this
MOST_IN_PART = 16_384  # more readings are not added: 60 parts of them stay below 2**20, and 2**20 * 2**42 below 2**63
NEVER = np.int64(-(2**63))
LATER = np.int64(2**62)

_COLUMNS: dict[Group, dict[str, tuple[type, Any]]] = {
    Group.SUMS: {"counts": (np.int32, 0), "whole": (np.int64, 0), "frac": (np.int64, 0)},
    Group.TIMED: {
        "counts": (np.int32, 0),
        "whole": (np.int64, 0),
        "frac": (np.int64, 0),
        "last_ms": (np.int64, NEVER),
        "last_value": (np.float64, 0.0),
    },
    Group.EXTREMES: {"counts": (np.int32, 0), "best": (np.float64, -np.inf)},
    Group.RATE: {"counts": (np.int32, 0), "first_ms": (np.int64, LATER), "first_value": (np.float64, 0.0)},
}


class Parts:
    """The windows of one group: columns of shape (slots, 60), part p at place p % 60. `counts` says how many readings a part holds."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.size = 0
        self.fills = {name: fill for name, (_, fill) in _COLUMNS[group].items()}
        self.columns: dict[str, NDArray[Any]] = {name: np.zeros((0, PARTS), dtype) for name, (dtype, _) in _COLUMNS[group].items()}

    def fit(self, size: int) -> None:
        """Make room for slots below `size`; new ones are empty."""
        for name, fill in self.fills.items():
            self.columns[name] = widened(self.columns[name], self.size, size, fill)
        self.size = max(self.size, size)

    def move(self, slots: NDArray[np.int64], before: NDArray[np.int64], head: NDArray[np.int64]) -> None:
        """Empty the parts that leave when these windows go from head part `before` on to `head` (never back)."""
        moving = np.flatnonzero(head > before)
        if not len(moving):
            return
        held = _numbers(head[moving])
        own, part = np.nonzero(held > before[moving][:, None])  # a place whose part is new held one that has left
        at, place = slots[moving][own], held[own, part] % PARTS
        for name, fill in self.fills.items():
            self.columns[name][at, place] = fill

    def join(self, slots: NDArray[np.int64], parts: NDArray[np.int64], taken: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add a reading to each of these windows (all different), whose part is among those kept. `values` are summed or compared."""
        columns, place = self.columns, parts % PARTS
        room = columns["counts"][slots, place] < MOST_IN_PART
        if not room.all():
            slots, place, taken, values = slots[room], place[room], taken[room], values[room]
        columns["counts"][slots, place] += 1
        if self.group is Group.EXTREMES:
            columns["best"][slots, place] = np.maximum(columns["best"][slots, place], values)
        elif self.group is Group.RATE:
            sooner = taken < columns["first_ms"][slots, place]
            slots, place = slots[sooner], place[sooner]
            columns["first_ms"][slots, place], columns["first_value"][slots, place] = taken[sooner], values[sooner]
        else:
            bounded = np.clip(values, -MOST_VALUE, MOST_VALUE)
            whole = np.rint(bounded)
            columns["whole"][slots, place] += whole.astype(np.int64)
            columns["frac"][slots, place] += np.rint((bounded - whole) * FRACTION).astype(np.int64)
        if self.group is Group.TIMED:
            later = taken > columns["last_ms"][slots, place]
            slots, place = slots[later], place[later]
            columns["last_ms"][slots, place], columns["last_value"][slots, place] = taken[later], values[later]

    def oldest(self, slots: NDArray[np.int64], head: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The oldest part that holds a reading, and whether there is one."""
        numbers = _numbers(head)
        held: NDArray[np.bool_] = self.columns["counts"][slots[:, None], numbers % PARTS] > 0
        first = held.argmax(axis=1)
        return numbers[np.arange(len(slots)), first], np.any(held, axis=1)

    def totals(self, slots: NDArray[np.int64], total: NDArray[np.int8]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Mean, sum, count or share of the readings kept, and whether it is known (that of none is only a sum or count)."""
        counts = self.columns["counts"][slots].sum(axis=1, dtype=np.int64)
        sums = _joined(self.columns["whole"][slots].sum(axis=1), self.columns["frac"][slots].sum(axis=1))
        is_mean = (total == Total.MEAN) | (total == Total.SHARE)
        return np.where(is_mean, sums / np.maximum(counts, 1), sums), ~is_mean | (counts > 0)

    def means_over_time(
        self, slots: NDArray[np.int64], head: NDArray[np.int64], part_ms: NDArray[np.int64], gap_ms: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The mean of the parts that are known: of one with readings their mean, of one without the last value before it in the window, if
        that was taken no longer than a gap before the part began."""
        numbers = _numbers(head)
        at = (slots[:, None], numbers % PARTS)
        counts, last_ms, last_value = (self.columns[name][at] for name in ("counts", "last_ms", "last_value"))
        means = _joined(self.columns["whole"][at], self.columns["frac"][at]) / np.maximum(counts, 1)
        total, known = np.zeros(len(slots)), np.zeros(len(slots), np.int64)
        value, taken = np.zeros(len(slots)), np.full(len(slots), NEVER)
        for part in range(PARTS):  # sixty passes over all pairs, in the order of time: each needs what the one before carried on
            heard = counts[:, part] > 0
            stands = (taken != NEVER) & (numbers[:, part] * part_ms - taken <= gap_ms)
            use = heard | stands
            total += np.where(use, np.where(heard, means[:, part], value), 0.0)
            known += use
            value = np.where(heard, last_value[:, part], value)
            taken = np.where(heard, last_ms[:, part], taken)
        return total / np.maximum(known, 1), known > 0

    def extremes(self, slots: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The largest of what was joined, and whether anything was."""
        best = self.columns["best"][slots].max(axis=1) if len(slots) else np.zeros(0)
        return best, best > -np.inf

    def firsts(self, slots: NDArray[np.int64], head: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Time and value of the earliest reading kept. There must be one."""
        part, _ = self.oldest(slots, head)
        place = part % PARTS
        return self.columns["first_ms"][slots, place], self.columns["first_value"][slots, place]

    def cells(self, slots: NDArray[np.int64], head: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[Any]]]:
        """What these windows hold, sparsely: place in `slots`, part number, and the columns in their order."""
        numbers = _numbers(head)
        own, part = np.nonzero(self.columns["counts"][slots[:, None], numbers % PARTS] > 0)
        found = numbers[own, part]
        return own, found, [column[slots[own], found % PARTS] for column in self.columns.values()]

    def put(self, slots: NDArray[np.int64], parts: NDArray[np.int64], columns: list[NDArray[Any]]) -> None:
        """Set the contents of single parts, as `cells` told them."""
        for name, column in zip(self.columns, columns, strict=True):
            self.columns[name][slots, parts % PARTS] = column


def tallied(recipes: Recipes, rule: NDArray[np.int32], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a reading adds to its window: its value, or whether it is one of those that are counted."""
    meets = recipes.meets_sign[rule] * values >= recipes.meets_limit[rule]
    by_state = np.flatnonzero(recipes.has_states[rule])
    if len(by_state):
        meets[by_state] = (recipes.states[rule[by_state]] == values[by_state, None]).any(axis=1)
    return np.where(recipes.is_tally[rule], meets.astype(np.float64), values)


def _numbers(head: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n, 60): the numbers of the parts kept at each head, oldest first."""
    return head[:, None] + np.arange(1 - PARTS, 1)


def _joined(whole: NDArray[np.int64], frac: NDArray[np.int64]) -> NDArray[np.float64]:
    return whole.astype(np.float64) + frac.astype(np.float64) / FRACTION
