"""Schedule, chatter, relative limits and source of a rule from its data, and back.

Windows are written as people do: `"22:00-06:00"` crosses midnight, `"00:00-24:00"` is a whole day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rules.model import Rule, RuleKind, Schedule, When
from rules.parse_reader import Reader
from sites.calendars import Window, is_window
from sites.metrics import unit_of
from sites.model import ID_PATTERN

SCHEDULE_FIELDS = ("schedule", "fold_count", "fold_s", "relative_to", "source")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RELATIVES = {"rated_a": "A"}  # unit of the metrics whose limits can be per cent of it
MOST_WINDOWS, MOST_FOLDS, MOST_FOLD_S = 8, 1_000, 3_600.0
_WINDOW = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)\Z")
_DEFAULT = Rule(id="", name="", kind=RuleKind.LEVEL, levels=())


# their limits are no values of the metric
_UNRELATED = (RuleKind.STATE, RuleKind.SILENCE, RuleKind.EXPRESSION, RuleKind.COUNT, RuleKind.STUCK)


def read_schedule(read: Reader, kind: RuleKind, metric: str) -> dict[str, Any]:
    """The fields of `Rule` that this file reads."""
    count = read.data.get("fold_count", _DEFAULT.fold_count)
    if not isinstance(count, int) or isinstance(count, bool) or not (count == 0 or 2 <= count <= MOST_FOLDS):
        read.refuse("fold_count", count, f"a whole number from 2 to {MOST_FOLDS}, or 0 for never")
        count = _DEFAULT.fold_count
    relative = read.data.get("relative_to", "")
    if relative and (not isinstance(relative, str) or relative not in RELATIVES):
        read.refuse("relative_to", relative, ", ".join(RELATIVES))
        relative = ""
    elif relative and (kind in _UNRELATED or unit_of(metric) != RELATIVES[relative]):
        read.refuse("relative_to", relative, f"nothing: only limits of a metric in {RELATIVES[relative]} can be per cent of {relative}")
    source = read.data.get("source", "")
    if not isinstance(source, str) or len(source) > 400:
        read.refuse("source", source, "a text of at most 400 characters: the clause from which the numbers come")
        source = ""
    return {
        "schedule": schedule_of(read),
        "fold_count": count,
        "fold_s": read.number(read.data.get("fold_s", _DEFAULT.fold_s), "fold_s", 1.0, MOST_FOLD_S, _DEFAULT.fold_s),
        "relative_to": relative,
        "source": source,
    }


def schedule_of(read: Reader) -> Schedule | None:
    """The schedule in the data's field `schedule`."""
    given = read.data.get("schedule")
    if given is None:
        return None
    if not isinstance(given, Mapping):
        read.refuse("schedule", given, "a mapping of weekdays, windows, when, calendar")
        return None
    read.unknown(given, ("weekdays", "windows", "when", "calendar"), "schedule.")
    weekdays = given.get("weekdays", [])
    if not isinstance(weekdays, list | tuple) or not set(weekdays) <= set(WEEKDAYS) or len(set(weekdays)) != len(weekdays):
        read.refuse("schedule.weekdays", weekdays, "a list of " + ", ".join(WEEKDAYS) + ", each once")
        weekdays = []
    windows = given.get("windows", [])
    found = [parse_window(each) for each in windows] if isinstance(windows, list | tuple) else [None]
    if None in found or len(found) > MOST_WINDOWS:
        read.refuse("schedule.windows", windows, f'a list of at most {MOST_WINDOWS} windows such as "09:00-21:30" or "22:00-06:00"')
        found = []
    when = given.get("when", When.ANY.value)
    if when not in list(When):
        read.refuse("schedule.when", when, ", ".join(When))
        when = When.ANY
    calendar = given.get("calendar", "")
    if not isinstance(calendar, str) or (calendar and not ID_PATTERN.match(calendar)):
        read.refuse("schedule.calendar", calendar, "the id of a calendar, or nothing for that of the site")
        calendar = ""
    if calendar and when == When.ANY:
        read.refuse("schedule.when", str(when), "open, closed, holiday or workday: with a calendar one of them must be said")
    if not weekdays and not windows and when == When.ANY:
        read.refuse("schedule", dict(given), "at least one of weekdays, windows, when")
    return Schedule(
        weekdays=tuple(sorted(WEEKDAYS.index(day) for day in weekdays)),
        windows=tuple(window for window in found if window is not None),
        when=When(when),
        calendar=calendar,
    )


def parse_window(text: object) -> Window | None:
    """`"22:00-06:00"` -> Window(1320, 360); None when it is no window."""
    match = _WINDOW.match(text) if isinstance(text, str) else None
    if match is None:
        return None
    hours, minutes, end_hours, end_minutes = (int(group) for group in match.groups())
    window = Window(hours * 60 + minutes, end_hours * 60 + end_minutes)
    return window if minutes < 60 and end_minutes < 60 and is_window(window) else None


def window_text(window: Window) -> str:
    """Window(1320, 360) -> `"22:00-06:00"`."""
    return f"{window.begin // 60:02}:{window.begin % 60:02}-{window.end // 60:02}:{window.end % 60:02}"


def schedule_data(rule: Rule) -> dict[str, Any]:
    """The fields that differ from their defaults, as `read_schedule` takes them."""
    data: dict[str, Any] = {
        name: getattr(rule, name)
        for name in ("fold_count", "fold_s", "relative_to", "source")
        if getattr(rule, name) != getattr(_DEFAULT, name)
    }
    if rule.schedule is not None:
        data["schedule"] = data_of_schedule(rule.schedule)
    return data


def data_of_schedule(schedule: Schedule) -> dict[str, Any]:
    """A schedule as `schedule_of` takes it."""
    data: dict[str, Any] = {
        "weekdays": [WEEKDAYS[day] for day in schedule.weekdays],
        "windows": [window_text(window) for window in schedule.windows],
        "when": "" if schedule.when is When.ANY else schedule.when.value,
        "calendar": schedule.calendar,
    }
    return {name: value for name, value in data.items() if value}
