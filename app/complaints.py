"""What the service complains of about itself: records behind, historian behind, scan overrun, disk low; raised and cleared with patience.

It looks every few seconds and hands a wish to the scan when its mind has changed for long enough, as an item like any other, so that a
replay raises the same alarms. It decides nothing about alarms and keeps nothing over a restart: it then says again how things are.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alarms.service_alarms import ServiceClear, ServiceRaise
from rules.model import Severity

log = logging.getLogger("sitewarden.complaints")

EVERY_S = 5.0
BEHIND_POSITIONS = 5_000  # a scan four times a second makes so many in 20 min
OVERRUN_SHARE, OVERRUN_LEAST = 0.2, 10  # of the scans within the window, and at least so many
OVERRUN_WINDOW_MS = 60_000
DISK_LOW_SHARE, DISK_LOW_BYTES = 0.05, 1 << 30
DISK_CRITICAL_SHARE, DISK_CRITICAL_BYTES = 0.01, 200 << 20
DISK_RELIEF = 1.25  # so much more must be free again before it is said to be well


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is now. `bad` None: neither bad nor well again (between the two limits): what was said stays."""

    code: str
    bad: bool | None
    note: str = ""
    value: float | None = None
    unit: str = ""
    severity: Severity | None = None


@dataclass(slots=True)
class _Mind:
    said: bool | None = None  # what the scan was told; None: nothing yet
    severity: Severity | None = None
    leaning: bool | None = None
    since_ms: int = 0


@dataclass(slots=True)
class Patience:
    """Turns findings into wishes: only what lasts `raise_ms` is complained of, only what is well for `clear_ms` is taken back; a greater
    severity is said at once."""

    raise_ms: int = 30_000
    clear_ms: int = 60_000
    minds: dict[str, _Mind] = field(default_factory=dict)

    def weigh(self, finding: Finding, now_ms: int) -> ServiceRaise | ServiceClear | None:
        mind = self.minds.setdefault(finding.code, _Mind())
        if finding.bad is None:
            mind.leaning = None
            return None
        if finding.bad is not mind.leaning:
            mind.leaning, mind.since_ms = finding.bad, now_ms
        rose = bool(mind.said and finding.bad and (finding.severity or 0) > (mind.severity or 0))
        if (finding.bad is mind.said and not rose) or (not rose and now_ms - mind.since_ms < self._wait_ms(finding.bad)):
            return None
        mind.said, mind.severity = finding.bad, finding.severity
        if not finding.bad:
            return ServiceClear(code=finding.code, subject="service", note=finding.note)
        return ServiceRaise(
            code=finding.code, subject="service", severity=finding.severity, value=finding.value, unit=finding.unit, note=finding.note
        )

    def _wait_ms(self, bad: bool) -> int:
        return self.raise_ms if bad else self.clear_ms


class Overruns:
    """Whether the scan keeps up: the share of slow scans within the last minute."""

    def __init__(self) -> None:
        self._counts: list[tuple[int, int, int]] = []  # (when, scans, slow ones), counted from the beginning

    def look(self, now_ms: int, scans: int, slow: int, lags: bool) -> Finding:
        self._counts.append((now_ms, scans, slow))
        while len(self._counts) > 1 and now_ms - self._counts[1][0] >= OVERRUN_WINDOW_MS:
            del self._counts[0]
        _, scans_before, slow_before = self._counts[0]
        late, all_of_them = slow - slow_before, scans - scans_before
        share = late / all_of_them if all_of_them else 0.0
        bad = lags or (late >= OVERRUN_LEAST and share >= OVERRUN_SHARE)
        well = not lags and (late < OVERRUN_LEAST or share < OVERRUN_SHARE / 4)
        note = "the inbox lags behind what arrives" if lags else f"{late} of {all_of_them} scans in the last minute took too long"
        return Finding("scan_overrun", True if bad else False if well else None, note, round(share * 100, 1), "%")


def disk(free: int, total: int) -> Finding:
    """How full the data directory's disk is."""
    low, critical = max(DISK_LOW_SHARE * total, DISK_LOW_BYTES), max(DISK_CRITICAL_SHARE * total, DISK_CRITICAL_BYTES)
    low, critical = min(low, total / 4), min(critical, total / 20)  # a small disk is not low while it is nearly empty
    note = f"{free / (1 << 30):.1f} GiB free of {total / (1 << 30):.1f}"
    severity = Severity.CRITICAL if free < critical else Severity.HIGH
    bad = True if free < low else False if free >= DISK_RELIEF * low else None
    return Finding("disk_low", bad, note, round(free / (1 << 30), 2), "GiB", severity if bad else None)


class Complaints:
    """`parts` are those of the running service; `put` hands an item to the scan. A thread of its own, because a full disk or a dead
    database may make looking slow."""

    def __init__(self, parts: Any, put: Callable[[object], None], folder: Path) -> None:
        self._parts = parts
        self._put = put
        self._folder = folder
        self._patience = Patience()
        self._overruns = Overruns()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="complaints", daemon=True)

    def look(self, now_ms: int) -> None:
        """Once; what has changed goes to the scan."""
        for finding in self.findings(now_ms):
            wish = self._patience.weigh(finding, now_ms)
            if wish is not None:
                self._put(wish)

    def findings(self, now_ms: int) -> Iterable[Finding]:
        parts = self._parts
        position = parts.journal.position
        behind = position - parts.projector.position
        away = parts.opening.problem or ("the records cannot be reached" if parts.projector.is_away else None)
        yield Finding("records_behind", bool(away) or behind > BEHIND_POSITIONS, away or f"{behind} positions behind", float(behind))
        behind = position - parts.history.position
        why = parts.history.degraded_reason
        yield Finding("historian_backlog", bool(why) or behind > BEHIND_POSITIONS, why or f"{behind} positions behind", float(behind))
        figures = parts.scan.figures
        yield self._overruns.look(now_ms, figures.scans, figures.overruns, "inbox" in parts.warden.deaf)
        usage = shutil.disk_usage(self._folder)
        yield disk(usage.free, usage.total)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                self.look(self._parts.clock.now_ms())
            except Exception:
                log.exception("could not look at how the service is")
