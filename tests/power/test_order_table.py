"""The table of an order's life, walked whole."""

from itertools import product

import pytest

from power.model import FINAL, OrderState
from power.order_table import TABLE, OrderSignal, advance


def test_every_pair_is_in_the_table():
    assert set(TABLE) == set(product(OrderState, OrderSignal))


@pytest.mark.parametrize(("state", "signal"), list(product(OrderState, OrderSignal)))
def test_what_holds_for_every_pair(state, signal):
    after = advance(state, signal)
    if state in FINAL:
        assert after is None, "what has ended takes nothing any more"
        return
    if after is OrderState.PROVED:
        assert signal is OrderSignal.PROVE, "proved comes from measurement alone"
    if signal is OrderSignal.PROVE:
        assert after is OrderState.PROVED
    if after is OrderState.SENDING:
        assert signal is OrderSignal.SEND
    if after is OrderState.EXPIRED:
        assert state is OrderState.REQUESTED, "what may have left has not expired unsent"
    if after is OrderState.REFUSED:
        assert state is OrderState.REQUESTED
    if state is OrderState.CONFIRMED:
        assert after is None or after in FINAL, "a confirmed order is not sent again"


def test_every_open_state_can_end_and_every_signal_does_something_somewhere():
    for state in set(OrderState) - FINAL:
        assert any(advance(state, signal) in FINAL for signal in OrderSignal)
    for signal in OrderSignal:
        assert any(advance(state, signal) is not None for state in OrderState)


def test_a_reply_may_overtake_sent():
    assert advance(OrderState.SENDING, OrderSignal.DONE) is OrderState.CONFIRMED
    assert advance(OrderState.CONFIRMED, OrderSignal.SENT) is None
