"""A rule as a frozen value: a condition over points, with levels, holds, latch and scope.

Rules are configuration with versions; an alarm names the version that raised it. `rules.parse` makes them from YAML/JSON data
and refuses what cannot be meant; `rules.compile` turns many of them into arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from sites.calendars import Window


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
    RATE = "rate"
    WINDOW = "window"
    COUNT = "count"
    STUCK = "stuck"
    DRIFT = "drift"
    EXPRESSION = "expression"
    VOTE = "vote"


DERIVED_KINDS = frozenset({RuleKind.RATE, RuleKind.WINDOW, RuleKind.COUNT, RuleKind.STUCK, RuleKind.DRIFT})
SUBJECT_KINDS = frozenset({RuleKind.EXPRESSION, RuleKind.VOTE})  # over several points: their subject is a device or a zone


class Statistic(StrEnum):
    """What a `window` rule makes of its readings."""

    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    COUNT = "count"
    SHARE = "share"


class Weighting(StrEnum):
    """Whether every reading weighs the same in a mean or share, or as long as it stood."""

    READINGS = "readings"
    TIME = "time"


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
class Meets:
    """What a reading must meet to be counted: a limit, reached in the direction, or one of some states."""

    limit: float | None = None
    direction: Direction = Direction.ABOVE
    states: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which points a rule covers: each non-empty field must contain the point's own. Empty: everything with the metric.
    `circuit_classes`: the classes of the circuit that the point measures (rules on points only); a point of no circuit has none."""

    device_kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    circuit_classes: tuple[str, ...] = ()


class When(StrEnum):
    """On which days or at which hours of a calendar a schedule applies."""

    ANY = "any"
    OPEN = "open"  # while the place is open
    CLOSED = "closed"
    HOLIDAY = "holiday"  # windows that begin on a holiday without an exceptional opening
    WORKDAY = "workday"  # windows that begin on a day on which the place opens


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a rule applies, in the zone of the point's site. `weekdays` (Monday 0; empty: all) are the days on which `windows` begin (empty:
    the whole day). `calendar` empty: that of the site, else of its enterprise. A place without a calendar is taken to be always open, and
    every day of it for a workday."""

    weekdays: tuple[int, ...] = ()
    windows: tuple[Window, ...] = ()
    when: When = When.ANY
    calendar: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`metric` also covers its suffixed points (`closed` covers `closed.2`). `levels` are ordered from mild to severe.
    `state`: raises while the value is in `states` (one level, whose limit is unused). `silence`: subject is the device;
    `metric` is empty. `lateness_s` None: 30 s, 10 min for low-power radio links.

    The kinds of `DERIVED_KINDS` compare their levels with a value derived from the point's readings (`rules.derived` says exactly how):

    - `rate`: the change over `window_s`, in units per `per_s` seconds; falling is negative.
    - `window`: `statistic` over the last `window_s`; `share_of` says what is counted by `share` (from 0 to 1) and `count`.
    - `count`: how many readings met `share_of` in `window_s`, or, with `of`, how often that other rule raised on the same subject.
    - `stuck`: for how many seconds the value moved by no more than `tolerance`.
    - `drift`: the distance from the point's own slow mean over `window_s`.

    `covered` is the share of `window_s` that must have been seen before a rate, mean, min, max, share or drift is judged at all.

    The kinds of `SUBJECT_KINDS` look at several points, each one's newest value (`rules.subjects` says exactly how):

    - `expression`: `expression` over the points of one device or one zone (`over`). A condition has one level, whose limit is unused; a
      number is compared with the levels' limits in its own unit.
    - `vote`: how many devices of a zone vote; a device votes while one of its points of `metric` is in `states`, or at or past
      `vote_limit` in `direction`. The levels' limits are numbers of devices.

    `only_while`: a condition of the same language, without which the rule does not raise and which, ending, ends its alarm."""

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
    window_s: float | None = None
    statistic: Statistic = Statistic.MEAN
    weighting: Weighting = Weighting.READINGS
    share_of: Meets | None = None
    per_s: float = 60.0
    tolerance: float = 0.0
    of: str = ""
    covered: float = 0.5
    schedule: Schedule | None = None
    fold_count: int = 3  # activations within fold_s that make a (rule, subject) chatter (ISA-18.2; domain.md A4); 0: never
    fold_s: float = 60.0
    relative_to: str = ""  # "rated_a": limits are per cent of the rated current of the point's circuit
    source: str = ""  # the clause from which its numbers come
    realarm_s: float | None = None  # an acknowledged alarm that still stands asks again after so long; None: never (OPC UA ReAlarmTime)
    expression: str = ""
    over: str = "device"  # or zone
    vote_limit: float | None = None
    only_while: str = ""


def is_met(rule: Rule, limit: float | None, value: float) -> bool:
    """Whether this reading (or derived value) is in alarm at the limit that the alarm stands at. Of several points no one value tells."""
    if rule.kind in SUBJECT_KINDS:
        return False
    if limit is None:
        return value in rule.states
    return value >= limit if rule.direction is Direction.ABOVE else value <= limit


class NodeKind(StrEnum):
    """Places that set numbers of a rule, from the widest to the narrowest: the narrower goes first."""

    DISTRICT = "district"
    ENTERPRISE = "enterprise"
    SITE = "site"
    ZONE = "zone"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelOverride:
    """New numbers for one level of a rule (`level` counts from 0, the mildest). None: as inherited."""

    level: int
    limit: float | None = None
    deadband: float | None = None
    hold_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Numbers of a rule as a place sets them for itself and everything below it; None: as inherited. At most one for a (rule, node).
    `rules.inheritance` resolves them and refuses what the rule itself could not say."""

    id: str
    rule_id: str
    node_kind: NodeKind
    node_id: str
    levels: tuple[LevelOverride, ...] = ()
    hold_s: float | None = None
    clear_hold_s: float | None = None
    enabled: bool | None = None
    reason: str = ""
    version: int = 1
