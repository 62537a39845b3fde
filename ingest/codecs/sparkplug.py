"""The Sparkplug B codec (Eclipse Sparkplug 3.0): births, data and deaths of edge nodes and their devices in, DCMD/NCMD out.

A node's address is `{group}/{node}`, a device's `{group}/{node}/{device}`. Births are remembered (names, types, aliases, bdSeq) and
journalled; the sequence number is remembered in passing only, so that after a restart, as after a gap, the node is asked to be born
again, at most once a minute. Metrics that the node calls historical never count as live; null and bad ones are no readings.
"""

from __future__ import annotations

from typing import Any

import orjson

from ingest.codec import Codec, CodecState, Decoded, Place, Reply, canonical_name, parse_json, suggest_by_metrics
from ingest.codecs.sparkplug_payload import BOOLEAN, INT64, WHOLE, Payload, is_good, number_of, parse
from ingest.heard import Ask
from ingest.timestamps import to_ms
from power.model import Action, Command
from sites.metrics import METRICS
from sites.model import Device
from sites.readings import NO_TIME

ROOT = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
REBIRTH_EVERY_MS = 60_000  # a node is asked once a minute at most
MAX_METRICS = 5_000  # of one message
MAX_NAME = 200  # characters of a metric's name that is remembered

_NO_TIME = int(NO_TIME)
_PARTS = frozenset({"NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"})
_OWN = ("bdSeq", "Node Control/", "Device Control/", "Node Info/", "Device Info/")  # of the protocol, no measurements
# segments of a name that only group: they neither name a quantity nor tell two of a kind apart
_GROUPS = frozenset(
    {"input", "inputs", "output", "outputs", "sensor", "sensors", "measurement", "measurements", "meter", "metering", "telemetry"}
    | {"data", "value", "values", "properties", "circuit", "circuits", "channel", "channels", "breaker", "breakers"}
)
_OUTPUTS = frozenset({"output", "outputs", "relay", "relays", "switch", "switches", "breaker", "breakers"})
_WORDS = {"smoke": "smoke_alarm", "heat": "heat_alarm", "current": "current_a", "voltage": "voltage_v", "power": "power_w"}
_WORDS |= {"energy": "energy_kwh", "leakage": "leakage_ma", "pressure": "pressure_kpa", "temp": "temperature"}


def locate(topic_filter: str, topic: str) -> Place | None:
    del topic_filter
    words = topic.split("/")
    if len(words) == 3 and words[1] == "STATE":
        return Place("", "STATE", None, words[2])
    if len(words) not in (4, 5) or words[2] not in _PARTS or (words[2][0] == "D") != (len(words) == 5):
        return None
    return Place("", words[2], None, "/".join([words[1], *words[3:]]))


def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
    if place.part == "STATE":
        return _host(state, place.name, payload)
    node, device = _split(place.name)
    message = parse(payload)
    if isinstance(message, str):
        return Decoded(refusals=[message], asks=[] if place.part == "NDEATH" else [_rebirth(node)])
    if place.part == "NDEATH":
        return _node_death(state, node, message)
    out = Decoded()
    said = Decoded()
    if len(message.metrics) > MAX_METRICS:
        said.refusals.append(f"{len(message.metrics)} metrics in one message, only the first {MAX_METRICS} are taken")
    if place.part == "NBIRTH":
        _node_birth(state, node, message, out)
    else:
        _follow(state, node, message, out)
    if place.part in ("NBIRTH", "DBIRTH"):
        _birth(state, place.name, message, said, out)
    elif place.part == "DDEATH":
        said.online = False
        out.notes.append((f"born {place.name}", b"null"))
    else:
        _measurements(state, place.name, message, said, out)
    out.others.append((Place(place.name, place.part, None, device or node.partition("/")[2]), said))
    return out


def _split(name: str) -> tuple[str, str]:
    """`group/node/device` -> (`group/node`, `device`)."""
    words = name.split("/", 2)
    return "/".join(words[:2]), words[2] if len(words) == 3 else ""


def _host(state: CodecState, host: str, payload: bytes) -> Decoded:
    """Whether a host application is online; noted when it changes."""
    document, reason = parse_json(payload)
    online = document.get("online") if isinstance(document, dict) else None
    if not isinstance(online, bool):
        return Decoded(refusals=[reason or "a host's STATE says `online` true or false"])
    key = f"host {host}"
    return Decoded(notes=[] if state.get(key) == online else [(key, orjson.dumps(online))])


# -- births, deaths and the sequence between them ------------------------------------------------------------------


