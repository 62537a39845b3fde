"""Mapping tables read from YAML and checked whole.

`load` reads folders. Whatever a table may not say is a `MappingError` that names file, field, what was given and what is allowed; an
order that would change a position instead of naming one is never accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from ingest.codec import canonical_name
from ingest.mapping_table import WORD, Keys, MessageSpec, OrderSpec, PointSpec, ReplySpec, Table, TimeSpec, fill, word
from sites.metrics import METRICS, base_metric, unit_of
from sites.model import DEVICE_KINDS

MAX_FILE = 262_144

# (unit on the wire, unit of the metric) -> factor
UNITS: dict[tuple[str, str], float] = {
    ("MPa", "kPa"): 1000.0, ("bar", "kPa"): 100.0, ("hPa", "kPa"): 0.1, ("mbar", "kPa"): 0.1, ("Pa", "kPa"): 0.001,
    ("A", "mA"): 1000.0, ("mA", "A"): 0.001, ("kV", "V"): 1000.0, ("mV", "V"): 0.001, ("kW", "W"): 1000.0, ("MW", "W"): 1e6,
    ("Wh", "kWh"): 0.001, ("MWh", "kWh"): 1000.0, ("cm", "m"): 0.01, ("mm", "m"): 0.001,
    ("m3/h", "L/s"): 1 / 3.6, ("L/min", "L/s"): 1 / 60, ("m3/s", "L/s"): 1000.0,
}  # fmt: skip
# words that change a position instead of naming one: arriving twice, they would switch on again
TOGGLES = ("toggle", "flip", "invert", "reverse", "alternate", "翻转", "切换", "取反", "反转")
TIME_FORMATS = ("auto", "iso", "s", "ms", "us", "ns")
_PATTERN = re.compile(r"yyyy|MM|dd|HH|mm|ss|SSS")
_WIDTHS = {"yyyy": 4, "MM": 2, "dd": 2, "HH": 2, "mm": 2, "ss": 2, "SSS": 3}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")
ORDER_WORDS = ("id", "number", "channel", "position", "issued_ms", "expires_ms")


class MappingError(Exception):
    """A table that cannot be: which file and field, what was given, what is allowed."""


class _Loader(yaml.SafeLoader):
    """YAML in which only `true` and `false` are booleans: vendors say `on` and `off`."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the library's way
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load(folders: Iterable[Path]) -> dict[str, Table]:
    """All tables of these folders by name; a later folder's table takes the place of an earlier one's. Raises MappingError."""
    tables: dict[str, Table] = {}
    for folder in folders:
        if not folder.is_dir():
            raise MappingError(f"{folder}: is no folder; a folder of *.yaml tables is allowed")
        here: dict[str, Path] = {}
        for file in sorted(folder.glob("*.yaml")):
            table = read(file)
            if table.name in here:
                raise MappingError(f"{file}: name: given {table.name!r}; {here[table.name].name} has that name already")
            here[table.name], tables[table.name] = file, table
    taken: dict[str, str] = {}
    for table in tables.values():
        for message in table.messages:
            if message.filter in taken:
                raise MappingError(f"table {table.name}: topic: {message.filter} is taken by table {taken[message.filter]} already")
            taken[message.filter] = table.name
    return tables


def read(file: Path) -> Table:
    """One table from its file. Raises MappingError."""
    try:
        text = file.read_text(encoding="utf-8")
        document = yaml.load(text, _Loader) if len(text) <= MAX_FILE else None
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{file}: cannot be read: {error}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise MappingError(f"{file}: is not YAML: {' '.join(str(error).split())[:200]}") from None
    return parse(document, str(file))


def parse(document: Any, source: str) -> Table:
    """One table from its parsed YAML. Raises MappingError."""
    top = _Field(document, source, "").fields("name", "title", "kind", "messages", "orders")
    name = top["name"].text(_NAME, "lower case letters, digits and hyphens, at most 40")
    kind = top["kind"].one_of(DEVICE_KINDS) if "kind" in top else None
    messages = tuple(_message(entry) for entry in top["messages"].entries())
    orders = _orders(top["orders"], messages) if "orders" in top else None
    return Table(name, kind, messages[0].device, messages, orders)


