"""`sitewarden backtest` on the historian: by the records' register of devices, as the service itself would have judged."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from sites.model import Device, District, Enterprise, Site, Zone, point_key
from storage.historian_duckdb import DuckDbHistorian
from storage.history_steps import DAY_MS
from storage.projection import HistoryBatch, PointName
from storage.records import Records
from tests.app.test_cli import sitewarden

DAY_0 = 1_790_000_000_000 // DAY_MS * DAY_MS  # 2026-09-21
SPAN = ("--from", "2026-09-21T00:00:00Z", "--to", "2026-09-23T00:00:00Z")
RULE = """
{id: gas, name: gas, kind: level, metric: lel, scope: {device_kinds: [gas]},
 above: [{limit: 25, severity: high, deadband: 2, hold_s: 60}], clear_hold_s: 60}
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Two detectors, one of another kind, each above the limit for ten minutes in two nights; the first day is sealed."""
    with closing(Records.open(f"sqlite:///{tmp_path}/records.db")) as records:
        records.upgrade()
        for kind, thing in (
            ("district", District(id="d", name="d")),
            ("enterprise", Enterprise(id="e", district_id="d", name="e")),
            ("site", Site(id="s", enterprise_id="e", name="s")),
            ("zone", Zone(id="z", site_id="s", name="z")),
            *(("device", Device(id=name, site_id="s", zone_id="z", name=name, kind=name[:-2], codec="native", address=name, interval_s=30))
              for name in ("gas-1", "other-1")),
        ):  # fmt: skip
            records.insert(kind, thing, "t", 0)
    with closing(DuckDbHistorian(tmp_path / "history.duckdb", tmp_path / "history")) as historian:
        for position, device_id in enumerate(("gas-1", "other-1", "gone-1"), 1):
            key, taken = point_key(device_id, "lel"), DAY_0 + np.arange(2 * 2880) * 30_000
            minute = taken // 60_000 % 1440
            values = np.where((minute >= 120) & (minute < 130), 30.0, 5.0)
            name = PointName(key, "s", device_id, "lel", "")
            historian.write(HistoryBatch(position, np.full(len(taken), key), taken, values), lambda key, name=name: name)  # type: ignore[misc]
        historian.seal(DAY_0 + DAY_MS + 3_600_000)
    (tmp_path / "rule.yaml").write_text(RULE)
    return tmp_path


def test_the_findings_of_two_days_sealed_and_not(data_dir: Path) -> None:
    told = sitewarden("backtest", str(data_dir / "rule.yaml"), *SPAN, SITEWARDEN_DATA_DIR=str(data_dir))
    assert (told.returncode, told.stderr) == (0, "4 findings in 5760 readings of 1 points\n")
    found = [json.loads(line) for line in told.stdout.splitlines()]
    assert [(line["point"], line["edge"], (line["at_ms"] - DAY_0) / 60_000) for line in found] == [
        ("gas-1:lel", "raised", 121.0),
        ("gas-1:lel", "cleared", 131.0),
        ("gas-1:lel", "raised", 1561.0),
        ("gas-1:lel", "cleared", 1571.0),
    ]


def test_beside_a_running_service_the_span_ends_with_what_is_sealed(data_dir: Path) -> None:
    with closing(DuckDbHistorian(data_dir / "history.duckdb", data_dir / "history")) as running:
        assert running.position() == 3
        told = sitewarden("backtest", str(data_dir / "rule.yaml"), *SPAN, SITEWARDEN_DATA_DIR=str(data_dir))
        assert (told.returncode, told.stdout) == (1, "")
        assert "holds the readings from 2026-09-22T00:00:00Z on" in told.stderr
        day = (*SPAN[:3], "2026-09-22T00:00:00Z")
        told = sitewarden("backtest", str(data_dir / "rule.yaml"), *day, SITEWARDEN_DATA_DIR=str(data_dir))
        assert (told.returncode, len(told.stdout.splitlines())) == (0, 2)


def test_a_records_database_that_is_not_there_is_one_clear_line(data_dir: Path) -> None:
    told = sitewarden(
        "backtest", str(data_dir / "rule.yaml"), *SPAN, SITEWARDEN_DATA_DIR=str(data_dir),
        SITEWARDEN_RECORDS_URL="postgresql+psycopg://nobody@127.0.0.1:9/none",
    )  # fmt: skip
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1)
