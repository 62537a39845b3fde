"""F6: duplicates, reordering, clocks 45 s and 15 min slow, and a day's backlog arriving at once, a fire at its end.

Every reading is kept, at the device's own time where its clock is right. What burns raises once, late only when it was late; a late fire
starts no linkage, a punctual one of a slow clock counts like any other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from heapq import heappop, heappush
from pathlib import Path

from power.model import OrderState
from tests.faults.brokered import BrokeredHouse, Told
from tests.faults.checker import Verdict, compare
from tests.scenarios.sample import device, kitchen

SLOW_MS = {"punctual": 0, "also-punctual": 300, "slow-45-s": 45_000, "slow-15-min": 900_000}
_EVERY_S = 10
_HOUR_MS = 3_600_000


class _Post:
    """Messages under way: each arrives after its own delay, some twice."""

    def __init__(self, house: BrokeredHouse, chance: random.Random) -> None:
        self._house, self._chance = house, chance
        self._under_way: list[tuple[int, int, Told]] = []
        self._sent = 0

    def send(self, message: Told, delay_ms: int) -> None:
        due_ms = self._house.clock.now_ms() + delay_ms
        for again in range(1 + (self._chance.random() < 0.2) + (self._chance.random() < 0.05)):
            self._sent += 1
            heappush(self._under_way, (due_ms + again * self._chance.randrange(1, 30_000), self._sent, message))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            while self._under_way and self._under_way[0][0] <= self._house.clock.now_ms():
                self._house.give(*heappop(self._under_way)[2])
            self._house.run(1)


def run(folder: Path, seed: int) -> Verdict:
    chance = random.Random(seed)
    extra = [("device", replace(device(name, "gas"), interval_s=36_000.0)) for name in (*SLOW_MS, "away")]
    house = BrokeredHouse(folder, [*kitchen(), *extra])
    post = _Post(house, chance)
    verdict = Verdict()
    for _ in range(6):  # clocks are learnt while all is well
        for name in (*SLOW_MS, "away"):
            _live(house, name)
        house.run(_EVERY_S)
    away_since_ms = house.clock.now_ms()
    for _ in range(12):
        for name, slow_ms in SLOW_MS.items():
            message = house.compose(name, house.clock.now_ms() - slow_ms, slow_ms < 30_000, lel=chance.uniform(0, 5))
            post.send(message, chance.choice([0, 0, chance.randrange(8_000), chance.randrange(20_000), 40_000]))
        if chance.random() < 0.2:
            house.kill(down_ms=chance.randrange(3_000))
        post.run(_EVERY_S)
    post.run(90)
    _pass(house, away_since_ms + int(chance.choice([1, 8, 23, 23.9]) * _HOUR_MS))
    house.say("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    _backlog(house, chance, away_since_ms)
    verdict.add(_late_fire(house))
    _live(house, "slow-15-min", lel=60)
    house.run(3)
    if house.warden.orders.open:
        verdict.invented.append("one punctual fire and a late one cut the power: two punctual ones are needed")
    _live(house, "slow-45-s", lel=60)
    house.say("switch", closed__1=1, current_a__1=5.0, voltage_v__1=231.0)
    house.run(2)
    house.sent.fires |= {"away", "slow-15-min", "slow-45-s"}
    verdict.add(_cut(house, chance))
    kept = house.kept()
    kept.quiet = {f"point:{name}:lel" for name in ("punctual", "also-punctual", "gas-1", "gas-2")}
    verdict.add(compare(house.sent, kept))
    late = {alarm.device_id for alarm in house.alarms if alarm.rule_id == "gas" and alarm.is_late}
    if late != {"away"}:
        verdict.invented.append(f"late are {sorted(late)}, and only what was away is")
    if house.waiting:
        verdict.lost.append(f"{len(house.waiting)} messages were never acknowledged")
    house.journal.close()
    return verdict


def _live(house: BrokeredHouse, name: str, lel: float = 1.0) -> None:
    slow_ms = SLOW_MS.get(name, 0)
    house.clock.advance(1)
    house.say(name, house.clock.now_ms() - slow_ms, slow_ms < 30_000, lel=lel)


def _pass(house: BrokeredHouse, until_ms: int) -> None:
    """Hours in which nothing is heard."""
    while house.clock.now_ms() < until_ms:
        house.clock.advance(min(600_000, until_ms - house.clock.now_ms()))
        house.once()


def _times(since_ms: int, now_ms: int) -> Iterator[int]:
    yield from range(since_ms + 60_000, now_ms - 120_000, 60_000)


def _backlog(house: BrokeredHouse, chance: random.Random, since_ms: int) -> None:
    """Everything that a device has kept comes in one moment; its last word is a fire, longer ago than any lateness."""
    times = list(_times(since_ms, house.clock.now_ms()))
    messages = [house.compose("away", at, lel=60.0 if at == times[-1] else 1.0) for at in times]
    for message in messages:
        for _ in range(1 + (chance.random() < 0.1)):
            house.give(*message)
    house.run(3)


def _late_fire(house: BrokeredHouse) -> Verdict:
    verdict = Verdict()
    burning = [alarm for alarm in house.alarms if alarm.device_id == "away" and alarm.rule_id == "gas"]
    if len(burning) != 1 or not burning[0].is_late:
        verdict.lost.append(f"the fire at the end of the backlog is not one late alarm: {burning}")
    if house.warden.orders.open:
        verdict.invented.append("a late fire cut the power")
    return verdict


def _cut(house: BrokeredHouse, chance: random.Random) -> Verdict:
    """The second punctual fire cuts the stove; the breaker obeys, and says everything twice."""
    verdict = Verdict()
    cuts = {body["id"] for _, body in house.outlet.published}
    if len(cuts) != 1:
        verdict.lost.append(f"two punctual fires made {len(cuts)} cuts")
        return verdict
    (order_id,) = cuts
    for _ in range(2):
        house.reply("switch", order_id)
    house.clock.advance(500)
    message = house.compose("switch", closed__1=0, current_a__1=0.0, voltage_v__1=1.0)
    for _ in range(chance.randrange(1, 4)):
        house.give(*message)
        house.run(0.5)
    house.run(2)
    house.sent.proofs.add(order_id)
    if house.order(order_id).state is not OrderState.PROVED:
        verdict.lost.append(f"the cut is {house.order(order_id).state}: {house.order(order_id).state_reason}")
    return verdict
