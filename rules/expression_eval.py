"""A checked tree over arrays of subjects at once, in three-valued logic.

A number is an interval `(low, high)`: a point that is overdue or was never heard may be anything from -inf to inf. A condition is an
interval of 0 and 1: (1, 1) true, (0, 0) false, (0, 1) unknown. So a maximum that is over its limit is over it whatever a dead detector
would say, and one that is not is unknown while a detector is dead: Kleene's logic, and nothing is special about it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rules.expression_tree import AGGREGATES, Node

Interval = tuple[NDArray[np.float64], NDArray[np.float64]]


class Frame(Protocol):
    """What a tree looks at: one place of each array a subject."""

    size: int

    def metric(self, name: str) -> Interval:
        """The newest value of each subject's point."""

    def previous(self, name: str) -> Interval:
        """The value before it."""

    def rate(self, name: str, span_ms: int) -> Interval:
        """Change a minute."""

    def heard(self, name: str) -> NDArray[np.bool_]:
        """Whether the point is heard."""

    def alarm(self, rule_id: str) -> Interval:
        """Whether the rule's finding is active at each subject."""

    def held(self, node: Node, condition: Interval) -> Interval:
        """Whether the condition has been true for the node's span."""

    def points(self, name: str) -> tuple[Frame, NDArray[np.int64]]:
        """All points of the metric in the subjects' zones, as subjects of their own, and whose each is, ascending."""


def evaluate(node: Node, frame: Frame, seen: Callable[[Node, Interval], None] | None = None) -> Interval:
    """The interval of each subject; `seen` is told of every node on the way."""
    with np.errstate(all="ignore"):
        return _evaluate(node, frame, seen)


def shown(interval: Interval) -> NDArray[np.float64]:
    """The number to show for each interval: its known end; NaN where nothing is known."""
    low, high = interval
    return np.where(np.isfinite(low), low, np.where(np.isfinite(high), high, np.nan))


def unknown(size: int) -> Interval:
    """Numbers of which nothing is known."""
    return np.full(size, -np.inf), np.full(size, np.inf)


def _evaluate(node: Node, frame: Frame, seen: Callable[[Node, Interval], None] | None) -> Interval:
    op = node.op
    if op == "number":
        value = np.full(frame.size, node.number)
        made: Interval = (value, value)
    elif op == "metric":
        made = frame.metric(node.name)
    elif op == "previous":
        made = frame.previous(node.name)
    elif op == "rate":
        made = frame.rate(node.name, int(node.number))
    elif op == "heard":
        heard = frame.heard(node.name).astype(np.float64)
        made = (heard, heard)
    elif op == "alarm":
        made = frame.alarm(node.name)
    elif op in AGGREGATES:
        made = _aggregate(op, node.name, frame)
    elif op == "count":
        points, own = frame.points(node.name)
        low, high = _evaluate(node.args[0], points, None)
        made = (np.bincount(own, low, frame.size).astype(np.float64), np.bincount(own, high, frame.size).astype(np.float64))
    else:
        parts = [_evaluate(arg, frame, seen) for arg in node.args]
        made = frame.held(node, parts[0]) if op == "for" else _combine(node, parts)
    if seen is not None:
        seen(node, made)
    return made


def _combine(node: Node, parts: list[Interval]) -> Interval:
    low, high = parts[0]
    match node.op:
        case "and":
            return np.minimum.reduce([part[0] for part in parts]), np.minimum.reduce([part[1] for part in parts])
        case "or":
            return np.maximum.reduce([part[0] for part in parts]), np.maximum.reduce([part[1] for part in parts])
        case "not":
            return 1.0 - high, 1.0 - low
        case "flag":
            return _compare("=", parts[0], (np.ones(len(low)), np.ones(len(low))))
        case "scale":
            ends = (low * node.number, high * node.number)
            return ends if node.number >= 0 else (ends[1], ends[0])
        case "+":
            return _settled(low + parts[1][0], high + parts[1][1])
        case "-":
            return _settled(low - parts[1][1], high - parts[1][0])
        case "*":
            return _corners(np.multiply, parts[0], parts[1])
        case "/":
            under = parts[1]
            made_low, made_high = _corners(np.divide, parts[0], under)
            through_zero = (under[0] <= 0) & (under[1] >= 0)
            return np.where(through_zero, -np.inf, made_low), np.where(through_zero, np.inf, made_high)
    return _compare(node.op, parts[0], parts[1])


def _corners(by: Any, left: Interval, right: Interval) -> Interval:
    corners = np.stack([by(a, b) for a in left for b in right])
    corners[np.isnan(corners)] = 0.0  # nothing times unknown is nothing
    return _settled(corners.min(axis=0), corners.max(axis=0))


def _settled(low: NDArray[np.float64], high: NDArray[np.float64]) -> Interval:
    """What has grown beyond all numbers is unknown."""
    lost = np.isnan(low) | np.isnan(high) | (low == np.inf) | (high == -np.inf)
    return np.where(lost, -np.inf, low), np.where(lost, np.inf, high)


def _compare(op: str, left: Interval, right: Interval) -> Interval:
    if op in ("<", "<="):
        return _compare({"<": ">", "<=": ">="}[op], right, left)
    (low, high), (other_low, other_high) = left, right
    if op in ("=", "!="):
        apart = (high < other_low) | (low > other_high)
        one = (low == high) & (other_low == other_high) & (low == other_low)
        made = one.astype(np.float64), (~apart).astype(np.float64)
        return made if op == "=" else (1.0 - made[1], 1.0 - made[0])
    if op == ">=":
        return (low >= other_high).astype(np.float64), (high >= other_low).astype(np.float64)
    return (low > other_high).astype(np.float64), (high > other_low).astype(np.float64)


def _aggregate(op: str, name: str, frame: Frame) -> Interval:
    points, own = frame.points(name)
    low, high = points.metric(name)
    counts = np.bincount(own, minlength=frame.size)
    made_low, made_high = unknown(frame.size)
    some = np.flatnonzero(counts)
    if not len(some):
        return made_low, made_high
    if op in ("max", "min"):
        starts = np.flatnonzero(np.concatenate(([True], own[1:] != own[:-1])))
        by = np.maximum if op == "max" else np.minimum
        made_low[some], made_high[some] = by.reduceat(low, starts), by.reduceat(high, starts)
        return made_low, made_high
    for made, ends in ((made_low, low), (made_high, high)):
        total = np.bincount(own, ends, frame.size)[some]
        made[some] = total if op == "sum" else total / counts[some]
    return _settled(made_low, made_high)
