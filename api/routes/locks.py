"""Lock-outs and vetoes, local resets after a trip, and what a person found where a restore's fate is unknown. The scan decides."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api import fact_list
from api.access import roles_for
from api.door import ActingRoute, At, By, in_thread
from api.problems import forbidden, not_found
from api.routes.query import Cursor, Limit
from api.shapes.facts import FactPage
from api.shapes.power_work import DecideOrderAsk, LocalResetAsk, LockAsk, RecordedFact, UnlockAsk
from power.requests import DecideOrder, LocalReset, LockOut, Unlock
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["locks"])
Of = Annotated[str | None, Query(max_length=64)]
Over = Annotated[bool, Query(description="also those that are over, from the records, newest change first")]


@router.get("/lock-outs")
def lock_outs(
    door: At, visitor: By, site: Of = None, circuit: Of = None, over: Over = False, cursor: Cursor = None, limit: Limit = 50
) -> FactPage:
    """Locks and vetoes that are on, with who, tag and reason."""
    subject = f"circuit:{circuit}" if circuit else None
    return fact_list.page(door, visitor, "lock_out", over, cursor, limit, site, subject)


@router.post("/circuits/{circuit_id}/lock", status_code=201)
async def lock(circuit_id: str, ask: LockAsk, door: At, visitor: By) -> RecordedFact:
    """Hang a lock: while any is on, nothing switches the circuit by any path."""
    _must(door, visitor, "lock", circuit_id)
    request = LockOut(circuit_id=circuit_id, who=visitor.user.id, reason=ask.reason, number=ask.number, purpose=ask.purpose)
    return fact_list.recorded(await door.desk.ask(request), "lock_out")


@router.post("/circuits/{circuit_id}/unlock")
async def unlock(circuit_id: str, ask: UnlockAsk, door: At, visitor: By) -> RecordedFact:
    """The same person, or a manager with a reason."""
    site_id = _must(door, visitor, "lock", circuit_id)
    as_manager = visitor.reach.may("unlock_others", site_id)
    request = Unlock(circuit_id=circuit_id, who=visitor.user.id, reason=ask.reason, as_manager=as_manager, lock_id=ask.lock_id)
    return fact_list.recorded(await door.desk.ask(request), "lock_out")


@router.post("/circuits/{circuit_id}/local-reset")
async def local_reset(circuit_id: str, ask: LocalResetAsk, door: At, visitor: By) -> RecordedFact:
    """Someone has looked on site, found why the protection tripped, and reset it there."""
    _must(door, visitor, "restore", circuit_id)
    request = LocalReset(circuit_id=circuit_id, who=visitor.user.id, cause=ask.cause, person=ask.person)
    return fact_list.recorded(await door.desk.ask(request), "switching")


@router.get("/switchings")
def switchings(
    door: At, visitor: By, site: Of = None, circuit: Of = None, over: Over = False, cursor: Cursor = None, limit: Limit = 50
) -> FactPage:
    """Why circuits are open, which have tripped, and when each was last proved off."""
    subject = f"circuit:{circuit}" if circuit else None
    return fact_list.page(door, visitor, "switching", over, cursor, limit, site, subject)


@router.post("/orders/{order_id}/decide")
async def decide(order_id: str, ask: DecideOrderAsk, door: At, visitor: By) -> RecordedFact:
    """What was found on site after a restore of unknown fate: live or dead."""
    found = door.board.orders.get(order_id)
    if found is None:
        try:
            found = await in_thread(door.records.order, order_id)
        except NotFound:
            raise not_found("the order", order_id) from None
    visitor.must("restore", found.site_id, "the order", order_id)
    request = DecideOrder(order_id=order_id, who=visitor.user.id, is_live=ask.is_live, reason=ask.reason)
    return fact_list.recorded(await door.desk.ask(request), "order_decision")


def _must(door: At, visitor: By, act: str, circuit_id: str) -> str:
    """The site of a circuit where this person may do this, or 404, 403."""
    circuit = door.board.roster.circuits.get(circuit_id)
    if circuit is None or not visitor.reach.may("see", circuit.site_id):
        raise not_found("the circuit", circuit_id)
    if not visitor.reach.may(act, circuit.site_id):
        raise forbidden(act, roles_for(act))
    return circuit.site_id
