"""The checked tree of an expression: typed, bounded, each node with its place in the text. Values only; `rules.expression_parse` makes it.

op            args             name         number        what it is
number        -                -            value         a number
metric        -                metric       -             the newest value of a point
previous      -                metric       -             the value before the newest
rate          -                metric       span ms       change a minute over the span
heard         -                metric       -             condition: heard of within 2.5 expected intervals
alarm         -                rule id      -             condition: the rule's finding is active here
max min mean sum  -            metric       -             over the zone's points
count         condition        metric       -             of the zone's points for which it is true
+ - * /       left, right      -            -             arithmetic
scale         number           -            factor        the same in another unit
flag          number           -            -             condition: a 0/1 signal is 1
>= > <= < = !=    left, right  -            -             condition
and or        conditions       -            -             condition
not           condition        -            -             condition
for           condition        -            span ms       condition: true for so long without a break
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.expression_units import Unit

AGGREGATES = ("max", "min", "mean", "sum")
COMPARISONS = (">=", ">", "<=", "<", "=", "!=")


@dataclass(frozen=True, slots=True)
class Node:
    """`unit` None: a condition (true, false or unknown), else a number in that unit. `[start, end)` is its place in the text."""

    op: str
    args: tuple[Node, ...] = ()
    name: str = ""
    number: float = 0.0
    unit: Unit | None = None
    start: int = 0
    end: int = 0

    @property
    def is_condition(self) -> bool:
        return self.unit is None


@dataclass(frozen=True, slots=True)
class Tree:
    """A checked expression over the points of one device, or of one zone (`over`: device, zone)."""

    text: str
    over: str
    root: Node


def nodes_of(node: Node) -> Iterator[Node]:
    """A node and all below it, parents first, left before right."""
    yield node
    for arg in node.args:
        yield from nodes_of(arg)


def metrics_of(tree: Tree) -> tuple[str, ...]:
    """The metrics that it looks at, as written, each once, from the left."""
    return tuple(dict.fromkeys(node.name for node in nodes_of(tree.root) if node.name and node.op != "alarm"))


def zone_metrics_of(tree: Tree) -> tuple[str, ...]:
    """The metrics of which it looks at all points of the zone."""
    return tuple(dict.fromkeys(node.name for node in nodes_of(tree.root) if node.op in (*AGGREGATES, "count")))


def device_metrics_of(tree: Tree) -> tuple[str, ...]:
    """The metrics of which it looks at the device's own point."""
    return tuple(dict.fromkeys(_own(tree.root)))


def rules_of(tree: Tree) -> tuple[str, ...]:
    """The ids of the rules whose alarms it looks at."""
    return tuple(dict.fromkeys(node.name for node in nodes_of(tree.root) if node.op == "alarm"))


def rates_of(tree: Tree) -> tuple[tuple[str, int], ...]:
    """(metric, span in ms) of every rate."""
    return tuple(dict.fromkeys((node.name, int(node.number)) for node in nodes_of(tree.root) if node.op == "rate"))


def holds_of(tree: Tree) -> tuple[Node, ...]:
    """Its `for` nodes, in the order of `nodes_of`."""
    return tuple(node for node in nodes_of(tree.root) if node.op == "for")


def shown_of(tree: Tree) -> Node:
    """The number that stands for the expression: the left side of its left-most comparison, or the number that it is."""
    if not tree.root.is_condition:
        return tree.root
    for node in nodes_of(tree.root):
        if node.op in COMPARISONS or node.op == "flag":
            left = node.args[0]
            return left.args[0] if left.op == "scale" else left
    return tree.root


def shown_metric(tree: Tree) -> str:
    """The metric of that number: its left-most; empty when there is none."""
    return next((node.name for node in nodes_of(shown_of(tree)) if node.name and node.op != "alarm"), "")


def _own(node: Node) -> Iterator[str]:
    if node.op in ("metric", "previous", "rate", "heard"):
        yield node.name
    if node.op != "count":
        for arg in node.args:
            yield from _own(arg)
