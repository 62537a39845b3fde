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
    """Lock this circuit (lock-out / tag-out): `who` works on it."""

    circuit_id: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    """Take the lock off. `as_manager`: the door has checked that `who` may do so for another; then a reason is needed."""

    circuit_id: str
    who: str
    reason: str = ""
    as_manager: bool = False


PowerRequest = Cut | Restore | RecordTrial | SetClass | SetCommanding | LockOut | Unlock
