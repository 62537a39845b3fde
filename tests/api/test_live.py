"""The live stream on a real server: snapshot, deltas in scope, resume, joining, heartbeats, slow clients, a stop within two seconds."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from alarms.model import Signal, Transition
from api import live as live_module
from api.live import Client, Live
from api.ports import FeedEvent, Health
from api.run import HttpServer, bind
from api.server import bare_app
from app.clock import ManualClock
from app.feed import Feed
from hazards import loop
from hazards.model import Source
from power.model import OrderState, OrderStep
from tests.api.conftest import Service
from tests.api.plant import NOON, PaperBoard, alarm, order


@dataclass
class Seen:
    id: int
    kind: str
    body: Any


class Stream:
    """One open stream, read event by event."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._lines = response.iter_lines()
        self.comments = 0

    def next(self) -> Seen:
        fields: dict[str, str] = {}
        for line in self._lines:
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                return Seen(int(fields["id"]), fields["event"], json.loads(fields["data"]))
            else:
                fields = {}
        raise EOFError("the stream has ended")

    def until_heartbeat(self) -> None:
        while not self.comments:
            if next(self._lines).startswith(":"):
                self.comments += 1

    def rest(self) -> list[Seen]:
        found = []
        try:
            while True:
                found.append(self.next())
        except (EOFError, httpx.HTTPError):
            return found


@contextmanager
def listening(service: Service, login: str, **headers: str) -> Iterator[Stream]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with service.client.stream("GET", "/api/v1/live", headers=service.as_(login) | named, timeout=5.0) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


def changed(site: str, seq: int, **more: Any) -> tuple[str, str | None, Any]:
    after = alarm(site, seq=seq, **more)
    return "alarm", site, Transition(alarm=after, signal=Signal.STEPPED_UP, at_ms=NOON, value=30.0)


def test_a_snapshot_first_then_every_change_in_its_shape(service: Service) -> None:
    with listening(service, "operator") as stream:
        first = stream.next()
        assert first.kind == "snapshot"
        assert [a["id"] for a in first.body["alarms"]] == ["mall-alarm"]
        assert [o["id"] for o in first.body["orders"]] == ["mall-order"]
        assert first.body["health"]["ready"] is True
        hazard = loop.report(
            number="n", enterprise_id="e1", site_id="mall", source=Source.SELF_CHECK, category="exit", title="t", description="",
            who="u-operator", now_ms=NOON,
        )  # fmt: skip
        proved = order("mall", state=OrderState.PROVED, seq=2, proved_ms=NOON)
        service.feed.extend(
            5,
            [
                changed("mall", 2),
                ("order", "mall", OrderStep(order=proved, before="sent", at_ms=NOON, reason="0.0 A")),
                ("hazard", "mall", hazard),
                ("device", "mall", {"device_id": "mall-gas", "state": "silent"}),
                ("health", None, Health(True, {"records": "unreachable"}, {})),
            ],
        )
        events = [stream.next() for _ in range(5)]
    assert [e.kind for e in events] == ["alarm", "order", "hazard", "device", "health"]
    assert (events[0].body["alarm"]["seq"], events[0].body["transition"]["signal"]) == (2, "stepped_up")
    assert (events[1].body["order"]["state"], events[1].body["step"]["reason"]) == ("proved", "0.0 A")
    assert events[2].body["hazard"]["found_by"]["id"] == "u-operator"
    assert events[4].body["degraded"] == {"records": "unreachable"}
    ids = [first.id, *(e.id for e in events)]
    assert ids == sorted(set(ids)), "ids rise strictly"


def test_what_is_outside_never_appears(service: Service) -> None:
    with listening(service, "plant") as stream:
        first = stream.next()
        assert [a["site"]["id"] for a in first.body["alarms"]] == ["plant"]
        assert {o["site_id"] for o in first.body["orders"]} == {"plant"}
        service.feed.extend(5, [changed("mall", 2), changed("plant", 2), changed("mall", 3), changed("plant", 3)])
        assert [stream.next().body["alarm"]["site"]["id"] for _ in range(2)] == ["plant", "plant"]
        last = service.feed.last_id
    service.feed.extend(6, [changed("mall", 4), changed("plant", 4)])
    with listening(service, "plant", Last_Event_ID=str(last)) as stream:
        missed = stream.next()
        assert (missed.kind, missed.body["alarm"]["site"]["id"]) == ("alarm", "plant")


