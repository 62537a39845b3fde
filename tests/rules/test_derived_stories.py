"""The promises of rate, window, count, stuck and drift one by one, on a timeline. Times in seconds; the point reports every 10 s."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_engine_stories import Bench, level_rule, tell

from rules.compile import extend
from rules.derived import present_value
from rules.engine import due_ms, pause, resume, step
from rules.memory import Memory, MemoryState
from rules.model import Direction, Level, Meets, Rule, RuleKind, Severity, Statistic, Weighting
from rules.pairs import Group
from rules.windows import MOST_IN_PART, MOST_VALUE, Parts
from sites.readings import Readings
from storage import snapshots


def derived(kind: RuleKind, *limits: float, **changes: Any) -> Rule:
    severities = (Severity.HIGH, Severity.CRITICAL)
    levels = tuple(Level(limit=limit, severity=severity) for limit, severity in zip(limits, severities, strict=False))
    window_s = None if kind is RuleKind.STUCK else 60.0
    return replace(Rule(id="d", name="d", kind=kind, metric="lel", levels=levels, window_s=window_s), **changes)


def rate(*limits: float, **changes: Any) -> Rule:
    return derived(RuleKind.RATE, *limits, **changes)


def window(statistic: Statistic, *limits: float, **changes: Any) -> Rule:
    return derived(RuleKind.WINDOW, *limits, **{"statistic": statistic, "covered": 0.0} | changes)


def value_of(bench: Bench) -> float:
    assert bench.memory.derived is not None
    return float(bench.memory.derived.values[0])


def raised(at: float) -> list[tuple[str, int, float, float]]:
    return [("raised", 0, at, at)]


def cleared(at: float) -> list[tuple[str, int, float, float]]:
    return [("cleared", -1, at, at)]


# -- rate -------------------------------------------------------------------------------------------------------------


def test_a_rate_is_the_change_from_the_earliest_reading_kept_per_minute() -> None:
    bench = Bench(rate(6))
    bench.read(100, 10)
    bench.read(110, 10.5)
    assert bench.read(130, 12.9) == []
    assert value_of(bench) == pytest.approx(5.8)
    assert bench.read(140, 14) == raised(140)
    assert value_of(bench) == 6.0
    assert bench.read(150, 14.9) == cleared(150)


def test_a_rate_is_not_known_before_its_readings_span_what_must_be_covered() -> None:
    bench = Bench(rate(6))
    bench.read(100, 0)
    assert bench.read(129.999, 50) == []
    assert np.isnan(value_of(bench))
    assert bench.read(130, 50) == raised(130)


def test_a_fall_is_a_negative_rate() -> None:
    bench = Bench(rate(-6, direction=Direction.BELOW, per_s=1.0, covered=0.0))
    bench.read(100, 60)
    assert bench.read(110, 0.1) == []
    assert bench.read(120, -60) == raised(120)


def test_one_reading_alone_has_no_rate() -> None:
    bench = Bench(rate(-1000, covered=0.0))
    assert bench.read(100, 50) == []
    assert np.isnan(value_of(bench))


def test_a_reading_older_than_the_window_no_longer_counts_for_the_rate() -> None:
    bench = Bench(rate(1000, covered=0.0))
    for at, value in ((100, 0), (120, 40), (140, 40), (160, 41)):
        bench.read(at, value)
    assert value_of(bench) == pytest.approx(1 / 40 * 60)


# -- window -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statistic", "share_of", "values", "expected"),
    [
        (Statistic.MEAN, None, (1, 2, 6), 3.0),
        (Statistic.SUM, None, (1, 2.5, -0.25), 3.25),
        (Statistic.MIN, None, (4, 2, 6), 2.0),
        (Statistic.MAX, None, (4, 7, 6), 7.0),
        (Statistic.COUNT, None, (4, 7, 6), 3.0),
        (Statistic.COUNT, Meets(limit=6.0), (4, 7, 6), 2.0),
        (Statistic.COUNT, Meets(limit=6.0, direction=Direction.BELOW), (4, 7, 6), 2.0),
        (Statistic.SHARE, Meets(limit=7.0), (4, 7, 6, 6), 0.25),
        (Statistic.SHARE, Meets(states=(4.0, 6.0)), (4, 7, 6, 6), 0.75),
    ],
)
def test_a_window_says_what_its_readings_are_together(
    statistic: Statistic, share_of: Meets | None, values: tuple[float, ...], expected: float
) -> None:
    bench = Bench(window(statistic, 1000, share_of=share_of))
    for at, value in enumerate(values):
        bench.read(100 + at * 10, value)
    assert value_of(bench) == expected


def test_a_mean_is_judged_when_enough_of_the_window_was_seen() -> None:
    bench = Bench(window(Statistic.MEAN, 20, covered=0.5))
    bench.read(100, 50)
    assert bench.read(129.999, 50) == []
    assert bench.read(130, 50) == raised(130)


def test_a_sum_is_judged_from_the_start_but_a_low_one_is_not() -> None:
    assert Bench(window(Statistic.SUM, 20, covered=1.0)).read(100, 20) == raised(100)
    bench = Bench(window(Statistic.SUM, 20, covered=1.0, direction=Direction.BELOW))
    bench.read(100, 1)
    for at in (120, 140, 159.999):
        assert bench.read(at, 1) == []
    assert bench.read(160, 1) == raised(160)


def test_after_a_pause_as_long_as_the_window_what_is_covered_counts_anew() -> None:
    bench = Bench(window(Statistic.MEAN, 20, covered=0.5))
    bench.read(100, 0)
    bench.read(130, 0)
    assert bench.read(190, 50) == raised(190)  # 60 s without a reading: the window still reaches back
    assert bench.read(200, 0) == []
    bench = Bench(window(Statistic.MEAN, 20, covered=0.5))
    bench.read(100, 0)
    bench.read(130, 0)
    assert bench.read(190.001, 50) == []


def test_a_window_falls_by_time_alone_as_readings_leave_it() -> None:
    bench = Bench(derived(RuleKind.COUNT, 2, window_s=12.0))
    bench.read(100, 1)
    assert bench.read(105, 1) == raised(105)
    assert due_ms(bench.memory) == 112_000
    assert bench.wait(111.999) == []
    assert bench.wait(112) == cleared(112)
    assert value_of(bench) == 1.0
    bench.wait(117)
    assert value_of(bench) == 0.0


def test_once_the_point_is_overdue_the_window_stands() -> None:
    bench = Bench(derived(RuleKind.COUNT, 2, window_s=30.0))
    bench.read(100, 1)
    bench.read(104, 1)
    assert bench.wait(1000) == []  # the first leaves at 130, 26 s after the newest; overdue is after 25 s
    assert bench.read(1001, 1) == cleared(1001)
    bench = Bench(derived(RuleKind.COUNT, 2, window_s=30.0))
    bench.read(100, 1)
    bench.read(105, 1)
    assert bench.wait(1000) == cleared(130)  # exactly 25 s after: not overdue yet


def test_the_window_of_a_deaf_service_stands_still() -> None:
    bench = Bench(derived(RuleKind.COUNT, 2, window_s=12.0))
    bench.read(100, 1)
    bench.read(105, 1)
    pause(bench.program, bench.memory, 106_000)
    assert bench.wait(500) == []
    assert tell(resume(bench.program, bench.memory, 506_000)) == []
    assert bench.wait(511.999) == []
    assert bench.wait(512) == [("cleared", -1, 112, 512)]  # 12 s after on the device's clock, which the service's pause does not stop


def test_a_mean_by_time_weighs_how_long_a_value_stood() -> None:
    by_time = window(Statistic.MEAN, 1000, weighting=Weighting.TIME)
    bench, other = Bench(by_time), Bench(replace(by_time, weighting=Weighting.READINGS))
    for each in (bench, other):
        each.read(100, 40)
        for at in range(120, 124):
            each.read(at, 0)
    assert value_of(other) == 8.0
    assert value_of(bench) == 40 * 20 / 24
    bench.wait(129)
    assert value_of(bench) == 40 * 20 / 30


def test_time_in_which_the_point_was_overdue_weighs_nothing() -> None:
    bench = Bench(window(Statistic.MEAN, 1000, weighting=Weighting.TIME, window_s=120.0))
    bench.read(100, 30)
    bench.read(200, 0)
    known = len(range(100, 126, 2))  # parts of 2 s that begin within the 25 s after the first reading
    assert value_of(bench) == 30 * known / (known + 1)


# -- out of order, late, twice ----------------------------------------------------------------------------------------


def test_out_of_order_joins_the_window_and_is_judged_by_the_next_reading() -> None:
    bench = Bench(derived(RuleKind.COUNT, 3))
    bench.read(100, 1)
    bench.read(110, 1)
    assert bench.read(111, 1, taken=105) == []
    assert bench.read(112, 1) == raised(112)
    assert value_of(bench) == 4.0


def test_out_of_order_and_late_does_not_join() -> None:
    bench = Bench(derived(RuleKind.COUNT, 1000))
    bench.read(100, 1)
    bench.read(140, 1)
    bench.read(141, 1, taken=110, delay=30.001)
    bench.read(142, 1, taken=120, delay=30)
    bench.read(143, 1)
    assert value_of(bench) == 4.0


def test_the_same_time_again_counts_once_also_behind_newer_ones() -> None:
    bench = Bench(derived(RuleKind.COUNT, 1000))
    for at in (100, 110, 120):
        bench.read(at, 1)
    bench.read(121, 1, taken=100)
    bench.read(122, 1, taken=120)
    bench.read(123, 1, taken=111)
    bench.read(124, 1, taken=111)
    bench.read(125, 1)
    assert value_of(bench) == 5.0


def test_what_is_too_old_to_be_told_from_a_duplicate_does_not_join() -> None:
    bench = Bench(derived(RuleKind.COUNT, 1000))
    bench.read(100, 1)
    for at in range(33):
        bench.read(110 + at * 0.1, 1)
    bench.read(114, 1, taken=109.9)  # nothing between it and the second of 34 readings, of which the last 32 are remembered
    bench.read(114, 1, taken=110.05)
    bench.read(115, 1)
    assert value_of(bench) == 36.0


def test_out_of_order_beyond_the_window_does_not_join() -> None:
    bench = Bench(derived(RuleKind.COUNT, 1000, window_s=6.0, lateness_s=100.0))
    bench.read(100, 1)
    bench.read(110, 1)
    bench.read(112, 1, taken=105.9)  # the window is at 112 by its own clock: it reaches back to 106.1
    bench.read(112, 1, taken=106.1)
    bench.read(112, 1, taken=110.5)  # newest, though the window's clock has run on beyond it
    assert value_of(bench) == 3.0


def test_a_newest_reading_from_before_the_window_joins_no_more() -> None:
    bench = Bench(derived(RuleKind.COUNT, 1000, window_s=6.0))
    bench.read(100, 1)
    bench.wait(107)
    bench.read(107.5, 1, taken=100.05)  # its part left the window at 106
    assert value_of(bench) == 0.0
    bench.read(107.6, 1, taken=100.1)
    assert value_of(bench) == 1.0


def test_a_late_reading_raises_late_and_never_clears() -> None:
    bench = Bench(window(Statistic.MAX, 50, window_s=1.0))
    batch = Readings.of([0], [50_000], [100_000], [60.0], [50_000])
    found = step(bench.program, bench.memory, batch, 100_000)
    assert [(finding.edge.value, finding.is_late) for finding in found] == [("raised", True)]
    assert bench.read(101, 0, taken=60, delay=41) == []
    assert bench.read(102, 0) == cleared(102)


# -- stuck ------------------------------------------------------------------------------------------------------------


def test_a_value_is_stuck_for_as_long_as_it_was_read_unmoved() -> None:
    bench = Bench(derived(RuleKind.STUCK, 30, tolerance=0.5))
    bench.read(100, 20)
    bench.read(110, 20.5)
    bench.read(120, 19.5)
    assert bench.wait(129.999) == []
    assert bench.read(129.999, 20) == []
    assert bench.read(130, 20) == raised(130)
    assert bench.read(140, 20.6) == cleared(140)
    assert value_of(bench) == 0.0
    assert bench.read(160, 20.2) == []
    assert value_of(bench) == 20.0


def test_a_gap_makes_stuck_begin_anew() -> None:
    bench = Bench(derived(RuleKind.STUCK, 30))
    bench.read(100, 20)
    bench.read(125, 20)
    assert bench.read(130, 20) == raised(130)
    bench = Bench(derived(RuleKind.STUCK, 30))
    bench.read(100, 20)
    bench.read(125.001, 20)
    assert bench.read(130, 20) == []


# -- drift ------------------------------------------------------------------------------------------------------------


def test_drift_is_judged_once_the_baseline_was_learnt_and_does_not_follow_while_active() -> None:
    bench = Bench(derived(RuleKind.DRIFT, 5))
    for at in (100, 110, 120):
        assert bench.read(at, 20) == []
    assert np.isnan(value_of(bench))  # learnt for 20 s when it was judged
    bench.read(130, 20)
    assert np.isnan(value_of(bench))
    bench.read(140, 21)
    assert value_of(bench) == 1.0
    assert bench.memory.derived is not None
    baseline = float(bench.memory.derived.anchor[0])
    assert baseline == 20 + 1 * 10 / 40
    assert bench.read(150, baseline - 5) == raised(150)  # on either side
    for at in range(160, 400, 10):
        assert bench.read(at, 30) == []
    assert float(bench.memory.derived.anchor[0]) == baseline
    assert bench.read(400, 24.9) == cleared(400)


def test_a_long_pause_teaches_no_more_than_one_gap() -> None:
    bench = Bench(derived(RuleKind.DRIFT, 50, covered=0.0, window_s=3600.0))
    bench.read(100, 0)
    bench.read(110, 0)
    bench.read(1000, 7)
    assert bench.memory.derived is not None
    assert float(bench.memory.derived.anchor[0]) == 7 * 25 / 35


def test_a_late_reading_teaches_nothing() -> None:
    bench = Bench(derived(RuleKind.DRIFT, 50, covered=0.0))
    bench.read(100, 10)
    bench.read(110, 10)
    bench.read(160, 30, taken=120, delay=40)
    assert bench.memory.derived is not None
    assert float(bench.memory.derived.anchor[0]) == 10.0


# -- levels, holds ----------------------------------------------------------------------------------------------------


def test_levels_step_and_a_deadband_holds() -> None:
    rule = window(Statistic.MAX, 20, 40, window_s=6.0)
    rule = replace(rule, levels=tuple(replace(level, deadband=5.0) for level in rule.levels))
    bench = Bench(rule)
    assert bench.read(100, 50) == [("raised", 1, 100, 100)]
    assert bench.read(110, 35) == []
    assert bench.read(120, 30) == [("stepped", 0, 120, 120)]
    assert bench.read(130, 15) == []
    assert bench.read(140, 14.9) == cleared(140)


def test_a_hold_is_confirmed_by_the_clock_and_silence_while_it_runs_raises() -> None:
    bench = Bench(derived(RuleKind.STUCK, 10, hold_s=20))
    bench.read(100, 1)
    bench.read(110, 1)
    assert bench.wait(129.999) == []
    assert bench.wait(130) == raised(130)
    bench = Bench(derived(RuleKind.STUCK, 10, hold_s=60))
    bench.read(100, 1)
    bench.read(110, 1)
    assert bench.wait(500) == raised(135)


def test_a_clear_hold_runs_out_by_the_clock_but_never_by_silence() -> None:
    for clear_hold_s, expected in ((25.0, [("cleared", -1, 145, 145)]), (25.001, [])):
        bench = Bench(derived(RuleKind.STUCK, 10, clear_hold_s=clear_hold_s))
        bench.read(100, 1)
        bench.read(110, 1)
        bench.read(120, 2)
        assert bench.wait(1000) == expected


def test_a_clear_hold_that_ran_out_while_overdue_ends_with_the_reading_that_is_heard_again() -> None:
    for at, expected in ((150, [("cleared", -1, 150, 150)]), (149.999, [])):
        bench = Bench(derived(RuleKind.STUCK, 10, clear_hold_s=30))
        bench.read(100, 1)
        bench.read(110, 1)
        bench.read(120, 2)
        assert bench.wait(149) == []
        assert bench.read(at, 3, taken=140) == expected


# -- edits, growth, dumps ---------------------------------------------------------------------------------------------


def test_another_limit_keeps_the_window_and_begins_its_hold_now_if_it_is_met() -> None:
    bench = Bench(derived(RuleKind.COUNT, 5))
    for at in (100, 110, 120):
        bench.read(at, 1)
    bench.edit(derived(RuleKind.COUNT, 3))
    assert bench.wait(120.5) == [("raised", 0, 120, 120)]
    assert bench.read(121, 1) == []
    assert value_of(bench) == 4.0


def test_another_window_begins_with_the_latest_reading_and_keeps_what_is_active() -> None:
    bench = Bench(derived(RuleKind.COUNT, 3))
    for at in (100, 110, 120):
        found = bench.read(at, 1)
    assert found == raised(120)
    bench.edit(derived(RuleKind.COUNT, 3, window_s=30.0))
    assert bench.wait(121) == []
    assert bench.read(122, 1) == cleared(122)
    assert value_of(bench) == 2.0


def test_a_new_rule_begins_with_the_latest_reading() -> None:
    bench = Bench(level_rule(90))
    bench.read(100, 1)
    bench.edit(level_rule(90), derived(RuleKind.STUCK, 20))
    assert bench.read(110, 1) == []
    assert bench.read(120, 1) == raised(120)


def test_a_window_that_begins_with_the_latest_reading_moves_on_from_when_that_was_heard() -> None:
    bench = Bench(level_rule(90))
    bench.read(100, 1)
    bench.wait(104)
    bench.edit(level_rule(90), derived(RuleKind.COUNT, 5, window_s=20.0))
    bench.wait(119.9)
    assert np.isnan(value_of(bench))
    bench.wait(120)
    assert value_of(bench) == 0.0


def test_a_rule_over_fewer_levels_keeps_its_alarm_at_the_most_severe_left() -> None:
    bench = Bench(derived(RuleKind.COUNT, 1, 2))
    bench.read(100, 1)
    assert bench.read(110, 1) == [("stepped", 1, 110, 110)]
    bench.edit(derived(RuleKind.COUNT, 1))
    assert bench.wait(111) == []
    assert bench.read(112, 1) == []
    assert bench.wait(300) == []  # overdue before anything leaves
    assert bench.read(301, 1) == []
    assert value_of(bench) == 1.0


def test_an_edit_of_the_limit_never_clears_by_itself() -> None:
    bench = Bench(derived(RuleKind.COUNT, 2))
    bench.read(100, 1)
    assert bench.read(110, 1) == raised(110)
    bench.edit(derived(RuleKind.COUNT, 4))
    assert bench.wait(111) == []
    assert bench.read(112, 1) == cleared(112)


def test_points_that_appear_are_watched_and_cost_the_others_nothing() -> None:
    bench = Bench(derived(RuleKind.COUNT, 2))
    bench.read(100, 1)
    row = bench.roster.add_point("g", "lel.2")
    extend(bench.program, bench.roster, bench.program.rows)
    bench.read(105, 1, row=row)
    assert bench.read(110, 1) == raised(110)
    assert bench.read(111, 1, row=row) == raised(111)


def test_a_snapshot_keeps_windows_and_an_older_one_has_none(tmp_path: Path) -> None:
    bench = Bench(derived(RuleKind.COUNT, 3), window(Statistic.MEAN, 40, id="m", weighting=Weighting.TIME), rate(50, id="r"))
    bench.read(100, 1)
    bench.read(110, 1)
    snapshots.write(tmp_path, 1, bench.memory.dump())
    found = snapshots.newest(tmp_path, None, MemoryState)
    assert found is not None
    _, state = found
    loaded = Memory(bench.program)
    loaded.load(state)
    bench.memory = loaded
    assert bench.read(120, 1) == raised(120)
    older = replace(state, derived=MemoryState.__dataclass_fields__["derived"].default_factory())  # type: ignore[misc]
    bench.memory = Memory(bench.program)
    bench.memory.load(older)
    assert bench.read(130, 1) == []


def test_the_present_value_of_a_rule_on_a_point_is_told_if_it_is_known() -> None:
    bench = Bench(derived(RuleKind.COUNT, 5), rate(5, id="r"))
    bench.read(100, 1)
    assert present_value(bench.program, bench.memory, "d", bench.row) == 1.0
    assert present_value(bench.program, bench.memory, "r", bench.row) is None
    assert present_value(bench.program, bench.memory, "lel", bench.row) is None
    assert present_value(bench.program, bench.memory, "d", bench.row + 1) is None


# -- bounds -----------------------------------------------------------------------------------------------------------


def test_a_part_takes_in_a_bounded_number_of_readings_of_bounded_size() -> None:
    parts = Parts(Group.SUMS)
    parts.fit(1)
    slot, part, taken = np.zeros(1, np.int64), np.full(1, 7), np.full(1, 7_000)
    parts.join(slot, part, taken, np.array([1e300]))
    total, known = parts.totals(slot, np.array([1], np.int8))
    assert total[0] == MOST_VALUE
    assert known[0]
    for _ in range(MOST_IN_PART):
        parts.join(slot, part, taken, np.array([-1e300]))
    assert parts.columns["counts"].sum() == MOST_IN_PART
    total, _ = parts.totals(slot, np.array([1], np.int8))
    assert total[0] == -MOST_VALUE * (MOST_IN_PART - 2)


def test_the_order_in_which_readings_came_does_not_show_in_a_sum() -> None:
    values = [0.1, 1e11, -1e11, 0.2, 1e-9]
    totals = set()
    for order in (values, values[::-1], sorted(values)):
        parts = Parts(Group.SUMS)
        parts.fit(1)
        for value in order:
            parts.join(np.zeros(1, np.int64), np.full(1, 3), np.zeros(1, np.int64), np.array([value]))
        totals.add(float(parts.totals(np.zeros(1, np.int64), np.array([1], np.int8))[0][0]))
    assert len(totals) == 1
    assert totals.pop() == pytest.approx(0.3 + 1e-9, abs=1e-11)
