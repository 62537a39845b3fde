"""The fleet: seeded, within bounds, following the story; the story's rounds; the breakers' table."""

from __future__ import annotations

import numpy as np
import pytest

from simulators.breakers import Behaviour, Change, answer
from simulators.factory import factory
from simulators.fleet import Fleet
from simulators.mall import STORY_KITCHEN, mall
from simulators.story import Calm, Claim, Ramp, Silence, Story
from sites.metrics import implausible


def lived(fleet: Fleet, seconds: float, dt_s: float = 0.5) -> None:
    for _ in range(round(seconds / dt_s)):
        fleet.step(dt_s)


def lel(fleet: Fleet, device_id: str) -> float:
    return fleet.reading(fleet.device_rows[device_id])["lel"]


def test_the_same_seed_lives_the_same_life_and_another_does_not():
    def life(seed: int) -> list[float]:
        fleet, out = Fleet(mall(), seed), []
        for _ in range(40):
            fleet.step(0.5)
            out += [value for row in fleet.due() for value in fleet.reading(row).values()]
        return out

    assert life(3) == life(3)
    assert life(3) != life(4)


@pytest.mark.parametrize("make", [mall, factory])
def test_nothing_implausible_is_ever_measured(make):
    place = make()
    fleet = Fleet(place, 1)
    for _ in range(700):
        fleet.step(1.0)
        for row in fleet.due():
            for metric, value in fleet.reading(row).items():
                assert implausible(metric, value) is None, (place.devices[row].id, metric, value)


def test_every_device_that_measures_is_heard_within_five_seconds():
    place = mall()
    fleet, heard = Fleet(place, 1), set()
    for _ in range(50):
        fleet.step(0.1)
        heard |= set(fleet.due())
    assert {place.devices[row].id for row in range(len(place.devices)) if row not in heard} == {"demo-gas"}


def test_the_kitchen_leak_passes_25_then_50_and_a_second_head_follows():
    fleet = Fleet(mall(), 1)
    lived(fleet, 14)
    assert 27 < lel(fleet, f"{STORY_KITCHEN}-gas-1") < 45
    assert lel(fleet, f"{STORY_KITCHEN}-gas-2") < 10
    lived(fleet, 42)
    assert lel(fleet, f"{STORY_KITCHEN}-gas-1") > 52
    assert lel(fleet, f"{STORY_KITCHEN}-gas-2") > 27


def test_gas_sinks_when_the_kitchens_power_is_cut():
    fleet = Fleet(mall(), 1)
    lived(fleet, 40)
    load = fleet.load_row(f"{STORY_KITCHEN}-switch", "")
    assert load is not None
    fleet.set_drawing(load, 0)
    fleet.set_contact(load, 0)
    before = lel(fleet, f"{STORY_KITCHEN}-gas-1")
    lived(fleet, 20)
    assert 10 < lel(fleet, f"{STORY_KITCHEN}-gas-1") < before - 8
    lived(fleet, 180)
    assert lel(fleet, f"{STORY_KITCHEN}-gas-1") < 5


def test_a_dead_circuit_draws_nothing_and_has_no_voltage():
    fleet = Fleet(mall(), 1)
    lived(fleet, 2)
    row, load = fleet.device_rows["mall-f1-s01-switch"], fleet.load_row("mall-f1-s01-switch", "2")
    assert load is not None
    on = fleet.reading(row)
    assert on["closed.2"] == 1
    assert on["current_a.2"] > 1
    assert on["voltage_v.2"] > 200
    fleet.set_drawing(load, 0)
    fleet.set_contact(load, 0)
    off = fleet.reading(row)
    assert (off["closed.2"], off["current_a.2"]) == (0, 0)
    assert off["voltage_v.2"] < 50
    assert off["current_a.1"] > 1
    assert row in fleet.due()


