"""Quiet times: recurring hours in which mild alarms of named kinds call nobody. Seen and changed by the site where they hold."""

from __future__ import annotations

from fastapi import APIRouter

from alarms.quiet_times import QuietTime, problems
from api import configuration
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import Problem, invalid
from api.routes.query import Cursor, Limit
from api.shapes.quiet_times import (
    QuietTimeAsk,
    QuietTimeEdit,
    QuietTimePage,
    QuietTimeShape,
    quiet_time_of,
    quiet_time_shape,
)

router = APIRouter(route_class=ActingRoute, tags=["suppressions"])


@router.get("/quiet-times")
def quiet_times(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> QuietTimePage:
    page = configuration.listed(door, visitor, "quiet_time", cursor, limit)
    return {"items": [_shape(door, each) for each in page.items], "next_cursor": page.next_cursor}


@router.post("/quiet-times", status_code=201)
def new_quiet_time(ask: QuietTimeAsk, door: At, visitor: By) -> QuietTimeShape:
    """Never for fire and gas, never above P3, at most 16 h of a day."""
    visitor.must_somewhere("configure")
    made = _made(ask, configuration.new_id(ask.id, "quiet"), 1, door, visitor)
    return _shape(door, configuration.insert(door, visitor, "quiet_time", made))


@router.get("/quiet-times/{quiet_id}")
def quiet_time(quiet_id: str, door: At, visitor: By) -> QuietTimeShape:
    return _shape(door, configuration.one(door, visitor, "quiet_time", quiet_id))


@router.put("/quiet-times/{quiet_id}")
def change_quiet_time(quiet_id: str, ask: QuietTimeEdit, door: At, visitor: By) -> QuietTimeShape:
    configuration.one(door, visitor, "quiet_time", quiet_id)
    visitor.must_somewhere("configure")
    configuration.same_id(ask.id, quiet_id)
    made = _made(ask, quiet_id, ask.version, door, visitor)
    return _shape(door, configuration.change(door, visitor, "quiet_time", quiet_id, ask.version, lambda _: made))


@router.delete("/quiet-times/{quiet_id}", status_code=204)
def remove_quiet_time(quiet_id: str, door: At, visitor: By) -> None:
    """What it held back calls at once."""
    configuration.one(door, visitor, "quiet_time", quiet_id)
    visitor.must_somewhere("configure")
    configuration.remove(door, visitor, "quiet_time", quiet_id)


def _made(ask: QuietTimeAsk, quiet_id: str, version: int, door: Door, visitor: Visitor) -> QuietTime:
    roster = door.board.roster
    if ask.site_id not in roster.sites or not visitor.reach.may("see", ask.site_id):
        raise invalid(f"there is no site {ask.site_id}", "/site_id")
    zone, device = roster.zones.get(ask.zone_id or ""), roster.device(ask.device_id or "")
    if ask.zone_id and (zone is None or zone.site_id != ask.site_id):
        raise invalid(f"there is no zone {ask.zone_id} at the site", "/zone_id")
    if ask.device_id and (device is None or device.site_id != ask.site_id):
        raise invalid(f"there is no device {ask.device_id} at the site", "/device_id")
    made = quiet_time_of(ask, quiet_id, version)
    found = problems(made)
    if found:
        errors = [{"pointer": f"/{field}", "detail": why, "detail_zh": why_zh} for field, why, why_zh in found]
        raise Problem(422, "invalid", "Not valid", found[0][1], errors=errors, detail_zh=found[0][2])
    return made


def _shape(door: Door, quiet: QuietTime) -> QuietTimeShape:
    fact = door.board.facts.get(("quiet_time", quiet.id))
    return quiet_time_shape(quiet, fact.until_ms if fact is not None else None)
