"""Linkages that wait, repeat, run plans and command actuators; over restarts; and their sentences."""

from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest

from alarms.deeds import Surroundings
from alarms.linkage import ActuatorCommand, CommandWanted, CutWanted, HazardWanted, Linkage, NotifyWanted, RunWanted
from alarms.linkage_words import sentence
from alarms.linkages import RESUMED_MS, Linkages, LinkagesState
from alarms.model import Verdict
from alarms.requests import Acknowledge, Judge, Reset
from app.shipped import linkages as shipped
from rules.model import Schedule, Severity
from sites.calendars import Window
from sites.model import Device

TELL = Linkage(id="tell", name="通知", name_en="Tell", kinds=("gas",), notify=("a@example.invalid",))
SLOW = replace(TELL, id="slow", delay_s=30.0)
OPEN = Linkage(
    id="open", name="未恢复", on=("unresolved",), unresolved_s=3600.0, kinds=("gas",), hazard=True, hazard_after=1, cancel_if_cleared=False
)
MINUTE = 60_000
DAY = 86_400_000


class Running:
    """The section beside a desk, led through time."""

    def __init__(self, desk, *linkages, around=None):
        self.desk, self.linkages = desk, {linkage.id: linkage for linkage in linkages}
        self.around = around or Surroundings()
        self.section = Linkages(desk.book, desk.roster, self.linkages, self.around)
        self.intents, self.firings = [], []

    def follow(self, *transitions):
        for transition in transitions:
            self._take(self.section.follow(transition, self.desk.now_ms))

    def wait(self, ms):
        until_ms = self.desk.now_ms + ms
        while (due_ms := self.section.due_ms()) is not None and due_ms <= until_ms:
            self.desk.now_ms = due_ms
            self._take(self.section.due(due_ms))
        self.desk.now_ms = until_ms

    def restart(self, down_ms=0):
        packed = msgspec.msgpack.encode(self.section.dump())
        since_ms = self.desk.now_ms
        self.desk.now_ms += down_ms
        self.section = Linkages(self.desk.book, self.desk.roster, self.linkages, self.around)
        self.section.load(msgspec.msgpack.decode(packed, type=LinkagesState))
        self._take(self.section.resumed(since_ms, self.desk.now_ms))

    def _take(self, products):
        self.intents += products.intents
        self.firings += products.firings

    def codes(self):
        return [firing.code for firing in self.firings]


def test_a_delay_is_waited_for_and_the_firing_says_how_long(desk):
    run = Running(desk, SLOW)
    run.follow(desk.raised())
    assert (run.intents, run.codes()) == ([], ["waiting"])
    run.wait(29_999)
    assert run.intents == []
    run.wait(1)
    (wanted,) = run.intents
    assert isinstance(wanted, NotifyWanted)
    assert run.codes() == ["waiting", "fired"]
    assert run.firings[1].reason.startswith("after 30 s; ")
    assert run.firings[1].reason_zh.startswith("30 秒后；")
    run.wait(10 * MINUTE)
    assert len(run.intents) == 1


def test_what_clears_in_time_cancels_the_wait(desk):
    run = Running(desk, SLOW)
    run.follow(desk.raised())
    desk.wait(12_000)
    run.follow(desk.cleared())
    run.wait(MINUTE)
    assert run.intents == []
    assert run.codes() == ["waiting", "cancelled"]
    assert run.firings[1].reason == "cancelled: over after 12 s"
    assert run.firings[1].alarm_seq == run.firings[0].alarm_seq == 1, "it is the same firing's end"


def test_a_wait_that_is_not_to_be_cancelled_goes_on_after_the_clear(desk):
    run = Running(desk, replace(SLOW, cancel_if_cleared=False))
    run.follow(desk.raised())
    run.follow(desk.cleared())
    run.wait(MINUTE)
    assert run.codes() == ["waiting", "fired"]


