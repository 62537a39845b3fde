"""One contract over every historian: what is written is read, twice is once, charts have the same steps everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from sites.model import point_id, point_key
from storage.historian import Historian
from storage.historian_duckdb import DuckDbHistorian
from storage.historian_influx import InfluxHistorian, InfluxPlace
from storage.historian_memory import MemoryHistorian
from storage.history_steps import DAY_MS, step_for
from storage.projection import HistoryBatch, PointName
from storage.retention import Retention
from tests import servers

NOON = 1_790_000_000_000 // DAY_MS * DAY_MS + DAY_MS // 2
NAMES: dict[int, PointName] = {}


def name_of(key: int) -> PointName:
    return NAMES[key]


def key_of(device_id: str, metric: str, unit: str = "°C", site_id: str = "s1") -> int:
    key = point_key(device_id, metric)
    NAMES[key] = PointName(key, site_id, device_id, metric, unit)
    return key


def batch(position: int, *readings: tuple[int, int, float]) -> HistoryBatch:
    """Of (key, taken_ms, value)."""
    keys, taken, values = ([reading[column] for reading in readings] for column in range(3))
    return HistoryBatch(position, np.array(keys, np.int64), np.array(taken, np.int64), np.array(values, np.float64))


@pytest.fixture(scope="module")
def influx_server() -> Iterator[servers.Server]:
    with servers.influxdb() as server:
        yield server


FOR_EVER = Retention(0, 0, 0)  # InfluxDB takes no reading that is older than its retention by its own clock


@pytest.fixture(params=["memory", "duckdb", *(pytest.param(name, marks=pytest.mark.wire) for name in ("influxdb", "influxdb with steps"))])
def historian(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Historian]:
    made: Historian
    if request.param == "memory":
        made = MemoryHistorian()
    elif request.param == "duckdb":
        made = DuckDbHistorian(tmp_path / "history.duckdb", tmp_path / "history")
    else:
        port = request.getfixturevalue("influx_server").port
        place = InfluxPlace.parse(f"influxdb://127.0.0.1:{port}//{tmp_path.name}")
        made = InfluxHistorian(place, "test", retention=FOR_EVER if "steps" in request.param else None)
    yield made
    made.close()


def test_an_empty_historian_is_at_zero_and_knows_nothing(historian: Historian) -> None:
    assert historian.position() == 0
    series = historian.series("d:temperature", 0, NOON, 100)
    assert len(series.taken_ms) == 0
    assert series.step_ms == 0


def test_readings_come_back_raw_by_point_and_time(historian: Historian) -> None:
    a, b = key_of("d1", "temperature"), key_of("d1", "humidity", "%")
    values = [1e-310, -0.1, math.pi * 1e300, 0.0]
    historian.write(batch(7, *[(a, NOON + at * 1000, value) for at, value in enumerate(values)], (b, NOON, 55.5)), name_of)
    assert historian.position() == 7
    series = historian.series(point_id("d1", "temperature"), NOON, NOON + 4000, 4)
    assert series.step_ms == 0
    assert series.taken_ms.tolist() == [NOON, NOON + 1000, NOON + 2000, NOON + 3000]
    assert series.mean.tolist() == series.minimum.tolist() == series.maximum.tolist() == values
    assert historian.series(point_id("d1", "humidity"), NOON, NOON + 1, 10).mean.tolist() == [55.5]
    assert len(historian.series(point_id("d2", "temperature"), NOON, NOON + 4000, 10).taken_ms) == 0


def test_a_span_is_half_open(historian: Historian) -> None:
    key = key_of("d1", "temperature")
    historian.write(batch(1, (key, NOON, 1.0), (key, NOON + 10, 2.0), (key, NOON + 20, 3.0)), name_of)
    assert historian.series("d1:temperature", NOON, NOON + 20, 10).mean.tolist() == [1.0, 2.0]
    assert historian.series("d1:temperature", NOON + 1, NOON + 21, 10).mean.tolist() == [2.0, 3.0]


def test_readings_out_of_order_come_back_in_order(historian: Historian) -> None:
    key = key_of("d1", "temperature")
    historian.write(batch(1, (key, NOON + 5, 5.0), (key, NOON + 1, 1.0)), name_of)
    historian.write(batch(2, (key, NOON + 3, 3.0)), name_of)
    assert historian.series("d1:temperature", NOON, NOON + 10, 10).mean.tolist() == [1.0, 3.0, 5.0]


def test_the_same_batch_twice_changes_nothing(historian: Historian) -> None:
    key = key_of("d1", "temperature")
    one = batch(4, (key, NOON, 1.0), (key, NOON + 1000, 3.0))
    for _ in range(3):
        historian.write(one, name_of)
    assert historian.position() == 4
    assert historian.series("d1:temperature", NOON, NOON + 2000, 10).mean.tolist() == [1.0, 3.0]
    assert historian.series("d1:temperature", NOON, NOON + 2000, 1).mean.tolist() == [2.0]


def test_of_two_readings_at_one_time_the_later_is_kept(historian: Historian) -> None:
    key = key_of("d1", "temperature")
    historian.write(batch(1, (key, NOON, 1.0), (key, NOON, 2.0)), name_of)
    assert historian.series("d1:temperature", NOON, NOON + 1, 10).mean.tolist() == [2.0]
    historian.write(batch(2, (key, NOON, 3.0), (key, NOON + 1, 5.0)), name_of)
    assert historian.series("d1:temperature", NOON, NOON + 2, 10).mean.tolist() == [3.0, 5.0]
    assert historian.series("d1:temperature", NOON, NOON + 2, 1).mean.tolist() == [4.0]


def test_a_long_span_comes_as_min_mean_max_per_step(historian: Historian) -> None:
    key = key_of("d1", "temperature")
    rng = np.random.default_rng(3)
    at = np.arange(2000) * 1700 + NOON + 300
    values = rng.normal(20.0, 5.0, 2000)
    historian.write(HistoryBatch(9, np.full(2000, key), at, values), name_of)
    start, end = NOON + 301, NOON + 3_000_000
    series = historian.series("d1:temperature", start, end, 100)
    step = step_for(start, end, 100)
    assert series.step_ms == step == 30_000
    inside = (at >= start) & (at < end)
    steps = at[inside] // step * step
    assert series.taken_ms.tolist() == sorted(set(steps.tolist()))
    assert len(series.taken_ms) <= 100
    for row, begin in enumerate(series.taken_ms.tolist()):
        expected = values[inside][steps == begin]
        assert series.minimum[row] == expected.min()
        assert series.maximum[row] == expected.max()
        assert series.mean[row] == pytest.approx(expected.mean(), rel=1e-12)


def test_steps_without_readings_are_absent(historian: Historian) -> None:
    key = key_of("d1", "temperature")
    historian.write(batch(1, *[(key, NOON + at * 1000, float(at)) for at in (0, 1, 2, 600, 601)]), name_of)
    series = historian.series("d1:temperature", NOON, NOON + 601_001, 3)
    assert series.step_ms == 300_000
    assert series.taken_ms.tolist() == [NOON, NOON + 600_000]
    assert series.mean.tolist() == [1.0, 600.5]


def test_a_batch_without_readings_moves_the_position(historian: Historian) -> None:
    key = key_of("d1", "temperature")
    historian.write(batch(3, (key, NOON, 1.0)), name_of)
    historian.write(batch(12), name_of)
    assert historian.position() == 12
    assert historian.series("d1:temperature", NOON, NOON + 1, 10).mean.tolist() == [1.0]


def test_a_key_that_nobody_knows_does_not_stop_the_others(historian: Historian) -> None:
    key = key_of("d1", "temperature")
    historian.write(batch(3, (5, NOON, 1.0), (key, NOON, 2.0)), name_of)
    assert historian.position() == 3
    assert historian.series("d1:temperature", NOON, NOON + 1, 10).mean.tolist() == [2.0]


def test_a_noted_gap_is_shown_where_it_lies(historian: Historian) -> None:
    key = key_of("d1", "temperature")
    historian.note_gap(None, NOON - 5000)
    historian.write(batch(1, (key, NOON, 1.0), (key, NOON + 1000, 2.0)), name_of)
    for _ in range(2):
        historian.note_gap(None, NOON + 60_000)
        historian.note_gap(NOON + 90_000, NOON + 100_000)
    gaps = [(NOON - 10_000, NOON - 5000), (NOON + 1000, NOON + 60_000), (NOON + 90_000, NOON + 95_000)]
    for most in (1, 10):
        assert historian.series("d1:temperature", NOON - 10_000, NOON + 95_000, most).gaps == gaps
    assert historian.series("d1:temperature", NOON, NOON + 1000, 10).gaps == []


def test_sealing_changes_no_chart(historian: Historian) -> None:
    key = key_of("d1", "temperature")
    rng = np.random.default_rng(4)
    at = NOON - DAY_MS + rng.choice(90_000_000 // 700, 9000, replace=False) * 700
    plain = MemoryHistorian(FOR_EVER)
    values = rng.normal(20.0, 5.0, 9000)
    for position, part in enumerate((slice(0, 8000), slice(8000, 9000)), 1):
        for kept in (historian, plain):
            kept.write(HistoryBatch(position, np.full(part.stop - part.start, key), at[part], values[part]), name_of)
        for _ in range(2):
            for kept in (historian, plain):
                kept.seal(NOON + 5_000_000)
            for start, end in ((NOON - DAY_MS, NOON + DAY_MS), (NOON - DAY_MS + 1, NOON - 7_654_321), (NOON - 3_600_001, NOON - 3_599_000)):
                for most in (3, 40, 1000, 100_000):
                    one, other = (kept.series("d1:temperature", start, end, most) for kept in (historian, plain))
                    assert one.step_ms == other.step_ms
                    assert one.taken_ms.tolist() == other.taken_ms.tolist()
                    assert (one.minimum.tolist(), one.maximum.tolist()) == (other.minimum.tolist(), other.maximum.tolist())
                    assert one.mean.tolist() == pytest.approx(other.mean.tolist(), rel=1e-12)


HOSTILE = [
    "plain",
    "断路器 3号",
    "a b,c=d",
    'it\'s "quoted"',
    "back\\slash",
    "ends in \\",
    "\\",
    "new\nline",
    "tab\tand\rreturn",
    "nul\x00",
    "100 %",
    "%0A",
    "#comment",
    "_internal",
    "value=1 1",
    "x' OR '1'='1",
    'x"; DROP DATABASE "y',
    "a/b/c:d",
    " spaced ",
    "=",
    ",",
    "é" * 200,
    "$device",
    "{data_dir}",
    "🔥",
]


def test_hostile_names_stay_apart_and_come_back(historian: Historian) -> None:
    readings, wanted = [], {}
    for number, name in enumerate(HOSTILE):
        for where, (device_id, metric) in enumerate([(name, "temperature"), ("d1", name.replace(":", ";"))]):
            readings.append((key_of(device_id, metric, unit=name, site_id=name), NOON, float(2 * number + where)))
            wanted[point_id(device_id, metric)] = readings[-1][2]
    historian.write(batch(1, *readings), name_of)
    got = {point: historian.series(point, NOON, NOON + 1, 10).mean.tolist() for point in wanted}
    assert got == {point: [value] for point, value in wanted.items()}
    assert historian.position() == 1


@pytest.mark.parametrize(
    ("span_ms", "most", "step"),
    [
        (60_000, 100, 1000),
        (DAY_MS, 2000, 60_000),
        (DAY_MS, 100, 15 * 60_000),
        (30 * DAY_MS, 2000, 30 * 60_000),
        (365 * DAY_MS, 100, 4 * DAY_MS),
    ],
)
def test_steps_are_nice_and_few(span_ms: int, most: int, step: int) -> None:
    assert step_for(NOON, NOON + span_ms, most) == step
    assert span_ms / step <= most


@pytest.mark.parametrize("make", [MemoryHistorian])
def test_a_historian_that_is_down_says_so(make: Callable[[], MemoryHistorian]) -> None:
    from storage.historian import HistorianDown

    historian = make()
    historian.down_reason = "pulled out"
    for act in (historian.position, lambda: historian.write(batch(1), name_of), lambda: historian.series("a:b", 0, 1, 1)):
        with pytest.raises(HistorianDown, match="pulled out"):
            act()
