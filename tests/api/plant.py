"""What the API's tests stand on: two enterprises with a site each, people of every role, and a desk, board and history in memory.

The records are the real ones on SQLite, the feed is the service's own.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from argon2 import PasswordHasher

from alarms.errors import IllegalTransition, UnknownAlarm
from alarms.linkage import Linkage
from alarms.model import Alarm, Attention, Condition, Signal, Transition
from alarms.out_of_service import OutOfService
from alarms.proof_tests import ProofItem, ProofTest
from alarms.requests import (
    Acknowledge,
    AlarmRequest,
    ApproveOut,
    Assign,
    BeginTest,
    EndOut,
    EndTest,
    Judge,
    LinkHazard,
    MarkApplied,
    Note,
    Progress,
    Reset,
    Shelve,
    TakeOut,
    Unshelve,
    Withdraw,
)
from api.access import ROLES
from api.ports import Answer, Busy, DeviceClock, Health, Presence, RefusedMessage
from app.clock import ManualClock
from app.feed import Feed
from power.model import Action, Measured, Order, OrderState, OrderStep
from power.orders import Orders
from power.plans import Night, Plan, Stage
from power.refusals import CIRCUIT_GONE, Refusal, refusal
from power.requests import Cut, PowerRequest, RecordTrial, Restore, SetClass, SetCommanding
from power.run_model import AbortRun, DecideRun, Run, RunItem, SkipNight, StartCuts, StartPlan
from power.runs import Runs
from power.switchings import Switching
from rules.model import Level, Rule, RuleKind, Scope, Severity
from sites.facts import Fact
from sites.inbox import InboxDevice
from sites.model import Circuit, CircuitClass, Device, District, Enterprise, Site, Trial, Zone, derived_id
from sites.people import Grant, User
from sites.records import Unavailable
from sites.roster import Roster
from sites.series import Series
from storage.projection import Outcome, Unknown
from storage.records import Records
from tests.api.plant_duty import answered_on_paper
from tests.api.plant_power import PaperPower

NOON = 1_795_320_000_000  # 2026-11-22 12:00 in Shanghai
PASSWORD = "correct horse battery"
# the cheapest argon2id there is: what is tested is not its cost
HASHED = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

# (place, site): everything exists twice, inside at the mall and outside at the plant
PLACES = {"mall": "e1", "plant": "e2"}


def tree() -> list[tuple[str, list[Any]]]:
    districts: list[Any] = [District(id="city", name="城市"), District(id="east", name="城东", parent_id="city")]
    districts.append(District(id="west", name="城西", parent_id="city"))
    things: dict[str, list[Any]] = {k: [] for k in ("enterprise", "site", "zone", "device", "circuit", "rule", "linkage", "plan")}
    for site, enterprise in PLACES.items():
        district = "east" if site == "mall" else "west"
        things["enterprise"].append(Enterprise(id=enterprise, district_id=district, name=f"{site} Ltd"))
        things["site"].append(Site(id=site, enterprise_id=enterprise, name=site.title(), commanding=True))
        zone = f"{site}-kitchen"
        things["zone"] += [Zone(id=zone, site_id=site, name="厨房"), Zone(id=f"{site}-empty", site_id=site, name="empty")]
        for name, kind in (("gas", "gas"), ("switch", "switch"), ("spare", "other")):
            device = Device(
                id=f"{site}-{name}", site_id=site, zone_id=zone, name=name, kind=kind, codec="native", address=f"{site}/{site}-{name}"
            )
            things["device"].append(device)
        trial = Trial(at_ms=NOON, first_name="王", second_name="李")
        for channel, circuit_class in (("1", CircuitClass.USE), ("2", CircuitClass.FIRE)):
            things["circuit"].append(
                Circuit(
                    id=f"{site}-c{channel}",
                    site_id=site,
                    zone_id=zone,
                    name=f"circuit {channel}",
                    device_id=f"{site}-switch",
                    channel=channel,
                    circuit_class=circuit_class,
                    tenant="面馆",
                    trial=trial,
                )
            )
        things["rule"].append(
            Rule(
                id=f"{site}-rule",
                name="燃气",
                name_en="Gas",
                kind=RuleKind.LEVEL,
                metric="lel",
                levels=(Level(limit=25.0, severity=Severity.HIGH, deadband=2.5),),
                scope=Scope(sites=(site,)),
                guidance="关阀",
                guidance_en="close the valve",
            )
        )
        things["linkage"].append(Linkage(id=f"{site}-linkage", name="通知", sites=(site,)))
        stages = (Stage(classes=(CircuitClass.USE,)),)
        things["plan"].append(Plan(id=f"{site}-plan", site_id=site, name="闭店", stages=stages, at_minute=1350))
    return [("district", districts), *things.items()]


def people() -> list[User]:
    """One of each role at the mall's enterprise, one operator of the plant, and a root."""
    made = [
        User(
            id=f"u-{role}",
            login=role,
            name=f"Name of {role}",
            password_hash=HASHED,
            grants=(Grant(role=role, node_kind="enterprise", node_id="e1"),),
        )
        for role in ROLES
    ]
    made.append(
        User(
            id="u-plant",
            login="plant",
            name="Plant",
            password_hash=HASHED,
            grants=(Grant(role="operator", node_kind="site", node_id="plant"),),
        )
    )
    made.append(
        User(
            id="u-root",
            login="root",
            name="Root",
            password_hash=HASHED,
            grants=(Grant(role="administrator", node_kind="all", node_id=None),),
        )
    )
    return made


