"""Counts of the hazard ledger: facets, trends, and enterprises side by side. Each asks indexes that hold all it needs, never whole rows.

The functions take a connection inside a transaction and only read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from hazards.loop import CLOCK_RUNS, OPEN
from hazards.model import HazardState
from hazards.queries import AGES, HazardQuery, Standing, TrendStep
from sites.records import Scope
from storage import tables
from storage.records_hazards import conditions, is_open, is_overdue

_h = tables.hazards
_DAY_MS = 86_400_000
MOST_PEOPLE = 50
_OPEN = {state.value for state in OPEN}
_RUNS = {state.value for state in CLOCK_RUNS}


def counts(connection: Connection, query: HazardQuery, sites: Scope) -> dict[str, dict[str, int]]:
    """Facets: by state, grade, source, category, site, enterprise, each under all the query's filters (so each adds up to the same total);
    `due`: how many are open, overdue, listed, major without a list; `age` of the open ones; `person`: who has most open."""
    where = conditions(query, sites).values()
    facets: dict[str, Counter[str]] = {
        name: Counter() for name in ("state", "grade", "source", "category", "site", "enterprise", "due", "age")
    }
    due = facets["due"]
    due.update({"open": 0, "overdue": 0, "listed": 0, "unlisted_major": 0})
    of = (_h.c.state, _h.c.grade, _h.c.source, _h.c.category, _h.c.is_listed)
    for state, grade, source, category, listed, number in connection.execute(select(*of, func.count()).where(*where).group_by(*of)):
        for facet, key in (("state", state), ("grade", grade), ("source", source), ("category", category)):
            facets[facet][key or ""] += number
        if state in _OPEN:
            due["open"] += number
            due["listed"] += number if listed else 0
            due["unlisted_major"] += number if grade == "major" and not listed else 0
    placed = select(_h.c.enterprise_id, _h.c.site_id, func.count()).where(*where).group_by(_h.c.enterprise_id, _h.c.site_id)
    for enterprise_id, site_id, number in connection.execute(placed):
        facets["enterprise"][enterprise_id] += number
        facets["site"][site_id] += number
    due["overdue"] = connection.execute(select(func.count()).where(*where, is_overdue(query.now_ms))).scalar_one()
    facets["age"].update(_ages(connection, where, query.now_ms))
    named = select(_h.c.person, func.count()).where(*where, is_open(), _h.c.person != "").group_by(_h.c.person)
    most = connection.execute(named.order_by(func.count().desc(), _h.c.person).limit(MOST_PEOPLE))
    people: dict[str, int] = {row[0]: row[1] for row in most}
    return {name: dict(counted) for name, counted in facets.items()} | {"person": people}


def _ages(connection: Connection, where: Any, now_ms: int) -> dict[str, int]:
    bounds = [*AGES.values(), None]
    sums = []
    for name, (young, old) in zip(AGES, pairwise(bounds), strict=True):
        assert young is not None
        # half-open in age: found after `old` days ago and up to `young` days ago; the youngest takes what was found just now
        within: list[ColumnElement[bool]] = [] if young == 0 else [_h.c.found_ms <= now_ms - young * _DAY_MS]
        if old is not None:
            within.append(_h.c.found_ms > now_ms - old * _DAY_MS)
        sums.append(func.count().filter(and_(*within)).label(name))
    row = connection.execute(select(*sums).select_from(_h).where(*where, is_open())).mappings().one()
    return dict(row)


def open_by_enterprise(connection: Connection, sites: Scope, now_ms: int) -> dict[str, tuple[int, int, int]]:
    """(open, overdue, major open) of every enterprise that has any: what a map shows."""
    where = [] if sites is None else [_h.c.site_id.in_(sites)]
    overdue = func.count().filter(is_overdue(now_ms))
    found = select(_h.c.enterprise_id, func.count(), overdue, func.count().filter(_h.c.grade == "major"))
    rows = connection.execute(found.where(is_open(), *where).group_by(_h.c.enterprise_id))
    return {enterprise_id: (number, late, major) for enterprise_id, number, late, major in rows}


def trend(connection: Connection, query: HazardQuery, sites: Scope, bounds: Sequence[int]) -> list[TrendStep]:
    """One step between each two neighbouring `bounds` (ms, rising)."""
    where = list(conditions(query, sites).values())
    last = HazardState.ACCEPTED.value
    missed = or_(_h.c.submitted_ms.is_(None), _h.c.submitted_ms > _h.c.deadline_ms)
    columns = {
        "found": (_h.c.found_ms, []),
        "major": (_h.c.found_ms, [_h.c.grade == "major"]),
        "closed": (_h.c.closed_ms, [_h.c.state == last]),
        "overdue": (_h.c.deadline_ms, [missed, _h.c.state.not_in(("rejected", "merged")), _h.c.deadline_ms <= query.now_ms]),
    }
    counted = {name: _by_step(connection, time, [*where, *more], bounds) for name, (time, more) in columns.items()}
    return [
        TrendStep(from_ms=begin, to_ms=end, **{name: steps[place] for name, steps in counted.items()})
        for place, (begin, end) in enumerate(pairwise(bounds))
    ]


def _by_step(connection: Connection, time: Any, where: Any, bounds: Sequence[int]) -> Counter[int]:
    step = case(*((time < end, place) for place, end in enumerate(bounds[1:])))
    found = select(step.label("step"), func.count()).where(*where, time >= bounds[0], time < bounds[-1]).group_by(step)
    return Counter({row[0]: row[1] for row in connection.execute(found)})


def standings(connection: Connection, query: HazardQuery, sites: Scope) -> list[Standing]:
    """Enterprises side by side, most open first."""
    is_closed = _h.c.state == HazardState.ACCEPTED.value
    in_time = is_closed & or_(_h.c.deadline_ms.is_(None), _h.c.submitted_ms <= _h.c.deadline_ms)
    figures = {
        "found": func.count(),
        "open": func.count().filter(is_open()),
        "overdue": func.count().filter(is_overdue(query.now_ms)),
        "major": func.count().filter(_h.c.grade == "major"),
        "closed": func.count().filter(is_closed),
        "rejected": func.count().filter(_h.c.state.in_(("rejected", "merged"))),
        "on_time": func.count().filter(in_time),
        "returned": func.sum(_h.c.returned),
        "recurrences": func.sum(_h.c.recurrences),
        "mean_close_ms": func.avg(_h.c.closed_ms - _h.c.found_ms).filter(is_closed),
    }
    found = select(_h.c.enterprise_id, *(column.label(name) for name, column in figures.items()))
    rows = connection.execute(found.where(*conditions(query, sites).values()).group_by(_h.c.enterprise_id)).mappings()
    made = [Standing(**{**row, "mean_close_ms": None if row["mean_close_ms"] is None else int(row["mean_close_ms"])}) for row in rows]
    return sorted(made, key=lambda each: (-each.overdue, -each.open, each.enterprise_id))
