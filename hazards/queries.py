"""What may be asked of kept hazards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardQuery:
    state: str | None = None  # a state, or `open`, or `overdue`
    site: str | None = None
    enterprise: str | None = None
    source: str | None = None
    grade: str | None = None
    alarm: str | None = None
    q: str = ""
    now_ms: int = 0
    cursor: str | None = None
    limit: int = 50
