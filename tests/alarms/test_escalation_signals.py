"""What begins, keeps and ends a climb, signal by signal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alarms.book import Book
from alarms.escalation import Climb, Escalations
from alarms.escalation_policy import Escalation, Step
from alarms.model import Alarm, Attention, Condition, Signal, Suppression, Transition
from rules.model import Severity
from sites.facts import Fact
from sites.roster import Roster
from tests.storage.records_samples import NOON, alarm

POLICY = Escalation(
    id="gas", name="gas", kinds=("gas",),
    unacknowledged=(Step(after_s=60, whom=("user:a",)),), unverified=(Step(after_s=180, whom=("user:b",)),),
)  # fmt: skip
SHELVED = Suppression(kind="shelved", reason="works", reason_zh="检修")


class Ladder:
    """One alarm, told signal by signal."""

    def __init__(self) -> None:
        self.book = Book()
        self.section = Escalations(self.book, Roster(), {"escalation": {"gas": POLICY}})
        self.alarm: Alarm = alarm(seq=0)
        self.facts: list[Fact] = []

    def tell(self, signal: Signal, after_s: float = 0.0, **changed: Any) -> Climb | None:
        self.alarm = replace(self.alarm, seq=self.alarm.seq + 1, **changed)
        self.book.open[self.alarm.id] = self.alarm
        at_ms = NOON + int(after_s * 1_000)
        self.facts += self.section.follow(Transition(alarm=self.alarm, signal=signal, at_ms=at_ms), at_ms).facts
        return self.section.climbs.get(self.alarm.id)

    @property
    def last(self) -> Climb:
        body: Climb = self.facts[-1].body
        return body


@pytest.fixture
def ladder() -> Ladder:
    made = Ladder()
    assert made.tell(Signal.RAISED) is not None
    return made


def test_suppressing_ends_the_climb_with_its_reason_and_the_end_of_it_begins_anew(ladder: Ladder) -> None:
    assert ladder.tell(Signal.SUPPRESSED, 30, suppression=SHELVED, attention=Attention.SUPPRESSED) is None
    assert (ladder.facts[-1].is_over, ladder.last.reason, ladder.last.reason_zh) == (True, "suppressed: works", "已抑制：检修")
    again = ladder.tell(Signal.UNSUPPRESSED, 500, suppression=None, attention=Attention.UNACKNOWLEDGED)
    assert again is not None
    assert (again.next_ms, again.episode) == (NOON + 560_000, 3)


@pytest.mark.parametrize("changed", [{"is_test": True}, {"is_late": True}, {"suppression": SHELVED, "attention": Attention.SUPPRESSED}])
def test_what_calls_nobody_does_not_climb(changed: dict[str, Any]) -> None:
    ladder = Ladder()
    assert ladder.tell(Signal.RAISED, **changed) is None
    assert ladder.facts == []
    upheld = ladder.tell(Signal.UPHELD, 90, is_test=False, is_late=False, suppression=None, attention=Attention.UNACKNOWLEDGED)
    assert upheld is not None
    assert upheld.next_ms == NOON + 150_000


@pytest.mark.parametrize("signal", [Signal.RAISED, Signal.REALARMED, Signal.CLEARED, Signal.NOTED, Signal.ASSIGNED, Signal.STEPPED_DOWN])
def test_what_answers_nothing_keeps_the_climb_as_it_is(signal: Signal, ladder: Ladder) -> None:
    before = ladder.section.climbs[ladder.alarm.id]
    assert ladder.tell(signal, 40) == before


def test_asking_again_after_somebody_had_acknowledged_begins_anew(ladder: Ladder) -> None:
    second = ladder.tell(Signal.ACKNOWLEDGED, 20, attention=Attention.ACKNOWLEDGED)
    assert second is not None
    assert second.state == "unverified"
    first = ladder.tell(Signal.REALARMED, 1_000, attention=Attention.UNACKNOWLEDGED)
    assert first is not None
    assert (first.state, first.next_ms) == ("unacknowledged", NOON + 1_060_000)


def test_a_verdict_before_the_acknowledgement_leaves_nothing_to_verify(ladder: Ladder) -> None:
    climb = ladder.tell(Signal.JUDGED, 10)
    assert climb is not None
    assert climb.state == "unacknowledged"
    assert ladder.tell(Signal.ACKNOWLEDGED, 20, attention=Attention.ACKNOWLEDGED) is None
    assert ladder.last.state == "over"


def test_an_alarm_that_ended_owes_its_verdict_still_but_not_when_it_was_withdrawn(ladder: Ladder) -> None:
    ladder.tell(Signal.ACKNOWLEDGED, 20, attention=Attention.ACKNOWLEDGED)
    ended = {"condition": Condition.NORMAL, "needs_reset": False, "ended_ms": NOON + 30_000}
    owing = ladder.tell(Signal.RESET, 30, **ended)
    assert owing is not None
    assert owing.next_ms == NOON + 180_000
    other = Ladder()
    other.tell(Signal.RAISED)
    assert other.tell(Signal.WITHDRAWN, 30, **ended) is None


def test_an_alarm_that_falls_below_the_policy_when_it_rises_again_ends_its_old_climb(ladder: Ladder) -> None:
    ladder.tell(Signal.ACKNOWLEDGED, 20, attention=Attention.ACKNOWLEDGED)
    assert ladder.tell(Signal.RAISED, 90, attention=Attention.UNACKNOWLEDGED, severity=Severity.LOW) is None
    assert ladder.last.reason == "no policy fits it now"


def test_facts_of_one_alarm_rise_in_their_order(ladder: Ladder) -> None:
    ladder.tell(Signal.ACKNOWLEDGED, 20, attention=Attention.ACKNOWLEDGED)
    ladder.tell(Signal.JUDGED, 30)
    numbers = [fact.seq for fact in ladder.facts]
    assert numbers == sorted(set(numbers))
    assert [fact.state for fact in ladder.facts] == ["unacknowledged", "unverified", "over"]
