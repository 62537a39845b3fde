"""Linkages: which alarm changes call for which actions. Seen and changed like rules, by the sites that they concern."""

from __future__ import annotations

from fastapi import APIRouter

from alarms.linkage import Linkage
from api import configuration
from api.door import ActingRoute, At, By
from api.problems import invalid
from api.routes.query import Cursor, Limit
from api.shapes.rules import ChangedLinkageAsk, LinkageAsk, LinkagePage, LinkageShape, linkage_shape
from rules.model import Severity

router = APIRouter(route_class=ActingRoute, tags=["linkages"])
SIGNALS = ("raised", "stepped_up", "acknowledged", "judged_true", "cleared")


@router.get("/linkages")
def linkages(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> LinkagePage:
    page = configuration.listed(door, visitor, "linkage", cursor, limit)
    return {"items": [linkage_shape(t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/linkages", status_code=201)
def new_linkage(ask: LinkageAsk, door: At, visitor: By) -> LinkageShape:
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    return linkage_shape(configuration.insert(door, visitor, "linkage", _made(ask, configuration.new_id(ask.id, "linkage"), 1)))


@router.get("/linkages/{linkage_id}")
def linkage(linkage_id: str, door: At, visitor: By) -> LinkageShape:
    return linkage_shape(configuration.one(door, visitor, "linkage", linkage_id))


@router.put("/linkages/{linkage_id}")
def change_linkage(linkage_id: str, ask: ChangedLinkageAsk, door: At, visitor: By) -> LinkageShape:
    configuration.same_id(ask.id, linkage_id)
    configuration.one(door, visitor, "linkage", linkage_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    made = _made(ask, linkage_id, ask.version)
    return linkage_shape(configuration.change(door, visitor, "linkage", linkage_id, ask.version, lambda _: made))


@router.delete("/linkages/{linkage_id}", status_code=204)
def remove_linkage(linkage_id: str, door: At, visitor: By) -> None:
    configuration.one(door, visitor, "linkage", linkage_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    configuration.remove(door, visitor, "linkage", linkage_id)


def _made(ask: LinkageAsk, linkage_id: str, version: int) -> Linkage:
    unknown = [signal for signal in ask.on if signal not in SIGNALS]
    if unknown:
        raise invalid(f"{unknown[0]} is not something that happens to an alarm; allowed: {', '.join(SIGNALS)}", "/on")
    return Linkage(
        id=linkage_id,
        name=ask.name,
        name_en=ask.name_en,
        on=tuple(ask.on),
        kinds=tuple(ask.kinds),
        sites=tuple(ask.sites),
        zones=tuple(ask.zones),
        min_severity=Severity[ask.min_severity.upper()],
        triggers=ask.triggers,
        notify=tuple(ask.notify),
        cut=ask.cut,
        hazard=ask.hazard,
        hazard_after=ask.hazard_after,
        enabled=ask.enabled,
        version=version,
    )
