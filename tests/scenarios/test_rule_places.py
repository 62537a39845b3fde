"""Hours, places and chatter through the whole service: calendars and overrides arrive as configuration, restarts lie between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alarms.model import Attention, Condition
from alarms.requests import Acknowledge
from app.rows import ConfigChanged
from rules.model import Level, LevelOverride, NodeKind, Override, Rule, RuleKind, Schedule, Scope, Severity, When
from sites.calendars import Calendar, Window, local_minute
from sites.model import CircuitClass
from tests.scenarios.house import House
from tests.scenarios.sample import circuit, kitchen

LEVEL = Rule(id="lel", name="燃气", kind=RuleKind.LEVEL, metric="lel", levels=(Level(limit=20.0, severity=Severity.HIGH, deadband=2.0),))


def told(house: House, kind: str, thing: object, thing_id: str, version: int) -> None:
    house.scan.put(ConfigChanged.of(kind, thing_id, version, thing))
    house.run(1)


def test_a_rule_follows_the_sites_calendar_as_it_is_edited_and_over_restarts(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen(replace(LEVEL, schedule=Schedule(when=When.CLOSED))))
    now = local_minute("Asia/Shanghai", house.clock.now_ms())
    house.hear("gas-1", lel=30)
    house.run(1)
    assert house.alarms == [], "without a calendar the place is open"
    shuts_soon = Calendar(id="c", name="c", site_id="site", weekdays=((Window((now + 3) % 1440, (now - 5) % 1440),),) * 7)
    told(house, "calendar", shuts_soon, "c", 1)
    assert house.alarm("lel").condition is Condition.ACTIVE, "closed for some minutes: raised at once"
    house.snapshot()
    house.crash(down_ms=2_000)
    for _ in range(8):
        house.hear("gas-1", lel=30)
        house.run(30)
    assert house.alarm("lel").condition is Condition.NORMAL, "it has opened"
    told(house, "calendar", replace(shuts_soon, version=2, weekdays=((),) * 7), "c", 2)
    assert (house.alarm("lel").condition, house.alarm("lel").count) == (Condition.ACTIVE, 2)
    told(house, "calendar", None, "c", 3)
    assert house.alarm("lel").condition is Condition.NORMAL


def test_a_place_sets_its_own_limit_and_takes_it_back(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen(LEVEL))
    for name in ("gas-1", "gas-2"):
        house.hear(name, lel=15)
    house.run(1)
    assert house.alarms == []
    lower = Override(
        id="o",
        rule_id="lel",
        node_kind=NodeKind.DEVICE,
        node_id="gas-2",
        levels=(LevelOverride(level=0, limit=10.0),),
        reason="near the stove",
    )
    told(house, "override", lower, "o", 1)
    alarm = house.alarm("lel")
    assert (alarm.device_id, alarm.limit, alarm.value) == ("gas-2", 10.0, 15.0)
    house.snapshot()
    house.crash()
    assert house.alarm("lel") == alarm
    told(house, "override", None, "o", 2)
    house.hear("gas-2", lel=15)
    house.run(1)
    assert house.alarm("lel").condition is Condition.NORMAL, "15 is below 20 again"


def test_a_rule_of_circuits_follows_their_class_and_rating(tmp_path: Path) -> None:
    load = Rule(
        id="load",
        name="过载",
        kind=RuleKind.LEVEL,
        metric="current_a",
        relative_to="rated_a",
        levels=(Level(limit=100.0, severity=Severity.HIGH),),
        scope=Scope(circuit_classes=("use",)),
    )
    house = House(tmp_path, kitchen(load))
    house.hear("switch", current_a__9=20)
    house.run(1)
    told(house, "circuit", replace(circuit("nine", "9", CircuitClass.FIRE), rated_a=25.0), "nine", 1)
    assert house.alarms == []
    told(house, "circuit", replace(circuit("ten", "10", CircuitClass.USE), rated_a=25.0), "ten", 1)
    house.hear("switch", current_a__10=26)
    house.run(1)
    assert (house.alarm("load").metric, house.alarm("load").limit) == ("current_a.10", 25.0)


def test_a_chattering_point_makes_one_alarm_and_is_reported_over_a_restart(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen(LEVEL))
    for turn in range(12):
        house.hear("gas-1", lel=30 if turn % 2 == 0 else 5)
        house.run(2)
        if turn == 7:
            house.ask(Acknowledge(alarm_ids=(house.alarm("lel").id,), who="u1"))
            house.snapshot()
            house.crash()
    alarm = house.alarm("lel")
    assert (alarm.count, alarm.condition, alarm.attention, alarm.is_chattering) == (6, Condition.NORMAL, Attention.ACKNOWLEDGED, True)
    report = house.alarm("service:chattering")
    assert (report.subject, report.device_id, report.condition) == ("point:gas-1:lel", "gas-1", Condition.ACTIVE)
    house.crash()
    house.run(61)
    assert [each.rule_id for each in house.alarms] == ["service:chattering"], "quiet for a minute: the alarm has ended"
    assert house.alarm("service:chattering").condition is Condition.NORMAL


def test_a_rule_switched_off_at_a_place_ends_what_it_raised_there_and_nowhere_else(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen(LEVEL))
    for name in ("gas-1", "gas-2"):
        house.hear(name, lel=30)
    house.run(1)
    off = Override(id="o", rule_id="lel", node_kind=NodeKind.DEVICE, node_id="gas-2", enabled=False, reason="welding in the kitchen")
    told(house, "override", off, "o", 1)
    house.snapshot()
    house.crash()
    conditions = {alarm.device_id: alarm.condition for alarm in house.alarms}
    assert conditions == {"gas-1": Condition.ACTIVE, "gas-2": Condition.NORMAL}
    on = Override(id="p", rule_id="lel", node_kind=NodeKind.DEVICE, node_id="gas-1", enabled=True, reason="the fryer")
    told(house, "override", on, "p", 1)
    told(house, "rule", replace(LEVEL, enabled=False, version=2), "lel", 2)
    conditions = {alarm.device_id: alarm.condition for alarm in house.alarms}
    assert conditions == {"gas-1": Condition.ACTIVE, "gas-2": Condition.NORMAL}, "it is still on where a place has said so"


def test_a_place_that_no_longer_keeps_a_rule_on_ends_what_it_raised(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen(LEVEL))
    on = Override(id="o", rule_id="lel", node_kind=NodeKind.DEVICE, node_id="gas-1", enabled=True, reason="the fryer")
    told(house, "override", on, "o", 1)
    told(house, "rule", replace(LEVEL, enabled=False, version=2), "lel", 2)
    house.hear("gas-1", lel=30)
    house.run(1)
    assert house.alarm("lel").condition is Condition.ACTIVE
    told(house, "override", None, "o", 2)
    house.snapshot()
    house.crash()
    assert house.alarm("lel").condition is Condition.NORMAL


def test_an_alarm_of_a_zone_stands_by_the_zones_own_numbers_whoever_spoke_last(tmp_path: Path) -> None:
    rule = Rule(
        id="vote",
        name="vote",
        kind=RuleKind.VOTE,
        metric="lel",
        vote_limit=25.0,
        over="zone",
        levels=(Level(limit=2, severity=Severity.HIGH),),
    )
    house = House(tmp_path, kitchen(rule))
    for name in ("gas-1", "gas-2"):
        house.hear(name, lel=30)
    house.run(1)
    off = Override(id="o", rule_id="vote", node_kind=NodeKind.DEVICE, node_id="gas-2", enabled=False, reason="it does not say so of a zone")
    told(house, "override", off, "o", 1)
    assert house.alarm("vote").condition is Condition.ACTIVE
    told(house, "override", replace(off, id="p", node_kind=NodeKind.ZONE, node_id="kitchen"), "p", 1)
    assert house.alarm("vote").condition is Condition.NORMAL