def test_a_claim_shows_off_while_the_load_goes_on():
    fleet = Fleet(mall(), 1)
    fleet.play(Claim(at_s=0, device_id="mall-f1-s12-switch", channel="2", position=0))
    reading = fleet.reading(fleet.device_rows["mall-f1-s12-switch"])
    assert reading["closed.2"] == 0
    assert reading["current_a.2"] > 1
    fleet.play(Claim(at_s=0, device_id="mall-f1-s12-switch", channel="2", position=None))
    assert fleet.reading(fleet.device_rows["mall-f1-s12-switch"])["closed.2"] == 1


def test_a_silent_gateway_silences_what_is_heard_through_it_and_comes_back():
    place = mall()
    place.story = Story((Silence(at_s=20, device_id="mall-gw-b1", for_s=60),))
    fleet = Fleet(place, 1)
    lived(fleet, 20)
    silenced = {row for row, d in enumerate(place.devices) if d.gateway_id == "mall-gw-b1" or d.id == "mall-gw-b1"}
    assert len(silenced) > 5
    spoke: set[int] = set()
    for _ in range(110):
        fleet.step(0.5)
        spoke |= set(fleet.due())
    assert not spoke & silenced
    for _ in range(100):
        fleet.step(0.5)
        spoke |= set(fleet.due())
    assert silenced <= spoke


def test_a_contact_jumps_and_reports_at_once_and_calm_ends_it():
    fleet = Fleet(mall(), 1)
    lived(fleet, 10)
    row = fleet.device_rows["mall-f1-s01-smoke"]
    fleet.due()
    fleet.play(Ramp(at_s=0, device_id="mall-f1-s01-smoke", metric="smoke_alarm", to=1))
    fleet.step(0.1)
    assert row in fleet.due()
    assert fleet.reading(row)["smoke_alarm"] == 1
    fleet.play(Calm(at_s=0, device_id="mall-f1-s01-smoke", over_s=0))
    fleet.step(0.1)
    assert row in fleet.due()
    assert fleet.reading(row)["smoke_alarm"] == 0


def test_a_story_goes_round_and_each_beat_comes_once_a_round():
    story = Story((Calm(at_s=1, device_id="a"), Calm(at_s=10, device_id="b"), Calm(at_s=15, device_id="c")), loops_from_s=10, period_s=10)
    played = [(beat.at_s, beat.device_id) for step in np.arange(0, 60, 0.5) for beat in story.between(step, step + 0.5)]
    assert played == [(1, "a"), *((10 + 5 * i, "bc"[i % 2]) for i in range(10))]
    assert Story((Calm(at_s=1, device_id="a"),)).between(50, 100) == []


@pytest.mark.parametrize(
    ("behaviour", "load_after_cut", "contact_after_cut", "result"),
    [
        (Behaviour.OBEY, 0, 0, "done"),
        (Behaviour.LAG, 0, 0, "done"),
        (Behaviour.REFUSE, 1, 1, "rejected"),
        (Behaviour.LIE, 1, 0, "done"),
        (Behaviour.IGNORE, 1, 1, None),
        (Behaviour.FLIP_BACK, 1, 1, "done"),
    ],
)
def test_each_behaviour_ends_as_its_name_says(behaviour, load_after_cut, contact_after_cut, result):
    state = {Change.LOAD: 1, Change.CONTACT: 1, Change.REPLY: (None, "")}
    effects = answer(behaviour, "cut")
    assert [effect.after_s for effect in effects] == sorted(effect.after_s for effect in effects)
    for effect in effects:
        state[effect.change] = effect.value
    assert (state[Change.LOAD], state[Change.CONTACT], state[Change.REPLY][0]) == (load_after_cut, contact_after_cut, result)


def test_an_expired_command_is_rejected_and_changes_nothing():
    (effect,) = answer(Behaviour.OBEY, "cut", is_expired=True)
    assert (effect.change, effect.value[0]) == (Change.REPLY, "rejected")
    with pytest.raises(KeyError):
        answer(Behaviour.OBEY, "toggle")
