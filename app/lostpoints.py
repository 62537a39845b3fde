"""Points whose first mention was lost with a damaged or set-aside row: the journal's later rows hold their keys only.

A key is the hash of the point's name, so the names that the roster's devices could have are tried: every canonical metric, with the usual
suffixes, and the points of the circuits. What is found is entered before the row's readings, on restart as on refill; a vendor's own
word cannot be found again, and its readings up to the next mention are counted and said.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from app.rows import Input, Placed
from ingest.heard import PointHeard
from power.measure import metrics_of
from sites.metrics import METRICS
from sites.model import point_key
from sites.roster import Roster

log = logging.getLogger("sitewarden.restore")

SUFFIXES = ("", ".1", ".2", ".3", ".4")


class LostPoints:
    """Used after the first hole in the journal; before that nothing can be missing."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, str]] = {}
        self._devices = -1
        self.found = 0
        self.readings_lost = 0

    def mend(self, given: Input, roster: Roster) -> None:
        """Enter the points that the row's readings speak of and nobody has mentioned."""
        said = {point_key(p.item.device_id, p.item.metric) for p in given.items if isinstance(p.item, PointHeard)}
        keys = given.readings.keys.tolist()
        unknown = {key for key in keys if key not in roster.row_of_key and key not in said}
        if not unknown:
            return
        if len(roster.device_rows) != self._devices:
            self._devices = len(roster.device_rows)
            self._names = {point_key(device_id, metric): (device_id, metric) for device_id, metric in _candidates(roster)}
        for key in sorted(unknown):
            name = self._names.get(key)
            if name is None:
                self.readings_lost += keys.count(key)
                continue
            self.found += 1
            given.items.insert(0, Placed(0, given.now_ms, PointHeard(device_id=name[0], metric=name[1])))
            log.warning("point %s:%s was first mentioned in a row that is lost: it is known again", *name)


def _candidates(roster: Roster) -> Iterator[tuple[str, str]]:
    for device in roster.devices():
        for metric in METRICS:
            for suffix in SUFFIXES:
                yield device.id, metric + suffix
    for circuit in roster.circuits.values():
        for metric in metrics_of(circuit):
            yield circuit.device_id, metric
