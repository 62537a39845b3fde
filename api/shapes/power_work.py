"""Lock-outs, local resets, work permits, mornings, requests to stay on and shops' links over HTTP: asks, and their answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from api.shapes.asks import Ask, IdText, NameText, NoteText, ReasonText
from api.shapes.facts import FactShape
from api.shapes.times import AskedInstant, Instant

KindName = Literal["hot_work", "confined_space", "blind_plate", "height", "lifting", "temporary_power", "earthwork", "road_closure"]
PhoneText = Annotated[str, StringConstraints(pattern=r"^\+?[0-9 -]{5,24}$")]
PhraseText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=4, max_length=120)]
Percent = Annotated[float, Field(ge=0, le=100)]


class RecordedFact(FactShape):
    recorded: bool


# -- locks, resets, decisions ----------------------------------------------------------------------------------------------


class LockAsk(Ask):
    """`number` of the lock or tag. `purpose` `veto`: an operator forbids switching."""

    reason: ReasonText
    number: str = Field(default="", max_length=60)
    purpose: Literal["work", "veto"] = "work"


class UnlockAsk(Ask):
    """`lock_id`: where several are on. Another person's lock needs a manager and a reason."""

    reason: str = Field(default="", max_length=500)
    lock_id: IdText | None = None


class LocalResetAsk(Ask):
    """`person`: who stood there, when it is not the one who records it."""

    cause: ReasonText
    person: str = Field(default="", max_length=120)


class DecideOrderAsk(Ask):
    is_live: bool
    reason: ReasonText


# -- the second person ------------------------------------------------------------------------------------------------------


class PhoneAsk(Ask):
    """The second person is reached by phone: who, at which number, and the phrase that they said."""

    user_id: IdText
    number: PhoneText
    phrase: PhraseText


class SecondAsk(Ask):
    """The second person, here with login and password, or by phone."""

    reason: ReasonText
    second_login: str = Field(default="", max_length=120)
    second_password: str = Field(default="", max_length=200)
    phone: PhoneAsk | None = None


# -- work permits ----------------------------------------------------------------------------------------------------------


class PermitAsk(Ask):
    """`guardian`: a user; or `guardian_name` with `guardian_phone`. `circuits` none: those of the zone are held."""

    site_id: IdText
    zone_id: IdText
    kind: KindName
    level: Literal["", "special", "1", "2"] = ""
    title: NameText
    content: NoteText = ""
    contractor: str = Field(default="", max_length=120)
    worker: NameText
    guardian: str = Field(default="", max_length=64)
    guardian_name: str = Field(default="", max_length=120)
    guardian_phone: str = Field(default="", max_length=24)
    promise: ReasonText
    circuits: list[IdText] = Field(default_factory=list, max_length=200)
    from_: AskedInstant = Field(alias="from")
    until: AskedInstant


class WorkActAsk(Ask):
    act: Literal["assess", "start", "suspend", "resume", "complete"]
    note: NoteText = ""


class PermitDecisionAsk(Ask):
    act: Literal["check", "approve", "close", "void"]
    note: NoteText = ""


class GasTestAsk(Ask):
    """Percent by volume; `lel_vol`: the lower explosive limit of the gas."""

    place: NameText
    combustible_vol: Percent
    lel_vol: Percent
    o2_vol: Percent
    toxic: str = Field(default="", max_length=200)


class Declarations(TypedDict):
    """The permits of a site that are valid on a local day, and how many of each kind."""

    site_id: str
    date: str
    items: list[FactShape]
    by_kind: dict[str, int]


# -- mornings ---------------------------------------------------------------------------------------------------------------


class RestoreBySecondAsk(SecondAsk):
    pass


class MorningAsk(SecondAsk):
    hours: float = Field(default=12.0, gt=0, le=16)


class RestoresAsk(SecondAsk):
    site_id: IdText
    circuit_ids: list[IdText] = Field(min_length=1, max_length=500)


class SomeonePresentAsk(Ask):
    """The manager's round: who is there, and in which shop or at which circuits."""

    person: NameText
    tenant: str = Field(default="", max_length=120)
    circuit_ids: list[IdText] = Field(default_factory=list, max_length=500)


class EndMorningAsk(Ask):
    reason: ReasonText


class MorningDetail(FactShape):
    parts: list[FactShape]


class MorningAnswer(MorningDetail):
    recorded: bool


# -- staying on, and the shops' links ------------------------------------------------------------------------------------------


class StayOnAsk(Ask):
    site_id: IdText
    tenant: NameText
    circuits: list[IdText] = Field(default_factory=list, max_length=200)
    from_: AskedInstant | None = Field(default=None, alias="from")
    until: AskedInstant
    reason: ReasonText
    asked_by: NameText
    phone: PhoneText | Literal[""] = ""


class StayOnDecisionAsk(Ask):
    """`until`: approved only until then."""

    approve: bool
    note: str = Field(default="", max_length=500)
    until: AskedInstant | None = None


class EndStayOnAsk(Ask):
    note: str = Field(default="", max_length=500)


class ShopLinkAsk(Ask):
    site_id: IdText
    tenant: NameText
    days: int = Field(default=30, ge=1, le=366)


class ShopLink(TypedDict):
    """`path` is what the shop's QR code leads to."""

    token: str
    path: str
    site_id: str
    tenant: str
    until: Instant


class ShopCircuit(TypedDict):
    id: str
    name: str
    is_on: bool | None
    can_energise: bool


class ShopRequest(TypedDict):
    state: str
    until: Instant


class ShopSeen(TypedDict):
    """What a shop sees by its link: nothing of any other."""

    tenant: str
    site_name: str
    circuits: list[ShopCircuit]
    requests: list[ShopRequest]
    can_energise: bool
    sms: bool


class ShopCodeAsk(Ask):
    phone: PhoneText


class ShopCode(TypedDict):
    """`challenge` goes back with the digits that the telephone got."""

    challenge: str
    until: Instant


class ShopStayOnAsk(Ask):
    until: AskedInstant
    reason: ReasonText
    asked_by: NameText
    phone: PhoneText
    challenge: str = Field(default="", max_length=200)
    code: str = Field(default="", max_length=6)


class ShopPresenceAsk(Ask):
    person: NameText


class ShopAnswer(TypedDict):
    state: str
    until: Instant | None
