"""All shipped filters on real brokers: both connections stay up, and each message comes once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from ingest.broker import Broker
from ingest.codecs import catalogue, table
from ingest.embedded import EmbeddedBroker
from ingest.inbox import Inbox
from ingest.link import Address
from ingest.publish import Publisher
from ingest.topics import filters_of
from tests import servers
from tests.ingest.test_codecs import TOPICS

pytestmark = pytest.mark.wire


def clock() -> int:
    return int(time.time() * 1000)


@pytest.fixture(params=["mosquitto", "embedded"])
def address(request, tmp_path) -> Iterator[Address]:
    if request.param == "mosquitto":
        with servers.mosquitto() as server:
            yield Address.parse(server.url)
    else:
        with EmbeddedBroker(Address(host="127.0.0.1", port=servers.free_port()), tmp_path) as broker:
            yield broker.address


def test_every_shipped_filter_is_subscribed_and_every_message_comes_once(address):
    telemetry, replies = (filters_of(routes) for routes in table("all", "", "zigbee2mqtt", catalogue()))
    inbox = Inbox()
    broker = Broker(address, "service", inbox, clock=clock, telemetry_filters=telemetry, reply_filters=replies)
    publisher = Publisher(address, "plant", clock=clock)
    broker.start()
    publisher.start()
    try:
        end = time.monotonic() + 10
        while not (broker.is_up and publisher.is_up) and time.monotonic() < end:
            time.sleep(0.02)
        assert broker.is_up
        for topic in TOPICS:
            publisher.publish(topic, b"true", qos=1)
        heard: Counter[str] = Counter()
        while sum(heard.values()) < len(TOPICS) and time.monotonic() < end:
            heard.update(message.topic for message in inbox.drain(1_000))
            time.sleep(0.02)
        time.sleep(0.5)  # for a second copy
        heard.update(message.topic for message in inbox.drain(1_000))
        assert heard == Counter(TOPICS.keys())
        assert (broker.telemetry.connections, broker.commands.connections) == (1, 1)
        assert (broker.telemetry.problem, broker.commands.problem) == ("", "")
    finally:
        publisher.stop()
        broker.stop()
