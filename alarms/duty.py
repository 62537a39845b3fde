"""Duty rosters: who is on duty at a place at a moment, by shifts in the place's own zone that may cross midnight.

A roster is a document: people with their contacts, positions, weekly shifts, and changes of single days. Nothing here reads a clock or
sends anything; escalations, checks of presence and the shift's hand-over ask it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from sites.calendars import DAY_MS, Day, Window, day_spans

LEAST_PERSONS = 2  # GB 25506-2010 4.2.1: at least two a shift in a fire control room


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyPerson:
    """Somebody of the roster: a user of the service (`user_id`, whose contacts are the account's), or somebody with a telephone only."""

    id: str
    name: str
    user_id: str | None = None
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A person at a position, such as `lead` (值班长) or `watch` (值班员), during a shift."""

    position: str
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Every week on these days (Monday 0), from `begin` to `end` in minutes of the local day; an end at or before the begin is on the next
    day, and the shift belongs to the day on which it begins."""

    id: str
    name: str
    name_en: str = ""
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    begin: int = 0
    end: int = 1_440
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyChange:
    """On one date (ISO, that on which the shift begins) other people have the shift: swaps, leave, holidays. Also on a weekday that the
    shift does not have. No places: the shift is not held that day."""

    day: str
    shift: str
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRoster:
    """Of one site. `min_persons`: so many different people must be on duty at any moment; 1 only with `waiver`, which says by what rule
    one person suffices there (several provinces allow it for networked control rooms)."""

    id: str
    name: str
    name_en: str = ""
    site_id: str | None = None
    people: tuple[DutyPerson, ...] = ()
    shifts: tuple[Shift, ...] = ()
    changes: tuple[DutyChange, ...] = ()
    min_persons: int = LEAST_PERSONS
    waiver: str = ""
    enabled: bool = True
    version: int = 1


class OnDuty(NamedTuple):
    """One person at one position in one shift that runs [from_ms, until_ms)."""

    roster_id: str
    shift_id: str
    position: str
    person: DutyPerson
    from_ms: int
    until_ms: int


def on_duty(roster: DutyRoster, timezone: str, at_ms: int) -> list[OnDuty]:
    """Who has the duty at a moment, in the order of shifts and their places. A person of two running shifts stands there twice."""
    return list(_held(roster, timezone, at_ms, at_ms + 1))


def duty_between(roster: DutyRoster, timezone: str, from_ms: int, until_ms: int) -> list[OnDuty]:
    """All duties that touch [from_ms, until_ms), whole, by their begin."""
    return sorted(_held(roster, timezone, from_ms, until_ms), key=lambda duty: (duty.from_ms, duty.shift_id))


def on_duty_at(rosters: Iterable[DutyRoster], site_id: str, timezone: str, at_ms: int) -> list[OnDuty]:
    """Who has the duty at a site, by all its enabled rosters in the order of their ids."""
    mine = sorted((r for r in rosters if r.enabled and r.site_id == site_id), key=lambda r: r.id)
    return [duty for roster in mine for duty in on_duty(roster, timezone, at_ms)]


def missing_persons(roster: DutyRoster, timezone: str, at_ms: int) -> int:
    """How many people are missing at a moment to the number that the roster asks for."""
    return max(0, roster.min_persons - len({duty.person.id for duty in on_duty(roster, timezone, at_ms)}))


def shortfalls(roster: DutyRoster, timezone: str, from_ms: int, until_ms: int) -> list[tuple[int, int, int]]:
    """Spans of [from_ms, until_ms) with too few people, as (begin, end, how many are missing), in order."""
    duties = duty_between(roster, timezone, from_ms, until_ms)
    edges = {edge for duty in duties for edge in (duty.from_ms, duty.until_ms)}
    marks = sorted({from_ms, until_ms, *(edge for edge in edges if from_ms < edge < until_ms)})
    found: list[tuple[int, int, int]] = []
    for begin, end in pairwise(marks):
        present = {duty.person.id for duty in duties if duty.from_ms <= begin < duty.until_ms}
        missing = roster.min_persons - len(present)
        if missing <= 0:
            continue
        if found and found[-1][1:] == (begin, missing):
            found[-1] = (found[-1][0], end, missing)
        else:
            found.append((begin, end, missing))
    return found


def _held(roster: DutyRoster, timezone: str, from_ms: int, until_ms: int) -> Iterable[OnDuty]:
    people = {person.id: person for person in roster.people}
    changed = {(change.day, change.shift): change.places for change in roster.changes}
    for day in _days(timezone, from_ms, until_ms):
        for shift in roster.shifts:
            places = changed.get((day.iso, shift.id), shift.places if day.weekday in shift.days else ())
            if not places:
                continue
            for begin, end in _span(shift, timezone, day, from_ms, until_ms):
                if begin < until_ms and end > from_ms:
                    yield from (
                        OnDuty(roster.id, shift.id, place.position, people[place.person], begin, end)
                        for place in places
                        if place.person in people
                    )


def _days(timezone: str, from_ms: int, until_ms: int) -> list[Day]:
    """Local dates on which a shift may have begun that touches the span."""
    days: list[Day] = []
    day_spans(timezone, from_ms, until_ms, lambda day: days.append(day) or ())  # type: ignore[func-returns-value]
    return days


def _span(shift: Shift, timezone: str, day: Day, from_ms: int, until_ms: int) -> list[tuple[int, int]]:
    """The shift as it is held from this date on, whole."""
    window = (Window(shift.begin, shift.end),)
    return day_spans(timezone, from_ms - 2 * DAY_MS, until_ms + 2 * DAY_MS, lambda each: window if each == day else ())
