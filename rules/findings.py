"""Findings: the edges that the engine saw. Here numpy ends: few, frozen, in the order in which they happened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rules.model import Severity


class Edge(StrEnum):
    RAISED = "raised"
    STEPPED = "stepped"  # another level of the same rule, up or down
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One edge of one rule on one subject.

    `at_ms` is when the condition was met (taken time + hold); `fired_ms` is the service time at which it is known: the arrival of the
    reading, or the due time of a hold. Findings are ordered by (`fired_ms`, batch index or due order). `subject` is `point:<point id>`
    or `device:<device id>`. `level` indexes `rule.levels` (-1 when cleared). `is_late`: delayed beyond the rule's lateness: it may raise
    and sound, but never starts a linkage."""

    rule_id: str
    rule_version: int
    subject: str
    device_id: str
    metric: str  # with suffix; empty for a silence of the whole device
    edge: Edge
    level: int
    severity: Severity | None  # None when cleared
    limit: float | None
    value: float | None
    at_ms: int
    fired_ms: int
    is_late: bool = False
    index: int = -1  # index of the causing reading in the stepped batch, -1 for a timer
