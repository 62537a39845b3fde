"""What every kept thing shares: pages of lists, scopes, and why the records say no.

Values and exceptions only, so that the door (`api`) and the store (`storage`) need not know one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Scope = frozenset[str] | None  # site ids, or None for all
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    next_cursor: str | None


class NotFound(Exception):
    """No such thing (in scope)."""


class Conflict(Exception):
    """The version given is not the present one, or the id is taken. The message says which."""


class Unavailable(Exception):
    """The records cannot be reached now: HTTP 503, but alarms, acknowledgements and cuts go on."""


class BadCursor(ValueError):
    """The cursor was not given by this list: HTTP 400."""
