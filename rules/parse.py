"""Rules from YAML- or JSON-shaped data, and back. Refuses, with every reason at once, what cannot be meant.

The only maker of rules from outside; it reads no file. `parse_rule(rule_data(rule)) == rule` for every rule that it accepts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from rules.errors import Problem, RuleError
from rules.limits import DAY_S, IMMEDIATE_METRICS, LIMITS_ABOVE, SILENCE_INTERVALS
from rules.model import Direction, Level, Rule, RuleKind, Scope, Severity
from sites.metrics import METRICS, base_metric, unit_of
from sites.model import ID_PATTERN

_FIELDS = {
    "id", "name", "kind", "metric", "unit", "above", "below", "states", "severity", "intervals", "hold_s", "clear_hold_s",
    "latched", "lateness_s", "scope", "guidance", "alarm_kind", "enabled", "version",
}  # fmt: skip
_KIND_FIELDS = {
    RuleKind.LEVEL: {"metric", "unit", "above", "below", "hold_s", "clear_hold_s"},
    RuleKind.STATE: {"metric", "unit", "states", "severity", "hold_s", "clear_hold_s"},
    RuleKind.SILENCE: {"intervals", "severity", "hold_s"},
}
_SPECIFIC = set().union(*_KIND_FIELDS.values())
_LEVEL_FIELDS = ("limit", "severity", "deadband", "hold_s")
_SCOPE_FIELDS = ("device_kinds", "sites", "zones", "devices")
SEVERITIES = {severity.name.lower(): severity for severity in Severity}
ALARM_KINDS = ("smoke", "heat", "gas", "electrical", "water", "power", "device", "presence", "manual_call", "other")


def _is_finite(given: object) -> TypeGuard[float]:
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)


class _Reader:
    """Takes fields out of the data and notes what is wrong with them, so that one pass finds every problem."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.problems: list[Problem] = []

    def refuse(self, field: str, given: object, allowed: str) -> None:
        self.problems.append(Problem(field, "nothing" if given is None else repr(given), allowed))

    def number(self, given: object, field: str, low: float, high: float, default: float = 0.0) -> float:
        if _is_finite(given) and low <= given <= high:
            return float(given)
        self.refuse(field, given, f"a number from {low:g} to {high:g}")
        return default

    def optional(self, field: str, low: float, high: float) -> float | None:
        given = self.data.get(field)
        return None if given is None else self.number(given, field, low, high)

    def flag(self, field: str, default: bool) -> bool:
        given = self.data.get(field, default)
        if not isinstance(given, bool):
            self.refuse(field, given, "true or false")
            return default
        return given

    def severity(self, given: object, field: str) -> Severity:
        severity = SEVERITIES.get(given) if isinstance(given, str) else None
        if severity is None:
            self.refuse(field, given, "one of " + ", ".join(SEVERITIES))
            return Severity.HIGH
        return severity

    def texts(self, field: str, required: bool) -> tuple[str, str]:
        """Chinese and English, from `{zh, en}` or from one string for both screens."""
        given = self.data.get(field)
        if given is None and not required:
            return "", ""
        if isinstance(given, str) and given.strip():
            return given, ""
        if isinstance(given, Mapping) and set(given) <= {"zh", "en"} and all(isinstance(text, str) for text in given.values()):
            zh, en = given.get("zh", ""), given.get("en", "")
            if zh.strip() or en.strip():
                return (zh, en) if zh else (en, "")
        self.refuse(field, given, "a text, or {zh: text, en: text}")
        return "", ""

    def names(self, given: object, field: str) -> tuple[str, ...]:
        if given is None:
            return ()
        if isinstance(given, list | tuple) and all(isinstance(name, str) and ID_PATTERN.match(name) for name in given):
            return tuple(given)
        self.refuse(field, given, "a list of ids of letters, digits, '_', '.' and '-'")
        return ()

    def unknown(self, given: Iterable[object], allowed: Iterable[str], prefix: str = "") -> None:
        allowed = sorted(allowed)
        for field in given:
            if field not in allowed:
                self.refuse(f"{prefix}{field}", "an unknown field", ", ".join(allowed))


