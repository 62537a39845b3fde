"""The embedded historian's own ground: finished days become files, late readings join them, a kill loses and doubles nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet
import pytest

from sites.model import point_key
from storage.historian import HistorianDown
from storage.historian_duckdb import LATE_MS, DuckDbHistorian
from storage.historian_memory import MemoryHistorian
from storage.historian_open import open_historian
from storage.history_steps import DAY_MS
from storage.projection import HistoryBatch, PointName
from tests.storage.disks import grow, small_disk

DAY_1 = 1_790_000_000_000 // DAY_MS * DAY_MS  # 2026-09-21
DAY_2, DAY_3 = DAY_1 + DAY_MS, DAY_1 + 2 * DAY_MS
KEYS = {point_key(f"d{number}", "temperature"): f"d{number}" for number in range(5)}


def name_of(key: int) -> PointName:
    return PointName(key, "s1", KEYS[key], "temperature", "°C")


def batch(position: int, seed: int, from_ms: int, to_ms: int, count: int = 400) -> HistoryBatch:
    rng = np.random.default_rng(seed)
    keys = rng.choice(np.array(list(KEYS), np.int64), count)
    return HistoryBatch(position, keys, rng.integers(from_ms // 1000, to_ms // 1000, count) * 1000, rng.normal(20.0, 5.0, count))


@pytest.fixture
def historian(tmp_path: Path) -> Iterator[DuckDbHistorian]:
    with closing(DuckDbHistorian(tmp_path / "history.duckdb", tmp_path / "history")) as made:
        yield made


def assert_same(one: DuckDbHistorian, other: MemoryHistorian) -> None:
    for device_id in KEYS.values():
        for most in (10_000, 50):
            a, b = (kept.series(f"{device_id}:temperature", DAY_1, DAY_3 + DAY_MS, most) for kept in (one, other))
            assert a.step_ms == b.step_ms
            assert a.taken_ms.tolist() == b.taken_ms.tolist()
            assert a.minimum.tolist() == b.minimum.tolist()
            assert a.maximum.tolist() == b.maximum.tolist()
            assert a.mean.tolist() == pytest.approx(b.mean.tolist(), rel=1e-12)


def test_finished_days_move_to_files_and_read_the_same(historian: DuckDbHistorian, tmp_path: Path) -> None:
    plain = MemoryHistorian()
    for position, (start, end) in enumerate([(DAY_1, DAY_3), (DAY_1, DAY_2), (DAY_2, DAY_3 + DAY_MS)], 1):
        for kept in (historian, plain):
            kept.write(batch(position, position, start, end), name_of)
    assert_same(historian, plain)
    historian.seal(DAY_2 + LATE_MS - 1)
    assert not (tmp_path / "history").exists()
    historian.seal(DAY_2 + LATE_MS)
    assert sorted(file.name for file in (tmp_path / "history").glob("*.parquet")) == ["2026-09-21.parquet", "points.parquet"]
    assert_same(historian, plain)
    historian.seal(DAY_3 + DAY_MS)
    assert len(list((tmp_path / "history").glob("2026*.parquet"))) == 2
    assert_same(historian, plain)
    historian.seal(DAY_3 + DAY_MS)
    assert_same(historian, plain)


def test_late_readings_of_a_sealed_day_count_at_once_and_are_sealed_later(historian: DuckDbHistorian, tmp_path: Path) -> None:
    plain = MemoryHistorian()
    for position in (1, 2, 3):
        for kept in (historian, plain):
            kept.write(batch(position, position, DAY_1, DAY_2, 2000), name_of)
        assert_same(historian, plain)
        historian.seal(DAY_3)
        assert_same(historian, plain)
    rows = pyarrow.parquet.read_table(tmp_path / "history" / "2026-09-21.parquet")
    pairs = list(zip(rows["key"].to_pylist(), rows["taken_ms"].to_pylist(), strict=True))
    assert pairs == sorted(set(pairs))


def test_a_kill_between_file_and_deletion_doubles_nothing(tmp_path: Path) -> None:
    path, folder = tmp_path / "history.duckdb", tmp_path / "history"
    plain = MemoryHistorian()
    with closing(DuckDbHistorian(path, folder)) as historian:
        for kept in (historian, plain):
            kept.write(batch(1, 1, DAY_1, DAY_2), name_of)
        before = {file: file.read_bytes() for file in (path, path.with_name(path.name + ".wal"))}
        historian.seal(DAY_3)
    for file, content in before.items():  # the file is made, the deletion never happened
        file.write_bytes(content)
    with closing(DuckDbHistorian(path, folder)) as historian:
        assert historian.position() == 1
        assert_same(historian, plain)
        historian.seal(DAY_3)
        assert_same(historian, plain)


def test_a_killed_writer_keeps_what_it_was_told_is_written(tmp_path: Path) -> None:
    writer = """
