"""The projector: in order, once, behind a database that comes and goes, and what it does with what it cannot write."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from alarms.linkage import HazardWanted, NotifyWanted
from alarms.model import Alarm, Attention, Condition, Signal, Transition
from alarms.queries import AlarmQuery
from alarms.requests import LinkHazard
from hazards.model import Hazard, HazardAct, HazardState, HazardStep
from hazards.queries import HazardQuery
from power.model import OrderState
from rules.model import Severity
from sites.model import Circuit, CircuitClass, Site
from storage import project, tables
from storage.database import reading, writing
from storage.migrate import upgrade
from storage.projection import Outcome
from storage.projector import Projector
from storage.records import Records
from tests import servers
from tests.storage.records_samples import CIRCUITS, NOON, SITES, alarm, order, plant_tree, raised, requested


def outcome(position: int, **changed: Any) -> Outcome:
    return Outcome(position=position, now_ms=NOON + position, **changed)


def raises(position: int, alarm_id: str = "", **changed: Any) -> Outcome:
    return outcome(position, transitions=[raised(alarm(alarm_id or f"a{position}", raised_ms=NOON + position, **changed))])


@dataclass
class Heard:
    """What the projector called, and the journal that it may ask."""

    journal: list[Outcome] = field(default_factory=list)
    refills: list[int] = field(default_factory=list)
    hazards: list[tuple[Hazard, HazardStep]] = field(default_factory=list)
    links: list[LinkHazard] = field(default_factory=list)
    configuration: list[Circuit | Site] = field(default_factory=list)
    notified: int = 0

    def refill(self, position: int) -> Iterator[Outcome]:
        self.refills.append(position)
        return iter([each for each in self.journal if each.position > position])

    def notify(self) -> None:
        self.notified += 1

    def projector(self, records: Records, **more: Any) -> Projector:
        return Projector(
            records.engine,
            refill=self.refill,
            on_hazard=lambda hazard, step: self.hazards.append((hazard, step)),
            link_hazard=self.links.append,
            on_configuration=self.configuration.append,
            on_notify=self.notify,
            **more,
        )


@contextmanager
def running(records: Records, heard: Heard | None = None, **more: Any) -> Iterator[Projector]:
    projector = (heard or Heard()).projector(records, **more)
    projector.start()
    try:
        yield projector
    finally:
        projector.close()


def project_all(records: Records, outcomes: Sequence[Outcome], heard: Heard | None = None) -> None:
    with running(records, heard) as projector:
        for each in outcomes:
            projector.feed(each)
        assert projector.wait(outcomes[-1].position, 20)
        assert projector.degraded_reason is None


def eventually(holds: Callable[[], object], within_s: float = 20) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.01)


def everything(records: Records) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the projected tables."""
    names = ("alarms", "transitions", "orders", "order_steps", "firings", "outbox", "points", "inbox_devices", "projection", "audit")
    with reading(records.engine) as connection:
        return {name: sorted(map(tuple, connection.execute(select(tables.metadata.tables[name]))), key=repr) for name in names}


# -- order and once ----------------------------------------------------------------------------------------------------


def test_outcomes_reach_the_records_with_their_position(records: Records) -> None:
    step = requested(order(state=OrderState.REQUESTED))
    sent = replace(step, order=order(state=OrderState.SENT, seq=2, sent_ms=NOON + 1), before="requested", at_ms=NOON + 1)
    project_all(records, [raises(1), outcome(2, order_steps=[step]), outcome(3), outcome(4, order_steps=[sent], points=[("d", "lel")])])
    assert records.position() == 4
    assert records.alarm("a1").raised_ms == NOON + 1
    assert records.order("o1") == sent.order
    assert records.order_steps("o1") == [step, sent]
    assert records.all_points() == [("d", "lel")]


def test_outcomes_fed_again_after_a_restart_change_nothing(records: Records) -> None:
    outcomes = [raises(1), outcome(2, order_steps=[requested(order())]), raises(3)]
    project_all(records, outcomes)
    before = everything(records)
    project_all(records, [*outcomes, outcome(4)])
    after = everything(records)
    assert after.pop("projection") == [("records", 4)]
    before.pop("projection")
    assert after == before


