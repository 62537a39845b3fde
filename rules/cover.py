"""What a rule would cover, before it is one: points by zone and kind of device, devices without its metric, other rules on these points.

It reads the roster only, from any thread; what is added meanwhile may be missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from rules.compile import meaning
from rules.expression import tree_of
from rules.expression_tree import device_metrics_of, zone_metrics_of
from rules.inheritance import Inheritance, overridden
from rules.model import SUBJECT_KINDS, Rule, RuleKind
from rules.needs import allows
from sites.metrics import base_metric
from sites.model import Device, point_id
from sites.records import Scope
from sites.roster import Roster

MOST_NAMED = 200  # of devices that lack the metric
_NONE: Mapping[str, Rule] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """`subjects` as findings name them, sorted. `by_zone` counts them by (site, zone), `by_kind` by kind of device. `without`: devices in
    scope that have no point of the rule's metric (at most `MOST_NAMED`), of `without_total`."""

    subjects: list[str]
    by_zone: list[tuple[str, str, int]]
    by_kind: list[tuple[str, int]]
    devices: int
    without: list[str]
    without_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Another rule on some of the same subjects. `is_same`: it means the same at every level."""

    rule_id: str
    rule_name: str
    rule_name_en: str
    is_same: bool
    subjects: int


def cover(
    rule: Rule, roster: Roster, sites: Scope = None, inheritance: Inheritance | None = None, rules: Mapping[str, Rule] = _NONE
) -> Cover:
    """What the rule covers of devices at these sites: what the engine would watch, were it enabled. `inheritance` knows the places that
    switch it off, `rules` the one whose findings it counts."""
    places = inheritance or Inheritance(roster)
    inside = [device for device in list(roster.devices()) if (sites is None or device.site_id in sites) and allows(rule.scope, device)]
    subjects = _subjects_of(_as_if_on(rule, places), roster, places, rules)
    seen: set[str] = set()
    without: list[str] = []
    by_zone: Counter[tuple[str, str]] = Counter()
    by_kind: Counter[str] = Counter()
    for device in inside:
        own = subjects(device)
        if not own:
            without.append(device.id)
        for subject in own:
            if subject in seen:
                continue  # a zone counts once
            seen.add(subject)
            by_zone[device.site_id, device.zone_id] += 1
            by_kind[device.kind] += 1
    return Cover(
        subjects=sorted(seen),
        by_zone=[(site, zone, count) for (site, zone), count in sorted(by_zone.items())],
        by_kind=sorted(by_kind.items()),
        devices=len(inside),
        without=sorted(without)[:MOST_NAMED],
        without_total=len(without),
    )


def _subjects_of(rule: Rule, roster: Roster, places: Inheritance, rules: Mapping[str, Rule]) -> Callable[[Device], list[str]]:
    """Answers for one device in scope which subjects the rule has there. Switched off, or no circuit of its class: none."""
    if rule.of:
        other = rules.get(rule.of)
        if other is None or other.of:
            return lambda device: []
        counted = _subjects_of(_as_if_on(other, places), roster, places, rules)
        return lambda device: (
            counted(device) if allows(other.scope, device) and overridden(rule, places.chain(rule.id, device)).enabled else []
        )
    if rule.kind in SUBJECT_KINDS:
        return _of_several(rule, roster, places)

    def of_one(device: Device) -> list[str]:
        here = overridden(rule, places.chain(rule.id, device))
        row = roster.device_rows.get(device.id)
        if row is None or not here.enabled:
            return []
        if rule.kind is RuleKind.SILENCE:
            return [f"device:{device.id}"]
        return [
            f"point:{point_id(device.id, metric)}"
            for metric in list(roster.rows_by_metric[row])
            if base_metric(metric) == rule.metric and places.of_circuit(here, device.id, metric) is not None
        ]

    return of_one


def _as_if_on(rule: Rule, places: Inheritance) -> Rule:
    """A rule that is off everywhere is shown as it would be, were it on."""
    is_on_somewhere = rule.enabled or any(override.enabled for override in places.by_rule.get(rule.id, {}).values())
    return rule if is_on_somewhere else replace(rule, enabled=True)


def _of_several(rule: Rule, roster: Roster, places: Inheritance) -> Callable[[Device], list[str]]:
    """The same of an expression or a vote: who has none of the metrics is no subject; a rule without metrics looks at every device."""
    tree = tree_of(rule.expression, rule.over) if rule.kind is RuleKind.EXPRESSION else None
    if rule.over == "zone":
        wanted, is_exact = ({rule.metric} if tree is None else zone_metrics_of(tree)), False
    else:
        assert tree is not None
        wanted, is_exact = device_metrics_of(tree), True
    own = places.by_rule.get(rule.id, {})

    def has_some(device: Device, row: int) -> bool:
        metrics = list(roster.rows_by_metric[row])
        return not wanted or any(metric in wanted or (not is_exact and base_metric(metric) in wanted) for metric in metrics)

    def subjects(device: Device) -> list[str]:
        row = roster.device_rows.get(device.id)
        if row is None or not has_some(device, row):
            return []
        if rule.over == "device":
            return [f"device:{device.id}"] if overridden(rule, places.chain(rule.id, device)).enabled else []
        nodes = places.nodes(device.site_id, device.zone_id) if own else []
        is_on = overridden(rule, [own[node] for node in nodes if node in own]).enabled
        return [f"zone:{device.zone_id}"] if device.zone_id and is_on else []

    return subjects


def beside(rule: Rule, others: Iterable[Rule], roster: Roster, sites: Scope = None, inheritance: Inheritance | None = None) -> list[Beside]:
    """Other enabled rules of the same kind and metric that share a subject with it."""
    own = set(cover(rule, roster, sites, inheritance).subjects)
    found: list[Beside] = []
    for other in others:
        if (
            other.id == rule.id
            or not other.enabled
            or (other.kind, other.metric, other.direction) != (rule.kind, rule.metric, rule.direction)
        ):
            continue
        shared = len(own.intersection(cover(other, roster, sites, inheritance).subjects))
        if shared:
            is_same = len(other.levels) == len(rule.levels) and all(
                meaning(other, level) == meaning(rule, level) for level in range(len(rule.levels))
            )
            found.append(Beside(rule_id=other.id, rule_name=other.name, rule_name_en=other.name_en, is_same=is_same, subjects=shared))
    return found


def fate_of_standing(present: Rule, edited: Rule | None, subject: str, level: int, covered: set[str]) -> str:
    """What an edit does to an alarm that stands: `kept` (means the same), `judged_anew` (by the next reading), `withdrawn` (the rule is
    disabled or gone), `left` (the subject is no longer covered: it stays until a person ends it)."""
    if edited is None or not edited.enabled:
        return "withdrawn"
    if subject not in covered:
        return "left"
    is_same = 0 <= level < min(len(present.levels), len(edited.levels)) and meaning(present, level) == meaning(edited, level)
    return "kept" if is_same else "judged_anew"
