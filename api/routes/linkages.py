"""Linkages: which alarm changes call for which actions, handed in as the data that `alarms.linkage_parse` reads. Seen and changed like
rules, by the sites that they concern."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from alarms.dry_run import dry_run
from alarms.linkage import Linkage
from alarms.linkage_parse import parse_linkage
from alarms.model import Alarm, Transition
from api import configuration
from api.door import ActingRoute, At, By, Door
from api.naming import namer
from api.problems import invalid
from api.routes.alarms import find_alarm
from api.routes.query import Cursor, Limit
from api.shapes.linkages import (
    DryRunAsk,
    DryRunShape,
    FiringList,
    LinkagePage,
    LinkageShape,
    dry_run_shape,
    firing_shape,
    linkage_shape,
)

MOST_AROUND = 200  # alarms beside the one that a dry run looks at
_BACK_MS, _ON_MS = 7 * 86_400_000, 31 * 86_400_000  # before it was raised: occurrences of a week; after: the longest wait
router = APIRouter(route_class=ActingRoute, tags=["linkages"])
Handed = Annotated[
    dict[str, Any],
    Body(
        description="A linkage as data, as in LinkageShape.data.",
        examples=[
            {"id": "gas-tell", "name": {"zh": "燃气通知", "en": "Gas"}, "kinds": ["gas"], "notify": ["duty@example.org"], "cut": "offer"}
        ],
    ),
]


@router.get("/linkages")
def linkages(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> LinkagePage:
    page, name = configuration.listed(door, visitor, "linkage", cursor, limit), namer(door)
    return {"items": [linkage_shape(t, name) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/linkages", status_code=201)
def new_linkage(handed: Handed, door: At, visitor: By) -> LinkageShape:
    """422 names every field that cannot be meant."""
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    linkage = parse_linkage({**handed, "id": configuration.new_id(handed.get("id"), "linkage"), "version": 1})
    return linkage_shape(configuration.insert(door, visitor, "linkage", linkage), namer(door))


@router.get("/linkages/{linkage_id}")
def linkage(linkage_id: str, door: At, visitor: By) -> LinkageShape:
    return linkage_shape(configuration.one(door, visitor, "linkage", linkage_id), namer(door))


@router.put("/linkages/{linkage_id}")
def change_linkage(linkage_id: str, handed: Handed, door: At, visitor: By) -> LinkageShape:
    configuration.one(door, visitor, "linkage", linkage_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    if not isinstance(handed.get("version"), int):
        raise invalid("the version that is changed is needed", "/version")
    configuration.same_id(handed.get("id"), linkage_id)
    given = parse_linkage({**handed, "id": linkage_id})
    return linkage_shape(configuration.change(door, visitor, "linkage", linkage_id, given.version, lambda _: given), namer(door))


@router.delete("/linkages/{linkage_id}", status_code=204)
def remove_linkage(linkage_id: str, door: At, visitor: By) -> None:
    configuration.one(door, visitor, "linkage", linkage_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    configuration.remove(door, visitor, "linkage", linkage_id)


@router.post("/linkages/dry-run")
def try_linkage(ask: DryRunAsk, door: At, visitor: By) -> DryRunShape:
    """What a linkage that is not saved would have done with an alarm. 422 names every field that cannot be meant."""
    found = find_alarm(door, visitor, ask.alarm_id)
    visitor.must_somewhere("rules")
    if ask.linkage is None:
        raise invalid("hand in the linkage, or name one that is saved: /linkages/{id}/dry-run", "/linkage")
    linkage = parse_linkage({"id": "unsaved", "name": "unsaved", **ask.linkage})
    return _tried(linkage, found, door)


@router.post("/linkages/{linkage_id}/dry-run")
def try_saved_linkage(linkage_id: str, ask: DryRunAsk, door: At, visitor: By) -> DryRunShape:
    """What this linkage would have done with an alarm, by the same code over the alarm's own transitions and those around it."""
    saved = configuration.one(door, visitor, "linkage", linkage_id)
    visitor.must_somewhere("rules")
    linkage = saved if ask.linkage is None else parse_linkage({**ask.linkage, "id": linkage_id})
    return _tried(linkage, find_alarm(door, visitor, ask.alarm_id), door)


@router.get("/alarms/{alarm_id}/linkages")
def of_alarm(alarm_id: str, door: At, visitor: By) -> FiringList:
    """Every linkage that the alarm concerned: what it did, waits for, or why it did nothing. From the records."""
    found = find_alarm(door, visitor, alarm_id)
    known = {linkage.id: linkage for linkage in door.records.all_things("linkage")}
    return {"items": [firing_shape(firing, known.get(firing.linkage_id)) for firing in door.records.firings(found.id)]}


def _tried(linkage: Linkage, alarm: Alarm, door: Door) -> DryRunShape:
    from_ms, to_ms = alarm.raised_ms - _BACK_MS, alarm.raised_ms + _ON_MS
    beside, is_whole = _beside(alarm, door, from_ms, min(to_ms, (alarm.ended_ms or to_ms) + 1))
    transitions: list[Transition] = []
    for each in (alarm.id, *beside):
        transitions += door.records.transitions(each)
    plans = {plan.id: plan for plan in door.records.all_things("plan") if plan.site_id == alarm.site_id}
    until_ms = min(door.clock.now_ms(), to_ms)
    found = dry_run(linkage, alarm.id, transitions, door.board.roster, until_ms, plans)
    return dry_run_shape(found, linkage, is_whole, namer(door))


def _beside(alarm: Alarm, door: Door, from_ms: int, to_ms: int) -> tuple[list[str], bool]:
    """Alarms that stood in its zone about then, and earlier ones of its point; whether these are all."""
    most = 20 * MOST_AROUND
    around = door.records.alarms_within(alarm.site_id, from_ms, to_ms, most)
    mine = [a.id for a in around if a.id != alarm.id and (a.zone_id == alarm.zone_id or a.point_id == alarm.point_id)]
    return mine[:MOST_AROUND], len(around) < most and len(mine) <= MOST_AROUND
