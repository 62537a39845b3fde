"""Clocks that are wrong, queues that empty, copies that come twice: nothing lost by it, nothing made up, nothing cut by the past."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from alarms.linkage import Linkage
from alarms.model import Condition, Signal, Transition
from alarms.requests import Acknowledge, Reset
from tests.scenarios.house import House
from tests.scenarios.sample import GAS, SILENCE, SMOKE, kitchen

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
TELL_AND_CUT = Linkage(id="tell-and-cut", name="tell and cut", kinds=("smoke",), notify=("a@example.org",), cut="automatic", hazard=True)
QUICK_GAS = replace(GAS, clear_hold_s=0.0)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path, [*kitchen(QUICK_GAS, SMOKE), ("linkage", TELL_AND_CUT)])
    house.hear("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    return house


def transitions(house: House) -> list[Transition]:
    return [t for stepped in house.steps for t in stepped.outcome.transitions]


def said_of(house: House, rule_id: str) -> list[Signal]:
    return [t.signal for t in transitions(house) if t.alarm.rule_id == rule_id]


def firings(house: House) -> set[tuple[str, bool, str]]:
    return {(f.linkage_id, f.fired, f.code) for stepped in house.steps for f in stepped.outcome.firings}


def live(house: House, device: str, times: int = 3, slow_ms: int = 0, every_s: float = 10.0, **values: float) -> None:
    """A device that reports as it should, by its own clock."""
    for _ in range(times):
        house.hear(device, ts=house.clock.now_ms() - slow_ms, **values)
        house.run(every_s)


def telemetry(house: House, device: str, body: Any, retain: bool = False) -> None:
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    house.deliver(f"sitewarden/v1/site/{device}/telemetry", payload, retain=retain)


def latest(house: House, device: str, metric: str) -> float | None:
    found = house.warden.configuration.roster.latest(device, metric)
    return None if found is None else found[0]


# -- clocks ------------------------------------------------------------------------------------------------------------


WRONG = {"45 s slow": 45 * SECOND, "15 min slow": 15 * MINUTE, "2 min ahead": -2 * MINUTE, "10 min ahead": -10 * MINUTE}


@pytest.mark.parametrize("slow_ms", WRONG.values(), ids=WRONG)
def test_a_head_whose_clock_is_wrong_is_neither_late_nor_deaf_and_cuts(slow_ms: int, house: House) -> None:
    for name in ("gas-1", "gas-2"):
        live(house, name, slow_ms=slow_ms, every_s=5, lel=1)
    for name in ("gas-1", "gas-2"):
        house.hear(name, ts=house.clock.now_ms() - slow_ms, lel=60)
        house.run(0.2)
    raised = [t.alarm for t in transitions(house) if t.signal is Signal.RAISED]
    assert [(alarm.device_id, alarm.is_late) for alarm in raised] == [("gas-1", False), ("gas-2", False)]
    assert len(house.outlet.published) == 1, "two heads in alarm: the stove is cut"
    for name in ("gas-1", "gas-2"):
        live(house, name, slow_ms=slow_ms, every_s=5, lel=1)
    assert {alarm.condition for alarm in house.alarms if alarm.rule_id == "gas"} == {Condition.NORMAL}


@pytest.mark.parametrize("slow_ms", [45 * SECOND, 15 * MINUTE])
def test_a_hold_of_a_slow_head_is_as_long_as_of_any_other(slow_ms: int, house: House) -> None:
    live(house, "gas-1", slow_ms=slow_ms, lel=1)
    before = house.clock.now_ms()
    live(house, "gas-1", times=2, slow_ms=slow_ms, every_s=4, lel=30)
    assert before + 4_900 <= house.alarm("gas").arrived_ms <= before + 5_200


def test_a_single_time_far_ahead_neither_raises_late_nor_blocks_what_comes_after(house: House) -> None:
    live(house, "gas-1", lel=1)
    house.hear("gas-1", ts=house.clock.now_ms() + 3 * MINUTE, lel=60)
    house.run(0.2)
    assert not house.alarm("gas").is_late
    live(house, "gas-1", times=1, lel=1)
    assert house.alarm("gas").condition is Condition.NORMAL
    assert latest(house, "gas-1", "lel") == 1


def test_a_clock_that_was_reset_to_1970_does_not_swallow_a_fire(house: House) -> None:
    live(house, "smoke-1", smoke_alarm=0)
    telemetry(house, "smoke-1", {"ts": 1_000_000, "values": {"smoke_alarm": 1}})  # eleven days into 1970
    house.run(0.2)
    assert house.alarm("smoke").condition is Condition.ACTIVE


# -- queues that empty -------------------------------------------------------------------------------------------------


def queue(house: House, device: str, outage_s: float, samples: list[tuple[int, dict[str, float]]]) -> None:
    """The device's uplink is gone for a while; then what it measured meanwhile, (ms ago, values), arrives at once and in order."""
    house.run(0.1)
    house.clock.advance(round(outage_s * 1_000))
    for ago_ms, values in samples:
        house.hear(device, ts=house.clock.now_ms() - ago_ms, **values)
    house.run(0.2)


