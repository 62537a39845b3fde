"""The fields of rules over several points (expression, vote) and of *only while*, from their data and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.expression import check_expression, tree_of
from rules.expression_problems import ExpressionProblem
from rules.expression_tree import Tree, shown_metric
from rules.model import Direction, Level, Rule, RuleKind, Severity
from rules.parse_levels import read_levels
from rules.parse_reader import Reader, is_finite
from sites.metrics import METRICS, unit_of

MOST_VOTES = 1_000.0
SUBJECT_FIELDS = {
    RuleKind.EXPRESSION: {"expression", "over", "above", "below", "severity", "hold_s", "clear_hold_s"},
    RuleKind.VOTE: {"metric", "unit", "votes", "above", "hold_s", "clear_hold_s"},
}
_OVERS = ("device", "zone")
_NO_LEVEL = (Level(limit=0.0, severity=Severity.HIGH),)
_VOTES = "a mapping of exactly one of above, below (a limit) and states (a list of numbers): when a point votes"


def read_expression(read: Reader) -> tuple[str, Direction, tuple[Level, ...], dict[str, Any]]:
    """(metric that it shows, direction, levels, its own fields)."""
    over = read.word("over", _OVERS, "device")
    tree = read_tree(read, "expression", over)
    if tree is None:
        return "", Direction.ABOVE, _NO_LEVEL, {"over": over}
    fields = {"expression": tree.text, "over": over}
    if tree.root.is_condition:
        for field in ("above", "below"):
            if field in read.data:
                read.refuse(field, read.data[field], "nothing: a condition is true or false; give severity")
        level = Level(limit=0.0, severity=read.severity(read.data.get("severity"), "severity"))
        return shown_metric(tree), Direction.ABOVE, (level,), fields
    if "severity" in read.data:
        read.refuse("severity", read.data["severity"], "nothing: the levels of a number have their own; give above or below")
    direction, levels = read_levels(read, "", (-1e12, 1e12))
    return shown_metric(tree), direction, levels, fields


def read_vote(read: Reader, metric: str) -> tuple[Direction, tuple[Level, ...], tuple[float, ...], dict[str, Any]]:
    """(direction of a point's limit, levels, states, its own fields)."""
    _, levels = read_levels(read, "", (1.0, MOST_VOTES))
    for at, level in enumerate(levels):
        if level.limit != int(level.limit) or level.deadband != int(level.deadband):
            read.refuse(f"above[{at}]", [level.limit, level.deadband], "whole numbers: devices are counted")
        if level.deadband >= level.limit:
            read.refuse(f"above[{at}].deadband", level.deadband, f"less than {level.limit:g}, or it would never return")
    given = read.data.get("votes")
    known = METRICS.get(metric)
    low, high = (known.low, known.high) if known else (-1e12, 1e12)
    if isinstance(given, Mapping) and len(given) == 1:
        field, value = next(iter(given.items()))
        if field in ("above", "below"):
            limit = read.number(value, f"votes.{field}", low, high)
            return Direction(field), levels, (), {"over": "zone", "vote_limit": limit}
        is_list = field == "states" and isinstance(value, list | tuple) and 1 <= len(value) <= 16
        if is_list and all(is_finite(each) and low <= each <= high for each in value):
            return Direction.ABOVE, levels, tuple(sorted({float(each) for each in value})), {"over": "zone"}
    read.refuse("votes", given, _VOTES + (f"; {metric} is from {low:g} to {high:g} {unit_of(metric)}".rstrip() if known else ""))
    return Direction.ABOVE, levels, (1.0,), {"over": "zone"}


def read_only_while(read: Reader, kind: RuleKind, over: str) -> dict[str, Any]:
    """`only_while` of any rule whose gate can be turned by its condition."""
    if read.data.get("only_while") in (None, ""):
        return {}
    if kind is RuleKind.SILENCE:
        read.refuse("only_while", read.data["only_while"], "nothing: a silence rule looks at no reading; give it a schedule")
        return {}
    if kind is RuleKind.COUNT and "of" in read.data:
        read.refuse("only_while", read.data["only_while"], "nothing: the rule whose findings are counted may have one")
        return {}
    tree = read_tree(read, "only_while", over)
    if tree is None:
        return {}
    if not tree.root.is_condition:
        read.refuse("only_while", tree.text, "a condition, such as closed = 1")
    return {"only_while": tree.text}


def read_tree(read: Reader, field: str, over: str) -> Tree | None:
    """The checked tree of a field; its problems go to the reader with their line and column."""
    given = read.data.get(field)
    if not isinstance(given, str):
        read.refuse(field, given, "a text such as lel >= 25 %LEL and closed = 1")
        return None
    made = check_expression(given, over)
    if isinstance(made, Tree):
        return made
    for problem in made:
        read.refuse(_place(field, problem), problem.en, problem.allowed_en)
    return None


def _place(field: str, problem: ExpressionProblem) -> str:
    return f"{field}[{problem.line}:{problem.column}]"


def is_number(rule: Rule) -> bool:
    """Whether it is an expression with levels, not a condition."""
    return rule.kind is RuleKind.EXPRESSION and not tree_of(rule.expression, rule.over).root.is_condition


def subject_data(rule: Rule) -> dict[str, Any]:
    """The fields of a rule that this file reads, but for levels."""
    data: dict[str, Any] = {}
    if rule.kind is RuleKind.EXPRESSION:
        data |= {"expression": rule.expression, "over": rule.over}
    if rule.kind is RuleKind.VOTE:
        votes = {"states": list(rule.states)} if rule.vote_limit is None else {rule.direction.value: rule.vote_limit}
        data["votes"] = votes
    if rule.only_while:
        data["only_while"] = rule.only_while
    return data
