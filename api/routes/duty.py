"""The control room's duty record, the script of a call to 119, and whom an alarm can be given to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse

from alarms.duty_record import AlarmLine, DutyRecord, StepDone, duty_record
from alarms.model import Alarm, Condition
from alarms.response import call_script
from api.access import reach
from api.days import zone_of
from api.door import ActingRoute, At, By, Door, Visitor
from api.duty_page import Language, duty_page
from api.problems import invalid, not_found
from api.shapes.duty import AssigneeList, CallScriptShape, DutyAlarm, DutyRecordShape, DutyStep
from api.shapes.times import iso, iso_or_none
from sites.facts import Fact
from sites.model import Site
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["duty"])
SiteId = Annotated[str, Query(max_length=64)]
Day = Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}-\d{2}$", description="in the site's own zone; today when left out")]
MOST_TRANSITIONS, MOST_ALARMS, MOST_FACTS = 5_000, 2_000, 500
KINDS = ("shelf", "out_of_service", "proof_test", "presence_check", "handover", "self_test")


@router.get("/assignees")
def assignees(door: At, visitor: By, site: SiteId) -> AssigneeList:
    """Who sees the site's alarms, those who may take them first: the people an alarm there can be given to."""
    visitor.must("acknowledge", site, "the site", site)
    found = []
    for user in door.records.users():
        own = reach(user, door.board.roster)
        if not user.disabled and own.may("see", site):
            roles = sorted({grant.role for grant in user.grants})
            found.append({"id": user.id, "name": user.name, "roles": roles, "may_acknowledge": own.may("acknowledge", site)})
    found.sort(key=lambda person: (not person["may_acknowledge"], str(person["name"]), str(person["id"])))
    return {"items": found}  # type: ignore[typeddict-item]


@router.get("/alarms/{alarm_id}/call-script")
def call_119(alarm_id: str, door: At, visitor: By, phone: Annotated[str, Query(max_length=40)] = "") -> CallScriptShape:
    """Prefilled from the site, the zone and the alarm, with the name of whoever asks; `phone`: the number to call back."""
    alarm = _alarm(door, visitor, alarm_id)
    roster = door.board.roster
    site, zone = roster.sites.get(alarm.site_id), roster.zones.get(alarm.zone_id)
    others = {a.device_id for a in tuple(door.board.alarms.values()) if _stands_beside(a, alarm)} - {alarm.device_id}
    script = call_script(
        alarm,
        site_name=site.name if site else alarm.site_name,
        address=site.address if site else "",
        zone_name=zone.name if zone else alarm.zone_name,
        floor=zone.floor if zone else "",
        others=len(others),
        caller=visitor.user.name,
        phone=phone,
    )
    return {
        "alarm_id": alarm.id,
        "lines": [{"label": label, "text": text} for label, text in script.lines],
        "lines_zh": [{"label": label, "text": text} for label, text in script.lines_zh],
        "missing": [label for label, text in script.lines if not text],
    }


@router.get("/duty-record")
def record_of_day(door: At, visitor: By, site: SiteId, day: Annotated[Day, Query(alias="date")] = None) -> DutyRecordShape:
    """消防控制室值班记录 of one day in the site's own zone, filled from what was recorded."""
    visitor.must_see(site, "the site", site)
    place = door.board.roster.sites.get(site)
    if place is None:
        raise not_found("the site", site)
    zone = zone_of(place.timezone)
    asked = _day(day) if day else datetime.fromtimestamp(visitor.now_ms / 1000, UTC).astimezone(zone).date()
    from_ms, until_ms = (int(datetime(d.year, d.month, d.day, tzinfo=zone).timestamp()) * 1000 for d in (asked, asked + timedelta(days=1)))
    transitions = door.records.transitions_within(site, from_ms, until_ms, MOST_TRANSITIONS)
    alarms = door.records.alarms_within(site, from_ms, until_ms, MOST_ALARMS)
    facts = _facts(door, site, from_ms, until_ms)
    is_whole = len(transitions) < MOST_TRANSITIONS and len(alarms) < MOST_ALARMS
    return _shape(door, place, asked, duty_record(site, from_ms, until_ms, visitor.now_ms, transitions, alarms, facts, is_whole))


