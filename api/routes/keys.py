"""Keys of machines: made by administrators within the part of the tree that is theirs, shown once, revoked for good."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from fastapi import APIRouter

from api.access import roles_for
from api.configuration import paged
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import forbidden, invalid, not_found
from api.routes.query import Cursor, Limit
from api.shapes.access import KeyAsk, KeyMade, KeyPage, KeyShape, PlaceAsk
from api.shapes.times import iso, iso_or_none
from sites.keys import ApiKey, Place
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["keys"])


@router.get("/keys")
def keys(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> KeyPage:
    """Also those that are over, as the audit names them."""
    visitor.must_somewhere("keys")
    page = paged(sorted((k for k in door.records.api_keys() if _is_mine(visitor, k)), key=lambda k: k.id), cursor, limit)
    return {"items": [_shape(door, visitor, each) for each in page.items], "next_cursor": page.next_cursor}


@router.post("/keys", status_code=201)
def new_key(ask: KeyAsk, door: At, visitor: By) -> KeyMade:
    """`Authorization: Bearer KEY` is then a machine with these acts at these places."""
    visitor.must_somewhere("keys")
    visitor.must_have_proved()
    places = tuple(_place(door, index, each) for index, each in enumerate(ask.places))
    if not all(_may_give(visitor, place) for place in places):
        raise forbidden("keys", roles_for("keys"))
    if ask.expires_at is not None and ask.expires_at <= visitor.now_ms:
        raise invalid("a key expires in the future, or never (null)", "/expires_at")
    key_id, token, prefix, hashed = door.keyring.make()
    made = ApiKey(
        id=key_id, name=ask.name, note=ask.note, prefix=prefix, key_hash=hashed, acts=tuple(sorted({"see", *ask.acts})), places=places,
        made_by=visitor.user.id, made_ms=visitor.now_ms, expires_ms=ask.expires_at, rate_per_minute=ask.rate_per_minute,
    )  # fmt: skip
    kept = door.records.save_key(made, visitor.user.id, visitor.now_ms)
    door.sessions.name(kept.user_id, kept.name)
    return {**_shape(door, visitor, kept), "key": token}


@router.get("/keys/{key_id}")
def key(key_id: str, door: At, visitor: By) -> KeyShape:
    visitor.must_somewhere("keys")
    return _shape(door, visitor, _find(door, visitor, key_id))


@router.delete("/keys/{key_id}", status_code=204)
def revoke_key(key_id: str, door: At, visitor: By) -> None:
    """For good: it answers 401 at once. Its entries in the audit keep its name."""
    visitor.must_somewhere("keys")
    present = _find(door, visitor, key_id)
    visitor.must_have_proved()
    if present.revoked_ms is None:
        door.records.save_key(replace(present, revoked_ms=visitor.now_ms), visitor.user.id, visitor.now_ms)
    door.keyring.forget(key_id)


def _find(door: Door, visitor: Visitor, key_id: str) -> ApiKey:
    try:
        found = door.records.key(key_id)
    except NotFound:
        raise not_found("the key", key_id) from None
    if not _is_mine(visitor, found):
        raise not_found("the key", key_id)
    return found


def _is_mine(visitor: Visitor, key: ApiKey) -> bool:
    """A key is seen by who may give all that it has."""
    return all(_may_give(visitor, place) for place in key.places)


def _may_give(visitor: Visitor, place: Place) -> bool:
    if place.node_kind == "all":
        return visitor.reach.sites["keys"] is None
    if place.node_kind == "site":
        return visitor.reach.may("keys", place.node_id)
    return visitor.reach.may_on("keys", place.node_kind, place.node_id or "")


def _place(door: Door, index: int, ask: PlaceAsk) -> Place:
    if (ask.node_kind == "all") != (ask.node_id is None):
        raise invalid("a place `all` has no node_id, any other has one", f"/places/{index}")
    roster = door.board.roster
    known: dict[str, Collection[str]] = {"district": roster.districts, "enterprise": roster.enterprises, "site": roster.sites}
    if ask.node_id is not None and ask.node_id not in known[ask.node_kind]:
        raise invalid(f"there is no {ask.node_kind} {ask.node_id}", f"/places/{index}/node_id")
    return Place(node_kind=ask.node_kind, node_id=ask.node_id)


def _shape(door: Door, visitor: Visitor, key: ApiKey) -> KeyShape:
    return {
        "id": key.id,
        "name": key.name,
        "note": key.note,
        "prefix": key.prefix,
        "acts": list(key.acts),
        "places": [{"node_kind": place.node_kind, "node_id": place.node_id} for place in key.places],
        "made_by": door.person(key.made_by),
        "made_at": iso(key.made_ms),
        "expires_at": iso_or_none(key.expires_ms),
        "revoked_at": iso_or_none(key.revoked_ms),
        "used_at": iso_or_none(key.used_ms),
        "rate_per_minute": key.rate_per_minute,
        "state": "revoked" if key.revoked_ms is not None else "good" if key.is_good(visitor.now_ms) else "expired",
    }
