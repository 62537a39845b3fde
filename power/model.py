"""An order to a circuit, as frozen values, from requested to proved or not. Only `power.orders` makes new ones.

Ids derive from the cause (`site`, `circuit`, `action`, cause), so the same click, retry or restart never makes a second order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b


class Action(StrEnum):
    CUT = "cut"
    RESTORE = "restore"


class OrderState(StrEnum):
    REQUESTED = "requested"
    SENDING = "sending"  # journalled before publishing: after a crash here nobody knows whether it left
    SENT = "sent"
    CONFIRMED = "confirmed"  # the device replied done
    PROVED = "proved"  # measured
    UNPROVED = "unproved"  # position open, nothing measured that changed (opened, unproved)
    REJECTED = "rejected"  # the device refused
    FAILED = "failed"  # not proved in time, or it still draws
    EXPIRED = "expired"  # never sent before its expiry
    REFUSED = "refused"  # by an interlock, before anything was sent
    UNKNOWN = "unknown"  # a restore after an uncertain send: a person decides
    SIMULATED = "simulated"  # zone in test, or site monitor-only observation


FINAL = frozenset(
    {
        OrderState.PROVED,
        OrderState.UNPROVED,
        OrderState.REJECTED,
        OrderState.FAILED,
        OrderState.EXPIRED,
        OrderState.REFUSED,
        OrderState.UNKNOWN,
        OrderState.SIMULATED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a circuit's points last said; None where it has no such point. Arrival times tell freshness."""

    closed: float | None = None
    current_a: float | None = None  # the largest of its poles
    voltage_v: float | None = None  # the largest of its poles
    power_w: float | None = None
    heard_ms: int | None = None  # arrival of the newest reading of any of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    id: str
    site_id: str
    zone_id: str
    circuit_id: str
    circuit_name: str
    device_id: str
    channel: str
    action: Action
    cause: str  # "request:<who>:<idempotency key>", "linkage:<id>:<alarm id>:<seq>", "run:<id>"
    alarm_id: str | None
    who: str | None  # None: automatic
    reason: str
    state: OrderState
    state_reason: str = ""
    requested_ms: int
    expires_ms: int
    changed_ms: int
    attempts: int = 0
    sent_ms: int | None = None
    confirmed_ms: int | None = None
    proved_ms: int | None = None
    deadline_ms: int | None = None  # of the present wait: confirmation, retry or proof
    before: Measured = Measured()
    after: Measured = Measured()
    seq: int = 1
    state_code: str = ""  # stable code of `state_reason`: see power.protection and power.order_table
    state_reason_zh: str = ""
    second: str | None = None  # the second person of a restore


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStep:
    """One change of an order. `(order.id, order.seq)` names it."""

    order: Order
    before: str  # state before, "" when new
    at_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What the courier publishes: one order, one attempt, absolute state."""

    order_id: str
    attempt: int
    site_id: str
    device_id: str
    channel: str
    action: Action
    issued_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A device's reply to an order. `order_id` None where the ecosystem has no ids: then device, channel and position are matched."""

    device_id: str
    channel: str
    order_id: str | None
    result: str  # done, rejected, failed
    reason: str
    arrived_ms: int


def order_number(order_id: str) -> int:
    """The order's id for ecosystems whose requests are numbered: 31 bits, the same for every attempt. A reply to it is `#{number}`."""
    return int.from_bytes(blake2b(order_id.encode(), digest_size=4).digest(), "big") >> 1
