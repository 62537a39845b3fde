"""The keeper of snapshots: what it leaves for the next start."""

from __future__ import annotations

import time
from pathlib import Path

from app.rows import ConfigChanged
from app.service import Service
from app.settings import Settings
from storage import snapshots


def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, mqtt_url="embedded://127.0.0.1:0", historian_url="memory://", http_port=0, snapshot_s=3600)


def test_a_scan_that_broke_off_in_the_midst_of_a_step_leaves_no_snapshot_of_it(tmp_path: Path) -> None:
    with Service(settings(tmp_path)) as service:
        parts = service.parts
        parts.scan.put(ConfigChanged(kind="rule", id="x", version=1, body=b"\xc1 is no row"))
        until = time.monotonic() + 10
        while parts.scan.failed is None:
            assert time.monotonic() < until, "the scan goes on"
            time.sleep(0.01)
        broken = parts.journal.position
    assert max(snapshots.positions(tmp_path / "snapshots"), default=0) < broken


def test_a_scan_that_was_stopped_leaves_one_of_its_last_position(tmp_path: Path) -> None:
    with Service(settings(tmp_path)) as service:
        parts = service.parts
    assert snapshots.positions(tmp_path / "snapshots")[-1] == parts.journal.position > 0


def test_a_row_that_no_step_can_take_is_set_aside_at_the_next_start_and_shown(tmp_path: Path) -> None:
    with Service(settings(tmp_path)) as service:
        parts = service.parts
        parts.scan.put(ConfigChanged(kind="rule", id="x", version=1, body=b"\xc1 is no row"))
        until = time.monotonic() + 10
        while parts.scan.failed is None:
            assert time.monotonic() < until, "the scan goes on"
            time.sleep(0.01)
        broken = parts.journal.position
    for _ in range(2):  # the second start leaves it out without meeting it
        with Service(settings(tmp_path)) as service:
            parts = service.parts
            assert list(parts.set_aside) == [broken]
            assert f"journal position {broken} was set aside" in parts.health().degraded["set_aside"]
            assert parts.scan.failed is None


def test_a_clean_stop_is_no_lost_broker(tmp_path: Path) -> None:
    with Service(settings(tmp_path)) as service:
        until = time.monotonic() + 10
        while not service.parts.broker.is_up:
            assert time.monotonic() < until, "the embedded broker is not met"
            time.sleep(0.01)
        time.sleep(0.3)
        open_before = dict(service.parts.board.alarms)
    assert open_before == {}
    assert service.parts.warden.book.open == {}
