"""Why a rule was not accepted: every problem at once, each with its field, what was given and what is allowed.

RuleError
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a rule as it was given. `field` is a path, `above[1].limit`. `allowed_zh` where a clause is the reason."""

    field: str
    given: str
    allowed: str
    allowed_zh: str = ""

    def __str__(self) -> str:
        return f"{self.field}: given {self.given}; allowed: {self.allowed}"


class RuleError(Exception):
    """A rule that cannot be meant. `problems` holds all of them, in the order of the rule's fields."""

    def __init__(self, rule_id: str, problems: list[Problem]) -> None:
        self.rule_id = rule_id
        self.problems = problems
        super().__init__(f"rule {rule_id or '(no id)'}: " + "; ".join(str(problem) for problem in problems))
