"""How each circuit came to be open: by an order and whose, by hand, or by which protection trip; when it was last proved off. A section.

It hears position and trip readings as they come, so that a trip of one second is not missed: after one, nothing restores the circuit from
here until a person has recorded the reset on site (domain.md C4). It also keeps what a person decided about a restore of unknown fate. It
orders nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from alarms.instants import iso_utc
from alarms.model import Transition
from alarms.section import Products
from power.errors import RequestRefused, UnknownCircuit, UnknownOrder
from power.model import Action, Order, OrderState, OrderStep
from power.orders import Orders
from power.refusals import Refusal, refusal
from power.requests import DecideOrder, LocalReset
from sites.facts import Fact
from sites.model import Circuit
from sites.readings import RETAINED, Readings
from sites.roster import Roster

KIND = "switching"
# metric -> cause of being open (domain.md C5)
TRIPS = {
    "trip": "trip",
    "trip_overcurrent": "trip_overcurrent",
    "trip_short": "trip_short",
    "trip_leakage": "trip_leakage",
    "trip_overvoltage": "trip_overvoltage",
    "trip_undervoltage": "trip_undervoltage",
    "trip_temp": "trip_temp",
}
_BY_ORDER_MS = 60_000  # an opening this long after a cut has left is still that cut's
_TRIP_NEAR_MS = 10_000  # a trip told this long after the opening explains it


@dataclass(frozen=True, slots=True, kw_only=True)
class Switching:
    """One circuit. `off_cause`: remote, schedule, rule, manual, power_loss, unknown, or a trip; "" while it is closed. `trip` "": none
    since the last local reset. `proved_off_ms`: when it was last measured dead after an order."""

    circuit_id: str
    circuit_name: str
    site_id: str
    is_open: bool = False
    off_cause: str = ""
    off_ms: int | None = None
    off_by: str | None = None
    off_order: str | None = None
    proved_off_ms: int | None = None
    trip: str = ""
    trip_ms: int | None = None
    reset_ms: int | None = None
    reset_by: str | None = None
    reset_person: str = ""
    reset_cause: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person found where a restore's fate was unknown."""

    order_id: str
    circuit_id: str
    site_id: str
    is_live: bool
    who: str
    reason: str
    at_ms: int


@dataclass(slots=True)
class SwitchingsState:
    of: dict[str, Switching] = field(default_factory=dict)
    decided: dict[str, int] = field(default_factory=dict)  # order id -> when


