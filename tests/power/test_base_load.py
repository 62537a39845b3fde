"""The normal load of a circuit, learnt by the hour of the local week."""

from __future__ import annotations

import msgspec
import pytest

from power.base_load import HOURS, LEAST_WEEKS, LOOK_MS, BaseLoads, BaseLoadsState
from sites.calendars import local_minute_ms
from sites.model import Circuit, Device, Site
from sites.roster import Roster

HOUR, WEEK = 3_600_000, 7 * 86_400_000
ZONE = "Asia/Shanghai"
MONDAY = local_minute_ms(ZONE, "2026-11-02", 0)


class Shop:
    """One metered circuit; `hour` lets an hour pass at a load."""

    def __init__(self) -> None:
        self.roster = Roster()
        self.roster.put(Site(id="s", enterprise_id="e", name="s", timezone=ZONE))
        self.roster.put(Device(id="d", site_id="s", zone_id="z", name="d", kind="switch", codec="native", address="s/d", interval_s=60.0))
        self.circuit = Circuit(id="c", site_id="s", zone_id="z", name="c", device_id="d")
        self.roster.put(self.circuit)
        self.loads = BaseLoads(self.roster)
        self.loads.configured("circuit", "c", MONDAY)

    def hear(self, amps: float, at_ms: int) -> None:
        row = self.roster.add_point("d", "current_a")
        columns = self.roster.columns
        columns.latest_values[row], columns.latest_taken_ms[row], columns.latest_arrived_ms[row] = amps, at_ms, at_ms

    def hour(self, begins_ms: int, *amps: float) -> None:
        """Loads spread evenly over the hour; then the first look of the next one."""
        for at_ms in range(begins_ms, begins_ms + HOUR, LOOK_MS):
            self.hear(amps[(at_ms - begins_ms) * len(amps) // HOUR], at_ms)
            self.loads.due(at_ms)
        self.loads.due(begins_ms + HOUR)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_nothing_is_said_before_three_weeks(shop: Shop) -> None:
    for week in range(LEAST_WEEKS):
        assert shop.loads.of(shop.circuit, MONDAY) is None
        shop.hour(MONDAY + week * WEEK, 2.0)
    assert shop.loads.of(shop.circuit, MONDAY + LEAST_WEEKS * WEEK) == 2.0
    assert shop.loads.of(shop.circuit, MONDAY + LEAST_WEEKS * WEEK + HOUR) is None, "of another hour nothing is known"


def test_it_is_the_hour_of_the_sites_own_week(shop: Shop) -> None:
    for week in range(3):
        shop.hour(MONDAY + week * WEEK + 23 * HOUR, 0.5)
    week_a = shop.loads.week("c")
    assert [hour for hour in range(HOURS) if week_a[hour] is not None] == [23]


def test_two_odd_nights_of_five_move_nothing(shop: Shop) -> None:
    for week, amps in enumerate((1.0, 9.0, 1.1, 9.0, 1.2)):
        shop.hour(MONDAY + week * WEEK, amps)
    assert shop.loads.of(shop.circuit, MONDAY) == pytest.approx(1.2)


def test_a_short_peak_within_an_hour_moves_nothing(shop: Shop) -> None:
    for week in range(3):
        shop.hour(MONDAY + week * WEEK, 1.0, 1.0, 30.0, 1.0)
    assert shop.loads.of(shop.circuit, MONDAY) == 1.0


def test_only_the_last_five_weeks_count(shop: Shop) -> None:
    for week in range(8):
        shop.hour(MONDAY + week * WEEK, 1.0 if week < 5 else 4.0)
    assert shop.loads.of(shop.circuit, MONDAY) == 4.0


def test_stale_readings_teach_nothing(shop: Shop) -> None:
    shop.hear(3.0, MONDAY - HOUR)
    for week in range(3):
        for at_ms in range(MONDAY + week * WEEK, MONDAY + week * WEEK + HOUR + LOOK_MS, LOOK_MS):
            shop.loads.due(at_ms)
    assert shop.loads.of(shop.circuit, MONDAY) is None


def test_it_outlives_a_restart(shop: Shop) -> None:
    for week in range(3):
        shop.hour(MONDAY + week * WEEK, 2.5)
    raw = msgspec.msgpack.encode(shop.loads.dump())
    again = BaseLoads(shop.roster)
    again.load(msgspec.msgpack.decode(raw, type=BaseLoadsState))
    assert again.of(shop.circuit, MONDAY) == 2.5
    assert again.due_ms() == shop.loads.due_ms()


def test_what_was_learnt_of_a_circuit_that_is_gone_is_forgotten(shop: Shop) -> None:
    for week in range(3):
        shop.hour(MONDAY + week * WEEK, 2.5)
    shop.roster.remove("circuit", "c")
    shop.loads.configured("circuit", "c", MONDAY)
    assert shop.loads.week("c") == [None] * HOURS
