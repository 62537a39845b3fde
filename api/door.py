"""What every router needs: the parts behind the door, and who is standing in it.

`Door` carries the ports. `visit` says who asks (cookie or bearer token), checks the CSRF header where a cookie speaks, and gives a
`Visitor` with that person's reach. Nothing is decided here about alarms, power or hazards.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, cast

from anyio import to_thread
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response

from api.access import Reach, key_reach, reach, roles_for
from api.idempotency import HEADER as KEY_HEADER
from api.idempotency import MOST_LONG, Remembered
from api.keyring import Keyring, TooFast, is_key
from api.live import Live
from api.ports import Backtests, Board, BrokerVerdict, Clock, Codecs, Desk, Exports, Feed, History, Records, RuleBench
from api.ports_notify import Notices
from api.problems import Problem, forbidden, invalid, not_found
from api.sessions import PROOF_MS, Sessions, SignedInAs
from api.shapes.people import Person
from api.shop_links import Limiter
from sites.keys import ApiKey
from sites.people import Session, User
from sites.records import Scope

COOKIE = "sitewarden_session"
CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OF_PEOPLE = frozenset({"auth", "account", "users", "keys", "audit"})  # tags of routes that no key may ask, but for reading who it is
BEFORE_CHANGE = frozenset({"auth", "account"})  # and of those that are answered before a password of one's own is chosen
T = TypeVar("T")


@dataclass(slots=True)
class Door:
    """The parts behind the door."""

    desk: Desk
    board: Board
    feed: Feed
    records: Records
    history: History
    exports: Exports
    backtests: Backtests
    bench: RuleBench
    clock: Clock
    codecs: Codecs
    notices: Notices
    sessions: Sessions
    keyring: Keyring
    live: Live
    remembered: Remembered
    cookie_secure: bool
    version: str
    secret: bytes  # keys what is signed for a short time: challenges, links
    broker_check: Callable[[], BrokerVerdict] | None = None  # made anew whenever commanding is to be switched on
    shop_limits: Limiter = field(default_factory=Limiter)  # of what shops do by their links

    def person(self, user_id: str | None) -> Person | None:
        return self.sessions.person(user_id)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and what that person may reach."""

    user: User
    session: Session
    reach: Reach
    now_ms: int
    key: ApiKey | None = None  # of the machine, where it is no person

    @property
    def scope(self) -> Scope:
        return self.reach.scope

    def must(self, act: str, site_id: str, what: str, thing_id: str) -> None:
        """Raises 404 where the site is not seen, 403 where it is seen but the act is not allowed there."""
        self.must_see(site_id, what, thing_id)
        if not self.reach.may(act, site_id):
            raise forbidden(act, roles_for(act))

    def must_see(self, site_id: str, what: str, thing_id: str) -> None:
        if not self.reach.may("see", site_id):
            raise not_found(what, thing_id)

    def must_somewhere(self, act: str) -> None:
        """Raises 403 where the person may not do this anywhere."""
        if not self.reach.may_at_all(act):
            raise forbidden(act, roles_for(act))

    def must_have_proved(self) -> None:
        """Raises 403 when the password was given too long ago for a dangerous act."""
        if self.now_ms - self.session.proved_ms > PROOF_MS:
            raise Problem(
                403,
                "reauth-required",
                "The password is needed again",
                "the password was last given more than 10 minutes ago: POST it to /api/v1/auth/reauth, then ask again",
            )


def door_of(request: Request) -> Door:
    return cast(Door, request.app.state.door)