@router.get("/duty-record/page", response_class=HTMLResponse)
def page_of_day(
    door: At, visitor: By, site: SiteId, day: Annotated[Day, Query(alias="date")] = None, language: Language = "zh"
) -> HTMLResponse:
    """The same to print."""
    return HTMLResponse(duty_page(record_of_day(door, visitor, site, day), language))


# -- parts ---------------------------------------------------------------------------------------------------------------


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise invalid(f"{text} is no day of the calendar", "?date") from None


def _alarm(door: Door, visitor: Visitor, alarm_id: str) -> Alarm:
    found = door.board.alarms.get(alarm_id)
    if found is None:
        try:
            found = door.records.alarm(alarm_id)
        except NotFound:
            raise not_found("the alarm", alarm_id) from None
    visitor.must_see(found.site_id, "the alarm", alarm_id)
    return found


def _stands_beside(other: Alarm, alarm: Alarm) -> bool:
    stands = other.condition is Condition.ACTIVE or other.needs_reset
    same_place = (other.site_id, other.zone_id) == (alarm.site_id, alarm.zone_id)
    return stands and same_place and other.kind == alarm.kind and not other.is_test


def _facts(door: Door, site: str, from_ms: int, until_ms: int) -> list[Fact]:
    found = []
    for kind in KINDS:
        scope = frozenset({"" if kind == "self_test" else site})
        page = door.records.facts(kind, scope, None, MOST_FACTS, from_ms=None if kind == "handover" else from_ms, to_ms=until_ms)
        found += page.items
    return found


def _shape(door: Door, site: Site, day: date, record: DutyRecord) -> DutyRecordShape:
    zone = zone_of(site.timezone)

    def local(ms: int) -> str:
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone).strftime("%H:%M:%S")

    def step(done: StepDone) -> DutyStep:
        return {
            "step": done.step,
            "name": done.name,
            "name_zh": done.name_zh,
            "at": iso(done.at_ms),
            "local_time": local(done.at_ms),
            "who": door.person(done.who),
            "whom": done.whom,
            "phone": done.phone,
            "note": done.note,
        }

    def alarm(line: AlarmLine) -> DutyAlarm:
        return {
            "alarm_id": line.alarm_id,
            "kind": line.kind,
            "name": line.name,
            "name_en": line.name_en,
            "place": line.place,
            "severity": line.severity,
            "raised_at": iso(line.raised_ms),
            "local_time": local(line.raised_ms),
            "acknowledged_at": iso_or_none(line.acknowledged_ms),
            "acknowledged_by": door.person(line.acknowledged_by),
            "acknowledged_s": line.acknowledged_s,
            "verdict": line.verdict,
            "is_test": line.is_test,
            "is_suppressed": line.is_suppressed,
            "ended_at": iso_or_none(line.ended_ms),
            "steps": [step(done) for done in line.steps],
        }

    return {
        "site_id": site.id,
        "site_name": site.name,
        "timezone": site.timezone,
        "date": day.isoformat(),
        "from": iso(record.from_ms),
        "until": iso(record.until_ms),
        "people": [person for user_id in record.people if (person := door.person(user_id)) is not None],
        "alarms": [alarm(line) for line in record.alarms],
        "status": [
            {
                "at": iso(line.at_ms),
                "local_time": local(line.at_ms),
                "fire": line.fire,
                "faults": line.faults,
                "others": line.others,
                "out_of_service": line.out_of_service,
                "in_test": line.in_test,
            }
            for line in record.status
        ],
        "others": [
            {
                "at": iso(line.at_ms),
                "local_time": local(line.at_ms),
                "kind": line.kind,
                "state": line.state,
                "who": door.person(line.who),
                "text": line.text,
                "text_zh": line.text_zh,
            }
            for line in record.others
        ],
        "is_whole": record.is_whole,
    }
