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

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules import derived, gates, presence, subjects_points
from rules.compile import Program
from rules.derived_due import next_due_ms
from rules.edges import Edges, findings, merged
from rules.findings import Finding
from rules.kernels import ACTIVE, FALLING, LATE, OPENED, PENDING, RISING, SHUT, due_times, judge
from rules.memory import Memory
from rules.sieve import awake_sets, span_of
from rules.wheel import FAR
from sites.readings import RETAINED, STALE_RETAINED, Readings


def step(program: Program, memory: Memory, readings: Readings, until_ms: int) -> list[Finding]:
    """Step the rules over a batch (may be empty) and then to `until_ms`: every hold and silence due by then has fired.

    `arrived_ms` does not fall; what is below the time already reached counts as arrived then. Call `sites.latest.apply_latest` for the same
    batch before: the engine itself reads only its memory. Returns findings ordered by (`fired_ms`, timers first, batch index)."""
    edges, began_ms = Edges(), memory.now_ms
    _start(program, memory)
    arrived = readings.arrived_ms
    if len(arrived):
        if arrived[0] < memory.now_ms:
            arrived = np.maximum(arrived, memory.now_ms)
        until_ms = max(until_ms, int(arrived[-1]))
    for first, last, to_ms in gates.spans(program, memory, arrived, max(until_ms, memory.now_ms), edges):
        edges.offset = first
        is_whole = last - first == len(arrived)
        _span(program, memory, readings if is_whole else readings.cut(first, last), arrived[first:last], to_ms, edges)
    made = merged(findings(program, memory, edges), edges.others)
    if program.derived is not None:
        made = merged(made, derived.step(program, memory, readings, arrived, began_ms, memory.now_ms, edges.turns))
    return made if memory.recurrence is None else memory.recurrence.step(made, memory.now_ms)


def _span(program: Program, memory: Memory, readings: Readings, arrived: NDArray[np.int64], until_ms: int, edges: Edges) -> None:
    """A part of a batch in which no gate of a schedule turns, and time up to its end."""
    rows, live, span, use = readings.rows, None, None, None
    if len(rows):
        span = span_of(rows)
        rows = rows.astype(np.intp) if span is None else rows  # what numpy gathers by
        if readings.flags.any():
            span = None
            use = np.flatnonzero((readings.flags & STALE_RETAINED) == 0)  # those tell what is known already
            live = np.flatnonzero((readings.flags & RETAINED) == 0)
        alone = use if program.subjects is None else subjects_points.unlinked(program.subjects, readings.rows, use)
        if alone is use:
            gates.note(memory, readings, arrived)
        else:
            span = None
            gates.note(memory, subjects_points.picked(readings, alone), arrived[alone])
        _take(program, memory, readings, rows, arrived, alone, span, edges)
    if program.subjects is not None:
        stage = subjects_points.stage(program, memory, readings, arrived, edges, partial(_take, program, memory), _fire)
        stage.run(readings, arrived, use, until_ms)
        edges.others += subjects_points.findings(program, stage.made, edges.offset)
        edges.turns += subjects_points.turns(stage, arrived, edges.offset)
    _ring(program, memory, until_ms, edges)
    if live is not None:
        rows, arrived = rows[live], arrived[live]
    presence.hear(program, memory, rows, span, arrived, live, until_ms, edges)
    memory.now_ms = until_ms


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
    turns = max(gates.next_ms(memory.program, memory), memory.now_ms)
    holds = memory.wheel.next_ms()
    silences = memory.watch_wheel.next_ms() if memory.paused_ms is None else None
    subjects = memory.subjects.due_ms(memory.now_ms) if memory.subjects is not None else None
    dues = (subjects, holds, None if silences is None else silences + memory.lost_ms, None if turns == FAR else turns, next_due_ms(memory))
    recurrences = memory.recurrence.due_ms() if memory.recurrence is not None else None
    return min((due for due in (*dues, recurrences) if due is not None), default=None)


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
    if program.subjects is not None:
        subjects_points.attach(program, memory)
    if memory.recurrence is not None:
        memory.recurrence.hear(memory.lost_ms, memory.paused_ms)


def _device_item(program: Program, memory: Memory, device_id: str, arrived_ms: int, kind: int) -> list[Finding]:
    made = step(program, memory, Readings.of([], [], [], []), arrived_ms)
    row = program.roster.device_rows.get(device_id)
    if row is None or row >= program.devices:
        return made
    edges, nothing = Edges(), Readings.of([], [], [], [])
    presence.apply(program, memory, row, kind, edges)
    if program.subjects is not None and program.subjects.heeds_devices:
        stage = subjects_points.stage(program, memory, nothing, nothing.arrived_ms, edges, partial(_take, program, memory), _fire)
        stage.look_again(row)
        edges.others += subjects_points.findings(program, stage.made, 0)
        edges.turns += subjects_points.turns(stage, nothing.arrived_ms, 0)
    following = merged(findings(program, memory, edges), edges.others)
    if edges.turns:
        following = merged(following, derived.step(program, memory, nothing, nothing.arrived_ms, memory.now_ms, memory.now_ms, edges.turns))
    return made + (following if memory.recurrence is None else memory.recurrence.step(following, memory.now_ms))


