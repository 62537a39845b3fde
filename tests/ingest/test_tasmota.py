"""The Tasmota codec: documented SENSOR, STATE, RESULT, POWERn and LWT messages, unmeasured zeros, orders."""

from __future__ import annotations

import orjson
import pytest

from ingest.codecs.tasmota import TASMOTA, UNMEASURED
from power.model import Action, Command
from sites.model import Device
from sites.readings import NO_TIME


def decoded(topic: str, document: object, state=None):
    place = TASMOTA.locate("tele/+/SENSOR", topic)
    assert place is not None
    return TASMOTA.decode(state or {}, place, document if isinstance(document, bytes) else orjson.dumps(document))


def sensor(document: dict, state=None):
    """(taken, values) of the only sample."""
    (sample,) = decoded("tele/plug/SENSOR", document, state).samples
    return sample


def remembered(out) -> dict:
    return {key: orjson.loads(value) for key, value in out.notes}


def test_the_documented_energy_message_without_zone_has_no_device_time():
    taken, values = sensor(
        {
            "Time": "2018-02-04T23:17:01",
            "ENERGY": {
                "Total": 3.185, "Yesterday": 3.058, "Today": 0.127, "Period": 0, "Power": 0, "Factor": 0.0, "Voltage": 221, "Current": 0.0,
            },
        }
    )  # fmt: skip
    assert taken == NO_TIME
    assert values == {"energy_kwh": 3.185, "power_w": 0, "power_factor": 0.0, "voltage_v": 221, "current_a": 0.0}


@pytest.mark.parametrize(
    ("time", "taken"),
    [
        ({"Time": "2023-11-14T23:13:20+01:00"}, 1_700_000_000_000),  # SetOption52 1
        ({"Time": 1_700_000_000}, 1_700_000_000_000),
        ({"Time": "2023-11-14T23:13:20", "Epoch": 1_700_000_000}, 1_700_000_000_000),
        ({"Time": "2023-11-14T23:13:20"}, NO_TIME),
        ({"Time": "0000-00-00T00:00:00"}, NO_TIME),
        ({"Time": []}, NO_TIME),
        ({}, NO_TIME),
    ],
)
def test_only_a_time_that_names_a_moment_is_the_devices(time, taken):
    assert sensor({**time, "ENERGY": {"Power": 5}}) == (taken, {"power_w": 5})


def test_lists_are_channels_or_phases():
    _, values = sensor({"ENERGY": {"Total": 9.5, "Power": [12, 0], "Voltage": 231, "Current": [0.05, None], "Frequency": 50}})
    assert values == {
        "energy_kwh": 9.5, "power_w.1": 12, "power_w.2": 0, "voltage_v": 231, "current_a.1": 0.05, "frequency_hz": 50,
    }  # fmt: skip


def test_zeros_that_the_firmware_writes_while_the_relay_is_off_prove_nothing():
    off = {"ENERGY": {"Total": 3.1, "Power": 0, "Voltage": 0, "Current": 0.0, "Factor": 0}}
    out = decoded("tele/plug/SENSOR", off)
    assert out.samples == [(NO_TIME, {"energy_kwh": 3.1})]
    assert out.refusals == [UNMEASURED]
    lists = decoded("tele/plug/SENSOR", {"ENERGY": {"Power": [0, 0], "Voltage": [0, 0], "Current": [0, 0]}})
    assert (lists.samples, lists.refusals) == ([], [UNMEASURED])
    clamp = decoded("tele/plug/SENSOR", {"ENERGY": {"Power": 0, "Current": 0.0}})  # a meter without voltage
    assert (clamp.samples, clamp.refusals) == ([], [UNMEASURED])
    counter = decoded("tele/plug/SENSOR", {"ENERGY": {"Total": 2.5}})
    assert (counter.samples, counter.refusals) == ([(NO_TIME, {"energy_kwh": 2.5})], [])


