"""The native codec: `sitewarden/v1/{site}/{device}/telemetry|status|reply` in, `.../command` out (docs: the public contract).

Telemetry is one object `{"ts": T, "values": {...}}` or a list of those. A time that cannot be read does not cost the values: they
are taken as without a device time, and the reason is kept.
"""

from __future__ import annotations

from typing import Any

import orjson

from ingest.codec import Codec, CodecState, Decoded, Place, Reply, parse_json, suggest_by_metrics
from ingest.timestamps import to_ms
from ingest.topics import native_topic, parse_native
from power.model import Command
from sites.model import Device
from sites.readings import NO_TIME

_NO_TIME = int(NO_TIME)
_RESULTS = ("done", "rejected", "failed")
_ONLINE = {b"online": True, b"offline": False}
MAX_SAMPLES = 5_000  # objects in one list


def locate(topic_filter: str, topic: str) -> Place | None:
    """Our own commands and alarms are on the same tree and are none of the codec's business."""
    del topic_filter
    native = parse_native(topic)
    if native is None or native.part not in _PARTS:
        return None
    return Place(f"{native.site_id}/{native.device_id}", native.part, native.site_id, native.device_id)


def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
    return _PARTS[place.part](payload)


def _telemetry(payload: bytes) -> Decoded:
    document, reason = parse_json(payload)
    if reason:
        return Decoded(refusals=[reason])
    if type(document) is dict:
        document = [document]
    elif type(document) is not list:
        return Decoded(refusals=["telemetry is neither an object nor a list of objects"])
    out = Decoded()
    if len(document) > MAX_SAMPLES:
        out.refusals.append(f"{len(document)} objects in one list, only the first {MAX_SAMPLES} are taken")
        document = document[:MAX_SAMPLES]
    for sample in document:
        _sample(sample, out)
    return out


def _sample(sample: Any, out: Decoded) -> None:
    if type(sample) is not dict:
        out.refusals.append("an entry of the list is not an object")
        return
    values = sample.get("values")
    if type(values) is not dict:
        out.refusals.append("no object under `values`")
        return
    ts = sample.get("ts")
    if ts is None:
        out.samples.append((_NO_TIME, values))
        return
    taken = to_ms(ts)
    if type(taken) is str:
        out.refusals.append(f"{taken}; arrival time taken")
        taken = _NO_TIME
    out.samples.append((taken, values))  # type: ignore[arg-type]


def _status(payload: bytes) -> Decoded:
    online = _ONLINE.get(payload.strip().lower()) if len(payload) < 64 else None
    if online is None:
        return Decoded(refusals=["status is neither `online` nor `offline`"])
    return Decoded(online=online)


def _reply(payload: bytes) -> Decoded:
    document, reason = parse_json(payload)
    if reason:
        return Decoded(refusals=[reason])
    if type(document) is not dict:
        return Decoded(refusals=["a reply is an object"])
    order_id, result = document.get("id"), document.get("result")
    if not isinstance(order_id, str) or not 0 < len(order_id) <= 64:
        return Decoded(refusals=["a reply needs the `id` of its order"])
    if result not in _RESULTS:
        return Decoded(refusals=[f"result {str(result)[:40]!r} is none of {', '.join(_RESULTS)}"])
    return Decoded(replies=[Reply("", order_id, str(result), str(document.get("reason") or "")[:500])])  # the id says the circuit


_PARTS = {"telemetry": _telemetry, "status": _status, "reply": _reply}


def encode_order(device: Device, command: Command) -> tuple[str, bytes]:
    """Topic and payload of a command; a device's only circuit is "1" on the wire."""
    body = {
        "id": command.order_id,
        "circuit": command.channel or "1",
        "action": str(command.action),
        "issued": command.issued_ms,
        "expires": command.expires_ms,
    }
    return f"sitewarden/v1/{device.address}/command", orjson.dumps(body)


def encode_telemetry(site_id: str, device_id: str, values: dict[str, float], ts_ms: int | None = None) -> tuple[str, bytes]:
    """One native reading outward, for simulators and `sitewarden publish`."""
    body: dict[str, Any] = {"values": values} if ts_ms is None else {"ts": ts_ms, "values": values}
    return native_topic(site_id, device_id, "telemetry"), orjson.dumps(body)


def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
    return suggest_by_metrics({name for _, values in decoded.samples for name in values})


NATIVE = Codec(
    name="native",
    telemetry_filters=("sitewarden/v1/+/+/telemetry",),
    reply_filters=("sitewarden/v1/+/+/reply", "sitewarden/v1/+/+/status"),
    locate=locate,
    decode=decode,
    encode_order=encode_order,
    suggest=suggest,
)
