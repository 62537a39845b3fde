"""Reading and changing what is watched: the one way that every noun's router takes.

A change is a plain record transaction with a version; then the scan is told. Rights are checked against where the thing is and where
it is to be. Synchronous: called from worker threads.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from alarms.escalation_policy import Escalation
from alarms.linkage import Linkage
from api.access import linkage_sites, roles_for, rule_sites
from api.door import Door, Visitor
from api.problems import Problem, forbidden, invalid, not_found
from rules.model import NodeKind, Override, Rule
from sites.calendars import Calendar
from sites.model import District, Enterprise
from sites.records import Conflict, NotFound, Page, Scope
from sites.roster import Roster

T = TypeVar("T")
NODES = ("district", "enterprise")
OF_A_SITE = ("plan", "calendar", "escalation", "duty_roster", "presence_schedule", "quiet_time")  # documents that go before their site
RULES = ("rule", "linkage", "calendar", "override", "escalation")  # what changing needs the right to rules for


def listed(door: Door, visitor: Visitor, kind: str, cursor: str | None, limit: int, **where: str | None) -> Page[Any]:
    """One page of what the person sees. Raises Unavailable."""
    given = {name: value for name, value in where.items() if value is not None}
    if kind in NODES or kind in RULES:
        # few, and seen by what they hold or concern, which the records do not know
        seen = [t for t in door.records.all_things(kind) if sees(door, visitor, kind, t) and _fits(t, given)]
        return paged(sorted(seen, key=lambda t: t.id), cursor, limit)
    return door.records.things(kind, visitor.scope, cursor, limit, **given)


def paged(things: list[Any], cursor: str | None, limit: int) -> Page[Any]:
    """A page of things sorted by id; the cursor is the last id given."""
    rest = things if cursor is None else [t for t in things if t.id > cursor]
    return Page(rest[:limit], rest[limit - 1].id if len(rest) > limit else None)


def one(door: Door, visitor: Visitor, kind: str, thing_id: str) -> Any:
    """The thing, or 404 where it is not there or not the person's to see."""
    try:
        thing = door.records.thing(kind, thing_id)
    except NotFound:
        raise not_found(f"the {kind}", thing_id) from None
    if not sees(door, visitor, kind, thing):
        raise not_found(f"the {kind}", thing_id)
    return thing


def sees(door: Door, visitor: Visitor, kind: str, thing: Any) -> bool:
    roster = door.board.roster
    match kind:
        case "district" | "enterprise":
            return visitor.reach.sees_node(kind, thing.id, roster)
        case "site":
            return visitor.reach.may("see", thing.id)
        case "rule":
            return visitor.reach.sees_some(rule_sites(thing, roster))
        case "linkage":
            return visitor.reach.sees_some(linkage_sites(thing, roster))
        case "calendar" | "override":
            place = _place_of(thing, roster)
            if place is None:
                return True
            return visitor.reach.may("see", place[1]) if place[0] == "site" else visitor.reach.sees_node(*place, roster)
        case "escalation":
            return thing.site_id is None or visitor.reach.may("see", thing.site_id)
        case _:
            return visitor.reach.may("see", thing.site_id)


def may_change(door: Door, visitor: Visitor, thing: Any) -> bool:
    """May this person create, change or remove this thing as it stands?"""
    reach, roster = visitor.reach, door.board.roster
    match thing:
        case District():
            if thing.parent_id is not None and reach.may_on("configure", "district", thing.parent_id):
                return True
            return reach.may_on("configure", "district", thing.id)
        case Enterprise():
            return reach.may_on("configure", "enterprise", thing.id) or reach.may_on("configure", "district", thing.district_id)
        case Rule():
            return reach.all_within("rules", rule_sites(thing, roster))
        case Linkage():
            return reach.all_within("rules", linkage_sites(thing, roster))
        case Calendar() | Override():
            place = _place_of(thing, roster)
            if place is None or place[0] == "site":
                return reach.may("rules", None if place is None else place[1])
            return reach.may_on("rules", *place)
        case Escalation():
            return reach.may("rules", thing.site_id)
        case _ if hasattr(thing, "enterprise_id"):
            return reach.may("configure", thing.id) or reach.may_on("configure", "enterprise", thing.enterprise_id)
        case _:
            return reach.may("configure", thing.site_id)


def act_on(kind: str) -> str:
    """The right that changing this kind needs."""
    return "rules" if kind in RULES else "configure"


def _place_of(thing: Calendar | Override, roster: Roster) -> tuple[str, str] | None:
    """(kind, id) of the site, enterprise or district that a calendar or override is a matter of; None: of all."""
    if isinstance(thing, Calendar):
        if thing.site_id is not None:
            return "site", thing.site_id
        return None if thing.enterprise_id is None else ("enterprise", thing.enterprise_id)
    if thing.node_kind in (NodeKind.ZONE, NodeKind.DEVICE):
        inside = roster.zones.get(thing.node_id) if thing.node_kind is NodeKind.ZONE else roster.device(thing.node_id)
        return "site", inside.site_id if inside else ""
    return thing.node_kind.value, thing.node_id


