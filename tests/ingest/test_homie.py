"""The Homie codec: conventions 4 and 5, what is announced, values, $target, children of a lost root, orders."""

from __future__ import annotations

import orjson
import pytest

from ingest.codecs.homie import HOMIE
from power.model import Action, Command
from sites.model import Device
from sites.readings import NO_TIME

DESCRIPTION = {
    "homie": "5.0",
    "version": 12,
    "name": "Shop 5",
    "nodes": {
        "relay-1": {
            "name": "Kitchen",
            "properties": {
                "on": {"datatype": "boolean", "settable": True},
                "power": {"datatype": "float", "unit": "kW"},
                "current": {"datatype": "float", "unit": "mA"},
                "overload": {"datatype": "boolean"},
            },
        },
        "temperature": {"properties": {"value": {"datatype": "float", "unit": "°F"}}},
        "smoke": {"properties": {"value": {"datatype": "boolean"}}},
    },
}


def place_of(topic: str):
    place = HOMIE.locate("homie/+/+", topic)
    assert place is not None, topic
    return place


def decoded(topic: str, payload: bytes, state=None):
    return HOMIE.decode(state if state is not None else {}, place_of(topic), payload)


@pytest.fixture
def five() -> dict:
    out = decoded("homie/5/d1/$description", orjson.dumps(DESCRIPTION))
    return {key: orjson.loads(value) for key, value in out.notes}


@pytest.mark.parametrize(
    ("topic", "payload", "reading"),
    [
        ("relay-1/on", b"true", {"closed.relay_1": True}),
        ("relay-1/power", b"1.5", {"power_w.relay_1": 1500.0}),
        ("relay-1/current", b"250", {"current_a.relay_1": 0.25}),
        ("relay-1/overload", b"false", {"overload.relay_1": False}),
        ("temperature/value", b"212", {"temperature": 100.0}),
        ("smoke/value", b"true", {"smoke_alarm": True}),
    ],
)
def test_values_in_our_units_under_their_nodes_suffix(five, topic, payload, reading):
    out = decoded(f"homie/5/d1/{topic}", payload, five)
    assert out.samples == [(NO_TIME, reading)]
    assert out.refusals == []


@pytest.mark.parametrize("payload", [b"True", b"TRUE", b"1", b"on", b" true"])
def test_booleans_are_exactly_true_and_false(five, payload):
    out = decoded("homie/5/d1/relay-1/on", payload, five)
    assert out.samples == []
    assert out.refusals


@pytest.mark.parametrize("payload", [b"nan", b"inf", b"1_000", b"12,5", b"x", b"9" * 400])
def test_a_number_that_is_none_is_refused(five, payload):
    out = decoded("homie/5/d1/relay-1/power", payload, five)
    assert out.samples == []
    assert out.refusals


def test_a_removed_value_says_nothing(five):
    out = decoded("homie/5/d1/relay-1/on", b"", five)
    assert (out.samples, out.refusals) == ([], [])


def test_the_target_confirms_and_the_value_is_the_position(five):
    accepted = decoded("homie/5/d1/relay-1/on/$target", b"false", five)
    assert accepted.samples == []
    assert [(reply.channel, reply.order_id, reply.reason) for reply in accepted.replies] == [("relay_1", None, "open")]
    reached = decoded("homie/5/d1/relay-1/on", b"false", five)
    assert reached.samples == [(NO_TIME, {"closed.relay_1": False})]
    assert reached.replies[0].reason == "open"
    assert decoded("homie/5/d1/relay-1/power/$target", b"5", five).replies == []


@pytest.mark.parametrize(
    ("word", "online"), [("ready", True), ("sleeping", True), ("init", None), ("disconnected", False), ("lost", False)]
)
def test_state_is_availability(word, online):
    for topic in ("homie/5/d1/$state", "homie/d1/$state"):
        out = decoded(topic, word.encode())
        assert out.online is online
        assert out.refusals == []
    assert decoded("homie/d1/$state", b"alert").online is True
    assert decoded("homie/5/d1/$state", b"asleep").refusals


def test_a_lost_root_takes_its_children_with_it(five):
    for child, root in (("c1", "d1"), ("c2", "d1"), ("c3", "other")):
        out = decoded(f"homie/5/{child}/$description", orjson.dumps({"homie": "5.0", "root": root, "parent": root, "nodes": {}}))
        five |= {key: orjson.loads(value) for key, value in out.notes}
    lost = decoded("homie/5/d1/$state", b"lost", five)
    assert [(place.address, said.online) for place, said in lost.others] == [("homie/5/c1", False), ("homie/5/c2", False)]
    assert decoded("homie/5/d1/$state", b"ready", five).others == []


def test_a_description_is_noted_once(five):
    assert decoded("homie/5/d1/$description", orjson.dumps(DESCRIPTION), five).notes == []
    assert decoded("homie/5/d1/$description", b"[]").refusals
    assert decoded("homie/5/d1/$description", b"").refusals == []