class _Field:
    """A value of the document that knows where it stands; `refuse` says so."""

    def __init__(self, value: Any, source: str, where: str) -> None:
        self.value = value
        self._source = source
        self._where = where

    def refuse(self, allowed: str) -> MappingError:
        return MappingError(f"{self._source}: {self._where or 'the table'}: given {str(self.value)[:80]!r}; allowed: {allowed}")

    def at(self, key: Any, value: Any) -> _Field:
        return _Field(value, self._source, f"{self._where}.{key}".lstrip("."))

    def fields(self, *allowed: str) -> dict[str, _Field]:
        if not isinstance(self.value, dict):
            raise self.refuse(f"an object with {', '.join(allowed)}")
        for key in self.value:
            if key not in allowed:
                raise self.at(key, self.value[key]).refuse(f"no such field; the fields are {', '.join(allowed)}")
        return _Present({str(key): self.at(key, value) for key, value in self.value.items()}, self)

    def members(self) -> dict[str, _Field]:
        if not isinstance(self.value, dict) or not self.value:
            raise self.refuse("an object")
        return {word(key): self.at(key, value) for key, value in self.value.items()}

    def entries(self) -> list[_Field]:
        if not isinstance(self.value, list) or not self.value:
            raise self.refuse("a list with at least one entry")
        return [self.at(i + 1, value) for i, value in enumerate(self.value)]

    def text(self, pattern: re.Pattern[str] | None = None, allowed: str = "a text") -> str:
        if not isinstance(self.value, str) or not self.value or (pattern and not pattern.match(self.value)):
            raise self.refuse(allowed)
        return self.value

    def one_of(self, allowed: Iterable[str]) -> str:
        if self.value not in tuple(allowed):
            raise self.refuse(", ".join(allowed))
        return str(self.value)

    def number(self) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or abs(self.value) > 1e12:
            raise self.refuse("a number")
        return float(self.value)

    def keys(self) -> Keys:
        if not isinstance(self.value, str | int) or isinstance(self.value, bool) or not str(self.value):
            raise self.refuse("a path such as service.data.devId")
        return tuple(str(self.value).split("."))

    def metric(self) -> str:
        name = self.text(allowed="a metric's name")
        if canonical_name(name) != name:
            raise self.refuse(f"a metric's name in lower snake case, such as {canonical_name(name) or 'temperature'}")
        return name


class _Present(dict[str, _Field]):
    """The fields that are there; one that is missing is refused by name."""

    def __init__(self, found: dict[str, _Field], of: _Field) -> None:
        super().__init__(found)
        self._of = of

    def __missing__(self, key: str) -> _Field:
        raise self._of.at(key, None).refuse("it is required")


# -- messages ------------------------------------------------------------------------------------------------------


def _message(given: _Field) -> MessageSpec:
    f = given.fields("topic", "device", "words", "name", "each", "wrap", "time", "points", "rest", "online", "reply")
    topic = f["topic"].text()
    pattern, topic_words, topic_filter = _topic(f["topic"])
    paths = {name: path.keys() for name, path in f["words"].members().items()} if "words" in f else {}
    template = f["device"].text()
    known = {*topic_words, *paths}
    wanted = WORD.findall(template)
    if not wanted or not set(wanted) <= known:
        raise f["device"].refuse(f"a template of the words {', '.join(f'{{{name}}}' for name in sorted(known)) or '(none: name some)'}")
    each: tuple[Keys, ...] = ()
    if "each" in f:
        each = tuple(e.keys() for e in f["each"].entries()) if isinstance(f["each"].value, list) else (f["each"].keys(),)
    wrap = None
    if "wrap" in f:
        w = f["wrap"].fields("value", "time")
        wrap = (w["value"].text(), w["time"].text() if "time" in w else "")
    online = None
    if "online" in f:
        o = f["online"].fields("path", "online", "offline")
        words = {word(w.value): True for w in o["online"].entries()} | {word(w.value): False for w in o["offline"].entries()}
        online = (o["path"].keys(), words)
    message = MessageSpec(
        topic=pattern,
        filter=topic_filter,
        device=template,
        words={name: keys for name, keys in paths.items() if name not in topic_words},
        name=f["name"].keys() if "name" in f else (),
        each=each,
        wrap=wrap,
        time=_time(f["time"]) if "time" in f else None,
        points=tuple(_point(entry) for entry in f["points"].entries()) if "points" in f else (),
        rest=(() if f["rest"].value == "." else f["rest"].keys()) if "rest" in f else None,
        online=online,
        reply=_reply(f["reply"], topic_words) if "reply" in f else None,
    )
    if not message.points and message.rest is None and message.online is None and message.reply is None:
        raise given.refuse(f"at least one of points, rest, online, reply (topic {topic})")
    return message


