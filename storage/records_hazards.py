"""Kept hazards: lists, facets, and the plain record transactions by which people and the projector change them.

It keeps and numbers; what a step does and whether it is allowed is decided by the function it is given (`hazards.loop`). The
functions take a connection inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, update

from hazards import deadlines
from hazards.loop import CLOCK_RUNS, OPEN, may_reopen
from hazards.model import (
    Aspect,
    Extension,
    Grade,
    Hazard,
    HazardAct,
    HazardState,
    HazardStep,
    MajorPlan,
    Rectification,
    Shutdown,
    Source,
    Supervision,
    Vouched,
)
from hazards.queries import Cause, HazardQuery
from sites.records import Conflict, NotFound, Page, Scope
from storage import cursors, records_alarms, records_audit, rows, tables
from storage.database import add_missing

_h = tables.hazards
_MERGES = 16  # as long a chain of merged hazards is followed

_PLAN = ("person", "measures", "funds", "deadline_ms", "contingency")
HAZARD = rows.Shape(
    Hazard,
    {
        "source": rows.enum_field(Source),
        "grade": rows.enum_field(Grade),
        "state": rows.enum_field(HazardState),
        "order_ids": rows.json_field(tuple[str, ...]),
        "aspect": rows.enum_field(Aspect),
        "origin": rows.json_field(tuple[tuple[str, str], ...]),
        "chain": rows.json_field(tuple[Vouched, ...]),
        "rectifiers": rows.json_field(tuple[str, ...]),
        "extensions": rows.json_field(tuple[Extension, ...]),
        "major": rows.json_field(MajorPlan),
        "supervision": rows.json_field(Supervision),
        "shutdown": rows.json_field(Shutdown),
    },
    out=("rectification", "alarm_ids"),
)


Change = Callable[[Hazard], tuple[Hazard, HazardStep]]
Make = Callable[[str, Hazard | None], tuple[Hazard, HazardStep]]


# -- reading -----------------------------------------------------------------------------------------------------------


def page(connection: Connection, query: HazardQuery, sites: Scope) -> Page[Hazard]:
    """Newest found first. Raises ValueError for an unknown state, BadCursor."""
    # which ones is decided on indexes alone; only the page's own rows are read whole
    statement = select(_h.c.found_ms, _h.c.id).where(*conditions(query, sites).values())
    found, next_cursor = cursors.rows_of(connection, statement, [_h.c.found_ms, _h.c.id], query.cursor, query.limit, descending=True)
    whole = connection.execute(select(_h).where(_h.c.id.in_([row["id"] for row in found]))).mappings()
    by_id = {row["id"]: row for row in whole}
    return Page(_hazards(connection, [by_id[row["id"]] for row in found]), next_cursor)


def hazard(connection: Connection, hazard_id: str, lock: bool = False) -> Hazard:
    """Raises NotFound."""
    statement = select(_h).where(_h.c.id == hazard_id)
    found = _hazards(connection, connection.execute(statement.with_for_update() if lock else statement).mappings().all())
    if not found:
        raise NotFound(f"hazard {hazard_id} does not exist")
    return found[0]


def steps(connection: Connection, hazard_id: str) -> list[HazardStep]:
    t = tables.hazard_steps
    found = connection.execute(select(t).where(t.c.hazard_id == hazard_id).order_by(t.c.version)).mappings()
    return [HazardStep(**{**row, "act": HazardAct(row["act"]), "after": HazardState(row["after"])}) for row in found]


def standing(connection: Connection, point_id: str | None, device_id: str | None, now_ms: int) -> Hazard | None:
    """The hazard to which new trouble of this point (of this device, when it has no point) belongs: the open one, or the one accepted
    less than 30 days ago; a merged one stands for what it was merged into."""
    if point_id is None and device_id is None:
        return None
    same = _h.c.point_id == point_id if point_id is not None else (_h.c.device_id == device_id) & _h.c.point_id.is_(None)
    found = connection.execute(select(_h).where(same).order_by(_h.c.found_ms.desc(), _h.c.id).limit(50)).mappings().all()
    candidates = [_merged_end(connection, each) for each in _hazards(connection, found)]
    fitting = [each for each in candidates if may_reopen(each, now_ms)]
    return min(fitting, key=lambda each: each.state not in OPEN, default=None)


def _merged_end(connection: Connection, hazard_: Hazard) -> Hazard:
    for _ in range(_MERGES):
        if hazard_.merged_into is None:
            break
        hazard_ = hazard(connection, hazard_.merged_into)
    return hazard_


# -- writing -----------------------------------------------------------------------------------------------------------


def report(
    connection: Connection,
    make: Make,
    site_id: str,
    alarm_id: str | None,
    who: str | None,
    now_ms: int,
    cause: Cause | None = None,
) -> tuple[Hazard, HazardStep]:
    """Give `make` the ledger's next number at the site and the standing hazard of the alarm's point (or None), and keep what it returns.
    One site's reports wait for one another. `cause`: the request that asks; asked again, it gives the hazard that it made before, with its
    newest step. Raises Conflict where the same key asks for something else."""
    if cause is not None and (before := _made_by(connection, cause)) is not None:
        return hazard(connection, before), steps(connection, before)[-1]
    prefix = f"{site_id}-{_local(connection, site_id, now_ms):%Y%m%d}"
    n = tables.hazard_numbers
    add_missing(connection, n, [{"prefix": prefix, "last": 0}])
    last = connection.execute(select(n.c.last).where(n.c.prefix == prefix).with_for_update()).scalar_one()
    number = f"{prefix}-{last + 1:03d}"
    alarm = None if alarm_id is None else records_alarms.find(connection, alarm_id)
    present = None if alarm is None else standing(connection, alarm.point_id, alarm.device_id, now_ms)
    made, step = make(number, present)
    if present is None and alarm_id is not None and alarm is None:
        # the records do not have the alarm yet: look by the point that `make` knows
        present = standing(connection, made.point_id, made.device_id, now_ms)
        if present is not None:
            made, step = make(number, present)
    if present is None:
        connection.execute(update(n).where(n.c.prefix == prefix).values(last=last + 1))
    keep(connection, present, made, step, who)
    if cause is not None:
        row = {"cause": cause.key, "fingerprint": cause.fingerprint, "hazard_id": made.id, "at_ms": now_ms}
        connection.execute(insert(tables.hazard_causes), row)
    return made, step


def _made_by(connection: Connection, cause: Cause) -> str | None:
    t = tables.hazard_causes
    row = connection.execute(select(t.c.hazard_id, t.c.fingerprint).where(t.c.cause == cause.key)).first()
    if row is None:
        return None
    if row.fingerprint != cause.fingerprint:
        raise Conflict("this Idempotency-Key belongs to another request: make a new one")
    return str(row.hazard_id)


def change(connection: Connection, hazard_id: str, make: Change, who: str | None) -> tuple[Hazard, HazardStep]:
    """Give `make` the present hazard and keep what it returns. Raises NotFound and what `make` raises."""
    present = hazard(connection, hazard_id, lock=True)
    made, step = make(present)
    keep(connection, present, made, step, who)
    return made, step


def keep(connection: Connection, present: Hazard | None, made: Hazard, step: HazardStep, who: str | None) -> None:
    """Write the next hazard, its step and its audit entry. Raises Conflict when it changed meanwhile."""
    row = HAZARD.row(made) | {name: getattr(made.rectification, name) for name in _PLAN}
    row["is_listed"] = made.supervision is not None and made.supervision.lifted_ms is None
    # what has come by now was told, or is told by the next look
    row["remind_ms"] = deadlines.next_ms(made, made.found_ms if present is None else present.found_ms)
    if present is None:
        assert made.version == 1, "without a present hazard only a report makes one"
        connection.execute(insert(_h), row)
    else:
        assert (made.id, made.version) == (present.id, present.version + 1), "a step gives the next version of the same hazard"
        written = connection.execute(update(_h).where(_h.c.id == made.id, _h.c.version == present.version).values(row))
        if written.rowcount != 1:
            raise Conflict(f"hazard {made.number} changed meanwhile: read it again")
    if present is None or present.alarm_ids != made.alarm_ids:
        links = tables.hazard_alarms
        connection.execute(delete(links).where(links.c.hazard_id == made.id))
        new = [{"hazard_id": made.id, "alarm_id": alarm_id, "place": place} for place, alarm_id in enumerate(made.alarm_ids)]
        if new:
            connection.execute(insert(links), new)
            _tell_ended(connection, made)
    names = ("hazard_id", "version", "who", "at_ms", "note", "before")
    words = {"act": step.act.value, "after": step.after.value}
    connection.execute(insert(tables.hazard_steps), {name: getattr(step, name) for name in names} | words)
    records_audit.append(
        connection, at_ms=step.at_ms, who=who, what=step.act.value, kind="hazard", thing_id=made.id, before=present, after=made
    )


def day_end_ms(connection: Connection, site_id: str, now_ms: int) -> int:
    """The midnight that ends the site's own day."""
    local = _local(connection, site_id, now_ms)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp() * 1000)


