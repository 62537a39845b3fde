"""The Shelly Gen1 codec: one plain value a topic under `shellies/{id}/` in, `relay/{n}/command` out.

A device's address is its id as the topic has it (`shellyem3-A4CF12F4D1C6`). Relay 0 is the circuit without a channel, relay 1 channel `1`;
a gas valve is channel `valve`, and its `closed` point is 1 while gas can flow. The relay's own topic is reply and position in one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ingest.codec import Codec, CodecState, Decoded, Place, Reply, parse_json, suggest_by_metrics
from power.model import Action, Command
from sites.model import Device
from sites.readings import NO_TIME

VALVE = "valve"
MAX_RELAY = 9
_PHASES = ("l1", "l2", "l3")
_ONLINE = {b"true": True, b"false": False}
_RELAY = {"on": 1, "off": 0, "overpower": 0}
_VALVE = {"opened": 1, "closed": 0}
_VALVE_UNDERWAY = frozenset({"opening", "closing", "checking", "not_connected", "unknown"})

# https://shelly-api-docs.shelly.cloud/gen1/ : topic after the device's id, its number taken out -> (metric, factor)
_RELAY_FIELDS = {"power": ("power_w", 1.0), "energy": ("energy_kwh", 1 / 60_000)}  # watt-minutes
_EMETER = {
    "power": ("power_w", 1.0),
    "voltage": ("voltage_v", 1.0),
    "current": ("current_a", 1.0),
    "pf": ("power_factor", 1.0),
    "reactive_power": ("reactive_power_var", 1.0),
    "total": ("energy_kwh", 0.001),  # watt-hours
    "total_returned": ("energy_returned_kwh", 0.001),
}
_DEVICE = {"temperature": ("temperature", 1.0), "voltage": ("voltage_v", 1.0), "overtemperature": ("overtemperature", 1.0)}
_SENSOR = {
    "temperature": ("temperature", 1.0),
    "humidity": ("humidity", 1.0),
    "battery": ("battery", 1.0),
    "concentration": ("gas_ppm", 1.0),
    "lux": ("illuminance_lx", 1.0),
    "tilt": ("tilt_deg", 1.0),
    "vibration": ("vibration", 1.0),
}
_FLAGS = {"smoke": "smoke_alarm", "flood": "water_leak", "motion": "occupancy", "charger": "charger"}
_WORDS: dict[str, dict[str, dict[str, float]]] = {  # sensor topic -> word -> readings; a word with none tells nothing
    "gas": {
        "none": {"gas_alarm": 0, "gas_level": 0, "test": 0},
        "mild": {"gas_alarm": 1, "gas_level": 1, "test": 0},
        "heavy": {"gas_alarm": 1, "gas_level": 2, "test": 0},
        "test": {"test": 1},
        "unknown": {},
    },
    "operation": {
        "normal": {"fault": 0, "warming_up": 0},
        "warmup": {"fault": 0, "warming_up": 1},
        "fault": {"fault": 1, "warming_up": 0},
        "unknown": {},
    },
    "self_test": {"running": {"test": 1}, "completed": {"test": 0}, "not_completed": {"test": 0}, "pending": {}, "unknown": {}},
    "state": {"open": {"door_open": 1}, "close": {"door_open": 0}, "unknown": {}},
    "ext_power": {"true": {"mains_lost": 0}, "false": {"mains_lost": 1}},
}
_MODELS = (("smoke", "smoke"), ("gas", "gas"), ("flood", "water"), ("em", "electrical"), ("plug", "switch"), ("switch", "switch"))


def locate(topic_filter: str, topic: str) -> Place | None:
    base = topic_filter.partition("/+")[0]
    address, slash, part = topic[len(base) + 1 :].partition("/")
    if not address or not slash or part.endswith("command") or not any(part == a or part.startswith(a) for a in _TAKEN):
        return None
    return Place(address, part, None, address)


def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
    if place.part == "online":
        online = _ONLINE.get(payload)
        return Decoded(online=online, refusals=[] if online is not None else ["online is neither true nor false"])
    if place.part == "status":
        return _motion(payload)
    text = payload[:200].decode("utf-8", "replace").strip()
    area, _, rest = place.part.partition("/")
    return _AREAS[area](place, rest, text)


def _relay(place: Place, rest: str, text: str) -> Decoded:
    number, _, field = rest.partition("/")
    channel = _channel(number)
    if channel is None:
        return Decoded()
    if field:
        known = _RELAY_FIELDS.get(field)
        return _number(_named(known[0], channel), text, known[1]) if known else Decoded()
    position = _RELAY.get(text)
    if position is None:
        return Decoded(refusals=[f"relay {number} {text[:20]!r} is none of on, off, overpower"])
    values = {_named("closed", channel): position}
    if text != "off":  # off tells nothing of the trip before it; switched on again it is over
        values[_named("trip", channel)] = int(text == "overpower")
    return _told(values, Reply(channel, None, "done", "closed" if position else "open"))


def _emeter(place: Place, rest: str, text: str) -> Decoded:
    """Channels of a Shelly EM, phases of a 3EM."""
    number, _, field = rest.partition("/")
    channel, known = _channel(number), _EMETER.get(field)
    if channel is None or known is None:
        return Decoded()
    if place.address.startswith("shellyem3") and int(number) < 3:
        channel = _PHASES[int(number)]
    return _number(_named(known[0], channel), text, known[1])


def _sensor(place: Place, rest: str, text: str) -> Decoded:
    words = _WORDS.get(rest)
    if words is not None:
        values = words.get(text)
        if values is None:
            return Decoded(refusals=[f"{rest} {text[:20]!r} is none of {', '.join(words)}"])
        return _told(dict(values))
    if rest in _FLAGS:
        flag = {"true": 1, "false": 0, "1": 1, "0": 0}.get(text)
        return Decoded(refusals=[f"{rest} {text[:20]!r} is neither true nor false"]) if flag is None else _told({_FLAGS[rest]: flag})
    known = _SENSOR.get(rest)
    return _number(known[0], text, known[1]) if known else Decoded()


def _valve(place: Place, rest: str, text: str) -> Decoded:
    if text == "failure":
        return _told({"fault": 1})
    position = _VALVE.get(text)
    if position is None:
        return Decoded(refusals=[] if text in _VALVE_UNDERWAY else [f"valve {text[:20]!r} is neither opened nor closed"])
    return _told({f"closed.{VALVE}": position}, Reply(VALVE, None, "done", "closed" if position else "open"))


def _input(place: Place, rest: str, text: str) -> Decoded:
    return _number(f"input.{rest}", text, 1.0) if rest.isdigit() else Decoded()


def _device(place: Place, rest: str, text: str) -> Decoded:
    metric, factor = _DEVICE[place.part]
    return _number(metric, text, factor)


def _extra(metric: str) -> Callable[[Place, str, str], Decoded]:
    return lambda _place, rest, text: _number(f"{metric}.ext{rest}", text, 1.0) if rest.isdigit() else Decoded()


_AREAS: dict[str, Callable[[Place, str, str], Decoded]] = {
    "relay": _relay,
    "emeter": _emeter,
    "sensor": _sensor,
    "valve": _valve,
    "input": _input,
    "ext_temperature": _extra("temperature"),
    "ext_humidity": _extra("humidity"),
    **dict.fromkeys(_DEVICE, _device),
}
_TAKEN = ("online", "status", *_DEVICE, "relay/", "emeter/", "sensor/", "valve/0/state", "input/", "ext_temperature/", "ext_humidity/")


def _motion(payload: bytes) -> Decoded:
    """Shelly Motion puts all into one object."""
    document, reason = parse_json(payload)
    if reason or type(document) is not dict:
        return Decoded(refusals=[reason or "status is a JSON object"])
    names = {"motion": "occupancy", "vibration": "vibration", "lux": "illuminance_lx", "bat": "battery"}
    values = {metric: document[field] for field, metric in names.items() if isinstance(document.get(field), int | float)}
    return _told(values)


def _channel(number: str) -> str | None:
    if not (len(number) == 1 and number.isascii() and number.isdigit()):
        return None
    return "" if number == "0" else number


def _named(metric: str, channel: str) -> str:
    return f"{metric}.{channel}" if channel else metric


def _number(metric: str, text: str, factor: float) -> Decoded:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or len(text) > 40:
        return Decoded(refusals=[f"{metric} {text[:20]!r} is not a number"])
    return _told({metric: value * factor if factor != 1.0 else value})


def _told(values: dict[str, Any], *replies: Reply) -> Decoded:
    return Decoded(samples=[(int(NO_TIME), values)] if values else [], replies=list(replies))


def encode_order(device: Device, command: Command) -> tuple[str, bytes] | str:
    """`on` or `off`: no `toggle`, and no timer, which would revert it."""
    is_cut = command.action is Action.CUT
    if command.channel == VALVE:
        return f"shellies/{device.address}/valve/0/command", b"close" if is_cut else b"open"
    if command.channel and (_channel(command.channel) is None or command.channel == "0"):
        return f"a Gen1 relay is '' (relay 0), 1 to {MAX_RELAY}, or {VALVE}, not {command.channel!r}"
    return f"shellies/{device.address}/relay/{command.channel or '0'}/command", b"off" if is_cut else b"on"


def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
    """What it measures, or what the id says it is."""
    kind = suggest_by_metrics({metric for _, values in decoded.samples for metric in values})
    if kind not in ("other", "electrical"):
        return kind
    return next((told for word, told in _MODELS if place.address.startswith(f"shelly{word}")), kind)


SHELLY_GEN1 = Codec(
    name="shelly_gen1",
    telemetry_filters=(
        "shellies/+/relay/+/+",
        "shellies/+/emeter/+/+",
        "shellies/+/sensor/+",
        "shellies/+/temperature",
        "shellies/+/overtemperature",
        "shellies/+/voltage",
        "shellies/+/status",
        "shellies/+/input/+",
        "shellies/+/ext_temperature/+",
        "shellies/+/ext_humidity/+",
    ),
    reply_filters=("shellies/+/online", "shellies/+/relay/+", "shellies/+/valve/+/state"),
    locate=locate,
    decode=decode,
    encode_order=encode_order,
    suggest=suggest,
)
