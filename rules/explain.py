"""Why a rule did or did not raise, in words: the steps that lead to it, in Chinese and English, from a `Standing` and what went before it.

The engine has decided; this only says so. Every step carries its figures, so that a page can draw what the sentence says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rules.expression import Explained
from rules.findings import Edge, Finding
from rules.model import DERIVED_KINDS, Direction, Rule, RuleKind
from rules.standing import LevelStanding, Standing
from sites.calendars import local_day, local_minute

Figures = dict[str, float | int | str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One step. `code` names it for programs; `at_ms` is when it happened, where it happened at a moment."""

    code: str
    zh: str
    en: str
    at_ms: int | None = None
    figures: Figures = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`is_live`: asked of the running engine; else replayed from stored readings. `verdict` is the sentence, `steps` lead to it in order.
    `standing` None: the rule says nothing about this subject at that moment."""

    at_ms: int
    is_live: bool
    verdict: Said
    steps: tuple[Said, ...]
    standing: Standing | None


def clock(timezone: str, at_ms: int) -> str:
    """`2026-11-22 10:15:07` in the zone of a site."""
    minute = local_minute(timezone, at_ms)
    return f"{local_day(timezone, at_ms).iso} {minute // 60:02d}:{minute % 60:02d}:{at_ms // 1000 % 60:02d}"


def explain(
    rule: Rule,
    standing: Standing,
    findings: Sequence[Finding],
    timezone: str,
    at_ms: int,
    is_live: bool,
    before: Sequence[Said] = (),
) -> Explanation:
    """`findings` are those of this rule and subject up to the moment; `before` are steps that the caller knows (version, readings,
    suppression)."""
    steps = [*before, _version(rule), _counted(rule, standing, timezone) if rule.of else _reading(standing, timezone, at_ms)]
    if standing.gate != "open":
        steps.append(_GATES[standing.gate])
    elif rule.schedule is not None or rule.only_while:
        steps.append(
            Said(code="gate_open", zh="此时规则生效：时段与使能条件均满足。", en="The rule applies: its schedule and its condition let it.")
        )
    for part in (standing.condition, standing.only_while):
        steps += [] if part is None else _truths(part)
    steps += [_level(rule, standing, level, timezone) for level in standing.levels]
    steps += [_edge(rule, finding, timezone) for finding in findings[-20:]]
    return Explanation(
        at_ms=at_ms, is_live=is_live, verdict=_verdict(rule, standing, findings, timezone), steps=tuple(steps), standing=standing
    )


_GATES = {
    "schedule": Said(code="gate_schedule", zh="此时不在规则的生效时段内。", en="It is outside the schedule of the rule."),
    "condition": Said(
        code="gate_condition",
        zh="规则的使能条件(only while)此时不成立。",
        en="The condition that enables the rule (only while) is not true.",
    ),
    "both": Said(
        code="gate_both",
        zh="此时不在生效时段内，使能条件也不成立。",
        en="It is outside the schedule, and the condition that enables the rule is not true.",
    ),
}


def _verdict(rule: Rule, standing: Standing, findings: Sequence[Finding], timezone: str) -> Said:
    """The one sentence."""
    figures: Figures = {"value": standing.value, "level": standing.level}
    value = _value(standing)
    if standing.is_raised:
        level = standing.levels[standing.level]
        raised = next((finding for finding in reversed(findings) if finding.edge is Edge.RAISED), None)
        zh_since, en_since = "", ""
        if raised is not None:
            zh_since, en_since = f"(自 {clock(timezone, raised.at_ms)} 起)", f", since {clock(timezone, raised.at_ms)}"
        if level.phase == "falling":
            return Said(
                code="raised_falling",
                zh=f"已触发{zh_since}：{value[0]}已恢复正常，恢复延时 {_s(level.held_ms)}/{_s(level.hold_ms)} 秒，期满后解除。",
                en=f"It stands{en_since}: {value[1]} is back to normal, and the clear hold has run {_s(level.held_ms)} of"
                f" {_s(level.hold_ms)} s.",
                figures=figures,
            )
        if level.is_met is False:
            return Said(
                code="raised_deadband",
                zh=f"已触发{zh_since}：{value[0]}已回到{_word(rule, 'zh')}，但未越过回差(须{_back(rule, level, standing, 'zh')}才算恢复)。",
                en=f"It stands{en_since}: {value[1]} is {_inside(rule)} again, but not past the deadband"
                f" (back to normal {_back(rule, level, standing, 'en')}).",
                figures=figures,
            )
        hold_s = _s(level.raise_hold_ms)
        held = (f"，且已满足延时 {hold_s} 秒", f", for the hold of {hold_s} s") if level.raise_hold_ms else ("", "")
        return Said(
            code="raised",
            zh=f"已触发{zh_since}：{_met(rule, level, standing, 'zh')}{held[0]}。",
            en=f"It stands{en_since}: {_met(rule, level, standing, 'en')}{held[1]}.",
            figures=figures,
        )
    if standing.quality == "never_heard":
        return Said(
            code="never_heard",
            zh="未触发：从未收到读数，无从判断。",
            en="Not raised: nothing was ever heard, so there is nothing to judge.",
        )
    if standing.gate != "open":
        gate = _GATES[standing.gate]
        return Said(code=gate.code, zh=f"未触发：{gate.zh}", en=f"Not raised: {gate.en[0].lower()}{gate.en[1:]}", figures=figures)
    rising = next((level for level in reversed(standing.levels) if level.phase == "rising"), None)
    if rising is not None:
        due = f"，预计 {clock(timezone, rising.due_ms)} 触发" if rising.due_ms else ""
        due_en = f"; it raises at {clock(timezone, rising.due_ms)} if nothing changes" if rising.due_ms else ""
        return Said(
            code="rising",
            zh=f"尚未触发：{_met(rule, rising, standing, 'zh')}，延时已过 {_s(rising.held_ms)}/{_s(rising.hold_ms)} 秒{due}。",
            en=f"Not raised yet: {_met(rule, rising, standing, 'en')}, and the hold has run {_s(rising.held_ms)} of"
            f" {_s(rising.hold_ms)} s{due_en}.",
            figures=figures,
        )
    if standing.value is None:
        return Said(
            code="unknown",
            zh="未触发：计算值未知(数据不足或测点超时)。",
            en="Not raised: the value that the rule judges is unknown (too little was seen, or a point is overdue).",
        )
    first = standing.levels[0]
    if first.is_met:
        return Said(
            code="met_not_taken",
            zh=f"未触发：{_met(rule, first, standing, 'zh')}，但该读数未能启动延时(迟到、早于当前值或为重复的保留消息)。",
            en=f"Not raised: {_met(rule, first, standing, 'en')}, but this reading begins no hold (out of order, or a retained copy of"
            " what is known).",
            figures=figures,
        )
    overdue_zh = "(该测点已超时，数值可能过时)" if standing.quality == "overdue" else ""
    overdue_en = " (its point is overdue: the value may be old)" if standing.quality == "overdue" else ""
    return Said(
        code="not_met",
        zh=f"未触发：{_not_met(rule, first, standing, 'zh')}{overdue_zh}。",
        en=f"Not raised: {_not_met(rule, first, standing, 'en')}{overdue_en}.",
        figures=figures,
    )


def _version(rule: Rule) -> Said:
    return Said(
        code="version",
        zh=f"规则“{rule.name}”第 {rule.version} 版。",
        en=f"Rule “{rule.name_en or rule.name}”, version {rule.version}.",
        figures={"version": rule.version},
    )


def _reading(standing: Standing, timezone: str, at_ms: int) -> Said:
    if standing.taken_ms is None:
        return Said(code="no_reading", zh="此前没有任何读数。", en="There is no reading before.")
    zh_value, en_value = _value(standing) if standing.metric else ("最近一次通信", "the last sign of life")
    age_s = max(0, standing.now_ms - (standing.arrived_ms or standing.taken_ms)) / 1000
    quality = {
        "fresh": ("数据新鲜", "it is fresh"),
        "late": (f"迟到 {standing.delay_ms / 1000:g} 秒", f"it came {standing.delay_ms / 1000:g} s late"),
        "overdue": ("已超时", "it is overdue"),
        "never_heard": ("", ""),
    }[standing.quality]
    at, expected_s = clock(timezone, standing.taken_ms), standing.expected_ms / 1000
    return Said(
        code="reading",
        zh=f"{zh_value}，{at} 测得，距今 {age_s:g} 秒；{quality[0]}(预期间隔 {expected_s:g} 秒)。",
        en=f"{en_value}, of {at}, {age_s:g} s ago; {quality[1]} (expected every {expected_s:g} s).",
        at_ms=standing.taken_ms,
        figures={"value": standing.value, "age_s": age_s, "expected_s": expected_s, "quality": standing.quality},
    )


def _counted(rule: Rule, standing: Standing, timezone: str) -> Said:
    """Of a rule that counts another one's raises."""
    count, window_s = standing.value or 0.0, rule.window_s or 0.0
    last_zh, last_en = "", ""
    if standing.taken_ms is not None:
        at = clock(timezone, standing.taken_ms)
        last_zh, last_en = f"，最近一次在 {at}", f", the last at {at}"
    return Said(
        code="counted",
        zh=f"规则 {rule.of} 在最近 {window_s:g} 秒内触发 {count:g} 次{last_zh}。",
        en=f"Rule {rule.of} raised {count:g} times within the last {window_s:g} s{last_en}.",
        at_ms=standing.taken_ms,
        figures={"count": count, "window_s": window_s, "of": rule.of},
    )


