"""Where two rooms meet: what one hands over at an awkward moment must not stop, double or falsify what the other does with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from alarms.model import Condition, Signal
from alarms.requests import Acknowledge, Reset
from app.desk import Desk
from app.restore import replay
from app.rows import ConfigChanged
from power.errors import RequestRefused
from power.requests import Cut, LockOut, Restore, SetClass
from rules.model import RuleKind, Statistic
from storage import snapshots
from tests.scenarios.house import House
from tests.scenarios.sample import GAS, device, kitchen


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, kitchen())


class AllRecorded:
    """Records that have every position already, if they are there."""

    is_away = False

    def wait(self, position: int, timeout_s: float) -> bool:
        return True


def test_a_device_that_took_over_the_address_of_a_removed_one_is_heard_after_a_restart(house: House) -> None:
    house.hear("gas-1", lel=1)
    house.run(1)
    house.scan.put(ConfigChanged.of("device", "gas-1", 2, None))
    house.run(1)
    successor = replace(device("gas-9", "gas"), address="site/gas-1")
    house.scan.put(ConfigChanged.of("device", "gas-9", 1, successor))
    house.run(1)
    house.snapshot()
    house.crash()
    house.hear("gas-1", lel=60)
    house.run(1)
    assert house.alarm("gas").device_id == "gas-9"


def test_an_older_device_that_took_over_the_address_is_heard_after_a_restart_too(house: House) -> None:
    house.scan.put(ConfigChanged.of("device", "gas-2", 2, None))
    house.scan.put(ConfigChanged.of("device", "gas-1", 2, replace(device("gas-1", "gas"), address="site/gas-2", version=2)))
    house.run(1)
    house.snapshot()
    house.crash()
    house.hear("gas-2", lel=60)
    house.run(1)
    assert house.alarm("gas").device_id == "gas-1"


def test_two_changes_of_address_that_arrive_in_the_wrong_order_leave_nobody_unheard(house: House) -> None:
    house.scan.put(ConfigChanged.of("device", "gas-2", 2, replace(device("gas-2", "gas"), address="site/gas-1", version=2)))
    house.scan.put(ConfigChanged.of("device", "gas-1", 2, replace(device("gas-1", "gas"), address="site/new", version=2)))
    house.run(1)
    house.hear("gas-1", lel=60)
    house.run(1)
    assert house.alarm("gas").device_id == "gas-2"


def test_a_request_whose_asker_gave_up_is_not_carried_out_and_stops_nothing(house: House) -> None:
    house.hear("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.run(1)
    given_up = house.scan.ask(Cut(key="k", circuit_ids=("stove",), who="a", reason="r"))
    assert given_up.cancel()
    house.run(1)
    assert not house.warden.orders.open
    assert house.outlet.published == []
    assert house.ask(Cut(key="k2", circuit_ids=("stove",), who="a", reason="r")).orders


def test_what_the_journal_does_not_have_is_not_said_to_be_recorded(house: House) -> None:
    house.hear("smoke-1", smoke_alarm=1)
    house.run(1)
    desk, alarm_id = Desk(house.scan, AllRecorded()), house.alarm("smoke").id

    async def asked() -> bool:
        asking = asyncio.create_task(desk.ask(Acknowledge(alarm_ids=(alarm_id,), who="a")))
        await asyncio.sleep(0)
        house.once()
        return (await asking).recorded

    house.journal.is_full = True
    assert asyncio.run(asked()) is False


def test_an_answer_does_not_wait_for_records_that_are_away(house: House) -> None:
    house.hear("smoke-1", smoke_alarm=1)
    house.run(1)

    class Away(AllRecorded):
        is_away = True

        def wait(self, position: int, timeout_s: float) -> bool:
            raise AssertionError("nobody waits")

    async def asked() -> bool:
        asking = asyncio.create_task(Desk(house.scan, Away()).ask(Acknowledge(alarm_ids=(house.alarm("smoke").id,), who="a")))
        await asyncio.sleep(0)
        house.once()
        return (await asking).recorded

    assert asyncio.run(asked()) is False


def test_a_restore_does_not_leave_when_its_sending_cannot_be_journalled(house: House) -> None:
    house.hear("switch", closed__1=0, current_a__1=0.0, voltage_v__1=2.0)
    house.run(1)
    (order,) = house.ask(Restore(key="k", circuit_id="stove", who="a", second="b", reason="r")).orders
    house.journal.is_full = True
    house.run(0.5)
    assert house.outlet.published == []
    house.journal.is_full = False
    house.run(2)
    assert [body["id"] for _, body in house.outlet.published] == [order.id]


def test_an_alarm_of_a_removed_device_returns_to_normal_and_can_be_ended(house: House) -> None:
    house.hear("gas-1", lel=60)
    house.run(1)
    alarm = house.alarm("gas")
    house.scan.put(ConfigChanged.of("device", "gas-1", 2, None))
    house.run(1)
    assert house.alarm("gas").condition is Condition.NORMAL
    house.ask(Acknowledge(alarm_ids=(alarm.id,), who="a"))
    house.ask(Reset(alarm_ids=(alarm.id,), who="a"))
    assert not house.alarms
    assert not house.warden.book.has_critical("kitchen")


def test_a_refill_over_rows_that_were_dropped_goes_on_from_the_snapshot_after_them(house: House, tmp_path: Path) -> None:
    house.run(1)
    house.snapshot()
    before = house.journal.position
    house.hear("smoke-1", smoke_alarm=1)
    house.run(1)
    house.snapshot()
    house.hear("gas-1", lel=1)
    house.run(1)
    house.journal.prune(snapshots.positions(tmp_path / "snapshots")[-1])
    house.ask(Acknowledge(alarm_ids=(house.alarm("smoke").id,), who="a"))
    house.run(1)
    signals = [t.signal for stepped in replay(tmp_path / "snapshots", house.journal, before) for t in stepped.outcome.transitions]
    assert signals == [Signal.ACKNOWLEDGED]


def test_a_reminder_of_a_removed_device_returns_to_normal_too(house: House) -> None:
    house.scan.put(ConfigChanged.of("device", "gas-1", 2, replace(device("gas-1", "gas"), calibrated_until_ms=1, version=2)))
    house.run(1)
    assert house.alarm("service:calibration_due").condition is Condition.ACTIVE
    house.scan.put(ConfigChanged.of("device", "gas-1", 3, None))
    house.run(1)
    assert house.alarm("service:calibration_due").condition is Condition.NORMAL


def test_another_breaker_under_the_same_device_voids_the_trials_of_its_circuits(house: House) -> None:
    house.hear("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.run(1)
    house.scan.put(ConfigChanged.of("device", "switch", 2, replace(device("switch", "switch"), address="site/other", version=2)))
    house.hear("other", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.run(1)
    (order,) = house.ask(Cut(key="k", circuit_ids=("stove",), who="a", reason="r")).orders
    assert order.state_code == "no_trial"
    told = [circuit for step in house.steps for circuit in step.outcome.circuits]
    assert [(circuit.id, circuit.trial, circuit.version) for circuit in told] == [("pump", None, 2), ("stove", None, 2)]


def test_a_cut_does_not_leave_in_the_scan_in_which_its_circuit_becomes_a_fire_circuit(house: House) -> None:
    house.hear("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.run(1)
    (order,) = house.ask(Cut(key="k", circuit_ids=("stove",), who="a", reason="r")).orders
    house.ask(SetClass(circuit_id="stove", who="m", circuit_class="fire", reason="it feeds the pump"))
    house.run(1)
    assert house.outlet.published == []
    assert house.order(order.id).state_code == "class_fire"


def test_nobody_is_told_that_a_circuit_is_locked_out_while_a_restore_of_it_may_be_on_its_way(house: House) -> None:
    house.hear("switch", closed__1=0, current_a__1=0.0, voltage_v__1=2.0)
    house.run(1)
    house.ask(Restore(key="k", circuit_id="stove", who="a", second="b", reason="r"))
    house.run(0.5)
    assert len(house.outlet.published) == 1
    with pytest.raises(RequestRefused, match="wait until it ends"):
        house.ask(LockOut(circuit_id="stove", who="fitter", reason="work"))


def test_a_lock_out_stops_a_restore_that_has_not_left(house: House) -> None:
    house.hear("switch", closed__1=0, current_a__1=0.0, voltage_v__1=2.0)
    house.run(1)
    (order,) = house.ask(Restore(key="k", circuit_id="stove", who="a", second="b", reason="r")).orders
    house.ask(LockOut(circuit_id="stove", who="fitter", reason="work"))
    house.run(1)
    assert house.outlet.published == []
    assert house.order(order.id).state_code == "locked_out"


def test_a_complaint_about_a_removed_circuit_ends_and_blocks_no_restore(house: House) -> None:
    house.hear("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.run(1)
    (order,) = house.ask(Cut(key="k", circuit_ids=("stove",), who="a", reason="r")).orders
    house.run(0.5)
    house.reply("switch", order.id)
    for _ in range(15):
        house.hear("switch", closed__1=0, current_a__1=5.0, voltage_v__1=231.0)
        house.run(1)
    assert house.alarm("service:power_not_proved").condition is Condition.ACTIVE
    house.scan.put(ConfigChanged.of("circuit", "stove", 2, None))
    house.run(1)
    assert house.alarm("service:power_not_proved").condition is Condition.NORMAL


def after_an_outage(house: House) -> None:
    """Both detectors are heard as usual, then not for two minutes; what queued at the first one comes then."""
    for _ in range(3):
        house.hear("gas-1", lel=1)
        house.hear("gas-2", lel=1)
        house.run(10)
    queued_ms = house.clock.now_ms() + 10_000
    house.run(120)
    house.hear("gas-1", ts=queued_ms, lel=60)
    house.hear("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.run(0.5)
    assert house.alarm("gas").is_late


def test_a_late_alarm_starts_linkages_once_its_point_is_measured_in_time_and_still_in_alarm(house: House) -> None:
    after_an_outage(house)
    house.hear("gas-2", lel=60)
    house.run(1)
    assert house.outlet.published == [], "a late alarm is no second trigger"
    house.snapshot()
    house.crash()
    house.hear("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.hear("gas-1", lel=60)
    house.run(1)
    assert not any(alarm.is_late for alarm in house.alarms)
    assert [body["circuit"] for _, body in house.outlet.published] == ["1"]


def test_a_late_alarm_that_is_below_its_limit_in_time_stays_late(house: House) -> None:
    after_an_outage(house)
    house.hear("gas-1", lel=48)  # within the deadband: active still, and not at its limit
    house.hear("gas-2", lel=60)
    house.run(1)
    assert [alarm.is_late for alarm in house.alarms if (alarm.device_id, alarm.rule_id) == ("gas-1", "gas")] == [True]
    assert house.outlet.published == []


def test_a_late_alarm_of_a_window_starts_linkages_once_the_window_is_in_alarm_in_time(house: House) -> None:
    highest = replace(GAS, kind=RuleKind.WINDOW, statistic=Statistic.MAX, window_s=300.0, covered=0.0, version=2)
    house.scan.put(ConfigChanged.of("rule", "gas", 2, highest))
    after_an_outage(house)
    house.hear("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.hear("gas-2", lel=60)
    house.run(1)
    assert house.outlet.published == []
    house.hear("gas-1", lel=1)  # below the limit itself, but the highest of five minutes is not
    house.run(1)
    assert not any(alarm.is_late for alarm in house.alarms)
    assert [body["circuit"] for _, body in house.outlet.published] == ["1"]
