"""Alarms' transitions over MQTT: what is in them, what is not, and that they never wait for anybody."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alarms.model import Attention, Signal, Suppression, Transition
from app import announcer
from app.announcer import Announcer, payload_of, topic_of
from app.stepped import Stepped
from ingest.broker import Link
from ingest.embedded import EmbeddedBroker
from ingest.heard import Message
from ingest.link import Address, Habits
from storage.projection import HistoryBatch, Outcome
from tests import servers
from tests.api.plant import NOON, alarm

SECRET = ("Mall", "厨房", "Detector 7", "燃气", "王工", "u-wang", "13800000000", "found steam", "filter blocked")


def transition(**changed: Any) -> Transition:
    why = Suppression(kind="shelved", reason="filter blocked", reason_zh="filter blocked", by="u-wang")
    full = replace(
        alarm("mall"),
        device_name="Detector 7",
        acknowledged_by="u-wang",
        assignee="u-wang",
        suppression=why,
        suppressions=(why,),
        attention=Attention.SUPPRESSED,
        **changed,
    )
    return Transition(
        alarm=full,
        signal=Signal.PROGRESSED,
        at_ms=NOON,
        who="u-wang",
        note="found steam",
        step="dispatched",
        whom="王工",
        phone="13800000000",
    )


def stepped(*transitions: Transition) -> Stepped:
    nothing = np.zeros(0, np.int64)
    return Stepped(7, NOON, Outcome(position=7, now_ms=NOON, transitions=list(transitions)), HistoryBatch(7, nothing, nothing, np.zeros(0)))


def test_a_message_says_what_happened_where_and_nothing_of_people() -> None:
    body = json.loads(payload_of(transition()))
    assert body["alarm"]["zone"] == {"id": "mall-kitchen"}
    assert body["alarm"]["rule"] == {"id": "mall-rule", "version": 1}
    assert (body["alarm"]["severity"], body["alarm"]["value"], body["alarm"]["suppressions"]) == ("high", 27.1, ["shelved"])
    assert (body["transition"]["signal"], body["transition"]["step"]) == ("progressed", "dispatched")
    text = payload_of(transition()).decode()
    assert [word for word in SECRET if word in text] == []


def test_the_services_own_alarms_have_a_place_of_their_own() -> None:
    assert topic_of(alarm("mall")) == "sitewarden/v1/mall/alarms/mall-alarm"
    assert topic_of(replace(alarm("mall"), site_id="")) == "sitewarden/v1/_service/alarms/mall-alarm"


@pytest.fixture(params=["mosquitto", "embedded"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    if request.param == "mosquitto":
        with servers.mosquitto() as server:
            yield Address.parse(server.url)
    else:
        parsed = Address.parse(f"embedded://127.0.0.1:{servers.free_port()}")
        with EmbeddedBroker(parsed, tmp_path_factory.mktemp("embedded"), None) as embedded:
            yield embedded.address


def until(condition, seconds: float = 8.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.01)


def test_every_transition_reaches_a_subscriber_once_and_a_late_one_hears_nothing_old(address: Address) -> None:
    heard: list[Message] = []
    clock = lambda: NOON  # noqa: E731
    listener = Link(
        "listener", address, Habits(client_id="l", filters=("sitewarden/v1/+/alarms/+",)), clock=clock, on_messages=heard.extend
    )
    announcing = Announcer(address, "announcer", clock)
    listener.start()
    announcing.start()
    late: list[Message] = []
    try:
        until(lambda: listener.is_up and announcing.link.is_up)
        many = [transition(seq=seq) for seq in range(1, 1_001)]
        for start in range(0, 1_000, 100):
            announcing.follow(stepped(*many[start : start + 100]))
        until(lambda: len(heard) >= 1_000)
        assert [json.loads(m.payload)["alarm"]["seq"] for m in heard] == list(range(1, 1_001))
        assert {m.topic for m in heard} == {"sitewarden/v1/mall/alarms/mall-alarm"}
        assert not any(m.retain for m in heard)
        assert (announcing.told, announcing.dropped) == (1_000, 0)
        after = Link("late", address, Habits(client_id="late", filters=("sitewarden/v1/+/alarms/+",)), clock=clock, on_messages=late.extend)
        after.start()
        until(lambda: after.is_up)
        time.sleep(0.2)
        after.stop()
    finally:
        announcing.stop()
        listener.stop()
    assert late == []


def test_without_a_broker_what_happens_is_counted_and_not_told_later() -> None:
    announcing = Announcer(Address.parse(f"mqtt://127.0.0.1:{servers.free_port()}"), "announcer", lambda: NOON)
    announcing.start()
    try:
        announcing.follow(stepped(transition(), transition()))
        assert (announcing.dropped, announcing.waiting) == (2, 0)
    finally:
        announcing.stop()


def test_the_queue_is_bounded_and_following_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcer, "MOST_WAITING", 10)
    announcing = Announcer(Address.parse("mqtt://127.0.0.1:1"), "announcer", lambda: NOON)
    announcing.link.is_up = True  # and its thread is not started: nothing leaves
    announcing.follow(stepped(*(transition(seq=seq) for seq in range(1, 9))))
    announcing.follow(stepped(*(transition(seq=seq) for seq in range(9, 17))))
    assert (announcing.waiting, announcing.dropped) == (10, 6)
