"""The state of all orders and the only writers of it: open and ended orders, what each waits for, old complaints, locks.

`power.sending` and `power.proving` decide what happens to an order and say so with `signal` or `end`; nothing else changes one. There
is at most one open order on a circuit. Callers outside the room use `power.orders.Orders`, which owns one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alarms.classes import By
from alarms.service_alarms import ServiceClear, ServiceRaise
from power.measure import Poles, interval_ms, read_poles, stale_after_ms, summary
from power.model import FINAL, Action, Order, OrderStep
from power.order_table import OrderSignal, advance
from power.proof import DRAWS_A, Baseline
from power.protection import Circumstances, cut_refusal, restore_refusal
from power.refusals import Refusal
from power.setup import Lock
from rules.model import Severity
from sites.model import Circuit, CircuitClass
from sites.roster import Roster

PROOF_LEAST_MS = 10_000  # domain.md C3: status off within 10 s
PROOF_INTERVALS = 2.5
ACK_MS = 5_000
ACK_RADIO_MS = 10_000  # zigbee, lora


@dataclass(slots=True)
class Advance:
    """What one call brought about. `steps` in the order in which they happened. `orders`: those a request was about, also when they
    existed before. `wishes`: service alarms to raise or clear, to be carried out in order by `Book.raise_service` and `clear_service`.
    `ignored`: replies and sendings that changed nothing, each with its reason, to be counted."""

    steps: list[OrderStep] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    wishes: list[ServiceRaise | ServiceClear] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What an open order waits for, beside its state."""

    baseline: Baseline | None = None  # from the first sending on
    may_have_left: bool = False
    sends: int = 0  # sendings that the broker has
    not_before_ms: int = 0
    retry_ms: int | None = None
    proof_ms: int | None = None
    draws_since_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """A circuit whose last order ended in a complaint: `codes` of the service alarms that stand on it. `baseline.sent_ms` is set: what
    arrives later is evidence."""

    circuit_id: str
    device_id: str
    channel: str
    order_id: str
    codes: tuple[str, ...]
    baseline: Baseline


@dataclass(slots=True)
class OrdersState:
    """What a snapshot keeps of the orders."""

    open: list[Order] = field(default_factory=list)
    ended: list[Order] = field(default_factory=list)
    watches: dict[str, Watch] = field(default_factory=dict)
    unsettled: dict[str, Unsettled] = field(default_factory=dict)
    locks: dict[str, Lock] = field(default_factory=dict)
    is_connected: bool = False
    is_lagging: bool = False
    is_full: bool = False


class Watches(dict[str, Watch]):
    """By order id. Remembers which were written, so that only their times are looked at again."""

    def __init__(self, given: Mapping[str, Watch]) -> None:
        super().__init__(given)
        self.touched: set[str] = set(given)

    def __setitem__(self, order_id: str, watch: Watch) -> None:
        super().__setitem__(order_id, watch)
        self.touched.add(order_id)

    def touch_all(self) -> None:
        self.touched = set(self)


