"""The main job with breakers of other makes: cut in their own words, confirmed by their own reply, proved by what they measure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ingest.codecs.tasmota import UNMEASURED
from power.model import OrderState, order_number
from power.requests import Cut, Restore
from sites.model import CircuitClass, Device
from tests.scenarios.house import House
from tests.scenarios.sample import circuit, kitchen

Said = tuple[str, Any]  # topic, JSON or text


@dataclass(frozen=True)
class Make:
    """One ecosystem's breaker: how it speaks while it draws 8 A, what it is told, what it answers, how it speaks when dead."""

    codec: str
    address: str
    channel: str
    live: tuple[Said, ...]
    order: Callable[[str], Said]
    reply: Callable[[str], Said]
    dead: tuple[Said, ...]
    lying: tuple[Said, ...]  # off, it says, and draws
    born: tuple[Said, ...] = ()


def _tasmota(on: bool, draws: float) -> tuple[Said, ...]:
    energy = {"Voltage": 231, "Current": draws, "Power": 230 * draws, "Total": 3.1}
    return ("tele/plug/SENSOR", {"Time": "2018-02-04T23:17:01", "ENERGY": energy}), ("tele/plug/STATE", {"POWER": "ON" if on else "OFF"})


def _gen1(on: bool, draws: float) -> tuple[Said, ...]:
    return ("shellies/shellyem-1/relay/0", "on" if on else "off"), ("shellies/shellyem-1/emeter/0/current", str(draws))


def _gen2(on: bool, draws: float) -> tuple[Said, ...]:
    return (("shellypro-1/status/switch:1", {"id": 1, "output": on, "current": draws, "voltage": 231.0, "apower": 230 * draws}),)


def _thingsboard(on: bool, draws: float) -> dict[str, Any]:
    return {"closed.1": int(on), "current_a.1": draws}


def _homie(on: bool, draws: float) -> tuple[Said, ...]:
    return ("homie/5/panel/relay-1/on", "true" if on else "false"), ("homie/5/panel/relay-1/current", str(draws))


def _tencent(on: bool, draws: float) -> tuple[Said, ...]:
    params = {"power_switch_1": int(on), "current_1": draws}
    return (("$thing/up/property/P1/panel", {"method": "report", "clientToken": "c", "params": params}),)


def _aliyun(on: bool, draws: float) -> tuple[Said, ...]:
    return (("/sys/pk/panel/thing/event/property/post", {"params": {"PowerSwitch": int(on), "RMSCurrent": {"value": draws}}}),)


PANEL = {"on": {"datatype": "boolean", "settable": True}, "current": {"datatype": "float", "unit": "A"}}
MAKES = {
    "tasmota": Make(
        "tasmota", "plug", "", _tasmota(True, 8.0), lambda _: ("cmnd/plug/POWER", "OFF"), lambda _: ("stat/plug/RESULT", {"POWER": "OFF"}),
        _tasmota(False, 0.0), _tasmota(False, 8.0), (("stat/plug/RESULT", {"SetOption21": "ON"}),),
    ),
    "shelly gen1": Make(
        "shelly_gen1", "shellyem-1", "", _gen1(True, 8.0), lambda _: ("shellies/shellyem-1/relay/0/command", "off"),
        lambda _: ("shellies/shellyem-1/relay/0", "off"), _gen1(False, 0.0), _gen1(False, 8.0),
    ),
    "shelly gen2": Make(
        "shelly_gen2", "shellypro-1", "1", _gen2(True, 8.0),
        lambda order: (
            "shellypro-1/rpc",
            {"id": order, "src": "sitewarden/shelly/shellypro-1", "method": "Switch.Set", "params": {"id": 1, "on": False}},
        ),
        lambda order: ("sitewarden/shelly/shellypro-1/rpc", {"id": order, "src": "shellypro-1", "result": {"was_on": True}}),
        _gen2(False, 0.0), _gen2(False, 8.0),
    ),
    "thingsboard": Make(
        "thingsboard", "shop/me", "1", (("shop/v1/devices/me/telemetry", _thingsboard(True, 8.0)),),
        lambda order: (f"shop/v1/devices/me/rpc/request/{order_number(order)}", "setState"),
        lambda order: (f"shop/v1/devices/me/rpc/response/{order_number(order)}", {"success": True}),
        (("shop/v1/devices/me/telemetry", _thingsboard(False, 0.0)),), (("shop/v1/devices/me/telemetry", _thingsboard(False, 8.0)),),
    ),
    "thingsboard gateway": Make(
        "thingsboard", "gateway/Panel", "1", (("v1/gateway/telemetry", {"Panel": [_thingsboard(True, 8.0)]}),),
        lambda _: ("v1/gateway/rpc", "setState"),
        lambda order: ("v1/gateway/rpc", {"device": "Panel", "id": order_number(order), "data": {"success": True}}),
        (("v1/gateway/telemetry", {"Panel": [_thingsboard(False, 0.0)]}),),
        (("v1/gateway/telemetry", {"Panel": [_thingsboard(False, 8.0)]}),),
    ),
    "tencent, declared": Make(
        "tencent-iot", "P1/panel", "1", _tencent(True, 8.0),
        lambda order: (
            "$thing/down/property/P1/panel", {"method": "control", "clientToken": order, "params": {"power_switch_1": 0}},
        ),
        lambda order: ("$thing/up/property/P1/panel", {"method": "control_reply", "clientToken": order, "code": 0}),
        _tencent(False, 0.0), _tencent(False, 8.0),
    ),
    "aliyun, declared": Make(
        "aliyun-alink", "pk/panel", "", _aliyun(True, 8.0),
        lambda order: (
            "/sys/pk/panel/thing/service/property/set",
            {"id": order_number(order), "version": "1.0", "params": {"PowerSwitch": 0}, "method": "thing.service.property.set"},
        ),
        lambda order: ("/sys/pk/panel/thing/service/property/set_reply", {"id": str(order_number(order)), "code": 200, "data": {}}),
        _aliyun(False, 0.0), _aliyun(False, 8.0),
    ),
    "homie": Make(
        "homie", "homie/5/panel", "relay_1", _homie(True, 8.0), lambda _: ("homie/5/panel/relay-1/on/set", False),
        lambda _: ("homie/5/panel/relay-1/on/$target", "false"), _homie(False, 0.0), _homie(False, 8.0),
        (("homie/5/panel/$description", {"homie": "5.0", "nodes": {"relay-1": {"properties": PANEL}}}),),
    ),
}  # fmt: skip


