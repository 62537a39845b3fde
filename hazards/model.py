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


class Aspect(StrEnum):
    """What kind of deficiency (domain.md D2): 现场类, 基础管理类."""

    ON_SITE = "on_site"
    MANAGEMENT = "management"


class Party(StrEnum):
    """Who has looked at it: the enterprise checks, the agency assists, the grid confirms, the government supervises."""

    ENTERPRISE = "enterprise"
    AGENCY = "agency"
    GRID = "grid"
    GOVERNMENT = "government"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """One link of the chain: a party has looked at this hazard and says so."""

    party: Party
    who: str | None
    at_ms: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """More time asked for; `granted` None: nobody has decided yet."""

    until_ms: int
    reason: str
    asked_by: str
    asked_ms: int
    granted: bool | None = None
    decided_by: str | None = None
    decided_ms: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MajorPlan:
    """What a major hazard's report (the first two) and plan (治理方案) must contain (16号令 art. 14 and 15, domain.md D2)."""

    situation: str = ""  # present state and its causes
    harm: str = ""  # harm, and how difficult it is
    goals: str = ""
    methods: str = ""
    resources: str = ""  # funds and materials
    organisation: str = ""
    limits: str = ""  # time and requirements
    safety: str = ""  # safety measures and emergency plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    text: str
    who: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """挂牌督办: listed by the supervising body, until acceptance takes it off the list."""

    body: str
    list_number: str
    deadline_ms: int
    contact: str
    notice: str = ""  # where and how it was made public
    listed_by: str = ""
    listed_ms: int = 0
    progress: tuple[Progress, ...] = ()
    lifted_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """停产停业 while it is being rectified: of a part or of all; ended when `until_ms` is set."""

    is_full: bool
    note: str
    since_ms: int
    until_ms: int | None = None


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
    aspect: Aspect | None = None
    clause: str = ""  # the basis that it breaks
    place: str = ""  # the spot or part, in words
    unit: str = ""  # the responsible unit
    control: str = ""  # temporary control measures until it is rectified
    risk_point_id: str | None = None
    origin: tuple[tuple[str, str], ...] = ()  # the source's own fields: hazards.sources
    chain: tuple[Vouched, ...] = ()
    clean_h: int = 72  # behaviour.md: so long its points stay without alarm before acceptance, as agreed
    submissions: int = 0  # how often it was submitted
    returned: int = 0  # how often the review failed
    rectifiers: tuple[str, ...] = ()  # all who submitted it: none of them accepts it
    extensions: tuple[Extension, ...] = ()
    major: MajorPlan | None = None
    supervision: Supervision | None = None
    shutdown: Shutdown | None = None
    split_from: str | None = None


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
    FIX = "fix"
    CONTROL = "control"
    VOUCH = "vouch"
    EXTEND = "extend"
    GRANT = "grant"
    REFUSE = "refuse"
    SUPERVISE = "supervise"
    PROGRESS = "progress"
    SHUT_DOWN = "shut_down"
    RESUME = "resume"
    SPLIT = "split"
    LINK = "link"
    UNLINK = "unlink"
    ATTACH = "attach"


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
