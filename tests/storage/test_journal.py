"""One contract over both journals: durable order, compare-and-append, damage and holes named, pruning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.journal import Journal, JournalConflict, JournalDamaged, MemoryJournal
from storage.journal_sqlite import SqliteJournal


@pytest.fixture(params=["memory", "sqlite"])
def open_journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Journal]]:
    opened: list[Journal] = []

    def make() -> Journal:
        opened.append(MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "journal.db", reserve_bytes=1 << 16))
        return opened[-1]

    yield make
    for journal in opened:
        journal.close()


def test_rows_come_back_in_order_after_a_position(open_journal: Callable[[], Journal]) -> None:
    journal = open_journal()
    assert journal.position == 0
    rows = [b"", b"a", b"\x00" * 5_000, b"c" * 300_000]
    for at, row in enumerate(rows):
        assert journal.append(at, row) == at + 1
    assert journal.position == 4
    assert list(journal.read(0)) == list(enumerate(rows, 1))
    assert list(journal.read(2)) == [(3, rows[2]), (4, rows[3])]
    assert list(journal.read(4)) == []
    assert journal.damage(0) == []


def test_a_row_larger_than_a_chunk_comes_back_whole(open_journal: Callable[[], Journal]) -> None:
    journal = open_journal()
    row = bytes(range(256)) * (3 * 4096 + 5)
    journal.append(0, row)
    journal.append(1, b"next")
    assert [body for _, body in journal.read(0)] == [row, b"next"]


@pytest.mark.parametrize("expected", [0, 2])
def test_an_append_that_expects_another_position_is_refused(open_journal: Callable[[], Journal], expected: int) -> None:
    journal = open_journal()
    journal.append(0, b"first")
    with pytest.raises(JournalConflict, match="it is at 1"):
        journal.append(expected, b"second")
    assert list(journal.read(0)) == [(1, b"first")]


def test_pruned_rows_go_and_the_position_stays(open_journal: Callable[[], Journal]) -> None:
    journal = open_journal()
    for at in range(100):
        journal.append(at, b"x" * 20_000)
    before = journal.bytes_kept
    journal.prune(90)
    for at in range(100, 104):
        journal.append(at, b"y")
    assert journal.position == 104
    assert journal.bytes_kept < before / 2
    assert [position for position, _ in journal.read(90)] == list(range(91, 105))
    with pytest.raises(JournalDamaged):
        list(journal.read(10))


def test_a_pruned_journal_never_gives_a_position_twice(open_journal: Callable[[], Journal]) -> None:
    journal = open_journal()
    for at in range(3):
        journal.append(at, b"x")
    journal.prune(99)
    assert journal.append(3, b"y") == 4
    assert journal.position == 4


def test_a_lost_tail_is_a_named_hole(open_journal: Callable[[], Journal]) -> None:
    journal = open_journal()
    journal.append(0, b"one")
    journal.advance_to(5)
    journal.advance_to(2)
    assert journal.append(5, b"six") == 6
    assert journal.damage(0) == [(2, 5)]
    assert list(journal.read(0, skip_damaged=True)) == [(1, b"one"), (6, b"six")]
    read: list[tuple[int, bytes]] = []
    with pytest.raises(JournalDamaged, match="positions 2 to 5") as caught:
        read.extend(journal.read(0))
    assert read == [(1, b"one")]
    assert (caught.value.first, caught.value.last) == (2, 5)
