"""History of one point as columns, for charts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Series:
    """One point's history in a span: raw (`minimum is maximum is mean`, `is_raw`) or per step of `step_ms`."""

    taken_ms: NDArray[np.int64]
    minimum: NDArray[np.float64]
    mean: NDArray[np.float64]
    maximum: NDArray[np.float64]
    step_ms: int  # 0: raw
    gaps: list[tuple[int, int]] = field(default_factory=list)  # known holes [from, to)
