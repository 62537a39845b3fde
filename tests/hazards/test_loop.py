"""The hazard loop: the full product of states and acts, and what each step demands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from alarms.model import Alarm, Attention, Condition
from hazards import loop
from hazards.errors import HazardError, IllegalStep, Incomplete, NotAllowed
from hazards.model import Grade, Hazard, HazardAct, HazardState, HazardStep, Rectification, Source
from rules.model import Severity

NOON = 1_795_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
PLAN = Rectification(person="王", measures="换阀", funds="500", deadline_ms=NOON + DAY, contingency="关总阀")

Stepped = tuple[Hazard, HazardStep]


def reported(**changed: Any) -> Hazard:
    hazard, _ = loop.report(
        number="m1-20261122-001",
        enterprise_id="e1",
        site_id="m1",
        source=Source.SELF_CHECK,
        category="gas",
        title="leaking valve",
        description="",
        who="u1",
        now_ms=NOON,
        deadline_ms=NOON + 12 * HOUR,
    )
    return replace(hazard, **changed)


def in_state(state: HazardState) -> Hazard:
    submitted = {"rectified_by": "u2", "submitted_ms": NOON} if state in (HazardState.SUBMITTED, HazardState.ACCEPTED) else {}
    closed = {"closed_ms": NOON} if state not in loop.OPEN else {}
    return reported(state=state, grade=Grade.GENERAL, rectification=PLAN, **submitted, **closed)


ACTS: dict[HazardAct, Callable[[Hazard], Stepped]] = {
    HazardAct.CONFIRM: lambda h: loop.confirm(h, grade=Grade.GENERAL, who="u3", now_ms=NOON + 1),
    HazardAct.RECTIFY: lambda h: loop.rectify(h, plan=PLAN, who="u2", now_ms=NOON + 1),
    HazardAct.SUBMIT: lambda h: loop.submit(h, note="done", who="u2", now_ms=NOON + 1),
    HazardAct.ACCEPT: lambda h: loop.accept(h, who="u3", now_ms=NOON + 1, as_supervisor=False),
    HazardAct.RETURN: lambda h: loop.return_(h, reason="still leaks", who="u3", now_ms=NOON + 1),
    HazardAct.REJECT: lambda h: loop.reject(h, reason="none", who="u3", now_ms=NOON + 1),
    HazardAct.MERGE: lambda h: loop.merge(h, into=reported(id="other"), reason="same", who="u3", now_ms=NOON + 1),
    HazardAct.RECUR: lambda h: loop.recur(h, alarm_id="a9", who=None, now_ms=NOON + 1),
}

EXPECTED = {
    "reported": {"confirm": "confirmed", "reject": "rejected", "merge": "merged", "recur": "reported"},
    "confirmed": {"confirm": "confirmed", "rectify": "rectifying", "reject": "rejected", "merge": "merged", "recur": "confirmed"},
    "rectifying": {"rectify": "rectifying", "submit": "submitted", "merge": "merged", "recur": "rectifying"},
    "submitted": {"accept": "accepted", "return": "rectifying", "recur": "submitted"},
    "accepted": {"recur": "confirmed"},
    "rejected": {},
    "merged": {},
}


@pytest.mark.parametrize(("state", "act"), list(product(HazardState, ACTS)))
def test_every_state_takes_exactly_the_acts_of_its_row(state: HazardState, act: HazardAct) -> None:
    hazard = in_state(state)
    expected = EXPECTED[state].get(act)
    if expected is None:
        with pytest.raises(IllegalStep, match=rf"{act} of hazard m1-20261122-001, which is {state}: allowed is ") as refused:
            ACTS[act](hazard)
        assert all(word in str(refused.value) for word in EXPECTED[state])
        return
    after, step = ACTS[act](hazard)
    assert (after.state, after.version) == (expected, hazard.version + 1)
    assert (step.hazard_id, step.version, step.act, step.before, step.after) == (hazard.id, after.version, act, state, expected)


def test_only_a_report_or_a_fix_on_the_spot_makes_a_hazard() -> None:
    assert loop.allowed(None) == (HazardAct.REPORT, HazardAct.FIX)
    assert {state for state, act in loop.TABLE if act in (HazardAct.REPORT, HazardAct.FIX)} == {None}


def test_from_found_to_accepted() -> None:
    hazard, first = loop.report(
        number="m1-20261122-001", enterprise_id="e1", site_id="m1", source=Source.GRID, category="electrical",
        title="bare wire", description="", who="u1", now_ms=NOON,
    )  # fmt: skip
    assert (first.version, first.before, first.act) == (1, "", HazardAct.REPORT)
    hazard, _ = loop.confirm(hazard, grade=Grade.GENERAL, who="u3", now_ms=NOON + 1)
    hazard, _ = loop.rectify(hazard, plan=PLAN, who="u2", now_ms=NOON + 2)
    hazard, _ = loop.submit(hazard, note="rewired", who="u2", now_ms=NOON + 3)
    hazard, _ = loop.return_(hazard, reason="cover missing", who="u3", now_ms=NOON + 4)
    assert hazard.submitted_ms is None
    hazard, _ = loop.submit(hazard, note="cover put on", who="u2", now_ms=NOON + 5)
    hazard, last = loop.accept(hazard, who="u3", now_ms=NOON + 6, as_supervisor=False)
    assert (hazard.closed_ms, hazard.version, last.version) == (NOON + 6, 7, 7)


def test_the_same_number_is_the_same_hazard() -> None:
    assert reported().id == reported().id


def test_the_accepter_is_not_the_rectifier() -> None:
    submitted = in_state(HazardState.SUBMITTED)
    with pytest.raises(NotAllowed, match="u2, who rectified it: somebody else"):
        loop.accept(submitted, who="u2", now_ms=NOON, as_supervisor=True)


def test_a_major_hazard_is_accepted_by_the_supervising_body_only() -> None:
    major = replace(in_state(HazardState.SUBMITTED), grade=Grade.MAJOR)
    with pytest.raises(NotAllowed, match="only the supervising body"):
        loop.accept(major, who="u3", now_ms=NOON, as_supervisor=False)
    assert loop.accept(major, who="u3", now_ms=NOON, as_supervisor=True)[0].state is HazardState.ACCEPTED


@pytest.mark.parametrize("item", ["person", "measures", "funds", "deadline_ms", "contingency"])
def test_rectification_needs_each_of_the_five_items(item: str) -> None:
    lacking: dict[str, Any] = {item: None if item == "deadline_ms" else "  "}
    plan = replace(PLAN, **lacking)
    with pytest.raises(Incomplete, match=item.removesuffix("_ms")):
        loop.rectify(in_state(HazardState.CONFIRMED), plan=plan, who="u2", now_ms=NOON)


def test_a_deadline_lies_ahead() -> None:
    with pytest.raises(Incomplete, match="past"):
        loop.rectify(in_state(HazardState.CONFIRMED), plan=replace(PLAN, deadline_ms=NOON), who="u2", now_ms=NOON)


NEEDS_WORDS: dict[str, Callable[[], Stepped]] = {
    "confirm without a grade": lambda: loop.confirm(reported(), grade=None, who="u3", now_ms=NOON),
    "submit without what was done": lambda: loop.submit(in_state(HazardState.RECTIFYING), note=" ", who="u2", now_ms=NOON),
    "return without a reason": lambda: loop.return_(in_state(HazardState.SUBMITTED), reason="", who="u3", now_ms=NOON),
    "reject without a reason": lambda: loop.reject(reported(), reason="", who="u3", now_ms=NOON),
    "merge without a reason": lambda: loop.merge(reported(), into=reported(id="x"), reason="", who="u3", now_ms=NOON),
    "report without a title": lambda: loop.report(
        number="n", enterprise_id="e", site_id="s", source=Source.GRID, category="gas", title="", description="", who="u", now_ms=NOON
    ),
}


@pytest.mark.parametrize("case", NEEDS_WORDS)
def test_a_step_without_its_words_is_refused(case: str) -> None:
    with pytest.raises(Incomplete):
        NEEDS_WORDS[case]()


@pytest.mark.parametrize(
    "into",
    [reported(), reported(id="x", state=HazardState.ACCEPTED), reported(id="x", enterprise_id="e2")],
    ids=["itself", "a closed one", "another enterprise's"],
)
def test_a_hazard_merges_only_into_another_open_one_of_its_enterprise(into: Hazard) -> None:
    with pytest.raises(IllegalStep, match="another open hazard of the same enterprise"):
        loop.merge(reported(), into=into, reason="same", who="u3", now_ms=NOON)


@pytest.mark.parametrize(
    ("clean_since_ms", "note", "is_accepted"),
    [
        (None, "", False),
        (NOON - 72 * HOUR + 1, "", False),
        (NOON - 72 * HOUR, "", True),
        (None, "detector replaced, tested with smoke", True),
        (NOON - HOUR, "valve replaced", True),
    ],
    ids=["in alarm", "just under 72 h", "72 h", "in alarm with a reason", "one hour with a reason"],
)
def test_an_alarm_born_hazard_needs_its_point_clean_or_a_reason(clean_since_ms: int | None, note: str, is_accepted: bool) -> None:
    hazard = replace(in_state(HazardState.SUBMITTED), source=Source.ALARM)

    def accept() -> Stepped:
        return loop.accept(hazard, who="u3", now_ms=NOON, as_supervisor=False, clean_since_ms=clean_since_ms, note=note)

    if is_accepted:
        assert accept()[0].state is HazardState.ACCEPTED
    else:
        with pytest.raises(Incomplete, match="72 h"):
            accept()


@pytest.mark.parametrize("state", list(HazardState))
def test_overdue_is_derived_and_its_clock_stops_at_submitted(state: HazardState) -> None:
    hazard = replace(in_state(state), rectification=replace(PLAN, deadline_ms=NOON))
    assert not loop.is_overdue(hazard, NOON - 1)
    assert loop.is_overdue(hazard, NOON) is (state in (HazardState.REPORTED, HazardState.CONFIRMED, HazardState.RECTIFYING))
    assert not loop.is_overdue(replace(hazard, rectification=Rectification()), NOON)


def test_a_recurrence_is_counted_on_the_open_hazard() -> None:
    hazard, step = loop.recur(in_state(HazardState.RECTIFYING), alarm_id="a2", who=None, now_ms=NOON)
    assert (hazard.recurrences, hazard.alarm_ids, step.who) == (1, ("a2",), None)
    with pytest.raises(IllegalStep, match="already belongs"):
        loop.recur(hazard, alarm_id="a2", who="u1", now_ms=NOON)


def test_an_accepted_hazard_is_reopened_within_thirty_days_and_not_after() -> None:
    accepted = replace(in_state(HazardState.ACCEPTED), alarm_ids=("a1",))
    again, _ = loop.recur(accepted, alarm_id="a1", who=None, now_ms=NOON + 30 * DAY - 1, deadline_ms=NOON + 31 * DAY)
    assert (again.state, again.recurrences, again.closed_ms, again.rectified_by) == (HazardState.CONFIRMED, 1, None, None)
    assert (again.rectification.deadline_ms, again.grade, again.alarm_ids) == (NOON + 31 * DAY, Grade.GENERAL, ("a1",))
    with pytest.raises(IllegalStep, match="report a new hazard"):
        loop.recur(accepted, alarm_id="a2", who=None, now_ms=NOON + 30 * DAY)


def test_a_hazard_is_prefilled_from_its_alarm() -> None:
    alarm = Alarm(
        id="a1", rule_id="r1", rule_version=1, rule_name="可燃气体", rule_name_en="gas", kind="gas", subject="point:d1:lel",
        point_id="d1:lel", site_id="m1", site_name="商场", zone_id="z1", zone_name="厨房", device_id="d1", device_name="探测器1",
        metric="lel", unit="%LEL", severity=Severity.CRITICAL, level=1, limit=50.0, value=52.0, peak_value=52.0,
        condition=Condition.ACTIVE, attention=Attention.UNACKNOWLEDGED, is_latched=True, needs_reset=True, is_late=False,
        raised_ms=NOON, arrived_ms=NOON, changed_ms=NOON,
    )  # fmt: skip
    hazard, _ = loop.report_alarm(
        alarm, number="n1", enterprise_id="e1", who=None, now_ms=NOON, deadline_ms=NOON + DAY, reason="3 times in 7 days"
    )
    assert (hazard.source, hazard.category, hazard.title) == (Source.ALARM, "gas", "厨房 探测器1 可燃气体")
    assert hazard.description == "可燃气体 lel = 52 %LEL; 3 times in 7 days"
    assert (hazard.alarm_ids, hazard.point_id, hazard.zone_id) == (("a1",), "d1:lel", "z1")


def test_every_refusal_is_of_one_tree() -> None:
    assert {IllegalStep, NotAllowed, Incomplete} == set(HazardError.__subclasses__())
