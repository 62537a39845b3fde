"""The history page's door: filters, saved views, lists as files, figures, cover, and the incident file."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from hashlib import sha256
from typing import Any

import pytest
from openpyxl import load_workbook

from sites.facts import Fact
from storage.database import writing
from storage.project import apply
from storage.projection import Heard, Outcome
from storage.records_audit import entry_hash
from tests.api.conftest import Service
from tests.api.plant import NOON

HOUR = 3_600_000


def raw(service: Service, login: str, path: str) -> bytes:
    response = service.client.get(f"/api/v1{path}", headers=service.as_(login), timeout=60)
    assert response.status_code == 200, response.text
    return response.content


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("state=ended", ["mall-ended"]),
        ("state=any", ["mall-alarm", "mall-ended"]),
        ("state=any&rule=mall-rule&verdict=none", ["mall-alarm", "mall-ended"]),
        ("state=any&verdict=true", []),
        ("state=any&test=true", []),
        ("state=any&suppressed=false&assignee=u-operator", []),
        ("state=any&ack_from_s=0", []),
        ("rule=mall-rule", ["mall-alarm"]),
        ("rule=plant-rule", []),
        ("verdict=none&test=false&suppressed=false", ["mall-alarm"]),
        ("ack_to_s=60", []),
        ("state=any&q=mall-ended", ["mall-ended"]),
    ],
)
def test_open_and_kept_alarms_are_filtered_by_the_same_words(service: Service, filters: str, found: list[str]) -> None:
    assert [alarm["id"] for alarm in service.call("operator", "GET", f"/alarms?{filters}")["items"]] == found
    assert service.call("operator", "GET", f"/alarms/counts?{filters}")["total"] == len(found)


def test_a_view_is_kept_for_its_owner_alone(service: Service) -> None:
    made = service.call("operator", "POST", "/alarm-views", {"name": "夜间", "filter": {"site": "mall", "severity": ["high"]}}, 201)
    assert made["filter"] == {"site": "mall", "severity": ["high"]}
    path = f"/alarm-views/{made['id']}"
    changed = {"name": "night", "filter": {"q": "gas", "from_at": "2026-11-01T00:00:00Z"}, "version": 1}
    assert service.call("operator", "PUT", path, changed)["filter"]["from_at"] == "2026-11-01T00:00:00.000Z"
    service.call("operator", "PUT", path, changed, 409)
    assert service.call("manager", "GET", "/alarm-views")["items"] == []
    service.call("manager", "PUT", path, changed, 404)
    service.call("manager", "DELETE", path, status=404)
    service.call("operator", "DELETE", path, status=204)
    assert service.call("operator", "GET", "/alarm-views")["items"] == []
    service.call("operator", "POST", "/alarm-views", {"name": "x", "filter": {"colour": "red"}}, 422)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_any_list_becomes_a_file_of_what_its_asker_sees(service: Service, form: str) -> None:
    job = service.call("operator", "POST", "/alarm-exports", {"filter": {"state": "any"}, "format": form}, 202)
    until = time.monotonic() + 40
    while job["state"] in ("waiting", "running") and time.monotonic() < until:
        time.sleep(0.1)
        job = service.call("operator", "GET", f"/alarm-exports/{job['id']}")
    assert (job["state"], job["alarms"], job["part"]) == ("done", 2, 1.0), job
    service.call("manager", "GET", f"/alarm-exports/{job['id']}", status=404)
    body = raw(service, "operator", f"/alarm-exports/{job['id']}/file")
    if form == "csv":
        table: list[Any] = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    else:
        table = [list(row) for row in load_workbook(io.BytesIO(body), read_only=True)["alarms"].iter_rows(values_only=True)]
    assert table[0][0] == "id 编号"
    assert [row[0] for row in table[1:]] == ["mall-alarm", "mall-ended"]
    assert service.call("operator", "GET", "/history/exports")["items"] == []
    service.call("operator", "DELETE", f"/alarm-exports/{job['id']}", status=204)


def test_figures_by_shift_day_and_operator_and_as_csv(service: Service) -> None:
    answer = service.call(
        "operator", "GET", "/figures/alarms?site=mall&by=shift&from=2026-11-22T00:00:00%2B08:00&to=2026-11-23T00:00:00%2B08:00"
    )
    assert [group["key"] for group in answer["groups"]] == ["2026-11-22 00:00", "2026-11-22 08:00", "2026-11-22 16:00"]
    alarms = {group["key"]: group["figures"][0]["value"] for group in answer["groups"]}
    assert alarms == {"2026-11-22 00:00": 0, "2026-11-22 08:00": 1, "2026-11-22 16:00": 0}, "one at noon; one ended before it was kept"
    assert {figure["code"] for figure in answer["total"]["figures"]} >= {"mean_10min", "floods", "stale", "ack_p95", "false_share"}
    assert all(figure["definition"] and figure["definition_en"] for figure in answer["total"]["figures"])
    days = service.call("operator", "GET", "/figures/alarms?site=mall&by=day&from=2026-11-20T16:00:00Z&to=2026-11-22T16:00:00Z")
    assert [group["key"] for group in days["groups"]] == ["2026-11-21", "2026-11-22"]
    assert service.call("operator", "GET", "/figures/alarms?by=operator")["groups"] == []
    table = list(csv.DictReader(io.StringIO(raw(service, "operator", "/figures/alarms?site=mall&form=csv").decode("utf-8-sig"))))
    assert {row["group"] for row in table} == {"all"}
    assert "mean_10min" in {row["code"] for row in table}
    service.call("operator", "GET", "/figures/alarms?from=2026-11-22T00:00:00Z&to=2026-11-21T00:00:00Z", status=422)
    service.call("operator", "GET", "/figures/alarms?by=day&from=2024-11-22T00:00:00Z&to=2026-11-21T00:00:00Z", status=422)


def test_cover_names_each_devices_problems_and_counts_them_by_zone(service: Service) -> None:
    service.board.facts.clear()
    shelf = type("Shelf", (), {"device_id": "mall-spare", "zone_id": "mall-kitchen"})()
    service.board.facts["shelf", "s"] = Fact(kind="shelf", id="s", site_id="mall", state="standing", changed_ms=1, body=shelf)
    answer = service.call("operator", "GET", "/figures/cover?site=mall")
    devices = {item["id"]: item for item in answer["items"]}
    assert devices["mall-gas"]["problems"] == ["never_tested"]
    assert devices["mall-gas"]["rules"] == 1
    assert devices["mall-spare"]["problems"] == ["no_rule", "bypassed"]
    assert (answer["devices"], answer["covered"]) == (3, 0)
    assert answer["zones"][0]["problems"] == {"never_tested": 1, "no_rule": 2, "bypassed": 1}


def test_cover_of_a_past_span_is_how_devices_were_heard_then(service: Service) -> None:
    heard = [Heard(device_id="mall-gas", site_id="mall", state="online", at_ms=NOON - 9 * HOUR),
             Heard(device_id="mall-gas", site_id="mall", state="silent", at_ms=NOON - 3 * HOUR)]  # fmt: skip
    with writing(service.records.engine) as connection:
        apply(connection, [Outcome(position=2, now_ms=NOON, presences=heard)])
    span = "from=2026-11-21T23:00:00Z&to=2026-11-22T03:00:00Z"  # five hours to one hour before
    devices = {item["id"]: item for item in service.call("operator", "GET", f"/figures/cover?site=mall&{span}")["items"]}
    assert devices["mall-gas"]["heard_share"] == 0.5
    assert "silent" in devices["mall-gas"]["problems"]
    assert devices["mall-spare"]["heard_share"] is None


def test_the_incident_file_stands_for_itself(service: Service) -> None:
    service.call("operator", "POST", "/alarms/mall-alarm/hazard", {}, 201)
    archive = zipfile.ZipFile(io.BytesIO(raw(service, "operator", "/incidents/mall-alarm/export")))
    files = {name.removeprefix("incident/"): archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    assert {entry["file"]: entry["sha256"] for entry in manifest} == {name: sha256(body).hexdigest() for name, body in files.items()}
    assert json.loads(files["transitions.json"])[0]["signal"] == "raised"
    assert json.loads(files["orders.json"])[0]["id"] == "mall-order"
    assert json.loads(files["rules.json"])[0]["version"] == 1
    hazards = json.loads(files["hazards.json"])
    assert len(hazards) == 1
    audit = json.loads(files["audit.json"])
    assert audit
    assert all(entry["hash"] == entry_hash(entry) for entry in audit)
    assert json.loads(files["audit_head.json"])["last_id"] >= audit[-1]["id"]
    assert "mall-gas:lel" in files["readings.csv"].decode("utf-8-sig")
    page = files["incident.html"].decode()
    assert "<svg" in page
    assert "事件档案" in page
    assert json.loads(files["about.json"])["missing"] == []


def test_an_incident_page_holds_nothing_that_a_browser_would_run(service: Service) -> None:
    service.call("operator", "POST", "/alarms/mall-alarm/note", {"note": "<script>alert(1)</script>"})
    page = raw(service, "operator", "/incidents/export?form=html&site=mall&from=2026-11-21T00:00:00Z&to=2026-11-23T00:00:00Z").decode()
    assert "<script" not in page


def test_a_draft_lists_what_stands_and_its_page_can_be_printed(service: Service) -> None:
    draft = service.call("operator", "GET", "/handovers/draft?site=mall")
    assert [alarm["id"] for alarm in draft["standing"]["items"]] == ["mall-alarm"]
    assert draft["unproved_orders"]["items"][0]["id"] == "mall-order"
    made = service.call("operator", "POST", "/handovers", {"site_id": "mall", "note": "keys at the desk"}, 201)
    assert made["content"]["standing"]["total"] == 1
    page = raw(service, "operator", f"/handovers/{made['id']}/page").decode()
    assert "交接班记录" in page
    assert "燃气" in page
