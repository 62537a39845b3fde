"""Keys of machines at the door: made, hashed, recognised, held to their rate. Only this module knows how a key looks.

A key is `swk_<id>_<secret>`; its hash is keyed like those of session tokens. What was recognised is trusted for 5 s, and while the records
cannot be reached for 12 h, as sessions are.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass

from api.ports import Clock, Records
from api.sessions import FRESH_MS, TRUST_MS, SignedInAs
from sites.keys import ApiKey
from sites.people import Session, User
from sites.records import NotFound, Unavailable

BEGINS = "swk_"
USED_EVERY_MS = 60_000
MOST_KEYS = 10_000


class TooFast(Exception):
    """The key has made its requests of this minute."""

    def __init__(self, wait_ms: int) -> None:
        super().__init__(f"this key has used up its requests: try again in {-(-wait_ms // 1000)} s")
        self.wait_s = max(1, -(-wait_ms // 1000))


@dataclass(slots=True)
class _Known:
    key: ApiKey
    asked_ms: int
    confirmed_ms: int
    left: float  # requests that it may make at once
    filled_ms: int
    used_ms: int


class Keyring:
    """Safe from worker threads; `cached` may be called on the loop."""

    def __init__(self, records: Records, clock: Clock, secret: bytes) -> None:
        self._records, self._clock, self._secret = records, clock, secret
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def make(self) -> tuple[str, str, str, str]:
        """(id, the key itself, its readable prefix, its hash)."""
        key_id = secrets.token_hex(5)
        token = f"{BEGINS}{key_id}_{secrets.token_urlsafe(32)}"
        return key_id, token, f"{BEGINS}{key_id}", self._hash(token)

    def cached(self, token: str) -> SignedInAs | None:
        """Who this is, without asking the records; None: they should be asked. Raises TooFast."""
        now_ms = self._clock.now_ms()
        known = self._known.get(_id_of(token))
        if known is None or now_ms - known.asked_ms > FRESH_MS or not self._fits(known.key, token, now_ms):
            return None
        return self._admit(known, now_ms)

    def find(self, token: str) -> SignedInAs | None:
        """Who this is, or None. Raises TooFast, and Unavailable when neither the records nor the cache can tell."""
        now_ms, key_id = self._clock.now_ms(), _id_of(token)
        known = self._known.get(key_id)
        try:
            key = self._records.key(key_id)
        except NotFound:
            self.forget(key_id)
            return None
        except Unavailable:
            if known is None or now_ms - known.confirmed_ms > TRUST_MS or not self._fits(known.key, token, now_ms):
                raise
            known.asked_ms = now_ms
            return self._admit(known, now_ms)
        if not self._fits(key, token, now_ms):
            return None
        with self._lock:
            if known is None:
                if len(self._known) >= MOST_KEYS:
                    self._known.pop(next(iter(self._known)))
                known = self._known[key_id] = _Known(key, now_ms, now_ms, float(key.rate_per_minute), now_ms, 0)
            known.key, known.asked_ms, known.confirmed_ms = key, now_ms, now_ms
        signed_in = self._admit(known, now_ms)
        if now_ms - known.used_ms >= USED_EVERY_MS:
            known.used_ms = now_ms
            with contextlib.suppress(Unavailable):
                self._records.key_used(key_id, now_ms)
        return signed_in

    def forget(self, key_id: str) -> None:
        """It was changed or revoked here: it is asked for anew."""
        with self._lock:
            self._known.pop(key_id, None)

    def _admit(self, known: _Known, now_ms: int) -> SignedInAs:
        rate = known.key.rate_per_minute
        with self._lock:
            known.left = min(float(rate), known.left + (now_ms - known.filled_ms) * rate / 60_000)
            known.filled_ms = now_ms
            if known.left < 1.0:
                raise TooFast(int((1.0 - known.left) * 60_000 / rate) + 1)
            known.left -= 1.0
        key = known.key
        never = now_ms + TRUST_MS
        session = Session(
            token_hash=key.key_hash,
            user_id=key.user_id,
            csrf="",
            created_ms=key.made_ms,
            expires_ms=key.expires_ms or never,
            proved_ms=now_ms,  # a key has no password to give: what it may do was decided, with one, when it was made
        )
        return SignedInAs(session, User(id=key.user_id, login=key.user_id, name=key.name), key)

    def _fits(self, key: ApiKey, token: str, now_ms: int) -> bool:
        return key.is_good(now_ms) and hmac.compare_digest(key.key_hash, self._hash(token))

    def _hash(self, token: str) -> str:
        return hmac.new(self._secret, token.encode(), hashlib.sha256).hexdigest()


def is_key(token: str) -> bool:
    return token.startswith(BEGINS)


def _id_of(token: str) -> str:
    return token.removeprefix(BEGINS).partition("_")[0][:64]
