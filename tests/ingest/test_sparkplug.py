"""The Sparkplug B codec: births, aliases, deaths by session, sequence and rebirth, historical and null metrics, DCMD, hostile bytes."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import decode
from ingest.codecs.sparkplug import REBIRTH, REBIRTH_EVERY_MS, SPARKPLUG, metric_name
from ingest.codecs.sparkplug_payload import BOOLEAN, Payload
from ingest.decode import Decoder
from ingest.heard import Availability, Message, PointHeard, Refused, UnknownDevice
from power.model import Action, Command, Confirmation
from sites.model import Circuit, Device, point_key
from sites.readings import HISTORICAL
from sites.roster import Roster

T = 1_790_000_000_000
DOUBLE, INT32, INT64, UINT64, STRING = 10, 3, 4, 8, 12
NODE, DEVICE = "Plant/EN1", "Plant/EN1/Panel-7"


def payload(*metrics: dict, seq: int | None = 0, at: int = T) -> bytes:
    """`metrics` as keyword arguments of a metric; `quality` becomes its property."""
    message = Payload(timestamp=at)
    if seq is not None:
        message.seq = seq
    for given_metric in metrics:
        fields = dict(given_metric)
        quality = fields.pop("quality", None)
        metric = message.metrics.add(**fields)
        if quality is not None:
            metric.properties.keys.append("Quality")
            metric.properties.values.add(type=INT32, int_value=quality)
    return message.SerializeToString()


def bd(session: int) -> dict:
    return {"name": "bdSeq", "datatype": INT64, "long_value": session}


TEMPERATURE = {"name": "Sensors/Temperature", "alias": 3, "datatype": DOUBLE, "double_value": 21.5}
OUTPUT = {"name": "Outputs/Q1", "alias": 4, "datatype": BOOLEAN, "boolean_value": True}


class Host:
    """A decoder with one known device and its node, and what it made of each message."""

    def __init__(self) -> None:
        self.roster = Roster()
        for name, kind, address in (("node", "gateway", NODE), ("panel", "switch", DEVICE)):
            self.roster.put(Device(id=name, site_id="s", zone_id="z", name="", kind=kind, codec="sparkplug", address=address))
        self.roster.put(Circuit(id="c", site_id="s", zone_id="z", name="", device_id="panel", channel="q1"))
        self.decoder = Decoder(self.roster)
        self.at = T

    def hear(self, kind: str, body: bytes, place: str = "", after_ms: int = 100):
        self.at += after_ms
        group, node, *device = (place or (DEVICE if kind[0] == "D" else NODE)).split("/")
        topic = "/".join(["spBv1.0", group, kind, node, *device])
        return self.decoder.decode([Message(topic, body, 0, False, self.at)])

    def born(self) -> Host:
        self.hear("NBIRTH", payload(bd(1), seq=0))
        self.hear("DBIRTH", payload(TEMPERATURE, OUTPUT, seq=1))
        return self


def items(heard, kind):
    return [item for _, item in heard.items if isinstance(item, kind)]


def test_a_birth_brings_the_device_online_with_all_its_values():
    host = Host()
    assert items(host.hear("NBIRTH", payload(bd(1))), Availability)[0].device_id == "node"
    heard = host.hear("DBIRTH", payload(TEMPERATURE, OUTPUT, seq=1))
    assert [(item.device_id, item.online) for item in items(heard, Availability)] == [("panel", True)]
    assert heard.readings.keys.tolist() == [point_key("panel", "temperature"), point_key("panel", "closed.q1")]
    assert heard.readings.values.tolist() == [21.5, 1.0]
    assert heard.asks == []


def test_a_births_values_are_as_of_the_birth_whenever_they_last_changed():
    heard = Host().born().hear("DBIRTH", payload(TEMPERATURE | {"timestamp": T - 86_400_000}, seq=2, at=T + 5))
    assert heard.readings.device_ms.tolist() == [T + 5]
    assert heard.readings.flags.tolist() == [0]


def test_data_by_alias_takes_name_and_type_from_the_birth():
    heard = Host().born().hear("DDATA", payload({"alias": 3, "double_value": 60.5, "timestamp": T + 7}, seq=2))
    assert heard.readings.keys.tolist() == [point_key("panel", "temperature")]
    assert (heard.readings.values.tolist(), heard.readings.device_ms.tolist()) == ([60.5], [T + 7])


def test_signed_integers_travel_as_twos_complement():
    host = Host()
    host.hear("NBIRTH", payload(bd(1)))
    cases = [(1, "int_value", 0xFB, -5), (2, "int_value", 0xFFFB, -5), (3, "int_value", 0xFFFFFFFB, -5), (4, "long_value", 2**64 - 5, -5)]
    cases += [(7, "int_value", 0xFFFFFFFB, 0xFFFFFFFB), (1, "int_value", 0xFFFFFFFB, -5)]
    metrics = [{"name": f"m{i}", "datatype": kind, field: wire} for i, (kind, field, wire, _) in enumerate(cases)]
    heard = host.hear("DBIRTH", payload(*metrics, seq=1))
    assert heard.readings.values.tolist() == [value for *_, value in cases]


def test_historical_metrics_are_flagged_and_confirm_nothing():
    old = {"alias": 4, "boolean_value": False, "timestamp": T - 3_600_000, "is_historical": True}
    heard = Host().born().hear("DDATA", payload(old, {"alias": 3, "double_value": 22.0}, seq=2))
    by_key = dict(
        zip(heard.readings.keys.tolist(), zip(heard.readings.flags.tolist(), heard.readings.device_ms.tolist(), strict=True), strict=True)
    )
    assert by_key[point_key("panel", "closed.q1")] == (HISTORICAL, T - 3_600_000)
    assert by_key[point_key("panel", "temperature")] == (0, T)
    assert items(heard, Confirmation) == []


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ({"alias": 3, "is_null": True}, "null"),
        ({"alias": 3, "double_value": 21.0, "quality": 500}, "bad quality"),
        ({"alias": 3, "double_value": 21.0, "quality": 0}, "bad quality"),
        ({"alias": 3, "double_value": float("nan")}, "not a finite number"),
        ({"alias": 3}, "no value"),
    ],
)
def test_null_bad_and_stale_metrics_are_no_readings_and_are_counted(metric, why):
    heard = Host().born().hear("DDATA", payload(metric, seq=2))
    assert len(heard.readings) == 0
    (refused,) = items(heard, Refused)
    assert refused.device_id == "panel"
    assert why in refused.reason


def test_good_quality_and_words_are_no_refusals():
    metrics = ({"alias": 3, "double_value": 21.0, "quality": 192}, {"name": "Properties/Model", "datatype": STRING, "string_value": "X"})
    heard = Host().born().hear("DDATA", payload(*metrics, seq=2))
    assert heard.readings.values.tolist() == [21.0]
    assert items(heard, Refused) == []


def test_the_sequence_counts_over_node_and_devices_and_wraps():
    host = Host().born()
    for seq in (*range(2, 256), *range(5)):
        heard = host.hear(*(("NDATA", payload(seq=seq)) if seq % 2 else ("DDATA", payload(seq=seq))), after_ms=1)
        assert (heard.asks, items(heard, Refused)) == ([], [])


def test_a_gap_is_refused_once_and_the_node_is_asked_to_be_born_again_once_a_minute_until_it_is():
    host = Host().born()
    heard = host.hear("DDATA", payload({"alias": 3, "double_value": 22.0}, seq=5))
    assert heard.readings.values.tolist() == [22.0]  # what did arrive counts
    assert len(items(heard, Refused)) == 1
    (ask,) = heard.asks
    assert ask.topic == "spBv1.0/Plant/NCMD/EN1"
    (metric,) = Payload.FromString(ask.payload).metrics
    assert (metric.name, metric.datatype, metric.boolean_value) == (REBIRTH, BOOLEAN, True)
    for seq in range(6, 30):
        heard = host.hear("DDATA", payload(seq=seq), after_ms=1_000)
        assert (heard.asks, items(heard, Refused)) == ([], [])
    assert len(host.hear("DDATA", payload(seq=30), after_ms=REBIRTH_EVERY_MS).asks) == 1
    host.born()
    assert host.hear("DDATA", payload(seq=2), after_ms=REBIRTH_EVERY_MS).asks == []


def test_a_message_that_came_twice_is_no_gap():
    host = Host().born()
    host.hear("DDATA", payload(seq=2))
    assert host.hear("DDATA", payload(seq=2)).asks == []


def test_after_a_restart_aliases_are_known_and_the_node_is_asked_again_but_not_within_the_minute():
    host = Host().born()
    kept = host.decoder.dump()
    host.decoder = Decoder(host.roster)
    host.decoder.load(kept)
    heard = host.hear("DDATA", payload({"alias": 3, "double_value": 23.0}, seq=9))
    assert heard.readings.values.tolist() == [23.0]
    assert len(heard.asks) == 1
    kept = host.decoder.dump()
    host.decoder = Decoder(host.roster)
    host.decoder.load(kept)
    assert host.hear("DDATA", payload(seq=11)).asks == []


def test_an_alias_nobody_announced_is_refused_and_asked_for():
    host = Host()
    heard = host.hear("DDATA", payload({"alias": 99, "double_value": 1.0}, TEMPERATURE | {"alias": 98}, seq=7))
    assert heard.readings.values.tolist() == [21.5]  # the one with its name is understood
    assert "alias 99" in items(heard, Refused)[0].reason
    assert len(heard.asks) == 1


def test_the_will_of_an_older_session_means_nothing_that_of_the_present_takes_all_devices_offline():
    host = Host().born()
    host.hear("NBIRTH", payload(bd(2)))
    host.hear("DBIRTH", payload(TEMPERATURE, OUTPUT, seq=1))
    assert host.hear("NDEATH", payload(bd(1), seq=None)).items == []
    heard = host.hear("NDEATH", payload(bd(2), seq=None))
    assert {(item.device_id, item.online) for item in items(heard, Availability)} == {("node", False), ("panel", False)}
    heard = host.hear("DDATA", payload({"alias": 3, "double_value": 1.0}, seq=2))
    assert len(heard.readings) == 0  # its aliases died with it
    assert len(heard.asks) == 1


def test_a_new_session_makes_old_aliases_void_until_the_device_is_born_again():
    host = Host().born()
    host.hear("NBIRTH", payload(bd(2)))
    heard = host.hear("DDATA", payload({"alias": 3, "double_value": 1.0}, seq=1))
    assert len(heard.readings) == 0
    assert len(heard.asks) == 1


def test_a_devices_death_is_its_own():
    heard = Host().born().hear("DDEATH", payload(seq=2))
    assert [(item.device_id, item.online) for item in items(heard, Availability)] == [("panel", False)]


def test_the_same_birth_again_is_not_journalled_again():
    host = Host().born()
    assert [
        item
        for _, item in host.hear("DBIRTH", payload(TEMPERATURE, OUTPUT, seq=2)).items
        if not isinstance(item, Availability | PointHeard)
    ] == []


def test_strangers_are_told_of_with_a_kind():
    host = Host()
    heard = host.hear("DBIRTH", payload(TEMPERATURE, OUTPUT, seq=1), place="Plant/EN9/Box")
    (told,) = items(heard, UnknownDevice)
    assert (told.codec, told.address, told.suggested_kind, told.suggested_name) == ("sparkplug", "Plant/EN9/Box", "switch", "Box")
    (told,) = items(host.hear("NBIRTH", payload(bd(1)), place="Plant/EN9"), UnknownDevice)
    assert (told.address, told.suggested_kind) == ("Plant/EN9", "gateway")


def test_a_hosts_state_is_noted_when_it_changes_and_its_older_form_refused():
    place = SPARKPLUG.locate("spBv1.0/STATE/+", "spBv1.0/STATE/scada-1")
    assert place is not None
    (note,) = SPARKPLUG.decode({}, place, b'{"online":true,"timestamp":1790000000000}').notes
    assert note == ("host scada-1", b"true")
    assert SPARKPLUG.decode({"host scada-1": True}, place, b'{"online":true,"timestamp":1790000000001}').notes == []
    assert SPARKPLUG.decode({}, place, b"ONLINE").refusals


@pytest.mark.parametrize(
    "topic", ["spBv1.0/G/NCMD/E", "spBv1.0/G/DCMD/E/D", "spBv1.0/G/DDATA/E", "spBv1.0/G/NDATA/E/D", "spBv1.0/G/NDATA", "x/G/NDATA/E/F/G"]
)
def test_commands_and_topics_of_another_shape_lead_nowhere(topic):
    assert SPARKPLUG.locate("", topic) is None


@pytest.mark.parametrize(
    ("name", "datatype", "metric"),
    [
        ("Sensors/Temperature", DOUBLE, "temperature"),
        ("Meter/L1/Voltage", DOUBLE, "voltage_v.l1"),
        ("Circuits/2/closed", BOOLEAN, "closed.2"),
        ("Outputs/Q1", BOOLEAN, "closed.q1"),
        ("Outputs/Q1", DOUBLE, "outputs_q1"),
        ("Inputs/DI 3", BOOLEAN, "inputs_di_3"),
        ("Smoke", BOOLEAN, "smoke_alarm"),
        ("leakage_ma", DOUBLE, "leakage_ma"),
        ("电流", DOUBLE, None),
    ],
)
def test_names_of_metrics(name, datatype, metric):
    assert metric_name(name, datatype) == metric


def command(action: Action, channel: str = "q1") -> Command:
    return Command(order_id="o", attempt=1, site_id="s", device_id="panel", channel=channel, action=action, issued_ms=T, expires_ms=T + 1)


@pytest.mark.parametrize(("action", "position"), [(Action.CUT, False), (Action.RESTORE, True)])
def test_an_order_is_a_dcmd_with_the_absolute_position(action, position):
    host = Host().born()
    device = host.roster.device("panel")
    assert device is not None
    assert SPARKPLUG.encode_known is not None
    told = SPARKPLUG.encode_known(host.decoder.recall("sparkplug"), device, command(action))
    assert not isinstance(told, str)
    assert told[0] == "spBv1.0/Plant/DCMD/EN1/Panel-7"
    (metric,) = Payload.FromString(told[1]).metrics
    assert (metric.name, metric.datatype, metric.HasField("boolean_value"), metric.boolean_value) == ("Outputs/Q1", BOOLEAN, True, position)


def test_an_order_to_what_announced_nothing_or_no_such_output_is_refused_with_the_reason():
    host = Host()
    device = host.roster.device("panel")
    assert device is not None
    assert SPARKPLUG.encode_known is not None
    assert "no birth" in SPARKPLUG.encode_known(host.decoder.recall("sparkplug"), device, command(Action.CUT))
    host.born()
    assert "announced 0 metrics for closed.q9" in SPARKPLUG.encode_known(
        host.decoder.recall("sparkplug"), device, command(Action.CUT, "q9")
    )


def test_the_ddata_after_a_command_confirms_it():
    heard = Host().born().hear("DDATA", payload({"alias": 4, "boolean_value": False}, seq=2))
    (confirmation,) = items(heard, Confirmation)
    assert (confirmation.device_id, confirmation.channel, confirmation.reason, confirmation.order_id) == ("panel", "q1", "open", None)


@pytest.mark.parametrize(
    "body", [b"\xff" * 100, b"{}", b"x" * 2_000_000, b"\x12\xff\xff\xff\xff\x0f", b"\x12\x04\x0a\x02\xff\xfe", b"", b"\x0a" * 5000]
)
@pytest.mark.parametrize("kind", ["NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA"])
def test_hostile_payloads_are_refused_and_the_next_message_is_heard(kind, body):
    host = Host().born()
    host.hear(kind, body)
    host.born()
    assert host.hear("DDATA", payload({"alias": 3, "double_value": 24.0}, seq=2)).readings.values.tolist() == [24.0]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH", "STATE"]))
def test_no_bytes_make_it_raise(body, kind):
    topic = "spBv1.0/STATE/h" if kind == "STATE" else f"spBv1.0/G/{kind}/E/D" if kind[0] == "D" else f"spBv1.0/G/{kind}/E"
    place = SPARKPLUG.locate("", topic)
    assert place is not None
    state = {"born G/E": {"names": {"a": ["a", 3]}, "aliases": {"1": "a"}}, "seq G/E": 3, "session G/E": 1}
    decoded = SPARKPLUG.decode(state, place, body)
    for _, note in decoded.notes:
        orjson.loads(note)


def test_a_flood_of_invented_nodes_is_asked_and_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr(decode, "MAX_NOTES", 50)
    monkeypatch.setattr(decode, "MAX_REMEMBERED", 100)
    host = Host()
    asked = sum(len(host.hear("NBIRTH", payload(bd(1)), place=f"G/E{i}").asks) for i in range(300))
    asked += sum(len(host.hear("NDATA", payload(seq=9), place=f"G/E{i}").asks) for i in range(300))
    assert asked <= 50
    assert len(host.decoder.recall("sparkplug")) <= 150
    assert len(host.decoder.dump()["sparkplug"]) <= 50
