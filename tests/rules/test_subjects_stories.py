"""The promises of rules over several points one by one, on a timeline.

Times in seconds; every device reports every 10 s, so that it is overdue after 25 s.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from rules.carry import carry
from rules.compile import compile, extend
from rules.engine import availability, due_ms, pause, resume, step
from rules.findings import Finding
from rules.memory import Memory
from rules.model import Direction, Level, LevelOverride, NodeKind, Override, Rule, RuleKind, Schedule, Scope, Severity
from rules.parse import parse_rules
from rules.subjects_explain import gate_truth, truth_of
from sites.calendars import Window
from sites.latest import apply_latest
from sites.model import Device, Site, Zone
from sites.readings import Readings
from sites.roster import Roster

POINTS = (("a", "z", "lel"), ("a", "z", "lel.2"), ("b", "z", "lel"), ("b", "z", "closed"), ("c", "y", "lel"), ("a", "z", "temperature"))


def rule(kind: RuleKind, **changes: Any) -> Rule:
    given: dict[str, Any] = {"id": "r", "name": "r", "levels": (Level(limit=0.0, severity=Severity.HIGH),)}
    return Rule(**(given | {"kind": kind} | changes))


def expression(text: str, over: str = "device", **changes: Any) -> Rule:
    return rule(RuleKind.EXPRESSION, expression=text, over=over, **changes)


def vote(*needed: int, deadband: float = 0.0, **changes: Any) -> Rule:
    severities = (Severity.HIGH, Severity.CRITICAL)
    levels = tuple(Level(limit=k, severity=s, deadband=deadband) for k, s in zip(needed, severities, strict=False))
    return rule(RuleKind.VOTE, **{"metric": "lel", "vote_limit": 25.0, "levels": levels, "over": "zone"} | changes)


def level(limit: float = 25.0, **changes: Any) -> Rule:
    return rule(RuleKind.LEVEL, **{"metric": "lel", "levels": (Level(limit=limit, severity=Severity.HIGH),)} | changes)


class Bench:
    def __init__(self, *rules: Rule) -> None:
        self.roster = Roster()
        self.roster.put(Site(id="s", enterprise_id="e", name="s", timezone="UTC"))
        for zone in ("z", "y"):
            self.roster.put(Zone(id=zone, site_id="s", name=zone))
        for name, zone, metric in POINTS:
            if name not in self.roster.device_rows:
                device = Device(id=name, site_id="s", zone_id=zone, name=name, kind="gas", codec="native", address=name, interval_s=10)
                self.roster.put(device)
            self.roster.add_point(name, metric)
        self.program = compile(rules, self.roster)
        self.memory = Memory(self.program)

    def read(self, at: float, **values: float) -> list[Any]:
        """`a_lel=30` is a reading of device a's metric lel; `_taken` and `_delay` are for all of them."""
        taken, delay = values.pop("_taken", at), values.pop("_delay", 0.0)
        names = [name.replace("__", ".").partition("_") for name in values]
        rows = [self.roster.point_row(device, metric) for device, _, metric in names]
        n = len(rows)
        batch = Readings.of(rows, [taken * 1000] * n, [at * 1000] * n, list(values.values()), [delay * 1000] * n)
        found = step(self.program, self.memory, batch, round(at * 1000))
        apply_latest(self.roster, batch)
        return tell(found)

    def wait(self, until: float) -> list[Any]:
        return tell(step(self.program, self.memory, Readings.of([], [], [], []), round(until * 1000)))

    def edit(self, *rules: Rule) -> None:
        program = compile(rules, self.roster)
        self.memory = carry(self.program, self.memory, program)
        self.program = program

    def reload(self) -> None:
        state, self.memory = self.memory.dump(), Memory(self.program)
        self.memory.load(state)


def tell(found: list[Finding]) -> list[Any]:
    return [(each.edge.value, each.subject, each.value, each.fired_ms / 1000) for each in found]


