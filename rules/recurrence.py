"""How often another rule raised on the same subject within a time: `count` rules with `of`. The last part of the engine's step.

Findings are few, so this is one object for each (rule, subject) and no arrays. A raise counts from its `fired_ms` on for `window_s` of
hearing time: while the service is deaf nothing lapses. Levels, deadband, holds and schedule are as for readings, but there are no gaps and
nothing is ever overdue, since that nothing was found is known as long as the service hears. Late raises count, and what they raise is late.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from rules.compile import meaning
from rules.findings import Edge, Finding
from rules.inheritance import overridden
from rules.model import Rule, RuleKind, Scope
from rules.schedule import Gate, gate_of
from sites.model import Device

if TYPE_CHECKING:
    from rules.compile import Program

MOST_RAISES = 1_000  # raises kept for one subject, the newest; no limit is higher
_FAR = 2**62
_NEVER = -(2**63)


@dataclass(slots=True)
class Stand:
    """One level: whether it is active, and since when (service time of a rise, hearing time of a fall) a hold is running."""

    active: bool = False
    since_ms: int | None = None
    since_clock: int = 0
    is_late: bool = False


@dataclass(slots=True)
class TallyState:
    """One rule on one subject, as a dump keeps it."""

    rule_id: str
    subject: str
    device_id: str
    metric: str
    raises_h: list[int] = field(default_factory=list)
    stands: list[Stand] = field(default_factory=list)
    is_open: bool = True


@dataclass(slots=True)
class RecurrenceState:
    """A dump."""

    tallies: list[TallyState] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Told:
    """One rule on one subject, looked at. `stands` and `due_ms` (None: no hold is running) by level."""

    rule: Rule
    count: int
    is_open: bool
    stands: list[Stand]
    due_ms: list[int | None]
    newest_h: int | None  # when it was last counted up


class Recurrence:
    """The tallies of a program's rules."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.counting: dict[str, list[Rule]] = {}  # by the id of the rule whose raises are counted
        for rule in program.rules:
            if rule.kind is RuleKind.COUNT and rule.of:
                self.counting.setdefault(rule.of, []).append(rule)
        self._rules = {rule.id: rule for counting in self.counting.values() for rule in counting}
        self.now_ms = _NEVER
        self.lost_ms = 0
        self.paused_ms: int | None = None
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._heap: list[tuple[int, str, str]] = []

    def hear(self, lost_ms: int, paused_ms: int | None) -> None:
        """The hearing clock as it is from now on: call before every step."""
        if (lost_ms, paused_ms) != (self.lost_ms, self.paused_ms):
            self.lost_ms, self.paused_ms = lost_ms, paused_ms
            self._heap = []
            for tally in list(self._tallies.values()):
                self._keep(tally)

    def step(self, made: list[Finding], until_ms: int) -> list[Finding]:
        """The findings, with those that follow from how often they came each after its cause, and time up to `until_ms`."""
        out: list[Finding] = []
        for finding in made:
            out += self._run(finding.fired_ms - (finding.index < 0))
            out.append(finding)
            if finding.edge is Edge.RAISED and finding.rule_id in self.counting:
                out += self._run(finding.fired_ms)
                for rule in self.counting[finding.rule_id]:
                    out += self._count(rule, finding)
        out += self._run(until_ms)
        self.now_ms = max(self.now_ms, until_ms)
        return out

    def due_ms(self) -> int | None:
        """Nothing happens by time alone before this; None: never."""
        return self._heap[0][0] if self._heap else None

    def looked_at(self, rule_id: str, subject: str, device_id: str) -> Told | None:
        """How a rule stands on a subject, of a device; None: it counts nothing there."""
        tally = self._tallies.get((rule_id, subject))
        if tally is not None:
            return tally.told()
        own = self._rule_at(rule_id, device_id)
        if own is None:
            return None
        gate = self._gate_at(own, device_id)
        nothing = _Tally(self, own, subject, device_id, "", gate)
        nothing.is_open = gate is None or gate.is_open(self.now_ms)
        return nothing.told()

    def dump(self) -> RecurrenceState:
        """A copy of everything."""
        return RecurrenceState([tally.dump() for _, tally in sorted(self._tallies.items(), key=lambda each: each[0])])

    def load(self, state: RecurrenceState, now_ms: int, lost_ms: int, paused_ms: int | None, old: Recurrence | None = None) -> None:
        """Take over a dump. `old` made it, if its rules may be others than these: what was counted stays where what
        is counted is the same, a running hold where its level means the same, what is active at the most severe level there still is."""
        self.now_ms, self.lost_ms, self.paused_ms = now_ms, lost_ms, paused_ms
        for each in state.tallies:
            own = self._rule_at(each.rule_id, each.device_id)
            if own is None:
                continue
            before = (None if old is None else old._rule_at(each.rule_id, each.device_id)) or own
            tally = _Tally(self, own, each.subject, each.device_id, each.metric, self._gate_at(own, each.device_id))
            tally.stand_at(now_ms, each.is_open)
            if (before.of, before.window_s) == (own.of, own.window_s):
                tally.raises_h = list(each.raises_h)
            for number, stand in enumerate(each.stands):
                to = tally.stands[min(number, len(tally.stands) - 1)]
                to.active |= stand.active
                if _is_alike(before, own, number):
                    to.since_ms, to.since_clock, to.is_late = stand.since_ms, stand.since_clock, stand.is_late
            for number, stand in enumerate(tally.stands):
                is_met = len(tally.raises_h) >= own.levels[number].limit
                if tally.is_open and is_met and not stand.active and not _is_alike(before, own, number):
                    stand.since_ms = stand.since_clock = now_ms
            self._keep(tally)

    def _rule_at(self, rule_id: str, device_id: str) -> Rule | None:
        """The rule with the numbers of the place of a device; None where it does not count."""
        device, rule = self.program.roster.device(device_id), self._rules.get(rule_id)
        if rule is None or device is None or not _covers(rule.scope, device):
            return None
        own = overridden(rule, self.program.variants.inheritance.chain(rule.id, device))
        return own if own.enabled else None

    def _gate_at(self, rule: Rule, device_id: str) -> Gate | None:
        device = self.program.roster.device(device_id)
        return None if device is None else gate_of(rule, device.site_id, self.program.roster)

    def _count(self, rule: Rule, finding: Finding) -> list[Finding]:
        tally = self._tallies.get((rule.id, finding.subject))
        if tally is None:
            own = self._rule_at(rule.id, finding.device_id)
            if own is None:
                return []
            gate = self._gate_at(own, finding.device_id)
            tally = _Tally(self, own, finding.subject, finding.device_id, finding.metric, gate)
            tally.stand_at(finding.fired_ms, gate is None or gate.is_open(finding.fired_ms))
        tally.raises_h = [*tally.raises_h, tally.hearing(finding.fired_ms)][-MOST_RAISES:]
        made = tally.judge(finding.fired_ms, finding.index, finding.is_late)
        self._keep(tally)
        return made

    def _run(self, until_ms: int) -> list[Finding]:
        made: list[Finding] = []
        while self._heap and self._heap[0][0] <= until_ms:
            due_ms, *key = heappop(self._heap)
            tally = self._tallies.get((key[0], key[1]))
            if tally is None or tally.queued_ms != due_ms:
                continue
            due_ms = tally.due_ms()
            if due_ms <= until_ms:
                self.now_ms = max(self.now_ms, due_ms)
                made += tally.fire(due_ms, self.now_ms)
            self._keep(tally)
        return made

    def _keep(self, tally: _Tally) -> None:
        key = (tally.rule.id, tally.subject)
        if tally.is_empty():
            self._tallies.pop(key, None)
            return
        self._tallies[key] = tally
        tally.queued_ms = tally.due_ms()
        if tally.queued_ms != _FAR:
            heappush(self._heap, (tally.queued_ms, *key))


