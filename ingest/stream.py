"""What a connection has received and not yet read. The MQTT library reads a socket three times a packet and gives the interpreter away each
time, which starves every other thread; so bytes are taken in large pieces, and PUBLISH packets, which are nearly all, are read here.

Whatever is not a plain and whole PUBLISH is left to the library, byte by byte.
"""

from __future__ import annotations

from ingest.heard import Message

_PUBLISH = 0x30


class Stream:
    """`most_qos` is the highest quality of service that is read here. `passed` counts the bytes that have left it."""

    __slots__ = ("_at", "_bytes", "_has_properties", "_most_qos", "passed")

    def __init__(self, protocol: int, most_qos: int) -> None:
        self._has_properties = protocol == 5
        self._most_qos = most_qos
        self._bytes = b""
        self._at = 0
        self.passed = 0

    def __len__(self) -> int:
        return len(self._bytes) - self._at

    def feed(self, received: bytes) -> None:
        self._bytes = self._bytes[self._at :] + received
        self._at = 0

    def take(self, most: int) -> bytes:
        """At most so many bytes, for the library."""
        taken = self._bytes[self._at : self._at + most]
        self._at += len(taken)
        self.passed += len(taken)
        return taken

    def messages(self, arrived_ms: int, epoch: int) -> list[Message]:
        """The PUBLISH packets at the front, as messages, up to the first packet that is another, unfinished or unusual. Must be called
        between two packets. MQTT 3.1.1 and 5, section 3.3: first byte, length, topic, id (not at QoS 0), properties (5), payload."""
        received, at, end = self._bytes, self._at, len(self._bytes)
        most_qos, has_properties = self._most_qos, self._has_properties
        found: list[Message] = []
        while at + 4 <= end:
            first, length, body = received[at], received[at + 1], at + 2
            if length >= 0x80:
                length += (received[body] - 1) * 0x80
                body += 1
                if received[body - 1] >= 0x80:
                    break  # above 16 kB
            stop = body + length
            qos = first >> 1 & 3
            if first & 0xF0 != _PUBLISH or qos > most_qos or stop > end or length < 3:
                break
            topic_at = body + 2
            topic_end = topic_at + (received[body] << 8 | received[body + 1])
            payload_at = topic_end + 2 if qos else topic_end
            if has_properties:
                if payload_at >= stop or received[payload_at] >= 0x80:
                    break
                payload_at += 1 + received[payload_at]
            if payload_at > stop or topic_end == topic_at:
                break
            try:
                topic = str(received[topic_at:topic_end], "utf-8")
            except UnicodeDecodeError:
                break
            mid = received[topic_end] << 8 | received[topic_end + 1] if qos else 0
            found.append(Message(topic, received[payload_at:stop], qos, bool(first & 1), arrived_ms, mid, epoch))
            at = stop
        self.passed += at - self._at
        self._at = at
        return found
