"""Rates of the rule language: what of a point's readings is kept for them. Writes the rings of `SubjectMemory`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rules.subjects_memory import NEVER, SPREAD, SubjectMemory
from rules.subjects_plan import Ints, Plan
from rules.wheel import FAR


def keep(plan: Plan, mine: SubjectMemory, slot: Ints, taken: Ints, values: NDArray[np.float64], newest: Ints) -> None:
    """Let readings of different points join the spans of their rates, and work the rates out anew for those that are the newest.

    A rate is the change from the oldest reading kept within the span before the newest one, a minute; it is known once these lie at
    least half the span apart. Of readings closer together than a sixtieth of the span the first is kept."""
    for span in plan.spans:
        ring = plan.ring_of[span][slot]
        has = ring >= 0
        at, when, value, before = ring[has], taken[has], values[has], newest[has]
        if not len(at):
            continue
        fresh = when > before
        head = np.where(fresh, when, before)
        near = (mine.ring_taken_ms[at] != NEVER) & (np.abs(mine.ring_taken_ms[at] - when[:, None]) < span / SPREAD)
        joins = ~near.any(axis=1) & (head - when <= span)
        place = mine.ring_taken_ms[at].argmin(axis=1)
        mine.ring_taken_ms[at[joins], place[joins]] = when[joins]
        mine.ring_values[at[joins], place[joins]] = value[joins]
        at, when, value = at[fresh], when[fresh], value[fresh]
        if not len(at):
            continue
        held = mine.ring_taken_ms[at]
        within = (held != NEVER) & (held >= when[:, None] - span)
        oldest = np.where(within, held, FAR).argmin(axis=1)
        numbers = np.arange(len(at))
        elapsed = when - held[numbers, oldest]
        known = within[numbers, oldest] & (2 * elapsed >= span)
        change = value - mine.ring_values[at, oldest]
        mine.rates[at] = np.where(known, change / np.maximum(elapsed, 1) * 60_000.0, np.nan)
