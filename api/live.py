"""The live stream: server-sent events, a snapshot and then what changes, each in the person's own scope.

One pump drains the feed and encodes each event once; every client has a bounded queue and one task, which sends at once when it has
been idle and otherwise joins what waits, for up to 50 ms where many listen. A client that does not keep up is disconnected and comes
back by `Last-Event-ID`, or with a fresh snapshot. Everything here runs on the API's loop; `close` may be called from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as HttpScope

from alarms.model import Transition
from api.ports import Board, Clock, Feed, FeedEvent, Health
from api.shapes.alarms import Name, alarm_shape, transition_shape
from api.shapes.facts import fact_shape
from api.shapes.hazards import hazard_shape, hazard_step_shape
from api.shapes.live import health_shape
from api.shapes.power import order_shape, order_step_shape
from api.shapes.times import iso
from hazards.model import Hazard, HazardStep
from power.model import FINAL, OrderStep
from sites.facts import Fact
from sites.records import Scope

log = logging.getLogger("sitewarden.api")
JOIN_S = 0.05
PAUSE_A_CLIENT_S = 0.0005
HEARTBEAT_S = 10.0
LEAVE_S = 0.5
MOST_WAITING = 5_000  # events a client may be behind
RETRY = b"retry: 1000\n\n"
HEARTBEAT = b": still here\n\n"


def frame(event_id: int, kind: str, body: Any) -> bytes:
    """One server-sent event."""
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event_id, kind.encode(), orjson.dumps(body))


def event_body(event: FeedEvent, now_ms: int, name: Name) -> Any:
    """What goes over the wire for an event of the feed; shapes in `api.shapes.live`."""
    match event.body:
        case Transition() as transition:
            return {"alarm": alarm_shape(transition.alarm, name), "transition": transition_shape(transition, name)}
        case OrderStep() as step:
            return {"order": order_shape(step.order, name), "step": order_step_shape(step)}
        case (Hazard() as hazard, HazardStep() as hazard_step):
            return {"hazard": hazard_shape(hazard, now_ms, name), "step": hazard_step_shape(hazard_step, name)}
        case Health() as health:
            return health_shape(health)
        case Fact() as fact:
            return fact_shape(fact)
        case body:
            return body


@dataclass(eq=False, slots=True)
class Client:
    """One open stream. `scope_now` says which sites its person sees now, or None when the session has ended."""

    scope_now: Callable[[], Awaitable[tuple[Scope] | None]]
    scope: Scope
    after_id: int = 0
    waiting: deque[bytes] = field(default_factory=deque)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    is_slow: bool = False
    is_closed: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, event: FeedEvent, encoded: bytes) -> None:
        if event.id <= self.after_id or self.is_closed or not sees(self.scope, event.site_id):
            return
        self.after_id = event.id
        if len(self.waiting) >= MOST_WAITING:
            self.is_slow = True
            self.waiting.clear()
            self.close()
        else:
            self.waiting.append(encoded)
        self.woken.set()

    def close(self) -> None:
        self.is_closed = True
        self.woken.set()
        self.ended.set()


@dataclass(eq=False, slots=True)
class Witness:
    """Stands among the clients and looks at each event once it is encoded for them, until `saw` says that it has seen enough."""

    saw: Callable[[FeedEvent], bool]
    leave: Callable[[Witness], None]
    after_id: int = 0
    is_slow: bool = False

    def offer(self, event: FeedEvent, encoded: bytes) -> None:
        if event.id > self.after_id and self.saw(event):
            self.leave(self)

    def close(self) -> None:
        """It holds nothing open."""


def sees(scope: Scope, site_id: str | None) -> bool:
    """What concerns no site (None; of an alarm, no id) is for everybody."""
    return scope is None or not site_id or site_id in scope


class Live:
    """The pump and its clients. `join_s` and `heartbeat_s` are for tests to shorten."""

    def __init__(
        self, feed: Feed, board: Board, clock: Clock, name: Name, join_s: float = JOIN_S, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._feed, self._board, self._clock, self._name = feed, board, clock, name
        self.join_s, self.heartbeat_s = join_s, heartbeat_s
        self.clients: set[Client | Witness] = set()
        self.dropped_slow = 0
        self._position = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._home: asyncio.AbstractEventLoop | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._is_pump_due = False
        self._is_closed = False
        self._lock = threading.Lock()

    @property
    def pause_s(self) -> float:
        """Between two frames of one client: the more listen, the longer, up to `join_s` (from a hundred clients on)."""
        return min(self.join_s, PAUSE_A_CLIENT_S * len(self.clients))

    # -- the pump --------------------------------------------------------------------------------------------------------

    def join(self, client: Client | Witness) -> bool:
        """Take a client in, on the loop. False once closed."""
        if self._is_closed:
            return False
        if self._unsubscribe is None:
            self._loop = asyncio.get_running_loop()
            self._position = self._feed.last_id
            self._unsubscribe = self._feed.subscribe(self._wake)
        client.after_id = self._position
        self.clients.add(client)
        return True

    def leave(self, client: Client | Witness) -> None:
        self.clients.discard(client)
        self.dropped_slow += client.is_slow
        if not self.clients and self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def open(self) -> None:
        """On the API's loop, when that starts."""
        self._home = asyncio.get_running_loop()

    def witness(self, saw: Callable[[FeedEvent], bool]) -> None:
        """Let `saw` look, on the loop, at every event from now on, as it goes to clients, until it says True. From any thread."""
        home = self._home
        if home is not None and not home.is_closed():
            with contextlib.suppress(RuntimeError):  # the loop was closed between the look and the call
                home.call_soon_threadsafe(self.join, Witness(saw, self.leave))

    def close(self) -> None:
        """End every stream. From any thread, also twice."""
        with self._lock:
            self._is_closed, loop = True, self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._close_all)

    def _close_all(self) -> None:
        for client in list(self.clients):
            client.close()

    def _wake(self) -> None:
        """From the scan's thread: one pump for as many wakes as come before it runs."""
        with self._lock:
            if self._is_pump_due or self._loop is None or self._loop.is_closed():
                return
            self._is_pump_due = True
        try:
            self._loop.call_soon_threadsafe(self._pump)
        except RuntimeError:  # the loop was closed between the look and the call
            self._is_pump_due = False

    def _pump(self) -> None:
        with self._lock:
            self._is_pump_due = False
        events = self._feed.since(self._position)
        if events is None:  # fell behind the ring: everybody takes a fresh snapshot
            self._position = self._feed.last_id
            self._close_all()
            return
        now_ms = self._clock.now_ms()
        for event in events:
            encoded = frame(event.id, event.kind, event_body(event, now_ms, self._name))
            self._position = event.id
            for client in tuple(self.clients):
                client.offer(event, encoded)

    def health(self) -> Health:
        return self._board.health()

    # -- what a client starts with -----------------------------------------------------------------------------------------

    def missed(self, after_id: int, until_id: int, scope: Scope) -> bytes | None:
        """What came after one id until another, or None when that is no longer known."""
        events = self._feed.since(after_id)
        if events is None:
            return None
        now_ms = self._clock.now_ms()
        return b"".join(
            frame(e.id, e.kind, event_body(e, now_ms, self._name)) for e in events if e.id <= until_id and sees(scope, e.site_id)
        )

    def snapshot(self, at_id: int, scope: Scope) -> bytes:
        """Everything open in scope. `at_id` was read before, so that nothing can be missed; what comes twice is the same."""
        alarms = [alarm_shape(a, self._name, self._board) for a in tuple(self._board.alarms.values()) if sees(scope, a.site_id)]
        orders = tuple(self._board.orders.values())
        body = {
            "at": iso(self._clock.now_ms()),
            "alarms": alarms,
            "orders": [order_shape(o, self._name) for o in orders if o.state not in FINAL and sees(scope, o.site_id)],
            "facts": [fact_shape(f) for f in self._board.facts.values() if sees(scope, f.site_id)],
            "health": health_shape(self._board.health()),
        }
        return frame(at_id, "snapshot", body)


