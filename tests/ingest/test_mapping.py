"""Declared mappings: the shipped tables on their vendors' messages, every kind of field, orders outward, and what a table may not say."""

from __future__ import annotations

import time
from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import CODECS, MAPPINGS, catalogue, table
from ingest.codecs.mapping import codec_of
from ingest.decode import Decoder
from ingest.describe import describe
from ingest.heard import Message, Refused, UnknownDevice
from ingest.mapping_parse import MappingError, load, parse
from power.model import Action, Command, Confirmation, order_number
from sites.model import Circuit, Device, point_key
from sites.roster import Roster

CATALOGUE = catalogue()
ROUTES = sum(table("all", "", "zigbee2mqtt", CATALOGUE), ())


def told(topic: str, document: object) -> dict:
    payload = document if isinstance(document, bytes) else orjson.dumps(document)
    (out,) = describe([Message(topic, payload, 0, False, 0)], ROUTES, CATALOGUE)
    return out


def readings(out: dict) -> dict:
    return {reading["metric"]: reading["value"] for reading in out["readings"]}


# -- the shipped tables --------------------------------------------------------------------------------------------


def test_wanlin_nb306_smoke_head_fire_with_tenths_of_degrees_and_a_compact_time():
    document = {
        "notifyType": "deviceDataChanged",
        "service": {
            "serviceType": "Report",
            "data": {
                "devId": "10009305", "electricQuantity": 100, "devState": 1, "temperature": 219, "signal": 12,
                "cmdValue": "10", "smokescope": 0,
            },
            "eventTime": "20200401T182505Z",
        },
    }  # fmt: skip
    out = told("bridged/wanlin-nb306/ctwing", document)
    assert (out["codec"], out["device"], out["refusals"]) == ("wanlin-nb306", "10009305", [])
    assert readings(out) == {"smoke_alarm": 1, "temperature": 21.9, "battery": 100, "signal": 12, "smokescope": 0}
    assert {reading["taken_ms"] for reading in out["readings"]} == {1_585_765_505_000}
    document["service"]["data"]["devState"] = 0
    assert readings(told("bridged/wanlin-nb306/ctwing", document))["smoke_alarm"] == 0
    document["service"]["data"]["devState"] = 9
    assert "'9' is none of 0, 1, 2" in told("bridged/wanlin-nb306/ctwing", document)["refusals"][0]["reason"]


def test_lian_smoke_head_alarm_and_silence_at_the_device():
    def document(status: int) -> dict:
        data = {"Battery_Level": 87, "Alarm_Status": status, "TData": 24, "RSRP": -92, "IMEI": "86916205"}
        return {"timestamp": 1_600_000_000_123, "payload": {"serviceData": data}}

    out = told("bridged/lian-smoke/x", document(1))
    assert out["device"] == "86916205"
    assert readings(out) == {"smoke_alarm": 1, "muted": 0, "battery": 87, "temperature": 24, "signal": -92}
    assert out["readings"][0]["taken_ms"] == 1_600_000_000_123
    assert readings(told("bridged/lian-smoke/x", document(2))) == {"muted": 1, "battery": 87, "temperature": 24, "signal": -92}
    assert told("bridged/lian-smoke/x", document(12))["refusals"] == []


def test_lian_gas_detector_of_two_media():
    payload = {
        "valve_state": 1, "temperature": 0, "medium": 0, "gas_value": 27, "gas_sensor_state": 1, "fan_state": 2, "battery_voltage": 1.1,
        "battery_value": 100,
    }  # fmt: skip
    document = {
        "deviceCode": "869162052818257",
        "productId": "15017088",
        "IMEI": "869162052818257",
        "protocol": "LWM2M",
        "payload": payload,
    }
    found = readings(told("bridged/lian-gas/x", document))
    assert (found["gas_alarm"], found["lel"], found["valve_open"], found["battery_mv"]) == (1, 27, 0, 1100)
    document["payload"] = payload | {"medium": 3}
    found = readings(told("bridged/lian-gas/x", document))
    assert "lel" not in found
    assert found["gas_value"] == 27


