"""All codecs together: nothing on the wire makes one raise, no topic is taken by two, orders are absolute and never kept."""

from __future__ import annotations

import time

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import CODECS, REPLY_ROUTES, TELEMETRY_ROUTES, table
from ingest.decode import Decoder
from ingest.heard import Message
from ingest.topics import Router, matches
from power.model import Action, Command
from sites.model import Circuit, Device
from sites.roster import Roster

ROUTES = (*TELEMETRY_ROUTES, *REPLY_ROUTES)

# one topic of every kind of part that a codec takes -> the codec
TOPICS = {
    "sitewarden/v1/s/d/telemetry": "native",
    "sitewarden/v1/s/d/status": "native",
    "sitewarden/v1/s/d/reply": "native",
    "zigbee2mqtt/floor 1/plug": "zigbee2mqtt",
    "zigbee2mqtt/floor 1/plug/availability": "zigbee2mqtt",
    "zigbee2mqtt/bridge/devices": "zigbee2mqtt",
    "zigbee2mqtt/bridge/state": "zigbee2mqtt",
    "tele/plug/SENSOR": "tasmota",
    "tele/plug/STATE": "tasmota",
    "tele/plug/LWT": "tasmota",
    "stat/plug/RESULT": "tasmota",
    "stat/plug/POWER2": "tasmota",
    "stat/plug/STATUS10": "tasmota",
    "shellies/shellyplug-1/relay/0": "shelly_gen1",
    "shellies/shellyplug-1/relay/0/power": "shelly_gen1",
    "shellies/shellyem3-1/emeter/2/voltage": "shelly_gen1",
    "shellies/shellygas-1/sensor/gas": "shelly_gen1",
    "shellies/shellygas-1/sensor/concentration": "shelly_gen1",
    "shellies/shellygas-1/valve/0/state": "shelly_gen1",
    "shellies/shellymotion-1/status": "shelly_gen1",
    "shellies/shellyplug-1/temperature": "shelly_gen1",
    "shellies/shellyplug-1/online": "shelly_gen1",
    "shellyplus1-1/events/rpc": "shelly_gen2",
    "shellyplus1-1/status/switch:0": "shelly_gen2",
    "shellyplus1-1/status/em:0": "shelly_gen2",
    "shellyplus1-1/online": "shelly_gen2",
    "sitewarden/shelly/shellyplus1-1/rpc": "shelly_gen2",
    "v1/devices/me/telemetry": "thingsboard",
    "v1/devices/me/attributes": "thingsboard",
    "shop/v1/devices/me/rpc/response/7": "thingsboard",
    "v1/gateway/telemetry": "thingsboard",
    "v1/gateway/attributes": "thingsboard",
    "v1/gateway/rpc": "thingsboard",
    "v1/gateway/connect": "thingsboard",
    "shop/v2/t": "thingsboard",
    "v2/r/res/7": "thingsboard",
    "homie/5/d/$state": "homie",
    "homie/5/d/$description": "homie",
    "homie/5/d/relay/on": "homie",
    "homie/5/d/relay/on/$target": "homie",
    "homie/d/$state": "homie",
    "homie/d/$nodes": "homie",
    "homie/d/relay/$properties": "homie",
    "homie/d/relay/on/$datatype": "homie",
    "homie/d/relay/on": "homie",
    "homeassistant/switch/x/config": "homeassistant",
    "homeassistant/device/x/config": "homeassistant",
}

# words that codecs look for: hypothesis would not find them by itself
WORDS = st.sampled_from(
    [
        *(
            "ENERGY",
            "Voltage",
            "Power",
            "POWER",
            "POWER1",
            "Time",
            "Epoch",
            "DS18B20-1",
            "Temperature",
            "PressureUnit",
            "TempUnit",
            "StatusSNS",
        ),
        *("SetOption21", "Switch1", "Wifi", "RSSI", "method", "params", "ts", "switch:0", "em:0", "errors", "events", "component", "event"),
        *("output", "aenergy", "temperature", "total", "id", "result", "error", "values", "device", "data", "closed", "switch", "state"),
        *("last_seen", "voltage", "nodes", "properties", "root", "stat_t", "~", "dev", "cmps", "dev_cla", "friendly_name", "definition"),
        *("exposes", "NotifyStatus", "NotifyEvent", "ON", "OFF", "a_current", "battery", "percent", "smoke:0", "alarm", "Device A"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=8), inner, max_size=6), max_leaves=25
)


def every_device() -> Roster:
    """A known device at every address of TOPICS, with a circuit."""
    roster = Roster()
    router = Router(ROUTES)
    for topic in TOPICS:
        for route in router.find(topic):
            place = CODECS[route.codec].locate(route.filter, topic)
            if place is not None and place.address and roster.find(route.codec, place.address) is None:
                device_id = f"d{len(roster.device_rows)}"
                roster.put(Device(id=device_id, site_id="s", zone_id="z", name="", kind="switch", codec=route.codec, address=place.address))
                roster.put(Circuit(id=f"c-{device_id}", site_id="s", zone_id="z", name="", device_id=device_id))
    return roster


