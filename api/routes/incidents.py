"""The incident file: everything that is kept of an alarm, or of a site's span, gathered and handed out as one file.

It gathers; `app.incident` writes the files in a process of its own. What could not be asked is said in the file, not left out silently.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from alarms.model import Alarm
from alarms.queries import AlarmQuery
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import invalid, not_found
from api.shapes.alarms import alarm_shape, delivery_shape, transition_shape
from api.shapes.hazards import hazard_shape, hazard_step_shape
from api.shapes.power import order_shape, order_step_shape
from api.shapes.times import AskedInstant, finite, iso
from power.queries import OrderQuery
from sites.metrics import unit_of
from sites.model import point_id
from sites.records import NotFound, Unavailable

router = APIRouter(route_class=ActingRoute, tags=["incidents"])
AROUND_MS = 30 * 60_000
MOST_SPAN_MS = 31 * 86_400_000
MOST_ALARMS = 200
MOST_POINTS = 24
STEPS = 600  # of a point's readings
Form = Literal["zip", "html"]
_TYPES = {"zip": "application/zip", "html": "text/html; charset=utf-8"}
_CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {media: {} for media in _TYPES.values()}}}


@router.get("/incidents/export", response_class=FileResponse, responses=_CONTENT)
def span_export(
    site: Annotated[str, Query(max_length=64)],
    from_ms: Annotated[AskedInstant, Query(alias="from")],
    to_ms: Annotated[AskedInstant, Query(alias="to")],
    door: At,
    visitor: By,
    form: Form = "zip",
) -> FileResponse:
    """Of a span at a site: its alarms (the newest 200) and all that belongs to them; 31 days at most."""
    found = door.board.roster.sites.get(site)
    if found is None or not visitor.reach.may("see", site):
        raise not_found("the site", site)
    if not 0 < to_ms - from_ms <= MOST_SPAN_MS:
        raise invalid("from must lie before to, by 31 days at most", "?from")
    query = AlarmQuery(site=site, from_ms=from_ms, to_ms=to_ms, limit=MOST_ALARMS)
    page = door.records.alarms(query, visitor.reach.alarm_scope)
    alarms = [door.board.alarms.get(alarm.id, alarm) for alarm in page.items]
    missing = [f"only the newest {MOST_ALARMS} alarms of the span are in this file"] if page.next_cursor else []
    return _file(_gathered(door, visitor, alarms, from_ms, to_ms, found.name, missing), form, door)


@router.get("/incidents/{alarm_id}/export", response_class=FileResponse, responses=_CONTENT)
def incident_export(alarm_id: str, door: At, visitor: By, form: Form = "zip") -> FileResponse:
    """Of one alarm, from half an hour before it until half an hour after its end."""
    alarm = door.board.alarms.get(alarm_id)
    if alarm is None:
        try:
            alarm = door.records.alarm(alarm_id)
        except NotFound:
            raise not_found("the alarm", alarm_id) from None
    if not visitor.reach.may("see", alarm.site_id):
        raise not_found("the alarm", alarm_id)
    now_ms = door.clock.now_ms()
    last_ms = alarm.ended_ms or now_ms
    from_ms = alarm.raised_ms - AROUND_MS
    to_ms = max(from_ms + 1, min(now_ms, last_ms + AROUND_MS, from_ms + MOST_SPAN_MS))
    return _file(
        _gathered(door, visitor, [alarm], from_ms, to_ms, f"{alarm.site_name} {alarm.rule_name} {alarm.rule_name_en}", []), form, door
    )


def _file(material: dict[str, Any], form: Form, door: Door) -> FileResponse:
    path = door.exports.incident(material, form)
    day = material["from"][:10]
    clean = BackgroundTask(shutil.rmtree, path.parent, ignore_errors=True)
    return FileResponse(path, media_type=_TYPES[form], filename=f"incident-{day}.{form}", background=clean)


def _gathered(
    door: Door, visitor: Visitor, alarms: list[Alarm], from_ms: int, to_ms: int, title: str, missing: list[str]
) -> dict[str, Any]:
    """All that is kept of these alarms, as the file shows it."""
    records, name = door.records, door.person
    site = door.board.roster.sites.get(alarms[0].site_id) if alarms else None
    material: dict[str, Any] = {
        "title": title,
        "from": iso(from_ms),
        "to": iso(to_ms),
        "timezone": site.timezone if site else "Asia/Shanghai",
        "made_at": iso(door.clock.now_ms()),
        "made_by": visitor.user.name,
        "missing": missing,
        "alarms": [dict(alarm_shape(alarm, name)) for alarm in alarms],
        "audit_head": {"last_id": 0, "hash": ""},
        "readings": [],
    }
    lists = ("transitions", "orders", "order_steps", "notices", "linkages", "hazards", "hazard_steps", "audit", "rules")
    material |= {part: [] for part in lists}
    things: list[tuple[str, str]] = []

    def part(what: str, take: Callable[[], None]) -> None:
        try:
            take()
        except NotFound:
            missing.append(f"{what}: not in the records")
        except Unavailable:
            missing.append(f"{what}: could not be reached when this file was made")

    rules: dict[tuple[str, int], None] = {}
    hazards: dict[str, None] = {}
    for alarm in alarms:
        things.append(("alarm", alarm.id))
        rules[alarm.rule_id, alarm.rule_version] = None
        if alarm.hazard_id:
            hazards[alarm.hazard_id] = None
        part(f"alarm {alarm.id}", lambda alarm=alarm: _of_alarm(door, visitor, alarm, material, things))  # type: ignore[misc]
    for rule_id, version in rules:
        if not rule_id.startswith("service:"):
            part(
                f"rule {rule_id} version {version}",
                lambda rule_id=rule_id, version=version: material["rules"].append(  # type: ignore[misc]
                    msgspec.to_builtins(records.rule_version(rule_id, version))
                ),
            )
    for hazard_id in hazards:
        things.append(("hazard", hazard_id))
        part(f"hazard {hazard_id}", lambda hazard_id=hazard_id: _of_hazard(door, hazard_id, material))  # type: ignore[misc]
    part("readings", lambda: _readings(door, alarms, from_ms, to_ms, material))
    part("audit", lambda: _audit(door, things, material))
    return material


def _of_alarm(door: Door, visitor: Visitor, alarm: Alarm, material: dict[str, Any], things: list[tuple[str, str]]) -> None:
    records, name, own = door.records, door.person, {"alarm_id": alarm.id}
    material["transitions"] += [own | dict(transition_shape(t, name)) for t in records.transitions(alarm.id)]
    material["notices"] += [own | dict(delivery_shape(d)) for d in records.deliveries(alarm.id)]
    material["linkages"] += [{"at": iso(firing.at_ms), **msgspec.to_builtins(firing)} for firing in records.firings(alarm.id)]
    for order in records.orders(OrderQuery(alarm=alarm.id, limit=200), visitor.scope).items:
        things.append(("order", order.id))
        material["orders"].append(dict(order_shape(order, name)))
        material["order_steps"] += [{"order_id": order.id} | dict(order_step_shape(step)) for step in records.order_steps(order.id)]


def _of_hazard(door: Door, hazard_id: str, material: dict[str, Any]) -> None:
    now_ms, name = door.clock.now_ms(), door.person
    material["hazards"].append(dict(hazard_shape(door.records.hazard(hazard_id), now_ms, name)))
    steps = door.records.hazard_steps(hazard_id)
    material["hazard_steps"] += [{"hazard_id": hazard_id} | dict(hazard_step_shape(step, name)) for step in steps]


def _readings(door: Door, alarms: list[Alarm], from_ms: int, to_ms: int, material: dict[str, Any]) -> None:
    """The points that alarmed, with their limits, then the others of those devices."""
    roster = door.board.roster
    wanted: dict[str, tuple[str, str, float | None]] = {}
    for alarm in alarms:
        if alarm.point_id:
            wanted.setdefault(alarm.point_id, (alarm.device_name, alarm.unit, finite(alarm.limit)))
    for alarm in alarms:
        row = roster.device_rows.get(alarm.device_id)
        for metric in sorted(roster.rows_by_metric[row]) if row is not None else ():
            wanted.setdefault(point_id(alarm.device_id, metric), (alarm.device_name, unit_of(metric), None))
    for point, (device_name, unit, limit) in list(wanted.items())[:MOST_POINTS]:
        found = door.history.series(point, from_ms, to_ms, STEPS)
        columns = {"min": found.minimum, "mean": found.mean, "max": found.maximum}
        material["readings"].append(
            {
                "point": point,
                "name": device_name,
                "unit": unit,
                "limit": limit,
                "at": [iso(at) for at in found.taken_ms.tolist()],
                **{word: [finite(value) for value in values.tolist()] for word, values in columns.items()},
            }
        )
    if len(wanted) > MOST_POINTS:
        material["missing"].append(f"readings of {len(wanted) - MOST_POINTS} more points are not in this file")


def _audit(door: Door, things: list[tuple[str, str]], material: dict[str, Any]) -> None:
    entries, head = door.records.audit_of(things)
    material["audit"] = [{"at": iso(entry["at_ms"]), **entry} for entry in entries]  # whole: each hash can be computed again
    material["audit_head"] = head
