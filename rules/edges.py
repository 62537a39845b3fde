"""From edges of single checks to findings of rules: sorting, and folding the levels of a rule into one condition.

The line between arrays and values is crossed here, once an edge. Order: service time, timers before readings, then place in the batch or,
for timers, rule id and stable key; so it does not depend on how the input was cut. Holds no state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rules.compile import Program
from rules.derived_memory import DerivedMemory
from rules.findings import Edge, Finding
from rules.kernels import ACTIVE
from rules.memory import Memory
from sites.model import point_id, point_key

if TYPE_CHECKING:
    from rules.derived_gates import Turn

_TIMER, _READING = 0, 1


@dataclass(slots=True)
class Edges:
    """What a step collects: columns, one tuple of equally long arrays a call of `add`. `check` is a check, or `-1 - watch`."""

    parts: list[tuple[NDArray[Any], ...]] = field(default_factory=list)
    others: list[Finding] = field(default_factory=list)  # of rules over several points
    turns: list[Turn] = field(default_factory=list)  # of gates of derived values, by conditions
    offset: int = 0  # of the part of the batch that is being stepped

    def add(self, check: Any, fired_ms: Any, index: Any, sub: int, is_up: bool, at_ms: Any, value: Any, is_late: Any) -> None:
        """Edges of one direction. `index`: that of the causing reading in the stepped part of the batch, -1 for timers, below for what goes
        before timers of the same time. `sub` orders edges of one check by one reading."""
        n = len(check)
        if n:
            if self.offset:
                index = np.where(np.asarray(index) < 0, index, np.asarray(index) + self.offset)
            columns = (fired_ms, index, sub, is_up, at_ms, value, is_late)
            self.parts.append((check, *(np.broadcast_to(np.asarray(column), (n,)) for column in columns)))


def merged(made: list[Finding], others: list[Finding]) -> list[Finding]:
    """The findings of two parts of the engine about different rules, in the order in which they happened; of one cause, `made` first."""
    if not made or not others:
        return made or others
    return sorted(made + others, key=lambda finding: (finding.fired_ms, finding.index >= 0, finding.index))


def findings(program: Program, memory: Memory | DerivedMemory, edges: Edges) -> list[Finding]:
    """The findings of a step's edges, in order; `memory` is that after the step."""
    if not edges.parts:
        return []
    check, fired, index, sub, up, at, value, late = (np.concatenate(column) for column in zip(*edges.parts, strict=True))
    is_watch = check < 0
    checks = np.where(is_watch, 0, check)
    watches = np.where(is_watch, -1 - check, 0)
    rule = np.empty(len(check), np.int64)
    level = np.zeros(len(check), np.int64)
    place = np.empty(len(check), np.int64)  # point row, or device row
    key = np.empty(len(check), np.int64)
    own = ~is_watch
    spec = program.check_spec[checks[own]]
    rule[own], level[own] = program.specs.rule[spec], program.specs.level[spec]
    place[own] = program.check_row[checks[own]]
    key[own] = program.roster.columns.keys[place[own]]
    rule[is_watch], place[is_watch] = program.watch_rule[watches[is_watch]], program.watch_device[watches[is_watch]]
    devices = program.roster.devices_by_row
    key[is_watch] = [point_key(devices[row].id, "") for row in place[is_watch].tolist()]
    phase = np.where(index < 0, _TIMER, _READING)
    order = np.lexsort((level, sub, key, rule, index, phase, fired))
    columns = [column[order].tolist() for column in (rule, place, is_watch, fired, index, sub, level, up, at, value, late)]
    first = (checks - level)[order].tolist()
    return _walk(program, memory, list(zip(first, *columns, strict=True)))


def _walk(program: Program, memory: Memory | DerivedMemory, rows: list[tuple[Any, ...]]) -> list[Finding]:
    masks = _masks_before(program, memory, rows)
    made: list[Finding] = []
    at = 0
    while at < len(rows):
        first, rule_row, place, is_watch, fired, index, sub, level, up, at_ms, value, late = rows[at]
        at += 1
        rule = program.rules[rule_row]
        if is_watch:
            made.append(_silence(program, rule_row, place, fired, index, up, at_ms))
            continue
        before = after = masks[first] if len(rule.levels) > 1 else 0 if up else 1
        after ^= 1 << level
        same = (first, rule_row, place, is_watch, fired, index, sub)
        while at < len(rows) and rows[at][:7] == same:  # other levels of the rule at the same instant
            level, up, other_at, value, other_late = rows[at][7:]
            after ^= 1 << level
            at_ms, late = max(at_ms, other_at), late or other_late
            at += 1
        masks[first] = after
        if after.bit_length() == before.bit_length():
            continue
        edge = Edge.CLEARED if not after else Edge.STEPPED if before else Edge.RAISED
        active = rule.levels[after.bit_length() - 1] if after else None
        device, metric = program.roster.device_of_row(place), program.roster.metric_of_row(place)
        made.append(
            Finding(
                rule_id=rule.id,
                rule_version=rule.version,
                subject=f"point:{point_id(device.id, metric)}",
                device_id=device.id,
                metric=metric,
                edge=edge,
                level=after.bit_length() - 1,
                severity=active.severity if active else None,
                limit=program.specs.limit(program.check_spec[first + after.bit_length() - 1]) if active and not rule.states else None,
                value=value if value == value else None,  # NaN: a derived value that is not known
                at_ms=at_ms,
                fired_ms=fired,
                is_late=late,
                index=max(index, -1),
            )
        )
    return made


def _masks_before(program: Program, memory: Memory | DerivedMemory, rows: list[tuple[Any, ...]]) -> dict[int, int]:
    """Which levels of each pair were active before the step: those of after it, with every edge undone."""
    masks: dict[int, int] = {}
    for first, rule_row, _, is_watch, _, _, _, level, *_ in rows:
        count = len(program.rules[rule_row].levels)
        if is_watch or count == 1:
            continue
        if first not in masks:
            active = (memory.status[first : first + count] & ACTIVE) != 0
            masks[first] = sum(1 << at for at in range(count) if active[at])
        masks[first] ^= 1 << level
    return masks


def _variant(program: Program, rule_row: int, device_row: int) -> int:
    watches = slice(int(program.watch_start[device_row]), int(program.watch_start[device_row + 1]))
    return int(program.watch_variant[watches][program.watch_rule[watches] == rule_row][0])


def _silence(program: Program, rule_row: int, device_row: int, fired: int, index: int, up: bool, at_ms: int) -> Finding:
    rule, device = program.rules[rule_row], program.roster.devices_by_row[device_row]
    return Finding(
        rule_id=rule.id,
        rule_version=rule.version,
        subject=f"device:{device.id}",
        device_id=device.id,
        metric="",
        edge=Edge.RAISED if up else Edge.CLEARED,
        level=0 if up else -1,
        severity=rule.levels[0].severity if up else None,
        limit=program.variants.rules[_variant(program, rule_row, device_row)].levels[0].limit if up else None,
        value=None,
        at_ms=at_ms,
        fired_ms=fired,
        index=max(index, -1),
    )
