"""How devices come and go: the inbox of unknown ones, the register as a file, moving, replacing hardware, retiring.

Each is one record transaction, all or none, then the scan is told. What the scan makes of it stands there: a changed breaker or channel
voids a circuit's trial, other hardware's clock is learnt anew, the alarms of a retired device are withdrawn for people to end.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import configuration, register, sheets
from api.days import last_day
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import Problem, invalid, not_found
from api.register import Plan, Present
from api.routes.devices import day, free_address, placed, shape, zone_of_site
from api.routes.query import Cursor, Limit
from api.shapes.provisioning import (
    Accepted,
    AcceptedShape,
    AcceptManyAsk,
    DismissAsk,
    ImportAnswer,
    ImportAsk,
    MoveAsk,
    ReplaceAsk,
    RetireAsk,
    RetiredShape,
    import_answer,
)
from api.shapes.tree import AcceptDeviceAsk, DeviceShape, InboxPage, inbox_shape
from sites.inbox import InboxDevice
from sites.model import Circuit, Device
from sites.records import Change, Conflict, NotFound

router = APIRouter(route_class=ActingRoute, tags=["devices"])


# -- the inbox of unknown devices ----------------------------------------------------------------------------------------


@router.get("/devices/inbox")
def inbox(door: At, visitor: By, dismissed: bool = False, cursor: Cursor = None, limit: Limit = 50) -> InboxPage:
    """Devices that were heard and are not known: those that wait, or those that were dismissed."""
    visitor.must_somewhere("configure")
    page = door.records.inbox_devices(visitor.reach.sites["configure"], cursor, limit, dismissed)
    return {"items": [inbox_shape(t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/devices/inbox/accept", status_code=201)
def accept_many(ask: AcceptManyAsk, door: At, visitor: By) -> AcceptedShape:
    """Bind unknown devices to one zone, all or none: from their next messages on they are watched."""
    for item in ask.items:
        _waiting(door, visitor, item.inbox_id)
    placed(door, visitor, ask.site_id, ask.zone_id)
    return {"items": [shape(door, device) for device in _accept(door, visitor, ask)]}


@router.post("/devices/inbox/dismiss", status_code=204)
def dismiss(ask: DismissAsk, door: At, visitor: By) -> None:
    """None of ours: kept out of sight, however often they speak."""
    for inbox_id in ask.inbox_ids:
        _waiting(door, visitor, inbox_id)
    door.records.dismiss_inbox_devices(ask.inbox_ids, visitor.now_ms if ask.dismissed else None)


@router.post("/devices/inbox/{inbox_id}/accept", status_code=201)
def accept(inbox_id: str, ask: AcceptDeviceAsk, door: At, visitor: By) -> DeviceShape:
    """Bind an unknown device to site and zone: from its next message on it is watched."""
    _waiting(door, visitor, inbox_id)
    placed(door, visitor, ask.site_id, ask.zone_id)
    one = Accepted(inbox_id=inbox_id, id=ask.id, name=ask.name, kind=ask.kind)
    many = AcceptManyAsk(items=[one], site_id=ask.site_id, zone_id=ask.zone_id, link=ask.link, interval_s=ask.interval_s)
    return shape(door, _accept(door, visitor, many)[0])


def _accept(door: Door, visitor: Visitor, ask: AcceptManyAsk) -> list[Device]:
    taken = {device.id for device in door.records.all_things("device")}
    made: list[Device] = []
    for item in ask.items:
        found = _waiting(door, visitor, item.inbox_id)
        device = Device(
            id=item.id or _free_id(found, taken),
            site_id=ask.site_id,
            zone_id=ask.zone_id,
            name=item.name or found.suggested_name or found.address,
            kind=item.kind or ask.kind or found.suggested_kind or "other",
            codec=found.codec,
            address=found.address,
            interval_s=ask.interval_s,
            link=ask.link,
        )
        free_address(door, device)
        configuration.must_change(door, visitor, "device", device)
        taken.add(device.id)
        made.append(device)
    kept = _commit(door, visitor, Change(inserts=(("device", tuple(made)),), accepted=tuple(i.inbox_id for i in ask.items)))
    return [thing for _, _, _, thing in kept]


def _waiting(door: Door, visitor: Visitor, inbox_id: str) -> InboxDevice:
    """Raises 404 where it is not there, or not this person's to accept."""
    try:
        found = door.records.inbox_device(inbox_id)
    except NotFound:
        raise not_found("the unknown device", inbox_id) from None
    if not visitor.reach.may("configure", found.site_id):
        raise not_found("the unknown device", inbox_id)
    return found


