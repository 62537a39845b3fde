"""Chatter: an alarm that comes and goes is folded into one, and the point that does it is reported; a section of the scan.

A (rule, subject) chatters from its third activation within 60 s (ISA-18.2; both numbers are the rule's) until it was quiet for 60 s: so
long its alarm stays open, acknowledged once it is taken, and counts. Latched alarms stay open by themselves until a person resets them.
Late activations do not count: a backlog is no chatter. Only the scan writes it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from alarms.book import Book
from alarms.model import Signal, Transition
from alarms.section import Products
from alarms.service_alarms import ServiceClear, ServiceRaise
from rules.model import Rule
from sites.facts import Fact

CODE = "chattering"
MOST_FOLLOWED = 100_000  # (rule, subject) pairs whose last activations are kept; older ones are forgotten first


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One (rule, subject) that chatters: its alarm, the last activation, and for how long it must be quiet."""

    rule_id: str
    subject: str
    alarm_id: str
    last_ms: int
    quiet_ms: int

    @property
    def ends_ms(self) -> int:
        return self.last_ms + self.quiet_ms


@dataclass(slots=True)
class ChatterState:
    """What a snapshot keeps. `activations`: (rule id, subject, moments), the pair that was active longest ago first."""

    activations: list[tuple[str, str, tuple[int, ...]]] = field(default_factory=list)
    folds: list[Fold] = field(default_factory=list)


class Chatter:
    """A section. `rule_of(rule_id)` gives the rule as it is now, for its `fold_count` and `fold_s`."""

    name = "chatter"
    requests: tuple[type, ...] = ()
    state_type: Any = ChatterState

    def __init__(self, book: Book, rule_of: Callable[[str], Rule | None]) -> None:
        self._book = book
        self._rule_of = rule_of
        self._activations: dict[tuple[str, str], tuple[int, ...]] = {}
        self._folds: dict[tuple[str, str], Fold] = {}
        self._ends: list[tuple[int, str, str]] = []  # a heap; an entry whose fold was active since is put back when it is met
        self._on_subject: Counter[str] = Counter()

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        while self._ends:
            ends_ms, rule_id, subject = self._ends[0]
            fold = self._folds.get((rule_id, subject))
            if fold is not None and fold.ends_ms <= ends_ms:
                return ends_ms
            heapq.heappop(self._ends)
            if fold is not None:
                heapq.heappush(self._ends, (fold.ends_ms, rule_id, subject))
        return None

    def due(self, at_ms: int) -> Products:
        products = Products()
        while (ends_ms := self.due_ms()) is not None and ends_ms <= at_ms:
            _, rule_id, subject = heapq.heappop(self._ends)
            fold = self._folds.pop((rule_id, subject))
            alarm = self._book.open.get(fold.alarm_id)
            if alarm is not None and alarm.is_chattering:
                seconds = f"{fold.quiet_ms / 1000:g}"
                products.transitions += self._book.quiet(alarm, at_ms, f"quiet for {seconds} s", f"{seconds} 秒内未再反复")
            products.wishes += self._report_end(fold.subject)
        return products

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    # -- what happens to alarms and things ---------------------------------------------------------------------------

    def follow(self, transition: Transition, at_ms: int) -> Products:
        alarm = transition.alarm
        key = alarm.rule_id, alarm.subject
        fold = self._folds.get(key)
        if alarm.ended_ms is not None:
            if fold is not None and fold.alarm_id == alarm.id:  # withdrawn, or reset
                self._folds.pop(key)
                return Products(wishes=self._report_end(alarm.subject))
            return Products()
        rule = self._rule_of(alarm.rule_id)
        if transition.signal is not Signal.RAISED or rule is None or not rule.fold_count or alarm.is_late:
            return Products()
        quiet_ms = round(rule.fold_s * 1000)
        times = (*(ms for ms in self._activations.pop(key, ()) if ms > transition.at_ms - quiet_ms), transition.at_ms)[-rule.fold_count :]
        self._activations[key] = times
        if len(self._activations) > MOST_FOLLOWED:
            del self._activations[next(iter(self._activations))]
        if fold is None and len(times) < rule.fold_count:
            return Products()
        self._folds[key] = Fold(
            rule_id=alarm.rule_id, subject=alarm.subject, alarm_id=alarm.id, last_ms=transition.at_ms, quiet_ms=quiet_ms
        )
        if fold is not None:
            return Products()
        heapq.heappush(self._ends, (self._folds[key].ends_ms, alarm.rule_id, alarm.subject))
        self._on_subject[alarm.subject] += 1
        count, seconds = rule.fold_count, f"{rule.fold_s:g}"
        note = f"{count} activations within {seconds} s: kept open until it is quiet for {seconds} s"
        note_zh = f"{seconds} 秒内触发 {count} 次：保持打开，直至 {seconds} 秒内不再反复"
        report = ServiceRaise(
            code=CODE,
            subject=alarm.subject,
            site_id=alarm.site_id,
            zone_id=alarm.zone_id,
            device_id=alarm.device_id,
            value=float(count),
            note=f"{rule.name} / {rule.name_en}: {note}" if rule.name_en else f"{rule.name}: {note}",
        )
        return Products(transitions=self._book.chatter(alarm, at_ms, note, note_zh), wishes=[report])

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        return Products()

    def request(self, request: Any, at_ms: int) -> Products:
        raise AssertionError(f"nobody asks {self.name} anything, least of all {request}")

    def _report_end(self, subject: str) -> list[ServiceRaise | ServiceClear]:
        """The point is no longer reported when none of its rules chatters."""
        self._on_subject[subject] -= 1
        if self._on_subject[subject]:
            return []
        del self._on_subject[subject]
        return [ServiceClear(code=CODE, subject=subject)]

    # -- keeping it ------------------------------------------------------------------------------------------------

    def standing(self) -> Iterable[Fact]:
        return ()

    def dump(self) -> ChatterState:
        activations = [(rule_id, subject, times) for (rule_id, subject), times in self._activations.items()]
        return ChatterState(activations, list(self._folds.values()))

    def load(self, state: ChatterState) -> None:
        self._activations = {(rule_id, subject): tuple(times) for rule_id, subject, times in state.activations}
        self._folds = {(fold.rule_id, fold.subject): fold for fold in state.folds}
        self._ends = sorted((fold.ends_ms, *key) for key, fold in self._folds.items())
        self._on_subject = Counter(fold.subject for fold in state.folds)