def fill(records: Records) -> None:
    """The tree, the people, one unknown device a site, one ended alarm a site."""
    for kind, things in tree():
        records.insert_many(kind, things, "setup", NOON)
    for user in people():
        records.save_user(user, "setup", NOON)


def outcome() -> Outcome:
    """What the projector would have brought: an alarm a site, an order for it, an unknown device."""
    raised = [Transition(alarm=alarm(site), signal=Signal.RAISED, at_ms=NOON - 5_000, value=27.1) for site in PLACES]
    old = [
        Transition(
            alarm=replace(alarm(site), id=f"{site}-ended", subject=f"point:{site}-spare:lel", ended_ms=NOON - 1, condition=Condition.NORMAL,
                          attention=Attention.ACKNOWLEDGED, raised_ms=NOON - 9_000),
            signal=Signal.RAISED,
            at_ms=NOON - 9_000,
        )
        for site in PLACES
    ]  # fmt: skip
    steps = [OrderStep(order=order(site), before="", at_ms=NOON - 4_000) for site in PLACES]
    unknown = [
        Unknown(codec="native", address=f"{site}/new-1", topic=f"sitewarden/v1/{site}/new-1/telemetry", payload=b'{"values":{"lel":1}}',
                suggested_kind="gas", suggested_name="new-1", site_id=site, at_ms=NOON)
        for site in PLACES
    ]  # fmt: skip
    return Outcome(position=1, now_ms=NOON, transitions=raised + old, order_steps=steps, unknown=unknown)


def alarm(site: str, **changed: Any) -> Alarm:
    made = Alarm(
        id=f"{site}-alarm", rule_id=f"{site}-rule", rule_version=1, rule_name="燃气", rule_name_en="Gas", kind="gas",
        subject=f"point:{site}-gas:lel", point_id=f"{site}-gas:lel", site_id=site, site_name=site.title(), zone_id=f"{site}-kitchen",
        zone_name="厨房", device_id=f"{site}-gas", device_name="gas", metric="lel", unit="%LEL", severity=Severity.HIGH, level=0,
        limit=25.0, value=27.1, peak_value=27.1, condition=Condition.ACTIVE, attention=Attention.UNACKNOWLEDGED, is_latched=False,
        needs_reset=False, is_late=False, raised_ms=NOON - 5_000, arrived_ms=NOON - 4_900, changed_ms=NOON - 5_000,
    )  # fmt: skip
    return replace(made, **changed)


def order(site: str, **changed: Any) -> Order:
    made = Order(
        id=f"{site}-order", site_id=site, zone_id=f"{site}-kitchen", circuit_id=f"{site}-c1", circuit_name="circuit 1",
        device_id=f"{site}-switch", channel="1", action=Action.CUT, cause="request:k", alarm_id=f"{site}-alarm", who="u-operator",
        reason="gas", state=OrderState.SENT, requested_ms=NOON - 4_000, expires_ms=NOON + 60_000, changed_ms=NOON - 4_000,
        before=Measured(closed=1.0, current_a=4.0, power_w=900.0, heard_ms=NOON - 4_500),
    )  # fmt: skip
    return replace(made, **changed)


