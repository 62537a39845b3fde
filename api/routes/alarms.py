"""Alarms: the open ones from the scan's view, at once and also without the records; ended ones from the records.

Requests about alarms go to the scan, which decides; each answers with the alarm as it then is.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request

from alarms.model import Alarm, Verdict
from alarms.queries import AlarmQuery
from alarms.requests import Acknowledge, AlarmRequest, Assign, Judge, Note, Progress, Reset
from alarms.service_alarms import RULE_PREFIX, SERVICE_ALARMS
from api.access import reach, roles_for
from api.alarm_list import SEVERITIES, counted, open_page
from api.door import ActingRoute, At, By, Door, Visitor, in_thread, request_key
from api.naming import escalation_of
from api.ports import Answer
from api.problems import forbidden, invalid, not_found
from api.routes.circuits import orders_answer, seen
from api.routes.query import Cursor, From, Limit, To, Words
from api.shapes.alarm_views import StateName, VerdictWord, to_ms_of
from api.shapes.alarms import (
    SEVERITY_NAMES,
    AlarmAnswer,
    AlarmCounts,
    AlarmDetail,
    AlarmPage,
    AlarmsAnswer,
    AssignAsk,
    DeliveryShape,
    ManyAsk,
    NoteAsk,
    NoteNeeded,
    ProgressAsk,
    SeverityName,
    SilenceAsk,
    TransitionShape,
    VerdictAsk,
    alarm_shape,
    delivery_shape,
    transition_shape,
)
from api.shapes.hazards import HazardBrief, hazard_brief
from api.shapes.power import AlarmCutAsk, CircuitSeen, CutPreview, OrdersAnswer, order_shape
from power.model import Order
from power.queries import OrderQuery
from power.requests import Cut
from rules.model import Severity
from sites.records import NotFound, Unavailable

audit = logging.getLogger("sitewarden.audit")
router = APIRouter(route_class=ActingRoute, tags=["alarms"])

Of = Annotated[str | None, Query(max_length=64)]
Severities = Annotated[list[SeverityName] | None, Query(description="any of these")]


def _query(
    state: StateName = "open",
    severity: Severities = None,
    site: Of = None,
    zone: Of = None,
    device: Of = None,
    kind: Of = None,
    from_ms: From = None,
    to_ms: To = None,
    q: Words = "",
    rule: Of = None,
    verdict: VerdictWord | None = None,
    assignee: Of = None,
    test: bool | None = None,
    suppressed: bool | None = None,
    ack_from_s: Annotated[float | None, Query(ge=0, description="time to acknowledge, inclusive")] = None,
    ack_to_s: Annotated[float | None, Query(ge=0, description="time to acknowledge, exclusive")] = None,
    owes_verdict: Annotated[bool, Query(description="high and critical ones without a verdict, open or ended")] = False,
    order: Annotated[Literal["urgent", "oldest"], Query(description="of open alarms; `oldest`: standing alarms by age")] = "urgent",
) -> AlarmQuery:
    severities = tuple(SEVERITIES[s] for s in severity or ())
    if owes_verdict:
        state, verdict = "any" if state == "open" else state, "none"
        severities = tuple(s for s in (Severity.HIGH, Severity.CRITICAL) if s in (severities or (s,)))
    if order == "oldest" and state in ("any", "ended"):
        raise invalid("order=oldest is for open alarms: leave it out, or ask for state=open", "?order")
    return AlarmQuery(
        state=None if state == "any" else state,
        severities=severities,
        oldest_first=order == "oldest",
        site=site,
        zone=zone,
        device=device,
        kind=kind,
        from_ms=from_ms,
        to_ms=to_ms,
        q=q.strip(),
        rule=rule,
        verdict=verdict,
        assignee=assignee,
        is_test=test,
        is_suppressed=suppressed,
        ack_from_ms=to_ms_of(ack_from_s),
        ack_to_ms=to_ms_of(ack_to_s),
    )


Asked = Annotated[AlarmQuery, Depends(_query)]


@router.get("/alarms")
def alarms(asked: Asked, door: At, visitor: By, cursor: Cursor = None, limit: Limit = 50) -> AlarmPage:
    """`state=open` (default) and its parts come from the scan: one's own acknowledgement is there at once. `ended` and `any` come
    from the records, newest first."""
    if asked.state in ("ended", None):
        page = door.records.alarms(replace(asked, cursor=cursor, limit=limit), visitor.reach.alarm_scope)
        items = [door.board.alarms.get(alarm.id, alarm) for alarm in page.items]
        return {"items": [alarm_shape(a, door.person, door.board) for a in items], "next_cursor": page.next_cursor}
    found, next_cursor = open_page(door.board.alarms, asked, visitor.reach.alarm_scope, cursor, limit)
    return {"items": [alarm_shape(a, door.person, door.board) for a in found], "next_cursor": next_cursor}


@router.get("/alarms/counts")
def counts(asked: Asked, door: At, visitor: By) -> AlarmCounts:
    """How many, by severity, state, site, zone and kind."""
    if asked.state in ("ended", None):
        facets = door.records.alarm_counts(asked, visitor.reach.alarm_scope)
        wanted = {SEVERITY_NAMES[Severity(s)] for s in asked.severities} or set(SEVERITY_NAMES.values())
        total = sum(number for name, number in facets.get("severity", {}).items() if name in wanted)
        return {"total": total, "facets": facets}
    total, facets = counted(door.board.alarms, asked, visitor.reach.alarm_scope)
    return {"total": total, "facets": facets}


@router.post("/alarms/acknowledge")
async def acknowledge_many(ask: ManyAsk, door: At, visitor: By) -> AlarmsAnswer:
    """Take several: those that the scan may not acknowledge refuse the whole."""
    ids = tuple(dict.fromkeys(ask.alarm_ids))
    _all_open(door, visitor, "acknowledge", ids)
    return _many(door, await door.desk.ask(Acknowledge(alarm_ids=ids, who=visitor.user.id, note=ask.note)))


@router.post("/alarms/reset")
async def reset_many(ask: ManyAsk, door: At, visitor: By) -> AlarmsAnswer:
    ids = tuple(dict.fromkeys(ask.alarm_ids))
    _all_open(door, visitor, "acknowledge", ids)
    return _many(door, await door.desk.ask(Reset(alarm_ids=ids, who=visitor.user.id, note=ask.note)))


@router.post("/alarms/silence", status_code=204)
async def silence(ask: SilenceAsk, door: At, visitor: By) -> None:
    """The sound of one desk is stopped: written to the log, and nothing is acknowledged. A new alarm sounds again."""
    visitor.must_somewhere("acknowledge")
    mine = [i for i in ask.alarm_ids if (a := door.board.alarms.get(i)) and visitor.reach.may("see", a.site_id)]
    audit.info("silence by %s at desk %r for alarms %s", visitor.user.id, ask.desk, ", ".join(mine) or "all")


def _concerns(order: Order, alarm: Alarm) -> bool:
    """An order of the alarm's zone since it was raised, whatever alarm called for it: a second detector's cut is this one's news too."""
    return order.site_id == alarm.site_id and order.zone_id == alarm.zone_id and order.requested_ms >= alarm.raised_ms


