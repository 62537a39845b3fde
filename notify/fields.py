"""The fields that a message's template may name, and their words for one alarm's change: in Chinese, in English, or in both.

Names come from people and devices: none of them may begin a header or a line of its own. Times are the site's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from alarms.escalation_policy import UNVERIFIED
from alarms.model import Alarm, Attention, Condition, Transition
from rules.model import Severity

LANGUAGES = ("zh", "en", "both")
Words = tuple[str, str]  # zh, en
SEVERITIES: Mapping[Severity, Words] = {
    Severity.CRITICAL: ("紧急", "Critical"),
    Severity.HIGH: ("重要", "High"),
    Severity.LOW: ("次要", "Low"),
    Severity.INFO: ("提示", "Info"),
}
SIGNALS: Mapping[str, Words] = {
    "raised": ("报警", "raised"),
    "stepped_up": ("升级", "stepped up"),
    "stepped_down": ("降级", "stepped down"),
    "cleared": ("恢复", "cleared"),
    "acknowledged": ("已接警", "acknowledged"),
    "reset": ("已复位", "reset"),
    "assigned": ("已指派", "assigned"),
    "noted": ("备注", "note"),
    "progressed": ("处置", "progress"),
    "judged": ("核实结论", "verdict"),
    "hazard_linked": ("已转隐患", "linked to a hazard"),
    "suppressed": ("已抑制", "suppressed"),
    "unsuppressed": ("抑制结束", "no longer suppressed"),
    "upheld": ("实时确认", "no longer late or a test"),
    "realarmed": ("再次提醒", "asks again"),
    "withdrawn": ("已撤销", "withdrawn"),
    "chattered": ("频繁报警", "chatters"),
    "quieted": ("不再频繁报警", "chatters no longer"),
}
_CONDITIONS: Mapping[Condition, Words] = {Condition.ACTIVE: ("报警中", "active"), Condition.NORMAL: ("已恢复", "normal")}
_ATTENTION: Mapping[Attention, Words] = {
    Attention.UNACKNOWLEDGED: ("未接警", "unacknowledged"),
    Attention.ACKNOWLEDGED: ("已接警", "acknowledged"),
    Attention.SUPPRESSED: ("已抑制", "suppressed"),
}
# field -> what it is, in both languages: shown beside the editor of templates
FIELDS: Mapping[str, Words] = {
    "severity": ("级别", "severity"),
    "change": ("事件", "what happened"),
    "rule": ("规则", "rule"),
    "place": ("位置", "site / zone / device"),
    "site": ("场所", "site"),
    "zone": ("区域", "zone"),
    "device": ("设备", "device"),
    "value": ("测值", "measured value with its limit"),
    "time": ("时间", "when it happened, the site's time"),
    "clock": ("时刻", "when it happened, hours and minutes"),
    "raised": ("首次报警", "when it was first raised"),
    "state": ("状态", "state"),
    "count": ("次数", "how often, where more than once"),
    "late": ("补传", "says that the reading came late"),
    "late_short": ("补传", "the same, short"),
    "note": ("备注", "note"),
    "why": ("通知原因", "why this person is told"),
    "alarm": ("编号", "the alarm's id"),
    "link": ("链接", "the alarm's page, where the service knows its own address"),
}


def field_words(transition: Transition, timezone: str, language: str, cause: str = "", base_url: str = "") -> dict[str, str]:
    """Every field's text. `language`: zh, en, both."""
    alarm, say = transition.alarm, _sayer(language)
    place = [part for part in (alarm.site_name, alarm.zone_name, alarm.device_name) if part]
    made = {
        "severity": say(SEVERITIES[alarm.severity]),
        "change": say(SIGNALS.get(transition.signal.value, (transition.signal.value, transition.signal.value))),
        "rule": _rule(alarm, language),
        "place": " / ".join(place),
        "site": alarm.site_name,
        "zone": alarm.zone_name,
        "device": alarm.device_name,
        "value": _value(alarm, say),
        "time": local(transition.at_ms, timezone),
        "clock": local(transition.at_ms, timezone)[11:16],
        "raised": local(alarm.raised_ms, timezone),
        "state": f"{say(_CONDITIONS[alarm.condition])}, {say(_ATTENTION[alarm.attention])}",
        "count": str(alarm.count) if alarm.count > 1 else "",
        "late": say(("读数迟到", "the reading came late")) if alarm.is_late else "",
        "late_short": say(("补传", "late")) + ", " if alarm.is_late else "",
        "note": transition.note,
        "why": say(_why(cause)),
        "alarm": alarm.id,
        "link": f"{base_url.rstrip('/')}/alarms/{alarm.id}" if base_url else "",
    }
    return {name: one_line(text) + (" " if name == "late_short" and text else "") for name, text in made.items()}


def local(at_ms: int, timezone: str) -> str:
    """`2026-11-22 12:00:00 CST`; an unknown zone is UTC."""
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        zone = UTC  # type: ignore[assignment]
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M:%S %Z}"


def one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _sayer(language: str) -> Callable[[Words], str]:
    if language == "zh":
        return lambda words: words[0]
    if language == "en":
        return lambda words: words[1]
    return lambda words: " ".join(word for word in words if word)


def _rule(alarm: Alarm, language: str) -> str:
    zh, en = alarm.rule_name, alarm.rule_name_en
    named = {"zh": zh or en, "en": en or zh}.get(language, " ".join(part for part in (zh, en) if part))
    return named or alarm.rule_id


def _value(alarm: Alarm, say: Callable[[Words], str]) -> str:
    if alarm.value is None:
        return alarm.metric
    limit = "" if alarm.limit is None else f" ({say(('限值', 'limit'))} {alarm.limit:g} {alarm.unit})"
    return f"{alarm.metric} {alarm.value:g} {alarm.unit}{limit}"


def _why(cause: str) -> Words:
    """`escalation:POLICY:EPISODE:LADDER:STEP:REPETITION` in words."""
    parts = cause.split(":")
    if parts[0] != "escalation" or len(parts) != 6 or not (parts[4].isdigit() and parts[5].isdigit()):
        return "", ""
    zh, en = ("未核实", "nobody has verified it") if parts[3] == UNVERIFIED else ("未接警", "nobody has acknowledged it")
    step, again = int(parts[4]) + 1, int(parts[5])
    return (
        f"{zh}，升级第 {step} 步" + (f"，第 {again} 次重复" if again else ""),
        f"{en}: escalation step {step}" + (f", repetition {again}" if again else ""),
    )
