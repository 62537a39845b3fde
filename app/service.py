"""The running service: starts the parts in order, stops them in the mirror's order, and waits for a signal between.

Start: restored -> records, projector, historian writer -> scan -> broker, GB/T 26875.3 listener -> HTTP. *Ready* is said by `/readyz`.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
from contextlib import ExitStack
from types import FrameType

from app.complaints import Complaints
from app.parts import Clock, Parts
from app.settings import Settings
from app.wiring import build

log = logging.getLogger("sitewarden")

SWITCH_INTERVAL_S = 0.0005  # measured: a journal write beside two busy threads 193 ms p99 with the default, 11 ms with this


class Service:
    """`with Service(settings) as service:` runs it; `parts` are what it is made of."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._stack = ExitStack()
        self.parts: Parts

    def __enter__(self) -> Service:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        try:
            self.parts = build(self._settings, self._stack, self._clock)
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        parts, stack = self.parts, self._stack
        parts.opening.start()
        stack.callback(parts.projector.close)
        stack.callback(parts.opening.stop)
        parts.history.start()
        stack.callback(parts.history.close)
        parts.post_office.start()
        stack.callback(parts.post_office.close)
        parts.hazard_watch.start()
        stack.callback(parts.hazard_watch.stop)
        stack.callback(lambda: parts.keeper.close(is_sound=parts.scan.failed is None))
        parts.scan.start()
        stack.callback(parts.scan.stop)
        complaints = Complaints(parts, parts.scan.put, parts.settings.data_dir)
        complaints.start()
        stack.callback(complaints.stop)
        parts.broker.start()
        stack.callback(parts.broker.stop)
        parts.announcer.start()
        stack.callback(parts.announcer.stop)
        if parts.listener is not None:
            parts.listener.start()
            stack.callback(parts.listener.stop)
        parts.http.start()
        stack.callback(parts.http.stop)

    @property
    def url(self) -> str:
        return self.parts.http.url


def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; 1 when the scan has stopped by itself: whoever supervises the process starts it again."""
    stop = threading.Event()

    def stopped(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stopped)
    gc.disable()  # what the start builds is there to stay: a pass over all devices finds nothing, and would hold up the scan later
    with Service(settings) as service:
        gc.freeze()
        gc.enable()
        parts = service.parts
        if parts.embedded is not None:
            taken = parts.embedded.port != parts.embedded.wanted_port
            why = f" (port {parts.embedded.wanted_port} is taken: devices that expect it speak to somebody else)" if taken else ""
            print(f"embedded broker on {parts.broker.telemetry.address}{why}", flush=True)
        print(f"sitewarden on {service.url}", flush=True)
        while not stop.wait(0.5):
            if parts.scan.failed is not None:
                print(f"sitewarden: the scan stopped: {parts.scan.failed}", file=sys.stderr, flush=True)
                return 1
    return 0
