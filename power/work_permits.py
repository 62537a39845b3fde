"""Work permits in force: declared, assessed, checked, approved, worked under a guardian, interrupted, completed, accepted. A section.

An open permit holds its circuits out of plans and is written on every alarm of its zone; it never suppresses one. Gas in its zone suspends
it at once and tells the guardian. It switches nothing. Only the scan writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from alarms.book import Book
from alarms.instants import iso_utc
from alarms.linkage import NotifyWanted
from alarms.model import Alarm, Signal, Transition
from alarms.requests import Note
from alarms.section import Products
from alarms.service_alarms import ServiceClear, ServiceRaise
from power.errors import RequestRefused
from power.model import OrderStep
from power.permit_model import (
    KIND_NAMES,
    OPEN,
    OVER,
    TABLE,
    TEST_VALID_MS,
    ActOnPermit,
    ApplyPermit,
    CheckGas,
    GasTest,
    PermitAct,
    PermitState,
    Signed,
    WorkPermit,
    approvals,
    check_application,
    interruption_ms,
    needs_gas_test,
    passes,
)
from power.plans import within
from power.refusals import Refusal, refusal
from sites.facts import Fact
from sites.model import Circuit, derived_id
from sites.roster import Roster

KIND = "work_permit"
GAS_KINDS = frozenset({"gas", "co"})
_MOST = 5_000
_NEEDS_NOTE = {
    PermitAct.ASSESS: "the hazards and the measures against them",
    PermitAct.CHECK: "what was found on site",
    PermitAct.SUSPEND: "a reason",
    PermitAct.VOID: "a reason",
    PermitAct.COMPLETE: "how the place was left",
    PermitAct.CLOSE: "what the acceptance found",
}


@dataclass(slots=True)
class WorkPermitsState:
    permits: list[WorkPermit] = field(default_factory=list)
    annotated: list[str] = field(default_factory=list)  # "permit id alarm id", of permits that are not over


class WorkPermits:
    """`book` is asked to note; `roster` is read only."""

    name = "work_permits"
    requests: tuple[type, ...] = (ApplyPermit, ActOnPermit, CheckGas)
    state_type = WorkPermitsState

    def __init__(self, book: Book, roster: Roster) -> None:
        self._book, self._roster = book, roster
        self._permits: dict[str, WorkPermit] = {}
        self._annotated: dict[str, None] = {}

    # -- reading it ------------------------------------------------------------------------------------------------

    def holds(self, circuit: Circuit, at_ms: int) -> Refusal | None:
        """Why an open permit holds this circuit out of plans: it names the circuit, or names none and covers its zone."""
        for permit in self._permits.values():
            if permit.state not in OPEN or at_ms < permit.from_ms or permit.site_id != circuit.site_id:
                continue
            if circuit.id in permit.circuits or (not permit.circuits and self._covers(permit, circuit.zone_id)):
                zh, en = KIND_NAMES[permit.kind]
                return refusal(
                    "work_permit",
                    f"held by the open work permit {permit.title} ({en}, until {iso_utc(permit.until_ms)}): close it first",
                    f"{zh}票“{permit.title}”未关闭（至 {iso_utc(permit.until_ms)}）：关闭后方可断电",
                )
        return None

    def standing(self) -> Iterable[Fact]:
        return [_fact(permit, permit.asked_ms) for permit in self._permits.values() if permit.state not in OVER]

    def _covers(self, permit: WorkPermit, zone_id: str) -> bool:
        return zone_id in within((permit.zone_id,), self._roster)

    # -- time ------------------------------------------------------------------------------------------------------

    def due_ms(self) -> int | None:
        return min((p.until_ms for p in self._permits.values() if TABLE[p.state, PermitAct.RUN_OUT] is not None), default=None)

    def due(self, at_ms: int) -> Products:
        out = Products()
        for permit in list(self._permits.values()):
            after = TABLE[permit.state, PermitAct.RUN_OUT]
            if after is None or permit.until_ms > at_ms:
                continue
            ran_out = replace(permit, state=after, note="its time has run out")
            self._keep(ran_out, at_ms, out)
            if after is PermitState.OVERDUE:
                out.wishes.append(
                    ServiceRaise(
                        code="permit_overdue",
                        subject=f"permit:{permit.id}",
                        site_id=permit.site_id,
                        zone_id=permit.zone_id,
                        note=f"{permit.title}: {permit.worker}, guardian {_guardian_name(permit)} {permit.guardian_phone}".strip(),
                    )
                )
        return out

    # -- alarms ----------------------------------------------------------------------------------------------------

    def follow(self, transition: Transition, at_ms: int) -> Products:
        """An alarm in the zone of an open permit bears its note; gas suspends the work."""
        out = Products()
        if transition.signal not in (Signal.RAISED, Signal.STEPPED_UP) or not self._permits:
            return out
        alarm = transition.alarm
        for permit in list(self._permits.values()):
            if permit.site_id == alarm.site_id and permit.state in OPEN and self._covers(permit, alarm.zone_id):
                self._annotate(permit, alarm, at_ms, out)
                if alarm.kind in GAS_KINDS and permit.state is PermitState.WORKING and not alarm.is_test:
                    suspended = replace(
                        permit,
                        state=PermitState.SUSPENDED,
                        suspended_ms=at_ms,
                        suspended_by=f"gas:{alarm.id}",
                        note=f"gas alarm: {alarm.rule_name_en or alarm.rule_name} at {alarm.device_name}",
                    )
                    self._keep(suspended, at_ms, out)
                    self._tell_guardian(suspended, alarm, at_ms, out)
        return out

    def _annotate(self, permit: WorkPermit, alarm: Alarm, at_ms: int, out: Products) -> None:
        known = f"{permit.id} {alarm.id}"
        if known in self._annotated or self._book.get(alarm.id) is None:
            return
        self._annotated[known] = None
        zh, en = KIND_NAMES[permit.kind]
        words = f"作业票 {permit.id}：{zh}“{permit.title}”，{permit.worker} / {en} under permit, guardian {_guardian_name(permit)}"
        out.transitions += self._book.request(Note(alarm_id=alarm.id, who="", note=words), at_ms)

    def _tell_guardian(self, permit: WorkPermit, alarm: Alarm, at_ms: int, out: Products) -> None:
        """By every channel of a user, by SMS to a number.."""
        to = (
            {"recipient": f"user:{permit.guardian}", "channel": "", "to": ""}
            if permit.guardian
            else {"to": permit.guardian_phone, "channel": "sms"}
        )
        if not permit.guardian and not permit.guardian_phone:
            return
        out.intents.append(
            NotifyWanted(
                key=derived_id("notify", "permit", permit.id, alarm.id, alarm.seq),
                linkage_id=f"permit:{permit.id}",
                alarm_id=alarm.id,
                alarm_seq=alarm.seq,
                at_ms=at_ms,
                cause=f"permit:{permit.id}",
                **to,
            )
        )

    # -- people ----------------------------------------------------------------------------------------------------

    def request(self, request: ApplyPermit | ActOnPermit | CheckGas, at_ms: int) -> Products:
        """Raises RequestRefused, whole or not at all."""
        out = Products()
        match request:
            case ApplyPermit():
                self._apply(request, at_ms, out)
            case CheckGas():
                self._test(request, at_ms, out)
            case ActOnPermit():
                self._act(request, at_ms, out)
        return out

    def _apply(self, request: ApplyPermit, at_ms: int, out: Products) -> None:
        permit_id = derived_id("work_permit", request.site_id, request.who, request.key)
        known = self._permits.get(permit_id)
        if known is not None:
            out.facts.append(_fact(known, at_ms))
            return
        if len(self._permits) >= _MOST:
            raise RequestRefused(f"{_MOST} permits are kept already: close those that are completed")
        kind, level = check_application(request, at_ms)
        zone = self._roster.zones.get(request.zone_id)
        if zone is None or zone.site_id != request.site_id:
            raise RequestRefused(f"there is no zone {request.zone_id} at site {request.site_id}")
        strangers = [c for c in request.circuits if (found := self._roster.circuits.get(c)) is None or found.site_id != request.site_id]
        if strangers:
            raise RequestRefused(f"no circuit {', '.join(strangers)} at site {request.site_id}")
        names = ("site_id", "zone_id", "title", "content", "contractor", "worker", "guardian", "guardian_name", "guardian_phone", "promise")
        permit = WorkPermit(
            id=permit_id,
            kind=kind,
            level=level,
            applicant=request.who,
            circuits=request.circuits,
            from_ms=request.from_ms,
            until_ms=request.until_ms,
            asked_ms=at_ms,
            **{name: getattr(request, name) for name in names},
        )
        self._keep(permit, at_ms, out, request.who, "apply_permit")

    def _test(self, request: CheckGas, at_ms: int, out: Products) -> None:
        permit = self._known(request.permit_id)
        if permit.state in OVER or permit.state is PermitState.COMPLETED:
            raise RequestRefused(f"the permit {permit.id} is {permit.state}: nothing is tested for it any more")
        passed = passes(permit.kind, request.combustible_vol, request.lel_vol, request.o2_vol)
        names = ("who", "place", "combustible_vol", "lel_vol", "o2_vol", "toxic")
        test = GasTest(at_ms=at_ms, passed=passed, **{name: getattr(request, name) for name in names})
        permit = replace(permit, tests=(*permit.tests, test)[-50:])
        if not passed and permit.state is PermitState.WORKING:
            permit = replace(permit, state=PermitState.SUSPENDED, suspended_ms=at_ms, suspended_by="test", note="the gas test did not pass")
        self._keep(permit, at_ms, out, request.who, "test_gas")

    def _act(self, request: ActOnPermit, at_ms: int, out: Products) -> None:
        permit = self._known(request.permit_id)
        try:
            act = PermitAct(request.act)
        except ValueError:
            raise RequestRefused(f"{request.act!r} is no act on a permit; {', '.join(PermitAct)} are") from None
        after = TABLE[permit.state, act] if act is not PermitAct.RUN_OUT else None
        if after is None:
            allowed = ", ".join(each for each in PermitAct if TABLE[permit.state, each] and each is not PermitAct.RUN_OUT) or "nothing"
            raise RequestRefused(f"{act} of a permit that is {permit.state}: allowed there is {allowed}")
        if act in _NEEDS_NOTE and not request.note.strip():
            raise RequestRefused(f"{act} needs {_NEEDS_NOTE[act]}")
        why = self._hindrance(permit, act, request.who, at_ms)
        if why:
            raise RequestRefused(why)
        permit = replace(permit, signed=(*permit.signed, Signed(step=act, who=request.who, at_ms=at_ms, content=request.note)))
        if act is PermitAct.APPROVE and len(_who(permit, "approve")) < approvals(permit.kind, permit.level):
            after = PermitState.CHECKED  # further approvals are needed
        if act is PermitAct.ASSESS:
            permit = replace(permit, signed=tuple(s for s in permit.signed if s.step != "approve"))
        if act is PermitAct.SUSPEND:
            permit = replace(permit, suspended_ms=at_ms, suspended_by=request.who)
        permit = replace(permit, state=after, note=request.note)
        self._keep(permit, at_ms, out, request.who, f"permit_{act}")
        if act is PermitAct.COMPLETE:
            out.wishes.append(ServiceClear(code="permit_overdue", subject=f"permit:{permit.id}", note="the work is complete"))
        if act is PermitAct.START:
            for alarm in [alarm for alarm in self._book.open.values() if alarm.site_id == permit.site_id]:
                if self._covers(permit, alarm.zone_id):
                    self._annotate(permit, alarm, at_ms, out)

    def _hindrance(self, permit: WorkPermit, act: PermitAct, who: str, at_ms: int) -> str:
        """Why this person may not do this now; "": may."""
        if act is PermitAct.APPROVE:
            if who in (permit.applicant, permit.guardian):
                return "who applied for a permit, or guards the work, does not approve it"
            if who in _who(permit, "approve"):
                return "this person has approved it already: another one is needed"
        if act is PermitAct.CLOSE and who in (permit.applicant, *_who(permit, "complete")):
            return "the work is accepted by another person than the one who applied or reported it complete"
        if act in (PermitAct.START, PermitAct.RESUME):
            if not permit.from_ms <= at_ms < permit.until_ms:
                return f"the permit is valid from {iso_utc(permit.from_ms)} until {iso_utc(permit.until_ms)}"
            gas = self._gas_alarm(permit)
            if gas is not None:
                return f"a gas alarm stands in the zone ({gas.device_name}): nothing begins there until it has cleared"
        if act is PermitAct.START and needs_gas_test(permit.kind):
            return self._test_missing(permit, at_ms - TEST_VALID_MS, "within the 30 minutes before the work begins")
        if act is PermitAct.RESUME:
            since_ms = permit.suspended_ms or at_ms
            by_gas = permit.suspended_by == "test" or permit.suspended_by.startswith("gas:")
            long = at_ms - since_ms > interruption_ms(permit.kind, permit.level)
            if by_gas or (needs_gas_test(permit.kind) and long):
                return self._test_missing(permit, max(since_ms, at_ms - TEST_VALID_MS), "since the interruption, within 30 minutes")
        return ""

    def _test_missing(self, permit: WorkPermit, after_ms: int, when: str) -> str:
        last = permit.tests[-1] if permit.tests else None
        if last is None or last.at_ms < after_ms:
            return f"the gas must be tested {when}"
        return "" if last.passed else "the last gas test did not pass"

    def _gas_alarm(self, permit: WorkPermit) -> Alarm | None:
        here = (alarm for alarm in self._book.open.values() if alarm.site_id == permit.site_id and alarm.kind in GAS_KINDS)
        return next((a for a in here if a.condition == "active" and not a.is_test and self._covers(permit, a.zone_id)), None)

    def _known(self, permit_id: str) -> WorkPermit:
        permit = self._permits.get(permit_id)
        if permit is None:
            raise RequestRefused(f"there is no open work permit {permit_id}")
        return permit

    # -- the rest of a section -------------------------------------------------------------------------------------

    def follow_order(self, step: OrderStep, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    def _keep(self, permit: WorkPermit, at_ms: int, out: Products, who: str | None = None, what: str = "") -> None:
        known = self._permits.get(permit.id)
        permit = replace(permit, seq=known.seq + 1 if known else 1)
        self._permits[permit.id] = permit
        if permit.state in OVER:
            del self._permits[permit.id]
            self._annotated = {each: None for each in self._annotated if not each.startswith(f"{permit.id} ")}
        out.facts.append(_fact(permit, at_ms, who, what))

    def dump(self) -> WorkPermitsState:
        return WorkPermitsState(list(self._permits.values()), list(self._annotated))

    def load(self, state: WorkPermitsState) -> None:
        """Replace everything by a dumped state."""
        self._permits = {permit.id: permit for permit in state.permits}
        self._annotated = dict.fromkeys(state.annotated)


def _who(permit: WorkPermit, step: str) -> set[str]:
    return {signed.who for signed in permit.signed if signed.step == step}


def _guardian_name(permit: WorkPermit) -> str:
    return permit.guardian_name or permit.guardian


def _fact(permit: WorkPermit, at_ms: int, who: str | None = None, what: str = "") -> Fact:
    return Fact(
        kind=KIND,
        id=permit.id,
        site_id=permit.site_id,
        state=permit.state,
        changed_ms=at_ms,
        body=permit,
        subject=f"zone:{permit.zone_id}",
        from_ms=permit.from_ms,
        until_ms=permit.until_ms,
        who=who,
        what=what,
        is_over=permit.state in OVER,
        seq=permit.seq,
    )