def token_of(request: Request) -> tuple[str | None, bool]:
    """(session token, whether it came by cookie)."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given:
        return given.strip(), False
    return request.cookies.get(COOKIE), True


async def who_has(door: Door, token: str | None) -> SignedInAs | None:
    """The person or machine of this token, or None. Raises 429 for a key that asks too often, and Unavailable."""
    if not token:
        return None
    by: Sessions | Keyring = door.keyring if is_key(token) else door.sessions
    try:
        return by.cached(token) or await to_thread.run_sync(by.find, token)
    except TooFast as slow:
        raise Problem(429, "too-many-requests", "Too many requests", str(slow), {"Retry-After": str(slow.wait_s)}) from None


def reach_of(door: Door, found: SignedInAs) -> Reach:
    return reach(found.user, door.board.roster) if found.key is None else key_reach(found.key, door.board.roster)


def _must_be_admitted(request: Request, found: SignedInAs) -> None:
    """Raises 403 where a machine asks what is of people, and where a password is to be changed first."""
    tags = set(getattr(request.scope.get("route"), "tags", None) or ())
    is_own = request.url.path.split("/")[3:4] in (["alarm-views"], ["hazard-views"]) and request.method not in SAFE
    is_of_people = bool(tags & OF_PEOPLE) and not (request.method in SAFE and "auth" in tags)
    if found.key is not None and (is_of_people or is_own):
        raise Problem(403, "people-only", "Only for people", "a key does not do this: sign in as a person")
    if found.user.must_change and not tags & BEFORE_CHANGE:
        raise Problem(
            403, "password-change-needed", "Choose a password of your own first", "POST the present and a new one to /api/v1/me/password"
        )


async def signed_in(request: Request) -> SignedInAs:
    """Raises 401 for nobody, 403 where a cookie asks for a change without its CSRF token."""
    door, (token, by_cookie) = door_of(request), token_of(request)
    found = await who_has(door, token)
    if found is None:
        raise Problem(
            401,
            "not-signed-in",
            "Sign in first",
            "there is no session, or it has expired: POST /api/v1/auth/login",
            {"WWW-Authenticate": "Bearer"},
        )
    given = request.headers.get(CSRF_HEADER, "")
    if (
        found.key is None
        and by_cookie
        and request.method not in SAFE
        and not hmac.compare_digest(given.encode(), found.session.csrf.encode())
    ):
        raise Problem(403, "csrf", "Not from this page", f"a change made with the session cookie needs its token in {CSRF_HEADER}")
    return found


async def visit(request: Request) -> Visitor:
    """The visitor of this request, established once."""
    known = getattr(request.state, "visitor", None)
    if known is not None:
        return cast(Visitor, known)
    door, found = door_of(request), await signed_in(request)
    _must_be_admitted(request, found)
    visitor = Visitor(found.user, found.session, reach_of(door, found), door.clock.now_ms(), found.key)
    request.state.visitor = visitor
    return visitor


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """A records or historian call from the loop."""
    return await to_thread.run_sync(function, *arguments)


async def only_known_parameters(request: Request) -> None:
    """Refuses a request with a parameter that its route does not know: a misspelt filter must not show everything as if it had been
    heard. Raises 422 with those that are allowed."""
    if not request.query_params:
        return
    known = sorted(_parameters(request.scope["route"].dependant))
    for name in request.query_params:
        if name not in known:
            allowed = f"allowed are {', '.join(known)}" if known else "none is allowed"
            raise invalid(f"there is no parameter {name[:80]!r} here; {allowed}", f"?{name[:80]}")


def _parameters(dependant: Dependant) -> set[str]:
    return {field.alias for field in dependant.query_params}.union(*(_parameters(inner) for inner in dependant.dependencies))


class ActingRoute(APIRoute):
    """A route whose POSTs honour the key. The visitor is established first: nobody replays another's answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get(KEY_HEADER)
            if request.method != "POST" or key is None:
                return await handle(request)
            if not 1 <= len(key) <= MOST_LONG:
                raise Problem(400, "bad-key", "Not a key", f"{KEY_HEADER} has 1 to {MOST_LONG} characters")
            visitor, remembered = await visit(request), door_of(request).remembered
            text = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
            return await remembered.once(visitor.user.id, key, remembered.fingerprint(text), lambda: handle(request))

        return once


At = Annotated[Door, Depends(door_of)]
By = Annotated[Visitor, Depends(visit)]


def request_key(request: Request) -> str:
    """The cause of what this request orders (with who asked): its idempotency key, or a fresh one."""
    return request.headers.get(KEY_HEADER) or secrets.token_hex(12)
