"""The tree above the devices: districts, enterprises, sites, zones; and switching a site's commanding on or off."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, Query

from api import configuration
from api.door import ActingRoute, At, By, Door, Visitor, in_thread
from api.problems import Problem, invalid
from api.routes.query import Cursor, Limit
from api.shapes.power import CommandingAsk
from api.shapes.tree import (
    ChangedDistrictAsk,
    ChangedEnterpriseAsk,
    ChangedSiteAsk,
    ChangedZoneAsk,
    DistrictAsk,
    DistrictPage,
    DistrictShape,
    EnterpriseAsk,
    EnterprisePage,
    EnterpriseShape,
    SiteAsk,
    SitePage,
    SiteShape,
    ZoneAsk,
    ZonePage,
    ZoneShape,
    district_shape,
    enterprise_shape,
    site_shape,
    zone_shape,
)
from power.requests import SetCommanding
from sites.model import District, Enterprise, Site, Zone

router = APIRouter(route_class=ActingRoute, tags=["tree"])
Of = Annotated[str | None, Query(max_length=64)]


# -- districts -----------------------------------------------------------------------------------------------------------


@router.get("/districts")
def districts(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> DistrictPage:
    page = configuration.listed(door, visitor, "district", cursor, limit)
    return {"items": [district_shape(t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/districts", status_code=201)
def new_district(ask: DistrictAsk, door: At, visitor: By) -> DistrictShape:
    _parent_district(door, visitor, ask.parent_id)
    thing = District(id=configuration.new_id(ask.id, "district"), name=ask.name, parent_id=ask.parent_id)
    return district_shape(configuration.insert(door, visitor, "district", thing))


@router.get("/districts/{district_id}")
def district(district_id: str, door: At, visitor: By) -> DistrictShape:
    return district_shape(configuration.one(door, visitor, "district", district_id))


@router.put("/districts/{district_id}")
def change_district(district_id: str, ask: ChangedDistrictAsk, door: At, visitor: By) -> DistrictShape:
    configuration.same_id(ask.id, district_id)

    def make(present: District) -> District:
        if ask.parent_id != present.parent_id:
            _parent_district(door, visitor, ask.parent_id)
            _no_ring(door, district_id, ask.parent_id)
        return replace(present, name=ask.name, parent_id=ask.parent_id)

    return district_shape(configuration.change(door, visitor, "district", district_id, ask.version, make))


@router.delete("/districts/{district_id}", status_code=204)
def remove_district(district_id: str, door: At, visitor: By) -> None:
    configuration.remove(door, visitor, "district", district_id)


def _parent_district(door: Door, visitor: Visitor, parent_id: str | None) -> None:
    if parent_id is not None:
        configuration.known(door, visitor, "district", parent_id, "/parent_id")


def _no_ring(door: Door, district_id: str, parent_id: str | None) -> None:
    above = {d.id: d.parent_id for d in door.records.all_things("district")}
    while parent_id is not None:
        if parent_id == district_id:
            raise invalid("a district cannot lie within itself", "/parent_id")
        parent_id = above.pop(parent_id, None)


# -- enterprises ---------------------------------------------------------------------------------------------------------


@router.get("/enterprises")
def enterprises(door: At, visitor: By, district: Of = None, cursor: Cursor = None, limit: Limit = 50) -> EnterprisePage:
    page = configuration.listed(door, visitor, "enterprise", cursor, limit, district_id=district)
    return {"items": [enterprise_shape(t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/enterprises", status_code=201)
def new_enterprise(ask: EnterpriseAsk, door: At, visitor: By) -> EnterpriseShape:
    configuration.known(door, visitor, "district", ask.district_id, "/district_id")
    thing = Enterprise(
        id=configuration.new_id(ask.id, "enterprise"),
        district_id=ask.district_id,
        name=ask.name,
        credit_code=ask.credit_code,
        industry=ask.industry,
    )
    return enterprise_shape(configuration.insert(door, visitor, "enterprise", thing))


@router.get("/enterprises/{enterprise_id}")
def enterprise(enterprise_id: str, door: At, visitor: By) -> EnterpriseShape:
    return enterprise_shape(configuration.one(door, visitor, "enterprise", enterprise_id))


@router.put("/enterprises/{enterprise_id}")
def change_enterprise(enterprise_id: str, ask: ChangedEnterpriseAsk, door: At, visitor: By) -> EnterpriseShape:
    configuration.same_id(ask.id, enterprise_id)

    def make(present: Enterprise) -> Enterprise:
        if ask.district_id != present.district_id:
            configuration.known(door, visitor, "district", ask.district_id, "/district_id")
            if not visitor.reach.may_on("configure", "district", ask.district_id):
                raise invalid(f"the enterprise cannot be moved to the district {ask.district_id}, which is not yours", "/district_id")
        return replace(present, district_id=ask.district_id, name=ask.name, credit_code=ask.credit_code, industry=ask.industry)

    return enterprise_shape(configuration.change(door, visitor, "enterprise", enterprise_id, ask.version, make))


@router.delete("/enterprises/{enterprise_id}", status_code=204)
def remove_enterprise(enterprise_id: str, door: At, visitor: By) -> None:
    configuration.remove(door, visitor, "enterprise", enterprise_id)


# -- sites ---------------------------------------------------------------------------------------------------------------


@router.get("/sites")
def sites(door: At, visitor: By, enterprise: Of = None, q: Of = None, cursor: Cursor = None, limit: Limit = 50) -> SitePage:
    page = configuration.listed(door, visitor, "site", cursor, limit, enterprise_id=enterprise, q=q)
    return {"items": [site_shape(t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/sites", status_code=201)
def new_site(ask: SiteAsk, door: At, visitor: By) -> SiteShape:
    """A new site only observes: commanding is switched on by a request of its own."""
    configuration.known(door, visitor, "enterprise", ask.enterprise_id, "/enterprise_id")
    _real_timezone(ask.timezone)
    thing = Site(
        id=configuration.new_id(ask.id, "site"),
        enterprise_id=ask.enterprise_id,
        name=ask.name,
        timezone=ask.timezone,
        address=ask.address,
    )
    return site_shape(configuration.insert(door, visitor, "site", thing))


@router.get("/sites/{site_id}")
def site(site_id: str, door: At, visitor: By) -> SiteShape:
    return site_shape(configuration.one(door, visitor, "site", site_id))


@router.put("/sites/{site_id}")
def change_site(site_id: str, ask: ChangedSiteAsk, door: At, visitor: By) -> SiteShape:
    configuration.same_id(ask.id, site_id)
    _real_timezone(ask.timezone)

    def make(present: Site) -> Site:
        if ask.enterprise_id != present.enterprise_id:
            configuration.known(door, visitor, "enterprise", ask.enterprise_id, "/enterprise_id")
            if not visitor.reach.may_on("configure", "enterprise", ask.enterprise_id):
                raise invalid(f"the site cannot be moved to the enterprise {ask.enterprise_id}, which is not yours", "/enterprise_id")
        return replace(present, enterprise_id=ask.enterprise_id, name=ask.name, timezone=ask.timezone, address=ask.address)

    return site_shape(configuration.change(door, visitor, "site", site_id, ask.version, make))


@router.delete("/sites/{site_id}", status_code=204)
def remove_site(site_id: str, door: At, visitor: By) -> None:
    configuration.remove(door, visitor, "site", site_id)


@router.post("/sites/{site_id}/commanding")
async def commanding(site_id: str, ask: CommandingAsk, door: At, visitor: By) -> SiteShape:
    """Switch commanding on or off: until it is on, nothing at the site is cut or restored. It is switched on only after a check, made now,
    that a stranger at the broker can publish neither commands, replies nor another device's telemetry."""
    site = door.board.roster.sites.get(site_id)
    visitor.must("commanding", site_id, "the site", site_id)
    if site is None:
        raise Problem(404, "not-found", "Not found", f"the site {site_id} does not exist, or is not yours to see")
    visitor.must_have_proved()
    reason = f"{ask.reason} [doctor: {await _checked(door)}]" if ask.commanding else ask.reason
    await door.desk.ask(SetCommanding(site_id=site_id, who=visitor.user.id, commanding=ask.commanding, reason=reason))
    return site_shape(door.board.roster.sites.get(site_id, site))


