"""The Tasmota codec: `tele/{topic}/SENSOR|STATE|LWT` and `stat/{topic}/RESULT|POWERn|STATUSn` in, `cmnd/{topic}/POWERn` out.

A device's address is its `%topic%`; of another FullTopic it is that, with the word `%prefix%` in its place. Orders are ON or OFF, one
relay each: never TOGGLE, never Backlog, which queues. With SetOption21 off the firmware writes zeros for a meter that it does not read
while all relays are off; such zeros are measured by nobody and are not taken, or every cut would count as proved.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from ingest.codec import Codec, CodecState, Decoded, Place, Reply, canonical_name, parse_json, suggest_by_metrics
from ingest.timestamps import to_ms
from power.model import Action, Command
from sites.metrics import METRICS, base_metric
from sites.model import Device
from sites.readings import NO_TIME

MAX_SENSORS = 64  # objects in one SENSOR message that are looked into
UNMEASURED = "ENERGY reads zero: with SetOption21 0 that is written, not measured; set SetOption21 1"

_POWER = re.compile(r"POWER(\d{0,2})\Z")
_SWITCH = re.compile(r"Switch(\d{1,2})\Z")
_INDEXED = re.compile(r"[-_]([0-9A-Fa-f]{1,16})\Z")  # DS18B20-1, BMP280-76, DS18B20-3C01F0968E
_POSITIONS = {"ON": 1, "OFF": 0}
_ONLINE = {b"Online": True, b"Offline": False}

# https://tasmota.github.io/docs/JSON-Status-Responses/ : ENERGY field -> metric
ENERGY = {
    "Total": "energy_kwh",
    "Power": "power_w",
    "Voltage": "voltage_v",
    "Current": "current_a",
    "ApparentPower": "apparent_power_va",
    "ReactivePower": "reactive_power_var",
    "Factor": "power_factor",
    "Frequency": "frequency_hz",
}
_INSTANT = frozenset({"Power", "Voltage", "Current", "ApparentPower", "ReactivePower", "Factor", "Frequency"})
SENSOR = {
    "Temperature": "temperature",
    "Humidity": "humidity",
    "Pressure": "pressure_kpa",
    "Voltage": "voltage_v",
    "Current": "current_a",
    "Power": "power_w",
    "Energy": "energy_kwh",
    "CarbonMonoxide": "co",
    "CarbonDioxide": "co2",
    "Battery": "battery",
}
_PRESSURES = {"hPa": 0.1, "mbar": 0.1, "mmHg": 0.1333224, "inHg": 3.386389}  # to kPa


def locate(topic_filter: str, topic: str) -> Place | None:
    """The prefix is where the filter has it; commands (`cmnd`) are ours or another's and lead nowhere."""
    words = topic.split("/")
    part = words[-1]
    at = next((i for i, word in enumerate(words[:-1]) if word in ("tele", "stat")), None)
    if at is None or len(words) < 3:
        return None
    if part not in _PARTS and not (words[at] == "stat" and _POWER.match(part)):
        return None
    rest = words[1:-1] if at == 0 else [*words[:at], "%prefix%", *words[at + 1 : -1]]
    named = [word for word in rest if word != "%prefix%"]
    return Place("/".join(rest), part, None, named[-1])


def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
    if place.part == "LWT":
        online = _ONLINE.get(payload)
        return Decoded(online=online, refusals=[] if online is not None else ["LWT is neither Online nor Offline"])
    if place.part.startswith("POWER"):
        out = Decoded()
        _powers({place.part: payload.decode("utf-8", "replace")}, out)
        return out
    document, reason = parse_json(payload)
    if reason or type(document) is not dict:
        return Decoded(refusals=[reason or f"{place.part} is a JSON object"])
    inner = _PARTS[place.part]
    if inner:
        document = document.get(inner)
        if type(document) is not dict:
            return Decoded()
    remembered = state.get(place.address)
    return _document(place, document, remembered if isinstance(remembered, dict) else {})


_PARTS = {"SENSOR": "", "STATE": "", "RESULT": "", "LWT": "", "STATUS8": "StatusSNS", "STATUS10": "StatusSNS", "STATUS11": "StatusSTS"}


def _document(place: Place, document: dict[str, Any], known: dict[str, Any]) -> Decoded:
    """A SENSOR, STATE or RESULT object. `known` is what is remembered of the device: which sensor has which plain metric, and whether
    SetOption21 is on."""
    out = Decoded()
    owners = dict(known.get("owners", {}))
    always = known.get("always", False)
    if document.get("SetOption21") in ("ON", "OFF"):
        always = document["SetOption21"] == "ON"
    values = _powers(document, out, emit=False)
    pressure = _PRESSURES.get(document.get("PressureUnit", "hPa")) if isinstance(document.get("PressureUnit", "hPa"), str) else None
    fahrenheit = document.get("TempUnit") == "F"
    for name, entry in list(document.items())[:MAX_SENSORS]:
        switch = _SWITCH.match(name)
        if switch and isinstance(entry, str) and entry in _POSITIONS:
            values[f"input.{switch[1]}"] = _POSITIONS[entry]
        if type(entry) is not dict:
            continue
        if name == "ENERGY":
            _energy(entry, bool(always), values, out)
        elif name == "ESP32":
            values["chip_temperature"] = _celsius(entry.get("Temperature"), fahrenheit)
        elif name == "Wifi":
            if isinstance(entry.get("RSSI"), int | float):
                values["signal"] = entry["RSSI"]
        elif place.part != "RESULT":
            _sensor(name, entry, owners, pressure, fahrenheit, values)
    values = {metric: value for metric, value in values.items() if value is not None}
    if values:
        out.samples.append((_taken(document), values))
    now_known = {"owners": owners, "always": always}
    if now_known != {"owners": known.get("owners", {}), "always": known.get("always", False)}:
        out.notes.append((place.address, orjson.dumps(now_known)))
    return out


