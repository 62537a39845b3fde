"""F10 in the suite: the seeds that found something once, and that the same seed lives the same life."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import simulated
from tests.faults.checker import Verdict
from tests.faults.simulated import state_of


@pytest.mark.parametrize("seed", [9, 16, 34, 86, 101, 112, 1019])
def test_a_life_that_once_went_wrong_goes_well(seed: int, tmp_path: Path) -> None:
    verdict = simulated.run(tmp_path / "life", seed)
    assert verdict.is_clean, "\n".join([*verdict.lost, *verdict.doubled, *verdict.invented])


def test_a_seed_lives_the_same_life_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lives = []
    judge = simulated._judge

    def watched(house: simulated.SimulatedHouse, folder: Path) -> Verdict:
        lives.append((house.mortal.position, house.deaths, list(house.mortal.read(0)), state_of(house.warden)))
        return judge(house, folder)

    monkeypatch.setattr(simulated, "_judge", watched)
    for number in range(2):
        simulated.run(tmp_path / str(number), 7)
    assert lives[0] == lives[1]
    assert lives[0][1] > 0, "nobody died"


def test_a_state_that_was_tampered_with_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = simulated._judge

    def forgetful(house: simulated.SimulatedHouse, folder: Path) -> Verdict:
        house.warden.memory.taken_ms[0] += 1
        return judge(house, folder)

    monkeypatch.setattr(simulated, "_judge", forgetful)
    verdict = simulated.run(tmp_path / "life", 7)
    assert any("memory is another" in text for text in verdict.invented)
