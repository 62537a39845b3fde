"""Looks at the hazards' deadlines every minute, so that nothing overdue is silent. What was told stands in the records alone.

A pass that is late, repeated or killed half-way changes nothing: each stage is told once (`storage.hazard_reminders`). It starts and
stops with the service.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from apscheduler.schedulers.background import BackgroundScheduler

from sites.records import Unavailable

EVERY_S = 60
log = logging.getLogger("sitewarden.hazards")


class _Ledger(Protocol):
    def remind_of_hazards(self, now_ms: int) -> int: ...


class HazardWatch:
    """`told` is called after a pass that put messages into the outbox."""

    def __init__(self, records: _Ledger, now_ms: Callable[[], int], told: Callable[[], None], every_s: float = EVERY_S) -> None:
        self._records, self._now_ms, self._told = records, now_ms, told
        self._scheduler = BackgroundScheduler(timezone="UTC", daemon=True)
        self._scheduler.add_job(self.look, "interval", seconds=every_s, max_instances=1, coalesce=True, misfire_grace_time=None)
        self.problem: str | None = None

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def look(self) -> int:
        """One pass; returns how many stages were told. Goes on at the next where the records are away."""
        try:
            told = self._records.remind_of_hazards(self._now_ms())
        except Unavailable as error:
            self.problem = str(error)
            log.warning("deadlines of hazards could not be looked at: %s", error)
            return 0
        self.problem = None
        if told:
            self._told()
        return told
