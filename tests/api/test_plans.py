"""Plans, previews, clicks and runs at the door: what is shown, what is refused and why, and the printed evidence."""

from __future__ import annotations

from typing import Any

import pytest

from api import cut_reach
from power.run_model import StartCuts, StartPlan
from sites.model import derived_id
from tests.api.conftest import Service
from tests.api.plant import PASSWORD

NIGHT: dict[str, Any] = {"site_id": "mall", "name": "闭店断电", "stages": [{"classes": ["use"]}], "at": "22:30"}
SECOND = {"second_login": "manager", "second_password": PASSWORD}


def test_a_plan_is_kept_and_says_itself_in_both_languages(service: Service) -> None:
    made = service.call("manager", "POST", "/plans", NIGHT, 201)
    assert made["at"] == "22:30"
    assert made["circuits"] == 1
    assert "每天 22:30" in made["sentence"]
    assert "every day at 22:30" in made["sentence_en"]
    changed = service.call("manager", "PUT", f"/plans/{made['id']}", {**NIGHT, "version": 1, "weekdays": [0, 4], "at": "23:00"})
    assert (changed["version"], changed["weekdays"]) == (2, [0, 4])
    assert "周一、五 23:00" in changed["sentence"]
    service.call("manager", "DELETE", f"/plans/{made['id']}", None, 204)
    service.call("manager", "GET", f"/plans/{made['id']}", None, 404)


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"at": None}, "/at"),
        ({"stages": []}, "/stages"),
        ({"stages": [{"classes": ["fire"]}]}, "/stages/0/classes"),
        ({"stages": [{"circuits": ["plant-c1"]}]}, "/stages/0"),
        ({"calendar": "none", "at": None}, "/calendar"),
        ({"retries": 9}, "/retries"),
    ],
)
def test_what_a_plan_cannot_mean_is_refused_by_its_field(changed: dict[str, Any], pointer: str, service: Service) -> None:
    problem = service.call("manager", "POST", "/plans", {**NIGHT, **changed}, 422)
    assert problem["errors"][0]["pointer"] == pointer


def test_a_preview_shows_what_stays_on_and_why(service: Service) -> None:
    seen = service.call("operator", "POST", "/cuts/preview", {"zone_id": "mall-kitchen"})
    assert [item["circuit_id"] for item in seen["goes_dark"]] == ["mall-c1"]
    assert [(item["circuit_id"], item["code"]) for item in seen["stays_on"]] == [("mall-c2", "class_fire")]
    assert seen["power_w"] == 900.0
    assert seen["tenants"] == ["面馆"]
    assert seen["challenge"] == ""


def test_a_click_names_exactly_what_was_seen(service: Service) -> None:
    ask = {"alarm_id": "mall-alarm", "circuit_ids": ["mall-c1"], "reason": "gas"}
    run = service.call("operator", "POST", "/cuts", ask, 202)
    assert run["alarm_id"] == "mall-alarm"
    asked = [each for each in service.desk.asked if isinstance(each, StartCuts)]
    assert asked[-1].circuit_ids == ("mall-c1",)
    problem = service.call("operator", "POST", "/cuts", {**ask, "circuit_ids": ["plant-c1"]}, 422)
    assert "look at the preview again" in problem["detail"]


def test_a_whole_site_asks_for_the_digits_of_its_preview(service: Service) -> None:
    seen = service.call("operator", "POST", "/cuts/preview", {"site_id": "mall"})
    assert len(seen["digits"]) == 4
    ask = {"site_id": "mall", "circuit_ids": ["mall-c1"], "reason": "flood", "challenge": seen["challenge"], "digits": seen["digits"]}
    wrong = f"{(int(seen['digits']) + 1) % 10_000:04d}"
    assert service.call("operator", "POST", "/cuts", {**ask, "digits": wrong}, 422)["errors"][0]["pointer"] == "/digits"
    other = {**ask, "circuit_ids": ["mall-c1", "mall-c2"]}
    assert service.call("operator", "POST", "/cuts", other, 422)["errors"][0]["pointer"] == "/challenge"
    assert service.call("operator", "POST", "/cuts", {**ask, "challenge": ""}, 422)["errors"][0]["pointer"] == "/challenge"
    service.call("operator", "POST", "/cuts", ask, 202)
    service.clock.advance(cut_reach.CHALLENGE_MS + 1)
    assert "older than two minutes" in service.call("operator", "POST", "/cuts", ask, 422)["detail"]


