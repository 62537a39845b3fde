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

_CHUNK = 2_048  # windows whose sixty parts stay in the nearer caches
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
    """The windows of one group: columns of shape (slots, 60), part p at place p % 60, `counts` being how many readings a part
    holds; and, kept up with them, one number a window: its oldest part with a reading, its sums, its largest value."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.size = 0
        self.fills = {name: fill for name, (_, fill) in _COLUMNS[group].items()}
        self.columns: dict[str, NDArray[Any]] = {name: np.zeros((0, PARTS), dtype) for name, (dtype, _) in _COLUMNS[group].items()}
        self.oldest = np.zeros(0, np.int64)  # LATER: none holds a reading
        self.sums: dict[str, NDArray[np.int64]] = {
            name: np.zeros(0, np.int64) for name in ("counts", "whole", "frac") if name in self.columns
        }
        self.top = np.zeros(0, np.float64)

    def fit(self, size: int) -> None:
        """Make room for slots below `size`; new ones are empty."""
        for name, fill in self.fills.items():
            self.columns[name] = widened(self.columns[name], self.size, size, fill)
        for name in self.sums:
            self.sums[name] = widened(self.sums[name], self.size, size, 0)
        self.oldest = widened(self.oldest, self.size, size, LATER)
        self.top = widened(self.top, self.size, size, -np.inf)
        self.size = max(self.size, size)

    def move(self, slots: NDArray[np.int64], before: NDArray[np.int64], head: NDArray[np.int64]) -> None:
        """Empty the parts that leave when these windows (all different) go from head part `before` on to `head` (never back)."""
        leaving = np.flatnonzero(self.oldest[slots] <= head - PARTS)
        while len(leaving):  # once for each part that one of them loses
            slot, part = slots[leaving], self.oldest[slots[leaving]]
            place = part % PARTS
            for name, sums in self.sums.items():
                sums[slot] -= self.columns[name][slot, place]
            best = self.columns["best"][slot, place] if self.group is Group.EXTREMES else None
            for name, fill in self.fills.items():
                self.columns[name][slot, place] = fill
            self.oldest[slot] = self._next(slot, part + 1, before[leaving])
            if best is not None:
                anew = slot[best >= self.top[slot]]
                self.top[anew] = self.columns["best"][anew].max(axis=1, initial=-np.inf)
            leaving = leaving[self.oldest[slot] <= head[leaving] - PARTS]

    def _next(self, slots: NDArray[np.int64], parts: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
        """The first part from `parts` on, up to `last`, that holds a reading."""
        found = np.where(parts <= last, parts, LATER)
        searching = np.flatnonzero(found != LATER)
        while len(searching):
            empty = self.columns["counts"][slots[searching], found[searching] % PARTS] == 0
            searching = searching[empty]
            found[searching] += 1
            found[searching[found[searching] > last[searching]]] = LATER
            searching = searching[found[searching] != LATER]
        return found

    def join(self, slots: NDArray[np.int64], parts: NDArray[np.int64], taken: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add a reading to each of these windows (all different), whose part is among those kept. `values` are summed or compared."""
        columns, place = self.columns, parts % PARTS
        room = columns["counts"][slots, place] < MOST_IN_PART
        if not room.all():
            slots, parts, place, taken, values = slots[room], parts[room], place[room], taken[room], values[room]
        columns["counts"][slots, place] += 1
        self.sums["counts"][slots] += 1
        self.oldest[slots] = np.minimum(self.oldest[slots], parts)
        if self.group is Group.EXTREMES:
            columns["best"][slots, place] = np.maximum(columns["best"][slots, place], values)
            self.top[slots] = np.maximum(self.top[slots], values)
        elif self.group is Group.RATE:
            sooner = taken < columns["first_ms"][slots, place]
            slots, place = slots[sooner], place[sooner]
            columns["first_ms"][slots, place], columns["first_value"][slots, place] = taken[sooner], values[sooner]
        else:
            bounded = np.clip(values, -MOST_VALUE, MOST_VALUE)
            rounded = np.rint(bounded)
            added = {"whole": rounded.astype(np.int64), "frac": np.rint((bounded - rounded) * FRACTION).astype(np.int64)}
            for name, column in added.items():
                columns[name][slots, place] += column
                self.sums[name][slots] += column
        if self.group is Group.TIMED:
            later = taken > columns["last_ms"][slots, place]
            slots, place = slots[later], place[later]
            columns["last_ms"][slots, place], columns["last_value"][slots, place] = taken[later], values[later]

    def totals(self, slots: NDArray[np.int64], total: NDArray[np.int8]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Mean, sum, count or share of the readings kept, and whether it is known (that of none is only a sum or count)."""
        counts = self.sums["counts"][slots]
        sums = _joined(self.sums["whole"][slots], self.sums["frac"][slots])
        is_mean = (total == Total.MEAN) | (total == Total.SHARE)
        return np.where(is_mean, sums / np.maximum(counts, 1), sums), ~is_mean | (counts > 0)

    def means_over_time(
        self, slots: NDArray[np.int64], head: NDArray[np.int64], part_ms: NDArray[np.int64], gap_ms: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The mean of the parts that are known: of one with readings their mean, of one without the last value before it in the window, if
        that was taken no longer than a gap before the part began."""
        means, known = np.zeros(len(slots)), np.zeros(len(slots), np.int64)
        for begin in range(0, len(slots), _CHUNK):
            each = slice(begin, begin + _CHUNK)
            means[each], known[each] = self._means_over_time(slots[each], head[each], part_ms[each], gap_ms[each])
        return means / np.maximum(known, 1), known > 0

    def _means_over_time(
        self, slots: NDArray[np.int64], head: NDArray[np.int64], part_ms: NDArray[np.int64], gap_ms: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        numbers = np.ascontiguousarray(_numbers(head).T)
        where = (slots, numbers % PARTS)
        counts, last_ms, last_value, whole, frac = (
            self.columns[name][where] for name in ("counts", "last_ms", "last_value", "whole", "frac")
        )
        means = _joined(whole, frac) / np.maximum(counts, 1)
        is_heard = counts > 0
        begins = numbers * part_ms - gap_ms
        # of each part the latest one up to it that holds a reading, -1: none
        latest = np.maximum.accumulate(np.where(is_heard, np.arange(PARTS)[:, None], -1), axis=0)
        at = (latest, np.arange(len(slots)))
        use = is_heard | ((latest >= 0) & (last_ms[at] >= begins))
        shares = np.where(use, np.where(is_heard, means, last_value[at]), 0.0)
        return shares.cumsum(axis=0)[-1], use.sum(axis=0)  # a running sum adds in the order of time, whatever the number of windows

    def firsts(self, slots: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Time and value of the earliest reading kept. There must be one."""
        place = self.oldest[slots] % PARTS
        return self.columns["first_ms"][slots, place], self.columns["first_value"][slots, place]

    def cells(self, slots: NDArray[np.int64], head: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[Any]]]:
        """What these windows hold, sparsely: place in `slots`, part number, and the columns in their order."""
        own, place = np.nonzero(self.columns["counts"][slots])
        at, newest = slots[own], head[own]
        return own, newest - (newest - place) % PARTS, [column[at, place] for column in self.columns.values()]

    def copy(self, slots: NDArray[np.int64], other: Parts, theirs: NDArray[np.int64]) -> None:
        """Let these windows hold what `theirs` of another hold, which is not changed."""
        is_all = len(slots) == self.size == other.size and bool((slots == theirs).all())
        for name, column in other.columns.items():
            if is_all:
                self.columns[name] = column.copy()
            else:
                self.columns[name][slots] = column[theirs]
        for name, sums in other.sums.items():
            self.sums[name][slots] = sums[theirs]
        self.oldest[slots], self.top[slots] = other.oldest[theirs], other.top[theirs]

    def put(self, slots: NDArray[np.int64], parts: NDArray[np.int64], columns: list[NDArray[Any]]) -> None:
        """Set the contents of single parts of windows that held nothing, as `cells` told them."""
        for name, column in zip(self.columns, columns, strict=True):
            self.columns[name][slots, parts % PARTS] = column
            if name in self.sums:
                np.add.at(self.sums[name], slots, column.astype(np.int64))
        np.minimum.at(self.oldest, slots, parts)
        if self.group is Group.EXTREMES:
            np.maximum.at(self.top, slots, columns[list(self.columns).index("best")])


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
