"""Closing-time plans: kept as configuration, previewed as a run would freeze them, skipped for a night, started by hand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from api import configuration
from api.access import roles_for
from api.cut_reach import previewed
from api.door import ActingRoute, At, By, Door, Visitor, in_thread, request_key
from api.problems import Problem, forbidden, invalid
from api.routes.query import Cursor, Limit
from api.routes.runs import run_answer
from api.second_person import second_person
from api.shapes.plans import (
    ChangedPlanAsk,
    PlanAsk,
    PlanPage,
    PlanShape,
    Preview,
    RunAnswer,
    RunAsk,
    SkipAnswer,
    SkipAsk,
    plan_of,
    plan_shape,
)
from power import plans
from power.plans import Plan
from power.run_model import RunState, SkipNight, StartPlan

router = APIRouter(route_class=ActingRoute, tags=["plans"])
Of = Annotated[str | None, Query(max_length=64)]
_RAN = frozenset({RunState.DONE, RunState.ABORTED, RunState.OBSERVED})


@router.get("/plans")
def all_plans(door: At, visitor: By, site: Of = None, cursor: Cursor = None, limit: Limit = 50) -> PlanPage:
    page = configuration.listed(door, visitor, "plan", cursor, limit, site_id=site)
    return {"items": [_shape(door, plan) for plan in page.items], "next_cursor": page.next_cursor}


@router.post("/plans", status_code=201)
def new_plan(ask: PlanAsk, door: At, visitor: By) -> PlanShape:
    """422 names every field that cannot be meant."""
    visitor.must("plans", ask.site_id, "the site", ask.site_id)
    visitor.must_have_proved()
    plan = plan_of(ask, configuration.new_id(ask.id, "plan"))
    _must_be_meant(door, visitor, plan)
    return _shape(door, configuration.insert(door, visitor, "plan", plan))


@router.get("/plans/{plan_id}")
def one_plan(plan_id: str, door: At, visitor: By) -> PlanShape:
    return _shape(door, configuration.one(door, visitor, "plan", plan_id))


@router.put("/plans/{plan_id}")
def change_plan(plan_id: str, ask: ChangedPlanAsk, door: At, visitor: By) -> PlanShape:
    present = configuration.one(door, visitor, "plan", plan_id)
    for site_id in {present.site_id, ask.site_id}:
        visitor.must("plans", site_id, "the site", site_id)
    visitor.must_have_proved()
    configuration.same_id(ask.id, plan_id)
    plan = plan_of(ask, plan_id, ask.version)
    _must_be_meant(door, visitor, plan)
    return _shape(door, configuration.change(door, visitor, "plan", plan_id, ask.version, lambda _: plan))


@router.delete("/plans/{plan_id}", status_code=204)
def remove_plan(plan_id: str, door: At, visitor: By) -> None:
    plan = configuration.one(door, visitor, "plan", plan_id)
    visitor.must("plans", plan.site_id, "the site", plan.site_id)
    visitor.must_have_proved()
    configuration.remove(door, visitor, "plan", plan_id)


@router.post("/plans/{plan_id}/preview")
def preview(plan_id: str, door: At, visitor: By) -> Preview:
    """What a run would cut now, and what stays on and why: the same decision as the run's."""
    plan = configuration.one(door, visitor, "plan", plan_id)
    made = previewed(door, plan.site_id, list(door.board.frozen(plan)))
    observes = door.board.observes(plan)
    if observes is not None:
        made["observes"], made["observes_zh"] = observes
    made["needs_second"] = _never_ran(door, plan)
    return made


@router.post("/plans/{plan_id}/runs", status_code=202)
async def start(plan_id: str, ask: RunAsk, request: Request, door: At, visitor: By) -> RunAnswer:
    """Run it now, after its countdown. The first run of a plan needs a second person."""
    plan = await in_thread(configuration.one, door, visitor, "plan", plan_id)
    visitor.must("cut", plan.site_id, "the plan", plan_id)
    second = None
    if await in_thread(_never_ran, door, plan):
        second = (await second_person(door, request, visitor, "cut", plan.site_id, ask.second_login, ask.second_password))[0].id
    wanted = StartPlan(key=request_key(request), plan_id=plan_id, who=visitor.user.id, reason=ask.reason, second=second)
    return run_answer(door, await door.desk.ask(wanted))


@router.post("/plans/{plan_id}/skip")
async def skip(plan_id: str, ask: SkipAsk, door: At, visitor: By) -> SkipAnswer:
    """Leave out the run of one local date, with the reason that the report keeps."""
    plan = await in_thread(configuration.one, door, visitor, "plan", plan_id)
    if not visitor.reach.may("cut", plan.site_id):
        raise forbidden("cut", roles_for("cut"))
    answer = await door.desk.ask(SkipNight(plan_id=plan_id, date=ask.date, who=visitor.user.id, reason=ask.reason))
    return {"plan_id": plan_id, "date": ask.date, "reason": ask.reason, "recorded": answer.recorded}


def _shape(door: Door, plan: Plan) -> PlanShape:
    return plan_shape(plan, door.board.night(plan.id), len(plans.covered(plan, door.board.roster)))


def _never_ran(door: Door, plan: Plan) -> bool:
    """Whether this plan has no run behind it, so that nobody has seen what it does."""
    past = door.records.facts("run", None, None, 50, subject=f"plan:{plan.id}").items
    return not any(fact.state in _RAN for fact in past)


def _must_be_meant(door: Door, visitor: Visitor, plan: Plan) -> None:
    configuration.known(door, visitor, "site", plan.site_id, "/site_id")
    if plan.calendar is not None:
        configuration.known(door, visitor, "calendar", plan.calendar, "/calendar")
    found = plans.problems(plan)
    if found:
        errors = [{"pointer": _pointer(name), "detail": f"given {given}; allowed: {allowed}"} for name, given, allowed in found]
        name, given, allowed = found[0]
        detail = f"{_PUBLIC.get(name, name)} is {given}; allowed: {allowed}"
        raise Problem(422, "invalid", "It cannot be meant", detail, errors=errors)
    roster = door.board.roster
    for at, stage in enumerate(plan.stages):
        strangers = [each for each in stage.circuits if each not in roster.circuits or roster.circuits[each].site_id != plan.site_id]
        strangers += [each for each in stage.zones if each not in roster.zones or roster.zones[each].site_id != plan.site_id]
        if strangers:
            raise invalid(f"{', '.join(strangers[:5])} are not at the site {plan.site_id}", f"/stages/{at}")


_PUBLIC = {"at_minute": "at"}


def _pointer(field: str) -> str:
    return "/" + _PUBLIC.get(field, field).replace("[", "/").replace("]", "").replace(".", "/")
