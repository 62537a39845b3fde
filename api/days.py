"""Days as people write them on certificates, and the moments they mean: a date is valid through its last minute, in the site's own zone."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from api.shapes.times import to_ms

_DATE = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?\Z")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?\Z")


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone; UTC where the name is not known."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def until_ms(text: str, zone: str) -> int:
    """`2027-06-30`, also 2027/6/30, 2027.6.30, 20270630, 2027年6月30日 -> the moment at which that day is over. Raises ValueError."""
    found = _DATE.match(text.strip())
    if found is None or (len(text.strip()) < 8):
        raise ValueError(f"{text!r} is not a date such as 2027-06-30")
    day = date(*(int(part) for part in found.groups())) + timedelta(days=1)
    return int(datetime(day.year, day.month, day.day, tzinfo=zone_of(zone)).timestamp()) * 1000


def last_day(ms: int | None, zone: str) -> str | None:
    """The last day before this moment: the other way of `until_ms`."""
    return None if ms is None else datetime.fromtimestamp((ms - 1) / 1000, zone_of(zone)).date().isoformat()


def moment_ms(text: str, zone: str) -> int:
    """ISO 8601 with an offset, or `2026-12-31 22:00` in this zone. Raises ValueError."""
    if _LOCAL.match(text.strip()):
        return int(datetime.fromisoformat(text.strip()).replace(tzinfo=zone_of(zone)).timestamp()) * 1000
    return to_ms(text)


def local_iso(ms: int, zone: str) -> str:
    """ISO 8601 with the zone's offset, exact to the millisecond."""
    moment = datetime.fromtimestamp(ms // 1000, zone_of(zone)) + timedelta(milliseconds=ms % 1000)
    return moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds")
