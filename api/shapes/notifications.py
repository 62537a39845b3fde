"""Notifications over HTTP: the outbox, contacts, groups, templates, tests. Secrets go in and never come out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from alarms.contacts import Contact, Group, masked_phone, masked_url
from alarms.duty_parse import clock
from alarms.notices import ChannelState, Preview, Said
from alarms.queries import Wording
from api.shapes.alarms import DeliveryShape
from api.shapes.asks import Ask, IdText, NameText
from api.shapes.people import RoleName
from api.shapes.times import Instant, iso
from sites.calendars import Window

ChannelName = Literal["email", "sms", "voice", "webhook", "chat"]
EndpointChannel = Literal["webhook", "chat"]
LanguageName = Literal["zh", "en", "both"]
DeliveryState = Literal["waiting", "sent", "delivered", "answered", "failed", "folded", "withdrawn"]
PhoneText = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^(\+?[0-9][0-9 -]{2,24}[0-9])?$")]
EmailText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^([!-~]+@[!-~]+)?$")]
ClockText = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
TemplateText = Annotated[str, StringConstraints(max_length=4000)]


class NotificationPage(TypedDict):
    items: list[DeliveryShape]
    next_cursor: str | None


class ChannelShape(TypedDict):
    """`problem`: why nothing can be sent by it as it is configured; `degraded`: why nothing goes out just now. `counts` by state."""

    name: str
    problem: str | None
    degraded: str | None
    counts: dict[str, int]


class ChannelList(TypedDict):
    items: list[ChannelShape]


class QuietShape(TypedDict):
    begin: str
    end: str


class ContactShape(TypedDict):
    """`chat_url` and, for others than the person and administrators, `phone` are masked. `consents`: channel -> when the person agreed."""

    user_id: str
    phone: str
    email: str
    chat_url: str
    consents: dict[str, Instant]
    quiet: list[QuietShape]
    timezone: str
    language: str
    version: int


class EndpointShape(TypedDict):
    """`url` is masked; `has_secret`: it is signed with a secret of its own."""

    id: str
    channel: str
    name: str
    url: str
    has_secret: bool


class GroupShape(TypedDict):
    id: str
    name: str
    name_en: str
    site_id: str | None
    users: list[str]
    roles: list[str]
    emails: list[str]
    phones: list[str]
    endpoints: list[EndpointShape]
    language: str
    enabled: bool
    version: int


class GroupPage(TypedDict):
    items: list[GroupShape]
    next_cursor: str | None


class TemplateShape(TypedDict):
    """`is_shipped`: nobody has changed it; then `version` is 0."""

    channel: str
    language: str
    subject: str
    body: str
    is_shipped: bool
    version: int


class FieldShape(TypedDict):
    name: str
    meaning_zh: str
    meaning_en: str


class TemplateList(TypedDict):
    items: list[TemplateShape]
    fields: list[FieldShape]


class PreviewShape(TypedDict):
    """`length` in characters; `parts`: how many short messages it takes (70 characters, or 67 each; 160 and 153 for ASCII)."""

    subject: str
    text: str
    length: int
    parts: int


class TestSaidShape(TypedDict):
    """`ok`: the far end took it; `said`: its words, or why it was not taken."""

    ok: bool
    channel: str
    said: str
    took_ms: int


class TestAnswer(TypedDict):
    items: list[TestSaidShape]


class ReceiptAnswer(TypedDict):
    """`known`: how many of the receipts were of messages that are known; `acknowledged`: how many alarms were acknowledged by a key."""

    known: int
    acknowledged: int


def channel_shape(state: ChannelState, counts: dict[str, int]) -> ChannelShape:
    return {"name": state.name, "problem": state.problem, "degraded": state.degraded, "counts": counts}


def contact_shape(contact: Contact, may_see: bool) -> ContactShape:
    return {
        "user_id": contact.user_id,
        "phone": contact.phone if may_see else masked_phone(contact.phone),
        "email": contact.email,
        "chat_url": masked_url(contact.chat_url),
        "consents": {channel: iso(at_ms) for channel, at_ms in contact.consents.items()},
        "quiet": [{"begin": clock(begin), "end": clock(end)} for begin, end in contact.quiet],
        "timezone": contact.timezone,
        "language": contact.language,
        "version": contact.version,
    }


def group_shape(group: Group, may_see: bool) -> GroupShape:
    return {
        "id": group.id,
        "name": group.name,
        "name_en": group.name_en,
        "site_id": group.site_id,
        "users": list(group.users),
        "roles": list(group.roles),
        "emails": list(group.emails),
        "phones": [phone if may_see else masked_phone(phone) for phone in group.phones],
        "endpoints": [
            {"id": e.id, "channel": e.channel, "name": e.name, "url": masked_url(e.url), "has_secret": bool(e.secret)}
            for e in group.endpoints
        ],
        "language": group.language,
        "enabled": group.enabled,
        "version": group.version,
    }


def template_shape(wording: Wording) -> TemplateShape:
    return {
        "channel": wording.channel,
        "language": wording.language,
        "subject": wording.subject,
        "body": wording.body,
        "is_shipped": wording.version == 0,
        "version": wording.version,
    }


def preview_shape(preview: Preview) -> PreviewShape:
    return {"subject": preview.subject, "text": preview.text, "length": preview.length, "parts": preview.parts}


def said_shape(channel: str, said: Said) -> TestSaidShape:
    return {"ok": said.ok, "channel": channel, "said": said.said, "took_ms": said.took_ms}


# -- asks ----------------------------------------------------------------------------------------------------------------


class QuietAsk(Ask):
    """Local times of the person's zone; an end at or before the begin is on the next day."""

    begin: ClockText
    end: ClockText

    def window(self) -> Window:
        return Window(_minute(self.begin), _minute(self.end))


