"""A backtest as a process of its own at low priority: told what to do by one file, it prints its progress and leaves its result as a file.

`python -m app.backtest FOLDER` reads `job.json` there (`Job`) and the spill beside it, prints a JSON line of progress at most every 0.2 s
and writes `result.json` (`Result`). The historian's URL comes by environment, so that no secret stands in a list of processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import msgspec
import numpy as np

from app.places import Places
from app.settings import load
from rules.backtest import BLOCK, Judged, Result, Run, Tried, difference, episodes, fates
from rules.findings import Edge, Finding
from rules.model import Rule
from sites.calendars import local_day
from sites.model import point_key
from sites.readings import Readings
from sites.roster import Roster
from storage.historian import HistorianDown
from storage.historian_open import open_historian
from storage.history_blocks import Block, of_files, of_server

MOST_FINDINGS = 100_000  # of each version: a rule that makes more is stopped there, and says so
_EVERY_S = 0.2
_LOWEST = 19  # nice


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to try on what. `present` is the version that `tried` is compared with (None: there is none)."""

    tried: Rule
    present: Rule | None
    companions: list[Rule]
    places: Places
    from_ms: int
    to_ms: int
    judged: list[Judged] = field(default_factory=list)


Progress = Callable[[float, int], None]


def step_through(
    runs: list[Run], blocks: Iterable[Block], to_ms: int, take: Callable[[int, list[Finding]], bool], after: Callable[[Block], None]
) -> bool:
    """Step every run over the blocks and then to `to_ms`; `take` is handed each one's findings and says whether to go on, `after` each
    block. Returns whether it went to the end."""

    def _all_taken(found: Iterable[list[Finding]]) -> bool:
        return min([take(number, findings) for number, findings in enumerate(found)])  # each is handed its own, whatever another says

    for block in blocks:
        for start in range(0, len(block.rows), BLOCK):
            part = slice(start, start + BLOCK)
            taken = block.taken_ms[part]
            readings = Readings.of(block.rows[part], taken, taken, block.values[part])
            if not _all_taken(run.take(readings) for run in runs):
                return False
        after(block)
    return _all_taken(run.finish(to_ms) for run in runs)


def backtest(job: Job, blocks: Iterable[Block], progress: Progress) -> Result:
    """Try it. Readings come in order of time, as rows of `job.places.points`."""
    began = time.monotonic()
    roster = job.places.roster()
    versions = [job.tried, *([] if job.present is None else [job.present])]
    runs = [Run(version, roster, job.companions, job.places.overrides) for version in versions]
    made: list[list[Finding]] = [[] for _ in runs]
    readings, first_ms, last_ms = 0, None, None

    def take(number: int, findings: list[Finding]) -> bool:
        made[number] += findings
        return len(made[number]) <= MOST_FINDINGS

    def after(block: Block) -> None:
        nonlocal readings, first_ms, last_ms
        if len(block.rows):
            readings += len(block.rows)
            first_ms = int(block.taken_ms[0]) if first_ms is None else first_ms
            last_ms = int(block.taken_ms[-1])
        progress(min(1.0, (block.until_ms - job.from_ms) / max(1, job.to_ms - job.from_ms)), readings)

    is_whole = step_through(runs, blocks, job.to_ms, take, after)
    until_ms = job.to_ms if is_whole else max(findings[-1].fired_ms for findings in made if len(findings) > MOST_FINDINGS)
    outcomes = [_tried(findings, roster) for findings in made]
    present = outcomes[1] if len(outcomes) > 1 else None
    return Result(
        readings=readings,
        first_ms=first_ms,
        last_ms=last_ms,
        until_ms=until_ms,
        seconds=round(time.monotonic() - began, 3),
        tried=outcomes[0],
        present=present,
        difference=None if present is None else difference(present.episodes, outcomes[0].episodes),
        fates=fates([alarm for alarm in job.judged if alarm.from_ms < until_ms], outcomes[0].episodes),
    )


def _tried(findings: list[Finding], roster: Roster) -> Tried:
    is_cut = len(findings) > MOST_FINDINGS
    kept = findings[:MOST_FINDINGS]
    raised: Counter[tuple[str, str]] = Counter()
    for finding in kept:
        if finding.edge is Edge.RAISED:
            device = roster.device(finding.device_id)
            site = roster.sites.get(device.site_id) if device else None
            day = local_day(site.timezone if site else "UTC", finding.at_ms).iso
            raised[day, device.zone_id if device else ""] += 1
    counts = [(day, zone, count) for (day, zone), count in sorted(raised.items())]
    return Tried(findings=kept, episodes=episodes(kept), raised=counts, is_cut=is_cut)


# -- the process ---------------------------------------------------------------------------------------------------------


def write(job: Job, folder: Path) -> None:
    (folder / "job.json").write_bytes(msgspec.json.encode(job))


def result_of(folder: Path) -> Result:
    """Raises OSError, msgspec.MsgspecError."""
    return msgspec.json.decode((folder / "result.json").read_bytes(), type=Result)


@contextlib.contextmanager
def blocks_of(historian_url: str, data_dir: Path, folder: Path, job: Job) -> Iterator[Iterator[Block]]:
    """The readings of the job's points, from the spill in `folder` or from a server."""
    points = job.places.points
    if historian_url.startswith("influx"):
        with contextlib.closing(open_historian(historian_url, data_dir)) as historian:
            yield of_server(historian, [f"{device_id}:{metric}" for device_id, metric in points], job.from_ms, job.to_ms)
    else:
        keys = np.array([point_key(device_id, metric) for device_id, metric in points], np.int64)
        yield of_files(folder, keys, job.from_ms, job.to_ms)


def child(folder: Path) -> int:
    """The job of a folder; progress on standard output, a failure as one line on standard error."""
    os.nice(_LOWEST)
    job = msgspec.json.decode((folder / "job.json").read_bytes(), type=Job)
    settings = load()
    said_s = 0.0

    def progress(part: float, readings: int) -> None:
        nonlocal said_s
        if part >= 1.0 or time.monotonic() - said_s >= _EVERY_S:
            said_s = time.monotonic()
            print(json.dumps({"part": part, "readings": readings}), flush=True)

    try:
        with blocks_of(settings.historian, settings.data_dir, folder, job) as blocks:
            result = backtest(job, blocks, progress)
        (folder / "result.json").write_bytes(msgspec.json.encode(result))
    except (HistorianDown, duckdb.Error, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(child(Path(sys.argv[1])))