def test_a_wait_after_the_clear_ends_when_it_is_raised_again(desk, warm):
    run = Running(desk, replace(SLOW, kinds=(), on=("cleared",)))
    run.follow(desk.raised(rule=warm))
    run.follow(desk.cleared(rule=warm))
    run.wait(5_000)
    run.follow(desk.raised(rule=warm))
    run.wait(MINUTE)
    assert run.intents == []
    assert run.codes() == ["waiting", "cancelled"]


@pytest.mark.parametrize("restarts", [(), (10_000,), (10_000, 25_000), (29_999,), (30_000,)])
def test_a_wait_survives_restarts_and_fires_once(desk, restarts):
    run = Running(desk, SLOW)
    begin_ms = desk.now_ms
    run.follow(desk.raised())
    for at_ms in restarts:
        run.wait(begin_ms + at_ms - desk.now_ms)
        run.restart()
    run.wait(5 * MINUTE)
    run.restart()
    run.wait(5 * MINUTE)
    assert len(run.intents) == 1


def test_what_fell_due_while_the_service_was_down_is_looked_at_again_before_it_fires(desk):
    run = Running(desk, SLOW)
    run.follow(desk.raised())
    run.restart(down_ms=10 * MINUTE)
    run.wait(RESUMED_MS - 1)
    assert run.intents == []
    run.follow(desk.cleared())
    run.wait(MINUTE)
    assert run.intents == []
    assert run.codes()[-1] == "cancelled"


def test_a_second_change_while_it_waits_starts_no_second_wait(desk):
    run = Running(desk, SLOW)
    run.follow(desk.raised())
    run.wait(10_000)
    run.follow(desk.stepped(1, 60.0))
    run.wait(MINUTE)
    assert len(run.intents) == 1
    assert run.codes() == ["waiting", "waiting", "fired"]


def test_the_triggers_are_counted_again_when_the_delay_is_over(desk):
    run = Running(desk, replace(SLOW, triggers=2))
    run.follow(desk.raised(device="g1"))
    assert run.codes() == ["triggers_missing"]
    run.follow(desk.raised(device="g2"))
    assert run.codes() == ["triggers_missing", "waiting"]
    first = desk.book.open[next(iter(desk.book.open))].id
    run.follow(desk.cleared(device="g1"))
    for transition in [*desk.ask(Acknowledge(alarm_ids=(first,), who="u")), *desk.ask(Reset(alarm_ids=(first,), who="u"))]:
        run.follow(transition)
    run.wait(MINUTE)
    assert run.intents == []
    assert run.codes()[-1] == "triggers_missing"


@pytest.mark.parametrize("change", [{"enabled": False}, {"min_severity": Severity.CRITICAL}])
def test_a_linkage_that_was_changed_while_it_waited_says_so(desk, change):
    run = Running(desk, SLOW)
    run.follow(desk.raised())
    run.linkages["slow"] = replace(SLOW, **change)
    run.section.configured("linkage", "slow", desk.now_ms)
    run.wait(MINUTE)
    assert run.intents == []
    assert run.codes()[-1] == "changed"


def test_an_unresolved_alarm_becomes_a_hazard_after_its_time_and_a_resolved_one_does_not(desk):
    run = Running(desk, OPEN)
    run.follow(desk.raised())
    run.wait(59 * MINUTE)
    assert run.intents == []
    run.wait(MINUTE)
    (wanted,) = run.intents
    assert isinstance(wanted, HazardWanted)
    assert wanted.reason == "unresolved for 60 min"
    run.follow(desk.raised(device="g2"))
    run.wait(MINUTE)
    run.follow(desk.cleared(device="g2"))
    run.wait(2 * 60 * MINUTE)
    assert len(run.intents) == 1
    assert run.codes()[-1] == "resolved"


def test_unresolved_is_counted_from_the_raise_not_from_a_step(desk):
    run = Running(desk, OPEN)
    run.follow(desk.raised())
    run.wait(30 * MINUTE)
    run.follow(desk.stepped(1, 60.0))
    run.wait(30 * MINUTE)
    assert len(run.intents) == 1


