"""The slow obvious original of rules over several points: everything is looked at, one Python value at a time, whenever anything happens.

It shares with the engine the language's checked tree and the nouns; evaluation, order, holds and gates are written here once more. A number
is a pair (least, most) that it may be, a condition one of (1, 1), (0, 0) and (0, 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from reference import FAR, DeviceRule, LevelState, PointRule, Reference, condition, covers, gap_ms, lateness_ms
from reference_gates import GatedReference

from rules.expression import tree_of
from rules.expression_tree import Node, Tree, nodes_of, shown_of
from rules.findings import Edge, Finding
from rules.model import SUBJECT_KINDS, Direction, Rule, RuleKind
from sites.metrics import base_metric
from sites.model import Device, point_key
from sites.readings import RETAINED, STALE_RETAINED, Readings

Pair = tuple[float, float]
ANYTHING = (-math.inf, math.inf)


@dataclass
class Leaf:
    """A point as the conditions see it."""

    taken: int | None = None
    value: float = 0.0
    heard_h: int = 0
    delay: int = 0
    previous: float | None = None
    kept: dict[int, list[tuple[int, float]]] = field(default_factory=dict)  # by span
    rates: dict[int, float | None] = field(default_factory=dict)


@dataclass
class SubjectLevel:
    hold_ms: int
    active: bool = False
    since_taken: int | None = None  # of the running hold, up or down
    since_clock: int = 0
    since_device: str = ""
    late: bool = False


@dataclass
class Condition:
    """A condition (or number, or vote) of one subject: of a rule, or of what gates one."""

    rule: Rule
    tree: Tree | None
    over: str
    device: Device | None  # of a device's
    zone: str
    is_gate: bool
    levels: list[SubjectLevel] = field(default_factory=list)
    since: dict[int, int] = field(default_factory=dict)  # node -> since when it is true
    is_open: bool = False
    gate: Condition | None = None
    pairs: list[PointRule] = field(default_factory=list)
    last_device: str = ""
    unsettled: set[str] = field(default_factory=set)
    suffix: str = ""  # of a gate: the channel of its points

    @property
    def name(self) -> str:
        return f"device:{self.device.id}" if self.device is not None else f"zone:{self.zone}"


class SubjectReference(GatedReference):
    def __post_init__(self) -> None:
        everything = self.rules
        self.rules = [rule for rule in everything if rule.kind not in SUBJECT_KINDS]
        super().__post_init__()
        self.rules = everything
        self.leaves = {row: Leaf() for row in range(self.roster.size)}
        self.by_id = {rule.id: rule for rule in everything}
        self.conditions: list[Condition] = []
        self.made: list[Finding] = []
        for rule in sorted(everything, key=lambda rule: rule.id):
            if rule.kind in SUBJECT_KINDS:
                self.conditions += self.subjects_of(rule)
        for rule in sorted(everything, key=lambda rule: rule.id):
            if rule.only_while:
                self.add_gates(rule)
        self.order = self.in_order()
        self.first = [each for each in self.order if each.pairs and not rules_in(each)]
        self.then = [each for each in self.order if each not in self.first]

    # -- who is looked at ------------------------------------------------------------------------------------------

    def subjects_of(self, rule: Rule) -> list[Condition]:
        tree = None if rule.kind is RuleKind.VOTE else tree_of(rule.expression, rule.over)
        over = "zone" if tree is None else rule.over
        found = []
        devices = [device for device in self.roster.devices() if covers(rule, device)]
        if over == "device":
            own = {node.name for node in nodes_of(tree.root) if is_own(tree.root, node)} if tree else set()
            for device in devices:
                if not own or any(self.roster.point_row(device.id, metric) is not None for metric in own):
                    found.append(Condition(rule, tree, over, device, device.zone_id, False))
        else:
            metrics = {rule.metric} if tree is None else {node.name for node in nodes_of(tree.root) if node.name and node.op != "alarm"}
            for zone in sorted({device.zone_id for device in devices}):
                here = [device for device in devices if device.zone_id == zone]
                if not metrics or any(self.rows(metric, here) for metric in metrics):
                    found.append(Condition(rule, tree, over, None, zone, False))
        for each in found:
            holds = [rule.hold_s if level.hold_s is None else level.hold_s for level in rule.levels]
            each.levels = [SubjectLevel(round(hold * 1000)) for hold in holds]
        return found

    def add_gates(self, rule: Rule) -> None:
        if rule.kind in SUBJECT_KINDS:
            for each in [each for each in self.conditions if each.rule is rule and not each.is_gate]:
                each.gate = Condition(rule, tree_of(rule.only_while, each.over), each.over, each.device, each.zone, True)
                self.conditions.append(each.gate)
            return
        pairs = [pair for pair in self.pairs if pair.rule is rule]
        for device, suffix in {(pair.device.id, suffix_of(pair)): (pair.device, suffix_of(pair)) for pair in pairs}.values():
            gate = Condition(rule, tree_of(rule.only_while, "device"), "device", device, device.zone_id, True, suffix=suffix)
            gate.pairs = [pair for pair in pairs if pair.device is device and suffix_of(pair) == suffix]
            self.shut |= {id(pair) for pair in gate.pairs}
            self.conditions.append(gate)

    def in_order(self) -> list[Condition]:
        """Each after those it looks at; whoever closes a circle does not know. Rules are visited, conditions before gates, by id."""
        kinds: list[tuple[str, bool]] = list(dict.fromkeys((each.rule.id, each.is_gate) for each in self.conditions))
        order: list[tuple[str, bool]] = []
        entered: set[tuple[str, bool]] = set()

        def visit(kind: tuple[str, bool]) -> None:
            entered.add(kind)
            rule_id, is_gate = kind
            rule = self.by_id[rule_id]
            gate = (rule_id, True)
            if not is_gate and gate in kinds and gate not in entered:
                visit(gate)
            mine = [each for each in self.conditions if (each.rule.id, each.is_gate) == kind]
            for other in rules_in(mine[0]):
                unsettled = other == rule.id
                for need in ((other, True), (other, False)):
                    if need in kinds:
                        if need not in entered:
                            visit(need)
                        unsettled |= need not in order
                if unsettled:
                    for each in mine:
                        each.unsettled.add(other)
            order.append(kind)

        for kind in kinds:
            if kind not in entered:
                visit(kind)
        return [each for kind in order for each in self.conditions if (each.rule.id, each.is_gate) == kind]

    def rows(self, metric: str, devices: list[Device]) -> list[int]:
        """Point rows of these devices with this metric, in their order."""
        found = []
        for row in range(self.roster.size):
            name = self.roster.metric_of_row(row)
            if (name if "." in metric else base_metric(name)) == metric and self.roster.device_of_row(row) in devices:
                found.append(row)
        return found

    def zone_rows(self, each: Condition, metric: str) -> list[int]:
        here = [device for device in self.roster.devices() if device.zone_id == each.zone]
        if each.over == "zone" and not each.is_gate:
            here = [device for device in here if covers(each.rule, device)]
        return self.rows(metric, here)

    # -- what is known ---------------------------------------------------------------------------------------------

    def knows(self, row: int | None) -> bool:
        if row is None or self.leaves[row].taken is None:
            return False
        return self.hearing(self.now) - self.leaves[row].heard_h < gap_ms(self.roster.device_of_row(row))

    def look(self, each: Condition, node: Node, row: int | None = None, writes: bool = True) -> Pair:
        """What a node is now; `row` is the point that a `count` looks at."""
        name = node.name
        if row is None and name and each.device is not None and node.op in ("metric", "previous", "rate", "heard"):
            own = self.own_row(each, name)
        else:
            own = row
        if node.op == "number":
            return node.number, node.number
        if node.op == "heard":
            return bool_of(self.knows(own))
        if node.op in ("metric", "previous", "rate"):
            if own is None or not self.knows(own):
                return ANYTHING
            leaf = self.leaves[own]
            value = {"metric": leaf.value, "previous": leaf.previous}.get(node.op, leaf.rates.get(int(node.number)))
            return ANYTHING if value is None else (value, value)
        if node.op == "alarm":
            return (0.0, 1.0) if name in each.unsettled else bool_of(self.is_active(name, each))
        if node.op in ("max", "min", "sum", "mean"):
            return self.total(node.op, [self.look(each, Node("metric", name=name), at) for at in self.zone_rows(each, name)])
        if node.op == "count":
            parts = [self.look(each, node.args[0], at) for at in self.zone_rows(each, name)]
            return float(sum(low for low, _ in parts)), float(sum(high for _, high in parts))
        if node.op == "for":
            low, high = self.look(each, node.args[0])
            if low == 1:
                each.since.setdefault(id(node), self.now)
                return bool_of(self.now - each.since[id(node)] >= node.number)
            each.since.pop(id(node), None)
            return 0.0, high
        return combine(node, [self.look(each, arg, row) for arg in node.args])

    def own_row(self, each: Condition, metric: str) -> int | None:
        """The device's point, the one of the same channel first."""
        assert each.device is not None
        parts = each.suffix.split(".") if each.suffix and "." not in metric else []
        names = [".".join([metric, *parts[:size]]) for size in range(len(parts), -1, -1)]
        return next((row for name in names if (row := self.roster.point_row(each.device.id, name)) is not None), None)

    def total(self, op: str, parts: list[Pair]) -> Pair:
        if not parts:
            return ANYTHING
        lows, highs = [low for low, _ in parts], [high for _, high in parts]
        if op in ("max", "min"):
            by = max if op == "max" else min
            return by(lows), by(highs)
        share = 1 if op == "sum" else len(parts)
        return settled(sum(lows) / share, sum(highs) / share)

    def is_active(self, rule_id: str, each: Condition) -> bool:
        rule = self.by_id.get(rule_id)
        if rule is None:
            return False
        if rule.kind in SUBJECT_KINDS:
            others = [other for other in self.conditions if other.rule is rule and not other.is_gate]
            if each.device is not None and others and others[0].over == "device":
                others = [other for other in others if other.device is each.device]
            return any(level.active for other in others if other.zone == each.zone for level in other.levels)
        if rule.kind is RuleKind.SILENCE:
            return any(self.is_silent(watch) for watch in self.watches if watch.rule is rule and self.is_here(watch.device, each))
        return any(state.active for pair in self.pairs if pair.rule is rule and self.is_here(pair.device, each) for state in pair.levels)

    def is_here(self, device: Device, each: Condition) -> bool:
        return device is each.device if each.device is not None else device.zone_id == each.zone

    def is_silent(self, watch: DeviceRule) -> bool:
        state = self.devices[watch.device.id]
        return state.offline or (state.heard_h is not None and self.hearing(self.now) - state.heard_h >= watch.limit_ms)

    def votes(self, each: Condition) -> Pair:
        rule, sure, possible = each.rule, set(), set()
        for row in self.zone_rows(each, rule.metric):
            device, value = self.roster.device_of_row(row).id, self.leaves[row].value
            if rule.vote_limit is None:
                is_vote = value in rule.states
            else:
                is_vote = value >= rule.vote_limit if rule.direction is Direction.ABOVE else value <= rule.vote_limit
            if not self.knows(row):
                possible.add(device)
            elif is_vote:
                sure.add(device)
                possible.add(device)
        return float(len(sure)), float(len(possible))

    def late_rows(self, each: Condition) -> bool:
        """Whether the newest reading of any known point that it looks at was late."""
        rows: set[int] = set()
        if each.tree is None:
            rows |= set(self.zone_rows(each, each.rule.metric))
        else:
            for node in nodes_of(each.tree.root):
                if node.op in ("max", "min", "mean", "sum", "count"):
                    rows |= set(self.zone_rows(each, node.name))
                elif node.name and node.op != "alarm" and each.device is not None and is_own(each.tree.root, node):
                    own = self.roster.point_row(each.device.id, node.name)
                    rows |= set() if own is None else {own}
        return any(self.knows(row) and self.leaves[row].delay > self.lateness(each.rule, self.roster.device_of_row(row)) for row in rows)

    def looks_at(self, each: Condition, row: int) -> bool:
        device = self.roster.device_of_row(row)
        metric = self.roster.metric_of_row(row)
        if each.tree is None:
            return row in self.zone_rows(each, each.rule.metric)
        for node in nodes_of(each.tree.root):
            if node.op in ("max", "min", "mean", "sum", "count") and row in self.zone_rows(each, node.name):
                return True
            if is_own(each.tree.root, node) and each.device is not None and device.id == each.device.id and node.name == metric:
                return True
        return False

    @staticmethod
    def lateness(rule: Rule, device: Device) -> int:
        return lateness_ms(PointRule(rule, 0, device, "", 0, []))

    # -- time ------------------------------------------------------------------------------------------------------

    def step(self, readings: Readings, until_ms: int) -> list[Finding]:
        return in_sequence(super().step(readings, until_ms))

    def run_clock(self, until: int) -> list[Finding]:
        made: list[Finding] = []
        if not self.begun:
            self.begun, self.now = True, until
            made += self.moment(until, None)
        while True:
            dues = [min(self.due(pair, state) for state in pair.levels) for pair in self.pairs]
            dues += [self.watch_due(watch) for watch in self.watches] + self.own_dues()
            due = min(dues, default=FAR)
            if due > until:
                break
            self.now = max(self.now, due)
            for watch in self.watches:
                if self.watch_due(watch) <= due:
                    made.append(self.silence(watch, True, due, -1))
            made += self.moment(due, None)
        self.now = max(self.now, until)
        return made

    def own_dues(self) -> list[int]:
        """When something that is known now is not any more, a `for` or a hold is over."""
        dues = [FAR]
        for row, leaf in self.leaves.items():
            if leaf.taken is not None and self.knows(row):
                dues.append(self.service(leaf.heard_h + gap_ms(self.roster.device_of_row(row))))
        for watch in self.watches:
            state = self.devices[watch.device.id]
            if state.heard_h is not None and not self.is_silent(watch):
                dues.append(self.service(state.heard_h + watch.limit_ms))
        for each in self.conditions:
            for node in nodes_of(each.tree.root) if each.tree else ():
                if id(node) in each.since and self.now - each.since[id(node)] < node.number:
                    dues.append(each.since[id(node)] + int(node.number))
            for level in each.levels:
                if level.since_taken is not None:
                    clear_h = level.since_clock + round(each.rule.clear_hold_s * 1000)
                    dues.append(self.service(clear_h) if level.active else level.since_clock + level.hold_ms)
        return dues

    def fire(self, pair: PointRule, due: int, index: int) -> list[Finding]:
        """Holds of a point's rule that are over."""
        at_ms, late = [], False
        for state in pair.levels:
            if self.due(pair, state) > due:
                continue
            assert state.since_taken is not None
            if state.active:
                at_ms.append(state.since_taken + round(pair.rule.clear_hold_s * 1000))
                state.ended = state.since_taken
            else:
                at_ms.append(state.since_taken + self.due(pair, state) - state.since_clock)
                late |= state.late
            state.active, state.since_taken = not state.active, None
        return self.show(pair, max(at_ms), self.now, self.points[pair.row].value, late, index) if at_ms else []

    # -- readings --------------------------------------------------------------------------------------------------

    def take(self, readings: Readings, index: int, arrived: int) -> list[Finding]:
        row, taken, value = int(readings.rows[index]), int(readings.taken_ms[index]), float(readings.values[index])
        delay, flags = int(readings.delay_ms[index]), int(readings.flags[index])
        device = self.roster.device_of_row(row)
        if not flags & RETAINED:  # silences end with the reading; conditions see it at once
            self.devices[device.id].offline = False
            self.devices[device.id].heard_h = self.hearing(arrived)
        leaf, cause = self.leaves[row], None
        if not flags & STALE_RETAINED:
            is_newest = leaf.taken is None or taken > leaf.taken
            self.keep(leaf, taken, value, is_newest)
            if is_newest:
                broken = leaf.taken is not None and taken - leaf.taken > gap_ms(device)
                leaf.previous = None if leaf.taken is None else leaf.value
                leaf.taken, leaf.value, leaf.heard_h, leaf.delay = taken, value, self.hearing(arrived), delay
                cause = (row, taken, delay, broken)
        made = [finding for each in self.first for finding in self.settle(each, arrived, cause, index)]
        made += super().take(readings, index, arrived)
        if flags & STALE_RETAINED:
            return made
        return made + [finding for each in self.then for finding in self.settle(each, arrived, cause, index)]

    def availability(self, device_id: str, online: bool, now: int, retained: bool = False) -> list[Finding]:
        made = self.run_clock(max(self.now, now))
        found = Reference.availability(self, device_id, online, now, retained)
        return made + in_sequence(found + self.moment(self.now, None))

    def keep(self, leaf: Leaf, taken: int, value: float, is_newest: bool) -> None:
        spans = {int(n.number) for each in self.conditions if each.tree for n in nodes_of(each.tree.root) if n.op == "rate"}
        for span in spans:
            kept = leaf.kept.setdefault(span, [])
            head = taken if is_newest else leaf.taken
            assert head is not None
            if head - taken <= span and all(abs(taken - other) >= span / 60 for other, _ in kept):
                kept.append((taken, value))
            if is_newest:
                inside = [(at, was) for at, was in kept if at >= taken - span]
                at, was = min(inside, default=(taken, value))
                known = bool(inside) and 2 * (taken - at) >= span
                leaf.rates[span] = (value - was) / (taken - at) * 60_000.0 if known else None

    # -- conditions ------------------------------------------------------------------------------------------------

    def moment(self, at: int, cause: Any) -> list[Finding]:
        made = [finding for each in self.first for finding in self.settle(each, at, cause, -1)]
        for pair in self.pairs:
            made += self.fire(pair, at, -1)
        return made + [finding for each in self.then for finding in self.settle(each, at, cause, -1)]

    def settle(self, each: Condition, at: int, cause: Any, index: int) -> list[Finding]:
        """Look at one condition. `cause`: (row, taken, delay, whether a gap was before it) of a reading that is the newest of its point."""
        interval = self.votes(each) if each.tree is None else self.look(each, each.tree.root)
        if each.is_gate:
            return self.turn_gate(each, interval, at, index)
        is_own = cause is not None and self.looks_at(each, cause[0])
        device = self.roster.device_of_row(cause[0]) if is_own else None
        taken = cause[1] if is_own else at
        if device is not None:
            each.last_device = device.id
        late = device is not None and cause[2] > self.lateness(each.rule, device)
        broken = is_own and cause[3]
        is_open = each.gate is None or each.gate.is_open
        before = top(each)
        at_ms, is_late, by = [], False, ""
        for number, level in enumerate(each.levels):
            met, back, possible = compared(each, number, interval)
            was_rising = not level.active and level.since_taken is not None
            if not is_open:
                if level.active:
                    at_ms.append(at)
                level.active, level.since_taken = False, None
                continue
            if (met and not level.active) or (back and level.active and not self.late_rows(each)):
                clock = self.hearing(at) if level.active else at
                hold = round(each.rule.clear_hold_s * 1000) if level.active else level.hold_ms
                if level.since_taken is None or broken:
                    level.since_taken, level.since_clock, level.since_device = taken, clock, device.id if device else ""
                    level.late = late
                level.late = late if is_own else level.late
                confirmed = device is not None and device.id == level.since_device and taken - level.since_taken >= hold
                if clock - level.since_clock >= hold or confirmed:
                    at_ms.append(level.since_taken + hold)
                    if not level.active:
                        is_late |= level.late
                        by = level.since_device or by
                    level.active, level.since_taken = not level.active, None
            elif was_rising and possible and index < 0:  # time alone made it unknown: silence while a hold is running raises
                assert level.since_taken is not None
                at_ms.append(level.since_taken + at - level.since_clock)
                is_late |= level.late
                by = level.since_device or by
                level.active, level.since_taken = True, None
            else:
                level.since_taken = None
        after = top(each)
        return [] if before == after else [self.told(each, before, after, max(at_ms), at, is_late, index, by or each.last_device)]

    def told(self, each: Condition, before: int, after: int, at_ms: int, at: int, is_late: bool, index: int, by: str) -> Finding:
        rule = each.rule
        level = rule.levels[after] if after >= 0 else None
        if each.device is not None:
            by = each.device.id
        elif not by:
            by = next(device.id for device in self.roster.devices() if device.zone_id == each.zone)
        is_condition = each.tree is not None and each.tree.root.is_condition
        return Finding(
            rule_id=rule.id,
            rule_version=rule.version,
            subject=each.name,
            device_id=by,
            metric=rule.metric,
            edge=Edge.CLEARED if level is None else Edge.RAISED if before < 0 else Edge.STEPPED,
            level=after,
            severity=level.severity if level else None,
            limit=level.limit if level and not is_condition else None,
            value=self.value_of(each),
            at_ms=at_ms,
            fired_ms=at,
            is_late=is_late,
            index=index,
        )

    def value_of(self, each: Condition) -> float | None:
        if each.tree is None:
            return self.votes(each)[0]
        node = shown_of(each.tree)
        if node.is_condition:
            return None
        low, high = self.look(each, node)
        return low if math.isfinite(low) else high if math.isfinite(high) else None

    def turn_gate(self, each: Condition, interval: Pair, at: int, index: int) -> list[Finding]:
        now_open = each.is_open if interval == (0, 1) else interval == (1, 1)
        if now_open == each.is_open:
            return []
        each.is_open = now_open
        made = []
        for pair in each.pairs:
            if now_open:
                self.shut.discard(id(pair))
                self.open_pair(pair, at)
                made += self.fire(pair, at, index)
                continue
            self.shut.add(id(pair))
            for state in pair.levels:
                if state.active:
                    state.ended = max(state.ended if state.ended is not None else -FAR, self.points[pair.row].taken or 0)
                state.active, state.since_taken = False, None
            made += self.show(pair, at, at, self.points[pair.row].value, False, index)
        return made


