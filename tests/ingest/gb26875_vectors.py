"""Frames of GB/T 26875.3 with verified checksums, and the making of others."""

from __future__ import annotations

from datetime import datetime

from ingest.gb26875 import LOCAL, SEND, Frame, label_of

MAINS_FAULT = bytes.fromhex("4040 0100 0101 203A091A090C 790300000000 385B01000000 0900 02 15 01 08 02 3A091A090C 42 2323".replace(" ", ""))
CONFIRM = bytes.fromhex("4040 0100 0101 233A091A090C 385B01000000 790300000000 0000 03 AB 2323".replace(" ", ""))
DUTY_CHECK = bytes.fromhex("4040 0100 0101 203A091A090C 385B01000000 790300000000 0300 01 5B 01 0A 0F 2323".replace(" ", ""))
CLOCK_SYNC = bytes.fromhex("4040 0100 0101 203A091A090C 385B01000000 790300000000 0800 01 5A 01 023A091A090C 7D 2323".replace(" ", ""))
SMOKE_FIRE = bytes.fromhex(
    "4040 0000 0101 180d11160a14 000000000000 060504030201 3000 02 02 01 01 03 00 d9000600 0200".replace(" ", "")
    + "a3c1c7f8a3b1b2e3dfc8b2b8d7dfc0c8"
    + "00" * 15
    + "301213010814 68 2323".replace(" ", "")
)
VECTORS = (MAINS_FAULT, CONFIRM, DUTY_CHECK, CLOCK_SYNC, SMOKE_FIRE)

T = int(datetime(2026, 9, 26, 9, 58, 32, tzinfo=LOCAL).timestamp()) * 1000


def frame(body: bytes, *, serial: int = 1, command: int = SEND, source: int = 889, at_ms: int = T) -> Frame:
    return Frame(serial, b"\x01\x01", label_of(at_ms), source, 88888, command, body)


def component(
    status: int, *, kind: int = 42, point: int = 7, loop: int = 3, text: str = "", system: tuple[int, int] = (1, 1), at_ms: int = T
) -> bytes:
    """One object of data type 2."""
    name = text.encode("gb18030").ljust(31, b" ")
    return (
        bytes([*system, kind])
        + point.to_bytes(2, "little")
        + loop.to_bytes(2, "little")
        + status.to_bytes(2, "little")
        + name
        + label_of(at_ms)
    )


def status_frame(*objects: bytes, serial: int = 1) -> Frame:
    return frame(bytes([2, len(objects)]) + b"".join(objects), serial=serial)
