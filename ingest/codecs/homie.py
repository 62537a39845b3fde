"""The Homie codec, conventions 4 and 5: retained property values, `$state`, and what a device announces of itself in; `/set` out.

A device's address is `homie/{device}` (4) or `homie/5/{device}`. A property's metric carries its node as suffix (`power_w.relay_1`); a
node's switch is its settable boolean, its channel the node's id with `_` for `-`. Version 5's `$target` is the confirmation, the value
itself the position. Booleans are exactly `true` and `false`. What was announced is remembered: without it nothing can be ordered.
"""

from __future__ import annotations

import math
from typing import Any

import orjson

from ingest.codec import Codec, CodecState, Decoded, Place, Reply, parse_json, suggest_by_metrics
from ingest.words import POSITIONS, metric_of
from power.model import Action, Command
from sites.metrics import METRICS, base_metric
from sites.model import Device
from sites.readings import NO_TIME

MAX_NODES = 64
MAX_PROPERTIES = 256  # of all nodes of a device: each change is journalled whole
_STATES = {"ready": True, "sleeping": True, "alert": True, "init": None, "disconnected": False, "lost": False}
_PLAIN = frozenset({"value", "measurement", "reading", "level"})  # property ids that only their node names
_ATTRIBUTES = frozenset({"$datatype", "$settable", "$unit"})
_UNITS = {  # (metric, unit as announced) -> factor to ours
    ("power_w", "kW"): 1000.0,
    ("energy_kwh", "Wh"): 0.001,
    ("current_a", "mA"): 0.001,
    ("leakage_ma", "A"): 1000.0,
    ("voltage_v", "mV"): 0.001,
    ("voltage_v", "kV"): 1000.0,
}
_PRESSURES = {"Pa": 0.001, "hPa": 0.1, "mbar": 0.1, "kPa": 1.0, "bar": 100.0, "psi": 6.894757}


def locate(topic_filter: str, topic: str) -> Place | None:
    """`part` is one of state, description, name, nodes, properties N, attribute N P A, value N P, target N P."""
    base = topic_filter.partition("/+")[0].removesuffix("/5")
    words = topic[len(base) + 1 :].split("/")
    is_five = words[0] == "5" and len(words) > 2
    if is_five:
        words = words[1:]
    if len(words) < 2 or words[0].startswith("$") or " " in topic:
        return None
    part = _part(words[1:], is_five)
    return Place(f"{base}/5/{words[0]}" if is_five else f"{base}/{words[0]}", part, None, words[0]) if part else None


def _part(words: list[str], is_five: bool) -> str:
    """What these topic levels after the device are; empty for what is not for us (`set`, logs, alerts, statistics)."""
    match words:
        case ["$state"]:
            return "state"
        case ["$description"] if is_five:
            return "description"
        case ["$name" | "$nodes" as attribute] if not is_five:
            return attribute[1:]
        case [node, "$properties"] if not is_five and not node.startswith("$"):
            return f"properties {node}"
        case [node, prop] if not node.startswith("$") and not prop.startswith("$"):
            return f"value {node} {prop}"
        case [node, prop, "$target"] if is_five and not node.startswith("$"):
            return f"target {node} {prop}"
        case [node, prop, attribute] if not is_five and attribute in _ATTRIBUTES and not node.startswith("$"):
            return f"attribute {node} {prop} {attribute}"
    return ""


def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
    known = state.get(place.address)
    known = known if isinstance(known, dict) else {}
    part, *rest = place.part.split(" ")
    if part == "description":
        return _description(place, known, payload)
    text = payload[:4096].decode("utf-8", "replace")
    if part == "state":
        return _state(state, place, text)
    if part == "value":
        return _value(known, rest[0], rest[1], text)
    if part == "target":
        return _target(known, rest[0], rest[1], text)
    return _announced(place, known, part, rest, text)


# -- what a device announces --------------------------------------------------------------------------------------------


