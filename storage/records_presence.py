"""How devices were heard over a span: the state at its begin and every change in it. It only reads; the projector writes."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, select

from sites.records import Scope
from storage import tables

_p = tables.presences


def spans(connection: Connection, sites: Scope, site: str | None, from_ms: int, to_ms: int) -> dict[str, list[tuple[int, str]]]:
    """By device, (since, state) in order: the first is at or before `from_ms` where that is known."""
    here: list[ColumnElement[bool]] = [] if sites is None else [_p.c.site_id.in_(sites)]
    if site is not None:
        here.append(_p.c.site_id == site)
    before = (
        select(_p.c.device_id, func.max(_p.c.at_ms).label("at_ms")).where(*here, _p.c.at_ms <= from_ms).group_by(_p.c.device_id).subquery()
    )
    first = select(_p.c.device_id, _p.c.at_ms, _p.c.state).join(
        before, (before.c.device_id == _p.c.device_id) & (before.c.at_ms == _p.c.at_ms)
    )
    changes = select(_p.c.device_id, _p.c.at_ms, _p.c.state).where(*here, _p.c.at_ms > from_ms, _p.c.at_ms < to_ms)
    found: dict[str, list[tuple[int, str]]] = {}
    for statement in (first, changes.order_by(_p.c.at_ms)):
        for device_id, at_ms, state in connection.execute(statement):
            found.setdefault(device_id, []).append((at_ms, state))
    return found
