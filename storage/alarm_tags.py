"""What alarms are searched and counted by: all alarms that say the same of it share one row, their *tag*, with their number.

Tags of one rule on one subject share a *place*. A site has some thousand of them and may have millions of alarms: which filters meet, and
how often, is decided exactly on these, so that a list begins at once whatever is asked. Besides, notes for the search and activations for
the figures. Only the projector writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from alarms.model import Alarm, Attention, Signal, Transition
from alarms.queries import AlarmQuery
from sites.records import Scope
from storage import tables
from storage.database import add_missing

# edges of the time to acknowledge, in ms: band 0 was never acknowledged, band 1 is below the first
BANDS_MS = (10_000, 60_000, 180_000, 600_000, 3_600_000)
NO_VERDICT = "none"
_ASKS = frozenset({Signal.RAISED, Signal.STEPPED_UP, Signal.UNSUPPRESSED})
_AT_ONCE = 500
_t = tables.alarm_tags
_p = tables.alarm_places
_OF_PLACE = {"site": "site_id", "zone": "zone_id", "device": "device_id", "kind": "kind", "rule": "rule_id"}
_PLACED = frozenset({*_OF_PLACE, "scope", "q"})
JOINED = _t.join(_p, _p.c.id == _t.c.place_id)
_OF_TAG = ("verdict", "assignee", "is_test", "is_suppressed")


def ack_ms(alarm: Alarm) -> int | None:
    """How long it waited for its acknowledgement."""
    return None if alarm.acknowledged_ms is None else max(0, alarm.acknowledged_ms - alarm.arrived_ms)


def place_of(alarm: Alarm) -> dict[str, Any]:
    """The row of its place; the id follows from what is in it."""
    words = (alarm.rule_name, alarm.rule_name_en, alarm.site_name, alarm.zone_name, alarm.device_name, alarm.device_id, alarm.metric)
    return _identified(
        {
            "site_id": alarm.site_id,
            "zone_id": alarm.zone_id,
            "device_id": alarm.device_id,
            "rule_id": alarm.rule_id,
            "kind": alarm.kind,
            "text": tables.storable("\n".join(words).casefold()),
        }
    )


def tag_of(alarm: Alarm, place_id: int) -> dict[str, Any]:
    """The row of its tag; the id follows from what is in it."""
    waited = ack_ms(alarm)
    tag: dict[str, Any] = {
        "place_id": place_id,
        "verdict": alarm.verdict.value if alarm.verdict else NO_VERDICT,
        "assignee": alarm.assignee or "",
        "severity": int(alarm.severity),
        "ack_band": 0 if waited is None else 1 + sum(waited >= edge for edge in BANDS_MS),
        "is_test": alarm.is_test,
        "is_suppressed": alarm.suppression is not None,
        "is_ended": alarm.ended_ms is not None,
    }
    return _identified(tag) | {"alarms": 0, "last_ms": 0}


def _identified(row: dict[str, Any]) -> dict[str, Any]:
    digest = blake2b("\x1f".join(map(str, row.values())).encode(), digest_size=8).digest()
    return {"id": int.from_bytes(digest, "big") >> 1, **row}


def apply(connection: Connection, alarms: Sequence[Alarm], is_first: bool = False) -> dict[str, int]:
    """Tag these alarms, each the newest of its id, before they are written themselves; the tag's id by alarm. What the records have in a
    newer state is left alone. `is_first`: none was tagged before."""
    a = tables.alarms
    before: dict[str, tuple[int | None, int]] = {}
    for start in range(0, 0 if is_first else len(alarms), _AT_ONCE):
        ids = [alarm.id for alarm in alarms[start : start + _AT_ONCE]]
        for known in connection.execute(select(a.c.id, a.c.tag_id, a.c.seq).where(a.c.id.in_(ids))):
            before[known[0]] = (known[1], known[2])
    made: dict[int, dict[str, Any]] = {}
    places: dict[int, dict[str, Any]] = {}
    tagged: dict[str, int] = {}
    change: Counter[int] = Counter()
    for alarm in alarms:
        old_tag, seq = before.get(alarm.id, (None, 0))
        if seq > alarm.seq:
            continue
        place = place_of(alarm)
        places[place["id"]] = place
        row = tag_of(alarm, place["id"])
        tag = made.setdefault(row["id"], row)
        tag["last_ms"] = max(tag["last_ms"], alarm.raised_ms)
        tagged[alarm.id] = tag["id"]
        change[tag["id"]] += 1
        if old_tag is not None:
            change[old_tag] -= 1
    add_missing(connection, _p, list(places.values()))
    add_missing(connection, _t, list(made.values()))
    moved = [
        {"of": tag_id, "more": more, "at": made[tag_id]["last_ms"] if tag_id in made else 0}
        for tag_id, more in change.items()
        if more or tag_id in made
    ]
    if moved:
        newest = func.max if connection.dialect.name == "sqlite" else func.greatest
        statement = update(_t).where(_t.c.id == bindparam("of"))
        changed = {"alarms": _t.c.alarms + bindparam("more"), "last_ms": newest(_t.c.last_ms, bindparam("at"))}
        connection.execute(statement.values(changed), moved)
    return tagged


def follow(connection: Connection, transitions: Iterable[Transition]) -> None:
    """Keep people's notes for the search, and what the figures count."""
    notes, asks = [], []
    for transition in transitions:
        alarm = transition.alarm
        if transition.note and transition.who is not None:
            note = tables.storable(transition.note.casefold())
            notes.append({"alarm_id": alarm.id, "seq": alarm.seq, "note": note, "raised_ms": alarm.raised_ms})
        is_suppressed = alarm.attention is Attention.SUPPRESSED
        if transition.signal in _ASKS and (is_suppressed or alarm.attention is Attention.UNACKNOWLEDGED):
            same = {name: getattr(alarm, name) for name in ("site_id", "zone_id", "device_id", "rule_id", "subject", "kind", "is_test")}
            asks.append(
                {
                    "alarm_id": alarm.id,
                    "seq": alarm.seq,
                    "at_ms": transition.at_ms,
                    "signal": transition.signal.value,
                    "severity": int(alarm.severity),
                    "is_suppressed": is_suppressed,
                    **same,
                }
            )
    add_missing(connection, tables.alarm_notes, notes)
    add_missing(connection, tables.activations, asks)


