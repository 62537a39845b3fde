"""Rules over several points through the whole service: the alarm of a zone, restarts between, devices that go, gates of other rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alarms.model import Condition
from app.rows import ConfigChanged
from rules.model import Level, Rule, RuleKind, Severity
from tests.scenarios.house import House
from tests.scenarios.sample import GAS, SILENCE, device, kitchen

TWO = Rule(
    id="two",
    name="两只探测器",
    kind=RuleKind.VOTE,
    metric="lel",
    vote_limit=25.0,
    over="zone",
    levels=(Level(limit=2, severity=Severity.CRITICAL),),
)
HOT = Rule(
    id="hot",
    name="燃气且高温",
    kind=RuleKind.EXPRESSION,
    metric="lel",
    expression="max(lel) >= 10 %LEL and max(temperature) >= 60 °C",
    over="zone",
    levels=(Level(limit=0, severity=Severity.HIGH),),
)


def test_two_detectors_make_one_alarm_of_their_zone_that_survives_restarts(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen(TWO, SILENCE))
    house.hear("gas-1", lel=30)
    house.run(1)
    house.snapshot()
    house.crash()
    house.hear("gas-2", lel=30)
    house.run(1)
    alarm = house.alarm("two")
    assert (alarm.subject, alarm.point_id, alarm.zone_id, alarm.zone_name) == ("zone:kitchen", None, "kitchen", "kitchen")
    assert (alarm.device_id, alarm.kind, alarm.value, alarm.unit, alarm.limit) == ("gas-2", "gas", 2.0, "", 2.0)
    house.crash()
    assert house.alarm("two") == alarm
    house.hear("gas-2", lel=0)
    house.run(1)
    assert house.alarm("two").condition is Condition.NORMAL


def test_the_alarm_of_a_zone_stays_when_the_device_that_caused_it_is_removed(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen(TWO))
    house.scan.put(ConfigChanged.of("device", "gas-3", 1, device("gas-3", "gas")))
    for name in ("gas-1", "gas-2", "gas-3"):
        house.hear(name, lel=30)
        house.run(1)
    house.scan.put(ConfigChanged.of("device", "gas-2", 2, None))
    house.run(1)
    assert house.alarm("two").condition is Condition.ACTIVE
    house.hear("gas-3", lel=0)
    house.run(1)
    assert house.alarm("two").condition is Condition.NORMAL


def test_an_expression_shows_the_value_that_it_compares(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen(HOT))
    house.hear("gas-1", lel=12, temperature=61)
    house.run(1)
    alarm = house.alarm("hot")
    assert (alarm.value, alarm.unit, alarm.device_id, alarm.kind) == (12.0, "%LEL", "gas-1", "gas")


def test_a_rule_that_waits_for_a_switch_is_quiet_while_it_is_open(tmp_path: Path) -> None:
    low = Level(limit=187, severity=Severity.HIGH)
    rule = replace(GAS, id="low", metric="voltage_v", levels=(low,), clear_hold_s=0, only_while="closed = 0")
    house = House(tmp_path, kitchen(rule))
    house.hear("gas-1", voltage_v=230, closed=1)
    house.run(1)
    house.hear("gas-1", voltage_v=300, closed=1)
    house.run(1)
    assert not house.alarms
    house.hear("gas-1", closed=0)
    house.run(1)
    assert house.alarm("low").value == 300
    house.snapshot()
    house.crash()
    house.hear("gas-1", closed=1)
    house.run(1)
    assert house.alarm("low").condition is Condition.NORMAL
