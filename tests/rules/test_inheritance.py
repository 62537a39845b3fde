"""Numbers of a rule by district, enterprise, site, zone and device: resolved, refused, compiled, carried, explained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import LevelState, Reference
from test_engine_equals_reference import START, Engine, level_rules, make_plant, often, play, silence_rules, state_rules, stories

from rules.carry import carry
from rules.compile import compile, extend
from rules.engine import step
from rules.findings import Finding
from rules.inheritance import Inheritance
from rules.memory import Memory
from rules.model import Level, LevelOverride, NodeKind, Override, Rule, RuleKind, Scope, Severity
from rules.parse import parse_rule
from sites.latest import apply_latest
from sites.model import Circuit, CircuitClass, Device, District, Enterprise, Site, Zone
from sites.readings import Readings
from sites.roster import Roster, expected_interval_ms

WIDEST_FIRST = list(NodeKind)


def settle_in(roster: Roster) -> Roster:
    """District of a city, an enterprise in each, a site, zones in zones."""
    roster.put(District(id="city", name="city"))
    roster.put(District(id="east", name="east", parent_id="city"))
    roster.put(Enterprise(id="e", district_id="east", name="e"))
    roster.put(Site(id="s", enterprise_id="e", name="s"))
    roster.put(Zone(id="floor", site_id="s", name="floor"))
    roster.put(Zone(id="z0", site_id="s", name="z0", parent_id="floor"))
    roster.put(Zone(id="z1", site_id="s", name="z1"))
    return roster


def override(rule_id: str, node: str, node_id: str, **numbers: Any) -> Override:
    levels = tuple(LevelOverride(level=at, limit=limit) for at, limit in enumerate(numbers.pop("limits", ())) if limit is not None)
    return Override(
        id=f"{rule_id}-{node}-{node_id}",
        rule_id=rule_id,
        node_kind=NodeKind(node),
        node_id=node_id,
        reason="test",
        levels=levels,
        **numbers,
    )


LEL = Rule(
    id="lel",
    name="lel",
    kind=RuleKind.LEVEL,
    metric="lel",
    levels=(Level(limit=20.0, severity=Severity.HIGH, deadband=3.0, hold_s=5.0), Level(limit=40.0, severity=Severity.CRITICAL)),
)


# -- resolving ---------------------------------------------------------------------------------------------------------


def test_the_narrower_place_goes_first_number_by_number() -> None:
    roster = settle_in(make_plant())
    overrides = [
        override("lel", "district", "city", limits=(15.0, 35.0), clear_hold_s=60.0),
        override("lel", "enterprise", "e", limits=(None, 30.0), hold_s=9.0),
        override("lel", "zone", "floor", limits=(14.0, None)),
        override("lel", "zone", "z0", limits=(13.0, None)),
        override("lel", "device", "d2", limits=(12.0, None), clear_hold_s=5.0),
        override("other", "site", "s", limits=(1.0, None)),
    ]
    inheritance = Inheritance(roster, overrides)
    numbers = {}
    for device in roster.devices():
        rule = inheritance.resolve(LEL, device)
        assert rule is not None
        numbers[device.id] = [level.limit for level in rule.levels], rule.hold_s, rule.clear_hold_s
    assert numbers == {
        "d0": ([13.0, 30.0], 9.0, 60.0),  # in z0 on the floor
        "d1": ([15.0, 30.0], 9.0, 60.0),  # in z1
        "d2": ([12.0, 30.0], 9.0, 5.0),  # in z0, and for itself
    }


def test_one_sees_where_each_number_comes_from() -> None:
    roster = settle_in(make_plant())
    inheritance = Inheritance(
        roster,
        [override("lel", "district", "city", limits=(15.0, 35.0)), override("lel", "device", "d0", limits=(12.0, None), enabled=True)],
    )
    device = roster.device("d0")
    assert device is not None
    found = {source.number: (source.value, source.node, source.override_id) for source in inheritance.where_from(LEL, device)}
    assert found == {
        "enabled": (True, (NodeKind.DEVICE, "d0"), "lel-device-d0"),
        "above[0].limit": (12.0, (NodeKind.DEVICE, "d0"), "lel-device-d0"),
        "above[0].deadband": (3.0, None, ""),
        "above[0].hold_s": (5.0, None, ""),
        "above[1].limit": (35.0, (NodeKind.DISTRICT, "city"), "lel-district-city"),
        "above[1].deadband": (0.0, None, ""),
        "hold_s": (0.0, None, ""),
        "clear_hold_s": (0.0, None, ""),
    }


def test_places_in_a_circle_end() -> None:
    roster = settle_in(make_plant())
    roster.put(Zone(id="floor", site_id="s", name="floor", parent_id="z0"))
    roster.put(District(id="city", name="city", parent_id="east"))
    assert Inheritance(roster).path((NodeKind.ZONE, "z0")) == [
        (NodeKind.DISTRICT, "city"),
        (NodeKind.DISTRICT, "east"),
        (NodeKind.ENTERPRISE, "e"),
        (NodeKind.SITE, "s"),
        (NodeKind.ZONE, "floor"),
        (NodeKind.ZONE, "z0"),
    ]


# -- refusing ----------------------------------------------------------------------------------------------------------


def problems(given: Override, *others: Override, rule: Rule = LEL) -> dict[str, str]:
    found = Inheritance(settle_in(make_plant()), others).problems(rule, given)
    return {problem.field: f"{problem.given} / {problem.allowed} / {problem.allowed_zh}" for problem in found}


def test_an_override_within_the_rules_bounds_is_kept() -> None:
    assert problems(override("lel", "site", "s", limits=(25.0, 50.0), hold_s=3.0)) == {}


def test_a_clause_holds_for_an_override_too_in_both_languages() -> None:
    found = problems(override("lel", "site", "s", limits=(26.0, None)))
    assert found["above[0].limit"].count("GB/T 50493-2019") == 2


def test_levels_go_from_mild_to_severe_together_with_what_others_set() -> None:
    above, below = override("lel", "site", "s", limits=(None, 22.0)), override("lel", "device", "d0", limits=(24.0, None))
    assert problems(above) == {}
    assert problems(below) == {}
    assert "with what site s sets" in problems(below, above)["above[1].limit"]
    assert "with what device d0 sets" in problems(above, below)["above[1].limit"]
    wrong = override("lel", "device", "d9", limits=(99.0, None))
    assert problems(below, wrong) == {}, "what is wrong elsewhere is not this one's fault"
    elsewhere = override("lel", "site", "other", limits=(None, 22.0))
    assert problems(below, elsewhere) == {}, "they never meet at a device"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (override("lel", "site", "s"), "levels"),
        (replace(override("lel", "site", "s", hold_s=1.0), reason=" "), "reason"),
        (override("lel", "site", "s", hold_s=-1.0), "hold_s"),
        (override("lel", "site", "s", limits=(None, None, 50.0)), "levels[0].level"),
        (override("co", "site", "s", hold_s=1.0), "rule_id"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: Override, field: str) -> None:
    assert field in problems(given)


def test_a_place_sets_numbers_of_votes_and_expressions_but_no_device_those_of_a_zone() -> None:
    levels = (Level(limit=2.0, severity=Severity.HIGH), Level(limit=3.0, severity=Severity.CRITICAL))
    vote = Rule(id="lel", name="v", kind=RuleKind.VOTE, metric="lel", vote_limit=20.0, over="zone", levels=levels)
    assert problems(override("lel", "site", "s", hold_s=1.0, limits=(1.0,)), rule=vote) == {}
    assert problems(override("lel", "zone", "z0", enabled=False), rule=vote) == {}
    assert "zone" in problems(override("lel", "device", "d0", hold_s=1.0), rule=vote)["node_kind"]
    own = Rule(id="lel", name="e", kind=RuleKind.EXPRESSION, expression="lel", levels=(Level(limit=20.0, severity=Severity.HIGH),))
    assert problems(override("lel", "device", "d0", limits=(10.0,)), rule=own) == {}
    condition = replace(own, expression="lel >= 20 %LEL", levels=(Level(limit=0.0, severity=Severity.HIGH),))
    assert "true or false" in problems(override("lel", "device", "d0", limits=(10.0,)), rule=condition)["levels[0].limit"]
    assert problems(override("lel", "device", "d0", hold_s=3.0), rule=condition) == {}


def test_a_fire_detector_is_neither_delayed_nor_switched_off_by_a_place() -> None:
    data: dict[str, Any] = {
        "id": "smoke",
        "name": "s",
        "kind": "state",
        "metric": "smoke_alarm",
        "states": [1],
        "severity": "critical",
        "latched": True,
    }
    smoke = parse_rule(data)
    assert "GB 4717" in problems(override("smoke", "zone", "z0", hold_s=10.0), rule=smoke)["hold_s"]
    assert "GB 25201" in problems(override("smoke", "zone", "z0", enabled=False), rule=smoke)["enabled"]
    limited = override("smoke", "zone", "z0", limits=(1.0,))
    assert "states" in problems(limited, rule=smoke)["levels[0].limit"]


# -- compiled ----------------------------------------------------------------------------------------------------------


class Inherited(Reference):
    """Each (rule, point) with numbers of its own, found by going through all overrides in turn."""

    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        pairs = []
        for pair in self.pairs:
            rule = self.here(pair.rule, pair.device)
            if rule.enabled:
                holds = [rule.hold_s if level.hold_s is None else level.hold_s for level in rule.levels]
                pairs.append(replace(pair, rule=rule, levels=[LevelState(round(hold * 1000)) for hold in holds]))
        self.pairs = pairs
        watches = []
        for watch in self.watches:
            rule = self.here(watch.rule, watch.device)
            if rule.enabled:
                limit = int(rule.levels[0].limit * expected_interval_ms(watch.device) + round(rule.hold_s * 1000))
                watches.append(replace(watch, rule=rule, limit_ms=limit))
        self.watches = watches

    def here(self, rule: Rule, device: Device) -> Rule:
        above = {"district": ["city", "east"], "enterprise": ["e"], "site": ["s"], "device": [device.id]}
        above["zone"] = ["floor", "z0"] if device.zone_id == "z0" else ["z1"]
        for kind in WIDEST_FIRST:
            for node_id in above[kind]:
                for each in self.overrides:
                    if (each.rule_id, each.node_kind, each.node_id) != (rule.id, kind, node_id):
                        continue
                    levels = list(rule.levels)
                    for change in each.levels:
                        if change.level < len(levels) and change.limit is not None:
                            levels[change.level] = replace(levels[change.level], limit=change.limit)
                    rule = replace(
                        rule,
                        levels=tuple(levels),
                        hold_s=rule.hold_s if each.hold_s is None else each.hold_s,
                        clear_hold_s=rule.clear_hold_s if each.clear_hold_s is None else each.clear_hold_s,
                        enabled=rule.enabled if each.enabled is None else each.enabled,
                    )
        return rule


class Slow(Inherited):
    def availability(self, device_id: str, online: bool, now: int, retained: bool, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().availability(device_id, online, now, retained)

    def pause(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().pause(now)

    def resume(self, now: int, made: list[Finding]) -> None:  # type: ignore[override]
        made += super().resume(now)


class Fast(Engine):
    def __init__(self, roster: Roster, rules: list[Rule], overrides: tuple[Override, ...]) -> None:
        self.rules, self.overrides = rules, overrides
        self.program = compile(rules, roster, overrides=overrides)
        self.memory = Memory(self.program)

    def reloaded(self) -> Fast:
        new = Fast(self.program.roster, self.rules, self.overrides)
        new.memory.load(self.memory.dump())
        return new

    def edited(self) -> Fast:
        new = Fast(self.program.roster, [replace(rule, name=rule.name + "!") for rule in self.rules], self.overrides)
        new.memory = carry(self.program, self.memory, new.program)
        return new


nodes = st.sampled_from(
    [("district", "city"), ("district", "east"), ("enterprise", "e"), ("site", "s"), ("zone", "floor"), ("zone", "z0"), ("zone", "z1")]
    + [("device", f"d{at}") for at in range(3)]
)
limit = st.none() | st.sampled_from([2.0, 4.0, 6.0, 7.0])
numbers = st.fixed_dictionaries(
    {},
    optional={
        "limits": st.lists(limit, max_size=3).map(tuple),
        "hold_s": st.sampled_from([0.0, 2.0]),
        "clear_hold_s": st.sampled_from([0.0, 2.0]),
        "enabled": st.booleans(),
    },
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Rule], tuple[Override, ...]]:
    strategy = st.one_of(level_rules(), level_rules(), level_rules("o2"), state_rules, silence_rules)
    rules = draw(st.lists(strategy, min_size=1, max_size=4, unique_by=lambda rule: rule.id))
    chosen = draw(st.lists(st.tuples(st.sampled_from(rules), nodes), max_size=6, unique_by=lambda pair: (pair[0].id, pair[1])))
    overrides = []
    for rule, (kind, node_id) in chosen:
        given_numbers = dict(draw(numbers))
        if rule.kind is RuleKind.STATE:
            given_numbers.pop("limits", None)
        overrides.append(override(rule.id, kind, node_id, **given_numbers))
    return rules, tuple(overrides)


@often
@given(cases(), stories, st.sets(st.integers(0, 39)), st.sampled_from([lambda engine: engine, Fast.reloaded, Fast.edited]))
def test_every_place_has_its_own_numbers(case: Any, story: Any, cuts: set[int], at_cut: Any) -> None:
    rules, overrides = case
    roster = settle_in(make_plant())
    slow = type("SlowHere", (Slow,), {"overrides": overrides})(roster, rules)
    expected = play(story, slow, lambda at: False)
    assert play(story, Fast(roster, rules, overrides), cuts.__contains__, at_cut) == expected


class Plant:
    """Detectors d0..d2 of `make_plant`, heard at moments in seconds after START."""

    def __init__(self, rules: list[Rule], *overrides: Override) -> None:
        self.roster = settle_in(make_plant())
        self.program = compile(rules, self.roster, overrides=overrides)
        self.memory = Memory(self.program)

    def hear(self, after_s: float, *pairs: tuple[int, float]) -> list[Finding]:
        at = START + round(after_s * 1000)
        readings = Readings.of([row for row, _ in pairs], [at] * len(pairs), [at] * len(pairs), [value for _, value in pairs])
        apply_latest(self.roster, readings)
        return step(self.program, self.memory, readings, at)

    def edit(self, rules: list[Rule], *overrides: Override) -> None:
        program = compile(rules, self.roster, overrides=overrides)
        self.memory = carry(self.program, self.memory, program)
        self.program = program


QUICK = replace(LEL, levels=(Level(limit=20.0, severity=Severity.HIGH), Level(limit=40.0, severity=Severity.CRITICAL)))


def test_a_finding_tells_the_limit_of_its_place() -> None:
    plant = Plant([QUICK], override("lel", "device", "d0", limits=(10.0, 15.0)))
    found = plant.hear(1, (0, 12.0), (3, 25.0))
    assert [(finding.device_id, finding.limit) for finding in found] == [("d0", 10.0), ("d1", 20.0)]
    assert [(finding.device_id, finding.limit) for finding in plant.hear(2, (0, 16.0))] == [("d0", 15.0)]


def test_an_edit_of_an_override_keeps_what_stands_and_what_it_does_not_touch() -> None:
    holding = replace(QUICK, hold_s=4.0)
    plant = Plant([holding])
    assert plant.hear(1, (0, 25.0), (3, 25.0)) == []
    assert plant.hear(3, (0, 25.0), (3, 25.0)) == []
    plant.edit([holding], override("lel", "device", "d0", limits=(18.0, None)))
    found = [*plant.hear(5, (0, 25.0), (3, 25.0)), *plant.hear(7, (0, 25.0), (3, 25.0))]
    assert [(finding.device_id, finding.at_ms - START, finding.limit) for finding in found] == [("d1", 5_000, 20.0), ("d0", 7_000, 18.0)]
    plant.edit([holding], override("lel", "device", "d0", limits=(30.0, None)))
    assert plant.hear(8, (3, 26.0)) == [], "the edit itself clears nothing"
    assert [(finding.device_id, finding.edge) for finding in plant.hear(9, (0, 25.0))] == [("d0", "cleared")]


def test_a_rule_that_is_off_can_be_on_in_one_place() -> None:
    plant = Plant([replace(QUICK, enabled=False)], override("lel", "zone", "z1", enabled=True))
    assert [finding.device_id for finding in plant.hear(1, (0, 50.0), (3, 50.0))] == ["d1"]


def test_points_that_appear_later_have_the_numbers_of_their_place() -> None:
    plant = Plant([QUICK], override("lel", "zone", "z0", limits=(10.0, None)), override("lel", "device", "d9", limits=(5.0, None)))
    plant.roster.put(Device(id="d9", site_id="s", zone_id="z0", name="d9", kind="gas", codec="native", address="d9", interval_s=2.0))
    row = plant.roster.add_point("d9", "lel")
    extend(plant.program, plant.roster, plant.program.rows)
    assert [finding.limit for finding in plant.hear(1, (row, 6.0))] == [5.0]


def test_an_overload_is_measured_by_the_rated_current_of_its_circuit() -> None:
    rule = Rule(
        id="overload",
        name="o",
        kind=RuleKind.LEVEL,
        metric="current_a",
        relative_to="rated_a",
        levels=(Level(limit=80.0, severity=Severity.HIGH, deadband=5.0), Level(limit=100.0, severity=Severity.CRITICAL, deadband=5.0)),
    )
    roster = settle_in(make_plant())
    rows = [roster.add_point("d0", metric) for metric in ("current_a", "current_a.2.l1", "current_a.3")]
    for at, (channel, rated, poles) in enumerate([("", 16.0, ()), ("2", 63.0, ("l1", "l2", "l3"))]):
        roster.put(Circuit(id=f"c{at}", site_id="s", zone_id="z0", name="c", device_id="d0", channel=channel, rated_a=rated, poles=poles))
    program = compile([rule], roster)
    assert program.checks == 4, "no circuit, no rated current: the third point is not watched"
    memory = Memory(program)
    at = [START + 1] * 3
    found = step(program, memory, Readings.of(rows, at, at, [13.0, 51.0, 1000.0]), START + 1)
    assert [(finding.metric, finding.limit) for finding in found] == [("current_a", 12.8), ("current_a.2.l1", 50.4)]
    (back,) = step(program, memory, Readings.of(rows[:1], [START + 2], [START + 2], [11.9]), START + 2)
    assert back.edge == "cleared", "the deadband of 5 % is 0.8 A: below 12 A it is over"
    cut = replace(rule, id="cut", scope=Scope(circuit_classes=("use",)))
    assert compile([cut], roster).checks == 0
    roster.put(replace(roster.circuits["c1"], circuit_class=CircuitClass.USE))
    assert compile([cut], roster).check_row[:2].tolist() == [rows[1]] * 2, "only the circuit of that class"
    device = roster.device("d0")
    assert device is not None
    sources = {source.number: source.value for source in program.variants.inheritance.where_from(rule, device, "current_a.2.l1")}
    assert (sources["above[0].limit"], sources["above[0].limit_a"]) == (80.0, 50.4)
