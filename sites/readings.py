"""Batches of readings as columns: what the journal keeps and what the rule engine steps over.

`RawReadings` are what the codecs made of messages, keyed by stable point keys and journalled as they are. `Readings` are
the same after the roster and the device clocks were applied: array rows, settled times. Values are always finite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_TIME = np.int64(-(2**63))  # device_ms of a reading that came without a device time

RETAINED = 1  # delivered from the broker's retained store
NO_DEVICE_TIME = 2
CLOCK_WRONG = 4  # device time unusable: arrival time taken instead
HISTORICAL = 8  # the device itself says it is old
STALE_RETAINED = 16  # retained, without a device time, and same as the kept state: state only, never raises
SYNTHETIC = 32  # alarm-path self-test


@dataclass(slots=True)
class RawReadings:
    """Columns of equal length n, in arrival order (`arrived_ms` non-decreasing)."""

    keys: NDArray[np.int64]
    device_ms: NDArray[np.int64]  # NO_TIME where the message had none
    arrived_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.keys)

    @staticmethod
    def empty() -> RawReadings:
        return RawReadings.of([], [], [], [], [])

    @staticmethod
    def of(keys: object, device_ms: object, arrived_ms: object, values: object, flags: object) -> RawReadings:
        return RawReadings(
            np.asarray(keys, np.int64),
            np.asarray(device_ms, np.int64),
            np.asarray(arrived_ms, np.int64),
            np.asarray(values, np.float64),
            np.asarray(flags, np.uint8),
        )

    def cut(self, start: int, stop: int) -> RawReadings:
        """Rows `[start, stop)` as views."""
        s = slice(start, stop)
        return RawReadings(self.keys[s], self.device_ms[s], self.arrived_ms[s], self.values[s], self.flags[s])


@dataclass(slots=True)
class Readings:
    """Columns of equal length n, in arrival order. `rows` are roster rows; `delay_ms` is arrived - taken less the device's own
    clock offset (0 where the device sends no time), never negative."""

    rows: NDArray[np.int32]
    taken_ms: NDArray[np.int64]
    arrived_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    delay_ms: NDArray[np.int64]
    flags: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.rows)

    @staticmethod
    def of(rows: object, taken_ms: object, arrived_ms: object, values: object, delay_ms: object = None, flags: object = None) -> Readings:
        rows = np.asarray(rows, np.int32)
        n = len(rows)
        return Readings(
            rows,
            np.asarray(taken_ms, np.int64),
            np.asarray(arrived_ms, np.int64),
            np.asarray(values, np.float64),
            np.zeros(n, np.int64) if delay_ms is None else np.asarray(delay_ms, np.int64),
            np.zeros(n, np.uint8) if flags is None else np.asarray(flags, np.uint8),
        )

    def cut(self, start: int, stop: int) -> Readings:
        """Rows `[start, stop)` as views."""
        s = slice(start, stop)
        return Readings(self.rows[s], self.taken_ms[s], self.arrived_ms[s], self.values[s], self.delay_ms[s], self.flags[s])
