"""Opening hours of a place in its own time zone: calendars as frozen values, and the arithmetic of their days.

Spans are half-open, in UTC milliseconds. A local time that daylight saving skips is the first moment that exists after it; one that
exists twice is the first of both. Zones are read from the `tzdata` package, never from the machine, so that a replay elsewhere gives the
same. This is the one file of the core that knows dates; it reads no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY_MINUTES = 1_440
DAY_MS = 86_400_000
HORIZON_DAYS = 800  # what does not change within so many days is taken to change never
_EPOCH = datetime(1970, 1, 1)

Span = tuple[int, int]  # [begin, end) in ms


class Window(NamedTuple):
    """Minutes of the local day: `begin` 0..1439, `end` 0..1440. An end at or before the begin is on the next day."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    """Days on which the place does not open, first to last (ISO dates, both included)."""

    first: str
    last: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialDay:
    """One date (ISO) with windows of its own: it goes before weekday and holiday. No windows: closed that day."""

    day: str
    windows: tuple[Window, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When places open: of one site, of all sites of an enterprise, or of none in particular (named by rules and plans only). `weekdays`:
    seven entries, Monday first. A window that crosses midnight belongs to the day on which it begins."""

    id: str
    name: str
    name_en: str = ""
    site_id: str | None = None
    enterprise_id: str | None = None
    weekdays: tuple[tuple[Window, ...], ...] = ((), (), (), (), (), (), ())
    holidays: tuple[Holiday, ...] = ()
    special_days: tuple[SpecialDay, ...] = ()
    version: int = 1


class Day(NamedTuple):
    """A local date: ISO text and weekday, Monday 0."""

    iso: str
    weekday: int


def problems(calendar: Calendar) -> list[tuple[str, str, str, str]]:
    """What cannot be meant, as (field, given, allowed, allowed in Chinese). Empty: fine."""
    found: list[tuple[str, str, str, str]] = []
    if len(calendar.weekdays) != 7:
        found.append(("weekdays", str(len(calendar.weekdays)), "seven lists of windows, Monday first", "七个时段列表，周一在前"))
    for at, windows in enumerate(calendar.weekdays):
        found += [(f"weekdays[{at}]", repr(tuple(w)), *_WINDOW) for w in windows if not is_window(w)]
    for at, holiday in enumerate(calendar.holidays):
        if not (_is_date(holiday.first) and _is_date(holiday.last) and holiday.first <= holiday.last):
            found.append((f"holidays[{at}]", f"{holiday.first}..{holiday.last}", *_DATES))
    for at, special in enumerate(calendar.special_days):
        if not _is_date(special.day) or special.day in [other.day for other in calendar.special_days[:at]]:
            found.append((f"special_days[{at}].day", special.day, *_DATE))
        found += [(f"special_days[{at}].windows", repr(tuple(w)), *_WINDOW) for w in special.windows if not is_window(w)]
    if calendar.site_id and calendar.enterprise_id:
        found.append(("enterprise_id", calendar.enterprise_id, "either a site or an enterprise", "场所或企业二者选一"))
    return found


_WINDOW = (
    "a window [begin, end] in minutes of the day: begin 0..1439, end 0..1440, not the same",
    "时段 [起, 止]，以当天分钟计：起 0 至 1439，止 0 至 1440，不得相同",
)
_DATES = "two dates such as 2026-10-01, the first not after the last", "两个日期，如 2026-10-01，起始不晚于结束"
_DATE = "a date such as 2026-10-01, each only once", "日期，如 2026-10-01，不得重复"


def is_window(window: Sequence[int]) -> bool:
    """Whether two numbers are a window: 0..1439 and 0..1440, not the same."""
    if len(window) != 2 or not all(isinstance(each, int) and not isinstance(each, bool) for each in window):
        return False
    begin, end = window
    return 0 <= begin < DAY_MINUTES and 0 <= end <= DAY_MINUTES and begin != end


def is_timezone(name: str) -> bool:
    """Whether the packaged zone database has this zone."""
    try:
        _zone(name)
    except (OSError, ValueError, ImportError):
        return False
    return True


def is_open(calendar: Calendar, timezone: str, at_ms: int) -> bool:
    """Whether the place is open at this moment."""
    return bool(windows_between(calendar, timezone, at_ms, at_ms + 1))


def next_change_ms(calendar: Calendar, timezone: str, at_ms: int) -> int | None:
    """The first moment after `at_ms` at which it opens or closes; None: not within HORIZON_DAYS."""
    return next_change_of(lambda begin, end: windows_between(calendar, timezone, begin, end), at_ms)


def windows_between(calendar: Calendar, timezone: str, from_ms: int, until_ms: int) -> list[Span]:
    """The open spans within [from_ms, until_ms), cut to it, in order, touching ones joined."""
    return day_spans(timezone, from_ms, until_ms, lambda day: windows_on(calendar, day))


def windows_on(calendar: Calendar, day: Day) -> tuple[Window, ...]:
    """The windows that begin on this date."""
    for special in calendar.special_days:
        if special.day == day.iso:
            return special.windows
    return () if _is_off(calendar, day) else calendar.weekdays[day.weekday]


