"""Whose numbers a rule has at a device: the rule's own, changed by district, enterprise, site, zone and device, the narrower going first.

Resolves overrides, tells where each number comes from, and refuses an override that the rule itself could not say: the validators and
clauses of the rule hold for what becomes of it. Limits that are per cent of a circuit's rated current become amperes here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rules.errors import Problem, RuleError
from rules.expression import tree_of
from rules.limits import IMMEDIATE_METRICS
from rules.model import SUBJECT_KINDS, NodeKind, Override, Rule, RuleKind
from rules.parse import parse_rule, rule_data
from sites.model import Circuit, Device
from sites.roster import Roster

Node = tuple[NodeKind, str]


@dataclass(frozen=True, slots=True)
class Source:
    """One number of a rule at a device: `number` is a path (`above[0].limit`, `hold_s`, `enabled`), `node` who set it: None is the rule
    itself; `override_id` and `reason` where it is an override."""

    number: str
    value: float | bool
    node: Node | None = None
    override_id: str = ""
    reason: str = ""


class Inheritance:
    """The overrides of all rules over one roster."""

    def __init__(self, roster: Roster, overrides: Iterable[Override] = ()) -> None:
        self.roster = roster
        self.by_rule: dict[str, dict[Node, Override]] = {}
        for override in sorted(overrides, key=lambda override: override.id):
            self.by_rule.setdefault(override.rule_id, {})[override.node_kind, override.node_id] = override
        self._circuits: dict[tuple[str, str], Circuit] | None = None

    def chain(self, rule_id: str, device: Device) -> tuple[Override, ...]:
        """The overrides that hold for a device, from the widest to the narrowest."""
        own = self.by_rule.get(rule_id)
        if not own:
            return ()
        return tuple(own[node] for node in self.nodes(device.site_id, device.zone_id, device.id) if node in own)

    def nodes(self, site_id: str, zone_id: str = "", device_id: str = "") -> list[Node]:
        """The places around a device, from the widest district to itself."""
        roster = self.roster
        enterprise = roster.enterprise_of_site(site_id)
        made = self.path((NodeKind.ENTERPRISE, enterprise.id)) if enterprise is not None else []
        zones = _upwards(zone_id, lambda at: zone.parent_id if (zone := roster.zones.get(at)) else None)
        made += [(NodeKind.SITE, site_id), *((NodeKind.ZONE, at) for at in reversed(zones))]
        return [*made, (NodeKind.DEVICE, device_id)] if device_id else made

    def path(self, node: Node) -> list[Node]:
        """A place and those around it, the widest first."""
        roster, (kind, at) = self.roster, node
        if kind is NodeKind.DISTRICT:
            above = _upwards(at, lambda each: district.parent_id if (district := roster.districts.get(each)) else None)
            return [(kind, each) for each in reversed(above)]
        if kind is NodeKind.ENTERPRISE:
            enterprise = roster.enterprises.get(at)
            return [*(self.path((NodeKind.DISTRICT, enterprise.district_id)) if enterprise else []), node]
        if kind is NodeKind.SITE:
            return self.nodes(at)
        if kind is NodeKind.ZONE:
            zone = roster.zones.get(at)
            return self.nodes(zone.site_id, at) if zone else [node]
        device = roster.device(at)
        return self.nodes(device.site_id, device.zone_id, at) if device else [node]

    def resolve(self, rule: Rule, device: Device, metric: str = "") -> Rule | None:
        """The rule as it is for a point of a device, in the units of the point; None: it does not watch it."""
        changed = overridden(rule, self.chain(rule.id, device))
        return self.of_circuit(changed, device.id, metric or rule.metric) if changed.enabled else None

    def of_circuit(self, rule: Rule, device_id: str, metric: str) -> Rule | None:
        """The rule for a point by what the circuit is that it measures; None: it does not watch it."""
        if not rule.relative_to and not rule.scope.circuit_classes:
            return rule
        circuit = self.circuit_of(device_id, metric)
        if circuit is None or (rule.scope.circuit_classes and circuit.circuit_class not in rule.scope.circuit_classes):
            return None
        return absolute(rule, circuit.rated_a) if rule.relative_to else rule

    def circuit_of(self, device_id: str, metric: str) -> Circuit | None:
        """The circuit that a point measures, as a whole or one of its poles; None: of none."""
        if self._circuits is None:
            circuits = sorted(self.roster.circuits.values(), key=lambda circuit: circuit.id, reverse=True)
            self._circuits = {
                (circuit.device_id, circuit.metric("", pole)): circuit for circuit in circuits for pole in ("", *circuit.poles)
            }
        return self._circuits.get((device_id, metric.partition(".")[2]))

    def where_from(self, rule: Rule, device: Device, metric: str = "") -> list[Source]:
        """Each number of the rule as it is at a device, and who set it. Relative limits are followed by what they are in amperes."""
        direction = rule.direction.value
        found = {"enabled": Source("enabled", rule.enabled)}
        for at, level in enumerate(rule.levels):
            if rule.kind is RuleKind.SILENCE:
                found["intervals"] = Source("intervals", level.limit)
            elif not rule.states:
                found[f"{direction}[{at}].limit"] = Source(f"{direction}[{at}].limit", level.limit)
                found[f"{direction}[{at}].deadband"] = Source(f"{direction}[{at}].deadband", level.deadband)
            if level.hold_s is not None:
                found[f"{direction}[{at}].hold_s"] = Source(f"{direction}[{at}].hold_s", level.hold_s)
        found |= {name: Source(name, getattr(rule, name)) for name in ("hold_s", "clear_hold_s")}
        for override in self.chain(rule.id, device):
            for name, value in _numbers(rule, override):
                found[name] = Source(name, value, (override.node_kind, override.node_id), override.id, override.reason)
        resolved = self.resolve(rule, device, metric)
        if rule.relative_to and resolved is not None:
            for at, level in enumerate(resolved.levels):
                path = f"{direction}[{at}].limit"
                found[path + "_a"] = replace(found[path], number=path + "_a", value=level.limit)
        return list(found.values())

    def problems(self, rule: Rule, override: Override) -> list[Problem]:
        """What is wrong with an override, by itself and together with those above and below it. Empty: it may be kept. The node must
        exist: whoever asks knows the places."""
        made: list[Problem] = []
        if override.rule_id != rule.id:
            made.append(Problem("rule_id", repr(override.rule_id), rule.id))
        if not override.reason.strip():
            made.append(Problem("reason", "nothing", "why this place differs from the rule", "说明该处为何与规则不同"))
        for at, level in enumerate(override.levels):
            if not 0 <= level.level < len(rule.levels) or level.level in [other.level for other in override.levels[:at]]:
                allowed = f"0 to {len(rule.levels) - 1}, each level once"
                made.append(Problem(f"levels[{at}].level", repr(level.level), allowed, f"0 至 {len(rule.levels) - 1}，每级一次"))
            if level.limit is not None or level.deadband is not None:
                made += _compares_nothing(rule, f"levels[{at}].limit", level.limit)
        if not _numbers(rule, override):
            made.append(Problem("levels", "nothing", "at least one number that differs, or enabled", "至少一个不同的数值或启停"))
        if rule.kind in SUBJECT_KINDS and rule.over == "zone" and override.node_kind is NodeKind.DEVICE:
            english = f"a zone, or what is around one: a {rule.kind} over a zone has one set of numbers for all of its devices"
            made.append(
                Problem("node_kind", repr(str(override.node_kind)), english, "区域或其上级：按区域判断的规则对区域内各设备数值一致")
            )
        if override.enabled is False and rule.metric in IMMEDIATE_METRICS:
            english = "true: a fire detector is isolated with a permit and an end, not switched off by a rule (GB 25201)"
            made.append(Problem("enabled", "False", english, "true：火灾探测器须经审批限时屏蔽，不得由规则停用（GB 25201）"))
        return made or self._together(rule, override)

    def _together(self, rule: Rule, override: Override) -> list[Problem]:
        # what a device inherits is what stands on the way up from the narrowest override above it: so those ways are all there are
        all_of_rule = {**self.by_rule.get(rule.id, {}), (override.node_kind, override.node_id): override}
        for leaf in all_of_rule:
            chain = [all_of_rule[node] for node in self.path(leaf) if node in all_of_rule]
            if override not in chain:
                continue
            try:
                parse_rule(rule_data(replace(overridden(rule, chain), enabled=True)))
            except RuleError as error:
                beside = ", ".join(f"{each.node_kind} {each.node_id}" for each in chain if each is not override)
                return [replace(each, given=f"{each.given} (with what {beside} sets)") if beside else each for each in error.problems]
        return []


def _compares_nothing(rule: Rule, field: str, limit: float | None) -> list[Problem]:
    """A limit that a place sets for a rule that has none."""
    if rule.kind is RuleKind.STATE:
        return [Problem(field, repr(limit), "nothing: the rule compares with states", "不得设置：该规则按状态判断")]
    if rule.kind is RuleKind.EXPRESSION and tree_of(rule.expression, rule.over).root.is_condition:
        return [Problem(field, repr(limit), "nothing: the expression is true or false", "不得设置：该表达式只有成立与否")]
    return []


def _upwards(first: str | None, parent_of: Callable[[str], str | None]) -> list[str]:
    """An id and those above it, nearest first, each once."""
    found: list[str] = []
    while first and first not in found:
        found.append(first)
        first = parent_of(first)
    return found


def overridden(rule: Rule, chain: Sequence[Override]) -> Rule:
    """The rule with the numbers of overrides, the widest first."""
    for override in chain:
        levels = list(rule.levels)
        for each in override.levels:
            if each.level < len(levels):
                new = {name: value for name in ("limit", "deadband", "hold_s") if (value := getattr(each, name)) is not None}
                levels[each.level] = replace(levels[each.level], **new)
        own = {name: value for name in ("hold_s", "clear_hold_s", "enabled") if (value := getattr(override, name)) is not None}
        rule = replace(rule, levels=tuple(levels), **own)
    return rule


def absolute(rule: Rule, rated: float) -> Rule:
    """A rule whose limits are per cent of `rated`, in the unit of `rated`."""
    levels = (replace(level, limit=level.limit * rated / 100, deadband=level.deadband * rated / 100) for level in rule.levels)
    return replace(rule, levels=tuple(levels))


def _numbers(rule: Rule, override: Override) -> list[tuple[str, float | bool]]:
    """What an override sets, as (path, value)."""
    direction = rule.direction.value
    found: list[tuple[str, float | bool]] = []
    for each in override.levels:
        for name in ("limit", "deadband", "hold_s"):
            value = getattr(each, name)
            if value is not None:
                path = "intervals" if rule.kind is RuleKind.SILENCE and name == "limit" else f"{direction}[{each.level}].{name}"
                found.append((path, value))
    own = ((name, getattr(override, name)) for name in ("hold_s", "clear_hold_s", "enabled"))
    return found + [(name, value) for name, value in own if value is not None]
