"""What a codec is: an ecosystem's words turned into canonical metrics, and our orders turned into its commands.

A codec is a row of `ingest.codecs.CODECS`, made of pure functions: no I/O, no clock, no roster. What it must remember (inventories,
aliases) it says as notes, which are journalled and handed back to it as its state. It never decides what a value means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from ingest.heard import Ask
from power.model import Command
from sites.metrics import METRICS, implausible
from sites.model import Device

MAX_PAYLOAD = 262_144  # bytes: a measurement is never larger; a megabyte is refused unread
MAX_METRIC = 64  # characters of a point's metric name

_ALIASES = {"temperature_c": "temperature"}  # the public contract's word for a switch's own temperature
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FOREIGN = re.compile(r"[^A-Za-z0-9]+")

CodecState = Mapping[str, Any]  # note key -> parsed JSON of the last note under that key


class Place(NamedTuple):
    """Where a topic leads: the device's address as its codec writes it, and which part of the device speaks."""

    address: str  # "" for the ecosystem itself (a bridge)
    part: str  # codec's own word: "telemetry", "status", "reply", "state", ...
    site_id: str | None  # where the topic names one
    name: str  # what to call an unknown device


@dataclass(frozen=True, slots=True)
class Reply:
    """A device's answer to an order; `order_id` None where the ecosystem has none, then `reason` is the position, open or closed."""

    channel: str
    order_id: str | None
    result: str  # done, rejected, failed
    reason: str = ""


class Hint(NamedTuple):
    """What one ecosystem tells of a device that speaks on `topic`: for the provisioning inbox only, never a device by itself."""

    topic: str
    kind: str
    name: str


@dataclass(slots=True)
class Decoded:
    """One message decoded. `samples` are (device_ms or NO_TIME, metric -> value as the wire had it); whoever takes them in checks
    each value with `check_value`. `historical` are samples that the device itself calls old: they never count as live. `notes` are
    (key, JSON) to remember, journalled; `passing` (key, value) is remembered until the next start only, and not journalled, for what
    changes with every message. `others` is what a message says of other devices: those behind a gateway, or in its payload."""

    samples: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    online: bool | None = None
    replies: list[Reply] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    notes: list[tuple[str, bytes]] = field(default_factory=list)
    historical: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    others: list[tuple[Place, Decoded]] = field(default_factory=list)  # one level deep
    asks: list[Ask] = field(default_factory=list)
    passing: list[tuple[str, Any]] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One ecosystem. `locate(filter, topic)` returns None for topics that are not for us (our own commands, logs). `encode_order` returns
    topic and payload, or the reason why this device cannot be switched so; `encode_known` takes its place where the words of an order
    depend on what the device has announced. `remembered` names the parts (their first word) whose notes are taken from strangers too, each
    time: what is said once, or retained, must be known when the device is accepted later."""

    name: str
    telemetry_filters: tuple[str, ...]  # subscribed by the telemetry connection
    reply_filters: tuple[str, ...]  # subscribed by the commands connection: replies and status
    locate: Callable[[str, str], Place | None]
    decode: Callable[[CodecState, Place, bytes], Decoded]
    encode_order: Callable[[Device, Command], tuple[str, bytes] | str]
    suggest: Callable[[CodecState, Place, Decoded], str]  # the kind of an unknown device
    encode_known: Callable[[CodecState, Device, Command], tuple[str, bytes] | str] | None = None
    remembered: frozenset[str] = frozenset()


def parse_json(payload: bytes, limit: int = MAX_PAYLOAD) -> tuple[Any, str]:
    """(document, "") or (None, reason). Depth is bounded by the parser (1024), size by `limit` bytes; NaN and infinity are not JSON."""
    if len(payload) > limit:
        return None, f"payload of {len(payload)} bytes is over the limit of {limit}"
    try:
        return orjson.loads(payload), ""
    except orjson.JSONDecodeError as error:
        return None, f"not JSON: {str(error)[:120]}"


def check_value(metric: str, value: Any) -> float | str:
    """The value as a reading of this metric, or the reason why it never can be one. Booleans are 1 and 0; text is never a number."""
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float):
        word = {str: "text", dict: "an object", list: "a list", type(None): "null"}.get(type(value), "not a number")
        return f"{metric} is {word}, not a number"
    try:
        number = float(value)
    except OverflowError:
        return f"{metric} is out of the range of numbers"
    return implausible(metric, number) or number


def canonical_name(field_name: str) -> str | None:
    """A point's metric name from a vendor's word: lower snake case, dots kept as suffixes; None when nothing usable is left."""
    if field_name in METRICS:
        return field_name
    base, dot, suffix = field_name.partition(".")
    if base in _ALIASES:
        field_name = f"{_ALIASES[base]}{dot}{suffix}"
    if len(field_name) > MAX_METRIC:
        return None
    words = [_FOREIGN.sub("_", _CAMEL.sub("_", part)).strip("_").lower() for part in field_name.split(".")]
    name = ".".join(word for word in words if word)
    return name if 0 < len(name) <= MAX_METRIC else None


def suggest_by_metrics(metrics: set[str]) -> str:
    """The kind of device that speaks of these canonical metrics; the most dangerous kind wins."""
    bases = {metric.partition(".")[0] for metric in metrics}
    for kind, words in _KIND_WORDS:
        if bases & words:
            return kind
    return "other"


def danger(kind: str) -> int:
    """How much a suggestion of this kind outweighs another: larger wins; `other` says nothing."""
    ranked = next((len(_KIND_WORDS) + 1 - i for i, (known, _) in enumerate(_KIND_WORDS) if known == kind), 1)
    return 0 if kind == "other" else ranked


_KIND_WORDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("smoke", frozenset({"smoke_alarm", "smoke_obscuration"})),
    ("gas", frozenset({"gas_alarm", "lel", "gas_ppm"})),
    ("co", frozenset({"co_alarm", "co"})),
    ("manual_call", frozenset({"manual_call"})),
    ("heat", frozenset({"heat_alarm"})),
    ("water", frozenset({"water_leak", "pressure_kpa", "level_m", "flow_lps"})),
    ("switch", frozenset({"closed"})),
    ("electrical", frozenset({"leakage_ma", "cable_temperature", "current_a", "voltage_v", "power_w", "energy_kwh", "arc_alarm"})),
)
