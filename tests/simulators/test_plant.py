"""The plant: what it publishes our codecs understand; commands are done once; on a real broker it lives and stops."""

from __future__ import annotations

import threading
import time

import orjson
import pytest

from ingest.decode import Decoder
from ingest.heard import Availability, Message, Refused, UnknownDevice
from ingest.link import Address
from ingest.publish import NotPublished, Publisher
from power.model import Confirmation
from simulators.factory import factory
from simulators.mall import STORY_KITCHEN, mall
from simulators.plant import Plant, run
from simulators.scenarios import scenario
from sites.model import point_key
from sites.roster import Roster
from tests import servers

NOW = 1_790_000_000_000


class Wire:
    """Keeps what a plant publishes."""

    def __init__(self, place) -> None:
        self.said: list[Message] = []
        self.plant = Plant(place, self.publish, seed=1)
        self.now_ms = NOW

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> str | None:
        self.said.append(Message(topic, payload, qos, retain, self.now_ms, mid=qos))
        return None

    def live(self, seconds: float, dt_s: float = 0.1) -> None:
        for _ in range(round(seconds / dt_s)):
            self.now_ms += round(dt_s * 1000)
            self.plant.tick(self.now_ms, dt_s)

    def command(self, device_id: str, circuit: str, action: str, command_id: str = "o1", expires_in_ms: int = 30_000) -> None:
        body = {"id": command_id, "circuit": circuit, "action": action, "issued": self.now_ms, "expires": self.now_ms + expires_in_ms}
        topic = f"sitewarden/v1/mall/{device_id}/command"
        self.plant.hear(Message(topic, orjson.dumps(body), 1, False, self.now_ms))

    def replies(self) -> list[dict]:
        return [orjson.loads(m.payload) for m in self.said if m.topic.endswith("/reply")]


@pytest.mark.parametrize("make", [mall, factory])
def test_all_that_it_says_is_understood(make):
    place = make()
    roster = Roster()
    for thing in place.things():
        roster.put(thing)
    wire = Wire(place)
    wire.plant.begin()
    wire.live(90)
    heard = Decoder(roster).decode(wire.said)
    items = [item for _, item in heard.items]
    assert not [item for item in items if isinstance(item, Refused | UnknownDevice)]
    assert len([item for item in items if isinstance(item, Availability)]) == len(place.devices)
    assert len(heard.readings) > 900
    said = set(heard.readings.keys.tolist())
    assert {point_key(signal.device_id, signal.metric) for signal in place.signals} <= said


def test_a_command_is_obeyed_answered_and_done_once():
    wire = Wire(mall())
    wire.live(2)
    switch = "mall-f1-s01-switch"
    row = wire.plant.fleet.device_rows[switch]
    wire.command(switch, "2", "cut")
    wire.live(1)
    assert wire.replies() == [{"id": "o1", "result": "done", "reason": ""}]
    assert wire.plant.fleet.reading(row)["closed.2"] == 0
    wire.command(switch, "2", "restore", "o2")
    wire.live(1)
    wire.command(switch, "2", "cut")  # the same order again, late: answered, not done
    wire.live(1)
    assert [reply["id"] for reply in wire.replies()] == ["o1", "o2", "o1"]
    assert wire.plant.fleet.reading(row)["closed.2"] == 1


def test_an_expired_command_and_an_unknown_circuit_are_rejected():
    wire = Wire(mall())
    wire.command("mall-f1-s01-switch", "2", "cut", "late", expires_in_ms=-1)
    wire.command("mall-f1-s01-switch", "7", "cut", "nowhere")
    wire.live(1)
    assert {reply["id"]: reply["result"] for reply in wire.replies()} == {"late": "rejected", "nowhere": "rejected"}
    assert wire.plant.fleet.reading(wire.plant.fleet.device_rows["mall-f1-s01-switch"])["closed.2"] == 1


@pytest.mark.parametrize("payload", [b"x", b"[]", b"{}", b'{"id":1,"action":"cut"}', b'{"id":"o","action":"explode"}'])
def test_nonsense_is_no_command(payload):
    wire = Wire(mall())
    wire.plant.hear(Message("sitewarden/v1/mall/mall-f1-s01-switch/command", payload, 1, False, NOW))
    wire.plant.hear(Message("sitewarden/v1/mall/nobody/command", payload, 1, False, NOW))
    wire.live(1)
    assert wire.replies() == []


def test_the_lying_breaker_says_done_shows_open_and_still_draws():
    wire = Wire(mall())
    device_id = f"{STORY_KITCHEN}-switch-2"
    wire.command(device_id, "1", "cut")
    wire.live(1)
    assert wire.replies()[0]["result"] == "done"
    reading = wire.plant.fleet.reading(wire.plant.fleet.device_rows[device_id])
    assert reading["closed"] == 0
    assert reading["current_a"] > 5


def test_a_zigbee_plug_answers_with_its_state_and_that_confirms():
    place = mall()
    roster = Roster()
    for thing in place.things():
        roster.put(thing)
    wire = Wire(place)
    topic = "zigbee2mqtt/f3/s05/sterilizer/set"
    assert topic in wire.plant.filters
    wire.plant.hear(Message(topic, b'{"state":"OFF"}', 1, False, NOW))
    wire.live(1)
    heard = Decoder(roster).decode([m for m in wire.said if m.topic == topic.removesuffix("/set")])
    last = [item for _, item in heard.items if isinstance(item, Confirmation)][-1]
    assert (last.device_id, last.order_id, last.reason) == (f"{STORY_KITCHEN}-plug", None, "open")


@pytest.mark.wire
def test_on_a_real_broker_it_reports_obeys_and_stops():
    with servers.mosquitto() as server:
        address, heard, stop, figures = Address.parse(server.url), [], threading.Event(), []

        def clock() -> int:
            return int(time.time() * 1000)

        listener = Publisher(address, "listener", clock=clock, filters=("sitewarden/#", "zigbee2mqtt/#"), on_message=heard.append)
        listener.start()
        thread = threading.Thread(target=lambda: figures.append(run(address, mall(), stop=stop, clock=clock, speed=4.0)))
        thread.start()
        time.sleep(1.5)
        body = {"id": "o1", "circuit": "1", "action": "cut", "issued": clock(), "expires": clock() + 30_000}
        listener.publish("sitewarden/v1/mall/mall-f1-s01-switch/command", orjson.dumps(body), qos=1)
        end = time.monotonic() + 10
        while not any(m.topic.endswith("/reply") for m in heard) and time.monotonic() < end:
            time.sleep(0.02)
        stop.set()
        thread.join(10)
        assert not thread.is_alive()
        listener.stop()
    assert figures[0].replies == ["done"]
    assert figures[0].not_taken == 0
    assert len({m.topic for m in heard if m.topic.endswith("/telemetry")}) > 250


@pytest.mark.wire
def test_at_a_rate_it_publishes_that_many():
    with servers.mosquitto() as server:
        figures = run(
            Address.parse(server.url), scenario("crowd", 100), stop=threading.Event(), clock=lambda: int(time.time() * 1000),
            seconds=1.0, rate=500.0,
        )  # fmt: skip
    assert 300 <= figures.readings <= 505


def test_without_a_broker_it_says_so():
    stop = threading.Event()
    nobody = Address(host="127.0.0.1", port=servers.free_port())
    with pytest.raises(NotPublished, match="no connection"):
        run(nobody, scenario("crowd", 1), stop=stop, clock=lambda: 0, connect_timeout_s=0.3)
