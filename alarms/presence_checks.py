"""Presence checks (查岗): timed questions that the person on duty must answer, at set or unforeseeable minutes, or when a supervisor asks.

A question that nobody answers in its window is a missed check and an alarm of the service at that site, until the next one is answered.
Minutes follow from schedule, site and day, so that nobody foresees them and a replay asks the same. Only the scan writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alarms.duty_requests import AnswerPresence, AskPresence
from alarms.errors import IllegalTransition, UnknownAlarm
from alarms.model import Transition
from alarms.section import Products
from alarms.service_alarms import ServiceClear, ServiceRaise
from sites.calendars import DAY_MS, local_day, local_minute_ms
from sites.facts import Fact
from sites.model import derived_id
from sites.roster import Roster

KIND = "presence_check"
MISSED = "presence_missed"
LONGEST_S = 600  # GB 26875.1: a duty check is held until it is answered, or 10 minutes
MOST_A_DAY = 24
MOST_WAITING = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceSchedule:
    """When a site is asked. `times`: minutes of the local day. `random_per_day`: so many more, each at an unforeseeable minute of its
    equal part of [`from_minute`, `to_minute`) of the local day."""

    id: str
    name: str
    site_id: str
    times: tuple[int, ...] = ()
    random_per_day: int = 0
    from_minute: int = 0
    to_minute: int = 1_440
    answer_s: int = LONGEST_S
    enabled: bool = True
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceCheck:
    """One question. `cause`: schedule, supervisor, centre. `attempts`: wrong answers before."""

    id: str
    site_id: str
    cause: str
    asked_ms: int
    until_ms: int
    question: str
    question_zh: str
    state: str = "asked"  # asked, answered, missed
    asked_by: str | None = None
    schedule_id: str | None = None
    attempts: int = 0
    answered_ms: int | None = None
    answered_by: str | None = None
    note: str = ""
    seq: int = 1


@dataclass(slots=True)
class PresenceState:
    waiting: list[PresenceCheck] = field(default_factory=list)
    asked_through: dict[str, int] = field(default_factory=dict)  # by schedule: what lies before was asked, or is past


def moments(schedule: PresenceSchedule, timezone: str, iso_day: str) -> list[int]:
    """When this schedule asks on a local day."""
    minutes = list(schedule.times)
    whole = schedule.to_minute - schedule.from_minute
    for n in range(schedule.random_per_day):
        begin, end = (schedule.from_minute + whole * part // schedule.random_per_day for part in (n, n + 1))
        drawn = int(derived_id("presence", schedule.site_id, schedule.id, iso_day, n), 16)
        minutes.append(begin + drawn % max(1, end - begin))
    return sorted({local_minute_ms(timezone, iso_day, minute) for minute in minutes})


def next_moment_ms(schedule: PresenceSchedule, timezone: str, after_ms: int) -> int | None:
    """The first moment after this one; None when the schedule asks never."""
    if not schedule.enabled or not (schedule.times or schedule.random_per_day):
        return None
    for days in range(-1, 3):
        for at_ms in moments(schedule, timezone, local_day(timezone, after_ms + days * DAY_MS).iso):
            if at_ms > after_ms:
                return at_ms
    return None


def sum_of(check_id: str) -> tuple[int, int]:
    """The two numbers that the question of this check asks to add."""
    drawn = int(derived_id("question", check_id), 16)
    return 11 + drawn % 79, 11 + drawn // 79 % 79


class PresenceChecks:
    """The section. `schedules` are the documents of kind `presence_schedule`."""

    name = "presence_checks"
    follows_alarms = False
    requests: tuple[type, ...] = (AskPresence, AnswerPresence)
    state_type = PresenceState

    def __init__(self, roster: Roster, schedules: Mapping[str, PresenceSchedule]) -> None:
        self._roster, self._schedules = roster, schedules
        self._waiting: dict[str, PresenceCheck] = {}
        self._through: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._due_ms: int | None = None

    def due_ms(self) -> int | None:
        return self._due_ms

    def due(self, at_ms: int) -> Products:
        products = Products()
        for check in [check for check in self._waiting.values() if check.until_ms <= at_ms]:
            self._end(check, products, check.until_ms, state="missed")
            note = f"nobody answered the presence check of {check.site_id} in time"
            products.wishes.append(ServiceRaise(code=MISSED, subject=f"site:{check.site_id}", site_id=check.site_id, note=note))
        for schedule_id, next_ms in sorted(self._next.items()):
            if next_ms <= at_ms:
                schedule = self._schedules[schedule_id]
                self._through[schedule_id] = next_ms
                self._plan(schedule_id)
                self._ask(
                    products, schedule.site_id, "schedule", (schedule_id, next_ms), next_ms, schedule.answer_s, schedule_id=schedule_id
                )
        self._settle()
        return products

    def request(self, request: Any, at_ms: int) -> Products:
        products = Products()
        if isinstance(request, AskPresence):
            if request.site_id not in self._roster.sites:
                raise UnknownAlarm(f"no site {request.site_id}; nobody was asked")
            if len(self._waiting) >= MOST_WAITING:
                raise IllegalTransition(f"{len(self._waiting)} presence checks wait for their answers, which is the bound")
            if any(check.site_id == request.site_id for check in self._waiting.values()):
                raise IllegalTransition(f"a presence check of site {request.site_id} waits for its answer already")
            cause = (request.who, request.key)
            answer_s = min(request.answer_s, LONGEST_S)
            self._ask(products, request.site_id, request.cause, cause, at_ms, answer_s, asked_by=request.who)
        else:
            self._answer(request, at_ms, products)
        self._settle()
        return products

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        products = Products()
        if kind == "presence_schedule":
            self._through[thing_id] = at_ms
            self._plan(thing_id)
        elif kind == "site":
            for schedule in self._schedules.values():
                if schedule.site_id == thing_id:
                    self._plan(schedule.id)
            if thing_id not in self._roster.sites:
                for check in [check for check in self._waiting.values() if check.site_id == thing_id]:
                    self._end(check, products, at_ms, state="missed", note="the site was removed")
                products.wishes.append(ServiceClear(code=MISSED, subject=f"site:{thing_id}", note="the site was removed"))
        self._settle()
        return products

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        """Nobody could answer while the service was down: open questions wait as much longer. Those of the time between are not asked."""
        products = Products()
        for check in list(self._waiting.values()):
            longer = replace(check, until_ms=check.until_ms + max(0, at_ms - max(since_ms, check.asked_ms)), seq=check.seq + 1)
            self._waiting[check.id] = longer
            products.facts.append(self._fact(longer, at_ms))
        for schedule_id in self._schedules:
            self._through[schedule_id] = max(self._through.get(schedule_id, at_ms), at_ms)
            self._plan(schedule_id)
        self._settle()
        return products

    def standing(self) -> Iterable[Fact]:
        return [self._fact(check, check.asked_ms) for check in self._waiting.values()]

    def dump(self) -> PresenceState:
        return PresenceState(list(self._waiting.values()), dict(self._through))

    def load(self, state: PresenceState) -> None:
        self._waiting = {check.id: check for check in state.waiting}
        self._through = dict(state.asked_through)
        self._next.clear()
        for schedule_id in self._schedules:
            self._plan(schedule_id)
        self._settle()

    # -- parts -----------------------------------------------------------------------------------------------------

    def _ask(self, products: Products, site_id: str, cause: str, why: tuple[Any, ...], at_ms: int, answer_s: int, **more: Any) -> None:
        check_id = derived_id("presence_check", site_id, cause, *why)
        if check_id in self._waiting or (cause == "schedule" and any(c.site_id == site_id for c in self._waiting.values())):
            return  # the same click, or one question at a time
        one, other = sum_of(check_id)
        check = PresenceCheck(
            id=check_id,
            site_id=site_id,
            cause=cause,
            asked_ms=at_ms,
            until_ms=at_ms + answer_s * 1000,
            question=f"Presence check: how much is {one} + {other}?",
            question_zh=f"查岗：{one} + {other} 等于多少？",
            **more,
        )
        self._waiting[check_id] = check
        products.facts.append(self._fact(check, at_ms, who=check.asked_by, what="asked"))

    def _answer(self, request: AnswerPresence, at_ms: int, products: Products) -> None:
        check = self._waiting.get(request.check_id)
        if check is None:
            raise UnknownAlarm(f"no presence check {request.check_id} waits for an answer: its window may be over")
        if request.who == check.asked_by:
            raise IllegalTransition("who asked cannot answer: the person on duty must")
        if request.answer.strip() != str(sum(sum_of(check.id))):
            wrong = replace(check, attempts=check.attempts + 1, seq=check.seq + 1)
            self._waiting[check.id] = wrong
            products.facts.append(self._fact(wrong, at_ms, who=request.who, what="answered wrongly"))
            return
        self._end(check, products, at_ms, state="answered", answered_ms=at_ms, answered_by=request.who, note=request.note)
        products.wishes.append(ServiceClear(code=MISSED, subject=f"site:{check.site_id}", note="a later check was answered"))

    def _end(self, check: PresenceCheck, products: Products, at_ms: int, **changed: Any) -> None:
        ended = replace(check, seq=check.seq + 1, **changed)
        del self._waiting[check.id]
        products.facts.append(self._fact(ended, at_ms, who=ended.answered_by, what=ended.state))

    def _fact(self, check: PresenceCheck, at_ms: int, who: str | None = None, what: str = "") -> Fact:
        return Fact(
            kind=KIND,
            id=check.id,
            site_id=check.site_id,
            state=check.state,
            changed_ms=at_ms,
            body=check,
            subject=f"site:{check.site_id}",
            from_ms=check.asked_ms,
            until_ms=check.until_ms,
            who=who,
            what=what,
            is_over=check.state != "asked",
            seq=check.seq,
        )

    def _plan(self, schedule_id: str) -> None:
        schedule = self._schedules.get(schedule_id)
        site = None if schedule is None else self._roster.sites.get(schedule.site_id)
        if schedule is None:
            self._through.pop(schedule_id, None)
        next_ms = None
        if schedule is not None and site is not None:
            next_ms = next_moment_ms(schedule, site.timezone, self._through.setdefault(schedule_id, 0))
        if next_ms is None:
            self._next.pop(schedule_id, None)
        else:
            self._next[schedule_id] = next_ms

    def _settle(self) -> None:
        dues = [*self._next.values(), *(check.until_ms for check in self._waiting.values())]
        self._due_ms = min(dues, default=None)