def _truths(told: Explained) -> list[Said]:
    """Each comparison of an expression, in its order: those that contain conditions only are said by their parts."""
    inner = [said for part in told.parts for said in _truths(part)]
    if inner or (told.truth is None and told.value is not None):
        return inner
    if all(part.truth is None for part in told.parts) and not told.parts:
        return []
    zh = {True: "成立", False: "不成立", None: "未知"}[told.truth]
    en = {True: "true", False: "not true", None: "unknown"}[told.truth]
    numbers = "，".join(f"{part.text} = {part.value:.6g}" for part in told.parts if part.value is not None)
    return [
        Said(
            code="condition",
            zh=f"条件 {told.text}：{zh}" + (f"（{numbers}）。" if numbers else "。"),
            en=f"Condition {told.text}: {en}" + (f" ({numbers.replace('，', ', ')})." if numbers else "."),
            figures={"text": told.text, "truth": en},
        )
    ]


def _level(rule: Rule, standing: Standing, level: LevelStanding, timezone: str) -> Said:
    name = level.severity.name.lower()
    zh_state, en_state = {
        "idle": ("未触发", "idle"),
        "rising": (f"延时中 {_s(level.held_ms)}/{_s(level.hold_ms)} 秒", f"hold running, {_s(level.held_ms)} of {_s(level.hold_ms)} s"),
        "active": ("已触发", "raised"),
        "falling": (
            f"恢复延时中 {_s(level.held_ms)}/{_s(level.hold_ms)} 秒",
            f"raised, clear hold running, {_s(level.held_ms)} of {_s(level.hold_ms)} s",
        ),
    }[level.phase]
    condition = _met if level.is_met else _not_met
    if level.is_met is None:
        zh, en = "没有数值可比较", "there is no value to compare"
    else:
        zh, en = condition(rule, level, standing, "zh"), condition(rule, level, standing, "en")
    return Said(
        code="level",
        zh=f"第 {level.level + 1} 级（{_SEVERITY_ZH[name]}）：{zh}；{zh_state}。",
        en=f"Level {level.level + 1} ({name}): {en}; {en_state}.",
        at_ms=level.since_ms,
        figures={
            "level": level.level,
            "limit": level.limit,
            "returns_at": level.returns_at,
            "margin": level.margin,
            "held_s": None if level.held_ms is None else level.held_ms / 1000,
            "hold_s": level.hold_ms / 1000,
            "phase": level.phase,
        },
    )


