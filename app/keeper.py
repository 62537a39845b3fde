"""Keeps the journal short: takes a snapshot every so often and prunes what snapshot, records and historian are all past.

The state is copied in the scan (`follow` is called there) and written by a thread. While a projection is behind, the snapshot it would be
refilled from is kept, and so are the rows after it, up to the bound; beyond that the oldest rows go, and it is said.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from app.stepped import Stepped, WardenState
from app.warden import Warden
from storage import snapshots
from storage.journal import Journal

log = logging.getLogger("sitewarden.keeper")


class Keeper:
    """`positions` are those of the projections; `most_bytes` bounds the journal kept for them."""

    def __init__(
        self,
        folder: Path,
        warden: Warden,
        journal: Journal,
        positions: Sequence[Callable[[], int]],
        every_ms: int,
        most_bytes: int,
    ) -> None:
        self._folder = folder
        self._warden = warden
        self._journal = journal
        self._positions = positions
        self._every_ms = every_ms
        self._most_bytes = most_bytes
        self._taken_ms: int | None = None
        self._writer: threading.Thread | None = None
        self._written: list[int] = snapshots.positions(folder)
        self.failed: str | None = None

    def follow(self, stepped: Stepped) -> None:
        """In the scan, after each step."""
        if self._writer is not None:
            if self._writer.is_alive():
                return
            self._writer = None
            self._prune()
        due = self._taken_ms is None or stepped.now_ms - self._taken_ms >= self._every_ms
        if not (due or self._warden.wants_snapshot):
            return
        self._warden.wants_snapshot = False
        self._taken_ms = stepped.now_ms
        state = self._warden.dump()
        self._writer = threading.Thread(target=self._write, args=(stepped.position, state), name="snapshot", daemon=True)
        self._writer.start()

    def close(self, is_sound: bool = True) -> None:
        """After the scan has stopped: a last snapshot, so that the next start has little to replay. Not `is_sound`: the scan broke off,
        and the half of a step that it left is nothing to start from."""
        if self._writer is not None:
            self._writer.join()
        if not is_sound:
            return
        self._write(self._journal.position, self._warden.dump())
        self._prune()

    def _write(self, position: int, state: WardenState) -> None:
        try:
            snapshots.write(self._folder, position, state, floor=self._floor())
        except OSError as error:
            self.failed = f"a snapshot could not be written: {error}"
            log.error(self.failed)
            return
        self.failed = None
        self._written = snapshots.positions(self._folder)

    def _floor(self) -> int:
        return min((position() for position in self._positions), default=self._journal.position)

    def _prune(self) -> None:
        """Rows up to the newest snapshot from which every projection can be refilled, but one snapshot older than the newest, should
        that turn out damaged."""
        if len(self._written) < 2:
            return
        floor = self._floor()
        usable = [position for position in self._written[:-1] if position <= floor]
        upto = max(usable, default=0)
        if self._journal.bytes_kept > self._most_bytes:
            beyond = self._written[-2]
            if beyond > upto:
                log.error("the journal is over its bound: positions up to %d are dropped before every projection has them", beyond)
                upto = beyond
        if upto:
            self._journal.prune(upto)
