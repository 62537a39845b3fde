"""Backtests: the findings of the engine over stored readings, however these are cut into blocks; what an edit keeps, loses and adds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.backtest import Episode, Judged, Run, difference, episodes, fates
from rules.findings import Edge, Finding
from rules.model import Level, Rule, RuleKind, Severity
from sites.model import Device
from sites.readings import Readings
from sites.roster import Roster

HOT = Rule(
    id="hot",
    name="hot",
    kind=RuleKind.LEVEL,
    metric="temperature",
    levels=(Level(limit=60, severity=Severity.HIGH, deadband=3, hold_s=30), Level(limit=80, severity=Severity.CRITICAL)),
    clear_hold_s=20,
)
QUIET = Rule(id="quiet", name="quiet", kind=RuleKind.SILENCE, levels=(Level(limit=2.5, severity=Severity.LOW),))


def roster_of(count: int) -> Roster:
    roster = Roster()
    for number in range(count):
        device = Device(
            id=f"d{number}", site_id="s", zone_id="z", name="d", kind="heat", codec="native", address=f"s/d{number}", interval_s=10
        )
        roster.put(device)
        roster.add_point(device.id, "temperature")
    return roster


def readings_of(given: list[tuple[int, int, float]]) -> Readings:
    """(second, row, value)"""
    ordered = sorted(given, key=lambda each: each[0])
    taken = np.array([second * 1000 for second, _, _ in ordered], np.int64)
    return Readings.of([row for _, row, _ in ordered], taken, taken, [value for _, _, value in ordered])


def run_over(rule: Rule, readings: Readings, cuts: list[int], until_ms: int) -> list[Finding]:
    run = Run(rule, roster_of(3))
    edges = [0, *sorted(cuts), len(readings)]
    made = [finding for start, stop in pairwise(edges) for finding in run.take(readings.cut(start, stop))]
    return made + run.finish(until_ms)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 2), st.sampled_from([20.0, 57.0, 60.0, 79.0, 80.0, 95.0])), max_size=60),
    st.lists(st.integers(0, 60), max_size=5),
    st.sampled_from([HOT, QUIET]),
)
def test_blocks_may_be_cut_anywhere(given_: list[tuple[int, int, float]], cuts: list[int], rule: Rule) -> None:
    readings = readings_of(given_)
    whole = run_over(rule, readings, [], 400_000)
    parts = run_over(rule, readings, [min(cut, len(readings)) for cut in cuts], 400_000)
    said = [[(f.subject, f.edge, f.level, f.at_ms, f.value) for f in sorted(made, key=lambda f: (f.fired_ms, f.subject, f.level))]
            for made in (whole, parts)]  # fmt: skip
    assert said[0] == said[1]


def test_a_disabled_rule_is_tried_as_if_it_were_enabled() -> None:

    readings = readings_of([(second, 0, 90.0) for second in range(0, 60, 10)])
    assert run_over(replace(HOT, enabled=False), readings, [], 60_000) == run_over(HOT, readings, [], 60_000) != []


def test_the_end_of_the_span_is_exclusive() -> None:
    readings = readings_of([(0, 0, 20.0)])
    assert run_over(QUIET, readings, [], 25_000) == []
    assert [f.at_ms for f in run_over(QUIET, readings, [], 25_001)] == [25_000]


def test_findings_of_rules_that_are_only_referred_to_are_kept_back() -> None:
    run = Run(HOT, roster_of(1), [QUIET])
    made = run.take(readings_of([(second, 0, 90.0) for second in range(0, 60, 10)])) + run.finish(3_600_000)
    assert {finding.rule_id for finding in made} == {"hot"}


def finding(edge: Edge, level: int, at_ms: int, subject: str = "point:a:t") -> Finding:
    severity = None if edge is Edge.CLEARED else Severity(level + 2)
    return Finding(
        rule_id="r", rule_version=1, subject=subject, device_id="a", metric="t", edge=edge, level=level, severity=severity, limit=None,
        value=float(at_ms), at_ms=at_ms, fired_ms=at_ms,
    )  # fmt: skip


def test_an_episode_runs_from_raise_to_clear_with_the_highest_level_it_reached() -> None:
    found = episodes([
        finding(Edge.RAISED, 0, 10), finding(Edge.STEPPED, 1, 20), finding(Edge.RAISED, 0, 25, "point:b:t"), finding(Edge.STEPPED, 0, 30),
        finding(Edge.CLEARED, -1, 40),
    ])  # fmt: skip
    assert [(e.subject, e.from_ms, e.until_ms, e.level, e.severity, e.value) for e in found] == [
        ("point:a:t", 10, 40, 1, Severity.HIGH, 10.0),
        ("point:b:t", 25, None, 0, Severity.LOW, 25.0),
    ]


def episode(from_ms: int, until_ms: int | None, subject: str = "a") -> Episode:
    return Episode(subject=subject, device_id="a", level=0, severity=Severity.LOW, value=None, from_ms=from_ms, until_ms=until_ms)


@pytest.mark.parametrize(
    ("phrase", "one", "other", "same"),
    [
        ("spans that only touch", (0, 10), (10, 20), False),
        ("spans with one moment in common", (0, 11), (10, 20), True),
        ("one within the other", (0, 100), (10, 20), True),
        ("both of one moment", (10, 10), (10, 10), True),
        ("a moment at the end of a span", (0, 10), (10, 10), False),
        ("both still standing", (0, None), (10**9, None), True),
        ("ended before the other began", (0, 5), (10, None), False),
    ],
)
def test_what_overlaps(phrase: str, one: tuple[int, int | None], other: tuple[int, int | None], same: bool) -> None:
    assert episode(*one).overlaps(*other) is same, phrase
    assert episode(*other).overlaps(*one) is same, phrase


def test_a_difference_pairs_what_overlaps_and_leaves_the_rest_lost_or_new() -> None:
    present = [episode(0, 10), episode(50, 60), episode(0, 10, "b")]
    edited = [episode(5, 8), episode(9, 12), episode(100, None)]
    told = difference(present, edited)
    assert told.kept == [(present[0], edited[0])]
    assert told.lost == [present[1], present[2]]
    assert told.new == [edited[2]]


def test_judged_alarms_are_kept_with_their_change_in_delay_or_lost() -> None:
    judged = [
        Judged(alarm_id="1", subject="a", from_ms=10, until_ms=40, verdict="true"),
        Judged(alarm_id="2", subject="a", from_ms=60, until_ms=70, verdict="false"),
    ]
    told = fates(judged, [episode(25, 50), episode(0, 900, "b")])
    assert [(fate.alarm.alarm_id, fate.is_kept, fate.delay_ms) for fate in told] == [("1", True, 15), ("2", False, None)]
