"""Whether anything can still clear an alarm: if its rule, device or place is gone, or no longer the rule's concern, a person may end it.

An edit never clears an alarm by itself; without this one would stand for ever. It asks the rule's scope only, and keeps nothing.
"""

from __future__ import annotations

from alarms.model import Alarm, Condition
from alarms.service_alarms import RULE_PREFIX
from rules.model import Rule, RuleKind
from sites.metrics import base_metric
from sites.roster import Roster


def withdrawal_refused(alarm: Alarm, rule: Rule | None, roster: Roster) -> str | None:
    """Why this alarm is not withdrawn but waits for its condition; None: nothing will ever clear it. `rule` is the present version."""
    if alarm.condition is Condition.NORMAL:
        return f"alarm {alarm.id} is normal already: acknowledge it, and reset it if it is latched"
    if alarm.site_id and alarm.site_id not in roster.sites:
        return None
    if alarm.rule_id.startswith(RULE_PREFIX):
        gone = alarm.subject.startswith("circuit:") and alarm.subject.removeprefix("circuit:") not in roster.circuits
        return None if gone else f"alarm {alarm.id} is the service's own: it clears by itself when what it complains of is over"
    if rule is None or not rule.enabled or not _covers(rule, alarm, roster):
        return None
    return f"rule {rule.id} still watches {alarm.subject}: the alarm ends when its condition is over; shelve it, or edit the rule first"


def _covers(rule: Rule, alarm: Alarm, roster: Roster) -> bool:
    scope = rule.scope
    what, _, rest = alarm.subject.partition(":")
    if what == "zone":
        zone = roster.zones.get(rest)
        return zone is not None and (not scope.zones or zone.id in scope.zones) and (not scope.sites or zone.site_id in scope.sites)
    device = roster.device(alarm.device_id)
    if device is None:
        return False
    if what == "point" and rule.kind is not RuleKind.SILENCE and base_metric(alarm.metric) != rule.metric and alarm.metric != rule.metric:
        return not rule.metric  # rules over several metrics name none
    return (
        (not scope.device_kinds or device.kind in scope.device_kinds)
        and (not scope.sites or device.site_id in scope.sites)
        and (not scope.zones or device.zone_id in scope.zones)
        and (not scope.devices or device.id in scope.devices)
    )
