"""The decoder: rows under stable keys, points before their readings, strangers, refusals, hostile payloads, acknowledgements."""

from __future__ import annotations

import orjson
import pytest

from ingest.decode import MAX_POINTS, MAX_REASONS, UNKNOWN_AGAIN_MS, Decoder
from ingest.heard import Availability, CodecNote, Message, PointHeard, Refused, UnknownDevice
from power.model import Confirmation
from sites.model import Circuit, Device, point_key
from sites.readings import NO_TIME, RETAINED
from sites.roster import Roster

TELEMETRY = "sitewarden/v1/s/d1/telemetry"


@pytest.fixture
def roster() -> Roster:
    roster = Roster()
    roster.put(Device(id="d1", site_id="s", zone_id="z", name="", kind="gas", codec="native", address="s/d1"))
    roster.put(Device(id="z1", site_id="s", zone_id="z", name="", kind="switch", codec="zigbee2mqtt", address="zigbee2mqtt/f1/plug"))
    roster.put(Circuit(id="c1", site_id="s", zone_id="z", name="", device_id="z1"))
    return roster


def message(topic: str, payload: bytes | dict, *, qos=1, retain=False, at=1000, mid=1, epoch=1) -> Message:
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return Message(topic, body, qos, retain, at, mid, epoch)


def telemetry(values: dict, **options) -> Message:
    return message(TELEMETRY, {"values": values}, **options)


def items(heard, kind):
    return [item for _, item in heard.items if isinstance(item, kind)]


def test_readings_come_in_columns_with_their_point_said_before(roster):
    heard = Decoder(roster).decode([message(TELEMETRY, {"ts": 1_700_000_000, "values": {"lel": 12.5, "fault": True}}, retain=True)])
    assert heard.readings.keys.tolist() == [point_key("d1", "lel"), point_key("d1", "fault")]
    assert heard.readings.values.tolist() == [12.5, 1.0]
    assert heard.readings.device_ms.tolist() == [1_700_000_000_000] * 2
    assert heard.readings.flags.tolist() == [RETAINED] * 2
    assert heard.items == [(0, PointHeard(device_id="d1", metric="lel")), (1, PointHeard(device_id="d1", metric="fault"))]


def test_a_point_is_said_once(roster):
    decoder = Decoder(roster)
    assert len(decoder.decode([telemetry({"lel": 1}), telemetry({"lel": 2})]).items) == 1
    roster.add_point("d1", "lel")
    assert decoder.decode([telemetry({"lel": 3})]).items == []


def test_after_forget_a_point_that_never_came_into_being_is_said_again(roster):
    decoder = Decoder(roster)
    decoder.decode([telemetry({"lel": 1})])
    decoder.forget()
    assert decoder.decode([telemetry({"lel": 2})]).items == [(0, PointHeard(device_id="d1", metric="lel"))]


def test_a_known_point_is_not_said_again_after_a_restart(roster):
    roster.add_point("d1", "lel")
    heard = Decoder(roster).decode([telemetry({"lel": 3})])
    assert heard.items == []
    assert heard.readings.device_ms.tolist() == [NO_TIME]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("5", "text"),
        (None, "null"),
        ([1], "a list"),
        ({"v": 1}, "an object"),
        (1e300, "outside"),
        (10**25, "outside"),
        (-50, "outside"),
    ],
)
def test_what_can_be_no_reading_is_refused_and_its_neighbours_are_kept(roster, value, why):
    decoder = Decoder(roster)
    for _ in range(2):  # the second time on the fast path
        payload = b'{"values":{"lel":%s,"co":3}}' % (str(value).encode() if isinstance(value, int) else orjson.dumps(value))
        heard = decoder.decode([message(TELEMETRY, payload)])
        assert heard.readings.keys.tolist() == [point_key("d1", "co")]
        (refused,) = items(heard, Refused)
        assert why in refused.reason
        assert refused.device_id == "d1"


def test_an_unmapped_field_is_held_to_finite_numbers_only(roster):
    heard = Decoder(roster).decode([telemetry({"fanSpeed": 1e30, "x y": 2})])
    assert [item.metric for item in items(heard, PointHeard)] == ["fan_speed", "x_y"]
    assert heard.readings.values.tolist() == [1e30, 2.0]


@pytest.mark.parametrize(
    "payload",
    [
        b"x" * 1_000_000,
        b'{"values":{' + b",".join(b'"m%d":"x"' % i for i in range(10_000)) + b"}}",
        b"[" * 2000 + b"]" * 2000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b"\xff\xfe\xfd",
        b'{"values":{"lel":NaN}}',
        b'{"values":{"lel":Infinity}}',
        b'{"values":{"lel":1e999}}',
        b'{"values":{"lel":' + b"9" * 5000 + b"}}",
        b'{"values":{"":1}}',
        b'{"values":{"%s":1}}' % (b"m" * 5000),
        b"",
        b"null",
        b"0",
    ],
)
def test_hostile_payloads_are_refused_and_the_next_message_is_heard(roster, payload):
    heard = Decoder(roster).decode([message(TELEMETRY, payload), telemetry({"lel": 1})])
    assert heard.readings.values.tolist() == [1.0]
    refused = items(heard, Refused)
    assert 1 <= len(refused) <= MAX_REASONS + 1
    assert all(len(item.raw) <= 1024 and len(item.reason) <= 400 for item in refused)


