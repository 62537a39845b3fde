"""The orders: made or refused, sent, confirmed, proved by measurement or not. One order, one id, derived from its cause.

How `app/core` calls it, in the order of the scan's items: `request` / `intend` make orders (the same cause gives the same order again);
`to_send` names those that want a *Sending* item in the next input; that item comes back as `sending`, which returns the command for
the courier; the courier's answers come back as `sent` or `not_sent`, the device's as `confirmation`. After readings have reached the
roster, `measured` is called for each circuit among `watched()`. Before an item and at the end of a scan `due` runs what time has brought;
`due_ms` says when it wants to be called next. `connected`, `disconnected` and `lagging` tell whether absence of readings is evidence.
After a restart, once, `resumed`. Each returns an `Advance`, whose wishes the caller takes to the book of alarms at once.

It refuses with reasons (`power.protection`), never sends, never reads a clock. Only the scan writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from alarms.classes import By
from alarms.linkage import CutWanted
from alarms.service_alarms import ServiceClear, ServiceRaise
from power import proving, refusals, sending
from power.due_times import DueTimes
from power.errors import RequestRefused, UnknownCircuit
from power.measure import Poles, measured_of, read_poles, stale_after_ms
from power.model import Action, Command, Confirmation, Order, OrderState
from power.order_book import Advance, OrderBook, OrdersState
from power.order_table import OrderSignal
from power.proof import Baseline, Evidence, judge
from power.refusals import Refusal
from power.requests import Cut, LockOut, Restore, Unlock
from power.setup import Lock, check_unlock, locked
from sites.model import Circuit, derived_id
from sites.roster import Roster

TTL_MS = 30_000  # domain.md C3: drop, do not deliver late
MOST_OPEN = 10_000  # above it new automatic cuts are refused, with an alarm; a person's never are
KEPT_MS = 48 * 3_600_000  # ended orders, so that a repeated key finds them: twice as long as the door remembers keys
RECENT_MS = 3_600_000


class Orders:
    """`roster` is read only; `has_critical(zone_id)` is `Book.has_critical`."""

    def __init__(self, roster: Roster, has_critical: Callable[[str], bool]) -> None:
        self._book = OrderBook(roster, has_critical)
        self._times = DueTimes()
        self._ran_ms = -1  # of the last `due`: not part of the state, it only spares waking twice

    # -- reading it ------------------------------------------------------------------------------------------------

    @property
    def open(self) -> Mapping[str, Order]:
        """Open orders by id, oldest first."""
        return self._book.open

    @property
    def ended(self) -> Mapping[str, Order]:
        """Orders that ended within the last 48 h."""
        return self._book.ended

    @property
    def locks(self) -> Mapping[str, Lock]:
        """Locks that are on, by their ids, oldest first."""
        return self._book.locks

    def get(self, order_id: str) -> Order | None:
        """An open order, or an ended one that is still kept."""
        return self._book.get(order_id)

    def recent(self, now_ms: int) -> Iterator[Order]:
        """Orders that are open or ended within the last hour."""
        yield from self._book.open.values()
        for order in reversed(self._book.ended.values()):
            if now_ms - order.changed_ms > RECENT_MS:
                return
            yield order

    def watched(self) -> set[str]:
        """Circuits whose readings matter now: those with an open order or an unsettled complaint. See `power.measure.watched_rows`."""
        return self._book.open_on.keys() | self._book.unsettled.keys()

    def refusal(self, action: Action, circuit: Circuit, now_ms: int, by: By = By.PERSON) -> Refusal | None:
        """Why such an order would be refused (or only simulated) now; None: it would be made. The same decision as the order's."""
        return self._book.refusal(action, circuit, by, now_ms) or self._simulation(circuit)

    def on_circuit(self, circuit_id: str) -> Order | None:
        """The open order of a circuit."""
        return self._book.on_circuit(circuit_id)

    def bar_restores(self, bars: Callable[[Circuit], Refusal | None]) -> None:
        """Restores of circuits for which this gives a reason are refused: protection trips that nobody has reset on site."""
        self._book.bars = bars

    def settle_unknown(self, circuit_id: str, note: str, now_ms: int) -> Advance:
        """A person has said how the circuit stands after a restore of unknown fate: that complaint is over."""
        out = Advance()
        self._book.settle_one(circuit_id, "restore_unknown", note, out)
        return out

    def simulate_in(self, in_test: Callable[[Circuit], str | None]) -> None:
        """Orders to circuits for which this says until when they are in proof test are made and kept, and never leave."""
        self._book.in_test = in_test

    def _simulation(self, circuit: Circuit) -> Refusal | None:
        until = self._book.in_test(circuit)
        return None if until is None else refusals.in_test(until)

    # -- making orders ---------------------------------------------------------------------------------------------

    def request(self, request: Cut | Restore, now_ms: int) -> Advance:
        """One order a circuit, refused ones too; the same person's same key gives the same orders again. Raises UnknownCircuit and
        RequestRefused for a request that is no request (nothing of it is done then)."""
        is_cut = isinstance(request, Cut)
        ids = tuple(dict.fromkeys(request.circuit_ids)) if isinstance(request, Cut) else (request.circuit_id,)
        _check(request, ids)
        strangers = [circuit_id for circuit_id in ids if circuit_id not in self._book.roster.circuits]
        if strangers:
            raise UnknownCircuit(f"no circuit {', '.join(strangers)}; nothing was ordered")
        named = {
            "cause": f"request:{request.who}:{request.key}",
            "who": request.who,
            "second": None if isinstance(request, Cut) else request.second,
            "reason": request.reason,
            "alarm_id": request.alarm_id if isinstance(request, Cut) else None,
        }
        out = Advance()
        for circuit_id in ids:
            self._make(self._book.roster.circuits[circuit_id], Action.CUT if is_cut else Action.RESTORE, By.PERSON, named, now_ms, out)
        return out

    def intend(self, wanted: CutWanted, now_ms: int) -> Advance:
        """The order that a linkage wants. Nothing new when a cut of the circuit is under way already; a stale switch or too many open
        orders refuse it with an alarm, because then only a person can help."""
        out = Advance()
        circuit = self._book.roster.circuits.get(wanted.circuit_id)
        if circuit is None:
            out.ignored.append(f"circuit {wanted.circuit_id} is no longer in the roster")
            return out
        under_way = self._book.on_circuit(circuit.id)
        if under_way is not None and under_way.action is Action.CUT:
            out.orders.append(under_way)
            return out
        named = {
            "cause": f"linkage:{wanted.linkage_id}:{wanted.alarm_id}:{wanted.alarm_seq}",
            "who": None,
            "reason": wanted.reason,
            "alarm_id": wanted.alarm_id,
        }
        self._make(circuit, Action.CUT, By.LINKAGE, named, now_ms, out)
        return out

    def of_run(self, circuit_id: str, run_id: str, round_: int, by: By, named: Mapping[str, Any], now_ms: int) -> Advance:
        """The order of a run's round for one circuit; the same run and round give the same order again. A cut that is under way already is
        taken as this one. `named`: who, reason, alarm_id."""
        out = Advance()
        circuit = self._book.roster.circuits.get(circuit_id)
        if circuit is None:
            out.ignored.append(f"circuit {circuit_id} is no longer in the roster")
            return out
        under_way = self._book.on_circuit(circuit_id)
        if under_way is not None and under_way.action is Action.CUT:
            out.orders.append(under_way)
            return out
        cause = f"run:{run_id}:{round_}"
        self._make(circuit, Action.CUT, by, {"cause": cause, **named}, now_ms, out)
        return out

    def of_morning(self, circuit_id: str, morning_id: str, who: str, second: str, reason: str, now_ms: int) -> Advance:
        """The restore of a circuit in a staged restore that two people have approved; the same one again is the same order. The circuit is
        in the roster."""
        out = Advance()
        named = {"cause": f"morning:{morning_id}", "who": who, "second": second, "reason": reason, "alarm_id": None}
        self._make(self._book.roster.circuits[circuit_id], Action.RESTORE, By.PERSON, named, now_ms, out)
        return out

    def _make(self, circuit: Circuit, action: Action, by: By, named: dict[str, Any], now_ms: int, out: Advance) -> None:
        book = self._book
        order_id = derived_id("order", circuit.site_id, circuit.id, action, named["cause"])
        known = book.get(order_id)
        if known is not None:
            out.orders.append(known)
            return
        no = book.refusal(action, circuit, by, now_ms)
        if no is None and by is not By.PERSON:
            no = self._automatic_refusal(circuit, now_ms, out)
        no = no or self._simulation(circuit)
        state = OrderState.REQUESTED if no is None else OrderState.SIMULATED if no.code == refusals.SIMULATED else OrderState.REFUSED
        order = Order(
            id=order_id,
            site_id=circuit.site_id,
            zone_id=circuit.zone_id,
            circuit_id=circuit.id,
            circuit_name=circuit.name,
            device_id=circuit.device_id,
            channel=circuit.channel,
            action=action,
            state=state,
            state_code=no.code if no else "",
            state_reason=no.text_en if no else "",
            state_reason_zh=no.text_zh if no else "",
            requested_ms=now_ms,
            expires_ms=now_ms + TTL_MS,
            changed_ms=now_ms,
            deadline_ms=now_ms + TTL_MS if no is None else None,
            before=measured_of(circuit, book.roster),
            **named,
        )
        other = book.on_circuit(circuit.id)
        if no is None and other is not None:
            book.end(other, OrderSignal.SUPERSEDE, now_ms, out, refusals.SUPERSEDED)
        book.begin(order, out)
        if no is not None and by is not By.PERSON and no.code in ("stale", "orders_full"):
            book.complain(order, "cut_refused", no.text_en, None, now_ms, out)

    def _automatic_refusal(self, circuit: Circuit, now_ms: int, out: Advance) -> Refusal | None:
        """What refuses automatic cuts alone: the bound on open orders, and a circuit that was lately measured dead."""
        if len(self._book.open) >= MOST_OPEN:
            self._book.is_full = True
            out.wishes.append(ServiceRaise(code="orders_full", subject="service", value=float(len(self._book.open))))
            return refusals.ORDERS_FULL
        poles = read_poles(circuit, self._book.roster)
        lately = Baseline(before=Poles(), at_sent=Poles(), sent_ms=now_ms - stale_after_ms(circuit, self._book.roster))
        if poles.closed is not None and judge(Action.CUT, circuit.rated_a, lately, poles, claims_done=False) is Evidence.PROVED:
            return refusals.ALREADY_OFF
        return None

    # -- sending ---------------------------------------------------------------------------------------------------

    def to_send(self, now_ms: int) -> list[str]:
        """Orders that want a *Sending* item in the next input, cuts first. None while disconnected; no retry while the inbox lags."""
        wanting = [order for order in self._book.open.values() if sending.wants_sending(self._book, order, now_ms)]
        return [order.id for order in sorted(wanting, key=lambda order: order.action is Action.RESTORE)]

    def sending(self, order_id: str, now_ms: int) -> tuple[Advance, Command | None]:
        """*Sending* is journalled: the command to publish, or None when the order may no longer leave (expired, an interlock came
        between, it ended, the connection is gone)."""
        out = Advance()
        order = self._book.open.get(order_id)
        if order is None or not sending.wants_sending(self._book, order, now_ms):
            out.ignored.append(f"order {order_id} does not want sending now")
            return out, None
        return out, sending.start(self._book, order, now_ms, out)

    def sent(self, order_id: str, attempt: int, now_ms: int) -> Advance:
        """The broker has this attempt. Ignored when a reply has overtaken it or the order has ended."""
        out = Advance()
        order = self._attempted(order_id, attempt, out)
        if order is not None:
            sending.sent(self._book, order, now_ms, out)
        return out

    def not_sent(self, order_id: str, reason: str, now_ms: int, *, attempt: int | None = None, certain: bool = True) -> Advance:
        """The courier could not publish. `certain`: it surely did not leave, and may be tried again until its expiry, also a restore.
        Otherwise a cut is sent again, and a restore becomes unknown. `attempt` None: the present one."""
        out = Advance()
        order = self._attempted(order_id, attempt, out)
        if order is not None:
            sending.not_sent(self._book, order, reason, now_ms, certain, out)
        return out

    def _attempted(self, order_id: str, attempt: int | None, out: Advance) -> Order | None:
        order = self._book.open.get(order_id)
        if order is not None and attempt in (None, order.attempts):
            return order
        out.ignored.append(f"the courier speaks of attempt {attempt} of order {order_id}, which is over")
        return None

    # -- what comes back -------------------------------------------------------------------------------------------

    def confirmation(self, confirmation: Confirmation, now_ms: int) -> Advance:
        """The device's reply. It may overtake *sent*. It proves nothing: *done* only starts the wait for the measurement."""
        out = Advance()
        order = proving.addressed(self._book, confirmation, out)
        if order is not None:
            proving.reply(self._book, order, confirmation, now_ms, out)
        return out

    def measured(self, circuit_id: str, now_ms: int) -> Advance:
        """Readings of this circuit have reached the roster: they may prove its open order, or settle an old complaint."""
        out = Advance()
        order = self._book.on_circuit(circuit_id)
        circuit = None if order is None else self._book.circuit_of(order)
        if order is not None and circuit is not None:
            proving.weigh(self._book, order, circuit, now_ms, out)
        unsettled = self._book.unsettled.get(circuit_id)
        circuit = None if unsettled is None else self._book.circuit_of(unsettled)
        if unsettled is not None and circuit is not None:
            proving.review(self._book, unsettled, circuit, out)
        return out

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        """When the scan must wake next, to call `due` and then ask `to_send`; None: never, as things stand. After `due(t)` it is later
        than t."""
        self._times.touch(self._book.watches.touched, self._moment)
        self._book.watches.touched.clear()
        return self._times.next_ms(self._moment)

    def _moment(self, order_id: str) -> int | None:
        """When this order wants to be looked at: its expiry, the end of its proof, its next sending unless that was asked for already."""
        order = self._book.open.get(order_id)
        if order is None:
            return None
        watch, moments = self._book.watches[order_id], []
        if order.state in (OrderState.REQUESTED, OrderState.SENDING):
            moments.append(order.expires_ms)
        elif watch.proof_ms is not None:
            moments.append(watch.proof_ms)
        send_ms = sending.next_sending_ms(self._book, order)
        if send_ms is not None and send_ms > self._ran_ms:
            moments.append(send_ms)
        return min(moments, default=None)

    def due(self, now_ms: int) -> Advance:
        """Everything that time has brought by now: expiries, ended waits for replies and proofs; forgets what is long over."""
        out = Advance()
        self.due_ms()
        self._ran_ms = max(self._ran_ms, now_ms)
        ripe = self._times.take(now_ms)
        self._book.watches.touched |= ripe
        for order in [order for order in self._book.open.values() if order.id in ripe]:
            watch = self._book.watches[order.id]
            if order.state in (OrderState.REQUESTED, OrderState.SENDING):
                if now_ms >= order.expires_ms:
                    sending.overdue(self._book, order, now_ms, out)
            elif watch.proof_ms is not None and now_ms >= watch.proof_ms:
                if sending.wants_sending(self._book, order, now_ms):
                    # it goes out once more and has its window again; were it not sent, its expiry is the end of the wait
                    self._book.watches[order.id] = replace(watch, proof_ms=order.expires_ms)
                else:
                    proving.conclude(self._book, order, now_ms, out)
            elif watch.retry_ms is not None and (watch.sends >= sending.SENDS_MOST or now_ms >= order.expires_ms):
                self._book.watches[order.id] = replace(watch, retry_ms=None)
        self._forget(now_ms, out)
        return out

    def _forget(self, now_ms: int, out: Advance) -> None:
        for order_id, order in list(self._book.ended.items()):
            if now_ms - order.changed_ms <= KEPT_MS:
                break
            del self._book.ended[order_id]
        for unsettled in list(self._book.unsettled.values()):
            if self._book.circuit_of(unsettled) is None:
                self._book.settle(unsettled.circuit_id, "the circuit was removed or mapped to another switch", out)
        if self._book.is_full and len(self._book.open) < MOST_OPEN * 9 // 10:
            self._book.is_full = False
            out.wishes.append(ServiceClear(code="orders_full", subject="service"))

    # -- hearing, restarts, locks ----------------------------------------------------------------------------------

    def connected(self) -> None:
        """Readings and replies can come and commands can leave: absence is evidence again."""
        self._book.is_connected = True
        self._book.watches.touch_all()

    def disconnected(self) -> None:
        """The broker is out of reach, for readings or for commands: nothing is sent, and hearing nothing is no evidence."""
        self._book.is_connected = False
        self._book.watches.touch_all()

    def lagging(self, is_lagging: bool) -> None:
        """The inbox lags behind what has arrived (or no longer): no retries meanwhile."""
        self._book.is_lagging = is_lagging
        self._book.watches.touch_all()

    def resumed(self, now_ms: int) -> Advance:
        """After a restart, once, before anything else: what was found in `sending` has an uncertain fate; waits for a proof start again,
        because nothing was heard while the service was down. Not connected until `connected` says so."""
        out = Advance()
        self._book.is_connected = self._book.is_lagging = False
        self._book.watches.touch_all()
        for order in list(self._book.open.values()):
            watch = self._book.watches[order.id]
            if order.state is OrderState.SENDING:
                sending.uncertain(self._book, order, now_ms, out)
            elif watch.proof_ms is not None and order.state in (OrderState.SENT, OrderState.CONFIRMED):
                proof_ms = max(watch.proof_ms, now_ms + self._book.window_ms(order))
                self._book.watches[order.id] = replace(watch, proof_ms=proof_ms)
        return out

    def lock_out(self, request: LockOut, now_ms: int) -> Lock:
        """Put a lock on a circuit. Raises UnknownCircuit, RequestRefused."""
        if request.circuit_id not in self._book.roster.circuits:
            raise UnknownCircuit(f"no circuit {request.circuit_id}; nothing was locked")
        order = self._book.on_circuit(request.circuit_id)
        if order is not None and order.action is Action.RESTORE and order.state is not OrderState.REQUESTED:
            raise RequestRefused(f"a restore of circuit {request.circuit_id} has left (order {order.id}): wait until it ends, then lock")
        site_id = self._book.roster.circuits[request.circuit_id].site_id
        lock = locked(request, self._book.locks_on(request.circuit_id), now_ms, site_id)
        self._book.locks[lock.id] = lock
        return lock

    def unlock(self, request: Unlock) -> Lock:
        """Take a lock off; it is answered. Raises RequestRefused."""
        lock = check_unlock(request, self._book.locks_on(request.circuit_id))
        return self._book.locks.pop(lock.id)

    # -- keeping it ------------------------------------------------------------------------------------------------

    def dump(self) -> OrdersState:
        return self._book.dump()

    def load(self, state: OrdersState) -> None:
        """Replace everything by a dumped state."""
        self._book.load(state)
        self._times.clear()


def _check(request: Cut | Restore, circuit_ids: tuple[str, ...]) -> None:
    """Raises RequestRefused when this is no request that anybody could carry out."""
    if not request.key.strip():
        raise RequestRefused("an order needs an idempotency key, so that a repeated click is the same order")
    if not request.who.strip():
        raise RequestRefused("an order needs the person who asks for it")
    if isinstance(request, Cut):
        if not circuit_ids:
            raise RequestRefused("no circuit was named; give at least one")
        return
    if not request.second.strip() or request.second == request.who:
        raise RequestRefused("a restore needs a second person with the right, other than the one who asks")
    if not request.reason.strip():
        raise RequestRefused("a restore needs a reason")
