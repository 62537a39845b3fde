"""Steps of charts: which step size a span gets, and raw readings brought down to min/mean/max per step. Pure columns, no I/O.

Steps are aligned to the epoch, so the same reading is in the same step whoever asks; every historian uses the same sizes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sites.series import Series

DAY_MS = 86_400_000
STEPS_MS = tuple(
    [seconds * 1000 for seconds in (1, 2, 5, 10, 15, 30)]
    + [minutes * 60_000 for minutes in (1, 2, 5, 10, 15, 30)]
    + [hours * 3_600_000 for hours in (1, 2, 3, 6, 12)]
)


def step_for(from_ms: int, to_ms: int, most: int) -> int:
    """The smallest nice step in ms of which at most `most` (at least 1) touch [from_ms, to_ms)."""
    assert most >= 1
    for step in STEPS_MS:
        if _touching(from_ms, to_ms, step) <= most:
            return step
    days = 1
    while _touching(from_ms, to_ms, days * DAY_MS) > most:
        if days > (to_ms - from_ms) // DAY_MS + 1:
            break  # the span crosses a step's edge at any size: one step more is given
        days += max(1, days // 2)
    return days * DAY_MS


def overlapping(gaps: Iterable[tuple[int, int]], from_ms: int, to_ms: int) -> list[tuple[int, int]]:
    """The parts of gaps within [from_ms, to_ms), ascending."""
    return sorted((max(start, from_ms), min(end, to_ms)) for start, end in gaps if start < to_ms and end > from_ms)


def raw(taken_ms: NDArray[np.int64], values: NDArray[np.float64]) -> Series:
    """Readings as they are, ascending by time."""
    return Series(taken_ms, values, values, values, 0)


def stepped(taken_ms: NDArray[np.int64], values: NDArray[np.float64], step_ms: int) -> Series:
    """Min, mean, max of readings (ascending by time) per step that has any; `taken_ms` of a step is its start."""
    steps = taken_ms // step_ms
    starts = np.flatnonzero(np.diff(steps, prepend=steps[:1] - 1))
    counts = np.diff(starts, append=len(steps))
    if not len(starts):
        return Series(taken_ms[:0], values[:0], values[:0], values[:0], step_ms)
    return Series(
        steps[starts] * step_ms,
        np.minimum.reduceat(values, starts),
        np.add.reduceat(values, starts) / counts,
        np.maximum.reduceat(values, starts),
        step_ms,
    )


def _touching(from_ms: int, to_ms: int, step: int) -> int:
    return (to_ms - 1) // step - from_ms // step + 1
