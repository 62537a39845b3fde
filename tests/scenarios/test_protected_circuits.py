"""Fire and life circuits are switched by no path: one, many, click, plan, linkage, stale class, edit, import, race, shared switch, morning.

Each path is walked in the whole house with everything else as permissive as it can be: commanding on, trial witnessed, switch heard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alarms.linkage import Linkage
from app.rows import ConfigChanged
from power.model import Action, OrderState
from power.morning_model import RestoreMany
from power.plans import Stage
from power.requests import Cut, Restore, SetClass
from power.run_model import StartCuts, StartPlan
from rules.model import Severity
from sites.model import Circuit, CircuitClass, Device
from tests.scenarios.sample import GAS, TRIAL
from tests.scenarios.test_runs import Mall, evening, plan

PROTECTED = (CircuitClass.FIRE, CircuitClass.LIFE)


def put(place: Mall, kind: str, thing: Any) -> None:
    place.house.scan.put(ConfigChanged.of(kind, thing.id, thing.version, thing))
    place.run(1)


def opened(folder: Path, feeds: CircuitClass) -> Mall:
    """A mall whose circuit `pump` is of this class, with a plan that names it."""
    made = evening(folder, plan(stages=(Stage(circuits=("pump", "shop0")),), countdown_s=0.0), clock="22:00")
    if feeds is not CircuitClass.FIRE:
        circuit = made.house.warden.configuration.roster.circuits["pump"]
        made.house.warden.configuration.roster.put(replace(circuit, circuit_class=feeds))
    made.run(2)
    return made


def one(place: Mall) -> None:
    place.house.ask(Cut(key="a", circuit_ids=("pump",), who="manager", reason="r"))


def many(place: Mall) -> None:
    place.house.ask(Cut(key="a", circuit_ids=("shop0", "pump", "shop1"), who="manager", reason="r"))


def click(place: Mall) -> None:
    place.house.ask(StartCuts(key="a", site_id="site", circuit_ids=("shop0", "pump"), who="manager", second="operator", reason="r"))


def plan_now(place: Mall) -> None:
    place.house.ask(StartPlan(key="a", plan_id="night", who="manager", second="operator", reason="r"))


def by_its_calendar(place: Mall) -> None:
    place.run(31 * 60)


def linkage(place: Mall) -> None:
    put(place, "linkage", Linkage(id="l", name="l", min_severity=Severity.HIGH, triggers=1, cut="automatic", circuits=("pump", "shop0")))
    put(place, "linkage", Linkage(id="m", name="m", min_severity=Severity.HIGH, triggers=1, cut="automatic"))
    put(place, "rule", GAS)
    detector = Device(id="gas", site_id="site", zone_id="floor", name="gas", kind="gas", codec="native", address="site/gas", interval_s=5.0)
    put(place, "device", detector)
    place.house.hear("gas", lel=80.0)
    place.run(10)


def restore(place: Mall) -> None:
    place.house.ask(Restore(key="a", circuit_id="pump", who="manager", second="operator", reason="r"))


def restore_many(place: Mall) -> None:
    place.house.ask(RestoreMany(key="a", site_id="site", circuit_ids=("pump",), who="manager", second="operator", reason="r"))


@pytest.mark.parametrize("feeds", PROTECTED)
@pytest.mark.parametrize("path", [one, many, click, plan_now, by_its_calendar, linkage, restore, restore_many])
def test_no_path_switches_a_protected_circuit(tmp_path: Path, feeds: CircuitClass, path: Callable[[Mall], None]) -> None:
    place = opened(tmp_path, feeds)
    path(place)
    place.run(20)
    sent = [topic for topic, _ in place.house.outlet.published if "/b-pump/" in topic]
    assert not sent
    assert place.closed["b-pump"]
    orders = [*place.house.warden.orders.open.values(), *place.house.warden.orders.ended.values()]
    assert {order.state for order in orders if order.circuit_id == "pump"} <= {OrderState.REFUSED}


@pytest.mark.parametrize("trick", ["edit", "edit with a trial", "removed and imported anew"])
def test_an_edited_or_imported_row_never_makes_it_switchable(tmp_path: Path, trick: str) -> None:
    place = opened(tmp_path, CircuitClass.FIRE)
    circuit = place.house.warden.configuration.roster.circuits["pump"]
    changed = replace(circuit, circuit_class=CircuitClass.USE, version=7, trial=TRIAL if trick == "edit with a trial" else None)
    if trick.startswith("removed"):
        place.house.scan.put(ConfigChanged.of("circuit", "pump", 6, None))
    put(place, "circuit", changed)
    one(place)
    place.run(20)
    assert not [topic for topic, _ in place.house.outlet.published if "/b-pump/" in topic]
    assert place.closed["b-pump"]


def test_a_class_that_changes_while_the_order_waits_stops_it(tmp_path: Path) -> None:
    place = opened(tmp_path, CircuitClass.FIRE)
    place.house.outlet.is_up = False
    place.house.ask(Cut(key="a", circuit_ids=("shop0",), who="manager", reason="r"))
    place.house.ask(SetClass(circuit_id="shop0", who="manager", circuit_class="fire", reason="it feeds the smoke fan after all"))
    place.house.outlet.is_up = True
    place.run(20)
    (order,) = [order for order in place.house.warden.orders.ended.values() if order.circuit_id == "shop0"]
    assert (order.state, order.state_code) == (OrderState.REFUSED, "class_fire")
    assert place.closed["b-shop0"]


def test_a_class_that_changes_before_a_retry_lets_nothing_more_leave(tmp_path: Path) -> None:
    place = opened(tmp_path, CircuitClass.FIRE)
    place.deaf.add("b-shop0")
    place.house.ask(Cut(key="a", circuit_ids=("shop0",), who="manager", reason="r"))
    place.run(2)
    sent = len(place.heard)
    assert sent == 1
    place.house.ask(SetClass(circuit_id="shop0", who="manager", circuit_class="life", reason="it feeds the lift"))
    place.run(40)
    assert len(place.heard) == sent


@pytest.mark.parametrize(("channel", "other"), [("", ""), ("1", ""), ("", "1")])
@pytest.mark.parametrize("action", Action)
def test_a_second_circuit_on_the_same_switch_is_no_way_in(tmp_path: Path, channel: str, other: str, action: Action) -> None:
    place = opened(tmp_path, CircuitClass.FIRE)
    roster = place.house.warden.configuration.roster
    roster.put(replace(roster.circuits["pump"], channel=other))
    roster.put(Circuit(id="trick", site_id="site", zone_id="floor", name="trick", device_id="b-pump", channel=channel,
                       circuit_class=CircuitClass.NIGHT_OFF, trial=TRIAL))  # fmt: skip
    place.run(2)
    if action is Action.CUT:
        request: Any = Cut(key="a", circuit_ids=("trick",), who="manager", reason="r")
    else:
        request = Restore(key="a", circuit_id="trick", who="manager", second="operator", reason="r")
    (order,) = place.house.ask(request).orders
    assert (order.state, order.state_code) == (OrderState.REFUSED, "shared_switch")


def test_two_channels_of_a_switch_are_two_circuits(tmp_path: Path) -> None:
    place = opened(tmp_path, CircuitClass.FIRE)
    roster = place.house.warden.configuration.roster
    roster.put(replace(roster.circuits["pump"], channel="1"))
    roster.put(Circuit(id="lamp", site_id="site", zone_id="floor", name="lamp", device_id="b-pump", channel="2",
                       circuit_class=CircuitClass.USE, trial=TRIAL))  # fmt: skip
    place.house.hear("b-pump", closed__2=1.0)
    place.run(1)
    assert place.house.warden.orders.refusal(Action.CUT, roster.circuits["lamp"], place.house.clock.now_ms()) is None


@pytest.mark.parametrize(
    ("phrase", "changed"),
    [
        ("class", {"circuit_class": CircuitClass.USE}), ("breaker", {"device_id": "b-shop1"}), ("channel", {"channel": "2"}),
        ("poles", {"poles": ("l1", "l2", "l3")}),
    ],
)  # fmt: skip
def test_a_trial_is_voided_by_a_change_of(tmp_path: Path, phrase: str, changed: dict[str, Any]) -> None:
    place = opened(tmp_path, CircuitClass.FIRE)
    roster = place.house.warden.configuration.roster
    put(place, "circuit", replace(roster.circuits["shop0"], version=5, **changed))
    assert roster.circuits["shop0"].trial is None
    (order,) = place.house.ask(Cut(key="a", circuit_ids=("shop0",), who="manager", reason="r")).orders
    assert (order.state, order.state_code) == (OrderState.REFUSED, "no_trial")


@pytest.mark.parametrize(("phrase", "changed"), [("name", {"name": "x"}), ("tenant", {"tenant": "x"}), ("rating", {"rated_a": 20.0})])
def test_a_trial_stands_through_a_change_of(tmp_path: Path, phrase: str, changed: dict[str, Any]) -> None:
    place = opened(tmp_path, CircuitClass.FIRE)
    roster = place.house.warden.configuration.roster
    put(place, "circuit", replace(roster.circuits["shop0"], version=5, **changed))
    assert roster.circuits["shop0"].trial == TRIAL
