"""The hazard record: reported, graded, rectified, submitted, accepted - and opened from an alarm.

Each step is a plain record transaction that `hazards.loop` decides; here only who may ask for it. What the loop did is published to the
live stream, and an alarm learns its hazard through the scan.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request

from alarms.errors import AlarmError
from alarms.model import Alarm
from alarms.requests import LinkHazard
from api.access import enterprises_below
from api.door import ActingRoute, At, By, Door, Visitor, in_thread
from api.ledger import cause_of, change, clean_since_ms, detail, end_of_day_ms, find, party_of, shown, site_for_report
from api.ports import Busy
from api.problems import Problem, invalid, not_found
from api.routes.query import Cursor, Limit, Words
from api.shapes.hazards import (
    AcceptAsk,
    AlarmHazardAsk,
    AspectName,
    ConfirmAsk,
    GradeName,
    HazardAsk,
    HazardDetail,
    HazardPage,
    HazardReasonAsk,
    HazardStateName,
    MajorPlanAsk,
    MergeAsk,
    RectifyAsk,
    SourceName,
    SubmitAsk,
    hazard_shape,
)
from api.shapes.times import AskedInstant
from hazards import loop, sources
from hazards.model import Aspect, Grade, Hazard, HazardAct, HazardStep, MajorPlan, Party, Rectification, Source
from hazards.queries import Cause, HazardQuery
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["hazards"])
Of = Annotated[str | None, Query(max_length=64)]


def _query(
    door: At,
    state: HazardStateName | Literal["open", "overdue"] | None = None,
    site: Of = None,
    enterprise: Of = None,
    source: SourceName | None = None,
    grade: GradeName | None = None,
    alarm: Of = None,
    category: Of = None,
    aspect: AspectName | None = None,
    district: Of = None,
    zone: Of = None,
    device: Of = None,
    point: Annotated[str | None, Query(max_length=200)] = None,
    risk_point: Of = None,
    found_by: Of = None,
    person: Annotated[str | None, Query(max_length=120)] = None,
    listed: bool | None = None,
    from_: Annotated[AskedInstant | None, Query(alias="from")] = None,
    to: AskedInstant | None = None,
    closed_from: AskedInstant | None = None,
    closed_to: AskedInstant | None = None,
    older_days: Annotated[int | None, Query(ge=0, le=10_000)] = None,
    q: Words = "",
) -> HazardQuery:
    return HazardQuery(
        category=category,
        aspect=aspect,
        enterprises=None if district is None else enterprises_below(district, door.board.roster),
        zone=zone,
        device=device,
        point=point,
        risk_point=risk_point,
        found_by=found_by,
        person=person,
        listed=listed,
        from_ms=from_,
        to_ms=to,
        closed_from_ms=closed_from,
        closed_to_ms=closed_to,
        older_ms=None if older_days is None else older_days * 86_400_000,
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


@router.post("/hazards", status_code=201)
async def report(ask: HazardAsk, request: Request, door: At, visitor: By) -> HazardDetail:
    """Report a hazard that was found; `origin` holds the fields of its source's form."""
    return await in_thread(_report, ask, door, visitor, await cause_of(request, door, visitor))


def _report(ask: HazardAsk, door: Door, visitor: Visitor, cause: Cause | None) -> HazardDetail:
    site = site_for_report(door, visitor, HazardAct.REPORT, ask.site_id, ask.zone_id, ask.device_id)
    source = Source(ask.source)
    if source is Source.ALARM:
        raise invalid("a hazard from an alarm is opened at POST /alarms/{alarm_id}/hazard", "/source")
    origin = sources.checked(source, ask.origin)

    def make(number: str, _: Hazard | None) -> tuple[Hazard, HazardStep]:
        return loop.report(
            number=number,
            enterprise_id=site.enterprise_id,
            site_id=site.id,
            zone_id=ask.zone_id,
            device_id=ask.device_id,
            source=source,
            category=ask.category or "other",
            title=ask.title,
            description=ask.description,
            who=visitor.user.id,
            now_ms=visitor.now_ms,
            deadline_ms=end_of_day_ms(visitor.now_ms, site.timezone),
            origin=origin,
            aspect=Aspect(ask.aspect) if ask.aspect else None,
            clause=ask.clause,
            place=ask.place,
            unit=ask.unit,
            control=ask.control,
            risk_point_id=ask.risk_point_id,
        )

    return shown(door, visitor, *door.records.report_hazard(make, site.id, None, visitor.user.id, visitor.now_ms, cause))


@router.post("/alarms/{alarm_id}/hazard", status_code=201, tags=["alarms"])
async def report_alarm(alarm_id: str, ask: AlarmHazardAsk, request: Request, door: At, visitor: By) -> HazardDetail:
    """Open a hazard prefilled from the alarm, or count a recurrence on the open one of its point."""
    alarm = door.board.alarms.get(alarm_id)
    if alarm is None:
        try:
            alarm = await in_thread(door.records.alarm, alarm_id)
        except NotFound:
            raise not_found("the alarm", alarm_id) from None
    visitor.must("hazard_report", alarm.site_id, "the alarm", alarm_id)
    made = await in_thread(_report_alarm, door, visitor, alarm, ask, await cause_of(request, door, visitor))
    # the hazard names its alarm all the same; an alarm that has ended meanwhile keeps what it had
    with contextlib.suppress(AlarmError, Busy):
        await door.desk.ask(LinkHazard(alarm_id=alarm_id, who=visitor.user.id, hazard_id=made["id"]))
    return made


