"""One metered switch on a manual clock: readings by hand, the courier and the device played by the test."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from alarms.service_alarms import ServiceClear, ServiceRaise
from power.model import Command, Confirmation, Order, OrderStep
from power.order_book import Advance
from power.orders import Orders
from power.requests import Cut, Restore
from sites.model import Circuit, CircuitClass, Device, Site, Trial, Zone
from sites.roster import Roster

T0 = 1_700_000_000_000
TRIAL = Trial(at_ms=T0 - 1, first_name="Wang", second_name="Li")


@dataclass
class Plant:
    """`now_ms` moves by `wait`, which also runs what is due, moment by moment. `steps` and `wishes` collect all that came."""

    roster: Roster = field(default_factory=Roster)
    now_ms: int = T0
    critical: set[str] = field(default_factory=set)
    steps: list[OrderStep] = field(default_factory=list)
    wishes: list[ServiceRaise | ServiceClear] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.roster.put(Site(id="s1", enterprise_id="e1", name="Mall", commanding=True))
        self.roster.put(Zone(id="z1", site_id="s1", name="Kitchen"))
        self.roster.put(
            Device(id="sw", site_id="s1", zone_id="z1", name="Switch", kind="switch", codec="native", address="s1/sw", interval_s=2.0)
        )
        self.roster.put(
            Circuit(
                id="k3",
                site_id="s1",
                zone_id="z1",
                name="K-3",
                device_id="sw",
                circuit_class=CircuitClass.USE,
                trial=TRIAL,
            )
        )
        self.orders = Orders(self.roster, self.critical.__contains__)
        self.orders.connected()

    # -- the world -------------------------------------------------------------------------------------------------

    def change(self, circuit_id: str = "k3", **changes: Any) -> None:
        self.roster.put(replace(self.roster.circuits[circuit_id], **changes))

    def read(self, *, taken_ms: int | None = None, device: str = "sw", **values: float) -> Advance:
        """Readings arrive now (`voltage_v__l1` stands for `voltage_v.l1`) and are shown to the orders."""
        columns = self.roster.columns
        for name, value in values.items():
            row = self.roster.add_point(device, name.replace("__", "."))
            columns = self.roster.columns
            columns.latest_values[row] = value
            columns.latest_taken_ms[row] = self.now_ms if taken_ms is None else taken_ms
            columns.latest_arrived_ms[row] = self.now_ms
        out = Advance()
        for circuit_id in sorted(self.orders.watched()):
            out = self.took(self.orders.measured(circuit_id, self.now_ms))
        return out

    def live(self, current_a: float = 5.0) -> None:
        self.read(closed=1, current_a=current_a, voltage_v=230)

    def dead(self) -> Advance:
        return self.read(closed=0, current_a=0, voltage_v=0)

    def wait(self, ms: int) -> None:
        """Let time pass; every due moment on the way is kept exactly."""
        until = self.now_ms + ms
        self.took(self.orders.due(self.now_ms))
        while (due_ms := self.orders.due_ms()) is not None and due_ms <= until:
            assert due_ms > self.now_ms, "time brings nothing twice"
            self.now_ms = due_ms
            self.took(self.orders.due(self.now_ms))
        self.now_ms = until
        self.took(self.orders.due(self.now_ms))

    # -- people, courier, device -----------------------------------------------------------------------------------

    def cut(self, key: str = "a", who: str = "u1", circuits: tuple[str, ...] = ("k3",)) -> Order:
        return self.took(self.orders.request(Cut(key=key, circuit_ids=circuits, who=who, reason="gas"), self.now_ms)).orders[0]

    def restore(self, key: str = "r", who: str = "u1", second: str = "u2") -> Order:
        request = Restore(key=key, circuit_id="k3", who=who, second=second, reason="repaired")
        return self.took(self.orders.request(request, self.now_ms)).orders[0]

    def send(self) -> Command:
        """The one order that wants it leaves and is with the broker."""
        command = self.sending()
        self.took(self.orders.sent(command.order_id, command.attempt, self.now_ms))
        return command

    def sending(self) -> Command:
        (order_id,) = self.orders.to_send(self.now_ms)
        out, command = self.orders.sending(order_id, self.now_ms)
        self.took(out)
        assert command is not None
        return command

    def reply(self, order_id: str | None, result: str = "done", device: str = "sw", channel: str = "") -> Advance:
        confirmation = Confirmation(
            device_id=device, channel=channel, order_id=order_id, result=result, reason="because", arrived_ms=self.now_ms
        )
        return self.took(self.orders.confirmation(confirmation, self.now_ms))

    def sent_cut(self) -> Order:
        """A live circuit and a cut that is with the broker."""
        self.live()
        self.wait(100)
        order = self.cut()
        self.send()
        self.wait(100)
        return order

    def sent_restore(self) -> Order:
        self.dead()
        self.wait(100)
        order = self.restore()
        self.send()
        self.wait(100)
        return order

    # -- what came of it -------------------------------------------------------------------------------------------

    def took(self, out: Advance) -> Advance:
        self.steps += out.steps
        self.wishes += out.wishes
        self.ignored += out.ignored
        return out

    def now_is(self, order: Order) -> Order:
        found = self.orders.get(order.id)
        assert found is not None
        return found

    def path(self, order: Order) -> list[str]:
        return [str(step.order.state) for step in self.steps if step.order.id == order.id]

    def raised(self) -> list[tuple[str, str | None]]:
        return [(w.code, None if w.severity is None else w.severity.name.lower()) for w in self.wishes if isinstance(w, ServiceRaise)]

    def cleared(self) -> list[str]:
        return [w.code for w in self.wishes if isinstance(w, ServiceClear)]

    def restarted(self) -> None:
        """The service is killed and starts again from its snapshot and journal."""
        state = self.orders.dump()
        self.orders = Orders(self.roster, self.critical.__contains__)
        self.orders.load(state)
        self.took(self.orders.resumed(self.now_ms))


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.fixture(scope="session")
def new_plant() -> type[Plant]:
    return Plant
