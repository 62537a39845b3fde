"""Kept orders and their steps: lists with filters and scope. It only reads: the projector writes.

The functions take a connection inside a transaction.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from power.model import Order, OrderState, OrderStep
from power.queries import OrderQuery
from sites.records import NotFound, Page, Scope
from storage import cursors, rows, tables

_o = tables.orders


def page(connection: Connection, query: OrderQuery, sites: Scope) -> Page[Order]:
    """Newest requested first. The span is of `requested_ms`. Raises ValueError for an unknown state, BadCursor."""
    statement = select(_o)
    if sites is not None:
        statement = statement.where(_o.c.site_id.in_(sites))
    if query.state is not None:
        statement = statement.where(_o.c.state == _state(query.state))
    for column, wanted in ((_o.c.site_id, query.site), (_o.c.circuit_id, query.circuit), (_o.c.alarm_id, query.alarm)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if query.from_ms is not None:
        statement = statement.where(_o.c.requested_ms >= query.from_ms)
    if query.to_ms is not None:
        statement = statement.where(_o.c.requested_ms < query.to_ms)
    order = [_o.c.requested_ms, _o.c.id]
    found, next_cursor = cursors.rows_of(connection, statement, order, query.cursor, query.limit, descending=True)
    return Page([rows.ORDER.thing(row) for row in found], next_cursor)


def order(connection: Connection, order_id: str) -> Order:
    """Raises NotFound."""
    row = connection.execute(select(_o).where(_o.c.id == order_id)).mappings().first()
    if row is None:
        raise NotFound(f"order {order_id} is not in the records")
    return rows.ORDER.thing(row)


def steps(connection: Connection, order_id: str) -> list[OrderStep]:
    t = tables.order_steps
    found = connection.execute(select(t).where(t.c.order_id == order_id).order_by(t.c.seq)).mappings()
    return [rows.order_step_of(row) for row in found]


def _state(wanted: str) -> str:
    try:
        return OrderState(wanted).value
    except ValueError:
        raise ValueError(f"no order state {wanted!r}; there are {', '.join(OrderState)}") from None
