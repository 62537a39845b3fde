"""`sitewarden doctor` against real brokers: what it must warn of before commanding is switched on."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.doctor import examine
from app.settings import load
from tests.servers import mosquitto

pytestmark = pytest.mark.wire


def report(capsys: pytest.CaptureFixture[str], tmp_path: Path, url: str) -> tuple[int, str]:
    status = examine(load(mqtt_url=url, data_dir=tmp_path, historian_url="memory://"))
    return status, capsys.readouterr().out


def test_an_open_broker_is_bad_because_anybody_can_give_orders_and_pretend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mosquitto() as broker:
        status, said = report(capsys, tmp_path, broker.url)
    assert status == 1
    for what in ("commands", "replies", "another device's telemetry"):
        assert f"an anonymous client can publish {what}" in said


def test_the_in_flight_window_is_measured_and_with_mqtt_5_it_is_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mosquitto("max_inflight_messages 20") as broker:
        _, said = report(capsys, tmp_path, broker.url)
    assert "MQTT 5" in said
    assert "sends at least 40 messages before it wants an acknowledgement" in said


def test_a_broker_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = report(capsys, tmp_path, "mqtt://127.0.0.1:9")
    assert status == 1
    assert "bad   broker     cannot be reached" in said


def test_the_embedded_broker_is_for_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = report(capsys, tmp_path, "embedded://127.0.0.1:1883")
    assert status == 0
    assert "for trials only" in said
