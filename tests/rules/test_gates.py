"""Schedules: the engine equals the slow reference, however the input is cut, dumped or edited; and stories of opening and closing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_gates import GatedReference
from test_engine_equals_reference import START, Engine, level_rules, make_plant, often, play, silence_rules, state_rules

from rules.carry import carry
from rules.compile import compile, extend
from rules.edges import Edges, findings
from rules.engine import due_ms, pause, resume, step
from rules.findings import Edge, Finding
from rules.gates import set_gate
from rules.kernels import PENDING
from rules.memory import Memory
from rules.model import Direction, Level, Rule, RuleKind, Schedule, Severity, When
from sites.calendars import Calendar, Holiday, SpecialDay, Window
from sites.latest import apply_latest
from sites.model import Device, Site
from sites.readings import RETAINED, STALE_RETAINED, Readings
from sites.roster import Roster

MINUTE = 60_000
SHANGHAI, BERLIN = 16 * 60, 9 * 60  # minutes on the wall at START, Friday 2027-01-15


def make_places() -> Roster:
    roster = make_plant()
    roster.put(Site(id="s", enterprise_id="e", name="s", timezone="Asia/Shanghai"))
    roster.put(Site(id="t", enterprise_id="e", name="t", timezone="Europe/Berlin"))
    device = roster.device("d1")
    assert device is not None
    roster.put(replace(device, site_id="t"))
    hours = ((Window(SHANGHAI + 1, SHANGHAI + 3),),) * 7
    roster.calendars["own"] = Calendar(id="own", name="own", site_id="s", weekdays=hours)
    roster.calendars["firm"] = Calendar(
        id="firm",
        name="firm",
        enterprise_id="e",
        weekdays=((Window(BERLIN + 2, BERLIN + 4),),) * 7,
        holidays=(Holiday(first="2027-01-15", last="2027-01-15"),),
    )
    return roster


minutes = st.sampled_from([SHANGHAI, BERLIN]).flatmap(lambda base: st.integers(base - 2, base + 4))
window = st.builds(lambda begin, length: Window(begin, (begin + length) % 1440), minutes, st.sampled_from([1, 1, 2, 3, 1438]))
schedules = st.builds(
    Schedule,
    weekdays=st.sampled_from([(), (), (4,), (3,), (0, 1)]),
    windows=st.lists(window, max_size=2).map(tuple),
    when=st.sampled_from([When.ANY, When.ANY, *When]),
    calendar=st.sampled_from(["", "", "own", "firm", "gone"]),
)
gated_rules = st.builds(
    lambda rule, schedule: replace(rule, schedule=schedule),
    st.one_of(level_rules(), level_rules(), level_rules("o2"), state_rules, silence_rules),
    st.none() | schedules | schedules,
)
rule_sets = st.lists(gated_rules, min_size=1, max_size=4, unique_by=lambda rule: rule.id)
waits = st.sampled_from([300, 1_000, 2_000, 0, 5_000, 20_000, 45_000, 60_000])
reading = st.tuples(
    st.sampled_from([0] * 6 + [3] * 4 + [6] * 3 + [1, 1, 2, 4, 7, 9]),
    waits,
    st.sampled_from([0, 0, 0, 0, 1_000, 9_000, 40_000]),
    st.sampled_from([8, 7, 6, 5, 4, 3, 2, 1, 0, 10]),
    st.sampled_from([0] * 12 + [RETAINED, RETAINED | STALE_RETAINED]),
    st.booleans(),
)
item = st.one_of(
    *[reading] * 8,
    st.tuples(st.just("availability"), waits, st.integers(0, 2), st.booleans(), st.booleans()),
    st.tuples(st.just("pause"), waits),
    st.tuples(st.just("resume"), waits),
)
stories = st.tuples(st.lists(item, min_size=6, max_size=30), st.sampled_from([0, 1_000, 200_000]))


class Slow(GatedReference):
    def availability(self, device_id: str, online: bool, now: int, retained: bool, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().availability(device_id, online, now, retained)

    def pause(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().pause(now)

    def resume(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().resume(now)


@often
@given(rule_sets, stories)
def test_the_engine_finds_what_the_reference_finds(rules: list[Rule], story: Any) -> None:
    roster = make_places()
    assert play(story, Engine(roster, rules), lambda at: False) == play(story, Slow(roster, rules), lambda at: False)


@often
@given(rule_sets, stories, st.sets(st.integers(0, 29)), st.sampled_from([lambda engine: engine, Engine.reloaded, Engine.edited]))
def test_cuts_dumps_and_edits_of_others_change_nothing(rules: list[Rule], story: Any, cuts: set[int], at_cut: Any) -> None:
    roster = make_places()
    assert play(story, Engine(roster, rules), cuts.__contains__, at_cut) == play(story, Engine(roster, rules), lambda at: False)


# -- stories -----------------------------------------------------------------------------------------------------------


def rule_of(hold_s: float = 0.0, schedule: Schedule | None = None, **more: Any) -> Rule:
    return Rule(
        id="r",
        name="r",
        kind=RuleKind.LEVEL,
        metric="lel",
        direction=Direction.ABOVE,
        levels=(Level(limit=25.0, severity=Severity.HIGH, deadband=3.0),),
        hold_s=hold_s,
        schedule=schedule,
        **more,
    )


def window_from(first: int, length: int) -> Schedule:
    """Minutes after START, in Shanghai."""
    return Schedule(windows=(Window(SHANGHAI + first, SHANGHAI + first + length),))


class Plant:
    """One detector that reports every second where it is told to."""

    def __init__(self, rule: Rule, interval_s: float = 60.0) -> None:
        self.roster = Roster()
        self.roster.put(Site(id="s", enterprise_id="e", name="s"))
        self.roster.put(
            Device(id="d", site_id="s", zone_id="z", name="d", kind="gas", codec="native", address="s/d", interval_s=interval_s)
        )
        self.row = self.roster.add_point("d", "lel")
        self.program = compile([rule], self.roster)
        self.memory = Memory(self.program)
        self.made: list[Finding] = []

    def hear(self, after_s: float, value: float, delay_ms: int = 0) -> None:
        at = START + round(after_s * 1000)
        readings = Readings.of([self.row], [at - delay_ms], [at], [value], [delay_ms])
        apply_latest(self.roster, readings)
        self.made += step(self.program, self.memory, readings, at)

    def wait(self, after_s: float) -> None:
        self.made += step(self.program, self.memory, Readings.of([], [], [], []), START + round(after_s * 1000))

    def edit(self, rule: Rule) -> None:
        program = compile([rule], self.roster)
        self.memory = carry(self.program, self.memory, program)
        self.program = program

    @property
    def seen(self) -> list[tuple[str, float, float]]:
        """(edge, fired, at) in seconds after START."""
        return [(str(f.edge), (f.fired_ms - START) / 1000, (f.at_ms - START) / 1000) for f in self.made]


def test_outside_its_window_a_rule_does_not_raise() -> None:
    plant = Plant(rule_of(schedule=window_from(1, 2)))
    plant.hear(10, 50.0)
    plant.hear(59.999, 50.0)
    assert plant.seen == []


def test_a_window_that_opens_on_a_true_condition_raises_at_once_and_one_that_closes_clears() -> None:
    plant = Plant(rule_of(schedule=window_from(1, 2)))
    plant.hear(10, 50.0)
    plant.wait(300)
    assert plant.seen == [("raised", 60.0, 60.0), ("cleared", 180.0, 180.0)]
    assert [finding.value for finding in plant.made] == [50.0, 50.0]


def test_a_window_that_opens_on_a_true_condition_raises_after_the_hold_from_then_on() -> None:
    plant = Plant(rule_of(hold_s=30.0, schedule=window_from(1, 5)))
    plant.hear(10, 50.0)
    plant.hear(65, 50.0)
    assert plant.seen == [], "the reading before the window does not count into the hold"
    plant.wait(100)
    assert plant.seen == [("raised", 90.0, 95.0)], "by the clock 30 s after the opening; for the device 30 s after its first reading in it"


def test_a_hold_does_not_run_outside_the_window() -> None:
    plant = Plant(rule_of(hold_s=30.0, schedule=Schedule(windows=(Window(SHANGHAI, SHANGHAI + 1), Window(SHANGHAI + 2, SHANGHAI + 3)))))
    plant.hear(40, 50.0)
    plant.wait(119)
    assert plant.seen == []
    plant.wait(150)
    assert plant.seen == [("raised", 150.0, 150.0)]


def test_what_returned_to_normal_while_shut_does_not_raise_when_it_opens() -> None:
    plant = Plant(rule_of(schedule=window_from(1, 2)))
    plant.hear(10, 50.0)
    plant.hear(20, 10.0)
    plant.wait(300)
    assert plant.seen == []


def test_a_point_that_fell_silent_in_alarm_before_it_opens_raises_without_its_hold() -> None:
    plant = Plant(rule_of(hold_s=30.0, schedule=window_from(2, 2)), interval_s=10.0)
    plant.hear(10, 50.0)
    plant.wait(120)
    assert plant.seen == [("raised", 120.0, 120.0)], "silence while pending raises"


def test_a_late_reading_that_a_window_opens_on_raises_late() -> None:
    plant = Plant(rule_of(schedule=window_from(1, 2)))
    plant.hear(10, 50.0, delay_ms=40_000)
    plant.wait(60)
    assert [(finding.edge, finding.is_late) for finding in plant.made] == [(Edge.RAISED, True)]


def test_the_next_turn_is_a_due_time_and_a_rule_without_schedule_has_none() -> None:
    plant = Plant(rule_of(schedule=window_from(1, 2)))
    plant.hear(10, 5.0)
    assert due_ms(plant.memory) == START + MINUTE
    plain = Plant(rule_of())
    plain.hear(10, 5.0)
    assert due_ms(plain.memory) is None


def test_shut_checks_are_quiet_for_any_value() -> None:
    plant = Plant(rule_of(hold_s=30.0, schedule=window_from(1, 2)))
    plant.hear(10, 50.0)
    assert (plant.memory.low[plant.row], plant.memory.high[plant.row]) == (-np.inf, np.inf)
    assert not plant.memory.status[0] & PENDING


def test_an_edit_that_opens_the_schedule_raises_a_true_condition_once() -> None:
    plant = Plant(rule_of(schedule=window_from(30, 1)))
    plant.hear(10, 50.0)
    plant.edit(rule_of(schedule=window_from(0, 60)))
    plant.wait(20)
    plant.edit(rule_of(schedule=window_from(0, 50)))
    plant.wait(40)
    assert plant.seen == [("raised", 10.0, 10.0)]


def test_an_edit_that_takes_the_schedule_away_raises_a_true_condition() -> None:
    plant = Plant(rule_of(schedule=window_from(30, 1)))
    plant.hear(10, 50.0)
    plant.edit(rule_of())
    plant.wait(20)
    assert plant.seen == [("raised", 10.0, 10.0)]


def test_an_edit_to_a_schedule_that_is_shut_clears_and_one_that_is_open_does_nothing() -> None:
    plant = Plant(rule_of())
    plant.hear(10, 50.0)
    plant.edit(rule_of(schedule=window_from(0, 60)))
    plant.wait(20)
    assert plant.seen == [("raised", 10.0, 10.0)]
    plant.edit(rule_of(schedule=window_from(30, 60)))
    plant.wait(30)
    assert plant.seen[1:] == [("cleared", 20.0, 20.0)]


def test_a_dump_between_an_edit_and_the_next_step_loses_nothing() -> None:
    plant = Plant(rule_of(schedule=window_from(30, 1)))
    plant.hear(10, 50.0)
    plant.edit(rule_of(schedule=window_from(0, 60)))
    memory = Memory(plant.program)
    memory.load(plant.memory.dump())
    plant.memory = memory
    plant.wait(20)
    assert plant.seen == [("raised", 10.0, 10.0)]


def test_points_that_appear_while_it_is_shut_are_shut() -> None:
    plant = Plant(rule_of(schedule=window_from(1, 2)))
    plant.hear(10, 5.0)
    row = plant.roster.add_point("d", "lel.2")
    extend(plant.program, plant.roster, plant.program.rows)
    at = START + 20_000
    plant.made += step(plant.program, plant.memory, Readings.of([row], [at], [at], [50.0]), at)
    assert plant.seen == []
    plant.wait(70)
    assert plant.seen == [("raised", 60.0, 60.0)]


def test_windows_turn_while_the_service_is_deaf() -> None:
    plant = Plant(rule_of(schedule=window_from(1, 2)))
    plant.hear(10, 50.0)
    plant.made += pause(plant.program, plant.memory, START + 20_000)
    plant.made += resume(plant.program, plant.memory, START + 600_000)
    assert plant.seen == [("raised", 60.0, 60.0), ("cleared", 180.0, 180.0)]


def test_windows_follow_the_zone_of_the_points_site_and_cross_midnight_over_daylight_saving() -> None:
    roster = Roster()
    roster.put(Site(id="s", enterprise_id="e", name="s", timezone="Europe/Berlin"))
    roster.put(Device(id="d", site_id="s", zone_id="z", name="d", kind="gas", codec="native", address="s/d", interval_s=86_400.0))
    row = roster.add_point("d", "lel")
    program = compile([rule_of(schedule=Schedule(weekdays=(5,), windows=(Window(22 * 60, 6 * 60),)))], roster)  # Saturday nights
    memory = Memory(program)
    noon = 1_774_695_600_000  # Saturday 2026-03-28 11:00 UTC, the clocks go forward in the night after it
    made = step(program, memory, Readings.of([row], [noon], [noon], [50.0]), noon + 7 * 86_400_000)
    hours = [(str(finding.edge), (finding.fired_ms - noon) / 3_600_000) for finding in made]
    assert hours == [("raised", 10.0), ("cleared", 17.0)], "21:00 UTC to 04:00 UTC: seven hours of a night of eight"


@pytest.mark.parametrize(
    ("when", "expected"),
    [(When.OPEN, [("raised", 60.0)]), (When.CLOSED, [("raised", 10.0), ("cleared", 60.0)])],
)
def test_rules_apply_while_the_place_is_open_or_closed(when: When, expected: list[tuple[str, float]]) -> None:
    plant = Plant(rule_of())
    plant.roster.calendars["c"] = Calendar(id="c", name="c", site_id="s", weekdays=((Window(SHANGHAI + 1, SHANGHAI + 300),),) * 7)
    plant.edit(rule_of(schedule=Schedule(when=when)))
    plant.hear(10, 50.0)
    plant.wait(300)
    assert [(edge, fired) for edge, fired, _ in plant.seen] == expected


@pytest.mark.parametrize(("when", "raises"), [(When.HOLIDAY, False), (When.WORKDAY, True)])
def test_a_holiday_with_an_exceptional_opening_is_a_workday(when: When, raises: bool) -> None:
    plant = Plant(rule_of())
    plant.roster.calendars["c"] = Calendar(
        id="c",
        name="c",
        holidays=(Holiday(first="2027-01-10", last="2027-01-20"),),
        special_days=(SpecialDay(day="2027-01-15", windows=(Window(0, 60),)),),
    )
    plant.edit(rule_of(schedule=Schedule(when=when, calendar="c")))
    plant.hear(10, 50.0)
    assert bool(plant.made) is raises


@pytest.mark.parametrize(("when", "raises"), [(When.OPEN, True), (When.WORKDAY, True), (When.CLOSED, False), (When.HOLIDAY, False)])
def test_a_place_without_a_calendar_is_always_open(when: When, raises: bool) -> None:
    plant = Plant(rule_of(schedule=Schedule(when=when)))
    plant.hear(10, 50.0)
    plant.wait(86_400)
    assert bool(plant.made) is raises


def test_a_gate_of_another_kind_and_a_schedule_must_both_be_open() -> None:
    plant = Plant(rule_of(schedule=window_from(1, 2), only_while="switch"))
    plant.hear(10, 50.0)
    edges = Edges()
    check = np.array([0])
    set_gate(plant.program, plant.memory, check, False, START + 10_000, edges)
    plant.wait(100)
    assert plant.seen == []
    set_gate(plant.program, plant.memory, check, True, START + 100_000, edges)
    assert not findings(plant.program, plant.memory, edges), "holds that begin are due by the wheel"
    plant.wait(100)
    assert plant.seen == [("raised", 100.0, 100.0)]
    set_gate(plant.program, plant.memory, check, False, START + 100_000, edges)
    assert [finding.edge for finding in findings(plant.program, plant.memory, edges)] == [Edge.CLEARED]
    plant.wait(300)
    assert len(plant.made) == 1, "the schedule closed what was shut already"
