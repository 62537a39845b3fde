"""What the derived kinds remember: each pair's window and newest time, each check's condition and running hold.

Written by `rules.derived` only. A dump names pairs by rule id and point key and keeps windows sparsely; wheels are derived again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.columns import widened
from rules.kernels import ACTIVE, SHUT
from rules.pairs import WINDOWED, Derived, Group
from rules.wheel import Wheel
from rules.windows import NEVER, Parts

REMEMBERED = 32  # times of readings that a window remembers to know a duplicate; what is older than all of them joins no more
EMPTY = np.int64(-(2**62))  # head part of a window that never held anything

_BY_PAIR: dict[str, tuple[type, Any]] = {
    "taken_ms": (np.int64, NEVER),  # newest reading
    "heard_h": (np.int64, NEVER),  # when it arrived, on the hearing clock
    "values": (np.float64, np.nan),  # derived value as last judged; NaN: unknown
    "is_late": (np.bool_, False),  # whether the newest reading was late
    "head": (np.int64, EMPTY),  # part that the window stands at
    "since_ms": (np.int64, NEVER),  # windows and rates: from when on the window is covered; stuck: when the value last moved
    "floor_ms": (np.int64, NEVER),  # readings of up to this time are no longer told from duplicates
    "recent_at": (np.int64, 0),  # how many times were remembered
    "anchor": (np.float64, 0.0),  # stuck: the value that it stands at; drift: the baseline
    "learnt_ms": (np.int64, 0),  # drift: how long the baseline was learnt
}
_BY_CHECK: dict[str, tuple[type, Any]] = {"status": (np.uint8, 0), "since_taken_ms": (np.int64, 0), "since_clock_ms": (np.int64, 0)}


def _numbers() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(slots=True)
class DerivedState:
    """A dump. `pairs` are columns by pair of `known`, named as in `DerivedMemory`; `checks` by check that is not idle, whose
    `check_pair` is an index into the pairs. `cells` holds by group the index of the pair, the part's number, and the columns of `Parts`."""

    rules: NDArray[np.int64] = field(default_factory=_numbers)  # index into MemoryState.rule_ids
    keys: NDArray[np.int64] = field(default_factory=_numbers)
    groups: NDArray[np.int64] = field(default_factory=_numbers)
    part_ms: NDArray[np.int64] = field(default_factory=_numbers)
    pairs: dict[str, NDArray[Any]] = field(default_factory=dict)
    recent: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, REMEMBERED), np.int64))
    check_pair: NDArray[np.int64] = field(default_factory=_numbers)
    check_level: NDArray[np.int64] = field(default_factory=_numbers)
    checks: dict[str, NDArray[Any]] = field(default_factory=dict)
    cells: dict[str, list[NDArray[Any]]] = field(default_factory=dict)


