"""The Shelly Gen2+ codec: RPC notifications and component status in, `Switch.Set` over RPC out, its reply on a topic of our own.

A device's address is its MQTT prefix (its id, unless changed). Component 0 is the circuit without a channel, component n channel `n`.
NotifyStatus is partial: each field that is there is a reading, and what is absent says nothing; only a full status says that an error,
which is listed while it lasts, is over. The order's own id is the request's, and the device's prefix is in `src`, so the reply names both.
"""

from __future__ import annotations

from typing import Any

import orjson

from ingest.codec import Codec, CodecState, Decoded, Place, Reply, parse_json, suggest_by_metrics
from ingest.timestamps import to_ms
from power.model import Action, Command
from sites.model import Device
from sites.readings import NO_TIME

REPLIES = "sitewarden/shelly"  # a device answers on `{src}/rpc`
MAX_COMPONENT = 255
MAX_COMPONENTS = 128  # in one message
_ONLINE = {b"true": True, b"false": False}
_PHASES = {"a": "l1", "b": "l2", "c": "l3"}
_METER_FIELDS = {"voltage": "voltage_v", "current": "current_a", "apower": "power_w", "act_power": "power_w", "pf": "power_factor"}
_KINDS = frozenset(
    {"switch", "pm1", "em", "em1", "emdata", "em1data", "smoke", "flood", "gas", "temperature", "humidity", "illuminance", "voltmeter"}
    | {"input", "devicepower", "wifi"}
)
_TRIPS = frozenset({"overpower", "overcurrent", "overvoltage", "undervoltage", "overtemp"})
_ALARMS = {"smoke": "smoke_alarm", "flood": "water_leak", "gas": "gas_alarm"}  # component type -> metric of its `alarm`
_EVENTS: dict[str, tuple[str, int]] = {"alarm": ("", 1), "alarm_off": ("", 0), "alarm_test": ("test", 1)}  # "": the component's own


def locate(topic_filter: str, topic: str) -> Place | None:
    if topic.startswith(f"{REPLIES}/"):
        prefix, _, tail = topic[len(REPLIES) + 1 :].rpartition("/")
        return Place(prefix, "reply", None, prefix.rpartition("/")[2]) if prefix and tail == "rpc" else None
    for tail, part in (("/events/rpc", "notify"), ("/online", "online")):
        if topic.endswith(tail):
            return _place(topic.removesuffix(tail), part)
    prefix, _, component = topic.rpartition("/")
    is_ours = prefix.endswith("/status") and component.partition(":")[0] in _KINDS
    return _place(prefix.removesuffix("/status"), f"status {component}") if is_ours else None


def _place(prefix: str, part: str) -> Place | None:
    return Place(prefix, part, None, prefix.rpartition("/")[2]) if prefix and prefix not in ("shellies", "sitewarden") else None


def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
    if place.part == "online":
        online = _ONLINE.get(payload)
        return Decoded(online=online, refusals=[] if online is not None else ["online is neither true nor false"])
    document, reason = parse_json(payload)
    if reason or type(document) is not dict:
        return Decoded(refusals=[reason or "a JSON object is expected"])
    if place.part == "notify":
        return _notification(document)
    if place.part == "reply":
        return _reply(document)
    out = Decoded()
    values: dict[str, Any] = {}
    _component(place.part.partition(" ")[2], document, True, values, out)
    return _with(values, int(NO_TIME), out)


def _with(values: dict[str, Any], taken_ms: int, out: Decoded) -> Decoded:
    if values:
        out.samples.append((taken_ms, values))
    return out


def _notification(document: dict[str, Any]) -> Decoded:
    method, params = document.get("method"), document.get("params")
    if not isinstance(params, dict):
        return Decoded(refusals=["a notification has an object under `params`"])
    out = Decoded()
    taken = int(NO_TIME)
    if params.get("ts") is not None:
        told = to_ms(params["ts"])
        if isinstance(told, str):
            out.refusals.append(f"{told}; arrival time taken")
        else:
            taken = told
    if method == "NotifyEvent":
        return _events(params.get("events"), taken, out)
    if method not in ("NotifyStatus", "NotifyFullStatus"):
        return Decoded(refusals=[f"method {str(method)[:40]!r} is no notification"])
    values: dict[str, Any] = {}
    for name, component in list(params.items())[:MAX_COMPONENTS]:
        if isinstance(component, dict):
            _component(name, component, method == "NotifyFullStatus", values, out)
    return _with(values, taken, out)


def _events(events: Any, taken_ms: int, out: Decoded) -> Decoded:
    """Events are moments; those that say a state begins or ends are readings, buttons and configuration changes are not."""
    for event in events[:MAX_COMPONENTS] if isinstance(events, list) else ():
        if not isinstance(event, dict) or not isinstance(event.get("component"), str) or not isinstance(event.get("event"), str):
            continue
        kind, channel = _channel(event["component"])
        told = _EVENTS.get(event["event"].rpartition(".")[2])
        metric = _ALARMS.get(kind)
        if told is None or metric is None or channel is None:
            continue
        at = to_ms(event["ts"]) if event.get("ts") is not None else taken_ms
        out.samples.append((at if isinstance(at, int) else taken_ms, {_named(told[0] or metric, channel): told[1]}))
    return out


