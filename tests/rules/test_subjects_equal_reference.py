"""Rules over several points: the engine equals the slow reference for any input, and how that is cut, dumped or edited changes nothing."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_subjects import SubjectReference, in_sequence
from test_engine_equals_reference import (
    Engine,
    holds,
    level_rules,
    make_plant,
    often,
    play,
    random_story,
    silence_rules,
    state_rules,
    stories,
)

from rules.expression import check_expression
from rules.expression_tree import Tree
from rules.findings import Finding
from rules.model import Direction, Level, Rule, RuleKind, Scope, Severity
from sites.readings import RETAINED

CONDITIONS = {
    "device": [
        "lel >= 5 %LEL",
        "lel.2 > 4 or o2 < 3 %VOL",
        "lel >= 5 and not smoke_alarm = 1",
        "lel / 1 %LEL + o2 / 1 %VOL * 2 > 12 and heard(o2)",
        "lel - previous(lel) >= 2 %LEL",
        "lel / o2 > 2",
        "rate(lel, 10 s) >= 6 %LEL/min",
        "rate(o2, 4 s) < -20 %VOL/min or rate(lel, 10 s) > 60",
        "for(lel >= 5, 3 s)",
        "for(lel >= 5 or o2 >= 7, 2 s) and not for(o2 >= 5, 4 s)",
        "max(lel) >= 6 and lel < 8",
        "mean(o2) > 5 %VOL",
        "not heard(lel)",
        "alarm(a_lel)",
        "alarm(state) or lel > 8",
        "lel >= 4 and not alarm(x_0)",
        "alarm(v_0) and o2 > 2",
        "alarm(b_silence) or alarm(y_silence)",
        "for(not alarm(m_lel), 2 s) and o2 >= 4",
        "alarm(x_1) or smoke_alarm",
    ],
    "zone": [
        "max(lel) >= 6 %LEL",
        "min(o2) <= 3 or mean(lel) > 6 %LEL",
        "sum(lel) > 14",
        "count(lel >= 5 %LEL) >= 2",
        "count(not heard(lel)) >= 2",
        "count(previous(lel) < 5 and lel >= 5) >= 1",
        "count(rate(lel, 10 s) > 10) >= 1",
        "for(max(lel) >= 5, 3 s) and count(o2) > 0",
        "alarm(a_lel) and count(o2 >= 5) >= 1",
        "alarm(x_0) or alarm(v_0)",
        "alarm(y_silence)",
    ],
}
NUMBERS = {
    "device": ["lel", "lel / 1 %LEL + o2 / 1 %VOL", "rate(lel, 10 s)", "previous(o2) - o2"],
    "zone": ["max(lel)", "mean(o2)", "count(lel >= 5)", "sum(lel)"],
}


def text(over: str) -> Any:
    return st.sampled_from(CONDITIONS[over])


scopes = st.sampled_from([Scope(), Scope(), Scope(zones=("z0",)), Scope(devices=("d0", "d1"))])
gates = st.sampled_from(["", "", "", "gated"])


@st.composite
def expressions(draw: Any, number: int) -> Rule:
    over = draw(st.sampled_from(["device", "device", "zone"]))
    is_number = draw(st.booleans())
    common = {
        "id": f"x_{number}",
        "name": "x",
        "kind": RuleKind.EXPRESSION,
        "over": over,
        "hold_s": draw(holds),
        "clear_hold_s": draw(holds),
        "lateness_s": draw(st.sampled_from([None, 1.0])),
        "scope": draw(scopes),
        "only_while": draw(text(over)) if draw(gates) else "",
    }
    if not is_number:
        return Rule(**common, expression=draw(text(over)), levels=(Level(limit=0.0, severity=Severity.HIGH),))
    direction, limit, levels = draw(st.sampled_from(list(Direction))), 4.0, []
    for severity in range(draw(st.integers(1, 3))):
        limit += 2.0 if direction is Direction.ABOVE else -2.0
        deadband, hold_s = draw(st.sampled_from([0.0, 1.0])), draw(st.none() | holds)
        levels.append(Level(limit=limit, severity=Severity(2 + severity), deadband=deadband, hold_s=hold_s))
    return Rule(**common, expression=draw(st.sampled_from(NUMBERS[over])), direction=direction, levels=tuple(levels))


@st.composite
def votes(draw: Any) -> Rule:
    deadband = draw(st.sampled_from([0.0, 0.0, 1.0]))
    levels = [Level(limit=1.0, severity=Severity.LOW)] * draw(st.booleans()) + [Level(limit=2.0, severity=Severity.HIGH, deadband=deadband)]
    by_state = draw(st.booleans())
    return Rule(
        id="v_0",
        name="v",
        kind=RuleKind.VOTE,
        over="zone",
        metric=draw(st.sampled_from(["lel", "lel", "o2"])),
        direction=draw(st.sampled_from(list(Direction))),
        vote_limit=None if by_state else 5.0,
        states=(5.0, 6.0, 7.0) if by_state else (),
        levels=tuple(levels),
        hold_s=draw(holds),
        clear_hold_s=draw(holds),
        scope=draw(scopes),
        only_while=draw(text("zone")) if draw(gates) else "",
    )


gated_points = st.builds(
    lambda rule, only_while: replace(rule, only_while=only_while), st.one_of(level_rules(), level_rules("o2"), state_rules), text("device")
)
rule_sets = st.lists(
    st.one_of(expressions(0), expressions(1), votes(), gated_points, gated_points, level_rules(), state_rules, silence_rules),
    min_size=2,
    max_size=6,
    unique_by=lambda rule: rule.id,
)


class Slow(SubjectReference):
    def availability(self, device_id: str, online: bool, now: int, retained: bool, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().availability(device_id, online, now, retained)

    def pause(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += in_sequence(super().pause(now))

    def resume(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += in_sequence(super().resume(now))


def test_every_condition_of_these_tests_can_be_meant() -> None:
    for over, texts in (*CONDITIONS.items(), *NUMBERS.items()):
        assert all(isinstance(check_expression(each, over), Tree) for each in texts)


@often
@given(rule_sets, stories)
def test_the_engine_finds_what_the_reference_finds(rules: list[Rule], story: Any) -> None:
    roster = make_plant()
    assert play(story, Engine(roster, rules), lambda at: False) == play(story, Slow(roster, rules), lambda at: False)


@often
@given(rule_sets, stories, st.sets(st.integers(0, 39)), st.sampled_from([lambda engine: engine, Engine.reloaded, Engine.edited]))
def test_cuts_dumps_and_edits_of_others_change_nothing(rules: list[Rule], story: Any, cuts: set[int], at_cut: Any) -> None:
    roster = make_plant()
    assert play(story, Engine(roster, rules), cuts.__contains__, at_cut) == play(story, Engine(roster, rules), lambda at: False)


gated_windows = st.builds(
    lambda kind, metric, window_s, only_while, hold_s: Rule(
        id=f"d_{kind}",
        name="d",
        kind=kind,
        metric=metric,
        window_s=window_s,
        levels=(Level(limit=4.0, severity=Severity.HIGH, deadband=1.0),),
        hold_s=hold_s,
        only_while=only_while,
    ),
    st.sampled_from([RuleKind.RATE, RuleKind.WINDOW, RuleKind.STUCK]),
    st.sampled_from(["lel", "lel", "o2"]),
    st.sampled_from([4.0, 10.0]),
    text("device"),
    holds,
)


@often
@given(
    st.lists(st.one_of(gated_windows, gated_windows, votes(), level_rules()), min_size=2, max_size=4, unique_by=lambda rule: rule.id),
    stories,
    st.sets(st.integers(0, 39)),
    st.sampled_from([lambda engine: engine, Engine.reloaded, Engine.edited]),
)
def test_gates_of_derived_values_are_the_same_however_the_input_is_cut(rules: list[Rule], story: Any, cuts: set[int], at_cut: Any) -> None:
    roster = make_plant()
    assert play(story, Engine(roster, rules), cuts.__contains__, at_cut) == play(story, Engine(roster, rules), lambda at: False)


def random_rules(rng: Random) -> list[Rule]:
    common = {"hold_s": (0.0, 0.0, 1.0, 4.0), "clear_hold_s": (0.0, 0.0, 2.0), "lateness_s": (None, 1.0)}
    rules = []
    for number in range(rng.randint(1, 4)):
        over = rng.choice(["device", "zone"])
        drawn = {name: rng.choice(choices) for name, choices in common.items()}
        only_while = rng.choice(["", "", *CONDITIONS[over]])
        rules.append(
            Rule(
                id=f"x_{number}",
                name="x",
                kind=RuleKind.EXPRESSION,
                over=over,
                expression=rng.choice(CONDITIONS[over]),
                only_while=only_while,
                levels=(Level(limit=0.0, severity=Severity.HIGH),),
                **drawn,
            )
        )
    levels = (Level(limit=1.0, severity=Severity.LOW), Level(limit=2.0, severity=Severity.HIGH, deadband=1.0))
    rules.append(Rule(id="v_0", name="v", kind=RuleKind.VOTE, over="zone", metric="lel", vote_limit=5.0, levels=levels))
    gate = rng.choice(CONDITIONS["device"])
    level = Level(limit=6.0, severity=Severity.HIGH, deadband=1.0)
    rules.append(Rule(id="a_lel", name="a", kind=RuleKind.LEVEL, metric="lel", levels=(level,), only_while=gate))
    return rules


def calm_story(rng: Random) -> tuple[list[Any], int]:
    """Values that mostly stay where they are, so that most readings are passed over; now and then one moves, is late, old or followed by
    a gap."""
    values = [rng.choice([2, 4, 6]) for _ in range(10)]
    items: list[Any] = []
    for _ in range(300):
        row = rng.choice([0, 0, 0, 3, 3, 6, 6, rng.randint(0, 9)])
        if rng.random() < 0.04:
            values[row] = rng.choice([1, 3, 4, 5, 5, 6, 7, 8])
        wait = rng.choice([0, 0, 100, 300, 500, 1_000, 9_000 if rng.random() < 0.1 else 400])
        travelled = rng.choice([0] * 40 + [500, 2_500, 40_000])
        items.append((row, wait, travelled, values[row], 0 if rng.random() < 0.98 else RETAINED, rng.random() < 0.5))
    return items, rng.choice([0, 60_000])


@pytest.mark.parametrize("seed", range(24))
def test_calm_stories_agree_however_they_are_cut_reloaded_and_edited(seed: int) -> None:
    rng = Random(seed)
    rules, roster = random_rules(rng), make_plant()
    story = calm_story(rng) if seed % 2 else random_story(rng)
    expected = play(story, Slow(roster, rules), lambda at: False)
    assert expected, "a story without a finding proves nothing"
    cuts = [rng.random() < 0.05 for _ in range(len(story[0]))]
    for at_cut in (lambda engine: engine, Engine.reloaded, Engine.edited):
        assert play(story, Engine(roster, rules), cuts.__getitem__, at_cut) == expected
    assert play(story, Engine(roster, rules), lambda at: False) == expected
