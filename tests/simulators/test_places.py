"""The sample places hang together: ids, references, sizes, stories about things that are there."""

from __future__ import annotations

import pytest

from simulators.mall import PUBLISH_DEVICE, PUBLISH_ZONE, mall
from simulators.place import Place
from simulators.scenarios import SCENARIOS, scenario
from sites.metrics import METRICS, base_metric
from sites.model import ID_PATTERN, CircuitClass
from sites.roster import Roster


@pytest.fixture(params=sorted(SCENARIOS))
def place(request) -> Place:
    return SCENARIOS[request.param]()


def test_everything_refers_to_what_was_put_before(place):
    roster = Roster()
    for thing in place.things():
        assert ID_PATTERN.match(thing.id)
        for attribute, held in (("site_id", roster.sites), ("zone_id", roster.zones), ("device_id", roster.device_rows)):
            if (wanted := getattr(thing, attribute, None)) is not None:
                assert wanted in held, (thing.id, attribute)
        for wanted in (getattr(thing, "gateway_id", None), getattr(thing, "parent_id", None)):
            assert wanted is None or wanted in roster.device_rows or wanted in roster.zones, thing.id
        roster.put(thing)
    assert len(roster.device_rows) == len(place.devices)
    assert len(roster.circuits) == len(place.circuits)
    assert len(roster.device_row_of_address) == len(place.devices)


def test_what_is_measured_is_canonical_and_measured_once(place):
    ids = {device.id for device in place.devices}
    named = [(signal.device_id, signal.metric) for signal in place.signals]
    assert len(set(named)) == len(named)
    assert all(device_id in ids and base_metric(metric) in METRICS for device_id, metric in named)


def test_every_load_has_its_circuit_and_the_reverse(place):
    assert {(load.device_id, load.channel) for load in place.loads} == {(c.device_id, c.channel) for c in place.circuits}


def test_only_trialled_circuits_have_a_class(place):
    for circuit in place.circuits:
        assert (circuit.trial is None) == (circuit.circuit_class is CircuitClass.UNCLASSIFIED)


def test_the_story_speaks_of_things_that_are_there(place):
    ids, signals = {device.id for device in place.devices}, {(s.device_id, s.metric) for s in place.signals}
    loads = {(load.device_id, load.channel) for load in place.loads}
    for beat in place.story.beats:
        assert beat.device_id in ids
        assert not hasattr(beat, "metric") or (beat.device_id, beat.metric) in signals
        assert not hasattr(beat, "channel") or (beat.device_id, beat.channel) in loads


def test_the_mall_is_as_large_as_promised():
    place = mall()
    assert 280 <= len(place.devices) <= 320
    assert len([zone for zone in place.zones if zone.parent_id in ("mall-f1", "mall-f2", "mall-f3")]) == 60
    kinds = {device.kind for device in place.devices}
    assert kinds >= {"smoke", "heat", "gas", "electrical", "water", "switch", "gateway"}
    assert {device.codec for device in place.devices} == {"native", "zigbee2mqtt"}
    assert {circuit.circuit_class for circuit in place.circuits} >= {CircuitClass.FIRE, CircuitClass.LIFE, CircuitClass.UNCLASSIFIED}


def test_the_device_for_publishing_stands_in_a_kitchen_with_a_circuit_to_cut():
    place = mall()
    (device,) = [device for device in place.devices if device.id == PUBLISH_DEVICE]
    assert (device.kind, device.zone_id, device.address) == ("gas", PUBLISH_ZONE, "mall/demo-gas")
    assert [c for c in place.circuits if c.zone_id == PUBLISH_ZONE and c.circuit_class is CircuitClass.USE and c.trial]


def test_the_first_devices_of_a_scenario_stand_alone():
    place = scenario("mall", 50)
    assert len(place.devices) == 50
    ids = {device.id for device in place.devices}
    assert {signal.device_id for signal in place.signals} <= ids
    assert {beat.device_id for beat in place.story.beats} <= ids
    assert len(scenario("crowd", 250).devices) == 250


@pytest.mark.parametrize(("name", "devices", "why"), [("moon", None, "there are"), ("mall", 0, "at least one"), ("mall", 9_999, "crowd")])
def test_a_scenario_that_cannot_be_is_refused(name, devices, why):
    with pytest.raises(ValueError, match=why):
        scenario(name, devices)
