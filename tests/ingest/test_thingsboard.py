"""The ThingsBoard codec: every documented shape of telemetry, attributes, gateway messages and RPC, both ways."""

from __future__ import annotations

import orjson
import pytest

from ingest.codecs.thingsboard import THINGSBOARD
from power.model import Action, Command, order_number
from sites.model import Device
from sites.readings import NO_TIME

TS = 1_451_649_600_512


def decoded(topic: str, document: object):
    place = THINGSBOARD.locate("", topic)
    assert place is not None
    return THINGSBOARD.decode({}, place, document if isinstance(document, bytes) else orjson.dumps(document))


@pytest.mark.parametrize(
    ("document", "samples"),
    [
        ({"temperature": 42.2, "smoke": True}, [(NO_TIME, {"temperature": 42.2, "smoke_alarm": True})]),
        ([{"power": 1}, {"power": 2}], [(NO_TIME, {"power_w": 1}), (NO_TIME, {"power_w": 2})]),
        ({"ts": TS, "values": {"current": 1.5, "voltage": 230}}, [(TS, {"current_a": 1.5, "voltage_v": 230})]),
        (
            [{"ts": TS, "values": {"gas": False}}, {"ts": TS + 1, "values": {"gas": True}}],
            [(TS, {"gas_alarm": False}), (TS + 1, {"gas_alarm": True})],
        ),
        ({"closed.2": 1, "switch": "OFF", "relay.3": True}, [(NO_TIME, {"closed.2": 1, "closed": 0, "closed.3": True})]),
        ({"firmware": "1.0", "blob": {"a": 1}, "list": [1], "none": None, "fanSpeed": 3}, [(NO_TIME, {"fan_speed": 3})]),
        ({}, []),
    ],
)
def test_telemetry_in_each_documented_shape(document, samples):
    out = decoded("v1/devices/me/telemetry", document)
    assert out.samples == samples
    assert out.refusals == []


@pytest.mark.parametrize(
    ("topic", "address"),
    [
        ("v1/devices/me/telemetry", "me"),
        ("shop-5/v1/devices/me/telemetry", "shop-5/me"),
        ("v2/t", "v2"),
        ("shop-5/v2/t/j", "shop-5/v2"),
        ("shop-5/v2/a", "shop-5/v2"),
        ("v1/gateway/telemetry", ""),
    ],
)
def test_a_mount_point_tells_devices_apart(topic, address):
    place = THINGSBOARD.locate("", topic)
    assert place is not None
    assert place.address == address


@pytest.mark.parametrize(
    "topic",
    ["v1/devices/me/rpc/request/1", "v1/devices/me/attributes/request/1", "v2/t/p", "v2/fw/request/1", "a/b/v2/t", "v1/gateway/claim"],
)
def test_other_topics_lead_nowhere(topic):
    assert THINGSBOARD.locate("", topic) is None


def test_attributes_are_settings_but_for_quantities_of_the_catalogue():
    out = decoded("v1/devices/me/attributes", {"battery": 87, "fw_version": "1.0", "reportInterval": 60, "rssi": -70})
    assert out.samples == [(NO_TIME, {"battery": 87, "signal": -70})]
    assert decoded("v2/a", {"reportInterval": 60}).samples == []


def test_a_gateways_telemetry_is_its_devices():
    out = decoded(
        "gw1/v1/gateway/telemetry",
        {
            "Device A": [{"ts": TS, "values": {"temperature": 42, "humidity": 80}}, {"ts": TS + 1, "values": {"temperature": 43}}],
            "Device B": [{"ts": TS, "values": {"smoke": True}}],
            "": [{"ts": TS, "values": {"x": 1}}],
        },
    )
    assert out.samples == []
    (first, a), (second, b) = out.others
    assert (first.address, first.name) == ("gw1/gateway/Device A", "Device A")
    assert a.samples == [(TS, {"temperature": 42, "humidity": 80}), (TS + 1, {"temperature": 43})]
    assert second.address == "gw1/gateway/Device B"
    assert b.samples == [(TS, {"smoke_alarm": True})]


