"""Saving what is sound out of a damaged journal file, without SQLite's help: page by page, chunk by chunk, judged by checksum.

SQLite drops everything after a bad frame of its write-ahead log and everything below a bad tree page; rows that were acknowledged must
not go that way. The damaged files are kept as evidence. File format: https://www.sqlite.org/fileformat2.html, sections 1.6 and 4.1.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import struct
from collections.abc import Generator, Iterator
from pathlib import Path

from storage.journal_rows import CHUNK_BITS, CHUNKS_MOST, INSERT, PAGE_BYTES, SCHEMA, Chunk, is_sound

_WAL_HEADER, _FRAME_HEADER = 32, 24
_LEAF = 0x0D
_PLAUSIBLE = 4096  # positions that a bad tail may be ahead of the last sound row


def wal_path(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def shared_path(path: Path) -> Path:
    return path.with_name(path.name + "-shm")


def has_sound_head(path: Path) -> bool:
    """Whether the file says that it is SQLite's, with our page size, in WAL mode."""
    with open(path, "rb") as file:
        return file.read(20) == b"SQLite format 3\0" + PAGE_BYTES.to_bytes(2) + b"\x02\x02"


def commits_in_wal(path: Path) -> list[int]:
    """Numbers (from 1) of the commit frames of the log's present generation, by salt alone, checksums unlooked at."""
    return [number for number, (_, pages, _) in enumerate(_frames(path), 1) if pages]


def set_aside(path: Path) -> Path:
    """Copy the journal and its log to a free name `*.damaged-N`; returns the copy's path."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        shutil.copyfile(path, aside)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(wal_path(path), wal_path(aside))
    except BaseException:
        aside.unlink(missing_ok=True)
        wal_path(aside).unlink(missing_ok=True)
        raise
    return aside


def salvage(damaged: Path, into: Path) -> int:
    """Copy every sound chunk of `damaged` (with its log) into a new journal file `into`; returns the last position seen, also where
    that row itself is bad."""
    with (
        contextlib.closing(sqlite3.connect(into, isolation_level=None)) as new,
        contextlib.closing(_chunks(damaged)) as found,
    ):
        new.execute(f"PRAGMA page_size={PAGE_BYTES}")
        new.execute(SCHEMA)
        new.execute("BEGIN")
        bad: set[int] = set()

        def sound() -> Iterator[Chunk]:
            for chunk in found:
                if is_sound(chunk):
                    yield chunk
                else:
                    bad.add(chunk[0] >> CHUNK_BITS)

        new.executemany(INSERT.replace("INSERT", "INSERT OR IGNORE"), sound())
        new.execute("COMMIT")
        last = (new.execute("SELECT max(id) FROM chunks").fetchone()[0] or 0) >> CHUNK_BITS
    return max([last, *(position for position in bad if last < position <= last + _PLAUSIBLE)])


def _frames(path: Path) -> Iterator[tuple[int, int, int]]:
    """(page number, pages after commit or 0, offset of the page) of each frame of the log's present generation."""
    if not wal_path(path).exists():
        return
    with open(wal_path(path), "rb") as file:
        header = file.read(_WAL_HEADER)
        if len(header) < _WAL_HEADER:
            return
        # the salts of the generation stand in every frame too, should the header be damaged
        salts = header[16:24] if _is_sound_header(header) else file.read(16)[8:]
        size, misses = wal_path(path).stat().st_size, 0
        for offset in range(_WAL_HEADER, size - _FRAME_HEADER - PAGE_BYTES + 1, _FRAME_HEADER + PAGE_BYTES):
            file.seek(offset)
            frame = file.read(_FRAME_HEADER)
            # a frame of an older generation has other salts; one bad frame among good ones may have lost its own
            misses = 0 if frame[8:16] == salts else misses + 1
            if misses > 1:
                return
            if not misses:
                yield int.from_bytes(frame[:4]), int.from_bytes(frame[4:8]), offset + _FRAME_HEADER


