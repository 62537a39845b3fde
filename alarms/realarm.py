"""Asking again: an alarm that nobody took, or that still stands long after somebody did, asks anew, counted; a section of the scan.

Its times follow from the alarms themselves (`asked_ms`, `acknowledged_ms`), and a restart changes none of them. It also takes the tag
*test* off an alarm whose device is no longer being tested, and ends the alarms of a site that was deleted. Only the scan writes it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from alarms.birth import is_in_test
from alarms.book import Book
from alarms.lifecycle import Standing, advance, standing_of
from alarms.model import Alarm, Attention, Condition, Signal, Transition
from alarms.section import Products
from alarms.suppression import PROOF_TEST, standing_on
from rules.model import Rule, Severity
from sites.facts import Fact
from sites.roster import Roster

UNHEARD_MS: dict[Severity, int] = {Severity.CRITICAL: 5 * 60_000, Severity.HIGH: 30 * 60_000}  # domain.md section 8: P1, P2
MOST_AT_ONCE = 500  # the others a second later: a storm asks again in portions
SPREAD_MS = 1_000
LOOK_MS = 10_000  # how often it is looked whether a device is still being tested


@dataclass(slots=True)
class RealarmState:
    """What a snapshot keeps. `moments`: (when, alarm id), a heap; `tested`: alarm id -> when to look again."""

    moments: list[tuple[int, str]] = field(default_factory=list)
    tested: dict[str, int] = field(default_factory=dict)


class Realarm:
    """A section. `rule_of(rule_id)` gives the rule as it is now, for its `realarm_s`."""

    name = "realarm"
    requests: tuple[type, ...] = ()
    state_type: Any = RealarmState

    def __init__(self, book: Book, roster: Roster, rule_of: Callable[[str], Rule | None]) -> None:
        self._book = book
        self._roster = roster
        self._rule_of = rule_of
        self._moments: list[tuple[int, str]] = []  # a heap; an entry whose alarm has moved on is dropped when it is met
        self._tested: dict[str, int] = {}  # alarms tagged by their device's own flag, and when to look again
        for alarm in book.open.values():
            self._expect(alarm)

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        self._drop_stale()
        moments = [self._moments[0][0]] if self._moments else []
        return min([*moments, *self._tested.values()], default=None)

    def due(self, at_ms: int) -> Products:
        products = Products()
        asked = 0
        while self._moments and self._moments[0][0] <= at_ms:
            entry = heapq.heappop(self._moments)
            if not self._stands(entry):
                continue
            if asked == MOST_AT_ONCE:
                heapq.heappush(self._moments, (at_ms + SPREAD_MS, entry[1]))
                continue
            alarm = self._book.open[entry[1]]
            products.transitions += self._book.realarm(alarm, at_ms, *_why(alarm, at_ms))
            asked += 1
        for alarm_id in [alarm_id for alarm_id, look_ms in self._tested.items() if look_ms <= at_ms]:
            products.transitions += self._look(alarm_id, at_ms)
        for transition in products.transitions:
            self._expect(transition.alarm)
        return products

    def _look(self, alarm_id: str, at_ms: int) -> list[Transition]:
        del self._tested[alarm_id]
        alarm = self._book.open.get(alarm_id)
        if alarm is None or not _is_tagged(alarm):
            return []
        if is_in_test(self._roster, alarm.device_id, at_ms):
            self._tested[alarm_id] = at_ms + LOOK_MS
            return []
        return self._book.uphold_tested(alarm, at_ms)

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    # -- what happens to alarms and things ---------------------------------------------------------------------------

    def follow(self, transition: Transition, at_ms: int) -> Products:
        self._expect(transition.alarm)
        return Products()

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        if kind == "rule":
            for alarm in self._book.open.values():
                if alarm.rule_id == thing_id:
                    self._expect(alarm)  # its rule may ask again sooner, or at all
        if kind == "site" and thing_id not in self._roster.sites:
            return Products(transitions=self._book.withdraw_whole(at_ms, "its site was deleted", "所属场所已删除", site_id=thing_id))
        return Products()

    def request(self, request: Any, at_ms: int) -> Products:
        raise AssertionError(f"nobody asks {self.name} anything, least of all {request}")

    # -- keeping it ------------------------------------------------------------------------------------------------

    def standing(self) -> Iterable[Fact]:
        return ()

    def dump(self) -> RealarmState:
        return RealarmState(list(self._moments), dict(self._tested))

    def load(self, state: RealarmState) -> None:
        self._moments, self._tested = list(state.moments), dict(state.tested)

    # -- parts -----------------------------------------------------------------------------------------------------

    def _expect(self, alarm: Alarm) -> None:
        due_ms = self._next_ms(alarm)
        if due_ms is not None:
            heapq.heappush(self._moments, (due_ms, alarm.id))
            if len(self._moments) > 4 * len(self._book.open) + 1_000:
                self._moments = sorted({entry for entry in self._moments if self._stands(entry)})
        if alarm.ended_ms is None and _is_tagged(alarm):
            self._tested.setdefault(alarm.id, alarm.changed_ms + LOOK_MS)

    def _next_ms(self, alarm: Alarm) -> int | None:
        """When this alarm asks again; None: never, as it stands."""
        if alarm.ended_ms is not None or not isinstance(advance(standing_of(alarm), Signal.REALARMED), Standing):
            return None
        if alarm.attention is Attention.UNACKNOWLEDGED:
            period_ms = UNHEARD_MS.get(alarm.severity)
            return None if period_ms is None else (alarm.asked_ms or alarm.arrived_ms) + period_ms
        rule = self._rule_of(alarm.rule_id)
        if rule is None or rule.realarm_s is None or alarm.acknowledged_ms is None:
            return None
        return alarm.acknowledged_ms + round(rule.realarm_s * 1000)

    def _drop_stale(self) -> None:
        while self._moments and not self._stands(self._moments[0]):
            heapq.heappop(self._moments)

    def _stands(self, entry: tuple[int, str]) -> bool:
        """Not of an alarm that has ended, was taken, or has asked since."""
        moment_ms, alarm_id = entry
        alarm = self._book.open.get(alarm_id)
        due_ms = None if alarm is None else self._next_ms(alarm)
        return due_ms is not None and due_ms <= moment_ms


def _is_tagged(alarm: Alarm) -> bool:
    """Whether an active alarm counts as a test only because its device says so."""
    return alarm.is_test and alarm.condition is Condition.ACTIVE and all(why.kind != PROOF_TEST for why in standing_on(alarm))


def _why(alarm: Alarm, at_ms: int) -> tuple[str, str]:
    if alarm.attention is Attention.UNACKNOWLEDGED:
        minutes = (at_ms - (alarm.asked_ms or alarm.arrived_ms)) // 60_000
        return f"not acknowledged for {minutes} min", f"{minutes} 分钟未接警"
    minutes = (at_ms - (alarm.acknowledged_ms or at_ms)) // 60_000
    return f"still active {minutes} min after it was acknowledged", f"接警 {minutes} 分钟后仍在报警"