def test_wanlin_electrical_underscore_decimals_and_events():
    document = {"type": "0301", "chipcode": "W1", "current1": "0_02", "current2": "12_5", "temperature1": "30", "eventdate": 1_547_280_790}
    out = told("bridged/wanlin-electrical/x", document)
    assert readings(out) == {"current_a.l1": 0.02, "current_a.l2": 12.5, "cable_temperature.1": 30}
    assert out["readings"][0]["taken_ms"] == 1_547_280_790_000
    assert readings(told("bridged/wanlin-electrical/x", document | {"type": "0302", "event": 1360}))["mains_lost"] == 1
    assert readings(told("bridged/wanlin-electrical/x", document | {"type": "0302", "event": "3360"}))["mains_lost"] == 0
    assert "mains_lost" not in readings(told("bridged/wanlin-electrical/x", document | {"event": 1360}))  # a heartbeat's event is old
    assert told("bridged/wanlin-electrical/x", document | {"current1": "0.02"})["refusals"]


def test_lian_electrical_points_by_number():
    data = {"10901": "312.5", "10101": 41, "10301": 231.2, "10401": 1.5, "20300": 1, "30101": 1204.5, "11101": "0.35"}
    out = told("bridged/lian-electrical/x", {"deviceId": "L7", "timestamp": "2026-11-22T10:00:00", "data": data, "alarmType": 201})
    assert readings(out) == {
        "leakage_ma": 312.5, "cable_temperature.1": 41, "voltage_v.l1": 231.2, "power_w": 1500, "closed": 1, "energy_kwh": 1204.5,
        "pressure_kpa": 350, "leakage_alarm": 1,
    }  # fmt: skip
    assert out["readings"][0]["taken_ms"] == 1_795_312_800_000  # ten o'clock in Shanghai


def test_huaqiang_water_bits_events_and_a_local_time():
    out = told("bridged/huaqiang-water/x", {"deviceId": "H1", "alert": 0b1000_0001, "pressure": "0.14", "time": "2026-11-22 18:00:00"})
    assert readings(out) == {"level_low": 1, "level_high": 0, "battery_low": 0, "fault": 1, "pressure_kpa": 140}
    assert out["readings"][0]["taken_ms"] == 1_795_341_600_000
    assert readings(told("bridged/huaqiang-water/x", {"deviceId": "H1", "event": "13"})) == {"level_low": 0}


def test_edgelogger_meters_by_phase_several_in_one_message_and_both_times():
    metrics = {
        "voltage": {"unit": "V", "value": {"phase_a": 220.5, "phase_b": 219.8, "phase_c": 221.2}},
        "current": {"unit": "A", "value": {"phase_a": 15.3}},
        "power": {"active": {"unit": "kW", "value": {"total": 9.6}}},
        "system": [{"power_factor": 0.92}, {"frequency": 49.98}],
        "energy": {"active": {"value": {"forward": 1500.5}}},
    }
    batch = [
        {"timestamp": "1710000000123", "device_id": "EM-1", "metrics": metrics},
        {"timestamp": "20240310000000123", "device_id": "EM-2", "metrics": metrics},
    ]
    out = told("device/bydpower/up/GW-EM-01", {"msgType": "up", "batch": batch})
    first, second = out["others"]
    assert (first["device"], second["device"]) == ("GW-EM-01/EM-1", "GW-EM-01/EM-2")
    assert readings(first) == {
        "voltage_v.l1": 220.5, "voltage_v.l2": 219.8, "voltage_v.l3": 221.2, "current_a.l1": 15.3, "power_w": 9600, "energy_kwh": 1500.5,
        "power_factor": 0.92, "frequency": 49.98,
    }  # fmt: skip
    assert (first["readings"][0]["taken_ms"], second["readings"][0]["taken_ms"]) == (1_710_000_000_123, 1_710_000_000_123)


def test_aliyun_values_plain_or_with_their_own_time_and_the_rest_under_own_names():
    params = {"Power": {"value": "on", "time": 1_524_448_722_000}, "CurrentTemperature": 21.5, "FanSpeed": 3, "Name": "x"}
    document = {"id": "123", "version": "1.0", "sys": {"ack": 0}, "params": params, "method": "thing.event.property.post"}
    out = told("/sys/a1B2/dev-7/thing/event/property/post", document)
    assert out["device"] == "a1B2/dev-7"
    assert readings(out) == {"closed": 1, "temperature": 21.5, "fan_speed": 3}
    assert {reading["metric"]: reading["taken_ms"] for reading in out["readings"]} == {
        "closed": 1_524_448_722_000, "temperature": None, "fan_speed": None
    }  # fmt: skip
    assert out["confirmations"] == [{"order": None, "channel": "", "result": "done", "reason": "closed"}]


