"""Notifications at the door: contacts with consent, groups whose secrets never come out, templates with preview, policies in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from alarms.escalation import Climb
from rules.model import Severity
from sites.facts import Fact
from tests.api.conftest import Service
from tests.api.plant import NOON

POLICY: dict[str, Any] = {
    "name": {"zh": "火警", "en": "Fire"},
    "site_id": "mall",
    "kinds": ["smoke"],
    "unacknowledged": [{"after_s": 60, "whom": ["user:u-operator"], "channels": ["voice"]}],
    "unverified": [{"after_s": 180, "whom": ["role:manager"]}],
}


def test_a_person_keeps_their_own_contact_and_nobody_sees_the_robots_key(service: Service) -> None:
    path = "/notifications/contacts/u-operator"
    assert service.call("operator", "GET", path)["version"] == 0
    given = {
        "phone": "+86 138 1234 5678", "chat_url": "feishu://abcdef0123456789abcdef", "consents": ["sms", "chat"],
        "quiet": [{"begin": "22:00", "end": "07:00"}], "timezone": "Asia/Shanghai", "language": "zh",
    }  # fmt: skip
    kept = service.call("operator", "PUT", path, given)
    assert (kept["version"], kept["chat_url"], kept["quiet"]) == (1, "feishu://***", [{"begin": "22:00", "end": "07:00"}])
    assert set(kept["consents"]) == {"sms", "chat"}
    service.clock.advance(1_000)
    again = service.call("operator", "PUT", path, {**given, "chat_url": None, "consents": ["sms"], "version": 1})
    assert (again["consents"], again["chat_url"]) == ({"sms": kept["consents"]["sms"]}, "feishu://***")
    assert service.call("operator", "PUT", path, {**given, "version": 1}, 409)
    assert service.call("manager", "GET", path, status=403)
    assert service.call("administrator", "GET", path)["phone"] == "+86 138 1234 5678"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"timezone": "Nowhere"}, "/timezone"),
        ({"quiet": [{"begin": "07:00", "end": "07:00"}]}, "/quiet/0"),
        ({"chat_url": "json://10.0.0.1/"}, "/chat_url"),
        ({"chat_url": "file:///etc/passwd"}, "/chat_url"),
        ({"phone": "call me"}, "/phone"),
    ],
)
def test_a_contact_that_cannot_be_meant_is_refused(change: dict[str, Any], pointer: str, service: Service) -> None:
    problem = service.call("operator", "PUT", "/notifications/contacts/u-operator", change, 422)
    assert problem["errors"][0]["pointer"] == pointer


def test_a_groups_secrets_go_in_and_never_come_out_and_stay_with_their_address(service: Service) -> None:
    hook = {"id": "ops", "channel": "webhook", "url": "https://hooks.example.org/T0/secret-path", "secret": "sign"}
    made = service.call(
        "manager", "POST", "/notifications/groups", {"id": "night", "name": "夜班", "site_id": "mall", "endpoints": [hook]}, 201
    )
    assert made["endpoints"] == [
        {"id": "ops", "channel": "webhook", "name": "", "url": "https://hooks.example.org/***", "has_secret": True}
    ]
    kept = {"name": "夜班", "site_id": "mall", "endpoints": [{"id": "ops", "channel": "webhook"}], "version": 1}
    same = service.call("manager", "PUT", "/notifications/groups/night", kept)
    assert same["endpoints"] == made["endpoints"]
    assert service.records.notify_group("night").endpoints[0].secret == "sign"
    moved = {**kept, "version": 2, "endpoints": [{"id": "ops", "channel": "webhook", "url": "https://elsewhere.example.org/"}]}
    assert service.call("manager", "PUT", "/notifications/groups/night", moved)["endpoints"][0]["has_secret"] is False
    assert service.call("plant", "GET", "/notifications/groups")["items"] == []


def test_a_group_that_a_policy_tells_is_not_removed(service: Service) -> None:
    service.call("manager", "POST", "/notifications/groups", {"id": "night", "name": "n", "site_id": "mall"}, 201)
    steps = [{"after_s": 60, "whom": ["group:night"]}]
    service.call("manager", "POST", "/escalations", {**POLICY, "id": "fire", "unacknowledged": steps}, 201)
    problem = service.call("manager", "DELETE", "/notifications/groups/night", status=409)
    assert "fire" in problem["detail"]
    service.call("manager", "DELETE", "/escalations/fire", status=204)
    service.call("manager", "DELETE", "/notifications/groups/night", status=204)


def test_a_policy_says_itself_in_sentences_and_reaches_the_scan(service: Service) -> None:
    made = service.call("manager", "POST", "/escalations", {**POLICY, "id": "fire"}, 201)
    assert made["sentences_zh"][1] == "报警 60 秒未接警：通知Name of operator（电话）。"
    assert made["sentences_en"][0] == "Alarms of smoke, high or above, at Mall."
    assert service.desk.configured[-1][:3] == ("escalation", "fire", 1)
    changed = service.call("manager", "PUT", "/escalations/fire", {**made["data"], "enabled": False})
    assert (changed["version"], changed["sentences_en"][-1]) == (2, "This policy is disabled.")


@pytest.mark.parametrize(
    ("steps", "pointer"),
    [
        ([{"after_s": 181, "whom": ["duty"]}], "/unacknowledged/0/after_s"),
        ([{"after_s": 60, "whom": ["user:nobody"]}], "/unacknowledged/0/whom"),
        ([{"after_s": 60, "whom": ["group:nobody"]}], "/unacknowledged/0/whom"),
        ([], "/unacknowledged"),
    ],
)
def test_a_policy_that_would_tell_nobody_or_too_late_is_refused(steps: list[Any], pointer: str, service: Service) -> None:
    problem = service.call("manager", "POST", "/escalations", {**POLICY, "unacknowledged": steps}, 422)
    assert problem["errors"][0]["pointer"] == pointer


def test_an_alarm_shows_where_it_stands_on_its_ladders(service: Service) -> None:
    climb = Climb(
        alarm_id="mall-alarm", site_id="mall", policy_id="fire", policy_version=1, policy_name="火警", policy_name_en="Fire",
        severity=Severity.HIGH, episode=1, since_ms=NOON, next_ms=NOON + 60_000, next_step=0, next_whom=("duty", "user:u-operator"),
    )  # fmt: skip
    service.board.facts["escalation", "mall-alarm"] = Fact(
        kind="escalation", id="mall-alarm", site_id="mall", state="unacknowledged", changed_ms=NOON, body=climb, from_ms=NOON
    )
    shown = service.call("operator", "GET", "/alarms/mall-alarm")["escalation"]
    assert (shown["state"], shown["next_at"], shown["next_whom_zh"]) == (
        "unacknowledged", "2026-11-22T04:01:00.000Z", "全部在岗人员、Name of operator",
    )  # fmt: skip


def test_a_template_is_previewed_on_a_real_alarm_and_refused_with_its_field(service: Service) -> None:
    ask = {"channel": "sms", "language": "zh", "body": "{site}{device}：{value}", "alarm_id": "mall-alarm"}
    shown = service.call("operator", "POST", "/notifications/templates/preview", ask)
    assert shown == {"subject": "", "text": "Mallgas：lel 27.1 %LEL (限值 25 %LEL)", "length": 34, "parts": 1}
    problem = service.call("operator", "POST", "/notifications/templates/preview", {**ask, "body": "{rule.__class__}"}, 422)
    assert "{rule.__class__} is no field; there are {severity}" in problem["detail"]
    assert len(service.call("operator", "GET", "/notifications/templates")["items"]) == 15
    service.call("root", "PUT", "/notifications/templates/sms/zh", {"body": "报警 {rule}"})
    again = service.call("operator", "POST", "/notifications/templates/preview", {"channel": "sms", "language": "zh"})
    assert again["text"] == "报警 可燃气体"
    service.call("root", "DELETE", "/notifications/templates/sms/zh", status=204)
    items = service.call("operator", "GET", "/notifications/templates")["items"]
    assert all(item["is_shipped"] for item in items)


def test_a_roster_shows_who_is_on_duty_and_telephones_only_to_who_may_change_it(service: Service) -> None:
    roster = {
        "id": "control", "name": "消控室", "site_id": "mall", "people": [{"id": "w", "name": "王", "phone": "13812345678"}],
        "shifts": [{"id": "day", "name": "白班", "begin": "08:00", "end": "20:00", "places": [{"position": "lead", "person": "w"}]}],
    }  # fmt: skip
    made = service.call("manager", "POST", "/duty-rosters", roster, 201)
    assert [(d["name"], d["position"], d["phone"]) for d in made["on_duty"]] == [("王", "lead", "13812345678")]
    assert made["missing_now"] == 1
    seen = service.call("operator", "GET", "/duty-rosters/control")
    assert (seen["on_duty"][0]["phone"], seen["data"]["people"][0]["phone"]) == ("138****5678", "138****5678")
    span = "from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z"
    duty = service.call("operator", "GET", f"/duty-rosters/control/duty?{span}")
    assert [(each["missing"]) for each in duty["shortfalls"]] == [1, 2]


def test_receipts_need_the_gateways_secret_and_a_known_gateway(service: Service) -> None:
    for path, status in (("/api/v1/notifications/receipts/sms", 403), ("/api/v1/notifications/receipts/fax", 404)):
        assert service.client.post(path, json={"id": "m1", "state": "delivered"}).status_code == status
