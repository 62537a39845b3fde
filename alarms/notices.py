"""What is said of channels and single messages between the door and the senders, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """`problem`: why nothing can be sent by it as it is configured; `degraded`: why nothing goes out just now."""

    name: str
    problem: str | None
    degraded: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the far end said to one message that was sent as a test."""

    ok: bool
    said: str
    took_ms: int
    receipt_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A template as a message. `parts`: of an SMS, how many it takes."""

    subject: str
    text: str
    length: int
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What a receipt did to a message. `acknowledges`: a key was pressed that acknowledges its alarm, as `recipient` (`user:ID`)."""

    alarm_id: str
    recipient: str
    state: str
    acknowledges: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message about something else than an alarm, in words already. `facts`: what a program is told beside them."""

    subject: str
    text: str
    at_ms: int
    facts: Mapping[str, Any]
