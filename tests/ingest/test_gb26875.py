"""The GB/T 26875.3 codec: components, systems and devices from frames, texts, analog values, resets, answers, hostile payloads."""

from __future__ import annotations

import base64

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs.gb26875 import GB26875
from ingest.describe import describe
from ingest.gb26875 import CONFIRM, DENY, REQUEST, SEND, cut
from ingest.heard import Message
from power.model import Action, Command
from sites.model import Device
from sites.readings import NO_TIME
from tests.ingest.gb26875_vectors import CLOCK_SYNC, MAINS_FAULT, SMOKE_FIRE, T, component, frame, label_of, status_frame

UP = "gb26875/site-1/up"
HEAD = "site-1/889/1.1.42.3-7"


class Centre:
    """Decodes messages one after another, keeping what the codec notes."""

    def __init__(self, topic: str = UP) -> None:
        place = GB26875.locate("gb26875/+/up", topic)
        assert place is not None
        self.place = place
        self.state: dict = {}

    def hear(self, payload: bytes):
        out = GB26875.decode(self.state, self.place, payload)
        self.state.update((key, orjson.loads(value)) for key, value in out.notes)
        return out


def said(out) -> dict:
    return {place.address: decoded for place, decoded in out.others}


def values(out, address: str = HEAD) -> dict:
    """All values of one device, the last of each."""
    return {name: value for _, sample in said(out)[address].samples for name, value in sample.items()}


def test_the_verified_smoke_fire_with_its_text():
    out = Centre().hear(SMOKE_FIRE)
    assert out.refusals == []
    (unit, _), (place, head) = out.others
    assert unit.address == "site-1/0"
    assert (place.address, place.name) == ("site-1/0/1.3.0.6-217", "Ａ区１层呷哺走廊")
    ((at_ms, sample),) = head.samples
    assert at_ms == 1_596_280_728_000  # 2020-08-01T19:18:48+08:00, serial 0
    assert {name for name, value in sample.items() if value} == {"fire_alarm"}


def test_the_verified_mains_fault_of_a_transmission_device():
    out = Centre().hear(MAINS_FAULT)
    unit = said(out)["site-1/889"]
    assert unit.online is True
    ((at_ms, sample),) = unit.samples
    assert at_ms == 1_348_624_682_000 + 1  # 2012-09-26T09:58:02, serial 1
    assert {name for name, value in sample.items() if value} == {"mains_lost"}


@pytest.mark.parametrize(
    ("kind", "metric", "device"),
    [
        (11, "gas_alarm", "gas"),
        (17, "fire_alarm", "electrical"),
        (23, "manual_call", "manual_call"),
        (30, "heat_alarm", "heat"),
        (42, "smoke_alarm", "smoke"),
        (51, "smoke_alarm", "smoke"),
        (62, "fire_alarm", "heat"),
        (0, "fire_alarm", "other"),
        (111, "fire_alarm", "actuator"),
    ],
)
def test_the_fire_bit_is_told_by_the_kind_of_component(kind, metric, device):
    out = Centre().hear(status_frame(component(0b10, kind=kind)).raw)
    address = f"site-1/889/1.1.{kind}.3-7"
    assert values(out, address)[metric] == 1
    place = next(place for place, _ in out.others if place.address == address)
    assert GB26875.suggest({}, place, said(out)[address]) == device


@pytest.mark.parametrize(
    ("bit", "metric"),
    [(2, "fault"), (3, "isolated"), (4, "supervisory"), (5, "started"), (6, "feedback"), (7, "delay"), (8, "mains_lost")],
)
def test_each_status_bit_is_a_point_and_the_others_are_zero(bit, metric):
    found = values(Centre().hear(status_frame(component(1 << bit)).raw))
    assert {name for name, value in found.items() if value} == {metric}
    assert "test" not in found  # devices in the field send bit 0 clear together with a fire


def test_several_components_in_one_frame_and_texts_padded_either_way():
    out = Centre().hear(status_frame(component(2, point=1, text="三层走廊"), component(0, point=2, text="三层走廊西")).raw)
    assert [place.name for place, _ in out.others[1:]] == ["三层走廊", "三层走廊西"]
    assert values(out, "site-1/889/1.1.42.3-1")["smoke_alarm"] == 1
    assert values(out, "site-1/889/1.1.42.3-2")["smoke_alarm"] == 0


