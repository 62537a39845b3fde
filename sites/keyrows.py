"""Point keys -> point rows, in four bytes a slot: a million points as a dict of Python numbers would cost twenty times as much.

Open addressing over the roster's own column of keys, which are hashes already. Rows are only added. Few keys are looked up one by one,
many at once over arrays. Only the roster writes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW = 24  # keys that are found sooner one by one


class KeyRows:
    """`columns` has `keys` (int64) and `size`; row r has key `columns.keys[r]`."""

    def __init__(self, columns: Any) -> None:
        self._columns = columns
        self._size = 0
        self._table = np.full(128, -1, np.int32)

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: int) -> bool:
        return self.get(key) >= 0

    def __getitem__(self, key: int) -> int:
        row = self.get(key)
        if row < 0:
            raise KeyError(key)
        return row

    def get(self, key: int, default: int = -1) -> int:
        """The row of a key, or `default`."""
        table, keys = self._table, self._columns.keys
        mask = len(table) - 1
        at = key & mask
        while (row := table.item(at)) >= 0:
            if keys.item(row) == key:
                return row
            at = (at + 1) & mask
        return default

    def rows_of(self, wanted: NDArray[np.int64]) -> NDArray[np.int32]:
        """The row of each key, -1 where there is none."""
        if len(wanted) <= _FEW:
            return np.fromiter(map(self.get, wanted.tolist()), np.int32, len(wanted))
        table, keys = self._table, self._columns.keys
        mask = len(table) - 1
        at = wanted & mask
        found: NDArray[np.int32] = table[at]
        look = ((keys[found] != wanted) & (found >= 0)).nonzero()[0]
        while len(look):
            at[look] = (at[look] + 1) & mask
            row = found[look] = table[at[look]]
            look = look[(keys[row] != wanted[look]) & (row >= 0)]
        return found

    def fit(self) -> None:
        """Take in the rows that were appended to the columns."""
        first, last = self._size, self._columns.size
        self._size = last
        if 2 * last > len(self._table):
            table = np.full(1 << int(2 * last).bit_length(), -1, np.int32)
            self._put_all(table, np.arange(last, dtype=np.int32))
            self._table = table  # whole, for others read while the scan writes
        elif last - first == 1:
            self._put(first)
        elif last > first:
            self._put_all(self._table, np.arange(first, last, dtype=np.int32))

    def _put(self, row: int) -> None:
        mask = len(self._table) - 1
        at = self._columns.keys.item(row) & mask
        while self._table.item(at) >= 0:
            at = (at + 1) & mask
        self._table[at] = row

    def _put_all(self, table: NDArray[np.int32], rows: NDArray[np.int32]) -> None:
        mask = len(table) - 1
        at = self._columns.keys[rows] & mask
        while len(rows):
            free = table[at] < 0
            table[at[free]] = rows[free]  # of several that want a slot one gets it
            left = table[at] != rows
            rows, at = rows[left], (at[left] + 1) & mask
