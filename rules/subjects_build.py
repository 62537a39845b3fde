"""Making the plan of rules over several points: subjects by scope, the points that each looks at, and who is looked at before whom.

Costs some passes over the points of the metrics that are looked at, and over all checks where conditions look at alarms or gate checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rules.expression import tree_of
from rules.expression_tree import Tree, device_metrics_of, holds_of, rates_of, rules_of, shown_of, zone_metrics_of
from rules.inheritance import overridden
from rules.model import DERIVED_KINDS, SUBJECT_KINDS, Rule, RuleKind
from rules.schedule import Gate, gate_of
from rules.scopes import Scopes
from rules.subjects_plan import Group, Ints, Link, Plan, Segments
from sites.metrics import base_metric

if TYPE_CHECKING:
    from rules.compile import Program


def has_grown(program: Program, plan: Plan) -> bool:
    """Whether a rule looks at something that is newer than the plan."""
    if program.rows == plan.built_rows and program.devices == plan.built_devices:
        return False
    columns, roster = program.roster.columns, program.roster
    new = np.unique(columns.metric_indexes[plan.built_rows : program.rows]).tolist()
    met = any(base_metric(roster.metrics[at]) in plan.metrics for at in new)
    return met or (plan.scoped and program.devices > plan.built_devices)


def extended(program: Program, plan: Plan) -> Plan:
    """The plan for the program as it has grown: the same one when no rule looks at what is new."""
    if has_grown(program, plan):
        return build(program)
    grown = program.rows - plan.built_rows
    if grown > 0:
        plan.slot_of_row = np.append(plan.slot_of_row, np.full(grown, -1, np.int32))
        plan.touches = np.append(plan.touches, np.zeros(grown, np.bool_))
        plan.is_linked = np.append(plan.is_linked, np.zeros(grown, np.bool_))
        plan.built_rows = program.rows
    plan.built_devices = program.devices
    return plan


def build(program: Program) -> Plan:
    """The plan of a program, whole. Costs some passes over the points of the metrics that are looked at, and over all checks where
    conditions look at alarms or gate checks."""
    return _Builder(program).plan()


class _Builder:
    def __init__(self, program: Program) -> None:
        self.program, self.roster = program, program.roster
        self.rules = program.rules
        self.rule_at = {rule.id: at for at, rule in enumerate(self.rules)}
        devices = self.roster.devices_by_row
        self.devices = program.devices
        self.row_metric = self.roster.columns.metric_indexes[: program.rows]
        self.row_device = self.roster.columns.device_rows[: program.rows].astype(np.int64)
        self.scopes = Scopes(self.roster, np.arange(self.devices, dtype=np.int32))
        names: dict[str, int] = {}
        self.place_of_device = np.array(
            [names.setdefault(device.zone_id or f"\0{row}", len(names)) for row, device in enumerate(devices[: self.devices])], np.int64
        )
        self.zone_of_place = ["" if name.startswith("\0") else name for name in names]
        self.places = len(names)
        present = np.flatnonzero(self.scopes.is_there)
        self.devices_of_place = Segments.of(self.place_of_device[present], present, self.places)
        self.groups: list[Group] = []
        self.condition_of: dict[int, int] = {}
        self.gate_of: dict[int, int] = {}
        self.rows_used: list[Ints] = [np.zeros(0, np.int64)]
        self.checks_of_rule: dict[int, Ints] = {}

    def plan(self) -> Plan:
        for at, rule in enumerate(self.rules):
            if rule.kind in SUBJECT_KINDS:
                self.condition_of[at] = self._add(self._condition(at, rule))
        for at, rule in enumerate(self.rules):
            if rule.only_while and (at in self.condition_of or rule.kind not in SUBJECT_KINDS):
                self.gate_of[at] = self._add(self._gate(at, rule))
        rows = np.unique(np.concatenate(self.rows_used))
        slot_of_row = np.full(self.program.rows, -1, np.int32)
        slot_of_row[rows] = np.arange(len(rows), dtype=np.int32)
        for group in self.groups:
            self._to_slots(group, slot_of_row, len(rows))
        order = self._linked()
        linked, watches = self._linked_ids()
        spans = sorted({span for group in self.groups if group.tree for _, span in rates_of(group.tree)})
        ring_of, ring_slot, ring_span = self._rings(spans, len(rows))
        is_linked = np.zeros(self.program.rows, np.bool_)
        is_linked[self.program.check_row[linked]] = True
        touches = is_linked.copy()
        touches[rows] = True
        if len(watches):
            heeded = np.zeros(self.devices, np.bool_)
            heeded[self.program.watch_device[watches]] = True
            touches |= heeded[self.row_device]
        check_place = self.place_of_device[self.row_device[self.program.check_row[linked]]]
        slot_place = self.place_of_device[self.row_device[rows]]
        looked_at = {base_metric(name) for group in self.groups for name in (*group.own, *group.zone)}
        looked_at |= {self.rules[at].metric for at in self.checks_of_rule}
        first = [at for at in order if (own := self.groups[at]).checks is not None and own.tree is not None and not rules_of(own.tree)]
        return Plan(
            rules=self.rules,
            groups=self.groups,
            first=first,
            then=[at for at in order if at not in first],
            rows=rows,
            slot_of_row=slot_of_row,
            slot_device=self.row_device[rows],
            slot_place=slot_place,
            is_linked=is_linked,
            touches=touches,
            places=self.places,
            place_of_device=self.place_of_device,
            zone_of_place=self.zone_of_place,
            linked_checks=Segments.of(check_place, linked, self.places),
            first_device=_first(self.devices_of_place),
            slots_of_place=Segments.of(slot_place, np.arange(len(rows)), self.places),
            watches=Segments.of(self.place_of_device[self.program.watch_device[watches]], watches, self.places),
            heeds_devices=len(watches) > 0,
            spans=spans,
            ring_of=ring_of,
            ring_slot=ring_slot,
            ring_span=ring_span,
            metrics=frozenset(looked_at),
            scoped=any(not (group.own or group.zone) and group.checks is None for group in self.groups),
            built_rows=self.program.rows,
            built_devices=self.devices,
        )

    # -- groups ----------------------------------------------------------------------------------------------------

    def _add(self, group: Group) -> int:
        self.groups.append(group)
        return len(self.groups) - 1

    def _condition(self, at: int, rule: Rule) -> Group:
        allowed = self.scopes.allowed(rule.scope)
        if rule.kind is RuleKind.VOTE:
            rows = self._rows(rule.metric, allowed)
            subjects, variants, variant_of = self._varied(rule, "zone", self._zones(rows))
            group = self._group(at, False, "zone", None, subjects, {rule.metric: rows})
        else:
            tree = tree_of(rule.expression, rule.over)
            zone_rows = {metric: self._rows(metric, allowed if rule.over == "zone" else None) for metric in zone_metrics_of(tree)}
            subjects = self._subjects(tree, rule.over, allowed, zone_rows)
            subjects, variants, variant_of = self._varied(rule, rule.over, subjects)
            group = self._group(at, False, rule.over, tree, subjects, zone_rows)
        holds = [[each.hold_s if level.hold_s is None else level.hold_s for level in each.levels] for each in variants]
        group.variants, group.variant_of = variants, variant_of
        group.hold_ms = np.array([[round(hold * 1000) for hold in row] for row in holds], np.int64)
        group.clear_hold_ms = np.array([round(each.clear_hold_s * 1000) for each in variants], np.int64)
        group.limits = np.array([[level.limit for level in each.levels] for each in variants])
        group.deadbands = np.array([[level.deadband for level in each.levels] for each in variants])
        if rule.schedule is not None:
            self._schedule(group, rule)
        return group

    def _gate(self, at: int, rule: Rule) -> Group:
        over = rule.over if rule.kind in SUBJECT_KINDS else "device"
        tree = tree_of(rule.only_while, over)
        zone_rows = {metric: self._rows(metric, None) for metric in zone_metrics_of(tree)}
        target = self.condition_of.get(at, -1)
        if target >= 0:
            group = self._group(at, True, over, tree, self.groups[target].subjects, zone_rows)
            group.target = target
            self.groups[target].gate = len(self.groups)
            return group
        checks = self._checks(at)
        rows = self._rows_of(at)[checks]
        suffixes, suffix_of_metric = np.unique([metric.partition(".")[2] for metric in self.roster.metrics], return_inverse=True)
        keys = self.row_device[rows] * max(1, len(suffixes)) + suffix_of_metric[self.row_metric[rows]]
        subjects, own = np.unique(keys, return_inverse=True)
        which = (subjects % max(1, len(suffixes))).tolist()
        group = self._group(at, True, over, tree, subjects // max(1, len(suffixes)), zone_rows, [str(suffixes[each]) for each in which])
        group.checks = Segments.of(own, checks, len(subjects))
        group.is_derived = self.rules[at].kind in DERIVED_KINDS
        return group

    def _group(
        self,
        at: int,
        is_gate: bool,
        over: str,
        tree: Tree | None,
        subjects: Ints,
        zone_rows: dict[str, Ints],
        suffixes: list[str] | None = None,
    ) -> Group:
        places = subjects if over == "zone" else self.place_of_device[subjects]
        none = Segments.of(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
        zone = {}
        for metric, rows in zone_rows.items():
            of_place = Segments.of(self.place_of_device[self.row_device[rows]], rows, self.places)
            ids, own = of_place.take(places)
            zone[metric] = Segments.of(own, ids, len(subjects))
        own_rows = {}
        for metric in device_metrics_of(tree) if tree is not None and over == "device" else ():
            own_rows[metric] = self._own_rows(metric, subjects, suffixes)
        return Group(
            rule=at,
            is_gate=is_gate,
            over=over,
            tree=tree,
            subjects=subjects,
            places=places,
            by_place=Segments.of(places, np.arange(len(subjects)), self.places),
            own=own_rows,
            zone=zone,
            links={},
            unsettled=frozenset(),
            inputs=none,
            inverse=none,
            uses=np.zeros(0, np.bool_),
            holds=holds_of(tree) if tree is not None else (),
            shown=shown_of(tree) if tree is not None else None,
            suffixes=suffixes or [],
        )

    def _own_rows(self, metric: str, subjects: Ints, suffixes: list[str] | None) -> Ints:
        """The point of each device with this metric, -1: none. For a gated point the one of its own channel goes first: beside
        `voltage_v.2.l1` *closed* is `closed.2.l1` where there is one, else `closed.2`, else `closed`."""
        found = np.full(len(subjects), -1, np.int64)
        channels = {""} if suffixes is None or "." in metric else {"", *suffixes}
        longer = {".".join(channel.split(".")[:size]) for channel in channels for size in range(channel.count(".") + 2)}
        for channel in sorted(longer, key=lambda channel: channel.count(".") + (channel != "")):
            rows = self._rows(".".join(part for part in (metric, channel) if part), None, exact=True)
            of_device = np.full(self.devices, -1, np.int64)
            of_device[self.row_device[rows]] = rows
            is_own = [not channel or f"{each}.".startswith(f"{channel}.") for each in suffixes or [""] * len(subjects)]
            use = np.array(is_own, np.bool_) & (of_device[subjects] >= 0)
            found[use] = of_device[subjects][use]
        return found

    def _varied(self, rule: Rule, over: str, subjects: Ints) -> tuple[Ints, list[Rule], Ints]:
        """The subjects at which the rule is enabled, its variants, and which of these each subject has."""
        inheritance = self.program.variants.inheritance
        own = inheritance.by_rule.get(rule.id)
        if not own:
            return (subjects if rule.enabled else subjects[:0]), [rule], np.zeros(len(subjects) if rule.enabled else 0, np.int64)
        zones, devices = self.roster.zones, self.roster.devices_by_row
        numbers: dict[Rule, int] = {rule: 0}
        found = []
        for subject in subjects.tolist():
            device = devices[subject] if over == "device" else None
            zone = zones.get(self.zone_of_place[subject]) if device is None else None
            if device is not None:
                chain = inheritance.chain(rule.id, device)
            else:
                chain = tuple(own[node] for node in inheritance.nodes(zone.site_id, zone.id) if node in own) if zone is not None else ()
            here = overridden(rule, chain)
            found.append(numbers.setdefault(here, len(numbers)) if here.enabled else -1)
        variant = np.array(found, np.int64)
        return subjects[variant >= 0], list(numbers), variant[variant >= 0]

    def _subjects(self, tree: Tree, over: str, allowed: NDArray[np.bool_], zone_rows: dict[str, Ints]) -> Ints:
        if over == "zone":
            if zone_rows:
                return self._zones(np.concatenate(list(zone_rows.values())))
            return self._named(np.unique(self.place_of_device[allowed]))
        own = device_metrics_of(tree)
        if not own:
            return np.flatnonzero(allowed)
        rows = np.concatenate([self._rows(metric, allowed, exact=True) for metric in own])
        return np.unique(self.row_device[rows])

    def _zones(self, rows: Ints) -> Ints:
        return self._named(np.unique(self.place_of_device[self.row_device[rows]]))

    def _named(self, places: Ints) -> Ints:
        return places[np.array([self.zone_of_place[at] != "" for at in places.tolist()], np.bool_)]

    def _rows(self, metric: str, allowed: NDArray[np.bool_] | None, exact: bool = False) -> Ints:
        """Point rows of present devices with this metric; without suffix also those with one, unless it must be exact."""
        whole = exact or "." in metric
        wanted = [at for at, name in enumerate(self.roster.metrics) if (name if whole else base_metric(name)) == metric]
        rows = np.flatnonzero(np.isin(self.row_metric, wanted))
        mask = self.scopes.is_there if allowed is None else allowed
        rows = rows[mask[self.row_device[rows]]]
        self.rows_used.append(rows)
        return rows

    def _checks(self, at: int) -> Ints:
        known = self.checks_of_rule.get(at)
        if known is None:
            derived = self.program.derived
            program = self.program if self.rules[at].kind not in DERIVED_KINDS or derived is None else derived.tier
            rule = program.specs.rule[program.check_spec[: program.checks]] if program.checks else np.zeros(0, np.int32)
            known = self.checks_of_rule[at] = np.flatnonzero(rule == at)
        return known

    def _rows_of(self, at: int) -> NDArray[np.int32]:
        """Point row of each check, among the checks that a rule's are of."""
        derived = self.program.derived
        return self.program.check_row if self.rules[at].kind not in DERIVED_KINDS or derived is None else derived.tier.check_row

    def _schedule(self, group: Group, rule: Rule) -> None:
        zones, devices = self.roster.zones, self.roster.devices_by_row
        numbers: dict[Gate, int] = {}
        by_site: dict[str, int] = {}
        found = []
        for subject, place in zip(group.subjects.tolist(), group.places.tolist(), strict=True):
            zone = zones.get(self.zone_of_place[place]) if group.over == "zone" else None
            if zone is not None:
                site_id = zone.site_id
            else:
                device = subject if group.over == "device" else int(self.devices_of_place.ids[self.devices_of_place.start[place]])
                site_id = devices[device].site_id
            if site_id not in by_site:
                gate = gate_of(rule, site_id, self.roster)
                assert gate is not None
                by_site[site_id] = numbers.setdefault(gate, len(numbers))
            found.append(by_site[site_id])
        group.schedules, group.schedule_of = list(numbers), np.array(found, np.int64)

    def _to_slots(self, group: Group, slot_of_row: NDArray[np.int32], slots: int) -> None:
        """Rows become slots, and the ways back are laid."""
        pairs = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
        for metric, rows in group.own.items():
            group.own[metric] = slot = np.where(rows >= 0, slot_of_row[rows], -1).astype(np.int64)
            has = np.flatnonzero(slot >= 0)
            pairs.append((has, slot[has]))
        for segments in group.zone.values():
            segments.ids = slot_of_row[segments.ids].astype(np.int64)
            pairs.append((np.repeat(np.arange(group.size), np.diff(segments.start)), segments.ids))
        keys = np.unique(np.concatenate([subject * max(1, slots) + slot for subject, slot in pairs]))
        subject, slot = keys // max(1, slots), keys % max(1, slots)
        group.inputs = Segments.of(subject, slot, group.size)
        group.inverse = Segments.of(slot, subject, slots)
        group.uses = np.diff(group.inverse.start) > 0

    # -- alarms ----------------------------------------------------------------------------------------------------

    def _linked(self) -> list[int]:
        """Give every group its links; returns all groups, each after those it looks at. Who looks at itself in a circle does not know."""
        order: list[int] = []
        done: dict[int, bool] = {}  # False: being visited

        def visit(at: int) -> None:
            done[at] = False
            group = self.groups[at]
            if group.gate >= 0 and group.gate not in done:
                visit(group.gate)
            unsettled = set()
            for rule_id in rules_of(group.tree) if group.tree is not None else ():
                other = self.rule_at.get(rule_id, -1)
                needed = [found for found in (self.gate_of.get(other, -1), self.condition_of.get(other, -1)) if found >= 0]
                if other == group.rule or (other >= 0 and self.rules[other].kind in DERIVED_KINDS):
                    unsettled.add(rule_id)  # derived values follow in a tier of their own, after all this
                for need in needed:
                    if need not in done:
                        visit(need)
                    if not done[need]:
                        unsettled.add(rule_id)
                if other >= 0 and rule_id not in unsettled:
                    group.links[rule_id] = self._links(group, other)
            group.unsettled = frozenset(unsettled)
            done[at] = True
            order.append(at)

        for at in range(len(self.groups)):
            if at not in done:
                visit(at)
        return order

    def _links(self, group: Group, other: int) -> list[Link]:
        rule = self.rules[other]
        if rule.kind in SUBJECT_KINDS:
            at = self.condition_of.get(other, -1)
            if at < 0:
                return []
            target = self.groups[at]
            if group.over == "device" and target.over == "device":
                place = np.searchsorted(target.subjects, group.subjects)
                place[place == target.size] = 0
                has = np.flatnonzero(target.subjects[place] == group.subjects) if target.size else np.zeros(0, np.int64)
                return [Link("subject", Segments.of(has, place[has], group.size), at)]
            ids, own = target.by_place.take(group.places)
            return [Link("subject", Segments.of(own, ids, group.size), at)]
        if rule.kind is RuleKind.SILENCE:
            watches = np.flatnonzero(self.program.watch_rule[: self.program.watches] == other)
            return [Link("watch", self._by_subject(group, watches, self.program.watch_device[watches].astype(np.int64)))]
        checks = self._checks(other)
        return [Link("check", self._by_subject(group, checks, self.row_device[self.program.check_row[checks]]))]

    def _by_subject(self, group: Group, ids: Ints, device: Ints) -> Segments:
        if group.over == "zone":
            found, own = Segments.of(self.place_of_device[device], ids, self.places).take(group.subjects)
        else:
            found, own = Segments.of(device, ids, self.devices).take(group.subjects)
        return Segments.of(own, found, group.size)

    def _linked_ids(self) -> tuple[Ints, Ints]:
        """All checks that a group gates or looks at, and all watches that one looks at."""
        checks = [group.checks.ids for group in self.groups if group.checks is not None and not group.is_derived]
        watches = []
        for group in self.groups:
            for link in (link for links in group.links.values() for link in links):
                if link.kind == "check":
                    checks.append(link.ids.ids)
                elif link.kind == "watch":
                    watches.append(link.ids.ids)
        none = np.zeros(0, np.int64)
        return np.unique(np.concatenate([none, *checks])), np.unique(np.concatenate([none, *watches]))

    def _rings(self, spans: list[int], slots: int) -> tuple[dict[int, Ints], Ints, Ints]:
        ring_of: dict[int, Ints] = {}
        ring_slots, ring_spans = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        made = 0
        for span in spans:
            wanted = np.zeros(slots, np.bool_)
            for group in self.groups:
                for metric, length in rates_of(group.tree) if group.tree is not None else ():
                    if length != span:
                        continue
                    found = group.own[metric] if metric in group.own else np.zeros(0, np.int64)
                    wanted[found[found >= 0]] = True
                    if metric in group.zone:
                        wanted[group.zone[metric].ids] = True
            own = np.flatnonzero(wanted)
            ring_of[span] = np.full(slots, -1, np.int64)
            ring_of[span][own] = made + np.arange(len(own))
            made += len(own)
            ring_slots.append(own)
            ring_spans.append(np.full(len(own), span, np.int64))
        return ring_of, np.concatenate(ring_slots), np.concatenate(ring_spans)


def _first(segments: Segments) -> Ints:
    has = np.flatnonzero(np.diff(segments.start))
    first = np.full(len(segments.start) - 1, -1, np.int64)
    first[has] = segments.ids[segments.start[has]]
    return first
