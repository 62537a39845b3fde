"""Taking out of service (屏蔽): a device, a zone or a rule on a subject whose alarms call nobody, with permit, patrol and end.

After ISA-18.2 (out of service) and GB 25201: a fire system stopped for more than 24 h needs the approval of a second person. It keeps
nothing: `alarms.suppressions` does.
"""

from __future__ import annotations

from dataclasses import dataclass

from alarms.errors import SuppressionRefused
from alarms.instants import iso_utc
from alarms.model import Alarm, Suppression
from alarms.requests import TakeOut
from alarms.service_alarms import RULE_PREFIX
from alarms.suppression import OUT_OF_SERVICE
from sites.roster import Roster

DAY_MS = 24 * 3_600_000
MOST_MS = 90 * DAY_MS
MOST_AHEAD_MS = 365 * DAY_MS
JOINED_MS = 3_600_000  # what follows one of the same target within an hour counts from that one's beginning


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfService:
    """`state`: asked (waits for a second person), planned, standing, ended, lapsed (its time went by unapproved). `kinds`: the facets of
    alarms that it is given for; empty: all of the device's or rule's. `since_ms`: when the span began of which it is the continuation."""

    id: str
    site_id: str
    target: str  # device:<id>, zone:<id>, or rule:<id>@<subject>
    target_name: str
    device_id: str
    zone_id: str
    rule_id: str
    subject: str
    kinds: tuple[str, ...]
    reason: str
    permit: str
    patrol: str
    who: str
    asked_ms: int
    since_ms: int
    from_ms: int
    until_ms: int
    needs_approval: bool
    state: str
    approved_by: str | None = None
    approved_ms: int | None = None
    ended_ms: int | None = None
    ended_by: str | None = None
    ended_why: str = ""
    ended_why_zh: str = ""
    seq: int = 1

    @property
    def is_over(self) -> bool:
        return self.state in ("ended", "lapsed")


def target_of(request: TakeOut, roster: Roster) -> tuple[str, str, str]:
    """(target, name, site id). Raises SuppressionRefused for what is not there, or is not one thing."""
    named = [bool(request.device_id), bool(request.zone_id), bool(request.rule_id)]
    if sum(named) != 1:
        raise SuppressionRefused("name one thing: a device, a zone, or a rule with its subject", "请指定一项：设备、区域，或规则及其对象")
    if request.zone_id:
        zone = roster.zones.get(request.zone_id)
        if zone is None:
            raise SuppressionRefused(f"there is no zone {request.zone_id}", f"没有区域 {request.zone_id}")
        if not request.kinds:
            raise SuppressionRefused("a zone is taken out of service for named kinds of alarms", "区域屏蔽必须指明报警类别")
        return f"zone:{zone.id}", zone.name, zone.site_id
    device_id = request.device_id
    if request.rule_id:
        what, _, rest = request.subject.partition(":")
        if what == "zone" and rest in roster.zones:
            return f"rule:{request.rule_id}@{request.subject}", roster.zones[rest].name, roster.zones[rest].site_id
        device_id = rest.partition(":")[0] if what in ("point", "device") else ""
    device = roster.device(device_id) if device_id else None
    if device is None:
        raise SuppressionRefused(f"there is no device {device_id or request.subject!r}", f"没有设备 {device_id or request.subject}")
    target = f"rule:{request.rule_id}@{request.subject}" if request.rule_id else f"device:{device.id}"
    return target, device.name, device.site_id


def refuse_out(request: TakeOut, now_ms: int) -> int:
    """When it is to begin. Raises SuppressionRefused for a span or a reason that cannot be."""
    from_ms = now_ms if request.from_ms is None else max(now_ms, request.from_ms)
    if not request.reason.strip():
        raise SuppressionRefused("taking out of service needs a reason", "屏蔽需要填写原因")
    if not from_ms < request.until_ms <= from_ms + MOST_MS or from_ms > now_ms + MOST_AHEAD_MS:
        raise SuppressionRefused(
            f"its end {iso_utc(request.until_ms)} must come after its beginning {iso_utc(from_ms)}, by at most 90 days",
            "结束时间须晚于开始时间，且最长 90 天",
        )
    return from_ms


def covers(out: OutOfService, alarm: Alarm) -> bool:
    """Whether it is given for this alarm. What the service complains of a circuit or of itself is never out of service."""
    if alarm.rule_id.startswith(RULE_PREFIX) and not alarm.subject.startswith(("device:", "point:")):
        return False
    if out.kinds and alarm.kind not in out.kinds:
        return False
    if out.rule_id:
        return (alarm.rule_id, alarm.subject) == (out.rule_id, out.subject)
    return alarm.device_id == out.device_id if out.device_id else alarm.zone_id == out.zone_id


def cause_of(out: OutOfService) -> Suppression:
    permit, permit_zh = (f" (permit {out.permit})", f"（作业票 {out.permit}）") if out.permit else ("", "")
    return Suppression(
        kind=OUT_OF_SERVICE,
        reason=f"out of service{permit}: {out.reason}",
        reason_zh=f"屏蔽{permit_zh}：{out.reason}",
        source_id=out.id,
        until_ms=out.until_ms,
        by=out.who,
    )
