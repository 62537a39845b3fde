"""The words of a message about an alarm's change, in Chinese and English, as plain text. Times are the site's own."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from alarms.model import Alarm, Attention, Condition, Signal, Transition
from rules.model import Severity

SEVERITIES = {
    Severity.CRITICAL: "紧急 Critical",
    Severity.HIGH: "重要 High",
    Severity.LOW: "次要 Low",
    Severity.INFO: "提示 Info",
}
SIGNALS = {
    Signal.RAISED: "报警 raised",
    Signal.STEPPED_UP: "升级 stepped up",
    Signal.STEPPED_DOWN: "降级 stepped down",
    Signal.CLEARED: "恢复 cleared",
    Signal.ACKNOWLEDGED: "已接警 acknowledged",
    Signal.RESET: "已复位 reset",
    Signal.ASSIGNED: "已指派 assigned",
    Signal.NOTED: "备注 note",
    Signal.PROGRESSED: "处置 progress",
    Signal.JUDGED: "核实结论 verdict",
    Signal.HAZARD_LINKED: "已转隐患 linked to a hazard",
    Signal.SUPPRESSED: "已抑制 suppressed",
    Signal.UNSUPPRESSED: "抑制结束 no longer suppressed",
}
_CONDITIONS = {Condition.ACTIVE: "报警中 active", Condition.NORMAL: "已恢复 normal"}
_ATTENTION = {
    Attention.UNACKNOWLEDGED: "未接警 unacknowledged",
    Attention.ACKNOWLEDGED: "已接警 acknowledged",
    Attention.SUPPRESSED: "已抑制 suppressed",
}


def subject(transition: Transition) -> str:
    """One line: severity, what, where."""
    alarm = transition.alarm
    late = "补传 late, " if alarm.is_late else ""
    return _line(f"[{SEVERITIES[alarm.severity]}] {late}{_rule(alarm)} · {alarm.site_name} {alarm.zone_name} {alarm.device_name}")


def body(transition: Transition, timezone: str) -> str:
    """The message itself; every line says the same in both languages."""
    alarm = transition.alarm
    place = " / ".join(part for part in (alarm.site_name, alarm.zone_name, alarm.device_name) if part)
    lines = [
        ("事件 Change", SIGNALS[transition.signal]),
        ("级别 Severity", SEVERITIES[alarm.severity]),
        ("规则 Rule", _rule(alarm)),
        ("位置 Place", place),
        ("测值 Value", _value(alarm)),
        ("时间 Time", _local(transition.at_ms, timezone)),
        ("首次报警 Raised", _local(alarm.raised_ms, timezone)),
        ("状态 State", f"{_CONDITIONS[alarm.condition]}, {_ATTENTION[alarm.attention]}"),
        ("次数 Count", str(alarm.count) if alarm.count > 1 else ""),
        ("补传 Late", "读数迟到 the reading came late" if alarm.is_late else ""),
        ("备注 Note", transition.note),
        ("编号 Alarm", alarm.id),
    ]
    return "".join(f"{name}: {_line(text)}\n" for name, text in lines if text)


def _rule(alarm: Alarm) -> str:
    return " ".join(part for part in (alarm.rule_name, alarm.rule_name_en) if part) or alarm.rule_id


def _value(alarm: Alarm) -> str:
    if alarm.value is None:
        return alarm.metric
    limit = "" if alarm.limit is None else f" (限值 limit {alarm.limit:g} {alarm.unit})"
    return f"{alarm.metric} {alarm.value:g} {alarm.unit}{limit}"


def _local(at_ms: int, timezone: str) -> str:
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        zone = UTC  # type: ignore[assignment]
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M:%S %Z}"


def _line(text: str) -> str:
    # names come from people and devices: none of them may begin a header or a line of its own
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
