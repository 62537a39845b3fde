"""B12: the live stream's fan-out. 500 clients at 200 transitions a second, beside a bare FastAPI loop that sends the same bytes to as many.

Both run as processes of their own, one after the other, read by the same reader. The figure is what share of the bare loop's bytes a second
the service delivers; both join what waits for 50 ms. Beside it: what a slow client, which reads nothing, costs the others.
"""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import raw_mqtt
from benchmarks.house import PASSWORD, SITE, cpu_s, device, furnished
from rules.model import Level, Rule, RuleKind, Severity
from tests import servers

CLIENTS, RATE, SECONDS = 500, 200, 15.0
DEVICES = 400
RUNS = 3
BAR = 0.7
_WARM_S = 3.0

BARE = """
import asyncio, sys
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

frame, rate = open(sys.argv[2], "rb").read(), int(sys.argv[3])
joined = frame * (rate // 20)
app = FastAPI()


async def events():
    loop = asyncio.get_running_loop()
    at = loop.time()
    while True:
        yield joined
        at += 0.05
        await asyncio.sleep(max(0.0, at - loop.time()))


@app.get("/api/v1/live")
async def live():
    return StreamingResponse(events(), media_type="text/event-stream")


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", backlog=1024)
"""


def run() -> list[dict[str, Any]]:
    """Rows of the table: the share of the bare loop's bytes; the same beside a client that does not read."""
    shares, slow_shares, costs = [], [], []
    with tempfile.TemporaryDirectory() as folder, servers.mosquitto() as mosquitto:
        rule = Rule(id="contact", name="contact", kind=RuleKind.STATE, metric="smoke_alarm", states=(1.0,),
                    levels=(Level(limit=1, severity=Severity.HIGH),))  # fmt: skip
        devices = [device(n, "smoke") for n in range(DEVICES)]
        with furnished(Path(folder), mosquitto.url, devices, [rule]) as service:
            token = service.sign_in("manager", PASSWORD).headers["Authorization"]
            with _Turning(mosquitto.port), raw_mqtt.connect(mosquitto.port, "spare"):
                frame = _one_frame(service.port, token)
                for _ in range(RUNS):
                    ours, our_cpu = _delivered(service.port, token, service.pid)
                    with _slow_client(service.port, token):
                        beside_slow, _ = _delivered(service.port, token, service.pid)
                    bare, bare_cpu = _bare(Path(folder), frame)
                    shares.append(ours / bare)
                    slow_shares.append(beside_slow / bare)
                    costs.append(our_cpu / max(bare_cpu, 0.01))
    rows = [
        (shares, f"{CLIENTS} clients at {RATE} transitions/s, share of a bare loop's bytes (CPU x{statistics.median(costs):.1f})"),
        (slow_shares, "the same beside a client that reads nothing"),
    ]
    return [
        {
            "id": "B12",
            "name": name,
            "figure": round(statistics.median(figures), 3),
            "unit": "of bare",
            "bar": f">= {BAR}",
            "holds": statistics.median(figures) >= BAR,
            "runs": [round(value, 3) for value in figures],
        }
        for figures, name in rows
    ]


class _Turning:
    """Turns contacts over at the rate, each a transition, until it is left."""

    def __init__(self, port: int) -> None:
        self._link, self._over = raw_mqtt.connect(port, "turning"), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Turning:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10.0)
        self._link.close()

    def _run(self) -> None:
        began, done = time.perf_counter(), 0
        while not self._over.is_set():
            due = int((time.perf_counter() - began) * RATE)
            for number in range(done, due):
                body = {"ts": time.time_ns() // 1_000_000, "values": {"smoke_alarm": 1 - number // DEVICES % 2}}
                topic = f"sitewarden/v1/{SITE}/d{number % DEVICES}/telemetry"
                self._link.sendall(raw_mqtt.publish_packet(topic, json.dumps(body).encode(), 0, 0))
            done = max(done, due)
            time.sleep(0.01)


def _open(port: int, token: str, receive_bytes: int = 0) -> socket.socket:
    link = socket.socket()
    if receive_bytes:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    link.settimeout(20.0)
    link.connect(("127.0.0.1", port))
    link.sendall(f"GET /api/v1/live HTTP/1.0\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n".encode())
    return link


def _slow_client(port: int, token: str) -> socket.socket:
    return _open(port, token, receive_bytes=4_096)


def _one_frame(port: int, token: str) -> bytes:
    """One event as the service sends it, of the usual length: what the bare loop repeats."""
    with _open(port, token) as link:
        got, end = b"", time.monotonic() + 20.0
        while got.count(b"event: alarm\n") < 50 and time.monotonic() < end:
            got += link.recv(65_536)
    events = [event + b"\n\n" for event in got.split(b"\n\n") if b"event: alarm\n" in event]
    assert events, "the live stream tells nothing"
    return sorted(events, key=len)[len(events) // 2]


def _delivered(port: int, token: str, pid: int) -> tuple[float, float]:
    """(bytes a second to all clients, CPU seconds a second of the server) after the snapshots."""
    links = []
    with selectors.DefaultSelector() as selector:
        try:
            for _ in range(CLIENTS):
                link = _open(port, token)
                link.setblocking(False)
                selector.register(link, selectors.EVENT_READ)
                links.append(link)
            _read(selector, _WARM_S + CLIENTS / 100)
            before = cpu_s(pid)
            began = time.perf_counter()
            received = _read(selector, SECONDS)
            took = time.perf_counter() - began
            return received / took, (cpu_s(pid) - before) / took
        finally:
            for link in links:
                link.close()


def _read(selector: selectors.BaseSelector, seconds: float) -> int:
    received, end = 0, time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        for key, _ in selector.select(end - now):
            piece = key.fileobj.recv(1 << 20)  # type: ignore[union-attr]
            assert piece, "a client was disconnected"
            received += len(piece)
    return received


def _bare(folder: Path, frame: bytes) -> tuple[float, float]:
    port = servers.free_port()
    (folder / "bare.py").write_text(BARE)
    (folder / "frame").write_bytes(frame)
    command = [sys.executable, str(folder / "bare.py"), str(port), str(folder / "frame"), str(RATE)]
    with subprocess.Popen(command) as process:
        try:
            end = time.monotonic() + 30.0
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    assert time.monotonic() < end, "the bare loop does not start"
                    time.sleep(0.1)
            return _delivered(port, "none", process.pid)
        finally:
            process.terminate()
