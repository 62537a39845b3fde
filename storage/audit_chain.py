"""The audit's chain as a whole: searched, checked against a head kept elsewhere, shortened behind a checkpoint.

A checkpoint is an entry like any other (`what` "checkpoint", `kind` "audit"): it says up to which entry the beginning was taken away and
the hash that the rest hangs on, so that what remains can still be checked. `storage.records_audit` adds the entries.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, delete, select

from sites.audit import AuditQuery, Check
from sites.records import BadCursor, Page
from storage import records_audit, tables

_t = tables.audit


def page(connection: Connection, query: AuditQuery, cursor: str | None, limit: int) -> Page[dict[str, Any]]:
    """Newest first. Raises BadCursor."""
    wanted = _where(select(_t), query)
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise BadCursor("this is no cursor of the audit")
        wanted = wanted.where(_t.c.id < int(cursor))
    found = [
        {str(name): value for name, value in row.items()}
        for row in connection.execute(wanted.order_by(_t.c.id.desc()).limit(limit + 1)).mappings()
    ]
    return Page(found[:limit], str(found[limit - 1]["id"]) if len(found) > limit else None)


def head(connection: Connection) -> tuple[int, str]:
    """(id, hash) of the newest entry; (0, "") of an empty chain."""
    row = connection.execute(select(tables.audit_head)).mappings().first()
    return (0, records_audit.FIRST_HASH) if row is None else (row["last_id"], row["hash"])


def check(connection: Connection, known: tuple[int, str] | None = None) -> Check:
    """Walk the chain. Found: a changed, removed or reordered entry, a beginning that no checkpoint explains, a tail cut off; against
    `known`, an (id, hash) kept elsewhere, also a tail that was cut off together with its head, and a chain made anew."""
    last_id, last_hash = head(connection)
    first_id, first_before, before, at, entries = 1, records_audit.FIRST_HASH, records_audit.FIRST_HASH, 0, 0
    explained: tuple[int, str] | None = None

    def broken(problem: str) -> Check:
        return Check(problem=problem, entries=entries, first_id=first_id, last_id=last_id, head=last_hash)

    is_known = known is None or known == (0, records_audit.FIRST_HASH)
    for entry in connection.execute(select(_t).order_by(_t.c.id)).mappings():
        if entries == 0:
            at, before = entry["id"] - 1, entry["prev_hash"]
            first_id, first_before = entry["id"], before
        if entry["id"] != at + 1:
            return broken(f"entry {at + 1} is missing")
        if entry["prev_hash"] != before:
            return broken(f"entry {entry['id']} does not follow the entry before it")
        if entry["hash"] != records_audit.entry_hash(entry):
            return broken(f"entry {entry['id']} was changed")
        if entry["what"] == "checkpoint" and entry["kind"] == "audit":
            said = msgspec.json.decode(entry["after"] or "{}")
            if said.get("until_id") == first_id - 1:
                explained = said["until_id"], said["hash"]
        if known is not None and known[0] == entry["id"]:
            if known[1] != entry["hash"]:
                return broken(f"entry {entry['id']} is not the one whose hash was kept elsewhere: the chain was made anew")
            is_known = True
        before, at, entries = entry["hash"], entry["id"], entries + 1
    if (at, before) != (last_id, last_hash):
        return broken(f"the chain ends at entry {at}, its head says {last_id}")
    if first_id > 1 and explained != (first_id - 1, first_before):
        return broken(f"entries 1 to {first_id - 1} are missing, and no checkpoint accounts for them")
    if not is_known and known is not None:
        gone = "its tail was cut off" if known[0] > last_id else "it lies before the checkpoint: compare a newer one"
        return broken(f"entry {known[0]}, whose hash was kept elsewhere, is not in the chain: {gone}")
    return Check(problem=None, entries=entries, first_id=first_id, last_id=last_id, head=last_hash)


def prune(connection: Connection, before_ms: int, who: str, now_ms: int) -> int:
    """Take away the oldest entries made before `before_ms` and add the checkpoint; returns how many went. Raises ValueError, and
    takes nothing away, when the chain is broken."""
    found = check(connection)
    if found.problem is not None:
        raise ValueError(f"the chain is not whole, nothing is taken away: {found.problem}")
    # a prefix only: the entry times need not rise from one to the next
    kept = connection.execute(select(_t.c.id).where(_t.c.at_ms >= before_ms).order_by(_t.c.id).limit(1)).scalar()
    until_id = (found.last_id if kept is None else kept - 1) if found.entries else 0
    if until_id < found.first_id:
        return 0
    digest = sha256()
    last: Any = None
    for entry in connection.execute(select(_t.c.id, _t.c.hash, _t.c.at_ms).where(_t.c.id <= until_id).order_by(_t.c.id)):
        digest.update(entry.hash.encode())
        last = entry
    said = {"from_id": found.first_id, "until_id": until_id, "hash": last.hash, "at_ms": last.at_ms, "digest": digest.hexdigest()}
    records_audit.append(connection, at_ms=now_ms, who=who, what="checkpoint", kind="audit", thing_id=str(until_id), after=said)
    return connection.execute(delete(_t).where(_t.c.id <= until_id)).rowcount


def _where(wanted: Select[Any], query: AuditQuery) -> Select[Any]:
    for name in ("who", "kind", "what", "thing_id"):
        value = getattr(query, name)
        if value is not None:
            wanted = wanted.where(_t.c[name] == value)
    if query.from_ms is not None:
        wanted = wanted.where(_t.c.at_ms >= query.from_ms)
    if query.to_ms is not None:
        wanted = wanted.where(_t.c.at_ms < query.to_ms)
    return wanted
