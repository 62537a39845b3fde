"""F10: the whole core on a manual clock, a day of plant life by seed, faults wherever they strike; live = replay = restart after it.

The house is the real one (scan, warden, decoder, courier, snapshots); its journal lives in memory and can be full, or die with the process
just before or just after a row is durable. Everything that happens follows from the seed, so a failing seed fails again.
"""

from __future__ import annotations

import contextlib
import random
import zlib
from concurrent.futures import TimeoutError as Unanswered
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from alarms.errors import AlarmError
from alarms.requests import Acknowledge, Note, Reset
from app.restore import restore
from app.rows import ConfigChanged, Connection, decode
from app.stepped import Stepped
from app.warden import Warden
from ingest.heard import Availability
from power.errors import PowerError
from power.requests import Cut, Restore
from storage.journal import MemoryJournal
from tests.faults.brokered import BrokeredHouse, Told
from tests.faults.checker import Verdict, compare
from tests.faults.plant_life import HALL, Plant

STEPS = 45
_BEFORE, _AFTER = "before", "after"  # a row is durable


class Killed(Exception):
    """The process ended here."""


class MortalJournal(MemoryJournal):
    """`dies` says where the next row ends the process."""

    dies = ""

    def append(self, expected_position: int, row: bytes) -> int:
        dies, self.dies = self.dies, ""
        if dies == _BEFORE:
            raise Killed
        position = super().append(expected_position, row)
        if dies == _AFTER:
            raise Killed
        return position


class SimulatedHouse(BrokeredHouse):
    """Its journal outlives it. `lived` is what was stepped while the journal took every row, by position."""

    def __init__(self, folder: Path, plant: Plant) -> None:
        self.mortal = MortalJournal()
        self.lived: dict[int, Stepped] = {}
        self.is_tainted = False  # it was volatile in this life: what it decided then is nowhere written
        self.deaths = 0
        super().__init__(folder, plant.things())

    def open_journal(self) -> MortalJournal:
        return self.mortal

    def once(self) -> None:
        seen = len(self.steps)
        try:
            super().once()
        except Killed:
            self.restart()
            return
        self.is_tainted |= self.scan.volatile is not None
        if not self.is_tainted:
            self.lived |= {stepped.position: stepped for stepped in self.steps[seen:]}

    def restart(self, down_ms: int = 0) -> None:
        """Nothing is left but the journal and the snapshots; the broker still has what was not acknowledged."""
        self.deaths += 1
        self.mortal.most_bytes, self.is_tainted = None, False
        self.outlet.acks.clear()
        self.outlet.delivered.clear()
        self.clock.advance(down_ms)
        self._open()
        self.connect()
        self.redeliver()
        self.once()

    def compose(self, device: str, ts: int | None = None, is_timed: bool = True, **values: float) -> Told:
        """What devices say that may be removed meanwhile need not be kept."""
        topic, payload, says = super().compose(device, ts, is_timed, **values)
        return topic, payload, None if device in HALL else says

    def ask_maybe(self, request: Any) -> None:
        """A person's request; a refusal is an answer, and a death is none."""
        with contextlib.suppress(AlarmError, PowerError, Unanswered):
            self.ask(request)


def run(folder: Path, seed: int) -> Verdict:
    """One seed."""
    chance = random.Random(seed)
    plant = Plant(chance)
    house = SimulatedHouse(folder, plant)
    post: list[Told] = []
    for _ in range(STEPS):
        _happen(house, plant, chance, post)
        if chance.random() < 0.25:
            _strike(house, chance)
        house.clock.advance(chance.choice([0, 50, 100, 1_000, 1_000, 5_000, 11_000, 61_000, 600_000, 1_800_000]))
        house.once()
    for told in post:
        house.give(*told)
    house.outlet.is_up = house.outlet.answers = True
    if house.is_tainted or house.mortal.most_bytes is not None:
        house.restart()
    for _ in range(3):
        house.clock.advance(1_000)
        house.once()
    return _judge(house, folder)


