"""An alarm's whole life in the running house: put aside, tested, asked again, withdrawn; over restarts, and what linkages make of it."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alarms.errors import IllegalTransition
from alarms.linkage import Linkage
from alarms.model import Alarm, Attention, Signal, Transition, Verdict
from alarms.proof_tests import ProofTest
from alarms.quiet_times import QuietTime, problems
from alarms.requests import (
    Acknowledge,
    BeginTest,
    EndOut,
    EndTest,
    MarkApplied,
    Progress,
    Shelve,
    TakeOut,
    Unshelve,
    Withdraw,
)
from alarms.service_alarms import ServiceClear, ServiceRaise
from app.restore import restore
from app.rows import ConfigChanged, Connection
from power.model import OrderState
from power.requests import Cut
from rules.model import Direction, Level, Rule, RuleKind, Severity
from sites.calendars import Window
from tests.scenarios.house import House
from tests.scenarios.sample import GAS, SILENCE, SMOKE, kitchen
from tests.scenarios.test_replay import live_a_little, state_of, with_refusal

MINUTE = 60_000
LEAK = Rule(
    id="leak",
    name="漏电",
    kind=RuleKind.LEVEL,
    metric="leakage_ma",
    levels=(Level(limit=300, severity=Severity.HIGH, deadband=50), Level(limit=500, severity=Severity.CRITICAL, deadband=50)),
    realarm_s=600,
)
TELL = Linkage(id="tell", name="tell", notify=("duty@example.invalid",))
CUT = Linkage(id="cut-on-leak", name="cut", kinds=("electrical",), cut="automatic", triggers=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, [*kitchen(GAS, SMOKE, SILENCE, LEAK), ("linkage", TELL), ("linkage", CUT)])


def transitions(house: House, rule_id: str) -> list[Transition]:
    return [t for stepped in house.steps for t in stepped.outcome.transitions if t.alarm.rule_id == rule_id]


def told(house: House, rule_id: str) -> int:
    ids = {t.alarm.id for t in transitions(house, rule_id)}
    return sum(wanted.alarm_id in ids for stepped in house.steps for wanted in stepped.outcome.notifies)


def codes(house: House, linkage_id: str) -> list[str]:
    return [f.code for stepped in house.steps for f in stepped.outcome.firings if f.linkage_id == linkage_id]


def switch_is_on(house: House) -> None:
    house.hear("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.run(0.5)


def leak(house: House, ma: float = 350) -> None:
    house.hear("switch", leakage_ma=ma, closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.run(0.5)


# -- put aside -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", ["running", "restarted before", "down at that minute"])
def test_a_shelf_ends_at_its_minute_and_the_alarm_calls_and_starts_its_linkages(house: House, restart: str) -> None:
    leak(house)
    orders = len(codes(house, "cut-on-leak"))
    alarm = house.alarm("leak")
    until_ms = house.clock.now_ms() + 5 * MINUTE
    (shelved,) = house.ask(Shelve(alarm_id=alarm.id, who="a", until_ms=until_ms, reason="known")).alarms
    assert shelved.attention is Attention.SUPPRESSED
    before = told(house, "leak")
    house.run(60)
    house.snapshot()
    if restart == "restarted before":
        house.crash(1_000)
    if restart == "down at that minute":
        house.crash(10 * MINUTE)
    else:
        house.run(260)
    after = house.alarm("leak")
    assert (after.attention, after.suppression) == (Attention.UNACKNOWLEDGED, None)
    assert transitions(house, "leak")[-1].signal is Signal.UNSUPPRESSED
    assert told(house, "leak") == before + 1
    assert len(codes(house, "cut-on-leak")) == orders + 1, "calling at last is what starts them"
    assert codes(house, "cut-on-leak")[-1] == "fired"


def test_what_is_out_of_service_starts_no_linkage_and_tells_nobody_but_is_recorded(house: House) -> None:
    house.ask(TakeOut(who="a", reason="repair", until_ms=house.clock.now_ms() + 5 * MINUTE, device_id="switch"))
    leak(house, 550)
    assert house.alarm("leak").attention is Attention.SUPPRESSED
    assert [t.signal for t in transitions(house, "leak")] == [Signal.RAISED]
    assert told(house, "leak") == 0
    assert codes(house, "cut-on-leak") == ["suppressed"]
    assert not house.warden.orders.open
    for _ in range(32):
        house.run(10)
        leak(house, 550)
    assert house.alarm("leak").attention is Attention.UNACKNOWLEDGED
    assert codes(house, "cut-on-leak") == ["suppressed", "fired"]
    assert told(house, "leak") >= 1


# -- proof test ----------------------------------------------------------------------------------------------------------


def begin_test(house: House, seconds: float = 300) -> str:
    until_ms = house.clock.now_ms() + round(seconds * 1000)
    answer = house.ask(BeginTest(who="a", until_ms=until_ms, reason="yearly", zone_id="kitchen"))
    return answer.facts[0].id


def checklist(house: House, test_id: str) -> dict[str, int | None]:
    (fact,) = [fact for section in house.warden.sections for fact in section.standing() if fact.id == test_id]
    assert isinstance(fact.body, ProofTest)
    return {item.device_id: item.responded_ms for item in fact.body.items}


def test_in_a_proof_test_detectors_answer_orders_are_simulated_and_nothing_leaves(house: House) -> None:
    switch_is_on(house)
    test_id = begin_test(house)
    house.hear("gas-1", lel=60)
    house.hear("gas-2", lel=60)
    switch_is_on(house)
    answered = checklist(house, test_id)
    assert {device for device, at_ms in answered.items() if at_ms} == {"gas-1", "gas-2"}
    assert answered["smoke-1"] is None
    assert all(a.is_test for a in house.alarms if a.rule_id == "gas")
    assert set(codes(house, "cut-on-gas")) == {"test"}
    (order,) = house.ask(Cut(key="k", circuit_ids=("stove",), who="a", reason="try")).orders
    assert (order.state, order.state_code) == (OrderState.SIMULATED, "zone_in_test")
    assert order.state_reason_zh
    house.run(2)
    assert house.outlet.published == []
    house.ask(EndTest(test_id=test_id, who="a"))
    house.run(1)
    assert [a.attention for a in house.alarms if a.rule_id == "gas"] == [Attention.UNACKNOWLEDGED] * 2
    assert codes(house, "cut-on-gas")[-1] == "fired", "both are real now"
    house.run(1)
    assert house.outlet.published, "and so is the cut"


@pytest.mark.parametrize("down_ms", [0, 10 * MINUTE])
def test_a_proof_test_ends_by_itself_also_after_a_restart(house: House, down_ms: int) -> None:
    begin_test(house, 120)
    house.hear("smoke-1", smoke_alarm=1)
    house.run(1)
    assert house.alarm("smoke").attention is Attention.SUPPRESSED
    house.snapshot()
    house.crash(down_ms)
    house.run(125)
    assert house.alarm("smoke").attention is Attention.UNACKNOWLEDGED
    assert not house.alarm("smoke").is_test


def test_an_alarm_of_a_test_that_is_over_before_the_tests_end_owes_nobody_anything(house: House) -> None:
    test_id = begin_test(house)
    house.hear("smoke-1", smoke_alarm=1)
    house.run(1)
    alarm = house.alarm("smoke")
    house.hear("smoke-1", smoke_alarm=0)
    house.run(1)
    house.ask(EndTest(test_id=test_id, who="a"))
    assert not [a for a in house.alarms if a.rule_id == "smoke"]
    ended = house.warden.book.get(alarm.id)
    assert ended is not None
    assert ended.verdict is Verdict.TEST
    assert told(house, "smoke") == 0


def test_a_device_that_ends_its_own_test_in_alarm_calls_as_if_it_were_raised(house: House) -> None:
    house.hear("smoke-1", test=1)
    house.hear("smoke-1", smoke_alarm=1)
    house.run(1)
    assert house.alarm("smoke").is_test
    house.ask(Acknowledge(alarm_ids=(house.alarm("smoke").id,), who="a"))
    house.hear("smoke-1", test=0)
    house.run(12)
    alarm = house.alarm("smoke")
    assert (alarm.is_test, alarm.attention) == (False, Attention.UNACKNOWLEDGED)
    assert transitions(house, "smoke")[-1].signal is Signal.UPHELD


# -- asking again --------------------------------------------------------------------------------------------------------


def asked_again(house: House, rule_id: str) -> list[int]:
    first = transitions(house, rule_id)[0].at_ms
    return [(t.at_ms - first) // 1000 for t in transitions(house, rule_id) if t.signal is Signal.REALARMED]


def test_a_critical_alarm_that_nobody_takes_asks_again_every_five_minutes(house: House) -> None:
    house.hear("smoke-1", smoke_alarm=1)
    house.run(301)
    house.snapshot()
    house.crash(1_000)
    house.run(300)
    assert asked_again(house, "smoke") == [300, 600]
    assert house.alarm("smoke").realarms == 2
    house.ask(Acknowledge(alarm_ids=(house.alarm("smoke").id,), who="a"))
    house.run(400)
    assert asked_again(house, "smoke") == [300, 600], "a rule without a time for it never asks again once it was taken"


def test_an_acknowledged_alarm_that_still_stands_asks_again_after_its_rules_time(house: House) -> None:
    leak(house)
    house.ask(Acknowledge(alarm_ids=(house.alarm("leak").id,), who="a"))
    house.run(599)
    assert house.alarm("leak").attention is Attention.ACKNOWLEDGED
    house.run(2)
    alarm = house.alarm("leak")
    assert (alarm.attention, alarm.realarms, alarm.acknowledged_by) == (Attention.UNACKNOWLEDGED, 1, None)
    assert transitions(house, "leak")[-1].note_zh


def test_a_high_alarm_waits_half_an_hour_and_a_shelved_one_never_asks(house: House) -> None:
    leak(house)
    house.ask(Shelve(alarm_id=house.alarm("leak").id, who="a", until_ms=house.clock.now_ms() + 40 * MINUTE, reason="known"))
    house.run(39 * 60)
    assert asked_again(house, "leak") == []
    house.run(61 + 30 * 60)
    (at_s,) = asked_again(house, "leak")
    assert 70 * 60 <= at_s <= 70 * 60 + 2, "thirty minutes from when it called again"


# -- response, withdrawal, the service's own complaints ------------------------------------------------------------------


def test_response_steps_have_their_order_but_nobody_is_kept_from_calling_119(house: House) -> None:
    house.hear("smoke-1", smoke_alarm=1)
    house.run(1)
    alarm_id = house.alarm("smoke").id
    house.ask(Progress(alarm_id=alarm_id, who="a", step="called_119"))
    house.ask(Acknowledge(alarm_ids=(alarm_id,), who="a"))
    with pytest.raises(IllegalTransition, match="comes after dispatched"):
        house.ask(Progress(alarm_id=alarm_id, who="a", step="arrived"))
    house.ask(Progress(alarm_id=alarm_id, who="a", step="dispatched", whom="Li", phone="13900000000"))
    (alarm,) = house.ask(Progress(alarm_id=alarm_id, who="a", step="arrived", whom="Li")).alarms
    assert alarm.progress == ("called_119", "dispatched", "arrived")
    sent = next(t for t in transitions(house, "smoke") if t.step == "dispatched")
    assert (sent.whom, sent.phone, sent.who) == ("Li", "13900000000", "a")


def test_an_alarm_whose_point_left_the_rules_scope_is_withdrawn_with_a_reason(house: House) -> None:
    leak(house)
    alarm_id = house.alarm("leak").id
    with pytest.raises(IllegalTransition, match="still watches"):
        house.ask(Withdraw(alarm_id=alarm_id, who="a", reason="wrong rule"))
    elsewhere = replace(LEAK, scope=replace(LEAK.scope, devices=("gas-1",)), version=2)
    house.scan.put(ConfigChanged.of("rule", "leak", 2, elsewhere))
    house.run(1)
    assert house.alarm("leak").attention is Attention.UNACKNOWLEDGED, "an edit never clears an alarm by itself"
    house.ask(Withdraw(alarm_id=alarm_id, who="a", reason="wrong rule"))
    assert not [a for a in house.alarms if a.rule_id == "leak"]
    last = transitions(house, "leak")[-1]
    assert (last.signal, last.who, last.note) == (Signal.WITHDRAWN, "a", "wrong rule")


def test_the_alarms_of_a_deleted_site_end_with_it(house: House) -> None:
    leak(house)
    for kind, thing_id in (("device", "switch"), ("site", "site")):
        house.scan.put(ConfigChanged.of(kind, thing_id, 9, None))
    house.run(1)
    assert not [a for a in house.alarms if a.rule_id == "leak"]


def test_what_the_service_complains_of_comes_as_an_item_and_is_the_same_after_a_restart(house: House) -> None:
    house.scan.put(ServiceRaise(code="records_behind", subject="service", value=900.0, note="900 positions behind"))
    house.run(1)
    house.crash()
    assert house.alarm("service:records_behind").value == 900.0
    house.scan.put(ServiceClear(code="records_behind", subject="service"))
    house.run(1)
    assert house.alarm("service:records_behind").cleared_ms is not None


def test_a_session_that_the_broker_forgot_waits_for_people(house: House) -> None:
    house.scan.put(Connection(which="telemetry", up=False))
    house.run(1)
    house.scan.put(Connection(which="telemetry", up=True, lossy=True))
    house.run(1)
    alarm = house.alarm("service:session_lost")
    assert (alarm.attention, alarm.cleared_ms is not None) == (Attention.UNACKNOWLEDGED, True)


# -- quiet times ---------------------------------------------------------------------------------------------------------


def quiet_from(house: House, begin_min: int, end_min: int) -> None:
    """From so many minutes after now, in the site's zone, to so many."""
    minute = (house.clock.now_ms() // MINUTE + 8 * 60) % 1_440
    window = Window((minute + begin_min) % 1_440, (minute + end_min) % 1_440)
    made = QuietTime(id="q", name="night", site_id="site", reason="cleaning", kinds=("presence",), windows=(window,))
    assert problems(made) == []
    house.scan.put(ConfigChanged.of("quiet_time", "q", 1, made))
    house.run(1)


def silent(house: House) -> Alarm:
    (alarm,) = [a for a in house.alarms if a.rule_id == "silence" and a.device_id == "gas-1"]
    return alarm


def test_in_quiet_hours_a_mild_alarm_of_the_named_kind_waits_and_calls_when_they_end(house: House) -> None:
    house.hear("gas-1", lel=1)
    quiet_from(house, 2, 6)
    house.run(40)
    assert silent(house).attention is Attention.UNACKNOWLEDGED, "they have not begun"
    house.run(100)
    held = silent(house)
    assert held.suppression is not None
    assert (held.suppression.kind, held.suppression.source_id) == ("schedule", "q")
    house.hear("smoke-1", smoke_alarm=1)
    house.run(1)
    assert house.alarm("smoke").attention is Attention.UNACKNOWLEDGED, "fire is never quiet"
    house.snapshot()
    house.crash(1_000)
    assert silent(house).attention is Attention.SUPPRESSED
    house.run(4 * 60)
    assert silent(house).attention is Attention.UNACKNOWLEDGED


def test_a_quiet_time_that_is_removed_lets_go_at_once(house: House) -> None:
    house.hear("gas-1", lel=1)
    quiet_from(house, -2, 60)
    house.run(40)
    assert silent(house).attention is Attention.SUPPRESSED
    house.scan.put(ConfigChanged.of("quiet_time", "q", 2, None))
    house.run(1)
    assert silent(house).attention is Attention.UNACKNOWLEDGED


@pytest.mark.parametrize(
    "changed",
    [{"kinds": ("gas",)}, {"kinds": ()}, {"windows": (Window(0, 1_440),)}, {"windows": ()}, {"reason": " "}, {"weekdays": (7,)}],
)
def test_what_a_quiet_time_may_never_be(changed: dict[str, Any]) -> None:
    made = QuietTime(id="q", name="n", site_id="site", reason="r", kinds=("water",), windows=(Window(60, 120),))
    (problem,) = problems(replace(made, **changed))
    assert all(problem)


# -- how bad it was ------------------------------------------------------------------------------------------------------


def peak(house: House) -> float | None:
    return house.warden.peaks.worst(house.alarm("leak"))


@pytest.mark.parametrize("cut", ["each alone", "all at once"])
def test_the_peak_is_of_every_reading_while_it_stands_however_they_come_and_over_a_restart(house: House, cut: str) -> None:
    for ma in (310, 420, 380, 330):
        house.hear("switch", leakage_ma=ma)
        if cut == "each alone":
            house.run(0.5)
        else:
            house.clock.advance(500)
    house.run(0.5)
    assert (house.alarm("leak").value, peak(house)) == (310, 420)
    house.snapshot()
    house.crash(1_000)
    assert peak(house) == 420
    house.hear("switch", leakage_ma=100)
    house.hear("switch", leakage_ma=120, ts=house.clock.now_ms() + 1)
    house.run(0.5)
    assert house.alarm("leak").peak_value == 420, "kept when it is over"
    leak(house, 305)
    assert peak(house) == 420, "the same alarm again"


def test_the_peak_of_a_low_limit_is_its_lowest(tmp_path: Path) -> None:
    low = replace(LEAK, id="low", metric="voltage_v", direction=Direction.BELOW, levels=(Level(limit=190, severity=Severity.HIGH),))
    house = House(tmp_path, kitchen(low))
    for volts in (185, 150, 170):
        house.hear("switch", voltage_v=volts)
        house.run(0.5)
    assert house.warden.peaks.worst(house.alarm("low")) == 150


# -- any story -----------------------------------------------------------------------------------------------------------


def suppress_something(house: House, rng: random.Random) -> None:
    now_ms, alarms = house.clock.now_ms(), [alarm.id for alarm in house.alarms] or ["nothing"]
    until_ms = now_ms + rng.choice([20_000, 5 * MINUTE, 30 * MINUTE])
    standing = [fact.id for section in house.warden.sections[:2] for fact in section.standing()] or ["nothing"]
    place: dict[str, Any] = rng.choice(
        [{"device_id": "gas-1"}, {"zone_id": "kitchen", "kinds": ("gas", "presence")}, {"device_id": "switch"}]
    )
    request: object = rng.choice(
        [
            Shelve(alarm_id=rng.choice(alarms), who="a", until_ms=until_ms, reason="r", one_shot=rng.random() < 0.5),
            Unshelve(alarm_id=rng.choice(alarms), who="a"),
            TakeOut(who="a", reason="r", until_ms=until_ms, **place),
            EndOut(out_id=rng.choice(standing), who="a"),
            BeginTest(who="a", until_ms=until_ms, reason="r", zone_id="kitchen"),
            MarkApplied(test_id=rng.choice(standing), who="a", device_id="gas-2"),
            EndTest(test_id=rng.choice(standing), who="a"),
            Withdraw(alarm_id=rng.choice(alarms), who="a", reason="r"),
            Acknowledge(alarm_ids=(rng.choice(alarms),), who="a"),
        ]
    )
    with_refusal(house, request)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_suppressed_is_the_same_again_after_any_restart(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    house = House(tmp_path, [*kitchen(GAS, SMOKE, SILENCE, LEAK), ("linkage", TELL)])
    for _ in range(50):
        live_a_little(house, rng)
        suppress_something(house, rng)
        if rng.random() < 0.1:
            leak(house, rng.choice([100, 350, 600]))
        if rng.random() < 0.05:
            house.snapshot()
        if rng.random() < 0.05:
            house.crash(down_ms=rng.choice([0, 5_000, 10 * MINUTE]))
        for alarm in house.alarms:
            assert (alarm.attention is Attention.SUPPRESSED) == bool(alarm.suppressions), f"seed {seed}"
    lived = state_of(house.warden)
    assert state_of(restore(tmp_path / "snapshots", house.journal).warden) == lived, f"seed {seed}"
