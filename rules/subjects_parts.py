"""What the stage of rules over several points hands on and is handed: causes, edges, turned gates; and small arithmetic over sorted ids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.kernels import ACTIVE
from rules.subjects_plan import Group, Ints

BEFORE, AFTER = -1, 2  # `sub` of edges of checks that a gate makes: before, or after those of the reading itself


@dataclass(slots=True)
class PointStage:
    """What this stage asks of the stage of points. `take(index)`: readings of different rows meet their checks; `fire(checks, until)`:
    holds that are due end; `gate(checks, is_open, at_ms, index, sub)`: checks open or shut; `due(checks)`: when their holds are due."""

    take: Callable[[Ints], None]
    fire: Callable[[Ints, Ints], None]
    gate: Callable[[Ints, NDArray[np.bool_], Ints, Ints, int], None]
    due: Callable[[Ints], Ints]


@dataclass(slots=True)
class Shown:
    """One edge of one subject, as columns of equal length: level before and after (-1: none)."""

    rule: int
    group: Group
    subject: Ints
    before: Ints
    after: Ints
    at_ms: Ints
    fired_ms: Ints
    value: NDArray[np.float64]
    is_late: NDArray[np.bool_]
    index: Ints
    device: Ints


@dataclass(slots=True)
class Cause:
    """The readings of a round, one a place, as columns of equal length."""

    places: Ints
    index: Ints
    slot: Ints  # -1: no condition looks at its value, or it is not the newest of its point
    device: Ints
    taken_ms: Ints
    delay_ms: Ints
    gap: NDArray[np.bool_]
    is_linked: NDArray[np.bool_]  # its row has checks that a condition gates or looks at


@dataclass(slots=True)
class Turned:
    """Gates of derived values that a condition turned, by check: from when on, and the reading that did (-1: time alone)."""

    checks: Ints
    is_open: NDArray[np.bool_]
    at_ms: Ints
    index: Ints
    sub: int


def starts_of(sorted_ids: Ints) -> Ints:
    """Where each id begins."""
    return np.flatnonzero(np.concatenate(([True], sorted_ids[1:] != sorted_ids[:-1]))) if len(sorted_ids) else np.zeros(0, np.int64)


def least(found: Ints, own: Ints, due: Ints, after: Ints | None = None) -> None:
    """`found[own]` becomes the least of itself and `due`; dues that are not after `after` have been seen."""
    if after is not None:
        use = due > after[own]
        own, due = own[use], due[use]
    np.minimum.at(found, own, due)


def top(status: NDArray[Any]) -> Ints:
    """The most severe active level of each row, -1 for none."""
    active = (status & ACTIVE) != 0
    levels = active.shape[1]
    return np.where(active.any(axis=1), levels - 1 - active[:, ::-1].argmax(axis=1), -1)