def _node_birth(state: CodecState, node: str, message: Any, out: Decoded) -> None:
    """A new session (another bdSeq) makes what the devices announced in the old one void: their aliases may mean something else now."""
    session = _session(message)
    if session is None:
        out.refusals.append("NBIRTH without bdSeq")
    elif session != state.get(f"session {node}"):
        out.notes.append((f"session {node}", orjson.dumps(session)))
        out.notes.extend((key, b"null") for key in _born_devices(state, node))
    out.passing.append((f"seq {node}", message.seq % 256))


def _node_death(state: CodecState, node: str, message: Any) -> Decoded:
    """The node's will. One of an older session than the present is late and means nothing."""
    session, present = _session(message), state.get(f"session {node}")
    if session is None:
        return Decoded(refusals=["NDEATH without bdSeq"])
    if present is not None and session != present:
        return Decoded()
    born = _born_devices(state, node)
    out = Decoded(notes=[(key, b"null") for key in born], passing=[(f"seq {node}", None)])
    if state.get(f"born {node}") is not None:
        out.notes.append((f"born {node}", b"null"))
    for address in (node, *(key.removeprefix("born ") for key in born)):
        out.others.append((Place(address, "NDEATH", None, address.rpartition("/")[2]), Decoded(online=False)))
    return out


def _born_devices(state: CodecState, node: str) -> list[str]:
    prefix = f"born {node}/"
    return [key for key, born in state.items() if born is not None and key.startswith(prefix)]


def _session(message: Any) -> int | None:
    for metric in message.metrics[:MAX_METRICS]:
        if metric.name == "bdSeq":
            number = number_of(metric, metric.datatype or INT64)
            return int(number) % 256 if isinstance(number, int | float) else None
    return None


def _follow(state: CodecState, node: str, message: Any, out: Decoded) -> None:
    """Each message of a node and its devices counts on by one. After a gap, and until a birth was heard, the node is asked for one."""
    key = f"seq {node}"
    last, seq = state.get(key), message.seq % 256
    if last is None:
        out.asks.append(_rebirth(node))
    elif seq == (last + 1) % 256:
        out.passing.append((key, seq))
    elif seq != last:  # the same again is a message that came twice
        out.refusals.append(f"{node}: seq {seq} after {last}: messages are missing")
        out.passing.append((key, None))
        out.asks.append(_rebirth(node))


def _rebirth(node: str) -> Ask:
    group, _, name = node.partition("/")
    message = Payload()
    message.metrics.add(name=REBIRTH, datatype=BOOLEAN, boolean_value=True)
    return Ask(f"{ROOT}/{group}/NCMD/{name}", message.SerializeToString(), REBIRTH_EVERY_MS)


# -- metrics -------------------------------------------------------------------------------------------------------


def _birth(state: CodecState, address: str, message: Any, said: Decoded, out: Decoded) -> None:
    """All metrics with name, type, alias and value as of the birth. Remembered: name -> [our metric, datatype], alias -> name."""
    names: dict[str, list[Any]] = {}
    aliases: dict[str, str] = {}
    for metric in message.metrics[:MAX_METRICS]:
        name = metric.name
        if not name or len(name) > MAX_NAME or name.startswith(_OWN):
            continue
        names[name] = [metric_name(name, metric.datatype), metric.datatype]
        if metric.HasField("alias"):
            aliases[str(metric.alias)] = name
    born = {"names": names, "aliases": aliases}
    if state.get(f"born {address}") != born:
        out.notes.append((f"born {address}", orjson.dumps(born)))
    said.online = True
    _take(_split(address)[0], born, message, said, out, is_birth=True)


def _measurements(state: CodecState, address: str, message: Any, said: Decoded, out: Decoded) -> None:
    node, born = _split(address)[0], state.get(f"born {address}")
    if born is None:
        out.asks.append(_rebirth(node))
    _take(node, born or {"names": {}, "aliases": {}}, message, said, out, is_birth=False)


