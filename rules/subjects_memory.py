"""What rules over several points remember between steps: each point's newest value, each subject's condition and running hold.

Written by `rules.subjects` only. Columns are by slot of the plan, by ring (a rate's span of one point) and, for each group, by subject.
`dump` names everything by rule, subject and point, so that it can be loaded for another plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rules.kernels import ACTIVE
from rules.schedule import Gate
from rules.subjects_build import has_grown
from rules.subjects_plan import Group, Plan
from rules.subjects_state import SubjectsState
from rules.wheel import Wheel

if TYPE_CHECKING:
    from rules.compile import Program
    from rules.subjects_quiet import Sides

NEVER = np.int64(-(2**63))
KEPT = 64  # readings of a rate's span
SPREAD = 60  # they lie at least a sixtieth of the span apart, so that no more than 61 are within it


class GroupMemory:
    """Of one group: a condition's levels, or whether its gate is open; and since when conditions of a `for` are true."""

    def __init__(self, group: Group) -> None:
        size, levels = group.size, group.hold_ms.shape[1]
        self.status = np.zeros((size, levels), np.uint8)
        self.since_taken_ms = np.zeros((size, levels), np.int64)
        self.since_clock_ms = np.zeros((size, levels), np.int64)  # service time of a rise, hearing time of a fall
        self.since_device = np.full((size, levels), -1, np.int64)
        self.last_device = np.full(size, -1, np.int64)
        self.is_open = np.zeros(size if group.is_gate else 0, np.bool_)
        self.held_ms = np.full((len(group.holds), size), NEVER, np.int64)


