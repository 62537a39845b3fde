"""The historian that lives as long as the process: the stand-in of tests, and the plain statement of what the others must answer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sites.model import point_key
from sites.series import Series
from storage.historian import HistorianDown
from storage.history_files import spill
from storage.history_steps import DAY_MS, Steps, coarser, overlapping, raw, singles, step_for, stepped
from storage.projection import HistoryBatch, PointName
from storage.retention import HOUR_MS, MINUTE_MS, RAW, Kept, Retention, finest, pieces


class MemoryHistorian:
    """Readings in dicts by point key and time, and what sealing makes of them. While `down_reason` is set, everything raises
    HistorianDown with it."""

    def __init__(self, retention: Retention | None = None) -> None:
        self._retention = retention or Retention()
        self._values: dict[int, dict[int, float]] = {}
        self._steps: dict[tuple[int, int], dict[int, Steps]] = {}  # (key, form) -> day -> its steps, kept beyond the raw readings
        self._names: dict[int, PointName] = {}
        self._gaps: set[tuple[int, int]] = set()
        self._position = 0
        self._kept = Kept()
        self._lock = threading.Lock()
        self.expired = 0
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
                if key not in self._names:
                    with contextlib.suppress(KeyError):
                        self._names[key] = name_of(key)
                self._values.setdefault(key, {})[taken_ms] = value
            self._position = batch.position

    def series(self, point_id: str, from_ms: int, to_ms: int, most: int) -> Series:
        self._check()
        device_id, _, metric = point_id.rpartition(":")
        key = point_key(device_id, metric)
        with self._lock:
            readings = self._readings(key, from_ms, to_ms)
            if len(readings) <= most and finest(from_ms, self._kept) == RAW:
                series = raw(readings.taken_ms, readings.total)
            else:
                step = max(step_for(from_ms, to_ms, most), finest(from_ms, self._kept))
                parts = [self._part(key, piece.form_ms, piece.from_ms, piece.to_ms) for piece in pieces(from_ms, to_ms, step, self._kept)]
                series = stepped(coarser(parts, step), step)
            series.gaps = overlapping(self._gaps, from_ms, to_ms)
        return series

    def note_gap(self, from_ms: int | None, to_ms: int) -> None:
        self._check()
        self._gaps.add((self._newest() if from_ms is None else from_ms, to_ms))

    def seal(self, now_ms: int) -> None:
        self._check()
        with self._lock:
            raw_from, minutes_from, hours_from = self._retention.cuts(min(now_ms, self._newest()))
            has_let_go_of_readings = has_let_go_of_minutes = False
            for key, values in self._values.items():
                for day in {taken_ms // DAY_MS for taken_ms in values if taken_ms < raw_from}:
                    if day * DAY_MS >= self._kept.raw_from_ms:
                        has_let_go_of_readings = True
                        found = self._readings(key, day * DAY_MS, (day + 1) * DAY_MS)
                        for form in (MINUTE_MS, HOUR_MS):
                            self._steps.setdefault((key, form), {})[day] = coarser([found], form)
                    else:
                        self.expired += len(self._readings(key, day * DAY_MS, (day + 1) * DAY_MS))
                self._values[key] = {taken_ms: value for taken_ms, value in values.items() if taken_ms >= raw_from}
            for (_, form), days in self._steps.items():
                for day in [day for day in days if day * DAY_MS < (minutes_from if form == MINUTE_MS else hours_from)]:
                    del days[day]
                    has_let_go_of_minutes |= form == MINUTE_MS
            self._kept = Kept(
                max(raw_from, self._kept.raw_from_ms) if has_let_go_of_readings else self._kept.raw_from_ms,
                max(minutes_from, self._kept.minutes_from_ms) if has_let_go_of_minutes else self._kept.minutes_from_ms,
            )

    def spill(self, folder: Path, from_ms: int, to_ms: int) -> None:
        self._check()
        with self._lock:
            rows = [(key, at, value) for key, values in self._values.items() for at, value in values.items() if from_ms <= at < to_ms]
        keys, taken, values = ([row[column] for row in rows] for column in range(3))
        spill(folder, np.array(keys, np.int64), np.array(taken, np.int64), np.array(values, np.float64), self._names.values())

    def close(self) -> None:
        pass

    def _newest(self) -> int:
        return max((taken_ms for kept in self._values.values() for taken_ms in kept), default=0)

    def _readings(self, key: int, from_ms: int, to_ms: int) -> Steps:
        inside = sorted((taken_ms, value) for taken_ms, value in self._values.get(key, {}).items() if from_ms <= taken_ms < to_ms)
        return singles(np.array([at for at, _ in inside], np.int64), np.array([value for _, value in inside], np.float64))

    def _part(self, key: int, form: int, from_ms: int, to_ms: int) -> Steps:
        if form == RAW:
            return self._readings(key, from_ms, to_ms)
        days = self._steps.get((key, form), {})
        whole = coarser([days[day] for day in sorted(days)], form)
        inside = (whole.taken_ms >= from_ms // form * form) & (whole.taken_ms < to_ms)
        return Steps(whole.taken_ms[inside], whole.minimum[inside], whole.maximum[inside], whole.total[inside], whole.count[inside])

    def _check(self) -> None:
        if self.down_reason is not None:
            raise HistorianDown(self.down_reason)