def test_an_alarm_that_is_put_aside_when_its_time_is_over_starts_nothing(desk):
    run = Running(desk, OPEN)
    transition = desk.raised()
    run.follow(transition)
    alarm = desk.book.open[transition.alarm.id]
    desk.book.open[alarm.id] = replace(alarm, is_test=True)
    run.wait(120 * MINUTE)
    assert run.intents == []
    assert run.codes()[-1] == "test"


def occurrence(desk, run, warm, days):
    run.wait(days * DAY)
    transition = desk.raised(rule=warm)
    run.follow(transition)
    run.follow(desk.cleared(rule=warm))
    for made in desk.ask(Acknowledge(alarm_ids=(transition.alarm.id,), who="u")):
        run.follow(made)
    return transition.alarm.id


REPEATS = Linkage(id="repeats", name="反复", on=("raised",), hazard=True, hazard_after=3, hazard_days=7)


def test_three_alarms_of_a_point_within_seven_days_want_a_hazard(desk, warm):
    run = Running(desk, REPEATS)
    for days in (0, 3, 3):
        occurrence(desk, run, warm, days)
        run.restart()
    (wanted,) = run.intents
    assert wanted.reason == "raised 3 times within 7 days"
    assert run.codes() == ["hazard_waiting", "hazard_waiting", "fired"]


def test_three_alarms_over_more_than_seven_days_do_not(desk, warm):
    run = Running(desk, REPEATS)
    for days in (0, 4, 4):
        occurrence(desk, run, warm, days)
    assert run.intents == []


def test_what_was_judged_to_be_nothing_is_not_counted(desk, warm):
    run = Running(desk, REPEATS)
    first = occurrence(desk, run, warm, 0)
    for made in desk.ask(Judge(alarm_id=first, who="u", verdict=Verdict.NUISANCE, note="steam")):
        run.follow(made)
    for days in (1, 1):
        occurrence(desk, run, warm, days)
    assert run.intents == []


def test_occurrences_of_one_night_count_once_where_nights_are_meant(desk, warm):
    nights = replace(REPEATS, hazard_after=2, hazard_days=2, hazard_apart_h=12.0)
    run = Running(desk, nights)
    occurrence(desk, run, warm, 0)
    occurrence(desk, run, warm, 1 / 24)
    assert run.intents == []
    occurrence(desk, run, warm, 1)
    assert len(run.intents) == 1


def test_a_schedule_is_the_sites_own_time(desk):
    at_once = replace(TELL, schedule=Schedule(windows=(Window(22 * 60, 6 * 60),)))
    run = Running(desk, at_once)
    run.follow(desk.raised())  # 2023-11-15 06:13 in Shanghai
    assert run.codes() == ["schedule"]
    assert run.firings[0].reason_zh == "不在联动的生效时段内"
    desk.wait(17 * 60 * MINUTE)
    run.follow(desk.raised(device="g2"))
    assert run.codes() == ["schedule", "fired"]


PLAN = Linkage(id="plan", name="方案", kinds=("gas",), plan="p1", triggers=2)


def test_a_plan_runs_for_two_triggers_once_by_its_transition(desk):
    run = Running(desk, PLAN, around=Surroundings(plans={"p1": SimpleNamespace(name="厨房", site_id="s1")}))
    run.follow(desk.raised())
    second = desk.raised(device="g2")
    run.follow(second)
    (wanted,) = run.intents
    assert isinstance(wanted, RunWanted)
    assert wanted.plan_id == "p1"
    again = Running(desk, PLAN, around=run.around)
    again.follow(second)
    assert again.intents == [wanted], "replay wants the same run"


@pytest.mark.parametrize("plans", [{}, {"p1": SimpleNamespace(name="x", site_id="s2")}])
def test_a_plan_that_is_gone_or_another_sites_is_not_run(desk, plans):
    run = Running(desk, replace(PLAN, triggers=1), around=Surroundings(plans=plans))
    run.follow(desk.raised())
    assert run.intents == []
    assert run.codes() == ["no_plan"]


