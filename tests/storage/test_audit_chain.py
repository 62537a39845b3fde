"""The chain found whole, and every way of tampering with it found out; shortened behind a checkpoint it can still be checked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, delete, select, update

from sites.audit import AuditQuery
from storage import records_audit, tables
from storage.database import writing
from storage.records import Records

_t = tables.audit


def fill(records: Records, many: int = 8) -> None:
    with writing(records.engine) as c:
        for i in range(many):
            records_audit.append(c, at_ms=1_000 * i, who=f"u{i % 2}", what="update", kind="site", thing_id=f"s{i}", after={"n": i})


def change(c: Connection) -> None:
    c.execute(update(_t).where(_t.c.id == 4).values(who="another"))


def remove(c: Connection) -> None:
    c.execute(delete(_t).where(_t.c.id == 4))


def reorder(c: Connection) -> None:
    for here, there in ((4, 99), (5, 4), (99, 5)):
        c.execute(update(_t).where(_t.c.id == here).values(id=there))


def cut_tail(c: Connection) -> None:
    c.execute(delete(_t).where(_t.c.id > 6))


def cut_beginning(c: Connection) -> None:
    c.execute(delete(_t).where(_t.c.id < 3))


def cut_tail_and_head(c: Connection) -> None:
    c.execute(delete(_t).where(_t.c.id > 6))
    last = c.execute(select(_t.c.hash).where(_t.c.id == 6)).scalar_one()
    c.execute(update(tables.audit_head).values(last_id=6, hash=last))


def empty(c: Connection) -> None:
    c.execute(delete(_t))
    c.execute(delete(tables.audit_head))


@pytest.mark.parametrize(
    ("tamper", "needs_head", "said"),
    [
        (change, False, "entry 4 was changed"),
        (remove, False, "entry 4 is missing"),
        (reorder, False, "entry 4 "),
        (cut_tail, False, "the chain ends at entry 6"),
        (cut_beginning, False, "entries 1 to 2 are missing"),
        (cut_tail_and_head, True, "its tail was cut off"),
        (empty, True, "its tail was cut off"),
    ],
)
def test_tampering_is_found(records: Records, tamper: Callable[[Connection], None], needs_head: bool, said: str) -> None:
    fill(records)
    known = records.audit_head()
    assert records.audit_check(known).problem is None
    with writing(records.engine) as c:
        tamper(c)
    if needs_head:
        assert records.audit_check().problem is None, "only a head kept elsewhere shows it"
    assert said in (records.audit_check(known).problem or "")


def test_a_chain_made_anew_is_not_the_one_whose_head_was_kept(records: Records) -> None:
    fill(records)
    known = records.audit_head()
    with writing(records.engine) as c:
        empty(c)
        for i in range(8):
            records_audit.append(c, at_ms=1_000 * i, who="u9", what="update", kind="site", thing_id=f"s{i}", after={"n": i})
    assert "made anew" in (records.audit_check(known).problem or "")


def test_what_is_left_behind_a_checkpoint_is_whole_and_again_after_a_second(records: Records) -> None:
    fill(records)
    assert records.audit_checkpoint(3_000, "u1", 9_000) == 3
    found = records.audit_check(records.audit_head())
    assert (found.problem, found.first_id, found.last_id, found.entries) == (None, 4, 9, 6)
    assert records.audit_checkpoint(5_000, "u1", 9_500) == 2
    assert records.audit_check().problem is None
    assert records.audit_checkpoint(5_000, "u1", 9_500) == 0
    with writing(records.engine) as c:
        c.execute(delete(_t).where(_t.c.id == 6))
    assert "no checkpoint accounts for them" in (records.audit_check().problem or "")


def test_a_broken_chain_is_not_shortened(records: Records) -> None:
    fill(records)
    with writing(records.engine) as c:
        change(c)
    with pytest.raises(ValueError, match="not whole"):
        records.audit_checkpoint(3_000, "u1", 9_000)


def test_entries_are_searched_newest_first_in_pages(records: Records) -> None:
    fill(records)
    first = records.audit_page(AuditQuery(who="u1"), None, 3)
    assert [entry["id"] for entry in first.items] == [8, 6, 4]
    rest = records.audit_page(AuditQuery(who="u1"), first.next_cursor, 3)
    assert ([entry["id"] for entry in rest.items], rest.next_cursor) == ([2], None)
    assert [e["id"] for e in records.audit_page(AuditQuery(thing_id="s4", kind="site"), None, 9).items] == [5]
    assert [e["id"] for e in records.audit_page(AuditQuery(from_ms=2_000, to_ms=4_000), None, 9).items] == [4, 3]
