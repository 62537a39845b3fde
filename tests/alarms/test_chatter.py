"""Chatter: one alarm with a count, kept open while its point comes and goes, which is itself reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from alarms.chatter import Chatter, ChatterState
from alarms.lifecycle import isa_state
from alarms.model import Alarm, Attention, Condition, Signal, Suppression, Transition
from alarms.requests import Acknowledge, Reset
from alarms.service_alarms import ServiceClear, ServiceRaise
from rules.findings import Edge
from rules.model import Level, Rule, RuleKind, Severity

T0 = 1_700_000_000_000
WARM = Rule(id="warm", name="温度", kind=RuleKind.LEVEL, metric="temperature", levels=(Level(limit=25, severity=Severity.HIGH),))


class Scene:
    """A desk, the section, and what it wished for."""

    def __init__(self, desk: Any, *rules: Rule) -> None:
        self.rules = {rule.id: rule for rule in (rules or (WARM,))}
        self.desk = desk
        self.section = Chatter(self.desk.book, self.rules.get)
        self.wishes: list[tuple[int, ServiceRaise | ServiceClear]] = []
        self.told: list[Transition] = []

    def at(self, after_s: float) -> Scene:
        now = T0 + round(after_s * 1000)
        while (due := self.section.due_ms()) is not None and due <= now:
            self.tell(self.section.due(due), due)
        self.desk.now_ms = now
        return self

    def tell(self, products: Any, at_ms: int) -> None:
        self.wishes += [(at_ms - T0, wish) for wish in products.wishes]
        for transition in products.transitions:
            self.told.append(transition)
            self.tell(self.section.follow(transition, at_ms), at_ms)

    def edge(self, edge: Edge, **more: Any) -> Scene:
        for transition in self.desk.find(edge, 0, 50.0, rule=more.pop("rule", WARM), **more):
            self.told.append(transition)
            self.tell(self.section.follow(transition, self.desk.now_ms), self.desk.now_ms)
        return self

    def flap(self, *after_s: float, **more: Any) -> Scene:
        """Raised at each of these moments, cleared a second later."""
        for moment in after_s:
            self.at(moment).edge(Edge.RAISED, **more)
            self.at(moment + 1).edge(Edge.CLEARED, **more)
        return self

    def acknowledge(self) -> None:
        self.ask(Acknowledge(alarm_ids=(self.alarm.id,), who="u1"))

    def ask(self, request: Any) -> None:
        for transition in self.desk.ask(request):
            self.tell(self.section.follow(transition, self.desk.now_ms), self.desk.now_ms)

    @property
    def alarm(self) -> Alarm:
        return max(
            (*self.desk.book.open.values(), *self.desk.book.settled.values(), *self.desk.book.owing.values()), key=lambda a: a.arrived_ms
        )


@pytest.fixture
def scene_of(new_desk: Any) -> Any:
    return lambda *rules: Scene(new_desk(), *rules)


def test_the_third_activation_within_a_minute_is_chatter_and_reports_the_point(scene_of: Any) -> None:
    scene = scene_of().flap(0, 20)
    assert not scene.wishes
    scene.flap(59.9)
    assert scene.alarm.is_chattering
    assert scene.alarm.count == 3
    ((_, wish),) = scene.wishes
    assert isinstance(wish, ServiceRaise)
    assert (wish.code, wish.subject, wish.device_id, wish.value) == ("chattering", scene.alarm.subject, "g1", 3.0)
    chattered = next(transition for transition in scene.told if transition.signal is Signal.CHATTERED)
    assert "kept open" in chattered.note
    assert "保持打开" in chattered.note_zh


def test_three_activations_in_more_than_a_minute_are_none(scene_of: Any) -> None:
    scene = scene_of().flap(0, 30, 60.0, 90.0)
    assert not scene.wishes
    assert not scene.alarm.is_chattering


def test_an_acknowledged_alarm_that_chatters_stays_one_and_acknowledged_until_it_is_quiet(scene_of: Any) -> None:
    scene = scene_of().flap(0, 5, 10)
    scene.acknowledge()
    first = scene.alarm
    assert (first.ended_ms, isa_state(first)) == (None, "A")
    scene.flap(*range(20, 620, 5))
    assert scene.alarm.id == first.id, "a hundred and twenty activations more, and one alarm"
    assert [len(times) for _, _, times in scene.section.dump().activations] == [3], "no more is kept than is counted"
    assert (scene.alarm.count, scene.alarm.attention, scene.alarm.raised_ms) == (123, Attention.ACKNOWLEDGED, first.raised_ms)
    assert scene.at(674.999).alarm.ended_ms is None
    assert scene.at(675).alarm.ended_ms == T0 + 675_000
    assert not scene.alarm.is_chattering
    assert [(at, wish.code) for at, wish in scene.wishes if isinstance(wish, ServiceClear)] == [(675_000, "chattering")]
    scene.flap(800)
    assert scene.alarm.id != first.id, "after the quiet it is a new alarm"
    assert scene.alarm.attention is Attention.UNACKNOWLEDGED


def test_one_that_stands_when_its_chatter_ends_goes_on_standing(scene_of: Any) -> None:
    scene = scene_of().flap(0, 5)
    scene.at(10).edge(Edge.RAISED)
    scene.acknowledge()
    scene.at(200)
    assert (scene.alarm.condition, scene.alarm.is_chattering, scene.alarm.ended_ms) == (Condition.ACTIVE, False, None)
    scene.at(201).edge(Edge.CLEARED)
    assert scene.alarm.ended_ms is not None


def test_nobody_took_it_it_still_asks_after_the_chatter(scene_of: Any) -> None:
    scene = scene_of().flap(0, 5, 10).at(200)
    assert (scene.alarm.ended_ms, scene.alarm.attention) == (None, Attention.UNACKNOWLEDGED)


def test_a_latched_alarm_is_reported_and_waits_for_its_reset_as_ever(scene_of: Any) -> None:
    rule = replace(WARM, latched=True)
    scene = scene_of(rule).flap(0, 5, 10, rule=rule)
    assert len(scene.wishes) == 1
    assert not scene.alarm.is_chattering
    scene.flap(15, 20, rule=rule)
    assert len([transition for transition in scene.told if transition.signal is Signal.CHATTERED]) == 1
    scene.acknowledge()
    scene.ask(Reset(alarm_ids=(scene.alarm.id,), who="u1"))
    assert scene.alarm.ended_ms is not None, "a person has reset it"
    assert isinstance(scene.wishes[-1][1], ServiceClear)
    assert scene.section.due_ms() is None


def test_a_rule_sets_its_own_numbers_or_none(scene_of: Any) -> None:
    five = replace(WARM, fold_count=5, fold_s=10.0)
    scene = scene_of(five).flap(0, 2, 4, 6, rule=five)
    assert not scene.wishes
    scene.flap(8, rule=five)
    assert scene.alarm.is_chattering
    assert scene.section.due_ms() == T0 + 18_000
    never = replace(WARM, fold_count=0)
    assert not scene_of(never).flap(*range(0, 50, 2), rule=never).wishes


def test_a_backlog_is_no_chatter(scene_of: Any) -> None:
    assert not scene_of().flap(0, 5, 10, 15, is_late=True).wishes


def test_a_suppressed_alarm_is_kept_too_and_calls_nobody(scene_of: Any) -> None:
    scene = scene_of()
    shelf = (Suppression(kind="shelved", reason="being repaired"),)
    scene.desk.book.suppressors = (lambda alarm: shelf if alarm.rule_id == WARM.id else (),)
    scene.flap(0, 5, 10)
    kept = scene.alarm
    assert (kept.ended_ms, kept.attention, kept.condition) == (None, Attention.SUPPRESSED, Condition.NORMAL)
    scene.flap(15)
    assert scene.alarm.id == kept.id
    assert scene.at(300).alarm.ended_ms == T0 + 75_000


def test_a_withdrawn_alarm_ends_its_chatter(scene_of: Any) -> None:
    scene = scene_of().flap(0, 5, 10)
    for transition in scene.desk.book.withdraw_whole(scene.desk.now_ms, "gone", "已删除", site_id="s1"):
        scene.tell(scene.section.follow(transition, scene.desk.now_ms), scene.desk.now_ms)
    assert scene.alarm.ended_ms is not None
    assert isinstance(scene.wishes[-1][1], ServiceClear)
    assert scene.at(500).section.due_ms() is None


def test_a_point_is_reported_until_the_last_of_its_rules_is_quiet(scene_of: Any) -> None:
    second = replace(WARM, id="hot")
    scene = scene_of(WARM, second)
    for moment in (0, 5, 10):
        scene.flap(moment, rule=WARM).flap(moment + 2, rule=second)
    assert [type(wish) for _, wish in scene.wishes] == [ServiceRaise, ServiceRaise], "the book takes the second for the same"
    scene.at(300)
    assert [(at, type(wish)) for at, wish in scene.wishes[2:]] == [(72_000, ServiceClear)]


@pytest.mark.parametrize("cut", range(6))
def test_a_restart_in_the_middle_changes_nothing(scene_of: Any, cut: int) -> None:
    moments = (0, 5, 10, 30, 100, 101)
    plain = scene_of().flap(*moments).at(400)
    scene = scene_of().flap(*moments[:cut])
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(scene.section.dump()), type=ChatterState)
    scene.section = Chatter(scene.desk.book, scene.rules.get)
    scene.section.load(state)
    scene.flap(*moments[cut:]).at(400)
    assert scene.wishes == plain.wishes
    assert [(transition.signal, transition.at_ms, transition.alarm) for transition in scene.told] == [
        (transition.signal, transition.at_ms, transition.alarm) for transition in plain.told
    ]
