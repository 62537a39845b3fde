"""Kept alarms: lists with filters, scope and search, their facets, transitions, firings and messages. It only reads: the projector writes.

The functions take a connection inside a transaction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, select, tuple_

from alarms.linkage import Firing
from alarms.model import Alarm, Attention, Condition, Transition
from alarms.queries import AlarmQuery
from rules.model import Severity
from sites.records import NotFound, Page, Scope
from storage import alarm_tags, cursors, rows, tables

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
_t = tables.alarm_tags
_p = tables.alarm_places
_FACETED = frozenset({"site", "zone", "kind", "severity", "verdict", "state"})
_OF_PLACE = {"site": _p.c.site_id, "zone": _p.c.zone_id, "kind": _p.c.kind}
FEW = 12_000  # so many alarms are looked at one by one, newest last, sooner than all that came since
FEW_TAGS = 5_000
MOST_NAMED = 1_000  # alarms whose own id or notes hold the words asked for
_ID = re.compile(r"[0-9a-z._-]{6,64}")


def page(connection: Connection, query: AlarmQuery, sites: Scope) -> Page[Alarm]:
    """Newest raised first. The span is of `raised_ms`. Raises ValueError for an unknown state, BadCursor."""
    wanted = alarm_tags.conditions(connection, query, sites)
    limit = max(1, min(query.limit, cursors.MOST))
    after = None if query.cursor is None else cursors.decode(query.cursor, [int, str])
    found = _tagged(connection, query, wanted, after, limit + 1)
    if query.q:
        # of notes and ids only what comes before the last of these can be on this page
        since_ms = found[limit][0] if len(found) > limit else None
        found = sorted({*found, *_named(connection, query, sites, after, since_ms, limit + 1)}, reverse=True)
    ids = [alarm_id for _, alarm_id in found[:limit]]
    whole = {row["id"]: rows.ALARM.thing(row) for row in connection.execute(select(_a).where(_a.c.id.in_(ids))).mappings()}
    next_cursor = cursors.encode(found[limit - 1]) if len(found) > limit else None
    return Page([whole[alarm_id] for alarm_id in ids], next_cursor)


def _tagged(
    connection: Connection, query: AlarmQuery, wanted: Mapping[str, ColumnElement[Any]], after: list[Any] | None, limit: int
) -> list[tuple[int, str]]:
    """(raised, id) of the newest alarms by their tags, after a key."""
    where = _row_conditions(query)
    order: list[ColumnElement[Any]] = [_a.c.raised_ms, _a.c.id]
    if wanted:
        number, last_ms, tags = alarm_tags.weigh(connection, wanted)
        if number == 0:
            return []
        # few: through their tags. Many: from the newest of them on, whatever comes, of which every so many-th is one
        meant = select(_t.c.id).where(_t.c.alarms > 0, *alarm_tags.meant(wanted))
        if number <= FEW:
            where.append(_a.c.tag_id.in_(meant))
            order = [(_a.c.raised_ms + 0).label("raised_at"), _a.c.id]  # not by the index of all
        elif tags <= FEW_TAGS:
            where += [(_a.c.tag_id + 0).in_(meant), _a.c.raised_ms <= last_ms]  # looked up once, not row by row
        else:
            where += [meant.where(_t.c.id == _a.c.tag_id).exists(), _a.c.raised_ms <= last_ms]
    return _newest(connection, select(*order).where(*where), order, after, limit)


def _named(
    connection: Connection,
    query: AlarmQuery,
    sites: Scope,
    after: list[Any] | None = None,
    since_ms: int | None = None,
    limit: int = MOST_NAMED,
) -> list[tuple[int, str]]:
    """(raised, id) of the newest alarms whose notes hold the words asked for, or whose id begins with them, and that answer the query
    else, after a key and not before `since_ms`."""
    words, n = tables.storable(query.q.casefold()), tables.alarm_notes
    other = {name: condition for name, condition in alarm_tags.conditions(connection, query, sites).items() if name != "q"}
    where = [*_row_conditions(query), exists().where(_t.c.id == _a.c.tag_id, *alarm_tags.meant(other))]
    if since_ms is not None:
        where.append(_a.c.raised_ms >= since_ms)
    order: list[ColumnElement[Any]] = [(_a.c.raised_ms + 0).label("raised_at"), _a.c.id]
    noted = select(n.c.alarm_id).where(alarm_tags.holds(connection, n.c.note, words))
    begins = [ms for ms in (since_ms, query.from_ms) if ms is not None]
    if begins:
        noted = noted.where(n.c.raised_ms >= max(begins))
    if after is not None:
        noted = noted.where(n.c.raised_ms <= after[0])
    if query.to_ms is not None:
        noted = noted.where(n.c.raised_ms < query.to_ms)
    found = _newest(connection, select(*order).where(_a.c.id.in_(noted), *where), order, after, limit)
    if _ID.fullmatch(words):
        own = select(*order).where(_a.c.id >= words, _a.c.id < words + "\x7f", *where)
        found += _newest(connection, own, order, after, limit)
    return found


def _newest(
    connection: Connection, statement: Select[Any], order: list[ColumnElement[Any]], after: list[Any] | None, limit: int
) -> list[tuple[int, str]]:
    if after is not None:
        statement = statement.where(tuple_(*order) < tuple_(*after))
    return [(row[0], row[1]) for row in connection.execute(statement.order_by(*(column.desc() for column in order)).limit(limit))]


def counts(connection: Connection, query: AlarmQuery, sites: Scope) -> dict[str, dict[str, int]]:
    """Facets: each under all the query's filters but its own, so that the other choices stay visible. Severities by name."""
    wanted = alarm_tags.conditions(connection, query, sites)
    lifted = replace(query, state=None)
    number: ColumnElement[Any] = _t.c.alarms
    source: Any = _t
    spanned: list[Any] | None = None
    if query.from_ms is not None or query.to_ms is not None or not alarm_tags.are_exact(lifted):
        within = select(_a.c.tag_id, func.count().label("alarms")).where(*_row_conditions(lifted)).group_by(_a.c.tag_id).subquery()
        source, number = _t.join(within, within.c.tag_id == _t.c.id), within.c.alarms
        spanned = _spanned(connection, source, number, wanted)
    known: dict[tuple[str, frozenset[str]], list[Any]] = {}

    def others(facet: str) -> dict[str, ColumnElement[Any]]:
        return {name: condition for name, condition in wanted.items() if name != facet}

    def counted(column: ColumnElement[Any], facet: str) -> list[Any]:
        """(value, number) of a column of tags; asked once of facets that lift nothing."""
        key = (str(column), frozenset(others(facet)))
        if key not in known:
            if spanned is not None:
                known[key] = _summed(spanned, column.name, {name for name in others(facet) if name in _FACETED}, query)
                return known[key]
            where = [_t.c.alarms > 0, *alarm_tags.meant(others(facet))]
            found = select(column, func.sum(number)).select_from(source).where(*where).group_by(column)
            known[key] = [(value, int(n)) for value, n in connection.execute(found)]
        return known[key]

    places: dict[int, Any] = {}
    by_place = {facet: dict(counted(_t.c.place_id, facet)) for facet in _OF_PLACE}
    ids = set().union(*by_place.values())
    if ids:
        columns = (_p.c.id, *_OF_PLACE.values())
        places = {row.id: row for row in connection.execute(select(*columns)) if row.id in ids}
    facets: dict[str, dict[str, int]] = {
        "severity": {Severity(value).name.lower(): n for value, n in counted(_t.c.severity, "severity")},
        "verdict": dict(counted(_t.c.verdict, "verdict")),
    }
    for facet, column in _OF_PLACE.items():
        sums: Counter[str] = Counter()
        for place_id, n in by_place[facet].items():
            sums[getattr(places[place_id], column.name)] += n
        facets[facet] = dict(sums)
    states = {"ended" if is_ended else "open": n for is_ended, n in counted(_t.c.is_ended, "state")}
    if states.get("open"):
        # open alarms are few: what they are now is in their rows
        open_ones = select(*(func.count().filter(condition).label(name) for name, condition in STATES.items() if name not in states))
        tagged = _a.c.tag_id.in_(select(_t.c.id).where(~_t.c.is_ended, *alarm_tags.meant(others("state"))))
        row = connection.execute(open_ones.select_from(_a).where(_IS_OPEN, tagged, *_row_conditions(lifted))).mappings().one()
        states |= {name: n for name, n in row.items() if n and name != "ended"}
    facets["state"] = states
    for found in _named_beside(connection, query, sites) if query.q else ():
        words = {"severity": Severity(found["severity"]).name.lower(), "state": "ended" if found["is_ended"] else "open"}
        for facet in facets:
            word = words.get(facet) or found[facet if facet in ("kind", "verdict") else f"{facet}_id"]
            facets[facet][word] = facets[facet].get(word, 0) + 1
    return facets


