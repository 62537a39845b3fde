"""Silence of devices: who was last heard, on a hearing clock that stands still while the service itself is deaf.

A watch (silence rule on a device) raises when the device was not heard for its limit, or at once when it is reported offline; any reading
that was not delivered from the broker's retained store clears it. A device never heard is never silent. Part of the engine:
writes the device columns of `Memory`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program, set_intervals
from rules.edges import Edges
from rules.memory import NEVER, Memory
from rules.sieve import span_of

SIGN, OFFLINE, RETAINED_ONLINE = 0, 1, 2  # what `apply` is told of a device


def hear(
    program: Program,
    memory: Memory,
    rows: NDArray[Any],
    span: slice | None,
    arrived: NDArray[np.int64],
    index: NDArray[np.int64] | None,
    until_ms: int,
    edges: Edges,
) -> None:
    """Readings of point rows (`span`: the rows themselves where they are neighbours), in arrival order (`index`: their places in the batch,
    None when all are), then time up to `until_ms`."""
    until_h = int(memory.hearing(until_ms))
    due = memory.watch_wheel.take(until_h)
    if len(rows):
        at_once = arrived[0] == arrived[-1]
        # a device heard before can only fall silent within the batch if its entry in the wheel is due by its end
        suspects = program.watch_device[due]
        suspects = suspects[~memory.device_odd[suspects]]
        wants_all = memory.alerts or memory.unheard or len(suspects) or not at_once
        is_short = span is not None and not wants_all
        if span is None:
            devices = program.device_rows.take(rows, mode="clip")
        else:
            devices = program.devices_of(rows) if is_short else program.device_rows[span]
        if memory.alerts or memory.unheard or len(suspects):
            memory.device_odd[suspects] = True
            own = np.flatnonzero(memory.device_odd[devices])
            memory.device_odd[suspects] = False
            if len(own):
                heard_h = memory.hearing(arrived[own])
                _replay(program, memory, devices[own], arrived[own], heard_h, own if index is None else index[own], edges)
                due = np.union1d(due, _watches_of(program, np.unique(devices[own]))[0])
        device_span = span_of(devices) if is_short else None
        at = devices if device_span is None else device_span
        memory.device_heard_h[at] = memory.hearing(arrived[0] if at_once else arrived)  # of several the last stands
    _settle_due(program, memory, due, until_h, edges)


def apply(program: Program, memory: Memory, device: int, kind: int, edges: Edges) -> None:
    """One item about one device row at the memory's present time."""
    now_h, now = int(memory.hearing(memory.now_ms)), memory.now_ms
    watches = np.arange(program.watch_start[device], program.watch_start[device + 1])
    raised = memory.watch_raised[watches]
    if kind == OFFLINE:
        memory.device_offline[device] = True
        begins = watches[~raised & ~memory.watch_shut[watches]]
        memory.watch_raised[begins] = True
        edges.add(-1 - begins, now, -1, 0, True, now, np.nan, False)
    else:
        memory.device_offline[device] = False
        if kind == SIGN:
            memory.unheard -= int(memory.device_heard_h[device] == NEVER)
            memory.device_heard_h[device] = now_h
        heard_h = int(memory.device_heard_h[device])
        due = heard_h + program.watch_limit_ms[watches]
        ends = raised & ((heard_h == NEVER) | (due > now_h))
        memory.watch_raised[watches[ends]] = False
        edges.add(-1 - watches[ends], now, -1, 0, False, now, np.nan, False)
        if heard_h != NEVER:
            waiting = ~memory.watch_raised[watches]
            memory.watch_wheel.put(watches[waiting], due[waiting])
    _settle_alerts(program, memory, np.array([device]))


def retime(program: Program, memory: Memory, devices: NDArray[np.int64]) -> None:
    """The expected intervals of these device rows have changed: whatever waits for one of them waits by the new one from now on. One pass
    over the memory."""
    set_intervals(program, devices, _watches_of(program, devices)[0])
    memory.settle()


def _replay(
    program: Program,
    memory: Memory,
    devices: NDArray[np.int32],
    arrived: NDArray[np.int64],
    heard_h: NDArray[np.int64],
    index: NDArray[np.int64],
    edges: Edges,
) -> None:
    """Silences that begin or end between the readings of these devices."""
    order = np.argsort(devices, kind="stable")
    devices, arrived, heard_h, index = devices[order], arrived[order], heard_h[order], index[order]
    is_first = np.concatenate(([True], devices[1:] != devices[:-1]))
    heads = devices[is_first]
    before = np.where(is_first, memory.device_heard_h[devices], np.concatenate((heard_h[:1], heard_h[:-1])))
    watches, counts = _watches_of(program, devices)
    own = np.repeat(np.arange(len(devices)), counts)
    was_raised = memory.watch_raised[watches] & is_first[own]
    # a new rule on an offline device is due at once, as is one whose limit has passed
    offline = memory.device_offline[devices][own] & is_first[own]
    since = before[own]
    due = np.where(offline, memory.now_ms, since + program.watch_limit_ms[watches] + memory.lost_ms)
    falls_silent = (
        ~was_raised
        & ~memory.watch_shut[watches]
        & (offline | ((since != NEVER) & (since + program.watch_limit_ms[watches] <= heard_h[own])))
    )
    fired = np.maximum(due, memory.now_ms)[falls_silent]
    edges.add(-1 - watches[falls_silent], fired, -1, 0, True, due[falls_silent], np.nan, False)
    ends = was_raised | falls_silent
    at = own[ends]
    edges.add(-1 - watches[ends], arrived[at], index[at], 0, False, arrived[at], np.nan, False)
    memory.watch_raised[watches] = False
    memory.device_offline[heads] = False
    memory.unheard -= int((memory.device_heard_h[heads] == NEVER).sum())
    memory.alerts -= int(memory.device_alert[heads].sum())
    memory.device_alert[heads] = memory.device_odd[heads] = False


