"""Mornings, staged restores and requests to stay on, in the whole house on a manual clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.rows import ConfigChanged
from power.errors import PowerError, RequestRefused
from power.model import Action
from power.morning_model import ApproveMorning, ConfirmPresence, EndMorning, Morning, PartState, RestoreMany
from power.mornings import Mornings
from power.requests import LockOut, Unlock
from power.run_model import ItemState
from power.stay_on import AskStayOn, DecideStayOn, EndStayOn, StayOn
from tests.scenarios.sample import GAS
from tests.scenarios.test_runs import Mall, evening, plan

HOUR = 3_600_000


@pytest.fixture
def place(tmp_path: Path) -> Mall:
    """A night's plan has cut the six shops and the sign."""
    made = evening(tmp_path, plan())
    made.run(150)
    assert made.state() == "done"
    return made


def mornings(place: Mall) -> Mornings:
    return next(section for section in place.house.warden.sections if isinstance(section, Mornings))


def approve(place: Mall, **changed: Any) -> Morning:
    given: dict[str, Any] = {"key": "m", "run_id": place.last.id, "who": "operator", "second": "manager", "reason": "opening"}
    answer = place.house.ask(ApproveMorning(**{**given, **changed}))
    found: Morning = [fact.body for fact in answer.facts if fact.kind == "morning"][-1]
    return found


def confirm(place: Mall, morning: Morning, tenant: str, **changed: Any) -> None:
    given: dict[str, Any] = {"morning_id": morning.id, "who": None, "person": "店长", "how": "qr", "tenant": tenant}
    place.house.ask(ConfirmPresence(**{**given, **changed}))


def states(place: Mall, morning: Morning) -> dict[str, str]:
    return {part.circuit_id: str(part.state) for part in mornings(place).parts(morning.id)}


def restores(place: Mall) -> Counter[str]:
    orders = [*place.house.warden.orders.open.values(), *place.house.warden.orders.ended.values()]
    return Counter(order.circuit_id for order in orders if order.action is Action.RESTORE)


def test_a_shop_is_energised_only_when_someone_there_confirms(place: Mall) -> None:
    morning = approve(place)
    place.run(60)
    assert not restores(place), "an approval energises nothing"
    confirm(place, morning, "tenant shop0")
    place.run(20)
    assert place.closed["b-shop0"]
    assert not place.closed["b-shop1"], "nobody is there"
    assert states(place, morning)["shop0"] == PartState.PROVED
    part = next(part for part in mornings(place).parts(morning.id) if part.circuit_id == "shop0")
    assert (part.confirmed_by, part.confirmed_how) == ("店长", "qr")


def test_only_what_last_nights_plan_opened_is_in_it(place: Mall) -> None:
    assert set(states(place, approve(place))) == {f"shop{n}" for n in range(6)} | {"sign"}
    assert "pump" not in states(place, approve(place))


@pytest.mark.parametrize(
    ("phrase", "changed"),
    [
        ("the same person", {"second": "operator"}),
        ("no reason", {"reason": ""}),
        ("no such run", {"run_id": "nope"}),
        ("hours", {"hours": 99}),
    ],
)
def test_an_approval_is_refused_for(place: Mall, phrase: str, changed: dict[str, Any]) -> None:
    with pytest.raises(RequestRefused):
        approve(place, **changed)


def test_confirming_again_orders_nothing_twice(place: Mall) -> None:
    morning = approve(place)
    for _ in range(3):
        confirm(place, morning, "tenant shop0")
    approve(place, key="other")
    place.run(20)
    confirm(place, morning, "tenant shop0")
    place.run(20)
    assert restores(place) == {"shop0": 1}


@pytest.mark.parametrize("after", ["approval", "confirmation"])
def test_a_crash_in_the_middle_loses_nothing_and_doubles_nothing(place: Mall, after: str) -> None:
    morning = approve(place)
    if after == "confirmation":
        confirm(place, morning, "", circuit_ids=("shop0", "shop1", "shop2"))
    place.house.snapshot()
    place.house.crash(down_ms=300)
    place.read = len(place.house.outlet.published)
    if after == "approval":
        confirm(place, morning, "", circuit_ids=("shop0", "shop1", "shop2"))
    place.run(40)
    assert set(restores(place)) == {"shop0", "shop1", "shop2"}
    assert max(restores(place).values()) == 1