class DerivedMemory:
    """Columns by pair and by check of a `Derived`; times named `_h` are on the hearing clock of the memory that this belongs to."""

    taken_ms: NDArray[np.int64]
    heard_h: NDArray[np.int64]
    values: NDArray[np.float64]
    is_late: NDArray[np.bool_]
    head: NDArray[np.int64]
    since_ms: NDArray[np.int64]
    floor_ms: NDArray[np.int64]
    recent_at: NDArray[np.int64]
    anchor: NDArray[np.float64]
    learnt_ms: NDArray[np.int64]
    status: NDArray[np.uint8]
    since_taken_ms: NDArray[np.int64]
    since_clock_ms: NDArray[np.int64]

    def __init__(self, derived: Derived) -> None:
        self.derived = derived
        self.now_ms = int(NEVER)  # service time that the step has reached
        self.gate_parts = 0  # how many arrays of checks the gates of schedules have turned so far
        self.gate_next_ms: list[int] = []  # by gate
        self.pairs = 0
        self.checks = 0
        for name, (dtype, _) in (_BY_PAIR | _BY_CHECK).items():
            setattr(self, name, np.zeros(0, dtype))
        self.recent = np.zeros((0, REMEMBERED), np.int64)
        self.parts = {group: Parts(group) for group in WINDOWED}
        self.wheel = Wheel()  # by pair
        self.fit()

    def fit(self) -> None:
        """Grow to the program's size; what is new is idle and unheard."""
        derived = self.derived
        for names, size, need in ((_BY_PAIR, self.pairs, derived.pairs), (_BY_CHECK, self.checks, derived.checks)):
            for name, (_, fill) in names.items():
                setattr(self, name, widened(getattr(self, name), size, need, fill))
        self.recent = widened(self.recent, self.pairs, derived.pairs, NEVER)
        for group, parts in self.parts.items():
            parts.fit(int(derived.slots[group]))
        self.wheel.fit(derived.pairs)
        self.pairs, self.checks = derived.pairs, derived.checks

    def remember(self, pairs: NDArray[np.int64], taken: NDArray[np.int64]) -> None:
        """These windows (all different) have joined readings of these times."""
        place = self.recent_at[pairs] % REMEMBERED
        self.floor_ms[pairs] = np.maximum(self.floor_ms[pairs], self.recent[pairs, place])
        self.recent[pairs, place] = taken
        self.recent_at[pairs] += 1

    def is_new(self, pairs: NDArray[np.int64], taken: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a reading of this time is certainly none that this window joined before."""
        known: NDArray[np.bool_] = (self.recent[pairs] == taken[:, None]).any(axis=1)
        return (taken > self.floor_ms[pairs]) & ~known

    def known(self) -> NDArray[np.int64]:
        """The pairs that a dump tells of, in its order: those ever heard, and those with a check that is not idle."""
        is_known = self.taken_ms[: self.pairs] != NEVER
        is_known[self.derived.check_pair[np.flatnonzero(self.status[: self.checks])]] = True
        return np.flatnonzero(is_known)

    def dump(self) -> DerivedState:
        """A copy of everything that cannot be derived."""
        derived, keys = self.derived, self.derived.tier.roster.columns.keys
        pairs, busy = self.known(), np.flatnonzero(self.status[: self.checks])
        place = np.full(self.pairs, -1, np.int64)
        place[pairs] = np.arange(len(pairs))
        state = DerivedState(
            rules=derived.rule[pairs].astype(np.int64),
            keys=keys[derived.row[pairs]],
            groups=derived.group[pairs].astype(np.int64),
            part_ms=derived.recipes.part_ms[derived.rule[pairs]],
            pairs={name: getattr(self, name)[pairs] for name in _BY_PAIR},
            recent=self.recent[pairs],
            check_pair=place[derived.check_pair[busy]],
            check_level=busy - derived.first_check[derived.check_pair[busy]],
            checks={name: getattr(self, name)[busy] for name in _BY_CHECK},
        )
        for group, parts in self.parts.items():
            own = pairs[derived.group[pairs] == group]
            at, number, columns = parts.cells(derived.slot[own].astype(np.int64), self.head[own])
            state.cells[group.name] = [place[own[at]], number, *columns]
        return state

    def load(self, state: DerivedState, pair_of: NDArray[np.int64], same_window: NDArray[np.bool_]) -> None:
        """Take over a dump: entry i of it is now `pair_of[i]` (-1: gone). A window is kept where `same_window`."""
        use = np.flatnonzero((pair_of >= 0) & same_window)
        for name, column in state.pairs.items():
            getattr(self, name)[pair_of[use]] = column[use]
        self.recent[pair_of[use]] = state.recent[use]
        for name, (at, number, *columns) in state.cells.items():
            kept = np.flatnonzero((pair_of[at] >= 0) & same_window[at])
            slots = self.derived.slot[pair_of[at[kept]]].astype(np.int64)
            self.parts[Group[name]].put(slots, number[kept], [column[kept] for column in columns])
        self._keep_checks(pair_of[state.check_pair], state.check_level, state.checks, np.ones(len(state.check_pair), np.bool_))

    def take_over(
        self, before: DerivedMemory, pair_of: NDArray[np.int64], same_window: NDArray[np.bool_], same_check: NDArray[np.bool_]
    ) -> None:
        """What pairs of another memory, which is not changed, are now: its pair i is now `pair_of[i]` (-1: gone). A window is kept where
        `same_window`, a running hold where `same_check`; an active condition always, at the most severe level that there still is."""
        old = np.flatnonzero((pair_of >= 0) & same_window)
        new = pair_of[old]
        for name in (*_BY_PAIR, "recent"):
            getattr(self, name)[new] = getattr(before, name)[old]
        groups = self.derived.group[new]
        for group, parts in self.parts.items():
            own = np.flatnonzero(groups == group)
            slots, theirs = self.derived.slot[new[own]].astype(np.int64), before.derived.slot[old[own]].astype(np.int64)
            parts.copy(slots, before.parts[group], theirs)
        busy = np.flatnonzero(before.status[: before.checks])
        pair = before.derived.check_pair[busy]
        checks = {name: getattr(before, name)[busy] for name in _BY_CHECK}
        self._keep_checks(pair_of[pair], busy - before.derived.first_check[pair], checks, same_check[busy])

    def _keep_checks(
        self, pair: NDArray[np.int64], level: NDArray[np.int64], checks: dict[str, NDArray[Any]], same: NDArray[np.bool_]
    ) -> None:
        kept = np.flatnonzero(pair >= 0)
        level = np.minimum(level[kept], self.derived.levels[pair[kept]] - 1)
        check = self.derived.first_check[pair[kept]] + level
        keep = np.where(same[kept], 0xFF, ACTIVE | SHUT).astype(np.uint8)
        np.bitwise_or.at(self.status, check, checks["status"][kept] & keep)
        for name in ("since_taken_ms", "since_clock_ms"):
            getattr(self, name)[check[same[kept]]] = checks[name][kept][same[kept]]
