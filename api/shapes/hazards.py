"""Hazards over HTTP, and what may be asked of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, cast

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.asks import Ask, IdText, NameText, NoteText, ReasonText
from api.shapes.people import Person
from api.shapes.times import AskedInstant, Instant, iso, iso_or_none
from hazards.loop import OPEN, is_overdue
from hazards.model import Extension, Hazard, HazardStep, MajorPlan, Shutdown, Supervision
from hazards.queries import HazardFile

HazardStateName = Literal["reported", "confirmed", "rectifying", "submitted", "accepted", "rejected", "merged"]
GradeName = Literal["general", "major"]
SourceName = Literal["alarm", "self_check", "agency", "grid", "government", "public"]
ActName = Literal[
    "report", "confirm", "rectify", "submit", "accept", "return", "reject", "merge", "recur", "fix", "control", "vouch", "extend", "grant",
    "refuse", "supervise", "progress", "shut_down", "resume", "split", "link", "unlink", "attach",
]  # fmt: skip
AspectName = Literal["on_site", "management"]
PartyName = Literal["enterprise", "agency", "grid", "government"]


class HazardBrief(TypedDict):
    id: str
    number: str
    title: str
    state: HazardStateName
    grade: GradeName | None


class RectificationShape(TypedDict):
    person: str
    measures: str
    funds: str
    deadline_at: Instant | None
    contingency: str


class VouchedShape(TypedDict):
    party: PartyName
    who: Person | None
    at: Instant
    note: str


class ExtensionShape(TypedDict):
    """`granted` null: undecided."""

    until_at: Instant
    reason: str
    asked_by: Person | None
    asked_at: Instant
    granted: bool | None
    decided_by: Person | None
    decided_at: Instant | None
    note: str


class MajorPlanShape(TypedDict):
    """The report (situation, harm) and the plan of a major hazard."""

    situation: str
    harm: str
    goals: str
    methods: str
    resources: str
    organisation: str
    limits: str
    safety: str


class ProgressShape(TypedDict):
    text: str
    who: Person | None
    at: Instant


class SupervisionShape(TypedDict):
    """挂牌督办; `lifted_at`: when acceptance took it off the list."""

    body: str
    list_number: str
    deadline_at: Instant
    contact: str
    notice: str
    listed_by: Person | None
    listed_at: Instant
    progress: list[ProgressShape]
    lifted_at: Instant | None


class ShutdownShape(TypedDict):
    is_full: bool
    note: str
    since_at: Instant
    until_at: Instant | None


class HazardShape(HazardBrief):
    enterprise_id: str
    site_id: str
    zone_id: str | None
    device_id: str | None
    point_id: str | None
    source: SourceName
    category: str
    description: str
    found_by: Person | None
    found_at: Instant
    rectification: RectificationShape
    rectified_by: Person | None
    submitted_at: Instant | None
    closed_at: Instant | None
    is_open: bool
    is_overdue: bool
    recurrences: int
    merged_into: str | None
    alarm_ids: list[str]
    order_ids: list[str]
    version: int
    aspect: AspectName | None
    clause: str
    place: str
    unit: str
    control: str
    risk_point_id: str | None
    origin: dict[str, str]
    chain: list[VouchedShape]
    clean_h: int
    submissions: int
    returned: int
    extensions: list[ExtensionShape]
    major: MajorPlanShape | None
    supervision: SupervisionShape | None
    is_listed: bool
    shutdown: ShutdownShape | None
    split_from: str | None


class HazardStepShape(TypedDict):
    version: int
    act: ActName
    before: str
    after: HazardStateName
    who: Person | None
    at: Instant
    note: str


class HazardFileShape(TypedDict):
    """`moment`: before, after, other. Pictures have a size and a thumbnail."""

    id: str
    moment: Literal["before", "after", "other"]
    media_type: str
    name: str
    bytes: int
    width: int
    height: int
    who: Person | None
    at: Instant


class ReminderShape(TypedDict):
    """A stage of the deadline that was told: soon, overdue, escalated, highest."""

    name: str
    level: int
    messages: int
    at: Instant


class HazardDetail(HazardShape):
    """`may`: the acts that this person may do now, after the table and the rights. `clean_since`: when the last alarm of its points
    cleared; null while one stands. `merged`: hazards that were merged into it; `parts`: those split from it."""

    steps: list[HazardStepShape]
    files: list[HazardFileShape]
    reminders: list[ReminderShape]
    clean_since: Instant | None
    merged: list[HazardBrief]
    parts: list[HazardBrief]
    may: list[ActName]


class HazardPage(TypedDict):
    items: list[HazardShape]
    next_cursor: str | None


def hazard_brief(hazard: Hazard) -> HazardBrief:
    return {
        "id": hazard.id,
        "number": hazard.number,
        "title": hazard.title,
        "state": hazard.state.value,
        "grade": hazard.grade.value if hazard.grade else None,
    }


def hazard_shape(hazard: Hazard, now_ms: int, name: Callable[[str | None], Person | None]) -> HazardShape:
    plan = hazard.rectification
    return {
        **hazard_brief(hazard),
        "enterprise_id": hazard.enterprise_id,
        "site_id": hazard.site_id,
        "zone_id": hazard.zone_id,
        "device_id": hazard.device_id,
        "point_id": hazard.point_id,
        "source": hazard.source.value,
        "category": hazard.category,
        "description": hazard.description,
        "found_by": name(hazard.found_by),
        "found_at": iso(hazard.found_ms),
        "rectification": {
            "person": plan.person,
            "measures": plan.measures,
            "funds": plan.funds,
            "deadline_at": iso_or_none(plan.deadline_ms),
            "contingency": plan.contingency,
        },
        "rectified_by": name(hazard.rectified_by),
        "submitted_at": iso_or_none(hazard.submitted_ms),
        "closed_at": iso_or_none(hazard.closed_ms),
        "is_open": hazard.state in OPEN,
        "is_overdue": is_overdue(hazard, now_ms),
        "recurrences": hazard.recurrences,
        "merged_into": hazard.merged_into,
        "alarm_ids": list(hazard.alarm_ids),
        "order_ids": list(hazard.order_ids),
        "version": hazard.version,
        "aspect": hazard.aspect.value if hazard.aspect else None,
        "clause": hazard.clause,
        "place": hazard.place,
        "unit": hazard.unit,
        "control": hazard.control,
        "risk_point_id": hazard.risk_point_id,
        "origin": dict(hazard.origin),
        "chain": [{"party": v.party.value, "who": name(v.who), "at": iso(v.at_ms), "note": v.note} for v in hazard.chain],
        "clean_h": hazard.clean_h,
        "submissions": hazard.submissions,
        "returned": hazard.returned,
        "extensions": [_extension(each, name) for each in hazard.extensions],
        "major": None if hazard.major is None else _major(hazard.major),
        "supervision": None if hazard.supervision is None else _supervision(hazard.supervision, name),
        "is_listed": hazard.supervision is not None and hazard.supervision.lifted_ms is None,
        "shutdown": None if hazard.shutdown is None else _shutdown(hazard.shutdown),
        "split_from": hazard.split_from,
    }


def _extension(asked: Extension, name: Callable[[str | None], Person | None]) -> ExtensionShape:
    return {
        "until_at": iso(asked.until_ms),
        "reason": asked.reason,
        "asked_by": name(asked.asked_by),
        "asked_at": iso(asked.asked_ms),
        "granted": asked.granted,
        "decided_by": name(asked.decided_by),
        "decided_at": iso_or_none(asked.decided_ms),
        "note": asked.note,
    }


def _major(plan: MajorPlan) -> MajorPlanShape:
    return {
        "situation": plan.situation,
        "harm": plan.harm,
        "goals": plan.goals,
        "methods": plan.methods,
        "resources": plan.resources,
        "organisation": plan.organisation,
        "limits": plan.limits,
        "safety": plan.safety,
    }


def _supervision(listed: Supervision, name: Callable[[str | None], Person | None]) -> SupervisionShape:
    return {
        "body": listed.body,
        "list_number": listed.list_number,
        "deadline_at": iso(listed.deadline_ms),
        "contact": listed.contact,
        "notice": listed.notice,
        "listed_by": name(listed.listed_by),
        "listed_at": iso(listed.listed_ms),
        "progress": [{"text": each.text, "who": name(each.who), "at": iso(each.at_ms)} for each in listed.progress],
        "lifted_at": iso_or_none(listed.lifted_ms),
    }


def _shutdown(shut: Shutdown) -> ShutdownShape:
    return {"is_full": shut.is_full, "note": shut.note, "since_at": iso(shut.since_ms), "until_at": iso_or_none(shut.until_ms)}


def hazard_file_shape(file: HazardFile, name: Callable[[str | None], Person | None]) -> HazardFileShape:
    return {
        "id": file.id,
        "moment": cast(Any, file.moment),
        "media_type": file.media_type,
        "name": file.name,
        "bytes": file.bytes,
        "width": file.width,
        "height": file.height,
        "who": name(file.who),
        "at": iso(file.at_ms),
    }


def hazard_step_shape(step: HazardStep, name: Callable[[str | None], Person | None]) -> HazardStepShape:
    return {
        "version": step.version,
        "act": step.act.value,
        "before": step.before,
        "after": step.after.value,
        "who": name(step.who),
        "at": iso(step.at_ms),
        "note": step.note,
    }


# -- asks ----------------------------------------------------------------------------------------------------------------


class HazardAsk(Ask):
    site_id: IdText
    zone_id: IdText | None = None
    device_id: IdText | None = None
    title: NameText
    description: str = Field(default="", max_length=4000)
    category: str = Field(default="", max_length=60)
    source: SourceName = "self_check"
    origin: dict[str, Annotated[str, Field(max_length=200)]] = Field(default_factory=dict, max_length=8)
    aspect: AspectName | None = None
    clause: str = Field(default="", max_length=500)
    place: str = Field(default="", max_length=200)
    unit: str = Field(default="", max_length=120)
    control: str = Field(default="", max_length=2000)
    risk_point_id: IdText | None = None


class AlarmHazardAsk(Ask):
    """Everything is prefilled from the alarm; what is given replaces it."""

    title: str = Field(default="", max_length=120)
    description: str = Field(default="", max_length=4000)
    category: str = Field(default="", max_length=60)


class RectificationAsk(Ask):
    person: str = Field(default="", max_length=120)
    measures: str = Field(default="", max_length=4000)
    funds: str = Field(default="", max_length=120)
    deadline_at: AskedInstant | None = None
    contingency: str = Field(default="", max_length=4000)


class MajorPlanAsk(Ask):
    """All of them are needed for a major hazard, unless they stand there already."""

    situation: str = Field(default="", max_length=4000)
    harm: str = Field(default="", max_length=4000)
    goals: str = Field(default="", max_length=4000)
    methods: str = Field(default="", max_length=4000)
    resources: str = Field(default="", max_length=4000)
    organisation: str = Field(default="", max_length=4000)
    limits: str = Field(default="", max_length=4000)
    safety: str = Field(default="", max_length=4000)


class ConfirmAsk(Ask):
    """`clean_h`: the agreed time that its points stay without alarm before acceptance."""

    grade: GradeName
    category: str = Field(default="", max_length=60)
    aspect: AspectName | None = None
    clause: str = Field(default="", max_length=500)
    clean_h: Annotated[int, Field(ge=0, le=2160)] | None = None
    note: NoteText = ""


class RectifyAsk(Ask):
    rectification: RectificationAsk
    major: MajorPlanAsk | None = None
    unit: str = Field(default="", max_length=120)
    control: str = Field(default="", max_length=2000)
    note: NoteText = ""


class SubmitAsk(Ask):
    note: ReasonText


class AcceptAsk(Ask):
    """A reason is needed where the alarm's point has not been clean for the agreed time."""

    note: NoteText = ""


class HazardReasonAsk(Ask):
    reason: ReasonText


class MergeAsk(Ask):
    into: str = Field(min_length=1, max_length=64)
    reason: ReasonText