def heard_by_all(payloads: list[bytes]) -> None:
    """Every payload on every topic, as strangers and as known devices: nothing raises, and what is heard can be journalled."""
    for roster in (Roster(), every_device()):
        decoder = Decoder(roster)
        messages = [Message(topic, payload, 1, retain, 1000, 1, 1) for payload in payloads for topic in TOPICS for retain in (False, True)]
        heard = decoder.decode(messages)
        assert len(heard.acks) == len(messages)
        for notes in decoder.dump().values():
            assert all(orjson.loads(value) is not Ellipsis for value in notes.values())


@settings(max_examples=200, deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=3))
def test_no_document_makes_a_codec_raise(documents):
    heard_by_all([orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS, default=str) for document in documents if _encodable(document)])


def _encodable(document: object) -> bool:
    try:
        orjson.dumps(document)
    except (TypeError, orjson.JSONEncodeError):  # integers beyond 64 bits, lone surrogates
        return False
    return True


# what devices really say, to be damaged in one place
SOUND: dict[str, object] = {
    "tele/plug/SENSOR": {
        "Time": "2018-02-04T23:17:01",
        "DS18B20-1": {"Id": "0", "Temperature": 21.5},
        "PressureUnit": "hPa",
        "BMP280": {"Pressure": 1013.0},
        "ENERGY": {"Total": 3.1, "Power": [1, 2], "Voltage": 230, "Current": [0.1, 0.2]},
        "TempUnit": "C",
    },
    "stat/plug/STATUS10": {"StatusSNS": {"Time": 1, "ENERGY": {"Voltage": 0}, "Switch1": "ON"}},
    "stat/plug/RESULT": {"POWER1": "ON", "SetOption21": "ON"},
    "shellyplus1-1/events/rpc": {
        "method": "NotifyFullStatus",
        "params": {
            "ts": 1.5,
            "switch:0": {"output": True, "apower": 1.0, "aenergy": {"total": 5.0}, "temperature": {"tC": 20.0}, "errors": ["overpower"]},
            "em:0": {"a_current": 1.0, "errors": []},
            "devicepower:0": {"battery": {"percent": 80}, "external": {"present": True}},
            "smoke:0": {"alarm": True, "mute": False},
        },
    },
    "sitewarden/shelly/shellyplus1-1/rpc": {"id": "o", "error": {"code": -1, "message": "no"}},
    "v1/gateway/telemetry": {"Device A": [{"ts": 1, "values": {"power": 1, "switch": "ON"}}]},
    "v1/gateway/rpc": {"device": "A", "id": 1, "data": {"success": True}},
    "v1/devices/me/telemetry": [{"ts": 1, "values": {"closed": 1}}],
    "homie/5/d/$description": {
        "name": "x",
        "root": "r",
        "nodes": {"relay": {"properties": {"on": {"datatype": "boolean", "settable": True}}}},
    },
    "homeassistant/device/x/config": {"dev": {"name": "x"}, "~": "a", "cmps": {"s": {"p": "switch", "stat_t": "~/b", "dev_cla": "outlet"}}},
    "zigbee2mqtt/bridge/devices": [{"friendly_name": "x", "definition": {"exposes": [{"features": [{"property": "a", "unit": "b"}]}]}}],
    "zigbee2mqtt/floor 1/plug": {"state_l1": "ON", "last_seen": 1, "voltage": 230, "update": {}},
    "sitewarden/v1/s/d/telemetry": [{"ts": 1, "values": {"lel": 1}}],
}


def paths(document: object, at: tuple = ()) -> list[tuple]:
    """Every place in a document."""
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    return [at, *(path for key, value in items for path in paths(value, (*at, key)))]


def put(document: object, path: tuple, leaf: object) -> object:
    """A copy with `leaf` at `path`."""
    if not path:
        return leaf
    if isinstance(document, dict):
        return {key: put(value, path[1:], leaf) if key == path[0] else value for key, value in document.items()}
    assert isinstance(document, list)
    return [put(value, path[1:], leaf) if i == path[0] else value for i, value in enumerate(document)]


@pytest.mark.parametrize("leaf", [None, True, 7, -1e308, 2**63, "x", "", [], [None], {}, {"x": None}, [[1]], {"": []}], ids=repr)
def test_no_damage_to_a_sound_message_makes_a_codec_raise(leaf):
    decoder = Decoder(every_device())
    for topic, document in SOUND.items():
        damaged = [orjson.dumps(put(document, path, leaf)) for path in paths(document)]
        messages = [Message(topic, payload, 1, False, 1000, 1, 1) for payload in damaged]
        values = [Message(other, b"true", 1, False, 1000, 1, 1) for other in ("homie/5/d/relay/on", "homie/d/relay/on", "tele/plug/SENSOR")]
        assert decoder.decode([message for pair in zip(messages, values * len(messages), strict=False) for message in pair]).messages


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_make_a_codec_raise(payload):
    heard_by_all([payload])


