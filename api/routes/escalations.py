"""Escalation policies and duty rosters: documents handed in as data, kept with versions, seen by the sites that they concern."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from alarms.duty import DutyRoster, duty_between, missing_persons, on_duty, shortfalls
from alarms.duty_parse import parse_duty_roster
from alarms.escalation_parse import parse_escalation
from alarms.escalation_policy import Escalation
from api import configuration
from api.door import ActingRoute, At, By, Door, Visitor
from api.naming import namer
from api.problems import invalid
from api.routes.query import Cursor, From, Limit, To
from api.shapes.escalations import (
    DutyRosterPage,
    DutyRosterShape,
    DutyShape,
    EscalationPage,
    EscalationShape,
    duty_roster_shape,
    escalation_shape,
    on_duty_shape,
)
from api.shapes.times import iso

router = APIRouter(route_class=ActingRoute, tags=["escalations"])
DAY_MS = 86_400_000
MOST_SPAN_MS = 93 * DAY_MS
Of = Annotated[str | None, Query(max_length=64)]
HandedPolicy = Annotated[
    dict[str, Any],
    Body(
        description="A policy as data, as in EscalationShape.data.",
        examples=[
            {
                "id": "fire",
                "name": {"zh": "火警升级", "en": "Fire"},
                "kinds": ["smoke", "heat", "manual_call"],
                "unacknowledged": [{"after_s": 60, "whom": ["duty"], "otherwise": ["role:operator"], "channels": ["voice", "sms"]}],
                "unverified": [{"after_s": 180, "whom": ["role:manager"]}],
            }
        ],
    ),
]
HandedRoster = Annotated[
    dict[str, Any],
    Body(
        description="A roster as data, as in DutyRosterShape.data. Days: Monday 0. An end at or before the begin is on the next day.",
        examples=[
            {
                "id": "control-room",
                "name": {"zh": "消控室", "en": "Control room"},
                "site_id": "mall",
                "people": [{"id": "wang", "name": "王", "phone": "+8613800000000"}, {"id": "li", "name": "李", "user_id": "u-li"}],
                "shifts": [
                    {"id": "night", "name": "夜班", "begin": "20:00", "end": "08:00", "places": [{"position": "lead", "person": "wang"}]}
                ],
                "changes": [{"day": "2026-12-24", "shift": "night", "places": [{"person": "li"}]}],
            }
        ],
    ),
]


@router.get("/escalations")
def escalations(door: At, visitor: By, site: Of = None, cursor: Cursor = None, limit: Limit = 50) -> EscalationPage:
    page = configuration.listed(door, visitor, "escalation", cursor, limit, site_id=site)
    name = namer(door)
    return {"items": [escalation_shape(policy, name) for policy in page.items], "next_cursor": page.next_cursor}


@router.post("/escalations", status_code=201)
def new_escalation(handed: HandedPolicy, door: At, visitor: By) -> EscalationShape:
    """422 names every field that cannot be meant, with the clause where it limits a fire alarm's ladder."""
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    policy = parse_escalation({**handed, "id": configuration.new_id(handed.get("id"), "escalation"), "version": 1})
    _whom_exist(door, visitor, policy)
    return escalation_shape(configuration.insert(door, visitor, "escalation", policy), namer(door))


@router.get("/escalations/{escalation_id}")
def escalation(escalation_id: str, door: At, visitor: By) -> EscalationShape:
    return escalation_shape(configuration.one(door, visitor, "escalation", escalation_id), namer(door))


