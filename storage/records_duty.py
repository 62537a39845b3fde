"""What a day's duty record is made from: the transitions of a site's alarms in a span, and the alarms that stood in it. It only reads."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select

from alarms.model import Alarm, Transition
from storage import rows, tables


def transitions_within(connection: Connection, site_id: str, from_ms: int, to_ms: int, most: int) -> list[Transition]:
    """In order of time, at most `most`."""
    t, a = tables.transitions, tables.alarms
    found = (
        select(t)
        .join(a, a.c.id == t.c.alarm_id)
        .where(t.c.at_ms >= from_ms, t.c.at_ms < to_ms, a.c.site_id == site_id)
        .order_by(t.c.at_ms, t.c.alarm_id, t.c.seq)
        .limit(most)
    )
    return [rows.transition_of(row) for row in connection.execute(found).mappings()]


def alarms_within(connection: Connection, site_id: str, from_ms: int, to_ms: int, most: int) -> list[Alarm]:
    """Those whose condition stood at some time in the span, as they are now, newest first."""
    a = tables.alarms
    found = (
        select(a)
        .where(a.c.site_id == site_id, a.c.raised_ms < to_ms, or_(a.c.cleared_ms.is_(None), a.c.cleared_ms >= from_ms))
        .order_by(a.c.raised_ms.desc(), a.c.id)
        .limit(most)
    )
    return [rows.ALARM.thing(row) for row in connection.execute(found).mappings()]
