"""History as one CSV or Parquet file: every raw reading of given points in a span, by days, then by point and time.

It runs where it disturbs nobody (a process of its own): it reads what the embedded historian has spilled for it, and asks InfluxDB
itself. Columns: `point,taken_ms,value`, which is what
`sitewarden backtest --readings` takes, then `taken_at` (ISO 8601 UTC) and `unit` for people.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from sites.metrics import unit_of
from sites.model import point_id, point_key
from storage.historian import Historian
from storage.history_files import HistoryFiles
from storage.history_steps import DAY_MS

FORMATS = ("csv", "parquet")
SCHEMA = pyarrow.schema(
    [
        ("point", pyarrow.string()),
        ("taken_ms", pyarrow.int64()),
        ("value", pyarrow.float64()),
        ("taken_at", pyarrow.string()),
        ("unit", pyarrow.string()),
    ]
)
_AT_ONCE = 100_000
_DAYS_AT_ONCE = 10  # of a server, which is asked for each point
_DAY = """
  WITH fresh AS (SELECT key, taken_ms, last(value ORDER BY file_row_number) AS value
                 FROM read_parquet($hot, file_row_number = true)
                 WHERE key IN (SELECT key FROM asked) AND taken_ms >= $from AND taken_ms < $to GROUP BY key, taken_ms)
  {older}
"""
_FRESH = "SELECT key, taken_ms, value FROM fresh"
_OLDER = """
  UNION ALL SELECT key, taken_ms, value FROM read_parquet($day) AS old ANTI JOIN fresh USING (key, taken_ms)
  WHERE key IN (SELECT key FROM asked) AND taken_ms >= $from AND taken_ms < $to
"""
_NAMED = """
  SELECT point, taken_ms, value, strftime(make_timestamp(taken_ms * 1000), '%Y-%m-%dT%H:%M:%S.%gZ') AS taken_at, unit
  FROM ({day}) JOIN asked USING (key) ORDER BY key, taken_ms
"""

_NOTHING = pyarrow.RecordBatch.from_pylist([], SCHEMA)
Slice = tuple[Any, int]  # a pyarrow.RecordBatch of SCHEMA, and the ms up to which the span is done


def known_points(spilled: Path) -> list[str]:
    """The points that the embedded historian has a name for."""
    names = pyarrow.parquet.read_table(spilled / "points.parquet", columns=["device_id", "metric"])
    return sorted(set(map(point_id, names["device_id"].to_pylist(), names["metric"].to_pylist())))


def of_files(spilled: Path, points: Sequence[str], from_ms: int, to_ms: int) -> Iterator[Slice]:
    """The readings of a spill. Raises duckdb.Error, OSError."""
    files = dict(HistoryFiles(spilled).raw_days())
    hot = pyarrow.parquet.read_table(spilled / "hot.parquet", columns=["taken_ms"])["taken_ms"].to_numpy()
    days = sorted(set(files) | set(np.unique(hot // DAY_MS).tolist()))
    split = [point.rpartition(":") for point in points]
    asked = pyarrow.table(
        {
            "key": pyarrow.array([point_key(device_id, metric) for device_id, _, metric in split], pyarrow.int64()),
            "point": pyarrow.array(list(points), pyarrow.string()),
            "unit": pyarrow.array([unit_of(metric) for _, _, metric in split], pyarrow.string()),
        }
    )
    with contextlib.closing(duckdb.connect(config={"threads": 1, "memory_limit": "512MB"})) as connection:
        connection.register("asked", asked)
        for day in days:
            bounds: dict[str, Any] = {
                "from": max(from_ms, day * DAY_MS),
                "to": min(to_ms, (day + 1) * DAY_MS),
                "hot": str(spilled / "hot.parquet"),
            }
            query = _DAY.format(older=_FRESH)
            if bounds["from"] >= bounds["to"]:
                continue
            if day in files:
                bounds["day"] = str(files[day])
                query += _OLDER
            result: Any = connection.sql(_NAMED.format(day=query), params=bounds)
            for rows in result.to_arrow_reader(_AT_ONCE):
                yield rows, int(bounds["from"])
            yield _NOTHING, int(bounds["to"])


def of_server(historian: Historian, points: Sequence[str], from_ms: int, to_ms: int) -> Iterator[Slice]:
    """Readings that are asked for by some days and point, of a historian without retention of its own. Raises HistorianDown."""
    for start in range(from_ms, to_ms, _DAYS_AT_ONCE * DAY_MS):
        end = min(to_ms, start + _DAYS_AT_ONCE * DAY_MS)
        for point in points:
            yield from ((rows, start) for rows in _pages(historian, point, start, end))
        yield _NOTHING, end


def export(slices: Iterator[Slice], file: Path, from_ms: int, to_ms: int, progress: Callable[[float, int], None]) -> int:
    """Write the readings into `file`, as its name ends (`FORMATS`); it appears when it is whole. `progress` is told the part done (0 to 1)
    and the readings written. Returns how many. Raises ValueError for another ending, OSError."""
    form = file.suffix.lstrip(".")
    if form not in FORMATS:
        raise ValueError(f"{file.name} ends neither in .csv nor in .parquet")
    partial = file.with_name(file.name + ".part")
    count = 0
    try:
        with contextlib.ExitStack() as stack:
            if form == "csv":
                writer: Any = stack.enter_context(pyarrow.csv.CSVWriter(str(partial), SCHEMA))
            else:
                writer = stack.enter_context(pyarrow.parquet.ParquetWriter(str(partial), SCHEMA, compression="zstd"))
            for rows, until_ms in slices:
                if len(rows):
                    writer.write_batch(rows.cast(SCHEMA))
                    count += len(rows)
                progress((until_ms - from_ms) / (to_ms - from_ms), count)
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    progress(1.0, count)
    return count


def _pages(historian: Historian, point: str, from_ms: int, to_ms: int) -> Iterator[Any]:
    """The raw readings of a point, in pieces of time that hold few enough to be given as they are."""
    series = historian.series(point, from_ms, to_ms, _AT_ONCE)
    if series.step_ms and to_ms - from_ms > 1:
        middle = (from_ms + to_ms) // 2
        yield from _pages(historian, point, from_ms, middle)
        yield from _pages(historian, point, middle, to_ms)
        return
    taken = series.taken_ms
    if len(taken):
        count = len(taken)
        at = np.char.add(np.datetime_as_string(taken.astype("datetime64[ms]"), unit="ms"), "Z").tolist()
        columns = [[point] * count, taken, series.mean, at, [unit_of(point.rpartition(":")[2])] * count]
        yield pyarrow.RecordBatch.from_arrays(
            [pyarrow.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
        )
