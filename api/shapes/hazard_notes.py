"""What may be asked of a hazard on its way: control, extensions, supervision, shutdown, links, splitting, fixes on the spot."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.asks import Ask, IdText, NameText, NoteText, ReasonText
from api.shapes.hazards import HazardDetail
from api.shapes.people import Person
from api.shapes.times import AskedInstant, Instant

LinkedIds = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=200)]


class ControlAsk(Ask):
    measures: Annotated[str, Field(min_length=1, max_length=2000)]


class VouchAsk(Ask):
    """Said for the party that the person belongs to there: enterprise, agency, grid, government."""

    note: NoteText = ""


class ExtendAsk(Ask):
    until_at: AskedInstant
    reason: ReasonText


class DecideExtensionAsk(Ask):
    granted: bool
    note: NoteText = ""


class SuperviseAsk(Ask):
    body: NameText
    list_number: NameText
    deadline_at: AskedInstant
    contact: NameText
    notice: str = Field(default="", max_length=1000)
    note: NoteText = ""


class SupervisionProgressAsk(Ask):
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class ShutdownAsk(Ask):
    """`extent` none: work goes on again."""

    extent: Literal["partial", "full", "none"]
    note: NoteText = ""


class LinkedAsk(Ask):
    """Alarms and orders of the same site."""

    alarm_ids: LinkedIds = Field(default_factory=list)
    order_ids: LinkedIds = Field(default_factory=list)
    note: NoteText = ""


class UnlinkedAsk(Ask):
    alarm_ids: LinkedIds = Field(default_factory=list)
    order_ids: LinkedIds = Field(default_factory=list)
    reason: ReasonText


class PartAsk(Ask):
    title: NameText
    description: str = Field(default="", max_length=4000)
    category: str = Field(default="", max_length=60)


class SplitAsk(Ask):
    parts: Annotated[list[PartAsk], Field(min_length=1, max_length=20)]
    reason: ReasonText


class FixAsk(Ask):
    """立查立改: found and fixed, with a picture of before and one of after, base64."""

    site_id: IdText
    zone_id: IdText | None = None
    device_id: IdText | None = None
    title: NameText
    description: str = Field(default="", max_length=4000)
    category: str = Field(default="", max_length=60)
    clause: str = Field(default="", max_length=500)
    place: str = Field(default="", max_length=200)
    measures: Annotated[str, Field(min_length=1, max_length=4000)]
    before: Annotated[str, Field(min_length=1, max_length=14_000_000)]
    after: Annotated[str, Field(min_length=1, max_length=14_000_000)]


class AcceptHazardsAsk(Ask):
    ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=200)]
    note: NoteText = ""


class AcceptedHazardsShape(TypedDict):
    """`problem`: why this one was not accepted."""

    id: str
    accepted: bool
    problem: str | None


class AcceptedMany(TypedDict):
    items: list[AcceptedHazardsShape]


class SplitShape(TypedDict):
    hazard: HazardDetail
    part_ids: list[str]


class RectifierLinkAsk(Ask):
    """For whom, and for how long."""

    name: NameText
    hours: Annotated[int, Field(ge=1, le=24 * 30)] = 72


class RectifierLinkShape(TypedDict):
    """`path` is given once, when the link is made: it is the secret."""

    id: str
    name: str
    made_by: Person | None
    made_at: Instant
    expires_at: Instant
    revoked_at: Instant | None
    used_at: Instant | None
    state: Literal["open", "expired", "revoked", "used"]
    path: str | None


class RectifierLinkPage(TypedDict):
    items: list[RectifierLinkShape]


class RectifierPhotoShape(TypedDict):
    id: str
    moment: Literal["before", "after", "other"]
    at: Instant


class RectifierView(TypedDict):
    """All that a rectifier's link shows: the hazard's words and pictures, no people, no alarms."""

    number: str
    title: str
    description: str
    place: str
    category: str
    measures: str
    deadline_at: Instant | None
    name: str
    expires_at: Instant
    photos: list[RectifierPhotoShape]
    may_submit: bool


class RectifierSubmitAsk(Ask):
    note: ReasonText
