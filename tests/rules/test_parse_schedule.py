"""Schedules, chatter, relative limits and clauses in a rule's data."""

from __future__ import annotations

from typing import Any

import pytest

from rules.errors import RuleError
from rules.model import Schedule, When
from rules.parse import parse_rule, rule_data
from sites.calendars import Window

LEVEL: dict[str, Any] = {"id": "r", "name": "r", "kind": "level", "metric": "current_a", "above": [{"limit": 80, "severity": "high"}]}
SMOKE: dict[str, Any] = {
    "id": "r", "name": "r", "kind": "state", "metric": "smoke_alarm", "states": [1], "severity": "critical", "latched": True,
}  # fmt: skip


def problems(data: dict[str, Any]) -> dict[str, tuple[str, str]]:
    with pytest.raises(RuleError) as raised:
        parse_rule(data)
    return {problem.field: (problem.allowed, problem.allowed_zh) for problem in raised.value.problems}


def test_a_schedule_is_read_and_written_as_people_write_it() -> None:
    data = LEVEL | {
        "schedule": {"weekdays": ["sun", "sat"], "windows": ["22:00-06:00", "00:00-24:00"], "when": "closed", "calendar": "mall"}
    }
    rule = parse_rule(data)
    assert rule.schedule == Schedule(weekdays=(5, 6), windows=(Window(1320, 360), Window(0, 1440)), when=When.CLOSED, calendar="mall")
    assert rule_data(rule)["schedule"] == {
        "weekdays": ["sat", "sun"], "windows": ["22:00-06:00", "00:00-24:00"], "when": "closed", "calendar": "mall",
    }  # fmt: skip
    assert parse_rule(rule_data(rule)) == rule


def test_what_is_left_out_is_the_default_and_not_written() -> None:
    rule = parse_rule(LEVEL)
    assert (rule.schedule, rule.fold_count, rule.fold_s, rule.relative_to, rule.source) == (None, 3, 60.0, "", "")
    assert not {"schedule", "fold_count", "fold_s", "relative_to", "source"} & set(rule_data(rule))
    every = parse_rule(LEVEL | {"fold_count": 0, "fold_s": 120, "relative_to": "rated_a", "source": "GB 50116"})
    assert (every.fold_count, every.fold_s, every.relative_to, every.source) == (0, 120.0, "rated_a", "GB 50116")
    assert parse_rule(rule_data(every)) == every


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("schedule", "nights"),
        ("schedule", {}),
        ("schedule.weekdays", {"weekdays": ["monday"]}),
        ("schedule.weekdays", {"weekdays": ["mon", "mon"]}),
        ("schedule.windows", {"windows": ["9:00-21:00"]}),
        ("schedule.windows", {"windows": ["09:00-09:00"]}),
        ("schedule.windows", {"windows": ["09:60-10:00"]}),
        ("schedule.windows", {"windows": ["24:00-10:00"]}),
        ("schedule.windows", {"windows": ["09:00-10:00"] * 9}),
        ("schedule.windows", {"windows": "09:00-10:00"}),
        ("schedule.when", {"when": "night"}),
        ("schedule.when", {"calendar": "mall"}),
        ("schedule.calendar", {"when": "open", "calendar": "no such id"}),
        ("schedule.zone", {"when": "open", "zone": "UTC"}),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(field: str, given: object) -> None:
    assert field in problems(LEVEL | {"schedule": given})


@pytest.mark.parametrize(
    ("field", "given"), [("fold_count", 1), ("fold_count", 2.5), ("fold_count", True), ("fold_s", 0), ("fold_s", 3601), ("source", 5)]
)
def test_chatter_and_source_have_bounds(field: str, given: object) -> None:
    assert field in problems(LEVEL | {field: given})


def test_only_limits_in_amperes_are_per_cent_of_the_rated_current() -> None:
    assert "relative_to" in problems(LEVEL | {"relative_to": "rated_v"})
    voltage = LEVEL | {"metric": "voltage_v", "relative_to": "rated_a"}
    assert problems(voltage)["relative_to"][0] == "nothing: only limits of a metric in A can be per cent of rated_a"


@pytest.mark.parametrize("extra", [{"schedule": {"when": "closed"}}, {"only_while": "heard(smoke_alarm)"}])
def test_a_fire_detector_has_no_hours(extra: dict[str, Any]) -> None:
    found = problems(SMOKE | extra)
    assert "GB 4717" in found[next(iter(extra))][0]
    assert "GB 4717" in found[next(iter(extra))][1]


@pytest.mark.parametrize(
    ("metric", "direction", "limit", "clause"),
    [
        ("lel", "above", 26, "GB/T 50493-2019"),
        ("o2", "below", 19, "GB/T 50493-2019"),
        ("o2", "above", 24, "GB/T 50493-2019"),
        ("leakage_ma", "above", 10, "GB 14287"),
        ("cable_temperature", "above", 141, "GB 14287"),
    ],
)
def test_limits_beyond_a_clause_are_refused_with_it_in_both_languages(metric: str, direction: str, limit: float, clause: str) -> None:
    data = {"id": "r", "name": "r", "kind": "level", "metric": metric, direction: [{"limit": limit, "severity": "high"}]}
    english, chinese = problems(data)[f"{direction}[0].limit"]
    assert clause in english
    assert clause in chinese
