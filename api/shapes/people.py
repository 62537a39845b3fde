"""People, their grants and their sessions over HTTP. Password hashes never leave."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.asks import Ask, IdText, NameText
from api.shapes.times import Instant, iso, iso_or_none
from sites.people import Grant, Session, User

RoleName = Literal["operator", "manager", "enterprise", "agency", "grid", "supervisor", "administrator"]
NodeKind = Literal["all", "district", "enterprise", "site"]


class Person(TypedDict):
    id: str
    name: str


class GrantShape(TypedDict):
    role: str
    node_kind: str
    node_id: str | None


class UserShape(TypedDict):
    id: str
    login: str
    name: str
    email: str
    grants: list[GrantShape]
    disabled: bool
    version: int
    must_change: bool
    has_password: bool
    last_login_at: Instant | None
    deleted_at: Instant | None


class UserPage(TypedDict):
    items: list[UserShape]
    next_cursor: str | None


class Me(TypedDict):
    """Who is signed in. `acts`: act -> the sites where it may be done (null: all). `csrf` goes into X-CSRF-Token."""

    user: UserShape
    acts: dict[str, list[str] | None]
    csrf: str
    proved_at: Instant
    expires_at: Instant
    version: str


class SignedIn(Me):
    """`token` is for `Authorization: Bearer`; a browser has it as an http-only cookie."""

    token: str


def user_shape(user: User) -> UserShape:
    return {
        "id": user.id,
        "login": user.login,
        "name": user.name,
        "email": user.email,
        "grants": [{"role": g.role, "node_kind": g.node_kind, "node_id": g.node_id} for g in user.grants],
        "disabled": user.disabled,
        "version": user.version,
        "must_change": user.must_change,
        "has_password": bool(user.password_hash),
        "last_login_at": iso_or_none(user.last_login_ms),
        "deleted_at": iso_or_none(user.deleted_ms),
    }


def me_shape(user: User, session: Session, acts: dict[str, list[str] | None], version: str) -> Me:
    return {
        "user": user_shape(user),
        "acts": acts,
        "csrf": session.csrf,
        "proved_at": iso(session.proved_ms),
        "expires_at": iso(session.expires_ms),
        "version": version,
    }


# -- asks ----------------------------------------------------------------------------------------------------------------


class LoginAsk(Ask):
    login: str = Field(min_length=1, max_length=120)
    password: str = Field(min_length=1, max_length=200)


class ProveAsk(Ask):
    password: str = Field(min_length=1, max_length=200)


class GrantAsk(Ask):
    role: RoleName
    node_kind: NodeKind
    node_id: IdText | None = None

    def grant(self) -> Grant:
        if (self.node_kind == "all") != (self.node_id is None):
            raise ValueError("a grant on `all` has no node_id, any other grant has one")
        return Grant(role=self.role, node_kind=self.node_kind, node_id=self.node_id)


class UserAsk(Ask):
    login: str = Field(min_length=1, max_length=120, pattern=r"^\S+$")
    name: NameText
    email: str = Field(default="", max_length=200)
    grants: list[GrantAsk] = Field(default_factory=list, max_length=50)
    disabled: bool = False


class NewUserAsk(UserAsk):
    """`password` null: the person is invited by a link and chooses one. `must_change`: a given one is replaced at the first sign-in."""

    id: IdText | None = None
    password: str | None = Field(default=None, min_length=10, max_length=200)
    must_change: bool = True


class ChangedUserAsk(UserAsk):
    """`password` null: unchanged."""

    version: int
    password: str | None = Field(default=None, min_length=10, max_length=200)