async def _checked(door: Door) -> str:
    """What the check of the broker has found to be safe. Raises 409 where it is not."""
    if door.broker_check is None:
        raise Problem(409, "broker-open", "Commanding stays off", "the broker cannot be checked from here")
    verdict = await in_thread(door.broker_check)
    if not verdict.is_safe:
        detail, zh = "; ".join(verdict.words), "；".join(verdict.words_zh)
        raise Problem(409, "broker-open", "Commanding stays off", detail, detail_zh=zh)
    return "; ".join(verdict.words)


def _real_timezone(name: str) -> None:
    if name not in available_timezones():
        raise invalid(f"{name} is not a time zone of the IANA list, such as Asia/Shanghai", "/timezone")


# -- zones ---------------------------------------------------------------------------------------------------------------


@router.get("/zones")
def zones(door: At, visitor: By, site: Of = None, q: Of = None, cursor: Cursor = None, limit: Limit = 50) -> ZonePage:
    page = configuration.listed(door, visitor, "zone", cursor, limit, site_id=site, q=q)
    return {"items": [zone_shape(t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/zones", status_code=201)
def new_zone(ask: ZoneAsk, door: At, visitor: By) -> ZoneShape:
    configuration.known(door, visitor, "site", ask.site_id, "/site_id")
    if ask.parent_id is not None:
        configuration.site_of_zone(door, visitor, ask.parent_id, ask.site_id)
    thing = Zone(id=configuration.new_id(ask.id, "zone"), site_id=ask.site_id, name=ask.name, parent_id=ask.parent_id, floor=ask.floor)
    return zone_shape(configuration.insert(door, visitor, "zone", thing))


@router.get("/zones/{zone_id}")
def zone(zone_id: str, door: At, visitor: By) -> ZoneShape:
    return zone_shape(configuration.one(door, visitor, "zone", zone_id))


@router.put("/zones/{zone_id}")
def change_zone(zone_id: str, ask: ChangedZoneAsk, door: At, visitor: By) -> ZoneShape:
    configuration.same_id(ask.id, zone_id)

    def make(present: Zone) -> Zone:
        if ask.site_id != present.site_id:
            raise invalid(f"the zone lies in the site {present.site_id}: a zone never moves to another", "/site_id")
        if ask.parent_id is not None:
            configuration.site_of_zone(door, visitor, ask.parent_id, ask.site_id)
            if ask.parent_id == zone_id:
                raise invalid("a zone cannot lie within itself", "/parent_id")
        return replace(present, name=ask.name, parent_id=ask.parent_id, floor=ask.floor)

    return zone_shape(configuration.change(door, visitor, "zone", zone_id, ask.version, make))


@router.delete("/zones/{zone_id}", status_code=204)
def remove_zone(zone_id: str, door: At, visitor: By) -> None:
    configuration.remove(door, visitor, "zone", zone_id)
