"""What a rule looks at: metrics, points and other rules. What is read of history for it, and shown beside it, follows from this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from rules.errors import Problem
from rules.expression import metrics_of, rules_of, tree_of
from rules.expression_tree import Tree, zone_metrics_of
from rules.model import DERIVED_KINDS, Rule, RuleKind, Scope
from sites.metrics import base_metric
from sites.model import Device
from sites.roster import Roster


def trees_of(rule: Rule) -> list[Tree]:
    """The rule's expressions: its condition and its *only while*."""
    return [tree_of(text, rule.over) for text in (rule.expression, rule.only_while) if text]


def metrics_needed(rule: Rule) -> frozenset[str] | None:
    """The metrics that a rule looks at, without their suffixes; None: whatever its devices say (silence)."""
    if rule.kind is RuleKind.SILENCE:
        return None
    named = {rule.metric} if rule.metric else set()
    return frozenset(named.union(*(metrics_of(tree) for tree in trees_of(rule))))


def rules_needed(rule: Rule) -> frozenset[str]:
    """Ids of the rules that this one refers to."""
    return frozenset({rule.of} if rule.of else set()).union(*(rules_of(tree) for tree in trees_of(rule)))


def unknowable(rule: Rule, rules: Mapping[str, Rule]) -> list[Problem]:
    """Each `alarm(...)` that would be unknown for ever if the rule were kept among `rules`, in its own expressions and in those that refer
    to it: a rule on a value worked out from readings is judged after all conditions, and who closes a circle does not know."""
    after = {**rules, rule.id: rule}
    found = []
    for each in (rule, *(other for name, other in sorted(rules.items()) if name != rule.id and rule.id in _alarms_of(other))):
        for field in ("expression", "only_while"):
            text = getattr(each, field)
            for name in sorted(rules_of(tree_of(text, each.over))) if text else ():
                other = after.get(name)
                if other is None or (each is not rule and name != rule.id):
                    continue
                where, who = (field, f"alarm({name})") if each is rule else ("kind", f"alarm({name}) of another rule")
                if other.kind in DERIVED_KINDS:
                    english = f"a rule that is judged at once: {other.kind} is judged after all conditions, so this would never be known"
                    found.append(Problem(where, who, english, f"即时判断的规则：{other.kind} 类规则在全部条件之后判断，此处将永远未知"))
                elif each.id in _reached(name, after):
                    english = "no circle: a rule that looks at itself, by whatever way, never knows"
                    found.append(Problem(where if each is rule else field, who, english, "不得循环引用：直接或间接引用自身的规则永远未知"))
    return found


def _alarms_of(rule: Rule) -> frozenset[str]:
    return frozenset().union(*(rules_of(tree) for tree in trees_of(rule)))


def _reached(first: str, rules: Mapping[str, Rule]) -> set[str]:
    """The rules whose alarms a rule looks at, by whatever way; with itself."""
    found: set[str] = set()
    waiting = [first]
    while waiting:
        name = waiting.pop()
        if name not in found and (rule := rules.get(name)) is not None:
            found.add(name)
            waiting += _alarms_of(rule)
    return found


def companions(rule: Rule, rules: Mapping[str, Rule]) -> list[Rule]:
    """The rules that this one refers to, and those that they refer to, as far as they are there; by id."""
    found: dict[str, Rule] = {}
    waiting = sorted(rules_needed(rule))
    while waiting:
        other = rules.get(waiting.pop())
        if other is not None and other.id != rule.id and other.id not in found:
            found[other.id] = other
            waiting += sorted(rules_needed(other))
    return [found[name] for name in sorted(found)]


def allows(scope: Scope, device: Device) -> bool:
    """Whether the scope covers this device."""
    own = ((scope.device_kinds, device.kind), (scope.sites, device.site_id), (scope.zones, device.zone_id), (scope.devices, device.id))
    return all(not wanted or is_ in wanted for wanted, is_ in own)


def points_needed(rules: Iterable[Rule], roster: Roster) -> NDArray[np.int32]:
    """The point rows that these rules look at, ascending. Of rules over a zone: the points of all devices in the zones of those covered."""
    wanted = np.zeros(roster.size, np.bool_)
    devices = {roster.device_rows[device.id]: device for device in roster.devices()}
    bases = np.array([base_metric(metric) for metric in roster.metrics], object)
    for rule in rules:
        covers = _covers(rule, list(devices.values()))
        covered = np.zeros(len(roster.devices_by_row), np.bool_)
        covered[[row for row, device in devices.items() if covers(device)]] = True
        metrics = metrics_needed(rule)
        of_metric = np.ones(len(bases), np.bool_) if metrics is None else np.isin(bases, list(metrics))
        columns = roster.columns
        wanted |= covered[columns.device_rows[: roster.size]] & of_metric[columns.metric_indexes[: roster.size]]
    return np.flatnonzero(wanted).astype(np.int32)


def _covers(rule: Rule, devices: list[Device]) -> Callable[[Device], bool]:
    is_over_zones = rule.over == "zone" or any(zone_metrics_of(tree) for tree in trees_of(rule))
    if not is_over_zones:
        return lambda device: allows(rule.scope, device)
    zones = {(device.site_id, device.zone_id) for device in devices if allows(rule.scope, device)}
    return lambda device: (device.site_id, device.zone_id) in zones
