"""The linkages at work: a section of the scan that fires them at alarms' transitions, and keeps what waits for a delay to end.

A wait is scan state: a restart neither forgets it nor fires it twice. What fell due while the service stood still is looked at once more
half a minute after it came back, so that a clear which arrived meanwhile still cancels it. Nothing here is carried out: intents are.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alarms.book import Book
from alarms.deeds import Deeds, Occasion, Surroundings
from alarms.follow import fire, hindrance, matches, signal_word, told
from alarms.linkage import Linkage
from alarms.model import Alarm, Condition, Signal, Transition, Verdict
from alarms.section import Products
from sites.facts import Fact
from sites.roster import Roster

RESUMED_MS = 30_000
MOST_AT_ONCE = 1_000  # waits ended in one go
PAUSE_MS = 50
MOST_TIMES = 20  # occurrences remembered of one point
MOST_POINTS = 50_000
UNRESOLVED = "unresolved"
_SEEN = frozenset(("raised", "stepped_up", "acknowledged", "judged_true", "cleared"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A linkage that will fire on `due_ms` for the alarm's transition `alarm_seq`, unless something comes between. `word`: the signal."""

    linkage_id: str
    alarm_id: str
    alarm_seq: int
    word: str
    since_ms: int
    due_ms: int

    @property
    def key(self) -> tuple[str, str, str]:
        return self.alarm_id, self.linkage_id, UNRESOLVED if self.word == UNRESOLVED else "" if self.word != "cleared" else "cleared"


@dataclass(slots=True)
class LinkagesState:
    """What a snapshot keeps. `times`: when each point raised lately."""

    waits: list[Wait] = field(default_factory=list)
    times: dict[str, list[int]] = field(default_factory=dict)
    not_before_ms: int = 0


