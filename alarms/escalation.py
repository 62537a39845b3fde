"""Escalation: where each alarm stands on its two ladders, and what is due next. A section of the scan.

The first ladder runs while nobody has acknowledged the alarm and ends with the acknowledgement, which begins the second; only a verdict
ends that. What is due is state: it is in the snapshot, and made again alike by the journal, so a restart neither skips a step nor repeats
one. Messages are wanted here and sent elsewhere; their keys derive from alarm, ladder, step and repetition.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from alarms.book import Book
from alarms.duty import on_duty_at
from alarms.escalation_policy import UNACKNOWLEDGED, UNVERIFIED, Escalation, Step, climbs, policy_for
from alarms.linkage import NotifyWanted
from alarms.model import Alarm, Attention, Signal, Transition
from alarms.section import Products
from rules.model import Severity
from sites.facts import Fact
from sites.model import derived_id
from sites.roster import Roster

KIND = "escalation"
OVER = "over"
MOST_AT_ONCE = 1_000  # steps taken in one go, measured at 35 us each
PAUSE_MS = 50
_CALLS = frozenset({"raised", "stepped_up", "unsuppressed", "upheld", "realarmed"})
_GOES_ON = frozenset({"raised", "realarmed"})  # for an alarm that is climbing already, and has not become worse


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A step that was taken: whom it told, by recipient as in NotifyWanted."""

    ladder: str
    step: int
    repetition: int
    at_ms: int
    whom: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """Where an alarm stands. `episode` is the alarm's seq when it began: a rise in severity or the end of a suppression begins another.
    `place`: how many steps and repetitions of this ladder were taken. `late_ms`: by how much the second ladder is put off because the
    acknowledgement came after its first step's time. `state`: the ladder, or `over`."""

    alarm_id: str
    site_id: str
    policy_id: str
    policy_version: int
    policy_name: str
    policy_name_en: str
    severity: Severity
    episode: int
    since_ms: int
    state: str = UNACKNOWLEDGED
    place: int = 0
    late_ms: int = 0
    next_ms: int | None = None
    next_step: int | None = None
    next_whom: tuple[str, ...] = ()
    next_channels: tuple[str, ...] = ()
    is_judged: bool = False
    told: tuple[Told, ...] = ()
    reason: str = ""
    reason_zh: str = ""


@dataclass(slots=True)
class EscalationState:
    """What a snapshot keeps."""

    climbs: list[Climb] = field(default_factory=list)
    serial: int = 0
    not_before_ms: int = 0  # more than MOST_AT_ONCE were due: the rest goes on then


