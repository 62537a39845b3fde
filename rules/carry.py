"""Carrying the memory over an edit of rules or devices: the new program is compiled whole, then takes over what still means the same.

An edit never clears an alarm and never repeats one. Of an edited rule the condition is kept and its running holds are dropped, so that
the next reading decides by the new limits. Of a rule that is removed or disabled, or a point that left its scope, the memory ends without
a finding: its alarm stays open until a person ends it. A new condition that is already true begins its hold now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules import subjects_points
from rules.compile import Program, meanings
from rules.derived_carry import carry_derived
from rules.gates import loosen
from rules.kernels import ACTIVE, PENDING, RISING, judge
from rules.memory import NEVER, Memory, find_checks, find_watch


def carry(old_program: Program, old_memory: Memory, new_program: Program) -> Memory:
    """The memory of `new_program` after `old_memory`. Both programs are of one roster, whose rows were only appended; the old memory is
    not changed. Costs one pass over all checks."""
    assert old_memory.program is old_program
    assert old_program.roster is new_program.roster
    old_memory.fit()
    memory = Memory(new_program)
    memory.now_ms, memory.lost_ms, memory.paused_ms = old_memory.now_ms, old_memory.lost_ms, old_memory.paused_ms
    rows, devices = old_memory.rows, old_memory.devices
    for name in ("taken_ms", "heard_h", "values"):
        getattr(memory, name)[:rows] = getattr(old_memory, name)[:rows]
    memory.device_heard_h[:devices] = old_memory.device_heard_h[:devices]
    memory.device_offline[:devices] = old_memory.device_offline[:devices]
    _carry_checks(old_program, old_memory, new_program, memory)
    _begin_true_ones(old_program, new_program, memory)
    new_rule_at = {rule.id: at for at, rule in enumerate(new_program.rules)}
    for old_watch in np.flatnonzero(old_memory.watch_raised[: old_memory.watches]).tolist():
        rule_id = old_program.rules[int(old_program.watch_rule[old_watch])].id
        watch = find_watch(new_program, new_rule_at.get(rule_id, -1), int(old_program.watch_device[old_watch]))
        if watch is not None:
            memory.watch_raised[watch] = True
    memory.newest.take_over(old_memory.newest)
    loosen(new_program, memory)
    carry_derived(old_program, old_memory, new_program, memory)
    subjects_points.carry(old_program, old_memory, new_program, memory)
    if memory.recurrence is not None and old_memory.recurrence is not None:
        memory.recurrence.load(old_memory.recurrence.dump(), memory.now_ms, memory.lost_ms, memory.paused_ms, old_memory.recurrence)
    memory.settle()
    return memory


def _same_meaning(old_program: Program, new_program: Program) -> Callable[[NDArray[Any], NDArray[np.int64]], NDArray[np.bool_]]:
    """Answers whether specs of the old program mean the same as those of checks of the new one."""
    numbers: dict[tuple[object, ...], int] = {}
    old, new = (
        np.array([numbers.setdefault(each, len(numbers)) for each in meanings(program)], np.int64) for program in (old_program, new_program)
    )
    if not len(new) or not new_program.checks:
        return lambda spec, check: np.zeros(len(spec), np.bool_)
    return lambda spec, check: old[spec] == new[new_program.check_spec[check]]


def _carry_checks(old_program: Program, old_memory: Memory, new_program: Program, memory: Memory) -> None:
    new_rule_at = {rule.id: at for at, rule in enumerate(new_program.rules)}
    is_same = _same_meaning(old_program, new_program)
    new_rule = np.full(len(old_program.specs.rule), -1, np.int64)
    new_level = old_program.specs.level.astype(np.int64)
    for number, (rule_row, level) in enumerate(zip(old_program.specs.rule.tolist(), old_program.specs.level.tolist(), strict=True)):
        old = old_program.rules[rule_row]
        at = new_rule_at.get(old.id)
        if at is None:
            continue
        new = new_program.rules[at]
        new_rule[number] = at
        new_level[number] = min(level, len(new.levels) - 1)  # fewer levels now: its most severe one stands for those that are gone
    busy = np.flatnonzero(old_memory.status[: old_memory.checks])
    spec, row = old_program.check_spec[busy], old_program.check_row[busy]
    check, is_there = find_checks(new_program, row, new_rule[spec], new_level[spec])
    same_busy = is_there & is_same(spec, check)
    for use, keep in ((is_there & ~same_busy, ACTIVE), (is_there & same_busy, 0xFF)):
        np.bitwise_or.at(memory.status, check[use], old_memory.status[busy[use]] & np.uint8(keep))
    moved = is_there & same_busy
    memory.since_taken_ms[check[moved]] = old_memory.since_taken_ms[busy[moved]]
    memory.since_clock_ms[check[moved]] = old_memory.since_clock_ms[busy[moved]]
    ended = np.flatnonzero(old_memory.ended_ms[: old_memory.checks] != NEVER)
    spec, row = old_program.check_spec[ended], old_program.check_row[ended]
    check, is_there = find_checks(new_program, row, new_rule[spec], new_level[spec])
    use = is_there & is_same(spec, check)
    memory.ended_ms[check[use]] = old_memory.ended_ms[ended[use]]


def _begin_true_ones(old_program: Program, new_program: Program, memory: Memory) -> None:
    """Conditions that are new and already true begin their hold at the present time, with the reading that is known."""
    if not new_program.checks:
        return
    old_rule_at = {rule.id: at for at, rule in enumerate(old_program.rules)}
    old_rule = np.array([old_rule_at.get(rule.id, -1) for rule in new_program.rules], np.int64)
    checks = np.arange(new_program.checks)
    spec, row = new_program.check_spec[checks], new_program.check_row[checks]
    old_check, was_there = find_checks(old_program, row, old_rule[new_program.specs.rule[spec]], new_program.specs.level[spec])
    if old_program.checks:
        was_there &= _same_meaning(old_program, new_program)(old_program.check_spec[old_check], checks)
    columns = new_program.roster.columns
    fresh = checks[~was_there & (memory.status[checks] == 0) & (columns.latest_taken_ms[row] != NEVER)]
    spec, row = new_program.check_spec[fresh], new_program.check_row[fresh]
    met, _ = judge(new_program.specs, spec, columns.latest_values[row])
    fresh, row = fresh[met], row[met]
    now = np.maximum(columns.latest_arrived_ms[row], memory.now_ms)
    is_holding = np.zeros(new_program.rows, np.bool_)
    is_holding[new_program.check_row[np.flatnonzero(memory.status[: memory.checks] & PENDING)]] = True
    memory.status[fresh] = RISING
    memory.since_taken_ms[fresh] = columns.latest_taken_ms[row]
    memory.since_clock_ms[fresh] = now
    first = ~is_holding[row]
    memory.heard_h[row[first]] = memory.hearing(now[first])
    memory.values[row[first]] = columns.latest_values[row[first]]
