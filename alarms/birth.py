"""How an alarm begins: a finding or a complaint of the service, with the names of its place at that moment.

Names are copied, so that an old alarm still reads as it did when the zone is renamed or the device gone. It keeps nothing.
"""

from __future__ import annotations

from typing import Any

from alarms.lifecycle import new_standing
from alarms.model import Alarm
from alarms.service_alarms import SERVICE_ALARMS, ServiceRaise, service_rule_id
from rules.expression import value_unit
from rules.findings import Finding
from rules.model import Rule, RuleKind, Severity
from sites.metrics import kind_of
from sites.model import derived_id
from sites.roster import Roster

TEST_HEARD_MS = 15 * 60_000  # a device's own `test` flag counts for so long after it was last heard: it must not silence linkages for ever


def alarm_of_finding(finding: Finding, rule: Rule, roster: Roster) -> Alarm:
    """The new alarm of a raised (or stepped) finding."""
    assert finding.severity is not None, "only a cleared finding has no severity"
    standing = new_standing(rule.latched)
    silence = rule.kind is RuleKind.SILENCE
    return Alarm(
        id=derived_id("alarm", finding.rule_id, finding.subject, finding.at_ms, finding.fired_ms),
        rule_id=finding.rule_id,
        rule_version=finding.rule_version,
        rule_name=rule.name,
        rule_name_en=rule.name_en,
        kind=rule.alarm_kind or ("presence" if silence else kind_of(finding.metric)),
        subject=finding.subject,
        point_id=finding.subject.removeprefix("point:") if finding.subject.startswith("point:") else None,
        **_place(roster, "", "", finding.device_id),
        metric=finding.metric,
        unit=value_unit(rule),
        severity=finding.severity,
        level=finding.level,
        limit=finding.limit,
        value=finding.value,
        peak_value=finding.value,
        condition=standing.condition,
        attention=standing.attention,
        is_latched=rule.latched,
        needs_reset=standing.needs_reset,
        is_late=finding.is_late,
        raised_ms=finding.at_ms,
        arrived_ms=finding.fired_ms,
        changed_ms=finding.fired_ms,
        asked_ms=finding.fired_ms,
        is_test=is_in_test(roster, finding.device_id, finding.fired_ms),
    )


def alarm_of_service(wish: ServiceRaise, severity: Severity, roster: Roster, now_ms: int) -> Alarm:
    """The new alarm of a complaint of the service."""
    kind = SERVICE_ALARMS[wish.code]
    standing = new_standing(kind.is_latched)
    rule_id = service_rule_id(wish.code)
    return Alarm(
        id=derived_id("alarm", rule_id, wish.subject, now_ms, now_ms),
        rule_id=rule_id,
        rule_version=1,
        rule_name=kind.name,
        rule_name_en=kind.name_en,
        kind=kind.kind,
        subject=wish.subject,
        point_id=None,
        **_place(roster, wish.site_id, wish.zone_id, wish.device_id),
        metric="",
        unit=wish.unit,
        severity=severity,
        level=int(severity),
        limit=None,
        value=wish.value,
        peak_value=wish.value,
        condition=standing.condition,
        attention=standing.attention,
        is_latched=kind.is_latched,
        needs_reset=standing.needs_reset,
        is_late=False,
        raised_ms=now_ms,
        arrived_ms=now_ms,
        changed_ms=now_ms,
        asked_ms=now_ms,
    )


def is_in_test(roster: Roster, device_id: str, now_ms: int) -> bool:
    """Whether the device lately said that it is being tested."""
    said = roster.latest(device_id, "test")
    return said is not None and said[0] >= 1 and now_ms - said[2] <= TEST_HEARD_MS


def _place(roster: Roster, site_id: str, zone_id: str, device_id: str) -> dict[str, Any]:
    device = roster.device(device_id) if device_id else None
    if device is None and device_id in roster.rows_ever:
        device = roster.devices_by_row[roster.rows_ever[device_id]]  # removed while its alarm was on the way
    if device is not None:
        site_id, zone_id = site_id or device.site_id, zone_id or device.zone_id
    site, zone = roster.sites.get(site_id), roster.zones.get(zone_id)
    return {
        "site_id": site_id,
        "site_name": site.name if site else site_id,
        "zone_id": zone_id,
        "zone_name": zone.name if zone else zone_id,
        "device_id": device_id,
        "device_name": device.name if device else device_id,
    }
