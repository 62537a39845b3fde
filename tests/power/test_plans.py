"""When a plan runs, and what it covers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from power.plans import Plan, Stage, covered, next_night, problems
from sites.calendars import Calendar, Holiday, SpecialDay, Window, local_minute_ms
from sites.model import Circuit, CircuitClass, District, Enterprise, Site, Zone
from sites.roster import Roster

SHANGHAI, BERLIN = "Asia/Shanghai", "Europe/Berlin"
PLAN = Plan(id="p", site_id="s", name="闭店", stages=(Stage(classes=(CircuitClass.NIGHT_OFF,)),), at_minute=22 * 60 + 30)
OPEN = Calendar(
    id="c",
    name="hours",
    weekdays=((Window(600, 1320),),) * 5 + ((Window(600, 1380),),) * 2,
    holidays=(Holiday(first="2026-12-25", last="2026-12-26"),),
    special_days=(SpecialDay(day="2026-12-31", windows=(Window(600, 60),), name="late"),),
)


def at(zone: str, date: str, clock: str) -> int:
    hours, minutes = clock.split(":")
    return local_minute_ms(zone, date, int(hours) * 60 + int(minutes))


def test_it_runs_at_its_minute_of_each_night() -> None:
    first = next_night(PLAN, None, SHANGHAI, at(SHANGHAI, "2026-11-22", "12:00"))
    assert first == ("2026-11-22", at(SHANGHAI, "2026-11-22", "22:30"))
    assert next_night(PLAN, None, SHANGHAI, first.at_ms) == ("2026-11-23", at(SHANGHAI, "2026-11-23", "22:30"))


@pytest.mark.parametrize(
    ("date", "clock", "utc_hours_between"),
    [("2026-03-28", "22:30", 23), ("2026-10-24", "22:30", 25), ("2026-06-10", "22:30", 24)],
    ids=["the night the clocks go forward", "the night they go back", "an ordinary night"],
)
def test_the_minute_is_the_places_own_across_daylight_saving(date: str, clock: str, utc_hours_between: int) -> None:
    tonight = next_night(PLAN, None, BERLIN, at(BERLIN, date, "12:00"))
    assert tonight is not None
    tomorrow = next_night(PLAN, None, BERLIN, tonight.at_ms)
    assert tomorrow is not None
    assert tonight.at_ms == at(BERLIN, date, clock)
    assert tomorrow.at_ms - tonight.at_ms == utc_hours_between * 3_600_000


def test_a_minute_that_the_clocks_skip_runs_once_at_the_first_that_exists() -> None:
    plan = replace(PLAN, at_minute=2 * 60 + 30)
    night = next_night(plan, None, BERLIN, at(BERLIN, "2026-03-28", "12:00"))
    assert night == ("2026-03-29", at(BERLIN, "2026-03-29", "03:00"))
    assert next_night(plan, None, BERLIN, night.at_ms) == ("2026-03-30", at(BERLIN, "2026-03-30", "02:30"))


def test_a_minute_that_comes_twice_runs_once() -> None:
    plan = replace(PLAN, at_minute=2 * 60 + 30)
    night = next_night(plan, None, BERLIN, at(BERLIN, "2026-10-24", "12:00"))
    assert night is not None
    assert night.date == "2026-10-25"
    following = next_night(plan, None, BERLIN, night.at_ms)
    assert following is not None
    assert following.date == "2026-10-26"


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (("2026-11-23", "12:00"), ("2026-11-23", "22:30")),  # a Monday closes at 22:00
        (("2026-11-28", "12:00"), ("2026-11-28", "23:30")),  # a Saturday at 23:00
        (("2026-12-24", "23:00"), ("2026-12-27", "23:30")),  # over the holiday
    ],
)
def test_after_closing_follows_the_calendar(after: tuple[str, str], expected: tuple[str, str]) -> None:
    plan = replace(PLAN, at_minute=None, calendar="c")
    night = next_night(plan, OPEN, SHANGHAI, at(SHANGHAI, *after))
    assert night == (expected[0], at(SHANGHAI, *expected))


def test_a_late_opening_is_waited_for() -> None:
    plan = replace(PLAN, at_minute=22 * 60 + 30, calendar="c")
    night = next_night(plan, OPEN, SHANGHAI, at(SHANGHAI, "2026-12-31", "12:00"))
    assert night == ("2026-12-31", at(SHANGHAI, "2027-01-01", "01:30"))


def test_a_disabled_plan_and_one_whose_calendar_is_gone_never_run() -> None:
    assert next_night(replace(PLAN, enabled=False), None, SHANGHAI, 0) is None
    assert next_night(replace(PLAN, calendar="gone"), None, SHANGHAI, 0) is None


def test_a_circuit_belongs_to_the_first_stage_that_chooses_it() -> None:
    roster = Roster()
    roster.put(District(id="d", name="d"))
    roster.put(Enterprise(id="e", district_id="d", name="e"))
    roster.put(Site(id="s", enterprise_id="e", name="s"))
    roster.put(Zone(id="f1", site_id="s", name="1"))
    roster.put(Zone(id="shop", site_id="s", name="shop", parent_id="f1"))
    for name, zone, feeds in (
        ("a", "shop", CircuitClass.NIGHT_OFF),
        ("b", "f1", CircuitClass.USE),
        ("c", "shop", CircuitClass.USE),
        ("d", "f1", CircuitClass.FIRE),
        ("e", "f1", CircuitClass.NIGHT_OFF),
    ):
        roster.put(Circuit(id=name, site_id="s", zone_id=zone, name=name, device_id=f"dev-{name}", circuit_class=feeds))
    plan = replace(
        PLAN, stages=(Stage(zones=("f1",), classes=(CircuitClass.USE,)), Stage(classes=(CircuitClass.NIGHT_OFF,))), except_=("e",)
    )
    assert [(stage, circuit.id) for stage, circuit in covered(plan, roster)] == [(0, "b"), (0, "c"), (1, "a")]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"at_minute": 1440}, "at_minute"),
        ({"at_minute": None}, "at_minute"),
        ({"stages": ()}, "stages"),
        ({"stages": (Stage(),)}, "stages[0]"),
        ({"stages": (Stage(classes=(CircuitClass.FIRE,)),)}, "stages[0].classes"),
        ({"weekdays": (7,)}, "weekdays"),
        ({"stagger_ms": 0}, "stagger_ms"),
        ({"retries": 4}, "retries"),
    ],
)
def test_what_cannot_be_meant_is_named(changed: dict[str, object], field: str) -> None:
    assert [name for name, _, _ in problems(replace(PLAN, **changed))] == [field]  # type: ignore[arg-type]
    assert problems(PLAN) == []
