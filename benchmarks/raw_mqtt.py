"""MQTT 3.1.1 by hand, as little of it as a load generator needs: packets made beforehand, so that publishing costs next to nothing.

For the benchmarks only: on a machine with two cores the publisher must not be what is measured.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable

_WINDOW = 20_000  # QoS 1 messages under way
_CHUNK = 64 * 1024


def connect(port: int, client_id: str) -> socket.socket:
    """A connected, clean session without keep-alive."""
    link = socket.create_connection(("127.0.0.1", port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(_packet(0x10, _text("MQTT") + b"\x04\x02\x00\x00" + _text(client_id)))
    _expect(link, b"\x20\x02\x00\x00")
    return link


def subscribe(link: socket.socket, topic_filter: str) -> None:
    """At QoS 0."""
    link.sendall(_packet(0x82, b"\x00\x01" + _text(topic_filter) + b"\x00"))
    _expect(link, b"\x90\x03\x00\x01\x00")


def publish_packet(topic: str, payload: bytes, qos: int, number: int) -> bytes:
    """`number` counts messages; ids go round."""
    mid = (number % 65_535 + 1).to_bytes(2, "big") if qos else b""
    return _packet(0x30 | qos << 1, _text(topic) + mid + payload)


def publish_all(link: socket.socket, packets: Iterable[bytes], qos: int) -> int:
    """Send everything, with at most so many QoS 1 messages under way; returns how many the broker took."""
    link.setblocking(False)
    sent = acknowledged = 0
    waiting = b""
    source = iter(packets)
    try:
        while True:
            taken = acknowledged // 4  # nothing but PUBACKs of four bytes comes this way
            while len(waiting) < _CHUNK and (not qos or sent - taken < _WINDOW):
                packet = next(source, None)
                if packet is None:
                    break
                waiting += packet
                sent += 1
            if not waiting and (not qos or taken == sent):
                return sent
            readable, writable, _ = select.select([link], [link] if waiting else [], [], 10.0)
            assert readable or writable, "the broker does not answer"
            if readable:
                acknowledged += len(link.recv(_CHUNK))
            if writable:
                waiting = waiting[link.send(waiting) :]
    finally:
        link.setblocking(True)


class Incoming:
    """Cuts what a connection receives into packets."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, received: bytes) -> list[tuple[int, bytes]]:
        """(first byte, body) of every packet that is whole."""
        data, at, packets = self._kept + received, 0, []
        while True:
            length, shift, start = 0, 0, at + 1
            while start < len(data) and data[start] & 0x80:
                length |= (data[start] & 0x7F) << shift
                shift, start = shift + 7, start + 1
            if start >= len(data):
                break
            length |= data[start] << shift
            if start + 1 + length > len(data):
                break
            packets.append((data[at], data[start + 1 : start + 1 + length]))
            at = start + 1 + length
        self._kept = data[at:]
        return packets


def topic_and_payload(body: bytes) -> tuple[str, bytes]:
    """Of a QoS 0 PUBLISH."""
    length = int.from_bytes(body[:2], "big")
    return body[2 : 2 + length].decode(), body[2 + length :]


def _packet(first: int, body: bytes) -> bytes:
    length, encoded = len(body), b""
    while True:
        length, digit = length >> 7, length & 0x7F
        encoded += bytes([digit | (0x80 if length else 0)])
        if not length:
            return bytes([first]) + encoded + body


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def _expect(link: socket.socket, answer: bytes) -> None:
    got = b""
    while len(got) < len(answer):
        got += link.recv(len(answer) - len(got))
    assert got == answer, f"the broker answers {got.hex()}"