def _taken(document: dict[str, Any]) -> int:
    """The device's time where it names a moment: with an offset (SetOption52 1) or as an epoch. Local time without zone is no time."""
    for field in ("Epoch", "Time"):
        told = document.get(field)
        if told is not None:
            taken = to_ms(told)
            if isinstance(taken, int):
                return taken
    return int(NO_TIME)


def _powers(document: dict[str, Any], out: Decoded, emit: bool = True) -> dict[str, Any]:
    """Relay positions, each also the only reply that the device gives. POWER is the circuit without a channel, POWER2 channel 2."""
    values: dict[str, Any] = {}
    for name, word in document.items():
        relay = _POWER.match(name)
        if relay is None:
            continue
        position = _POSITIONS.get(word.upper()) if isinstance(word, str) else None
        if position is None:
            out.refusals.append(f"{name} {str(word)[:20]!r} is neither ON nor OFF (StateText must be the shipped one)")
            continue
        values[f"closed.{relay[1]}" if relay[1] else "closed"] = position
        out.replies.append(Reply(relay[1], None, "done", "closed" if position else "open"))
    if emit and values:
        out.samples.append((int(NO_TIME), values))
    return values


def _energy(entry: dict[str, Any], always: bool, values: dict[str, Any], out: Decoded) -> None:
    """ENERGY: a scalar, or a list by channel or phase, which becomes `.1`, `.2`, `.3`."""
    told_of = [entry[field] for field in ("Voltage", "Current", "Power") if entry.get(field) is not None]
    is_written = not always and bool(told_of) and all(_is_zero(told) for told in (told_of[:1] if "Voltage" in entry else told_of))
    if is_written:
        out.refusals.append(UNMEASURED)
    for field, metric in ENERGY.items():
        told = entry.get(field)
        if told is None or (is_written and field in _INSTANT):
            continue
        if isinstance(told, list):
            values.update({f"{metric}.{i}": value for i, value in enumerate(told[:16], 1) if value is not None})
        else:
            values[metric] = told


def _is_zero(told: Any) -> bool:
    """Nothing but zeros: what the firmware writes for a meter that it does not read."""
    return not any(told) if isinstance(told, list) else not told


def _sensor(
    sensor: str, entry: dict[str, Any], owners: dict[str, str], pressure: float | None, fahrenheit: bool, values: dict[str, Any]
) -> None:
    """One sensor's object. Which of several of one kind has the plain metric is remembered, so that a sensor that fails, and is then left
    out of the message, never gives its name to another."""
    indexed = _INDEXED.search(sensor)
    own = canonical_name(sensor.replace("-", "_"))
    for field, value in entry.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue  # Id, text, and null of a sensor that cannot be read
        metric = SENSOR.get(field)
        if metric is None:
            metric = canonical_name(field)
            if metric is None or base_metric(metric) in METRICS:
                continue  # a vendor's word that only looks like ours: BME680's Gas is a resistance
        if metric == "temperature":
            value = _celsius(value, fahrenheit)
        elif metric == "pressure_kpa":
            if pressure is None:
                continue
            value = value * pressure
        for name in (f"{metric}.{indexed[1].lower()}" if indexed else metric, f"{metric}.{own}"):
            if owners.setdefault(name, sensor) == sensor:
                values[name] = value
                break


def _celsius(value: Any, fahrenheit: bool) -> Any:
    return round((value - 32) / 1.8, 3) if fahrenheit and type(value) in (int, float) else value


def encode_order(device: Device, command: Command) -> tuple[str, bytes] | str:
    """One relay to ON or OFF."""
    if command.channel and not (command.channel.isascii() and command.channel.isdigit() and 1 <= int(command.channel) <= 32):
        return f"Tasmota's relays are 1 to 32, not {command.channel!r}"
    topic = device.address.replace("%prefix%", "cmnd") if "%prefix%" in device.address.split("/") else f"cmnd/{device.address}"
    return f"{topic}/POWER{command.channel}", b"OFF" if command.action is Action.CUT else b"ON"


def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
    return suggest_by_metrics({metric for _, values in decoded.samples for metric in values})


TASMOTA = Codec(
    name="tasmota",
    telemetry_filters=("tele/+/SENSOR", "tele/+/STATE"),
    reply_filters=("tele/+/LWT", "stat/+/+"),
    locate=locate,
    decode=decode,
    encode_order=encode_order,
    suggest=suggest,
)
