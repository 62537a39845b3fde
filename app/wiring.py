"""One straight function from settings to a service that is ready to start: what tests call too.

Whatever opens enters the exit stack, so that a failure half-way closes what is open. No container, no global, no work at import.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import logging
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from alarms.duty_requests import SelfTestEvery
from alarms.requests import LinkHazard
from api.run import HttpServer, bind
from api.server import create_app
from app.announcer import Announcer
from app.backtests import Backtests
from app.behind import Behind
from app.board import Board
from app.clock import SystemClock
from app.decoding import Codecs
from app.desk import Desk
from app.doctor import broker_verdict
from app.exports import Exports
from app.feed import Feed
from app.hazard_watch import HazardWatch
from app.keeper import Keeper
from app.opening import RecordsOpening
from app.parts import Clock, Parts
from app.posting import open_post_office
from app.restore import HistoryGone, replay, restore
from app.rows import ConfigChanged, Connection, NotSent, Resumed, Sent
from app.rule_bench import RuleBench
from app.scan import Pace, Scan
from app.self_tester import SelfTester
from app.settings import CommandError, Settings
from app.warden import Warden
from ingest.broker import STOPPED, Broker
from ingest.courier import Courier
from ingest.decode import Decoder
from ingest.embedded import EmbeddedBroker, read_users
from ingest.gb26875_tcp import Listener
from ingest.gb26875_tcp import parse as parse_listening
from ingest.inbox import Inbox
from ingest.link import Address
from ingest.topics import filters_of
from sites.metrics import unit_of
from sites.model import Circuit, Site
from storage.historian import HistorianDown
from storage.historian_open import open_historian
from storage.history_writer import HistoryWriter
from storage.journal_sqlite import SqliteJournal
from storage.outbox import SqlOutbox
from storage.projection import HistoryBatch, Outcome, PointName
from storage.projector import Projector
from storage.records import Records

log = logging.getLogger("sitewarden")
MOST_CHANGES = 600_000  # the records may be behind in memory: a storm of 100,000 alarms makes 400,000, and making them again costs more


class _Sources:
    """All that brings telemetry and waits to hear that the journal has it; each takes what is its own."""

    def __init__(self, *sources: Broker | Listener) -> None:
        self._sources = sources

    def acknowledge(self, acks: Sequence[tuple[int, int]]) -> None:
        for source in self._sources:
            source.acknowledge(acks)

    def redeliver(self) -> None:
        for source in self._sources:
            source.redeliver()


def build(settings: Settings, stack: ExitStack, clock: Clock | None = None) -> Parts:
    """Open and connect everything; start nothing but the embedded broker. Raises CommandError for what cannot be opened."""
    folder = settings.data_dir
    stack.enter_context(_locked(folder))
    clock = clock or SystemClock()

    journal = SqliteJournal(folder / "journal.db")
    stack.callback(journal.close)
    snapshots = folder / "snapshots"
    restored = restore(snapshots, journal)
    warden = restored.warden
    clock.not_before(warden.now_ms)

    records = Records.open(settings.records)
    records.files_folder = folder / "files"
    stack.callback(records.close)
    historian = open_historian(settings.historian, folder, _client_id(folder), settings.retention)
    stack.callback(historian.close)
    at = {
        "SITEWARDEN_DATA_DIR": str(folder),
        "SITEWARDEN_HISTORIAN_URL": settings.historian_url,
        "SITEWARDEN_RECORDS_URL": settings.records_url,
    }
    exports = Exports(folder / "exports", historian, at, clock.now_ms)
    stack.callback(exports.close)
    backtests = Backtests(folder / "backtests", historian, at, clock.now_ms, lambda: warden.configuration, lambda: warden.program.intervals)
    stack.callback(backtests.close)

    feed = Feed()
    feed.start_at(journal.position)
    holder: list[Parts] = []
    board = Board(warden, clock.now_ms, lambda: holder[0].health())
    inbox = Inbox(max_messages=settings.inbox_readings)
    address, embedded = _broker_address(settings, stack)

    codecs = Codecs(settings)
    decoder = Decoder(warden.configuration.roster, codecs.routes, codecs.by_name)
    decoder.load(warden.codec_notes)

    def connection(which: str, up: bool, session_present: bool) -> None:
        link = broker.telemetry if which == "telemetry" else broker.commands
        if not up and link.problem == STOPPED:
            return  # we are leaving ourselves: `Resumed` says it at the next start, and no broker is lost
        lossy = which == "telemetry" and up and not session_present and broker.telemetry.connections > 1
        scan.put(Connection(which=which, up=up, lossy=lossy))

    def delivered(token: str, reason: str) -> None:
        order_id, _, attempt = token.rpartition("/")
        if reason:
            scan.put(NotSent(order_id=order_id, attempt=int(attempt), reason=f"the broker says: {reason}"))
        else:
            scan.put(Sent(order_id=order_id, attempt=int(attempt)))

    broker = Broker(
        address,
        _client_id(folder),
        inbox,
        clock=clock.now_ms,
        telemetry_filters=_taken(filters_of(codecs.telemetry), embedded),
        reply_filters=_taken(filters_of(codecs.replies), embedded),
        on_connection=connection,
        on_delivered=delivered,
        receive_maximum=settings.mqtt_receive_maximum,
    )
    courier = Courier(broker, warden.configuration.roster, clock.now_ms, codecs.by_name, decoder.recall)

    outbox = SqlOutbox(records.engine)
    post_office = open_post_office(settings, outbox, clock.now_ms)

    def outcomes_after(position: int) -> Iterator[Outcome]:
        try:
            yield from (stepped.outcome for stepped in replay(snapshots, journal, position))
        except HistoryGone:
            return

    def readings_after(position: int) -> Iterator[HistoryBatch]:
        try:
            yield from (stepped.history for stepped in replay(snapshots, journal, position))
        except HistoryGone:
            return

    def link_hazard(request: LinkHazard) -> None:
        scan.put(request)

    def configuration_met(thing: Circuit | Site) -> None:
        kind = "circuit" if isinstance(thing, Circuit) else "site"
        scan.put(ConfigChanged.of(kind, thing.id, thing.version, thing))

    projector = Projector(
        records.engine,
        refill=outcomes_after,
        on_hazard=lambda hazard, step: feed.publish("hazard", hazard.site_id, (hazard, step)),
        link_hazard=link_hazard,
        on_configuration=configuration_met,
        on_notify=post_office.wake,
        is_pressed=lambda: scan.is_pressed,
        most_changes=MOST_CHANGES,
    )
    history = HistoryWriter(historian, refill=readings_after, name_of=_names(warden), now_ms=clock.now_ms)
    keeper = Keeper(
        snapshots,
        warden,
        journal,
        (lambda: projector.position, lambda: history.position),
        every_ms=int(settings.snapshot_s * 1000),
        most_bytes=settings.journal_bytes,
    )
    behind = Behind(board, feed, projector, history, _site_of(warden))
    tester = SelfTester(lambda item: scan.put(item), clock.now_ms, broker, projector, post_office)
    announcer = Announcer(address, _client_id(folder), clock.now_ms)
    pace = Pace(
        scan_min_ms=settings.scan_min_ms,
        scan_max_ms=settings.scan_max_ms,
        most_readings=settings.scan_readings,
        most_requests=settings.inbox_requests,
    )
    listener = _listener(settings, inbox, clock, stack)
    sources = _Sources(broker, *(() if listener is None else (listener,)))
    scan = Scan(warden, journal, clock.now_ms, inbox, decoder, sources, courier, (behind, announcer, tester, keeper), pace)
    inbox.wake = scan.wake
    scan.put(Resumed(since_ms=warden.now_ms))
    scan.put(SelfTestEvery(every_s=settings.self_test_s))

    def reached(position: int) -> None:
        """A projection is ahead of a journal that lost its tail: positions go on above it, because none is taken twice."""
        if position <= journal.position:
            return
        if scan.is_running:
            log.error(
                "the records are at position %d, the journal only at %d: restart, or they miss what comes until then",
                position,
                journal.position,
            )
            return
        log.error(
            "a projection is at position %d, the journal only at %d: its tail was lost; it goes on from there", position, journal.position
        )
        journal.advance_to(position)
        feed.start_at(position)

    try:
        reached(historian.position())
    except HistorianDown as error:
        log.warning("the historian cannot be reached yet: %s", error)
    opening = RecordsOpening(records, warden.configuration, scan.put, projector, clock.now_ms, reached)
    desk = Desk(scan, projector)

    try:
        bound = bind(settings.http_host, settings.http_port)
    except OSError as error:
        raise CommandError(f"cannot listen on {settings.http_host}:{settings.http_port}: {error.strerror or error}") from None
    app = create_app(
        desk=desk,
        board=board,
        feed=feed,
        records=records,
        history=historian,
        exports=exports,
        backtests=backtests,
        bench=RuleBench(scan.look, historian, records.rule_versions),
        clock=clock,
        codecs=codecs,
        notices=post_office,
        secret=settings.secret().encode(),
        version=importlib.metadata.version("sitewarden"),
        cookie_secure=settings.cookie_secure,
        console_dir=settings.console_dir if settings.console_dir.is_dir() else None,
        session_cache=folder / "sessions.json",
        broker_check=lambda: broker_verdict(settings),
    )
    tester.live = app.state.door.live
    http = HttpServer(app, bound)
    stack.callback(http.stop)
    parts = Parts(
        settings=settings,
        clock=clock,
        journal=journal,
        warden=warden,
        records=records,
        opening=opening,
        projector=projector,
        historian=historian,
        history=history,
        post_office=post_office,
        tester=tester,
        announcer=announcer,
        hazard_watch=HazardWatch(records, clock.now_ms, post_office.wake),
        feed=feed,
        board=board,
        inbox=inbox,
        embedded=embedded,
        broker=broker,
        listener=listener,
        keeper=keeper,
        scan=scan,
        desk=desk,
        http=http,
        damaged=restored.damaged,
        set_aside=restored.set_aside,
        replayed=restored.replayed,
    )
    holder.append(parts)
    return parts


def _locked(folder: Path) -> Any:
    """The data directory, made and locked: two services must never write one journal."""
    folder.mkdir(parents=True, exist_ok=True)
    file = open(folder / "lock", "w")  # noqa: SIM115 - stays open as long as the service runs
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise CommandError(f"another service is using the data directory {folder}; stop it, or set SITEWARDEN_DATA_DIR") from None
    return file


def _client_id(folder: Path) -> str:
    """The MQTT client id of this data directory: a persistent session belongs to the journal that acknowledges it."""
    path = folder / "client-id"
    if not path.exists():
        path.write_text(f"sitewarden-{secrets.token_hex(6)}")
    return path.read_text().strip()


def _taken(filters: tuple[str, ...], embedded: EmbeddedBroker | None) -> tuple[str, ...]:
    """The filters to subscribe: the embedded broker ends a connection that asks for `$` topics, which only vendors' clouds have."""
    return filters if embedded is None else tuple(each for each in filters if not each.startswith("$"))


