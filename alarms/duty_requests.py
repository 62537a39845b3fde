"""What people and the service ask of hand-overs, presence checks and self-tests, as frozen values that enter the inbox and the journal.

`who` is a user id that the API has authenticated; whether that user may is decided at the door, whether it can be done by the section.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPresence:
    """Ask the person on duty at a site to answer now. `key` makes it one question however often it is sent. `cause`: supervisor, centre."""

    site_id: str
    who: str
    key: str
    cause: str = "supervisor"
    answer_s: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPresence:
    """`answer`: what the question asks for."""

    check_id: str
    who: str
    answer: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferHandOver:
    """The outgoing shift signs what it hands over. `content`: canonical JSON of the draft as it was shown."""

    site_id: str
    who: str
    key: str
    content: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """The incoming shift signs. `hash` is that of the content which it was shown."""

    handover_id: str
    who: str
    hash: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawHandOver:
    """Who offered it takes it back, because something has changed since."""

    handover_id: str
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSelfTest:
    who: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestEvery:
    """The service says at its start how often the alarm path is tested; 0: only when asked."""

    every_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestPublished:
    """The synthetic reading is about to be handed to the broker, with a token that nobody can guess; `problem`: it could not be."""

    test_id: str
    token: str
    published_ms: int
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestHeard:
    """The synthetic reading came back through the broker. `arrived_ms`: at the inbox."""

    token: str
    value: float
    arrived_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestSeen:
    """A leg behind the scan is done. `leg`: streamed (a live subscriber has it), notified (its message reached the channels' door)."""

    test_id: str
    leg: str
    at_ms: int
