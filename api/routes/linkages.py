"""Linkages: which alarm changes call for which actions, handed in as the data that `alarms.linkage_parse` reads. Seen and changed like
rules, by the sites that they concern."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from alarms.linkage_parse import parse_linkage
from api import configuration
from api.door import ActingRoute, At, By
from api.problems import invalid
from api.routes.query import Cursor, Limit
from api.shapes.rules import LinkagePage, LinkageShape, linkage_shape

router = APIRouter(route_class=ActingRoute, tags=["linkages"])
Handed = Annotated[
    dict[str, Any],
    Body(
        description="A linkage as data, as in LinkageShape.data.",
        examples=[
            {"id": "gas-tell", "name": {"zh": "燃气通知", "en": "Gas"}, "kinds": ["gas"], "notify": ["duty@example.org"], "cut": "offer"}
        ],
    ),
]


@router.get("/linkages")
def linkages(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> LinkagePage:
    page = configuration.listed(door, visitor, "linkage", cursor, limit)
    return {"items": [linkage_shape(t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/linkages", status_code=201)
def new_linkage(handed: Handed, door: At, visitor: By) -> LinkageShape:
    """422 names every field that cannot be meant."""
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    linkage = parse_linkage({**handed, "id": configuration.new_id(handed.get("id"), "linkage"), "version": 1})
    return linkage_shape(configuration.insert(door, visitor, "linkage", linkage))


@router.get("/linkages/{linkage_id}")
def linkage(linkage_id: str, door: At, visitor: By) -> LinkageShape:
    return linkage_shape(configuration.one(door, visitor, "linkage", linkage_id))


@router.put("/linkages/{linkage_id}")
def change_linkage(linkage_id: str, handed: Handed, door: At, visitor: By) -> LinkageShape:
    configuration.one(door, visitor, "linkage", linkage_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    if not isinstance(handed.get("version"), int):
        raise invalid("the version that is changed is needed", "/version")
    configuration.same_id(handed.get("id"), linkage_id)
    given = parse_linkage({**handed, "id": linkage_id})
    return linkage_shape(configuration.change(door, visitor, "linkage", linkage_id, given.version, lambda _: given))


@router.delete("/linkages/{linkage_id}", status_code=204)
def remove_linkage(linkage_id: str, door: At, visitor: By) -> None:
    configuration.one(door, visitor, "linkage", linkage_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    configuration.remove(door, visitor, "linkage", linkage_id)