_SEVERITY_ZH = {"info": "提示", "low": "次要", "high": "重要", "critical": "紧急"}


def _edge(rule: Rule, finding: Finding, timezone: str) -> Said:
    at = clock(timezone, finding.at_ms)
    value = "" if finding.value is None else f"{finding.value:g}"
    zh, en = {
        Edge.RAISED: ("触发", "raised"),
        Edge.STEPPED: ("级别变化", "stepped to another level"),
        Edge.CLEARED: ("解除", "cleared"),
    }[finding.edge]
    late_zh, late_en = ("(补传)", " (late)") if finding.is_late else ("", "")
    return Said(
        code=finding.edge.value,
        zh=f"{at} {zh}{late_zh}" + (f"，数值 {value}。" if value else "。"),
        en=f"{at} {en}{late_en}" + (f", at {value}." if value else "."),
        at_ms=finding.at_ms,
        figures={"level": finding.level, "value": finding.value},
    )


def _s(ms: int | None) -> str:
    return f"{(ms or 0) / 1000:g}"


def _value(standing: Standing) -> tuple[str, str]:
    if standing.value is None:
        return "数值未知", "the value is unknown"
    shown = f"{standing.value:.6g}{' ' + standing.unit if standing.unit else ''}"
    if standing.subject.startswith("device:") and not standing.metric:
        return f"已静默 {standing.value:g} 秒", f"silent for {standing.value:g} s"
    return f"数值 {shown}", f"the value {shown}"


