"""What is noted on a hazard's way, over HTTP: control, the chain, extensions, supervision, shutdown, links, parts; acceptance of many.

The record decides (`hazards.notes`); rights stand in `api.ledger`.
"""

from __future__ import annotations

from fastapi import APIRouter

from api.door import ActingRoute, At, By, Door, Visitor
from api.ledger import change, clean_since_ms, end_of_day_ms, find, find_for, party_of, shown
from api.problems import Problem, invalid
from api.shapes.hazard_notes import (
    AcceptedHazardsShape,
    AcceptedMany,
    AcceptHazardsAsk,
    ControlAsk,
    DecideExtensionAsk,
    ExtendAsk,
    LinkedAsk,
    PartAsk,
    ShutdownAsk,
    SplitAsk,
    SplitShape,
    SuperviseAsk,
    SupervisionProgressAsk,
    UnlinkedAsk,
    VouchAsk,
)
from api.shapes.hazards import HazardDetail
from hazards import loop, notes
from hazards.errors import HazardError
from hazards.model import Hazard, HazardAct, HazardStep, Supervision
from sites.records import Conflict, NotFound

router = APIRouter(route_class=ActingRoute, tags=["hazards"])
Stepped = tuple[Hazard, HazardStep]


@router.post("/hazards/{hazard_id}/control")
def control(hazard_id: str, ask: ControlAsk, door: At, visitor: By) -> HazardDetail:
    """Temporary control measures until it is rectified."""
    me, now_ms = visitor.user.id, visitor.now_ms
    return change(door, visitor, HazardAct.CONTROL, hazard_id, lambda h: notes.control(h, measures=ask.measures, who=me, now_ms=now_ms))


@router.post("/hazards/{hazard_id}/vouch")
def vouch(hazard_id: str, ask: VouchAsk, door: At, visitor: By) -> HazardDetail:
    """Enterprise checks, agency assists, grid confirms, government supervises: say that you have looked at it."""
    party = party_of(door, visitor, find(door, visitor, hazard_id).site_id)
    me, now_ms = visitor.user.id, visitor.now_ms
    return change(door, visitor, HazardAct.VOUCH, hazard_id, lambda h: notes.vouch(h, party=party, who=me, now_ms=now_ms, note=ask.note))


@router.post("/hazards/{hazard_id}/extend")
def extend(hazard_id: str, ask: ExtendAsk, door: At, visitor: By) -> HazardDetail:
    """Ask for more time; the deadline stays until somebody else grants it."""
    me, now_ms = visitor.user.id, visitor.now_ms
    return change(
        door,
        visitor,
        HazardAct.EXTEND,
        hazard_id,
        lambda h: notes.extend(h, until_ms=ask.until_at, reason=ask.reason, who=me, now_ms=now_ms),
    )


@router.post("/hazards/{hazard_id}/extension")
def decide(hazard_id: str, ask: DecideExtensionAsk, door: At, visitor: By) -> HazardDetail:
    """Grant the extension, or refuse it with a reason."""
    me, now_ms = visitor.user.id, visitor.now_ms
    act = HazardAct.GRANT if ask.granted else HazardAct.REFUSE
    return change(door, visitor, act, hazard_id, lambda h: notes.decide(h, is_granted=ask.granted, who=me, now_ms=now_ms, note=ask.note))


@router.post("/hazards/{hazard_id}/supervise")
def supervise(hazard_id: str, ask: SuperviseAsk, door: At, visitor: By) -> HazardDetail:
    """挂牌督办: put a major hazard on the list, or change its entry."""
    listed = Supervision(body=ask.body, list_number=ask.list_number, deadline_ms=ask.deadline_at, contact=ask.contact, notice=ask.notice)
    me, now_ms = visitor.user.id, visitor.now_ms
    return change(
        door, visitor, HazardAct.SUPERVISE, hazard_id, lambda h: notes.supervise(h, listed=listed, who=me, now_ms=now_ms, note=ask.note)
    )


@router.post("/hazards/{hazard_id}/progress")
def progress(hazard_id: str, ask: SupervisionProgressAsk, door: At, visitor: By) -> HazardDetail:
    """How the rectification of a listed hazard goes."""
    me, now_ms = visitor.user.id, visitor.now_ms
    return change(door, visitor, HazardAct.PROGRESS, hazard_id, lambda h: notes.progress(h, text=ask.text, who=me, now_ms=now_ms))


@router.post("/hazards/{hazard_id}/shutdown")
def shutdown(hazard_id: str, ask: ShutdownAsk, door: At, visitor: By) -> HazardDetail:
    """Work stops in a part or as a whole, or goes on again. It is noted here; power is cut elsewhere."""
    me, now_ms = visitor.user.id, visitor.now_ms
    if ask.extent == "none":
        return change(door, visitor, HazardAct.RESUME, hazard_id, lambda h: notes.resume(h, note=ask.note, who=me, now_ms=now_ms))
    is_full = ask.extent == "full"
    return change(
        door,
        visitor,
        HazardAct.SHUT_DOWN,
        hazard_id,
        lambda h: notes.shut_down(h, is_full=is_full, note=ask.note, who=me, now_ms=now_ms),
    )


