"""The Zigbee2MQTT codec: fields to metrics, names with slashes, availability, inventory, orders."""

from __future__ import annotations

import orjson
import pytest

from ingest.codecs.zigbee2mqtt import ZIGBEE2MQTT
from power.model import Action, Command
from sites.model import Device
from sites.readings import NO_TIME

FILTER = "zigbee2mqtt/#"


def decoded(topic: str, document: object, state=None):
    place = ZIGBEE2MQTT.locate(FILTER, topic)
    assert place is not None
    payload = document if isinstance(document, bytes) else orjson.dumps(document)
    return ZIGBEE2MQTT.decode(state or {}, place, payload)


def values(document: object, state=None):
    ((_, found),) = decoded("zigbee2mqtt/x", document, state).samples
    return found


def test_a_breaker_with_metering_in_canonical_metrics_and_units():
    document = {
        "state": "OFF", "current": 0, "voltage": 231, "power": 1.5, "energy": 7, "leakage_current": 3, "temperature": 31.5,
        "linkquality": 92, "event": "leakage_trip", "auto_reclosing": False, "over_current_threshold": 40, "over_current_setting": "Trip",
    }  # fmt: skip
    assert values(document) == {
        "closed": 0, "current_a": 0, "voltage_v": 231, "power_w": 1.5, "energy_kwh": 7, "leakage_ma": 3, "temperature": 31.5,
        "signal": 92, "trip": True, "auto_reclosing": False, "over_current_threshold": 40,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "metric", "reading"),
    [
        ("smoke", True, "smoke_alarm", True),
        ("gas", False, "gas_alarm", False),
        ("carbon_monoxide", True, "co_alarm", True),
        ("co", 35, "co", 35),
        ("water_leak", True, "water_leak", True),
        ("tamper", False, "tamper", False),
        ("battery", 87, "battery", 87),
        ("battery_low", True, "battery_low", True),
        ("humidity", 45.2, "humidity", 45.2),
        ("pressure", 1013.0, "pressure_kpa", 101.3),
        ("occupancy", True, "occupancy", True),
        ("contact", True, "door_open", False),
        ("smoke_density_dbm", 0.12, "smoke_obscuration", 0.12),
        ("soilMoisture", 7, "soil_moisture", 7),
    ],
)
def test_a_vendor_field_becomes_its_metric(field, value, metric, reading):
    found = values({field: value})
    assert list(found) == [metric]
    assert found[metric] == pytest.approx(reading)


def test_the_millivolts_of_a_battery_are_no_line_voltage():
    assert values({"smoke": False, "battery": 100, "voltage": 3000}) == {"smoke_alarm": False, "battery": 100, "battery_mv": 3000}
    listed = {"zigbee2mqtt": {"x": {"power": "Battery", "units": {}}}}
    assert values({"voltage": 2900}, listed) == {"battery_mv": 2900}
    assert values({"voltage": 229, "current": 0.2, "battery": 100}) == {"voltage_v": 229, "current_a": 0.2, "battery": 100}


def test_gas_values_follow_the_unit_that_the_inventory_tells():
    for unit, metric in (("LEL", "lel"), ("ppm", "gas_ppm"), ("", "gas_value")):
        listed = {"zigbee2mqtt": {"x": {"power": "Mains", "units": {"gas_value": unit}}}}
        assert values({"gas_value": 12}, listed) == {metric: 12}


def test_several_channels_and_phases():
    out = decoded(
        "zigbee2mqtt/x",
        {"state_l1": "ON", "state_l2": "OFF", "state_left": "on", "power_l2": 3, "current_phase_b": 4, "voltage_phase_c": 230},
    )
    assert out.samples[0][1] == {"closed.1": 1, "closed.2": 0, "closed.left": 1, "power_w.2": 3, "current_a.l2": 4, "voltage_v.l3": 230}
    assert [(reply.channel, reply.reason, reply.order_id) for reply in out.replies] == [
        ("1", "closed", None),
        ("2", "open", None),
        ("left", "closed", None),
    ]


