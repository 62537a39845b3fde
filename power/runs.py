"""The runs: plans carried out at their minute, clicks on many circuits, each circuit on its way to *proved*. A section of the scan.

A run freezes its list when it begins: what goes dark, and what stays on with the reason. Orders are made stage by stage, one gateway's one
after another, gateways side by side; a round later what was not proved is ordered once more. A run that the service missed is never
executed late by surprise: it asks. It makes orders through `power.orders`, which refuses and proves; it never sends anything itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

from alarms.classes import By
from alarms.model import Transition
from alarms.section import Products
from alarms.service_alarms import ServiceClear, ServiceRaise
from power import plans
from power.errors import RequestRefused, UnknownCircuit
from power.measure import measured_of
from power.model import FINAL, Action, Order, OrderState, OrderStep
from power.orders import Orders
from power.plans import Night, Plan
from power.refusals import Refusal
from power.run_model import (
    ASKING,
    LIVE,
    AbortRun,
    DecideRun,
    ItemState,
    Run,
    RunItem,
    RunRequest,
    RunState,
    Skip,
    SkipNight,
    StartCuts,
    StartPlan,
)
from sites import calendars
from sites.calendars import Calendar
from sites.facts import Fact
from sites.model import Circuit, derived_id
from sites.roster import Roster

GRACE_MS = 120_000  # a run this late still begins by itself; later it asks
INTERRUPT_MS = 600_000  # a service that stood still longer in the middle of a run asks before it goes on
ASKS_MS = 6 * 3_600_000
KEPT_MS = 72 * 3_600_000  # ended runs, for the morning's restore list
MOST_LIVE = 200
_AGAIN = frozenset({OrderState.FAILED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.REFUSED})

Holds = Callable[[Circuit, int], Refusal | None]  # why this circuit is held out of plans now: permits, stay-on requests


@dataclass(slots=True)
class RunsState:
    """What a snapshot keeps."""

    runs: list[Run] = field(default_factory=list)
    items: list[RunItem] = field(default_factory=list)
    nights: dict[str, Night] = field(default_factory=dict)
    observed: dict[str, int] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)


class Runs:
    """`plans` and `calendars` are the configuration's own dicts, read only; `now_ms` is the end of the row that the scan is at."""

    name = "runs"
    follows_alarms = False
    requests: tuple[type, ...] = (StartPlan, StartCuts, AbortRun, DecideRun, SkipNight)
    state_type = RunsState

    def __init__(
        self,
        orders: Orders,
        roster: Roster,
        plans: Mapping[str, Plan],
        calendars: Mapping[str, Calendar],
        now_ms: Callable[[], int],
        holds: Sequence[Holds] = (),
    ) -> None:
        self._orders, self._roster, self._plans, self._calendars = orders, roster, plans, calendars
        self._now_ms, self._holds = now_ms, holds
        self._runs: dict[str, Run] = {}
        self._items: dict[str, dict[str, RunItem]] = {}  # by run, by circuit, in the order in which they are cut
        self._counts: dict[str, Counter[str]] = {}
        self._queues: dict[str, list[tuple[int, str]]] = {}  # of live runs: (moment, circuit id) of orders to be made
        self._under_way: dict[str, set[str]] = {}  # circuits whose order has not ended
        self._run_of: dict[str, str] = {}  # order id -> run id, of orders under way
        self._nights: dict[str, Night] = {}  # by plan
        self._observed: dict[str, int] = {}  # observation nights by plan
        self._skips: list[Skip] = []
        self._due_ms: int | None = None

    # -- reading it ----------------------------------------------------------------------------------------------------

    def run(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

    def standing_runs(self) -> list[Run]:
        """Live and asking ones, and those that ended within 72 h, oldest first."""
        return list(self._runs.values())

    def items(self, run_id: str) -> list[RunItem]:
        """In the order in which they are cut."""
        return list(self._items.get(run_id, {}).values())

    def stays_on(self, circuit: Circuit, at_ms: int) -> Refusal | None:
        """Why a click would not cut this circuit now; None: it would."""
        return self._stays_on(circuit, By.PERSON, at_ms)

    def observes(self, plan: Plan) -> tuple[str, str] | None:
        """Why the plan's next night only observes, in both languages; None: it cuts."""
        return self._observes(plan)

    def night(self, plan_id: str) -> Night | None:
        """When the plan runs next."""
        return self._nights.get(plan_id)

    def last_end_ms(self, site_id: str) -> int | None:
        """When the last run of a plan at the site ended; None: none did within 72 h."""
        ends = [run.ended_ms for run in self._runs.values() if run.site_id == site_id and run.plan_id and run.state is RunState.DONE]
        return max((end for end in ends if end is not None), default=None)

    def proved_lately(self, site_id: str) -> frozenset[str]:
        """Circuits that the last ended or live run of a plan at the site has proved off."""
        here = [run for run in self._runs.values() if run.site_id == site_id and run.plan_id and run.state in LIVE | {RunState.DONE}]
        if not here:
            return frozenset()
        last = max(here, key=lambda run: run.starts_ms)
        return frozenset(item.circuit_id for item in self._items[last.id].values() if item.state is ItemState.PROVED)

    def frozen(self, plan: Plan, at_ms: int, by: By = By.PLAN) -> list[tuple[int, Circuit, Refusal | None]]:
        """What a run of this plan would cut now, and what stays on and why, as (stage, circuit, why not): the preview asks here too."""
        return [(stage, circuit, self._stays_on(circuit, by, at_ms)) for stage, circuit in plans.covered(plan, self._roster)]

    def standing(self) -> Iterable[Fact]:
        for run in self._runs.values():
            if run.state in LIVE | ASKING:
                yield _run_fact(run, run.starts_ms)
                yield from (_item_fact(item, run.starts_ms) for item in self._items[run.id].values())

    def due_ms(self) -> int | None:
        return self._due_ms

    # -- time ------------------------------------------------------------------------------------------------------------

    def due(self, at_ms: int) -> Products:
        out = Products()
        for plan_id, night in sorted(self._nights.items()):
            if night.at_ms <= at_ms:
                self._fall_due(self._plans[plan_id], night, out)
        for run in [run for run in self._runs.values() if run.state in ASKING]:
            if run.asks_until_ms is not None and run.asks_until_ms <= at_ms:
                self._decline(run, None, "nobody answered in time", "无人及时答复", at_ms, out)
        for run in [run for run in self._runs.values() if run.state in LIVE]:
            self._go_on(run.id, at_ms, out)
        self._forget(at_ms)
        self._settle()
        return out

    def _fall_due(self, plan: Plan, night: Night, out: Products) -> None:
        """A plan's minute has come, perhaps while nobody was here: of several nights that were missed only the last asks."""
        now_ms = max(self._now_ms(), night.at_ms)
        following = self._next_night(plan, night.at_ms)
        while following is not None and following.at_ms <= now_ms:
            night, following = following, self._next_night(plan, following.at_ms)
        if following is None:
            del self._nights[plan.id]
        else:
            self._nights[plan.id] = following
        run_id = derived_id("run", plan.id, night.date)
        if run_id in self._runs:
            return
        run = self._new_run(plan, run_id, "plan", night.at_ms, night.at_ms, night.date)
        skip = next((skip for skip in self._skips if (skip.plan_id, skip.date) == (plan.id, night.date)), None)
        if skip is not None:
            self._keep(
                replace(run, state=RunState.SKIPPED, note=skip.reason, note_zh=skip.reason, ended_ms=now_ms, ended_by=skip.who), now_ms, out
            )
        elif now_ms - night.at_ms > GRACE_MS:
            note = "the service was not there at its minute"
            self._ask(replace(run, state=RunState.MISSED, note=note, note_zh="到点时服务未运行"), now_ms, out)
        else:
            self._begin(run, self.frozen(plan, now_ms), self._observes(plan), now_ms, out)

    def _ask(self, run: Run, at_ms: int, out: Products) -> None:
        run = replace(run, asks_until_ms=at_ms + ASKS_MS)
        self._keep(run, at_ms, out)
        out.wishes.append(ServiceRaise(code="run_missed", subject=f"run:{run.id}", site_id=run.site_id, note=f"{run.name}: {run.note}"))

    def _go_on(self, run_id: str, at_ms: int, out: Products) -> None:
        """Everything that is due of a live run: its countdown, its orders, its next stage or round, its end."""
        run = self._runs[run_id]
        if run.state is RunState.COUNTDOWN:
            if run.starts_ms > at_ms:
                return
            run = self._keep(replace(run, state=RunState.RUNNING), at_ms, out)
            self._schedule(run, run.starts_ms)
        while run.state in LIVE:
            queue = self._queues[run.id]
            while queue and queue[0][0] <= at_ms:
                self._order(run, heappop(queue)[1], at_ms, out)
            run = self._runs[run.id]
            if queue or self._under_way[run.id]:
                return
            run = self._next_part(run, at_ms, out)

    def _next_part(self, run: Run, at_ms: int, out: Products) -> Run:
        """A stage or round has ended: the next, or the end."""
        plan = self._plan_of(run)
        if run.stage + 1 < run.stages:
            pause_ms = round(plan.stages[run.stage + 1].pause_s * 1000) if plan and run.stage + 1 < len(plan.stages) else 0
            run = self._keep(replace(run, stage=run.stage + 1), at_ms, out)
            self._schedule(run, at_ms + pause_ms)
            return run
        again = [item for item in self._items[run.id].values() if item.state is ItemState.FAILED and _may_again(item)]
        if plan is not None and run.round < plan.retries and again:
            run = self._keep(replace(run, state=RunState.RETRYING, round=run.round + 1, stage=0), at_ms, out)
            for item in again:
                self._put(replace(item, state=ItemState.WAITING, round=run.round), at_ms, out)
            self._schedule(run, at_ms + round(plan.retry_after_s * 1000))
            return self._keep(self._runs[run.id], at_ms, out)
        return self._keep(replace(run, state=RunState.DONE, ended_ms=at_ms), at_ms, out)

    def _schedule(self, run: Run, from_ms: int) -> None:
        """Give the waiting items of the present stage their times: one gateway's one after another, gateways side by side."""
        plan = self._plan_of(run)
        stagger_ms = plan.stagger_ms if plan else 150
        queued: Counter[str] = Counter()
        for item in list(self._items[run.id].values()):
            if item.state is ItemState.WAITING and item.stage == run.stage:
                at_ms = from_ms + queued[item.gateway] * stagger_ms
                queued[item.gateway] += 1
                self._items[run.id][item.circuit_id] = replace(item, at_ms=at_ms)
                heappush(self._queues[run.id], (at_ms, item.circuit_id))

    def _order(self, run: Run, circuit_id: str, at_ms: int, out: Products) -> None:
        item = self._items[run.id][circuit_id]
        by = _by(run)
        circuit = self._roster.circuits.get(circuit_id)
        no = None if circuit is None else self._held(circuit, by, at_ms)
        if no is not None:  # something came between the list and the order
            self._put(_left_on(item, no), at_ms, out)
            return
        named = {"who": run.who, "reason": run.reason or run.name, "alarm_id": run.alarm_id}
        advance = self._orders.of_run(circuit_id, run.id, run.round, by, named, at_ms)
        if not advance.orders:
            gone = replace(
                item, state=ItemState.FAILED, code="circuit_gone", reason="the circuit is no longer there", reason_zh="回路已被移除"
            )
            self._put(gone, at_ms, out)
            return
        order = advance.orders[0]
        self._run_of[order.id] = run.id
        self._under_way[run.id].add(circuit_id)
        item = replace(item, state=ItemState.ORDERED, order_ids=(*item.order_ids, order.id), ordered_ms=at_ms, order_state=order.state)
        self._put(item, at_ms, out)
        out.advances.append(advance)
        if order.state in FINAL and not advance.steps:  # it was there already
            self._take_end(order, at_ms, out)

    # -- what comes back ---------------------------------------------------------------------------------------------------

    def follow_order(self, step: OrderStep, at_ms: int) -> Products:
        out = Products()
        order = step.order
        run_id = self._run_of.get(order.id)
        if run_id is None:
            return out
        if order.state in FINAL:
            self._take_end(order, at_ms, out)
            if self._runs[run_id].state in LIVE:
                self._go_on(run_id, at_ms, out)
            self._settle()
        elif run_id in self._items and (item := self._items[run_id].get(order.circuit_id)) is not None:
            self._put(replace(item, order_state=order.state), at_ms, out)
        return out

    def _take_end(self, order: Order, at_ms: int, out: Products) -> None:
        run_id = self._run_of.pop(order.id)
        item = self._items[run_id][order.circuit_id]
        self._under_way[run_id].discard(order.circuit_id)
        state = _ENDS.get(order.state, ItemState.FAILED)
        if order.state is OrderState.REFUSED and order.state_code == "already_off":
            state = ItemState.ALREADY_OFF
        item = replace(
            item,
            state=state,
            order_state=order.state,
            code=order.state_code,
            reason=order.state_reason,
            reason_zh=order.state_reason_zh,
            before_w=order.before.power_w if item.before_w is None else item.before_w,
            before_a=order.before.current_a if item.before_a is None else item.before_a,
            after_w=order.after.power_w,
            after_a=order.after.current_a,
            ended_ms=at_ms,
        )
        self._put(item, at_ms, out)
        self._keep(self._runs[run_id], at_ms, out)

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        if kind in ("plan", "calendar", "site"):
            self._plan_nights(at_ms, thing_id if kind == "plan" else None)
            self._settle()
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        out = Products()
        if at_ms - since_ms > INTERRUPT_MS:
            for run in [run for run in self._runs.values() if run.state in LIVE]:
                note = "the service stood still in the middle of it"
                self._queues[run.id].clear()
                self._ask(replace(run, state=RunState.INTERRUPTED, note=note, note_zh="执行中途服务中断"), at_ms, out)
        self._settle()
        return out

    # -- requests --------------------------------------------------------------------------------------------------------------

    def request(self, request: RunRequest, at_ms: int) -> Products:
        """Raises RequestRefused, UnknownCircuit."""
        out = Products()
        match request:
            case StartPlan():
                self._start_plan(request, at_ms, out)
            case StartCuts():
                self._start_cuts(request, at_ms, out)
            case AbortRun():
                self._abort(request, at_ms, out)
            case DecideRun():
                self._decide(request, at_ms, out)
            case SkipNight():
                self._skip(request, at_ms, out)
        self._settle()
        return out

    def _start_plan(self, request: StartPlan, at_ms: int, out: Products) -> None:
        plan = self._plans.get(request.plan_id)
        if plan is None:
            raise RequestRefused(f"there is no plan {request.plan_id}")
        run_id = derived_id("run", plan.id, "request", request.who, request.key)
        if run_id in self._runs:
            self._tell_again(run_id, at_ms, out)
            return
        self._one_at_a_time(plan.id)
        zone = self._timezone(plan.site_id)
        run = self._new_run(plan, run_id, "plan_now", at_ms, at_ms, calendars.local_day(zone, at_ms).iso)
        run = replace(run, who=request.who, second=request.second, reason=request.reason)
        self._begin(run, self.frozen(plan, at_ms), self._observes(plan, counts=False), at_ms, out)

    def start_by_linkage(self, wanted: StartPlan, at_ms: int) -> Products:
        """Run a plan because of an alarm, with the classes that linkages may cut. One that is under way is left to itself. Raises
        RequestRefused."""
        out = Products()
        plan = self._plans.get(wanted.plan_id)
        if plan is None:
            raise RequestRefused(f"there is no plan {wanted.plan_id}")
        run_id = derived_id("run", plan.id, wanted.who, wanted.key)
        if run_id not in self._runs:
            self._one_at_a_time(plan.id)
            run = self._new_run(plan, run_id, "linkage", at_ms, at_ms, calendars.local_day(self._timezone(plan.site_id), at_ms).iso)
            run = replace(run, reason=wanted.reason, alarm_id=wanted.alarm_id)
            self._begin(run, self.frozen(plan, at_ms, By.LINKAGE), self._observes(plan), at_ms, out)
            self._settle()
        return out

    def _start_cuts(self, request: StartCuts, at_ms: int, out: Products) -> None:
        if not request.circuit_ids:
            raise RequestRefused("no circuit was named; give at least one")
        strangers = [each for each in request.circuit_ids if each not in self._roster.circuits]
        if strangers:
            raise UnknownCircuit(f"no circuit {', '.join(strangers)}; nothing was ordered")
        elsewhere = [each for each in request.circuit_ids if self._roster.circuits[each].site_id != request.site_id]
        if elsewhere:
            raise RequestRefused(f"{', '.join(elsewhere)} are not at the site {request.site_id}; nothing was ordered")
        run_id = derived_id("run", request.site_id, "click", request.who, request.key)
        if run_id in self._runs:
            self._tell_again(run_id, at_ms, out)
            return
        if sum(run.state in LIVE for run in self._runs.values()) >= MOST_LIVE:
            raise RequestRefused(f"{MOST_LIVE} runs are under way, which is the bound: wait until one ends")
        run = Run(
            id=run_id,
            site_id=request.site_id,
            kind="click",
            state=RunState.COUNTDOWN,
            name=request.name or request.reason,
            who=request.who,
            second=request.second,
            reason=request.reason,
            alarm_id=request.alarm_id,
            due_ms=at_ms,
            starts_ms=at_ms + round(request.countdown_s * 1000),
            counts={},
        )
        circuits = [self._roster.circuits[each] for each in dict.fromkeys(request.circuit_ids)]
        self._begin(run, [(0, circuit, self._stays_on(circuit, By.PERSON, at_ms)) for circuit in circuits], None, at_ms, out)

    def _abort(self, request: AbortRun, at_ms: int, out: Products) -> None:
        run = self._known(request.run_id)
        if run.state not in LIVE:
            raise RequestRefused(f"the run {run.id} is {run.state}: only one that counts down or runs can be aborted")
        self._queues[run.id].clear()
        for item in list(self._items[run.id].values()):
            if item.state is ItemState.WAITING:
                self._put(replace(item, state=ItemState.DROPPED, code="aborted", reason="aborted", reason_zh="已中止"), at_ms, out)
        run = replace(run, state=RunState.ABORTED, ended_ms=at_ms, ended_by=request.who, note=request.reason, note_zh=request.reason)
        self._keep(run, at_ms, out, request.who, "abort")

    def _decide(self, request: DecideRun, at_ms: int, out: Products) -> None:
        run = self._known(request.run_id)
        if run.state not in ASKING:
            raise RequestRefused(f"the run {run.id} is {run.state}: it asks nothing")
        if not request.go:
            self._decline(run, request.who, request.reason, request.reason, at_ms, out)
            return
        plan = self._plan_of(run)
        if plan is None:
            raise RequestRefused("its plan is no longer there: nothing can be run")
        calendar = self._calendars.get(plan.calendar or "")
        if calendar is not None and calendars.is_open(calendar, self._timezone(run.site_id), at_ms):
            raise RequestRefused(f"{calendar.name} is open now: the plan of last night is not run in opening hours")
        out.wishes.append(ServiceClear(code="run_missed", subject=f"run:{run.id}", note=request.reason))
        starts_ms = at_ms + round(plan.countdown_s * 1000)
        decided = replace(run, asks_until_ms=None, starts_ms=starts_ms, who=request.who, reason=request.reason, note="", note_zh="")
        if run.state is RunState.MISSED:
            self._begin(decided, self.frozen(plan, at_ms), self._observes(plan), at_ms, out)
            return
        self._keep(replace(decided, state=RunState.COUNTDOWN), at_ms, out, request.who, "go_on")

    def _decline(self, run: Run, who: str | None, note: str, note_zh: str, at_ms: int, out: Products) -> None:
        run = replace(run, state=RunState.DECLINED, ended_ms=at_ms, ended_by=who, note=note, note_zh=note_zh, asks_until_ms=None)
        for item in list(self._items[run.id].values()):
            if item.state is ItemState.WAITING:
                self._put(replace(item, state=ItemState.DROPPED, code="declined", reason=note, reason_zh=note_zh), at_ms, out)
        self._keep(run, at_ms, out, who, "decline")
        out.wishes.append(ServiceClear(code="run_missed", subject=f"run:{run.id}", note=note))

    def _skip(self, request: SkipNight, at_ms: int, out: Products) -> None:
        plan = self._plans.get(request.plan_id)
        if plan is None:
            raise RequestRefused(f"there is no plan {request.plan_id}")
        if not request.reason.strip():
            raise RequestRefused("leaving a night out needs a reason")
        if derived_id("run", plan.id, request.date) in self._runs:
            raise RequestRefused(f"the run of {request.date} has begun already: abort it instead")
        skip = Skip(plan_id=plan.id, date=request.date, who=request.who, reason=request.reason, at_ms=at_ms)
        self._skips = [each for each in self._skips if (each.plan_id, each.date) != (plan.id, request.date)] + [skip]
        out.facts.append(
            Fact(
                kind="skip",
                id=derived_id("skip", plan.id, request.date),
                site_id=plan.site_id,
                state="skipped",
                changed_ms=at_ms,
                body=skip,
                subject=f"plan:{plan.id}",
                who=request.who,
                what="skip_night",
            )
        )

    # -- the writers -----------------------------------------------------------------------------------------------------------

    def _begin(
        self, run: Run, frozen: list[tuple[int, Circuit, Refusal | None]], observes: tuple[str, str] | None, at_ms: int, out: Products
    ) -> None:
        """Freeze the list; count down, or only observe (`observes`: why, in both languages)."""
        self._queues[run.id], self._under_way[run.id] = [], set()
        total_w = 0.0
        for stage, circuit, no in frozen:
            measured = measured_of(circuit, self._roster)
            device = self._roster.device(circuit.device_id)
            zone = self._roster.zones.get(circuit.zone_id)
            item = RunItem(
                run_id=run.id,
                circuit_id=circuit.id,
                circuit_name=circuit.name,
                site_id=circuit.site_id,
                zone_id=circuit.zone_id,
                zone_name=zone.name if zone else "",
                tenant=circuit.tenant,
                panel=circuit.panel,
                stage=stage,
                gateway=(device.gateway_id if device else None) or circuit.device_id,
                state=ItemState.WOULD_CUT if observes else ItemState.WAITING,
                before_w=measured.power_w,
                before_a=measured.current_a,
            )
            if no is None or (observes and no.code == "monitor_only"):
                total_w += measured.power_w or 0.0
            else:
                item = _left_on(item, no)
            self._items.setdefault(run.id, {})[circuit.id] = item
        self._items.setdefault(run.id, {})
        run = replace(run, before_w=total_w)
        if observes:
            if run.plan_id is not None and run.kind == "plan":
                self._observed[run.plan_id] = self._observed.get(run.plan_id, 0) + 1
            run = replace(run, state=RunState.OBSERVED, note=observes[0], note_zh=observes[1], ended_ms=at_ms)
        else:
            run = replace(run, state=RunState.COUNTDOWN)
        run = self._keep(run, at_ms, out, run.who, "start" if run.who else "")
        out.facts += [_item_fact(item, at_ms) for item in self._items[run.id].values()]
        if run.state in LIVE:
            self._go_on(run.id, at_ms, out)

    def _put(self, item: RunItem, at_ms: int, out: Products) -> None:
        item = replace(item, seq=item.seq + 1)
        counts = self._counts[item.run_id]
        counts[str(self._items[item.run_id][item.circuit_id].state)] -= 1
        counts[str(item.state)] += 1
        self._items[item.run_id][item.circuit_id] = item
        out.facts.append(_item_fact(item, at_ms))

    def _keep(self, run: Run, at_ms: int, out: Products, who: str | None = None, what: str = "") -> Run:
        items = self._items.setdefault(run.id, {})
        self._queues.setdefault(run.id, [])
        self._under_way.setdefault(run.id, set())
        if run.id not in self._counts:
            self._counts[run.id] = Counter(str(item.state) for item in items.values())
        known = self._runs.get(run.id)
        counts = {state: number for state, number in sorted(self._counts[run.id].items()) if number}
        run = replace(run, counts=counts, seq=known.seq + 1 if known else 1)
        self._runs[run.id] = run
        out.facts.append(_run_fact(run, at_ms, who, what))
        return run

    def _tell_again(self, run_id: str, at_ms: int, out: Products) -> None:
        out.facts.append(_run_fact(self._runs[run_id], at_ms))

    # -- deciding ----------------------------------------------------------------------------------------------------------------

    def _stays_on(self, circuit: Circuit, by: By, at_ms: int) -> Refusal | None:
        return self._orders.refusal(Action.CUT, circuit, at_ms, by) or self._held(circuit, by, at_ms) or self._other_run(circuit)

    def _held(self, circuit: Circuit, by: By, at_ms: int) -> Refusal | None:
        return next((no for hold in self._holds if by is By.PLAN and (no := hold(circuit, at_ms)) is not None), None)

    def _other_run(self, circuit: Circuit) -> Refusal | None:
        for run in self._runs.values():
            item = self._items[run.id].get(circuit.id) if run.state in LIVE else None
            if item is not None and item.state in (ItemState.WAITING, ItemState.ORDERED):
                text = f"the run {run.name} has it already: wait until that ends"
                return Refusal(code="other_run", text_en=text, text_zh=f"该回路已在“{run.name}”中执行：请等待其结束")
        return None

    def _observes(self, plan: Plan, counts: bool = True) -> tuple[str, str] | None:
        site = self._roster.sites.get(plan.site_id)
        if site is None or not site.commanding:
            return "the site is monitor-only: nothing was cut", "该场所为只监测模式：未执行断电"
        done = self._observed.get(plan.id, 0)
        if counts and done < plan.observation_nights:
            return (
                f"observation night {done + 1} of {plan.observation_nights}: nothing was cut",
                f"观察运行第 {done + 1}/{plan.observation_nights} 晚：未执行断电",
            )
        return None

    def _one_at_a_time(self, plan_id: str) -> None:
        for run in self._runs.values():
            if run.plan_id == plan_id and run.state in LIVE:
                raise RequestRefused(f"a run of this plan is under way already ({run.id}, {run.state}): wait until it ends, or abort it")

    def _known(self, run_id: str) -> Run:
        run = self._runs.get(run_id)
        if run is None:
            raise RequestRefused(f"there is no run {run_id}, or it ended more than three days ago")
        return run

    def _plan_of(self, run: Run) -> Plan | None:
        return self._plans.get(run.plan_id) if run.plan_id else None

    def _timezone(self, site_id: str) -> str:
        site = self._roster.sites.get(site_id)
        return site.timezone if site is not None and calendars.is_timezone(site.timezone) else "UTC"

    def _new_run(self, plan: Plan, run_id: str, kind: str, due_ms: int, begins_ms: int, date: str) -> Run:
        return Run(
            id=run_id,
            site_id=plan.site_id,
            kind=kind,
            state=RunState.COUNTDOWN,
            name=plan.name,
            name_en=plan.name_en,
            plan_id=plan.id,
            plan_version=plan.version,
            date=date,
            reason=plan.name,
            due_ms=due_ms,
            starts_ms=begins_ms + round(plan.countdown_s * 1000),
            stages=len(plan.stages),
            counts={},
        )

    def _next_night(self, plan: Plan, after_ms: int) -> Night | None:
        return plans.next_night(plan, self._calendars.get(plan.calendar or ""), self._timezone(plan.site_id), after_ms)

    def _plan_nights(self, at_ms: int, plan_id: str | None) -> None:
        """When the plans run next, anew after an edit: never a night of before it."""
        for each in [plan_id] if plan_id is not None else sorted(self._plans):
            plan = self._plans.get(each)
            known = self._nights.get(each)
            if plan is not None and plan.enabled and known is not None and known.at_ms <= at_ms:
                continue  # it has fallen due, and is taken up next
            night = None if plan is None else self._next_night(plan, at_ms)
            if night is None:
                self._nights.pop(each, None)
            else:
                self._nights[each] = night

    def _settle(self) -> None:
        moments = [night.at_ms for night in self._nights.values()]
        for run in self._runs.values():
            if run.state is RunState.COUNTDOWN:
                moments.append(run.starts_ms)
            elif run.state in LIVE and self._queues[run.id]:
                moments.append(self._queues[run.id][0][0])
            elif run.state in ASKING and run.asks_until_ms is not None:
                moments.append(run.asks_until_ms)
        self._due_ms = min(moments, default=None)

    def _forget(self, at_ms: int) -> None:
        for run in [run for run in self._runs.values() if run.ended_ms is not None and at_ms - run.ended_ms > KEPT_MS]:
            if not self._under_way[run.id]:
                for kept in (self._runs, self._items, self._queues, self._under_way, self._counts):
                    kept.pop(run.id, None)
        self._skips = [skip for skip in self._skips if at_ms - skip.at_ms < 400 * 86_400_000][-1_000:]

    # -- keeping it ------------------------------------------------------------------------------------------------------------

    def dump(self) -> RunsState:
        items = [item for by_circuit in self._items.values() for item in by_circuit.values()]
        return RunsState(list(self._runs.values()), items, dict(self._nights), dict(self._observed), list(self._skips))

    def load(self, state: RunsState) -> None:
        """Replace everything by a dumped state."""
        self._runs = {run.id: run for run in state.runs}
        self._items = {run.id: {} for run in state.runs}
        self._queues = {run.id: [] for run in state.runs}
        self._under_way = {run.id: set() for run in state.runs}
        self._run_of = {}
        for item in state.items:
            self._items[item.run_id][item.circuit_id] = item
            if item.state is ItemState.ORDERED:
                self._under_way[item.run_id].add(item.circuit_id)
                self._run_of[item.order_ids[-1]] = item.run_id
            run = self._runs[item.run_id]
            if item.state is ItemState.WAITING and item.at_ms is not None and run.state in LIVE and item.stage == run.stage:
                self._queues[item.run_id].append((item.at_ms, item.circuit_id))
        for queue in self._queues.values():
            heapify(queue)
        self._counts = {run_id: Counter(str(item.state) for item in items.values()) for run_id, items in self._items.items()}
        self._nights = dict(state.nights)
        self._observed = dict(state.observed)
        self._skips = list(state.skips)
        self._settle()


_ENDS = {
    OrderState.PROVED: ItemState.PROVED,
    OrderState.UNPROVED: ItemState.UNPROVED,
    OrderState.SIMULATED: ItemState.SIMULATED,
}


def _may_again(item: RunItem) -> bool:
    return item.order_state in _AGAIN and item.code not in ("circuit_gone", "class_fire", "class_life", "class_unclassified", "no_trial")


def _left_on(item: RunItem, no: Refusal) -> RunItem:
    state = ItemState.ALREADY_OFF if no.code == "already_off" else ItemState.LEFT_ON
    return replace(item, state=state, code=no.code, reason=no.text_en, reason_zh=no.text_zh)


def _run_fact(run: Run, at_ms: int, who: str | None = None, what: str = "") -> Fact:
    return Fact(
        kind="run",
        id=run.id,
        site_id=run.site_id,
        state=run.state,
        changed_ms=at_ms,
        body=run,
        subject=f"plan:{run.plan_id}" if run.plan_id else "",
        from_ms=run.due_ms,
        until_ms=run.ended_ms,
        who=who,
        what=what,
        is_over=run.state not in LIVE | ASKING,
        seq=run.seq,
    )


def _item_fact(item: RunItem, at_ms: int) -> Fact:
    return Fact(
        kind="run_item",
        id=f"{item.run_id}:{item.circuit_id}",
        site_id=item.site_id,
        state=item.state,
        changed_ms=at_ms,
        body=item,
        subject=f"run:{item.run_id}",
        is_over=item.state not in (ItemState.WAITING, ItemState.ORDERED),
        seq=item.seq,
    )


def _by(run: Run) -> By:
    return {"click": By.PERSON, "linkage": By.LINKAGE}.get(run.kind, By.PLAN)
