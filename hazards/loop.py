"""The closed loop of a hazard: reported, confirmed, rectifying, submitted, accepted - and the ways out of it.

Every function takes the present hazard and gives the next one with its step, or raises a `HazardError`; nothing is kept here. Roles are
checked at the door; what the record itself demands (who may not accept, what must be filled in) is decided here. Overdue is derived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from alarms.model import Alarm
from hazards.errors import IllegalStep, Incomplete, NotAllowed
from hazards.model import (
    Aspect,
    Grade,
    Hazard,
    HazardAct,
    HazardState,
    HazardStep,
    MajorPlan,
    Party,
    Rectification,
    Source,
    Vouched,
)
from sites.model import derived_id

HOUR_MS = 3_600_000
REOPEN_MS = 30 * 86_400_000  # behaviour.md, Hazards: the same point alarming within so long re-opens an accepted one

_S, _A = HazardState, HazardAct

TABLE: dict[tuple[HazardState | None, HazardAct], HazardState] = {
    # state        act          next state
    (None,          _A.REPORT):  _S.REPORTED,
    (_S.REPORTED,   _A.CONFIRM): _S.CONFIRMED,
    (_S.REPORTED,   _A.REJECT):  _S.REJECTED,
    (_S.REPORTED,   _A.MERGE):   _S.MERGED,
    (_S.REPORTED,   _A.RECUR):   _S.REPORTED,
    (_S.CONFIRMED,  _A.CONFIRM): _S.CONFIRMED,  # graded anew
    (_S.CONFIRMED,  _A.RECTIFY): _S.RECTIFYING,
    (_S.CONFIRMED,  _A.REJECT):  _S.REJECTED,
    (_S.CONFIRMED,  _A.MERGE):   _S.MERGED,
    (_S.CONFIRMED,  _A.RECUR):   _S.CONFIRMED,
    (_S.RECTIFYING, _A.RECTIFY): _S.RECTIFYING,  # the plan or its date changes
    (_S.RECTIFYING, _A.SUBMIT):  _S.SUBMITTED,
    (_S.RECTIFYING, _A.MERGE):   _S.MERGED,
    (_S.RECTIFYING, _A.RECUR):   _S.RECTIFYING,
    (_S.SUBMITTED,  _A.ACCEPT):  _S.ACCEPTED,
    (_S.SUBMITTED,  _A.RETURN):  _S.RECTIFYING,
    (_S.SUBMITTED,  _A.RECUR):   _S.SUBMITTED,
    (_S.ACCEPTED,   _A.RECUR):   _S.CONFIRMED,  # re-opened: it keeps its grade and wants a new plan
    (None,          _A.FIX):     _S.SUBMITTED,  # 立查立改: found, fixed, waits for the review
}  # fmt: skip

OPEN = frozenset({_S.REPORTED, _S.CONFIRMED, _S.RECTIFYING, _S.SUBMITTED})

# what is noted on the way leaves the state as it is: act -> states that allow it (`hazards.notes`)
_GRADED = (_S.CONFIRMED, _S.RECTIFYING, _S.SUBMITTED)
NOTED: dict[HazardAct, tuple[HazardState, ...]] = {
    _A.CONTROL: (_S.REPORTED, *_GRADED),
    _A.VOUCH: (_S.REPORTED, *_GRADED),
    _A.LINK: (_S.REPORTED, *_GRADED),
    _A.UNLINK: (_S.REPORTED, *_GRADED),
    _A.ATTACH: (_S.REPORTED, *_GRADED),
    _A.SHUT_DOWN: (_S.REPORTED, *_GRADED),
    _A.RESUME: (_S.REPORTED, *_GRADED),
    _A.SPLIT: (_S.REPORTED, _S.CONFIRMED, _S.RECTIFYING),
    _A.EXTEND: (_S.CONFIRMED, _S.RECTIFYING),
    _A.GRANT: (_S.CONFIRMED, _S.RECTIFYING),
    _A.REFUSE: (_S.CONFIRMED, _S.RECTIFYING),
    _A.SUPERVISE: _GRADED,
    _A.PROGRESS: _GRADED,
}
TABLE |= {(state, act): state for act, states in NOTED.items() for state in states}
PARTY_OF_SOURCE = {
    Source.SELF_CHECK: Party.ENTERPRISE,
    Source.AGENCY: Party.AGENCY,
    Source.GRID: Party.GRID,
    Source.GOVERNMENT: Party.GOVERNMENT,
}
CLOCK_RUNS = frozenset({_S.REPORTED, _S.CONFIRMED, _S.RECTIFYING})  # the deadline's clock stops at submitted


def allowed(state: HazardState | None) -> tuple[HazardAct, ...]:
    """The acts that this state allows, in the order of the table."""
    return tuple(act for before, act in TABLE if before is state)


def is_overdue(hazard: Hazard, now_ms: int) -> bool:
    """Not submitted although its deadline has come."""
    deadline_ms = hazard.rectification.deadline_ms
    return hazard.state in CLOCK_RUNS and deadline_ms is not None and deadline_ms <= now_ms


def may_reopen(hazard: Hazard, now_ms: int) -> bool:
    """Whether the same trouble coming back belongs to this hazard: it is open, or was accepted less than 30 days ago."""
    if hazard.state is _S.ACCEPTED:
        return hazard.closed_ms is not None and now_ms - hazard.closed_ms < REOPEN_MS
    return hazard.state in OPEN


def report(
    *,
    number: str,
    enterprise_id: str,
    site_id: str,
    source: Source,
    category: str,
    title: str,
    description: str,
    who: str | None,
    now_ms: int,
    deadline_ms: int | None = None,
    found_by: str = "",
    zone_id: str | None = None,
    device_id: str | None = None,
    point_id: str | None = None,
    alarm_ids: Sequence[str] = (),
    order_ids: Sequence[str] = (),
    note: str = "",
    **more: Any,
) -> tuple[Hazard, HazardStep]:
    """A new hazard. `number` is the ledger's next; the id follows from it. `more`: other fields of Hazard (clause, place, origin ...).
    `deadline_ms`: the end of the same day at the site, by which a general hazard is rectified or has a plan. Raises Incomplete without
    title or category."""
    for name, text in (("title", title), ("category", category), ("number", number)):
        if not text.strip():
            raise Incomplete(f"report asked for a hazard without {name}: say it, and the hazard is recorded")
    hazard = Hazard(
        id=derived_id("hazard", number),
        number=number,
        enterprise_id=enterprise_id,
        site_id=site_id,
        zone_id=zone_id,
        device_id=device_id,
        point_id=point_id,
        source=source,
        grade=None,
        category=category,
        title=title,
        description=description,
        state=TABLE[(None, _A.REPORT)],
        found_by=found_by or who or "",
        found_ms=now_ms,
        rectification=Rectification(deadline_ms=deadline_ms),
        alarm_ids=tuple(alarm_ids),
        order_ids=tuple(order_ids),
        chain=(Vouched(party=PARTY_OF_SOURCE[source], who=who, at_ms=now_ms),) if source in PARTY_OF_SOURCE else (),
        **more,
    )
    return hazard, HazardStep(
        hazard_id=hazard.id, version=1, act=_A.REPORT, before="", after=hazard.state, who=who, at_ms=now_ms, note=note
    )


def report_alarm(
    alarm: Alarm, *, number: str, enterprise_id: str, who: str | None, now_ms: int, deadline_ms: int | None, reason: str
) -> tuple[Hazard, HazardStep]:
    """A new hazard prefilled from an alarm: its place, device, point, rule and value. `who` None: a linkage."""
    value = "" if alarm.value is None else f" {alarm.metric} = {alarm.value:g} {alarm.unit}".rstrip()
    return report(
        number=number,
        enterprise_id=enterprise_id,
        site_id=alarm.site_id,
        zone_id=alarm.zone_id,
        device_id=alarm.device_id,
        point_id=alarm.point_id,
        source=Source.ALARM,
        category=alarm.kind,
        title=" ".join(part for part in (alarm.zone_name, alarm.device_name, alarm.rule_name) if part) or alarm.rule_id,
        description=f"{alarm.rule_name}{value}; {reason}" if reason else f"{alarm.rule_name}{value}",
        who=who,
        now_ms=now_ms,
        deadline_ms=deadline_ms,
        alarm_ids=(alarm.id,),
        note=reason,
    )


def fix(
    *,
    number: str,
    enterprise_id: str,
    site_id: str,
    category: str,
    title: str,
    description: str,
    measures: str,
    who: str,
    now_ms: int,
    zone_id: str | None = None,
    device_id: str | None = None,
    **more: Any,
) -> tuple[Hazard, HazardStep]:
    """Found and rectified on the spot (立查立改): a general hazard of a self-check that waits for its acceptance by somebody else. Raises
    Incomplete without title, category or what was done."""
    if not measures.strip():
        raise Incomplete("fix asked for a hazard without what was done: say it, and the hazard is recorded")
    hazard, step = report(
        number=number,
        enterprise_id=enterprise_id,
        site_id=site_id,
        source=Source.SELF_CHECK,
        category=category,
        title=title,
        description=description,
        who=who,
        now_ms=now_ms,
        zone_id=zone_id,
        device_id=device_id,
        note=measures,
        **more,
    )
    hazard = replace(
        hazard,
        state=TABLE[(None, _A.FIX)],
        grade=Grade.GENERAL,
        rectification=Rectification(person=who, measures=measures),
        rectified_by=who,
        rectifiers=(who,),
        submissions=1,
        submitted_ms=now_ms,
    )
    return hazard, replace(step, act=_A.FIX, after=hazard.state)


def confirm(
    hazard: Hazard,
    *,
    grade: Grade | None,
    who: str,
    now_ms: int,
    note: str = "",
    category: str = "",
    aspect: Aspect | None = None,
    clause: str = "",
    clean_h: int | None = None,
    party: Party | None = None,
) -> tuple[Hazard, HazardStep]:
    """It is one, and of this grade. Confirming again changes the grade; a listed one stays major. `clean_h`: the agreed time without alarm
    before acceptance; `party`: as whom it was confirmed. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.CONFIRM)
    if grade is None:
        raise Incomplete(f"confirm of hazard {hazard.number} names no grade: general or major")
    if grade is not Grade.MAJOR and hazard.supervision is not None and hazard.supervision.lifted_ms is None:
        raise IllegalStep(
            f"confirm of hazard {hazard.number} as {grade}, which is listed as {hazard.supervision.list_number}: it stays major"
        )
    chain = hazard.chain
    if party is not None and all(link.party is not party for link in chain):
        chain = (*chain, Vouched(party=party, who=who, at_ms=now_ms, note=note))
    return step_of(
        hazard, _A.CONFIRM, after, who, now_ms, note, grade=grade, category=category or hazard.category, aspect=aspect or hazard.aspect,
        clause=clause or hazard.clause, clean_h=hazard.clean_h if clean_h is None else clean_h, chain=chain,
    )  # fmt: skip


