"""Figures of alarms by shift, day and operator, as JSON and CSV, and the cover of devices, now and over any past span."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Query
from starlette.responses import Response

from alarms.figures import report
from alarms.queries import AlarmQuery
from api import sheets
from api.cover import Evidence, cover, heard_share
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import invalid, not_found
from api.routes.query import From, To
from api.shapes.figures import CoverShape, FigureGroup, FiguresShape, Hearing, group_shape
from api.shapes.times import AskedInstant, iso
from rules.model import RuleKind
from sites.calendars import DAY_MS, local_day, local_minute_ms
from sites.records import Unavailable

router = APIRouter(route_class=ActingRoute, tags=["figures"])
MOST_GROUPS = 400
MOST_SPAN_MS = 400 * DAY_MS
_BYPASSES = ("out_of_service", "proof_test", "shelf")
Site = Annotated[str | None, Query(max_length=64)]
Shifts = Annotated[str, Query(pattern=r"^\d\d:\d\d(,\d\d:\d\d){0,5}$", description="when shifts begin, in the site's own time")]


@router.get("/figures/alarms", responses={200: {"content": {"text/csv": {}}}})
def alarm_figures(
    door: At,
    visitor: By,
    site: Site = None,
    from_ms: From = None,
    to_ms: To = None,
    by: Literal["shift", "operator", "day"] | None = None,
    positions: Annotated[int, Query(ge=1, le=50, description="operator positions that share the alarms")] = 1,
    shifts: Shifts = "00:00,08:00,16:00",
    form: Literal["json", "csv"] = "json",
) -> FiguresShape:
    """The last 30 days where no span is given, 400 days at most. Without a site: all that you see."""
    now_ms = door.clock.now_ms()
    until, zone = to_ms or now_ms, _zone(door, visitor, site)
    since = from_ms if from_ms is not None else until - 30 * DAY_MS
    if not 0 < until - since <= MOST_SPAN_MS:
        raise invalid("from must lie before to, by 400 days at most", "?from")

    def group(key: str, begin: int, end: int, who: str | None = None) -> FigureGroup:
        counted = door.records.counted_alarms(visitor.reach.alarm_scope, site, begin, end, now_ms, who)
        return group_shape(key, begin, end, report(counted, begin, end, 1 if who else positions), door.person(who))

    groups: list[FigureGroup] = []
    if by == "operator":
        people = door.records.alarm_operators(visitor.reach.alarm_scope, site, since, until)
        groups = [group(who, since, until, who) for who in people]
    elif by is not None:
        minutes = [0] if by == "day" else sorted(_minute(text) for text in shifts.split(","))
        spans = list(_spans(zone, since, until, minutes))
        if len(spans) > MOST_GROUPS:
            raise invalid(f"that is {len(spans)} groups; {MOST_GROUPS} are given at most: ask for a shorter span", "?by")
        groups = [group(key, begin, end) for key, begin, end in spans]
    answer: FiguresShape = {
        "site": site,
        "from": iso(since),
        "to": iso(until),
        "by": by,
        "positions": positions,
        "total": group("all", since, until),
        "groups": groups,
    }
    if form == "csv":
        name = f"alarm-figures-{iso(since)[:10]}-{iso(until)[:10]}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return cast(FiguresShape, Response(sheets.write_csv(_table(answer)), 200, headers, sheets.CSV_TYPE))
    return answer


@router.get("/figures/cover", responses={200: {"content": {"text/csv": {}}}})
def device_cover(
    door: At,
    visitor: By,
    site: Site = None,
    at: Annotated[AskedInstant | None, Query(description="a past moment: how it stood in the hour before")] = None,
    from_ms: From = None,
    to_ms: To = None,
    form: Literal["json", "csv"] = "json",
) -> CoverShape:
    """Now; or of a past moment or span, from how devices were heard, bypassed and tested then. Devices and rules are those of today."""
    now_ms = door.clock.now_ms()
    _zone(door, visitor, site)
    is_past = at is not None or from_ms is not None or to_ms is not None
    until = min(now_ms, at or to_ms or now_ms)
    since = (until - 3_600_000 if at is not None else from_ms if from_ms is not None else until - DAY_MS) if is_past else until
    if is_past and not 0 < until - since <= MOST_SPAN_MS:
        raise invalid("from must lie before to and before now, by 400 days at most", "?from")
    roster, scope = door.board.roster, visitor.scope
    devices = [d for d in tuple(roster.devices()) if (site is None or d.site_id == site) and (scope is None or d.site_id in scope)]
    presence: dict[str, tuple[Hearing, int | None]] = {}
    for device in devices:
        heard = door.board.presence(device.id)
        presence[device.id] = (cast(Hearing, heard.state), heard.heard_ms)
    known = Evidence(presence=presence)
    complete = True
    try:
        known.rules = door.records.all_things("rule")
        if is_past:
            changes = door.records.presences(scope, site, since, until)
            known.shares = {device.id: heard_share(changes.get(device.id, ()), since, until) for device in devices}
        known.tested_ms = _tested(door, visitor, site, until)
        _bypassed(door, visitor, site, known, (since, until) if is_past else None)
        _stuck(door, visitor, known, (since, until) if is_past else None)
    except Unavailable:
        complete = False
        _bypassed(door, visitor, site, known, None)
    answer = cover(devices, roster, known, site, since, until, complete)
    if form == "csv":
        names = ("id", "name", "kind", "site_id", "zone_id", "zone_name", "state", "heard_at", "heard_share", "tested_at", "test_due_at",
                 "calibrated_until", "rules")  # fmt: skip
        table = [[*names, "problems"]]
        for item in cast(list[dict[str, Any]], answer["items"]):
            table.append([*("" if item[name] is None else str(item[name]) for name in names), " ".join(item["problems"])])
        headers = {"Content-Disposition": 'attachment; filename="cover.csv"'}
        return cast(CoverShape, Response(sheets.write_csv(table), 200, headers, sheets.CSV_TYPE))
    return answer


# -- parts ---------------------------------------------------------------------------------------------------------------


def _zone(door: Door, visitor: Visitor, site: str | None) -> str:
    """The time zone of the site. Raises 404 for one that is not seen."""
    if site is None:
        return "Asia/Shanghai"
    found = door.board.roster.sites.get(site)
    if found is None or not visitor.reach.may("see", site):
        raise not_found("the site", site)
    return found.timezone


def _minute(text: str) -> int:
    minute = int(text[:2]) * 60 + int(text[3:])
    if minute >= 1_440 or int(text[3:]) > 59:
        raise invalid(f"{text} is no time of day", "?shifts")
    return minute


def _spans(zone: str, from_ms: int, to_ms: int, minutes: list[int]) -> Iterator[tuple[str, int, int]]:
    """The local days, or the shifts that begin at these minutes, within [from, to): (key, begin, end)."""
    begins = {}
    at_ms = from_ms - DAY_MS
    while at_ms < to_ms + DAY_MS:
        day = local_day(zone, at_ms).iso
        for minute in minutes:
            key = day if minutes == [0] else f"{day} {minute // 60:02d}:{minute % 60:02d}"
            begins[local_minute_ms(zone, day, minute)] = key
        at_ms += DAY_MS // 2  # a day has 23 to 25 hours
    ordered = sorted(begins)
    for begin, end in zip(ordered, [*ordered[1:], to_ms], strict=True):
        if max(begin, from_ms) < min(end, to_ms):
            yield begins[begin], max(begin, from_ms), min(end, to_ms)


def _table(answer: FiguresShape) -> list[list[str]]:
    heads = ["group", "from", "to", "operator", "code", "name", "name_en", "value", "unit", "target", "clause", "holds"]
    table = [heads]
    for group in (answer["total"], *answer["groups"]):
        person = group["operator"]
        for figure in cast(list[dict[str, Any]], group["figures"]):
            own = [group["key"], group["from"], group["to"], person["name"] if person else ""]
            table.append([*own, *("" if figure[name] is None else str(figure[name]) for name in heads[4:])])
    return table


def _tested(door: Door, visitor: Visitor, site: str | None, until_ms: int) -> dict[str, int]:
    """When each device last passed a proof test before this moment."""
    found: dict[str, int] = {}
    for fact in _facts(door, visitor, "proof_record", site_id=site, state="passed"):
        record = fact.body
        if record.at_ms < until_ms:
            found[record.item.device_id] = max(found.get(record.item.device_id, 0), record.at_ms)
    return found


def _bypassed(door: Door, visitor: Visitor, site: str | None, known: Evidence, span: tuple[int, int] | None) -> None:
    if span is None:
        facts: Any = [f for f in tuple(door.board.facts.values()) if f.kind in _BYPASSES and f.state == "standing"]
    else:
        facts = (f for kind in _BYPASSES for f in _facts(door, visitor, kind, site_id=site, from_ms=span[0], to_ms=span[1]))
    for fact in facts:
        device_id, zone_id = getattr(fact.body, "device_id", ""), getattr(fact.body, "zone_id", "")
        if device_id:
            known.bypassed.add(device_id)
        elif zone_id:
            known.bypassed_zones.add(zone_id)
        known.bypassed.update(item.device_id for item in getattr(fact.body, "items", ()))


def _stuck(door: Door, visitor: Visitor, known: Evidence, span: tuple[int, int] | None) -> None:
    ids = {rule.id for rule in known.rules or () if rule.kind is RuleKind.STUCK}
    known.stuck = {alarm.device_id for alarm in tuple(door.board.alarms.values()) if alarm.rule_id in ids and alarm.cleared_ms is None}
    if span is not None:
        for rule_id in ids:
            query = AlarmQuery(rule=rule_id, from_ms=span[0], to_ms=span[1], limit=500)
            known.stuck |= {alarm.device_id for alarm in door.records.alarms(query, visitor.reach.alarm_scope).items}


def _facts(door: Door, visitor: Visitor, kind: str, **where: Any) -> Iterator[Any]:
    """All kept facts of a kind in scope, newest first; 20,000 at most."""
    cursor: str | None = None
    for _ in range(40):
        page = door.records.facts(kind, visitor.scope, cursor, 500, **where)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