def _settle_due(program: Program, memory: Memory, watches: NDArray[np.int64], until_h: int, edges: Edges) -> None:
    """Raise those of these watches that are due by `until_h`, queue the others again."""
    watches = watches[~(memory.watch_raised[watches] | memory.watch_shut[watches])]
    if not len(watches):
        return
    device = program.watch_device[watches]
    heard_h, offline = memory.device_heard_h[device], memory.device_offline[device]
    due = np.where(offline, memory.hearing(memory.now_ms), heard_h + program.watch_limit_ms[watches])
    silent = (due <= until_h) & (offline | (heard_h != NEVER))
    if silent.any():
        when = due[silent] + memory.lost_ms
        fired = np.maximum(when, memory.now_ms)
        memory.watch_raised[watches[silent]] = True
        edges.add(-1 - watches[silent], fired, -1, 0, True, when, np.nan, False)
        _settle_alerts(program, memory, np.unique(device[silent]))
    waiting = ~silent & (heard_h != NEVER)
    memory.watch_wheel.put(watches[waiting], due[waiting])


def set_gate(program: Program, memory: Memory, watches: NDArray[np.int64], is_open: bool, now_ms: int, edges: Edges, index: int) -> None:
    """Let the schedule of these watches (each once) be open or shut from `now_ms` on. Shut, a silence ends and none begins; one that lasts
    when it opens raises at once. `index` orders the ends before timers."""
    changed = watches[memory.watch_shut[watches] == is_open]
    if not len(changed):
        return
    memory.watch_shut[changed] = not is_open
    device = program.watch_device[changed]
    if not is_open:
        ends = changed[memory.watch_raised[changed]]
        memory.watch_raised[ends] = False
        edges.add(-1 - ends, now_ms, index, 0, False, now_ms, np.nan, False)
    else:
        offline, heard_h = memory.device_offline[device], memory.device_heard_h[device]
        due = heard_h + program.watch_limit_ms[changed]
        silent = offline | ((heard_h != NEVER) & (due <= memory.hearing(now_ms)))
        memory.watch_raised[changed[silent]] = True
        edges.add(-1 - changed[silent], now_ms, -1, 0, True, now_ms, np.nan, False)
        waiting = ~silent & (heard_h != NEVER)
        memory.watch_wheel.put(changed[waiting], due[waiting])
    _settle_alerts(program, memory, np.unique(device))


def _settle_alerts(program: Program, memory: Memory, devices: NDArray[np.int64] | NDArray[np.int32]) -> None:
    watches, counts = _watches_of(program, devices)
    raised = np.zeros(len(devices), np.int64)
    np.add.at(raised, np.repeat(np.arange(len(devices)), counts), memory.watch_raised[watches].astype(np.int64))
    now = memory.device_offline[devices] | (raised > 0)
    memory.alerts += int(now.sum()) - int(memory.device_alert[devices].sum())
    memory.device_alert[devices] = now
    memory.device_odd[devices] = now | (memory.device_heard_h[devices] == NEVER)


def _watches_of(program: Program, devices: NDArray[np.int64] | NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The watches of each device row, joined, and how many each has."""
    starts = program.watch_start[devices]
    counts = program.watch_start[devices.astype(np.int64) + 1] - starts
    begins = np.cumsum(counts) - counts
    return np.repeat(starts - begins, counts) + np.arange(int(counts.sum())), counts


def state_of(program: Program, memory: Memory, device_id: str) -> tuple[str, int | None]:
    """A device's presence (`online`, `silent`, `offline`, `never_heard`) by its own interval, whatever rules watch it, and when its newest
    reading arrived."""
    row = program.roster.device_rows.get(device_id)
    if row is None or row >= memory.devices:
        return "never_heard", None
    arrived = [int(program.roster.columns.latest_arrived_ms[point]) for point in tuple(program.roster.rows_by_metric[row].values())]
    newest = max((at for at in arrived if at != NEVER), default=None)
    heard_h = int(memory.device_heard_h[row])
    if memory.device_offline[row]:
        return "offline", newest
    if heard_h == NEVER:
        return "never_heard", newest
    is_silent = memory.hearing(memory.now_ms) - heard_h >= program.gap_ms[row]
    return "silent" if is_silent else "online", newest
