"""The live feed: a bounded ring of events behind the scan, read by the API's stream. Ids rise strictly, also over restarts.

The scan writes it, and record transactions (hazards) through `publish`. Nobody waits for a reader: who falls behind the ring takes a
fresh snapshot.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from api.ports import FeedEvent

_SHIFT = 20  # an id is the journal position times 2^20, plus a running number


class Feed:
    """`most` events are kept."""

    def __init__(self, most: int = 50_000) -> None:
        self._events: deque[FeedEvent] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._last_id = 0
        self._dropped_id = 0  # the newest event that is no longer kept
        self._wakes: list[Callable[[], None]] = []

    @property
    def last_id(self) -> int:
        return self._last_id

    def start_at(self, position: int) -> None:
        """After a restart ids go on above those of the journal's last position."""
        with self._lock:
            self._last_id = self._dropped_id = max(self._last_id, (position + 1) << _SHIFT)

    def extend(self, position: int, events: Iterable[tuple[str, str | None, Any]]) -> None:
        """One scan's events: (kind, site id or None, body)."""
        with self._lock:
            self._last_id = max(self._last_id, position << _SHIFT)
            for kind, site_id, body in events:
                self._last_id += 1
                if len(self._events) == self._events.maxlen:
                    self._dropped_id = self._events[0].id
                self._events.append(FeedEvent(self._last_id, kind, site_id, body))
            wakes = list(self._wakes)
        for wake in wakes:
            wake()

    def publish(self, kind: str, site_id: str | None, body: Any) -> None:
        self.extend(0, [(kind, site_id, body)])

    def since(self, event_id: int) -> Sequence[FeedEvent] | None:
        with self._lock:
            if not self._dropped_id <= event_id <= self._last_id:
                return None
            newer: list[FeedEvent] = []
            for event in reversed(self._events):
                if event.id <= event_id:
                    break
                newer.append(event)
            newer.reverse()
            return newer

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        with self._lock:
            self._wakes.append(wake)

        def unsubscribe() -> None:
            with self._lock:
                if wake in self._wakes:
                    self._wakes.remove(wake)

        return unsubscribe