@pytest.mark.parametrize("slow_ms", [0, 15 * MINUTE], ids=["punctual", "15 min slow"])
def test_a_fire_in_the_queue_of_a_long_outage_raises_marked_late_and_starts_nothing(slow_ms: int, house: House) -> None:
    live(house, "smoke-1", slow_ms=slow_ms, smoke_alarm=0)
    queue(house, "smoke-1", 20 * 60, [(slow_ms + ago * MINUTE, {"smoke_alarm": float(ago <= 9)}) for ago in (19, 14, 9, 4)])
    alarm = house.alarm("smoke")
    assert (alarm.condition, alarm.is_late) == (Condition.ACTIVE, True)
    assert firings(house) == {("tell-and-cut", False, "late")}
    assert house.outlet.published == []
    assert not any(stepped.outcome.notifies or stepped.outcome.hazards for stepped in house.steps)


@pytest.mark.parametrize("outage_h", [23, 25, 49])
def test_a_fire_at_the_end_of_a_backlog_of_days_is_not_swallowed_by_its_oldest_part(outage_h: int, house: House) -> None:
    live(house, "smoke-1", smoke_alarm=0)
    live(house, "gas-1", lel=1)
    old = [(ago * HOUR, {"smoke_alarm": 0.0}) for ago in range(outage_h - 1, 0, -1)]
    queue(house, "smoke-1", outage_h * 3_600, [*old, (15 * MINUTE, {"smoke_alarm": 1.0})])
    alarm = house.alarm("smoke")
    assert (alarm.condition, alarm.is_late) == (Condition.ACTIVE, True)
    assert house.outlet.published == []


def test_a_backlog_of_a_day_that_ended_normal_leaves_the_present_alone(house: House) -> None:
    live(house, "gas-1", lel=1)
    backlog = [(ago * HOUR, {"lel": 1.0}) for ago in range(24, 0, -1)]
    queue(house, "gas-1", 25 * 3_600, [*backlog, (10 * SECOND, {"lel": 2.0})])
    assert house.alarms == []
    assert latest(house, "gas-1", "lel") == 2
    assert not any(stepped.history.keys.size and (stepped.history.taken_ms > stepped.now_ms).any() for stepped in house.steps)


def test_an_alarm_that_came_and_went_within_the_queue_is_known_and_calls_with_what_followed(house: House) -> None:
    live(house, "smoke-1", smoke_alarm=0)
    queue(house, "smoke-1", 20 * 60, [(15 * MINUTE, {"smoke_alarm": 1.0}), (10 * MINUTE, {"smoke_alarm": 0.0})])
    assert said_of(house, "smoke") == [Signal.RAISED]
    live(house, "smoke-1", times=1, every_s=1, smoke_alarm=0)
    assert said_of(house, "smoke") == [Signal.RAISED, Signal.CLEARED], "only what is in time ends it"


def test_a_late_all_clear_never_clears_an_alarm_that_is_newer(house: House) -> None:
    live(house, "smoke-1", smoke_alarm=0)
    house.hear("smoke-1", smoke_alarm=1)
    house.run(1)
    house.hear("smoke-1", ts=house.clock.now_ms() - 5 * MINUTE, smoke_alarm=0)
    house.run(1)
    assert said_of(house, "smoke") == [Signal.RAISED]
    assert latest(house, "smoke-1", "smoke_alarm") == 1


def test_a_late_all_clear_that_is_the_newest_does_not_clear_either(house: House) -> None:
    live(house, "smoke-1", smoke_alarm=0)
    house.hear("smoke-1", smoke_alarm=1)
    queue(house, "smoke-1", 600, [(9 * MINUTE, {"smoke_alarm": 0.0})])
    assert house.alarm("smoke").condition is Condition.ACTIVE
    live(house, "smoke-1", times=1, every_s=1, smoke_alarm=0)
    assert house.alarm("smoke").condition is Condition.NORMAL


