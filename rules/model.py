"""A rule as a frozen value: a condition over points, with levels, holds, latch and scope.

Rules are configuration with versions; an alarm names the version that raised it. `rules.parse` makes them from YAML/JSON data
and refuses what cannot be meant; `rules.compile` turns many of them into arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """Ordered; P4..P1 of domain.md A3."""

    INFO = 1
    LOW = 2
    HIGH = 3
    CRITICAL = 4


class RuleKind(StrEnum):
    LEVEL = "level"
    STATE = "state"
    SILENCE = "silence"


class Direction(StrEnum):
    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One limit. Raises at value >= limit (above) or <= limit (below); returns when past limit -/+ deadband.
    `hold_s` None: the rule's. For a `silence` rule, limit is the number of expected intervals (2.5 by default)."""

    limit: float
    severity: Severity
    deadband: float = 0.0
    hold_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which points a rule covers: each non-empty field must contain the point's own. Empty: everything with the metric."""

    device_kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`metric` also covers its suffixed points (`closed` covers `closed.2`). `levels` are ordered from mild to severe.
    `state`: raises while the value is in `states` (one level, whose limit is unused). `silence`: subject is the device;
    `metric` is empty. `lateness_s` None: 30 s, 10 min for low-power radio links."""

    id: str
    name: str
    name_en: str = ""
    kind: RuleKind
    metric: str = ""
    direction: Direction = Direction.ABOVE
    levels: tuple[Level, ...]
    states: tuple[float, ...] = ()
    hold_s: float = 0.0
    clear_hold_s: float = 0.0
    latched: bool = False
    lateness_s: float | None = None
    scope: Scope = Scope()
    guidance: str = ""
    guidance_en: str = ""
    alarm_kind: str = ""  # facet; empty: that of the metric
    enabled: bool = True
    version: int = 1


def is_met(rule: Rule, limit: float | None, value: float) -> bool:
    """Whether this value is in alarm at the limit that the alarm stands at."""
    if limit is None:
        return value in rule.states
    return value >= limit if rule.direction is Direction.ABOVE else value <= limit
