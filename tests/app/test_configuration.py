"""The scan's copy of the configuration, compared with the records while the scan goes on changing it."""

from __future__ import annotations

from app.configuration import Configuration
from app.rows import ConfigChanged
from sites.model import District


def district(district_id: str, version: int = 1) -> District:
    return District(id=district_id, name=district_id, version=version)


def take(configuration: Configuration, *districts: District) -> None:
    for each in districts:
        configuration.apply(ConfigChanged.of("district", each.id, each.version, each))


def test_differences_are_what_is_new_what_is_newer_and_what_is_gone() -> None:
    configuration = Configuration()
    take(configuration, district("same"), district("older"), district("gone"))
    held = configuration.held("district")
    changes = list(configuration.differences("district", [district("same"), district("older", 2), district("new")], held))
    assert [(change.id, change.version, change.body is None) for change in changes] == [
        ("older", 2, False),
        ("new", 1, False),
        ("gone", 2, True),
    ]


def test_what_came_in_while_the_records_were_read_is_not_taken_for_removed() -> None:
    configuration = Configuration()
    held = configuration.held("district")
    in_the_records = [district("old")]
    take(configuration, district("inserted meanwhile"))
    assert [change.id for change in configuration.differences("district", in_the_records, held)] == ["old"]


def test_the_scan_may_take_each_change_in_while_the_next_is_made() -> None:
    configuration = Configuration()
    take(configuration, *(district(f"gone-{n}") for n in range(3)))
    for change in configuration.differences("district", [district(f"new-{n}") for n in range(3)], configuration.held("district")):
        configuration.apply(change)
    assert sorted(configuration.roster.districts) == ["new-0", "new-1", "new-2"]
