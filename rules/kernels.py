"""The arithmetic of checks, over arrays: conditions, quiet bounds, due times. Pure functions; here the `for` is numpy's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program, Specs
from rules.wheel import FAR

if TYPE_CHECKING:
    from rules.memory import Memory

# status bits of a check
ACTIVE = 1  # the condition holds
RISING = 2  # met, its hold is running
FALLING = 4  # active, but back to normal, its clear hold is running
LATE = 8  # the reading that last confirmed a rise was late
PENDING = RISING | FALLING
BY_SCHEDULE = 16  # shut by its schedule
BY_CONDITION = 32  # shut by what it waits for (only while)
SHUT = BY_SCHEDULE | BY_CONDITION
OPENED = 64  # rising since a gate opened; no reading has confirmed it yet


def judge(specs: Specs, spec: NDArray[np.int32], values: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For checks of these specs and values: is the level or state met, and is the value back to normal (past limit and deadband)."""
    x = specs.sign[spec] * values
    met = x >= specs.raise_at[spec]
    back = x < specs.return_at[spec]
    state = specs.is_state[spec]
    if state.any():
        at = np.flatnonzero(state)
        within = (specs.states[spec[at]] == values[at, None]).any(axis=1)
        met[at] = within
        back[at] = ~within
    return met, back


def quiet_bounds(specs: Specs, spec: NDArray[np.int32], status: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between which values (inclusive) a reading cannot change a check: never while a hold is running (`high` is -inf)."""
    active = (status & ACTIVE) != 0
    low = np.where(active, specs.active_low[spec], specs.idle_low[spec])
    high = np.where(active, specs.active_high[spec], specs.idle_high[spec])
    high[(status & PENDING) != 0] = -np.inf
    shut = (status & SHUT) != 0
    if shut.any():
        low[shut], high[shut] = -np.inf, np.inf
    return low, high


def due_times(program: Program, memory: Memory, checks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Service time at which each check's running hold ends by the clock; FAR where only a reading can end it.

    A rise is due when its hold has run out, or at once when the point becomes overdue meanwhile (silence while pending raises). A fall
    is due when its clear hold has run out on the hearing clock, unless the point is overdue by then (silence never clears)."""
    spec, row = program.check_spec[checks], program.check_row[checks]
    since = memory.since_clock_ms[checks]
    status = memory.status[checks]
    overdue_h = memory.heard_h[row] + program.gap_ms[program.device_rows[row]]
    overdue = overdue_h + memory.lost_ms
    if memory.paused_ms is not None:
        overdue = np.where(overdue <= memory.paused_ms, overdue, FAR)
    rising = (status & RISING) != 0
    held = since + program.specs.hold_ms[spec]
    due: NDArray[np.int64] = np.minimum(held, np.maximum(overdue, since))  # overdue before its gate opened: at once
    if not rising.all():
        fall_h = since + program.specs.clear_hold_ms[spec]
        fall = fall_h + memory.lost_ms
        ends = ((status & FALLING) != 0) & (fall_h <= overdue_h)
        if memory.paused_ms is not None:
            ends &= fall <= memory.paused_ms
        due = np.where(rising, due, np.where(ends, fall, FAR))
    return due