def test_huawei_services_and_the_devices_behind_a_gateway():
    service = {"service_id": "Smoke", "properties": {"smoke": 1, "temperature": 45, "level": 7}, "event_time": "20200401T182505Z"}
    out = told("$oc/devices/d1/sys/properties/report", {"services": [service]})
    assert out["device"] == "d1"
    assert readings(out) == {"smoke_alarm": 1, "temperature": 45, "level": 7}
    assert out["readings"][0]["taken_ms"] == 1_585_765_505_000
    devices = [{"device_id": f"sub{i}", "services": [service]} for i in (1, 2)]
    out = told("$oc/devices/gw/sys/gateway/sub_devices/properties/report", {"devices": devices})
    assert [other["device"] for other in out["others"]] == ["gw/sub1", "gw/sub2"]
    assert readings(out["others"][1])["smoke_alarm"] == 1


def test_tencent_reports_and_the_reply_on_the_same_topic():
    topic = "$thing/up/property/P1/dev"
    assert readings(told(topic, {"method": "report", "clientToken": "c", "params": {"power_switch": 1, "color": "red"}})) == {"closed": 1}
    out = told(topic, {"method": "control_reply", "clientToken": "order-7", "code": 0, "status": ""})
    assert (out["readings"], out["confirmations"]) == ([], [{"order": "order-7", "channel": "", "result": "done", "reason": ""}])
    out = told(topic, {"method": "control_reply", "clientToken": "order-7", "code": 403, "status": "busy"})
    assert out["confirmations"][0] == {"order": "order-7", "channel": "", "result": "rejected", "reason": "busy"}


def test_every_shipped_table_is_routed_and_takes_nothing_of_the_others():
    assert len(CATALOGUE) == len(CODECS) + len(list(MAPPINGS.glob("*.yaml")))
    filters = [route.filter for route in ROUTES]
    assert len(filters) == len(set(filters))


# -- outward -------------------------------------------------------------------------------------------------------


def command(action: Action, channel: str = "") -> Command:
    return Command(order_id="0f1e2d", attempt=1, site_id="s", device_id="d", channel=channel, action=action, issued_ms=5, expires_ms=9)


def device(codec: str, address: str) -> Device:
    return Device(id="d", site_id="s", zone_id="z", name="", kind="switch", codec=codec, address=address)


@pytest.mark.parametrize(
    ("codec", "address", "channel", "topic", "body"),
    [
        (
            "aliyun-alink", "a1/dev", "2", "/sys/a1/dev/thing/service/property/set",
            {"id": order_number("0f1e2d"), "version": "1.0", "params": {"PowerSwitch_2": 0}, "method": "thing.service.property.set"},
        ),
        (
            "huawei-iotda", "d1", "1", "$oc/devices/d1/sys/commands/request_id=0f1e2d",
            {"service_id": "Switch", "command_name": "SET", "paras": {"switch": "OFF", "channel": "1"}},
        ),
        (
            "tencent-iot", "P1/dev", "", "$thing/down/property/P1/dev",
            {"method": "control", "clientToken": "0f1e2d", "params": {"power_switch": 0}},
        ),
    ],
)  # fmt: skip
def test_orders_of_the_shipped_tables(codec, address, channel, topic, body):
    sent = CATALOGUE[codec].encode_order(device(codec, address), command(Action.CUT, channel))
    assert not isinstance(sent, str)
    assert (sent[0], orjson.loads(sent[1])) == (topic, body)
    restored = CATALOGUE[codec].encode_order(device(codec, address), command(Action.RESTORE, channel))
    assert restored[1] != sent[1]


def test_what_cannot_be_ordered_says_why():
    assert "declares no orders" in CATALOGUE["wanlin-nb306"].encode_order(device("wanlin-nb306", "1"), command(Action.CUT))
    assert "no channel '9'" in CATALOGUE["tencent-iot"].encode_order(device("tencent-iot", "P/d"), command(Action.CUT, "9"))
    assert "not of the form" in CATALOGUE["tencent-iot"].encode_order(device("tencent-iot", "odd"), command(Action.CUT))
    assert "would not be one" in CATALOGUE["tencent-iot"].encode_order(device("tencent-iot", "P/#"), command(Action.CUT))


