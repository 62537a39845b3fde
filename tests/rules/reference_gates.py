"""The slow obvious original of schedules: `Reference` with a gate for each (rule, point) and each (rule, device).

Whether a schedule is open is asked of the wall clock of the zone, at every whole minute and nowhere else: schedules are in minutes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from reference import FAR, DeviceRule, LevelState, PointRule, Reference, condition, lateness_ms

from rules.findings import Finding
from rules.model import Rule, Schedule, When
from sites.calendars import Calendar, Window
from sites.model import point_key
from sites.readings import STALE_RETAINED, Readings

MINUTE = 60_000


def is_open(schedule: Schedule, zone: str, calendar: Calendar | None, at_ms: int) -> bool:
    """By the wall clock alone, as on days on which the clocks are not changed."""
    wall = datetime.fromtimestamp(at_ms // MINUTE * 60, UTC).astimezone(ZoneInfo(zone))
    minute = wall.hour * 60 + wall.minute

    def hours(at: datetime) -> tuple[bool, tuple[Window, ...]]:
        """Whether the date is a holiday, and its opening windows."""
        assert calendar is not None
        iso = at.date().isoformat()
        off = any(holiday.first <= iso <= holiday.last for holiday in calendar.holidays)
        special = next((day.windows for day in calendar.special_days if day.day == iso), None)
        return off, special if special is not None else () if off else calendar.weekdays[at.weekday()]

    def day_counts(at: datetime) -> bool:
        if schedule.weekdays and at.weekday() not in schedule.weekdays:
            return False
        if schedule.when not in (When.HOLIDAY, When.WORKDAY):
            return True
        if calendar is None:
            return schedule.when is When.WORKDAY
        off, opens = hours(at)
        return off and not opens if schedule.when is When.HOLIDAY else bool(opens)

    def shows(begin: int, end: int, today: bool, yesterday: bool) -> bool:
        if begin < end:
            return begin <= minute < end and today
        return (minute >= begin and today) or (minute < end and yesterday)

    before = wall - timedelta(days=1)
    if not any(shows(begin, end, day_counts(wall), day_counts(before)) for begin, end in schedule.windows or ((0, 1440),)):
        return False
    if schedule.when not in (When.OPEN, When.CLOSED):
        return True
    if calendar is None:
        return schedule.when is When.OPEN
    is_open_now = any(shows(begin, end, True, False) for begin, end in hours(wall)[1])
    is_open_now |= any(shows(begin, end, False, True) for begin, end in hours(before)[1])
    return is_open_now == (schedule.when is When.OPEN)


class GatedReference(Reference):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.shut: set[int] = set()  # ids of pairs and watches
        self.opened: dict[int, int] = {}  # watch -> when it opened
        self.unconfirmed: set[int] = set()  # ids of level states whose hold a gate began
        self.delays: dict[int, int] = {}
        self.begun = False

    def allows(self, rule: Rule, site_id: str, at_ms: int) -> bool:
        if rule.schedule is None:
            return True
        site = self.roster.sites.get(site_id)
        calendars = self.roster.calendars.values()
        if rule.schedule.calendar:
            calendar = self.roster.calendars.get(rule.schedule.calendar)
        else:
            calendar = next((each for each in calendars if each.site_id == site_id), None)
            if calendar is None and site is not None:
                calendar = next((each for each in calendars if each.enterprise_id == site.enterprise_id), None)
        return is_open(rule.schedule, site.timezone if site else "Asia/Shanghai", calendar, at_ms)

    def run_clock(self, until: int) -> list[Finding]:
        if not self.begun:
            self.begun = True
            self.turn(until)
        made: list[Finding] = []
        if any(rule.schedule for rule in self.rules):
            while (minute := (self.now // MINUTE + 1) * MINUTE) <= until and self.now >= 0:
                made += super().run_clock(minute - 1)
                self.now = minute
                made += self.turn(minute)
        return made + super().run_clock(until)

    def turn(self, at: int) -> list[Finding]:
        ends: list[tuple[tuple[str, int], list[Finding]]] = []
        for pair in self.pairs:
            allowed = self.allows(pair.rule, pair.device.site_id, at)
            if allowed == (id(pair) not in self.shut):
                continue
            if allowed:
                self.shut.discard(id(pair))
                self.open_pair(pair, at)
                continue
            self.shut.add(id(pair))
            for state in pair.levels:
                if state.active:
                    state.ended = max(state.ended if state.ended is not None else -FAR, self.points[pair.row].taken or 0)
                state.active, state.since_taken = False, None
            found = self.show(pair, at, at, self.points[pair.row].value, False, -1)
            ends.append(((pair.rule.id, pair.key), found))
        for watch in self.watches:
            allowed = self.allows(watch.rule, watch.device.site_id, at)
            if allowed == (id(watch) not in self.shut):
                continue
            if allowed:
                self.shut.discard(id(watch))
                self.opened[id(watch)] = at
            else:
                self.shut.add(id(watch))
                if watch.raised:
                    ends.append(((watch.rule.id, point_key(watch.device.id, "")), [self.silence(watch, False, at, -1)]))
        return [finding for _, found in sorted(ends, key=lambda end: end[0]) for finding in found]

    def open_pair(self, pair: PointRule, at: int) -> None:
        point = self.points[pair.row]
        for number, state in enumerate(pair.levels):
            if point.taken is not None and condition(pair.rule, number, point.value)[0]:
                state.since_taken = state.since_clock = at
                state.late = self.delays[pair.row] > lateness_ms(pair)
                self.unconfirmed.add(id(state))

    def due(self, pair: PointRule, state: LevelState) -> int:
        due = super().due(pair, state)
        return max(due, state.since_clock) if state.since_taken is not None and not state.active else due

    def watch_due(self, watch: DeviceRule) -> int:
        if id(watch) in self.shut:
            return FAR
        state = self.devices[watch.device.id]
        opened = self.opened.get(id(watch), 0)
        if state.offline and not watch.raised:
            return opened  # offline since before it opened
        return max(super().watch_due(watch), opened)

    def take(self, readings: Readings, index: int, arrived: int) -> list[Finding]:
        row, taken = int(readings.rows[index]), int(readings.taken_ms[index])
        newest = self.points[row].taken
        if not int(readings.flags[index]) & STALE_RETAINED and (newest is None or taken > newest):
            self.delays[row] = int(readings.delay_ms[index])
        return super().take(readings, index, arrived)

    def judge(
        self, pair: PointRule, index: int, taken: int, arrived: int, value: float, late: bool, is_newest: bool, broken: bool
    ) -> list[Finding]:
        if id(pair) in self.shut:
            return []
        if is_newest:
            for state in pair.levels:
                if id(state) in self.unconfirmed and state.since_taken is not None and not broken:
                    state.since_taken = taken  # the hold goes on by the clock, and begins here for the device
                self.unconfirmed.discard(id(state))
        return super().judge(pair, index, taken, arrived, value, late, is_newest, broken)

    def availability(self, device_id: str, online: bool, now: int, retained: bool = False) -> list[Finding]:
        made = self.run_clock(max(self.now, now))
        every = self.watches
        self.watches = [watch for watch in every if id(watch) not in self.shut]
        made += super().availability(device_id, online, now, retained)
        self.watches = every
        return made
