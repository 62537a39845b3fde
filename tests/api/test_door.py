"""What holds for every route: problems, repeated requests, versions, bounded bodies, health, the console and the document."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.console import serve
from api.run import HttpServer, bind
from api.server import create_app
from api.shapes.times import iso, to_ms
from app.decoding import Codecs
from app.settings import Settings
from sites.records import Unavailable
from tests.api.conftest import Service
from tests.api.plant import NOON, PaperHistory

PROBLEM = "application/problem+json"


# -- repeated requests -----------------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_answer_and_acts_once_also_after_a_restart(build: Callable[..., Service], tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    service = build(kept)
    first = service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202, Idempotency_Key="k1")
    assert service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202, Idempotency_Key="k1") == first
    assert len(service.desk.asked) == 1
    again = build(kept)
    assert again.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202, Idempotency_Key="k1") == first
    assert not again.desk.asked


def test_a_key_is_ones_own_and_for_one_request(service: Service) -> None:
    service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202, Idempotency_Key="k1")
    problem = service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "smoke"}, 422, Idempotency_Key="k1")
    assert problem["type"].endswith("key-reused")
    service.call("manager", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202, Idempotency_Key="k1")
    service.call("supervisor", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 403, Idempotency_Key="k1")
    assert len(service.desk.asked) == 2


def test_a_refused_request_is_not_remembered(service: Service) -> None:
    service.desk.is_busy = True
    service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 503, Idempotency_Key="k1")
    service.desk.is_busy = False
    service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202, Idempotency_Key="k1")


def test_many_at_once_with_one_key_act_once(service: Service, url: str) -> None:
    headers = service.as_("operator") | {"Idempotency-Key": "storm"}

    def click(_: int) -> tuple[int, str]:
        response = httpx.post(f"{url}/api/v1/circuits/mall-c1/cut", json={"reason": "gas"}, headers=headers, trust_env=False)
        return response.status_code, response.text

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(click, range(16)))
    assert len(answers) == 1
    assert len(service.desk.asked) == 1


def test_a_repeated_click_is_safe_also_while_the_records_are_away(service: Service) -> None:
    service.call("operator", "GET", "/me")
    service.outage.is_on = True
    for _ in range(2):
        service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202, Idempotency_Key="k1")
    assert len(service.desk.asked) == 1


# -- configuration ---------------------------------------------------------------------------------------------------------


def test_a_change_tells_the_scan_and_a_stale_version_is_refused(service: Service) -> None:
    body = {"name": "Küche", "site_id": "mall", "version": 1}
    changed = service.call("manager", "PUT", "/zones/mall-kitchen", body)
    assert (changed["name"], changed["version"]) == ("Küche", 2)
    assert service.desk.configured[-1][:3] == ("zone", "mall-kitchen", 2)
    problem = service.call("manager", "PUT", "/zones/mall-kitchen", body, 409)
    assert problem["type"].endswith("conflict")
    assert "version 2, not 1" in problem["detail"]


def test_an_id_that_is_taken_is_a_conflict(service: Service) -> None:
    service.call("manager", "POST", "/zones", {"id": "mall-kitchen", "name": "x", "site_id": "mall"}, 409)


def test_what_still_holds_others_is_not_removed(service: Service) -> None:
    assert "mall-" in service.call("manager", "DELETE", "/zones/mall-kitchen", status=409)["detail"]
    service.call("manager", "DELETE", "/zones/mall-empty", status=204)
    assert service.desk.configured[-1] == ("zone", "mall-empty", 2, None)


def test_a_changed_breaker_voids_the_trial_and_class_is_no_field(service: Service) -> None:
    body = {"name": "c", "site_id": "mall", "zone_id": "mall-kitchen", "device_id": "mall-switch", "channel": "1", "version": 1}
    assert service.call("manager", "PUT", "/circuits/mall-c1", body)["trial"] is not None
    moved = service.call("manager", "PUT", "/circuits/mall-c1", body | {"channel": "7", "version": 2})
    assert moved["trial"] is None
    service.call("manager", "PUT", "/circuits/mall-c1", body | {"circuit_class": "use", "version": 3}, 422)
    service.call("manager", "PUT", "/circuits/mall-c1", body | {"channel": "2", "version": 3}, 422)


def test_an_unknown_device_is_accepted_into_a_zone(service: Service) -> None:
    waiting = service.call("manager", "GET", "/devices/inbox")["items"][0]
    assert (waiting["address"], json.loads(waiting["payload"])) == ("mall/new-1", {"values": {"lel": 1}})
    made = service.call("manager", "POST", f"/devices/inbox/{waiting['id']}/accept", {"site_id": "mall", "zone_id": "mall-kitchen"}, 201)
    assert (made["id"], made["kind"], made["address"]) == ("new-1", "gas", "mall/new-1")
    assert service.desk.configured[-1][:2] == ("device", "new-1")
    assert service.call("manager", "GET", "/devices/inbox")["items"] == []


def test_a_rule_that_cannot_be_meant_is_refused_with_a_pointer_to_each_problem(service: Service) -> None:
    body = {"name": "x", "kind": "level", "metric": "lel", "above": [{"limit": "much", "severity": "loud"}], "colour": 1,
            "scope": {"sites": ["mall"]}}  # fmt: skip
    problem = service.call("manager", "POST", "/rules", body, 422)
    pointers = {e["pointer"] for e in problem["errors"]}
    assert problem["type"].endswith("invalid-rule")
    assert {"/above/0/limit", "/above/0/severity", "/colour"} <= pointers
    assert "/cut" in {
        e["pointer"] for e in service.call("manager", "POST", "/linkages", {"name": "x", "cut": "maybe", "sites": ["mall"]}, 422)["errors"]
    }


def test_a_rule_keeps_its_versions_and_its_data_can_be_handed_in_again(service: Service) -> None:
    present = service.call("manager", "GET", "/rules/mall-rule")
    data = present["data"] | {"hold_s": 3}
    changed = service.call("manager", "PUT", "/rules/mall-rule", data)
    assert (changed["version"], changed["hold_s"]) == (2, 3.0)
    assert service.call("manager", "GET", "/rules/mall-rule?version=1")["hold_s"] == 0.0
    service.call("manager", "GET", "/rules/mall-rule?version=9", status=404)


def test_history_of_a_point_has_columns_of_one_length_and_no_nan(service: Service) -> None:
    found = service.call("operator", "GET", "/points/mall-gas:lel/readings?from=2026-11-22T03:00:00Z&to=2026-11-22T04:00:00Z")
    assert len(found["taken_ms"]) == len(found["mean"]) == 60
    assert found["mean"][0] is None
    assert (found["unit"], found["step_ms"]) == ("%LEL", 0)
    assert found["gaps"] == [{"from_at": "2026-11-22T03:00:00.000Z", "to_at": "2026-11-22T03:00:01.000Z"}]
    service.call("operator", "GET", "/points/mall-gas:lel/readings?from=2026-11-22T04:00:00Z&to=2026-11-22T03:00:00Z", status=422)
    service.call("operator", "GET", "/points/mall-gas:lel/readings?from=2026-11-22T04:00:00", status=422)
    service.call("operator", "GET", "/points/mall-gas:nothing/readings", status=404)


def test_a_historian_that_is_away_says_so_and_not_the_records(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("connection refused by influx.internal")

    monkeypatch.setattr(service.door.history, "series", away)
    problem = service.call("operator", "GET", "/points/mall-gas:lel/readings", status=503)
    assert (problem["type"], "influx" in str(problem)) == ("urn:sitewarden:problem:history-unavailable", False)


def test_lists_are_paged_to_the_end_without_repetition(service: Service) -> None:
    for path in ("/devices", "/rules", "/zones", "/circuits"):
        found: list[str] = []
        cursor = ""
        while True:
            page = service.call("root", "GET", f"{path}?limit=1{cursor}")
            found += [i["id"] for i in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert len(found) == len(set(found)) == len(service.call("root", "GET", f"{path}?limit=500")["items"])


# -- problems --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/api/v1/alarms/mall-alarm/note", b"{not json", 422),
        ("POST", "/api/v1/alarms/mall-alarm/note", b'{"note": 7}', 422),
        ("POST", "/api/v1/alarms/mall-alarm/note", b'{"note": "x", "nope": 1}', 422),
        ("POST", "/api/v1/alarms/mall-alarm/note", b"\xff\xfe", 422),
        ("GET", "/api/v1/alarms?limit=0", b"", 422),
        ("GET", "/api/v1/nothing", b"", 404),
        ("PATCH", "/api/v1/alarms", b"", 405),
        ("GET", "/api/v1/alarms?severity=loud", b"", 422),
    ],
)
def test_bad_requests_are_problems(service: Service, method: str, path: str, content: bytes, status: int) -> None:
    headers = service.as_("operator") | {"content-type": "application/json"}
    response = service.client.request(method, path, content=content, headers=headers)
    assert (response.status_code, response.headers["content-type"]) == (status, PROBLEM), response.text
    assert set(response.json()) >= {"type", "title", "status", "detail"}


def test_a_fault_inside_says_nothing_of_the_inside(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2 at db.internal")

    monkeypatch.setattr(service.board, "presence", broken)
    response = service.client.get("/api/v1/devices/mall-gas", headers=service.as_("operator"))
    assert (response.status_code, response.headers["content-type"]) == (500, PROBLEM)
    assert "hunter2" not in response.text


def test_a_body_that_is_too_long_is_refused_declared_or_not(service: Service) -> None:
    headers = service.as_("operator")
    path = "/api/v1/alarms/mall-alarm/note"
    assert service.client.post(path, content=b"x" * (2 << 20), headers=headers).status_code == 413
    assert service.client.post(path, content=iter([b"x" * (1 << 19)] * 4), headers=headers).status_code == 413


def test_times_are_read_with_any_offset_and_written_in_utc() -> None:
    assert iso(NOON) == "2026-11-22T04:00:00.000Z"
    assert iso(-1) == "1969-12-31T23:59:59.999Z"
    assert to_ms("2026-11-22T12:00:00+08:00") == to_ms("2026-11-22T12:00:00 08:00") == to_ms("2026-11-22T04:00:00Z") == NOON
    assert to_ms(iso(NOON + 7)) == NOON + 7
    for bad in ("2026-11-22T12:00:00", "yesterday", "", 7):
        with pytest.raises(ValueError, match=r"time|offset"):
            to_ms(bad)


# -- beside the API --------------------------------------------------------------------------------------------------------


def test_health_readiness_and_figures_need_no_sign_in(service: Service) -> None:
    assert service.client.get("/healthz").json() == {"status": "alive"}
    assert service.client.get("/readyz").status_code == 200
    service.board.ready, service.board.degraded = False, {"broker": "connecting"}
    unready = service.client.get("/readyz")
    assert (unready.status_code, unready.json()["degraded"]) == (503, {"broker": "connecting"})
    metrics = service.client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    for line in (
        "sitewarden_readings_total 12.0",
        "sitewarden_scan_ms_p99 3.5",
        'sitewarden_open_alarms{attention="unacknowledged",severity="high"} 2.0',
        'sitewarden_degraded{part="broker"} 1.0',
        "sitewarden_ready 0.0",
    ):
        assert line in metrics.text.splitlines()


def test_the_docs_page_reaches_no_other_host(service: Service) -> None:
    page = service.client.get("/api/v1/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert service.client.get("/api/v1/openapi.json").json()["paths"]["/api/v1/alarms"]


def test_the_console_is_served_with_its_index_for_every_page_and_nothing_outside(tmp_path: Path, service: Service) -> None:
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("the console")
    (built / "assets" / "app-1a2b.js").write_text("code")
    (tmp_path / "secret.txt").write_text("secret")
    app = FastAPI()
    serve(app, built)
    app.state.door = service.door
    with HttpServer(app, bind("127.0.0.1", 0)) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        for page in ("/", "/alarms/a1", "/hazards"):
            answer = client.get(page)
            assert (answer.text, answer.headers["cache-control"]) == ("the console", "no-cache")
        assert "immutable" in client.get("/assets/app-1a2b.js").headers["cache-control"]
        assert client.get("/assets/gone.js").status_code == 404
        for escape in ("/..%2fsecret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "//etc/passwd"):
            assert "secret" not in client.get(escape).text
        assert client.get("/api/nothing").status_code == 404


def test_without_a_built_console_the_page_says_how_to_build_it(service: Service) -> None:
    assert "make console" in service.client.get("/").text


def test_the_application_is_made_in_one_call(service: Service, tmp_path: Path) -> None:
    app = create_app(
        desk=service.desk, board=service.board, feed=service.feed, records=service.records, history=PaperHistory(), exports=service.exports,  # type: ignore[arg-type]
        backtests=service.workshop.backtests, bench=service.workshop.bench,
        clock=service.clock, codecs=Codecs(Settings()), notices=service.door.notices, secret=b"s", version="9",
        console_dir=tmp_path, session_cache=tmp_path / "s.json",
    )  # fmt: skip
    with HttpServer(app, bind("127.0.0.1", 0)) as server:
        assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200
        assert app.state.door.sessions.person("u-manager") == {"id": "u-manager", "name": "Name of manager"}, "known from the start"


def test_the_document_is_printed_without_anything_behind_it() -> None:
    run = subprocess.run([sys.executable, "-W", "error", "-m", "api.openapi"], capture_output=True, check=True, timeout=60)
    document = json.loads(run.stdout)
    assert document["openapi"].startswith("3.")
    assert {"AlarmDetail", "OrderDetail", "SnapshotShape", "HazardDetail"} <= set(document["components"]["schemas"])


@pytest.mark.parametrize(
    "path", ["/alarms?stat=ended", "/sites?q=x&colour=red", "/alarms/counts?limit=5", "/me?x=1", "/hazards?State=open"]
)
def test_a_parameter_that_a_route_does_not_know_is_refused_and_the_allowed_ones_named(service: Service, path: str) -> None:
    unknown = path.partition("?")[2].rpartition("&")[2].partition("=")[0]
    problem = service.call("operator", "GET", path, status=422)
    assert problem["errors"][0]["pointer"] == f"?{unknown}"
    assert unknown in problem["detail"]
    if path.startswith("/alarms?"):
        assert "severity" in problem["detail"]
        assert "cursor" in problem["detail"]