def parse_rule(data: Mapping[str, Any]) -> Rule:
    """One rule from its data. Raises RuleError with all its problems."""
    if not isinstance(data, Mapping):
        raise RuleError("", [Problem("rule", repr(data), "a mapping of fields")])
    read = _Reader(data)
    read.unknown(data, _FIELDS)
    rule_id = data.get("id")
    if not isinstance(rule_id, str) or not ID_PATTERN.match(rule_id):
        read.refuse("id", rule_id, "1 to 64 letters, digits, '_', '.' and '-'")
        rule_id = ""
    name, name_en = read.texts("name", required=True)
    kind = _kind(read)
    metric = "" if kind is RuleKind.SILENCE else _metric(read)
    hold_s = read.number(data.get("hold_s", 0.0), "hold_s", 0.0, DAY_S)
    clear_hold_s = read.number(data.get("clear_hold_s", 0.0), "clear_hold_s", 0.0, DAY_S)
    direction = Direction.ABOVE
    levels: tuple[Level, ...]
    states: tuple[float, ...] = ()
    if kind is RuleKind.LEVEL:
        direction, levels = _levels(read, metric)
    elif kind is RuleKind.STATE:
        states = _states(read, metric)
        levels = (Level(limit=0.0, severity=read.severity(data.get("severity"), "severity")),)
    else:
        intervals = read.number(data.get("intervals", 2.5), "intervals", *SILENCE_INTERVALS, default=2.5)
        levels = (Level(limit=intervals, severity=read.severity(data.get("severity"), "severity")),)
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
        scope=_scope(read),
        guidance=guidance,
        guidance_en=guidance_en,
        alarm_kind=alarm_kind if isinstance(alarm_kind, str) else "",
        enabled=read.flag("enabled", True),
        version=version if isinstance(version, int) else 1,
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


def _kind(read: _Reader) -> RuleKind:
    given = read.data.get("kind", RuleKind.LEVEL.value)
    try:
        kind = RuleKind(given)
    except ValueError:
        read.refuse("kind", given, ", ".join(kind.value for kind in RuleKind))
        return RuleKind.STATE if "states" in read.data else RuleKind.LEVEL
    for field in sorted((_SPECIFIC - _KIND_FIELDS[kind]) & set(read.data)):
        read.refuse(field, read.data[field], f"nothing: a {kind.value} rule has no {field}")
    return kind


def _metric(read: _Reader) -> str:
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


def _levels(read: _Reader, metric: str) -> tuple[Direction, tuple[Level, ...]]:
    present = [direction for direction in Direction if direction.value in read.data]
    fallback = (Level(limit=0.0, severity=Severity.HIGH),)
    if len(present) != 1:
        read.refuse("above/below", [direction.value for direction in present], "exactly one of above and below, a list of levels")
        return Direction.ABOVE, fallback
    direction = present[0]
    field, given = direction.value, read.data[direction.value]
    known = METRICS.get(metric)
    if known and known.low == 0.0 and known.high == 1.0:
        read.refuse("kind", "level", f"{metric} is a 0/1 signal: use kind state with states [1]")
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= 4 or not all(isinstance(each, Mapping) for each in given):
        read.refuse(field, given, "a list of one to four levels, each with limit and severity")
        return direction, fallback
    low, high = (known.low, known.high) if known else (-1e12, 1e12)
    levels: list[Level] = []
    for at, each in enumerate(given):
        prefix = f"{field}[{at}]."
        read.unknown(each, _LEVEL_FIELDS, prefix)
        level = Level(
            limit=read.number(each.get("limit"), prefix + "limit", low, high),
            severity=read.severity(each.get("severity"), prefix + "severity"),
            deadband=read.number(each.get("deadband", 0.0), prefix + "deadband", 0.0, high - low),
            hold_s=None if each.get("hold_s") is None else read.number(each["hold_s"], prefix + "hold_s", 0.0, DAY_S),
        )
        _within_clause(read, metric, direction, at, level)
        if levels:
            _after(read, prefix, direction, levels[-1], level)
        levels.append(level)
    return direction, tuple(levels)


