"""Exports: every reading of the span once, whichever historian keeps it; a file appears whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from sites.model import point_key
from storage.historian import Historian
from storage.historian_duckdb import DuckDbHistorian
from storage.historian_influx import InfluxHistorian, InfluxPlace
from storage.historian_memory import MemoryHistorian
from storage.history_export import export, known_points, of_files, of_server
from storage.history_files import HistoryFiles, spill_sealed
from storage.history_steps import DAY_MS
from storage.projection import HistoryBatch, PointName
from storage.retention import HOUR_MS
from tests import servers

DAY_0 = 1_790_000_000_000 // DAY_MS * DAY_MS
NAMES = {point_key(*name): name for name in [("d1", "lel"), ("d1", "temperature"), ("d,2", 'a "metric"'), ("断路器", "closed.1")]}
POINTS = sorted(f"{device}:{metric}" for device, metric in NAMES.values())


def name_of(key: int) -> PointName:
    return PointName(key, "s1", *NAMES[key], "")


def batch(position: int, seed: int, from_day: int, days: int, count: int) -> HistoryBatch:
    rng = np.random.default_rng(seed)
    taken = DAY_0 + from_day * DAY_MS + rng.integers(0, days * DAY_MS // 20_000, count) * 20_000
    return HistoryBatch(position, rng.choice(np.array(list(NAMES), np.int64), count), taken, np.round(rng.normal(20.0, 5.0, count), 3))


def told(part: float, readings: int) -> None:
    pass


def rows_of(file: Path) -> list[tuple[str, int, float, str, str]]:
    if file.suffix == ".csv":
        with open(file, newline="", encoding="utf-8") as text:
            rows = list(csv.reader(text))
        assert rows[0] == ["point", "taken_ms", "value", "taken_at", "unit"]
        return [(row[0], int(row[1]), float(row[2]), row[3], row[4]) for row in rows[1:]]
    columns = pyarrow.parquet.read_table(file).to_pydict()
    return list(zip(*(columns[name] for name in ("point", "taken_ms", "value", "taken_at", "unit")), strict=True))


@pytest.fixture(params=["memory", "duckdb", pytest.param("influxdb", marks=pytest.mark.wire)])
def historian(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Historian]:
    if request.param == "influxdb":
        with (
            servers.influxdb() as server,
            closing(InfluxHistorian(InfluxPlace.parse(f"influxdb://127.0.0.1:{server.port}//db"), "x")) as influx,
        ):
            yield influx
        return
    duck = DuckDbHistorian(tmp_path / "h.duckdb", tmp_path / "history")
    with closing(MemoryHistorian() if request.param == "memory" else duck) as made:
        yield made


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_every_reading_of_the_span_comes_once_and_the_newest_of_two(historian: Historian, form: str, tmp_path: Path) -> None:
    wanted: dict[tuple[str, int], float] = {}
    start, end = DAY_0 + HOUR_MS + 7, DAY_0 + 3 * DAY_MS - 5
    asked = [point for point in POINTS if point != "d1:temperature"]
    for position, (from_day, days) in enumerate([(0, 4), (0, 2), (1, 1), (2, 1)], 1):
        readings = batch(position, position, from_day, days, 3000)
        historian.write(readings, name_of)
        for key, at, value in zip(readings.keys.tolist(), readings.taken_ms.tolist(), readings.values.tolist(), strict=True):
            point = ":".join(NAMES[key])
            if start <= at < end and point in asked:
                wanted[point, at] = value
        if position == 3:
            historian.seal(DAY_0 + 2 * DAY_MS + 2 * HOUR_MS)
    folder = tmp_path / "spilled"
    folder.mkdir()
    historian.spill(folder, start, end)
    if isinstance(historian, InfluxHistorian):
        assert historian.points() == POINTS
        slices = of_server(historian, asked, start, end)
    else:
        assert known_points(folder) == POINTS
        slices = of_files(folder, asked, start, end)
    file = tmp_path / f"history.{form}"
    progress: list[tuple[float, int]] = []
    count = export(slices, file, start, end, lambda part, readings: progress.append((part, readings)))
    rows = rows_of(file)
    assert len(rows) == count == len(wanted)
    assert {(point, at): value for point, at, value, _, _ in rows} == wanted
    assert progress == sorted(progress)
    assert (progress[-1], progress[0][0] >= 0.0) == ((1.0, count), True)
    point, at, _, words, unit = rows[0]
    assert np.datetime64(words[:-1], "ms").astype(int) == at
    assert {row[4] for row in rows if row[0] == "d1:lel"} == {"%LEL"}
    assert unit == ("%LEL" if point == "d1:lel" else "")


def test_days_that_leave_or_change_during_an_export_stay_in_it(tmp_path: Path) -> None:
    with closing(DuckDbHistorian(tmp_path / "h.duckdb", tmp_path / "history")) as historian:
        historian.write(batch(1, 1, 0, 2, 4000), name_of)
        historian.seal(DAY_0 + 2 * DAY_MS + HOUR_MS)
        folder = tmp_path / "spilled"
        folder.mkdir()
        historian.spill(folder, DAY_0, DAY_0 + 2 * DAY_MS)
        before = export(of_files(folder, POINTS, DAY_0, DAY_0 + 2 * DAY_MS), tmp_path / "before.csv", DAY_0, DAY_0 + 2 * DAY_MS, told)
        historian.write(batch(2, 2, 0, 2, 4000), name_of)
        historian.seal(DAY_0 + 2 * DAY_MS + HOUR_MS)
        (tmp_path / "history" / "2026-09-21.parquet").unlink()
        export(of_files(folder, POINTS, DAY_0, DAY_0 + 2 * DAY_MS), tmp_path / "after.csv", DAY_0, DAY_0 + 2 * DAY_MS, told)
    assert before > 3000
    assert (tmp_path / "before.csv").read_bytes() == (tmp_path / "after.csv").read_bytes()


def test_beside_a_running_service_what_is_sealed_is_there(tmp_path: Path) -> None:
    with closing(DuckDbHistorian(tmp_path / "h.duckdb", tmp_path / "history")) as historian:
        historian.write(batch(1, 1, 0, 2, 4000), name_of)
        historian.seal(DAY_0 + DAY_MS + HOUR_MS)
        folder = tmp_path / "spilled"
        folder.mkdir()
        spill_sealed(HistoryFiles(tmp_path / "history"), folder, DAY_0, DAY_0 + 2 * DAY_MS)
        assert known_points(folder) == POINTS
        export(of_files(folder, POINTS, DAY_0, DAY_0 + 2 * DAY_MS), tmp_path / "sealed.csv", DAY_0, DAY_0 + 2 * DAY_MS, told)
    times = [row[1] for row in rows_of(tmp_path / "sealed.csv")]
    assert DAY_0 + DAY_MS - HOUR_MS < max(times) < DAY_0 + DAY_MS


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[object, int]]:
        raise OSError("the disk is gone")
        yield

    with pytest.raises(OSError, match="gone"):
        export(broken(), tmp_path / "x.csv", 0, 1, told)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match=r"neither in \.csv"):
        export(iter(()), tmp_path / "x.xlsx", 0, 1, told)


def test_a_span_without_readings_is_an_empty_table(tmp_path: Path) -> None:
    with closing(MemoryHistorian()) as historian:
        historian.spill(tmp_path, 0, 1)
    for form in ("csv", "parquet"):
        assert export(of_files(tmp_path, POINTS, 0, 1), tmp_path / f"x.{form}", 0, 1, told) == 0
        assert rows_of(tmp_path / f"x.{form}") == []
