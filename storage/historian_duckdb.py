"""The embedded historian: today in DuckDB, finished days in Parquet files, raw for a while, by the minute and by the hour for longer.

Only its writer's thread writes and seals; every reader has a cursor of its own. Other processes may read the Parquet files at any time
(`storage.history_files` says which is which). They are replaced whole, never changed.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow

from sites.model import point_key
from sites.series import Series
from storage.historian import HistorianDown
from storage.history_files import HistoryFiles, appear, first_of_next_month, lend, quoted, spill
from storage.history_reader import PointReader, column, columns
from storage.history_steps import DAY_MS, coarser, overlapping, raw, step_for, stepped
from storage.projection import HistoryBatch, PointName
from storage.retention import HOUR_MS, MINUTE_MS, RAW, Kept, Piece, Retention, finest, pieces

LATE_MS = 3_600_000  # a day is sealed this long after its end; what is later still is sealed with the next day
MEMORY = "512MB"
THREADS = 2
ROW_GROUP = 32_768  # readings of a few points: a chart of one point reads one or two groups of a day
_ATTEMPTS = 20  # of a reader under whose hands files were replaced or let go of: DuckDB opens a file more than once
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS hot (key BIGINT NOT NULL, taken_ms BIGINT NOT NULL, value DOUBLE NOT NULL)",
    "CREATE TABLE IF NOT EXISTS points (key BIGINT NOT NULL, site_id VARCHAR, device_id VARCHAR, metric VARCHAR, unit VARCHAR)",
    "CREATE TABLE IF NOT EXISTS progress (position BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS gaps (from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS kept (raw_from_ms BIGINT NOT NULL, minutes_from_ms BIGINT NOT NULL)",
    "INSERT INTO progress SELECT 0 WHERE NOT EXISTS (FROM progress)",
    "INSERT INTO kept SELECT 0, 0 WHERE NOT EXISTS (FROM kept)",
)
_HOT = "SELECT taken_ms, value FROM hot WHERE key = $key AND taken_ms >= $from AND taken_ms < $to ORDER BY taken_ms, rowid"
# hot rows win over sealed ones: they are later
_DAY = """
  WITH fresh AS (SELECT key, taken_ms, last(value ORDER BY rowid) AS value FROM hot
                 WHERE taken_ms >= $from AND taken_ms < $to GROUP BY key, taken_ms)
  FROM fresh {older} ORDER BY key, taken_ms
"""
_OLDER = "UNION ALL SELECT key, taken_ms, value FROM read_parquet({file}) AS old ANTI JOIN fresh USING (key, taken_ms)"
_DOWN = """
  SELECT key, taken_ms // {step} * {step} AS taken_ms, min(value) AS minimum, max(value) AS maximum, sum(value) AS total,
         count(*)::INTEGER AS count
  FROM read_parquet({file}) GROUP BY ALL
