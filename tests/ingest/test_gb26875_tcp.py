"""The TCP end of GB/T 26875.3 on real sockets: frames into the inbox, confirmed only after the journal; bounds and noise."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ingest import gb26875_tcp
from ingest.gb26875 import CONFIRM, DENY, REQUEST, cut
from ingest.gb26875_tcp import MAX_UNCONFIRMED, TOPIC, Listener, parse
from ingest.heard import Message
from ingest.inbox import Inbox
from tests.ingest.gb26875_vectors import MAINS_FAULT, SMOKE_FIRE, frame

NOW = 1_790_000_000_000


class Centre:
    """A listener on a free port; `drain` and `acknowledge` are what the scan does."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.now_s = 0.0
        self.listener = Listener("127.0.0.1", 0, self.inbox, lambda: NOW, lambda: self.now_s)

    def drain(self, wanted: int, within_s: float = 5.0) -> list[Message]:
        found: list[Message] = []
        end = time.monotonic() + within_s
        while len(found) < wanted and time.monotonic() < end:
            found += self.inbox.drain(1_000)
            time.sleep(0.002)
        return found

    def acknowledge(self, messages: list[Message]) -> None:
        self.listener.acknowledge([(message.epoch, message.mid) for message in messages])


@pytest.fixture
def centre() -> Iterator[Centre]:
    centre = Centre()
    centre.listener.start()
    yield centre
    centre.listener.stop()


class Device:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.connection.settimeout(5)

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.sendall(piece)

    def answers(self, wanted: int) -> list[tuple[int, int]]:
        """(command, serial) of the next answers."""
        stream = b""
        while len(cut(stream).frames) < wanted:
            received = self.connection.recv(4_096)
            assert received, "the centre hung up"
            stream += received
        return [(answer.command, answer.serial) for answer in cut(stream).frames]

    def is_silent(self, for_s: float = 0.2) -> bool:
        self.connection.settimeout(for_s)
        try:
            return self.connection.recv(1) == b"never"
        except TimeoutError:
            return True
        finally:
            self.connection.settimeout(5)

    def is_hung_up(self) -> bool:
        try:
            return self.connection.recv(4_096) == b""
        except ConnectionResetError:
            return True


@contextmanager
def device(centre: Centre) -> Iterator[Device]:
    with socket.create_connection(centre.listener.address, timeout=5) as connection:
        yield Device(connection)


def test_a_frame_is_confirmed_only_when_the_journal_has_it(centre):
    with device(centre) as unit:
        unit.send(MAINS_FAULT)
        (message,) = centre.drain(1)
        assert (message.topic, message.payload, message.qos, message.arrived_ms) == (TOPIC, MAINS_FAULT, 1, NOW)
        assert message.epoch < 0 < message.mid
        assert unit.is_silent()
        centre.acknowledge([message])
        assert unit.answers(1) == [(CONFIRM, 1)]
    assert centre.listener.figures.confirmed == 1


def test_the_brokers_acknowledgements_are_left_alone(centre):
    with device(centre) as unit:
        unit.send(MAINS_FAULT)
        (message,) = centre.drain(1)
        centre.listener.acknowledge([(1, message.mid)])
        assert unit.is_silent()


def test_sticky_split_and_noisy_streams_give_the_same_frames(centre):
    stream = b"garbage" + MAINS_FAULT + SMOKE_FIRE + b"@" + SMOKE_FIRE
    with device(centre) as unit:
        unit.send(*(stream[i : i + 5] for i in range(0, len(stream), 5)))
        messages = centre.drain(3)
    assert [message.payload for message in messages] == [MAINS_FAULT, SMOKE_FIRE, SMOKE_FIRE]
    assert centre.listener.figures.skipped_bytes == 8


def test_a_damaged_frame_and_a_command_without_meaning_are_denied_at_once(centre):
    broken = bytearray(MAINS_FAULT)
    broken[30] ^= 1
    with device(centre) as unit:
        unit.send(bytes(broken), frame(b"\x15\x00", command=REQUEST, serial=9).raw)
        assert unit.answers(2) == [(DENY, 1), (DENY, 9)]
        (message,) = centre.drain(1)
        centre.acknowledge([message])
        assert unit.is_silent()  # denied already


