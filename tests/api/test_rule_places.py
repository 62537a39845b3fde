"""Calendars, schedules and overrides at the door: what is refused, with the clause and in both languages."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Service

HOURS: dict[str, Any] = {"id": "mall-hours", "name": "营业时间", "site_id": "mall", "weekdays": [["10:00-22:00"]] * 7}


def rule(**more: Any) -> dict[str, Any]:
    above = [{"limit": 20, "severity": "high"}, {"limit": 40, "severity": "critical"}]
    return {"id": "gas-20", "name": "燃气", "kind": "level", "metric": "lel", "above": above, **more}


def test_a_rule_names_a_calendar_that_is_there(service: Service) -> None:
    closed = {"when": "closed", "calendar": "mall-hours"}
    refused = service.call("root", "POST", "/rules", rule(schedule=closed), 422)
    assert refused["errors"][0]["pointer"] == "/schedule/calendar"
    service.call("root", "POST", "/calendars", HOURS, 201)
    made = service.call("root", "POST", "/rules", rule(schedule=closed), 201)
    assert made["data"]["schedule"] == closed


def test_a_calendar_that_cannot_be_meant_is_refused_in_both_languages(service: Service) -> None:
    refused = service.call("root", "POST", "/calendars", {**HOURS, "holidays": [{"first": "2026-10-07", "last": "2026-10-01"}]}, 422)
    (problem,) = refused["errors"]
    assert problem["pointer"] == "/holidays/0"
    assert "the first not after the last" in problem["detail"]
    assert "不晚于" in problem["detail_zh"]


def test_a_place_cannot_go_beyond_the_clause(service: Service) -> None:
    service.call("root", "POST", "/rules", rule(), 201)
    wanted = {
        "id": "o",
        "rule_id": "gas-20",
        "node_kind": "site",
        "node_id": "mall",
        "reason": "试点",
        "levels": [{"level": 0, "limit": 26}],
    }
    refused = service.call("root", "POST", "/overrides", wanted, 422)
    problem = next(each for each in refused["errors"] if each["pointer"] == "/above/0/limit")
    assert "GB/T 50493-2019" in problem["detail"]
    assert "GB/T 50493-2019" in problem["detail_zh"]
    made = service.call("root", "POST", "/overrides", {**wanted, "levels": [{"level": 0, "limit": 15}]}, 201)
    assert made["levels"][0]["limit"] == 15
