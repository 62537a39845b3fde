"""A house and a plant on one manual clock, wired to one another: for closing times with bad breakers, crashes and stepped clocks."""

from __future__ import annotations

from pathlib import Path

import orjson

from app.closing_time import PLAN
from app.rows import ConfigChanged
from ingest.heard import Message
from power.after_hours import AfterHours
from power.plans import Plan
from power.run_model import LIVE, Run
from simulators.place import Place
from simulators.plant import Plant
from sites.model import Circuit, Device, District, Enterprise, Site, Zone
from tests.scenarios.house import House

_KIND = {District: "district", Enterprise: "enterprise", Site: "site", Zone: "zone", Device: "device", Circuit: "circuit"}
TICK_MS = 250


class Night:
    """A house and a plant on one clock, wired to one another."""

    def __init__(self, folder: Path, place: Place, seed: int, plan: Plan = PLAN, begins_ms: int = 0) -> None:
        folder.mkdir(exist_ok=True)
        self.place = place
        self.house = House(folder)
        self.house.clock.advance(max(0, begins_ms - self.house.clock.now_ms()))
        for thing in place.things():
            self.house.scan.put(ConfigChanged.of(_KIND[type(thing)], thing.id, 1, thing))
        self.house.scan.put(ConfigChanged.of("plan", plan.id, 1, plan))
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

    def run(self) -> Run:
        return self.house.warden.runs.standing_runs()[-1]

    def called_out(self) -> set[str]:
        section = next(section for section in self.house.warden.sections if isinstance(section, AfterHours))
        return {each.circuit_id for fact in section.standing() for each in fact.body.circuits}
