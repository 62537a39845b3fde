"""Rules over HTTP. A rule is handed in as the data that `rules.parse` reads, and refused with pointers by it."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

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
