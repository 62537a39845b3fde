"""What people set on circuits and sites: class, witnessed trial, lock-out / tag-out, commanding.

Each returns the changed value with the next version, or raises; keeping it is the roster's and the records'. A lock is put on and taken
off by requests, never by configuration: while it is on, every cut and every restore is refused, from every path (GB/T 33579).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from alarms.instants import iso_utc
from power.errors import RequestRefused
from power.requests import LockOut, RecordTrial, SetClass, SetCommanding, Unlock
from sites.model import Circuit, CircuitClass, Site, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock that is on."""

    circuit_id: str
    who: str
    reason: str
    at_ms: int


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


def locked(request: LockOut, present: Lock | None, now_ms: int) -> Lock:
    """The lock put on. Raises RequestRefused when another one is on or the reason is empty. Locking again by the same person is the
    same lock."""
    if present is not None:
        if present.who == request.who:
            return present
        since = iso_utc(present.at_ms)
        raise RequestRefused(f"circuit {request.circuit_id} is locked out by {present.who} since {since}; one lock at a time")
    if not request.reason.strip():
        raise RequestRefused("a lock-out needs a reason: what is being worked on")
    return Lock(circuit_id=request.circuit_id, who=request.who, reason=request.reason, at_ms=now_ms)


def check_unlock(request: Unlock, present: Lock | None) -> None:
    """Raises RequestRefused unless this person may take the lock off."""
    if present is None:
        raise RequestRefused(f"circuit {request.circuit_id} is not locked out")
    if request.who == present.who:
        return
    if not request.as_manager:
        raise RequestRefused(f"circuit {request.circuit_id} was locked out by {present.who}: only that person or a manager takes it off")
    if not request.reason.strip():
        raise RequestRefused("taking off another person's lock needs a reason")
