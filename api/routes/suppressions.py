"""Keeping alarms from calling, always with a reason and an end: shelving, taking out of service, proof tests. The scan decides."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from alarms.model import Alarm
from alarms.requests import (
    AlarmRequest,
    ApproveOut,
    BeginTest,
    EndOut,
    EndTest,
    MarkApplied,
    Shelve,
    TakeOut,
    Unshelve,
    Withdraw,
)
from api import fact_list
from api.door import ActingRoute, At, By, Door, Visitor, in_thread
from api.problems import Problem, invalid, not_found
from api.routes.query import Cursor, From, Limit, To
from api.shapes.alarms import AlarmAnswer, ShelveAsk, SuppressionKind, WithdrawAsk, alarm_shape
from api.shapes.facts import FactPage, FactShape, fact_shape
from api.shapes.suppressions import (
    AppliedAsk,
    ApproveAsk,
    EndAsk,
    FactAnswer,
    ProofTestAsk,
    SuppressionList,
    TakeOutAsk,
    UnshelveAsk,
)
from api.suppression_list import suppression_list
from sites.records import NotFound

FIRE_AND_GAS_DEVICES = frozenset({"smoke", "heat", "gas", "co", "manual_call"})  # domain.md A4: P1 detectors are isolated with a permit
FIRE_AND_GAS = frozenset({"smoke", "heat", "gas", "manual_call"})  # the same as kinds of alarms
router = APIRouter(route_class=ActingRoute, tags=["suppressions"])
Of = Annotated[str | None, Query(max_length=64)]
Over = Annotated[bool, Query(description="also those that are over, from the records, newest change first")]


@router.get("/suppressions")
def suppressions(door: At, visitor: By, site: Of = None, kind: SuppressionKind | None = None) -> SuppressionList:
    """All that keeps alarms from calling now, with its end: what the next shift is told of."""
    return suppression_list(door.board.alarms, door.board.facts.values(), visitor.reach, door.person, site, kind)


# -- shelves -------------------------------------------------------------------------------------------------------------


@router.post("/alarms/{alarm_id}/shelve")
async def shelve(alarm_id: str, ask: ShelveAsk, door: At, visitor: By) -> AlarmAnswer:
    """P3 and P4 for at most 8 h, P2 for 2 h; never P1, nor fire and gas."""
    wish = Shelve(alarm_id=alarm_id, who=visitor.user.id, until_ms=ask.until, reason=ask.reason, one_shot=ask.one_shot)
    return await _ask_alarm(door, visitor, "shelve", alarm_id, wish)


@router.post("/alarms/{alarm_id}/unshelve")
async def unshelve(alarm_id: str, ask: UnshelveAsk, door: At, visitor: By) -> AlarmAnswer:
    wish = Unshelve(alarm_id=alarm_id, who=visitor.user.id, reason=ask.reason)
    return await _ask_alarm(door, visitor, "shelve", alarm_id, wish)


@router.post("/alarms/{alarm_id}/withdraw")
async def withdraw(alarm_id: str, ask: WithdrawAsk, door: At, visitor: By) -> AlarmAnswer:
    """End an alarm that nothing will ever clear: its point left the rule's scope, or its rule, device or site is gone."""
    return await _ask_alarm(door, visitor, "acknowledge", alarm_id, Withdraw(alarm_id=alarm_id, who=visitor.user.id, reason=ask.reason))


@router.get("/shelves")
def shelves(door: At, visitor: By, site: Of = None, over: Over = False, cursor: Cursor = None, limit: Limit = 50) -> FactPage:
    return fact_list.page(door, visitor, "shelf", over, cursor, limit, site)


# -- out of service ------------------------------------------------------------------------------------------------------


@router.get("/out-of-service")
def all_out(door: At, visitor: By, site: Of = None, over: Over = False, cursor: Cursor = None, limit: Limit = 50) -> FactPage:
    return fact_list.page(door, visitor, "out_of_service", over, cursor, limit, site)


@router.post("/out-of-service", status_code=201)
async def take_out(ask: TakeOutAsk, door: At, visitor: By) -> FactAnswer:
    """Over 24 h (also together with one that it continues) it stands only once a second person approves it."""
    roster = door.board.roster
    subject_device = ask.subject.partition(":")[2].partition(":")[0]
    device = roster.device(ask.device_id or (subject_device if ask.rule_id else ""))
    zone = roster.zones.get(ask.zone_id or (subject_device if ask.rule_id else ""))
    place = device or zone
    if place is None or not visitor.reach.may("see", place.site_id):
        raise invalid("there is no such device or zone", "/zone_id" if ask.zone_id else "/subject" if ask.rule_id else "/device_id")
    visitor.must("out_of_service", place.site_id, "the place", place.id)
    about_fire = (device is not None and device.kind in FIRE_AND_GAS_DEVICES) or bool(FIRE_AND_GAS & set(ask.kinds))
    for name in ("permit", "patrol") if about_fire else ():
        if not getattr(ask, name).strip():
            detail = "a fire or gas detector goes out of service with a permit's number and a patrol that watches instead"
            errors = [{"pointer": f"/{name}", "detail": detail}]
            raise Problem(
                422, "invalid", "Not valid", detail, errors=errors, detail_zh="火灾、燃气类探测器屏蔽须填写作业票编号和代偿巡查安排"
            )
    wish = TakeOut(
        who=visitor.user.id,
        reason=ask.reason,
        until_ms=ask.until,
        from_ms=ask.starts,
        device_id=ask.device_id or "",
        zone_id=ask.zone_id or "",
        rule_id=ask.rule_id or "",
        subject=ask.subject,
        kinds=tuple(ask.kinds),
        permit=ask.permit,
        patrol=ask.patrol,
    )
    return await _ask(door, wish)


