"""What the alarm path's self-test needs done outside the scan: its reading published, and its alarm watched for on the live stream and at
the notifications.

It follows the scan like the projector does; what it does and sees goes back into the scan's inbox. It judges nothing: `alarms.self_tests`.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable
from typing import Any, Protocol

from alarms.duty_requests import SelfTestPublished, SelfTestSeen
from alarms.self_tests import KIND, METRIC, NOTIFIED_WITHIN_MS, SITE, VALUE, SelfTest, delays_ms
from api.live import Live
from api.ports import FeedEvent
from app.stepped import Stepped
from sites.facts import Fact

log = logging.getLogger("sitewarden.self_test")


class Publishes(Protocol):
    def publish(self, topic: str, payload: bytes, *, expiry_s: int | None = None) -> str | None: ...


class Records(Protocol):
    def wait(self, position: int, timeout_s: float) -> bool: ...


class Notifies(Protocol):
    def wake(self) -> None: ...
    @property
    def degraded_reason(self) -> str | None: ...


class SelfTester:
    """`put` gives an item to the scan. `live` is given once the door is made."""

    def __init__(
        self, put: Callable[[Any], None], now_ms: Callable[[], int], broker: Publishes, projector: Records, sender: Notifies
    ) -> None:
        self._put, self._now_ms, self._broker, self._projector, self._sender = put, now_ms, broker, projector, sender
        self.live: Live | None = None
        self._token = ""  # of the test that is announced and not yet published
        self.last: SelfTest | None = None  # the newest that has passed or failed, for the health

    def follow(self, stepped: Stepped) -> None:
        """In the scan, after each step: it never waits."""
        for fact in stepped.outcome.facts:
            if fact.kind != KIND:
                continue
            test: SelfTest = fact.body
            if fact.is_over:
                self.last = test if test.state != "abandoned" else self.last
                if test.state == "failed":
                    log.error("the alarm path is broken: %s", test.reason)
            elif test.published_ms is None:
                self._announce(test)
            elif test.arrived_ms is None:
                self._publish(test)
            elif test.decided_ms is not None and test.streamed_ms is None and test.notified_ms is None:
                threading.Thread(target=self._watch_notifying, args=(test, stepped.position), name="self-test", daemon=True).start()

    def _announce(self, test: SelfTest) -> None:
        """Tell the scan the token first: a message that comes back within one scan stands before what was told it meanwhile."""
        self._token = secrets.token_hex(16)
        if self.live is not None:
            self.live.witness(lambda event: self._saw(event, test.id))
        self._put(SelfTestPublished(test_id=test.id, token=self._token, published_ms=self._now_ms()))

    def _publish(self, test: SelfTest) -> None:
        token, self._token = self._token, ""
        if not token:
            return
        payload = json.dumps({"ts": self._now_ms(), "values": {METRIC: VALUE}}).encode()
        problem = self._broker.publish(f"sitewarden/v1/{SITE}/{token}/telemetry", payload)
        if problem is not None:
            self._put(SelfTestPublished(test_id=test.id, token="", published_ms=0, problem=problem))

    def _saw(self, event: FeedEvent, test_id: str) -> bool:
        """On the API's loop, when an event has been encoded for its clients. True: seen enough."""
        fact = event.body
        if not isinstance(fact, Fact) or fact.kind != KIND or fact.id != test_id:
            return False
        if fact.body.decided_ms is not None and not fact.is_over:
            self._put(SelfTestSeen(test_id=test_id, leg="streamed", at_ms=self._now_ms()))
            return True
        return fact.is_over

    def _watch_notifying(self, test: SelfTest, position: int) -> None:
        """Its alarm is where messages wait to be sent, and whoever sends them can."""
        if not self._projector.wait(position, NOTIFIED_WITHIN_MS / 1000):
            return
        self._sender.wake()
        if self._sender.degraded_reason is None:
            self._put(SelfTestSeen(test_id=test.id, leg="notified", at_ms=self._now_ms()))


def figures_of(test: SelfTest | None, now_ms: int) -> dict[str, float]:
    """The newest test as figures: whether it passed, how old it is, and how long each leg took."""
    if test is None:
        return {}
    found = {"self_test_passed": float(test.state == "passed"), "self_test_age_s": max(0, now_ms - test.asked_ms) / 1000}
    return found | {f"self_test_{leg}_ms": float(ms) for leg, ms in delays_ms(test).items()}