def test_two_devices_are_answered_each_its_own(centre):
    with device(centre) as first, device(centre) as second:
        first.send(frame(b"", serial=11).raw)
        second.send(frame(b"", serial=22).raw)
        centre.acknowledge(centre.drain(2))
        assert first.answers(1) == [(CONFIRM, 11)]
        assert second.answers(1) == [(CONFIRM, 22)]


def test_a_device_that_is_not_confirmed_is_not_read_further(centre):
    with device(centre) as unit:
        for serial in range(3 * MAX_UNCONFIRMED):
            unit.send(frame(b"", serial=serial).raw)
            time.sleep(0.002)
        first = centre.drain(MAX_UNCONFIRMED)
        assert MAX_UNCONFIRMED <= len(first) < 2 * MAX_UNCONFIRMED
        time.sleep(0.1)
        assert len(centre.inbox) == 0
        seen = first
        centre.acknowledge(first)
        while len(seen) < 3 * MAX_UNCONFIRMED:
            more = centre.drain(1)
            assert more
            seen = seen + more
            centre.acknowledge(more)
        assert [answer for _, answer in unit.answers(3 * MAX_UNCONFIRMED)] == list(range(3 * MAX_UNCONFIRMED))


def test_after_a_time_without_journal_unconfirmed_devices_must_come_again_others_stay(centre):
    with device(centre) as waits, device(centre) as idle:
        waits.send(MAINS_FAULT)
        centre.drain(1)
        centre.listener.redeliver()
        assert waits.is_hung_up()
        idle.send(frame(b"", serial=5).raw)
        centre.acknowledge(centre.drain(1))
        assert idle.answers(1) == [(CONFIRM, 5)]


def test_connections_are_bounded_and_room_is_made_by_the_silent_ones(centre, monkeypatch):
    monkeypatch.setattr(gb26875_tcp, "MAX_CONNECTIONS", 2)
    with device(centre) as first, device(centre) as second:
        for unit in (first, second):
            unit.send(MAINS_FAULT)
        centre.drain(2)
        with device(centre) as third:
            assert third.is_hung_up()
        assert centre.listener.figures.refused == 1
        centre.now_s = gb26875_tcp.SILENT_S + 1
        assert first.is_hung_up()
        with device(centre) as fourth:
            fourth.send(MAINS_FAULT)
            assert len(centre.drain(1)) == 1


def test_noise_that_only_looks_like_frames_is_disconnected(centre):
    broken = bytearray(MAINS_FAULT)
    broken[30] ^= 1
    with device(centre) as unit:
        unit.send(bytes(broken) * (gb26875_tcp.MAX_DENIED + 2))
        while not unit.is_hung_up():
            pass
    assert centre.drain(1, within_s=0.05) == []


def test_an_acknowledgement_after_the_device_has_gone_is_for_nobody(centre):
    with device(centre) as unit:
        unit.send(MAINS_FAULT)
        messages = centre.drain(1)
    centre.acknowledge(messages)
    with device(centre) as again:
        again.send(MAINS_FAULT)
        (message,) = centre.drain(1)
        assert message.epoch != messages[0].epoch
        centre.acknowledge([message])
        assert again.answers(1) == [(CONFIRM, 1)]


def test_a_port_that_is_taken_says_so(centre):
    with pytest.raises(OSError, match="in use"):
        Listener(*centre.listener.address, Inbox(), lambda: NOW, lambda: 0.0)


def test_addresses():
    assert parse("tcp://127.0.0.1:5050") == ("127.0.0.1", 5050)
    for wrong in ("127.0.0.1:5050", "tcp://127.0.0.1", "udp://127.0.0.1:5050", "tcp://:5050", "tcp://h:5050/x"):
        with pytest.raises(ValueError, match="tcp://HOST:PORT"):
            parse(wrong)
