"""What the preview of a scope counts is what the engine watches: for every kind, with places that switch a rule off, and by circuits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rules.compile import Program, compile
from rules.cover import cover
from rules.inheritance import Inheritance
from rules.memory import Memory
from rules.model import NodeKind, Override, Rule
from rules.needs import unknowable
from rules.parse import parse_rule
from rules.subjects_memory import subject_names
from sites.model import Circuit, CircuitClass, Device, Site, Zone, point_id
from sites.roster import Roster

HIGH = [{"limit": 20, "severity": "high"}]
KINDS: dict[str, dict[str, Any]] = {
    "level": {"kind": "level", "metric": "lel", "above": HIGH},
    "level of circuits": {"kind": "level", "metric": "current_a", "relative_to": "rated_a", "above": [{"limit": 90, "severity": "high"}]},
    "level of a class": {"kind": "level", "metric": "current_a", "above": HIGH, "scope": {"circuit_classes": ["use"]}},
    "state": {"kind": "state", "metric": "closed", "states": [0], "severity": "low"},
    "window": {"kind": "window", "metric": "lel", "window_s": 60, "above": HIGH},
    "count": {"kind": "count", "metric": "lel", "window_s": 60, "share_of": {"above": 20}, "above": HIGH},
    "silence": {"kind": "silence", "intervals": 2.5, "severity": "low"},
    "expression": {"kind": "expression", "expression": "lel >= 20 %LEL and temperature >= 40 °C", "severity": "high"},
    "expression of a zone": {"kind": "expression", "over": "zone", "expression": "max(lel)", "above": HIGH},
    "expression beside a zone": {"kind": "expression", "expression": "temperature >= 40 °C and max(lel) >= 20 %LEL", "severity": "high"},
    "expression of alarms": {"kind": "expression", "expression": "alarm(x) and alarm(y)", "severity": "high"},
    "vote": {"kind": "vote", "metric": "lel", "votes": {"above": 20}, "above": [{"limit": 2, "severity": "high"}]},
    "gated": {"kind": "level", "metric": "lel", "above": HIGH, "only_while": "temperature >= 30 °C"},
    "scoped": {"kind": "level", "metric": "lel", "above": HIGH, "scope": {"zones": ["z"], "device_kinds": ["gas"]}},
}  # fmt: skip
POINTS = {
    "a": ("z", "gas", ("lel", "lel.2", "temperature")),
    "b": ("z", "gas", ("lel.2",)),
    "c": ("", "gas", ("lel", "temperature")),
    "d": ("y", "switch", ("current_a.1", "current_a.2", "closed.1")),
    "e": ("y", "heat", ("temperature",)),
    "f": ("z", "smoke", ()),
}
OFF = (
    None,
    Override(id="o", rule_id="r", node_kind=NodeKind.ZONE, node_id="z", enabled=False, reason="x"),
    Override(id="o", rule_id="r", node_kind=NodeKind.DEVICE, node_id="a", enabled=False, reason="x"),
    Override(id="o", rule_id="r", node_kind=NodeKind.SITE, node_id="s", enabled=False, reason="x"),
)


def roster_of() -> Roster:
    roster = Roster()
    roster.put(Site(id="s", enterprise_id="e", name="s"))
    for zone in "yz":
        roster.put(Zone(id=zone, site_id="s", name=zone))
    for name, (zone, kind, metrics) in POINTS.items():
        roster.put(Device(id=name, site_id="s", zone_id=zone, name=name, kind=kind, codec="native", address=name, interval_s=10))
        for metric in metrics:
            roster.add_point(name, metric)
    roster.put(
        Circuit(id="k", site_id="s", zone_id="y", name="k", device_id="d", channel="1", circuit_class=CircuitClass.USE, rated_a=16.0)
    )
    return roster


def rule_of(name: str) -> Rule:
    return parse_rule({"id": "r", "name": "r", **KINDS[name]})


def watched(program: Program, rule_id: str) -> list[str]:
    """What the engine has arrays for."""
    roster, found = program.roster, set[str]()
    for tier in [program, *([program.derived.tier] if program.derived else [])]:
        for check in range(tier.checks):
            if program.rules[int(tier.specs.rule[tier.check_spec[check]])].id == rule_id:
                row = int(tier.check_row[check])
                found.add(f"point:{point_id(roster.device_of_row(row).id, roster.metric_of_row(row))}")
    for watch in range(program.watches):
        if program.rules[int(program.watch_rule[watch])].id == rule_id:
            found.add(f"device:{roster.devices_by_row[int(program.watch_device[watch])].id}")
    for group in program.subjects.groups if program.subjects else ():
        if not group.is_gate and program.rules[group.rule].id == rule_id:
            assert program.subjects is not None
            found.update(subject_names(program, program.subjects, group))
    return sorted(found)


@pytest.mark.parametrize("off", OFF, ids=["on", "zone", "device", "site"])
@pytest.mark.parametrize("name", KINDS)
def test_the_preview_counts_what_the_engine_watches(name: str, off: Override | None) -> None:
    roster, rule = roster_of(), rule_of(name)
    overrides = [off] if off else []
    program = compile([rule], roster, overrides=overrides)
    Memory(program)
    told = cover(rule, roster, inheritance=Inheritance(roster, overrides))
    assert told.subjects == watched(program, "r")
    assert sum(count for *_, count in told.by_zone) == sum(count for _, count in told.by_kind) == len(told.subjects)
    if off is None:
        assert told.subjects, "nothing is shown by this"


def test_a_rule_that_is_off_is_previewed_as_if_on_but_where_a_place_keeps_it_on_as_it_is() -> None:
    roster, rule = roster_of(), replace(rule_of("level"), enabled=False)
    assert cover(rule, roster).subjects == cover(replace(rule, enabled=True), roster).subjects
    on = [Override(id="o", rule_id="r", node_kind=NodeKind.DEVICE, node_id="b", enabled=True, reason="x")]
    assert cover(rule, roster, inheritance=Inheritance(roster, on)).subjects == watched(compile([rule], roster, overrides=on), "r")


def test_a_count_of_findings_covers_what_the_rule_that_it_counts_covers_in_its_own_scope() -> None:
    roster, level = roster_of(), rule_of("level")
    counting = parse_rule(
        {"id": "c", "name": "c", "kind": "count", "of": "r", "window_s": 600, "above": [{"limit": 3, "severity": "low"}]}
        | {"scope": {"zones": ["z"]}}
    )
    assert cover(counting, roster, rules={"r": level}).subjects == ["point:a:lel", "point:a:lel.2", "point:b:lel.2"]
    assert cover(counting, roster).subjects == [], "the rule that it counts is not there"


@pytest.mark.parametrize("name", KINDS)
def test_only_rules_judged_at_once_are_looked_at(name: str) -> None:
    rule = replace(rule_of(name), id="x")
    asking = parse_rule({"id": "q", "name": "q", "kind": "expression", "expression": "alarm(x)", "severity": "low"})
    assert bool(unknowable(asking, {"x": rule})) is (name in ("window", "count"))
    assert bool(unknowable(rule, {"q": asking})) is (name in ("window", "count", "expression of alarms"))
