"""Rules over several points, compiled: which subjects each has, which points, checks and other rules each subject looks at.

A *group* is one condition (of an expression, of a vote, or an *only while*) with all its subjects: device rows, or zones. A *place* is what
readings and time are taken in order for: a zone with its devices, or a device without one. A plan holds no state; it follows from the rules
and the roster, and is made anew when points appear that a rule looks at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rules.expression_tree import Node, Tree
from rules.model import SUBJECT_KINDS, Rule
from rules.schedule import Gate

if TYPE_CHECKING:
    pass

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Segments:
    """Some ids for each of n owners: those of owner i are `ids[start[i]:start[i + 1]]`."""

    start: Ints
    ids: Ints

    @staticmethod
    def of(owners: NDArray[Any], ids: NDArray[Any], size: int) -> Segments:
        """From pairs; the ids of an owner keep their order."""
        order = np.argsort(owners, kind="stable")
        start = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.bincount(owners, minlength=size), dtype=np.int64)))
        return Segments(start, np.asarray(ids, np.int64)[order])

    def take(self, owners: Ints) -> tuple[Ints, Ints]:
        """The ids of these owners, joined, and for each the place of its owner in `owners`."""
        begin = self.start[owners]
        counts = self.start[owners + 1] - begin
        own = np.repeat(np.arange(len(owners)), counts)
        offsets = np.cumsum(counts) - counts
        return self.ids[np.arange(len(own)) + np.repeat(begin - offsets, counts)], own

    def through(self, other: Segments) -> Segments:
        """Of each owner the ids that `other` has for its own ids."""
        owners = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        ids, own = other.take(self.ids)
        return Segments.of(owners[own], ids, len(self.start) - 1)


@dataclass(slots=True)
class Link:
    """Where it is read whether a rule's finding is active at a subject: checks of points, subjects of a group, or watches."""

    kind: str  # check, subject, watch
    ids: Segments
    group: int = -1


@dataclass(slots=True)
class Group:
    """One condition and its subjects. `target`: the group of the rule that this *only while* gates (-1: it gates checks, or is none)."""

    rule: int
    is_gate: bool
    over: str
    tree: Tree | None  # None: a vote
    subjects: Ints  # device rows, or places
    places: Ints  # by subject
    by_place: Segments
    own: dict[str, Ints]  # metric -> slot by subject, -1: it has none
    zone: dict[str, Segments]  # metric -> slots by subject, in order of point rows
    links: dict[str, list[Link]]
    unsettled: frozenset[str]  # rules in whose circle it stands: their alarms are unknown to it
    inputs: Segments  # slots by subject, each once
    inverse: Segments  # subjects by slot
    uses: NDArray[np.bool_]  # by slot
    holds: tuple[Node, ...]
    suffixes: list[str] = field(default_factory=list)  # by subject, of a gate of point rules: the channel of its points
    shown: Node | None = None  # the number that stands for the condition
    checks: Segments | None = None  # by subject, of a gate of point rules
    is_derived: bool = False  # these are checks of derived values
    target: int = -1
    gate: int = -1  # the group that gates this one
    schedules: list[Gate] = field(default_factory=list)
    schedule_of: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # by subject
    # the rule as places override it; each with its numbers, by variant and level
    variants: list[Rule] = field(default_factory=list)
    variant_of: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # by subject
    hold_ms: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    clear_hold_ms: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # by variant
    limits: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    deadbands: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def size(self) -> int:
        return len(self.subjects)


@dataclass(slots=True)
class Plan:
    """All groups of a program, and the slots: the points that they look at."""

    rules: tuple[Rule, ...]
    groups: list[Group]
    first: list[int]  # groups in order: gates of points without alarms, before a reading meets the checks
    then: list[int]  # all others, each after those it looks at
    rows: Ints  # by slot
    slot_of_row: NDArray[np.int32]
    slot_device: Ints
    slot_place: Ints
    is_linked: NDArray[np.bool_]  # by row: its checks are gated, or looked at by an alarm(...)
    touches: NDArray[np.bool_]  # by row
    places: int
    place_of_device: Ints
    zone_of_place: list[str]  # "" where the place is a device
    linked_checks: Segments  # by place
    first_device: Ints  # by place, -1: none is left
    slots_of_place: Segments
    watches: Segments  # by place, looked at by an alarm(...)
    heeds_devices: bool
    spans: list[int]  # of rates, ms
    ring_of: dict[int, Ints]  # span -> ring by slot, -1
    ring_slot: Ints
    ring_span: Ints
    metrics: frozenset[str]  # base metrics: a new point of one of them makes a new plan
    scoped: bool  # a new device may be a subject without any point
    built_rows: int
    built_devices: int

    @property
    def slots(self) -> int:
        return len(self.rows)


def needs_plan(rules: Iterable[Rule]) -> bool:
    """Whether any rule looks at several points or waits for a condition."""
    return any(rule.kind in SUBJECT_KINDS or rule.only_while for rule in rules)
