"""(rule, point) pairs of the kinds whose value is derived from a point's readings, compiled to arrays.

A pair has a number of its own, its checks (one a level) lie in a program of their own, the *tier*, which shares rules, specs and roster
with the program that it belongs to. What a window needs beside its levels stands in `Recipes`, one row a rule. Only the scan compiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rules.columns import appended
from rules.model import DERIVED_KINDS, Direction, Rule, RuleKind, Statistic, Weighting

if TYPE_CHECKING:
    from rules.compile import Program

PARTS = 60  # a window is kept in so many parts of equal length, and moves on by one of them


class Group(IntEnum):
    """Which memory a pair needs."""

    NONE = -1
    SUMS = 0  # sum, count, share, mean of readings
    TIMED = 1  # mean, share weighed by time
    EXTREMES = 2
    RATE = 3
    STUCK = 4
    DRIFT = 5


MOVING = (Group.SUMS, Group.TIMED, Group.EXTREMES)  # what leaves them changes their value
WINDOWED = (Group.SUMS, Group.TIMED, Group.EXTREMES, Group.RATE)


class Total(IntEnum):
    """What becomes of a sum and a count."""

    MEAN = 0
    SUM = 1
    COUNT = 2
    SHARE = 3


@dataclass(slots=True)
class Recipes:
    """By rule: how its value is derived. `part_ms` is the window's sixtieth, rounded up to a millisecond; `covered_ms` how much of the
    window must have been seen before it is judged (0: nothing)."""

    group: NDArray[np.int8]
    window_ms: NDArray[np.int64]
    part_ms: NDArray[np.int64]
    covered_ms: NDArray[np.int64]
    per_ms: NDArray[np.float64]
    tolerance: NDArray[np.float64]
    sign: NDArray[np.float64]  # of an extreme: +1 for the highest, -1 for the lowest
    total: NDArray[np.int8]
    is_tally: NDArray[np.bool_]  # sums ones (met) and zeros (not met) instead of values
    meets_sign: NDArray[np.float64]
    meets_limit: NDArray[np.float64]  # -inf where every reading counts
    has_states: NDArray[np.bool_]
    states: NDArray[np.float64]  # (rules, most states), filled up with NaN


@dataclass(slots=True)
class Derived:
    """The pairs of a program, sorted by (point row, rule). Arrays may be longer than `pairs` and `rows` say."""

    tier: Program
    recipes: Recipes
    pairs: int = 0
    rule: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    row: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    group: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    slot: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # place among the pairs of its group
    first_check: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    levels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    slots: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(Group) - 1, np.int64))  # by group
    checks: int = 0
    check_pair: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    rows: int = 0
    start: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))  # of each row's pairs, rows + 1
    present: tuple[Group, ...] = ()  # groups that have pairs: others cost nothing
    has_pairs: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))  # by row

    def extend(self) -> None:
        """Number the pairs of the rows that the tier has grown by."""
        tier = self.tier
        checks = np.arange(self.checks, tier.checks)
        heads = checks[tier.specs.level[tier.check_spec[checks]] == 0]
        row, spec = tier.check_row[heads], tier.check_spec[heads]
        rule = tier.specs.rule[spec]
        levels = np.diff(np.append(heads, tier.checks))
        group = self.recipes.group[rule]
        slot = np.zeros(len(heads), np.int32)
        for each in range(len(self.slots)):
            own = np.flatnonzero(group == each)
            slot[own] = self.slots[each] + np.arange(len(own))
            self.slots[each] += len(own)
        first, new = self.pairs, self.pairs + len(heads)
        for name, column in (("rule", rule), ("row", row), ("group", group), ("slot", slot), ("first_check", heads), ("levels", levels)):
            setattr(self, name, appended(getattr(self, name), first, column))
        self.present = tuple(each for each in Group if each >= 0 and self.slots[each])
        own_pairs = np.repeat(np.arange(first, new, dtype=np.int32), levels)
        self.check_pair = appended(self.check_pair, self.checks, own_pairs)
        per_row = np.bincount(row - self.rows, minlength=tier.rows - self.rows)
        self.start = appended(self.start, self.rows + 1, first + np.cumsum(per_row))
        self.has_pairs = appended(self.has_pairs, self.rows, per_row > 0)
        self.pairs, self.checks, self.rows = new, tier.checks, tier.rows

    def pairs_of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The pairs of each point row, joined, and for each of them the place of its row in `rows`."""
        return spread(self.start[rows], self.start[rows + 1] - self.start[rows])

    def checks_of(self, pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The checks of each pair, joined, and for each of them the place of its pair in `pairs`."""
        return spread(self.first_check[pairs], self.levels[pairs])


def is_on_point(rule: Rule) -> bool:
    """Whether this rule derives its value from a point's readings (a count of findings does not)."""
    return rule.kind in DERIVED_KINDS and not rule.of


def first_judged_s(rule: Rule) -> tuple[float, float]:
    """How long after it was made, at the earliest, a rule can judge, and how long until it looks at its whole span: a span begins empty (or
    with the newest reading), since what the historian has is no part of what the journal says. (0, 0): it judges at once."""
    if rule.kind is RuleKind.STUCK:
        soonest = min(level.limit for level in rule.levels)
        return soonest, soonest
    if rule.kind not in DERIVED_KINDS or rule.window_s is None:
        return 0.0, 0.0
    return (rule.covered * rule.window_s if is_on_point(rule) and _must_cover(rule) else 0.0), rule.window_s


def window_meaning(rule: Rule) -> tuple[object, ...]:
    """What makes a window's contents transferable from one version of its rule to another: levels, holds and texts do not count."""
    return rule.kind, rule.metric, rule.window_s, rule.statistic, rule.weighting, rule.share_of, rule.tolerance


def spread(begins: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers from each of `begins` on, `counts` of them, joined, and for each the place that it comes from."""
    own = np.repeat(np.arange(len(counts)), counts)
    ends = np.cumsum(counts)
    return np.arange(len(own)) + np.repeat(begins - (ends - counts), counts), own


def recipes_of(rules: Sequence[Rule]) -> Recipes:
    """The recipes of all rules of a program; those of other kinds are Group.NONE."""
    window_ms = np.array([round((rule.window_s or 0.0) * 1000) for rule in rules], np.int64)
    covered = [rule.covered if _must_cover(rule) else 0.0 for rule in rules]
    wanted = [rule.share_of for rule in rules]
    most = max((len(meets.states) for meets in wanted if meets), default=0)
    states = np.full((len(rules), max(1, most)), np.nan)
    sign, limit = np.ones(len(rules)), np.full(len(rules), -np.inf)
    for at, meets in enumerate(wanted):
        if meets is not None:
            states[at, : len(meets.states)] = meets.states
            sign[at] = -1.0 if meets.direction is Direction.BELOW else 1.0
            limit[at] = -np.inf if meets.limit is None else sign[at] * meets.limit
    totals = [_total(rule) for rule in rules]
    return Recipes(
        group=np.array([_group(rule) for rule in rules], np.int8),
        window_ms=window_ms,
        part_ms=np.maximum(1, -(-window_ms // PARTS)),
        covered_ms=np.array([round(share * window) for share, window in zip(covered, window_ms.tolist(), strict=True)], np.int64),
        per_ms=np.array([rule.per_s * 1000 for rule in rules], np.float64),
        tolerance=np.array([rule.tolerance for rule in rules], np.float64),
        sign=np.array([-1.0 if rule.statistic is Statistic.MIN else 1.0 for rule in rules]),
        total=np.array(totals, np.int8),
        is_tally=np.array([total in (Total.COUNT, Total.SHARE) for total in totals], bool),
        meets_sign=sign,
        meets_limit=limit,
        has_states=np.array([bool(meets and meets.states) for meets in wanted], bool),
        states=states,
    )


def _group(rule: Rule) -> Group:
    if not is_on_point(rule):
        return Group.NONE
    if rule.kind is not RuleKind.WINDOW:
        own = {RuleKind.RATE: Group.RATE, RuleKind.STUCK: Group.STUCK, RuleKind.DRIFT: Group.DRIFT}
        return own.get(rule.kind, Group.SUMS)
    if rule.statistic in (Statistic.MIN, Statistic.MAX):
        return Group.EXTREMES
    return Group.TIMED if rule.weighting is Weighting.TIME else Group.SUMS


def _total(rule: Rule) -> Total:
    if rule.kind is RuleKind.COUNT:
        return Total.COUNT
    return {Statistic.SUM: Total.SUM, Statistic.COUNT: Total.COUNT, Statistic.SHARE: Total.SHARE}.get(rule.statistic, Total.MEAN)


def _must_cover(rule: Rule) -> bool:
    """A sum or count only grows while its window fills, so that one that is high already is so for certain; a low one is not."""
    if rule.kind is RuleKind.COUNT or (rule.kind is RuleKind.WINDOW and rule.statistic in (Statistic.SUM, Statistic.COUNT)):
        return rule.direction is Direction.BELOW
    return True
