"""The world around the whole service in the fault runs, as processes and connections of its own: loads, commands overheard, and what the
service answers about what it has.

Nothing here judges: `checker` does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from api.shapes.times import iso
from ingest.codecs.native import encode_telemetry
from ingest.heard import Message
from ingest.link import Address
from ingest.publish import Publisher, publish_once
from tests.app import kitchen
from tests.app.process import asked
from tests.faults.checker import Kept, Reading

LOAD_PER_S = 400
HALL = [f"hall-{number}" for number in range(1, 11)]
PRESENCE = ("silence_detector", "silence_actuator", "silence_gateway", "silence_other")
_SPAN_MS = 20_000  # of one chart: raw, whatever the load


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Loader:
    """Publishes a numbered reading after another at QoS 1 until the end. `sent` is what the broker has acknowledged by then."""

    def __init__(self, mqtt_url: str, devices: list[str]) -> None:
        self.sent: list[Reading] = []
        self._devices = devices
        self._publisher = Publisher(Address.parse(mqtt_url), "loader", clock=now_ms)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)

    def __enter__(self) -> Loader:
        self._publisher.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10.0)
        self._publisher.stop()
        assert self._publisher.unsent == 0, "the broker did not acknowledge everything"

    def _run(self) -> None:
        began, number, last_ms = time.monotonic(), 0, dict.fromkeys(self._devices, 0)
        while not self._stop.wait(0.01):
            for number in range(number, int((time.monotonic() - began) * LOAD_PER_S)):  # noqa: B020 - goes on where it was
                device = self._devices[number % len(self._devices)]
                taken_ms = last_ms[device] = max(now_ms(), last_ms[device] + 1)  # no two of one device at one time
                topic, payload = encode_telemetry(kitchen.SITE, device, {"number": float(number)}, taken_ms)
                assert self._publisher.publish(topic, payload, qos=1) is None
                self.sent.append((device, taken_ms, float(number)))
            number += 1


class Field:
    """Devices that queue: what they say while the broker is away, they say when it is back, in order and with its own time. All that was
    said is with the broker at the end of the block, or that fails."""

    def __init__(self, port: int, devices: list[str], per_s: int) -> None:
        self.sent: list[Reading] = []
        self._devices, self._per_s = devices, per_s
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="field", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(100)
        self._client.on_publish = lambda *_: self._count()
        self._port, self._published, self._delivered = port, 0, 0
        self._lock = threading.Lock()
        self._last_ms: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="field", daemon=True)

    def __enter__(self) -> Field:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10.0)
        until = time.monotonic() + 30.0
        while self._delivered < self._published and time.monotonic() < until:
            time.sleep(0.02)
        left = self._published - self._delivered
        self._client.disconnect()
        self._client.loop_stop()
        assert left == 0, f"the broker did not acknowledge {left} messages"

    @property
    def queued(self) -> int:
        return self._published - self._delivered

    def tell(self, device: str, **values: float) -> int:
        """A reading of now; returns its time."""
        with self._lock:
            taken_ms = self._last_ms[device] = max(now_ms(), self._last_ms.get(device, 0) + 1)
            topic, payload = encode_telemetry(kitchen.SITE, device, values, taken_ms)
            self._published += 1
            self._client.publish(topic, payload, qos=1)
        return taken_ms

    def _count(self) -> None:
        self._delivered += 1

    def _run(self) -> None:
        number = 0
        while self._devices and not self._stop.wait(1 / self._per_s):
            number += 1
            device = self._devices[number % len(self._devices)]
            self.sent.append((device, self.tell(device, number=float(number)), float(number)))


@contextmanager
def commands_heard(mqtt_url: str) -> Iterator[list[dict[str, Any]]]:
    """Every command that was published to the switch."""
    heard: list[dict[str, Any]] = []

    def hear(message: Message) -> None:
        heard.append(orjson.loads(message.payload))

    listener = Publisher(
        Address.parse(mqtt_url), "listener", clock=now_ms, filters=(f"sitewarden/v1/{kitchen.SITE}/switch/command",), on_message=hear
    )
    listener.start()
    try:
        yield heard
    finally:
        listener.stop()


def tell(mqtt_url: str, *readings: tuple[str, dict[str, float]]) -> None:
    """Readings by (device, values), and the broker has them."""
    messages = [encode_telemetry(kitchen.SITE, device, values, now_ms()) for device, values in readings]
    publish_once(Address.parse(mqtt_url), messages, client_id="teller", clock=now_ms)


def hall(manager: httpx.Client) -> None:
    """A zone with ten more detectors that report when they like."""
    asked(manager, "POST", "/zones", id="hall", site_id=kitchen.SITE, name="大厅")
    for device in HALL:
        detector(manager, device, "hall")


def detector(manager: httpx.Client, device: str, zone: str) -> None:
    asked(manager, "POST", "/devices", id=device, site_id=kitchen.SITE, zone_id=zone, name=device, kind="gas", interval_s=36_000)


# -- what the service says that it has ---------------------------------------------------------------------------------


def pages(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    found, cursor = [], ""
    while cursor is not None:
        page = asked(client, "GET", f"{path}?limit=200{f'&cursor={cursor}' if cursor else ''}")
        found += page["items"]
        cursor = page["next_cursor"]
    return found


def all_orders(client: httpx.Client) -> list[dict[str, Any]]:
    return pages(client, "/orders")


def open_alarms(client: httpx.Client) -> dict[str, tuple[Any, ...]]:
    """device -> what must survive, of the open gas alarms."""
    kept = ("id", "severity", "value", "condition", "attention", "acknowledged_at", "acknowledged_by", "raised_at", "seq")
    gas = [alarm for alarm in pages(client, "/alarms") if alarm["rule"]["id"] == "lel"]
    assert len({alarm["subject"] for alarm in gas}) == len(gas), "two open alarms of one point"
    return {alarm["device"]["id"]: tuple(alarm[name] for name in kept) for alarm in gas}


def silences(client: httpx.Client) -> list[str]:
    return [alarm["device"]["id"] for alarm in pages(client, "/alarms") if alarm["rule"]["id"] in PRESENCE]


def stored(client: httpx.Client, device: str, since_ms: int) -> set[Reading]:
    """What the historian has of the device's numbers; fails where it shows a hole."""
    readings: set[Reading] = set()
    end_ms = now_ms() + 1
    for from_ms in range(since_ms, end_ms, _SPAN_MS):
        span = f"from={iso(from_ms)}&to={iso(min(from_ms + _SPAN_MS, end_ms))}"
        series = asked(client, "GET", f"/points/{device}:number/readings?{span}&resolution=fine")
        assert (series["step_ms"], series["gaps"]) == (0, [])
        readings |= {(device, taken, value) for taken, value in zip(series["taken_ms"], series["mean"], strict=True)}
    return readings


def kept(client: httpx.Client, commands: list[dict[str, Any]], since_ms: int, expected: set[Reading]) -> Kept:
    """All that the service has, once the historian has had time to take what is `expected`."""
    until = time.monotonic() + 15.0
    while True:
        readings = set[Reading]().union(*(stored(client, device, since_ms) for device in HALL))
        if expected <= readings or time.monotonic() > until:
            break
        time.sleep(0.5)
    alarms = [alarm for alarm in pages(client, "/alarms") if alarm["rule"]["id"] == "lel"]
    transitions = [
        (alarm["id"], transition["seq"], alarm["subject"], alarm["device"]["id"])
        for alarm in alarms
        for transition in asked(client, "GET", f"/alarms/{alarm['id']}")["transitions"]
    ]
    return Kept(
        readings=sorted(readings),
        transitions=transitions,
        open_alarms=[(alarm["rule"]["id"], alarm["subject"]) for alarm in alarms],
        orders=[
            (order["id"], f"{order['action']} {order['circuit_id']} by {order['cause']}", order["state"]) for order in all_orders(client)
        ],
        commands=[(command["id"], command["action"]) for command in commands],
    )
