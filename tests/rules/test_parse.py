"""What the parser accepts and refuses, that every refusal says why, and that the shipped rules hold the documented numbers."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import RuleError
from rules.model import Direction, Rule, RuleKind, Severity
from rules.parse import parse_rule, parse_rules, rule_data

SETS = sorted((Path(__file__).parents[2] / "rules" / "sets").glob("*.yaml"))


def lel(**changes: Any) -> dict[str, Any]:
    return {"id": "lel", "name": "gas", "metric": "lel", "above": [{"limit": 20, "severity": "high"}]} | changes


def smoke(**changes: Any) -> dict[str, Any]:
    return {
        "id": "smoke",
        "name": {"zh": "烟", "en": "smoke"},
        "kind": "state",
        "metric": "smoke_alarm",
        "states": [1],
        "severity": "critical",
        "latched": True,
    } | changes


def silence(**changes: Any) -> dict[str, Any]:
    return {"id": "quiet", "name": "silent", "kind": "silence", "severity": "low"} | changes


def leakage(*limits: float) -> dict[str, Any]:
    return lel(id="leak", metric="leakage_ma", above=[{"limit": limit, "severity": "high"} for limit in limits])


REFUSED = [
    ("an id with a space", lel(id="my rule"), "id: given 'my rule'; allowed: 1 to 64 letters"),
    ("no name", lel(name=""), "name: given ''"),
    ("an unknown field", lel(limit=3), "limit: given 'an unknown field'"),
    ("an unknown kind", lel(kind="speed"), "kind: given 'speed'; allowed: level, state, silence"),
    ("another unit", lel(unit="ppm"), "wrong unit: lel is measured in %LEL"),
    ("a metric with its suffix", lel(metric="lel.2"), "lel also covers lel.2"),
    ("neither above nor below", {"id": "a", "name": "a", "metric": "lel"}, "exactly one of above and below"),
    ("both above and below", lel(below=[{"limit": 1, "severity": "low"}]), "exactly one of above and below"),
    ("no levels", lel(above=[]), "above: given []"),
    ("a limit that is a text", lel(above=[{"limit": "20", "severity": "high"}]), "above[0].limit: given '20'"),
    ("a limit that is true", lel(above=[{"limit": True, "severity": "high"}]), "above[0].limit: given True"),
    ("a limit that is no number", lel(above=[{"limit": float("nan"), "severity": "high"}]), "above[0].limit: given nan"),
    ("a limit that can never be reached", lel(metric="humidity", above=[{"limit": 130, "severity": "high"}]), "a number from 0 to 100"),
    ("an unknown severity", lel(above=[{"limit": 20, "severity": "bad"}]), "one of info, low, high, critical"),
    (
        "levels in the wrong order",
        lel(above=[{"limit": 20, "severity": "high"}, {"limit": 10, "severity": "critical"}]),
        "a limit above 20",
    ),
    (
        "a milder second level",
        lel(above=[{"limit": 10, "severity": "high"}, {"limit": 20, "severity": "low"}]),
        "above[1].severity: given 'low'; allowed: at least high",
    ),
    ("a negative deadband", lel(above=[{"limit": 20, "severity": "high", "deadband": -1}]), "above[0].deadband"),
    ("a hold of two days", lel(hold_s=172_800), "hold_s: given 172800"),
    ("a first gas level over 25 %LEL", lel(above=[{"limit": 26, "severity": "high"}]), "GB/T 50493-2019"),
    (
        "a second gas level over 50 %LEL",
        lel(above=[{"limit": 25, "severity": "high"}, {"limit": 51, "severity": "critical"}]),
        "above[1].limit: given 51.0; allowed: 0 to 50 %LEL",
    ),
    ("leakage below 20 mA", leakage(19), "20 to 1000 mA"),
    ("leakage over 1000 mA", leakage(300, 1001), "above[1].limit: given 1001.0"),
    ("cable temperature below 45", lel(metric="cable_temperature", above=[{"limit": 44, "severity": "high"}]), "45 to 140 °C"),
    ("a smoke alarm with a delay", smoke(hold_s=5), "hold_s: given 5.0; allowed: 0: a fire detector's alarm has no delay"),
    ("a smoke alarm without a latch", smoke(latched=False), "latched: given False; allowed: true"),
    ("a manual call point without a latch", smoke(metric="manual_call", latched=False), "latched until manual reset"),
    ("a state that the metric cannot have", smoke(states=[2]), "states: given [2]"),
    ("a level on a 0/1 signal", lel(metric="smoke_alarm"), "use kind state"),
    ("levels on a state rule", smoke(above=[]), "above: given []; allowed: nothing: a state rule has no above"),
    ("a silence with a metric", silence(metric="lel"), "a silence rule has no metric"),
    ("a silence of less than 1.5 intervals", silence(intervals=1), "intervals: given 1"),
    ("latched that is a word", lel(latched="yes"), "latched: given 'yes'; allowed: true or false"),
    ("a scope that is a list", lel(scope=["s"]), "scope: given ['s']"),
    ("a scope of an unknown thing", lel(scope={"tags": ["a"]}), "scope.tags"),
    ("a scope of one name", lel(scope={"sites": "s"}), "scope.sites: given 's'; allowed: a list of ids"),
]


@pytest.mark.parametrize(("data", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused_with_field_given_and_allowed(data: dict[str, Any], reason: str) -> None:
    with pytest.raises(RuleError) as refused:
        parse_rule(data)
    assert reason in str(refused.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(RuleError) as refused:
        parse_rule({"id": "?", "name": 3, "metric": "lel", "above": [{"limit": 90, "severity": "x"}], "hold_s": -1})
    assert {problem.field for problem in refused.value.problems} == {"id", "name", "hold_s", "above[0].limit", "above[0].severity"}


def test_a_level_rule_is_read_whole() -> None:
    rule = parse_rule(
        lel(
            name={"zh": "燃气", "en": "Gas"},
            unit="%LEL",
            above=[
                {"limit": 20, "severity": "high", "deadband": 3, "hold_s": 5},
                {"limit": 40, "severity": "critical"},
            ],
            clear_hold_s=30,
            latched=True,
            scope={"zones": ["z1"], "device_kinds": ["gas"]},
            guidance={"zh": "关阀", "en": "Close the valve"},
            lateness_s=60,
        )
    )
    assert (rule.name, rule.name_en, rule.guidance_en) == ("燃气", "Gas", "Close the valve")
    assert rule.direction is Direction.ABOVE
    assert [(level.limit, level.severity, level.deadband, level.hold_s) for level in rule.levels] == [
        (20.0, Severity.HIGH, 3.0, 5.0),
        (40.0, Severity.CRITICAL, 0.0, None),
    ]
    assert (rule.clear_hold_s, rule.latched, rule.lateness_s, rule.scope.zones) == (30.0, True, 60.0, ("z1",))


def test_the_given_data_comes_back_as_the_same_rule() -> None:
    for data in (lel(enabled=False, version=7), smoke(), silence(intervals=3, hold_s=10), lel(guidance="只有中文")):
        rule = parse_rule(data)
        assert parse_rule(rule_data(rule)) == rule


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)))
def test_any_other_data_is_refused_not_crashed_on(data: Any) -> None:
    for hostile in (data, lel(above=data), lel(scope=data), smoke(states=data), lel(name=data), silence(intervals=data)):
        with contextlib.suppress(RuleError):
            assert isinstance(parse_rule(hostile), Rule)


def shipped() -> dict[str, Rule]:
    return {rule.id: rule for path in SETS for rule in parse_rules(yaml.safe_load(path.read_text("utf-8")))}


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_shipped_rules_parse_and_speak_both_languages(path: Path) -> None:
    rules = parse_rules(yaml.safe_load(path.read_text("utf-8")))
    assert rules
    for rule in rules:
        assert parse_rule(rule_data(rule)) == rule
        assert all((rule.name, rule.name_en, rule.guidance, rule.guidance_en)), rule.id


SHIPPED_LIMITS = [
    ("lel", Direction.ABOVE, [25.0, 50.0]),
    ("co", Direction.ABOVE, [17.0, 34.0]),
    ("h2s", Direction.ABOVE, [7.0, 14.0]),
    ("nh3", Direction.ABOVE, [28.0, 56.0]),
    ("o2_low", Direction.BELOW, [19.5]),
    ("o2_high", Direction.ABOVE, [23.5]),
    ("leakage", Direction.ABOVE, [300.0, 500.0]),
    ("cable_temperature", Direction.ABOVE, [60.0, 70.0]),
    ("temperature_fixed", Direction.ABOVE, [60.0]),
    ("voltage_low", Direction.BELOW, [187.0]),
    ("voltage_high", Direction.ABOVE, [253.0]),
    ("hydrant_pressure", Direction.BELOW, [100.0]),
    ("battery", Direction.BELOW, [20.0]),
]


@pytest.mark.parametrize(("rule_id", "direction", "limits"), SHIPPED_LIMITS, ids=[case[0] for case in SHIPPED_LIMITS])
def test_shipped_limits_are_those_of_the_standards_table(rule_id: str, direction: Direction, limits: list[float]) -> None:
    rule = shipped()[rule_id]
    assert rule.direction is direction
    assert [level.limit for level in rule.levels] == limits


def test_shipped_fire_alarms_are_immediate_latched_and_critical() -> None:
    for rule_id in ("smoke_alarm", "heat_alarm", "manual_call"):
        rule = shipped()[rule_id]
        assert (rule.hold_s, rule.latched, rule.levels[0].severity) == (0.0, True, Severity.CRITICAL)


def test_every_device_kind_is_watched_for_silence_once() -> None:
    kinds = [kind for rule in shipped().values() if rule.kind is RuleKind.SILENCE for kind in rule.scope.device_kinds]
    known = ["actuator", "co", "electrical", "gas", "gateway", "heat", "manual_call", "other", "smoke", "switch", "water"]
    assert sorted(kinds) == known


def test_an_id_given_twice_is_refused() -> None:
    with pytest.raises(RuleError, match="no other rule has"):
        parse_rules([lel(), lel()])
