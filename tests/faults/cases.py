"""The table of fault cases: each runs a number of times from a seed and tallies what was injected, lost and doubled.

A run that fails is named with its seed, so that it can be had again. Cases in which one life of the service takes many faults count each
fault as a run.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests import servers
from tests.faults import breakers, broker, clocks, disk, historian, hostile, killed, simulated, stepped_clocks
from tests.faults.checker import Verdict

LIFE = 25  # faults that one life of the service takes before a fresh one begins


@dataclass(slots=True)
class Tally:
    """`injected`: faults, or hostile messages; the verdict's words each begin with the seed."""

    id: str
    runs: int = 0
    injected: int = 0
    verdict: Verdict = field(default_factory=Verdict)

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "runs": self.runs,
            "injected": self.injected,
            "lost": len(self.verdict.lost),
            "doubled": len(self.verdict.doubled),
            "invented": len(self.verdict.invented),
        }


@dataclass(frozen=True, slots=True)
class Case:
    """`start()` opens what its runs share, and yields the run: (folder, seed, runs of this life) -> verdict. `life`: most runs of one."""

    id: str
    name: str
    start: Callable[[], contextlib.AbstractContextManager[Callable[[Path, int, int], Verdict]]]
    life: int = 1
    injects: int = 1  # by each run

    def run(self, seed: int, runs: int) -> Tally:
        """At least `runs` runs from this seed on; nothing of them is left on the disk."""
        tally = Tally(self.id)
        with self.start() as one:
            while tally.runs < runs:
                times = min(self.life, runs - tally.runs)
                with tempfile.TemporaryDirectory(prefix="sitewarden-faults-") as folder:
                    verdict = _named(one, Path(folder) / "run", seed, times)
                tally.verdict.add(verdict, f"seed {seed}: ")
                tally.runs += times
                tally.injected += times * self.injects
                seed += 1
        return tally


def _named(one: Callable[[Path, int, int], Verdict], folder: Path, seed: int, times: int) -> Verdict:
    try:
        return one(folder, seed, times)
    except Exception:
        print(f"seed {seed} broke off")
        raise


def _alone(run: Callable[[Path, int], Verdict]) -> Callable[[], contextlib.AbstractContextManager[Callable[[Path, int, int], Verdict]]]:
    return lambda: contextlib.nullcontext(lambda folder, seed, _: run(folder, seed))


def _life(run: Callable[[Path, int, int], Verdict]) -> Callable[[], contextlib.AbstractContextManager[Callable[[Path, int, int], Verdict]]]:
    def one(folder: Path, seed: int, times: int) -> Verdict:
        folder.mkdir()
        return run(folder, seed, times)

    return lambda: contextlib.nullcontext(one)


@contextlib.contextmanager
def _with_influxdb() -> Iterator[Callable[[Path, int, int], Verdict]]:
    with servers.influxdb() as server, historian.door_before(server) as door:
        yield lambda folder, seed, _: historian.run(folder, seed, server, door)


CASES = (
    Case("F1", "killed under load, restarted", _life(killed.life), life=LIFE),
    Case("F2", "mosquitto stopped and restarted", _life(broker.life), life=LIFE),
    Case("F3", "InfluxDB away, slow, failing, emptied", _with_influxdb),
    Case("F5-full", "disk full", _alone(disk.full)),
    Case("F5-torn", "last journal row torn", _alone(disk.torn)),
    Case("F5-flipped", "a byte of the journal flipped", _alone(disk.flipped)),
    Case("F6", "duplicates, reordering, slow clocks, a day's backlog", _alone(clocks.run)),
    Case("F7", "hostile payloads", _alone(hostile.run), injects=hostile.MESSAGES),
    Case("F8", "breakers that ignore, refuse, lie, lag and flip back", _alone(breakers.run)),
    Case("F9", "clock steps and daylight saving across planned runs", _alone(stepped_clocks.run)),
    Case("F10", "a day of plant life, faults anywhere, live = replay = restart", _alone(simulated.run)),
)