def _description(place: Place, known: dict[str, Any], payload: bytes) -> Decoded:
    """Version 5: all in one document, kept in short."""
    if not payload:
        return Decoded()  # removed
    document, reason = parse_json(payload)
    if reason or type(document) is not dict:
        return Decoded(refusals=[reason or "$description is a JSON object"])
    nodes: dict[str, dict[str, Any]] = {}
    told, left = document.get("nodes"), MAX_PROPERTIES
    for node, entry in list(told.items())[:MAX_NODES] if isinstance(told, dict) else ():
        properties = entry.get("properties") if isinstance(entry, dict) else None
        if isinstance(properties, dict):
            nodes[node] = {prop: _property(said) for prop, said in list(properties.items())[:left] if isinstance(said, dict)}
            left -= len(nodes[node])
    short = {"name": str(document.get("name") or "")[:200], "root": str(document.get("root") or "")[:200], "nodes": nodes}
    return Decoded(notes=[] if short == known else [(place.address, orjson.dumps(short))])


def _property(said: dict[str, Any]) -> dict[str, Any]:
    return {
        "datatype": str(said.get("datatype", ""))[:16],
        "settable": said.get("settable") is True,
        "unit": str(said.get("unit") or "")[:16],
    }


def _announced(place: Place, known: dict[str, Any], part: str, rest: list[str], text: str) -> Decoded:
    """Version 4: one attribute a topic. `$nodes` and `$properties` list what there is; what they leave out is gone."""
    name, nodes = str(known.get("name", "")), {node: dict(properties) for node, properties in known.get("nodes", {}).items()}
    listed = [word for word in text.split(",") if word]
    if part == "name":
        name = text[:200]
    elif part == "nodes":
        listed = [word.removesuffix("[]") for word in listed[:MAX_NODES]]
        nodes = {node: nodes.get(node, {}) for node in listed}
    elif part == "properties":
        nodes[rest[0]] = {prop: nodes.get(rest[0], {}).get(prop, _property({})) for prop in listed[:MAX_PROPERTIES]}
    else:
        node, prop, attribute = rest
        entry = dict(nodes.setdefault(node, {}).get(prop, _property({})))
        entry[attribute[1:]] = text == "true" if attribute == "$settable" else text[:16]
        nodes[node][prop] = entry
    if len(nodes) > MAX_NODES or sum(len(properties) for properties in nodes.values()) > MAX_PROPERTIES:
        return Decoded(refusals=[f"more than {MAX_NODES} nodes or {MAX_PROPERTIES} properties"])
    short = {"name": name, "root": "", "nodes": nodes}
    return Decoded(notes=[] if short == known else [(place.address, orjson.dumps(short))])


def _state(state: CodecState, place: Place, text: str) -> Decoded:
    """`lost` is the last will. A root that is lost or gone takes its children with it (convention 5)."""
    if text not in _STATES:
        return Decoded(refusals=[] if not text else [f"$state {text[:20]!r} is none of {', '.join(_STATES)}"])
    out = Decoded(online=_STATES[text])
    if out.online is False:
        root = place.name
        base = place.address.rpartition("/")[0]
        for address, said in state.items():
            if isinstance(said, dict) and said.get("root") == root and address != place.address and address.rpartition("/")[0] == base:
                out.others.append((Place(address, "state", None, address.rpartition("/")[2]), Decoded(online=False)))
    return out


# -- values -------------------------------------------------------------------------------------------------------------


def _switch_of(properties: dict[str, Any]) -> str | None:
    """The property that switches this node: its settable boolean, by a usual name if there are several."""
    settable = [prop for prop, said in properties.items() if said.get("settable") and said.get("datatype") == "boolean"]
    named = [prop for prop in settable if prop in POSITIONS]
    return (named or settable)[0] if len(named) == 1 or len(settable) == 1 else None


def _channel(node: str) -> str:
    return node.replace("-", "_")


