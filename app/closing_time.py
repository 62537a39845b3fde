"""`sitewarden simulate closing-time`: a whole closing-time operation on a service of its own, checked against what the breakers really did.

Two thousand circuits, one in a hundred with a breaker that ignores, refuses, lies or flips back. In the end: exactly one order a circuit
and round, every good circuit proved, every bad one named, no feed of fire protection touched. What is not so ends with exit code 1.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from app import shipped
from app.demo import KIND, free_port
from app.service import Service
from app.settings import CommandError, load
from power.plans import Plan, Stage
from power.run_model import LIVE, ItemState, Run, RunItem, StartPlan
from simulators.breakers import Behaviour
from simulators.closing_time import SITE, closing_time
from simulators.place import Place
from simulators.plant import run as run_plant
from sites.model import CircuitClass
from storage.records import Records

PLAN = Plan(
    id="closing-time",
    site_id=SITE,
    name="闭店断电演练",
    name_en="Closing-time drill",
    stages=(Stage(name="shops", classes=(CircuitClass.NIGHT_OFF, CircuitClass.FIRE)),),
    at_minute=0,
    weekdays=(0,),
    countdown_s=3.0,
    retry_after_s=10.0,
    observation_nights=0,
)
_SEEN_AFTER_S = 45.0  # how long after the run what flips back must have been called out
_HEARD_WITHIN_S = 120.0


@dataclass(slots=True)
class Verdict:
    """What the drill found, and what is wrong with it (empty: nothing)."""

    circuits: int
    bad: dict[str, Behaviour]
    named: set[str] = field(default_factory=set)
    ends: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    took_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


def run(circuits: int, seconds: float | None, seed: int) -> int:
    """Run the drill and print what came of it; 0 when everything is as it must be."""
    verdict = drill(circuits, seconds or 600.0, seed)
    for name, value in (
        ("circuits to be cut", verdict.circuits),
        ("orders", verdict.orders),
        *((f"circuits {state.replace('_', ' ')}", number) for state, number in sorted(verdict.ends.items())),
        ("bad breakers", len(verdict.bad)),
        ("bad breakers named", len(verdict.named & verdict.bad.keys())),
        ("took s", f"{verdict.took_s:.1f}"),
    ):
        print(f"  {name:<40} {value}")
    for circuit_id, behaviour in sorted(verdict.bad.items()):
        print(f"  {circuit_id:<16} {behaviour:<12} {'named' if circuit_id in verdict.named else 'NOT FOUND'}")
    for line in verdict.wrong:
        print(f"wrong: {line}", file=sys.stderr)
    return 1 if verdict.wrong else 0


def drill(circuits: int, seconds: float, seed: int) -> Verdict:
    """The whole operation in a temporary folder. Raises CommandError when it does not come to its end in time."""
    place = closing_time(circuits, seed=seed)
    with ExitStack() as stack:
        service, stop = serve(stack, place, [PLAN], seed)
        began = time.monotonic()
        service.parts.scan.ask(StartPlan(key="drill", plan_id=PLAN.id, who="drill", reason="drill")).result(10.0)
        runs = service.parts.warden.runs

        def last() -> Run:
            return next(run for run in runs.standing_runs() if run.plan_id == PLAN.id)

        _wait(lambda: last().state not in LIVE, seconds, "the run has not ended")
        took_s = time.monotonic() - began
        print(f"  the run has ended after {took_s:.1f} s; watching what draws again", file=sys.stderr)
        stop.wait(_SEEN_AFTER_S)
        verdict = judge(place, last(), runs.items(last().id), _named_afterwards(service))
        verdict.took_s = took_s
        return verdict


def serve(stack: ExitStack, place: Place, plans: Sequence[Plan], seed: int) -> tuple[Service, threading.Event]:
    """A service in a temporary folder with its own broker, and the place's plant on it, every breaker heard. The event stops the plant.
    Raises CommandError."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sitewarden-closing-")))
    settings = load(
        data_dir=folder,
        http_port=free_port(8_000),
        http_host="127.0.0.1",
        mqtt_url="embedded://127.0.0.1:1883",
        mqtt_users=None,
        records_url="sqlite:///{data_dir}/records.db",
        historian_url="duckdb:///{data_dir}/history.duckdb",
    )
    records = Records.open(settings.records)
    records.upgrade()
    _furnish(records, place, plans)
    records.close()
    service = stack.enter_context(Service(settings))
    stop = threading.Event()
    address, clock = service.parts.broker.telemetry.address, service.parts.clock.now_ms
    told = {"stop": stop, "clock": clock, "seed": seed, "client_id": "closing"}
    plant = threading.Thread(target=run_plant, args=(address, place), kwargs=told, name="plant", daemon=True)
    plant.start()
    stack.callback(plant.join, 10.0)
    stack.callback(stop.set)
    _wait(lambda: _all_heard(service, place), _HEARD_WITHIN_S, "not every breaker was heard")
    return service, stop


