"""What is noted on a hazard's way: the product of states and acts, and what each note demands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from hazards import deadlines, loop, notes, sources
from hazards.errors import IllegalStep, Incomplete, NotAllowed
from hazards.model import Grade, Hazard, HazardAct, HazardState, HazardStep, MajorPlan, Party, Rectification, Source, Supervision

NOON = 1_795_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
PLAN = Rectification(person="王", measures="换阀", funds="500", deadline_ms=NOON + DAY, contingency="关总阀")
LIST = Supervision(body="应急局", list_number="2026-7", deadline_ms=NOON + 30 * DAY, contact="李")
WHOLE = MajorPlan(**dict.fromkeys(MajorPlan.__slots__, "x"))
Stepped = tuple[Hazard, HazardStep]


def hazard(state: HazardState = HazardState.REPORTED, **changed: object) -> Hazard:
    made, _ = loop.report(
        number="m1-1", enterprise_id="e1", site_id="m1", source=Source.SELF_CHECK, category="gas", title="valve", description="",
        who="u1", now_ms=NOON, deadline_ms=NOON + 12 * HOUR,
    )  # fmt: skip
    return replace(made, state=state, rectification=PLAN, **changed)  # type: ignore[arg-type]


def asked(state: HazardState) -> Hazard:
    made, _ = notes.extend(hazard(HazardState.RECTIFYING), until_ms=NOON + 3 * DAY, reason="parts", who="u2", now_ms=NOON)
    return replace(made, state=state)


ACTS: dict[HazardAct, Callable[[HazardState], Stepped]] = {
    HazardAct.CONTROL: lambda s: notes.control(hazard(s), measures="fenced", who="u2", now_ms=NOON),
    HazardAct.VOUCH: lambda s: notes.vouch(hazard(s), party=Party.GRID, who="u2", now_ms=NOON),
    HazardAct.EXTEND: lambda s: notes.extend(hazard(s), until_ms=NOON + 2 * DAY, reason="parts", who="u2", now_ms=NOON),
    HazardAct.GRANT: lambda s: notes.decide(asked(s), is_granted=True, who="u3", now_ms=NOON),
    HazardAct.REFUSE: lambda s: notes.decide(asked(s), is_granted=False, who="u3", now_ms=NOON, note="no"),
    HazardAct.SUPERVISE: lambda s: notes.supervise(hazard(s, grade=Grade.MAJOR), listed=LIST, who="u3", now_ms=NOON),
    HazardAct.PROGRESS: lambda s: notes.progress(hazard(s, supervision=LIST), text="half", who="u2", now_ms=NOON),
    HazardAct.SHUT_DOWN: lambda s: notes.shut_down(hazard(s), is_full=True, note="all", who="u2", now_ms=NOON),
    HazardAct.RESUME: lambda s: notes.resume(
        notes.shut_down(hazard(), is_full=True, note="all", who="u2", now_ms=NOON)[0]
        if s is HazardState.REPORTED
        else replace(notes.shut_down(hazard(), is_full=True, note="all", who="u2", now_ms=NOON)[0], state=s),
        note="",
        who="u2",
        now_ms=NOON + 1,
    ),
    HazardAct.SPLIT: lambda s: notes.split(hazard(s), numbers=["m1-2"], reason="two things", who="u3", now_ms=NOON),
    HazardAct.LINK: lambda s: notes.link(hazard(s), alarm_ids=["a1"], order_ids=[], who="u2", now_ms=NOON),
    HazardAct.UNLINK: lambda s: notes.unlink(
        hazard(s, alarm_ids=("a1",)), alarm_ids=["a1"], order_ids=[], reason="no", who="u2", now_ms=NOON
    ),
    HazardAct.ATTACH: lambda s: notes.attach(hazard(s), name="a.jpg", who="u2", now_ms=NOON),
}


@pytest.mark.parametrize(("state", "act"), list(product(HazardState, ACTS)))
def test_a_note_is_taken_in_its_states_alone_and_leaves_the_state(state: HazardState, act: HazardAct) -> None:
    if state not in loop.NOTED[act]:
        with pytest.raises(IllegalStep, match="allowed is"):
            ACTS[act](state)
        return
    after, step = ACTS[act](state)
    assert (after.state, step.after, step.act, step.before) == (state, state, act, state)


def test_an_extension_moves_the_deadline_only_when_somebody_else_grants_it() -> None:
    waiting = asked(HazardState.RECTIFYING)
    assert waiting.rectification.deadline_ms == NOON + DAY
    with pytest.raises(IllegalStep, match="somebody else decides"):
        notes.decide(waiting, is_granted=True, who="u2", now_ms=NOON)
    with pytest.raises(IllegalStep, match="undecided"):
        notes.extend(waiting, until_ms=NOON + 4 * DAY, reason="more", who="u2", now_ms=NOON)
    granted, _ = notes.decide(waiting, is_granted=True, who="u3", now_ms=NOON)
    assert (granted.rectification.deadline_ms, granted.extensions[-1].granted, notes.pending(granted)) == (NOON + 3 * DAY, True, None)
    refused, _ = notes.decide(waiting, is_granted=False, who="u3", now_ms=NOON, note="enough time")
    assert (refused.rectification.deadline_ms, refused.extensions[-1].decided_by) == (NOON + DAY, "u3")
    with pytest.raises(Incomplete):
        notes.decide(waiting, is_granted=False, who="u3", now_ms=NOON)


def test_a_plan_once_begun_is_put_off_by_an_extension_alone() -> None:
    begun = hazard(HazardState.RECTIFYING)
    with pytest.raises(IllegalStep, match="ask for an extension"):
        loop.rectify(begun, plan=replace(PLAN, deadline_ms=NOON + 2 * DAY), who="u2", now_ms=NOON)
    assert loop.rectify(begun, plan=replace(PLAN, measures="weld"), who="u2", now_ms=NOON)[0].rectification.measures == "weld"


@pytest.mark.parametrize("part", list(MajorPlan.__slots__))
def test_a_major_hazard_needs_each_part_of_its_report_and_plan(part: str) -> None:
    major = hazard(HazardState.CONFIRMED, grade=Grade.MAJOR)
    with pytest.raises(Incomplete, match=part):
        loop.rectify(major, plan=PLAN, who="u2", now_ms=NOON, major=replace(WHOLE, **{part: " "}))
    assert loop.rectify(major, plan=PLAN, who="u2", now_ms=NOON, major=WHOLE)[0].state is HazardState.RECTIFYING


def test_acceptance_takes_a_listed_one_off_the_list_and_until_then_it_stays_major() -> None:
    listed, _ = notes.supervise(hazard(HazardState.SUBMITTED, grade=Grade.MAJOR), listed=LIST, who="u3", now_ms=NOON)
    with pytest.raises(IllegalStep, match="stays major"):
        loop.confirm(replace(listed, state=HazardState.CONFIRMED), grade=Grade.GENERAL, who="u3", now_ms=NOON)
    closed, _ = loop.accept(listed, who="u3", now_ms=NOON + 5, as_supervisor=True)
    assert closed.supervision is not None
    assert closed.supervision.lifted_ms == NOON + 5
    with pytest.raises(IllegalStep, match="only a major one is listed"):
        notes.supervise(hazard(HazardState.CONFIRMED, grade=Grade.GENERAL), listed=LIST, who="u3", now_ms=NOON)


def test_nobody_who_submitted_it_in_any_round_accepts_it_nor_whom_the_plan_names() -> None:
    begun = replace(hazard(HazardState.RECTIFYING), grade=Grade.GENERAL)
    first, _ = loop.submit(begun, note="done", who="u2", now_ms=NOON)
    back, _ = loop.return_(first, reason="leaks", who="u3", now_ms=NOON)
    second, _ = loop.submit(back, note="done again", who="u4", now_ms=NOON)
    assert (second.submissions, second.returned, second.rectifiers) == (2, 1, ("u2", "u4"))
    for who, name in (("u2", "a"), ("u4", "b"), ("u5", "王")):
        with pytest.raises(NotAllowed, match="somebody else"):
            loop.accept(second, who=who, who_name=name, now_ms=NOON, as_supervisor=True)
    assert loop.accept(second, who="u3", who_name="李", now_ms=NOON, as_supervisor=False)[0].closed_ms == NOON


def test_found_and_fixed_waits_for_somebody_else() -> None:
    made, step = loop.fix(
        number="m1-9", enterprise_id="e1", site_id="m1", category="exit", title="blocked exit", description="", measures="cleared",
        who="u2", now_ms=NOON,
    )  # fmt: skip
    assert (made.state, made.grade, step.act, step.before) == (HazardState.SUBMITTED, Grade.GENERAL, HazardAct.FIX, "")
    with pytest.raises(NotAllowed):
        loop.accept(made, who="u2", now_ms=NOON, as_supervisor=True)
    assert loop.accept(made, who="u3", now_ms=NOON, as_supervisor=False)[0].state is HazardState.ACCEPTED


def test_the_agreed_clean_time_is_the_hazards_own() -> None:
    agreed = replace(hazard(HazardState.SUBMITTED), source=Source.ALARM, clean_h=24)
    with pytest.raises(Incomplete, match="24 h"):
        loop.accept(agreed, who="u3", now_ms=NOON, as_supervisor=False, clean_since_ms=NOON - 24 * HOUR + 1)
    assert loop.accept(agreed, who="u3", now_ms=NOON, as_supervisor=False, clean_since_ms=NOON - 24 * HOUR)[0].closed_ms == NOON


@pytest.mark.parametrize("source", list(Source))
def test_each_source_asks_for_its_own_fields(source: Source) -> None:
    fields = sources.FIELDS[source]
    full = dict.fromkeys(fields, "x")
    assert dict(sources.checked(source, full)) == full
    for name, is_required in fields.items():
        lacking = {key: text for key, text in full.items() if key != name}
        if is_required:
            with pytest.raises(Incomplete, match=name):
                sources.checked(source, lacking)
        else:
            assert dict(sources.checked(source, lacking)) == lacking
    with pytest.raises(Incomplete, match="no field colour"):
        sources.checked(source, {"colour": "red"})


def test_each_party_of_the_chain_stands_once_and_the_source_begins_it() -> None:
    made, _ = notes.vouch(hazard(), party=Party.AGENCY, who="u5", now_ms=NOON + 1, note="helped")
    made, _ = notes.vouch(made, party=Party.AGENCY, who="u5", now_ms=NOON + 2, note="helped again")
    assert [(each.party, each.note) for each in made.chain] == [(Party.ENTERPRISE, ""), (Party.AGENCY, "helped again")]


@pytest.mark.parametrize("now_h", [0, 8, 9, 12, 36, 83, 84, 108, 500])
def test_the_next_look_comes_after_now_and_tells_something(now_h: int) -> None:
    made = replace(hazard(), rectification=replace(PLAN, deadline_ms=NOON + 12 * HOUR))
    now_ms = NOON + now_h * HOUR
    at_ms = deadlines.next_ms(made, now_ms)
    assert at_ms is not None
    assert at_ms > now_ms
    before = {stage.key for stage in deadlines.stages(made, now_ms)}
    assert {stage.key for stage in deadlines.stages(made, at_ms)} - before
    assert {stage.key for stage in deadlines.stages(made, at_ms - 1)} == before
