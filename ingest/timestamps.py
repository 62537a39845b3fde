"""Device times told apart: epoch seconds, milliseconds, microseconds, nanoseconds and ISO 8601 with an offset.

Only the spelling is judged here; whether a clock can be believed is `ingest.clocks`' affair.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

# Below 1e11 a number is seconds (until the year 5138), below 1e14 milliseconds (from 1973), and so on by thousands.
_SCALES: tuple[tuple[float, int, int], ...] = ((1e11, 1000, 1), (1e14, 1, 1), (1e17, 1, 1_000), (1e20, 1, 1_000_000))


def to_ms(value: Any) -> int | str:
    """Epoch milliseconds, or the reason why this is not a time. ISO 8601 without an offset is refused: it names no moment."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return "ts is neither a number nor a text"
    if isinstance(value, str):
        return _iso_ms(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "ts is not a finite number"
    if value <= 0:
        return f"ts {value:g} is not after 1970"
    for below, times, divided in _SCALES:
        if value < below:
            return int(value * times) if divided == 1 else int(value // divided)
    return "ts is beyond every known scale"


def _iso_ms(text: str) -> int | str:
    try:
        moment = datetime.fromisoformat(text.strip()) if len(text) <= 40 else None
    except ValueError:
        moment = None
    if moment is None:
        return f"ts {text[:40]!r} is not ISO 8601"
    if moment.tzinfo is None:
        return f"ts {text[:40]!r} has no offset from UTC"
    try:
        return round(moment.timestamp() * 1000)
    except (OverflowError, ValueError):
        return f"ts {text[:40]!r} is out of range"
