"""The book of open alarms: exactly one for a (rule, subject), advanced by findings, by people and by the service itself.

`apply` takes what the engine found, `request` what a person asks, `raise_service` and `clear_service` what the service complains of;
each returns the transitions that came of it, in order, and `alarms.follow` is called with each of them afterwards. Only the scan writes
it. Ended alarms stay for a while: those that owe a verdict until they have it, others so that a note or a hazard still finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from alarms.birth import alarm_of_finding, alarm_of_service, is_in_test
from alarms.errors import IllegalTransition, UnknownAlarm
from alarms.lifecycle import Standing, advance, kept_open, standing_of, words
from alarms.model import Alarm, Attention, Condition, Signal, Suppression, Transition, Verdict
from alarms.replies import carried_out, refused
from alarms.requests import Acknowledge, BookRequest, Reset
from alarms.service_alarms import SERVICE_ALARMS, ServiceClear, ServiceRaise, service_rule_id
from alarms.suppression import PROOF_TEST, SHELVED, inhibition, inhibitor, is_silence, standing_on, strongest_first
from rules.findings import Edge, Finding
from rules.model import Rule, Severity
from sites.model import derived_id
from sites.roster import Roster

MOST_OWING = 10_000  # ended alarms kept because they owe a verdict
MOST_SETTLED = 1_000  # other ended alarms kept
MOST_REPEATS = 100_000
REPEATS_MS = 30 * 24 * 3_600_000  # occurrences of a subject are counted together while less than this lies between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """How often one rule raised on one subject, as long as it did not rest for 30 days."""

    count: int
    last_ms: int


@dataclass(slots=True)
class BookState:
    """What a snapshot keeps of the book."""

    open: list[Alarm] = field(default_factory=list)
    owing: list[Alarm] = field(default_factory=list)
    settled: list[Alarm] = field(default_factory=list)
    repeats: dict[str, Repeats] = field(default_factory=dict)


class Book:
    """`open`, `owing` and `settled` map ids to alarms, oldest entry first; outside they are read only."""

    def __init__(self) -> None:
        self.open: dict[str, Alarm] = {}
        self.owing: dict[str, Alarm] = {}  # ended, high or critical, without a verdict
        self.settled: dict[str, Alarm] = {}  # ended lately and owing nothing
        self.repeats: dict[str, Repeats] = {}
        self._id_of: dict[tuple[str, str], str] = {}
        self._ids_in_zone: dict[str, dict[str, None]] = {}
        self._silence_ids: dict[str, dict[str, None]] = {}  # by device
        self.worst: Callable[[Alarm], float | None] = lambda alarm: alarm.peak_value  # of all its readings: alarms.peaks
        self.suppressors: tuple[Callable[[Alarm], Iterable[Suppression]], ...] = ()  # what people have decided; asked before an alarm calls

    # -- reading it ------------------------------------------------------------------------------------------------

    def find(self, rule_id: str, subject: str) -> Alarm | None:
        """The open alarm of this rule on this subject."""
        alarm_id = self._id_of.get((rule_id, subject))
        return None if alarm_id is None else self.open[alarm_id]

    def get(self, alarm_id: str) -> Alarm | None:
        """An open alarm, or an ended one that is still kept."""
        return self.open.get(alarm_id) or self.owing.get(alarm_id) or self.settled.get(alarm_id)

    def in_zone(self, zone_id: str) -> Iterable[Alarm]:
        """Open alarms of the zone, oldest first. Also asked from other threads: copied first, and what ended meanwhile is left out."""
        return (alarm for alarm_id in tuple(self._ids_in_zone.get(zone_id, ())) if (alarm := self.open.get(alarm_id)) is not None)

    def each_in_zone(self, zone_id: str) -> Iterable[Alarm]:
        """The same, only for the scan: nothing is copied, so a look at the first few of very many costs little."""
        return map(self.open.__getitem__, self._ids_in_zone.get(zone_id, ()))

    def has_critical(self, zone_id: str) -> bool:
        """Whether a critical alarm is open in the zone, acknowledged or not: then nothing is restored there."""
        return any(alarm.severity >= Severity.CRITICAL for alarm in self.in_zone(zone_id))

    def occurrences(self, alarm: Alarm) -> int:
        """How often the alarm's rule raised on its subject without a rest of 30 days; at least the alarm's own count."""
        known = self.repeats.get(_repeats_key(alarm.rule_id, alarm.subject))
        return max(alarm.count, known.count if known else 0)

    # -- what the engine found -------------------------------------------------------------------------------------

    def apply(self, finding: Finding, rule: Rule, roster: Roster, now_ms: int) -> list[Transition]:
        """One edge. `rule` is the version that the engine ran. Edges that say nothing new (a rule compiled afresh raises what
        stands already) change nothing. `now_ms` is unused for times: a finding carries its own. A gateway's silence suppresses what is
        known of the devices behind it; their transitions come after its own."""
        present = self.find(finding.rule_id, finding.subject)
        if present is None:
            if finding.edge is Edge.CLEARED:
                return []
            begun = self._begin(self._born(alarm_of_finding(finding, rule, roster), roster), finding.value)
            return [begun, *self._inhibit_behind(begun.alarm, roster, finding.fired_ms)]
        signal = _signal_of(finding, present)
        if signal is None:
            return []
        changes: dict[str, Any] = {"value": finding.value}
        if signal is Signal.CLEARED:
            changes |= {"cleared_ms": finding.at_ms, "peak_value": self.worst(present)}
        else:
            changes |= {
                "severity": finding.severity,
                "level": finding.level,
                "limit": finding.limit,
                "peak_value": _peak(present, finding, rule),
                "is_late": finding.is_late,
                "is_test": is_in_test(roster, finding.device_id, finding.fired_ms),
                "rule_version": finding.rule_version,
            }
        if signal is Signal.RAISED:
            changes |= {"cleared_ms": None, "count": present.count + 1, "arrived_ms": finding.fired_ms, "progress": ()}
            self._count(present.rule_id, present.subject, finding.fired_ms)
        made = self._move(present, signal, finding.fired_ms, changes, roster, value=finding.value)
        return made + self._inhibit_behind(made[-1].alarm, roster, finding.fired_ms)

    def withdraw(
        self, now_ms: int, note: str, *, rule_id: str | None = None, device_id: str | None = None, alarm_ids: Collection[str] = ()
    ) -> list[Transition]:
        """Return every active alarm of a rule or a device (or these alarms) to normal because that is gone for good (deleted, switched off)
        and nothing else will ever clear them; what the service complains of about a circuit stays, and what a whole zone has, whose other
        devices are still there. People still acknowledge and reset them."""
        active = [a for a in self.open.values() if a.condition is Condition.ACTIVE and not a.subject.startswith("circuit:")]
        of_device = {a.id for a in active if a.device_id == device_id and not a.subject.startswith("zone:")}
        hit = [a for a in active if a.rule_id == rule_id or a.id in of_device or a.id in alarm_ids]
        return [self._change(a, Signal.CLEARED, now_ms, {"cleared_ms": now_ms}, note=note) for a in hit]

    def withdraw_whole(self, now_ms: int, note: str, note_zh: str, *, site_id: str) -> list[Transition]:
        """End every open alarm of a site that is gone: nobody is left there who could."""
        hit = [a for a in self.open.values() if a.site_id == site_id]
        return [self._change(a, Signal.WITHDRAWN, now_ms, _cleared(a, now_ms), note=note, note_zh=note_zh) for a in hit]

    def close_tested(self, alarms: Iterable[Alarm], now_ms: int) -> list[Transition]:
        """Their proof test is over and so is their condition: nobody needs to be called for what the tester did. They end as tests."""
        note, note_zh = "raised by a proof test, which is over", "检测试验引发，试验已结束"
        hit = [alarm for alarm in alarms if alarm.condition is Condition.NORMAL]
        return [self._change(alarm, Signal.WITHDRAWN, now_ms, {}, note=note, note_zh=note_zh) for alarm in hit]

    # -- suppression -----------------------------------------------------------------------------------------------

    def inhibit(self, roster: Roster, at_ms: int, device_ids: Iterable[str] | None = None) -> list[Transition]:
        """Suppress what is silent behind a lost gateway, bring back at once what no longer is. Of these devices, gateways before what is
        behind them; None: of all (a rule or a device was edited)."""
        if device_ids is None:
            device_ids = sorted(self._silence_ids, key=lambda device_id: (len(roster.gateways_of(device_id)), device_id))
        return self.review((alarm.id for device_id in list(device_ids) for alarm in self._silences(device_id)), roster, at_ms)

    def review(self, alarm_ids: Iterable[str], roster: Roster, at_ms: int, who: str | None = None) -> list[Transition]:
        """See anew what suppresses these open alarms, one after the other: what begins to, what no longer does, another cause. An alarm
        whose condition is over waits for people as it did, unless one of them shelves it."""
        made = []
        for alarm_id in list(alarm_ids):
            alarm = self.open.get(alarm_id)
            if alarm is None:
                continue
            causes, standing = self._causes(alarm, roster), standing_on(alarm)
            begins = alarm.condition is Condition.ACTIVE or standing or any(cause.kind == SHELVED for cause in causes)
            if causes and causes != standing and begins:
                made.append(self._suppress(alarm, causes, roster, at_ms, who))
            elif not causes and alarm.attention is Attention.SUPPRESSED:
                made.append(self._unsuppress(alarm, roster, at_ms, who))
        return made

    def _causes(self, alarm: Alarm, roster: Roster) -> tuple[Suppression, ...]:
        gateway = inhibitor(alarm, roster, self._silences)
        found = [] if gateway is None else [inhibition(gateway)]
        for suppressor in self.suppressors:
            found += suppressor(alarm)
        return strongest_first(found)

    def _inhibit_behind(self, alarm: Alarm, roster: Roster, at_ms: int) -> list[Transition]:
        return self.inhibit(roster, at_ms, roster.behind(alarm.device_id)) if is_silence(alarm) else []

    def _suppress(self, alarm: Alarm, causes: tuple[Suppression, ...], roster: Roster, at_ms: int, who: str | None = None) -> Transition:
        why = causes[0]
        says_so = is_in_test(roster, alarm.device_id, at_ms) if _in_proof(standing_on(alarm)) else alarm.is_test
        changes = {"suppression": why, "suppressions": causes, "is_test": says_so or _in_proof(causes)}
        return self._change(alarm, Signal.SUPPRESSED, at_ms, changes, who=who, note=why.reason, note_zh=why.reason_zh, value=alarm.value)

    def _unsuppress(self, alarm: Alarm, roster: Roster, at_ms: int, who: str | None = None) -> Transition:
        why = alarm.suppression
        note, note_zh = (f"{why.reason}: no longer", f"{why.reason_zh or why.reason}：已结束") if why else ("", "")
        changes = {"suppression": None, "suppressions": (), "is_test": is_in_test(roster, alarm.device_id, at_ms)}
        return self._change(alarm, Signal.UNSUPPRESSED, at_ms, changes, who=who, note=note, note_zh=note_zh, value=alarm.value)

    def _silences(self, device_id: str) -> list[Alarm]:
        """Open alarms of silence of a device."""
        return [self.open[alarm_id] for alarm_id in self._silence_ids.get(device_id, ())]

    # -- what time brings ------------------------------------------------------------------------------------------

    def uphold(self, alarm: Alarm, value: float | None, now_ms: int) -> list[Transition]:
        """A late alarm's point was measured in time, in alarm still: it is late no longer, and calls as if it were raised now."""
        note, note_zh = "measured in time now: no longer late", "已收到及时测量值，仍在报警，不再视为补传"
        changes = {"value": value, "is_late": False}
        return [self._change(alarm, Signal.UPHELD, now_ms, changes, note=note, note_zh=note_zh, value=value)]

    def uphold_tested(self, alarm: Alarm, now_ms: int) -> list[Transition]:
        """Its device is no longer being tested and it is in alarm still: it is no test, and calls as if it were raised now."""
        note, note_zh = "its device is no longer being tested, and it is still in alarm", "设备已退出测试状态，仍在报警"
        return [self._change(alarm, Signal.UPHELD, now_ms, {"is_test": False}, note=note, note_zh=note_zh, value=alarm.value)]

    def realarm(self, alarm: Alarm, now_ms: int, note: str, note_zh: str) -> list[Transition]:
        """It asks again, counted."""
        changes = {"realarms": alarm.realarms + 1}
        return [self._change(alarm, Signal.REALARMED, now_ms, changes, note=note, note_zh=note_zh, value=alarm.value)]

    def chatter(self, alarm: Alarm, now_ms: int, note: str, note_zh: str) -> list[Transition]:
        """It comes and goes. One that a person must reset anyway is only said to; any other does not end before it is quiet."""
        changes = {"is_chattering": not alarm.is_latched}
        return [self._change(alarm, Signal.CHATTERED, now_ms, changes, note=note, note_zh=note_zh, value=alarm.value)]

    def quiet(self, alarm: Alarm, now_ms: int, note: str, note_zh: str) -> list[Transition]:
        """It has stopped to come and go: what was kept open only for that ends."""
        return [self._change(alarm, Signal.QUIETED, now_ms, {}, note=note, note_zh=note_zh, value=alarm.value)]

    # -- what the service complains of -----------------------------------------------------------------------------

    def raise_service(self, wish: ServiceRaise, roster: Roster, now_ms: int) -> list[Transition]:
        """Let a service alarm stand. Standing already: stepped up when the wish is more severe, else nothing."""
        rule_id = service_rule_id(wish.code)
        severity = wish.severity or SERVICE_ALARMS[wish.code].severity
        present = self.find(rule_id, wish.subject)
        if present is None:
            return [self._begin(self._born(alarm_of_service(wish, severity, roster, now_ms), roster), wish.value, wish.note)]
        if present.condition is Condition.ACTIVE and severity <= present.severity:
            return []
        changes: dict[str, Any] = {"severity": severity, "level": int(severity), "value": wish.value}
        signal = Signal.STEPPED_UP
        if present.condition is Condition.NORMAL:
            signal = Signal.RAISED
            changes |= {"cleared_ms": None, "count": present.count + 1, "arrived_ms": now_ms, "progress": ()}
            self._count(rule_id, wish.subject, now_ms)
        return self._move(present, signal, now_ms, changes, roster, note=wish.note, value=wish.value)

    def clear_service(self, wish: ServiceClear, now_ms: int) -> list[Transition]:
        """Its condition is over; people still acknowledge it."""
        present = self.find(service_rule_id(wish.code), wish.subject)
        if present is None or present.condition is Condition.NORMAL:
            return []
        return [self._change(present, Signal.CLEARED, now_ms, {"cleared_ms": now_ms}, note=wish.note)]

    def mark_unrecorded(self, transition: Transition) -> Transition:
        """The same transition of an alarm that the journal does not have: it is shown as such until it ends."""
        alarm = replace(transition.alarm, is_unrecorded=True)
        for kept in (self.open, self.owing, self.settled):
            if alarm.id in kept:
                kept[alarm.id] = alarm
        return replace(transition, alarm=alarm)

    def replay(self, transition: Transition) -> None:
        """Take an alarm as one of its transitions left it, from the records: for looking at what was, in a book of its own."""
        alarm = transition.alarm
        if alarm.id in self.open or alarm.ended_ms is not None:
            self._keep(alarm)
        else:
            self._enter(alarm)
        if transition.signal is Signal.RAISED:
            self._count(alarm.rule_id, alarm.subject, transition.at_ms)

    # -- what people ask -------------------------------------------------------------------------------------------

    def request(self, request: BookRequest, now_ms: int) -> list[Transition]:
        """Carry out what a person asks, whole or not at all. Raises UnknownAlarm and IllegalTransition, naming every id that
        is in the way. Returned transitions are in the order of the ids asked for."""
        ids = tuple(dict.fromkeys(request.alarm_ids)) if isinstance(request, Acknowledge | Reset) else (request.alarm_id,)
        if not ids:
            raise IllegalTransition("no alarm was named; give at least one id")
        strangers = [alarm_id for alarm_id in ids if self.get(alarm_id) is None]
        if strangers:
            raise UnknownAlarm(f"no open alarm {', '.join(strangers)}; it may have ended, or never was; nothing was changed")
        alarms = [alarm for alarm in map(self.get, ids) if alarm is not None]
        refusals = [reason for alarm in alarms if (reason := refused(request, alarm)) is not None]
        if refusals:
            raise IllegalTransition("; ".join(refusals) + ("; nothing was changed" if len(alarms) > 1 else ""))
        transitions = []
        for alarm in alarms:
            signal, changes, words_of = carried_out(request, alarm, now_ms)
            transitions.append(self._change(alarm, signal, now_ms, changes, who=request.who, **words_of))
        return transitions

    # -- keeping it ------------------------------------------------------------------------------------------------

    def dump(self) -> BookState:
        return BookState(list(self.open.values()), list(self.owing.values()), list(self.settled.values()), dict(self.repeats))

    def load(self, state: BookState) -> None:
        """Replace everything by a dumped state."""
        self.open, self._id_of, self._ids_in_zone, self._silence_ids = {}, {}, {}, {}
        for alarm in state.open:
            self._enter(alarm)
        self.owing = {alarm.id: alarm for alarm in state.owing}
        self.settled = {alarm.id: alarm for alarm in state.settled}
        self.repeats = dict(state.repeats)

    # -- the only writers ------------------------------------------------------------------------------------------

    def _born(self, new: Alarm, roster: Roster) -> Alarm:
        """A new alarm with its id, under what suppresses it already."""
        causes = self._causes(new, roster)
        if causes:
            why = {"attention": Attention.SUPPRESSED, "suppression": causes[0], "suppressions": causes}
            new = replace(new, **why, is_test=new.is_test or _in_proof(causes))  # type: ignore[arg-type]
        return new if self.get(new.id) is None else replace(new, id=self._free_id(new))

    def _move(
        self, present: Alarm, signal: Signal, at_ms: int, changes: dict[str, Any], roster: Roster, **words_of: Any
    ) -> list[Transition]:
        """A raise or a step of an open alarm. What suppresses the alarm that it becomes is settled before it calls; what no longer does
        (a severity that may not be shelved) is let go first, or right after the raise of one that was normal."""
        if signal is Signal.CLEARED:
            return [self._change(present, signal, at_ms, changes, **words_of)]
        causes = self._causes(replace(present, condition=Condition.ACTIVE, **changes), roster)
        made: list[Transition] = []
        if causes and causes != standing_on(present):
            made.append(self._suppress(present, causes, roster, at_ms))
        elif not causes and present.attention is Attention.SUPPRESSED and present.condition is Condition.ACTIVE:
            made.append(self._unsuppress(present, roster, at_ms))
        if "is_test" in changes:
            changes["is_test"] = changes["is_test"] or _in_proof(causes)
        made.append(self._change(made[-1].alarm if made else present, signal, at_ms, changes, **words_of))
        if not causes and made[-1].alarm.attention is Attention.SUPPRESSED:
            made.append(self._unsuppress(made[-1].alarm, roster, at_ms))
        return made

    def _begin(self, alarm: Alarm, value: float | None, note: str = "") -> Transition:
        assert (alarm.rule_id, alarm.subject) not in self._id_of, "a second open alarm for one rule and subject"
        self._enter(alarm)
        self._count(alarm.rule_id, alarm.subject, alarm.arrived_ms)
        return Transition(alarm=alarm, signal=Signal.RAISED, at_ms=alarm.arrived_ms, note=note, value=value)

    def _change(
        self,
        alarm: Alarm,
        signal: Signal,
        at_ms: int,
        changes: Mapping[str, Any],
        *,
        who: str | None = None,
        value: float | None = None,
        **words_of: str,
    ) -> Transition:
        """The alarm after this signal, with the changed fields; the table must allow it: callers have asked before. `words_of`: the
        texts of the transition (note, note_zh, step, whom, phone)."""
        before = standing_of(alarm)
        after = advance(before, signal)
        assert isinstance(after, Standing), f"{signal} of alarm {alarm.id} while {words(before)}: {after}"
        fields = dict(changes)
        if signal in (Signal.WITHDRAWN, Signal.QUIETED):
            fields["is_chattering"] = False
        elif alarm.is_chattering:
            after = kept_open(after, before)
        if after.is_ended and alarm.ended_ms is None:
            fields["ended_ms"] = at_ms
            if alarm.verdict is None and _in_proof(standing_on(alarm)):
                fields["verdict"] = Verdict.TEST  # known without asking anybody
        if after.attention is Attention.UNACKNOWLEDGED and before.attention is not Attention.UNACKNOWLEDGED:
            fields |= {"acknowledged_ms": None, "acknowledged_by": None}  # it asks again: who took it before stands in its transitions
        if after.attention is Attention.UNACKNOWLEDGED and (signal in _ASKS or before.attention is not Attention.UNACKNOWLEDGED):
            fields["asked_ms"] = at_ms
            fields.setdefault("realarms", 0)
        changed = replace(
            alarm,
            condition=after.condition,
            attention=after.attention,
            needs_reset=after.needs_reset,
            changed_ms=at_ms,
            seq=alarm.seq + 1,
            **fields,
        )
        self._keep(changed)
        return Transition(alarm=changed, signal=signal, at_ms=at_ms, who=who, value=value, before=words(before), **words_of)

    def _enter(self, alarm: Alarm) -> None:
        self.open[alarm.id] = alarm
        self._id_of[alarm.rule_id, alarm.subject] = alarm.id
        self._ids_in_zone.setdefault(alarm.zone_id, {})[alarm.id] = None
        if is_silence(alarm):
            self._silence_ids.setdefault(alarm.device_id, {})[alarm.id] = None

    def _keep(self, alarm: Alarm) -> None:
        if alarm.ended_ms is None:
            self.open[alarm.id] = alarm
            return
        if self.open.pop(alarm.id, None) is not None:
            del self._id_of[alarm.rule_id, alarm.subject]
            _leave(self._ids_in_zone, alarm.zone_id, alarm.id)
            if is_silence(alarm):
                _leave(self._silence_ids, alarm.device_id, alarm.id)
        owes = alarm.severity >= Severity.HIGH and alarm.verdict is None
        kept, other, most = (self.owing, self.settled, MOST_OWING) if owes else (self.settled, self.owing, MOST_SETTLED)
        other.pop(alarm.id, None)
        kept[alarm.id] = alarm
        if len(kept) > most:
            del kept[next(iter(kept))]

    def _count(self, rule_id: str, subject: str, at_ms: int) -> None:
        key = _repeats_key(rule_id, subject)
        known = self.repeats.pop(key, None)
        rested = known is None or at_ms - known.last_ms >= REPEATS_MS
        self.repeats[key] = Repeats(count=1 if known is None or rested else known.count + 1, last_ms=at_ms)
        if len(self.repeats) > MOST_REPEATS:
            del self.repeats[next(iter(self.repeats))]

    def _free_id(self, alarm: Alarm) -> str:
        """The alarm's id from its cause; a second alarm of the very same cause, after the first ended, is numbered."""
        cause = ("alarm", alarm.rule_id, alarm.subject, alarm.raised_ms, alarm.arrived_ms)
        candidates = chain([derived_id(*cause)], (derived_id(*cause, n) for n in range(2, MOST_OWING + MOST_SETTLED + 3)))
        return next(candidate for candidate in candidates if self.get(candidate) is None)


