"""The sieve takes nothing for quiet that is not: many readings of a row in a batch, neighbours in order, chunks and blocks of any size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import Reference, without_index
from test_engine_equals_reference import START, Engine, Slow, make_plant, often, play, random_rules, random_story, rule_sets, stories

from rules import sieve
from rules.compile import compile
from rules.engine import step
from rules.memory import BLOCK_SHIFT, Memory
from rules.model import Direction, Level, Rule, RuleKind, Severity
from rules.sieve import span_of
from sites.model import Device
from sites.readings import Readings
from sites.roster import Roster

COLUMNS = ("taken_ms", "low", "high", "status", "lows")


@contextmanager
def small_chunks(size: int) -> Iterator[None]:
    before = sieve._CHUNK, sieve._SCATTERED, sieve._FIRST_LOOK
    sieve._CHUNK = sieve._SCATTERED = size
    sieve._FIRST_LOOK = 1 + size % 3
    try:
        yield
    finally:
        sieve._CHUNK, sieve._SCATTERED, sieve._FIRST_LOOK = before


@often
@given(rule_sets, stories, st.integers(1, 5))
def test_chunks_of_any_size_find_what_the_reference_finds(rules: list[Rule], story: Any, size: int) -> None:
    roster = make_plant()
    with small_chunks(size):
        found = play(story, Engine(roster, rules), lambda at: False)
    assert found == play(story, Slow(roster, rules), lambda at: False)


@pytest.mark.parametrize("seed", range(12))
def test_long_runs_of_a_row_in_one_batch_find_what_single_readings_find(seed: int) -> None:
    """Hundreds of readings a row and batch, of which long stretches are quiet, with late ones and duplicates among them."""
    rng = Random(seed)
    rules, roster = random_rules(rng), make_plant()
    items, tail = random_story(rng)
    quiet = [(rng.randint(0, 9), 500, rng.choice([0, 0, 0, 700, 2_000]), 4.4, 0, False) for _ in range(500)]
    story = ([*items, *quiet, *random_story(rng)[0], *quiet, *items], tail)
    expected = play(story, Slow(roster, rules), lambda at: False)
    assert expected, "a story without a finding proves nothing"
    assert play(story, Engine(roster, rules), lambda at: False) == expected
    with small_chunks(7):
        assert play(story, Engine(roster, rules), lambda at: False) == expected


def make_wide_plant(points: int) -> Roster:
    """Four points a device; oxygen looks downwards in every fourth row."""
    roster = Roster()
    for at in range(points // 4):
        roster.put(Device(id=f"d{at}", site_id="s", zone_id="z", name="d", kind="gas", codec="native", address=f"d{at}", interval_s=10.0))
        for metric in ("lel", "temperature", "lel.2", "o2"):
            roster.add_point(f"d{at}", metric)
    return roster


def wide_rules(with_oxygen: bool) -> list[Rule]:
    high = Rule(
        id="high",
        name="r",
        kind=RuleKind.LEVEL,
        metric="lel",
        levels=(Level(limit=25.0, severity=Severity.HIGH, deadband=5.0), Level(limit=50.0, severity=Severity.CRITICAL, deadband=5.0)),
        hold_s=3.0,
        clear_hold_s=4.0,
    )
    low = Rule(
        id="low",
        name="r",
        kind=RuleKind.LEVEL,
        metric="o2",
        direction=Direction.BELOW,
        levels=(Level(limit=19.5, severity=Severity.HIGH, deadband=0.5),),
        hold_s=2.0,
    )
    return [high, low] if with_oxygen else [high]


@pytest.mark.parametrize("with_oxygen", [True, False])
def test_neighbours_in_order_are_the_same_as_in_any_other_order(with_oxygen: bool) -> None:
    """A batch of neighbouring rows goes by views and blocks, the same batch shuffled by gathers: one outcome, and the counts hold."""
    rng = np.random.default_rng(7)
    roster = make_wide_plant(3 << BLOCK_SHIFT)
    program = compile(wide_rules(with_oxygen), roster)
    ordered, shuffled = Memory(program), Memory(program)
    base = np.where(np.arange(roster.size) % 4 == 3, 20.9, 10.0)
    total = 0
    for number in range(12):
        now = START + 2_000 * number
        first = int(rng.integers(0, roster.size - 1))
        last = int(rng.integers(first + 1, roster.size + 1)) if number % 3 else roster.size
        rows = np.arange(0 if number % 3 == 0 else first, last, dtype=np.int32)
        odd = rng.random(len(rows)) < (0.2 if number % 2 else 0.002)
        values = base[rows] + np.where(odd, rng.choice([-3.0, 20.0, 45.0], len(rows)), rng.normal(0.0, 0.1, len(rows)))
        taken = now - rng.choice([0, 0, 0, 0, 3_000, 5_000], len(rows))
        order = rng.permutation(len(rows))
        assert span_of(rows) is not None
        made = step(program, ordered, Readings.of(rows, taken, np.full(len(rows), now), values), now)
        other = Readings.of(rows[order], taken[order], np.full(len(rows), now), values[order])
        assert sorted(map(repr, without_index(made))) == sorted(map(repr, without_index(step(program, shuffled, other, now))))
        total += len(made)
        for name in COLUMNS:
            assert np.array_equal(getattr(ordered, name), getattr(shuffled, name)), name
        blocks = np.add.reduceat((ordered.low > -np.inf).astype(int), np.arange(0, roster.size, 1 << BLOCK_SHIFT))
        assert np.array_equal(ordered.lows[: len(blocks)], blocks)
    assert total > 100


@pytest.mark.parametrize("seed", range(6))
def test_neighbours_in_order_find_what_the_reference_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    roster, rules = make_plant(), random_rules(Random(seed))
    program = compile(rules, roster)
    memory, slow = Memory(program), Reference(roster, rules)
    made, expected, now = [], [], START
    values = rng.uniform(2.0, 8.0, roster.size)
    for _ in range(120):
        now += int(rng.choice([500, 1_000, 2_000, 9_000]))
        values = np.clip(values + rng.choice([-2.0, -1.0, 0.0, 0.0, 1.0, 2.0], roster.size), 0.0, 10.0)
        first, last = sorted(rng.choice(roster.size + 1, 2, replace=False).tolist())
        taken = now - rng.choice([0, 0, 0, 0, 1_500], last - first)
        batch = Readings.of(np.arange(first, last), taken, np.full(last - first, now), np.round(values[first:last]))
        made += step(program, memory, batch, now)
        expected += slow.step(batch, now)
    assert expected, "a story without a finding proves nothing"
    assert without_index(made) == without_index(expected)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([], None), ([3], slice(3, 4)), ([3, 4, 5], slice(3, 6)), ([3, 5, 4, 6], None), ([3, 3, 5], None), ([5, 4, 3], None), ([0, 2], None)],
)
def test_a_span_is_neighbours_in_order(rows: list[int], expected: slice | None) -> None:
    for size in (1, 2, 1 << 16):
        with small_chunks(size):
            assert span_of(np.array(rows, np.int32)) == expected


@pytest.mark.parametrize("seed", range(8))
def test_the_newest_time_of_a_row_never_falls(seed: int) -> None:
    """Quiet readings of a row in one batch, late ones among them: the latest by the device's time stands."""
    rng = np.random.default_rng(seed)
    program = compile([], make_plant())
    memory = Memory(program)
    newest = np.full(program.rows, memory.taken_ms[0])
    for number in range(4):
        now = START + 60_000 * number
        rows, late = rng.integers(0, program.rows, 60), rng.choice([0, 0, 4_000, 90_000], 60)
        taken = now + 100 * np.arange(60) - late
        np.maximum.at(newest, rows, taken)
        with small_chunks(int(rng.integers(1, 70))):
            step(program, memory, Readings.of(rows, taken, np.full(60, now + 6_000), np.zeros(60)), now + 6_000)
        assert np.array_equal(memory.taken_ms[: program.rows], newest)
