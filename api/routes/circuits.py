"""Circuits as they are now, and what may be asked of them: cut, restore with a second person, trial, class.

Whether a circuit may be cut or restored is decided by the scan: here only who asks. A change of breaker or mapping voids the trial.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request

from api import configuration
from api.access import roles_for
from api.door import ActingRoute, At, By, Door, Visitor, request_key
from api.problems import forbidden, invalid, not_found
from api.routes.query import Cursor, Limit
from api.second_person import second_person
from api.shapes.power import (
    CircuitDetail,
    CircuitPage,
    CircuitSeen,
    ClassAsk,
    CutAsk,
    OrdersAnswer,
    TrialAsk,
    circuit_shape,
    order_shape,
    switching_shape,
)
from api.shapes.power_work import RestoreBySecondAsk
from api.shapes.tree import ChangedCircuitAsk, CircuitAsk
from power.model import FINAL, Order
from power.requests import Cut, RecordTrial, Restore, SetClass
from sites.model import Circuit

router = APIRouter(route_class=ActingRoute, tags=["circuits"])
Of = Annotated[str | None, Query(max_length=64)]


def seen(door: Door, circuit: Circuit) -> CircuitSeen:
    """The circuit with what it draws, why a cut would be refused, and the order that is under way."""
    board = door.board
    running = [o for o in tuple(board.orders.values()) if o.circuit_id == circuit.id and o.state not in FINAL]
    order = order_shape(max(running, key=lambda o: o.requested_ms), door.person) if running else None
    return circuit_shape(circuit, board.measured(circuit.id), board.cut_refusal(circuit.id), order)


def orders_answer(door: Door, orders: tuple[Order, ...], recorded: bool) -> OrdersAnswer:
    return {"items": [order_shape(o, door.person) for o in orders], "recorded": recorded}


@router.get("/circuits")
def circuits(
    door: At, visitor: By, site: Of = None, zone: Of = None, q: Of = None, cursor: Cursor = None, limit: Limit = 50
) -> CircuitPage:
    page = configuration.listed(door, visitor, "circuit", cursor, limit, site_id=site, zone_id=zone, q=q)
    return {"items": [seen(door, t) for t in page.items], "next_cursor": page.next_cursor}


@router.post("/circuits", status_code=201)
def new_circuit(ask: CircuitAsk, door: At, visitor: By) -> CircuitSeen:
    """A new circuit is unclassified and without trial: nothing cuts it."""
    _mapped(door, visitor, ask, None)
    thing = Circuit(
        id=configuration.new_id(ask.id, "circuit"),
        site_id=ask.site_id,
        zone_id=ask.zone_id,
        name=ask.name,
        device_id=ask.device_id,
        channel=ask.channel,
        tenant=ask.tenant,
        panel=ask.panel,
        rated_a=ask.rated_a,
        poles=tuple(ask.poles),
        permit_until_ms=ask.permit_until,
        is_motor=bool(ask.is_motor),
    )
    return seen(door, configuration.insert(door, visitor, "circuit", thing))


@router.get("/circuits/{circuit_id}")
def circuit(circuit_id: str, door: At, visitor: By) -> CircuitDetail:
    """The circuit with its normal load, and how it came to be open."""
    thing = configuration.one(door, visitor, "circuit", circuit_id)
    now_a, week = door.board.normal_load(circuit_id)
    known = door.board.switching(circuit_id)
    switching = switching_shape(known, door.person) if known is not None else None
    return {**seen(door, thing), "normal_a": now_a, "normal_week_a": list(week), "switching": switching}


@router.put("/circuits/{circuit_id}")
def change_circuit(circuit_id: str, ask: ChangedCircuitAsk, door: At, visitor: By) -> CircuitSeen:
    configuration.same_id(ask.id, circuit_id)

    def make(present: Circuit) -> Circuit:
        _mapped(door, visitor, ask, circuit_id)
        mapping = (ask.device_id, ask.channel, tuple(ask.poles))
        is_same = mapping == (present.device_id, present.channel, present.poles)
        return replace(
            present,
            site_id=ask.site_id,
            zone_id=ask.zone_id,
            name=ask.name,
            device_id=ask.device_id,
            channel=ask.channel,
            tenant=ask.tenant,
            panel=ask.panel,
            rated_a=ask.rated_a,
            poles=tuple(ask.poles),
            permit_until_ms=ask.permit_until,
            is_motor=present.is_motor if ask.is_motor is None else ask.is_motor,
            trial=present.trial if is_same else None,
        )

    return seen(door, configuration.change(door, visitor, "circuit", circuit_id, ask.version, make))


@router.delete("/circuits/{circuit_id}", status_code=204)
def remove_circuit(circuit_id: str, door: At, visitor: By) -> None:
    configuration.remove(door, visitor, "circuit", circuit_id)


# -- requests: decided by the scan, which goes on without the records -----------------------------------------------------


@router.post("/circuits/{circuit_id}/cut", status_code=202)
async def cut(circuit_id: str, ask: CutAsk, request: Request, door: At, visitor: By) -> OrdersAnswer:
    """Order a cut. An interlock's refusal is an order in state `refused` with its reason."""
    circuit = _in_scan(door, visitor, "cut", circuit_id)
    alarm = door.board.alarms.get(ask.alarm_id) if ask.alarm_id else None
    if ask.alarm_id and (alarm is None or alarm.site_id != circuit.site_id):
        raise invalid(f"there is no open alarm {ask.alarm_id} at the circuit's site", "/alarm_id")
    answer = await door.desk.ask(
        Cut(
            key=request_key(request),
            circuit_ids=(circuit_id,),
            who=visitor.user.id,
            reason=ask.reason,
            alarm_id=ask.alarm_id,
        )
    )
    return orders_answer(door, answer.orders, answer.recorded)


