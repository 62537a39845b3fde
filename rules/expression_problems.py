"""What can be wrong with an expression, in English and Chinese, each with its place and with what would be allowed.

The texts are one table, so that a test can go through all of them. Holds no state.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_LENGTH = 1_000
MAX_DEPTH = 24
MAX_NODES = 200
MIN_SPAN_MS = 1_000
MAX_SPAN_MS = 86_400_000

# code: (what is wrong, what is allowed) in English, then in Chinese; {0}, {1}.. are filled in
TEXTS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "empty": (("there is no condition", "a condition such as lel >= 25 %LEL"), ("没有条件", "一个条件，例如 lel >= 25 %LEL")),
    "length": (
        ("the expression has {0} characters", "at most {1}"),
        ("表达式有 {0} 个字符", "最多 {1} 个"),
    ),
    "depth": (
        ("the expression is nested too deeply", "at most {0} levels of brackets and functions"),
        ("表达式嵌套过深", "括号和函数最多 {0} 层"),
    ),
    "nodes": (("the expression is too long to be judged", "at most {0} parts"), ("表达式组成部分过多", "最多 {0} 个部分")),
    "character": (
        ("the character {0} means nothing here", "names, numbers with units, ( ) , + - * / >= <= > < = !="),
        ("字符 {0} 在此处没有意义", "名称、带单位的数值、( ) , + - * / >= <= > < = !="),
    ),
    "number": (("{0} is not a number", "a number such as 25 or 0.5"), ("{0} 不是数值", "数值，例如 25 或 0.5")),
    "unit": (("{0} is not a known unit", "{1}"), ("{0} 不是已知单位", "{1}")),
    "operand_wanted": (
        ("{0} cannot stand here", "a metric, a number, a function or ("),
        ("此处不能是{0}", "测点量、数值、函数或 ("),
    ),
    "operator_wanted": (
        ("{0} cannot stand here", "an operator (and, or, >=, +, ...) or the end"),
        ("此处不能是{0}", "运算符（and、or、>=、+ 等）或结束"),
    ),
    "mark_wanted": (("{0} cannot stand here", "{1}"), ("此处不能是{0}", "{1}")),
    "chain": (
        ("a comparison cannot follow a comparison", "two conditions: a < x and x < b"),
        ("比较不能连写", "写成两个条件：a < x and x < b"),
    ),
    "function": (("there is no function {0}", "{1}"), ("没有函数 {0}", "{1}")),
    "metric": (("there is no metric {0}", "did you mean {1}?"), ("没有测点量 {0}", "是否指 {1}？")),
    "metric_wanted": (("{0} wants the name of a metric here", "a metric such as lel"), ("{0} 这里需要测点量名称", "测点量，例如 lel")),
    "bare_in_zone": (
        ("a zone has many points of {0}", "max({0}), min({0}), mean({0}), sum({0}) or count({0} >= ...)"),
        ("一个区域内有多个 {0} 测点", "max({0})、min({0})、mean({0})、sum({0}) 或 count({0} >= ...)"),
    ),
    "in_count": (
        ("{0} cannot stand inside count", "a condition on one metric of each point"),
        ("{0} 不能放在 count 内", "对每个测点同一量的条件"),
    ),
    "count_metrics": (
        ("count looks at one metric, but {0} are named", "one metric: count(lel >= 25 %LEL)"),
        ("count 只看一个量，但写了 {0}", "一个量：count(lel >= 25 %LEL)"),
    ),
    "span": (
        ("this is no length of time", "a number with s, min or h, such as 30 s"),
        ("这不是时间长度", "带 s、min 或 h 的数值，例如 30 s"),
    ),
    "span_range": (("{0} is too short or too long", "from 1 s to 24 h"), ("{0} 过短或过长", "1 s 至 24 h")),
    "rule_wanted": (("alarm wants the id of a rule", "alarm(lel)"), ("alarm 需要规则编号", "alarm(lel)")),
    "condition_wanted": (
        ("{0} is a number, not a condition", "a comparison such as {0} >= 1"),
        ("{0} 是数值，不是条件", "一个比较，例如 {0} >= 1"),
    ),
    "number_wanted": (("{0} is a condition, not a number", "a number or a metric"), ("{0} 是条件，不是数值", "数值或测点量")),
    "units": (("{0} cannot be compared or added with {1}", "a number in {2}"), ("{0} 不能与 {1} 比较或相加", "以 {2} 为单位的数值")),
    "constant": (
        ("this is the same whatever is measured", "at least one metric or alarm"),
        ("该表达式与任何测量都无关", "至少一个测点量或 alarm"),
    ),
}


@dataclass(frozen=True, slots=True)
class ExpressionProblem:
    """One thing wrong, in characters `[start, end)` of the text; `line` and `column` count from 1."""

    code: str
    start: int
    end: int
    line: int
    column: int
    en: str
    zh: str
    allowed_en: str
    allowed_zh: str
    source: str  # its line of the text

    def caret(self) -> str:
        """The line with a mark under the place."""
        width = max(1, min(self.end - self.start, len(self.source) - self.column + 1))
        return f"{self.source}\n{' ' * (self.column - 1)}{'^' * width}"

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.en}; allowed: {self.allowed_en}"


class ExpressionError(Exception):
    """The text cannot go on being read; raised inside the reader only."""

    def __init__(self, problem: ExpressionProblem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def problem_at(text: str, code: str, start: int, end: int, *words: object) -> ExpressionProblem:
    """The problem `code` at these characters, its texts filled in; a word that is a pair is (English, Chinese)."""
    english = [word[0] if isinstance(word, tuple) else word for word in words]
    chinese = [word[1] if isinstance(word, tuple) else word for word in words]
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", begin)
    (en, allowed_en), (zh, allowed_zh) = TEXTS[code]
    return ExpressionProblem(
        code=code,
        start=start,
        end=max(end, start + 1),
        line=text.count("\n", 0, start) + 1,
        column=start - begin + 1,
        en=en.format(*english),
        zh=zh.format(*chinese),
        allowed_en=allowed_en.format(*english),
        allowed_zh=allowed_zh.format(*chinese),
        source=text[begin:] if stop < 0 else text[begin:stop],
    )
