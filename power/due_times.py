"""When each open order wants to be looked at next, found without a pass over all of them: a heap whose stale entries are dropped when met.

An order is *touched* by whatever changes it or its watch; its moment is then computed again. It decides nothing about orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush

Moment = Callable[[str], int | None]  # of an order id; None: it wants nothing by itself, or is not open


class DueTimes:
    """Derived from the orders; not part of any state."""

    def __init__(self) -> None:
        self._moments: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def clear(self) -> None:
        self._moments, self._heap = {}, []

    def touch(self, order_ids: Iterable[str], moment: Moment) -> None:
        """These have changed."""
        for order_id in order_ids:
            self._set(order_id, moment(order_id))

    def next_ms(self, moment: Moment) -> int | None:
        """The earliest moment of any. An entry at the top that no longer says what `moment` says is put right first."""
        while self._heap:
            at_ms, order_id = self._heap[0]
            if self._moments.get(order_id) == at_ms:
                present = moment(order_id)
                if present == at_ms:
                    return at_ms
                heappop(self._heap)
                self._set(order_id, present)
            else:
                heappop(self._heap)
        return None

    def take(self, until_ms: int) -> set[str]:
        """The orders whose moment is at or before `until_ms`. They are forgotten here until touched again."""
        taken: set[str] = set()
        while self._heap and self._heap[0][0] <= until_ms:
            at_ms, order_id = heappop(self._heap)
            if self._moments.get(order_id) == at_ms:
                taken.add(order_id)
                del self._moments[order_id]
        return taken

    def _set(self, order_id: str, at_ms: int | None) -> None:
        if at_ms is None:
            self._moments.pop(order_id, None)
        elif self._moments.get(order_id) != at_ms:
            self._moments[order_id] = at_ms
            heappush(self._heap, (at_ms, order_id))
