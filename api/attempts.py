"""How often a password may be tried: per login and per address, with a lock that doubles. Bounded; the records keep it over restarts.

An attempt is counted before the password is verified, so that many at once gain nothing; a right password clears its login's count.
Whoever is signed in already is not touched by a lock.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

MOST_KEYS = 10_000
FREE_PER_LOGIN, FREE_PER_ADDRESS = 5, 30
LONGEST_LOCK_MS = 15 * 60_000
FORGET_MS = 60 * 60_000


class Attempts:
    """Counts by key, the least recently touched forgotten first."""

    def __init__(self) -> None:
        self._counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()  # key -> (failures, locked until, last)
        self._lock = threading.Lock()

    def begin(self, login: str, address: str, now_ms: int) -> int:
        """Count one attempt. Returns the ms to wait: 0 when it may be made now (else it is not counted)."""
        keys = ((f"login:{login.casefold()}", FREE_PER_LOGIN), (f"address:{address}", FREE_PER_ADDRESS))
        with self._lock:
            wait_ms = max(self._wait_ms(key, now_ms) for key, _ in keys)
            if wait_ms > 0:
                return wait_ms
            for key, free in keys:
                failures, _, last_ms = self._counts.pop(key, (0, 0, now_ms))
                failures = 1 if now_ms - last_ms > FORGET_MS else failures + 1
                locked_ms = 0 if failures < free else min(1000 << min(failures - free, 20), LONGEST_LOCK_MS)
                self._counts[key] = (failures, now_ms + locked_ms, now_ms)
            while len(self._counts) > MOST_KEYS:
                self._counts.popitem(last=False)
        return 0

    def succeeded(self, login: str, address: str) -> None:
        """The password was right: the login's count is cleared, the address's attempt is taken back."""
        with self._lock:
            self._counts.pop(f"login:{login.casefold()}", None)
            failures, _, last_ms = self._counts.get(f"address:{address}", (0, 0, 0))
            if failures > 1:
                self._counts[f"address:{address}"] = (failures - 1, 0, last_ms)
            else:
                self._counts.pop(f"address:{address}", None)

    def of(self, login: str, address: str) -> dict[str, tuple[int, int, int] | None]:
        """What is counted of both now, to be kept: key -> (failures, locked until, last), None where nothing is."""
        with self._lock:
            return {key: self._counts.get(key) for key in (f"login:{login.casefold()}", f"address:{address}")}

    def load(self, kept: Mapping[str, tuple[int, int, int]]) -> None:
        """Take what was kept before a restart, where nothing newer was counted here."""
        with self._lock:
            for key, counted in sorted(kept.items(), key=lambda item: item[1][2])[-MOST_KEYS:]:
                self._counts.setdefault(key, counted)

    def _wait_ms(self, key: str, now_ms: int) -> int:
        return max(0, self._counts.get(key, (0, 0, 0))[1] - now_ms)