def _take(
    program: Program,
    memory: Memory,
    readings: Readings,
    rows: NDArray[Any],
    arrived: NDArray[np.int64],
    use: NDArray[np.int64] | None,
    span: slice | None,
    edges: Edges,
) -> None:
    """The readings at `use` (None: all, `span` then being their rows if these are neighbours)."""
    taken, values = readings.taken_ms, readings.values
    if use is not None:
        rows, taken, values = rows[use], taken[use], values[use]
    for places, newest in awake_sets(memory, rows, span, taken, values):
        index = places if use is None else use[places]
        own = rows[places].astype(np.intp)
        _wake(program, memory, index, own, taken[places], arrived[index], values[places], readings.delay_ms[index], newest, edges)


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
    starts = program.start[rows]
    counts = program.start[rows + 1] - starts
    begins = counts.cumsum() - counts
    own = np.repeat(np.arange(len(rows)), counts)  # reading of each check
    checks = np.arange(len(own)) + np.repeat(starts - begins, counts)
    status = memory.status[checks]
    if (status & SHUT).any():
        is_open = (status & SHUT) == 0
        checks, own, status = checks[is_open], own[is_open], status[is_open]
    waiting = (status & PENDING).nonzero()[0]
    if len(waiting):
        waiting = waiting[memory.wheel.queued_ms[checks[waiting]] <= arrived[own[waiting]]]  # none is due before its entry
        if len(waiting):
            _fire(program, memory, checks[waiting], due_times(program, memory, checks[waiting]), arrived[own[waiting]], edges)
            status = memory.status[checks]
    specs, spec = program.specs, program.check_spec[checks]
    met, back = judge(specs, spec, values[own])
    active = (status & ACTIVE) != 0
    fresh = taken > newest
    is_fresh, late = fresh.all(), np.zeros(len(checks), np.bool_)
    if delay.any():
        lateness = specs.lateness_ms[spec]
        late = delay[own] > np.where(lateness < 0, program.link_lateness_ms[program.device_rows[rows]][own], lateness)
        back &= ~late

    # all that is known but activity ends with a reading in time, and is set anew for what goes on
    after, to_toggle = status & ACTIVE, np.where(active, back, met)
    if not is_fresh:
        after = np.where(fresh[own], after, status)
        to_toggle &= fresh[own]
    moving = to_toggle.nonzero()[0]
    raised = cleared = moving
    if len(moving):
        check, reading, up = checks[moving], own[moving], ~active[moving]
        at, clock = taken[reading], arrived[reading]
        begin = (status[moving] & PENDING) == 0
        if not up.all():
            clock = np.where(up, clock, memory.hearing(clock))
        since_taken, since_clock = at, clock
        if not begin.all():
            # one that is running was heard before; a gap breaks it
            begin |= at - newest[reading] > program.gap_ms[program.device_rows[rows[reading]]]
            is_first = begin | ((status[moving] & OPENED) != 0)  # on the device's clock a hold that a gate began is measured from here
            since_taken = np.where(is_first, at, memory.since_taken_ms[check])
            since_clock = np.where(begin, clock, memory.since_clock_ms[check])
        hold = np.where(up, specs.hold_ms[spec[moving]], specs.clear_hold_ms[spec[moving]])
        # a clear hold that ran out while the point was overdue ends with the reading that is heard again
        over = (at - since_taken >= hold) | (~up & (clock - since_clock >= hold))
        held = np.where(up, np.where(late[moving], RISING | LATE, RISING), ACTIVE | FALLING)
        after[moving] = np.where(over, up, held)
        memory.since_taken_ms[check] = since_taken
        memory.since_clock_ms[check] = since_clock
        raised, cleared = (over & up).nonzero()[0], (over & ~up).nonzero()[0]
    memory.status[checks] = after
    if is_fresh:
        memory.heard_h[rows], memory.values[rows] = memory.hearing(arrived), values
    else:
        memory.heard_h[rows[fresh]], memory.values[rows[fresh]] = memory.hearing(arrived[fresh]), values[fresh]
    waiting = checks[(after & PENDING).nonzero()[0]]
    if len(waiting):
        memory.wheel.put(waiting, due_times(program, memory, waiting))
    memory.settle_bounds(rows)

    if not is_fresh:
        # out of order, but an alarm all the same; one from before the end of the last alarm is part of that, or comes again
        at = taken[own]
        flash = (~fresh[own] & met & ~active & ~late & (specs.hold_ms[spec] == 0) & (at > memory.ended_ms[checks])).nonzero()[0]
        memory.ended_ms[checks[flash]] = at[flash]
        for is_up, sub in ((True, 0), (False, 1)):
            edges.add(checks[flash], arrived[own[flash]], index[own[flash]], sub, is_up, at[flash], values[own[flash]], True)
    if len(cleared):
        memory.ended_ms[check[cleared]] = since_taken[cleared]
    for chosen, is_up in ((raised, True), (cleared, False)):
        if len(chosen):
            by, is_late = reading[chosen], late[moving[chosen]] if is_up else False
            when = (since_taken + hold)[chosen]
            edges.add(check[chosen], arrived[by], index[by], 0, is_up, when, values[by], is_late)


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
