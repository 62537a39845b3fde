"""Who is signed in. Sessions are kept in the records and here: when the records cannot be reached, people who are signed in go on.

Tokens are random and only their keyed hash is kept; passwords are hashed with argon2id. What is cached is written to a file of the
data directory (mode 0600), so that it outlives a restart, and trusted without the records for at most 12 h. Only this module writes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import threading
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from api.attempts import Attempts
from api.ports import Clock, Records
from api.shapes.people import Person
from sites.keys import ApiKey
from sites.people import Grant, Session, User
from sites.records import NotFound, Unavailable

log = logging.getLogger("sitewarden.api")

SESSION_MS = 12 * 3_600_000  # a shift
IDLE_MS = 4 * 3_600_000  # a session that nobody uses for so long ends; an open live stream uses it
SEEN_EVERY_MS = 60_000
TRUST_MS = 12 * 3_600_000  # without the records
FRESH_MS = 5_000  # a cached session is asked for again after this; also the pause after records that did not answer
PROOF_MS = 10 * 60_000  # restore, rules and people want a password given within this
MOST_SESSIONS = 10_000

# argon2id with the first parameters of OWASP's password storage cheat sheet: 19 MiB and one thread, so that signing in
# takes neither memory nor cores from the scan
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
AT_ONCE = 2  # passwords verified at the same time
_NOBODY = HASHER.hash(secrets.token_hex(16))


class Denied(Exception):
    """Login or password wrong, or the person disabled: which of them is not said."""


class Locked(Exception):
    """Too many attempts."""

    def __init__(self, wait_ms: int) -> None:
        super().__init__(f"too many attempts: try again in {-(-wait_ms // 1000)} s")
        self.wait_s = -(-wait_ms // 1000)


@dataclass(frozen=True, slots=True)
class SignedInAs:
    """`key`: the machine's key, where it is no person."""

    session: Session
    user: User
    key: ApiKey | None = None


@dataclass(slots=True)
class _Cached:
    session: Session
    user: User
    confirmed_ms: int  # when the records last said so
    asked_ms: int  # when they were last asked


