"""The projector: one thread that writes what each scan decided into the records, in position order, once.

The scan feeds it and never waits. While the records are away it keeps trying and holds outcomes in memory up to a bound; beyond that it
lets them go and has them made again from the journal (`refill`) once the records are back. It decides nothing but whether a wanted
hazard is new or a recurrence.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from alarms.requests import LinkHazard
from hazards.model import Hazard, HazardStep
from sites.model import Circuit, Site
from sites.records import Unavailable
from storage import project, project_hazards
from storage.database import reading, writing
from storage.projection import Outcome

log = logging.getLogger("sitewarden.projector")

LAZY_S = 0.2  # a position without changes is written this seldom, unless somebody waits for it
GIVE_WAY_S = 10.0
FIRST_RETRY_S, LAST_RETRY_S = 0.1, 5.0
_MOST_OUTCOMES, _MOST_CHANGES = 500, 2_000  # of one transaction
SERVICE = "service"  # the `who` of the service's own requests


def weight(outcome: Outcome) -> int:
    """How many changes an outcome holds: what the bound of the queue counts."""
    parts: tuple[Sequence[object], ...] = (
        outcome.transitions,
        outcome.order_steps,
        outcome.notifies,
        outcome.hazards,
        outcome.firings,
        outcome.unknown,
        outcome.points,
        outcome.circuits,
        outcome.sites,
        outcome.facts,
    )
    return sum(map(len, parts))


class Projector:
    """`refill(position)` yields the outcomes after that journal position again, every position. `on_hazard` is told each hazard step made
    here, `link_hazard` takes the request that tells the scan of it, `on_configuration` takes circuits and sites whose edit and request met
    in the records, `on_notify` is called when messages were put into the outbox, `is_pressed` says that
    the scan has no time to spare. All are called on the projector's thread.

    Outcomes must be fed for every position from some position on, also the empty ones."""

    def __init__(
        self,
        engine: Engine,
        *,
        refill: Callable[[int], Iterator[Outcome]],
        on_hazard: Callable[[Hazard, HazardStep], None] = lambda _hazard, _step: None,
        link_hazard: Callable[[LinkHazard], None] = lambda _request: None,
        on_configuration: Callable[[Circuit | Site], None] = lambda _thing: None,
        on_notify: Callable[[], None] = lambda: None,
        is_pressed: Callable[[], bool] = lambda: False,
        most_changes: int = 100_000,
    ) -> None:
        self._engine, self._refill, self._most_changes = engine, refill, most_changes
        self._on_hazard, self._link_hazard = on_hazard, link_hazard
        self._on_configuration, self._on_notify, self._is_pressed = on_configuration, on_notify, is_pressed
        self._turn = threading.Condition()
        self._queue: deque[Outcome] = deque()  # all that are not empty, in (base, fed]
        self._queued_changes = 0
        self._base: int | None = None  # None: nothing was fed yet
        self._fed = 0
        self._position: int | None = None  # None: the records were not reached yet
        self._wanted = 0
        self._committed_at = 0.0
        self._failure: str | None = None
        self._damage: str | None = None
        self._calls: deque[Callable[[], None]] = deque()
        self._wants_left = True
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="projector", daemon=True)

    # -- called by others ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def feed(self, outcome: Outcome) -> None:
        """Take one scan's outcome; returns at once. One that was fed before changes nothing."""
        with self._turn:
            if self._base is None:
                self._base = self._fed = outcome.position - 1
            if outcome.position <= self._fed:
                return
            if outcome.position > self._fed + 1:
                self._forget(outcome.position - 1)
            self._fed = outcome.position
            if outcome.is_empty:
                if self._wanted > self.position:
                    self._turn.notify_all()
                return
            self._queue.append(outcome)
            self._queued_changes += weight(outcome)
            if self._queued_changes > self._most_changes:
                log.warning("records are behind: %d changes leave memory and will be made again from the journal", self._queued_changes)
                self._forget(self._fed)
            self._turn.notify_all()

    def wait(self, position: int, timeout_s: float) -> bool:
        """Whether the records reach this position within the time."""
        with self._turn:
            self._wanted = max(self._wanted, position)
            self._turn.notify_all()
            self._turn.wait_for(lambda: self.position >= position or self._stopping.is_set(), timeout_s)
            return self.position >= position

    @property
    def position(self) -> int:
        """Journal position that the records have reached, as far as known here."""
        return self._position or 0

    @property
    def needs_replay_from(self) -> int | None:
        """The position after which outcomes must be made again from the journal, or None."""
        return self._position if self._position is not None and self._base is not None and self._position < self._base else None

    @property
    def is_away(self) -> bool:
        """Whether the records are known not to answer now: waiting for them helps nobody."""
        return self._failure is not None or not self._thread.is_alive()

    @property
    def degraded_reason(self) -> str | None:
        """Why the records are behind or incomplete; None: all well."""
        return self._failure or self._damage

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is there, if the records can be reached, and end the thread."""
        with self._turn:
            self._stopping.set()
            self._turn.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            self._give_way()
            stopping = self._stopping.is_set()
            try:
                is_done = self._step()
            except Exception as error:
                self._failure = str(error) if isinstance(error, Unavailable) else f"{type(error).__name__}: {error}"
                log.warning("records: %s", self._failure, exc_info=not isinstance(error, Unavailable))
                if stopping or self._stopping.wait(retry_s):
                    return
                retry_s = min(2 * retry_s, LAST_RETRY_S)
                continue
            retry_s, self._failure = FIRST_RETRY_S, None
            if is_done:
                if stopping:
                    return
                self._rest()

    def _give_way(self) -> None:
        """While the scan is pressed the records wait, for a while: an alarm that is journalled and on every screen is not lost, and a cut
        that is late may be."""
        until = time.monotonic() + GIVE_WAY_S
        while self._is_pressed() and self._queued_changes > _MOST_CHANGES and time.monotonic() < until:
            if self._stopping.wait(0.05):
                return

    def _step(self) -> bool:
        """One round; True when nothing is left to be done at once."""
        if self._position is None:
            self._begin()
        self._fill_gap()
        is_done = self._apply_queue()
        if self._wants_left:
            self._decide_hazards()
        while self._calls:
            self._calls[0]()
            self._calls.popleft()
        return is_done

    def _begin(self) -> None:
        with reading(self._engine) as connection:
            position = project.stored_position(connection)
            unlinked = project_hazards.unlinked(connection)
        for alarm_id, hazard_id in unlinked:
            self._link(alarm_id, hazard_id)
        with self._turn:
            self._position = position
            self._turn.notify_all()

    def _fill_gap(self) -> None:
        while (began_at := self.needs_replay_from) is not None and not self._stopping.is_set():
            batch: list[Outcome] = []
            changes, reached = 0, began_at
            for outcome in self._refill(began_at):
                if outcome.position > reached + 1:
                    self._lose(reached + 1, outcome.position - 1)
                reached = outcome.position
                if not outcome.is_empty:
                    batch.append(outcome)
                    changes += weight(outcome)
                is_enough = reached >= (self._base or 0)
                if is_enough or len(batch) >= _MOST_OUTCOMES or changes >= _MOST_CHANGES:
                    self._commit(batch, reached)
                    batch, changes = [], 0
                if is_enough or self._stopping.is_set():
                    break
            if batch or reached > self.position:
                self._commit(batch, reached)
            if self.position == began_at:
                assert self._base is not None
                self._lose(began_at + 1, self._base)
                self._commit([], self._base)

    def _lose(self, first: int, last: int) -> None:
        self._damage = f"positions {first} to {last} are no longer in the journal and not in the records"
        log.error("records: %s", self._damage)

    def _apply_queue(self) -> bool:
        with self._turn:
            while self._queue and self._queue[0].position <= self.position:
                self._queued_changes -= weight(self._queue.popleft())
            batch: list[Outcome] = []
            changes = 0
            for outcome in islice(self._queue, _MOST_OUTCOMES):
                batch.append(outcome)
                changes += weight(outcome)
                if changes >= _MOST_CHANGES:
                    break
            is_all = len(batch) == len(self._queue)
            reached = self._fed if is_all else batch[-1].position
            is_wanted = self._wanted > self.position or self._stopping.is_set()
        if reached <= self.position:
            return True
        if not batch and not is_wanted and time.monotonic() - self._committed_at < LAZY_S:
            return True
        self._commit(batch, reached)
        return is_all

    def _commit(self, batch: Sequence[Outcome], reached: int) -> None:
        try:
            self._write(batch, reached)
        except Exception as error:
            if not _is_unwritable(error):
                raise
            if len(batch) > 1:
                for outcome in batch:
                    self._commit([outcome], outcome.position)
                self._write([], reached)
            else:
                self._set_aside(batch, reached, error)
        with self._turn:
            self._position = max(self.position, reached)
            self._committed_at = time.monotonic()
            while self._queue and self._queue[0].position <= reached:
                self._queued_changes -= weight(self._queue.popleft())
            self._turn.notify_all()
        self._wants_left = self._wants_left or any(outcome.hazards for outcome in batch)
        if any(outcome.notifies for outcome in batch):
            self._calls.append(self._on_notify)

    def _write(self, batch: Sequence[Outcome], reached: int) -> None:
        with writing(self._engine) as connection:
            stored = project.lock_position(connection)
            merged = project.apply(connection, [outcome for outcome in batch if outcome.position > stored])
            project.store_position(connection, reached)
        for thing in merged:
            self._calls.append(partial(self._on_configuration, thing))

    def _set_aside(self, batch: Sequence[Outcome], reached: int, error: Exception) -> None:
        # what the database will never take must not stand in the way of everything after it
        with writing(self._engine) as connection:
            for outcome in batch:
                project.set_aside(connection, outcome, f"{type(error).__name__}: {error}")
            project.store_position(connection, reached)
        self._damage = f"the outcome at position {reached} could not be recorded and was set aside: {type(error).__name__}"
        log.error("records: %s", self._damage, exc_info=error)

    def _decide_hazards(self) -> None:
        for want in project_hazards.undecided(self._engine):
            decided = project_hazards.decide(self._engine, want)
            if decided is None:
                continue
            hazard, step = decided
            if step is not None:
                self._calls.append(partial(self._on_hazard, hazard, step))
            self._link(want.alarm_id, hazard.id)
        self._wants_left = False

    def _link(self, alarm_id: str, hazard_id: str) -> None:
        self._calls.append(partial(self._link_hazard, LinkHazard(alarm_id=alarm_id, who=SERVICE, hazard_id=hazard_id)))

    def _forget(self, base: int) -> None:
        self._queue.clear()
        self._queued_changes = 0
        self._base = base
        self._turn.notify_all()

    def _rest(self) -> None:
        with self._turn:
            self._turn.wait_for(lambda: self._stopping.is_set() or self._queue or self._fed >= self._wanted > self.position, timeout=LAZY_S)


def _is_unwritable(error: Exception) -> bool:
    """Whether the database refuses the values themselves, so that trying again would not help."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError | IntegrityError)
    return isinstance(error, ValueError | TypeError | OverflowError)
