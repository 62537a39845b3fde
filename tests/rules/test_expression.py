"""The rule language: what it accepts and means, what it refuses and where, and that no text whatever brings it down."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.errors import RuleError
from rules.expression import check_expression, explain_tree, metrics_of, rules_of, tree_of, value_unit
from rules.expression_eval import Interval, evaluate
from rules.expression_problems import MAX_DEPTH, MAX_LENGTH, MAX_NODES, TEXTS, ExpressionProblem
from rules.expression_tree import Node, Tree, nodes_of, shown_metric, shown_of
from rules.parse import parse_rule, parse_rules, rule_data

ANYTHING = (-math.inf, math.inf)


class Points:
    """One subject's points as a table: number, None (unknown); lists of a zone's points."""

    def __init__(self, alarms: tuple[str, ...] = (), **points: Any) -> None:
        self.size, self.table, self.alarms = 1, {name.replace("__", "."): value for name, value in points.items()}, alarms

    def metric(self, name: str) -> Interval:
        value = self.table.get(name)
        low, high = ANYTHING if value is None else (value, value)
        return np.array([low]), np.array([high])

    def previous(self, name: str) -> Interval:
        return self.metric(f"previous_{name}")

    def rate(self, name: str, span_ms: int) -> Interval:
        return self.metric(f"rate_{name}_{span_ms}")

    def heard(self, name: str) -> Any:
        return np.array([self.table.get(name) is not None])

    def alarm(self, rule_id: str) -> Interval:
        active = np.array([float(rule_id in self.alarms)])
        return active, active

    def held(self, node: Node, condition: Interval) -> Interval:
        return condition

    def points(self, name: str) -> tuple[Any, Any]:
        return Many(self.table.get(name, [])), np.zeros(len(self.table.get(name, [])), np.int64)


class Many(Points):
    def __init__(self, values: list[float | None]) -> None:
        self.size, self.values = len(values), values

    def metric(self, name: str) -> Interval:
        ends = [ANYTHING if value is None else (value, value) for value in self.values]
        return np.array([low for low, _ in ends]), np.array([high for _, high in ends])

    def heard(self, name: str) -> Any:
        return np.array([value is not None for value in self.values])


def truth(text: str, over: str = "device", alarms: tuple[str, ...] = (), **points: Any) -> bool | None:
    low, high = evaluate(tree_of(text, over).root, Points(alarms, **points))
    return None if low[0] != high[0] else bool(low[0])


def number(text: str, over: str = "device", **points: Any) -> tuple[float, float]:
    low, high = evaluate(tree_of(text, over).root, Points(**points))
    return float(low[0]), float(high[0])


MEANT: list[tuple[str, dict[str, Any], bool | None]] = [
    ("lel >= 25 %LEL", {"lel": 25}, True),
    ("lel > 25 %LEL", {"lel": 25}, False),
    ("lel <= 25", {"lel": 25}, True),
    ("lel < 25", {"lel": 25}, False),
    ("closed.2 = 1", {"closed__2": 1}, True),
    ("closed = 1", {"closed__2": 1}, None),
    ("closed != 1", {"closed": 0}, True),
    ("closed != 1", {"closed": 1}, False),
    ("closed == 1", {}, None),
    ("closed ≠ 1 and lel ≥ 5", {"closed": 0, "lel": 5}, True),
    ("smoke_alarm", {"smoke_alarm": 1}, True),
    ("not smoke_alarm", {"smoke_alarm": 0}, True),
    ("NOT smoke_alarm OR lel > 3 AND closed = 1", {"smoke_alarm": 1, "lel": 4, "closed": 1}, True),
    ("(not smoke_alarm or lel > 3) and closed = 1", {"smoke_alarm": 1, "lel": 4, "closed": 0}, False),
    # Kleene: what decides alone decides, whatever the other would say
    ("lel > 3 or closed = 1", {"lel": 4}, True),
    ("lel > 3 or closed = 1", {"lel": 2}, None),
    ("lel > 3 and closed = 1", {"lel": 2}, False),
    ("lel > 3 and closed = 1", {"lel": 4}, None),
    ("not lel > 3", {}, None),
    ("heard(lel)", {}, False),
    ("not heard(lel)", {"lel": 0}, False),
    # arithmetic and precedence
    ("lel + 2 * 3 = 8", {"lel": 2}, True),
    ("(lel + 2) * 3 = 12", {"lel": 2}, True),
    ("lel - 2 - 3 = 1", {"lel": 6}, True),
    ("24 / lel / 2 = 2", {"lel": 6}, True),
    ("-lel < -5 %LEL", {"lel": 6}, True),
    ("- -lel = 6", {"lel": 6}, True),
    ("1 / lel > 0", {"lel": 0}, None),
    ("lel * 0 = 0", {}, True),  # nothing times anything is nothing
    ("voltage_v * current_a >= 3 kW", {"voltage_v": 230, "current_a": 13.1}, True),
    ("power_w > voltage_v * current_a", {"voltage_v": 230, "current_a": 1, "power_w": 229}, False),
    ("current_a > leakage_ma", {"current_a": 0.2, "leakage_ma": 300}, False),
    ("leakage_ma >= 0.3 A", {"leakage_ma": 300}, True),
    ("0.3 A <= leakage_ma", {"leakage_ma": 299}, False),
    ("pressure_kpa < 0.1 MPa", {"pressure_kpa": 99}, True),
    ("energy_kwh / 2 h > 1 kW", {"energy_kwh": 3}, True),
    ("temperature - previous(temperature) >= 5 °C", {"temperature": 30, "previous_temperature": 25}, True),
    ("rate(temperature, 5 min) >= 8 °C/min", {"rate_temperature_300000": 8}, True),
    ("rate(temperature, 300 秒) >= 0.1 °C/s", {"rate_temperature_300000": 6}, True),
    ("lel > 3 and\n  # 4"[:12] + " lel < 9", {"lel": 5}, True),
]


@pytest.mark.parametrize(("text", "points", "expected"), MEANT)
def test_what_a_text_means(text: str, points: dict[str, Any], expected: bool | None) -> None:
    assert truth(text, **points) is expected


ZONES: list[tuple[str, list[float | None], bool | None]] = [
    ("max(lel) >= 25 %LEL", [10, 30, None], True),
    ("max(lel) >= 25 %LEL", [10, None], None),
    ("max(lel) >= 25 %LEL", [], None),
    ("min(lel) < 5", [4, None], True),
    ("min(lel) < 5", [6, None], None),
    ("mean(lel) = 20", [10, 30], True),
    ("mean(lel) > 0", [10, None], None),
    ("sum(lel) = 40", [10, 30], True),
    ("count(lel >= 25 %LEL) >= 2", [30, 30, None], True),
    ("count(lel >= 25 %LEL) >= 2", [30, 0, None], None),
    ("count(lel >= 25 %LEL) >= 2", [30, 0, 0], False),
    ("count(lel >= 25 %LEL) = 0", [], True),
    ("count(lel) = 2", [1, None, 2], True),
    ("count(not heard(lel)) = 1", [1, None, 2], True),
    ("count(lel > 5 and lel < 15) = 1", [1, 10, 20], True),
]


@pytest.mark.parametrize(("text", "values", "expected"), ZONES)
def test_what_a_text_means_over_a_zone(text: str, values: list[float | None], expected: bool | None) -> None:
    assert truth(text, "zone", lel=values) is expected


def test_an_unknown_part_leaves_what_is_known_of_a_number() -> None:
    assert number("max(lel)", "zone", lel=[3, None]) == (3, math.inf)
    assert number("lel + temperature * 1 %LEL / 1 °C", lel=3) == ANYTHING
    assert number("-max(lel)", "zone", lel=[3, None]) == (-math.inf, -3)
    assert number("max(lel) * -2", "zone", lel=[3, None]) == (-math.inf, -6)


def test_alarms_are_looked_at() -> None:
    assert truth("alarm(gas-1.x) and lel > 3", alarms=("gas-1.x",), lel=4) is True
    assert truth("alarm( 'gas' ) or alarm(\"b\")", alarms=("b",)) is True
    assert truth("alarm(gas)") is False


def test_what_a_tree_looks_at_is_told() -> None:
    tree = tree_of("alarm(a) and max(lel) > 3 or for(previous(o2) < 19 %VOL, 1 min) and heard(closed.2)", "device")
    assert metrics_of(tree) == ("lel", "o2", "closed.2")
    assert rules_of(tree) == ("a",)
    assert (shown_metric(tree), shown_of(tree).op) == ("lel", "max")
    assert shown_metric(tree_of("25 %LEL <= lel", "device")) == ""  # the left side is what is shown


def test_the_truth_of_every_part_is_explained() -> None:
    tree = tree_of("lel >= 25 %LEL and (closed = 1 or o2 < 19)", "device")
    told = explain_tree(tree, Points(lel=30, o2=20))
    assert (told.op, told.truth, told.text) == ("and", None, tree.text)
    left, right = told.parts
    assert (left.text, left.truth, left.parts[0].value, left.parts[0].unit) == ("lel >= 25 %LEL", True, 30, "%LEL")
    assert [(part.text, part.truth) for part in right.parts] == [("closed = 1", None), ("o2 < 19", False)]
    assert right.parts[0].parts[0].value is None


REFUSED: list[tuple[str, str, str, int, int]] = [
    # text, over, code, line, column
    ("", "device", "empty", 1, 1),
    ("  \n ", "device", "empty", 1, 1),
    ("x" * (MAX_LENGTH + 1), "device", "length", 1, MAX_LENGTH + 1),
    ("(" * 30 + "lel > 1" + ")" * 30, "device", "depth", 1, MAX_DEPTH + 2),
    ("not " * 30 + "smoke_alarm", "device", "depth", 1, 101),
    ("-" * 30 + "lel > 1", "device", "depth", 1, MAX_DEPTH + 2),
    ("lel" + "+1" * 200 + " > 3", "device", "nodes", 1, 1),
    ("lel > 3 & closed", "device", "character", 1, 9),
    ("lel > 3;", "device", "character", 1, 8),
    ("lel > 1e999", "device", "number", 1, 7),
    ("lel > 3 %LELL", "device", "unit", 1, 9),
    ("lel > 3 apples", "device", "unit", 1, 9),
    ("lel > 3 closed", "device", "unit", 1, 9),
    ("lel >", "device", "operand_wanted", 1, 6),
    ("lel > 3 and", "device", "operand_wanted", 1, 12),
    ("* 3", "device", "operand_wanted", 1, 1),
    ("(lel > 3", "device", "mark_wanted", 1, 9),
    ("lel > 3) and closed", "device", "operator_wanted", 1, 8),
    ("lel closed", "device", "operator_wanted", 1, 5),
    ("lel > 3\nand o2 >\n  )", "device", "operand_wanted", 3, 3),
    ("3 < lel < 5", "device", "chain", 1, 9),
    ("median(lel) > 3", "device", "function", 1, 1),
    ("__import__(os)", "device", "function", 1, 1),
    ("temprature > 3", "device", "metric", 1, 1),
    ("Lel > 3", "device", "metric", 1, 1),
    ("max(3) > 1", "zone", "metric_wanted", 1, 5),
    ("max(lel > 3) > 1", "zone", "mark_wanted", 1, 9),
    ("previous(max(lel)) > 1", "device", "metric_wanted", 1, 10),
    ("a" * 65 + " > 1", "device", "metric_wanted", 1, 1),
    ("lel > 3", "zone", "bare_in_zone", 1, 1),
    ("max(lel) > 3 and heard(o2)", "zone", "bare_in_zone", 1, 24),
    ("count(max(lel) > 3) > 1", "zone", "in_count", 1, 7),
    ("count(for(lel > 3, 5 s)) > 1", "zone", "in_count", 1, 7),
    ("count(alarm(x) and lel > 3) > 1", "zone", "in_count", 1, 7),
    ("count(lel > 3 or o2 > 4) > 1", "zone", "count_metrics", 1, 7),
    ("count(3 > 2) > 1", "zone", "count_metrics", 1, 7),
    ("for(lel > 3, 5)", "device", "span", 1, 14),
    ("for(lel > 3, 5 °C)", "device", "span", 1, 14),
    ("for(lel > 3, lel)", "device", "span", 1, 14),
    ("for(lel > 3, 500 ms)", "device", "span_range", 1, 14),
    ("rate(lel, 25 h) > 3", "device", "span_range", 1, 11),
    ("rate(lel) > 3", "device", "mark_wanted", 1, 9),
    ("alarm() or lel > 3", "device", "rule_wanted", 1, 7),
    ("alarm(a b)", "device", "rule_wanted", 1, 7),
    ("lel and closed = 1", "device", "condition_wanted", 1, 1),
    ("not lel", "device", "condition_wanted", 1, 5),
    ("for(lel, 5 s)", "device", "condition_wanted", 1, 5),
    ("(lel > 3) + 1 > 2", "device", "number_wanted", 1, 2),
    ("(lel > 3) = 1", "device", "number_wanted", 1, 2),
    ("lel >= 25 °C", "device", "units", 1, 8),
    ("lel + temperature > 3", "device", "units", 1, 7),
    ("closed = 1 %", "device", "units", 1, 10),
    ("rate(temperature, 1 min) > 5 °C", "device", "units", 1, 28),
    ("voltage_v * current_a > 3 A", "device", "units", 1, 25),
    ("3 > 2", "device", "constant", 1, 1),
]


@pytest.mark.parametrize(("text", "over", "code", "line", "column"), REFUSED)
def test_what_is_refused_is_told_at_its_character(text: str, over: str, code: str, line: int, column: int) -> None:
    found = check_expression(text, over)
    assert not isinstance(found, Tree)
    assert [(found[0].code, found[0].line, found[0].column)] == [(code, line, column)]
    assert found[0].caret().endswith("^")


def test_every_kind_of_problem_is_in_the_table_above_in_both_languages() -> None:
    assert {case[2] for case in REFUSED} == set(TEXTS)
    for texts in TEXTS.values():
        assert all(part.strip() for pair in texts for part in pair)
        assert all(any("\u4e00" <= letter <= "\u9fff" for letter in texts[1][0]) for _ in texts)


def test_several_problems_are_told_at_once_from_the_left() -> None:
    found = check_expression("lel > 3 °C and temprature > 3 and o2", "device")
    assert isinstance(found, list)
    assert [problem.code for problem in found] == ["units", "metric", "condition_wanted"]


def test_a_problem_says_what_would_be_allowed_and_shows_the_place() -> None:
    found = check_expression("closed = 1\nand lel >= 25 °C", "device")
    assert isinstance(found, list)
    problem = found[0]
    assert str(problem) == "line 2, column 12: 25 °C cannot be compared or added with lel (%LEL); allowed: a number in %LEL"
    assert (problem.zh, problem.allowed_zh) == ("25 °C 不能与 lel（%LEL） 比较或相加", "以 %LEL 为单位的数值")
    assert problem.caret() == "and lel >= 25 °C\n           ^^^^^"


def test_metrics_that_nobody_knows_may_be_looked_at_unless_they_look_like_a_slip() -> None:
    assert isinstance(check_expression("vibration_mm > 3 and vibration_mm < 5 mm", "device"), Tree)


# -- any text ----------------------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        "lel",
        "closed",
        "smoke_alarm",
        "temperature",
        "o2.2",
        "x",
        "and",
        "or",
        "not",
        "AND",
        "(",
        ")",
        "(",
        ")",
        ",",
        "+",
        "-",
        "*",
        "/",
        ">=",
        ">",
        "<=",
        "<",
        "=",
        "!=",
        "25",
        "0.5",
        "1e3",
        "%LEL",
        "°C",
        "min",
        "s",
        "h",
        "°C/min",
        "5s",
        "max(",
        "min(",
        "mean(",
        "sum(",
        "count(",
        "previous(",
        "rate(",
        "heard(",
        "for(",
        "alarm(",
        "alarm(gas)",
        "rate(lel,5min)",
        "for(lel>3,5s)",
        "max(lel)",
        "\n",
        "≥",
        "（",
        "，",
        "÷",
        "@",
        "é",
        "火",
    ]
)


@settings(max_examples=1500, deadline=None)
@given(st.lists(pieces, max_size=24), st.sampled_from(["device", "zone"]), st.sampled_from(["", " "]))
def test_no_text_brings_it_down_and_every_problem_has_a_place(parts: list[str], over: str, between: str) -> None:
    check_any(between.join(parts), over)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["device", "zone"]))
def test_no_characters_bring_it_down(text: str, over: str) -> None:
    check_any(text, over)


def check_any(text: str, over: str) -> None:
    found = check_expression(text, over)
    if isinstance(found, Tree):
        nodes = list(nodes_of(found.root))
        assert len(nodes) <= 2 * MAX_NODES
        assert all(0 <= node.start < node.end <= len(text) for node in nodes)
        points = Points(lel=[3.0, None], temperature=[], closed=[1.0], smoke_alarm=[0.0], x=[5.0], o2__2=[None])
        if over == "zone":
            low, high = evaluate(found.root, points)
            assert (low <= high).all()
        return
    assert found
    for problem in found:
        assert isinstance(problem, ExpressionProblem)
        assert 0 <= problem.start <= len(text)
        assert text.count("\n", 0, problem.start) + 1 == problem.line
        assert "{0}" not in problem.en + problem.zh + problem.allowed_en + problem.allowed_zh or "{0}" in text
        assert problem.caret()


# -- rules -------------------------------------------------------------------------------------------------------------


RULES: list[dict[str, Any]] = [
    {"kind": "expression", "expression": "lel >= 25 %LEL and closed = 1", "severity": "high", "hold_s": 5},
    {"kind": "expression", "expression": "mean(temperature)", "over": "zone", "below": [{"limit": 5, "severity": "low", "deadband": 1}]},
    {"kind": "vote", "metric": "smoke_alarm", "votes": {"states": [1]}, "above": [{"limit": 2, "severity": "critical"}]},
    {"kind": "vote", "metric": "o2", "votes": {"below": 19.5}, "above": [{"limit": 3, "severity": "high", "deadband": 1}]},
    {"kind": "level", "metric": "voltage_v", "below": [{"limit": 187, "severity": "high"}], "only_while": "closed = 1"},
]


@pytest.mark.parametrize("data", RULES)
def test_rules_over_several_points_are_read_and_written(data: dict[str, Any]) -> None:
    rule = parse_rule({"id": "r", "name": "r", **data})
    assert parse_rule(rule_data(rule)) == rule


def test_the_unit_of_a_rules_value_is_told() -> None:
    units = [value_unit(parse_rule({"id": "r", "name": "r", **data})) for data in RULES]
    assert units == ["%LEL", "°C", "", "", "V"]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"kind": "expression", "expression": "lel >=", "severity": "high"}, "expression[1:7]"),
        ({"kind": "expression", "severity": "high"}, "expression"),
        ({"kind": "expression", "expression": "lel > 3", "over": "site", "severity": "high"}, "over"),
        ({"kind": "expression", "expression": "lel > 3", "above": [{"limit": 1, "severity": "low"}], "severity": "low"}, "above"),
        ({"kind": "expression", "expression": "lel", "severity": "high"}, "severity"),
        ({"kind": "vote", "metric": "lel", "votes": {"above": 25}, "above": [{"limit": 1.5, "severity": "low"}]}, "above[0]"),
        (
            {"kind": "vote", "metric": "lel", "votes": {"above": 25}, "above": [{"limit": 1, "severity": "low", "deadband": 1}]},
            "above[0].deadband",
        ),
        ({"kind": "vote", "metric": "lel", "votes": {"above": 250}, "above": [{"limit": 1, "severity": "low"}]}, "votes.above"),
        ({"kind": "vote", "metric": "lel", "votes": {}, "above": [{"limit": 1, "severity": "low"}]}, "votes"),
        ({"kind": "silence", "severity": "low", "only_while": "closed = 1"}, "only_while"),
        (RULES[4] | {"only_while": "lel"}, "only_while"),
        (RULES[4] | {"only_while": "closed = 1 °C"}, "only_while[1:10]"),
    ],
)
def test_what_a_rule_cannot_mean_is_refused_with_its_field(data: dict[str, Any], field: str) -> None:
    with pytest.raises(RuleError) as refusal:
        parse_rule({"id": "r", "name": "r", **data})
    assert field in [problem.field for problem in refusal.value.problems]


def test_the_rules_of_the_guide_can_be_meant() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "expressions.md").read_text("utf-8")
    rules = parse_rules(yaml.safe_load(guide.split("```yaml")[1].split("```")[0]))
    assert [rule.kind.value for rule in rules] == ["expression", "vote", "level"]
