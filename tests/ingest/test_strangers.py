"""Devices nobody has accepted: told of with the best kind and name known, what they announce remembered, discovery only a hint."""

from __future__ import annotations

import orjson
import pytest

from ingest import decode as decode_room
from ingest.decode import UNKNOWN_AGAIN_MS, Decoder
from ingest.heard import Availability, CodecNote, Message, PointHeard, Refused, UnknownDevice
from power.model import Action, Command, Confirmation, order_number
from sites.model import Circuit, Device, point_key
from sites.roster import Roster


def said(topic: str, payload: object, at: int = 1000, retain: bool = False) -> Message:
    return Message(topic, payload if isinstance(payload, bytes) else orjson.dumps(payload), 1, retain, at, 1, 1)


def items(heard, kind):
    return [item for _, item in heard.items if isinstance(item, kind)]


def told(heard) -> list[tuple[str, str, str, str]]:
    return [(item.codec, item.address, item.suggested_kind, item.suggested_name) for item in items(heard, UnknownDevice)]


def known(roster: Roster, codec: str, address: str) -> None:
    roster.put(Device(id="k", site_id="s", zone_id="z", name="", kind="switch", codec=codec, address=address))


def test_a_device_of_many_topics_is_told_of_once_and_again_when_its_kind_is_known():
    decoder = Decoder(Roster())
    first = decoder.decode(
        [
            said("shellies/mine/temperature", b"20"),
            said("shellies/mine/sensor/battery", b"90"),
            said("shellies/mine/sensor/smoke", b"false"),
            said("shellies/mine/relay/0", b"on"),  # a less dangerous kind does not win
        ]
    )
    assert told(first) == [("shelly_gen1", "mine", "other", "mine"), ("shelly_gen1", "mine", "smoke", "mine")]
    assert told(decoder.decode([said("shellies/mine/temperature", b"21", at=2000)])) == []
    later = decoder.decode([said("shellies/mine/sensor/battery", b"21", at=1000 + UNKNOWN_AGAIN_MS)])
    assert told(later) == [("shelly_gen1", "mine", "smoke", "mine")]


def test_a_last_will_alone_puts_nobody_into_the_inbox():
    decoder = Decoder(Roster())
    assert decoder.decode([said("tele/gone/LWT", b"Offline", retain=True)]).items == []
    assert told(decoder.decode([said("tele/here/LWT", b"Online", retain=True)])) == [("tasmota", "here", "other", "here")]


def test_a_discovery_names_the_device_that_another_codec_hears():
    decoder = Decoder(Roster())
    config = {"stat_t": "zigbee2mqtt/0x1", "dev_cla": "smoke", "dev": {"name": "Kitchen head"}}
    assert told(decoder.decode([said("homeassistant/binary_sensor/0x1/smoke/config", config, retain=True)])) == [
        ("zigbee2mqtt", "zigbee2mqtt/0x1", "smoke", "Kitchen head")
    ]
    again = decoder.decode([said("zigbee2mqtt/0x1", {"linkquality": 3}, at=1000 + UNKNOWN_AGAIN_MS)])
    assert told(again) == [("zigbee2mqtt", "zigbee2mqtt/0x1", "smoke", "Kitchen head")]


def test_a_discovery_of_a_known_device_says_nothing_and_of_a_foreign_topic_is_refused():
    roster = Roster()
    known(roster, "zigbee2mqtt", "zigbee2mqtt/0x1")
    decoder = Decoder(roster)
    config = {"stat_t": "zigbee2mqtt/0x1", "dev_cla": "smoke"}
    assert decoder.decode([said("homeassistant/sensor/x/config", config)]).items == []
    foreign = decoder.decode([said("homeassistant/sensor/y/config", config | {"stat_t": "esphome/y/state"})])
    (refused,) = items(foreign, Refused)
    assert "esphome/y/state" in refused.reason
    assert told(foreign) == []


def test_what_a_stranger_announces_is_known_when_it_is_accepted():
    roster = Roster()
    decoder = Decoder(roster)
    announced = {"nodes": {"relay-1": {"properties": {"power": {"datatype": "boolean", "settable": True}}}}}
    heard = decoder.decode([said("homie/5/d/$description", announced, retain=True), said("homie/5/d/$state", b"ready", retain=True)])
    assert [note.key for note in items(heard, CodecNote)] == ["homie/5/d"]
    assert told(heard)[-1] == ("homie", "homie/5/d", "switch", "d")
    known(roster, "homie", "homie/5/d")
    value = decoder.decode([said("homie/5/d/relay-1/power", b"true")])
    assert items(value, PointHeard) == [PointHeard(device_id="k", metric="closed.relay_1")]


