"""The historian's protocol: where readings are kept and charts come from. Members: memory, embedded DuckDB, InfluxDB.

A historian is a projection: written behind the journal by one thread, idempotent by (point, taken_ms), never waited for by the scan.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sites.records import Unavailable
from sites.series import Series
from storage.projection import HistoryBatch, PointName


class HistorianDown(Unavailable):
    """It cannot be reached or refuses just now: try the same batch again later. The door knows it as what it is, unavailable."""


class Historian(Protocol):
    def position(self) -> int:
        """Journal position up to which everything was written; 0 when unknown or empty. Raises HistorianDown."""
        ...

    def write(self, batch: HistoryBatch, name_of: Callable[[int], PointName]) -> None:
        """Write all or raise HistorianDown; writing the same batch twice changes nothing. Of two readings of a point at the same
        `taken_ms` the later in position, then in the batch, is kept. `name_of` raises KeyError for a key that nobody knows."""
        ...

    def series(self, point_id: str, from_ms: int, to_ms: int, most: int) -> Series:
        """Readings with from_ms <= taken_ms < to_ms, from any thread; raw when at most `most`, else min/mean/max per step, at most `most`
        (2 or more) of them. Where raw readings are no longer kept, the step is a minute, an hour or longer, and whole at the edges.
        Raises HistorianDown."""
        ...

    def note_gap(self, from_ms: int | None, to_ms: int) -> None:
        """Remember that readings of [from_ms, to_ms) were lost, for `Series.gaps`; None: from the newest reading on. Raises
        HistorianDown."""
        ...

    def seal(self, now_ms: int) -> None:
        """Put finished days into their lasting form and let go of what is older than its retention. What is written later for a time
        whose raw readings are gone is not kept. Called by the writer's thread. Raises HistorianDown."""
        ...

    def spill(self, folder: Path, from_ms: int, to_ms: int) -> None:
        """Put a span's raw readings into `folder`, for an export by another process (`storage.history_files`); nothing where that can
        ask a server itself. From any thread. Raises HistorianDown."""
        ...

    def close(self) -> None: ...
