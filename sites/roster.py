"""The roster: ids <-> array rows of everything watched, and the column of every point's latest reading.

Rows are only ever appended while the service runs, so compiled rules and memory stay valid; a point keeps its key for ever and
its row until a restart. Only the scan writes it. Lookups by topic address and metric are dicts; what the engine touches is columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sites.calendars import Calendar
from sites.keyrows import KeyRows
from sites.model import Circuit, Device, District, Enterprise, Site, Zone, point_id, point_key

CLASS_INTERVAL_S: dict[str, float] = {
    # default expected reporting interval by link: 2.5 x this is the silence limit of domain.md F, where no interval is declared
    "wired": 72.0,
    "actuator": 36.0,
    "zigbee": 240.0,
    "lora": 4_320.0,
    "nb": 70_560.0,
}
_NEVER = np.iinfo(np.int64).min


def expected_interval_ms(device: Device) -> int:
    """How often this device is expected to be heard: declared, or the default of its class (domain.md F)."""
    if device.interval_s is not None:
        return int(device.interval_s * 1000)
    name = "actuator" if device.kind in ("switch", "actuator") and device.link == "wired" else device.link
    return int(CLASS_INTERVAL_S.get(name, 72.0) * 1000)


@dataclass(slots=True)
class Columns:
    """Growable columns by point row; `size` rows are in use."""

    size: int = 0
    keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros(64, np.int64))
    device_rows: NDArray[np.int32] = field(default_factory=lambda: np.zeros(64, np.int32))
    metric_indexes: NDArray[np.int32] = field(default_factory=lambda: np.zeros(64, np.int32))
    latest_values: NDArray[np.float64] = field(default_factory=lambda: np.full(64, np.nan))
    latest_taken_ms: NDArray[np.int64] = field(default_factory=lambda: np.full(64, _NEVER))
    latest_arrived_ms: NDArray[np.int64] = field(default_factory=lambda: np.full(64, _NEVER))
    latest_delay_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(64, np.int64))  # how late it came

    _NAMES = ("keys", "device_rows", "metric_indexes", "latest_values", "latest_taken_ms", "latest_arrived_ms", "latest_delay_ms")

    def grow(self) -> None:
        for name in self._NAMES:
            old = getattr(self, name)
            fill = np.nan if name == "latest_values" else _NEVER if name in ("latest_taken_ms", "latest_arrived_ms") else 0
            new = np.full(2 * len(old), fill, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)


class Roster:
    """All that is watched. `devices_by_row[row]` is the device of a device row; a removed device keeps its row, and its id leaves
    `device_rows`. Point rows of removed devices stay, unheard."""

    def __init__(self) -> None:
        self.districts: dict[str, District] = {}
        self.enterprises: dict[str, Enterprise] = {}
        self.sites: dict[str, Site] = {}
        self.zones: dict[str, Zone] = {}
        self.circuits: dict[str, Circuit] = {}
        self.calendars: dict[str, Calendar] = {}
        self.edition = 0  # rises whenever a device is put or removed: what was looked up before may lead elsewhere now
        self.device_rows: dict[str, int] = {}
        self.rows_ever: dict[str, int] = {}  # device id -> row, also of removed ones: a device that returns finds its points
        self.devices_by_row: list[Device] = []
        self.metrics: list[str] = []
        self.metric_indexes: dict[str, int] = {}
        self.columns = Columns()
        self.row_of_key = KeyRows(self.columns)
        self.rows_by_metric: list[dict[str, int]] = []  # by device row: metric -> point row
        self.device_row_of_address: dict[tuple[str, str], int] = {}  # (codec, address) -> device row
        self.circuits_of_device: dict[str, list[str]] = {}
        self._behind: dict[str, set[str]] = {}  # gateway id -> ids of the devices directly behind it

    # -- reading it ------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Number of point rows in use."""
        return self.columns.size

    def device(self, device_id: str) -> Device | None:
        row = self.device_rows.get(device_id)
        return None if row is None else self.devices_by_row[row]

    def devices(self) -> Iterator[Device]:
        return (self.devices_by_row[row] for row in tuple(self.device_rows.values()))

    def device_of_row(self, row: int) -> Device:
        return self.devices_by_row[int(self.columns.device_rows[row])]

    def metric_of_row(self, row: int) -> str:
        return self.metrics[int(self.columns.metric_indexes[row])]

    def point_id_of_row(self, row: int) -> str:
        return point_id(self.device_of_row(row).id, self.metric_of_row(row))

    def point_row(self, device_id: str, metric: str) -> int | None:
        row = self.device_rows.get(device_id)
        return None if row is None else self.rows_by_metric[row].get(metric)

    def find(self, codec: str, address: str) -> Device | None:
        row = self.device_row_of_address.get((codec, address))
        return None if row is None else self.devices_by_row[row]

    def enterprise_of_site(self, site_id: str) -> Enterprise | None:
        site = self.sites.get(site_id)
        return self.enterprises.get(site.enterprise_id) if site else None

    def latest(self, device_id: str, metric: str) -> tuple[float, int, int] | None:
        """(value, taken_ms, arrived_ms) of the last measured reading, or None when never heard."""
        row = self.point_row(device_id, metric)
        if row is None or self.columns.latest_arrived_ms[row] == _NEVER:
            return None
        c = self.columns
        return float(c.latest_values[row]), int(c.latest_taken_ms[row]), int(c.latest_arrived_ms[row])

    def latest_delay_ms(self, device_id: str, metric: str) -> int:
        """How much later than usual the last measured reading arrived; 0 when never heard."""
        row = self.point_row(device_id, metric)
        return 0 if row is None else int(self.columns.latest_delay_ms[row])

    def gateways_of(self, device_id: str) -> list[str]:
        """Ids of the gateways through which this device is heard, nearest first, each once and never itself, present or not."""
        found: list[str] = []
        device = self.device(device_id)
        while device is not None and device.gateway_id is not None and device.gateway_id not in (device_id, *found):
            found.append(device.gateway_id)
            device = self.device(device.gateway_id)
        return found

    def behind(self, gateway_id: str) -> list[str]:
        """Ids of the devices heard through this one, directly or through others: nearer ones first, then by id."""
        found: dict[str, None] = {}
        ring = [gateway_id]
        while ring:
            ring = sorted({child for each in ring for child in self._behind.get(each, ()) if child not in found and child != gateway_id})
            found |= dict.fromkeys(ring)
        return list(found)

    # -- writing it (the scan only) --------------------------------------------------------------------------------

    def put(self, thing: District | Enterprise | Site | Zone | Device | Circuit) -> None:
        """Insert or replace by id."""
        match thing:
            case Device():
                self._put_device(thing)
            case Circuit():
                self.remove("circuit", thing.id)
                self.circuits[thing.id] = thing
                self.circuits_of_device.setdefault(thing.device_id, []).append(thing.id)
            case District():
                self.districts[thing.id] = thing
            case Enterprise():
                self.enterprises[thing.id] = thing
            case Site():
                self.sites[thing.id] = thing
            case Zone():
                self.zones[thing.id] = thing

    def remove(self, kind: str, thing_id: str) -> None:
        """Take a thing out by kind and id; nothing when it is not there."""
        if kind == "device":
            row = self.device_rows.pop(thing_id, None)
            if row is not None:
                self.edition += 1
                self._leave_address(row)
                self._leave_gateway(row)
            return
        if kind == "circuit":
            old = self.circuits.pop(thing_id, None)
            if old is not None:
                self.circuits_of_device[old.device_id].remove(thing_id)
            return
        places: dict[str, dict[str, Any]] = {
            "district": self.districts,
            "enterprise": self.enterprises,
            "site": self.sites,
            "zone": self.zones,
        }
        places[kind].pop(thing_id, None)

    def add_point(self, device_id: str, metric: str) -> int:
        """The row of this point, appended when it is new. The device must be in the roster."""
        device_row = self.device_rows[device_id]
        rows = self.rows_by_metric[device_row]
        row = rows.get(metric)
        if row is not None:
            return row
        key = point_key(device_id, metric)
        assert key not in self.row_of_key or self.point_id_of_row(self.row_of_key[key]) == point_id(device_id, metric), (
            "point key collision"
        )
        index = self.metric_indexes.get(metric)
        if index is None:
            index = self.metric_indexes[metric] = len(self.metrics)
            self.metrics.append(metric)
        c = self.columns
        if c.size == len(c.keys):
            c.grow()
        row = c.size
        c.size += 1
        c.keys[row], c.device_rows[row], c.metric_indexes[row] = key, device_row, index
        self.row_of_key.fit()
        rows[self.metrics[index]] = row  # one word for all points of a metric, not one a point
        return row

    def load_points(
        self, metrics: list[str], device_rows: NDArray[np.int32], metric_indexes: NDArray[np.int32], keys: NDArray[np.int64]
    ) -> None:
        """All points at once, as the columns of a roster were that had these devices in these rows; there must be none yet. `keys` may be
        empty: they follow from the names."""
        assert self.size == 0, f"there are {self.size} points already"
        self.metrics = list(metrics)
        self.metric_indexes = {metric: index for index, metric in enumerate(metrics)}
        pairs = list(zip(device_rows.tolist(), metric_indexes.tolist(), strict=True))
        if len(keys) != len(pairs):
            keys = np.array([point_key(self.devices_by_row[row].id, metrics[index]) for row, index in pairs], np.int64)
        c = self.columns
        while len(c.keys) < len(pairs):
            c.grow()
        c.size = len(pairs)
        c.keys[: c.size], c.device_rows[: c.size], c.metric_indexes[: c.size] = keys, device_rows, metric_indexes
        self.row_of_key.fit()
        for point_row, (row, index) in enumerate(pairs):
            self.rows_by_metric[row][metrics[index]] = point_row

    def _put_device(self, device: Device) -> None:
        self.edition += 1
        row = self.rows_ever.get(device.id)
        if row is None:
            row = len(self.devices_by_row)
            self.devices_by_row.append(device)
            self.rows_by_metric.append({})
        else:
            self._leave_address(row)
            self._leave_gateway(row)
            self.devices_by_row[row] = device
        self.device_rows[device.id] = self.rows_ever[device.id] = row
        self.device_row_of_address[(device.codec, device.address)] = row
        if device.gateway_id is not None:
            self._behind.setdefault(device.gateway_id, set()).add(device.id)

    def _leave_gateway(self, row: int) -> None:
        device = self.devices_by_row[row]
        siblings = self._behind.get(device.gateway_id or "", set())
        siblings.discard(device.id)
        if not siblings:
            self._behind.pop(device.gateway_id or "", None)

    def _leave_address(self, row: int) -> None:
        """The device of this row is no longer heard under its address, unless another one has taken that over."""
        device = self.devices_by_row[row]
        if self.device_row_of_address.get((device.codec, device.address)) == row:
            del self.device_row_of_address[(device.codec, device.address)]
