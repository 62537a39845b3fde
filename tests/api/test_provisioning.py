"""Devices coming, changing and going: the inbox, move, replace, retire, the detail, and pasting a message."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from sites.model import Device
from storage.database import writing
from storage.project import apply
from storage.projection import Outcome, Unknown
from tests.api.conftest import Service
from tests.api.plant import NOON

PLACE = {"site_id": "mall", "zone_id": "mall-kitchen"}


def hear_unknown(service: Service, *names: str, at_ms: int = NOON, position: int = 2) -> None:
    unknown = [
        Unknown(codec="native", address=f"mall/{name}", topic=f"sitewarden/v1/mall/{name}/telemetry", payload=b'{"values":{"lel":1}}',
                suggested_kind="gas", suggested_name=name, site_id="mall", at_ms=at_ms)
        for name in names
    ]  # fmt: skip
    with writing(service.records.engine) as connection:
        apply(connection, [Outcome(position=position, now_ms=at_ms, unknown=unknown)])


def waiting(service: Service, dismissed: bool = False) -> dict[str, str]:
    items = service.call("manager", "GET", f"/devices/inbox?dismissed={str(dismissed).lower()}")["items"]
    return {item["suggested_name"]: item["id"] for item in items}


def test_many_are_accepted_at_once_with_the_kind_chosen_or_suggested(service: Service) -> None:
    hear_unknown(service, "a", "b", "gas")
    ids = waiting(service)
    items = [{"inbox_id": ids["a"]}, {"inbox_id": ids["b"], "kind": "co", "name": "厨房一氧化碳"}, {"inbox_id": ids["gas"], "id": "gas-9"}]
    made = service.call("manager", "POST", "/devices/inbox/accept", {**PLACE, "items": items}, 201)["items"]
    assert [(d["id"], d["kind"], d["name"], d["address"]) for d in made] == [
        ("a", "gas", "a", "mall/a"), ("b", "co", "厨房一氧化碳", "mall/b"), ("gas-9", "gas", "gas", "mall/gas"),
    ]  # fmt: skip
    assert set(waiting(service)) == {"new-1"}
    assert {"a", "b", "gas-9"} <= set(service.board.roster.device_rows)


def test_a_made_id_is_numbered_where_it_is_taken(service: Service) -> None:
    with writing(service.records.engine) as connection:
        unknown = Unknown(codec="native", address="plant/mall-gas", topic="t", payload=b"", suggested_kind="gas", suggested_name="x",
                          site_id="mall", at_ms=NOON)  # fmt: skip
        apply(connection, [Outcome(position=3, now_ms=NOON, unknown=[unknown])])
    made = service.call("manager", "POST", "/devices/inbox/accept", {**PLACE, "items": [{"inbox_id": waiting(service)["x"]}]}, 201)
    assert made["items"][0]["id"] == "mall-gas-2"


def test_of_many_none_is_accepted_when_one_cannot_be(service: Service) -> None:
    hear_unknown(service, "a", "b")
    ids = waiting(service)
    items = [{"inbox_id": ids["a"], "id": "same"}, {"inbox_id": ids["b"], "id": "same"}]
    service.call("manager", "POST", "/devices/inbox/accept", {**PLACE, "items": items}, 409)
    assert set(waiting(service)) == {"a", "b", "new-1"}
    assert service.call("manager", "GET", "/devices?q=same")["items"] == []
    assert not service.desk.configured


def test_a_dismissed_device_stays_out_of_sight_however_often_it_speaks_and_can_be_brought_back(service: Service) -> None:
    hear_unknown(service, "neighbour")
    inbox_id = waiting(service)["neighbour"]
    service.call("manager", "POST", "/devices/inbox/dismiss", {"inbox_ids": [inbox_id]}, 204)
    hear_unknown(service, "neighbour", at_ms=NOON + 60_000, position=3)
    assert "neighbour" not in waiting(service)
    assert waiting(service, dismissed=True) == {"neighbour": inbox_id}
    service.call("manager", "POST", "/devices/inbox/dismiss", {"inbox_ids": [inbox_id], "dismissed": False}, 204)
    assert "neighbour" in waiting(service)


def test_accepting_with_a_key_twice_accepts_once(service: Service) -> None:
    body = {**PLACE, "items": [{"inbox_id": waiting(service)["new-1"]}]}
    first = service.call("manager", "POST", "/devices/inbox/accept", body, 201, Idempotency_Key="k")
    assert service.call("manager", "POST", "/devices/inbox/accept", body, 201, Idempotency_Key="k") == first
    service.call("manager", "POST", "/devices/inbox/accept", body, 404)


def two_sites(service: Service) -> None:
    """The manager's enterprise gets the plant too."""
    site = service.records.thing("site", "plant")
    service.records.update("site", replace(site, enterprise_id="e1", timezone="Asia/Urumqi"), "t", NOON)
    service.board.roster.put(service.records.thing("site", "plant"))


