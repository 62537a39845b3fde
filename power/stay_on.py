"""Requests of shops to stay on after closing (延时用电申请): asked without an account, approved by a person, with an end. A section.

An approved one holds the shop's circuits out of plans until its end; the plan takes them at its next night. What nobody has approved holds
nothing. It switches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from alarms.instants import iso_utc
from alarms.model import Transition
from alarms.section import Products
from power.errors import RequestRefused
from power.model import OrderStep
from power.refusals import Refusal, refusal
from sites.facts import Fact
from sites.model import Circuit, derived_id
from sites.roster import Roster

KIND = "stay_on"
LONGEST_MS = 12 * 3_600_000
AHEAD_MS = 7 * 86_400_000
MOST_OPEN_A_SHOP = 3
STANDING = frozenset({"asked", "approved"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StayOn:
    """`circuits` empty: all of the tenant's at the site. `asked_by`, `phone`: who asked, without an account. `ended_by` None: by time."""

    id: str
    site_id: str
    tenant: str
    circuits: tuple[str, ...]
    from_ms: int
    until_ms: int
    reason: str
    asked_by: str
    phone: str
    channel: str  # qr, sms, user
    asked_ms: int
    state: str = "asked"  # asked, approved, refused, ended
    decided_by: str | None = None
    decided_ms: int | None = None
    note: str = ""
    seq: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AskStayOn:
    """`who` None: asked by the shop's link; the door has checked it."""

    key: str
    site_id: str
    tenant: str
    circuits: tuple[str, ...] = ()
    from_ms: int
    until_ms: int
    reason: str
    asked_by: str
    phone: str = ""
    channel: str = "qr"
    who: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideStayOn:
    """`until_ms`: approved only until then."""

    stay_on_id: str
    who: str
    approve: bool
    note: str = ""
    until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndStayOn:
    """Before its time: the shop has closed after all."""

    stay_on_id: str
    who: str | None
    note: str = ""


@dataclass(slots=True)
class StayOnsState:
    of: list[StayOn] = field(default_factory=list)


