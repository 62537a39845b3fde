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
from hazards.model import Grade, Hazard, HazardAct, HazardState, HazardStep, Rectification, Source
from sites.model import derived_id

CLEAN_MS = 72 * 3_600_000  # behaviour.md, Hazards: the point of an alarm-born hazard stays clean so long before acceptance
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
}  # fmt: skip

OPEN = frozenset({_S.REPORTED, _S.CONFIRMED, _S.RECTIFYING, _S.SUBMITTED})
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
) -> tuple[Hazard, HazardStep]:
    """A new hazard. `number` is the ledger's next; the id follows from it. `deadline_ms`: the end of the same day at the site, by
    which a general hazard is rectified or has a plan. Raises Incomplete without title or category."""
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


def confirm(hazard: Hazard, *, grade: Grade | None, who: str, now_ms: int, note: str = "", category: str = "") -> tuple[Hazard, HazardStep]:
    """It is one, and of this grade. Confirming again changes the grade. Raises IllegalStep, Incomplete."""
    after = _next(hazard, _A.CONFIRM)
    if grade is None:
        raise Incomplete(f"confirm of hazard {hazard.number} names no grade: general or major")
    return _step(hazard, _A.CONFIRM, after, who, now_ms, note, grade=grade, category=category or hazard.category)


def rectify(hazard: Hazard, *, plan: Rectification, who: str, now_ms: int, note: str = "") -> tuple[Hazard, HazardStep]:
    """Begin rectification, or change its plan: the five items (五落实), all of them, with a deadline ahead.
    Raises IllegalStep, Incomplete."""
    after = _next(hazard, _A.RECTIFY)
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
    return _step(hazard, _A.RECTIFY, after, who, now_ms, note, rectification=plan)


def submit(hazard: Hazard, *, note: str, who: str, now_ms: int) -> tuple[Hazard, HazardStep]:
    """Rectified: says what was done and asks for the review. The deadline's clock stops. Raises IllegalStep, Incomplete."""
    after = _next(hazard, _A.SUBMIT)
    _needs_reason(hazard, _A.SUBMIT, note, "what was done")
    return _step(hazard, _A.SUBMIT, after, who, now_ms, note, rectified_by=who, submitted_ms=now_ms)


def accept(
    hazard: Hazard, *, who: str, now_ms: int, as_supervisor: bool, clean_since_ms: int | None = None, note: str = ""
) -> tuple[Hazard, HazardStep]:
    """Closed (销号), by somebody who did not rectify it, and by the supervising body when it is major.

    `clean_since_ms`: when the last alarm of its point cleared, None while one is in alarm; an alarm-born hazard needs 72 h of that, or
    a stated reason in `note`. Raises IllegalStep, NotAllowed, Incomplete."""
    after = _next(hazard, _A.ACCEPT)
    if who == hazard.rectified_by:
        raise NotAllowed(f"accept of hazard {hazard.number} by {who}, who rectified it: somebody else must accept it")
    if hazard.grade is Grade.MAJOR and not as_supervisor:
        raise NotAllowed(f"accept of hazard {hazard.number}, which is major: only the supervising body may accept it")
    if hazard.source is Source.ALARM and not note.strip():
        if clean_since_ms is None:
            raise Incomplete(f"accept of hazard {hazard.number}: its point is in alarm; 72 h without, or a stated reason, is needed")
        if now_ms - clean_since_ms < CLEAN_MS:
            clean_h = (now_ms - clean_since_ms) / 3_600_000
            raise Incomplete(
                f"accept of hazard {hazard.number}: its point is without alarm for {clean_h:.1f} h; 72 h, or a stated reason, is needed"
            )
    return _step(hazard, _A.ACCEPT, after, who, now_ms, note, closed_ms=now_ms)


