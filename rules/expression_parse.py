"""Text to checked tree: grammar, types and units in one pass, every problem at its character. Never runs anything of the text.

    or    = and { "or" and }          and  = not { "and" not }          not = "not" not | comparison
    comparison = sum [ (">="|">"|"<="|"<"|"="|"!=") sum ]
    sum   = term { ("+"|"-") term }   term = unary { ("*"|"/") unary }  unary = "-" unary | one
    one   = number [unit] | metric | function "(" ... ")" | "alarm(" rule id ")" | "(" or ")"

Grammar errors end the reading; errors of type and unit are collected.
"""

from __future__ import annotations

from difflib import get_close_matches

from rules.expression_problems import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_NODES,
    MAX_SPAN_MS,
    MIN_SPAN_MS,
    ExpressionError,
    ExpressionProblem,
    problem_at,
)
from rules.expression_tokens import Token, tokens_of
from rules.expression_tree import AGGREGATES, COMPARISONS, Node, Tree, nodes_of
from rules.expression_units import ANY, PLAIN, Unit, is_same_kind, per_minute, product, quotient, ratio, unit_of_metric
from sites.metrics import METRICS, base_metric

FUNCTIONS = (*AGGREGATES, "count", "previous", "rate", "heard", "for", "alarm")
_NO_UNIT = ("no unit", "无单位")


def parse_expression(text: str, over: str) -> Tree | list[ExpressionProblem]:
    """The checked tree of `text` over one `device` or one `zone`, or what is wrong with it. Costs no more than the bounds of
    `rules.expression_problems` allow, whatever the text."""
    assert over in ("device", "zone"), over
    if len(text) > MAX_LENGTH:
        return [problem_at(text, "length", MAX_LENGTH, len(text), len(text), MAX_LENGTH)]
    if not text.strip():
        return [problem_at(text, "empty", 0, len(text))]
    try:
        reader = _Reader(text, tokens_of(text), over)
        root = reader.whole()
    except ExpressionError as error:
        return [error.problem]
    if not reader.problems and all(node.op not in ("alarm", "count") and not node.name for node in nodes_of(root)):
        reader.wrong("constant", root)
    return sorted(reader.problems, key=lambda problem: problem.start) or Tree(text, over, root)


