"""Restart: the newest snapshot, then the journal after it, through the same warden as live. Starting needs no database.

The same replay refills a projection that fell behind further than its queue reaches: the records or the historian are given again what
they missed, from the snapshot at or before their position.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app import setaside
from app.lostpoints import LostPoints
from app.rows import decode
from app.stepped import Stepped, WardenState
from app.warden import Warden
from storage import snapshots
from storage.journal import Journal

log = logging.getLogger("sitewarden.restore")


class HistoryGone(Exception):
    """The journal no longer reaches back to the position asked for: what lies between is a hole, and shown as one."""


@dataclass(slots=True)
class Restored:
    warden: Warden
    position: int
    replayed: int
    damaged: list[tuple[int, int]]  # spans of journal positions that cannot be read: nothing was decided from them
    set_aside: dict[int, str]  # positions whose step failed, with the reason


def replay(folder: Path, journal: Journal, after: int) -> Iterator[Stepped]:
    """The steps with position > `after`, made again; positions that the journal no longer has are left out. Raises HistoryGone when neither
    a snapshot nor the journal's beginning is there to start from."""
    aside = setaside.read(folder)
    found = snapshots.newest(folder, after, WardenState)
    warden = Warden()
    start = 0
    if found is not None:
        start, state = found
        warden.load(state)
    lost: LostPoints | None = None
    for position, row in journal.read(start, skip_damaged=True):
        if position in aside:
            start, lost = position, lost or LostPoints()
            continue
        if position > start + 1:
            # rows before it were dropped or are damaged: a snapshot between knows what they did
            between = snapshots.newest(folder, position - 1, WardenState)
            if between is not None and between[0] > start:
                warden = Warden()
                warden.load(between[1])
            elif start == 0:
                raise HistoryGone(f"the journal begins at position {position}; {after + 1} was asked for")
            else:
                lost = lost or LostPoints()
        start = position
        given = decode(row)
        if lost is not None:
            lost.mend(given, warden.configuration.roster)
        stepped = warden.step(given, position)
        if position > after:
            yield stepped


def restore(folder: Path, journal: Journal) -> Restored:
    """All scan state as it was after the journal's last good row, or at the newest snapshot where the journal ends before it (its tail
    was lost): positions go on above both, because the projections take none twice. A row whose step fails is set aside, and all is
    made again without it: half a step is no state to go on from. Raises RowError for a row of another version."""
    aside = setaside.forget(folder, min(snapshots.positions(folder), default=0))
    while True:
        try:
            return _restore(folder, journal, aside)
        except _StepFailed as failed:
            setaside.add(folder, failed.position, failed.error)
            aside = setaside.read(folder)


class _StepFailed(Exception):
    def __init__(self, position: int, error: Exception) -> None:
        super().__init__(position)
        self.position, self.error = position, error


def _restore(folder: Path, journal: Journal, aside: dict[int, str]) -> Restored:
    warden = Warden()
    found = snapshots.newest(folder, None, WardenState)
    start = 0
    if found is not None:
        start, state = found
        warden.load(state)
    replayed = 0
    position = start
    damaged = journal.damage(start)
    for first, last in damaged:
        log.error("journal positions %d..%d cannot be read; nothing is decided from them", first, last)
    lost: LostPoints | None = None
    before = start
    for position, row in journal.read(start, skip_damaged=True):
        if position in aside:
            before, lost = position, lost or LostPoints()
            continue
        given = decode(row)
        if position > before + 1:
            lost = lost or LostPoints()
        before = position
        if lost is not None:
            lost.mend(given, warden.configuration.roster)
        try:
            warden.step(given, position)
        except Exception as error:
            raise _StepFailed(position, error) from error
        replayed += 1
    if lost is not None and lost.readings_lost:
        log.error("%d readings of points whose names are lost were left out", lost.readings_lost)
    journal.advance_to(position)
    return Restored(warden, journal.position, replayed, damaged, aside)