def _topic(given: _Field) -> tuple[re.Pattern[str], list[str], str]:
    """`a/{word}/x={other}/#` -> (regular expression, words, MQTT filter)."""
    topic = given.text()
    levels = topic.split("/")
    if any("+" in level or ("#" in level and (level != "#" or level is not levels[-1])) for level in levels):
        raise given.refuse("levels with {word} where they differ, and # as the last level only")
    names = WORD.findall(topic)
    if len(set(names)) != len(names):
        raise given.refuse("each {word} once")
    parts = []
    for level in levels:
        if level == "#":
            parts.append(".*")
            continue
        pieces = WORD.split(level)
        parts.append("".join(f"(?P<{piece}>[^/]+?)" if i % 2 else re.escape(piece) for i, piece in enumerate(pieces)))
    topic_filter = "/".join("+" if "{" in level else level for level in levels)
    return re.compile("/".join(parts) + r"\Z"), names, topic_filter


def _time(given: _Field) -> TimeSpec:
    f = given.fields("path", "format", "zone")
    formats: list[str] = []
    patterns: list[re.Pattern[str]] = []
    told = f.get("format", given.at("format", "auto"))
    for entry in told.entries() if isinstance(told.value, list) else [told]:
        name = entry.text()
        if name in TIME_FORMATS:
            formats.append(name)
        elif "yyyy" in name:
            patterns.append(_digits(entry))
        else:
            raise entry.refuse(f"{', '.join(TIME_FORMATS)}, or a pattern of yyyy MM dd HH mm ss SSS")
    zone = None
    if "zone" in f:
        try:
            zone = ZoneInfo(f["zone"].text())
        except (OSError, ValueError, KeyError):
            raise f["zone"].refuse("an IANA zone such as Asia/Shanghai") from None
    if patterns and zone is None:
        raise given.at("zone", None).refuse("the IANA zone that the local time is in, such as Asia/Shanghai")
    return TimeSpec(f["path"].keys(), tuple(formats), tuple(patterns), zone)


def _digits(given: _Field) -> re.Pattern[str]:
    """`yyyyMMddHHmmssSSS` -> a regular expression with these as named groups."""
    text = given.text()
    tokens = _PATTERN.findall(text)
    if len(set(tokens)) != len(tokens) or not {"yyyy", "MM", "dd"} <= set(tokens):
        raise given.refuse("a pattern with yyyy, MM and dd, each of yyyy MM dd HH mm ss SSS at most once")
    out, at = "", 0
    for found in _PATTERN.finditer(text):
        out += re.escape(text[at : found.start()]) + rf"(?P<{found[0]}>\d{{{_WIDTHS[found[0]]}}})"
        at = found.end()
    return re.compile(out + re.escape(text[at:]) + r"\Z")


def _when(given: _Field) -> dict[Keys, frozenset[str]]:
    out: dict[Keys, frozenset[str]] = {}
    for path, values in given.members().items():
        listed = values.value if isinstance(values.value, list) else [values.value]
        out[tuple(path.split("."))] = frozenset(word(value) for value in listed)
    return out


def _point(given: _Field) -> PointSpec:
    f = given.fields("path", "metric", "unit", "scale", "offset", "decimal", "map", "bits", "when", "time")
    paths = f["path"].entries() if isinstance(f["path"].value, list) else [f["path"]]
    metric = f["metric"].metric() if "metric" in f else ""
    factor = f["scale"].number() if "scale" in f else 1.0
    if "unit" in f:
        factor *= _unit(f["unit"], metric)
    words = _words(f["map"], metric) if "map" in f else {}
    bits: dict[int, str] = {}
    if "bits" in f:
        for bit, told in f["bits"].members().items():
            if not bit.isdigit() or int(bit) > 63:
                raise told.refuse("bits are numbered 0 to 63")
            bits[int(bit)] = told.metric()
    if not metric and not bits and not all(isinstance(value, dict) for value in (f["map"].value if "map" in f else {"": 0}).values()):
        raise given.refuse("a point has a metric, or bits, or a map whose values name their metrics")
    decimal = f["decimal"].one_of((".", ",", "_")) if "decimal" in f else None
    return PointSpec(
        paths=tuple(path.keys() for path in paths),
        metric=metric,
        factor=factor,
        offset=f["offset"].number() if "offset" in f else 0.0,
        decimal=decimal,
        words=words,
        bits=bits,
        when=_when(f["when"]) if "when" in f else {},
        time=_time(f["time"]) if "time" in f else None,
    )


