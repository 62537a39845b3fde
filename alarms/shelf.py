"""A shelf: an alarm that a person has put aside for a while, with a reason; and how long that may be.

After ISA-18.2 (shelving) with the limits of domain.md A4 and section 8: one shift for P3 and P4, two hours for P2, never for P1, and never
for fire and gas, whose detectors are taken out of service instead. It keeps nothing: `alarms.suppressions` does.
"""

from __future__ import annotations

from dataclasses import dataclass

from alarms.errors import SuppressionRefused
from alarms.instants import iso_utc
from alarms.model import Alarm, Suppression
from alarms.suppression import SHELVED
from rules.model import Severity

HOUR_MS = 3_600_000
MOST_MS: dict[Severity, int] = {Severity.INFO: 8 * HOUR_MS, Severity.LOW: 8 * HOUR_MS, Severity.HIGH: 2 * HOUR_MS}
NEVER_KINDS = frozenset({"smoke", "heat", "gas", "manual_call"})
_WORDS = {Severity.INFO: "P4", Severity.LOW: "P3", Severity.HIGH: "P2", Severity.CRITICAL: "P1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """One rule's alarms on one subject are put aside from `from_ms` until `until_ms`. `state`: standing, ended. `is_one_shot`: it ends
    with the alarm's condition, if that is sooner."""

    id: str
    rule_id: str
    rule_name: str
    rule_name_en: str
    subject: str
    alarm_id: str  # for which it was asked
    site_id: str
    zone_id: str
    zone_name: str
    device_id: str
    device_name: str
    severity: str
    reason: str
    who: str
    from_ms: int
    until_ms: int
    is_one_shot: bool = False
    state: str = "standing"
    ended_ms: int | None = None
    ended_by: str | None = None  # None: the service
    ended_why: str = ""
    ended_why_zh: str = ""
    seq: int = 1


def refuse_shelf(alarm: Alarm, reason: str, from_ms: int, until_ms: int) -> None:
    """Raises SuppressionRefused when this alarm may not be put aside so long."""
    if alarm.kind in NEVER_KINDS:
        raise SuppressionRefused(
            f"an alarm of kind {alarm.kind} is never shelved: take its detector out of service, with a permit and a patrol instead",
            "火灾、燃气类报警不得搁置：请按屏蔽流程办理（作业票、代偿巡查）",
        )
    most_ms = MOST_MS.get(alarm.severity)
    if most_ms is None:
        raise SuppressionRefused(
            "a critical alarm (P1) is never shelved: take its device out of service, with a permit and a patrol instead",
            "紧急（P1）报警不得搁置：请按屏蔽流程办理（作业票、代偿巡查）",
        )
    if not reason.strip():
        raise SuppressionRefused("shelving needs a reason", "搁置需要填写原因")
    if not from_ms < until_ms <= from_ms + most_ms:
        hours, word = most_ms // HOUR_MS, _WORDS[alarm.severity]
        raise SuppressionRefused(
            f"asked until {iso_utc(until_ms)}; a {word} alarm is shelved for at most {hours} h, until {iso_utc(from_ms + most_ms)}",
            f"{word} 报警最多搁置 {hours} 小时",
        )


def still_allowed_ms(shelf: Shelf, severity: Severity) -> int | None:
    """Until when the shelf may stand now that its alarm has this severity; None: no longer at all."""
    most_ms = MOST_MS.get(severity)
    return None if most_ms is None else min(shelf.until_ms, shelf.from_ms + most_ms)


def cause_of(shelf: Shelf) -> Suppression:
    return Suppression(
        kind=SHELVED,
        reason=f"shelved: {shelf.reason}",
        reason_zh=f"搁置：{shelf.reason}",
        source_id=shelf.id,
        until_ms=shelf.until_ms,
        by=shelf.who,
    )
