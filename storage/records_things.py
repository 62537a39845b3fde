"""Configuration in the records: what is watched, rules and linkages, each with a version that only rises.

`storage.kinds` says how each is kept; the functions take a connection inside a transaction. Every change is audited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, insert, or_, select, update

from alarms.linkage import Linkage
from rules.model import Rule
from rules.versions import RuleVersion
from sites.records import Change, Conflict, NotFound, Page, Scope
from storage import cursors, records_audit, records_inbox, rows, tables
from storage.database import put
from storage.kinds import KINDS, Kind

_ROWS_A_STATEMENT = 5_000
_TWICE = "the same id or name is given twice"


# -- reading -----------------------------------------------------------------------------------------------------------


def things(connection: Connection, kind: Kind, sites: Scope, cursor: str | None, limit: int, where: Mapping[str, str]) -> Page[Any]:
    """One page in the order of ids. `where`: columns that must equal, and `q`, a text to be found. Raises ValueError for others."""
    statement = _in_scope(select(kind.table), kind, sites)
    for name, wanted in where.items():
        name = name.rstrip("_")  # `kind_`: a column whose name the caller cannot give as a keyword
        if name == "q":
            found = [kind.table.c[column].icontains(tables.storable(wanted), autoescape=True) for column in kind.searched]
            statement = statement.where(or_(*found))
        else:
            statement = statement.where(_equals(kind, name, wanted))
    found_rows, next_cursor = cursors.rows_of(connection, statement, [kind.table.c.id], cursor, limit)
    return Page([kind.thing(row) for row in found_rows], next_cursor)


def _equals(kind: Kind, name: str, wanted: str) -> ColumnElement[bool]:
    column = kind.table.c.get(name)
    if column is None:
        allowed = ", ".join(column.name for column in kind.table.columns)
        raise ValueError(f"{kind.name} has no {name!r} to filter by; there are {allowed} and q")
    python_type = column.type.python_type
    if python_type is bool:
        return column.is_(wanted.lower() in ("true", "1"))
    return column == (wanted if python_type is str else python_type(wanted))


def _in_scope(statement: Select[Any], kind: Kind, sites: Scope) -> Select[Any]:
    return statement if sites is None else statement.where(kind.scope(sites))


def thing(connection: Connection, kind: Kind, thing_id: str) -> Any:
    """Raises NotFound."""
    row = _row(connection, kind, thing_id)
    if row is None:
        raise NotFound(f"{kind.name} {thing_id} does not exist")
    return kind.thing(row)


def all_things(connection: Connection, kind: Kind) -> list[Any]:
    """Everything of a kind, parents before what refers to them where a kind refers to itself."""
    found = connection.execution_options(yield_per=5_000).execute(select(kind.table).order_by(kind.table.c.id)).mappings()
    return [kind.thing(row) for row in found]


def rule_version(connection: Connection, rule_id: str, version: int) -> Rule:
    """A rule as it was in that version. Raises NotFound."""
    t = tables.rule_versions
    found = select(t).where(t.c.rule_id == rule_id, t.c.version == version)
    row = connection.execute(found).mappings().first() if 0 < version < 2**31 else None
    if row is None:
        raise NotFound(f"rule {rule_id} has no version {version}")
    return rows.rule_of(row)


def rule_versions(connection: Connection, rule_id: str) -> list[RuleVersion]:
    """All versions of a rule, oldest first, and its removals, each with who made it when. Empty: there never was one."""
    t, gone, written = tables.rule_versions, tables.removals, tables.rule_texts
    texts = {row.version: row.text for row in connection.execute(select(written).where(written.c.rule_id == rule_id))}
    found = connection.execute(select(t).where(t.c.rule_id == rule_id).order_by(t.c.version)).mappings()
    kept = [
        RuleVersion(version=row["version"], at_ms=row["at_ms"], who=row["who"], rule=rows.rule_of(row), text=texts.get(row["version"], ""))
        for row in found
    ]
    removed = connection.execute(select(gone).where(gone.c.kind == "rule", gone.c.thing_id == rule_id)).mappings()
    kept += [RuleVersion(version=row["version"], at_ms=row["at_ms"], who="", rule=None) for row in removed]
    return sorted(kept, key=lambda each: each.version)


def keep_rule_text(connection: Connection, rule_id: str, version: int, text: str) -> None:
    """A version as it was written."""
    put(connection, tables.rule_texts, [{"rule_id": rule_id, "version": version, "text": tables.storable(text)}])


def _row(connection: Connection, kind: Kind, thing_id: str, lock: bool = False) -> Mapping[Any, Any] | None:
    statement = select(kind.table).where(kind.table.c.id == thing_id)
    return connection.execute(statement.with_for_update() if lock else statement).mappings().first()


# -- writing -----------------------------------------------------------------------------------------------------------


def insert_things(connection: Connection, kind: Kind, given: Sequence[Any], who: str, now_ms: int) -> list[Any]:
    """At version 1, or the next after its removal where there was one of that id before. Parents first, one audit entry."""
    t = tables.removals
    gone = select(t.c.thing_id, t.c.version).where(t.c.kind == kind.name)
    if len(given) == 1:
        gone = gone.where(t.c.thing_id == given[0].id)
    removed = {row.thing_id: row.version for row in connection.execute(gone)}
    new = [replace(thing, version=removed.get(thing.id, 0) + 1) for thing in given]
    ordered = _parents_first(kind, new)
    for start in range(0, len(ordered), _ROWS_A_STATEMENT):
        connection.execute(insert(kind.table), [kind.row(thing) for thing in ordered[start : start + _ROWS_A_STATEMENT]])
    for thing in new:
        _keep_aside(connection, kind, thing, who, now_ms)
    if len(new) == 1:
        _audit(connection, "insert", kind, new[0].id, who, now_ms, None, new[0])
    elif new:
        records_audit.append(
            connection, at_ms=now_ms, who=who, what="insert_many", kind=kind.name, thing_id="", after={"ids": [x.id for x in new]}
        )
    return new


def update_thing(connection: Connection, kind: Kind, thing: Any, who: str, now_ms: int) -> Any:
    """Replace it when `thing.version` is the present one. Raises NotFound, Conflict."""
    row = _row(connection, kind, thing.id, lock=True)
    if row is None:
        raise NotFound(f"{kind.name} {thing.id} does not exist")
    present = kind.thing(row)
    if present.version != thing.version:
        raise Conflict(f"{kind.name} {thing.id} is at version {present.version}, not {thing.version}: read it again")
    new = replace(thing, version=thing.version + 1)
    connection.execute(update(kind.table).where(kind.table.c.id == thing.id).values(kind.row(new)))
    _keep_aside(connection, kind, new, who, now_ms)
    _audit(connection, "update", kind, thing.id, who, now_ms, present, new)
    return new


def delete_thing(connection: Connection, kind: Kind, thing_id: str, who: str, now_ms: int) -> int:
    """Take it out; returns the version of the removal. Raises NotFound, Conflict when others still refer to it."""
    row = _row(connection, kind, thing_id, lock=True)
    if row is None:
        raise NotFound(f"{kind.name} {thing_id} does not exist")
    present = kind.thing(row)
    connection.execute(delete(kind.table).where(kind.table.c.id == thing_id))
    version: int = present.version + 1
    put(connection, tables.removals, [{"kind": kind.name, "thing_id": thing_id, "version": version, "at_ms": now_ms}])
    _confine(connection, kind, thing_id, set())
    _audit(connection, "delete", kind, thing_id, who, now_ms, present, None)
    return version


def commit(connection: Connection, change: Change, who: str, now_ms: int) -> list[tuple[str, Any, int, Any | None]]:
    """Additions, then changes, then removals. Raises NotFound, Conflict, and what the database refuses."""
    done: list[tuple[str, Any, int, Any | None]] = []
    for name, things in change.inserts:
        done += [(name, kept.id, kept.version, kept) for kept in insert_things(connection, KINDS[name], things, who, now_ms)]
    for name, thing in change.updates:
        kept = update_thing(connection, KINDS[name], thing, who, now_ms)
        done.append((name, kept.id, kept.version, kept))
    for name, thing in change.removals:
        present = _row(connection, KINDS[name], thing.id, lock=True)
        if present is not None and present["version"] != thing.version:
            raise Conflict(f"{name} {thing.id} is at version {present['version']}, not {thing.version}: read it again")
        done.append((name, thing.id, delete_thing(connection, KINDS[name], thing.id, who, now_ms), None))
    for inbox_id in change.accepted:
        records_inbox.drop(connection, inbox_id)
    if change.why:
        ids = [f"{name} {thing_id}" for name, thing_id, _, _ in done]
        records_audit.append(
            connection, at_ms=now_ms, who=who, what="why", kind="change", thing_id="", after={"why": change.why, "of": ids}
        )
    return done


def explain_change(connection: Connection, change: Change) -> str:
    """In words, why the database refused it."""
    for name, things in change.inserts:
        told = explain_conflict(connection, KINDS[name], things, is_new=True)
        if not told.endswith(_TWICE):
            return told
    for name, thing in change.updates:
        told = explain_conflict(connection, KINDS[name], [thing], is_new=False)
        if not told.endswith(_TWICE):
            return told
    if change.removals:  # the last is what the ones before it were part of
        name, thing = change.removals[-1]
        return referring(connection, KINDS[name], thing.id)
    return "the change as a whole: " + _TWICE


def explain_conflict(connection: Connection, kind: Kind, given: Sequence[Any], is_new: bool) -> str:
    """In words, why the database refused these things: an id or name that is taken, or a reference to nothing."""
    for thing in given:
        row = kind.row(thing)
        if is_new and _row(connection, kind, thing.id) is not None:
            return f"{kind.name} {thing.id} already exists"
        if kind.unique:
            same = and_(*(kind.table.c[name] == row[name] for name in kind.unique))
            other = connection.execute(select(kind.table.c.id).where(same, kind.table.c.id != thing.id)).scalar()
            if other is not None:
                named = ", ".join(f"{name} {row[name]}" for name in kind.unique)
                return f"{kind.name} {other} already has {named}"
        ids = {other.id for other in given}
        for name, target in kind.refers.items():
            wanted = row[name]
            if wanted is not None and not (target == kind.name and wanted in ids) and _row(connection, KINDS[target], wanted) is None:
                return f"{kind.name} {thing.id} names {target} {wanted}, which does not exist"
    return f"{kind.name}: {_TWICE}"


def referring(connection: Connection, kind: Kind, thing_id: str) -> str:
    """In words, what still refers to a thing."""
    counts = []
    for other in KINDS.values():
        named = [other.table.c[name] == thing_id for name, target in other.refers.items() if target == kind.name]
        if named:
            number = connection.execute(select(func.count()).select_from(other.table).where(or_(*named))).scalar_one()
            counts += [f"{number} {other.name}{'s' if number > 1 else ''}"] if number else []
    return f"{kind.name} {thing_id} is still named by {', '.join(counts) or 'others'}: remove those first"


def _keep_aside(connection: Connection, kind: Kind, thing: Any, who: str, now_ms: int) -> None:
    if isinstance(thing, Rule):
        version = {"rule_id": thing.id, "version": thing.version, "who": who, "body": rows.to_json(thing), "at_ms": now_ms}
        connection.execute(insert(tables.rule_versions), version)
        _confine(connection, kind, thing.id, _sites_of(connection, thing.scope.sites, thing.scope.zones, thing.scope.devices))
    elif isinstance(thing, Linkage):
        _confine(connection, kind, thing.id, _sites_of(connection, thing.sites, thing.zones, ()))


def _confine(connection: Connection, kind: Kind, thing_id: str, site_ids: set[str]) -> None:
    table = {"rule": tables.rule_sites, "linkage": tables.linkage_sites}.get(kind.name)
    if table is None:
        return
    owner = f"{kind.name}_id"
    connection.execute(delete(table).where(table.c[owner] == thing_id))
    if site_ids:
        connection.execute(insert(table), [{owner: thing_id, "site_id": site_id} for site_id in sorted(site_ids)])


def _sites_of(connection: Connection, sites: Sequence[str], zones: Sequence[str], devices: Sequence[str]) -> set[str]:
    # all filters must hold, so the narrowest that is given says where it can be
    if sites:
        return set(sites)
    for table, ids in ((tables.zones, zones), (tables.devices, devices)):
        if ids:
            return set(connection.execute(select(table.c.site_id).where(table.c.id.in_(ids))).scalars())
    return set()


def _parents_first(kind: Kind, given: Sequence[Any]) -> Sequence[Any]:
    if kind.parent is None or len(given) < 2:
        return given
    waiting = {thing.id: thing for thing in given}
    if len(waiting) < len(given):
        raise Conflict(f"{kind.name}: {_TWICE}")
    ordered: list[Any] = []
    while waiting:
        ready = [thing for thing in waiting.values() if getattr(thing, kind.parent) not in waiting]
        if not ready:
            raise Conflict(f"{kind.name}s name one another in a circle as {kind.parent}: {', '.join(sorted(waiting)[:5])}")
        ordered += ready
        for thing in ready:
            del waiting[thing.id]
    return ordered


def _audit(connection: Connection, what: str, kind: Kind, thing_id: str, who: str | None, now_ms: int, before: Any, after: Any) -> None:
    records_audit.append(connection, at_ms=now_ms, who=who, what=what, kind=kind.name, thing_id=thing_id, before=before, after=after)
