"""The slow obvious original of the rule engine: one Python object for each (rule, point), one item after the other.

It shares with the engine the nouns (rules, findings, the roster) and nothing else: no arrays, no wheel, no bounds, no compilation. The
property tests hold the engine to it. Timers are found by looking at everything, every time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rules.findings import Edge, Finding
from rules.model import Direction, Rule, RuleKind
from sites.metrics import base_metric
from sites.model import Device, point_key
from sites.readings import RETAINED, STALE_RETAINED, Readings
from sites.roster import Roster, expected_interval_ms

FAR = 2**62


@dataclass
class LevelState:
    hold_ms: int
    active: bool = False
    since_taken: int | None = None  # of the running hold, up or down
    since_clock: int = 0
    late: bool = False
    ended: int | None = None  # device time at which its last activity began to end, or of the last one out of order


@dataclass
class PointRule:
    rule: Rule
    row: int
    device: Device
    metric: str
    key: int
    levels: list[LevelState]
    shown: int = -1


@dataclass
class PointState:
    taken: int | None = None
    heard_h: int = 0
    value: float = 0.0


@dataclass
class DeviceRule:
    rule: Rule
    device: Device
    limit_ms: int
    raised: bool = False


@dataclass
class DeviceState:
    heard_h: int | None = None
    offline: bool = False


@dataclass
class Reference:
    roster: Roster
    rules: list[Rule]
    now: int = -(2**63)
    lost: int = 0
    paused: int | None = None
    points: dict[int, PointState] = field(default_factory=dict)
    pairs: list[PointRule] = field(default_factory=list)
    watches: list[DeviceRule] = field(default_factory=list)
    devices: dict[str, DeviceState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rule in sorted(self.rules, key=lambda rule: rule.id):
            if not rule.enabled:
                continue
            if rule.kind is RuleKind.SILENCE:
                for device in self.roster.devices():
                    if covers(rule, device):
                        limit = int(rule.levels[0].limit * expected_interval_ms(device) + round(rule.hold_s * 1000))
                        self.watches.append(DeviceRule(rule, device, limit))
                continue
            for row in range(self.roster.size):
                device, metric = self.roster.device_of_row(row), self.roster.metric_of_row(row)
                if base_metric(metric) == rule.metric and covers(rule, device):
                    holds = [rule.hold_s if level.hold_s is None else level.hold_s for level in rule.levels]
                    states = [LevelState(round(hold * 1000)) for hold in holds]
                    self.pairs.append(PointRule(rule, row, device, metric, point_key(device.id, metric), states))
        self.points = {row: PointState() for row in range(self.roster.size)}
        self.devices = {device.id: DeviceState() for device in self.roster.devices()}

    # -- input -----------------------------------------------------------------------------------------------------

    def step(self, readings: Readings, until_ms: int) -> list[Finding]:
        made: list[Finding] = []
        for index in range(len(readings)):
            arrived = max(self.now, int(readings.arrived_ms[index]))
            made += self.run_clock(arrived)
            made += self.take(readings, index, arrived)
        return made + self.run_clock(max(self.now, until_ms))

    def availability(self, device_id: str, online: bool, now: int, retained: bool = False) -> list[Finding]:
        made = self.run_clock(max(self.now, now))
        state = self.devices[device_id]
        state.offline = not online
        if online and not retained:
            state.heard_h = self.hearing(self.now)
        for watch in self.watches:
            if watch.device.id != device_id:
                continue
            overdue = state.heard_h is not None and state.heard_h + watch.limit_ms <= self.hearing(self.now)
            if watch.raised != (state.offline or overdue or (watch.raised and not state.offline and overdue)):
                made.append(self.silence(watch, not watch.raised, self.now, -1))
        return made

    def pause(self, now: int) -> list[Finding]:
        made = self.run_clock(max(self.now, now))
        if self.paused is None:
            self.paused = self.now
        return made

    def resume(self, now: int) -> list[Finding]:
        made = self.run_clock(max(self.now, now))
        if self.paused is not None:
            self.lost += self.now - self.paused
            self.paused = None
        return made

    # -- clocks ----------------------------------------------------------------------------------------------------

    def hearing(self, at: int) -> int:
        return (at if self.paused is None else min(at, self.paused)) - self.lost

    def service(self, hearing_h: int) -> int:
        at = hearing_h + self.lost
        return FAR if self.paused is not None and at > self.paused else at

    def due(self, pair: PointRule, state: LevelState) -> int:
        if state.since_taken is None:
            return FAR
        overdue_h = self.points[pair.row].heard_h + gap_ms(pair.device)
        if not state.active:
            return min(state.since_clock + state.hold_ms, self.service(overdue_h))
        clear_h = state.since_clock + round(pair.rule.clear_hold_s * 1000)
        return self.service(clear_h) if clear_h <= overdue_h else FAR

    def watch_due(self, watch: DeviceRule) -> int:
        heard_h = self.devices[watch.device.id].heard_h
        return FAR if watch.raised or heard_h is None else self.service(heard_h + watch.limit_ms)

    def run_clock(self, until: int) -> list[Finding]:
        """Fire everything due by `until`, earliest first, of the same time by rule and key."""
        made: list[Finding] = []
        while True:
            waiting: list[tuple[int, str, int, PointRule | DeviceRule]] = []
            for pair in self.pairs:
                due = min(self.due(pair, state) for state in pair.levels)
                waiting.append((due, pair.rule.id, pair.key, pair))
            for watch in self.watches:
                waiting.append((self.watch_due(watch), watch.rule.id, point_key(watch.device.id, ""), watch))
            due, _, _, thing = min(waiting, key=lambda each: each[:3], default=(FAR, "", 0, None))
            if due > until or thing is None:
                break
            self.now = max(self.now, due)
            if isinstance(thing, DeviceRule):
                made.append(self.silence(thing, True, due, -1))
                continue
            at_ms, late = [], False
            for state in thing.levels:
                if self.due(thing, state) != due:
                    continue
                assert state.since_taken is not None
                if state.active:
                    at_ms.append(state.since_taken + round(thing.rule.clear_hold_s * 1000))
                    state.ended = state.since_taken
                else:
                    at_ms.append(state.since_taken + due - state.since_clock)
                    late |= state.late
                state.active, state.since_taken = not state.active, None
            made += self.show(thing, max(at_ms), self.now, self.points[thing.row].value, late, -1)
        self.now = max(self.now, until)
        return made

    # -- readings --------------------------------------------------------------------------------------------------

    def take(self, readings: Readings, index: int, arrived: int) -> list[Finding]:
        made: list[Finding] = []
        row, taken, value = int(readings.rows[index]), int(readings.taken_ms[index]), float(readings.values[index])
        delay, flags = int(readings.delay_ms[index]), int(readings.flags[index])
        device = self.roster.device_of_row(row)
        if not flags & RETAINED:
            self.devices[device.id].offline = False
            self.devices[device.id].heard_h = self.hearing(arrived)
            for watch in self.watches:
                if watch.device.id == device.id and watch.raised:
                    made.append(self.silence(watch, False, arrived, index))
        point = self.points[row]
        if flags & STALE_RETAINED or taken == point.taken:
            return made
        is_newest = point.taken is None or taken > point.taken
        broken = is_newest and point.taken is not None and taken - point.taken > gap_ms(device)
        if is_newest:
            point.taken, point.heard_h, point.value = taken, self.hearing(arrived), value
        for pair in self.pairs:
            if pair.row == row:
                made += self.judge(pair, index, taken, arrived, value, delay > lateness_ms(pair), is_newest, broken)
        return sorted(made, key=lambda finding: finding.rule_id)

    def judge(
        self, pair: PointRule, index: int, taken: int, arrived: int, value: float, late: bool, is_newest: bool, broken: bool
    ) -> list[Finding]:
        rule = pair.rule
        clear_ms = round(rule.clear_hold_s * 1000)
        at_ms, is_late, flashing = [], False, []
        for number, state in enumerate(pair.levels):
            met, back = condition(rule, number, value)
            if not is_newest:
                is_known = state.ended is not None and taken <= state.ended
                if met and not state.active and not late and state.hold_ms == 0 and not is_known:
                    flashing.append(state)
                continue
            if not state.active:
                if not met:
                    state.since_taken = None
                    continue
                if state.since_taken is None or broken:
                    state.since_taken, state.since_clock = taken, arrived
                state.late = late
                if taken - state.since_taken >= state.hold_ms:
                    at_ms.append(state.since_taken + state.hold_ms)
                    is_late |= late
                    state.active, state.since_taken = True, None
            elif not back or late:
                state.since_taken = None
            else:
                if state.since_taken is None or broken:
                    state.since_taken, state.since_clock = taken, self.hearing(arrived)
                if taken - state.since_taken >= clear_ms or self.hearing(arrived) - state.since_clock >= clear_ms:
                    at_ms.append(state.since_taken + clear_ms)
                    state.ended = state.since_taken
                    state.active, state.since_taken = False, None
        if flashing:
            for state in flashing:
                state.active = True
            made = self.show(pair, taken, arrived, value, True, index)
            for state in flashing:
                state.active, state.ended = False, taken
            return made + self.show(pair, taken, arrived, value, True, index)
        return self.show(pair, max(at_ms), arrived, value, is_late, index) if at_ms else []

    # -- findings --------------------------------------------------------------------------------------------------

    def show(self, pair: PointRule, at_ms: int, fired_ms: int, value: float, late: bool, index: int) -> list[Finding]:
        now = max((number for number, state in enumerate(pair.levels) if state.active), default=-1)
        before, pair.shown = pair.shown, now
        if now == before:
            return []
        level = pair.rule.levels[now] if now >= 0 else None
        return [
            Finding(
                rule_id=pair.rule.id,
                rule_version=pair.rule.version,
                subject=f"point:{pair.device.id}:{pair.metric}",
                device_id=pair.device.id,
                metric=pair.metric,
                edge=Edge.CLEARED if now < 0 else Edge.RAISED if before < 0 else Edge.STEPPED,
                level=now,
                severity=level.severity if level else None,
                limit=level.limit if level and pair.rule.kind is RuleKind.LEVEL else None,
                value=value,
                at_ms=at_ms,
                fired_ms=fired_ms,
                is_late=late,
                index=index,
            )
        ]

    def silence(self, watch: DeviceRule, raised: bool, at: int, index: int) -> Finding:
        watch.raised = raised
        level = watch.rule.levels[0]
        return Finding(
            rule_id=watch.rule.id,
            rule_version=watch.rule.version,
            subject=f"device:{watch.device.id}",
            device_id=watch.device.id,
            metric="",
            edge=Edge.RAISED if raised else Edge.CLEARED,
            level=0 if raised else -1,
            severity=level.severity if raised else None,
            limit=level.limit if raised else None,
            value=None,
            at_ms=at,
            fired_ms=self.now if raised else at,
            index=index,
        )


def covers(rule: Rule, device: Device) -> bool:
    scope = rule.scope
    own = (
        (scope.device_kinds, device.kind),
        (scope.sites, device.site_id),
        (scope.zones, device.zone_id),
        (scope.devices, device.id),
    )
    return all(not wanted or word in wanted for wanted, word in own)


def condition(rule: Rule, number: int, value: float) -> tuple[bool, bool]:
    """(met, back to normal)"""
    if rule.kind is RuleKind.STATE:
        return value in rule.states, value not in rule.states
    level = rule.levels[number]
    if rule.direction is Direction.ABOVE:
        return value >= level.limit, value < level.limit - level.deadband
    return value <= level.limit, value > level.limit + level.deadband


def gap_ms(device: Device) -> int:
    return int(2.5 * expected_interval_ms(device))


def lateness_ms(pair: PointRule) -> int:
    if pair.rule.lateness_s is not None:
        return round(pair.rule.lateness_s * 1000)
    return 600_000 if pair.device.link in ("lora", "nb") else 30_000


def without_index(found: list[Finding]) -> list[Finding]:
    """To compare runs that were cut differently: the place in a batch is the cut's own."""
    return [replace(finding, index=-1) for finding in found]
