"""Work permits (危险作业): declared, assessed, tested, checked, approved, worked, interrupted, completed, accepted. The scan decides."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Request

from api import fact_list
from api.door import ActingRoute, At, By, request_key
from api.problems import not_found
from api.routes.query import Cursor, Limit
from api.shapes.asks import DayText
from api.shapes.facts import FactPage, FactShape, fact_shape
from api.shapes.power_work import Declarations, GasTestAsk, PermitAsk, PermitDecisionAsk, RecordedFact, WorkActAsk
from power.permit_model import ActOnPermit, ApplyPermit, CheckGas
from sites.calendars import DAY_MINUTES, local_minute_ms
from sites.facts import Fact

router = APIRouter(route_class=ActingRoute, tags=["work permits"])
Of = Annotated[str | None, Query(max_length=64)]
Over = Annotated[bool, Query(description="also those that are over, from the records, newest change first")]
WHAT = "the work permit"


@router.get("/work-permits")
def work_permits(
    door: At, visitor: By, site: Of = None, zone: Of = None, over: Over = False, cursor: Cursor = None, limit: Limit = 50
) -> FactPage:
    return fact_list.page(door, visitor, "work_permit", over, cursor, limit, site, f"zone:{zone}" if zone else None)


@router.post("/work-permits", status_code=201)
async def apply(ask: PermitAsk, request: Request, door: At, visitor: By) -> RecordedFact:
    """Declare work, with its promise and its guardian."""
    if ask.site_id not in door.board.roster.sites:
        raise not_found("the site", ask.site_id)
    visitor.must("permit", ask.site_id, "the site", ask.site_id)
    given = ask.model_dump(exclude={"from_", "until", "circuits"})
    wish = ApplyPermit(
        key=request_key(request), who=visitor.user.id, from_ms=ask.from_, until_ms=ask.until, circuits=tuple(ask.circuits), **given
    )
    return fact_list.recorded(await door.desk.ask(wish), "work_permit")


@router.get("/work-permits/declarations")
def declarations(door: At, visitor: By, site: Annotated[str, Query(max_length=64)], date: Annotated[DayText, Query()]) -> Declarations:
    """The daily declaration (每日申报): every permit of the site that is valid on this local day, also those that are over."""
    place = door.board.roster.sites.get(site)
    if place is None:
        raise not_found("the site", site)
    visitor.must_see(site, "the site", site)
    from_ms, to_ms = (local_minute_ms(place.timezone, date, minute) for minute in (0, DAY_MINUTES))
    found = {fact.id: fact for fact in _recorded(door, site, from_ms, to_ms)}
    for fact in tuple(door.board.facts.values()):
        if fact.kind == "work_permit" and fact.site_id == site and fact.from_ms < to_ms and (fact.until_ms or to_ms) > from_ms:
            found[fact.id] = fact
    items = sorted(found.values(), key=lambda fact: (fact.from_ms, fact.id))
    return {
        "site_id": site,
        "date": date,
        "items": [fact_shape(fact) for fact in items],
        "by_kind": dict(sorted(Counter(str(fact.body.kind) for fact in items).items())),
    }


@router.get("/work-permits/{permit_id}")
def work_permit(permit_id: str, door: At, visitor: By) -> FactShape:
    return fact_shape(fact_list.one(door, visitor, "work_permit", permit_id, WHAT))


@router.post("/work-permits/{permit_id}/gas-test")
async def gas_test(permit_id: str, ask: GasTestAsk, door: At, visitor: By) -> RecordedFact:
    """What was measured where the work is to be. A test that does not pass suspends work under way."""
    await fact_list.must(door, visitor, "permit", "work_permit", permit_id, WHAT)
    wish = CheckGas(permit_id=permit_id, who=visitor.user.id, **ask.model_dump())
    return fact_list.recorded(await door.desk.ask(wish), "work_permit")


@router.post("/work-permits/{permit_id}/act")
async def act(permit_id: str, ask: WorkActAsk, door: At, visitor: By) -> RecordedFact:
    """Hazards and measures (JSA), begin, interrupt, resume, complete."""
    await fact_list.must(door, visitor, "permit", "work_permit", permit_id, WHAT)
    wish = ActOnPermit(permit_id=permit_id, act=ask.act, who=visitor.user.id, note=ask.note)
    return fact_list.recorded(await door.desk.ask(wish), "work_permit")


@router.post("/work-permits/{permit_id}/decide")
async def decide(permit_id: str, ask: PermitDecisionAsk, door: At, visitor: By) -> RecordedFact:
    """The site check, the approvals, the acceptance, or making it void."""
    await fact_list.must(door, visitor, "permit_approve", "work_permit", permit_id, WHAT)
    wish = ActOnPermit(permit_id=permit_id, act=ask.act, who=visitor.user.id, note=ask.note)
    return fact_list.recorded(await door.desk.ask(wish), "work_permit")


def _recorded(door: At, site: str, from_ms: int, to_ms: int) -> list[Fact]:
    found: list[Fact] = []
    cursor: str | None = None
    while True:
        page = door.records.facts("work_permit", None, cursor, 200, site_id=site, from_ms=from_ms, to_ms=to_ms)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found
