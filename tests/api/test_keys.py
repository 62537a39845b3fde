"""Keys of machines, one's own account and links, and the audit through the door."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from api import passwords
from api.sessions import IDLE_MS
from sites.people import Grant
from tests.api.conftest import Service
from tests.api.plant import PASSWORD

NEW = "a quiet river bend"


def made(service: Service, *acts: str, site: str = "mall", **more: Any) -> dict[str, Any]:
    body = {"name": "BMS", "acts": list(acts), "places": [{"node_kind": "site", "node_id": site}], **more}
    answer: dict[str, Any] = service.call("root", "POST", "/keys", body, 201)
    service.tokens[f"key-{answer['id']}"] = answer["key"]
    return answer


def test_a_key_does_its_acts_at_its_places_and_nothing_else(service: Service) -> None:
    key = made(service, "acknowledge")
    login = f"key-{key['id']}"
    assert [site["id"] for site in service.call(login, "GET", "/sites")["items"]] == ["mall"]
    assert service.call(login, "GET", "/me")["acts"] == {"see": ["mall"], "acknowledge": ["mall"]}
    service.call(login, "POST", "/alarms/mall-alarm/acknowledge", {})
    assert service.desk.asked[0].who == f"key:{key['id']}"  # type: ignore[union-attr]
    service.call(login, "POST", "/alarms/plant-alarm/acknowledge", {}, 404)
    service.call(login, "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 403)
    for method, path in (("GET", "/users"), ("GET", "/keys"), ("GET", "/audit"), ("GET", "/me/sessions"), ("DELETE", "/me/sessions")):
        assert service.call(login, method, path, status=403)["type"].endswith("people-only")
    service.call(login, "POST", "/alarm-views", {"name": "x", "filter": {}}, 403)


def test_a_key_is_shown_once_kept_hashed_and_void_when_revoked_or_over(service: Service) -> None:
    key = made(service, expires_at="2026-11-22T05:00:00Z")
    login = f"key-{key['id']}"
    shown = service.call("root", "GET", f"/keys/{key['id']}")
    assert "key" not in shown
    assert (shown["prefix"], shown["state"]) == (key["key"][:14], "good")
    assert key["key"] not in str(service.records.api_keys())
    service.call(login, "GET", "/sites")
    assert service.call("root", "GET", f"/keys/{key['id']}")["used_at"] is not None
    service.tokens["forged"] = key["key"][:-3] + "abc"
    service.call("forged", "GET", "/sites", status=401)
    other = made(service)
    over = made(service, expires_at="2026-11-22T05:00:00Z")
    service.call("root", "DELETE", f"/keys/{other['id']}", status=204)
    service.call(f"key-{other['id']}", "GET", "/sites", status=401)
    service.clock.advance(3_600_000)
    service.call(f"key-{over['id']}", "GET", "/sites", status=401)


def test_a_key_is_held_to_its_rate(service: Service) -> None:
    login = f"key-{made(service, rate_per_minute=3)['id']}"
    for _ in range(3):
        service.call(login, "GET", "/sites")
    assert service.call(login, "GET", "/sites", status=429)["type"].endswith("too-many-requests")
    service.clock.advance(20_001)
    service.call(login, "GET", "/sites")


def test_a_key_goes_on_without_the_records(service: Service) -> None:
    login = f"key-{made(service)['id']}"
    service.call(login, "GET", "/alarms")
    service.outage.is_on = True
    service.clock.advance(60_000)
    service.call(login, "GET", "/alarms")


def test_an_administrator_of_a_part_gives_keys_of_that_part_only(service: Service) -> None:
    body = {"name": "x", "places": [{"node_kind": "all"}]}
    service.call("administrator", "POST", "/keys", body, 403)
    key = made(service, site="plant")
    service.call("administrator", "GET", f"/keys/{key['id']}", status=404)
    assert service.call("administrator", "GET", "/keys")["items"] == []


def test_own_sessions_are_listed_and_ended(service: Service) -> None:
    user = service.records.user("u-operator")
    service.tokens["elsewhere"] = service.door.sessions.open(user, "10.0.0.7", "Firefox")[0]
    service.as_("operator")
    items = service.call("operator", "GET", "/me/sessions")["items"]
    assert sorted((i["address"], i["is_this"]) for i in items) == [("", True), ("10.0.0.7", False)]
    there = next(i["id"] for i in items if not i["is_this"])
    service.call("manager", "DELETE", f"/me/sessions/{there}", status=404)
    service.call("operator", "DELETE", f"/me/sessions/{there}", status=204)
    service.call("elsewhere", "GET", "/me", status=401)
    service.call("operator", "GET", "/me")


def test_a_session_that_nobody_uses_ends(service: Service) -> None:
    service.as_("operator")
    service.clock.advance(IDLE_MS)
    service.call("operator", "GET", "/me", status=401)


def test_an_invited_person_chooses_a_password_once(service: Service) -> None:
    grants = [{"role": "operator", "node_kind": "site", "node_id": "mall"}]
    user = service.call("root", "POST", "/users", {"login": "li", "name": "Li", "grants": grants}, 201)
    assert (user["has_password"], user["must_change"]) == (False, False)
    login = {"login": "li", "password": NEW}
    assert service.client.post("/api/v1/auth/login", json=login).status_code == 401
    link = service.call("root", "POST", f"/users/{user['id']}/link", status=201)
    seen = service.client.post("/api/v1/auth/links/look", json={"token": link["token"]}).json()
    assert (seen["login"], seen["purpose"]) == ("li", "invite")
    weak = service.client.post("/api/v1/auth/links/use", json={"token": link["token"], "password": "password123"})
    assert weak.status_code == 422
    for status in (204, 404):
        used = service.client.post("/api/v1/auth/links/use", json={"token": link["token"], "password": NEW})
        assert used.status_code == status
    assert service.client.post("/api/v1/auth/login", json=login).status_code == 200
    assert service.call("root", "GET", f"/users/{user['id']}")["last_login_at"] is not None


def test_a_password_given_by_another_is_changed_first(service: Service) -> None:
    grants = [{"role": "operator", "node_kind": "site", "node_id": "mall"}]
    service.call("root", "POST", "/users", {"login": "li", "name": "Li", "password": PASSWORD, "grants": grants}, 201)
    assert service.call("li", "GET", "/me")["user"]["must_change"]
    assert service.call("li", "GET", "/alarms", status=403)["type"].endswith("password-change-needed")
    service.call("li", "POST", "/me/password", {"present": PASSWORD, "password": PASSWORD}, 422)
    service.call("li", "POST", "/me/password", {"present": PASSWORD, "password": NEW})
    service.call("li", "GET", "/alarms")


def test_a_removed_person_is_gone_but_for_the_name(service: Service) -> None:
    service.as_("operator")
    service.call("root", "DELETE", "/users/u-operator", status=204)
    service.call("operator", "GET", "/me", status=401)
    assert "u-operator" not in [u["id"] for u in service.call("root", "GET", "/users")["items"]]
    gone = service.call("root", "GET", "/users/u-operator")
    assert (gone["name"], gone["grants"]) == ("Name of operator", [])
    assert gone["deleted_at"] is not None


def test_the_last_administrator_stays(service: Service) -> None:
    root = service.call("root", "GET", "/users/u-root")
    changed = {"login": "root", "name": "Root", "grants": [], "version": root["version"]}
    assert service.call("root", "PUT", "/users/u-root", changed, 409)["type"].endswith("last-administrator")
    grants = (Grant(role="administrator", node_kind="all", node_id=None),)
    second = service.records.user("u-manager")
    service.records.save_user(second.__class__(id="u-2", login="two", name="Two", grants=grants), "t", 0)
    service.call("root", "PUT", "/users/u-root", changed)


def test_attempts_are_counted_over_a_restart(build: Any, tmp_path: Any) -> None:
    file = tmp_path / "kept.db"
    first = build(records_file=file)
    for _ in range(5):
        assert first.client.post("/api/v1/auth/login", json={"login": "operator", "password": "wrong"}).status_code == 401
    again = build(records_file=file)
    assert again.client.post("/api/v1/auth/login", json={"login": "operator", "password": PASSWORD}).status_code == 429


@pytest.mark.parametrize(
    ("password", "is_good"),
    [
        ("short", False), ("password123", False), ("Password2026!", False), ("aaaaaaaaaaaa", False), ("operator2026", False),
        ("correct horse battery", True), ("安全生产人人有责从我做起", True),
    ],
)  # fmt: skip
def test_passwords_are_long_and_not_those_tried_first(password: str, is_good: bool) -> None:
    assert (passwords.problem(password, "operator", "Wang") is None) is is_good


def test_the_audit_is_searched_exported_and_its_hashes_computed_again(service: Service) -> None:
    made(service)
    items = service.call("root", "GET", "/audit?kind=key")["items"]
    assert [(i["who"], i["what"], i["kind"]) for i in items] == [("u-root", "insert", "key")]
    names = ("id", "at_ms", "who", "what", "kind", "thing_id", "before", "after", "prev_hash")
    text = json.dumps([items[0][name] for name in names], ensure_ascii=False, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == items[0]["hash"]
    head = service.call("root", "GET", "/audit/head")
    checked = service.call("root", "POST", "/audit/check", {"known_id": head["last_id"], "known_hash": head["hash"]})
    assert (checked["problem"], checked["last_id"]) == (None, head["last_id"])
    headers = service.as_("root")
    lines = service.client.get("/api/v1/audit/export?form=jsonl&kind=key", headers=headers).text.splitlines()
    assert [json.loads(line)["hash"] for line in lines] == [items[0]["hash"]]
    assert service.client.get("/api/v1/audit/export?form=csv", headers=headers).text.startswith("\ufeffid,at_ms")
    assert service.call("root", "GET", "/audit?kind=audit")["items"][0]["what"] == "export"
    assert service.call("root", "POST", "/audit/check", {"known_id": 1, "known_hash": "0" * 64})["problem"] is not None
