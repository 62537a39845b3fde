"""The embedded historian's files: which file holds which days in which form, how one appears whole, what is handed to other processes.

In the folder: `YYYY-MM-DD.parquet` (key, taken_ms, value: raw readings of a UTC day), `minutes/YYYY-MM-DD.parquet` and
`hours/YYYY-MM.parquet` (key, taken_ms, minimum, maximum, total, count: steps of a day, of a month), each sorted by key and time, and
`points.parquet` (what each key is). A *spill* is a folder with a span's raw days, with `hot.parquet` (what is in no file yet, and wins) and
`points.parquet`: all that another process needs, and nobody replaces its files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pyarrow.parquet
from numpy import float64, int64, zeros
from numpy.typing import NDArray

from storage.history_steps import DAY_MS
from storage.projection import PointName

NAME_COLUMNS = ("key", "site_id", "device_id", "metric", "unit")
_NAMES = pyarrow.schema([("key", pyarrow.int64()), *((column, pyarrow.string()) for column in NAME_COLUMNS[1:])])


class HistoryFiles:
    """The files below `folder`, by days since the epoch. It lists and names them; `storage.historian_duckdb` writes and removes them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._minutes, self._hours = folder, folder / "minutes", folder / "hours"
        self.points = folder / "points.parquet"

    def make(self) -> None:
        for folder in (self.folder, self._minutes, self._hours):
            folder.mkdir(parents=True, exist_ok=True)

    def raw(self, day: int) -> Path:
        return self.folder / f"{_day(day)}.parquet"

    def minutes(self, day: int) -> Path:
        return self._minutes / f"{_day(day)}.parquet"

    def hours(self, day: int) -> Path:
        """The file of the day's month."""
        return self._hours / f"{_day(day)[:7]}.parquet"

    def raw_days(self) -> list[tuple[int, Path]]:
        """(day, file), ascending."""
        return _listed(self.folder, "????-??-??.parquet")

    def raw_days_of(self, from_ms: int, to_ms: int) -> list[Path]:
        """Files of the days that touch [from_ms, to_ms)."""
        return [file for day, file in self.raw_days() if day * DAY_MS < to_ms and (day + 1) * DAY_MS > from_ms]

    def minute_days(self) -> list[tuple[int, Path]]:
        return _listed(self._minutes, "????-??-??.parquet")

    def hour_months(self) -> list[tuple[int, Path]]:
        """(first day, file), ascending."""
        return _listed(self._hours, "????-??.parquet")


def first_of_next_month(day: int) -> int:
    """The first day of the month after that of `day`."""
    moment = datetime.fromtimestamp(day * DAY_MS // 1000, UTC)
    year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000 // DAY_MS


def quoted(file: Path) -> str:
    """A file's name in SQL."""
    return "'" + str(file).replace("'", "''") + "'"


def appear(partial: Path, file: Path) -> None:
    """Make a finished file durable under its name, in the place of an older one."""
    sync(partial)
    partial.replace(file)
    sync(file.parent)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lend(files: Iterable[Path], folder: Path) -> None:
    """Give files a second name in a folder, by which they stay as they are when they are replaced or removed."""
    for file in files:
        try:
            os.link(file, folder / file.name)
        except FileNotFoundError:
            continue  # let go of just now
        except OSError:
            shutil.copyfile(file, folder / file.name)  # the folder is on another disk


def spill(folder: Path, keys: NDArray[int64], taken_ms: NDArray[int64], values: NDArray[float64], names: Iterable[PointName]) -> None:
    """Write a spill. Of two readings of a key at one time the later row counts."""
    table = pyarrow.table({"key": keys, "taken_ms": taken_ms, "value": values})
    pyarrow.parquet.write_table(table, folder / "hot.parquet", compression="zstd")
    rows = [{column: getattr(name, column) for column in NAME_COLUMNS} for name in names]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=_NAMES), folder / "points.parquet")


def spill_sealed(files: HistoryFiles, folder: Path, from_ms: int, to_ms: int) -> None:
    """A spill of what is sealed alone, made beside a running service."""
    lend(files.raw_days_of(from_ms, to_ms), folder)
    nothing = zeros(0, int64)
    spill(folder, nothing, nothing, zeros(0, float64), [])
    if files.points.exists():
        (folder / "points.parquet").unlink()
        lend([files.points], folder)


def _day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_MS // 1000, UTC).strftime("%Y-%m-%d")


def _listed(folder: Path, pattern: str) -> list[tuple[int, Path]]:
    found = []
    for file in sorted(folder.glob(pattern)):
        name = file.stem if len(file.stem) == 10 else f"{file.stem}-01"
        with contextlib.suppress(ValueError):
            found.append((int(datetime.fromisoformat(name).replace(tzinfo=UTC).timestamp()) * 1000 // DAY_MS, file))
    return found
