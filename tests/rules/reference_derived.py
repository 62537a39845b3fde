"""The slow obvious original of the derived kinds: rate, window, count of readings, stuck and drift.

One Python object for each (rule, point) with the list of all readings that its window ever joined; what is in the window is found by
looking through the list, every time. It shares the nouns with the engine and nothing else: no arrays, no rings, no wheel, no running sums.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reference import FAR, covers, gap_ms

from rules.findings import Edge, Finding
from rules.model import DERIVED_KINDS, Direction, Rule, RuleKind, Statistic, Weighting
from sites.metrics import base_metric
from sites.model import Device, point_key
from sites.readings import STALE_RETAINED, Readings
from sites.roster import Roster

PARTS = 60
REMEMBERED = 32
ONE = 2**40  # values are summed as whole numbers and 2**-40ths


@dataclass
class Hold:
    hold_ms: int
    active: bool = False
    since_taken: int | None = None
    since_clock: int = 0
    late: bool = False


@dataclass
class Pair:
    rule: Rule
    row: int
    device: Device
    metric: str
    levels: list[Hold]
    shown: int = -1
    taken: int | None = None
    heard_h: int = 0
    late: bool = False
    value: float | None = None  # as last judged; None: unknown
    readings: list[tuple[int, float]] = field(default_factory=list)  # every one that was joined, in the order of joining
    head: int | None = None  # part that the window stands at
    since: int = 0
    anchor: float = 0.0
    learnt: int = 0

    @property
    def key(self) -> int:
        return point_key(self.device.id, self.metric)

    @property
    def window_ms(self) -> int:
        return round((self.rule.window_s or 0.0) * 1000)

    @property
    def part_ms(self) -> int:
        return (self.window_ms + PARTS - 1) // PARTS

    @property
    def is_window(self) -> bool:
        return self.rule.kind in (RuleKind.WINDOW, RuleKind.COUNT)

    @property
    def lateness_ms(self) -> int:
        if self.rule.lateness_s is not None:
            return round(self.rule.lateness_s * 1000)
        return 600_000 if self.device.link in ("lora", "nb") else 30_000

    def kept(self) -> list[tuple[int, float]]:
        """The readings in the window, by time."""
        assert self.head is not None
        return sorted(reading for reading in self.readings if reading[0] // self.part_ms > self.head - PARTS)


@dataclass
class DerivedReference:
    roster: Roster
    rules: list[Rule]
    now: int = -(2**63)
    lost: int = 0
    paused: int | None = None
    pairs: list[Pair] = field(default_factory=list)

    def __post_init__(self) -> None:
        for rule in self.rules:
            if rule.kind not in DERIVED_KINDS or rule.of or not rule.enabled:
                continue
            for row in range(self.roster.size):
                device, metric = self.roster.device_of_row(row), self.roster.metric_of_row(row)
                if base_metric(metric) == rule.metric and covers(rule, device):
                    holds = [rule.hold_s if level.hold_s is None else level.hold_s for level in rule.levels]
                    self.pairs.append(Pair(rule, row, device, metric, [Hold(round(hold * 1000)) for hold in holds]))
        self.pairs.sort(key=lambda pair: (pair.rule.id, pair.key))

    # -- input -----------------------------------------------------------------------------------------------------

    def step(self, readings: Readings, until_ms: int) -> list[Finding]:
        made: list[Finding] = []
        for index in range(len(readings)):
            arrived = max(self.now, int(readings.arrived_ms[index]))
            made += self.run_clock(arrived)
            if int(readings.flags[index]) & STALE_RETAINED:
                continue
            for pair in self.pairs:
                if pair.row == int(readings.rows[index]):
                    taken, value = int(readings.taken_ms[index]), float(readings.values[index])
                    made += self.take(pair, index, taken, arrived, value, int(readings.delay_ms[index]) > pair.lateness_ms)
        return made + self.run_clock(max(self.now, until_ms))

    def availability(self, device_id: str, online: bool, now: int, retained: bool = False) -> list[Finding]:
        return self.run_clock(max(self.now, now))

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

    def hold_due(self, pair: Pair, hold: Hold) -> int:
        if hold.since_taken is None:
            return FAR
        overdue_h = pair.heard_h + gap_ms(pair.device)
        if not hold.active:
            return min(hold.since_clock + hold.hold_ms, self.service(overdue_h))
        clear_h = hold.since_clock + round(pair.rule.clear_hold_s * 1000)
        return self.service(clear_h) if clear_h <= overdue_h else FAR

    def move(self, pair: Pair) -> tuple[int, int]:
        """When the window moves on by itself (service time), and to which device time."""
        if not pair.is_window or pair.taken is None or not pair.kept():
            return FAR, 0
        assert pair.head is not None
        is_timed = pair.rule.weighting is Weighting.TIME
        part = pair.head + 1 if is_timed else pair.kept()[0][0] // pair.part_ms + PARTS
        at = part * pair.part_ms
        if at - pair.taken > gap_ms(pair.device):
            return FAR, 0
        return self.service(pair.heard_h + at - pair.taken), at

    def run_clock(self, until: int) -> list[Finding]:
        """Everything due by `until`, earliest first; of the same time by rule and key, the holds of a pair before its window."""
        made: list[Finding] = []
        while True:
            waiting: list[tuple[int, str, int, int, int, Pair]] = []
            for pair in self.pairs:
                due = min(self.hold_due(pair, hold) for hold in pair.levels)
                waiting.append((due, pair.rule.id, pair.key, 0, 0, pair))
                due, at = self.move(pair)
                waiting.append((due, pair.rule.id, pair.key, 1, at, pair))
            due, _, _, is_move, at, pair = min(waiting, key=lambda each: each[:4])
            if due > until:
                break
            self.now = max(self.now, due)
            made += self.move_on(pair, at) if is_move else self.end_holds(pair, due)
        self.now = max(self.now, until)
        return made

    def end_holds(self, pair: Pair, due: int) -> list[Finding]:
        at_ms, late = [], False
        for hold in pair.levels:
            if self.hold_due(pair, hold) != due:
                continue
            assert hold.since_taken is not None
            if hold.active:
                at_ms.append(hold.since_taken + round(pair.rule.clear_hold_s * 1000))
            else:
                at_ms.append(hold.since_taken + due - hold.since_clock)
                late |= hold.late
            hold.active, hold.since_taken = not hold.active, None
        return self.show(pair, max(at_ms), self.now, late, -1)

    def move_on(self, pair: Pair, at: int) -> list[Finding]:
        pair.head = at // pair.part_ms
        pair.value = self.work_out(pair, at, 0.0)
        return self.judge(pair, -1, at, self.now, False)

    # -- readings --------------------------------------------------------------------------------------------------

    def take(self, pair: Pair, index: int, taken: int, arrived: int, value: float, late: bool) -> list[Finding]:
        kind, gap = pair.rule.kind, gap_ms(pair.device)
        if pair.taken is not None and taken <= pair.taken:
            if taken < pair.taken and not late:
                self.join_out_of_order(pair, taken, arrived, value)
            return []
        before = pair.taken
        is_gap = before is not None and taken - before > gap
        pair.taken, pair.heard_h, pair.late = taken, self.hearing(arrived), late
        if kind is RuleKind.STUCK:
            if before is None or is_gap or abs(value - pair.anchor) > pair.rule.tolerance:
                pair.anchor, pair.since = value, taken
        elif before is None or taken - before > pair.window_ms:
            pair.since = taken
        if pair.is_window or kind is RuleKind.RATE:
            part = taken // pair.part_ms
            pair.head = part if pair.head is None else max(pair.head, part)
            if part > pair.head - PARTS:
                pair.readings.append((taken, value))
        pair.value = self.work_out(pair, taken, value)
        made = self.judge(pair, index, taken, arrived, is_gap)
        if kind is RuleKind.DRIFT and not late and not any(hold.active or hold.since_taken is not None for hold in pair.levels):
            self.learn(pair, value, 0 if before is None else min(taken - before, gap))
        return made

    def join_out_of_order(self, pair: Pair, taken: int, arrived: int, value: float) -> None:
        if not (pair.is_window or pair.rule.kind is RuleKind.RATE):
            return
        assert pair.head is not None
        assert pair.taken is not None
        present = pair.taken + self.hearing(arrived) - pair.heard_h
        times = [reading[0] for reading in pair.readings]
        is_known = taken in times[-REMEMBERED:] or any(taken <= each for each in times[:-REMEMBERED])
        if taken // pair.part_ms > max(pair.head, present // pair.part_ms) - PARTS and not is_known:
            pair.readings.append((taken, value))

    def learn(self, pair: Pair, value: float, span: int) -> None:
        if pair.learnt == 0:
            pair.anchor = value
        else:
            pair.anchor = pair.anchor + (value - pair.anchor) * (span / (span + pair.learnt))
        pair.learnt = min(pair.learnt + span, pair.window_ms)

    def work_out(self, pair: Pair, at: int, value: float) -> float | None:
        """The derived value at device time `at`; `value` is the reading just taken."""
        rule = pair.rule
        covered_ms = round(rule.covered * pair.window_ms)
        if rule.kind is RuleKind.STUCK:
            return (at - pair.since) / 1000
        if rule.kind is RuleKind.DRIFT:
            return abs(value - pair.anchor) if pair.learnt > 0 and pair.learnt >= covered_ms else None
        kept = pair.kept()
        if rule.kind is RuleKind.RATE:
            first_ms, first = kept[0]
            if at == first_ms or at - first_ms < covered_ms:
                return None
            return (value - first) * (rule.per_s * 1000) / (at - first_ms)
        is_sum = rule.kind is RuleKind.COUNT or rule.statistic in (Statistic.SUM, Statistic.COUNT)
        if not (is_sum and rule.direction is Direction.ABOVE) and at - pair.since < covered_ms:
            return None
        if is_sum:
            return total([added(rule, each) for _, each in kept])
        if not kept:
            return None
        if rule.statistic is Statistic.MIN:
            return min(each for _, each in kept)
        if rule.statistic is Statistic.MAX:
            return max(each for _, each in kept)
        if rule.weighting is Weighting.TIME:
            return self.mean_over_time(pair, kept)
        return total([added(rule, each) for _, each in kept]) / len(kept)

    def mean_over_time(self, pair: Pair, kept: list[tuple[int, float]]) -> float | None:
        assert pair.head is not None
        sum_, parts, last = 0.0, 0, None
        for part in range(pair.head - PARTS + 1, pair.head + 1):
            own = [(taken, added(pair.rule, value)) for taken, value in kept if taken // pair.part_ms == part]
            if own:
                sum_ += total([value for _, value in own]) / len(own)
                parts += 1
                last = own[-1]
            elif last is not None and part * pair.part_ms - last[0] <= gap_ms(pair.device):
                sum_ += last[1]
                parts += 1
        return sum_ / parts if parts else None

    def judge(self, pair: Pair, index: int, at: int, now: int, is_gap: bool) -> list[Finding]:
        clear_ms = round(pair.rule.clear_hold_s * 1000)
        at_ms, is_late = [], False
        for number, hold in enumerate(pair.levels):
            met, back = condition(pair.rule, number, pair.value)
            if not hold.active:
                if not met:
                    hold.since_taken = None
                    continue
                if hold.since_taken is None or is_gap:
                    hold.since_taken, hold.since_clock = at, now
                hold.late = pair.late
                if at - hold.since_taken >= hold.hold_ms:
                    at_ms.append(hold.since_taken + hold.hold_ms)
                    is_late |= pair.late
                    hold.active, hold.since_taken = True, None
            elif not back or pair.late:
                hold.since_taken = None
            else:
                if hold.since_taken is None or is_gap:
                    hold.since_taken, hold.since_clock = at, self.hearing(now)
                if at - hold.since_taken >= clear_ms or self.hearing(now) - hold.since_clock >= clear_ms:
                    at_ms.append(hold.since_taken + clear_ms)
                    hold.active, hold.since_taken = False, None
        return self.show(pair, max(at_ms), now, is_late, index) if at_ms else []

    def show(self, pair: Pair, at_ms: int, fired_ms: int, late: bool, index: int) -> list[Finding]:
        now = max((number for number, hold in enumerate(pair.levels) if hold.active), default=-1)
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
                limit=level.limit if level else None,
                value=pair.value,
                at_ms=at_ms,
                fired_ms=fired_ms,
                is_late=late,
                index=index,
            )
        ]


def added(rule: Rule, value: float) -> float:
    """What a reading adds to its window."""
    is_tally = rule.kind is RuleKind.COUNT or rule.statistic in (Statistic.COUNT, Statistic.SHARE)
    if not is_tally:
        return value
    meets = rule.share_of
    if meets is None:
        return 1.0
    if meets.limit is None:
        return float(value in meets.states)
    return float(value >= meets.limit if meets.direction is Direction.ABOVE else value <= meets.limit)


def total(values: list[float]) -> float:
    whole = sum(round(value) for value in values)
    frac = sum(round((value - round(value)) * ONE) for value in values)
    return float(whole) + float(frac) / ONE


def condition(rule: Rule, number: int, value: float | None) -> tuple[bool, bool]:
    """(met, back to normal); neither of what is not known"""
    if value is None:
        return False, False
    level = rule.levels[number]
    if rule.direction is Direction.ABOVE:
        return value >= level.limit, value < level.limit - level.deadband
    return value <= level.limit, value > level.limit + level.deadband
