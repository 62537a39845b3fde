"""When time alone does something to a pair: a hold of one of its checks ends, or a part leaves its window.

Pure functions of the memory. A window's own clock is device time that runs on: the newest reading's `taken_ms` and what was heard since, so
that it stands still while the service is deaf; once the point is overdue nothing is known any more and nothing moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rules.derived_memory import DerivedMemory
from rules.kernels import FALLING, RISING
from rules.pairs import MOVING, PARTS, Derived, Group
from rules.wheel import FAR, Wheel
from rules.windows import LATER, NEVER

TIMED = Group.TIMED

if TYPE_CHECKING:
    from rules.compile import Program
    from rules.memory import Memory


def derived_of(program: Program, memory: Memory) -> tuple[Derived, DerivedMemory]:
    """The derived part of a program that has one, and of its memory."""
    assert program.derived is not None
    assert memory.derived is not None
    return program.derived, memory.derived


def gap_of(program: Program, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """How long the point of each pair may be unheard before it is overdue, ms."""
    assert program.derived is not None
    return program.gap_ms[program.device_rows[program.derived.row[pairs]]]


def hold_dues(program: Program, memory: Memory, checks: NDArray[np.int64], gap_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Service time at which each check's running hold ends by the clock, as `rules.kernels.due_times` has it; `gap_ms` by check."""
    derived, own = derived_of(program, memory)
    specs, spec = program.specs, derived.tier.check_spec[checks]
    status, since = own.status[checks], own.since_clock_ms[checks]
    overdue_h = own.heard_h[derived.check_pair[checks]] + gap_ms
    fall_h = since + specs.clear_hold_ms[spec]
    due = np.full(len(checks), FAR, np.int64)
    rising = (status & RISING) != 0
    falling = ((status & FALLING) != 0) & (fall_h <= overdue_h)
    overdue = np.maximum(_service(memory, overdue_h), since)  # overdue before its gate opened: at once
    due[rising] = np.minimum(since + specs.hold_ms[spec], overdue)[rising]
    due[falling] = _service(memory, fall_h)[falling]
    return due


def clock_dues(
    program: Program, memory: Memory, pairs: NDArray[np.int64], gap_ms: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Service time at which each window moves on by itself, FAR where it does not, and the device time that it is then."""
    derived, own = derived_of(program, memory)
    due, at = np.full(len(pairs), FAR, np.int64), np.zeros(len(pairs), np.int64)
    groups = derived.group[pairs]
    for group in derived.present:
        if group not in MOVING:
            continue
        mine = np.flatnonzero((groups == group) & (own.taken_ms[pairs] != NEVER))
        if not len(mine):
            continue
        pair = pairs[mine]
        head, part_ms = own.head[pair], derived.recipes.part_ms[derived.rule[pair]]
        oldest = own.parts[group].oldest[derived.slot[pair]]
        holds = oldest != LATER
        next_part = head + 1 if group == TIMED else oldest + PARTS
        at[mine] = np.where(holds, next_part, head) * part_ms
        ahead = at[mine] - own.taken_ms[pair]
        moves = holds & (ahead <= gap_ms[mine])
        due[mine[moves]] = _service(memory, own.heard_h[pair] + ahead)[moves]
    return due, at


def settle_wheel(program: Program, memory: Memory) -> None:
    """Queue every pair anew: after a load, a carry or a resume. One pass over all pairs."""
    derived, own = derived_of(program, memory)
    own.wheel = Wheel()
    own.wheel.fit(derived.pairs)
    pairs = np.arange(derived.pairs)
    gap_ms = gap_of(program, pairs)
    due, _ = clock_dues(program, memory, pairs, gap_ms)
    checks = np.arange(derived.checks)
    pair_of = derived.check_pair[: derived.checks]
    np.minimum.at(due, pair_of, hold_dues(program, memory, checks, gap_ms[pair_of]))
    own.wheel.put(pairs, due)


def next_due_ms(memory: Memory) -> int | None:
    """Nothing of the derived kinds happens by time alone before this; None: never."""
    if memory.derived is None:
        return None
    own = memory.derived
    if own.derived.tier.gates.parts > own.gate_parts:
        return int(own.now_ms)
    dues = [own.wheel.next_ms(), min(own.gate_next_ms, default=int(FAR))]
    return min((due for due in dues if due is not None and due != FAR), default=None)


def _service(memory: Memory, hearing_h: NDArray[np.int64]) -> NDArray[np.int64]:
    """Service time of hearing times; FAR where the service does not hear so long."""
    at_ms = hearing_h + memory.lost_ms
    return at_ms if memory.paused_ms is None else np.where(at_ms <= memory.paused_ms, at_ms, FAR)
