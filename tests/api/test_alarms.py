"""Alarms over HTTP: the open list at once and without the records, requests and their refusals, the one-click cut."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from alarms.model import Attention, Signal, Transition
from alarms.requests import Acknowledge, Judge, Progress
from power.requests import Cut
from rules.model import Severity
from sites.people import Grant, User
from storage.database import writing
from storage.project import apply
from storage.projection import Outcome
from tests.api.conftest import Service
from tests.api.plant import NOON, alarm, order


def test_an_alarm_has_its_whole_shape(service: Service) -> None:
    found = service.call("operator", "GET", "/alarms")["items"][0]
    assert found == {
        "id": "mall-alarm",
        "rule": {"id": "mall-rule", "version": 1, "name": "燃气", "name_en": "Gas"},
        "kind": "gas",
        "subject": "point:mall-gas:lel",
        "point_id": "mall-gas:lel",
        "site": {"id": "mall", "name": "Mall"},
        "zone": {"id": "mall-kitchen", "name": "厨房"},
        "device": {"id": "mall-gas", "name": "gas"},
        "metric": "lel",
        "unit": "%LEL",
        "severity": "high",
        "level": 0,
        "limit": 25.0,
        "value": 27.1,
        "peak_value": 27.1,
        "value_now": None,
        "value_now_at": None,
        "condition": "active",
        "attention": "unacknowledged",
        "isa_state": "B",
        "is_latched": False,
        "needs_reset": False,
        "is_late": False,
        "is_test": False,
        "is_chattering": False,
        "is_unrecorded": False,
        "suppression": None,
        "suppressions": [],
        "asked_at": "2026-11-22T03:59:55.100Z",
        "realarms": 0,
        "progress": [],
        "raised_at": "2026-11-22T03:59:55.000Z",
        "arrived_at": "2026-11-22T03:59:55.100Z",
        "changed_at": "2026-11-22T03:59:55.000Z",
        "cleared_at": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "ended_at": None,
        "assignee": None,
        "verdict": None,
        "needs_verdict": True,
        "hazard_id": None,
        "count": 1,
        "seq": 1,
    }


def test_ones_own_acknowledgement_is_in_the_list_at_once(service: Service) -> None:
    answer = service.call("operator", "POST", "/alarms/mall-alarm/acknowledge", {"note": "going"})
    assert (answer["attention"], answer["isa_state"], answer["recorded"]) == ("acknowledged", "C", True)
    assert service.desk.asked == [Acknowledge(alarm_ids=("mall-alarm",), who="u-operator", note="going")]
    assert service.call("operator", "GET", "/alarms?state=unacknowledged")["items"] == []
    assert service.call("operator", "GET", "/alarms?state=acknowledged")["items"][0]["acknowledged_by"]["name"] == "Name of operator"


def test_the_open_list_is_ordered_filtered_and_paged(service: Service) -> None:
    for number in range(7):
        severity = Severity.CRITICAL if number == 3 else Severity.HIGH
        attention = Attention.ACKNOWLEDGED if number == 6 else Attention.UNACKNOWLEDGED
        made = alarm("mall", severity=severity, attention=attention, raised_ms=NOON + number, kind="smoke" if number % 2 else "gas")
        service.board.alarms[f"m{number}"] = replace(made, id=f"m{number}", device_name="Küche" if number == 2 else "x")
    del service.board.alarms["mall-alarm"]

    def ids(query: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        while True:
            page = service.call("operator", "GET", f"/alarms?limit=3{query}{cursor}")
            found += [a["id"] for a in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    assert ids("") == ["m3", "m5", "m4", "m2", "m1", "m0", "m6"]
    assert ids("&severity=critical") == ["m3"]
    assert ids("&severity=critical&severity=high&kind=smoke") == ["m3", "m5", "m1"]
    assert ids("&q=KÜCHE") == ["m2"]
    assert ids("&from=2026-11-22T04:00:00.002Z&to=2026-11-22T12:00:00.004%2B08:00") == ["m3", "m2"]
    counts = service.call("operator", "GET", "/alarms/counts?severity=critical")
    assert counts["total"] == 1
    assert counts["facets"]["severity"] == {"critical": 1, "high": 6}, "a facet stands under all filters but its own"
    assert counts["facets"]["kind"] == {"smoke": 1}


def test_history_comes_from_the_records_with_its_cursor(service: Service) -> None:
    assert [a["id"] for a in service.call("operator", "GET", "/alarms?state=ended")["items"]] == ["mall-ended"]
    first = service.call("operator", "GET", "/alarms?state=any&limit=1")
    rest = service.call("operator", "GET", f"/alarms?state=any&limit=1&cursor={first['next_cursor']}")
    assert [a["id"] for a in (*first["items"], *rest["items"])] == ["mall-alarm", "mall-ended"]
    assert service.call("operator", "GET", "/alarms/mall-ended")["ended_at"] == "2026-11-22T03:59:59.999Z"


@pytest.mark.parametrize("state", ["open", "ended"])
def test_a_cursor_of_another_list_is_refused(service: Service, state: str) -> None:
    assert service.call("operator", "GET", f"/alarms?state={state}&cursor=bm9uZQ==", status=400)["type"].endswith("bad-cursor")


def test_the_detail_holds_guidance_history_orders_and_the_circuits_of_the_zone(service: Service) -> None:
    detail = service.call("operator", "GET", "/alarms/mall-alarm")
    assert (detail["guidance"], detail["guidance_en"]) == ("关阀", "close the valve")
    assert [t["signal"] for t in detail["transitions"]] == ["raised"]
    assert [o["id"] for o in detail["orders"]] == ["mall-order"]
    assert detail["records_available"] is True
    one, fire = detail["circuits"]
    assert (one["id"], one["circuit_class"], one["tenant"], one["measured"]["power_w"]) == ("mall-c1", "use", "面馆", 900.0)
    assert one["cut_refusal"] is None
    assert one["open_order"]["id"] == "mall-order"
    assert (fire["cut_refusal_code"], fire["cut_refusal_zh"]) == ("class_fire", "消防供电回路")


def test_many_are_acknowledged_together_and_one_that_is_not_open_refuses_the_whole(service: Service) -> None:
    service.board.alarms["second"] = replace(alarm("mall"), id="second")
    service.call("operator", "POST", "/alarms/acknowledge", {"alarm_ids": ["mall-alarm", "gone"]}, 404)
    service.call("operator", "POST", "/alarms/acknowledge", {"alarm_ids": ["mall-alarm", "plant-alarm"]}, 404)
    assert not service.desk.asked
    answer = service.call("operator", "POST", "/alarms/acknowledge", {"alarm_ids": ["mall-alarm", "second", "second"]})
    assert [a["attention"] for a in answer["items"]] == ["acknowledged", "acknowledged"]


def test_what_the_alarms_state_does_not_allow_is_a_conflict_with_the_reason(service: Service) -> None:
    problem = service.call("operator", "POST", "/alarms/mall-alarm/reset", {}, 409)
    assert problem["type"] == "urn:sitewarden:problem:illegal-transition"
    assert "must be normal" in problem["detail"]


def test_verdict_progress_and_assignment_reach_the_scan(service: Service) -> None:
    service.call("operator", "POST", "/alarms/mall-alarm/progress", {"step": "arrived", "note": "two people"})
    assert service.call("operator", "POST", "/alarms/mall-alarm/verdict", {"verdict": "nuisance"})["verdict"] == "nuisance"
    assert service.call("operator", "POST", "/alarms/mall-alarm/assign", {"assignee": "u-manager"})["assignee"] == "u-manager"
    service.call("operator", "POST", "/alarms/mall-alarm/assign", {"assignee": "u-plant"}, 422)
    service.call("operator", "POST", "/alarms/mall-alarm/verdict", {"verdict": "maybe"}, 422)
    assert [type(r) for r in service.desk.asked[:2]] == [Progress, Judge]


def test_silence_asks_nothing_of_the_scan_and_leaves_a_line(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="sitewarden.audit"):
        service.call("operator", "POST", "/alarms/silence", {"alarm_ids": ["mall-alarm", "plant-alarm"], "desk": "desk 1"}, 204)
    assert not service.desk.asked
    assert "u-operator" in caplog.text
    assert "mall-alarm" in caplog.text
    assert "plant-alarm" not in caplog.text


def test_the_preview_says_what_goes_dark_and_what_stays_on_and_why(service: Service) -> None:
    preview = service.call("operator", "GET", "/alarms/mall-alarm/cut")
    assert [c["id"] for c in preview["goes_dark"]] == ["mall-c1"]
    assert [(c["id"], c["cut_refusal"]) for c in preview["stays_on"]] == [("mall-c2", "it feeds fire protection")]
    assert preview["power_w"] == 900.0


def test_one_click_cuts_several_with_one_request_and_refused_ones_carry_their_reason(service: Service) -> None:
    body = {"circuit_ids": ["mall-c1", "mall-c2", "mall-c1"], "reason": "gas"}
    answer = service.call("operator", "POST", "/alarms/mall-alarm/cut", body, 202, Idempotency_Key="click-1")
    assert [(o["circuit_id"], o["state"], o["state_reason"]) for o in answer["items"]] == [
        ("mall-c1", "requested", ""),
        ("mall-c2", "refused", "it feeds fire protection"),
    ]
    assert service.desk.asked == [
        Cut(key="click-1", circuit_ids=("mall-c1", "mall-c2"), who="u-operator", reason="gas", alarm_id="mall-alarm")
    ]
    service.call("operator", "POST", "/alarms/mall-alarm/cut", {"circuit_ids": ["plant-c1"], "reason": "gas"}, 422)
    service.call("operator", "POST", "/alarms/mall-alarm/cut", {"circuit_ids": ["mall-c1"], "reason": "  "}, 422)


def test_standing_alarms_by_age_and_those_that_owe_a_verdict(service: Service) -> None:
    for number, severity in ((1, Severity.LOW), (2, Severity.CRITICAL)):
        service.board.alarms[f"m{number}"] = alarm("mall", id=f"m{number}", severity=severity, raised_ms=NOON - 10_000 - number)
    first = service.call("operator", "GET", "/alarms?order=oldest&limit=2")
    assert [item["id"] for item in first["items"]] == ["m2", "m1"]
    rest = service.call("operator", "GET", f"/alarms?order=oldest&limit=2&cursor={first['next_cursor']}")
    assert [item["id"] for item in rest["items"]] == ["mall-alarm"]
    service.call("operator", "GET", "/alarms?order=oldest&state=ended", status=422)
    owing = service.call("operator", "GET", "/alarms?owes_verdict=true")["items"]
    assert {item["id"] for item in owing} == {"mall-alarm", "mall-ended"}, "of the records: open and ended ones"
    assert service.call("operator", "GET", "/alarms?owes_verdict=true&severity=low&severity=critical")["items"] == []


def test_a_busy_scan_answers_503_and_nothing_was_done(service: Service) -> None:
    service.desk.is_busy = True
    problem = service.call("operator", "POST", "/alarms/mall-alarm/acknowledge", {}, 503)
    assert problem["type"].endswith("busy")


def test_one_order_is_shown_with_its_steps_and_measurements(service: Service) -> None:
    found = service.call("operator", "GET", "/orders/mall-order")
    assert (found["state"], found["is_final"], found["before"]["closed"], found["before"]["power_w"]) == ("sent", False, True, 900.0)
    assert [s["state"] for s in found["steps"]] == ["sent"]
    assert [o["id"] for o in service.call("operator", "GET", "/orders?circuit=mall-c1")["items"]] == ["mall-order"]
    service.outage.is_on = True
    assert [o["id"] for o in service.call("operator", "GET", "/orders")["items"]] == ["mall-order"]
    assert service.call("operator", "GET", "/orders/mall-order")["records_available"] is False


def test_the_services_own_alarm_is_seen_by_everybody_and_acknowledged_by_who_may_everywhere(service: Service) -> None:
    lost = alarm("", id="lost", rule_id="service:broker_lost", subject="service", device_id="", zone_id="", severity=Severity.CRITICAL)
    service.board.alarms["lost"] = lost
    everywhere = User(
        id="u-all", login="all", name="All", password_hash="", grants=(Grant(role="operator", node_kind="all", node_id=None),)
    )
    service.records.save_user(everywhere, "test", NOON)
    with writing(service.records.engine) as connection:
        apply(connection, [Outcome(position=2, now_ms=NOON, transitions=[Transition(alarm=lost, signal=Signal.RAISED, at_ms=NOON)])])
    for login, site in (("operator", "mall"), ("plant", "plant")):
        for state in ("open", "any"):
            listed = [a["id"] for a in service.call(login, "GET", f"/alarms?state={state}")["items"]]
            assert "lost" in listed
            assert all(i == "lost" or i.startswith(site) for i in listed)
        assert service.call(login, "GET", "/alarms/counts")["facets"]["site"] == {"": 1, site: 1}
        page = service.call(login, "GET", "/alarms/lost")
        assert page["guidance"], "what to do is said of the service's own alarms too"
        assert page["guidance_en"].startswith("Nothing is heard")
        assert "lost" in service.door.live.snapshot(1, frozenset({site})).decode()
        service.call(login, "POST", "/alarms/lost/acknowledge", {}, status=403)
    assert service.call("all", "POST", "/alarms/lost/acknowledge", {})["attention"] == "acknowledged"


def test_an_order_of_the_zone_since_then_is_shown_whatever_alarm_called_for_it(service: Service) -> None:
    service.board.orders["other"] = order("mall", id="other", alarm_id="another-detectors")
    service.board.orders["before"] = order("mall", id="before", alarm_id=None, requested_ms=NOON - 60_000)
    service.board.orders["elsewhere"] = order("mall", id="elsewhere", alarm_id=None, zone_id="mall-hall")
    shown = service.client.get("/api/v1/alarms/mall-alarm", headers=service.as_("operator")).json()["orders"]
    assert {"other", "mall-order"} == {o["id"] for o in shown}