def rectify(
    hazard: Hazard,
    *,
    plan: Rectification,
    who: str,
    now_ms: int,
    note: str = "",
    major: MajorPlan | None = None,
    unit: str = "",
    control: str = "",
) -> tuple[Hazard, HazardStep]:
    """Begin rectification, or change its plan: the five items (五落实), all of them, with a deadline ahead; a major hazard has its report
    and plan besides. A plan once begun is put off only by an extension. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.RECTIFY)
    missing = [name for name in ("person", "measures", "funds", "contingency") if not getattr(plan, name).strip()]
    if plan.deadline_ms is None:
        missing.append("deadline")
    if missing:
        raise Incomplete(
            f"rectify of hazard {hazard.number} lacks {', '.join(missing)}: person, measures, funds, deadline and contingency are needed"
        )
    assert plan.deadline_ms is not None
    if plan.deadline_ms <= now_ms:
        raise Incomplete(f"rectify of hazard {hazard.number} has a deadline that is past: it must lie ahead")
    present_ms = hazard.rectification.deadline_ms
    if hazard.state is _S.RECTIFYING and present_ms is not None and plan.deadline_ms > present_ms:
        raise IllegalStep(f"rectify of hazard {hazard.number} with a later deadline than the plan in force: ask for an extension")
    major = major or hazard.major
    if hazard.grade is Grade.MAJOR:
        lacking = [name for name in MajorPlan.__slots__ if not getattr(major or MajorPlan(), name).strip()]
        if lacking:
            raise Incomplete(f"rectify of hazard {hazard.number}, which is major, lacks {', '.join(lacking)} of its report and plan")
    return step_of(
        hazard, _A.RECTIFY, after, who, now_ms, note, rectification=plan, major=major, unit=unit or hazard.unit,
        control=control or hazard.control,
    )  # fmt: skip


def submit(hazard: Hazard, *, note: str, who: str, now_ms: int) -> tuple[Hazard, HazardStep]:
    """Rectified: says what was done and asks for the review. The deadline's clock stops. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.SUBMIT)
    needs_reason(hazard, _A.SUBMIT, note, "what was done")
    return step_of(
        hazard, _A.SUBMIT, after, who, now_ms, note, rectified_by=who, submitted_ms=now_ms, submissions=hazard.submissions + 1,
        rectifiers=tuple(dict.fromkeys((*hazard.rectifiers, who))),
    )  # fmt: skip


