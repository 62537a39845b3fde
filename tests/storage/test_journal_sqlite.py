"""The journal file under faults: killed, torn, flipped, full. Nothing acknowledged goes silently, nothing bad is handed out."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from storage.journal import JournalConflict, JournalDamaged, JournalFull
from storage.journal_rows import CHUNK_BITS, PAGE_BYTES
from storage.journal_salvage import wal_path
from storage.journal_sqlite import SqliteJournal
from tests.storage.disks import fill_up, small_disk

RESERVE = 1 << 16


def row_at(position: int) -> bytes:
    """A row whose content and size (1 B to 40 kB) follow from its position."""
    rng = random.Random(position)
    return rng.randbytes(rng.choice([1, 200, 3_000, 40_000]))


def fill(path: Path, rows: int) -> None:
    with closing(SqliteJournal(path, RESERVE)) as journal:
        for at in range(journal.position, journal.position + rows):
            journal.append(at, row_at(at + 1))


def fill_and_crash(path: Path, rows: int) -> None:
    """Rows appended by a process that is gone without closing: its write-ahead log stays behind."""
    crashed = path.with_name("crashed")
    crashed.mkdir()
    with closing(SqliteJournal(crashed / path.name, RESERVE)) as journal:
        for at in range(rows):
            journal.append(at, row_at(at + 1))
        shutil.copy(crashed / path.name, path)
        shutil.copy(wal_path(crashed / path.name), wal_path(path))


def flip(path: Path, offset: int, bit: int = 3) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        octet = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([octet ^ 1 << bit]))


def wipe(path: Path, page: int) -> None:
    with open(path, "r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(b"\xa5" * PAGE_BYTES)


def checked(path: Path, rows: int) -> list[tuple[int, int]]:
    """Opens the journal, reads all and returns its damage; every row handed out is as it was written, the others are named."""
    with closing(SqliteJournal(path, RESERVE)) as journal:
        read = dict(journal.read(0, skip_damaged=True))
        spans = journal.damage(0)
        named = {position for first, last in spans for position in range(first, last + 1)}
        assert all(body == row_at(position) for position, body in read.items())
        assert set(read) | named == set(range(1, journal.position + 1))
        assert not set(read) & named
        assert journal.position in (rows, rows - 1)  # a bad byte in the last row may hide that it was there
        journal.append(journal.position, b"goes on")
        return spans


def test_rows_survive_closing_and_opening(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 40)
    fill(path, 40)
    assert checked(path, 80) == []


def test_rows_survive_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    writer = """
import sys
from pathlib import Path
from storage.journal_sqlite import SqliteJournal
journal = SqliteJournal(Path(sys.argv[1]), 0)
while True:
    position = journal.append(journal.position, b"row %d" % (journal.position + 1))
    sys.stdout.write(f"{position}\\n")
    sys.stdout.flush()
