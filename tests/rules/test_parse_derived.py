"""What the parser accepts and refuses of rate, window, count, stuck and drift, and that every refusal says why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.errors import RuleError
from rules.model import Direction, Meets, RuleKind, Statistic, Weighting
from rules.parse import parse_rule, parse_rules, rule_data


def rule(kind: str, limit: float = 5, word: str = "above", **changes: Any) -> dict[str, Any]:
    own = {"id": "r", "name": "r", "kind": kind, "metric": "lel", word: [{"limit": limit, "severity": "high"}], "window_s": 300}
    own |= changes
    return {field: value for field, value in own.items() if value is not None}


def counting(**changes: Any) -> dict[str, Any]:
    return rule("count", 3, **({"metric": None, "of": "gas"} | changes))


STUCK = rule("stuck", 3600, window_s=None)
SHARE = rule("window", 0.5, statistic="share", share_of={"above": 20})

ACCEPTED = [
    rule("rate", -2, "below", metric="pressure_kpa", per_s=1, covered=0.25),
    rule("rate", 8.3, metric="temperature", window_s=60),
    rule("window", 70, metric="co", weighting="time", window_s=3600, covered=1.0),
    rule("window", 5, "below", statistic="min"),
    rule("window", 1e6, statistic="sum", metric="energy_kwh"),
    rule("window", 3, statistic="count", share_of={"states": [2, 1]}),
    rule("window", 3, statistic="count"),
    SHARE,
    SHARE | {"weighting": "time", "share_of": {"below": 3}},
    rule("count", 4, share_of={"above": 20}),
    counting(),
    STUCK | {"tolerance": 0.5},
    rule("drift", 10, window_s=86_400),
]

REFUSED = [
    ("a rate without its span", rule("rate", window_s=None), "window_s: given nothing; allowed: a number from 1 to 86400"),
    ("a window of more than a day", rule("window", window_s=86_401), "window_s: given 86401"),
    ("a baseline of more than a month", rule("drift", window_s=2_592_001), "a number from 60 to 2.592e+06"),
    ("a window for stuck", STUCK | {"window_s": 60}, "a stuck rule has no window_s"),
    ("stuck for less than a second", rule("stuck", 0.5, window_s=None), "above[0].limit: given 0.5; allowed: a number from 1 to"),
    ("stuck below", rule("stuck", 60, "below", window_s=None), "a stuck rule has no below"),
    ("a drift below", rule("drift", 5, "below"), "a drift rule has no below"),
    ("a drift further than the metric goes", rule("drift", 116), "a number from 0 to 115"),
    ("a mean outside the metric's range", rule("window", 111), "a number from -5 to 110"),
    ("a share of more than all", SHARE | {"above": [{"limit": 1.1, "severity": "high"}]}, "a number from 0 to 1"),
    ("a share of what", SHARE | {"share_of": None}, "share_of: given nothing; allowed: what the readings must meet"),
    ("a share of two things", SHARE | {"share_of": {"above": 1, "below": 2}}, "one of {above: limit}, {below: limit} and {states: [1]}"),
    ("a share of a text", SHARE | {"share_of": {"states": ["on"]}}, "one of {above: limit}"),
    ("a share of an impossible limit", SHARE | {"share_of": {"above": 120}}, "share_of.above: given 120; allowed: a number from -5 to 110"),
    ("a mean of some readings", rule("window", share_of={"above": 20}), "nothing: a mean is of all readings"),
    ("an extreme weighed by time", rule("window", statistic="max", weighting="time"), "only a mean or a share weighs"),
    ("an unknown statistic", rule("window", statistic="median"), "one of mean, min, max, sum, count, share"),
    ("no readings counted", rule("count", 0), "above[0].limit: given 0; allowed: a number from 1"),
    ("covered more than whole", rule("rate", covered=1.5), "covered: given 1.5"),
    ("a negative tolerance", STUCK | {"tolerance": -1}, "tolerance: given -1"),
    ("a rate per nothing", rule("rate", per_s=0), "per_s: given 0"),
    ("a count of itself", counting(of="r"), "of: given 'r'; allowed: the id of another rule"),
    ("a count of a rule's findings on a metric", counting(metric="lel"), "metric: given 'lel'; allowed: nothing"),
    ("a count of findings that meet something", counting(share_of={"above": 1}), "share_of: given {'above': 1}; allowed: nothing"),
    ("more findings than are kept", counting(above=[{"limit": 1001, "severity": "high"}]), "a number from 1 to 1000"),
    ("a count of findings by class of circuit", counting(scope={"circuit_classes": ["use"]}), "the rule whose findings are counted"),
    ("a count relative to a rated current", rule("count", 3, metric="current_a", relative_to="rated_a"), "relative_to: given 'rated_a'"),
    ("a window field on a level rule", rule("level", window_s=60), "a level rule has no window_s"),
]


@pytest.mark.parametrize("data", ACCEPTED)
def test_what_is_accepted_is_written_as_it_was_read(data: dict[str, Any]) -> None:
    made = parse_rule(data)
    assert made.kind is RuleKind(data["kind"])
    assert parse_rule(rule_data(made)) == made


@pytest.mark.parametrize(("data", "reason"), [pytest.param(data, reason, id=what) for what, data, reason in REFUSED])
def test_what_cannot_be_meant_is_refused_with_the_reason(data: dict[str, Any], reason: str) -> None:
    data = {field: value for field, value in data.items() if value is not None}
    with pytest.raises(RuleError) as refused:
        parse_rule(data)
    assert reason in str(refused.value)


def test_fields_arrive_where_they_are_meant() -> None:
    share = parse_rule(SHARE | {"weighting": "time", "share_of": {"below": 3}, "covered": 0.75})
    assert (share.statistic, share.weighting, share.covered) == (Statistic.SHARE, Weighting.TIME, 0.75)
    assert share.share_of == Meets(limit=3.0, direction=Direction.BELOW)
    count = parse_rule(rule("count", 4, share_of={"states": [2, 1, 2]}))
    assert count.share_of == Meets(states=(1.0, 2.0))
    rate = parse_rule(rule("rate", -2, "below", per_s=1))
    assert (rate.direction, rate.levels[0].limit, rate.per_s, rate.window_s) == (Direction.BELOW, -2.0, 1.0, 300.0)
    assert parse_rule(counting()).of == "gas"
    assert parse_rule(STUCK | {"tolerance": 0.5}).tolerance == 0.5


def test_a_clause_about_readings_does_not_bound_what_is_derived_from_them() -> None:
    assert parse_rule(rule("window", 70, metric="co")).levels[0].limit == 70


def test_the_rules_of_the_documentation_are_accepted() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rules-derived.md").read_text(encoding="utf-8")
    found = [each for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) for each in parse_rules(yaml.safe_load(block))]
    assert {each.kind for each in found} >= {RuleKind.RATE, RuleKind.WINDOW, RuleKind.COUNT, RuleKind.STUCK}
