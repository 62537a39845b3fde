"""What is read of a connection's bytes without the library: the same messages, however the bytes are cut; all else is left alone."""

from __future__ import annotations

import random

import pytest

from benchmarks.raw_mqtt import publish_packet
from ingest.heard import Message
from ingest.stream import Stream

PING, PUBACK = b"\xd0\x00", b"\x40\x02\x00\x07"


def with_properties(packet: bytes, properties: bytes = b"") -> bytes:
    """A short MQTT 3.1.1 PUBLISH at QoS 1 as MQTT 5 writes it."""
    at = 4 + (packet[2] << 8 | packet[3]) + 2
    body = packet[2:at] + bytes([len(properties)]) + properties + packet[at:]
    return packet[:1] + bytes([len(body)]) + body


def test_plain_publishes_become_messages_with_their_ids() -> None:
    stream = Stream(4, most_qos=1)
    stream.feed(publish_packet("a/b", b"one", 1, 6) + publish_packet("温度", b"", 0, 0) + publish_packet("c", b"x" * 5_000, 1, 0))
    assert stream.messages(5, 2) == [
        Message("a/b", b"one", 1, False, 5, 7, 2),
        Message("温度", b"", 0, False, 5, 0, 2),
        Message("c", b"x" * 5_000, 1, False, 5, 1, 2),
    ]
    assert not stream


def test_properties_of_mqtt_5_are_passed_over() -> None:
    stream = Stream(5, most_qos=1)
    packet = publish_packet("t", b"body", 1, 1)
    stream.feed(with_properties(packet) + with_properties(packet, b"\x02\x00\x00\x00\x3c"))
    assert [(m.topic, m.payload, m.mid) for m in stream.messages(0, 0)] == [("t", b"body", 2)] * 2


def test_the_retain_bit_is_told() -> None:
    stream = Stream(4, most_qos=1)
    packet = publish_packet("t", b"body", 1, 1)
    stream.feed(bytes([packet[0] | 1]) + packet[1:])
    assert [m.retain for m in stream.messages(0, 0)] == [True]


@pytest.mark.parametrize(
    ("protocol", "most_qos", "left"),
    [
        (4, 1, PING),
        (4, 1, PUBACK),
        (4, 0, publish_packet("t", b"the library acknowledges it", 1, 1)),
        (4, 1, publish_packet("t", b"at QoS 2", 2, 1)),
        (4, 1, publish_packet("t", b"x" * 20_000, 1, 1)),
        (4, 1, publish_packet("", b"no topic", 1, 1)),
        (4, 1, b"\x32\x06\x00\x02\xff\xfe\x00\x01"),
        (4, 1, b"\x32\x03\x00\x09a"),
        (5, 1, b"\x32\x05\x00\x01a\x00\x01"),
        (5, 1, b"\x32\x06\x00\x01a\x00\x01\x09"),
        (5, 1, with_properties(publish_packet("", b"by alias", 1, 1), b"\x23\x00\x01")),
    ],
)
def test_what_is_not_a_plain_and_whole_publish_is_left_to_the_library_byte_by_byte(protocol: int, most_qos: int, left: bytes) -> None:
    stream = Stream(protocol, most_qos)
    plain = publish_packet("t", b"", 0, 1)
    stream.feed((plain if protocol == 4 else b"\x30\x04\x00\x01t\x00") + left + PING)
    assert len(stream.messages(0, 0)) == 1
    assert stream.messages(0, 0) == []
    assert b"".join(iter(lambda: stream.take(3), b"")) == left + PING


def test_the_messages_are_the_same_however_the_bytes_are_cut() -> None:
    chance = random.Random(7)
    packets = [publish_packet(f"t/{n}", bytes(chance.randrange(200)), chance.randrange(2), n) for n in range(300)]
    wire, whole = b"".join(packets), Stream(4, most_qos=1)
    whole.feed(wire)
    cut, found, at = Stream(4, most_qos=1), [], 0
    while at < len(wire):
        piece = chance.randrange(1, 400)
        cut.feed(wire[at : at + piece])
        found += cut.messages(0, 0)
        at += piece
    assert found == whole.messages(0, 0)
    assert (len(found), cut.passed) == (300, len(wire))