def test_last_seen_is_the_device_time_in_either_spelling():
    assert decoded("zigbee2mqtt/x", {"smoke": True, "last_seen": "2023-11-14T22:13:20.000Z"}).samples[0][0] == 1_700_000_000_000
    assert decoded("zigbee2mqtt/x", {"smoke": True, "last_seen": 1_700_000_000_000}).samples[0][0] == 1_700_000_000_000
    assert decoded("zigbee2mqtt/x", {"smoke": True, "last_seen": None}).samples[0][0] == NO_TIME
    strange = decoded("zigbee2mqtt/x", {"smoke": True, "last_seen": "noon"})
    assert strange.samples == [(NO_TIME, {"smoke_alarm": True})]
    assert strange.refusals


@pytest.mark.parametrize(
    ("payload", "online"), [(b"online", True), (b"offline", False), (b'{"state":"online"}', True), (b'{"state":"offline"}', False)]
)
def test_availability_in_both_shapes_and_names_with_slashes(payload, online):
    place = ZIGBEE2MQTT.locate(FILTER, "zigbee2mqtt/floor 1/shop 5/plug/availability")
    assert place is not None
    assert place.address == "zigbee2mqtt/floor 1/shop 5/plug"
    assert ZIGBEE2MQTT.decode({}, place, payload).online is online


def test_strange_availability_is_refused():
    assert decoded("zigbee2mqtt/x/availability", b'{"state":7}').refusals
    assert decoded("zigbee2mqtt/x/availability", b"[1").refusals


@pytest.mark.parametrize("name", ["plug/set", "plug/get", "bridge/logging", "bridge/event", ""])
def test_orders_and_the_bridges_talk_lead_nowhere(name):
    assert ZIGBEE2MQTT.locate(FILTER, f"zigbee2mqtt/{name}") is None


def test_the_inventory_is_noted_once_and_tells_the_kind_of_strangers():
    exposes = [{"property": "smoke"}, {"features": [{"property": "battery", "unit": "%"}]}]
    devices = [
        {"type": "Coordinator", "friendly_name": "Coordinator"},
        {"friendly_name": "kitchen/head", "power_source": "Battery", "definition": {"model": "JY-GZ-01AQ", "exposes": exposes}},
        {"friendly_name": "half", "definition": None},
        {"friendly_name": 7},
        "nonsense",
    ]
    out = decoded("zigbee2mqtt/bridge/devices", devices)
    ((key, value),) = out.notes
    state = {key: orjson.loads(value)}
    assert state["zigbee2mqtt"]["kitchen/head"]["units"] == {"smoke": "", "battery": "%"}
    assert decoded("zigbee2mqtt/bridge/devices", devices, state).notes == []
    place = ZIGBEE2MQTT.locate(FILTER, "zigbee2mqtt/kitchen/head")
    assert place is not None
    assert ZIGBEE2MQTT.suggest(state, place, ZIGBEE2MQTT.decode(state, place, b'{"linkquality":1}')) == "smoke"


def test_the_bridges_state_is_noted_when_it_changes():
    (note,) = decoded("zigbee2mqtt/bridge/state", {"state": "online"}).notes
    assert decoded("zigbee2mqtt/bridge/state", b"online", {note[0]: True}).notes == []
    assert len(decoded("zigbee2mqtt/bridge/state", b"offline", {note[0]: True}).notes) == 1


@pytest.mark.parametrize("payload", [b"ON", b"[]", b'{"state":"SPINNING"}', b"\xff", b"{" * 3000])
def test_a_state_that_is_none_is_refused(payload):
    out = decoded("zigbee2mqtt/x", payload)
    assert out.samples == []
    assert out.refusals


@pytest.mark.parametrize(
    ("channel", "action", "body"),
    [("", Action.CUT, {"state": "OFF"}), ("2", Action.RESTORE, {"state_l2": "ON"}), ("left", Action.CUT, {"state_left": "OFF"})],
)
def test_an_order_is_an_absolute_state(channel, action, body):
    device = Device(id="z1", site_id="s", zone_id="z", name="", kind="switch", codec="zigbee2mqtt", address="zigbee2mqtt/f1/plug")
    command = Command(order_id="o", attempt=1, site_id="s", device_id="z1", channel=channel, action=action, issued_ms=0, expires_ms=1)
    topic, payload = ZIGBEE2MQTT.encode_order(device, command)
    assert topic == "zigbee2mqtt/f1/plug/set"
    assert orjson.loads(payload) == body