_ASKS = frozenset({Signal.RAISED, Signal.STEPPED_UP, Signal.UNSUPPRESSED, Signal.UPHELD, Signal.REALARMED})


def _in_proof(causes: tuple[Suppression, ...]) -> bool:
    return any(cause.kind == PROOF_TEST for cause in causes)


def _cleared(alarm: Alarm, at_ms: int) -> dict[str, Any]:
    return {"cleared_ms": at_ms} if alarm.condition is Condition.ACTIVE else {}


def _leave(ids_by: dict[str, dict[str, None]], key: str, alarm_id: str) -> None:
    del ids_by[key][alarm_id]
    if not ids_by[key]:
        del ids_by[key]


def _repeats_key(rule_id: str, subject: str) -> str:
    return f"{rule_id}\x1f{subject}"


def _signal_of(finding: Finding, present: Alarm) -> Signal | None:
    """What this edge means to the alarm as it stands; None: nothing new."""
    if finding.edge is Edge.CLEARED:
        return Signal.CLEARED if present.condition is Condition.ACTIVE else None
    if present.condition is Condition.NORMAL:
        return Signal.RAISED
    assert finding.severity is not None, "a raised or stepped finding has a severity"
    was, now = (present.severity, present.level), (finding.severity, finding.level)
    return None if now == was else Signal.STEPPED_UP if now > was else Signal.STEPPED_DOWN


def _peak(present: Alarm, finding: Finding, rule: Rule) -> float | None:
    """The worst value so far, in the rule's direction."""
    values = [value for value in (present.peak_value, finding.value) if value is not None]
    if not values:
        return None
    return min(values) if rule.direction == "below" else max(values)
