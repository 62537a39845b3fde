"""A plant on a broker: a fleet stepped in real time, its readings published, its breakers answering commands.

`Plant` speaks through a function and is told the time, so tests run it without a broker; `run` gives it a connection and a clock.
Nothing here is bounded by hope: a publisher waits while its broker is behind, and a step never makes up for more than a second.
"""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from ingest.codecs.native import encode_telemetry
from ingest.codecs.zigbee2mqtt import encode_state
from ingest.heard import Message
from ingest.link import Address
from ingest.publish import Publisher
from ingest.topics import native_topic
from simulators.breakers import Change, answer
from simulators.fleet import Fleet
from simulators.place import Place
from sites.model import Device

Publish = Callable[[str, bytes, int, bool], str | None]  # topic, payload, qos, retain -> None or the reason why not

TICK_S = 0.05
_LONGEST_STEP_S = 1.0
_REMEMBERED = 10_000  # commands whose ids are known, so that the same one twice is done once


@dataclass(slots=True)
class Figures:
    """What a plant did."""

    messages: int = 0
    readings: int = 0
    not_taken: int = 0  # messages that the connection refused
    commands: int = 0
    replies: list[str] = field(default_factory=list)  # results, in order; the last thousand


class Plant:
    """Commands come in by `hear` from any thread; everything else happens in `tick`."""

    def __init__(self, place: Place, publish: Publish, *, seed: int = 1) -> None:
        self.place = place
        self.fleet = Fleet(place, seed)
        self.figures = Figures()
        self._publish = publish
        self._commands: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._device_of_topic = {_command_topic(device): device for device in place.devices if device.kind == "switch"}
        self._effects: list[tuple[float, int, Device, int, Change, Any, str]] = []  # by time; the counter keeps order
        self._counter = 0
        self._done: OrderedDict[str, tuple[str, str] | None] = OrderedDict()  # command id -> reply, None before it

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe so that commands reach this plant."""
        sites = dict.fromkeys(site.id for site in self.place.sites)
        native = [native_topic(site_id, "+", "command") for site_id in sites]
        return (*native, *(topic for topic, device in self._device_of_topic.items() if device.codec == "zigbee2mqtt"))

    def hear(self, message: Message) -> None:
        self._commands.put(message)

    def begin(self) -> None:
        """Say of every device that it is there, as its gateway would."""
        for device in self.place.devices:
            if device.codec == "zigbee2mqtt":
                self._say(f"{device.address}/availability", b'{"state":"online"}', 1, True)
            else:
                self._say(f"sitewarden/v1/{device.address}/status", b"online", 1, True)

    def tick(self, now_ms: int, dt_s: float) -> None:
        """Let `dt_s` pass: commands are taken, effects due happen, devices due report with `now_ms` as their time."""
        while True:
            try:
                message = self._commands.get_nowait()
            except queue.Empty:
                break
            self._command(message, now_ms)
        self.fleet.step(dt_s)
        while self._effects and self._effects[0][0] <= self.fleet.now_s:
            _, _, device, load, change, value, command_id = heapq.heappop(self._effects)
            self._happen(device, load, change, value, command_id)
        for row in self.fleet.due():
            self.report(row, now_ms, 1 if self.place.devices[row].kind in _QOS_1 else 0)

    def report(self, row: int, now_ms: int, qos: int) -> None:
        """Publish what the device of this row measures."""
        device = self.place.devices[row]
        values = self.fleet.reading(row)
        if not values:
            return
        if device.codec == "zigbee2mqtt":
            topic, payload = device.address, encode_state({**values, "signal": 80.0})
        else:
            site_id, _, name = device.address.partition("/")
            topic, payload = encode_telemetry(site_id, name, values, now_ms)
        if self._say(topic, payload, qos, False):
            self.figures.readings += len(values)

    def _say(self, topic: str, payload: bytes, qos: int, retain: bool) -> bool:
        reason = self._publish(topic, payload, qos, retain)
        if reason is not None:
            self.figures.not_taken += 1
            return False
        self.figures.messages += 1
        return True

    # -- commands --------------------------------------------------------------------------------------------------

    def _command(self, message: Message, now_ms: int) -> None:
        device = self._device_of_topic.get(message.topic)
        if device is None:
            return
        try:
            body = orjson.loads(message.payload)
        except orjson.JSONDecodeError:
            return
        if not isinstance(body, dict):
            return
        self.figures.commands += 1
        if device.codec == "zigbee2mqtt":
            for name, value in body.items():
                if name.startswith("state") and value in ("ON", "OFF"):
                    channel = name.removeprefix("state").removeprefix("_").removeprefix("l")
                    self._obey(device, channel, "cut" if value == "OFF" else "restore", "", False)
            return
        command_id, action = body.get("id"), body.get("action")
        if not isinstance(command_id, str) or action not in ("cut", "restore"):
            return
        if command_id in self._done:  # delivered twice: done once, answered again
            reply = self._done[command_id]
            if reply is not None:
                self._reply(device, command_id, *reply)
            return
        self._done[command_id] = None
        if len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        expires = body.get("expires")
        is_expired = isinstance(expires, int) and now_ms >= expires
        self._obey(device, str(body.get("circuit", "")), action, command_id, is_expired)

    def _obey(self, device: Device, circuit: str, action: str, command_id: str, is_expired: bool) -> None:
        load = self.fleet.load_row(device.id, circuit)
        if load is None and circuit == "1":  # a device's only circuit
            load = self.fleet.load_row(device.id, "")
        if load is None:
            if command_id:
                self._reply(device, command_id, "rejected", f"no circuit {circuit}")
            return
        for effect in answer(self.fleet.behaviours[load], action, is_expired=is_expired):
            self._counter += 1
            due_s = self.fleet.now_s + effect.after_s
            heapq.heappush(self._effects, (due_s, self._counter, device, load, effect.change, effect.value, command_id))

    def _happen(self, device: Device, load: int, change: Change, value: Any, command_id: str) -> None:
        match change:
            case Change.LOAD:
                self.fleet.set_drawing(load, value)
            case Change.CONTACT:
                self.fleet.set_contact(load, value)
            case Change.REPLY if command_id:
                self._reply(device, command_id, *value)

    def _reply(self, device: Device, command_id: str, result: str, reason: str) -> None:
        self._done[command_id] = (result, reason)
        self.figures.replies = [*self.figures.replies[-999:], result]
        body = {"id": command_id, "result": result, "reason": reason}
        self._say(f"sitewarden/v1/{device.address}/reply", orjson.dumps(body), 1, False)


_QOS_1 = frozenset({"smoke", "heat", "gas", "co", "manual_call", "switch", "electrical"})


def _command_topic(device: Device) -> str:
    return f"{device.address}/set" if device.codec == "zigbee2mqtt" else f"sitewarden/v1/{device.address}/command"


def run(
    address: Address,
    place: Place,
    *,
    stop: threading.Event,
    clock: Callable[[], int],
    seed: int = 1,
    speed: float = 1.0,
    seconds: float | None = None,
    rate: float | None = None,
    client_id: str = "sitewarden-plant",
    connect_timeout_s: float = 10.0,
    on_progress: Callable[[Figures], None] | None = None,
) -> Figures:
    """Run a plant until `stop` or for `seconds`. With `rate`, that many messages a second at QoS 1, device after device, instead of
    each at its own interval. Raises ingest.publish.NotPublished when no broker is there at the start; later it waits for it."""
    plant = Plant(place, lambda topic, payload, qos, retain: publisher.publish(topic, payload, qos=qos, retain=retain), seed=seed)
    publisher = Publisher(address, client_id, clock=clock, filters=plant.filters, on_message=plant.hear)
    try:
        publisher.start(connect_timeout_s)
        plant.begin()
        began = last = time.monotonic()
        sent = 0
        while not stop.is_set():
            now = time.monotonic()
            if seconds is not None and now - began >= seconds:
                break
            if rate is None:
                plant.tick(clock(), min(now - last, _LONGEST_STEP_S) * speed)
            else:
                sent = _at_rate(plant, clock, rate, now - began, now - last, sent)
            last = now
            if on_progress is not None:
                on_progress(plant.figures)
            stop.wait(max(0.0, (TICK_S if rate is None else 0.01) - (time.monotonic() - now)))
    finally:
        publisher.stop()
    return plant.figures


def _at_rate(plant: Plant, clock: Callable[[], int], rate: float, passed_s: float, dt_s: float, sent: int) -> int:
    """Publish what is owed by now, at most a second's worth at once; returns the number sent in all."""
    plant.fleet.step(min(dt_s, _LONGEST_STEP_S))
    owed = min(int(passed_s * rate) - sent, int(rate) + 1)
    rows = len(plant.place.devices)
    for i in range(sent, sent + owed):
        plant.report(i % rows, clock(), 1)
    return sent + owed
