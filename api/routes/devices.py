"""Devices with their presence, their points with the newest reading and the history behind it, and unknown devices to accept."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api import configuration
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import Problem, invalid, not_found
from api.routes.query import Cursor, Limit
from api.shapes.times import AskedInstant, finite, iso
from api.shapes.tree import (
    AcceptDeviceAsk,
    ChangedDeviceAsk,
    DeviceAsk,
    DevicePage,
    DeviceShape,
    InboxPage,
    PointPage,
    PointShape,
    SeriesShape,
    device_shape,
    inbox_shape,
    series_shape,
)
from sites.metrics import kind_of, unit_of
from sites.model import Device, point_id
from sites.records import NotFound, Unavailable

log = logging.getLogger("sitewarden.api")
router = APIRouter(route_class=ActingRoute, tags=["devices"])
Of = Annotated[str | None, Query(max_length=64)]
STEPS = {"auto": 1_000, "fine": 2_000, "coarse": 200}
LONGEST_MS = 100 * 366 * 86_400_000


# the inbox comes first: `inbox` is not a device's id
@router.get("/devices/inbox")
def inbox(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> InboxPage:
    """Devices that were heard and are not known."""
    visitor.must_somewhere("configure")
    page = door.records.inbox_devices(visitor.reach.sites["configure"], cursor, limit)
    return {"items": [inbox_shape(t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/devices/inbox/{inbox_id}/accept", status_code=201)
def accept(inbox_id: str, ask: AcceptDeviceAsk, door: At, visitor: By) -> DeviceShape:
    """Bind an unknown device to site and zone: from its next message on it is watched."""
    try:
        found = door.records.inbox_device(inbox_id)
    except NotFound:
        raise not_found("the unknown device", inbox_id) from None
    if not visitor.reach.may("configure", found.site_id):
        raise not_found("the unknown device", inbox_id)
    _placed(door, visitor, ask.site_id, ask.zone_id)
    device = Device(
        id=ask.id or _suggested_id(found.address, inbox_id),
        site_id=ask.site_id,
        zone_id=ask.zone_id,
        name=ask.name or found.suggested_name or found.address,
        kind=ask.kind or found.suggested_kind or "other",
        codec=found.codec,
        address=found.address,
        interval_s=ask.interval_s,
        link=ask.link,
    )
    _free_address(door, device)
    kept = configuration.insert(door, visitor, "device", device)
    door.records.drop_inbox_device(inbox_id)
    return _shape(door, kept)


@router.get("/devices")
def devices(
    door: At,
    visitor: By,
    site: Of = None,
    zone: Of = None,
    q: Of = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DevicePage:
    page = configuration.listed(door, visitor, "device", cursor, limit, site_id=site, zone_id=zone, q=q)
    return {"items": [_shape(door, t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/devices", status_code=201)
def new_device(ask: DeviceAsk, door: At, visitor: By) -> DeviceShape:
    _placed(door, visitor, ask.site_id, ask.zone_id)
    device_id = configuration.new_id(ask.id, "device")
    device = Device(
        id=device_id,
        site_id=ask.site_id,
        zone_id=ask.zone_id,
        name=ask.name,
        kind=ask.kind,
        codec=ask.codec,
        address=ask.address or f"{ask.site_id}/{device_id}",
        gateway_id=ask.gateway_id,
        interval_s=ask.interval_s,
        link=ask.link,
    )
    _free_address(door, device)
    return _shape(door, configuration.insert(door, visitor, "device", device))


@router.get("/devices/{device_id}")
def device(device_id: str, door: At, visitor: By) -> DeviceShape:
    return _shape(door, configuration.one(door, visitor, "device", device_id))


@router.put("/devices/{device_id}")
def change_device(device_id: str, ask: ChangedDeviceAsk, door: At, visitor: By) -> DeviceShape:
    configuration.same_id(ask.id, device_id)

    def make(present: Device) -> Device:
        _placed(door, visitor, ask.site_id, ask.zone_id)
        changed = replace(
            present,
            site_id=ask.site_id,
            zone_id=ask.zone_id,
            name=ask.name,
            kind=ask.kind,
            codec=ask.codec,
            address=ask.address or present.address,
            gateway_id=ask.gateway_id,
            interval_s=ask.interval_s,
            link=ask.link,
        )
        _free_address(door, changed)
        return changed

    return _shape(door, configuration.change(door, visitor, "device", device_id, ask.version, make))


@router.delete("/devices/{device_id}", status_code=204)
def remove_device(device_id: str, door: At, visitor: By) -> None:
    configuration.remove(door, visitor, "device", device_id)


# -- points --------------------------------------------------------------------------------------------------------------


@router.get("/points")
def points(door: At, visitor: By, device: Of = None, site: Of = None, cursor: Cursor = None, limit: Limit = 50) -> PointPage:
    """Points appear by being heard; they come in the order of their devices."""
    roster = door.board.roster
    if device is not None:
        one = roster.device(device)
        mine = [] if one is None else [one]
    else:
        mine = list(roster.devices())
    mine = sorted((d for d in mine if visitor.reach.may("see", d.site_id) and site in (None, d.site_id)), key=lambda d: d.id)
    found: list[PointShape] = []
    for each in mine:
        if cursor is not None and each.id < cursor.partition(":")[0]:
            continue
        for metric in sorted(roster.rows_by_metric[roster.device_rows[each.id]]):
            if cursor is None or (each.id, metric) > (cursor.partition(":")[0], cursor.partition(":")[2]):
                found.append(_point(door, each, metric))
        if len(found) > limit:
            break
    return {"items": found[:limit], "next_cursor": found[limit - 1]["id"] if len(found) > limit else None}


@router.get("/points/{point_id}")
def point(point_id: str, door: At, visitor: By) -> PointShape:
    found, metric = _heard(door, visitor, point_id)
    return _point(door, found, metric)


@router.get("/points/{point_id}/readings")
def readings(
    point_id: str,
    door: At,
    visitor: By,
    from_ms: Annotated[AskedInstant | None, Query(alias="from", description="default: an hour before `to`")] = None,
    to_ms: Annotated[AskedInstant | None, Query(alias="to", description="exclusive; default: now")] = None,
    resolution: Annotated[Literal["auto", "fine", "coarse"], Query(description="at most 1000, 2000 or 200 steps")] = "auto",
) -> SeriesShape:
    """History of a point: raw where the span is short, else minimum, mean and maximum a step."""
    _heard(door, visitor, point_id)
    until = visitor.now_ms + 1 if to_ms is None else to_ms
    since = until - 3_600_000 if from_ms is None else from_ms
    if not 0 < until - since <= LONGEST_MS:
        raise invalid("from must lie before to, and at most a hundred years", "?from")
    try:
        series = door.history.series(point_id, since, until, STEPS[resolution])
    except Unavailable as error:
        log.warning("the historian did not answer: %s", error)
        raise Problem(
            503,
            "history-unavailable",
            "No history now",
            "the historian cannot be reached now; alarms go on without it",
            {"Retry-After": "5"},
        ) from None
    return series_shape(series, point_id, unit_of(point_id.partition(":")[2]), since, until)


# -- parts ---------------------------------------------------------------------------------------------------------------


def _shape(door: Door, device: Device) -> DeviceShape:
    return device_shape(device, door.board.presence(device.id))


def _placed(door: Door, visitor: Visitor, site_id: str, zone_id: str) -> None:
    configuration.known(door, visitor, "site", site_id, "/site_id")
    configuration.site_of_zone(door, visitor, zone_id, site_id)


def _free_address(door: Door, device: Device) -> None:
    """Raises 422 where another device already is heard under this address."""
    other = door.board.roster.find(device.codec, device.address)
    if other is not None and other.id != device.id:
        raise invalid(f"another device is heard as {device.codec} {device.address}", "/address")


def _suggested_id(address: str, inbox_id: str) -> str:
    last = "".join(c if (c.isalnum() and c.isascii()) or c in "_.-" else "-" for c in address.rpartition("/")[2])[:64]
    return last or inbox_id[:64]


def _heard(door: Door, visitor: Visitor, name: str) -> tuple[Device, str]:
    device_id, _, metric = name.partition(":")
    roster = door.board.roster
    found = roster.device(device_id)
    if found is None or not visitor.reach.may("see", found.site_id) or roster.point_row(device_id, metric) is None:
        raise not_found("the point", name)
    return found, metric


def _point(door: Door, device: Device, metric: str) -> PointShape:
    latest = door.board.roster.latest(device.id, metric)
    return {
        "id": point_id(device.id, metric),
        "device_id": device.id,
        "site_id": device.site_id,
        "metric": metric,
        "unit": unit_of(metric),
        "kind": kind_of(metric),
        "value": finite(latest[0]) if latest else None,
        "taken_at": iso(latest[1]) if latest else None,
        "arrived_at": iso(latest[2]) if latest else None,
    }
