"""Contacts, notification groups, templates, and the outbox as a list. Plain record transactions; the audit keeps them without secrets.

The functions take a connection inside a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from alarms.contacts import Contact, Group, masked_contact, masked_group
from alarms.queries import Delivery, DeliveryQuery, Wording
from sites.records import Conflict, NotFound, Page, Scope
from storage import cursors, records_audit, rows, tables

_c, _g, _t, _o = tables.contacts, tables.notify_groups, tables.notify_templates, tables.outbox
_SHOWN = (
    *("key", "alarm_id", "to", "state", "attempts", "last_error", "created_ms", "sent_ms", "channel", "recipient", "cause", "name"),
    *("site_id", "said", "digest_key", "folded", "severity", "next_try_ms", "delivered_ms"),
)


def contact(connection: Connection, user_id: str) -> Contact | None:
    body = connection.execute(select(_c.c.body).where(_c.c.user_id == user_id)).scalar()
    return None if body is None else rows.from_json(Contact, body)


def save_contact(connection: Connection, given: Contact, who: str, now_ms: int) -> Contact:
    """Insert, or replace the version that is present. Raises Conflict."""
    row = connection.execute(select(_c).where(_c.c.user_id == given.user_id).with_for_update()).mappings().first()
    present: Contact | None = None if row is None else rows.from_json(Contact, row["body"])
    if present is not None and present.version != given.version:
        raise Conflict(f"the contact of {given.user_id} is at version {present.version}, not {given.version}: read it again")
    saved = replace(given, version=1 if present is None else present.version + 1)
    values = {"user_id": saved.user_id, "body": rows.to_json(saved), "version": saved.version}
    connection.execute(insert(_c).values(values) if present is None else update(_c).where(_c.c.user_id == saved.user_id).values(values))
    _audit(connection, "contact", saved.user_id, who, now_ms, present and asdict(masked_contact(present)), asdict(masked_contact(saved)))
    return saved


def groups(connection: Connection, sites: Scope) -> list[Group]:
    """By id; those of a site outside the scope are not there."""
    statement = select(_g.c.body).order_by(_g.c.id)
    if sites is not None:
        statement = statement.where(_g.c.site_id.is_(None) | _g.c.site_id.in_(sites))
    return [rows.from_json(Group, body) for body in connection.execute(statement).scalars()]


def group(connection: Connection, group_id: str) -> Group:
    """Raises NotFound."""
    body = connection.execute(select(_g.c.body).where(_g.c.id == group_id)).scalar()
    if body is None:
        raise NotFound(f"notification group {group_id} does not exist")
    found: Group = rows.from_json(Group, body)
    return found


def save_group(connection: Connection, given: Group, who: str, now_ms: int, is_new: bool) -> Group:
    """Raises Conflict (taken, or another version), NotFound."""
    row = connection.execute(select(_g).where(_g.c.id == given.id).with_for_update()).mappings().first()
    if is_new and row is not None:
        raise Conflict(f"notification group {given.id} already exists")
    if not is_new and row is None:
        raise NotFound(f"notification group {given.id} does not exist")
    present: Group | None = None if row is None else rows.from_json(Group, row["body"])
    if present is not None and present.version != given.version:
        raise Conflict(f"notification group {given.id} is at version {present.version}, not {given.version}: read it again")
    saved = replace(given, version=1 if present is None else present.version + 1)
    values = {"id": saved.id, "site_id": saved.site_id, "name": saved.name, "body": rows.to_json(saved), "version": saved.version}
    connection.execute(insert(_g).values(values) if present is None else update(_g).where(_g.c.id == saved.id).values(values))
    _audit(connection, "notify_group", saved.id, who, now_ms, present and asdict(masked_group(present)), asdict(masked_group(saved)))
    return saved


def delete_group(connection: Connection, group_id: str, who: str, now_ms: int) -> None:
    """Raises NotFound."""
    present = group(connection, group_id)
    connection.execute(delete(_g).where(_g.c.id == group_id))
    _audit(connection, "notify_group", group_id, who, now_ms, asdict(masked_group(present)), None)


def wordings(connection: Connection) -> list[Wording]:
    """Templates of the house's own; what is not here has the shipped words."""
    found = connection.execute(select(_t).order_by(_t.c.channel, _t.c.language)).mappings()
    return [Wording(**row) for row in found]


