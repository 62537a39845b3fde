"""The normal load of each metered circuit, learnt by the hour of the local week: the median of the last five weeks. A section of the scan.

Every five minutes each circuit's fresh current is taken (a tenth of the circuits every 30 s); an hour's value is the median of its
samples, and an hour of the week's is the median of its last five. One odd night moves it little, two of five neither. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from alarms.model import Transition
from alarms.section import Products
from power.measure import measured_of, stale_after_ms
from power.model import OrderStep
from sites import calendars
from sites.facts import Fact
from sites.model import Circuit
from sites.roster import Roster

LOOK_MS = 30_000
PARTS = 10
WEEKS = 5
LEAST_WEEKS = 3  # fewer say nothing
HOURS = 168
_LEAST_SAMPLES = 3  # of an hour


@dataclass(slots=True)
class BaseLoadsState:
    """`weeks`: by circuit 168 x 5 float32, newest first, NaN where nothing is known; `samples`: of the hour that is under way."""

    weeks: dict[str, bytes] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    hour_ms: int = 0
    next_ms: int | None = None


class BaseLoads:
    """`roster` is read only."""

    name = "base_loads"
    follows_alarms = False
    requests: tuple[type, ...] = ()
    state_type = BaseLoadsState

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._weeks: dict[str, NDArray[np.float32]] = {}
        self._samples: dict[str, list[float]] = {}
        self._hour_ms = 0  # beginning of the hour that is sampled
        self._next_ms: int | None = None

    # -- reading it ------------------------------------------------------------------------------------------------

    def of(self, circuit: Circuit, at_ms: int) -> float | None:
        """Amperes that are normal at this hour of the week; None: fewer than three weeks are known."""
        weeks = self._weeks.get(circuit.id)
        if weeks is None:
            return None
        return _median(weeks[self._hour_of_week(circuit.site_id, at_ms)])

    def week(self, circuit_id: str) -> list[float | None]:
        """The 168 hours of the local week from Monday 0:00, amperes."""
        weeks = self._weeks.get(circuit_id)
        return [None] * HOURS if weeks is None else [_median(row) for row in weeks]

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        return self._next_ms

    def due(self, at_ms: int) -> Products:
        """One look at a tenth of the circuits; when an hour has ended, its value is kept."""
        hour_ms = at_ms - at_ms % 3_600_000
        if hour_ms != self._hour_ms:
            self._end_hour()
            self._hour_ms = hour_ms
        part = at_ms // LOOK_MS % PARTS
        for circuit in self._roster.circuits.values():
            if crc32(circuit.id.encode()) % PARTS != part:
                continue
            measured = measured_of(circuit, self._roster)
            if measured.current_a is None or measured.heard_ms is None:
                continue
            if at_ms - measured.heard_ms <= stale_after_ms(circuit, self._roster):
                self._samples.setdefault(circuit.id, []).append(round(measured.current_a, 3))
        self._next_ms = at_ms - at_ms % LOOK_MS + LOOK_MS
        return Products()

    def _end_hour(self) -> None:
        for circuit_id, samples in self._samples.items():
            circuit = self._roster.circuits.get(circuit_id)
            if circuit is None or len(samples) < _LEAST_SAMPLES:
                continue
            weeks = self._weeks.get(circuit_id)
            if weeks is None:
                weeks = self._weeks[circuit_id] = np.full((HOURS, WEEKS), np.nan, np.float32)
            row = weeks[self._hour_of_week(circuit.site_id, self._hour_ms)]
            row[1:] = row[:-1].copy()
            row[0] = median(samples)
        self._samples = {}

    def _hour_of_week(self, site_id: str, at_ms: int) -> int:
        site = self._roster.sites.get(site_id)
        zone = site.timezone if site is not None and calendars.is_timezone(site.timezone) else "UTC"
        return calendars.local_day(zone, at_ms).weekday * 24 + calendars.local_minute(zone, at_ms) // 60

    # -- the rest of a section -------------------------------------------------------------------------------------

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        """What was learnt of a circuit that is gone is forgotten."""
        if self._next_ms is None and self._roster.circuits:
            self._next_ms = at_ms - at_ms % LOOK_MS + LOOK_MS
        if kind == "circuit" and thing_id not in self._roster.circuits:
            self._weeks.pop(thing_id, None)
            self._samples.pop(thing_id, None)
        return Products()

    def request(self, request: object, at_ms: int) -> Products:
        raise AssertionError("nobody asks anything of the base loads")

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def follow_order(self, step: OrderStep, at_ms: int) -> Products:
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        if self._next_ms is not None:
            self._next_ms = max(self._next_ms, at_ms - at_ms % LOOK_MS + LOOK_MS)
        return Products()

    def standing(self) -> Iterable[Fact]:
        return []

    def dump(self) -> BaseLoadsState:
        weeks = {circuit_id: each.tobytes() for circuit_id, each in self._weeks.items()}
        return BaseLoadsState(weeks, {circuit_id: list(each) for circuit_id, each in self._samples.items()}, self._hour_ms, self._next_ms)

    def load(self, state: BaseLoadsState) -> None:
        """Replace everything by a dumped state."""
        self._weeks = {each: np.frombuffer(raw, np.float32).reshape(HOURS, WEEKS).copy() for each, raw in state.weeks.items()}
        self._samples = {circuit_id: list(each) for circuit_id, each in state.samples.items()}
        self._hour_ms, self._next_ms = state.hour_ms, state.next_ms


def _median(row: NDArray[np.float32]) -> float | None:
    known = [float(value) for value in row if not np.isnan(value)]
    return round(float(median(known)), 3) if len(known) >= LEAST_WEEKS else None