class Switchings:
    """`orders` and `roster` are read only, but for the complaint that a decision settles."""

    name = "switchings"
    follows_alarms = False
    requests: tuple[type, ...] = (LocalReset, DecideOrder)
    state_type = SwitchingsState

    def __init__(self, orders: Orders, roster: Roster) -> None:
        self._orders, self._roster = orders, roster
        self._of: dict[str, Switching] = {}
        self._decided: dict[str, int] = {}
        self._watched: dict[int, list[tuple[str, str]]] | None = None  # point row -> (circuit id, "closed" or the cause of a trip)
        self._mask = np.zeros(0, np.bool_)
        self._last = np.zeros(0)
        orders.bar_restores(self.bar)

    # -- reading it ------------------------------------------------------------------------------------------------

    def of(self, circuit_id: str) -> Switching | None:
        return self._of.get(circuit_id)

    def bar(self, circuit: Circuit) -> Refusal | None:
        """Why this circuit is not restored from here: a trip that nobody has reset on site."""
        known = self._of.get(circuit.id)
        if known is None or not known.trip or known.trip_ms is None:
            return None
        return refusal(
            "trip_not_reset",
            f"its protection tripped at {iso_utc(known.trip_ms)} ({known.trip}): find the cause, reset it on site, record that",
            f"保护于 {iso_utc(known.trip_ms)} 动作跳闸（{known.trip}）：须现场查明原因、就地复位并登记后方可送电",
        )

    def tripped_since(self, circuit_id: str, since_ms: int) -> bool:
        known = self._of.get(circuit_id)
        return known is not None and known.trip_ms is not None and known.trip_ms >= since_ms

    def standing(self) -> Iterable[Fact]:
        return [_fact(each, each.off_ms or each.trip_ms or 0) for each in self._of.values() if each.is_open or each.trip]

    # -- readings --------------------------------------------------------------------------------------------------

    def hear(self, readings: Readings) -> Products:
        """Position and trips among these readings, in their order. Only changes are looked at."""
        out = Products()
        if self._watched is None or len(self._mask) < self._roster.size:
            self._look_up()
        hits = np.flatnonzero(self._mask[readings.rows])
        if not len(hits):
            return out
        rows, values = readings.rows[hits], readings.values[hits]
        if (values == self._last[rows]).all():
            return out
        self._last[rows] = values
        assert self._watched is not None
        for hit in hits.tolist():
            value, at_ms = float(readings.values[hit]), int(readings.arrived_ms[hit])
            is_old = bool(readings.flags[hit] & RETAINED)
            for circuit_id, what in self._watched[int(readings.rows[hit])]:
                circuit = self._roster.circuits.get(circuit_id)
                if circuit is None:
                    continue
                if what == "closed":
                    self._position(circuit, value != 0, at_ms, is_old, out)
                elif value >= 1:
                    self._trip(circuit, what, at_ms, out)
        return out

    def _position(self, circuit: Circuit, closed: bool, at_ms: int, is_old: bool, out: Products) -> None:
        known = self._known(circuit)
        if closed == (not known.is_open):
            return
        if closed:
            self._keep(replace(known, is_open=False, off_cause="", off_ms=None, off_by=None, off_order=None), at_ms, out)
            return
        cause, order = ("unknown", None) if is_old else self._cause(circuit, known, at_ms)
        who = order.who if order is not None else None
        order_id = order.id if order is not None else None
        self._keep(replace(known, is_open=True, off_cause=cause, off_ms=at_ms, off_by=who, off_order=order_id), at_ms, out)

    def _cause(self, circuit: Circuit, known: Switching, at_ms: int) -> tuple[str, Order | None]:
        if known.trip and known.trip_ms is not None and at_ms - known.trip_ms <= _BY_ORDER_MS:
            return known.trip, None
        order = self._orders.on_circuit(circuit.id)
        if order is None:
            order = next((o for o in self._orders.recent(at_ms) if o.circuit_id == circuit.id and o.action is Action.CUT), None)
        if order is not None and order.action is Action.CUT and order.sent_ms is not None and at_ms - order.sent_ms <= _BY_ORDER_MS:
            return cause_of(order), order
        lost = self._roster.latest(circuit.device_id, "mains_lost")
        return ("power_loss" if lost is not None and lost[0] >= 1 else "manual"), None

    def _trip(self, circuit: Circuit, what: str, at_ms: int, out: Products) -> None:
        known = self._known(circuit)
        is_named = what != "trip" or not known.trip
        explains = known.is_open and known.off_ms is not None and at_ms - known.off_ms <= _TRIP_NEAR_MS and known.off_order is None
        if known.trip and not (known.trip == "trip" and is_named):
            return
        cause = what if explains else known.off_cause
        self._keep(replace(known, trip=what, trip_ms=known.trip_ms if known.trip else at_ms, off_cause=cause), at_ms, out)

    def _look_up(self) -> None:
        """Which point rows tell of which circuits. A trip without the channel's suffix counts for each circuit of the device."""
        self._watched = {}
        for circuit in self._roster.circuits.values():
            metrics = {circuit.metric("closed"): "closed"}
            for name, cause in TRIPS.items():
                metrics |= {circuit.metric(name): cause, name: cause}
            for metric, what in metrics.items():
                row = self._roster.point_row(circuit.device_id, metric)
                if row is not None:
                    self._watched.setdefault(row, []).append((circuit.id, what))
        last = np.full(self._roster.size, np.nan)
        last[: len(self._last)] = self._last[: len(last)]
        self._last, self._mask = last, np.zeros(self._roster.size, np.bool_)
        self._mask[list(self._watched)] = True

    # -- orders, people, configuration -----------------------------------------------------------------------------

    def follow_order(self, step: OrderStep, at_ms: int) -> Products:
        out, order = Products(), step.order
        circuit = self._roster.circuits.get(order.circuit_id)
        if circuit is not None and order.action is Action.CUT and order.state is OrderState.PROVED:
            known = self._known(circuit)
            if not known.is_open or known.off_cause in ("manual", "unknown"):
                off_ms = known.off_ms if known.is_open else at_ms
                known = replace(known, is_open=True, off_cause=cause_of(order), off_by=order.who, off_order=order.id, off_ms=off_ms)
            self._keep(replace(known, proved_off_ms=at_ms), at_ms, out)
        return out

    def request(self, request: LocalReset | DecideOrder, at_ms: int) -> Products:
        """Raises UnknownCircuit, UnknownOrder, RequestRefused."""
        out = Products()
        if isinstance(request, DecideOrder):
            self._decide(request, at_ms, out)
            return out
        circuit = self._roster.circuits.get(request.circuit_id)
        if circuit is None:
            raise UnknownCircuit(f"no circuit {request.circuit_id}; nothing was recorded")
        known = self._known(circuit)
        if not known.trip:
            raise RequestRefused(f"circuit {circuit.name} has not tripped since its last reset: there is nothing to reset")
        if not request.cause.strip():
            raise RequestRefused("a local reset needs the cause that was found")
        latest = [self._roster.latest(circuit.device_id, each) for name in TRIPS for each in (name, circuit.metric(name))]
        if any(each is not None and each[0] >= 1 for each in latest):
            raise RequestRefused(f"the breaker of {circuit.name} still reports its trip: reset it on site first")
        reset = replace(
            known, trip="", reset_ms=at_ms, reset_by=request.who, reset_person=request.person or request.who, reset_cause=request.cause
        )
        self._keep(reset, at_ms, out, request.who, "local_reset")
        return out

    def _decide(self, request: DecideOrder, at_ms: int, out: Products) -> None:
        order = self._orders.get(request.order_id)
        if order is None:
            raise UnknownOrder(f"no order {request.order_id}, or it ended more than two days ago")
        if order.state is not OrderState.UNKNOWN:
            raise RequestRefused(f"the order {order.id} is {order.state}: only one of unknown fate is decided")
        if order.id in self._decided:
            raise RequestRefused(f"the order {order.id} was decided already")
        if not request.reason.strip():
            raise RequestRefused("a decision needs what was seen on site")
        self._decided[order.id] = at_ms
        made = Decision(
            order_id=order.id,
            circuit_id=order.circuit_id,
            site_id=order.site_id,
            is_live=request.is_live,
            who=request.who,
            reason=request.reason,
            at_ms=at_ms,
        )
        out.facts.append(
            Fact(
                kind="order_decision",
                id=order.id,
                site_id=order.site_id,
                state="live" if request.is_live else "dead",
                changed_ms=at_ms,
                body=made,
                subject=f"circuit:{order.circuit_id}",
                who=request.who,
                what="decide_order",
                is_over=True,
            )
        )
        out.advances.append(self._orders.settle_unknown(order.circuit_id, request.reason, at_ms))

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        if kind in ("circuit", "device"):
            self._watched = None
        if kind == "circuit" and thing_id in self._of and thing_id not in self._roster.circuits:
            known = self._of.pop(thing_id)
            return Products(facts=[_fact(replace(known, is_open=False, trip="", seq=known.seq + 1), at_ms)])
        return Products()

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    def due_ms(self) -> int | None:
        return None

    def due(self, at_ms: int) -> Products:
        return Products()

    # -- the one writer --------------------------------------------------------------------------------------------

    def _known(self, circuit: Circuit) -> Switching:
        known = self._of.get(circuit.id)
        return known or Switching(circuit_id=circuit.id, circuit_name=circuit.name, site_id=circuit.site_id)

    def _keep(self, changed: Switching, at_ms: int, out: Products, who: str | None = None, what: str = "") -> None:
        changed = replace(changed, seq=changed.seq + 1)
        self._of[changed.circuit_id] = changed
        out.facts.append(_fact(changed, at_ms, who, what))

    def dump(self) -> SwitchingsState:
        return SwitchingsState(dict(self._of), dict(self._decided))

    def load(self, state: SwitchingsState) -> None:
        """Replace everything by a dumped state."""
        self._of, self._decided = dict(state.of), dict(state.decided)
        self._watched = None


def cause_of(order: Order) -> str:
    """The cause of being open that a cut leaves behind."""
    if order.cause.startswith("linkage:"):
        return "rule"
    return "schedule" if order.cause.startswith("run:") and order.who is None else "remote"


def _fact(each: Switching, at_ms: int, who: str | None = None, what: str = "") -> Fact:
    return Fact(
        kind=KIND,
        id=each.circuit_id,
        site_id=each.site_id,
        state="tripped" if each.trip else "open" if each.is_open else "closed",
        changed_ms=at_ms,
        body=each,
        subject=f"circuit:{each.circuit_id}",
        from_ms=each.off_ms or 0,
        who=who,
        what=what,
        is_over=not each.is_open and not each.trip,
        seq=each.seq,
    )
