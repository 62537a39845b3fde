"""Runs: the night's plan and one click on many circuits, live and as they ended; aborting, deciding, and their reports."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api import cut_reach, run_report
from api.door import ActingRoute, At, By, Door, Visitor, in_thread, request_key
from api.ports import Answer
from api.problems import invalid, not_found
from api.routes.query import Cursor, From, Limit, To
from api.second_person import second_person
from api.shapes.plans import (
    CutsAsk,
    DecideAsk,
    MonthShape,
    Preview,
    ReachAsk,
    RunAnswer,
    RunDetail,
    RunPage,
    RunStateName,
    WhyAsk,
    item_shape,
    run_shape,
)
from power.run_model import AbortRun, DecideRun, Run, RunItem, StartCuts
from sites.records import NotFound, Unavailable

router = APIRouter(route_class=ActingRoute, tags=["runs"])
Of = Annotated[str | None, Query(max_length=64)]
Form = Annotated[str, Query(pattern="^(html|csv|json)$")]
Tongue = Annotated[str, Query(pattern="^(zh|en)$")]
Month = Annotated[str, Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="a month such as 2026-11")]
_MEDIA = {"html": "text/html; charset=utf-8", "csv": "text/csv; charset=utf-8", "json": "application/json"}
_MOST_ITEMS = 500


# -- one click on many -------------------------------------------------------------------------------------------------


@router.post("/cuts/preview")
def preview(ask: ReachAsk, door: At, visitor: By) -> Preview:
    """Exactly what goes dark and what stays on and why; for a whole site with four digits to be typed."""
    site_id, circuits = cut_reach.reached(door, visitor, ask)
    made = cut_reach.previewed(door, site_id, [(0, circuit, door.board.stays_on(circuit)) for circuit in circuits])
    going = [item["circuit_id"] for item in made["goes_dark"]]
    if cut_reach.is_whole_site(ask) and going:
        made["challenge"], made["digits"] = cut_reach.challenge(door.secret, site_id, going, visitor.now_ms)
    made["needs_second"] = cut_reach.needs_second(ask, len(going))
    return made


@router.post("/cuts", status_code=202)
async def cut(ask: CutsAsk, request: Request, door: At, visitor: By) -> RunAnswer:
    """Cut the circuits that the preview showed, as one run. Whoever stays on now says why in its item."""
    site_id, circuits = cut_reach.reached(door, visitor, ask)
    visitor.must("cut", site_id, "the site", site_id)
    strangers = set(ask.circuit_ids) - {circuit.id for circuit in circuits}
    if strangers:
        raise invalid(f"{', '.join(sorted(strangers)[:5])} are not among what this reaches: look at the preview again", "/circuit_ids")
    if cut_reach.is_whole_site(ask):
        cut_reach.must_meet(door.secret, site_id, ask.circuit_ids, ask.challenge, ask.digits, visitor.now_ms)
    second = None
    if cut_reach.needs_second(ask, len(ask.circuit_ids)):
        second = (await second_person(door, request, visitor, "cut", site_id, ask.second_login, ask.second_password))[0].id
    roster = door.board.roster
    zone = roster.zones.get(ask.zone_id or "")
    place = roster.sites[site_id].name + (f" {zone.name}" if zone else f" {ask.floor}" if ask.floor else "")
    wanted = StartCuts(
        key=request_key(request),
        site_id=site_id,
        circuit_ids=tuple(ask.circuit_ids),
        who=visitor.user.id,
        reason=ask.reason,
        name=place,
        alarm_id=ask.alarm_id,
        second=second,
        countdown_s=ask.countdown_s,
    )
    return run_answer(door, await door.desk.ask(wanted))


# -- runs --------------------------------------------------------------------------------------------------------------


@router.get("/runs")
def runs(
    door: At,
    visitor: By,
    site: Of = None,
    plan: Of = None,
    state: RunStateName | None = None,
    from_ms: From = None,
    to_ms: To = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> RunPage:
    """Last changed first. While the records are away: those that are live."""
    subject = f"plan:{plan}" if plan else None
    try:
        where = {"site_id": site, "subject": subject, "state": state, "from_ms": from_ms, "to_ms": to_ms}
        page = door.records.facts("run", visitor.scope, cursor, limit, **where)
        found, following = [fact.body for fact in page.items], page.next_cursor
    except Unavailable:
        if cursor is not None:
            raise
        live = [fact.body for (kind, _), fact in door.board.facts.items() if kind == "run" and visitor.reach.may("see", fact.site_id)]
        fits = [r for r in live if site in (None, r.site_id) and plan in (None, r.plan_id) and state in (None, r.state)]
        found, following = sorted(fits, key=lambda r: -r.due_ms)[:limit], None
    newest = [present[0] if (present := door.board.run(r.id)) else r for r in found]
    return {"items": [run_shape(r, door.person) for r in newest], "next_cursor": following}


@router.get("/runs/month")
def month(door: At, visitor: By, site: Annotated[str, Query(max_length=64)], of: Annotated[str, Month] = "") -> MonthShape:
    """A site's month: nights cut, share proved, energy not used (an estimate), circuits that do not obey."""
    visitor.must_see(site, "the site", site)
    return run_report.month(door, site, of)


