"""Kept alarms: lists with filters, scope and search, their facets, transitions, firings and messages. It only reads: the projector writes.

The functions take a connection inside a transaction.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from alarms.linkage import Firing
from alarms.model import Alarm, Attention, Condition, Transition
from alarms.queries import AlarmQuery, Delivery
from rules.model import Severity
from sites.records import NotFound, Page, Scope
from storage import cursors, rows, tables

_a = tables.alarms
_IS_OPEN = _a.c.ended_ms.is_(None)
STATES: dict[str, ColumnElement[bool]] = {
    # what the words of AlarmQuery.state mean; all but `ended` speak of open alarms
    "open": _IS_OPEN,
    "ended": _a.c.ended_ms.is_not(None),
    "active": _IS_OPEN & (_a.c.condition == Condition.ACTIVE.value),
    "normal": _IS_OPEN & (_a.c.condition == Condition.NORMAL.value),
    "unacknowledged": _IS_OPEN & (_a.c.attention == Attention.UNACKNOWLEDGED.value),
    "acknowledged": _IS_OPEN & (_a.c.attention == Attention.ACKNOWLEDGED.value),
    "suppressed": _IS_OPEN & (_a.c.attention == Attention.SUPPRESSED.value),
}
_SEARCHED = ("id", "rule_name", "rule_name_en", "site_name", "zone_name", "device_name", "device_id", "metric")
_FACETS = {"severity": _a.c.severity, "site": _a.c.site_id, "zone": _a.c.zone_id, "kind": _a.c.kind}


def page(connection: Connection, query: AlarmQuery, sites: Scope) -> Page[Alarm]:
    """Newest raised first. The span is of `raised_ms`. Raises ValueError for an unknown state, BadCursor."""
    statement = select(_a).where(*_conditions(query, sites).values())
    found, next_cursor = cursors.rows_of(connection, statement, [_a.c.raised_ms, _a.c.id], query.cursor, query.limit, descending=True)
    return Page([rows.ALARM.thing(row) for row in found], next_cursor)


def counts(connection: Connection, query: AlarmQuery, sites: Scope) -> dict[str, dict[str, int]]:
    """Facets: each under all the query's filters but its own, so that the other choices stay visible. Severities by name."""
    conditions = _conditions(query, sites)

    def others(facet: str) -> list[ColumnElement[bool]]:
        return [condition for name, condition in conditions.items() if name != facet]

    facets: dict[str, dict[str, int]] = {}
    for facet, column in _FACETS.items():
        counted = connection.execute(select(column, func.count()).where(*others(facet)).group_by(column))
        facets[facet] = {Severity(key).name.lower() if facet == "severity" else key: number for key, number in counted}
    by_state = select(*(func.count().filter(condition).label(name) for name, condition in STATES.items()))
    row = connection.execute(by_state.select_from(_a).where(*others("state"))).mappings().one()
    facets["state"] = {name: number for name, number in row.items() if number}
    return facets


def alarm(connection: Connection, alarm_id: str) -> Alarm:
    """Raises NotFound."""
    found = find(connection, alarm_id)
    if found is None:
        raise NotFound(f"alarm {alarm_id} is not in the records")
    return found


def find(connection: Connection, alarm_id: str) -> Alarm | None:
    row = connection.execute(select(_a).where(_a.c.id == alarm_id)).mappings().first()
    return None if row is None else rows.ALARM.thing(row)


def transitions(connection: Connection, alarm_id: str) -> list[Transition]:
    t = tables.transitions
    found = connection.execute(select(t).where(t.c.alarm_id == alarm_id).order_by(t.c.seq)).mappings()
    return [rows.transition_of(row) for row in found]


def firings(connection: Connection, alarm_id: str) -> list[Firing]:
    t = tables.firings
    found = connection.execute(select(t).where(t.c.alarm_id == alarm_id).order_by(t.c.alarm_seq, t.c.linkage_id)).mappings()
    return [rows.FIRING.thing(row) for row in found]


def deliveries(connection: Connection, alarm_id: str) -> list[Delivery]:
    t = tables.outbox
    found = connection.execute(select(t).where(t.c.alarm_id == alarm_id).order_by(t.c.created_ms, t.c.key)).mappings()
    names = ("key", "alarm_id", "to", "state", "attempts", "last_error", "created_ms", "sent_ms")
    return [Delivery(**{name: row[name] for name in names}) for row in found]


def _conditions(query: AlarmQuery, sites: Scope) -> dict[str, ColumnElement[Any]]:
    found: dict[str, ColumnElement[Any]] = {}
    if sites is not None:
        found["scope"] = _a.c.site_id.in_(sites)
    if query.state is not None:
        if query.state not in STATES:
            raise ValueError(f"no alarm state {query.state!r}; there are {', '.join(STATES)}")
        found["state"] = STATES[query.state]
    if query.severities:
        found["severity"] = _a.c.severity.in_([int(severity) for severity in query.severities])
    for name, column in (("site", _a.c.site_id), ("zone", _a.c.zone_id), ("device", _a.c.device_id), ("kind", _a.c.kind)):
        wanted = getattr(query, name)
        if wanted is not None:
            found[name] = column == wanted
    if query.from_ms is not None:
        found["from"] = _a.c.raised_ms >= query.from_ms
    if query.to_ms is not None:
        found["to"] = _a.c.raised_ms < query.to_ms
    if query.q:
        found["q"] = or_(*(_a.c[name].icontains(tables.storable(query.q), autoescape=True) for name in _SEARCHED))
    return found
