"""B10: a plan of 1,000 circuits whose breakers answer in 200 ms, against what one circuit takes alone on the same service.

The ideal is one stage's 200 ms and its proof: measured by plans of a single circuit, run one after another before the big one, from the
end of the countdown to the end of the run. Everything is real: embedded broker, journal, proof by readings. Each circuit must have
exactly one order and be proved, or the run does not count.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from statistics import median
from typing import Any

from app.closing_time import PLAN, serve
from app.service import Service
from power.plans import Stage
from power.run_model import ItemState, Run, RunState, StartPlan
from simulators.closing_time import closing_time
from sites.model import CircuitClass

CIRCUITS, SINGLES = 1_000, 7
_STOP_AFTER_S = 180.0


def run() -> list[dict[str, Any]]:
    """The row of B10 for the table: how many times the ideal the big plan takes."""
    place = closing_time(CIRCUITS + SINGLES, bad_share=0.0)
    plain = replace(PLAN, countdown_s=0.0, retries=0)
    night_off = [circuit.id for circuit in place.circuits if circuit.circuit_class is CircuitClass.NIGHT_OFF]
    singles = [replace(plain, id=f"single-{n}", stages=(Stage(circuits=(night_off[n],)),)) for n in range(SINGLES)]
    big = replace(plain, id="big", stages=(Stage(circuits=tuple(night_off[SINGLES:])),))
    with ExitStack() as stack:
        service, _ = serve(stack, place, [*singles, big], seed=1)
        alone = [_took_s(_run(service, plan.id)) for plan in singles]
        ended = _run(service, "big")
        items = service.parts.warden.runs.items(ended.id)
        proved = sum(item.state is ItemState.PROVED and len(item.order_ids) == 1 for item in items)
    assert len({order_id for item in items for order_id in item.order_ids}) == CIRCUITS, "not exactly one order a circuit"
    assert proved == CIRCUITS, f"{proved} of {CIRCUITS} were proved by one order"
    ideal_s, took_s = median(alone), _took_s(ended)
    name = f"a plan of {CIRCUITS} circuits, {took_s:.2f} s; one circuit alone {ideal_s:.2f} s (median of {SINGLES})"
    ratio = took_s / ideal_s
    return [
        {"id": "B10", "name": name, "figure": ratio, "unit": "x ideal", "bar": "<= 1.5x", "holds": ratio <= 1.5, "runs": 1},
    ]


def _run(service: Service, plan_id: str) -> Run:
    service.parts.scan.ask(StartPlan(key="b10", plan_id=plan_id, who="b10", reason="b10")).result(10.0)
    runs, until = service.parts.warden.runs, time.monotonic() + _STOP_AFTER_S
    while True:
        found = next(run for run in runs.standing_runs() if run.plan_id == plan_id)
        if found.state is RunState.DONE:
            return found
        assert time.monotonic() < until, f"the run of {plan_id} is {found.state}: {found.counts}"
        time.sleep(0.05)


def _took_s(run: Run) -> float:
    assert run.ended_ms is not None
    return (run.ended_ms - run.starts_ms) / 1000
