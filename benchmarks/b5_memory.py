"""B5: what a million points with ten level rules each keep in memory, all in: roster, latest values, clocks, learnt intervals, rules.

Two processes of their own hear every point twice, one of them without rules; the rest of either is the same, so that their difference is
what checks cost. Pages that no reading has reached yet are touched too: what is reserved counts as used. `run` prints nothing.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

POINTS, RULES = 1_000_000, 10
_BATCH = 10_000  # readings
_A_CHECK, _A_POINT = 120.0, 300.0


def run() -> list[dict[str, Any]]:
    """The rows of B5 for the table, in bytes."""
    bare, ruled = _alone(0), _alone(RULES)
    check = (ruled["after"] - bare["after"]) / (POINTS * RULES)
    point = (bare["after"] - bare["before"]) / POINTS
    most = (ruled["most"] - bare["before"]) / POINTS
    return [
        _row("a level rule on a point (10,000,000 of them)", check, _A_CHECK),
        _row("a point besides (1,000,000 of them, ten a device)", point, _A_POINT),
        _row("a point with its ten rules, at the worst moment of compiling them", most, None),
    ]


def _row(name: str, figure: float, bar: float | None) -> dict[str, Any]:
    said = None if bar is None else f"<= {bar:g}"
    return {"id": "B5", "name": name, "figure": round(figure, 1), "unit": "B", "bar": said, "holds": None if bar is None else figure <= bar}


def _alone(rules: int) -> dict[str, int]:
    """Bytes before, after and at most, of a process that holds nothing else."""
    command = [sys.executable, "-m", "benchmarks.b5_memory", str(rules)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[1])
    return json.loads(ran.stdout)  # type: ignore[no-any-return]


def _measure(rules: int) -> dict[str, int]:
    from benchmarks.b1_rules import _roster, _rules
    from ingest.clocks import Clocks
    from rules.compile import compile
    from rules.engine import step
    from rules.memory import Memory
    from sites.latest import apply_latest
    from sites.readings import RawReadings

    before = _resident()
    roster, clocks = _roster(POINTS), Clocks()
    program = compile(_rules(rules), roster)
    memory = Memory(program)
    rng = np.random.default_rng(1)
    for first in range(0, 2 * POINTS, _BATCH):
        now = 1_800_000_000_000 + 60_000 * first // POINTS
        values = np.where(rng.random(_BATCH) < 0.001, 95.0, rng.normal(40.0, 5.0, _BATCH))
        times, flags, keys = np.full(_BATCH, now), np.zeros(_BATCH, np.uint8), roster.columns.keys[first % POINTS :][:_BATCH]
        readings = clocks.settle(RawReadings(keys, times, times, values, flags), roster)
        program.intervals.hear(program.device_rows[readings.rows], readings.arrived_ms)
        step(program, memory, readings, now)
        apply_latest(roster, readings)
    assert program.checks == POINTS * rules
    for array in _arrays((roster.columns, roster.row_of_key, program, program.specs, memory, memory.wheel, program.intervals)):
        array.reshape(-1).view(np.uint8)[::4096] |= 0
    gc.collect()
    return {"before": before, "after": _resident(), "most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def _arrays(owners: tuple[Any, ...]) -> Iterator[np.ndarray[Any, Any]]:
    for owner in owners:
        names = getattr(owner, "__slots__", None) or vars(owner)
        yield from (value for value in (getattr(owner, name) for name in names) if isinstance(value, np.ndarray) and value.size)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(_measure(int(sys.argv[1]))))
    else:
        for row in run():
            print(f"{row['id']}  {row['name']:<68} {row['figure']:>8} {row['unit']}  {row['bar'] or '':<8} {row['holds']}")
