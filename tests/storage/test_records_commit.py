"""Changes of several kinds in one transaction, all or none; unknown devices out of sight and back; on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sites.model import Circuit, Device
from sites.records import Change, Conflict, NotFound
from storage.database import writing
from storage.project import apply
from storage.projection import Outcome, Unknown
from storage.records import Records
from tests.storage.records_samples import CIRCUITS, DEVICES, NOON, plant_tree

NEW = Device(
    id="new", site_id="mall", zone_id="kitchen", name="n", kind="switch", codec="native", address="mall/new", service_until_ms=NOON
)
ON_IT = Circuit(id="K-9", site_id="mall", zone_id="kitchen", name="c", device_id="new")


def hear(records: Records, position: int = 1) -> str:
    unknown = Unknown(
        codec="native",
        address="mall/new",
        topic="t",
        payload=b"\xff",
        suggested_kind="gas",
        suggested_name="",
        site_id="mall",
        at_ms=NOON,
    )
    with writing(records.engine) as connection:
        apply(connection, [Outcome(position=position, now_ms=NOON, unknown=[unknown])])
    pages = [records.inbox_devices(None, dismissed=dismissed).items for dismissed in (False, True)]
    return next(device.id for page in pages for device in page)


def test_what_is_added_changed_and_removed_together_is_told_in_its_order(records: Records) -> None:
    plant_tree(records)
    inbox_id = hear(records)
    change = Change(
        inserts=(("device", (NEW,)), ("circuit", (ON_IT,))),
        updates=(("device", replace(DEVICES[0], name="renamed")),),
        removals=(("circuit", CIRCUITS[0]),),
        accepted=(inbox_id,),
        why="a new breaker",
    )
    done = records.commit(change, "u1", NOON)
    assert [(kind, thing_id, version) for kind, thing_id, version, _ in done] == [
        ("device", "new", 1), ("circuit", "K-9", 1), ("device", DEVICES[0].id, 2), ("circuit", CIRCUITS[0].id, 2),
    ]  # fmt: skip
    assert [thing is None for *_, thing in done] == [False, False, False, True]
    assert records.thing("device", "new") == NEW
    assert records.inbox_devices(None).items == []
    assert records.audit_break() is None


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (Change(inserts=(("device", (NEW,)), ("circuit", (replace(ON_IT, id="K-3"),)))), Conflict, "circuit K-3 already exists"),
        (Change(inserts=(("device", (NEW, replace(NEW, address="mall/other"))),)), Conflict, "given twice"),
        (Change(inserts=(("device", (NEW,)),), updates=(("device", replace(DEVICES[0], version=7)),)), Conflict, "version 1, not 7"),
        (Change(inserts=(("device", (NEW,)),), removals=(("device", replace(DEVICES[0], version=7)),)), Conflict, "version 1, not 7"),
        (Change(inserts=(("device", (NEW,)),), accepted=("nowhere",)), NotFound, "nowhere"),
    ],
)
def test_of_a_change_that_cannot_be_whole_nothing_is_kept(records: Records, change: Change, error: type[Exception], words: str) -> None:
    plant_tree(records)
    with pytest.raises(error, match=words):
        records.commit(change, "u1", NOON)
    with pytest.raises(NotFound):
        records.thing("device", "new")
    assert records.audit_break() is None


def test_a_removal_that_others_still_name_says_so(records: Records) -> None:
    plant_tree(records)
    breaker = next(device for device in DEVICES if device.id == CIRCUITS[0].device_id)
    with pytest.raises(Conflict, match=f"device {breaker.id} is still named by"):
        records.commit(Change(removals=(("device", breaker),)), "u1", NOON)


def test_a_dismissed_device_is_counted_on_and_stays_out_of_sight_until_it_is_brought_back(records: Records) -> None:
    plant_tree(records)
    inbox_id = hear(records)
    records.dismiss_inbox_devices([inbox_id], NOON)
    hear(records, position=2)
    assert records.inbox_devices(None).items == []
    (kept,) = records.inbox_devices(None, dismissed=True).items
    assert (kept.count, kept.dismissed_ms) == (2, NOON)
    with pytest.raises(NotFound):
        records.dismiss_inbox_devices([inbox_id, "nowhere"], None)
    assert records.inbox_devices(None).items == [], "all or none"
    records.dismiss_inbox_devices([inbox_id], None)
    assert [device.id for device in records.inbox_devices(None).items] == [inbox_id]


def test_what_the_command_line_changed_is_found_after_a_mark(records: Records) -> None:
    plant_tree(records)
    mark, _ = records.changes_by("command line", 0)
    assert records.changes_by("command line", mark) == (mark, False)
    records.insert("device", NEW, "somebody", NOON)
    last, is_changed = records.changes_by("command line", mark)
    assert (last, is_changed) == (mark + 1, False)
    records.insert("circuit", ON_IT, "command line", NOON)
    assert records.changes_by("command line", last) == (last + 1, True)
