"""The historian's writer under a historian that comes and goes: everything fed arrives once, from memory or from the journal again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sites.model import point_key
from storage.historian import Historian, HistorianDown
from storage.historian_duckdb import DuckDbHistorian
from storage.historian_influx import InfluxHistorian, InfluxPlace
from storage.historian_memory import MemoryHistorian
from storage.history_writer import ASK_EVERY_MS, SEAL_EVERY_MS, HistoryWriter
from storage.projection import HistoryBatch, PointName
from tests import servers

KEY = point_key("d1", "temperature")
START = 1_790_000_000_000


def name_of(key: int) -> PointName:
    return PointName(key, "s1", "d1", "temperature", "°C")


def batch_at(position: int, readings: int = 2) -> HistoryBatch:
    """Readings of one position, none for every fifth."""
    count = 0 if position % 5 == 0 else readings
    at = START + 1000 * position + np.arange(count)
    return HistoryBatch(position, np.full(count, KEY), at, at % 1000 + position * 1.0)


class Kept:
    """The journal as the writer sees it: batches made again after a position, as far back as `first`, without `damaged` ones."""

    def __init__(self) -> None:
        self.head = 0
        self.first = 1
        self.damaged: set[int] = set()
        self.calls: list[int] = []

    def refill(self, after: int) -> Iterator[HistoryBatch]:
        self.calls.append(after)
        for position in range(max(after + 1, self.first), self.head + 1):
            if position not in self.damaged:
                yield batch_at(position)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def open_writer(kept: Kept) -> Iterator[Callable[..., HistoryWriter]]:
    made: list[HistoryWriter] = []

    def make(historian: Historian, **options: Any) -> HistoryWriter:
        clock: Callable[[], int] = options.pop("now_ms", lambda: START)
        pace: dict[str, Any] = {"write_every_s": 0.02, "first_retry_s": 0.02} | options
        writer = HistoryWriter(historian, refill=kept.refill, name_of=name_of, now_ms=clock, **pace)
        made.append(writer)
        writer.start()
        return writer

    yield make
    for writer in made:
        writer.close()


def feed(writer: HistoryWriter, kept: Kept, upto: int) -> None:
    for position in range(kept.head + 1, upto + 1):
        kept.head = position
        writer.feed(batch_at(position))


def times(historian: Historian) -> list[int]:
    return [int(at) for at in historian.series("d1:temperature", START, START + 10**9, 10**6).taken_ms]


def times_fed(first: int, last: int) -> list[int]:
    return [int(at) for position in range(first, last + 1) for at in batch_at(position).taken_ms]


def test_what_is_fed_arrives(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    historian = MemoryHistorian()
    writer = open_writer(historian)
    feed(writer, kept, 50)
    assert writer.wait(50, 10)
    assert times(historian) == times_fed(1, 50)
    assert (writer.position, writer.backlog, writer.degraded_reason) == (50, 0, None)
    assert writer.readings_written == 80
    assert kept.calls == []


def test_positions_without_readings_count_as_written(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    historian = MemoryHistorian()
    writer = open_writer(historian)
    feed(writer, kept, 4)
    assert writer.wait(4, 10)
    kept.head = 5
    writer.feed(batch_at(5))
    assert writer.wait(5, 10)
    assert historian.position() == 4


def test_a_historian_that_is_away_is_said_and_caught_up_from_memory(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    historian = MemoryHistorian()
    historian.down_reason = "pulled out"
    writer = open_writer(historian)
    feed(writer, kept, 20)
    assert not writer.wait(1, 0.1)
    assert writer.degraded_reason == "pulled out"
    assert (writer.position, writer.backlog) == (0, 20)
    historian.down_reason = None
    assert writer.wait(20, 10)
    assert times(historian) == times_fed(1, 20)
    assert writer.degraded_reason is None
    assert kept.calls == []


def test_more_than_memory_holds_comes_from_the_journal(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    historian = MemoryHistorian()
    writer = open_writer(historian, most_readings=30)
    feed(writer, kept, 5)
    assert writer.wait(5, 10)
    historian.down_reason = "pulled out"
    feed(writer, kept, 400)
    historian.down_reason = None
    assert writer.wait(400, 10)
    assert times(historian) == times_fed(1, 400)
    assert kept.calls
    assert writer.positions_lost == 0
    feed(writer, kept, 420)
    assert writer.wait(420, 10)
    assert times(historian) == times_fed(1, 420)


def test_what_was_journalled_before_the_start_is_made_again(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    historian = MemoryHistorian()
    historian.write(batch_at(1), name_of)
    kept.head = 100
    writer = open_writer(historian)
    feed(writer, kept, 110)
    assert writer.wait(110, 10)
    assert kept.calls == [1]
    assert times(historian) == times_fed(1, 110)


def test_catching_up_is_paced(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    kept.head = 2000
    historian = MemoryHistorian()
    writer = open_writer(historian, catch_up_per_s=8_000)
    feed(writer, kept, 2001)
    assert writer.wait(2000, 10)
    assert not writer.wait(2001, 0.05)  # 3,200 readings at 8,000 a second rest for 0.4 s
    assert writer.wait(2001, 10)


def test_a_historian_that_comes_back_empty_is_filled_again_and_the_hole_shown(
    open_writer: Callable[..., HistoryWriter], kept: Kept
) -> None:
    historian = MemoryHistorian()
    writer = open_writer(historian)
    feed(writer, kept, 60)
    assert writer.wait(60, 10)
    historian.down_reason = "pulled out"
    feed(writer, kept, 70)
    assert not writer.wait(70, 0.2)
    assert writer.degraded_reason
    kept.first = 31
    historian.__init__()  # type: ignore[misc]  # as new, at the same place
    assert writer.wait(70, 10)
    assert times(historian) == times_fed(31, 70)
    assert writer.positions_lost == 30
    assert historian.series("d1:temperature", START, START + 100_000, 1).gaps == [(START, START + 31_000)]


def test_a_historian_that_was_emptied_between_two_writes_is_found_out(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    now = [START]
    historian = MemoryHistorian()
    writer = open_writer(historian, now_ms=lambda: now[0])
    feed(writer, kept, 60)
    assert writer.wait(60, 10)
    historian.__init__()  # type: ignore[misc]
    now[0] += ASK_EVERY_MS
    feed(writer, kept, 70)
    while kept.calls != [0]:
        time.sleep(0.01)
    assert writer.wait(70, 10)
    assert times(historian) == times_fed(1, 70)


def test_damaged_journal_rows_are_a_gap_and_the_rest_arrives(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    kept.head, kept.damaged = 40, {12, 13, 14}
    historian = MemoryHistorian()
    writer = open_writer(historian)
    feed(writer, kept, 41)
    assert writer.wait(41, 10)
    assert times(historian) == times_fed(1, 11) + times_fed(15, 41)
    assert writer.positions_lost == 3
    assert historian.series("d1:temperature", START, START + 100_000, 1).gaps == [(START + 11_001, START + 16_000)]


def test_a_journal_that_has_nothing_left_is_a_gap_and_the_live_readings_arrive(
    open_writer: Callable[..., HistoryWriter], kept: Kept
) -> None:
    kept.head, kept.first = 40, 1000
    historian = MemoryHistorian()
    writer = open_writer(historian, now_ms=lambda: START + 41_000)
    feed(writer, kept, 50)
    assert writer.wait(50, 10)
    assert times(historian) == times_fed(41, 50)
    assert writer.positions_lost == 40
    assert historian.series("d1:temperature", START, START + 100_000, 1).gaps == [(START, START + 41_000)]


def test_an_error_of_ours_does_not_end_the_thread(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    faults = [RuntimeError("a bug"), ZeroDivisionError("another")]

    class Faulty(MemoryHistorian):
        def write(self, batch: HistoryBatch, name_of: Callable[[int], PointName]) -> None:
            if faults:
                raise faults.pop()
            super().write(batch, name_of)

    historian = Faulty()
    writer = open_writer(historian)
    feed(writer, kept, 10)
    assert writer.wait(9, 10)
    assert not faults
    assert times(historian) == times_fed(1, 10)


def test_closing_writes_what_memory_holds(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    historian = MemoryHistorian()
    writer = open_writer(historian)
    feed(writer, kept, 1)
    assert writer.wait(1, 10)
    feed(writer, kept, 30)
    writer.close()
    assert times(historian) == times_fed(1, 30)


def test_closing_does_not_wait_for_a_historian_that_is_away(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    historian = MemoryHistorian()
    historian.down_reason = "pulled out"
    writer = open_writer(historian)
    feed(writer, kept, 30)
    writer.close(timeout_s=60)
    assert not any(thread.name == "history-writer" for thread in threading.enumerate())


def test_days_are_sealed_at_the_start_and_then_hourly_and_a_failure_is_said(open_writer: Callable[..., HistoryWriter], kept: Kept) -> None:
    now = [START]
    sealed: list[int] = []

    class Sealing(MemoryHistorian):
        def seal(self, now_ms: int) -> None:
            sealed.append(now_ms)
            if len(sealed) == 2:
                raise HistorianDown("disk full")

    writer = open_writer(Sealing(), now_ms=lambda: now[0])
    feed(writer, kept, 1)
    assert writer.wait(1, 10)
    for step, wanted in [(SEAL_EVERY_MS - 1, 1), (SEAL_EVERY_MS, 2), (2 * SEAL_EVERY_MS, 3)]:
        now[0] = START + step
        feed(writer, kept, kept.head + 2)
        assert writer.wait(kept.head, 20)
        deadline = threading.Event()
        while len(sealed) < wanted and not deadline.wait(0.02):
            pass
        assert len(sealed) == wanted
        deadline.wait(0.05)
        assert ("disk full" in (writer.degraded_reason or "")) == (wanted == 2)


def test_the_embedded_historian_is_written_behind_the_scan(open_writer: Callable[..., HistoryWriter], kept: Kept, tmp_path: Path) -> None:
    kept.head = 100
    with closing(DuckDbHistorian(tmp_path / "history.duckdb", tmp_path / "history")) as historian:
        writer = open_writer(historian, now_ms=lambda: START + 3 * 86_400_000)
        feed(writer, kept, 200)
        assert writer.wait(200, 10)
        writer.close()
        assert times(historian) == times_fed(1, 200)
        assert list((tmp_path / "history").glob("2026-*.parquet"))


@pytest.mark.wire
def test_influxdb_stopped_killed_and_emptied_loses_nothing_that_the_journal_has(
    open_writer: Callable[..., HistoryWriter], kept: Kept
) -> None:
    with (
        servers.influxdb() as server,
        closing(InfluxHistorian(InfluxPlace.parse(f"influxdb://127.0.0.1:{server.port}//sitewarden"), "x", answer_s=2.0)) as historian,
    ):
        writer = open_writer(historian, most_readings=100)
        feed(writer, kept, 50)
        assert writer.wait(50, 10)
        for end in (server.stop, server.kill):
            end()
            feed(writer, kept, kept.head + 300)
            assert not writer.wait(kept.head, 0.7)
            assert writer.degraded_reason
            server.start()
            assert writer.wait(kept.head, 60)
            assert times(historian) == times_fed(1, kept.head)
        server.stop()
        feed(writer, kept, kept.head + 10)
        assert not writer.wait(kept.head, 0.7)
        for part in ("data", "meta", "wal"):
            for file in sorted((server.folder / part).rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
        server.start()
        assert writer.wait(kept.head, 60)
        assert times(historian) == times_fed(1, kept.head)