@router.get("/alarms/{alarm_id}")
def alarm(alarm_id: str, door: At, visitor: By) -> AlarmDetail:
    """The alarm with its guidance, what happened to it, its orders, messages and hazard, and the circuits of its zone."""
    found = find_alarm(door, visitor, alarm_id)
    name, available = door.person, True
    transitions: list[TransitionShape] = []
    deliveries: list[DeliveryShape] = []
    own = SERVICE_ALARMS.get(found.rule_id.removeprefix(RULE_PREFIX)) if found.rule_id.startswith(RULE_PREFIX) else None
    guidance = (own.guidance, own.guidance_en) if own else ("", "")
    orders: dict[str, Order] = {}
    hazard: HazardBrief | None = None
    try:
        transitions = [transition_shape(t, name) for t in door.records.transitions(alarm_id)]
        deliveries = [delivery_shape(d) for d in door.records.deliveries(alarm_id)]
        kept = door.records.orders(OrderQuery(alarm=alarm_id, limit=200), visitor.scope)
        orders = {order.id: order for order in kept.items}
        hazard = hazard_brief(door.records.hazard(found.hazard_id)) if found.hazard_id else None
        if own is None:
            rule = door.records.rule_version(found.rule_id, found.rule_version)
            guidance = (rule.guidance, rule.guidance_en)
    except NotFound:
        pass  # a rule version or hazard that was never recorded: the rest is shown
    except Unavailable:
        available = False
    orders |= {o.id: o for o in tuple(door.board.orders.values()) if o.alarm_id == alarm_id or _concerns(o, found)}
    return {
        **alarm_shape(found, name, door.board),
        "guidance": guidance[0],
        "guidance_en": guidance[1],
        "transitions": transitions,
        "orders": [order_shape(o, name) for o in sorted(orders.values(), key=lambda o: (o.requested_ms, o.id))],
        "deliveries": deliveries,
        "escalation": escalation_of(door, alarm_id),
        "hazard": hazard,
        "circuits": _circuits(door, found),
        "records_available": available,
    }


