"""Unknown devices waiting to be accepted or not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxDevice:
    """An unknown device waiting to be accepted."""

    id: str
    codec: str
    address: str
    topic: str
    payload: bytes
    suggested_kind: str
    suggested_name: str
    site_id: str | None
    first_ms: int
    last_ms: int
    count: int
    dismissed_ms: int | None = None  # somebody said that it is none of ours: kept out of sight, however often it speaks
