"""Notice before a plan's run, and reminders of 24 h permits that end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.rows import ConfigChanged
from power.reminders import Notice
from power.requests import LockOut
from sites.model import CircuitClass
from tests.scenarios.test_runs import Mall, evening, plan

DAY = 86_400_000


def standing(place: Mall, code: str) -> list[str]:
    return [alarm.subject for alarm in place.house.alarms if alarm.rule_id == f"service:{code}" and alarm.condition == "active"]


def notices(place: Mall) -> list[Notice]:
    facts = [fact for step in place.house.steps for fact in step.outcome.facts if fact.kind == "notice" and not fact.is_over]
    return [fact.body for fact in facts]


def test_tenants_are_told_once_before_the_run_of_exactly_what_goes_dark(tmp_path: Path) -> None:
    place = evening(tmp_path, plan(notice_min=15), clock="22:13")
    place.run(2)
    place.house.ask(LockOut(circuit_id="shop1", who="operator", reason="fair", purpose="veto"))
    assert not notices(place)
    place.run(150)
    (notice,) = notices(place)
    assert set(notice.circuits) == {"shop0", "shop2", "shop3", "shop4", "shop5", "sign"}
    assert "tenant shop1" not in notice.tenants
    assert standing(place, "plan_notice") == ["plan:night"]
    place.run(16 * 60)
    assert not standing(place, "plan_notice")
    assert len(notices(place)) == 1


def test_an_observation_night_and_a_plan_without_notice_tell_nobody(tmp_path: Path) -> None:
    quiet, watching = plan(notice_min=0), plan(id="watch", notice_min=15, observation_nights=3)
    place = evening(tmp_path, quiet, watching, clock="22:20")
    place.run(130)
    assert not notices(place)


def test_a_permit_that_ends_is_told_three_days_before_until_it_is_renewed(tmp_path: Path) -> None:
    place = evening(tmp_path, clock="20:00")
    circuit = place.house.warden.configuration.roster.circuits["shop0"]
    now_ms = place.house.clock.now_ms()

    def put(version: int, until_ms: int) -> None:
        changed = replace(circuit, circuit_class=CircuitClass.PERMIT_24H, permit_until_ms=until_ms, version=version)
        place.house.scan.put(ConfigChanged.of("circuit", "shop0", version, changed))
        place.run(65)

    put(11, now_ms + 4 * DAY)
    assert not standing(place, "permit_24h_ends")
    put(20, now_ms + 2 * DAY)
    assert standing(place, "permit_24h_ends") == ["circuit:shop0"]
    place.house.crash()
    put(30, now_ms + 30 * DAY)
    assert not standing(place, "permit_24h_ends")