class _Reader:
    def __init__(self, text: str, tokens: list[Token], over: str) -> None:
        self.text, self.tokens, self.over = text, tokens, over
        self.at = 0
        self.depth = 0
        self.made = 0
        self.counting = False
        self.problems: list[ExpressionProblem] = []

    def whole(self) -> Node:
        root = self.either()
        if self.now.kind != "end":
            raise self.stop("operator_wanted", self.now, _named(self.now))
        return root

    # -- tokens ----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    def is_mark(self, *marks: str) -> bool:
        return self.now.kind == "mark" and self.now.text in marks

    def take(self) -> Token:
        token = self.now
        self.at += token.kind != "end"
        return token

    def want(self, mark: str) -> Token:
        if not self.is_mark(mark):
            raise self.stop("mark_wanted", self.now, _named(self.now), mark)
        return self.take()

    def stop(self, code: str, place: Token | Node, *words: object) -> ExpressionError:
        return ExpressionError(problem_at(self.text, code, place.start, place.end, *words))

    def wrong(self, code: str, place: Token | Node, *words: object) -> None:
        self.problems.append(problem_at(self.text, code, place.start, place.end, *words))

    def node(self, op: str, start: int, *args: Node, name: str = "", number: float = 0.0, unit: Unit | None = None) -> Node:
        self.made += 1
        end = self.tokens[self.at - 1].end if self.at else start
        if self.made > MAX_NODES:
            raise ExpressionError(problem_at(self.text, "nodes", start, end, MAX_NODES))
        return Node(op, args, name, number, unit, start, end)

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.stop("depth", self.now, MAX_DEPTH)

    # -- grammar ---------------------------------------------------------------------------------------------------

    def either(self) -> Node:
        return self.joined("or", self.both)

    def both(self) -> Node:
        return self.joined("and", self.negated)

    def joined(self, word: str, part: object) -> Node:
        assert callable(part)
        start = self.now.start
        parts: list[Node] = [part()]
        while self.is_mark(word):
            self.take()
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        return self.node(word, start, *[self.condition(each) for each in parts])

    def negated(self) -> Node:
        if not self.is_mark("not"):
            return self.comparison()
        start = self.take().start
        self.deeper()
        inner = self.condition(self.negated())
        self.depth -= 1
        return self.node("not", start, inner)

    def comparison(self) -> Node:
        start = self.now.start
        left = self.sum()
        if not self.is_mark(*COMPARISONS):
            return left
        op = self.take().text
        right = self.sum()
        if self.is_mark(*COMPARISONS):
            raise self.stop("chain", self.now)
        left, right = self.alike(self.number(left), self.number(right))
        return self.node(op, start, left, right)

    def sum(self) -> Node:
        start = self.now.start
        left = self.term()
        while self.is_mark("+", "-"):
            op = self.take().text
            left, right = self.alike(self.number(left), self.number(self.term()), keep_left=True)
            unit = right.unit if left.unit == ANY else left.unit
            left = self.node(op, start, left, right, unit=unit)
        return left

    def term(self) -> Node:
        start = self.now.start
        left = self.unary()
        while self.is_mark("*", "/"):
            op = self.take().text
            left, right = self.number(left), self.number(self.unary())
            assert left.unit is not None
            assert right.unit is not None
            unit = product(left.unit, right.unit) if op == "*" else quotient(left.unit, right.unit)
            left = self.node(op, start, left, right, unit=unit)
        return left

    def unary(self) -> Node:
        if not self.is_mark("-"):
            return self.one()
        start = self.take().start
        self.deeper()
        inner = self.number(self.unary())
        self.depth -= 1
        if inner.op == "number":
            return self.node("number", start, number=-inner.number, unit=inner.unit)
        return self.node("scale", start, inner, number=-1.0, unit=inner.unit)

    def one(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return self.node("number", token.start, number=token.number, unit=token.unit)
        if token.kind == "alarm":
            if self.counting:
                self.wrong("in_count", token, "alarm")
            return self.node("alarm", token.start, name=token.text)
        if token.kind == "name":
            return self.function(token) if self.is_mark("(") else self.metric(token)
        if token.kind == "mark" and token.text == "(":
            self.deeper()
            inner = self.either()
            self.depth -= 1
            self.want(")")
            return inner
        raise self.stop("operand_wanted", token, _named(token))

    # -- functions -------------------------------------------------------------------------------------------------

    def function(self, name: Token) -> Node:
        word = name.text.lower()
        if word not in FUNCTIONS:
            raise self.stop("function", name, name.text, ", ".join(FUNCTIONS))
        self.take()
        self.deeper()
        if word == "alarm":
            raise self.stop("rule_wanted", self.now)
        if self.counting and word not in ("previous", "rate", "heard"):
            self.wrong("in_count", name, word)
        made = self.counted(name) if word == "count" else self.held(name) if word == "for" else self.measured(word, name)
        self.depth -= 1
        return made

    def measured(self, word: str, name: Token) -> Node:
        """max, min, mean, sum, previous, rate, heard: a function of one metric."""
        point = self.take()
        if point.kind != "name" or self.is_mark("("):
            raise self.stop("metric_wanted", point, name.text)
        self.known(point)
        span = 0.0
        if word == "rate":
            self.want(",")
            span = self.span()
        self.want(")")
        unit: Unit | None = unit_of_metric(point.text)
        if word == "rate":
            assert unit is not None
            unit = per_minute(unit)
        elif word == "heard":
            unit = None
        if word not in AGGREGATES:
            self.of_one_point(point)
        return self.node(word, name.start, name=point.text, number=span, unit=unit)

    def counted(self, name: Token) -> Node:
        is_inner, self.counting = self.counting, True
        inner = self.either()
        self.counting = is_inner
        if inner.op == "metric" and not _is_flag(inner):
            inner = self.node("heard", inner.start, name=inner.name)  # count(lel): how many points are heard
        inner = self.condition(inner)
        self.want(")")
        metrics = list(dict.fromkeys(node.name for node in nodes_of(inner) if node.name and node.op != "alarm"))
        if len(metrics) != 1:
            self.wrong("count_metrics", inner, ", ".join(metrics) or "0")
        return self.node("count", name.start, inner, name=metrics[0] if metrics else "", unit=PLAIN)

    def held(self, name: Token) -> Node:
        inner = self.condition(self.either())
        self.want(",")
        span = self.span()
        self.want(")")
        return self.node("for", name.start, inner, number=span)

    def span(self) -> float:
        """Milliseconds."""
        token = self.take()
        if token.kind != "number" or token.unit.dims != (("s", 1),):
            raise self.stop("span", token)
        span_ms = float(round(token.number * token.unit.factor * 1000))
        if not MIN_SPAN_MS <= span_ms <= MAX_SPAN_MS:
            self.wrong("span_range", token, token.text)
        return span_ms

    def metric(self, name: Token) -> Node:
        self.known(name)
        self.of_one_point(name)
        return self.node("metric", name.start, name=name.text, unit=unit_of_metric(name.text))

    def known(self, name: Token) -> None:
        metric = base_metric(name.text)
        if metric in METRICS:
            return
        near = get_close_matches(metric, METRICS, 1, 0.8) or [known for known in METRICS if known == metric.lower()]
        if near:
            self.wrong("metric", name, metric, near[0])
        elif len(name.text) > 64:
            self.wrong("metric_wanted", name, name.text[:16] + "...")

    def of_one_point(self, name: Token) -> None:
        if self.over == "zone" and not self.counting:
            self.wrong("bare_in_zone", name, name.text)

    # -- types -----------------------------------------------------------------------------------------------------

    def condition(self, node: Node) -> Node:
        if node.unit is None:
            return node
        if _is_flag(node):
            return self.node("flag", node.start, node)
        self.wrong("condition_wanted", node, self.text[node.start : node.end])
        return node

    def number(self, node: Node) -> Node:
        if node.unit is not None:
            return node
        self.wrong("number_wanted", node, self.text[node.start : node.end])
        return Node("number", (), "", 0.0, ANY, node.start, node.end)

    def alike(self, left: Node, right: Node, keep_left: bool = False) -> tuple[Node, Node]:
        """Both in the same unit: a written number takes that of the other side, else the right side that of the left."""
        assert left.unit is not None
        assert right.unit is not None
        if not is_same_kind(left.unit, right.unit):
            self.wrong("units", right, *[_measured(self.text, node) for node in (right, left)], left.unit.text or _NO_UNIT)
            return left, right
        if left.op == "number" and right.op != "number" and not keep_left:
            return self.scaled(left, right.unit), right
        return left, self.scaled(right, left.unit)

    def scaled(self, node: Node, wanted: Unit) -> Node:
        assert node.unit is not None
        factor = ratio(node.unit, wanted)
        if factor == 1.0:
            return node
        if node.op == "number":
            # the wanted unit's factor divides: 300 mA is 0.3 A to the last digit, as a person would write it
            number = node.number * node.unit.factor / wanted.factor
            return Node("number", (), "", float(f"{number:.15g}"), wanted, node.start, node.end)
        return Node("scale", (node,), "", factor, wanted, node.start, node.end)


def _is_flag(node: Node) -> bool:
    known = METRICS.get(base_metric(node.name))
    return node.op in ("metric", "previous") and known is not None and (known.low, known.high, known.unit) == (0.0, 1.0, "")


def _named(token: Token) -> tuple[str, str]:
    return ("the end", "结尾") if token.kind == "end" else (repr(token.text), f" {token.text!r} ")


def _measured(text: str, node: Node) -> tuple[str, str]:
    written = text[node.start : node.end]
    if node.op == "number":
        return written, written
    unit = (node.unit.text, node.unit.text) if node.unit and node.unit.text else _NO_UNIT
    return f"{written} ({unit[0]})", f"{written}（{unit[1]}）"
