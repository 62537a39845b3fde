"""A row that is lost held the first mention of a point: what later rows say of that point is not lost with it."""

from __future__ import annotations

from pathlib import Path

from app import setaside
from app.restore import replay, restore
from tests.scenarios.house import House
from tests.scenarios.sample import kitchen


def test_readings_of_a_point_whose_first_mention_is_set_aside_still_raise(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen())
    house.hear("gas-1", lel=1.0, humidity__2=40.0)
    house.once()
    mentioned = house.journal.position
    house.run(1)
    house.hear("gas-1", lel=55.0, humidity__2=41.0)
    house.run(0.2)
    lived = house.alarm("gas")
    setaside.write(tmp_path / "snapshots", {mentioned: "tried"})
    again = restore(tmp_path / "snapshots", house.journal).warden
    roster = again.configuration.roster
    assert [alarm.id for alarm in again.book.open.values()] == [lived.id]
    assert roster.latest("gas-1", "humidity.2") is not None
    refilled = [stepped for stepped in replay(tmp_path / "snapshots", house.journal, mentioned) if len(stepped.history)]
    assert [len(stepped.history) for stepped in refilled] == [2]


def test_a_vendors_own_word_is_said_again_by_the_next_message(tmp_path: Path) -> None:
    house = House(tmp_path, kitchen())
    house.hear("gas-1", lel=1.0, motor_hours=7.0)
    house.once()
    setaside.write(tmp_path / "snapshots", {house.journal.position: "tried"})
    house.crash()
    assert house.warden.configuration.roster.latest("gas-1", "motor_hours") is None
    house.hear("gas-1", lel=1.0, motor_hours=8.0)
    house.once()
    latest = house.warden.configuration.roster.latest("gas-1", "motor_hours")
    assert latest is not None
    assert latest[0] == 8.0
