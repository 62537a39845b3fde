"""The figures of ISA-18.2 / IEC 62682 / EEMUA 191 against numbers worked out by hand, and floods against a walk through the windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.figure_definitions import DEFINITIONS
from alarms.figures import WINDOW_MS, Counted, Source, by_hour, floods_of, quantile_ms, report, stale_by_day

DAY = 86_400_000
BEGIN = 1_795_305_600_000  # 2026-11-22T00:00Z
FIRST = BEGIN // WINDOW_MS


def counted(per_window: dict[int, int], severity: int = 2, **changed: object) -> Counted:
    """So many alarms in each window, counted from the first of the day."""
    nothing = np.zeros(0, np.int64)
    made = Counted(
        windows=np.array([FIRST + at for at in per_window], np.int64),
        severities=np.full(len(per_window), severity, np.int64),
        numbers=np.array(list(per_window.values()), np.int64),
        waits_ms=nothing, wait_numbers=nothing, verdict_waits_ms=nothing, verdict_wait_numbers=nothing,
        verdicts={}, top=[], chattering=[], fleeting=0, duplicates=0, stale=[], suppressed=0, tests=0,
    )  # fmt: skip
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def values(made: Counted, positions: int = 1) -> dict[str, tuple[Any, bool | None]]:
    return {figure.code: (figure.value, figure.holds) for figure in report(made, BEGIN, BEGIN + DAY, positions).figures}


def test_a_quiet_day_holds_every_target() -> None:
    found = values(counted({0: 1, 30: 2, 143: 1}))
    assert found["alarms"] == (4, None)
    assert found["mean_10min"] == (pytest.approx(4 / 144), True)
    assert found["mean_hour"] == (pytest.approx(4 / 24), True)
    assert found["peak_10min"] == (2, True)
    assert not [code for code, (_, holds) in found.items() if holds is False and code not in ("share_low",)]


def test_a_flood_lasts_from_ten_in_ten_minutes_until_fewer_than_five() -> None:
    floods = report(counted({0: 9, 1: 10, 2: 7, 3: 5, 4: 4, 5: 9}), BEGIN, BEGIN + DAY).floods
    assert [(f.from_ms - BEGIN, f.to_ms - BEGIN, f.alarms, f.peak) for f in floods] == [(WINDOW_MS, 4 * WINDOW_MS, 22, 10)]


def test_windows_and_hours_beyond_their_bounds_are_shares_of_the_clock() -> None:
    found = values(counted({0: 10, 1: 11, 2: 11}))
    assert found["windows_over_10"] == (pytest.approx(100 * 2 / 144), False)
    assert found["hours_over_30"] == (pytest.approx(100 / 24), False)
    assert found["time_in_flood"] == (pytest.approx(100 * 3 / 144), False)


def test_several_positions_share_the_alarms() -> None:
    found = values(counted({0: 12}), positions=2)
    assert found["peak_10min"] == (6, True)
    assert found["floods"] == (0, True)
    assert found["alarms"] == (12, None)


def test_shares_by_severity_are_held_against_80_15_5() -> None:
    mixed = counted({0: 80, 1: 15, 2: 5}, severities=np.array([2, 3, 4], np.int64))
    found = values(mixed)
    assert [found[code] for code in ("share_low", "share_high", "share_critical")] == [(80, True), (15, True), (5, True)]
    assert values(counted({0: 9}, severity=4))["share_critical"] == (100, False)


def test_top_ten_false_share_and_times() -> None:
    source = Source("r", "规则", "Rule", "point:x", "x", 3)
    found = values(
        counted(
            {0: 10},
            top=[source],
            chattering=[source],
            verdicts={"true": 1, "false": 2, "nuisance": 1},
            waits_ms=np.array([3_000, 1_000, 90_000], np.int64),
            wait_numbers=np.array([10, 9, 1], np.int64),
        )
    )
    assert found["top_ten_share"] == (30, False)
    assert found["chattering"] == (1, False)
    assert found["false_share"] == (75, None)
    assert [found[code][0] for code in ("ack_p50", "ack_p95", "ack_max")] == [3, 3, 90]
    assert found["verdict_p50"] == (None, None)


def test_stale_counts_by_day_what_has_stood_longer_than_a_day() -> None:
    stale = [(BEGIN - 2 * DAY, BEGIN + DAY // 2), (BEGIN - DAY // 2, BEGIN + 2 * DAY)]
    assert stale_by_day(stale, BEGIN, BEGIN + 3 * DAY).tolist() == [2, 1, 0]
    assert stale_by_day([(BEGIN - DAY, BEGIN)], BEGIN, BEGIN + DAY).tolist() == [0]


@given(st.lists(st.integers(0, 15), min_size=1, max_size=60))
def test_floods_are_those_of_a_walk_through_the_windows(numbers: list[int]) -> None:
    expected, begun = [], None
    for at, number in enumerate([*numbers, 0]):
        if begun is None and number >= 10:
            begun = at
        elif begun is not None and (number < 5 or at == len(numbers)):
            expected.append((begun, at, sum(numbers[begun:at])))
            begun = None
    found = floods_of(np.array(numbers, np.int64), 0)
    assert [(f.from_ms // WINDOW_MS, f.to_ms // WINDOW_MS, f.alarms) for f in found] == expected


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(0, 11))
def test_hours_hold_the_six_windows_of_the_clock(numbers: list[int], first: int) -> None:
    sums: dict[int, int] = {}
    for at, number in enumerate(numbers):
        sums[(first + at) // 6] = sums.get((first + at) // 6, 0) + number
    assert by_hour(np.array(numbers, np.int64), first).tolist() == [sums[hour] for hour in sorted(sums)]


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=50), st.floats(0.01, 1.0))
def test_a_quantile_is_the_smallest_value_below_which_the_part_lies(waits: list[int], part: float) -> None:
    values_ms, numbers = np.unique(np.array(waits, np.int64), return_counts=True)
    found = quantile_ms(values_ms, numbers.astype(np.int64), part)
    assert found is not None
    assert sum(wait <= found for wait in waits) >= part * len(waits) - 1e-9
    assert sum(wait < found for wait in waits) < part * len(waits) + 1e-9


def test_every_figure_is_defined_in_both_languages_and_in_the_document() -> None:
    codes = [figure.code for figure in report(counted({0: 1}), BEGIN, BEGIN + DAY).figures]
    assert sorted(codes) == sorted(DEFINITIONS)
    document = (Path(__file__).parents[2] / "docs" / "figures.md").read_text(encoding="utf-8")
    for code, (zh, en) in DEFINITIONS.items():
        assert f"| `{code}` |" in document
        assert zh in document
        assert en in document
