"""Live = replay = restart: after any story, with crashes and snapshots in between, the state made again equals the state that lived."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from alarms.errors import AlarmError
from alarms.requests import Acknowledge, Note, Reset
from app.restore import replay, restore
from power.errors import PowerError
from power.requests import Cut, Restore
from tests.scenarios.house import House
from tests.scenarios.sample import kitchen


def state_of(house_core: object) -> bytes:
    def plain(value: object) -> object:
        if isinstance(value, np.ndarray):
            return [value.dtype.str, value.tobytes()]
        raise TypeError(type(value))

    return msgspec.msgpack.encode(house_core.dump(), enc_hook=plain)  # type: ignore[attr-defined]


def live_a_little(house: House, rng: random.Random) -> None:
    """One random thing happens."""
    match rng.randrange(12):
        case 0 | 1 | 2:
            house.hear(rng.choice(["gas-1", "gas-2"]), lel=rng.choice([1.0, 24.0, 27.0, 52.0, 60.0]))
        case 3:
            house.hear("smoke-1", smoke_alarm=rng.choice([0, 0, 1]))
        case 4 | 5:
            closed = rng.choice([0, 1])
            amps = rng.choice([0.0, 5.0]) if not closed else 5.0
            house.hear("switch", closed__1=closed, current_a__1=amps, voltage_v__1=231.0 if amps else 2.0, current_a__3=2.0)
        case 6:
            house.hear("gas-1", ts=house.clock.now_ms() - rng.choice([0, 40_000, 900_000]), lel=rng.choice([1.0, 55.0]))
        case 7:
            ids = tuple(alarm.id for alarm in house.alarms[: rng.randrange(1, 3)]) or ("nothing",)
            request = rng.choice(
                [Acknowledge(alarm_ids=ids, who="a"), Reset(alarm_ids=ids, who="a"), Note(alarm_id=ids[0], who="a", note="n")]
            )
            with_refusal(house, request)
        case 8:
            with_refusal(house, Cut(key=str(rng.random()), circuit_ids=("stove", "pump"), who="a", reason="r"))
        case 9:
            with_refusal(house, Restore(key=str(rng.random()), circuit_id="stove", who="a", second="b", reason="r"))
        case 10:
            for _, body in house.outlet.published[-1:]:
                house.reply("switch", body["id"], rng.choice(["done", "done", "rejected", "failed"]))
        case 11:
            house.outlet.is_up = rng.random() < 0.8
            house.outlet.answers = rng.random() < 0.8
    house.run(rng.choice([0.1, 0.1, 0.5, 2, 11]))


def with_refusal(house: House, request: object) -> None:
    """Ask, and take a refusal for an answer: it belongs to the story."""
    with contextlib.suppress(AlarmError, PowerError):
        house.ask(request)


@pytest.mark.parametrize("seed", range(12))
def test_the_state_made_again_equals_the_state_that_lived(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    house = House(tmp_path, kitchen())
    for _ in range(60):
        live_a_little(house, rng)
        if rng.random() < 0.05:
            house.snapshot()
        if rng.random() < 0.05:
            house.crash(down_ms=rng.choice([0, 5_000, 120_000]))
    lived = state_of(house.warden)
    assert state_of(restore(tmp_path / "snapshots", house.journal).warden) == lived, f"seed {seed}"


@pytest.mark.parametrize("seed", range(6))
def test_what_the_projections_are_given_again_equals_what_they_were_given(seed: int, tmp_path: Path) -> None:
    rng = random.Random(100 + seed)
    house = House(tmp_path, kitchen())
    for _ in range(40):
        live_a_little(house, rng)
    lived = {stepped.position: stepped for stepped in house.steps}
    after = rng.randrange(len(lived))
    again = list(replay(tmp_path / "snapshots", house.journal, after))
    assert [stepped.position for stepped in again] == [position for position in lived if position > after]
    for stepped in again:
        assert stepped.outcome == lived[stepped.position].outcome
        assert stepped.history.values.tobytes() == lived[stepped.position].history.values.tobytes()


@pytest.mark.parametrize("seed", range(6))
def test_no_circuit_has_two_open_orders_and_no_order_goes_out_after_its_expiry(seed: int, tmp_path: Path) -> None:
    rng = random.Random(200 + seed)
    house = House(tmp_path, kitchen())
    seen: dict[str, tuple[str, int]] = {}
    for _ in range(60):
        live_a_little(house, rng)
        if rng.random() < 0.1:
            house.crash(down_ms=rng.choice([0, 20_000, 60_000]))
        circuits = [order.circuit_id for order in house.warden.orders.open.values()]
        assert len(circuits) == len(set(circuits)), f"seed {seed}"
    for _, body in house.outlet.published:
        assert body["circuit"] == "1", f"seed {seed}: something else than the stove was ordered"
        assert body["issued"] < body["expires"]
        assert seen.setdefault(body["id"], (body["action"], body["expires"])) == (body["action"], body["expires"])
    restores = [body["id"] for _, body in house.outlet.published if body["action"] == "restore"]
    assert len(restores) == len(set(restores)), f"seed {seed}: a restore was sent twice"