def test_two_detectors_of_a_zone_vote() -> None:
    bench = Bench(vote(2))
    assert bench.read(1, a_lel=30) == []
    assert bench.read(2, a_lel__2=30) == []  # the same detector
    assert bench.read(3, c_lel=30) == []  # another zone
    assert bench.read(4, b_lel=30) == [("raised", "zone:z", 2.0, 4)]
    assert bench.read(5, b_lel=0) == [("cleared", "zone:z", 1.0, 5)]


def test_a_vote_steps_with_the_number_and_falls_past_its_deadband() -> None:
    deaf = Level(limit=1, severity=Severity.HIGH), Level(limit=2, severity=Severity.CRITICAL, deadband=1)
    bench = Bench(vote(levels=deaf))
    assert bench.read(1, a_lel=30) == [("raised", "zone:z", 1.0, 1)]
    assert bench.read(2, b_lel=30) == [("stepped", "zone:z", 2.0, 2)]
    assert bench.read(3, b_lel=0) == []
    assert bench.read(4, a_lel=0) == []  # of its second point nothing is known: it may vote
    assert bench.read(5, a_lel__2=0) == [("cleared", "zone:z", 0.0, 5)]


def test_who_caused_a_zones_finding_is_told() -> None:
    bench = Bench(vote(2))
    bench.read(1, a_lel=30)
    found = step(bench.program, bench.memory, Readings.of([2], [4000], [4000], [30.0]), 4000)
    assert [(each.device_id, each.metric, each.limit) for each in found] == [("b", "lel", 2)]


def test_an_expression_over_a_device_looks_at_its_own_points() -> None:
    bench = Bench(expression("lel >= 25 %LEL and closed = 1"))
    assert bench.read(1, a_lel=30, b_lel=30) == []
    assert bench.read(2, b_closed=1) == [("raised", "device:b", 30.0, 2)]
    assert bench.read(3, b_closed=0) == [("cleared", "device:b", 30.0, 3)]


def test_unknown_neither_raises_nor_clears() -> None:
    bench = Bench(expression("lel >= 25 %LEL and closed = 1"))
    bench.read(1, b_lel=30)
    assert bench.read(2, b_closed=1) == [("raised", "device:b", 30.0, 2)]
    assert bench.wait(100) == []  # both overdue
    assert bench.read(101, b_lel=30) == []
    assert bench.read(102, b_closed=0) == [("cleared", "device:b", 30.0, 102)]
    assert bench.read(103, a_lel=30) == []


def test_a_known_maximum_is_over_its_limit_whatever_a_dead_detector_would_say() -> None:
    bench = Bench(expression("max(lel) >= 25 %LEL", over="zone"))
    assert bench.read(1, a_lel=30) == [("raised", "zone:z", 30.0, 1)]
    assert bench.read(2, a_lel=0) == []  # of the others nothing is known
    assert bench.read(3, a_lel__2=0, b_lel=0) == [("cleared", "zone:z", 0.0, 3)]


def test_a_hold_runs_by_the_clock_and_is_broken_by_the_condition() -> None:
    bench = Bench(expression("lel >= 25 %LEL", hold_s=5))
    assert bench.read(1, a_lel=30) == []
    assert bench.read(3, a_lel=0) == []
    assert bench.read(4, a_lel=30) == []
    assert bench.wait(8.9) == []
    assert bench.wait(20) == [("raised", "device:a", 30.0, 9)]


def test_a_backlog_of_one_device_confirms_a_hold_by_its_own_times() -> None:
    bench = Bench(expression("lel >= 25 %LEL", hold_s=5))
    assert bench.read(100, a_lel=30, _taken=50) == []
    assert bench.read(100, a_lel=30, _taken=56) == [("raised", "device:a", 30.0, 100)]


def test_a_gap_in_a_devices_times_begins_its_hold_anew() -> None:
    bench = Bench(expression("lel >= 25 %LEL", hold_s=20))
    assert bench.read(100, a_lel=30, _taken=50) == []
    assert bench.read(101, a_lel=30, _taken=76) == []  # 26 s without a reading
    assert bench.wait(120.9) == []
    assert bench.wait(122) == [("raised", "device:a", 30.0, 121)]


