"""What the sender needs of the outbox, which the records keep: due messages, and marks that survive restarts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from alarms.model import Transition


class DueMessage(Protocol):
    """One message that is due. `key` names it for ever; `transition` is the alarm's change that it tells of, None when nobody has it any
    more; `timezone` is the IANA zone of the alarm's site."""

    @property
    def key(self) -> str: ...
    @property
    def to(self) -> str: ...
    @property
    def attempts(self) -> int: ...
    @property
    def created_ms(self) -> int: ...
    @property
    def transition(self) -> Transition | None: ...
    @property
    def timezone(self) -> str: ...


class Outbox(Protocol):
    """Every call raises sites.records.Unavailable when the records are away."""

    def due(self, now_ms: int, limit: int) -> Sequence[DueMessage]:
        """Waiting messages whose time has come, most severe first."""
        ...

    def mark_sent(self, key: str, now_ms: int) -> None: ...
    def mark_failed(self, key: str, next_try_ms: int | None, error: str) -> None:
        """A try failed; `next_try_ms` None: given up."""
        ...

    def hold(self, reason: str) -> None:
        """Nothing is being sent: every waiting message shows why."""
        ...
