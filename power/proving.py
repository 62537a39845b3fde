"""What comes back: replies, and measurements that prove an order, contradict it, or settle an old complaint.

A reply only starts the wait for the measurement; *proved* comes from readings alone (`power.proof` judges them). At the end of the
window every order that left gets its honest end: proved, opened unproved, failed, not heard, unknown.
"""

from __future__ import annotations

from dataclasses import replace

from alarms.service_alarms import ServiceClear
from power import refusals
from power.measure import Poles, read_poles, summary
from power.model import Action, Confirmation, Order, OrderState, order_number
from power.order_book import Advance, OrderBook, Unsettled, complaint_wish, subject_of
from power.order_table import OrderSignal, advance
from power.proof import DRAWS_MS, Evidence, is_newer, judge
from power.sending import first_sent_ms, left
from sites.model import Circuit


def addressed(book: OrderBook, c: Confirmation, out: Advance) -> Order | None:
    """The order that a reply speaks of: by id, and the device must be the order's; or, where the ecosystem has no ids, the open order
    on that channel. Only an order that may have left can be answered."""
    if c.order_id is not None:
        order = book.open.get(c.order_id)
        if order is None and c.order_id.startswith("#"):  # an ecosystem whose requests are numbered
            on_device = (o for o in book.open.values() if o.device_id == c.device_id)
            order = next((o for o in on_device if f"#{order_number(o.id)}" == c.order_id), None)
        if order is None:
            out.ignored.append(f"reply to order {c.order_id}, which is not open")
            return None
        if order.device_id != c.device_id or c.channel not in ("", order.channel):  # a reply with an id need not repeat the channel
            out.ignored.append(f"reply to order {c.order_id} from device {c.device_id} channel {c.channel!r}, to which it was not sent")
            return None
    else:
        on_channel = (o for o in book.open.values() if (o.device_id, o.channel) == (c.device_id, c.channel))
        order = next(on_channel, None)
        if order is None:
            out.ignored.append(f"reply of device {c.device_id} channel {c.channel!r}, where no order is open")
            return None
        wanted = "open" if order.action is Action.CUT else "closed"
        if c.reason in ("open", "closed") and c.reason != wanted:
            out.ignored.append(f"device {c.device_id} reports {c.reason}, which is not what order {order.id} ({order.action}) wants")
            return None
    if order.state is OrderState.REQUESTED and not book.watches[order.id].may_have_left:
        out.ignored.append(f"reply to order {order.id}, which was never sent")
        return None
    return order


def reply(book: OrderBook, order: Order, c: Confirmation, now_ms: int, out: Advance) -> None:
    """What the device says became of its order. It may overtake *sent*: then it tells that the order left."""
    signals = {"done": OrderSignal.DONE, "rejected": OrderSignal.REJECT, "failed": OrderSignal.FAULT}
    signal = signals.get(c.result)
    if signal is None or advance(order.state, signal) is None:
        out.ignored.append(f"reply {c.result!r} to order {order.id} in state {order.state} changes nothing")
        return
    watch = book.watches[order.id]
    if watch.baseline is None or watch.baseline.sent_ms is None:
        watch = left(book, order, now_ms)
    watch = replace(watch, retry_ms=None)
    book.watches[order.id] = watch
    sent_ms = first_sent_ms(order, now_ms)
    is_cut = order.action is Action.CUT
    if signal is OrderSignal.DONE:
        book.signal(order, signal, now_ms, out, confirmed_ms=now_ms, sent_ms=sent_ms, deadline_ms=watch.proof_ms)
    elif signal is OrderSignal.REJECT:
        book.end(order, signal, now_ms, out, refusals.rejected(c.reason), "order_rejected" if is_cut else None, sent_ms=sent_ms)
    else:
        book.end(order, signal, now_ms, out, refusals.faulted(c.reason), "power_not_proved" if is_cut else None, sent_ms=sent_ms)


def weigh(book: OrderBook, order: Order, circuit: Circuit, now_ms: int, out: Advance) -> None:
    """New readings of the order's circuit have come, within its window."""
    poles = read_poles(circuit, book.roster)
    evidence = _evidence(book, order, circuit.rated_a, poles)
    watch = book.watches[order.id]
    if evidence is Evidence.PROVED:
        _prove(book, order, poles, now_ms, out)
    elif evidence is Evidence.DRAWS:
        since_ms = now_ms if watch.draws_since_ms is None else watch.draws_since_ms
        book.watches[order.id] = replace(watch, draws_since_ms=since_ms)
        if now_ms - since_ms >= DRAWS_MS:
            _still_draws(book, order, poles, now_ms, out)
    elif evidence is not Evidence.NOTHING:
        book.watches[order.id] = replace(watch, draws_since_ms=None)