def _component(name: str, status: dict[str, Any], is_full: bool, values: dict[str, Any], out: Decoded) -> None:
    """One component's status, whole or partial, into `values`."""
    kind, channel = _channel(name)
    if channel is None:
        return
    match kind:
        case "switch" | "pm1" | "em1":
            if isinstance(status.get("output"), bool):
                values[_named("closed", channel)] = status["output"]
                out.replies.append(Reply(channel, None, "done", "closed" if status["output"] else "open"))
            _meter(status, channel, values)
            _errors(status, channel, is_full and kind == "switch", values)
        case "em":
            for phase, pole in _PHASES.items():
                _meter({field[2:]: v for field, v in status.items() if field.startswith(f"{phase}_")}, _join(channel, pole), values)
            _errors(status, channel, False, values)
        case "emdata":
            _take(values, _named("energy_kwh", channel), status.get("total_act"), 0.001)
        case "em1data":
            _take(values, _named("energy_kwh", channel), status.get("total_act_energy"), 0.001)
        case "smoke" | "flood" | "gas":
            _take(values, _named(_ALARMS[kind], channel), status.get("alarm"))
            _take(values, _named("muted", channel), status.get("mute"))
            errors = status.get("errors")
            if isinstance(errors, list) or is_full:
                values[_named("fault", channel)] = bool(errors)
        case "temperature":
            _take(values, _named("temperature", channel), status.get("tC"))
        case "humidity":
            _take(values, _named("humidity", channel), status.get("rh"))
        case "illuminance":
            _take(values, _named("illuminance_lx", channel), status.get("lux"))
        case "voltmeter":
            _take(values, f"voltmeter_v.{channel or '0'}", status.get("voltage"))
        case "input":
            _take(values, f"input.{channel or '0'}", status.get("state"))
        case "devicepower":
            battery, external = status.get("battery"), status.get("external")
            if isinstance(battery, dict):
                _take(values, "battery", battery.get("percent"))
            if isinstance(external, dict) and isinstance(external.get("present"), bool):
                values["external_power"] = external["present"]
        case "wifi":
            _take(values, "signal", status.get("rssi"))


def _meter(status: dict[str, Any], channel: str, values: dict[str, Any]) -> None:
    for field, metric in _METER_FIELDS.items():
        _take(values, _named(metric, channel), status.get(field))
    _take(values, _named("frequency_hz", channel), status.get("freq"))
    counter, inside = status.get("aenergy"), status.get("temperature")
    if isinstance(counter, dict):
        _take(values, _named("energy_kwh", channel), counter.get("total"), 0.001)  # watt-hours
    if isinstance(inside, dict):
        _take(values, _named("temperature", channel), inside.get("tC"))


def _errors(status: dict[str, Any], channel: str, is_full: bool, values: dict[str, Any]) -> None:
    """`errors` is there only while there are some; a partial status without it says nothing, an empty list or a full status ends them."""
    errors = status.get("errors")
    if isinstance(errors, list):
        words = {word.partition(":")[0] for word in errors if isinstance(word, str)}
        values[_named("trip", channel)] = bool(words & _TRIPS)
        values[_named("fault", channel)] = bool(words - _TRIPS)
    elif is_full:
        values[_named("trip", channel)] = values[_named("fault", channel)] = False


def _take(values: dict[str, Any], metric: str, value: Any, factor: float = 1.0) -> None:
    """A value that is there; null is what cannot be measured now."""
    if value is not None:
        values[metric] = value * factor if factor != 1.0 and type(value) in (int, float) else value


def _channel(name: str) -> tuple[str, str | None]:
    """`switch:2` -> ("switch", "2"), `switch:0` -> ("switch", ""), `wifi` -> ("wifi", ""); None for a number that is none."""
    kind, colon, number = name.partition(":")
    if not colon:
        return kind, ""
    if not (number.isascii() and number.isdigit() and len(number) <= 3):
        return kind, None
    return kind, "" if int(number) == 0 else str(int(number))


def _join(channel: str, pole: str) -> str:
    return f"{channel}.{pole}" if channel else pole


def _named(metric: str, channel: str) -> str:
    return f"{metric}.{channel}" if channel else metric


def _reply(document: dict[str, Any]) -> Decoded:
    """`{"id", "src", "dst", "result": {"was_on": true}}` or `{"id", ..., "error": {"code", "message"}}`."""
    order_id, error = document.get("id"), document.get("error")
    if not isinstance(order_id, str) or not 0 < len(order_id) <= 64:
        return Decoded(refusals=["a reply needs the `id` of its order"])
    if isinstance(error, dict):
        reason = f"{error.get('code', '')} {error.get('message', '')}".strip()[:500]
        return Decoded(replies=[Reply("", order_id, "rejected", reason or "error without a message")])
    if "result" not in document:
        return Decoded(refusals=["a reply has `result` or `error`"])
    return Decoded(replies=[Reply("", order_id, "done")])


def encode_order(device: Device, command: Command) -> tuple[str, bytes] | str:
    """`Switch.Set` to on or off, without `toggle_after`, which would revert it."""
    channel = command.channel or "0"
    if not (channel.isascii() and channel.isdigit() and 0 <= int(channel) <= MAX_COMPONENT) or command.channel == "0":
        return f"a Shelly switch is '' (switch:0) or 1 to {MAX_COMPONENT}, not {command.channel!r}"
    body = {
        "id": command.order_id,
        "src": f"{REPLIES}/{device.address}",
        "method": "Switch.Set",
        "params": {"id": int(channel), "on": command.action is not Action.CUT},
    }
    return f"{device.address}/rpc", orjson.dumps(body)


def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
    """What it measures, or what its id says it is."""
    kind = suggest_by_metrics({metric for _, values in decoded.samples for metric in values})
    if kind != "other":
        return kind
    name = place.name.lower()
    return next((told for word, told in (("smoke", "smoke"), ("flood", "water"), ("em", "electrical")) if word in name), kind)


SHELLY_GEN2 = Codec(
    name="shelly_gen2",
    telemetry_filters=("+/events/rpc", "+/status/+"),
    reply_filters=("+/online", f"{REPLIES}/#"),
    locate=locate,
    decode=decode,
    encode_order=encode_order,
    suggest=suggest,
)
