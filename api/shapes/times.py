"""Times at the door: ISO 8601 UTC with milliseconds outside, integer milliseconds inside.

An asked time may carry any offset; without one it is refused, because it would mean something else on another machine.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_SCHEMA = {"type": "string", "format": "date-time", "examples": ["2026-11-22T07:00:00.000Z"]}

Instant = Annotated[str, WithJsonSchema(_SCHEMA)]


def iso(ms: int) -> str:
    """`1700000000123` -> `2023-11-14T22:13:20.123Z`."""
    return (_EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03d}Z"


def iso_or_none(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)


def to_ms(asked: Any) -> int:
    """ISO 8601 with an offset, to integer milliseconds (rounded down). Raises ValueError."""
    if not isinstance(asked, str):
        raise ValueError("a time is a string of ISO 8601, such as 2026-11-22T07:00:00Z")
    # an unescaped + in a query string arrives as a space
    text = asked.strip().replace(" ", "+") if "T" in asked else asked.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{asked!r} is not a time of ISO 8601, such as 2026-11-22T07:00:00Z") from error
    if moment.tzinfo is None:
        raise ValueError(f"{asked!r} has no offset: end it with Z or +08:00")
    return (moment - _EPOCH) // _MS


def finite(value: float | None) -> float | None:
    """JSON has no NaN: what was not measured is null."""
    return None if value is None or not math.isfinite(value) else value


AskedInstant = Annotated[int, BeforeValidator(to_ms), WithJsonSchema(_SCHEMA)]
