"""What may be asked of kept orders."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    site: str | None = None
    circuit: str | None = None
    alarm: str | None = None
    state: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    cursor: str | None = None
    limit: int = 50
