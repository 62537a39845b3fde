"""Presence checks, hand-overs and the alarm path's self-test as sections: on a timeline, and through dump and load."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from alarms.duty_requests import (
    AnswerPresence,
    AskPresence,
    OfferHandOver,
    RunSelfTest,
    SelfTestEvery,
    SelfTestHeard,
    SelfTestPublished,
    SelfTestSeen,
    TakeOver,
    WithdrawHandOver,
)
from alarms.errors import IllegalTransition, UnknownAlarm
from alarms.handovers import HandOvers, is_sound
from alarms.presence_checks import PresenceChecks, PresenceSchedule, moments, sum_of
from alarms.section import Section
from alarms.self_tests import SelfTests, delays_ms
from alarms.service_alarms import ServiceClear, ServiceRaise
from sites.calendars import local_minute_ms
from sites.model import Site
from sites.roster import Roster

DAY = "2026-11-22"
MIDNIGHT = local_minute_ms("Asia/Shanghai", DAY, 0)
MINUTE = 60_000


def again(section: Section, make: Any) -> Any:
    """The same section after a restart."""
    other = make()
    other.load(msgspec.msgpack.decode(msgspec.msgpack.encode(section.dump()), type=section.state_type))
    return other


# -- presence checks -----------------------------------------------------------------------------------------------------


def checks(*schedules: PresenceSchedule, at_ms: int = MIDNIGHT) -> PresenceChecks:
    roster = Roster()
    roster.put(Site(id="mall", enterprise_id="e", name="Mall"))
    section = PresenceChecks(roster, {schedule.id: schedule for schedule in schedules})
    for schedule in schedules:
        section.configured("presence_schedule", schedule.id, at_ms)
    return section


def run(section: Section, until_ms: int) -> list[Any]:
    """(time, state) of the facts and the wishes that time alone brings."""
    found: list[Any] = []
    while (due_ms := section.due_ms()) is not None and due_ms <= until_ms:
        products = section.due(due_ms)
        found += [(due_ms, fact.state) for fact in products.facts]
        found += [(due_ms, type(wish).__name__) for wish in products.wishes]
    return found


def test_a_set_time_asks_in_the_sites_own_zone_and_a_question_unanswered_is_missed() -> None:
    section = checks(PresenceSchedule(id="s", name="night", site_id="mall", times=(120,), answer_s=600))
    at = MIDNIGHT + 120 * MINUTE
    missed = at + 10 * MINUTE
    assert run(section, MIDNIGHT + 23 * 60 * MINUTE) == [(at, "asked"), (missed, "missed"), (missed, "ServiceRaise")]


def test_the_random_minutes_of_a_day_are_the_same_each_time_and_others_on_another_day() -> None:
    schedule = PresenceSchedule(id="s", name="n", site_id="mall", random_per_day=4, from_minute=0, to_minute=480)
    asked = moments(schedule, "Asia/Shanghai", DAY)
    assert asked == moments(schedule, "Asia/Shanghai", DAY)
    parts = [(at - MIDNIGHT) // (120 * MINUTE) for at in asked]
    assert parts == [0, 1, 2, 3], "one in each part of the night"
    next_day = local_minute_ms("Asia/Shanghai", "2026-11-23", 0)
    assert [at - next_day for at in moments(schedule, "Asia/Shanghai", "2026-11-23")] != [at - MIDNIGHT for at in asked]


def test_only_the_right_answer_by_another_person_counts_and_clears_the_alarm() -> None:
    section = checks()
    asked = section.request(AskPresence(site_id="mall", who="boss", key="k"), 1_000).facts[0]
    with pytest.raises(IllegalTransition, match="who asked"):
        section.request(AnswerPresence(check_id=asked.id, who="boss", answer="1"), 2_000)
    wrong = section.request(AnswerPresence(check_id=asked.id, who="duty", answer="1"), 2_000)
    assert (wrong.facts[0].state, wrong.facts[0].body.attempts) == ("asked", 1)
    right = section.request(AnswerPresence(check_id=asked.id, who="duty", answer=str(sum(sum_of(asked.id)))), 3_000)
    assert (right.facts[0].state, right.facts[0].body.answered_by, right.facts[0].is_over) == ("answered", "duty", True)
    assert [type(wish) for wish in right.wishes] == [ServiceClear]
    with pytest.raises(UnknownAlarm):
        section.request(AnswerPresence(check_id=asked.id, who="duty", answer="1"), 4_000)


def test_at_most_one_question_of_a_site_waits() -> None:
    section = checks(PresenceSchedule(id="s", name="n", site_id="mall", times=(1,)))
    section.request(AskPresence(site_id="mall", who="boss", key="k"), MIDNIGHT)
    with pytest.raises(IllegalTransition, match="waits for its answer"):
        section.request(AskPresence(site_id="mall", who="boss", key="other"), MIDNIGHT)
    assert run(section, MIDNIGHT + 2 * MINUTE) == []


def test_a_restart_keeps_the_question_and_gives_back_the_time_that_nobody_could_answer_in() -> None:
    schedule = PresenceSchedule(id="s", name="n", site_id="mall", times=(120, 180), answer_s=600)
    section = checks(schedule)
    at = MIDNIGHT + 120 * MINUTE
    assert run(section, at) == [(at, "asked")]
    restarted = again(section, lambda: checks(schedule))
    down, up = at + MINUTE, at + 121 * MINUTE
    restarted.resumed(down, up)
    assert run(restarted, up + 8 * MINUTE) == [], "the check of the time between is not asked late"
    assert run(restarted, up + 9 * MINUTE) == [(up + 9 * MINUTE, "missed"), (up + 9 * MINUTE, "ServiceRaise")]


# -- hand-overs ----------------------------------------------------------------------------------------------------------


def test_a_hand_over_is_signed_by_two_and_each_covers_the_one_before() -> None:
    section = HandOvers()
    first = section.request(OfferHandOver(site_id="mall", who="a", key="1", content="{}"), 1_000).facts[0].body
    with pytest.raises(IllegalTransition, match="another person"):
        section.request(TakeOver(handover_id=first.id, who="a", hash=first.hash), 2_000)
    with pytest.raises(IllegalTransition, match="not what was offered"):
        section.request(TakeOver(handover_id=first.id, who="b", hash="x"), 2_000)
    with pytest.raises(IllegalTransition, match="waits to be taken"):
        section.request(OfferHandOver(site_id="mall", who="c", key="2", content="{}"), 2_000)
    taken = section.request(TakeOver(handover_id=first.id, who="b", hash=first.hash, note="ok"), 2_000).facts[0]
    assert taken.is_over
    assert is_sound(taken.body)
    second = section.request(OfferHandOver(site_id="mall", who="b", key="3", content="{}"), 3_000).facts[0].body
    assert second.prev_hash == taken.body.taken_hash
    assert is_sound(second)
    assert not is_sound(replace(second, content="[]"))


def test_an_offer_survives_a_restart_and_only_its_maker_withdraws_it() -> None:
    section = HandOvers()
    offered = section.request(OfferHandOver(site_id="mall", who="a", key="1", content="{}"), 1_000).facts[0]
    restarted = again(section, HandOvers)
    assert [fact.id for fact in restarted.standing()] == [offered.id]
    with pytest.raises(IllegalTransition, match="only who offered"):
        restarted.request(WithdrawHandOver(handover_id=offered.id, who="b"), 2_000)
    assert restarted.request(WithdrawHandOver(handover_id=offered.id, who="a"), 2_000).facts[0].state == "withdrawn"
    assert list(restarted.standing()) == []


# -- the alarm path ------------------------------------------------------------------------------------------------------


def running(section: SelfTests, at_ms: int = 1_000) -> str:
    test = section.request(RunSelfTest(who="a", key="k"), at_ms).facts[0]
    section.request(SelfTestPublished(test_id=test.id, token="t", published_ms=at_ms), at_ms)
    return test.id


def test_a_test_whose_legs_are_all_done_passes_and_says_how_long_each_took() -> None:
    section = SelfTests()
    test_id = running(section)
    heard = section.request(SelfTestHeard(token="t", value=1.0, arrived_ms=1_040), 1_050)
    assert heard.facts[0].body.decided_ms == 1_050
    assert not heard.transitions, "nobody else is told of its alarm"
    section.request(SelfTestSeen(test_id=test_id, leg="streamed", at_ms=1_060), 1_061)
    ended = section.request(SelfTestSeen(test_id=test_id, leg="notified", at_ms=1_090), 1_091)
    assert ended.facts[-1].state == "passed"
    assert delays_ms(ended.facts[-1].body) == {"arrived": 40, "decided": 10, "streamed": 10, "notified": 40, "total": 60}
    assert [type(wish) for wish in ended.wishes] == [ServiceClear]


@pytest.mark.parametrize(("legs", "why"), [(0, "did not come back"), (1, "live stream"), (2, "notifications")])
def test_a_leg_that_is_not_done_in_time_is_the_loudest_alarm(legs: int, why: str) -> None:
    section = SelfTests()
    test_id = running(section)
    if legs >= 1:
        section.request(SelfTestHeard(token="t", value=1.0, arrived_ms=1_040), 1_050)
    if legs >= 2:
        section.request(SelfTestSeen(test_id=test_id, leg="streamed", at_ms=1_060), 1_061)
    deadline = section.due_ms()
    assert deadline is not None
    assert deadline == (31_000 if legs >= 2 else 11_000)
    products = section.due(deadline)
    assert [(type(wish), wish.code) for wish in products.wishes] == [(ServiceRaise, "alarm_path_broken")]
    assert why in products.facts[0].body.reason
    assert section.due_ms() is None


def test_a_reading_without_the_token_of_the_test_counts_for_nothing() -> None:
    section = SelfTests()
    running(section)
    assert not section.request(SelfTestHeard(token="guessed", value=1.0, arrived_ms=1_040), 1_050).facts


def test_a_reading_that_makes_no_alarm_fails_the_test() -> None:
    section = SelfTests()
    running(section)
    products = section.request(SelfTestHeard(token="t", value=0.0, arrived_ms=1_040), 1_050)
    assert products.facts[-1].state == "failed"
    assert "no alarm came" in products.facts[-1].body.reason


def test_the_timer_tests_again_and_again_and_a_restart_abandons_what_was_under_way() -> None:
    section = SelfTests()
    section.request(SelfTestEvery(every_s=900), 0)
    assert section.due_ms() == 60_000
    assert section.due(60_000).facts[0].state == "running"
    restarted = again(section, SelfTests)
    assert restarted.resumed(61_000, 100_000).facts[0].state == "abandoned"
    assert restarted.due_ms() == 960_000
    restarted.request(SelfTestEvery(every_s=0), 100_000)
    assert restarted.due_ms() is None
