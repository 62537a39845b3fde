"""Kept people, their sessions, and the answers remembered for repeated requests.

Passwords and tokens come here hashed. The functions take a connection inside a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from sites.people import Grant, Session, User
from sites.records import Conflict, NotFound
from storage import records_audit, rows, tables
from storage.database import add_missing, put

REMEMBERED_MS = 86_400_000  # answers of POSTs that act are kept for a day

_u, _g = tables.users, tables.grants
_NAMES = ("id", "login", "name", "email", "password_hash", "disabled", "version", "must_change", "last_login_ms", "deleted_ms")


def users(connection: Connection) -> list[User]:
    """All, by login."""
    return _users(connection, connection.execute(select(_u).order_by(_u.c.login)).mappings().all())


def user(connection: Connection, user_id: str) -> User:
    """Raises NotFound."""
    found = _users(connection, connection.execute(select(_u).where(_u.c.id == user_id)).mappings().all())
    if not found:
        raise NotFound(f"user {user_id} does not exist")
    return found[0]


def user_by_login(connection: Connection, login: str) -> User | None:
    found = _users(connection, connection.execute(select(_u).where(_u.c.login == login)).mappings().all())
    return found[0] if found else None


def save_user(connection: Connection, given: User, who: str, now_ms: int) -> User:
    """Insert when the id is new (version 1), else replace when the version is the present one. Raises Conflict. A disabled user's
    sessions end."""
    taken = user_by_login(connection, given.login)
    if taken is not None and taken.id != given.id:
        raise Conflict(f"login {given.login} is taken")
    found = _users(connection, connection.execute(select(_u).where(_u.c.id == given.id).with_for_update()).mappings().all())
    present = found[0] if found else None
    if present is not None and present.version != given.version:
        raise Conflict(f"user {given.id} is at version {present.version}, not {given.version}: read it again")
    saved = replace(given, version=1 if present is None else present.version + 1)
    row = {name: getattr(saved, name) for name in _NAMES}
    connection.execute(insert(_u).values(row) if present is None else update(_u).where(_u.c.id == saved.id).values(row))
    connection.execute(delete(_g).where(_g.c.user_id == saved.id))
    if saved.grants:
        connection.execute(insert(_g), [{"user_id": saved.id, "place": i} | asdict(grant) for i, grant in enumerate(saved.grants)])
    if saved.disabled or saved.deleted_ms is not None:
        connection.execute(delete(tables.sessions).where(tables.sessions.c.user_id == saved.id))
    what = "insert" if present is None else "update"
    records_audit.append(connection, at_ms=now_ms, who=who, what=what, kind="user", thing_id=saved.id, before=present, after=saved)
    return saved


def _users(connection: Connection, found: Sequence[Any]) -> list[User]:
    grants: dict[str, list[Grant]] = {row["id"]: [] for row in found}
    wanted = select(_g).order_by(_g.c.user_id, _g.c.place)
    if len(found) == 1:
        wanted = wanted.where(_g.c.user_id == found[0]["id"])
    for row in connection.execute(wanted).mappings() if found else ():
        if row["user_id"] in grants:
            grants[row["user_id"]].append(Grant(role=row["role"], node_kind=row["node_kind"], node_id=row["node_id"]))
    return [User(**row, grants=tuple(grants[row["id"]])) for row in found]


def put_session(connection: Connection, given: Session) -> None:
    """Insert or replace; sessions that ended before it began are dropped. Raises Conflict when the user does not exist."""
    connection.execute(delete(tables.sessions).where(tables.sessions.c.expires_ms < given.created_ms))
    put(connection, tables.sessions, [rows.SESSION.row(given)])


def session(connection: Connection, token_hash: str) -> Session | None:
    t = tables.sessions
    row = connection.execute(select(t).where(t.c.token_hash == token_hash)).mappings().first()
    return None if row is None else rows.SESSION.thing(row)


def drop_session(connection: Connection, token_hash: str) -> None:
    connection.execute(delete(tables.sessions).where(tables.sessions.c.token_hash == token_hash))


def remembered(connection: Connection, user_id: str, key: str) -> bytes | None:
    t = tables.idempotency
    answer = connection.execute(select(t.c.answer).where(t.c.user_id == user_id, t.c.key == key)).scalar()
    return None if answer is None else bytes(answer)


def remember(connection: Connection, user_id: str, key: str, answer: bytes, now_ms: int) -> None:
    """The first answer stays; those older than a day go."""
    t = tables.idempotency
    connection.execute(delete(t).where(t.c.at_ms < now_ms - REMEMBERED_MS))
    add_missing(connection, t, [{"user_id": user_id, "key": key, "answer": answer, "at_ms": now_ms}])
