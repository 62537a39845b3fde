"""The inbox: what it drops when full and why, what it never drops, in which order it is drained."""

from __future__ import annotations

from ingest.heard import Message
from ingest.inbox import OLDEST, SUPERSEDED, TOO_LARGE, Inbox


def message(topic: str, body: bytes = b"x", *, qos=0, at=0) -> Message:
    return Message(topic, body, qos, False, at, mid=qos, epoch=1)


def test_a_full_inbox_drops_the_oldest_of_the_same_topic_first():
    inbox = Inbox(max_messages=8)
    inbox.put(message("quiet", b"only"))
    for i in range(8):
        inbox.put(message("busy", b"%d" % i))
    kept = inbox.drain(100)
    assert [m.payload for m in kept] == [b"only", b"3", b"4", b"5", b"6", b"7"]
    assert inbox.dropped == {SUPERSEDED: 3}


def test_when_no_topic_repeats_the_oldest_goes():
    inbox = Inbox(max_messages=4)
    for i in range(5):
        inbox.put(message(f"t{i}"))
    assert [m.topic for m in inbox.drain(100)] == ["t2", "t3", "t4"]
    assert inbox.dropped == {OLDEST: 2}


def test_bytes_are_bounded_too():
    inbox = Inbox(max_bytes=1_000, max_payload=500)
    for i in range(10):
        inbox.put(message(f"t{i}", b"x" * 300))
    inbox.put(message("giant", b"x" * 501))
    assert sum(len(m.payload) for m in inbox.drain(100)) <= 1_000
    assert inbox.dropped[TOO_LARGE] == 1


def test_qos_1_and_replies_are_never_dropped():
    inbox = Inbox(max_messages=4)
    for i in range(100):
        inbox.put(message("t", b"%d" % i, qos=1))
        inbox.put(message("t"))
        inbox.put_urgent(message("reply", b"r%d" % i, qos=1))
    kept = inbox.drain(1_000)
    assert [m.payload for m in kept if m.qos and m.topic == "t"] == [b"%d" % i for i in range(100)]
    assert sum(m.topic == "reply" for m in kept) == 100
    assert sum(not m.qos for m in kept) <= 4


def test_replies_overtake_a_backlog_but_no_time_falls():
    inbox = Inbox()
    for at in range(10):
        inbox.put(message("t", at=at))
    inbox.put_urgent(message("reply", at=50))
    first, second = inbox.drain(4), inbox.drain(100)
    assert "reply" in [m.topic for m in first]
    times = [m.arrived_ms for m in first + second]
    assert times == sorted(times)
    assert inbox.drain(10) == []


def test_without_a_backlog_a_reply_keeps_its_time_and_place():
    inbox = Inbox()
    inbox.put(message("a", at=1))
    inbox.put_urgent(message("reply", at=2))
    inbox.put(message("b", at=3))
    assert [(m.topic, m.arrived_ms) for m in inbox.drain(10)] == [("a", 1), ("reply", 2), ("b", 3)]


def test_it_wakes_on_the_first_arrival_and_when_something_is_left():
    calls: list[str] = []
    inbox = Inbox(lambda: calls.append("wake"))
    for i in range(5):
        inbox.put(message(f"t{i}"))
    assert len(calls) == 1
    inbox.drain(3)
    assert len(calls) == 2
    inbox.drain(3)
    assert len(calls) == 2
    inbox.put_urgent(message("reply"))
    assert len(calls) == 3
    assert inbox.arrivals == 6


def test_the_oldest_waiting_tells_the_lag():
    inbox = Inbox()
    assert inbox.oldest_ms is None
    inbox.put(message("t", at=7))
    assert inbox.oldest_ms == 7


def test_reading_on_is_worth_it_until_half_the_bound_waits():
    inbox = Inbox(max_messages=8)
    inbox.put(*[message(f"t{i}", qos=i % 2) for i in range(3)])
    assert inbox.has_room()
    inbox.put(message("t3"))
    assert not inbox.has_room()
    inbox.drain(1)
    assert inbox.has_room()
