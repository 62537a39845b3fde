"""Configuration in the records: round trips, versions, references, scopes, pages, on SQLite and PostgreSQL."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from rules.model import Rule
from sites.model import Device, Site, Zone
from sites.records import BadCursor, Conflict, NotFound, Unavailable
from storage.records import Records
from tests.storage.records_samples import CIRCUITS, DEVICES, NOON, RULES, SITES, TREE, ZONES, plant_tree

MALL = frozenset({"mall"})


def test_every_kind_comes_back_as_it_was_given(records: Records) -> None:
    plant_tree(records)
    for kind, things in TREE:
        assert sorted(records.all_things(kind), key=lambda thing: thing.id) == sorted(things, key=lambda thing: thing.id)
        assert [records.thing(kind, thing.id) for thing in things] == things


def test_versions_rise_and_an_old_one_is_refused(records: Records) -> None:
    plant_tree(records)
    renamed = records.update("site", replace(SITES[0], name="新商场"), "u1", NOON)
    assert (renamed.version, renamed.name) == (2, "新商场")
    assert records.thing("site", "mall") == renamed
    with pytest.raises(Conflict, match="site mall is at version 2, not 1"):
        records.update("site", SITES[0], "u2", NOON)
    with pytest.raises(NotFound):
        records.update("site", replace(SITES[0], id="nowhere"), "u2", NOON)


def test_a_thing_made_again_goes_on_from_the_version_of_its_removal(records: Records) -> None:
    plant_tree(records)
    assert records.delete("circuit", "K-3", "u1", NOON) == 2
    with pytest.raises(NotFound):
        records.thing("circuit", "K-3")
    assert records.insert("circuit", CIRCUITS[0], "u1", NOON).version == 3


REFUSED: dict[str, tuple[str, Any, str]] = {
    "id taken": ("zone", ZONES[0], "zone kitchen already exists"),
    "no such site": ("zone", Zone(id="z", site_id="nowhere", name=""), "zone z names site nowhere, which does not exist"),
    "address taken": ("device", replace(DEVICES[0], id="other"), "device gas-1 already has codec native, address mall/gas-1"),
    "no such gateway": ("device", replace(DEVICES[2], id="n", address="n", gateway_id="gw-7"), "device n names device gw-7"),
    "channel taken": ("circuit", replace(CIRCUITS[0], id="K-4"), "circuit K-3 already has device_id sw-1, channel 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_conflict_says_what_is_in_the_way(records: Records, case: str) -> None:
    plant_tree(records)
    kind, thing, words = REFUSED[case]
    with pytest.raises(Conflict, match=words):
        records.insert(kind, thing, "u1", NOON)


def test_an_update_to_a_taken_address_says_so(records: Records) -> None:
    plant_tree(records)
    with pytest.raises(Conflict, match="device gas-1 already has"):
        records.update("device", replace(DEVICES[2], address="mall/gas-1"), "u1", NOON)


def test_nothing_of_many_is_kept_when_one_is_refused(records: Records) -> None:
    plant_tree(records)
    with pytest.raises(Conflict, match="zone b names site nowhere"):
        records.insert_many("zone", [Zone(id="a", site_id="mall", name=""), Zone(id="b", site_id="nowhere", name="")], "u1", NOON)
    assert len(records.all_things("zone")) == len(ZONES)
    assert records.insert_many("zone", [], "u1", NOON) == []


def test_things_that_name_one_another_in_a_circle_are_refused(records: Records) -> None:
    plant_tree(records)
    circle = [Zone(id="a", site_id="mall", name="", parent_id="b"), Zone(id="b", site_id="mall", name="", parent_id="a")]
    with pytest.raises(Conflict, match="circle"):
        records.insert_many("zone", circle, "u1", NOON)


def test_what_is_still_named_is_not_deleted(records: Records) -> None:
    plant_tree(records)
    with pytest.raises(Conflict, match="zone kitchen is still named by 3 devices, 1 circuit"):
        records.delete("zone", "kitchen", "u1", NOON)
    with pytest.raises(Conflict, match="device gw-1 is still named by 1 device"):
        records.delete("device", "gw-1", "u1", NOON)


SEEN_FROM_THE_MALL = {
    "district": ["d-city", "d-east"],
    "enterprise": ["e1"],
    "site": ["mall"],
    "zone": ["floor-1", "kitchen"],
    "device": ["gas-1", "gw-1", "sw-1"],
    "circuit": ["K-3"],
    "rule": ["gas", "mall-only"],
    "linkage": ["tell"],
}


@pytest.mark.parametrize("kind", SEEN_FROM_THE_MALL)
def test_a_scope_shows_its_own_part_of_the_tree(records: Records, kind: str) -> None:
    plant_tree(records)
    assert [thing.id for thing in records.things(kind, MALL).items] == SEEN_FROM_THE_MALL[kind]
    assert len(records.things(kind, None).items) == len(dict(TREE)[kind])
    unconfined = {"rule": ["gas"], "linkage": ["tell"]}
    assert [thing.id for thing in records.things(kind, frozenset()).items] == unconfined.get(kind, [])


def test_a_rule_confined_to_zones_is_seen_from_their_site_only(records: Records) -> None:
    plant_tree(records)
    assert [rule.id for rule in records.things("rule", frozenset({"plant"})).items] == ["gas"]
    records.update("rule", replace(RULES[1], scope=RULES[0].scope), "u1", NOON)
    assert [rule.id for rule in records.things("rule", frozenset({"plant"})).items] == ["gas", "mall-only"]


def test_pages_go_on_after_the_last_one_whatever_was_added(records: Records) -> None:
    plant_tree(records)
    first = records.things("device", None, limit=2)
    assert [device.id for device in first.items] == ["gas-1", "gw-1"]
    records.insert("device", Device(id="aaa", site_id="mall", zone_id="hall", name="", kind="x", codec="n", address="aaa"), "u1", NOON)
    second = records.things("device", None, first.next_cursor, limit=2)
    assert [device.id for device in second.items] == ["sw-1", "sw-9"]
    assert second.next_cursor is None


@pytest.mark.parametrize("cursor", ["", "nonsense", "W10", "WzEsMl0", "é", "bnVsbA"])
def test_a_cursor_that_the_list_did_not_give_is_refused(records: Records, cursor: str) -> None:
    with pytest.raises(BadCursor, match="is not one that this list gave"):
        records.things("device", None, cursor)


@pytest.mark.parametrize(
    ("kind", "where", "found"),
    [
        ("device", {"kind_": "switch"}, ["sw-1", "sw-9"]),
        ("device", {"kind_": "switch", "site_id": "plant"}, ["sw-9"]),
        ("device", {"q": "探测"}, ["gas-1"]),
        ("device", {"q": "BREAK"}, ["sw-9"]),
        ("device", {"q": "%"}, []),
        ("device", {"q": "_"}, []),
        ("site", {"commanding": "true"}, ["plant"]),
        ("circuit", {"q": "面馆"}, ["K-3"]),
        ("circuit", {"circuit_class": "unclassified"}, ["P-1"]),
        ("rule", {"enabled": "true", "q": "gas"}, ["gas"]),
    ],
)
def test_lists_are_filtered_and_searched(records: Records, kind: str, where: dict[str, str], found: list[str]) -> None:
    plant_tree(records)
    page = records.things(kind, None, None, 50, **where)
    assert [thing.id for thing in page.items] == found


def test_a_filter_or_kind_that_is_not_there_is_named(records: Records) -> None:
    with pytest.raises(ValueError, match="device has no 'colour' to filter by; there are id, site_id"):
        records.things("device", None, colour="red")
    with pytest.raises(ValueError, match="no things of kind 'planet'"):
        records.all_things("planet")


def test_every_version_of_a_rule_is_kept_also_after_its_removal(records: Records) -> None:
    plant_tree(records)
    edited: Rule = records.update("rule", replace(RULES[0], hold_s=9.0), "u1", NOON + 1)
    assert (records.rule_version("gas", 1), records.rule_version("gas", 2)) == (RULES[0], edited)
    assert records.delete("rule", "gas", "u1", NOON + 2) == 3
    assert records.rule_version("gas", 1) == RULES[0]
    assert records.insert("rule", RULES[0], "u1", NOON + 3).version == 4
    for unknown in (3, 99, -1, 2**70):
        with pytest.raises(NotFound):
            records.rule_version("gas", unknown)


def test_text_that_no_database_takes_does_not_break_the_records(records: Records) -> None:
    plant_tree(records)
    odd = records.insert("zone", Zone(id="odd", site_id="mall", name="a\0b\ud800c😀"), "u1", NOON)
    assert records.thing("zone", odd.id).name == "a\ufffdb\ufffdc😀"
    assert records.things("zone", None, q="\0").items == [records.thing("zone", odd.id)]


def test_every_change_is_audited_in_an_unbroken_chain(records: Records) -> None:
    plant_tree(records)
    records.update("site", replace(SITES[0], name="x"), "u1", NOON)
    records.delete("circuit", "K-3", "u1", NOON)
    assert records.audit_break() is None


TAMPERED = {
    "UPDATE audit SET who = 'nobody' WHERE id = 3": "entry 3 was changed",
    "DELETE FROM audit WHERE id = 3": "entry 3 is missing",
    "DELETE FROM audit WHERE id = 9": "the chain ends at entry 8, its head says 9",
    "UPDATE audit SET id = CASE id WHEN 3 THEN -4 ELSE -3 END WHERE id IN (3, 4); UPDATE audit SET id = -id WHERE id < 0": "entry 3",
}


@pytest.mark.parametrize("statements", TAMPERED)
def test_a_changed_removed_or_reordered_entry_is_found(records: Records, statements: str) -> None:
    plant_tree(records)
    records.update("site", replace(SITES[0], name="x"), "u1", NOON)
    with records.engine.begin() as connection:
        for statement in statements.split(";"):
            connection.exec_driver_sql(statement)
    assert TAMPERED[statements] in (records.audit_break() or "")


def test_an_unreachable_database_is_unavailable_soon() -> None:
    for url in ("postgresql+psycopg://nobody@127.0.0.1:1/none", "sqlite:////proc/no/such/folder/records.db"):
        records = Records.open(url)
        began = time.monotonic()
        with pytest.raises(Unavailable, match="the records cannot be reached: "):
            records.things("site", None)
        with pytest.raises(Unavailable):
            records.insert("site", Site(id="s", enterprise_id="e", name=""), "u1", NOON)
        assert time.monotonic() - began < 5
        records.close()


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValueError, match="are allowed"):
        Records.open("mysql://127.0.0.1/x")


@pytest.mark.slow
def test_a_hundred_thousand_devices_are_written_and_read_quickly(records: Records) -> None:
    plant_tree(records)
    many = [
        Device(id=f"n-{i:06d}", site_id="mall", zone_id="kitchen", name=f"sensor {i}", kind="smoke", codec="native", address=f"mall/n-{i}")
        for i in range(100_000)
    ]
    records.insert_many("device", many, "import", NOON)
    began = time.monotonic()
    assert len(records.all_things("device")) == 100_000 + len(DEVICES)
    assert time.monotonic() - began < 10
