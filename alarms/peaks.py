"""The worst value of each alarm of a level while it stands, from every reading and not only from those that changed something.

Written by the scan with each batch of readings; points without such an alarm cost one look-up. What arrived late or was retained does not
count. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alarms.model import Alarm, Condition
from rules.model import Direction, Rule, RuleKind
from sites.readings import HISTORICAL, RETAINED, Readings
from sites.roster import Roster


class Peaks:
    """`rule_of(rule_id)` gives a rule as it is now. By point row: whether it is followed, and its highest and lowest value since."""

    def __init__(self, roster: Roster, rule_of: Callable[[str], Rule | None]) -> None:
        self._roster = roster
        self._rule_of = rule_of
        self._ids: dict[int, dict[str, None]] = {}
        self._followed = np.zeros(0, np.bool_)
        self._high = np.zeros(0)
        self._low = np.zeros(0)

    def __bool__(self) -> bool:
        return bool(self._ids)

    def hear(self, readings: Readings) -> None:
        """These readings have come."""
        inside = readings.rows < len(self._followed)
        hit = inside & ((readings.flags & (RETAINED | HISTORICAL)) == 0)
        hit[hit] = self._followed[readings.rows[hit]]
        if hit.any():
            np.maximum.at(self._high, readings.rows[hit], readings.values[hit])
            np.minimum.at(self._low, readings.rows[hit], readings.values[hit])

    def follow(self, alarm: Alarm) -> None:
        """An alarm has changed: from now on, or no longer."""
        row = self._row(alarm)
        if row is None:
            return
        rule = self._rule_of(alarm.rule_id)
        stands = alarm.ended_ms is None and alarm.condition is Condition.ACTIVE
        if not stands:
            mine = self._ids.get(row, {})
            mine.pop(alarm.id, None)
            if not mine and self._ids.pop(row, None) is not None:
                self._followed[row] = False
        elif rule is not None and rule.kind is RuleKind.LEVEL:
            self._enter(row, alarm.id)

    def worst(self, alarm: Alarm) -> float | None:
        """The worst value so far, in the direction of its rule; that of the alarm's own changes where nothing is followed."""
        row = self._row(alarm)
        rule = self._rule_of(alarm.rule_id)
        if row is None or rule is None or alarm.id not in self._ids.get(row, ()):
            return alarm.peak_value
        seen = float(self._low[row] if rule.direction is Direction.BELOW else self._high[row])
        if not np.isfinite(seen):
            return alarm.peak_value
        if alarm.peak_value is None:
            return seen
        return min(seen, alarm.peak_value) if rule.direction is Direction.BELOW else max(seen, alarm.peak_value)

    def dump(self) -> dict[str, tuple[float, float]]:
        """Alarm id -> (highest, lowest)."""
        kept = {alarm_id: (float(self._high[row]), float(self._low[row])) for row, ids in self._ids.items() for alarm_id in ids}
        return dict(sorted(kept.items()))

    def load(self, alarms: list[Alarm], kept: dict[str, tuple[float, float]]) -> None:
        """Open alarms, and what was dumped of them."""
        for alarm in alarms:
            row = self._row(alarm)
            if row is not None and alarm.id in kept:  # whatever has become of its rule
                self._enter(row, alarm.id)
                self._high[row], self._low[row] = kept[alarm.id]
            else:
                self.follow(alarm)

    def _row(self, alarm: Alarm) -> int | None:
        """Also of a device that was removed: its alarm stands until it is withdrawn."""
        device = self._roster.rows_ever.get(alarm.device_id) if alarm.point_id else None
        return None if device is None else self._roster.rows_by_metric[device].get(alarm.metric)

    def _enter(self, row: int, alarm_id: str) -> None:
        self._reach(row)
        if row not in self._ids:
            self._followed[row] = True
            self._high[row], self._low[row] = -np.inf, np.inf
        self._ids.setdefault(row, {})[alarm_id] = None

    def _reach(self, row: int) -> None:
        if row >= len(self._followed):
            more = max(row + 1, 2 * len(self._followed), 1_024) - len(self._followed)
            self._followed = np.concatenate([self._followed, np.zeros(more, np.bool_)])
            self._high = np.concatenate([self._high, np.full(more, -np.inf)])
            self._low = np.concatenate([self._low, np.full(more, np.inf)])