def heard_in_turn(topics: list[tuple[str, bytes]]) -> dict:
    state: dict = {}
    for topic, payload in topics:
        for key, value in decoded(topic, payload, state).notes:
            state[key] = orjson.loads(value)
    return state


FOUR = [
    ("homie/plug-7/$name", b"Plug 7"),
    ("homie/plug-7/$nodes", b"outlet,sensor"),
    ("homie/plug-7/outlet/$properties", b"power,amps"),
    ("homie/plug-7/outlet/power/$datatype", b"boolean"),
    ("homie/plug-7/outlet/power/$settable", b"true"),
    ("homie/plug-7/sensor/$properties", b"temperature"),
    ("homie/plug-7/sensor/temperature/$datatype", b"float"),
    ("homie/plug-7/sensor/temperature/$unit", "°C".encode()),
]


def test_convention_4_announces_in_many_topics_in_any_order():
    state = heard_in_turn(FOUR)
    assert (
        heard_in_turn(list(reversed(FOUR)))["homie/plug-7"]["nodes"]["outlet"]["power"] == state["homie/plug-7"]["nodes"]["outlet"]["power"]
    )
    assert decoded("homie/plug-7/outlet/power", b"true", state).samples == [(NO_TIME, {"closed.outlet": True})]
    assert decoded("homie/plug-7/sensor/temperature", b"21.5", state).samples == [(NO_TIME, {"temperature.sensor": 21.5})]
    assert HOMIE.suggest(state, place_of("homie/plug-7/$state"), decoded("homie/plug-7/$state", b"ready", state)) == "switch"
    gone = heard_in_turn([*FOUR, ("homie/plug-7/$nodes", b"sensor")])
    assert list(gone["homie/plug-7"]["nodes"]) == ["sensor"]


def command(channel: str, action: Action) -> Command:
    return Command(order_id="o", attempt=1, site_id="s", device_id="h", channel=channel, action=action, issued_ms=0, expires_ms=1)


def test_an_order_sets_the_announced_switch(five):
    assert HOMIE.encode_known is not None
    device = Device(id="h", site_id="s", zone_id="z", name="", kind="switch", codec="homie", address="homie/5/d1")
    assert HOMIE.encode_known(five, device, command("relay_1", Action.CUT)) == ("homie/5/d1/relay-1/on/set", b"false")
    older = Device(id="h", site_id="s", zone_id="z", name="", kind="switch", codec="homie", address="homie/plug-7")
    assert HOMIE.encode_known(heard_in_turn(FOUR), older, command("outlet", Action.RESTORE)) == ("homie/plug-7/outlet/power/set", b"true")


def test_what_was_not_announced_is_not_ordered(five):
    assert HOMIE.encode_known is not None
    device = Device(id="h", site_id="s", zone_id="z", name="", kind="switch", codec="homie", address="homie/5/d1")
    for channel in ("", "temperature", "relay-1"):
        reason = HOMIE.encode_known(five, device, command(channel, Action.CUT))
        assert isinstance(reason, str)
        assert "relay_1" in reason
    assert isinstance(HOMIE.encode_known({}, device, command("relay_1", Action.CUT)), str)


def test_a_power_that_nobody_may_set_is_no_wattage():
    state = heard_in_turn([("homie/x/n/power/$datatype", b"boolean"), ("homie/x/n/power/$settable", b"false")])
    assert decoded("homie/x/n/power", b"true", state).samples == []


TALK = (
    *(
        "homie/plug-7/outlet/power/set",
        "homie/5/d1/relay-1/on/set",
        "homie/5/d1/$log/info",
        "homie/5/d1/$alert/x",
        "homie/d1/$stats/uptime",
    ),
    *("homie/$broadcast/alert", "homie/5/$broadcast/x", "homie/d1/n/$name", "homie/d1/n/p/$name", "homie/5/d1", "homie/d1"),
)


@pytest.mark.parametrize("topic", TALK)
def test_orders_and_talk_lead_nowhere(topic):
    assert HOMIE.locate("homie/+/+", topic) is None


def test_what_a_device_announces_is_bounded():
    many = {f"n{i}": {"properties": {f"p{j}": {"datatype": "float"} for j in range(100)}} for i in range(70)}
    ((_, value),) = decoded("homie/5/d1/$description", orjson.dumps({"nodes": many})).notes
    assert sum(len(properties) for properties in orjson.loads(value)["nodes"].values()) == 256
    state: dict = {}
    for i in range(300):
        out = decoded(f"homie/d1/n/p{i}/$datatype", b"float", state)
        state |= {key: orjson.loads(value) for key, value in out.notes}
    assert out.refusals
    assert len(state["homie/d1"]["nodes"]["n"]) == 256