class Heard:
    def __init__(self, codec: str, address: str) -> None:
        self.roster = Roster()
        self.roster.put(device(codec, address))
        self.roster.put(Circuit(id="c", site_id="s", zone_id="z", name="", device_id="d"))
        self.decoder = Decoder(self.roster, ROUTES, CATALOGUE)

    def hear(self, topic: str, document: object):
        heard = self.decoder.decode([Message(topic, orjson.dumps(document), 1, False, 1_000)])
        return heard, [item for _, item in heard.items if isinstance(item, Confirmation)]


def test_replies_by_number_by_topic_word_and_by_state():
    _, (said,) = Heard("aliyun-alink", "a/d").hear(
        "/sys/a/d/thing/service/property/set_reply", {"id": order_number("0f1e2d"), "code": 200, "data": {}}
    )
    assert (said.order_id, said.result) == (f"#{order_number('0f1e2d')}", "done")
    _, (said,) = Heard("huawei-iotda", "d").hear(
        "$oc/devices/d/sys/commands/response/request_id=0f1e2d", {"result_code": 1, "response_name": "locked"}
    )
    assert (said.order_id, said.result, said.reason) == ("0f1e2d", "rejected", "locked")
    _, (said,) = Heard("tencent-iot", "P/d").hear("$thing/up/property/P/d", {"method": "report", "params": {"power_switch": 0}})
    assert (said.order_id, said.reason) == (None, "open")
    heard, nothing = Heard("tencent-iot", "P/d").hear("$thing/up/property/P/d", {"method": "control_reply", "code": 0})
    assert nothing == []
    assert any(isinstance(item, Refused) and "id of its order" in item.reason for _, item in heard.items)


def test_a_device_named_in_the_payload_is_followed_and_a_stranger_told_of():
    house = Heard("wanlin-nb306", "10009305")
    known = {"service": {"data": {"devId": "10009305", "devState": 1}}}
    heard, _ = house.hear("bridged/wanlin-nb306/x", known)
    assert point_key("d", "smoke_alarm") in heard.readings.keys.tolist()
    heard, _ = house.hear("bridged/wanlin-nb306/x", {"service": {"data": {"devId": 77, "devState": 0}}})
    (stranger,) = [item for _, item in heard.items if isinstance(item, UnknownDevice)]
    assert (stranger.codec, stranger.address, stranger.suggested_kind) == ("wanlin-nb306", "77", "smoke")


# -- what a table may say ------------------------------------------------------------------------------------------

TABLE = """
name: breaker
messages:
  - topic: v/{dev}/up
    device: "{dev}"
    time: {path: t, format: auto}
    points:
      - {path: sw, metric: closed}
orders:
  topic: v/{dev}/down
  positions: {cut: "off", restore: "on"}
  body: {cmd: "{position}", ch: "{channel}", id: "{id}"}
"""


def edited(**changes: object) -> dict:
    """The table with values put at dotted paths (`__` for the dot); None takes the field away."""
    document = yaml.safe_load(TABLE)
    for path, value in changes.items():
        *way, last = path.split("__")
        at = document
        for step in way:
            at = at[int(step)] if step.isdigit() else at[step]
        if value is None:
            del at[last]
        else:
            at[int(last) if last.isdigit() else last] = value
    return document


