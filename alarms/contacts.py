"""How people and groups are reached: addresses, consent, quiet hours, and the endpoints of chat robots and webhooks.

Plain records, never journalled: they hold telephone numbers and secrets. The scan names recipients; addresses are looked up when a
message is written, secrets only when it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rules.model import Severity
from sites.calendars import Window, day_spans

CONSENTED = ("sms", "voice", "chat")  # e-mail goes to the account's own address
MASK = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Of one user. `consents`: channel -> when the person agreed to be reached so (ms). `quiet`: windows of the local day in the person's
    own zone, which may cross midnight; nothing but critical alarms is sent in them. `email` "": the account's. `language`: zh, en or ""
    for both. `chat_url` is an apprise URL and a secret."""

    user_id: str
    phone: str = ""
    email: str = ""
    chat_url: str = field(default="", repr=False)
    consents: Mapping[str, int] = field(default_factory=dict)
    quiet: tuple[Window, ...] = ()
    timezone: str = ""
    language: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a group is told as a whole: `chat` (an apprise URL of a robot) or `webhook` (an HTTP URL, signed with `secret`). Both are
    secrets."""

    id: str
    channel: str
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """People and endpoints that are told together, at one site or (`site_id` None) anywhere. `roles` are those at the alarm's site;
    `emails` and `phones` are of people without an account."""

    id: str
    name: str
    name_en: str = ""
    site_id: str | None = None
    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    language: str = ""
    enabled: bool = True
    version: int = 1


def quiet_until_ms(quiet: tuple[Window, ...], timezone: str, severity: Severity, at_ms: int) -> int | None:
    """When the quiet hours end that a message would fall into; None: it may be sent now. A critical one always may."""
    if not quiet or severity >= Severity.CRITICAL:
        return None
    day_ms = 86_400_000
    for begin, end in day_spans(timezone, at_ms, at_ms + 2 * day_ms, lambda _day: quiet):
        if begin <= at_ms < end:
            return end
    return None


def masked_contact(contact: Contact) -> Contact:
    """As it may be kept in the audit and shown to others."""
    return replace(contact, chat_url=MASK if contact.chat_url else "", phone=masked_phone(contact.phone))


def masked_group(group: Group) -> Group:
    endpoints = tuple(replace(e, url=masked_url(e.url), secret=MASK if e.secret else "") for e in group.endpoints)
    return replace(group, endpoints=endpoints, phones=tuple(masked_phone(phone) for phone in group.phones))


def masked_phone(phone: str) -> str:
    """`+86 138 0000 1234` -> `+86****1234`: who knows the number recognises it."""
    digits = "".join(letter for letter in phone if letter.isdigit() or letter == "+")
    return digits if len(digits) < 7 else f"{digits[:3]}****{digits[-4:]}"


def masked_url(url: str) -> str:
    """Scheme and host of an HTTP URL, the scheme alone of anything else: an apprise URL keeps its key where others have a host."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return MASK if url else ""
    if scheme in ("http", "https"):
        host = rest.split("/", 1)[0].rpartition("@")[2].split("?", 1)[0]
        return f"{scheme}://{host}/{MASK}"
    return f"{scheme}://{MASK}"
