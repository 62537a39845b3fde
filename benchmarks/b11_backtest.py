"""B11: a backtest of one rule on 1,000 points at 10 s over 30 days: the engine alone, and with the reading of history.

Each point is above the limit for ten minutes once a day, at a moment of its own. The engine is stepped over blocks in order of time that
are in memory already; with history, the same readings lie in the embedded historian's form (a Parquet file a day, in a temporary folder of
about 1 GB, removed afterwards) and the whole job runs as the service runs it: reading, putting in order of time, stepping.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
import numpy as np
import pyarrow

from app.backtest import Job, backtest
from app.places import Places
from rules.backtest import BLOCK, Run
from rules.model import Level, Rule, RuleKind, Severity
from sites.model import Device, Site, Zone, point_key
from sites.readings import Readings
from storage.historian_duckdb import ROW_GROUP
from storage.history_blocks import of_files
from storage.history_files import HistoryFiles, quoted, spill
from storage.history_steps import DAY_MS

POINTS, DAYS, INTERVAL_MS = 1_000, 30, 10_000
ENGINE_RUNS = 5
_START = 1_790_000_000_000 // DAY_MS * DAY_MS
_TICKS = DAY_MS // INTERVAL_MS
RULE = Rule(
    id="hot",
    name="hot",
    kind=RuleKind.LEVEL,
    metric="temperature",
    levels=(Level(limit=60.0, severity=Severity.HIGH, deadband=3.0, hold_s=30.0),),
    clear_hold_s=30.0,
)
PLACES = Places(
    sites=[Site(id="s", enterprise_id="e", name="s")],
    zones=[Zone(id="z", site_id="s", name="z")],
    devices=[
        Device(
            id=f"d{n}", site_id="s", zone_id="z", name="d", kind="heat", codec="native", address=f"s/d{n}", interval_s=INTERVAL_MS / 1000
        )
        for n in range(POINTS)
    ],
    points=[(f"d{n}", "temperature") for n in range(POINTS)],
)


def run() -> list[dict[str, Any]]:
    """The rows of B11 for the table: readings a second."""
    values = _day()
    engine = [_engine(values) for _ in range(ENGINE_RUNS)]
    findings, rate, seconds = _with_history(values)
    return [
        _row(f"engine alone, blocks of {BLOCK} readings", max(engine), 20.0, engine),
        _row(f"with the reading of 30 days of history, {findings} findings, {seconds:.0f} s in all", rate, 4.0, [rate]),
    ]


def _row(name: str, figure: float, bar: float, runs: list[float]) -> dict[str, Any]:
    return {
        "id": "B11",
        "name": name,
        "figure": round(figure, 2),
        "unit": "million readings/s",
        "bar": f">= {bar:g}",
        "holds": figure >= bar,
        "runs": [round(each, 2) for each in runs],
    }


def _day() -> np.ndarray[Any, Any]:
    """(ticks, points): one day's values."""
    rng = np.random.default_rng(11)
    values = np.round(rng.normal(25.0, 3.0, (_TICKS, POINTS)), 1)
    for point, begin in enumerate(rng.integers(0, _TICKS - 60, POINTS).tolist()):
        values[begin : begin + 60, point] += 45.0
    return values


def _engine(values: np.ndarray[Any, Any]) -> float:
    """Million readings a second, over one day after a first hour in which every point is met."""
    roster = PLACES.roster()
    run = Run(RULE, roster)
    rows = np.tile(np.arange(POINTS, dtype=np.int32), _TICKS)
    taken = np.repeat(_START + np.arange(_TICKS) * INTERVAL_MS, POINTS)
    flat = values.ravel()
    hour = 360 * POINTS
    run.take(Readings.of(rows[:hour], taken[:hour], taken[:hour], flat[:hour]))
    blocks = [Readings.of(rows[p], taken[p], taken[p], flat[p]) for p in (slice(at, at + BLOCK) for at in range(hour, len(flat), BLOCK))]
    began = perf_counter()
    made = sum(len(run.take(block)) for block in blocks)
    spent = perf_counter() - began
    assert made > POINTS, f"only {made} findings"
    return (len(flat) - hour) / spent / 1e6


def _with_history(values: np.ndarray[Any, Any]) -> tuple[int, float, float]:
    keys = np.array([point_key(device_id, metric) for device_id, metric in PLACES.points], np.int64)
    with tempfile.TemporaryDirectory(prefix="sitewarden-b11-") as name:
        folder = Path(name)
        _store(folder, keys, values)
        job = Job(tried=RULE, present=None, companions=[], places=PLACES, from_ms=_START, to_ms=_START + DAYS * DAY_MS)
        began = perf_counter()
        result = backtest(job, of_files(folder, keys, job.from_ms, job.to_ms), lambda part, readings: None)
        spent = perf_counter() - began
    assert result.readings == POINTS * _TICKS * DAYS, f"{result.readings} readings came"
    assert not result.tried.is_cut
    return len(result.tried.findings), result.readings / spent / 1e6, spent


def _store(folder: Path, keys: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> None:
    """Sealed days as the historian writes them: by key, then time."""
    order = np.argsort(keys)
    first = {
        "key": np.repeat(keys[order], _TICKS),
        "taken_ms": np.tile(np.arange(_TICKS) * INTERVAL_MS, POINTS),
        "value": values.T[order].ravel(),
    }
    files = HistoryFiles(folder)
    nothing = np.zeros(0, np.int64)
    spill(folder, nothing, nothing, np.zeros(0), [])
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB"}) as connection:
        connection.register("day", pyarrow.table(first))
        for day in range(DAYS):
            number = _START // DAY_MS + day
            query = f"SELECT key, taken_ms + {number * DAY_MS} AS taken_ms, value FROM day"
            options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP}"
            connection.execute(f"COPY ({query}) TO {quoted(files.raw(number))} ({options})")