"""
_OTHER_DAYS = "SELECT * FROM read_parquet({file}) WHERE NOT (taken_ms >= $from AND taken_ms < $to)"

log = logging.getLogger("sitewarden.history")


class DuckDbHistorian:
    """`path` is the DuckDB file, `folder` takes the sealed days; both are made when missing. A file that cannot be opened (locked,
    damaged, disk gone) makes it *down* until it can. `expired` counts readings that came when their day was no longer kept raw."""

    def __init__(self, path: Path, folder: Path, threads: int = THREADS, memory: str = MEMORY, retention: Retention | None = None) -> None:
        self._path, self._files, self._retention = path, HistoryFiles(folder), retention or Retention()
        self._config: dict[str, Any] = {"threads": threads, "memory_limit": memory, "temp_directory": str(folder / "sorting")}
        self._lock = threading.Lock()
        self._connection: Any = None
        self._is_closed = False
        self._position = 0
        self._kept_from = (0, 0)  # raw readings and minutes older than this were let go of
        self._named: set[int] = set()
        self.expired = 0

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

    def note_gap(self, from_ms: int | None, to_ms: int) -> None:
        with self._working():
            connection = self._open()
            gap = [min(self._newest_ms(connection) if from_ms is None else from_ms, to_ms), to_ms]
            connection.execute("INSERT INTO gaps SELECT ?, ? WHERE NOT EXISTS (FROM gaps WHERE from_ms = ? AND to_ms = ?)", gap + gap)

    # -- charts --------------------------------------------------------------------------------------------------------

    def series(self, point_id: str, from_ms: int, to_ms: int, most: int) -> Series:
        device_id, _, metric = point_id.rpartition(":")
        key = point_key(device_id, metric)
        for _ in range(_ATTEMPTS):
            reader: PointReader | None = None
            with self._working(), contextlib.closing(self._open().cursor()) as cursor:
                try:
                    reader = self._reader(cursor, key, from_ms, to_ms)
                    series = self._series(reader, from_ms, to_ms, most)
                    if reader.is_undisturbed():
                        return series
                except duckdb.Error:
                    if reader is None or reader.is_undisturbed():
                        raise
        raise HistorianDown("the embedded historian: its files are replaced faster than they can be read")

    def _reader(self, cursor: Any, key: int, from_ms: int, to_ms: int) -> PointReader:
        cursor.execute("BEGIN")
        # pins what is seen of the hot rows before the folder is looked at: a day that is sealed meanwhile is seen at least once
        hot = columns(cursor.execute(_HOT, {"key": key, "from": from_ms, "to": to_ms}))
        days, minutes = dict(self._files.raw_days()), dict(self._files.minute_days())
        raw_from, minutes_from = self._kept_from  # after the listing: what that no longer finds is known here to be gone
        # a day with hot readings of this point, or without its minutes, is read raw; so is what comes after it
        unclean = {int(hot["taken_ms"][0]) // DAY_MS} if len(hot["taken_ms"]) else set()
        unclean |= {day for day in days if day not in minutes and day * DAY_MS >= raw_from}
        kept = Kept(raw_from, minutes_from, min(unclean) * DAY_MS if unclean else to_ms)
        return PointReader(cursor, key, kept, hot, days, minutes, self._files.hour_months())

    def _series(self, read: PointReader, from_ms: int, to_ms: int, most: int) -> Series:
        finest_ms = finest(from_ms, read.kept)
        step = max(step_for(from_ms, to_ms, most), finest_ms)
        steps = coarser([read(piece, step) for piece in pieces(from_ms, to_ms, step, read.kept)], step)
        if steps.count.sum() <= most and finest_ms == RAW:
            readings = read(Piece(RAW, from_ms, to_ms), RAW)  # so few that each is shown
            series = raw(readings.taken_ms, readings.total)
        else:
            series = stepped(steps, step)
        series.gaps = overlapping(read.cursor.execute("FROM gaps").fetchall(), from_ms, to_ms)
        return series

    def spill(self, folder: Path, from_ms: int, to_ms: int) -> None:
        with self._working(), contextlib.closing(self._open().cursor()) as cursor:
            bounds = {"from": max(from_ms, self._kept_from[0]), "to": to_ms}
            query = "SELECT key, taken_ms, value FROM hot WHERE taken_ms >= $from AND taken_ms < $to ORDER BY rowid"
            hot = cursor.execute(query, bounds).fetchnumpy()
            names = [PointName(*row) for row in cursor.execute("FROM points").fetchall()]
            keys, taken = (column(hot[name], np.int64) for name in ("key", "taken_ms"))
            lend(self._files.raw_days_of(bounds["from"], to_ms), folder)  # after the hot ones: what is sealed meanwhile is in both
            spill(folder, keys, taken, column(hot["value"], np.float64), names)

    # -- sealing -------------------------------------------------------------------------------------------------------

    def seal(self, now_ms: int) -> None:
        """Move days that ended `LATE_MS` ago or more out of DuckDB, late readings into the files of their days, then let go of what is
        older than its retention. Killed anywhere, the next call finishes it: rows leave DuckDB only after their files are durable."""
        with self._working():
            connection = self._open()
            self._drop_expired(connection, self._kept_from[0])
            until = (now_ms - LATE_MS) // DAY_MS * DAY_MS
            days = connection.execute("SELECT DISTINCT taken_ms // ? FROM hot WHERE taken_ms < ? ORDER BY 1", [DAY_MS, until]).fetchall()
            if days:
                self._files.make()
            for (day,) in days:
                bounds = {"from": day * DAY_MS, "to": (day + 1) * DAY_MS}
                file = self._files.raw(day)
                older = _OLDER.format(file=quoted(file)) if file.exists() else ""
                self._export(_DAY.format(older=older), bounds, file)
                self._step_down(day)
                connection.execute("DELETE FROM hot WHERE taken_ms >= $from AND taken_ms < $to", bounds)
            if days:
                self._export("FROM points ORDER BY key", {}, self._files.points)
            stepped_down = {day for day, _ in self._files.minute_days()}
            for day, _ in self._files.raw_days():
                if day not in stepped_down:  # sealed before there were minutes
                    self._files.make()
                    self._step_down(day)
            self._expire(connection, min(now_ms, self._newest_ms(connection)))
            with contextlib.suppress(duckdb.TransactionException):  # a reader is at it: the space is had back next time
                connection.execute("CHECKPOINT")

    def _step_down(self, day: int) -> None:
        """Make the hours and then the minutes of a sealed day of its raw readings: a day that has its minutes has both."""
        bounds = {"from": day * DAY_MS, "to": (day + 1) * DAY_MS}
        month = self._files.hours(day)
        others = f"UNION ALL ({_OTHER_DAYS.format(file=quoted(month))})" if month.exists() else ""
        of_day = quoted(self._files.raw(day))
        self._export(f"({_DOWN.format(step=HOUR_MS, file=of_day)}) {others} ORDER BY key, taken_ms", bounds, month)
        self._export(f"{_DOWN.format(step=MINUTE_MS, file=of_day)} ORDER BY key, taken_ms", {}, self._files.minutes(day))

    def _expire(self, connection: Any, newest_ms: int) -> None:
        """Let go of what is older than its retention, counted from the newest reading at most: a clock that jumps ahead costs nothing."""
        raw_from, minutes_from, hours_from = self._retention.cuts(newest_ms)
        days = [file for day, file in self._files.raw_days() if day * DAY_MS < raw_from]
        minutes = [file for day, file in self._files.minute_days() if day * DAY_MS < minutes_from]
        hours = [file for day, file in self._files.hour_months() if first_of_next_month(day) * DAY_MS <= hours_from]
        before = self._kept_from
        after = (max(before[0], raw_from) if days else before[0], max(before[1], minutes_from) if minutes else before[1])
        if after != before:  # said before it is done
            connection.execute("UPDATE kept SET raw_from_ms = ?, minutes_from_ms = ?", after)
            self._kept_from = after
        for file in (*days, *minutes, *hours):
            file.unlink(missing_ok=True)

    def _drop_expired(self, connection: Any, raw_from_ms: int) -> None:
        count = connection.execute("SELECT count(*) FROM hot WHERE taken_ms < ?", [raw_from_ms]).fetchone()[0]
        if count:
            connection.execute("DELETE FROM hot WHERE taken_ms < ?", [raw_from_ms])
            self.expired += count
            log.warning("%d readings came when their days were no longer kept raw, and are not kept (%d so far)", count, self.expired)

    def _newest_ms(self, connection: Any) -> int:
        newest = connection.execute("SELECT max(taken_ms) FROM hot").fetchone()[0]
        for _, file in self._files.raw_days()[-1:] if newest is None else ():
            newest = connection.execute("SELECT max(taken_ms) FROM read_parquet(?)", [str(file)]).fetchone()[0]
        return int(newest or 0)

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
                    self._kept_from = connection.execute("FROM kept").fetchone()
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
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
        try:
            self._connection.execute(f"COPY ({query}) TO {quoted(partial)} ({options})")
            appear(partial, file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
