"""Topic filters, the native grammar, the table of codecs, and what `sitewarden decode` says."""

from __future__ import annotations

import pytest

from ingest.codec import canonical_name
from ingest.codecs import CODECS, REPLY_ROUTES, TELEMETRY_ROUTES
from ingest.describe import describe
from ingest.heard import Message
from ingest.topics import filters_of, matches, native_topic, parse_native


@pytest.mark.parametrize(
    ("topic_filter", "topic", "fits"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#/b", "a/x/b", False),
        ("+/b", "a/b", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a/b/c", "a/b", False),
    ],
)
def test_filters_match_as_mqtt_says(topic_filter, topic, fits):
    assert matches(topic_filter, topic) is fits


def test_a_native_topic_there_and_back():
    assert parse_native(native_topic("s-1", "d.2", "telemetry")) == ("s-1", "d.2", "telemetry")
    for bad in ("sitewarden/v2/s/d/telemetry", "sitewarden/v1/s/d", "sitewarden/v1/s/d/x/y", "sitewarden/v1/s/" + "d" * 65 + "/telemetry"):
        assert parse_native(bad) is None


def test_every_codec_is_routed_and_no_filter_twice():
    assert {route.codec for route in TELEMETRY_ROUTES} == set(CODECS)
    routes = (*TELEMETRY_ROUTES, *REPLY_ROUTES)
    assert len(filters_of(routes)) == len(routes)
    assert all(route.filter in filters_of(routes) for route in routes)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("lel", "lel"),
        ("closed.2", "closed.2"),
        ("current_a.2.l1", "current_a.2.l1"),
        ("temperature_c", "temperature"),
        ("temperature_c.2", "temperature.2"),
        ("FanSpeed", "fan_speed"),
        ("Soil Moisture %", "soil_moisture"),
        ("温度", None),
        ("...", None),
        ("x" * 65, None),
    ],
)
def test_a_vendors_word_becomes_a_metrics_name(said, name):
    assert canonical_name(said) == name


def test_messages_are_described_as_the_contract_says():
    def message(topic: str, payload: bytes) -> Message:
        return Message(topic, payload, 0, False, 0)

    telemetry, status, reply, plug, stranger = describe(
        [
            message("sitewarden/v1/s/d/telemetry", b'{"ts":1700000000,"values":{"lel":12.5,"x":"y","temperature_c":20}}'),
            message("sitewarden/v1/s/d/status", b"offline"),
            message("sitewarden/v1/s/d/reply", b'{"id":"o1","result":"done"}'),
            message("zigbee2mqtt/f1/plug", b'{"state":"OFF"}'),
            message("nobody/knows", b"1"),
        ]
    )
    assert telemetry == {
        "codec": "native",
        "device": "s/d",
        "readings": [
            {"metric": "lel", "value": 12.5, "unit": "%LEL", "taken_ms": 1_700_000_000_000},
            {"metric": "temperature", "value": 20.0, "unit": "°C", "taken_ms": 1_700_000_000_000},
        ],
        "availability": None,
        "confirmations": [],
        "refusals": [{"reason": "x is text, not a number"}],
    }
    assert status["availability"] == "offline"
    assert reply["confirmations"] == [{"order": "o1", "channel": "", "result": "done", "reason": ""}]
    assert (plug["codec"], plug["device"], plug["readings"][0]["value"]) == ("zigbee2mqtt", "zigbee2mqtt/f1/plug", 0.0)
    assert stranger["codec"] is None
    assert stranger["refusals"]