class SubjectMemory:
    """The memory for one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        slots, rings = plan.slots, len(plan.ring_slot)
        self.taken_ms = np.full(slots, NEVER, np.int64)
        self.values = np.zeros(slots)
        self.heard_h = np.full(slots, NEVER, np.int64)
        self.delay_ms = np.zeros(slots, np.int64)
        self.previous = np.full(slots, np.nan)
        self.rates = np.full(rings, np.nan)
        self.ring_taken_ms = np.full((rings, KEPT), NEVER, np.int64)
        self.ring_values = np.zeros((rings, KEPT))
        self.groups = [GroupMemory(group) for group in plan.groups]
        self.at_ms = np.full(plan.places, NEVER, np.int64)  # until when time has been taken
        self.is_owed = np.zeros(plan.places, np.bool_)  # something here holds no longer by an edit; follows from the rest
        self.wheel = Wheel()
        self.wheel.fit(plan.places)
        self.is_settled = False
        self.is_edited = False  # taken over by an edit, which by itself clears nothing
        self.is_left = False  # loaded as it was left: nothing is looked at, but what is due is
        self.sides: Sides | None = None  # follows from the plan
        # copies of the memory's within a step, in which they go with the readings; only where an alarm(...) looks at silences
        self.device_heard_h = np.zeros(0, np.int64)
        self.device_offline = np.zeros(0, np.bool_)
        self.turns: dict[Gate, tuple[int, int, bool]] = {}  # of schedules looked at: (from, until, open)

    def hear_before(self, program: Program, slots: NDArray[np.int64], lost_ms: int) -> None:
        """Of points that nobody looked at until now: the newest reading that the roster knows."""
        columns, rows = program.roster.columns, self.plan.rows[slots]
        heard = columns.latest_arrived_ms[rows] != NEVER
        slots, rows = slots[heard], rows[heard]
        self.taken_ms[slots] = columns.latest_taken_ms[rows]
        self.values[slots] = columns.latest_values[rows]
        self.heard_h[slots] = columns.latest_arrived_ms[rows] - lost_ms
        self.delay_ms[slots] = columns.latest_delay_ms[rows]

    def due_ms(self, now_ms: int) -> int | None:
        """Nothing changes by time alone before this moment; None: never."""
        return self.wheel.next_ms() if self.is_settled or now_ms == NEVER else now_ms

    def unsettle(self) -> None:
        """Everything is looked at once more at the next step: what is due has changed."""
        self.is_settled = self.is_left = False

    # -- keeping it ------------------------------------------------------------------------------------------------

    def dump(self, program: Program) -> SubjectsState:
        """A copy of everything that cannot be derived."""
        plan, roster = self.plan, program.roster
        keys = roster.columns.keys[plan.rows]
        heard = np.flatnonzero(self.taken_ms != NEVER)
        kept_ring, kept_at = np.nonzero(self.ring_taken_ms != NEVER)
        state = SubjectsState(
            rule_ids=[rule.id for rule in plan.rules],
            is_edited=self.is_edited or has_grown(program, plan),
            is_settled=(self.is_settled or self.is_left) and not has_grown(program, plan),
            leaf_keys=keys[heard],
            leaf_taken_ms=self.taken_ms[heard],
            leaf_values=self.values[heard],
            leaf_heard_h=self.heard_h[heard],
            leaf_delay_ms=self.delay_ms[heard],
            leaf_previous=self.previous[heard],
            ring_keys=keys[plan.ring_slot],
            ring_spans_ms=plan.ring_span.copy(),
            ring_rates=self.rates.copy(),
            kept_rings=kept_ring.astype(np.int64),
            kept_taken_ms=self.ring_taken_ms[kept_ring, kept_at],
            kept_values=self.ring_values[kept_ring, kept_at],
        )
        devices = roster.devices_by_row
        parts: dict[str, list[NDArray[np.int64]]] = {
            name: [np.zeros(0, np.int64)]
            for name in (
                "check_rules", "check_levels", "check_status", "check_since_taken_ms", "check_since_clock_ms", "last_rules", "gate_rules",
                "held_rules", "held_nodes", "held_since_ms",
            )
        }  # fmt: skip
        for group, memory in zip(plan.groups, self.groups, strict=True):

            def named(found: NDArray[Any], group: Group = group) -> list[str]:
                return subject_names(program, plan, group, found)

            def rules_like(found: NDArray[Any], rule: int = group.rule) -> NDArray[np.int64]:
                return np.full(len(found), rule, np.int64)

            if group.is_gate:
                found = np.flatnonzero(memory.is_open)
                parts["gate_rules"].append(rules_like(found))
                state.gate_subjects += named(found)
            else:
                found, level = np.nonzero(memory.status)
                parts["check_rules"].append(rules_like(found))
                parts["check_levels"].append(level.astype(np.int64))
                parts["check_status"].append(memory.status[found, level].astype(np.int64))
                parts["check_since_taken_ms"].append(memory.since_taken_ms[found, level])
                parts["check_since_clock_ms"].append(memory.since_clock_ms[found, level])
                state.check_subjects += named(found)
                state.check_devices += _device_ids(devices, memory.since_device[found, level])
                if group.over == "zone":  # a device's finding is its own, whoever spoke
                    spoke = np.flatnonzero(memory.last_device >= 0)
                    parts["last_rules"].append(rules_like(spoke))
                    state.last_subjects += named(spoke)
                    state.last_devices += _device_ids(devices, memory.last_device[spoke])
            node, found = np.nonzero(memory.held_ms != NEVER)
            parts["held_rules"].append(rules_like(found))
            parts["held_nodes"].append(node.astype(np.int64))
            parts["held_since_ms"].append(memory.held_ms[node, found])
            state.held_is_gate += [group.is_gate] * len(found)
            state.held_subjects += named(found)
        for name, arrays in parts.items():
            setattr(state, name, np.concatenate(arrays))
        return state

    def load(self, program: Program, state: SubjectsState, lost_ms: int) -> None:
        """Take over what the state has for this plan; points that it does not know are looked up in the roster."""
        plan, roster = self.plan, program.roster
        self.is_edited, self.is_left = state.is_edited, state.is_settled
        keys = roster.columns.keys[plan.rows]
        order = np.argsort(keys)
        found = order[np.minimum(np.searchsorted(keys, state.leaf_keys, sorter=order), len(keys) - 1)] if len(keys) else order
        use = np.flatnonzero(keys[found] == state.leaf_keys) if len(keys) else np.zeros(0, np.int64)
        slot = found[use]
        for mine, theirs in (
            (self.taken_ms, state.leaf_taken_ms),
            (self.values, state.leaf_values),
            (self.heard_h, state.leaf_heard_h),
            (self.delay_ms, state.leaf_delay_ms),
            (self.previous, state.leaf_previous),
        ):
            mine[slot] = theirs[use]
        self.hear_before(program, np.flatnonzero(self.taken_ms == NEVER), lost_ms)
        ring_of = dict(
            zip(zip(keys[plan.ring_slot].tolist(), plan.ring_span.tolist(), strict=True), range(len(plan.ring_slot)), strict=True)
        )
        ring, use = _places(ring_of, list(zip(state.ring_keys.tolist(), state.ring_spans_ms.tolist(), strict=True)))
        self.rates[ring] = state.ring_rates[use]
        new_ring = np.full(len(state.ring_keys), -1, np.int64)
        new_ring[use] = ring
        counts: dict[int, int] = {}
        for old, taken, value in zip(state.kept_rings.tolist(), state.kept_taken_ms.tolist(), state.kept_values.tolist(), strict=True):
            at = int(new_ring[old])
            if at >= 0:
                place = counts[at] = counts.get(at, -1) + 1
                self.ring_taken_ms[at, place], self.ring_values[at, place] = taken, value
        self._load_groups(program, state)

    def _load_groups(self, program: Program, state: SubjectsState) -> None:
        if not state.rule_ids and not state.ungated_before:
            return
        plan, rows_ever = self.plan, program.roster.rows_ever
        open_gates = set(zip((state.rule_ids[rule] for rule in state.gate_rules.tolist()), state.gate_subjects, strict=True))
        kept_open = set(state.ungated_before)
        by_rule: dict[tuple[str, bool], tuple[Group, GroupMemory, dict[str, int]]] = {}
        for group, memory in zip(plan.groups, self.groups, strict=True):
            names, rule_id = subject_names(program, plan, group), plan.rules[group.rule].id
            by_rule[rule_id, group.is_gate] = group, memory, {name: at for at, name in enumerate(names)}
            if group.is_gate:
                memory.is_open[:] = [rule_id in kept_open or (rule_id, name) in open_gates for name in names]
        for at, rule in enumerate(state.check_rules.tolist()):
            found = by_rule.get((state.rule_ids[rule], False))
            subject = found[2].get(state.check_subjects[at]) if found else None
            if found is None or subject is None:
                continue
            _, memory, _ = found
            level = int(state.check_levels[at])
            is_taken_over = memory.status[subject, level] != 0
            memory.status[subject, level] |= int(state.check_status[at])
            if is_taken_over:
                memory.status[subject, level] &= ACTIVE
                continue
            memory.since_taken_ms[subject, level] = state.check_since_taken_ms[at]
            memory.since_clock_ms[subject, level] = state.check_since_clock_ms[at]
            memory.since_device[subject, level] = rows_ever.get(state.check_devices[at], -1)
        for at, rule in enumerate(state.last_rules.tolist()):
            found = by_rule.get((state.rule_ids[rule], False))
            subject = found[2].get(state.last_subjects[at]) if found else None
            if found is not None and subject is not None:
                found[1].last_device[subject] = rows_ever.get(state.last_devices[at], -1)
        for at, rule in enumerate(state.held_rules.tolist()):
            found = by_rule.get((state.rule_ids[rule], state.held_is_gate[at]))
            subject = found[2].get(state.held_subjects[at]) if found else None
            if found is not None and subject is not None and state.held_nodes[at] < len(found[0].holds):
                found[1].held_ms[int(state.held_nodes[at]), subject] = state.held_since_ms[at]


def subject_names(program: Program, plan: Plan, group: Group, of: NDArray[Any] | None = None) -> list[str]:
    """`device:<id>` or `zone:<id>` of these subjects (None: all); `device:<id>/<suffix>` where a gate tells a device's channels apart."""
    numbers = np.arange(group.size) if of is None else of
    if group.over == "zone":
        return [f"zone:{plan.zone_of_place[at]}" for at in group.subjects[numbers].tolist()]
    devices, rows = program.roster.devices_by_row, group.subjects[numbers].tolist()
    if not group.suffixes:
        return [f"device:{devices[row].id}" for row in rows]
    suffixes = [group.suffixes[at] for at in numbers.tolist()]
    return [f"device:{devices[row].id}{suffix and '/'}{suffix}" for row, suffix in zip(rows, suffixes, strict=True)]


def _device_ids(devices: Any, rows: NDArray[np.int64]) -> list[str]:
    return [devices[row].id if row >= 0 else "" for row in rows.tolist()]


def _places(of: dict[Any, int], names: list[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Place of each name that is known, and which names those are."""
    found = [(of[name], at) for at, name in enumerate(names) if name in of]
    return np.array([place for place, _ in found], np.int64), np.array([at for _, at in found], np.int64)
