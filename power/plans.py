"""A closing-time plan as a frozen value: which circuits of a site are cut, in which stages, and on which local minute of which days.

GB/T 40248-2021 7.3.5: non-essential equipment is without power after closing. Pure functions over the plan, the roster and a calendar;
`power.runs` carries plans out. Nothing here cuts or refuses: classes and interlocks are `power.protection`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sites import calendars
from sites.calendars import DAY_MINUTES, Calendar, Day
from sites.model import Circuit, CircuitClass
from sites.roster import Roster

MOST_CIRCUITS = 20_000
_SEARCH_DAYS = 400  # a plan that does not run within so many days has no next run
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Circuits that go together: those named, and those of these classes, zones (with what lies in them) and tenants; empty filters do not
    choose. `pause_s`: how long after the stage before it has ended."""

    name: str = ""
    circuits: tuple[str, ...] = ()
    classes: tuple[CircuitClass, ...] = ()
    zones: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Runs at the local minute `at_minute` of its `weekdays` (0 Monday), or, with `calendar` and no `at_minute`, `after_close_min` after
    each closing. A fixed minute at which the calendar says open (an exceptional opening) waits for that closing. `except_` are circuits
    that the plan never touches. The first `observation_nights` it only reports what it would have cut."""

    id: str
    site_id: str
    name: str
    name_en: str = ""
    stages: tuple[Stage, ...]
    at_minute: int | None = None
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    on_holidays: bool = True
    calendar: str | None = None
    after_close_min: int = 30
    except_: tuple[str, ...] = ()
    stagger_ms: int = 150  # between orders through one gateway (domain.md C3: 5 to 10 a second)
    countdown_s: float = 30.0
    notice_min: int = 30
    retries: int = 1
    retry_after_s: float = 60.0
    observation_nights: int = 3
    enabled: bool = True
    version: int = 1


class Night(NamedTuple):
    """One night of a plan: its local date (ISO) and its moment."""

    date: str
    at_ms: int


def problems(plan: Plan) -> list[tuple[str, str, str]]:
    """What cannot be meant, as (field, given, allowed). Empty: fine."""
    found: list[tuple[str, str, str]] = []
    if plan.at_minute is None and plan.calendar is None:
        found.append(("at_minute", "none", "a minute of the day, or a calendar whose closing is followed"))
    if plan.at_minute is not None and not 0 <= plan.at_minute < DAY_MINUTES:
        found.append(("at_minute", str(plan.at_minute), "0 to 1439, minutes after local midnight"))
    if not plan.stages:
        found.append(("stages", "none", "at least one stage"))
    for at, stage in enumerate(plan.stages):
        if not (stage.circuits or stage.classes or stage.zones or stage.tenants):
            found.append((f"stages[{at}]", "nothing", "circuits, classes, zones or tenants: an empty stage chooses nothing"))
        if not 0 <= stage.pause_s <= 3_600:
            found.append((f"stages[{at}].pause_s", str(stage.pause_s), "0 to 3600 s"))
        never = [each for each in stage.classes if each in (CircuitClass.FIRE, CircuitClass.LIFE, CircuitClass.UNCLASSIFIED)]
        if never:
            found.append((f"stages[{at}].classes", ", ".join(never), "classes that may be cut: fire, life and unclassified never are"))
    bounds = (
        ("weekdays", set(plan.weekdays) <= set(range(7)) and bool(plan.weekdays), str(plan.weekdays), "some of 0 (Monday) to 6"),
        ("after_close_min", 0 <= plan.after_close_min <= 600, str(plan.after_close_min), "0 to 600 min"),
        ("stagger_ms", 50 <= plan.stagger_ms <= 10_000, str(plan.stagger_ms), "50 to 10000 ms"),
        ("countdown_s", 0 <= plan.countdown_s <= 300, str(plan.countdown_s), "0 to 300 s"),
        ("notice_min", 0 <= plan.notice_min <= 240, str(plan.notice_min), "0 to 240 min"),
        ("retries", 0 <= plan.retries <= 3, str(plan.retries), "0 to 3"),
        ("retry_after_s", 10 <= plan.retry_after_s <= 1_800, str(plan.retry_after_s), "10 to 1800 s"),
        ("observation_nights", 0 <= plan.observation_nights <= 30, str(plan.observation_nights), "0 to 30"),
    )
    return found + [(name, given, allowed) for name, is_fine, given, allowed in bounds if not is_fine]


def covered(plan: Plan, roster: Roster) -> list[tuple[int, Circuit]]:
    """(stage, circuit) of everything that the plan chooses, in the order of stages, then of panel and name. A circuit belongs to the
    first stage that chooses it. Classes that nothing may cut are not left out here: whoever asks says why they stay on."""
    taken: set[str] = set(plan.except_)
    chosen: list[tuple[int, Circuit]] = []
    here = [circuit for circuit in roster.circuits.values() if circuit.site_id == plan.site_id]
    here.sort(key=lambda circuit: (circuit.panel, circuit.name, circuit.id))
    for at, stage in enumerate(plan.stages):
        zones = within(stage.zones, roster)
        for circuit in here:
            if circuit.id not in taken and _chooses(stage, zones, circuit):
                taken.add(circuit.id)
                chosen.append((at, circuit))
    return chosen


def within(zones: tuple[str, ...], roster: Roster) -> frozenset[str]:
    """These zones and all that lie in them."""
    inside, grew = set(zones), bool(zones)
    while grew:
        more = {zone.id for zone in tuple(roster.zones.values()) if zone.parent_id in inside} - inside
        inside |= more
        grew = bool(more)
    return frozenset(inside)


def _chooses(stage: Stage, zones: frozenset[str], circuit: Circuit) -> bool:
    if circuit.id in stage.circuits:
        return True
    filters = (
        (stage.classes, circuit.circuit_class in stage.classes),
        (stage.zones, circuit.zone_id in zones),
        (stage.tenants, circuit.tenant in stage.tenants),
    )
    given = [fits for wanted, fits in filters if wanted]
    return bool(given) and all(given)


def next_night(plan: Plan, calendar: Calendar | None, timezone: str, after_ms: int) -> Night | None:
    """The first night whose moment is after `after_ms`; None: not within 400 days, or the plan is disabled or names no calendar that is
    there."""
    if not plan.enabled or (plan.calendar is not None and calendar is None):
        return None
    for day in calendars.days_between(timezone, after_ms - 2 * _DAY_MS, after_ms + _SEARCH_DAYS * _DAY_MS):
        at_ms = _moment(plan, calendar, timezone, day)
        if at_ms is not None and at_ms > after_ms:
            return Night(day.iso, at_ms)
    return None


def _moment(plan: Plan, calendar: Calendar | None, timezone: str, day: Day) -> int | None:
    if plan.at_minute is None:
        assert calendar is not None
        return _after_closing(plan, calendar, timezone, day)
    if day.weekday not in plan.weekdays:
        return None
    if calendar is not None and not plan.on_holidays and calendars.is_holiday(calendar, day):
        return None
    at_ms = calendars.local_minute_ms(timezone, day.iso, plan.at_minute)
    if calendar is not None:
        open_spans = calendars.windows_between(calendar, timezone, at_ms, at_ms + 2 * _DAY_MS)
        if open_spans and open_spans[0][0] == at_ms:
            return open_spans[0][1] + plan.after_close_min * 60_000
    return at_ms


def _after_closing(plan: Plan, calendar: Calendar, timezone: str, day: Day) -> int | None:
    windows = calendars.windows_on(calendar, day)
    if not windows or day.weekday not in plan.weekdays:
        return None
    begins = calendars.local_minute_ms(timezone, day.iso, max(window.begin for window in windows))
    spans = calendars.windows_between(calendar, timezone, begins, begins + 2 * _DAY_MS)
    return spans[0][1] + plan.after_close_min * 60_000 if spans else None
