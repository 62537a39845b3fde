"""The column of every point's latest reading: last measured, not last arrived.

Only the scan calls it, once for each batch before the rules step; the rules keep what they need of the past by themselves.
"""

from __future__ import annotations

import numpy as np

from sites.readings import HISTORICAL, STALE_RETAINED, Readings
from sites.roster import Roster

OLD_MS = 2**40  # the delay of a reading that its device itself calls old


def apply_latest(roster: Roster, readings: Readings) -> None:
    """Keep each point's newest reading by `taken_ms`. The same `taken_ms` again changes nothing, nor does an older one, nor a stale
    retained copy of what is kept already (its arrival is no fresh evidence)."""
    if len(readings) == 1 and not readings.flags[0]:
        _apply_one(roster, readings)  # between two alarms of a storm there is one reading: a tenth of the time
        return
    rows, taken, arrived, values = readings.rows, readings.taken_ms, readings.arrived_ms, readings.values
    delay = np.where(readings.flags & HISTORICAL, OLD_MS, readings.delay_ms) if readings.flags.any() else readings.delay_ms
    kept = readings.flags & STALE_RETAINED
    if kept.any():
        use = np.flatnonzero(kept == 0)
        rows, taken, arrived, values, delay = rows[use], taken[use], arrived[use], values[use], delay[use]
    if not len(rows):
        return
    columns = roster.columns
    newer = taken > columns.latest_taken_ms[rows]
    if not newer.all():
        rows, taken, arrived, values, delay = rows[newer], taken[newer], arrived[newer], values[newer], delay[newer]
        if not len(rows):
            return
    if len(rows) > 1 and not (rows[1:] > rows[:-1]).all():
        # of several readings of a row the newest counts, and of the same time the one that came first
        order = np.lexsort((-np.arange(len(rows)), taken, rows))
        last = np.append(rows[order][1:] != rows[order][:-1], True)
        pick = order[last]
        rows, taken, arrived, values, delay = rows[pick], taken[pick], arrived[pick], values[pick], delay[pick]
    columns.latest_taken_ms[rows] = taken
    columns.latest_arrived_ms[rows] = arrived
    columns.latest_values[rows] = values
    columns.latest_delay_ms[rows] = delay


def _apply_one(roster: Roster, readings: Readings) -> None:
    columns, row, taken_ms = roster.columns, readings.rows[0], readings.taken_ms[0]
    if taken_ms > columns.latest_taken_ms[row]:
        columns.latest_taken_ms[row] = taken_ms
        columns.latest_arrived_ms[row] = readings.arrived_ms[0]
        columns.latest_values[row] = readings.values[0]
        columns.latest_delay_ms[row] = readings.delay_ms[0]