def _spanned(connection: Connection, source: Any, number: ColumnElement[Any], wanted: Mapping[str, ColumnElement[Any]]) -> list[Any]:
    """What a span's alarms are, counted by all that the facets speak of, under the other filters: asked once of the database."""
    columns = (_t.c.place_id, *_OF_PLACE.values(), _t.c.severity, _t.c.verdict, _t.c.is_ended)
    rest = [condition for name, condition in wanted.items() if name not in _FACETED]
    grouped = select(*columns, func.sum(number).label("number")).select_from(source.join(_p, _p.c.id == _t.c.place_id)).where(*rest)
    return list(connection.execute(grouped.group_by(*columns)))


def _summed(spanned: list[Any], column: str, held: set[str], query: AlarmQuery) -> list[tuple[Any, int]]:
    """(value, number) of a column, of what these of the query's filters leave."""
    sums: Counter[Any] = Counter()
    severities = {int(severity) for severity in query.severities}
    for row in spanned:
        if (
            ("site" not in held or row.site_id == query.site)
            and ("zone" not in held or row.zone_id == query.zone)
            and ("kind" not in held or row.kind == query.kind)
            and ("severity" not in held or row.severity in severities)
            and ("verdict" not in held or row.verdict == query.verdict)
            and ("state" not in held or row.is_ended is (query.state == "ended"))
        ):
            sums[getattr(row, column)] += int(row.number)
    return list(sums.items())