def test_times_of_two_devices_confirm_nothing() -> None:
    bench = Bench(expression("max(lel) >= 25 %LEL", over="zone", hold_s=5))
    assert bench.read(100, a_lel=30, _taken=50) == []
    assert bench.read(100, b_lel=30, _taken=56) == []
    assert bench.wait(106) == [("raised", "zone:z", 30.0, 105)]


def test_silence_while_a_hold_is_running_raises() -> None:
    bench = Bench(expression("lel >= 25 %LEL", hold_s=60))
    bench.read(10, a_lel=30)
    assert bench.wait(34.9) == []
    assert bench.wait(40) == [("raised", "device:a", None, 35)]


def test_silence_ends_a_running_clear_hold() -> None:
    bench = Bench(expression("lel >= 25 %LEL", clear_hold_s=20))
    bench.read(10, a_lel=30)
    assert bench.read(20, a_lel=0) == []
    assert bench.wait(39.9) == []
    assert bench.wait(50) == [("cleared", "device:a", 0.0, 40)]
    bench = Bench(expression("lel >= 25 %LEL", clear_hold_s=30))
    bench.read(10, a_lel=30)
    bench.read(20, a_lel=0)
    assert bench.wait(1000) == []


def test_a_late_reading_raises_marked_late_and_never_clears() -> None:
    bench = Bench(expression("max(lel) >= 25 %LEL", over="zone", scope=Scope(devices=("b",))))
    batch = Readings.of([2], [5_000], [3_605_000], [60.0], [3_600_000])
    found = step(bench.program, bench.memory, batch, 3_605_000)
    assert [(each.edge.value, each.is_late) for each in found] == [("raised", True)]
    assert bench.read(3606, b_lel=0, _taken=6, _delay=3600) == []
    assert bench.read(3607, b_lel=0) == [("cleared", "zone:z", 0.0, 3607)]


def test_what_is_out_of_order_or_comes_twice_changes_nothing() -> None:
    bench = Bench(expression("lel >= 25 %LEL"))
    bench.read(10, a_lel=0)
    assert bench.read(11, a_lel=60, _taken=5) == []
    assert bench.read(12, a_lel=60, _taken=10) == []
    assert bench.read(13, a_lel=60) == [("raised", "device:a", 60.0, 13)]


def test_for_holds_within_a_condition() -> None:
    bench = Bench(expression("for(lel >= 25 %LEL, 5 s) and temperature > 60 °C"))
    bench.read(1, a_lel=30, a_temperature=70)
    assert bench.wait(5.9) == []
    assert bench.wait(10) == [("raised", "device:a", 30.0, 6)]
    assert bench.read(11, a_lel=0) == [("cleared", "device:a", 0.0, 11)]


def test_what_is_due_between_quiet_readings_shows_what_was_known_then() -> None:
    bench = Bench(expression("for(max(lel) >= 25 %LEL, 5 s)", over="zone"))
    a, b = bench.roster.point_row("a", "lel"), bench.roster.point_row("b", "lel")
    story = [(a, 1, 30.0), (b, 2, 3.0), (a, 3, 31.0), *((b, at, 3.0) for at in range(7, 20)), (a, 20, 32.0)]
    rows, seconds, values = zip(*story, strict=True)
    times = [at * 1000 for at in seconds]
    (found,) = step(bench.program, bench.memory, Readings.of(rows, times, times, values), 20_000)
    assert (found.fired_ms, found.value, found.device_id) == (6_000, 31.0, "a")


def test_heard_of_becomes_false_by_silence() -> None:
    bench = Bench(expression("not heard(lel)"))
    assert sorted(each[:2] for each in bench.wait(1)) == [("raised", f"device:{name}") for name in "abc"]  # never heard is not heard
    assert bench.read(2, a_lel=0) == [("cleared", "device:a", None, 2)]
    assert bench.wait(26.9) == []
    assert bench.wait(30) == [("raised", "device:a", None, 27)]


