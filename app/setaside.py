"""Journal positions whose row once made a step fail: set aside, so that one row that we cannot take does not stop every start.

When a step fails the service stops, because it must not switch breakers on bad state. The next start meets the row again: it is written to
this list, left out by restart and refill alike, and shown in the health until no snapshot is older than it.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

log = logging.getLogger("sitewarden.restore")

NAME = "set-aside.json"


def read(folder: Path) -> dict[int, str]:
    """Position -> why its step failed."""
    try:
        kept = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {int(position): str(reason) for position, reason in kept.items()}


def write(folder: Path, positions: dict[int, str]) -> None:
    """Replace the list, durably."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{NAME}.part"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(positions, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / NAME)


def add(folder: Path, position: int, error: Exception) -> None:
    """Set one more position aside."""
    reason = f"{type(error).__name__}: {error}"[:300]
    log.critical("journal position %d is set aside, because its step failed: %s", position, reason, exc_info=error)
    write(folder, read(folder) | {position: reason})


def forget(folder: Path, oldest_snapshot: int) -> dict[int, str]:
    """Drop positions that every kept snapshot is past; returns the rest."""
    known = read(folder)
    kept = {position: reason for position, reason in known.items() if position > oldest_snapshot}
    if kept != known:
        write(folder, kept)
    return kept
