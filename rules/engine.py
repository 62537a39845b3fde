"""The step: readings in, findings out. A deterministic function of the program, the memory and the input, however that is cut.

A reading first meets its point's quiet bounds: between them no check of the point can change, and nothing more is done. The few that are
awake go through the checks' state machine below. The engine reports edges honestly; latching, acknowledging and suppressing are not
its matter. It is the only writer of `Memory`.

    status of a check        reading met          reading back        its clock
    idle                     rising, or active    -                   -
    rising                   rising, or active    idle                active (hold over, or point overdue)
    active                   active               falling, or idle    -
    falling (still active)   active               falling, or idle    idle (clear hold over, point not overdue)

*Met* is at or past the limit, *back* is past limit and deadband; between the two an active check stays active and an idle one idle. A late
reading never clears: it ends a running clear hold, and the next reading in time begins it anew.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rules import presence
from rules.compile import Program
from rules.edges import Edges, findings
from rules.findings import Finding
from rules.kernels import ACTIVE, FALLING, LATE, PENDING, RISING, due_times, judge
from rules.memory import NEVER, Memory
from sites.readings import RETAINED, STALE_RETAINED, Readings

_CHUNK = 1 << 13  # readings whose temporaries stay in the nearest caches


def step(program: Program, memory: Memory, readings: Readings, until_ms: int) -> list[Finding]:
    """Step the rules over a batch (may be empty) and then to `until_ms`: every hold and silence due by then has fired.

    `arrived_ms` does not fall; what is below the time already reached counts as arrived then. Call `sites.latest.apply_latest` for the same
    batch before: the engine itself reads only its memory. Returns findings ordered by (`fired_ms`, timers first, batch index)."""
    edges = Edges()
    _start(program, memory)
    rows, arrived, live = readings.rows, readings.arrived_ms, None
    if len(rows):
        if arrived[0] < memory.now_ms:
            arrived = np.maximum(arrived, memory.now_ms)
        until_ms = max(until_ms, int(arrived[-1]))
        use = None
        if readings.flags.any():
            use = np.flatnonzero((readings.flags & STALE_RETAINED) == 0)  # those tell what is known already
            live = np.flatnonzero((readings.flags & RETAINED) == 0)
        _take(program, memory, readings, arrived, use, edges)
    until_ms = max(until_ms, memory.now_ms)
    _ring(program, memory, until_ms, edges)
    if live is not None:
        rows, arrived = rows[live], arrived[live]
    presence.hear(program, memory, program.device_rows[rows], arrived, live, until_ms, edges)
    memory.now_ms = until_ms
    return findings(program, memory, edges)


def heard(program: Program, memory: Memory, device_id: str, arrived_ms: int) -> list[Finding]:
    """A device gave a sign of life that is no reading (a reply, a heartbeat)."""
    return _device_item(program, memory, device_id, arrived_ms, presence.SIGN)


def availability(program: Program, memory: Memory, device_id: str, online: bool, arrived_ms: int, retained: bool = False) -> list[Finding]:
    """Last will or availability message: offline raises the device's silence at once; online, unless retained, is a sign of life. A
    retained `online` only ends `offline`: how long the device is silent goes on counting."""
    kind = presence.OFFLINE if not online else presence.RETAINED_ONLINE if retained else presence.SIGN
    return _device_item(program, memory, device_id, arrived_ms, kind)


def due_ms(memory: Memory) -> int | None:
    """Nothing fires by time alone before this moment (service time); it may turn out that nothing fires then either. None: never."""
    holds = memory.wheel.next_ms()
    silences = memory.watch_wheel.next_ms() if memory.paused_ms is None else None
    return min((due for due in (holds, None if silences is None else silences + memory.lost_ms) if due is not None), default=None)


def pause(program: Program, memory: Memory, now_ms: int) -> list[Finding]:
    """From now on the service cannot hear (stopped, disconnected, stalled): the hearing clock stands still. Settles up to now first."""
    made = step(program, memory, Readings.of([], [], [], []), now_ms)
    if memory.paused_ms is None:
        memory.paused_ms = memory.now_ms
    return made


def resume(program: Program, memory: Memory, now_ms: int) -> list[Finding]:
    """The service hears again. What was due by the service clock meanwhile fires first; silence goes on counting from where it stood."""
    made = step(program, memory, Readings.of([], [], [], []), now_ms)
    if memory.paused_ms is not None:
        memory.lost_ms += memory.now_ms - memory.paused_ms
        memory.paused_ms = None
        memory.settle()
    return made


def _start(program: Program, memory: Memory) -> None:
    assert memory.program is program, "this memory belongs to another program: carry it"
    if memory.rows < program.rows or memory.devices < program.devices:
        memory.fit()


def _device_item(program: Program, memory: Memory, device_id: str, arrived_ms: int, kind: int) -> list[Finding]:
    made = step(program, memory, Readings.of([], [], [], []), arrived_ms)
    row = program.roster.device_rows.get(device_id)
    if row is None or row >= program.devices:
        return made
    edges = Edges()
    presence.apply(program, memory, row, kind, edges)
    return made + findings(program, memory, edges)


def _take(
    program: Program, memory: Memory, readings: Readings, arrived: NDArray[np.int64], use: NDArray[np.int64] | None, edges: Edges
) -> None:
    """The readings at `use` (None: all), in rounds in which no row occurs twice."""
    rows = readings.rows if use is None else readings.rows[use]
    for part in _rounds(memory, rows):
        at = part if use is None else use[part]
        row, taken, values = rows[part], readings.taken_ms[at], readings.values[at]
        awake, newest = _sieve(memory, row, taken, values)
        if len(awake):
            index = at[awake] if isinstance(at, np.ndarray) else awake
            delay = readings.delay_ms[index]
            _wake(program, memory, index, row[awake].astype(np.int64), taken[awake], arrived[index], values[awake], delay, newest, edges)


def _rounds(memory: Memory, rows: NDArray[np.int32]) -> Iterator[slice | NDArray[np.int64]]:
    """Parts of the batch, in order, in each of which a row occurs once: first all first readings, then all second ones, ..."""
    n = len(rows)
    if n < 2 or (rows[1:] > rows[:-1]).all():
        yield slice(0, n)
        return
    numbers = np.arange(n, dtype=np.int32)
    memory.order[rows[::-1]] = numbers[::-1]  # of several the first stands: it is assigned last
    is_first = memory.order[rows] == numbers
    first = np.flatnonzero(is_first)
    if len(first) == n:
        yield slice(0, n)
        return
    yield first
    rest = np.flatnonzero(~is_first)
    by_row = rest[np.argsort(rows[rest], kind="stable")]
    starts = np.flatnonzero(np.concatenate(([True], rows[by_row][1:] != rows[by_row][:-1])))
    rank = np.arange(len(rest)) - np.repeat(starts, np.diff(np.append(starts, len(rest))))
    ordered = by_row[np.lexsort((by_row, rank))]
    yield from np.split(ordered, np.cumsum(np.bincount(rank))[:-1])


def _sieve(
    memory: Memory, rows: NDArray[np.int32], taken: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of readings of different rows, which are awake (may change a check) and what their rows' newest time was before them; the newest
    times are moved on. This is the whole price of a quiet reading, whatever the number of rules: a few passes over short columns."""
    found: list[NDArray[np.int64]] = []
    before: list[NDArray[np.int64]] = []
    n = len(rows)
    is_span = n > 1 and int(rows[-1]) - int(rows[0]) == n - 1 and bool((rows[1:] > rows[:-1]).all())
    for begin in range(0, n, _CHUNK):
        end = min(begin + _CHUNK, n)
        # neighbouring rows are a slice: views instead of gathers
        own = slice(int(rows[begin]), int(rows[begin]) + end - begin) if is_span else rows[begin:end].astype(np.intp)
        when, value, newest = taken[begin:end], values[begin:end], memory.taken_ms[own]
        awake = np.flatnonzero((value < memory.low[own]) | (value > memory.high[own]))
        is_newer = when > newest
        known = newest[awake]
        if is_newer.all():
            memory.taken_ms[own] = when
        else:
            memory.taken_ms[own] = np.maximum(when, newest)
            again = when[awake] == known  # duplicates change nothing
            awake, known = awake[~again], known[~again]
        if len(awake):
            found.append(awake + begin)
            before.append(known)
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(found), np.concatenate(before)


