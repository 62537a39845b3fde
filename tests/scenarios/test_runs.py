"""Closing time on the manual clock: the night's plan, a click on many circuits, what was missed, and a crash in the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alarms.model import Condition
from app.rows import ConfigChanged
from power.errors import RequestRefused
from power.model import OrderState
from power.plans import Plan, Stage
from power.run_model import AbortRun, DecideRun, ItemState, Run, RunState, SkipNight, StartCuts, StartPlan
from power.runs import Runs
from rules.model import Severity
from sites.calendars import Calendar, Window, local_minute_ms
from sites.model import Circuit, CircuitClass, Device, District, Enterprise, Site, Zone
from tests.scenarios.house import House
from tests.scenarios.sample import TRIAL

ZONE = "Asia/Shanghai"
SHOPS = 6


def plan(**changed: Any) -> Plan:
    given: dict[str, Any] = {
        "id": "night",
        "site_id": "site",
        "name": "闭店断电",
        "stages": (Stage(name="shops", classes=(CircuitClass.NIGHT_OFF, CircuitClass.FIRE)), Stage(name="signs", circuits=("sign",))),
        "at_minute": 22 * 60 + 30,
        "countdown_s": 30.0,
        "retry_after_s": 20.0,
        "observation_nights": 0,
    }
    return Plan(**{**given, **changed})


def mall(commanding: bool = True) -> list[tuple[str, Any]]:
    made: list[tuple[str, Any]] = [
        ("district", District(id="district", name="district")),
        ("enterprise", Enterprise(id="enterprise", district_id="district", name="enterprise")),
        ("site", Site(id="site", enterprise_id="enterprise", name="site", commanding=commanding, timezone=ZONE)),
        ("zone", Zone(id="floor", site_id="site", name="floor")),
    ]
    classes = {f"shop{n}": CircuitClass.NIGHT_OFF for n in range(SHOPS)} | {"sign": CircuitClass.USE, "pump": CircuitClass.FIRE}
    for name, feeds in classes.items():
        made.append(
            ("device", Device(id=f"b-{name}", site_id="site", zone_id="floor", name=name, kind="switch", codec="native",
                              address=f"site/b-{name}", interval_s=5.0)),
        )  # fmt: skip
        made.append(
            ("circuit", Circuit(id=name, site_id="site", zone_id="floor", name=name, device_id=f"b-{name}", circuit_class=feeds,
                                trial=TRIAL, tenant=f"tenant {name}")),
        )  # fmt: skip
    return made


class Mall:
    """A house whose breakers answer: `deaf` ones ignore every command, `welded` ones say *done* and go on drawing."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.closed = {f"b-{name}": True for name in [*(f"shop{n}" for n in range(SHOPS)), "sign", "pump"]}
        self.deaf: set[str] = set()
        self.welded: set[str] = set()
        self.heard: list[str] = []
        self.read = 0

    def report(self) -> None:
        for name, closed in self.closed.items():
            draws = closed or name in self.welded
            self.house.hear(name, closed=float(closed), current_a=4.0 if draws else 0.0, voltage_v=230.0 if draws else 0.0,
                            power_w=900.0 if draws else 0.0)  # fmt: skip

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.house.run(1.0)
            for topic, payload in self.house.outlet.published[self.read :]:
                name = topic.split("/")[3]
                self.heard.append(payload["id"])
                if name not in self.deaf:
                    self.closed[name] = payload["action"] != "cut"
                    self.house.reply(name, payload["id"])
            self.read = len(self.house.outlet.published)
            self.report()

    @property
    def runs(self) -> Runs:
        return next(section for section in self.house.warden.sections if isinstance(section, Runs))

    @property
    def last(self) -> Run:
        return list(self.runs._runs.values())[-1]

    def state(self) -> RunState:
        return self.last.state

    def states(self) -> dict[str, ItemState]:
        return {item.circuit_id: item.state for item in self.runs.items(self.last.id)}


