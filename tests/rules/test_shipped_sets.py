"""The shipped rules do what the standards that they name ask for: times of carbon monoxide, overload by rating, hours, levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.compile import compile
from rules.engine import step
from rules.findings import Finding
from rules.memory import Memory
from rules.model import LevelOverride, NodeKind, Override, Rule
from rules.parse import parse_rule
from sites.calendars import Calendar, Window
from sites.model import Circuit, CircuitClass, Device, Site
from sites.readings import Readings
from sites.roster import Roster

START = 1_800_000_000_000  # 16:00 in Shanghai
SETS = sorted((Path(__file__).parents[2] / "rules" / "sets").glob("*.yaml"))
SHIPPED = {rule.id: rule for file in SETS for rule in (parse_rule(each) for each in yaml.safe_load(file.read_text(encoding="utf-8")))}


def plant(kind: str, metric: str, interval_s: float = 10.0) -> Roster:
    roster = Roster()
    roster.put(Site(id="s", enterprise_id="e", name="s"))
    roster.put(Device(id="d", site_id="s", zone_id="z", name="d", kind=kind, codec="native", address="s/d", interval_s=interval_s))
    roster.add_point("d", metric)
    return roster


def lived(roster: Roster, rules: list[Rule], values: list[float], every_s: float = 10.0, overrides: Any = ()) -> list[Finding]:
    """What the rules find while the point reports these values, one every `every_s`."""
    program = compile(rules, roster, overrides=overrides)
    memory = Memory(program)
    times = [START + round(at * every_s * 1000) for at in range(len(values))]
    return step(program, memory, Readings.of([0] * len(values), times, times, values), times[-1])


def first_minute(found: list[Finding]) -> float | None:
    return min(((finding.at_ms - START) / 60_000 for finding in found), default=None)


CO = [SHIPPED[name] for name in ("co_dose_50", "co_dose_100", "co_dose_300")]


@pytest.mark.parametrize(
    ("ppm", "earliest", "latest"),
    [
        (50.0, 60, 90),  # EN 50291
        (100.0, 10, 40),
        (300.0, 0, 3),
        (70.0, 60, 240),  # UL 2034
        (150.0, 10, 50),
        (400.0, 0, 15),
    ],
)
def test_carbon_monoxide_alarms_within_the_times_of_its_dose(ppm: float, earliest: float, latest: float) -> None:
    clean = 100  # minutes: the windows know clean air
    found = lived(plant("co", "co", 30.0), CO, [0.0] * (2 * clean) + [ppm] * (2 * min(latest + 5, 100)), every_s=30.0)
    minute = first_minute(found)
    assert minute is not None
    assert earliest <= minute - clean <= latest


def test_thirty_ppm_of_carbon_monoxide_never_alarm() -> None:
    assert lived(plant("co", "co", 60.0), CO, [30.0] * (5 * 60), every_s=60.0) == []


def circuits(circuit_class: CircuitClass) -> Roster:
    roster = plant("switch", "current_a", 30.0)
    roster.put(Circuit(id="c", site_id="s", zone_id="z", name="c", device_id="d", rated_a=63.0, circuit_class=circuit_class))
    return roster


@pytest.mark.parametrize(
    ("amperes", "severities", "minute"), [(50.0, [], None), (51.0, ["LOW"], 10.0), (62.9, ["LOW"], 10.0), (63.0, ["HIGH"], 1.0)]
)
def test_overload_is_by_the_rated_current(amperes: float, severities: list[str], minute: float | None) -> None:
    found = lived(circuits(CircuitClass.USE), [SHIPPED["overload"]], [amperes] * 70)
    assert [finding.severity.name for finding in found if finding.severity] == severities
    assert first_minute(found) == minute


@pytest.mark.parametrize(
    ("circuit_class", "has_calendar", "raises"),
    [(CircuitClass.NIGHT_OFF, True, True), (CircuitClass.FIRE, True, False), (CircuitClass.NIGHT_OFF, False, False)],
)
def test_a_circuit_that_draws_after_closing(circuit_class: CircuitClass, has_calendar: bool, raises: bool) -> None:
    roster = circuits(circuit_class)
    if has_calendar:
        roster.calendars["c"] = Calendar(id="c", name="c", site_id="s", weekdays=((Window(10 * 60, 16 * 60 + 30),),) * 7)  # until 16:30
    found = lived(roster, [SHIPPED["drawing_after_closing"]], [10.0] * 120, every_s=30.0)
    assert first_minute(found) == (45.0 if raises else None), "fifteen minutes after closing"


def test_a_fast_rise_of_temperature_is_a_fire_and_a_slow_one_is_none() -> None:
    rule = [SHIPPED["temperature_rise"]]
    assert lived(plant("heat", "temperature"), rule, [20 + at * 9 / 6 for at in range(24)]) == []
    (found,) = lived(plant("heat", "temperature"), rule, [20.0] * 30 + [20 + at * 10.5 / 6 for at in range(30)])
    assert found.severity is not None
    assert found.severity.name == "CRITICAL"


def test_a_tank_is_watched_where_its_level_is_set() -> None:
    roster, rule = plant("water", "level_m"), SHIPPED["tank_level"]
    assert lived(roster, [rule], [0.1] * 60) == []
    levels = (LevelOverride(level=0, limit=1.2, deadband=0.1),)
    here = Override(id="o", rule_id=rule.id, node_kind=NodeKind.DEVICE, node_id="d", levels=levels, enabled=True, reason="tank 1")
    (found,) = lived(roster, [rule], [1.1] * 60, overrides=[here])
    assert (found.limit, first_minute([found])) == (1.2, 1.0)


def test_every_shipped_rule_names_where_its_numbers_come_from() -> None:
    assert [rule.id for rule in SHIPPED.values() if not rule.source] == []


def test_hydrant_pressure_follows_the_class_of_the_building() -> None:
    roster, rule = plant("water", "pressure_kpa"), SHIPPED["hydrant_pressure"]
    tall = Override(
        id="o", rule_id=rule.id, node_kind=NodeKind.SITE, node_id="s", levels=(LevelOverride(level=0, limit=150.0),), reason="> 100 m"
    )
    assert lived(roster, [rule], [120.0] * 60) == []
    (found,) = lived(roster, [rule], [120.0] * 60, overrides=[tall])
    assert found.limit == 150.0
