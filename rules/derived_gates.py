"""Gates of derived values: as `rules.gates` has it for readings, a shut check is neither raised nor held, and costs nothing.

A window goes on filling while its checks are shut. Opening with the value as last worked out already met begins the hold then; closing ends
a running hold and clears an active check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program
from rules.derived_due import derived_of, gap_of, hold_dues
from rules.edges import Edges
from rules.gates import GATE_INDEX
from rules.kernels import ACTIVE, BY_CONDITION, BY_SCHEDULE, LATE, OPENED, RISING, SHUT, judge
from rules.memory import Memory
from rules.wheel import FAR
from rules.windows import NEVER


@dataclass(frozen=True, slots=True)
class Turn:
    """One gate of some of the tier's checks (each once) turns at `at_ms`, before the reading at `place` of the batch; everything due by
    `settled_ms` has happened before."""

    at_ms: int
    place: int
    settled_ms: int
    checks: NDArray[np.int64]
    is_open: bool | NDArray[np.bool_]
    by: int = BY_CONDITION
    index: int = GATE_INDEX  # of the reading that turned it
    sub: int = 0  # orders what it brings about among the edges of that reading


def schedule_turns(program: Program, memory: Memory, arrived: NDArray[np.int64], until_ms: int) -> list[Turn]:
    """The turns of the schedules' gates from the time reached on to `until_ms`, in order; from here on they count as made."""
    derived, own = derived_of(program, memory)
    gates = derived.tier.gates
    turns: list[Turn] = []
    if gates.parts > own.gate_parts:
        first_ms = own.now_ms if own.now_ms != NEVER else int(arrived[0]) if len(arrived) else until_ms
        own.gate_next_ms = [first_ms] * len(gates.gates)
        own.gate_parts = gates.parts
    for number, gate in enumerate(gates.gates):
        while own.gate_next_ms[number] <= until_ms:
            at_ms = own.gate_next_ms[number]
            place = int(np.searchsorted(arrived, at_ms))
            turns += [Turn(at_ms, place, at_ms - 1, checks, gate.is_open(at_ms), BY_SCHEDULE) for checks in gates.checks[number]]
            following = gate.next_ms(at_ms)
            own.gate_next_ms[number] = int(FAR) if following is None else following
    return sorted(turns, key=lambda turn: turn.at_ms)


def in_order(turns: Sequence[Turn], others: Sequence[Turn]) -> list[Turn]:
    """Both, by time; of the same time by place, those of schedules (the first) before."""
    return sorted([*turns, *others], key=lambda turn: (turn.at_ms, turn.place))


def make_turn(program: Program, memory: Memory, turn: Turn, edges: Edges) -> None:
    """Open or shut the checks of one turn."""
    derived, own = derived_of(program, memory)
    checks = turn.checks
    status = own.status[checks]
    was_open = (status & SHUT) == 0
    status = np.where(turn.is_open, status & np.uint8(~turn.by & 0xFF), status | np.uint8(turn.by)).astype(np.uint8)
    opens = (status & SHUT) == 0
    closing = was_open & ~opens
    active = checks[closing & ((status & ACTIVE) != 0)]
    own.status[checks] = np.where(closing, status & SHUT, status)
    edges.add(active, turn.at_ms, GATE_INDEX, 0, False, turn.at_ms, own.values[derived.check_pair[active]], False)
    begin(program, memory, checks[~was_open & opens], turn.at_ms)


def begin(program: Program, memory: Memory, checks: NDArray[np.int64], now_ms: int) -> None:
    """Of idle checks that open now: those whose value meets their level begin their hold."""
    derived, own = derived_of(program, memory)
    met, _ = judge(program.specs, derived.tier.check_spec[checks], own.values[derived.check_pair[checks]])
    checks = checks[met]
    pair = derived.check_pair[checks].astype(np.int64)
    own.status[checks] = np.where(own.is_late[pair], RISING | OPENED | LATE, RISING | OPENED)
    own.since_taken_ms[checks] = own.since_clock_ms[checks] = now_ms
    own.wheel.put(pair, hold_dues(program, memory, checks, gap_of(program, pair)))


def loosen(program: Program, memory: Memory) -> None:
    """After a carry: checks that were shut by a gate which their rule has no longer are open now."""
    derived, own = derived_of(program, memory)
    shut = np.flatnonzero(own.status[: own.checks] & SHUT)
    rules = [program.rules[at] for at in program.specs.rule[derived.tier.check_spec[shut]].tolist()]
    kept = [(BY_SCHEDULE if rule.schedule else 0) | (BY_CONDITION if rule.only_while else 0) for rule in rules]
    own.status[shut] &= np.array(kept, np.uint8)
    begin(program, memory, shut[(own.status[shut] & SHUT) == 0], memory.now_ms)