def test_previous_is_the_value_before() -> None:
    bench = Bench(expression("temperature - previous(temperature) >= 5 °C"))
    assert bench.read(1, a_temperature=20) == []
    assert bench.read(2, a_temperature=24) == []
    assert bench.read(3, a_temperature=29) == [("raised", "device:a", 5.0, 3)]
    assert bench.read(4, a_temperature=30) == [("cleared", "device:a", 1.0, 4)]


def test_a_rate_is_known_after_half_its_span() -> None:
    bench = Bench(expression("rate(temperature, 20 s) >= 6 °C/min"))
    assert bench.read(0, a_temperature=20) == []
    assert bench.read(9, a_temperature=30) == []
    assert bench.read(10, a_temperature=21) == [("raised", "device:a", 6.0, 10)]
    assert bench.read(20, a_temperature=21.9) == [("cleared", "device:a", (21.9 - 20) / 20_000 * 60_000, 20)]
    assert bench.read(30, a_temperature=23) == [("raised", "device:a", 6.0, 30)]  # 21 at 10 s is the oldest now


def test_a_number_has_levels() -> None:
    levels = tuple(Level(limit=limit, severity=severity, deadband=2) for limit, severity in ((40, Severity.HIGH), (60, Severity.CRITICAL)))
    bench = Bench(expression("temperature", levels=levels))
    assert bench.read(1, a_temperature=39.9) == []
    assert bench.read(2, a_temperature=60) == [("raised", "device:a", 60.0, 2)]
    assert bench.read(3, a_temperature=58) == []
    assert bench.read(4, a_temperature=57.9) == [("stepped", "device:a", 57.9, 4)]
    assert bench.read(5, a_temperature=37.9) == [("cleared", "device:a", 37.9, 5)]
    low = expression("temperature", direction=Direction.BELOW, levels=(Level(limit=5, severity=Severity.LOW, deadband=1),))
    bench = Bench(low)
    assert bench.read(1, a_temperature=5) == [("raised", "device:a", 5.0, 1)]
    assert bench.read(2, a_temperature=6) == []
    assert bench.read(3, a_temperature=6.1) == [("cleared", "device:a", 6.1, 3)]


def test_an_expression_looks_at_the_alarms_of_other_rules() -> None:
    bench = Bench(level(id="gas"), expression("alarm(gas) and temperature >= 60 °C", id="hot"))
    assert bench.read(1, a_temperature=70) == []
    assert bench.read(2, a_lel=30) == [("raised", "point:a:lel", 30.0, 2), ("raised", "device:a", 70.0, 2)]
    assert bench.read(3, a_lel=0) == [("cleared", "point:a:lel", 0.0, 3), ("cleared", "device:a", 70.0, 3)]


def test_an_expression_over_a_zone_looks_at_alarms_of_votes_and_devices() -> None:
    bench = Bench(vote(2, id="votes"), expression("alarm(votes)", over="zone", id="seen"), expression("alarm(votes)", id="there"))
    bench.read(1, a_lel=30)
    assert sorted(each[1] for each in bench.read(2, b_lel=30)) == ["device:a", "device:b", "zone:z", "zone:z"]
    assert sorted(each[1] for each in bench.read(3, b_lel=0)) == ["device:a", "device:b", "zone:z", "zone:z"]


def test_an_expression_looks_at_silence() -> None:
    silent = rule(RuleKind.SILENCE, id="gone", levels=(Level(limit=2.5, severity=Severity.LOW),))
    bench = Bench(silent, expression("alarm(gone) and closed = 0", id="x"), expression("alarm(gone)", id="y"))
    bench.read(1, a_lel=1)
    assert bench.wait(25.9) == []
    assert bench.wait(30) == [("raised", "device:a", None, 26), ("raised", "device:a", None, 26)]
    assert bench.read(31, a_lel=1) == [("cleared", "device:a", None, 31), ("cleared", "device:a", None, 31)]
    assert tell(availability(bench.program, bench.memory, "a", False, 32_000)) == [("raised", "device:a", None, 32)] * 2
    assert tell(availability(bench.program, bench.memory, "a", True, 33_000)) == [("cleared", "device:a", None, 33)] * 2