def accept(
    hazard: Hazard,
    *,
    who: str,
    now_ms: int,
    as_supervisor: bool,
    clean_since_ms: int | None = None,
    note: str = "",
    who_name: str = "",
) -> tuple[Hazard, HazardStep]:
    """Closed (销号), by somebody who did not rectify it, and by the supervising body when it is major, which takes it off the list.

    `who_name`: how that person is called, for the plan may name its rectifier in words. `clean_since_ms`: when the last alarm of its points
    cleared, None while one is in alarm; an alarm-born hazard needs its agreed time of that, or a stated reason in `note`. The alarms
    themselves are left as they are. Raises IllegalStep, NotAllowed, Incomplete."""
    after = next_state(hazard, _A.ACCEPT)
    named = hazard.rectification.person.strip()
    if who == hazard.rectified_by or who in hazard.rectifiers or named in (who, who_name.strip() or who):
        raise NotAllowed(f"accept of hazard {hazard.number} by {who}, who rectified it: somebody else must accept it")
    if hazard.grade is Grade.MAJOR and not as_supervisor:
        raise NotAllowed(f"accept of hazard {hazard.number}, which is major: only the supervising body may accept it")
    if hazard.source is Source.ALARM and not note.strip():
        if clean_since_ms is None:
            raise Incomplete(
                f"accept of hazard {hazard.number}: its point is in alarm; {hazard.clean_h} h without, or a stated reason, is needed"
            )
        if now_ms - clean_since_ms < hazard.clean_h * HOUR_MS:
            clean_h = (now_ms - clean_since_ms) / HOUR_MS
            raise Incomplete(
                f"accept of hazard {hazard.number}: its point is without alarm for {clean_h:.1f} h;"
                f" {hazard.clean_h} h, or a stated reason, is needed"
            )
    listed = hazard.supervision
    if listed is not None and listed.lifted_ms is None:
        listed = replace(listed, lifted_ms=now_ms)
    return step_of(hazard, _A.ACCEPT, after, who, now_ms, note, closed_ms=now_ms, supervision=listed)


