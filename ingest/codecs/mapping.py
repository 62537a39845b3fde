"""The mapping codec: a codec made of a declared table, for vendors' JSON, both ways. What a table says is in `ingest.mapping_parse`.

A message's topic and payload say which device speaks; fields become metrics by path, scale, unit, words and bits; a time is read in the
declared format and zone. Orders are the table's templates filled in: absolute, never retained. A table that declares no orders switches
nothing. No code of a vendor's own, no state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson

from ingest.codec import Codec, CodecState, Decoded, Place, Reply, canonical_name, parse_json, suggest_by_metrics
from ingest.mapping_table import WORD, Keys, MessageSpec, PointSpec, Table, TimeSpec, fill, word
from ingest.timestamps import to_ms
from power.model import Action, Command, order_number
from sites.model import Device
from sites.readings import NO_TIME

MAX_EACH = 1_000  # entries of one message's lists
MAX_ADDRESS = 200
_NO_TIME = int(NO_TIME)
_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?\Z")
_MISSING: Any = object()
_DIVISORS = {"s": 1e-3, "ms": 1.0, "us": 1e3, "ns": 1e6}
Scopes = list[Any]  # the message's document and, innermost last, the list entries that are being read


def codec_of(table: Table) -> Codec:
    """The codec that a table declares; devices name it by the table's name."""
    by_filter = {message.filter: message for message in table.messages}

    def locate(topic_filter: str, topic: str) -> Place | None:
        message = by_filter[topic_filter]
        found = message.topic.match(topic)
        if found is None:
            return None
        part = f"{message.filter}\n{topic}"  # neither holds a line's end
        if message.words or message.each:
            return Place("", part, None, topic)
        address = str(fill(message.device, found.groupdict()))
        return Place(address, part, None, address)

    def decode(state: CodecState, place: Place, payload: bytes) -> Decoded:
        document, reason = parse_json(payload)
        if reason:
            return Decoded(refusals=[reason])
        if type(document) is not dict:
            return Decoded(refusals=["a message is a JSON object"])
        topic_filter, _, topic = place.part.partition("\n")
        message = by_filter[topic_filter]
        found = message.topic.match(topic)
        assert found is not None, "a place that was not located here"
        if not place.address:
            return _devices(message, document, found.groupdict())
        out = Decoded()
        _entry(message, [document], found.groupdict(), out)
        return out

    def suggest(state: CodecState, place: Place, decoded: Decoded) -> str:
        return table.kind or suggest_by_metrics({name for _, values in decoded.samples for name in values})

    replies = tuple(message.filter for message in table.messages if message.is_reply_only)
    return Codec(
        name=table.name,
        telemetry_filters=tuple(message.filter for message in table.messages if not message.is_reply_only),
        reply_filters=replies,
        locate=locate,
        decode=decode,
        encode_order=lambda device, command: encode_order(table, device, command),
        suggest=suggest,
    )


def _address_words(template: str, address: str) -> dict[str, str]:
    """The words of the device's template back from its address."""
    pattern = "".join(f"(?P<{part}>.+?)" if i % 2 else re.escape(part) for i, part in enumerate(WORD.split(template)))
    found = re.fullmatch(pattern, address)
    return found.groupdict() if found else {}


# -- inward --------------------------------------------------------------------------------------------------------


def _devices(message: MessageSpec, document: dict[str, Any], topic_words: dict[str, str]) -> Decoded:
    """A message whose payload says whose it is, entry by entry."""
    out = Decoded()
    said: dict[str, tuple[Place, Decoded]] = {}
    count = 0
    for scopes in _entries(message.each, [document]):
        count += 1
        if count > MAX_EACH:
            out.refusals.append(f"more than {MAX_EACH} entries in one message")
            break
        words: dict[str, Any] = dict(topic_words)
        for name, keys in message.words.items():
            value = _find(scopes, keys)
            if not isinstance(value, str | int | float) or isinstance(value, bool) or not word(value):
                out.refusals.append(f"{'.'.join(keys)} does not say which device speaks")
                break
            words[name] = word(value)
        else:
            address = str(fill(message.device, words))[:MAX_ADDRESS]
            name = _find(scopes, message.name) if message.name else address
            place = Place(address, message.filter, None, name[:MAX_ADDRESS] if isinstance(name, str) and name else address)
            _entry(message, scopes, words, said.setdefault(address, (place, Decoded()))[1])
    if not count:
        out.refusals.append(f"no list under {'.'.join(message.each[0])}")
    out.others = list(said.values())
    return out


def _entries(each: tuple[Keys, ...], scopes: Scopes) -> Iterator[Scopes]:
    """The chains of list entries that the table wants read one by one."""
    if not each:
        yield scopes
        return
    entries = _dig(scopes[-1], each[0])
    for entry in entries if isinstance(entries, list) else ():
        yield from _entries(each[1:], [*scopes, entry])


