"""Calendars and overrides: what rules are compiled with besides themselves. Each is seen and changed by where it holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api import configuration
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import Problem, invalid
from api.routes.query import Cursor, Limit
from api.shapes.calendars import (
    CalendarAsk,
    CalendarEdit,
    CalendarPage,
    CalendarShape,
    OverrideAsk,
    OverrideEdit,
    OverridePage,
    OverrideShape,
    calendar_of,
    calendar_shape,
    override_of,
    override_shape,
)
from rules.errors import RuleError
from rules.model import Override
from rules.parse import rule_data
from rules.schedule import DEFAULT_ZONE
from sites.calendars import Calendar, is_open, next_change_ms, problems

router = APIRouter(route_class=ActingRoute, tags=["rules"])
RuleId = Annotated[str | None, Query(max_length=64, description="only those of this rule")]


@router.get("/calendars")
def calendars(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> CalendarPage:
    page = configuration.listed(door, visitor, "calendar", cursor, limit)
    return {"items": [_calendar(each, door, visitor) for each in page.items], "next_cursor": page.next_cursor}


@router.post("/calendars", status_code=201)
def new_calendar(ask: CalendarAsk, door: At, visitor: By) -> CalendarShape:
    visitor.must_somewhere("rules")
    made = calendar_of(ask, configuration.new_id(ask.id, "calendar"), 1)
    _must_be_meant(made, door, visitor)
    return _calendar(configuration.insert(door, visitor, "calendar", made), door, visitor)


@router.get("/calendars/{calendar_id}")
def calendar(calendar_id: str, door: At, visitor: By) -> CalendarShape:
    return _calendar(configuration.one(door, visitor, "calendar", calendar_id), door, visitor)


@router.put("/calendars/{calendar_id}")
def change_calendar(calendar_id: str, ask: CalendarEdit, door: At, visitor: By) -> CalendarShape:
    configuration.one(door, visitor, "calendar", calendar_id)
    visitor.must_somewhere("rules")
    configuration.same_id(ask.id, calendar_id)
    made = calendar_of(ask, calendar_id, ask.version)
    _must_be_meant(made, door, visitor)
    return _calendar(configuration.change(door, visitor, "calendar", calendar_id, ask.version, lambda _: made), door, visitor)


@router.delete("/calendars/{calendar_id}", status_code=204)
def remove_calendar(calendar_id: str, door: At, visitor: By) -> None:
    """Refused while a rule names it."""
    configuration.one(door, visitor, "calendar", calendar_id)
    visitor.must_somewhere("rules")
    named = sorted(rule.id for rule in door.records.all_things("rule") if rule.schedule and rule.schedule.calendar == calendar_id)
    if named:
        raise Problem(
            409, "not-empty", "It is still used", f"the calendar {calendar_id} is named by the rule {named[0]}: change that first"
        )
    configuration.remove(door, visitor, "calendar", calendar_id)


@router.get("/overrides")
def overrides(door: At, visitor: By, rule_id: RuleId = None, cursor: Cursor = None, limit: Limit = 50) -> OverridePage:
    page = configuration.listed(door, visitor, "override", cursor, limit, rule_id=rule_id)
    return {"items": [override_shape(each) for each in page.items], "next_cursor": page.next_cursor}


@router.post("/overrides", status_code=201)
def new_override(ask: OverrideAsk, door: At, visitor: By) -> OverrideShape:
    """422 names every number that the rule itself could not say, with the clause."""
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    made = override_of(ask, configuration.new_id(ask.id, "override"), 1)
    configuration.must_change(door, visitor, "override", made)
    _must_hold(made, door, visitor)
    return override_shape(configuration.insert(door, visitor, "override", made))


@router.get("/overrides/{override_id}")
def override(override_id: str, door: At, visitor: By) -> OverrideShape:
    return override_shape(configuration.one(door, visitor, "override", override_id))


@router.put("/overrides/{override_id}")
def change_override(override_id: str, ask: OverrideEdit, door: At, visitor: By) -> OverrideShape:
    configuration.one(door, visitor, "override", override_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    configuration.same_id(ask.id, override_id)
    made = override_of(ask, override_id, ask.version)
    configuration.must_change(door, visitor, "override", made)
    _must_hold(made, door, visitor)
    return override_shape(configuration.change(door, visitor, "override", override_id, ask.version, lambda _: made))


@router.delete("/overrides/{override_id}", status_code=204)
def remove_override(override_id: str, door: At, visitor: By) -> None:
    """From then on the place has what it inherits."""
    configuration.one(door, visitor, "override", override_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    configuration.remove(door, visitor, "override", override_id)


def _calendar(calendar: Calendar, door: Door, visitor: Visitor) -> CalendarShape:
    site = door.board.roster.sites.get(calendar.site_id or "")
    timezone = site.timezone if site else DEFAULT_ZONE
    return calendar_shape(calendar, is_open(calendar, timezone, visitor.now_ms), next_change_ms(calendar, timezone, visitor.now_ms))


def _must_be_meant(calendar: Calendar, door: Door, visitor: Visitor) -> None:
    found = [
        {
            "pointer": "/" + field.replace("[", "/").replace("]", "").replace(".", "/"),
            "detail": f"given {given}; allowed: {allowed}",
            "detail_zh": f"给定 {given}；允许：{allowed_zh}",
        }
        for field, given, allowed, allowed_zh in problems(calendar)
    ]
    if found:
        raise Problem(422, "invalid", "Not valid", found[0]["detail"], errors=found)
    if calendar.site_id is not None:
        configuration.known(door, visitor, "site", calendar.site_id, "/site_id")
    if calendar.enterprise_id is not None:
        configuration.known(door, visitor, "enterprise", calendar.enterprise_id, "/enterprise_id")


def _must_hold(override: Override, door: Door, visitor: Visitor) -> None:
    """The rule and the place are there, nobody has set the same already, and what becomes of the rule could be said by itself."""
    rule = configuration.known(door, visitor, "rule", override.rule_id, "/rule_id")
    configuration.known(door, visitor, override.node_kind.value, override.node_id, "/node_id")
    for other in door.records.all_things("override"):
        same = (other.rule_id, other.node_kind, other.node_id) == (override.rule_id, override.node_kind, override.node_id)
        if same and other.id != override.id:
            raise invalid(f"the override {other.id} sets the numbers of this rule for this place already: change that", "/node_id")
    found = door.bench.inheritance().problems(rule, override)
    if found:
        raise RuleError(rule_data(rule)["id"], found)
