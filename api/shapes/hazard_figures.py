"""Counts, trends, comparisons and saved filters of the hazard ledger over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.asks import Ask, NameText
from api.shapes.hazards import AspectName, GradeName, HazardShape, HazardStateName, SourceName
from api.shapes.times import AskedInstant, Instant
from hazards.queries import Standing


class HazardCounts(TypedDict):
    """Facets: state, grade, source, category, site, enterprise, region (a district with all below it), person, age, due."""

    total: int
    facets: dict[str, dict[str, int]]


class TrendStepShape(TypedDict):
    from_at: Instant
    to_at: Instant
    found: int
    closed: int
    major: int
    overdue: int


class HazardTrend(TypedDict):
    step: Literal["day", "week", "month"]
    items: list[TrendStepShape]


class EnterpriseStandingShape(TypedDict):
    """`on_time_share` of those closed; null where none was closed."""

    enterprise_id: str
    name: str
    found: int
    open: int
    overdue: int
    major: int
    closed: int
    rejected: int
    returned: int
    recurrences: int
    on_time_share: float | None
    closed_share: float
    mean_close_h: float | None


class EnterpriseStandingPage(TypedDict):
    items: list[EnterpriseStandingShape]
    total: int


class ReconciledShape(TypedDict):
    """`lacks`: what is missing before it can be closed, or in what was closed."""

    hazard: HazardShape
    lacks: list[Literal["grade", "plan", "submission", "photo_before", "photo_after", "acceptance"]]


class Reconciliation(TypedDict):
    listed: int
    closed: int
    remaining: int
    items: list[ReconciledShape]
    next_cursor: str | None


class HazardFilter(Ask):
    """The list's parameters, as a view keeps them."""

    state: HazardStateName | Literal["open", "overdue"] | None = None
    grade: GradeName | None = None
    source: SourceName | None = None
    aspect: AspectName | None = None
    category: Annotated[str, Field(max_length=60)] | None = None
    district: Annotated[str, Field(max_length=64)] | None = None
    enterprise: Annotated[str, Field(max_length=64)] | None = None
    site: Annotated[str, Field(max_length=64)] | None = None
    person: Annotated[str, Field(max_length=120)] | None = None
    listed: bool | None = None
    older_days: Annotated[int, Field(ge=0, le=10_000)] | None = None
    from_at: AskedInstant | None = None
    to_at: AskedInstant | None = None
    closed_from_at: AskedInstant | None = None
    closed_to_at: AskedInstant | None = None
    q: Annotated[str, Field(max_length=100)] = ""


class HazardViewAsk(Ask):
    name: NameText
    filter: HazardFilter
    version: int | None = None


class HazardViewShape(TypedDict):
    id: str
    name: str
    filter: dict[str, Any]
    version: int


class HazardViewPage(TypedDict):
    items: list[HazardViewShape]


def standing_shape(standing: Standing, name: str) -> EnterpriseStandingShape:
    return {
        "enterprise_id": standing.enterprise_id,
        "name": name,
        "found": standing.found,
        "open": standing.open,
        "overdue": standing.overdue,
        "major": standing.major,
        "closed": standing.closed,
        "rejected": standing.rejected,
        "returned": standing.returned,
        "recurrences": standing.recurrences,
        "on_time_share": None if standing.closed == 0 else round(standing.on_time / standing.closed, 4),
        "closed_share": round((standing.closed + standing.rejected) / max(1, standing.found), 4),
        "mean_close_h": None if standing.mean_close_ms is None else round(standing.mean_close_ms / 3_600_000, 1),
    }
