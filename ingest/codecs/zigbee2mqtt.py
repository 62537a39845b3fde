"""The Zigbee2MQTT codec: device states, availability and the bridge's inventory in, `{friendly_name}/set` out.

A device's address is `{base}/{friendly_name}`; friendly names may contain slashes. The state published after a `set` is the only
answer there is, so every state that names a switch position is also a reply without an order id. Settings and words are skipped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from ingest.codec import Codec, CodecState, Decoded, Place, Reply, canonical_name, parse_json, suggest_by_metrics
from ingest.timestamps import to_ms
from power.model import Action, Command
from sites.metrics import METRICS
from sites.model import Device
from sites.readings import NO_TIME

MAX_INVENTORY = 4_194_304  # bytes: a thousand devices' definitions with room to spare

# vendor field -> (canonical metric, factor); https://www.zigbee2mqtt.io/guide/usage/exposes.html
FIELDS: dict[str, tuple[str, float]] = {
    "current": ("current_a", 1.0),
    "voltage": ("voltage_v", 1.0),
    "power": ("power_w", 1.0),
    "energy": ("energy_kwh", 1.0),
    "leakage_current": ("leakage_ma", 1.0),
    "temperature": ("temperature", 1.0),
    "humidity": ("humidity", 1.0),
    "pressure": ("pressure_kpa", 0.1),  # hPa
    "smoke": ("smoke_alarm", 1.0),
    "smoke_density_dbm": ("smoke_obscuration", 1.0),
    "gas": ("gas_alarm", 1.0),
    "carbon_monoxide": ("co_alarm", 1.0),
    "co": ("co", 1.0),
    "water_leak": ("water_leak", 1.0),
    "occupancy": ("occupancy", 1.0),
    "presence": ("occupancy", 1.0),
    "tamper": ("tamper", 1.0),
    "battery": ("battery", 1.0),
    "battery_low": ("battery_low", 1.0),
    "test": ("test", 1.0),
    "fault_alarm": ("fault", 1.0),
    "mute": ("muted", 1.0),
    "linkquality": ("signal", 1.0),
}
_SKIPPED = frozenset({"update", "update_available", "last_seen", "color", "color_mode", "device"})
_BY_CHANNEL = frozenset({"current", "voltage", "power", "energy", "leakage_current"})
_PHASES = {"phase_a": "l1", "phase_b": "l2", "phase_c": "l3"}
_ENDPOINT = re.compile(r"(?P<field>[a-z_]+?)_(?P<end>l\d{1,2}|left|right|center|top|bottom|phase_[abc])\Z")
_UNITS = {"LEL": "lel", "%LEL": "lel", "ppm": "gas_ppm"}
_AVAILABLE = {"online": True, "offline": False}
_OUTWARD = {metric: field for field, (metric, factor) in reversed(FIELDS.items()) if factor == 1.0}
_FLAGS = frozenset(metric.name for metric in METRICS.values() if (metric.low, metric.high) == (0.0, 1.0))
_POSITIONS = {"ON": 1, "OFF": 0}


def encode_state(values: Mapping[str, float]) -> bytes:
    """A device's state as Zigbee2MQTT would publish it, from canonical metrics; for simulated devices."""
    document: dict[str, Any] = {}
    for metric, value in values.items():
        base, _, end = metric.partition(".")
        field = _OUTWARD.get(base, base)
        if base == "closed":
            document[f"state_l{end}" if end else "state"] = "ON" if value else "OFF"
        elif base in _FLAGS:
            document[field] = bool(value)
        else:
            document[f"{field}_l{end}" if end else field] = value
    return orjson.dumps(document)


def locate(topic_filter: str, topic: str) -> Place | None:
    base = topic_filter.removesuffix("/#")
    name = topic[len(base) + 1 :]
    if not name or name.endswith(("/set", "/get")):
        return None
    if name.startswith("bridge/"):
        return Place("", name, None, base) if name in ("bridge/devices", "bridge/state") else None
    if name.endswith("/availability"):
        name = name.removesuffix("/availability")
        return Place(f"{base}/{name}", "availability", None, name)
    return Place(f"{base}/{name}", "state", None, name)


def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
    match place.part:
        case "bridge/devices":
            return _inventory(state, place.name, payload)
        case "bridge/state":
            return _bridge_state(state, place.name, payload)
        case "availability":
            online, reason = _online(payload)
            return Decoded(online=online, refusals=[reason] if reason else [])
        case _:
            return _state(_listed(state, place), payload)


def _online(payload: bytes) -> tuple[bool | None, str]:
    """Availability in both shapes: `{"state":"online"}` and the older plain text."""
    word: Any = payload.decode("utf-8", "replace") if len(payload) < 64 else ""
    if word.startswith("{"):
        document, _ = parse_json(payload)
        word = document.get("state") if isinstance(document, dict) else ""
    online = _AVAILABLE.get(word) if isinstance(word, str) else None
    return online, "" if online is not None else "availability is neither online nor offline"


def _bridge_state(state: CodecState, base: str, payload: bytes) -> Decoded:
    online, reason = _online(payload)
    if online is None:
        return Decoded(refusals=[f"bridge: {reason}"])
    key = f"{base} bridge"
    return Decoded(notes=[] if state.get(key) == online else [(key, orjson.dumps(online))])


