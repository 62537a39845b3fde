"""People and what part of the tree they may touch, as frozen values. Passwords are hashed before they come here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role on a part of the tree. `node_kind`: all, district, enterprise, site."""

    role: str  # operator, manager, enterprise, agency, grid, supervisor, administrator
    node_kind: str
    node_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`must_change`: the password was given by another and is to be replaced first. `deleted_ms`: gone, but for the name in history."""

    id: str
    login: str
    name: str
    email: str = ""
    password_hash: str = ""
    grants: tuple[Grant, ...] = ()
    disabled: bool = False
    version: int = 1
    must_change: bool = False
    last_login_ms: int | None = None
    deleted_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    token_hash: str
    user_id: str
    csrf: str
    created_ms: int
    expires_ms: int
    proved_ms: int  # when the password was last given
    seen_ms: int = 0  # when it was last used, by the minute; 0: not known
    address: str = ""  # from where it was opened, and by which program
    agent: str = ""