class _Tally:
    """How often, on one subject."""

    def __init__(self, owner: Recurrence, rule: Rule, subject: str, device_id: str, metric: str, gate: Gate | None) -> None:
        self.owner, self.rule, self.subject, self.device_id, self.metric, self.gate = owner, rule, subject, device_id, metric, gate
        self.window_ms = round((rule.window_s or 0.0) * 1000)
        self.clear_ms = round(rule.clear_hold_s * 1000)
        self.hold_ms = [round((rule.hold_s if level.hold_s is None else level.hold_s) * 1000) for level in rule.levels]
        self.raises_h: list[int] = []
        self.stands = [Stand() for _ in rule.levels]
        self.is_open = True
        self.turn_ms = _FAR  # when to look at the schedule again
        self.queued_ms = _FAR

    def hearing(self, at_ms: int) -> int:
        paused_ms = self.owner.paused_ms
        return (at_ms if paused_ms is None else min(at_ms, paused_ms)) - self.owner.lost_ms

    def stand_at(self, now_ms: int, is_open: bool) -> None:
        """The schedule was last found open or shut, and is looked at when it next turns: now, if it is not as it was found."""
        self.is_open = is_open
        should = self.gate is None or self.gate.is_open(now_ms)
        following = None if self.gate is None else self.gate.next_ms(now_ms)
        self.turn_ms = now_ms if should != is_open else _FAR if following is None else following

    def is_empty(self) -> bool:
        return not self.raises_h and not any(stand.active or stand.since_ms is not None for stand in self.stands)

    def due_ms(self) -> int:
        return min([self._lapse_ms(), self.turn_ms, *(self._hold_ms(number) for number in range(len(self.stands)))])

    def fire(self, due_ms: int, now_ms: int) -> list[Finding]:
        """What is due first: a turn of the schedule, holds, or a raise that lapses."""
        if self.turn_ms == due_ms:
            was_open, self.is_open = self.is_open, self.gate is None or self.gate.is_open(now_ms)
            self.stand_at(now_ms, self.is_open)
            if self.is_open:
                return [] if was_open else self.judge(now_ms, -1, False)
            was = self._level()
            self.stands = [Stand() for _ in self.stands]
            return self._show(was, now_ms, now_ms, False, -1)
        was, at_ms, late = self._level(), [], False
        for number, stand in enumerate(self.stands):
            if self._hold_ms(number) == due_ms:
                assert stand.since_ms is not None
                at_ms.append(stand.since_ms + (self.clear_ms if stand.active else self.hold_ms[number]))
                late |= stand.is_late and not stand.active
                stand.active, stand.since_ms = not stand.active, None
        if at_ms:
            return self._show(was, max(at_ms), now_ms, late, -1)
        self.raises_h = [each for each in self.raises_h if each > self.raises_h[0]]
        return self.judge(now_ms, -1, None)

    def judge(self, now_ms: int, index: int, is_late: bool | None) -> list[Finding]:
        """Let the levels follow the count as it is now. `is_late`: whether the raise just counted was; None: there was none."""
        if not self.is_open:
            return []
        was, count, at_ms = self._level(), len(self.raises_h), []
        for number, (level, stand) in enumerate(zip(self.rule.levels, self.stands, strict=True)):
            toggles = count < level.limit - level.deadband if stand.active else count >= level.limit
            if not toggles:
                stand.since_ms = None
                continue
            if stand.since_ms is None:
                stand.since_ms = now_ms
                stand.since_clock = self.hearing(now_ms) if stand.active else now_ms
            stand.is_late = stand.is_late if is_late is None else is_late
            hold_ms = self.clear_ms if stand.active else self.hold_ms[number]
            if hold_ms == 0:
                at_ms.append(stand.since_ms)
                stand.active, stand.since_ms = not stand.active, None
        return self._show(was, max(at_ms), now_ms, bool(is_late), index) if at_ms else []

    def dump(self) -> TallyState:
        stands = [Stand(stand.active, stand.since_ms, stand.since_clock, stand.is_late) for stand in self.stands]
        return TallyState(self.rule.id, self.subject, self.device_id, self.metric, list(self.raises_h), stands, self.is_open)

    def told(self) -> Told:
        """How it stands."""
        dues = [self._hold_ms(number) for number in range(len(self.stands))]
        due = [None if each == _FAR else each for each in dues]
        return Told(self.rule, len(self.raises_h), self.is_open, self.dump().stands, due, self.raises_h[-1] if self.raises_h else None)

    def _lapse_ms(self) -> int:
        return self._service(self.raises_h[0] + self.window_ms) if self.raises_h else _FAR

    def _hold_ms(self, number: int) -> int:
        stand = self.stands[number]
        if stand.since_ms is None:
            return _FAR
        return self._service(stand.since_clock + self.clear_ms) if stand.active else stand.since_clock + self.hold_ms[number]

    def _service(self, hearing_h: int) -> int:
        at_ms, paused_ms = hearing_h + self.owner.lost_ms, self.owner.paused_ms
        return _FAR if paused_ms is not None and at_ms > paused_ms else at_ms

    def _level(self) -> int:
        return max((number for number, stand in enumerate(self.stands) if stand.active), default=-1)

    def _show(self, was: int, at_ms: int, now_ms: int, is_late: bool, index: int) -> list[Finding]:
        now = self._level()
        if now == was:
            return []
        level = self.rule.levels[now] if now >= 0 else None
        return [
            Finding(
                rule_id=self.rule.id,
                rule_version=self.rule.version,
                subject=self.subject,
                device_id=self.device_id,
                metric=self.metric,
                edge=Edge.CLEARED if now < 0 else Edge.RAISED if was < 0 else Edge.STEPPED,
                level=now,
                severity=level.severity if level else None,
                limit=level.limit if level else None,
                value=float(len(self.raises_h)),
                at_ms=at_ms,
                fired_ms=now_ms,
                is_late=is_late,
                index=index,
            )
        ]


def _is_alike(old: Rule, new: Rule, level: int) -> bool:
    return level < min(len(old.levels), len(new.levels)) and meaning(old, level) == meaning(new, level)


def _covers(scope: Scope, device: Device) -> bool:
    own = ((scope.device_kinds, device.kind), (scope.sites, device.site_id), (scope.zones, device.zone_id), (scope.devices, device.id))
    return all(not wanted or word in wanted for wanted, word in own)
