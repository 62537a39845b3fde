"""What a device teaches of its interval, and what it cannot teach."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.intervals import LEARN_MS, LONGEST_S, Intervals
from sites.model import Device
from sites.roster import CLASS_INTERVAL_S, Roster

S = 1_000
HOUR = 3_600 * S


def learner(*links: str, kind: str = "smoke", interval_s: float | None = None) -> Intervals:
    roster = Roster()
    for number, link in enumerate(links):
        name = f"d{number}"
        roster.put(
            Device(
                id=name, site_id="s", zone_id="z", name="", kind=kind, codec="native", address=f"s/{name}", link=link, interval_s=interval_s
            )
        )
    intervals = Intervals()
    intervals.fit(roster)
    return intervals


def hear(intervals: Intervals, *times_s: float, row: int = 0) -> None:
    for at in times_s:
        intervals.hear(np.array([row], np.int32), np.array([round(at * S)], np.int64))


def expected_s(intervals: Intervals, row: int = 0) -> float:
    return float(intervals.expected_ms(np.array([row]))[0]) / S


def test_a_device_that_is_slower_than_its_class_is_expected_at_its_own_pace() -> None:
    intervals = learner("wired")
    hear(intervals, *range(0, 3_600, 300))
    assert expected_s(intervals) == CLASS_INTERVAL_S["wired"]
    assert intervals.learn(HOUR).tolist() == [0]
    assert expected_s(intervals) == 300
    assert intervals.is_learnt(0)


@pytest.mark.parametrize("link", CLASS_INTERVAL_S.keys() - {"actuator"})
def test_it_is_never_shorter_than_the_class_nor_longer_than_its_longest(link: str) -> None:
    quick, slow = learner(link), learner(link)
    hear(quick, *range(0, int(CLASS_INTERVAL_S[link]) * 20, max(10, int(CLASS_INTERVAL_S[link] / 10))))
    hear(slow, *range(0, 200 * 86_400, 5 * 86_400))
    quick.learn(HOUR)
    slow.learn(HOUR)
    assert expected_s(quick) == CLASS_INTERVAL_S[link]
    assert expected_s(slow) == LONGEST_S[link]


def test_a_declared_interval_is_never_learnt() -> None:
    intervals = learner("wired", interval_s=10)
    hear(intervals, *range(0, 36_000, 600))
    assert intervals.learn(HOUR).tolist() == []
    assert expected_s(intervals) == 10


def test_a_few_messages_teach_nothing() -> None:
    intervals = learner("wired")
    hear(intervals, 0, 600, 1_200, 1_800, 2_400)
    assert intervals.learn(HOUR).tolist() == []


def test_outages_teach_nothing_as_long_as_they_are_the_exception() -> None:
    intervals = learner("wired")
    hear(intervals, *range(0, 600, 30), *range(40_000, 40_600, 30), *range(90_000, 90_600, 30))
    intervals.learn(HOUR)
    assert expected_s(intervals) == CLASS_INTERVAL_S["wired"]


def test_a_burst_of_changes_between_heartbeats_hides_them_not() -> None:
    intervals = learner("wired")
    for beat in range(0, 6_000, 600):
        hear(intervals, beat, *(beat + second for second in range(2, 40, 2)))
    intervals.learn(HOUR)
    assert expected_s(intervals) > 550


def test_it_rises_at_once_and_falls_by_a_tenth_an_hour() -> None:
    intervals = learner("wired")
    hear(intervals, *range(0, 7_200, 600))
    intervals.learn(HOUR)
    assert expected_s(intervals) == 600
    fallen = []
    for hour in range(2, 30):
        hear(intervals, *range(hour * 3_600, (hour + 1) * 3_600, 30))
        intervals.learn(hour * HOUR)
        fallen.append(expected_s(intervals))
    assert fallen[:2] == [540, 486]
    assert fallen[-1] == CLASS_INTERVAL_S["wired"]


def test_without_news_nothing_is_learnt_and_the_next_time_is_the_next_full_hour() -> None:
    intervals = learner("wired")
    hear(intervals, *range(0, 7_200, 600))
    intervals.learn(5 * HOUR + 7)
    assert intervals.due_ms == 6 * HOUR
    assert intervals.learn(6 * HOUR).tolist() == []
    assert intervals.due_ms % LEARN_MS == 0


def test_other_hardware_learns_anew() -> None:
    intervals = learner("wired")
    hear(intervals, *range(0, 7_200, 600))
    intervals.learn(HOUR)
    intervals.forget(0)
    assert expected_s(intervals) == CLASS_INTERVAL_S["wired"]
    assert not intervals.is_learnt(0)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 400_000)), max_size=60),
    st.lists(st.integers(0, 60), max_size=8),
    st.integers(0, 60),
)
def test_cutting_into_batches_changes_nothing_and_a_dump_neither(heard: list[tuple[int, int]], cuts: list[int], dumped_at: int) -> None:
    rows = np.array([row for row, _ in heard], np.int32)
    times = np.cumsum(np.array([pause for _, pause in heard], np.int64))
    one = learner("wired", "zigbee", "wired")
    for at in range(len(rows)):
        one.hear(rows[at : at + 1], times[at : at + 1])
    many = learner("wired", "zigbee", "wired")
    edges = sorted({0, *(min(cut, len(rows)) for cut in (*cuts, dumped_at)), len(rows)})
    for start, stop in pairwise(edges):
        many.hear(rows[start:stop], times[start:stop])
        if stop == dumped_at:
            roster = Roster()
            for number, link in enumerate(("wired", "zigbee", "wired")):
                name = f"d{number}"
                roster.put(Device(id=name, site_id="s", zone_id="z", name="", kind="smoke", codec="native", address=f"s/{name}", link=link))
            again = Intervals()
            again.load(many.dump(), roster)
            many = again
    one.learn(HOUR)
    many.learn(HOUR)
    assert one.expected_ms(np.arange(3)).tolist() == many.expected_ms(np.arange(3)).tolist()
    assert one.counts[:3].tolist() == many.counts[:3].tolist()
    assert one.samples_ms[:3].tolist() == many.samples_ms[:3].tolist()