@pytest.mark.parametrize(
    ("changes", "field", "allowed"),
    [
        ({"name": "Two Words"}, "name", "lower case"),
        ({"surprise": 1}, "surprise", "the fields are name, title, kind, messages, orders"),
        ({"name": None}, "name", "required"),
        ({"kind": "toaster"}, "kind", "smoke, heat, gas"),
        ({"messages": []}, "messages", "at least one"),
        ({"messages__0__topic": "v/+/up"}, "messages.1.topic", "{word}"),
        ({"messages__0__device": "{nobody}"}, "messages.1.device", "{dev}"),
        ({"messages__0__points": None}, "messages.1", "points, rest, online, reply"),
        ({"messages__0__points__0__metric": "Closed!"}, "messages.1.points.1.metric", "closed"),
        ({"messages__0__points__0__scale": "ten"}, "messages.1.points.1.scale", "a number"),
        ({"messages__0__points__0__scale": True}, "messages.1.points.1.scale", "a number"),
        ({"messages__0__points__0__unit": "MPa"}, "messages.1.points.1.unit", "it has none"),
        ({"messages__0__points__0": {"path": "p", "metric": "pressure_kpa", "unit": "psi"}}, "messages.1.points.1.unit", "kPa, MPa, bar"),
        ({"messages__0__points__0__decimal": ";"}, "messages.1.points.1.decimal", "., ,, _"),
        ({"messages__0__points__0__map": {"x": 7}}, "messages.1.points.1.map.x", "closed is 0 to 1"),
        ({"messages__0__points__0": {"path": "p", "map": {"x": 1}}}, "messages.1.points.1.map.x", "an object of metrics"),
        ({"messages__0__points__0": {"path": "p", "bits": {"99": "fault"}}}, "messages.1.points.1.bits.99", "0 to 63"),
        ({"messages__0__points__0": {"path": "p"}}, "messages.1.points.1", "a metric, or bits, or a map"),
        ({"messages__0__time__format": "dd.MM.yy"}, "messages.1.time.format", "auto, iso"),
        ({"messages__0__time__format": "yyyyMMddHHmmss"}, "messages.1.time.zone", "IANA zone"),
        ({"messages__0__time__zone": "Mars/Base"}, "messages.1.time.zone", "IANA zone"),
        ({"messages__0__reply": {"result": {"path": "c", "done": [0]}}}, "messages.1.reply", "id"),
        ({"orders__positions__cut": "TOGGLE"}, "orders.positions.cut", "an absolute position"),
        ({"orders__positions__cut": "on"}, "orders.positions", "two different words"),
        ({"orders__body": {"cmd": "toggle", "to": "{position}"}}, "orders.body", "an absolute position"),
        ({"orders__body": {"切换": "{position}"}}, "orders.body", "an absolute position"),
        ({"orders__topic": "v/{dev}/toggle"}, "orders.topic", "an absolute position"),
        ({"orders__body": {"cmd": "off"}}, "orders.body", "{position}"),
        ({"orders__body": {"cmd": "{position}", "who": "{nobody}"}}, "orders.body", "{channel}"),
        ({"orders__retain": True}, "orders.retain", "the fields are topic, body"),
    ],
)
def test_a_table_that_cannot_be_names_file_field_and_what_is_allowed(changes, field, allowed):
    with pytest.raises(MappingError) as refused:
        parse(edited(**changes), "site/breaker.yaml")
    assert str(refused.value).startswith(f"site/breaker.yaml: {field}: given ")
    assert allowed in str(refused.value)


def test_two_bodies_instead_of_a_position():
    orders = {"topic": "v/{dev}/down", "cut": {"op": "open"}, "restore": {"op": "close"}}
    codec = codec_of(parse(edited(orders=orders), "t"))
    assert codec.encode_order(device("breaker", "b7"), command(Action.CUT)) == ("v/b7/down", b'{"op":"open"}')
    with pytest.raises(MappingError, match="two different bodies"):
        parse(edited(orders=orders | {"restore": {"op": "open"}}), "t")


def test_a_text_body():
    codec = codec_of(parse(edited(orders__body="SW{channel}={position}"), "t"))
    assert codec.encode_order(device("breaker", "b7"), command(Action.RESTORE, "3")) == ("v/b7/down", b"SW3=on")


@pytest.mark.parametrize(
    ("spec", "value", "ms"),
    [
        ({"format": "auto"}, 1_700_000_000, 1_700_000_000_000),
        ({"format": "auto"}, 1_700_000_000.5, 1_700_000_000_500),
        ({"format": "auto"}, "1700000000123", 1_700_000_000_123),
        ({"format": "auto"}, "2023-11-14T22:13:20Z", 1_700_000_000_000),
        ({"format": "s"}, "1700000000", 1_700_000_000_000),
        ({"format": "us"}, 1_700_000_000_000_000, 1_700_000_000_000),
        ({"format": "iso", "zone": "Asia/Shanghai"}, "20231115T061320", 1_700_000_000_000),
        ({"format": "iso", "zone": "Asia/Shanghai"}, "2023-11-15 06:13:20", 1_700_000_000_000),
        ({"format": "yyyyMMddHHmmssSSS", "zone": "Asia/Shanghai"}, "20231115061320123", 1_700_000_000_123),
        ({"format": "yyyyMMddHHmmssSSS", "zone": "Asia/Shanghai"}, 20231115061320123, 1_700_000_000_123),
        ({"format": "yyyy/MM/dd HH:mm", "zone": "Europe/Berlin"}, "2023/11/14 23:13", 1_699_999_980_000),
    ],
)
def test_times_as_vendors_write_them(spec, value, ms):
    codec = codec_of(parse(edited(messages__0__time={"path": "t"} | spec), "t"))
    place = codec.locate("v/+/up", "v/b7/up")
    assert place is not None
    out = codec.decode({}, place, orjson.dumps({"sw": 1, "t": value}))
    assert ([at for at, _ in out.samples], out.refusals) == ([ms], [])