def test_a_second_projector_by_mistake_writes_nothing_twice(records: Records) -> None:
    outcomes = [outcome(p, transitions=[raised(alarm(f"a{p}"), who="u1")]) for p in range(1, 60)]
    with running(records) as one, running(records) as other:
        for each in outcomes:
            one.feed(each)
            other.feed(each)
        assert one.wait(59, 20)
        assert other.wait(59, 20)
    assert len(records.alarms(AlarmQuery(limit=100), None).items) == 59
    assert (records.audit_break(), len(everything(records)["audit"])) == (None, 59)


def test_an_alarm_may_end_and_its_subject_alarm_again_in_one_batch(records: Records) -> None:
    first = alarm("a1", subject="s")
    ended = replace(first, ended_ms=NOON + 1, seq=2, condition=Condition.NORMAL, attention=Attention.ACKNOWLEDGED)
    second = alarm("b2", subject="s", raised_ms=NOON + 2)
    transitions = [raised(first), Transition(alarm=ended, signal=Signal.CLEARED, at_ms=NOON + 1), raised(second)]
    project_all(records, [raises(1, "other"), outcome(2, transitions=transitions)])
    assert [each.id for each in records.alarms(AlarmQuery(state="open"), None).items] == ["b2", "other"]
    assert [each.alarm.seq for each in records.transitions("a1")] == [1, 2]


def test_empty_outcomes_cost_no_transaction_each_but_waiting_works(records: Records) -> None:
    with running(records) as projector:
        began = time.monotonic()
        for position in range(1, 20_001):
            projector.feed(outcome(position))
        assert projector.wait(20_000, 5)
        assert time.monotonic() - began < 5
        projector.feed(outcome(20_001))
        assert projector.wait(20_001, 5)
        assert not projector.wait(20_002, 0.05)
        projector.feed(outcome(20_002))
        eventually(lambda: records.position() == 20_002)


def test_who_waits_ahead_is_woken_by_an_empty_outcome(records: Records) -> None:
    with running(records) as projector:
        projector.feed(outcome(1))
        assert projector.wait(1, 5)
        reached: list[float] = []

        def wait() -> None:
            if projector.wait(2, 5):
                reached.append(time.monotonic())

        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.05)
        began = time.monotonic()
        projector.feed(outcome(2))
        waiting.join()
        assert reached[0] - began < 0.15


def test_closing_writes_what_is_there(records: Records) -> None:
    with running(records) as projector:
        for position in range(1, 400):
            projector.feed(raises(position))
    assert records.position() == 399


STATES = (Attention.UNACKNOWLEDGED, Attention.ACKNOWLEDGED)


def story(seeds: Sequence[int]) -> list[Outcome]:
    """Outcomes in which few subjects raise, change and end their alarms again and again."""
    open_alarms: dict[int, Alarm] = {}
    outcomes = []
    for position, seed in enumerate(seeds, 1):
        subject, act = seed % 3, seed // 3 % 4
        now = open_alarms.get(subject)
        if now is None:
            now = alarm(f"x{position}", subject=f"s{subject}", raised_ms=NOON + position)
            signal = Signal.RAISED
        elif act == 0:
            now = replace(now, ended_ms=NOON + position, seq=now.seq + 1)
            signal = Signal.RESET
        else:
            now = replace(now, severity=Severity(act), attention=STATES[act % 2], seq=now.seq + 1, changed_ms=NOON + position)
            signal = Signal.STEPPED_UP
        open_alarms[subject] = now
        if now.ended_ms is not None:
            del open_alarms[subject]
        changes = [] if seed % 7 == 6 and signal is Signal.STEPPED_UP else [Transition(alarm=now, signal=signal, at_ms=NOON, who="u")]
        outcomes.append(outcome(position, transitions=changes))
    return outcomes


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seeds=st.lists(st.integers(0, 83), min_size=1, max_size=60), cuts=st.lists(st.integers(1, 20), min_size=1, max_size=8))
def test_batching_does_not_matter(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path, seeds: list[int], cuts: list[int]) -> None:
    folder = tmp_path_factory.mktemp("batching")
    outcomes = story(seeds)
    results = []
    for name, sizes in (("one", [1]), ("many", cuts), ("all", [len(outcomes)])):
        path = folder / f"{name}.db"
        path.write_bytes(migrated_file.read_bytes())
        records = Records.open(f"sqlite:///{path}")
        start, turn = 0, 0
        while start < len(outcomes):
            stop = start + sizes[turn % len(sizes)]
            with writing(records.engine) as connection:
                project.apply(connection, outcomes[start:stop])
            start, turn = stop, turn + 1
        results.append(everything(records))
        records.close()
    assert results[0] == results[1] == results[2]


