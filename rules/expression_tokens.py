"""Expression text as tokens, each with its place. Numbers take their unit with them; knows no grammar."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from rules.expression_problems import ExpressionError, problem_at
from rules.expression_units import ANY, UNIT_PATTERN, UNIT_WORDS, Unit, parse_unit

WORD_OPERATORS = ("and", "or", "not")
_SPACE = re.compile(r"\s+")
_NUMBER = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)*")
_RULE = re.compile(r"\s*\(\s*(?:\"([A-Za-z0-9_.-]{1,64})\"|'([A-Za-z0-9_.-]{1,64})'|([A-Za-z0-9_.-]{1,64}))\s*\)")
_MARK = re.compile(r">=|<=|==|!=|[≥≤≠><=()+\-*/×÷,（），]")
_SAME = {"≥": ">=", "≤": "<=", "≠": "!=", "==": "=", "×": "*", "÷": "/", "（": "(", "）": ")", "，": ","}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: number, name, alarm (text is the rule's id), mark (text is the mark; word operators are marks too), end."""

    kind: str
    text: str
    start: int
    end: int
    number: float = 0.0
    unit: Unit = ANY


def tokens_of(text: str) -> list[Token]:
    """All tokens, the last of kind `end`. Raises ExpressionError at the first character that cannot begin one."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        if space := _SPACE.match(text, at):
            at = space.end()
            continue
        token = _next(text, at)
        found.append(token)
        at = token.end
    found.append(Token("end", "", len(text), len(text)))
    return found


def _next(text: str, at: int) -> Token:
    if match := _NUMBER.match(text, at):
        return _number(text, at, match.end())
    if match := _NAME.match(text, at):
        word = match.group()
        if word.lower() in WORD_OPERATORS:
            return Token("mark", word.lower(), at, match.end())
        if word.lower() == "alarm" and (rule := _RULE.match(text, match.end())):
            return Token("alarm", rule.group(1) or rule.group(2) or rule.group(3), at, rule.end())
        return Token("name", word, at, match.end())
    if match := _MARK.match(text, at):
        return Token("mark", _SAME.get(match.group(), match.group()), at, match.end())
    raise ExpressionError(problem_at(text, "character", at, at + 1, repr(text[at])))


def _number(text: str, at: int, end: int) -> Token:
    try:
        number = float(text[at:end])
    except ValueError:  # unreachable by the pattern; a value all the same, not a crash
        number = math.inf
    if not math.isfinite(number):
        raise ExpressionError(problem_at(text, "number", at, end, text[at:end]))
    space = _SPACE.match(text, end)
    after = space.end() if space else end
    if unit := UNIT_PATTERN.match(text, after):
        return Token("number", text[at : unit.end()], at, unit.end(), number, parse_unit(unit.group()))
    word = re.compile(r"[A-Za-z_%°℃\u4e00-\u9fff][^\s()<>=!,+*]*").match(text, after)
    if word and word.group().lower() not in WORD_OPERATORS:
        raise ExpressionError(problem_at(text, "unit", after, word.end(), word.group(), ", ".join(UNIT_WORDS)))
    return Token("number", text[at:end], at, end, number)
