"""The GB/T 26875.3-2011 codec: a transmission device (用户信息传输装置) and the systems and components behind it, from its frames.

Frames come as MQTT payloads on `gb26875/{line}/up` (raw or as hexadecimal text, several stuck together or with noise between) or from
the TCP listener as line `tcp`. Addresses: `{line}/{device}`, `{line}/{device}/{system type}.{number}` and
`{line}/{device}/{system type}.{number}.{component type}.{loop}-{point}`. Status bits become points; a reset at the panel ends what its
components had reported, because most panels report no component's return to normal. Confirmations go to `gb26875/{line}/down`.
The protocol switches nothing: orders are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ingest.codec import Codec, CodecState, Decoded, Place
from ingest.gb26875 import CONFIRM, CONTROL, DENY, MAX_FRAME, REQUEST, RESPONSE, SEND, Frame, cut, ms_of
from ingest.heard import Ask
from power.model import Command
from sites.model import Device
from sites.readings import NO_TIME

MAX_BYTES = 64 * MAX_FRAME
TCP_LINE = "tcp"
_TIME = 6

# bit -> metric (table 5 system, table 7 component, table 15 device); bit 0 (normal/test) is left out: devices in the field send it
# clear together with a fire
_SYSTEM_BITS = {
    1: "fire_summary", 2: "fault", 3: "isolated", 4: "supervisory", 5: "started", 6: "feedback", 7: "delay",
    8: "mains_lost", 9: "backup_fault", 10: "bus_fault", 11: "manual_mode", 12: "config_changed",
}  # fmt: skip
_COMPONENT_BITS = {2: "fault", 3: "isolated", 4: "supervisory", 5: "started", 6: "feedback", 7: "delay", 8: "mains_lost"}
_DEVICE_BITS = {1: "fire_summary", 2: "fault", 3: "mains_lost", 4: "backup_fault", 5: "link_fault", 6: "line_fault"}
_RESET_BIT = 13
_ENDED_BY_RESET = ("supervisory", "started", "feedback", "delay")

# (first, last component type, what its fire bit says, kind of device)
_COMPONENTS: tuple[tuple[int, int, str, str], ...] = (
    (10, 13, "gas_alarm", "gas"),
    (16, 18, "fire_alarm", "electrical"),
    (23, 24, "manual_call", "manual_call"),
    (30, 37, "heat_alarm", "heat"),
    (40, 44, "smoke_alarm", "smoke"),
    (50, 53, "smoke_alarm", "smoke"),
    (74, 74, "gas_alarm", "gas"),
    (82, 82, "fire_alarm", "actuator"),
    (84, 88, "fire_alarm", "actuator"),
    (91, 91, "fire_alarm", "actuator"),
    (92, 92, "fire_alarm", "water"),
    (95, 95, "fire_alarm", "actuator"),
    (96, 99, "fire_alarm", "water"),
    (101, 121, "fire_alarm", "actuator"),
    (25, 25, "fire_alarm", "smoke"),
    (61, 69, "fire_alarm", "heat"),
)
# analog type -> (metric, factor) (table 9)
_ANALOGS: dict[int, tuple[str, float]] = {
    1: ("count", 1.0), 2: ("level_m", 0.01), 3: ("temperature", 0.1), 4: ("pressure_kpa", 100.0), 5: ("pressure_kpa", 0.1),
    6: ("lel", 0.1), 7: ("duration_s", 1.0), 8: ("voltage_v", 0.1), 9: ("current_a", 0.1), 10: ("flow_lps", 0.1),
    11: ("air_volume", 0.1), 12: ("air_speed", 1.0),
}  # fmt: skip
_RESIDUAL_CURRENT, _ELECTRICAL_TEMPERATURE = 17, 18


def locate(topic_filter: str, topic: str) -> Place | None:
    del topic_filter
    return Place("", "frames", None, topic.split("/")[1])


def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
    out = Decoded()
    if len(payload) > MAX_BYTES:
        out.refusals.append(f"payload of {len(payload)} bytes is over the limit of {MAX_BYTES}")
        return out
    if payload[:4] == b"4040":  # some bridges write frames as text
        try:
            payload = bytes.fromhex(payload.decode("ascii"))
        except ValueError:
            out.refusals.append("begins as hexadecimal text and is none")
    parts = cut(payload)
    lost = parts.skipped + len(parts.rest)
    if lost or not parts.frames:
        damaged = f", {len(parts.damaged)} with a wrong checksum" if parts.damaged else ""
        out.refusals.append(f"{lost} bytes are in no sound frame{damaged}")
    answers = [frame.answer(DENY) for frame in parts.damaged]
    units = _Units(state, place.name, out)
    for frame in parts.frames:
        unit = units.said(f"{place.name}/{frame.source}", f"{place.name}/{frame.source}")
        unit.online = True
        why = _command(frame, units, unit)
        if why:
            unit.refusals.append(why)
        answer = answer_to(frame)
        if answer is not None:
            answers.append(frame.answer(answer))
    out.others = units.others()
    if answers and place.name != TCP_LINE:
        out.asks.append(Ask(f"gb26875/{place.name}/down", b"".join(answers)))
    return out


def answer_to(frame: Frame) -> int | None:
    """CONFIRM, DENY or no answer: sent data are confirmed, commands that the centre does not take are denied."""
    if frame.command == SEND:
        return CONFIRM
    if frame.command in (CONFIRM, DENY, RESPONSE):
        return None
    return DENY


class _Units:
    """What one message says of each transmission device, system and component, in the order in which they were spoken of."""

    def __init__(self, state: CodecState, line: str, out: Decoded) -> None:
        self._state = state
        self._line = line
        self._out = out
        self._said: dict[str, tuple[Place, Decoded]] = {}
        self._active: dict[str, dict[str, list[str]]] = {}

    def said(self, address: str, name: str, part: str = "device") -> Decoded:
        known = self._said.get(address)
        if known is None:
            known = self._said[address] = (Place(address, part, None, name), Decoded())
        return known[1]

    def active(self, system: str) -> dict[str, list[str]]:
        """Component -> what it has reported and not ended, of one system; changed in place, noted at the end."""
        if system not in self._active:
            self._active[system] = {name: list(metrics) for name, metrics in (self._state.get(f"active {system}") or {}).items()}
        return self._active[system]

    def others(self) -> list[tuple[Place, Decoded]]:
        for system, active in self._active.items():
            if active != (self._state.get(f"active {system}") or {}):
                self._out.notes.append((f"active {system}", orjson.dumps(active)))
        return list(self._said.values())


def _command(frame: Frame, units: _Units, unit: Decoded) -> str:
    """Take one frame in; returns why not, or nothing."""
    if frame.command in (CONFIRM, DENY) or not frame.body:
        return ""  # answers, and heartbeats
    if frame.command not in (SEND, RESPONSE):
        known = {CONTROL: "control", REQUEST: "request"}.get(frame.command, f"command {frame.command}")
        return f"a {known} frame from a transmission device has no meaning here"
    if len(frame.body) < 2:
        return "a data unit without its number of objects"
    kind, count = frame.body[0], frame.body[1]
    shape = _TYPES.get(kind)
    if shape is None:
        return "" if kind in _WITHOUT_READINGS else f"data type {kind} is not known"
    size, take = shape
    body = frame.body[2:]
    is_timed = len(body) != count * size  # some devices leave each object's time out
    step = size + _TIME if is_timed else size
    sender = f"{units._line}/{frame.source}"
    for start in range(0, min(count * step, len(body) - step + 1), step):
        part = body[start : start + size]
        label = body[start + size : start + step] if is_timed else frame.label
        at_ms = ms_of(label) or ms_of(frame.label)
        # times are whole seconds: the serial number tells two frames of one second apart, and a frame sent twice keeps its time
        take(units, sender, part, int(NO_TIME) if at_ms is None else at_ms + frame.serial % 1_000)
    if len(body) != count * step:
        return f"data type {kind}: {count} objects of {step} bytes are announced, there are {len(body)} bytes"
    return ""


def _bits(bits: Mapping[int, str], word: int) -> dict[str, Any]:
    return {metric: word >> bit & 1 for bit, metric in bits.items()}


def _system_status(units: _Units, sender: str, part: bytes, at_ms: int) -> None:
    """Table 4: system type, number, status."""
    system = f"{sender}/{part[0]}.{part[1]}"
    status = int.from_bytes(part[2:4], "little")
    units.said(system, system, "system").samples.append((at_ms, _bits(_SYSTEM_BITS, status)))
    if status >> _RESET_BIT & 1:
        _reset(units, system, at_ms)


def _component_status(units: _Units, sender: str, part: bytes, at_ms: int) -> None:
    """Table 6: system type and number, component type and address, status, description in GB 18030."""
    kind, address = part[2], _component(sender, part)
    status = int.from_bytes(part[7:9], "little")
    text = part[9:40].decode("gb18030", "replace").strip(" \0\u3000")
    values: dict[str, Any] = {_fire_metric(kind): status >> 1 & 1} | _bits(_COMPONENT_BITS, status)
    units.said(address, text or address, "component").samples.append((at_ms, values))
    reported = [metric for metric, value in values.items() if value and metric not in ("fault", "isolated", "mains_lost")]
    active, name = units.active(f"{sender}/{part[0]}.{part[1]}"), address.rpartition("/")[2]
    if reported:
        active[name] = reported
    else:
        active.pop(name, None)


def _analog(units: _Units, sender: str, part: bytes, at_ms: int) -> None:
    """Table 8: as a component's, then the type of quantity and its value."""
    kind, quantity = part[2], part[7]
    address = _component(sender, part)
    value = int.from_bytes(part[8:10], "little", signed=True)
    metric, factor = _ANALOGS.get(quantity, (f"analog_{quantity}", 1.0))
    if kind == _RESIDUAL_CURRENT and metric == "current_a":
        metric, factor = "leakage_ma", 100.0
    elif kind == _ELECTRICAL_TEMPERATURE and metric == "temperature":
        metric = "cable_temperature"
    units.said(address, address, "component").samples.append((at_ms, {metric: round(value * factor, 6)}))


