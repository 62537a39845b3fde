"""Reading documents that people hand in as data: takes fields out, bounds them, and notes everything that cannot be meant.

Escalation policies and duty rosters are read with it. It reads no file and decides nothing but whether a field may be so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rules.errors import Problem
from sites.model import ID_PATTERN

T = TypeVar("T")
MOST_TEXT = 200


class Given:
    """One mapping of the data. `at` is its path, in the problems' words; parts of it share the list of problems."""

    def __init__(self, data: Any, at: str = "", problems: list[Problem] | None = None) -> None:
        self.problems: list[Problem] = [] if problems is None else problems
        self.at = at
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        if not isinstance(data, Mapping):
            self.problems.append(Problem(at or "document", repr(data)[:80], "a mapping of fields"))

    def only(self, *names: str) -> None:
        for name in self.data:
            if name not in names:
                self.refuse(str(name), "an unknown field", ", ".join(names))

    def refuse(self, field: str, given: object, allowed: str) -> None:
        shown = given if isinstance(given, str) and given.startswith("an unknown") else "nothing" if given is None else repr(given)[:80]
        self.problems.append(Problem(f"{self.at}.{field}" if self.at else field, str(shown), allowed))

    def text(self, field: str, default: str | None = None, most: int = MOST_TEXT) -> str:
        """`default` None: it must be given."""
        given = self.data.get(field, default)
        if isinstance(given, str) and len(given) <= most and (given.strip() or default is not None):
            return given.strip()
        self.refuse(field, given, f"a text of at most {most} characters")
        return ""

    def id(self, field: str, default: str | None = None) -> str | None:
        """An id, or `default` None where it is not given."""
        given = self.data.get(field, default)
        if given is None or (isinstance(given, str) and ID_PATTERN.match(given)):
            return given
        self.refuse(field, given, "1 to 64 letters, digits, '_', '.' and '-'")
        return None

    def own_id(self) -> str:
        given = self.id("id")
        if given is None and "id" not in self.data:
            self.refuse("id", None, "1 to 64 letters, digits, '_', '.' and '-'")
        return given or ""

    def names(self, field: str = "name") -> tuple[str, str]:
        """A text, or one in each language, as (zh, en)."""
        given = self.data.get(field)
        if isinstance(given, str) and given.strip() and len(given) <= MOST_TEXT:
            return given.strip(), ""
        if (
            isinstance(given, Mapping)
            and set(given) <= {"zh", "en"}
            and all(isinstance(t, str) and len(t) <= MOST_TEXT for t in given.values())
        ):
            zh, en = given.get("zh", "").strip(), given.get("en", "").strip()
            if zh or en:
                return (zh, en) if zh else (en, "")
        self.refuse(field, given, "a text, or {zh: text, en: text}")
        return "", ""

    def whole(self, field: str, least: int, most: int, default: int | None = None) -> int:
        given = self.data.get(field, default)
        if isinstance(given, int) and not isinstance(given, bool) and least <= given <= most:
            return given
        self.refuse(field, given, f"a whole number from {least} to {most}")
        return least if default is None else default

    def flag(self, field: str, default: bool) -> bool:
        given = self.data.get(field, default)
        if isinstance(given, bool):
            return given
        self.refuse(field, given, "true or false")
        return default

    def choice(self, field: str, allowed: tuple[str, ...], default: str) -> str:
        given = self.data.get(field, default)
        if isinstance(given, str) and given in allowed:
            return given
        self.refuse(field, given, "one of " + ", ".join(allowed))
        return default

    def words(self, field: str, allowed: str, fits: Callable[[str], object], most: int = 50) -> tuple[str, ...]:
        """A list of texts, each only once."""
        given = self.data.get(field, ())
        if isinstance(given, list | tuple) and len(given) <= most and all(isinstance(each, str) and fits(each) for each in given):
            return tuple(dict.fromkeys(given))
        self.refuse(field, given, f"a list of at most {most} {allowed}")
        return ()

    def parts(self, field: str, read: Callable[[Given], T], most: int = 50) -> tuple[T, ...]:
        """A list of mappings, each read by `read`."""
        given = self.data.get(field, ())
        if not isinstance(given, list | tuple) or len(given) > most:
            self.refuse(field, given, f"a list of at most {most}")
            return ()
        at = f"{self.at}.{field}" if self.at else field
        return tuple(read(Given(each, f"{at}[{index}]", self.problems)) for index, each in enumerate(given))