def test_what_strangers_announce_is_remembered_even_when_too_many_come_at_once(monkeypatch):
    monkeypatch.setattr(decode_room, "MAX_UNKNOWN", 3)
    decoder = Decoder(Roster())
    announced = {"nodes": {"n": {"properties": {}}}}
    heard = decoder.decode([said(f"homie/5/d{i}/$description", announced, retain=True) for i in range(10)])
    assert len(told(heard)) == 3
    assert len(items(heard, CodecNote)) == 10


def test_what_codecs_remember_is_bounded(monkeypatch):
    monkeypatch.setattr(decode_room, "MAX_NOTES", 5)
    decoder = Decoder(Roster())
    heard = decoder.decode([said(f"homie/5/d{i}/$description", {"nodes": {}}) for i in range(10)])
    assert len(decoder.dump()["homie"]) == 5
    assert len(items(heard, Refused)) == 5


def test_a_gateways_devices_are_devices():
    roster = Roster()
    known(roster, "thingsboard", "gateway/Device A")
    decoder = Decoder(roster)
    heard = decoder.decode(
        [
            said("v1/gateway/connect", {"device": "Device A"}),
            said("v1/gateway/telemetry", {"Device A": [{"ts": 1_700_000_000_000, "values": {"power": 5}}], "Device B": [{"smoke": True}]}),
        ]
    )
    assert items(heard, Availability) == [Availability(device_id="k", online=True, arrived_ms=1000)]
    assert heard.readings.keys.tolist() == [point_key("k", "power_w")]
    assert heard.readings.device_ms.tolist() == [1_700_000_000_000]
    assert told(heard) == [("thingsboard", "gateway/Device B", "smoke", "Device B")]


@pytest.mark.parametrize(
    ("codec", "address", "channel", "topic", "payload"),
    [
        ("tasmota", "plug", "", "stat/plug/RESULT", b'{"POWER":"OFF"}'),
        ("tasmota", "plug", "2", "stat/plug/POWER2", b"OFF"),
        ("shelly_gen1", "shellyplug-1", "", "shellies/shellyplug-1/relay/0", b"off"),
        ("shelly_gen2", "shellyplus1-1", "", "shellyplus1-1/status/switch:0", b'{"id":0,"output":false}'),
        ("homie", "homie/5/d", "relay", "homie/5/d/relay/on/$target", b"false"),
    ],
)
def test_a_position_confirms_once_and_not_from_the_retained_past(codec, address, channel, topic, payload):
    roster = Roster()
    known(roster, codec, address)
    roster.put(Circuit(id="c", site_id="s", zone_id="z", name="", device_id="k", channel=channel))
    decoder = Decoder(roster)
    confirmations = items(decoder.decode([said(topic, payload)]), Confirmation)
    assert [(c.channel, c.order_id, c.result, c.reason) for c in confirmations] == [(channel, None, "done", "open")]
    assert items(decoder.decode([said(topic, payload, retain=True)]), Confirmation) == []


@pytest.mark.parametrize(
    ("codec", "address", "topic", "payload", "order_id"),
    [
        ("shelly_gen2", "hall/shelly-1", "sitewarden/shelly/hall/shelly-1/rpc", {"id": "ab", "result": {"was_on": True}}, "ab"),
        ("thingsboard", "shop/me", f"shop/v1/devices/me/rpc/response/{order_number('ab')}", {"success": True}, f"#{order_number('ab')}"),
        (
            "thingsboard",
            "gateway/A",
            "v1/gateway/rpc",
            {"device": "A", "id": order_number("ab"), "data": {"success": True}},
            f"#{order_number('ab')}",
        ),
    ],
)
def test_a_reply_names_its_order(codec, address, topic, payload, order_id):
    roster = Roster()
    known(roster, codec, address)
    (confirmation,) = items(Decoder(roster).decode([said(topic, payload)]), Confirmation)
    assert (confirmation.device_id, confirmation.order_id, confirmation.result) == ("k", order_id, "done")


def test_what_is_announced_is_there_for_the_courier():
    decoder = Decoder(Roster())
    announced = {"nodes": {"relay": {"properties": {"on": {"datatype": "boolean", "settable": True}}}}}
    decoder.decode([said("homie/5/d/$description", announced)])
    device = Device(id="k", site_id="s", zone_id="z", name="", kind="switch", codec="homie", address="homie/5/d")
    command = Command(order_id="o", attempt=1, site_id="s", device_id="k", channel="relay", action=Action.CUT, issued_ms=0, expires_ms=1)
    encode = decode_room.CODECS["homie"].encode_known
    assert encode is not None
    assert encode(decoder.recall("homie"), device, command) == ("homie/5/d/relay/on/set", b"false")
