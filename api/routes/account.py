"""One's own account: sessions listed and ended, the password changed; and the one-time links by which a password is first chosen."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request

from api import passwords
from api.door import ActingRoute, At, By, Visitor, in_thread
from api.problems import Problem, invalid, not_found
from api.routes.auth import proved
from api.sessions import HASHER
from api.shapes.access import Ended, LinkAsk, LinkSeen, LinkUseAsk, PasswordAsk, SessionPage, SessionShape
from api.shapes.times import iso
from sites.people import Session
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["account"])
_ID = 16  # characters of the token's hash that name a session


@router.get("/me/sessions")
def my_sessions(door: At, visitor: By) -> SessionPage:
    """Your own that stand, newest first."""
    return {"items": [_shape(each, visitor) for each in door.records.sessions_of(visitor.user.id, visitor.now_ms)], "next_cursor": None}


@router.delete("/me/sessions")
def end_my_other_sessions(door: At, visitor: By) -> Ended:
    """All of your own but this one."""
    keep = visitor.session.token_hash
    ended = door.records.end_sessions(visitor.user.id, None, visitor.user.id, visitor.now_ms, keep)
    door.sessions.ended(visitor.user.id, None, keep)
    return {"ended": ended}


@router.delete("/me/sessions/{session_id}", status_code=204)
def end_my_session(session_id: str, door: At, visitor: By) -> None:
    mine = [each.token_hash for each in door.records.sessions_of(visitor.user.id, visitor.now_ms)]
    chosen = [token_hash for token_hash in mine if token_hash[:_ID] == session_id]
    if not chosen:
        raise not_found("the session", session_id)
    door.records.end_sessions(visitor.user.id, chosen, visitor.user.id, visitor.now_ms)
    door.sessions.ended(visitor.user.id, chosen)


@router.post("/me/password")
async def change_my_password(ask: PasswordAsk, request: Request, door: At, visitor: By) -> Ended:
    """The present password and a new one. Every other session of yours ends."""
    user = await proved(door, request, visitor.user.login, ask.present)
    wrong = passwords.problem(ask.password, user.login, user.name)
    if wrong is None and ask.password == ask.present:
        wrong = "the new password is the present one"
    if wrong is not None:
        raise invalid(wrong, "/password")

    def kept() -> Ended:
        hashed = HASHER.hash(ask.password)
        saved = door.records.save_user(
            replace(door.records.user(user.id), password_hash=hashed, must_change=False), user.id, visitor.now_ms
        )
        keep = visitor.session.token_hash
        ended = door.records.end_sessions(user.id, None, user.id, visitor.now_ms, keep)
        door.sessions.user_changed(saved)
        door.sessions.ended(user.id, None, keep)
        return {"ended": ended}

    return await in_thread(kept)


@router.post("/auth/links/look")
def look_at_link(ask: LinkAsk, door: At) -> LinkSeen:
    """Whose link this is. Needs no session: the link is the secret."""
    link = door.records.link(door.sessions.hash_of(ask.token))
    if link is None or link.expires_ms <= door.clock.now_ms():
        raise _gone()
    user = door.records.user(link.user_id)
    return {"purpose": link.purpose, "login": user.login, "name": user.name, "expires_at": iso(link.expires_ms)}


@router.post("/auth/links/use", status_code=204)
def use_link(ask: LinkUseAsk, door: At) -> None:
    """Choose the password, once; then sign in with it. All sessions of that person end."""
    token_hash = door.sessions.hash_of(ask.token)
    link = door.records.link(token_hash)
    if link is None:
        raise _gone()
    user = door.records.user(link.user_id)
    wrong = passwords.problem(ask.password, user.login, user.name)
    if wrong is not None:
        raise invalid(wrong, "/password")
    try:
        saved = door.records.use_link(token_hash, HASHER.hash(ask.password), door.clock.now_ms())
    except NotFound:
        raise _gone() from None
    door.sessions.user_changed(saved)
    door.sessions.ended(saved.id)


def _gone() -> Problem:
    return Problem(404, "link-gone", "This link is void", "it has been used, replaced or is over: ask for another")


def _shape(session: Session, visitor: Visitor) -> SessionShape:
    return {
        "id": session.token_hash[:_ID],
        "created_at": iso(session.created_ms),
        "seen_at": iso(max(session.seen_ms, session.created_ms)),
        "expires_at": iso(session.expires_ms),
        "address": session.address,
        "agent": session.agent,
        "is_this": session.token_hash == visitor.session.token_hash,
    }