class OrderBook:
    """`open` and `ended` map ids to orders, oldest entry first; `watches` has one entry for each open order."""

    def __init__(self, roster: Roster, has_critical: Callable[[str], bool]) -> None:
        self.roster = roster
        self.has_critical = has_critical
        self.in_test: Callable[[Circuit], str | None] = lambda _: None  # until when a proof test holds a circuit's orders back
        self.bars: Callable[[Circuit], Refusal | None] = lambda _: None  # why nothing restores this circuit from here
        self.open_on: dict[str, str] = {}  # circuit id -> its open order's id
        self.load(OrdersState())

    # -- reading it ------------------------------------------------------------------------------------------------

    def get(self, order_id: str) -> Order | None:
        """An open order, or an ended one that is still kept."""
        return self.open.get(order_id) or self.ended.get(order_id)

    def on_circuit(self, circuit_id: str) -> Order | None:
        """The open order of a circuit."""
        order_id = self.open_on.get(circuit_id)
        return None if order_id is None else self.open[order_id]

    def refusal(self, action: Action, circuit: Circuit, by: By, now_ms: int, own_id: str | None = None) -> Refusal | None:
        """Why such an order is refused now; None: it is not. `own_id`: the order asking is no obstacle to itself."""
        other = self.on_circuit(circuit.id)
        around = Circumstances(
            site=self.roster.sites.get(circuit.site_id),
            poles=read_poles(circuit, self.roster),
            stale_after_ms=stale_after_ms(circuit, self.roster),
            lock=next(iter(self.locks_on(circuit.id)), None),
            bar=self.bars(circuit) if action is Action.RESTORE else None,
            open_order=None if other is None or other.id == own_id else other,
            zone_has_critical=self.has_critical(circuit.zone_id),
            protected=self.protected_beside(circuit),
        )
        return cut_refusal(circuit, by, around, now_ms) if action is Action.CUT else restore_refusal(circuit, around, now_ms)

    def protected_beside(self, circuit: Circuit) -> Circuit | None:
        """A fire or life circuit that a command to this one would reach too: on the same channel, or where either is the whole device."""
        for other_id in self.roster.circuits_of_device.get(circuit.device_id, ()):
            other = self.roster.circuits[other_id]
            reaches = other.channel == circuit.channel or not other.channel or not circuit.channel
            if other.id != circuit.id and reaches and other.circuit_class in (CircuitClass.FIRE, CircuitClass.LIFE):
                return other
        return None

    def locks_on(self, circuit_id: str) -> list[Lock]:
        """The locks on a circuit, oldest first."""
        return [lock for lock in self.locks.values() if lock.circuit_id == circuit_id]

    def circuit_of(self, thing: Order | Unsettled) -> Circuit | None:
        """The circuit of an order or complaint; None when it was removed or mapped to another switch since: then neither may the command
        go out nor do the readings tell of it."""
        circuit = self.roster.circuits.get(thing.circuit_id)
        if circuit is None or (circuit.device_id, circuit.channel) != (thing.device_id, thing.channel):
            return None
        return circuit

    def poles(self, order: Order) -> Poles:
        """The latest readings of the order's circuit; empty when it is no longer the same."""
        circuit = self.circuit_of(order)
        return Poles() if circuit is None else read_poles(circuit, self.roster)

    def window_ms(self, order: Order) -> int:
        """How long to wait for the proof."""
        circuit = self.circuit_of(order)
        return PROOF_LEAST_MS if circuit is None else max(PROOF_LEAST_MS, int(PROOF_INTERVALS * interval_ms(circuit, self.roster)))

    def ack_ms(self, order: Order) -> int:
        """How long to wait for the reply."""
        device = self.roster.device(order.device_id)
        return ACK_RADIO_MS if device is not None and device.link in ("zigbee", "lora") else ACK_MS

    # -- writing it ------------------------------------------------------------------------------------------------

    def begin(self, order: Order, out: Advance) -> None:
        """Keep a new order, requested or refused at once."""
        self._keep(order)
        out.steps.append(OrderStep(order=order, before="", at_ms=order.requested_ms, reason=order.state_reason))
        out.orders.append(order)

    def signal(self, order: Order, signal: OrderSignal, now_ms: int, out: Advance, why: Refusal | None = None, **changes: Any) -> Order:
        """Advance an order by its table, keep it and record the step. The table must allow it: callers have asked before."""
        after = advance(order.state, signal)
        assert after is not None, f"{signal} of order {order.id} in state {order.state}"
        if after in FINAL:
            changes["deadline_ms"] = None
        changed = replace(
            order,
            state=after,
            state_code=why.code if why else "",
            state_reason=why.text_en if why else "",
            state_reason_zh=why.text_zh if why else "",
            changed_ms=now_ms,
            seq=order.seq + 1,
            **changes,
        )
        self._keep(changed)
        out.steps.append(OrderStep(order=changed, before=str(order.state), at_ms=now_ms, reason=changed.state_reason))
        return changed

    def end(
        self, order: Order, signal: OrderSignal, now_ms: int, out: Advance, why: Refusal, complaint: str | None = None, **changes: Any
    ) -> None:
        """The last signal of an order, with the service alarm that its end wishes for, if any."""
        watch = self.watches[order.id]
        self.signal(order, signal, now_ms, out, why, **changes)
        assert order.id not in self.open, f"{signal} did not end order {order.id}"
        if complaint is not None:
            self.complain(order, complaint, why.text_en, watch.baseline, now_ms, out)

    def complain(self, order: Order, code: str, note: str, baseline: Baseline | None, now_ms: int, out: Advance) -> None:
        """Wish for a service alarm on the order's circuit, and remember to settle it by later measurements."""
        poles = self.poles(order)
        if baseline is None or baseline.sent_ms is None:
            baseline = Baseline(before=poles, at_sent=poles, sent_ms=now_ms, fresh_before=False)
        present = self.unsettled.get(order.circuit_id)
        codes = (*(c for c in present.codes if c != code), code) if present else (code,)
        self.unsettled[order.circuit_id] = Unsettled(
            circuit_id=order.circuit_id,
            device_id=order.device_id,
            channel=order.channel,
            order_id=order.id,
            codes=codes,
            baseline=baseline,
        )
        out.wishes.append(complaint_wish(order.circuit_id, order, code, poles, note))

    def settle(self, circuit_id: str, note: str, out: Advance) -> None:
        """All complaints about a circuit are over."""
        unsettled = self.unsettled.pop(circuit_id, None)
        for code in unsettled.codes if unsettled else ():
            out.wishes.append(ServiceClear(code=code, subject=subject_of(circuit_id), note=note))

    def settle_one(self, circuit_id: str, code: str, note: str, out: Advance) -> None:
        """One complaint about a circuit is over; nothing when it does not stand."""
        unsettled = self.unsettled.get(circuit_id)
        if unsettled is None or code not in unsettled.codes:
            return
        out.wishes.append(ServiceClear(code=code, subject=subject_of(circuit_id), note=note))
        codes = tuple(each for each in unsettled.codes if each != code)
        if codes:
            self.unsettled[circuit_id] = replace(unsettled, codes=codes)
        else:
            del self.unsettled[circuit_id]

    def _keep(self, order: Order) -> None:
        if order.state not in FINAL:
            assert self.open_on.get(order.circuit_id, order.id) == order.id, "two open orders on one circuit"
            self.open[order.id] = order
            self.open_on[order.circuit_id] = order.id
            self.watches[order.id] = self.watches.get(order.id) or Watch()  # written also when it stays: its order has changed
            return
        if self.open.pop(order.id, None) is not None:
            del self.open_on[order.circuit_id]
            del self.watches[order.id]
        self.ended[order.id] = order

    # -- keeping it ------------------------------------------------------------------------------------------------

    def dump(self) -> OrdersState:
        return OrdersState(
            list(self.open.values()),
            list(self.ended.values()),
            dict(self.watches),
            dict(self.unsettled),
            dict(self.locks),
            self.is_connected,
            self.is_lagging,
            self.is_full,
        )

    def load(self, state: OrdersState) -> None:
        """Replace everything by a dumped state."""
        self.open = {order.id: order for order in state.open}
        self.ended = {order.id: order for order in state.ended}
        self.watches = Watches(state.watches)
        self.unsettled, self.locks = dict(state.unsettled), dict(state.locks)
        self.is_connected, self.is_lagging, self.is_full = state.is_connected, state.is_lagging, state.is_full
        self.open_on = {order.circuit_id: order.id for order in state.open}


def subject_of(circuit_id: str) -> str:
    """The subject under which a circuit's service alarms are kept."""
    return f"circuit:{circuit_id}"


def complaint_wish(circuit_id: str, place: Order | Circuit, code: str, poles: Poles, note: str) -> ServiceRaise:
    """The wish for a service alarm on a circuit. *Not proved off* is critical while more than 0.5 A flow (domain.md C3)."""
    current_a = summary(poles).current_a
    draws = code == "power_not_proved" and current_a is not None and current_a > DRAWS_A
    return ServiceRaise(
        code=code,
        subject=subject_of(circuit_id),
        severity=Severity.CRITICAL if draws else None,
        site_id=place.site_id,
        zone_id=place.zone_id,
        device_id=place.device_id,
        value=current_a,
        unit="" if current_a is None else "A",
        note=note,
    )
