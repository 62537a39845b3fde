"""What stands behind the scan, in its order: the view, the live feed, the records, the historian, the snapshots.

`follow` is called in the scan after each step and never waits for any of them.
"""

from __future__ import annotations

from typing import Any, Protocol

from api.ports import Presence
from app.feed import Feed
from app.stepped import Stepped
from storage.projection import HistoryBatch, Outcome


class Publishes(Protocol):
    def follow(self, stepped: Stepped) -> None: ...
    def presence(self, device_id: str) -> Presence: ...


class TakesOutcomes(Protocol):
    def feed(self, outcome: Outcome) -> None: ...


class TakesReadings(Protocol):
    def feed(self, batch: HistoryBatch) -> None: ...


class Behind:
    """Hands one step's products on."""

    def __init__(self, board: Publishes, feed: Feed, projector: TakesOutcomes, history: TakesReadings, site_of: Any) -> None:
        self._board = board
        self._feed = feed
        self._projector = projector
        self._history = history
        self._site_of = site_of  # device id -> site id or None

    def follow(self, stepped: Stepped) -> None:
        outcome = stepped.outcome
        self._board.follow(stepped)
        events: list[tuple[str, str | None, Any]] = [("alarm", t.alarm.site_id or None, t) for t in outcome.transitions]
        events += [("order", step.order.site_id, step) for step in outcome.order_steps]
        events += [(fact.kind, fact.site_id or None, fact) for fact in outcome.facts]
        for device_id in dict.fromkeys(stepped.presence):
            site_id = self._site_of(device_id)
            if site_id is not None:
                presence = self._board.presence(device_id)
                events.append(("device", site_id, {"id": device_id, "state": presence.state}))
        if events:
            self._feed.extend(stepped.position, events)
        self._projector.feed(outcome)
        self._history.feed(stepped.history)
