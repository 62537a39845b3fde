"""Quiet times over HTTP: the hours, what they are given for, and what they do as a sentence."""

from __future__ import annotations

from pydantic import Field
from typing_extensions import TypedDict

from alarms.quiet_times import QuietTime, sentence
from api.shapes.asks import Ask, IdText, NameText, ReasonText
from sites.calendars import Window


class WindowAsk(Ask):
    """Minutes of the local day; an end at or before the begin is on the next day."""

    begin: int = Field(ge=0, le=1_439)
    end: int = Field(ge=0, le=1_440)


class QuietTimeAsk(Ask):
    """`weekdays` (Monday 0; empty: all) are those on which windows begin. Without zone and device: the whole site."""

    id: IdText | None = None
    name: NameText
    site_id: IdText
    reason: ReasonText
    kinds: list[IdText] = Field(min_length=1, max_length=10)
    windows: list[WindowAsk] = Field(min_length=1, max_length=10)
    weekdays: list[int] = Field(default_factory=list, max_length=7)
    zone_id: IdText | None = None
    device_id: IdText | None = None
    enabled: bool = True


class QuietTimeEdit(QuietTimeAsk):
    version: int


class WindowShape(TypedDict):
    begin: int
    end: int


class QuietTimeShape(TypedDict):
    id: str
    name: str
    site_id: str
    zone_id: str | None
    device_id: str | None
    reason: str
    kinds: list[str]
    weekdays: list[int]
    windows: list[WindowShape]
    enabled: bool
    version: int
    sentence: str
    sentence_zh: str


class QuietTimePage(TypedDict):
    items: list[QuietTimeShape]
    next_cursor: str | None


def quiet_time_of(ask: QuietTimeAsk, quiet_id: str, version: int) -> QuietTime:
    return QuietTime(
        id=quiet_id,
        name=ask.name,
        site_id=ask.site_id,
        reason=ask.reason,
        kinds=tuple(sorted(set(ask.kinds))),
        windows=tuple(Window(window.begin, window.end) for window in ask.windows),
        weekdays=tuple(sorted(set(ask.weekdays))),
        zone_id=ask.zone_id or "",
        device_id=ask.device_id or "",
        enabled=ask.enabled,
        version=version,
    )


def quiet_time_shape(quiet: QuietTime, open_until_ms: int | None) -> QuietTimeShape:
    english, chinese = sentence(quiet, open_until_ms)
    return {
        "id": quiet.id,
        "name": quiet.name,
        "site_id": quiet.site_id,
        "zone_id": quiet.zone_id or None,
        "device_id": quiet.device_id or None,
        "reason": quiet.reason,
        "kinds": list(quiet.kinds),
        "weekdays": list(quiet.weekdays),
        "windows": [{"begin": window.begin, "end": window.end} for window in quiet.windows],
        "enabled": quiet.enabled,
        "version": quiet.version,
        "sentence": english,
        "sentence_zh": chinese,
    }
