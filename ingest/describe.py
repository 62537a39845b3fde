"""What the codecs make of messages, said for people and scripts: `sitewarden decode`. No broker, no roster, no state kept on disk.

A message that speaks of several devices has `others`, in the same form; what a codec would ask because of it is under `asks`, what a
discovery tells of other devices under `suggested`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from ingest.codec import Codec, Decoded, Hint, Place, canonical_name, check_value
from ingest.codecs import CODECS, REPLY_ROUTES, TELEMETRY_ROUTES
from ingest.heard import Message
from ingest.topics import Route, Router
from sites.metrics import implausible, unit_of
from sites.readings import NO_TIME


def describe(
    messages: Iterable[Message],
    routes: Sequence[Route] = (*TELEMETRY_ROUTES, *REPLY_ROUTES),
    codecs: Mapping[str, Codec] = CODECS,
) -> Iterator[dict[str, Any]]:
    """One dict a message, in the form of the public contract; `codec` is None where no codec takes the topic."""
    states: dict[str, dict[str, Any]] = {name: {} for name in codecs}
    router = Router(routes)
    for message in messages:
        yield _describe_one(message, router, codecs, states)


def _located(router: Router, codecs: Mapping[str, Codec], topic: str) -> tuple[Codec, Place] | None:
    for route in router.find(topic):
        place = codecs[route.codec].locate(route.filter, topic)
        if place is not None:
            return codecs[route.codec], place
    return None


def _describe_one(message: Message, router: Router, codecs: Mapping[str, Codec], states: dict[str, dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {"codec": None} | _nothing()
    found = _located(router, codecs, message.topic)
    if found is None:
        out["refusals"].append({"reason": "no codec takes this topic"})
        return out
    codec, place = found
    decoded = codec.decode(states[codec.name], place, message.payload)
    states[codec.name].update((key, orjson.loads(value)) for key, value in decoded.notes)
    states[codec.name].update(decoded.passing)
    out["codec"] = codec.name
    only_others = not (decoded.samples or decoded.historical or decoded.replies or place.address)
    if only_others and len(decoded.others) == 1:  # the payload says whose message it is
        _tell(decoded.others[0][0].address, decoded.others[0][1], out)
        out["refusals"] += [{"reason": reason} for reason in decoded.refusals]
    else:
        _tell(place.address or None, decoded, out)
        if decoded.others:
            out["others"] = [_tell(other.address, said, _nothing()) for other, said in decoded.others]
    if decoded.hints:
        out["suggested"] = [_suggested(router, codecs, hint) for hint in decoded.hints]
    if decoded.asks:
        out["asks"] = [{"topic": ask.topic, "payload_b64": base64.b64encode(ask.payload).decode()} for ask in decoded.asks]
    return out


def _suggested(router: Router, codecs: Mapping[str, Codec], hint: Hint) -> dict[str, Any]:
    """What a discovery would put into the provisioning inbox; `codec` is None where no codec takes that topic."""
    found = _located(router, codecs, hint.topic)
    codec, address = (found[0].name, found[1].address) if found else (None, None)
    return {"codec": codec, "device": address, "topic": hint.topic, "kind": hint.kind, "name": hint.name}


def _nothing() -> dict[str, Any]:
    return {"device": None, "readings": [], "availability": None, "confirmations": [], "refusals": []}


def _tell(device: str | None, decoded: Decoded, out: dict[str, Any]) -> dict[str, Any]:
    """One device's part into `out`."""
    out["device"] = device
    told = [(taken_ms, values, False) for taken_ms, values in decoded.samples]
    told += [(taken_ms, values, True) for taken_ms, values in decoded.historical]
    for taken_ms, values, is_historical in told:
        for name, raw in values.items():
            metric, value = canonical_name(name), check_value(name, raw)
            if metric is None:
                value = f"{name[:64]!r} cannot be a metric's name"
            elif isinstance(value, float):
                value = implausible(metric, value) or value
            if isinstance(value, str):
                out["refusals"].append({"reason": value})
                continue
            time = None if taken_ms == NO_TIME else taken_ms
            reading = {"metric": metric, "value": value, "unit": unit_of(metric or ""), "taken_ms": time}
            out["readings"].append(reading | {"historical": True} if is_historical else reading)
    if decoded.online is not None:
        out["availability"] = "online" if decoded.online else "offline"
    out["confirmations"] = [
        {"order": reply.order_id, "channel": reply.channel, "result": reply.result, "reason": reply.reason} for reply in decoded.replies
    ]
    out["refusals"] += [{"reason": reason} for reason in decoded.refusals]
    return out
