"""Sparkplug on a timeline: a node with a gap is asked to be born again, live only; what it calls historical never acts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ingest.codecs.sparkplug import REBIRTH
from ingest.codecs.sparkplug_payload import BOOLEAN, INT64, Payload
from power.model import OrderState
from power.requests import Cut
from rules.model import Severity
from sites.model import CircuitClass, Device
from tests.scenarios.house import House
from tests.scenarios.sample import SMOKE, circuit, kitchen

DOUBLE = 10


def head(name: str) -> Device:
    return Device(id=name, site_id="site", zone_id="kitchen", name=name, kind="gas", codec="sparkplug", address=f"G/E/{name}")


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path, [*kitchen(), *(("device", head(name)) for name in ("head-1", "head-2"))])
    house.deliver("spBv1.0/G/NBIRTH/E", message(house, {"name": "bdSeq", "datatype": INT64, "long_value": 0}, seq=0))
    for seq, name in enumerate(("head-1", "head-2"), 1):
        metrics = (
            {"name": "lel", "alias": 1, "datatype": DOUBLE, "double_value": 1.0},
            {"name": "smoke", "alias": 2, "datatype": BOOLEAN, "boolean_value": False},
        )
        house.deliver(f"spBv1.0/G/DBIRTH/E/{name}", message(house, *metrics, seq=seq))
    for _ in range(3):
        house.hear("switch", closed__1=1, current_a__1=8.0, voltage_v__1=231.0)
        house.run(1)
    return house


def message(house: House, *metrics: dict, seq: int) -> bytes:
    payload = Payload(timestamp=house.clock.now_ms(), seq=seq)
    for metric in metrics:
        payload.metrics.add(**metric)
    return payload.SerializeToString()


def data(house: House, name: str, seq: int, **metric) -> None:
    house.deliver(f"spBv1.0/G/DDATA/E/{name}", message(house, metric, seq=seq))
    house.run(0.2)


def test_a_node_with_a_gap_is_asked_to_be_born_again_at_most_once_a_minute_also_over_a_restart(house: House) -> None:
    data(house, "head-1", 3, alias=1, double_value=2.0)
    assert house.outlet.asked == []
    data(house, "head-1", 9, alias=1, double_value=2.0)
    ((topic, payload),) = house.outlet.asked
    assert topic == "spBv1.0/G/NCMD/E"
    assert [(metric.name, metric.boolean_value) for metric in Payload.FromString(payload).metrics] == [(REBIRTH, True)]
    data(house, "head-1", 10, alias=1, double_value=2.0)
    house.crash(down_ms=5_000)  # replays all of it: nothing is asked by replaying
    data(house, "head-1", 11, alias=1, double_value=2.0)
    assert len(house.outlet.asked) == 1
    house.run(60)
    data(house, "head-1", 12, alias=1, double_value=2.0)
    assert len(house.outlet.asked) == 2


def test_nothing_is_asked_while_the_journal_cannot_be_written(house: House) -> None:
    house.journal.is_full = True
    data(house, "head-1", 9, alias=1, double_value=2.0)
    assert house.outlet.asked == []


def test_live_alarms_of_two_heads_cut(house: House) -> None:
    data(house, "head-1", 3, alias=1, double_value=60.0)
    data(house, "head-2", 4, alias=1, double_value=60.0)
    assert [order.circuit_id for order in house.warden.orders.open.values()] == ["stove"]


def test_historical_alarms_of_two_heads_raise_late_and_cut_nothing(house: House) -> None:
    old = {"is_historical": True, "timestamp": house.clock.now_ms() + 1}  # newer than all that was heard, and yet called old
    data(house, "head-1", 3, alias=1, double_value=60.0, **old)
    data(house, "head-2", 4, alias=1, double_value=60.0, **old)
    house.run(5)
    alarms = [alarm for alarm in house.alarms if alarm.rule_id == "gas"]
    assert {alarm.severity for alarm in alarms} == {Severity.CRITICAL}
    assert all(alarm.is_late for alarm in alarms)
    assert house.warden.orders.open == {}


def test_a_breaker_is_cut_by_a_dcmd_confirmed_by_its_ddata_and_proved_by_its_current(tmp_path: Path) -> None:
    panel = Device(id="panel", site_id="site", zone_id="kitchen", name="panel", kind="switch", codec="sparkplug", address="G/E/panel")
    oven = replace(circuit("oven", "q1", CircuitClass.USE), device_id="panel")
    house = House(tmp_path, [*kitchen(), ("device", panel), ("circuit", oven)])
    house.deliver("spBv1.0/G/NBIRTH/E", message(house, {"name": "bdSeq", "datatype": INT64, "long_value": 0}, seq=0))
    on = {"name": "Outputs/Q1", "alias": 1, "datatype": BOOLEAN, "boolean_value": True}
    draws = {"name": "Outputs/Q1/current", "alias": 2, "datatype": DOUBLE, "double_value": 8.0}
    house.deliver("spBv1.0/G/DBIRTH/E/panel", message(house, on, draws, seq=1))
    house.run(1)
    data(house, "panel", 2, alias=2, double_value=8.0)
    house.crash()  # what the birth said is remembered
    order_id = house.ask(Cut(key="k", circuit_ids=("oven",), who="operator", reason="closing")).orders[0].id
    house.run(0.3)
    ((topic, _),) = house.outlet.published
    assert topic == "spBv1.0/G/DCMD/E/panel"
    assert house.order(order_id).state is OrderState.SENT
    data(house, "panel", 3, alias=1, boolean_value=False)
    assert house.order(order_id).state is OrderState.CONFIRMED
    data(house, "panel", 4, alias=2, double_value=0.0)
    assert house.order(order_id).state is OrderState.PROVED


def test_a_historical_value_older_than_the_present_raises_nothing_and_clears_nothing(house: House) -> None:
    data(house, "head-1", 3, alias=2, boolean_value=True)
    assert house.alarm(SMOKE.id).is_late is False
    before = house.clock.now_ms() - 600_000
    data(house, "head-1", 4, alias=2, boolean_value=False, is_historical=True, timestamp=before)
    data(house, "head-2", 5, alias=1, double_value=70.0, is_historical=True, timestamp=before)
    house.run(5)
    assert house.alarm(SMOKE.id).condition == "active"
    assert [alarm for alarm in house.alarms if alarm.rule_id == "gas"] == []