def analog(quantity: int, value: int, kind: int = 91) -> bytes:
    return bytes([3, 1, 1, 1, kind, 7, 0, 3, 0, quantity]) + value.to_bytes(2, "little", signed=True) + label_of(T)


@pytest.mark.parametrize(
    ("quantity", "wire", "kind", "metric", "value"),
    [
        (2, 350, 92, "level_m", 3.5),
        (3, -105, 30, "temperature", -10.5),
        (3, 655, 18, "cable_temperature", 65.5),
        (4, 7, 91, "pressure_kpa", 700.0),
        (5, 1_005, 91, "pressure_kpa", 100.5),
        (6, 265, 11, "lel", 26.5),
        (8, 2_310, 16, "voltage_v", 231.0),
        (9, 123, 16, "current_a", 12.3),
        (9, 3, 17, "leakage_ma", 300.0),
        (10, 15, 91, "flow_lps", 1.5),
        (12, 4, 111, "air_speed", 4.0),
        (130, 77, 91, "analog_130", 77.0),
    ],
)
def test_analog_values_in_our_units(quantity, wire, kind, metric, value):
    out = Centre().hear(frame(analog(quantity, wire, kind)).raw)
    assert values(out, f"site-1/889/1.1.{kind}.3-7") == {metric: pytest.approx(value)}


def test_system_status_and_its_number():
    body = bytes([1, 1, 1, 2]) + (1 << 1 | 1 << 8 | 1 << 9 | 1 << 11).to_bytes(2, "little") + label_of(T)
    found = values(Centre().hear(frame(body).raw), "site-1/889/1.2")
    assert {name for name, value in found.items() if value} == {"fire_summary", "mains_lost", "backup_fault", "manual_mode"}


def reset_frame(system: tuple[int, int] = (1, 1), flags: int = 1, at_ms: int = T + 60_000) -> bytes:
    return frame(bytes([4, 1, *system, flags, 9]) + label_of(at_ms), serial=3).raw


@pytest.mark.parametrize(
    "payload", [reset_frame(), reset_frame(flags=8), frame(bytes([1, 1, 1, 1]) + (1 << 13).to_bytes(2, "little") + label_of(T)).raw]
)
def test_a_reset_at_the_panel_ends_what_its_components_had_reported(payload):
    centre = Centre()
    centre.hear(status_frame(component(0b10_0110, point=1), component(2, point=2), component(2, point=3, system=(1, 2))).raw)
    out = centre.hear(payload)
    assert values(out, "site-1/889/1.1.42.3-1") == {"smoke_alarm": 0, "started": 0}  # the fault is not ended by a reset
    assert values(out, "site-1/889/1.1.42.3-2") == {"smoke_alarm": 0}
    assert "site-1/889/1.2.42.3-3" not in said(out)  # another panel's
    assert "site-1/889/1.1.42.3-1" not in said(centre.hear(payload))


def test_a_component_that_went_normal_by_itself_is_not_ended_again():
    centre = Centre()
    centre.hear(status_frame(component(2)).raw)
    centre.hear(status_frame(component(0), serial=2).raw)
    assert HEAD not in said(centre.hear(reset_frame()))


def test_the_same_fire_reported_again_notes_nothing_new():
    centre = Centre()
    assert centre.hear(status_frame(component(2)).raw).notes
    assert centre.hear(status_frame(component(2), serial=2).raw).notes == []


def test_two_frames_of_one_second_have_two_times_and_a_frame_sent_twice_has_one():
    centre = Centre()
    times = [said(centre.hear(status_frame(component(2), serial=serial).raw))[HEAD].samples[0][0] for serial in (7, 8, 8)]
    assert times == [T + 7, T + 8, T + 8]


def test_objects_without_a_time_take_the_frames_and_none_at_all_none():
    bare = component(2)[:-6]
    assert said(Centre().hear(frame(bytes([2, 1]) + bare).raw))[HEAD].samples[0][0] == T + 1
    unlabelled = frame(bytes([2, 1]) + bare)
    unlabelled = type(unlabelled)(1, b"\x01\x01", bytes(6), 889, 88888, SEND, unlabelled.body)
    assert said(Centre().hear(unlabelled.raw))[HEAD].samples[0][0] == int(NO_TIME)


def test_a_manual_alarm_and_the_answer_of_the_person_on_duty():
    out = Centre().hear(frame(bytes([24, 2, 0b100, 5]) + label_of(T) + bytes([0b10_0000, 5]) + label_of(T)).raw)
    assert values(out, "site-1/889") == {"manual_call": 1, "duty_answer": 5}


