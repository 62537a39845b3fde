"""A rule as text and back: YAML (or JSON, which is YAML) as people write it, with every problem at its line and column.

Text and form give the same rule, because both go through `rules.parse`. Comments are the writer's: who keeps the text keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from api.door import Door
from api.problems import Problem as Refused
from rules.errors import Problem, RuleError
from rules.expression import check_expression
from rules.expression_tree import Tree
from rules.model import Rule
from rules.needs import unknowable
from rules.parse import parse_rule, rule_data

MOST_LONG = 20_000
MOST_DEEP = 12
_EXPRESSION = re.compile(r"(expression|only_while)\[(\d+):(\d+)\]\Z")
_ORDER = ("id", "version", "name", "kind", "metric", "unit", "enabled")


@dataclass(frozen=True, slots=True)
class Placed:
    """A problem and where it is: `line` and `column` (from 1) in the text, or, of an expression in a form, in that; None: nowhere in
    particular."""

    problem: Problem
    line: int | None
    column: int | None


class Loader(yaml.SafeLoader):
    """YAML in which only `true` and `false` are booleans."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the library's way
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:timestamp",)
                and (tag != "tag:yaml.org,2002:bool" or first in "tTfF")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }  # fmt: skip


def data_of(text: str) -> tuple[dict[str, Any], list[Placed]]:
    """The data of a text, and what is wrong with it as YAML. Aliases, depth and length are bounded."""
    if len(text) > MOST_LONG:
        return {}, [_at("", "a text", f"at most {MOST_LONG} characters", f"最多 {MOST_LONG} 个字符")]
    try:
        depth = 0
        for event in yaml.parse(text, Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > MOST_DEEP:
                mark = event.start_mark
                line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
                return {}, [_at("", "an alias, or too deep", "plain values", "普通的值", line, column)]
        data = yaml.load(text, Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        return {}, [_at("", str(error.problem or error.context), "YAML or JSON", "YAML 或 JSON", line, column)]
    except (yaml.YAMLError, ValueError) as error:
        return {}, [_at("", " ".join(str(error).split()), "YAML or JSON", "YAML 或 JSON")]
    if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
        return {}, [_at("", "something else", "a mapping of fields, such as `id: gas-25`", "字段映射，例如 `id: gas-25`", 1, 1)]
    return dict(data), []


def read_text(text: str, **given: Any) -> tuple[Rule | None, list[Placed]]:
    """The rule of a text; `given` wins over what it says (the id, the version). Problems with their places in the text."""
    data, problems = data_of(text)
    if problems:
        return None, problems
    try:
        return parse_rule(data | given), []
    except RuleError as error:
        places = _places(text)
        return None, [_placed(problem, data, places) for problem in error.problems]


def read_data(data: Mapping[str, Any]) -> tuple[Rule | None, list[Placed]]:
    """The rule of a form. Problems of expressions with their places in these."""
    try:
        return parse_rule(data), []
    except RuleError as error:
        return None, [Placed(*(_of_expression(data, problem) or (problem, None, None))) for problem in error.problems]


def must_compile(rule: Rule, door: Door) -> None:
    """An edit that does not compile, or that would never know, is refused here, never by the scan. Raises 422."""
    problems = unknowable(rule, {each.id: each for each in door.records.all_things("rule")})
    if problems:
        raise RuleError(rule.id, problems)
    failed = door.bench.compile_problem(rule)
    if failed is not None:
        raise Refused(422, "invalid-rule", "The rule cannot be meant", f"the rule does not compile: {failed}")


def text_of(rule: Rule) -> str:
    """The rule as YAML, in the order in which the shipped sets have it."""
    data = rule_data(rule)
    ordered = {field: data[field] for field in (*_ORDER, *data) if field in data}
    text: str = yaml.safe_dump(ordered, allow_unicode=True, sort_keys=False, default_flow_style=None, width=120)
    return text


def _at(field: str, given: str, allowed: str, allowed_zh: str, line: int | None = None, column: int | None = None) -> Placed:
    return Placed(Problem(field, given, allowed, allowed_zh), line, column)


def _of_expression(data: Mapping[str, Any], problem: Problem) -> tuple[Problem, int, int] | None:
    """A problem of an expression (`expression[1:7]`) in both languages, with its line and column in that; None: of something else."""
    match = _EXPRESSION.match(problem.field)
    if match is None:
        return None
    field, line, column = match[1], int(match[2]), int(match[3])
    found = check_expression(str(data.get(field, "")), str(data.get("over", "device")))
    for each in found if not isinstance(found, Tree) else []:
        if (each.line, each.column) == (line, column):
            return Problem(field, each.en, each.allowed_en, f"{each.zh}；允许：{each.allowed_zh}"), line, column
    return replace(problem, field=field), line, column


def _placed(problem: Problem, data: Mapping[str, Any], places: dict[str, tuple[int, int]]) -> Placed:
    """An expression's own place counts from where it begins in the text."""
    inside = _of_expression(data, problem)
    if inside is None:
        return Placed(problem, *_place(places, problem.field))
    told, line, column = inside
    begin_line, begin_column = _place(places, told.field)
    if begin_line is None or begin_column is None:
        return Placed(told, None, None)
    return Placed(told, begin_line + line - 1, begin_column + column - 1 if line == 1 else column)


def _place(places: dict[str, tuple[int, int]], field: str) -> tuple[int | None, int | None]:
    """That of the field, else of the narrowest that holds it."""
    while field:
        if field in places:
            return places[field]
        field = field[: max(field.rfind("."), field.rfind("["), 0)]
    return places.get("", (None, None))


def _places(text: str) -> dict[str, tuple[int, int]]:
    """Line and column of each value, by path as in `Problem.field`."""
    found: dict[str, tuple[int, int]] = {}

    def walk(node: yaml.Node | None, path: str) -> None:
        if node is None:
            return
        found[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                walk(value, f"{path}.{key.value}" if path else str(key.value))
        elif isinstance(node, yaml.SequenceNode):
            for at, value in enumerate(node.value):
                walk(value, f"{path}[{at}]")

    walk(yaml.compose(text, Loader), "")
    return found
