"""`sitewarden decode`, and the console's page of the same: what the codecs make of a message, without a broker, a roster or a service."""

from __future__ import annotations

import base64
import binascii
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from app.settings import CommandError, Settings, SettingsError
from ingest.codec import Codec
from ingest.codecs import catalogue, table
from ingest.describe import describe
from ingest.heard import Message
from ingest.mapping_parse import MappingError
from ingest.topics import Route


class Codecs:
    """A site's codecs, declared mappings among them, and its table of topics: what is subscribed, and what a message would become.
    Raises SettingsError."""

    def __init__(self, settings: Settings) -> None:
        try:
            self.by_name: dict[str, Codec] = catalogue(settings.mappings_dir)
            routes = table(settings.codecs, settings.routes, settings.zigbee2mqtt_base, self.by_name)
        except MappingError as error:
            raise SettingsError(f"setting mappings_dir: {error}") from None
        except ValueError as error:
            raise SettingsError(f"settings codecs, routes: {error}") from None
        self.telemetry: tuple[Route, ...] = routes[0]
        self.replies: tuple[Route, ...] = routes[1]

    @property
    def routes(self) -> tuple[Route, ...]:
        return (*self.telemetry, *self.replies)

    @property
    def names(self) -> Sequence[str]:
        return tuple(self.by_name)

    def describe(self, topic: str, payload: bytes) -> Mapping[str, Any]:
        return next(iter(describe([Message(topic, payload, 0, False, 0)], self.routes, self.by_name)))


def decode_file(codecs: Codecs, topic: str, file: Path | None) -> Iterator[str]:
    """One message: its payload from a file or standard input. Yields one JSON line."""
    payload = sys.stdin.buffer.read() if file is None else _bytes_of(file)
    yield from _lines(codecs, [Message(topic, payload, 0, False, 0)])


def decode_jsonl(codecs: Codecs, file: Path) -> Iterator[str]:
    """A message a line; what a codec remembers of one line it knows in the next."""
    numbered = enumerate(_bytes_of(file).splitlines(), 1)
    yield from _lines(codecs, [_message(file, number, line) for number, line in numbered if line.strip()])


def _lines(codecs: Codecs, messages: list[Message]) -> Iterator[str]:
    return (orjson.dumps(told).decode() for told in describe(messages, codecs.routes, codecs.by_name))


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None


def _message(file: Path, number: int, line: bytes) -> Message:
    try:
        given = orjson.loads(line)
        topic, payload = given["topic"], given.get("payload")
        if "payload_b64" in given:
            raw = base64.b64decode(given["payload_b64"], validate=True)
        else:
            raw = payload.encode() if isinstance(payload, str) else orjson.dumps(given["payload"])
        return Message(str(topic), raw, int(given.get("qos", 0)), bool(given.get("retain", False)), int(given.get("arrived_ms", 0)))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        wanted = '{"topic": "...", "payload": "..."} or {"topic": "...", "payload_b64": "..."}'
        raise CommandError(f"{file} line {number}: a line is {wanted}; this one is {line[:80].decode(errors='replace')}") from None
