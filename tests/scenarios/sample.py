"""One small site for the scenarios: a kitchen with two gas detectors and a metered switch of three circuits, and the gas rules."""

from __future__ import annotations

from typing import Any

from alarms.linkage import Linkage
from rules.model import Level, Rule, RuleKind, Severity
from sites.model import Circuit, CircuitClass, Device, District, Enterprise, Site, Trial, Zone

TRIAL = Trial(at_ms=1, first_name="Wang", second_name="Li")


def device(device_id: str, kind: str, interval_s: float = 10.0) -> Device:
    return Device(
        id=device_id,
        site_id="site",
        zone_id="kitchen",
        name=device_id,
        kind=kind,
        codec="native",
        address=f"site/{device_id}",
        interval_s=interval_s,
    )


def circuit(circuit_id: str, channel: str, circuit_class: CircuitClass, trial: Trial | None = TRIAL) -> Circuit:
    return Circuit(
        id=circuit_id,
        site_id="site",
        zone_id="kitchen",
        name=circuit_id,
        device_id="switch",
        channel=channel,
        circuit_class=circuit_class,
        trial=trial,
    )


GAS = Rule(
    id="gas",
    name="可燃气体",
    kind=RuleKind.LEVEL,
    metric="lel",
    levels=(
        Level(limit=25, severity=Severity.HIGH, deadband=3, hold_s=5),
        Level(limit=50, severity=Severity.CRITICAL, deadband=3, hold_s=0),
    ),
    clear_hold_s=30,
    latched=True,
)
SMOKE = Rule(
    id="smoke",
    name="感烟",
    kind=RuleKind.STATE,
    metric="smoke_alarm",
    states=(1.0,),
    levels=(Level(limit=1, severity=Severity.CRITICAL),),
    latched=True,
)
SILENCE = Rule(id="silence", name="离线", kind=RuleKind.SILENCE, levels=(Level(limit=2.5, severity=Severity.LOW),))
CUT_ON_GAS = Linkage(id="cut-on-gas", name="cut", kinds=("gas",), min_severity=Severity.CRITICAL, triggers=2, cut="automatic")


def kitchen(*rules: Rule, commanding: bool = True) -> list[tuple[str, Any]]:
    """Everything as (kind, thing), in the order in which it can be taken in."""
    return [
        ("district", District(id="district", name="district")),
        ("enterprise", Enterprise(id="enterprise", district_id="district", name="enterprise")),
        ("site", Site(id="site", enterprise_id="enterprise", name="site", commanding=commanding)),
        ("zone", Zone(id="kitchen", site_id="site", name="kitchen")),
        *(("device", device(name, "gas")) for name in ("gas-1", "gas-2")),
        ("device", device("smoke-1", "smoke", 60.0)),
        ("device", device("switch", "switch")),
        ("circuit", circuit("stove", "1", CircuitClass.USE)),
        ("circuit", circuit("pump", "2", CircuitClass.FIRE)),
        ("circuit", circuit("untried", "3", CircuitClass.USE, trial=None)),
        *(("rule", rule) for rule in rules or (GAS, SMOKE, SILENCE)),
        ("linkage", CUT_ON_GAS),
    ]