def _number(value: float | None, standing: Standing) -> str:
    return "?" if value is None else f"{value:.6g}{' ' + standing.unit if standing.unit else ''}"


def _met(rule: Rule, level: LevelStanding, standing: Standing, language: str) -> str:
    return _compared(rule, level, standing, language, True)


def _not_met(rule: Rule, level: LevelStanding, standing: Standing, language: str) -> str:
    return _compared(rule, level, standing, language, False)


def _compared(rule: Rule, level: LevelStanding, standing: Standing, language: str, is_met: bool) -> str:
    zh_value, en_value = _value(standing)
    if rule.kind is RuleKind.STATE:
        states = ", ".join(f"{state:g}" for state in rule.states)
        if language == "zh":
            return f"{zh_value}{'属于' if is_met else '不属于'}报警状态({states})"
        return f"{en_value} is {'one' if is_met else 'none'} of the alarm states ({states})"
    if level.limit is None:
        if language == "zh":
            return f"表达式{'成立' if is_met else '不成立'}"
        return f"the expression is {'true' if is_met else 'not true'}"
    limit, margin = _number(level.limit, standing), _number(abs(level.margin) if level.margin is not None else None, standing)
    if rule.kind is RuleKind.SILENCE:
        if language == "zh":
            return f"{zh_value}，{'已达到' if is_met else '未达到'}限值 {limit}"
        return f"{en_value}, {'at or past' if is_met else 'short of'} the limit of {limit}"
    above = rule.direction is Direction.ABOVE or rule.kind is RuleKind.VOTE
    derived_zh, derived_en = ("计算", "derived ") if rule.kind in DERIVED_KINDS else ("", "")
    if language == "zh":
        relation = ("不低于" if above else "不高于") if is_met else ("低于" if above else "高于")
        return f"{derived_zh}{zh_value}{relation}限值 {limit}(相差 {margin})"
    relation = ("at or above" if above else "at or below") if is_met else ("below" if above else "above")
    return f"{en_value.replace('the value', f'the {derived_en}value')} is {relation} the limit {limit} (by {margin})"


def _word(rule: Rule, language: str) -> str:
    return "限值以下" if rule.direction is Direction.ABOVE else "限值以上"


def _inside(rule: Rule) -> str:
    return "below the limit" if rule.direction is Direction.ABOVE else "above the limit"


def _back(rule: Rule, level: LevelStanding, standing: Standing, language: str) -> str:
    limit = _number(level.returns_at, standing)
    if language == "zh":
        return f"{'低于' if rule.direction is Direction.ABOVE else '高于'} {limit}"
    return f"{'below' if rule.direction is Direction.ABOVE else 'above'} {limit}"