def _after(read: _Reader, prefix: str, direction: Direction, mild: Level, severe: Level) -> None:
    sign = 1.0 if direction is Direction.ABOVE else -1.0
    if sign * severe.limit <= sign * mild.limit:
        word = "above" if sign > 0 else "below"
        read.refuse(prefix + "limit", severe.limit, f"levels go from mild to severe: a limit {word} {mild.limit:g}")
    if severe.severity < mild.severity:
        read.refuse(prefix + "severity", severe.severity.name.lower(), f"at least {mild.severity.name.lower()}, that of the level before")


def _within_clause(read: _Reader, metric: str, direction: Direction, at: int, level: Level) -> None:
    clause = LIMITS_ABOVE.get(metric) if direction is Direction.ABOVE else None
    if clause is None:
        return
    low, high = clause.first if at == 0 else clause.others
    if not low <= level.limit <= high:
        field = f"{direction.value}[{at}].limit"
        read.refuse(field, level.limit, f"{low:g} to {high:g} {unit_of(metric)}: {clause.reason}")


def _states(read: _Reader, metric: str) -> tuple[float, ...]:
    given = read.data.get("states")
    if isinstance(given, list | tuple) and 1 <= len(given) <= 16 and all(_is_finite(each) for each in given):
        states = tuple(sorted({float(each) for each in given}))
        known = METRICS.get(metric)
        if known and not all(known.low <= state <= known.high for state in states):
            read.refuse("states", given, f"values from {known.low:g} to {known.high:g}, which is what {metric} can be")
        return states
    read.refuse("states", given, "a list of one to sixteen numbers, such as [1]")
    return (1.0,)


def _immediate(read: _Reader, kind: RuleKind, metric: str, hold_s: float, latched: bool) -> None:
    reason = IMMEDIATE_METRICS.get(metric)
    if reason is None or kind is not RuleKind.STATE:
        return
    if hold_s != 0.0:
        read.refuse("hold_s", hold_s, f"0: {reason}")
    if not latched:
        read.refuse("latched", latched, f"true: {reason}")


def _scope(read: _Reader) -> Scope:
    given = read.data.get("scope")
    if given is None:
        return Scope()
    if not isinstance(given, Mapping):
        read.refuse("scope", given, "a mapping of " + ", ".join(_SCOPE_FIELDS))
        return Scope()
    read.unknown(given, _SCOPE_FIELDS, "scope.")
    return Scope(**{field: read.names(given.get(field), f"scope.{field}") for field in _SCOPE_FIELDS})


def rule_data(rule: Rule) -> dict[str, Any]:
    """The data of a rule, as `parse_rule` takes it: plain values only; what equals its default is left out."""
    data: dict[str, Any] = {"id": rule.id, "version": rule.version, "name": _both(rule.name, rule.name_en), "kind": rule.kind.value}
    if rule.kind is not RuleKind.SILENCE:
        data["metric"] = rule.metric
        if unit_of(rule.metric):
            data["unit"] = unit_of(rule.metric)
    if rule.kind is RuleKind.LEVEL:
        data[rule.direction.value] = [_level_data(level) for level in rule.levels]
    else:
        if rule.kind is RuleKind.STATE:
            data["states"] = list(rule.states)
        else:
            data["intervals"] = rule.levels[0].limit
        data["severity"] = rule.levels[0].severity.name.lower()
    scope = {field: list(getattr(rule.scope, field)) for field in _SCOPE_FIELDS if getattr(rule.scope, field)}
    optional: dict[str, tuple[Any, Any]] = {
        "hold_s": (rule.hold_s, 0.0),
        "clear_hold_s": (rule.clear_hold_s, 0.0),
        "latched": (rule.latched, False),
        "lateness_s": (rule.lateness_s, None),
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