def _system_operation(units: _Units, sender: str, part: bytes, at_ms: int) -> None:
    """Table 10: system type, number, what was operated, by whom."""
    system = f"{sender}/{part[0]}.{part[1]}"
    _operation(units.said(system, system, "system"), part[2], at_ms)
    if part[2] & 0b1001:  # reset, alarm ended
        _reset(units, system, at_ms)


def _device_status(units: _Units, sender: str, part: bytes, at_ms: int) -> None:
    units.said(sender, sender).samples.append((at_ms, _bits(_DEVICE_BITS, part[0])))


def _device_operation(units: _Units, sender: str, part: bytes, at_ms: int) -> None:
    said = units.said(sender, sender)
    _operation(said, part[0], at_ms)
    if part[0] >> 5 & 1:  # the question to the person on duty (查岗) is answered: by whom
        said.samples.append((at_ms, {"duty_answer": part[1]}))


def _operation(said: Decoded, flags: int, at_ms: int) -> None:
    """A person raised the alarm by hand, or ended it."""
    if flags >> 2 & 1:
        said.samples.append((at_ms, {"manual_call": 1}))
    elif flags & 0b1001:
        said.samples.append((at_ms, {"manual_call": 0}))


def _reset(units: _Units, system: str, at_ms: int) -> None:
    """What the system's components had reported is over; what is still there the panel reports again."""
    unit = system.rpartition("/")[0]
    active = units.active(system)
    for name, metrics in active.items():
        address = f"{unit}/{name}"
        units.said(address, address, "component").samples.append((at_ms, dict.fromkeys(metrics, 0)))
    active.clear()


