"""A whole closing time on the manual clock with breakers that ignore, refuse, lie and flip back: one order each, all bad ones named (F8)."""

from __future__ import annotations

import random
from pathlib import Path

import orjson
import pytest

from app.closing_time import PLAN, judge
from app.rows import ConfigChanged
from ingest.heard import Message
from power.after_hours import AfterHours
from power.run_model import LIVE, RunState, StartPlan
from simulators.closing_time import closing_time
from simulators.place import Place
from simulators.plant import Plant
from sites.model import Circuit, Device, District, Enterprise, Site, Zone
from tests.scenarios.house import House

_KIND = {District: "district", Enterprise: "enterprise", Site: "site", Zone: "zone", Device: "device", Circuit: "circuit"}
TICK_MS = 250


class Night:
    """A house and a plant on one clock, wired to one another."""

    def __init__(self, folder: Path, place: Place, seed: int) -> None:
        self.place = place
        self.house = House(folder)
        for thing in place.things():
            self.house.scan.put(ConfigChanged.of(_KIND[type(thing)], thing.id, 1, thing))
        self.house.scan.put(ConfigChanged.of("plan", PLAN.id, 1, PLAN))
        self.house.once()
        self.plant = Plant(place, self._say, seed=seed)
        self.read = 0
        self.commands = 0

    def _say(self, topic: str, payload: bytes, qos: int, retain: bool) -> str | None:
        message = Message(topic, payload, 0, retain, self.house.clock.now_ms())
        (self.house.inbox.put_urgent if topic.endswith("/reply") else self.house.inbox.put)(message)
        return None

    def live(self, seconds: float) -> None:
        for _ in range(round(seconds * 1000 / TICK_MS)):
            self.house.clock.advance(TICK_MS)
            self.house.once()
            published = self.house.outlet.published
            for topic, payload in published[self.read :]:
                self.commands += 1
                self.plant.hear(Message(topic, orjson.dumps(payload), 1, False, self.house.clock.now_ms()))
            self.read = len(published)
            self.plant.tick(self.house.clock.now_ms(), TICK_MS / 1000)

    def crash(self, down_s: float) -> None:
        self.house.crash(down_ms=round(down_s * 1000))
        self.plant.tick(self.house.clock.now_ms(), min(down_s, 1.0))

    def go_on_until_it_ends(self) -> None:
        for _ in range(300):
            self.live(1.0)
            if self.run().state not in LIVE:
                return
        raise AssertionError(f"the run is {self.run().state} after five minutes: {self.run().counts}")

    def run(self):
        return self.house.warden.runs.standing_runs()[-1]

    def called_out(self) -> set[str]:
        section = next(section for section in self.house.warden.sections if isinstance(section, AfterHours))
        return {each.circuit_id for fact in section.standing() for each in fact.body.circuits}


def start(night: Night) -> None:
    night.live(12.0)
    night.house.ask(StartPlan(key="k", plan_id=PLAN.id, who="manager", reason="drill"))


def test_every_bad_breaker_of_a_night_is_named_and_nobody_else(tmp_path: Path) -> None:
    place = closing_time(240, bad_share=0.05, seed=3)
    night = Night(tmp_path, place, seed=3)
    start(night)
    night.go_on_until_it_ends()
    night.live(45.0)
    verdict = judge(place, night.run(), night.house.warden.runs.items(night.run().id), night.called_out())
    assert verdict.wrong == []
    assert len(verdict.bad) == 12
    assert verdict.named == set(verdict.bad)
    assert verdict.ends["left_on"] == 2, "the feeds of fire protection"


@pytest.mark.parametrize("seed", range(6))
def test_a_crash_in_the_middle_of_the_night_doubles_and_loses_nothing(seed: int, tmp_path: Path) -> None:
    choice = random.Random(seed)
    place = closing_time(60, bad_share=0.1, seed=seed)
    night = Night(tmp_path, place, seed=seed)
    start(night)
    for _ in range(choice.randint(1, 3)):
        night.live(choice.uniform(0.5, 12.0))
        if choice.random() < 0.5:
            night.house.snapshot()
            night.live(choice.uniform(0.25, 2.0))
        night.crash(choice.uniform(0.5, 5.0))
    night.go_on_until_it_ends()
    night.live(45.0)
    verdict = judge(place, night.run(), night.house.warden.runs.items(night.run().id), night.called_out())
    assert verdict.wrong == [], f"seed {seed}"
    assert night.run().state is RunState.DONE