@pytest.mark.parametrize("value", ["noon", "20231315061320123", {}, True, -5, 1e300, "9" * 400])
def test_a_time_that_is_none_costs_the_time_and_not_the_value(value):
    spec = {"path": "t", "format": ["yyyyMMddHHmmssSSS", "ms", "iso"], "zone": "Asia/Shanghai"}
    codec = codec_of(parse(edited(messages__0__time=spec), "t"))
    place = codec.locate("v/+/up", "v/b7/up")
    assert place is not None
    out = codec.decode({}, place, orjson.dumps({"sw": 1, "t": value}))
    assert [values for _, values in out.samples] == [{"closed": 1}]
    assert "arrival time taken" in out.refusals[0]


def test_availability():
    online = {"path": "st", "online": ["up", 1], "offline": ["down", 0]}
    codec = codec_of(parse(edited(messages__0__online=online), "t"))
    place = codec.locate("v/+/up", "v/b7/up")
    assert place is not None
    assert [codec.decode({}, place, orjson.dumps({"st": word})).online for word in ("up", 0, "down", 1)] == [True, False, False, True]
    assert codec.decode({}, place, b'{"st":"odd"}').refusals


# -- loading -------------------------------------------------------------------------------------------------------


def test_a_sites_own_table_takes_the_place_of_the_shipped_one_and_adds_others(tmp_path: Path):
    (tmp_path / "a.yaml").write_text(TABLE, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(TABLE.replace("breaker", "wanlin-nb306").replace("v/", "w/"), encoding="utf-8")
    own = catalogue(tmp_path)
    assert set(own) == {*CATALOGUE, "breaker"}
    assert own["wanlin-nb306"].telemetry_filters == ("w/+/up",)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a.yaml": "name: [", "": ""}, r"a\.yaml: is not YAML"),
        ({"a.yaml": ""}, r"a\.yaml: the table: given 'None'; allowed: an object"),
        ({"a.yaml": TABLE, "b.yaml": TABLE}, r"b\.yaml: name: given 'breaker'; a\.yaml has that name"),
        ({"a.yaml": TABLE, "b.yaml": TABLE.replace("breaker", "other")}, r"v/\+/up is taken by table breaker"),
        ({"a.yaml": TABLE.replace("breaker", "native")}, "allowed: one that no codec has"),
    ],
)
def test_folders_that_cannot_be_loaded_say_why(tmp_path: Path, files, why):
    for name, text in files.items():
        if name:
            (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(MappingError, match=why):
        catalogue(tmp_path)


def test_no_folder():
    with pytest.raises(MappingError, match="is no folder"):
        load([Path("nowhere-at-all")])


# -- hostile -------------------------------------------------------------------------------------------------------

TOPICS = (
    "bridged/wanlin-nb306/x",
    "device/a/up/g",
    "/sys/a/b/thing/event/property/post",
    "$thing/up/property/a/b",
    "$oc/devices/d/sys/properties/report",
)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize(
    "payload",
    [
        b"", b"null", b"[]", b"\xff", b"x" * 1_000_000, b"[" * 2000, b'{"batch":[' + b"{}," * 50_000 + b"{}]}",
        b'{"params":{' + b",".join(b'"m%d":1' % i for i in range(20_000)) + b"}}",
        b'{"service":{"data":{"devId":{"a":1}}}}', b'{"services":{"0":1},"batch":"x","params":[1]}',
        b'{"params":{"Power":{"value":{"value":1}},"CurrentTemperature":1e999}}',
        b'{"service":{"data":{"devId":"1","temperature":' + b"9" * 400 + b"}}}",
    ],
)  # fmt: skip
def test_hostile_payloads_never_raise_and_cost_little(topic, payload):
    began = time.perf_counter()
    told(topic, payload)
    assert time.perf_counter() - began < 1.0


WORDS = ["service", "data", "devId", "params", "Power", "value", "time", "batch", "device_id", "timestamp", "metrics", "services"]
WORDS += ["properties", "event_time", "method", "code"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inside, max_size=6),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(json_values, st.sampled_from(TOPICS))
def test_no_document_makes_it_raise(document, topic):
    try:
        payload = orjson.dumps(document)
    except TypeError:  # integers beyond 64 bits
        return
    told(topic, payload)
