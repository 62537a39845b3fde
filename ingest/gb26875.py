"""Frames of GB/T 26875.3-2011 (fire user information transmission devices), cut out of a stream and built.

A stream may begin anywhere, stick frames together, split them and carry noise: the leftmost sound frame counts, what lies before it is
skipped and counted. Knows neither what the data mean nor how they travel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

START, END = b"@@", b"##"
HEADER = 27  # bytes up to and with the command
OVERHEAD = 30
MAX_DATA = 1_024  # bytes of the application data unit (7.2)
MAX_FRAME = OVERHEAD + MAX_DATA
MAX_DAMAGED = 64  # damaged frames told of in one cut; a stream with more is noise

CONTROL, SEND, CONFIRM, REQUEST, RESPONSE, DENY = 1, 2, 3, 4, 5, 6
LOCAL = timezone(timedelta(hours=8))  # the time label has no zone: China's, which has had no daylight saving since 1991


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `label` is its time label as sent (second, minute, hour, day, month, year of the century)."""

    serial: int
    version: bytes
    label: bytes
    source: int
    target: int
    command: int
    body: bytes

    @property
    def raw(self) -> bytes:
        """As on the wire."""
        head = (
            self.serial.to_bytes(2, "little")
            + self.version
            + self.label
            + self.source.to_bytes(6, "little")
            + self.target.to_bytes(6, "little")
            + len(self.body).to_bytes(2, "little")
            + bytes([self.command])
            + self.body
        )
        return START + head + bytes([sum(head) & 0xFF]) + END

    def answer(self, command: int, label: bytes | None = None) -> bytes:
        """A confirmation or denial of this frame: its serial number, the addresses turned round. Without `label` its own."""
        return Frame(self.serial, self.version, self.label if label is None else label, self.target, self.source, command, b"").raw


@dataclass(slots=True)
class Cut:
    """What a stream held: sound frames, those with a wrong checksum (to be denied), bytes skipped, and the rest to go on with, at most
    one frame long."""

    frames: list[Frame] = field(default_factory=list)
    damaged: list[Frame] = field(default_factory=list)
    skipped: int = 0
    rest: bytes = b""


def cut(stream: bytes) -> Cut:
    """All frames of this stretch of a stream. `skipped` counts the bytes that are in no sound frame, damaged ones with them."""
    out = Cut()
    at = 0
    while True:
        found, damaged, keep = _next(stream, at, MAX_DAMAGED - len(out.damaged))
        out.damaged += damaged
        if found is None:
            out.skipped += keep - at
            out.rest = stream[keep:]
            return out
        start, frame = found
        out.skipped += start - at
        out.frames.append(frame)
        at = start + OVERHEAD + len(frame.body)


def _next(stream: bytes, at: int, most_damaged: int) -> tuple[tuple[int, Frame] | None, list[Frame], int]:
    """(where the leftmost sound frame is, it), the damaged ones passed, and where the rest begins when there is none."""
    damaged: list[tuple[int, Frame]] = []
    keep = -1
    start = stream.find(START, at)
    while start >= 0:
        left = len(stream) - start
        size = int.from_bytes(stream[start + 24 : start + 26], "little") if left >= HEADER else 0
        if left < OVERHEAD + size and size <= MAX_DATA:
            keep = start if keep < 0 else keep  # may become a frame
        elif size <= MAX_DATA and stream.startswith(END, start + OVERHEAD + size - 2):
            frame = _frame(stream[start : start + OVERHEAD + size])
            body = stream[start + 2 : start + OVERHEAD + size - 3]
            if sum(body) & 0xFF == stream[start + OVERHEAD + size - 3]:
                return (start, frame), [passed for _, passed in damaged], 0
            damaged.append((start, frame))
            if len(damaged) > most_damaged:
                return None, [passed for _, passed in damaged], len(stream)
        start = stream.find(START, start + 1)
    if keep < 0:
        keep = len(stream) - stream.endswith(START[:1])
    return None, [passed for where, passed in damaged if where < keep], max(keep, at)


def _frame(raw: bytes) -> Frame:
    def number(start: int, stop: int) -> int:
        return int.from_bytes(raw[start:stop], "little")

    return Frame(number(2, 4), raw[4:6], raw[6:12], number(12, 18), number(18, 24), raw[26], raw[HEADER:-3])


def label_of(ms: int) -> bytes:
    """The time label of a moment."""
    moment = datetime.fromtimestamp(ms / 1000, LOCAL)
    return bytes([moment.second, moment.minute, moment.hour, moment.day, moment.month, moment.year % 100])


def ms_of(label: bytes) -> int | None:
    """Epoch ms of a time label, or None where it is none (all zero, or no date)."""
    second, minute, hour, day, month, year = label
    try:
        return int(datetime(2000 + year, month, day, hour, minute, second, tzinfo=LOCAL).timestamp()) * 1000
    except ValueError:
        return None
