"""How a journal row lies in SQLite: cut into chunks, each with its place, its format version and a checksum over all of it.

A chunk proves itself, so it can be judged wherever it is found: by a query, or in a page of a file that SQLite no longer reads.
"""

from __future__ import annotations

import sqlite3
import zlib

FORMAT = 1
PAGE_BYTES = 8192
CHUNK_BYTES = 1 << 20
CHUNK_BITS = 12  # a row has at most 4,096 chunks: chunk id = position << 12 | index
CHUNKS_MOST = 1 << CHUNK_BITS
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS chunks (id INTEGER PRIMARY KEY, of INTEGER NOT NULL, format INTEGER NOT NULL, "
    "checksum INTEGER NOT NULL, body BLOB NOT NULL)"
)
INSERT = "INSERT INTO chunks VALUES (?, ?, ?, ?, ?)"

Chunk = tuple[int, int, int, int, bytes | memoryview]  # id, number of chunks of its row, format, checksum, body


def checksum(chunk_id: int, of: int, version: int, body: bytes | memoryview) -> int:
    """CRC-32 of a chunk together with its place, so that a row under a wrong position fails too."""
    return zlib.crc32(body, zlib.crc32(b"%d %d %d " % (chunk_id, of, version)))


def cut(position: int, row: bytes) -> list[Chunk]:
    """A row as chunks of at most 1 MiB; an empty row is one empty chunk. Raises ValueError above 4 GiB."""
    of = max(1, -(-len(row) // CHUNK_BYTES))
    if of > CHUNKS_MOST:
        raise ValueError(f"a journal row of {len(row)} bytes is too large")
    view = memoryview(row)
    chunks: list[Chunk] = []
    for index in range(of):
        chunk_id, body = position << CHUNK_BITS | index, view[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]
        chunks.append((chunk_id, of, FORMAT, checksum(chunk_id, of, FORMAT, body), body))
    return chunks


def is_sound(chunk: Chunk) -> bool:
    """Whether a chunk is of a known format and its checksum fits."""
    chunk_id, of, version, expected, body = chunk
    return version == FORMAT and isinstance(body, bytes) and checksum(chunk_id, of, version, body) == expected


def fetch(connection: sqlite3.Connection, start: int, stop: int) -> dict[int, bytes]:
    """The sound and whole rows with start <= position < stop. Raises sqlite3.DatabaseError where SQLite cannot read."""
    query = "SELECT id, of, format, checksum, body FROM chunks WHERE id >= ? AND id < ? ORDER BY id"
    pieces: dict[int, list[bytes]] = {}
    wanted: dict[int, int] = {}
    for chunk in connection.execute(query, (start << CHUNK_BITS, stop << CHUNK_BITS)):
        if is_sound(chunk):
            position = chunk[0] >> CHUNK_BITS
            pieces.setdefault(position, []).append(chunk[4])
            wanted[position] = chunk[1]
    return {position: b"".join(bodies) for position, bodies in pieces.items() if len(bodies) == wanted[position]}
