"""The centre's end of GB/T 26875.3 over TCP: transmission devices connect here, their frames go into the inbox, answers go back.

A frame of data is confirmed only when the scan says that the journal has it (`acknowledge`); what is not confirmed the device sends
again, so nothing that was confirmed is lost. Damaged frames and commands without meaning are denied at once. One thread serves all
connections; how many there are, and what each may leave unread, unsent and unconfirmed, is bounded. Decides nothing, keeps nothing.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

from ingest.codecs.gb26875 import TCP_LINE, answer_to
from ingest.gb26875 import CONFIRM, DENY, Frame, cut, label_of
from ingest.heard import Message
from ingest.inbox import Inbox

log = logging.getLogger(__name__)

TOPIC = f"gb26875/{TCP_LINE}/up"
MAX_CONNECTIONS = 256
MAX_UNCONFIRMED = 16  # frames of one connection that wait for the journal: then it is not read until they are confirmed
MAX_UNSENT = 16_384  # bytes of answers that a device leaves unread: then it is disconnected
MAX_DENIED = 64  # damaged frames in a row, without a sound one: noise, no device
READ_BYTES = 16_384
SILENT_S = 7_200.0  # nothing for a patrol period (GB 50440: at most 2 h): the connection is dead
_LOOK_S = 1.0


def parse(url: str) -> tuple[str, int]:
    """(host, port) of `tcp://host:port`. Raises ValueError with what would be allowed."""
    parts = urlsplit(url)
    if parts.scheme != "tcp" or not parts.hostname or parts.port is None or parts.path not in ("", "/"):
        raise ValueError(f"given {url!r}; tcp://HOST:PORT is allowed, such as tcp://127.0.0.1:5050")
    return parts.hostname, parts.port


@dataclass(slots=True, eq=False)
class _Connection:
    """One device's connection. `waiting` are frames that the journal does not have yet, by the number given to them."""

    number: int
    socket: socket.socket
    peer: str
    heard_s: float
    rest: bytes = b""
    unsent: bytes = b""
    waiting: dict[int, Frame] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    denied: int = 0


@dataclass(slots=True)
class Figures:
    """Counted by the listener's thread, read by anyone."""

    connections: int = 0  # now open
    refused: int = 0  # over the bound
    frames: int = 0
    confirmed: int = 0
    denied: int = 0
    skipped_bytes: int = 0


