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
    """Why an alarm calls nobody (ISA-18.2 G, H, I). `kind`: one of `alarms.suppression.KINDS`; `inhibited`: by the alarm `alarm_id`.
    `source_id`: the shelf, taking out of service, proof test or quiet schedule that it comes from; `until_ms`: when it ends by itself,
    None: when its cause does; `by`: whose decision it was."""

    kind: str
    reason: str
    reason_zh: str = ""
    alarm_id: str | None = None
    source_id: str = ""
    until_ms: int | None = None
    by: str | None = None


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
    is_test: bool = False  # its device says that it is being tested, or it is in a proof test: it counts, and never starts a linkage
    suppression: Suppression | None = None  # the strongest; of an ended alarm: why it called nobody when it ended
    suppressions: tuple[Suppression, ...] = ()  # all that stand on it, strongest first
    asked_ms: int = 0  # when it last began to ask for attention: raised, stepped up, unsuppressed, upheld, asked again
    realarms: int = 0  # how often it has asked again since then, unheard
    is_chattering: bool = False  # it comes and goes: kept open, though normal and acknowledged, until it is quiet
    progress: tuple[str, ...] = ()  # response steps done for this occurrence, the last at the end: alarms.response.STEPS


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
    UPHELD = "upheld"  # it was late or a test and is neither any longer: it calls as if it were raised now
    REALARMED = "realarmed"  # nobody took it, or it still stands long after somebody did: it asks again
    CHATTERED = "chattered"  # it comes and goes: folded from now on
    QUIETED = "quieted"  # it has stopped to
    WITHDRAWN = "withdrawn"  # nothing will ever clear it: ended by a person, or with its site


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
    note_zh: str = ""  # of the service's own notes
    step: str = ""  # of a response step: which, whom it concerns, and the telephone number used
    whom: str = ""
    phone: str = ""
