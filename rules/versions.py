"""The versions of a rule: which was in force when, and what differs between two of them, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rules.model import Rule
from rules.parse import rule_data


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVersion:
    """A rule as it was from `at_ms` on. `rule` None: it was removed then. `text`: as it was written, where it was edited as text."""

    version: int
    at_ms: int
    who: str
    rule: Rule | None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs, as in a rule's data. None: it is left out."""

    field: str
    before: Any
    after: Any


def in_force(versions: Sequence[RuleVersion], at_ms: int) -> RuleVersion | None:
    """The newest version made by then; None: there was none yet."""
    return max((version for version in versions if version.at_ms <= at_ms), key=lambda version: version.version, default=None)


def changes(before: Rule | None, after: Rule | None) -> list[FieldChange]:
    """What differs, in the order of the fields; the version itself does not count."""
    old = {} if before is None else rule_data(before)
    new = {} if after is None else rule_data(after)
    return [
        FieldChange(field=field, before=old.get(field), after=new.get(field))
        for field in dict.fromkeys((*old, *new))
        if field != "version" and old.get(field) != new.get(field)
    ]