def out_of_service(site: str) -> Fact:
    body = OutOfService(
        id=f"{site}-out", site_id=site, target=f"device:{site}-gas", target_name="gas", device_id=f"{site}-gas", zone_id="", rule_id="",
        subject="", kinds=(), reason="repair", permit="P-7", patrol="hourly", who="u-operator", asked_ms=NOON - 60_000,
        since_ms=NOON - 60_000, from_ms=NOON - 60_000, until_ms=NOON + 3_600_000, needs_approval=False, state="standing",
    )  # fmt: skip
    return Fact(
        kind="out_of_service", id=body.id, site_id=site, state=body.state, changed_ms=body.asked_ms, body=body, subject=body.target,
        from_ms=body.from_ms, until_ms=body.until_ms,
    )  # fmt: skip


def proof_test(site: str) -> Fact:
    body = ProofTest(
        id=f"{site}-test", site_id=site, target=f"zone:{site}-kitchen", target_name="厨房", zone_id=f"{site}-kitchen", device_id="",
        reason="yearly", who="u-operator", from_ms=NOON - 60_000, until_ms=NOON + 3_600_000,
        items=(ProofItem(device_id=f"{site}-gas", device_name="gas", kind="gas"),),
    )  # fmt: skip
    return Fact(
        kind="proof_test", id=body.id, site_id=site, state=body.state, changed_ms=body.from_ms, body=body, subject=body.target,
        from_ms=body.from_ms, until_ms=body.until_ms,
    )  # fmt: skip


class PaperBoard:
    """A board that tests write on."""

    def __init__(self) -> None:
        self.position = 1
        self.roster = Roster()
        self.alarms: dict[str, Alarm] = {}
        self.orders: dict[str, Order] = {}
        self.facts: dict[tuple[str, str], Fact] = {}
        self.plans: dict[str, Plan] = {}
        orders = Orders(self.roster, lambda _zone: False)
        self.runs = Runs(orders, self.roster, self.plans, {}, lambda: NOON)
        self.power = PaperPower(orders, self.roster, self.runs, self.facts)
        self.ready = True
        self.degraded: dict[str, str] = {}
        for kind, things in tree():
            if kind == "plan":
                self.plans |= {plan.id: plan for plan in things}
            elif kind not in ("rule", "linkage"):
                for thing in things:
                    self.roster.put(thing)
        self.runs.configured("plan", "mall-plan", NOON)
        for site in PLACES:
            click = StartCuts(key="k", site_id=site, circuit_ids=(f"{site}-c1",), who="u-operator", reason="gas", countdown_s=60.0)
            for fact in self.runs.request(click, NOON).facts:
                self.facts[fact.kind, fact.id] = fact
            self.roster.add_point(f"{site}-gas", "lel")
            self.alarms[f"{site}-alarm"] = alarm(site)
            self.orders[f"{site}-order"] = order(site)
            for fact in (out_of_service(site), proof_test(site)):
                self.facts[fact.kind, fact.id] = fact

    def peak(self, alarm: Alarm) -> float | None:
        return alarm.peak_value

    def measured(self, circuit_id: str) -> Measured:
        return Measured(closed=1.0, current_a=4.0, voltage_v=230.0, power_w=900.0, heard_ms=NOON)

    def presence(self, device_id: str) -> Presence:
        return Presence("online", NOON)

    def clock(self, device_id: str) -> DeviceClock:
        return DeviceClock(45_000, 300, True)

    def refusals(self, device_id: str) -> list[RefusedMessage]:
        return [RefusedMessage(NOON, f"sitewarden/v1/mall/{device_id}/telemetry", "not JSON", b"\xff{lel")]

    def refused_total(self, device_id: str) -> int:
        return 7

    def cut_refusal(self, circuit_id: str) -> Refusal | None:
        circuit = self.roster.circuits.get(circuit_id)
        if circuit is None:
            return CIRCUIT_GONE
        return refusal("class_fire", "it feeds fire protection", "消防供电回路") if circuit.circuit_class is CircuitClass.FIRE else None

    def switching(self, circuit_id: str) -> Switching | None:
        return self.power.switchings.of(circuit_id)

    def normal_load(self, circuit_id: str) -> tuple[float | None, list[float | None]]:
        return 4.0, [None] * 168

    def frozen(self, plan: Plan) -> list[tuple[int, Circuit, Refusal | None]]:
        return self.runs.frozen(plan, NOON)

    def stays_on(self, circuit: Circuit) -> Refusal | None:
        return self.cut_refusal(circuit.id)

    def observes(self, plan: Plan) -> tuple[str, str] | None:
        return self.runs.observes(plan)

    def night(self, plan_id: str) -> Night | None:
        return self.runs.night(plan_id)

    def run(self, run_id: str) -> tuple[Run, list[RunItem]] | None:
        run = self.runs.run(run_id)
        return None if run is None else (run, self.runs.items(run_id))

    def health(self) -> Health:
        return Health(self.ready, self.degraded, {"readings_total": 12.0, "scan_ms_p99": 3.5})


