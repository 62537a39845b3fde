"""The one clock of the service: milliseconds UTC that never go back.

It runs on the machine's monotonic clock and follows the wall clock: forward at once, backward by running at nine tenths of the speed
until the wall clock has caught up, so that a clock step neither repeats nor freezes time. Nothing below `app/` reads it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_SLOW = 0.9


class SystemClock:
    """`now_ms` is safe from any thread and non-decreasing."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        not_before_ms: int = 0,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._lock = threading.Lock()
        self._read_ns = monotonic_ns()
        self._now_ns = float(max(wall_ns(), not_before_ms * 1_000_000))

    def now_ms(self) -> int:
        with self._lock:
            read_ns = self._monotonic_ns()
            elapsed_ns = read_ns - self._read_ns
            self._read_ns = read_ns
            wall_ns = self._wall_ns()
            speed = _SLOW if self._now_ns + elapsed_ns > wall_ns + 1_000_000 else 1.0
            self._now_ns = max(self._now_ns + elapsed_ns * speed, wall_ns)
            return int(self._now_ns // 1_000_000)

    def not_before(self, ms: int) -> None:
        """After a restart time goes on from the journal's last moment, whatever the wall clock says."""
        with self._lock:
            self._now_ns = max(self._now_ns, ms * 1_000_000.0)


class ManualClock:
    """A clock that tests move by hand."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, ms: int) -> int:
        assert ms >= 0, "time never goes back"
        self._now_ms += ms
        return self._now_ms

    def not_before(self, ms: int) -> None:
        self._now_ms = max(self._now_ms, ms)
