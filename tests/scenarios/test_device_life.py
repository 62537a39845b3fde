"""A device's life in the house: reminded of, replaced by other hardware, refused, retired; the same after a crash and a snapshot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alarms.model import Alarm, Attention, Condition
from alarms.requests import Acknowledge, Reset
from alarms.validity import REMIND_MS
from app.rows import ConfigChanged
from sites.model import Device
from tests.scenarios.house import House
from tests.scenarios.sample import kitchen

DAY_MS = 86_400_000


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, kitchen())


def change(house: House, device_id: str, **fields: Any) -> Device:
    present = house.warden.configuration.roster.device(device_id)
    assert present is not None
    changed = replace(present, version=present.version + 1, **fields)
    house.scan.put(ConfigChanged.of("device", device_id, changed.version, changed))
    house.once()
    return changed


def retire(house: House, device_id: str) -> None:
    present = house.warden.configuration.roster.device(device_id)
    assert present is not None
    house.scan.put(ConfigChanged.of("device", device_id, present.version + 1, None))
    house.once()


def reminders(house: House) -> list[Alarm]:
    return [alarm for alarm in house.warden.book.open.values() if alarm.rule_id in ("service:calibration_due", "service:service_life_due")]


def test_a_detector_is_reminded_of_at_the_moment_thirty_days_before_its_date_by_time_alone(house: House) -> None:
    change(house, "gas-1", calibrated_until_ms=house.clock.now_ms() + REMIND_MS + DAY_MS)
    assert reminders(house) == []
    due_ms = house.warden.due_ms()
    assert due_ms is not None
    house.clock.advance(DAY_MS)
    house.once()
    (alarm,) = reminders(house)
    assert (alarm.device_id, alarm.site_id, alarm.subject, alarm.severity.name) == ("gas-1", "site", "device:gas-1", "LOW")


def test_another_date_ends_the_reminder_and_taking_the_date_away_too(house: House) -> None:
    now_ms = house.clock.now_ms()
    change(house, "gas-1", calibrated_until_ms=now_ms, service_until_ms=now_ms)
    assert {alarm.rule_id for alarm in reminders(house)} == {"service:calibration_due", "service:service_life_due"}
    change(house, "gas-1", calibrated_until_ms=now_ms + 400 * DAY_MS, service_until_ms=None)
    assert {alarm.condition for alarm in reminders(house)} == {Condition.NORMAL}


def test_a_reminder_stands_once_however_often_the_service_restarts(house: House) -> None:
    change(house, "gas-1", calibrated_until_ms=house.clock.now_ms())
    (alarm,) = reminders(house)
    house.ask(Acknowledge(alarm_ids=(alarm.id,), who="a"))
    for _ in range(2):
        house.snapshot()
        house.crash(5_000)
        house.run(1)
    (after,) = reminders(house)
    assert (after.id, after.attention, after.count) == (alarm.id, Attention.ACKNOWLEDGED, 1)


def test_the_alarms_of_a_retired_device_are_withdrawn_and_people_can_end_them(house: House) -> None:
    change(house, "gas-1", calibrated_until_ms=house.clock.now_ms())
    house.hear("gas-1", lel=60.0)
    house.run(1)
    mine = [alarm for alarm in house.alarms if alarm.device_id == "gas-1"]
    assert len(mine) == 2
    retire(house, "gas-1")
    withdrawn = [house.warden.book.open[alarm.id] for alarm in mine]
    assert {alarm.condition for alarm in withdrawn} == {Condition.NORMAL}
    house.ask(Acknowledge(alarm_ids=tuple(alarm.id for alarm in withdrawn), who="a"))
    house.ask(Reset(alarm_ids=tuple(alarm.id for alarm in withdrawn if alarm.is_latched), who="a"))
    assert not [alarm for alarm in house.alarms if alarm.device_id == "gas-1"]
    house.clock.advance(DAY_MS)
    house.run(1)
    assert reminders(house) == []


def test_other_hardware_is_heard_under_the_same_points_and_its_clock_is_learnt_anew(house: House) -> None:
    row = house.warden.configuration.roster.device_rows["gas-1"]
    for _ in range(5):
        house.hear("gas-1", ts=house.clock.now_ms() - 45_000, lel=1.0)
        house.run(10)
    assert house.warden.clocks.offset_ms(row) == pytest.approx(45_000, abs=200)
    point = house.warden.configuration.roster.point_row("gas-1", "lel")
    change(house, "gas-1", address="site/gas-1b")
    assert house.warden.clocks.offset_ms(row) is None
    house.hear("gas-1b", lel=7.0)
    house.run(1)
    roster = house.warden.configuration.roster
    assert roster.point_row("gas-1", "lel") == point
    latest = roster.latest("gas-1", "lel")
    assert latest is not None
    assert latest[0] == 7.0
    assert house.warden.clocks.offset_ms(row) == pytest.approx(0, abs=200)
    house.hear("gas-1", lel=99.0)  # the old hardware still speaks: nobody's now
    house.run(1)
    assert [unknown.address for step in house.steps for unknown in step.outcome.unknown] == ["site/gas-1"]


def test_what_was_refused_is_kept_over_snapshot_and_crash_until_the_device_goes(house: House) -> None:
    topic = "sitewarden/v1/site/gas-1/telemetry"
    house.deliver(topic, b"\xff no reading")
    house.run(1)
    house.snapshot()
    house.deliver(topic, b'{"values": {"lel": "hot"}}')
    house.run(1)
    house.crash()
    kept = house.warden.refused.of("gas-1")
    assert [refused.raw for refused in kept] == [b'{"values": {"lel": "hot"}}', b"\xff no reading"]
    assert house.warden.refused.total("gas-1") == 2
    retire(house, "gas-1")
    assert house.warden.refused.of("gas-1") == ()