# -- a database that is away -------------------------------------------------------------------------------------------


@pytest.mark.wire
def test_while_the_database_is_away_nobody_waits_and_afterwards_it_catches_up() -> None:
    with servers.postgres() as server:
        upgrade(server.url)
        records = Records.open(server.url)
        with running(records) as projector:
            projector.feed(raises(1))
            assert projector.wait(1, 10)
            server.kill()
            began = time.monotonic()
            for position in range(2, 502):
                projector.feed(raises(position))
            assert time.monotonic() - began < 0.5
            assert not projector.wait(501, 0.2)
            eventually(lambda: projector.degraded_reason is not None)
            assert "the records cannot be reached" in (projector.degraded_reason or "")
            server.start()
            assert projector.wait(501, 20)
            eventually(lambda: projector.degraded_reason is None)
            assert len(records.alarms(AlarmQuery(limit=1_000), None).items) == 501
        records.close()


def test_records_that_are_not_there_at_the_start_are_filled_when_they_come(empty_url: str) -> None:
    records = Records.open(empty_url)
    with running(records) as projector:
        projector.feed(raises(1))
        eventually(lambda: projector.degraded_reason is not None)
        records.upgrade()
        assert projector.wait(1, 20)
        eventually(lambda: projector.degraded_reason is None)
    records.close()


def test_beyond_its_bound_memory_is_let_go_and_made_again_from_the_journal(empty_url: str) -> None:
    records = Records.open(empty_url)
    journal = [raises(position) for position in range(1, 301)]
    heard = Heard(journal)
    with running(records, heard, most_changes=50) as projector:
        for each in journal[:200]:
            projector.feed(each)
        eventually(lambda: projector.degraded_reason is not None)
        records.upgrade()
        assert projector.wait(200, 20)
        for each in journal[200:]:
            projector.feed(each)
        assert projector.wait(300, 20)
        assert (projector.needs_replay_from, projector.degraded_reason) == (None, None)
    assert heard.refills[0] == 0
    assert sorted(each.id for each in records.alarms(AlarmQuery(limit=1_000), None).items) == sorted(f"a{p}" for p in range(1, 301))
    records.close()


def test_a_start_ahead_of_the_records_is_filled_from_the_journal(records: Records) -> None:
    journal = [raises(position) for position in range(1, 11)]
    project_all(records, journal[:3])
    heard = Heard(journal)
    project_all(records, journal[7:], heard)
    assert (heard.refills, len(records.alarms(AlarmQuery(), None).items)) == ([3], 10)


def test_positions_skipped_by_the_feed_are_filled_from_the_journal(records: Records) -> None:
    journal = [raises(position) for position in range(1, 11)]
    heard = Heard(journal)
    with running(records, heard) as projector:
        for each in (*journal[:4], *journal[7:]):
            projector.feed(each)
        assert projector.wait(10, 20)
    assert len(records.alarms(AlarmQuery(), None).items) == 10


def test_what_the_journal_no_longer_has_is_said_and_the_rest_goes_on(records: Records) -> None:
    with running(records, Heard()) as projector:
        projector.feed(raises(1))
        assert projector.wait(1, 20)
        projector.feed(raises(9))
        assert projector.wait(9, 20)
        assert projector.degraded_reason == "positions 2 to 8 are no longer in the journal and not in the records"
    assert {each.id for each in records.alarms(AlarmQuery(), None).items} == {"a1", "a9"}


