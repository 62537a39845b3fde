"""What calls nobody now, and why: shelves, out of service, proof tests, inhibition, each as data and as a sentence in both languages."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.alarms import AlarmShape, SuppressionKind
from api.shapes.asks import Ask, IdText, NoteText, ReasonText
from api.shapes.facts import FactShape
from api.shapes.people import Person
from api.shapes.times import AskedInstant, Instant

SuppressionItem = TypedDict(
    "SuppressionItem",
    {
        "kind": SuppressionKind,
        "id": str,  # of the shelf, taking out of service or proof test; of the inhibiting alarm
        "state": str,
        "site_id": str,
        "target": str,
        "target_name": str,
        "reason": str,
        "reason_zh": str,
        "from": Instant | None,
        "until": Instant | None,
        "by": Person | None,
        "alarm_ids": list[str],  # open alarms that it keeps from calling, at most 100
        "alarms": int,
        "sentence": str,
        "sentence_zh": str,
    },
)


class SuppressionList(TypedDict):
    """Everything that stands or waits, the soonest end first; `counts` by kind. `alarms`: how many open alarms call nobody."""

    items: list[SuppressionItem]
    counts: dict[str, int]
    alarms: int


class FactAnswer(FactShape):
    """The thing after the request, and the alarms that it changed. `recorded`: the records have it too."""

    alarms: list[AlarmShape]
    recorded: bool


class UnshelveAsk(Ask):
    reason: NoteText = ""


class TakeOutAsk(Ask):
    """One of `device_id`, `zone_id` (with `kinds`), or `rule_id` with `subject`."""

    until: AskedInstant
    reason: ReasonText
    starts: AskedInstant | None = Field(default=None, alias="from")
    device_id: IdText | None = None
    zone_id: IdText | None = None
    rule_id: IdText | None = None
    subject: str = Field(default="", max_length=200)
    kinds: list[IdText] = Field(default_factory=list, max_length=20)
    permit: str = Field(default="", max_length=120)
    patrol: NoteText = ""


class ApproveAsk(Ask):
    note: NoteText = ""


class EndAsk(Ask):
    reason: NoteText = ""


class ProofTestAsk(Ask):
    """One of `device_id` and `zone_id`."""

    until: AskedInstant
    reason: ReasonText
    device_id: IdText | None = None
    zone_id: IdText | None = None


class AppliedAsk(Ask):
    device_id: IdText
