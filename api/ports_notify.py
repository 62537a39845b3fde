"""What the door needs of the senders and of the records about notifications. `app.wiring` hands it things that fit.

Synchronous: called from worker threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from alarms.contacts import Contact, Group
from alarms.model import Transition
from alarms.notices import ChannelState, Preview, Reported, Said
from alarms.queries import Delivery, DeliveryQuery, Wording
from sites.records import Page, Scope


class Notices(Protocol):
    """The senders."""

    @property
    def shipped(self) -> Mapping[tuple[str, str], Wording]:
        """Templates by channel and language."""
        ...

    @property
    def fields(self) -> Mapping[str, tuple[str, str]]:
        """What templates may name, with its meaning (zh, en)."""
        ...

    def channels(self) -> Sequence[ChannelState]: ...
    def test(self, channel: str, address: str, secret: str, language: str) -> Said:
        """Really sends one message. Raises LookupError for no such channel."""
        ...

    def say(self, channel: str, address: str, text: str) -> Said:
        """Really sends these words, once: a code that somebody waits for. Raises LookupError for no such channel."""
        ...

    def receive(self, gateway: str, headers: Mapping[str, str], body: bytes) -> Sequence[Reported]:
        """A gateway's callback. Raises LookupError for no such gateway, ValueError for a receipt that is not genuine, Unavailable."""
        ...

    def check_endpoint(self, channel: str, url: str) -> None:
        """Raises ValueError for an address that could never be told."""
        ...

    def check_template(self, text: str) -> None:
        """Raises ValueError that says what is wrong where."""
        ...

    def preview(self, wording: Wording, transition: Transition | None, timezone: str, cause: str) -> Preview:
        """A template as a message about this change, or about a sample. Raises ValueError."""
        ...


class NotifyRecords(Protocol):
    """The records' part: contacts, groups, templates, the outbox."""

    def notifications(self, query: DeliveryQuery, sites: Scope) -> Page[Delivery]:
        """The outbox, newest first."""
        ...

    def notification_counts(self, sites: Scope) -> dict[str, dict[str, int]]:
        """Channel -> state -> number."""
        ...

    def contact(self, user_id: str) -> Contact | None: ...
    def save_contact(self, contact: Contact, who: str, now_ms: int) -> Contact:
        """Raises Conflict."""
        ...

    def notify_groups(self, sites: Scope) -> list[Group]: ...
    def notify_group(self, group_id: str) -> Group:
        """Raises NotFound."""
        ...

    def save_notify_group(self, group: Group, who: str, now_ms: int, is_new: bool) -> Group:
        """Raises Conflict, NotFound."""
        ...

    def delete_notify_group(self, group_id: str, who: str, now_ms: int) -> None: ...
    def wordings(self) -> list[Wording]: ...
    def save_wording(self, wording: Wording, who: str, now_ms: int) -> Wording:
        """Raises Conflict."""
        ...

    def delete_wording(self, channel: str, language: str, who: str, now_ms: int) -> None: ...
