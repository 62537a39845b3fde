"""Cursors of lists: the sort key of the last row given, as an opaque text. A list goes on right after it, whatever was added since."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, tuple_

from sites.records import BadCursor, Page

T = TypeVar("T")
MOST = 1_000  # rows of one page


def encode(key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(list(key))).decode().rstrip("=")


def decode(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """The key in a cursor. Raises BadCursor for anything that `encode` did not make for a list of these kinds."""
    try:
        key = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        key = []
    if [type(part) for part in key] != list(kinds) or any(isinstance(part, int) and abs(part) >= 2**63 for part in key):
        raise BadCursor(f"cursor {cursor[:80]!r} is not one that this list gave: leave it out to begin at the start")
    return key


def rows_of(
    connection: Connection,
    statement: Select[Any],
    order: Sequence[ColumnElement[Any]],
    cursor: str | None,
    limit: int,
    descending: bool = False,
) -> tuple[list[Any], str | None]:
    """Row mappings of one page, in the order of the columns `order`, and the cursor of the next page, None at the end."""
    limit = max(1, min(limit, MOST))
    if cursor is not None:
        key = decode(cursor, [column.type.python_type for column in order])
        after = tuple_(*order) < tuple_(*key) if descending else tuple_(*order) > tuple_(*key)
        statement = statement.where(after)
    statement = statement.order_by(*(column.desc() if descending else column for column in order)).limit(limit + 1)
    rows = list(connection.execute(statement).mappings())
    if len(rows) <= limit:
        return rows, None
    rows.pop()
    return rows, encode([rows[-1][column] for column in order])


def page(items: list[T], next_cursor: str | None) -> Page[T]:
    return Page(items=items, next_cursor=next_cursor)
