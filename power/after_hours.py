"""After closing: which night-off circuits still draw current, whether or not anybody ordered anything. A section of the scan.

A shop's power left on at night is how its fire begins (GB/T 40248-2021 7.3.5). While a site is closed by its calendar, or after one of its
runs has ended, its circuits are looked at every 15 s; what draws more than its limit for a while is an alarm, one a shop, which names
them in its fact. Only fresh measurements tell; what is not heard is not called off. It orders nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alarms.model import Transition
from alarms.section import Products
from alarms.service_alarms import ServiceClear, ServiceRaise
from power.measure import measured_of, stale_after_ms
from power.model import Measured, OrderStep
from power.runs import Runs
from sites import calendars
from sites.calendars import Calendar
from sites.facts import Fact
from sites.model import Circuit, CircuitClass
from sites.roster import Roster

LOOK_MS = 15_000
GRACE_MS = 30 * 60_000  # after closing by the calendar: people tidy up
AGAIN_MS = 10_000  # a circuit that a run proved off and that draws again (domain.md C3: 10 s)
AFTER_RUN_MS = 8 * 3_600_000  # how long a site without a calendar counts as closed after a run
LEAST_A = 0.2
SHARE_OF_RATED = 0.02  # domain.md section 8: off is below max(0.2 A, 2 % In)

BaseLoad = Callable[[Circuit, int], float | None]  # amperes that the circuit draws when nobody is there, as learnt


def nothing_learnt(_circuit: Circuit, _at_ms: int) -> float | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One circuit that still draws."""

    circuit_id: str
    circuit_name: str
    current_a: float
    limit_a: float
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StillDrawing:
    """A shop whose circuits still draw after closing. `shop`: the tenant, or the zone where there is none."""

    shop: str
    site_id: str
    zone_id: str
    zone_name: str
    circuits: tuple[Drawing, ...]


@dataclass(slots=True)
class AfterHoursState:
    """`since`: by circuit, since when it draws; `shops`: what stands, by subject."""

    since: dict[str, int] = field(default_factory=dict)
    shops: dict[str, StillDrawing] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)
    next_ms: int | None = None


