"""B6: CPU time of a message on its way from the wire's bytes to its findings (decode, journal row, warden's step) with 1,000, 100,000 and
1,000,000 devices, ten level rules a point and a silence rule on every device.

Devices speak in random order, and every one of them has been heard before, with its clock learnt in full: what is measured is a message,
not a first contact. All sizes stand side by side in one process and take turns over messages of the same make.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.rows import Input, Placed, encode
from app.warden import Warden
from benchmarks.house import SITE, device
from ingest.clocks import KEPT, ClocksState
from ingest.decode import Decoder
from ingest.heard import Message
from rules.compile import compile
from rules.memory import Memory
from rules.model import Level, Rule, RuleKind, Severity
from sites.model import Site, Zone

RUNS = 3
SIZES = (1_000, 100_000, 1_000_000)
MESSAGES = 50_000  # of each size in a run
BATCH = 1_000  # messages of one scan
RULES = 10
BAR = 1.3
_START_MS = 1_800_000_000_000
_BATCH_MS = 50


def run() -> list[dict[str, Any]]:
    """Rows of the table: the cost of a message with 100,000 and with 1,000,000 devices over that with 1,000."""
    fleets = [Fleet(size) for size in SIZES]
    gc.collect()
    gc.freeze()  # as the service does once it has started
    try:
        taken = [[fleet.take(turn) for fleet in fleets] for turn in range(RUNS + 1)][1:]
    finally:
        gc.unfreeze()
    least, *more = (statistics.median(column) for column in zip(*taken, strict=True))
    rows = []
    for at, (size, cost) in enumerate(zip(SIZES[1:], more, strict=True), 1):
        shares = [each[at] / each[0] for each in taken]
        share = statistics.median(shares)
        rows.append(
            {
                "id": "B6",
                "name": f"cost of a message, {size:,} / {SIZES[0]:,} devices; {cost * 1e6:.1f} / {least * 1e6:.1f} us",
                "figure": round(share, 3),
                "unit": "x",
                "bar": f"<= {BAR}",
                "holds": share <= BAR,
                "runs": [round(value, 3) for value in shares],
            }
        )
    return rows


class Fleet:
    """A warden and a decoder that know `size` devices."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.now_ms = _START_MS
        self.position = 0
        self.warden = _furnished(size)
        self.decoder = Decoder(self.warden.configuration.roster)
        self.chance = random.Random(size)
        everyone = list(range(size))
        self.chance.shuffle(everyone)
        for start in range(0, size, BATCH):
            self._scan(self._messages(everyone[start : start + BATCH]))

    def take(self, turn: int) -> float:
        """CPU seconds a message, over MESSAGES of devices by chance."""
        batches = [self._messages(self.chance.choices(range(self.size), k=BATCH), at * _BATCH_MS) for at in range(MESSAGES // BATCH)]
        took_s = 0.0
        for batch in batches:
            began = time.process_time()
            self._scan(batch)
            took_s += time.process_time() - began
        return took_s / MESSAGES

    def _messages(self, numbers: Sequence[int], later_ms: int = 0) -> list[Message]:
        """As the broker gives them: topics and payloads of their own, with the device's time."""
        made = []
        for at, number in enumerate(numbers):
            arrived = self.now_ms + later_ms + at * _BATCH_MS // BATCH
            payload = b'{"ts":%d,"values":{"temperature":%.1f}}' % (arrived - 3, 20.0 + self.chance.random() * 9)
            made.append(Message(f"sitewarden/v1/{SITE}/d{number}/telemetry", payload, 1, False, arrived, at + 1, 1))
        return made

    def _scan(self, messages: list[Message]) -> None:
        """What the scan does with a drain, without the disk."""
        heard = self.decoder.decode(messages)
        assert len(heard.readings) == len(messages), heard.items[:3]
        self.now_ms += _BATCH_MS
        self.position += 1
        given = Input(self.now_ms, heard.readings, [Placed(index, self.now_ms, item) for index, item in heard.items])
        assert encode(given)
        self.warden.step(given, self.position)


def _furnished(size: int) -> Warden:
    warden = Warden()
    roster = warden.configuration.roster
    roster.put(Site(id=SITE, enterprise_id="e", name="site"))
    roster.put(Zone(id="z", site_id=SITE, name="zone"))
    for number in range(size):
        roster.put(device(number))
        roster.add_point(f"d{number}", "temperature")
    level = RuleKind.LEVEL
    rules = [
        Rule(id=f"l{at}", name="level", kind=level, metric="temperature", levels=(_limit(80.0 + at, 2.0),), hold_s=5.0, clear_hold_s=10.0)
        for at in range(RULES)
    ]
    rules.append(Rule(id="silence", name="silence", kind=RuleKind.SILENCE, levels=(_limit(2.5),)))
    warden.configuration.rules = {rule.id: rule for rule in rules}
    warden.program = compile(rules, roster)
    warden.memory = Memory(warden.program)
    rows, nothing = np.arange(size, dtype=np.int32), np.zeros(size, np.int64)
    known = ClocksState(rows, np.full((size, KEPT), 3, np.int64), nothing + KEPT, nothing + _START_MS - 1_000, nothing + _START_MS - 997)
    warden.clocks.load(known)
    return warden


def _limit(limit: float, deadband: float = 0.0) -> Level:
    return Level(limit=limit, severity=Severity.HIGH, deadband=deadband)