def _broker_address(settings: Settings, stack: ExitStack) -> tuple[Address, EmbeddedBroker | None]:
    def text(path: Path | None) -> str | None:
        return None if path is None else str(path)

    try:
        address = Address.parse(
            settings.mqtt_url, ca=text(settings.mqtt_ca), certificate=text(settings.mqtt_cert), key=text(settings.mqtt_key)
        )
    except ValueError as error:
        raise CommandError(f"SITEWARDEN_MQTT_URL: {error}") from None
    if not address.is_embedded:
        return address, None
    try:
        users = None if settings.mqtt_users is None else read_users(settings.mqtt_users)
        embedded = EmbeddedBroker(address, settings.data_dir, users)
    except (ValueError, OSError) as error:
        raise CommandError(f"SITEWARDEN_MQTT_URL, SITEWARDEN_MQTT_USERS: {error}") from None
    stack.enter_context(embedded)
    return embedded.address, embedded


def _listener(settings: Settings, inbox: Inbox, clock: Clock, stack: ExitStack) -> Listener | None:
    """Bound already, so that a port that is taken is said at the start; served by the service."""
    if not settings.gb26875_tcp:
        return None
    try:
        listener = Listener(*parse_listening(settings.gb26875_tcp), inbox, clock.now_ms, time.monotonic)
    except ValueError as error:
        raise CommandError(f"SITEWARDEN_GB26875_TCP: {error}") from None
    except OSError as error:
        raise CommandError(f"SITEWARDEN_GB26875_TCP: cannot listen on {settings.gb26875_tcp}: {error.strerror or error}") from None
    stack.callback(listener.stop)
    return listener


def _names(warden: Warden) -> Any:
    def name_of(key: int) -> PointName:
        roster = warden.configuration.roster
        row = roster.row_of_key[key]
        device, metric = roster.device_of_row(row), roster.metric_of_row(row)
        return PointName(key, device.site_id, device.id, metric, unit_of(metric))

    return name_of


def _site_of(warden: Warden) -> Any:
    def site_of(device_id: str) -> str | None:
        device = warden.configuration.roster.device(device_id)
        return None if device is None else device.site_id

    return site_of
