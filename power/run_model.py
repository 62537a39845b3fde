"""A run and its items as frozen values: one execution of a plan, or one click on many circuits, from countdown to its report.

Only `power.runs` makes new ones. Run ids derive from plan and local date, or from the person's key, so that no restart, replay or second
click makes a second run; order ids derive from run, circuit and round.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from power.model import OrderState


class RunState(StrEnum):
    COUNTDOWN = "countdown"  # announced on every screen; may be aborted whole
    RUNNING = "running"
    RETRYING = "retrying"  # a further round for what was not proved
    DONE = "done"
    ABORTED = "aborted"  # what was not ordered is not ordered any more
    MISSED = "missed"  # the service was not there at its minute: it asks
    INTERRUPTED = "interrupted"  # the service stood still in the middle: it asks
    DECLINED = "declined"  # a person decided that it does not run, or nobody answered in time
    OBSERVED = "observed"  # nothing was cut: it reports what would have been
    SKIPPED = "skipped"  # a person had asked to leave this night out


LIVE = frozenset({RunState.COUNTDOWN, RunState.RUNNING, RunState.RETRYING})
ASKING = frozenset({RunState.MISSED, RunState.INTERRUPTED})


class ItemState(StrEnum):
    WAITING = "waiting"
    ORDERED = "ordered"
    PROVED = "proved"
    UNPROVED = "unproved"  # opened, unproved: counted apart, never green
    FAILED = "failed"  # rejected, failed, expired, refused or unknown: `reason` says which
    LEFT_ON = "left_on"  # not to be cut, with the reason
    WOULD_CUT = "would_cut"  # of an observation
    DROPPED = "dropped"  # the run was aborted before it was ordered
    ALREADY_OFF = "already_off"  # measured dead before anything was ordered
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunItem:
    """One circuit of a run. `before_w`, `after_w`: measured at the order and at its end. `order_ids`: one a round."""

    run_id: str
    circuit_id: str
    circuit_name: str
    site_id: str
    zone_id: str
    zone_name: str
    tenant: str
    panel: str
    stage: int
    gateway: str
    state: ItemState
    code: str = ""
    reason: str = ""
    reason_zh: str = ""
    at_ms: int | None = None  # when its order is to be made
    round: int = 0
    order_ids: tuple[str, ...] = ()
    order_state: OrderState | None = None
    before_w: float | None = None
    after_w: float | None = None
    before_a: float | None = None
    after_a: float | None = None
    ordered_ms: int | None = None
    ended_ms: int | None = None
    seq: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """`kind`: `plan` (by its calendar), `plan_now` (a person started the plan), `linkage` (an alarm did), `click` (circuits that a person
    chose). `who` None: by the
    calendar. `counts`: items by state. `asks_until_ms`: until then a missed or interrupted run may still be decided."""

    id: str
    site_id: str
    kind: str
    state: RunState
    name: str
    name_en: str = ""
    plan_id: str | None = None
    plan_version: int = 0
    date: str = ""  # local date of the night
    who: str | None = None
    second: str | None = None
    reason: str = ""
    alarm_id: str | None = None
    due_ms: int
    starts_ms: int
    stages: int = 1
    stage: int = 0
    round: int = 0
    counts: dict[str, int]
    before_w: float = 0.0  # sum of what its circuits drew when frozen
    ended_ms: int | None = None
    ended_by: str | None = None
    note: str = ""
    note_zh: str = ""
    asks_until_ms: int | None = None
    seq: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPlan:
    """Run a plan now, after its countdown. `key`: idempotency. `alarm_id`: because of that alarm."""

    key: str
    plan_id: str
    who: str
    reason: str
    second: str | None = None
    alarm_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCuts:
    """Cut these circuits of one site as one run: what a person has seen in the preview. `countdown_s` 0: at once."""

    key: str
    site_id: str
    circuit_ids: tuple[str, ...]
    who: str
    reason: str
    name: str = ""
    alarm_id: str | None = None
    second: str | None = None
    countdown_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortRun:
    run_id: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRun:
    """A missed or interrupted run asks: `go` it runs now what is left, else it never does."""

    run_id: str
    who: str
    go: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipNight:
    """Leave out the plan's run of this local date. `who` asks, `reason` is kept in the report."""

    plan_id: str
    date: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    plan_id: str
    date: str
    who: str
    reason: str
    at_ms: int


RunRequest = StartPlan | StartCuts | AbortRun | DecideRun | SkipNight
