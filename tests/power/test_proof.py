"""What measurements prove, and what they never prove."""

import pytest

from power.measure import Poles, Sample
from power.model import Action
from power.proof import Baseline, Evidence, judge, limit_a

SENT = 10_000


def at(value, arrived_ms=11_000, taken_ms=None):
    return None if value is None else Sample(value=value, taken_ms=arrived_ms if taken_ms is None else taken_ms, arrived_ms=arrived_ms)


def poles(closed=None, volts=(None,), amps=(None,), arrived_ms=11_000, taken_ms=None):
    def one(value):
        return at(value, arrived_ms, taken_ms)

    return Poles(closed=one(closed), voltages=tuple(map(one, volts)), currents=tuple(map(one, amps)))


def before(closed=1, volts=(None,), amps=(None,), fresh=True):
    p = poles(closed, volts, amps, arrived_ms=9_000)
    return Baseline(before=p, at_sent=p, sent_ms=SENT, fresh_before=fresh)


CUTS = [
    # phrase, baseline, readings now, reply says done, evidence
    ("dead by voltage", before(volts=(230,)), poles(0, (3,)), False, Evidence.PROVED),
    ("49.9 V is dead", before(volts=(230,)), poles(0, (49.9,)), False, Evidence.PROVED),
    ("50 V is not", before(volts=(230,)), poles(0, (50,)), False, Evidence.POSITION_ONLY),
    ("current gone", before(amps=(5,)), poles(0, amps=(0.1,)), False, Evidence.PROVED),
    ("current gone, line side still live", before(volts=(230,), amps=(5,)), poles(0, (230,), (0,)), False, Evidence.PROVED),
    ("no current before either", before(amps=(0.1,)), poles(0, amps=(0,)), False, Evidence.POSITION_ONLY),
    ("no current known before", before(), poles(0, amps=(0,)), False, Evidence.POSITION_ONLY),
    ("the current before was old", before(amps=(5,), fresh=False), poles(0, amps=(0,)), False, Evidence.POSITION_ONLY),
    ("a little current left", before(amps=(5,)), poles(0, amps=(0.3,)), False, Evidence.POSITION_ONLY),
    ("claims off and draws", before(amps=(5,)), poles(0, amps=(4.8,)), False, Evidence.DRAWS),
    ("negative current flows too", before(amps=(5,)), poles(0, amps=(-4.8,)), False, Evidence.DRAWS),
    ("dead voltage but current flows", before(volts=(230,)), poles(0, (0,), (2,)), False, Evidence.DRAWS),
    ("still closed", before(volts=(230,)), poles(1, (230,)), False, Evidence.CONTRARY),
    ("still closed, mains lost", before(volts=(230,)), poles(1, (0,), (0,)), True, Evidence.CONTRARY),
    ("position only", before(), poles(0), True, Evidence.POSITION_ONLY),
    ("the reply alone", before(volts=(230,)), poles(1, (230,), arrived_ms=9_000), True, Evidence.NOTHING),
    ("nothing at all", before(), Poles(), True, Evidence.NOTHING),
    ("arrived before sent", before(volts=(230,)), poles(0, (0,), arrived_ms=10_000, taken_ms=10_500), False, Evidence.NOTHING),
    ("arrived after, taken before", before(volts=(230,)), poles(0, (0,), arrived_ms=12_000, taken_ms=9_000), False, Evidence.NOTHING),
    ("one pole of three live", before(volts=(230,) * 3), poles(0, (0, 0, 230)), False, Evidence.POSITION_ONLY),
    ("all three dead", before(volts=(230,) * 3), poles(0, (0, 1, 2)), False, Evidence.PROVED),
    ("one pole never heard", before(volts=(230, 230, None)), poles(0, (0, 1, None)), False, Evidence.POSITION_ONLY),
    ("one pole still draws", before(amps=(5, 5, 5)), poles(0, amps=(0, 0, 1)), False, Evidence.DRAWS),
    ("a position not told since", before(volts=(230,)), Poles(closed=at(1, 9_000), voltages=(at(0),)), False, Evidence.NOTHING),
    ("no position point, voltage gone", before(closed=None, volts=(230,)), poles(None, (0,)), False, Evidence.PROVED),
    ("no position point, still drawing", before(closed=None, amps=(5,)), poles(None, amps=(5,)), False, Evidence.CONTRARY),
    ("no position point, reply says off, draws", before(closed=None, amps=(5,)), poles(None, amps=(5,)), True, Evidence.DRAWS),
]


@pytest.mark.parametrize(("phrase", "baseline", "now", "claims_done", "evidence"), CUTS, ids=[case[0] for case in CUTS])
def test_cut(phrase, baseline, now, claims_done, evidence):
    assert judge(Action.CUT, 16.0, baseline, now, claims_done=claims_done) is evidence


RESTORES = [
    ("closed and live", poles(1, (230,)), Evidence.PROVED),
    ("closed and drawing", poles(1, amps=(3,)), Evidence.PROVED),
    ("closed, nothing measured", poles(1), Evidence.POSITION_ONLY),
    ("closed, no voltage", poles(1, (0,)), Evidence.POSITION_ONLY),
    ("one pole dead", poles(1, (230, 230, 0)), Evidence.POSITION_ONLY),
    ("still open", poles(0, (230,)), Evidence.CONTRARY),
    ("nothing", Poles(), Evidence.NOTHING),
    ("live, but its position was not told", Poles(closed=at(0, 9_000), voltages=(at(230),)), Evidence.NOTHING),
    ("live, no position point", poles(None, (230,)), Evidence.POSITION_ONLY),
]


@pytest.mark.parametrize(("phrase", "now", "evidence"), RESTORES, ids=[case[0] for case in RESTORES])
def test_restore(phrase, now, evidence):
    closed = None if now.closed is None else 0
    assert judge(Action.RESTORE, 16.0, before(closed=closed), now, claims_done=True) is evidence


def test_nothing_counts_before_it_is_known_to_have_left():
    p = poles(1, (230,), arrived_ms=9_000)
    assert judge(Action.CUT, 16.0, Baseline(before=p, at_sent=p), poles(0, (0,)), claims_done=True) is Evidence.NOTHING


@pytest.mark.parametrize(("rated_a", "limit"), [(16, 0.2), (630, 0.2), (5, 0.1), (10, 0.2)])
def test_the_limit_is_never_above_a_fifth_of_an_ampere(rated_a, limit):
    assert limit_a(rated_a) == pytest.approx(limit)