@router.post("/circuits/{circuit_id}/restore", status_code=202)
async def restore(circuit_id: str, ask: RestoreBySecondAsk, request: Request, door: At, visitor: By) -> OrdersAnswer:
    """Order a restore: the dangerous half. The first person's password is fresh, and a second person with the right gives theirs."""
    circuit = _in_scan(door, visitor, "restore", circuit_id)
    visitor.must_have_proved()
    second, phone = await second_person(
        door, request, visitor, "restore", circuit.site_id, ask.second_login, ask.second_password, ask.phone
    )
    reason = f"{ask.reason} [by phone 电话确认: {phone}]" if phone else ask.reason
    answer = await door.desk.ask(
        Restore(key=request_key(request), circuit_id=circuit_id, who=visitor.user.id, second=second.id, reason=reason)
    )
    return orders_answer(door, answer.orders, answer.recorded)


@router.post("/circuits/{circuit_id}/trial")
async def trial(circuit_id: str, ask: TrialAsk, door: At, visitor: By) -> CircuitSeen:
    """Record the witnessed on-site trial, without which nothing cuts the circuit."""
    _in_scan(door, visitor, "classify", circuit_id)
    if ask.first_name.casefold() == ask.second_name.casefold():
        raise invalid("a trial is witnessed by two people, and both names are the same", "/second_name")
    await door.desk.ask(RecordTrial(circuit_id=circuit_id, who=visitor.user.id, first_name=ask.first_name, second_name=ask.second_name))
    return _after(door, circuit_id)


@router.post("/circuits/{circuit_id}/class")
async def set_class(circuit_id: str, ask: ClassAsk, door: At, visitor: By) -> CircuitSeen:
    """Say what the circuit feeds. Voids its trial."""
    _in_scan(door, visitor, "classify", circuit_id)
    visitor.must_have_proved()
    await door.desk.ask(SetClass(circuit_id=circuit_id, who=visitor.user.id, circuit_class=ask.circuit_class, reason=ask.reason))
    return _after(door, circuit_id)


def _after(door: Door, circuit_id: str) -> CircuitSeen:
    present = door.board.roster.circuits.get(circuit_id)
    if present is None:  # removed meanwhile
        raise not_found("the circuit", circuit_id)
    return seen(door, present)


def _in_scan(door: Door, visitor: Visitor, act: str, circuit_id: str) -> Circuit:
    """The circuit as the scan knows it, or 404, 403."""
    circuit = door.board.roster.circuits.get(circuit_id)
    if circuit is None or not visitor.reach.may("see", circuit.site_id):
        raise not_found("the circuit", circuit_id)
    if not visitor.reach.may(act, circuit.site_id):
        raise forbidden(act, roles_for(act))
    return circuit


def _mapped(door: Door, visitor: Visitor, ask: CircuitAsk, own_id: str | None) -> None:
    """Raises 422 unless zone and device lie in the site, and no other circuit has the channel."""
    configuration.known(door, visitor, "site", ask.site_id, "/site_id")
    configuration.site_of_zone(door, visitor, ask.zone_id, ask.site_id)
    device = configuration.known(door, visitor, "device", ask.device_id, "/device_id")
    if device.site_id != ask.site_id:
        raise invalid(f"the device {ask.device_id} is at another site", "/device_id")
    for circuit in tuple(door.board.roster.circuits.values()):
        if circuit.id != own_id and (circuit.device_id, circuit.channel) == (ask.device_id, ask.channel):
            raise invalid(f"the circuit {circuit.id} is already channel {ask.channel!r} of {ask.device_id}", "/channel")
