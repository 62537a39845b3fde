"""The checks of derived values: the state machine of `rules.engine`, fed with values that were worked out instead of read.

A value that is not known (NaN) is neither met nor back: it ends a hold that was running and changes nothing else. As there, a gap begins a
hold anew, a late reading never clears, and the clock ends a hold unless the point is overdue.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program
from rules.derived_due import derived_of
from rules.edges import Edges
from rules.kernels import ACTIVE, FALLING, LATE, OPENED, PENDING, RISING, SHUT, judge
from rules.memory import Memory


def settle_checks(
    program: Program,
    memory: Memory,
    pairs: NDArray[np.int64],
    at_ms: NDArray[np.int64],
    now_ms: NDArray[np.int64],
    is_gap: NDArray[np.bool_],
    index: NDArray[np.int64],
    sub: int,
    edges: Edges,
) -> None:
    """Judge the present values of these pairs (all different), which were worked out for device time `at_ms` and service time `now_ms`."""
    derived, own = derived_of(program, memory)
    checks, of = derived.checks_of(pairs)
    is_open = (own.status[checks] & SHUT) == 0
    if not is_open.all():
        checks, of = checks[is_open], of[is_open]
    specs, spec = program.specs, derived.tier.check_spec[checks]
    late = own.is_late[pairs][of]
    met, back = judge(specs, spec, own.values[pairs][of])
    status = own.status[checks]
    active = (status & ACTIVE) != 0
    toggles = np.where(active, back & ~late, met)
    at, now = at_ms[of], now_ms[of]
    clock = np.where(active, memory.hearing(now), now)
    begins = toggles & (((status & PENDING) == 0) | is_gap[of])
    # on the device's clock a hold that a gate began is measured from its first judgement on
    since_taken = np.where(begins | ((status & OPENED) != 0), at, own.since_taken_ms[checks])
    since_clock = np.where(begins, clock, own.since_clock_ms[checks])
    hold = np.where(active, specs.clear_hold_ms[spec], specs.hold_ms[spec])
    over = toggles & ((at - since_taken >= hold) | (active & (clock - since_clock >= hold)))
    running = toggles & ~over
    held = np.where(active, ACTIVE | FALLING, np.where(late, RISING | LATE, RISING))
    own.status[checks] = np.where(running, held, active ^ over).astype(np.uint8)
    own.since_taken_ms[checks] = np.where(running, since_taken, 0)
    own.since_clock_ms[checks] = np.where(running, since_clock, 0)
    for chosen, is_up in ((over & ~active, True), (over & active, False)):
        if chosen.any():
            by = of[chosen]
            tell = late[chosen] if is_up else False
            when = (since_taken + hold)[chosen]
            edges.add(checks[chosen], now[chosen], index[by], sub, is_up, when, own.values[pairs[by]], tell)


def end_holds(program: Program, memory: Memory, checks: NDArray[np.int64], due: NDArray[np.int64], sub: int, edges: Edges) -> None:
    """Let these running holds end, which are due now."""
    derived, own = derived_of(program, memory)
    status = own.status[checks]
    up = (status & RISING) != 0
    fired = np.maximum(due, own.now_ms)
    since_taken = own.since_taken_ms[checks]
    elapsed = due - own.since_clock_ms[checks]  # shorter than the hold when silence ended it
    cleared = since_taken + program.specs.clear_hold_ms[derived.tier.check_spec[checks]]
    value = own.values[derived.check_pair[checks]]
    own.status[checks] = up
    edges.add(checks[up], fired[up], -1, sub, True, (since_taken + elapsed)[up], value[up], (status[up] & LATE) != 0)
    edges.add(checks[~up], fired[~up], -1, sub, False, cleared[~up], value[~up], False)
