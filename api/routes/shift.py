"""The desk's shifts: hand-over with two signatures, presence checks and their schedules, and the alarm path's self-test."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from alarms.duty_requests import AnswerPresence, AskPresence, OfferHandOver, RunSelfTest, TakeOver, WithdrawHandOver
from alarms.handovers import HandOver, is_sound
from alarms.presence_checks import PresenceSchedule
from alarms.self_tests import SelfTest, delays_ms
from api import configuration, fact_list, handover
from api.access import reach, roles_for
from api.door import ActingRoute, At, By, Door, Visitor, in_thread, request_key
from api.problems import Problem, invalid, not_found
from api.routes.auth import proved
from api.routes.query import Cursor, From, Limit, To
from api.shapes.facts import FactPage, FactShape, fact_shape
from api.shapes.shift import (
    HandOverAnswer,
    HandOverDraft,
    HandOverPage,
    HandOverShape,
    OfferAsk,
    PresenceAnswerAsk,
    PresenceAsk,
    PresenceSchedulePage,
    PresenceScheduleShape,
    ScheduleAsk,
    ScheduleEdit,
    SelfTestPage,
    SelfTestShape,
    ShiftAnswer,
    TakeAsk,
    WithdrawHandOverAsk,
)
from api.shapes.times import iso, iso_or_none

router = APIRouter(route_class=ActingRoute, tags=["shift"])
Of = Annotated[str | None, Query(max_length=64)]

# -- hand-over -----------------------------------------------------------------------------------------------------------


@router.get("/handovers/draft")
def handover_draft(site: Annotated[str, Query(max_length=64)], door: At, visitor: By) -> HandOverDraft:
    """What there is to hand over at this moment."""
    _must_be_seen(door, visitor, site)
    return handover.draft(door, site)


@router.get("/handovers")
def handovers(
    door: At,
    visitor: By,
    site: Of = None,
    state: Of = None,
    from_ms: From = None,
    to_ms: To = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> HandOverPage:
    """Newest first."""
    page = door.records.facts("handover", visitor.scope, cursor, limit, site_id=site, state=state, from_ms=from_ms, to_ms=to_ms)
    items = [_handover(door.board.facts.get(("handover", fact.id), fact).body, door) for fact in page.items]
    return {"items": items, "next_cursor": page.next_cursor}


@router.post("/handovers", status_code=201)
async def offer_handover(ask: OfferAsk, request: Request, door: At, visitor: By) -> HandOverAnswer:
    """The outgoing shift signs the draft of this moment; from then on it does not change."""
    _must_be_seen(door, visitor, ask.site_id)
    visitor.must("hand_over", ask.site_id, "the site", ask.site_id)
    content = await in_thread(lambda: orjson.dumps(handover.draft(door, ask.site_id), option=orjson.OPT_SORT_KEYS).decode())
    wish = OfferHandOver(site_id=ask.site_id, who=visitor.user.id, key=request_key(request), content=content, note=ask.note)
    answer = await door.desk.ask(wish)
    return {**_handover(answer.facts[0].body, door), "recorded": answer.recorded}


@router.get("/handovers/{handover_id}")
def one_handover(handover_id: str, door: At, visitor: By) -> HandOverShape:
    return _handover(fact_list.one(door, visitor, "handover", handover_id, "the hand-over").body, door)


@router.get("/handovers/{handover_id}/page", response_class=HTMLResponse)
def handover_page(handover_id: str, door: At, visitor: By) -> HTMLResponse:
    """To print; times in the site's own zone."""
    found = fact_list.one(door, visitor, "handover", handover_id, "the hand-over")
    site = door.board.roster.sites.get(found.site_id)
    zone = ZoneInfo(site.timezone if site else "Asia/Shanghai")

    def at_local(at: str) -> str:
        return datetime.fromisoformat(at).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    return HTMLResponse(handover.page(_handover(found.body, door), at_local))


@router.post("/handovers/{handover_id}/take")
async def take_handover(handover_id: str, ask: TakeAsk, request: Request, door: At, visitor: By) -> HandOverAnswer:
    """The incoming shift signs: the one who is signed in, or, with login and password, another person at this desk."""
    found = await in_thread(fact_list.one, door, visitor, "handover", handover_id, "the hand-over")
    visitor.must("hand_over", found.site_id, "the hand-over", handover_id)
    who = visitor.user
    if ask.login is not None:
        try:
            who = await proved(door, request, ask.login, ask.password or "")
        except Problem as problem:
            if problem.status != 401:
                raise
            raise Problem(403, "second-person", "Not signed", "the incoming person's login or password is wrong") from None
        if not reach(who, door.board.roster).may("hand_over", found.site_id):
            may = ", ".join(roles_for("hand_over"))
            raise Problem(403, "second-person", "Not this person", f"{who.name} may not take over here; the roles {may} may")
    answer = await door.desk.ask(TakeOver(handover_id=handover_id, who=who.id, hash=ask.hash, note=ask.note))
    return {**_handover(answer.facts[0].body, door), "recorded": answer.recorded}


