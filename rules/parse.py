"""Rules from YAML- or JSON-shaped data, and back. Refuses, with every reason at once, what cannot be meant.

The only maker of rules from outside; it reads no file. `parse_rule(rule_data(rule)) == rule` for every rule that it accepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.errors import Problem, RuleError
from rules.limits import DAY_S, IMMEDIATE_METRICS, SILENCE_INTERVALS
from rules.model import DERIVED_KINDS, Direction, Level, Rule, RuleKind, Scope
from rules.parse_derived import DERIVED_FIELDS, derived_data, read_derived
from rules.parse_levels import read_levels
from rules.parse_reader import Reader, is_finite
from rules.parse_schedule import SCHEDULE_FIELDS, read_schedule, schedule_data
from rules.parse_subjects import SUBJECT_FIELDS, is_number, read_expression, read_only_while, read_vote, subject_data
from sites.metrics import METRICS, base_metric, unit_of
from sites.model import ID_PATTERN, CircuitClass

_FIELDS = {
    "id", "name", "kind", "metric", "unit", "above", "below", "states", "severity", "intervals", "hold_s", "clear_hold_s",
    "latched", "lateness_s", "realarm_s", "scope", "guidance", "alarm_kind", "enabled", "version", "window_s", "statistic",
    "weighting", "share_of", "per_s", "tolerance", "of", "covered", "expression", "over", "votes", "only_while", *SCHEDULE_FIELDS,
}  # fmt: skip
_KIND_FIELDS = {
    RuleKind.LEVEL: {"metric", "unit", "above", "below", "hold_s", "clear_hold_s"},
    RuleKind.STATE: {"metric", "unit", "states", "severity", "hold_s", "clear_hold_s"},
    RuleKind.SILENCE: {"intervals", "severity", "hold_s"},
    **DERIVED_FIELDS,
    **SUBJECT_FIELDS,
}
_SPECIFIC = set().union(*_KIND_FIELDS.values())
_SCOPE_FIELDS = ("device_kinds", "sites", "zones", "devices", "circuit_classes")
ALARM_KINDS = ("smoke", "heat", "gas", "electrical", "water", "power", "device", "presence", "manual_call", "other")


def parse_rule(data: Mapping[str, Any]) -> Rule:
    """One rule from its data. Raises RuleError with all its problems."""
    if not isinstance(data, Mapping):
        raise RuleError("", [Problem("rule", repr(data), "a mapping of fields")])
    read = Reader(data)
    read.unknown(data, _FIELDS)
    rule_id = data.get("id")
    if not isinstance(rule_id, str) or not ID_PATTERN.match(rule_id):
        read.refuse("id", rule_id, "1 to 64 letters, digits, '_', '.' and '-'")
        rule_id = ""
    name, name_en = read.texts("name", required=True)
    kind = _kind(read)
    is_pointless = kind in (RuleKind.SILENCE, RuleKind.EXPRESSION) or (kind is RuleKind.COUNT and "of" in data)
    metric = "" if is_pointless else _metric(read)
    hold_s = read.number(data.get("hold_s", 0.0), "hold_s", 0.0, DAY_S)
    clear_hold_s = read.number(data.get("clear_hold_s", 0.0), "clear_hold_s", 0.0, DAY_S)
    direction = Direction.ABOVE
    levels: tuple[Level, ...]
    states: tuple[float, ...] = ()
    derived: dict[str, Any] = {}
    if kind is RuleKind.LEVEL:
        direction, levels = read_levels(read, metric)
    elif kind in DERIVED_KINDS:
        direction, levels, derived = read_derived(read, kind, metric)
    elif kind is RuleKind.EXPRESSION:
        metric, direction, levels, derived = read_expression(read)
    elif kind is RuleKind.VOTE:
        direction, levels, states, derived = read_vote(read, metric)
    elif kind is RuleKind.STATE:
        states = _states(read, metric)
        levels = (Level(limit=0.0, severity=read.severity(data.get("severity"), "severity")),)
    else:
        intervals = read.number(data.get("intervals", 2.5), "intervals", *SILENCE_INTERVALS, default=2.5)
        levels = (Level(limit=intervals, severity=read.severity(data.get("severity"), "severity")),)
    derived |= read_schedule(read, kind, metric)
    derived |= read_only_while(read, kind, derived.get("over", "device"))
    latched = read.flag("latched", False)
    _immediate(read, kind, metric, hold_s, latched)
    guidance, guidance_en = read.texts("guidance", required=False)
    alarm_kind = data.get("alarm_kind", "")
    if alarm_kind != "" and alarm_kind not in ALARM_KINDS:
        read.refuse("alarm_kind", alarm_kind, ", ".join(ALARM_KINDS))
    version = data.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        read.refuse("version", version, "a whole number from 1")
    rule = Rule(
        id=rule_id,
        name=name,
        name_en=name_en,
        kind=kind,
        metric=metric,
        direction=direction,
        levels=levels,
        states=states,
        hold_s=hold_s,
        clear_hold_s=clear_hold_s,
        latched=latched,
        lateness_s=read.optional("lateness_s", 0.0, DAY_S),
        realarm_s=read.optional("realarm_s", 60.0, 7 * DAY_S),
        scope=_scope(read),
        guidance=guidance,
        guidance_en=guidance_en,
        alarm_kind=alarm_kind if isinstance(alarm_kind, str) else "",
        enabled=read.flag("enabled", True),
        version=version if isinstance(version, int) else 1,
        **derived,
    )
    if read.problems:
        raise RuleError(rule_id, read.problems)
    return rule


def parse_rules(data: object) -> list[Rule]:
    """A list of rules, as the shipped sets hold them. Raises RuleError for the first bad one, or for an id given twice."""
    if not isinstance(data, list):
        raise RuleError("", [Problem("rules", repr(data), "a list of rules")])
    rules = [parse_rule(each) for each in data]
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise RuleError(rule.id, [Problem("id", repr(rule.id), "an id that no other rule has")])
        seen.add(rule.id)
    return rules


def _kind(read: Reader) -> RuleKind:
    given = read.data.get("kind", RuleKind.LEVEL.value)
    try:
        kind = RuleKind(given)
    except ValueError:
        read.refuse("kind", given, ", ".join(kind.value for kind in RuleKind))
        return RuleKind.STATE if "states" in read.data else RuleKind.LEVEL
    for field in sorted((_SPECIFIC - _KIND_FIELDS[kind]) & set(read.data)):
        read.refuse(field, read.data[field], f"nothing: a {kind.value} rule has no {field}")
    return kind


def _metric(read: Reader) -> str:
    metric = read.data.get("metric")
    if not isinstance(metric, str) or not ID_PATTERN.match(metric):
        read.refuse("metric", metric, "a metric's name, such as lel or smoke_alarm")
        return ""
    if "." in metric:
        read.refuse("metric", metric, f"the name without its suffix: {base_metric(metric)} also covers {metric}")
    unit = read.data.get("unit")
    if unit is not None and unit != unit_of(metric):
        read.refuse("unit", unit, f"wrong unit: {metric} is measured in {unit_of(metric) or 'no unit (leave it out)'}")
    return base_metric(metric)


def _states(read: Reader, metric: str) -> tuple[float, ...]:
    given = read.data.get("states")
    if isinstance(given, list | tuple) and 1 <= len(given) <= 16 and all(is_finite(each) for each in given):
        states = tuple(sorted({float(each) for each in given}))
        known = METRICS.get(metric)
        if known and not all(known.low <= state <= known.high for state in states):
            read.refuse("states", given, f"values from {known.low:g} to {known.high:g}, which is what {metric} can be")
        return states
    read.refuse("states", given, "a list of one to sixteen numbers, such as [1]")
    return (1.0,)


def _immediate(read: Reader, kind: RuleKind, metric: str, hold_s: float, latched: bool) -> None:
    reasons = IMMEDIATE_METRICS.get(metric)
    if reasons is None or kind is not RuleKind.STATE:
        return
    reason, reason_zh = reasons
    if hold_s != 0.0:
        read.refuse("hold_s", hold_s, f"0: {reason}", f"0：{reason_zh}")
    if not latched:
        read.refuse("latched", latched, f"true: {reason}", f"true：{reason_zh}")
    for field in ("schedule", "only_while"):
        if read.data.get(field):
            read.refuse(
                field, read.data[field], f"nothing: a fire is one at any hour; {reason}", f"不得设置：任何时间都可能发生火灾；{reason_zh}"
            )


def _scope(read: Reader) -> Scope:
    given = read.data.get("scope")
    if given is None:
        return Scope()
    if not isinstance(given, Mapping):
        read.refuse("scope", given, "a mapping of " + ", ".join(_SCOPE_FIELDS))
        return Scope()
    read.unknown(given, _SCOPE_FIELDS, "scope.")
    classes = given.get("circuit_classes")
    if isinstance(classes, list | tuple) and not set(classes) <= set(CircuitClass):
        read.refuse("scope.circuit_classes", classes, "a list of " + ", ".join(CircuitClass))
    if classes and read.data.get("kind") in (RuleKind.SILENCE, RuleKind.EXPRESSION, RuleKind.VOTE):
        read.refuse("scope.circuit_classes", classes, "nothing: only a rule on single points can be of circuits")
    return Scope(**{field: read.names(given.get(field), f"scope.{field}") for field in _SCOPE_FIELDS})


def rule_data(rule: Rule) -> dict[str, Any]:
    """The data of a rule, as `parse_rule` takes it: plain values only; what equals its default is left out."""
    data: dict[str, Any] = {"id": rule.id, "version": rule.version, "name": _both(rule.name, rule.name_en), "kind": rule.kind.value}
    if rule.metric and rule.kind is not RuleKind.EXPRESSION:
        data["metric"] = rule.metric
        if unit_of(rule.metric):
            data["unit"] = unit_of(rule.metric)
    if rule.kind is RuleKind.VOTE:
        data["above"] = [_level_data(level) for level in rule.levels]
    elif rule.kind is RuleKind.LEVEL or rule.kind in DERIVED_KINDS or is_number(rule):
        data[rule.direction.value] = [_level_data(level) for level in rule.levels]
    else:
        if rule.kind is RuleKind.STATE:
            data["states"] = list(rule.states)
        elif rule.kind is RuleKind.SILENCE:
            data["intervals"] = rule.levels[0].limit
        data["severity"] = rule.levels[0].severity.name.lower()
    data.update(derived_data(rule))
    data.update(subject_data(rule))
    data.update(schedule_data(rule))
    scope = {field: list(getattr(rule.scope, field)) for field in _SCOPE_FIELDS if getattr(rule.scope, field)}
    optional: dict[str, tuple[Any, Any]] = {
        "hold_s": (rule.hold_s, 0.0),
        "clear_hold_s": (rule.clear_hold_s, 0.0),
        "latched": (rule.latched, False),
        "lateness_s": (rule.lateness_s, None),
        "realarm_s": (rule.realarm_s, None),
        "scope": (scope, {}),
        "guidance": (_both(rule.guidance, rule.guidance_en), ""),
        "alarm_kind": (rule.alarm_kind, ""),
        "enabled": (rule.enabled, True),
    }
    data.update({field: value for field, (value, default) in optional.items() if value != default})
    return data


def _both(zh: str, en: str) -> str | dict[str, str]:
    return {"zh": zh, "en": en} if en else zh


def _level_data(level: Level) -> dict[str, Any]:
    data: dict[str, Any] = {"limit": level.limit, "severity": level.severity.name.lower()}
    if level.deadband:
        data["deadband"] = level.deadband
    if level.hold_s is not None:
        data["hold_s"] = level.hold_s
    return data