def test_an_order_is_not_proved_by_what_was_measured_before_it(house: House) -> None:
    live(house, "switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    for name in ("gas-1", "gas-2"):
        house.hear(name, lel=60)
    house.run(1)
    assert len(house.outlet.published) == 1
    order_id = house.outlet.published[0][1]["id"]
    house.hear("switch", ts=house.clock.now_ms() - 2 * MINUTE, closed__1=0, current_a__1=0.0, voltage_v__1=0.0)
    house.run(1)
    assert house.order(order_id).proved_ms is None


# -- twice the same ----------------------------------------------------------------------------------------------------


def test_a_duplicate_changes_nothing_however_often_it_comes(house: House) -> None:
    at = house.clock.now_ms()
    house.hear("gas-1", ts=at, lel=60)
    house.run(1)
    before = transitions(house)
    for _ in range(5):
        house.hear("gas-1", ts=at, lel=60)
        house.run(0.5)
    assert transitions(house) == before
    assert house.alarm("gas").count == 1


def test_a_duplicate_after_the_end_of_an_alarm_does_not_raise_it_again(house: House) -> None:
    at = house.clock.now_ms()
    house.hear("gas-1", ts=at, lel=60)
    house.run(1)
    live(house, "gas-1", times=2, every_s=1, lel=1)
    alarm_id = house.alarm("gas").id
    house.ask(Acknowledge(alarm_ids=(alarm_id,), who="a"))
    house.ask(Reset(alarm_ids=(alarm_id,), who="a"))
    house.hear("gas-1", ts=at, lel=60)
    house.run(1)
    assert house.alarms == []


def test_a_duplicate_does_not_confirm_a_hold_early(house: House) -> None:
    live(house, "gas-1", lel=1)
    at = house.clock.now_ms()
    for _ in range(4):
        house.hear("gas-1", ts=at, lel=30)
        house.run(1)
    assert house.alarms == []
    house.run(1.5)
    assert house.alarm("gas").severity == GAS.levels[0].severity


def test_what_the_broker_delivers_again_after_a_crash_is_one_alarm(house: House) -> None:
    at = house.clock.now_ms()
    house.hear("smoke-1", ts=at, smoke_alarm=1)
    house.run(1)
    house.crash(down_ms=2_000)
    house.hear("smoke-1", ts=at, smoke_alarm=1)
    house.run(1)
    assert house.alarm("smoke").count == 1
    assert house.alarm("smoke").seq == 1


# -- retained ----------------------------------------------------------------------------------------------------------


def test_a_retained_alarm_of_a_point_never_heard_raises(house: House) -> None:
    telemetry(house, "smoke-1", {"values": {"smoke_alarm": 1}}, retain=True)
    house.run(0.2)
    assert house.alarm("smoke").condition is Condition.ACTIVE


def test_a_retained_alarm_that_differs_from_what_is_known_raises(house: House) -> None:
    live(house, "smoke-1", smoke_alarm=0)
    telemetry(house, "smoke-1", {"values": {"smoke_alarm": 1}}, retain=True)
    house.run(0.2)
    assert house.alarm("smoke").condition is Condition.ACTIVE


def test_a_retained_state_that_is_known_already_raises_nothing_at_each_subscribe(house: House) -> None:
    telemetry(house, "smoke-1", {"values": {"smoke_alarm": 1}})
    house.run(0.2)
    house.ask(Acknowledge(alarm_ids=(house.alarm("smoke").id,), who="a"))
    before = transitions(house)
    for _ in range(3):
        telemetry(house, "smoke-1", {"values": {"smoke_alarm": 1}}, retain=True)
        house.run(1)
    assert transitions(house) == before


def test_a_retained_reading_with_a_time_is_judged_by_it(house: House) -> None:
    live(house, "smoke-1", smoke_alarm=0)
    house.hear("smoke-1", retain=True, ts=house.clock.now_ms() - HOUR, smoke_alarm=1)
    house.run(0.2)
    assert house.alarms == [], "older than what is known"
    house.hear("gas-1", retain=True, ts=house.clock.now_ms() - HOUR, lel=60)
    house.run(0.2)
    assert house.alarm("gas").is_late, "never heard: it raises, marked late"


def test_a_retained_reading_is_no_sign_of_life(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen(SILENCE))
    live(house, "gas-1", lel=1)
    house.run(20)
    assert house.alarm("silence").condition is Condition.ACTIVE
    telemetry(house, "gas-1", {"values": {"lel": 2}}, retain=True)
    house.run(0.2)
    assert house.alarm("silence").condition is Condition.ACTIVE


# -- quality -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e400", b'"NaN"', b'"inf"', b"110.5", b"-40", b'"high"', b"null", b"{}", b"[60]"],
)
def test_what_is_no_number_within_range_is_never_a_reading(value: bytes, house: House) -> None:
    live(house, "gas-1", lel=1)
    readings = house.scan.figures.readings
    telemetry(house, "gas-1", b'{"values": {"lel": ' + value + b"}}")
    house.run(0.2)
    assert house.scan.figures.readings == readings
    assert latest(house, "gas-1", "lel") == 1
    assert house.alarms == []
    if value != b"null":
        assert house.warden.refused.total("gas-1") == 1
        assert house.warden.refused.of("gas-1")[0].reason


def test_bad_values_beside_good_ones_cost_only_themselves(house: House) -> None:
    live(house, "gas-1", lel=1)
    telemetry(house, "gas-1", {"values": {"lel": 60, "temperature": 1e30, "co": "?"}})
    house.run(0.2)
    assert house.alarm("gas").value == 60
    assert house.warden.refused.total("gas-1") == 2


HOSTILE = {"no UTF-8": b"\xff\xfe{", "deep": b'{"values":' * 2_000, "deeper": b"[" * 100_000, "1 MB": b"x" * 1_000_000}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_payload_stops_nothing(payload: bytes, house: House) -> None:
    telemetry(house, "gas-1", payload)
    house.hear("gas-2", lel=60)
    house.run(0.2)
    assert house.alarm("gas").device_id == "gas-2"
    assert house.warden.refused.total("gas-1") == 1
