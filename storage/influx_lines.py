"""InfluxDB's two languages: readings as line protocol, and quoted InfluxQL. Whatever a device is called, it stays one name.

A measurement is a metric, with tags `device`, `site` and `unit`, and one field `value`. Characters that line protocol cannot carry
(controls, backslash, a leading `#` or `_`, and `%` itself) travel as `%XX`, the same way into writes and into questions.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from storage.projection import HistoryBatch, PointName

POSITION = "sitewarden_position"
GAP = "sitewarden_gap"
STEPS = "sitewarden_steps"
_UNCARRIED = re.compile(r"[\x00-\x1f\x7f\\%]|^[#_]")
_DAY_MS = 86_400_000


def carried(name: str) -> str:
    """A name as InfluxDB keeps it."""
    return _UNCARRIED.sub(lambda found: f"%{ord(found[0]):02X}", name)


def identifier(name: str) -> str:
    """A measurement, field or tag name quoted for InfluxQL."""
    return '"' + carried(name).replace('"', '\\"') + '"'


def literal(text: str) -> str:
    """A tag value quoted for InfluxQL."""
    return "'" + carried(text).replace("'", "\\'") + "'"


def database(name: str) -> str:
    """A database's name quoted for InfluxQL as it is. Raises ValueError for control characters and backslashes."""
    if re.search(r"[\x00-\x1f\x7f\\]", name):
        raise ValueError("a database's name has no control characters and no backslashes")
    return '"' + name.replace('"', '\\"') + '"'


def flux_text(text: str) -> str:
    """A string literal of Flux."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${") + '"'


def measurement_of(name: PointName) -> str:
    """The part of a line before its fields: `metric,device=...,site=...,unit=...`; an empty tag is left out."""
    tags = (("device", name.device_id), ("site", name.site_id), ("unit", name.unit))
    kept = [f"{tag}={_escaped(carried(value), ',= ')}" for tag, value in tags if value]
    return ",".join([_escaped(carried(name.metric), ", "), *kept])


def lines_of(batch: HistoryBatch, name_of: Callable[[int], PointName]) -> tuple[list[str], int]:
    """A line a reading, in order, times in ms; and how many readings have a key that nobody knows and so no line."""
    measurements: dict[int, str] = {}
    for key in set(batch.keys.tolist()):
        try:
            measurements[key] = measurement_of(name_of(key))
        except KeyError:
            continue
    lines = [
        f"{measurements[key]} value={value!r} {taken_ms}"
        for key, value, taken_ms in zip(batch.keys.tolist(), batch.values.tolist(), batch.taken_ms.tolist(), strict=True)
        if key in measurements
    ]
    return lines, len(batch) - len(lines)


def position_line(source: str, batch: HistoryBatch) -> str:
    """The line that says how far `source`'s journal was written: one point a day, overwritten in place, so that it stays short and
    within the retention of the readings."""
    newest_ms = int(batch.taken_ms.max()) if len(batch) else 0
    fields = f"position={batch.position}i,newest_ms={newest_ms}i"
    return f"{POSITION},source={_escaped(carried(source), ',= ')} {fields} {newest_ms // _DAY_MS * _DAY_MS}"


def gap_line(source: str, from_ms: int, to_ms: int) -> str:
    """The line that says that readings of [from_ms, to_ms) were lost."""
    return f"{GAP},source={_escaped(carried(source), ',= ')} from_ms={from_ms}i,to_ms={to_ms}i {to_ms}"


def steps_line(source: str, until_ms: int) -> str:
    """The line that says how far steps were made: one point a day, as the position."""
    return f"{STEPS},source={_escaped(carried(source), ',= ')} until_ms={until_ms}i {until_ms // _DAY_MS * _DAY_MS}"


def _escaped(text: str, characters: str) -> str:
    return "".join(f"\\{character}" if character in characters else character for character in text)
