"""Applying scans' outcomes to the records: upserts that give the same result however often they are repeated.

The position goes into the same transaction, so nothing is applied twice or skipped. Only the projector calls `apply`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, select, update

from alarms.model import Alarm
from power.model import Order
from sites.metrics import unit_of
from sites.model import Circuit, Site
from storage import alarm_tags, facts, recipients, records_audit, records_inbox, rows, tables
from storage.database import add_missing, put
from storage.projection import Outcome

POSITION = "records"


def stored_position(connection: Connection) -> int:
    t = tables.projection
    return connection.execute(select(t.c.position).where(t.c.name == POSITION)).scalar() or 0


def store_position(connection: Connection, position: int) -> None:
    put(connection, tables.projection, [{"name": POSITION, "position": position}], newer_by="position")


def lock_position(connection: Connection) -> int:
    """The stored position, held until the end of the transaction: a second projector by mistake waits, then skips."""
    add_missing(connection, tables.projection, [{"name": POSITION, "position": 0}])
    t = tables.projection
    position: int = connection.execute(select(t.c.position).where(t.c.name == POSITION).with_for_update()).scalar_one()
    return position


def set_aside(connection: Connection, outcome: Outcome, error: str) -> None:
    """Keep an outcome that the tables do not take, as text, to be looked at."""
    row = {"position": outcome.position, "error": error[:2_000], "body": repr(outcome)[:100_000]}
    put(connection, tables.unprojected, [row])


def apply(connection: Connection, outcomes: Sequence[Outcome]) -> list[Circuit | Site]:
    """Write these outcomes, in position order, all newer than the stored position. Returns circuits and sites whose records had been
    edited meanwhile: merged, with a version that the scan must still be told."""
    _apply_alarms(connection, outcomes)
    _apply_orders(connection, outcomes)
    firings = {(each.linkage_id, each.alarm_id, each.alarm_seq): each for outcome in outcomes for each in outcome.firings}
    # what waited for its delay is told once more when that is over
    put(connection, tables.firings, [rows.FIRING.row(firing) for firing in firings.values()], newer_by="at_ms")
    records_inbox.hear(connection, [unknown for outcome in outcomes for unknown in outcome.unknown])
    facts.apply(connection, [fact for outcome in outcomes for fact in outcome.facts])
    put(connection, tables.presences, list({(h.device_id, h.at_ms): asdict(h) for outcome in outcomes for h in outcome.presences}.values()))
    _apply_points(connection, outcomes)
    merged = [
        told for outcome in outcomes for thing in _configured(outcome) if (told := _apply_configuration(connection, thing)) is not None
    ]
    _apply_audit(connection, outcomes)
    return merged


def _apply_alarms(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    transitions = [transition for outcome in outcomes for transition in outcome.transitions]
    last: dict[str, Alarm] = {}
    for transition in transitions:
        last[transition.alarm.id] = transition.alarm
    # what ended first: only then may its subject have another open one
    newest = sorted(last.values(), key=lambda alarm: alarm.ended_ms is None)
    tagged = alarm_tags.apply(connection, newest)
    written = [rows.ALARM.row(alarm) | {"tag_id": tagged[alarm.id]} for alarm in newest if alarm.id in tagged]
    put(connection, tables.alarms, written, newer_by="seq")
    add_missing(connection, tables.transitions, [rows.transition_row(transition) for transition in transitions])
    alarm_tags.follow(connection, transitions)
    notifies = [wanted for outcome in outcomes for wanted in outcome.notifies]
    add_missing(connection, tables.outbox, recipients.outbox_rows(connection, notifies, transitions))
    wants = [wanted for outcome in outcomes for wanted in outcome.hazards]
    add_missing(connection, tables.hazard_wants, [asdict(wanted) | {"hazard_id": None, "is_decided": False} for wanted in wants])


def _apply_orders(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    steps = [step for outcome in outcomes for step in outcome.order_steps]
    last: dict[str, Order] = {step.order.id: step.order for step in steps}
    put(connection, tables.orders, [rows.ORDER.row(order) for order in last.values()], newer_by="seq")
    add_missing(connection, tables.order_steps, [rows.order_step_row(step) for step in steps])


def _apply_points(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    heard: dict[tuple[str, str], int] = {}
    for outcome in outcomes:
        for point in outcome.points:
            heard.setdefault(point, outcome.now_ms)
    written = [{"device_id": d, "metric": m, "unit": unit_of(m), "first_ms": at_ms} for (d, m), at_ms in heard.items()]
    add_missing(connection, tables.points, written)


def _configured(outcome: Outcome) -> list[Circuit | Site]:
    return [*outcome.sites, *outcome.circuits]


def _apply_configuration(connection: Connection, thing: Circuit | Site) -> Circuit | Site | None:
    # the scan decides class, trial and commanding by request; everything else is edited as a record. Where both changed the same
    # version, the request's fields are put onto the edited row, under one more version.
    table, shape = (tables.circuits, rows.CIRCUIT) if isinstance(thing, Circuit) else (tables.sites, rows.SITE)
    row = connection.execute(select(table).where(table.c.id == thing.id).with_for_update()).mappings().first()
    if row is None:
        return None  # removed meanwhile: the scan is told so
    present: Any = shape.thing(row)
    if present == thing:
        return None
    merged: Any = thing
    if present.version >= thing.version:
        if isinstance(thing, Circuit):
            merged = replace(present, circuit_class=thing.circuit_class, trial=thing.trial, permit_until_ms=thing.permit_until_ms)
        else:
            merged = replace(present, commanding=thing.commanding)
        if merged == present:
            return None
        merged = replace(merged, version=present.version + 1)
    connection.execute(update(table).where(table.c.id == thing.id).values(shape.row(merged)))
    return None if merged is thing else merged


def _apply_audit(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    # what people did to alarms, orders and circuits came in as requests: its entry is written with its projection
    for outcome in outcomes:
        for transition in outcome.transitions:
            if transition.who is not None:
                alarm = transition.alarm
                after = {"seq": alarm.seq, "note": transition.note, "state": f"{alarm.condition}/{alarm.attention}"}
                records_audit.append(
                    connection,
                    at_ms=transition.at_ms,
                    who=transition.who,
                    what=transition.signal.value,
                    kind="alarm",
                    thing_id=alarm.id,
                    before={"state": transition.before},
                    after=after,
                )
        for step in outcome.order_steps:
            if step.before == "" and step.order.who is not None:
                order = step.order
                asked = {"circuit_id": order.circuit_id, "state": order.state.value, "reason": order.reason, "alarm_id": order.alarm_id}
                records_audit.append(
                    connection, at_ms=step.at_ms, who=order.who, what=order.action.value, kind="order", thing_id=order.id, after=asked
                )
        for fact in outcome.facts:
            if fact.who is not None:
                what, after = fact.what or fact.state, facts.audited(fact)
                records_audit.append(
                    connection, at_ms=fact.changed_ms, who=fact.who, what=what, kind=fact.kind, thing_id=fact.id, after=after
                )
        for thing in _configured(outcome):
            kind = "circuit" if isinstance(thing, Circuit) else "site"
            records_audit.append(connection, at_ms=outcome.now_ms, who=None, what="request", kind=kind, thing_id=thing.id, after=thing)