def judge(place: Place, run: Run, items: list[RunItem], drawing: set[str]) -> Verdict:
    """Compare what the run says with what the breakers are. `drawing`: circuits that were called out after the run."""
    behaviours = {f"{load.device_id}:{load.channel}": load.behaviour for load in place.loads}
    to_cut = {circuit.id: circuit for circuit in place.circuits if circuit.circuit_class is CircuitClass.NIGHT_OFF}
    bad = {each.id: behaviours[f"{each.device_id}:{each.channel}"] for each in to_cut.values()}
    bad = {circuit_id: behaviour for circuit_id, behaviour in bad.items() if behaviour not in (Behaviour.OBEY, Behaviour.LAG)}
    by_circuit = {item.circuit_id: item for item in items}
    verdict = Verdict(circuits=len(to_cut), bad=bad, ends=Counter(str(item.state) for item in items))
    order_ids = [order_id for item in items for order_id in item.order_ids]
    verdict.orders = len(order_ids)
    verdict.named = {item.circuit_id for item in items if item.state in (ItemState.FAILED, ItemState.UNPROVED)} | drawing
    if len(set(order_ids)) != len(order_ids):
        verdict.wrong.append("an order stands twice")
    for circuit_id in to_cut:
        item = by_circuit.get(circuit_id)
        rounds = 1 if circuit_id not in bad else run.round + 1
        if item is None or not 1 <= len(item.order_ids) <= rounds:
            verdict.wrong.append(f"{circuit_id} has {len(item.order_ids) if item else 0} orders")
        elif circuit_id not in bad and item.state is not ItemState.PROVED:
            verdict.wrong.append(f"{circuit_id} obeys and is {item.state}: {item.reason}")
        elif circuit_id in bad and circuit_id not in verdict.named:
            verdict.wrong.append(f"{circuit_id} {bad[circuit_id]} was not found")
    wrongly = verdict.named - bad.keys()
    verdict.wrong += [f"{circuit_id} obeys and was called out" for circuit_id in sorted(wrongly)]
    verdict.wrong += [
        f"{item.circuit_id} feeds fire protection and has an order" for item in items if item.circuit_id not in to_cut and item.order_ids
    ]
    return verdict


def _furnish(records: Records, place: Place, plans: Sequence[Plan]) -> None:
    now_ms = time.time_ns() // 1_000_000
    shipped.ensure(records, now_ms)
    by_kind: dict[str, list[object]] = {}
    for thing in place.things():
        by_kind.setdefault(KIND[type(thing)], []).append(thing)
    for kind, things in by_kind.items():
        records.insert_many(kind, things, shipped.SERVICE, now_ms)
    for plan in plans:
        records.insert("plan", plan, shipped.SERVICE, now_ms)


def _all_heard(service: Service, place: Place) -> bool:
    board = service.parts.board
    return all(board.measured(circuit.id).current_a is not None for circuit in place.circuits)


def _named_afterwards(service: Service) -> set[str]:
    facts = [fact.body for (kind, _), fact in service.parts.board.facts.items() if kind == "still_drawing"]
    return {each.circuit_id for shop in facts for each in shop.circuits}


def _wait(done: Callable[[], bool], within_s: float, otherwise: str) -> None:
    until = time.monotonic() + within_s
    while not done():
        if time.monotonic() > until:
            raise CommandError(f"{otherwise} within {within_s:g} s")
        time.sleep(0.2)
