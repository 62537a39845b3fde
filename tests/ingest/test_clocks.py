"""Device clocks: slow heads, emptied queues, wrong years, missing times, retained states; and that batching changes nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clocks import BEHIND_MS, HISTORICAL_MS, Clocks
from sites.latest import apply_latest
from sites.model import Device, point_key
from sites.readings import CLOCK_WRONG, HISTORICAL, NO_DEVICE_TIME, NO_TIME, RETAINED, STALE_RETAINED, RawReadings, Readings
from sites.roster import Roster

NOW = 1_790_000_000_000
MINUTE = 60_000
DAY = 24 * 60 * MINUTE


class Bench:
    """A roster with devices d0..d2 and a clock each; `hear` is what the scan does with a drain."""

    def __init__(self) -> None:
        self.roster = Roster()
        for name in ("d0", "d1", "d2"):
            self.roster.put(Device(id=name, site_id="s", zone_id="z", name="", kind="gas", codec="native", address=f"s/{name}"))
            self.roster.add_point(name, "lel")
            self.roster.add_point(name, "co")
        self.clocks = Clocks()

    def hear(self, *messages) -> Readings:
        """Messages as (arrived_ms, device_ms or None) or with (value, flags, point) after; settled and kept as latest."""
        rows = [(*m, *(1.0, 0, "d0:lel")[len(m) - 2 :]) for m in messages]
        raw = RawReadings.of(
            [point_key(*point.split(":")) for *_, point in rows],
            [NO_TIME if device is None else device for _, device, *_ in rows],
            [arrived for arrived, *_ in rows],
            [value for _, _, value, _, _ in rows],
            [flags for _, _, _, flags, _ in rows],
        )
        settled = self.clocks.settle(raw, self.roster)
        apply_latest(self.roster, settled)
        return settled


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_punctual_device_keeps_its_own_time(bench):
    settled = bench.hear((NOW, NOW - 200), (NOW + 10_000, NOW + 9_900))
    assert settled.taken_ms.tolist() == [NOW - 200, NOW + 9_900]
    assert settled.flags.tolist() == [0, 0]
    assert settled.delay_ms.max() < 1_000


def test_a_head_that_is_40_s_slow_is_neither_late_nor_deaf(bench):
    settled = bench.hear(*((NOW + i * 10_000, NOW + i * 10_000 - 40_000) for i in range(30)))
    assert settled.delay_ms.max() == 0
    assert (settled.flags & CLOCK_WRONG).all()
    assert settled.taken_ms.tolist() == settled.arrived_ms.tolist()


def test_a_head_that_is_20_s_slow_is_believed(bench):
    settled = bench.hear(*((NOW + i * 10_000, NOW + i * 10_000 - 20_000) for i in range(30)))
    assert settled.delay_ms.max() == 0
    assert not (settled.flags & CLOCK_WRONG).any()


@pytest.mark.parametrize("slow_ms", [0, 20_000, 15 * MINUTE])
@pytest.mark.parametrize("every_ms", [200, 1_000, 10_000])
def test_a_queue_that_empties_after_an_outage_is_late_and_does_not_shift_the_offset(bench, slow_ms, every_ms):
    live = [(NOW + i * every_ms, NOW + i * every_ms - slow_ms) for i in range(25)]
    bench.hear(*live)
    back = live[-1][0] + 10 * MINUTE
    measured = [live[-1][0] + (i + 1) * every_ms for i in range(10 * MINUTE // every_ms)]
    queued = bench.hear(*((back + i // 10, at - slow_ms) for i, at in enumerate(measured)))
    waited = np.array([back + i // 10 - at for i, at in enumerate(measured)])
    assert np.abs(queued.delay_ms - waited).max() <= 2_000
    assert abs(bench.clocks.offset_ms(0) - slow_ms) <= 2_000
    after = bench.hear((back + 70_000, back + 70_000 - slow_ms))
    assert after.delay_ms.tolist() == [0]
    # measured before, shown before: a queue never looks newer than what was measured after it
    assert (queued.taken_ms[queued.delay_ms > 30_000] < back).all()


def test_a_queue_is_late_for_a_device_that_was_heard_only_once(bench):
    bench.hear((NOW, NOW))
    queued = bench.hear(*((NOW + 10 * MINUTE, NOW + (i + 1) * 10_000) for i in range(59)))
    assert queued.delay_ms[0] == 10 * MINUTE - 10_000
    assert bench.clocks.offset_ms(0) == 0


def test_a_clock_that_jumps_15_minutes_back_is_learnt(bench):
    bench.hear(*((NOW + i * 10_000, NOW + i * 10_000) for i in range(25)))
    start = NOW + 250_000
    settled = bench.hear(*((start + i * 10_000, start + i * 10_000 - 15 * MINUTE) for i in range(25)))
    assert settled.delay_ms[0] == 15 * MINUTE
    assert settled.delay_ms[-1] == 0
    assert settled.flags[-1] & CLOCK_WRONG


@pytest.mark.parametrize("wrong_by", [26 * 365 * DAY, -3 * 60 * MINUTE, -121_000, BEHIND_MS + 1])
def test_an_impossible_time_is_replaced_by_the_arrival_and_marked(bench, wrong_by):
    settled = bench.hear((NOW, NOW - wrong_by))
    assert settled.taken_ms.tolist() == [NOW]
    assert settled.flags[0] & CLOCK_WRONG
    assert settled.delay_ms.tolist() == [0]


def test_more_than_a_day_old_from_a_punctual_device_is_late(bench):
    bench.hear((NOW, NOW))
    settled = bench.hear((NOW + 2 * DAY, NOW - 1000))
    assert settled.delay_ms[0] > DAY
    assert settled.flags[0] & CLOCK_WRONG


def test_a_queue_of_two_days_from_a_punctual_device_keeps_its_order(bench):
    bench.hear((NOW, NOW))
    settled = bench.hear(*((NOW + 2 * DAY, NOW + hours * 3_600_000) for hours in (1, 23, 25, 47)))
    assert settled.taken_ms.tolist() == [NOW + hours * 3_600_000 for hours in (1, 23, 25, 47)]
    assert not (settled.flags & CLOCK_WRONG).any()
    assert settled.delay_ms.min() >= 3_600_000


def test_a_clock_that_falls_back_by_years_is_taken_by_its_arrival(bench):
    bench.hear((NOW, NOW), (NOW + 10_000, NOW + 10_000))
    settled = bench.hear((NOW + 20_000, 1_000), (NOW + 30_000, 11_000), (NOW + 40_000, 21_000))
    assert settled.taken_ms.tolist() == settled.arrived_ms.tolist()
    assert (settled.flags & CLOCK_WRONG).all()


def test_without_a_device_time_readings_of_a_point_never_share_one(bench):
    settled = bench.hear((NOW, None), (NOW, None), (NOW, None, 1.0, 0, "d0:co"), (NOW, None), (NOW + 1, None))
    assert settled.taken_ms.tolist() == [NOW, NOW + 1, NOW, NOW + 2, NOW + 3]
    assert bench.hear((NOW + 1, None)).taken_ms.tolist() == [NOW + 4]
    assert (settled.flags & NO_DEVICE_TIME).all()
    assert settled.delay_ms.tolist() == [0] * 5


def test_a_retained_state_without_time_is_state_only_when_nothing_changed(bench):
    never_heard = bench.hear((NOW, None, 1.0, RETAINED))
    assert not never_heard.flags[0] & STALE_RETAINED
    same = bench.hear((NOW + 10, None, 1.0, RETAINED))
    assert same.flags[0] & STALE_RETAINED
    different = bench.hear((NOW + 20, None, 0.0, RETAINED))
    assert not different.flags[0] & STALE_RETAINED
    together = bench.hear((NOW + 30, None, 5.0, 0), (NOW + 31, None, 5.0, RETAINED), (NOW + 32, None, 6.0, RETAINED))
    assert [bool(f & STALE_RETAINED) for f in together.flags] == [False, True, False]


def test_retained_readings_with_a_time_are_judged_by_it_and_teach_nothing(bench):
    bench.hear((NOW, NOW))
    settled = bench.hear((NOW + 1000, NOW - 60 * MINUTE, 1.0, RETAINED))
    assert settled.delay_ms[0] == 60 * MINUTE + 1000
    assert settled.taken_ms[0] == NOW - 60 * MINUTE
    assert bench.clocks.offset_ms(0) == 0


def test_readings_of_points_that_are_gone_are_left_out(bench):
    raw = RawReadings.of([12345, point_key("d0", "lel")], [NO_TIME] * 2, [NOW] * 2, [1.0, 2.0], [0, 0])
    assert bench.clocks.settle(raw, bench.roster).values.tolist() == [2.0]
    assert len(bench.clocks.settle(RawReadings.empty(), bench.roster)) == 0


_STEP = st.tuples(
    st.integers(0, 5_000),  # after the last arrival
    st.sampled_from(["none", "live", "slow", "queued", "ahead", "ancient"]),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([0, 0, 0, RETAINED, HISTORICAL]),
    st.sampled_from(["d0:lel", "d0:co", "d1:lel"]),
)
_AGES = {"live": 100, "slow": 45_000, "queued": 600_000, "ahead": -500_000, "ancient": 3 * DAY}


@settings(max_examples=150, deadline=None)
@given(st.lists(_STEP, min_size=1, max_size=40), st.lists(st.integers(1, 39), max_size=6))
def test_cutting_into_batches_changes_nothing_and_a_restart_neither(steps, cuts):
    messages, arrived = [], NOW
    for after, age, value, flags, point in steps:
        arrived += after
        messages.append((arrived, None if age == "none" else arrived - _AGES[age], value, flags, point))
    whole = Bench().hear(*messages)
    piecewise, parts = Bench(), []
    edges = [0, *sorted({cut for cut in cuts if cut < len(messages)}), len(messages)]
    for start, stop in pairwise(edges):
        parts.append(piecewise.hear(*messages[start:stop]))
        restored = Clocks()
        restored.load(piecewise.clocks.dump())
        piecewise.clocks = restored
    for name in ("rows", "taken_ms", "delay_ms", "flags", "values"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tolist() == getattr(whole, name).tolist(), name


def test_what_a_device_calls_old_keeps_its_time_is_late_for_every_rule_and_teaches_nothing_about_its_clock(bench):
    for i in range(5):
        bench.hear((NOW + i * 10_000, NOW + i * 10_000 - 100))
    offset = bench.clocks.offset_ms(0)
    settled = bench.hear((NOW + 60_000, NOW + 60_000 - 3 * DAY, 1.0, HISTORICAL), (NOW + 60_000, NOW + 59_000, 2.0, HISTORICAL))
    assert settled.taken_ms.tolist() == [NOW + 60_000 - 3 * DAY, NOW + 59_000]
    assert settled.delay_ms.tolist() == [3 * DAY, HISTORICAL_MS]
    assert settled.flags.tolist() == [HISTORICAL, HISTORICAL]
    assert bench.clocks.offset_ms(0) == offset
    assert bench.hear((NOW + 70_000, NOW + 70_000 - 100)).delay_ms.tolist() == [0]


def test_old_readings_of_a_device_whose_clock_is_wrong_are_set_right_and_those_to_come_are_taken_as_now(bench):
    for i in range(5):
        bench.hear((NOW + i * 10_000, NOW + i * 10_000 - 15 * MINUTE))
    at = NOW + 60_000
    settled = bench.hear((at, at - DAY - 15 * MINUTE, 1.0, HISTORICAL), (at, at + DAY, 1.0, HISTORICAL), (at, None, 1.0, HISTORICAL))
    assert settled.taken_ms[0] == at - DAY
    assert settled.taken_ms[1:].tolist() == [at, at + 1]
    assert (settled.delay_ms >= HISTORICAL_MS).all()
    assert settled.flags.tolist() == [HISTORICAL | CLOCK_WRONG, HISTORICAL | CLOCK_WRONG, HISTORICAL | NO_DEVICE_TIME]
