"""Links for rectifiers without an account: made and revoked by who may order the rectification; whoever holds one sees that hazard, hands
in photos and says what was done, and nothing else.

A link is signed, ends by its date, by being revoked, or by the submission, and is bounded in how often it is asked.
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from api.door import ActingRoute, At, By, Door, in_thread
from api.ledger import find_for
from api.problems import Problem, invalid, not_found
from api.routes.hazard_files import BODY, keep, sent, small, taken_or_422
from api.shapes.hazard_notes import (
    RectifierLinkAsk,
    RectifierLinkPage,
    RectifierLinkShape,
    RectifierSubmitAsk,
    RectifierView,
)
from api.shapes.times import iso, iso_or_none
from hazards import loop
from hazards.model import Hazard, HazardAct, HazardState, HazardStep
from hazards.queries import HazardFile, RectifierLink
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["hazards"])
held = APIRouter(tags=["rectifiers"])  # no session: the link itself is what lets in
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
MOST_A_MINUTE = 60
MOST_PHOTOS_AN_HOUR = 20
MOST_LINKS = 20


@router.post("/hazards/{hazard_id}/rectifiers", status_code=201)
def new_link(hazard_id: str, ask: RectifierLinkAsk, door: At, visitor: By) -> RectifierLinkShape:
    """Make a link for somebody without an account. Its `path` is shown once."""
    found = find_for(door, visitor, HazardAct.RECTIFY, hazard_id)
    if found.state not in loop.CLOCK_RUNS:
        raise invalid(f"hazard {found.number} is {found.state}: a link is made while it is to be rectified", "")
    if len(door.records.hazard_links(hazard_id)) >= MOST_LINKS:
        raise invalid(f"the hazard has had {MOST_LINKS} links already", "")
    link = RectifierLink(
        id=secrets.token_hex(10),
        hazard_id=hazard_id,
        name=ask.name,
        made_by=visitor.user.id,
        made_ms=visitor.now_ms,
        expires_ms=visitor.now_ms + ask.hours * HOUR_MS,
    )
    door.records.add_hazard_link(link)
    return _shape(door, link, visitor.now_ms, f"/rectify/{link.id}.{_mac(door, link.id)}")


@router.get("/hazards/{hazard_id}/rectifiers")
def links(hazard_id: str, door: At, visitor: By) -> RectifierLinkPage:
    find_for(door, visitor, HazardAct.RECTIFY, hazard_id)
    return {"items": [_shape(door, link, visitor.now_ms, None) for link in door.records.hazard_links(hazard_id)]}


@router.delete("/hazards/{hazard_id}/rectifiers/{link_id}", status_code=204)
def revoke(hazard_id: str, link_id: str, door: At, visitor: By) -> None:
    """It lets nobody in any more."""
    find_for(door, visitor, HazardAct.RECTIFY, hazard_id)
    if all(link.id != link_id for link in door.records.hazard_links(hazard_id)):
        raise not_found("the link", link_id)
    door.records.end_hazard_link(link_id, visitor.user.id, visitor.now_ms)


@held.get("/rectify/{token}")
def held_hazard(token: str, request: Request, door: At) -> RectifierView:
    """What the link's holder may see of the hazard."""
    link, hazard = _let_in(token, request, door)
    return _view(door, link, hazard)


@held.get("/rectify/{token}/photos/{file_id}", response_class=FileResponse, responses={200: {"content": {"image/jpeg": {}}}})
def held_photo(token: str, file_id: str, request: Request, door: At, size: Literal["small", "full"] = "small") -> Response:
    link, _ = _let_in(token, request, door)
    row = next((each for each in _photos(door, link) if each.id == file_id), None)
    if row is None:
        raise not_found("the photo", file_id)
    return small(door, row) if size == "small" else sent(door, row)


@held.post("/rectify/{token}/photos", status_code=201, openapi_extra=BODY)
async def held_add_photo(token: str, request: Request, door: At, moment: Literal["before", "after"] = "after") -> RectifierView:
    """Hand in a photo as the request's body."""
    content = await request.body()
    return await in_thread(_add_photo, token, request, door, content, moment)


