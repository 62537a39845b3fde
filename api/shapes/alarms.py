"""Alarms as they go over HTTP and in the live stream, and what may be asked of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol, cast

from pydantic import Field
from typing_extensions import TypedDict

from alarms.contacts import masked_phone
from alarms.lifecycle import isa_state
from alarms.model import Alarm, Suppression, Transition
from alarms.queries import Delivery
from alarms.suppression import standing_on
from api.shapes.asks import Ask, IdText, NoteText, ReasonText
from api.shapes.escalations import ClimbShape
from api.shapes.hazards import HazardBrief
from api.shapes.people import Person
from api.shapes.power import CircuitSeen, OrderShape
from api.shapes.times import AskedInstant, Instant, finite, iso, iso_or_none
from rules.model import Severity
from sites.roster import Roster

SeverityName = Literal["info", "low", "high", "critical"]
ConditionName = Literal["active", "normal"]
AttentionName = Literal["unacknowledged", "acknowledged", "suppressed"]
IsaState = Literal["A", "B", "C", "D", "E", "F", "G", "H", "I"]  # the letters of ISA-18.2, see alarms.lifecycle
VerdictName = Literal["true", "false", "test", "fault", "nuisance"]
StepName = Literal["dispatched", "arrived", "verified", "called_119"]
SignalName = Literal[
    "raised",
    "stepped_up",
    "stepped_down",
    "cleared",
    "acknowledged",
    "reset",
    "assigned",
    "noted",
    "progressed",
    "judged",
    "hazard_linked",
    "suppressed",
    "unsuppressed",
    "upheld",
    "realarmed",
    "chattered",
    "quieted",
    "withdrawn",
]
SuppressionKind = Literal["out_of_service", "proof_test", "shelved", "inhibited", "schedule"]

SEVERITY_NAMES: dict[Severity, SeverityName] = {
    Severity.INFO: "info",
    Severity.LOW: "low",
    Severity.HIGH: "high",
    Severity.CRITICAL: "critical",
}

Name = Callable[[str | None], Person | None]  # user id -> person


class RuleRef(TypedDict):
    id: str
    version: int
    name: str
    name_en: str


class Place(TypedDict):
    id: str
    name: str


class SuppressionShape(TypedDict):
    """Why an alarm calls nobody. `kind`: `inhibited`: by the alarm of `alarm_id`; the others come from the shelf, taking out of service,
    proof test or quiet schedule `source_id`. `until` null: it ends when its cause does."""

    kind: SuppressionKind
    reason: str
    reason_zh: str
    alarm_id: str | None
    source_id: str
    until: Instant | None
    by: str | None


class AlarmShape(TypedDict):
    """`value` is that of its last change; `value_now` (of an open alarm of a point, in lists and details) the latest reading, of
    `value_now_at`, and `peak_value` the worst of all its readings so far. `asked_at`: since when it asks for attention."""

    id: str
    rule: RuleRef
    kind: str
    subject: str
    point_id: str | None
    site: Place
    zone: Place
    device: Place
    metric: str
    unit: str
    severity: SeverityName
    level: int
    limit: float | None
    value: float | None
    peak_value: float | None
    value_now: float | None
    value_now_at: Instant | None
    condition: ConditionName
    attention: AttentionName
    isa_state: IsaState
    is_latched: bool
    needs_reset: bool
    is_late: bool
    is_test: bool
    is_chattering: bool
    is_unrecorded: bool
    suppression: SuppressionShape | None
    suppressions: list[SuppressionShape]
    asked_at: Instant
    realarms: int
    progress: list[StepName]
    raised_at: Instant
    arrived_at: Instant
    changed_at: Instant
    cleared_at: Instant | None
    acknowledged_at: Instant | None
    acknowledged_by: Person | None
    ended_at: Instant | None
    assignee: str | None
    verdict: VerdictName | None
    needs_verdict: bool
    hazard_id: str | None
    count: int
    seq: int


class TransitionShape(TypedDict):
    """One change of an alarm. `severity`, `condition`, `attention`, `rule_version` are those after it. `step`, `whom`, `phone`: of a
    response step."""

    seq: int
    signal: SignalName
    at: Instant
    who: Person | None
    note: str
    note_zh: str
    step: StepName | None
    whom: str
    phone: str
    value: float | None
    rule_version: int
    before: str
    severity: SeverityName
    condition: ConditionName
    attention: AttentionName


class DeliveryShape(TypedDict):
    """One message. `recipient` is whom it was meant for (`user:ID`, `group:ID`, an address for a linkage), `name` that in words. `cause`:
    `escalation:POLICY:EPISODE:LADDER:STEP:REPETITION`, `digest`, or empty for a linkage. `said`: what the far end said last."""

    key: str
    alarm_id: str
    site_id: str
    channel: str
    to: str
    recipient: str
    name: str
    cause: str
    severity: SeverityName
    state: str
    attempts: int
    last_error: str
    said: str
    folded: int
    digest_key: str
    created_at: Instant
    next_try_at: Instant | None
    sent_at: Instant | None
    delivered_at: Instant | None


class AlarmDetail(AlarmShape):
    """`records_available` is false while the records cannot be reached: then the histories are short, not empty in truth."""

    guidance: str
    guidance_en: str
    transitions: list[TransitionShape]
    orders: list[OrderShape]
    deliveries: list[DeliveryShape]
    escalation: ClimbShape | None
    hazard: HazardBrief | None
    circuits: list[CircuitSeen]
    records_available: bool


class AlarmPage(TypedDict):
    items: list[AlarmShape]
    next_cursor: str | None


class AlarmAnswer(AlarmShape):
    """The alarm after the request. `recorded`: the records have it too."""

    recorded: bool


class AlarmsAnswer(TypedDict):
    items: list[AlarmShape]
    recorded: bool


class AlarmCounts(TypedDict):
    """By facet: severity, state, site, zone, kind -> value -> number."""

    total: int
    facets: dict[str, dict[str, int]]


class Measures(Protocol):
    """The part of `api.ports.Board` that tells what is measured now."""

    @property
    def roster(self) -> Roster: ...
    def peak(self, alarm: Alarm) -> float | None: ...


def alarm_shape(alarm: Alarm, name: Name, board: Measures | None = None) -> AlarmShape:
    """With the board also what its point measures now, and has measured at worst."""
    is_live = board is not None and alarm.point_id is not None and alarm.ended_ms is None
    latest = board.roster.latest(alarm.device_id, alarm.metric) if board is not None and is_live else None
    now, now_ms = (None, None) if latest is None else latest[:2]
    return {
        "id": alarm.id,
        "rule": {"id": alarm.rule_id, "version": alarm.rule_version, "name": alarm.rule_name, "name_en": alarm.rule_name_en},
        "kind": alarm.kind,
        "subject": alarm.subject,
        "point_id": alarm.point_id,
        "site": {"id": alarm.site_id, "name": alarm.site_name},
        "zone": {"id": alarm.zone_id, "name": alarm.zone_name},
        "device": {"id": alarm.device_id, "name": alarm.device_name},
        "metric": alarm.metric,
        "unit": alarm.unit,
        "severity": SEVERITY_NAMES[alarm.severity],
        "level": alarm.level,
        "limit": finite(alarm.limit),
        "value": finite(alarm.value),
        "peak_value": finite(board.peak(alarm) if board is not None and is_live else alarm.peak_value),
        "value_now": finite(now),
        "value_now_at": iso_or_none(now_ms),
        "condition": alarm.condition.value,
        "attention": alarm.attention.value,
        "isa_state": cast(IsaState, isa_state(alarm)),
        "is_latched": alarm.is_latched,
        "needs_reset": alarm.needs_reset,
        "is_late": alarm.is_late,
        "is_test": alarm.is_test,
        "is_chattering": alarm.is_chattering,
        "is_unrecorded": alarm.is_unrecorded,
        "suppression": None if alarm.suppression is None else suppression_shape(alarm.suppression),
        "suppressions": [suppression_shape(why) for why in standing_on(alarm)],
        "asked_at": iso(alarm.asked_ms or alarm.arrived_ms),
        "realarms": alarm.realarms,
        "progress": [cast(StepName, step) for step in alarm.progress],
        "raised_at": iso(alarm.raised_ms),
        "arrived_at": iso(alarm.arrived_ms),
        "changed_at": iso(alarm.changed_ms),
        "cleared_at": iso_or_none(alarm.cleared_ms),
        "acknowledged_at": iso_or_none(alarm.acknowledged_ms),
        "acknowledged_by": name(alarm.acknowledged_by),
        "ended_at": iso_or_none(alarm.ended_ms),
        "assignee": alarm.assignee,
        "verdict": alarm.verdict.value if alarm.verdict else None,
        "needs_verdict": alarm.verdict is None and alarm.severity >= Severity.HIGH,
        "hazard_id": alarm.hazard_id,
        "count": alarm.count,
        "seq": alarm.seq,
    }


def suppression_shape(why: Suppression) -> SuppressionShape:
    return {
        "kind": cast(SuppressionKind, why.kind),
        "reason": why.reason,
        "reason_zh": why.reason_zh,
        "alarm_id": why.alarm_id,
        "source_id": why.source_id,
        "until": iso_or_none(why.until_ms),
        "by": why.by,
    }


def transition_shape(transition: Transition, name: Name) -> TransitionShape:
    after = transition.alarm
    return {
        "seq": after.seq,
        "signal": transition.signal.value,
        "at": iso(transition.at_ms),
        "who": name(transition.who),
        "note": transition.note,
        "note_zh": transition.note_zh,
        "step": cast(StepName, transition.step) if transition.step else None,
        "whom": transition.whom,
        "phone": transition.phone,
        "value": finite(transition.value),
        "rule_version": after.rule_version,
        "before": transition.before,
        "severity": SEVERITY_NAMES[after.severity],
        "condition": after.condition.value,
        "attention": after.attention.value,
    }


def delivery_shape(delivery: Delivery) -> DeliveryShape:
    return {
        "key": delivery.key,
        "alarm_id": delivery.alarm_id,
        "site_id": delivery.site_id,
        "channel": delivery.channel,
        "to": shown_address(delivery),
        "recipient": delivery.recipient,
        "name": shown_address(delivery) if delivery.name == delivery.to else delivery.name,
        "cause": delivery.cause,
        "severity": SEVERITY_NAMES[Severity(delivery.severity)],
        "state": delivery.state,
        "attempts": delivery.attempts,
        "last_error": delivery.last_error,
        "said": delivery.said,
        "folded": delivery.folded,
        "digest_key": delivery.digest_key,
        "created_at": iso(delivery.created_ms),
        "next_try_at": iso(delivery.next_try_ms) if delivery.state == "waiting" else None,
        "sent_at": iso_or_none(delivery.sent_ms),
        "delivered_at": iso_or_none(delivery.delivered_ms),
    }


def shown_address(delivery: Delivery) -> str:
    """Telephone numbers in part; secrets do not stand in the outbox."""
    return masked_phone(delivery.to) if delivery.channel in ("sms", "voice") else delivery.to


# -- asks ----------------------------------------------------------------------------------------------------------------


class NoteAsk(Ask):
    note: NoteText = ""


class NoteNeeded(Ask):
    note: ReasonText


class ManyAsk(Ask):
    alarm_ids: list[IdText] = Field(min_length=1, max_length=1000)
    note: NoteText = ""


class AssignAsk(Ask):
    assignee: IdText
    note: NoteText = ""


class ProgressAsk(Ask):
    """`whom`: who was sent, who has arrived, or who was spoken to."""

    step: StepName
    note: NoteText = ""
    whom: str = Field(default="", max_length=120)
    phone: str = Field(default="", max_length=40)


class ShelveAsk(Ask):
    """`one_shot`: until its condition is over, if that is sooner."""

    until: AskedInstant
    reason: ReasonText
    one_shot: bool = False


class WithdrawAsk(Ask):
    reason: ReasonText


class VerdictAsk(Ask):
    verdict: VerdictName
    note: NoteText = ""


class SilenceAsk(Ask):
    """The sound of this desk stops; nothing is acknowledged."""

    alarm_ids: list[IdText] = Field(default_factory=list, max_length=1000)
    desk: str = Field(default="", max_length=64)
