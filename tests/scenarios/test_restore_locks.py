"""Restoring after trips, locks and uncertain sends, in the whole house on a manual clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from power.errors import RequestRefused, UnknownCircuit
from power.model import Order, OrderState
from power.requests import Cut, DecideOrder, LocalReset, LockOut, Restore, Unlock
from power.switchings import Switching
from tests.scenarios.house import House
from tests.scenarios.test_runs import Mall, evening, plan

CIRCUIT = "shop0"
BREAKER = "b-shop0"


@pytest.fixture
def place(tmp_path: Path) -> Mall:
    made = evening(tmp_path, clock="20:00")
    made.run(2)
    return made


def standing(house: House) -> Switching:
    found = house.warden.switchings.of(CIRCUIT)
    assert found is not None
    return found


def cut(place: Mall, key: str = "k") -> Order:
    (order,) = place.house.ask(Cut(key=key, circuit_ids=(CIRCUIT,), who="operator", reason="smoke")).orders
    place.run(30)
    return place.house.order(order.id)


def restore(place: Mall, key: str = "r") -> Order:
    request = Restore(key=key, circuit_id=CIRCUIT, who="operator", second="manager", reason="repaired")
    (order,) = place.house.ask(request).orders
    place.run(30)
    return place.house.order(order.id)


def trip(place: Mall, seconds: float = 1.0) -> None:
    """The protection opens the breaker; its signal stands for so long."""
    place.closed[BREAKER] = False
    place.house.hear(BREAKER, trip=1.0)
    place.run(seconds)
    place.house.hear(BREAKER, trip=0.0)
    place.run(2)


def test_it_says_by_whose_order_a_circuit_is_open(place: Mall) -> None:
    assert cut(place).state is OrderState.PROVED
    found = standing(place.house)
    assert (found.is_open, found.off_cause, found.off_by) == (True, "remote", "operator")
    assert found.proved_off_ms is not None
    assert restore(place).state is OrderState.PROVED
    assert (standing(place.house).is_open, standing(place.house).off_cause) == (False, "")


def test_opened_by_hand_and_by_the_plan_are_told_apart(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.run(2)
    place.closed["b-shop1"] = False
    place.run(200)
    causes = {name: place.house.warden.switchings.of(name) for name in (CIRCUIT, "shop1")}
    assert {name: found.off_cause for name, found in causes.items() if found} == {CIRCUIT: "schedule", "shop1": "manual"}


def test_a_trip_of_one_second_bars_every_restore_until_it_is_reset_on_site(place: Mall) -> None:
    trip(place)
    assert standing(place.house).off_cause == "trip"
    refused = restore(place)
    assert (refused.state, refused.state_code) == (OrderState.REFUSED, "trip_not_reset")
    place.house.ask(LocalReset(circuit_id=CIRCUIT, who="operator", cause="a wet kettle", person="王电工"))
    found = standing(place.house)
    assert (found.trip, found.reset_by, found.reset_person, found.reset_cause) == ("", "operator", "王电工", "a wet kettle")
    assert restore(place, "again").state is OrderState.PROVED


def test_a_trip_stays_barred_over_a_crash(place: Mall) -> None:
    trip(place)
    place.house.crash(down_ms=5_000)
    place.run(6)
    assert restore(place).state_code == "trip_not_reset"
    place.house.snapshot()
    place.house.crash()
    assert standing(place.house).trip == "trip"


@pytest.mark.parametrize(
    ("phrase", "prepare", "request_", "error"),
    [
        ("nothing has tripped", None, LocalReset(circuit_id=CIRCUIT, who="o", cause="c"), RequestRefused),
        ("no cause", "tripped", LocalReset(circuit_id=CIRCUIT, who="o", cause=" "), RequestRefused),
        ("unknown", None, LocalReset(circuit_id="nope", who="o", cause="c"), UnknownCircuit),
    ],
)
def test_a_local_reset_is_refused_when(place: Mall, phrase: str, prepare: str | None, request_: Any, error: type[Exception]) -> None:
    if prepare:
        trip(place)
    with pytest.raises(error):
        place.house.ask(request_)


def test_a_breaker_that_still_reports_its_trip_is_not_reset(place: Mall) -> None:
    place.closed[BREAKER] = False
    place.house.hear(BREAKER, trip=1.0)
    place.run(2)
    with pytest.raises(RequestRefused, match="still reports"):
        place.house.ask(LocalReset(circuit_id=CIRCUIT, who="operator", cause="found"))


def test_every_lock_bars_restores_until_the_last_is_off(place: Mall) -> None:
    cut(place)
    for who in ("zhang", "li"):
        place.house.ask(LockOut(circuit_id=CIRCUIT, who=who, reason="cable", number=f"T-{who}"))
    place.house.ask(Unlock(circuit_id=CIRCUIT, who="zhang"))
    refused = restore(place)
    assert (refused.state, refused.state_code) == (OrderState.REFUSED, "locked_out")
    with pytest.raises(RequestRefused):
        place.house.ask(Unlock(circuit_id=CIRCUIT, who="zhang"))
    place.house.ask(Unlock(circuit_id=CIRCUIT, who="boss", reason="he has left, I have looked", as_manager=True))
    assert restore(place, "again").state is OrderState.PROVED


def test_a_veto_leaves_a_circuit_out_of_the_plan_and_its_report_says_so(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.run(2)
    fact = place.house.ask(LockOut(circuit_id=CIRCUIT, who="operator", reason="stock-taking", purpose="veto")).facts[0]
    assert (fact.kind, fact.state, fact.what, fact.who) == ("lock_out", "locked", "veto", "operator")
    place.run(200)
    item = next(item for item in place.runs.items(place.last.id) if item.circuit_id == CIRCUIT)
    assert (item.state, item.code) == ("left_on", "vetoed")
    assert place.closed[BREAKER]


def test_locks_outlive_a_crash(place: Mall) -> None:
    place.house.ask(LockOut(circuit_id=CIRCUIT, who="zhang", reason="cable"))
    place.house.snapshot()
    place.house.crash()
    assert [lock.who for lock in place.house.warden.orders.locks.values()] == ["zhang"]
    assert [fact.id for section in place.house.warden.sections for fact in section.standing() if fact.kind == "lock_out"]


def test_a_restore_of_unknown_fate_is_decided_by_a_person(place: Mall) -> None:
    cut(place)
    place.house.outlet.answers = False
    (order,) = place.house.ask(Restore(key="r", circuit_id=CIRCUIT, who="operator", second="manager", reason="repaired")).orders
    place.house.run(0.3)
    place.house.crash()
    place.house.run(1)
    assert place.house.order(order.id).state is OrderState.UNKNOWN
    with pytest.raises(RequestRefused, match="seen on site"):
        place.house.ask(DecideOrder(order_id=order.id, who="operator", is_live=False, reason=""))
    answer = place.house.ask(DecideOrder(order_id=order.id, who="operator", is_live=False, reason="tested: dead"))
    assert [(fact.kind, fact.state, fact.what) for fact in answer.facts] == [("order_decision", "dead", "decide_order")]
    assert not [alarm for alarm in place.house.alarms if alarm.rule_id == "service:restore_unknown" and alarm.condition == "active"]
    with pytest.raises(RequestRefused, match="decided already"):
        place.house.ask(DecideOrder(order_id=order.id, who="operator", is_live=False, reason="again"))