def test_moving_within_the_site_leaves_the_circuits_and_to_another_takes_them_and_voids_their_trials(service: Service) -> None:
    two_sites(service)
    moved = service.call("manager", "POST", "/devices/mall-switch/move", {"version": 1, "site_id": "mall", "zone_id": "mall-empty"})
    assert (moved["zone_id"], moved["version"], moved["address"]) == ("mall-empty", 2, "mall/mall-switch")
    assert service.records.thing("circuit", "mall-c1").trial is not None
    body = {"version": 2, "site_id": "plant", "zone_id": "plant-empty", "why": "the shop moved"}
    service.call("manager", "POST", "/devices/mall-switch/move", body)
    for name in ("mall-c1", "mall-c2"):
        circuit = service.records.thing("circuit", name)
        assert (circuit.site_id, circuit.zone_id, circuit.trial) == ("plant", "plant-empty", None)
    service.call("manager", "POST", "/devices/mall-switch/move", body, 409)


def test_a_date_stays_the_same_day_at_a_site_of_another_time_zone(service: Service) -> None:
    two_sites(service)
    given = {**PLACE, "name": "gas", "version": 1, "calibrated_until": "2027-06-30"}
    kept = service.call("manager", "PUT", "/devices/mall-gas", given)
    assert (kept["calibrated_until"], kept["service_until"]) == ("2027-06-30", None)
    assert service.records.thing("device", "mall-gas").calibrated_until_ms == 1_814_371_200_000  # 2027-07-01 00:00 in Shanghai
    body = {"version": 2, "site_id": "plant", "zone_id": "plant-kitchen"}
    assert service.call("manager", "POST", "/devices/mall-gas/move", body)["calibrated_until"] == "2027-06-30"
    del given["calibrated_until"]  # left out: it stays; null takes it away
    assert service.call("manager", "PUT", "/devices/mall-gas", {**given, "version": 3})["calibrated_until"] == "2027-06-30"
    assert (
        service.call("manager", "PUT", "/devices/mall-gas", {**given, "version": 4, "calibrated_until": None})["calibrated_until"] is None
    )
    service.call("manager", "PUT", "/devices/mall-gas", {**given, "version": 5, "service_until": "2027-02-30"}, 422)


def test_replacing_by_a_heard_device_keeps_id_and_points_and_voids_the_trials(service: Service) -> None:
    hear_unknown(service, "breaker-2")
    body = {"version": 1, "inbox_id": waiting(service)["breaker-2"], "why": "burnt out"}
    made = service.call("manager", "POST", "/devices/mall-switch/replace", body)
    assert (made["id"], made["address"], made["version"]) == ("mall-switch", "mall/breaker-2", 2)
    assert "breaker-2" not in waiting(service)
    assert service.records.thing("circuit", "mall-c1").trial is None
    assert {(kind, thing_id) for kind, thing_id, _, _ in service.desk.configured} == {
        ("device", "mall-switch"), ("circuit", "mall-c1"), ("circuit", "mall-c2"),
    }  # fmt: skip


def test_replacing_needs_other_hardware_that_nobody_else_is(service: Service) -> None:
    def refused(**body: Any) -> str:
        return str(service.call("manager", "POST", "/devices/mall-gas/replace", {"version": 1, **body}, 422)["detail"])

    assert "named by" in refused()
    assert "already" in refused(address="mall/mall-gas")
    assert "mall-spare" in refused(address="mall/mall-spare")
    assert "no codec" in refused(codec="telepathy", address="x")
    assert service.call("manager", "POST", "/devices/mall-gas/replace", {"version": 1, "address": "mall/g2"})["address"] == "mall/g2"


