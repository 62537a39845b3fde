"""People and what part of the tree they may touch, as frozen values. Passwords are hashed before they come here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role on a part of the tree. `node_kind`: all, district, enterprise, site."""

    role: str  # operator, manager, enterprise, supervisor, administrator
    node_kind: str
    node_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: str
    login: str
    name: str
    email: str = ""
    password_hash: str = ""
    grants: tuple[Grant, ...] = ()
    disabled: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    token_hash: str
    user_id: str
    csrf: str
    created_ms: int
    expires_ms: int
    proved_ms: int  # when the password was last given
