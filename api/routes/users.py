"""People: kept by administrators, each within the part of the tree that is theirs to give."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import replace

from fastapi import APIRouter

from api.access import reach, roles_for
from api.configuration import paged
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import Problem, forbidden, invalid, not_found
from api.routes.query import Cursor, Limit
from api.sessions import HASHER
from api.shapes.people import ChangedUserAsk, GrantAsk, NewUserAsk, UserPage, UserShape, user_shape
from sites.people import Grant, User
from sites.records import Conflict, NotFound

router = APIRouter(route_class=ActingRoute, tags=["users"])


@router.get("/users")
def users(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> UserPage:
    visitor.must_somewhere("users")
    mine = sorted((u for u in door.records.users() if _is_mine(door, visitor, u)), key=lambda u: u.id)
    page = paged(mine, cursor, limit)
    return {"items": [user_shape(u) for u in page.items], "next_cursor": page.next_cursor}


@router.post("/users", status_code=201)
def new_user(ask: NewUserAsk, door: At, visitor: By) -> UserShape:
    visitor.must_somewhere("users")
    visitor.must_have_proved()
    user = User(
        id=ask.id or f"u-{secrets.token_hex(6)}",
        login=ask.login,
        name=ask.name,
        email=ask.email,
        password_hash=HASHER.hash(ask.password),
        grants=_granted(door, visitor, ask.grants),
        disabled=ask.disabled,
    )
    _may_keep(door, visitor, user)
    _free_login(door, user)
    if _exists(door, user.id):
        raise Conflict(f"the user id {user.id} is taken: choose another, or leave it out")
    return _kept(door, visitor, user)


@router.get("/users/{user_id}")
def user(user_id: str, door: At, visitor: By) -> UserShape:
    visitor.must_somewhere("users")
    return user_shape(_find(door, visitor, user_id))


@router.put("/users/{user_id}")
def change_user(user_id: str, ask: ChangedUserAsk, door: At, visitor: By) -> UserShape:
    visitor.must_somewhere("users")
    present = _find(door, visitor, user_id)
    visitor.must_have_proved()
    if present.version != ask.version:
        raise Conflict(f"the user {user_id} is at version {present.version}, not {ask.version}: read it again and change that")
    _may_keep(door, visitor, present)
    if user_id == visitor.user.id and ask.disabled:
        raise Problem(409, "request-refused", "Refused", "nobody disables themselves: another administrator can")
    changed = replace(
        present,
        login=ask.login,
        name=ask.name,
        email=ask.email,
        password_hash=present.password_hash if ask.password is None else HASHER.hash(ask.password),
        grants=_granted(door, visitor, ask.grants),
        disabled=ask.disabled,
    )
    _may_keep(door, visitor, changed)
    _free_login(door, changed)
    return _kept(door, visitor, changed)


def _kept(door: Door, visitor: Visitor, user: User) -> UserShape:
    kept = door.records.save_user(user, visitor.user.id, visitor.now_ms)
    door.sessions.user_changed(kept)
    return user_shape(kept)


def _find(door: Door, visitor: Visitor, user_id: str) -> User:
    try:
        found = door.records.user(user_id)
    except NotFound:
        raise not_found("the user", user_id) from None
    if not _is_mine(door, visitor, found):
        raise not_found("the user", user_id)
    return found


def _exists(door: Door, user_id: str) -> bool:
    try:
        door.records.user(user_id)
    except NotFound:
        return False
    return True


def _is_mine(door: Door, visitor: Visitor, user: User) -> bool:
    """Whether the person is seen here: their part of the tree touches the visitor's."""
    mine = visitor.reach.sites["users"]
    if mine is None:
        return True
    theirs = reach(replace(user, disabled=False), door.board.roster).scope
    return theirs is not None and bool(theirs & mine)


def _may_keep(door: Door, visitor: Visitor, user: User) -> None:
    """Raises 403 unless every grant of the person lies within the visitor's own part."""
    if not all(_may_give(door, visitor, grant) for grant in user.grants):
        raise forbidden("users", roles_for("users"))


def _granted(door: Door, visitor: Visitor, asked: list[GrantAsk]) -> tuple[Grant, ...]:
    grants = []
    for index, ask in enumerate(asked):
        try:
            grant = ask.grant()
        except ValueError as error:
            raise invalid(str(error), f"/grants/{index}") from None
        roster = door.board.roster
        places: dict[str, Collection[str]] = {"district": roster.districts, "enterprise": roster.enterprises, "site": roster.sites}
        if grant.node_id is not None and grant.node_id not in places[grant.node_kind]:
            raise invalid(f"there is no {grant.node_kind} {grant.node_id}", f"/grants/{index}/node_id")
        grants.append(grant)
    return tuple(grants)


def _may_give(door: Door, visitor: Visitor, grant: Grant) -> bool:
    if grant.node_kind == "all":
        return visitor.reach.sites["users"] is None
    if grant.node_kind == "site":
        return visitor.reach.may("users", grant.node_id)
    return visitor.reach.may_on("users", grant.node_kind, grant.node_id or "")


def _free_login(door: Door, user: User) -> None:
    other = door.records.user_by_login(user.login)
    if other is not None and other.id != user.id:
        raise Conflict(f"the login {user.login} is taken: choose another")
