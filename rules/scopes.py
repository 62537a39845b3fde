"""Which devices a rule's scope covers, for many devices at once. Knows the roster, keeps nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rules.model import Scope
from sites.roster import Roster


class Scopes:
    """Answers, for some device rows, which of them a scope allows. Removed devices are in none."""

    def __init__(self, roster: Roster, device_rows: NDArray[np.int32]) -> None:
        devices = [roster.devices_by_row[row] for row in device_rows.tolist()]
        self.is_there = np.array([roster.device_rows.get(device.id) is not None for device in devices], bool)
        self.own = {
            "device_kinds": _codes([device.kind for device in devices]),
            "sites": _codes([device.site_id for device in devices]),
            "zones": _codes([device.zone_id for device in devices]),
            "devices": _codes([device.id for device in devices]),
        }
        self.known: dict[Scope, NDArray[np.bool_]] = {}

    def allowed(self, scope: Scope) -> NDArray[np.bool_]:
        mask = self.known.get(scope)
        if mask is None:
            mask = self.is_there
            for name, (words, codes) in self.own.items():
                wanted = getattr(scope, name)
                if wanted:
                    mask = mask & np.isin(codes, [words[word] for word in wanted if word in words])
            self.known[scope] = mask
        return mask


def _codes(names: list[str]) -> tuple[dict[str, int], NDArray[np.int64]]:
    words: dict[str, int] = {}
    return words, np.array([words.setdefault(name, len(words)) for name in names], np.int64)