def holds(connection: Connection, text: ColumnElement[str], words: str) -> ColumnElement[bool]:
    """Whether a text holds these words as they are: by the database's own search of bytes, which is many times faster than LIKE."""
    find = func.instr if connection.dialect.name == "sqlite" else func.strpos
    return find(text, words) > 0


def conditions(connection: Connection, query: AlarmQuery, sites: Scope) -> dict[str, ColumnElement[Any]]:
    """What a tag must be, by the query's field, as conditions on tags joined with their places (`JOINED`); empty: any."""
    found: dict[str, ColumnElement[Any]] = {}
    if sites is not None:
        found["scope"] = _p.c.site_id.in_(sites)
    if query.state is not None:
        found["state"] = _t.c.is_ended if query.state == "ended" else ~_t.c.is_ended
    if query.severities:
        found["severity"] = _t.c.severity.in_([int(severity) for severity in query.severities])
    columns = {name: _p.c[column] for name, column in _OF_PLACE.items()} | {name: _t.c[name] for name in _OF_TAG}
    for name, column in columns.items():
        wanted = getattr(query, name)
        if wanted is not None:
            found[name] = column == wanted
    if query.ack_from_ms is not None:
        found["ack_from"] = _t.c.ack_band > sum(query.ack_from_ms >= edge for edge in BANDS_MS)
    if query.ack_to_ms is not None:
        found["ack_to"] = (_t.c.ack_band > 0) & (_t.c.ack_band <= 1 + sum(query.ack_to_ms > edge for edge in BANDS_MS))
    if query.q:
        found["q"] = holds(connection, _p.c.text, tables.storable(query.q.casefold()))
    return found


def are_exact(query: AlarmQuery) -> bool:
    """Whether the tags alone say which alarms answer the query, but for its span and its words among notes."""
    edges = (None, 0, *BANDS_MS)
    return query.state in (None, "open", "ended") and query.ack_from_ms in edges and query.ack_to_ms in edges


def meant(wanted: Mapping[str, ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """The same conditions for tags alone: those on places as a list of places, which is looked up once."""
    of_places = [condition for name, condition in wanted.items() if name in _PLACED]
    of_tags = [condition for name, condition in wanted.items() if name not in _PLACED]
    return [*of_tags, _t.c.place_id.in_(select(_p.c.id).where(*of_places))] if of_places else of_tags


def weigh(connection: Connection, wanted: Mapping[str, ColumnElement[Any]]) -> tuple[int, int, int]:
    """(how many alarms the tags that are so have, when the newest of them was raised, how many tags they are)."""
    statement = select(func.coalesce(func.sum(_t.c.alarms), 0), func.coalesce(func.max(_t.c.last_ms), 0), func.count())
    number, last_ms, tags = connection.execute(statement.where(_t.c.alarms > 0, *meant(wanted))).one()
    return int(number), int(last_ms), tags