@router.put("/escalations/{escalation_id}")
def change_escalation(escalation_id: str, handed: HandedPolicy, door: At, visitor: By) -> EscalationShape:
    configuration.one(door, visitor, "escalation", escalation_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    _versioned(handed, escalation_id)
    policy = parse_escalation({**handed, "id": escalation_id})
    _whom_exist(door, visitor, policy)
    kept = configuration.change(door, visitor, "escalation", escalation_id, policy.version, lambda _: policy)
    return escalation_shape(kept, namer(door))


@router.delete("/escalations/{escalation_id}", status_code=204)
def remove_escalation(escalation_id: str, door: At, visitor: By) -> None:
    configuration.one(door, visitor, "escalation", escalation_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    configuration.remove(door, visitor, "escalation", escalation_id)


# -- duty rosters --------------------------------------------------------------------------------------------------------


@router.get("/duty-rosters")
def duty_rosters(door: At, visitor: By, site: Of = None, cursor: Cursor = None, limit: Limit = 50) -> DutyRosterPage:
    page = configuration.listed(door, visitor, "duty_roster", cursor, limit, site_id=site)
    return {"items": [_roster_shape(door, visitor, roster) for roster in page.items], "next_cursor": page.next_cursor}


@router.post("/duty-rosters", status_code=201)
def new_duty_roster(handed: HandedRoster, door: At, visitor: By) -> DutyRosterShape:
    visitor.must_somewhere("configure")
    roster = parse_duty_roster({**handed, "id": configuration.new_id(handed.get("id"), "roster"), "version": 1})
    visitor.must("configure", roster.site_id or "", "the site", roster.site_id or "")
    return _roster_shape(door, visitor, configuration.insert(door, visitor, "duty_roster", roster))


@router.get("/duty-rosters/{roster_id}")
def duty_roster(roster_id: str, door: At, visitor: By) -> DutyRosterShape:
    return _roster_shape(door, visitor, configuration.one(door, visitor, "duty_roster", roster_id))


@router.get("/duty-rosters/{roster_id}/duty")
def duty(roster_id: str, door: At, visitor: By, from_ms: From = None, to_ms: To = None) -> DutyShape:
    """Who has the duty in a span (default: the next seven days), and when too few people have it."""
    roster = configuration.one(door, visitor, "duty_roster", roster_id)
    begin = visitor.now_ms if from_ms is None else from_ms
    end = begin + 7 * DAY_MS if to_ms is None else to_ms
    if not begin < end <= begin + MOST_SPAN_MS:
        raise invalid("the span ends after it begins, and holds at most 93 days", "?to")
    zone, may_see = _timezone(door, roster), visitor.reach.may("configure", roster.site_id)
    return {
        "items": [on_duty_shape(each, may_see) for each in duty_between(roster, zone, begin, end)],
        "shortfalls": [
            {"begins_at": iso(since), "ends_at": iso(until), "missing": n} for since, until, n in shortfalls(roster, zone, begin, end)
        ],
    }


@router.put("/duty-rosters/{roster_id}")
def change_duty_roster(roster_id: str, handed: HandedRoster, door: At, visitor: By) -> DutyRosterShape:
    present = configuration.one(door, visitor, "duty_roster", roster_id)
    visitor.must("configure", present.site_id, "the duty roster", roster_id)
    _versioned(handed, roster_id)
    roster = parse_duty_roster({**handed, "id": roster_id})
    kept = configuration.change(door, visitor, "duty_roster", roster_id, roster.version, lambda _: roster)
    return _roster_shape(door, visitor, kept)


@router.delete("/duty-rosters/{roster_id}", status_code=204)
def remove_duty_roster(roster_id: str, door: At, visitor: By) -> None:
    configuration.remove(door, visitor, "duty_roster", roster_id)


# -- parts ---------------------------------------------------------------------------------------------------------------


def _versioned(handed: dict[str, Any], thing_id: str) -> None:
    if not isinstance(handed.get("version"), int):
        raise invalid("the version that is changed is needed", "/version")
    configuration.same_id(handed.get("id"), thing_id)


def _whom_exist(door: Door, visitor: Visitor, policy: Escalation) -> None:
    """Raises 422 for a person, group or site that is not there: such a step would tell nobody."""
    if policy.site_id is not None and not visitor.reach.may("see", policy.site_id):
        raise invalid(f"there is no site {policy.site_id}", "/site_id")
    groups = {group.id for group in door.records.notify_groups(None)}
    users = {user.id for user in door.records.users()}
    for ladder in ("unacknowledged", "unverified"):
        for index, step in enumerate(policy.ladder(ladder)):
            for each in (*step.whom, *step.otherwise):
                kind, _, which = each.partition(":")
                if (kind == "user" and which not in users) or (kind == "group" and which not in groups):
                    raise invalid(f"there is no {kind} {which}", f"/{ladder}/{index}/whom")


def _timezone(door: Door, roster: DutyRoster) -> str:
    site = door.board.roster.sites.get(roster.site_id or "")
    return site.timezone if site else "UTC"


def _roster_shape(door: Door, visitor: Visitor, roster: DutyRoster) -> DutyRosterShape:
    zone = _timezone(door, roster)
    missing = missing_persons(roster, zone, visitor.now_ms) if roster.enabled else 0
    return duty_roster_shape(roster, on_duty(roster, zone, visitor.now_ms), missing, visitor.reach.may("configure", roster.site_id))
