"""Calendars and overrides over HTTP: opening hours of places, and the numbers by which a place differs from a rule."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.asks import Ask, DayText, IdText, NameText
from api.shapes.times import Instant, iso_or_none
from rules.model import LevelOverride, NodeKind, Override
from rules.parse_schedule import parse_window, window_text
from sites.calendars import Calendar, Holiday, SpecialDay, Window

WindowText = Annotated[str, Field(pattern=r"^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$", examples=["09:00-21:30", "22:00-06:00"])]
Windows = Annotated[list[WindowText], Field(max_length=8)]


class HolidayAsk(Ask):
    first: DayText
    last: DayText
    name: Annotated[str, Field(max_length=120)] = ""


class SpecialDayAsk(Ask):
    """A date with windows of its own; none: closed that day."""

    day: DayText
    windows: Windows = Field(default_factory=list)
    name: Annotated[str, Field(max_length=120)] = ""


class CalendarAsk(Ask):
    """When places open: of one site, of all sites of an enterprise, or of none in particular. `weekdays`: seven lists, Monday first."""

    id: IdText | None = None
    name: NameText
    name_en: Annotated[str, Field(max_length=120)] = ""
    site_id: IdText | None = None
    enterprise_id: IdText | None = None
    weekdays: Annotated[list[Windows], Field(min_length=7, max_length=7)]
    holidays: Annotated[list[HolidayAsk], Field(max_length=200)] = Field(default_factory=list)
    special_days: Annotated[list[SpecialDayAsk], Field(max_length=400)] = Field(default_factory=list)


class CalendarEdit(CalendarAsk):
    version: Annotated[int, Field(ge=1)]


class HolidayShape(TypedDict):
    first: str
    last: str
    name: str


class SpecialDayShape(TypedDict):
    day: str
    windows: list[str]
    name: str


class CalendarShape(TypedDict):
    """`is_open` and `next_change_at` are of the calendar's own site, or of the zone Asia/Shanghai where it is of none."""

    id: str
    name: str
    name_en: str
    site_id: str | None
    enterprise_id: str | None
    weekdays: list[list[str]]
    holidays: list[HolidayShape]
    special_days: list[SpecialDayShape]
    is_open: bool
    next_change_at: Instant | None
    version: int


class CalendarPage(TypedDict):
    items: list[CalendarShape]
    next_cursor: str | None


class LevelOverrideAsk(Ask):
    """New numbers of one level, counted from 0; null: as inherited."""

    level: Annotated[int, Field(ge=0, le=3)]
    limit: float | None = None
    deadband: float | None = None
    hold_s: float | None = None


class OverrideAsk(Ask):
    """Numbers of a rule for a place and everything below it, and why."""

    id: IdText | None = None
    rule_id: IdText
    node_kind: Literal["district", "enterprise", "site", "zone", "device"]
    node_id: IdText
    levels: Annotated[list[LevelOverrideAsk], Field(max_length=4)] = Field(default_factory=list)
    hold_s: Annotated[float, Field(ge=0, le=86_400)] | None = None
    clear_hold_s: Annotated[float, Field(ge=0, le=86_400)] | None = None
    enabled: bool | None = None
    reason: Annotated[str, Field(max_length=500)] = ""


class OverrideEdit(OverrideAsk):
    version: Annotated[int, Field(ge=1)]


class LevelOverrideShape(TypedDict):
    level: int
    limit: float | None
    deadband: float | None
    hold_s: float | None


class OverrideShape(TypedDict):
    id: str
    rule_id: str
    node_kind: str
    node_id: str
    levels: list[LevelOverrideShape]
    hold_s: float | None
    clear_hold_s: float | None
    enabled: bool | None
    reason: str
    version: int


class OverridePage(TypedDict):
    items: list[OverrideShape]
    next_cursor: str | None


def calendar_of(ask: CalendarAsk, calendar_id: str, version: int) -> Calendar:
    return Calendar(
        id=calendar_id,
        name=ask.name,
        name_en=ask.name_en,
        site_id=ask.site_id,
        enterprise_id=ask.enterprise_id,
        weekdays=tuple(_windows(day) for day in ask.weekdays),
        holidays=tuple(Holiday(first=each.first, last=each.last, name=each.name) for each in ask.holidays),
        special_days=tuple(SpecialDay(day=each.day, windows=_windows(each.windows), name=each.name) for each in ask.special_days),
        version=version,
    )


def _windows(texts: list[str]) -> tuple[Window, ...]:
    """What is no window (24:30, 10:00-10:00) is kept as one that the calendar refuses."""
    return tuple(parse_window(text) or Window(-1, -1) for text in texts)


def calendar_shape(calendar: Calendar, is_open: bool, next_change_ms: int | None) -> CalendarShape:
    return {
        "id": calendar.id,
        "name": calendar.name,
        "name_en": calendar.name_en,
        "site_id": calendar.site_id,
        "enterprise_id": calendar.enterprise_id,
        "weekdays": [[window_text(Window(*window)) for window in day] for day in calendar.weekdays],
        "holidays": [{"first": each.first, "last": each.last, "name": each.name} for each in calendar.holidays],
        "special_days": [
            {"day": each.day, "windows": [window_text(Window(*window)) for window in each.windows], "name": each.name}
            for each in calendar.special_days
        ],
        "is_open": is_open,
        "next_change_at": iso_or_none(next_change_ms),
        "version": calendar.version,
    }


def override_of(ask: OverrideAsk, override_id: str, version: int) -> Override:
    return Override(
        id=override_id,
        rule_id=ask.rule_id,
        node_kind=NodeKind(ask.node_kind),
        node_id=ask.node_id,
        levels=tuple(
            LevelOverride(level=each.level, limit=each.limit, deadband=each.deadband, hold_s=each.hold_s)
            for each in sorted(ask.levels, key=lambda each: each.level)
        ),
        hold_s=ask.hold_s,
        clear_hold_s=ask.clear_hold_s,
        enabled=ask.enabled,
        reason=ask.reason,
        version=version,
    )


def override_shape(override: Override) -> OverrideShape:
    return {
        "id": override.id,
        "rule_id": override.rule_id,
        "node_kind": override.node_kind.value,
        "node_id": override.node_id,
        "levels": [
            {"level": each.level, "limit": each.limit, "deadband": each.deadband, "hold_s": each.hold_s} for each in override.levels
        ],
        "hold_s": override.hold_s,
        "clear_hold_s": override.clear_hold_s,
        "enabled": override.enabled,
        "reason": override.reason,
        "version": override.version,
    }
