"""B1: rule evaluations a second and core, the engine beside the same rules as a plain Python loop over slotted objects.

A million (rule, point) pairs of level rules with deadband, hold and clear hold; one reading in a thousand is over its limit, far more than
a real site knows. Both sides take the same batches, some at a time in turn, so that each works with its own memory as near as it will be in
service, and must find the same number of edges in each. Beside them stands numpy itself, moving the bytes that a step cannot do without.
`python -m benchmarks.b1_rules --sweep` measures 10^3 to 10^7 pairs. `run` prints nothing.
"""

from __future__ import annotations

import gc
import statistics
import sys
from heapq import heappop, heappush
from time import thread_time
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
_WARM = 1  # turns that fill memory and caches first
_TURN = 4  # batches a turn
_EXCURSIONS = 0.001
_START = 1_800_000_000_000
_HOLD_MS, _CLEAR_MS = 5_000, 10_000


class DeviceObject:
    __slots__ = ("heard_ms",)

    def __init__(self) -> None:
        self.heard_ms = -1


class PairObject:
    """One rule on one point."""

    __slots__ = ("active", "clear_ms", "deadband", "hold_ms", "lateness_ms", "limit", "since_arrived_ms", "since_ms")

    def __init__(self, limit: float) -> None:
        self.limit, self.deadband = limit, 2.0
        self.hold_ms, self.clear_ms, self.lateness_ms = _HOLD_MS, _CLEAR_MS, 30_000
        self.active, self.since_ms, self.since_arrived_ms = False, -1, -1


class PointObject:
    __slots__ = ("arrived_ms", "device", "gap_ms", "pairs", "taken_ms")

    def __init__(self, device: DeviceObject, pairs: list[PairObject]) -> None:
        self.device, self.pairs = device, pairs
        self.taken_ms, self.arrived_ms, self.gap_ms = -1, -1, 180_000


