"""Kept hazards: round trips, numbers, recurrences, lists and facets, changes that race, on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from hazards import loop
from hazards.errors import IllegalStep
from hazards.model import Grade, Hazard, HazardAct, HazardState, HazardStep, Rectification, Source
from hazards.queries import HazardQuery
from storage import project, records_hazards
from storage.database import reading, writing
from storage.projection import Outcome
from storage.records import Records
from tests.storage.records_samples import DAY, HOUR, NOON, alarm, plant_tree, raised, report

PLAN = Rectification(person="王", measures="换阀", funds="500", deadline_ms=NOON + DAY, contingency="关总阀")


def keep_report(records: Records, **changed: Any) -> Hazard:
    site_id = changed.get("site_id", "mall")
    hazard, _ = records.report_hazard(lambda number, _: report(number, **changed), site_id, None, "u1", changed.get("now_ms", NOON))
    return hazard


def keep_alarm(records: Records, *alarms: Any) -> None:
    with writing(records.engine) as connection:
        project.apply(connection, [Outcome(position=1, now_ms=NOON, transitions=[raised(each) for each in alarms])])


def from_alarm(records: Records, alarm_id: str, now_ms: int = NOON) -> tuple[Hazard, HazardStep]:
    found = records.alarm(alarm_id)

    def make(number: str, present: Hazard | None) -> tuple[Hazard, HazardStep]:
        if present is not None:
            return loop.recur(present, alarm_id=alarm_id, who="u1", now_ms=now_ms, deadline_ms=now_ms + HOUR)
        return report(number, found)

    return records.report_hazard(make, found.site_id, alarm_id, "u1", now_ms)


def to_accepted(records: Records, hazard_id: str, now_ms: int = NOON) -> Hazard:
    records.change_hazard(hazard_id, lambda h: loop.confirm(h, grade=Grade.GENERAL, who="u3", now_ms=now_ms), "u3")
    records.change_hazard(hazard_id, lambda h: loop.rectify(h, plan=replace(PLAN, deadline_ms=now_ms + 1), who="u2", now_ms=now_ms), "u2")
    records.change_hazard(hazard_id, lambda h: loop.submit(h, note="done", who="u2", now_ms=now_ms), "u2")
    accept = records.change_hazard(hazard_id, lambda h: loop.accept(h, who="u3", now_ms=now_ms, as_supervisor=False, note="seen"), "u3")
    return accept[0]


def test_a_hazard_and_its_steps_come_back_exactly(records: Records) -> None:
    hazard = keep_report(records, zone_id="kitchen", order_ids=("o1", "o2"), alarm_ids=("a2", "a1"), point_id=None)
    assert records.hazard(hazard.id) == hazard
    accepted = to_accepted(records, hazard.id)
    assert records.hazard(hazard.id) == accepted
    assert (accepted.rectified_by, accepted.order_ids, accepted.alarm_ids) == ("u2", ("o1", "o2"), ("a2", "a1"))
    steps = records.hazard_steps(hazard.id)
    assert [step.after for step in steps] == ["reported", "confirmed", "rectifying", "submitted", "accepted"]
    assert steps[-1] == HazardStep(
        hazard_id=hazard.id, version=5, act=HazardAct.ACCEPT, before="submitted", after=HazardState.ACCEPTED, who="u3", at_ms=NOON,
        note="seen",
    )  # fmt: skip
    assert records.audit_break() is None


def test_numbers_run_by_site_and_its_own_day(records: Records) -> None:
    plant_tree(records)
    evening = NOON + 19 * HOUR  # 2026-11-22 23:00 UTC: 07:00 of the 23rd in Shanghai, the first minute of the 23rd in Berlin
    assert keep_report(records).number == "mall-20261122-001"
    assert keep_report(records).number == "mall-20261122-002"
    assert keep_report(records, now_ms=evening - HOUR, site_id="plant").number == "plant-20261122-001"
    assert keep_report(records, now_ms=evening - HOUR).number == "mall-20261123-001"
    assert keep_report(records, now_ms=evening, site_id="plant").number == "plant-20261123-001"


def test_reports_that_race_get_different_numbers(records: Records) -> None:
    plant_tree(records)
    made: list[Hazard] = []
    threads = [threading.Thread(target=lambda: made.append(keep_report(records))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(hazard.number for hazard in made) == [f"mall-20261122-{n:03d}" for n in range(1, 9)]
    assert records.audit_break() is None


def test_alarms_of_one_point_that_race_open_one_hazard(records: Records) -> None:
    plant_tree(records)
    keep_alarm(records, *(alarm(f"a{i}", point_id="gas-1:lel") for i in range(6)))
    threads = [threading.Thread(target=from_alarm, args=(records, f"a{i}")) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (hazard,) = records.hazards(HazardQuery(), None).items
    assert (hazard.recurrences, sorted(hazard.alarm_ids)) == (5, [f"a{i}" for i in range(6)])


def test_a_point_that_alarms_again_adds_to_its_open_hazard(records: Records) -> None:
    keep_alarm(records, alarm("a1", point_id="p"), alarm("a2", point_id="p"), alarm("a3", point_id="q"))
    first, _ = from_alarm(records, "a1")
    second, step = from_alarm(records, "a2")
    other, _ = from_alarm(records, "a3")
    assert (second.id, second.recurrences, step.act) == (first.id, 1, "recur")
    assert other.id != first.id
    with pytest.raises(IllegalStep, match="already belongs"):
        from_alarm(records, "a1")
    assert [each.id for each in records.hazards(HazardQuery(alarm="a2"), None).items] == [first.id]


def test_an_alarm_that_has_ended_and_the_scan_has_forgotten_learns_its_hazard_all_the_same(records: Records) -> None:
    keep_alarm(records, alarm("open"), replace(alarm("over"), subject="point:other:lel", ended_ms=NOON))
    for alarm_id, learns in (("over", True), ("open", False)):
        hazard, _ = from_alarm(records, alarm_id)
        assert records.alarm(alarm_id).hazard_id == (hazard.id if learns else None), "an open one is told by the scan"


def test_an_accepted_hazard_is_reopened_within_thirty_days(records: Records) -> None:
    keep_alarm(records, *(alarm(f"a{i}", point_id="p") for i in range(3)))
    first, _ = from_alarm(records, "a0")
    to_accepted(records, first.id)
    again, _ = from_alarm(records, "a1", NOON + 30 * DAY - 1)
    assert (again.id, again.state, again.recurrences) == (first.id, HazardState.CONFIRMED, 1)
    records.change_hazard(first.id, lambda h: loop.reject(h, reason="test", who="u3", now_ms=NOON + 30 * DAY), "u3")
    fresh, _ = from_alarm(records, "a2", NOON + 31 * DAY)
    assert fresh.id != first.id


def test_a_merged_hazard_stands_for_what_it_was_merged_into(records: Records) -> None:
    keep_alarm(records, alarm("a1", point_id="p"), alarm("a2", point_id="p"))
    merged, _ = from_alarm(records, "a1")
    main = keep_report(records)
    records.change_hazard(merged.id, lambda h: loop.merge(h, into=main, reason="same", who="u3", now_ms=NOON), "u3")
    again, _ = from_alarm(records, "a2")
    assert (again.id, again.recurrences) == (main.id, 1)


def test_an_alarm_that_the_records_do_not_have_yet_still_finds_the_hazard_of_its_point(records: Records) -> None:
    keep_alarm(records, alarm("a1", point_id="p"))
    first, _ = from_alarm(records, "a1")
    ahead = alarm("a2", point_id="p")

    def make(number: str, present: Hazard | None) -> tuple[Hazard, HazardStep]:
        if present is not None:
            return loop.recur(present, alarm_id=ahead.id, who="u1", now_ms=NOON)
        return report(number, ahead)

    again, _ = records.report_hazard(make, "mall", ahead.id, "u1", NOON)
    assert (again.id, again.alarm_ids) == (first.id, ("a1", "a2"))


def test_a_refused_step_changes_nothing(records: Records) -> None:
    hazard = keep_report(records)
    with pytest.raises(IllegalStep):
        records.change_hazard(hazard.id, lambda h: loop.submit(h, note="x", who="u2", now_ms=NOON), "u2")
    assert records.hazard(hazard.id) == hazard
    assert len(records.hazard_steps(hazard.id)) == 1


def test_steps_that_race_are_made_one_after_the_other(records: Records) -> None:
    hazard = keep_report(records)
    refused: list[Exception] = []

    def confirm() -> None:
        try:
            records.change_hazard(hazard.id, lambda h: loop.reject(h, reason="x", who="u3", now_ms=NOON), "u3")
        except IllegalStep as error:
            refused.append(error)

    threads = [threading.Thread(target=confirm) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (records.hazard(hazard.id).version, len(refused)) == (2, 5)


def ledger(records: Records) -> dict[str, Hazard]:
    plant_tree(records)
    return {
        "valve": keep_report(records, now_ms=NOON, deadline_ms=NOON + HOUR),
        "wire": keep_report(records, now_ms=NOON + 1, title="Bare wire", category="electrical", source=Source.GRID, deadline_ms=None),
        "press": keep_report(records, now_ms=NOON + 2, site_id="plant", enterprise_id="e2", title="Press", deadline_ms=NOON + DAY),
        "closed": to_accepted(records, keep_report(records, now_ms=NOON + 3, title="closed").id),
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (HazardQuery(), ["closed", "press", "wire", "valve"]),
        (HazardQuery(state="open"), ["press", "wire", "valve"]),
        (HazardQuery(state="accepted"), ["closed"]),
        (HazardQuery(state="overdue", now_ms=NOON + HOUR - 1), []),
        (HazardQuery(state="overdue", now_ms=NOON + HOUR), ["valve"]),
        (HazardQuery(site="plant"), ["press"]),
        (HazardQuery(enterprise="e1", state="open"), ["wire", "valve"]),
        (HazardQuery(source="grid"), ["wire"]),
        (HazardQuery(grade="general"), ["closed"]),
        (HazardQuery(q="bare"), ["wire"]),
        (HazardQuery(q="20261122-002"), ["wire"]),
        (HazardQuery(limit=2), ["closed", "press"]),
    ],
)
def test_hazards_are_found(records: Records, query: HazardQuery, expected: list[str]) -> None:
    names = {hazard.id: name for name, hazard in ledger(records).items()}
    found = records.hazards(query, None)
    assert [names[hazard.id] for hazard in found.items] == expected
    if query.limit == 2:
        rest = records.hazards(replace(query, cursor=found.next_cursor), None)
        assert [names[hazard.id] for hazard in rest.items] == ["wire", "valve"]


def test_hazards_are_scoped_and_counted(records: Records) -> None:
    ledger(records)
    assert [h.site_id for h in records.hazards(HazardQuery(), frozenset({"plant"})).items] == ["plant"]
    counts = records.hazard_counts(HazardQuery(now_ms=NOON + HOUR), None)
    assert (counts["state"], counts["due"]) == ({"reported": 3, "accepted": 1}, {"open": 3, "overdue": 1, "listed": 0, "unlisted_major": 0})
    assert (counts["grade"], counts["source"]) == ({"": 3, "general": 1}, {"self_check": 3, "grid": 1})
    assert (counts["site"], counts["enterprise"]) == ({"mall": 3, "plant": 1}, {"e1": 3, "e2": 1})
    assert records.hazard_counts(HazardQuery(), frozenset({"plant"}))["site"] == {"plant": 1}
    overdue = records.hazard_counts(HazardQuery(state="overdue", now_ms=NOON + HOUR), None)
    assert (overdue["state"], overdue["source"], overdue["due"]) == (
        {"reported": 1},
        {"self_check": 1},
        {"open": 1, "overdue": 1, "listed": 0, "unlisted_major": 0},
    )
    with pytest.raises(ValueError, match="no hazard state 'lost'"):
        records.hazards(HazardQuery(state="lost"), None)


def test_overdue_in_the_list_is_the_loops_own_overdue(records: Records) -> None:
    hazards = list(ledger(records).values())
    for now_ms in (NOON, NOON + HOUR - 1, NOON + HOUR, NOON + DAY, NOON + 2 * DAY):
        listed = {hazard.id for hazard in records.hazards(HazardQuery(state="overdue", now_ms=now_ms), None).items}
        assert listed == {hazard.id for hazard in hazards if loop.is_overdue(hazard, now_ms)}


def test_the_day_of_a_site_ends_at_its_own_midnight_also_when_clocks_change(records: Records) -> None:
    plant_tree(records)
    with reading(records.engine) as connection:
        assert records_hazards.day_end_ms(connection, "mall", NOON) == NOON + 12 * HOUR
        assert records_hazards.day_end_ms(connection, "nowhere", NOON) == NOON + 20 * HOUR  # UTC
        autumn = 1_792_879_200_000  # 2026-10-25 00:00 in Berlin: a day of 25 hours
        assert records_hazards.day_end_ms(connection, "plant", autumn) == autumn + 25 * HOUR
