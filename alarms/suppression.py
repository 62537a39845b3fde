"""Why an alarm calls nobody: the kinds of suppression by their strength, and inhibition, which is computed here.

Inhibition: a device behind a gateway that is itself not heard says nothing new by its silence.

Computed from the book and the roster alone, so a replay suppresses what the live service did. It applies to alarms of silence and to
nothing else: a detector that reports smoke through whatever way is never inhibited. An inhibited alarm inhibits nobody: of a chain of lost
gateways the highest is left calling, and gateways entered in a circle cannot mute each other. What people decide (shelves, taking out of
service, proof tests, quiet schedules) is kept by `alarms.suppressions` and `alarms.proof_tests`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from alarms.model import Alarm, Attention, Condition, Suppression
from alarms.service_alarms import RULE_PREFIX
from sites.roster import Roster

OUT_OF_SERVICE = "out_of_service"  # taken out by a person, with a permit (ISA-18.2 I; 屏蔽)
PROOF_TEST = "proof_test"  # its zone or device is being tested (H)
SHELVED = "shelved"  # put aside by a person for a while (G)
INHIBITED = "inhibited"  # by another alarm (H)
SCHEDULED = "schedule"  # by a recurring quiet time (H)
KINDS = (OUT_OF_SERVICE, PROOF_TEST, SHELVED, INHIBITED, SCHEDULED)  # strongest first: the reason that is shown
KIND_NAMES = {
    OUT_OF_SERVICE: ("out of service", "屏蔽"),
    PROOF_TEST: ("proof test", "检测试验"),
    SHELVED: ("shelved", "搁置"),
    INHIBITED: ("inhibited by another alarm", "上级报警抑制"),
    SCHEDULED: ("quiet schedule", "计划静默"),
}


def strongest_first(causes: Iterable[Suppression]) -> tuple[Suppression, ...]:
    """All that stand, by kind, then the one that lasts longest."""
    forever = 1 << 62
    return tuple(
        sorted(causes, key=lambda why: (KINDS.index(why.kind), -(why.until_ms or forever), why.source_id, why.alarm_id or "", why.reason))
    )


def standing_on(alarm: Alarm) -> tuple[Suppression, ...]:
    """What suppresses this alarm now. Alarms of old snapshots know only one."""
    if alarm.attention is not Attention.SUPPRESSED:
        return ()
    return alarm.suppressions or ((alarm.suppression,) if alarm.suppression else ())


def is_silence(alarm: Alarm) -> bool:
    """Whether a silence rule raised it: on a device, of no metric, not by the service itself. Its limit is in intervals; a condition on a
    device that names no metric either (*alarm(...)*) has none."""
    is_of_device = not alarm.metric and alarm.subject == f"device:{alarm.device_id}" and not alarm.rule_id.startswith(RULE_PREFIX)
    return is_of_device and alarm.limit is not None


def inhibitor(alarm: Alarm, roster: Roster, silences_of: Callable[[str], Iterable[Alarm]]) -> Alarm | None:
    """The standing alarm of the nearest lost gateway of this silent device that is not inhibited itself; None: there is none."""
    if not is_silence(alarm):
        return None
    for gateway_id in roster.gateways_of(alarm.device_id):
        for other in silences_of(gateway_id):
            if other.condition is Condition.ACTIVE and all(why.kind != INHIBITED for why in standing_on(other)):
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
