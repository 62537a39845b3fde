"""The alarm path's self-test on the real service with its own broker: it gets through, is nobody's alarm, and says when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from alarms.duty_requests import RunSelfTest
from alarms.self_tests import WITHIN_MS, delays_ms
from app.service import Service
from app.settings import load
from tests.servers import free_port


def wait(until: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not until() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert until()


def test_it_passes_through_broker_scan_rule_stream_and_notifications_and_is_nobodys_alarm(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path, mqtt_url=f"embedded://127.0.0.1:{free_port()}", http_port=0, self_test_s=0)
    with Service(settings) as service:
        parts = service.parts
        wait(lambda: parts.broker.is_up)
        parts.scan.ask(RunSelfTest(who="u", key="k")).result(5)
        wait(lambda: parts.tester.last is not None)
        test = parts.tester.last
        assert test is not None
        assert test.state == "passed", test
        assert set(delays_ms(test)) == {"arrived", "decided", "streamed", "notified", "total"}
        assert delays_ms(test)["total"] <= WITHIN_MS
        assert dict(parts.board.alarms) == {}
        assert "alarm_path" not in parts.health().degraded
        assert parts.health().figures["self_test_passed"] == 1.0
        wait(lambda: [fact.state for fact in parts.records.facts("self_test", None).items] == ["passed"])
        assert parts.records.inbox_devices(None).items == [], "its device is in nobody's inbox"
        assert parts.records.all_points() == []


def test_without_a_broker_it_is_the_loudest_alarm(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path, mqtt_url=f"mqtt://127.0.0.1:{free_port()}", http_port=0, self_test_s=0)
    with Service(settings) as service:
        parts = service.parts
        parts.scan.ask(RunSelfTest(who="u", key="k")).result(5)
        wait(lambda: parts.tester.last is not None)
        assert parts.tester.last is not None
        assert parts.tester.last.state == "failed"
        assert "not connected" in parts.tester.last.reason
        wait(lambda: any(alarm.rule_id == "service:alarm_path_broken" for alarm in parts.board.alarms.values()))
        assert "alarm_path" in parts.health().degraded
