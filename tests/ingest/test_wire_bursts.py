"""Bursts over a real connection: nothing is lost of what is read in large pieces, whatever its size, and a slow taker sets the pace."""

from __future__ import annotations

import random
import time

import pytest

from benchmarks.raw_mqtt import connect, publish_all, publish_packet
from ingest.broker import Broker
from ingest.heard import Message
from ingest.inbox import Inbox
from ingest.link import Address
from tests import servers

pytestmark = pytest.mark.wire


def clock() -> int:
    return time.time_ns() // 1_000_000


def burst(qos: int, count: int, inbox: Inbox, at_once: int, pause_s: float, biggest: int) -> tuple[list[Message], list[bytes]]:
    """Send so many messages at once to a service that drains `at_once` of them and acknowledges; returns what it got and what was sent."""
    chance = random.Random(qos)
    payloads = [b"%d " % n + bytes(chance.randrange(biggest)) for n in range(count)]
    got: list[Message] = []
    with servers.mosquitto() as server:
        filters = ("t/#",)
        broker = Broker(Address.parse(server.url), "service", inbox, clock=clock, telemetry_filters=filters, reply_filters=("r/#",))
        broker.start()
        end = time.monotonic() + 30.0
        while not broker.is_up:
            assert time.monotonic() < end
            time.sleep(0.01)
        link = connect(server.port, "burst")
        publish_all(link, (publish_packet(f"t/{n % 7}", payload, qos, n) for n, payload in enumerate(payloads)), qos)
        while len(got) < count and time.monotonic() < end:
            drained = inbox.drain(at_once)
            broker.acknowledge([(m.epoch, m.mid) for m in drained if m.mid])
            got += drained
            time.sleep(pause_s)
        link.close()
        broker.stop()
    return got, payloads


@pytest.mark.parametrize("qos", [0, 1])
def test_every_message_of_a_burst_arrives_once_and_in_order_also_the_large_ones(qos: int) -> None:
    got, payloads = burst(qos, 4_000, Inbox(), 1_000, 0.0, biggest=20_000)
    assert [m.payload for m in got] == payloads
    assert {m.qos for m in got} == {qos}


def test_a_burst_at_qos_0_is_read_at_the_pace_of_the_one_who_takes_it() -> None:
    inbox = Inbox(max_messages=20_000)
    got, payloads = burst(0, 60_000, inbox, 500, 0.01, biggest=60)
    assert inbox.dropped == {}
    assert [m.payload for m in got] == payloads
