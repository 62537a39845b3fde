"""A file of readings for a backtest: CSV with the columns `point`, `taken_ms` and `value` in any order, and any others beside them.

It is read once from begin to end, in whatever order its readings are, and put in order of time by the disk: a file per UTC day, and days
with too many readings once more by parts of the day. So memory stays bounded however long the file is. What is wrong with it is said with
its line.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.csv
from numpy.typing import NDArray

from app.settings import CommandError
from sites.model import ID_PATTERN
from storage.history_blocks import MOST, Block, in_order
from storage.history_steps import DAY_MS

COLUMNS = ("point", "taken_ms", "value")
_TYPES = {"point": pyarrow.string(), "taken_ms": pyarrow.int64(), "value": pyarrow.float64()}
_CHUNK = 1 << 22  # bytes
_ROW = np.dtype([("row", "<i4"), ("taken_ms", "<i8"), ("value", "<f8")])
_LAST_MS = 253_402_300_800_000  # the year 10000
_POINT = "DEVICE:METRIC or SITE/DEVICE:METRIC, of letters, digits, '_', '.' and '-'"


class ReadingsFile:
    """The readings of a file, spooled into `folder` (an empty one). `points[row]` is the point's name as the file has it; `from_ms` and
    `until_ms` span its readings. Raises CommandError."""

    def __init__(
        self,
        file: Path,
        folder: Path,
        from_ms: int | None,
        to_ms: int | None,
        progress: Callable[[float, int], None],
    ) -> None:
        self.points: list[str] = []
        self.count = 0
        self.from_ms = self.until_ms = 0
        self._row_of: dict[str, int] = {}
        self._folder = folder
        self._days: dict[int, int] = {}  # day -> readings
        self._bounds = (0 if from_ms is None else from_ms, _LAST_MS if to_ms is None else to_ms)
        try:
            self._spool(file, progress)
        except (pyarrow.ArrowException, UnicodeDecodeError) as error:
            raise CommandError(_first_problem(file) or f"{file}: {error}") from None
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror or error}") from None

    def blocks(self) -> Iterator[Block]:
        """In order of time."""
        for day in sorted(self._days):
            for part, count in self._parts(day):
                found = np.fromfile(part, _ROW, count)
                yield in_order(found["row"], found["taken_ms"].copy(), found["value"].copy(), (day + 1) * DAY_MS)

    def fullest(self) -> Block | None:
        """The block with most readings: what can be learnt from it is typical."""
        if not self._days:
            return None
        part, count = max(self._parts(max(self._days, key=lambda day: self._days[day])), key=lambda each: each[1])
        found = np.fromfile(part, _ROW, min(count, MOST))
        return in_order(found["row"], found["taken_ms"].copy(), found["value"].copy(), 0)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _spool(self, file: Path, progress: Callable[[float, int], None]) -> None:
        size = max(1, file.stat().st_size)
        with open(file, "rb") as source:
            reader = pyarrow.csv.open_csv(
                source,
                read_options=pyarrow.csv.ReadOptions(block_size=_CHUNK),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=_TYPES, include_columns=COLUMNS, null_values=[], strings_can_be_null=False
                ),
            )
            for batch in reader:
                self._take(file, batch)
                progress(min(0.999, source.tell() / size), self.count)

    def _take(self, file: Path, batch: Any) -> None:
        if not batch.num_rows:
            return
        named = pyarrow.compute.dictionary_encode(batch["point"])
        rows = np.array([self._row(file, name) for name in named.dictionary.to_pylist()], np.int32)[named.indices.to_numpy()]
        taken, values = batch["taken_ms"].to_numpy(), batch["value"].to_numpy()
        if not np.isfinite(values).all() or int(taken.min()) < 0 or int(taken.max()) >= _LAST_MS:
            raise CommandError(_first_problem(file) or f"{file}: a value is no finite number")
        inside = (taken >= self._bounds[0]) & (taken < self._bounds[1])
        if not inside.all():
            rows, taken, values = rows[inside], taken[inside], values[inside]
        if not len(rows):
            return
        first, last = int(taken.min()), int(taken.max())
        self.from_ms = first if not self.count else min(self.from_ms, first)
        self.until_ms = max(self.until_ms, last + 1)
        self.count += len(rows)
        table = np.empty(len(rows), _ROW)
        table["row"], table["taken_ms"], table["value"] = rows, taken, values
        day = taken // DAY_MS
        for each in np.unique(day).tolist():
            own = table if first // DAY_MS == last // DAY_MS else table[day == each]
            _append(self._folder / f"{each}.rows", own)
            self._days[each] = self._days.get(each, 0) + len(own)

    def _row(self, file: Path, name: str) -> int:
        row = self._row_of.get(name)
        if row is None:
            if not is_point(name):
                raise CommandError(_first_problem(file) or f"{file}: {name!r} is no point: {_POINT}")
            row = self._row_of[name] = len(self.points)
            self.points.append(name)
        return row

    def _parts(self, day: int) -> Iterator[tuple[Path, int]]:
        """The day's readings in files of at most about `MOST`, ascending."""
        file, count = self._folder / f"{day}.rows", self._days[day]
        parts = -(-count // MOST)
        if parts == 1:
            yield file, count
            return
        parts *= 2  # readings are not spread evenly
        counts = [0] * parts
        names = [self._folder / f"{day}.{part}.rows" for part in range(parts)]
        for name in names:
            name.unlink(missing_ok=True)
        with open(file, "rb") as source:
            while len(found := np.fromfile(source, _ROW, MOST // 4)):
                place = (found["taken_ms"] - day * DAY_MS) * parts // DAY_MS
                for part in np.unique(place).tolist():
                    own = found[place == part]
                    counts[part] += len(own)
                    _append(names[part], own)
        yield from ((name, count) for name, count in zip(names, counts, strict=True) if count)


def is_point(name: str) -> bool:
    """Whether this names a point of a file: `device:metric`, with the device's site before it or not."""
    place, _, metric = name.rpartition(":")
    site, slash, device = place.rpartition("/")
    return all(ID_PATTERN.match(part) is not None for part in (device, metric)) and (not slash or ID_PATTERN.match(site) is not None)


def _append(file: Path, rows: NDArray[Any]) -> None:
    with open(file, "ab") as out:
        rows.tofile(out)


def _first_problem(file: Path) -> str | None:
    """What is wrong, with its line: a slow second look, taken only when something is."""
    try:
        with open(file, newline="", encoding="utf-8-sig") as source:
            lines = csv.reader(source)
            header = next(lines, None)
            if header is None:
                return f"{file} is empty; its first line must name the columns {', '.join(COLUMNS)}"
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                return f"{file}: line 1: there is no column {missing[0]}; its first line must name the columns {', '.join(COLUMNS)}"
            at = {name: header.index(name) for name in COLUMNS}
            for cells in lines:
                problem = _problem(cells, len(header), at) if cells else None
                if problem is not None:
                    return f"{file}: line {lines.line_num}: {problem}"
    except UnicodeDecodeError:
        return f"{file} is not UTF-8 text"
    except csv.Error as error:
        return f"{file}: line {lines.line_num}: {error}"
    return None


def _problem(cells: list[str], width: int, at: dict[str, int]) -> str | None:
    if len(cells) != width:
        return f"{len(cells)} columns, where the first line has {width}"
    point, taken, value = (cells[at[name]] for name in COLUMNS)
    if not is_point(point):
        return f"point {point!r}: must be {_POINT}"
    try:
        if not 0 <= int(taken) < _LAST_MS:
            return f"taken_ms {taken}: must be milliseconds since 1970 in UTC, before the year 10000"
    except ValueError:
        return f"taken_ms {taken!r}: must be a whole number of milliseconds since 1970 in UTC"
    try:
        if not math.isfinite(float(value)):
            return f"value {value}: must be a finite number"
    except ValueError:
        return f"value {value!r}: must be a number"
    return None