class StayOns:
    """`roster` is read only."""

    name = "stay_ons"
    follows_alarms = False
    requests: tuple[type, ...] = (AskStayOn, DecideStayOn, EndStayOn)
    state_type = StayOnsState

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._of: dict[str, StayOn] = {}

    def holds(self, circuit: Circuit, at_ms: int) -> Refusal | None:
        """Why this circuit stays on: an approved request that covers it now."""
        for each in self._of.values():
            if each.state == "approved" and each.from_ms <= at_ms < each.until_ms and _covers(each, circuit):
                return refusal(
                    "stay_on",
                    f"{each.tenant} may stay on until {iso_utc(each.until_ms)} ({each.reason})",
                    f"{each.tenant} 已获准延时用电至 {iso_utc(each.until_ms)}（{each.reason}）",
                )
        return None

    def standing(self) -> Iterable[Fact]:
        return [_fact(each, each.decided_ms or each.asked_ms) for each in self._of.values()]

    def due_ms(self) -> int | None:
        return min((each.until_ms for each in self._of.values()), default=None)

    def due(self, at_ms: int) -> Products:
        out = Products()
        for each in [each for each in self._of.values() if each.until_ms <= at_ms]:
            self._keep(replace(each, state="ended", note=each.note if each.state == "approved" else "nobody decided in time"), at_ms, out)
        return out

    def request(self, request: AskStayOn | DecideStayOn | EndStayOn, at_ms: int) -> Products:
        """Raises RequestRefused."""
        out = Products()
        match request:
            case AskStayOn():
                self._ask(request, at_ms, out)
            case DecideStayOn():
                self._decide(request, at_ms, out)
            case EndStayOn():
                each = self._known(request.stay_on_id)
                self._keep(replace(each, state="ended", note=request.note or each.note), at_ms, out, request.who, "end_stay_on")
        return out

    def _ask(self, request: AskStayOn, at_ms: int, out: Products) -> None:
        stay_on_id = derived_id("stay_on", request.site_id, request.tenant, request.key)
        known = self._of.get(stay_on_id)
        if known is not None:
            out.facts.append(_fact(known, at_ms))
            return
        mine = [c for c in self._roster.circuits.values() if c.site_id == request.site_id and c.tenant == request.tenant and c.tenant]
        if not mine:
            raise RequestRefused(f"{request.tenant} has no circuits at this site")
        strangers = set(request.circuits) - {circuit.id for circuit in mine}
        if strangers:
            raise RequestRefused(f"{', '.join(sorted(strangers))} are not circuits of {request.tenant}")
        if not request.reason.strip() or not request.asked_by.strip():
            raise RequestRefused("a request to stay on needs a reason and the name of who asks")
        if not at_ms < request.until_ms <= at_ms + AHEAD_MS:
            raise RequestRefused("a request to stay on ends in the future, within seven days")
        if not 0 < request.until_ms - request.from_ms <= LONGEST_MS:
            raise RequestRefused("a shop stays on for at most 12 h at a time")
        if sum(each.tenant == request.tenant and each.site_id == request.site_id for each in self._of.values()) >= MOST_OPEN_A_SHOP:
            raise RequestRefused(f"{request.tenant} has {MOST_OPEN_A_SHOP} requests open already")
        names = ("site_id", "tenant", "circuits", "from_ms", "until_ms", "reason", "asked_by", "phone", "channel")
        made = StayOn(id=stay_on_id, asked_ms=at_ms, **{name: getattr(request, name) for name in names})
        self._keep(made, at_ms, out, request.who, "ask_stay_on")

    def _decide(self, request: DecideStayOn, at_ms: int, out: Products) -> None:
        each = self._known(request.stay_on_id)
        if each.state != "asked":
            raise RequestRefused(f"the request is {each.state} already; it can be ended")
        if not request.approve and not request.note.strip():
            raise RequestRefused("refusing a request needs a reason for the shop")
        until_ms = each.until_ms if request.until_ms is None else min(each.until_ms, request.until_ms)
        if until_ms <= at_ms:
            raise RequestRefused("the end lies in the past")
        state = "approved" if request.approve else "refused"
        decided = replace(each, state=state, until_ms=until_ms, decided_by=request.who, decided_ms=at_ms, note=request.note)
        self._keep(decided, at_ms, out, request.who, f"{'approve' if request.approve else 'refuse'}_stay_on")

    def _known(self, stay_on_id: str) -> StayOn:
        each = self._of.get(stay_on_id)
        if each is None:
            raise RequestRefused(f"there is no open request {stay_on_id}")
        return each

    def _keep(self, each: StayOn, at_ms: int, out: Products, who: str | None = None, what: str = "") -> None:
        known = self._of.get(each.id)
        each = replace(each, seq=known.seq + 1 if known else 1)
        self._of[each.id] = each
        if each.state not in STANDING:
            del self._of[each.id]
        out.facts.append(_fact(each, at_ms, who, what))

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def follow_order(self, step: OrderStep, at_ms: int) -> Products:
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        return Products()

    def dump(self) -> StayOnsState:
        return StayOnsState(list(self._of.values()))

    def load(self, state: StayOnsState) -> None:
        """Replace everything by a dumped state."""
        self._of = {each.id: each for each in state.of}


def _covers(each: StayOn, circuit: Circuit) -> bool:
    if circuit.site_id != each.site_id or circuit.tenant != each.tenant:
        return False
    return not each.circuits or circuit.id in each.circuits


def _fact(each: StayOn, at_ms: int, who: str | None = None, what: str = "") -> Fact:
    return Fact(
        kind=KIND,
        id=each.id,
        site_id=each.site_id,
        state=each.state,
        changed_ms=at_ms,
        body=each,
        subject=f"tenant:{each.tenant}"[:200],
        from_ms=each.from_ms,
        until_ms=each.until_ms,
        who=who,
        what=what,
        is_over=each.state not in STANDING,
        seq=each.seq,
    )
