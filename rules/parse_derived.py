"""What a rule on a derived value (rate, window, count, stuck, drift) says besides its levels, from its data and back.

Windows are bounded here, so that their memory is: the engine keeps sixty parts of a window, whatever its length.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.limits import DAY_S
from rules.model import DERIVED_KINDS, Direction, Level, Meets, Rule, RuleKind, Statistic, Weighting
from rules.parse_levels import read_levels
from rules.parse_reader import Reader, is_finite
from sites.metrics import METRICS
from sites.model import ID_PATTERN

_USUAL = {"metric", "unit", "above", "hold_s", "clear_hold_s"}
DERIVED_FIELDS: dict[RuleKind, set[str]] = {
    RuleKind.RATE: _USUAL | {"below", "window_s", "per_s", "covered"},
    RuleKind.WINDOW: _USUAL | {"below", "window_s", "statistic", "weighting", "share_of", "covered"},
    RuleKind.COUNT: _USUAL | {"window_s", "share_of", "of"},
    RuleKind.STUCK: _USUAL | {"tolerance"},
    RuleKind.DRIFT: _USUAL | {"window_s", "covered"},
}
WINDOW_S: dict[RuleKind, tuple[float, float]] = {
    RuleKind.RATE: (1.0, DAY_S),
    RuleKind.WINDOW: (1.0, DAY_S),
    RuleKind.COUNT: (1.0, DAY_S),
    RuleKind.DRIFT: (60.0, 30 * DAY_S),  # a baseline is slow: a month takes in the weekends
}
_MOST_COUNTED = 1e6
_MOST_FINDINGS = 1_000.0  # findings of another rule are kept one by one
_COVERED = 0.5


def read_derived(read: Reader, kind: RuleKind, metric: str) -> tuple[Direction, tuple[Level, ...], dict[str, Any]]:
    """Direction and levels of a rule of one of `DERIVED_KINDS`, and its own fields by name."""
    own: dict[str, Any] = {}
    if kind in WINDOW_S:
        own["window_s"] = read.number(read.data.get("window_s"), "window_s", *WINDOW_S[kind], default=WINDOW_S[kind][0])
    if kind is not RuleKind.STUCK and kind is not RuleKind.COUNT:
        own["covered"] = read.number(read.data.get("covered", _COVERED), "covered", 0.0, 1.0, _COVERED)
    statistic, bounds = Statistic.COUNT, _bounds(kind, metric)
    if kind is RuleKind.RATE:
        own["per_s"] = read.number(read.data.get("per_s", 60.0), "per_s", 1.0, DAY_S, 60.0)
    elif kind is RuleKind.STUCK:
        own["tolerance"] = read.number(read.data.get("tolerance", 0.0), "tolerance", 0.0, 1e12)
    elif kind is RuleKind.WINDOW:
        statistic = Statistic(read.word("statistic", [each.value for each in Statistic], Statistic.MEAN.value))
        weighting = Weighting(read.word("weighting", [each.value for each in Weighting], Weighting.READINGS.value))
        if weighting is Weighting.TIME and statistic not in (Statistic.MEAN, Statistic.SHARE):
            read.refuse("weighting", weighting.value, "readings: only a mean or a share weighs")
        own |= {"statistic": statistic, "weighting": weighting}
        bounds = _window_bounds(statistic, metric)
    elif kind is RuleKind.COUNT and "of" in read.data:
        own["of"] = _other_rule(read)
        bounds = (1.0, _MOST_FINDINGS)
    own["share_of"] = _share_of(read, metric, statistic)
    direction, levels = read_levels(read, metric, bounds)
    return direction, levels, own


def derived_data(rule: Rule) -> dict[str, Any]:
    """The fields of `read_derived` as they are handed in; what equals its default is left out."""
    if rule.kind not in DERIVED_KINDS:
        return {}
    optional: dict[str, tuple[Any, Any]] = {
        "window_s": (rule.window_s, None),
        "statistic": (rule.statistic.value, Statistic.MEAN.value),
        "weighting": (rule.weighting.value, Weighting.READINGS.value),
        "share_of": (_meets_data(rule.share_of), None),
        "per_s": (rule.per_s, 60.0),
        "tolerance": (rule.tolerance, 0.0),
        "of": (rule.of, ""),
        "covered": (rule.covered, _COVERED),
    }
    return {field: value for field, (value, default) in optional.items() if value != default}


def _bounds(kind: RuleKind, metric: str) -> tuple[float, float]:
    if kind is RuleKind.COUNT:
        return 1.0, _MOST_COUNTED
    if kind is RuleKind.STUCK:
        return 1.0, 30 * DAY_S
    if kind is RuleKind.DRIFT:
        known = METRICS.get(metric)
        return 0.0, known.high - known.low if known else 1e12
    return -1e12, 1e12


def _window_bounds(statistic: Statistic, metric: str) -> tuple[float, float]:
    known = METRICS.get(metric)
    if statistic is Statistic.SHARE:
        return 0.0, 1.0
    if statistic is Statistic.COUNT:
        return 0.0, _MOST_COUNTED
    if statistic is Statistic.SUM or known is None:
        return -1e15, 1e15
    return known.low, known.high


def _other_rule(read: Reader) -> str:
    given = read.data["of"]
    for field in ("metric", "unit", "share_of"):
        if field in read.data:
            read.refuse(field, read.data[field], "nothing: what is counted are the findings of the rule given with of")
    scope = read.data.get("scope")
    if isinstance(scope, Mapping) and "circuit_classes" in scope:
        read.refuse("scope.circuit_classes", scope["circuit_classes"], "nothing: give it to the rule whose findings are counted")
    if isinstance(given, str) and ID_PATTERN.match(given) and given != read.data.get("id"):
        return given
    read.refuse("of", given, "the id of another rule")
    return ""


def _share_of(read: Reader, metric: str, statistic: Statistic) -> Meets | None:
    given = read.data.get("share_of")
    if given is None:
        if statistic is Statistic.SHARE:
            read.refuse("share_of", None, "what the readings must meet: {above: limit}, {below: limit} or {states: [1]}")
        return None
    if statistic not in (Statistic.SHARE, Statistic.COUNT):
        read.refuse("share_of", given, f"nothing: a {statistic.value} is of all readings")
        return None
    known = METRICS.get(metric)
    low, high = (known.low, known.high) if known else (-1e12, 1e12)
    if isinstance(given, Mapping) and len(given) == 1:
        (word, value), *_ = given.items()
        if word in ("above", "below"):
            return Meets(limit=read.number(value, f"share_of.{word}", low, high), direction=Direction(word))
        if word == "states" and isinstance(value, list | tuple) and 1 <= len(value) <= 16 and all(is_finite(each) for each in value):
            return Meets(states=tuple(sorted({float(each) for each in value})))
    read.refuse("share_of", given, "one of {above: limit}, {below: limit} and {states: [1]}")
    return None


def _meets_data(meets: Meets | None) -> dict[str, Any] | None:
    if meets is None:
        return None
    return {"states": list(meets.states)} if meets.limit is None else {meets.direction.value: meets.limit}
