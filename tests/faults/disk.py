"""F5: the disk under the data directory full, the journal's last row torn, a byte of its file flipped.

A full disk loses nothing that was acknowledged, and takes the rest afterwards. A torn row was never acknowledged. A flipped byte is found,
its span named, nothing is decided from it, and every other row is given on as it was.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from app.stepped import Stepped
from storage.journal_rows import PAGE_BYTES
from storage.journal_salvage import wal_path
from tests.faults.brokered import NUMBER, BrokeredHouse
from tests.faults.checker import Verdict, compare, kept_of
from tests.scenarios.sample import kitchen
from tests.storage.disks import fill_up, small_disk

DEVICES = ("gas-1", "gas-2", "smoke-1", "switch")
_DISK_MB = 4


def full(folder: Path, seed: int) -> Verdict:
    """The disk fills up under load, a fire breaks out meanwhile, the service may be killed on the full disk, then there is room again."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    with small_disk(folder / "disk", _DISK_MB) as disk:
        house = BrokeredHouse(disk / "data", kitchen())
        try:
            _talk(house, chance, 40)
            fill_up(disk / "hog")
            _until_full(house, chance)
            verdict = compare(house.sent, house.kept())
            house.say("smoke-1", smoke_alarm=1)
            house.run(1)
            if not any(alarm.rule_id == "smoke" and alarm.is_unrecorded for alarm in house.alarms):
                verdict.lost.append("the fire on a full disk is not shown as unrecorded")
            if chance.random() < 0.5:
                house.crash(down_ms=chance.randrange(5_000))
                house.redeliver()
                _talk(house, chance, 10)
                verdict.add(compare(house.sent, house.kept()), "killed on the full disk: ")
            (disk / "hog").unlink()
            house.sent.fires.add("smoke-1")
            _talk(house, chance, 20)
            house.run(2)
            if house.waiting:
                verdict.lost.append(f"{len(house.waiting)} messages were never acknowledged after there was room again")
            verdict.add(compare(house.sent, house.kept()), "after it: ")
            return verdict
        finally:
            house.journal.close()


def torn(folder: Path, seed: int) -> Verdict:
    """Killed in the middle of writing a row: anything of that row, or nothing, is in the file."""
    chance = random.Random(seed)
    house = BrokeredHouse(folder / "data", kitchen())
    _talk(house, chance, 30)
    if chance.random() < 0.5:
        house.snapshot()
    _talk(house, chance, chance.randrange(1, 30))
    log = wal_path(house.folder / "journal.db")
    for _ in range(chance.randrange(1, 6)):
        _say(house, chance)
    before, acknowledged = log.stat().st_size, set(house.sent.readings)
    waiting = dict(house.waiting)
    house.clock.advance(100)
    house.once()
    house.sent.readings, house.waiting = acknowledged, waiting  # it died before it could acknowledge
    size = chance.randrange(before, log.stat().st_size)

    def tear(journal: Path) -> None:
        with open(wal_path(journal), "r+b") as file:
            file.truncate(size)
            if chance.random() < 0.5:  # or the blocks are there and hold what was there before
                file.write(b"")
                file.seek(size)
                file.write(chance.randbytes(chance.randrange(1, 2 * PAGE_BYTES)))

    damaged = house.kill(tear, down_ms=chance.randrange(2_000))
    _talk(house, chance, 20)
    house.run(1)
    verdict = compare(house.sent, house.kept())
    if damaged:
        verdict.lost.append(f"a row that was never acknowledged is named as damage: {damaged}")
    if house.waiting:
        verdict.lost.append(f"{len(house.waiting)} messages were never acknowledged")
    house.journal.close()
    return verdict


def flipped(folder: Path, seed: int) -> Verdict:
    """A snapshot, a story, a kill; one byte of what lies on the disk is not what was written."""
    chance = random.Random(seed)
    house = BrokeredHouse(folder / "data", kitchen())
    for device in DEVICES:
        house.say(device)
    _talk(house, chance, 20)
    house.snapshot()
    since = house.snapshot_position
    _talk(house, chance, 60)
    house.say("gas-1", lel=60)
    house.sent.fires.add("gas-1")
    house.run(0.2)
    if chance.random() < 0.5:
        house.journal.close()  # everything is in the file, nothing in its log
        house._open()
    lived = {stepped.position: stepped for stepped in house.steps if stepped.position > since}

    def flip(journal: Path) -> None:
        log = wal_path(journal)
        path = log if log.exists() and log.stat().st_size and chance.random() < 0.7 else journal
        at = chance.randrange(path.stat().st_size)
        with open(path, "r+b") as file:
            file.seek(at)
            octet = file.read(1)[0]
            file.seek(at)
            file.write(bytes([octet ^ 1 << chance.randrange(8)]))

    house.kill(flip)
    verdict = _compare_rows(house, lived, since)
    house.say("gas-1", lel=61)  # what burns goes on burning
    _talk(house, chance, 20)
    house.run(1)
    roster = house.warden.configuration.roster
    last = max(lived)
    named = {p for first, past in house.journal.damage(since) for p in range(first, past + 1)}
    gone = kept_of((lived[p] for p in named if p in lived), roster, NUMBER)
    before = kept_of((s for p, s in lived.items() if p not in named), roster, NUMBER)
    kept = house.kept(since)
    kept.named = set(gone.readings)
    kept.readings += kept_of((s for s in house.steps if s.position <= since), roster, NUMBER).readings
    verdict.add(compare(house.sent, kept))
    if not before.readings or last <= since:
        verdict.invented.append("the story is empty: nothing was tried")
    if house.waiting:
        verdict.lost.append(f"{len(house.waiting)} messages were never acknowledged")
    house.journal.close()
    return verdict


def _compare_rows(house: BrokeredHouse, lived: dict[int, Stepped], since: int) -> Verdict:
    """Each position lived is given on as it was, or named."""
    verdict = Verdict()
    again = {stepped.position: stepped for stepped in house.replayed(since)}
    named = {p for first, last in house.journal.damage(since) for p in range(first, last + 1)}
    for position, stepped in lived.items():
        if position in named:
            if position in again:
                verdict.invented.append(f"position {position} is named as damaged and decided from")
        elif position not in again:
            verdict.lost.append(f"position {position} is gone and not named")
        elif not np.array_equal(again[position].history.values, stepped.history.values):
            verdict.lost.append(f"position {position} does not say what it said")
    return verdict


def _talk(house: BrokeredHouse, chance: random.Random, times: int) -> None:
    for _ in range(times):
        _say(house, chance)
        house.run(chance.choice([0.1, 0.1, 0.3]))


def _say(house: BrokeredHouse, chance: random.Random) -> None:
    device = chance.choice(DEVICES)
    house.clock.advance(1)  # no two of one device at one time
    if device.startswith("gas") and not house.sent.fires:
        house.say(device, lel=chance.uniform(0, 5))
    else:
        house.say(device)


def _until_full(house: BrokeredHouse, chance: random.Random) -> None:
    for _ in range(2_000):
        _say(house, chance)
        house.run(0.1)
        if house.scan.volatile is not None:
            return
    raise AssertionError("the disk never became full")
