"""What a small plant says and how it is edited, by chance: the life that `simulated` lets faults strike.

Values wander between quiet, alarm and danger; every kind of rule watches something; rules, devices, zones, calendars and overrides come,
change and go. It knows nothing of the house that hears it.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from rules.model import Direction, Level, LevelOverride, Meets, NodeKind, Override, Rule, RuleKind, Schedule, Severity, Statistic, When
from sites.calendars import Calendar, Window
from sites.model import Zone
from tests.scenarios.sample import GAS, SILENCE, SMOKE, device, kitchen

HALL = ("hall-1", "hall-2")
_LEVELS = (Level(limit=25, severity=Severity.HIGH, deadband=2, hold_s=0), Level(limit=50, severity=Severity.CRITICAL, deadband=2, hold_s=1))
_WARM = (Level(limit=60, severity=Severity.HIGH, deadband=5),)


def _rule(rule_id: str, kind: RuleKind, metric: str, *levels: Level, **more: Any) -> Rule:
    return Rule(id=rule_id, name=rule_id, kind=kind, metric=metric, levels=levels or _WARM, **more)


POOL = (
    _rule("warm", RuleKind.LEVEL, "temperature", *_WARM, hold_s=20.0, clear_hold_s=60.0),
    _rule(
        "cold", RuleKind.LEVEL, "temperature", Level(limit=4, severity=Severity.LOW, deadband=1), direction=Direction.BELOW, lateness_s=5.0
    ),
    _rule("by-night", RuleKind.LEVEL, "lel", *_LEVELS, schedule=Schedule(windows=(Window(22 * 60, 6 * 60),))),
    _rule("while-open", RuleKind.LEVEL, "lel", *_LEVELS, schedule=Schedule(when=When.OPEN), hold_s=3.0),
    _rule("rising", RuleKind.RATE, "temperature", Level(limit=10, severity=Severity.HIGH, deadband=1), window_s=120.0, covered=0.1),
    _rule("mean", RuleKind.WINDOW, "lel", Level(limit=10, severity=Severity.LOW, deadband=1), window_s=600.0, covered=0.1),
    _rule("most", RuleKind.WINDOW, "lel", Level(limit=40, severity=Severity.LOW), window_s=300.0, statistic=Statistic.MAX, covered=0.1),
    _rule("often", RuleKind.COUNT, "lel", Level(limit=3, severity=Severity.LOW), window_s=3_600.0, share_of=Meets(limit=20.0)),
    _rule("again", RuleKind.COUNT, "", Level(limit=2, severity=Severity.LOW), window_s=86_400.0, of="gas"),
    _rule("stuck", RuleKind.STUCK, "temperature", Level(limit=1_200, severity=Severity.LOW), tolerance=0.1),
    _rule("drift", RuleKind.DRIFT, "temperature", Level(limit=15, severity=Severity.LOW), window_s=7_200.0, covered=0.05),
    _rule("two-of-them", RuleKind.VOTE, "lel", Level(limit=2, severity=Severity.CRITICAL), vote_limit=25.0, over="zone"),
    _rule(
        "together", RuleKind.EXPRESSION, "", Level(limit=0, severity=Severity.HIGH), expression="lel >= 20 %LEL and temperature >= 40 °C"
    ),
    _rule("meanwhile", RuleKind.LEVEL, "lel", *_LEVELS, only_while="temperature >= 30 °C"),
)


class Plant:
    """One seed's plant."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.devices = ["gas-1", "gas-2", "smoke-1", "switch", *HALL]
        self._rules = {rule.id: rule for rule in (GAS, SMOKE, SILENCE, *chance.sample(POOL, 6))}
        self._values = {name: {"lel": 1.0, "temperature": 21.0} for name in ("gas-1", "gas-2", *HALL)}
        self._devices = {name: device(name, "gas", chance.choice([10.0, 60.0, 600.0])) for name in HALL}
        self._devices = {name: replace(each, zone_id="hall") for name, each in self._devices.items()}

    def things(self) -> list[tuple[str, Any]]:
        hall = ("zone", Zone(id="hall", site_id="site", name="hall"))
        return [*kitchen(*self._rules.values()), hall, *(("device", each) for each in self._devices.values())]

    # -- what it says ----------------------------------------------------------------------------------------------

    def report(self) -> list[tuple[str, dict[str, float]]]:
        """Some devices speak."""
        return [self._say(name) for name in self.devices if self._chance.random() < 0.6]

    def one(self) -> tuple[str, dict[str, float]]:
        return self._say(self._chance.choice(self.devices))

    def _say(self, name: str) -> tuple[str, dict[str, float]]:
        chance = self._chance
        if name == "smoke-1":
            return name, {"smoke_alarm": float(chance.random() < 0.2)}
        if name == "switch":
            closed = chance.choice([0, 1])
            amps = 5.0 if closed else chance.choice([0.0, 0.0, 5.0])
            return name, {"closed__1": closed, "current_a__1": amps, "voltage_v__1": 231.0 if amps else 2.0, "current_a__3": 2.0}
        values = self._values.setdefault(name, {"lel": 1.0, "temperature": 21.0})
        values["lel"] = min(80.0, max(0.0, chance.choice([values["lel"] + chance.choice([-9, -3, 0, 0, 2, 8]), 1.0, 27.0, 55.0])))
        values["temperature"] = min(90.0, max(-5.0, values["temperature"] + chance.choice([0, 0, 0, -2, 2, -15, 15])))
        return name, dict(values)

    # -- how it is edited ------------------------------------------------------------------------------------------

    def edit(self) -> list[tuple[str, str, Any]]:
        """Changes of one moment: (kind, id, thing or None)."""
        chance = self._chance
        match chance.randrange(7):
            case 0:
                return [self._put_rule(chance.choice(POOL))]
            case 1:
                rule = self._rules[chance.choice(sorted(self._rules))]
                levels = tuple(replace(level, limit=level.limit + chance.choice([-2, 0, 3])) for level in rule.levels)
                return [self._put_rule(replace(rule, levels=levels, name=f"{rule.name}."))]
            case 2:
                rule = self._rules[chance.choice(sorted(self._rules))]
                return [self._put_rule(replace(rule, enabled=not rule.enabled, hold_s=chance.choice([0.0, 5.0])))]
            case 3:
                rule_id = chance.choice(sorted(self._rules))
                if len(self._rules) < 5:
                    return []
                del self._rules[rule_id]
                return [("rule", rule_id, None)]
            case 4:
                return [self._edit_device(chance.choice(HALL))]
            case 5:
                hours = tuple((Window(*sorted(chance.sample(range(0, 1_440, 60), 2))),) for _ in range(7))
                return [("calendar", "hours", Calendar(id="hours", name="hours", site_id="site", weekdays=hours))]
            case _:
                return [self._override()]

    def _put_rule(self, rule: Rule) -> tuple[str, str, Any]:
        self._rules[rule.id] = rule
        return "rule", rule.id, rule

    def _edit_device(self, name: str) -> tuple[str, str, Any]:
        chance = self._chance
        if name in self._devices and chance.random() < 0.3:
            del self._devices[name]
            return "device", name, None
        known = self._devices.get(name) or replace(device(name, "gas"), zone_id="hall")
        changes: tuple[dict[str, Any], ...] = (
            {"name": f"{known.name}!"},
            {"zone_id": "kitchen"},
            {"zone_id": "hall"},
            {"interval_s": chance.choice([5.0, 60.0, None])},
            {"link": chance.choice(["wired", "lora"])},
            {"kind": "heat"},
        )
        self._devices[name] = replace(known, **chance.choice(changes))
        return "device", name, self._devices[name]

    def _override(self) -> tuple[str, str, Any]:
        chance = self._chance
        if chance.random() < 0.3:
            return "override", "o", None
        node_kind, node_id = chance.choice([(NodeKind.ZONE, "hall"), (NodeKind.DEVICE, "gas-1"), (NodeKind.SITE, "site")])
        levels = (LevelOverride(level=0, limit=chance.choice([18.0, 24.0])),)
        return "override", "o", Override(id="o", rule_id="gas", node_kind=node_kind, node_id=node_id, levels=levels, reason="r")