def _happen(house: SimulatedHouse, plant: Plant, chance: random.Random, post: list[Told]) -> None:
    """Something of an ordinary day."""
    match chance.randrange(16):
        case 0 | 1 | 2 | 3 | 4 | 5:
            for device, values in plant.report():
                told = house.compose(device, house.clock.now_ms() - chance.choice([0, 0, 0, 200, 5_000]), False, **values)
                for _ in range(chance.choice([1, 1, 1, 1, 2])):
                    house.give(*told)
        case 6:  # what a device queued while it could not speak
            device, values = plant.one()
            post.append(house.compose(device, house.clock.now_ms() - chance.choice([0, 40_000, 900_000]), False, **values))
        case 7:
            chance.shuffle(post)
            for told in post[: chance.randrange(4)]:
                house.give(*told)
                post.remove(told)
        case 8:
            ids = tuple(alarm.id for alarm in house.alarms[: chance.randrange(1, 4)]) or ("nothing",)
            kinds = (Acknowledge(alarm_ids=ids, who="a"), Reset(alarm_ids=ids, who="a"), Note(alarm_id=ids[0], who="a", note="n"))
            house.ask_maybe(chance.choice(kinds))
        case 9:
            house.ask_maybe(Cut(key=f"{chance.random()}", circuit_ids=("stove", "pump"), who="a", reason="r"))
        case 10:
            house.ask_maybe(Restore(key=f"{chance.random()}", circuit_id="stove", who="a", second="b", reason="r"))
        case 11:
            for _, body in house.outlet.published[-1:]:
                house.reply("switch", body["id"], chance.choice(["done", "done", "rejected", "failed"]))
        case 12 | 13:
            for kind, thing_id, thing in plant.edit():
                version = house.warden.configuration.versions.get((kind, thing_id), 0) + 1
                house.scan.put(ConfigChanged.of(kind, thing_id, version, thing))
        case 14:
            device = chance.choice(plant.devices)
            house.scan.put(_word_of(device, house.clock.now_ms(), chance))
        case 15:
            house.outlet.is_up = chance.random() < 0.8
            house.outlet.answers = chance.random() < 0.8


def _word_of(device: str, now_ms: int, chance: random.Random) -> Availability:
    return Availability(device_id=device, online=chance.random() < 0.5, arrived_ms=now_ms, retained=chance.random() < 0.2)


def _strike(house: SimulatedHouse, chance: random.Random) -> None:
    """A fault."""
    match chance.randrange(9):
        case 0:
            house.restart(chance.choice([0, 3_000, 90_000, 7_200_000]))
        case 1 | 2:
            house.mortal.dies = chance.choice([_BEFORE, _AFTER])
        case 3 | 4:
            if not house.is_tainted:
                house.snapshot()
        case 5:
            if not house.is_tainted:
                house.snapshot()
            _damage(house, chance)
        case 6:
            house.mortal.most_bytes = 0 if chance.random() < 0.7 else None
        case 7:
            house.scan.put(Connection(which=chance.choice(["telemetry", "commands"]), up=False))
        case 8:
            house.connect()
            house.redeliver()


def _damage(house: SimulatedHouse, chance: random.Random) -> None:
    """The newest snapshot is not what it was."""
    files = sorted((house.folder / "snapshots").glob("*.snapshot"))
    if files:
        octets = bytearray(files[-1].read_bytes())
        octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
        files[-1].write_bytes(octets[: chance.choice([len(octets), len(octets) // 2])])


def _judge(house: SimulatedHouse, folder: Path) -> Verdict:
    """Live = restart = replay from the first row, and what was acknowledged is kept once."""
    lived = state_of(house.warden)
    verdict = Verdict()
    verdict.invented += _differences("restart", lived, state_of(restore(folder / "snapshots", house.mortal).warden))
    again, steps = Warden(), {}
    for position, row in house.mortal.read(0):
        steps[position] = again.step(decode(row), position)
    verdict.invented += _differences("replay of everything", lived, state_of(again))
    for position, stepped in house.lived.items():
        made = steps[position]
        if made.outcome != stepped.outcome or made.history.values.tobytes() != stepped.history.values.tobytes():
            verdict.invented.append(f"position {position} decides otherwise when it is replayed")
    kept = house.kept_of(steps.values())
    kept.readings = [reading for reading in kept.readings if reading[0] not in HALL]
    verdict.add(compare(house.sent, kept))
    if house.waiting:
        verdict.lost.append(f"{len(house.waiting)} messages were never acknowledged")
    return verdict


def state_of(warden: Warden) -> dict[str, bytes]:
    """The parts of a warden's state, each as it would be kept."""
    state = warden.dump()
    return {each.name: msgspec.msgpack.encode(getattr(state, each.name), enc_hook=_plain) for each in fields(state)}


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.tobytes()]
    raise TypeError(type(value))


def _differences(what: str, lived: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return [
        f"after a {what}, {name} is another: {zlib.crc32(other[name]):08x}, {zlib.crc32(lived[name]):08x} lived"
        for name in lived
        if lived[name] != other[name]
    ]
