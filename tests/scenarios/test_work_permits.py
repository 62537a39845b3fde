"""Work permits in the whole house: their way, what they hold, and what gas does to them."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from alarms.linkage import NotifyWanted
from app.rows import ConfigChanged
from power.errors import RequestRefused
from power.permit_model import (
    OPEN,
    TABLE,
    ActOnPermit,
    ApplyPermit,
    CheckGas,
    PermitAct,
    PermitState,
    WorkKind,
    WorkPermit,
    approvals,
    longest_ms,
    passes,
)
from power.run_model import ItemState
from sites.model import Device
from tests.scenarios.house import House
from tests.scenarios.sample import GAS
from tests.scenarios.test_runs import Mall, evening, plan

HOUR = 3_600_000


def apply(house: House, **changed: Any) -> WorkPermit:
    now_ms = house.clock.now_ms()
    given: dict[str, Any] = {
        "key": "a", "who": "applicant", "site_id": "site", "zone_id": "floor", "kind": "hot_work", "level": "2", "title": "焊接风管",
        "content": "welding", "worker": "焊工", "guardian": "guard", "promise": "extinguisher at hand", "circuits": ("shop0",),
        "from_ms": now_ms, "until_ms": now_ms + 8 * HOUR,
    }  # fmt: skip
    found: WorkPermit = house.ask(ApplyPermit(**{**given, **changed})).facts[-1].body
    return found


def act(house: House, permit: WorkPermit, what: str, who: str = "manager", note: str = "seen") -> WorkPermit:
    found: WorkPermit = house.ask(ActOnPermit(permit_id=permit.id, act=what, who=who, note=note)).facts[-1].body
    return found


def gas_tested(house: House, permit: WorkPermit, combustible: float = 0.0, o2: float = 20.9) -> WorkPermit:
    request = CheckGas(permit_id=permit.id, who="tester", place="floor", combustible_vol=combustible, lel_vol=5.0, o2_vol=o2)
    found: WorkPermit = house.ask(request).facts[-1].body
    return found


def working(house: House, **changed: Any) -> WorkPermit:
    permit = apply(house, **changed)
    for what in ("assess", "check", "approve"):
        permit = act(house, permit, what)
    gas_tested(house, permit)
    return act(house, permit, "start", "applicant")


@pytest.fixture
def place(tmp_path: Path) -> Mall:
    made = evening(tmp_path, plan(), clock="22:00")
    made.run(2)
    return made


def raise_gas(place: Mall) -> None:
    detector = Device(id="gas", site_id="site", zone_id="floor", name="gas", kind="gas", codec="native", address="site/gas", interval_s=5.0)
    for kind, thing in (("device", detector), ("rule", GAS)):
        place.house.scan.put(ConfigChanged.of(kind, thing.id, thing.version, thing))
    place.run(1)
    place.house.hear("gas", lel=60.0)
    place.run(5)
    place.house.hear("gas", lel=60.0)
    place.run(5)


def test_every_pair_of_state_and_act_is_decided() -> None:
    assert set(TABLE) == set(product(PermitState, PermitAct))
    for state in (PermitState.CLOSED, PermitState.VOID):
        assert all(TABLE[state, each] is None for each in PermitAct)
    for state in OPEN - {PermitState.APPROVED, PermitState.SUSPENDED}:
        assert TABLE[state, PermitAct.VOID] is None, "work that was begun is completed and accepted, never made void"


@pytest.mark.parametrize(
    ("kind", "level", "hours"),
    [
        (WorkKind.HOT_WORK, "special", 8), (WorkKind.HOT_WORK, "1", 8), (WorkKind.HOT_WORK, "2", 72), (WorkKind.CONFINED_SPACE, "", 24),
        (WorkKind.HEIGHT, "", 168), (WorkKind.TEMPORARY_POWER, "", 360),
    ],
)  # fmt: skip
def test_the_longest_validity_is_that_of_gb_30871(place: Mall, kind: WorkKind, level: str, hours: int) -> None:
    assert longest_ms(kind, level) == hours * HOUR
    now_ms = place.house.clock.now_ms()
    with pytest.raises(RequestRefused, match="at most"):
        apply(place.house, kind=kind, level=level, from_ms=now_ms, until_ms=now_ms + hours * HOUR + 1)
    assert apply(place.house, kind=kind, level=level, from_ms=now_ms, until_ms=now_ms + hours * HOUR).state is PermitState.APPLIED


@pytest.mark.parametrize(
    ("kind", "combustible", "lel", "o2", "ok"),
    [
        (WorkKind.HOT_WORK, 0.5, 4.0, 20.9, True), (WorkKind.HOT_WORK, 0.51, 4.0, 20.9, False), (WorkKind.HOT_WORK, 0.2, 3.9, 20.9, True),
        (WorkKind.HOT_WORK, 0.3, 3.9, 20.9, False), (WorkKind.CONFINED_SPACE, 0.0, 5.0, 19.5, True),
        (WorkKind.CONFINED_SPACE, 0.0, 5.0, 19.4, False), (WorkKind.CONFINED_SPACE, 0.0, 5.0, 21.1, False),
    ],
)  # fmt: skip
def test_a_gas_test_passes_by_the_standards_numbers(kind: WorkKind, combustible: float, lel: float, o2: float, ok: bool) -> None:
    assert passes(kind, combustible, lel, o2) is ok


@pytest.mark.parametrize(
    ("phrase", "changed"),
    [
        ("its kind", {"kind": "juggling"}), ("its level", {"level": ""}), ("its zone", {"zone_id": "nowhere"}),
        ("its circuits", {"circuits": ("nope",)}), ("no guardian", {"guardian": ""}), ("guardian works", {"guardian": "焊工"}),
        ("guardian applies", {"guardian": "applicant"}), ("no promise", {"promise": " "}), ("ends before it begins", {"until_ms": 1}),
    ],
)  # fmt: skip
def test_an_application_is_refused_for(place: Mall, phrase: str, changed: dict[str, Any]) -> None:
    with pytest.raises(RequestRefused):
        apply(place.house, **changed)


def test_work_begins_only_after_a_passed_gas_test_within_half_an_hour(place: Mall) -> None:
    house = place.house
    permit = apply(house)
    for what in ("assess", "check", "approve"):
        permit = act(house, permit, what)
    with pytest.raises(RequestRefused, match="must be tested"):
        act(house, permit, "start")
    gas_tested(house, permit, combustible=1.0)
    with pytest.raises(RequestRefused, match="did not pass"):
        act(house, permit, "start")
    gas_tested(house, permit)
    house.clock.advance(31 * 60_000)
    with pytest.raises(RequestRefused, match="within the 30 minutes"):
        act(house, permit, "start")
    gas_tested(house, permit)
    assert act(house, permit, "start").state is PermitState.WORKING


def test_two_people_approve_a_confined_space_and_never_the_applicant(place: Mall) -> None:
    house = place.house
    permit = apply(house, kind="confined_space")
    assert approvals(permit.kind, permit.level) == 2
    for what in ("assess", "check"):
        permit = act(house, permit, what)
    with pytest.raises(RequestRefused, match="does not approve"):
        act(house, permit, "approve", who="applicant")
    assert act(house, permit, "approve", who="one").state is PermitState.CHECKED
    with pytest.raises(RequestRefused, match="approved it already"):
        act(house, permit, "approve", who="one")
    assert act(house, permit, "approve", who="two").state is PermitState.APPROVED


def test_an_interruption_over_the_limit_needs_a_new_test(place: Mall) -> None:
    house = place.house
    permit = act(house, working(house), "suspend", note="rain")
    house.clock.advance(59 * 60_000)
    permit = act(house, permit, "resume")
    assert permit.state is PermitState.WORKING
    permit = act(house, permit, "suspend", note="lunch")
    house.clock.advance(61 * 60_000)
    with pytest.raises(RequestRefused, match="since the interruption"):
        act(house, permit, "resume")
    gas_tested(house, permit)
    assert act(house, permit, "resume").state is PermitState.WORKING


def test_an_open_permit_holds_its_circuits_out_of_the_plan_until_it_is_closed(place: Mall) -> None:
    permit = working(place.house)
    place.run(32 * 60)
    item = next(item for item in place.runs.items(place.last.id) if item.circuit_id == "shop0")
    assert (item.state, item.code) == (ItemState.LEFT_ON, "work_permit")
    assert place.closed["b-shop0"]
    assert not place.closed["b-shop1"]
    permit = act(place.house, permit, "complete", "applicant")
    circuit = place.house.warden.configuration.roster.circuits["shop0"]
    held = [hold(circuit, place.house.clock.now_ms()) for hold in place.runs._holds]
    assert any(held), "complete is not accepted yet"
    with pytest.raises(RequestRefused, match="another person"):
        act(place.house, permit, "close", "applicant")
    act(place.house, permit, "close", "manager")
    assert not any(hold(circuit, place.house.clock.now_ms()) for hold in place.runs._holds)


def test_gas_suspends_the_work_at_once_tells_the_guardian_and_the_alarm_shows_the_permit(place: Mall) -> None:
    permit = working(place.house)
    raise_gas(place)
    (alarm,) = [alarm for alarm in place.house.alarms if alarm.kind == "gas"]
    (fact,) = [fact for section in place.house.warden.sections for fact in section.standing() if fact.kind == "work_permit"]
    assert (fact.state, fact.body.suspended_by) == ("suspended", f"gas:{alarm.id}")
    told = [intent for step in place.house.steps for intent in step.outcome.notifies if isinstance(intent, NotifyWanted)]
    assert {(intent.recipient, intent.alarm_id) for intent in told if intent.cause.startswith("permit:")} == {("user:guard", alarm.id)}
    notes = [t.note for step in place.house.steps for t in step.outcome.transitions if t.alarm.id == alarm.id and permit.id in t.note]
    assert len(notes) == 1
    assert not alarm.suppressions, "annotated, never suppressed"
    with pytest.raises(RequestRefused, match="gas alarm stands"):
        act(place.house, permit, "resume")


def test_a_failed_test_suspends_the_work(place: Mall) -> None:
    permit = working(place.house)
    assert gas_tested(place.house, permit, combustible=0.9).state is PermitState.SUSPENDED


def test_a_permit_whose_time_runs_out_is_overdue_and_still_holds(place: Mall) -> None:
    now_ms = place.house.clock.now_ms()
    permit = working(place.house, until_ms=now_ms + 60_000)
    place.run(65)
    (fact,) = [fact for section in place.house.warden.sections for fact in section.standing() if fact.kind == "work_permit"]
    assert fact.state == "overdue"
    assert "permit_overdue" in {alarm.rule_id.removeprefix("service:") for alarm in place.house.alarms}
    act(place.house, permit, "complete", "applicant")
    act(place.house, permit, "close", "manager")
    place.run(1)
    standing = [alarm for alarm in place.house.alarms if alarm.rule_id == "service:permit_overdue" and alarm.condition == "active"]
    assert not standing


def test_what_was_never_begun_is_void_when_its_time_ends(place: Mall) -> None:
    permit = apply(place.house, until_ms=place.house.clock.now_ms() + 30_000)
    place.run(35)
    last = [fact for step in place.house.steps for fact in step.outcome.facts if fact.id == permit.id][-1]
    assert (last.state, last.is_over) == ("void", True)


def test_permits_outlive_a_crash(place: Mall) -> None:
    permit = working(place.house)
    place.house.crash(down_ms=2_000)
    (fact,) = [fact for section in place.house.warden.sections for fact in section.standing() if fact.kind == "work_permit"]
    assert fact.body == permit
    place.house.snapshot()
    place.house.crash()
    (fact,) = [fact for section in place.house.warden.sections for fact in section.standing() if fact.kind == "work_permit"]
    assert fact.body == permit
