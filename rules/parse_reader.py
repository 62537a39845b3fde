"""Takes fields out of a rule's data and notes what is wrong with them, so that one pass finds every problem.

It knows shapes (a number in a range, a text in two languages, a list of ids) and nothing of what they mean to a rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from rules.errors import Problem
from rules.model import Severity
from sites.model import ID_PATTERN

SEVERITIES = {severity.name.lower(): severity for severity in Severity}


def is_finite(given: object) -> TypeGuard[float]:
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)


class Reader:
    """Every method returns something usable, and adds to `problems` when what was given is not."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.problems: list[Problem] = []

    def refuse(self, field: str, given: object, allowed: str, allowed_zh: str = "") -> None:
        self.problems.append(Problem(field, "nothing" if given is None else repr(given), allowed, allowed_zh))

    def number(self, given: object, field: str, low: float, high: float, default: float = 0.0) -> float:
        if is_finite(given) and low <= given <= high:
            return float(given)
        self.refuse(field, given, f"a number from {low:g} to {high:g}")
        return default

    def optional(self, field: str, low: float, high: float) -> float | None:
        given = self.data.get(field)
        return None if given is None else self.number(given, field, low, high)

    def flag(self, field: str, default: bool) -> bool:
        given = self.data.get(field, default)
        if not isinstance(given, bool):
            self.refuse(field, given, "true or false")
            return default
        return given

    def severity(self, given: object, field: str) -> Severity:
        severity = SEVERITIES.get(given) if isinstance(given, str) else None
        if severity is None:
            self.refuse(field, given, "one of " + ", ".join(SEVERITIES))
            return Severity.HIGH
        return severity

    def texts(self, field: str, required: bool) -> tuple[str, str]:
        """Chinese and English, from `{zh, en}` or from one string for both screens."""
        given = self.data.get(field)
        if given is None and not required:
            return "", ""
        if isinstance(given, str) and given.strip():
            return given, ""
        if isinstance(given, Mapping) and set(given) <= {"zh", "en"} and all(isinstance(text, str) for text in given.values()):
            zh, en = given.get("zh", ""), given.get("en", "")
            if zh.strip() or en.strip():
                return (zh, en) if zh else (en, "")
        self.refuse(field, given, "a text, or {zh: text, en: text}")
        return "", ""

    def names(self, given: object, field: str) -> tuple[str, ...]:
        if given is None:
            return ()
        if isinstance(given, list | tuple) and all(isinstance(name, str) and ID_PATTERN.match(name) for name in given):
            return tuple(given)
        self.refuse(field, given, "a list of ids of letters, digits, '_', '.' and '-'")
        return ()

    def unknown(self, given: Iterable[object], allowed: Iterable[str], prefix: str = "") -> None:
        allowed = sorted(allowed)
        for field in given:
            if field not in allowed:
                self.refuse(f"{prefix}{field}", "an unknown field", ", ".join(allowed))

    def word(self, field: str, words: Iterable[str], default: str) -> str:
        given = self.data.get(field, default)
        allowed = list(words)
        if given in allowed:
            return str(given)
        self.refuse(field, given, "one of " + ", ".join(allowed))
        return default
