"""What hangs on a hazard: files, links for rectifiers, told reminders, and people's saved filters of the ledger.

The functions take a connection inside a transaction; a file's content lies elsewhere, under its hash.
"""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from hazards.model import Hazard
from hazards.queries import HazardFile, RectifierLink, Reminded
from sites.records import Conflict, NotFound, SavedView
from storage import records_audit, rows, tables

_f, _l, _v = tables.hazard_files, tables.hazard_links, tables.hazard_views


def add_file(connection: Connection, file: HazardFile) -> None:
    """Its audit entry is that of the hazard's step."""
    connection.execute(insert(_f), asdict(file))


def files(connection: Connection, hazard_id: str) -> list[HazardFile]:
    """Oldest first."""
    found = connection.execute(select(_f).where(_f.c.hazard_id == hazard_id).order_by(_f.c.at_ms, _f.c.id)).mappings()
    return [HazardFile(**row) for row in found]


def file(connection: Connection, hazard_id: str, file_id: str) -> HazardFile:
    """Raises NotFound."""
    row = connection.execute(select(_f).where(_f.c.id == file_id, _f.c.hazard_id == hazard_id)).mappings().first()
    if row is None:
        raise NotFound(f"file {file_id} of hazard {hazard_id} does not exist")
    return HazardFile(**row)


def file_moments(connection: Connection, hazard_ids: list[str]) -> dict[str, set[str]]:
    """Which moments have a picture: what a hazard's closing is proved by."""
    found = select(_f.c.hazard_id, _f.c.moment).where(_f.c.hazard_id.in_(hazard_ids), _f.c.width > 0).distinct()
    made: dict[str, set[str]] = {}
    for hazard_id, moment in connection.execute(found):
        made.setdefault(hazard_id, set()).add(moment)
    return made


def add_link(connection: Connection, link: RectifierLink) -> None:
    connection.execute(insert(_l), asdict(link))
    after = {"hazard_id": link.hazard_id, "name": link.name, "expires_ms": link.expires_ms}
    records_audit.append(connection, at_ms=link.made_ms, who=link.made_by, what="link", kind="hazard_link", thing_id=link.id, after=after)


def links(connection: Connection, hazard_id: str) -> list[RectifierLink]:
    """Newest first."""
    found = connection.execute(select(_l).where(_l.c.hazard_id == hazard_id).order_by(_l.c.made_ms.desc(), _l.c.id)).mappings()
    return [RectifierLink(**row) for row in found]


def link(connection: Connection, link_id: str) -> RectifierLink:
    """Raises NotFound."""
    row = connection.execute(select(_l).where(_l.c.id == link_id)).mappings().first()
    if row is None:
        raise NotFound(f"link {link_id} does not exist")
    return RectifierLink(**row)


def end_link(connection: Connection, link_id: str, who: str | None, now_ms: int, is_used: bool) -> None:
    """Revoked by a person, or used up. It ends once."""
    column = _l.c.used_ms if is_used else _l.c.revoked_ms
    ended = connection.execute(
        update(_l).where(_l.c.id == link_id, _l.c.revoked_ms.is_(None), _l.c.used_ms.is_(None)).values({column: now_ms})
    )
    if ended.rowcount != 1:
        raise Conflict(f"link {link_id} has ended already")
    what = "used" if is_used else "revoked"
    records_audit.append(connection, at_ms=now_ms, who=who, what=what, kind="hazard_link", thing_id=link_id)


def reminders(connection: Connection, hazard_id: str) -> list[Reminded]:
    """Oldest first."""
    t = tables.hazard_reminders
    columns = (t.c.stage, t.c.name, t.c.level, t.c.messages, t.c.at_ms)
    found = connection.execute(select(*columns).where(t.c.hazard_id == hazard_id).order_by(t.c.at_ms, t.c.level)).mappings()
    return [Reminded(**row) for row in found]


def relatives(connection: Connection, hazard_id: str) -> list[tuple[str, str]]:
    """(id, how) of hazards merged into this one, `merged`, or split from it, `part`."""
    h = tables.hazards
    found = select(h.c.id, h.c.merged_into).where(or_(h.c.merged_into == hazard_id, h.c.split_from == hazard_id)).order_by(h.c.number)
    return [(row.id, "merged" if row.merged_into == hazard_id else "part") for row in connection.execute(found)]


def clean_since(connection: Connection, hazard: Hazard) -> int | None:
    """When the last alarm of its points (its own, those of its alarms; a device's where it has no point) cleared; None while one is
    active. Tests do not count. Without any: since it was found."""
    a = tables.alarms
    linked = select(a.c.point_id, a.c.device_id, a.c.site_id).where(a.c.id.in_(hazard.alarm_ids))
    points, devices = {hazard.point_id} - {None}, set()
    if hazard.point_id is None and hazard.device_id is not None:
        devices.add((hazard.site_id, hazard.device_id))
    for row in connection.execute(linked):
        if row.point_id is not None:
            points.add(row.point_id)
        elif row.device_id:
            devices.add((row.site_id, row.device_id))
    concerned: list[ColumnElement[bool]] = [a.c.point_id.in_(sorted(each for each in points if each is not None))]
    concerned += [(a.c.site_id == site_id) & (a.c.device_id == device_id) for site_id, device_id in sorted(devices)]
    active = func.count().filter(a.c.condition == "active")
    row = connection.execute(
        select(active.label("active"), func.max(a.c.cleared_ms).label("last")).where(or_(*concerned), a.c.is_test.is_(False))
    ).one()
    if row.active:
        return None
    return hazard.found_ms if row.last is None else max(row.last, hazard.found_ms)


def views(connection: Connection, user_id: str) -> list[SavedView]:
    """A person's, by name."""
    found = connection.execute(select(_v).where(_v.c.user_id == user_id).order_by(_v.c.name, _v.c.id)).mappings()
    return [SavedView(**{**row, "query": rows.from_json(dict, row["query"])}) for row in found]


def put_view(connection: Connection, view: SavedView) -> SavedView:
    """Insert (version 1) or replace the version before. Raises Conflict."""
    row = {"id": view.id, "user_id": view.user_id, "name": view.name, "query": rows.to_json(view.query), "version": view.version}
    if view.version == 1:
        connection.execute(insert(_v), row)
        return view
    changed = connection.execute(update(_v).where(_v.c.id == view.id, _v.c.version == view.version - 1).values(row))
    if changed.rowcount != 1:
        raise Conflict(f"view {view.id} is not at version {view.version - 1} any more")
    return view


def drop_view(connection: Connection, view_id: str) -> None:
    connection.execute(delete(_v).where(_v.c.id == view_id))
