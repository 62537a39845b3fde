"""`Idempotency-Key` on every POST that acts: the same key and request give the stored answer, and act once.

Answers are kept in the records for a day, and the newest here, so that a repeated click is safe also while the records are away.
A key that comes back with another request is refused. What was refused or failed is not kept: asking again is then harmless.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import orjson
from anyio import move_on_after, to_thread
from starlette.responses import Response

from api.ports import Clock, Records
from api.problems import Problem
from sites.records import Unavailable

log = logging.getLogger("sitewarden.api")
HEADER = "Idempotency-Key"
MOST_LONG = 200
MOST = 2_000
ASK_S = 1.0
AWAY_MS = 5_000
T = TypeVar("T")


class Remembered:
    """Stored answers by (user, key). Called on the loop only."""

    def __init__(self, records: Records, clock: Clock, secret: bytes) -> None:
        self._records, self._clock, self._secret = records, clock, secret
        self._away_until_ms = 0
        self._newest: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._turns: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}

    def fingerprint(self, request: bytes) -> str:
        """Keyed, because a request may hold a password."""
        return hmac.new(self._secret, request, hashlib.sha256).hexdigest()

    async def once(self, user_id: str, key: str, fingerprint: str, act: Callable[[], Coroutine[Any, Any, Response]]) -> Response:
        """`act`'s answer, or the stored one. Two at once with one key: the second waits for the first."""
        slot = (user_id, key)
        turn, waiting = self._turns.get(slot, (asyncio.Lock(), 0))
        self._turns[slot] = (turn, waiting + 1)
        try:
            async with turn:
                stored = self._newest.get(slot) or await self._from_records(slot)
                if stored is not None:
                    return _replay(stored, fingerprint)
                response = await act()
                if 200 <= response.status_code < 300:
                    await self._keep(slot, _pack(response, fingerprint))
                return response
        finally:
            turn, waiting = self._turns.pop(slot)
            if waiting > 1:
                self._turns[slot] = (turn, waiting - 1)

    async def _from_records(self, slot: tuple[str, str]) -> bytes | None:
        return await self._ask(self._records.remembered, *slot)

    async def _keep(self, slot: tuple[str, str], stored: bytes) -> None:
        self._newest[slot] = stored
        while len(self._newest) > MOST:
            self._newest.popitem(last=False)
        await self._ask(self._records.remember, *slot, stored, self._clock.now_ms())

    async def _ask(self, call: Callable[..., T], *arguments: Any) -> T | None:
        """The records' answer, or None where they do not give one soon: a cut never waits for a dead database. What is remembered
        here then serves until the next restart, and an order's own id follows from its key besides."""
        now_ms = self._clock.now_ms()
        if now_ms < self._away_until_ms:
            return None
        with move_on_after(ASK_S):
            try:
                return await to_thread.run_sync(call, *arguments, abandon_on_cancel=True)
            except Unavailable:
                pass
        self._away_until_ms = now_ms + AWAY_MS
        log.warning("the records do not answer: repeated requests are known by what is remembered in memory")
        return None


def _pack(response: Response, fingerprint: str) -> bytes:
    body = base64.b64encode(bytes(response.body)).decode()
    return orjson.dumps({"fingerprint": fingerprint, "status": response.status_code, "body": body, "type": response.media_type})


def _replay(stored: bytes, fingerprint: str) -> Response:
    kept = orjson.loads(stored)
    if kept["fingerprint"] != fingerprint:
        raise Problem(
            422, "key-reused", "The key was used for another request", f"this {HEADER} belongs to another request: make a new one"
        )
    headers = {"Idempotency-Replayed": "true"}
    return Response(base64.b64decode(kept["body"]), kept["status"], headers, kept["type"])
