"""The main job on a timeline: a reading becomes an alarm, a proved cut; and the same after `kill -9` at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from alarms.errors import IllegalTransition, UnknownAlarm
from alarms.model import Attention, Condition
from alarms.requests import Acknowledge, Reset
from app.rows import Connection
from power.model import OrderState
from power.requests import Cut, Restore
from rules.model import Severity
from tests.scenarios.house import House
from tests.scenarios.sample import kitchen

LIVE = {
    "closed__1": 1,
    "current_a__1": 8.0,
    "voltage_v__1": 231.0,
    "closed__2": 1,
    "current_a__2": 3.0,
    "closed__3": 1,
    "current_a__3": 2.0,
}
DEAD = LIVE | {"closed__1": 0, "current_a__1": 0.0, "voltage_v__1": 3.0}


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path, kitchen())
    for _ in range(3):
        house.hear("switch", **LIVE)
        house.hear("gas-1", lel=1.0)
        house.hear("gas-2", lel=1.0)
        house.run(2)
    return house


def test_a_reading_over_the_limit_raises_after_its_hold_and_only_then_is_acknowledged_to_the_broker(house: House) -> None:
    acknowledged = len(house.outlet.acks)
    house.hear("gas-1", lel=30.0)
    house.once()
    assert len(house.outlet.acks) == acknowledged + 1
    assert house.alarms == []
    house.run(4.8)
    assert house.alarms == []
    house.run(0.2)
    alarm = house.alarm("gas")
    assert (alarm.severity, alarm.value, alarm.condition, alarm.attention) == (
        Severity.HIGH,
        30.0,
        Condition.ACTIVE,
        Attention.UNACKNOWLEDGED,
    )


def test_a_rise_to_critical_asks_for_attention_again(house: House) -> None:
    house.hear("gas-1", lel=30.0)
    house.run(5)
    house.ask(Acknowledge(alarm_ids=(house.alarm("gas").id,), who="operator", note="on my way"))
    assert house.alarm("gas").attention is Attention.ACKNOWLEDGED
    house.hear("gas-1", lel=55.0)
    house.once()
    assert (house.alarm("gas").severity, house.alarm("gas").attention) == (Severity.CRITICAL, Attention.UNACKNOWLEDGED)


def test_a_latched_alarm_ends_only_when_normal_acknowledged_and_reset(house: House) -> None:
    house.hear("gas-1", lel=55.0)
    house.once()
    alarm_id = house.alarm("gas").id
    with pytest.raises(IllegalTransition, match="active"):
        house.ask(Reset(alarm_ids=(alarm_id,), who="operator"))
    house.ask(Acknowledge(alarm_ids=(alarm_id,), who="operator"))
    for _ in range(9):
        house.hear("gas-1", lel=2.0)
        house.hear("gas-2", lel=2.0)
        house.hear("switch", **LIVE)
        house.run(4)
    assert house.alarm("gas").condition is Condition.NORMAL
    house.ask(Reset(alarm_ids=(alarm_id,), who="operator"))
    assert house.alarms == []


def test_two_detectors_cut_what_may_be_cut_and_measurement_proves_it(house: House) -> None:
    house.hear("gas-1", lel=55.0)
    house.run(0.2)
    assert house.outlet.published == []
    house.hear("gas-2", lel=52.0)
    house.run(0.3)
    assert [(topic, body["action"], body["circuit"]) for topic, body in house.outlet.published] == [
        ("sitewarden/v1/site/switch/command", "cut", "1")
    ]
    order_id = house.outlet.published[0][1]["id"]
    assert house.order(order_id).state is OrderState.SENT
    house.reply("switch", order_id)
    house.run(0.2)
    assert house.order(order_id).state is OrderState.CONFIRMED
    house.hear("switch", **DEAD)
    house.once()
    order = house.order(order_id)
    assert (order.state, order.before.current_a, order.after.current_a) == (OrderState.PROVED, 8.0, 0.0)


def test_fire_and_untried_circuits_are_refused_with_a_reason_and_nothing_is_sent(house: House) -> None:
    answer = house.ask(Cut(key="k1", circuit_ids=("stove", "pump", "untried"), who="operator", reason="closing"))
    states = {order.circuit_id: (order.state, order.state_reason) for order in answer.orders}
    assert states["stove"][0] is OrderState.REQUESTED
    assert states["pump"] == (OrderState.REFUSED, "pump feeds fire protection: it is never switched from here")
    assert states["untried"][0] is OrderState.REFUSED
    house.run(1)
    assert [body["circuit"] for _, body in house.outlet.published] == ["1"]


def test_a_breaker_that_claims_off_and_draws_is_found_out_and_raises_a_critical_alarm(house: House) -> None:
    order_id = house.ask(Cut(key="k1", circuit_ids=("stove",), who="operator", reason="closing")).orders[0].id
    house.run(0.3)
    house.reply("switch", order_id)
    for _ in range(12):
        house.hear("switch", **(LIVE | {"closed__1": 0}))
        house.run(2)
    assert house.order(order_id).state is OrderState.FAILED
    alarm = house.alarm("service:power_not_proved")
    assert (alarm.severity, alarm.subject) == (Severity.CRITICAL, "circuit:stove")


def test_the_same_key_is_the_same_order_also_over_a_crash(house: House) -> None:
    request = Cut(key="k1", circuit_ids=("stove",), who="operator", reason="closing")
    first = house.ask(request).orders[0].id
    house.crash()
    assert house.ask(request).orders[0].id == first
    house.run(1)
    assert {body["id"] for _, body in house.outlet.published} == {first}


def test_open_alarms_acknowledgements_and_running_holds_survive_kill_9(house: House) -> None:
    house.hear("gas-1", lel=55.0)
    house.once()
    house.ask(Acknowledge(alarm_ids=(house.alarm("gas").id,), who="operator", note="seen"))
    house.snapshot()
    house.hear("gas-2", lel=30.0)
    house.run(2)
    before = house.alarms
    house.crash()
    assert house.alarms == before
    house.run(2.8)
    assert len(house.alarms) == 1
    house.run(0.4)
    assert len(house.alarms) == 2


def test_a_cut_of_uncertain_fate_is_sent_again_with_the_same_id_and_a_restore_never_is(house: House) -> None:
    house.outlet.answers = False
    cut = house.ask(Cut(key="k1", circuit_ids=("stove",), who="operator", reason="closing")).orders[0].id
    house.run(0.3)
    assert house.order(cut).state is OrderState.SENDING
    house.crash()
    house.outlet.answers = True
    house.run(0.5)
    assert [body["id"] for _, body in house.outlet.published] == [cut, cut]
    house.reply("switch", cut)
    house.hear("switch", **DEAD)
    house.run(0.2)
    assert house.order(cut).state is OrderState.PROVED

    house.outlet.answers = False
    restore = house.ask(Restore(key="k2", circuit_id="stove", who="manager", second="chief", reason="opening")).orders[0].id
    house.run(0.3)
    house.crash()
    house.outlet.answers = True
    house.run(5)
    assert house.order(restore).state is OrderState.UNKNOWN
    assert [body["id"] for _, body in house.outlet.published].count(restore) == 1


def test_an_expired_order_is_never_sent_after_a_restart(house: House) -> None:
    house.outlet.is_up = False
    cut = house.ask(Cut(key="k1", circuit_ids=("stove",), who="operator", reason="closing")).orders[0].id
    house.run(1)
    house.crash(down_ms=60_000)
    house.outlet.is_up = True
    house.run(5)
    assert house.order(cut).state is OrderState.EXPIRED
    assert house.outlet.published == []


def test_a_restart_makes_no_device_silent(house: House) -> None:
    house.crash(down_ms=3_600_000)
    house.run(1)
    assert [alarm for alarm in house.alarms if alarm.rule_id == "silence"] == []


def test_a_device_that_is_no_longer_heard_is_silent_after_two_and_a_half_intervals(house: House) -> None:
    for _ in range(7):
        assert house.alarms == []
        house.hear("gas-1", lel=1.0)
        house.hear("switch", **LIVE)
        house.run(3.5)
    assert [(alarm.device_id, alarm.severity) for alarm in house.alarms] == [("gas-2", Severity.LOW)]


def test_an_unknown_alarm_is_refused_and_disturbs_nothing(house: House) -> None:
    with pytest.raises(UnknownAlarm, match="no open alarm nothing"):
        house.ask(Acknowledge(alarm_ids=("nothing",), who="operator"))


def test_garbage_among_readings_is_counted_and_the_rest_goes_on(house: House) -> None:
    before = house.warden.refusals
    house.hear("gas-1", lel=float("1e300"))
    house.hear("gas-2", lel=55.0)
    house.once()
    assert house.warden.refusals == before + 1
    assert house.alarm("gas").device_id == "gas-2"


def test_a_proof_window_that_passed_while_the_service_was_down_starts_again(house: House) -> None:
    cut = house.ask(Cut(key="k1", circuit_ids=("stove",), who="operator", reason="closing")).orders[0].id
    house.run(0.3)
    house.reply("switch", cut)
    house.run(0.2)
    house.crash(down_ms=120_000)
    assert house.order(cut).state is OrderState.CONFIRMED
    house.hear("switch", **DEAD)
    house.once()
    assert house.order(cut).state is OrderState.PROVED


def test_without_telemetry_nothing_heard_is_no_evidence_and_the_alarm_says_so(house: House) -> None:
    cut = house.ask(Cut(key="k1", circuit_ids=("stove",), who="operator", reason="closing")).orders[0].id
    house.run(0.3)
    house.scan.put(Connection(which="telemetry", up=False))
    house.run(40)
    assert (house.order(cut).state, house.order(cut).state_code) == (OrderState.FAILED, "not_hearing")
    assert house.alarm("service:power_cannot_prove").subject == "circuit:stove"
    assert house.alarm("service:broker_lost").severity is Severity.CRITICAL


def test_on_a_full_disk_alarms_still_sound_unrecorded_and_nothing_is_acknowledged_or_cut_by_itself(house: House) -> None:
    acknowledged = len(house.outlet.acks)
    house.journal.is_full = True
    house.hear("gas-1", lel=55.0)
    house.hear("gas-2", lel=55.0)
    house.run(1)
    assert [alarm.is_unrecorded for alarm in house.alarms if alarm.rule_id == "gas"] == [True, True]
    assert house.alarm("service:journal_volatile").severity is Severity.CRITICAL
    assert (len(house.outlet.acks), house.outlet.published) == (acknowledged, [])
    house.journal.is_full = False
    house.hear("gas-1", lel=54.0)
    house.run(0.2)
    assert house.outlet.redeliveries == 1
    assert house.alarm("service:journal_volatile").condition is Condition.NORMAL
    assert len(house.outlet.acks) == acknowledged + 1


def test_a_dead_reading_that_waited_in_a_queue_since_before_the_cut_proves_nothing(house: House) -> None:
    for _ in range(12):
        house.hear("switch", **LIVE)
        house.run(2)
    measured_ms = house.clock.now_ms() + 1_000
    house.run(20)
    cut = house.ask(Cut(key="k1", circuit_ids=("stove",), who="operator", reason="closing")).orders[0].id
    house.run(0.3)
    house.reply("switch", cut)
    house.run(0.2)
    house.hear("switch", ts=measured_ms, **DEAD)
    house.run(1)
    assert house.order(cut).state is OrderState.CONFIRMED
    house.hear("switch", **DEAD)
    house.once()
    assert house.order(cut).state is OrderState.PROVED
