"""How often each device speaks, learnt from what it does, where nobody declared it: silence is judged by it, and gaps that break a hold.

Learnt is the median of its last samples, a sample being the longest pause in a stretch at least as long as its class expects between two
messages: so neither a burst of changes nor one outage teaches anything. It is never shorter than the class default (domain.md F) and never
longer than the class's longest, rises at once and falls by a tenth an hour at most. What was learnt takes effect on the full hour of
service time, so that it does not depend on how the input was cut. Only the scan writes it; times are on the hearing clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sites.model import Device
from sites.roster import Roster, expected_interval_ms

LONGEST_S: dict[str, float] = {
    # the longest interval that is believed, by link: 2.5 x this is the longest unnoticed silence
    "wired": 2_880.0,  # 2 h, the longest patrol period between a device and the centre (GB 26875, domain.md B1)
    "actuator": 360.0,  # 15 min: an actuator that cannot be reached cannot cut
    "zigbee": 90_000.0,  # battery devices report at least every 25 h
    "lora": 90_000.0,
    "nb": 90_000.0,
}
KEPT = 9  # samples that the median is of
LEAST = 5  # samples before anything is learnt
BREATH_MS = 1_000  # messages this close together are one
LEARN_MS = 3_600_000
STEP = 0.1  # smaller changes than this share are not made
_NEVER = -(2**62)


def longest_interval_ms(device: Device) -> int:
    """The longest interval that this device may be learnt to have; a declared one is never learnt."""
    expected = expected_interval_ms(device)
    if device.interval_s is not None:
        return expected
    name = "actuator" if device.kind in ("switch", "actuator") and device.link == "wired" else device.link
    return max(expected, int(LONGEST_S.get(name, LONGEST_S["wired"]) * 1000))


def _numbers() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class IntervalsState:
    """By device row, of the rows that were heard; `samples_ms` is (rows, KEPT), of which the first `counts` are in use, the next one being
    written at `counts % KEPT`."""

    due_ms: int = 0
    rows: NDArray[np.int64] = field(default_factory=_numbers)
    last_h: NDArray[np.int64] = field(default_factory=_numbers)
    since_h: NDArray[np.int64] = field(default_factory=_numbers)
    pause_ms: NDArray[np.int64] = field(default_factory=_numbers)
    samples_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, KEPT), np.int64))
    counts: NDArray[np.int64] = field(default_factory=_numbers)
    learnt_ms: NDArray[np.int64] = field(default_factory=_numbers)
    is_new: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))


class Intervals:
    """Columns by device row, grown by `fit`. `due_ms` is the service time at which to `learn` next."""

    def __init__(self) -> None:
        self.due_ms = 0
        self.size = 0
        self.usual_ms = _numbers()  # declared, or the class default
        self.longest_ms = _numbers()
        self.learnt_ms = _numbers()
        self.last_h = _numbers()
        self.since_h = _numbers()  # when the stretch of the next sample began
        self.pause_ms = _numbers()  # the longest in it
        self.samples_ms: NDArray[np.int64] = np.zeros((0, KEPT), np.int64)
        self.counts = _numbers()
        self.is_new: NDArray[np.bool_] = np.zeros(0, np.bool_)  # has a sample that nothing was learnt from yet

    def fit(self, roster: Roster, anew: bool = False) -> None:
        """Take in devices that are new; `anew`: also what was edited of the others."""
        first, size = 0 if anew else self.size, len(roster.devices_by_row)
        if size > len(self.usual_ms):
            room = max(size, 2 * len(self.usual_ms))
            fills = {"usual_ms": 0, "longest_ms": 0, "learnt_ms": 0, "last_h": _NEVER, "since_h": 0, "pause_ms": 0, "counts": 0}
            for name, fill in fills.items():
                grown = np.full(room, fill, np.int64)
                grown[: self.size] = getattr(self, name)[: self.size]
                setattr(self, name, grown)
            self.samples_ms = np.concatenate((self.samples_ms[: self.size], np.zeros((room - self.size, KEPT), np.int64)))
            self.is_new = np.concatenate((self.is_new[: self.size], np.zeros(room - self.size, np.bool_)))
        devices = roster.devices_by_row[first:]
        self.usual_ms[first:size] = [expected_interval_ms(device) for device in devices]
        self.longest_ms[first:size] = [longest_interval_ms(device) for device in devices]
        self.size = size

    def expected_ms(self, rows: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.int64]:
        """How often each of these devices is expected to speak: declared, learnt, or the default of its class."""
        expected: NDArray[np.int64] = np.maximum(self.usual_ms[rows], np.minimum(self.learnt_ms[rows], self.longest_ms[rows]))
        return expected

    def is_learnt(self, row: int) -> bool:
        return bool(self.usual_ms[row] < self.learnt_ms[row] and self.usual_ms[row] < self.longest_ms[row])

    def forget(self, row: int) -> None:
        """Other hardware stands in this place now."""
        if row < self.size:
            self.last_h[row], self.counts[row], self.learnt_ms[row], self.is_new[row] = _NEVER, 0, 0, False

    def hear(self, rows: NDArray[np.int32], heard_h: NDArray[np.int64]) -> None:
        """These devices spoke, in order of time."""
        learns = self.usual_ms[rows] < self.longest_ms[rows]
        rows, heard_h = rows[learns], heard_h[learns]
        while len(rows):
            apart = heard_h - self.last_h[rows] >= BREATH_MS
            rows, heard_h = rows[apart], heard_h[apart]
            each, first = np.unique(rows, return_index=True)
            self._hear_once(each, heard_h[first])

    def _hear_once(self, rows: NDArray[np.int32], heard_h: NDArray[np.int64]) -> None:
        known = self.last_h[rows] != _NEVER
        pause = np.where(known, np.maximum(self.pause_ms[rows], heard_h - self.last_h[rows]), 0)
        since = np.where(known, self.since_h[rows], heard_h)
        full = known & (heard_h - since >= self.usual_ms[rows])
        done = rows[full]
        self.samples_ms[done, self.counts[done] % KEPT] = pause[full]
        self.counts[done] += 1
        self.is_new[done] = True
        self.pause_ms[rows] = np.where(full, 0, pause)
        self.since_h[rows] = np.where(full, heard_h, since)
        self.last_h[rows] = heard_h

    def learn(self, until_ms: int) -> NDArray[np.int64]:
        """Learn from the samples since the last time; returns the device rows whose expected interval has changed. `due_ms` becomes the
        first full hour after `until_ms`."""
        self.due_ms = (until_ms // LEARN_MS + 1) * LEARN_MS
        rows: NDArray[np.int64] = np.flatnonzero(self.is_new & (self.counts >= LEAST))
        self.is_new[:] = False
        if not len(rows):
            return rows
        counts = np.minimum(self.counts[rows], KEPT)
        used = np.arange(KEPT) < counts[:, None]
        ordered = np.sort(np.where(used, self.samples_ms[rows], np.iinfo(np.int64).max), axis=1)
        median = ordered[np.arange(len(rows)), (counts - 1) // 2]
        before = self.expected_ms(rows)
        falling = before - np.ceil(before * STEP).astype(np.int64)
        wanted = np.maximum(self.usual_ms[rows], np.minimum(np.maximum(median, falling), self.longest_ms[rows]))
        changed = np.abs(wanted - before) >= before * STEP
        changed |= (wanted == self.usual_ms[rows]) & (wanted != before)  # the last of the way down
        rows = rows[changed]
        self.learnt_ms[rows] = wanted[changed]
        return rows

    def dump(self) -> IntervalsState:
        rows = np.flatnonzero((self.last_h[: self.size] != _NEVER) | (self.learnt_ms[: self.size] > 0))
        return IntervalsState(
            due_ms=self.due_ms,
            rows=rows,
            last_h=self.last_h[rows],
            since_h=self.since_h[rows],
            pause_ms=self.pause_ms[rows],
            samples_ms=self.samples_ms[rows],
            counts=self.counts[rows],
            learnt_ms=self.learnt_ms[rows],
            is_new=self.is_new[rows],
        )

    def load(self, state: IntervalsState, roster: Roster) -> None:
        """Become what was dumped; device rows must mean the same devices."""
        assert not self.size, "load into new intervals"
        self.fit(roster)
        self.due_ms = state.due_ms
        for name in ("last_h", "since_h", "pause_ms", "samples_ms", "counts", "learnt_ms", "is_new"):
            getattr(self, name)[state.rows] = getattr(state, name)
