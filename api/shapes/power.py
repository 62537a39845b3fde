"""Circuits as seen now, orders and the preview of a cut over HTTP, and what may be asked of circuits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.asks import Ask, IdText, NameText, ReasonText
from api.shapes.people import Person
from api.shapes.times import Instant, finite, iso, iso_or_none
from power.model import FINAL, Measured, Order, OrderStep
from power.refusals import Refusal
from power.switchings import Switching
from sites.model import Circuit

ActionName = Literal["cut", "restore"]
OrderStateName = Literal[
    "requested",
    "sending",
    "sent",
    "confirmed",
    "proved",
    "unproved",
    "rejected",
    "failed",
    "expired",
    "refused",
    "unknown",
    "simulated",
]
ClassName = Literal["fire", "life", "permit_24h", "night_off", "use", "manual", "unclassified"]


class MeasuredShape(TypedDict):
    closed: bool | None
    current_a: float | None
    voltage_v: float | None
    power_w: float | None
    heard_at: Instant | None


class OrderShape(TypedDict):
    """`simulated` and `unproved` are final but never green."""

    id: str
    site_id: str
    zone_id: str
    circuit_id: str
    circuit_name: str
    device_id: str
    channel: str
    action: ActionName
    cause: str
    alarm_id: str | None
    who: Person | None
    second: Person | None
    is_automatic: bool
    reason: str
    state: OrderStateName
    state_reason: str
    state_reason_zh: str
    state_code: str
    is_final: bool
    requested_at: Instant
    expires_at: Instant
    changed_at: Instant
    sent_at: Instant | None
    confirmed_at: Instant | None
    proved_at: Instant | None
    deadline_at: Instant | None
    attempts: int
    before: MeasuredShape
    after: MeasuredShape
    seq: int


class OrderStepShape(TypedDict):
    seq: int
    state: OrderStateName
    before: str
    at: Instant
    reason: str


class OrderDetail(OrderShape):
    steps: list[OrderStepShape]
    records_available: bool


class OrderPage(TypedDict):
    items: list[OrderShape]
    next_cursor: str | None


class OrdersAnswer(TypedDict):
    """One order a circuit: refused ones too, each with its reason. `recorded`: the records have them."""

    items: list[OrderShape]
    recorded: bool


class TrialShape(TypedDict):
    at: Instant
    first_name: str
    second_name: str


class CircuitSeen(TypedDict):
    """A circuit with what it draws now and why a cut would be refused (null: it would not)."""

    id: str
    site_id: str
    zone_id: str
    name: str
    device_id: str
    channel: str
    circuit_class: ClassName
    tenant: str
    panel: str
    rated_a: float
    poles: list[str]
    permit_until: Instant | None
    is_motor: bool
    trial: TrialShape | None
    measured: MeasuredShape
    cut_refusal: str | None
    cut_refusal_zh: str | None
    cut_refusal_code: str | None
    open_order: OrderShape | None
    version: int


class SwitchingShape(TypedDict):
    """`off_cause`: remote, schedule, rule, manual, power_loss, unknown or a trip; "": it is closed. `trip`: since the last local reset."""

    off_cause: str
    off_at: Instant | None
    off_by: Person | None
    proved_off_at: Instant | None
    trip: str
    tripped_at: Instant | None
    reset_at: Instant | None
    reset_by: Person | None
    reset_cause: str


class CircuitDetail(CircuitSeen):
    """`normal_a`: amperes that are normal now, `normal_week_a`: at each hour of the local week from Monday 0:00; null: not learnt."""

    normal_a: float | None
    normal_week_a: list[float | None]
    switching: SwitchingShape | None


class CircuitPage(TypedDict):
    items: list[CircuitSeen]
    next_cursor: str | None


class CutPreview(TypedDict):
    """What one click would do: what goes dark, what stays on and why, and the watts that end."""

    alarm_id: str
    site_id: str
    zone_id: str
    goes_dark: list[CircuitSeen]
    stays_on: list[CircuitSeen]
    power_w: float


def measured_shape(measured: Measured) -> MeasuredShape:
    return {
        "closed": None if measured.closed is None else measured.closed != 0,
        "current_a": finite(measured.current_a),
        "voltage_v": finite(measured.voltage_v),
        "power_w": finite(measured.power_w),
        "heard_at": iso_or_none(measured.heard_ms),
    }


def order_shape(order: Order, name: Callable[[str | None], Person | None]) -> OrderShape:
    return {
        "id": order.id,
        "site_id": order.site_id,
        "zone_id": order.zone_id,
        "circuit_id": order.circuit_id,
        "circuit_name": order.circuit_name,
        "device_id": order.device_id,
        "channel": order.channel,
        "action": order.action.value,
        "cause": order.cause,
        "alarm_id": order.alarm_id,
        "who": name(order.who),
        "second": name(order.second),
        "is_automatic": order.who is None,
        "reason": order.reason,
        "state": order.state.value,
        "state_reason": order.state_reason,
        "state_reason_zh": order.state_reason_zh,
        "state_code": order.state_code,
        "is_final": order.state in FINAL,
        "requested_at": iso(order.requested_ms),
        "expires_at": iso(order.expires_ms),
        "changed_at": iso(order.changed_ms),
        "sent_at": iso_or_none(order.sent_ms),
        "confirmed_at": iso_or_none(order.confirmed_ms),
        "proved_at": iso_or_none(order.proved_ms),
        "deadline_at": iso_or_none(order.deadline_ms),
        "attempts": order.attempts,
        "before": measured_shape(order.before),
        "after": measured_shape(order.after),
        "seq": order.seq,
    }


def order_step_shape(step: OrderStep) -> OrderStepShape:
    return {
        "seq": step.order.seq,
        "state": step.order.state.value,
        "before": step.before,
        "at": iso(step.at_ms),
        "reason": step.reason,
    }


def circuit_shape(circuit: Circuit, measured: Measured, cut_refusal: Refusal | None, open_order: OrderShape | None) -> CircuitSeen:
    trial = circuit.trial
    return {
        "id": circuit.id,
        "site_id": circuit.site_id,
        "zone_id": circuit.zone_id,
        "name": circuit.name,
        "device_id": circuit.device_id,
        "channel": circuit.channel,
        "circuit_class": circuit.circuit_class.value,
        "tenant": circuit.tenant,
        "panel": circuit.panel,
        "rated_a": circuit.rated_a,
        "poles": list(circuit.poles),
        "permit_until": iso_or_none(circuit.permit_until_ms),
        "is_motor": circuit.is_motor,
        "trial": None if trial is None else {"at": iso(trial.at_ms), "first_name": trial.first_name, "second_name": trial.second_name},
        "measured": measured_shape(measured),
        "cut_refusal": cut_refusal.text_en if cut_refusal else None,
        "cut_refusal_zh": cut_refusal.text_zh if cut_refusal else None,
        "cut_refusal_code": cut_refusal.code if cut_refusal else None,
        "open_order": open_order,
        "version": circuit.version,
    }


def switching_shape(known: Switching, name: Callable[[str | None], Person | None]) -> SwitchingShape:
    return {
        "off_cause": known.off_cause,
        "off_at": iso_or_none(known.off_ms),
        "off_by": name(known.off_by),
        "proved_off_at": iso_or_none(known.proved_off_ms),
        "trip": known.trip,
        "tripped_at": iso_or_none(known.trip_ms),
        "reset_at": iso_or_none(known.reset_ms),
        "reset_by": name(known.reset_by),
        "reset_cause": known.reset_cause,
    }


# -- asks ----------------------------------------------------------------------------------------------------------------


class CutAsk(Ask):
    reason: ReasonText
    alarm_id: str | None = Field(default=None, max_length=64)


class AlarmCutAsk(Ask):
    circuit_ids: list[IdText] = Field(min_length=1, max_length=200)
    reason: ReasonText


class TrialAsk(Ask):
    """The right load went dark, and two people saw it."""

    first_name: NameText
    second_name: NameText


class ClassAsk(Ask):
    circuit_class: ClassName
    reason: ReasonText


class CommandingAsk(Ask):
    commanding: bool
    reason: ReasonText