def test_with_setoption21_on_a_zero_is_a_measurement():
    told = decoded("stat/plug/RESULT", {"SetOption21": "ON"})
    state = remembered(told)
    off = {"ENERGY": {"Power": 0, "Voltage": 0, "Current": 0}}
    out = decoded("tele/plug/SENSOR", off, state)
    assert out.samples == [(NO_TIME, {"power_w": 0, "voltage_v": 0, "current_a": 0})]
    assert out.refusals == []
    assert out.notes == []
    undone = remembered(decoded("stat/plug/RESULT", {"SetOption21": "OFF"}, state))
    assert decoded("tele/plug/SENSOR", off, undone).refusals == [UNMEASURED]


def test_several_sensors_of_one_kind_keep_their_names_when_one_fails():
    three = {
        "Time": "2019-01-01T00:00:00",
        "DS18B20-1": {"Id": "00000AB7D0F5", "Temperature": 21.5},
        "DS18B20-2": {"Id": "00000AB7D0F6", "Temperature": 60.5},
        "AM2301": {"Temperature": 19.0, "Humidity": 45.5, "DewPoint": 7.0},
        "BMP280": {"Temperature": 20.0, "Pressure": 1013.0},
        "PressureUnit": "hPa",
        "TempUnit": "C",
    }
    out = decoded("tele/plug/SENSOR", three)
    ((_, values),) = out.samples
    assert values == {
        "temperature.1": 21.5, "temperature.2": 60.5, "temperature": 19.0, "humidity": 45.5, "dew_point": 7.0,
        "temperature.bmp280": 20.0, "pressure_kpa": pytest.approx(101.3),
    }  # fmt: skip
    state = remembered(out)
    failed = {"DS18B20-2": {"Temperature": 61}, "BMP280": {"Temperature": 20.5}, "AM2301": {"Temperature": None, "Humidity": None}}
    again = decoded("tele/plug/SENSOR", failed, state)
    assert again.samples[0][1] == {"temperature.2": 61, "temperature.bmp280": 20.5}
    assert again.notes == []


def test_fahrenheit_and_mmhg_become_ours():
    _, values = sensor({"BME280": {"Temperature": 212.0, "Pressure": 760.0}, "TempUnit": "F", "PressureUnit": "mmHg"})
    assert values == {"temperature": 100.0, "pressure_kpa": pytest.approx(101.325, abs=0.01)}
    assert sensor({"BMP180": {"Pressure": 1, "Temperature": 2}, "PressureUnit": "cubits"})[1] == {"temperature": 2}


def test_a_vendors_word_that_only_looks_like_ours_is_left_out():
    _, values = sensor({"BME680": {"Temperature": 20, "Gas": 120.5, "Fault": 3}, "ANALOG": {"A0": 512}, "ESP32": {"Temperature": 53.3}})
    assert values == {"temperature": 20, "gas": 120.5, "a0": 512, "chip_temperature": 53.3}


def test_inputs_are_readings():
    assert sensor({"Switch1": "ON", "Switch2": "OFF"})[1] == {"input.1": 1, "input.2": 0}


def test_state_tells_relays_and_signal():
    out = decoded(
        "tele/plug/STATE",
        {
            "Time": "2019-01-01T00:00:00",
            "Uptime": "0T00:10:11",
            "POWER1": "ON",
            "POWER2": "OFF",
            "Wifi": {"AP": 1, "RSSI": 44, "Signal": -78},
        },
    )
    assert out.samples == [(NO_TIME, {"closed.1": 1, "closed.2": 0, "signal": 44})]
    assert [(reply.channel, reply.reason) for reply in out.replies] == [("1", "closed"), ("2", "open")]


