"""What a person may ask of circuits, as frozen values that enter the scan's inbox and the journal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Cut these circuits. `key` is the request's idempotency key: the same key gives the same orders."""

    key: str
    circuit_ids: tuple[str, ...]
    who: str
    reason: str
    alarm_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Restore one circuit. `second` is another user with the right, already authenticated, and not `who`."""

    key: str
    circuit_id: str
    who: str
    second: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTrial:
    """The witnessed on-site trial of a circuit: the right load went dark, two names."""

    circuit_id: str
    who: str
    first_name: str
    second_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClass:
    """Change a circuit's class; voids its trial."""

    circuit_id: str
    who: str
    circuit_class: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCommanding:
    """Switch commanding of a site on or off."""

    site_id: str
    who: str
    commanding: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOut:
    """Lock this circuit (lock-out / tag-out): `who` works on it, with the lock or tag `number`. `purpose` `veto`: an operator forbids
    switching it. Several people may each hang their own."""

    circuit_id: str
    who: str
    reason: str
    number: str = ""
    purpose: str = "work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    """Take the lock off. `as_manager`: the door has checked that `who` may do so for another; then a reason is needed. `lock_id` None:
    the person's own lock, or the only one that is on."""

    circuit_id: str
    who: str
    reason: str = ""
    as_manager: bool = False
    lock_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalReset:
    """After a protection trip: someone has looked at the circuit on site, found the cause and reset the breaker there. `person` is who
    stood there, when it is not the user who records it."""

    circuit_id: str
    who: str
    cause: str
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOrder:
    """A restore whose fate is unknown: a person has looked, and says whether the circuit is live."""

    order_id: str
    who: str
    is_live: bool
    reason: str


PowerRequest = Cut | Restore | RecordTrial | SetClass | SetCommanding | LockOut | Unlock | LocalReset | DecideOrder