def test_orders_come_a_second_apart_and_motors_five(place: Mall) -> None:
    circuit = place.house.warden.configuration.roster.circuits["shop0"]
    place.house.scan.put(ConfigChanged.of("circuit", "shop0", 9, replace(circuit, is_motor=True, version=9)))
    place.run(1)
    morning = approve(place)
    confirm(place, morning, "", circuit_ids=("shop0", "shop1", "shop2"))
    times = {part.circuit_id: part.at_ms or 0 for part in mornings(place).parts(morning.id) if part.at_ms}
    first = times["shop0"]
    assert {name: at_ms - first for name, at_ms in times.items()} == {"shop0": 0, "shop1": 5_000, "shop2": 6_000}


def test_an_alarm_since_keeps_the_zone_off(place: Mall) -> None:
    from sites.model import Device

    morning = approve(place)
    detector = Device(id="gas", site_id="site", zone_id="floor", name="gas", kind="gas", codec="native", address="site/gas", interval_s=5.0)
    for kind, thing in (("device", detector), ("rule", GAS)):
        place.house.scan.put(ConfigChanged.of(kind, thing.id, thing.version, thing))
    place.run(1)
    place.house.hear("gas", lel=30.0)
    place.run(10)
    place.house.hear("gas", lel=30.0)
    place.run(2)
    confirm(place, morning, "tenant shop0")
    place.run(10)
    part = next(part for part in mornings(place).parts(morning.id) if part.circuit_id == "shop0")
    assert (part.state, part.code) == (PartState.BLOCKED, "alarm_since")
    assert not restores(place)


def test_a_trip_or_a_lock_since_keeps_the_circuit_off(place: Mall) -> None:
    place.house.hear("b-shop1", trip=1.0)
    place.run(1)
    place.house.hear("b-shop1", trip=0.0)
    place.house.ask(LockOut(circuit_id="shop2", who="fitter", reason="cable"))
    place.house.ask(Unlock(circuit_id="shop2", who="fitter"))
    morning = approve(place)
    codes = {part.circuit_id: part.code for part in mornings(place).parts(morning.id) if part.state is PartState.BLOCKED}
    assert codes == {"shop1": "trip_since", "shop2": "lock_since"}
    with pytest.raises(RequestRefused, match="see why"):
        confirm(place, morning, "tenant shop1")


def test_what_nobody_confirms_lapses(place: Mall) -> None:
    morning = approve(place, hours=0.01)
    place.run(40)
    assert set(states(place, morning).values()) == {"lapsed"}
    with pytest.raises(RequestRefused, match="no open approval"):
        confirm(place, morning, "tenant shop0")


def test_an_approval_is_ended_with_a_reason(place: Mall) -> None:
    morning = approve(place)
    with pytest.raises(RequestRefused, match="needs a reason"):
        place.house.ask(EndMorning(morning_id=morning.id, who="manager", reason=" "))
    place.house.ask(EndMorning(morning_id=morning.id, who="manager", reason="closed today"))
    with pytest.raises(RequestRefused):
        confirm(place, morning, "tenant shop0")


def test_the_links_of_another_shop_energise_nothing_here(place: Mall) -> None:
    morning = approve(place)
    with pytest.raises(RequestRefused, match="not among"):
        confirm(place, morning, "tenant shop1", circuit_ids=("shop0",))
    confirm(place, morning, "tenant shop1")
    place.run(15)
    assert set(restores(place)) == {"shop1"}


