"""Backtests: a rule, or an edit of it, tried on stored history before it is enabled. Each belongs to whoever asked; nobody else sees it.

What is tried is settled when it is asked for: the points of that moment at the sites that the person sees.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from alarms.queries import AlarmQuery
from api import configuration
from api.door import ActingRoute, At, By, Door, Visitor
from api.ports import BacktestJob
from api.problems import Problem, invalid, not_found
from api.shapes.backtests import (
    MOST_POINTS,
    BacktestAsk,
    BacktestPage,
    BacktestShape,
    FindingPage,
    backtest_shape,
    finding_shape,
)
from rules.backtest import Judged
from rules.model import Rule
from rules.parse import parse_rule
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["rules"])
WEEK_MS = 7 * 86_400_000
MOST_SPAN_MS = 400 * 86_400_000
MOST_JUDGED = 5_000


@router.post("/rules/{rule_id}/backtest", status_code=202)
def ask_backtest(rule_id: str, ask: BacktestAsk, door: At, visitor: By) -> BacktestShape:
    """Begin a backtest; it runs in the background, one at a time. Ask again for its progress. A rule that is not kept yet is handed in
    whole."""
    present = _present(rule_id, ask.rule is not None, door, visitor)
    visitor.must_somewhere("rules")
    if ask.rule is None:
        assert present is not None
        tried = present
    else:
        configuration.same_id(ask.rule.get("id"), rule_id)
        tried = parse_rule({"version": 1, **ask.rule, "id": rule_id})
    to_ms = visitor.now_ms if ask.to_at is None else ask.to_at
    from_ms = to_ms - WEEK_MS if ask.from_at is None else ask.from_at
    if not from_ms < to_ms <= from_ms + MOST_SPAN_MS:
        raise invalid("from_at must lie before to_at, by at most 400 days", "/from_at")
    points = _points(ask, [tried] if present is None else [tried, present], door, visitor)
    judged = [] if present is None else _judged(rule_id, from_ms, to_ms, door, visitor)
    job = door.backtests.ask(
        tried, None if ask.rule is None else present, points, from_ms, to_ms, judged, visitor.user.id, ask.rule is not None
    )
    return backtest_shape(job)


@router.get("/backtests")
def backtests(door: At, visitor: By, limit: Annotated[int, Query(ge=1, le=50)] = 20) -> BacktestPage:
    """Your own, newest first; they are kept for a day."""
    return {"items": [backtest_shape(job) for job in door.backtests.of(visitor.user.id)[:limit]]}


@router.get("/backtests/{backtest_id}")
def backtest(backtest_id: str, door: At, visitor: By) -> BacktestShape:
    job = _mine(backtest_id, door, visitor)
    return backtest_shape(job, door.backtests.result(job.id))


@router.get("/backtests/{backtest_id}/findings")
def backtest_findings(
    backtest_id: str,
    door: At,
    visitor: By,
    of: Literal["tried", "present"] = "tried",
    cursor: Annotated[str | None, Query(max_length=20)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> FindingPage:
    """All findings of one version, in the order in which they would have come."""
    job = _mine(backtest_id, door, visitor)
    result = door.backtests.result(job.id)
    if result is None:
        raise Problem(409, "backtest-not-done", "Not ready", f"the backtest is {job.state}; its findings are there when it is done")
    version = result.tried if of == "tried" else result.present
    if cursor is not None and not cursor.isdigit():
        raise Problem(400, "bad-cursor", "Not a cursor of this list", f"{cursor!r} was not given by this list")
    start = int(cursor or 0)
    found = [] if version is None else version.findings
    items = found[start : start + limit]
    return {
        "items": [finding_shape(finding) for finding in items],
        "next_cursor": str(start + limit) if start + limit < len(found) else None,
    }


@router.delete("/backtests/{backtest_id}", status_code=204)
def forget_backtest(backtest_id: str, door: At, visitor: By) -> None:
    """Stop it, if it runs, and forget its result."""
    door.backtests.cancel(_mine(backtest_id, door, visitor).id)


def _present(rule_id: str, is_new_allowed: bool, door: Door, visitor: Visitor) -> Rule | None:
    """The rule as it is kept; None: it is not there, and a new one was handed in. Raises 404."""
    try:
        door.records.thing("rule", rule_id)
    except NotFound:
        if is_new_allowed:
            return None
    present: Rule = configuration.one(door, visitor, "rule", rule_id)
    return present


def _mine(backtest_id: str, door: Door, visitor: Visitor) -> BacktestJob:
    job = door.backtests.one(backtest_id)
    if job is None or job.user_id != visitor.user.id:
        raise not_found("the backtest", backtest_id)
    return job


def _points(ask: BacktestAsk, rules: list[Rule], door: Door, visitor: Visitor) -> list[str]:
    looked_at = list(door.backtests.points(rules, visitor.scope))
    if ask.points:
        unknown = sorted(set(ask.points) - set(looked_at))
        if unknown:
            raise invalid(f"{unknown[0]} is no point that the rule looks at", "/points")
        looked_at = [point for point in looked_at if point in set(ask.points)]
    if len(looked_at) > MOST_POINTS:
        raise invalid(f"the rule looks at {len(looked_at)} points; at most {MOST_POINTS} are tried at once: name some", "/points")
    if not looked_at:
        raise invalid("the rule looks at no point that there is", "/rule/scope")
    return looked_at


def _judged(rule_id: str, from_ms: int, to_ms: int, door: Door, visitor: Visitor) -> list[Judged]:
    """What operators found of the rule's alarms in the span."""
    found: list[Judged] = []
    cursor = None
    while len(found) < MOST_JUDGED:
        page = door.records.alarms(
            AlarmQuery(rule=rule_id, from_ms=from_ms, to_ms=to_ms, cursor=cursor, limit=500), visitor.reach.alarm_scope
        )
        found += [
            Judged(
                alarm_id=alarm.id,
                subject=alarm.subject,
                from_ms=alarm.raised_ms,
                until_ms=alarm.cleared_ms,
                verdict=alarm.verdict.value,
            )
            for alarm in page.items
            if alarm.verdict is not None
        ]
        cursor = page.next_cursor
        if cursor is None:
            break
    return found
