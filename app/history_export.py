"""`sitewarden history export`, and the same as the service runs it: a process of its own at low priority, told what to do by one file.

`python -m app.history_export FOLDER` reads `job.json` there (`Job`) and the spill beside it, and prints a JSON line of progress at most
every 0.2 s. The historian's URL comes by environment, so that no secret stands in a list of processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import duckdb

from app.settings import CommandError, Settings, load
from storage.historian import HistorianDown
from storage.historian_influx import InfluxHistorian
from storage.historian_open import open_historian
from storage.history_export import FORMATS, Slice, export, known_points, of_files, of_server
from storage.history_files import HistoryFiles, spill_sealed
from storage.history_steps import DAY_MS

LEAST_FREE = 1 << 29  # bytes: an export never takes the journal's room
_EVERY_S = 0.2
_LOWEST = 19  # nice


@dataclass(frozen=True, slots=True)
class Job:
    """Which points (`device:metric`), which span, into which file."""

    points: list[str]
    from_ms: int
    to_ms: int
    file: str

    def write(self, folder: Path) -> None:
        (folder / "job.json").write_text(json.dumps(asdict(self)))


def export_history(
    settings: Settings,
    from_ms: int,
    to_ms: int,
    file: Path,
    points: Sequence[str] = (),
    devices: Sequence[str] = (),
    progress: Callable[[float, int], None] = lambda part, readings: None,
) -> str:
    """The command: the readings of these points and devices (neither: of all) as a file. Returns the line to print; raises
    CommandError."""
    if file.suffix.lstrip(".") not in FORMATS:
        raise CommandError(f"{file} ends neither in .csv nor in .parquet")
    if from_ms >= to_ms:
        raise CommandError("--from must lie before --to")
    os.nice(_LOWEST)
    with contextlib.ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".export-", dir=file.absolute().parent)))
            known = spilled(settings, folder, from_ms, to_ms)
            wanted = [point for point in known if (not points and not devices) or point in points or point.rpartition(":")[0] in devices]
            missing = [name for name in points if name not in known]
            missing += [name for name in devices if not any(point.rpartition(":")[0] == name for point in known)]
            if missing:
                raise CommandError(f"history knows no {missing[0]}; it has {len(known)} points{_some(known)}")
            slices = stack.enter_context(_slices(settings, folder, wanted, from_ms, to_ms))
            count = export(slices, file, from_ms, to_ms, progress)
        except (HistorianDown, duckdb.Error, OSError) as error:
            raise CommandError(f"the export failed: {error}") from None
    return f"{count} readings of {len(wanted)} points are in {file}"


def spilled(settings: Settings, folder: Path, from_ms: int, to_ms: int) -> list[str]:
    """Have the historian spill, beside a running service what is sealed; returns all points that it knows."""
    historian = open_historian(settings.historian, settings.data_dir)
    with contextlib.closing(historian):
        if isinstance(historian, InfluxHistorian):
            return historian.points()
        try:
            historian.spill(folder, from_ms, to_ms)
        except HistorianDown as error:
            files = HistoryFiles(settings.data_dir / "history")
            until_ms = (max((day for day, _ in files.raw_days()), default=-1) + 1) * DAY_MS
            if "lock" not in str(error).lower():
                raise
            if to_ms > until_ms:
                raise CommandError(
                    f"the running service holds the readings from {_iso(until_ms)} on: end the span there, or export from the device's page"
                ) from None
            spill_sealed(files, folder, from_ms, to_ms)
        return known_points(folder)


@contextlib.contextmanager
def _slices(settings: Settings, folder: Path, points: Sequence[str], from_ms: int, to_ms: int) -> Iterator[Iterator[Slice]]:
    if settings.historian.startswith("influx"):
        with contextlib.closing(open_historian(settings.historian, settings.data_dir)) as historian:
            yield of_server(historian, points, from_ms, to_ms)
    else:
        yield of_files(folder, points, from_ms, to_ms)


def _some(known: Sequence[str]) -> str:
    return f", such as {', '.join(known[:3])}" if known else ""


def _iso(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms // 1000))


def shown(terminal: TextIO) -> Callable[[float, int], None]:
    """Progress as one line that is written over, on a terminal only."""
    said_s = 0.0

    def progress(part: float, readings: int) -> None:
        nonlocal said_s
        if terminal.isatty() and (part >= 1.0 or time.monotonic() - said_s >= _EVERY_S):
            said_s = time.monotonic()
            bar = "#" * int(part * 30)
            terminal.write(f"\r[{bar:<30}] {part:4.0%} {readings:>14,} readings" + ("\n" if part >= 1.0 else ""))
            terminal.flush()

    return progress


def child(folder: Path) -> int:
    """The job of a folder; progress on standard output, a failure as one line on standard error."""
    os.nice(_LOWEST)
    job = Job(**json.loads((folder / "job.json").read_text()))
    said_s = 0.0

    def progress(part: float, readings: int) -> None:
        nonlocal said_s
        if shutil.disk_usage(folder).free < LEAST_FREE:
            raise OSError(f"the disk has less than {LEAST_FREE >> 20} MiB left, which the journal needs more")
        if part >= 1.0 or time.monotonic() - said_s >= _EVERY_S:
            said_s = time.monotonic()
            print(json.dumps({"part": part, "readings": readings}), flush=True)

    try:
        with _slices(load(), folder, job.points, job.from_ms, job.to_ms) as slices:
            export(slices, Path(job.file), job.from_ms, job.to_ms, progress)
    except (HistorianDown, duckdb.Error, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(child(Path(sys.argv[1])))
