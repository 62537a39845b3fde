"""A mapping table as values: a vendor's JSON declared instead of programmed, both ways. `ingest.mapping_parse` reads it from YAML.

What a table may say is in `docs/devices.md`. Nothing here reads messages: `ingest.codecs.mapping` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

Keys = tuple[str, ...]  # a path into a document, key by key; whole numbers index lists
WORD = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class TimeSpec:
    """Where a time is and how it is written. `patterns` are (regular expression of named digits, ...); `zone` for those without offset."""

    keys: Keys
    formats: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    zone: ZoneInfo | None


@dataclass(frozen=True, slots=True)
class PointSpec:
    """One field: alternatives of where it is, then what it becomes. `words` maps a word to metric -> value; `bits` a bit to a metric."""

    paths: tuple[Keys, ...]
    metric: str = ""
    factor: float = 1.0
    offset: float = 0.0
    decimal: str | None = None
    words: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    bits: Mapping[int, str] = field(default_factory=dict)
    when: Mapping[Keys, frozenset[str]] = field(default_factory=dict)
    time: TimeSpec | None = None


@dataclass(frozen=True, slots=True)
class ReplySpec:
    """A device's answer to an order: whose (`id` a path, or a word of the topic), and what. `is_number`: the id is the order's number."""

    when: Mapping[Keys, frozenset[str]]
    id_keys: Keys
    id_word: str
    is_number: bool
    result: Keys
    done: frozenset[str]
    rejected: frozenset[str]
    reason: Keys


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """One kind of message. `device` is a template of words; each word is one of the topic's or a path (`words`)."""

    topic: re.Pattern[str]
    filter: str
    device: str
    words: Mapping[str, Keys]
    name: Keys
    each: tuple[Keys, ...]
    wrap: tuple[str, str] | None  # keys of value and time where a field is an object
    time: TimeSpec | None
    points: tuple[PointSpec, ...]
    rest: Keys | None
    online: tuple[Keys, Mapping[str, bool]] | None
    reply: ReplySpec | None

    @property
    def is_reply_only(self) -> bool:
        return self.reply is not None and not self.points and self.rest is None and self.online is None


@dataclass(frozen=True, slots=True)
class OrderSpec:
    """How an order leaves: topic and body as templates, position words, what a channel is called."""

    topic: str
    bodies: Mapping[str, Any]  # cut, restore
    channels: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    kind: str | None
    device: str  # the template of addresses, of the first message
    messages: tuple[MessageSpec, ...]
    orders: OrderSpec | None


def word(value: Any) -> str:
    """A vendor's word as text: `true`, `5` for 5 and 5.0, otherwise as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def fill(template: Any, words: Mapping[str, Any]) -> Any:
    """The template with `{word}`s filled in; a text that is one word alone becomes the word's value, with its type."""
    if isinstance(template, dict):
        return {str(fill(key, words)): fill(value, words) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, words) for value in template]
    if not isinstance(template, str):
        return template
    alone = WORD.fullmatch(template)
    if alone and alone[1] in words:
        return words[alone[1]]
    found: Callable[[re.Match[str]], str] = lambda match: word(words[match[1]]) if match[1] in words else match[0]  # noqa: E731
    return WORD.sub(found, template)
