"""Devices with their presence, clock, battery and refusals; their points with the newest reading and the history behind it.

How devices come, move, are replaced and go stands in `api.routes.provisioning`.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api import configuration
from api.days import last_day, until_ms
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import Problem, invalid, not_found
from api.routes.query import Cursor, Limit
from api.shapes.provisioning import DeviceDetail, RefusedPage, battery_shape, detail_shape, refused_shape
from api.shapes.times import AskedInstant, finite, iso
from api.shapes.tree import (
    ChangedDeviceAsk,
    DeviceAsk,
    DevicePage,
    DeviceShape,
    PointPage,
    PointShape,
    SeriesShape,
    device_shape,
    series_shape,
)
from sites.metrics import kind_of, unit_of
from sites.model import Device, point_id
from sites.records import Unavailable

log = logging.getLogger("sitewarden.api")
router = APIRouter(route_class=ActingRoute, tags=["devices"])
Of = Annotated[str | None, Query(max_length=64)]
STEPS = {"auto": 1_000, "fine": 2_000, "coarse": 200}
LONGEST_MS = 100 * 366 * 86_400_000


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
    return {"items": [shape(door, t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/devices", status_code=201)
def new_device(ask: DeviceAsk, door: At, visitor: By) -> DeviceShape:
    placed(door, visitor, ask.site_id, ask.zone_id)
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
        calibrated_until_ms=day(ask.calibrated_until, zone_of_site(door, ask.site_id), "/calibrated_until"),
        service_until_ms=day(ask.service_until, zone_of_site(door, ask.site_id), "/service_until"),
    )
    free_address(door, device)
    return shape(door, configuration.insert(door, visitor, "device", device))


@router.get("/devices/{device_id}")
def device(device_id: str, door: At, visitor: By) -> DeviceDetail:
    """The device with its clock, its battery, what it switches, and how much of what it says is refused."""
    found: Device = configuration.one(door, visitor, "device", device_id)
    board = door.board
    roster = board.roster
    return detail_shape(
        found,
        board.presence(found.id),
        zone_of_site(door, found.site_id),
        board.clock(found.id),
        battery_shape(roster.latest(found.id, "battery"), roster.latest(found.id, "battery_low")),
        board.refused_total(found.id),
        [roster.circuits[c] for c in tuple(roster.circuits_of_device.get(found.id, ())) if c in roster.circuits],
    )


@router.get("/devices/{device_id}/refusals")
def refusals(device_id: str, door: At, visitor: By) -> RefusedPage:
    """What of its messages was no reading, with the raw bytes."""
    found = configuration.one(door, visitor, "device", device_id)
    items = [refused_shape(refused) for refused in door.board.refusals(found.id)]
    return {"total": door.board.refused_total(found.id), "items": items}


@router.put("/devices/{device_id}")
def change_device(device_id: str, ask: ChangedDeviceAsk, door: At, visitor: By) -> DeviceShape:
    configuration.same_id(ask.id, device_id)

    def make(present: Device) -> Device:
        placed(door, visitor, ask.site_id, ask.zone_id)
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
            calibrated_until_ms=_day_kept(door, ask, present, "calibrated_until"),
            service_until_ms=_day_kept(door, ask, present, "service_until"),
        )
        free_address(door, changed)
        return changed

    return shape(door, configuration.change(door, visitor, "device", device_id, ask.version, make))


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


def shape(door: Door, device: Device) -> DeviceShape:
    return device_shape(device, door.board.presence(device.id), zone_of_site(door, device.site_id))


def zone_of_site(door: Door, site_id: str) -> str:
    """The site's time zone, in which its days begin and end."""
    site = door.board.roster.sites.get(site_id)
    return site.timezone if site else "UTC"


def day(given: str | None, zone: str, pointer: str) -> int | None:
    """The moment at which this day is over. Raises 422."""
    try:
        return None if given is None else until_ms(given, zone)
    except ValueError as error:
        raise invalid(str(error), pointer) from None


def _day_kept(door: Door, ask: DeviceAsk, present: Device, name: str) -> int | None:
    """The date as asked; one that is left out stays the same day, also at a site of another time zone."""
    was = last_day(getattr(present, f"{name}_ms"), zone_of_site(door, present.site_id))
    return day(getattr(ask, name) if name in ask.model_fields_set else was, zone_of_site(door, ask.site_id), f"/{name}")


def placed(door: Door, visitor: Visitor, site_id: str, zone_id: str) -> None:
    configuration.known(door, visitor, "site", site_id, "/site_id")
    configuration.site_of_zone(door, visitor, zone_id, site_id)


def free_address(door: Door, device: Device) -> None:
    """Raises 422 where another device already is heard under this address."""
    other = door.board.roster.find(device.codec, device.address)
    if other is not None and other.id != device.id:
        raise invalid(f"another device ({other.id}) is heard as {device.codec} {device.address}", "/address")


def _heard(door: Door, visitor: Visitor, name: str) -> tuple[Device, str]:
    device_id, _, metric = name.partition(":")
    roster = door.board.roster
    row = roster.rows_ever.get(device_id)  # also of a retired one: its history is kept
    found = None if row is None else roster.devices_by_row[row]
    if row is None or found is None or not visitor.reach.may("see", found.site_id) or metric not in roster.rows_by_metric[row]:
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
