"""Schedules of derived kinds: the engine equals the reference with gates, however the input is cut, dumped or edited."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from reference_derived import DerivedReference, Pair, condition
from reference_gates import MINUTE, GatedReference
from test_derived_equals_reference import derived_rules, often
from test_derived_stories import derived, raised
from test_engine_equals_reference import Engine, play
from test_engine_stories import Bench, tell
from test_gates import make_places, schedules, stories

from rules.engine import due_ms, step
from rules.findings import Edge, Finding
from rules.model import Rule, RuleKind, Schedule, Statistic, When
from sites.calendars import Window
from sites.readings import Readings


class GatedDerived(DerivedReference):
    """`DerivedReference` with a gate for each pair, looked at on every whole minute."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.shut: set[int] = set()
        self.unconfirmed: set[int] = set()  # ids of holds that a gate began
        self.begun = False

    def run_clock(self, until: int) -> list[Finding]:
        made: list[Finding] = []
        if not self.begun:
            self.begun = True
            made += self.turn(until)
        while (minute := (self.now // MINUTE + 1) * MINUTE) <= until and self.now >= 0:
            made += super().run_clock(minute - 1)
            self.now = minute
            made += self.turn(minute)
        return made + super().run_clock(until)

    def turn(self, at: int) -> list[Finding]:
        made: list[Finding] = []
        for pair in self.pairs:
            allowed = GatedReference.allows(self, pair.rule, pair.device.site_id, at)  # type: ignore[arg-type]
            if allowed == (id(pair) not in self.shut):
                continue
            if not allowed:
                self.shut.add(id(pair))
                for hold in pair.levels:
                    hold.active, hold.since_taken = False, None
                made += self.show(pair, at, at, False, -1)
                continue
            self.shut.discard(id(pair))
            for number, hold in enumerate(pair.levels):
                if condition(pair.rule, number, pair.value)[0]:
                    hold.since_taken = hold.since_clock = at
                    hold.late = pair.late
                    self.unconfirmed.add(id(hold))
        return made

    def hold_due(self, pair: Pair, hold: Any) -> int:
        due = super().hold_due(pair, hold)
        return max(due, hold.since_clock) if hold.since_taken is not None and not hold.active else due

    def judge(self, pair: Pair, index: int, at: int, now: int, is_gap: bool) -> list[Finding]:
        if id(pair) in self.shut:
            return []
        for hold in pair.levels:
            if id(hold) in self.unconfirmed:
                self.unconfirmed.discard(id(hold))
                if hold.since_taken is not None and not hold.active:
                    hold.since_taken = at
        return super().judge(pair, index, at, now, is_gap)

    def availability(self, device_id: str, online: bool, now: int, retained: bool, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().availability(device_id, online, now, retained)

    def pause(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().pause(now)

    def resume(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().resume(now)


@st.composite
def gated_rules(draw: Any) -> list[Rule]:
    by_hours = schedules.map(lambda each: replace(each, when=When.ANY, calendar=""))
    return [replace(rule, schedule=draw(st.none() | by_hours | by_hours)) for rule in draw(derived_rules())]


@settings(often, max_examples=150)
@given(gated_rules(), stories)
def test_the_engine_finds_what_the_reference_finds(rules: list[Rule], story: Any) -> None:
    roster = make_places()
    assert play(story, Engine(roster, rules), lambda at: False) == play(story, GatedDerived(roster, rules), lambda at: False)


@settings(often, max_examples=150)
@given(gated_rules(), stories, st.sets(st.integers(0, 29)), st.sampled_from([None, Engine.reloaded, Engine.edited]))
def test_cutting_dumping_and_editing_elsewhere_change_nothing(rules: list[Rule], story: Any, cuts: set[int], at_cut: Any) -> None:
    roster = make_places()
    cut = play(story, Engine(roster, rules), cuts.__contains__, *([at_cut] if at_cut else []))
    assert cut == play(story, Engine(roster, rules), lambda at: False)


EIGHT = 480  # the minute on the wall in Shanghai, whose zone is taken without a site, at time 0 of the stories


def counted(begin: int, end: int, **changes: Any) -> Rule:
    return derived(RuleKind.COUNT, 2, schedule=Schedule(windows=(Window(EIGHT + begin, EIGHT + end),)), **changes)


def test_a_schedule_that_opens_while_the_value_is_met_raises_at_once_and_its_end_clears() -> None:
    bench = Bench(counted(2, 4))
    for at in (90, 100, 110):
        assert bench.read(at, 1) == []
    assert due_ms(bench.memory) == 120_000
    assert bench.wait(119.999) == []
    assert bench.wait(120) == raised(120)
    for at in range(130, 240, 10):
        assert bench.read(at, 1) == []
    assert bench.read(240, 1) == [("cleared", -1, 240, 240)]
    assert bench.read(250, 1) == []


def test_a_hold_begins_when_the_schedule_opens_and_ends_when_it_closes() -> None:
    bench = Bench(counted(2, 4, hold_s=15.0))
    for at in (90, 100, 110, 120, 125, 134.9):
        assert bench.read(at, 1) == []
    assert bench.wait(136) == raised(135)
    bench = Bench(counted(2, 4, hold_s=15.0))
    for at in (210, 239):
        bench.read(at, 1)
    assert bench.wait(300) == []
    assert bench.read(301, 1) == []


def test_readings_of_the_last_moment_before_a_schedule_closes_still_raise() -> None:
    bench = Bench(counted(0, 2))
    bench.read(100, 1)
    bench.wait(119.999)
    found = step(bench.program, bench.memory, Readings.of([0], [119_999], [119_999], [1.0]), 120_000)
    assert tell(found) == [("raised", 0, 119.999, 119.999), ("cleared", -1, 120, 120)]


def test_an_edit_that_takes_the_schedule_away_begins_what_is_met() -> None:
    bench = Bench(counted(10, 12))
    bench.read(90, 1)
    bench.read(100, 1)
    bench.edit(counted(10, 12))
    assert bench.wait(101) == []
    bench.edit(derived(RuleKind.COUNT, 2))
    assert bench.wait(102) == raised(101)


def test_a_value_that_is_not_known_any_more_is_cleared_without_one() -> None:
    rule = derived(RuleKind.WINDOW, 1, statistic=Statistic.MAX, covered=0.0, window_s=6.0)
    bench = Bench(replace(rule, schedule=Schedule(windows=(Window(EIGHT, EIGHT + 2),))))
    assert bench.read(100, 1) == raised(100)
    batch = Readings.of([], [], [], [], [])
    (finding,) = step(bench.program, bench.memory, batch, 120_000)
    assert (finding.edge, finding.value) == (Edge.CLEARED, None)
