"""Columns that grow by doubling: an array may be longer than the rows in use. Pure functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def appended(old: NDArray[Any], size: int, new: NDArray[Any]) -> NDArray[Any]:
    """`old[:size]` followed by `new`, in place where there is room."""
    grown = widened(old, size, size + len(new), 0)
    grown[size : size + len(new)] = new
    return grown


def widened(old: NDArray[Any], size: int, need: int, fill: Any) -> NDArray[Any]:
    """Room for `need` rows, of which `size` are in use; those that are new hold `fill`."""
    if need <= len(old):
        return old
    grown = np.full((need if size == 0 else max(need, 2 * len(old)), *old.shape[1:]), fill, old.dtype)
    grown[:size] = old[:size]
    return grown
