"""What a linkage would have done with a past alarm: the same code over the transitions that the records hold. It changes nothing.

Roster and plans are those of now. What people had put aside, tested or judged by then is in the transitions themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alarms.book import Book
from alarms.deeds import Planned, Surroundings
from alarms.linkage import Firing, Intent, Linkage
from alarms.linkages import Linkages
from alarms.model import Transition
from alarms.section import Products
from sites.roster import Roster


@dataclass(frozen=True, slots=True)
class DryRun:
    """`firings` of that alarm in order of time, and what they would have wanted done. `others`: alarms taken into account beside it."""

    firings: Sequence[Firing]
    intents: Sequence[Intent]
    others: int

    @property
    def would_fire(self) -> bool:
        return any(firing.fired for firing in self.firings)


def dry_run(
    linkage: Linkage,
    alarm_id: str,
    transitions: Iterable[Transition],
    roster: Roster,
    until_ms: int,
    plans: Mapping[str, Planned] | None = None,
    around: Surroundings | None = None,
) -> DryRun:
    """`transitions` of the alarm and of those around it (its zone: triggers; its point: occurrences), in any order; waits are led on
    until `until_ms`. The linkage is taken for enabled."""
    book = Book()
    section = Linkages(book, roster, {linkage.id: replace(linkage, enabled=True)}, around or Surroundings(plans=plans or {}))
    told = Products()
    seen: set[str] = set()

    def take(products: Products) -> None:
        told.firings += [firing for firing in products.firings if firing.alarm_id == alarm_id]
        told.intents += [intent for intent in products.intents if intent.alarm_id == alarm_id]

    def lead_to(at_ms: int) -> None:
        while (due_ms := section.due_ms()) is not None and due_ms <= at_ms:
            take(section.due(due_ms))

    for transition in sorted(transitions, key=lambda each: (each.at_ms, each.alarm.id, each.alarm.seq)):
        lead_to(transition.at_ms)
        seen.add(transition.alarm.id)
        book.replay(transition)
        take(section.follow(transition, transition.at_ms))
    lead_to(until_ms)
    return DryRun(told.firings, told.intents, len(seen - {alarm_id}))
