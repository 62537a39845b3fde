"""The list of open alarms from the scan's view: filtered, ordered, paged, counted without the records.

Most severe first, unacknowledged before all others, then newest. A cursor names the last alarm given by its place in that order, so
that alarms coming and going between pages neither repeat nor hide the others.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import orjson

from alarms.model import Alarm, Attention
from alarms.queries import AlarmQuery
from api.shapes.alarms import SEVERITY_NAMES
from rules.model import Severity
from sites.records import BadCursor, Scope

SEVERITIES: dict[str, Severity] = {name: severity for severity, name in SEVERITY_NAMES.items()}
Order = tuple[int, bool, int, str]


def open_page(
    alarms: Mapping[str, Alarm], query: AlarmQuery, sites: Scope, cursor: str | None, limit: int
) -> tuple[list[Alarm], str | None]:
    """One page and the next cursor. Raises BadCursor."""
    after = None if cursor is None else _read_cursor(cursor)
    order = _oldest_first if query.oldest_first else _order
    found = sorted((a for a in tuple(alarms.values()) if matches(a, query, sites)), key=order)
    if after is not None:
        found = [a for a in found if order(a) > after]
    page = found[:limit]
    return page, _cursor(order(page[-1])) if len(found) > limit else None


def counted(alarms: Mapping[str, Alarm], query: AlarmQuery, sites: Scope) -> tuple[int, dict[str, dict[str, int]]]:
    """How many there are, and by facet: each facet under all filters but its own, so that the other choices stay visible."""
    present = tuple(alarms.values())

    def under(**lifted: object) -> list[Alarm]:
        return [a for a in present if matches(a, replace(query, **lifted), sites)]  # type: ignore[arg-type]

    states = under(state="open")
    return len(under()), {
        "severity": dict(Counter(SEVERITY_NAMES[a.severity] for a in under(severities=()))),
        "site": dict(Counter(a.site_id for a in under(site=None))),
        "zone": dict(Counter(a.zone_id for a in under(zone=None))),
        "kind": dict(Counter(a.kind for a in under(kind=None))),
        "verdict": dict(Counter(a.verdict.value if a.verdict else "none" for a in under(verdict=None))),
        "state": {**_numbered(a.condition for a in states), **_numbered(a.attention for a in states), "open": len(states)},
    }


def _numbered(words: Iterable[str]) -> dict[str, int]:
    return {str(word): number for word, number in Counter(words).items()}


def matches(alarm: Alarm, query: AlarmQuery, sites: Scope) -> bool:
    """Does this open alarm answer the query, in scope?"""
    words = query.q.casefold()
    return (
        (sites is None or alarm.site_id in sites)
        and (query.state in (None, "open", alarm.condition, alarm.attention))
        and (not query.severities or alarm.severity in query.severities)
        and query.site in (None, alarm.site_id)
        and query.zone in (None, alarm.zone_id)
        and query.device in (None, alarm.device_id)
        and query.kind in (None, alarm.kind)
        and query.rule in (None, alarm.rule_id)
        and query.verdict in (None, alarm.verdict.value if alarm.verdict else "none")
        and query.assignee in (None, alarm.assignee)
        and query.is_test in (None, alarm.is_test)
        and query.is_suppressed in (None, alarm.suppression is not None)
        and _waited(alarm, query)
        and (query.from_ms is None or alarm.raised_ms >= query.from_ms)
        and (query.to_ms is None or alarm.raised_ms < query.to_ms)
        and (not words or any(words in text.casefold() for text in _texts(alarm)))
    )


def _waited(alarm: Alarm, query: AlarmQuery) -> bool:
    """Whether the time to its acknowledgement is within what is asked for; one never acknowledged is not."""
    if query.ack_from_ms is None and query.ack_to_ms is None:
        return True
    if alarm.acknowledged_ms is None:
        return False
    waited_ms = max(0, alarm.acknowledged_ms - alarm.arrived_ms)
    return (query.ack_from_ms or 0) <= waited_ms and (query.ack_to_ms is None or waited_ms < query.ack_to_ms)


def _texts(alarm: Alarm) -> tuple[str, ...]:
    return (alarm.rule_name, alarm.rule_name_en, alarm.site_name, alarm.zone_name, alarm.device_name, alarm.device_id, alarm.subject)


def _order(alarm: Alarm) -> Order:
    return (-alarm.severity, alarm.attention is not Attention.UNACKNOWLEDGED, -alarm.raised_ms, alarm.id)


def _oldest_first(alarm: Alarm) -> Order:
    return (0, False, alarm.raised_ms, alarm.id)


def _cursor(order: Order) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(order)).decode()


def _read_cursor(cursor: str) -> Order:
    try:
        severity, is_acknowledged, raised, alarm_id = orjson.loads(base64.urlsafe_b64decode(cursor))
        return int(severity), bool(is_acknowledged), int(raised), str(alarm_id)
    except (ValueError, TypeError, binascii.Error):
        raise BadCursor(f"cursor {cursor[:80]!r} is not one that this list gave: leave it out to begin at the start") from None