def conclude(book: OrderBook, order: Order, now_ms: int, out: Advance) -> None:
    """The proof window is over: what do the readings since *sent* say?"""
    watch = book.watches[order.id]
    poles = book.poles(order)
    circuit = book.circuit_of(order)
    is_cut = order.action is Action.CUT
    match _evidence(book, order, circuit.rated_a if circuit is not None else 0.0, poles):
        case Evidence.PROVED:
            _prove(book, order, poles, now_ms, out)
        case Evidence.DRAWS:
            since_ms = now_ms if watch.draws_since_ms is None else watch.draws_since_ms
            if now_ms - since_ms < DRAWS_MS:
                book.watches[order.id] = replace(watch, draws_since_ms=since_ms, proof_ms=since_ms + DRAWS_MS)
            else:
                _still_draws(book, order, poles, now_ms, out)
        case Evidence.POSITION_ONLY if is_cut:
            why = refusals.UNPROVED_OFF
            book.end(order, OrderSignal.FIND_UNPROVED, now_ms, out, why, "power_cannot_prove", after=summary(poles))
        case Evidence.POSITION_ONLY:
            book.end(order, OrderSignal.FIND_UNPROVED, now_ms, out, refusals.UNPROVED_ON, after=summary(poles))
            book.settle(order.circuit_id, refusals.UNPROVED_ON.text_en, out)
        case Evidence.CONTRARY:
            why = refusals.NOT_PROVED if is_cut else refusals.NOT_ENERGISED
            book.end(order, OrderSignal.FAIL, now_ms, out, why, "power_not_proved" if is_cut else None, after=summary(poles))
        case Evidence.NOTHING if not is_cut and order.state is OrderState.SENT:
            book.end(order, OrderSignal.LOSE_TRACK, now_ms, out, refusals.LOST_TRACK, "restore_unknown")
        case Evidence.NOTHING:
            why = refusals.NOT_HEARD if book.is_connected and not book.is_lagging else refusals.NOT_HEARING
            book.end(order, OrderSignal.FAIL, now_ms, out, why, "power_cannot_prove" if is_cut else "restore_unknown")


def review(book: OrderBook, unsettled: Unsettled, circuit: Circuit, out: Advance) -> None:
    """What the readings of now make of old complaints: measured dead ends all of them; a position told since ends *restore unknown*;
    contrary evidence turns *cannot be proved* into *not proved*, and flowing current makes that critical. The order stays as it ended."""
    poles = read_poles(circuit, book.roster)
    evidence = judge(Action.CUT, circuit.rated_a, unsettled.baseline, poles, claims_done=False)
    if evidence is Evidence.PROVED:
        book.settle(circuit.id, "measured dead", out)
        return
    codes = unsettled.codes
    if "restore_unknown" in codes and is_newer(poles.closed, unsettled.baseline.at_sent.closed, unsettled.baseline):
        out.wishes.append(ServiceClear(code="restore_unknown", subject=subject_of(circuit.id), note="the switch has told its position"))
        codes = tuple(code for code in codes if code != "restore_unknown")
    if evidence in (Evidence.CONTRARY, Evidence.DRAWS) and ("power_cannot_prove" in codes or "power_not_proved" in codes):
        if "power_cannot_prove" in codes:
            out.wishes.append(ServiceClear(code="power_cannot_prove", subject=subject_of(circuit.id), note="heard again, and not off"))
        out.wishes.append(complaint_wish(circuit.id, circuit, "power_not_proved", poles, "measured: not off"))
        codes = (*(code for code in codes if code not in ("power_cannot_prove", "power_not_proved")), "power_not_proved")
    if codes:
        book.unsettled[circuit.id] = replace(unsettled, codes=codes)
    else:
        del book.unsettled[circuit.id]


def _evidence(book: OrderBook, order: Order, rated_a: float, poles: Poles) -> Evidence:
    baseline = book.watches[order.id].baseline
    if baseline is None:
        return Evidence.NOTHING
    return judge(order.action, rated_a, baseline, poles, claims_done=order.state is OrderState.CONFIRMED)


def _prove(book: OrderBook, order: Order, poles: Poles, now_ms: int, out: Advance) -> None:
    why = refusals.PROVED_OFF if order.action is Action.CUT else refusals.PROVED_ON
    book.end(order, OrderSignal.PROVE, now_ms, out, why, proved_ms=now_ms, after=summary(poles))
    book.settle(order.circuit_id, why.text_en, out)


def _still_draws(book: OrderBook, order: Order, poles: Poles, now_ms: int, out: Advance) -> None:
    book.end(order, OrderSignal.FAIL, now_ms, out, refusals.STILL_DRAWS, "power_not_proved", after=summary(poles))
