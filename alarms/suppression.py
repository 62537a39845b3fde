"""Inhibition: a device behind a gateway that is itself not heard says nothing new by its silence.

Computed from the book and the roster alone, so a replay suppresses what the live service did. It applies to alarms of silence and to
nothing else: a detector that reports smoke through whatever way is never inhibited. Only an alarm that itself calls for attention can
inhibit others: of a chain of lost gateways the highest is left calling, and gateways entered in a circle cannot mute each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from alarms.model import Alarm, Attention, Condition, Suppression
from alarms.service_alarms import RULE_PREFIX
from sites.roster import Roster

INHIBITED = "inhibited"


def is_silence(alarm: Alarm) -> bool:
    """Whether a silence rule raised it: on a device, of no metric, not by the service itself."""
    return not alarm.metric and alarm.subject == f"device:{alarm.device_id}" and not alarm.rule_id.startswith(RULE_PREFIX)


def inhibitor(alarm: Alarm, roster: Roster, silences_of: Callable[[str], Iterable[Alarm]]) -> Alarm | None:
    """The standing alarm of the nearest lost gateway of this silent device that calls for attention itself; None: there is none."""
    if not is_silence(alarm):
        return None
    for gateway_id in roster.gateways_of(alarm.device_id):
        for other in silences_of(gateway_id):
            if other.condition is Condition.ACTIVE and other.attention is not Attention.SUPPRESSED:
                return other
    return None


def inhibition(cause: Alarm) -> Suppression:
    """The suppression that a lost gateway's alarm brings about."""
    return Suppression(
        kind=INHIBITED,
        reason=f"its gateway {cause.device_name} is not heard",
        reason_zh=f"上级网关 {cause.device_name} 失联",
        alarm_id=cause.id,
    )