VALVE = Linkage(id="valve", name="关阀", kinds=("gas",), commands=(ActuatorCommand(kind="valve", action="close"),))


def test_a_command_goes_to_each_actuator_that_it_concerns(desk):
    around = Surroundings(actuators=lambda command, alarm: [(f"{alarm.zone_id}-{command.kind}", "燃气阀")])
    run = Running(desk, VALVE, around=around)
    run.follow(desk.raised())
    (wanted,) = run.intents
    assert isinstance(wanted, CommandWanted)
    assert (wanted.actuator_id, wanted.action) == ("kitchen-valve", "close")
    assert run.firings[0].reason_zh == "要求关闭燃气阀：燃气阀"


def test_a_command_without_an_actuator_says_so(desk):
    run = Running(desk, VALVE)
    run.follow(desk.raised())
    assert run.intents == []
    assert run.codes() == ["no_actuator"]
    assert "close valve: none in the zone" in run.firings[0].reason


def test_a_breaker_inside_the_gas_area_is_left_alone(desk):
    cut = Linkage(id="cut", name="断电", kinds=("gas",), cut="automatic", outside_gas_area=True)
    switch = Device(id="sw", site_id="s1", zone_id="kitchen", name="sw", kind="switch", codec="native", address="s1/sw")
    desk.roster.put(switch)
    run = Running(desk, cut)
    run.follow(desk.raised())
    assert run.intents == []
    assert "inside the gas area" in run.firings[0].reason
    desk.roster.put(Device(id="panel", site_id="s1", zone_id="corridor", name="panel", kind="switch", codec="native", address="s1/panel"))
    circuit = desk.roster.circuits["c-use"]
    desk.roster.put(replace(circuit, device_id="panel"))
    run.follow(desk.raised(device="g2"))
    assert [each.circuit_id for each in run.intents if isinstance(each, CutWanted)] == ["c-use"]


def test_named_circuits_are_cut_rather_than_the_zones(desk):
    cut = Linkage(id="cut", name="断电", kinds=("gas",), cut="automatic", circuits=("c-use", "c-fire", "elsewhere"))
    run = Running(desk, cut)
    run.follow(desk.raised(device="g3"))  # of the hall
    assert [each.circuit_id for each in run.intents] == ["c-use"]


@pytest.mark.parametrize("linkage", [*shipped(), SLOW, OPEN, PLAN], ids=lambda linkage: linkage.id)
def test_every_linkage_reads_as_a_sentence_in_both_languages(linkage):
    zh, en = sentence(linkage, lambda kind, thing_id: f"<{thing_id}>")
    assert zh.endswith("。")
    assert en.endswith(".")
    assert en.startswith("When a")


def test_a_sentence_names_everything(desk):
    whole = Linkage(
        id="whole",
        name="x",
        kinds=("gas",),
        zones=("kitchen",),
        min_severity=Severity.CRITICAL,
        triggers=2,
        delay_s=90,
        cut="automatic",
        outside_gas_area=True,
        notify=("role:manager", "user:u1"),
        commands=(ActuatorCommand(kind="fan", action="start"),),
        schedule=Schedule(weekdays=(0, 4), windows=(Window(1320, 360),)),
    )
    zh, en = sentence(whole, lambda kind, thing_id: {"kitchen": "厨房", "u1": "王工"}[thing_id])
    assert zh == (
        "厨房的紧急可燃气体报警发生或升级时，且同一区域有 2 个不同设备报警，仅周一、五 22:00-06:00，延时 90 秒，期间恢复则取消，"
        "启动风机，自动切断本区域回路（断路器在燃气区域内的除外），通知负责人、王工。"
    )
    assert en == (
        "When a critical gas alarm in 厨房 is raised or becomes more severe, on 2 different devices of the zone, "
        "only Mon, Fri 22:00-06:00, after 90 s unless it clears meanwhile: start the fan, "
        "cut the zone's circuits whose breakers stand outside the gas area, "
        "tell managers, 王工."
    )
