"""`sitewarden history export`: by itself, and beside a running service that holds the newest readings."""

from __future__ import annotations

import csv
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from app.history_export import shown
from sites.model import point_key
from storage.historian_duckdb import DuckDbHistorian
from storage.history_steps import DAY_MS
from storage.projection import HistoryBatch, PointName
from storage.retention import HOUR_MS
from tests.app.test_cli import sitewarden

DAY_0 = 1_790_000_000_000 // DAY_MS * DAY_MS  # 2026-09-21
TWO_DAYS = ("--from", "2026-09-21T00:00:00Z", "--to", "2026-09-23T00:00:00Z")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory with two days of a gas detector and a switch, the first of them sealed."""
    with closing(DuckDbHistorian(tmp_path / "history.duckdb", tmp_path / "history")) as historian:
        for position, (device_id, metric) in enumerate([("gas-1", "lel"), ("gas-1", "temperature"), ("switch", "closed")], 1):
            key, taken = point_key(device_id, metric), DAY_0 + np.arange(48) * HOUR_MS
            name = PointName(key, "s", device_id, metric, "")
            historian.write(HistoryBatch(position, np.full(48, key), taken, np.arange(48.0)), lambda key, name=name: name)  # type: ignore[misc]
        historian.seal(DAY_0 + DAY_MS + HOUR_MS)
    return tmp_path


def test_a_span_is_a_file_of_all_or_of_some_points(data_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    told = sitewarden("history", "export", *TWO_DAYS, str(file), SITEWARDEN_DATA_DIR=str(data_dir))
    assert (told.returncode, told.stdout, told.stderr) == (0, f"144 readings of 3 points are in {file}\n", "")
    with open(file, newline="") as text:
        rows = list(csv.DictReader(text))
    assert {row["point"] for row in rows} == {"gas-1:lel", "gas-1:temperature", "switch:closed"}
    told = sitewarden(
        "history", "export", *TWO_DAYS, "--device", "switch", "--point", "gas-1:lel", str(file), SITEWARDEN_DATA_DIR=str(data_dir)
    )
    assert told.stdout == f"96 readings of 2 points are in {file}\n"
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".export")] == []


def test_beside_a_running_service_the_span_ends_with_what_is_sealed(data_dir: Path, tmp_path: Path) -> None:
    with closing(DuckDbHistorian(data_dir / "history.duckdb", data_dir / "history")) as running:
        assert running.position() == 3
        told = sitewarden("history", "export", *TWO_DAYS, str(tmp_path / "out.csv"), SITEWARDEN_DATA_DIR=str(data_dir))
        assert (told.returncode, told.stderr.count("\n")) == (1, 1)
        assert "holds the readings from 2026-09-22T00:00:00Z on" in told.stderr
        span = (*TWO_DAYS[:3], "2026-09-22T00:00:00Z")
        told = sitewarden("history", "export", *span, str(tmp_path / "out.parquet"), SITEWARDEN_DATA_DIR=str(data_dir))
        assert (told.returncode, told.stdout.partition(" in ")[0]) == (0, "72 readings of 3 points are")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ((*TWO_DAYS, "out.xlsx"), 1, "neither in .csv nor in .parquet"),
        ((*TWO_DAYS, "--point", "gas-1:none", "out.csv"), 1, "history knows no gas-1:none; it has 3 points, such as gas-1:lel"),
        (("--from", "2026-09-23T00:00:00Z", "--to", "2026-09-21T00:00:00Z", "out.csv"), 1, "--from must lie before --to"),
        (("--from", "2026-09-21T00:00:00", "--to", "2026-09-22T00:00:00Z", "out.csv"), 2, "has no offset"),
        ((*TWO_DAYS, "/nowhere/at/all/out.csv"), 1, "No such file"),
    ],
)
def test_what_cannot_be_exported_is_one_line(arguments: tuple[str, ...], status: int, says: str, data_dir: Path) -> None:
    told = sitewarden("history", "export", *arguments, SITEWARDEN_DATA_DIR=str(data_dir))
    assert (told.returncode, says in told.stderr) == (status, True), told.stderr
    assert status == 2 or told.stderr.count("\n") == 1


def test_progress_is_shown_on_a_terminal_only() -> None:
    class Terminal:
        def __init__(self, is_terminal: bool) -> None:
            self.is_terminal, self.text = is_terminal, ""

        def isatty(self) -> bool:
            return self.is_terminal

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None:
            pass

    one, other = Terminal(True), Terminal(False)
    for terminal in (one, other):
        progress = shown(terminal)  # type: ignore[arg-type]
        progress(0.5, 1000)
        progress(1.0, 2000)
    assert one.text == "\r[###############               ]  50%          1,000 readings\r[" + "#" * 30 + "] 100%          2,000 readings\n"
    assert other.text == ""
