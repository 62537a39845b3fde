"""Locks, permits, mornings and stay-on requests as the API's tests have them: the real sections over the board's own roster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from alarms.book import Book
from alarms.section import Section
from api.ports import Answer
from power.lock_outs import LockOuts
from power.model import Order, OrderState
from power.mornings import Mornings
from power.orders import Orders
from power.requests import DecideOrder
from power.run_model import ItemState
from power.runs import Runs
from power.stay_on import StayOns
from power.switchings import Decision, Switching, Switchings
from power.work_permits import WorkPermits
from sites.facts import Fact
from sites.roster import Roster


class PaperPower:
    """The sections of P1's half of power; their facts go to the board's."""

    def __init__(self, orders: Orders, roster: Roster, runs: Runs, facts: dict[tuple[str, str], Fact]) -> None:
        self.facts = facts
        self.runs = runs
        self.switchings = Switchings(orders, roster)
        lock_outs = LockOuts(orders, roster)
        mornings = Mornings(orders, roster, runs, self.switchings, lock_outs)
        self.sections: tuple[Section, ...] = (self.switchings, lock_outs, WorkPermits(Book(), roster), StayOns(roster), mornings)

    def ask(self, request: Any, now_ms: int) -> Answer | None:
        """The answer to a request of these; None: it is none of them."""
        if isinstance(request, DecideOrder):
            body = Decision(
                order_id=request.order_id, circuit_id="", site_id="mall", is_live=request.is_live, who=request.who, reason=request.reason,
                at_ms=now_ms,
            )  # fmt: skip
            return Answer(
                2, True, facts=(Fact(kind="order_decision", id=body.order_id, site_id="mall", state="dead", changed_ms=1, body=body),)
            )
        section = next((section for section in self.sections if type(request) in section.requests), None)
        if section is None:
            return None
        products = section.request(request, now_ms)
        self.keep(products.facts)
        orders: list[Order] = [order for advance in products.advances for order in advance.orders]
        return Answer(2, True, orders=tuple(orders), facts=tuple(products.facts))

    def keep(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self.facts[fact.kind, fact.id] = fact
            if fact.is_over:
                self.facts.pop((fact.kind, fact.id))

    # -- worlds to begin with ----------------------------------------------------------------------------------------

    def trip(self, circuit_id: str, site: str, now_ms: int) -> None:
        known = Switching(circuit_id=circuit_id, circuit_name=circuit_id, site_id=site, is_open=True, trip="trip", trip_ms=now_ms, seq=1)
        self.switchings._of[circuit_id] = known
        self.keep(self.switchings.standing())

    def cut_by_night(self, run_id: str, now_ms: int) -> None:
        """The run is a plan's that has ended, and proved its circuits off."""
        run = self.runs._runs[run_id]
        state = type(run.state)("done")
        self.runs._runs[run_id] = replace(run, kind="plan", plan_id=f"{run.site_id}-plan", state=state, ended_ms=now_ms)
        items = self.runs._items[run_id]
        for circuit_id, item in list(items.items()):
            items[circuit_id] = replace(item, state=ItemState.PROVED, order_state=OrderState.PROVED, ended_ms=now_ms)
