"""What may be asked of kept alarms, and how their messages fared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmQuery:
    state: str | None = None  # open, ended, active, normal, unacknowledged, acknowledged, suppressed
    severities: tuple[int, ...] = ()
    site: str | None = None
    zone: str | None = None
    device: str | None = None
    kind: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    rule: str | None = None
    verdict: str | None = None  # `none`: there is none
    assignee: str | None = None
    is_test: bool | None = None
    is_suppressed: bool | None = None  # it calls nobody, or called nobody when it ended
    ack_from_ms: int | None = None  # time to acknowledge, from <= t < to: those never acknowledged are not meant
    ack_to_ms: int | None = None
    q: str = ""
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message of the outbox, as seen on its alarm."""

    key: str
    alarm_id: str
    to: str
    state: str  # waiting, sent, failed
    attempts: int
    last_error: str
    created_ms: int
    sent_ms: int | None
