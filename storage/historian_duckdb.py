"""The embedded historian: today in DuckDB, finished days as one Parquet file each, sorted by point and time.

Only its writer's thread writes and seals; every reader has a cursor of its own. Other processes may read the Parquet files at any time:
`YYYY-MM-DD.parquet` (key, taken_ms, value; UTC days) and `points.parquet` (what each key is). They are replaced whole, never changed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow

from sites.model import point_key
from sites.series import Series
from storage.historian import HistorianDown
from storage.history_steps import DAY_MS, overlapping, raw, step_for
from storage.projection import HistoryBatch, PointName

LATE_MS = 3_600_000  # a day is sealed this long after its end; what is later still is sealed with the next day
MEMORY = "512MB"
THREADS = 2
_ROW_GROUP = 32_768  # readings of a few points: a chart of one point reads one or two groups of a day
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS hot (key BIGINT NOT NULL, taken_ms BIGINT NOT NULL, value DOUBLE NOT NULL)",
    "CREATE TABLE IF NOT EXISTS points (key BIGINT NOT NULL, site_id VARCHAR, device_id VARCHAR, metric VARCHAR, unit VARCHAR)",
    "CREATE TABLE IF NOT EXISTS progress (position BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS gaps (from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL)",
    "INSERT INTO progress SELECT 0 WHERE NOT EXISTS (FROM progress)",
)
# hot rows win over sealed ones: they are later
_POINT = """
  WITH fresh AS (SELECT taken_ms, last(value ORDER BY rowid) AS value FROM hot
                 WHERE key = $key AND taken_ms >= $from AND taken_ms < $to GROUP BY taken_ms),
       sealed AS ({sealed}),
       merged AS (FROM fresh UNION ALL SELECT taken_ms, value FROM sealed WHERE taken_ms NOT IN (SELECT taken_ms FROM fresh))
"""
_SEALED = "SELECT taken_ms, value FROM read_parquet($files) WHERE key = $key AND taken_ms >= $from AND taken_ms < $to"
_NONE_SEALED = "SELECT 0::BIGINT AS taken_ms, 0.0::DOUBLE AS value WHERE false"
_RAW = "SELECT taken_ms, value FROM merged ORDER BY taken_ms LIMIT $limit"
_STEPS = """
  SELECT taken_ms // $step * $step AS taken_ms, min(value) AS minimum, avg(value) AS mean, max(value) AS maximum
  FROM merged GROUP BY 1 ORDER BY 1
"""
_DAY = """
  WITH fresh AS (SELECT key, taken_ms, last(value ORDER BY rowid) AS value FROM hot
                 WHERE taken_ms >= $from AND taken_ms < $to GROUP BY key, taken_ms)
  FROM fresh {older} ORDER BY key, taken_ms