class PaperDesk:
    """Decides in one line what the scan decides in a room, writes it on the board, and tells the feed."""

    def __init__(self, board: PaperBoard, feed: Feed, clock: ManualClock) -> None:
        self.board, self.feed, self.clock = board, feed, clock
        self.asked: list[AlarmRequest | PowerRequest] = []
        self.configured: list[tuple[str, str, int, Any]] = []
        self.is_busy = False

    async def ask(self, request: AlarmRequest | PowerRequest) -> Answer:
        if self.is_busy:
            raise Busy("the inbox of requests is full")
        self.asked.append(request)
        now_ms = self.clock.now_ms()
        duty = answered_on_paper(request, self.board.facts)
        if duty is not None:
            return duty
        power = self.board.power.ask(request, now_ms)
        if power is not None:
            return power
        match request:
            case Cut(circuit_ids=ids, key=key) as asked:
                return Answer(2, True, orders=tuple(self._order(c, Action.CUT, key, asked.who, asked.reason, asked.alarm_id) for c in ids))
            case Restore() as asked:
                return Answer(2, True, orders=(self._order(asked.circuit_id, Action.RESTORE, asked.key, asked.who, asked.reason, None),))
            case RecordTrial(circuit_id=circuit_id, first_name=first, second_name=second):
                self._put(circuit_id, trial=Trial(at_ms=now_ms, first_name=first, second_name=second))
            case SetClass(circuit_id=circuit_id, circuit_class=name):
                self._put(circuit_id, circuit_class=CircuitClass(name), trial=None)
            case SetCommanding(site_id=site_id, commanding=commanding):
                self.board.roster.put(replace(self.board.roster.sites[site_id], commanding=commanding))
            case Acknowledge(alarm_ids=ids, who=who):
                changed = {"attention": Attention.ACKNOWLEDGED, "acknowledged_ms": now_ms, "acknowledged_by": who}
                return Answer(2, True, alarms=tuple(self._alarm(i, Signal.ACKNOWLEDGED, who, **changed) for i in ids))
            case Reset(alarm_ids=ids, who=who):
                for alarm_id in ids:
                    if self.board.alarms[alarm_id].condition is Condition.ACTIVE:
                        raise IllegalTransition(f"reset of alarm {alarm_id}, which is active: it must be normal and acknowledged")
                return Answer(2, True, alarms=tuple(self._alarm(i, Signal.RESET, who, needs_reset=False) for i in ids))
            case Assign(alarm_id=i, who=who, assignee=assignee):
                return Answer(2, True, alarms=(self._alarm(i, Signal.ASSIGNED, who, assignee=assignee),))
            case Judge(alarm_id=i, who=who, verdict=verdict):
                return Answer(2, True, alarms=(self._alarm(i, Signal.JUDGED, who, verdict=verdict),))
            case Shelve(alarm_id=i, who=who) | Unshelve(alarm_id=i, who=who) | Withdraw(alarm_id=i, who=who):
                return Answer(2, True, alarms=(self._alarm(i, Signal.NOTED, who),))
            case TakeOut() | ApproveOut() | EndOut():
                return Answer(2, True, facts=(out_of_service("mall"),))
            case BeginTest() | MarkApplied() | EndTest():
                return Answer(2, True, facts=(proof_test("mall"),))
            case LinkHazard(alarm_id=i, who=who, hazard_id=hazard_id):
                return Answer(2, True, alarms=(self._alarm(i, Signal.HAZARD_LINKED, who, hazard_id=hazard_id),))
            case StartPlan() | StartCuts() | AbortRun() | DecideRun() | SkipNight():
                return Answer(2, True, facts=tuple(self.board.runs.request(request, now_ms).facts))
            case Note(alarm_id=i, who=who) | Progress(alarm_id=i, who=who):
                return Answer(2, True, alarms=(self._alarm(i, Signal.NOTED, who),))
        return Answer(2, True)

    def configurations_changed(self, changes: Sequence[tuple[str, str, int, Any]]) -> None:
        for change in changes:
            self.configuration_changed(*change)

    def configuration_changed(self, kind: str, thing_id: str, version: int, thing: Any | None) -> None:
        self.configured.append((kind, thing_id, version, thing))
        if kind in ("rule", "linkage", "presence_schedule", "quiet_time", "calendar", "override", "escalation", "duty_roster"):
            return
        if kind == "plan":
            self.board.plans.pop(thing_id, None)
            if thing is not None:
                self.board.plans[thing_id] = thing
            return
        if thing is None:
            self.board.roster.remove(kind, thing_id)
        else:
            self.board.roster.put(thing)

    def _alarm(self, alarm_id: str, signal: Signal, who: str, **changed: Any) -> Alarm:
        present = self.board.alarms.get(alarm_id)
        if present is None:
            raise UnknownAlarm(f"no open alarm {alarm_id}")
        after = replace(present, seq=present.seq + 1, changed_ms=self.clock.now_ms(), **changed)
        self.board.alarms[alarm_id] = after
        self.feed.extend(2, [("alarm", after.site_id, Transition(alarm=after, signal=signal, at_ms=after.changed_ms, who=who))])
        return after

    def _order(self, circuit_id: str, action: Action, key: str, who: str, reason: str, alarm_id: str | None) -> Order:
        no = self.board.cut_refusal(circuit_id)
        circuit = self.board.roster.circuits[circuit_id]
        made = order(
            circuit.site_id,
            id=derived_id("order", circuit_id, action, key),
            circuit_id=circuit_id,
            action=action,
            cause=f"request:{key}",
            who=who,
            reason=reason,
            alarm_id=alarm_id,
            state=OrderState.REFUSED if no else OrderState.REQUESTED,
            state_reason=no.text_en if no else "",
        )
        self.board.orders.setdefault(made.id, made)
        self.feed.extend(2, [("order", made.site_id, OrderStep(order=made, before="", at_ms=self.clock.now_ms()))])
        return self.board.orders[made.id]

    def _put(self, circuit_id: str, **changed: Any) -> None:
        circuit = self.board.roster.circuits[circuit_id]
        self.board.roster.put(replace(circuit, version=circuit.version + 1, **changed))


class PaperHistory:
    """Sixty readings, a second apart, ending with the span."""

    def series(self, point_id: str, from_ms: int, to_ms: int, most: int) -> Series:
        taken_ms = np.arange(max(from_ms, to_ms - 60_000), to_ms, 1_000, dtype=np.int64)
        values = np.linspace(0.0, 50.0, len(taken_ms))
        values[:1] = np.nan
        return Series(taken_ms, values, values, values, 0, [(from_ms, from_ms + 1_000)])


class Outage:
    """The records behind a switch: while `is_on`, everything asked of them is Unavailable, as when the database is stopped."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.is_on = False
        self.hanging: threading.Event | None = None  # an outage in which calls hang until it is set

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._records, name)

        def guarded(*arguments: Any, **named: Any) -> Any:
            if self.is_on:
                if self.hanging is not None:
                    self.hanging.wait(10.0)
                raise Unavailable("the records cannot be reached: connection refused at db.internal:5432")
            return call(*arguments, **named)

        return guarded


def inbox_id(records: Records, site: str) -> str:
    found: list[InboxDevice] = records.inbox_devices(frozenset({site})).items
    return found[0].id
