"""The board: the scan's published view for everyone else, replaced after each scan, never half of one.

Alarms and orders are immutable mappings made anew when something changed; latest readings are read from the roster's columns as they
are. It answers *may this circuit be cut* with the same decision that an order would get.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from alarms.classes import By
from alarms.model import Alarm
from api.ports import DeviceClock, Health, Presence, RefusedMessage
from app.stepped import Stepped
from app.warden import Warden
from ingest.clocks import OFFSET_WRONG_MS
from power.measure import measured_of
from power.model import Action, Measured, Order
from power.plans import Night, Plan
from power.refusals import Refusal, refusal
from power.run_model import Run, RunItem
from power.switchings import Switching
from rules.presence import state_of
from sites.facts import Fact
from sites.model import Circuit
from sites.roster import Roster

_RECENT_AGAIN_MS = 60_000


class Board:
    """`health` is asked of the service; everything else comes from the warden."""

    def __init__(self, warden: Warden, clock_ms: Callable[[], int], health: Callable[[], Health]) -> None:
        self._warden = warden
        self._clock_ms = clock_ms
        self._health = health
        self._position = 0
        self._alarms: Mapping[str, Alarm] = MappingProxyType(dict(warden.book.open))
        self._orders: Mapping[str, Order] = MappingProxyType({order.id: order for order in warden.orders.recent(warden.now_ms)})
        self._orders_ms = warden.now_ms
        standing = (fact for section in warden.sections for fact in section.standing())
        self._facts: Mapping[tuple[str, str], Fact] = MappingProxyType({(fact.kind, fact.id): fact for fact in standing})

    def follow(self, stepped: Stepped) -> None:
        """In the scan, after each step."""
        warden, outcome = self._warden, stepped.outcome
        if outcome.transitions:
            self._alarms = MappingProxyType(dict(warden.book.open))
        if outcome.order_steps or (self._orders and stepped.now_ms - self._orders_ms > _RECENT_AGAIN_MS):
            self._orders = MappingProxyType({order.id: order for order in warden.orders.recent(stepped.now_ms)})
            self._orders_ms = stepped.now_ms
        if outcome.facts:
            facts = dict(self._facts)
            for fact in outcome.facts:
                facts[fact.kind, fact.id] = fact
                if fact.is_over:
                    del facts[fact.kind, fact.id]
            self._facts = MappingProxyType(facts)
        self._position = stepped.position

    @property
    def position(self) -> int:
        return self._position

    @property
    def alarms(self) -> Mapping[str, Alarm]:
        return self._alarms

    @property
    def orders(self) -> Mapping[str, Order]:
        return self._orders

    @property
    def facts(self) -> Mapping[tuple[str, str], Fact]:
        return self._facts

    @property
    def roster(self) -> Roster:
        return self._warden.configuration.roster

    def peak(self, alarm: Alarm) -> float | None:
        return self._warden.peaks.worst(alarm)

    def measured(self, circuit_id: str) -> Measured:
        circuit = self.roster.circuits.get(circuit_id)
        return Measured() if circuit is None else measured_of(circuit, self.roster)

    def presence(self, device_id: str) -> Presence:
        memory = self._warden.memory
        return Presence(*state_of(memory.program, memory, device_id))

    def clock(self, device_id: str) -> DeviceClock:
        row = self.roster.device_rows.get(device_id)
        offset_ms = None if row is None else self._warden.clocks.offset_ms(row)
        spread_ms = None if row is None else self._warden.clocks.spread_ms(row)
        return DeviceClock(offset_ms, spread_ms, offset_ms is not None and abs(offset_ms) > OFFSET_WRONG_MS)

    def refusals(self, device_id: str) -> Sequence[RefusedMessage]:
        kept = self._warden.refused.of(device_id)
        return [RefusedMessage(refused.arrived_ms, refused.topic, refused.reason, refused.raw) for refused in kept]

    def refused_total(self, device_id: str) -> int:
        return self._warden.refused.total(device_id)

    def cut_refusal(self, circuit_id: str) -> Refusal | None:
        circuit = self.roster.circuits.get(circuit_id)
        if circuit is None:
            return refusal("unknown_circuit", f"there is no circuit {circuit_id}", f"没有回路 {circuit_id}")
        return self._warden.orders.refusal(Action.CUT, circuit, self._clock_ms(), By.PERSON)

    def switching(self, circuit_id: str) -> Switching | None:
        return self._warden.switchings.of(circuit_id)

    def normal_load(self, circuit_id: str) -> tuple[float | None, Sequence[float | None]]:
        circuit = self.roster.circuits.get(circuit_id)
        loads = self._warden.base_loads
        return (None if circuit is None else loads.of(circuit, self._clock_ms())), loads.week(circuit_id)

    def frozen(self, plan: Plan) -> list[tuple[int, Circuit, Refusal | None]]:
        return self._warden.runs.frozen(plan, self._clock_ms())

    def stays_on(self, circuit: Circuit) -> Refusal | None:
        return self._warden.runs.stays_on(circuit, self._clock_ms())

    def observes(self, plan: Plan) -> tuple[str, str] | None:
        return self._warden.runs.observes(plan)

    def night(self, plan_id: str) -> Night | None:
        return self._warden.runs.night(plan_id)

    def run(self, run_id: str) -> tuple[Run, Sequence[RunItem]] | None:
        run = self._warden.runs.run(run_id)
        return None if run is None else (run, self._warden.runs.items(run_id))

    def health(self) -> Health:
        return self._health()
