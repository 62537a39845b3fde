"""Rules and linkages over HTTP. A rule is handed in as the data that `rules.parse` reads, a linkage as what
`alarms.linkage_parse` reads, and refused with pointers by them."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from alarms.linkage import Linkage
from alarms.linkage_parse import linkage_data
from api.shapes.alarms import SEVERITY_NAMES, SeverityName
from rules.model import Rule
from rules.parse import rule_data


class LevelShape(TypedDict):
    limit: float
    severity: SeverityName
    deadband: float
    hold_s: float | None


class ScopeShape(TypedDict):
    device_kinds: list[str]
    circuit_classes: list[str]
    sites: list[str]
    zones: list[str]
    devices: list[str]


class RuleShape(TypedDict):
    """`data` is the rule as it is handed in: change that, with its version, and PUT it."""

    id: str
    name: str
    name_en: str
    kind: str
    metric: str
    direction: str
    levels: list[LevelShape]
    states: list[float]
    hold_s: float
    clear_hold_s: float
    latched: bool
    lateness_s: float | None
    scope: ScopeShape
    guidance: str
    guidance_en: str
    alarm_kind: str
    enabled: bool
    version: int
    data: dict[str, Any]


class RulePage(TypedDict):
    items: list[RuleShape]
    next_cursor: str | None


class LinkageShape(TypedDict):
    id: str
    name: str
    name_en: str
    on: list[str]
    kinds: list[str]
    sites: list[str]
    zones: list[str]
    min_severity: SeverityName
    triggers: int
    notify: list[str]
    cut: str
    hazard: bool
    hazard_after: int
    enabled: bool
    version: int
    data: dict[str, Any]


class LinkagePage(TypedDict):
    items: list[LinkageShape]
    next_cursor: str | None


def rule_shape(rule: Rule) -> RuleShape:
    return {
        "id": rule.id,
        "name": rule.name,
        "name_en": rule.name_en,
        "kind": rule.kind.value,
        "metric": rule.metric,
        "direction": rule.direction.value,
        "levels": [
            {"limit": x.limit, "severity": SEVERITY_NAMES[x.severity], "deadband": x.deadband, "hold_s": x.hold_s} for x in rule.levels
        ],
        "states": list(rule.states),
        "hold_s": rule.hold_s,
        "clear_hold_s": rule.clear_hold_s,
        "latched": rule.latched,
        "lateness_s": rule.lateness_s,
        "scope": {
            "device_kinds": list(rule.scope.device_kinds),
            "circuit_classes": list(rule.scope.circuit_classes),
            "sites": list(rule.scope.sites),
            "zones": list(rule.scope.zones),
            "devices": list(rule.scope.devices),
        },
        "guidance": rule.guidance,
        "guidance_en": rule.guidance_en,
        "alarm_kind": rule.alarm_kind,
        "enabled": rule.enabled,
        "version": rule.version,
        "data": rule_data(rule),
    }


def linkage_shape(linkage: Linkage) -> LinkageShape:
    return {
        "id": linkage.id,
        "name": linkage.name,
        "name_en": linkage.name_en,
        "on": list(linkage.on),
        "kinds": list(linkage.kinds),
        "sites": list(linkage.sites),
        "zones": list(linkage.zones),
        "min_severity": SEVERITY_NAMES[linkage.min_severity],
        "triggers": linkage.triggers,
        "notify": list(linkage.notify),
        "cut": linkage.cut,
        "hazard": linkage.hazard,
        "hazard_after": linkage.hazard_after,
        "enabled": linkage.enabled,
        "version": linkage.version,
        "data": linkage_data(linkage),
    }
