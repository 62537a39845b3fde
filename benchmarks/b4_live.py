"""B4: from a device's publish to the event in the live stream, at 1,000 messages a second, beside a bare MQTT round trip of the same
messages through the same broker.

One process publishes at an even pace, hears the round trip and reads the stream, in one loop over raw sockets; one message in ten makes a
transition of an alarm. Moments are taken when bytes leave and when they have come.
"""

from __future__ import annotations

import json
import select
import socket
import statistics
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import raw_mqtt
from benchmarks.house import PASSWORD, SITE, device, furnished
from rules.model import Level, Rule, RuleKind, Severity
from tests import servers
from tests.app.process import ServiceProcess

RATE = 1_000  # messages a second
SECONDS = 20.0
RUNS = 3
DEVICES = 1_000
ALARMING = 100  # devices with a contact that opens and closes
BAR_P99_MS = 100.0
SCAN_MIN_MS = 10  # the service's default
_WARM_S = 3.0


@dataclass(slots=True)
class Taken:
    """Milliseconds by message."""

    round_trip: list[float] = field(default_factory=list)
    live: list[float] = field(default_factory=list)


def run() -> list[dict[str, Any]]:
    """Rows of the table: p99 and p50 of publish to live event; p50's bar is the round trip's p50 and two scans."""
    runs = [_measure() for _ in range(RUNS)]
    p50s, p99s = ([_percentile(taken.live, share) for taken in runs] for share in (0.5, 0.99))
    trips = [_percentile(taken.round_trip, 0.5) for taken in runs]
    bars = [trip + 2 * SCAN_MIN_MS for trip in trips]
    events = sum(len(taken.live) for taken in runs)
    rows = [
        (p99s, [BAR_P99_MS] * RUNS, f"p99, publish to live event at {RATE:,} messages/s, {events:,} events"),
        (p50s, bars, f"p50 of the same; a round trip through the broker alone takes {statistics.median(trips):.2f} ms"),
    ]
    return [
        {
            "id": "B4",
            "name": name,
            "figure": round(statistics.median(figures), 2),
            "unit": "ms",
            "bar": f"<= {statistics.median(bar):.1f}",
            "holds": statistics.median(figures) <= statistics.median(bar),
            "runs": [round(value, 2) for value in figures],
        }
        for figures, bar, name in rows
    ]


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _measure() -> Taken:
    contact = Rule(
        id="contact",
        name="contact",
        kind=RuleKind.STATE,
        metric="smoke_alarm",
        states=(1.0,),
        levels=(Level(limit=1, severity=Severity.HIGH),),
    )
    devices = [device(number) for number in range(DEVICES)]
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.mosquitto() as mosquitto,
        furnished(Path(folder), mosquitto.url, devices, [contact], scan_min_ms=SCAN_MIN_MS) as service,
    ):
        publisher, listener = (raw_mqtt.connect(mosquitto.port, name) for name in ("publisher", "listener"))
        raw_mqtt.subscribe(listener, f"sitewarden/v1/{SITE}/+/telemetry")
        stream = _open_stream(service)
        with publisher, listener, stream:
            return _Pace(publisher, listener, stream).run()


def _open_stream(service: ServiceProcess) -> socket.socket:
    """The live stream, past its snapshot. HTTP/1.0, so that events come without chunks' lengths between them."""
    token = service.sign_in("manager", PASSWORD).headers["Authorization"]
    stream = socket.create_connection(("127.0.0.1", service.port))
    stream.sendall(f"GET /api/v1/live HTTP/1.0\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n".encode())
    got = b""
    while not (b"event: snapshot" in got and got.endswith(b"\n\n")):
        got += stream.recv(65_536)
    assert got.startswith(b"HTTP/1.1 200"), got[:200]
    return stream


class _Pace:
    """The loop. Every tenth message is of the next alarming device and turns its contact over."""

    def __init__(self, publisher: socket.socket, listener: socket.socket, stream: socket.socket) -> None:
        self._publisher, self._listener, self._stream = publisher, listener, stream
        self._incoming = raw_mqtt.Incoming()
        self._told = b""
        self._sent_at: dict[bytes, float] = {}  # payload -> when, of messages that the round trip still owes
        self._turned_at: dict[str, deque[float]] = {f"d{number}": deque() for number in range(ALARMING)}
        self._taken = Taken()
        self._number = 0
        self._is_warm = False

    def run(self) -> Taken:
        began = time.perf_counter()
        end, warm = began + _WARM_S + SECONDS, began + _WARM_S
        while (now := time.perf_counter()) < end:
            self._is_warm = now >= warm
            due = began + self._number / RATE
            if now >= due:
                self._publish()
                continue
            self._hear(min(due, end) - now)
        patience = time.perf_counter() + 5.0
        while (any(self._turned_at.values()) or self._sent_at) and time.perf_counter() < patience:
            self._hear(0.1)
        waiting = sum(map(len, self._turned_at.values())) + len(self._sent_at)
        assert not waiting, f"{waiting} messages were not answered"
        return self._taken

    def _publish(self) -> None:
        number = self._number
        self._number += 1
        ts = time.time_ns() // 1_000_000
        if number % 10 == 0:
            turn = number // 10
            name, values = f"d{turn % ALARMING}", {"smoke_alarm": 1 - turn // ALARMING % 2}
        else:
            name, values = f"d{ALARMING + number % (DEVICES - ALARMING)}", {"temperature": 20.0 + number % 7}
        payload = json.dumps({"ts": ts, "values": values, "n": number}).encode()
        packet = raw_mqtt.publish_packet(f"sitewarden/v1/{SITE}/{name}/telemetry", payload, 1, number)
        at = time.perf_counter()
        self._sent_at[payload] = at
        if number % 10 == 0:
            self._turned_at[name].append(at)
        self._publisher.sendall(packet)

    def _hear(self, seconds: float) -> None:
        readable, _, _ = select.select([self._listener, self._stream, self._publisher], [], [], seconds)
        now = time.perf_counter()
        if self._stream in readable:
            received = self._stream.recv(262_144)
            assert received, "the live stream has ended"
            self._told += received
            *events, self._told = self._told.split(b"\n\n")
            for event in events:
                self._take_event(event, now)
        if self._listener in readable:
            for first, body in self._incoming.feed(self._listener.recv(65_536)):
                if first >> 4 == 3:
                    self._keep(self._taken.round_trip, self._sent_at.pop(raw_mqtt.topic_and_payload(body)[1]), now)
        if self._publisher in readable:
            self._publisher.recv(65_536)  # acknowledgements

    def _take_event(self, event: bytes, now: float) -> None:
        if b"event: alarm\n" not in event:
            return
        body = json.loads(event.split(b"data: ", 1)[1])
        self._keep(self._taken.live, self._turned_at[body["alarm"]["device"]["id"]].popleft(), now)

    def _keep(self, kept: list[float], sent_at: float, now: float) -> None:
        if self._is_warm:
            kept.append((now - sent_at) * 1000)
