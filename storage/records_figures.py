"""What the figures are made of, counted by the database, so that a year of alarms costs some thousand rows here. It only reads.

A wait below an hour is kept to the second, a longer one to the minute; the longest exactly. The functions take a connection.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger as Big
from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, type_coerce

from alarms.figures import (
    CHATTER_COUNT,
    CHATTER_MS,
    DUPLICATE_MS,
    FLEETING_MS,
    STALE_MS,
    TOP,
    WINDOW_MS,
    Counted,
    Source,
)
from alarms.model import Signal
from sites.records import Scope
from storage import tables

MOST_STALE = 20_000
MOST_CHATTERING = 200
_LOOK_BACK_MS = 90 * STALE_MS  # what stands longer than that is open still
_a, _n, _t = tables.alarms, tables.activations, tables.transitions


def counted(
    connection: Connection, sites: Scope, site: str | None, from_ms: int, to_ms: int, now_ms: int, by: str | None = None
) -> Counted:
    """All counts of [from, to) at one site, or at all in scope. `by`: only what this person acknowledged (waits and verdicts) and alarms
    that this person took."""
    here = _here(_n, sites, site)
    span = [*here, _n.c.at_ms >= from_ms, _n.c.at_ms < to_ms]
    if by is not None:
        span.append(
            _n.c.alarm_id.in_(
                select(_a.c.id).where(_a.c.acknowledged_by == by, _a.c.arrived_ms >= from_ms - STALE_MS, _a.c.arrived_ms < to_ms)
            )
        )
    called = [*span, ~_n.c.is_suppressed, ~_n.c.is_test]
    window = type_coerce(_n.c.at_ms, Big).op("/")(WINDOW_MS).label("window")
    by_window = connection.execute(select(window, _n.c.severity, func.count()).where(*called).group_by(window, _n.c.severity)).all()
    columns = np.array(by_window, np.int64).reshape(-1, 3)
    own = [*_here(_a, sites, site), _a.c.arrived_ms >= from_ms, _a.c.arrived_ms < to_ms]
    if by is not None:
        own.append(_a.c.acknowledged_by == by)
    waits = _waits(connection, _a.c.acknowledged_ms - _a.c.arrived_ms, _a, [*own, _a.c.acknowledged_ms.is_not(None), ~_a.c.is_test])
    judged = _t.join(_a, _a.c.id == _t.c.alarm_id)
    given = [*_here(_a, sites, site), _t.c.signal == Signal.JUDGED.value, _t.c.at_ms >= from_ms, _t.c.at_ms < to_ms]
    if by is not None:
        given.append(_t.c.who == by)
    verdict_waits = _waits(connection, _t.c.at_ms - _a.c.arrived_ms, judged, given)
    verdicts = connection.execute(select(_a.c.verdict, func.count()).where(*own, _a.c.verdict.is_not(None)).group_by(_a.c.verdict))
    left_out = connection.execute(
        select(func.count().filter(_n.c.is_suppressed), func.count().filter(_n.c.is_test & ~_n.c.is_suppressed)).where(*span)
    ).one()
    fleeting = connection.execute(
        select(func.count()).where(
            *own,
            _a.c.cleared_ms - _a.c.arrived_ms < FLEETING_MS,
            or_(_a.c.acknowledged_ms.is_(None), _a.c.acknowledged_ms >= _a.c.cleared_ms),
            ~_a.c.is_test,
            _a.c.suppression.is_(None),
        )
    ).scalar_one()
    return Counted(
        windows=columns[:, 0],
        severities=columns[:, 1],
        numbers=columns[:, 2],
        waits_ms=waits[0],
        wait_numbers=waits[1],
        verdict_waits_ms=verdict_waits[0],
        verdict_wait_numbers=verdict_waits[1],
        verdicts={row[0]: row[1] for row in verdicts},
        top=_sources(connection, called, TOP),
        chattering=_chattering(connection, called),
        fleeting=fleeting,
        duplicates=_duplicates(connection, called),
        stale=_stale(connection, _here(_a, sites, site), from_ms, to_ms, now_ms) if by is None else [],
        suppressed=left_out[0],
        tests=left_out[1],
    )


def operators(connection: Connection, sites: Scope, site: str | None, from_ms: int, to_ms: int) -> list[str]:
    """Who acknowledged alarms of the span, most first."""
    own = [*_here(_a, sites, site), _a.c.arrived_ms >= from_ms, _a.c.arrived_ms < to_ms, _a.c.acknowledged_by.is_not(None)]
    found = select(_a.c.acknowledged_by).where(*own).group_by(_a.c.acknowledged_by).order_by(func.count().desc(), _a.c.acknowledged_by)
    return list(connection.execute(found.limit(100)).scalars())


def _here(table: Any, sites: Scope, site: str | None) -> list[ColumnElement[Any]]:
    found: list[ColumnElement[Any]] = [] if sites is None else [table.c.site_id.in_(sites)]
    return found if site is None else [*found, table.c.site_id == site]


def _waits(
    connection: Connection, waited: ColumnElement[Any], source: Any, where: list[ColumnElement[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(waits in ms, how often each), the longest among them exactly."""
    waited = type_coerce(waited, Big)
    step = case((waited < 3_600_000, 1_000), else_=60_000)
    rounded = (waited.op("/")(step) * step).label("waited")
    found = connection.execute(select(rounded, func.count()).select_from(source).where(*where).group_by(rounded)).all()
    columns = np.array(found, np.int64).reshape(-1, 2)
    columns[:, 0] = np.maximum(columns[:, 0], 0)
    if len(columns):
        longest = connection.execute(select(func.max(waited)).select_from(source).where(*where)).scalar_one()
        columns[int(columns[:, 0].argmax()), 0] = max(0, longest)
    return columns[:, 0], columns[:, 1]


