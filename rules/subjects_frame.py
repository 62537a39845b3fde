"""What an expression sees of its subjects at a moment: points with their newest values, unknown when overdue; alarms; running `for`s."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rules.expression_eval import Frame, Interval, evaluate, shown
from rules.expression_tree import Node
from rules.kernels import ACTIVE
from rules.model import Direction, Rule
from rules.subjects_memory import NEVER, GroupMemory, SubjectMemory
from rules.subjects_plan import Group, Link

if TYPE_CHECKING:
    from rules.compile import Program
    from rules.memory import Memory

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(slots=True)
class Scene:
    """The whole memory, as the conditions see it."""

    program: Program
    memory: Memory
    subjects: SubjectMemory

    def is_known(self, slots: NDArray[np.int64], at_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether these points (-1: none) are heard of and not overdue at these service times."""
        if not len(self.subjects.heard_h):
            return np.zeros(len(slots), np.bool_)
        heard_h = self.subjects.heard_h[slots]
        gap_ms = self.program.gap_ms[self.subjects.plan.slot_device[slots]]
        known: NDArray[np.bool_] = (slots >= 0) & (heard_h != NEVER) & (self.memory.hearing(at_ms) - heard_h < gap_ms)
        return known

    def is_active(self, link: Link, at_ms: NDArray[np.int64], subjects: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a finding of the link is active at these subjects."""
        ids, own = link.ids.take(subjects)
        if link.kind == "check":
            active = (self.memory.status[ids] & ACTIVE) != 0
        elif link.kind == "subject":
            active = (self.subjects.groups[link.group].status[ids] & ACTIVE).any(axis=1)
        else:
            device = self.program.watch_device[ids]
            heard_h = self.subjects.device_heard_h[device]
            silent = self.memory.hearing(at_ms[own]) - heard_h >= self.program.watch_limit_ms[ids]
            active = self.subjects.device_offline[device] | ((heard_h != NEVER) & silent)
        return np.bincount(own, active, len(subjects)) > 0

    def compare(self, group: Group, subjects: Ints, condition: Interval) -> tuple[Flags, Flags, Flags]:
        """(met, back to normal, possibly met), by subject and level."""
        low, high = condition[0][:, None], condition[1][:, None]
        if group.tree is not None and group.tree.root.is_condition:
            return low == 1.0, high == 0.0, high == 1.0
        rule = self.program.rules[group.rule]
        limit, deadband = group.limits[group.variant_of[subjects]], group.deadbands[group.variant_of[subjects]]
        if group.tree is not None and rule.direction is Direction.BELOW:
            return high <= limit, low > limit + deadband, low <= limit
        return low >= limit, high < limit - deadband, high >= limit

    def lateness_ms(self, group: Group, device: Ints) -> Ints:
        """From which delay on readings of these devices are late to the group's rule."""
        lateness_s = self.program.rules[group.rule].lateness_s
        if lateness_s is None:
            return self.program.link_lateness_ms[device]
        return np.full(len(device), round(lateness_s * 1000), np.int64)

    def some_late(self, group: Group, subjects: Ints, when: Ints) -> Flags:
        """Whether the newest reading of any known point of these subjects was late."""
        slots, own = group.inputs.take(subjects)
        if not len(slots):
            return np.zeros(len(subjects), np.bool_)
        late = self.subjects.delay_ms[slots] > self.lateness_ms(group, self.subjects.plan.slot_device[slots])
        late &= self.is_known(slots, when[own])
        return np.bincount(own, late, len(subjects)) > 0


class SubjectFrame:
    """Some subjects of one group, each at its own moment. `writes`: it is noted since when conditions of a `for` are true."""

    def __init__(
        self, scene: Scene, group: Group, subjects: NDArray[np.int64], at_ms: NDArray[np.int64], memory: GroupMemory, writes: bool = True
    ) -> None:
        self.scene, self.group, self.subjects, self.at_ms, self.memory, self.writes = scene, group, subjects, at_ms, memory, writes
        self.size = len(subjects)

    def metric(self, name: str) -> Interval:
        return _PointFrame(self.scene, self.group.own[name][self.subjects], self.at_ms).metric(name)

    def previous(self, name: str) -> Interval:
        return _PointFrame(self.scene, self.group.own[name][self.subjects], self.at_ms).previous(name)

    def rate(self, name: str, span_ms: int) -> Interval:
        return _PointFrame(self.scene, self.group.own[name][self.subjects], self.at_ms).rate(name, span_ms)

    def heard(self, name: str) -> NDArray[np.bool_]:
        return self.scene.is_known(self.group.own[name][self.subjects], self.at_ms)

    def alarm(self, rule_id: str) -> Interval:
        if rule_id in self.group.unsettled:
            return np.zeros(self.size), np.ones(self.size)
        active = np.zeros(self.size, np.bool_)
        for link in self.group.links.get(rule_id, ()):
            active |= self.scene.is_active(link, self.at_ms, self.subjects)
        return active.astype(np.float64), active.astype(np.float64)

    def held(self, node: Node, condition: Interval) -> Interval:
        low, high = condition
        number = next(at for at, each in enumerate(self.group.holds) if each is node)
        since = self.memory.held_ms[number, self.subjects]
        true = low == 1.0
        since = np.where(true, np.where(since == NEVER, self.at_ms, since), NEVER)
        if self.writes:
            self.memory.held_ms[number, self.subjects] = since
        for_so_long = true & (self.at_ms - since >= int(node.number))
        made = for_so_long.astype(np.float64)
        return made, np.where(true, made, high)

    def points(self, name: str) -> tuple[Frame, NDArray[np.int64]]:
        slots, own = self.group.zone[name].take(self.subjects)
        return _PointFrame(self.scene, slots, self.at_ms[own]), own


class _PointFrame:
    """Points as subjects of their own."""

    def __init__(self, scene: Scene, slots: NDArray[np.int64], at_ms: NDArray[np.int64]) -> None:
        self.scene, self.slots, self.at_ms = scene, slots, at_ms
        self.size = len(slots)
        self.known = scene.is_known(slots, at_ms)

    def _interval(self, values: NDArray[np.float64]) -> Interval:
        known = self.known & ~np.isnan(values)
        return np.where(known, values, -np.inf), np.where(known, values, np.inf)

    def metric(self, name: str) -> Interval:
        return self._interval(_taken(self.scene.subjects.values, self.slots))

    def previous(self, name: str) -> Interval:
        return self._interval(_taken(self.scene.subjects.previous, self.slots))

    def rate(self, name: str, span_ms: int) -> Interval:
        ring = _taken(self.scene.subjects.plan.ring_of[span_ms], self.slots, -1)
        return self._interval(_taken(self.scene.subjects.rates, np.where(self.slots >= 0, ring, -1).astype(np.int64)))

    def heard(self, name: str) -> NDArray[np.bool_]:
        return self.known

    def alarm(self, rule_id: str) -> Interval:
        raise AssertionError("the parser lets no alarm stand inside count")

    def held(self, node: Node, condition: Interval) -> Interval:
        raise AssertionError("the parser lets no for stand inside count")

    def points(self, name: str) -> tuple[Frame, NDArray[np.int64]]:
        raise AssertionError("the parser lets no function of a zone stand inside count")


def condition_of(
    scene: Scene, group: Group, subjects: NDArray[np.int64], at_ms: NDArray[np.int64], memory: GroupMemory, writes: bool = True
) -> tuple[Interval, NDArray[np.float64]]:
    """The condition (or number, or votes) of these subjects at these moments, and the number to show for it (NaN: none). Notes since when
    conditions of a `for` are true, unless it only looks."""
    if group.tree is None:
        interval = _votes(scene, group, subjects, at_ms)
        return interval, interval[0]
    wanted, found = group.shown, []
    frame = SubjectFrame(scene, group, subjects, at_ms, memory, writes)
    made = evaluate(group.tree.root, frame, lambda node, interval: found.append(interval) if node is wanted else None)
    if wanted is None or wanted.is_condition:
        return made, np.full(len(subjects), np.nan)
    return made, shown(found[0])


def _votes(scene: Scene, group: Group, subjects: NDArray[np.int64], at_ms: NDArray[np.int64]) -> Interval:
    """How many devices of each zone vote: two points of one device are one vote (GB 50116 4.1.6: independent triggers)."""
    rule = scene.program.rules[group.rule]
    slots, own = group.zone[rule.metric].take(subjects)
    if not len(slots):
        return np.zeros(len(subjects)), np.zeros(len(subjects))
    known = scene.is_known(slots, at_ms[own])
    is_vote = votes(rule, scene.subjects.values[slots])
    device = scene.subjects.plan.slot_device[slots]
    order = np.lexsort((device, own))
    own, device, known, is_vote = own[order], device[order], known[order], is_vote[order]
    starts = np.flatnonzero(np.concatenate(([True], (own[1:] != own[:-1]) | (device[1:] != device[:-1]))))
    sure = np.logical_or.reduceat(known & is_vote, starts)
    possible = np.logical_or.reduceat(~known | is_vote, starts)
    low, high = np.bincount(own[starts], sure, len(subjects)), np.bincount(own[starts], possible, len(subjects))
    return low.astype(np.float64), high.astype(np.float64)


def votes(rule: Rule, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points with these values vote."""
    if rule.vote_limit is None:
        return np.isin(values, rule.states)
    return values >= rule.vote_limit if rule.direction is Direction.ABOVE else values <= rule.vote_limit


def _taken(column: NDArray[np.float64] | NDArray[np.int64], places: NDArray[np.int64], missing: float = np.nan) -> NDArray[np.float64]:
    """`column[places]`, where -1 has none."""
    if not len(column):
        return np.full(len(places), missing)
    return np.where(places >= 0, column[places], missing)