class Linkages:
    """`linkages` is the configuration's own dict, read only, as is all that `around` names."""

    name = "linkages"
    requests: tuple[type, ...] = ()
    state_type: Any = LinkagesState

    def __init__(self, book: Book, roster: Roster, linkages: Mapping[str, Linkage], around: Surroundings | None = None) -> None:
        self._book, self._roster, self._linkages = book, roster, linkages
        self._around = around or Surroundings()
        self._around.times = self.times
        self._by_word: dict[tuple[str, str], tuple[Linkage, ...]] = {}
        self._waits: dict[str, dict[tuple[str, str, str], Wait]] = {}  # by alarm, by key
        self._heap: list[tuple[int, tuple[str, str, str]]] = []
        self._times: dict[str, tuple[int, ...]] = {}
        self._not_before_ms = 0

    def times(self, alarm: Alarm) -> tuple[int, ...]:
        """When the alarm's point, or whatever it is about, raised lately, oldest first; what was judged to be nothing is left out."""
        return self._times.get(_subject(alarm), ())

    def waiting(self, alarm_id: str) -> list[Wait]:
        """What waits for this alarm."""
        return list(self._waits.get(alarm_id, {}).values())

    # -- alarms ----------------------------------------------------------------------------------------------------

    def follow(self, transition: Transition, at_ms: int) -> Products:
        products = Products()
        alarm = transition.alarm
        self._remember(transition)
        if alarm.id in self._waits:
            self._cancel(transition, products)
        word = signal_word(transition)
        if word in _SEEN:
            for linkage in self._of(word, alarm.kind):
                if matches(linkage, alarm):
                    self._start(linkage, transition, word, products)
            if word in ("raised", "stepped_up"):
                for linkage in self._of(UNRESOLVED, alarm.kind):
                    if matches(linkage, alarm):
                        self._start(linkage, transition, UNRESOLVED, products)
        return products

    def _of(self, word: str, kind: str) -> tuple[Linkage, ...]:
        """Linkages on this signal for alarms of this kind that are enabled, by id."""
        found = self._by_word.get((word, kind))
        if found is None:
            fitting = (
                each for each in self._linkages.values() if each.enabled and word in each.on and (not each.kinds or kind in each.kinds)
            )
            found = self._by_word[word, kind] = tuple(sorted(fitting, key=lambda linkage: linkage.id))
        return found

    def _start(self, linkage: Linkage, transition: Transition, word: str, products: Products) -> None:
        alarm, at_ms = transition.alarm, transition.at_ms
        occasion = Occasion(alarm, alarm.seq, transition.signal, at_ms)
        delay_ms = round((linkage.unresolved_s if word == UNRESOLVED else linkage.delay_s) * 1000)
        if not delay_ms:
            deeds = fire(linkage, occasion, self._book, self._roster, self._around)
            products.intents += deeds.intents
            products.firings.append(told(linkage, occasion, deeds))
            return
        hindered = hindrance(linkage, alarm, at_ms, self._book, self._roster)
        if hindered is not None and word != UNRESOLVED:
            products.firings.append(told(linkage, occasion, hindered))
            return
        wait = Wait(linkage_id=linkage.id, alarm_id=alarm.id, alarm_seq=alarm.seq, word=word, since_ms=at_ms, due_ms=at_ms + delay_ms)
        present = self._waits.get(alarm.id, {}).get(wait.key)
        if present is not None:
            if word != UNRESOLVED:
                text = f"waits already since transition {present.alarm_seq}"
                self._tell(linkage, occasion, text, f"自第 {present.alarm_seq} 次变化起已在等待", "waiting", products)
            return
        self._enter(wait)
        seconds = f"{delay_ms / 1000:g}"
        what, what_zh = ("unless it is over within", "若未恢复，等待") if word == UNRESOLVED else ("after a delay of", "延时")
        self._tell(linkage, occasion, f"waits: {what} {seconds} s", f"等待中：{what_zh} {seconds} 秒后执行", "waiting", products)

    def _cancel(self, transition: Transition, products: Products) -> None:
        """What no longer has a reason to wait."""
        alarm = transition.alarm
        is_over = alarm.condition is Condition.NORMAL
        for wait in list(self._waits[alarm.id].values()):
            linkage = self._linkages.get(wait.linkage_id)
            goes = (
                not is_over
                if wait.word == "cleared"
                else is_over and (wait.word == UNRESOLVED or linkage is None or linkage.cancel_if_cleared)
            )
            if not goes:
                continue
            self._leave(wait)
            if linkage is None:
                continue
            seconds = f"{max(0, transition.at_ms - wait.since_ms) / 1000:g}"
            occasion = Occasion(alarm, wait.alarm_seq, None, transition.at_ms)
            if wait.word == UNRESOLVED:
                self._tell(linkage, occasion, f"resolved after {seconds} s", f"{seconds} 秒后已恢复", "resolved", products)
            else:
                what, what_zh = ("raised again", "再次报警") if wait.word == "cleared" else ("over", "已恢复")
                self._tell(
                    linkage, occasion, f"cancelled: {what} after {seconds} s", f"已取消：{seconds} 秒后{what_zh}", "cancelled", products
                )

    def _remember(self, transition: Transition) -> None:
        alarm, subject = transition.alarm, _subject(transition.alarm)
        if transition.signal is Signal.RAISED and not (alarm.is_late or alarm.is_test or alarm.suppression):
            known = self._times.pop(subject, ())
            self._times[subject] = (*known, transition.at_ms)[-MOST_TIMES:]
            if len(self._times) > MOST_POINTS:
                del self._times[next(iter(self._times))]
        elif transition.signal is Signal.JUDGED and alarm.verdict in (Verdict.FALSE, Verdict.TEST, Verdict.NUISANCE):
            kept = tuple(ms for ms in self._times.get(subject, ()) if not alarm.raised_ms <= ms <= transition.at_ms)
            if kept:
                self._times[subject] = kept
            else:
                self._times.pop(subject, None)

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        while self._heap:
            due_ms, key = self._heap[0]
            wait = self._waits.get(key[0], {}).get(key)
            if wait is not None and wait.due_ms == due_ms:
                return max(due_ms, self._not_before_ms)
            heapq.heappop(self._heap)
        return None

    def due(self, at_ms: int) -> Products:
        products = Products()
        self._not_before_ms = 0
        for _ in range(MOST_AT_ONCE):
            due_ms = self.due_ms()
            if due_ms is None or due_ms > at_ms:
                return products
            _, key = heapq.heappop(self._heap)
            wait = self._waits[key[0]][key]
            self._leave(wait)
            self._end(wait, at_ms, products)
        self._not_before_ms = at_ms + PAUSE_MS
        return products

    def _end(self, wait: Wait, at_ms: int, products: Products) -> None:
        linkage, alarm = self._linkages.get(wait.linkage_id), self._book.get(wait.alarm_id)
        if linkage is None or alarm is None:
            return
        occasion = Occasion(alarm, wait.alarm_seq, None, at_ms)
        if not linkage.enabled or not matches(linkage, alarm):
            why = (
                ("it was switched off meanwhile", "联动已停用")
                if not linkage.enabled
                else ("the alarm no longer fits it", "报警已不符合条件")
            )
            self._tell(linkage, occasion, *why, "changed", products)
            return
        deeds = fire(linkage, occasion, self._book, self._roster, self._around)
        seconds = f"{(at_ms - wait.since_ms) / 1000:g}"
        deeds.words.insert(0, f"after {seconds} s")
        deeds.words_zh.insert(0, f"{seconds} 秒后")
        products.intents += deeds.intents
        products.firings.append(told(linkage, occasion, deeds))

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        for waits in self._waits.values():
            for key, wait in waits.items():
                if wait.due_ms < at_ms + RESUMED_MS:
                    waits[key] = replace(wait, due_ms=at_ms + RESUMED_MS)
                    heapq.heappush(self._heap, (at_ms + RESUMED_MS, key))
        return Products()

    # -- the rest of a section -------------------------------------------------------------------------------------

    def _tell(self, linkage: Linkage, occasion: Occasion, text: str, text_zh: str, code: str, products: Products) -> None:
        deeds = Deeds()
        deeds.say(text, text_zh, code)
        products.firings.append(told(linkage, occasion, deeds))

    def _enter(self, wait: Wait) -> None:
        self._waits.setdefault(wait.alarm_id, {})[wait.key] = wait
        heapq.heappush(self._heap, (wait.due_ms, wait.key))

    def _leave(self, wait: Wait) -> None:
        del self._waits[wait.alarm_id][wait.key]
        if not self._waits[wait.alarm_id]:
            del self._waits[wait.alarm_id]

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        if kind == "linkage":
            self._by_word.clear()
        return Products()

    def request(self, request: Any, at_ms: int) -> Products:
        raise AssertionError(f"linkages take no {type(request).__name__}")

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def standing(self) -> Iterable[Fact]:
        return ()

    def dump(self) -> LinkagesState:
        waits = [wait for by_key in self._waits.values() for wait in by_key.values()]
        return LinkagesState(waits, {subject: list(times) for subject, times in self._times.items()}, self._not_before_ms)

    def load(self, state: LinkagesState) -> None:
        self._waits, self._heap = {}, []
        for wait in state.waits:
            self._enter(wait)
        self._times = {subject: tuple(times) for subject, times in state.times.items()}
        self._not_before_ms = state.not_before_ms


def _subject(alarm: Alarm) -> str:
    return alarm.point_id or alarm.subject
