"""What every kept thing shares: pages of lists, scopes, and why the records say no.

Values and exceptions only, so that the door (`api`) and the store (`storage`) need not know one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Scope = frozenset[str] | None  # site ids, or None for all
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Things added, changed (each with its present version) and removed together: all or none. `why` goes into the audit."""

    inserts: tuple[tuple[str, tuple[Any, ...]], ...] = ()  # (kind, things), in this order: what is referred to comes first
    updates: tuple[tuple[str, Any], ...] = ()
    removals: tuple[tuple[str, Any], ...] = ()
    accepted: tuple[str, ...] = ()  # ids of the provisioning inbox that became devices by it
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """A person's own filter of a list, under a name."""

    id: str
    user_id: str
    name: str
    query: dict[str, Any]
    version: int = 1


class NotFound(Exception):
    """No such thing (in scope)."""


class Conflict(Exception):
    """The version given is not the present one, or the id is taken. The message says which."""


class Unavailable(Exception):
    """The records cannot be reached now: HTTP 503, but alarms, acknowledgements and cuts go on."""


class BadCursor(ValueError):
    """The cursor was not given by this list: HTTP 400."""
