"""What the measurements say of an order: proved, still drawing, in position but unproved, contrary, or nothing heard.

Only readings that arrived after *sent*, are newer in device time than the point's last reading before, and did not wait in a queue since
before *sent*, count as evidence.
A pure judgement over two sets of readings; `power.orders` decides what follows from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from power.measure import Poles, Sample
from power.model import Action

DEAD_V = 50.0  # load side below this is dead (extra-low voltage; domain.md section 8: verify off voltage)
LIMIT_MOST_A = 0.2  # never above this, whatever the rating
LIMIT_SHARE = 0.02  # of the rating
DRAWS_A = 0.5  # claims off and draws more than this: mismatch (domain.md C3)
DRAWS_MS = 10_000
QUEUE_MS = 1_000  # usual jitter of a link; a reading delayed by more than that and measured before *sent* is no evidence


class Evidence(StrEnum):
    NOTHING = "nothing"  # no reading counts yet
    PROVED = "proved"
    DRAWS = "draws"  # a cut: position or reply say open, yet more than 0.5 A flow
    POSITION_ONLY = "position_only"  # half of a proof: in position with nothing measured, or energised without a position
    CONTRARY = "contrary"  # the position, or without one the measurements, say that it did not take effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The readings before: `before` when the order first left (what flowed then), `at_sent` when *sent* was known: evidence must
    be newer than these. `sent_ms` None: not known to have left."""

    before: Poles
    at_sent: Poles
    sent_ms: int | None = None
    fresh_before: bool = True  # the current before was fresh enough to compare with


def limit_a(rated_a: float) -> float:
    """The current below which a pole counts as dead: 2 % of the rating, never above 0.2 A."""
    return min(LIMIT_MOST_A, LIMIT_SHARE * rated_a)


def judge(action: Action, rated_a: float, baseline: Baseline, now: Poles, *, claims_done: bool) -> Evidence:
    """What the readings since *sent* say of this order. `claims_done`: the device replied that it obeyed."""
    if baseline.sent_ms is None:
        return Evidence.NOTHING
    fresh = _fresh(now, baseline)
    if action is Action.CUT:
        return _judge_cut(rated_a, baseline, fresh, now, claims_done)
    return _judge_restore(rated_a, fresh, now)


def _judge_cut(rated_a: float, baseline: Baseline, fresh: Poles, now: Poles, claims_done: bool) -> Evidence:
    if fresh.closed is not None and fresh.closed.value >= 0.5:
        return Evidence.CONTRARY
    if _flows(fresh):
        return Evidence.DRAWS if fresh.closed is not None or claims_done else Evidence.CONTRARY
    if fresh.closed is None and now.closed is not None:
        return Evidence.NOTHING  # it has a position and has not told it since: a quiet meter alone proves nothing
    if _all(fresh.voltages) and all(s.value < DEAD_V for s in fresh.voltages if s is not None):
        return Evidence.PROVED
    limit = limit_a(rated_a)
    flowed = baseline.fresh_before and any(abs(s.value) > limit for s in baseline.before.currents if s is not None)
    if flowed and _all(fresh.currents) and all(abs(s.value) <= limit for s in fresh.currents if s is not None):
        return Evidence.PROVED
    if fresh.closed is not None:
        return Evidence.POSITION_ONLY
    return Evidence.CONTRARY if _any(fresh.voltages) or _any(fresh.currents) else Evidence.NOTHING


def _judge_restore(rated_a: float, fresh: Poles, now: Poles) -> Evidence:
    if fresh.closed is not None and fresh.closed.value < 0.5:
        return Evidence.CONTRARY
    if fresh.closed is None and now.closed is not None:
        return Evidence.NOTHING
    live = _all(fresh.voltages) and all(s.value >= DEAD_V for s in fresh.voltages if s is not None)
    flows = any(abs(s.value) > limit_a(rated_a) for s in fresh.currents if s is not None)
    if fresh.closed is not None:
        return Evidence.PROVED if live or flows else Evidence.POSITION_ONLY
    if live or flows:
        return Evidence.POSITION_ONLY  # energised, but no position to prove that it was this switch
    return Evidence.CONTRARY if _any(fresh.voltages) or _any(fresh.currents) else Evidence.NOTHING


def is_newer(sample: Sample | None, old: Sample | None, baseline: Baseline) -> bool:
    """Whether a reading arrived after *sent*, is newer, in device time, than the one before, and was not measured before *sent*: what
    waited in a queue tells of the past."""
    if sample is None or baseline.sent_ms is None or sample.arrived_ms <= baseline.sent_ms:
        return False
    if sample.arrived_ms - sample.delay_ms < baseline.sent_ms - QUEUE_MS:
        return False
    return old is None or sample.taken_ms > old.taken_ms


def _fresh(now: Poles, baseline: Baseline) -> Poles:
    """Only what counts as evidence."""

    def keep(sample: Sample | None, old: Sample | None) -> Sample | None:
        return sample if is_newer(sample, old, baseline) else None

    def keep_all(samples: tuple[Sample | None, ...], olds: tuple[Sample | None, ...]) -> tuple[Sample | None, ...]:
        padded = olds + (None,) * (len(samples) - len(olds))
        return tuple(keep(sample, before) for sample, before in zip(samples, padded, strict=False))

    old = baseline.at_sent
    return Poles(
        closed=keep(now.closed, old.closed),
        trip=keep(now.trip, old.trip),
        voltages=keep_all(now.voltages, old.voltages),
        currents=keep_all(now.currents, old.currents),
        power=keep(now.power, old.power),
    )


def _flows(poles: Poles) -> bool:
    return any(abs(s.value) > DRAWS_A for s in poles.currents if s is not None)


def _all(samples: tuple[Sample | None, ...]) -> bool:
    return bool(samples) and all(s is not None for s in samples)


def _any(samples: tuple[Sample | None, ...]) -> bool:
    return any(s is not None for s in samples)
