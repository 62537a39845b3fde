"""The life of an order as a table: state x signal -> next state. A blank cell means that the signal is ignored there.

*Proved* is reached by `prove` alone, and that signal comes from measurement. A final state takes nothing any more: a late reply or
reading changes no order (it may still end the alarm that the order raised). `power.orders` sends the signals and guards them:
`send` a second time, `resend` and `watch` are for cuts only, because a restore is never sent again after an uncertain send.
"""

from __future__ import annotations

from enum import StrEnum

from power.model import FINAL, OrderState


class OrderSignal(StrEnum):
    """What happens to an order."""

    SEND = "send"  # Sending is journalled: the command leaves now
    SENT = "sent"  # the broker has it
    NOT_SENT = "not_sent"  # it surely did not leave
    RESEND = "resend"  # a cut of uncertain fate goes out once more
    WATCH = "watch"  # a cut of uncertain fate is past its expiry: only measurement can tell now
    LOSE_TRACK = "lose_track"  # a restore of uncertain fate: a person decides
    DONE = "done"  # the device replied so
    REJECT = "reject"
    FAULT = "fault"  # the device replied that it failed
    PROVE = "prove"  # measured
    FIND_UNPROVED = "find_unproved"  # in position at the deadline, and nothing measured that changed
    FAIL = "fail"  # not proved at the deadline, or it still draws
    EXPIRE = "expire"  # never sent before its expiry
    REFUSE = "refuse"  # an interlock came between, before anything was sent
    SUPERSEDE = "supersede"  # a cut takes the place of a restore that has left


_S = OrderState
_COLUMNS = (_S.REQUESTED, _S.SENDING, _S.SENT, _S.CONFIRMED)
# fmt: off
_ROWS: dict[OrderSignal, tuple[OrderState | None, ...]] = {
    # signal                    requested       sending        sent           confirmed
    OrderSignal.SEND:          (_S.SENDING,     None,          _S.SENDING,    None),
    OrderSignal.SENT:          (None,           _S.SENT,       None,          None),
    OrderSignal.NOT_SENT:      (None,           _S.REQUESTED,  None,          None),
    OrderSignal.RESEND:        (None,           _S.REQUESTED,  None,          None),
    OrderSignal.WATCH:         (_S.SENT,        _S.SENT,       None,          None),
    OrderSignal.LOSE_TRACK:    (None,           _S.UNKNOWN,    _S.UNKNOWN,    None),
    OrderSignal.DONE:          (_S.CONFIRMED,   _S.CONFIRMED,  _S.CONFIRMED,  None),
    OrderSignal.REJECT:        (_S.REJECTED,    _S.REJECTED,   _S.REJECTED,   None),
    OrderSignal.FAULT:         (_S.FAILED,      _S.FAILED,     _S.FAILED,     None),
    OrderSignal.PROVE:         (_S.PROVED,      _S.PROVED,     _S.PROVED,     _S.PROVED),
    OrderSignal.FIND_UNPROVED: (None,           None,          _S.UNPROVED,   _S.UNPROVED),
    OrderSignal.FAIL:          (_S.FAILED,      _S.FAILED,     _S.FAILED,     _S.FAILED),
    OrderSignal.EXPIRE:        (_S.EXPIRED,     None,          None,          None),
    OrderSignal.REFUSE:        (_S.REFUSED,     None,          None,          None),
    OrderSignal.SUPERSEDE:     (_S.REFUSED,     _S.UNKNOWN,    _S.UNKNOWN,    _S.UNKNOWN),
}
# fmt: on

TABLE: dict[tuple[OrderState, OrderSignal], OrderState | None] = {
    **{(state, signal): cell for signal, cells in _ROWS.items() for state, cell in zip(_COLUMNS, cells, strict=True)},
    **{(state, signal): None for state in FINAL for signal in OrderSignal},
}


def advance(state: OrderState, signal: OrderSignal) -> OrderState | None:
    """The next state, or None: this signal changes nothing there. Every pair is in the table."""
    return TABLE[state, signal]