def test_it_resumes_after_the_last_event_without_gap_or_repetition(service: Service) -> None:
    with listening(service, "operator") as stream:
        stream.next()
        service.feed.extend(5, [changed("mall", 2)])
        last = stream.next()
    service.feed.extend(6, [changed("mall", 3), changed("mall", 4)])
    with listening(service, "operator", Last_Event_ID=str(last.id)) as stream:
        service.feed.extend(7, [changed("mall", 5)])
        assert [stream.next().body["alarm"]["seq"] for _ in range(3)] == [3, 4, 5]


def test_an_id_that_is_no_longer_known_gets_a_fresh_snapshot(service: Service) -> None:
    for unknown in ("1", str(service.feed.last_id + 1_000)):
        with listening(service, "operator", Last_Event_ID=unknown) as stream:
            assert stream.next().kind == "snapshot"
    refused = service.client.get("/api/v1/live?last_event_id=x", headers=service.as_("operator"))
    assert refused.status_code == 422


def test_an_own_acknowledgement_arrives_at_once(service: Service) -> None:
    with listening(service, "operator") as stream:
        stream.next()
        began = time.monotonic()
        service.call("operator", "POST", "/alarms/mall-alarm/acknowledge", {})
        event = stream.next()
        assert event.body["alarm"]["attention"] == "acknowledged"
        assert event.body["transition"]["who"] == {"id": "u-operator", "name": "Name of operator"}
        assert time.monotonic() - began < 2.0


def test_heartbeats_keep_an_idle_stream_open_and_notice_a_lost_session(build: Callable[..., Service]) -> None:
    service = build(live_heartbeat_s=0.1)
    with listening(service, "operator") as stream:
        stream.next()
        stream.until_heartbeat()
        service.call("operator", "POST", "/auth/logout", status=204)
        assert stream.rest() == [], "the stream ends"


def test_a_changed_grant_brings_a_fresh_snapshot_of_what_is_seen_now(build: Callable[..., Service]) -> None:
    service = build(live_heartbeat_s=0.1)
    with listening(service, "operator") as stream:
        stream.next()
        user = service.call("root", "GET", "/users/u-operator")
        grants = [{"role": "operator", "node_kind": "site", "node_id": "plant"}]
        service.call("root", "PUT", "/users/u-operator", user | {"grants": grants} | {"id": None} if False else {
            "login": "operator", "name": "x", "version": user["version"], "grants": grants})  # fmt: skip
        again = stream.next()
        assert (again.kind, [a["site"]["id"] for a in again.body["alarms"]]) == ("snapshot", ["plant"])
        for site in ("mall", "plant"):
            after = alarm(site, seq=2)
            service.feed.extend(2, [("alarm", site, Transition(alarm=after, signal=Signal.NOTED, at_ms=NOON))])
        assert stream.next().body["alarm"]["site"]["id"] == "plant"


def test_a_change_of_the_services_health_is_told_to_those_who_listen_already(build: Callable[..., Service]) -> None:
    service = build(live_heartbeat_s=0.1)
    with listening(service, "operator") as stream:
        assert stream.next().body["health"]["degraded"] == {}
        service.board.degraded = {"records": "connection refused"}
        told = stream.next()
        assert (told.kind, told.body["degraded"]) == ("health", {"records": "connection refused"})
        service.board.degraded = {}
        assert stream.next().body["degraded"] == {}