def test_retiring_a_breaker_names_its_circuits_and_takes_them_along_when_told_to(service: Service) -> None:
    refused = service.call("manager", "POST", "/devices/mall-switch/retire", {"version": 1, "why": "sold"}, 409)
    assert "mall-c1" in refused["detail"]
    gone = service.call("manager", "POST", "/devices/mall-switch/retire", {"version": 1, "why": "sold", "with_circuits": True})
    assert gone == {"id": "mall-switch", "circuits": ["mall-c1", "mall-c2"]}
    service.call("manager", "GET", "/devices/mall-switch", None, 404)
    service.call("manager", "GET", "/circuits/mall-c1", None, 404)
    assert [(kind, thing) for kind, _, _, thing in service.desk.configured] == [("circuit", None), ("circuit", None), ("device", None)]


def test_the_history_of_a_retired_device_can_still_be_read_by_those_who_saw_it(service: Service) -> None:
    service.call("manager", "POST", "/devices/mall-gas/retire", {"version": 1, "why": "sold"})
    assert service.call("operator", "GET", "/points/mall-gas:lel/readings")["point_id"] == "mall-gas:lel"
    service.call("plant", "GET", "/points/mall-gas:lel/readings", None, 404)


def test_a_gateway_goes_only_after_those_that_it_serves(service: Service) -> None:
    child = Device(id="child", **PLACE, name="c", kind="gas", codec="native", address="mall/child", gateway_id="mall-spare")
    service.records.insert("device", child, "t", NOON)
    refused = service.call("manager", "POST", "/devices/mall-spare/retire", {"version": 1, "why": "sold"}, 409)
    assert "1 device" in refused["detail"]


def test_the_detail_says_clock_battery_circuits_and_how_much_was_refused(service: Service) -> None:
    roster = service.board.roster
    for metric, value in (("battery", 71.0), ("battery_low", 0.0)):
        row = roster.add_point("mall-switch", metric)
        for column, given in (("latest_values", value), ("latest_taken_ms", NOON), ("latest_arrived_ms", NOON)):
            getattr(roster.columns, column)[row] = given
    detail = service.call("operator", "GET", "/devices/mall-switch")
    assert detail["clock"] == {"offset_ms": 45_000, "spread_ms": 300, "is_wrong": True}
    assert detail["battery"] == {"percent": 71.0, "is_low": False, "taken_at": "2026-11-22T04:00:00.000Z"}
    assert [(c["id"], c["has_trial"]) for c in detail["circuits"]] == [("mall-c1", True), ("mall-c2", True)]
    assert detail["refused_total"] == 7
    assert service.call("operator", "GET", "/devices/mall-gas")["battery"] is None


def test_refusals_come_with_their_raw_bytes_also_where_these_are_no_text(service: Service) -> None:
    page = service.call("operator", "GET", "/devices/mall-gas/refusals")
    assert page["total"] == 7
    assert base64.b64decode(page["items"][0]["raw_b64"]) == b"\xff{lel"
    assert page["items"][0]["text"] == "�{lel"


def test_a_pasted_message_is_decoded_and_its_device_named_where_it_is_known(service: Service) -> None:
    topic = "sitewarden/v1/mall/mall-gas/telemetry"
    body = {"topic": topic, "payload": '{"ts": 1795320000, "values": {"lel": 12.5, "temperature": "hot"}}'}
    told = service.call("manager", "POST", "/decode", body)
    assert (told["codec"], told["device"], told["known_id"]) == ("native", "mall/mall-gas", "mall-gas")
    assert told["readings"] == [{"metric": "lel", "value": 12.5, "unit": "%LEL", "taken_at": "2026-11-22T04:00:00.000Z"}]
    assert told["refusals"] == ["temperature is text, not a number"]
    again = service.call("manager", "POST", "/decode", {"topic": topic, "payload_b64": base64.b64encode(b"\xff").decode()})
    assert again["refusals"][0].startswith("not JSON")
    nobody = service.call("manager", "POST", "/decode", {"topic": "weather/today", "payload": "rain"})
    assert (nobody["codec"], nobody["refusals"]) == (None, ["no codec takes this topic"])
    foreign = service.call("manager", "POST", "/decode", {"topic": topic.replace("mall", "plant"), "payload": "{}"})
    assert foreign["known_id"] is None
    for bad in ({"topic": "t"}, {"topic": "t", "payload": "", "payload_b64": ""}, {"topic": "t", "payload_b64": "%"}):
        service.call("manager", "POST", "/decode", bad, 422)
