"""The historian's writer: one thread that takes readings from behind the scan to the historian, in position order.

The scan feeds it and never waits. What it has not written stays in the journal: memory holds a bounded part of it, and the rest is made
again (`refill`) when the historian is back. It decides nothing; what the journal no longer has is noted as a gap.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from storage.historian import Historian, HistorianDown
from storage.projection import HistoryBatch, PointName

READINGS_AT_ONCE = 50_000  # of one write
WRITE_EVERY_S = 0.5  # so that lines travel joined
CATCH_UP_PER_S = 200_000  # readings a second while catching up, so that the scan keeps its share of the machine
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0
SEAL_EVERY_MS = 3_600_000
ASK_EVERY_MS = 10_000  # whether the historian is still where we left it

log = logging.getLogger("sitewarden.history")


class HistoryWriter:
    """`refill(position)` yields the batches after that journal position again, every position that the journal still has, and nothing
    when it has none; it is called on this thread. `name_of` is as in `Historian.write`; `now_ms` is the service's clock.

    Batches must be fed for every position from some position on, also the empty ones."""

    def __init__(
        self,
        historian: Historian,
        *,
        refill: Callable[[int], Iterator[HistoryBatch]],
        name_of: Callable[[int], PointName],
        now_ms: Callable[[], int],
        most_readings: int = 500_000,
        catch_up_per_s: int = CATCH_UP_PER_S,
        write_every_s: float = WRITE_EVERY_S,
        first_retry_s: float = FIRST_RETRY_S,
    ) -> None:
        self._historian, self._refill, self._name_of, self._now_ms = historian, refill, name_of, now_ms
        self._most_readings, self._catch_up_per_s = most_readings, catch_up_per_s
        self._write_every_s, self._first_retry_s = write_every_s, first_retry_s
        self._turn = threading.Condition()
        self._queue: deque[HistoryBatch] = deque()  # all that are not empty, in (base, fed]
        self._queued = 0  # readings in the queue
        self._base: int | None = None  # None: nothing was fed yet
        self._fed = 0
        self._position: int | None = None  # None: the historian was not reached yet
        self._stored = 0  # what the historian itself was told; positions without readings are not
        self._newest_ms: int | None = None
        self._must_ask = True  # where the historian is: at the start, after it was away, and now and then: it may come back empty
        self._asked_ms = 0
        self._sealed_ms: int | None = None
        self._failure: str | None = None
        self._seal_failure: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="history-writer", daemon=True)
        self.readings_written = 0
        self.positions_lost = 0  # that neither the historian nor the journal has

    # -- called by others ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def feed(self, batch: HistoryBatch) -> None:
        """Take one scan's readings; returns at once. One that was fed before changes nothing."""
        with self._turn:
            if self._base is None:
                self._base = self._fed = batch.position - 1
            if batch.position <= self._fed:
                return
            if batch.position > self._fed + 1:
                self._forget(batch.position - 1)
            self._fed = batch.position
            if not len(batch):
                return
            self._queue.append(batch)
            self._queued += len(batch)
            if self._queued > self._most_readings:
                log.warning("the historian is behind: %d readings leave memory and will be made again from the journal", self._queued)
                self._forget(self._fed)
            if self._queued >= READINGS_AT_ONCE:
                self._turn.notify_all()

    @property
    def position(self) -> int:
        """Journal position up to which nothing is needed any more: every reading is in the historian. 0 until it was reached."""
        return self._position or 0

    @property
    def backlog(self) -> int:
        """Journal positions fed and not yet in the historian."""
        return max(0, self._fed - self.position) if self._base is not None else 0

    @property
    def is_catching_up(self) -> bool:
        """Whether it is behind what memory holds, and reads the journal again."""
        return self._base is not None and self._position is not None and self._position < self._base

    @property
    def degraded_reason(self) -> str | None:
        """Why history is behind or incomplete; None: all well."""
        return self._failure or self._seal_failure

    def wait(self, position: int, timeout_s: float) -> bool:
        """Whether the historian has this position within the time."""
        with self._turn:
            return self._turn.wait_for(lambda: self.position >= position or not self._thread.is_alive(), timeout_s)

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what memory holds, if the historian can be reached, and end the thread. The historian stays open."""
        with self._turn:
            self._stopping.set()
            self._turn.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        retry_s = self._first_retry_s
        while True:
            is_last = self._stopping.is_set()
            try:
                is_done = self._step()
            except Exception as error:
                self._must_ask = True
                self._failure = str(error) if isinstance(error, HistorianDown) else f"{type(error).__name__}: {error}"
                log.warning("historian: %s", self._failure, exc_info=not isinstance(error, HistorianDown))
                if is_last or self._stopping.wait(retry_s):
                    return
                retry_s = min(2 * retry_s, LAST_RETRY_S)
                continue
            retry_s, self._failure = self._first_retry_s, None
            if is_done and is_last:
                return
            if is_done:
                with self._turn:
                    self._turn.wait_for(lambda: self._stopping.is_set() or self._queued >= READINGS_AT_ONCE, self._write_every_s)

    def _step(self) -> bool:
        """One round; True when nothing is left to be done at once."""
        now_ms = self._now_ms()
        if self._must_ask or now_ms - self._asked_ms >= ASK_EVERY_MS:
            self._ask()
            self._asked_ms = now_ms
        self._catch_up()
        if self.is_catching_up:
            return True  # told to stop: the journal has the rest
        is_done = self._write_queue()
        self._seal()
        return is_done

    def _ask(self) -> None:
        stored = self._historian.position()
        with self._turn:
            if self._position is None:
                self._position = stored
            elif stored < self._stored:
                log.error("the historian came back at position %d, it was at %d: it is filled again from the journal", stored, self._stored)
                self._position, self._newest_ms = stored, None
            self._stored = stored
            self._turn.notify_all()
        self._must_ask = False

    def _catch_up(self) -> None:
        while self.is_catching_up and not self._stopping.is_set():
            began_at = self.position
            group: list[HistoryBatch] = []
            readings = 0
            for batch in self._refill(began_at):
                group.append(batch)
                readings += len(batch)
                is_enough = batch.position >= (self._base or 0)
                if is_enough or readings >= READINGS_AT_ONCE or len(group) >= READINGS_AT_ONCE:
                    self._write(group, batch.position)
                    self._stopping.wait(readings / self._catch_up_per_s)
                    group, readings = [], 0
                if is_enough or self._stopping.is_set():
                    break
            if group:
                self._write(group, group[-1].position)
            if self.position == began_at and self._base is not None:
                self._write([], self._base)

    def _write_queue(self) -> bool:
        with self._turn:
            while self._queue and self._queue[0].position <= self.position:
                self._queued -= len(self._queue.popleft())
            group: list[HistoryBatch] = []
            readings = 0
            for batch in self._queue:
                group.append(batch)
                readings += len(batch)
                if readings >= READINGS_AT_ONCE:
                    break
            is_all = len(group) == len(self._queue)
            reached = self._fed if is_all else group[-1].position
        if reached > self.position:
            if group:
                self._write(group, reached)
            else:
                self._advance(reached)
        return is_all

    def _write(self, group: Sequence[HistoryBatch], reached: int) -> None:
        """Write batches of all positions from the present one on to `reached`; positions that are not among them are lost."""
        if self.is_catching_up:
            self._note_gaps(group, reached)
        joined = HistoryBatch(
            reached,
            np.concatenate([np.zeros(0, np.int64), *(batch.keys for batch in group)]),
            np.concatenate([np.zeros(0, np.int64), *(batch.taken_ms for batch in group)]),
            np.concatenate([np.zeros(0, np.float64), *(batch.values for batch in group)]),
        )
        self._historian.write(joined, self._name_of)
        self._stored = reached
        self.readings_written += len(joined)
        if len(joined):
            self._newest_ms = int(joined.taken_ms.max())
        self._advance(reached)

    def _note_gaps(self, group: Sequence[HistoryBatch], reached: int) -> None:
        """A gap lasts from the reading before the lost positions to the first one after them."""
        before, newest_ms, lost = self.position, self._newest_ms, 0
        for batch in group:
            if batch.position > before + 1:
                log.error("journal positions %d to %d are lost to the historian", before + 1, batch.position - 1)
                lost += batch.position - before - 1
            before = batch.position
            if len(batch):
                if lost:
                    self._historian.note_gap(newest_ms, int(batch.taken_ms.min()))
                    self.positions_lost += lost
                newest_ms, lost = int(batch.taken_ms.max()), 0
        if reached > before:
            log.error("journal positions %d to %d are lost to the historian", before + 1, reached)
            lost += reached - before
        if lost:
            self._historian.note_gap(newest_ms, self._now_ms())
            self.positions_lost += lost

    def _advance(self, reached: int) -> None:
        with self._turn:
            self._position = max(self.position, reached)
            while self._queue and self._queue[0].position <= reached:
                self._queued -= len(self._queue.popleft())
            if self._base is not None:
                self._base = max(self._base, reached)
            self._turn.notify_all()

    def _seal(self) -> None:
        now_ms = self._now_ms()
        if self._sealed_ms is not None and now_ms - self._sealed_ms < SEAL_EVERY_MS:
            return
        self._sealed_ms = now_ms
        try:
            self._historian.seal(now_ms)
            self._seal_failure = None
        except HistorianDown as error:
            self._seal_failure = f"finished days could not be sealed: {error}"
            log.error("historian: %s", self._seal_failure)

    def _forget(self, base: int) -> None:
        self._queue.clear()
        self._queued = 0
        self._base = base
        self._turn.notify_all()
