"""Reads one point's history from the embedded historian's files and hot readings, for one chart.

DuckDB opens a Parquet file more than once, so a file that is replaced meanwhile gives an error or the blocks of two files: what was read
counts only when `is_undisturbed` says so afterwards.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from storage.history_files import first_of_next_month
from storage.history_steps import DAY_MS, Steps, coarser, singles
from storage.retention import MINUTE_MS, RAW, Kept, Piece

_SEALED = "SELECT taken_ms, value FROM read_parquet($files) WHERE key = $key AND taken_ms >= $from AND taken_ms < $to ORDER BY taken_ms"
_STEPS = """
  SELECT taken_ms // $step * $step AS start, min(minimum) AS minimum, max(maximum) AS maximum, sum(total) AS total,
         sum(count)::DOUBLE AS count
  FROM read_parquet($files) WHERE key = $key AND taken_ms >= $from AND taken_ms < $to GROUP BY start ORDER BY start
"""


class PointReader:
    """Reads one point's pieces of a span, all of one state of the folder and of the hot readings."""

    def __init__(
        self,
        cursor: Any,
        key: int,
        kept: Kept,
        hot: dict[str, Any],
        days: dict[int, Path],
        minutes: dict[int, Path],
        months: list[tuple[int, Path]],
    ) -> None:
        self.cursor, self.kept = cursor, kept
        self._key, self._hot = key, hot
        self._days, self._minutes, self._months = days, minutes, months
        self._stamps: dict[str, tuple[int, int] | None] = {}

    def __call__(self, piece: Piece, step_ms: int) -> Steps:
        """Steps of `step_ms` of a piece; for RAW its readings as steps of one each."""
        if piece.form_ms == RAW:
            readings = self._raw(piece)
            return coarser([readings], step_ms) if step_ms else readings
        if piece.form_ms == MINUTE_MS:
            files = _of_days(self._minutes, piece)
        else:
            files = [str(f) for day, f in self._months if day * DAY_MS < piece.to_ms and first_of_next_month(day) * DAY_MS > piece.from_ms]
        if not files:
            return coarser([], step_ms)
        self._stamp(files)
        bounds = {"key": self._key, "from": piece.from_ms // piece.form_ms * piece.form_ms, "to": piece.to_ms}
        found = self.cursor.execute(_STEPS, bounds | {"files": files, "step": step_ms}).fetchnumpy()
        kept = (column(found[name], np.float64) for name in ("minimum", "maximum", "total", "count"))
        return Steps(column(found["start"], np.int64), *kept)

    def is_undisturbed(self) -> bool:
        """Whether every file that was read is still the one that was found."""
        return all(_stamp_of(file) == stamp for file, stamp in self._stamps.items())

    def _raw(self, piece: Piece) -> Steps:
        """Sealed readings of the piece, and the hot ones in the place of those of the same time."""
        inside = slice(*np.searchsorted(self._hot["taken_ms"], (piece.from_ms, piece.to_ms)).tolist())
        taken, values = self._hot["taken_ms"][inside], self._hot["value"][inside]
        files = _of_days(self._days, piece)
        if files:
            self._stamp(files)
            bounds = {"key": self._key, "from": piece.from_ms, "to": piece.to_ms, "files": files}
            sealed = columns(self.cursor.execute(_SEALED, bounds))
            taken, values = np.concatenate([sealed["taken_ms"], taken]), np.concatenate([sealed["value"], values])
            order = np.argsort(taken, kind="stable")
            taken, values = taken[order], values[order]
        is_last = np.append(taken[1:] != taken[:-1], True) if len(taken) else np.zeros(0, bool)
        return singles(taken[is_last], values[is_last])

    def _stamp(self, files: list[str]) -> None:
        for file in files:
            self._stamps.setdefault(file, _stamp_of(file))


def _of_days(files: dict[int, Path], piece: Piece) -> list[str]:
    return [str(file) for day, file in files.items() if day * DAY_MS < piece.to_ms and (day + 1) * DAY_MS > piece.from_ms]


def _stamp_of(file: str) -> tuple[int, int] | None:
    """What tells a file from another of its name; None: there is none."""
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def columns(result: Any) -> dict[str, Any]:
    found = result.fetchnumpy()
    return {"taken_ms": column(found["taken_ms"], np.int64), "value": column(found["value"], np.float64)}


def column(column: Any, dtype: type) -> Any:
    return np.ascontiguousarray(np.ma.getdata(column), dtype)
