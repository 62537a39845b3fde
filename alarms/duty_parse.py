"""Duty rosters from data that people hand in, and back. Refuses, with every reason at once, what cannot be meant."""

from __future__ import annotations

import re
from typing import Any

from alarms.duty import LEAST_PERSONS, DutyChange, DutyPerson, DutyRoster, Place, Shift
from alarms.errors import DocumentError
from alarms.given import Given
from sites.calendars import DAY_MINUTES, Holiday, is_window
from sites.calendars import Calendar as _Calendar
from sites.calendars import problems as _calendar_problems

_PHONE = re.compile(r"\+?[0-9][0-9 -]{2,24}[0-9]\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_CLOCK = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])\Z")


def parse_duty_roster(data: Any) -> DutyRoster:
    """One roster from its data. Raises DocumentError with all its problems."""
    given = Given(data)
    given.only("id", "name", "site_id", "people", "shifts", "changes", "min_persons", "waiver", "enabled", "version")
    name, name_en = given.names()
    roster = DutyRoster(
        id=given.own_id(),
        name=name,
        name_en=name_en,
        site_id=given.id("site_id"),
        people=given.parts("people", _person, 500),
        shifts=given.parts("shifts", _shift, 20),
        changes=given.parts("changes", _change, 1_000),
        min_persons=given.whole("min_persons", 1, 50, LEAST_PERSONS),
        waiver=given.text("waiver", "", 500),
        enabled=given.flag("enabled", True),
        version=given.whole("version", 1, 2**31 - 1, 1),
    )
    _agrees(given, roster)
    if given.problems:
        raise DocumentError("duty roster", roster.id, given.problems)
    return roster


def is_phone(text: str) -> bool:
    return bool(_PHONE.match(text))


def is_email(text: str) -> bool:
    return bool(_EMAIL.match(text)) and text.isascii()


def _person(given: Given) -> DutyPerson:
    given.only("id", "name", "user_id", "phone", "email")
    person = DutyPerson(
        id=given.own_id(),
        name=given.text("name"),
        user_id=given.id("user_id"),
        phone=given.text("phone", ""),
        email=given.text("email", ""),
    )
    if person.phone and not is_phone(person.phone):
        given.refuse("phone", person.phone, "a telephone number such as +86 138 0000 0000")
    if person.email and not is_email(person.email):
        given.refuse("email", person.email, "an e-mail address")
    if not (person.user_id or person.phone or person.email):
        given.refuse("phone", None, "a user_id, a phone or an email: somebody on duty must be reachable")
    return person


def _shift(given: Given) -> Shift:
    given.only("id", "name", "days", "begin", "end", "places")
    name, name_en = given.names()
    begin, end = _minute(given, "begin"), _minute(given, "end")
    if not is_window((begin, end)) and not given.problems:
        given.refuse("end", given.data.get("end"), "another time than the begin; 24:00 ends a day")
    days = given.data.get("days", [0, 1, 2, 3, 4, 5, 6])
    if not isinstance(days, list) or not all(isinstance(day, int) and not isinstance(day, bool) and 0 <= day <= 6 for day in days):
        given.refuse("days", days, "a list of weekdays, Monday 0 to Sunday 6")
        days = []
    return Shift(
        id=given.own_id(),
        name=name,
        name_en=name_en,
        days=tuple(sorted(set(days))),
        begin=begin,
        end=end,
        places=given.parts("places", _place, 50),
    )


def _minute(given: Given, field: str) -> int:
    """`08:00` -> 480."""
    text = given.data.get(field)
    match = _CLOCK.match(text) if isinstance(text, str) else None
    minute = int(match[1]) * 60 + int(match[2]) if match else -1
    if not 0 <= minute <= DAY_MINUTES:
        given.refuse(field, text, "a time of the local day such as 08:00")
        return 0
    return minute


def _place(given: Given) -> Place:
    given.only("position", "person")
    return Place(position=given.id("position", "watch") or "", person=given.id("person") or "")


def _change(given: Given) -> DutyChange:
    given.only("day", "shift", "places")
    day = given.text("day")
    if _calendar_problems(_Calendar(id="x", name="x", holidays=(Holiday(first=day, last=day),))):
        given.refuse("day", day, "a date such as 2026-10-01")
    return DutyChange(day=day, shift=given.id("shift") or "", places=given.parts("places", _place, 50))


def _agrees(given: Given, roster: DutyRoster) -> None:
    """What holds between the fields."""
    if roster.site_id is None:
        given.refuse("site_id", None, "the site whose duty it is")
    people, shifts = {person.id for person in roster.people}, {shift.id for shift in roster.shifts}
    if len(people) < len(roster.people):
        given.refuse("people", sorted(person.id for person in roster.people), "each id only once")
    if len(shifts) < len(roster.shifts):
        given.refuse("shifts", sorted(shift.id for shift in roster.shifts), "each id only once")
    for index, shift in enumerate(roster.shifts):
        for place in shift.places:
            if place.person not in people:
                given.refuse(f"shifts[{index}].places", place.person, "a person of this roster")
    for index, change in enumerate(roster.changes):
        if change.shift not in shifts:
            given.refuse(f"changes[{index}].shift", change.shift, "a shift of this roster")
        for place in change.places:
            if place.person not in people:
                given.refuse(f"changes[{index}].places", place.person, "a person of this roster")
    if roster.min_persons < LEAST_PERSONS and not roster.waiver:
        allowed = "at least 2 (GB 25506-2010 4.2.1), or a waiver that says by what rule one person suffices at this site"
        given.refuse("min_persons", roster.min_persons, allowed)


def duty_roster_data(roster: DutyRoster) -> dict[str, Any]:
    """The data of a roster, as `parse_duty_roster` takes it."""
    return {
        "id": roster.id,
        "name": {"zh": roster.name, "en": roster.name_en} if roster.name_en else roster.name,
        "site_id": roster.site_id,
        "people": [{"id": p.id, "name": p.name, "user_id": p.user_id, "phone": p.phone, "email": p.email} for p in roster.people],
        "shifts": [
            {
                "id": s.id,
                "name": {"zh": s.name, "en": s.name_en} if s.name_en else s.name,
                "days": list(s.days),
                "begin": clock(s.begin),
                "end": clock(s.end),
                "places": _places_data(s.places),
            }
            for s in roster.shifts
        ],
        "changes": [{"day": c.day, "shift": c.shift, "places": _places_data(c.places)} for c in roster.changes],
        "min_persons": roster.min_persons,
        "waiver": roster.waiver,
        "enabled": roster.enabled,
        "version": roster.version,
    }


def clock(minute: int) -> str:
    """480 -> `08:00`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _places_data(places: tuple[Place, ...]) -> list[dict[str, str]]:
    return [{"position": place.position, "person": place.person} for place in places]
