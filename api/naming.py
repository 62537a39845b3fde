"""Names of users, groups, sites and people of rosters, for sentences about whom an alarm tells. It reads, and decides nothing."""

from __future__ import annotations

from functools import lru_cache

from api.door import Door
from api.shapes.escalations import ClimbShape, Namer, climb_shape
from sites.records import NotFound, Unavailable


def namer(door: Door) -> Namer:
    """A name for (kind, id): the id itself where there is none, or while the records are away."""

    @lru_cache(maxsize=256)
    def name(kind: str, which: str) -> str:
        try:
            match kind:
                case "user":
                    return door.records.user(which).name
                case "site":
                    site = door.board.roster.sites.get(which)
                    return site.name if site else which
                case "zone" | "circuit":
                    things = door.board.roster.zones if kind == "zone" else door.board.roster.circuits
                    thing = things.get(which)
                    return thing.name if thing else which
                case "plan" | "rule":
                    found: str = door.records.thing(kind, which).name
                    return found
                case "group":
                    return door.records.notify_group(which).name
                case "duty":
                    roster_id, _, person_id = which.partition("/")
                    people = door.records.thing("duty_roster", roster_id).people
                    return next((person.name for person in people if person.id == person_id), which)
        except (NotFound, Unavailable):
            return which
        return which

    return name


def escalation_of(door: Door, alarm_id: str) -> ClimbShape | None:
    """Where an alarm stands on its ladders, or how its climb ended; None: it was never escalated, or the records are away."""
    fact = door.board.facts.get(("escalation", alarm_id))
    if fact is None:
        try:
            fact = door.records.fact("escalation", alarm_id)
        except (NotFound, Unavailable):
            return None
    return climb_shape(fact.body, namer(door))
