"""Shift hand-over: what the outgoing shift signed, taken over by another person's signature; kept as it was, with a chain of hashes.

The content is the text that both saw; neither it nor a signature ever changes. Each hand-over's hash covers the one before it of the same
site, so that none can be removed or rewritten unseen. Only the scan writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from alarms.duty_requests import OfferHandOver, TakeOver, WithdrawHandOver
from alarms.errors import IllegalTransition, UnknownAlarm
from alarms.model import Transition
from alarms.section import Products
from sites.facts import Fact
from sites.model import derived_id

KIND = "handover"
MOST_CONTENT = 400_000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """`hash` covers `prev_hash`, the content and the outgoing signature; `taken_hash` that and the incoming one."""

    id: str
    site_id: str
    content: str
    outgoing: str
    outgoing_ms: int
    outgoing_note: str
    prev_hash: str
    hash: str
    state: str = "offered"  # offered, taken, withdrawn
    incoming: str | None = None
    incoming_ms: int | None = None
    incoming_note: str = ""
    taken_hash: str = ""
    seq: int = 1


@dataclass(slots=True)
class HandOversState:
    offered: list[HandOver] = field(default_factory=list)
    last_hash: dict[str, str] = field(default_factory=dict)  # by site: of the last one taken


def hash_of(*parts: object) -> str:
    """SHA-256 over the parts, each with its length before it (hex)."""
    texts = [str(part) for part in parts]
    return sha256("".join(f"{len(text)}:{text}" for text in texts).encode("utf-8", "surrogatepass")).hexdigest()


def is_sound(handover: HandOver) -> bool:
    """Whether the hashes fit what is in it."""
    h = handover
    if h.hash != hash_of(h.prev_hash, h.site_id, h.content, h.outgoing, h.outgoing_ms, h.outgoing_note):
        return False
    return h.state != "taken" or h.taken_hash == hash_of(h.hash, h.incoming, h.incoming_ms, h.incoming_note)


class HandOvers:
    """The section: at most one hand-over of a site waits to be taken."""

    name = "handovers"
    follows_alarms = False
    requests: tuple[type, ...] = (OfferHandOver, TakeOver, WithdrawHandOver)
    state_type = HandOversState

    def __init__(self) -> None:
        self._offered: dict[str, HandOver] = {}
        self._last_hash: dict[str, str] = {}

    def due_ms(self) -> int | None:
        return None

    def due(self, at_ms: int) -> Products:
        return Products()

    def request(self, request: Any, at_ms: int) -> Products:
        match request:
            case OfferHandOver():
                return self._offer(request, at_ms)
            case TakeOver():
                return self._take(request, at_ms)
        found = self._waiting(request.handover_id)
        if request.who != found.outgoing:
            raise IllegalTransition("only who offered a hand-over withdraws it")
        withdrawn = replace(found, state="withdrawn", incoming_note=request.note, seq=found.seq + 1)
        del self._offered[found.id]
        return Products(facts=[_fact(withdrawn, at_ms, request.who)])

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    def standing(self) -> Iterable[Fact]:
        return [_fact(handover, handover.outgoing_ms, None) for handover in self._offered.values()]

    def dump(self) -> HandOversState:
        return HandOversState(list(self._offered.values()), dict(self._last_hash))

    def load(self, state: HandOversState) -> None:
        self._offered = {handover.id: handover for handover in state.offered}
        self._last_hash = dict(state.last_hash)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _offer(self, request: OfferHandOver, at_ms: int) -> Products:
        handover_id = derived_id("handover", request.site_id, request.who, request.key)
        if handover_id in self._offered:
            return Products(facts=[_fact(self._offered[handover_id], at_ms, None)])
        if len(request.content) > MOST_CONTENT:
            raise IllegalTransition(f"a hand-over has at most {MOST_CONTENT} characters; this has {len(request.content)}")
        waiting = [handover for handover in self._offered.values() if handover.site_id == request.site_id]
        if waiting:
            raise IllegalTransition(f"hand-over {waiting[0].id} of site {request.site_id} waits to be taken; it can be withdrawn")
        prev_hash = self._last_hash.get(request.site_id, "")
        made = HandOver(
            id=handover_id,
            site_id=request.site_id,
            content=request.content,
            outgoing=request.who,
            outgoing_ms=at_ms,
            outgoing_note=request.note,
            prev_hash=prev_hash,
            hash=hash_of(prev_hash, request.site_id, request.content, request.who, at_ms, request.note),
        )
        self._offered[made.id] = made
        return Products(facts=[_fact(made, at_ms, request.who)])

    def _take(self, request: TakeOver, at_ms: int) -> Products:
        found = self._waiting(request.handover_id)
        if request.who == found.outgoing:
            raise IllegalTransition("the incoming shift signs: another person than the one who hands over")
        if request.hash != found.hash:
            raise IllegalTransition("what was signed is not what was offered: look at the hand-over again")
        taken_hash = hash_of(found.hash, request.who, at_ms, request.note)
        taken = replace(
            found,
            state="taken",
            incoming=request.who,
            incoming_ms=at_ms,
            incoming_note=request.note,
            taken_hash=taken_hash,
            seq=found.seq + 1,
        )
        del self._offered[found.id]
        self._last_hash[found.site_id] = taken_hash
        return Products(facts=[_fact(taken, at_ms, request.who)])

    def _waiting(self, handover_id: str) -> HandOver:
        found = self._offered.get(handover_id)
        if found is None:
            raise UnknownAlarm(f"no hand-over {handover_id} waits to be taken")
        return found


def _fact(handover: HandOver, at_ms: int, who: str | None) -> Fact:
    return Fact(
        kind=KIND,
        id=handover.id,
        site_id=handover.site_id,
        state=handover.state,
        changed_ms=at_ms,
        body=handover,
        subject=f"site:{handover.site_id}",
        from_ms=handover.outgoing_ms,
        who=who,
        what=handover.state,
        is_over=handover.state != "offered",
        seq=handover.seq,
    )
