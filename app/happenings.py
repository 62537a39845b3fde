"""Findings and watched measurements of one batch, in the order in which they happened, so that cutting the batch changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.findings import Finding
from sites.readings import Readings


@dataclass(slots=True)
class Happening:
    """Something at `at_ms`, after the first `upto` readings of the batch have become the latest."""

    at_ms: int
    upto: int
    finding: Finding | None = None
    circuit_id: str | None = None


def happenings(findings: list[Finding], readings: Readings, watched: Mapping[int, str], watch_rows: NDArray[np.int32]) -> list[Happening]:
    """In order of time; at one time timers first, then by reading, a reading's findings before its measurement. `watched` maps point rows
    to circuits, `watch_rows` are its keys, sorted. Of a message's readings only the last of a circuit makes a measurement."""
    sequence: list[tuple[int, int, int, Happening]] = []  # (2 x reading + 1, or 2 x following reading for a timer; kind; number)
    arrived = readings.arrived_ms
    for finding in findings:
        upto = finding.index + 1 if finding.index >= 0 else int(np.searchsorted(arrived, finding.fired_ms, "left"))
        place = 2 * upto - 1 if finding.index >= 0 else 2 * upto
        sequence.append((place, 0, len(sequence), Happening(finding.fired_ms, upto, finding=finding)))
    if len(watch_rows) and len(readings):
        hits = np.flatnonzero(np.isin(readings.rows, watch_rows)).tolist()
        for n, index in enumerate(hits):
            circuit_id = watched[int(readings.rows[index])]
            following = hits[n + 1] if n + 1 < len(hits) else -1
            if following == index + 1 and watched[int(readings.rows[following])] == circuit_id and arrived[following] == arrived[index]:
                continue
            at_ms = int(arrived[index])
            sequence.append((2 * index + 1, 1, len(sequence), Happening(at_ms, index + 1, circuit_id=circuit_id)))
    if len(sequence) > 1:
        sequence.sort(key=lambda entry: entry[:3])
    return [entry[3] for entry in sequence]
