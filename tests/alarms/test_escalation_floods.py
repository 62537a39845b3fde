"""A hundred thousand climbs: taken in short goes, none skipped, none twice, also across a snapshot in the middle."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec

from alarms.book import Book
from alarms.escalation import MOST_AT_ONCE, Escalations, EscalationState
from alarms.escalation_policy import Escalation, Step
from alarms.model import Signal, Transition
from sites.roster import Roster
from tests.storage.records_samples import NOON, alarm

POLICY = Escalation(id="gas", name="gas", kinds=("gas",), unacknowledged=(Step(after_s=60, whom=("role:operator",)),))


def test_a_flood_is_taken_in_short_goes_and_every_alarm_is_told_of_once() -> None:
    book = Book()
    section = Escalations(book, Roster(), {"escalation": {"gas": POLICY}})
    count = 5 * MOST_AT_ONCE + 7
    for number in range(count):
        each = replace(alarm(), id=f"a{number}", rule_id=f"r{number}")
        book.open[each.id] = each
        section.follow(Transition(alarm=each, signal=Signal.RAISED, at_ms=NOON), NOON)
    told: Counter[str] = Counter()
    goes = 0
    while (due_ms := section.due_ms()) is not None:
        products = section.due(due_ms)
        assert len(products.intents) <= MOST_AT_ONCE
        still_ms = section.due_ms()
        assert still_ms is None or still_ms > due_ms
        told.update(each.alarm_id for each in products.intents)
        goes += 1
        if goes == 3:
            kept = msgspec.msgpack.decode(msgspec.msgpack.encode(section.dump()), type=EscalationState)
            section = Escalations(book, Roster(), {"escalation": {"gas": POLICY}})
            section.load(kept)
    assert (len(told), set(told.values()), goes) == (count, {1}, 6)
    assert len({climb.told[0].at_ms for climb in section.climbs.values()}) == 6
