"""Home Assistant's discovery: kind and name of devices that other codecs hear, never a device by itself."""

from __future__ import annotations

import orjson
import pytest

from ingest.codecs.homeassistant import HOMEASSISTANT
from power.model import Action, Command
from sites.model import Device

SMOKE = {
    "name": "Smoke",
    "uniq_id": "0x1_smoke",
    "stat_t": "zigbee2mqtt/kitchen head",
    "dev_cla": "smoke",
    "val_tpl": "{{ value_json.smoke }}",
    "avty": [{"topic": "zigbee2mqtt/bridge/state"}],
    "dev": {"ids": ["0x1"], "name": "Kitchen head", "mf": "x"},
}


def decoded(topic: str, document: object):
    place = HOMEASSISTANT.locate("homeassistant/+/+/config", topic)
    assert place is not None
    assert place.address == ""
    return HOMEASSISTANT.decode({}, place, document if isinstance(document, bytes) else orjson.dumps(document))


def test_a_discovery_is_a_hint():
    out = decoded("homeassistant/binary_sensor/0x1/smoke/config", SMOKE)
    assert [tuple(hint) for hint in out.hints] == [("zigbee2mqtt/kitchen head", "smoke", "Kitchen head")]
    assert (out.samples, out.others, out.refusals) == ([], [], [])


def test_the_short_root_and_long_names():
    document = {"~": "tele/plug", "state_topic": "~/STATE", "command_topic": "cmnd/plug/POWER", "device": {"name": "Plug"}}
    (hint,) = decoded("homeassistant/switch/plug/config", document).hints
    assert tuple(hint) == ("tele/plug/STATE", "switch", "Plug")


def test_a_device_discovery_hints_at_each_topic_once():
    document = {
        "dev": {"name": "Shop 5"},
        "o": {"name": "x"},
        "stat_t": "zigbee2mqtt/shop 5",
        "cmps": {
            "a": {"p": "sensor", "dev_cla": "power"},
            "b": {"p": "sensor", "dev_cla": "energy"},
            "c": {"p": "switch", "cmd_t": "zigbee2mqtt/shop 5/set"},
            "d": {"p": "sensor", "dev_cla": "temperature", "stat_t": "zigbee2mqtt/fridge"},
            "e": 7,
        },
    }
    assert [tuple(hint) for hint in decoded("homeassistant/device/shop5/config", document).hints] == [
        ("zigbee2mqtt/shop 5", "electrical", "Shop 5"),
        ("zigbee2mqtt/shop 5", "switch", "Shop 5"),
        ("zigbee2mqtt/fridge", "other", "Shop 5"),
    ]


def test_a_switch_that_reports_no_position_is_refused():
    out = decoded("homeassistant/switch/x/config", {"cmd_t": "a/set", "name": "Blind switch"})
    assert out.hints == []
    assert "no state topic" in out.refusals[0]


def test_the_voltage_of_a_battery_makes_no_electrical_device():
    (hint,) = decoded("homeassistant/sensor/x/config", {"stat_t": "a", "dev_cla": "voltage", "ent_cat": "diagnostic"}).hints
    assert hint.kind == "other"


def test_a_withdrawn_discovery_says_nothing():
    out = decoded("homeassistant/switch/x/config", b"")
    assert (out.hints, out.refusals) == ([], [])


@pytest.mark.parametrize("payload", [b"[]", b"{", b"7"])
def test_strange_payloads_are_refused(payload):
    assert decoded("homeassistant/switch/x/config", payload).refusals


@pytest.mark.parametrize("topic", ["homeassistant/status", "homeassistant/switch/config", "homeassistant/a/b/c/d/config"])
def test_other_topics_lead_nowhere(topic):
    assert HOMEASSISTANT.locate("homeassistant/+/+/config", topic) is None


def test_nothing_is_ordered_through_it():
    device = Device(id="h", site_id="s", zone_id="z", name="", kind="switch", codec="homeassistant", address="x")
    command = Command(order_id="o", attempt=1, site_id="s", device_id="h", channel="", action=Action.CUT, issued_ms=0, expires_ms=1)
    assert isinstance(HOMEASSISTANT.encode_order(device, command), str)
