"""What a channel is: something that takes messages one by one, and says of each whether the far end took it.

ChannelError
|-- TryLater     this message was not taken now
|-- NeverTaken   this message will never be taken: its address is wrong, or is gone
`-- ChannelAway  nothing was taken and nothing will be just now: the server is out of reach, or refuses us
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class ChannelError(Exception):
    """`after_ms`: the far end asks to be left alone so long."""

    def __init__(self, words: str, after_ms: int = 0) -> None:
        super().__init__(words)
        self.after_ms = after_ms


class TryLater(ChannelError):
    pass


class NeverTaken(ChannelError):
    pass


class ChannelAway(ChannelError):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `key` names it for ever: whoever is given it twice may drop the second. `facts` are the alarm for programs."""

    key: str
    to: str = field(repr=False)
    subject: str
    text: str
    at_ms: int
    secret: str = field(default="", repr=False)
    language: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The far end has taken it, and said so. `receipt_id`: under which it will report what became of it; "": it will not."""

    said: str
    receipt_id: str = ""


Told = Callable[[Message, Taken | ChannelError], None]


class Channel(Protocol):
    """`problem`: why nothing can be sent by it, as it is configured; None: it can."""

    @property
    def name(self) -> str: ...
    @property
    def problem(self) -> str | None: ...

    def send(self, messages: Sequence[Message], told: Told, is_stopping: Callable[[], bool]) -> None:
        """Send these, and tell of each; those left when stopping are not told of. Raises ChannelAway when none could be tried."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How a channel tries again: from the first wait, doubling, to the last, until it is given up."""

    first_ms: int
    last_ms: int
    give_up_ms: int

    def wait_ms(self, attempts: int) -> int:
        return min(self.first_ms << min(attempts, 16), self.last_ms)


PATIENCE: Mapping[str, Patience] = {
    "email": Patience(5_000, 900_000, 3 * 86_400_000),
    "sms": Patience(5_000, 120_000, 6 * 3_600_000),
    "voice": Patience(10_000, 60_000, 3_600_000),
    "webhook": Patience(2_000, 600_000, 86_400_000),
    "chat": Patience(5_000, 300_000, 6 * 3_600_000),
}
