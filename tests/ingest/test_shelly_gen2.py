"""The Shelly Gen2+ codec: partial and full status, events, status topics, RPC replies, orders."""

from __future__ import annotations

import orjson
import pytest

from ingest.codecs.shelly_gen2 import SHELLY_GEN2
from power.model import Action, Command
from sites.model import Device
from sites.readings import NO_TIME

TS = 1_700_000_000.12
TAKEN = 1_700_000_000_120


def decoded(topic: str, document: object):
    place = SHELLY_GEN2.locate("+/events/rpc", topic)
    assert place is not None
    return SHELLY_GEN2.decode({}, place, document if isinstance(document, bytes) else orjson.dumps(document))


def notify(params: dict, method: str = "NotifyStatus"):
    return decoded("shellypro4pm-1/events/rpc", {"src": "shellypro4pm-1", "dst": "x/events", "method": method, "params": params})


def test_a_partial_status_is_the_fields_that_are_there():
    out = notify({"ts": TS, "switch:0": {"id": 0, "output": False, "source": "MQTT"}})
    assert out.samples == [(TAKEN, {"closed": False})]
    assert [(reply.channel, reply.order_id, reply.result, reply.reason) for reply in out.replies] == [("", None, "done", "open")]
    power = notify({"ts": TS, "switch:2": {"id": 2, "apower": 0.0}})
    assert power.samples == [(TAKEN, {"power_w.2": 0.0})]
    assert power.replies == []


def test_a_partial_status_without_errors_ends_no_trip():
    assert notify({"ts": TS, "switch:0": {"id": 0, "errors": ["overpower"]}}).samples == [(TAKEN, {"trip": True, "fault": False})]
    assert "trip" not in notify({"ts": TS, "switch:0": {"id": 0, "apower": 1.0}}).samples[0][1]
    assert notify({"ts": TS, "switch:0": {"id": 0, "errors": []}}).samples == [(TAKEN, {"trip": False, "fault": False})]
    full = notify({"ts": TS, "switch:0": {"id": 0, "output": True}}, "NotifyFullStatus")
    assert full.samples == [(TAKEN, {"closed": True, "trip": False, "fault": False})]


def test_the_documented_switch_status_on_its_own_topic():
    out = decoded(
        "site/shellyplus1pm-1/status/switch:0",
        {
            "id": 0, "source": "WS_in", "output": True, "apower": 8.9, "voltage": 237.5, "current": 0.06, "pf": 0.98, "freq": 50.0,
            "aenergy": {"total": 6532.0, "by_minute": [45.199, 47.141, 88.397], "minute_ts": 1626935779},
            "temperature": {"tC": 23.5, "tF": 74.4}, "errors": ["power_meter_failure"],
        },
    )  # fmt: skip
    assert out.samples == [
        (
            NO_TIME,
            {
                "closed": True, "power_w": 8.9, "voltage_v": 237.5, "current_a": 0.06, "power_factor": 0.98, "frequency_hz": 50.0,
                "energy_kwh": pytest.approx(6.532), "temperature": 23.5, "trip": False, "fault": True,
            },
        )
    ]  # fmt: skip


def test_a_full_status_of_a_battery_device():
    out = notify(
        {
            "ts": TS, "smoke:0": {"id": 0, "alarm": True, "mute": False}, "devicepower:0": {"id": 0, "battery": {"V": 5.9, "percent": 87}},
            "temperature:0": {"id": 0, "tC": None, "tF": None}, "humidity:0": {"id": 0, "rh": 44.5}, "wifi": {"rssi": -60}, "cloud": {},
        },
        "NotifyFullStatus",
    )  # fmt: skip
    assert out.samples == [
        (TAKEN, {"smoke_alarm": True, "muted": False, "fault": False, "battery": 87, "humidity": 44.5, "signal": -60})
    ]  # fmt: skip


def test_a_three_phase_meter_by_pole_and_single_meters_by_channel():
    out = notify(
        {"ts": TS, "em:0": {"id": 0, "a_current": 4.0, "a_voltage": 230.0, "b_act_power": 900.0, "c_pf": 0.9, "total_current": 9.0}}
    )
    assert out.samples == [(TAKEN, {"current_a.l1": 4.0, "voltage_v.l1": 230.0, "power_w.l2": 900.0, "power_factor.l3": 0.9})]
    counters = notify({"ts": TS, "emdata:0": {"id": 0, "total_act": 1500.0}, "em1data:1": {"id": 1, "total_act_energy": 500.0}})
    assert counters.samples == [(TAKEN, {"energy_kwh": 1.5, "energy_kwh.1": 0.5})]
    single = notify({"ts": TS, "em1:1": {"id": 1, "current": 1.0, "act_power": 200.0}, "pm1:0": {"id": 0, "apower": 3.0}})
    assert single.samples == [(TAKEN, {"current_a.1": 1.0, "power_w.1": 200.0, "power_w": 3.0})]


