"""The newest reading of each point that has a check which opens and closes: what a gate that opens must know.

An open check learns of a reading when it is awake; one that was shut has heard of none. Only rows with a gated rule have a slot, others
pay one gather. Written by `rules.gates` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rules.schedule import is_gated
from sites.roster import Roster

if TYPE_CHECKING:
    from rules.compile import Program

_NEVER = np.int64(-(2**63))


class Newest:
    """Columns by slot: value, when heard (hearing time), how late it came. `slot` is by point row, -1 for rows without one."""

    def __init__(self) -> None:
        self.slot = np.zeros(0, np.int32)
        self.rows = np.zeros(0, np.int64)  # by slot
        self.values = np.zeros(0, np.float64)
        self.heard_h = np.zeros(0, np.int64)
        self.delay_ms = np.zeros(0, np.int64)

    def fit(self, program: Program, first_check: int, lost_ms: int) -> None:
        """Give a slot to the rows of gated checks from `first_check` on. What was heard of them before is taken from the roster."""
        if program.rows > len(self.slot):
            grown = np.full(max(program.rows, 2 * len(self.slot)), -1, np.int32)
            grown[: len(self.slot)] = self.slot
            self.slot = grown
        gated = np.array([is_gated(rule) for rule in program.rules], np.bool_)
        if not gated.any():
            return
        spec = program.check_spec[first_check : program.checks]
        rows = np.unique(program.check_row[first_check : program.checks][gated[program.specs.rule[spec]]]).astype(np.int64)
        rows = rows[self.slot[rows] < 0]
        if not len(rows):
            return
        self.slot[rows] = np.arange(len(self.rows), len(self.rows) + len(rows), dtype=np.int32)
        columns = program.roster.columns
        heard = columns.latest_arrived_ms[rows]
        self.rows = np.concatenate((self.rows, rows))
        self.values = np.concatenate((self.values, columns.latest_values[rows]))
        self.heard_h = np.concatenate((self.heard_h, np.where(heard == _NEVER, _NEVER, heard - lost_ms)))
        self.delay_ms = np.concatenate((self.delay_ms, columns.latest_delay_ms[rows]))

    def note(self, taken_ms: NDArray[np.int64], batch: tuple[NDArray[Any], ...]) -> None:
        """Readings in order of arrival, as columns (row, taken, heard on the hearing clock, value, delay); `taken_ms` by row is the newest
        time before them. Of each row the newest counts, and of the same time the one that came first."""
        rows, taken, heard_h, values, delay = batch
        slot = self.slot[rows]
        counts = (slot >= 0) & (taken > taken_ms[rows])
        if not counts.any():
            return
        if not counts.all():
            use = np.flatnonzero(counts)
            slot, taken, heard_h, values, delay = slot[use], taken[use], heard_h[use], values[use], delay[use]
        if not (slot[1:] > slot[:-1]).all():
            order = np.lexsort((-np.arange(len(slot)), taken, slot))
            pick = order[np.append(slot[order][1:] != slot[order][:-1], True)]
            slot, heard_h, values, delay = slot[pick], heard_h[pick], values[pick], delay[pick]
        # neighbours in order are a slice
        own = slice(int(slot[0]), int(slot[-1]) + 1) if int(slot[-1]) - int(slot[0]) == len(slot) - 1 else slot
        self.values[own], self.heard_h[own], self.delay_ms[own] = values, heard_h, delay

    def of(self, rows: NDArray[Any], roster: Roster, lost_ms: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """(value, heard_h, delay_ms) of these rows. Rows without a slot are asked of the roster: between steps that knows the same."""
        slot = self.slot[rows]
        without = slot < 0
        if not without.any():
            return self.values[slot], self.heard_h[slot], self.delay_ms[slot]
        columns = roster.columns
        heard = columns.latest_arrived_ms[rows]
        value, heard_h, delay = columns.latest_values[rows].copy(), heard - lost_ms, columns.latest_delay_ms[rows].copy()
        own = ~without
        value[own], heard_h[own], delay[own] = self.values[slot[own]], self.heard_h[slot[own]], self.delay_ms[slot[own]]
        return value, heard_h, delay

    def load(self, rows: NDArray[np.int64], values: NDArray[np.float64], heard_h: NDArray[np.int64], delay_ms: NDArray[np.int64]) -> None:
        """Set what was dumped of these rows, where they have a slot."""
        slot = self.slot[rows]
        own = slot >= 0
        self.values[slot[own]], self.heard_h[slot[own]], self.delay_ms[slot[own]] = values[own], heard_h[own], delay_ms[own]

    def take_over(self, old: Newest) -> None:
        """What another one knew of the same rows."""
        if not len(old.rows) or not len(self.rows):
            return
        slot = np.full(len(self.rows), -1, np.int64)
        known = self.rows < len(old.slot)
        slot[known] = old.slot[self.rows[known]]
        own = slot >= 0
        for name in ("values", "heard_h", "delay_ms"):
            getattr(self, name)[own] = getattr(old, name)[slot[own]]
