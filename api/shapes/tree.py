"""The watched tree over HTTP: districts, enterprises, sites, zones, devices, points; unknown devices; a point's history.

A circuit's class and trial and a site's commanding are not in the asks: they are requests of their own, decided by the scan.
"""

from __future__ import annotations

from pydantic import Field
from typing_extensions import TypedDict

from api.days import last_day
from api.ports import Presence
from api.shapes.asks import Ask, DayText, IdText, NameText
from api.shapes.times import AskedInstant, Instant, finite, iso, iso_or_none
from sites.inbox import InboxDevice
from sites.model import Device, District, Enterprise, Site, Zone
from sites.series import Series


class DistrictShape(TypedDict):
    id: str
    name: str
    parent_id: str | None
    version: int


class DistrictPage(TypedDict):
    items: list[DistrictShape]
    next_cursor: str | None


class EnterpriseShape(TypedDict):
    id: str
    district_id: str
    name: str
    credit_code: str
    industry: str
    version: int


class EnterprisePage(TypedDict):
    items: list[EnterpriseShape]
    next_cursor: str | None


class SiteShape(TypedDict):
    id: str
    enterprise_id: str
    name: str
    timezone: str
    address: str
    commanding: bool
    version: int


class SitePage(TypedDict):
    items: list[SiteShape]
    next_cursor: str | None


class ZoneShape(TypedDict):
    id: str
    site_id: str
    name: str
    parent_id: str | None
    floor: str
    version: int


class ZonePage(TypedDict):
    items: list[ZoneShape]
    next_cursor: str | None


class PresenceShape(TypedDict):
    state: str
    heard_at: Instant | None


class DeviceShape(TypedDict):
    """The dates are the last days of its calibration and of its service life, in the site's own time."""

    id: str
    site_id: str
    zone_id: str
    name: str
    kind: str
    codec: str
    address: str
    gateway_id: str | None
    interval_s: float | None
    link: str
    calibrated_until: str | None
    service_until: str | None
    presence: PresenceShape
    version: int


class DevicePage(TypedDict):
    items: list[DeviceShape]
    next_cursor: str | None


class PointShape(TypedDict):
    """One measured quantity of a device with its newest reading."""

    id: str
    device_id: str
    site_id: str
    metric: str
    unit: str
    kind: str
    value: float | None
    taken_at: Instant | None
    arrived_at: Instant | None


class PointPage(TypedDict):
    items: list[PointShape]
    next_cursor: str | None


class InboxShape(TypedDict):
    """`payload` is the last message, as text where it is text (at most 4 kB); `dismissed_at` is null while it waits."""

    id: str
    codec: str
    address: str
    topic: str
    payload: str
    suggested_kind: str
    suggested_name: str
    site_id: str | None
    first_at: Instant
    last_at: Instant
    count: int
    dismissed_at: Instant | None


class InboxPage(TypedDict):
    items: list[InboxShape]
    next_cursor: str | None


class GapShape(TypedDict):
    from_at: Instant
    to_at: Instant


class SeriesShape(TypedDict):
    """Columns of equal length. `step_ms` 0: raw readings, then minimum, mean and maximum are the same. Times in epoch milliseconds,
    as charts take them."""

    point_id: str
    unit: str
    from_at: Instant
    to_at: Instant
    step_ms: int
    taken_ms: list[int]
    minimum: list[float | None]
    mean: list[float | None]
    maximum: list[float | None]
    gaps: list[GapShape]


def district_shape(thing: District) -> DistrictShape:
    return {"id": thing.id, "name": thing.name, "parent_id": thing.parent_id, "version": thing.version}


def enterprise_shape(thing: Enterprise) -> EnterpriseShape:
    return {
        "id": thing.id,
        "district_id": thing.district_id,
        "name": thing.name,
        "credit_code": thing.credit_code,
        "industry": thing.industry,
        "version": thing.version,
    }


def site_shape(thing: Site) -> SiteShape:
    return {
        "id": thing.id,
        "enterprise_id": thing.enterprise_id,
        "name": thing.name,
        "timezone": thing.timezone,
        "address": thing.address,
        "commanding": thing.commanding,
        "version": thing.version,
    }


def zone_shape(thing: Zone) -> ZoneShape:
    return {
        "id": thing.id,
        "site_id": thing.site_id,
        "name": thing.name,
        "parent_id": thing.parent_id,
        "floor": thing.floor,
        "version": thing.version,
    }


def device_shape(thing: Device, presence: Presence, zone: str) -> DeviceShape:
    """`zone` is the site's time zone, in which the dates are days."""
    return {
        "id": thing.id,
        "site_id": thing.site_id,
        "zone_id": thing.zone_id,
        "name": thing.name,
        "kind": thing.kind,
        "codec": thing.codec,
        "address": thing.address,
        "gateway_id": thing.gateway_id,
        "interval_s": thing.interval_s,
        "link": thing.link,
        "calibrated_until": last_day(thing.calibrated_until_ms, zone),
        "service_until": last_day(thing.service_until_ms, zone),
        "presence": {"state": presence.state, "heard_at": iso_or_none(presence.heard_ms)},
        "version": thing.version,
    }


