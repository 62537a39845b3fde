"""The rule language's door: check a text, say what it looks at, show which of its conditions hold.

The parts: `expression_tokens`, `expression_parse`, `expression_tree`, `expression_units`, `expression_eval`. Holds no state but a cache of
trees, which follow from their texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rules.expression_eval import Frame, Interval, evaluate, shown
from rules.expression_parse import parse_expression
from rules.expression_problems import ExpressionProblem
from rules.expression_tree import Node, Tree, metrics_of, rules_of, shown_of
from rules.model import Rule, RuleKind, Statistic
from sites.metrics import unit_of

__all__ = ["Explained", "check_expression", "explain_tree", "metrics_of", "rules_of", "tree_of", "value_unit"]


def check_expression(text: str, over: str) -> Tree | list[ExpressionProblem]:
    """The checked tree of a text over one `device` or one `zone`, or every problem with its place, from the left."""
    return parse_expression(text, over)


@lru_cache(maxsize=4096)
def tree_of(text: str, over: str) -> Tree:
    """The tree of a text that was checked before."""
    made = parse_expression(text, over)
    assert isinstance(made, Tree), f"an unchecked expression: {text!r}"
    return made


def value_unit(rule: Rule) -> str:
    """The unit of the values of a rule's findings; empty where they have none (states, counts, shares)."""
    unit = unit_of(rule.metric)
    match rule.kind:
        case RuleKind.VOTE | RuleKind.COUNT | RuleKind.SILENCE:
            return ""
        case RuleKind.STUCK:
            return "s"
        case RuleKind.RATE:
            return f"{unit}/{_SPANS.get(rule.per_s, f'{rule.per_s:g} s')}" if unit else ""
        case RuleKind.WINDOW:
            return "" if rule.statistic in (Statistic.COUNT, Statistic.SHARE) else unit
        case RuleKind.EXPRESSION:
            shown_unit = shown_of(tree_of(rule.expression, rule.over)).unit
            return shown_unit.text if shown_unit is not None else ""
    return unit


_SPANS = {1.0: "s", 60.0: "min", 3600.0: "h"}


@dataclass(frozen=True, slots=True)
class Explained:
    """One part of an expression and what it is now: `truth` of a condition (None: unknown), `value` of a number (None: unknown)."""

    text: str
    start: int
    end: int
    op: str
    truth: bool | None
    value: float | None
    unit: str
    parts: tuple[Explained, ...]


def explain_tree(tree: Tree, values: Frame) -> Explained:
    """The nested truth of each condition for the first subject of a frame."""
    found: dict[int, Interval] = {}
    evaluate(tree.root, values, lambda node, interval: found.__setitem__(id(node), interval))
    return _explained(tree, tree.root, found)


def _explained(tree: Tree, node: Node, found: dict[int, Interval]) -> Explained:
    interval = found.get(id(node))
    truth: bool | None = None
    value: float | None = None
    if interval is not None:
        low, high = float(interval[0][0]), float(interval[1][0])
        if node.is_condition:
            truth = None if low != high else low == 1.0
        else:
            number = float(shown(interval)[0])
            value = None if np.isnan(number) else number
    return Explained(
        text=tree.text[node.start : node.end],
        start=node.start,
        end=node.end,
        op=node.op,
        truth=truth,
        value=value,
        unit=node.unit.text if node.unit else "",
        # what is counted is looked at point by point: it has no one truth
        parts=() if node.op == "count" else tuple(_explained(tree, arg, found) for arg in node.args),
    )