def test_a_heartbeat_is_heard_and_confirmed():
    out = Centre().hear(frame(b"", serial=77).raw)
    assert said(out)["site-1/889"].online is True
    (ask,) = out.asks
    assert (ask.topic, ask.every_ms) == ("gb26875/site-1/down", 0)
    (answer,) = cut(ask.payload).frames
    assert (answer.command, answer.serial, answer.source, answer.target) == (CONFIRM, 77, 88888, 889)


def test_sticky_frames_with_noise_are_all_taken_confirmed_and_the_noise_is_counted():
    out = Centre().hear(b"??" + status_frame(component(2)).raw + b"noise" + MAINS_FAULT)
    assert set(said(out)) == {"site-1/889", HEAD}
    assert out.refusals == ["7 bytes are in no sound frame"]
    assert [answer.command for answer in cut(out.asks[0].payload).frames] == [CONFIRM, CONFIRM]


def test_a_damaged_frame_is_denied_and_so_is_a_command_that_has_no_meaning():
    broken = bytearray(SMOKE_FIRE)
    broken[40] ^= 1
    out = Centre().hear(bytes(broken))
    assert "1 with a wrong checksum" in out.refusals[0]
    assert [answer.command for answer in cut(out.asks[0].payload).frames] == [DENY]
    for strange in (frame(b"\x15\x00", command=REQUEST), frame(b"", command=0), frame(b"", command=200)):
        out = Centre().hear(strange.raw)
        assert [answer.command for answer in cut(out.asks[0].payload).frames] == [DENY]


def test_answers_are_not_answered_and_the_tcp_line_answers_by_itself():
    assert Centre().hear(frame(b"", command=CONFIRM).raw).asks == []
    assert Centre("gb26875/tcp/up").hear(MAINS_FAULT).asks == []


def test_frames_as_hexadecimal_text():
    assert values(Centre().hear(status_frame(component(2)).raw.hex().encode()))["smoke_alarm"] == 1


def test_a_data_unit_that_announces_more_than_it_holds_gives_what_is_there():
    body = bytes([2, 3]) + component(2, point=1) + component(0, point=2)
    out = Centre().hear(frame(body).raw)
    assert {"site-1/889/1.1.42.3-1", "site-1/889/1.1.42.3-2"} <= set(said(out))
    assert "3 objects" in said(out)["site-1/889"].refusals[0]


@pytest.mark.parametrize("kind", [5, 6, 7, 8, 25, 26, 28])
def test_versions_and_configurations_are_taken_without_a_word(kind):
    assert said(Centre().hear(frame(bytes([kind, 1]) + bytes(40)).raw))["site-1/889"].refusals == []


def test_a_type_nobody_knows_is_refused():
    assert "data type 99" in said(Centre().hear(frame(bytes([99, 1, 0])).raw))["site-1/889"].refusals[0]


def test_orders_are_refused_with_the_reason():
    device = Device(id="d", site_id="s", zone_id="z", name="", kind="smoke", codec="gb26875", address=HEAD)
    command = Command(order_id="o", attempt=1, site_id="s", device_id="d", channel="", action=Action.CUT, issued_ms=0, expires_ms=1)
    assert "switches nothing" in GB26875.encode_order(device, command)


def test_decode_shows_every_device_of_a_frame_and_what_would_be_answered():
    (told,) = describe([Message(UP, SMOKE_FIRE, 0, False, 0)])
    assert (told["codec"], told["refusals"]) == ("gb26875", [])
    head = told["others"][1]
    assert head["device"] == "site-1/0/1.3.0.6-217"
    assert {"metric": "fire_alarm", "value": 1.0, "unit": "", "taken_ms": 1_596_280_728_000} in head["readings"]
    assert cut(base64.b64decode(told["asks"][0]["payload_b64"])).frames[0].command == CONFIRM


@pytest.mark.parametrize("payload", [b"", b"@", b"x" * 1_000_000, b"4040zz", b"40" * 40_000, CLOCK_SYNC * 100, b"@@" * 30_000])
def test_hostile_payloads_are_refused(payload):
    out = Centre().hear(payload)
    assert out.refusals or all(decoded.refusals for _, decoded in out.others)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_no_data_unit_makes_it_raise(body):
    centre = Centre()
    centre.hear(frame(body).raw)
    centre.hear(reset_frame())
