"""Calendars against a walk minute by minute through the zone's own wall clock, and stories of daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sites.calendars import (
    Calendar,
    Day,
    Holiday,
    SpecialDay,
    Window,
    common,
    gaps,
    is_holiday,
    is_open,
    is_timezone,
    joined,
    local_day,
    local_minute,
    local_minute_ms,
    next_change_ms,
    problems,
    windows_between,
)

MINUTE = 60_000
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe")
# a week around each change of the clocks in 2026, and one without
WEEKS = ("2026-03-05", "2026-03-26", "2026-04-01", "2026-06-10", "2026-10-01", "2026-10-22", "2026-10-29")


def utc_ms(text: str) -> int:
    return int(datetime.fromisoformat(text + "+00:00").timestamp() * 1000)


@lru_cache(maxsize=64)
def walk(zone: str, first_day: str, days: int = 9) -> list[tuple[int, str, int]]:
    """(utc ms, local date, local minute) of every UTC minute, by the zone file alone."""
    at = datetime.fromisoformat(first_day).replace(tzinfo=UTC) - timedelta(days=1)
    made = []
    for number in range((days + 2) * 1440):
        now = at + timedelta(minutes=number)
        wall = now.astimezone(ZoneInfo(zone))
        made.append((int(now.timestamp() * 1000), wall.date().isoformat(), wall.hour * 60 + wall.minute))
    return made


def first_at(minutes: list[tuple[int, str, int]], iso: str, minute: int) -> int | None:
    """The first walked moment whose wall shows this local minute or a later one."""
    if minute == 1440:
        iso, minute = (date.fromisoformat(iso) + timedelta(days=1)).isoformat(), 0
    return next((ms for ms, day, shown in minutes if (day, shown) >= (iso, minute)), None)


windows = st.builds(Window, st.integers(0, 47).map(lambda half: half * 30 % 1440), st.integers(0, 48).map(lambda half: half * 30)).filter(
    lambda window: window.begin != window.end
)
day_windows = st.lists(windows, max_size=2).map(tuple)


@st.composite
def weeks_and_calendars(draw: st.DrawFn) -> tuple[str, Calendar]:
    monday = draw(st.sampled_from(WEEKS))
    days = [(date.fromisoformat(monday) + timedelta(days=number)).isoformat() for number in range(9)]
    first = draw(st.integers(0, 7))
    calendar = Calendar(
        id="c",
        name="c",
        weekdays=tuple(draw(st.lists(day_windows, min_size=7, max_size=7))),
        holidays=draw(st.sampled_from([(), (Holiday(first=days[first], last=days[first + 1]),)])),
        special_days=tuple(SpecialDay(day=day, windows=draw(day_windows)) for day in draw(st.sets(st.sampled_from(days), max_size=2))),
    )
    return monday, calendar


@settings(max_examples=120, deadline=None)
@given(weeks_and_calendars(), st.sampled_from(ZONES))
def test_a_calendar_opens_as_a_walk_by_the_minute_says(case: tuple[str, Calendar], zone: str) -> None:
    monday, calendar = case
    minutes = walk(zone, monday)
    specials = {special.day: special.windows for special in calendar.special_days}
    expected = set()
    for iso in sorted({day for _, day, _ in minutes}):
        is_off = any(holiday.first <= iso <= holiday.last for holiday in calendar.holidays)
        for begin, end in specials.get(iso, () if is_off else calendar.weekdays[date.fromisoformat(iso).weekday()]):
            last_day = iso if end > begin else (date.fromisoformat(iso) + timedelta(days=1)).isoformat()
            opens, closes = first_at(minutes, iso, begin), first_at(minutes, last_day, end)
            if opens is not None:
                expected |= set(range(opens, closes if closes is not None else minutes[-1][0] + MINUTE, MINUTE))
    # the walk begins and ends in the middle of windows of days it has not seen
    inner = [ms for ms, _, _ in minutes[2 * 1440 : -2 * 1440]]
    spans = windows_between(calendar, zone, inner[0], inner[-1])
    opened = {ms for begin, end in spans for ms in range(begin, end, MINUTE)}
    assert opened == {ms for ms in expected if inner[0] <= ms < inner[-1]}
    for ms in inner[:-1:97]:
        assert is_open(calendar, zone, ms) == (ms in expected)
        change = next_change_ms(calendar, zone, ms)
        by_walk = next((later for later in inner if later > ms and (later in expected) != (ms in expected)), None)
        if by_walk is not None:
            assert change == by_walk
        elif change is not None:
            assert change > inner[-1]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), st.sampled_from(WEEKS), st.integers(1, 7), st.integers(0, 1440))
def test_a_local_minute_is_the_first_moment_that_shows_it_or_a_later_one(zone: str, monday: str, add: int, minute: int) -> None:
    iso = (date.fromisoformat(monday) + timedelta(days=add)).isoformat()
    assert local_minute_ms(zone, iso, minute) == first_at(walk(zone, monday), iso, minute)


def test_a_minute_that_is_skipped_is_the_first_moment_after_it() -> None:
    assert local_minute_ms("Europe/Berlin", "2026-03-29", 150) == utc_ms("2026-03-29T01:00:00")
    assert local_minute_ms("America/New_York", "2026-03-08", 121) == utc_ms("2026-03-08T07:00:00")
    assert local_minute_ms("Australia/Lord_Howe", "2026-10-04", 135) == utc_ms("2026-10-03T15:30:00")  # half an hour forward at 02:00


def test_a_minute_that_comes_twice_is_the_first_of_both() -> None:
    assert local_minute_ms("Europe/Berlin", "2026-10-25", 150) == utc_ms("2026-10-25T00:30:00")
    assert local_minute_ms("America/New_York", "2026-11-01", 90) == utc_ms("2026-11-01T05:30:00")
    assert local_minute_ms("Australia/Lord_Howe", "2026-04-05", 105) == utc_ms("2026-04-04T14:45:00")


def test_a_night_shift_lasts_an_hour_less_or_more_when_the_clocks_change() -> None:
    nights = Calendar(id="c", name="c", weekdays=((Window(22 * 60, 6 * 60),),) * 7)
    for day, hours in (("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-01", 8)):
        begin = local_minute_ms("Europe/Berlin", day, 22 * 60)
        assert next_change_ms(nights, "Europe/Berlin", begin) == begin + hours * 60 * MINUTE


def test_spans_are_half_open() -> None:
    shop = Calendar(id="c", name="c", weekdays=((Window(600, 660),),) * 7)
    opens = utc_ms("2026-06-10T02:00:00")  # 10:00 in Shanghai
    assert [is_open(shop, "Asia/Shanghai", ms) for ms in (opens - 1, opens, opens + 60 * MINUTE - 1, opens + 60 * MINUTE)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_place_that_never_closes_never_changes_and_one_that_never_opens_neither() -> None:
    always = Calendar(id="c", name="c", weekdays=((Window(0, 1440),),) * 7)
    never = Calendar(id="c", name="c")
    at = utc_ms("2026-03-28T12:00:00")
    for zone in ZONES:
        assert (is_open(always, zone, at), next_change_ms(always, zone, at)) == (True, None)
        assert (is_open(never, zone, at), next_change_ms(never, zone, at)) == (False, None)


def test_an_exceptional_opening_far_ahead_is_found() -> None:
    fair = Calendar(id="c", name="c", special_days=(SpecialDay(day="2027-11-01", windows=(Window(480, 960),)),))
    assert next_change_ms(fair, "Asia/Shanghai", utc_ms("2026-01-01T00:00:00")) == utc_ms("2027-11-01T00:00:00")


def test_a_holiday_with_an_exceptional_opening_is_no_holiday() -> None:
    calendar = Calendar(
        id="c",
        name="c",
        weekdays=((Window(540, 1320),),) * 7,
        holidays=(Holiday(first="2026-10-01", last="2026-10-07"),),
        special_days=(SpecialDay(day="2026-10-03", windows=(Window(600, 720),)), SpecialDay(day="2026-10-12")),
    )
    assert is_holiday(calendar, Day("2026-10-07", 2))
    assert not is_holiday(calendar, Day("2026-10-08", 3))
    assert not is_holiday(calendar, Day("2026-10-03", 5))
    assert not is_holiday(calendar, Day("2026-10-12", 0)), "closed for once, but nobody's holiday"
    noon = utc_ms("2026-10-12T04:00:00")
    assert not is_open(calendar, "Asia/Shanghai", noon)


def test_the_day_and_minute_on_the_wall() -> None:
    at = utc_ms("2026-12-31T16:05:00")
    assert (local_day("Asia/Shanghai", at), local_minute("Asia/Shanghai", at)) == (Day("2027-01-01", 4), 5)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../zoneinfo/UTC", "/etc/localtime", "Europe", "Europe/"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    assert not is_timezone(name)


@pytest.mark.parametrize("name", [*ZONES, "UTC", "America/Argentina/Buenos_Aires"])
def test_zones_are_known_by_the_package(name: str) -> None:
    assert is_timezone(name)


def test_problems_name_field_and_reason() -> None:
    good = Calendar(id="c", name="c", weekdays=((Window(540, 1320),),) * 7, holidays=(Holiday(first="2026-10-01", last="2026-10-07"),))
    assert problems(good) == []
    bad = Calendar(
        id="c",
        name="c",
        site_id="s",
        enterprise_id="e",
        weekdays=((Window(1440, 10),), (Window(5, 5),), (Window(0, 1441),)),
        holidays=(Holiday(first="2026-10-07", last="2026-10-01"), Holiday(first="2026-13-01", last="2026-13-01")),
        special_days=(SpecialDay(day="20261001"), SpecialDay(day="2026-10-01"), SpecialDay(day="2026-10-01", windows=(Window(-1, 5),))),
    )
    assert all(english and chinese for _, _, english, chinese in problems(bad))
    assert [field for field, *_ in problems(bad)] == [
        "weekdays", "weekdays[0]", "weekdays[1]", "weekdays[2]", "holidays[0]", "holidays[1]", "special_days[0].day",
        "special_days[2].day", "special_days[2].windows", "enterprise_id",
    ]  # fmt: skip


numbers = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=5)


@given(numbers, numbers)
def test_spans_join_cross_and_leave_gaps_as_sets_do(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    def members(spans: list[tuple[int, int]]) -> set[int]:
        return {each for begin, end in spans for each in range(begin, end)}

    a, b = joined(one), joined(other)
    assert members(a) == members(one)
    assert all(x[1] < y[0] for x, y in pairwise(a))
    assert members(common(a, b)) == members(one) & members(other)
    assert members(gaps(a, 0, 31)) == set(range(31)) - members(one)