@router.get("/runs/{run_id}")
def run(run_id: str, door: At, visitor: By) -> RunDetail:
    """The run with each of its circuits."""
    found, items = _find(door, visitor, run_id)
    return {**run_shape(found, door.person), "items": [item_shape(item) for item in items], "records_available": True}


@router.get("/runs/{run_id}/report", responses={200: {"content": {media: {} for media in _MEDIA.values()}}}, response_class=Response)
def report(run_id: str, door: At, visitor: By, form: Form = "html", lang: Tongue = "zh") -> Response:
    """Who, when, what; each circuit's watts before and after, time to proof, exceptions. Printable, or as data."""
    found, items = _find(door, visitor, run_id)
    made = run_report.report(door, found, items, form, lang)
    headers = {} if form == "html" else {"Content-Disposition": f'attachment; filename="run-{found.id}.{form}"'}
    return Response(made, media_type=_MEDIA[form], headers=headers)


@router.post("/runs/{run_id}/abort")
async def abort(run_id: str, ask: WhyAsk, door: At, visitor: By) -> RunAnswer:
    """Nothing more is ordered; what was ordered goes on to its end."""
    await _must_cut(door, visitor, run_id)
    return run_answer(door, await door.desk.ask(AbortRun(run_id=run_id, who=visitor.user.id, reason=ask.reason)))


@router.post("/runs/{run_id}/decide")
async def decide(run_id: str, ask: DecideAsk, door: At, visitor: By) -> RunAnswer:
    """A missed or interrupted run asks: run it now, or not."""
    await _must_cut(door, visitor, run_id)
    return run_answer(door, await door.desk.ask(DecideRun(run_id=run_id, who=visitor.user.id, go=ask.go, reason=ask.reason)))


def run_answer(door: Door, answer: Answer) -> RunAnswer:
    run = next(fact.body for fact in reversed(answer.facts) if fact.kind == "run")
    present = door.board.run(run.id)
    return {**run_shape(present[0] if present else run, door.person), "recorded": answer.recorded}


async def _must_cut(door: Door, visitor: Visitor, run_id: str) -> None:
    found, _ = await in_thread(_find, door, visitor, run_id)
    visitor.must("cut", found.site_id, "the run", run_id)


def _find(door: Door, visitor: Visitor, run_id: str) -> tuple[Run, list[RunItem]]:
    """A run and its items, from the scan or the records, or 404. Raises Unavailable for an old one while the records are away."""
    present = door.board.run(run_id)
    if present is None:
        try:
            run = door.records.fact("run", run_id).body
        except NotFound:
            raise not_found("the run", run_id) from None
        present = run, _old_items(door, run_id)
    if not visitor.reach.may("see", present[0].site_id):
        raise not_found("the run", run_id)
    return present[0], list(present[1])


def _old_items(door: Door, run_id: str) -> list[RunItem]:
    items: list[RunItem] = []
    cursor: str | None = None
    while True:
        page = door.records.facts("run_item", None, cursor, _MOST_ITEMS, subject=f"run:{run_id}")
        items += [fact.body for fact in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return sorted(items, key=lambda item: (item.stage, item.panel, item.circuit_name, item.circuit_id))
