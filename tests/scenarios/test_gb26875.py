"""A fire panel over GB/T 26875.3 on a timeline: alarm, confirmation after the journal, reset at the panel, also over a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from alarms.model import Condition
from ingest.gb26875 import CONFIRM, cut, label_of
from sites.model import Device
from tests.ingest.gb26875_vectors import component, frame, status_frame
from tests.scenarios.house import House
from tests.scenarios.sample import SMOKE, kitchen

UP, DOWN = "gb26875/site-1/up", "gb26875/site-1/down"


@pytest.fixture
def house(tmp_path: Path) -> House:
    head = Device(
        id="head",
        site_id="site",
        zone_id="kitchen",
        name="head",
        kind="smoke",
        codec="gb26875",
        address="site-1/889/1.1.42.3-7",
        interval_s=86_400,
    )
    return House(tmp_path, [*kitchen(), ("device", head)])


def fire(house: House, status: int, serial: int) -> None:
    house.deliver(UP, status_frame(component(status, at_ms=house.clock.now_ms()), serial=serial).raw)
    house.run(0.2)


def reset(house: House, serial: int) -> None:
    house.deliver(UP, frame(bytes([4, 1, 1, 1, 1, 9]) + label_of(house.clock.now_ms()), serial=serial).raw)
    house.run(0.2)


def test_a_fire_alarms_at_once_and_is_confirmed_to_the_device(house: House) -> None:
    fire(house, 2, 1)
    assert house.alarm(SMOKE.id).device_id == "head"
    ((topic, payload),) = house.outlet.asked
    assert topic == DOWN
    assert [(answer.command, answer.serial) for answer in cut(payload).frames] == [(CONFIRM, 1)]


def test_nothing_is_confirmed_while_the_journal_cannot_be_written_and_yet_the_alarm_is_shown(house: House) -> None:
    house.journal.is_full = True
    fire(house, 2, 1)
    assert house.alarm(SMOKE.id).condition is Condition.ACTIVE
    assert house.outlet.asked == []


def test_a_reset_at_the_panel_after_a_restart_ends_the_condition_and_what_comes_again_alarms_again(house: House) -> None:
    fire(house, 2, 1)
    house.crash(down_ms=5_000)
    house.run(5)
    reset(house, 2)
    alarm = house.alarm(SMOKE.id)
    assert alarm.condition is Condition.NORMAL  # latched: it stays until people have dealt with it
    house.run(5)
    fire(house, 2, 3)  # the panel reports what is still there
    assert house.alarm(SMOKE.id).condition is Condition.ACTIVE