def _value(known: dict[str, Any], node: str, prop: str, text: str) -> Decoded:
    properties = known.get("nodes", {}).get(node, {})
    said = properties.get(prop, {})
    datatype = said.get("datatype", "")
    if text == "" and datatype != "string":
        return Decoded()  # removed
    if text in ("true", "false"):
        value: float = text == "true"
    elif datatype == "boolean":
        return Decoded(refusals=[f"{node}/{prop} {text[:20]!r} is neither true nor false"])
    else:
        number = _number(text)
        if number is None:
            is_numeric = datatype in ("integer", "float")
            return Decoded(refusals=[f"{node}/{prop} {text[:20]!r} is not a number"] if is_numeric else [])
        value = number
    channel = _channel(node)
    if prop == _switch_of(properties) or (not properties and prop in POSITIONS and isinstance(value, bool)):
        reply = Reply(channel, None, "done", "closed" if value else "open")
        return Decoded(samples=[(int(NO_TIME), {f"closed.{channel}": value})], replies=[reply])
    metric = metric_of(node if prop in _PLAIN else prop)
    if metric is None:
        return Decoded(refusals=[f"{prop[:64]!r} cannot be a metric's name"])
    metric, value = _in_our_unit(metric.replace(".", "_"), value, said.get("unit", ""))
    if isinstance(value, bool) and base_metric(metric) in METRICS and METRICS[metric].high != 1.0:
        return Decoded()  # `power` as a boolean that nobody may set is no wattage
    return Decoded(samples=[(int(NO_TIME), {metric if prop in _PLAIN else f"{metric}.{channel}": value})])


def _number(text: str) -> float | None:
    try:
        value = float(text) if len(text) <= 40 and "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _in_our_unit(metric: str, value: float, unit: str) -> tuple[str, float]:
    if isinstance(value, bool):
        return metric, value
    if metric == "temperature" and unit in ("°F", "F"):
        return metric, round((value - 32) / 1.8, 3)
    if metric == "pressure" and unit in _PRESSURES:
        return "pressure_kpa", value * _PRESSURES[unit]
    if metric in ("gas", "gas_alarm", "concentration") and unit in ("%LEL", "LEL", "ppm"):
        return ("gas_ppm" if unit == "ppm" else "lel"), value
    return metric, value * _UNITS.get((metric, unit), 1.0)


def _target(known: dict[str, Any], node: str, prop: str, text: str) -> Decoded:
    """The device has accepted what it was set to; whether it got there says the value."""
    properties = known.get("nodes", {}).get(node, {})
    if prop != (_switch_of(properties) if properties else prop) or text not in ("true", "false"):
        return Decoded()
    return Decoded(replies=[Reply(_channel(node), None, "done", "closed" if text == "true" else "open")])


# -- orders -------------------------------------------------------------------------------------------------------------


def encode_known(state: CodecState, device: Device, command: Command) -> tuple[str, bytes] | str:
    """`true` or `false` to the node's switch; the convention has controllers set it once and wait for the value."""
    known = state.get(device.address)
    nodes = known.get("nodes", {}) if isinstance(known, dict) else {}
    switches = {_channel(node): (node, prop) for node, properties in nodes.items() if (prop := _switch_of(properties))}
    found = switches.get(command.channel)
    if found is None:
        return f"{device.address} announces no switch {command.channel!r}; it has {', '.join(sorted(switches)) or 'none'}"
    node, prop = found
    return f"{device.address}/{node}/{prop}/set", b"false" if command.action is Action.CUT else b"true"


def encode_order(device: Device, command: Command) -> tuple[str, bytes] | str:
    return f"nothing is known of what {device.address} announces"


def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
    """By what it announces and what it says."""
    metrics = {metric for _, values in decoded.samples for metric in values}
    known = state.get(place.address)
    for node, properties in known.get("nodes", {}).items() if isinstance(known, dict) else ():
        metrics |= {metric for prop in properties if (metric := metric_of(node if prop in _PLAIN else prop))}
        if _switch_of(properties):
            metrics.add("closed")
    return suggest_by_metrics(metrics)


HOMIE = Codec(
    name="homie",
    telemetry_filters=("homie/+/+", "homie/+/+/+", "homie/+/+/+/+"),
    reply_filters=("homie/5/+/+/+/$target",),
    locate=locate,
    decode=decode,
    encode_order=encode_order,
    encode_known=encode_known,
    suggest=suggest,
    remembered=frozenset({"description", "name", "nodes", "properties", "attribute"}),
)