def return_(hazard: Hazard, *, reason: str, who: str, now_ms: int) -> tuple[Hazard, HazardStep]:
    """The review failed: back to rectifying, and the clock runs again. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.RETURN)
    needs_reason(hazard, _A.RETURN, reason, "the reason")
    return step_of(hazard, _A.RETURN, after, who, now_ms, reason, submitted_ms=None, returned=hazard.returned + 1)


def reject(hazard: Hazard, *, reason: str, who: str, now_ms: int) -> tuple[Hazard, HazardStep]:
    """It is no hazard. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.REJECT)
    needs_reason(hazard, _A.REJECT, reason, "the reason")
    return step_of(hazard, _A.REJECT, after, who, now_ms, reason, closed_ms=now_ms)


def merge(hazard: Hazard, *, into: Hazard, reason: str, who: str, now_ms: int) -> tuple[Hazard, HazardStep]:
    """It is the same as another open one of the enterprise, which goes on for both. Raises IllegalStep, Incomplete."""
    after = next_state(hazard, _A.MERGE)
    needs_reason(hazard, _A.MERGE, reason, "the reason")
    if into.id == hazard.id or into.state not in OPEN or into.enterprise_id != hazard.enterprise_id:
        raise IllegalStep(
            f"merge of hazard {hazard.number} into {into.number}, which is {into.state}:"
            " another open hazard of the same enterprise is allowed"
        )
    return step_of(hazard, _A.MERGE, after, who, now_ms, reason, merged_into=into.id, closed_ms=now_ms)


