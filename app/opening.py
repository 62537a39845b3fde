"""Brings the records up: upgrades them, fills empty ones with what is shipped, and compares the scan's configuration with theirs.

Starting needs no database: while it cannot be reached this keeps trying in a thread of its own, and the service goes on with the
configuration of its snapshot. Afterwards it looks now and then whether the command line has put something into the records
(`sitewarden devices import`), and hands it to the scan.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from app import shipped
from app.configuration import KINDS, Configuration
from app.people import CONSOLE
from sites.records import Unavailable
from storage.records import Records

log = logging.getLogger("sitewarden.records")

RETRY_S = 2.0
FOLLOW_S = 5.0
BATCH = 500  # changes given to one scan


class Starts(Protocol):
    def start(self) -> None: ...


class RecordsOpening:
    """`put` hands configuration changes to the scan; the projector starts once the tables are there; `is_ahead` is told the position that
    the records have reached, before it does."""

    def __init__(
        self,
        records: Records,
        configuration: Configuration,
        put: Callable[[Any], None],
        projector: Starts,
        now_ms: Callable[[], int],
        is_ahead: Callable[[int], None],
    ) -> None:
        self._records = records
        self._configuration = configuration
        self._put = put
        self._projector = projector
        self._now_ms = now_ms
        self._is_ahead = is_ahead
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen = 0  # the audit's newest entry that was looked at
        self.problem: str | None = "not opened yet"

    def start(self) -> None:
        """Open now if that is possible, else go on trying."""
        self._try()
        self._thread = threading.Thread(target=self._run, name="records-opening", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10.0)

    def _run(self) -> None:
        while not self._stop.wait(RETRY_S if self.problem else FOLLOW_S):
            if self.problem:
                self._try()
            else:
                self.follow()

    def follow(self) -> None:
        """Hand to the scan what the command line has added or changed since the last look."""
        try:
            last, is_changed = self._records.changes_by(CONSOLE, self._seen)
            if is_changed:
                known = self._configuration
                newer = [change for kind in KINDS for change in known.differences(kind, self._records.all_things(kind), held=())]
                for start in range(0, len(newer), BATCH):
                    for change in newer[start : start + BATCH]:
                        self._put(change)
                    self._stop.wait(0.25)  # readings go between
            self._seen = last
        except Unavailable as error:
            log.warning("the records cannot be looked at: %s", error)

    def _try(self) -> bool:
        try:
            self._records.upgrade()
            shipped.ensure(self._records, self._now_ms())
            self._seen, _ = self._records.changes_by(CONSOLE, 0)
            for kind in KINDS:
                held = self._configuration.held(kind)
                for change in self._configuration.differences(kind, self._records.all_things(kind), held):
                    self._put(change)
            self._is_ahead(self._records.position())
        except Unavailable as error:
            if self.problem != str(error):
                log.warning("the records cannot be opened yet: %s", error)
            self.problem = str(error)
            return False
        self.problem = None
        self._projector.start()
        return True