def _named_beside(connection: Connection, query: AlarmQuery, sites: Scope) -> list[Any]:
    """The tags, one for each, of alarms that only their id or notes name, not their tag."""
    named = [alarm_id for _, alarm_id in _named(connection, query, sites)]
    if not named:
        return []
    says = alarm_tags.conditions(connection, query, sites)["q"]
    join = alarm_tags.JOINED.join(_a, _a.c.tag_id == _t.c.id)
    columns = (*_OF_PLACE.values(), _t.c.severity, _t.c.verdict, _t.c.is_ended)
    return list(connection.execute(select(*columns).select_from(join).where(_a.c.id.in_(named), ~says, *_row_conditions(query))).mappings())


def _row_conditions(query: AlarmQuery) -> list[ColumnElement[Any]]:
    """What the tags do not say."""
    found: list[ColumnElement[Any]] = []
    if query.state is not None and query.state not in STATES:
        raise ValueError(f"no alarm state {query.state!r}; there are {', '.join(STATES)}")
    if query.state not in (None, "open", "ended"):
        found.append(STATES[query.state])
    if query.from_ms is not None:
        found.append(_a.c.raised_ms >= query.from_ms)
    if query.to_ms is not None:
        found.append(_a.c.raised_ms < query.to_ms)
    edges = (None, 0, *alarm_tags.BANDS_MS)
    if query.ack_from_ms not in edges:
        found.append(_a.c.acknowledged_ms - _a.c.arrived_ms >= query.ack_from_ms)
    if query.ack_to_ms not in edges:
        found.append(_a.c.acknowledged_ms - _a.c.arrived_ms < query.ack_to_ms)
    return found


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