@pytest.mark.parametrize(
    ("topic", "payload", "closed", "channel"),
    [
        ("stat/plug/RESULT", b'{"POWER":"OFF"}', {"closed": 0}, ""),
        ("stat/plug/POWER", b"OFF", {"closed": 0}, ""),
        ("stat/plug/POWER3", b"ON", {"closed.3": 1}, "3"),
        ("stat/plug/STATUS11", b'{"StatusSTS":{"POWER":"ON"}}', {"closed": 1}, ""),
    ],
)
def test_a_result_is_position_and_reply(topic, payload, closed, channel):
    out = decoded(topic, payload)
    assert out.samples == [(NO_TIME, closed)]
    ((reply),) = out.replies
    assert (reply.channel, reply.order_id, reply.result) == (channel, None, "done")
    assert reply.reason == ("closed" if next(iter(closed.values())) else "open")


def test_a_polled_sensor_status_is_a_sensor_message():
    out = decoded("stat/plug/STATUS10", {"StatusSNS": {"Time": "2018-02-15T01:00:50", "ENERGY": {"Power": 7}}})
    assert out.samples == [(NO_TIME, {"power_w": 7})]
    assert decoded("stat/plug/STATUS8", {"Status": 1}).samples == []


@pytest.mark.parametrize(("payload", "online"), [(b"Online", True), (b"Offline", False), (b"gone", None)])
def test_the_last_will(payload, online):
    out = decoded("tele/plug/LWT", payload)
    assert out.online is online
    assert bool(out.refusals) is (online is None)


@pytest.mark.parametrize(
    ("topic", "address", "order"),
    [
        ("tele/plug/SENSOR", "plug", "cmnd/plug/POWER2"),
        ("tasmota/kitchen/plug/tele/SENSOR", "tasmota/kitchen/plug/%prefix%", "tasmota/kitchen/plug/cmnd/POWER2"),
        ("home/tele/cellar/plug/LWT", "home/%prefix%/cellar/plug", "home/cmnd/cellar/plug/POWER2"),
    ],
)
def test_any_fulltopic_leads_there_and_back(topic, address, order):
    place = TASMOTA.locate("x", topic)
    assert place is not None
    assert (place.address, place.name) == (address, "plug")
    device = Device(id="t", site_id="s", zone_id="z", name="", kind="switch", codec="tasmota", address=place.address)
    assert TASMOTA.encode_order(device, command("2", Action.CUT)) == (order, b"OFF")


@pytest.mark.parametrize("topic", ["cmnd/plug/POWER", "tele/plug/INFO1", "stat/plug/LOGGING", "tele/SENSOR", "tele/plug/POWER", "a/b"])
def test_commands_and_talk_lead_nowhere(topic):
    assert TASMOTA.locate("stat/+/+", topic) is None


@pytest.mark.parametrize(
    ("topic", "payload"),
    [("tele/x/SENSOR", b"ON"), ("tele/x/STATE", b"[]"), ("stat/x/POWER", b"TOGGLE"), ("stat/x/RESULT", b'{"POWER":7}')],
)
def test_what_is_none_is_refused(topic, payload):
    out = decoded(topic, payload)
    assert out.samples == []
    assert out.refusals


def command(channel: str, action: Action) -> Command:
    return Command(order_id="o", attempt=1, site_id="s", device_id="t", channel=channel, action=action, issued_ms=0, expires_ms=1)


def test_an_order_is_absolute_and_one_relay_only():
    device = Device(id="t", site_id="s", zone_id="z", name="", kind="switch", codec="tasmota", address="plug")
    assert TASMOTA.encode_order(device, command("", Action.CUT)) == ("cmnd/plug/POWER", b"OFF")
    assert TASMOTA.encode_order(device, command("1", Action.RESTORE)) == ("cmnd/plug/POWER1", b"ON")
    for channel in ("0", "33", "1;Power2 OFF", "²"):
        assert isinstance(TASMOTA.encode_order(device, command(channel, Action.CUT)), str)


def test_the_kind_follows_what_it_measures():
    out = decoded("tele/plug/STATE", {"POWER": "ON"})
    place = TASMOTA.locate("tele/+/STATE", "tele/plug/STATE")
    assert place is not None
    assert TASMOTA.suggest({}, place, out) == "switch"