class Sessions:
    """Safe from worker threads; only `cached` and `person` may be called on the loop."""

    def __init__(self, records: Records, clock: Clock, secret: bytes, cache_file: Path | None) -> None:
        self._records, self._clock, self._secret, self._file = records, clock, secret, cache_file
        self._lock = threading.Lock()
        self._are_records_away = False
        self._verifying = threading.BoundedSemaphore(AT_ONCE)
        self._cached: dict[str, _Cached] = {}
        self._names: dict[str, str] = {}
        self.attempts = Attempts()
        self._are_attempts_known = False
        self._load()

    # -- passwords -------------------------------------------------------------------------------------------------------

    def verify(self, login: str, password: str, address: str) -> User:
        """The person of this login and password. Raises Denied, Locked, Unavailable."""
        self._learn_attempts()
        wait_ms = self.attempts.begin(login, address, self._clock.now_ms())
        if wait_ms:
            raise Locked(wait_ms)
        user = self._by_login(login)
        hashed = user.password_hash if user and user.password_hash else _NOBODY
        right = False
        with self._verifying, contextlib.suppress(Argon2Error, InvalidHashError):
            right = HASHER.verify(hashed, password)
        is_good = user is not None and right and not user.disabled and user.deleted_ms is None
        if is_good:
            self.attempts.succeeded(login, address)
        self._keep_attempts(login, address, is_good)
        if user is None or not is_good:
            raise Denied("login or password is wrong")
        return user

    def _learn_attempts(self) -> None:
        if not self._are_attempts_known:
            with contextlib.suppress(Unavailable):
                self.attempts.load(self._records.attempts())
                self._are_attempts_known = True

    def _keep_attempts(self, login: str, address: str, is_good: bool) -> None:
        """What was counted outlives a restart; while the records are away it is kept here only."""
        with contextlib.suppress(Unavailable):
            for key, counted in self.attempts.of(login, address).items():
                if counted is not None or is_good:
                    self._records.put_attempt(key, counted)

    def arrived(self, user: User, password: str, address: str) -> None:
        """Signed in: told to the audit; a password hashed with older parameters is hashed anew."""
        hashed = HASHER.hash(password) if HASHER.check_needs_rehash(user.password_hash) else None
        with contextlib.suppress(Unavailable):
            self._records.signed_in(user.id, self._clock.now_ms(), address, hashed)

    def _by_login(self, login: str) -> User | None:
        try:
            return self._records.user_by_login(login)
        except Unavailable:
            with self._lock:
                known = [c.user for c in self._cached.values() if c.user.login == login and self._is_trusted(c)]
            if not known:
                raise
            return known[0]

    # -- sessions --------------------------------------------------------------------------------------------------------

    def open(self, user: User, address: str = "", agent: str = "") -> tuple[str, SignedInAs]:
        """A new session: (token, it), opened from this address by this program. Raises Unavailable."""
        token, now_ms = secrets.token_urlsafe(32), self._clock.now_ms()
        session = Session(
            token_hash=self._hash(token),
            user_id=user.id,
            csrf=secrets.token_urlsafe(24),
            created_ms=now_ms,
            expires_ms=now_ms + SESSION_MS,
            proved_ms=now_ms,
            seen_ms=now_ms,
            address=address[:100],
            agent=agent[:200],
        )
        self._records.put_session(session)
        self._keep(_Cached(session, user, now_ms, now_ms))
        return token, SignedInAs(session, user)

    def prove(self, session: Session) -> Session:
        """The password was given again. Goes on without the records."""
        proved = replace(session, proved_ms=self._clock.now_ms())
        with self._lock:
            cached = self._cached.get(session.token_hash)
            if cached is not None:
                cached.session = proved
        try:
            self._records.put_session(proved)
        except Unavailable:
            log.warning("a password proof could not be recorded; it holds until the records answer again")
        self._save()
        return proved

    def close(self, token_hash: str) -> None:
        """Signed out. Raises Unavailable when the records could not be told; the session is gone here all the same."""
        with self._lock:
            self._cached.pop(token_hash, None)
        self._save()
        self._records.drop_session(token_hash)

    def cached(self, token: str) -> SignedInAs | None:
        """Who this is, without asking the records: None when they should be asked."""
        now_ms = self._clock.now_ms()
        cached = self._cached.get(self._hash(token))
        if cached is None or not self._is_trusted(cached):
            return None
        if now_ms - cached.asked_ms > FRESH_MS:
            if not self._are_records_away:
                return None
            # nobody waits for records that did not answer: they are asked behind
            cached.asked_ms = now_ms
            if self._alive(cached.session, cached.user):
                cached.session = replace(cached.session, seen_ms=now_ms)
            threading.Thread(target=self._ask_behind, args=(token,), name="session", daemon=True).start()
        return self._alive(cached.session, cached.user)

    def find(self, token: str) -> SignedInAs | None:
        """Who this is, or None. Raises Unavailable when neither the records nor the cache can tell."""
        token_hash, now_ms = self._hash(token), self._clock.now_ms()
        try:
            session = self._records.session(token_hash)
            user = self._records.user(session.user_id) if session else None
            self._are_records_away = False
        except NotFound:
            session = user = None
        except Unavailable:
            self._are_records_away = True
            with self._lock:
                cached = self._cached.get(token_hash)
                if cached is None or not self._is_trusted(cached):
                    raise
                cached.asked_ms = now_ms
                alive = self._alive(cached.session, cached.user)
                if alive:
                    cached.session = replace(cached.session, seen_ms=now_ms)
            return alive
        if session is None or user is None or self._alive(session, user) is None:
            with self._lock:
                self._cached.pop(token_hash, None)
            return None
        if now_ms - session.seen_ms >= SEEN_EVERY_MS:
            session = replace(session, seen_ms=now_ms)
            with contextlib.suppress(Unavailable):
                self._records.seen(token_hash, now_ms)
        self._keep(_Cached(session, user, now_ms, now_ms))
        return SignedInAs(session, user)

    def _ask_behind(self, token: str) -> None:
        with contextlib.suppress(Unavailable):
            self.find(token)

    def user_changed(self, user: User) -> None:
        """A person was edited here: every session of theirs sees it at once."""
        with self._lock:
            self._names[user.id] = user.name
            for cached in self._cached.values():
                if cached.user.id == user.id:
                    cached.user = user
        self._save()

    def ended(self, user_id: str, token_hashes: Collection[str] | None = None, keep: str | None = None) -> None:
        """Sessions of a person were ended in the records (None: all but `keep`): they end here too."""
        with self._lock:
            for token_hash in [h for h, c in self._cached.items() if c.user.id == user_id and h != keep]:
                if token_hashes is None or token_hash in token_hashes:
                    del self._cached[token_hash]
        self._save()

    # -- names -----------------------------------------------------------------------------------------------------------

    def person(self, user_id: str | None) -> Person | None:
        """Who that is, for a screen (the id where the name is not known yet); None: the service itself."""
        return None if user_id is None else {"id": user_id, "name": self._names.get(user_id, user_id)}

    def name(self, user_id: str, name: str) -> None:
        """One name more."""
        with self._lock:
            self._names[user_id] = name

    def learn_names(self) -> None:
        """Read everybody's name. Keeps what is known when the records cannot be reached."""
        try:
            names = {user.id: user.name for user in self._records.users()} | {key.user_id: key.name for key in self._records.api_keys()}
        except Unavailable:
            return
        with self._lock:
            self._names.update(names)

    # -- the cache -------------------------------------------------------------------------------------------------------

    def hash_of(self, token: str) -> str:
        """What is kept of a random token."""
        return self._hash(token)

    def _hash(self, token: str) -> str:
        return hmac.new(self._secret, token.encode(), hashlib.sha256).hexdigest()

    def _alive(self, session: Session, user: User) -> SignedInAs | None:
        now_ms = self._clock.now_ms()
        is_used = now_ms - max(session.seen_ms, session.created_ms) < IDLE_MS
        is_welcome = not user.disabled and user.deleted_ms is None
        return SignedInAs(session, user) if session.expires_ms > now_ms and is_used and is_welcome else None

    def _is_trusted(self, cached: _Cached) -> bool:
        return self._clock.now_ms() - cached.confirmed_ms < TRUST_MS

    def _keep(self, cached: _Cached) -> None:
        now_ms = self._clock.now_ms()
        with self._lock:
            old = self._cached.get(cached.session.token_hash)
            self._cached[cached.session.token_hash] = cached
            self._names[cached.user.id] = cached.user.name
            for token_hash in [h for h, c in self._cached.items() if c.session.expires_ms <= now_ms]:
                del self._cached[token_hash]
            while len(self._cached) > MOST_SESSIONS:
                del self._cached[next(iter(self._cached))]
        # a write a minute and session is enough: the file only has to be right within the 12 h
        if old is None or old.user != cached.user or old.session != cached.session or now_ms - old.confirmed_ms > 60_000:
            self._save()

    def _save(self) -> None:
        if self._file is None:
            return
        with self._lock:
            rows = [{"session": asdict(c.session), "user": asdict(c.user), "confirmed_ms": c.confirmed_ms} for c in self._cached.values()]
            try:
                beside = self._file.with_suffix(".new")
                with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                    out.write(orjson.dumps(rows))
                beside.replace(self._file)
            except OSError as error:
                log.warning("sessions could not be cached on disk: %s", error)

    def _load(self) -> None:
        if self._file is None or not self._file.exists():
            return
        try:
            rows: list[dict[str, Any]] = orjson.loads(self._file.read_bytes())
            for row in rows:
                grants = tuple(Grant(**g) for g in row["user"].pop("grants"))
                cached = _Cached(Session(**row["session"]), User(**row["user"], grants=grants), row["confirmed_ms"], 0)
                self._cached[cached.session.token_hash] = cached
                self._names[cached.user.id] = cached.user.name
        except (OSError, ValueError, TypeError, KeyError) as error:
            log.warning("cached sessions could not be read, people sign in again: %s", error)
            self._cached.clear()
