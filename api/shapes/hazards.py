"""Hazards over HTTP, and what may be asked of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.asks import Ask, IdText, NameText, NoteText, ReasonText
from api.shapes.people import Person
from api.shapes.times import AskedInstant, Instant, iso, iso_or_none
from hazards.loop import OPEN, is_overdue
from hazards.model import Hazard, HazardStep

HazardStateName = Literal["reported", "confirmed", "rectifying", "submitted", "accepted", "rejected", "merged"]
GradeName = Literal["general", "major"]
SourceName = Literal["alarm", "self_check", "agency", "grid", "government", "public"]
ActName = Literal["report", "confirm", "rectify", "submit", "accept", "return", "reject", "merge", "recur"]


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


class HazardStepShape(TypedDict):
    version: int
    act: ActName
    before: str
    after: HazardStateName
    who: Person | None
    at: Instant
    note: str


class HazardDetail(HazardShape):
    """`may`: the acts that this person may do now, after the table and the rights."""

    steps: list[HazardStepShape]
    may: list[ActName]


class HazardPage(TypedDict):
    items: list[HazardShape]
    next_cursor: str | None


class HazardCounts(TypedDict):
    total: int
    facets: dict[str, dict[str, int]]


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


class ConfirmAsk(Ask):
    grade: GradeName
    note: NoteText = ""


class RectifyAsk(Ask):
    rectification: RectificationAsk
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