def test_a_gateway_connects_and_disconnects_its_devices():
    ((place, out),) = decoded("v1/gateway/connect", {"device": "Device A", "type": "smoke"}).others
    assert (place.address, out.online) == ("gateway/Device A", True)
    ((_, gone),) = decoded("v1/gateway/disconnect", {"device": "Device A"}).others
    assert gone.online is False
    ((_, told),) = decoded("v1/gateway/attributes", {"Device A": {"battery": 12, "model": "x"}}).others
    assert told.samples == [(NO_TIME, {"battery": 12})]


def command(channel: str = "", action: Action = Action.CUT) -> Command:
    return Command(order_id="ab12", attempt=1, site_id="s", device_id="t", channel=channel, action=action, issued_ms=0, expires_ms=99)


@pytest.mark.parametrize(
    ("address", "topic"),
    [
        ("me", "v1/devices/me/rpc/request/{n}"),
        ("shop-5/me", "shop-5/v1/devices/me/rpc/request/{n}"),
        ("v2", "v2/r/req/{n}"),
        ("shop-5/v2", "shop-5/v2/r/req/{n}"),
    ],
)
def test_an_order_is_a_numbered_request(address, topic):
    device = Device(id="t", site_id="s", zone_id="z", name="", kind="switch", codec="thingsboard", address=address)
    told, payload = THINGSBOARD.encode_order(device, command("2"))
    assert told == topic.format(n=order_number("ab12"))
    assert orjson.loads(payload) == {"method": "setState", "params": {"circuit": "2", "closed": False, "expires": 99}}


def test_an_order_through_a_gateway_and_its_reply():
    device = Device(id="t", site_id="s", zone_id="z", name="", kind="switch", codec="thingsboard", address="gw1/gateway/Floor 1/Plug")
    topic, payload = THINGSBOARD.encode_order(device, command(action=Action.RESTORE))
    number = order_number("ab12")
    assert topic == "gw1/v1/gateway/rpc"
    body = orjson.loads(payload)
    assert body == {
        "device": "Floor 1/Plug",
        "data": {"id": number, "method": "setState", "params": {"circuit": "1", "closed": True, "expires": 99}},
    }
    assert decoded(topic, body).others == []  # our own request comes back to us
    ((place, out),) = decoded(topic, {"device": "Floor 1/Plug", "id": number, "data": {"success": True}}).others
    assert place.address == device.address
    assert [(reply.order_id, reply.result) for reply in out.replies] == [(f"#{number}", "done")]


@pytest.mark.parametrize(
    ("topic", "body", "result", "reason"),
    [
        ("v1/devices/me/rpc/response/7", {"success": True}, "done", ""),
        ("v1/devices/me/rpc/response/7", {"closed": False}, "done", ""),
        ("v2/r/res/7", True, "done", ""),
        ("v2/r/j/res/7", {}, "done", ""),
        ("v1/devices/me/rpc/response/7", False, "rejected", "the device says no"),
        ("v1/devices/me/rpc/response/7", {"success": False}, "rejected", "the device says no"),
        ("x/v2/r/res/7", {"error": "locked"}, "rejected", "locked"),
    ],
)
def test_a_response_is_done_unless_it_says_that_it_failed(topic, body, result, reason):
    ((reply),) = decoded(topic, body).replies
    assert (reply.order_id, reply.result, reply.reason) == ("#7", result, reason)


def test_an_address_that_is_none_is_not_ordered():
    device = Device(id="t", site_id="s", zone_id="z", name="", kind="switch", codec="thingsboard", address="shop-5")
    assert isinstance(THINGSBOARD.encode_order(device, command()), str)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("v1/devices/me/telemetry", b"7"),
        ("v1/devices/me/telemetry", b'[7,"x"]'),
        ("v1/devices/me/telemetry", b"{"),
        ("v1/devices/me/attributes", b"[]"),
        ("v1/gateway/telemetry", b"[]"),
        ("v1/gateway/connect", b'{"device":7}'),
    ],
)
def test_strange_payloads_are_refused(topic, payload):
    out = decoded(topic, payload)
    assert (out.samples, out.others) == ([], [])
    assert out.refusals


def test_a_time_that_is_none_costs_no_value():
    out = decoded("v1/devices/me/telemetry", {"ts": "noon", "values": {"power": 1}})
    assert out.samples == [(NO_TIME, {"power_w": 1})]
    assert out.refusals
