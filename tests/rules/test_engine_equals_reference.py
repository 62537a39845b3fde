"""The engine equals the slow reference for any input, and how the input is cut, dumped or re-compiled changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import Reference, without_index

from rules.carry import carry
from rules.compile import compile
from rules.engine import availability, pause, resume, step
from rules.findings import Finding
from rules.memory import Memory
from rules.model import Direction, Level, Rule, RuleKind, Scope, Severity
from sites.model import Device
from sites.readings import RETAINED, STALE_RETAINED, Readings
from sites.roster import Roster

START = 1_800_000_000_000


def make_plant() -> Roster:
    roster = Roster()
    for at, (link, interval) in enumerate([("wired", 2.0), ("wired", 10.0), ("lora", 6.0)]):
        name = f"d{at}"
        device = Device(
            id=name, site_id="s", zone_id=f"z{at % 2}", name=name, kind="gas", codec="native", address=name, link=link, interval_s=interval
        )
        roster.put(device)
        for metric in ("lel", "smoke_alarm", "o2"):
            roster.add_point(name, metric)
    roster.add_point("d0", "lel.2")
    return roster


holds = st.sampled_from([0.0, 0.0, 1.0, 3.0, 8.0])
levels = st.lists(
    st.builds(
        lambda step, deadband, hold: (step, deadband, hold),
        st.sampled_from([1.0, 2.0]),
        st.sampled_from([0.0, 1.0, 3.0]),
        st.none() | holds,
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def level_rules(draw: Any, metric: str = "lel") -> Rule:
    direction = draw(st.sampled_from(list(Direction)))
    limit, made = 5.0, []
    for at, (distance, deadband, hold_s) in enumerate(draw(levels)):
        limit += distance if direction is Direction.ABOVE else -distance
        made.append(Level(limit=limit, severity=Severity(2 + at if at < 2 else 4), deadband=deadband, hold_s=hold_s))
    return Rule(
        id=draw(st.sampled_from(["a_", "m_", "z_"])) + metric,
        name="r",
        kind=RuleKind.LEVEL,
        metric=metric,
        direction=direction,
        levels=tuple(made),
        hold_s=draw(holds),
        clear_hold_s=draw(holds),
        lateness_s=draw(st.sampled_from([None, 1.0])),
        scope=draw(st.sampled_from([Scope(), Scope(zones=("z0",))])),
    )


state_rules = st.builds(
    lambda states, hold_s, clear_hold_s: Rule(
        id="state",
        name="r",
        kind=RuleKind.STATE,
        metric="smoke_alarm",
        levels=(Level(limit=0.0, severity=Severity.CRITICAL),),
        states=states,
        hold_s=hold_s,
        clear_hold_s=clear_hold_s,
    ),
    st.sampled_from([(1.0,), (1.0, 3.0), (2.0, 3.0)]),
    holds,
    holds,
)
silence_rules = st.builds(
    lambda limit, hold_s, name: Rule(
        id=name, name="r", kind=RuleKind.SILENCE, levels=(Level(limit=limit, severity=Severity.LOW),), hold_s=hold_s
    ),
    st.sampled_from([1.5, 2.5]),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from(["b_silence", "y_silence"]),
)
rule_sets = st.lists(
    st.one_of(level_rules(), level_rules(), level_rules(), level_rules("o2"), state_rules, silence_rules),
    min_size=2,
    max_size=5,
    unique_by=lambda rule: rule.id,
)

# one reading: row, ms after the one before (arrival), how long it travelled, value, flags, extra delay told by the clocks
reading = st.tuples(
    st.sampled_from([0] * 6 + [3] * 4 + [6] * 3 + [1, 1, 2, 4, 7, 9, 9]),
    st.sampled_from([300, 1_000, 1_000, 2_000, 0, 1, 5_000, 30_000]),
    st.sampled_from([0, 0, 0, 0, 1_000, 3_000, 9_000, 40_000]),
    st.sampled_from([8, 7, 6, 5, 4, 3, 2, 1, 0, 10]),
    st.sampled_from([0] * 12 + [RETAINED, RETAINED | STALE_RETAINED]),
    st.booleans(),
)
item = st.one_of(
    *[reading] * 8,
    st.tuples(st.just("availability"), st.sampled_from([0, 700]), st.integers(0, 2), st.booleans(), st.booleans()),
    st.tuples(st.just("pause"), st.sampled_from([0, 700])),
    st.tuples(st.just("resume"), st.sampled_from([0, 700, 20_000])),
)
stories = st.tuples(st.lists(item, min_size=8, max_size=40), st.sampled_from([0, 1_000, 100_000]))


def play(
    story: tuple[list[Any], int], target: Any, cuts: Callable[[int], bool], at_cut: Callable[[Any], Any] = lambda target: target
) -> Any:
    """Let `target` live through a story: readings are stepped in batches that end where `cuts` says or another item stands."""
    items, tail = story
    now, batch, made = START, [], []

    def flush(until: int) -> None:
        columns = list(zip(*batch, strict=True)) if batch else [()] * 6
        made.extend(target.step(Readings.of(*columns), until))
        batch.clear()

    for at, each in enumerate(items):
        now += each[1]
        if isinstance(each[0], str):
            flush(now)
            getattr(target, each[0])(*([f"d{each[2]}", each[3], now, each[4]] if each[0] == "availability" else [now]), made)
        else:
            row, _, travelled, value, flags, told = each
            batch.append((row, now - travelled, now, float(value), travelled if told else 0, flags))
            if cuts(at):
                flush(now)
                target = at_cut(target)
    flush(now + tail)
    return without_index(made)


class Engine:
    def __init__(self, roster: Roster, rules: list[Rule]) -> None:
        self.rules = rules
        self.program = compile(rules, roster)
        self.memory = Memory(self.program)

    def step(self, readings: Readings, until: int) -> list[Finding]:
        return step(self.program, self.memory, readings, until)

    def availability(self, device_id: str, online: bool, now: int, retained: bool, made: list[Finding]) -> None:
        made += availability(self.program, self.memory, device_id, online, now, retained)

    def pause(self, now: int, made: list[Finding]) -> None:
        made += pause(self.program, self.memory, now)

    def resume(self, now: int, made: list[Finding]) -> None:
        made += resume(self.program, self.memory, now)

    def reloaded(self) -> Engine:
        new = Engine(self.program.roster, self.rules)
        new.memory.load(self.memory.dump())
        return new

    def edited(self) -> Engine:
        """Another rule, about other points, comes or goes, and texts change; the present rules mean the same."""
        other = Rule(id="k_other", name="k", kind=RuleKind.LEVEL, metric="humidity", levels=(Level(limit=1.0, severity=Severity.LOW),))
        rules = [replace(rule, name=rule.name + "!") for rule in self.rules if rule.id != "k_other"]
        if len(rules) == len(self.rules):
            rules.append(other)
        new = Engine.__new__(Engine)
        new.rules, new.program = rules, compile(rules, self.program.roster)
        new.memory = carry(self.program, self.memory, new.program)
        return new


class Slow(Reference):
    def availability(self, device_id: str, online: bool, now: int, retained: bool, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().availability(device_id, online, now, retained)

    def pause(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().pause(now)

    def resume(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().resume(now)


often = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@often
@given(rule_sets, stories)
def test_the_engine_finds_what_the_reference_finds(rules: list[Rule], story: Any) -> None:
    roster = make_plant()
    assert play(story, Engine(roster, rules), lambda at: False) == play(story, Slow(roster, rules), lambda at: False)


@often
@given(rule_sets, stories, st.sets(st.integers(0, 39)))
def test_cutting_the_input_into_batches_changes_nothing(rules: list[Rule], story: Any, cuts: set[int]) -> None:
    roster = make_plant()
    assert play(story, Engine(roster, rules), cuts.__contains__) == play(story, Engine(roster, rules), lambda at: False)


@often
@given(rule_sets, stories, st.sets(st.integers(0, 39)))
def test_a_dump_loaded_at_any_cut_goes_on_the_same(rules: list[Rule], story: Any, cuts: set[int]) -> None:
    roster = make_plant()
    reloading = play(story, Engine(roster, rules), cuts.__contains__, Engine.reloaded)
    assert reloading == play(story, Engine(roster, rules), lambda at: False)


@often
@given(rule_sets, stories, st.sets(st.integers(0, 39)))
def test_an_edit_that_does_not_concern_a_rule_changes_nothing_of_it(rules: list[Rule], story: Any, cuts: set[int]) -> None:
    roster = make_plant()
    editing = play(story, Engine(roster, rules), cuts.__contains__, Engine.edited)
    assert editing == play(story, Engine(roster, rules), lambda at: False)


def random_rules(rng: Random) -> list[Rule]:
    rules = []
    for at in range(rng.randint(2, 6)):
        kind = rng.choice([RuleKind.LEVEL] * 4 + [RuleKind.STATE, RuleKind.SILENCE])
        direction, limit, made = rng.choice(list(Direction)), 5.0, []
        for severity in range(rng.randint(1, 3) if kind is RuleKind.LEVEL else 1):
            limit += rng.choice([1.0, 2.0]) * (1 if direction is Direction.ABOVE else -1)
            hold_s = rng.choice([None, 0.0, 1.0, 4.0]) if kind is RuleKind.LEVEL else None
            made.append(Level(limit=limit, severity=Severity(2 + severity), deadband=rng.choice([0.0, 1.0, 3.0]), hold_s=hold_s))
        if kind is RuleKind.SILENCE:
            made = [Level(limit=rng.choice([1.5, 2.5, 4.0]), severity=Severity.LOW)]
        rules.append(
            Rule(
                id=f"r{at}",
                name="r",
                kind=kind,
                metric={"level": rng.choice(["lel", "lel", "o2"]), "state": "smoke_alarm", "silence": ""}[kind],
                direction=direction if kind is RuleKind.LEVEL else Direction.ABOVE,
                levels=tuple(made),
                states=rng.choice([(1.0,), (5.0, 6.0), (3.0, 7.0)]) if kind is RuleKind.STATE else (),
                hold_s=rng.choice([0.0, 0.0, 1.0, 3.0, 12.0]),
                clear_hold_s=rng.choice([0.0, 0.0, 2.0, 8.0]),
                lateness_s=rng.choice([None, 1.0]),
            )
        )
    return rules


def random_story(rng: Random) -> tuple[list[Any], int]:
    """Values wander, so that holds run out, clear and are broken; some devices pause, some messages come late, twice or from long ago."""
    values = [rng.uniform(0, 10) for _ in range(10)]
    items: list[Any] = []
    for _ in range(150):
        if rng.random() < 0.03:
            kind = rng.choice(["pause", "resume", "resume", "availability"])
            wait = rng.choice([0, 500, 15_000])
            items.append(
                (kind, wait, rng.randint(0, 2), rng.random() < 0.5, rng.random() < 0.3) if kind == "availability" else (kind, wait)
            )
            continue
        row = rng.choice([0, 0, 0, 3, 3, 6, 6, rng.randint(0, 9)])
        values[row] = min(10.0, max(0.0, values[row] + rng.choice([-2, -1, 0, 0, 1, 2])))
        wait = rng.choice([0, 0, 100, 300, 500, 1_000, 1_000, 2_000, 2_000, 9_000 if rng.random() < 0.2 else 400])
        travelled = rng.choice([0] * 12 + [500, 1_000, 2_500, 6_000, 40_000])
        flags = rng.choice([0] * 20 + [RETAINED, RETAINED | STALE_RETAINED])
        items.append((row, wait, travelled, round(values[row]), flags, rng.random() < 0.5))
    return items, rng.choice([0, 2_000, 60_000])


@pytest.mark.parametrize("seed", [*range(30), 1040, 1241])  # the last two: clear holds that ran out while overdue
def test_long_stories_agree_however_they_are_cut_reloaded_and_edited(seed: int) -> None:
    rng = Random(seed)
    rules, story, roster = random_rules(rng), random_story(rng), make_plant()
    expected = play(story, Slow(roster, rules), lambda at: False)
    assert expected, "a story without a finding proves nothing"
    cuts = [rng.random() < 0.2 for _ in range(len(story[0]))]
    for at_cut in (lambda engine: engine, Engine.reloaded, Engine.edited):
        assert play(story, Engine(roster, rules), cuts.__getitem__, at_cut) == expected
