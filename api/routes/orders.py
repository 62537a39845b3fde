"""Orders: what was asked of circuits, how far each came, and what was measured. Recent ones from the scan, older from the records."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.door import At, By
from api.problems import not_found
from api.routes.query import Cursor, From, Limit, To
from api.shapes.power import OrderDetail, OrderPage, OrderStateName, OrderStepShape, order_shape, order_step_shape
from power.queries import OrderQuery
from sites.records import NotFound, Unavailable

router = APIRouter(tags=["orders"])
Of = Annotated[str | None, Query(max_length=64)]


@router.get("/orders")
def orders(
    door: At,
    visitor: By,
    site: Of = None,
    circuit: Of = None,
    alarm: Of = None,
    state: OrderStateName | None = None,
    from_ms: From = None,
    to_ms: To = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> OrderPage:
    """Newest first. While the records are away: those of the last hour."""
    query = OrderQuery(site=site, circuit=circuit, alarm=alarm, state=state, from_ms=from_ms, to_ms=to_ms, cursor=cursor, limit=limit)
    recent = door.board.orders
    try:
        page = door.records.orders(query, visitor.scope)
    except Unavailable:
        if cursor is not None:
            raise
        mine = [
            o
            for o in tuple(recent.values())
            if visitor.reach.may("see", o.site_id)
            and site in (None, o.site_id)
            and circuit in (None, o.circuit_id)
            and alarm in (None, o.alarm_id)
            and state in (None, o.state)
            and (from_ms is None or o.requested_ms >= from_ms)
            and (to_ms is None or o.requested_ms < to_ms)
        ]
        mine.sort(key=lambda o: (-o.requested_ms, o.id))
        return {"items": [order_shape(o, door.person) for o in mine[:limit]], "next_cursor": None}
    items = [recent.get(o.id, o) for o in page.items]
    return {"items": [order_shape(o, door.person) for o in items], "next_cursor": page.next_cursor}


@router.get("/orders/{order_id}")
def order(order_id: str, door: At, visitor: By) -> OrderDetail:
    """The order with its steps, and what was measured before and after."""
    found = door.board.orders.get(order_id)
    steps: list[OrderStepShape] = []
    available = True
    try:
        found = found or door.records.order(order_id)
        steps = [order_step_shape(s) for s in door.records.order_steps(order_id)]
    except NotFound:
        pass
    except Unavailable:
        if found is None:
            raise
        available = False
    if found is None or not visitor.reach.may("see", found.site_id):
        raise not_found("the order", order_id)
    return {**order_shape(found, door.person), "steps": steps, "records_available": available}