def _take(node: str, born: dict[str, Any], message: Any, said: Decoded, out: Decoded, is_birth: bool) -> None:
    """Metrics into samples, one a timestamp. A birth's values are as of the birth, whenever they last changed."""
    samples: dict[tuple[int, bool], dict[str, Any]] = {}
    sent_ms = _time(message.timestamp)
    for metric in message.metrics[:MAX_METRICS]:
        name = metric.name
        if not name:
            name = born["aliases"].get(str(metric.alias))
            if name is None:
                said.refusals.append(f"alias {metric.alias} was not announced in a birth")
                out.asks.append(_rebirth(node))
                continue
        if name.startswith(_OWN):
            continue
        known = born["names"].get(name)
        datatype = metric.datatype or (known[1] if known else 0)
        canonical = known[0] if known else metric_name(name, datatype)
        if canonical is None:
            continue
        if metric.is_null or not is_good(metric):
            if not is_birth:
                said.refusals.append(f"{name[:64]} is {'null' if metric.is_null else 'of bad quality'}")
            continue
        number = number_of(metric, datatype)
        if number is None:
            continue
        if isinstance(number, str):
            said.refusals.append(f"{name[:64]} {number}")
            continue
        at_ms = sent_ms if is_birth and not metric.is_historical else _time(metric.timestamp) or sent_ms
        samples.setdefault((at_ms or _NO_TIME, metric.is_historical), {})[canonical] = number
        base, _, channel = canonical.partition(".")
        if base == "closed" and not is_birth and not metric.is_historical:
            said.replies.append(Reply(channel, None, "done", "closed" if number else "open"))
    for (at_ms, is_historical), values in samples.items():
        (said.historical if is_historical else said.samples).append((at_ms, values))


def _time(timestamp: int) -> int:
    """Epoch ms, or 0 where there is none."""
    taken = to_ms(timestamp) if timestamp else 0
    return taken if isinstance(taken, int) else 0


def metric_name(name: str, datatype: int) -> str | None:
    """Our metric for a Sparkplug name: the first segment that names a known quantity, the others as suffix, without those that only
    group (`Meter/L1/Voltage` -> `voltage_v.l1`); a boolean under `Outputs/` is a switch's position (`Outputs/Q1` -> `closed.q1`)."""
    slugs = [canonical_name(segment.replace(".", "_")) for segment in name.split("/")]
    words = [slug for slug in slugs if slug]
    if not words:
        return None
    named = next((i for i, word in enumerate(words) if word in METRICS or word in _WORDS), None)
    if named is None and datatype == BOOLEAN and words[0] in _OUTPUTS:
        return canonical_name(".".join(["closed", *(word for word in words if word not in _GROUPS | _OUTPUTS)]))
    if named is None:
        return canonical_name("_".join(words))
    rest = [word for i, word in enumerate(words) if i != named and word not in _GROUPS]
    return canonical_name(".".join([_WORDS.get(words[named], words[named]), *rest]))


# -- outward -------------------------------------------------------------------------------------------------------


def encode_order(device: Device, command: Command) -> tuple[str, bytes] | str:
    return f"{device.address} has announced no metrics"


def encode_known(state: CodecState, device: Device, command: Command) -> tuple[str, bytes] | str:
    """A DCMD (NCMD for a node's own output) with the absolute position, for the metric that the birth announced for this channel."""
    group, _, rest = device.address.partition("/")
    node, _, name = rest.partition("/")
    born = state.get(f"born {device.address}")
    if born is None:
        return f"{device.address} has announced no metrics: no birth was heard since it was last online"
    wanted = f"closed.{command.channel}" if command.channel else "closed"
    found = [(metric, datatype) for metric, (canonical, datatype) in born["names"].items() if canonical == wanted]
    if len(found) != 1:
        return f"{device.address} announced {len(found)} metrics for {wanted}, exactly one is needed"
    metric, datatype = found[0]
    position = command.action is not Action.CUT
    message = Payload(timestamp=command.issued_ms)
    if datatype == BOOLEAN:
        message.metrics.add(name=metric, datatype=datatype, boolean_value=position)
    elif datatype in WHOLE:
        field = "long_value" if datatype in (INT64, 8) else "int_value"
        message.metrics.add(name=metric, datatype=datatype, **{field: int(position)})
    else:
        return f"{metric} is neither a boolean nor an integer (datatype {datatype}): it cannot be switched"
    topic = f"{ROOT}/{group}/DCMD/{node}/{name}" if name else f"{ROOT}/{group}/NCMD/{node}"
    return topic, message.SerializeToString()


def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
    heard = {metric for _, values in (*decoded.samples, *decoded.historical) for metric in values}
    return suggest_by_metrics(heard) if heard or place.address.count("/") > 1 else "gateway"


SPARKPLUG = Codec(
    name="sparkplug",
    telemetry_filters=(
        f"{ROOT}/+/NBIRTH/+",
        f"{ROOT}/+/NDATA/+",
        f"{ROOT}/+/NDEATH/+",
        f"{ROOT}/+/DBIRTH/+/+",
        f"{ROOT}/+/DDATA/+/+",
        f"{ROOT}/+/DDEATH/+/+",
        f"{ROOT}/STATE/+",
    ),
    reply_filters=(),
    locate=locate,
    decode=decode,
    encode_order=encode_order,
    suggest=suggest,
    encode_known=encode_known,
)
