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
    oldest_first: bool = False  # of open alarms: standing alarms by age
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message of the outbox, as seen on its alarm. `recipient` is whom it was meant for (`user:ID`, `group:ID`), `name` that in words;
    `to` an address, or the recipient's name for it where it is a secret. `cause`: `escalation:POLICY:EPISODE:LADDER:STEP:REPETITION`,
    `digest`, or "" for a linkage. `folded`: how many messages a digest holds; `digest_key`: the digest that this one went into."""

    key: str
    alarm_id: str
    to: str
    state: str  # waiting, sent, delivered, answered, failed, folded, withdrawn
    attempts: int
    last_error: str
    created_ms: int
    sent_ms: int | None
    channel: str = "email"
    recipient: str = ""
    cause: str = ""
    name: str = ""
    site_id: str = ""
    said: str = ""
    digest_key: str = ""
    folded: int = 0
    severity: int = 0
    next_try_ms: int = 0
    delivered_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryQuery:
    """What may be asked of the outbox."""

    state: str | None = None
    channel: str | None = None
    recipient: str | None = None
    alarm_id: str | None = None
    digest_key: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The words of messages of one channel in one language (zh, en, or both), with fields in braces. `version` 0: as shipped."""

    channel: str
    language: str
    subject: str = ""
    body: str = ""
    version: int = 0
