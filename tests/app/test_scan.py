"""The scan's doors: what is handed in is there when it is said to be."""

from __future__ import annotations

from pathlib import Path

from app.rows import ConfigChanged
from tests.scenarios.house import House
from tests.scenarios.sample import device, kitchen


def test_a_change_of_configuration_is_settled_when_a_scan_has_taken_it_and_not_before(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen())
    taken = house.scan.settle(ConfigChanged.of("device", "gas-3", 1, device("gas-3", "gas")))
    assert not taken.is_set()
    house.once()
    assert taken.is_set()
    assert house.warden.configuration.roster.device("gas-3") is not None


def test_a_change_that_was_taken_before_is_settled_by_the_next_scan_also_when_nothing_else_happens(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen())
    taken = house.scan.settle(ConfigChanged.of("device", "gas-1", 1, device("gas-1", "gas")))
    house.once()
    assert taken.is_set()
