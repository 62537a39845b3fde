"""Reminders of deadlines: each stage told once, over crashes and outages; the clock stops at submitted; words in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from hazards import loop
from hazards.model import Grade, Hazard, Rectification
from sites.people import Grant, User
from storage import hazard_reminders, tables
from storage.database import reading, writing
from storage.outbox import SqlOutbox
from storage.records import Records
from tests.storage.records_samples import DAY, HOUR, NOON, plant_tree, report

PLAN = Rectification(person="王", measures="换阀", funds="500", deadline_ms=NOON + 2 * DAY, contingency="关总阀")


@pytest.fixture
def ledger(records: Records) -> Records:
    plant_tree(records)
    people = {"manager": "m@example.org", "enterprise": "e@example.org", "supervisor": "s@example.org", "administrator": "a@example.org"}
    for role, email in people.items():
        grants = (Grant(role=role, node_kind="all", node_id=None),)
        records.save_user(User(id=f"u-{role}", login=role, name=role, email=email, grants=grants), "t", 0)
    return records


def open_hazard(records: Records, deadline_ms: int = NOON + 12 * HOUR) -> Hazard:
    made, _ = records.report_hazard(lambda number, _: report(number, deadline_ms=deadline_ms), "mall", None, "u1", NOON)
    return made


def told(records: Records, hazard_id: str) -> list[str]:
    return [each.name for each in records.hazard_reminders(hazard_id)]


def messages(records: Records) -> list[tuple[str, str]]:
    o = tables.outbox
    with reading(records.engine) as c:
        found = c.execute(select(o.c.to, o.c.cause).where(o.c.alarm_id.like("hazard:%")).order_by(o.c.created_ms, o.c.to)).all()
        return [(row.to, row.cause.split(":")[1]) for row in found]


def test_each_stage_is_told_once_to_its_level(ledger: Records) -> None:
    hazard = open_hazard(ledger)
    assert ledger.remind_of_hazards(NOON + 8 * HOUR) == 0, "more than a quarter is left"
    assert ledger.remind_of_hazards(NOON + 9 * HOUR) == 1
    assert ledger.remind_of_hazards(NOON + 9 * HOUR) == 0
    ledger.remind_of_hazards(NOON + 12 * HOUR)
    assert told(ledger, hazard.id) == ["soon", "overdue"]
    assert set(messages(ledger)) == {(who, stage) for who in ("e@example.org", "m@example.org") for stage in ("soon", "overdue")}
    ledger.remind_of_hazards(NOON + 36 * HOUR)
    assert ("s@example.org", "escalated") in messages(ledger)
    ledger.remind_of_hazards(NOON + 84 * HOUR)
    ledger.remind_of_hazards(NOON + 108 * HOUR)
    assert told(ledger, hazard.id) == ["soon", "overdue", "escalated", "highest", "highest"]
    assert messages(ledger).count(("a@example.org", "highest")) == 2


def test_after_an_outage_nothing_is_skipped_and_repetitions_are_told_once(ledger: Records) -> None:
    hazard = open_hazard(ledger)
    ledger.remind_of_hazards(NOON + 20 * DAY)
    assert told(ledger, hazard.id) == ["overdue", "escalated", "highest"]
    assert ledger.remind_of_hazards(NOON + 20 * DAY + HOUR) == 0


def test_killed_between_two_hazards_it_goes_on_with_the_next(ledger: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    hazards = [open_hazard(ledger) for _ in range(3)]
    real, count = hazard_reminders._tell, iter(range(10))

    def dies_at_the_second(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        if next(count) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(hazard_reminders, "_tell", dies_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            ledger.remind_of_hazards(NOON + 12 * HOUR)
    assert len(messages(ledger)) == 2, "the second's transaction is gone as a whole"
    ledger.remind_of_hazards(NOON + 12 * HOUR)
    assert [told(ledger, each.id) for each in hazards] == [["overdue"]] * 3
    assert len(messages(ledger)) == 6


def test_the_clock_stops_at_submitted_and_what_waits_is_withdrawn(ledger: Records) -> None:
    hazard = open_hazard(ledger)
    ledger.change_hazard(hazard.id, lambda h: loop.confirm(h, grade=Grade.GENERAL, who="u3", now_ms=NOON), "u3")
    ledger.remind_of_hazards(NOON + 12 * HOUR)
    outbox = SqlOutbox(ledger.engine)
    due = [each for each in outbox.due(NOON + 12 * HOUR, 10) if each.notice is not None]
    assert len(due) == 2
    assert due[0].notice is not None
    assert (hazard.number in due[0].notice.subject, "已超期" in due[0].notice.subject, "2026-11-23 00:00" in due[0].notice.text) == (
        True,
    ) * 3
    plan = replace(PLAN, deadline_ms=NOON + 13 * HOUR)
    ledger.change_hazard(hazard.id, lambda h: loop.rectify(h, plan=plan, who="u2", now_ms=NOON + 12 * HOUR), "u2")
    ledger.change_hazard(hazard.id, lambda h: loop.submit(h, note="done", who="u2", now_ms=NOON + 12 * HOUR), "u2")
    assert {each.stale for each in outbox.due(NOON + 12 * HOUR, 10)} == {"the hazard is submitted meanwhile, or has another deadline"}
    assert ledger.remind_of_hazards(NOON + 30 * DAY) == 0


def test_a_returned_hazard_runs_again(ledger: Records) -> None:
    hazard = open_hazard(ledger)
    ledger.change_hazard(hazard.id, lambda h: loop.confirm(h, grade=Grade.GENERAL, who="u3", now_ms=NOON), "u3")
    ledger.change_hazard(hazard.id, lambda h: loop.rectify(h, plan=PLAN, who="u2", now_ms=NOON), "u2")
    ledger.change_hazard(hazard.id, lambda h: loop.submit(h, note="done", who="u2", now_ms=NOON), "u2")
    assert ledger.remind_of_hazards(NOON + 3 * DAY) == 0
    back, _ = ledger.change_hazard(hazard.id, lambda h: loop.return_(h, reason="leaks", who="u3", now_ms=NOON + 3 * DAY), "u3")
    assert back.returned == 1
    ledger.remind_of_hazards(NOON + 3 * DAY)
    assert told(ledger, hazard.id) == ["overdue", "escalated"]


def test_a_message_of_a_hazard_that_is_gone_is_withdrawn(ledger: Records) -> None:
    hazard = open_hazard(ledger)
    ledger.remind_of_hazards(NOON + 12 * HOUR)
    with writing(ledger.engine) as c:
        c.execute(tables.hazards.delete().where(tables.hazards.c.id == hazard.id))
    assert {each.stale for each in SqlOutbox(ledger.engine).due(NOON + 12 * HOUR, 10)} == {"the hazard is not in the records"}
