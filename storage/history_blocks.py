"""History in large blocks in order of time, for the rule engine: the points asked for as array rows, nothing by name.

It runs in a process of its own and reads what the embedded historian has spilled for it (`storage.history_files`), or asks InfluxDB.
However long the span, a block is bounded: days with more readings are read in several parts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from storage.historian import Historian
from storage.history_files import HistoryFiles
from storage.history_reader import column
from storage.history_steps import DAY_MS, step_for

MOST = 1 << 22  # readings that are put in order at once
_AT_ONCE = 100_000  # of a point, in one answer of a server
_SHORTEST_MS, _LONGEST_MS = 60_000, 10 * DAY_MS  # spans that a server is asked for
_SEALED = (
    "SELECT asked.row AS row, taken_ms, value FROM read_parquet($day) JOIN asked USING (key) WHERE taken_ms >= $from AND taken_ms < $to"
)
_HOT = """
  WITH fresh AS (SELECT asked.row AS row, taken_ms, last(value ORDER BY file_row_number) AS value
                 FROM read_parquet($hot, file_row_number = true) JOIN asked USING (key)
                 WHERE taken_ms >= $from AND taken_ms < $to GROUP BY ALL)
"""
_FRESH = _HOT + "FROM fresh"
_BOTH = _HOT + f"FROM fresh UNION ALL FROM ({_SEALED}) AS old ANTI JOIN fresh USING (row, taken_ms)"


class Block(NamedTuple):
    """Readings by time, of one time as they came. `until_ms`: the span is done up to here (exclusive)."""

    rows: NDArray[np.int32]
    taken_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    until_ms: int


def in_order(rows: NDArray[Any], taken_ms: NDArray[np.int64], values: NDArray[np.float64], until_ms: int) -> Block:
    """A block of readings that came in any order."""
    if len(taken_ms) and bool((taken_ms[1:] < taken_ms[:-1]).any()):
        since = taken_ms - taken_ms.min()
        if len(since) < 1 << 26 and int(since.max()) < 1 << 36:
            # time and place in one number sort several times faster than a stable sort by time
            order = np.sort((since << 26) | np.arange(len(since)))
            order &= (1 << 26) - 1
        else:
            order = np.argsort(since, kind="stable")
        rows, taken_ms, values = rows[order], taken_ms[order], values[order]
    return Block(rows.astype(np.int32, copy=False), taken_ms, values, until_ms)


def of_files(spilled: Path, keys: NDArray[np.int64], from_ms: int, to_ms: int, most: int = MOST) -> Iterator[Block]:
    """The readings of a spill; `keys[row]` is the point of a row. Raises duckdb.Error, OSError."""
    files = dict(HistoryFiles(spilled).raw_days())
    hot = pyarrow.parquet.read_table(spilled / "hot.parquet", columns=["taken_ms"])["taken_ms"].to_numpy()
    hot_days = set(np.unique(hot // DAY_MS).tolist())
    asked = pyarrow.table({"key": keys, "row": np.arange(len(keys), dtype=np.int32)})
    with contextlib.closing(duckdb.connect(config={"threads": 1, "memory_limit": "512MB"})) as connection:
        connection.register("asked", asked)
        for day in sorted(set(files) | hot_days):
            begin, end = max(from_ms, day * DAY_MS), min(to_ms, (day + 1) * DAY_MS)
            if begin >= end:
                continue
            bounds: dict[str, Any] = {}
            count = len(hot) if day in hot_days else 0
            if day in hot_days:
                bounds["hot"] = str(spilled / "hot.parquet")
            if day in files:
                bounds["day"] = str(files[day])
                count += _count(connection, bounds["day"])
            query = _SEALED if day not in hot_days else _BOTH if day in files else _FRESH
            for start, stop in _parts(begin, end, -(-count // most)):
                found = connection.execute(query, bounds | {"from": start, "to": stop}).fetchnumpy()
                rows = column(found["row"], np.int32)
                yield in_order(rows, column(found["taken_ms"], np.int64), column(found["value"], np.float64), stop)


def of_server(historian: Historian, points: Sequence[str], from_ms: int, to_ms: int, most: int = MOST) -> Iterator[Block]:
    """Raw readings as a historian gives them by point; `points[row]` is the point of a row. Raises HistorianDown."""
    start, span_ms = from_ms, 60 * _SHORTEST_MS
    while start < to_ms:
        stop = min(to_ms, start + span_ms)
        parts = [(row, *raw) for row, point in enumerate(points) for raw in _raw(historian, point, start, stop)]
        count = sum(len(taken) for _, taken, _ in parts)
        rows = np.repeat(np.array([row for row, _, _ in parts], np.int32), [len(taken) for _, taken, _ in parts])
        taken = np.concatenate([taken for _, taken, _ in parts] or [np.zeros(0, np.int64)])
        values = np.concatenate([values for _, _, values in parts] or [np.zeros(0, np.float64)])
        yield in_order(rows, taken, values, stop)
        start = stop
        # as long as fills half a block, growing slowly: what comes may be denser
        span_ms = int(min(_LONGEST_MS, max(_SHORTEST_MS, span_ms * min(4.0, most / 2 / max(count, 1)))))


def _count(connection: Any, file: str) -> int:
    """An upper bound of the asked readings of a day: cheap where everything is asked for."""
    return int(connection.execute("SELECT count(*) FROM read_parquet($day) SEMI JOIN asked USING (key)", {"day": file}).fetchone()[0])


def _parts(begin: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    step = max(1, -(-(end - begin) // max(1, wanted)))
    for start in range(begin, end, step):
        yield start, min(end, start + step)


def _raw(historian: Historian, point: str, from_ms: int, to_ms: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """In pieces of time that hold few enough readings to be given as they are. Where only steps are kept there are none."""
    series = historian.series(point, from_ms, to_ms, _AT_ONCE)
    if not series.step_ms:
        if len(series.taken_ms):
            yield np.asarray(series.taken_ms, np.int64), np.asarray(series.mean, np.float64)
        return
    if not len(series.taken_ms):
        return
    if series.step_ms > step_for(from_ms, to_ms, _AT_ONCE):  # coarser than the number of readings asks for: gone, by whole days
        middle = (from_ms // DAY_MS + 1) * DAY_MS
    else:
        middle = (from_ms + to_ms) // 2
        yield from _raw(historian, point, from_ms, middle)
    if middle < to_ms:
        yield from _raw(historian, point, middle, to_ms)
