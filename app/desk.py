"""The operators' desk: hands requests to the scan and waits for its answer, then up to 1 s for the records to have it.

It decides nothing. A change of configuration made by a record transaction enters the scan through here too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from api.ports import Answer, Busy
from app.rows import ConfigChanged
from app.scan import Scan

RECORDED_WITHIN_S = 1.0
ANSWERED_WITHIN_S = 10.0
TAKEN_WITHIN_S = 1.0
BATCH = 500  # changes of configuration in one scan
BATCH_WITHIN_S = 5.0


class Waits(Protocol):
    @property
    def is_away(self) -> bool: ...
    def wait(self, position: int, timeout_s: float) -> bool: ...


class Desk:
    def __init__(self, scan: Scan, projector: Waits) -> None:
        self._scan = scan
        self._projector = projector

    async def ask(self, request: object) -> Answer:
        """Raises AlarmError, PowerError, Busy."""
        future = self._scan.ask(request)
        try:
            answer = await asyncio.wait_for(asyncio.wrap_future(future), ANSWERED_WITHIN_S)
        except TimeoutError:
            fate = "nothing was done" if future.cancelled() else "the request may still be carried out"
            raise Busy(f"the scan has not answered within {ANSWERED_WITHIN_S:g} s; {fate}") from None
        if not answer.is_journalled or self._projector.is_away:  # a wait would hold a thread, and with it the answers behind it
            return answer
        recorded = await asyncio.to_thread(self._projector.wait, answer.position, RECORDED_WITHIN_S)
        return replace(answer, recorded=recorded)

    def configurations_changed(self, changes: Sequence[tuple[str, str, int, Any | None]]) -> None:
        """A batch is in the scan before the next is given to it: readings go between them, and none is a long scan."""
        for start in range(0, len(changes), BATCH):
            items = [ConfigChanged.of(*change) for change in changes[start : start + BATCH]]
            for item in items[:-1]:
                self._scan.put(item)
            self._scan.settle(items[-1]).wait(BATCH_WITHIN_S)

    def configuration_changed(self, kind: str, thing_id: str, version: int, thing: Any | None) -> None:
        """Waits until the scan has it, so that the person's next request finds it there; longer than a second would help nobody."""
        self._scan.settle(ConfigChanged.of(kind, thing_id, version, thing)).wait(TAKEN_WITHIN_S)