@held.post("/rectify/{token}/submit")
def held_submit(token: str, ask: RectifierSubmitAsk, request: Request, door: At) -> RectifierView:
    """Say what was done and ask for the review; a photo of after is needed. The link has then done its work."""
    link, hazard = _let_in(token, request, door)
    if all(each.moment != "after" for each in _photos(door, link)):
        raise invalid("a photo of after is needed first 请先上传整改后照片", "/note")
    now_ms = door.clock.now_ms()

    def change(present: Hazard) -> tuple[Hazard, HazardStep]:
        return loop.submit(present, note=f"{link.name}: {ask.note}", who=f"link:{link.id}", now_ms=now_ms)

    hazard, step = door.records.submit_by_link(link, change, f"link:{link.id}", now_ms)
    door.feed.publish("hazard", hazard.site_id, (hazard, step))
    return _view(door, link, hazard)


# -- parts ---------------------------------------------------------------------------------------------------------------


def _add_photo(token: str, request: Request, door: Door, content: bytes, moment: Literal["before", "after"]) -> RectifierView:
    link, hazard = _let_in(token, request, door)
    now_ms = door.clock.now_ms()
    door.shop_limits.must(f"rectify-photo:{link.id}", MOST_PHOTOS_AN_HOUR, HOUR_MS, now_ms)
    if hazard.state not in loop.CLOCK_RUNS:
        raise Problem(409, "illegal-step", "Not now", f"hazard {hazard.number} is {hazard.state}: nothing is handed in any more")
    taken = taken_or_422(content, is_picture=True)
    hazard, step = keep(door, link.hazard_id, taken, moment, "", f"link:{link.id}", now_ms)
    door.feed.publish("hazard", hazard.site_id, (hazard, step))
    return _view(door, link, hazard)


def _let_in(token: str, request: Request, door: Door) -> tuple[RectifierLink, Hazard]:
    """Raises 404 for what is no link of ours, 410 for one that has ended, 429."""
    now_ms = door.clock.now_ms()
    door.shop_limits.must(f"rectify:{request.client.host if request.client else ''}", MOST_A_MINUTE, MINUTE_MS, now_ms)
    link_id, _, mac = token.partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(door, link_id).encode()):
        raise not_found("the link", "of this address")
    door.shop_limits.must(f"rectify-link:{link_id}", MOST_A_MINUTE, MINUTE_MS, now_ms)
    try:
        link = door.records.hazard_link(link_id)
        hazard = door.records.hazard(link.hazard_id)
    except NotFound:
        raise not_found("the link", "of this address") from None
    if link.revoked_ms is not None or link.used_ms is not None or link.expires_ms <= now_ms:
        raise Problem(410, "link-ended", "The link has ended", "this link has ended: ask for a new one 链接已失效，请联系发送人")
    return link, hazard


def _mac(door: Door, link_id: str) -> str:
    return hmac.new(door.secret, f"rectifier:{link_id}".encode(), sha256).hexdigest()[:32]


def _photos(door: Door, link: RectifierLink) -> list[HazardFile]:
    return [each for each in door.records.hazard_files(link.hazard_id) if each.width]


def _view(door: Door, link: RectifierLink, hazard: Hazard) -> RectifierView:
    site = door.board.roster.sites.get(hazard.site_id)
    zone = door.board.roster.zones.get(hazard.zone_id) if hazard.zone_id else None
    return {
        "number": hazard.number,
        "title": hazard.title,
        "description": hazard.description,
        "place": " ".join(part for part in (site.name if site else "", zone.name if zone else "", hazard.place) if part),
        "category": hazard.category,
        "measures": hazard.rectification.measures,
        "deadline_at": iso_or_none(hazard.rectification.deadline_ms),
        "name": link.name,
        "expires_at": iso(link.expires_ms),
        "photos": [{"id": each.id, "moment": each.moment, "at": iso(each.at_ms)} for each in _photos(door, link)],  # type: ignore[typeddict-item]
        "may_submit": hazard.state is HazardState.RECTIFYING,
    }


def _shape(door: Door, link: RectifierLink, now_ms: int, path: str | None) -> RectifierLinkShape:
    state: Literal["open", "expired", "revoked", "used"] = "expired" if link.expires_ms <= now_ms else "open"
    if link.used_ms is not None:
        state = "used"
    elif link.revoked_ms is not None:
        state = "revoked"
    return {
        "id": link.id,
        "name": link.name,
        "made_by": door.person(link.made_by),
        "made_at": iso(link.made_ms),
        "expires_at": iso(link.expires_ms),
        "revoked_at": iso_or_none(link.revoked_ms),
        "used_at": iso_or_none(link.used_ms),
        "state": state,
        "path": path,
    }
