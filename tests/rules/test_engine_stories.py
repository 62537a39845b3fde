"""The promises of the rules one by one, on a timeline: holds, gaps, late and out-of-order readings, silence, edits. Times in seconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rules import presence
from rules.carry import carry
from rules.compile import compile, extend
from rules.engine import availability, heard, pause, resume, step
from rules.findings import Finding
from rules.memory import Memory
from rules.model import Direction, Level, Rule, RuleKind, Scope, Severity
from sites.latest import apply_latest
from sites.model import Device
from sites.readings import RETAINED, STALE_RETAINED, Readings
from sites.roster import Roster


def level_rule(*limits: float, **changes: Any) -> Rule:
    severities = (Severity.HIGH, Severity.CRITICAL)
    made = tuple(Level(limit=limit, severity=severity, deadband=3.0) for limit, severity in zip(limits, severities, strict=False))
    return replace(Rule(id="lel", name="gas", kind=RuleKind.LEVEL, metric="lel", levels=made), **changes)


SILENCE = Rule(id="silent", name="silent", kind=RuleKind.SILENCE, levels=(Level(limit=2.5, severity=Severity.LOW),))


class Bench:
    """One wired gas detector that reports every 10 s, so that it is overdue after 25 s."""

    def __init__(self, *rules: Rule) -> None:
        self.roster = Roster()
        self.roster.put(Device(id="g", site_id="s", zone_id="z", name="g", kind="gas", codec="native", address="s/g", interval_s=10))
        self.row = self.roster.add_point("g", "lel")
        self.program = compile(rules, self.roster)
        self.memory = Memory(self.program)

    def read(self, at: float, value: float, taken: float | None = None, delay: float = 0.0, flags: int = 0, row: int | None = None) -> Any:
        taken_ms = round((at if taken is None else taken) * 1000)
        batch = Readings.of([self.row if row is None else row], [taken_ms], [round(at * 1000)], [value], [round(delay * 1000)], [flags])
        apply_latest(self.roster, batch)
        return tell(step(self.program, self.memory, batch, round(at * 1000)))

    def wait(self, until: float) -> Any:
        return tell(step(self.program, self.memory, Readings.of([], [], [], []), round(until * 1000)))

    def edit(self, *rules: Rule) -> None:
        program = compile(rules, self.roster)
        self.memory = carry(self.program, self.memory, program)
        self.program = program


def tell(found: list[Finding]) -> list[tuple[str, int, float, float]]:
    return [(finding.edge.value, finding.level, finding.at_ms / 1000, finding.fired_ms / 1000) for finding in found]


def test_without_a_hold_a_level_raises_at_once_and_clears_past_the_deadband() -> None:
    bench = Bench(level_rule(25))
    assert bench.read(10, 24.9) == []
    assert bench.read(20, 25) == [("raised", 0, 20, 20)]
    assert bench.read(30, 22) == []
    assert bench.read(40, 21.9) == [("cleared", -1, 40, 40)]


def test_a_jump_over_two_levels_is_one_finding() -> None:
    bench = Bench(level_rule(25, 50))
    assert bench.read(10, 60) == [("raised", 1, 10, 10)]
    assert bench.read(20, 30) == [("stepped", 0, 20, 20)]
    assert bench.read(30, 0) == [("cleared", -1, 30, 30)]


def test_below_rules_mirror_above_rules() -> None:
    bench = Bench(level_rule(19.5, direction=Direction.BELOW))
    assert bench.read(10, 19.6) == []
    assert bench.read(20, 19.5) == [("raised", 0, 20, 20)]
    assert bench.read(30, 22.5) == []
    assert bench.read(40, 22.6) == [("cleared", -1, 40, 40)]


def test_a_hold_is_confirmed_by_the_clock_when_no_reading_comes() -> None:
    bench = Bench(level_rule(25, hold_s=5))
    assert bench.read(10, 30) == []
    assert bench.wait(14.999) == []
    assert bench.wait(20) == [("raised", 0, 15, 15)]


def test_a_hold_is_confirmed_by_device_time_when_a_backlog_comes_at_once() -> None:
    bench = Bench(level_rule(25, hold_s=5))
    assert bench.read(100, 30, taken=50) == []
    assert bench.read(100, 30, taken=56) == [("raised", 0, 55, 100)]


def test_a_gap_in_device_time_restarts_the_hold() -> None:
    bench = Bench(level_rule(25, hold_s=20))
    assert bench.read(100, 30, taken=50) == []
    assert bench.read(100, 30, taken=76) == []  # 26 s without a reading: the 20 s in between are not known
    assert bench.wait(119.9) == []
    assert bench.wait(121) == [("raised", 0, 96, 120)]


def test_silence_while_a_hold_is_running_raises() -> None:
    bench = Bench(level_rule(25, hold_s=60))
    bench.read(10, 30)
    assert bench.wait(34.9) == []
    assert bench.wait(40) == [("raised", 0, 35, 35)]


def test_a_clear_hold_runs_out_by_the_clock_but_never_by_silence() -> None:
    bench = Bench(level_rule(25, clear_hold_s=20))
    bench.read(10, 30)
    bench.read(20, 0)
    assert bench.wait(60) == [("cleared", -1, 40, 40)]
    bench = Bench(level_rule(25, clear_hold_s=30))
    bench.read(10, 30)
    bench.read(20, 0)
    assert bench.wait(1000) == []


def test_a_clear_hold_that_ran_out_while_overdue_ends_with_the_reading_that_is_heard_again() -> None:
    bench = Bench(level_rule(25, clear_hold_s=30))
    bench.read(10, 30)
    bench.read(20, 0)
    assert bench.wait(59) == []
    assert bench.read(60, 0, taken=40) == [("cleared", -1, 50, 60)]  # delayed, but no gap in what was measured


def test_a_late_reading_ends_a_running_clear_hold() -> None:
    bench = Bench(level_rule(25, clear_hold_s=20))
    bench.read(100, 30, taken=50)
    bench.read(110, 0, taken=60)
    assert bench.read(111, 0, taken=61, delay=50) == []
    assert bench.wait(200) == []


def test_a_duplicate_changes_nothing() -> None:
    bench = Bench(level_rule(25))
    bench.read(10, 0)
    assert bench.read(11, 90, taken=10) == []


def test_an_out_of_order_alarm_raises_late_and_clears_if_the_present_is_normal() -> None:
    bench = Bench(level_rule(25))
    bench.read(10, 0)
    found = step(bench.program, bench.memory, Readings.of([0], [5_000], [11_000], [60.0], [6_000]), 11_000)
    assert tell(found) == [("raised", 0, 5, 11), ("cleared", -1, 5, 11)]
    assert found[0].is_late


def test_an_alarm_reading_that_comes_again_after_the_end_of_the_alarm_raises_nothing_also_after_a_reload() -> None:
    bench = Bench(level_rule(25))
    bench.read(10, 60)
    bench.read(11, 61)
    bench.read(12, 0)
    again = Readings.of([0, 0], [10_000, 11_000], [13_000, 13_000], [60.0, 61.0], [3_000, 2_000])
    assert step(bench.program, bench.memory, again, 13_000) == []
    state = bench.memory.dump()
    bench.memory = Memory(bench.program)
    bench.memory.load(state)
    assert step(bench.program, bench.memory, again, 14_000) == []


def test_an_out_of_order_alarm_that_comes_twice_flashes_once() -> None:
    bench = Bench(level_rule(25))
    bench.read(10, 0)
    once = Readings.of([0], [5_000], [11_000], [60.0], [6_000])
    assert len(step(bench.program, bench.memory, once, 11_000)) == 2
    assert step(bench.program, bench.memory, once, 12_000) == []


def test_a_late_alarm_that_is_the_newest_raises_marked_late() -> None:
    bench = Bench(level_rule(25))
    found = step(bench.program, bench.memory, Readings.of([0], [5_000], [3_605_000], [60.0], [3_600_000]), 3_605_000)
    assert [(finding.edge.value, finding.is_late) for finding in found] == [("raised", True)]


def test_a_late_normal_reading_never_clears() -> None:
    bench = Bench(level_rule(25))
    bench.read(10, 60)
    assert bench.read(100, 0, taken=50, delay=50) == []
    assert bench.read(110, 0) == [("cleared", -1, 110, 110)]


def test_a_stale_retained_reading_is_no_event() -> None:
    bench = Bench(level_rule(25), SILENCE)
    bench.read(10, 0)
    assert bench.read(20, 60, flags=RETAINED | STALE_RETAINED) == []
    assert bench.roster.latest("g", "lel") == (0.0, 10_000, 10_000)
    assert bench.wait(36) == [("raised", 0, 35, 35)]  # nor a sign of life


def test_a_silent_device_raises_after_its_limit_and_any_reading_clears() -> None:
    bench = Bench(SILENCE)
    assert bench.wait(1000) == []  # never heard is not silent
    assert bench.read(1010, 1) == []
    assert bench.wait(1034.9) == []
    assert bench.wait(1040) == [("raised", 0, 1035, 1035)]
    assert bench.read(1041, 1) == [("cleared", -1, 1041, 1041)]


def test_silence_pauses_while_the_service_cannot_hear() -> None:
    bench = Bench(SILENCE)
    bench.read(10, 1)
    assert pause(bench.program, bench.memory, 20_000) == []
    assert bench.wait(5000) == []
    assert resume(bench.program, bench.memory, 5_000_000) == []
    assert bench.wait(5014.9) == []
    assert bench.wait(5016) == [("raised", 0, 5015, 5015)]


def test_the_last_will_raises_at_once_and_online_clears() -> None:
    bench = Bench(SILENCE)
    bench.read(10, 1)
    assert tell(availability(bench.program, bench.memory, "g", False, 12_000)) == [("raised", 0, 12, 12)]
    assert presence.state_of(bench.program, bench.memory, "g") == ("offline", 10_000)
    assert tell(availability(bench.program, bench.memory, "g", False, 13_000)) == []
    assert tell(availability(bench.program, bench.memory, "g", True, 14_000)) == [("cleared", -1, 14, 14)]
    assert bench.wait(40) == [("raised", 0, 39, 39)]
    assert presence.state_of(bench.program, bench.memory, "g") == ("silent", 10_000)
    assert tell(heard(bench.program, bench.memory, "g", 41_000)) == [("cleared", -1, 41, 41)]


def test_a_condition_already_true_when_a_rule_is_made_raises_after_its_hold() -> None:
    bench = Bench()
    bench.read(10, 60)
    bench.edit(level_rule(25), level_rule(25, id="held", hold_s=5))
    assert bench.wait(12) == [("raised", 0, 10, 10)]
    assert bench.wait(20) == [("raised", 0, 15, 15)]


def test_an_edit_neither_repeats_nor_clears_an_alarm() -> None:
    bench = Bench(level_rule(25))
    bench.read(10, 30)
    bench.edit(level_rule(20))
    assert bench.wait(11) == []
    bench.edit(level_rule(35))  # no longer met: the next reading says so, not the edit
    assert bench.wait(12) == []
    assert bench.read(20, 30) == [("cleared", -1, 20, 20)]


def test_an_edit_of_texts_or_severity_keeps_a_running_hold() -> None:
    bench = Bench(level_rule(25, hold_s=5))
    bench.read(10, 30)
    bench.edit(level_rule(25, hold_s=5, name="another", version=2))
    assert bench.wait(20) == [("raised", 0, 15, 15)]


def test_a_removed_rule_ends_without_a_finding() -> None:
    bench = Bench(level_rule(25))
    bench.read(10, 30)
    bench.edit()
    assert bench.wait(20) == []
    assert bench.read(30, 0) == []


def test_rows_appended_while_running_are_covered() -> None:
    bench = Bench(level_rule(25), SILENCE)
    bench.read(10, 30)
    first = bench.roster.size
    row = bench.roster.add_point("g", "lel.2")
    bench.roster.put(Device(id="h", site_id="s", zone_id="z", name="h", kind="gas", codec="native", address="s/h", interval_s=10))
    other = bench.roster.add_point("h", "lel")
    extend(bench.program, bench.roster, first)
    assert bench.read(20, 30, row=row) == [("raised", 0, 20, 20)]
    assert bench.read(21, 30, row=other) == [("raised", 0, 21, 21)]
    assert bench.read(22, 0) == [("cleared", -1, 22, 22)]
    assert [edge for edge, *_ in bench.wait(60)] == ["raised", "raised"]  # both devices fall silent


def test_a_scope_covers_only_its_own() -> None:
    for scope, covered in (
        (Scope(zones=("z",), device_kinds=("gas",)), True),
        (Scope(zones=("elsewhere",)), False),
        (Scope(devices=("g",), sites=("other",)), False),
    ):
        assert bool(Bench(level_rule(25, scope=scope)).program.checks) is covered


def test_latest_is_the_last_measured_whatever_arrives_last() -> None:
    bench = Bench()
    batch = Readings.of([0, 0, 0, 0], [3_000, 5_000, 5_000, 4_000], [6_000, 6_100, 6_200, 6_300], [3.0, 5.0, 55.0, 4.0])
    apply_latest(bench.roster, batch)
    assert bench.roster.latest("g", "lel") == (5.0, 5_000, 6_100)
    apply_latest(bench.roster, Readings.of([0], [4_500], [7_000], [9.0]))
    assert bench.roster.latest("g", "lel") == (5.0, 5_000, 6_100)


def test_an_edit_of_a_limit_drops_a_running_hold_and_decides_by_the_next_reading() -> None:
    bench = Bench(level_rule(25, hold_s=20.0))
    bench.read(10, 30)
    bench.edit(level_rule(40, hold_s=20.0))
    assert bench.wait(31) == [], "by the new limit it never was in alarm"
    assert bench.read(32, 45) == []
    assert bench.read(42, 45) == []
    assert bench.read(52, 45) == [("raised", 0, 52, 52)]
    bench.edit(level_rule(50, hold_s=20.0))
    assert bench.read(62, 45) == [("cleared", -1, 62, 62)], "its clear hold is none: the next reading decides"


def test_what_is_below_the_time_reached_counts_as_arrived_then_beside_what_is_above() -> None:
    one, split = Bench(level_rule(25, hold_s=3.0)), Bench(level_rule(25, hold_s=3.0))
    for bench in (one, split):
        bench.wait(100)
    arrived = [95_000, 104_000]
    batch = Readings.of([one.row] * 2, [95_000, 96_000], arrived, [30.0, 30.0])
    made = tell(step(one.program, one.memory, batch, 104_000))
    parts = [Readings.of([split.row], [taken], [at], [30.0]) for taken, at in zip((95_000, 96_000), arrived, strict=True)]
    assert made == [each for part in parts for each in tell(step(split.program, split.memory, part, int(part.arrived_ms[-1])))]
    assert made == [("raised", 0, 98, 103)], "by the clock, from the moment that was reached"


def test_ten_thousand_readings_of_one_point_in_one_batch_count_one_by_one() -> None:
    bench = Bench(level_rule(25))
    n = 10_000
    times = np.arange(n) * 1000
    found = step(bench.program, bench.memory, Readings.of(np.zeros(n), times, times, np.where(np.arange(n) % 2, 60.0, 0.0)), n * 1000)
    assert len(found) == n - 1
    assert [finding.index for finding in found] == list(range(1, n))