def inbox_shape(thing: InboxDevice) -> InboxShape:
    return {
        "id": thing.id,
        "codec": thing.codec,
        "address": thing.address,
        "topic": thing.topic,
        "payload": thing.payload[:4096].decode("utf-8", "replace"),
        "suggested_kind": thing.suggested_kind,
        "suggested_name": thing.suggested_name,
        "site_id": thing.site_id,
        "first_at": iso(thing.first_ms),
        "last_at": iso(thing.last_ms),
        "count": thing.count,
        "dismissed_at": iso_or_none(thing.dismissed_ms),
    }


def series_shape(series: Series, point_id: str, unit: str, from_ms: int, to_ms: int) -> SeriesShape:
    return {
        "point_id": point_id,
        "unit": unit,
        "from_at": iso(from_ms),
        "to_at": iso(to_ms),
        "step_ms": series.step_ms,
        "taken_ms": series.taken_ms.tolist(),
        "minimum": [finite(v) for v in series.minimum.tolist()],
        "mean": [finite(v) for v in series.mean.tolist()],
        "maximum": [finite(v) for v in series.maximum.tolist()],
        "gaps": [{"from_at": iso(a), "to_at": iso(b)} for a, b in series.gaps],
    }


# -- asks ----------------------------------------------------------------------------------------------------------------


class Versioned(Ask):
    """A change names the version it changes: 409 when somebody else was first. `id` may be given and must be the path's."""

    version: int = Field(ge=1)


class DistrictAsk(Ask):
    id: IdText | None = None
    name: NameText
    parent_id: IdText | None = None


class ChangedDistrictAsk(DistrictAsk, Versioned):
    pass


class EnterpriseAsk(Ask):
    id: IdText | None = None
    district_id: IdText
    name: NameText
    credit_code: str = Field(default="", max_length=40)
    industry: str = Field(default="", max_length=60)


class ChangedEnterpriseAsk(EnterpriseAsk, Versioned):
    pass


class SiteAsk(Ask):
    id: IdText | None = None
    enterprise_id: IdText
    name: NameText
    timezone: str = Field(default="Asia/Shanghai", max_length=60)
    address: str = Field(default="", max_length=200)


class ChangedSiteAsk(SiteAsk, Versioned):
    pass


class ZoneAsk(Ask):
    id: IdText | None = None
    site_id: IdText
    name: NameText
    parent_id: IdText | None = None
    floor: str = Field(default="", max_length=20)


class ChangedZoneAsk(ZoneAsk, Versioned):
    pass


class DeviceAsk(Ask):
    id: IdText | None = None
    site_id: IdText
    zone_id: IdText
    name: NameText
    kind: str = Field(
        default="other", pattern=r"^(smoke|heat|gas|co|electrical|water|switch|manual_call|gateway|actuator|other)$", max_length=20
    )
    codec: str = Field(default="native", max_length=40, pattern=r"^[a-z0-9_.-]+$")
    address: str = Field(default="", max_length=200)
    gateway_id: IdText | None = None
    interval_s: float | None = Field(default=None, gt=0, le=366 * 86_400)
    link: str = Field(default="wired", pattern=r"^(wired|zigbee|lora|nb)$")
    calibrated_until: DayText | None = None
    service_until: DayText | None = None


class ChangedDeviceAsk(DeviceAsk, Versioned):
    """Dates that are left out stay; null takes them away."""


class CircuitAsk(Ask):
    id: IdText | None = None
    site_id: IdText
    zone_id: IdText
    name: NameText
    device_id: IdText
    channel: str = Field(default="", max_length=20, pattern=r"^[A-Za-z0-9_-]*$")
    tenant: str = Field(default="", max_length=120)
    panel: str = Field(default="", max_length=120)
    rated_a: float = Field(default=16.0, gt=0, le=10_000)
    poles: list[str] = Field(default_factory=list, max_length=4)
    permit_until: AskedInstant | None = None
    is_motor: bool | None = Field(default=None, description="a motor starts on it: restored further apart; null: as it was")


class ChangedCircuitAsk(CircuitAsk, Versioned):
    pass


class AcceptDeviceAsk(Ask):
    """Binds an unknown device to site and zone; what is left out is taken from the suggestion."""

    id: IdText | None = None
    site_id: IdText
    zone_id: IdText
    name: NameText | None = None
    kind: str | None = Field(default=None, pattern=r"^(smoke|heat|gas|co|electrical|water|switch|manual_call|gateway|actuator|other)$")
    link: str = Field(default="wired", pattern=r"^(wired|zigbee|lora|nb)$")
    interval_s: float | None = Field(default=None, gt=0, le=366 * 86_400)
