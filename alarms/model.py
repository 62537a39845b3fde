"""An alarm and its transitions, as frozen values: condition x attention, with severity apart (ISA-18.2, OPC UA Part 9).

Only `alarms.book` makes new ones. Ids derive from their cause, so replay gives the same ids as live.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rules.model import Severity


class Condition(StrEnum):
    ACTIVE = "active"
    NORMAL = "normal"


class Attention(StrEnum):
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    SUPPRESSED = "suppressed"  # calls nobody, for a reason: `Alarm.suppression`


class Verdict(StrEnum):
    TRUE = "true"
    FALSE = "false"
    TEST = "test"
    FAULT = "fault"
    NUISANCE = "nuisance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Why an alarm calls nobody (ISA-18.2 H). `kind`: `inhibited`, by the alarm `alarm_id`."""

    kind: str
    reason: str
    reason_zh: str = ""
    alarm_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm from raised to ended. `needs_reset`: latched and not yet reset. It is *open* until `ended_ms` is set: normal,
    acknowledged and, if latched, reset. Names are those at the time of raising."""

    id: str
    rule_id: str
    rule_version: int
    rule_name: str
    rule_name_en: str
    kind: str  # facet: smoke, heat, gas, electrical, water, power, device, presence, manual_call, other
    subject: str
    point_id: str | None
    site_id: str
    site_name: str
    zone_id: str
    zone_name: str
    device_id: str
    device_name: str
    metric: str
    unit: str
    severity: Severity
    level: int
    limit: float | None
    value: float | None  # of the last edge
    peak_value: float | None
    condition: Condition
    attention: Attention
    is_latched: bool
    needs_reset: bool
    is_late: bool
    raised_ms: int  # at_ms of the finding
    arrived_ms: int  # fired_ms of the finding: when the service knew
    changed_ms: int
    cleared_ms: int | None = None
    acknowledged_ms: int | None = None
    acknowledged_by: str | None = None
    ended_ms: int | None = None
    assignee: str | None = None
    verdict: Verdict | None = None
    hazard_id: str | None = None
    count: int = 1  # occurrences folded into this one alarm
    seq: int = 1  # number of its last transition
    is_unrecorded: bool = False  # raised while the journal could not be written
    is_test: bool = False  # its device said that it is being tested: sounds and counts, never starts a linkage
    suppression: Suppression | None = None  # of an ended alarm: why it called nobody when it ended


class Signal(StrEnum):
    """What happens to an alarm."""

    RAISED = "raised"
    STEPPED_UP = "stepped_up"
    STEPPED_DOWN = "stepped_down"
    CLEARED = "cleared"
    ACKNOWLEDGED = "acknowledged"
    RESET = "reset"
    ASSIGNED = "assigned"
    NOTED = "noted"
    PROGRESSED = "progressed"
    JUDGED = "judged"  # a verdict
    HAZARD_LINKED = "hazard_linked"
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One change of an alarm: what, when, who, why, and the alarm after it. `(alarm.id, alarm.seq)` names it."""

    alarm: Alarm
    signal: Signal
    at_ms: int
    who: str | None = None  # user id; None: the service
    note: str = ""
    value: float | None = None
    before: str = ""  # "active/unacknowledged" before, "" when new
