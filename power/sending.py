"""How an order leaves: journalled as *Sending*, published, sent again or never again.

A cut of uncertain fate is delivered at least once until its expiry (same id, absolute state, harmless twice); a restore of uncertain
fate is never sent again. Interlocks are asked once more right before an order leaves. It publishes nothing itself.
"""

from __future__ import annotations

from dataclasses import replace

from alarms.classes import By
from power import refusals
from power.measure import read_poles, stale_after_ms, summary
from power.model import Action, Command, Order, OrderState
from power.order_book import Advance, OrderBook, Watch
from power.order_table import OrderSignal, advance
from power.proof import Baseline
from power.refusals import Refusal

SENDS_MOST = 3  # one and two retries (domain.md C3)
BACKOFF_MS = 1_000  # after it could not be sent


def wants_sending(book: OrderBook, order: Order, now_ms: int) -> bool:
    """Whether the order should leave now, the first time or again."""
    send_ms = next_sending_ms(book, order)
    return send_ms is not None and send_ms <= now_ms < order.expires_ms


def may_retry(book: OrderBook, order: Order) -> bool:
    """Whether a cut without a reply may go out again; never while the inbox lags: the reply may be waiting there."""
    watch = book.watches[order.id]
    return order.state is OrderState.SENT and watch.retry_ms is not None and watch.sends < SENDS_MOST and not book.is_lagging


def next_sending_ms(book: OrderBook, order: Order) -> int | None:
    """When the order will want to leave, as things stand; None: not by itself."""
    watch = book.watches[order.id]
    if not book.is_connected:
        return None
    if order.state is OrderState.REQUESTED:
        return watch.not_before_ms
    return watch.retry_ms if may_retry(book, order) else None


def start(book: OrderBook, order: Order, now_ms: int, out: Advance) -> Command | None:
    """*Sending* is journalled: the command to publish, or None when an interlock has come between."""
    circuit = book.circuit_of(order)
    if circuit is None:
        _stop(book, order, refusals.CIRCUIT_GONE, now_ms, out)
        return None
    by = By.PERSON if order.who is not None else By.PLAN if order.cause.startswith("run:") else By.LINKAGE
    no = book.refusal(order.action, circuit, by, now_ms, own_id=order.id)
    if no is not None:
        _stop(book, order, no, now_ms, out)
        return None
    watch = book.watches[order.id]
    assert order.action is Action.CUT or not watch.may_have_left, "a restore is never sent again after an uncertain send"
    if watch.baseline is None:
        before = read_poles(circuit, book.roster)
        oldest_ms = now_ms - stale_after_ms(circuit, book.roster)
        is_fresh = all(s.arrived_ms >= oldest_ms for s in before.currents if s is not None)
        watch = replace(watch, baseline=Baseline(before=before, at_sent=before, fresh_before=is_fresh))
        order = replace(order, before=summary(before))
    book.watches[order.id] = replace(watch, retry_ms=None)
    why = refusals.RETRY if order.attempts else None
    order = book.signal(order, OrderSignal.SEND, now_ms, out, why, attempts=order.attempts + 1, deadline_ms=order.expires_ms)
    return Command(
        order_id=order.id,
        attempt=order.attempts,
        site_id=order.site_id,
        device_id=order.device_id,
        channel=order.channel,
        action=order.action,
        issued_ms=now_ms,
        expires_ms=order.expires_ms,
    )


def sent(book: OrderBook, order: Order, now_ms: int, out: Advance) -> None:
    """The broker has the present attempt. Nothing when a reply has overtaken it."""
    if advance(order.state, OrderSignal.SENT) is None:
        out.ignored.append(f"sent of order {order.id} came in state {order.state}")
        return
    watch = left(book, order, now_ms)
    ack_ms = book.ack_ms(order)
    retry_ms = now_ms + ack_ms if order.action is Action.CUT else None
    book.watches[order.id] = replace(watch, sends=watch.sends + 1, retry_ms=retry_ms)
    book.signal(order, OrderSignal.SENT, now_ms, out, sent_ms=first_sent_ms(order, now_ms), deadline_ms=now_ms + ack_ms)


def not_sent(book: OrderBook, order: Order, reason: str, now_ms: int, certain: bool, out: Advance) -> None:
    """The courier could not publish it, certainly or perhaps."""
    if order.state is not OrderState.SENDING:
        out.ignored.append(f"not sent of order {order.id} came in state {order.state}")
        return
    book.watches[order.id] = replace(book.watches[order.id], not_before_ms=now_ms + BACKOFF_MS)
    if certain:
        book.signal(order, OrderSignal.NOT_SENT, now_ms, out, refusals.not_sent(reason), deadline_ms=order.expires_ms)
    else:
        uncertain(book, order, now_ms, out)


def uncertain(book: OrderBook, order: Order, now_ms: int, out: Advance) -> None:
    """Nobody knows whether it left: a cut goes out again while it is valid and is watched afterwards, a restore is lost track of."""
    if order.action is Action.RESTORE:
        book.end(order, OrderSignal.LOSE_TRACK, now_ms, out, refusals.LOST_TRACK, "restore_unknown")
    elif now_ms < order.expires_ms:
        book.watches[order.id] = replace(book.watches[order.id], may_have_left=True)
        book.signal(order, OrderSignal.RESEND, now_ms, out, refusals.SEND_AGAIN, deadline_ms=order.expires_ms)
    else:
        _watch_only(book, order, now_ms, out)


def overdue(book: OrderBook, order: Order, now_ms: int, out: Advance) -> None:
    """Past its expiry before *sent* was known."""
    if order.state is OrderState.SENDING or book.watches[order.id].may_have_left:
        uncertain(book, order, now_ms, out)
        return
    book.end(order, OrderSignal.EXPIRE, now_ms, out, refusals.EXPIRED, "order_expired" if order.action is Action.CUT else None)


def left(book: OrderBook, order: Order, now_ms: int) -> Watch:
    """The order's watch once it is known, or must be taken, to have left: from the first time on, later readings count."""
    watch = book.watches[order.id]
    poles = book.poles(order)
    baseline = watch.baseline or Baseline(before=poles, at_sent=poles, fresh_before=False)
    if baseline.sent_ms is None:
        baseline = replace(baseline, at_sent=poles, sent_ms=now_ms)
    return replace(watch, baseline=baseline, may_have_left=True, proof_ms=now_ms + book.window_ms(order))


def first_sent_ms(order: Order, now_ms: int) -> int:
    """When it first left."""
    return now_ms if order.sent_ms is None else order.sent_ms


def _watch_only(book: OrderBook, order: Order, now_ms: int, out: Advance) -> None:
    watch = replace(left(book, order, now_ms), retry_ms=None)
    book.watches[order.id] = watch
    changes = {"sent_ms": first_sent_ms(order, now_ms), "deadline_ms": watch.proof_ms}
    book.signal(order, OrderSignal.WATCH, now_ms, out, refusals.SENT_UNSURE, **changes)


def _stop(book: OrderBook, order: Order, no: Refusal, now_ms: int, out: Advance) -> None:
    """An interlock came between. What never left is refused; a cut that may have left is only watched from here on."""
    if not book.watches[order.id].may_have_left:
        book.end(order, OrderSignal.REFUSE, now_ms, out, no, "cut_refused" if order.who is None else None)
    elif order.state is OrderState.SENT:
        book.watches[order.id] = replace(book.watches[order.id], retry_ms=None)
        out.ignored.append(f"order {order.id} is not sent again: {no.text_en}")
    else:
        _watch_only(book, order, now_ms, out)