@router.post("/handovers/{handover_id}/withdraw")
async def withdraw_handover(handover_id: str, ask: WithdrawHandOverAsk, door: At, visitor: By) -> HandOverAnswer:
    """By who offered it only."""
    found = await in_thread(fact_list.one, door, visitor, "handover", handover_id, "the hand-over")
    visitor.must("hand_over", found.site_id, "the hand-over", handover_id)
    answer = await door.desk.ask(WithdrawHandOver(handover_id=handover_id, who=visitor.user.id, note=ask.note))
    return {**_handover(answer.facts[0].body, door), "recorded": answer.recorded}


# -- presence ------------------------------------------------------------------------------------------------------------


@router.get("/presence-checks")
def presence_checks(
    door: At,
    visitor: By,
    site: Of = None,
    state: Of = None,
    from_ms: From = None,
    to_ms: To = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> FactPage:
    """Newest first; those that wait for an answer are `asked`."""
    page = door.records.facts("presence_check", visitor.scope, cursor, limit, site_id=site, state=state, from_ms=from_ms, to_ms=to_ms)
    items = [door.board.facts.get(("presence_check", fact.id), fact) for fact in page.items]
    return {"items": [fact_shape(fact) for fact in items], "next_cursor": page.next_cursor}


@router.post("/presence-checks", status_code=201)
async def ask_presence(ask: PresenceAsk, request: Request, door: At, visitor: By) -> ShiftAnswer:
    """Ask whoever is on duty at the site to answer now. Who asks cannot answer."""
    _must_be_seen(door, visitor, ask.site_id)
    visitor.must("ask_presence", ask.site_id, "the site", ask.site_id)
    wish = AskPresence(site_id=ask.site_id, who=visitor.user.id, key=request_key(request), answer_s=ask.answer_s)
    return await _ask(door, wish)


@router.get("/presence-checks/{check_id}")
def presence_check(check_id: str, door: At, visitor: By) -> FactShape:
    return fact_shape(fact_list.one(door, visitor, "presence_check", check_id, "the presence check"))


@router.post("/presence-checks/{check_id}/answer")
async def answer_presence(check_id: str, ask: PresenceAnswerAsk, door: At, visitor: By) -> ShiftAnswer:
    """A wrong answer is counted, and the question stays until its window is over."""
    found = await in_thread(fact_list.one, door, visitor, "presence_check", check_id, "the presence check")
    visitor.must("acknowledge", found.site_id, "the presence check", check_id)
    return await _ask(door, AnswerPresence(check_id=check_id, who=visitor.user.id, answer=ask.answer, note=ask.note))


@router.get("/presence-schedules")
def presence_schedules(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> PresenceSchedulePage:
    page = configuration.listed(door, visitor, "presence_schedule", cursor, limit)
    return {"items": [_schedule(each) for each in page.items], "next_cursor": page.next_cursor}


@router.post("/presence-schedules", status_code=201)
def new_presence_schedule(ask: ScheduleAsk, door: At, visitor: By) -> PresenceScheduleShape:
    visitor.must_somewhere("configure")
    made = _made(ask, configuration.new_id(ask.id, "presence"), 1, door, visitor)
    return _schedule(configuration.insert(door, visitor, "presence_schedule", made))


@router.get("/presence-schedules/{schedule_id}")
def presence_schedule(schedule_id: str, door: At, visitor: By) -> PresenceScheduleShape:
    return _schedule(configuration.one(door, visitor, "presence_schedule", schedule_id))


@router.put("/presence-schedules/{schedule_id}")
def change_presence_schedule(schedule_id: str, ask: ScheduleEdit, door: At, visitor: By) -> PresenceScheduleShape:
    configuration.one(door, visitor, "presence_schedule", schedule_id)
    visitor.must_somewhere("configure")
    configuration.same_id(ask.id, schedule_id)
    made = _made(ask, schedule_id, ask.version, door, visitor)
    return _schedule(configuration.change(door, visitor, "presence_schedule", schedule_id, ask.version, lambda _: made))


@router.delete("/presence-schedules/{schedule_id}", status_code=204)
def remove_presence_schedule(schedule_id: str, door: At, visitor: By) -> None:
    configuration.one(door, visitor, "presence_schedule", schedule_id)
    visitor.must_somewhere("configure")
    configuration.remove(door, visitor, "presence_schedule", schedule_id)


# -- the alarm path ------------------------------------------------------------------------------------------------------


@router.get("/self-tests")
def self_tests(door: At, visitor: By, state: Of = None, cursor: Cursor = None, limit: Limit = 50) -> SelfTestPage:
    """Newest first. They concern the service as a whole: everybody sees them."""
    page = door.records.facts("self_test", None, cursor, limit, state=state)
    items = [_self_test(door.board.facts.get(("self_test", fact.id), fact).body, door) for fact in page.items]
    return {"items": items, "next_cursor": page.next_cursor}


@router.post("/self-tests", status_code=202)
async def run_self_test(request: Request, door: At, visitor: By) -> SelfTestShape:
    """Begin one now; it has ended within half a minute."""
    visitor.must_somewhere("self_test")
    answer = await door.desk.ask(RunSelfTest(who=visitor.user.id, key=request_key(request)))
    body = answer.facts[0].body if answer.facts else next(f.body for f in tuple(door.board.facts.values()) if f.kind == "self_test")
    return _self_test(body, door)


@router.get("/self-tests/{test_id}")
def self_test(test_id: str, door: At, visitor: By) -> SelfTestShape:
    return _self_test(fact_list.one(door, visitor, "self_test", test_id, "the self-test").body, door)


# -- parts ---------------------------------------------------------------------------------------------------------------


def _must_be_seen(door: Door, visitor: Visitor, site_id: str) -> None:
    if site_id not in door.board.roster.sites:
        raise not_found("the site", site_id)
    visitor.must_see(site_id, "the site", site_id)


async def _ask(door: Door, wish: AskPresence | AnswerPresence) -> ShiftAnswer:
    answer = await door.desk.ask(wish)
    return {**fact_shape(answer.facts[0]), "recorded": answer.recorded}


def _handover(body: HandOver, door: Door) -> HandOverShape:
    return {
        "id": body.id,
        "site_id": body.site_id,
        "state": body.state,
        "content": orjson.loads(body.content),
        "outgoing": door.person(body.outgoing),
        "outgoing_at": iso(body.outgoing_ms),
        "outgoing_note": body.outgoing_note,
        "incoming": door.person(body.incoming),
        "incoming_at": iso_or_none(body.incoming_ms),
        "incoming_note": body.incoming_note,
        "prev_hash": body.prev_hash,
        "hash": body.hash,
        "taken_hash": body.taken_hash,
        "is_sound": is_sound(body),
    }


def _made(ask: ScheduleAsk, schedule_id: str, version: int, door: Door, visitor: Visitor) -> PresenceSchedule:
    site = door.board.roster.sites.get(ask.site_id)
    if site is None or not visitor.reach.may("see", site.id):
        raise invalid(f"there is no site {ask.site_id}", "/site_id")
    if ask.from_minute >= ask.to_minute:
        raise invalid("from_minute must lie before to_minute", "/from_minute")
    if not ask.times and not ask.random_per_day:
        raise invalid("give times, or how many random ones a day", "/times")
    given: dict[str, Any] = ask.model_dump(exclude={"id", "version", "times"})
    return PresenceSchedule(id=schedule_id, times=tuple(sorted(set(ask.times))), version=version, **given)


def _schedule(schedule: PresenceSchedule) -> PresenceScheduleShape:
    def clock(minute: int) -> str:
        return f"{minute // 60:02d}:{minute % 60:02d}"

    set_times = ", ".join(clock(minute) for minute in schedule.times)
    parts, parts_zh = [], []
    if schedule.times:
        parts.append(f"daily at {set_times}")
        parts_zh.append(f"每日 {set_times}")
    if schedule.random_per_day:
        span = f"{clock(schedule.from_minute)}-{clock(schedule.to_minute)}"
        parts.append(f"{schedule.random_per_day} times a day at random between {span}")
        parts_zh.append(f"每日 {span} 随机 {schedule.random_per_day} 次")
    return {
        "id": schedule.id,
        "name": schedule.name,
        "site_id": schedule.site_id,
        "times": list(schedule.times),
        "random_per_day": schedule.random_per_day,
        "from_minute": schedule.from_minute,
        "to_minute": schedule.to_minute,
        "answer_s": schedule.answer_s,
        "enabled": schedule.enabled,
        "version": schedule.version,
        "sentence": f"{' and '.join(parts)}; to be answered within {schedule.answer_s} s",
        "sentence_zh": f"{'，另'.join(parts_zh)}；{schedule.answer_s} 秒内应答",
    }


def _self_test(test: SelfTest, door: Door) -> SelfTestShape:
    return {
        "id": test.id,
        "state": test.state,
        "asked_at": iso(test.asked_ms),
        "asked_by": door.person(test.asked_by),
        "delays_ms": delays_ms(test),
        "reason": test.reason,
        "reason_zh": test.reason_zh,
    }
