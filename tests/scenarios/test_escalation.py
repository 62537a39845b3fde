"""Escalation in the house: who is told when, what ends a ladder, and that a restart at any moment neither skips nor repeats a step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alarms.duty import DutyPerson, DutyRoster, Place, Shift
from alarms.escalation import Climb, Escalations
from alarms.escalation_policy import Escalation, Step
from alarms.linkage import NotifyWanted
from alarms.model import Verdict
from alarms.requests import Acknowledge, Judge
from app.rows import ConfigChanged
from rules.model import Severity
from tests.scenarios.house import House
from tests.scenarios.sample import kitchen

POLICY = Escalation(
    id="gas",
    name="燃气",
    kinds=("gas",),
    unacknowledged=(
        Step(after_s=60, whom=("duty",), otherwise=("role:operator",)),
        Step(after_s=90, whom=("user:boss",), channels=("voice",), repeat_s=30, repeats=1),
    ),
    unverified=(Step(after_s=180, whom=("role:manager",), channels=("sms",)),),
)


def configure(house: House, kind: str, thing: Any) -> None:
    house.scan.put(ConfigChanged.of(kind, thing.id, thing.version, thing))
    house.once()


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path, kitchen())
    configure(made, "escalation", POLICY)
    return made


def wanted(house: House) -> list[NotifyWanted]:
    return [each for step in house.steps for each in step.outcome.notifies if each.cause.startswith("escalation")]


def told(house: House) -> list[tuple[str, str]]:
    return [(each.recipient, each.channel) for each in wanted(house)]


def leak(house: House, lel: float = 60.0) -> str:
    house.hear("gas-1", lel=lel)
    house.run(0.2)
    (alarm,) = [alarm for alarm in house.alarms if alarm.kind == "gas"]
    return alarm.id


def climb(house: House, alarm_id: str) -> Climb:
    (section,) = [section for section in house.warden.sections if isinstance(section, Escalations)]
    return section.climbs[alarm_id]


def alive(house: House, seconds: float) -> None:
    """Time passes, and the detector goes on measuring the same."""
    for _ in range(round(seconds)):
        house.hear("gas-1", lel=60.0)
        house.run(1.0)


def test_nobody_acknowledges_and_each_step_is_taken_once_at_its_time(house: House) -> None:
    leak(house)
    alive(house, 58)
    assert told(house) == []
    alive(house, 3)
    assert told(house) == [("role:operator", "")]
    alive(house, 200)
    assert told(house) == [("role:operator", ""), ("user:boss", "voice"), ("user:boss", "voice")]
    assert len({each.key for each in wanted(house)}) == 3
    first, second, third = wanted(house)
    assert (second.at_ms - first.at_ms, third.at_ms - second.at_ms) == (30_000, 30_000)


def test_acknowledging_ends_the_first_ladder_at_once_and_a_verdict_the_second(house: House) -> None:
    alarm_id = leak(house)
    raised_ms = house.clock.now_ms()
    alive(house, 59)
    house.ask(Acknowledge(alarm_ids=(alarm_id,), who="u1"))
    standing = climb(house, alarm_id)
    assert (standing.state, standing.next_whom, standing.next_channels) == ("unverified", ("role:manager",), ("sms",))
    assert standing.next_ms is not None
    assert abs(standing.next_ms - raised_ms - 180_000) < 500
    alive(house, 100)
    assert told(house) == []
    alive(house, 30)
    assert told(house) == [("role:manager", "sms")]
    house.ask(Judge(alarm_id=alarm_id, who="u1", verdict=Verdict.TRUE))
    facts = [fact for fact in house.steps[-1].outcome.facts if fact.kind == "escalation"]
    assert [(fact.id, fact.state, fact.is_over) for fact in facts] == [(alarm_id, "over", True)]


def test_a_verdict_in_time_leaves_nothing_to_tell(house: House) -> None:
    alarm_id = leak(house)
    house.ask(Acknowledge(alarm_ids=(alarm_id,), who="u1"))
    house.ask(Judge(alarm_id=alarm_id, who="u1", verdict=Verdict.FALSE))
    alive(house, 400)
    assert told(house) == []


def test_a_late_acknowledgement_tells_the_second_ladder_at_once_and_keeps_the_distances(house: House) -> None:
    second = replace(POLICY, version=2, unverified=(*POLICY.unverified, Step(after_s=240, whom=("role:enterprise",))))
    configure(house, "escalation", second)
    alarm_id = leak(house)
    alive(house, 250)
    before = len(wanted(house))
    house.ask(Acknowledge(alarm_ids=(alarm_id,), who="u1"))
    house.run(0.2)
    assert told(house)[before:] == [("role:manager", "sms")]
    alive(house, 58)
    assert len(wanted(house)) == before + 1
    alive(house, 3)
    assert told(house)[before + 1 :] == [("role:enterprise", "")]


def test_a_rise_in_severity_begins_anew(house: House) -> None:
    for _ in range(55):
        house.hear("gas-1", lel=30.0)
        house.run(1.0)
    (alarm_id,) = [alarm.id for alarm in house.alarms if alarm.kind == "gas"]
    episode = climb(house, alarm_id).episode
    leak(house, 60.0)
    again = climb(house, alarm_id)
    assert (again.severity, again.place) == (Severity.CRITICAL, 0)
    assert again.episode > episode
    alive(house, 55)
    assert told(house) == []
    alive(house, 8)
    assert told(house) == [("role:operator", "")]


@pytest.mark.parametrize("with_snapshot", [False, True])
@pytest.mark.parametrize("crash_at", [30, 60, 61, 95])
def test_a_crash_at_any_moment_neither_skips_nor_repeats_a_step(house: House, crash_at: int, with_snapshot: bool) -> None:
    leak(house)
    alive(house, crash_at)
    if with_snapshot:
        house.snapshot()
    alive(house, 1)
    before = [each.key for each in wanted(house)]
    house.crash(down_ms=45_000)
    alive(house, 100)
    keys = [each.key for each in wanted(house)]
    assert keys[: len(before)] == before
    assert [(each.recipient, each.channel) for each in wanted(house)] == [
        ("role:operator", ""),
        ("user:boss", "voice"),
        ("user:boss", "voice"),
    ]
    assert len(set(keys)) == 3


def test_whoever_is_on_duty_is_told_by_the_contacts_of_the_roster(house: House) -> None:
    roster = DutyRoster(
        id="control",
        name="消控室",
        site_id="site",
        people=(DutyPerson(id="wang", name="王", phone="13800000000"), DutyPerson(id="li", name="李", user_id="u-li")),
        shifts=(Shift(id="all", name="全天", places=(Place(position="lead", person="li"), Place(position="watch", person="wang"))),),
    )
    configure(house, "duty_roster", roster)
    leak(house)
    alive(house, 62)
    assert sorted((each.recipient, each.channel, each.to) for each in wanted(house)) == [
        ("duty:control/wang", "sms", "13800000000"),
        ("duty:control/wang", "voice", "13800000000"),
        ("user:u-li", "", ""),
    ]


def test_a_policy_of_the_site_goes_before_one_for_all_and_an_edit_keeps_what_was_taken(house: House) -> None:
    own = Escalation(
        id="own", name="own", site_id="site", unacknowledged=(Step(after_s=10, whom=("user:a",)), Step(after_s=500, whom=("user:b",)))
    )
    configure(house, "escalation", own)
    alarm_id = leak(house)
    alive(house, 12)
    assert told(house) == [("user:a", "")]
    configure(house, "escalation", replace(own, version=2, unacknowledged=(own.unacknowledged[0], Step(after_s=20, whom=("user:c",)))))
    assert climb(house, alarm_id).place == 1
    alive(house, 10)
    assert told(house) == [("user:a", ""), ("user:c", "")]


def test_a_policy_that_comes_while_an_alarm_asks_is_climbed_from_then_on(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen())
    leak(house)
    alive(house, 100)
    configure(house, "escalation", POLICY)
    alive(house, 58)
    assert told(house) == []
    alive(house, 4)
    assert told(house) == [("role:operator", "")]