def test_a_hole_in_what_is_made_again_is_said_and_the_rest_goes_on(records: Records) -> None:
    heard = Heard(journal=[raises(position) for position in (5, 6, 7, 8)])
    with running(records, heard) as projector:
        projector.feed(raises(1))
        assert projector.wait(1, 20)
        projector.feed(raises(8))
        assert projector.wait(8, 20)
        assert projector.degraded_reason == "positions 2 to 4 are no longer in the journal and not in the records"
    assert {each.id for each in records.alarms(AlarmQuery(), None).items} == {"a1", "a5", "a6", "a7", "a8"}


def test_a_journal_that_fails_to_read_is_asked_again(records: Records) -> None:
    journal = [raises(position) for position in range(1, 6)]
    asked: list[int] = []

    def refill(position: int) -> Iterator[Outcome]:
        asked.append(position)
        if len(asked) == 1:
            raise OSError("input/output error")
        return iter(journal[position:])

    projector = Projector(records.engine, refill=refill)
    projector.start()
    projector.feed(journal[4])
    assert projector.wait(5, 20)
    projector.close()
    assert asked == [0, 0]
    assert len(records.alarms(AlarmQuery(), None).items) == 5


def test_what_the_tables_refuse_is_set_aside_and_the_rest_goes_on(records: Records) -> None:
    twice = [raised(alarm("t1", subject="s")), raised(alarm("t2", subject="s"))]
    too_big = raised(alarm("t3", raised_ms=2**70))
    with running(records) as projector:
        for each in (raises(1), outcome(2, transitions=twice), raises(3), outcome(4, transitions=[too_big]), raises(5)):
            projector.feed(each)
        assert projector.wait(5, 20)
        assert "was set aside" in (projector.degraded_reason or "")
    assert {each.id for each in records.alarms(AlarmQuery(), None).items} == {"a1", "a3", "a5"}
    assert records.unprojected() == 2


# -- notices, configuration, audit -------------------------------------------------------------------------------------


def test_a_notice_becomes_one_row_of_the_outbox_with_its_severity(records: Records) -> None:
    wanted = NotifyWanted(key="k", linkage_id="tell", alarm_id="a1", alarm_seq=1, to="a@example.org", at_ms=NOON)
    heard = Heard()
    of_alarm = raises(1, severity=Severity.CRITICAL)
    of_alarm.notifies = [wanted]
    project_all(records, [of_alarm, outcome(2, notifies=[wanted, replace(wanted, key="later")])], heard)
    eventually(lambda: heard.notified > 0)
    with reading(records.engine) as connection:
        o = tables.outbox
        rows = connection.execute(select(o.c.key, o.c.severity, o.c.next_try_ms).order_by(o.c.key)).all()
    assert [tuple(row) for row in rows] == [("k", 4, NOON), ("later", 4, NOON)]


def test_a_change_by_request_becomes_the_kept_configuration(records: Records) -> None:
    plant_tree(records)
    fire = replace(CIRCUITS[0], circuit_class=CircuitClass.FIRE, trial=None, version=2)
    commanding = replace(SITES[0], commanding=True, version=2)
    heard = Heard()
    project_all(records, [outcome(1, circuits=[fire], sites=[commanding, replace(SITES[0], id="removed", version=7)])], heard)
    assert (records.thing("circuit", "K-3"), records.thing("site", "mall")) == (fire, commanding)
    assert (heard.configuration, records.audit_break()) == ([], None)


def test_a_change_by_request_and_an_edit_of_the_same_version_are_both_kept(records: Records) -> None:
    plant_tree(records)
    records.update("circuit", replace(CIRCUITS[0], name="新名"), "u1", NOON)
    heard = Heard()
    project_all(records, [outcome(1, circuits=[replace(CIRCUITS[0], circuit_class=CircuitClass.FIRE, trial=None, version=2)])], heard)
    both = replace(CIRCUITS[0], name="新名", circuit_class=CircuitClass.FIRE, trial=None, version=3)
    assert records.thing("circuit", "K-3") == both
    eventually(lambda: heard.configuration == [both])