def _listed(state: CodecState, place: Place) -> dict[str, Any]:
    """What the bridge's inventory says of this device; empty before it was heard."""
    base = place.address[: len(place.address) - len(place.name) - 1]
    listed: dict[str, Any] = state.get(base, {}).get(place.name, {})
    return listed


def _state(listed: dict[str, Any], payload: bytes) -> Decoded:
    document, reason = parse_json(payload)
    if reason or type(document) is not dict:
        return Decoded(refusals=[reason or "a state is a JSON object"])
    out = Decoded()
    taken = int(NO_TIME)
    if document.get("last_seen") is not None:
        seen = to_ms(document["last_seen"])
        if isinstance(seen, str):
            out.refusals.append(f"last_seen: {seen}; arrival time taken")
        else:
            taken = seen
    on_battery = listed.get("power") == "Battery" or ("battery" in document and not document.keys() & {"power", "current", "state"})
    values: dict[str, Any] = {}
    for field, value in document.items():
        if value is None or field in _SKIPPED:
            continue
        _field(field, value, on_battery, listed.get("units", {}), values, out)
    if values:
        out.samples.append((taken, values))
    return out


def _field(field: str, value: Any, on_battery: bool, units: dict[str, str], values: dict[str, Any], out: Decoded) -> None:
    """One vendor field into `values` under its canonical name."""
    if field == "contact":  # true: closed
        values["door_open"] = (not value) if isinstance(value, bool) else value
        return
    if field == "event" and isinstance(value, str):  # TOWSMR1: leakage_trip, over_current_trip, normal, remote_off, ...
        values["trip"] = value.endswith("_trip")
        return
    if field == "voltage" and on_battery:
        values["battery_mv"] = value  # a cell's millivolts are no line voltage
        return
    known = FIELDS.get(field)
    if known is not None:
        values[known[0]] = value * known[1] if known[1] != 1.0 and type(value) in (int, float) else value
        return
    if field in units and units[field] in _UNITS:
        values[_UNITS[units[field]]] = value
        return
    ending = _ENDPOINT.match(field)
    part, suffix = (ending["field"], _suffix(ending["end"])) if ending else (field, "")
    if part == "state" and isinstance(value, str):
        position = _POSITIONS.get(value.upper())
        if position is None:
            if not suffix and value.upper() not in ("OPEN", "CLOSE", "STOP", "LOCK", "UNLOCK"):
                out.refusals.append(f"{field} {value[:20]!r} is neither ON nor OFF")
            return
        values[f"closed.{suffix}" if suffix else "closed"] = position
        out.replies.append(Reply(suffix, None, "done", "closed" if position else "open"))
        return
    if suffix and part in _BY_CHANNEL:
        values[f"{FIELDS[part][0]}.{suffix}"] = value
        return
    if isinstance(value, bool | int | float):
        name = canonical_name(field)
        if name:
            values[name] = value


def _suffix(end: str) -> str:
    """`l2` -> `2`, a phase -> its pole, `left` stays."""
    return _PHASES.get(end) or (end[1:] if end[1:].isdigit() else end)


def _inventory(state: CodecState, base: str, payload: bytes) -> Decoded:
    """`bridge/devices` in short: what provisioning and the voltage rule need, noted only when it changed."""
    document, reason = parse_json(payload, MAX_INVENTORY)
    if reason or type(document) is not list:
        return Decoded(refusals=[reason or "bridge/devices is a list"])
    listed: dict[str, dict[str, Any]] = {}
    for entry in document:
        if not isinstance(entry, dict) or entry.get("type") == "Coordinator" or not isinstance(entry.get("friendly_name"), str):
            continue
        definition = entry.get("definition")
        definition = definition if isinstance(definition, dict) else {}
        units: dict[str, str] = {}
        _exposed(definition.get("exposes"), units, 0)
        listed[entry["friendly_name"]] = {
            "ieee": str(entry.get("ieee_address", ""))[:40],
            "model": str(definition.get("model", ""))[:80],
            "vendor": str(definition.get("vendor", ""))[:80],
            "power": str(entry.get("power_source", ""))[:40],
            "units": units,
        }
    return Decoded(notes=[] if state.get(base) == listed else [(base, orjson.dumps(listed))])


def _exposed(exposes: Any, units: dict[str, str], depth: int) -> None:
    if not isinstance(exposes, list) or depth > 3:
        return
    for entry in exposes:
        if not isinstance(entry, dict):
            continue
        if isinstance(entry.get("property"), str):
            units[entry["property"][:64]] = str(entry.get("unit", ""))[:16]
        _exposed(entry.get("features"), units, depth + 1)


def encode_order(device: Device, command: Command) -> tuple[str, bytes]:
    """An absolute state, never a toggle: harmless when it arrives twice."""
    end = f"l{command.channel}" if command.channel.isdigit() else command.channel
    field = f"state_{end}" if end else "state"
    return f"{device.address}/set", orjson.dumps({field: "OFF" if command.action is Action.CUT else "ON"})


def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
    heard = {metric for _, values in decoded.samples for metric in values}
    told = {FIELDS[field][0] for field in _listed(state, place).get("units", {}) if field in FIELDS}
    return suggest_by_metrics(heard | told)


ZIGBEE2MQTT = Codec(
    name="zigbee2mqtt",
    telemetry_filters=("zigbee2mqtt/#",),
    reply_filters=(),
    locate=locate,
    decode=decode,
    encode_order=encode_order,
    suggest=suggest,
)
