"""Mornings and staged restores: one approval by two people, then shop by shop as someone present confirms. The scan decides."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api import fact_list
from api.door import ActingRoute, At, By, Door, in_thread, request_key
from api.ports import Answer
from api.problems import not_found
from api.routes.query import Cursor, Limit
from api.second_person import second_person
from api.shapes.facts import FactPage, fact_shape
from api.shapes.power_work import EndMorningAsk, MorningAnswer, MorningAsk, MorningDetail, RestoresAsk, SomeonePresentAsk
from power.morning_model import ApproveMorning, ConfirmPresence, EndMorning, RestoreMany
from sites.facts import Fact
from sites.records import NotFound, Unavailable

router = APIRouter(route_class=ActingRoute, tags=["mornings"])
Of = Annotated[str | None, Query(max_length=64)]
Over = Annotated[bool, Query(description="also those that are over, from the records, newest change first")]
WHAT = "the approval"


@router.get("/mornings")
def mornings(door: At, visitor: By, site: Of = None, over: Over = False, cursor: Cursor = None, limit: Limit = 50) -> FactPage:
    return fact_list.page(door, visitor, "morning", over, cursor, limit, site)


@router.post("/runs/{run_id}/morning", status_code=201)
async def approve(run_id: str, ask: MorningAsk, request: Request, door: At, visitor: By) -> MorningAnswer:
    """Two people approve that what this night's run has opened may be energised, each shop once someone is there."""
    found = await in_thread(_run_site, door, run_id)
    visitor.must("restore", found, "the run", run_id)
    visitor.must_have_proved()
    second, phone = await second_person(door, request, visitor, "restore", found, ask.second_login, ask.second_password, ask.phone)
    wish = ApproveMorning(
        key=request_key(request), run_id=run_id, who=visitor.user.id, second=second.id, reason=ask.reason, phone=phone, hours=ask.hours
    )
    return _answer(door, await door.desk.ask(wish))


@router.post("/restores", status_code=202)
async def restores(ask: RestoresAsk, request: Request, door: At, visitor: By) -> MorningAnswer:
    """Restore several circuits of a site one after another, with a second person."""
    visitor.must("restore", ask.site_id, "the site", ask.site_id)
    visitor.must_have_proved()
    second, phone = await second_person(door, request, visitor, "restore", ask.site_id, ask.second_login, ask.second_password, ask.phone)
    wish = RestoreMany(
        key=request_key(request),
        site_id=ask.site_id,
        circuit_ids=tuple(ask.circuit_ids),
        who=visitor.user.id,
        second=second.id,
        reason=ask.reason,
        phone=phone,
    )
    return _answer(door, await door.desk.ask(wish))


@router.get("/mornings/{morning_id}")
def morning(morning_id: str, door: At, visitor: By) -> MorningDetail:
    """The approval with each circuit, and why any stays off."""
    found = fact_list.one(door, visitor, "morning", morning_id, WHAT)
    return {**fact_shape(found), "parts": [fact_shape(part) for part in _parts(door, morning_id)]}


@router.post("/mornings/{morning_id}/confirm")
async def confirm(morning_id: str, ask: SomeonePresentAsk, door: At, visitor: By) -> MorningAnswer:
    """The manager's round: somebody is there, so that this shop or these circuits may be energised."""
    await fact_list.must(door, visitor, "restore", "morning", morning_id, WHAT)
    wish = ConfirmPresence(
        morning_id=morning_id,
        who=visitor.user.id,
        person=ask.person,
        how="round",
        tenant=ask.tenant,
        circuit_ids=tuple(ask.circuit_ids),
    )
    return _answer(door, await door.desk.ask(wish))


@router.post("/mornings/{morning_id}/end")
async def end(morning_id: str, ask: EndMorningAsk, door: At, visitor: By) -> MorningAnswer:
    """Nothing more is energised by this approval."""
    await fact_list.must(door, visitor, "restore", "morning", morning_id, WHAT)
    return _answer(door, await door.desk.ask(EndMorning(morning_id=morning_id, who=visitor.user.id, reason=ask.reason)))


def _answer(door: Door, answer: Answer) -> MorningAnswer:
    found = fact_list.recorded(answer, "morning")
    parts = {fact.id: fact for fact in _standing_parts(door, found["id"])}
    parts |= {fact.id: fact for fact in answer.facts if fact.kind == "morning_part"}
    return {**found, "parts": [fact_shape(part) for part in parts.values()]}


def _standing_parts(door: Door, morning_id: str) -> list[Fact]:
    subject = f"morning:{morning_id}"
    return [fact for fact in tuple(door.board.facts.values()) if fact.kind == "morning_part" and fact.subject == subject]


def _parts(door: Door, morning_id: str) -> list[Fact]:
    """As the records have them, newer ones from the scan; only the scan's while the records are away."""
    found: dict[str, Fact] = {}
    cursor: str | None = None
    try:
        while True:
            page = door.records.facts("morning_part", None, cursor, 500, subject=f"morning:{morning_id}")
            found |= {fact.id: fact for fact in page.items}
            cursor = page.next_cursor
            if cursor is None:
                break
    except Unavailable:
        pass
    found |= {fact.id: fact for fact in _standing_parts(door, morning_id)}
    return sorted(found.values(), key=lambda fact: (fact.body.tenant, fact.body.circuit_name, fact.id))


def _run_site(door: Door, run_id: str) -> str:
    present = door.board.run(run_id)
    if present is not None:
        return present[0].site_id
    try:
        return door.records.fact("run", run_id).site_id
    except NotFound:
        raise not_found("the run", run_id) from None
