"""A house on the manual clock whose devices speak through a broker that keeps what nobody acknowledged, and says it again.

`kill` ends it as `kill -9` does: the journal's files are taken as they lie, with the write-ahead log, and may be damaged before the next
life begins on them. It watches what was acknowledged, so that the checker can ask for exactly that.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from app.restore import replay, restore
from app.stepped import Stepped
from ingest.heard import Message
from storage import snapshots
from storage.journal_salvage import wal_path
from tests.faults.checker import Kept, Reading, Sent, kept_of
from tests.scenarios.house import House

Told = tuple[str, bytes, Reading | None]  # topic, payload, what it says
NUMBER = "number"  # the metric that tells one message from all others


class BrokeredHouse(House):
    """`say` is a QoS 1 message of a native device with a number of its own. `acknowledged` and `sent` grow by what the scan has
    acknowledged; `waiting` is what the broker still has."""

    def __init__(self, folder: Path, things: Iterable[tuple[str, Any]] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.sent = Sent()
        self.waiting: dict[int, Told] = {}  # by message id
        self.numbers = 0
        self._epoch, self._lives = 1, 0
        super().__init__(folder, things)

    # -- speaking --------------------------------------------------------------------------------------------------

    def say(self, device: str, ts: int | None = None, is_timed: bool = True, **values: float) -> None:
        """A reading, at the device's time `ts` (now without it). Not `is_timed`: at which time it is kept is the service's to settle."""
        self.give(*self.compose(device, ts, is_timed, **values))

    def compose(self, device: str, ts: int | None = None, is_timed: bool = True, **values: float) -> Told:
        """The message of `say`, for `give` later or more than once."""
        self.numbers += 1
        number = float(self.numbers)
        taken_ms = self.clock.now_ms() if ts is None else ts
        named = {name.replace("__", "."): value for name, value in values.items()} | {NUMBER: number}
        payload = json.dumps({"ts": taken_ms, "values": named}).encode()
        return f"sitewarden/v1/site/{device}/telemetry", payload, (device, taken_ms if is_timed else -1, number)

    def give(self, topic: str, payload: bytes, says: Reading | None = None) -> None:
        """Any message at QoS 1."""
        self._mid += 1
        self.waiting[self._mid] = (topic, payload, says)
        self._hand_over(self._mid)

    def redeliver(self) -> None:
        """A new connection: everything unacknowledged comes again, in order."""
        self._epoch += 1
        for mid in self.waiting:
            self._hand_over(mid)

    def _hand_over(self, mid: int) -> None:
        topic, payload, _ = self.waiting[mid]
        self.inbox.put(Message(topic, payload, 1, False, self.clock.now_ms(), mid, self._epoch))

    def once(self) -> None:
        super().once()
        self.take_acks()
        if self.outlet.redeliveries:
            self.outlet.redeliveries = 0
            self.redeliver()

    def take_acks(self) -> None:
        for epoch, mid in self.outlet.acks:
            if epoch == self._epoch and mid in self.waiting:
                says = self.waiting.pop(mid)[2]
                if says is not None and says[1] < 0:
                    self.sent.numbers.add((says[0], says[2]))
                elif says is not None:
                    self.sent.readings.add(says)
        self.outlet.acks.clear()

    # -- dying -----------------------------------------------------------------------------------------------------

    def kill(self, harm: Callable[[Path], None] | None = None, down_ms: int = 0) -> list[tuple[int, int]]:
        """End without a word, suffer `harm` (called with the journal's path), start again. Returns the damage that the restart names."""
        self._lives += 1
        life = self.folder.with_name(f"{self.folder.name.partition('~')[0]}~{self._lives}")
        life.mkdir()
        for path in (self.folder / "journal.db", wal_path(self.folder / "journal.db")):
            if path.exists():
                shutil.copyfile(path, life / path.name)
        if (self.folder / "snapshots").exists():
            shutil.copytree(self.folder / "snapshots", life / "snapshots")
        self.journal.close()
        self.folder = life
        if harm is not None:
            harm(life / "journal.db")
        self.clock.advance(down_ms)
        self._open()
        damaged = restore(self.folder / "snapshots", self.journal).damaged
        self.connect()
        self.redeliver()
        self.once()
        return damaged

    # -- looking at it ---------------------------------------------------------------------------------------------

    def replayed(self, after: int = 0) -> list[Stepped]:
        """What the projections are given from the files on disk."""
        return list(replay(self.folder / "snapshots", self.journal, after))

    def kept(self, after: int = 0) -> Kept:
        return self.kept_of(self.replayed(after))

    def kept_of(self, steps: Iterable[Stepped]) -> Kept:
        kept = kept_of(steps, self.warden.configuration.roster, NUMBER)
        kept.open_alarms = [(alarm.rule_id, alarm.subject) for alarm in self.alarms]
        kept.commands = [(body["id"], body["action"]) for _, body in self.outlet.published]
        return kept

    @property
    def snapshot_position(self) -> int:
        return snapshots.positions(self.folder / "snapshots")[-1]