def _unit(given: _Field, metric: str) -> float:
    unit, ours = given.text(), unit_of(metric)
    if unit == ours:
        return 1.0
    factor = UNITS.get((unit, ours))
    if factor is None:
        known = [ours, *(wire for wire, of in UNITS if of == ours)] if ours else []
        raise given.refuse(f"for {metric or 'no metric'}: {', '.join(known) or 'no unit, it has none'}")
    return factor


def _words(given: _Field, own: str) -> dict[str, dict[str, float]]:
    out: dict[str, dict[str, float]] = {}
    for name, told in given.members().items():
        if isinstance(told.value, dict):
            inside = {word(key): told.at(key, value) for key, value in told.value.items()}  # empty: known, and tells nothing
            out[name] = {told.at(metric, metric).metric(): _plausible(value, metric) for metric, value in inside.items()}
        elif not own:
            raise told.refuse("an object of metrics and their values, because the point names no metric")
        else:
            out[name] = {own: _plausible(told, own)}
    return out


def _plausible(given: _Field, metric: str) -> float:
    value = float(given.value) if isinstance(given.value, bool) else given.number()
    known = METRICS.get(base_metric(metric))
    if known is not None and not known.low <= value <= known.high:
        raise given.refuse(f"{metric} is {known.low:g} to {known.high:g}")
    return value


def _reply(given: _Field, topic_words: list[str]) -> ReplySpec:
    f = given.fields("when", "id", "number", "result", "reason")
    if ("id" in f) == ("number" in f):
        raise given.refuse("either id (the order's id) or number (its number) says whose reply it is; without one the state alone confirms")
    told = f["id"] if "id" in f else f["number"]
    inside = WORD.fullmatch(str(told.value))
    if inside and inside[1] not in topic_words:
        raise told.refuse(f"a word of the topic ({', '.join(topic_words)}) or a path")
    result = f["result"].fields("path", "done", "rejected")
    return ReplySpec(
        when=_when(f["when"]) if "when" in f else {},
        id_keys=() if inside else told.keys(),
        id_word=inside[1] if inside else "",
        is_number="number" in f,
        result=result["path"].keys(),
        done=frozenset(word(value.value) for value in result["done"].entries()),
        rejected=frozenset(word(value.value) for value in result["rejected"].entries()) if "rejected" in result else frozenset(),
        reason=f["reason"].keys() if "reason" in f else (),
    )


# -- orders --------------------------------------------------------------------------------------------------------


def _orders(given: _Field, messages: tuple[MessageSpec, ...]) -> OrderSpec:
    f = given.fields("topic", "body", "cut", "restore", "positions", "channels")
    known = {*WORD.findall(messages[0].device), *ORDER_WORDS}
    _absolute(f["topic"], f["topic"].text())
    _known_words(f["topic"], f["topic"].text(), known)
    if "body" in f:
        positions = f["positions"].fields("cut", "restore")
        told = {action: positions[action] for action in ("cut", "restore")}
        for position in told.values():
            _absolute(position, position.value)
        if word(told["cut"].value) == word(told["restore"].value):
            raise f["positions"].refuse("two different words: the same for cut and restore is no position")
        if "{position}" not in str(f["body"].value):
            raise f["body"].refuse("a template with {position}: an order says the position it wants")
        bodies = {action: fill(f["body"].value, {"position": position.value}) for action, position in told.items()}
    else:
        bodies = {action: f[action].value for action in ("cut", "restore")}
        if bodies["cut"] == bodies["restore"]:
            raise given.refuse("two different bodies: the same for cut and restore is no position")
    for action, body in bodies.items():
        _absolute(f["body"] if "body" in f else f[action], body)
        _known_words(f["body"] if "body" in f else f[action], str(body), known)
    channels = None
    if "channels" in f:
        channels = {"" if channel in ("", "only") else channel: told.text() for channel, told in f["channels"].members().items()}
    return OrderSpec(f["topic"].text(), bodies, channels)


def _known_words(given: _Field, template: str, known: set[str]) -> None:
    unknown = sorted(set(WORD.findall(template)) - known)
    if unknown:
        raise given.refuse(f"the words {', '.join(f'{{{name}}}' for name in sorted(known))}, not {', '.join(unknown)}")


def _absolute(given: _Field, value: Any) -> None:
    """Refuse whatever changes a position instead of naming one."""
    if isinstance(value, dict):
        for key, inside in value.items():
            _absolute(given, key)
            _absolute(given, inside)
    elif isinstance(value, list):
        for inside in value:
            _absolute(given, inside)
    elif isinstance(value, str) and any(toggle in value.lower() for toggle in TOGGLES):
        raise given.refuse(f"an absolute position; {value!r} changes the present one, and arriving twice it would switch on again")