"""
_OLDER = "UNION ALL SELECT key, taken_ms, value FROM read_parquet({file}) AS old ANTI JOIN fresh USING (key, taken_ms)"


class DuckDbHistorian:
    """`path` is the DuckDB file, `folder` takes the sealed days; both are made when missing. A file that cannot be opened (locked,
    damaged, disk gone) makes it *down* until it can."""

    def __init__(self, path: Path, folder: Path, threads: int = THREADS, memory: str = MEMORY) -> None:
        self._path, self._folder = path, folder
        self._config: dict[str, Any] = {"threads": threads, "memory_limit": memory, "temp_directory": str(folder / "sorting")}
        self._lock = threading.Lock()
        self._connection: Any = None
        self._is_closed = False
        self._position = 0
        self._named: set[int] = set()

    def position(self) -> int:
        with self._working():
            self._open()
            return self._position

    def write(self, batch: HistoryBatch, name_of: Callable[[int], PointName]) -> None:
        with self._working():
            connection = self._open()
            if batch.position <= self._position:
                return
            names = self._new_names(batch, name_of)
            connection.execute("BEGIN")
            try:
                if len(batch):
                    rows = pyarrow.table({"key": batch.keys, "taken_ms": batch.taken_ms, "value": batch.values})
                    self._insert("hot", rows)
                if names:
                    columns = ("key", "site_id", "device_id", "metric", "unit")
                    self._insert("points", pyarrow.table({column: [getattr(name, column) for name in names] for column in columns}))
                connection.execute("UPDATE progress SET position = ?", [batch.position])
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                raise
            self._position = batch.position
            self._named.update(name.key for name in names)

    def series(self, point_id: str, from_ms: int, to_ms: int, most: int) -> Series:
        device_id, _, metric = point_id.rpartition(":")
        bounds = {"key": point_key(device_id, metric), "from": from_ms, "to": to_ms}
        with self._working(), contextlib.closing(self._open().cursor()) as cursor:
            cursor.execute("BEGIN")
            # pins what is seen of the hot rows before the folder is looked at: a day that is sealed meanwhile is seen at least once
            cursor.execute("SELECT count(*) FROM progress").fetchall()
            files = [str(file) for day, file in self._sealed() if day * DAY_MS < to_ms and (day + 1) * DAY_MS > from_ms]
            query = _POINT.format(sealed=_SEALED if files else _NONE_SEALED)
            asked = bounds | ({"files": files} if files else {})
            found = cursor.execute(query + _RAW, asked | {"limit": most + 1}).fetchnumpy()
            gaps = overlapping(cursor.execute("FROM gaps").fetchall(), from_ms, to_ms)
            if len(found["taken_ms"]) <= most:
                series = raw(_column(found["taken_ms"], np.int64), _column(found["value"], np.float64))
                series.gaps = gaps
                return series
            step = step_for(from_ms, to_ms, most)
            found = cursor.execute(query + _STEPS, asked | {"step": step}).fetchnumpy()
            low, mean, high = (_column(found[name], np.float64) for name in ("minimum", "mean", "maximum"))
            return Series(_column(found["taken_ms"], np.int64), low, mean, high, step, gaps)

    def note_gap(self, from_ms: int | None, to_ms: int) -> None:
        with self._working():
            connection = self._open()
            if from_ms is None:
                from_ms = connection.execute("SELECT max(taken_ms) FROM hot").fetchone()[0]
            if from_ms is None:
                from_ms = max(((day + 1) * DAY_MS for day, _ in self._sealed()), default=0)
            gap = [min(from_ms, to_ms), to_ms]
            connection.execute("INSERT INTO gaps SELECT ?, ? WHERE NOT EXISTS (FROM gaps WHERE from_ms = ? AND to_ms = ?)", gap + gap)

    def seal(self, now_ms: int) -> None:
        """Move days that ended `LATE_MS` ago or more out of DuckDB, late readings into the files of their days. Killed anywhere, the
        next call finishes it: rows leave DuckDB only after their file is durable, and are the same until then."""
        with self._working():
            connection = self._open()
            first = connection.execute("SELECT min(taken_ms) FROM hot").fetchone()[0]
            until = (now_ms - LATE_MS) // DAY_MS * DAY_MS
            if first is None or first >= until:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            days = connection.execute("SELECT DISTINCT taken_ms // ? FROM hot WHERE taken_ms < ? ORDER BY 1", [DAY_MS, until]).fetchall()
            for (day,) in days:
                bounds = {"from": day * DAY_MS, "to": (day + 1) * DAY_MS}
                file = self._folder / f"{_name_of_day(day)}.parquet"
                older = _OLDER.format(file=_quoted(file)) if file.exists() else ""
                self._export(_DAY.format(older=older), bounds, file)
                connection.execute("DELETE FROM hot WHERE taken_ms >= $from AND taken_ms < $to", bounds)
            self._export("FROM points ORDER BY key", {}, self._folder / "points.parquet")
            with contextlib.suppress(duckdb.TransactionException):  # a reader is at it: the space is had back next time
                connection.execute("CHECKPOINT")

    def close(self) -> None:
        self._is_closed = True
        self._drop()

    # -- inside --------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError) as error:
            if isinstance(error, duckdb.FatalException | duckdb.InternalException):
                self._drop()  # DuckDB says no to everything after it, until it is opened anew
            raise HistorianDown(f"the embedded historian: {error}") from error

    def _open(self) -> Any:
        with self._lock:
            if self._is_closed:
                raise HistorianDown("the embedded historian is closed")
            if self._connection is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                connection: Any = duckdb.connect(str(self._path), config=self._config)
                try:
                    for statement in _SCHEMA:
                        connection.execute(statement)
                    self._position = int(connection.execute("SELECT position FROM progress").fetchone()[0])
                    self._named = {int(key) for (key,) in connection.execute("SELECT key FROM points").fetchall()}
                except BaseException:
                    connection.close()
                    raise
                self._connection = connection
            return self._connection

    def _drop(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _new_names(self, batch: HistoryBatch, name_of: Callable[[int], PointName]) -> list[PointName]:
        names = []
        for key in set(batch.keys.tolist()) - self._named:
            with contextlib.suppress(KeyError):  # kept under its key, and named when somebody knows it
                names.append(name_of(key))
        return names

    def _insert(self, table: str, rows: Any) -> None:
        self._connection.register("incoming", rows)
        try:
            self._connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")
        finally:
            self._connection.unregister("incoming")

    def _export(self, query: str, bounds: dict[str, int], file: Path) -> None:
        """The rows of `query` as a Parquet file that appears whole and durable."""
        for name, value in bounds.items():
            query = query.replace(f"${name}", str(value))
        partial = file.with_suffix(".part")
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP}"
        try:
            self._connection.execute(f"COPY ({query}) TO {_quoted(partial)} ({options})")
            _sync(partial)
            partial.replace(file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync(self._folder)

    def _sealed(self) -> list[tuple[int, Path]]:
        """(UTC day since the epoch, file) of every sealed day."""
        days = []
        for file in sorted(self._folder.glob("????-??-??.parquet")):
            with contextlib.suppress(ValueError):
                days.append((int(datetime.fromisoformat(file.stem).replace(tzinfo=UTC).timestamp()) * 1000 // DAY_MS, file))
        return days


def _name_of_day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS // 1000, UTC).strftime("%Y-%m-%d")


def _quoted(file: Path) -> str:
    return "'" + str(file).replace("'", "''") + "'"


def _column(column: Any, dtype: type) -> Any:
    return np.ascontiguousarray(np.ma.getdata(column), dtype)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
