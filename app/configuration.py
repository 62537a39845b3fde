"""The scan's own copy of the configuration: roster, rules, linkages, each thing with the version that it was last given.

Changes come as items; older versions are ignored, so a change that arrives twice or late does nothing. After every restore the copy is
compared with the records (`differences`). Only `app.warden` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from alarms.linkage import Linkage
from app.rows import THINGS, ConfigChanged
from rules.compile import Program, compile
from rules.intervals import Intervals
from rules.model import Rule
from sites.model import Circuit, Device, District, Enterprise, Site, Zone
from sites.roster import Roster

COMPILED = ("calendar", "override")  # documents that rules are compiled with
# kinds kept by id, which sections read
DOCUMENTS: tuple[str, ...] = (*COMPILED, "escalation", "duty_roster", "presence_schedule", "quiet_time", "plan")
KINDS = (*DOCUMENTS, "district", "enterprise", "site", "zone", "device", "circuit", "rule", "linkage")
_KEPT_RULE_VERSIONS = 20


@dataclass(frozen=True, slots=True)
class ConfigurationState:
    """As kept in a snapshot. Points are (device row, metric index) by point row."""

    districts: list[District]
    enterprises: list[Enterprise]
    sites: list[Site]
    zones: list[Zone]
    circuits: list[Circuit]
    devices: list[Device]  # by device row, also removed ones
    removed: list[str]
    metrics: list[str]
    point_device_rows: NDArray[np.int32]
    point_metric_indexes: NDArray[np.int32]
    latest_values: NDArray[np.float64]
    latest_taken_ms: NDArray[np.int64]
    latest_arrived_ms: NDArray[np.int64]
    rules: list[Rule]  # all kept versions, oldest first
    rule_ids: list[str]  # the present ones
    linkages: list[Linkage]
    versions: dict[str, int]  # "kind:id" -> version
    point_keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # empty in older snapshots: derived again
    latest_delay_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # empty in older snapshots: none was late
    documents: dict[str, list[bytes]] = field(default_factory=dict)  # msgpack of each thing, by kind


class Configuration:
    """`roster`, `rules` (present version by id), `linkages`, and the versions of everything."""

    def __init__(self) -> None:
        self.roster = Roster()
        self.rules: dict[str, Rule] = {}
        self.linkages: dict[str, Linkage] = {}
        self.documents: dict[str, dict[str, Any]] = {kind: {} for kind in DOCUMENTS}
        self.documents["calendar"] = self.roster.calendars
        self.versions: dict[tuple[str, str], int] = {}
        self._rule_versions: dict[tuple[str, int], Rule] = {}

    def rule(self, rule_id: str, version: int) -> Rule | None:
        """A rule as it was in that version, as long as it is kept; else as it is."""
        return self._rule_versions.get((rule_id, version)) or self.rules.get(rule_id)

    def program(self, intervals: Intervals | None = None) -> Program:
        """The rules as they stand, compiled for the roster as it stands, with the intervals learnt so far."""
        return compile(self.rules.values(), self.roster, intervals, self.documents["override"].values())

    def apply(self, change: ConfigChanged) -> str | None:
        """Take a change in; None when it is old. Returns what it concerns: `rules` (compile anew), `roster`,
        `linkages` or `documents`."""
        key = (change.kind, change.id)
        if change.version <= self.versions.get(key, 0):
            return None
        self.versions[key] = change.version
        thing = None if change.body is None else change.thing()
        if change.kind == "rule":
            self.rules.pop(change.id, None)
            if thing is not None:
                self.rules[change.id] = thing
                self._keep_rule(thing)
            return "rules"
        if change.kind == "linkage":
            self.linkages.pop(change.id, None)
            if thing is not None:
                self.linkages[change.id] = thing
            return "linkages"
        if change.kind in self.documents:
            self.documents[change.kind].pop(change.id, None)
            if thing is not None:
                self.documents[change.kind][change.id] = thing
            return "rules" if change.kind in COMPILED else "documents"
        if thing is None:
            self.roster.remove(change.kind, change.id)
        else:
            self.roster.put(thing)
        return "roster"

    def _keep_rule(self, rule: Rule) -> None:
        self._rule_versions[(rule.id, rule.version)] = rule
        self._rule_versions.pop((rule.id, rule.version - _KEPT_RULE_VERSIONS), None)

    def held(self, kind: str) -> list[str]:
        """Ids of this kind that are there. From any thread."""
        return [thing_id for of_kind, thing_id in list(self.versions) if of_kind == kind and self._holds(kind, thing_id)]

    def differences(self, kind: str, things: Iterable[Any], held: Iterable[str]) -> Iterator[ConfigChanged]:
        """What must still come in so that this copy equals the records' `things` of one kind. `held` was asked before those were read: what
        came in since is not missing from them. From any thread, also while the scan takes changes in."""
        seen = set()
        for thing in things:
            seen.add(thing.id)
            if thing.version > self.versions.get((kind, thing.id), 0):
                yield ConfigChanged.of(kind, thing.id, thing.version, thing)
        for gone in held:
            if gone not in seen and self._holds(kind, gone):
                yield ConfigChanged.of(kind, gone, self.versions[kind, gone] + 1, None)

    def _holds(self, kind: str, thing_id: str) -> bool:
        r = self.roster
        held: dict[str, Any] = {
            "district": r.districts,
            "enterprise": r.enterprises,
            "site": r.sites,
            "zone": r.zones,
            "device": r.device_rows,
            "circuit": r.circuits,
            "rule": self.rules,
            "linkage": self.linkages,
            **self.documents,
        }
        return thing_id in held[kind]

    def dump(self) -> ConfigurationState:
        r, c = self.roster, self.roster.columns
        n = c.size
        return ConfigurationState(
            list(r.districts.values()),
            list(r.enterprises.values()),
            list(r.sites.values()),
            list(r.zones.values()),
            list(r.circuits.values()),
            list(r.devices_by_row),
            [device.id for device in r.devices_by_row if device.id not in r.device_rows],
            list(r.metrics),
            c.device_rows[:n].copy(),
            c.metric_indexes[:n].copy(),
            c.latest_values[:n].copy(),
            c.latest_taken_ms[:n].copy(),
            c.latest_arrived_ms[:n].copy(),
            sorted(self._rule_versions.values(), key=lambda rule: (rule.id, rule.version)),
            list(self.rules),
            list(self.linkages.values()),
            {f"{kind}:{thing_id}": version for (kind, thing_id), version in self.versions.items()},
            c.keys[:n].copy(),
            c.latest_delay_ms[:n].copy(),
            {kind: [msgspec.msgpack.encode(thing) for thing in things.values()] for kind, things in self.documents.items()},
        )

    def load(self, state: ConfigurationState) -> None:
        r = self.roster = Roster()
        for things in (state.districts, state.enterprises, state.sites, state.zones, state.devices, state.circuits):
            for thing in things:
                r.put(thing)
        r.load_points(state.metrics, state.point_device_rows, state.point_metric_indexes, state.point_keys)
        for device_id in state.removed:
            r.remove("device", device_id)
        for device in list(r.devices()) if state.removed else ():
            r.put(device)  # again: the address that a removed device had may be another's now
        n = r.size
        r.columns.latest_values[:n] = state.latest_values
        r.columns.latest_taken_ms[:n] = state.latest_taken_ms
        r.columns.latest_arrived_ms[:n] = state.latest_arrived_ms
        r.columns.latest_delay_ms[: len(state.latest_delay_ms)] = state.latest_delay_ms
        self._rule_versions = {(rule.id, rule.version): rule for rule in state.rules}
        newest = {rule.id: rule for rule in state.rules}
        self.rules = {rule_id: newest[rule_id] for rule_id in state.rule_ids}
        self.linkages = {linkage.id: linkage for linkage in state.linkages}
        for kind in DOCUMENTS:
            kept: list[Any] = [msgspec.msgpack.decode(body, type=THINGS[kind]) for body in state.documents.get(kind, ())]
            self.documents[kind] = {thing.id: thing for thing in kept}
        r.calendars = self.documents["calendar"]
        self.versions = {}
        for name, version in state.versions.items():
            kind, _, thing_id = name.partition(":")
            self.versions[(kind, thing_id)] = version
