"""Alarms' transitions told over MQTT, for displays and other systems: `sitewarden/v1/{site}/alarms/{alarm_id}`, QoS 1, not retained.

Only what happens now is told, never a replay, and without names, notes and persons. It has a connection and a bounded queue of its own, so
that it never delays an order; what does not fit, or happens while the broker is away, is counted and gone: the records and the live stream
have it. Nobody may act on it by switching: orders go their own way.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from alarms.model import Alarm, Transition
from api.shapes.alarms import alarm_shape, transition_shape
from app.stepped import Stepped
from ingest.broker import Link
from ingest.link import Address, Habits

log = logging.getLogger("sitewarden.announcer")

MOST_WAITING = 10_000
MOST_UNSENT = 500  # of the connection's: unacknowledged by the broker
LOOK_S = 0.02
SERVICE_SITE = "_service"  # the site of the service's own alarms in the topic
_ALARM_KEPT = (
    "id", "kind", "subject", "point_id", "metric", "unit", "severity", "level", "limit", "value", "peak_value", "condition", "attention",
    "isa_state", "is_latched", "needs_reset", "is_late", "is_test", "is_chattering", "is_unrecorded", "asked_at", "realarms", "raised_at",
    "arrived_at", "changed_at", "cleared_at", "acknowledged_at", "ended_at", "verdict", "needs_verdict", "hazard_id", "count", "seq",
)  # fmt: skip
_TRANSITION_KEPT = ("seq", "signal", "at", "step", "value", "rule_version", "before", "severity", "condition", "attention")


def topic_of(alarm: Alarm) -> str:
    return f"sitewarden/v1/{alarm.site_id or SERVICE_SITE}/alarms/{alarm.id}"


def payload_of(transition: Transition) -> bytes:
    """As in the live stream, but that places, devices and rules are ids only, and that nothing of people and no free text is in it."""
    alarm = transition.alarm
    whole: Any = alarm_shape(alarm, _nobody)
    body = {name: whole[name] for name in _ALARM_KEPT}
    body |= {
        "rule": {"id": alarm.rule_id, "version": alarm.rule_version},
        "site": {"id": alarm.site_id},
        "zone": {"id": alarm.zone_id},
        "device": {"id": alarm.device_id},
        "suppressions": [why["kind"] for why in whole["suppressions"]],
    }
    told: Any = transition_shape(transition, _nobody)
    return orjson.dumps({"alarm": body, "transition": {name: told[name] for name in _TRANSITION_KEPT}})


def _nobody(user_id: str | None) -> None:
    return None


class Announcer:
    """Follows the scan. `dropped`: transitions that were not told."""

    def __init__(self, address: Address, client_id: str, clock_ms: Callable[[], int]) -> None:
        self.link = Link("announcements", address, Habits(client_id=f"{client_id}-alarms"), clock=clock_ms)
        self.told = 0
        self.dropped = 0
        self._waiting: deque[Transition] = deque()
        self._turn = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def follow(self, stepped: Stepped) -> None:
        """In the scan: never waits."""
        transitions = stepped.outcome.transitions
        if not transitions:
            return
        if not self.link.is_up:
            self.dropped += len(transitions)
            return
        room = MOST_WAITING - len(self._waiting)
        self.dropped += max(0, len(transitions) - room)
        with self._turn:
            self._waiting.extend(transitions[: max(0, room)])
            self._turn.notify()

    def start(self) -> None:
        self.link.start()
        self._thread.start()

    def stop(self) -> None:
        with self._turn:
            self._stopping = True
            self._turn.notify()
        if self._thread.is_alive():
            self._thread.join(5.0)
        self.link.stop()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def _run(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                is_full = self.link.is_up and self.link.unsent >= MOST_UNSENT
                transition = None if is_full else self._waiting.popleft()
                if is_full:
                    self._turn.wait(LOOK_S)
            if transition is not None:
                refused = self.link.publish(topic_of(transition.alarm), payload_of(transition), qos=1, retain=False)
                self.told += refused is None
                self.dropped += refused is not None
