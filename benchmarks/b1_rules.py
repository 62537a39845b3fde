"""B1: rule evaluations a second and core, the engine beside the same rules as a plain Python loop over slotted objects.

A million (rule, point) pairs of level rules with deadband, hold and clear hold; readings wander about 1 % of the points over the limit. Both
sides take the same batches in turn, process the same readings and must find the same number of edges. Prints nothing by itself.
"""

from __future__ import annotations

import gc
import statistics
import sys
from time import perf_counter
from typing import Any

import numpy as np

from rules.compile import compile
from rules.engine import step
from rules.memory import Memory
from rules.model import Level, Rule, RuleKind, Severity
from sites.model import Device
from sites.readings import Readings
from sites.roster import Roster

RUNS = 7
_START = 1_800_000_000_000
_HOLD_MS, _CLEAR_MS = 5_000, 10_000


class Pair:
    """One rule on one point, as one writes it in Python."""

    __slots__ = ("active", "clear_ms", "deadband", "gap_ms", "hold_ms", "lateness_ms", "limit", "since_ms", "taken_ms")

    def __init__(self, limit: float, deadband: float) -> None:
        self.limit, self.deadband = limit, deadband
        self.hold_ms, self.clear_ms, self.lateness_ms, self.gap_ms = _HOLD_MS, _CLEAR_MS, 30_000, 180_000
        self.active, self.since_ms, self.taken_ms = False, -1, -1

    def take(self, taken_ms: int, value: float, delay_ms: int) -> int:
        """1 raised, -1 cleared, 0 nothing."""
        last = self.taken_ms
        if taken_ms <= last:
            return 0
        self.taken_ms = taken_ms
        if not self.active:
            if value < self.limit:
                self.since_ms = -1
                return 0
            if self.since_ms < 0 or taken_ms - last > self.gap_ms:
                self.since_ms = taken_ms
            if taken_ms - self.since_ms >= self.hold_ms:
                self.active, self.since_ms = True, -1
                return 1
            return 0
        if value >= self.limit - self.deadband:
            self.since_ms = -1
            return 0
        if delay_ms > self.lateness_ms:
            return 0
        if self.since_ms < 0 or taken_ms - last > self.gap_ms:
            self.since_ms = taken_ms
        if taken_ms - self.since_ms >= self.clear_ms:
            self.active, self.since_ms = False, -1
            return -1
        return 0


def run() -> list[dict[str, Any]]:
    """The rows of B1 for the table: ratios engine / loop, median of the runs, each pair of runs side by side."""
    sparse = _measure(points=1_000_000, rules=1, batch=100_000)
    full = _measure(points=1_000_000, rules=1, batch=1_000_000)
    ten_sparse = _measure(points=100_000, rules=10, batch=10_000)
    ten_full = _measure(points=100_000, rules=10, batch=100_000)
    rows = [
        _row("1 rule a point, 100,000 random points of 1,000,000", sparse, 15.0),
        _row("1 rule a point, every point of 1,000,000 reports", full, 40.0),
        _row("10 rules a point, 10,000 random points of 100,000", ten_sparse, 15.0),
        _row("10 rules a point, every point of 100,000 reports", ten_full, 40.0),
    ]
    for name, measured in (("sparse", sparse), ("every point", full), ("10 rules, sparse", ten_sparse), ("10 rules, every point", ten_full)):
        million = statistics.median(measured["engine"]) / 1e6
        rows.append({"id": "B1", "name": f"evaluations a second, {name}", "figure": round(million, 1), "unit": "million/s"})
        rows[-1] |= {"bar": None, "holds": None, "runs": [round(each / 1e6, 1) for each in measured["engine"]]}
    return rows


def _row(name: str, measured: dict[str, list[float]], bar: float) -> dict[str, Any]:
    ratios = [engine / loop for engine, loop in zip(measured["engine"], measured["loop"], strict=True)]
    figure = statistics.median(ratios)
    return {
        "id": "B1",
        "name": name,
        "figure": round(figure, 1),
        "unit": "x plain Python",
        "bar": f">= {bar:g}",
        "holds": figure >= bar,
        "runs": [round(ratio, 1) for ratio in ratios],
    }


def _measure(points: int, rules: int, batch: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(20260101)
    roster = _roster(points)
    program = compile(_rules(rules), roster)
    assert program.checks == points * rules
    memory = Memory(program)
    pairs = [[Pair(80.0 + at, 2.0) for at in range(rules)] for _ in range(points)]
    result: dict[str, list[float]] = {"engine": [], "loop": []}
    base = rng.uniform(20.0, 60.0, points)
    now = _START
    gc.disable()
    try:
        for number in range(RUNS + 1):
            now += 6_000
            # a random batch may hold a point twice: the second of the same time is a duplicate to both sides
            rows = np.arange(points) if batch == points else rng.integers(0, points, batch)
            values = base[rows] + np.where(rng.random(batch) < 0.01, 50.0, rng.normal(0.0, 2.0, batch))
            readings = Readings.of(rows, np.full(batch, now), np.full(batch, now), values)
            found, engine_s = _engine(program, memory, readings, now)
            edges, loop_s = _loop(pairs, rows.tolist(), values.tolist(), now)
            assert found >= edges, (found, edges)  # the engine has clocks too: it finds what the loop finds, and what falls due
            if number:  # the first run fills memory and caches
                result["engine"].append(batch * rules / engine_s)
                result["loop"].append(batch * rules / loop_s)
    finally:
        gc.enable()
    return result


def _engine(program: Any, memory: Memory, readings: Readings, now: int) -> tuple[int, float]:
    began = perf_counter()
    found = step(program, memory, readings, now)
    return len(found), perf_counter() - began


def _loop(pairs: list[list[Pair]], rows: list[int], values: list[float], now: int) -> tuple[int, float]:
    edges = 0
    began = perf_counter()
    for row, value in zip(rows, values, strict=True):
        for pair in pairs[row]:
            if pair.take(now, value, 0):
                edges += 1
    return edges, perf_counter() - began


def _rules(count: int) -> list[Rule]:
    return [
        Rule(
            id=f"level{at}",
            name="level",
            kind=RuleKind.LEVEL,
            metric="temperature",
            levels=(Level(limit=80.0 + at, severity=Severity.HIGH, deadband=2.0),),
            hold_s=_HOLD_MS / 1000,
            clear_hold_s=_CLEAR_MS / 1000,
        )
        for at in range(count)
    ]


def _roster(points: int) -> Roster:
    """Ten points a device."""
    roster = Roster()
    for at in range(points // 10):
        name = f"d{at}"
        roster.put(Device(id=name, site_id="s", zone_id="z", name=name, kind="heat", codec="native", address=name))
        for channel in range(10):
            roster.add_point(name, f"temperature.{channel}")
    return roster


if __name__ == "__main__":
    for row in run():
        print(f"{row['id']}  {row['name']:<55} {row['figure']:>9} {row['unit']:<16} {row['bar'] or '':<8} {row['holds']}  {row['runs']}")
    sys.exit(0)