@router.post("/hazards/{hazard_id}/link")
def link(hazard_id: str, ask: LinkedAsk, door: At, visitor: By) -> HazardDetail:
    """Alarms and orders of its site that belong to it too; an alarm may belong to several."""
    found = find_for(door, visitor, HazardAct.LINK, hazard_id)
    _check_linked(door, found, ask)
    me, now_ms = visitor.user.id, visitor.now_ms

    def made(present: Hazard) -> Stepped:
        return notes.link(present, alarm_ids=ask.alarm_ids, order_ids=ask.order_ids, who=me, now_ms=now_ms, note=ask.note)

    return change(door, visitor, HazardAct.LINK, hazard_id, made)


@router.post("/hazards/{hazard_id}/unlink")
def unlink(hazard_id: str, ask: UnlinkedAsk, door: At, visitor: By) -> HazardDetail:
    me, now_ms = visitor.user.id, visitor.now_ms

    def made(present: Hazard) -> Stepped:
        return notes.unlink(present, alarm_ids=ask.alarm_ids, order_ids=ask.order_ids, reason=ask.reason, who=me, now_ms=now_ms)

    return change(door, visitor, HazardAct.UNLINK, hazard_id, made)


@router.post("/hazards/{hazard_id}/split")
def split(hazard_id: str, ask: SplitAsk, door: At, visitor: By) -> SplitShape:
    """Parts of it become hazards of their own, with their own numbers; it goes on with the rest."""
    whole = find_for(door, visitor, HazardAct.SPLIT, hazard_id)
    site = door.board.roster.sites.get(whole.site_id)
    deadline_ms = end_of_day_ms(visitor.now_ms, site.timezone if site else "UTC")

    def part_of(part: PartAsk, number: str) -> Stepped:
        return loop.report(
            number=number, enterprise_id=whole.enterprise_id, site_id=whole.site_id, zone_id=whole.zone_id, device_id=whole.device_id,
            point_id=whole.point_id, source=whole.source, category=part.category or whole.category, title=part.title,
            description=part.description, who=visitor.user.id, now_ms=visitor.now_ms, deadline_ms=deadline_ms, alarm_ids=whole.alarm_ids,
            order_ids=whole.order_ids, origin=whole.origin, place=whole.place, risk_point_id=whole.risk_point_id,
        )  # fmt: skip

    makers = [lambda number, part=part: part_of(part, number) for part in ask.parts]
    changed, step, parts = door.records.split_hazard(hazard_id, makers, ask.reason, visitor.user.id, visitor.now_ms)
    for made, first in parts:
        door.feed.publish("hazard", made.site_id, (made, first))
    return {"hazard": shown(door, visitor, changed, step), "part_ids": [made.id for made, _ in parts]}


@router.post("/hazards/accept")
def accept_many(ask: AcceptHazardsAsk, door: At, visitor: By) -> AcceptedMany:
    """Accept a batch (立查立改): each by the same rules as one; those that are refused say why."""
    return {"items": [_accept_one(door, visitor, each, ask.note) for each in dict.fromkeys(ask.ids)]}


# -- parts ---------------------------------------------------------------------------------------------------------------


def _accept_one(door: Door, visitor: Visitor, hazard_id: str, note: str) -> AcceptedHazardsShape:
    try:
        found = find_for(door, visitor, HazardAct.ACCEPT, hazard_id)
        clean_ms = clean_since_ms(door, found)
        as_supervisor = visitor.reach.may("hazard_accept_major", found.site_id)

        def made(present: Hazard) -> Stepped:
            return loop.accept(
                present, who=visitor.user.id, now_ms=visitor.now_ms, as_supervisor=as_supervisor, clean_since_ms=clean_ms, note=note,
                who_name=visitor.user.name,
            )  # fmt: skip

        hazard, step = door.records.change_hazard(hazard_id, made, visitor.user.id)
    except (Problem, HazardError, Conflict) as error:
        return {"id": hazard_id, "accepted": False, "problem": error.detail if isinstance(error, Problem) else str(error)}
    door.feed.publish("hazard", hazard.site_id, (hazard, step))
    return {"id": hazard_id, "accepted": True, "problem": None}


def _check_linked(door: Door, hazard: Hazard, ask: LinkedAsk) -> None:
    """What is linked lies at the hazard's own site, so that nobody learns of another's. Raises 422."""
    for alarm_id in ask.alarm_ids:
        alarm = door.board.alarms.get(alarm_id)
        try:
            site_id = alarm.site_id if alarm is not None else door.records.alarm(alarm_id).site_id
        except NotFound:
            site_id = None
        if site_id != hazard.site_id:
            raise invalid(f"there is no alarm {alarm_id} at the hazard's site", "/alarm_ids")
    for order_id in ask.order_ids:
        order = door.board.orders.get(order_id)
        try:
            circuit_id = order.circuit_id if order is not None else door.records.order(order_id).circuit_id
        except NotFound:
            circuit_id = ""
        circuit = door.board.roster.circuits.get(circuit_id)
        if circuit is None or circuit.site_id != hazard.site_id:
            raise invalid(f"there is no order {order_id} at the hazard's site", "/order_ids")
