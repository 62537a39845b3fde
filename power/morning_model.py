"""A restore of many circuits as frozen values: a morning, or a person's restore of several; each circuit from approved to proved on.

Only `power.mornings` makes new ones. Ids derive from the run or the request, so that no repeated click makes a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from power.model import OrderState


class PartState(StrEnum):
    WAITING = "waiting"  # approved; nobody has confirmed on site yet
    CONFIRMED = "confirmed"  # someone present has; its order comes in its turn
    ORDERED = "ordered"
    PROVED = "proved"  # closed and energised, by measurement
    UNPROVED = "unproved"
    FAILED = "failed"
    BLOCKED = "blocked"  # something came between since it was cut: `reason` says what; it needs a restore of its own
    LAPSED = "lapsed"  # nobody came in time


PART_OVER = frozenset({PartState.PROVED, PartState.UNPROVED, PartState.FAILED, PartState.BLOCKED, PartState.LAPSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class MorningPart:
    """One circuit. `confirmed_by`: a user, or the name given at the shop's link; `confirmed_how`: qr, round, request."""

    morning_id: str
    circuit_id: str
    circuit_name: str
    site_id: str
    zone_id: str
    tenant: str
    panel: str
    state: PartState
    cut_ms: int
    at_ms: int | None = None
    confirmed_ms: int | None = None
    confirmed_by: str = ""
    confirmed_how: str = ""
    order_id: str | None = None
    order_state: OrderState | None = None
    code: str = ""
    reason: str = ""
    reason_zh: str = ""
    ended_ms: int | None = None
    seq: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """`run_id` None: a restore that a person asked for, confirmed by being asked. `phone`: how the second person was reached by phone (its
    number and phrase); "": by login and password. `since_ms`: alarms, trips and locks after it keep a circuit off."""

    id: str
    site_id: str
    run_id: str | None
    who: str
    second: str
    phone: str
    reason: str
    state: str  # open, done, ended
    approved_ms: int
    until_ms: int
    since_ms: int
    counts: dict[str, int]
    ended_by: str | None = None
    note: str = ""
    seq: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveMorning:
    """One second-person approval for what the run has cut. `second` is another user with the right; `phone`: reached by phone."""

    key: str
    run_id: str
    who: str
    second: str
    reason: str
    phone: str = ""
    hours: float = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreMany:
    """Restore these circuits of one site, one after another."""

    key: str
    site_id: str
    circuit_ids: tuple[str, ...]
    who: str
    second: str
    reason: str
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmPresence:
    """Somebody is there: these circuits may be energised. `who` None: by the shop's link, which the door has checked; `person` is the name
    given. `circuit_ids` empty: all of the tenant's."""

    morning_id: str
    who: str | None
    person: str
    how: str  # qr, round
    tenant: str = ""
    circuit_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndMorning:
    morning_id: str
    who: str
    reason: str
