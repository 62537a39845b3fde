"""Keys of machines, one-time links, attempts, the sessions of one person: the access part of the records, one transaction a call.

Secrets come here hashed. `storage.records.Records` is made of it; every call raises Unavailable when the database cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from sites.audit import AuditQuery, Check
from sites.keys import ApiKey, OneTimeLink, Place
from sites.people import Session, User
from sites.records import NotFound, Page
from storage import audit_chain, records_audit, records_people, rows, tables
from storage.database import put, reading, writing

FORGET_ATTEMPTS_MS = 24 * 3_600_000
_k, _l, _s, _a = tables.api_keys, tables.one_time_links, tables.sessions, tables.attempts


class AccessRecords:
    engine: Engine

    # -- keys ----------------------------------------------------------------------------------------------------------

    def api_keys(self) -> list[ApiKey]:
        """All, also revoked ones, newest first."""
        with reading(self.engine) as c:
            return [_key(row) for row in c.execute(select(_k).order_by(_k.c.made_ms.desc(), _k.c.id)).mappings()]

    def key(self, key_id: str) -> ApiKey:
        """Raises NotFound."""
        with reading(self.engine) as c:
            return _one_key(c, key_id)

    def save_key(self, key: ApiKey, who: str, now_ms: int) -> ApiKey:
        """A new one, or its name, note, expiry or revocation changed."""
        with writing(self.engine) as c:
            row = c.execute(select(_k).where(_k.c.id == key.id).with_for_update()).mappings().first()
            before = None if row is None else _key(row)
            put(c, _k, [_key_row(key)])
            what = "insert" if before is None else "revoke" if key.revoked_ms is not None and before.revoked_ms is None else "update"
            shown = [None if each is None else {**asdict(each), "key_hash": ""} for each in (before, key)]
            records_audit.append(c, at_ms=now_ms, who=who, what=what, kind="key", thing_id=key.id, before=shown[0], after=shown[1])
            return key

    def key_used(self, key_id: str, now_ms: int) -> None:
        with writing(self.engine) as c:
            c.execute(update(_k).where(_k.c.id == key_id).values(used_ms=now_ms))

    # -- one-time links ------------------------------------------------------------------------------------------------

    def put_link(self, link: OneTimeLink) -> None:
        """In place of any other link of that person."""
        with writing(self.engine) as c:
            c.execute(delete(_l).where((_l.c.user_id == link.user_id) | (_l.c.expires_ms < link.made_ms)))
            c.execute(insert(_l).values(asdict(link)))
            records_audit.append(c, at_ms=link.made_ms, who=link.made_by, what=link.purpose, kind="user", thing_id=link.user_id)

    def link(self, token_hash: str) -> OneTimeLink | None:
        with reading(self.engine) as c:
            row = c.execute(select(_l).where(_l.c.token_hash == token_hash)).mappings().first()
            return None if row is None else OneTimeLink(**row)

    def use_link(self, token_hash: str, password_hash: str, now_ms: int) -> User:
        """Set the password of its person and take the link away, in one transaction. Raises NotFound where it is gone or over."""
        with writing(self.engine) as c:
            row = c.execute(select(_l).where(_l.c.token_hash == token_hash).with_for_update()).mappings().first()
            if row is None or row["expires_ms"] <= now_ms:
                raise NotFound("this link has been used or is over: ask for another")
            present = records_people.user(c, row["user_id"])
            if present.deleted_ms is not None or present.disabled:
                raise NotFound("this link is of a person who may not sign in")
            c.execute(delete(_l).where(_l.c.user_id == present.id))
            c.execute(delete(_s).where(_s.c.user_id == present.id))
            return records_people.save_user(c, replace(present, password_hash=password_hash, must_change=False), present.id, now_ms)

    # -- sessions of one person ----------------------------------------------------------------------------------------

    def sessions_of(self, user_id: str, now_ms: int) -> list[Session]:
        """Those that stand, newest first."""
        with reading(self.engine) as c:
            wanted = select(_s).where(_s.c.user_id == user_id, _s.c.expires_ms > now_ms).order_by(_s.c.created_ms.desc(), _s.c.token_hash)
            return [rows.SESSION.thing(row) for row in c.execute(wanted).mappings()]

    def end_sessions(self, user_id: str, token_hashes: Sequence[str] | None, who: str, now_ms: int, keep: str | None = None) -> int:
        """End these sessions of a person (None: all) but `keep`; returns how many."""
        with writing(self.engine) as c:
            chosen = delete(_s).where(_s.c.user_id == user_id)
            if token_hashes is not None:
                chosen = chosen.where(_s.c.token_hash.in_(token_hashes))
            if keep is not None:
                chosen = chosen.where(_s.c.token_hash != keep)
            ended = c.execute(chosen).rowcount
            if ended:
                records_audit.append(
                    c, at_ms=now_ms, who=who, what="end sessions", kind="user", thing_id=user_id, after={"sessions": ended}
                )
            return ended

    def seen(self, token_hash: str, now_ms: int) -> None:
        with writing(self.engine) as c:
            c.execute(update(_s).where(_s.c.token_hash == token_hash).values(seen_ms=now_ms))

    def signed_in(self, user_id: str, now_ms: int, address: str, password_hash: str | None) -> None:
        """Audits a sign-in; `password_hash`: the same password hashed with newer parameters."""
        with writing(self.engine) as c:
            values: dict[str, Any] = {"last_login_ms": now_ms}
            if password_hash is not None:
                values["password_hash"] = password_hash
            c.execute(update(tables.users).where(tables.users.c.id == user_id).values(values))
            records_audit.append(c, at_ms=now_ms, who=user_id, what="sign in", kind="user", thing_id=user_id, after={"address": address})

    # -- attempts ------------------------------------------------------------------------------------------------------

    def attempts(self) -> Mapping[str, tuple[int, int, int]]:
        """key -> (failures, locked until, last)."""
        with reading(self.engine) as c:
            return {row["key"]: (row["failures"], row["locked_ms"], row["last_ms"]) for row in c.execute(select(_a)).mappings()}

    def put_attempt(self, key: str, counted: tuple[int, int, int] | None) -> None:
        """None: forgotten."""
        with writing(self.engine) as c:
            key = tables.storable(key)
            if counted is None:
                c.execute(delete(_a).where(_a.c.key == key))
                return
            c.execute(delete(_a).where(_a.c.last_ms < counted[2] - FORGET_ATTEMPTS_MS))
            put(c, _a, [{"key": key, "failures": counted[0], "locked_ms": counted[1], "last_ms": counted[2]}])

    # -- the audit -----------------------------------------------------------------------------------------------------

    def note_act(self, who: str, what: str, kind: str, thing_id: str, now_ms: int, after: Any = None) -> None:
        """An entry of its own, for what changes nothing that is kept elsewhere."""
        with writing(self.engine) as c:
            records_audit.append(c, at_ms=now_ms, who=who, what=what, kind=kind, thing_id=thing_id, after=after)

    def audit_page(self, query: AuditQuery, cursor: str | None, limit: int) -> Page[dict[str, Any]]:
        """Newest first, each entry whole."""
        with reading(self.engine) as c:
            return audit_chain.page(c, query, cursor, limit)

    def audit_head(self) -> tuple[int, str]:
        """(the newest entry's id, its hash)."""
        with reading(self.engine) as c:
            return audit_chain.head(c)

    def audit_check(self, known: tuple[int, str] | None = None) -> Check:
        """The whole chain, and that the entry `known` (id, hash), kept elsewhere, is still in it."""
        with reading(self.engine) as c:
            return audit_chain.check(c, known)

    def audit_checkpoint(self, before_ms: int, who: str, now_ms: int) -> int:
        """Take away the entries before this moment, leaving a checkpoint that the rest hangs on; returns how many went."""
        with writing(self.engine) as c:
            return audit_chain.prune(c, before_ms, who, now_ms)

    # -- people --------------------------------------------------------------------------------------------------------

    def everywhere_administrators(self) -> int:
        """How many may sign in and administer everything: the last of them is not to go."""
        g, u = tables.grants, tables.users
        with reading(self.engine) as c:
            wanted = (
                select(func.count(func.distinct(u.c.id)))
                .select_from(u.join(g, g.c.user_id == u.c.id))
                .where(g.c.role == "administrator", g.c.node_kind == "all", u.c.disabled.is_(False), u.c.deleted_ms.is_(None))
            )
            return int(c.execute(wanted).scalar_one())


def _one_key(connection: Connection, key_id: str) -> ApiKey:
    row = connection.execute(select(_k).where(_k.c.id == key_id)).mappings().first()
    if row is None:
        raise NotFound(f"key {key_id} does not exist")
    return _key(row)


def _key(row: Mapping[Any, Any]) -> ApiKey:
    acts = tuple(msgspec.json.decode(row["acts"], type=list[str]))
    places = tuple(
        Place(node_kind=kind, node_id=node) for kind, node in msgspec.json.decode(row["places"], type=list[tuple[str, str | None]])
    )
    return ApiKey(**{**row, "acts": acts, "places": places})


def _key_row(key: ApiKey) -> dict[str, Any]:
    places = [(place.node_kind, place.node_id) for place in key.places]
    return {**asdict(key), "acts": rows.to_json(list(key.acts)), "places": rows.to_json(places)}
