"""The journal as a SQLite file of its own: WAL, `synchronous=FULL`, one commit a row, a checksum and a format version in each chunk.

The scan's thread appends and prunes; reading opens a connection of its own, so any thread may read while the scan writes. A reserve
file beside it is given up when the disk is full. Damage shows as a bad checksum or a hole in the positions and is never decided from.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from storage.journal import JournalConflict, JournalDamaged, JournalFull, spans_of
from storage.journal_rows import CHUNK_BITS, INSERT, PAGE_BYTES, SCHEMA, Chunk, cut, fetch
from storage.journal_salvage import commits_in_wal, has_sound_head, salvage, set_aside, shared_path, wal_path

RESERVE_BYTES = 32 << 20
_READ_AT_ONCE = 128  # positions in one read, so that no reader holds up the checkpoint
_FORGET_AT_ONCE = 32  # pruned chunks that one append deletes in its own commit
_WAL_BYTES = 64 << 20
_PAGE_FIGURES = ("page_count", "freelist_count")
_FORGET = "DELETE FROM chunks WHERE id IN (SELECT id FROM chunks WHERE id < ? ORDER BY id LIMIT ?)"

log = logging.getLogger(__name__)


class SqliteJournal:
    """A journal in `path`, whose folder must exist. `reserve_bytes` are kept beside it for the time after a full disk. A file that
    SQLite cannot read is set aside as `*.damaged-N` and its sound rows go on in a new one."""

    def __init__(self, path: Path, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._path = path
        self._reserve = path.with_name(path.name + ".reserve")
        self._reserve_bytes = reserve_bytes
        self._forget_below = 0  # chunk ids
        self._lock = threading.Lock()  # between the scan's commit and a reader that finds the file broken
        self._salvages = 0
        self._position = 0
        self._connection: sqlite3.Connection | None = None
        try:
            try:
                self._begin()
            except sqlite3.DatabaseError as error:
                if not self._free_reserve(error):
                    raise
                self.close()
                self._begin()
            self.refill_reserve()
        except BaseException:
            self.close()
            raise

    # -- writing: the scan's thread ------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        return self._position

    @property
    def bytes_kept(self) -> int:
        """Bytes of the pages in use; pruned rows leave with the next appends."""
        connection = self._connection
        assert connection is not None
        pages, free = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in _PAGE_FIGURES)
        return (pages - free) * PAGE_BYTES

    @property
    def is_reserve_freed(self) -> bool:
        """Whether the reserve was given up and is not yet laid by again."""
        return self._reserve_bytes > 0 and not self._reserve.exists()

    def append(self, expected_position: int, row: bytes) -> int:
        if expected_position != self._position:
            raise JournalConflict(f"expected the journal at {expected_position}, it is at {self._position}")
        chunks = cut(expected_position + 1, row)
        for _ in range(3):
            try:
                with self._lock:
                    self._commit(chunks)
            except sqlite3.IntegrityError:
                raise JournalConflict(f"position {expected_position + 1} was appended by somebody else") from None
            except sqlite3.DatabaseError as error:
                self._remedy(error)
            else:
                self._position = expected_position + 1
                return self._position
        raise JournalFull("the journal cannot be written, also after it was salvaged and its reserve freed")

    def advance_to(self, position: int) -> None:
        self._position = max(self._position, position)

    def prune(self, upto: int) -> None:
        """Forget rows up to `upto`: they leave with the next appends, a few in each commit, so that no scan waits for it. The last
        row stays: it carries the position. Lays the reserve by again where there is room."""
        self._forget_below = max(self._forget_below, min(upto + 1, self._position) << CHUNK_BITS)
        self.refill_reserve()

    def refill_reserve(self) -> bool:
        """Lay the reserve by (again) where the disk has room for it twice; says whether it is there."""
        if not self.is_reserve_freed:
            return True
        space = os.statvfs(self._path.parent)
        if space.f_bavail * space.f_frsize < 2 * self._reserve_bytes:
            return False
        partial = self._reserve.with_name(self._reserve.name + ".part")
        try:
            with open(partial, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._reserve_bytes)
            partial.rename(self._reserve)
        except OSError as error:
            partial.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            return False
        return True

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _commit(self, chunks: list[Chunk]) -> None:
        connection = self._connection
        assert connection is not None
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(INSERT, chunks)
            if self._forget_below and connection.execute(_FORGET, (self._forget_below, _FORGET_AT_ONCE)).rowcount < _FORGET_AT_ONCE:
                self._forget_below = 0
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _remedy(self, error: sqlite3.DatabaseError) -> None:
        """What can be done before the same commit is tried again; raises JournalFull when nothing can."""
        if _is_broken(error):
            try:
                with self._lock:
                    self._salvage(str(error))
            except (OSError, sqlite3.Error) as failure:
                raise JournalFull(f"the journal is broken ({error}) and cannot be salvaged: {failure}") from failure
        elif isinstance(error, sqlite3.ProgrammingError):
            raise error
        elif not self._free_reserve(error):
            raise JournalFull(f"the journal cannot be written: {error}") from error

    def _free_reserve(self, error: sqlite3.DatabaseError) -> bool:
        if _code(error) not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) or not self._reserve.exists():
            return False
        log.error("journal %s: %s; the reserve of %d bytes is freed", self._path, error, self._reserve_bytes)
        self._reserve.unlink()
        return True

    # -- reading: any thread -------------------------------------------------------------------------------------------

    def read(self, after: int, skip_damaged: bool = False) -> Iterator[tuple[int, bytes]]:
        bad: list[int] = []
        for position, body in self._rows(after):
            if body is None:
                bad.append(position)
            elif bad and not skip_damaged:
                break
            else:
                yield position, body
        if bad and not skip_damaged:
            raise JournalDamaged(bad[0], bad[-1], "rows fail their checksum or are missing")

    def damage(self, after: int) -> list[tuple[int, int]]:
        return spans_of(position for position, body in self._rows(after) if body is None)

    def _rows(self, after: int) -> Iterator[tuple[int, bytes | None]]:
        """Every position after `after` up to the present one, with its row, or None where that is bad or missing."""
        last = self._position
        for start in range(after + 1, last + 1, _READ_AT_ONCE):
            stop = min(start + _READ_AT_ONCE, last + 1)
            found = self._fetch(start, stop)
            for position in range(start, stop):
                yield position, found.get(position)

    def _fetch(self, start: int, stop: int) -> dict[int, bytes]:
        for _ in range(2):
            salvages = self._salvages
            try:
                with contextlib.closing(sqlite3.connect(self._path.absolute().as_uri() + "?mode=ro", uri=True)) as connection:
                    return fetch(connection, start, stop)
            except sqlite3.DatabaseError as error:
                if not _is_broken(error):
                    raise
                with self._lock:
                    if salvages == self._salvages:
                        self._salvage(str(error))
        return {}

    # -- opening and salvage -------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        commits = commits_in_wal(self._path)
        try:
            if commits and not has_sound_head(self._path):
                raise _Unsound("its head is damaged while its write-ahead log is needed")
            self._prepare(commits)
            self._position = self._tail()
        except sqlite3.DatabaseError as error:
            if not _is_broken(error):
                raise
            self._salvage(str(error))

    def _prepare(self, commits: list[int]) -> None:
        """Open the file. Raises DatabaseError, before anything is written, when SQLite's recovery stopped before one of the log's
        `commits`: the next write would overwrite what follows."""
        # kept by self before anything can fail: closing the last connection would drop the log that a salvage needs
        connection = self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        if commits:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            with open(shared_path(self._path), "rb") as shared:
                # mxFrame, the frames that the recovery accepted: https://www.sqlite.org/walformat.html, section 2.1
                frames = int.from_bytes(shared.read(20)[16:], sys.byteorder)
            if commits[-1] > frames:
                raise _Unsound(f"the write-ahead log is damaged after frame {frames} of {commits[-1]}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cell_size_check=ON")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
        connection.execute(SCHEMA)

    def _tail(self) -> int:
        """Position of the last row. Raises DatabaseError when that row is bad."""
        assert self._connection is not None
        last = self._connection.execute("SELECT max(id) FROM chunks").fetchone()[0]
        position = int(last or 0) >> CHUNK_BITS
        if position and position not in fetch(self._connection, position, position + 1):
            raise _Unsound(f"the last row, at position {position}, fails its checksum")
        return position

    def _salvage(self, reason: str) -> None:
        fresh = self._path.with_name(self._path.name + ".fresh")
        fresh.unlink(missing_ok=True)
        damaged = set_aside(self._path)
        try:
            last = salvage(damaged, fresh)
        except BaseException:  # no room: everything stays as it was
            for half in (fresh, damaged, wal_path(damaged)):
                half.unlink(missing_ok=True)
            raise
        self.close()
        for gone in (wal_path(self._path), shared_path(self._path)):
            gone.unlink(missing_ok=True)
        fresh.replace(self._path)
        self._prepare([])
        self._position = max(self._position, last)
        self._salvages += 1
        log.error("journal %s: %s; kept as %s, its sound rows salvaged up to position %d", self._path, reason, damaged.name, last)


class _Unsound(sqlite3.DatabaseError):
    """SQLite can read the file and we do not believe it."""


def _code(error: sqlite3.DatabaseError) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_broken(error: sqlite3.DatabaseError) -> bool:
    """Whether the file makes no sense, as opposed to the disk or the caller."""
    return isinstance(error, _Unsound) or _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
