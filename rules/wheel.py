"""Due times of holds and silences in buckets of 64 ms, so that no step passes over all checks to find what is due.

Entries are lazy: a later due time is not moved, the entry comes up early and its owner puts it back. `queued_ms` says when each id's one
valid entry stands; it and the wheel follow from the memory's state and are rebuilt, never stored. Only the engine touches it.
"""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

FAR = np.int64(2**62)  # never
_SHIFT = 6


class Wheel:
    """Ids with due times in int64 milliseconds."""

    def __init__(self) -> None:
        self._buckets: dict[int, list[NDArray[np.int64]]] = {}
        self._heap: list[int] = []
        self.queued_ms = np.zeros(0, np.int64)

    def fit(self, size: int) -> None:
        """Make room for ids below `size`."""
        if size > len(self.queued_ms):
            grown = np.full(max(size, 2 * len(self.queued_ms)), FAR, np.int64)
            grown[: len(self.queued_ms)] = self.queued_ms
            self.queued_ms = grown

    def put(self, ids: NDArray[np.int64], dues: NDArray[np.int64]) -> None:
        """Let each id come up no later than its due time. Ids that already will, and dues of FAR, change nothing."""
        sooner = dues < self.queued_ms[ids]
        if not sooner.any():
            return
        ids, dues = ids[sooner], dues[sooner]
        self.queued_ms[ids] = dues
        buckets = dues >> _SHIFT
        if len(ids) > 1 and buckets.min() != buckets.max():
            order = np.argsort(buckets, kind="stable")
            ids, buckets = ids[order], buckets[order]
            cuts = np.flatnonzero(buckets[1:] != buckets[:-1]) + 1
            for part, at in zip(np.split(ids, cuts), buckets[np.concatenate(([0], cuts))].tolist(), strict=True):
                self._add(at, part)
        else:
            self._add(int(buckets[0]), ids)

    def take(self, until_ms: int) -> NDArray[np.int64]:
        """All ids whose entries may be due by `until_ms`, each once, ascending; their entries are gone: put back those that are not."""
        if not self._heap or self._heap[0] > until_ms >> _SHIFT:
            return np.zeros(0, np.int64)
        parts = []
        while self._heap and self._heap[0] <= until_ms >> _SHIFT:
            bucket = heappop(self._heap)
            for ids in self._buckets.pop(bucket):
                parts.append(ids[self.queued_ms[ids] >> _SHIFT == bucket])
        taken = np.sort(np.concatenate(parts))
        taken = taken[np.diff(taken, prepend=-1) > 0]
        self.queued_ms[taken] = FAR
        return taken

    def next_ms(self) -> int | None:
        """No entry comes up before this; None: there is none. Costs one look at the first bucket."""
        while self._heap:
            bucket = self._heap[0]
            dues = np.concatenate([self.queued_ms[ids] for ids in self._buckets[bucket]])
            dues = dues[dues >> _SHIFT == bucket]
            if len(dues):
                return int(dues.min())
            del self._buckets[heappop(self._heap)]
        return None

    def _add(self, bucket: int, ids: NDArray[np.int64]) -> None:
        parts = self._buckets.get(bucket)
        if parts is None:
            self._buckets[bucket] = [ids]
            heappush(self._heap, bucket)
        else:
            parts.append(ids)