class AfterHours:
    """`runs` and `calendars` are read only."""

    name = "after_hours"
    follows_alarms = False
    requests: tuple[type, ...] = ()
    state_type = AfterHoursState

    def __init__(self, roster: Roster, runs: Runs, calendars: Mapping[str, Calendar], base_load: BaseLoad = nothing_learnt) -> None:
        self._roster, self._runs, self._calendars, self._base_load = roster, runs, calendars, base_load
        self._state = AfterHoursState()

    def due_ms(self) -> int | None:
        return self._state.next_ms

    def due(self, at_ms: int) -> Products:
        out = Products()
        seen: dict[str, StillDrawing] = {}
        drawing: dict[str, int] = {}
        is_any_closed = False
        here: dict[str, list[Circuit]] = {}
        for circuit in self._roster.circuits.values():
            here.setdefault(circuit.site_id, []).append(circuit)
        for site_id in sorted(self._roster.sites):
            closed_ms = self._closed_since(site_id, at_ms)
            if closed_ms is not None:
                is_any_closed = True
                self._look(here.get(site_id, []), closed_ms, at_ms, drawing, seen)
        self._state.since = drawing
        self._tell(seen, at_ms, out)
        self._state.next_ms = at_ms + LOOK_MS if is_any_closed else self._next_closing(at_ms)
        return out

    def _closed_since(self, site_id: str, at_ms: int) -> int | None:
        """Since when the site is closed: by its calendar, or by its last run where it has none. None: open, or nobody knows."""
        site = self._roster.sites[site_id]
        zone = site.timezone if calendars.is_timezone(site.timezone) else "UTC"
        known = [calendar for calendar in self._calendars.values() if calendar.site_id == site_id]
        if known:
            if any(calendars.is_open(calendar, zone, at_ms) for calendar in known):
                return None
            spans = [span for c in known for span in calendars.windows_between(c, zone, at_ms - 3 * calendars.DAY_MS, at_ms)]
            return max((end for _, end in spans), default=at_ms - 3 * calendars.DAY_MS)
        ended = self._runs.last_end_ms(site_id)
        return ended if ended is not None and at_ms - ended < AFTER_RUN_MS else None

    def _look(self, circuits: list[Circuit], closed_ms: int, at_ms: int, drawing: dict[str, int], seen: dict[str, StillDrawing]) -> None:
        proved = self._runs.proved_lately(circuits[0].site_id) if circuits else frozenset()
        for circuit in circuits:
            is_proved = circuit.id in proved
            if circuit.circuit_class is not CircuitClass.NIGHT_OFF and not is_proved:
                continue
            measured = measured_of(circuit, self._roster)
            limit_a = self._limit_a(circuit, is_proved, at_ms)
            if not self._draws(circuit, measured, limit_a, at_ms):
                continue
            since_ms = drawing[circuit.id] = self._state.since.get(circuit.id, at_ms)
            is_long = at_ms - since_ms >= AGAIN_MS and (is_proved or at_ms - closed_ms >= GRACE_MS)
            if is_long and measured.current_a is not None:
                self._add(seen, circuit, measured.current_a, limit_a, since_ms)

    def _limit_a(self, circuit: Circuit, is_proved: bool, at_ms: int) -> float:
        base_a = None if is_proved else self._base_load(circuit, at_ms)
        return max(LEAST_A, SHARE_OF_RATED * circuit.rated_a, 1.2 * base_a if base_a is not None else 0.0)

    def _draws(self, circuit: Circuit, measured: Measured, limit_a: float, at_ms: int) -> bool:
        is_fresh = measured.heard_ms is not None and at_ms - measured.heard_ms <= stale_after_ms(circuit, self._roster)
        return is_fresh and measured.current_a is not None and measured.current_a > limit_a

    def _add(self, seen: dict[str, StillDrawing], circuit: Circuit, current_a: float, limit_a: float, since_ms: int) -> None:
        zone = self._roster.zones.get(circuit.zone_id)
        shop = circuit.tenant or (zone.name if zone else circuit.zone_id)
        subject = f"shop:{circuit.site_id}:{shop}"
        one = Drawing(circuit_id=circuit.id, circuit_name=circuit.name, current_a=current_a, limit_a=limit_a, since_ms=since_ms)
        known = seen.get(subject)
        seen[subject] = StillDrawing(
            shop=shop,
            site_id=circuit.site_id,
            zone_id=known.zone_id if known else circuit.zone_id,
            zone_name=known.zone_name if known else (zone.name if zone else ""),
            circuits=(*(known.circuits if known else ()), one),
        )

    def _tell(self, seen: dict[str, StillDrawing], at_ms: int, out: Products) -> None:
        before = self._state.shops
        for subject, shop in seen.items():
            names = tuple(each.circuit_id for each in shop.circuits)
            if subject in before and names == tuple(each.circuit_id for each in before[subject].circuits):
                seen[subject] = before[subject]  # nothing new: the amperes stand on the circuits themselves
                continue
            out.facts.append(self._fact(subject, shop, "drawing", at_ms))
            total_a = sum(each.current_a for each in shop.circuits)
            note = f"{shop.shop}: " + ", ".join(f"{each.circuit_name} {each.current_a:.1f} A" for each in shop.circuits[:10])
            out.wishes.append(
                ServiceRaise(
                    code="still_drawing",
                    subject=subject,
                    site_id=shop.site_id,
                    zone_id=shop.zone_id,
                    value=total_a,
                    unit="A",
                    note=note,
                )
            )
        for subject, shop in before.items():
            if subject not in seen:
                out.facts.append(self._fact(subject, shop, "over", at_ms))
                out.wishes.append(ServiceClear(code="still_drawing", subject=subject, note="it draws no longer, or the place is open"))
        self._state.shops = seen

    def _fact(self, subject: str, shop: StillDrawing, state: str, at_ms: int) -> Fact:
        seq = self._state.seqs[subject] = self._state.seqs.get(subject, 0) + 1
        since_ms = min(each.since_ms for each in shop.circuits)
        return Fact(
            kind="still_drawing",
            id=subject.replace(":", "."),
            site_id=shop.site_id,
            state=state,
            changed_ms=at_ms,
            body=shop,
            subject=subject,
            from_ms=since_ms,
            until_ms=at_ms if state == "over" else None,
            is_over=state == "over",
            seq=seq,
        )

    def _next_closing(self, at_ms: int) -> int | None:
        moments = []
        for calendar in self._calendars.values():
            site = self._roster.sites.get(calendar.site_id or "")
            if site is not None:
                zone = site.timezone if calendars.is_timezone(site.timezone) else "UTC"
                moments.append(calendars.next_change_ms(calendar, zone, at_ms))
        return min((moment for moment in moments if moment is not None), default=None)

    def _soon(self, at_ms: int) -> None:
        known = self._state.next_ms
        self._state.next_ms = at_ms + LOOK_MS if known is None else min(known, at_ms + LOOK_MS)

    # -- told of things ------------------------------------------------------------------------------------------------

    def request(self, request: Any, at_ms: int) -> Products:
        raise AssertionError("after hours answers no requests")

    def follow(self, transition: Transition, at_ms: int) -> Products:
        return Products()

    def follow_order(self, step: OrderStep, at_ms: int) -> Products:
        if step.order.cause.startswith("run:"):
            self._soon(at_ms)
        return Products()

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        if kind in ("calendar", "site", "circuit"):
            self._soon(at_ms)
        return Products()

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        """What was not heard meanwhile drew for no known time."""
        self._state.since = {}
        return Products()

    def standing(self) -> Iterable[Fact]:
        for subject, shop in self._state.shops.items():
            yield Fact(
                kind="still_drawing", id=subject.replace(":", "."), site_id=shop.site_id, state="drawing",
                changed_ms=min(each.since_ms for each in shop.circuits), body=shop, subject=subject,
                from_ms=min(each.since_ms for each in shop.circuits), seq=self._state.seqs.get(subject, 1),
            )  # fmt: skip

    def dump(self) -> AfterHoursState:
        return AfterHoursState(dict(self._state.since), dict(self._state.shops), dict(self._state.seqs), self._state.next_ms)

    def load(self, state: AfterHoursState) -> None:
        self._state = state
