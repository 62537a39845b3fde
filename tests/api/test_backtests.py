"""Backtests over HTTP: tried in a child process on the service's history, compared with the present version and what operators found."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from alarms.model import Signal, Transition, Verdict
from storage.database import writing
from storage.project import apply
from storage.projection import Outcome
from tests.api.conftest import Service
from tests.api.plant import NOON, alarm

SPAN = {"from_at": "2026-11-22T03:00:00Z", "to_at": "2026-11-22T04:00:00Z"}  # the hour before noon in Shanghai
EDITED = {
    "name": {"zh": "燃气", "en": "Gas"}, "kind": "level", "metric": "lel", "above": [{"limit": 15, "severity": "high", "deadband": 2.5}],
    "scope": {"sites": ["mall"]}, "version": 1,
}  # fmt: skip


@pytest.fixture
def history(service: Service) -> Service:
    """20 %LEL for five minutes, then 30 for five: the present rule raises at the second only."""
    values = [(seconds, 20.0 if 2700 < seconds <= 3000 else 30.0 if 1200 < seconds <= 1500 else 5.0) for seconds in range(3600, 0, -10)]
    service.workshop.feed("mall-gas:lel", values)
    service.workshop.feed("plant-gas:lel", [(seconds, 60.0) for seconds in range(3600, 0, -10)])
    return service


def finished(service: Service, login: str, backtest_id: str) -> Any:
    end = time.monotonic() + 60.0
    while (job := service.call(login, "GET", f"/backtests/{backtest_id}"))["state"] in ("waiting", "running"):
        assert time.monotonic() < end, job
        time.sleep(0.05)
    return job


def at(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(NOON // 1000 - seconds))


def test_an_edit_is_tried_beside_the_present_version(history: Service) -> None:
    asked = history.call("manager", "POST", "/rules/mall-rule/backtest", {"rule": EDITED, **SPAN}, status=202)
    assert (asked["state"], asked["points"], asked["present_version"], asked["is_edited"]) == ("waiting", 1, 1, True)
    job = finished(history, "manager", asked["id"])
    result = job["result"]
    assert (job["state"], job["part"], result["readings"]) == ("done", 1.0, 360)
    assert [(each["subject"], each["from_at"], each["until_at"]) for each in result["tried"]["episodes"]] == [
        ("point:mall-gas:lel", at(3000), at(2700)),
        ("point:mall-gas:lel", at(1500), at(1200)),
    ]
    assert result["tried"]["by_day_and_zone"] == [{"day": "2026-11-22", "zone_id": "mall-kitchen", "raised": 2}]
    difference = result["difference"]
    assert (difference["kept_total"], difference["lost_total"], difference["new_total"]) == (1, 0, 1)
    assert difference["new"][0]["from_at"] == at(3000)
    assert difference["kept"][0]["delay_s"] == 0
    findings = history.call("manager", "GET", f"/backtests/{asked['id']}/findings?of=tried&limit=3")
    assert [each["edge"] for each in findings["items"]] == ["raised", "cleared", "raised"]
    rest = history.call("manager", "GET", f"/backtests/{asked['id']}/findings?of=tried&cursor={findings['next_cursor']}")
    assert ([each["edge"] for each in rest["items"]], rest["next_cursor"]) == (["cleared"], None)


def test_verdicts_tell_true_alarms_kept_or_lost_and_false_ones_removed(history: Service) -> None:
    ended = {"true": (1500, 1200, Verdict.TRUE), "false": (2500, 2400, Verdict.NUISANCE)}
    judged = [
        alarm("mall", id=f"a-{name}", raised_ms=NOON - raised * 1000, cleared_ms=NOON - cleared * 1000, ended_ms=NOON - 1, verdict=verdict)
        for name, (raised, cleared, verdict) in ended.items()
    ]
    with writing(history.records.engine) as connection:
        transitions = [Transition(alarm=replace(each, seq=1), signal=Signal.RAISED, at_ms=each.raised_ms) for each in judged]
        apply(connection, [Outcome(position=2, now_ms=NOON, transitions=transitions)])
    late = {**EDITED, "above": [{"limit": 25, "severity": "high", "hold_s": 60}]}
    asked = history.call("manager", "POST", "/rules/mall-rule/backtest", {"rule": late, **SPAN}, status=202)
    verdicts = finished(history, "manager", asked["id"])["result"]["verdicts"]
    assert (verdicts["true_kept"], verdicts["true_lost"], verdicts["false_kept"], verdicts["false_removed"]) == (1, 0, 0, 1)
    assert verdicts["mean_delay_s"] == 60.0
    assert {each["alarm_id"]: each["is_kept"] for each in verdicts["alarms"]} == {"a-true": True, "a-false": False}


def test_a_rule_that_is_not_kept_yet_is_tried_alone(history: Service) -> None:
    asked = history.call("manager", "POST", "/rules/new-rule/backtest", {"rule": EDITED, **SPAN}, status=202)
    job = finished(history, "manager", asked["id"])
    assert (job["present_version"], job["is_edited"], job["result"]["present"], job["result"]["tried"]["raised"]) == (None, True, None, 2)


def test_the_rule_as_it_is_needs_no_body(history: Service) -> None:
    asked = history.call("manager", "POST", "/rules/mall-rule/backtest", SPAN, status=202)
    job = finished(history, "manager", asked["id"])
    assert (job["present_version"], job["is_edited"], job["result"]["difference"]) == (1, False, None)
    assert job["result"]["tried"]["raised"] == 1


def test_nobody_tries_on_points_that_are_not_theirs(history: Service) -> None:
    everywhere = {**EDITED, "scope": {}}
    asked = history.call("manager", "POST", "/rules/everywhere/backtest", {"rule": everywhere, **SPAN}, status=202)
    assert asked["points"] == 1
    assert {each["device_id"] for each in finished(history, "manager", asked["id"])["result"]["tried"]["episodes"]} == {"mall-gas"}
    refused = history.call(
        "manager", "POST", "/rules/everywhere/backtest", {"rule": everywhere, "points": ["plant-gas:lel"], **SPAN}, status=422
    )
    assert refused["errors"][0]["pointer"] == "/points"


def test_each_belongs_to_whoever_asked_and_is_forgotten_on_request(history: Service) -> None:
    asked = history.call("manager", "POST", "/rules/mall-rule/backtest", SPAN, status=202)
    for method, path in (("GET", ""), ("GET", "/findings"), ("DELETE", "")):
        history.call("root", method, f"/backtests/{asked['id']}{path}", status=404)
    assert history.call("root", "GET", "/backtests")["items"] == []
    assert [each["id"] for each in history.call("manager", "GET", "/backtests")["items"]] == [asked["id"]]
    history.call("manager", "DELETE", f"/backtests/{asked['id']}", status=204)
    history.call("manager", "GET", f"/backtests/{asked['id']}", status=404)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"from_at": SPAN["to_at"], "to_at": SPAN["from_at"]}, "/from_at"),
        ({"from_at": "2024-11-22T03:00:00Z", "to_at": SPAN["to_at"]}, "/from_at"),
        ({"rule": {**EDITED, "above": [{"limit": 90, "severity": "high"}]}}, "/above/0/limit"),
        ({"rule": {**EDITED, "scope": {"devices": ["nobody"]}}}, None),
        ({"rule": {**EDITED, "id": "other"}}, "/id"),
    ],
)
def test_what_cannot_be_tried_is_refused_at_once(history: Service, body: Any, pointer: str | None) -> None:
    refused = history.call("manager", "POST", "/rules/mall-rule/backtest", body, status=422 if pointer else 202)
    if pointer is not None:
        assert refused["errors"][0]["pointer"] == pointer


def test_a_historian_that_is_away_fails_the_job_and_not_the_service(history: Service) -> None:
    history.workshop.historian.down_reason = "gone"
    asked = history.call("manager", "POST", "/rules/mall-rule/backtest", SPAN, status=202)
    job = finished(history, "manager", asked["id"])
    assert (job["state"], job["result"]) == ("failed", None)
    assert "historian" in job["problem"]
    history.call("manager", "GET", f"/backtests/{asked['id']}/findings", status=409)