class Listener:
    """Binds at once (OSError when it cannot), serves from `start` to `stop`. `clock_ms` stamps messages, `seconds` never goes back."""

    def __init__(self, host: str, port: int, inbox: Inbox, clock_ms: Callable[[], int], seconds: Callable[[], float]) -> None:
        self.figures = Figures()
        self._inbox = inbox
        self._clock_ms = clock_ms
        self._seconds = seconds
        self._listening = socket.create_server((host, port), backlog=64)
        self._listening.setblocking(False)
        self.address: tuple[str, int] = self._listening.getsockname()[:2]
        self._selector = selectors.DefaultSelector()
        self._woken, self._wakes = socket.socketpair()
        self._woken.setblocking(False)
        self._wakes.setblocking(False)
        self._connections: dict[int, _Connection] = {}
        self._numbers = count(1)
        self._kept: deque[tuple[int, int]] = deque()  # (epoch, mid) that the journal has
        self._renew = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gb26875 tcp", daemon=True)

    # -- for its owner ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        """Close everything; a frame that was not confirmed is the device's to send again."""
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        for connection in list(self._connections.values()):
            self._close(connection)
        for thing in (self._listening, self._woken, self._wakes, self._selector):
            thing.close()

    def acknowledge(self, acks: Iterable[tuple[int, int]]) -> None:
        """For the scan, once the journal has them. Connections are counted downwards from -1, so that their acknowledgements are told
        from the broker's, which are left alone."""
        mine = [(epoch, mid) for epoch, mid in acks if epoch < 0]
        if mine:
            self._kept.extend(mine)
            self._wake()

    def redeliver(self) -> None:
        """Drop the connections with unconfirmed frames, after a time in which the journal could not be written: they come back and send
        them again."""
        self._renew.set()
        self._wake()

    # -- its thread ------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        try:
            self._wakes.send(b"\0")
        except (BlockingIOError, OSError):
            return  # it is awake anyway, or gone

    def _run(self) -> None:
        while not self._stopping.is_set():
            for key, mask in self._selector.select(_LOOK_S):
                if key.fileobj is self._listening:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._drain_wakes()
                else:
                    self._serve(key.data, mask)
            self._confirm()
            if self._renew.is_set():
                self._renew.clear()
                for connection in [connection for connection in self._connections.values() if connection.waiting]:
                    self._close(connection)
            self._end_silent()

    def _accept(self) -> None:
        try:
            taken, peer = self._listening.accept()
        except OSError:
            return  # it has gone again
        if len(self._connections) >= MAX_CONNECTIONS:
            self.figures.refused += 1
            log.warning("%s was not taken: %d devices are connected, which is the bound", peer[0], len(self._connections))
            taken.close()
            return
        taken.setblocking(False)
        connection = _Connection(-next(self._numbers), taken, f"{peer[0]}:{peer[1]}", self._seconds())
        self._connections[connection.number] = connection
        self.figures.connections = len(self._connections)
        self._selector.register(taken, selectors.EVENT_READ, connection)

    def _drain_wakes(self) -> None:
        try:
            while self._woken.recv(4_096):
                pass
        except BlockingIOError:
            return

    def _serve(self, connection: _Connection, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._send(connection, b"")
        if mask & selectors.EVENT_READ and connection.number in self._connections:
            self._read(connection)

    def _read(self, connection: _Connection) -> None:
        try:
            received = connection.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._close(connection)
            return
        connection.heard_s = self._seconds()
        parts = cut(connection.rest + received)
        connection.rest = parts.rest
        self.figures.skipped_bytes += parts.skipped
        self.figures.frames += len(parts.frames)
        answers = [self._deny(frame) for frame in parts.damaged]
        connection.denied = 0 if parts.frames else connection.denied + len(parts.damaged)
        messages: list[Message] = []
        for frame in parts.frames:
            if answer_to(frame) == DENY:
                answers.append(self._deny(frame))
            messages.append(self._message(connection, frame))
        self._inbox.put(*messages)
        if connection.denied > MAX_DENIED:
            log.warning("%s was disconnected: %d damaged frames and no sound one", connection.peer, connection.denied)
            self._close(connection)
            return
        self._send(connection, b"".join(answers))

    def _message(self, connection: _Connection, frame: Frame) -> Message:
        number = next(connection.numbers)
        connection.waiting[number] = frame
        return Message(TOPIC, frame.raw, 1, False, self._clock_ms(), number, connection.number)

    def _deny(self, frame: Frame) -> bytes:
        self.figures.denied += 1
        return frame.answer(DENY, label_of(self._clock_ms()))

    def _confirm(self) -> None:
        """Answer what the journal has by now."""
        answers: dict[int, list[bytes]] = {}
        label = label_of(self._clock_ms())
        for _ in range(len(self._kept)):
            epoch, mid = self._kept.popleft()
            connection = self._connections.get(epoch)
            frame = connection.waiting.pop(mid, None) if connection is not None else None
            if frame is not None:
                answers.setdefault(epoch, [])
                if answer_to(frame) == CONFIRM:
                    answers[epoch].append(frame.answer(CONFIRM, label))
        for epoch, frames in answers.items():
            self.figures.confirmed += len(frames)
            self._send(self._connections[epoch], b"".join(frames))

    def _send(self, connection: _Connection, answers: bytes) -> None:
        """Send what can be sent now, and wait for what the connection is to do next."""
        connection.unsent += answers
        try:
            if connection.unsent:
                connection.unsent = connection.unsent[connection.socket.send(connection.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._close(connection)
            return
        if len(connection.unsent) > MAX_UNSENT:
            log.warning("%s was disconnected: it does not read its answers", connection.peer)
            self._close(connection)
            return
        wanted = selectors.EVENT_WRITE if connection.unsent else 0
        if len(connection.waiting) < MAX_UNCONFIRMED:
            wanted |= selectors.EVENT_READ
        self._watch(connection, wanted)

    def _watch(self, connection: _Connection, wanted: int) -> None:
        known = self._selector.get_map().get(connection.socket)
        if not wanted:
            if known is not None:
                self._selector.unregister(connection.socket)
        elif known is None:
            self._selector.register(connection.socket, wanted, connection)
        elif known.events != wanted:
            self._selector.modify(connection.socket, wanted, connection)

    def _end_silent(self) -> None:
        before_s = self._seconds() - SILENT_S
        for connection in [connection for connection in self._connections.values() if connection.heard_s < before_s]:
            self._close(connection)

    def _close(self, connection: _Connection) -> None:
        self._connections.pop(connection.number, None)
        self.figures.connections = len(self._connections)
        self._watch(connection, 0)
        connection.socket.close()
