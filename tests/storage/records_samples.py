"""Values for the records' tests: a small tree of two enterprises, alarms, orders, hazards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alarms.linkage import Linkage
from alarms.model import Alarm, Attention, Condition, Signal, Transition, Verdict
from hazards import loop
from hazards.model import Hazard, HazardStep, Source
from power.model import Action, Measured, Order, OrderState, OrderStep
from rules.model import Direction, Level, Rule, RuleKind, Scope, Severity
from sites.model import Circuit, CircuitClass, Device, District, Enterprise, Site, Trial, Zone
from sites.people import Grant, User
from storage.records import Records

NOON = 1_795_320_000_000  # 2026-11-22 12:00 in Shanghai
HOUR = 3_600_000
DAY = 24 * HOUR

DISTRICTS = [
    District(id="d-east", name="城东区", parent_id="d-city"),
    District(id="d-city", name="城市"),
    District(id="d-west", name="城西区", parent_id="d-city"),
]
ENTERPRISES = [
    Enterprise(id="e1", district_id="d-east", name="商场公司", credit_code="91310000X", industry="trade"),
    Enterprise(id="e2", district_id="d-west", name="Factory Ltd"),
]
SITES = [
    Site(id="mall", enterprise_id="e1", name="商场", address="东路 1 号"),
    Site(id="plant", enterprise_id="e2", name="Plant", timezone="Europe/Berlin", commanding=True),
]
ZONES = [
    Zone(id="kitchen", site_id="mall", name="厨房", parent_id="floor-1", floor="1F"),
    Zone(id="floor-1", site_id="mall", name="一层", floor="1F"),
    Zone(id="hall", site_id="plant", name="Hall"),
]
DEVICES = [
    Device(id="gas-1", site_id="mall", zone_id="kitchen", name="探测器 1", kind="gas", codec="native", address="mall/gas-1",
           gateway_id="gw-1", interval_s=30.0, link="zigbee"),
    Device(id="gw-1", site_id="mall", zone_id="kitchen", name="网关", kind="gateway", codec="native", address="mall/gw-1"),
    Device(id="sw-1", site_id="mall", zone_id="kitchen", name="开关", kind="switch", codec="native", address="mall/sw-1"),
    Device(id="sw-9", site_id="plant", zone_id="hall", name="Breaker", kind="switch", codec="native", address="plant/sw-9"),
]  # fmt: skip
CIRCUITS = [
    Circuit(id="K-3", site_id="mall", zone_id="kitchen", name="厨房插座", device_id="sw-1", channel="2", circuit_class=CircuitClass.USE,
            tenant="面馆", panel="AL-1", rated_a=32.0, poles=("l1", "l2", "l3"), permit_until_ms=NOON + DAY,
            trial=Trial(at_ms=NOON, first_name="王", second_name="李")),
    Circuit(id="P-1", site_id="plant", zone_id="hall", name="Press", device_id="sw-9"),
]  # fmt: skip
RULES = [
    Rule(id="gas", name="可燃气体", name_en="Gas", kind=RuleKind.LEVEL, metric="lel", direction=Direction.ABOVE,
         levels=(Level(limit=25, severity=Severity.HIGH, deadband=2.5, hold_s=3.0), Level(limit=50.0, severity=Severity.CRITICAL)),
         hold_s=1.5, latched=True, lateness_s=0.1, guidance="关阀、通风"),
    Rule(id="mall-only", name="mall", kind=RuleKind.STATE, metric="smoke_alarm", levels=(Level(limit=1, severity=Severity.CRITICAL),),
         states=(1.0,), scope=Scope(zones=("kitchen",))),
]  # fmt: skip
LINKAGES = [
    Linkage(id="tell", name="通知", notify=("a@example.org",), min_severity=Severity.HIGH),
    Linkage(id="plant-cut", name="cut", sites=("plant",), cut="automatic", triggers=2, hazard=True),
]
TREE: list[tuple[str, list[Any]]] = [
    ("district", DISTRICTS),
    ("enterprise", ENTERPRISES),
    ("site", SITES),
    ("zone", ZONES),
    ("device", DEVICES),
    ("circuit", CIRCUITS),
    ("rule", RULES),
    ("linkage", LINKAGES),
]
USER = User(
    id="u1",
    login="anna",
    name="安娜",
    email="anna@example.org",
    password_hash="$argon2id$secret",
    grants=(Grant(role="operator", node_kind="site", node_id="mall"), Grant(role="manager", node_kind="all", node_id=None)),
)


def plant_tree(records: Records) -> None:
    for kind, things in TREE:
        records.insert_many(kind, things, "setup", NOON)


def alarm(id: str = "a1", **changed: Any) -> Alarm:
    made = Alarm(
        id=id, rule_id="gas", rule_version=1, rule_name="可燃气体", rule_name_en="Gas", kind="gas", subject=f"point:{id}:lel",
        point_id=f"{id}:lel", site_id="mall", site_name="商场", zone_id="kitchen", zone_name="厨房", device_id="gas-1",
        device_name="探测器 1", metric="lel", unit="%LEL", severity=Severity.HIGH, level=0, limit=25.0, value=27.1, peak_value=27.1,
        condition=Condition.ACTIVE, attention=Attention.UNACKNOWLEDGED, is_latched=True, needs_reset=True, is_late=False,
        raised_ms=NOON, arrived_ms=NOON + 80, changed_ms=NOON,
    )  # fmt: skip
    return replace(made, **changed)


ENDED_ALARM = alarm(
    "a-ended", severity=Severity.CRITICAL, level=1, value=None, peak_value=0.1 + 0.2, limit=None, condition=Condition.NORMAL,
    attention=Attention.ACKNOWLEDGED, needs_reset=False, is_late=True, cleared_ms=NOON + 1, acknowledged_ms=NOON + 2,
    acknowledged_by="u1", ended_ms=NOON + 3, assignee="u2", verdict=Verdict.TRUE, hazard_id="h1", count=7, seq=5, is_unrecorded=True,
    is_test=True,
)  # fmt: skip


def raised(of: Alarm, **changed: Any) -> Transition:
    return replace(Transition(alarm=of, signal=Signal.RAISED, at_ms=of.raised_ms, value=of.value), **changed)


def order(id: str = "o1", **changed: Any) -> Order:
    made = Order(
        id=id, site_id="mall", zone_id="kitchen", circuit_id="K-3", circuit_name="厨房插座", device_id="sw-1", channel="2",
        action=Action.CUT, cause="request:k1", alarm_id="a1", who="u1", reason="gas", state=OrderState.REQUESTED,
        requested_ms=NOON, expires_ms=NOON + 60_000, changed_ms=NOON, before=Measured(closed=1.0, current_a=4.25, heard_ms=NOON - 5),
    )  # fmt: skip
    return replace(made, **changed)


PROVED_ORDER = order(
    "o-proved", state=OrderState.PROVED, state_reason="0.0 A", attempts=2, sent_ms=NOON + 1, confirmed_ms=NOON + 2, proved_ms=NOON + 3,
    deadline_ms=NOON + 4, alarm_id=None, who=None, after=Measured(closed=0.0, current_a=0.0, voltage_v=0.3, power_w=0.0, heard_ms=NOON),
    seq=4,
)  # fmt: skip


def requested(of: Order, **changed: Any) -> OrderStep:
    return replace(OrderStep(order=of, before="", at_ms=of.changed_ms, reason="asked"), **changed)


def report(number: str, found: Alarm | None = None, **changed: Any) -> tuple[Hazard, HazardStep]:
    if found is not None:
        return loop.report_alarm(
            found, number=number, enterprise_id="e1", who="u1", now_ms=NOON, deadline_ms=NOON + HOUR, reason="again", **changed
        )
    given: dict[str, Any] = {
        "enterprise_id": "e1", "site_id": "mall", "source": Source.SELF_CHECK, "category": "gas", "title": "Leaking valve 阀门",
        "description": "", "who": "u1", "now_ms": NOON, "deadline_ms": NOON + HOUR,
    }  # fmt: skip
    return loop.report(number=number, **(given | changed))
