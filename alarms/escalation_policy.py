"""Escalation policies: which alarms climb which ladders, whom each step tells, and by what. A document; it decides nothing by itself.

Two ladders: the first counts from the moment the alarm asks for attention and ends when somebody acknowledges it; the second counts
from the same moment, goes on from the acknowledgement, and ends with a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alarms.model import Alarm
from rules.model import Severity

UNACKNOWLEDGED, UNVERIFIED = "unacknowledged", "unverified"
LADDERS = (UNACKNOWLEDGED, UNVERIFIED)
CHANNELS = ("email", "sms", "voice", "webhook", "chat")
WHOM = ("duty", "role", "user", "group")
FIRE_KINDS = ("smoke", "heat", "manual_call")
ACKNOWLEDGE_WITHIN_S, CONFIRM_WITHIN_S = 60, 180  # defaults of domain.md B3
MOST_ACKNOWLEDGE_S, MOST_CONFIRM_S = 180, 300  # limits of domain.md 8 for fire
MOST_REPEATS = 20
LEAST_REPEAT_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`whom`: `duty` (all on duty at the site), `duty:POSITION`, `role:ROLE` (at the site), `user:ID`, `group:ID`; where nobody of it is
    found, `otherwise` is told instead. `channels`: none: every one that the person has. `repeat_s`: again that often, `repeats` times."""

    after_s: int
    whom: tuple[str, ...]
    otherwise: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    repeat_s: int = 0
    repeats: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """Empty filters match everything; `site_id` None: all sites. Of several that match an alarm, the one for its site goes first, then
    one that names its kind, then the higher severity, then the lower id."""

    id: str
    name: str
    name_en: str = ""
    site_id: str | None = None
    kinds: tuple[str, ...] = ()
    min_severity: Severity = Severity.HIGH
    unacknowledged: tuple[Step, ...] = ()
    unverified: tuple[Step, ...] = ()
    enabled: bool = True
    version: int = 1

    def ladder(self, name: str) -> tuple[Step, ...]:
        return self.unacknowledged if name == UNACKNOWLEDGED else self.unverified


def matches(policy: Escalation, alarm: Alarm) -> bool:
    """Whether an alarm passes the policy's filters."""
    return (
        policy.enabled
        and policy.site_id in (None, alarm.site_id)
        and (not policy.kinds or alarm.kind in policy.kinds)
        and alarm.severity >= policy.min_severity
    )


def policy_for(policies: Iterable[Escalation], alarm: Alarm) -> Escalation | None:
    """The one policy that an alarm climbs by."""
    fitting = [policy for policy in policies if matches(policy, alarm)]
    return min(fitting, key=_rank, default=None)


def _rank(policy: Escalation) -> tuple[bool, bool, int, str]:
    return policy.site_id is None, not policy.kinds, -int(policy.min_severity), policy.id


def climbs(alarm: Alarm) -> bool:
    """Whether an alarm may be escalated at all: late, tested and suppressed ones call nobody."""
    return not (alarm.is_late or alarm.is_test or alarm.suppression is not None)
