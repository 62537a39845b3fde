"""Hand-overs, presence checks and self-tests: what may be asked, and a draft of a hand-over, as data that both shifts sign."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from alarms.presence_checks import LONGEST_S, MOST_A_DAY
from api.shapes.asks import Ask, IdText, NameText, NoteText
from api.shapes.facts import FactShape
from api.shapes.people import Person
from api.shapes.times import Instant

_Minute = Annotated[int, Field(ge=0, lt=1_440)]


class Listed(TypedDict):
    """A part of the hand-over: how many there are, and the first of them."""

    total: int
    items: list[dict[str, Any]]


class HandOverDraft(TypedDict):
    """What there is to hand over at this moment. Lists hold 200 at most; `total` counts all. `records_available` false: hazards are not
    in it."""

    site_id: str
    site_name: str
    at: Instant
    standing: Listed
    verdicts_owed: Listed
    suppressed: Listed
    bypassed: Listed
    proof_tests: Listed
    unproved_orders: Listed
    overdue_hazards: Listed
    presence_checks: Listed
    degraded: dict[str, str]
    records_available: bool


class OfferAsk(Ask):
    """`note`: what the next shift must know beside it."""

    site_id: IdText
    note: NoteText = ""


class TakeAsk(Ask):
    """`hash`: that of the hand-over as it was shown. `login` and `password`: the incoming person signs at the outgoing person's desk."""

    hash: Annotated[str, Field(min_length=64, max_length=64)]
    note: NoteText = ""
    login: Annotated[str, Field(max_length=120)] | None = None
    password: Annotated[str, Field(max_length=1_000)] | None = None


class WithdrawHandOverAsk(Ask):
    note: NoteText = ""


class HandOverShape(TypedDict):
    """`content` never changes after the outgoing signature. `is_sound`: the hashes fit what is in it."""

    id: str
    site_id: str
    state: str
    content: dict[str, Any]
    outgoing: Person | None
    outgoing_at: Instant
    outgoing_note: str
    incoming: Person | None
    incoming_at: Instant | None
    incoming_note: str
    prev_hash: str
    hash: str
    taken_hash: str
    is_sound: bool


class HandOverAnswer(HandOverShape):
    recorded: bool


class HandOverPage(TypedDict):
    items: list[HandOverShape]
    next_cursor: str | None


class PresenceAsk(Ask):
    site_id: IdText
    answer_s: int = Field(LONGEST_S, ge=30, le=LONGEST_S)


class PresenceAnswerAsk(Ask):
    answer: Annotated[str, Field(max_length=40)]
    note: NoteText = ""


class ShiftAnswer(FactShape):
    recorded: bool


class ScheduleAsk(Ask):
    """`times`: minutes of the local day. `random_per_day` more, each at an unforeseeable minute of its part of [from_minute, to_minute)."""

    id: IdText | None = None
    name: NameText
    site_id: IdText
    times: list[_Minute] = Field(default_factory=list, max_length=MOST_A_DAY)
    random_per_day: int = Field(0, ge=0, le=MOST_A_DAY)
    from_minute: _Minute = 0
    to_minute: int = Field(1_440, gt=0, le=1_440)
    answer_s: int = Field(LONGEST_S, ge=30, le=LONGEST_S)
    enabled: bool = True


class ScheduleEdit(ScheduleAsk):
    version: int


class PresenceScheduleShape(TypedDict):
    id: str
    name: str
    site_id: str
    times: list[int]
    random_per_day: int
    from_minute: int
    to_minute: int
    answer_s: int
    enabled: bool
    version: int
    sentence: str
    sentence_zh: str


class PresenceSchedulePage(TypedDict):
    items: list[PresenceScheduleShape]
    next_cursor: str | None


class SelfTestShape(TypedDict):
    """`delays_ms` by leg: arrived (through the broker), decided (scan and rule), streamed (live stream), notified; `total`: to screen."""

    id: str
    state: str
    asked_at: Instant
    asked_by: Person | None
    delays_ms: dict[str, int]
    reason: str
    reason_zh: str


class SelfTestPage(TypedDict):
    items: list[SelfTestShape]
    next_cursor: str | None