def test_a_floor_that_is_not_there_is_named(service: Service) -> None:
    problem = service.call("operator", "POST", "/cuts/preview", {"site_id": "mall", "floor": "99"}, 422)
    assert "its floors are" in problem["detail"]


def test_the_first_run_of_a_plan_needs_a_second_person(service: Service) -> None:
    assert service.call("operator", "POST", "/plans/mall-plan/preview", {})["needs_second"]
    path = "/plans/mall-plan/runs"
    service.call("operator", "POST", path, {"reason": "drill"}, 403)
    service.call("operator", "POST", path, {"reason": "drill", "second_login": "operator", "second_password": PASSWORD}, 403)
    service.call("operator", "POST", path, {"reason": "drill", "second_login": "supervisor", "second_password": PASSWORD}, 403)
    service.call("operator", "POST", path, {"reason": "drill", **SECOND}, 202)
    asked = [each for each in service.desk.asked if isinstance(each, StartPlan)]
    assert (asked[-1].who, asked[-1].second) == ("u-operator", "u-manager")


def test_a_run_is_seen_with_its_circuits_and_aborted(service: Service) -> None:
    run_id = derived_id("run", "mall", "click", "u-operator", "k")
    run = service.call("operator", "GET", f"/runs/{run_id}")
    assert (run["state"], run["is_live"]) == ("countdown", True)
    assert [item["circuit_id"] for item in run["items"]] == ["mall-c1"]
    aborted = service.call("operator", "POST", f"/runs/{run_id}/abort", {"reason": "stock-taking"})
    assert (aborted["state"], aborted["ended_by"]["id"]) == ("aborted", "u-operator")
    problem = service.call("operator", "POST", f"/runs/{run_id}/abort", {"reason": "again"}, 409)
    assert "aborted" in problem["detail"]


@pytest.mark.parametrize(("lang", "title"), [("zh", "断电执行报告"), ("en", "Cut-off run report")])
def test_the_report_is_printable_in_both_languages(lang: str, title: str, service: Service) -> None:
    run_id = derived_id("run", "mall", "click", "u-operator", "k")
    page = service.client.get(f"/api/v1/runs/{run_id}/report?lang={lang}", headers=service.as_("operator"))
    assert page.status_code == 200
    assert title in page.text
    assert "circuit 1" in page.text
    table = service.client.get(f"/api/v1/runs/{run_id}/report?form=csv", headers=service.as_("operator"))
    assert "mall-c1" in table.text
    assert service.call("operator", "GET", f"/runs/{run_id}/report?form=json")["items"][0]["circuit_id"] == "mall-c1"


def test_a_name_in_a_report_is_never_markup_or_a_formula(service: Service) -> None:
    ask = {"alarm_id": "mall-alarm", "circuit_ids": ["mall-c1"], "reason": "<script>alert(1)</script>"}
    run = service.call("operator", "POST", "/cuts", ask, 202)
    page = service.client.get(f"/api/v1/runs/{run['id']}/report", headers=service.as_("operator"))
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


def test_a_month_without_runs_is_empty_and_a_wrong_one_refused(service: Service) -> None:
    month = service.call("manager", "GET", "/runs/month?site=mall&of=2026-10")
    assert (month["nights"], month["proved_share"], month["energy_not_used_kwh"]) == (0, None, 0)
    service.call("manager", "GET", "/runs/month?site=mall&of=2026-13", None, 422)
