"""A section of the scan: one part of its state that time, alarms, orders and people move, beside the book of alarms and the orders.

Suppressions, escalations, the duty's checks, permits and runs are sections. Each is a deterministic function of what it is told; it reads
the book and the roster, writes only itself, and hands on what it wants done as `Products`, which the warden carries out in its order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from alarms.linkage import Firing, Intent
from alarms.model import Transition
from alarms.service_alarms import ServiceClear, ServiceRaise
from sites.facts import Fact


@dataclass(slots=True)
class Products:
    """What a section wants done, in the order of the fields. `transitions` are those that the book has made already (they are followed by
    linkages and sections in turn); `advances` are `power.order_book.Advance`, which this room cannot name."""

    transitions: list[Transition] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    wishes: list[ServiceRaise | ServiceClear] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)
    advances: list[Any] = field(default_factory=list)


class Section(Protocol):
    """`name` keys its state in the snapshot; `requests` are the types of requests that it answers; `state_type` is what `dump` gives.
    One whose `follow` never does anything says so by `follows_alarms = False`, and is not asked: a storm of alarms has no time for it.
    Times are service time, and do not fall. What a section does not care about it answers with empty `Products`."""

    name: str
    requests: tuple[type, ...]
    state_type: Any

    def due_ms(self) -> int | None:
        """When time alone moves it; None: never, as things stand."""
        ...

    def due(self, at_ms: int) -> Products:
        """What time has brought by then. Called again until `due_ms` is later."""
        ...

    def request(self, request: Any, at_ms: int) -> Products:
        """A person's request, whole or not at all. The answer holds the alarms, orders and facts of the products. Raises AlarmError or
        PowerError."""
        ...

    def follow(self, transition: Transition, at_ms: int) -> Products:
        """An alarm has changed."""
        ...

    def follow_order(self, step: Any, at_ms: int) -> Products:
        """An order has changed (`power.model.OrderStep`)."""
        ...

    def configured(self, kind: str, thing_id: str, at_ms: int) -> Products:
        """A thing of the configuration came, changed or went."""
        ...

    def resumed(self, since_ms: int, at_ms: int) -> Products:
        """The service stood still from `since_ms`, and goes on. Called before anything that fell due meanwhile."""
        ...

    def standing(self) -> Iterable[Fact]:
        """Its facts that are not over, as they are now: what the board shows after a restart."""
        ...

    def dump(self) -> Any: ...
    def load(self, state: Any) -> None: ...


def follows_alarms(section: Section) -> bool:
    """Whether an alarm's transitions are anything to it."""
    return getattr(section, "follows_alarms", True)


def is_empty(products: Products) -> bool:
    """Whether nothing is wanted."""
    p = products
    return not (p.facts or p.firings or p.intents or p.transitions or p.wishes or p.advances)