"""
    process = subprocess.Popen([sys.executable, "-c", writer, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    acknowledged = 0
    while acknowledged < 300:
        acknowledged = int(process.stdout.readline())
    process.kill()
    acknowledged = int(([acknowledged, *process.stdout.read().split(b"\n")[:-1]])[-1])
    process.wait()
    process.stdout.close()
    with closing(SqliteJournal(path, 0)) as journal:
        assert journal.position >= acknowledged
        assert [body for _, body in journal.read(0)] == [b"row %d" % (at + 1) for at in range(journal.position)]


def test_a_flipped_byte_in_a_row_is_named_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 60)
    body = next(row_at(position) for position in range(30, 60) if len(row_at(position)) == 40_000)
    position = next(position for position in range(30, 60) if row_at(position) == body)
    at = path.read_bytes().find(body[:200])
    assert at > 0
    flip(path, at + 100)
    with closing(SqliteJournal(path, RESERVE)) as journal:
        read: list[int] = []
        with pytest.raises(JournalDamaged, match=f"positions {position} to {position}"):
            read.extend(position for position, _ in journal.read(0))
        assert read == list(range(1, position))
    assert checked(path, 60) == [(position, position)]


@pytest.mark.parametrize("seed", range(25))
def test_a_byte_flipped_anywhere_in_the_file_costs_few_rows_and_is_never_silent(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "journal.db"
    fill(path, 60)
    rng = random.Random(seed)
    # the first pages hold what SQLite needs most: let half of the flips go there
    flip(path, rng.randrange(3 * PAGE_BYTES if seed % 2 else path.stat().st_size), rng.randrange(8))
    lost = sum(last - first + 1 for first, last in checked(path, 60))
    assert lost <= 8


@pytest.mark.parametrize("seed", range(25))
def test_a_byte_flipped_in_the_log_of_a_crash_costs_few_rows_and_is_never_silent(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "journal.db"
    fill_and_crash(path, 60)
    rng = random.Random(seed)
    size = wal_path(path).stat().st_size
    # every third among the first frames, without which there is no table
    flip(wal_path(path), rng.randrange(32, 4 * PAGE_BYTES if seed % 3 == 0 else size), rng.randrange(8))
    lost = sum(last - first + 1 for first, last in checked(path, 60))
    assert lost <= 8


@pytest.mark.parametrize("which", ["file", "log"])
def test_no_flipped_byte_of_a_head_costs_a_row(tmp_path: Path, which: str) -> None:
    (tmp_path / "good").mkdir()
    fill_and_crash(tmp_path / "good" / "journal.db", 12)
    for at in range(0, 32 if which == "log" else 100, 3):
        path = shutil.copytree(tmp_path / "good", tmp_path / str(at), ignore=shutil.ignore_patterns("crashed")) / "journal.db"
        flip(wal_path(path) if which == "log" else path, at)
        assert checked(path, 12) == [], at


@pytest.mark.parametrize("page", [1, 2])
def test_a_wiped_head_or_tree_root_is_salvaged_around(tmp_path: Path, page: int, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "journal.db"
    fill(path, 60)
    wipe(path, page)
    assert checked(path, 60) == []
    assert "kept as journal.db.damaged-1" in caplog.text
    assert (tmp_path / "journal.db.damaged-1").exists()


def test_a_torn_last_row_is_as_if_never_appended(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill_and_crash(path, 30)
    log = wal_path(path)
    with open(log, "r+b") as file:
        file.truncate(log.stat().st_size - 100)
    with closing(SqliteJournal(path, RESERVE)) as journal:
        assert journal.position == 29
        assert journal.damage(0) == []


def fill_small_and_crash(path: Path, rows: int) -> int:
    """As `fill_and_crash`, with rows of which many share a page; returns the length of the log."""
    crashed = path.with_name("crashed")
    crashed.mkdir()
    with closing(SqliteJournal(crashed / path.name, RESERVE)) as journal:
        journal.append(0, b"x" * 3_000)
        for at in range(1, rows):
            journal.append(at, b"row %d" % at)
        shutil.copy(crashed / path.name, path)
        shutil.copy(wal_path(crashed / path.name), wal_path(path))
    return wal_path(path).stat().st_size


@pytest.mark.parametrize("written", [24, 100, 4_000, 8_000])
def test_a_last_page_torn_by_a_power_failure_costs_no_row_that_it_held_before(tmp_path: Path, written: int) -> None:
    path = tmp_path / "journal.db"
    start = fill_small_and_crash(path, 30) - PAGE_BYTES - 24
    with open(wal_path(path), "r+b") as file:
        file.seek(start + written)
        file.write(b"\xa5" * (PAGE_BYTES + 24 - written))
    with closing(SqliteJournal(path, RESERVE)) as journal:
        assert journal.damage(0) in ([], [(30, 30)])
        assert {29, 30} >= {journal.position}
        assert [position for position, _ in journal.read(0, skip_damaged=True)][:29] == list(range(1, 30))


def test_a_truncated_file_keeps_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 60)
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES)
    with closing(SqliteJournal(path, RESERVE)) as journal:
        read = dict(journal.read(0, skip_damaged=True))
        assert len(read) > 20
        assert all(body == row_at(position) for position, body in read.items())
        journal.advance_to(60)
        assert journal.append(60, b"goes on") == 61


def test_a_file_broken_while_it_is_open_is_salvaged_by_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 200)
    with closing(SqliteJournal(path, RESERVE)) as journal:
        wipe(path, 2)
        assert [position for position, _ in journal.read(0)] == list(range(1, 201))
        journal.append(200, b"goes on")
        assert list(journal.read(200)) == [(201, b"goes on")]


def test_a_row_of_an_unknown_format_is_not_handed_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 5)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE chunks SET format = 2 WHERE id = ?", (3 << CHUNK_BITS,))
    assert checked(path, 5) == [(3, 3)]


def test_a_second_writer_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(SqliteJournal(path, RESERVE)) as first, closing(SqliteJournal(path, RESERVE)) as second:
        first.append(0, b"first's")
        with pytest.raises(JournalConflict):
            second.append(0, b"second's")
        assert list(first.read(0)) == [(1, b"first's")]


def test_other_threads_read_while_the_scan_appends(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path / "journal.db", RESERVE)) as journal:
        seen: list[list[tuple[int, bytes]]] = []

        def follow() -> None:
            while not seen or len(seen[-1]) < 300:
                seen.append(list(journal.read(0)))

        reader = threading.Thread(target=follow)
        reader.start()
        for at in range(300):
            journal.append(at, row_at(at + 1))
        reader.join(60)
        assert not reader.is_alive()
    assert all(body == row_at(position) for rows in seen for position, body in rows)


def append_for_ever(journal: SqliteJournal, row: bytes) -> None:
    while True:
        journal.append(journal.position, row)


def test_a_full_disk_frees_the_reserve_then_refuses_and_recovers(tmp_path: Path) -> None:
    row = b"x" * 50_000
    with small_disk(tmp_path / "disk", 4) as folder:
        path, hog = folder / "journal.db", folder / "hog"
        with closing(SqliteJournal(path, reserve_bytes=1 << 20)) as journal:
            assert not journal.is_reserve_freed
            journal.append(0, row)
            fill_up(hog)
            with pytest.raises(JournalFull):
                append_for_ever(journal, row)
            assert journal.is_reserve_freed
            position = journal.position
            assert position > 5
            assert [body for _, body in journal.read(0)] == [row] * position
            assert not journal.refill_reserve()
            hog.unlink()
            assert journal.append(position, row) == position + 1
            journal.prune(position)
        with closing(SqliteJournal(path, reserve_bytes=1 << 16)) as journal:
            assert list(journal.read(position)) == [(position + 1, row)]
            assert not journal.is_reserve_freed


def test_a_full_disk_does_not_keep_the_service_from_starting(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4) as folder:
        path = folder / "journal.db"
        fill_and_crash(path, 40)
        for file in sorted((folder / "crashed").iterdir()):
            file.unlink()
        with open(path.with_name("journal.db.reserve"), "wb") as reserve:
            reserve.write(b"\0" * (1 << 20))
        fill_up(folder / "hog")
        with closing(SqliteJournal(path, reserve_bytes=1 << 20)) as journal:
            assert journal.position == 40
            assert journal.damage(0) == []
            assert journal.append(40, b"goes on") == 41
            assert journal.is_reserve_freed


def test_a_closed_journal_is_no_broken_one(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db", RESERVE)
    journal.close()
    with pytest.raises(sqlite3.ProgrammingError):
        journal.append(0, b"x")
    assert not list(tmp_path.glob("*.damaged*"))


def test_a_broken_file_that_cannot_be_salvaged_for_want_of_room_is_left_alone(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as folder:
        path = folder / "journal.db"
        fill(path, 150)
        wipe(path, 2)
        before = path.read_bytes()
        fill_up(folder / "hog")
        with pytest.raises(OSError, match="No space left"):
            SqliteJournal(path, RESERVE)
        assert path.read_bytes() == before
        assert not list(folder.glob("*.damaged*"))
        (folder / "hog").unlink()
        assert checked(path, 150) == []
