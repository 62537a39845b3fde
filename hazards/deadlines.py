"""Who is told when a hazard's deadline nears and passes, and to whom it goes on: reminders, overdue, and the next levels.

A stage is named by the deadline and its name, so that a new deadline begins anew and each stage is told once. The clock stops at
*submitted*. Nothing here sends: `storage` keeps what was told in the transaction that puts the messages into the outbox.
"""

from __future__ import annotations

from dataclasses import dataclass

from hazards.loop import CLOCK_RUNS
from hazards.model import Hazard

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
AHEAD_MS = DAY_MS  # a plan of days is reminded of a day ahead; a shorter one when a quarter of it is left
ESCALATE_MS = DAY_MS
HIGHEST_MS = 3 * DAY_MS
AGAIN_MS = DAY_MS


@dataclass(frozen=True, slots=True)
class Stage:
    """`key` names it for ever; `level` 0 is the enterprise itself, 1 and 2 the next ones; `roles` at the site are told."""

    key: str
    name: str  # soon, overdue, escalated, highest
    level: int
    due_ms: int
    roles: tuple[str, ...]


def stages(hazard: Hazard, now_ms: int) -> list[Stage]:
    """Those that have come. Of the daily repetitions only the newest: after an outage nobody is told the same five times. A reminder that
    comes after the deadline is none."""
    deadline_ms = hazard.rectification.deadline_ms
    if hazard.state not in CLOCK_RUNS or deadline_ms is None:
        return []
    found = [Stage(f"{deadline_ms}:soon", "soon", 0, remind_ms(hazard.found_ms, deadline_ms), ("enterprise", "manager"))]
    if now_ms >= deadline_ms:
        found = [
            Stage(f"{deadline_ms}:overdue", "overdue", 0, deadline_ms, ("enterprise", "manager")),
            Stage(f"{deadline_ms}:escalated", "escalated", 1, deadline_ms + ESCALATE_MS, ("manager", "supervisor")),
        ]
        again = max(0, (now_ms - deadline_ms - HIGHEST_MS) // AGAIN_MS)
        at_ms = deadline_ms + HIGHEST_MS + again * AGAIN_MS
        found.append(Stage(f"{deadline_ms}:highest:{again}", "highest", 2, at_ms, ("enterprise", "manager", "supervisor", "administrator")))
    return [stage for stage in found if stage.due_ms <= now_ms]


def next_ms(hazard: Hazard, now_ms: int) -> int | None:
    """When the next stage comes, after all that have come by now; None: the clock stands."""
    deadline_ms = hazard.rectification.deadline_ms
    if hazard.state not in CLOCK_RUNS or deadline_ms is None:
        return None
    fixed = (remind_ms(hazard.found_ms, deadline_ms), deadline_ms, deadline_ms + ESCALATE_MS, deadline_ms + HIGHEST_MS)
    ahead = [at_ms for at_ms in fixed if at_ms > now_ms]
    if ahead:
        return min(ahead)
    return fixed[-1] + ((now_ms - fixed[-1]) // AGAIN_MS + 1) * AGAIN_MS


def remind_ms(found_ms: int, deadline_ms: int) -> int:
    return deadline_ms - min(AHEAD_MS, max(0, deadline_ms - found_ms) // 4)