def _local(connection: Connection, site_id: str, now_ms: int) -> datetime:
    name = connection.execute(select(tables.sites.c.timezone).where(tables.sites.c.id == site_id)).scalar()
    try:
        zone = ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        zone = UTC
    return datetime.fromtimestamp(now_ms / 1000, zone)


def _hazards(connection: Connection, found: Sequence[Mapping[Any, Any]]) -> list[Hazard]:
    links = tables.hazard_alarms
    alarm_ids: dict[str, list[str]] = {row["id"]: [] for row in found}
    linked = select(links.c.hazard_id, links.c.alarm_id).where(links.c.hazard_id.in_(list(alarm_ids))).order_by(links.c.place)
    for hazard_id, alarm_id in connection.execute(linked):
        alarm_ids[hazard_id].append(alarm_id)
    return [
        HAZARD.thing(row, rectification=Rectification(**{name: row[name] for name in _PLAN}), alarm_ids=tuple(alarm_ids[row["id"]]))
        for row in found
    ]


def _tell_ended(connection: Connection, hazard: Hazard) -> None:
    """The scan tells an open alarm of its hazard; one that has ended, and that it may have forgotten, learns it here."""
    a = tables.alarms
    ended = a.c.id.in_(hazard.alarm_ids) & a.c.ended_ms.is_not(None) & a.c.hazard_id.is_(None)
    connection.execute(update(a).where(ended).values(hazard_id=hazard.id))