@router.get("/out-of-service/{out_id}")
def one_out(out_id: str, door: At, visitor: By) -> FactShape:
    return fact_shape(fact_list.one(door, visitor, "out_of_service", out_id, "the taking out of service"))


@router.post("/out-of-service/{out_id}/approve")
async def approve_out(out_id: str, ask: ApproveAsk, door: At, visitor: By) -> FactAnswer:
    """By another person than the one who asked."""
    await fact_list.must(door, visitor, "approve_out_of_service", "out_of_service", out_id, "the taking out of service")
    visitor.must_have_proved()
    return await _ask(door, ApproveOut(out_id=out_id, who=visitor.user.id, note=ask.note))


@router.post("/out-of-service/{out_id}/end")
async def end_out(out_id: str, ask: EndAsk, door: At, visitor: By) -> FactAnswer:
    """Return to service; what is still in alarm calls again at once."""
    await fact_list.must(door, visitor, "out_of_service", "out_of_service", out_id, "the taking out of service")
    return await _ask(door, EndOut(out_id=out_id, who=visitor.user.id, reason=ask.reason))


# -- proof tests ---------------------------------------------------------------------------------------------------------


@router.get("/proof-tests")
def proof_tests(door: At, visitor: By, site: Of = None, over: Over = False, cursor: Cursor = None, limit: Limit = 50) -> FactPage:
    return fact_list.page(door, visitor, "proof_test", over, cursor, limit, site)


@router.post("/proof-tests", status_code=201)
async def begin_test(ask: ProofTestAsk, door: At, visitor: By) -> FactAnswer:
    """For at most 8 h. The checklist names every detector of the zone."""
    roster = door.board.roster
    place = roster.device(ask.device_id or "") or roster.zones.get(ask.zone_id or "")
    if place is None or not visitor.reach.may("see", place.site_id):
        raise invalid("there is no such device or zone", "/zone_id" if ask.zone_id else "/device_id")
    visitor.must("proof_test", place.site_id, "the place", place.id)
    wish = BeginTest(who=visitor.user.id, until_ms=ask.until, reason=ask.reason, device_id=ask.device_id or "", zone_id=ask.zone_id or "")
    return await _ask(door, wish)


@router.get("/proof-tests/{test_id}")
def proof_test(test_id: str, door: At, visitor: By) -> FactShape:
    """With the checklist as it is now: who has answered, after how long, and who has not."""
    return fact_shape(fact_list.one(door, visitor, "proof_test", test_id, "the proof test"))


@router.post("/proof-tests/{test_id}/applied")
async def mark_applied(test_id: str, ask: AppliedAsk, door: At, visitor: By) -> FactAnswer:
    """Smoke, gas or heat was just applied to this detector: its time to respond counts from now."""
    await fact_list.must(door, visitor, "proof_test", "proof_test", test_id, "the proof test")
    return await _ask(door, MarkApplied(test_id=test_id, who=visitor.user.id, device_id=ask.device_id))


@router.post("/proof-tests/{test_id}/end")
async def end_test(test_id: str, ask: EndAsk, door: At, visitor: By) -> FactAnswer:
    await fact_list.must(door, visitor, "proof_test", "proof_test", test_id, "the proof test")
    return await _ask(door, EndTest(test_id=test_id, who=visitor.user.id, note=ask.reason))


@router.get("/proof-records")
def proof_records(
    door: At,
    visitor: By,
    device: Of = None,
    site: Of = None,
    from_ms: From = None,
    to_ms: To = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> FactPage:
    """What each detector answered when it was tested last and before: its periodic test records."""
    subject = None if device is None else f"device:{device}"
    page = door.records.facts("proof_record", visitor.scope, cursor, limit, subject=subject, site_id=site, from_ms=from_ms, to_ms=to_ms)
    return {"items": [fact_shape(fact) for fact in page.items], "next_cursor": page.next_cursor}


# -- parts ---------------------------------------------------------------------------------------------------------------


async def _ask(door: Door, wish: AlarmRequest) -> FactAnswer:
    answer = await door.desk.ask(wish)
    return {
        **fact_shape(answer.facts[0]),
        "alarms": [alarm_shape(alarm, door.person) for alarm in answer.alarms],
        "recorded": answer.recorded,
    }


async def _ask_alarm(door: Door, visitor: Visitor, act: str, alarm_id: str, wish: AlarmRequest) -> AlarmAnswer:
    before = await _alarm(door, visitor, alarm_id)
    visitor.must(act, before.site_id, "the alarm", alarm_id)
    answer = await door.desk.ask(wish)
    after = next((alarm for alarm in answer.alarms if alarm.id == alarm_id), door.board.alarms.get(alarm_id, before))
    return {**alarm_shape(after, door.person), "recorded": answer.recorded}


async def _alarm(door: Door, visitor: Visitor, alarm_id: str) -> Alarm:
    found = door.board.alarms.get(alarm_id)
    if found is None:
        try:
            found = await in_thread(door.records.alarm, alarm_id)
        except NotFound:
            raise not_found("the alarm", alarm_id) from None
    visitor.must_see(found.site_id, "the alarm", alarm_id)
    return found