def evening(folder: Path, *plans: Plan, commanding: bool = True, clock: str = "22:29") -> Mall:
    """The mall at a local time of 2026-11-23, all lights on."""
    house = House(folder)
    hours, minutes = clock.split(":")
    house.clock.advance(local_minute_ms(ZONE, "2026-11-23", int(hours) * 60 + int(minutes)) - house.clock.now_ms())
    for kind, thing in (*mall(commanding), *(("plan", each) for each in plans)):
        house.scan.put(ConfigChanged.of(kind, thing.id, thing.version, thing))
    house.once()
    made = Mall(house)
    made.report()
    made.run(5)
    return made


def test_a_night_is_cut_stage_by_stage_and_proved(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.run(60)
    assert place.state() is RunState.COUNTDOWN
    assert not place.heard
    place.run(120)
    assert place.state() is RunState.DONE
    assert place.states() == {
        **{f"shop{n}": ItemState.PROVED for n in range(SHOPS)}, "sign": ItemState.PROVED, "pump": ItemState.LEFT_ON,
    }  # fmt: skip
    assert place.last.counts == {"left_on": 1, "proved": SHOPS + 1}
    assert len(place.heard) == len(set(place.heard)) == SHOPS + 1, "one order each, sent once"
    pump = next(item for item in place.runs.items(place.last.id) if item.circuit_id == "pump")
    assert pump.code == "class_fire"
    shop = next(item for item in place.runs.items(place.last.id) if item.circuit_id == "shop0")
    assert (shop.before_w, shop.after_w) == (900.0, 0.0)


def test_a_night_is_run_once_whatever_happens(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.run(75)
    place.house.snapshot()
    place.run(20)
    place.house.crash(down_ms=2_000)
    place.read = len(place.house.outlet.published)
    place.run(120)
    assert place.state() is RunState.DONE
    orders = [order for order in place.house.warden.orders.ended.values() if order.cause.startswith("run:")]
    assert len(orders) == SHOPS + 1
    assert len({order.circuit_id for order in orders}) == SHOPS + 1


def test_a_bad_breaker_is_tried_once_more_and_named(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.deaf, place.welded = {"b-shop1"}, {"b-shop2"}
    place.run(400)
    assert place.state() is RunState.DONE
    assert place.states()["shop1"] is ItemState.FAILED
    assert place.states()["shop2"] is ItemState.FAILED
    assert place.states()["shop3"] is ItemState.PROVED
    items = {item.circuit_id: item for item in place.runs.items(place.last.id)}
    assert len(items["shop1"].order_ids) == len(set(items["shop1"].order_ids)) == 2
    assert items["shop2"].after_a == 4.0
    not_off = [alarm.subject for alarm in place.house.alarms if alarm.rule_id == "service:power_not_proved"]
    assert "circuit:shop1" in not_off
    assert "circuit:shop2" in not_off


def test_a_run_that_was_missed_asks_and_is_not_executed_late(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.house.crash(down_ms=20 * 60_000)
    place.read = len(place.house.outlet.published)
    place.report()
    place.run(60)
    assert place.state() is RunState.MISSED
    assert not place.heard
    assert place.house.alarm("service:run_missed").subject == f"run:{place.last.id}"
    place.house.ask(DecideRun(run_id=place.last.id, who="manager", go=True, reason="empty"))
    place.run(150)
    assert place.state() is RunState.DONE
    assert len(place.heard) == SHOPS + 1


def test_a_missed_run_that_nobody_answers_never_runs(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.house.crash(down_ms=20 * 60_000)
    place.house.run(60)
    place.house.clock.advance(6 * 3_600_000)
    place.house.once()
    place.house.run(5)
    assert place.state() is RunState.DECLINED
    with pytest.raises(RequestRefused, match="asks nothing"):
        place.house.ask(DecideRun(run_id=place.last.id, who="manager", go=True, reason="late"))


def test_the_clock_put_an_hour_ahead_past_the_minute_asks_too(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.house.clock.advance(3_600_000)
    place.run(30)
    assert place.state() is RunState.MISSED


def test_an_aborted_run_orders_nothing_more(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.run(65)
    place.house.ask(AbortRun(run_id=place.last.id, who="manager", reason="stock-taking"))
    place.run(120)
    assert place.state() is RunState.ABORTED
    assert not place.heard
    assert place.states()["shop0"] is ItemState.DROPPED


def test_a_night_may_be_left_out_with_a_reason(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    with pytest.raises(RequestRefused, match="reason"):
        place.house.ask(SkipNight(plan_id="night", date="2026-11-23", who="manager", reason=" "))
    place.house.ask(SkipNight(plan_id="night", date="2026-11-23", who="manager", reason="stock-taking"))
    place.run(180)
    assert place.state() is RunState.SKIPPED
    assert not place.heard
    night = place.runs.night("night")
    assert night is not None
    assert night.date == "2026-11-24"


def test_the_first_nights_only_observe(tmp_path: Path) -> None:
    place = evening(tmp_path, plan(observation_nights=1))
    place.run(180)
    assert place.state() is RunState.OBSERVED
    assert place.states()["shop0"] is ItemState.WOULD_CUT
    assert place.states()["pump"] is ItemState.LEFT_ON
    assert not place.heard


def test_a_site_that_only_monitors_observes_every_night(tmp_path: Path) -> None:
    place = evening(tmp_path, plan(), commanding=False)
    place.run(180)
    assert place.state() is RunState.OBSERVED
    assert not place.heard


def test_a_click_on_many_circuits_is_one_run_and_repeats_nothing(tmp_path: Path) -> None:
    place = evening(tmp_path)
    click = StartCuts(key="k", site_id="site", circuit_ids=("shop0", "shop1", "pump"), who="operator", reason="smoke")
    first = place.house.ask(click)
    place.house.ask(click)
    place.run(40)
    assert next(fact.id for fact in first.facts if fact.kind == "run") == place.last.id
    assert place.states() == {"shop0": ItemState.PROVED, "shop1": ItemState.PROVED, "pump": ItemState.LEFT_ON}
    assert len(place.heard) == 2
    assert {order.state for order in place.house.warden.orders.ended.values()} == {OrderState.PROVED}


def test_a_plan_is_started_by_hand_once_a_key_and_one_at_a_time(tmp_path: Path) -> None:
    place = evening(tmp_path, plan(), clock="12:00")
    place.house.ask(StartPlan(key="k", plan_id="night", who="manager", reason="drill"))
    place.house.ask(StartPlan(key="k", plan_id="night", who="manager", reason="drill"))
    with pytest.raises(RequestRefused, match="under way already"):
        place.house.ask(StartPlan(key="other", plan_id="night", who="manager", reason="drill"))
    place.run(120)
    assert place.state() is RunState.DONE
    assert len(place.heard) == SHOPS + 1


def test_a_breaker_that_flips_back_after_its_proof_is_called_out_by_shop(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.run(110)
    assert place.state() is RunState.DONE
    place.closed["b-shop4"] = True
    place.run(60)
    alarm = place.house.alarm("service:still_drawing")
    assert alarm.subject == "shop:site:tenant shop4"
    assert alarm.severity is Severity.HIGH
    place.closed["b-shop4"] = False
    place.run(30)
    assert place.house.alarm("service:still_drawing").condition is Condition.NORMAL


def test_shops_that_still_draw_half_an_hour_after_closing_are_called_out_though_nobody_ordered_anything(tmp_path: Path) -> None:
    place = evening(tmp_path, clock="21:55")
    hours = Calendar(id="hours", name="hours", site_id="site", weekdays=((Window(600, 1320),),) * 7)
    place.house.scan.put(ConfigChanged.of("calendar", "hours", 1, hours))
    place.closed["b-shop1"] = False
    place.run(34 * 60)
    assert not place.house.alarms, "people tidy up"
    place.run(90)
    subjects = sorted(alarm.subject for alarm in place.house.alarms if alarm.rule_id == "service:still_drawing")
    assert subjects == [f"shop:site:tenant shop{n}" for n in (0, 2, 3, 4, 5)], "not the one that is dark, not the fire pump, not the sign"
