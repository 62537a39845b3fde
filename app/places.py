"""As much of the running configuration as some points need, as values: for a process of its own, or for a replay beside the scan.

Read from any thread while the scan goes on: what is changed meanwhile may be seen or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from app.configuration import Configuration
from rules.intervals import Intervals
from rules.model import Override
from sites.calendars import Calendar
from sites.model import Circuit, Device, District, Enterprise, Site, Zone
from sites.roster import Roster


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """As much of the configuration as the rules need."""

    districts: list[District] = field(default_factory=list)
    enterprises: list[Enterprise] = field(default_factory=list)
    sites: list[Site] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    circuits: list[Circuit] = field(default_factory=list)
    calendars: list[Calendar] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)
    points: list[tuple[str, str]] = field(default_factory=list)  # (device id, metric)

    def roster(self) -> Roster:
        """With a row for each of `points`, in their order."""
        roster = Roster()
        for things in (self.districts, self.enterprises, self.sites, self.zones, self.devices, self.circuits):
            for thing in things:
                roster.put(thing)
        roster.calendars = {calendar.id: calendar for calendar in self.calendars}
        for device_id, metric in self.points:
            roster.add_point(device_id, metric)
        return roster


def with_intervals(devices: Iterable[Device], expected_ms: dict[str, int]) -> list[Device]:
    """The devices, with what is known of how often they speak declared."""
    return [replace(device, interval_s=expected_ms[device.id] / 1000) if device.id in expected_ms else device for device in devices]


def places_of(configuration: Configuration, intervals: Intervals, points: Sequence[str]) -> Places:
    """What a child needs of the configuration for these points, with the intervals that are learnt by now."""
    roster: Roster = configuration.roster
    pairs = [(device_id, metric) for device_id, _, metric in (point.rpartition(":") for point in points)]
    ids = dict.fromkeys(device_id for device_id, _ in pairs)
    devices = [device for device_id in ids if (device := roster.device(device_id)) is not None]
    rows = {device.id: roster.device_rows[device.id] for device in devices}
    expected = {device_id: int(intervals.expected_ms(np.array([row]))[0]) for device_id, row in rows.items() if row < intervals.size}
    there = {device.id for device in devices}
    return Places(
        districts=list(roster.districts.values()),
        enterprises=list(roster.enterprises.values()),
        sites=list(roster.sites.values()),
        zones=list(roster.zones.values()),
        devices=with_intervals(devices, expected),
        circuits=[circuit for circuit in list(roster.circuits.values()) if circuit.device_id in there],
        calendars=list(roster.calendars.values()),
        overrides=list(configuration.documents["override"].values()),
        points=[pair for pair in pairs if pair[0] in there],
    )
