"""Topics: which codec takes which filter, what to subscribe on which connection, and the native topic's grammar.

The routes are a table, first match wins; a site may put its own rows before the shipped ones. Nothing here reads payloads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sites.model import ID_PATTERN

NATIVE_ROOT = "sitewarden/v1"


class Route(NamedTuple):
    """Messages on topics matching `filter` are for `codec`."""

    filter: str
    codec: str


class NativeTopic(NamedTuple):
    site_id: str
    device_id: str
    part: str  # telemetry, status, command, reply


def matches(topic_filter: str, topic: str) -> bool:
    """MQTT matching of a topic against a filter with `+` and `#` (MQTT 5, 4.7): wildcards at the root never match `$...`."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    return _fits(topic_filter.split("/"), topic.split("/"))


class Router:
    """The table made ready: a topic is compared only with rows whose first level can match, in the table's order."""

    def __init__(self, routes: Sequence[Route]) -> None:
        rows = [(number, route, tuple(route.filter.split("/"))) for number, route in enumerate(routes)]
        self._wild = [row for row in rows if row[2][0] in ("+", "#")]
        firsts = {row[2][0] for row in rows} - {"+", "#"}
        self._by_first = {first: sorted([*self._wild, *(row for row in rows if row[2][0] == first)]) for first in firsts}

    def find(self, topic: str) -> Iterator[Route]:
        """The rows that match, best first; what their codec has no place for is the next one's."""
        words = topic.split("/")
        rows = self._by_first.get(words[0])
        if rows is None:
            rows = [] if topic.startswith("$") else self._wild
        return (route for _, route, wanted in rows if _fits(wanted, words))


def _fits(wanted: Sequence[str], words: Sequence[str]) -> bool:
    for i, want in enumerate(wanted):
        if want == "#":
            return i == len(wanted) - 1
        if i >= len(words) or (want != "+" and want != words[i]):
            return False
    return len(wanted) == len(words)


def parse_native(topic: str) -> NativeTopic | None:
    """`sitewarden/v1/{site}/{device}/{part}`, or None when it is none of ours."""
    words = topic.split("/")
    if len(words) != 5 or words[0] != "sitewarden" or words[1] != "v1":
        return None
    site_id, device_id, part = words[2:]
    if not ID_PATTERN.match(site_id) or not ID_PATTERN.match(device_id):
        return None
    return NativeTopic(site_id, device_id, part)


def native_topic(site_id: str, device_id: str, part: str) -> str:
    return f"{NATIVE_ROOT}/{site_id}/{device_id}/{part}"


def filters_of(routes: Sequence[Route]) -> tuple[str, ...]:
    """The filters to subscribe for these routes, each once, in order."""
    return tuple(dict.fromkeys(route.filter for route in routes))
