"""Escalation policies as sentences that a person reads, in Chinese and in English. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alarms.escalation_policy import UNACKNOWLEDGED, UNVERIFIED, Escalation, Step
from rules.model import Severity

Words = tuple[str, str]  # zh, en
Namer = Callable[[str, str], str]  # kind (user, group, site), id -> name

SEVERITIES: Mapping[Severity, Words] = {
    Severity.INFO: ("提示", "info"),
    Severity.LOW: ("次要", "low"),
    Severity.HIGH: ("重要", "high"),
    Severity.CRITICAL: ("紧急", "critical"),
}
KINDS: Mapping[str, Words] = {
    "smoke": ("烟感", "smoke"),
    "heat": ("温感", "heat"),
    "manual_call": ("手动报警", "manual call"),
    "gas": ("可燃气体", "gas"),
    "electrical": ("电气", "electrical"),
    "water": ("水系统", "water"),
    "power": ("断电", "power"),
    "device": ("设备", "device"),
    "presence": ("离线", "presence"),
    "service": ("系统", "service"),
    "other": ("其他", "other"),
}
ROLES: Mapping[str, Words] = {
    "operator": ("值班员", "operators"),
    "manager": ("负责人", "managers"),
    "enterprise": ("企业安全员", "the enterprise's people"),
    "agency": ("服务机构人员", "agency staff"),
    "grid": ("网格员", "grid members"),
    "supervisor": ("监管人员", "supervisors"),
    "administrator": ("管理员", "administrators"),
}
CHANNELS: Mapping[str, Words] = {
    "email": ("邮件", "e-mail"),
    "sms": ("短信", "SMS"),
    "voice": ("电话", "voice call"),
    "webhook": ("Webhook", "webhook"),
    "chat": ("群机器人", "chat robot"),
}
_STARTS: Mapping[str, Words] = {UNACKNOWLEDGED: ("未接警", "unacknowledged"), UNVERIFIED: ("未核实", "unverified")}
_ENDS: Mapping[str, Words] = {
    UNACKNOWLEDGED: ("接警即停止，转入未核实计时", "acknowledging ends this at once and starts the second ladder"),
    UNVERIFIED: ("仅核实结论可停止", "only a verdict ends this"),
}


def sentences(policy: Escalation, name: Namer) -> tuple[list[str], list[str]]:
    """The whole policy, a sentence a line: (zh, en)."""
    zh, en = [], []
    kinds_zh = "、".join(KINDS.get(kind, (kind, kind))[0] for kind in policy.kinds) or "全部类型"
    kinds_en = ", ".join(KINDS.get(kind, (kind, kind))[1] for kind in policy.kinds) or "any kind"
    severity = SEVERITIES[policy.min_severity]
    site_zh = f"场所“{name('site', policy.site_id)}”" if policy.site_id else "所有场所"
    site_en = f"at {name('site', policy.site_id)}" if policy.site_id else "at every site"
    zh.append(f"{site_zh}的{kinds_zh}报警，级别{severity[0]}及以上。")
    en.append(f"Alarms of {kinds_en}, {severity[1]} or above, {site_en}.")
    for ladder in (UNACKNOWLEDGED, UNVERIFIED):
        for step in policy.ladder(ladder):
            told = step_words(step, ladder, name)
            zh.append(told[0])
            en.append(told[1])
        if policy.ladder(ladder):
            zh.append(_ENDS[ladder][0] + "。")
            en.append(_ENDS[ladder][1].capitalize() + ".")
    if not policy.enabled:
        zh.append("该策略已停用。")
        en.append("This policy is disabled.")
    return zh, en


def step_words(step: Step, ladder: str, name: Namer) -> Words:
    """`报警 60 秒未接警：通知全部在岗人员（短信、电话）。`"""
    whom_zh, whom_en = _list(step.whom, name)
    by_zh = "、".join(CHANNELS[channel][0] for channel in step.channels) or "其登记的全部方式"
    by_en = ", ".join(CHANNELS[channel][1] for channel in step.channels) or "every channel they have"
    else_zh = else_en = again_zh = again_en = ""
    if step.otherwise:
        other = _list(step.otherwise, name)
        else_zh, else_en = f"，无人在岗时通知{other[0]}", f", or {other[1]} where nobody is on duty"
    if step.repeats:
        again_zh = f"，每 {duration_words(step.repeat_s)[0]}重复，共 {step.repeats} 次"
        again_en = f", again every {duration_words(step.repeat_s)[1]}, {step.repeats} times"
    after = duration_words(step.after_s)
    started = _STARTS[ladder]
    return (
        f"报警 {after[0]}{started[0]}：通知{whom_zh}（{by_zh}）{else_zh}{again_zh}。",
        f"{after[1].capitalize()} {started[1]}: tell {whom_en} by {by_en}{else_en}{again_en}.",
    )


def whom_words(whom: str, name: Namer) -> Words:
    """One recipient as a person reads it."""
    kind, _, which = whom.partition(":")
    if kind == "duty" and "/" in which:
        return name("duty", which), name("duty", which)
    if kind == "duty":
        return (f"在岗的 {which}", f"the {which} on duty") if which else ("全部在岗人员", "everybody on duty")
    if kind == "role":
        zh, en = ROLES.get(which, (which, which))
        return f"该场所的{zh}", f"{en} of the site"
    if kind == "group":
        return f"通知组“{name('group', which)}”", f"the group {name('group', which)}"
    return name(kind, which), name(kind, which)


def duration_words(seconds: int) -> Words:
    """90 -> 90 秒 / 90 s; 120 -> 2 分钟 / 2 min."""
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds // 60} 分钟", f"{seconds // 60} min"
    return f"{seconds} 秒", f"{seconds} s"


def _list(whom: tuple[str, ...], name: Namer) -> Words:
    named = [whom_words(each, name) for each in whom]
    return "、".join(zh for zh, _ in named), " and ".join(en for _, en in named)
