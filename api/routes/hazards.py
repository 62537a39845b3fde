"""The hazard record: reported, graded, rectified, submitted, accepted - and opened from an alarm.

Each step is a plain record transaction that `hazards.loop` decides; here only who may ask for it. What the loop did is published to the
live stream, and an alarm learns its hazard through the scan.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query

from alarms.errors import AlarmError
from alarms.model import Alarm, Condition
from alarms.queries import AlarmQuery
from alarms.requests import LinkHazard
from api.access import ACTS
from api.door import ActingRoute, At, By, Door, Visitor, in_thread
from api.ports import Busy
from api.problems import Problem, invalid, not_found
from api.routes.query import Cursor, Limit, Words
from api.shapes.hazards import (
    AcceptAsk,
    ActName,
    AlarmHazardAsk,
    ConfirmAsk,
    GradeName,
    HazardAsk,
    HazardCounts,
    HazardDetail,
    HazardPage,
    HazardReasonAsk,
    HazardStateName,
    HazardStepShape,
    MergeAsk,
    RectifyAsk,
    SourceName,
    SubmitAsk,
    hazard_shape,
    hazard_step_shape,
)
from hazards import loop
from hazards.model import Grade, Hazard, HazardAct, HazardStep, Rectification, Source
from hazards.queries import HazardQuery
from power.queries import OrderQuery
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["hazards"])
Of = Annotated[str | None, Query(max_length=64)]
Change = Callable[[Hazard], tuple[Hazard, HazardStep]]

# which right each step of the loop needs; a major hazard's acceptance needs hazard_accept_major besides
RIGHTS: dict[HazardAct, str] = {
    HazardAct.REPORT: "hazard_report",
    HazardAct.CONFIRM: "hazard_confirm",
    HazardAct.REJECT: "hazard_confirm",
    HazardAct.MERGE: "hazard_confirm",
    HazardAct.RECTIFY: "hazard_rectify",
    HazardAct.SUBMIT: "hazard_submit",
    HazardAct.ACCEPT: "hazard_accept",
    HazardAct.RETURN: "hazard_accept",
}


def _query(
    door: At,
    state: HazardStateName | Literal["open", "overdue"] | None = None,
    site: Of = None,
    enterprise: Of = None,
    source: SourceName | None = None,
    grade: GradeName | None = None,
    alarm: Of = None,
    q: Words = "",
) -> HazardQuery:
    return HazardQuery(
        state=state,
        site=site,
        enterprise=enterprise,
        source=source,
        grade=grade,
        alarm=alarm,
        q=q.strip(),
        now_ms=door.clock.now_ms(),
    )


Asked = Annotated[HazardQuery, Depends(_query)]


@router.get("/hazards")
def hazards(asked: Asked, door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> HazardPage:
    page = door.records.hazards(replace(asked, cursor=cursor, limit=limit), visitor.scope)
    return {"items": [hazard_shape(h, visitor.now_ms, door.person) for h in page.items], "next_cursor": page.next_cursor}


@router.get("/hazards/counts")
def counts(asked: Asked, door: At, visitor: By) -> HazardCounts:
    facets = door.records.hazard_counts(asked, visitor.scope)
    return {"total": sum(facets.get("state", {}).values()), "facets": facets}


@router.post("/hazards", status_code=201)
def report(ask: HazardAsk, door: At, visitor: By) -> HazardDetail:
    """Report a hazard that was found."""
    visitor.must("hazard_report", ask.site_id, "the site", ask.site_id)
    roster = door.board.roster
    site = roster.sites.get(ask.site_id)
    if site is None:
        raise not_found("the site", ask.site_id)
    zone = roster.zones.get(ask.zone_id) if ask.zone_id else None
    if ask.zone_id and (zone is None or zone.site_id != site.id):
        raise invalid(f"there is no zone {ask.zone_id} in the site {site.id}", "/zone_id")
    device = roster.device(ask.device_id) if ask.device_id else None
    if ask.device_id and (device is None or device.site_id != site.id):
        raise invalid(f"there is no device {ask.device_id} in the site {site.id}", "/device_id")

    def make(number: str, _: Hazard | None) -> tuple[Hazard, HazardStep]:
        return loop.report(
            number=number,
            enterprise_id=site.enterprise_id,
            site_id=site.id,
            zone_id=ask.zone_id,
            device_id=ask.device_id,
            source=Source(ask.source),
            category=ask.category or "other",
            title=ask.title,
            description=ask.description,
            who=visitor.user.id,
            now_ms=visitor.now_ms,
            deadline_ms=end_of_day_ms(visitor.now_ms, site.timezone),
        )

    return _shown(door, visitor, *door.records.report_hazard(make, site.id, None, visitor.user.id, visitor.now_ms))


@router.post("/alarms/{alarm_id}/hazard", status_code=201, tags=["alarms"])
async def report_alarm(alarm_id: str, ask: AlarmHazardAsk, door: At, visitor: By) -> HazardDetail:
    """Open a hazard prefilled from the alarm, or count a recurrence on the open one of its point."""
    alarm = door.board.alarms.get(alarm_id)
    if alarm is None:
        try:
            alarm = await in_thread(door.records.alarm, alarm_id)
        except NotFound:
            raise not_found("the alarm", alarm_id) from None
    visitor.must("hazard_report", alarm.site_id, "the alarm", alarm_id)
    detail = await in_thread(_report_alarm, door, visitor, alarm, ask)
    # the hazard names its alarm all the same; an alarm that has ended meanwhile keeps what it had
    with contextlib.suppress(AlarmError, Busy):
        await door.desk.ask(LinkHazard(alarm_id=alarm_id, who=visitor.user.id, hazard_id=detail["id"]))
    return detail


@router.get("/hazards/{hazard_id}")
def hazard(hazard_id: str, door: At, visitor: By) -> HazardDetail:
    found = _find(door, visitor, hazard_id)
    return _detail(door, visitor, found, door.records.hazard_steps(hazard_id))


@router.post("/hazards/{hazard_id}/confirm")
def confirm(hazard_id: str, ask: ConfirmAsk, door: At, visitor: By) -> HazardDetail:
    def change(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.confirm(present, grade=Grade(ask.grade), who=visitor.user.id, now_ms=visitor.now_ms, note=ask.note)

    return _change(door, visitor, HazardAct.CONFIRM, hazard_id, change)


@router.post("/hazards/{hazard_id}/rectify")
def rectify(hazard_id: str, ask: RectifyAsk, door: At, visitor: By) -> HazardDetail:
    """Begin rectification with the five items (五落实), or change the plan; items left out stay as they are."""
    given = ask.rectification

    def change(present: Hazard) -> tuple[Hazard, HazardStep]:
        known = present.rectification  # what is left out stays as it is: the deadline of the same day for one
        plan = Rectification(
            person=given.person or known.person,
            measures=given.measures or known.measures,
            funds=given.funds or known.funds,
            deadline_ms=known.deadline_ms if given.deadline_at is None else given.deadline_at,
            contingency=given.contingency or known.contingency,
        )
        return loop.rectify(present, plan=plan, who=visitor.user.id, now_ms=visitor.now_ms, note=ask.note)

    return _change(door, visitor, HazardAct.RECTIFY, hazard_id, change)


@router.post("/hazards/{hazard_id}/submit")
def submit(hazard_id: str, ask: SubmitAsk, door: At, visitor: By) -> HazardDetail:
    def change(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.submit(present, note=ask.note, who=visitor.user.id, now_ms=visitor.now_ms)

    return _change(door, visitor, HazardAct.SUBMIT, hazard_id, change)


@router.post("/hazards/{hazard_id}/accept")
def accept(hazard_id: str, ask: AcceptAsk, door: At, visitor: By) -> HazardDetail:
    """Close it (销号): by another person than the one who submitted; a major one by the supervising body."""
    found = _find(door, visitor, hazard_id)
    clean_ms = _clean_since_ms(door, found)
    as_supervisor = visitor.reach.may("hazard_accept_major", found.site_id)

    def change(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.accept(
            present, who=visitor.user.id, now_ms=visitor.now_ms, as_supervisor=as_supervisor, clean_since_ms=clean_ms, note=ask.note
        )

    return _change(door, visitor, HazardAct.ACCEPT, hazard_id, change)


@router.post("/hazards/{hazard_id}/return")
def return_(hazard_id: str, ask: HazardReasonAsk, door: At, visitor: By) -> HazardDetail:
    def change(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.return_(present, reason=ask.reason, who=visitor.user.id, now_ms=visitor.now_ms)

    return _change(door, visitor, HazardAct.RETURN, hazard_id, change)


@router.post("/hazards/{hazard_id}/reject")
def reject(hazard_id: str, ask: HazardReasonAsk, door: At, visitor: By) -> HazardDetail:
    def change(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.reject(present, reason=ask.reason, who=visitor.user.id, now_ms=visitor.now_ms)

    return _change(door, visitor, HazardAct.REJECT, hazard_id, change)


@router.post("/hazards/{hazard_id}/merge")
def merge(hazard_id: str, ask: MergeAsk, door: At, visitor: By) -> HazardDetail:
    _find(door, visitor, hazard_id)
    try:
        into = _find(door, visitor, ask.into)
    except Problem:
        raise invalid(f"there is no hazard {ask.into}", "/into") from None

    def change(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.merge(present, into=into, reason=ask.reason, who=visitor.user.id, now_ms=visitor.now_ms)

    return _change(door, visitor, HazardAct.MERGE, hazard_id, change)


# -- parts ---------------------------------------------------------------------------------------------------------------


def end_of_day_ms(now_ms: int, timezone: str) -> int:
    """The midnight that ends the present day at the site (behaviour: general hazards are due the same day)."""
    here = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(timezone))
    midnight = datetime.combine(here.date() + timedelta(days=1), datetime.min.time(), ZoneInfo(timezone))
    return int(midnight.timestamp()) * 1000


def _find(door: Door, visitor: Visitor, hazard_id: str) -> Hazard:
    try:
        found = door.records.hazard(hazard_id)
    except NotFound:
        raise not_found("the hazard", hazard_id) from None
    if not visitor.reach.may("see", found.site_id):
        raise not_found("the hazard", hazard_id)
    return found


def _change(door: Door, visitor: Visitor, act: HazardAct, hazard_id: str, change: Change) -> HazardDetail:
    found = _find(door, visitor, hazard_id)
    visitor.must(RIGHTS[act], found.site_id, "the hazard", hazard_id)
    return _shown(door, visitor, *door.records.change_hazard(hazard_id, change, visitor.user.id))


def _report_alarm(door: Door, visitor: Visitor, alarm: Alarm, ask: AlarmHazardAsk) -> HazardDetail:
    roster = door.board.roster
    site = roster.sites.get(alarm.site_id)
    if site is None:
        raise not_found("the alarm's site", alarm.site_id)
    deadline_ms = end_of_day_ms(visitor.now_ms, site.timezone)

    def make(number: str, same: Hazard | None) -> tuple[Hazard, HazardStep]:
        who, now_ms = visitor.user.id, visitor.now_ms
        if same is not None and loop.may_reopen(same, now_ms):
            return loop.recur(same, alarm_id=alarm.id, who=who, now_ms=now_ms, deadline_ms=deadline_ms, note=ask.description)
        hazard, step = loop.report_alarm(
            alarm, number=number, enterprise_id=site.enterprise_id, who=who, now_ms=now_ms, deadline_ms=deadline_ms, reason=""
        )
        hazard = replace(
            hazard,
            title=ask.title.strip() or hazard.title,
            description=ask.description.strip() or hazard.description,
            category=ask.category.strip() or hazard.category,
        )
        return hazard, step

    return _shown(door, visitor, *door.records.report_hazard(make, site.id, alarm.id, visitor.user.id, visitor.now_ms))


def _shown(door: Door, visitor: Visitor, hazard: Hazard, step: HazardStep) -> HazardDetail:
    """Publish the step to the live stream, and answer with the whole."""
    door.feed.publish("hazard", hazard.site_id, (hazard, step))
    return _detail(door, visitor, hazard, door.records.hazard_steps(hazard.id))


def _detail(door: Door, visitor: Visitor, hazard: Hazard, steps: list[HazardStep]) -> HazardDetail:
    shaped: list[HazardStepShape] = [hazard_step_shape(s, door.person) for s in steps]
    shape = hazard_shape(hazard, visitor.now_ms, door.person)
    shape["order_ids"] = list(dict.fromkeys([*shape["order_ids"], *_orders_of(door, visitor, hazard)]))
    return {**shape, "steps": shaped, "may": _may(visitor, hazard)}


def _orders_of(door: Door, visitor: Visitor, hazard: Hazard) -> list[str]:
    """The orders that the hazard's alarms called for: derived, so that one given afterwards is there too."""
    kept = [door.records.orders(OrderQuery(alarm=alarm_id, limit=50), visitor.scope).items for alarm_id in hazard.alarm_ids[:20]]
    live = [order for order in tuple(door.board.orders.values()) if order.alarm_id in hazard.alarm_ids]
    return [order.id for order in sorted({o.id: o for page in (*kept, live) for o in page}.values(), key=lambda o: (o.requested_ms, o.id))]