@router.post("/alarms/{alarm_id}/acknowledge")
async def acknowledge(alarm_id: str, ask: NoteAsk, door: At, visitor: By) -> AlarmAnswer:
    return await _ask(door, visitor, "acknowledge", alarm_id, Acknowledge(alarm_ids=(alarm_id,), who=visitor.user.id, note=ask.note))


@router.post("/alarms/{alarm_id}/reset")
async def reset(alarm_id: str, ask: NoteAsk, door: At, visitor: By) -> AlarmAnswer:
    return await _ask(door, visitor, "acknowledge", alarm_id, Reset(alarm_ids=(alarm_id,), who=visitor.user.id, note=ask.note))


@router.post("/alarms/{alarm_id}/note")
async def note(alarm_id: str, ask: NoteNeeded, door: At, visitor: By) -> AlarmAnswer:
    return await _ask(door, visitor, "acknowledge", alarm_id, Note(alarm_id=alarm_id, who=visitor.user.id, note=ask.note))


@router.post("/alarms/{alarm_id}/progress")
async def progress(alarm_id: str, ask: ProgressAsk, door: At, visitor: By) -> AlarmAnswer:
    step = Progress(alarm_id=alarm_id, who=visitor.user.id, step=ask.step, note=ask.note, whom=ask.whom, phone=ask.phone)
    return await _ask(door, visitor, "acknowledge", alarm_id, step)


@router.post("/alarms/{alarm_id}/assign")
async def assign(alarm_id: str, ask: AssignAsk, door: At, visitor: By) -> AlarmAnswer:
    """To a person who sees the alarm's site."""
    found = await _must(door, visitor, "acknowledge", alarm_id)
    try:
        assignee = await in_thread(door.records.user, ask.assignee)
        if not reach(assignee, door.board.roster).may("see", found.site_id):
            raise NotFound
    except NotFound:
        raise invalid(f"there is nobody {ask.assignee} at the alarm's site", "/assignee") from None
    request = Assign(alarm_id=alarm_id, who=visitor.user.id, assignee=ask.assignee, note=ask.note)
    return await _ask(door, visitor, "acknowledge", alarm_id, request)


@router.post("/alarms/{alarm_id}/verdict")
async def verdict(alarm_id: str, ask: VerdictAsk, door: At, visitor: By) -> AlarmAnswer:
    request = Judge(alarm_id=alarm_id, who=visitor.user.id, verdict=Verdict(ask.verdict), note=ask.note)
    return await _ask(door, visitor, "judge", alarm_id, request)


