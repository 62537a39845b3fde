"""The book of open alarms: exactly one for a (rule, subject), advanced by findings, by people and by the service itself.

`apply` takes what the engine found, `request` what a person asks, `raise_service` and `clear_service` what the service complains of;
each returns the transitions that came of it, in order, and `alarms.follow` is called with each of them afterwards. Only the scan writes
it. Ended alarms stay for a while: those that owe a verdict until they have it, others so that a note or a hazard still finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from alarms.birth import alarm_of_finding, alarm_of_service, is_in_test
from alarms.errors import IllegalTransition, UnknownAlarm
from alarms.lifecycle import Standing, advance, standing_of, words
from alarms.model import Alarm, Attention, Condition, Signal, Transition
from alarms.replies import carried_out, refused
from alarms.requests import Acknowledge, AlarmRequest, Reset
from alarms.service_alarms import SERVICE_ALARMS, ServiceClear, ServiceRaise, service_rule_id
from alarms.suppression import INHIBITED, inhibition, inhibitor, is_silence
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
            new = alarm_of_finding(finding, rule, roster)
            cause = inhibitor(new, roster, self._silences)
            if cause is not None:
                new = replace(new, attention=Attention.SUPPRESSED, suppression=inhibition(cause))
            begun = self._begin(replace(new, id=self._free_id(new)), finding.value)
            return [begun, *self._inhibit_behind(begun.alarm, roster, finding.fired_ms)]
        signal = _signal_of(finding, present)
        if signal is None:
            return []
        changes: dict[str, Any] = {"value": finding.value}
        if signal is Signal.CLEARED:
            changes |= {"cleared_ms": finding.at_ms}
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
        made: list[Transition] = []
        if signal is Signal.RAISED:
            changes |= {"cleared_ms": None, "count": present.count + 1, "arrived_ms": finding.fired_ms}
            self._count(present.rule_id, present.subject, finding.fired_ms)
            cause = inhibitor(present, roster, self._silences)
            if cause is not None:  # before it calls again
                made.append(self._suppress(present, cause, finding.fired_ms))
                present = made[0].alarm
        made.append(self._change(present, signal, finding.fired_ms, changes, value=finding.value))
        return made + self._inhibit_behind(made[-1].alarm, roster, finding.fired_ms)

    def withdraw(self, now_ms: int, note: str, *, rule_id: str | None = None, device_id: str | None = None) -> list[Transition]:
        """Return every active alarm of a rule or a device to normal because that is gone for good (deleted) and nothing else will ever
        clear them; what the service complains of about a circuit stays. People still acknowledge and reset them."""
        active = [a for a in self.open.values() if a.condition is Condition.ACTIVE and not a.subject.startswith("circuit:")]
        hit = [a for a in active if a.rule_id == rule_id or (device_id is not None and a.device_id == device_id)]
        return [self._change(a, Signal.CLEARED, now_ms, {"cleared_ms": now_ms}, note=note) for a in hit]

    # -- suppression -----------------------------------------------------------------------------------------------

    def inhibit(self, roster: Roster, at_ms: int, device_ids: Iterable[str] | None = None) -> list[Transition]:
        """Suppress what is silent behind a lost gateway, bring back at once what no longer is. Of these devices, gateways before what is
        behind them; None: of all (a rule or a device was edited)."""
        if device_ids is None:
            device_ids = sorted(self._silence_ids, key=lambda device_id: (len(roster.gateways_of(device_id)), device_id))
        made = []
        for device_id in device_ids:
            for alarm in self._silences(device_id):
                cause = inhibitor(alarm, roster, self._silences)
                known = alarm.suppression.alarm_id if alarm.suppression else None
                if cause is not None and alarm.condition is Condition.ACTIVE and known != cause.id:
                    made.append(self._suppress(alarm, cause, at_ms))
                elif cause is None and alarm.suppression is not None and alarm.suppression.kind == INHIBITED:
                    note = f"{alarm.suppression.reason}: no longer"
                    made.append(self._change(alarm, Signal.UNSUPPRESSED, at_ms, {"suppression": None}, note=note, value=alarm.value))
        return made

    def _inhibit_behind(self, alarm: Alarm, roster: Roster, at_ms: int) -> list[Transition]:
        return self.inhibit(roster, at_ms, roster.behind(alarm.device_id)) if is_silence(alarm) else []

    def _suppress(self, alarm: Alarm, cause: Alarm, at_ms: int) -> Transition:
        why = inhibition(cause)
        return self._change(alarm, Signal.SUPPRESSED, at_ms, {"suppression": why}, note=why.reason, value=alarm.value)

    def _silences(self, device_id: str) -> list[Alarm]:
        """Open alarms of silence of a device."""
        return [self.open[alarm_id] for alarm_id in self._silence_ids.get(device_id, ())]

    def uphold(self, alarm: Alarm, value: float, now_ms: int) -> list[Transition]:
        """A late alarm's point was measured in time, in alarm still: it is late no longer, and asks for attention as if it had risen."""
        changes = {"value": value, "is_late": False}
        return [self._change(alarm, Signal.STEPPED_UP, now_ms, changes, note="measured in time now: no longer late", value=value)]

    # -- what the service complains of -----------------------------------------------------------------------------

    def raise_service(self, wish: ServiceRaise, roster: Roster, now_ms: int) -> list[Transition]:
        """Let a service alarm stand. Standing already: stepped up when the wish is more severe, else nothing."""
        rule_id = service_rule_id(wish.code)
        severity = wish.severity or SERVICE_ALARMS[wish.code].severity
        present = self.find(rule_id, wish.subject)
        if present is None:
            new = alarm_of_service(wish, severity, roster, now_ms)
            return [self._begin(replace(new, id=self._free_id(new)), wish.value, wish.note)]
        if present.condition is Condition.ACTIVE and severity <= present.severity:
            return []
        changes: dict[str, Any] = {"severity": severity, "level": int(severity), "value": wish.value}
        signal = Signal.STEPPED_UP
        if present.condition is Condition.NORMAL:
            signal = Signal.RAISED
            changes |= {"cleared_ms": None, "count": present.count + 1, "arrived_ms": now_ms}
            self._count(rule_id, wish.subject, now_ms)
        return [self._change(present, signal, now_ms, changes, note=wish.note, value=wish.value)]

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

    # -- what people ask -------------------------------------------------------------------------------------------

    def request(self, request: AlarmRequest, now_ms: int) -> list[Transition]:
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
            signal, note, changes = carried_out(request, now_ms)
            transitions.append(self._change(alarm, signal, now_ms, changes, who=request.who, note=note))
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
        note: str = "",
        value: float | None = None,
    ) -> Transition:
        """The alarm after this signal, with the changed fields; the table must allow it: callers have asked before."""
        before = standing_of(alarm)
        after = advance(before, signal)
        assert isinstance(after, Standing), f"{signal} of alarm {alarm.id} while {words(before)}: {after}"
        fields = dict(changes)
        if after.is_ended and alarm.ended_ms is None:
            fields["ended_ms"] = at_ms
        if after.attention is Attention.UNACKNOWLEDGED and before.attention is not Attention.UNACKNOWLEDGED:
            fields |= {"acknowledged_ms": None, "acknowledged_by": None}  # it asks again: who took it before stands in its transitions
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
        return Transition(alarm=changed, signal=signal, at_ms=at_ms, who=who, note=note, value=value, before=words(before))

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
