"""The bounded inbox of messages between the MQTT threads and the scan. `put` never blocks on anything slower than a drain.

QoS 1 telemetry is never dropped (the broker's in-flight window bounds what is unacknowledged), replies and status neither. When QoS 0
telemetry reaches its bound, readings superseded by a newer one of the same topic go first, oldest first, then the oldest of all; each is
counted by its reason.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from ingest.heard import Message

SUPERSEDED = "inbox full: superseded by a newer message of its topic"
OLDEST = "inbox full: oldest of all"
TOO_LARGE = "over the size limit"


def _sleep_on() -> None:
    """For inboxes that are asked rather than waited for."""


class Inbox:
    """`max_messages` and `max_bytes` bound the QoS 0 telemetry kept. `wake` is called when something waits that did not before, and
    when a drain left something behind."""

    def __init__(
        self,
        wake: Callable[[], None] | None = None,
        *,
        max_messages: int = 100_000,
        max_bytes: int = 256 * 1024 * 1024,
        max_payload: int = 8 * 1024 * 1024,
    ) -> None:
        self.wake = wake if wake is not None else _sleep_on
        self.dropped: dict[str, int] = {}
        self.arrivals = 0  # messages ever put: the scan's pacing watches it
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._max_payload = max_payload
        self._lock = threading.Lock()
        self._telemetry: deque[Message] = deque()
        self._urgent: deque[Message] = deque()
        self._loose = 0  # QoS 0 messages in _telemetry
        self._loose_bytes = 0

    def __len__(self) -> int:
        return len(self._telemetry) + len(self._urgent)

    @property
    def oldest_ms(self) -> int | None:
        """Arrival of the oldest telemetry still waiting: how far the scan lags behind."""
        with self._lock:
            return self._telemetry[0].arrived_ms if self._telemetry else None

    def has_room(self) -> bool:
        """Whether reading on is worth it: less telemetry waits than half the bound."""
        return len(self._telemetry) < self._max_messages // 2

    def put(self, *messages: Message) -> None:
        """Telemetry messages, from their MQTT thread, in order."""
        with self._lock:
            self.arrivals += len(messages)
            was_empty = not self._telemetry
            for message in messages:
                if not message.qos:
                    size = len(message.payload)
                    if size > self._max_payload:
                        self._count(TOO_LARGE, 1)
                        continue
                    self._loose += 1
                    self._loose_bytes += size
                self._telemetry.append(message)
            if self._loose > self._max_messages or self._loose_bytes > self._max_bytes:
                self._shed()
        if was_empty:
            self.wake()

    def put_urgent(self, *messages: Message) -> None:
        """Replies and statuses, from their MQTT thread: never dropped, drained first."""
        with self._lock:
            self.arrivals += len(messages)
            self._urgent += messages
        self.wake()

    def drain(self, limit: int) -> list[Message]:
        """All replies and statuses and at most `limit` telemetry messages, by arrival. While telemetry stays behind, a reply's arrival
        is set back to that of the last message drained, so that times never fall from one drain to the next."""
        with self._lock:
            take = min(limit, len(self._telemetry))
            popleft = self._telemetry.popleft
            taken = [popleft() for _ in range(take)]
            for message in taken:
                if not message.qos:
                    self._loose -= 1
                    self._loose_bytes -= len(message.payload)
            behind = self._telemetry[0].arrived_ms if self._telemetry else None
            urgent = list(self._urgent)
            self._urgent.clear()
        if behind is not None:
            self.wake()
            for message in urgent:
                message.arrived_ms = min(message.arrived_ms, behind)
        if not urgent:
            return taken
        return sorted([*taken, *urgent], key=lambda message: message.arrived_ms)

    def _shed(self) -> None:
        """Drop QoS 0 messages down to three quarters of the bounds; one pass in thousands of puts."""
        goal, goal_bytes = self._max_messages * 3 // 4, self._max_bytes * 3 // 4
        newest: dict[str, Message] = {message.topic: message for message in self._telemetry if not message.qos}
        for reason in (SUPERSEDED, OLDEST):
            kept: deque[Message] = deque()
            before = self._loose
            for message in self._telemetry:
                over = self._loose > goal or self._loose_bytes > goal_bytes
                if message.qos or not over or (reason is SUPERSEDED and newest[message.topic] is message):
                    kept.append(message)
                    continue
                self._loose -= 1
                self._loose_bytes -= len(message.payload)
            self._telemetry = kept
            self._count(reason, before - self._loose)

    def _count(self, reason: str, times: int) -> None:
        if times:
            self.dropped[reason] = self.dropped.get(reason, 0) + times
