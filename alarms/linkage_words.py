"""Linkages as sentences that a person reads, in Chinese and in English. It decides nothing."""

from __future__ import annotations

from alarms.escalation_words import KINDS, ROLES, SEVERITIES, Namer, Words
from alarms.linkage import Linkage
from rules.model import Schedule, Severity, When
from rules.parse_schedule import window_text

_SIGNALS: dict[str, Words] = {
    "raised": ("发生", "is raised"),
    "stepped_up": ("升级", "becomes more severe"),
    "acknowledged": ("接警", "is acknowledged"),
    "judged_true": ("核实为真", "is confirmed true"),
    "cleared": ("恢复", "clears"),
}
_COMMANDS: dict[tuple[str, str], Words] = {
    ("valve", "close"): ("关闭燃气阀", "close the gas valve"),
    ("fan", "start"): ("启动风机", "start the fan"),
    ("fan", "stop"): ("停止风机", "stop the fan"),
    ("siren", "sound"): ("启动声光警报", "sound the siren"),
    ("siren", "silence"): ("停止声光警报", "silence the siren"),
}
_WHEN: dict[When, Words] = {
    When.OPEN: ("营业时间内", "in opening hours"),
    When.CLOSED: ("非营业时间", "out of opening hours"),
    When.HOLIDAY: ("节假日", "on holidays"),
    When.WORKDAY: ("营业日", "on working days"),
}
_DAYS: tuple[Words, ...] = tuple(zip("一二三四五六日", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))


def sentence(linkage: Linkage, name: Namer) -> Words:
    """The whole linkage in one sentence: (zh, en). `name` names things by kind (site, zone, rule, circuit, plan, actuator, user, group)."""
    signals = [_SIGNALS[word] for word in linkage.on if word in _SIGNALS]
    if linkage.unresolved_s:
        signals.append((f"持续{_span(linkage.unresolved_s)[0]}未恢复", f"stands unresolved for {_span(linkage.unresolved_s)[1]}"))
    where = _where(linkage, name)
    what = _what(linkage, name)
    when_zh = "或".join(zh for zh, _ in signals)
    when_en = " or ".join(en for _, en in signals)
    further = _further(linkage)
    deeds = _deeds(linkage, name) or [("不执行任何动作", "nothing is done")]
    off_zh, off_en = ("", "") if linkage.enabled else ("（已停用）", " (switched off)")
    zh = f"{where[0]}{what[0]}{when_zh}时{further[0]}，{'，'.join(zh for zh, _ in deeds)}{off_zh}。"
    en = f"When {what[1]} {where[1]} {when_en}{further[1]}: {', '.join(en for _, en in deeds)}{off_en}."
    return zh, en


def _where(linkage: Linkage, name: Namer) -> Words:
    named = [("site", each) for each in linkage.sites] + [("zone", each) for each in linkage.zones]
    if not named:
        return "任一场所的", "anywhere"
    names = [name(kind, each) for kind, each in named]
    return "、".join(names) + "的", "in " + ", ".join(names)


def _what(linkage: Linkage, name: Namer) -> Words:
    severity = SEVERITIES[linkage.min_severity]
    zh = "、".join(KINDS.get(kind, (kind, kind))[0] for kind in linkage.kinds) + "报警"
    en = " or ".join(KINDS.get(kind, (kind, kind))[1] for kind in linkage.kinds)
    en = f"{en} alarm" if en else "alarm"
    if linkage.min_severity > Severity.INFO:
        top = linkage.min_severity is Severity.CRITICAL
        zh, en = f"{severity[0]}{'' if top else '及以上'}{zh}", f"{severity[1]}{'' if top else ' (or worse)'} {en}"
    if linkage.rules:
        names = [name("rule", each) for each in linkage.rules]
        zh, en = f"{zh}（{'、'.join(names)}）", f"{en} of {' or '.join(names)}"
    if linkage.metrics:
        zh, en = f"{zh}（{'、'.join(linkage.metrics)}）", f"{en} on {' or '.join(linkage.metrics)}"
    return zh, ("an " if en[0] in "aeiou" else "a ") + en