def _wake(
    program: Program,
    memory: Memory,
    index: NDArray[np.int64],
    rows: NDArray[np.int64],
    taken: NDArray[np.int64],
    arrived: NDArray[np.int64],
    values: NDArray[np.float64],
    delay: NDArray[np.int64],
    newest: NDArray[np.int64],
    edges: Edges,
) -> None:
    """The state machine, for all checks of some readings of different rows."""
    counts = program.start[rows + 1] - program.start[rows]
    begins = np.cumsum(counts) - counts
    own = np.repeat(np.arange(len(rows)), counts)  # reading of each check
    checks = np.arange(len(own)) + np.repeat(program.start[rows] - begins, counts)
    pending = np.flatnonzero(memory.status[checks] & PENDING)
    if len(pending):
        _fire(program, memory, checks[pending], due_times(program, memory, checks[pending]), arrived[own[pending]], edges)
    specs, spec = program.specs, program.check_spec[checks]
    device = program.device_rows[rows]
    fresh = taken > newest
    gap = fresh & (newest != NEVER) & (taken - newest > program.gap_ms[device])
    lateness = specs.lateness_ms[spec]
    late = delay[own] > np.where(lateness < 0, program.link_lateness_ms[device][own], lateness)
    met, back = judge(specs, spec, values[own])
    status = memory.status[checks]
    active, fresh_own, gap_own, at = (status & ACTIVE) != 0, fresh[own], gap[own], taken[own]

    rise = fresh_own & met & ~active
    fall = fresh_own & back & active & ~late
    begin = (rise & ((status & RISING) == 0)) | (fall & ((status & FALLING) == 0)) | ((rise | fall) & gap_own)
    since_taken = np.where(begin, at, memory.since_taken_ms[checks])
    clock = np.where(fall, memory.hearing(arrived)[own], arrived[own])
    since_clock = np.where(begin, clock, memory.since_clock_ms[checks])
    hold = np.where(fall, specs.clear_hold_ms[spec], specs.hold_ms[spec])
    # a clear hold that ran out while the point was overdue ends with the reading that is heard again
    over = (at - since_taken >= hold) | (fall & (clock - since_clock >= hold))
    raised, cleared = rise & over, fall & over
    rising, falling = rise & ~over, fall & ~over

    after = status.copy()
    after[fresh_own & ~active & ~met] = 0
    after[fresh_own & active & (~back | late)] = ACTIVE
    after[rising] = RISING
    after[rising & late] |= LATE
    after[raised] = ACTIVE
    after[falling] = ACTIVE | FALLING
    after[cleared] = 0
    memory.status[checks] = after
    keep = rising | falling
    memory.since_taken_ms[checks[keep]] = since_taken[keep]
    memory.since_clock_ms[checks[keep]] = since_clock[keep]
    memory.heard_h[rows[fresh]] = memory.hearing(arrived[fresh])
    memory.values[rows[fresh]] = values[fresh]
    waiting = checks[keep]
    if len(waiting):
        memory.wheel.put(waiting, due_times(program, memory, waiting))
    memory.settle_bounds(rows)

    # out of order, but an alarm all the same; one from before the end of the last alarm is part of that, or comes again
    flash = ~fresh_own & met & ~active & ~late & (specs.hold_ms[spec] == 0) & (at > memory.ended_ms[checks])
    memory.ended_ms[checks[cleared]] = since_taken[cleared]
    memory.ended_ms[checks[flash]] = at[flash]
    for chosen, is_up, when, is_late, sub in (
        (raised, True, since_taken + hold, late, 0),
        (cleared, False, since_taken + hold, False, 0),
        (flash, True, at, True, 0),
        (flash, False, at, True, 1),
    ):
        if chosen.any():
            reading = own[chosen]
            tell = is_late if isinstance(is_late, bool) else is_late[chosen]
            edges.add(checks[chosen], arrived[reading], index[reading], sub, is_up, when[chosen], values[reading], tell)


