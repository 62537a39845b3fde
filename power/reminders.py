"""What tenants and managers are told before power goes: a plan's run that is near, and 24 h permits that end. A section of the scan.

Each notice is a fact with the circuits that will go dark, and an alarm of the mildest kinds, so that whoever is to be told is told by the
policies and linkages of notifications. It orders nothing and holds nothing back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alarms.instants import iso_utc
from alarms.model import Transition
from alarms.section import Products
from alarms.service_alarms import ServiceClear, ServiceRaise
from power.model import OrderStep
from power.plans import Plan
from power.runs import Runs
from sites.facts import Fact
from sites.model import Circuit, CircuitClass, derived_id
from sites.roster import Roster

LOOK_MS = 60_000
PERMIT_AHEAD_MS = 3 * 86_400_000
KIND = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Told before a run: what it would cut as things stand then, and whom that concerns."""

    id: str
    plan_id: str
    plan_name: str
    site_id: str
    date: str
    run_ms: int
    told_ms: int
    tenants: tuple[str, ...]
    circuits: tuple[str, ...]


@dataclass(slots=True)
class RemindersState:
    """`noticed`: by plan, the run that was announced; `permits`: circuit id -> end of the permit that was reminded of."""

    noticed: dict[str, Notice] = field(default_factory=dict)
    permits: dict[str, int] = field(default_factory=dict)
    next_ms: int | None = None


class Reminders:
    """Everything given is read only."""

    name = "reminders"
    requests: tuple[type, ...] = ()
    state_type = RemindersState

    def __init__(self, roster: Roster, runs: Runs, plans: Mapping[str, Plan]) -> None:
        self._roster, self._runs, self._plans = roster, runs, plans
        self._state = RemindersState()

    def standing(self) -> Iterable[Fact]:
        return [_fact(notice, False) for notice in self._state.noticed.values()]

    def due_ms(self) -> int | None:
        return self._state.next_ms

    def due(self, at_ms: int) -> Products:
        out = Products()
        self._plans_near(at_ms, out)
        self._permits_near(at_ms, out)
        self._state.next_ms = at_ms - at_ms % LOOK_MS + LOOK_MS
        return out

    def _plans_near(self, at_ms: int, out: Products) -> None:
        for plan_id, notice in list(self._state.noticed.items()):
            night = self._runs.night(plan_id)
            if notice.run_ms <= at_ms or night is None or night.at_ms != notice.run_ms:  # it has begun, or was moved or removed
                del self._state.noticed[plan_id]
                out.facts.append(_fact(notice, True))
                out.wishes.append(ServiceClear(code="plan_notice", subject=f"plan:{plan_id}", note="the plan's minute has come, or moved"))
        for plan_id in sorted(self._plans):
            plan, night = self._plans[plan_id], self._runs.night(plan_id)
            if night is None or not plan.notice_min or plan_id in self._state.noticed:
                continue
            if night.at_ms - plan.notice_min * 60_000 <= at_ms < night.at_ms and self._runs.observes(plan) is None:
                self._tell(plan, night.date, night.at_ms, at_ms, out)

    def _tell(self, plan: Plan, date: str, run_ms: int, at_ms: int, out: Products) -> None:
        going = [circuit for _, circuit, no in self._runs.frozen(plan, at_ms) if no is None]
        notice = Notice(
            id=derived_id("notice", plan.id, date),
            plan_id=plan.id,
            plan_name=plan.name,
            site_id=plan.site_id,
            date=date,
            run_ms=run_ms,
            told_ms=at_ms,
            tenants=tuple(sorted({circuit.tenant for circuit in going if circuit.tenant})),
            circuits=tuple(circuit.id for circuit in going),
        )
        self._state.noticed[plan.id] = notice
        out.facts.append(_fact(notice, False))
        shops = ", ".join(notice.tenants[:20]) + (" …" if len(notice.tenants) > 20 else "")
        note = f"{plan.name} {iso_utc(run_ms)}: {len(going)} circuits; {shops}"
        out.wishes.append(ServiceRaise(code="plan_notice", subject=f"plan:{plan.id}", site_id=plan.site_id, note=note))

    def _permits_near(self, at_ms: int, out: Products) -> None:
        near = {c.id: c for c in self._roster.circuits.values() if _ends_soon(c, at_ms)}
        for circuit_id, until_ms in list(self._state.permits.items()):
            circuit = near.get(circuit_id)
            if circuit is None or circuit.permit_until_ms != until_ms:
                del self._state.permits[circuit_id]
                out.wishes.append(
                    ServiceClear(code="permit_24h_ends", subject=f"circuit:{circuit_id}", note="renewed, or its class changed")
                )
        for circuit_id in sorted(near.keys() - self._state.permits.keys()):
            circuit = near[circuit_id]
            assert circuit.permit_until_ms is not None
            self._state.permits[circuit_id] = circuit.permit_until_ms
            out.wishes.append(
                ServiceRaise(
                    code="permit_24h_ends",
                    subject=f"circuit:{circuit_id}",
                    site_id=circuit.site_id,
                    zone_id=circuit.zone_id,
                    device_id=circuit.device_id,
                    note=f"{circuit.name} {circuit.tenant}: {iso_utc(circuit.permit_until_ms)}",
                )
            )

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        if kind in ("plan", "circuit", "site", "calendar") and self._state.next_ms is None:
            self._state.next_ms = at_ms - at_ms % LOOK_MS + LOOK_MS
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        if self._state.next_ms is not None:
            self._state.next_ms = max(self._state.next_ms, at_ms - at_ms % LOOK_MS + LOOK_MS)
        return Products()

    def request(self, request: object, at_ms: int) -> Products:
        raise AssertionError("nobody asks anything of the reminders")

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def follow_order(self, step: OrderStep, at_ms: int) -> Products:
        return Products()

    def dump(self) -> RemindersState:
        return RemindersState(dict(self._state.noticed), dict(self._state.permits), self._state.next_ms)

    def load(self, state: RemindersState) -> None:
        """Replace everything by a dumped state."""
        self._state = RemindersState(dict(state.noticed), dict(state.permits), state.next_ms)


def _ends_soon(circuit: Circuit, at_ms: int) -> bool:
    """Within three days, or within the last day: an ended permit is told until it is renewed, or a plan has cut it for a day."""
    until_ms = circuit.permit_until_ms
    if until_ms is None or circuit.circuit_class is not CircuitClass.PERMIT_24H:
        return False
    return at_ms - 86_400_000 < until_ms <= at_ms + PERMIT_AHEAD_MS


def _fact(notice: Notice, is_over: bool) -> Fact:
    return Fact(
        kind=KIND,
        id=notice.id,
        site_id=notice.site_id,
        state="over" if is_over else "told",
        changed_ms=notice.told_ms,
        body=notice,
        subject=f"plan:{notice.plan_id}",
        from_ms=notice.told_ms,
        until_ms=notice.run_ms,
        is_over=is_over,
        seq=2 if is_over else 1,
    )
