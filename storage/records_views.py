"""Saved views of the alarm list: each belongs to one person. The functions take a connection inside a transaction."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from sites.records import Conflict, SavedView
from storage import rows, tables

_v = tables.alarm_views


def of(connection: Connection, user_id: str) -> list[SavedView]:
    """A person's, by name."""
    found = connection.execute(select(_v).where(_v.c.user_id == user_id).order_by(_v.c.name, _v.c.id)).mappings()
    return [SavedView(**{**row, "query": rows.from_json(dict, row["query"])}) for row in found]


def put(connection: Connection, view: SavedView) -> SavedView:
    """Insert (version 1) or replace the version before. Raises Conflict."""
    row = {"id": view.id, "user_id": view.user_id, "name": view.name, "query": rows.to_json(view.query), "version": view.version}
    if view.version == 1:
        connection.execute(insert(_v), row)
        return view
    changed = connection.execute(update(_v).where(_v.c.id == view.id, _v.c.version == view.version - 1).values(row))
    if changed.rowcount != 1:
        raise Conflict(f"view {view.id} is not at version {view.version - 1} any more")
    return view


def drop(connection: Connection, view_id: str) -> None:
    connection.execute(delete(_v).where(_v.c.id == view_id))
