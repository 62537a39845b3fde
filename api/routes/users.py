"""People: kept by administrators, each within the part of the tree that is theirs to give."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import replace

from fastapi import APIRouter

from api import passwords
from api.access import reach, roles_for
from api.configuration import paged
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import Problem, forbidden, invalid, not_found
from api.routes.query import Cursor, Limit
from api.sessions import HASHER
from api.shapes.access import LinkMade
from api.shapes.people import ChangedUserAsk, GrantAsk, NewUserAsk, UserPage, UserShape, user_shape
from api.shapes.times import iso
from sites.keys import OneTimeLink
from sites.people import Grant, User
from sites.records import Conflict, NotFound

router = APIRouter(route_class=ActingRoute, tags=["users"])
LINK_MS = 3 * 86_400_000


@router.get("/users")
def users(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50, deleted: bool = False) -> UserPage:
    """`deleted`: also those who are gone."""
    visitor.must_somewhere("users")
    there = (u for u in door.records.users() if deleted or u.deleted_ms is None)
    mine = sorted((u for u in there if _is_mine(door, visitor, u)), key=lambda u: u.id)
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
        password_hash="" if ask.password is None else HASHER.hash(_checked(ask.password, ask.login, ask.name)),
        must_change=ask.password is not None and ask.must_change,
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
        password_hash=present.password_hash if ask.password is None else HASHER.hash(_checked(ask.password, ask.login, ask.name)),
        must_change=present.must_change if ask.password is None else user_id != visitor.user.id,
        grants=_granted(door, visitor, ask.grants),
        disabled=ask.disabled,
    )
    _may_keep(door, visitor, changed)
    _free_login(door, changed)
    _not_the_last(door, present, changed)
    kept = _kept(door, visitor, changed)
    if ask.password is not None:
        keep = visitor.session.token_hash if user_id == visitor.user.id else None
        door.records.end_sessions(user_id, None, visitor.user.id, visitor.now_ms, keep)
        door.sessions.ended(user_id, None, keep)
    return kept


@router.delete("/users/{user_id}", status_code=204)
def remove_user(user_id: str, door: At, visitor: By) -> None:
    """Takes away login, password, rights and sessions; the name stays in the history of what the person did."""
    visitor.must_somewhere("users")
    present = _find(door, visitor, user_id)
    visitor.must_have_proved()
    _may_keep(door, visitor, present)
    if user_id == visitor.user.id:
        raise Problem(409, "request-refused", "Refused", "nobody removes themselves: another administrator can")
    if present.deleted_ms is not None:
        return
    gone = replace(
        present, login=f"{present.login[:100]}~{present.id}"[:200], email="", password_hash="", grants=(), disabled=True, must_change=False,
        deleted_ms=visitor.now_ms,
    )  # fmt: skip
    _not_the_last(door, present, gone)
    _kept(door, visitor, gone)
    door.sessions.ended(user_id)


@router.post("/users/{user_id}/link", status_code=201)
def user_link(user_id: str, door: At, visitor: By) -> LinkMade:
    """A link by which the person chooses a password, once, within three days: an invitation, or a reset. Shown here only, and any
    earlier one is void; a password that there is goes on until then."""
    visitor.must_somewhere("users")
    present = _find(door, visitor, user_id)
    visitor.must_have_proved()
    _may_keep(door, visitor, present)
    if present.disabled or present.deleted_ms is not None:
        raise Problem(409, "request-refused", "Refused", "this person may not sign in: enable the account first")
    token = secrets.token_urlsafe(32)
    purpose = "reset" if present.password_hash else "invite"
    link = OneTimeLink(
        token_hash=door.sessions.hash_of(token), user_id=user_id, purpose=purpose, made_by=visitor.user.id, made_ms=visitor.now_ms,
        expires_ms=visitor.now_ms + LINK_MS,
    )  # fmt: skip
    door.records.put_link(link)
    return {"purpose": purpose, "token": token, "path": f"/#/welcome?token={token}", "expires_at": iso(link.expires_ms)}


def _checked(password: str, login: str, name: str) -> str:
    wrong = passwords.problem(password, login, name)
    if wrong is not None:
        raise invalid(wrong, "/password")
    return password


def _not_the_last(door: Door, before: User, after: User) -> None:
    """Raises 409 where nobody would be left who administers everything."""

    def rules_all(user: User) -> bool:
        is_one = any(grant.role == "administrator" and grant.node_kind == "all" for grant in user.grants)
        return is_one and not user.disabled and user.deleted_ms is None

    if rules_all(before) and not rules_all(after) and door.records.everywhere_administrators() <= 1:
        raise Problem(
            409, "last-administrator", "The last administrator", "nobody else administers everything: give that right to another first"
        )


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
