"""Counts of the ledger over HTTP: facets with the district tree, trends, enterprises side by side, 对账销号 lists, saved filters."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Query

from api import configuration
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import invalid, not_found
from api.routes.hazards import Asked
from api.routes.query import Cursor, Limit
from api.shapes.hazard_figures import (
    EnterpriseStandingPage,
    HazardCounts,
    HazardTrend,
    HazardViewAsk,
    HazardViewPage,
    HazardViewShape,
    Reconciliation,
    standing_shape,
)
from api.shapes.hazards import hazard_shape
from api.shapes.times import AskedInstant, iso, iso_or_none
from hazards.model import Hazard
from sites.records import SavedView

router = APIRouter(route_class=ActingRoute, tags=["hazards"])
MOST_STEPS = 400
MOST_VIEWS = 100


@router.get("/hazards/counts")
def counts(asked: Asked, door: At, visitor: By) -> HazardCounts:
    """Facets under the filter; `region` counts each district with all below it."""
    facets = door.records.hazard_counts(asked, visitor.scope)
    facets["region"] = _regions(door, facets.get("enterprise", {}))
    return {"total": sum(facets.get("state", {}).values()), "facets": facets}


@router.get("/hazards/trend")
def trend(
    asked: Asked,
    door: At,
    visitor: By,
    step: Literal["day", "week", "month"] = "day",
    begin: AskedInstant | None = None,
    end: AskedInstant | None = None,
    timezone: Annotated[str, Query(max_length=64)] = "Asia/Shanghai",
) -> HazardTrend:
    """What was found, closed and became overdue, by day, week (from Monday) or month of a time zone; the last 30 steps unless said
    otherwise."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(f"there is no time zone {timezone}", "?timezone") from None
    bounds = _bounds(step, begin, visitor.now_ms if end is None else end, zone)
    steps = door.records.hazard_trend(asked, visitor.scope, bounds)
    return {
        "step": step,
        "items": [
            {
                "from_at": iso(each.from_ms),
                "to_at": iso(each.to_ms),
                "found": each.found,
                "closed": each.closed,
                "major": each.major,
                "overdue": each.overdue,
            }
            for each in steps
        ],
    }


