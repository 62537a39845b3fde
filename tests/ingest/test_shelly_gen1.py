"""The Shelly Gen1 codec: documented topics of relays, meters, smoke, flood, gas with its alarm words and valve; orders."""

from __future__ import annotations

import pytest

from ingest.codecs.shelly_gen1 import SHELLY_GEN1
from ingest.topics import Route, Router
from power.model import Action, Command
from sites.model import Device
from sites.readings import NO_TIME

ROUTER = Router([Route(f, "shelly_gen1") for f in (*SHELLY_GEN1.telemetry_filters, *SHELLY_GEN1.reply_filters)])


def decoded(topic: str, payload: bytes):
    (route,) = ROUTER.find(topic)
    place = SHELLY_GEN1.locate(route.filter, topic)
    assert place is not None
    return SHELLY_GEN1.decode({}, place, payload)


def values(topic: str, payload: bytes):
    ((taken, found),) = decoded(topic, payload).samples
    assert taken == NO_TIME
    return found


@pytest.mark.parametrize(
    ("topic", "payload", "reading"),
    [
        ("shellies/shellyswitch25-1/relay/0/power", b"60.25", {"power_w": 60.25}),
        ("shellies/shellyswitch25-1/relay/1/power", b"0.00", {"power_w.1": 0.0}),
        ("shellies/shellyplug-s-1/relay/0/energy", b"60000", {"energy_kwh": 1.0}),  # watt-minutes
        ("shellies/shellyplug-s-1/temperature", b"31.52", {"temperature": 31.52}),
        ("shellies/shellyplug-s-1/overtemperature", b"0", {"overtemperature": 0.0}),
        ("shellies/shellyswitch25-1/voltage", b"229.86", {"voltage_v": 229.86}),
        ("shellies/shellyem-1/emeter/0/power", b"-12.5", {"power_w": -12.5}),
        ("shellies/shellyem-1/emeter/1/voltage", b"230.1", {"voltage_v.1": 230.1}),
        ("shellies/shellyem-1/emeter/1/total", b"1234.5", {"energy_kwh.1": 1.2345}),  # watt-hours
        ("shellies/shellyem3-A4CF12F4D1C6/emeter/0/current", b"1.5", {"current_a.l1": 1.5}),
        ("shellies/shellyem3-A4CF12F4D1C6/emeter/2/pf", b"0.98", {"power_factor.l3": 0.98}),
        ("shellies/shellysmoke-1/sensor/smoke", b"true", {"smoke_alarm": 1}),
        ("shellies/shellysmoke-1/sensor/smoke", b"false", {"smoke_alarm": 0}),
        ("shellies/shellysmoke-1/sensor/temperature", b"21.5", {"temperature": 21.5}),
        ("shellies/shellysmoke-1/sensor/battery", b"87", {"battery": 87.0}),
        ("shellies/shellyflood-1/sensor/flood", b"true", {"water_leak": 1}),
        ("shellies/shellyht-1/sensor/humidity", b"45.5", {"humidity": 45.5}),
        ("shellies/shellydw2-1/sensor/state", b"open", {"door_open": 1}),
        ("shellies/shellydw2-1/sensor/state", b"close", {"door_open": 0}),
        ("shellies/shellysmoke-1/sensor/ext_power", b"false", {"mains_lost": 1}),
        ("shellies/shelly1-1/ext_temperature/0", b"19.5", {"temperature.ext0": 19.5}),
        ("shellies/shelly1-1/ext_humidity/1", b"40", {"humidity.ext1": 40.0}),
        ("shellies/shellyix3-1/input/2", b"1", {"input.2": 1.0}),
        ("shellies/shellygas-1/sensor/concentration", b"130", {"gas_ppm": 130.0}),
    ],
)
def test_a_documented_topic_becomes_a_reading(topic, payload, reading):
    found = values(topic, payload)
    assert found == pytest.approx(reading)


@pytest.mark.parametrize(
    ("topic", "word", "reading"),
    [
        ("gas", b"none", {"gas_alarm": 0, "gas_level": 0, "test": 0}),
        ("gas", b"mild", {"gas_alarm": 1, "gas_level": 1, "test": 0}),
        ("gas", b"heavy", {"gas_alarm": 1, "gas_level": 2, "test": 0}),
        ("gas", b"test", {"test": 1}),
        ("operation", b"warmup", {"fault": 0, "warming_up": 1}),
        ("operation", b"normal", {"fault": 0, "warming_up": 0}),
        ("operation", b"fault", {"fault": 1, "warming_up": 0}),
        ("self_test", b"running", {"test": 1}),
        ("self_test", b"completed", {"test": 0}),
    ],
)
def test_gas_speaks_in_words(topic, word, reading):
    assert values(f"shellies/shellygas-1/sensor/{topic}", word) == reading


