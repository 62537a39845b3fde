"""The provisioning inbox: unknown devices that were heard, waiting to be accepted. The projector adds, people take out.

The functions take a connection inside a transaction. The number of rows is bounded: beyond it further unknown addresses are not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select, tuple_, update

from sites.inbox import InboxDevice
from sites.model import derived_id
from sites.records import NotFound, Page, Scope
from storage import cursors, rows, tables
from storage.database import put
from storage.projection import Unknown

MOST = 10_000  # unknown addresses kept; a broken or hostile publisher may invent any number

_t = tables.inbox_devices


def page(connection: Connection, sites: Scope, cursor: str | None, limit: int, dismissed: bool) -> Page[InboxDevice]:
    """Newest heard for the first time first: those waiting, or those dismissed. Those of no known site are seen by an unlimited scope
    only."""
    statement = select(_t).where(_t.c.dismissed_ms.is_not(None) if dismissed else _t.c.dismissed_ms.is_(None))
    if sites is not None:
        statement = statement.where(_t.c.site_id.in_(sites))
    found, next_cursor = cursors.rows_of(connection, statement, [_t.c.first_ms, _t.c.id], cursor, limit, descending=True)
    return Page([rows.INBOX_DEVICE.thing(row) for row in found], next_cursor)


def one(connection: Connection, inbox_id: str) -> InboxDevice:
    """Raises NotFound."""
    row = connection.execute(select(_t).where(_t.c.id == inbox_id)).mappings().first()
    if row is None:
        raise NotFound(f"inbox device {inbox_id} does not exist")
    return rows.INBOX_DEVICE.thing(row)


def drop(connection: Connection, inbox_id: str) -> None:
    """Raises NotFound."""
    if connection.execute(delete(_t).where(_t.c.id == inbox_id)).rowcount == 0:
        raise NotFound(f"inbox device {inbox_id} does not exist")


def dismiss(connection: Connection, inbox_ids: Sequence[str], now_ms: int | None) -> None:
    """Out of sight, or (None) back into it. Raises NotFound when one is not there."""
    for inbox_id in inbox_ids:
        if connection.execute(update(_t).where(_t.c.id == inbox_id).values(dismissed_ms=now_ms)).rowcount == 0:
            raise NotFound(f"inbox device {inbox_id} does not exist")


def hear(connection: Connection, heard: Iterable[Unknown]) -> None:
    """Count what was heard, newest payload kept; addresses that meanwhile belong to a device are passed over."""
    by_address: dict[tuple[str, str], list[Unknown]] = {}
    for unknown in heard:
        by_address.setdefault((unknown.codec, unknown.address), []).append(unknown)
    known = _present(connection, tables.devices, by_address)
    present = _present(connection, _t, by_address)
    room = MOST - connection.execute(select(func.count()).select_from(_t)).scalar_one()
    written: list[dict[str, Any]] = []
    for address, each in by_address.items():
        before = present.get(address)
        if address in known or (before is None and room <= 0):
            continue
        room -= before is None
        newest = each[-1]
        written.append(
            {
                "id": derived_id("inbox", *address),
                "codec": newest.codec,
                "address": newest.address,
                "topic": newest.topic,
                "payload": newest.payload,
                "suggested_kind": newest.suggested_kind,
                "suggested_name": newest.suggested_name,
                "site_id": newest.site_id,
                "first_ms": before["first_ms"] if before else each[0].at_ms,
                "last_ms": newest.at_ms,
                "count": len(each) + (before["count"] if before else 0),
                "dismissed_ms": before["dismissed_ms"] if before else None,
            }
        )
    put(connection, _t, written)


def _present(connection: Connection, table: Any, addresses: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    wanted = list(addresses)
    found: dict[tuple[str, str], Any] = {}
    for start in range(0, len(wanted), 500):
        part = tuple_(table.c.codec, table.c.address).in_(wanted[start : start + 500])
        for row in connection.execute(select(table).where(part)).mappings():
            found[(row["codec"], row["address"])] = row
    return found