def _fire(
    program: Program, memory: Memory, checks: NDArray[np.int64], due: NDArray[np.int64], until: NDArray[np.int64] | int, edges: Edges
) -> NDArray[np.bool_]:
    """Let the holds end that are due by `until`; returns which did. Bounds are the caller's to settle."""
    over = due <= until
    if not over.any():
        return over
    checks, due = checks[over], due[over]
    status = memory.status[checks]
    up = (status & RISING) != 0
    fired = np.maximum(due, memory.now_ms)
    since_taken = memory.since_taken_ms[checks]
    value = memory.values[program.check_row[checks]]
    elapsed = due - memory.since_clock_ms[checks]  # service time on service time: shorter than the hold when silence ended it
    memory.status[checks] = np.where(up, ACTIVE, 0)
    memory.ended_ms[checks[~up]] = since_taken[~up]
    edges.add(checks[up], fired[up], -1, 0, True, (since_taken + elapsed)[up], value[up], (status[up] & LATE) != 0)
    clear = since_taken + program.specs.clear_hold_ms[program.check_spec[checks]]
    edges.add(checks[~up], fired[~up], -1, 0, False, clear[~up], value[~up], False)
    return over


def _ring(program: Program, memory: Memory, until_ms: int, edges: Edges) -> None:
    """Everything due by `until_ms` after the batch."""
    checks = memory.wheel.take(until_ms)
    checks = checks[(memory.status[checks] & PENDING) != 0]
    if not len(checks):
        return
    due = due_times(program, memory, checks)
    over = _fire(program, memory, checks, due, until_ms, edges)
    memory.wheel.put(checks[~over], due[~over])
    if over.any():
        memory.settle_bounds(np.unique(program.check_row[checks[over]]).astype(np.int64))
