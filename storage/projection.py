"""What one scan hands to the projections: the records and the historian. Applied in position order, once.

Made by the scan after the journal has the input; made again, equal, when the journal is replayed after the records' position.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alarms.linkage import Firing, HazardWanted, NotifyWanted
from alarms.model import Transition
from power.model import OrderStep
from sites.facts import Fact
from sites.model import Circuit, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """An unknown device was heard: a row of the provisioning inbox (upsert by codec and address)."""

    codec: str
    address: str
    topic: str
    payload: bytes
    suggested_kind: str
    suggested_name: str
    site_id: str | None
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """How a device is heard from this moment on: online, silent, offline, never_heard."""

    device_id: str
    site_id: str
    state: str
    at_ms: int


@dataclass(slots=True)
class Outcome:
    """One scan's changes. `circuits` and `sites` are those changed by requests (class, trial, commanding), already with the next
    version. `points` are (device_id, metric) heard for the first time."""

    position: int
    now_ms: int
    transitions: list[Transition] = field(default_factory=list)
    order_steps: list[OrderStep] = field(default_factory=list)
    notifies: list[NotifyWanted] = field(default_factory=list)
    hazards: list[HazardWanted] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    points: list[tuple[str, str]] = field(default_factory=list)
    circuits: list[Circuit] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    presences: list[Heard] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (
            self.transitions
            or self.order_steps
            or self.notifies
            or self.hazards
            or self.firings
            or self.unknown
            or self.points
            or self.circuits
            or self.sites
            or self.facts
            or self.presences
        )


@dataclass(slots=True)
class HistoryBatch:
    """Readings of one or several scans for the historian, up to journal `position`. Columns of equal length."""

    position: int
    keys: NDArray[np.int64]
    taken_ms: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class PointName:
    """What a historian with names (InfluxDB) needs of a point."""

    key: int
    site_id: str
    device_id: str
    metric: str
    unit: str
