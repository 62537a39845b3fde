"""Device clocks settled: raw readings get roster rows, a time that can be compared with the service's, and their delay.

`Clocks` runs after the journal, in the scan only, and is deterministic: cutting a sequence of readings into batches changes nothing.
A device's offset is the median of arrived - device time over its last live messages. A message counts as live when it fits the known
offset, or when the device's time and ours have advanced alike since its last message; so the contents of a queue that empties after
an outage are late, and do not shift the offset, while a clock that is slow for good is learnt from its second message on. A time of more
than a day ago is taken for a wrong clock, unless the clock is known to be right and the time goes on from the last one that the device
told: then it is the oldest part of a long outage's queue, and must not push aside what was measured after it. What a device itself
calls old teaches nothing about its clock, keeps its own time however old, and is late for every rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sites.readings import CLOCK_WRONG, HISTORICAL, NO_DEVICE_TIME, NO_TIME, RETAINED, STALE_RETAINED, RawReadings, Readings
from sites.roster import Roster

KEPT = 20  # live messages that the offset is the median of
JITTER_MS = 2_000  # a message this close to the known offset is live
OFFSET_WRONG_MS = 30_000  # an offset beyond this: arrival time is taken instead of the device's
AHEAD_MS = 120_000
BEHIND_MS = 24 * 3_600_000
HISTORICAL_MS = BEHIND_MS + 1  # least delay of what the device itself calls old: beyond every lateness that a rule can have
_NEVER = np.iinfo(np.int64).min


@dataclass(slots=True)
class _DeviceClock:
    offsets: list[int] = field(default_factory=list)  # of the last live messages, oldest first
    median: int = 0
    last_device_ms: int = 0  # of the last message with a device time; meaningless before the first
    last_arrived_ms: int = 0
    is_known: bool = False
    newest_device_ms: int = _NEVER  # the greatest device time that was not ahead

    def follows(self, device_ms: int, arrived_ms: int) -> bool:
        """Whether this time goes on from what the device told before (the same message again does too)."""
        follows = self.newest_device_ms != _NEVER and device_ms >= self.newest_device_ms
        if device_ms <= arrived_ms + AHEAD_MS:
            self.newest_device_ms = max(self.newest_device_ms, device_ms)
        return follows

    def hear(self, device_ms: int, arrived_ms: int) -> int:
        """One live message; returns the offset to judge it by."""
        offset = arrived_ms - device_ms
        if self.is_known:
            since_device, since_arrived = device_ms - self.last_device_ms, arrived_ms - self.last_arrived_ms
            if since_device == 0 and since_arrived == 0:
                return self.median  # the same message
            if abs(offset - self.median) <= JITTER_MS or _advanced_alike(since_device, since_arrived):
                self._learn(offset)
        else:
            self.is_known = True
            self._learn(offset)
        self.last_device_ms, self.last_arrived_ms = device_ms, arrived_ms
        return self.median

    def _learn(self, offset: int) -> None:
        self.offsets.append(offset)
        if len(self.offsets) > KEPT:
            del self.offsets[0]
        # the lower median: of two that disagree, the one that calls fewer readings punctual by mistake
        self.median = sorted(self.offsets)[(len(self.offsets) - 1) // 2]


def _advanced_alike(since_device: int, since_arrived: int) -> bool:
    """Whether two messages were as far apart at their device as here: neither queued between them nor drained from a queue."""
    if since_device <= 0:
        return False
    slack = min(500, since_device // 2)
    return since_device - since_device // 10 - slack <= since_arrived <= since_device + since_device // 10 + JITTER_MS


@dataclass(frozen=True, slots=True)
class ClocksState:
    """By device row, as in `device_rows`; `offsets` is (devices, KEPT), of which the first `counts` of a row are in use."""

    device_rows: NDArray[np.int32]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    last_device_ms: NDArray[np.int64]
    last_arrived_ms: NDArray[np.int64]
    newest_device_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # empty in older snapshots


class Clocks:
    """The clocks of all devices, by roster device row."""

    def __init__(self) -> None:
        self._clocks: dict[int, _DeviceClock] = {}

    def offset_ms(self, device_row: int) -> int | None:
        """The known offset (arrived - device time) of this device, or None when it never sent a time."""
        clock = self._clocks.get(device_row)
        return clock.median if clock is not None else None

    def spread_ms(self, device_row: int) -> int | None:
        """How far the device's last live messages differ in their offset: a jittery link or a clock that runs away. None as above."""
        clock = self._clocks.get(device_row)
        return None if clock is None or not clock.offsets else max(clock.offsets) - min(clock.offsets)

    def forget(self, device_row: int) -> None:
        """Other hardware stands in this place now: its clock is learnt anew."""
        self._clocks.pop(device_row, None)

    def settle(self, raw: RawReadings, roster: Roster) -> Readings:
        """`Readings` of the same order; readings of points that the roster does not have are left out."""
        rows = roster.row_of_key.rows_of(raw.keys)
        if len(rows) and rows.min() < 0:
            keep = rows >= 0
            rows = rows[keep]
            raw = RawReadings(raw.keys[keep], raw.device_ms[keep], raw.arrived_ms[keep], raw.values[keep], raw.flags[keep])
        arrived, flags = raw.arrived_ms, raw.flags.copy()
        timed = raw.device_ms != NO_TIME
        flags[~timed] |= NO_DEVICE_TIME
        taken = arrived.copy()
        delay = np.zeros(len(rows), np.int64)
        delay[(flags & HISTORICAL) != 0] = HISTORICAL_MS
        if timed.any():
            self._settle_timed(np.flatnonzero(timed), rows, raw, roster, taken, delay, flags)
        by_arrival = ~timed | (((flags & CLOCK_WRONG) != 0) & (taken == arrived))
        if by_arrival.any():
            _settle_by_arrival(by_arrival, rows, raw.values, taken, flags, roster)
        return Readings(rows, taken, arrived, raw.values, delay, flags)

    def _settle_timed(
        self,
        at: NDArray[np.intp],
        rows: NDArray[np.int32],
        raw: RawReadings,
        roster: Roster,
        taken: NDArray[np.int64],
        delay: NDArray[np.int64],
        flags: NDArray[np.uint8],
    ) -> None:
        """Fill `taken`, `delay` and the clock flag of the readings `at`, which have device times."""
        device_ms, arrived = raw.device_ms[at], raw.arrived_ms[at]
        old = (raw.flags[at] & HISTORICAL) != 0
        quiet = old | ((raw.flags[at] & RETAINED) != 0)  # these teach nothing about a clock
        devices = roster.columns.device_rows[rows[at]]
        first = np.ones(len(at), bool)  # first reading of each message
        first[1:] = (devices[1:] != devices[:-1]) | (device_ms[1:] != device_ms[:-1]) | (arrived[1:] != arrived[:-1])
        first[1:] |= quiet[1:] != quiet[:-1]
        starts = np.flatnonzero(first)
        offsets: list[int] = []
        follows: list[bool] = []
        clocks = self._clocks
        columns = (devices[starts].tolist(), device_ms[starts].tolist(), arrived[starts].tolist(), quiet[starts].tolist())
        for device, at_device, at_arrival, is_quiet in zip(*columns, strict=True):
            clock = clocks.get(device)
            if is_quiet:
                offsets.append(clock.median if clock is not None else 0)
                follows.append(False)
                continue
            if clock is None:
                clock = clocks[device] = _DeviceClock()
            follows.append(clock.follows(at_device, at_arrival))
            offsets.append(clock.hear(at_device, at_arrival))
        counts = np.diff(np.append(starts, len(at)))
        offset = np.repeat(np.array(offsets, np.int64), counts)
        is_next = np.repeat(np.array(follows, bool), counts)
        late = np.maximum(arrived - device_ms - offset, 0)
        wrong = np.abs(offset) > OFFSET_WRONG_MS
        unusable = wrong | (device_ms > arrived + AHEAD_MS) | ((device_ms < arrived - BEHIND_MS) & ~is_next)
        # a wrong clock whose message waited in a queue: the offset is known, so the time of measuring is too
        queued = wrong & (late > OFFSET_WRONG_MS) & (late <= BEHIND_MS)
        taken[at] = np.where(unusable, np.where(queued, arrived - late, arrived), device_ms)
        delay[at] = late
        if old.any():  # by its own time however old, set right where its clock is known to be wrong, and never to come
            told = device_ms + np.where(wrong, offset, 0)
            taken[at] = np.where(old, np.minimum(told, arrived), taken[at])
            delay[at] = np.where(old, np.maximum(arrived - taken[at], HISTORICAL_MS), late)
            unusable = np.where(old, wrong | (told > arrived), unusable)
        flags[at] |= np.where(unusable, CLOCK_WRONG, 0).astype(np.uint8)

    def dump(self) -> ClocksState:
        """A copy of all clocks; `storage/snapshots` writes it."""
        n = len(self._clocks)
        offsets = np.zeros((n, KEPT), np.int64)
        for i, clock in enumerate(self._clocks.values()):
            offsets[i, : len(clock.offsets)] = clock.offsets
        clocks = self._clocks.values()
        return ClocksState(
            np.fromiter(self._clocks, np.int32, n),
            offsets,
            np.fromiter((len(clock.offsets) for clock in clocks), np.int64, n),
            np.fromiter((clock.last_device_ms for clock in clocks), np.int64, n),
            np.fromiter((clock.last_arrived_ms for clock in clocks), np.int64, n),
            np.fromiter((clock.newest_device_ms for clock in clocks), np.int64, n),
        )

    def load(self, state: ClocksState) -> None:
        """Take the place of what was dumped; device rows must mean the same devices."""
        newest = state.newest_device_ms if len(state.newest_device_ms) else state.last_device_ms
        columns = (state.device_rows, state.offsets, state.counts, state.last_device_ms, state.last_arrived_ms, newest)
        self._clocks = {}
        for row, offsets, count, device_ms, arrived_ms, newest_ms in zip(*(column.tolist() for column in columns), strict=True):
            kept = offsets[:count]
            median = sorted(kept)[(count - 1) // 2] if kept else 0
            self._clocks[row] = _DeviceClock(kept, median, device_ms, arrived_ms, True, newest_ms)


def _settle_by_arrival(
    chosen: NDArray[np.bool_],
    rows: NDArray[np.int32],
    values: NDArray[np.float64],
    taken: NDArray[np.int64],
    flags: NDArray[np.uint8],
    roster: Roster,
) -> None:
    """For the `chosen` readings taken = max(arrived, last + 1), where last is the point's newest before each; a retained one without a
    device time that says what is known already is marked as state only."""
    columns = roster.columns
    at = np.flatnonzero(chosen)
    mine = rows[at]
    mark = RETAINED | NO_DEVICE_TIME
    among = at if len(at) == len(rows) else np.flatnonzero(np.isin(rows, mine))
    if len(np.unique(rows[among])) == len(among) and not ((flags[at] & mark) == mark).any():
        before = columns.latest_taken_ms[mine]
        taken[at] = np.maximum(taken[at], np.where(before == _NEVER, _NEVER, before + 1))
        return
    # several readings of a point in this batch: one after another, as `sites.latest` would keep them
    newest: dict[int, tuple[int, float]] = {}
    for i, row, is_chosen in zip(among.tolist(), rows[among].tolist(), chosen[among].tolist(), strict=True):
        known = newest.get(row)
        if known is None and columns.latest_taken_ms[row] != _NEVER:
            known = (int(columns.latest_taken_ms[row]), float(columns.latest_values[row]))
        if is_chosen and known is not None and taken[i] <= known[0]:
            taken[i] = known[0] + 1
        if known is not None and (flags[i] & mark) == mark and known[1] == values[i]:
            flags[i] |= STALE_RETAINED
            continue
        if known is None or taken[i] > known[0]:
            newest[row] = (int(taken[i]), float(values[i]))