def test_what_people_did_is_audited_with_its_projection(records: Records) -> None:
    acknowledged = Transition(alarm=alarm("a1", seq=2), signal=Signal.ACKNOWLEDGED, at_ms=NOON, who="u1", note="on my way")
    project_all(records, [raises(1), outcome(2, transitions=[acknowledged], order_steps=[requested(order())])])
    with reading(records.engine) as connection:
        a = tables.audit
        entries = connection.execute(select(a.c.who, a.c.what, a.c.kind, a.c.thing_id).order_by(a.c.id)).all()
    assert [tuple(entry) for entry in entries] == [("u1", "acknowledged", "alarm", "a1"), ("u1", "cut", "order", "o1")]
    assert records.audit_break() is None


# -- hazards -----------------------------------------------------------------------------------------------------------


def wants(key: str, alarm_id: str, at_ms: int = NOON) -> HazardWanted:
    return HazardWanted(key=key, linkage_id="l", alarm_id=alarm_id, at_ms=at_ms, reason="3 times in 7 days")


def test_a_wanted_hazard_is_new_once_and_then_a_recurrence(records: Records) -> None:
    plant_tree(records)
    heard = Heard()
    first = raises(1, "a1", point_id="p")
    first.hazards = [wants("k1", "a1"), wants("k1b", "a1")]
    second = raises(2, "a2", point_id="p")
    second.hazards = [wants("k2", "a2", NOON + 5)]
    project_all(records, [first, second, outcome(3, hazards=[wants("k1", "a1")])], heard)
    eventually(lambda: len(heard.links) == 3)
    (hazard,) = records.hazards(HazardQuery(), None).items
    assert (hazard.number, hazard.enterprise_id, hazard.state) == ("mall-20261122-001", "e1", HazardState.REPORTED)
    assert (hazard.recurrences, hazard.alarm_ids) == (1, ("a1", "a2"))
    assert hazard.rectification.deadline_ms == NOON + 12 * 3_600_000
    assert [step.act for _, step in heard.hazards] == [HazardAct.REPORT, HazardAct.RECUR]
    assert {(link.alarm_id, link.hazard_id) for link in heard.links} == {("a1", hazard.id), ("a2", hazard.id)}
    assert [step.who for step in records.hazard_steps(hazard.id)] == [None, None]


def test_a_hazard_wanted_before_a_crash_is_decided_after_it(records: Records) -> None:
    plant_tree(records)
    first = raises(1)
    first.hazards = [wants("k1", "a1")]
    with writing(records.engine) as connection:
        # as far as the transaction of the outcome came, and no further
        project.apply(connection, [first])
        project.store_position(connection, 1)
    heard = Heard()
    with running(records, heard):
        eventually(lambda: heard.links)
    assert [hazard.alarm_ids for hazard in records.hazards(HazardQuery(), None).items] == [("a1",)]


def test_an_open_alarm_that_was_not_told_its_hazard_is_told_after_a_restart(records: Records) -> None:
    first = raises(1)
    first.hazards = [wants("k1", "a1")]
    heard = Heard()
    project_all(records, [first], heard)
    eventually(lambda: heard.links)
    again = Heard()
    with running(records, again):
        eventually(lambda: again.links == heard.links)
    linked = alarm("a1", raised_ms=NOON + 1, hazard_id=heard.links[0].hazard_id, seq=2)
    project_all(records, [outcome(2, transitions=[Transition(alarm=linked, signal=Signal.HAZARD_LINKED, at_ms=NOON)])])
    silent = Heard()
    with running(records, silent) as projector:
        projector.feed(outcome(3))
        assert projector.wait(3, 20)
    assert (silent.links, silent.hazards) == ([], [])


def test_a_hazard_for_an_alarm_that_is_not_there_is_let_go(records: Records) -> None:
    heard = Heard()
    project_all(records, [outcome(1, hazards=[wants("k", "nothing")]), outcome(2)], heard)
    assert (heard.links, records.hazards(HazardQuery(), None).items) == ([], [])


def test_a_listener_that_fails_is_called_again(records: Records) -> None:
    calls: list[LinkHazard] = []

    def link(request: LinkHazard) -> None:
        calls.append(request)
        if len(calls) == 1:
            raise RuntimeError("inbox full")

    first = raises(1)
    first.hazards = [wants("k1", "a1")]
    projector = Projector(records.engine, refill=Heard().refill, link_hazard=link)
    projector.start()
    projector.feed(first)
    eventually(lambda: len(calls) == 2)
    projector.close()
    assert calls[0] == calls[1]