def save_wording(connection: Connection, given: Wording, who: str, now_ms: int) -> Wording:
    """Insert, or replace the version that is present (0: there was none). Raises Conflict."""
    here = (_t.c.channel == given.channel, _t.c.language == given.language)
    row = connection.execute(select(_t).where(*here).with_for_update()).mappings().first()
    present = 0 if row is None else row["version"]
    if present != given.version:
        raise Conflict(f"the template {given.channel}.{given.language} is at version {present}, not {given.version}: read it again")
    saved = replace(given, version=present + 1)
    connection.execute(insert(_t).values(asdict(saved)) if row is None else update(_t).where(*here).values(asdict(saved)))
    _audit(connection, "template", f"{saved.channel}.{saved.language}", who, now_ms, None if row is None else dict(row), asdict(saved))
    return saved


def delete_wording(connection: Connection, channel: str, language: str, who: str, now_ms: int) -> None:
    """Back to the shipped words."""
    here = (_t.c.channel == channel, _t.c.language == language)
    row = connection.execute(select(_t).where(*here)).mappings().first()
    if row is not None:
        connection.execute(delete(_t).where(*here))
        _audit(connection, "template", f"{channel}.{language}", who, now_ms, dict(row), None)


def deliveries(connection: Connection, query: DeliveryQuery, sites: Scope) -> Page[Delivery]:
    """The outbox, newest first."""
    statement = select(*(_o.c[name] for name in _SHOWN))
    if sites is not None:
        statement = statement.where(_o.c.site_id.in_(sites))
    for name in ("state", "channel", "recipient", "alarm_id", "digest_key"):
        wanted = getattr(query, name)
        if wanted is not None:
            statement = statement.where(_o.c[name] == wanted)
    if query.from_ms is not None:
        statement = statement.where(_o.c.created_ms >= query.from_ms)
    if query.to_ms is not None:
        statement = statement.where(_o.c.created_ms < query.to_ms)
    found, cursor = cursors.rows_of(connection, statement, [_o.c.created_ms, _o.c.key], query.cursor, query.limit, descending=True)
    return Page(shown(found), cursor)


def of_alarm(connection: Connection, alarm_id: str) -> list[Delivery]:
    """An alarm's messages, oldest first."""
    statement = select(*(_o.c[name] for name in _SHOWN)).where(_o.c.alarm_id == alarm_id)
    return shown(connection.execute(statement.order_by(_o.c.created_ms, _o.c.key)).mappings().all())


def counts(connection: Connection, sites: Scope) -> dict[str, dict[str, int]]:
    """How many messages are in which state, by channel."""
    statement = select(_o.c.channel, _o.c.state, func.count()).group_by(_o.c.channel, _o.c.state)
    if sites is not None:
        statement = statement.where(_o.c.site_id.in_(sites))
    made: dict[str, dict[str, int]] = {}
    for channel, state, number in connection.execute(statement):
        made.setdefault(channel, {})[state] = number
    return made


def shown(found: Sequence[Any]) -> list[Delivery]:
    return [Delivery(**{name: row[name] for name in _SHOWN}) for row in found]


def _audit(connection: Connection, kind: str, thing_id: str, who: str, now_ms: int, before: Any, after: Any) -> None:
    what = "insert" if before is None else "delete" if after is None else "update"
    records_audit.append(connection, at_ms=now_ms, who=who, what=what, kind=kind, thing_id=thing_id, before=before, after=after)
