"""The audit: an append-only hash chain of every change by a person or a key. Each entry's hash covers the one before it.

Entries are only ever added, in the transaction of the change itself. Secrets are left out before they come here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select, tuple_, update

from storage import tables
from storage.rows import to_json

FIRST_HASH = ""  # stands before the first entry
_AT_ONCE = 200
_SECRET = frozenset({"password_hash"})
_HASHED = ("id", "at_ms", "who", "what", "kind", "thing_id", "before", "after", "prev_hash")


def entry_hash(entry: Mapping[Any, Any]) -> str:
    """SHA-256 over the entry's fields as a JSON list, the hash of the entry before it among them (hex)."""
    return sha256(msgspec.json.encode([entry[name] for name in _HASHED])).hexdigest()


def append(
    connection: Connection, *, at_ms: int, who: str | None, what: str, kind: str, thing_id: str, before: Any = None, after: Any = None
) -> None:
    """Add one entry. Call it last in a transaction: it waits for others that are adding."""
    head = connection.execute(select(tables.audit_head).with_for_update()).mappings().first()
    entry: dict[str, Any] = {
        "id": 1 if head is None else head["last_id"] + 1,
        "at_ms": at_ms,
        "who": None if who is None else tables.storable(who),
        "what": what,
        "kind": kind,
        "thing_id": tables.storable(thing_id),
        "before": _canonical(before),
        "after": _canonical(after),
        "prev_hash": FIRST_HASH if head is None else head["hash"],
    }
    entry["hash"] = entry_hash(entry)
    connection.execute(insert(tables.audit), entry)
    new_head = {"last_id": entry["id"], "hash": entry["hash"]}
    if head is None:
        connection.execute(insert(tables.audit_head), {"only": 1} | new_head)
    else:
        connection.execute(update(tables.audit_head).values(new_head))


def of_things(connection: Connection, things: Sequence[tuple[str, str]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(the entries about these (kind, id), oldest first, whole so that each hash can be computed again; the chain's head)."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(things), _AT_ONCE):
        wanted = tuple_(tables.audit.c.kind, tables.audit.c.thing_id).in_(list(things[start : start + _AT_ONCE]))
        found += [dict(row) for row in connection.execute(select(tables.audit).where(wanted)).mappings()]
    head = connection.execute(select(tables.audit_head)).mappings().first()
    return sorted(found, key=lambda entry: entry["id"]), {"last_id": head["last_id"] if head else 0, "hash": head["hash"] if head else ""}


def changes_by(connection: Connection, who: str, after: int) -> tuple[int, bool]:
    """(the newest entry's id, whether one after `after` is by `who`)."""
    t = tables.audit
    last = connection.execute(select(func.max(t.c.id))).scalar() or 0
    mine = connection.execute(select(t.c.id).where(t.c.id > after, t.c.who == who).limit(1)).scalar() if last > after else None
    return last, mine is not None


def size(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(tables.audit)).scalar_one()


def _canonical(value: Any) -> str | None:
    if value is None:
        return None
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        value = {name: each for name, each in sorted(value.items()) if name not in _SECRET}
    return tables.storable(to_json(value))
