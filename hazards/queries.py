"""What may be asked of kept hazards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """The request that asks for a new hazard: its key names who asked and how, `fingerprint` what was asked."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardQuery:
    state: str | None = None  # a state, or `open`, or `overdue`
    site: str | None = None
    enterprise: str | None = None
    source: str | None = None
    grade: str | None = None
    alarm: str | None = None
    category: str | None = None
    aspect: str | None = None
    zone: str | None = None
    device: str | None = None
    point: str | None = None
    risk_point: str | None = None
    found_by: str | None = None
    person: str | None = None  # named in the plan, or who submitted it
    listed: bool | None = None  # on the supervising body's list
    enterprises: frozenset[str] | None = None  # those of a district
    from_ms: int | None = None  # found within [from, to)
    to_ms: int | None = None
    closed_from_ms: int | None = None
    closed_to_ms: int | None = None
    older_ms: int | None = None  # open, and found so long ago or longer
    q: str = ""
    now_ms: int = 0
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardFile:
    """A photo or file of a hazard; its content lies under its SHA-256. `moment`: before, after, other. No picture: width 0."""

    id: str
    hazard_id: str
    sha256: str
    moment: str
    media_type: str
    name: str
    who: str
    bytes: int
    width: int
    height: int
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RectifierLink:
    """A link for a rectifier without an account: one hazard, until it expires, is revoked or was used to submit."""

    id: str
    hazard_id: str
    name: str
    made_by: str
    made_ms: int
    expires_ms: int
    revoked_ms: int | None = None
    used_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminded:
    """A stage of a deadline that was told."""

    stage: str
    name: str
    level: int
    messages: int
    at_ms: int


# how long an open hazard has been known: bucket -> from so many days on
AGES = {"day": 0, "week": 1, "month": 7, "quarter": 30, "older": 90}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendStep:
    """One day, week or month of the ledger: found, closed, returned, and how many became overdue."""

    from_ms: int
    to_ms: int
    found: int
    closed: int
    major: int  # of those found
    overdue: int  # deadlines that passed within it without being submitted by then


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One enterprise's figures of hazards found in a span: what comparisons and 对账销号 lists show."""

    enterprise_id: str
    found: int
    open: int
    overdue: int
    major: int
    closed: int
    rejected: int  # and merged
    on_time: int  # of those closed: submitted before their deadline
    returned: int
    recurrences: int
    mean_close_ms: int | None