def _free_id(found: InboxDevice, taken: set[str]) -> str:
    """From the last word of its address; numbered where that is taken."""
    word = "".join(c if (c.isalnum() and c.isascii()) or c in "_.-" else "-" for c in found.address.rpartition("/")[2])[:56]
    word = word.strip("-") or found.id[:56]
    return next(name for name in (word, *(f"{word}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)


# -- the register as a file ----------------------------------------------------------------------------------------------


@router.get("/devices/export", response_class=Response)
def export(
    door: At,
    visitor: By,
    form: Annotated[Literal["csv", "xlsx"], Query(alias="format")] = "xlsx",
    language: Literal["en", "zh"] = "en",
    site: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """The devices and circuits that the person sees, in the columns that an import reads."""

    def mine(kind: str) -> list[Any]:
        return [t for t in door.records.all_things(kind) if site in (None, t.site_id) and visitor.reach.may("see", t.site_id)]

    sites = {site.id: site for site in door.records.all_things("site")}
    table = register.write(mine("device"), mine("circuit"), sites, language)
    content, kind = (sheets.write_csv(table), sheets.CSV_TYPE) if form == "csv" else (sheets.write_xlsx(table), sheets.XLSX_TYPE)
    return Response(content, 200, {"Content-Disposition": f'attachment; filename="devices.{form}"'}, kind)


@router.post("/devices/import")
def import_devices(ask: ImportAsk, door: At, visitor: By) -> ImportAnswer:
    """Read a CSV or XLSX of devices and circuits. A dry run lists every wrong cell; the real one does all of it or nothing."""
    visitor.must_somewhere("configure")
    try:
        table = sheets.read(base64.b64decode(ask.content_b64, validate=True))
    except (binascii.Error, ValueError):
        raise invalid("content_b64 is not base64", "/content_b64") from None
    except sheets.SheetError as error:
        raise invalid(str(error), "/content_b64") from None
    plan = register.read(table, _present(door, visitor))
    if not ask.dry_run:
        _carry_out(door, visitor, plan)
    return import_answer(plan, ask.dry_run)


def _carry_out(door: Door, visitor: Visitor, plan: Plan) -> None:
    if plan.bad_total:
        errors = [{"pointer": f"row {b.row}, {b.column}", "detail": f"given {b.given!r}; allowed: {b.allowed}"} for b in plan.bad[:100]]
        raise Problem(422, "bad-rows", "The file has wrong cells", f"{plan.bad_total} cells are wrong; nothing was changed", errors=errors)
    change = plan.change("import of a file")
    if change.inserts or change.updates:
        _commit(door, visitor, change)


def _present(door: Door, visitor: Visitor) -> Present:
    records, see = door.records, visitor.reach.may
    return Present(
        sites={t.id: t for t in records.all_things("site") if see("see", t.id)},
        zones={t.id: t for t in records.all_things("zone") if see("see", t.site_id)},
        devices={t.id: t for t in records.all_things("device")},
        circuits={t.id: t for t in records.all_things("circuit")},
        codecs=door.codecs.names,
        may=lambda site_id: see("configure", site_id),
    )


# -- moving, replacing, retiring -----------------------------------------------------------------------------------------


@router.post("/devices/{device_id}/move")
def move(device_id: str, ask: MoveAsk, door: At, visitor: By) -> DeviceShape:
    """To another zone or site; its points, history and open alarms stay its own."""
    present = _changeable(door, visitor, device_id, ask.version)
    placed(door, visitor, ask.site_id, ask.zone_id)
    was, zone = zone_of_site(door, present.site_id), zone_of_site(door, ask.site_id)
    moved = replace(
        present,
        site_id=ask.site_id,
        zone_id=ask.zone_id,
        calibrated_until_ms=day(last_day(present.calibrated_until_ms, was), zone, ""),
        service_until_ms=day(last_day(present.service_until_ms, was), zone, ""),
    )
    configuration.must_change(door, visitor, "device", moved)
    circuits = _circuits_of(door, device_id) if ask.site_id != present.site_id else []
    along = [replace(circuit, site_id=ask.site_id, zone_id=ask.zone_id, trial=None) for circuit in circuits]
    return _changed(door, visitor, moved, along, ask.why)


@router.post("/devices/{device_id}/replace")
def replace_device(device_id: str, ask: ReplaceAsk, door: At, visitor: By) -> DeviceShape:
    """Other hardware at the same place: the id, the points and their history stay; circuits' trials are void."""
    present = _changeable(door, visitor, device_id, ask.version)
    accepted: tuple[str, ...] = ()
    codec, address = ask.codec or present.codec, ask.address or ""
    if ask.inbox_id is not None:
        found = _waiting(door, visitor, ask.inbox_id)
        codec, address, accepted = found.codec, found.address, (found.id,)
    if not address:
        raise invalid("the new hardware is named by inbox_id, or by the address under which it will be heard", "/address")
    if codec not in door.codecs.names:
        raise invalid(f"there is no codec {codec}; there are {', '.join(door.codecs.names)}", "/codec")
    if (codec, address) == (present.codec, present.address):
        raise invalid(f"the device is heard as {codec} {address} already: that is no other hardware", "/address")
    zone = zone_of_site(door, present.site_id)
    new = replace(
        present,
        codec=codec,
        address=address,
        link=ask.link or present.link,
        calibrated_until_ms=day(ask.calibrated_until, zone, "/calibrated_until"),
        service_until_ms=day(ask.service_until, zone, "/service_until"),
    )
    free_address(door, new)
    untried = [replace(circuit, trial=None) for circuit in _circuits_of(door, device_id) if circuit.trial is not None]
    return _changed(door, visitor, new, untried, ask.why or f"was {present.codec} {present.address}", accepted)


@router.post("/devices/{device_id}/retire")
def retire(device_id: str, ask: RetireAsk, door: At, visitor: By) -> RetiredShape:
    """Out of watch for good: its active alarms return to normal for people to end, its history is kept."""
    present = _changeable(door, visitor, device_id, ask.version)
    circuits = _circuits_of(door, device_id)
    if circuits and not ask.with_circuits:
        named = ", ".join(circuit.id for circuit in circuits[:3]) + (" and more" if len(circuits) > 3 else "")
        raise Problem(
            409, "not-empty", "It still switches circuits", f"{device_id} switches {named}: retire them with it, or remove them first"
        )
    gone: list[tuple[str, Any]] = [("circuit", circuit) for circuit in circuits]
    _commit(door, visitor, Change(removals=(*gone, ("device", present)), why=ask.why))
    return {"id": device_id, "circuits": [circuit.id for circuit in circuits]}


# -- parts ---------------------------------------------------------------------------------------------------------------


def _changeable(door: Door, visitor: Visitor, device_id: str, version: int) -> Device:
    present: Device = configuration.one(door, visitor, "device", device_id)
    configuration.must_change(door, visitor, "device", present)
    if present.version != version:
        raise Conflict(f"the device {device_id} is at version {present.version}, not {version}: read it again and change that")
    return present


def _circuits_of(door: Door, device_id: str) -> list[Circuit]:
    return [circuit for circuit in door.records.all_things("circuit") if circuit.device_id == device_id]


def _changed(
    door: Door, visitor: Visitor, device: Device, circuits: Sequence[Circuit], why: str, accepted: tuple[str, ...] = ()
) -> DeviceShape:
    updates = (("device", device), *(("circuit", circuit) for circuit in circuits))
    done = _commit(door, visitor, Change(updates=updates, accepted=accepted, why=why))
    return shape(door, done[0][3])


def _commit(door: Door, visitor: Visitor, change: Change) -> list[tuple[str, Any, int, Any]]:
    """Keep it, and tell the scan."""
    done = door.records.commit(change, visitor.user.id, visitor.now_ms)
    door.desk.configurations_changed([(kind, thing_id, version, thing) for kind, thing_id, version, thing in done])
    return done