class ContactAsk(Ask):
    """`version` 0: there is none yet. `consents`: the channels by which the person agrees to be reached. `chat_url` null: unchanged."""

    version: int = 0
    phone: PhoneText = ""
    email: EmailText = ""
    chat_url: str | None = Field(default=None, max_length=1000)
    consents: list[Literal["sms", "voice", "chat"]] = Field(default_factory=list, max_length=3)
    quiet: list[QuietAsk] = Field(default_factory=list, max_length=7)
    timezone: str = Field(default="", max_length=64)
    language: Literal["", "zh", "en"] = ""


class EndpointAsk(Ask):
    """`url`, `secret` null: as they are kept for this id."""

    id: IdText
    channel: EndpointChannel
    name: str = Field(default="", max_length=120)
    url: str | None = Field(default=None, max_length=1000)
    secret: str | None = Field(default=None, max_length=200)


class GroupAsk(Ask):
    id: IdText | None = None
    version: int = 0
    name: NameText
    name_en: str = Field(default="", max_length=120)
    site_id: IdText | None = None
    users: list[IdText] = Field(default_factory=list, max_length=200)
    roles: list[RoleName] = Field(default_factory=list, max_length=5)
    emails: list[EmailText] = Field(default_factory=list, max_length=50)
    phones: list[PhoneText] = Field(default_factory=list, max_length=50)
    endpoints: list[EndpointAsk] = Field(default_factory=list, max_length=10)
    language: Literal["", "zh", "en"] = ""
    enabled: bool = True


class TemplateAsk(Ask):
    """`version`: the present one; 0 where it is as shipped."""

    version: int = 0
    subject: TemplateText = ""
    body: TemplateText


class PreviewAsk(Ask):
    """`subject` and `body` null: those in force. `alarm_id` null: a sample alarm."""

    channel: ChannelName
    language: LanguageName = "both"
    subject: TemplateText | None = None
    body: TemplateText | None = None
    alarm_id: IdText | None = None


class TestAsk(Ask):
    """Either `user_id` (one's own, or of a person that one administers), or `group_id`, with the channel to try; or `to`, an e-mail
    address or telephone number. `channel` null: every one that the person or group has."""

    __test__ = False  # no test class

    channel: ChannelName | None = None
    user_id: IdText | None = None
    group_id: IdText | None = None
    to: str | None = Field(default=None, max_length=200)


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