def _entry(message: MessageSpec, scopes: Scopes, words: Mapping[str, Any], out: Decoded) -> None:
    """One document (or list entry) into samples, availability and replies."""
    if message.reply is not None and _holds(message.reply.when, scopes):
        _reply(message, scopes, words, out)
        if message.reply.when:
            return  # a reply on a topic that carries measurements too
    if message.online is not None:
        keys, states = message.online
        value = _find(scopes, keys)
        if value is not _MISSING:
            out.online = states.get(word(value))
            if out.online is None:
                out.refusals.append(f"{'.'.join(keys)} {word(value)[:40]!r} says neither online nor offline")
    common_ms = _time(message.time, scopes, out)
    samples: dict[int, dict[str, Any]] = {}
    taken: set[Keys] = set()
    for point in message.points:
        if point.when and not _holds(point.when, scopes):
            continue
        keys, value, at_ms = _value(message, point.paths, scopes, out)
        if value is _MISSING or value is None:
            continue
        taken.add(keys)
        own_ms = _time(point.time, scopes, out) if point.time else at_ms
        for metric, number in _numbers(point, value, out).items():
            samples.setdefault(own_ms if own_ms is not None else common_ms, {})[metric] = number
    if message.rest is not None:
        _rest(message, scopes, taken, common_ms, samples, out)
    out.samples += samples.items()
    if any("closed" in values or any(name.startswith("closed.") for name in values) for values in samples.values()):
        out.replies += [
            Reply(name.partition(".")[2], None, "done", "closed" if value else "open")
            for values in samples.values()
            for name, value in values.items()
            if name.partition(".")[0] == "closed"
        ]


def _rest(message: MessageSpec, scopes: Scopes, taken: set[Keys], common_ms: int, samples: dict[int, dict[str, Any]], out: Decoded) -> None:
    """What no point names: numbers and booleans become points under their own names."""
    assert message.rest is not None
    holder = _find(scopes, message.rest) if message.rest else scopes[-1]
    if not isinstance(holder, dict):
        return
    for field_name in holder:
        keys = (*message.rest, str(field_name))
        if keys in taken:
            continue
        _, value, at_ms = _value(message, (keys,), scopes, out)
        name = canonical_name(str(field_name))
        if isinstance(value, bool | int | float) and name:
            samples.setdefault(at_ms if at_ms is not None else common_ms, {}).setdefault(name, value)


def _value(message: MessageSpec, paths: tuple[Keys, ...], scopes: Scopes, out: Decoded) -> tuple[Keys, Any, int | None]:
    """(path, value, its own time) of the first alternative that is there; the value out of its wrapping object."""
    for keys in paths:
        value = _find(scopes, keys)
        at_ms: int | None = None
        if message.wrap is not None and isinstance(value, dict) and message.wrap[0] in value:
            stamp = value.get(message.wrap[1])
            value = value[message.wrap[0]]
            if stamp is not None:
                told = to_ms(stamp)
                if isinstance(told, str):
                    out.refusals.append(f"{'.'.join(keys)}: {told}; arrival time taken")
                else:
                    at_ms = told
        if value is not _MISSING and not isinstance(value, dict | list):
            return keys, value, at_ms
    return paths[0], _MISSING, None


def _numbers(point: PointSpec, value: Any, out: Decoded) -> Mapping[str, Any]:
    """metric -> value of one field; a refusal where it is none."""
    name = ".".join(point.paths[0])
    if point.words:
        found = point.words.get(word(value))
        if found is None:
            out.refusals.append(f"{name} {word(value)[:40]!r} is none of {', '.join(list(point.words)[:20])}")
            return {}
        return found
    number = _number(value, point.decimal)
    if isinstance(number, str):
        out.refusals.append(f"{name} {number}")
        return {}
    if point.bits:
        if number != int(number) or number < 0:
            out.refusals.append(f"{name} {number:g} is no set of bits")
            return {}
        return {metric: int(number) >> bit & 1 for bit, metric in point.bits.items()}
    if point.factor == 1.0 and not point.offset:
        return {point.metric: number}
    return {point.metric: round(number * point.factor + point.offset, 9)}


def _number(value: Any, decimal: str | None) -> float | int | bool | str:
    """The number, or why it is none. Text counts only where the table declares a decimal separator."""
    if isinstance(value, bool | int | float):
        return value if abs(value) < 1e300 else "is out of the range of numbers"
    if decimal is None or not isinstance(value, str):
        return "is text, not a number"
    text = value.strip() if len(value) <= 64 else ""
    if decimal != ".":
        text = "" if "." in text else text.replace(decimal, ".")
    if not _NUMBER.match(text):
        return f"{value[:40]!r} is not a number with the separator {decimal!r}"
    return float(text)


