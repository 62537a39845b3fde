"""B7: the whole service started again with 100,000 devices, 1,000,000 (rule, point) pairs and a minute of journal after its snapshot,
at 1,000 messages a second; and the speed of that replay alone.

The snapshot and the journal are made by the service's own warden, written as the service writes them; each run starts a process on a fresh
copy, with records and historian a minute behind as well. Time runs from the command to `/readyz` saying yes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from app.configuration import KINDS
from app.rows import Input, decode, encode
from app.stepped import WardenState
from app.warden import Warden
from benchmarks.house import cpu_s, device, furnished
from rules.model import Level, Rule, RuleKind, Severity
from sites.readings import RawReadings
from storage import snapshots
from storage.journal_sqlite import SqliteJournal
from storage.records import Records
from tests import servers

RUNS = 3
DEVICES = 100_000
METRICS = ("temperature", "humidity", "leakage_ma", "current_a", "battery")
RULES_A_METRIC = 2
PAIRS = DEVICES * len(METRICS) * RULES_A_METRIC
RATE = 1_000  # messages a second, each with a reading of every metric
SECONDS = 60
ROW_MS = 10  # a scan's least pace, the service's default: a row of the journal
BAR_READY_S = 10.0
BAR_REPLAY = 50.0


def run() -> list[dict[str, Any]]:
    """Rows of the table: seconds to ready, and journal time over replay time."""
    ready, spent, replays = [], [], []
    with tempfile.TemporaryDirectory() as folder, servers.mosquitto() as mosquitto:
        home = Path(folder)
        rules = [_rule(metric, at) for metric in METRICS for at in range(RULES_A_METRIC)]
        service = furnished(home, mosquitto.url, [device(number) for number in range(DEVICES)], rules)
        data, kept = home / "data", home / "kept"
        _live_a_minute(data)
        data.rename(kept)
        for _ in range(RUNS):
            shutil.rmtree(data, ignore_errors=True)
            shutil.copytree(kept, data)
            os.sync()
            replays.append(SECONDS / _replay_s(data))
            began = time.monotonic()
            service.start()
            ready.append(time.monotonic() - began)
            spent.append(cpu_s(service.pid))
            service.kill()
        service.client.close()
    seconds, speed = statistics.median(ready), statistics.median(replays)
    what = f"{DEVICES:,} devices, {PAIRS:,} (rule, point) pairs"
    return [
        {
            "id": "B7",
            "name": f"restart to ready; {what}, {SECONDS} s of journal; {statistics.median(spent):.1f} s of CPU",
            "figure": round(seconds, 2),
            "unit": "s",
            "bar": f"<= {BAR_READY_S:g}",
            "holds": seconds <= BAR_READY_S,
            "runs": [round(value, 2) for value in ready],
        },
        {
            "id": "B7",
            "name": f"replay of that journal: {RATE:,} messages/s, {len(METRICS)} readings each; by CPU time",
            "figure": round(speed, 1),
            "unit": "x real time",
            "bar": f">= {BAR_REPLAY:g}",
            "holds": speed >= BAR_REPLAY,
            "runs": [round(value, 1) for value in replays],
        },
    ]


def _rule(metric: str, at: int) -> Rule:
    level = Level(limit=80.0 + at, severity=Severity.HIGH, deadband=2.0)
    return Rule(id=f"{metric}{at}", name=metric, kind=RuleKind.LEVEL, metric=metric, levels=(level,), hold_s=5.0, clear_hold_s=10.0)


def _live_a_minute(data: Path) -> None:
    """A snapshot in which every point was heard, and the journal of the minute after it."""
    warden, records = Warden(), Records.open(f"sqlite:///{data}/records.db")
    try:
        for kind in KINDS:
            for change in warden.configuration.differences(kind, records.all_things(kind), ()):
                warden.configuration.apply(change)
    finally:
        records.close()
    for number in range(DEVICES):
        for metric in METRICS:
            warden.configuration.roster.add_point(f"d{number}", metric)
    state = warden.dump()
    warden.load(state)
    keys = warden.configuration.roster.columns.keys[: warden.configuration.roster.size].reshape(DEVICES, len(METRICS))
    start_ms = time.time_ns() // 1_000_000 - (SECONDS + 5) * 1000
    warden.step(Input(start_ms, _readings(keys, np.full(DEVICES, start_ms), np.random.default_rng(0))), 1)
    snapshots.write(data / "snapshots", 1, warden.dump())
    journal = SqliteJournal(data / "journal.db")
    try:
        journal.advance_to(1)
        for row in _minute(keys, start_ms + 1_000):
            journal.append(journal.position, row)
    finally:
        journal.close()


def _minute(keys: np.ndarray[Any, np.dtype[np.int64]], start_ms: int) -> Iterator[bytes]:
    """Rows: the messages that arrive within ROW_MS, of the devices in turn."""
    chance = np.random.default_rng(1)
    each = RATE * ROW_MS // 1000
    for number in range(SECONDS * 1000 // ROW_MS):
        arrived = start_ms + number * ROW_MS + np.arange(each) * ROW_MS // each
        devices = (number * each + np.arange(each)) % DEVICES
        yield encode(Input(start_ms + (number + 1) * ROW_MS, _readings(keys[devices], arrived, chance)))


def _readings(
    keys: np.ndarray[Any, np.dtype[np.int64]], arrived_ms: np.ndarray[Any, np.dtype[np.int64]], chance: np.random.Generator
) -> RawReadings:
    arrived = np.repeat(arrived_ms, keys.shape[1])
    return RawReadings.of(keys.ravel(), arrived - 3, arrived, chance.uniform(20.0, 30.0, keys.size), np.zeros(keys.size, np.uint8))


def _replay_s(data: Path) -> float:
    """CPU seconds that the warden takes over the journal alone, once it has the snapshot: one thread, nothing to wait for but the disk."""
    found = snapshots.newest(data / "snapshots", None, WardenState)
    assert found is not None
    warden = Warden()
    warden.load(found[1])
    journal = SqliteJournal(data / "journal.db")
    try:
        began = time.process_time()
        for position, row in journal.read(found[0], skip_damaged=True):
            warden.step(decode(row), position)
        took_s = time.process_time() - began
        assert position == journal.position
    finally:
        journal.close()
    return took_s
