"""What the routes of the hazard ledger share: finding a hazard that the visitor sees, making a step, and showing the whole record.

Each step is a plain record transaction that `hazards.loop` and `hazards.notes` decide; here stands which right each act needs. What was
done is published to the live stream.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from fastapi import Request

from alarms.model import Alarm, Condition
from api.access import roles_at
from api.door import Door, Visitor
from api.idempotency import HEADER
from api.problems import invalid, not_found
from api.shapes.hazards import ActName, HazardDetail, hazard_brief, hazard_file_shape, hazard_shape, hazard_step_shape
from api.shapes.times import iso, iso_or_none
from hazards import loop, notes
from hazards.model import Grade, Hazard, HazardAct, HazardStep, Party
from hazards.queries import Cause
from power.queries import OrderQuery
from sites.model import Site, derived_id
from sites.records import NotFound

Change = Callable[[Hazard], tuple[Hazard, HazardStep]]

# which right each step of the loop needs; a major hazard's acceptance needs hazard_accept_major besides
RIGHTS: dict[HazardAct, str] = {
    HazardAct.REPORT: "hazard_report",
    HazardAct.FIX: "hazard_submit",
    HazardAct.CONFIRM: "hazard_confirm",
    HazardAct.REJECT: "hazard_confirm",
    HazardAct.MERGE: "hazard_confirm",
    HazardAct.SPLIT: "hazard_confirm",
    HazardAct.RECTIFY: "hazard_rectify",
    HazardAct.EXTEND: "hazard_rectify",
    HazardAct.GRANT: "hazard_confirm",
    HazardAct.REFUSE: "hazard_confirm",
    HazardAct.SUBMIT: "hazard_submit",
    HazardAct.PROGRESS: "hazard_submit",
    HazardAct.ACCEPT: "hazard_accept",
    HazardAct.RETURN: "hazard_accept",
    HazardAct.SUPERVISE: "hazard_accept_major",
    HazardAct.CONTROL: "hazard_report",
    HazardAct.VOUCH: "hazard_report",
    HazardAct.SHUT_DOWN: "hazard_report",
    HazardAct.RESUME: "hazard_report",
    HazardAct.LINK: "hazard_report",
    HazardAct.UNLINK: "hazard_report",
    HazardAct.ATTACH: "hazard_report",
}


def end_of_day_ms(now_ms: int, timezone: str) -> int:
    """The midnight that ends the present day at the site (behaviour: general hazards are due the same day)."""
    here = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(timezone))
    midnight = datetime.combine(here.date() + timedelta(days=1), datetime.min.time(), ZoneInfo(timezone))
    return int(midnight.timestamp()) * 1000


def find(door: Door, visitor: Visitor, hazard_id: str) -> Hazard:
    """Raises 404 for what the visitor does not see."""
    try:
        found = door.records.hazard(hazard_id)
    except NotFound:
        raise not_found("the hazard", hazard_id) from None
    if not visitor.reach.may("see", found.site_id):
        raise not_found("the hazard", hazard_id)
    return found


def find_for(door: Door, visitor: Visitor, act: HazardAct, hazard_id: str) -> Hazard:
    """Raises 404, 403."""
    found = find(door, visitor, hazard_id)
    visitor.must(RIGHTS[act], found.site_id, "the hazard", hazard_id)
    return found


def change(door: Door, visitor: Visitor, act: HazardAct, hazard_id: str, made: Change) -> HazardDetail:
    find_for(door, visitor, act, hazard_id)
    return shown(door, visitor, *door.records.change_hazard(hazard_id, made, visitor.user.id))


def shown(door: Door, visitor: Visitor, hazard: Hazard, step: HazardStep) -> HazardDetail:
    """Publish the step to the live stream, and answer with the whole."""
    door.feed.publish("hazard", hazard.site_id, (hazard, step))
    return detail(door, visitor, hazard)


def detail(door: Door, visitor: Visitor, hazard: Hazard) -> HazardDetail:
    shape = hazard_shape(hazard, visitor.now_ms, door.person)
    shape["order_ids"] = list(dict.fromkeys([*shape["order_ids"], *_orders_of(door, visitor, hazard)]))
    relatives = door.records.hazard_relatives(hazard.id)
    return {
        **shape,
        "steps": [hazard_step_shape(step, door.person) for step in door.records.hazard_steps(hazard.id)],
        "files": [hazard_file_shape(file, door.person) for file in door.records.hazard_files(hazard.id)],
        "reminders": [
            {"name": told.name, "level": told.level, "messages": told.messages, "at": iso(told.at_ms)}
            for told in door.records.hazard_reminders(hazard.id)
        ],
        "clean_since": iso_or_none(clean_since_ms(door, hazard)),
        "merged": [hazard_brief(each) for each, how in relatives if how == "merged"],
        "parts": [hazard_brief(each) for each, how in relatives if how == "part"],
        "may": _may(visitor, hazard),
    }


def party_of(door: Door, visitor: Visitor, site_id: str) -> Party:
    """As whom this person speaks there: the highest of the chain that their roles make them."""
    roles = roles_at(visitor.user, site_id, door.board.roster)
    for role, party in (("supervisor", Party.GOVERNMENT), ("grid", Party.GRID), ("agency", Party.AGENCY)):
        if role in roles:
            return party
    return Party.ENTERPRISE


def site_for_report(door: Door, visitor: Visitor, act: HazardAct, site_id: str, zone_id: str | None, device_id: str | None) -> Site:
    """The site where a hazard may be reported, with its zone and device checked. Raises 404, 403, 422."""
    visitor.must(RIGHTS[act], site_id, "the site", site_id)
    roster = door.board.roster
    site = roster.sites.get(site_id)
    if site is None:
        raise not_found("the site", site_id)
    zone = roster.zones.get(zone_id) if zone_id else None
    if zone_id and (zone is None or zone.site_id != site.id):
        raise invalid(f"there is no zone {zone_id} in the site {site.id}", "/zone_id")
    device = roster.device(device_id) if device_id else None
    if device_id and (device is None or device.site_id != site.id):
        raise invalid(f"there is no device {device_id} in the site {site.id}", "/device_id")
    return site


async def cause_of(request: Request, door: Door, visitor: Visitor) -> Cause | None:
    """The request itself, where it has a key: kept in the transaction of what it makes, so that a crash before the answer was stored
    makes nothing twice."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    text = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return Cause(derived_id("cause", visitor.user.id, key), door.remembered.fingerprint(text))