def _reply(message: MessageSpec, scopes: Scopes, words: Mapping[str, Any], out: Decoded) -> None:
    spec = message.reply
    assert spec is not None
    told = words.get(spec.id_word) if spec.id_word else _find(scopes, spec.id_keys)
    result = _find(scopes, spec.result)
    if told is _MISSING or told is None or isinstance(told, dict | list) or not 0 < len(word(told)) <= 64:
        out.refusals.append("a reply needs the id of its order")
        return
    if result is _MISSING or isinstance(result, dict | list):
        out.refusals.append(f"a reply needs its result under {'.'.join(spec.result)}")
        return
    code = word(result)
    outcome = "done" if code in spec.done else "rejected" if code in spec.rejected else "failed"
    reason = _find(scopes, spec.reason) if spec.reason else ""
    if outcome != "done" and (reason is _MISSING or not reason):
        reason = code
    order_id = f"#{word(told)}" if spec.is_number else word(told)
    out.replies.append(Reply("", order_id, outcome, word(reason)[:500] if isinstance(reason, str | int | float) else ""))


def _holds(when: Mapping[Keys, frozenset[str]], scopes: Scopes) -> bool:
    return all(word(_find(scopes, keys)) in words for keys, words in when.items())


def _find(scopes: Scopes, keys: Keys) -> Any:
    """The value under a path, in the innermost list entry that has it, else further out."""
    for scope in reversed(scopes):
        value = _dig(scope, keys)
        if value is not _MISSING:
            return value
    return _MISSING


def _dig(value: Any, keys: Keys) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, _MISSING)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return _MISSING
        if value is _MISSING:
            return _MISSING
    return value


def _time(spec: TimeSpec | None, scopes: Scopes, out: Decoded) -> int:
    if spec is None:
        return _NO_TIME
    value = _find(scopes, spec.keys)
    if value is _MISSING or value is None or value == "":
        return _NO_TIME
    told = read_time(spec, value)
    if isinstance(told, str):
        out.refusals.append(f"{'.'.join(spec.keys)}: {told}; arrival time taken")
        return _NO_TIME
    return told


def read_time(spec: TimeSpec, value: Any) -> int | str:
    """Epoch ms of a time as a table declares it, or why it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "not a time but a boolean or a structure"
    text = word(value)
    for pattern in spec.patterns:
        found = pattern.match(text[:64])
        if found is not None:
            part = {name: int(digits) for name, digits in found.groupdict().items()}
            clock = (part.get("HH", 0), part.get("mm", 0), part.get("ss", 0), part.get("SSS", 0) * 1000)
            try:
                return round(datetime(part["yyyy"], part["MM"], part["dd"], *clock, tzinfo=spec.zone).timestamp() * 1000)
            except (ValueError, OverflowError):
                return f"{text[:40]!r} is no date"
    for name in spec.formats:
        number = _number(value, ".")
        if name in _DIVISORS and not isinstance(number, str):
            return int(number / _DIVISORS[name]) if 0 < number / _DIVISORS[name] < 4e12 else f"{text[:40]!r} is out of range"
        if name in ("auto", "iso"):
            if name == "auto" and not isinstance(number, str) and len(text) != 8:
                return to_ms(number)
            told = _iso(text, spec)
            if not isinstance(told, str):
                return told
    return f"{text[:40]!r} is not a time as declared ({', '.join((*spec.formats, *('a pattern' for _ in spec.patterns)))})"


def _iso(text: str, spec: TimeSpec) -> int | str:
    """ISO 8601, also compact (`20200401T182505Z`); without an offset in the declared zone."""
    try:
        moment = datetime.fromisoformat(text) if len(text) <= 40 else None
    except ValueError:
        moment = None
    if moment is None:
        return "not ISO 8601"
    if moment.tzinfo is None:
        if spec.zone is None:
            return "no offset from UTC, and the table declares no zone"
        moment = moment.replace(tzinfo=spec.zone)
    try:
        return round(moment.timestamp() * 1000)
    except (OverflowError, ValueError):
        return "out of range"


# -- outward -------------------------------------------------------------------------------------------------------


def encode_order(table: Table, device: Device, command: Command) -> tuple[str, bytes] | str:
    """The table's templates filled in for this order."""
    orders = table.orders
    if orders is None:
        return f"the table {table.name} declares no orders: this device can be heard, not switched"
    channel = command.channel
    if orders.channels is not None:
        if channel not in orders.channels:
            known = ", ".join(repr(name) for name in orders.channels)
            return f"the table {table.name} has no channel {channel!r}; it has {known}"
        channel = orders.channels[channel]
    words: dict[str, Any] = dict(_address_words(table.device, device.address))
    if not words:
        return f"address {device.address!r} is not of the form {table.device!r} that the table {table.name} declares"
    words |= {"id": command.order_id, "number": order_number(command.order_id), "channel": channel}
    words |= {"issued_ms": command.issued_ms, "expires_ms": command.expires_ms}
    topic = str(fill(orders.topic, words))
    if any(sign in topic for sign in "+#\0"):
        return f"the topic {topic[:80]!r} would not be one"
    body = fill(orders.bodies["cut" if command.action is Action.CUT else "restore"], words)
    return topic, body.encode() if isinstance(body, str) else orjson.dumps(body)
