"""History in blocks: every reading once, in order of time, whatever keeps it, however it is cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sites.model import point_key
from storage.historian_duckdb import LATE_MS, DuckDbHistorian
from storage.historian_influx import InfluxHistorian, InfluxPlace
from storage.historian_memory import MemoryHistorian
from storage.history_blocks import Block, in_order, of_files, of_server
from storage.history_steps import DAY_MS
from storage.projection import HistoryBatch, PointName
from storage.retention import Retention
from tests.servers import influxdb

DAY = 20_000  # days since the epoch
POINTS = [f"d{number}:temperature" for number in range(3)]
KEYS = np.array([point_key(f"d{number}", "temperature") for number in range(3)], np.int64)


def readings() -> tuple[Any, Any, Any]:
    """Three points over three days, each at its own moments."""
    rng = np.random.default_rng(5)
    taken = np.sort(rng.choice(3 * 8640, 900, replace=False)) * 10_000 + DAY * DAY_MS
    rows = rng.integers(0, 3, len(taken)).astype(np.int32)
    return rows, taken, np.round(rng.normal(20, 5, len(taken)), 2)


def name_of(key: int) -> PointName:
    return PointName(key, "s", f"d{KEYS.tolist().index(key)}", "temperature", "°C")


def written(historian: Any) -> None:
    rows, taken, values = readings()
    order = np.random.default_rng(1).permutation(len(rows))  # as they come
    historian.write(HistoryBatch(1, KEYS[rows[order]], taken[order], values[order]), name_of)


def joined(blocks: Iterator[Block]) -> tuple[list[int], list[int], list[float]]:
    rows, taken, values = [], [], []
    for block in blocks:
        assert (np.diff(block.taken_ms) >= 0).all()
        assert not taken or not len(block.taken_ms) or block.taken_ms[0] >= taken[-1]
        assert not len(block.taken_ms) or block.taken_ms[-1] < block.until_ms
        rows += block.rows.tolist()
        taken += block.taken_ms.tolist()
        values += block.values.tolist()
    return rows, taken, values


def wanted(from_ms: int, to_ms: int, points: list[int]) -> tuple[list[int], list[int], list[float]]:
    rows, taken, values = readings()
    use = (taken >= from_ms) & (taken < to_ms) & np.isin(rows, points)
    return [points.index(row) for row in rows[use].tolist()], taken[use].tolist(), values[use].tolist()


SPANS = [(DAY * DAY_MS, (DAY + 3) * DAY_MS), (DAY * DAY_MS + 40_000_000, (DAY + 2) * DAY_MS + 5_000_000), (0, DAY * DAY_MS)]


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("points", [[0, 1, 2], [2, 0]])
@pytest.mark.parametrize("most", [1 << 22, 50])
@pytest.mark.parametrize("sealed_days", [0, 2, 3])
def test_a_spill_is_read_whole_and_in_order(sealed_days: int, most: int, points: list[int], span: tuple[int, int], tmp_path: Path) -> None:
    with closing(DuckDbHistorian(tmp_path / "h.duckdb", tmp_path / "history", retention=Retention(0, 0, 0))) as historian:
        written(historian)
        historian.seal((DAY + sealed_days) * DAY_MS + LATE_MS)
        spilled = tmp_path / "spilled"
        spilled.mkdir()
        historian.spill(spilled, *span)
    assert joined(of_files(spilled, KEYS[points], *span, most=most)) == wanted(*span, points)


def test_a_reading_that_came_again_after_its_day_was_sealed_counts_once(tmp_path: Path) -> None:
    with closing(DuckDbHistorian(tmp_path / "h.duckdb", tmp_path / "history", retention=Retention(0, 0, 0))) as historian:
        written(historian)
        historian.seal((DAY + 3) * DAY_MS + LATE_MS)
        rows, taken, _ = readings()
        historian.write(HistoryBatch(2, KEYS[rows[:1]], taken[:1], np.array([99.0])), name_of)
        spilled = tmp_path / "spilled"
        spilled.mkdir()
        historian.spill(spilled, *SPANS[0])
    found = joined(of_files(spilled, KEYS, *SPANS[0]))
    assert (len(found[0]), found[2][0]) == (900, 99.0)


@pytest.mark.parametrize("span", SPANS[:2])
@pytest.mark.parametrize("most", [1 << 22, 40])
def test_what_is_asked_point_by_point_is_the_same(most: int, span: tuple[int, int]) -> None:
    historian = MemoryHistorian(Retention(0, 0, 0))
    written(historian)
    asked = [POINTS[2], POINTS[0]]
    assert joined(of_server(historian, asked, *span, most=most)) == wanted(*span, [2, 0])


def test_where_only_steps_are_kept_there_are_no_readings() -> None:
    historian = MemoryHistorian(Retention(1, 0, 0))
    written(historian)
    historian.seal((DAY + 3) * DAY_MS)
    found = joined(of_server(historian, POINTS, *SPANS[0]))
    assert found == wanted((DAY + 1) * DAY_MS, (DAY + 3) * DAY_MS, [0, 1, 2])


def test_influxdb_gives_the_same() -> None:
    with influxdb() as server, closing(InfluxHistorian(InfluxPlace.parse(f"influxdb://127.0.0.1:{server.port}//blocks"), "t")) as historian:
        written(historian)
        assert joined(of_server(historian, POINTS, *SPANS[0])) == wanted(*SPANS[0], [0, 1, 2])


def test_order_of_one_moment_is_the_order_of_coming() -> None:
    block = in_order(np.array([3, 1, 2]), np.array([5, 5, 4]), np.array([0.0, 1.0, 2.0]), 9)
    assert (block.rows.tolist(), block.taken_ms.tolist(), block.values.tolist()) == ([2, 3, 1], [4, 5, 5], [2.0, 0.0, 1.0])


def test_times_that_lie_centuries_apart_are_put_in_order_too() -> None:
    block = in_order(np.array([0, 1]), np.array([1 << 44, 7]), np.array([0.0, 1.0]), 1 << 45)
    assert block.rows.tolist() == [1, 0]