def is_holiday(calendar: Calendar, day: Day) -> bool:
    """Whether this date lies in a holiday and has no windows of its own."""
    return _is_off(calendar, day) and not windows_on(calendar, day)


def local_minute_ms(timezone: str, iso_date: str, minute: int) -> int:
    """The moment of a minute (0..1440) of a local date. Skipped: the first that exists after; twice: the first."""
    return _instant_ms(_zone(timezone), date.fromisoformat(iso_date).toordinal(), minute)


def local_day(timezone: str, at_ms: int) -> Day:
    """The local date at a moment."""
    return _day(_local(_zone(timezone), at_ms).toordinal())


def local_minute(timezone: str, at_ms: int) -> int:
    """The minute of the local day, 0..1439, that the clock on the wall shows at a moment."""
    at = _local(_zone(timezone), at_ms)
    return at.hour * 60 + at.minute


def days_between(timezone: str, from_ms: int, until_ms: int) -> list[Day]:
    """The local dates that have a part in [from_ms, until_ms], in order."""
    zone = _zone(timezone)
    return [_day(ordinal) for ordinal in range(_local(zone, from_ms).toordinal(), _local(zone, until_ms).toordinal() + 1)]


def day_spans(timezone: str, from_ms: int, until_ms: int, windows_of: Callable[[Day], Sequence[Window]]) -> list[Span]:
    """The spans of the windows that `windows_of` gives for each local date, within [from_ms, until_ms), cut to it, joined, in order."""
    if until_ms <= from_ms:
        return []
    zone = _zone(timezone)
    first, last = (_local(zone, at_ms).toordinal() for at_ms in (from_ms, until_ms - 1))
    spans: list[Span] = []
    # where clocks are turned at midnight, or skip a day, the date on the wall may be off by one
    for ordinal in range(first - 2, last + 2):
        for begin, end in windows_of(_day(ordinal)):
            spans.append((_instant_ms(zone, ordinal, begin), _instant_ms(zone, ordinal + (end <= begin), end)))
    return joined([(max(begin, from_ms), min(end, until_ms)) for begin, end in spans])


def joined(spans: Sequence[Span]) -> list[Span]:
    """The union of spans: in order, without empty ones, touching and overlapping ones joined."""
    made: list[Span] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if made and begin <= made[-1][1]:
            made[-1] = made[-1][0], max(end, made[-1][1])
        else:
            made.append((begin, end))
    return made


def common(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The intersection of two ordered unions of spans."""
    made, at = [], 0
    for begin, end in one:
        while at < len(other) and other[at][1] <= begin:
            at += 1
        for index in range(at, len(other)):
            if other[index][0] >= end:
                break
            made.append((max(begin, other[index][0]), min(end, other[index][1])))
    return joined(made)


def gaps(spans: Sequence[Span], from_ms: int, until_ms: int) -> list[Span]:
    """What of [from_ms, until_ms) an ordered union of spans leaves out."""
    edges = [from_ms, *(edge for span in spans for edge in span), until_ms]
    return joined([(begin, end) for begin, end in list(pairwise(edges))[::2]])


def next_change_of(spans_in: Callable[[int, int], Sequence[Span]], at_ms: int) -> int | None:
    """The first moment after `at_ms` at which spans begin or end; `spans_in(from, until)` gives them cut to a range. None: not within
    HORIZON_DAYS. Looks at few days first: most places change every day."""
    end_ms = at_ms + HORIZON_DAYS * DAY_MS
    reach = 2 * DAY_MS
    while True:
        until = min(at_ms + reach, end_ms)
        for begin, end in spans_in(at_ms, until):
            if begin > at_ms:
                return begin
            if end < until:
                return end
        if until == end_ms:
            return None
        reach *= 8


def _is_off(calendar: Calendar, day: Day) -> bool:
    return any(holiday.first <= day.iso <= holiday.last for holiday in calendar.holidays)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@lru_cache(maxsize=700)
def _zone(name: str) -> ZoneInfo:
    parts = name.split("/")
    if not name or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{name!r} is no time zone")
    with resources.files("tzdata").joinpath("zoneinfo", *parts).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=4_096)
def _day(ordinal: int) -> Day:
    at = date.fromordinal(ordinal)
    return Day(at.isoformat(), at.weekday())


def _local(zone: ZoneInfo, at_ms: int) -> datetime:
    return (_EPOCH.replace(tzinfo=UTC) + timedelta(milliseconds=at_ms)).astimezone(zone)


@lru_cache(maxsize=65_536)
def _instant_ms(zone: ZoneInfo, ordinal: int, minute: int) -> int:
    wall = datetime.fromordinal(ordinal) + timedelta(minutes=minute)
    before = wall.replace(tzinfo=zone, fold=0).utcoffset()
    after = wall.replace(tzinfo=zone, fold=1).utcoffset()
    assert before is not None
    assert after is not None
    if after <= before:  # exists once, or twice: fold 0 is the first
        return _ms(wall - before)
    # skipped: the clocks go forward somewhere between the two readings of it
    low, high = _ms(wall - after) // 1000, _ms(wall - before) // 1000
    while high - low > 1:
        middle = (low + high) // 2
        if _local(zone, middle * 1000).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high * 1000


def _ms(naive_utc: datetime) -> int:
    return (naive_utc - _EPOCH) // timedelta(milliseconds=1)