# -- one click -----------------------------------------------------------------------------------------------------------


@router.get("/alarms/{alarm_id}/cut")
def cut_preview(alarm_id: str, door: At, visitor: By) -> CutPreview:
    """What would go dark, what stays on and why."""
    found = find_alarm(door, visitor, alarm_id)
    circuits = _circuits(door, found)
    dark = [c for c in circuits if c["cut_refusal"] is None]
    return {
        "alarm_id": found.id,
        "site_id": found.site_id,
        "zone_id": found.zone_id,
        "goes_dark": dark,
        "stays_on": [c for c in circuits if c["cut_refusal"] is not None],
        "power_w": sum(c["measured"]["power_w"] or 0.0 for c in dark),
    }


@router.post("/alarms/{alarm_id}/cut", status_code=202)
async def cut(alarm_id: str, ask: AlarmCutAsk, request: Request, door: At, visitor: By) -> OrdersAnswer:
    """Cut several circuits of the alarm's site: one order each, refused ones too, with their reasons."""
    found = await _must(door, visitor, "cut", alarm_id)
    ids = tuple(dict.fromkeys(ask.circuit_ids))
    circuits = door.board.roster.circuits
    for circuit_id in ids:
        circuit = circuits.get(circuit_id)
        if circuit is None or circuit.site_id != found.site_id:
            raise invalid(f"there is no circuit {circuit_id} at the alarm's site", "/circuit_ids")
    answer = await door.desk.ask(Cut(key=request_key(request), circuit_ids=ids, who=visitor.user.id, reason=ask.reason, alarm_id=alarm_id))
    return orders_answer(door, answer.orders, answer.recorded)


# -- parts ---------------------------------------------------------------------------------------------------------------


def find_alarm(door: Door, visitor: Visitor, alarm_id: str) -> Alarm:
    """Open or ended, in scope, or 404. Raises Unavailable for one that is not open while the records are away."""
    found = door.board.alarms.get(alarm_id)
    if found is None:
        try:
            found = door.records.alarm(alarm_id)
        except NotFound:
            raise not_found("the alarm", alarm_id) from None
    if not visitor.reach.may("see", found.site_id):
        raise not_found("the alarm", alarm_id)
    return found


async def _must(door: Door, visitor: Visitor, act: str, alarm_id: str) -> Alarm:
    """The alarm, or 404, 403. The loop is left only for ended ones."""
    found = door.board.alarms.get(alarm_id)
    if found is None:
        found = await in_thread(find_alarm, door, visitor, alarm_id)
    visitor.must(act, found.site_id, "the alarm", alarm_id)
    return found


async def _ask(door: Door, visitor: Visitor, act: str, alarm_id: str, request: AlarmRequest) -> AlarmAnswer:
    before = await _must(door, visitor, act, alarm_id)
    answer = await door.desk.ask(request)
    after = next((a for a in answer.alarms if a.id == alarm_id), door.board.alarms.get(alarm_id, before))
    return {**alarm_shape(after, door.person), "recorded": answer.recorded}


def _all_open(door: Door, visitor: Visitor, act: str, ids: tuple[str, ...]) -> None:
    for alarm_id in ids:
        found = door.board.alarms.get(alarm_id)
        if found is None or not visitor.reach.may("see", found.site_id):
            raise not_found("the open alarm", alarm_id)
        if not visitor.reach.may(act, found.site_id):
            raise forbidden(act, roles_for(act))


def _many(door: Door, answer: Answer) -> AlarmsAnswer:
    return {"items": [alarm_shape(a, door.person) for a in answer.alarms], "recorded": answer.recorded}


def _circuits(door: Door, alarm: Alarm) -> list[CircuitSeen]:
    """Of the alarm's zone, by name."""
    mine = [c for c in tuple(door.board.roster.circuits.values()) if c.zone_id == alarm.zone_id and c.site_id == alarm.site_id]
    return [seen(door, c) for c in sorted(mine, key=lambda c: (c.name, c.id))]
