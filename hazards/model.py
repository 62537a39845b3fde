"""A hazard record and its steps, as frozen values. Only `hazards.loop` makes new ones; `storage` keeps them.

States and their words: house.md, behaviour.md *Hazards*. Overdue is derived, never stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HazardState(StrEnum):
    REPORTED = "reported"
    CONFIRMED = "confirmed"
    RECTIFYING = "rectifying"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    MERGED = "merged"


class Grade(StrEnum):
    GENERAL = "general"
    MAJOR = "major"


class Source(StrEnum):
    ALARM = "alarm"
    SELF_CHECK = "self_check"
    AGENCY = "agency"
    GRID = "grid"
    GOVERNMENT = "government"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectification:
    """The five items (五落实): person, measures, funds, deadline, contingency."""

    person: str = ""
    measures: str = ""
    funds: str = ""
    deadline_ms: int | None = None
    contingency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    id: str
    number: str  # human: site code, date, running number
    enterprise_id: str
    site_id: str
    zone_id: str | None
    device_id: str | None
    point_id: str | None
    source: Source
    grade: Grade | None
    category: str
    title: str
    description: str
    state: HazardState
    found_by: str
    found_ms: int
    rectification: Rectification = Rectification()
    rectified_by: str | None = None  # who submitted it: may not accept it
    submitted_ms: int | None = None
    closed_ms: int | None = None
    recurrences: int = 0
    merged_into: str | None = None
    alarm_ids: tuple[str, ...] = ()
    order_ids: tuple[str, ...] = ()
    version: int = 1


class HazardAct(StrEnum):
    REPORT = "report"
    CONFIRM = "confirm"
    RECTIFY = "rectify"
    SUBMIT = "submit"
    ACCEPT = "accept"
    RETURN = "return"
    REJECT = "reject"
    MERGE = "merge"
    RECUR = "recur"


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardStep:
    """One step of the loop: `(hazard_id, version)` names it."""

    hazard_id: str
    version: int
    act: HazardAct
    before: str
    after: HazardState
    who: str | None
    at_ms: int
    note: str = ""
