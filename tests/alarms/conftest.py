"""A small plant: a kitchen with two gas detectors and circuits of several classes; findings made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from alarms.book import Book
from alarms.model import Alarm, Transition
from rules.findings import Edge, Finding
from rules.model import Direction, Level, Rule, RuleKind, Severity
from sites.model import Circuit, CircuitClass, Device, Enterprise, Site, Zone
from sites.roster import Roster

T0 = 1_700_000_000_000

GAS = Rule(
    id="gas-lel",
    name="可燃气体",
    name_en="Combustible gas",
    kind=RuleKind.LEVEL,
    metric="lel",
    direction=Direction.ABOVE,
    levels=(Level(limit=25, severity=Severity.HIGH), Level(limit=50, severity=Severity.CRITICAL)),
    latched=True,
    version=3,
)
WARM = replace(GAS, id="warm", name="温度", name_en="", metric="temperature", latched=False, alarm_kind="")


def make_roster() -> Roster:
    roster = Roster()
    roster.put(Enterprise(id="e1", district_id="d1", name="Mall Ltd"))
    roster.put(Site(id="s1", enterprise_id="e1", name="Mall", commanding=True))
    roster.put(Zone(id="kitchen", site_id="s1", name="Kitchen"))
    roster.put(Zone(id="hall", site_id="s1", name="Hall"))
    for device_id, zone_id in (("g1", "kitchen"), ("g2", "kitchen"), ("g3", "hall")):
        roster.put(
            Device(
                id=device_id, site_id="s1", zone_id=zone_id, name=f"Gas {device_id}", kind="gas", codec="native", address=f"s1/{device_id}"
            )
        )
    for circuit_class in CircuitClass:
        roster.put(
            Circuit(
                id=f"c-{circuit_class}",
                site_id="s1",
                zone_id="kitchen",
                name=f"C {circuit_class}",
                device_id="sw",
                circuit_class=circuit_class,
            )
        )
    return roster


@dataclass
class Desk:
    """The book with a roster, findings by hand, and a clock that only moves when told."""

    roster: Roster = field(default_factory=make_roster)
    book: Book = field(default_factory=Book)
    now_ms: int = T0

    def find(self, edge: Edge, level: int, value: float, device: str = "g1", rule: Rule = GAS, **more: Any) -> list[Transition]:
        severity = None if edge is Edge.CLEARED else rule.levels[level].severity
        finding = Finding(
            rule_id=rule.id,
            rule_version=rule.version,
            subject=f"point:{device}:{rule.metric}",
            device_id=device,
            metric=rule.metric,
            edge=edge,
            level=-1 if edge is Edge.CLEARED else level,
            severity=severity,
            limit=None if edge is Edge.CLEARED else rule.levels[level].limit,
            value=value,
            at_ms=more.pop("at_ms", self.now_ms - 5),
            fired_ms=more.pop("fired_ms", self.now_ms),
            **more,
        )
        return self.book.apply(finding, rule, self.roster, self.now_ms)

    def raised(self, level: int = 0, value: float = 27.0, device: str = "g1", rule: Rule = GAS, **more: Any) -> Transition:
        (transition,) = self.find(Edge.RAISED, level, value, device, rule, **more)
        return transition

    def stepped(self, level: int, value: float, device: str = "g1", rule: Rule = GAS) -> Transition:
        (transition,) = self.find(Edge.STEPPED, level, value, device, rule)
        return transition

    def cleared(self, value: float = 3.0, device: str = "g1", rule: Rule = GAS) -> Transition:
        (transition,) = self.find(Edge.CLEARED, -1, value, device, rule)
        return transition

    def ask(self, request: Any) -> list[Transition]:
        return self.book.request(request, self.now_ms)

    def open_one(self) -> Alarm:
        (alarm,) = self.book.open.values()
        return alarm

    def wait(self, ms: int) -> None:
        self.now_ms += ms


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="session")
def new_desk() -> type[Desk]:
    return Desk


@pytest.fixture(scope="session")
def gas() -> Rule:
    return GAS


@pytest.fixture(scope="session")
def warm() -> Rule:
    return WARM