def in_sequence(found: list[Finding]) -> list[Finding]:
    """In order of time, timers before readings; of one moment points and silences first, by rule and subject."""

    def key(finding: Finding) -> tuple[Any, ...]:
        kind, _, name = finding.subject.partition(":")
        is_of_several = finding.rule_id.startswith(("x_", "v_"))  # the tests name expressions and votes so
        place = point_key(*name.split(":")) if kind == "point" else point_key(finding.subject if is_of_several else name, "")
        return finding.fired_ms, finding.index >= 0, finding.index, is_of_several, finding.rule_id, place

    return sorted(found, key=key)


def suffix_of(pair: PointRule) -> str:
    return pair.metric.partition(".")[2]


def is_own(root: Node, wanted: Node) -> bool:
    """Whether a node looks at the device's own point: outside every count and function of the zone."""

    def within(node: Node) -> bool:
        return node is wanted or (node.op != "count" and any(within(arg) for arg in node.args))

    return wanted.op in ("metric", "previous", "rate", "heard") and within(root)


def rules_in(each: Condition) -> list[str]:
    return [] if each.tree is None else list(dict.fromkeys(node.name for node in nodes_of(each.tree.root) if node.op == "alarm"))


def top(each: Condition) -> int:
    return max((number for number, level in enumerate(each.levels) if level.active), default=-1)