class Loop:
    """The same rules as one writes them in plain Python: objects, a loop, a heap for the holds that the clock ends."""

    def __init__(self, points: int, rules: int) -> None:
        devices = [DeviceObject() for _ in range(points // 10)]
        self.points = [PointObject(devices[at // 10], [PairObject(80.0 + rule) for rule in range(rules)]) for at in range(points)]
        self.heap: list[tuple[int, int, PairObject, PointObject]] = []
        self.pushed = 0

    def step(self, rows: list[int], taken: list[int], arrived: list[int], values: list[float], delays: list[int], until_ms: int) -> int:
        edges = 0
        points, heap = self.points, self.heap
        for row, taken_ms, arrived_ms, value, delay_ms in zip(rows, taken, arrived, values, delays, strict=True):
            if heap and heap[0][0] <= arrived_ms:
                edges += self.ring(arrived_ms)
            point = points[row]
            point.device.heard_ms = arrived_ms
            last_ms = point.taken_ms
            if taken_ms <= last_ms:
                continue  # no reading of this benchmark is out of order and in alarm
            point.taken_ms, point.arrived_ms = taken_ms, arrived_ms
            for pair in point.pairs:
                if not pair.active:
                    if value < pair.limit:
                        pair.since_ms = -1
                        continue
                    if pair.since_ms < 0 or taken_ms - last_ms > point.gap_ms:
                        pair.since_ms, pair.since_arrived_ms = taken_ms, arrived_ms
                    if taken_ms - pair.since_ms >= pair.hold_ms:
                        pair.active, pair.since_ms = True, -1
                        edges += 1
                    else:
                        self.wait(pair, point, pair.since_arrived_ms + pair.hold_ms)
                elif value >= pair.limit - pair.deadband:
                    pair.since_ms = -1
                elif delay_ms <= pair.lateness_ms:
                    if pair.since_ms < 0 or taken_ms - last_ms > point.gap_ms:
                        pair.since_ms, pair.since_arrived_ms = taken_ms, arrived_ms
                    if taken_ms - pair.since_ms >= pair.clear_ms:
                        pair.active, pair.since_ms = False, -1
                        edges += 1
                    else:
                        self.wait(pair, point, pair.since_arrived_ms + pair.clear_ms)
        return edges + self.ring(until_ms)

    def ring(self, until_ms: int) -> int:
        edges = 0
        while self.heap and self.heap[0][0] <= until_ms:
            due_ms, _, pair, _ = heappop(self.heap)
            hold_ms = pair.clear_ms if pair.active else pair.hold_ms
            if pair.since_ms >= 0 and pair.since_arrived_ms + hold_ms == due_ms:
                pair.active, pair.since_ms = not pair.active, -1
                edges += 1
        return edges

    def wait(self, pair: PairObject, point: PointObject, due_ms: int) -> None:
        self.pushed += 1
        heappush(self.heap, (due_ms, self.pushed, pair, point))


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
    for name, measured, batch in (("sparse", sparse, 100_000), ("every point", full, 1_000_000)):
        share = statistics.median(engine * bare for engine, bare in zip(measured["engine"], measured["bare_s"], strict=True)) / batch
        rows.append({"id": "B1", "name": f"numpy alone, moving the same bytes / a step, {name}", "figure": round(share, 2), "unit": "x"})
        rows[-1] |= {"bar": None, "holds": None, "runs": [round(each * 1e3, 2) for each in measured["bare_s"]]}
    named = {"sparse": sparse, "every point": full, "10 rules, sparse": ten_sparse, "10 rules, every point": ten_full}
    for name, measured in named.items():
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


def _measure(points: int, rules: int, batch: int, runs: int = RUNS) -> dict[str, list[float]]:
    """Evaluations a second of both sides, by run, and the seconds that numpy alone needs for a batch."""
    rng = np.random.default_rng(20260101)
    program = compile(_rules(rules), _roster(points))
    assert program.checks == points * rules
    memory, loop = Memory(program), Loop(points, rules)
    result: dict[str, list[float]] = {"engine": [], "loop": [], "bare_s": []}
    base = rng.uniform(20.0, 60.0, points)
    now = _START
    gc.collect()
    gc.disable()
    try:
        for number in range(_WARM + runs):
            batches: list[tuple[Readings, int]] = []
            lists: list[tuple[Any, ...]] = []
            for _ in range(_TURN):
                now += 2_000
                # a random batch may hold a point twice: the second of the same time is a duplicate to both sides
                rows = np.arange(points) if batch == points else rng.integers(0, points, batch)
                values = base[rows] + np.where(rng.random(batch) < _EXCURSIONS, 50.0, rng.normal(0.0, 2.0, batch))
                times = np.full(batch, now)
                batches.append((Readings.of(rows, times, times.copy(), values, np.full(batch, 0), np.full(batch, 0)), now))
                lists.append((*(column.tolist() for column in (rows, times, times, values, batches[-1][0].delay_ms)), now))
            began = thread_time()
            found = [len(step(program, memory, readings, until_ms)) for readings, until_ms in batches]
            engine_s = (thread_time() - began) / _TURN
            began = thread_time()
            edges = [loop.step(*columns) for columns in lists]
            loop_s = (thread_time() - began) / _TURN
            assert found == edges, f"the engine found {found}, the loop {edges}"
            if number >= _WARM:
                result["engine"].append(batch * rules / engine_s)
                result["loop"].append(batch * rules / loop_s)
                result["bare_s"].append(_bare_s(memory, [readings for readings, _ in batches], batch == points) * rules)
    finally:
        gc.enable()
    return result


def _bare_s(memory: Memory, batches: list[Readings], is_full: bool) -> float:
    """Seconds a batch for nothing but the bytes of a step: times, values and bounds read, newest times read and written."""
    sums = np.zeros(3)
    columns = [(memory.taken_ms.copy(), memory.high.copy(), batch.rows.astype(np.intp)) for batch in batches]
    began = thread_time()
    for batch, (newest, high, rows) in zip(batches, columns, strict=True):
        if is_full:
            sums += (batch.rows.max(), batch.values.max(), high[: len(rows)].max())
            np.maximum(newest[: len(rows)], batch.taken_ms, out=newest[: len(rows)])
        else:
            sums += (memory.low.take(rows, mode="clip")[0], high.take(rows, mode="clip")[0], newest.take(rows, mode="clip")[0])
            newest[rows] = batch.taken_ms
    return (thread_time() - began) / len(batches)


def sweep() -> None:
    """Prints one line a size: pairs, then the ratios of a sparse and of a full batch, and the engine's evaluations a second."""
    for points, rules in ((1_000, 1), (10_000, 1), (100_000, 1), (1_000_000, 1), (1_000_000, 10)):
        parts = []
        for batch in (points // 10, points):
            measured = _measure(points, rules, batch, runs=3)
            ratio = statistics.median(engine / loop for engine, loop in zip(measured["engine"], measured["loop"], strict=True))
            parts.append(f"{ratio:5.1f}x {statistics.median(measured['engine']) / 1e6:7.1f} million/s")
        print(f"{points * rules:>10,} pairs   sparse {parts[0]}   every point {parts[1]}", flush=True)


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
    if "--sweep" in sys.argv:
        sweep()
        sys.exit(0)
    for row in run():
        print(f"{row['id']}  {row['name']:<55} {row['figure']:>9} {row['unit']:<16} {row['bar'] or '':<8} {row['holds']}  {row['runs']}")
    sys.exit(0)