def test_what_waits_is_joined_in_one_frame_and_encoded_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    true_frame = live_module.frame
    monkeypatch.setattr(live_module, "frame", lambda i, k, b: encoded.append(i) or true_frame(i, k, b))

    async def story() -> None:
        feed, clock = Feed(), ManualClock(NOON)
        live = Live(feed, PaperBoard(), clock, lambda _: None)
        clients = [Client(scope_now, None) for _ in range(3)]
        for client in clients:
            assert live.join(client)
        threads = [threading.Thread(target=feed.extend, args=(5 + i, [changed("mall", i)])) for i in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        await asyncio.sleep(0.05)
        assert [len(c.waiting) for c in clients] == [20, 20, 20]
        for client in clients:
            live.leave(client)

    asyncio.run(story())
    assert len(encoded) == 20


async def scope_now() -> tuple[None]:
    return (None,)


def test_a_client_that_is_too_far_behind_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "MOST_WAITING", 3)
    client = Client(scope_now, frozenset({"mall"}))
    for number in range(1, 4):
        client.offer(FeedEvent(number, "alarm", "mall", None), b"x")
    client.offer(FeedEvent(4, "alarm", "plant", None), b"x")
    assert (len(client.waiting), client.is_slow) == (3, False)
    client.offer(FeedEvent(5, "alarm", "mall", None), b"x")
    assert (len(client.waiting), client.is_slow, client.is_closed) == (0, True, True)


def test_a_client_that_does_not_read_is_disconnected_and_slows_nobody(service: Service, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "MOST_WAITING", 50)
    address = httpx.URL(url)
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.connect((address.host, address.port))
    lazy.sendall(f"GET /api/v1/live HTTP/1.1\r\nHost: x\r\nAuthorization: {service.as_('operator')['Authorization']}\r\n\r\n".encode())
    with listening(service, "operator") as stream:
        stream.next()
        wait_for(lambda: len(service.door.live.clients) == 2)
        big = "x" * 100_000
        for seq in range(2, 200):
            service.feed.extend(seq, [changed("mall", seq, device_name=big)])
            assert stream.next().body["alarm"]["seq"] == seq
        wait_for(lambda: service.door.live.dropped_slow == 1)
        assert len(service.door.live.clients) == 1
    lazy.close()


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until, "it did not happen within 10 s"
        time.sleep(0.01)


def test_a_feed_that_was_overrun_makes_everybody_begin_again(build: Callable[..., Service]) -> None:
    service = build()
    small = Feed(most=4)
    small.start_at(1)
    service.door.live._feed = small
    with listening(service, "operator") as stream:
        stream.next()
        small.extend(5, [changed("mall", seq) for seq in range(2, 40)])
        assert stream.rest() == []


def test_the_server_stops_within_two_seconds_with_streams_open(service: Service) -> None:
    app: FastAPI = bare_app("1")
    app.state.door = service.door
    server = HttpServer(app, bind("127.0.0.1", 0))
    server.start()
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        headers = service.as_("operator")
        with client.stream("GET", "/api/v1/live", headers=headers, timeout=5.0) as reading:
            stream = Stream(reading)
            assert stream.next().kind == "snapshot"
            began = time.monotonic()
            server.stop()
            assert time.monotonic() - began < 2.0
            assert stream.rest() == []
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((server.host, server.port), timeout=1.0)
    server.stop()


def test_a_port_that_is_taken_is_said_before_anything_starts() -> None:
    first = bind("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", first.getsockname()[1])
    first.close()


def test_small_answers_leave_at_once(service: Service, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame must not wait for the acknowledgement of the one before (Nagle's algorithm with delayed acknowledgements: 40 ms)."""
    options: list[int] = []
    true_enter = live_module.Live.join

    def join(live: Live, client: Client) -> bool:
        for transport in getattr(asyncio.get_running_loop(), "_transports", {}).values():
            taken = transport.get_extra_info("socket")
            is_open = taken is not None and taken.fileno() >= 0  # closed ones stand in the table for a while
            if is_open and taken.type == socket.SOCK_STREAM and taken.family == socket.AF_INET:
                options.append(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return true_enter(live, client)

    monkeypatch.setattr(live_module.Live, "join", join)
    with listening(service, "operator") as stream:
        stream.next()
    assert options
    assert all(options)


def test_a_stream_asked_for_while_stopping_is_refused(service: Service) -> None:
    service.door.live.close()
    assert service.client.get("/api/v1/live", headers=service.as_("operator")).status_code == 503


def test_snapshots_leave_final_orders_out(service: Service) -> None:
    service.board.orders["done"] = replace(order("mall"), id="done", state=OrderState.PROVED)
    with listening(service, "operator") as stream:
        assert [o["id"] for o in stream.next().body["orders"]] == ["mall-order"]