def compared(each: Condition, number: int, interval: Pair) -> tuple[bool, bool, bool]:
    """(met, back to normal, possibly met)"""
    low, high = interval
    if each.tree is not None and each.tree.root.is_condition:
        return low == 1, high == 0, high == 1
    level = each.rule.levels[number]
    if each.tree is not None and each.rule.direction is Direction.BELOW:
        return high <= level.limit, low > level.limit + level.deadband, low <= level.limit
    return low >= level.limit, high < level.limit - level.deadband, high >= level.limit


def bool_of(truth: bool) -> Pair:
    return (1.0, 1.0) if truth else (0.0, 0.0)


def settled(low: float, high: float) -> Pair:
    is_lost = math.isnan(low) or math.isnan(high) or low == math.inf or high == -math.inf
    return ANYTHING if is_lost else (low, high)


def combine(node: Node, parts: list[Pair]) -> Pair:
    (low, high), *others = parts
    match node.op:
        case "and":
            return min(part[0] for part in parts), min(part[1] for part in parts)
        case "or":
            return max(part[0] for part in parts), max(part[1] for part in parts)
        case "not":
            return 1.0 - high, 1.0 - low
        case "flag":
            return compare("=", (low, high), (1.0, 1.0))
        case "scale":
            return (low * node.number, high * node.number) if node.number >= 0 else (high * node.number, low * node.number)
        case "+":
            return settled(low + others[0][0], high + others[0][1])
        case "-":
            return settled(low - others[0][1], high - others[0][0])
        case "*":
            return corners([a * b for a in (low, high) for b in others[0]])
        case "/":
            if others[0][0] <= 0 <= others[0][1]:
                return ANYTHING
            return corners([a / b for a in (low, high) for b in others[0]])
    return compare(node.op, (low, high), others[0])


def corners(found: list[float]) -> Pair:
    known = [0.0 if math.isnan(each) else each for each in found]
    return settled(min(known), max(known))


def compare(op: str, left: Pair, right: Pair) -> Pair:
    (low, high), (other_low, other_high) = left, right
    true, false = {
        ">=": (low >= other_high, high < other_low),
        ">": (low > other_high, high <= other_low),
        "<=": (high <= other_low, low > other_high),
        "<": (high < other_low, low >= other_high),
        "=": (low == high == other_low == other_high, high < other_low or low > other_high),
        "!=": (high < other_low or low > other_high, low == high == other_low == other_high),
    }[op]
    return (1.0, 1.0) if true else (0.0, 0.0) if false else (0.0, 1.0)


__all__ = ["LevelState", "SubjectReference", "condition", "in_sequence"]