@pytest.mark.parametrize(
    "payload",
    [
        b"x" * 1_000_000,
        b"[" * 2000 + b"]" * 2000,
        b'{"ENERGY":' * 2000 + b"1" + b"}" * 2000,
        b"\xff\xfe\xfd",
        b"",
        b"null",
        b"9" * 5000,
        b'{"ts":1e400}',
        b'{"values":{"power":' + b"9" * 400 + b"}}",
        b'{"nodes":' + orjson.dumps({f"n{i}": {"properties": {f"p{j}": {} for j in range(300)}} for i in range(80)}) + b"}",
        orjson.dumps({f"Device {i}": [{"ts": 1, "values": {"x": 1}}] for i in range(5_000)}),
        b'{"params":{"ts":-1,"switch:99999999999999999999":{"output":true}},"method":"NotifyStatus"}',
    ],
    ids=lambda payload: repr(payload[:12]),
)
def test_hostile_payloads_cost_little_and_raise_nothing(payload):
    began = time.monotonic()
    heard_by_all([payload])
    assert time.monotonic() - began < 20  # 200 decodings of each; a runaway takes minutes


def test_every_part_of_every_codec_is_tried_here():
    taken = {topic: next(r.codec for r in Router(ROUTES).find(topic) if CODECS[r.codec].locate(r.filter, topic)) for topic in TOPICS}
    assert taken == TOPICS


def test_no_topic_of_one_codec_is_taken_by_another():
    for topic, codec in TOPICS.items():
        takers = {r.codec for r in Router(ROUTES).find(topic) if CODECS[r.codec].locate(r.filter, topic) is not None}
        assert takers == {codec}, topic


def test_no_topic_is_subscribed_twice_on_one_connection():
    """A broker may deliver a message once for every filter that matches."""
    for routes in (TELEMETRY_ROUTES, REPLY_ROUTES):
        for topic in TOPICS:
            assert sum(matches(route.filter, topic) for route in routes) <= 1, topic


def test_no_message_comes_on_both_connections():
    for topic in TOPICS:
        both = [any(matches(route.filter, topic) for route in routes) for routes in (TELEMETRY_ROUTES, REPLY_ROUTES)]
        assert both.count(True) == 1, topic


@pytest.mark.parametrize("codec", [codec for codec in CODECS.values() if codec.encode_known is None], ids=lambda codec: codec.name)
def test_an_order_is_the_same_each_time_and_never_a_toggle(codec):
    address = {"native": "s/d", "thingsboard": "me"}.get(codec.name, "x")
    device = Device(id="d", site_id="s", zone_id="z", name="", kind="switch", codec=codec.name, address=address)
    told = []
    for action in (Action.CUT, Action.CUT, Action.RESTORE):
        command = Command(order_id="ab", attempt=1, site_id="s", device_id="d", channel="", action=action, issued_ms=1, expires_ms=2)
        told.append(codec.encode_order(device, command))
    assert told[0] == told[1]
    if isinstance(told[0], str):
        return  # it says why it orders nothing
    assert told[0] != told[2]
    for topic, payload in told:
        assert b"toggle" not in payload.lower()
        assert "backlog" not in topic.lower()
        assert not any(route.codec == codec.name and codec.locate(route.filter, topic) for route in Router(ROUTES).find(topic)), (
            "our own order must not be heard as the device's"
        )


def test_the_table_can_be_narrowed_and_extended():
    telemetry, replies = table("native, tasmota", "tasmota:tasmota/+/tele/#", "zigbee2mqtt")
    assert [route.filter for route in telemetry] == ["tasmota/+/tele/#", "sitewarden/v1/+/+/telemetry", "tele/+/SENSOR", "tele/+/STATE"]
    assert {route.codec for route in replies} == {"native", "tasmota"}
    whole, all_replies = table("all", "", "zigbee2mqtt")
    assert (*whole, *all_replies) == ROUTES
    (base,) = [route.filter for route in table("zigbee2mqtt", "", "z2m/hall")[0]]
    assert base == "z2m/hall/#"


@pytest.mark.parametrize(
    ("names", "own"), [("tasmoto", ""), ("all", "x:y/z"), ("all", "tasmota"), ("all", "tasmota:#"), ("all", "tasmota:a/#/b")]
)
def test_a_table_that_cannot_be_says_why(names, own):
    with pytest.raises(ValueError, match=r"there are|is no row"):
        table(names, own, "zigbee2mqtt")
