"""What is asked of the audit and what its check has found, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """What is asked of the audit; None: anything. Times are half-open."""

    who: str | None = None
    kind: str | None = None
    what: str | None = None
    thing_id: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`problem` None: the chain is whole. `entries` from `first_id` to `last_id`; those before `first_id` went behind a checkpoint."""

    problem: str | None
    entries: int
    first_id: int
    last_id: int
    head: str