def recur(
    hazard: Hazard, *, alarm_id: str | None, who: str | None, now_ms: int, deadline_ms: int | None = None, note: str = ""
) -> tuple[Hazard, HazardStep]:
    """The same trouble came back: counted on the open hazard; an accepted one is re-opened within 30 days, with `deadline_ms` as its
    new deadline. Raises IllegalStep, also when the alarm already belongs to it."""
    after = next_state(hazard, _A.RECUR)
    changed: dict[str, Any] = {"recurrences": hazard.recurrences + 1}
    if hazard.state is _S.ACCEPTED:
        if not may_reopen(hazard, now_ms):
            raise IllegalStep(f"recur of hazard {hazard.number}, accepted 30 days ago or more: report a new hazard")
        changed |= {
            "closed_ms": None,
            "submitted_ms": None,
            "rectified_by": None,
            "rectifiers": (),
            "rectification": replace(hazard.rectification, deadline_ms=deadline_ms),
        }
    elif alarm_id is not None and alarm_id in hazard.alarm_ids:
        raise IllegalStep(f"recur of hazard {hazard.number} with alarm {alarm_id}, which already belongs to it: nothing needs to be done")
    if alarm_id is not None and alarm_id not in hazard.alarm_ids:
        changed["alarm_ids"] = (*hazard.alarm_ids, alarm_id)
    return step_of(hazard, _A.RECUR, after, who, now_ms, note, **changed)


def next_state(hazard: Hazard, act: HazardAct) -> HazardState:
    after = TABLE.get((hazard.state, act))
    if after is None:
        may = ", ".join(allowed(hazard.state)) or "nothing more"
        raise IllegalStep(f"{act} of hazard {hazard.number}, which is {hazard.state}: allowed is {may}")
    return after


def needs_reason(hazard: Hazard, act: HazardAct, text: str, what: str) -> None:
    if not text.strip():
        raise Incomplete(f"{act} of hazard {hazard.number} does not say {what}: it is needed")


def step_of(
    hazard: Hazard, act: HazardAct, after: HazardState, who: str | None, now_ms: int, note: str, **changed: Any
) -> tuple[Hazard, HazardStep]:
    version = hazard.version + 1
    step = HazardStep(
        hazard_id=hazard.id, version=version, act=act, before=str(hazard.state), after=after, who=who, at_ms=now_ms, note=note
    )
    return replace(hazard, state=after, version=version, **changed), step
