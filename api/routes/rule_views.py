"""Rules looked at: checked before they are kept, what they cover, how they stand, why they did or did not raise, versions and texts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from alarms.queries import AlarmQuery
from api import configuration
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import Problem, invalid, not_found
from api.routes.query import Limit
from api.rule_text import Placed, must_compile, read_data, read_text, text_of
from api.shapes.rule_views import (
    CheckAsk,
    CheckShape,
    ExplanationShape,
    ProblemShape,
    RestoreVersionAsk,
    RuleCoverShape,
    RuleSetList,
    RuleStandingPage,
    RuleStandingShape,
    ShippedShape,
    SourceList,
    StandingAlarm,
    TextAsk,
    TextShape,
    VersionList,
    beside_shape,
    change_shape,
    cover_shape,
    explanation_shape,
    source_shape,
    standing_shape,
)
from api.shapes.rules import RuleShape, rule_shape
from api.shapes.times import AskedInstant, iso
from rules.cover import Cover, beside, cover, fate_of_standing
from rules.errors import RuleError
from rules.model import Rule
from rules.needs import rules_needed, unknowable
from rules.pairs import first_judged_s
from rules.parse import rule_data
from rules.standing import Standing
from rules.versions import changes
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["rules"])
MOST_SUBJECTS = 1_000  # named of a cover
MOST_BESIDE = 50
AROUND_MS = 30 * 86_400_000  # alarms that may have stood at a past moment began so long before it at most
Subject = Annotated[str | None, Query(max_length=300, description="point:DEVICE:METRIC, device:DEVICE or zone:ZONE")]
Point = Annotated[str | None, Query(max_length=300, description="DEVICE:METRIC, instead of a subject")]


@router.post("/rules/check")
def check_rule(ask: CheckAsk, door: At, visitor: By) -> CheckShape:
    """A dry run of keeping a rule: what is wrong with it and where, what it would cover, which rules do the same, what becomes of the
    alarms that stand. Nothing is kept."""
    if (ask.data is None) == (ask.text is None):
        raise invalid("hand in either data or text", "/data")
    visitor.must_somewhere("rules")
    defaults = {"version": 1}
    rule, problems = read_text(ask.text, **defaults) if ask.text is not None else read_data(defaults | (ask.data or {}))
    made: CheckShape = {
        "is_ok": False,
        "judges_after_s": 0.0,
        "whole_after_s": 0.0,
        "problems": [_problem(each) for each in problems],
        "rule": None,
        "text": ask.text or "",
        "cover": None,
        "beside": [],
        "alarms": [],
    }
    if rule is None:
        return made
    rules = {each.id: each for each in door.records.all_things("rule")}
    for missing in sorted(rules_needed(rule) - set(rules)):
        made["problems"].append(_said("/of" if rule.of == missing else "/expression", missing, "a rule that there is", "已有的规则"))
    made["problems"] += [_problem(Placed(each, None, None)) for each in unknowable(rule, rules)]
    failed = door.bench.compile_problem(rule)
    if failed is not None:
        made["problems"].append(_said("", failed, "a rule that compiles", "可编译的规则"))
    places = door.bench.inheritance()
    covered = cover(rule, door.board.roster, visitor.scope, places, rules)
    made["is_ok"] = not made["problems"]
    made["judges_after_s"], made["whole_after_s"] = first_judged_s(rule)
    made["rule"] = rule_shape(rule)
    made["text"] = ask.text or text_of(rule)
    made["cover"] = _cover(covered, door)
    others = (each for each in rules.values() if configuration.sees(door, visitor, "rule", each))
    found = beside(rule, others, door.board.roster, visitor.scope, places)
    made["beside"] = [beside_shape(each) for each in found[:MOST_BESIDE]]
    present = rules.get(rule.id)
    if present is not None and configuration.sees(door, visitor, "rule", present):
        made["alarms"] = _fates(present, rule, covered, door, visitor)
    return made


@router.get("/rule-sets")
def rule_sets(door: At, visitor: By) -> RuleSetList:
    """The sets of this release, each rule with what is different here."""
    here = {rule.id: rule for rule in door.records.all_things("rule")}
    return {
        "items": [
            {"id": file.removesuffix(".yaml"), "file": f"rules/sets/{file}", "rules": [_shipped(rule, here.get(rule.id)) for rule in rules]}
            for file, rules in door.bench.shipped()
        ]
    }


@router.get("/rules/{rule_id}/cover")
def rule_cover(rule_id: str, door: At, visitor: By) -> RuleCoverShape:
    return _cover(_covered(_rule(rule_id, door, visitor), door, visitor), door)


@router.get("/rules/{rule_id}/state")
def rule_state(
    rule_id: str,
    door: At,
    visitor: By,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    subject: Subject = None,
) -> RuleStandingPage:
    """How the rule stands now on each subject, in order of their names; with `subject` on that one alone."""
    rule = _rule(rule_id, door, visitor)
    subjects = _covered(rule, door, visitor).subjects
    wanted = [each for each in subjects if (subject is None or each == subject) and (cursor is None or each > cursor)]
    page = wanted[:limit]
    found = door.bench.standings(rule_id, page)
    return {
        "items": [_standing(each, door) for each in found if each is not None],
        "next_cursor": page[-1] if len(wanted) > limit else None,
        "total": len(subjects),
    }


@router.get("/rules/{rule_id}/explain")
def explain_rule(
    rule_id: str, door: At, visitor: By, subject: Subject = None, point: Point = None, at: Annotated[AskedInstant | None, Query()] = None
) -> ExplanationShape:
    """Why the rule did or did not raise on a subject at a moment; without `at` now."""
    if (subject is None) == (point is None):
        raise invalid("name either a point or a subject", "?point")
    asked = subject if subject is not None else f"point:{point}"
    _must_see_subject(asked, door, visitor)
    if door.records.rule_versions(rule_id):
        try:
            configuration.one(door, visitor, "rule", rule_id)
        except Problem:
            if any(each.id == rule_id for each in door.records.all_things("rule")):
                raise
    else:
        raise not_found("the rule", rule_id)
    moment = visitor.now_ms if at is None else at
    query = AlarmQuery(rule=rule_id, from_ms=moment - AROUND_MS, to_ms=moment + 1, limit=500)
    alarms = [alarm for alarm in door.records.alarms(query, visitor.reach.alarm_scope).items if alarm.subject == asked]
    told = door.bench.explain(rule_id, asked, at, alarms)
    return explanation_shape(rule_id, asked, told, None if told.standing is None else _standing(told.standing, door))


@router.get("/rules/{rule_id}/numbers")
def rule_numbers(
    rule_id: str, door: At, visitor: By, device_id: Annotated[str, Query(max_length=64)], metric: Annotated[str, Query(max_length=64)] = ""
) -> SourceList:
    """Each number of the rule as it is at a device, and who set it: the rule, or a place that it inherits from."""
    rule = _rule(rule_id, door, visitor)
    device = door.board.roster.device(device_id)
    if device is None or not visitor.reach.may("see", device.site_id):
        raise not_found("the device", device_id)
    found = door.bench.inheritance().where_from(rule, device, metric)
    return {"rule_id": rule_id, "device_id": device_id, "items": [source_shape(source) for source in found]}


@router.get("/rules/{rule_id}/versions")
def rule_versions(rule_id: str, door: At, visitor: By, limit: Limit = 50) -> VersionList:
    """Newest first, each with who made it and what it changed."""
    _rule(rule_id, door, visitor)
    kept = list(door.records.rule_versions(rule_id))
    before = [None, *(version.rule for version in kept[:-1])]
    return {
        "items": [
            {
                "version": version.version,
                "at": iso(version.at_ms),
                "by": door.person(version.who or None),
                "rule": None if version.rule is None else rule_shape(version.rule),
                "text": version.text,
                "changes": [change_shape(change) for change in changes(old, version.rule)],
            }
            for version, old in list(zip(kept, before, strict=True))[::-1][:limit]
        ]
    }


@router.post("/rules/{rule_id}/restore")
def restore_rule(rule_id: str, ask: RestoreVersionAsk, door: At, visitor: By) -> RuleShape:
    """Bring an older version back, as a new one."""
    _rule(rule_id, door, visitor)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    try:
        older: Rule = door.records.rule_version(rule_id, ask.version)
    except NotFound:
        raise not_found("the rule version", f"{rule_id}@{ask.version}") from None
    made, problems = read_data(_with(older, ask.present))
    if made is None:
        raise RuleError(rule_id, [each.problem for each in problems])
    must_compile(made, door)
    kept = configuration.change(door, visitor, "rule", rule_id, ask.present, lambda _: made)
    written = next((version.text for version in door.records.rule_versions(rule_id) if version.version == ask.version), "")
    if written:
        door.records.keep_rule_text(rule_id, kept.version, written)
    return rule_shape(kept)


@router.get("/rules/{rule_id}/text")
def rule_text(rule_id: str, door: At, visitor: By) -> TextShape:
    """The rule as text: as it was written last, with its comments, or made from the rule."""
    rule = _rule(rule_id, door, visitor)
    return _text(rule, door)


@router.put("/rules/{rule_id}/text")
def change_rule_text(rule_id: str, ask: TextAsk, door: At, visitor: By) -> TextShape:
    """A new version from a text, which is kept with it. What the text says of its version does not count."""
    _rule(rule_id, door, visitor)
    visitor.must_somewhere("rules")
    visitor.must_have_proved()
    made, problems = read_text(ask.text, version=ask.version)
    if made is None:
        raise Problem(422, "invalid-rule", "The rule cannot be meant", _told(problems[0]), errors=[_error(each) for each in problems])
    configuration.same_id(made.id, rule_id)
    must_compile(made, door)
    kept = configuration.change(door, visitor, "rule", rule_id, ask.version, lambda _: made)
    door.records.keep_rule_text(rule_id, kept.version, ask.text)
    return _text(kept, door)


# -- inside --------------------------------------------------------------------------------------------------------------


def _rule(rule_id: str, door: Door, visitor: Visitor) -> Rule:
    rule: Rule = configuration.one(door, visitor, "rule", rule_id)
    return rule


def _with(rule: Rule, version: int) -> dict[str, object]:
    return rule_data(rule) | {"version": version}


def _text(rule: Rule, door: Door) -> TextShape:
    written = next((version.text for version in door.records.rule_versions(rule.id) if version.version == rule.version), "")
    return {"rule_id": rule.id, "version": rule.version, "text": written or text_of(rule), "is_as_written": bool(written)}


def _covered(rule: Rule, door: Door, visitor: Visitor) -> Cover:
    rules = {each.id: each for each in door.records.all_things("rule")} if rule.of else {}
    return cover(rule, door.board.roster, visitor.scope, door.bench.inheritance(), rules)


def _cover(covered: Cover, door: Door) -> RuleCoverShape:
    roster = door.board.roster
    sites = {site.id: site.name for site in tuple(roster.sites.values())}
    zones = {zone.id: zone.name for zone in tuple(roster.zones.values())}
    return cover_shape(covered, sites, zones, MOST_SUBJECTS)


def _fates(present: Rule, edited: Rule, covered: Cover, door: Door, visitor: Visitor) -> list[StandingAlarm]:
    subjects = set(covered.subjects)
    return [
        {
            "alarm_id": alarm.id,
            "subject": alarm.subject,
            "device_name": alarm.device_name,
            "fate": fate_of_standing(present, edited, alarm.subject, alarm.level, subjects),  # type: ignore[typeddict-item]
        }
        for alarm in list(door.board.alarms.values())
        if alarm.rule_id == present.id and visitor.reach.may("see", alarm.site_id)
    ]


def _shipped(rule: Rule, here: Rule | None) -> ShippedShape:
    changed = [change_shape(change) for change in changes(rule, here)] if here is not None else []
    if here is None:
        state = "missing"
    elif rule.enabled and not here.enabled:
        state = "disabled"
    else:
        state = "changed" if changed else "as_shipped"
    return {
        "rule_id": rule.id,
        "name": rule.name,
        "name_en": rule.name_en,
        "state": state,  # type: ignore[typeddict-item]
        "version": None if here is None else here.version,
        "changes": changed,
    }


def _standing(standing: Standing, door: Door) -> RuleStandingShape:
    device = door.board.roster.device(standing.device_id)
    if device is not None:
        return standing_shape(standing, device.name, device.site_id, device.zone_id)
    zone = door.board.roster.zones.get(standing.subject.partition(":")[2])
    return standing_shape(standing, "", zone.site_id if zone else "", zone.id if zone else "")


def _must_see_subject(subject: str, door: Door, visitor: Visitor) -> None:
    kind, _, name = subject.partition(":")
    roster = door.board.roster
    if kind == "zone":
        zone = roster.zones.get(name)
        site_id = zone.site_id if zone else None
    else:
        device = roster.device(name.rpartition(":")[0] if kind == "point" else name)
        site_id = device.site_id if device else None
    if kind not in ("point", "device", "zone") or site_id is None or not visitor.reach.may("see", site_id):
        raise not_found("the subject", subject)


def _pointer(field: str) -> str:
    return "/" + field.replace("[", "/").replace("]", "").replace(".", "/") if field else ""


def _problem(placed: Placed) -> ProblemShape:
    problem = placed.problem
    return {
        "pointer": _pointer(problem.field),
        "given": problem.given,
        "allowed": problem.allowed,
        "allowed_zh": problem.allowed_zh or problem.allowed,
        "line": placed.line,
        "column": placed.column,
    }


def _said(pointer: str, given: str, allowed: str, allowed_zh: str) -> ProblemShape:
    return {"pointer": pointer, "given": given, "allowed": allowed, "allowed_zh": allowed_zh, "line": None, "column": None}


def _told(placed: Placed) -> str:
    where = "" if placed.line is None else f"line {placed.line}, column {placed.column}: "
    return f"{where}{placed.problem}"


def _error(placed: Placed) -> dict[str, object]:
    return {"pointer": _pointer(placed.problem.field), "detail": _told(placed), "line": placed.line, "column": placed.column}
