"""What the memory of rules over several points is when it is kept: plain columns, named by rule ids, subjects and point keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.model import Rule


def _ints() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


def _floats() -> NDArray[np.float64]:
    return np.zeros(0, np.float64)


@dataclass(slots=True)
class SubjectsState:
    """`leaf_*`: one per point looked at and heard; `kept_*`: readings of a rate's span; `check_*`: one per level of a subject that is not
    idle; `last_*`: who spoke last in a subject; `gate_*`: *only while* that are open; `held_*`: conditions of a `for` that are true.
    Subjects are `device:<id>` or `zone:<id>`. `is_gate` tells a rule's *only while* from its own condition."""

    rule_ids: list[str] = field(default_factory=list)
    leaf_keys: NDArray[np.int64] = field(default_factory=_ints)
    leaf_taken_ms: NDArray[np.int64] = field(default_factory=_ints)
    leaf_values: NDArray[np.float64] = field(default_factory=_floats)
    leaf_heard_h: NDArray[np.int64] = field(default_factory=_ints)
    leaf_delay_ms: NDArray[np.int64] = field(default_factory=_ints)
    leaf_previous: NDArray[np.float64] = field(default_factory=_floats)
    ring_keys: NDArray[np.int64] = field(default_factory=_ints)
    ring_spans_ms: NDArray[np.int64] = field(default_factory=_ints)
    ring_rates: NDArray[np.float64] = field(default_factory=_floats)
    kept_rings: NDArray[np.int64] = field(default_factory=_ints)
    kept_taken_ms: NDArray[np.int64] = field(default_factory=_ints)
    kept_values: NDArray[np.float64] = field(default_factory=_floats)
    check_rules: NDArray[np.int64] = field(default_factory=_ints)
    check_subjects: list[str] = field(default_factory=list)
    check_levels: NDArray[np.int64] = field(default_factory=_ints)
    check_status: NDArray[np.int64] = field(default_factory=_ints)
    check_since_taken_ms: NDArray[np.int64] = field(default_factory=_ints)
    check_since_clock_ms: NDArray[np.int64] = field(default_factory=_ints)
    check_devices: list[str] = field(default_factory=list)
    last_rules: NDArray[np.int64] = field(default_factory=_ints)
    last_subjects: list[str] = field(default_factory=list)
    last_devices: list[str] = field(default_factory=list)
    gate_rules: NDArray[np.int64] = field(default_factory=_ints)
    gate_subjects: list[str] = field(default_factory=list)
    held_rules: NDArray[np.int64] = field(default_factory=_ints)
    held_is_gate: list[bool] = field(default_factory=list)
    held_nodes: NDArray[np.int64] = field(default_factory=_ints)
    held_subjects: list[str] = field(default_factory=list)
    held_since_ms: NDArray[np.int64] = field(default_factory=_ints)
    is_edited: bool = False  # carried over an edit and not looked at since
    is_settled: bool = False  # all was looked at as it stands: loaded for the same plan, it is not looked at again
    ungated_before: list[str] = field(default_factory=list)  # rules that had no *only while* before an edit: what is, is kept


def condition_meaning(rule: Rule) -> tuple[object, ...]:
    """What makes the memory of a condition transferable from one version of its rule to another."""
    return rule.kind, rule.expression, rule.over, rule.metric, rule.states, rule.vote_limit, rule.direction


def level_meaning(rule: Rule, level: int) -> tuple[object, ...]:
    """The same of one of its levels."""
    at = rule.levels[level]
    hold_s = rule.hold_s if at.hold_s is None else at.hold_s
    return condition_meaning(rule), at.limit, at.deadband, hold_s, rule.clear_hold_s


def edited(state: SubjectsState, old_rules: tuple[Rule, ...], new_rules: tuple[Rule, ...]) -> SubjectsState:
    """The state as it goes on under edited rules: of a level that means something else only its activity is kept, of a level that is gone
    its most severe one takes that over; spans of conditions that read otherwise begin anew. What means the same is untouched."""
    from dataclasses import replace

    from rules.kernels import ACTIVE

    old_by, new_by = {rule.id: rule for rule in old_rules}, {rule.id: rule for rule in new_rules}
    same = {name: condition_meaning(old_by[name]) == condition_meaning(new_by[name]) for name in old_by if name in new_by}
    status, levels = state.check_status.copy(), state.check_levels.copy()
    for at, (rule, level) in enumerate(zip(state.check_rules.tolist(), state.check_levels.tolist(), strict=True)):
        name = state.rule_ids[rule]
        new = new_by.get(name)
        if new is None:
            continue
        levels[at] = min(level, len(new.levels) - 1)
        if level >= len(new.levels) or level_meaning(old_by[name], level) != level_meaning(new, level):
            status[at] &= ACTIVE
    keep = []
    for at, rule in enumerate(state.held_rules.tolist()):
        name = state.rule_ids[rule]
        if name in new_by and (old_by[name].only_while == new_by[name].only_while if state.held_is_gate[at] else same[name]):
            keep.append(at)
    ungated = [name for name, new in new_by.items() if new.only_while and name in old_by and not old_by[name].only_while]
    picked: dict[str, Any] = {name: getattr(state, name)[keep] for name in ("held_rules", "held_nodes", "held_since_ms")}
    for name in ("held_is_gate", "held_subjects"):
        picked[name] = [getattr(state, name)[at] for at in keep]
    still = [name for name in state.ungated_before if name in new_by]
    own = {"check_status": status, "check_levels": levels, "ungated_before": sorted({*ungated, *still}), **picked}
    return replace(state, is_edited=True, is_settled=False, **own)
