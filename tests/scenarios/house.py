"""A whole house on a manual clock: the real scan, warden, decoder, courier and journal; only the broker is a shipped-shape stand-in.

`House` is driven by hand: `hear` puts MQTT messages into the inbox, `ask` makes requests, `run` lets time pass. `crash` throws everything
away but the journal and the snapshots on disk, and starts again from those, as a restart does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from alarms.model import Alarm
from api.ports import Answer
from app.clock import ManualClock
from app.restore import restore
from app.rows import ConfigChanged, Connection, Resumed, Sent
from app.scan import Pace, Scan
from app.stepped import Stepped
from app.warden import Warden
from ingest.codecs import catalogue, table
from ingest.courier import Courier
from ingest.decode import Decoder
from ingest.heard import Message
from ingest.inbox import Inbox
from power.model import Order
from storage import snapshots
from storage.journal import JournalFull
from storage.journal_sqlite import SqliteJournal

STEP_MS = 100
CODECS = catalogue()
TELEMETRY, REPLIES = table("all", "", "zigbee2mqtt", CODECS)
ROUTES = (*TELEMETRY, *REPLIES)


class Disk(SqliteJournal):
    """The journal on a disk that can be full."""

    is_full = False

    def append(self, expected_position: int, row: bytes) -> int:
        if self.is_full:
            raise JournalFull("no space left on the device")
        return super().append(expected_position, row)


class Outlet:
    """Stands where the broker stands: keeps acknowledgements and what was published. `answers` False: it never acknowledges."""

    def __init__(self) -> None:
        self.acks: list[tuple[int, int]] = []
        self.published: list[tuple[str, Any]] = []  # payloads as JSON where they are
        self.asked: list[tuple[str, bytes]] = []  # what codecs asked: no orders, nobody waits for them
        self.delivered: list[str] = []
        self.redeliveries = 0
        self.is_up = True
        self.answers = True

    def acknowledge(self, acks: Iterable[tuple[int, int]]) -> None:
        self.acks += acks

    def redeliver(self) -> None:
        self.redeliveries += 1

    def publish(self, topic: str, payload: bytes, *, expiry_s: int | None = None, token: str = "") -> str | None:
        if not self.is_up:
            return "not connected to the broker"
        if not token:
            self.asked.append((topic, payload))
            return None
        self.published.append((topic, _read(payload)))
        if self.answers:
            self.delivered.append(token)
        return None


def _read(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")


class House:
    """See the module. `things` are the configuration that the house begins with."""

    def __init__(self, folder: Path, things: Iterable[tuple[str, Any]] = ()) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.outlet = Outlet()
        self.steps: list[Stepped] = []
        self._mid = 0
        self._open()
        for kind, thing in things:
            self.scan.put(ConfigChanged.of(kind, thing.id, thing.version, thing))
        self.connect()
        self.once()

    # -- its life --------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.journal = self.open_journal()
        self.warden: Warden = restore(self.folder / "snapshots", self.journal).warden
        self.inbox = Inbox()
        decoder = Decoder(self.warden.configuration.roster, ROUTES, CODECS)
        decoder.load(self.warden.codec_notes)
        courier = Courier(self.outlet, self.warden.configuration.roster, self.clock.now_ms, CODECS, decoder.recall)
        self.scan = Scan(
            self.warden, self.journal, self.clock.now_ms, self.inbox, decoder, self.outlet, courier, (), Pace(scan_max_ms=3_600_000)
        )
        self.scan.put(Resumed(since_ms=self.warden.now_ms))

    def open_journal(self) -> Any:
        return Disk(self.folder / "journal.db", reserve_bytes=0)

    def crash(self, down_ms: int = 0) -> None:
        """`kill -9` and start again: only what is on disk is left."""
        self.journal.close()
        self.clock.advance(down_ms)
        self._open()
        self.connect()
        self.once()

    def connect(self) -> None:
        for which in ("telemetry", "commands"):
            self.scan.put(Connection(which=which, up=True))

    def snapshot(self) -> None:
        snapshots.write(self.folder / "snapshots", self.journal.position, self.warden.dump())

    # -- driving it ------------------------------------------------------------------------------------------------

    def once(self) -> None:
        stepped = self.scan.once()
        if stepped is not None:
            self.steps.append(stepped)
        for token in self.outlet.delivered:
            order_id, _, attempt = token.rpartition("/")
            self.scan.put(Sent(order_id=order_id, attempt=int(attempt)))
        self.outlet.delivered.clear()

    def run(self, seconds: float) -> None:
        """Let time pass, a scan every 100 ms."""
        for _ in range(max(1, round(seconds * 1000 / STEP_MS))):
            self.clock.advance(STEP_MS)
            self.once()

    def hear(self, device: str, retain: bool = False, ts: int | None = None, **values: float) -> None:
        """A native reading; metrics with a suffix are written with `__` for the dot. Without `ts`, the device's time is now."""
        named = {name.replace("__", "."): value for name, value in values.items()}
        payload = {"ts": self.clock.now_ms() if ts is None else ts, "values": named}
        self._put(f"sitewarden/v1/site/{device}/telemetry", payload, retain)

    def deliver(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Any message of any ecosystem, now."""
        self.inbox.put(Message(topic, payload, qos, retain, self.clock.now_ms()))

    def reply(self, device: str, order_id: str, result: str = "done", reason: str = "") -> None:
        payload = json.dumps({"id": order_id, "result": result, "reason": reason}).encode()
        self.inbox.put_urgent(Message(f"sitewarden/v1/site/{device}/reply", payload, 1, False, self.clock.now_ms()))

    def _put(self, topic: str, payload: Any, retain: bool = False) -> None:
        self._mid += 1
        self.inbox.put(Message(topic, json.dumps(payload).encode(), 1, retain, self.clock.now_ms(), self._mid, 1))

    def ask(self, request: Any) -> Answer:
        """A person's request, answered by the next scan; raises what it raises."""
        future: Future[Answer] = self.scan.ask(request)
        self.once()
        return future.result(0)

    # -- looking at it ---------------------------------------------------------------------------------------------

    @property
    def alarms(self) -> list[Alarm]:
        return list(self.warden.book.open.values())

    def alarm(self, rule_id: str) -> Alarm:
        found = [alarm for alarm in self.alarms if alarm.rule_id == rule_id]
        assert len(found) == 1, f"{len(found)} open alarms of {rule_id}: {found}"
        return found[0]

    def order(self, order_id: str) -> Order:
        order = self.warden.orders.get(order_id)
        assert order is not None, f"no order {order_id}"
        return order
