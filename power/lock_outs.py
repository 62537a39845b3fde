"""Lock-outs (LOTO, GB/T 33579) and vetoes: who holds which circuit, with which tag, and why. A section of the scan.

While any stands, no order of any path leaves for the circuit. The locks themselves are the orders' own, because every order asks them; here
people put them on and take them off, and every change is told as a fact. It never takes one off by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from alarms.model import Transition
from alarms.section import Products
from power.model import OrderStep
from power.orders import Orders
from power.requests import LockOut, Unlock
from power.setup import Lock
from sites.facts import Fact
from sites.roster import Roster

KIND = "lock_out"
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRecord:
    """One lock from hanging to taking off. `purpose`: `work` (LOTO) or `veto` (an operator forbids switching)."""

    id: str
    circuit_id: str
    circuit_name: str
    site_id: str
    zone_id: str
    purpose: str
    who: str
    number: str
    reason: str
    at_ms: int
    state: str = "locked"  # locked, unlocked
    off_by: str | None = None
    off_ms: int | None = None
    off_reason: str = ""
    seq: int = 1


@dataclass(slots=True)
class LockOutsState:
    """`last_ms`: when a circuit was last locked or still was, by circuit id."""

    last_ms: dict[str, int] = field(default_factory=dict)


class LockOuts:
    """`orders` keeps the locks; `roster` is read only."""

    name = "lock_outs"
    follows_alarms = False
    requests: tuple[type, ...] = (LockOut, Unlock)
    state_type = LockOutsState

    def __init__(self, orders: Orders, roster: Roster) -> None:
        self._orders, self._roster = orders, roster
        self._last_ms: dict[str, int] = {}

    def last_ms(self, circuit_id: str) -> int | None:
        """When a lock was last put on or taken off this circuit, within two days; None: not."""
        return self._last_ms.get(circuit_id)

    def due_ms(self) -> int | None:
        return None

    def due(self, at_ms: int) -> Products:
        return Products()

    def request(self, request: LockOut | Unlock, at_ms: int) -> Products:
        """Raises UnknownCircuit, RequestRefused."""
        if isinstance(request, LockOut):
            lock = self._orders.lock_out(request, at_ms)
            what = "veto" if lock.purpose == "veto" else "lock_out"
            fact = self._fact(self._record(lock), at_ms, request.who, what)
        else:
            lock = self._orders.unlock(request)
            record = self._record(lock, state="unlocked", off_by=request.who, off_ms=at_ms, off_reason=request.reason, seq=2)
            fact = self._fact(record, at_ms, request.who, "unlock")
        self._last_ms = {each: ms for each, ms in self._last_ms.items() if at_ms - ms < 2 * _DAY_MS} | {lock.circuit_id: at_ms}
        return Products(facts=[fact])

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def follow_order(self, step: OrderStep, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    def standing(self) -> Iterable[Fact]:
        return [self._fact(self._record(lock), lock.at_ms, None, "") for lock in self._orders.locks.values()]

    def dump(self) -> LockOutsState:
        return LockOutsState(dict(self._last_ms))

    def load(self, state: LockOutsState) -> None:
        """Replace everything by a dumped state."""
        self._last_ms = dict(state.last_ms)

    def _record(self, lock: Lock, **changed: Any) -> LockRecord:
        circuit = self._roster.circuits.get(lock.circuit_id)
        given: dict[str, Any] = {
            "id": lock.id,
            "circuit_id": lock.circuit_id,
            "circuit_name": circuit.name if circuit else lock.circuit_id,
            "site_id": circuit.site_id if circuit else lock.site_id,
            "zone_id": circuit.zone_id if circuit else "",
            "purpose": lock.purpose,
            "who": lock.who,
            "number": lock.number,
            "reason": lock.reason,
            "at_ms": lock.at_ms,
        }
        return LockRecord(**(given | changed))

    def _fact(self, record: LockRecord, at_ms: int, who: str | None, what: str) -> Fact:
        return Fact(
            kind=KIND,
            id=record.id,
            site_id=record.site_id,
            state=record.state,
            changed_ms=at_ms,
            body=record,
            subject=f"circuit:{record.circuit_id}",
            from_ms=record.at_ms,
            until_ms=record.off_ms,
            who=who,
            what=what,
            is_over=record.state == "unlocked",
            seq=record.seq,
        )
