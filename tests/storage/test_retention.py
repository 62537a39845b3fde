"""What is kept how long, and what a chart is made of: the plan alone, then the embedded historian against the plain one in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sites.model import point_key
from sites.series import Series
from storage.historian import Historian
from storage.historian_duckdb import DuckDbHistorian
from storage.historian_memory import MemoryHistorian
from storage.history_steps import DAY_MS, step_for
from storage.projection import HistoryBatch, PointName
from storage.retention import HOUR_MS, MINUTE_MS, RAW, Kept, Piece, Retention, finest, pieces

DAY_0 = 1_790_000_000_000 // DAY_MS * DAY_MS  # 2026-09-21
KEYS = {point_key(f"d{number}", "lel"): f"d{number}" for number in range(3)}
POINT = "d1:lel"
SHORT = Retention(raw_days=3, minute_days=6, hour_days=40)


def name_of(key: int) -> PointName:
    return PointName(key, "s1", KEYS[key], "lel", "%LEL")


def batch(position: int, seed: int, from_ms: int, to_ms: int, count: int) -> HistoryBatch:
    rng = np.random.default_rng(seed)
    taken = rng.integers(from_ms // 500, to_ms // 500, count) * 500
    return HistoryBatch(position, rng.choice(np.array(list(KEYS), np.int64), count), taken, rng.normal(20.0, 5.0, count))


# -- the plan ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("raw", "minute", "hour"), [(-1, 1, 1), (2, 1, 3), (1, 3, 2), (0, 30, 0), (30, 0, 365)])
def test_a_finer_form_never_outlives_a_coarser_one(raw: int, minute: int, hour: int) -> None:
    with pytest.raises(ValueError, match="no longer than a coarser"):
        Retention(raw, minute, hour)


def test_nothing_is_let_go_of_where_all_is_kept_for_ever() -> None:
    assert Retention(0, 0, 0).cuts(DAY_0) == (0, 0, 0)
    assert Retention(1, 2, 0).cuts(DAY_0 + 5) == (DAY_0 - DAY_MS, DAY_0 - 2 * DAY_MS, 0)


KEPT = Kept(raw_from_ms=DAY_0, minutes_from_ms=DAY_0 - 10 * DAY_MS, clean_until_ms=DAY_0 + 5 * DAY_MS)


@pytest.mark.parametrize(
    ("what", "from_ms", "to_ms", "step_ms", "expected"),
    [
        ("a short step needs the readings", 0, DAY_MS, 30_000, [(RAW, 0, DAY_MS)]),
        ("minutes inside, readings at the edges", 1, DAY_MS - 1, MINUTE_MS,
         [(RAW, 1, MINUTE_MS), (MINUTE_MS, MINUTE_MS, DAY_MS - MINUTE_MS), (RAW, DAY_MS - MINUTE_MS, DAY_MS - 1)]),
        ("hours, and readings since they were made", 0, 6 * DAY_MS, HOUR_MS, [(HOUR_MS, 0, 5 * DAY_MS), (RAW, 5 * DAY_MS, 6 * DAY_MS)]),
        ("minutes where the readings are gone", -DAY_MS + 7, DAY_MS, MINUTE_MS, [(MINUTE_MS, -DAY_MS + 7, DAY_MS)]),
        ("hours where the minutes are gone", -11 * DAY_MS, -9 * DAY_MS, HOUR_MS, [(HOUR_MS, -11 * DAY_MS, -9 * DAY_MS)]),
        ("within one minute", 5, 9, MINUTE_MS, [(RAW, 5, 9)]),
        ("within one minute that is left of it", -DAY_MS + 5, -DAY_MS + 9, MINUTE_MS, [(MINUTE_MS, -DAY_MS + 5, -DAY_MS + 9)]),
    ],
)  # fmt: skip
def test_each_part_comes_from_the_coarsest_form_that_will_do(
    what: str, from_ms: int, to_ms: int, step_ms: int, expected: list[tuple[int, int, int]]
) -> None:
    assert pieces(DAY_0 + from_ms, DAY_0 + to_ms, step_ms, KEPT) == [Piece(form, DAY_0 + a, DAY_0 + b) for form, a, b in expected], what


@given(
    start=st.integers(-15 * DAY_MS, 8 * DAY_MS),
    span=st.integers(1, 30 * DAY_MS),
    most=st.integers(2, 2000),
    clean_days=st.integers(-2, 8),
)
def test_the_pieces_are_the_span_and_none_is_of_a_form_that_is_gone(start: int, span: int, most: int, clean_days: int) -> None:
    from_ms, to_ms = DAY_0 + start, DAY_0 + start + span
    kept = Kept(KEPT.raw_from_ms, KEPT.minutes_from_ms, DAY_0 + clean_days * DAY_MS)
    step = max(step_for(from_ms, to_ms, most), finest(from_ms, kept))
    found = pieces(from_ms, to_ms, step, kept)
    assert (found[0].from_ms, found[-1].to_ms) == (from_ms, to_ms)
    assert all(a.to_ms == b.from_ms and a.form_ms != b.form_ms for a, b in pairwise(found))
    for piece in found:
        assert piece.from_ms < piece.to_ms
        assert piece.form_ms >= finest(piece.from_ms, kept)
        assert piece.form_ms == RAW or step % piece.form_ms == 0
        if piece.form_ms and piece.to_ms > kept.raw_from_ms:
            assert piece.to_ms <= max(kept.clean_until_ms, kept.raw_from_ms)
    assert (to_ms - 1) // step - from_ms // step + 1 <= most


# -- the historians ------------------------------------------------------------------------------------------------------


@pytest.fixture
def historian(tmp_path: Path) -> Iterator[DuckDbHistorian]:
    with closing(DuckDbHistorian(tmp_path / "history.duckdb", tmp_path / "history", retention=SHORT)) as made:
        yield made


def assert_alike(one: Series, other: Series) -> None:
    assert one.step_ms == other.step_ms
    assert one.taken_ms.tolist() == other.taken_ms.tolist()
    assert one.minimum.tolist() == other.minimum.tolist()
    assert one.maximum.tolist() == other.maximum.tolist()
    assert one.mean.tolist() == pytest.approx(other.mean.tolist(), rel=1e-12)


SPANS = [
    (-12 * DAY_MS, 12 * DAY_MS),
    (0, 10 * DAY_MS),
    (1234, 10 * DAY_MS - 4321),
    (DAY_MS + 17, DAY_MS + 3_600_017),
    (5 * DAY_MS, 5 * DAY_MS + 1_800_000),
    (6 * DAY_MS + 30_001, 6 * DAY_MS + 30_002),
    (8 * DAY_MS - 5000, 8 * DAY_MS + 7_200_000),
    (9 * DAY_MS, 9 * DAY_MS + 60_000),
]


def assert_same(one: Historian, other: Historian) -> None:
    for start, end in SPANS:
        for most in (2, 50, 2000, 10**6):
            a, b = (kept.series(POINT, DAY_0 + start, DAY_0 + end, most) for kept in (one, other))
            assert_alike(a, b)
            assert len(a.taken_ms) <= most


def test_charts_are_the_same_from_whatever_form_they_are_made(historian: DuckDbHistorian, tmp_path: Path) -> None:
    plain = MemoryHistorian(SHORT)
    for day in range(10):
        for kept in (historian, plain):
            kept.write(batch(day + 1, day, DAY_0 + day * DAY_MS, DAY_0 + (day + 1) * DAY_MS, 6000), name_of)
            kept.seal(DAY_0 + (day + 1) * DAY_MS + 2 * HOUR_MS)
        assert_same(historian, plain)
    names = [sorted(file.name for file in (tmp_path / "history" / form).glob("2026*")) for form in (".", "minutes", "hours")]
    assert names == [
        [f"2026-09-{day}.parquet" for day in (27, 28, 29, 30)],  # the newest reading is of the 30th
        [f"2026-09-{day}.parquet" for day in range(24, 31)],
        ["2026-09.parquet"],
    ]
    months = pyarrow.parquet.read_table(tmp_path / "history" / "hours" / "2026-09.parquet")
    assert months.num_rows == 3 * 24 * 10


def test_an_old_chart_has_the_minimum_and_the_maximum_of_what_is_gone(historian: DuckDbHistorian) -> None:
    at = DAY_0 + np.arange(120) * 1000
    historian.write(HistoryBatch(1, np.full(120, point_key("d1", "lel")), at, np.arange(120.0)), name_of)
    historian.write(HistoryBatch(2, np.array([point_key("d1", "lel")]), np.array([DAY_0 + 5 * DAY_MS]), np.zeros(1)), name_of)
    historian.seal(DAY_0 + 5 * DAY_MS)
    series = historian.series(POINT, DAY_0, DAY_0 + 120_000, 2000)
    assert (series.step_ms, series.taken_ms.tolist()) == (MINUTE_MS, [DAY_0, DAY_0 + MINUTE_MS])
    assert (series.minimum.tolist(), series.maximum.tolist(), series.mean.tolist()) == ([0.0, 60.0], [59.0, 119.0], [29.5, 89.5])
    historian.write(HistoryBatch(3, np.array([point_key("d1", "lel")]), np.array([DAY_0 + 9 * DAY_MS]), np.zeros(1)), name_of)
    historian.seal(DAY_0 + 9 * DAY_MS)
    series = historian.series(POINT, DAY_0 + 30_000, DAY_0 + 60_000, 2000)
    assert (series.step_ms, series.taken_ms.tolist(), series.mean.tolist()) == (HOUR_MS, [DAY_0], [59.5])


def test_a_late_reading_counts_at_once_and_joins_the_steps(historian: DuckDbHistorian) -> None:
    plain = MemoryHistorian(SHORT)
    for position, (start, end) in enumerate([(7, 10), (8, 9), (7, 8), (7, 10)], 1):
        for kept in (historian, plain):
            kept.write(batch(position, position, DAY_0 + start * DAY_MS, DAY_0 + end * DAY_MS, 3000), name_of)
        assert_same(historian, plain)
        for kept in (historian, plain):
            kept.seal(DAY_0 + 10 * DAY_MS)
        assert_same(historian, plain)


def test_a_reading_older_than_what_is_kept_raw_is_counted_and_not_kept(
    historian: DuckDbHistorian, caplog: pytest.LogCaptureFixture
) -> None:
    plain = MemoryHistorian(SHORT)
    for kept in (historian, plain):
        kept.write(batch(1, 1, DAY_0, DAY_0 + 10 * DAY_MS, 3000), name_of)
        kept.seal(DAY_0 + 10 * DAY_MS)
        kept.write(batch(2, 2, DAY_0, DAY_0 + DAY_MS, 100), name_of)
    assert_same(historian, plain)
    for kept in (historian, plain):
        kept.seal(DAY_0 + 10 * DAY_MS)
    assert_same(historian, plain)
    assert historian.expired == plain.expired == 100
    assert "100 readings came when their days were no longer kept raw" in caplog.text


def test_a_clock_that_jumps_ahead_lets_go_of_nothing(historian: DuckDbHistorian) -> None:
    plain = MemoryHistorian(SHORT)
    for kept in (historian, plain):
        kept.write(batch(1, 1, DAY_0 + 8 * DAY_MS, DAY_0 + 10 * DAY_MS, 3000), name_of)
        kept.seal(DAY_0 + 10_000 * DAY_MS)
    assert_same(historian, plain)
    assert len(historian.series(POINT, DAY_0, DAY_0 + 10 * DAY_MS, 10**6).taken_ms) > 900


def test_what_was_let_go_of_stays_so_over_a_restart(tmp_path: Path) -> None:
    plain = MemoryHistorian(SHORT)
    plain.write(batch(1, 1, DAY_0, DAY_0 + 10 * DAY_MS, 3000), name_of)
    plain.seal(DAY_0 + 10 * DAY_MS)
    with closing(DuckDbHistorian(tmp_path / "h.duckdb", tmp_path / "history", retention=SHORT)) as historian:
        historian.write(batch(1, 1, DAY_0, DAY_0 + 10 * DAY_MS, 3000), name_of)
        historian.seal(DAY_0 + 10 * DAY_MS)
    longer = Retention(raw_days=300, minute_days=600, hour_days=0)
    with closing(DuckDbHistorian(tmp_path / "h.duckdb", tmp_path / "history", retention=longer)) as historian:
        assert_same(historian, plain)
        historian.seal(DAY_0 + 10 * DAY_MS)
        assert_same(historian, plain)


def test_days_sealed_before_there_were_minutes_get_them(historian: DuckDbHistorian, tmp_path: Path) -> None:
    plain = MemoryHistorian(SHORT)
    for kept in (historian, plain):
        kept.write(batch(1, 1, DAY_0 + 7 * DAY_MS, DAY_0 + 10 * DAY_MS, 3000), name_of)
        kept.seal(DAY_0 + 10 * DAY_MS)
    for file in [*(tmp_path / "history" / "minutes").iterdir(), *(tmp_path / "history" / "hours").iterdir()]:
        file.unlink()
    assert_same(historian, plain)
    for kept in (historian, plain):
        kept.seal(DAY_0 + 10 * DAY_MS + 1)
    assert len(list((tmp_path / "history" / "minutes").iterdir())) == 2
    assert_same(historian, plain)


def test_months_of_hours_leave_when_their_last_day_is_old_enough(historian: DuckDbHistorian, tmp_path: Path) -> None:
    for number, day in enumerate((0, 20, 45, 49, 50, 51), 1):
        historian.write(batch(number, number, DAY_0 + day * DAY_MS, DAY_0 + (day + 1) * DAY_MS, 300), name_of)
        historian.seal(DAY_0 + (day + 1) * DAY_MS + HOUR_MS)
        months = sorted(file.stem for file in (tmp_path / "history" / "hours").iterdir())
        # 40 days before 2026-11-10 is October; the newest reading of day 50 is of 2026-11-10
        assert ("2026-09" in months) == (day < 50), day


def test_readers_miss_nothing_while_days_change_their_form(tmp_path: Path) -> None:
    short = Retention(raw_days=1, minute_days=2, hour_days=0)
    with closing(DuckDbHistorian(tmp_path / "h.duckdb", tmp_path / "history", retention=short)) as historian:
        historian.write(batch(1, 1, DAY_0, DAY_0 + 20 * DAY_MS, 30_000), name_of)
        whole = historian.series(POINT, DAY_0, DAY_0 + 20 * DAY_MS, 20)
        seen: list[Series] = []
        failures: list[Exception] = []
        is_over = threading.Event()

        def read() -> None:
            while not is_over.is_set():
                try:
                    seen.append(historian.series(POINT, DAY_0, DAY_0 + 20 * DAY_MS, 20))
                except Exception as error:
                    failures.append(error)
                    return

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for day in range(1, 21):
            historian.seal(DAY_0 + day * DAY_MS + HOUR_MS)
        is_over.set()
        for reader in readers:
            reader.join(30)
        assert failures == []
        assert len(seen) > 5
        for series in seen:
            assert_alike(series, whole)
