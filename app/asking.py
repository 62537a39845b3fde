"""What people ask of alarms and of power, carried out by the warden: one function a room, called within a step.

Raises the rooms' own errors, whole or not at all; the warden makes them the answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alarms.errors import IllegalTransition
from alarms.requests import Withdraw
from alarms.withdrawal import withdrawal_refused
from app.stepped import Answered
from power.errors import UnknownCircuit
from power.requests import Cut, RecordTrial, Restore, SetClass, SetCommanding
from power.setup import with_class, with_commanding, with_trial
from sites.model import Circuit

if TYPE_CHECKING:
    from app.warden import Warden


def ask_alarms(warden: Warden, request: Any, at_ms: int) -> Answered:
    if isinstance(request, Withdraw) and (alarm := warden.book.open.get(request.alarm_id)) is not None:
        why = withdrawal_refused(alarm, warden.configuration.rules.get(alarm.rule_id), warden.configuration.roster)
        if why is not None:
            raise IllegalTransition(f"{why}; nothing was changed")
    transitions = warden.book.request(request, at_ms)
    warden.transact(transitions, at_ms)
    return tuple(warden.book.get(t.alarm.id) or t.alarm for t in transitions), (), ()


def ask_power(warden: Warden, request: Any, at_ms: int) -> Answered:
    outcome, roster = warden.out.outcome, warden.configuration.roster
    match request:
        case Cut() | Restore():
            advance = warden.orders.request(request, at_ms)
            warden.advance(advance, at_ms)
            return (), tuple(warden.orders.get(order.id) or order for order in advance.orders), ()
        case RecordTrial():
            outcome.circuits.append(warden.changed("circuit", with_trial(_circuit(warden, request.circuit_id), request, at_ms)))
        case SetClass():
            outcome.circuits.append(warden.changed("circuit", with_class(_circuit(warden, request.circuit_id), request)))
        case SetCommanding():
            site = roster.sites.get(request.site_id)
            if site is None:
                raise UnknownCircuit(f"no site {request.site_id}; nothing was changed")
            outcome.sites.append(warden.changed("site", with_commanding(site, request)))
    return (), (), ()


def _circuit(warden: Warden, circuit_id: str) -> Circuit:
    circuit = warden.configuration.roster.circuits.get(circuit_id)
    if circuit is None:
        raise UnknownCircuit(f"no circuit {circuit_id}; nothing was changed")
    return circuit
