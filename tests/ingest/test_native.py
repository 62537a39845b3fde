"""The native codec: telemetry in its shapes, status, replies, commands."""

from __future__ import annotations

import orjson
import pytest

from ingest.codec import Place
from ingest.codecs.native import NATIVE, encode_telemetry
from power.model import Action, Command
from sites.model import Device
from sites.readings import NO_TIME

NOWHERE = int(NO_TIME)


def decoded(part: str, payload: bytes):
    return NATIVE.decode({}, Place("s/d", part, "s", "d"), payload)


@pytest.mark.parametrize(
    ("phrase", "payload", "samples"),
    [
        ("an object", b'{"values":{"lel":1}}', [(NOWHERE, {"lel": 1})]),
        ("seconds", b'{"ts":1700000000,"values":{"lel":1}}', [(1_700_000_000_000, {"lel": 1})]),
        ("seconds with a fraction", b'{"ts":1700000000.25,"values":{"lel":1}}', [(1_700_000_000_250, {"lel": 1})]),
        ("milliseconds", b'{"ts":1700000000123,"values":{"lel":1}}', [(1_700_000_000_123, {"lel": 1})]),
        ("microseconds", b'{"ts":1700000000123456,"values":{"lel":1}}', [(1_700_000_000_123, {"lel": 1})]),
        ("nanoseconds", b'{"ts":1700000000123456789,"values":{"lel":1}}', [(1_700_000_000_123, {"lel": 1})]),
        ("ISO 8601", b'{"ts":"2023-11-15T06:13:20+08:00","values":{"lel":1}}', [(1_700_000_000_000, {"lel": 1})]),
        ("ISO 8601 in UTC", b'{"ts":"2023-11-14T22:13:20.5Z","values":{"lel":1}}', [(1_700_000_000_500, {"lel": 1})]),
        ("a list", b'[{"values":{"lel":1}},{"ts":1700000000,"values":{"co":2}}]', [(NOWHERE, {"lel": 1}), (1_700_000_000_000, {"co": 2})]),
    ],
)
def test_telemetry_in_every_shape_of_the_contract(phrase, payload, samples):
    out = decoded("telemetry", payload)
    assert (out.samples, out.refusals) == (samples, []), phrase


@pytest.mark.parametrize(
    ("ts", "why"),
    [
        ('"2023-11-14T22:13:20"', "no offset"),
        ('"yesterday"', "not ISO 8601"),
        ("-5", "not after 1970"),
        ("1e30", "beyond every known scale"),
        ("true", "neither a number nor a text"),
        ("{}", "neither a number nor a text"),
    ],
)
def test_a_time_that_cannot_be_read_does_not_cost_the_values(ts, why):
    out = decoded("telemetry", b'{"ts":%s,"values":{"smoke_alarm":1}}' % ts.encode())
    assert out.samples == [(NOWHERE, {"smoke_alarm": 1})]
    assert why in out.refusals[0]


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"27.5", "neither an object nor a list"),
        (b'{"lel":27}', "no object under `values`"),
        (b'{"values":[1]}', "no object under `values`"),
        (b"[1]", "not an object"),
        (b'{"values":{"lel":NaN}}', "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"", "not JSON"),
        (b"[" * 2000 + b"]" * 2000, "not JSON"),
        (b'{"values":{"x":"' + b"x" * 1_000_000 + b'"}}', "over the limit"),
    ],
)
def test_what_is_no_telemetry_is_refused_with_its_reason(payload, why):
    out = decoded("telemetry", payload)
    assert out.samples == []
    assert len(out.refusals) == 1
    assert why in out.refusals[0]


def test_status_is_online_or_offline_and_nothing_else():
    assert decoded("status", b"online").online is True
    assert decoded("status", b" offline\n").online is False
    assert decoded("status", b"maybe").online is None
    assert decoded("status", b"maybe").refusals


def test_a_reply_names_its_order_and_its_result():
    (reply,) = decoded("reply", b'{"id":"o1","result":"rejected","reason":"local lock"}').replies
    assert (reply.order_id, reply.result, reply.reason) == ("o1", "rejected", "local lock")
    for bad in (b'{"result":"done"}', b'{"id":"o1","result":"yes"}', b'{"id":7,"result":"done"}', b"[]", b"x"):
        out = decoded("reply", bad)
        assert out.replies == [], bad
        assert out.refusals, bad


@pytest.mark.parametrize(
    "topic", ["sitewarden/v1/s/d/command", "sitewarden/v1/s/alarms/a1", "sitewarden/v1/s/d e/telemetry", "sitewarden/v1/s//x"]
)
def test_our_own_topics_and_bad_ids_lead_nowhere(topic):
    assert NATIVE.locate("sitewarden/v1/#", topic) is None


@pytest.mark.parametrize(("channel", "circuit", "action"), [("", "1", Action.CUT), ("2", "2", Action.RESTORE)])
def test_a_command_is_absolute_and_carries_its_expiry(channel, circuit, action):
    device = Device(id="d1", site_id="s", zone_id="z", name="", kind="switch", codec="native", address="s/panel-1")
    command = Command(
        order_id="o1", attempt=1, site_id="s", device_id="d1", channel=channel, action=action, issued_ms=1000, expires_ms=31_000
    )
    topic, payload = NATIVE.encode_order(device, command)
    assert topic == "sitewarden/v1/s/panel-1/command"
    assert orjson.loads(payload) == {"id": "o1", "circuit": circuit, "action": action.value, "issued": 1000, "expires": 31_000}


def test_what_we_encode_we_decode():
    topic, payload = encode_telemetry("s", "d", {"lel": 27.5, "closed.2": 1}, 1_700_000_000_001)
    place = NATIVE.locate("sitewarden/v1/+/+/telemetry", topic)
    assert place is not None
    assert NATIVE.decode({}, place, payload).samples == [(1_700_000_000_001, {"lel": 27.5, "closed.2": 1})]
