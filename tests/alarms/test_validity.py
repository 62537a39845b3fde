"""Reminders of calibration and service life: from thirty days before a date until another date is entered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alarms.service_alarms import ServiceClear, ServiceRaise
from alarms.validity import REMIND_MS, reminders
from sites.model import Device

NOW = 1_795_320_000_000
GAS = Device(id="g", site_id="s", zone_id="z", name="gas", kind="gas", codec="native", address="s/g")


def raised(device: Device, now_ms: int) -> list[str]:
    return [wish.code for wish in reminders([device], now_ms)[0] if isinstance(wish, ServiceRaise)]


@pytest.mark.parametrize("field", ["calibrated_until_ms", "service_until_ms"])
def test_a_reminder_stands_from_thirty_days_before_the_date_on(field: str) -> None:
    code = {"calibrated_until_ms": "calibration_due", "service_until_ms": "service_life_due"}[field]
    device = replace(GAS, **{field: NOW + REMIND_MS})
    assert raised(device, NOW - 1) == []
    assert raised(device, NOW) == [code]
    assert raised(device, NOW + 10 * REMIND_MS) == [code]


def test_it_says_when_it_wants_to_be_asked_again() -> None:
    devices = [replace(GAS, calibrated_until_ms=NOW + REMIND_MS + 5_000), replace(GAS, id="h", service_until_ms=NOW + REMIND_MS + 3_000)]
    assert reminders(devices, NOW)[1] == NOW + 3_000
    assert reminders(devices, NOW + 3_000)[1] == NOW + 5_000
    assert reminders(devices, NOW + 5_000)[1] is None


def test_a_later_date_ends_the_reminder() -> None:
    wishes, _ = reminders([replace(GAS, calibrated_until_ms=NOW + 400 * 86_400_000)], NOW)
    assert ServiceClear(code="calibration_due", subject="device:g", note="the date was changed") in wishes
