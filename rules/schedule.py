"""When a schedule lets its rule apply, and which checks and watches of a program share one: a *gate*.

All checks of one schedule in one time zone under one calendar open and close together, so a program has few gates however many points
it has. Pure arithmetic over `sites.calendars`; `rules.gates` turns them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rules.model import Rule, Schedule, When
from sites.calendars import (
    DAY_MINUTES,
    Calendar,
    Day,
    Span,
    Window,
    common,
    day_spans,
    gaps,
    is_holiday,
    next_change_of,
    windows_between,
    windows_on,
)
from sites.roster import Roster

if TYPE_CHECKING:
    from rules.compile import Program

_WHOLE_DAY = (Window(0, DAY_MINUTES),)
ALWAYS = Calendar(id="", name="always open", weekdays=(_WHOLE_DAY,) * 7)  # a place without a calendar is taken to be open
DEFAULT_ZONE = "Asia/Shanghai"  # of points whose site is not known


@dataclass(frozen=True, slots=True)
class Gate:
    """A schedule at a place."""

    schedule: Schedule
    timezone: str
    calendar: Calendar

    def spans(self, from_ms: int, until_ms: int) -> list[Span]:
        """When it is open within [from_ms, until_ms)."""
        schedule, calendar = self.schedule, self.calendar
        windows = schedule.windows or _WHOLE_DAY

        def windows_of(day: Day) -> Sequence[Window]:
            if schedule.weekdays and day.weekday not in schedule.weekdays:
                return ()
            if schedule.when is When.HOLIDAY and not is_holiday(calendar, day):
                return ()
            if schedule.when is When.WORKDAY and not windows_on(calendar, day):
                return ()
            return windows

        own = day_spans(self.timezone, from_ms, until_ms, windows_of)
        if schedule.when not in (When.OPEN, When.CLOSED) or not own:
            return own
        opened = windows_between(calendar, self.timezone, from_ms, until_ms)
        return common(own, opened if schedule.when is When.OPEN else gaps(opened, from_ms, until_ms))

    def is_open(self, at_ms: int) -> bool:
        return bool(self.spans(at_ms, at_ms + 1))

    def next_ms(self, at_ms: int) -> int | None:
        """The first moment after `at_ms` at which it opens or closes; None: never."""
        return next_change_of(self.spans, at_ms)


def is_gated(rule: Rule) -> bool:
    """Whether something opens and closes the rule."""
    return rule.schedule is not None or bool(getattr(rule, "only_while", ""))


def gate_of(rule: Rule, site_id: str, roster: Roster) -> Gate | None:
    """The gate of a rule for the points of a site; None: the rule always applies."""
    return None if rule.schedule is None else gate_at(rule.schedule, site_id, roster)


def gate_at(schedule: Schedule, site_id: str, roster: Roster) -> Gate:
    """A schedule at a site."""
    site = roster.sites.get(site_id)
    timezone = site.timezone if site else DEFAULT_ZONE
    return Gate(schedule, timezone, ALWAYS if schedule.when is When.ANY else _calendar(schedule, site_id, roster))


def _calendar(schedule: Schedule, site_id: str, roster: Roster) -> Calendar:
    if schedule.calendar:
        return roster.calendars.get(schedule.calendar, ALWAYS)
    site = roster.sites.get(site_id)
    enterprise_id = site.enterprise_id if site else ""
    in_order = sorted(roster.calendars.values(), key=lambda calendar: calendar.id)
    own = (calendar for calendar in in_order if calendar.site_id == site_id)
    return next(own, None) or next((each for each in in_order if enterprise_id and each.enterprise_id == enterprise_id), ALWAYS)


@dataclass(slots=True)
class Gates:
    """The gates of a program. `checks[gate]` and `watches[gate]` are lists of arrays, one more whenever the program was extended."""

    gates: list[Gate] = field(default_factory=list)
    checks: list[list[NDArray[np.int64]]] = field(default_factory=list)
    watches: list[list[NDArray[np.int64]]] = field(default_factory=list)
    _known: dict[Gate, int] = field(default_factory=dict)
    _of_place: dict[tuple[int, str], int] = field(default_factory=dict)  # (rule, site) -> gate

    @property
    def parts(self) -> int:
        """How many arrays of checks and watches there are."""
        return sum(map(len, self.checks)) + sum(map(len, self.watches))

    def add_checks(self, program: Program, first: int) -> None:
        """Put the checks from `first` on to their gates."""
        rules = _scheduled(program)
        if rules is None or first == program.checks:
            return
        rule = program.specs.rule[program.check_spec[first : program.checks]]
        own = np.flatnonzero(rules[rule])
        device = program.device_rows[program.check_row[first : program.checks][own]]
        self._add(program, self.checks, first + own, rule[own], device)

    def add_watches(self, program: Program, first: int) -> None:
        """Put the watches from `first` on to their gates."""
        rules = _scheduled(program)
        if rules is None or first == program.watches:
            return
        rule = program.watch_rule[first : program.watches]
        own = np.flatnonzero(rules[rule])
        self._add(program, self.watches, first + own, rule[own], program.watch_device[first : program.watches][own])

    def _add(
        self,
        program: Program,
        to: list[list[NDArray[np.int64]]],
        ids: NDArray[np.int64],
        rule: NDArray[np.int32],
        device: NDArray[np.int32],
    ) -> None:
        if not len(ids):
            return
        devices, at = np.unique(device, return_inverse=True)
        sites: dict[str, int] = {}
        by_row = program.roster.devices_by_row
        site = np.array([sites.setdefault(by_row[row].site_id, len(sites)) for row in devices.tolist()], np.int64)[at]
        names = list(sites)
        pairs, place = np.unique(rule.astype(np.int64) << 32 | site, return_inverse=True)
        gate = np.array([self._gate(program, pair >> 32, names[pair & 0xFFFFFFFF]) for pair in pairs.tolist()])[place]
        for number in np.unique(gate).tolist():
            to[number].append(ids[gate == number])

    def _gate(self, program: Program, rule: int, site_id: str) -> int:
        number = self._of_place.get((rule, site_id))
        if number is None:
            gate = gate_of(program.rules[rule], site_id, program.roster)
            assert gate is not None
            number = self._known.get(gate, len(self.gates))
            if number == len(self.gates):
                self._known[gate] = number
                self.gates.append(gate)
                self.checks.append([])
                self.watches.append([])
            self._of_place[rule, site_id] = number
        return number


def _scheduled(program: Program) -> NDArray[np.bool_] | None:
    """Which rules have a schedule; None: none has."""
    mask = np.array([rule.schedule is not None for rule in program.rules], np.bool_)
    return mask if mask.any() else None