@router.get("/hazards/{hazard_id}")
def hazard(hazard_id: str, door: At, visitor: By) -> HazardDetail:
    return detail(door, visitor, find(door, visitor, hazard_id))


@router.post("/hazards/{hazard_id}/confirm")
def confirm(hazard_id: str, ask: ConfirmAsk, door: At, visitor: By) -> HazardDetail:
    """It is one, and of this grade; who confirms for grid or government stands in the chain."""
    party: Party | None = party_of(door, visitor, find(door, visitor, hazard_id).site_id)
    party = None if party is Party.ENTERPRISE else party

    def made(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.confirm(present, grade=Grade(ask.grade), who=visitor.user.id, now_ms=visitor.now_ms, note=ask.note,
            category=ask.category, aspect=Aspect(ask.aspect) if ask.aspect else None, clause=ask.clause, clean_h=ask.clean_h, party=party,
        )  # fmt: skip

    return change(door, visitor, HazardAct.CONFIRM, hazard_id, made)


@router.post("/hazards/{hazard_id}/rectify")
def rectify(hazard_id: str, ask: RectifyAsk, door: At, visitor: By) -> HazardDetail:
    """Begin rectification with the five items (五落实), or change the plan; items left out stay as they are."""
    given = ask.rectification

    def made(present: Hazard) -> tuple[Hazard, HazardStep]:
        known = present.rectification  # what is left out stays as it is: the deadline of the same day for one
        plan = Rectification(
            person=given.person or known.person,
            measures=given.measures or known.measures,
            funds=given.funds or known.funds,
            deadline_ms=known.deadline_ms if given.deadline_at is None else given.deadline_at,
            contingency=given.contingency or known.contingency,
        )
        return loop.rectify(
            present, plan=plan, who=visitor.user.id, now_ms=visitor.now_ms, note=ask.note, major=_major(ask.major, present), unit=ask.unit,
            control=ask.control,
        )  # fmt: skip

    return change(door, visitor, HazardAct.RECTIFY, hazard_id, made)


@router.post("/hazards/{hazard_id}/submit")
def submit(hazard_id: str, ask: SubmitAsk, door: At, visitor: By) -> HazardDetail:
    def made(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.submit(present, note=ask.note, who=visitor.user.id, now_ms=visitor.now_ms)

    return change(door, visitor, HazardAct.SUBMIT, hazard_id, made)


@router.post("/hazards/{hazard_id}/accept")
def accept(hazard_id: str, ask: AcceptAsk, door: At, visitor: By) -> HazardDetail:
    """Close it (销号): by another person than the one who submitted; a major one by the supervising body."""
    found = find(door, visitor, hazard_id)
    clean_ms = clean_since_ms(door, found)
    as_supervisor = visitor.reach.may("hazard_accept_major", found.site_id)

    def made(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.accept(
            present, who=visitor.user.id, now_ms=visitor.now_ms, as_supervisor=as_supervisor, clean_since_ms=clean_ms, note=ask.note,
            who_name=visitor.user.name,
        )  # fmt: skip

    return change(door, visitor, HazardAct.ACCEPT, hazard_id, made)


@router.post("/hazards/{hazard_id}/return")
def return_(hazard_id: str, ask: HazardReasonAsk, door: At, visitor: By) -> HazardDetail:
    def made(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.return_(present, reason=ask.reason, who=visitor.user.id, now_ms=visitor.now_ms)

    return change(door, visitor, HazardAct.RETURN, hazard_id, made)


@router.post("/hazards/{hazard_id}/reject")
def reject(hazard_id: str, ask: HazardReasonAsk, door: At, visitor: By) -> HazardDetail:
    def made(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.reject(present, reason=ask.reason, who=visitor.user.id, now_ms=visitor.now_ms)

    return change(door, visitor, HazardAct.REJECT, hazard_id, made)


@router.post("/hazards/{hazard_id}/merge")
def merge(hazard_id: str, ask: MergeAsk, door: At, visitor: By) -> HazardDetail:
    find(door, visitor, hazard_id)
    try:
        into = find(door, visitor, ask.into)
    except Problem:
        raise invalid(f"there is no hazard {ask.into}", "/into") from None

    def made(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.merge(present, into=into, reason=ask.reason, who=visitor.user.id, now_ms=visitor.now_ms)

    return change(door, visitor, HazardAct.MERGE, hazard_id, made)


# -- parts ---------------------------------------------------------------------------------------------------------------


def _major(given: MajorPlanAsk | None, present: Hazard) -> MajorPlan | None:
    """What is left out stays as it is."""
    if given is None:
        return present.major
    known = present.major or MajorPlan()
    return replace(known, **{name: text for name, text in given.model_dump().items() if text.strip()})


def _report_alarm(door: Door, visitor: Visitor, alarm: Alarm, ask: AlarmHazardAsk, cause: Cause | None) -> HazardDetail:
    site = door.board.roster.sites.get(alarm.site_id)
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

    return shown(door, visitor, *door.records.report_hazard(make, site.id, alarm.id, visitor.user.id, visitor.now_ms, cause))