def _further(linkage: Linkage) -> Words:
    zh, en = "", ""
    if linkage.triggers > 1:
        zh += f"，且同一区域有 {linkage.triggers} 个不同设备报警"
        en += f", on {linkage.triggers} different devices of the zone"
    if linkage.schedule is not None:
        words = _schedule(linkage.schedule)
        zh, en = f"{zh}，仅{words[0]}", f"{en}, only {words[1]}"
    if linkage.delay_s:
        span = _span(linkage.delay_s)
        stops = ("，期间恢复则取消", " unless it clears meanwhile") if linkage.cancel_if_cleared else ("", "")
        zh, en = f"{zh}，延时{span[0]}{stops[0]}", f"{en}, after {span[1]}{stops[1]}"
    return zh, en


def _schedule(schedule: Schedule) -> Words:
    parts: list[Words] = []
    if schedule.when is not When.ANY:
        parts.append(_WHEN[schedule.when])
    if schedule.weekdays:
        parts.append(("周" + "、".join(_DAYS[day][0] for day in schedule.weekdays), ", ".join(_DAYS[day][1] for day in schedule.weekdays)))
    if schedule.windows:
        text = "、".join(window_text(window) for window in schedule.windows)
        parts.append((text, text.replace("、", ", ")))
    return " ".join(zh for zh, _ in parts), " ".join(en for _, en in parts)


def _deeds(linkage: Linkage, name: Namer) -> list[Words]:
    deeds: list[Words] = []
    for command in linkage.commands:
        zh, en = _COMMANDS[command.kind, command.action]
        which = f" {name('actuator', command.actuator_id)}" if command.actuator_id else ""
        deeds.append((zh + which, en + which))
    if linkage.cut != "none":
        deeds.append(_cut(linkage, name))
    if linkage.plan:
        deeds.append((f"执行断电方案“{name('plan', linkage.plan)}”", f"run the plan {name('plan', linkage.plan)}"))
    if linkage.notify:
        told = [_whom(each, name) for each in linkage.notify]
        deeds.append(("通知" + "、".join(zh for zh, _ in told), "tell " + ", ".join(en for _, en in told)))
    if linkage.hazard:
        deeds.append(_hazard(linkage))
    return deeds


def _cut(linkage: Linkage, name: Namer) -> Words:
    named = [name("circuit", each) for each in linkage.circuits]
    zh = "、".join(named) if named else "本区域回路"
    en = ", ".join(named) if named else "the zone's circuits"
    if linkage.cut == "offer":
        return f"提示一键切断{zh}", f"offer the cut of {en} by one click"
    beside = ("（断路器在燃气区域内的除外）", " whose breakers stand outside the gas area") if linkage.outside_gas_area else ("", "")
    return f"自动切断{zh}{beside[0]}", f"cut {en}{beside[1]}"


def _hazard(linkage: Linkage) -> Words:
    if linkage.hazard_after <= 1:
        return "转为隐患", "open a hazard"
    within = (f" {linkage.hazard_days} 天内", f" within {linkage.hazard_days} days") if linkage.hazard_days else ("", "")
    return (
        f"同一测点{within[0]}第 {linkage.hazard_after} 次时转为隐患",
        f"open a hazard at the same point's occurrence {linkage.hazard_after}{within[1]}",
    )


def _whom(to: str, name: Namer) -> Words:
    kind, _, rest = to.partition(":")
    if kind == "role":
        return ROLES.get(rest, (rest, rest))
    words = name(kind, rest) if kind in ("user", "group") else to
    return words, words


def _span(seconds: float) -> Words:
    for size, zh, en in ((86_400, "天", "d"), (3_600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= size and seconds % size == 0 and not (size == 86_400 and seconds == size):
            return f" {seconds / size:g} {zh}", f"{seconds / size:g} {en}"
    return f" {seconds:g} 秒", f"{seconds:g} s"