def test_who_closes_a_circle_of_alarms_does_not_know() -> None:
    bench = Bench(expression("alarm(b) or lel >= 25 %LEL", id="a"), expression("not alarm(a)", id="b"))
    assert bench.wait(1) == []
    assert bench.read(2, a_lel=30) == [("raised", "device:a", 30.0, 2)]
    assert bench.read(3, a_lel=0) == [("cleared", "device:a", 0.0, 3)]


def test_only_while_gates_a_level_of_a_point() -> None:
    bench = Bench(level(only_while="closed = 1"))
    assert bench.read(1, b_lel=30) == []
    assert bench.read(2, b_closed=1) == [("raised", "point:b:lel", 30.0, 2)]
    assert bench.read(3, b_closed=0) == [("cleared", "point:b:lel", 30.0, 3)]
    assert bench.read(4, b_lel=0, b_closed=1) == []
    assert bench.read(5, b_lel=30) == [("raised", "point:b:lel", 30.0, 5)]


def test_only_while_looks_at_the_channel_of_its_own_point() -> None:
    bench = Bench(level(only_while="closed = 1"))
    for name in ("closed", "closed.2", "lel.2.l1", "lel.3"):
        bench.roster.add_point("a", name)
    extend(bench.program, bench.roster, bench.program.rows)
    assert bench.read(1, a_lel=30, a_lel__2=30, a_lel__2__l1=30, a_lel__3=30) == []
    assert [each[1] for each in bench.read(2, a_closed=1)] == ["point:a:lel.3", "point:a:lel"]  # the third channel has none of its own
    bench.reload()
    assert sorted(each[1] for each in bench.read(3, a_closed__2=1)) == ["point:a:lel.2", "point:a:lel.2.l1"]
    assert sorted(each[1] for each in bench.read(4, a_closed__2=0)) == ["point:a:lel.2", "point:a:lel.2.l1"]


def test_the_shipped_rule_of_low_voltage_is_quiet_behind_an_open_switch() -> None:
    file = Path(__file__).parents[2] / "rules" / "sets" / "electrical.yaml"
    (low,) = [rule for rule in parse_rules(yaml.safe_load(file.read_text("utf-8"))) if rule.id == "voltage_low"]
    bench = Bench(replace(low, hold_s=0, scope=Scope()))
    for name in ("voltage_v", "voltage_v.2", "closed.2"):
        bench.roster.add_point("a", name)
    extend(bench.program, bench.roster, bench.program.rows)
    assert bench.read(1, a_voltage_v=100) == [("raised", "point:a:voltage_v", 100.0, 1)]  # a meter without a switch
    assert bench.read(2, a_closed__2=0, a_voltage_v__2=0) == []
    assert bench.read(3, a_closed__2=1) == [("raised", "point:a:voltage_v.2", 0.0, 3)]
    assert bench.read(4, a_closed__2=0) == [("cleared", "point:a:voltage_v.2", 0.0, 4)]


def test_only_while_begins_the_hold_when_it_becomes_true() -> None:
    bench = Bench(level(only_while="closed = 1", hold_s=10))
    bench.read(1, b_lel=30)
    bench.read(10, b_lel=30)
    assert bench.read(12, b_closed=1) == []
    assert bench.read(20, b_lel=30) == []
    assert bench.wait(21.9) == []
    assert bench.wait(25) == [("raised", "point:b:lel", 30.0, 22)]


def test_only_while_that_becomes_unknown_keeps_what_is() -> None:
    bench = Bench(level(only_while="closed = 1"))
    bench.read(1, b_closed=1)
    assert bench.wait(100) == []
    assert bench.read(101, b_lel=30) == [("raised", "point:b:lel", 30.0, 101)]
    assert bench.wait(200) == []


def test_only_while_with_several_readings_at_one_moment_counts_in_their_order() -> None:
    bench = Bench(level(only_while="closed = 1"))
    rows = [bench.roster.point_row("b", metric) for metric in ("lel", "closed", "closed", "closed")]
    found = step(bench.program, bench.memory, Readings.of(rows, [1000, 1000, 1001, 1002], [2000] * 4, [30.0, 1, 0, 1]), 2000)
    assert [(each.edge.value, each.index) for each in found] == [("raised", 1), ("cleared", 2), ("raised", 3)]


