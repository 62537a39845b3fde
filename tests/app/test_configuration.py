"""The scan's copy of the configuration, compared with the records while the scan goes on changing it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.configuration import Configuration
from app.rows import ConfigChanged
from sites.model import Device, District, point_key


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


def detector(device_id: str, address: str) -> Device:
    return Device(id=device_id, site_id="s", zone_id="z", name=device_id, kind="heat", codec="native", address=address)


def heard() -> Configuration:
    """Three devices with points of their own; the second was removed, and the third has its address."""
    configuration = Configuration()
    roster = configuration.roster
    for each in (detector("a", "s/a"), detector("b", "s/b")):
        roster.put(each)
    for device_id, metric in (("a", "temperature"), ("b", "humidity"), ("b", "temperature"), ("a", "battery")):
        roster.add_point(device_id, metric)
    roster.remove("device", "b")
    roster.put(detector("c", "s/b"))
    roster.add_point("c", "humidity")
    roster.columns.latest_values[2] = 21.5
    return configuration


def test_points_keep_their_rows_and_keys_over_a_snapshot_also_those_of_removed_devices() -> None:
    configuration = heard()
    state = configuration.dump()
    for given in (state, replace(state, point_keys=np.zeros(0, np.int64))):  # an older snapshot has no keys
        loaded = Configuration()
        loaded.load(given)
        roster, before = loaded.roster, configuration.roster
        assert [roster.point_id_of_row(row) for row in range(roster.size)] == [before.point_id_of_row(row) for row in range(before.size)]
        assert roster.columns.keys[:5].tolist() == before.columns.keys[:5].tolist()
        assert roster.row_of_key.rows_of(before.columns.keys[: before.size]).tolist() == list(range(before.size))
        assert roster.row_of_key[point_key("b", "temperature")] == 2
        assert roster.rows_by_metric == before.rows_by_metric
        assert roster.device_row_of_address == {("native", "s/a"): 0, ("native", "s/b"): 2}
        assert roster.columns.latest_values[2] == 21.5
        assert roster.point_row("b", "humidity") is None
        assert roster.add_point("c", "temperature") == 5