def _sources(connection: Connection, where: list[ColumnElement[Any]], most: int) -> list[Source]:
    number = func.count().label("number")
    grouped = select(_n.c.rule_id, _n.c.subject, number, func.max(_n.c.alarm_id).label("alarm_id")).where(*where)
    return _named(connection, grouped.group_by(_n.c.rule_id, _n.c.subject).order_by(number.desc(), _n.c.rule_id, _n.c.subject).limit(most))


def _chattering(connection: Connection, where: list[ColumnElement[Any]]) -> list[Source]:
    """Sources that came three times within 60 s, with how often they did."""
    earlier = func.lag(_n.c.at_ms, CHATTER_COUNT - 1).over(partition_by=(_n.c.rule_id, _n.c.subject), order_by=_n.c.at_ms)
    came = select(_n.c.rule_id, _n.c.subject, _n.c.alarm_id, (_n.c.at_ms - earlier).label("within"))
    came_often = came.where(*where, _n.c.signal == Signal.RAISED.value).subquery()
    c, number = came_often.c, func.count().label("number")
    found = select(c.rule_id, c.subject, number, func.max(c.alarm_id).label("alarm_id")).where(c.within <= CHATTER_MS)
    return _named(connection, found.group_by(c.rule_id, c.subject).order_by(number.desc(), c.rule_id, c.subject).limit(MOST_CHATTERING))


def _named(connection: Connection, grouped: Any) -> list[Source]:
    g = grouped.subquery()
    names = (_a.c.rule_name, _a.c.rule_name_en, _a.c.device_name)
    found = select(g.c.rule_id, g.c.subject, g.c.number, *names).join(_a, _a.c.id == g.c.alarm_id, isouter=True)
    return [
        Source(row[0], row[3] or row[0], row[4] or row[0], row[1], row[5] or "", row[2])
        for row in connection.execute(found.order_by(g.c.number.desc(), g.c.rule_id, g.c.subject))
    ]


def _duplicates(connection: Connection, where: list[ColumnElement[Any]]) -> int:
    """Alarms of a signal on which another rule alarmed within the 5 s before."""
    same: dict[str, Any] = {"partition_by": (_n.c.site_id, _n.c.subject), "order_by": (_n.c.at_ms, _n.c.rule_id)}
    came = select(
        _n.c.rule_id,
        func.lag(_n.c.rule_id).over(**same).label("other"),
        (_n.c.at_ms - func.lag(_n.c.at_ms).over(**same)).label("after"),
    ).where(*where, _n.c.signal == Signal.RAISED.value)
    c = came.subquery().c
    found: int = connection.execute(select(func.count()).where(c.other != c.rule_id, c.after <= DUPLICATE_MS)).scalar_one()
    return found


def _stale(connection: Connection, here: list[ColumnElement[Any]], from_ms: int, to_ms: int, now_ms: int) -> list[tuple[int, int]]:
    until = func.coalesce(_a.c.cleared_ms, now_ms)
    lately = and_(_a.c.arrived_ms >= from_ms - _LOOK_BACK_MS, _a.c.arrived_ms < to_ms, _a.c.ended_ms.is_not(None))
    long = [until > from_ms, until - _a.c.raised_ms > STALE_MS]
    ended = select(_a.c.raised_ms, until).where(*here, lately, *long).limit(MOST_STALE)
    standing = select(_a.c.raised_ms, until).where(*here, _a.c.ended_ms.is_(None), _a.c.arrived_ms < to_ms, *long).limit(MOST_STALE)
    return [(row[0], row[1]) for query in (ended, standing) for row in connection.execute(query)]
