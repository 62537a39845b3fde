"""Rate, window, count, stuck and drift equal their slow reference for any input; cutting, dumping or editing elsewhere changes nothing."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_derived import DerivedReference
from test_engine_equals_reference import Engine, make_plant, play, random_story

from rules.findings import Finding
from rules.model import Direction, Level, Meets, Rule, RuleKind, Severity, Statistic, Weighting
from sites.readings import RETAINED, STALE_RETAINED

MEETS = [Meets(limit=5.0), Meets(limit=4.0, direction=Direction.BELOW), Meets(states=(1.0, 6.0)), Meets(states=(3.0,))]
LIMITS: dict[str, list[float]] = {
    # by what is judged: limits that stories of values from 0 to 10 a second apart go past in both directions
    "rate": [1.0, 30.0, 120.0],
    "value": [3.0, 4.5, 6.0],
    "sum": [8.0, 20.0, 31.5],
    "tally": [1.0, 2.0, 4.0],
    "share": [0.25, 0.5, 0.75],
    "stuck": [2.0, 4.0, 9.0],
    "drift": [1.0, 2.5, 4.0],
}


class Chooser:
    """Draws from lists, by hypothesis or by a seed."""

    def __init__(self, pick: Any) -> None:
        self.pick = pick

    def rule(self, rule_id: str) -> Rule:
        pick = self.pick
        kind = pick([RuleKind.RATE, RuleKind.WINDOW, RuleKind.WINDOW, RuleKind.WINDOW, RuleKind.COUNT, RuleKind.STUCK, RuleKind.DRIFT])
        statistic = pick(list(Statistic)) if kind is RuleKind.WINDOW else Statistic.MEAN
        measure = {RuleKind.RATE: "rate", RuleKind.COUNT: "tally", RuleKind.STUCK: "stuck", RuleKind.DRIFT: "drift"}.get(kind, "value")
        if kind is RuleKind.WINDOW:
            measure = {Statistic.SUM: "sum", Statistic.COUNT: "tally", Statistic.SHARE: "share"}.get(statistic, "value")
        is_tally = measure in ("tally", "share")
        both_ways = kind in (RuleKind.RATE, RuleKind.WINDOW)
        direction = pick(list(Direction)) if both_ways else Direction.ABOVE
        limits = [limit for limit in LIMITS[measure] if pick([True, False])] or LIMITS[measure][:1]
        if kind is RuleKind.RATE and direction is Direction.BELOW:
            limits = [-limit for limit in limits]
        elif direction is Direction.BELOW:
            limits.reverse()
        spread = max(abs(limits[0]), 0.25)
        levels = [
            Level(
                limit=limit,
                severity=Severity(2 + at if at < 2 else 4),
                deadband=pick([0.0, 0.0, spread / 2]),
                hold_s=pick([None, None, 0.0, 2.0]),
            )
            for at, limit in enumerate(limits)
        ]
        return Rule(
            id=rule_id,
            name="r",
            kind=kind,
            metric=pick(["lel", "lel", "o2"]),
            direction=direction,
            levels=tuple(levels),
            hold_s=pick([0.0, 0.0, 0.0, 1.0, 3.0]),
            clear_hold_s=pick([0.0, 0.0, 1.0, 4.0]),
            lateness_s=pick([None, None, 1.0]),
            window_s=None if kind is RuleKind.STUCK else pick([1.0, 3.0, 5.0, 10.0, 60.0]),
            statistic=statistic,
            weighting=pick(list(Weighting))
            if statistic in (Statistic.MEAN, Statistic.SHARE) and kind is RuleKind.WINDOW
            else Weighting.READINGS,
            share_of=pick([*MEETS, *([] if statistic is Statistic.SHARE else [None])]) if is_tally else None,
            per_s=pick([1.0, 60.0]),
            tolerance=pick([0.0, 1.0]),
            covered=pick([0.0, 0.3, 0.5, 1.0]),
        )


@st.composite
def derived_rules(draw: Any) -> list[Rule]:
    chooser = Chooser(lambda options: draw(st.sampled_from(options)))
    return [chooser.rule(f"r{at}") for at in range(draw(st.integers(1, 3)))]


reading = st.tuples(
    st.sampled_from([0] * 8 + [3] * 3 + [6] * 2 + [2, 9, 9]),
    st.sampled_from([300, 1_000, 1_000, 2_000, 0, 1, 5_000, 30_000]),
    st.sampled_from([0, 0, 0, 0, 300, 1_000, 2_500, 9_000, 40_000]),
    st.sampled_from([8, 7, 6, 5.3, 4, 3.3, 2, 1, 0, 9.7]),
    st.sampled_from([0] * 12 + [RETAINED, RETAINED | STALE_RETAINED]),
    st.booleans(),
)
item = st.one_of(
    *[reading] * 10,
    st.tuples(st.just("availability"), st.sampled_from([0, 700]), st.integers(0, 2), st.booleans(), st.booleans()),
    st.tuples(st.just("pause"), st.sampled_from([0, 700])),
    st.tuples(st.just("resume"), st.sampled_from([0, 700, 20_000])),
)
stories = st.tuples(st.lists(item, min_size=8, max_size=40), st.sampled_from([0, 1_000, 100_000]))


class Slow(DerivedReference):
    def availability(self, device_id: str, online: bool, now: int, retained: bool, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().availability(device_id, online, now, retained)

    def pause(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().pause(now)

    def resume(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().resume(now)


often = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@often
@given(derived_rules(), stories)
def test_the_engine_finds_what_the_reference_finds(rules: list[Rule], story: Any) -> None:
    roster = make_plant()
    assert play(story, Engine(roster, rules), lambda at: False) == play(story, Slow(roster, rules), lambda at: False)


@often
@given(derived_rules(), stories, st.sets(st.integers(0, 39)), st.sampled_from([None, Engine.reloaded, Engine.edited]))
def test_cutting_dumping_and_editing_elsewhere_change_nothing(rules: list[Rule], story: Any, cuts: set[int], at_cut: Any) -> None:
    roster = make_plant()
    cut = play(story, Engine(roster, rules), cuts.__contains__, *([at_cut] if at_cut else []))
    assert cut == play(story, Engine(roster, rules), lambda at: False)


@pytest.mark.parametrize("seed", range(12))
def test_long_stories_agree_however_they_are_cut_reloaded_and_edited(seed: int) -> None:
    rng = Random(seed)
    chooser = Chooser(rng.choice)
    rules = [replace(chooser.rule(f"r{at}"), metric="lel") for at in range(5)]
    story, roster = random_story(rng), make_plant()
    expected = play(story, Slow(roster, rules), lambda at: False)
    assert expected, "a story without a finding proves nothing"
    cuts = [rng.random() < 0.2 for _ in range(len(story[0]))]
    for at_cut in (lambda engine: engine, Engine.reloaded, Engine.edited):
        assert play(story, Engine(roster, rules), cuts.__getitem__, at_cut) == expected
