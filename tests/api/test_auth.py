"""Signing in and out, cookies and their CSRF token, limits, proofs, and going on without the records."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from api.sessions import FRESH_MS, PROOF_MS, SESSION_MS, TRUST_MS
from tests.api.conftest import Service
from tests.api.plant import PASSWORD

LOGIN = "/api/v1/auth/login"


def sign_in(service: Service, login: str = "operator", password: str = PASSWORD) -> dict[str, object]:
    response = service.client.post(LOGIN, json={"login": login, "password": password})
    assert response.status_code == 200, response.text
    answer: dict[str, object] = response.json()
    return answer


def test_login_sets_an_http_only_cookie_and_gives_token_csrf_and_acts(service: Service) -> None:
    response = service.client.post(LOGIN, json={"login": "operator", "password": PASSWORD})
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    body = response.json()
    assert body["user"]["name"] == "Name of operator"
    assert "password_hash" not in response.text
    assert body["acts"]["cut"] == ["mall"]
    assert "users" not in body["acts"]
    assert body["token"]
    assert service.client.get("/api/v1/me").json()["csrf"] == body["csrf"]


def test_the_cookie_is_secure_where_the_setting_says_so(build: Callable[..., Service]) -> None:
    service = build(cookie_secure=True)
    assert "Secure" in service.client.post(LOGIN, json={"login": "operator", "password": PASSWORD}).headers["set-cookie"]


def test_a_change_by_cookie_needs_the_csrf_token_and_by_bearer_does_not(service: Service) -> None:
    csrf = str(sign_in(service)["csrf"])
    path = "/api/v1/alarms/mall-alarm/acknowledge"
    without = service.client.post(path, json={})
    assert (without.status_code, without.json()["type"]) == (403, "urn:sitewarden:problem:csrf")
    assert service.client.post(path, json={}, headers={"X-CSRF-Token": "wrong"}).status_code == 403
    assert not service.desk.asked
    assert service.client.post(path, json={}, headers={"X-CSRF-Token": csrf}).status_code == 200
    service.client.cookies.clear()
    service.call("operator", "POST", "/alarms/mall-alarm/note", {"note": "by token"})


def test_a_wrong_password_and_an_unknown_login_answer_alike(service: Service) -> None:
    wrong = service.client.post(LOGIN, json={"login": "operator", "password": "wrong"})
    unknown = service.client.post(LOGIN, json={"login": "nobody", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert "set-cookie" not in wrong.headers


def test_attempts_are_limited_by_login_and_the_lock_doubles(service: Service) -> None:
    def attempt(password: str = "wrong") -> int:
        return service.client.post(LOGIN, json={"login": "operator", "password": password}).status_code

    assert [attempt() for _ in range(5)] == [401] * 5
    locked = service.client.post(LOGIN, json={"login": "operator", "password": PASSWORD})
    assert locked.status_code == 429
    assert int(locked.headers["retry-after"]) == 1
    service.clock.advance(1_000)
    assert attempt() == 401
    service.clock.advance(1_000)
    assert attempt() == 429, "the second lock is two seconds"
    service.clock.advance(1_000)
    assert attempt(PASSWORD) == 200
    assert [attempt() for _ in range(5)] == [401] * 5, "a right password clears the count"


def test_attempts_are_limited_by_address_over_many_logins(service: Service) -> None:
    answers = [service.client.post(LOGIN, json={"login": f"guess-{i}", "password": "x"}).status_code for i in range(31)]
    assert answers == [401] * 30 + [429]


def test_a_disabled_person_cannot_sign_in_and_open_sessions_end(service: Service) -> None:
    service.call("operator", "GET", "/me")
    user = service.call("root", "GET", "/users/u-operator")
    changed = {"login": "operator", "name": "x", "grants": [], "disabled": True, "version": user["version"]}
    service.call("root", "PUT", "/users/u-operator", changed)
    assert service.client.get("/api/v1/me", headers=service.as_("operator")).status_code == 401
    assert service.client.post(LOGIN, json={"login": "operator", "password": PASSWORD}).status_code == 401


def test_logout_ends_the_session_for_every_copy_of_its_token(service: Service) -> None:
    headers = service.as_("operator")
    assert service.client.post("/api/v1/auth/logout", headers=headers).status_code == 204
    assert service.client.get("/api/v1/me", headers=headers).status_code == 401
    assert service.client.post("/api/v1/auth/logout").status_code == 204, "without a session there is nothing to do"


def test_a_session_expires_after_a_shift(service: Service) -> None:
    headers = service.as_("operator")
    for _ in range(4):
        service.clock.advance(SESSION_MS // 4 - 1)
        assert service.client.get("/api/v1/me", headers=headers).status_code == 200
    service.clock.advance(4)
    assert service.client.get("/api/v1/me", headers=headers).status_code == 401


def test_dangerous_acts_want_a_fresh_password_and_cutting_never_does(service: Service) -> None:
    service.as_("operator"), service.as_("manager")
    service.clock.advance(PROOF_MS + 1)
    restore = {"reason": "leak closed", "second_login": "manager", "second_password": PASSWORD}
    refused = service.call("operator", "POST", "/circuits/mall-c1/restore", restore, 403)
    assert refused["type"] == "urn:sitewarden:problem:reauth-required"
    service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202)
    assert service.call("operator", "POST", "/auth/reauth", {"password": "wrong"}, 401)["type"].endswith("denied")
    service.call("operator", "POST", "/auth/reauth", {"password": PASSWORD})
    service.call("operator", "POST", "/circuits/mall-c1/restore", restore, 202)


def test_people_who_are_signed_in_go_on_without_the_records_and_nobody_new_comes_in(service: Service) -> None:
    service.call("operator", "GET", "/me")
    service.outage.is_on = True
    service.clock.advance(FRESH_MS + 1)
    assert len(service.call("operator", "GET", "/alarms")["items"]) == 1
    service.call("operator", "POST", "/alarms/mall-alarm/acknowledge", {})
    service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202)
    detail = service.call("operator", "GET", "/alarms/mall-alarm")
    assert (detail["attention"], detail["records_available"]) == ("acknowledged", False)
    refused = service.client.post(LOGIN, json={"login": "manager", "password": PASSWORD})
    assert refused.status_code == 503
    assert "db.internal" not in refused.text
    history = service.client.get("/api/v1/alarms?state=ended", headers=service.as_("operator"))
    assert (history.status_code, history.headers["retry-after"]) == (503, "2")
    assert "db.internal" not in history.text


def test_nobody_waits_for_records_that_hang(service: Service) -> None:
    service.call("operator", "GET", "/me")
    service.outage.is_on = True
    service.clock.advance(FRESH_MS + 1)
    service.call("operator", "GET", "/me")  # finds out
    service.outage.hanging = threading.Event()
    service.clock.advance(FRESH_MS + 1)
    service.client.timeout = 4.0
    service.call("operator", "POST", "/alarms/mall-alarm/acknowledge", {})
    service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202, Idempotency_Key="k1")
    service.call("operator", "POST", "/circuits/mall-c1/cut", {"reason": "gas"}, 202, Idempotency_Key="k1")
    assert len(service.desk.asked) == 2
    service.outage.hanging.set()


def test_sessions_outlive_a_restart_without_the_records_for_a_shift_at_most(build: Callable[..., Service], tmp_path: Path) -> None:
    cache = tmp_path / "sessions.json"
    headers = build(session_cache=cache).as_("operator")
    assert cache.stat().st_mode & 0o077 == 0, "for the service's own account only"
    again = build(session_cache=cache)
    again.outage.is_on = True
    assert again.client.get("/api/v1/alarms", headers=headers).status_code == 200
    again.clock.advance(TRUST_MS)
    assert again.client.get("/api/v1/alarms", headers=headers).status_code in (401, 503)


def test_a_garbled_session_cache_is_passed_over(build: Callable[..., Service], tmp_path: Path) -> None:
    cache = tmp_path / "sessions.json"
    cache.write_bytes(b'[{"session": 7}]')
    sign_in(build(session_cache=cache))


def test_no_password_and_no_token_is_kept_as_it_is(build: Callable[..., Service], tmp_path: Path) -> None:
    cache = tmp_path / "sessions.json"
    service = build(session_cache=cache)
    token = str(sign_in(service)["token"])
    kept = cache.read_bytes() + b"".join(p.read_bytes() for p in tmp_path.glob("records-*"))
    assert token.encode() not in kept
    assert PASSWORD.encode() not in kept
