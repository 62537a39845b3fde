"""What the codecs make of messages, said for people and scripts: `sitewarden decode`. No broker, no roster, no state kept on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from ingest.codec import Codec, canonical_name, check_value
from ingest.codecs import CODECS, REPLY_ROUTES, TELEMETRY_ROUTES
from ingest.heard import Message
from ingest.topics import Route, matches
from sites.metrics import implausible, unit_of
from sites.readings import NO_TIME


def describe(
    messages: Iterable[Message],
    routes: Sequence[Route] = (*TELEMETRY_ROUTES, *REPLY_ROUTES),
    codecs: Mapping[str, Codec] = CODECS,
) -> Iterator[dict[str, Any]]:
    """One dict a message, in the form of the public contract; `codec` is None where no codec takes the topic."""
    states: dict[str, dict[str, Any]] = {name: {} for name in codecs}
    for message in messages:
        yield _describe_one(message, routes, codecs, states)


def _describe_one(
    message: Message, routes: Sequence[Route], codecs: Mapping[str, Codec], states: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    out: dict[str, Any] = {
        "codec": None,
        "device": None,
        "readings": [],
        "availability": None,
        "confirmations": [],
        "refusals": [],
    }
    route = next((route for route in routes if matches(route.filter, message.topic)), None)
    place = codecs[route.codec].locate(route.filter, message.topic) if route is not None else None
    if route is None or place is None:
        out["refusals"].append({"reason": "no codec takes this topic"})
        return out
    codec = codecs[route.codec]
    decoded = codec.decode(states[codec.name], place, message.payload)
    states[codec.name].update((key, orjson.loads(value)) for key, value in decoded.notes)
    out["codec"], out["device"] = codec.name, place.address or None
    for taken_ms, values in decoded.samples:
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
            out["readings"].append({"metric": metric, "value": value, "unit": unit_of(metric or ""), "taken_ms": time})
    if decoded.online is not None:
        out["availability"] = "online" if decoded.online else "offline"
    out["confirmations"] = [
        {"order": reply.order_id, "channel": reply.channel, "result": reply.result, "reason": reply.reason} for reply in decoded.replies
    ]
    out["refusals"] += [{"reason": reason} for reason in decoded.refusals]
    return out