import sys
from pathlib import Path
import numpy as np
from storage.historian_duckdb import DuckDbHistorian
from storage.projection import HistoryBatch, PointName
historian = DuckDbHistorian(Path(sys.argv[1]) / "history.duckdb", Path(sys.argv[1]) / "history")
for position in range(1, 100_000):
    at = np.arange(3) + position * 10
    historian.write(HistoryBatch(position, np.full(3, 7), at, at * 1.0), lambda key: PointName(key, "s", "d", "m", ""))
    print(position, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", writer, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    for _ in range(50):
        told = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    with closing(DuckDbHistorian(tmp_path / "history.duckdb", tmp_path / "history")) as historian:
        position = historian.position()
        assert position >= told
        historian.close()
        with duckdb.connect(str(tmp_path / "history.duckdb")) as connection:
            assert connection.execute("SELECT count(*), count(DISTINCT taken_ms) FROM hot").fetchall() == [(3 * position, 3 * position)]


def test_another_process_reads_the_sealed_days_while_the_service_runs(historian: DuckDbHistorian, tmp_path: Path) -> None:
    historian.write(batch(1, 1, DAY_1, DAY_2), name_of)
    historian.seal(DAY_3)
    reader = (
        "import duckdb, json, sys; "
        "print(json.dumps(duckdb.sql(f\"SELECT device_id, count(*) FROM read_parquet('{sys.argv[1]}/2026-*.parquet') "
        "JOIN read_parquet('{sys.argv[1]}/points.parquet') USING (key) GROUP BY 1 ORDER BY 1\").fetchall()))"
    )
    told = subprocess.run([sys.executable, "-c", reader, str(tmp_path / "history")], capture_output=True, text=True, check=True)
    counts = dict(json.loads(told.stdout))
    assert sorted(counts) == sorted(KEYS.values())
    assert counts["d0"] == len(historian.series("d0:temperature", DAY_1, DAY_2, 1000).taken_ms)


def test_readers_see_every_reading_while_days_are_sealed(historian: DuckDbHistorian) -> None:
    historian.write(batch(1, 1, DAY_1, DAY_1 + 20 * DAY_MS, 20_000), name_of)
    expected = len(historian.series("d0:temperature", DAY_1, DAY_1 + 30 * DAY_MS, 100_000).taken_ms)
    counts: set[int] = set()
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            counts.add(len(historian.series("d0:temperature", DAY_1, DAY_1 + 30 * DAY_MS, 100_000).taken_ms))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for day in range(1, 21):
        historian.seal(DAY_1 + day * DAY_MS + LATE_MS)
    is_over.set()
    for reader in readers:
        reader.join(30)
    assert counts == {expected}


def test_a_file_that_cannot_be_opened_is_down_until_it_can(tmp_path: Path) -> None:
    path = tmp_path / "history.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with closing(DuckDbHistorian(path, tmp_path / "history")) as historian:
        with pytest.raises(HistorianDown):
            historian.position()
        with pytest.raises(HistorianDown):
            historian.write(batch(1, 1, DAY_1, DAY_2), name_of)
        path.unlink()
        historian.write(batch(1, 1, DAY_1, DAY_2), name_of)
        assert historian.position() == 1


def test_a_closed_historian_says_so(tmp_path: Path) -> None:
    historian = DuckDbHistorian(tmp_path / "history.duckdb", tmp_path / "history")
    historian.close()
    with pytest.raises(HistorianDown, match="closed"):
        historian.series("a:b", 0, 1, 1)


def test_the_url_names_the_file(tmp_path: Path) -> None:
    with closing(open_historian("duckdb:///{data_dir}/history.duckdb", tmp_path)) as historian:
        historian.write(batch(1, 1, DAY_1, DAY_2), name_of)
        historian.seal(DAY_3)
    assert (tmp_path / "history.duckdb").exists()
    assert (tmp_path / "history" / "2026-09-21.parquet").exists()


@pytest.mark.parametrize("url", ["", "sqlite:///x", "duckdb://", "influxdb://", "influxdb://host/only"])
def test_an_unknown_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="historian"):
        open_historian(url, tmp_path)


def test_a_full_disk_is_down_until_there_is_room_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    def full(position: int) -> HistoryBatch:
        at = np.arange(20_000) + position * 20_000
        return HistoryBatch(position, np.full(20_000, next(iter(KEYS))), at, np.random.default_rng(position).random(20_000))

    def write_for_ever(historian: DuckDbHistorian) -> None:
        while True:
            historian.write(full(historian.position() + 1), name_of)

    with (
        small_disk(tmp_path / "disk", 12) as folder,
        closing(DuckDbHistorian(folder / "history.duckdb", folder / "history")) as historian,
    ):
        with pytest.raises(HistorianDown, match="No space left"):
            write_for_ever(historian)
        position = historian.position()
        assert position > 3
        with pytest.raises(HistorianDown):
            historian.write(full(position + 1), name_of)
        grow(folder, 100)
        historian.write(full(position + 1), name_of)
        assert historian.position() == position + 1
        assert len(historian.series("d0:temperature", 0, 10**9, 10**7).taken_ms) == 20_000 * (position + 1)