class LiveResponse(Response):
    """One client's stream until it leaves, is too slow, is signed out, or the service stops."""

    def __init__(self, live: Live, client: Client, last_event_id: int | None) -> None:
        super().__init__()
        self._live, self._client, self._last_event_id = live, client, last_event_id

    async def __call__(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        live, client = self._live, self._client
        if not live.join(client):
            await Response("stopping", 503, {"Retry-After": "2"})(scope, receive, send)
            return
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(_until_disconnect(receive))
        watching = asyncio.create_task(self._until_ended())
        try:
            await asyncio.wait({writing, leaving, watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            live.leave(client)
            for task in (writing, leaving, watching):
                task.cancel()
            results = await asyncio.gather(writing, leaving, watching, return_exceptions=True)
        if isinstance(results[0], Exception) and not isinstance(results[0], OSError):
            raise results[0]

    async def _write(self, send: Send) -> None:
        live, client, loop = self._live, self._client, asyncio.get_running_loop()
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        started_id, told = client.after_id, _condition(live.health())
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        first = None if self._last_event_id is None else live.missed(self._last_event_id, started_id, client.scope)
        if first is None:
            first = await to_thread.run_sync(live.snapshot, started_id, client.scope)
        await send({"type": "http.response.body", "body": RETRY + first, "more_body": True})
        heartbeat_at = scope_at = loop.time() + live.heartbeat_s
        while not client.is_closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(client.woken.wait(), max(0.0, heartbeat_at - loop.time()))
            client.woken.clear()
            now = loop.time()
            renewed = b""
            if now >= scope_at:
                scope = await client.scope_now()
                if scope is None:
                    break
                if scope[0] != client.scope:
                    # what the person sees has changed: a resumed stream would never show what stands there already, nor take the rest away
                    before = b"".join(client.waiting)
                    client.waiting.clear()
                    client.scope = scope[0]
                    renewed = before + await to_thread.run_sync(live.snapshot, client.after_id, client.scope)
                health = live.health()
                if _condition(health) != told:
                    told = _condition(health)
                    renewed += frame(client.after_id, "health", health_shape(health))
                scope_at = now + live.heartbeat_s
            if client.waiting or renewed:
                joined = renewed + b"".join(client.waiting)
                client.waiting.clear()
            elif now >= heartbeat_at:
                joined = HEARTBEAT
            else:
                continue
            await send({"type": "http.response.body", "body": joined, "more_body": True})
            heartbeat_at = loop.time() + live.heartbeat_s
            if not client.is_closed:
                await asyncio.sleep(live.pause_s)  # what comes meanwhile is sent together
        if not client.is_slow:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_ended(self) -> None:
        """A slow client is cut off at once; at a stop the last bytes have half a second to leave."""
        await self._client.ended.wait()
        if self._client.is_slow:
            log.info("a live client was %d events behind and is disconnected", MOST_WAITING)
        else:
            await asyncio.sleep(LEAVE_S)


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _condition(health: Health) -> tuple[bool, dict[str, str]]:
    """What of the service's health is news; its figures change all the time."""
    return health.ready, dict(health.degraded)
