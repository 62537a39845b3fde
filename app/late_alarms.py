"""Late alarms: raised from readings that came delayed, they start nothing by themselves until their point is measured in time.

Written by the warden only; derived from the book's open alarms.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alarms.book import Book
from alarms.model import Alarm, Condition, Transition
from app.configuration import Configuration
from rules.compile import Program
from rules.derived import present_value
from rules.memory import Memory
from rules.model import DERIVED_KINDS, is_met
from sites.readings import HISTORICAL, RETAINED, Readings


class LateAlarms:
    """Which open alarms are late, by point row."""

    def __init__(self) -> None:
        self._ids: dict[int, dict[str, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._ids)

    def remember(self, alarm: Alarm, configuration: Configuration) -> None:
        row = configuration.roster.point_row(alarm.device_id, alarm.metric) if alarm.is_late and alarm.point_id else None
        if row is not None:
            self._ids.setdefault(row, {})[alarm.id] = None

    def uphold(
        self, readings: Readings, program: Program, memory: Memory, configuration: Configuration, book: Book
    ) -> Iterator[tuple[int, list[Transition]]]:
        """Once its point is measured in time and still in alarm it is late no longer, so that a leak that began during an outage is cut,
        and told of, as any other. After the rules have stepped over these readings. Yields (time, transitions) of each."""
        roster = configuration.roster
        for index in np.flatnonzero(np.isin(readings.rows, list(self._ids))).tolist():
            row, value, at_ms = int(readings.rows[index]), float(readings.values[index]), int(readings.arrived_ms[index])
            is_newest = readings.taken_ms[index] == roster.columns.latest_taken_ms[row]
            if not is_newest or readings.flags[index] & (RETAINED | HISTORICAL):
                continue
            for alarm_id in sorted(self._ids.get(row, ())):  # in an order that a restart does not change
                alarm = book.open.get(alarm_id)
                if alarm is None or not alarm.is_late or alarm.condition is Condition.NORMAL:
                    del self._ids[row][alarm_id]
                    continue
                rule = configuration.rule(alarm.rule_id, alarm.rule_version)
                lateness_ms = int(program.link_lateness_ms[program.device_rows[row]])
                if rule is not None and rule.lateness_s is not None:
                    lateness_ms = round(rule.lateness_s * 1000)
                now = value if rule is None or rule.kind not in DERIVED_KINDS else present_value(program, memory, rule.id, row)
                if rule is not None and now is not None and readings.delay_ms[index] <= lateness_ms and is_met(rule, alarm.limit, now):
                    yield at_ms, book.uphold(alarm, now, at_ms)
            if not self._ids.get(row, True):
                del self._ids[row]
