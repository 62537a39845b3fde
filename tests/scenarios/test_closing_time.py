"""A whole closing time on the manual clock with breakers that ignore, refuse, lie and flip back: one order each, bad ones named (F8)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from app.closing_time import PLAN, judge
from power.run_model import RunState, StartPlan
from simulators.closing_time import closing_time
from tests.faults.night import Night


def start(night: Night) -> None:
    night.live(12.0)
    night.house.ask(StartPlan(key="k", plan_id=PLAN.id, who="manager", reason="drill"))


def test_every_bad_breaker_of_a_night_is_named_and_nobody_else(tmp_path: Path) -> None:
    place = closing_time(240, bad_share=0.05, seed=3)
    night = Night(tmp_path, place, seed=3)
    start(night)
    night.go_on_until_it_ends()
    night.live(45.0)
    verdict = judge(place, night.run(), night.house.warden.runs.items(night.run().id), night.called_out())
    assert verdict.wrong == []
    assert len(verdict.bad) == 12
    assert verdict.named == set(verdict.bad)
    assert verdict.ends["left_on"] == 2, "the feeds of fire protection"


@pytest.mark.parametrize("seed", range(6))
def test_a_crash_in_the_middle_of_the_night_doubles_and_loses_nothing(seed: int, tmp_path: Path) -> None:
    choice = random.Random(seed)
    place = closing_time(60, bad_share=0.1, seed=seed)
    night = Night(tmp_path, place, seed=seed)
    start(night)
    for _ in range(choice.randint(1, 3)):
        night.live(choice.uniform(0.5, 12.0))
        if choice.random() < 0.5:
            night.house.snapshot()
            night.live(choice.uniform(0.25, 2.0))
        night.crash(choice.uniform(0.5, 5.0))
    night.go_on_until_it_ends()
    night.live(45.0)
    verdict = judge(place, night.run(), night.house.warden.runs.items(night.run().id), night.called_out())
    assert verdict.wrong == [], f"seed {seed}"
    assert night.run().state is RunState.DONE
