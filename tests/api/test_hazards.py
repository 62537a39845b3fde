"""The hazard record over HTTP: from an alarm to acceptance, refusals, and what the stream hears of it."""

from __future__ import annotations

from api.ledger import end_of_day_ms
from api.shapes.times import iso
from tests.api.conftest import Service
from tests.api.plant import NOON
from tests.api.test_access import GRADED, PLAN

MAJOR = {name: name for name in ("situation", "harm", "goals", "methods", "resources", "organisation", "limits", "safety")}


def opened(service: Service) -> str:
    made = service.call("operator", "POST", "/alarms/mall-alarm/hazard", {}, 201)
    assert (made["state"], made["source"], made["alarm_ids"], made["point_id"]) == ("reported", "alarm", ["mall-alarm"], "mall-gas:lel")
    return str(made["id"])


def test_from_an_alarm_to_accepted_and_both_know_of_one_another(service: Service) -> None:
    hazard = opened(service)
    assert service.board.alarms["mall-alarm"].hazard_id == hazard
    assert service.call("operator", "GET", "/alarms/mall-alarm")["hazard"]["id"] == hazard
    assert service.call("manager", "POST", f"/hazards/{hazard}/confirm", GRADED)["grade"] == "general"
    assert service.call("enterprise", "POST", f"/hazards/{hazard}/rectify", PLAN)["rectification"]["person"] == "王"
    submitted = service.call("enterprise", "POST", f"/hazards/{hazard}/submit", {"note": "valve replaced"})
    assert not {"accept", "return", "submit"} & set(submitted["may"]), "who submitted does not accept"
    assert "72 h" in service.call("manager", "POST", f"/hazards/{hazard}/accept", {}, 422)["detail"]
    closed = service.call("manager", "POST", f"/hazards/{hazard}/accept", {"note": "tested with gas"})
    assert (closed["state"], closed["is_open"]) == ("accepted", False)
    assert [s["act"] for s in closed["steps"]] == ["report", "confirm", "rectify", "submit", "accept"]
    assert [e.kind for e in service.feed.since(1 << 21) or []].count("hazard") == 5


def test_who_submitted_does_not_accept_and_a_step_out_of_turn_is_refused(service: Service) -> None:
    hazard = opened(service)
    assert service.call("manager", "POST", f"/hazards/{hazard}/accept", {"note": "x"}, 409)["type"].endswith("illegal-step")
    service.call("manager", "POST", f"/hazards/{hazard}/confirm", GRADED)
    service.call("manager", "POST", f"/hazards/{hazard}/rectify", PLAN)
    service.call("manager", "POST", f"/hazards/{hazard}/submit", {"note": "done"})
    assert "somebody else" in service.call("manager", "POST", f"/hazards/{hazard}/accept", {"note": "x"}, 403)["detail"]
    assert service.call("supervisor", "POST", f"/hazards/{hazard}/return", {"reason": "leaks"})["state"] == "rectifying"


def test_a_major_one_is_accepted_by_the_supervising_body_only(service: Service) -> None:
    hazard = opened(service)
    service.call("supervisor", "POST", f"/hazards/{hazard}/confirm", {"grade": "major"})
    refused = service.call("enterprise", "POST", f"/hazards/{hazard}/rectify", PLAN, 422)
    assert "situation, harm, goals" in refused["detail"]
    service.call("enterprise", "POST", f"/hazards/{hazard}/rectify", PLAN | {"major": MAJOR})
    service.call("enterprise", "POST", f"/hazards/{hazard}/submit", {"note": "done"})
    assert "accept" not in service.call("manager", "GET", f"/hazards/{hazard}")["may"]
    assert "accept" in service.call("supervisor", "GET", f"/hazards/{hazard}")["may"]
    service.call("manager", "POST", f"/hazards/{hazard}/accept", {"note": "x"}, 403)
    service.call("supervisor", "POST", f"/hazards/{hazard}/accept", {"note": "seen"})


def test_the_same_point_again_counts_on_the_open_hazard(service: Service) -> None:
    from dataclasses import replace

    hazard = opened(service)
    service.call("operator", "POST", "/alarms/mall-alarm/hazard", {}, 409)
    service.board.alarms["again"] = replace(service.board.alarms["mall-alarm"], id="again", hazard_id=None)
    again = service.call("operator", "POST", "/alarms/again/hazard", {}, 201)
    assert (again["id"], again["recurrences"]) == (hazard, 1)


def test_missing_parts_of_the_plan_are_named(service: Service) -> None:
    hazard = opened(service)
    service.call("manager", "POST", f"/hazards/{hazard}/confirm", GRADED)
    problem = service.call("enterprise", "POST", f"/hazards/{hazard}/rectify", {"rectification": {"person": "王"}}, 422)
    assert (problem["type"], "funds" in problem["detail"]) == ("urn:sitewarden:problem:incomplete", True)


def test_overdue_is_by_the_sites_own_midnight_and_listed(service: Service) -> None:
    hazard = opened(service)
    assert end_of_day_ms(NOON, "Asia/Shanghai") == NOON + 12 * 3_600_000
    assert service.call("manager", "GET", f"/hazards/{hazard}")["rectification"]["deadline_at"] == iso(NOON + 12 * 3_600_000)
    service.clock.advance(12 * 3_600_000 - 1)
    service.tokens.clear()
    assert service.call("manager", "GET", "/hazards?state=overdue")["items"] == []
    service.clock.advance(1)
    assert [h["is_overdue"] for h in service.call("manager", "GET", "/hazards?state=overdue")["items"]] == [True]
    counts = service.call("manager", "GET", "/hazards/counts?state=open")
    assert counts["total"] >= 1


def test_merging_needs_another_open_one_that_is_seen(service: Service) -> None:
    hazard = opened(service)
    service.call("manager", "POST", f"/hazards/{hazard}/merge", {"into": "nowhere", "reason": "same"}, 422)
    service.call("manager", "POST", f"/hazards/{hazard}/merge", {"into": hazard, "reason": "same"}, 409)


def test_a_hazard_is_opened_although_the_scan_is_busy(service: Service) -> None:
    service.desk.is_busy = True
    opened(service)


def test_a_hazard_from_an_alarm_names_the_orders_that_its_alarm_called_for(service: Service) -> None:
    born = service.client.post("/api/v1/alarms/mall-alarm/hazard", json={}, headers=service.as_("operator")).json()
    shown = service.client.get(f"/api/v1/hazards/{born['id']}", headers=service.as_("operator")).json()
    assert shown["order_ids"] == ["mall-order"]