def test_events_of_an_alarm_are_readings_and_buttons_are_not():
    out = notify(
        {
            "ts": TS,
            "events": [
                {"component": "flood:0", "id": 0, "event": "alarm", "ts": TS + 1},
                {"component": "smoke:0", "id": 0, "event": "alarm_off", "ts": TS},
                {"component": "smoke:0", "id": 0, "event": "alarm_test", "ts": TS},
                {"component": "input:0", "id": 0, "event": "single_push", "ts": TS},
                {"component": "sys", "event": "config_changed", "ts": TS},
                "nonsense",
            ],
        },
        "NotifyEvent",
    )
    assert out.samples == [(TAKEN + 1000, {"water_leak": 1}), (TAKEN, {"smoke_alarm": 0}), (TAKEN, {"test": 1})]


@pytest.mark.parametrize(("payload", "online"), [(b"true", True), (b"false", False), (b"1", None)])
def test_online(payload, online):
    assert decoded("shellyplus1-1/online", payload).online is online


def test_an_order_names_its_device_in_src_and_the_reply_names_both():
    device = Device(id="g", site_id="s", zone_id="z", name="", kind="switch", codec="shelly_gen2", address="hall/shellypro4pm-1")
    command = Command(order_id="a1b2", attempt=1, site_id="s", device_id="g", channel="2", action=Action.CUT, issued_ms=0, expires_ms=1)
    topic, payload = SHELLY_GEN2.encode_order(device, command)
    assert topic == "hall/shellypro4pm-1/rpc"
    body = orjson.loads(payload)
    assert body == {"id": "a1b2", "src": "sitewarden/shelly/hall/shellypro4pm-1", "method": "Switch.Set", "params": {"id": 2, "on": False}}
    reply_topic = f"{body['src']}/rpc"
    place = SHELLY_GEN2.locate("sitewarden/shelly/#", reply_topic)
    assert place is not None
    assert place.address == device.address
    done = decoded(reply_topic, {"id": "a1b2", "src": "shellypro4pm-1", "dst": body["src"], "result": {"was_on": True}})
    assert [(reply.order_id, reply.result) for reply in done.replies] == [("a1b2", "done")]
    assert done.samples == []  # was_on is what it was
    refused = decoded(reply_topic, {"id": "a1b2", "error": {"code": -105, "message": "Argument 'id', value 2 not found!"}})
    assert refused.replies[0].result == "rejected"
    assert "-105" in refused.replies[0].reason


@pytest.mark.parametrize("channel", ["0", "256", "a", "-1"])
def test_a_channel_that_is_none_is_not_ordered(channel):
    device = Device(id="g", site_id="s", zone_id="z", name="", kind="switch", codec="shelly_gen2", address="x")
    command = Command(order_id="o", attempt=1, site_id="s", device_id="g", channel=channel, action=Action.CUT, issued_ms=0, expires_ms=1)
    assert isinstance(SHELLY_GEN2.encode_order(device, command), str)


@pytest.mark.parametrize(
    "topic",
    ["x/rpc", "x/command/switch:0", "shellies/online", "homie/status/lamp", "sitewarden/shelly/rpc", "sitewarden/online", "/online"],
)
def test_what_is_not_for_us_leads_nowhere(topic):
    assert SHELLY_GEN2.locate("+/status/+", topic) is None


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("x/events/rpc", b"[]"),
        ("x/events/rpc", b'{"method":"NotifyStatus","params":7}'),
        ("x/events/rpc", b'{"method":"Reboot","params":{}}'),
        ("x/status/switch:0", b"ON"),
        ("sitewarden/shelly/x/rpc", b'{"id":7,"result":{}}'),
        ("sitewarden/shelly/x/rpc", b'{"id":"o"}'),
    ],
)
def test_strange_payloads_are_refused(topic, payload):
    out = decoded(topic, payload)
    assert (out.samples, out.replies) == ([], [])
    assert out.refusals


def test_a_time_that_is_none_costs_no_value():
    out = notify({"ts": "noon", "switch:0": {"id": 0, "apower": 5.0}})
    assert out.samples == [(NO_TIME, {"power_w": 5.0})]
    assert out.refusals


@pytest.mark.parametrize(
    ("topic", "kind"), [("shellyplussmoke-1/online", "smoke"), ("shellypro3em-1/online", "electrical"), ("a/online", "other")]
)
def test_a_kind_is_suggested_by_the_id(topic, kind):
    place = SHELLY_GEN2.locate("+/online", topic)
    assert place is not None
    assert SHELLY_GEN2.suggest({}, place, decoded(topic, b"true")) == kind
