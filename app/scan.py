"""The scan: the one loop, the one writer. It drains the inbox, journals the input, acknowledges the broker, steps the warden, and hands on
what came of it. It decides nothing itself: `app.warden` does, and only from what is in the journal.

If the journal cannot be written the service is volatile: rules step in memory, alarms are marked unrecorded, nothing is acknowledged to
the broker, and no order goes out by itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from api.ports import Answer, Busy
from app.rows import Input, Lagging, NotSent, Placed, Sending, Stalled, encode
from app.stepped import Stepped
from app.warden import Warden
from ingest.heard import Ask, CodecNote, Heard, Message, PointHeard
from power.model import Command
from storage.journal import Journal, JournalFull

log = logging.getLogger("sitewarden.scan")

LAG_MS = 2_000  # telemetry that waits longer than this in the inbox: the scan lags
_FEWEST = 10  # messages of one scan, however slow
STALL_MS = 1_000  # a scan that stood still longer than this judges no silence over that time


class Decodes(Protocol):
    def decode(self, messages: list[Message]) -> Heard: ...
    def forget(self) -> None: ...


class Receives(Protocol):
    arrivals: int

    @property
    def oldest_ms(self) -> int | None: ...
    def drain(self, limit: int) -> list[Message]: ...
    def __len__(self) -> int: ...


class Acknowledges(Protocol):
    def acknowledge(self, acks: Sequence[tuple[int, int]]) -> None: ...
    def redeliver(self) -> None:
        """Have everything unacknowledged sent again."""
        ...


class Sends(Protocol):
    def send(self, command: Command) -> str | None: ...
    def ask(self, ask: Ask) -> str | None: ...


class Follows(Protocol):
    """What stands behind the scan: projector, historian writer, feed. Called in position order, never waited for."""

    def follow(self, stepped: Stepped) -> None: ...


@dataclass(slots=True)
class Pace:
    """Bounds of one scan (settings)."""

    scan_min_ms: int = 10
    scan_max_ms: int = 250
    idle_ms: float = 1.0
    most_readings: int = 20_000
    most_requests: int = 1_000
    slow_ms: float = 50.0


@dataclass(slots=True)
class Figures:
    """Measured by the scan, read by anyone."""

    scans: int = 0
    readings: int = 0
    messages: int = 0
    overruns: int = 0
    unacknowledged: int = 0
    recent_ms: deque[float] = field(default_factory=lambda: deque(maxlen=1_000))

    def p99_ms(self) -> float:
        taken = sorted(self.recent_ms)
        return taken[int(len(taken) * 0.99)] if taken else 0.0


class Scan:
    """`once` is one scan, which tests call with a manual clock; `start` runs them in a thread until `stop`."""

    def __init__(
        self,
        warden: Warden,
        journal: Journal,
        clock_ms: Callable[[], int],
        inbox: Receives,
        decoder: Decodes,
        broker: Acknowledges,
        courier: Sends,
        followers: Sequence[Follows],
        pace: Pace | None = None,
    ) -> None:
        self.warden = warden
        self.figures = Figures()
        self.volatile: str | None = None  # why the journal cannot be written
        self.failed: BaseException | None = None
        self.is_pressed = False  # scans are slow and messages wait: what can wait should
        self._journal = journal
        self._clock_ms = clock_ms
        self._inbox = inbox
        self._decoder = decoder
        self._broker = broker
        self._courier = courier
        self._followers = followers
        self._pace = pace or Pace()
        self._most_readings = self._pace.most_readings
        self._items: deque[tuple[int, Any]] = deque()  # (arrived ms, item): replies, notices, configuration; never refused
        self._requests: deque[tuple[int, Any, Future[Answer]]] = deque()
        self._settling: deque[threading.Event] = deque()
        self._looks: deque[tuple[Callable[[Warden], Any], Future[Any]]] = deque()
        self._unsaid: dict[tuple[str, str], PointHeard | CodecNote] = {}  # met while volatile: the journal needs them before what follows
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._last_ms = clock_ms()
        self._lags = "inbox" in warden.deaf

    # -- the doors (any thread) ------------------------------------------------------------------------------------

    def wake(self) -> None:
        self._wake.set()

    def put(self, item: Any) -> None:
        """A notice that is never refused: device replies, connections, configuration, sent."""
        self._items.append((self._clock_ms(), item))
        self._wake.set()

    def settle(self, item: Any) -> threading.Event:
        """As `put`; the event is set once a scan has taken the item in."""
        self.put(item)
        taken = threading.Event()
        self._settling.append(taken)
        return taken

    def ask(self, request: Any) -> Future[Answer]:
        """A person's request. Raises Busy when the inbox of requests is full or the scan is not running."""
        if self.failed is not None or self._stop.is_set():
            raise Busy("the scan is not running; try again shortly")
        if len(self._requests) >= self._pace.most_requests:
            raise Busy(f"{len(self._requests)} requests are waiting, which is the bound; try again shortly")
        answer: Future[Answer] = Future()
        self._requests.append((self._clock_ms(), request, answer))
        self._wake.set()
        return answer

    def look(self, ask: Callable[[Warden], Any]) -> Future[Any]:
        """Have a question about the warden answered between two scans, in the scan's thread: a quick one, which changes nothing. Raises
        Busy where nobody would answer."""
        if self.failed is not None or self._stop.is_set():
            raise Busy("the scan is not running; try again shortly")
        answer: Future[Any] = Future()
        self._looks.append((ask, answer))
        self._wake.set()
        return answer

    # -- one scan --------------------------------------------------------------------------------------------------

    def once(self) -> Stepped | None:
        """One scan at the present moment; None when there was nothing to do."""
        self._let_look()
        began = time.perf_counter()
        settling = [self._settling.popleft() for _ in range(len(self._settling))]  # before the items: each has its own in them, or before
        given, heard, answers = self._gather()
        now_ms = given.now_ms
        due_ms = self.warden.due_ms()
        # while volatile an empty row is tried too: that the journal can be written again must not depend on what arrives
        if given.is_empty and self.volatile is None and (due_ms is None or due_ms > now_ms):
            self._last_ms = now_ms
            self._give_back(heard)  # nothing to keep of them: unknown topics, duplicates
            _set_all(settling)
            return None
        if not self._append(given):
            self.figures.unacknowledged += heard.messages
        else:
            self._give_back(heard)
        stepped = self.warden.step(given, self._journal.position, is_volatile=self.volatile is not None)
        if stepped.roster_changed:
            self._decoder.forget()
        for follower in self._followers:
            follower.follow(stepped)
        self._answer(stepped, answers)
        _set_all(settling)
        self._send(stepped)
        self._last_ms = now_ms
        self._measure(heard, (time.perf_counter() - began) * 1000)
        return stepped

    def _let_look(self) -> None:
        for _ in range(len(self._looks)):
            ask, answer = self._looks.popleft()
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(ask(self.warden))
                except Exception as error:  # who asked is told; the scan goes on
                    answer.set_exception(error)

    def _gather(self) -> tuple[Input, Heard, list[tuple[int, Future[Answer]]]]:
        items: list[Placed] = []
        messages = self._inbox.drain(self._most_readings)
        now_ms = self._clock_ms()  # read once a scan, and after the drain: nothing in it arrived later
        items += [Placed(0, now_ms, item) for item in self._unsaid.values()]
        if now_ms - self._last_ms > max(STALL_MS, 4 * self._pace.scan_max_ms):
            items.append(Placed(0, now_ms, Stalled(since_ms=self._last_ms)))
        oldest_ms = self._inbox.oldest_ms
        lags = oldest_ms is not None and now_ms - oldest_ms > LAG_MS
        if lags != self._lags:
            self._lags = lags
            items.append(Placed(0, now_ms, Lagging(is_lagging=lags)))
        heard = self._decoder.decode(messages)
        readings = heard.readings
        for index, item in heard.items:
            at_ms = getattr(item, "arrived_ms", None)
            if at_ms is None:
                at_ms = int(readings.arrived_ms[index]) if index < len(readings) else now_ms
            items.append(Placed(index, min(at_ms, now_ms), item))
        end = len(readings)
        for _ in range(len(self._items)):
            at_ms, item = self._items.popleft()
            items.append(Placed(end, min(at_ms, now_ms), item))
        answers: list[tuple[int, Future[Answer]]] = []
        for _ in range(len(self._requests)):
            at_ms, request, answer = self._requests.popleft()
            if not answer.set_running_or_notify_cancel():
                continue  # who asked has given up, and was told that nothing was done
            answers.append((len(items), answer))
            items.append(Placed(end, min(at_ms, now_ms), request))
        # after the requests: what one of them forbids (a class, a lock) does not leave in the same scan
        for order_id in self.warden.to_send(now_ms) if self.volatile is None else ():
            items.append(Placed(end, now_ms, Sending(order_id=order_id)))
        return Input(now_ms, readings, items), heard, answers

    def _append(self, given: Input) -> bool:
        try:
            self._journal.append(self._journal.position, encode(given))
        except JournalFull as error:
            if self.volatile is None:
                log.error("the journal cannot be written, the service is volatile: %s", error)
            self.volatile = str(error)
            self._keep_unsaid(given.items)
            return False
        if self.volatile is not None:
            log.warning("the journal can be written again")
            self.volatile = None
            self.warden.wants_snapshot = True
            self._unsaid.clear()
            self._broker.redeliver()
        return True

    def _keep_unsaid(self, items: list[Placed]) -> None:
        """What is told once only, and not in the journal: to be told again with each row until one is written."""
        for placed in items:
            match placed.item:
                case PointHeard(device_id=device_id, metric=metric):
                    self._unsaid[f"point {device_id}", metric] = placed.item
                case CodecNote(codec=codec, key=key):
                    self._unsaid[f"codec {codec}", key] = placed.item

    def _give_back(self, heard: Heard) -> None:
        """What is in the journal is acknowledged, and what the codecs want asked because of it is asked."""
        if heard.acks:
            self._broker.acknowledge(heard.acks)
        for ask in heard.asks:
            reason = self._courier.ask(ask)
            if reason is not None:
                log.info("%s was not asked: %s", ask.topic, reason)

    def _answer(self, stepped: Stepped, answers: list[tuple[int, Future[Answer]]]) -> None:
        for index, answer in answers:
            result = stepped.answers[index]
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                alarms, orders, facts = result
                is_journalled = self.volatile is None
                answer.set_result(Answer(stepped.position, False, alarms, orders, facts, is_journalled=is_journalled))

    def _send(self, stepped: Stepped) -> None:
        for command in stepped.commands:
            reason = self._courier.send(command)
            if reason is not None:  # otherwise the broker's acknowledgement says that it was sent
                self._items.append((self._clock_ms(), NotSent(order_id=command.order_id, attempt=command.attempt, reason=reason)))
        if stepped.commands or self.warden.to_send(stepped.now_ms):
            self._wake.set()

    def _measure(self, heard: Heard, took_ms: float) -> None:
        f = self.figures
        f.scans += 1
        f.readings += len(heard.readings)
        f.messages += heard.messages
        f.recent_ms.append(took_ms)
        self.is_pressed = took_ms > self._pace.slow_ms and len(self._inbox) > 0
        if took_ms > self._pace.slow_ms:
            f.overruns += 1
            # by what a message costs now: in a storm of alarms a hundred times what it did, and a person's cut must not wait for thousands
            affordable = int(heard.messages * self._pace.slow_ms / took_ms) if heard.messages else self._most_readings
            self._most_readings = max(_FEWEST, min(self._most_readings // 2, affordable))
        elif self._most_readings < self._pace.most_readings:
            self._most_readings = min(self._pace.most_readings, self._most_readings + self._most_readings // 8)

    # -- the loop --------------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the scan that is under way and stop; requests that still wait are answered *busy*."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        while self._requests:
            answer = self._requests.popleft()[2]
            if answer.set_running_or_notify_cancel():
                answer.set_exception(Busy("the service is stopping"))
        while self._looks:
            look = self._looks.popleft()[1]
            if look.set_running_or_notify_cancel():
                look.set_exception(Busy("the service is stopping"))

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._rest()
                self.once()
        except BaseException as error:
            # we were wrong: stop, rather than switch breakers on bad state; the service restarts from the journal
            self.failed = error
            log.critical("the scan stopped: %s", error, exc_info=error)
            self._refuse_waiting()

    def _rest(self) -> None:
        """Wait until something arrived (then 1 ms of quiet, at most `scan_min_ms`) or `scan_max_ms` or the next due time is over."""
        pace = self._pace
        due_ms = self.warden.due_ms()
        wait_ms = pace.scan_max_ms if due_ms is None else max(pace.scan_min_ms, min(pace.scan_max_ms, due_ms - self._clock_ms()))
        if not self._wake.wait(wait_ms / 1000):
            return
        until = time.monotonic() + pace.scan_min_ms / 1000
        arrivals = -1
        while time.monotonic() < until and self._inbox.arrivals != arrivals and len(self._inbox) < self._most_readings:
            arrivals = self._inbox.arrivals
            time.sleep(pace.idle_ms / 1000)
        self._wake.clear()


def _set_all(events: list[threading.Event]) -> None:
    for event in events:
        event.set()
