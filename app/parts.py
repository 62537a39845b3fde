"""Everything that a running service is made of, by name, and what of it is degraded, with the reason and the figures behind it.

Made by `app.wiring`, started and stopped by `app.service`; the health is asked by the door and told on the live stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from api.ports import Health
from api.run import HttpServer
from app.announcer import Announcer
from app.board import Board
from app.desk import Desk
from app.feed import Feed
from app.hazard_watch import HazardWatch
from app.keeper import Keeper
from app.opening import RecordsOpening
from app.scan import Scan
from app.self_tester import SelfTester, figures_of
from app.settings import Settings
from app.warden import Warden
from ingest.broker import Broker
from ingest.embedded import EmbeddedBroker
from ingest.gb26875_tcp import Listener
from ingest.inbox import Inbox
from notify.post_office import PostOffice
from storage.history_writer import HistoryWriter
from storage.journal_sqlite import SqliteJournal
from storage.projector import Projector
from storage.records import Records


class Clock(Protocol):
    def now_ms(self) -> int: ...
    def not_before(self, ms: int) -> None: ...


@dataclass(slots=True)
class Parts:
    """Everything that was built, for the service to start and stop and for tests to look at."""

    settings: Settings
    clock: Clock
    journal: SqliteJournal
    warden: Warden
    records: Records
    opening: RecordsOpening
    projector: Projector
    historian: Any
    history: HistoryWriter
    post_office: PostOffice
    tester: SelfTester
    announcer: Announcer
    hazard_watch: HazardWatch
    feed: Feed
    board: Board
    inbox: Inbox
    embedded: EmbeddedBroker | None
    broker: Broker
    listener: Listener | None
    keeper: Keeper
    scan: Scan
    desk: Desk
    http: HttpServer
    damaged: list[tuple[int, int]]
    set_aside: dict[int, str]
    replayed: int

    def health(self) -> Health:
        """What is degraded, each with its reason."""
        return health_of(self)


def health_of(parts: Parts) -> Health:
    """Part -> reason for everything that is degraded, and the figures behind it."""
    scan, broker = parts.scan, parts.broker
    degraded: dict[str, str] = {}
    if scan.failed is not None:
        degraded["scan"] = f"the scan has stopped: {scan.failed}"
    if scan.volatile is not None:
        degraded["journal"] = f"the journal cannot be written: {scan.volatile}"
    elif parts.damaged:
        degraded["journal"] = f"journal positions {', '.join(f'{a} to {b}' for a, b in parts.damaged)} could not be read at the start"
    if parts.set_aside:
        degraded["set_aside"] = "; ".join(f"journal position {at} was set aside: {why}" for at, why in parts.set_aside.items())
    for which, link in (("broker", broker.telemetry), ("commands", broker.commands)):
        if link.problem:
            degraded[which] = link.problem
    reasons = {
        "records": parts.opening.problem or parts.projector.degraded_reason,
        "historian": parts.history.degraded_reason,
        "snapshot": parts.keeper.failed,
        "notifications": parts.post_office.degraded_reason,
        "hazard_deadlines": parts.hazard_watch.problem,
    }
    degraded |= {part: reason for part, reason in reasons.items() if reason}
    if parts.tester.last is not None and parts.tester.last.state == "failed":
        degraded["alarm_path"] = parts.tester.last.reason
    figures = scan.figures
    return Health(
        ready=scan.failed is None and broker.is_up,
        degraded=degraded,
        figures={
            "readings_total": figures.readings,
            "messages_total": figures.messages,
            "scans_total": figures.scans,
            "scan_overruns_total": figures.overruns,
            "scan_ms_p99": figures.p99_ms(),
            "inbox_messages": len(parts.inbox),
            "dropped_total": sum(parts.inbox.dropped.values()),
            "refused_total": parts.warden.refusals,
            "journal_position": parts.journal.position,
            "records_position": parts.projector.position,
            "historian_position": parts.history.position,
            "alarms_open": len(parts.board.alarms),
            "sessions_lost_total": broker.sessions_lost,
            "announced_total": parts.announcer.told,
            "announcements_dropped_total": parts.announcer.dropped,
        }
        | figures_of(parts.tester.last, parts.clock.now_ms())
        | _listened(parts.listener),
    )


def _listened(listener: Listener | None) -> dict[str, float]:
    if listener is None:
        return {}
    figures = listener.figures
    return {
        "gb26875_connections": figures.connections,
        "gb26875_frames_total": figures.frames,
        "gb26875_confirmed_total": figures.confirmed,
        "gb26875_denied_total": figures.denied,
        "gb26875_skipped_bytes_total": figures.skipped_bytes,
    }
