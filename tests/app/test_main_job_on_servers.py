"""The main job as a new user tries it: mosquitto, PostgreSQL and InfluxDB, `sitewarden serve`, and from then on HTTP alone."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.story import Ramp
from tests import servers
from tests.app import kitchen
from tests.app.process import LiveStream, ServiceProcess, asked, eventually

pytestmark = pytest.mark.wire

LEAK = ((4.0, 60.0), (12.0, 1.0))  # seconds of the plant's clock, %LEL


def test_a_reading_becomes_an_alarm_a_proved_cut_and_a_hazard_that_is_accepted(tmp_path: Path) -> None:
    with servers.mosquitto() as mosquitto, servers.postgres() as postgres, servers.influxdb() as influxdb:
        service = ServiceProcess(
            tmp_path,
            mqtt_url=mosquitto.url,
            records_url=postgres.url,
            historian_url=f"influxdb://127.0.0.1:{influxdb.port}//sitewarden",
        )
        kitchen.administrator(service)
        with service:
            who = kitchen.people(service)
            kitchen.furnish(who)
            leak = kitchen.place(*(Ramp(at_s=at_s, device_id="gas-1", metric="lel", to=lel) for at_s, lel in LEAK))
            with LiveStream(who["operator"]) as live, kitchen.plant(mosquitto.url, leak):
                alarm = _alarm_is_told_and_taken(who["operator"], live)
                _cut_is_proved_and_a_lie_is_found_out(who["operator"], live, alarm)
            _history_shows_the_leak(who["operator"], influxdb.url)
            _hazard_is_closed(who, alarm)
            eventually(lambda: service.health()["degraded"] == {}, "nothing is degraded")


def _alarm_is_told_and_taken(operator: httpx.Client, live: LiveStream) -> dict[str, Any]:
    def leak() -> list[Any]:
        return [a for a in asked(operator, "GET", "/alarms")["items"] if a["rule"]["id"] == "lel"]

    (alarm,) = eventually(leak, "the leak is in the list of alarms")
    assert (alarm["severity"], alarm["value"], alarm["device"]["id"], alarm["isa_state"]) == ("critical", 60.0, "gas-1", "B")
    eventually(lambda: [e for e in live.of("alarm") if e["alarm"]["id"] == alarm["id"]], "the leak is in the live stream")
    taken = asked(operator, "POST", f"/alarms/{alarm['id']}/acknowledge", note="on my way")
    assert (taken["attention"], taken["acknowledged_by"]["name"], taken["recorded"]) == ("acknowledged", "the operator", True)
    told = {"raised", "acknowledged"}
    eventually(
        lambda: told <= {e["transition"]["signal"] for e in live.of("alarm") if e["alarm"]["id"] == alarm["id"]},
        "both transitions are in the live stream",
    )
    return taken


def _cut_is_proved_and_a_lie_is_found_out(operator: httpx.Client, live: LiveStream, alarm: dict[str, Any]) -> None:
    preview = asked(operator, "GET", f"/alarms/{alarm['id']}/cut")
    assert [circuit["id"] for circuit in preview["goes_dark"]] == ["fryer", "stove"]
    answer = asked(operator, "POST", f"/alarms/{alarm['id']}/cut", circuit_ids=["stove", "fryer"], reason="gas leak")
    orders = {order["circuit_id"]: order["id"] for order in answer["items"]}

    def order(circuit: str) -> dict[str, Any]:
        return dict(asked(operator, "GET", f"/orders/{orders[circuit]}"))

    eventually(lambda: order("stove")["is_final"], "the stove's cut comes to an end")
    proved = order("stove")
    assert (proved["state"], proved["alarm_id"], proved["who"]["name"]) == ("proved", alarm["id"], "the operator")
    assert proved["before"]["current_a"] > 7 > 0.2 > proved["after"]["current_a"]
    steps = [e["step"]["state"] for e in live.of("order") if e["order"]["id"] == orders["stove"]]
    # the measurement may overtake the breaker's reply, which then proves nothing more
    assert [state for state in steps if state != "confirmed"] == ["requested", "sending", "sent", "proved"]
    assert [step["state"] for step in order("stove")["steps"]] == steps

    eventually(lambda: order("fryer")["is_final"], "the fryer's lie is found out", 30)
    lied = order("fryer")
    assert (lied["state"], lied["state_code"]) == ("failed", "still_draws")
    assert lied["after"]["closed"] is False
    assert lied["after"]["current_a"] > 5
    complaints = [a for a in asked(operator, "GET", "/alarms")["items"] if a["rule"]["id"] == "service:power_not_proved"]
    assert [(a["severity"], a["subject"]) for a in complaints] == [("critical", "circuit:fryer")]


def _history_shows_the_leak(operator: httpx.Client, influx_url: str) -> None:
    def chart() -> list[float]:
        series = asked(operator, "GET", "/points/gas-1:lel/readings")
        assert series["unit"] == "%LEL"
        return list(series["mean"])

    values = eventually(lambda: 60.0 in (found := chart()) and found[-1] == 1.0 and found, "the chart shows the leak and its end")
    query = urllib.parse.urlencode({"db": "sitewarden", "q": "SELECT count(value) FROM lel WHERE device = 'gas-1'"})
    with urllib.request.urlopen(f"{influx_url}/query?{query}") as answer:
        kept = json.load(answer)["results"][0]["series"][0]["values"][0][1]
    assert kept >= len(values)


def _hazard_is_closed(who: dict[str, httpx.Client], alarm: dict[str, Any]) -> None:
    hazard = asked(who["operator"], "POST", f"/alarms/{alarm['id']}/hazard")
    path = f"/hazards/{hazard['id']}"
    assert (hazard["state"], hazard["source"], hazard["alarm_ids"]) == ("reported", "alarm", [alarm["id"]])
    shown = asked(who["operator"], "GET", f"/alarms/{alarm['id']}")
    assert (shown["hazard_id"], shown["hazard"]["number"]) == (hazard["id"], hazard["number"])

    assert who["operator"].post(f"{path}/confirm", json={"grade": "general"}).status_code == 403
    asked(who["manager"], "POST", f"{path}/confirm", grade="general")
    plan = {
        "person": "李秀英",
        "measures": "更换软管",
        "funds": "500",
        "contingency": "停用灶具",
        "deadline_at": (datetime.now(UTC) + timedelta(hours=8)).isoformat(),
    }
    asked(who["manager"], "POST", f"{path}/rectify", rectification=plan)
    submitted = asked(who["manager"], "POST", f"{path}/submit", note="软管已更换")
    assert "accept" not in submitted["may"]
    own = who["manager"].post(f"{path}/accept", json={"note": "tested on site"})
    assert (own.status_code, "somebody else must accept it" in own.json()["detail"]) == (403, True)
    early = who["supervisor"].post(f"{path}/accept", json={})
    assert "72 h" in early.json()["detail"]
    accepted = asked(who["supervisor"], "POST", f"{path}/accept", note="leak test on site, tight")
    assert (accepted["state"], accepted["is_open"]) == ("accepted", False)
    assert [step["act"] for step in accepted["steps"]] == ["report", "confirm", "rectify", "submit", "accept"]
    assert asked(who["operator"], "GET", f"/alarms/{alarm['id']}")["hazard"]["state"] == "accepted"