def clean_since_ms(door: Door, hazard: Hazard) -> int | None:
    """When the last alarm of its points cleared; None while one is active. One without point, device or alarm: since it was found."""
    if hazard.point_id is None and hazard.device_id is None and not hazard.alarm_ids:
        return hazard.found_ms
    open_ones = tuple(door.board.alarms.values())
    points = {hazard.point_id} | {alarm.point_id for alarm in open_ones if alarm.id in hazard.alarm_ids}
    if any(alarm.condition is Condition.ACTIVE and not alarm.is_test and _concerns(alarm, hazard, points) for alarm in open_ones):
        return None
    kept_ms = door.records.hazard_clean_since(hazard)
    cleared = [a.cleared_ms for a in open_ones if a.cleared_ms is not None and _concerns(a, hazard, points)]
    return None if kept_ms is None else max(kept_ms, *cleared) if cleared else kept_ms


def _concerns(alarm: Alarm, hazard: Hazard, points: set[str | None]) -> bool:
    if alarm.id in hazard.alarm_ids or (alarm.point_id is not None and alarm.point_id in points):
        return True
    return (
        hazard.point_id is None and hazard.device_id is not None and (alarm.site_id, alarm.device_id) == (hazard.site_id, hazard.device_id)
    )


def _orders_of(door: Door, visitor: Visitor, hazard: Hazard) -> list[str]:
    """The orders that the hazard's alarms called for: derived, so that one given afterwards is there too."""
    kept = [door.records.orders(OrderQuery(alarm=alarm_id, limit=50), visitor.scope).items for alarm_id in hazard.alarm_ids[:20]]
    live = [order for order in tuple(door.board.orders.values()) if order.alarm_id in hazard.alarm_ids]
    return [order.id for order in sorted({o.id: o for page in (*kept, live) for o in page}.values(), key=lambda o: (o.requested_ms, o.id))]


def _may(visitor: Visitor, hazard: Hazard) -> list[ActName]:
    """The acts that state, record and rights allow this person now."""
    reach, site, me = visitor.reach, hazard.site_id, visitor.user.id
    asked = notes.pending(hazard)
    is_shut = hazard.shutdown is not None and hazard.shutdown.until_ms is None
    is_major = hazard.grade is Grade.MAJOR
    refused = {
        HazardAct.ACCEPT: me in (hazard.rectified_by, *hazard.rectifiers) or (is_major and not reach.may("hazard_accept_major", site)),
        HazardAct.EXTEND: asked is not None,
        HazardAct.GRANT: asked is None or asked.asked_by == me,
        HazardAct.REFUSE: asked is None or asked.asked_by == me,
        HazardAct.SUPERVISE: not is_major,
        HazardAct.PROGRESS: hazard.supervision is None,
        HazardAct.SHUT_DOWN: is_shut,
        HazardAct.RESUME: not is_shut,
        HazardAct.UNLINK: not hazard.alarm_ids and not hazard.order_ids,
    }
    return [
        act.value for act in loop.allowed(hazard.state) if act in RIGHTS and reach.may(RIGHTS[act], site) and not refused.get(act, False)
    ]