@router.get("/hazards/comparison")
def comparison(asked: Asked, door: At, visitor: By, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> EnterpriseStandingPage:
    """Enterprises side by side: found, open, overdue, closed in time, returned, how long closing took; most overdue first."""
    standings = door.records.hazard_standings(asked, visitor.scope)
    names = door.board.roster.enterprises
    return {
        "items": [
            standing_shape(each, names[each.enterprise_id].name if each.enterprise_id in names else "") for each in standings[:limit]
        ],
        "total": len(standings),
    }


@router.get("/hazards/reconciliation")
def reconciliation(asked: Asked, door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> Reconciliation:
    """对账销号: every number on the list, and what each still lacks before it can be closed."""
    page = door.records.hazards(replace(asked, cursor=cursor, limit=limit), visitor.scope)
    moments = door.records.hazard_file_moments([each.id for each in page.items])
    states = door.records.hazard_counts(asked, visitor.scope)["state"]
    closed = states.get("accepted", 0) + states.get("rejected", 0) + states.get("merged", 0)
    return {
        "listed": sum(states.values()),
        "closed": closed,
        "remaining": sum(states.values()) - closed,
        "items": [
            {"hazard": hazard_shape(each, visitor.now_ms, door.person), "lacks": _lacks(each, moments.get(each.id, set()))}
            for each in page.items
        ],
        "next_cursor": page.next_cursor,
    }


@router.get("/hazard-views")
def hazard_views(door: At, visitor: By) -> HazardViewPage:
    """Your own saved filters, by name."""
    return {"items": [_view_shape(view) for view in door.records.hazard_views(visitor.user.id)]}


@router.post("/hazard-views", status_code=201)
def new_hazard_view(ask: HazardViewAsk, door: At, visitor: By) -> HazardViewShape:
    if len(door.records.hazard_views(visitor.user.id)) >= MOST_VIEWS:
        raise invalid(f"there are {MOST_VIEWS} views already; remove one first", "/name")
    made = SavedView(id=configuration.new_id(None, "view"), user_id=visitor.user.id, name=ask.name, query=_words(ask), version=1)
    return _view_shape(door.records.put_hazard_view(made))


@router.put("/hazard-views/{view_id}")
def change_hazard_view(view_id: str, ask: HazardViewAsk, door: At, visitor: By) -> HazardViewShape:
    """`version` is the present one."""
    if ask.version is None:
        raise invalid("the version that is changed is needed", "/version")
    _mine(view_id, door, visitor)
    changed = SavedView(id=view_id, user_id=visitor.user.id, name=ask.name, query=_words(ask), version=ask.version + 1)
    return _view_shape(door.records.put_hazard_view(changed))


@router.delete("/hazard-views/{view_id}", status_code=204)
def remove_hazard_view(view_id: str, door: At, visitor: By) -> None:
    door.records.drop_hazard_view(_mine(view_id, door, visitor).id)


# -- parts ---------------------------------------------------------------------------------------------------------------


def _regions(door: Door, by_enterprise: dict[str, int]) -> dict[str, int]:
    """Counts of each district with all below it; a ring in the data ends the climb."""
    roster = door.board.roster
    made: Counter[str] = Counter()
    for enterprise_id, number in by_enterprise.items():
        enterprise = roster.enterprises.get(enterprise_id)
        district_id, seen = (enterprise.district_id if enterprise else None), set[str]()
        while district_id is not None and district_id not in seen:
            seen.add(district_id)
            made[district_id] += number
            district = roster.districts.get(district_id)
            district_id = district.parent_id if district else None
    return dict(made)


def _bounds(step: str, begin_ms: int | None, end_ms: int, zone: ZoneInfo) -> list[int]:
    """The steps' bounds: local midnights, the last after `end_ms`, the first at or before `begin_ms`."""
    last = _floor(datetime.fromtimestamp(end_ms / 1000, UTC).astimezone(zone), step)
    bounds = [_next(last, step)]
    while len(bounds) <= MOST_STEPS:
        bounds.append(last)
        if (begin_ms is None and len(bounds) > 30) or (begin_ms is not None and last.timestamp() * 1000 <= begin_ms):
            return [int(each.timestamp() * 1000) for each in reversed(bounds)]
        last = _floor(last - timedelta(days=1), step)
    raise invalid(f"the span has more than {MOST_STEPS} steps: ask for a shorter one, or for longer steps", "?begin")


def _floor(at: datetime, step: str) -> datetime:
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if step == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def _next(at: datetime, step: str) -> datetime:
    if step == "month":
        return (at + timedelta(days=32)).replace(day=1)
    return at + timedelta(days=7 if step == "week" else 1)


def _lacks(hazard: Hazard, moments: set[str]) -> list[Literal["grade", "plan", "submission", "photo_before", "photo_after", "acceptance"]]:
    found: list[Literal["grade", "plan", "submission", "photo_before", "photo_after", "acceptance"]] = []
    if hazard.state in ("rejected", "merged"):
        return found
    if hazard.grade is None:
        found.append("grade")
    if not hazard.rectification.measures:
        found.append("plan")
    if hazard.submitted_ms is None:
        found.append("submission")
    if "before" not in moments:
        found.append("photo_before")
    if "after" not in moments:
        found.append("photo_after")
    if hazard.closed_ms is None:
        found.append("acceptance")
    return found


def _mine(view_id: str, door: Door, visitor: Visitor) -> SavedView:
    found = [view for view in door.records.hazard_views(visitor.user.id) if view.id == view_id]
    if not found:
        raise not_found("the view", view_id)
    return found[0]


def _words(ask: HazardViewAsk) -> dict[str, object]:
    given = ask.filter.model_dump(exclude_unset=True)
    times = ("from_at", "to_at", "closed_from_at", "closed_to_at")
    return given | {name: iso_or_none(given[name]) for name in times if name in given}


def _view_shape(view: SavedView) -> HazardViewShape:
    return {"id": view.id, "name": view.name, "filter": view.query, "version": view.version}
