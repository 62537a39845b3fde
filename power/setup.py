"""What people set on circuits and sites: class, witnessed trial, lock-out / tag-out, commanding.

Each returns the changed value with the next version, or raises; keeping it is the roster's and the records'. A lock is put on and taken
off by requests, never by configuration: while it is on, every cut and every restore is refused, from every path (GB/T 33579).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from power.errors import RequestRefused
from power.requests import LockOut, RecordTrial, SetClass, SetCommanding, Unlock
from sites.model import Circuit, CircuitClass, Site, Trial, derived_id

PURPOSES = ("work", "veto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock that is on. `number` of lock or tag; `purpose`: `work` (LOTO) or `veto`."""

    circuit_id: str
    who: str
    reason: str
    at_ms: int
    id: str = ""
    number: str = ""
    purpose: str = "work"
    site_id: str = ""


def with_trial(circuit: Circuit, request: RecordTrial, now_ms: int) -> Circuit:
    """The circuit with its witnessed trial. Raises RequestRefused unless two different people saw it, or the circuit has no class."""
    first, second = request.first_name.strip(), request.second_name.strip()
    if not first or not second or first.casefold() == second.casefold():
        raise RequestRefused("a trial needs two different names: both saw on site that the right load went dark")
    if circuit.circuit_class is CircuitClass.UNCLASSIFIED:
        raise RequestRefused(f"circuit {circuit.id} has no class yet: set its class first, because setting it voids a trial")
    return replace(circuit, trial=Trial(at_ms=now_ms, first_name=first, second_name=second), version=circuit.version + 1)


def with_class(circuit: Circuit, request: SetClass) -> Circuit:
    """The circuit with another class; that voids its trial. Raises RequestRefused for an unknown class, the same one, or no reason."""
    try:
        wanted = CircuitClass(request.circuit_class)
    except ValueError:
        known = ", ".join(CircuitClass)
        raise RequestRefused(f"{request.circuit_class!r} is no circuit class; one of {known} is") from None
    if wanted is circuit.circuit_class:
        raise RequestRefused(f"circuit {circuit.id} is of class {wanted} already")
    if not request.reason.strip():
        raise RequestRefused("a change of class needs a reason")
    return replace(circuit, circuit_class=wanted, trial=None, version=circuit.version + 1)


def edited(old: Circuit, new: Circuit) -> Circuit:
    """The edited circuit, with its trial voided when class, breaker or mapping changed: what was witnessed is no longer so. An edit never
    brings a trial: one that was made from an older row would bring back what has been voided since."""
    same = (old.circuit_class, old.device_id, old.channel, old.poles) == (new.circuit_class, new.device_id, new.channel, new.poles)
    return replace(new, trial=old.trial if same else None)


def with_commanding(site: Site, request: SetCommanding) -> Site:
    """The site with commanding switched. Raises RequestRefused when it is so already, or without a reason."""
    if site.commanding == request.commanding:
        raise RequestRefused(f"commanding of site {site.id} is {'on' if site.commanding else 'off'} already")
    if not request.reason.strip():
        raise RequestRefused("switching commanding needs a reason")
    return replace(site, commanding=request.commanding, version=site.version + 1)


def locked(request: LockOut, present: Iterable[Lock], now_ms: int, site_id: str = "") -> Lock:
    """The lock put on, beside those that are. Raises RequestRefused without a reason or for an unknown purpose. Locking again by the same
    person for the same purpose is the same lock."""
    for lock in present:
        if (lock.who, lock.purpose) == (request.who, request.purpose):
            return lock
    if request.purpose not in PURPOSES:
        raise RequestRefused(f"{request.purpose!r} is no purpose of a lock; {' and '.join(PURPOSES)} are")
    if not request.reason.strip():
        raise RequestRefused("a lock-out needs a reason: what is being worked on")
    return Lock(
        circuit_id=request.circuit_id,
        who=request.who,
        reason=request.reason,
        at_ms=now_ms,
        id=derived_id("lock_out", request.circuit_id, request.who, request.purpose, now_ms),
        number=request.number,
        purpose=request.purpose,
        site_id=site_id,
    )


def check_unlock(request: Unlock, on: Sequence[Lock]) -> Lock:
    """Which of the circuit's locks comes off. Raises RequestRefused unless this person may take it off."""
    if not on:
        raise RequestRefused(f"circuit {request.circuit_id} is not locked out")
    if request.lock_id is not None:
        meant = [lock for lock in on if lock.id == request.lock_id]
    else:
        meant = [lock for lock in on if lock.who == request.who] or list(on)
    if not meant:
        raise RequestRefused(f"circuit {request.circuit_id} has no lock {request.lock_id}; on are {', '.join(lock.id for lock in on)}")
    if len(meant) > 1:
        raise RequestRefused(
            f"circuit {request.circuit_id} has {len(meant)} such locks: say which ({', '.join(lock.id for lock in meant)})"
        )
    present = meant[0]
    if request.who == present.who:
        return present
    if not request.as_manager:
        raise RequestRefused(f"circuit {request.circuit_id} was locked out by {present.who}: only that person or a manager takes it off")
    if not request.reason.strip():
        raise RequestRefused("taking off another person's lock needs a reason")
    return present