def _may(visitor: Visitor, hazard: Hazard) -> list[ActName]:
    """The acts that state, record and rights allow this person now."""
    reach, site = visitor.reach, hazard.site_id
    may: list[ActName] = []
    for act in loop.allowed(hazard.state):
        if act not in RIGHTS or RIGHTS[act] not in ACTS or not reach.may(RIGHTS[act], site):
            continue
        if act is HazardAct.ACCEPT and visitor.user.id == hazard.rectified_by:
            continue
        if act is HazardAct.ACCEPT and hazard.grade is Grade.MAJOR and not reach.may("hazard_accept_major", site):
            continue
        may.append(act.value)
    return may


def _clean_since_ms(door: Door, hazard: Hazard) -> int | None:
    """When the last alarm of its point cleared; None while one is active. A hazard without a point is clean since it was found."""
    if hazard.point_id is None and hazard.device_id is None:
        return hazard.found_ms
    open_ones = [a for a in tuple(door.board.alarms.values()) if _concerns(a, hazard)]
    if any(a.condition is Condition.ACTIVE for a in open_ones):
        return None
    kept = door.records.alarms(AlarmQuery(device=hazard.device_id, site=hazard.site_id, limit=200), None).items
    cleared = [a.cleared_ms for a in (*open_ones, *kept) if _concerns(a, hazard) and a.cleared_ms is not None]
    return max(cleared, default=hazard.found_ms)


def _concerns(alarm: Alarm, hazard: Hazard) -> bool:
    if hazard.point_id is not None:
        return alarm.point_id == hazard.point_id
    return alarm.device_id == hazard.device_id and alarm.site_id == hazard.site_id