def stuck(**changes: Any) -> Rule:
    return rule(RuleKind.STUCK, **{"metric": "lel", "levels": (Level(limit=8, severity=Severity.LOW),)} | changes)


def test_only_while_gates_a_derived_value() -> None:
    bench = Bench(stuck(only_while="closed = 1"))
    bench.read(0, b_lel=5)
    bench.read(9, b_lel=5)
    assert bench.read(10, b_closed=1) == [("raised", "point:b:lel", 9.0, 10)]
    assert bench.read(12, b_closed=0) == [("cleared", "point:b:lel", 9.0, 12)]
    bench.reload()
    assert bench.read(13, b_lel=5) == []
    assert bench.read(14, b_closed=1) == [("raised", "point:b:lel", 13.0, 14)]


def test_only_while_an_alarm_gates_a_derived_value() -> None:
    silent = rule(RuleKind.SILENCE, id="gone", levels=(Level(limit=2.5, severity=Severity.LOW),), scope=Scope(devices=("a",)))
    hot = level(id="hot", metric="temperature", limit=60)
    bench = Bench(stuck(id="s", only_while="alarm(hot) or alarm(gone)"), hot, silent)
    bench.read(0, a_lel=5)
    bench.read(9, a_lel=5)
    assert sorted(each[1] for each in bench.read(10, a_temperature=70)) == ["point:a:lel", "point:a:temperature"]
    assert sorted(each[1] for each in bench.read(11, a_temperature=20)) == ["point:a:lel", "point:a:temperature"]
    found = tell(availability(bench.program, bench.memory, "a", False, 12_000))
    assert [each[:2] for each in found] == [("raised", "device:a"), ("raised", "point:a:lel")]


def test_only_while_another_alarm_is_active() -> None:
    bench = Bench(level(id="hot", metric="temperature", limit=60), level(id="gas", only_while="alarm(hot)"))
    assert bench.read(1, a_lel=30) == []
    found = bench.read(2, a_temperature=70)
    assert [each[:2] for each in found] == [("raised", "point:a:lel"), ("raised", "point:a:temperature")]
    assert [each[:2] for each in bench.read(3, a_temperature=0)] == [("cleared", "point:a:lel"), ("cleared", "point:a:temperature")]


def test_only_while_gates_a_vote() -> None:
    bench = Bench(vote(1, only_while="max(temperature) >= 60 °C"))
    assert bench.read(1, a_lel=30) == []
    assert bench.read(2, a_temperature=70) == [("raised", "zone:z", 1.0, 2)]
    assert bench.read(3, a_temperature=20) == [("cleared", "zone:z", 1.0, 3)]


def test_a_schedule_gates_an_expression() -> None:
    bench = Bench(expression("lel >= 25 %LEL", schedule=Schedule(windows=(Window(60, 120),))))  # 01:00 to 02:00
    assert bench.read(3590, a_lel=30) == []
    assert bench.wait(3600) == [("raised", "device:a", 30.0, 3600)]
    assert bench.read(7190, a_lel=30) == []
    assert bench.wait(7300) == [("cleared", "device:a", 30.0, 7200)]


def test_unknown_points_stay_known_while_the_service_is_deaf() -> None:
    bench = Bench(expression("for(not heard(lel), 1 s)"))
    bench.wait(1)
    bench.read(2, a_lel=1)
    pause(bench.program, bench.memory, 10_000)
    assert bench.wait(5000) == []
    resume(bench.program, bench.memory, 5_000_000)
    assert bench.wait(5017.9) == []
    assert bench.wait(5020) == [("raised", "device:a", None, 5018)]


def test_a_new_rule_raises_what_is_true_already() -> None:
    bench = Bench(level())
    bench.read(1, a_lel=30, b_lel=30, a_lel__2=0)
    bench.edit(level(), vote(2, id="v"), expression("lel >= 25 %LEL", id="x", hold_s=5))
    assert bench.wait(2) == [("raised", "zone:z", 2.0, 1)]
    assert sorted(bench.wait(10)) == [("raised", "device:a", 30.0, 6), ("raised", "device:b", 30.0, 6)]


