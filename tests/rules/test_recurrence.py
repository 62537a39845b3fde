"""Counts of another rule's findings: the engine equals a slow reference however the input is cut, and stories of what counts and lapses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from reference import FAR, Reference
from test_engine_equals_reference import Engine, level_rules, make_plant, often, play, silence_rules, stories
from test_engine_stories import Bench, level_rule

from rules.engine import due_ms, pause, resume, step
from rules.findings import Edge, Finding
from rules.memory import Memory
from rules.model import Level, Rule, RuleKind, Schedule, Scope, Severity
from sites.calendars import Window
from sites.readings import Readings
from sites.roster import Roster


@dataclass
class Tally:
    rule: Rule
    cause: Finding
    raises_h: list[int] = field(default_factory=list)
    active: list[bool] = field(default_factory=list)
    since: list[tuple[int, int] | None] = field(default_factory=list)  # service time, and the clock on which the hold runs
    late: list[bool] = field(default_factory=list)


class CountingReference(Reference):
    """`Reference` for the rules that are counted, and every raise of each kept for ever in lists that are looked through."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pairs = [pair for pair in self.pairs if pair.rule.kind is not RuleKind.COUNT]
        self.counts = sorted((rule for rule in self.rules if rule.kind is RuleKind.COUNT), key=lambda rule: rule.id)
        self.tallies: dict[tuple[str, str], Tally] = {}

    def step(self, readings: Readings, until_ms: int) -> list[Finding]:
        return self.followed(super().step(readings, until_ms), self.now)

    def followed(self, made: list[Finding], now: int) -> list[Finding]:
        out: list[Finding] = []
        for finding in made:
            out += self.lapse(finding.fired_ms - 1 if finding.index < 0 else finding.fired_ms)
            out.append(finding)
            if finding.edge is Edge.RAISED:
                for rule in self.counts:
                    if rule.of == finding.rule_id and (not rule.scope.devices or finding.device_id in rule.scope.devices):
                        out += self.lapse(finding.fired_ms)
                        out += self.add(rule, finding)
        return out + self.lapse(now)

    def add(self, rule: Rule, finding: Finding) -> list[Finding]:
        levels = len(rule.levels)
        fresh = Tally(rule, finding, [], [False] * levels, [None] * levels, [False] * levels)
        tally = self.tallies.setdefault((rule.id, finding.subject), fresh)
        tally.raises_h.append(self.hearing(finding.fired_ms))
        return self.judge_count(tally, finding.fired_ms, finding.index, finding.is_late)

    def number(self, tally: Tally, now: int) -> int:
        return sum(1 for each in tally.raises_h if each > self.hearing(now) - round((tally.rule.window_s or 0) * 1000))

    def hold_ms(self, tally: Tally, at: int) -> int:
        level = tally.rule.levels[at]
        hold_s = tally.rule.hold_s if level.hold_s is None else level.hold_s
        return round((tally.rule.clear_hold_s if tally.active[at] else hold_s) * 1000)

    def hold_due(self, tally: Tally, at: int) -> int:
        since = tally.since[at]
        if since is None:
            return FAR
        due = since[1] + self.hold_ms(tally, at)
        return self.service(due) if tally.active[at] else due

    def lapse(self, until: int) -> list[Finding]:
        made: list[Finding] = []
        while True:
            waiting: list[tuple[int, str, str, int]] = []
            for (rule_id, subject), tally in self.tallies.items():
                window = round((tally.rule.window_s or 0) * 1000)
                for at in range(len(tally.active)):
                    waiting.append((self.hold_due(tally, at), rule_id, subject, 0))
                waiting += [(self.service(each + window), rule_id, subject, 1) for each in tally.raises_h]
            due, rule_id, subject, lapses = min(waiting, default=(FAR, "", "", 0))
            if due > until or due == FAR:
                return made
            tally = self.tallies[rule_id, subject]
            if lapses:
                tally.raises_h = [each for each in tally.raises_h if each != min(tally.raises_h)]
                made += self.judge_count(tally, due, -1, None)
                continue
            before, at_ms, late = self.level(tally), [], False
            for at in range(len(tally.active)):
                since = tally.since[at]
                if since is not None and self.hold_due(tally, at) == due:
                    at_ms.append(since[0] + self.hold_ms(tally, at))
                    late |= tally.late[at] and not tally.active[at]
                    tally.active[at], tally.since[at] = not tally.active[at], None
            made += self.show_count(tally, before, max(at_ms), due, late, -1)

    def judge_count(self, tally: Tally, now: int, index: int, late: bool | None) -> list[Finding]:
        before, at_ms = self.level(tally), []
        for at, level in enumerate(tally.rule.levels):
            number = len(tally.raises_h)
            if not (number < level.limit - level.deadband if tally.active[at] else number >= level.limit):
                tally.since[at] = None
                continue
            since = tally.since[at] or (now, self.hearing(now) if tally.active[at] else now)
            tally.since[at] = since
            if late is not None:
                tally.late[at] = late
            if self.hold_ms(tally, at) == 0:
                at_ms.append(since[0])
                tally.active[at], tally.since[at] = not tally.active[at], None
        return self.show_count(tally, before, max(at_ms), now, bool(late), index) if at_ms else []

    def level(self, tally: Tally) -> int:
        return max((at for at, active in enumerate(tally.active) if active), default=-1)

    def show_count(self, tally: Tally, before: int, at_ms: int, now: int, late: bool, index: int) -> list[Finding]:
        level = self.level(tally)
        if level == before:
            return []
        own = tally.rule.levels[level] if level >= 0 else None
        edge = Edge.CLEARED if own is None else Edge.RAISED if before < 0 else Edge.STEPPED
        return [
            replace(
                tally.cause,
                rule_id=tally.rule.id,
                rule_version=tally.rule.version,
                edge=edge,
                level=level,
                severity=own.severity if own else None,
                limit=own.limit if own else None,
                value=float(len(tally.raises_h)),
                at_ms=at_ms,
                fired_ms=now,
                is_late=late,
                index=index,
            )
        ]

    def availability(self, device_id: str, online: bool, now: int, retained: bool, made: list[Finding]) -> None:  # type: ignore[override]
        before = self.followed(self.run_clock(max(self.now, now)), max(self.now, now))
        made += before + self.followed(super().availability(device_id, online, now, retained), self.now)

    def pause(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += self.step(Readings.of([], [], [], []), now)
        super().pause(now)

    def resume(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += self.step(Readings.of([], [], [], []), now)
        super().resume(now)


def counting(of: str, *limits: float, **changes: Any) -> Rule:
    levels = tuple(Level(limit=limit, severity=Severity(2 + at)) for at, limit in enumerate(limits))
    return replace(Rule(id=f"count_{of}", name="often", kind=RuleKind.COUNT, levels=levels, window_s=60, of=of), **changes)


@st.composite
def rule_sets(draw: Any) -> list[Rule]:
    counted = [replace(draw(level_rules()), id="m_level"), replace(draw(silence_rules), id="y_silence")]
    made: list[Rule] = []
    for at in range(draw(st.integers(1, 3))):
        of = draw(st.sampled_from(["m_level", "m_level", "y_silence"]))
        limits = draw(st.sampled_from([(1.0,), (2.0,), (1.0, 3.0), (2.0, 3.0, 4.0)]))
        rule = counting(
            of,
            *limits,
            window_s=draw(st.sampled_from([1.0, 5.0, 20.0, 60.0])),
            hold_s=draw(st.sampled_from([0.0, 0.0, 2.0])),
            clear_hold_s=draw(st.sampled_from([0.0, 0.0, 3.0])),
            scope=draw(st.sampled_from([Scope(), Scope(), Scope(devices=("d0",))])),
        )
        deadband = draw(st.sampled_from([0.0, 1.0]))
        levels = tuple(replace(level, deadband=deadband) for level in rule.levels)
        made.append(replace(rule, id=draw(st.sampled_from(["a_", "z_"])) + f"count{at}", levels=levels))
    return counted + made


@settings(often, max_examples=150)
@given(rule_sets(), stories)
def test_the_engine_finds_what_the_reference_finds(rules: list[Rule], story: Any) -> None:
    roster: Roster = make_plant()
    assert play(story, Engine(roster, rules), lambda at: False) == play(story, CountingReference(roster, rules), lambda at: False)


@settings(often, max_examples=150)
@given(rule_sets(), stories, st.sets(st.integers(0, 39)), st.sampled_from([None, Engine.reloaded, Engine.edited]))
def test_cutting_dumping_and_editing_elsewhere_change_nothing(rules: list[Rule], story: Any, cuts: set[int], at_cut: Any) -> None:
    roster = make_plant()
    cut = play(story, Engine(roster, rules), cuts.__contains__, *([at_cut] if at_cut else []))
    assert cut == play(story, Engine(roster, rules), lambda at: False)


def often_rule(*limits: float, **changes: Any) -> Rule:
    return counting("lel", *limits, **changes)


def test_the_third_alarm_within_a_minute_raises_and_the_first_to_lapse_clears() -> None:
    bench = Bench(level_rule(25), often_rule(3))
    for at in (10, 12, 14):
        found = bench.read(at, 30)
        assert bench.read(at + 1, 0)
    assert found[1] == ("raised", 0, 14, 14)
    assert bench.wait(69.999) == []
    assert bench.wait(70) == [("cleared", -1, 70, 70)]


def test_nothing_lapses_while_the_service_is_deaf() -> None:
    bench = Bench(level_rule(25), often_rule(1))
    bench.read(10, 30)
    pause(bench.program, bench.memory, 20_000)
    assert bench.wait(500) == []
    resume(bench.program, bench.memory, 520_000)
    assert bench.wait(569.999) == []
    assert bench.wait(570) == [("cleared", -1, 570, 570)]


def test_an_edit_of_the_limit_keeps_what_was_counted() -> None:
    bench = Bench(level_rule(25), often_rule(3))
    for at in (10, 12):
        bench.read(at, 30)
        bench.read(at + 1, 0)
    bench.edit(level_rule(25), often_rule(2))
    found = bench.read(14, 30)
    assert ("raised", 0, 14, 14) in found
    assert len(found) == 2


def test_a_count_over_another_time_begins_anew() -> None:
    bench = Bench(level_rule(25), often_rule(2))
    bench.read(10, 30)
    bench.read(11, 0)
    bench.edit(level_rule(25), often_rule(2, window_s=50))
    assert len(bench.read(12, 30)) == 1


def flap(bench: Bench, at: float) -> Any:
    """One more alarm of the rule that is counted; what the count made of it."""
    found = bench.read(at, 30)
    bench.read(at + 0.5, 0)
    return found[1:]


def test_levels_step_up_with_each_raise_and_down_as_they_lapse() -> None:
    bench = Bench(level_rule(25), often_rule(1, 2, window_s=20))
    assert flap(bench, 10) == [("raised", 0, 10, 10)]
    assert flap(bench, 15) == [("stepped", 1, 15, 15)]
    assert bench.wait(30) == [("stepped", 0, 30, 30)]
    assert bench.wait(35) == [("cleared", -1, 35, 35)]
    assert bench.memory.recurrence is not None
    assert bench.memory.recurrence.dump().tallies == []


def test_a_hold_runs_by_the_clock_and_ends_when_the_count_falls_below() -> None:
    bench = Bench(level_rule(25), often_rule(1, hold_s=20))
    flap(bench, 10)
    assert bench.wait(29.999) == []
    assert bench.wait(30) == [("raised", 0, 30, 30)]
    bench = Bench(level_rule(25), often_rule(1, hold_s=60.001))
    flap(bench, 10)
    assert bench.wait(300) == []


def test_a_deadband_and_a_clear_hold_keep_the_alarm() -> None:
    rule = often_rule(2, window_s=20, clear_hold_s=5)
    rule = replace(rule, levels=tuple(replace(level, deadband=1.0) for level in rule.levels))
    bench = Bench(level_rule(25), rule)
    flap(bench, 10)
    assert flap(bench, 15) == [("raised", 0, 15, 15)]
    assert bench.wait(34.999) == []
    assert bench.wait(40) == [("cleared", -1, 40, 40)]


def test_a_late_raise_counts_and_what_it_raises_is_late() -> None:
    bench = Bench(level_rule(25), often_rule(1))
    batch = Readings.of([0], [50_000], [100_000], [60.0], [50_000])
    found = step(bench.program, bench.memory, batch, 100_000)
    assert [(finding.rule_id, finding.is_late) for finding in found] == [("lel", True), ("count_lel", True)]


def test_devices_outside_the_scope_are_not_counted() -> None:
    for devices, expected in ((("g",), [("raised", 0, 10, 10)]), (("h",), [])):
        assert flap(Bench(level_rule(25), often_rule(1, scope=Scope(devices=devices))), 10) == expected


def test_a_schedule_keeps_a_count_quiet_until_it_opens_and_ends_it() -> None:
    minute = 480  # eight o'clock in Shanghai, whose zone is taken without a site: time 0
    bench = Bench(level_rule(25), often_rule(1, window_s=600, schedule=Schedule(windows=(Window(minute + 1, minute + 2),))))
    assert flap(bench, 10) == []
    assert due_ms(bench.memory) == 60_000
    assert bench.wait(59.999) == []
    state = bench.memory.dump()
    bench.memory = Memory(bench.program)
    bench.memory.load(state)
    assert bench.wait(60) == [("raised", 0, 60, 60)]
    assert bench.wait(200) == [("cleared", -1, 120, 120)]


def test_an_edit_keeps_what_is_active_and_begins_a_hold_of_another_length_anew() -> None:
    bench = Bench(level_rule(25), often_rule(1, hold_s=20))
    flap(bench, 10)
    bench.edit(level_rule(25), often_rule(1, hold_s=30))
    assert bench.wait(40.499) == []
    assert bench.wait(50) == [("raised", 0, 40.5, 40.5)]  # 30 s from the edit on
    bench.edit(level_rule(25), often_rule(3, hold_s=30))
    assert bench.wait(69) == []
    assert bench.wait(75) == [("cleared", -1, 70, 70)]


def test_a_lower_limit_that_is_reached_already_raises_at_once() -> None:
    bench = Bench(level_rule(25), often_rule(3))
    flap(bench, 10)
    flap(bench, 15)
    bench.edit(level_rule(25), often_rule(2))
    assert bench.wait(16) == [("raised", 0, 15.5, 15.5)]


def test_a_finding_carries_the_count_and_the_level_that_it_reached() -> None:
    bench = Bench(level_rule(25), often_rule(1, 2))
    batch = Readings.of([0], [10_000], [10_000], [30.0])
    finding = step(bench.program, bench.memory, batch, 10_000)[1]
    assert (finding.subject, finding.device_id, finding.metric) == ("point:g:lel", "g", "lel")
    assert (finding.level, finding.severity, finding.limit, finding.value) == (0, Severity.LOW, 1.0, 1.0)
