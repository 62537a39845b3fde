"""B9: charts of one point out of 100 million stored readings over 30 days, from the embedded historian.

A thousand points report every 25.92 s for 30 days: 29 sealed days, and the last one still in DuckDB, where the charts of *now* come from.
The first and the last day are written as the service does it; the days between are copies of the first file with other values, made by
DuckDB in the same form, and the historian makes their minutes and hours itself. All lies in a temporary folder of about 1 GB, removed
afterwards.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet

from sites.model import point_id, point_key
from storage.historian_duckdb import LATE_MS, ROW_GROUP, DuckDbHistorian
from storage.history_files import HistoryFiles, quoted
from storage.history_steps import DAY_MS
from storage.projection import HistoryBatch, PointName

POINTS, DAYS, READINGS = 1_000, 30, 100_000_000
MOST = 1_000  # steps, what the API asks for
RUNS = 40
_INTERVAL_MS = POINTS * DAYS * DAY_MS // READINGS
_BATCH = 50_000
_START = 1_790_000_000_000 // DAY_MS * DAY_MS
_HOUR_MS = 3_600_000


def run() -> list[dict[str, Any]]:
    """The rows of B9 for the table: milliseconds a chart, of different points in turn."""
    with tempfile.TemporaryDirectory(prefix="sitewarden-b9-") as name:
        folder = Path(name)
        with closing(DuckDbHistorian(folder / "history.duckdb", folder / "history")) as historian:
            began = perf_counter()
            _fill(historian, HistoryFiles(folder / "history"))
            built_s = perf_counter() - began
            stored = _stored(historian, folder)
            assert stored >= READINGS, f"{stored} readings are stored"
            bytes_kept = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            end = _START + DAYS * DAY_MS
            rows = [
                _row("the last 24 h, mostly not sealed", _charts(historian, end - DAY_MS, end), 50.0),
                _row(
                    "24 h across two sealed days",
                    _charts(historian, _START + 9 * DAY_MS + 21_600_000, _START + 10 * DAY_MS + 21_600_000),
                    50.0,
                ),
                _row("the same, files not in memory", _charts(historian, _START + 15 * DAY_MS, _START + 16 * DAY_MS, folder), 50.0),
                _row("an hour of a sealed day", _charts(historian, _START + 5 * DAY_MS, _START + 5 * DAY_MS + _HOUR_MS), None),
                _row("all 30 days", _charts(historian, _START, end), None),
            ]
    for text, figure, unit in (
        ("readings stored over 30 days", stored / 1e6, "million"),
        ("their files, with minutes and hours", bytes_kept / 1e9, "GB"),
        ("making them", built_s, "s"),
    ):
        rows.append({"id": "B9", "name": text, "figure": round(figure, 2), "unit": unit, "bar": None, "holds": None, "runs": []})
    return rows


def _row(name: str, milliseconds: list[float], bar: float | None) -> dict[str, Any]:
    """The figure is the 95th percentile."""
    figure = float(np.percentile(milliseconds, 95))
    return {
        "id": "B9",
        "name": f"chart of one point, {name} (p95; median {np.median(milliseconds):.1f})",
        "figure": round(figure, 1),
        "unit": "ms",
        "bar": None if bar is None else f"<= {bar:g}",
        "holds": None if bar is None else figure <= bar,
        "runs": [round(each, 1) for each in milliseconds],
    }


def _charts(historian: DuckDbHistorian, from_ms: int, to_ms: int, forget: Path | None = None) -> list[float]:
    """Each of a point not asked for before; `forget`: with this folder's files out of the system's memory each time."""
    taken = []
    for point in np.random.default_rng(9).permutation(POINTS)[:RUNS].tolist():
        if forget is not None:
            _forget(forget)
        began = perf_counter()
        series = historian.series(point_id(f"d{point}", "temperature"), from_ms, to_ms, MOST)
        taken.append((perf_counter() - began) * 1000)
        wanted = (to_ms - from_ms) // series.step_ms if series.step_ms else (to_ms - from_ms) // _INTERVAL_MS
        assert wanted - 2 <= len(series.taken_ms) <= MOST, f"{len(series.taken_ms)} steps of {wanted}"
    return taken


def _fill(historian: DuckDbHistorian, files: HistoryFiles) -> None:
    keys = np.array([point_key(f"d{number}", "temperature") for number in range(POINTS)], np.int64)
    names = {key: PointName(key, "s", f"d{number}", "temperature", "°C") for number, key in enumerate(keys.tolist())}
    position = _write(historian, keys, names, 0, 0)
    historian.seal(_START + DAY_MS + LATE_MS)
    with duckdb.connect(config={"threads": 2, "memory_limit": "512MB"}) as connection:
        for day in range(1, DAYS - 1):
            number = _START // DAY_MS + day
            source = quoted(files.raw(_START // DAY_MS))
            shifted = f"SELECT key, taken_ms + {day * DAY_MS} AS taken_ms, round(value + hash(taken_ms + {day}) % 400 / 100, 2) AS value"
            options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
            connection.execute(f"COPY ({shifted} FROM read_parquet({source})) TO {quoted(files.raw(number))} ({options})")
    historian.seal(_START + (DAYS - 1) * DAY_MS + LATE_MS)
    _write(historian, keys, names, DAYS - 1, position)


def _write(historian: DuckDbHistorian, keys: np.ndarray[Any, Any], names: dict[int, PointName], day: int, position: int) -> int:
    """A day's readings in the order of their time, as the writer hands them over."""
    rng = np.random.default_rng(day)
    per_point = DAY_MS // _INTERVAL_MS + 1
    starts = _START + day * DAY_MS + np.arange(per_point) * _INTERVAL_MS
    at_once = _BATCH // POINTS
    for first in range(0, per_point, at_once):
        part = starts[first : first + at_once]
        taken = (part[:, None] + np.arange(POINTS) * 8).ravel()  # each at its own time, all within the day
        position += 1
        values = np.round(rng.normal(20.0, 5.0, len(taken)), 2)
        historian.write(HistoryBatch(position, np.tile(keys, len(part)), taken, values), names.__getitem__)
    return position


def _stored(historian: DuckDbHistorian, folder: Path) -> int:
    """Readings in the sealed files and in DuckDB, counted."""
    sealed = sum(pyarrow.parquet.read_metadata(file).num_rows for _, file in HistoryFiles(folder / "history").raw_days())
    spilled = folder / "spilled"
    spilled.mkdir()
    historian.spill(spilled, _START, _START + (DAYS + 1) * DAY_MS)
    hot = int(pyarrow.parquet.read_metadata(spilled / "hot.parquet").num_rows)
    shutil.rmtree(spilled)
    return sealed + hot


def _forget(folder: Path) -> None:
    """Put the sealed files out of the system's page cache."""
    for file in folder.rglob("*.parquet"):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


if __name__ == "__main__":
    for row in run():
        print(f"{row['id']}  {row['name']:<90} {row['figure']:>9} {row['unit']:<8} {row['bar'] or '':<8} {row['holds']}")
    sys.exit(0)