def test_several_are_restored_one_after_another_with_every_interlock(place: Mall) -> None:
    place.house.ask(LockOut(circuit_id="shop1", who="fitter", reason="cable"))
    request = RestoreMany(
        key="r",
        site_id="site",
        circuit_ids=("shop0", "shop1", "pump"),
        who="operator",
        second="manager",
        reason="party",
        phone="M 138: yes",
    )
    answer = place.house.ask(request)
    made: Morning = [fact.body for fact in answer.facts if fact.kind == "morning"][-1]
    assert made.phone == "M 138: yes"
    place.run(20)
    found = {part.circuit_id: (str(part.state), part.code) for part in mornings(place).parts(made.id)}
    assert found["shop0"] == ("proved", "proved")
    assert found["shop1"] == ("blocked", "locked_out")
    assert found["pump"] == ("blocked", "class_fire")
    with pytest.raises(PowerError):
        place.house.ask(replace(request, key="s", circuit_ids=("nope",)))
    with pytest.raises(RequestRefused, match="second person"):
        place.house.ask(replace(request, key="t", second="operator"))


# -- staying on ------------------------------------------------------------------------------------------------------------


def stay_on(place: Mall, **changed: Any) -> StayOn:
    now_ms = place.house.clock.now_ms()
    given: dict[str, Any] = {
        "key": "s", "site_id": "site", "tenant": "tenant shop0", "from_ms": now_ms, "until_ms": now_ms + 2 * HOUR, "reason": "stock-taking",
        "asked_by": "李", "phone": "13800000000",
    }  # fmt: skip
    found: StayOn = place.house.ask(AskStayOn(**{**given, **changed})).facts[-1].body
    return found


def test_an_approved_request_keeps_the_shop_on_and_the_report_says_so(tmp_path: Path) -> None:
    place = evening(tmp_path, plan())
    place.run(2)
    approved, unanswered = stay_on(place), stay_on(place, tenant="tenant shop1")
    place.house.ask(DecideStayOn(stay_on_id=approved.id, who="manager", approve=True))
    place.run(150)
    items = {item.circuit_id: item for item in place.runs.items(place.last.id)}
    assert (items["shop0"].state, items["shop0"].code) == (ItemState.LEFT_ON, "stay_on")
    assert items["shop1"].state is ItemState.PROVED, "what nobody approved holds nothing"
    assert unanswered.state == "asked"


def test_a_request_ends_by_its_time_or_by_a_person(tmp_path: Path) -> None:
    place = evening(tmp_path, plan(), clock="20:00")
    place.run(2)
    first = stay_on(place, until_ms=place.house.clock.now_ms() + 10_000)
    place.house.ask(DecideStayOn(stay_on_id=first.id, who="manager", approve=True))
    circuit = place.house.warden.configuration.roster.circuits["shop0"]

    def held() -> bool:
        return any(hold(circuit, place.house.clock.now_ms()) for hold in place.runs._holds)

    assert held()
    place.run(12)
    assert not held()
    second = stay_on(place, key="t")
    place.house.ask(DecideStayOn(stay_on_id=second.id, who="manager", approve=True))
    place.house.crash()
    assert held()
    place.house.ask(EndStayOn(stay_on_id=second.id, who="manager"))
    assert not held()


@pytest.mark.parametrize(
    ("phrase", "changed"),
    [
        ("no such tenant", {"tenant": "ghost"}), ("another's circuit", {"circuits": ("shop1",)}), ("no reason", {"reason": " "}),
        ("no name", {"asked_by": ""}), ("in the past", {"until_ms": 1}), ("too long", {"until_ms": 10**15}), ("no tenant", {"tenant": ""}),
    ],
)  # fmt: skip
def test_a_request_to_stay_on_is_refused_for(tmp_path: Path, phrase: str, changed: dict[str, Any]) -> None:
    place = evening(tmp_path, clock="20:00")
    with pytest.raises(RequestRefused):
        stay_on(place, **changed)


def test_a_shop_has_few_requests_open_and_a_refusal_needs_a_reason(tmp_path: Path) -> None:
    place = evening(tmp_path, clock="20:00")
    made = [stay_on(place, key=f"k{n}") for n in range(3)]
    with pytest.raises(RequestRefused, match="open already"):
        stay_on(place, key="k4")
    with pytest.raises(RequestRefused, match="reason for the shop"):
        place.house.ask(DecideStayOn(stay_on_id=made[0].id, who="manager", approve=False))
    place.house.ask(DecideStayOn(stay_on_id=made[0].id, who="manager", approve=False, note="fire drill"))
    assert stay_on(place, key="k4").state == "asked"