def return_(hazard: Hazard, *, reason: str, who: str, now_ms: int) -> tuple[Hazard, HazardStep]:
    """The review failed: back to rectifying, and the clock runs again. Raises IllegalStep, Incomplete."""
    after = _next(hazard, _A.RETURN)
    _needs_reason(hazard, _A.RETURN, reason, "the reason")
    return _step(hazard, _A.RETURN, after, who, now_ms, reason, submitted_ms=None)


def reject(hazard: Hazard, *, reason: str, who: str, now_ms: int) -> tuple[Hazard, HazardStep]:
    """It is no hazard. Raises IllegalStep, Incomplete."""
    after = _next(hazard, _A.REJECT)
    _needs_reason(hazard, _A.REJECT, reason, "the reason")
    return _step(hazard, _A.REJECT, after, who, now_ms, reason, closed_ms=now_ms)


def merge(hazard: Hazard, *, into: Hazard, reason: str, who: str, now_ms: int) -> tuple[Hazard, HazardStep]:
    """It is the same as another open one of the enterprise, which goes on for both. Raises IllegalStep, Incomplete."""
    after = _next(hazard, _A.MERGE)
    _needs_reason(hazard, _A.MERGE, reason, "the reason")
    if into.id == hazard.id or into.state not in OPEN or into.enterprise_id != hazard.enterprise_id:
        raise IllegalStep(
            f"merge of hazard {hazard.number} into {into.number}, which is {into.state}:"
            " another open hazard of the same enterprise is allowed"
        )
    return _step(hazard, _A.MERGE, after, who, now_ms, reason, merged_into=into.id, closed_ms=now_ms)


def recur(
    hazard: Hazard, *, alarm_id: str | None, who: str | None, now_ms: int, deadline_ms: int | None = None, note: str = ""
) -> tuple[Hazard, HazardStep]:
    """The same trouble came back: counted on the open hazard; an accepted one is re-opened within 30 days, with `deadline_ms` as its
    new deadline. Raises IllegalStep, also when the alarm already belongs to it."""
    after = _next(hazard, _A.RECUR)
    changed: dict[str, Any] = {"recurrences": hazard.recurrences + 1}
    if hazard.state is _S.ACCEPTED:
        if not may_reopen(hazard, now_ms):
            raise IllegalStep(f"recur of hazard {hazard.number}, accepted 30 days ago or more: report a new hazard")
        changed |= {
            "closed_ms": None,
            "submitted_ms": None,
            "rectified_by": None,
            "rectification": replace(hazard.rectification, deadline_ms=deadline_ms),
        }
    elif alarm_id is not None and alarm_id in hazard.alarm_ids:
        raise IllegalStep(f"recur of hazard {hazard.number} with alarm {alarm_id}, which already belongs to it: nothing needs to be done")
    if alarm_id is not None and alarm_id not in hazard.alarm_ids:
        changed["alarm_ids"] = (*hazard.alarm_ids, alarm_id)
    return _step(hazard, _A.RECUR, after, who, now_ms, note, **changed)


def _next(hazard: Hazard, act: HazardAct) -> HazardState:
    after = TABLE.get((hazard.state, act))
    if after is None:
        may = ", ".join(allowed(hazard.state)) or "nothing more"
        raise IllegalStep(f"{act} of hazard {hazard.number}, which is {hazard.state}: allowed is {may}")
    return after


def _needs_reason(hazard: Hazard, act: HazardAct, text: str, what: str) -> None:
    if not text.strip():
        raise Incomplete(f"{act} of hazard {hazard.number} does not say {what}: it is needed")


def _step(
    hazard: Hazard, act: HazardAct, after: HazardState, who: str | None, now_ms: int, note: str, **changed: Any
) -> tuple[Hazard, HazardStep]:
    version = hazard.version + 1
    step = HazardStep(
        hazard_id=hazard.id, version=version, act=act, before=str(hazard.state), after=after, who=who, at_ms=now_ms, note=note
    )
    return replace(hazard, state=after, version=version, **changed), step
