"""The historian that lives as long as the process: the stand-in of tests, and the plain statement of what the others must answer."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from sites.model import point_key
from sites.series import Series
from storage.historian import HistorianDown
from storage.history_steps import overlapping, raw, step_for, stepped
from storage.projection import HistoryBatch, PointName


class MemoryHistorian:
    """Readings in dicts by point key and time. While `down_reason` is set, everything raises HistorianDown with it."""

    def __init__(self) -> None:
        self._values: dict[int, dict[int, float]] = {}
        self._gaps: set[tuple[int, int]] = set()
        self._position = 0
        self._lock = threading.Lock()
        self.down_reason: str | None = None

    def position(self) -> int:
        self._check()
        return self._position

    def write(self, batch: HistoryBatch, name_of: Callable[[int], PointName]) -> None:
        self._check()
        if batch.position <= self._position:
            return
        with self._lock:
            for key, taken_ms, value in zip(batch.keys.tolist(), batch.taken_ms.tolist(), batch.values.tolist(), strict=True):
                self._values.setdefault(key, {})[taken_ms] = value
            self._position = batch.position

    def series(self, point_id: str, from_ms: int, to_ms: int, most: int) -> Series:
        self._check()
        device_id, _, metric = point_id.rpartition(":")
        with self._lock:
            kept = sorted(self._values.get(point_key(device_id, metric), {}).items())
        inside = [(taken_ms, value) for taken_ms, value in kept if from_ms <= taken_ms < to_ms]
        taken = np.array([taken_ms for taken_ms, _ in inside], np.int64)
        values = np.array([value for _, value in inside], np.float64)
        series = raw(taken, values) if len(inside) <= most else stepped(taken, values, step_for(from_ms, to_ms, most))
        series.gaps = overlapping(self._gaps, from_ms, to_ms)
        return series

    def note_gap(self, from_ms: int | None, to_ms: int) -> None:
        self._check()
        newest_ms = max((taken_ms for kept in self._values.values() for taken_ms in kept), default=0)
        self._gaps.add((newest_ms if from_ms is None else from_ms, to_ms))

    def seal(self, now_ms: int) -> None:
        self._check()

    def close(self) -> None:
        pass

    def _check(self) -> None:
        if self.down_reason is not None:
            raise HistorianDown(self.down_reason)