def test_of_duplicate_keys_the_last_counts(roster):
    assert Decoder(roster).decode([message(TELEMETRY, b'{"values":{"lel":1,"lel":2}}')]).readings.values.tolist() == [2.0]


def test_a_device_has_a_bounded_number_of_points(roster):
    heard = Decoder(roster).decode([telemetry({f"m{i}": i for i in range(MAX_POINTS + 50)})])
    assert len(items(heard, PointHeard)) == MAX_POINTS == len(heard.readings)


def test_an_unknown_device_is_told_of_once_a_minute_with_a_suggestion(roster):
    decoder = Decoder(roster)
    stranger = "sitewarden/v1/s/new/telemetry"
    heard = decoder.decode([message(stranger, {"values": {"smoke_alarm": 1}}, at=1000 + i) for i in range(50)])
    (told,) = items(heard, UnknownDevice)
    assert (told.codec, told.address, told.suggested_kind, told.site_id) == ("native", "s/new", "smoke", "s")
    assert decoder.decode([message(stranger, {"values": {}}, at=2000 + UNKNOWN_AGAIN_MS)]).items != []
    assert len(heard.readings) == 0
    assert len(heard.acks) == 50


def test_a_stranger_accepted_a_device_moved_and_one_removed_are_followed_at_once(roster):
    decoder, topic = Decoder(roster), "sitewarden/v1/s/new/telemetry"
    payload = {"values": {"lel": 1}}
    assert len(decoder.decode([message(topic, payload)]).readings) == 0
    roster.put(Device(id="new", site_id="s", zone_id="z", name="", kind="gas", codec="native", address="s/new"))
    assert decoder.decode([message(topic, payload)]).readings.keys.tolist() == [point_key("new", "lel")]
    roster.put(Device(id="new", site_id="s", zone_id="z", name="", kind="gas", codec="native", address="s/elsewhere"))
    assert len(decoder.decode([message(topic, payload)]).readings) == 0
    assert len(decoder.decode([message("sitewarden/v1/s/elsewhere/telemetry", payload)]).readings) == 1
    roster.remove("device", "new")
    assert len(decoder.decode([message("sitewarden/v1/s/elsewhere/telemetry", payload)]).readings) == 0


def test_acknowledgements_keep_arrival_order_and_cover_what_is_not_ours(roster):
    heard = Decoder(roster).decode(
        [telemetry({"lel": 1}, mid=7, epoch=2), telemetry({"lel": 1}, qos=0, mid=0), message("other/topic", b"x", mid=9, epoch=2)]
    )
    assert heard.acks == [(2, 7), (2, 9)]
    assert heard.messages == 3


def test_arrivals_never_fall(roster):
    heard = Decoder(roster).decode([telemetry({"lel": 1}, at=2000), telemetry({"lel": 2}, at=1500), telemetry({"lel": 3}, at=2500)])
    assert heard.readings.arrived_ms.tolist() == [2000, 2000, 2500]


def test_availability_of_known_devices(roster):
    heard = Decoder(roster).decode(
        [message("sitewarden/v1/s/d1/status", b"offline", retain=True), message("sitewarden/v1/s/d9/status", b"online")]
    )
    assert items(heard, Availability) == [Availability(device_id="d1", online=False, arrived_ms=1000, retained=True)]


def test_a_switch_position_of_zigbee2mqtt_confirms_after_its_reading(roster):
    heard = Decoder(roster).decode([message("zigbee2mqtt/f1/plug", {"state": "OFF", "current": 0})])
    index, confirmation = heard.items[-1]
    assert isinstance(confirmation, Confirmation)
    assert (index, confirmation.device_id, confirmation.order_id, confirmation.reason) == (2, "z1", None, "open")


def test_a_position_that_is_known_already_confirms_nothing(roster):
    decoder = Decoder(roster)
    row = roster.add_point("z1", "closed")
    roster.columns.latest_values[row], roster.columns.latest_taken_ms[row], roster.columns.latest_arrived_ms[row] = 1.0, 5, 5
    assert items(decoder.decode([message("zigbee2mqtt/f1/plug", {"state": "ON"})]), Confirmation) == []
    assert len(items(decoder.decode([message("zigbee2mqtt/f1/plug", {"state": "OFF"})]), Confirmation)) == 1


def test_a_retained_position_confirms_nothing(roster):
    heard = Decoder(roster).decode([message("zigbee2mqtt/f1/plug", {"state": "OFF"}, retain=True)])
    assert items(heard, Confirmation) == []


def test_what_codecs_remember_survives_a_dump(roster):
    decoder = Decoder(roster)
    inventory = orjson.dumps([{"friendly_name": "f1/plug", "power_source": "Battery", "definition": None}])
    heard = decoder.decode([message("zigbee2mqtt/bridge/devices", inventory)])
    (note,) = items(heard, CodecNote)
    for later in (Decoder(roster), Decoder(roster)):
        later.load(decoder.dump())
        heard = later.decode([message("zigbee2mqtt/f1/plug", {"voltage": 2900})])
        assert [item.metric for item in items(heard, PointHeard)] == ["battery_mv"]
    replayed = Decoder(roster)
    replayed.remember(note)
    assert replayed.dump() == decoder.dump()
