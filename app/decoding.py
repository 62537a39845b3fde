"""`sitewarden decode`, and the console's page of the same: what the codecs make of a message, without a broker, a roster or a service."""

from __future__ import annotations

import base64
import binascii
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from app.settings import CommandError
from ingest.codecs import CODECS, REPLY_ROUTES, TELEMETRY_ROUTES
from ingest.describe import describe
from ingest.heard import Message
from ingest.topics import Route


class Codecs:
    """The codecs for the console: their names, and what they make of a message that is pasted, by the site's own table of topics."""

    def __init__(self, routes: Sequence[Route] = (*TELEMETRY_ROUTES, *REPLY_ROUTES)) -> None:
        self._routes = routes

    @property
    def names(self) -> Sequence[str]:
        return tuple(CODECS)

    def describe(self, topic: str, payload: bytes) -> Mapping[str, Any]:
        return next(iter(describe([Message(topic, payload, 0, False, 0)], self._routes)))


def decode_file(topic: str, file: Path | None) -> Iterator[str]:
    """One message: its payload from a file or standard input. Yields one JSON line."""
    payload = sys.stdin.buffer.read() if file is None else _bytes_of(file)
    yield from _lines([Message(topic, payload, 0, False, 0)])


def decode_jsonl(file: Path) -> Iterator[str]:
    """A message a line; what a codec remembers of one line it knows in the next."""
    numbered = enumerate(_bytes_of(file).splitlines(), 1)
    yield from _lines([_message(file, number, line) for number, line in numbered if line.strip()])


def _lines(messages: list[Message]) -> Iterator[str]:
    return (orjson.dumps(told).decode() for told in describe(messages))


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
