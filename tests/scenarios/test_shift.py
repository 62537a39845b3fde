"""A shift in the house: a presence check asked by its schedule, a crash in its window, an answer; a missed one; the hand-over."""

from __future__ import annotations

from pathlib import Path

from alarms.duty_requests import AnswerPresence, OfferHandOver, TakeOver
from alarms.handovers import is_sound
from alarms.presence_checks import PresenceSchedule, sum_of
from app.restore import replay
from app.rows import ConfigChanged
from sites.calendars import local_day, local_minute_ms
from sites.facts import Fact
from sites.model import Enterprise, Site
from tests.scenarios.house import House

ZONE = "Asia/Shanghai"
SITE = [
    ("enterprise", Enterprise(id="e", district_id="d", name="E")),
    ("site", Site(id="site", enterprise_id="e", name="Site", timezone=ZONE)),
]


def told(house: House, kind: str) -> list[Fact]:
    return [fact for step in house.steps for fact in step.outcome.facts if fact.kind == kind]


def jump(house: House, at_ms: int) -> None:
    """To a moment, by scans that have nothing else to do."""
    house.clock.advance(at_ms - house.clock.now_ms())
    house.once()


def test_a_check_survives_a_crash_and_a_missed_one_stands_as_an_alarm_until_the_next_is_answered(tmp_path: Path) -> None:
    house = House(tmp_path, SITE)
    day = local_day(ZONE, house.clock.now_ms() + 86_400_000).iso
    first, second, third = (local_minute_ms(ZONE, day, minute) for minute in (120, 180, 240))
    schedule = PresenceSchedule(id="night", name="night", site_id="site", times=(120, 180, 240), answer_s=600)
    house.scan.put(ConfigChanged.of("presence_schedule", "night", 1, schedule))
    house.once()
    jump(house, first)
    asked = told(house, "presence_check")[-1]
    assert (asked.state, asked.changed_ms) == ("asked", first)
    house.snapshot()
    house.crash(down_ms=300_000)
    answer = str(sum(sum_of(asked.id)))
    fact = house.ask(AnswerPresence(check_id=asked.id, who="duty", answer=answer)).facts[0]
    assert (fact.state, fact.who) == ("answered", "duty")
    jump(house, second + 600_000)
    assert [f.state for f in told(house, "presence_check")][-2:] == ["asked", "missed"]
    assert house.alarm("service:presence_missed").site_id == "site"
    jump(house, third)
    asked = told(house, "presence_check")[-1]
    house.ask(AnswerPresence(check_id=asked.id, who="duty", answer=str(sum(sum_of(asked.id)))))
    assert house.alarm("service:presence_missed").condition == "normal"
    again = [fact for step in replay(tmp_path / "snapshots", house.journal, 0) for fact in step.outcome.facts]
    mine = [fact for fact in again if fact.kind == "presence_check"]
    assert mine[-1] == told(house, "presence_check")[-1], "a replay tells the same"


def test_a_hand_over_that_waits_is_taken_after_a_crash_and_stays_as_it_was_signed(tmp_path: Path) -> None:
    house = House(tmp_path, SITE)
    offered = (
        house.ask(OfferHandOver(site_id="site", who="a", key="k", content='{"standing":{"items":[],"total":0}}', note="keys")).facts[0].body
    )
    house.crash(down_ms=60_000)
    taken = house.ask(TakeOver(handover_id=offered.id, who="b", hash=offered.hash)).facts[0]
    assert taken.is_over
    assert taken.body.content == offered.content
    assert is_sound(taken.body)
