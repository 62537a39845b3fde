"""Rules: handed in as the data that `rules.parse` reads, kept with every version. Seen by whom they concern, changed by who may
change them at every site that they concern."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from api import configuration
from api.access import rule_sites
from api.door import ActingRoute, At, By
from api.problems import invalid, not_found
from api.routes.query import Cursor, Limit
from api.rule_text import must_compile
from api.shapes.rules import RulePage, RuleShape, rule_shape
from rules.model import Rule
from rules.parse import parse_rule
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["rules"])
Handed = Annotated[
    dict[str, Any],
    Body(
        description="A rule as data, as in the shipped rule sets and in RuleShape.data.",
        examples=[
            {
                "id": "gas-25",
                "name": {"zh": "燃气泄漏", "en": "Gas leak"},
                "kind": "level",
                "metric": "lel",
                "above": [{"limit": 25, "severity": "high", "deadband": 3}, {"limit": 50, "severity": "critical", "deadband": 3}],
                "latched": True,
            }
        ],
    ),
]


@router.get("/rules")
def rules(door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> RulePage:
    page = configuration.listed(door, visitor, "rule", cursor, limit)
    return {"items": [rule_shape(t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/rules", status_code=201)
def new_rule(handed: Handed, door: At, visitor: By) -> RuleShape:
    """422 names every field that cannot be meant."""
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    rule = parse_rule({**handed, "id": configuration.new_id(handed.get("id"), "rule"), "version": 1})
    must_compile(rule, door)
    return rule_shape(configuration.insert(door, visitor, "rule", rule))


@router.get("/rules/{rule_id}")
def rule(
    rule_id: str, door: At, visitor: By, version: Annotated[int | None, Query(ge=1, description="an older version")] = None
) -> RuleShape:
    present = configuration.one(door, visitor, "rule", rule_id)
    if version is None or version == present.version:
        return rule_shape(present)
    try:
        older: Rule = door.records.rule_version(rule_id, version)
    except NotFound:
        raise not_found("the rule version", f"{rule_id}@{version}") from None
    if not visitor.reach.sees_some(rule_sites(older, door.board.roster)):
        raise not_found("the rule version", f"{rule_id}@{version}")
    return rule_shape(older)


@router.put("/rules/{rule_id}")
def change_rule(rule_id: str, handed: Handed, door: At, visitor: By) -> RuleShape:
    """A new version; alarms keep naming the version that raised them."""
    configuration.one(door, visitor, "rule", rule_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    if not isinstance(handed.get("version"), int):
        raise invalid("the version that is changed is needed", "/version")
    configuration.same_id(handed.get("id"), rule_id)
    given = parse_rule({**handed, "id": rule_id})
    must_compile(given, door)
    return rule_shape(configuration.change(door, visitor, "rule", rule_id, given.version, lambda _: given))


@router.delete("/rules/{rule_id}", status_code=204)
def remove_rule(rule_id: str, door: At, visitor: By) -> None:
    configuration.one(door, visitor, "rule", rule_id)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    configuration.remove(door, visitor, "rule", rule_id)
