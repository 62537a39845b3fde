"""Publishing from outside the service: one shot for `sitewarden publish`, and a steady connection for simulated plants.

Nothing here is used by the service itself; its commands go through the courier.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from ingest.broker import Link
from ingest.heard import Message
from ingest.link import Address, Habits

_WINDOW = 2_000  # publishes under way before `Publisher.publish` waits


class NotPublished(Exception):
    """The broker did not take a message; the message says why."""


class Publisher:
    """A connection of its own to a broker, with the messages of `filters` handed to `on_message` on its thread."""

    def __init__(
        self,
        address: Address,
        client_id: str,
        *,
        clock: Callable[[], int],
        filters: tuple[str, ...] = (),
        on_message: Callable[[Message], None] | None = None,
    ) -> None:
        self._came_up = threading.Event()
        habits = Habits(client_id=client_id, filters=filters)

        def each(messages: list[Message]) -> None:
            if on_message is not None:
                for message in messages:
                    on_message(message)

        self._link = Link(client_id, address, habits, clock=clock, on_messages=each, on_connection=self._changed)

    def start(self, timeout_s: float = 10.0) -> None:
        """Connect. Raises NotPublished when that takes longer than `timeout_s`; the connection goes on trying."""
        self._link.start()
        if not self._came_up.wait(timeout_s):
            raise NotPublished(f"no connection to {self._link.address}: {self._link.problem}")

    def stop(self, timeout_s: float = 5.0) -> None:
        """Wait for what is under way, then disconnect."""
        until = time.monotonic() + timeout_s
        while self._link.unsent and self._link.is_up and time.monotonic() < until:
            time.sleep(0.002)
        self._link.stop()

    @property
    def is_up(self) -> bool:
        return self._link.is_up

    @property
    def unsent(self) -> int:
        return self._link.unsent

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> str | None:
        """None, or the reason why it was not taken. Waits while too much is under way, so a publisher is never faster than its broker."""
        while self._link.unsent > _WINDOW and self._link.is_up:
            time.sleep(0.0005)
        return self._link.publish(topic, payload, qos=qos, retain=retain)

    def _changed(self, _name: str, up: bool, _session_present: bool) -> None:
        if up:
            self._came_up.set()


def publish_once(
    address: Address, messages: Iterable[tuple[str, bytes]], *, client_id: str, clock: Callable[[], int], timeout_s: float = 10.0
) -> None:
    """Connect, publish (topic, payload) at QoS 1, wait for the broker's acknowledgements, disconnect. Raises NotPublished."""
    publisher = Publisher(address, client_id, clock=clock)
    try:
        publisher.start(timeout_s)
        for topic, payload in messages:
            reason = publisher.publish(topic, payload, qos=1)
            if reason is not None:
                raise NotPublished(reason)
        until = time.monotonic() + timeout_s
        while publisher.unsent:
            if time.monotonic() > until or not publisher.is_up:
                raise NotPublished(f"{address} did not acknowledge")
            time.sleep(0.002)
    finally:
        publisher.stop(1.0)
