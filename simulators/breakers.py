"""How a simulated breaker answers a command: obeying, lagging, refusing, lying, ignoring or flipping back.

A behaviour is a row of a table: what happens after how many seconds. Commands are absolute and looked at for their expiry, and one that
comes twice (same id) is answered again but done once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Behaviour(StrEnum):
    OBEY = "obey"
    LAG = "lag"
    REFUSE = "refuse"
    LIE = "lie"  # says done, shows the position, and the load goes on as it was
    IGNORE = "ignore"
    FLIP_BACK = "flip_back"  # obeys, and returns by itself


class Change(StrEnum):
    CONTACT = "contact"  # the position that is reported
    LOAD = "load"  # whether the load really gets power
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Effect:
    """After `after_s`: `value` is a position (1 closed, 0 open) or (result, reason) of a reply."""

    after_s: float
    change: Change
    value: Any


_REJECTED = ("rejected", "就地闭锁 / locked out locally")

# behaviour -> rows of (after_s, change, what): "to" is the ordered position, "back" the other one
_TABLE: dict[Behaviour, tuple[tuple[float, Change, Any], ...]] = {
    Behaviour.OBEY: ((0.15, Change.LOAD, "to"), (0.15, Change.CONTACT, "to"), (0.2, Change.REPLY, ("done", ""))),
    Behaviour.LAG: ((4.0, Change.REPLY, ("done", "")), (6.0, Change.LOAD, "to"), (6.0, Change.CONTACT, "to")),
    Behaviour.REFUSE: ((0.2, Change.REPLY, _REJECTED),),
    Behaviour.LIE: ((0.2, Change.CONTACT, "to"), (0.2, Change.REPLY, ("done", ""))),
    Behaviour.IGNORE: (),
    Behaviour.FLIP_BACK: (
        (0.15, Change.LOAD, "to"),
        (0.15, Change.CONTACT, "to"),
        (0.2, Change.REPLY, ("done", "")),
        (8.0, Change.LOAD, "back"),
        (8.0, Change.CONTACT, "back"),
    ),
}


def answer(behaviour: Behaviour, action: str, *, is_expired: bool = False) -> list[Effect]:
    """What follows a command `cut` or `restore`, in order of time. Raises KeyError for any other action."""
    to = {"cut": 0, "restore": 1}[action]
    if is_expired:
        return [] if behaviour is Behaviour.IGNORE else [Effect(0.1, Change.REPLY, ("rejected", "指令已过期 / expired"))]
    positions = {"to": to, "back": 1 - to}
    return [Effect(after_s, change, value if change is Change.REPLY else positions[value]) for after_s, change, value in _TABLE[behaviour]]
