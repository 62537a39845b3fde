"""Mornings and staged restores: one approval by two people, then each shop is energised when someone present confirms it. A section.

A forgotten iron must not start in an empty shop: only circuits that last night's plan opened, without alarm, trip or lock-out since. Orders
are made one after another, motors further apart, to limit the inrush (domain.md C4); every interlock of a restore is asked again for each.
It sends nothing itself, and never orders a restore twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from alarms.instants import iso_utc
from alarms.model import Signal, Transition
from alarms.section import Products
from power.errors import RequestRefused, UnknownCircuit
from power.lock_outs import LockOuts
from power.model import FINAL, Order, OrderState, OrderStep
from power.morning_model import (
    PART_OVER,
    ApproveMorning,
    ConfirmPresence,
    EndMorning,
    Morning,
    MorningPart,
    PartState,
    RestoreMany,
)
from power.orders import Orders
from power.plans import within
from power.refusals import Refusal, refusal
from power.run_model import LIVE, ItemState
from power.runs import Runs
from power.switchings import Switchings
from rules.model import Severity
from sites.facts import Fact
from sites.model import Circuit, derived_id
from sites.roster import Roster

KIND, PART_KIND = "morning", "morning_part"
STAGGER_MS, MOTOR_STAGGER_MS = 1_000, 5_000  # domain.md C4
LATE_MS = 60_000  # an order this long after its turn is not made: the service stood still, and who was there may be gone
LONGEST_H = 16.0
KEPT_MS = 24 * 3_600_000
_ALARMS_KEPT_MS = 96 * 3_600_000
MOST_AT_ONCE = 500
_OPENED = frozenset({ItemState.PROVED, ItemState.UNPROVED})
_ENDS = {OrderState.PROVED: PartState.PROVED, OrderState.UNPROVED: PartState.UNPROVED}


@dataclass(slots=True)
class MorningsState:
    mornings: list[Morning] = field(default_factory=list)
    parts: list[MorningPart] = field(default_factory=list)
    alarmed: dict[str, int] = field(default_factory=dict)  # zone id -> when an alarm was last raised there
    next_ms: dict[str, int] = field(default_factory=dict)  # site id -> when its next order may be made


class Mornings:
    """Everything given is read only, but for the orders that are made."""

    name = "mornings"
    requests: tuple[type, ...] = (ApproveMorning, RestoreMany, ConfirmPresence, EndMorning)
    state_type = MorningsState

    def __init__(
        self,
        orders: Orders,
        roster: Roster,
        runs: Runs,
        switchings: Switchings,
        lock_outs: LockOuts,
    ) -> None:
        self._orders, self._roster, self._runs = orders, roster, runs
        self._switchings, self._lock_outs = switchings, lock_outs
        self._mornings: dict[str, Morning] = {}
        self._parts: dict[str, dict[str, MorningPart]] = {}
        self._part_of: dict[str, tuple[str, str]] = {}  # order id -> (morning id, circuit id)
        self._alarmed: dict[str, int] = {}
        self._next_ms: dict[str, int] = {}
        self._due_ms: int | None = None

    # -- reading it ------------------------------------------------------------------------------------------------

    def morning(self, morning_id: str) -> Morning | None:
        return self._mornings.get(morning_id)

    def parts(self, morning_id: str) -> list[MorningPart]:
        return list(self._parts.get(morning_id, {}).values())

    def standing(self) -> Iterable[Fact]:
        for morning in self._mornings.values():
            if morning.state == "open":
                yield _fact(morning, morning.approved_ms)
                yield from (_part_fact(part, morning.approved_ms) for part in self._parts[morning.id].values())

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        return self._due_ms

    def due(self, at_ms: int) -> Products:
        out = Products()
        for morning in list(self._mornings.values()):
            if morning.state == "open":
                self._go_on(morning.id, at_ms, out)
            elif at_ms - morning.until_ms > KEPT_MS:
                del self._mornings[morning.id], self._parts[morning.id]
        self._settle()
        return out

    def _go_on(self, morning_id: str, at_ms: int, out: Products) -> None:
        for part in sorted(self._parts[morning_id].values(), key=lambda part: (part.at_ms or 0, part.circuit_id)):
            if part.state is PartState.CONFIRMED and part.at_ms is not None and part.at_ms <= at_ms:
                self._order(part, at_ms, out)
        if self._mornings[morning_id].until_ms <= at_ms:
            for part in list(self._parts[morning_id].values()):
                if part.state in (PartState.WAITING, PartState.CONFIRMED):
                    self._put(
                        replace(
                            part, state=PartState.LAPSED, reason="nobody confirmed in time", reason_zh="未在时限内确认", ended_ms=at_ms
                        ),
                        at_ms,
                        out,
                    )
        self._close(morning_id, at_ms, out)

    def _close(self, morning_id: str, at_ms: int, out: Products) -> None:
        morning = self._mornings[morning_id]
        if morning.state == "open" and all(part.state in PART_OVER for part in self._parts[morning_id].values()):
            self._keep(replace(morning, state="done"), at_ms, out)

    def _order(self, part: MorningPart, at_ms: int, out: Products) -> None:
        morning = self._mornings[part.morning_id]
        circuit = self._roster.circuits.get(part.circuit_id)
        no = GONE if circuit is None else TOO_LATE if at_ms - (part.at_ms or 0) > LATE_MS else self._bar(morning, circuit)
        if no is not None or circuit is None:
            self._block(part, no or GONE, at_ms, out)
            return
        advance = self._orders.of_morning(circuit.id, morning.id, morning.who, morning.second, morning.reason, at_ms)
        order = advance.orders[0]
        self._part_of[order.id] = (morning.id, circuit.id)
        self._put(replace(part, state=PartState.ORDERED, order_id=order.id, order_state=order.state), at_ms, out)
        out.advances.append(advance)
        if order.state in FINAL and not advance.steps:
            self._take_end(order, at_ms, out)

    def _bar(self, morning: Morning, circuit: Circuit) -> Refusal | None:
        """Why this circuit stays off in this morning, beside the interlocks of every restore."""
        since_ms = morning.since_ms
        if morning.run_id is None:
            return None
        alarmed = max((self._alarmed.get(zone, 0) for zone in self._around(circuit.zone_id)), default=0)
        if alarmed >= since_ms:
            return refusal(
                "alarm_since",
                f"there was an alarm in its zone at {iso_utc(alarmed)}, after it was cut: look there, then restore it by itself",
                f"断电后该区域于 {iso_utc(alarmed)} 有过报警：现场核实后单独送电",
            )
        if self._switchings.tripped_since(circuit.id, since_ms):
            return refusal("trip_since", "its protection tripped after it was cut", "断电后保护曾动作跳闸")
        locked_ms = self._lock_outs.last_ms(circuit.id)
        if locked_ms is not None and locked_ms >= since_ms:
            return refusal("lock_since", "it was locked out after it was cut: restore it by itself", "断电后曾上锁挂牌：请单独送电")
        known = self._switchings.of(circuit.id)
        if known is not None and not known.is_open:
            return refusal("closed_already", "it has been closed by hand meanwhile", "期间已在现场合闸")
        if known is not None and known.off_ms is not None and known.off_ms > since_ms and known.off_cause not in ("schedule", "remote"):
            return refusal(
                "opened_since", f"it was opened again after the run ({known.off_cause})", f"方案之后又被断开（{known.off_cause}）"
            )
        return None

    def _around(self, zone_id: str) -> Iterable[str]:
        """The zone, those that it lies in, and those that lie in it."""
        found = set(within((zone_id,), self._roster))
        zone = self._roster.zones.get(zone_id)
        while zone is not None and zone.parent_id is not None and zone.parent_id not in found:
            found.add(zone.parent_id)
            zone = self._roster.zones.get(zone.parent_id)
        return found

    # -- what comes back -------------------------------------------------------------------------------------------

    def follow(self, transition: Transition, at_ms: int) -> Products:
        alarm = transition.alarm
        if (
            transition.signal in (Signal.RAISED, Signal.STEPPED_UP)
            and alarm.zone_id
            and alarm.severity >= Severity.LOW
            and not alarm.is_test
        ):
            self._alarmed.pop(alarm.zone_id, None)
            self._alarmed[alarm.zone_id] = at_ms
            for zone_id, last_ms in list(self._alarmed.items()):
                if at_ms - last_ms <= _ALARMS_KEPT_MS:
                    break
                del self._alarmed[zone_id]
        return Products()

    def follow_order(self, step: OrderStep, at_ms: int) -> Products:
        out, order = Products(), step.order
        if order.id not in self._part_of:
            return out
        if order.state in FINAL:
            self._take_end(order, at_ms, out)
        else:
            morning_id, circuit_id = self._part_of[order.id]
            self._put(replace(self._parts[morning_id][circuit_id], order_state=order.state), at_ms, out)
        return out

    def _take_end(self, order: Order, at_ms: int, out: Products) -> None:
        morning_id, circuit_id = self._part_of.pop(order.id)
        part = self._parts[morning_id][circuit_id]
        state = _ENDS.get(order.state, PartState.FAILED)
        ended = replace(
            part,
            state=PartState.BLOCKED if order.state is OrderState.REFUSED else state,
            order_state=order.state,
            code=order.state_code,
            reason=order.state_reason,
            reason_zh=order.state_reason_zh,
            ended_ms=at_ms,
        )
        self._put(ended, at_ms, out)
        self._keep(self._mornings[morning_id], at_ms, out)
        self._close(morning_id, at_ms, out)
        self._settle()

    # -- people ----------------------------------------------------------------------------------------------------

    def request(self, request: ApproveMorning | RestoreMany | ConfirmPresence | EndMorning, at_ms: int) -> Products:
        """Raises RequestRefused, UnknownCircuit; whole or not at all."""
        out = Products()
        match request:
            case ApproveMorning():
                self._approve(request, at_ms, out)
            case RestoreMany():
                self._restore(request, at_ms, out)
            case ConfirmPresence():
                self._confirm(request, at_ms, out)
            case EndMorning():
                self._end(request, at_ms, out)
        self._settle()
        return out

    def _approve(self, request: ApproveMorning, at_ms: int, out: Products) -> None:
        _two_people(request)
        run = self._runs.run(request.run_id)
        if run is None or run.plan_id is None:
            raise RequestRefused(f"there is no night's run {request.run_id} of the last three days")
        if run.state in LIVE:
            raise RequestRefused(f"the run {run.name} is {run.state}: wait until it has ended")
        morning_id = derived_id("morning", run.id)
        if self._known_already(morning_id, at_ms, out):
            return
        if not 0 < request.hours <= LONGEST_H:
            raise RequestRefused(f"an approval lasts at most {LONGEST_H:.0f} h")
        items = [item for item in self._runs.items(run.id) if item.state in _OPENED]
        if not items:
            raise RequestRefused(f"the run {run.name} has opened no circuit that is still off")
        since_ms = run.starts_ms
        given = {"site_id": run.site_id, "run_id": run.id, "until_ms": at_ms + round(request.hours * 3_600_000), "since_ms": since_ms}
        self._begin(morning_id, request, given, [(item.circuit_id, item.ended_ms or since_ms) for item in items], at_ms, out)

    def _restore(self, request: RestoreMany, at_ms: int, out: Products) -> None:
        _two_people(request)
        ids = tuple(dict.fromkeys(request.circuit_ids))
        if not 0 < len(ids) <= MOST_AT_ONCE:
            raise RequestRefused(f"a staged restore is of 1 to {MOST_AT_ONCE} circuits")
        strangers = [c for c in ids if (found := self._roster.circuits.get(c)) is None or found.site_id != request.site_id]
        if strangers:
            raise UnknownCircuit(f"no circuit {', '.join(strangers)} at site {request.site_id}; nothing was ordered")
        morning_id = derived_id("restore_many", request.site_id, request.who, request.key)
        if self._known_already(morning_id, at_ms, out):
            return
        given = {"site_id": request.site_id, "run_id": None, "until_ms": at_ms + 3_600_000, "since_ms": at_ms}
        self._begin(morning_id, request, given, [(circuit_id, at_ms) for circuit_id in ids], at_ms, out)
        self._take_turns(morning_id, list(ids), request.who, "request", request.who, at_ms, out)

    def _known_already(self, morning_id: str, at_ms: int, out: Products) -> bool:
        known = self._mornings.get(morning_id)
        if known is not None:
            out.facts.append(_fact(known, at_ms))
        return known is not None

    def _begin(
        self,
        morning_id: str,
        request: ApproveMorning | RestoreMany,
        given: dict[str, Any],
        circuits: list[tuple[str, int]],
        at_ms: int,
        out: Products,
    ) -> None:
        named: dict[str, Any] = {"who": request.who, "second": request.second, "phone": request.phone, "reason": request.reason}
        morning = Morning(id=morning_id, state="open", approved_ms=at_ms, counts={}, **named, **given)
        self._parts[morning_id] = {}
        for circuit_id, cut_ms in circuits:
            circuit = self._roster.circuits.get(circuit_id)
            if circuit is None:
                continue
            part = MorningPart(
                morning_id=morning_id,
                circuit_id=circuit_id,
                circuit_name=circuit.name,
                site_id=circuit.site_id,
                zone_id=circuit.zone_id,
                tenant=circuit.tenant,
                panel=circuit.panel,
                state=PartState.WAITING,
                cut_ms=cut_ms,
                seq=0,
            )
            self._parts[morning_id][circuit_id] = part
            no = self._bar(morning, circuit)
            self._block(part, no, at_ms, out) if no is not None else self._put(part, at_ms, out)
        self._keep(morning, at_ms, out, request.who, "approve_morning" if morning.run_id else "restore_many")

    def _confirm(self, request: ConfirmPresence, at_ms: int, out: Products) -> None:
        morning = self._open(request.morning_id)
        if at_ms >= morning.until_ms:
            raise RequestRefused(f"the approval ended at {iso_utc(morning.until_ms)}")
        if not request.person.strip():
            raise RequestRefused("whoever is present gives a name")
        parts = self._parts[morning.id]
        chosen = [part for part in parts.values() if not request.tenant or part.tenant == request.tenant]
        if request.circuit_ids:
            chosen = [part for part in chosen if part.circuit_id in request.circuit_ids]
            strangers = set(request.circuit_ids) - {part.circuit_id for part in chosen}
            if strangers:
                raise RequestRefused(f"{', '.join(sorted(strangers))} are not among what this may energise")
        elif not request.tenant:
            raise RequestRefused("say which shop or which circuits")
        waiting = [part.circuit_id for part in chosen if part.state is PartState.WAITING]
        if not waiting and not any(part.state is not PartState.BLOCKED for part in chosen):
            raise RequestRefused("none of these circuits may be energised from here: see why at each")
        self._take_turns(morning.id, waiting, request.person, request.how, request.who, at_ms, out)

    def _take_turns(self, morning_id: str, ids: list[str], person: str, how: str, who: str | None, at_ms: int, out: Products) -> None:
        """Give each its moment, one after another at its site, motors further apart; make those orders that are due at once."""
        site_id = self._mornings[morning_id].site_id
        turn_ms = max(at_ms, self._next_ms.get(site_id, 0))
        for circuit_id in ids:
            part = self._parts[morning_id][circuit_id]
            if part.state is not PartState.WAITING:
                continue
            confirmed = replace(part, state=PartState.CONFIRMED, at_ms=turn_ms, confirmed_ms=at_ms, confirmed_by=person, confirmed_how=how)
            self._put(confirmed, at_ms, out, who, "confirm_presence" if how != "request" else "")
            circuit = self._roster.circuits.get(circuit_id)
            turn_ms += MOTOR_STAGGER_MS if circuit is not None and circuit.is_motor else STAGGER_MS
        self._next_ms[site_id] = turn_ms
        self._go_on(morning_id, at_ms, out)
        self._keep(self._mornings[morning_id], at_ms, out)

    def _end(self, request: EndMorning, at_ms: int, out: Products) -> None:
        morning = self._open(request.morning_id)
        if not request.reason.strip():
            raise RequestRefused("ending an approval needs a reason")
        for part in list(self._parts[morning.id].values()):
            if part.state in (PartState.WAITING, PartState.CONFIRMED):
                self._put(
                    replace(part, state=PartState.LAPSED, reason=request.reason, reason_zh=request.reason, ended_ms=at_ms), at_ms, out
                )
        ended = replace(self._mornings[morning.id], state="ended", ended_by=request.who, note=request.reason)
        self._keep(ended, at_ms, out, request.who, "end_morning")

    def _open(self, morning_id: str) -> Morning:
        morning = self._mornings.get(morning_id)
        if morning is None or morning.state != "open":
            raise RequestRefused(f"there is no open approval {morning_id}")
        return morning

    # -- the writers -----------------------------------------------------------------------------------------------

    def _block(self, part: MorningPart, no: Refusal, at_ms: int, out: Products) -> None:
        blocked = replace(part, state=PartState.BLOCKED, code=no.code, reason=no.text_en, reason_zh=no.text_zh, ended_ms=at_ms)
        self._put(blocked, at_ms, out)

    def _put(self, part: MorningPart, at_ms: int, out: Products, who: str | None = None, what: str = "") -> None:
        part = replace(part, seq=part.seq + 1)
        self._parts[part.morning_id][part.circuit_id] = part
        out.facts.append(_part_fact(part, at_ms, who, what))

    def _keep(self, morning: Morning, at_ms: int, out: Products, who: str | None = None, what: str = "") -> None:
        known = self._mornings.get(morning.id)
        counts = Counter(str(part.state) for part in self._parts[morning.id].values())
        morning = replace(morning, counts=dict(sorted(counts.items())), seq=known.seq + 1 if known else 1)
        self._mornings[morning.id] = morning
        out.facts.append(_fact(morning, at_ms, who, what))

    def _settle(self) -> None:
        moments = []
        for morning in self._mornings.values():
            if morning.state == "open":
                if any(part.state in (PartState.WAITING, PartState.CONFIRMED) for part in self._parts[morning.id].values()):
                    moments.append(morning.until_ms)
                turns = (part.at_ms for part in self._parts[morning.id].values() if part.state is PartState.CONFIRMED)
                moments += [turn for turn in turns if turn is not None]
            else:
                moments.append(morning.until_ms + KEPT_MS + 1)
        self._due_ms = min(moments, default=None)

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    def dump(self) -> MorningsState:
        parts = [part for of in self._parts.values() for part in of.values()]
        return MorningsState(list(self._mornings.values()), parts, dict(self._alarmed), dict(self._next_ms))

    def load(self, state: MorningsState) -> None:
        """Replace everything by a dumped state."""
        self._mornings = {morning.id: morning for morning in state.mornings}
        self._parts = {morning.id: {} for morning in state.mornings}
        self._part_of = {}
        for part in state.parts:
            self._parts[part.morning_id][part.circuit_id] = part
            if part.state is PartState.ORDERED and part.order_id is not None:
                self._part_of[part.order_id] = (part.morning_id, part.circuit_id)
        self._alarmed, self._next_ms = dict(state.alarmed), dict(state.next_ms)
        self._settle()


GONE = refusal("circuit_gone", "the circuit is no longer there", "回路已被移除")
TOO_LATE = refusal(
    "too_late", "the service stood still at its turn: whoever was there confirms again", "轮到时服务中断：请在场人员重新确认"
)


def _two_people(request: ApproveMorning | RestoreMany) -> None:
    if not request.second.strip() or request.second == request.who:
        raise RequestRefused("a restore needs a second person with the right, other than the one who asks")
    if not request.reason.strip():
        raise RequestRefused("a restore needs a reason")


def _fact(morning: Morning, at_ms: int, who: str | None = None, what: str = "") -> Fact:
    return Fact(
        kind=KIND,
        id=morning.id,
        site_id=morning.site_id,
        state=morning.state,
        changed_ms=at_ms,
        body=morning,
        subject=f"run:{morning.run_id}" if morning.run_id else "",
        from_ms=morning.approved_ms,
        until_ms=morning.until_ms,
        who=who,
        what=what,
        is_over=morning.state != "open",
        seq=morning.seq,
    )


def _part_fact(part: MorningPart, at_ms: int, who: str | None = None, what: str = "") -> Fact:
    return Fact(
        kind=PART_KIND,
        id=f"{part.morning_id}:{part.circuit_id}",
        site_id=part.site_id,
        state=part.state,
        changed_ms=at_ms,
        body=part,
        subject=f"morning:{part.morning_id}",
        who=who,
        what=what,
        is_over=part.state in PART_OVER,
        seq=part.seq,
    )
