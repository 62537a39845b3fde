"""The courier: an order's command becomes its ecosystem's message and is handed to the broker, now or not at all.

It refuses with a reason whatever cannot leave at once: an expired command, an unknown device, no connection. It keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ingest.codec import Codec, CodecState
from ingest.codecs import CODECS
from ingest.heard import Ask
from power.model import Command
from sites.roster import Roster

ASK_EXPIRY_S = 30  # a request that is not delivered by then is made again by what caused it


class Outlet(Protocol):
    """What the courier needs of the broker."""

    def publish(self, topic: str, payload: bytes, *, expiry_s: int | None = None, token: str = "") -> str | None: ...


def _remembers_nothing(_codec: str) -> CodecState:
    return {}


class Courier:
    """`clock` is the service's, asked at the moment of handing over: a command is never handed over at or after its expiry. `recall`
    gives what a codec remembers of its devices (the decoder's), by its name."""

    def __init__(
        self,
        broker: Outlet,
        roster: Roster,
        clock: Callable[[], int],
        codecs: Mapping[str, Codec] = CODECS,
        recall: Callable[[str], CodecState] = _remembers_nothing,
    ) -> None:
        self._broker = broker
        self._roster = roster
        self._clock = clock
        self._codecs = codecs
        self._recall = recall

    def send(self, command: Command) -> str | None:
        """None when the broker connection has it, else the reason why it was not sent. Its token is `{order_id}/{attempt}`."""
        left_ms = command.expires_ms - self._clock()
        if left_ms <= 0:
            return "expired before it could be sent"
        device = self._roster.device(command.device_id)
        if device is None:
            return f"device {command.device_id} is no longer there"
        codec = self._codecs.get(device.codec)
        if codec is None:
            return f"no codec is called {device.codec}"
        if codec.encode_known is not None:
            told = codec.encode_known(self._recall(codec.name), device, command)
        else:
            told = codec.encode_order(device, command)
        if isinstance(told, str):
            return told
        topic, payload = told
        return self._broker.publish(topic, payload, expiry_s=max(1, left_ms // 1000), token=f"{command.order_id}/{command.attempt}")

    def ask(self, ask: Ask) -> str | None:
        """Hand over what a codec wants to have asked; None, or the reason why it was not taken. Nobody waits for it."""
        return self._broker.publish(ask.topic, ask.payload, expiry_s=ASK_EXPIRY_S)
