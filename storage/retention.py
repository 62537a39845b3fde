"""How long history is kept in which form, and from which form a chart is made. Pure numbers, no I/O; the same for every historian.

Readings are kept raw for a while, as steps of a minute for longer and as steps of an hour for longest. A step keeps minimum, maximum,
total and count, so that coarser steps are made of finer ones exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from storage.history_steps import DAY_MS

RAW, MINUTE_MS, HOUR_MS = 0, 60_000, 3_600_000  # the forms, named by their step


@dataclass(frozen=True, slots=True)
class Retention:
    """Whole days that each form is kept; 0: for ever. Raises ValueError where a finer form would outlive a coarser one."""

    raw_days: int = 30
    minute_days: int = 365
    hour_days: int = 3650

    def __post_init__(self) -> None:
        raw, minute, hour = (days or 10**9 for days in (self.raw_days, self.minute_days, self.hour_days))
        if not 0 < raw <= minute <= hour:
            raise ValueError(
                f"history is kept raw for {self.raw_days} days, by the minute for {self.minute_days}, by the hour for {self.hour_days}: "
                "none may be negative, and a finer form is kept no longer than a coarser one (0: for ever)"
            )

    def cuts(self, now_ms: int) -> tuple[int, int, int]:
        """From when on raw readings, minutes and hours are kept: starts of UTC days."""
        raw, minute, hour = (now_ms // DAY_MS - days if days else 0 for days in (self.raw_days, self.minute_days, self.hour_days))
        return max(raw, 0) * DAY_MS, max(minute, 0) * DAY_MS, max(hour, 0) * DAY_MS


@dataclass(frozen=True, slots=True)
class Kept:
    """What a historian has: raw readings from `raw_from_ms` on, minutes from `minutes_from_ms` on (both starts of UTC days), and steps
    that hold every reading before `clean_until_ms`."""

    raw_from_ms: int = 0
    minutes_from_ms: int = 0
    clean_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A part [from_ms, to_ms) of a span and the form it is read from."""

    form_ms: int  # RAW, MINUTE_MS or HOUR_MS
    from_ms: int
    to_ms: int


def finest(from_ms: int, kept: Kept) -> int:
    """The finest form that reaches back to `from_ms`."""
    if from_ms >= kept.raw_from_ms:
        return RAW
    return MINUTE_MS if from_ms >= kept.minutes_from_ms else HOUR_MS


def pieces(from_ms: int, to_ms: int, step_ms: int, kept: Kept) -> list[Piece]:
    """The span in ascending pieces, each from the coarsest form that its steps allow. Where raw readings are gone, the steps at the
    span's edges are taken whole. `step_ms` is RAW or a step of charts, at least as coarse as `finest`."""
    unit = RAW if step_ms < MINUTE_MS else MINUTE_MS if step_ms < HOUR_MS else HOUR_MS
    inner_from = inner_to = to_ms
    if unit:
        inner_from, inner_to = -(-from_ms // unit) * unit, min(to_ms, kept.clean_until_ms) // unit * unit
    edges = {from_ms, to_ms}
    edges |= {edge for edge in (inner_from, inner_to, kept.raw_from_ms, kept.minutes_from_ms) if from_ms < edge < to_ms}
    found: list[Piece] = []
    ordered = sorted(edges)
    for start, end in pairwise(ordered):
        wanted = unit if inner_from <= start and end <= inner_to else RAW
        form = max(wanted, finest(start, kept))
        if found and found[-1].form_ms == form:
            found[-1] = Piece(form, found[-1].from_ms, end)
        else:
            found.append(Piece(form, start, end))
    return found
