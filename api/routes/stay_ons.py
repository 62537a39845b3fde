"""Requests to stay on after closing (延时用电申请) as signed-in people ask and decide them, and the links printed for shops."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api import fact_list, shop_links
from api.door import ActingRoute, At, By, request_key
from api.problems import invalid, not_found
from api.routes.query import Cursor, Limit
from api.shapes.facts import FactPage
from api.shapes.power_work import EndStayOnAsk, RecordedFact, ShopLink, ShopLinkAsk, StayOnAsk, StayOnDecisionAsk
from api.shapes.times import iso
from power.stay_on import AskStayOn, DecideStayOn, EndStayOn

router = APIRouter(route_class=ActingRoute, tags=["stay on"])
Of = Annotated[str | None, Query(max_length=64)]
Over = Annotated[bool, Query(description="also those that are over, from the records, newest change first")]
WHAT = "the request to stay on"
_DAY_MS = 86_400_000


@router.get("/stay-ons")
def stay_ons(door: At, visitor: By, site: Of = None, over: Over = False, cursor: Cursor = None, limit: Limit = 50) -> FactPage:
    return fact_list.page(door, visitor, "stay_on", over, cursor, limit, site)


@router.post("/stay-ons", status_code=201)
async def ask_stay_on(ask: StayOnAsk, request: Request, door: At, visitor: By) -> RecordedFact:
    """For a shop that came to the desk. It is approved by a decision of its own."""
    if ask.site_id not in door.board.roster.sites:
        raise not_found("the site", ask.site_id)
    visitor.must("stay_on", ask.site_id, "the site", ask.site_id)
    wish = AskStayOn(
        key=request_key(request),
        site_id=ask.site_id,
        tenant=ask.tenant,
        circuits=tuple(ask.circuits),
        from_ms=visitor.now_ms if ask.from_ is None else ask.from_,
        until_ms=ask.until,
        reason=ask.reason,
        asked_by=ask.asked_by,
        phone=ask.phone,
        channel="user",
        who=visitor.user.id,
    )
    return fact_list.recorded(await door.desk.ask(wish), "stay_on")


@router.post("/stay-ons/{stay_on_id}/decide")
async def decide(stay_on_id: str, ask: StayOnDecisionAsk, door: At, visitor: By) -> RecordedFact:
    """Approve, perhaps for a shorter time, or refuse with a reason for the shop."""
    await fact_list.must(door, visitor, "stay_on", "stay_on", stay_on_id, WHAT)
    wish = DecideStayOn(stay_on_id=stay_on_id, who=visitor.user.id, approve=ask.approve, note=ask.note, until_ms=ask.until)
    return fact_list.recorded(await door.desk.ask(wish), "stay_on")


@router.post("/stay-ons/{stay_on_id}/end")
async def end(stay_on_id: str, ask: EndStayOnAsk, door: At, visitor: By) -> RecordedFact:
    await fact_list.must(door, visitor, "stay_on", "stay_on", stay_on_id, WHAT)
    return fact_list.recorded(await door.desk.ask(EndStayOn(stay_on_id=stay_on_id, who=visitor.user.id, note=ask.note)), "stay_on")


@router.post("/shop-links", status_code=201)
def shop_link(ask: ShopLinkAsk, door: At, visitor: By) -> ShopLink:
    """A signed link for one shop, to be printed as its QR code."""
    visitor.must("plans", ask.site_id, "the site", ask.site_id)
    circuits = tuple(door.board.roster.circuits.values())
    if not any(circuit.site_id == ask.site_id and circuit.tenant == ask.tenant for circuit in circuits):
        raise invalid(f"no circuit at the site is of {ask.tenant}", "/tenant")
    until_ms = visitor.now_ms + ask.days * _DAY_MS
    made = shop_links.token(door.secret, shop_links.Shop(ask.site_id, ask.tenant, until_ms))
    return {"token": made, "path": f"/shop/{made}", "site_id": ask.site_id, "tenant": ask.tenant, "until": iso(until_ms)}