def _is_sound_header(header: bytes) -> bool:
    for order in (">", "<"):
        first = second = 0
        for one, other in struct.iter_unpack(f"{order}II", header[:24]):
            first = first + one + second & 0xFFFFFFFF
            second = second + other + first & 0xFFFFFFFF
        if struct.pack(">II", first, second) == header[24:32]:
            return True
    return False


def _chunks(path: Path) -> Generator[Chunk, None, None]:
    """Everything that looks like a chunk in any page of the file or its log; the same chunk may come several times."""
    with contextlib.ExitStack() as stack:
        main = stack.enter_context(open(path, "rb"))
        log = stack.enter_context(open(wal_path(path), "rb")) if wal_path(path).exists() else main
        frames = list(_frames(path))
        in_log = {number: offset for number, _, offset in frames}

        pages = path.stat().st_size // PAGE_BYTES

        def page(number: int) -> bytes:
            if number in in_log:
                log.seek(in_log[number])
                return log.read(PAGE_BYTES)
            if number > pages:  # a pointer that is nonsense
                return b""
            main.seek((number - 1) * PAGE_BYTES)
            return main.read(PAGE_BYTES)

        for number in range(2, max([pages, *in_log]) + 1):
            yield from _cells(page(number), page)
            if number in in_log:
                main.seek((number - 1) * PAGE_BYTES)
                yield from _cells(main.read(PAGE_BYTES), page)
        # the page that was being written when the power failed may be torn: what it held before stands in the log, in older frames
        for number, _, offset in reversed(frames):
            if in_log[number] != offset:
                log.seek(offset)
                yield from _cells(log.read(PAGE_BYTES), page)


def _cells(leaf: bytes, page: object) -> Iterator[Chunk]:
    """The chunks of one table leaf page; nothing for any other page, no error for nonsense."""
    assert callable(page)
    if len(leaf) < PAGE_BYTES or leaf[0] != _LEAF:
        return
    count = min(int.from_bytes(leaf[3:5]), (PAGE_BYTES - 8) // 2)
    for place in range(8, 8 + 2 * count, 2):
        with contextlib.suppress(IndexError):
            at = int.from_bytes(leaf[place : place + 2])
            size, at = _varint(leaf, at)
            chunk_id, at = _varint(leaf, at)
            if size > (1 << 20) + 64:
                continue
            most = PAGE_BYTES - 35
            local = size
            if size > most:
                least = (PAGE_BYTES - 12) * 32 // 255 - 23
                local = least + (size - least) % (PAGE_BYTES - 4)
                local = local if local <= most else least
            payload = bytearray(leaf[at : at + local])
            following = int.from_bytes(leaf[at + local : at + local + 4]) if local < size else 0
            while len(payload) < size and following:
                overflow = page(following)
                following = int.from_bytes(overflow[:4])
                if len(overflow) < PAGE_BYTES:
                    break
                payload += overflow[4:]
            chunk = _record(chunk_id, bytes(payload[:size]))
            if chunk is not None:
                yield chunk


def _record(chunk_id: int, payload: bytes) -> Chunk | None:
    """A record of (NULL for the id, of, format, checksum, body) as a chunk, or None when it is of another shape."""
    end, at = _varint(payload, 0)
    types: list[int] = []
    while at < end:
        kind, at = _varint(payload, at)
        types.append(kind)
    if len(types) != 5 or types[4] < 12 or types[4] % 2 or any(kind > 9 for kind in types[:4]):
        return None
    numbers: list[int] = []
    for kind in types[:4]:
        width = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind]
        numbers.append(kind - 8 if kind in (8, 9) else int.from_bytes(payload[at : at + width], signed=True))
        at += width
    body = payload[at : at + (types[4] - 12) // 2]
    of = numbers[1] if 1 <= numbers[1] <= CHUNKS_MOST else 1
    return chunk_id, of, numbers[2], numbers[3], body


def _varint(octets: bytes, at: int) -> tuple[int, int]:
    """SQLite's big-endian variable-length integer at `at`, and where it ends. Raises IndexError past the end."""
    value = 0
    for index in range(8):
        octet = octets[at + index]
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            return value, at + index + 1
    return value << 8 | octets[at + 8], at + 9