def must_change(door: Door, visitor: Visitor, kind: str, thing: Any) -> None:
    if not may_change(door, visitor, thing):
        raise forbidden(act_on(kind), roles_for(act_on(kind)))


def insert(door: Door, visitor: Visitor, kind: str, thing: T) -> T:
    """Keep a new thing and tell the scan. Raises 403, Conflict, Unavailable."""
    must_change(door, visitor, kind, thing)
    _must_know(door, visitor, thing)
    kept: T = door.records.insert(kind, thing, visitor.user.id, visitor.now_ms)
    _tell(door, kind, kept)
    return kept


def change(door: Door, visitor: Visitor, kind: str, thing_id: str, version: int, make: Callable[[Any], T]) -> T:
    """Replace a thing by what `make` gives for the present one, and tell the scan. Raises 404, 403, Conflict, Unavailable."""
    present = one(door, visitor, kind, thing_id)
    must_change(door, visitor, kind, present)
    if present.version != version:
        raise Conflict(f"the {kind} {thing_id} is at version {present.version}, not {version}: read it again and change that")
    thing = make(present)
    must_change(door, visitor, kind, thing)
    _must_know(door, visitor, thing)
    kept: T = door.records.update(kind, thing, visitor.user.id, visitor.now_ms)
    _tell(door, kind, kept)
    return kept


def remove(door: Door, visitor: Visitor, kind: str, thing_id: str) -> None:
    """Take a thing out and tell the scan. What still holds others is refused. Raises 404, 403, 409, Unavailable."""
    present = one(door, visitor, kind, thing_id)
    must_change(door, visitor, kind, present)
    holds = _holds(door, kind, thing_id)
    if holds:
        raise Problem(409, "not-empty", "It still holds others", f"the {kind} {thing_id} still holds {holds}: remove that first")
    version = door.records.delete(kind, thing_id, visitor.user.id, visitor.now_ms)
    door.desk.configuration_changed(kind, thing_id, version, None)


def new_id(given: str | None, prefix: str) -> str:
    return given or f"{prefix}-{secrets.token_hex(6)}"


def same_id(given: str | None, thing_id: str) -> None:
    if given is not None and given != thing_id:
        raise invalid(f"the id is {thing_id} in the path and {given} in the body: an id never changes", "/id")


def site_of_zone(door: Door, visitor: Visitor, zone_id: str, site_id: str) -> None:
    """Raises 422 unless the zone lies in this site."""
    try:
        zone = door.records.thing("zone", zone_id)
    except NotFound:
        zone = None
    if zone is None or zone.site_id != site_id or not visitor.reach.may("see", zone.site_id):
        raise invalid(f"there is no zone {zone_id} in the site {site_id}", "/zone_id")


def known(door: Door, visitor: Visitor, kind: str, thing_id: str, pointer: str) -> Any:
    """A thing that another names. Raises 422 where the person does not see it."""
    try:
        return one(door, visitor, kind, thing_id)
    except Problem:
        raise invalid(f"there is no {kind} {thing_id}", pointer) from None


def _must_know(door: Door, visitor: Visitor, thing: Any) -> None:
    """The calendar that a rule names is there: without it the rule would take every place for open."""
    if isinstance(thing, Rule) and thing.schedule is not None and thing.schedule.calendar:
        known(door, visitor, "calendar", thing.schedule.calendar, "/schedule/calendar")


def _tell(door: Door, kind: str, thing: Any) -> None:
    door.desk.configuration_changed(kind, thing.id, thing.version, thing)


def _fits(thing: Any, where: dict[str, str]) -> bool:
    return all(str(getattr(thing, name, None)) == value for name, value in where.items())


def _holds(door: Door, kind: str, thing_id: str) -> str:
    """What is still inside, in words; empty when nothing is."""
    roster = door.board.roster
    zones, circuits, devices = tuple(roster.zones.values()), tuple(roster.circuits.values()), list(roster.devices())
    everybody: Scope = None
    match kind:
        case "district":
            inside = [d.id for d in door.records.all_things("district") if d.parent_id == thing_id]
            inside += [e.id for e in door.records.all_things("enterprise") if e.district_id == thing_id]
        case "enterprise":
            inside = [s.id for s in door.records.things("site", everybody, None, 1, enterprise_id=thing_id).items]
        case "site":
            inside = [z.id for z in zones if z.site_id == thing_id] + [d.id for d in devices if d.site_id == thing_id]
            for kind in OF_A_SITE:
                inside += [t.id for t in door.records.things(kind, everybody, None, 4, site_id=thing_id).items]
        case "zone":
            inside = [z.id for z in zones if z.parent_id == thing_id] + [d.id for d in devices if d.zone_id == thing_id]
            inside += [c.id for c in circuits if c.zone_id == thing_id]
        case "device":
            inside = [c.id for c in circuits if c.device_id == thing_id]
        case _:
            inside = []
    return ", ".join(inside[:3]) + (" and more" if len(inside) > 3 else "")