def test_an_edit_neither_repeats_nor_clears() -> None:
    bench = Bench(vote(2))
    bench.read(1, a_lel=30, b_lel=30)
    bench.edit(vote(2, name="other", version=2))
    assert bench.wait(2) == []
    assert bench.read(3, b_lel=0) == [("cleared", "zone:z", 1.0, 3)]


def test_an_edit_that_no_longer_holds_clears_with_the_next_reading() -> None:
    bench = Bench(vote(1))
    bench.read(1, a_lel=30)
    bench.edit(vote(2))
    assert bench.wait(2) == []
    bench.reload()
    assert bench.read(3, a_lel__2=0) == []  # nothing is known of the other device
    assert bench.read(4, b_lel=0) == [("cleared", "zone:z", 1.0, 4)]
    bench.edit(vote(1))
    assert bench.wait(5) == [("raised", "zone:z", 1.0, 4)]  # true already


def test_a_restart_after_an_edit_clears_nothing_that_the_edit_has_kept() -> None:
    for is_restarted in (False, True):
        bench = Bench(vote(1))
        bench.read(1, a_lel=30, a_lel__2=0, b_lel=0)
        bench.edit(vote(2))
        assert bench.wait(2) == []  # kept, though it holds no longer
        if is_restarted:
            bench.reload()
        assert bench.read(3, c_lel=0) == []  # of another zone
        assert bench.wait(4) == []
        assert bench.read(5, b_lel=1) == [("cleared", "zone:z", 1.0, 5)]


def test_what_falls_due_after_a_restart_is_not_forgotten() -> None:
    bench = Bench(vote(2, hold_s=5), expression("for(lel >= 50 %LEL, 10 s)", id="e"), expression("not heard(lel)", id="h"))
    bench.read(1, a_lel=60, b_lel=30)
    bench.wait(2)
    bench.reload()
    found = bench.wait(30)
    assert [each for each in found if each[3] < 26] == [("raised", "zone:z", 2.0, 6), ("raised", "device:a", 60.0, 11)]
    assert ("raised", "device:b", None, 26) in found


def test_points_that_appear_clear_nothing_of_other_places() -> None:
    for is_restarted in (False, True):
        bench = Bench(vote(1))
        bench.read(1, a_lel=30, a_lel__2=0, b_lel=0)
        bench.edit(vote(2))
        assert bench.wait(2) == []
        first = bench.roster.size
        row = bench.roster.add_point("c", "lel.2")
        extend(bench.program, bench.roster, first)
        if is_restarted:
            bench.reload()
        assert tell(step(bench.program, bench.memory, Readings.of([row], [3000], [3000], [1.0]), 3000)) == []
        assert bench.read(5, b_lel=1) == [("cleared", "zone:z", 1.0, 5)]


def test_places_override_the_numbers_of_votes_and_expressions() -> None:
    bench = Bench()
    own = Override(id="o", rule_id="r", node_kind=NodeKind.ZONE, node_id="y", levels=(LevelOverride(level=0, limit=1),), reason="alone")
    off = Override(id="p", rule_id="e", node_kind=NodeKind.DEVICE, node_id="a", enabled=False, reason="known")
    late = Override(id="q", rule_id="e", node_kind=NodeKind.DEVICE, node_id="b", hold_s=5, reason="slow")
    rules = vote(2), expression("lel >= 25 %LEL", id="e")
    bench.program = compile(rules, bench.roster, overrides=[own, off, late])
    bench.memory = Memory(bench.program)
    assert bench.read(1, a_lel=30) == []
    assert sorted(bench.read(2, c_lel=30)) == [("raised", "device:c", 30.0, 2), ("raised", "zone:y", 1.0, 2)]
    assert bench.read(3, b_lel=30) == [("raised", "zone:z", 2.0, 3)]
    assert bench.wait(9) == [("raised", "device:b", 30.0, 8)]


