"""Steps of charts: which step size a span gets, and raw readings brought down to min/mean/max per step. Pure columns, no I/O.

Steps are aligned to the epoch, so the same reading is in the same step whoever asks; every historian uses the same sizes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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


@dataclass(slots=True)
class Steps:
    """Columns of equal length: what is known of each step that has readings, ascending by `taken_ms`, the start of the step."""

    taken_ms: NDArray[np.int64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    total: NDArray[np.float64]
    count: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.taken_ms)


def singles(taken_ms: NDArray[np.int64], values: NDArray[np.float64]) -> Steps:
    """Readings as steps of one reading each."""
    return Steps(taken_ms, values, values, values, np.ones(len(values)))


def coarser(parts: Sequence[Steps], step_ms: int) -> Steps:
    """Consecutive parts, ascending, brought together into steps of `step_ms`."""
    whole = singles(np.zeros(0, np.int64), np.zeros(0)) if not parts else parts[0]
    if len(parts) > 1:
        columns = ("taken_ms", "minimum", "maximum", "total", "count")
        whole = Steps(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))
    if not len(whole):
        return whole
    steps = whole.taken_ms // step_ms
    starts = np.flatnonzero(np.diff(steps, prepend=steps[:1] - 1))
    return Steps(
        steps[starts] * step_ms,
        np.minimum.reduceat(whole.minimum, starts),
        np.maximum.reduceat(whole.maximum, starts),
        np.add.reduceat(whole.total, starts),
        np.add.reduceat(whole.count, starts),
    )


def stepped(steps: Steps, step_ms: int) -> Series:
    """Steps of `step_ms` as a chart's series."""
    return Series(steps.taken_ms, steps.minimum, steps.total / steps.count, steps.maximum, step_ms)


def _touching(from_ms: int, to_ms: int, step: int) -> int:
    return (to_ms - 1) // step - from_ms // step + 1