@pytest.mark.parametrize("topic", ["gas", "operation", "self_test"])
def test_unknown_tells_nothing_and_other_words_are_refused(topic):
    unknown = decoded(f"shellies/shellygas-1/sensor/{topic}", b"unknown")
    assert (unknown.samples, unknown.refusals) == ([], [])
    assert decoded(f"shellies/shellygas-1/sensor/{topic}", b"HEAVY!").refusals


@pytest.mark.parametrize(
    ("number", "word", "reading", "channel", "position"),
    [
        ("0", b"on", {"closed": 1, "trip": 0}, "", "closed"),
        ("0", b"off", {"closed": 0}, "", "open"),  # says nothing of the trip before it
        ("3", b"overpower", {"closed.3": 0, "trip.3": 1}, "3", "open"),
    ],
)
def test_a_relay_is_position_and_reply(number, word, reading, channel, position):
    out = decoded(f"shellies/shellypro4-1/relay/{number}", word)
    assert out.samples == [(NO_TIME, reading)]
    ((reply),) = out.replies
    assert (reply.channel, reply.order_id, reply.result, reply.reason) == (channel, None, "done", position)


def test_a_gas_valve_is_a_switch_of_its_own():
    assert values("shellies/shellygas-1/valve/0/state", b"opened") == {"closed.valve": 1}
    closed = decoded("shellies/shellygas-1/valve/0/state", b"closed")
    assert closed.samples == [(NO_TIME, {"closed.valve": 0})]
    assert (closed.replies[0].channel, closed.replies[0].reason) == ("valve", "open")
    assert values("shellies/shellygas-1/valve/0/state", b"failure") == {"fault": 1}
    underway = decoded("shellies/shellygas-1/valve/0/state", b"closing")
    assert (underway.samples, underway.replies, underway.refusals) == ([], [], [])


def test_motion_is_one_object():
    assert values("shellies/shellymotion-1/status", b'{"motion":true,"timestamp":1,"active":true,"vibration":false,"lux":12,"bat":90}') == {
        "occupancy": True, "vibration": False, "illuminance_lx": 12, "battery": 90,
    }  # fmt: skip


@pytest.mark.parametrize(("payload", "online"), [(b"true", True), (b"false", False), (b"yes", None)])
def test_online_is_the_last_will(payload, online):
    assert decoded("shellies/shelly1-1/online", payload).online is online


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("shellies/x/relay/0", b"\xff"),
        ("shellies/x/relay/0/power", b"nan"),
        ("shellies/x/relay/0/power", b"inf"),
        ("shellies/x/emeter/0/power", b"9" * 5000),
        ("shellies/x/sensor/smoke", b"maybe"),
        ("shellies/x/status", b"[]"),
    ],
)
def test_what_is_no_reading_is_refused(topic, payload):
    out = decoded(topic, payload)
    assert out.samples == []
    assert out.refusals


@pytest.mark.parametrize("topic", ["shellies/x/relay/0/command", "shellies/x/announce", "shellies/x/info", "shellies/command"])
def test_commands_and_announcements_lead_nowhere(topic):
    assert all(SHELLY_GEN1.locate(route.filter, topic) is None for route in ROUTER.find(topic))


def test_orders_are_absolute_without_a_timer():
    device = Device(id="g", site_id="s", zone_id="z", name="", kind="switch", codec="shelly_gen1", address="shellyplug-1")

    def order(channel: str, action: Action):
        command = Command(order_id="o", attempt=1, site_id="s", device_id="g", channel=channel, action=action, issued_ms=0, expires_ms=1)
        return SHELLY_GEN1.encode_order(device, command)

    assert order("", Action.CUT) == ("shellies/shellyplug-1/relay/0/command", b"off")
    assert order("1", Action.RESTORE) == ("shellies/shellyplug-1/relay/1/command", b"on")
    assert order("valve", Action.CUT) == ("shellies/shellyplug-1/valve/0/command", b"close")
    for wrong in ("0", "10", "x"):
        assert isinstance(order(wrong, Action.CUT), str)


@pytest.mark.parametrize(
    ("topic", "payload", "kind"),
    [
        ("shellies/shellysmoke-1/sensor/battery", b"80", "smoke"),
        ("shellies/shellygas-1/online", b"true", "gas"),
        ("shellies/shellyplug-s-1/relay/0/power", b"5", "switch"),
        ("shellies/shellyem3-1/emeter/0/power", b"5", "electrical"),
        ("shellies/mine/sensor/flood", b"true", "water"),
    ],
)
def test_a_kind_is_suggested_by_model_or_measurement(topic, payload, kind):
    (route,) = ROUTER.find(topic)
    place = SHELLY_GEN1.locate(route.filter, topic)
    assert place is not None
    assert SHELLY_GEN1.suggest({}, place, decoded(topic, payload)) == kind
