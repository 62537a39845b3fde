"""Lists and single facts for routes: what stands from the scan, what is over from the records; within the visitor's scope."""

from __future__ import annotations

from api.door import Door, Visitor, in_thread
from api.ports import Answer
from api.problems import not_found
from api.shapes.facts import FactPage, fact_shape
from api.shapes.power_work import RecordedFact
from sites.facts import Fact
from sites.records import NotFound


def page(
    door: Door, visitor: Visitor, kind: str, over: bool, cursor: str | None, limit: int, site: str | None = None, subject: str | None = None
) -> FactPage:
    """`over`: also those that are over, from the records, newest change first; else those that stand, soonest end first."""
    if over:
        found = door.records.facts(kind, visitor.scope, cursor, limit, site_id=site, subject=subject)
        items = [door.board.facts.get((kind, fact.id), fact) for fact in found.items]
        return {"items": [fact_shape(fact) for fact in items], "next_cursor": found.next_cursor}
    mine = [
        fact
        for fact in tuple(door.board.facts.values())
        if fact.kind == kind and visitor.reach.may("see", fact.site_id) and site in (None, fact.site_id) and subject in (None, fact.subject)
    ]
    mine.sort(key=lambda fact: (fact.until_ms or 0, fact.id))
    return {"items": [fact_shape(fact) for fact in mine], "next_cursor": None}


def one(door: Door, visitor: Visitor, kind: str, fact_id: str, what: str) -> Fact:
    """Raises 404 for what is not there or not seen."""
    found = door.board.facts.get((kind, fact_id))
    if found is None:
        try:
            found = door.records.fact(kind, fact_id)
        except NotFound:
            raise not_found(what, fact_id) from None
    visitor.must_see(found.site_id, what, fact_id)
    return found


async def must(door: Door, visitor: Visitor, act: str, kind: str, fact_id: str, what: str) -> Fact:
    """The fact, of a site where this person may do this, or 404, 403."""
    found = door.board.facts.get((kind, fact_id))
    if found is None:
        found = await in_thread(one, door, visitor, kind, fact_id, what)
    visitor.must(act, found.site_id, what, fact_id)
    return found


def recorded(answer: Answer, kind: str) -> RecordedFact:
    """The newest fact of the kind in an answer."""
    fact = next(fact for fact in reversed(answer.facts) if fact.kind == kind)
    return {**fact_shape(fact), "recorded": answer.recorded}
