"""The last hundred refused messages of each device with their raw bytes: what one looks at when a device speaks and is not understood.

Written by the scan only, part of its snapshot, bounded for all devices together: the device that was refused longest ago loses first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from ingest.heard import Refused

OF_A_DEVICE = 100
OF_ALL = 10_000  # each keeps at most 1 KiB of raw bytes


@dataclass(slots=True)
class RefusalsState:
    """As kept in a snapshot, oldest first within a device; devices by their last refusal."""

    kept: list[Refused] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)


class Refusals:
    """By device id; "" holds what no device owns."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, deque[Refused]] = OrderedDict()
        self._totals: dict[str, int] = {}
        self._size = 0

    def of(self, device_id: str) -> tuple[Refused, ...]:
        """Those that are kept, newest first."""
        return tuple(self._kept.get(device_id, ()))[::-1]

    def total(self, device_id: str) -> int:
        """How many there ever were."""
        return self._totals.get(device_id, 0)

    def add(self, refused: Refused) -> None:
        name = refused.device_id or ""
        kept = self._kept.get(name)
        if kept is None:
            kept = self._kept[name] = deque(maxlen=OF_A_DEVICE)
        self._kept.move_to_end(name)
        self._size += len(kept) < OF_A_DEVICE
        kept.append(refused)
        self._totals[name] = self._totals.get(name, 0) + 1
        if self._size > OF_ALL:
            oldest = next(iter(self._kept))
            self._kept[oldest].popleft()
            self._size -= 1
            if not self._kept[oldest]:
                del self._kept[oldest]

    def forget(self, device_id: str) -> None:
        """The device is no longer watched."""
        self._size -= len(self._kept.pop(device_id, ()))
        self._totals.pop(device_id, None)

    def dump(self) -> RefusalsState:
        return RefusalsState([refused for kept in self._kept.values() for refused in kept], dict(self._totals))

    def load(self, state: RefusalsState) -> None:
        """Take the place of what was dumped."""
        self._kept, self._totals, self._size = OrderedDict(), {}, 0
        self._take(state.kept)
        self._totals = dict(state.totals)

    def _take(self, kept: Iterable[Refused]) -> None:
        for refused in kept:
            self.add(refused)
