"""The ThingsBoard codec: its device and gateway MQTT API as published to a broker of ours; RPC requests out, RPC responses in.

ThingsBoard knows a device by its access token, a broker by its topic: a listener with a mount point (`{name}/`) tells devices apart. A
device's address is `{mount}/me` (or `me` alone), `{mount}/v2` for the short topics, `{mount}/gateway/{device name}` behind a gateway.
Keys are free: plain words are understood (`ingest.words`), texts and objects are legal and skipped.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from ingest.codec import Codec, CodecState, Decoded, Place, Reply, parse_json, suggest_by_metrics
from ingest.timestamps import to_ms
from ingest.words import POSITIONS, is_ours, metric_of, position
from power.model import Action, Command, order_number
from sites.model import Device
from sites.readings import NO_TIME

METHOD = "setState"  # of a server-side RPC request
MAX_SAMPLES = 5_000  # objects in one list
MAX_DEVICES = 1_000  # in one message of a gateway
_NO_TIME = int(NO_TIME)

# https://thingsboard.io/docs/reference/mqtt-api/, .../gateway-mqtt-api/
_TELEMETRY = (
    "v1/devices/me/telemetry",
    "v1/devices/me/attributes",
    "v1/gateway/telemetry",
    "v1/gateway/attributes",
    "v2/t",
    "v2/t/j",
    "v2/a",
    "v2/a/j",
)
_REPLIES = (
    "v1/devices/me/rpc/response/+",
    "v2/r/res/+",
    "v2/r/j/res/+",
    "v1/gateway/rpc",
    "v1/gateway/connect",
    "v1/gateway/disconnect",
)
_TOPIC = re.compile(
    r"(?:(?P<mount>[^/]+)/)?(?:"
    r"v1/devices/me/(?P<me>telemetry|attributes|rpc/response/(?P<me_id>\d{1,18}))|"
    r"v1/gateway/(?P<gateway>telemetry|attributes|rpc|connect|disconnect)|"
    r"v2/(?P<short>[ta](?:/j)?|r(?:/j)?/res/(?P<short_id>\d{1,18})))\Z"
)


def locate(topic_filter: str, topic: str) -> Place | None:
    found = _TOPIC.match(topic)
    if found is None:
        return None
    mount = found["mount"] or ""
    if found["gateway"]:
        return Place("", f"gateway {found['gateway']}", None, mount)  # its devices are named in the payload
    number = found["me_id"] or found["short_id"]
    words = found["me"] or {"t": "telemetry", "a": "attributes"}[found["short"][0]] if not number else ""
    part = f"response {number}" if number else words
    return Place(_join(mount, "me" if found["me"] else "v2"), part, None, mount or "me")


def _join(mount: str, rest: str) -> str:
    return f"{mount}/{rest}" if mount else rest


def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
    document, reason = parse_json(payload)
    if reason:
        return Decoded(refusals=[reason])
    part, _, which = place.part.partition(" ")
    if part == "gateway":
        return _gateway(place.name, which, document)
    if part == "response":
        return Decoded(replies=[_response(which, document)])
    return _attributes(document) if part == "attributes" else _telemetry(document)


def _telemetry(document: Any) -> Decoded:
    """`{"key": value}`, `{"ts": ms, "values": {...}}`, or a list of either."""
    out = Decoded()
    samples = document if type(document) is list else [document]
    if len(samples) > MAX_SAMPLES:
        out.refusals.append(f"{len(samples)} objects in one list, only the first {MAX_SAMPLES} are taken")
    for sample in samples[:MAX_SAMPLES]:
        if type(sample) is not dict:
            out.refusals.append("telemetry is an object or a list of objects")
            continue
        taken, values = _NO_TIME, sample
        if type(sample.get("values")) is dict:
            values = sample["values"]
            if sample.get("ts") is not None:
                told = to_ms(sample["ts"])
                if isinstance(told, str):
                    out.refusals.append(f"{told}; arrival time taken")
                else:
                    taken = told
        read = _values(values, out)
        if read:
            out.samples.append((taken, read))
    return out


def _values(values: dict[str, Any], out: Decoded) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for key, value in values.items():
        if type(value) not in (bool, int, float, str):
            continue
        metric = metric_of(key)
        if metric is None:
            if type(value) is not str:
                out.refusals.append(f"{key[:64]!r} cannot be a metric's name")
            continue
        base, dot, suffix = metric.partition(".")
        if base in POSITIONS or base == "closed":
            told = position(value) if not isinstance(value, int | float) or isinstance(value, bool) else value
            if told is not None:
                read[f"closed{dot}{suffix}"] = told
        elif type(value) is not str:
            read[metric] = value
    return read


def _attributes(document: Any) -> Decoded:
    """Attributes are mostly settings; what is a quantity of the catalogue (battery, signal, closed) is a reading without time."""
    if type(document) is not dict:
        return Decoded(refusals=["attributes are an object"])
    out = Decoded()
    read = {metric: value for metric, value in _values(document, out).items() if is_ours(metric)}
    return Decoded(samples=[(_NO_TIME, read)] if read else [])


def _response(number: str, body: Any) -> Reply:
    """Whatever a device answers is *done*, unless it says that it failed: false, `{"success": false}`, `{"error": ...}`."""
    error = body.get("error") if isinstance(body, dict) else None
    failed = body is False or bool(error) or (isinstance(body, dict) and body.get("success") is False)
    return Reply("", f"#{number}", "rejected" if failed else "done", str(error or "the device says no")[:500] if failed else "")


def _gateway(mount: str, which: str, document: Any) -> Decoded:
    if type(document) is not dict:
        return Decoded(refusals=[f"a gateway's {which} is an object"])
    out = Decoded()
    if which in ("telemetry", "attributes"):
        if len(document) > MAX_DEVICES:
            out.refusals.append(f"{len(document)} devices in one message, only the first {MAX_DEVICES} are taken")
        for name, said in list(document.items())[:MAX_DEVICES]:
            if name:
                out.others.append((_behind(mount, name, which), _telemetry(said) if which == "telemetry" else _attributes(said)))
        return out
    name = document.get("device")
    if not isinstance(name, str) or not name:
        return Decoded(refusals=[f"a gateway's {which} names no device"])
    if which != "rpc":
        out.others.append((_behind(mount, name, which), Decoded(online=which == "connect")))
        return out
    number = document.get("id")
    if isinstance(number, int | str) and not isinstance(number, bool) and str(number)[:19].isdigit():  # else our own request
        out.others.append((_behind(mount, name, which), Decoded(replies=[_response(str(number)[:19], document.get("data"))])))
    return out


def _behind(mount: str, name: str, part: str) -> Place:
    return Place(_join(mount, f"gateway/{name[:200]}"), part, None, name[:200])


def encode_order(device: Device, command: Command) -> tuple[str, bytes] | str:
    """A server-side RPC request: `{"method": "setState", "params": {"circuit": "1", "closed": false, "expires": ms}}`."""
    number = order_number(command.order_id)
    params = {"circuit": command.channel or "1", "closed": command.action is not Action.CUT, "expires": command.expires_ms}
    request: dict[str, Any] = {"method": METHOD, "params": params}
    words = device.address.split("/")
    at = 0 if words[0] in ("me", "v2", "gateway") else 1
    mount, rest = "/".join(words[:at]), words[at:]
    if rest[:1] == ["gateway"] and len(rest) > 1:
        body = {"device": "/".join(rest[1:]), "data": {"id": number, **request}}
        return _join(mount, "v1/gateway/rpc"), orjson.dumps(body)
    if rest == ["me"]:
        return _join(mount, f"v1/devices/me/rpc/request/{number}"), orjson.dumps(request)
    if rest == ["v2"]:
        return _join(mount, f"v2/r/req/{number}"), orjson.dumps(request)
    return f"{device.address!r} is no address of a ThingsBoard device"


def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
    return suggest_by_metrics({metric for _, values in decoded.samples for metric in values})


THINGSBOARD = Codec(
    name="thingsboard",
    telemetry_filters=(*_TELEMETRY, *(f"+/{topic}" for topic in _TELEMETRY)),
    reply_filters=(*_REPLIES, *(f"+/{topic}" for topic in _REPLIES)),
    locate=locate,
    decode=decode,
    encode_order=encode_order,
    suggest=suggest,
)
