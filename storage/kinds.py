"""The kinds of configuration, as one table: how each is kept as a row, found again, referred to, and limited to a scope of sites.

It holds no connection; `storage.records_things` reads and writes by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Table, or_, select

from alarms.duty import DutyRoster
from alarms.escalation_policy import Escalation
from alarms.presence_checks import PresenceSchedule
from alarms.quiet_times import QuietTime
from power.plans import Plan
from rules.model import NodeKind, Override
from sites.calendars import Calendar
from storage import rows, tables


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of thing is kept. `scope` limits a list to site ids; `refers` are columns that name things of another kind;
    `parent` refers to its own; `unique` are columns that together name one thing; `searched` are those that `q` looks into."""

    name: str
    table: Table
    row: Callable[[Any], dict[str, Any]]
    thing: Callable[[Mapping[Any, Any]], Any]
    scope: Callable[[frozenset[str]], ColumnElement[bool]]
    refers: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    unique: tuple[str, ...] = ()
    searched: tuple[str, ...] = ("id", "name")


def _of_site(table: Table) -> Callable[[frozenset[str]], ColumnElement[bool]]:
    return lambda ids: table.c.site_id.in_(ids)


def _enterprise_scope(ids: frozenset[str]) -> ColumnElement[bool]:
    return tables.enterprises.c.id.in_(select(tables.sites.c.enterprise_id).where(tables.sites.c.id.in_(ids)))


def _district_scope(ids: frozenset[str]) -> ColumnElement[bool]:
    # those of the enterprises in scope, and all above them
    d, e = tables.districts, tables.enterprises
    above = select(d.c.id, d.c.parent_id).where(d.c.id.in_(select(e.c.district_id).where(_enterprise_scope(ids)))).cte(recursive=True)
    above = above.union(select(d.c.id, d.c.parent_id).join(above, d.c.id == above.c.parent_id))
    return d.c.id.in_(select(above.c.id))


def _confined(table: Table, place: Table, name: str) -> Callable[[frozenset[str]], ColumnElement[bool]]:
    # a rule or linkage without a site of its own concerns all of them
    owner = place.c[name]
    return lambda ids: or_(table.c.id.not_in(select(owner)), table.c.id.in_(select(owner).where(place.c.site_id.in_(ids))))


def _kind(name: str, table: Table, shape: rows.Shape[Any], scope: Callable[[frozenset[str]], ColumnElement[bool]], **more: Any) -> Kind:
    return Kind(name, table, shape.row, shape.thing, scope, **more)


def _document(name: str, table: Table, make: Any) -> Kind:
    """A kind that is read back whole; `make` is its dataclass, with `id`, `name`, `site_id` (None: all sites) and `version`."""
    columns = ("id", "site_id", "name", "version")

    def row(thing: Any) -> dict[str, Any]:
        return {column: getattr(thing, column) for column in columns} | {"body": rows.to_json(thing)}

    def scope(ids: frozenset[str]) -> ColumnElement[bool]:
        return or_(table.c.site_id.is_(None), table.c.site_id.in_(ids))

    return Kind(name, table, row, lambda found: rows.from_json(make, found["body"]), scope, refers={"site_id": "site"})


def _override_row(override: Override) -> dict[str, Any]:
    # its own site is a column where it is set for one; the narrower places are known to the roster only
    site_id = override.node_id if override.node_kind is NodeKind.SITE else None
    return {"id": override.id, "site_id": site_id, "name": override.rule_id, "version": override.version, "body": rows.to_json(override)}


_IN_SITE = {"site_id": "site", "zone_id": "zone"}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind("district", tables.districts, rows.DISTRICT, _district_scope, refers={"parent_id": "district"}, parent="parent_id"),
        _kind(
            "enterprise",
            tables.enterprises,
            rows.ENTERPRISE,
            _enterprise_scope,
            refers={"district_id": "district"},
            searched=("id", "name", "credit_code"),
        ),
        _kind(
            "site",
            tables.sites,
            rows.SITE,
            lambda ids: tables.sites.c.id.in_(ids),
            refers={"enterprise_id": "enterprise"},
            searched=("id", "name", "address"),
        ),
        _kind("zone", tables.zones, rows.ZONE, _of_site(tables.zones), refers={"site_id": "site", "parent_id": "zone"}, parent="parent_id"),
        _kind(
            "device",
            tables.devices,
            rows.DEVICE,
            _of_site(tables.devices),
            refers={**_IN_SITE, "gateway_id": "device"},
            parent="gateway_id",
            unique=("codec", "address"),
            searched=("id", "name", "address"),
        ),
        _kind(
            "circuit",
            tables.circuits,
            rows.CIRCUIT,
            _of_site(tables.circuits),
            refers={**_IN_SITE, "device_id": "device"},
            unique=("device_id", "channel"),
            searched=("id", "name", "tenant", "panel"),
        ),
        Kind("rule", tables.rules, rows.rule_row, rows.rule_of, _confined(tables.rules, tables.rule_sites, "rule_id"),
             searched=("id", "name", "name_en")),
        Kind("linkage", tables.linkages, rows.linkage_row, rows.linkage_of,
             _confined(tables.linkages, tables.linkage_sites, "linkage_id"), searched=("id", "name", "name_en")),
        _document("presence_schedule", tables.presence_schedules, PresenceSchedule),
        _document("quiet_time", tables.quiet_times, QuietTime),
        _document("calendar", tables.calendars, Calendar),
        _document("plan", tables.plans, Plan),
        _document("escalation", tables.escalations, Escalation),
        _document("duty_roster", tables.duty_rosters, DutyRoster),
        replace(_document("override", tables.overrides, Override), row=_override_row),
    )
}  # fmt: skip


def kind_of(name: str) -> Kind:
    kind = KINDS.get(name)
    if kind is None:
        raise ValueError(f"no things of kind {name!r}; there are {', '.join(KINDS)}")
    return kind