@pytest.fixture(params=MAKES)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKES[request.param]


@pytest.fixture
def house(make: Make, tmp_path: Path) -> House:
    breaker = Device(
        id="other", site_id="site", zone_id="kitchen", name="other", kind="switch", codec=make.codec, address=make.address, interval_s=10.0
    )
    wired = replace(circuit("oven", make.channel, CircuitClass.USE), device_id="other")
    house = House(tmp_path, [*kitchen(), ("device", breaker), ("circuit", wired)])
    say(house, *make.born)
    for _ in range(3):
        say(house, *make.live)
        house.run(2)
    return house


def say(house: House, *messages: Said) -> None:
    for topic, body in messages:
        house.deliver(topic, body.encode() if isinstance(body, str) else json.dumps(body).encode())
    house.once()


def cut(house: House) -> str:
    answer = house.ask(Cut(key="k1", circuit_ids=("oven",), who="operator", reason="closing"))
    house.run(0.3)
    return str(answer.orders[0].id)


def test_it_is_told_in_its_own_words(house: House, make: Make) -> None:
    order_id = cut(house)
    assert house.order(order_id).state is OrderState.SENT, house.order(order_id).state_reason
    ((topic, body),) = house.outlet.published
    wanted_topic, wanted = make.order(order_id)
    assert topic == wanted_topic
    if wanted == "setState":
        request = body.get("data", body)
        assert (request["method"], request["params"]["circuit"], request["params"]["closed"]) == ("setState", "1", False)
    else:
        assert body == wanted


def test_its_reply_confirms_and_only_its_measurement_proves(house: House, make: Make) -> None:
    order_id = cut(house)
    say(house, make.reply(order_id))
    house.run(0.3)
    assert house.order(order_id).state is OrderState.CONFIRMED
    say(house, *make.dead)
    house.run(0.3)
    order = house.order(order_id)
    assert order.state is OrderState.PROVED, order.state_reason
    assert (order.before.current_a, order.after.current_a) == (8.0, 0.0)


def test_one_that_says_off_and_draws_is_found_out(house: House, make: Make) -> None:
    order_id = cut(house)
    say(house, make.reply(order_id))
    for _ in range(12):
        say(house, *make.lying)
        house.run(2)
    assert house.order(order_id).state is OrderState.FAILED
    assert house.alarm("service:power_not_proved").subject == "circuit:oven"


def test_an_order_survives_a_crash_and_is_confirmed_after_it(house: House, make: Make) -> None:
    order_id = cut(house)
    house.crash()
    say(house, make.reply(order_id))
    house.run(0.3)
    assert house.order(order_id).state is OrderState.CONFIRMED
    say(house, *make.dead)
    house.run(0.3)
    assert house.order(order_id).state is OrderState.PROVED


def test_it_is_energised_again_in_its_own_words(house: House, make: Make) -> None:
    order_id = cut(house)
    say(house, make.reply(order_id), *make.dead)
    house.run(0.3)
    assert house.order(order_id).state is OrderState.PROVED
    house.ask(Restore(key="r1", circuit_id="oven", who="operator", second="manager", reason="opening"))
    house.run(0.3)
    (off_topic, off), (on_topic, on) = house.outlet.published
    assert on_topic.rpartition("/")[0] == off_topic.rpartition("/")[0]
    assert on != off


def test_zeros_that_tasmota_writes_are_no_proof(tmp_path: Path) -> None:
    make = MAKES["tasmota"]
    breaker = Device(
        id="other", site_id="site", zone_id="kitchen", name="other", kind="switch", codec="tasmota", address="plug", interval_s=10.0
    )
    house = House(
        tmp_path, [*kitchen(), ("device", breaker), ("circuit", replace(circuit("oven", "", CircuitClass.USE), device_id="other"))]
    )
    for _ in range(3):
        say(house, *make.live)
        house.run(2)
    order_id = cut(house)
    say(house, make.reply(order_id))
    for _ in range(15):
        say(house, ("tele/plug/SENSOR", {"ENERGY": {"Voltage": 0, "Current": 0, "Power": 0}}), ("tele/plug/STATE", {"POWER": "OFF"}))
        house.run(2)
    assert house.order(order_id).state is OrderState.UNPROVED
    assert any(refused.reason == UNMEASURED for stepped in house.steps for refused in stepped.refused)