def test_only_while_added_to_a_rule_that_is_active_clears_only_when_it_is_false() -> None:
    bench = Bench(level())
    bench.read(1, b_lel=30)
    bench.edit(level(only_while="closed = 1"))
    assert bench.wait(2) == []
    assert bench.read(3, b_closed=0) == [("cleared", "point:b:lel", 30.0, 3)]


def test_a_reload_forgets_nothing() -> None:
    bench = Bench(vote(2), level(id="l", only_while="for(closed = 1, 5 s)"), expression("rate(temperature, 20 s) >= 6 °C/min", id="e"))
    bench.read(1, a_lel=30, b_closed=1, a_temperature=20)
    bench.reload()
    assert bench.read(4, b_lel=30) == [("raised", "zone:z", 2.0, 4)]
    bench.reload()
    assert bench.wait(10) == [("raised", "point:b:lel", 30.0, 6)]
    bench.reload()
    assert bench.read(11, a_temperature=21) == [("raised", "device:a", 6.0, 11)]
    bench.reload()
    assert bench.wait(12) == []


def test_points_that_appear_are_looked_at() -> None:
    bench = Bench(vote(2), expression("co >= 10 ppm", id="e"))
    bench.read(1, a_lel=30)
    first = bench.roster.size
    row = bench.roster.add_point("c", "co")
    device = replace(bench.roster.devices_by_row[0], id="n", address="n")
    bench.roster.put(device)
    bench.roster.add_point("n", "lel")
    extend(bench.program, bench.roster, first)
    assert bench.read(2, n_lel=30) == [("raised", "zone:z", 2.0, 2)]
    assert tell(step(bench.program, bench.memory, Readings.of([row], [3000], [3000], [11.0]), 3000)) == [("raised", "device:c", 11.0, 3)]


def test_the_live_truth_of_a_vote_is_told() -> None:
    bench = Bench(vote(2, hold_s=5, only_while="not alarm(x)"))
    bench.read(1, a_lel=30, b_lel=3)
    truth = truth_of(bench.program, bench.memory, "r", "zone:z")
    assert truth is not None
    assert (truth.low, truth.high, truth.value, truth.level, truth.is_open) == (1, 1, 1, -1, True)
    assert [(point.point, point.value, point.is_known, point.votes) for point in truth.points] == [
        ("a:lel", 30, True, True),
        ("a:lel.2", None, False, None),
        ("b:lel", 3, True, False),
    ]
    bench.read(2, b_lel=30)
    truth = truth_of(bench.program, bench.memory, "r", "zone:z")
    assert truth is not None
    assert [(each.phase, each.since_ms, each.due_ms) for each in truth.levels] == [("rising", 2000, 7000)]
    assert truth.gate is not None
    assert truth.gate.truth is True
    assert truth_of(bench.program, bench.memory, "r", "zone:other") is None
    assert truth_of(bench.program, bench.memory, "other", "zone:z") is None


def test_the_live_truth_of_conditions_is_told_and_changes_nothing() -> None:
    bench = Bench(expression("for(lel >= 25 %LEL, 5 s) and closed = 1"), level(id="g", only_while="closed = 1"))
    bench.read(1, b_lel=30)
    for _ in range(2):
        truth = truth_of(bench.program, bench.memory, "r", "device:b")
        assert truth is not None
        assert truth.condition is not None
        assert [part.truth for part in truth.condition.parts] == [False, None]
        assert truth.condition.parts[0].parts[0].truth is True
    gate = gate_truth(bench.program, bench.memory, "g", "b")
    assert gate is not None
    assert (gate[0].truth, gate[1]) == (None, False)
    assert gate_truth(bench.program, bench.memory, "g", "b", "2") is None
    assert bench.read(3, b_closed=1) == [("raised", "point:b:lel", 30.0, 3)]
    assert bench.wait(7) == [("raised", "device:b", 30.0, 6)]


def test_when_something_is_due_is_told() -> None:
    bench = Bench(expression("lel >= 25 %LEL", hold_s=5))
    bench.read(1, a_lel=30)
    assert due_ms(bench.memory) == 6000
