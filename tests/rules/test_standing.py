"""How rules stand: the view agrees with the engine's own findings for every kind, whatever came; its sentences say what the engine has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import engine
from rules.backtest import Run
from rules.compile import compile
from rules.explain import explain
from rules.findings import Edge, Finding
from rules.memory import Memory
from rules.model import LevelOverride, NodeKind, Override, Rule
from rules.parse import parse_rule
from rules.standing import standing
from sites.latest import apply_latest
from sites.model import Device, Site, Zone
from sites.readings import Readings
from sites.roster import Roster

LEVELS = [{"limit": 60, "severity": "high", "deadband": 5}, {"limit": 80, "severity": "critical"}]
KINDS: dict[str, dict[str, Any]] = {
    "level": {"metric": "temperature", "above": LEVELS, "hold_s": 20, "clear_hold_s": 15},
    "state": {"metric": "gas_alarm", "states": [1], "severity": "high", "hold_s": 10},
    "silence": {"intervals": 2.5, "severity": "low"},
    "rate": {"metric": "temperature", "window_s": 60, "above": [{"limit": 20, "severity": "high"}]},
    "window": {"metric": "temperature", "window_s": 60, "statistic": "max", "above": LEVELS, "clear_hold_s": 5},
    "count": {
        "metric": "temperature", "window_s": 60, "share_of": {"above": 60},
        "above": [{"limit": 2, "severity": "low"}, {"limit": 4, "severity": "high", "deadband": 1}], "hold_s": 5,
    },
    "drift": {"metric": "temperature", "window_s": 120, "covered": 0.1, "above": [{"limit": 20, "severity": "high", "deadband": 2}]},
    "stuck": {"metric": "temperature", "above": [{"limit": 30, "severity": "low"}]},
    "expression": {"expression": "temperature >= 60 °C and gas_alarm", "severity": "critical", "hold_s": 10},
    "vote": {"metric": "temperature", "votes": {"above": 60}, "above": [{"limit": 1, "severity": "low"}, {"limit": 2, "severity": "high"}]},
    "level only while": {"kind": "level", "metric": "temperature", "above": LEVELS, "only_while": "gas_alarm = 1"},
    "level in its schedule": {"kind": "level", "metric": "temperature", "above": LEVELS, "schedule": {"windows": ["08:00-08:01"]}},
}  # fmt: skip
START = 1_795_305_600_000  # 08:00 in Shanghai


def rule_of(name: str) -> Rule:
    return parse_rule({"id": "r", "name": "规则", "kind": name, **KINDS[name]})


def roster_of() -> Roster:
    roster = Roster()
    roster.put(Site(id="s", enterprise_id="e", name="s"))
    roster.put(Zone(id="z", site_id="s", name="z"))
    for number in range(2):
        device = Device(
            id=f"d{number}", site_id="s", zone_id="z", name="d", kind="heat", codec="native", address=f"s/d{number}", interval_s=10
        )
        roster.put(device)
        roster.add_point(device.id, "temperature")
        roster.add_point(device.id, "gas_alarm")
    return roster


GIVEN = st.lists(
    st.tuples(st.integers(0, 15), st.integers(0, 3), st.sampled_from([20.0, 57.0, 60.0, 70.0, 80.0, 95.0]), st.booleans()), max_size=25
)


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, max_examples=40)
@given(GIVEN)
def test_the_view_stands_where_the_findings_have_left_it(name: str, given_: list[tuple[int, int, float, bool]]) -> None:
    run = Run(rule_of(name), roster_of())
    roster = run.program.roster
    levels: dict[str, int] = {}
    now_ms = START
    for wait_s, row, value, flag in given_:
        now_ms += wait_s * 1000
        reading = Readings.of([row], [now_ms], [now_ms], [value if roster.metric_of_row(row) == "temperature" else float(flag)])
        made = run.take(reading)
        apply_latest(roster, reading)
        for finding in made:
            levels[finding.subject] = finding.level
        for subject in ("point:d0:temperature", "point:d1:gas_alarm", "device:d0", "device:d1", "zone:z"):
            seen = standing(run.program, run.memory, "r", subject)
            if seen is not None:
                assert seen.level == levels.get(subject, -1), (subject, seen)
                assert seen.subject == subject
                assert [level.level for level in seen.levels] == list(range(len(run.rule.levels)))
                for level in seen.levels:  # what is met is held or raised, what is idle is not met
                    is_going = level.phase in ("rising", "active")
                    assert level.is_met is not True or is_going or seen.gate != "open" or level.phase == "falling", (subject, level)
                    assert level.phase != "rising" or level.is_met is True, (subject, level)
        for finding in made:
            seen = standing(run.program, run.memory, "r", finding.subject)
            if seen is not None and finding is made[-1] and finding.index >= 0 and finding.value is not None:
                assert seen.value == pytest.approx(finding.value), "the sentence shows the number that decided"
    assert all(standing(run.program, run.memory, "r", subject) is not None for subject in levels)


def told(name: str, readings: list[tuple[int, int, float]], until_s: int) -> tuple[str, str, str, list[str]]:
    """(seconds, row, value); the code and sentences of the verdict on d0, and the codes of the steps."""
    run = Run(rule_of(name), roster_of())
    made: list[Finding] = []
    for second, row, value in readings:
        at_ms = START + second * 1000
        reading = Readings.of([row], [at_ms], [at_ms], [value])
        made += run.take(reading)
        apply_latest(run.program.roster, reading)
    made += run.finish(START + until_s * 1000 + 1)
    subject = {"silence": "device:d0", "expression": "device:d0", "vote": "zone:z"}.get(name, "point:d0:temperature")
    seen = standing(run.program, run.memory, "r", subject)
    assert seen is not None
    story = explain(run.rule, seen, [finding for finding in made if finding.subject == subject], "Asia/Shanghai", seen.now_ms, False)
    return story.verdict.code, story.verdict.zh, story.verdict.en, [step.code for step in story.steps]


@pytest.mark.parametrize(
    ("phrase", "name", "readings", "until_s", "code", "says"),
    [
        ("never heard", "level", [], 5, "never_heard", "nothing was ever heard"),
        ("below", "level", [(0, 0, 50.0)], 5, "not_met", "the value 50 °C is below the limit 60 °C (by 10 °C)"),
        ("in its hold", "level", [(0, 0, 65.0), (10, 0, 66.0)], 12, "rising", "run 12 of 20 s; it raises at 2026-11-22 08:00:20"),
        ("raised", "level", [(0, 0, 65.0), (10, 0, 66.0), (20, 0, 67.0)], 22, "raised", "since 2026-11-22 08:00:20"),
        ("within the deadband", "level", [(0, 0, 65.0), (10, 0, 66.0), (20, 0, 67.0), (25, 0, 57.0)], 26, "raised_deadband", "below 55 °C"),
        ("in its clear hold", "level", [(0, 0, 65.0), (10, 0, 66.0), (20, 0, 67.0), (25, 0, 50.0)], 30, "raised_falling", "5 of 15 s"),
        ("overdue", "level", [(0, 0, 50.0)], 40, "not_met", "its point is overdue"),
        ("silent", "silence", [(0, 0, 1.0)], 25, "raised", "silent for 25 s, at or past the limit of 25 s"),
        ("not yet silent", "silence", [(0, 0, 1.0)], 20, "not_met", "short of the limit"),
        ("a state", "state", [(0, 0, 1.0)], 5, "not_covered", ""),
        ("a window", "window", [(0, 0, 50.0), (10, 0, 70.0), (20, 0, 70.0), (40, 0, 50.0)], 41, "raised", "the derived value 70 °C"),
        ("an expression", "expression", [(0, 0, 70.0), (1, 1, 0.0)], 5, "not_met", "the expression is not true"),
        ("out of schedule", "level in its schedule", [(70, 0, 70.0)], 75, "gate_schedule", "outside the schedule"),
        ("what enables it is not true", "level only while", [(0, 1, 0.0), (1, 0, 70.0)], 5, "gate_condition", "only while"),
        ("what enables it is true", "level only while", [(0, 1, 1.0), (1, 0, 70.0)], 5, "raised", "at or above the limit"),
    ],
)  # fmt: skip
def test_sentences_say_what_the_engine_has(
    phrase: str, name: str, readings: list[tuple[int, int, float]], until_s: int, code: str, says: str
) -> None:
    if code == "not_covered":
        run = Run(rule_of(name), roster_of())
        assert standing(run.program, run.memory, "r", "point:d0:temperature") is None
        return
    found = told(name, readings, until_s)
    assert found[0] == code, (phrase, found)
    assert says in found[2], (phrase, found)
    assert any("\u4e00" <= character <= "\u9fff" for character in found[1])


def test_the_truth_of_each_condition_is_a_step() -> None:
    _, _, _, codes = told("expression", [(0, 0, 70.0), (1, 1, 0.0)], 5)
    assert codes.count("condition") >= 2


def test_findings_are_steps_in_their_order() -> None:
    _, _, _, codes = told("level", [(second, 0, 90.0 if second < 40 else 20.0) for second in range(0, 100, 10)], 99)
    assert [code for code in codes if code in list(Edge)] == ["stepped", "raised", "cleared"] or codes[-1] == "cleared"


def test_a_view_changes_nothing() -> None:
    run = Run(rule_of("expression"), roster_of())
    at = np.array([START], np.int64)
    run.take(Readings.of([0], at, at, [70.0]))
    before = run.memory.dump()
    standing(run.program, run.memory, "r", "device:d0")
    assert str(run.memory.dump()) == str(before)
    assert engine.due_ms(run.memory) is not None


def test_a_subject_stands_by_the_numbers_of_its_own_place() -> None:
    own = Override(
        id="o",
        rule_id="r",
        node_kind=NodeKind.ZONE,
        node_id="z",
        levels=(LevelOverride(level=0, limit=2, deadband=1, hold_s=30),),
        clear_hold_s=7,
        reason="two detectors hang together",
    )
    roster = roster_of()
    program = compile([rule_of("vote")], roster, overrides=[own])
    memory = Memory(program)
    engine.step(program, memory, Readings.of([0, 2], [START] * 2, [START] * 2, [90.0, 95.0]), START + 10_000)
    seen = standing(program, memory, "r", "zone:z")
    assert seen is not None
    level = seen.levels[0]
    assert (level.phase, level.limit, level.returns_at, level.hold_ms, level.held_ms) == ("rising", 2, 1, 30_000, 10_000)
    for at in range(10, 50, 10):
        now = START + at * 1000
        engine.step(program, memory, Readings.of([0, 2], [now] * 2, [now] * 2, [90.0, 95.0]), now)
    now = START + 42_000
    engine.step(program, memory, Readings.of([0, 2], [now] * 2, [now] * 2, [9.0, 9.0]), now + 2_000)
    seen = standing(program, memory, "r", "zone:z")
    assert seen is not None
    assert [(each.phase, each.hold_ms, each.held_ms) for each in seen.levels[:1]] == [("falling", 7_000, 2_000)]


def test_a_count_of_another_rules_raises_is_told() -> None:
    level = rule_of("level")
    counting = parse_rule(
        {"id": "c", "name": "次数", "kind": "count", "of": "r", "window_s": 300, "hold_s": 7, "clear_hold_s": 20}
        | {"above": [{"limit": 2, "severity": "high", "deadband": 1}]}
    )
    roster = roster_of()
    run = Run(counting, roster, [replace(level, hold_s=0.0, clear_hold_s=0.0)])

    def stands(subject: str = "point:d0:temperature") -> Any:
        seen = standing(run.program, run.memory, "c", subject)
        return seen and (seen.value, seen.level, seen.gate, seen.levels[0].phase, seen.levels[0].held_ms, seen.levels[0].due_ms)

    def read(second: int, value: float) -> list[Finding]:
        at_ms = START + second * 1000
        return run.take(Readings.of([0], [at_ms], [at_ms], [value]))

    assert stands() == (0.0, -1, "open", "idle", None, None)
    assert stands("point:nobody:temperature") is None
    assert stands("device:nobody") is None
    read(0, 65.0)
    read(5, 20.0)
    assert stands() == (1.0, -1, "open", "idle", None, None)
    read(10, 65.0)
    read(12, 66.0)
    assert stands() == (2.0, -1, "open", "rising", 2_000, START + 17_000)
    made = read(20, 66.0)
    assert [each.edge for each in made] == [Edge.RAISED]
    assert stands() == (2.0, 0, "open", "active", None, None)
    seen = standing(run.program, run.memory, "c", "point:d0:temperature")
    assert seen is not None
    story = explain(run.rule, seen, made, "Asia/Shanghai", seen.now_ms, False)
    assert story.verdict.code == "raised"
    assert [step.en for step in story.steps if step.code == "counted"] == [
        "Rule r raised 2 times within the last 300 s, the last at 2026-11-22 08:00:10."
    ]
    assert "at or above the limit 2" in story.verdict.en
    run.finish(START + 311_000)  # the first of them has lapsed at 300 s, the second at 310 s
    assert stands() == (0.0, 0, "open", "falling", 1_000 - 1, START + 330_000)
