"""A warden with the plant of the API's tests, stepped by hand, and a historian in memory: what the rule bench and backtests stand on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from app.backtests import Backtests
from app.rows import ConfigChanged, Input, Placed
from app.rule_bench import RuleBench
from app.warden import Warden
from ingest.heard import PointHeard
from sites.model import point_key
from sites.readings import RawReadings
from storage.historian_memory import MemoryHistorian
from storage.projection import HistoryBatch, PointName
from storage.records import Records
from tests.api.plant import NOON, PLACES, tree


class Workshop:
    """`bench` and `backtests` over one warden; `feed` gives it readings, which the historian keeps too."""

    def __init__(self, folder: Path, records: Records, now_ms: Callable[[], int]) -> None:
        self.warden, self.historian = Warden(), MemoryHistorian()
        self.position = 1
        things = [(kind, thing) for kind, things in tree() for thing in things]
        items = [Placed(0, NOON - 7_200_000, ConfigChanged.of(kind, thing.id, 1, thing)) for kind, thing in things]
        self.warden.step(Input(NOON - 7_200_000, items=items), self.position)
        self.position += 1
        points = [Placed(0, NOON - 7_200_000, PointHeard(device_id=f"{site}-gas", metric="lel")) for site in PLACES]
        self.warden.step(Input(NOON - 7_200_000, items=points), self.position)
        self.bench = RuleBench(self._look, self.historian, records.rule_versions)
        at = {"SITEWARDEN_DATA_DIR": str(folder), "SITEWARDEN_HISTORIAN_URL": "memory://"}
        self.backtests = Backtests(
            folder / "backtests", self.historian, at, now_ms, lambda: self.warden.configuration, lambda: self.warden.program.intervals
        )

    def feed(self, point: str, readings: list[tuple[int, float]]) -> None:
        """(seconds before noon, value) of a point, in order."""
        device_id, _, metric = point.rpartition(":")
        key = point_key(device_id, metric)
        taken = np.array([NOON - seconds * 1000 for seconds, _ in readings], np.int64)
        values = np.array([value for _, value in readings], np.float64)
        self.position += 1
        raw = RawReadings.of(np.full(len(taken), key), taken, taken, values, np.zeros(len(taken), np.uint8))
        self.warden.step(Input(int(taken[-1]), raw), self.position)
        self.historian.write(
            HistoryBatch(self.position, np.full(len(taken), key), taken, values), lambda _: PointName(key, "s", device_id, metric, "")
        )

    def change(self, kind: str, thing: Any) -> None:
        """What the desk would have told the scan."""
        self.position += 1
        now_ms = self.warden.now_ms
        self.warden.step(Input(now_ms, items=[Placed(0, now_ms, ConfigChanged.of(kind, thing.id, thing.version, thing))]), self.position)

    def _look(self, ask: Callable[[Warden], Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        try:
            answer.set_result(ask(self.warden))
        except Exception as error:
            answer.set_exception(error)
        return answer