def _component(sender: str, part: bytes) -> str:
    """System type.number.component type.loop-point: the 32-bit address as its two halves, as panels print it."""
    point, loop = int.from_bytes(part[3:5], "little"), int.from_bytes(part[5:7], "little")
    return f"{sender}/{part[0]}.{part[1]}.{part[2]}.{loop}-{point}"


def _fire_metric(kind: int) -> str:
    return next((metric for first, last, metric, _ in _COMPONENTS if first <= kind <= last), "fire_alarm")


_Take = Callable[[_Units, str, bytes, int], None]
# data type -> (bytes of an object without its time, what takes it)
_TYPES: dict[int, tuple[int, _Take]] = {
    1: (4, _system_status),
    2: (40, _component_status),
    3: (10, _analog),
    4: (4, _system_operation),
    21: (1, _device_status),
    24: (2, _device_operation),
}
_WITHOUT_READINGS = frozenset({5, 6, 7, 8, 25, 26, 28})  # versions, configurations, times


def encode_order(device: Device, command: Command) -> tuple[str, bytes] | str:
    return f"{device.address} is heard over GB/T 26875.3, which switches nothing: cut through a breaker of its own"


def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
    words = place.address.split("/")[-1].split(".")
    if len(words) < 2:
        return "gateway"
    if len(words) < 4:
        return "other"
    kind = int(words[2])
    return next((told for first, last, _, told in _COMPONENTS if first <= kind <= last), "other")


GB26875 = Codec(
    name="gb26875",
    telemetry_filters=("gb26875/+/up",),
    reply_filters=(),
    locate=locate,
    decode=decode,
    encode_order=encode_order,
    suggest=suggest,
)
