"""What a rule would cover, before it is one: points by zone and kind of device, devices without its metric, other rules on these points.

It reads the roster only, from any thread; what is added meanwhile may be missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rules.compile import meaning
from rules.model import SUBJECT_KINDS, Rule, RuleKind
from rules.needs import allows, metrics_needed
from sites.metrics import base_metric
from sites.model import Device, point_id
from sites.records import Scope
from sites.roster import Roster

MOST_NAMED = 200  # of devices that lack the metric


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


def cover(rule: Rule, roster: Roster, sites: Scope = None) -> Cover:
    """What the rule covers of devices at these sites."""
    inside = [device for device in list(roster.devices()) if (sites is None or device.site_id in sites) and allows(rule.scope, device)]
    seen: set[str] = set()
    without: list[str] = []
    by_zone: Counter[tuple[str, str]] = Counter()
    by_kind: Counter[str] = Counter()
    for device in inside:
        own = _subjects(rule, device, roster)
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


def _subjects(rule: Rule, device: Device, roster: Roster) -> list[str]:
    row = roster.device_rows.get(device.id)
    if row is None:
        return []
    if rule.kind is RuleKind.SILENCE:
        return [f"device:{device.id}"]
    metrics = list(roster.rows_by_metric[row])
    if rule.kind in SUBJECT_KINDS:
        wanted = metrics_needed(rule) or frozenset()
        has_some = any(base_metric(metric) in wanted for metric in metrics)
        return [f"zone:{device.zone_id}" if rule.over == "zone" else f"device:{device.id}"] if has_some else []
    wanted_metric = rule.metric
    return [f"point:{point_id(device.id, metric)}" for metric in metrics if base_metric(metric) == wanted_metric]


def beside(rule: Rule, others: Iterable[Rule], roster: Roster, sites: Scope = None) -> list[Beside]:
    """Other enabled rules of the same kind and metric that share a subject with it."""
    own = set(cover(rule, roster, sites).subjects)
    found: list[Beside] = []
    for other in others:
        if (
            other.id == rule.id
            or not other.enabled
            or (other.kind, other.metric, other.direction) != (rule.kind, rule.metric, rule.direction)
        ):
            continue
        shared = len(own.intersection(cover(other, roster, sites).subjects))
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