class Escalations:
    """`climbs` by alarm id; outside it is read only."""

    name = "escalation"
    requests: tuple[type, ...] = ()
    state_type = EscalationState

    def __init__(self, book: Book, roster: Roster, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self.climbs: dict[str, Climb] = {}
        self._book, self._roster, self._documents = book, roster, documents
        self._serial = 0
        self._not_before_ms = 0
        self._heap: list[tuple[int, str]] = []

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        """The next step's time. Entries of the heap that no longer hold are let go here."""
        while self._heap:
            at_ms, alarm_id = self._heap[0]
            climb = self.climbs.get(alarm_id)
            if climb is not None and climb.next_ms == at_ms:
                return max(at_ms, self._not_before_ms)
            heapq.heappop(self._heap)
        return None

    def due(self, at_ms: int) -> Products:
        products = Products()
        self._not_before_ms = 0
        for _ in range(MOST_AT_ONCE):
            next_ms = self.due_ms()
            if next_ms is None or next_ms > at_ms:
                return products
            _, alarm_id = heapq.heappop(self._heap)
            self._take(self.climbs[alarm_id], at_ms, products)
        self._not_before_ms = at_ms + PAUSE_MS  # a flood's steps are spread over scans: each stays short
        return products

    def _take(self, climb: Climb, at_ms: int, products: Products) -> None:
        """One step of one climb; whatever else is due at the same time follows in the next turn."""
        policy, alarm = self._policy(climb.policy_id), self._book.get(climb.alarm_id)
        if policy is None or alarm is None:
            gone = ("the policy was removed", "升级策略已删除") if policy is None else ("the alarm is kept no longer", "报警已归档")
            self._end(climb, at_ms, gone, products)
            return
        _, index, repetition = _schedule(policy.ladder(climb.state))[climb.place]
        step = policy.ladder(climb.state)[index]
        wanted = self._wanted(climb, step, index, repetition, alarm, at_ms)
        products.intents += wanted
        whom = tuple(dict.fromkeys(each.recipient for each in wanted))
        told = Told(ladder=climb.state, step=index, repetition=repetition, at_ms=at_ms, whom=whom)
        self._keep(self._aimed(replace(climb, place=climb.place + 1, told=(*climb.told, told)), policy), alarm, at_ms, products)

    def _wanted(self, climb: Climb, step: Step, index: int, repetition: int, alarm: Alarm, at_ms: int) -> list[NotifyWanted]:
        cause = f"escalation:{climb.policy_id}:{climb.episode}:{climb.state}:{index}:{repetition}"
        wanted = {}
        for recipient, phone, email in self._recipients(step, alarm.site_id, at_ms):
            for channel in step.channels or (("email", "sms", "voice") if phone or email else ("",)):
                to = email if channel == "email" else phone if channel in ("sms", "voice") else ""
                if not step.channels and (phone or email) and not to:
                    continue
                key = derived_id("escalate", alarm.id, cause, recipient, channel)
                wanted[key] = NotifyWanted(
                    key=key,
                    linkage_id="",
                    alarm_id=alarm.id,
                    alarm_seq=alarm.seq,
                    to=to,
                    at_ms=at_ms,
                    channel=channel,
                    recipient=recipient,
                    cause=cause,
                )
        return list(wanted.values())

    def _recipients(self, step: Step, site_id: str, at_ms: int) -> list[tuple[str, str, str]]:
        """(recipient, phone, email); the last two only for people of a roster who are no users."""
        found: dict[str, tuple[str, str, str]] = {}
        for whom in step.whom:
            for each in self._expanded(whom, site_id, at_ms):
                found[each[0]] = each
        if not found:
            for whom in step.otherwise:
                for each in self._expanded(whom, site_id, at_ms):
                    found[each[0]] = each
        if not found:  # nobody is on duty: said on the alarm as a message that reaches nobody
            found = {whom: (whom, "", "") for whom in step.whom}
        return list(found.values())

    def _expanded(self, whom: str, site_id: str, at_ms: int) -> list[tuple[str, str, str]]:
        kind, _, position = whom.partition(":")
        if kind != "duty":
            return [(whom, "", "")]
        site = self._roster.sites.get(site_id)
        if site is None:
            return []
        rosters = self._documents.get("duty_roster", {}).values()
        people = [duty for duty in on_duty_at(rosters, site_id, site.timezone, at_ms) if position in ("", duty.position)]
        return [
            (f"user:{duty.person.user_id}", "", "")
            if duty.person.user_id
            else (f"duty:{duty.roster_id}/{duty.person.id}", duty.person.phone, duty.person.email)
            for duty in people
        ]

    # -- alarms ----------------------------------------------------------------------------------------------------

    def follow(self, transition: Transition, at_ms: int) -> Products:
        products = Products()
        alarm, signal = transition.alarm, transition.signal
        climb = self.climbs.get(alarm.id)
        if climb is not None and not climbs(alarm):
            self._end(climb, at_ms, _why_not(alarm), products)
        elif signal.value in _CALLS:
            self._call(climb, transition, at_ms, products)
        elif climb is None:
            pass
        elif signal is Signal.ACKNOWLEDGED and climb.state == UNACKNOWLEDGED:
            self._acknowledged(climb, alarm, at_ms, products)
        elif signal is Signal.JUDGED and climb.state == UNVERIFIED:
            self._end(climb, at_ms, (f"verdict: {alarm.verdict}", "已核实"), products)
        elif signal is Signal.JUDGED:
            self._keep(replace(climb, is_judged=True), alarm, at_ms, products)
        elif alarm.ended_ms is not None:
            self._settle(climb, alarm, at_ms, products)
        return products

    def _call(self, climb: Climb | None, transition: Transition, at_ms: int, products: Products) -> None:
        """The alarm asks for attention. One that nobody has acknowledged goes on climbing when it is raised again."""
        alarm = transition.alarm
        goes_on = climb is not None and climb.state == UNACKNOWLEDGED and alarm.severity <= climb.severity
        if goes_on and transition.signal.value in _GOES_ON:
            return
        if alarm.attention is Attention.UNACKNOWLEDGED and climbs(alarm):
            self._begin(alarm, at_ms, products)

    def _begin(self, alarm: Alarm, at_ms: int, products: Products) -> None:
        policy = policy_for(self._documents.get(KIND, {}).values(), alarm)
        if policy is None:
            if (present := self.climbs.get(alarm.id)) is not None:
                self._end(present, at_ms, ("no policy fits it now", "没有适用的升级策略"), products)
            return
        schedule = _schedule(policy.unacknowledged)
        after_ms, index, _ = schedule[0] if schedule else (0, None, 0)
        step = policy.unacknowledged[index] if index is not None else None
        climb = Climb(
            alarm_id=alarm.id,
            site_id=alarm.site_id,
            policy_id=policy.id,
            policy_version=policy.version,
            policy_name=policy.name,
            policy_name_en=policy.name_en,
            severity=alarm.severity,
            episode=alarm.seq,
            since_ms=at_ms,
            next_ms=at_ms + after_ms if step else None,
            next_step=index,
            next_whom=step.whom if step else (),
            next_channels=step.channels if step else (),
        )
        self._keep(climb, alarm, at_ms, products)

    def _acknowledged(self, climb: Climb, alarm: Alarm, at_ms: int, products: Products) -> None:
        policy = self._policy(climb.policy_id)
        if climb.is_judged or policy is None or not policy.unverified:
            self._end(climb, at_ms, ("acknowledged", "已接警"), products)
            return
        late_ms = max(0, at_ms - climb.since_ms - policy.unverified[0].after_s * 1_000)
        self._keep(self._aimed(replace(climb, state=UNVERIFIED, place=0, late_ms=late_ms), policy), alarm, at_ms, products)

    def _settle(self, climb: Climb, alarm: Alarm, at_ms: int, products: Products) -> None:
        """The alarm has ended: the climb too, where nothing is owed any more or nothing would follow."""
        if (
            alarm.severity < Severity.HIGH
            or climb.next_ms is None
            or alarm.attention is not Attention.ACKNOWLEDGED
            or climb.state != UNVERIFIED
        ):
            self._end(climb, at_ms, ("the alarm has ended", "报警已结束"), products)

    # -- keeping it ------------------------------------------------------------------------------------------------

    def _policy(self, policy_id: str) -> Escalation | None:
        return self._documents.get(KIND, {}).get(policy_id)

    def _aimed(self, climb: Climb, policy: Escalation) -> Climb:
        """The climb with its next step, by the policy as it is."""
        schedule = _schedule(policy.ladder(climb.state))
        named: dict[str, Any] = {"policy_version": policy.version, "policy_name": policy.name, "policy_name_en": policy.name_en}
        if climb.place >= len(schedule):
            return replace(climb, **named, next_ms=None, next_step=None, next_whom=(), next_channels=())
        after_ms, index, _ = schedule[climb.place]
        step = policy.ladder(climb.state)[index]
        next_ms = climb.since_ms + after_ms + climb.late_ms
        return replace(climb, **named, next_ms=next_ms, next_step=index, next_whom=step.whom, next_channels=step.channels)

    def _keep(self, climb: Climb, alarm: Alarm, at_ms: int, products: Products) -> None:
        if climb.next_ms is None and alarm.ended_ms is not None:
            self._end(climb, at_ms, ("the alarm has ended, and every step was taken", "报警已结束，升级步骤已全部执行"), products)
            return
        self.climbs[climb.alarm_id] = climb
        if climb.next_ms is not None:
            heapq.heappush(self._heap, (climb.next_ms, climb.alarm_id))
        self._tell(climb, at_ms, products)

    def _end(self, climb: Climb, at_ms: int, why: tuple[str, str], products: Products) -> None:
        self.climbs.pop(climb.alarm_id, None)
        over = replace(climb, state=OVER, next_ms=None, next_step=None, next_whom=(), next_channels=(), reason=why[0], reason_zh=why[1])
        self._tell(over, at_ms, products)

    def _tell(self, climb: Climb, at_ms: int, products: Products) -> None:
        self._serial += 1
        products.facts.append(_fact(climb, at_ms, self._serial))

    # -- the rest of a section -------------------------------------------------------------------------------------

    def request(self, request: Any, at_ms: int) -> Products:
        raise AssertionError(f"escalation takes no {type(request).__name__}")

    def follow_order(self, step: Any, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        """A policy came, changed or went: climbs by it go on by what it says now, and what asks for attention without one begins."""
        products = Products()
        if kind != KIND:
            return products
        for climb in [climb for climb in self.climbs.values() if climb.policy_id == thing_id]:
            alarm, policy = self._book.get(climb.alarm_id), self._policy(thing_id)
            if alarm is None or policy is None or not policy.enabled:
                self._end(climb, at_ms, ("the policy was removed or disabled", "升级策略已删除或停用"), products)
                continue
            aimed = self._aimed(climb, policy)
            if aimed.next_ms is not None and aimed.next_ms < at_ms:
                aimed = replace(aimed, late_ms=aimed.late_ms + at_ms - aimed.next_ms, next_ms=at_ms)
            self._keep(aimed, alarm, at_ms, products)
        for alarm in list(self._book.open.values()):
            if alarm.id not in self.climbs and alarm.attention is Attention.UNACKNOWLEDGED and climbs(alarm):
                self._begin(alarm, at_ms, products)
        return products

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        """What fell due while the service stood still is due still, each step once."""
        return Products()

    def standing(self) -> Iterable[Fact]:
        return (_fact(climb, climb.told[-1].at_ms if climb.told else climb.since_ms, self._serial) for climb in self.climbs.values())

    def dump(self) -> EscalationState:
        return EscalationState(list(self.climbs.values()), self._serial, self._not_before_ms)

    def load(self, state: EscalationState) -> None:
        self.climbs = {climb.alarm_id: climb for climb in state.climbs}
        self._serial = state.serial
        self._not_before_ms = state.not_before_ms
        self._heap = [(climb.next_ms, climb.alarm_id) for climb in state.climbs if climb.next_ms is not None]
        heapq.heapify(self._heap)


@lru_cache(maxsize=256)
def _schedule(ladder: tuple[Step, ...]) -> list[tuple[int, int, int]]:
    """(ms after the alarm asked, step, repetition) of everything on a ladder, in the order of time."""
    return sorted(
        ((step.after_s + step.repeat_s * n) * 1_000, index, n) for index, step in enumerate(ladder) for n in range(step.repeats + 1)
    )


def _why_not(alarm: Alarm) -> tuple[str, str]:
    if alarm.suppression is not None:
        return f"suppressed: {alarm.suppression.reason}", f"已抑制：{alarm.suppression.reason_zh or alarm.suppression.reason}"
    return ("the alarm is a test", "测试报警") if alarm.is_test else ("the alarm came late", "补传报警")


def _fact(climb: Climb, at_ms: int, seq: int) -> Fact:
    return Fact(
        kind=KIND,
        id=climb.alarm_id,
        site_id=climb.site_id,
        state=climb.state,
        subject=f"alarm:{climb.alarm_id}",
        from_ms=climb.since_ms,
        changed_ms=at_ms,
        body=climb,
        is_over=climb.state == OVER,
        seq=seq,
    )
