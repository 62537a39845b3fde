"""Signing in and out, giving the password again, and who one is.

A browser keeps the session in an http-only cookie and sends the CSRF token with every change; a program sends the token as a bearer.
"""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from api.access import ACTS
from api.door import COOKIE, At, By, Door, in_thread, reach_of, token_of, visit
from api.problems import Problem
from api.sessions import SESSION_MS, Denied, Locked, SignedInAs
from api.shapes.people import LoginAsk, Me, ProveAsk, SignedIn, me_shape
from sites.people import User
from sites.records import Unavailable

router = APIRouter(tags=["auth"])


@router.post("/auth/login")
async def login(ask: LoginAsk, request: Request, response: Response, door: At) -> SignedIn:
    """Sign in. 401 does not say whether the login or the password was wrong; 429 says how long to wait."""
    user = await proved(door, request, ask.login, ask.password)
    address = request.client.host if request.client else "unknown"
    await in_thread(door.sessions.arrived, user, ask.password, address)
    token, opened = await in_thread(door.sessions.open, user, address, request.headers.get("user-agent", ""))
    await in_thread(door.sessions.learn_names)
    response.set_cookie(COOKIE, token, max_age=SESSION_MS // 1000, path="/", secure=door.cookie_secure, httponly=True, samesite="lax")
    return {**_me(door, opened), "token": token}


@router.post("/auth/logout", status_code=204)
async def logout(request: Request, response: Response, door: At) -> None:
    """Sign out. Without a session there is nothing to do."""
    token, _ = token_of(request)
    if token:
        try:
            visitor = await visit(request)
            await in_thread(door.sessions.close, visitor.session.token_hash)
        except Problem as problem:
            if problem.status != 401:
                raise
    response.delete_cookie(COOKIE, path="/", secure=door.cookie_secure, httponly=True, samesite="lax")


@router.get("/me")
async def me(door: At, visitor: By) -> Me:
    return _me(door, SignedInAs(visitor.session, visitor.user, visitor.key))


@router.post("/auth/reauth")
async def reauth(ask: ProveAsk, request: Request, door: At, visitor: By) -> Me:
    """Give the password again before a dangerous act."""
    user = await proved(door, request, visitor.user.login, ask.password)
    session = await in_thread(door.sessions.prove, visitor.session)
    return _me(door, SignedInAs(session, user))


async def proved(door: Door, request: Request, login: str, password: str) -> User:
    """The person of this login and password, or 401, 429, 503."""
    address = request.client.host if request.client else "unknown"
    try:
        return await in_thread(door.sessions.verify, login, password, address)
    except Locked as locked:
        raise Problem(429, "too-many-attempts", "Too many attempts", str(locked), {"Retry-After": str(locked.wait_s)}) from None
    except Denied as denied:
        raise Problem(401, "denied", "Not signed in", str(denied)) from None
    except Unavailable:
        raise Problem(
            503, "records-unavailable", "Nobody can sign in now", "the records cannot be reached; people who are signed in go on"
        ) from None


def _me(door: Door, who: SignedInAs) -> Me:
    mine = reach_of(door, replace(who, user=replace(who.user, password_hash="")))
    acts: dict[str, list[str] | None] = {}
    for act in ACTS:
        if mine.may_at_all(act):
            sites = mine.sites[act]
            acts[act] = None if sites is None else sorted(sites)
    return me_shape(who.user, who.session, acts, door.version)
