"""Keys, sessions, links and the audit over HTTP. A key and a link are shown once, when they are made; hashes of secrets never leave."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from api.shapes.asks import Ask, IdText, NameText, NoteText
from api.shapes.people import NodeKind, Person
from api.shapes.times import AskedInstant, Instant

KeyAct = Literal[
    "see", "acknowledge", "judge", "shelve", "out_of_service", "proof_test", "self_test", "cut", "plans", "configure", "rules",
    "hazard_report",
]  # fmt: skip


class PlaceShape(TypedDict):
    node_kind: str
    node_id: str | None


class KeyShape(TypedDict):
    """`state`: good, expired or revoked."""

    id: str
    name: str
    note: str
    prefix: str
    acts: list[str]
    places: list[PlaceShape]
    made_by: Person | None
    made_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    used_at: Instant | None
    rate_per_minute: int
    state: str


class KeyMade(KeyShape):
    """`key` is shown here only."""

    key: str


class KeyPage(TypedDict):
    items: list[KeyShape]
    next_cursor: str | None


class LinkMade(TypedDict):
    """`token` and `path` (of the console) are shown here only."""

    purpose: str
    token: str
    path: str
    expires_at: Instant


class LinkSeen(TypedDict):
    purpose: str
    login: str
    name: str
    expires_at: Instant


class SessionShape(TypedDict):
    id: str
    created_at: Instant
    seen_at: Instant
    expires_at: Instant
    address: str
    agent: str
    is_this: bool


class SessionPage(TypedDict):
    items: list[SessionShape]
    next_cursor: str | None


class Ended(TypedDict):
    ended: int


class AuditEntry(TypedDict):
    """One entry, whole: `hash` is SHA-256 over the JSON list of id, at_ms, who, what, kind, thing_id, before, after, prev_hash. `before`
    and `after` are the JSON text that was hashed."""

    id: int
    at_ms: int
    at: Instant
    who: str | None
    name: str | None
    what: str
    kind: str
    thing_id: str
    before: str | None
    after: str | None
    prev_hash: str
    hash: str


class AuditPage(TypedDict):
    items: list[AuditEntry]
    next_cursor: str | None


class AuditHead(TypedDict):
    last_id: int
    hash: str
    at: Instant


class AuditChecked(TypedDict):
    """`problem` null: the chain is whole."""

    problem: str | None
    entries: int
    first_id: int
    last_id: int
    hash: str


class AuditCheckAsk(Ask):
    """An entry whose hash was kept elsewhere, to be found in the chain."""

    known_id: int | None = Field(default=None, ge=1, le=2**53)
    known_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None


class PlaceAsk(Ask):
    node_kind: NodeKind
    node_id: IdText | None = None


class KeyAsk(Ask):
    """`see` is always among the acts. `expires_at` null: never."""

    name: NameText
    note: NoteText = ""
    acts: list[KeyAct] = Field(default_factory=list, max_length=20)
    places: list[PlaceAsk] = Field(min_length=1, max_length=50)
    expires_at: AskedInstant | None = None
    rate_per_minute: int = Field(default=600, ge=1, le=60_000)


class PasswordAsk(Ask):
    present: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=10, max_length=200)


class LinkAsk(Ask):
    token: str = Field(min_length=1, max_length=200)


class LinkUseAsk(LinkAsk):
    password: str = Field(min_length=10, max_length=200)


def audit_entry(entry: dict[str, Any], at: str, name: str | None) -> AuditEntry:
    return {**entry, "at": at, "name": name}  # type: ignore[typeddict-item]