def is_open() -> ColumnElement[bool]:
    return _h.c.state.in_(sorted(state.value for state in OPEN))


def is_overdue(now_ms: int) -> ColumnElement[bool]:
    # the same as hazards.loop.is_overdue
    return _h.c.state.in_(sorted(state.value for state in CLOCK_RUNS)) & (_h.c.deadline_ms <= now_ms)


_EQUALS = {
    "site": "site_id", "enterprise": "enterprise_id", "source": "source", "grade": "grade", "category": "category", "aspect": "aspect",
    "zone": "zone_id", "device": "device_id", "point": "point_id", "risk_point": "risk_point_id", "found_by": "found_by",
}  # fmt: skip


def conditions(query: HazardQuery, sites: Scope) -> dict[str, ColumnElement[Any]]:
    """Each filter's condition by its name. Raises ValueError for an unknown state."""
    found: dict[str, ColumnElement[Any]] = {}
    if sites is not None:
        found["scope"] = _h.c.site_id.in_(sites)
    if query.state == "open":
        found["state"] = is_open()
    elif query.state == "overdue":
        found["state"] = is_overdue(query.now_ms)
    elif query.state is not None:
        if query.state not in list(HazardState):
            raise ValueError(f"no hazard state {query.state!r}; there are open, overdue, {', '.join(HazardState)}")
        found["state"] = _h.c.state == query.state
    for name, column in _EQUALS.items():
        wanted = getattr(query, name)
        if wanted is not None:
            found[name] = _h.c[column] == wanted
    if query.enterprises is not None:
        found["enterprises"] = _h.c.enterprise_id.in_(sorted(query.enterprises))
    if query.person is not None:
        found["person"] = or_(_h.c.person == query.person, _h.c.rectified_by == query.person)
    if query.listed is not None:
        found["listed"] = _h.c.is_listed.is_(query.listed)
    spans = (("from_ms", _h.c.found_ms, True), ("to_ms", _h.c.found_ms, False), ("closed_from_ms", _h.c.closed_ms, True))
    for name, time, is_from in (*spans, ("closed_to_ms", _h.c.closed_ms, False)):
        bound = getattr(query, name)
        if bound is not None:
            found[name] = time >= bound if is_from else time < bound
    if query.older_ms is not None:
        found["older"] = (_h.c.found_ms <= query.now_ms - query.older_ms) & is_open()
    if query.alarm is not None:
        links = tables.hazard_alarms
        found["alarm"] = _h.c.id.in_(select(links.c.hazard_id).where(links.c.alarm_id == query.alarm))
    if query.q:
        searched = ("number", "title", "description", "category", "found_by", "person", "clause", "place")
        found["q"] = or_(*(_h.c[name].icontains(tables.storable(query.q), autoescape=True) for name in searched))
    return found
