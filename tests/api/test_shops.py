"""What shops do by their links without an account, the second person by phone, and switching commanding on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alarms.contacts import Contact
from alarms.notices import ChannelState, Said
from api.ports import BrokerVerdict
from api.shop_links import Limiter
from power.morning_model import ApproveMorning
from power.requests import Restore
from sites.model import derived_id
from sites.people import User
from tests.api.conftest import Service
from tests.api.plant import NOON, PASSWORD

HOUR = 3_600_000
LATER = "2026-11-22T06:00:00Z"
RUN = derived_id("run", "mall", "click", "u-operator", "k")


class Texts:
    """Stands where the SMS gateway stands."""

    def __init__(self, notices: Any, ok: bool = True) -> None:
        self.notices, self.ok = notices, ok
        self.sent: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.notices, name)

    def channels(self) -> list[ChannelState]:
        return [ChannelState(name="sms", problem=None, degraded=None)]

    def say(self, channel: str, address: str, text: str) -> Said:
        self.sent.append((address, text))
        return Said(ok=self.ok, said="taken", took_ms=1)


@pytest.fixture
def shop(service: Service) -> Service:
    service.door.shop_limits = Limiter()
    for circuit_id, tenant in (("mall-c1", "Noodles"), ("plant-c1", "Noodles")):
        service.board.roster.put(replace(service.board.roster.circuits[circuit_id], tenant=tenant))
    return service


def link(service: Service, **asked: Any) -> str:
    made = service.call("manager", "POST", "/shop-links", {"site_id": "mall", "tenant": "Noodles", **asked}, 201)
    assert made["path"] == f"/shop/{made['token']}"
    return str(made["token"])


def by_link(service: Service, method: str, token: str, part: str = "", body: Any = None) -> tuple[int, Any]:
    response = service.client.request(method, f"/api/v1/shop/{token}{part}", json=body)
    return response.status_code, response.json()


def wish(**changed: Any) -> dict[str, Any]:
    return {"until": LATER, "reason": "stock-taking", "asked_by": "Li", "phone": "13800000000", **changed}


def test_a_shop_sees_its_own_circuits_and_nothing_else(shop: Service) -> None:
    status, seen = by_link(shop, "GET", link(shop))
    assert status == 200
    assert [circuit["id"] for circuit in seen["circuits"]] == ["mall-c1"]
    assert (seen["tenant"], seen["can_energise"]) == ("Noodles", False)


@pytest.mark.parametrize("change", ["cut", "swap", "forge", "foreign", "nonsense"])
def test_a_link_that_was_not_made_here_is_unknown(shop: Service, change: str) -> None:
    token = link(shop)
    body, _, mac = token.partition(".")
    other = link(shop, days=2).partition(".")
    forged = {
        "cut": token[:-1], "swap": f"{other[0]}.{mac}", "forge": f"{body}.{'0' * 32}", "foreign": f"YQo.{mac}", "nonsense": "%00x",
    }[change]  # fmt: skip
    assert by_link(shop, "GET", forged)[0] == 404
    assert by_link(shop, "POST", forged, "/stay-on", wish())[0] == 404


def test_a_link_ends_by_its_date(shop: Service) -> None:
    token = link(shop, days=1)
    shop.clock.advance(24 * HOUR + 1)
    assert by_link(shop, "GET", token)[0] == 410


def test_a_shop_asks_to_stay_on_and_a_person_approves(shop: Service) -> None:
    token = link(shop)
    status, answer = by_link(shop, "POST", token, "/stay-on", wish())
    assert (status, answer["state"]) == (201, "asked")
    (fact,) = shop.call("operator", "GET", "/stay-ons")["items"]
    assert (fact["body"]["tenant"], fact["body"]["channel"], fact["body"]["site_id"]) == ("Noodles", "qr", "mall")
    done = shop.call("manager", "POST", f"/stay-ons/{fact['id']}/decide", {"approve": True})
    assert done["state"] == "approved"
    assert by_link(shop, "GET", token)[1]["requests"] == [{"state": "approved", "until": "2026-11-22T06:00:00.000Z"}]


def test_where_sms_are_sent_the_code_of_that_telephone_is_needed(shop: Service) -> None:
    texts = shop.door.notices = Texts(shop.door.notices)
    token = link(shop)
    assert by_link(shop, "POST", token, "/stay-on", wish())[0] == 422
    status, code = by_link(shop, "POST", token, "/code", {"phone": "13800000000"})
    assert status == 202
    ((phone, text),) = texts.sent
    digits = "".join(each for each in text.split("，")[0] if each.isdigit())
    assert phone == "13800000000"
    assert len(digits) == 6
    assert digits not in str(code), "the answer does not tell the digits"
    right = {"challenge": code["challenge"], "code": digits}
    assert by_link(shop, "POST", token, "/stay-on", wish(**{**right, "code": f"{(int(digits) + 1) % 10**6:06d}"}))[0] == 422
    assert by_link(shop, "POST", token, "/stay-on", wish(**right, phone="13900000000"))[0] == 422
    assert by_link(shop, "POST", token, "/stay-on", wish(**right))[0] == 201
    shop.clock.advance(11 * 60_000)
    assert by_link(shop, "POST", token, "/stay-on", wish(**right))[0] == 422


def test_codes_and_requests_are_limited(shop: Service) -> None:
    shop.door.notices = Texts(shop.door.notices)
    token = link(shop)
    codes = [by_link(shop, "POST", token, "/code", {"phone": "13800000000"})[0] for _ in range(4)]
    assert codes == [202, 202, 202, 429]
    assert [by_link(shop, "POST", token, "/stay-on", wish(challenge="1.x", code="000000"))[0] for _ in range(11)][-1] == 429


def test_a_code_that_could_not_be_sent_is_said(shop: Service) -> None:
    shop.door.notices = Texts(shop.door.notices, ok=False)
    assert by_link(shop, "POST", link(shop), "/code", {"phone": "13800000000"})[0] == 503


def test_someone_in_the_shop_confirms_the_morning(shop: Service) -> None:
    token = link(shop)
    assert by_link(shop, "POST", token, "/confirm", {"person": "Li"})[0] == 422, "nothing is approved yet"
    shop.board.power.cut_by_night(RUN, NOON)
    shop.board.power.ask(ApproveMorning(key="k", run_id=RUN, who="u-a", second="u-b", reason="opening"), NOON)
    assert by_link(shop, "GET", token)[1]["can_energise"]
    status, answer = by_link(shop, "POST", token, "/confirm", {"person": "Li"})
    assert (status, answer["state"]) == (202, "confirmed")
    found = [fact for (kind, _), fact in shop.board.facts.items() if kind == "morning"]
    assert not [fact for fact in found if fact.state == "open"] or not by_link(shop, "GET", token)[1]["can_energise"]


def test_links_are_made_by_managers_for_tenants_that_are_there(shop: Service) -> None:
    shop.call("operator", "POST", "/shop-links", {"site_id": "mall", "tenant": "Noodles"}, 403)
    shop.call("manager", "POST", "/shop-links", {"site_id": "mall", "tenant": "Ghosts"}, 422)


# -- the second person by phone ---------------------------------------------------------------------------------------------


def second(service: Service, phone: str = "138 0000 0000") -> None:
    manager = service.records.user_by_login("manager")
    assert manager is not None
    made = User(id="u-second", login="second", name="Second", password_hash=manager.password_hash, grants=manager.grants)
    service.records.save_user(made, "t", 0)
    service.records.save_contact(Contact(user_id="u-second", phone=phone), "t", 0)


def phoned(**changed: Any) -> dict[str, Any]:
    return {"reason": "repaired", "phone": {"user_id": "u-second", "number": "13800000000", "phrase": "blue lantern", **changed}}


def test_a_second_person_is_phoned_and_who_number_and_phrase_are_kept(service: Service) -> None:
    second(service)
    service.call("operator", "POST", "/circuits/mall-c1/restore", phoned(), 202)
    request = service.desk.asked[-1]
    assert isinstance(request, Restore)
    assert (request.who, request.second) == ("u-operator", "u-second")
    for words in ("repaired", "Second", "13800000000", "blue lantern"):
        assert words in request.reason


@pytest.mark.parametrize(
    ("phrase", "changed", "status"),
    [
        ("another number", {"number": "13911111111"}, 422), ("nobody", {"user_id": "nope"}, 422), ("no phrase", {"phrase": " "}, 422),
        ("themselves", {"user_id": "u-operator"}, 422),
    ],
)  # fmt: skip
def test_a_call_is_refused_to(service: Service, phrase: str, changed: dict[str, Any], status: int) -> None:
    second(service)
    service.call("operator", "POST", "/circuits/mall-c1/restore", phoned(**changed), status)


def test_nobody_is_their_own_second_person_by_phone(service: Service) -> None:
    service.records.save_contact(Contact(user_id="u-operator", phone="13800000000"), "t", 0)
    service.call("operator", "POST", "/circuits/mall-c1/restore", phoned(user_id="u-operator"), 403)


def test_who_may_not_restore_here_is_no_second_person(service: Service) -> None:
    service.records.save_contact(Contact(user_id="u-supervisor", phone="13800000000"), "t", 0)
    service.call("operator", "POST", "/circuits/mall-c1/restore", phoned(user_id="u-supervisor"), 403)


def test_a_restore_without_a_second_person_is_refused(service: Service) -> None:
    service.call("operator", "POST", "/circuits/mall-c1/restore", {"reason": "repaired"}, 403)
    service.call("operator", "POST", "/restores", {"reason": "r", "site_id": "mall", "circuit_ids": ["mall-c1"]}, 403)
    own = {"reason": "r", "second_login": "operator", "second_password": PASSWORD}
    service.call("operator", "POST", "/restores", {**own, "site_id": "mall", "circuit_ids": ["mall-c1"]}, 403)


# -- commanding ---------------------------------------------------------------------------------------------------------------


def test_commanding_is_switched_on_only_after_a_passing_check_made_now(service: Service) -> None:
    ask = {"commanding": True, "reason": "trials are done"}
    service.board.roster.put(replace(service.board.roster.sites["mall"], commanding=False))
    service.call("manager", "POST", "/sites/mall/commanding", ask, 409)
    asked: list[int] = []

    def check() -> BrokerVerdict:
        asked.append(1)
        return BrokerVerdict(len(asked) > 1, ("an anonymous client can publish commands",) if len(asked) == 1 else ("refuses",), ("可以",))

    service.door.broker_check = check
    refused = service.call("manager", "POST", "/sites/mall/commanding", ask, 409)
    assert "publish commands" in refused["detail"]
    assert not service.board.roster.sites["mall"].commanding
    assert service.call("manager", "POST", "/sites/mall/commanding", ask)["commanding"]
    assert "refuses" in service.desk.asked[-1].reason  # type: ignore[union-attr]
    service.call("manager", "POST", "/sites/mall/commanding", {"commanding": False, "reason": "works"})
    assert len(asked) == 2, "switching it off needs no check"
