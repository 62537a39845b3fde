"""Many rules over many points, compiled to arrays: one *check* for each level of each rule on each point it covers.

Checks lie sorted by (point row, rule id, level), so that the checks of a row are one slice (CSR) and those of a (rule, point) pair are
neighbours. A *watch* is a silence rule on a device. A program holds no state of its own: it follows from the rules and the roster, and
`extend` appends what new rows need without moving what is there. Only the scan compiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.inheritance import Inheritance
from rules.intervals import Intervals
from rules.model import Direction, Override, Rule, RuleKind
from rules.pairs import Derived, is_on_point, recipes_of, window_meaning
from rules.schedule import Gates
from rules.scopes import Scopes
from rules.subjects_build import build
from rules.subjects_plan import Plan, needs_plan
from rules.variants import Variants
from sites.metrics import base_metric
from sites.model import Device
from sites.roster import Roster

GAP_INTERVALS = 2.5  # a point is overdue, and a hold is broken, after so many expected intervals without a reading
LATENESS_MS = 30_000
LATENESS_RADIO_MS = 600_000  # low-power radio, domain.md F
_RADIO_LINKS = ("lora", "nb")


@dataclass(slots=True)
class Specs:
    """One row a (rule, level), and more for each variant of a rule: what its checks compare with. `base` is the row of the rule itself.
    `sign` makes every level rule an *above* rule. The quiet bounds say between
    which values a check that is idle (or active) cannot change; they may be narrower than the truth, never wider."""

    rule: NDArray[np.int32]
    level: NDArray[np.uint8]
    variant: NDArray[np.int32]
    base: NDArray[np.int32]
    sign: NDArray[np.float64]
    raise_at: NDArray[np.float64]
    return_at: NDArray[np.float64]
    is_state: NDArray[np.bool_]
    states: NDArray[np.float64]  # (specs, most states), filled up with NaN
    hold_ms: NDArray[np.int64]
    clear_hold_ms: NDArray[np.int64]
    lateness_ms: NDArray[np.int64]  # -1: that of the device's link
    idle_low: NDArray[np.float64]
    idle_high: NDArray[np.float64]
    active_low: NDArray[np.float64]
    active_high: NDArray[np.float64]

    def limit(self, spec: int) -> float:
        """The limit of a level, as it is where this spec applies."""
        return float(self.sign[spec] * self.raise_at[spec])


@dataclass(slots=True)
class Program:
    """Compiled rules. Arrays may be longer than `checks`, `rows`, `watches`, `devices` say: they grow by doubling."""

    roster: Roster
    rules: tuple[Rule, ...]  # enabled ones, by id
    specs: Specs
    variants: Variants
    first_spec: NDArray[np.int32]  # by rule
    level_counts: NDArray[np.int32]  # by rule
    by_metric: dict[str, list[int]]
    silences: list[int]  # rules of kind silence
    intervals: Intervals
    rows: int = 0
    start: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))  # rows + 1
    checks: int = 0
    check_spec: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    check_row: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    runs: int = 0  # neighbouring rows of one device: points of a device mostly lie together
    run_row: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # where each run begins
    run_device: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    devices: int = 0
    gap_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # by device row
    link_lateness_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    watch_start: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))  # devices + 1
    watches: int = 0
    watch_rule: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    watch_variant: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    watch_device: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    watch_limit_ms: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    gates: Gates = field(default_factory=Gates)
    subjects: Plan | None = None  # of rules over several points; None without such rules. The engine extends it
    derived: Derived | None = None  # pairs whose value is worked out; None without such rules

    @property
    def device_rows(self) -> NDArray[np.int32]:
        """Device row of each point row."""
        return self.roster.columns.device_rows

    def devices_of(self, rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """The device rows that these neighbouring rows belong to, without repeating those of neighbours."""
        starts = self.run_row[: self.runs]
        first, last = np.searchsorted(starts, (rows[0], rows[-1]), side="right")
        return self.run_device[first - 1 : last]


def compile(rules: Iterable[Rule], roster: Roster, intervals: Intervals | None = None, overrides: Iterable[Override] = ()) -> Program:
    """Compile the enabled rules for all rows of the roster, with the intervals learnt so far (None: nothing is) and the numbers that places
    override. Compile again when a rule, an override, a calendar, a place, a circuit or a device has changed, then `carry` the memory;
    `extend` is enough when rows were only appended."""
    inheritance = Inheritance(roster, overrides)
    somewhere = {rule_id for rule_id, own in inheritance.by_rule.items() if any(override.enabled for override in own.values())}
    enabled = tuple(sorted((rule for rule in rules if rule.enabled or rule.id in somewhere), key=lambda rule: rule.id))
    counts = np.array([len(rule.levels) for rule in enabled], np.int32)
    intervals = intervals or Intervals()
    intervals.fit(roster, anew=True)
    by_metric: dict[str, list[int]] = {}
    for at, rule in enumerate(enabled):
        if rule.kind in (RuleKind.LEVEL, RuleKind.STATE):
            by_metric.setdefault(rule.metric, []).append(at)
    program = Program(
        roster=roster,
        rules=enabled,
        specs=_specs([(at, at, rule) for at, rule in enumerate(enabled)]),
        variants=Variants(enabled, inheritance),
        first_spec=(np.cumsum(counts) - counts).astype(np.int32),
        level_counts=counts,
        by_metric=by_metric,
        silences=[at for at, rule in enumerate(enabled) if rule.kind is RuleKind.SILENCE],
        intervals=intervals,
    )
    program.derived = _derived(program)
    extend(program, roster, 0)
    program.subjects = build(program) if needs_plan(enabled) else None
    return program


def _derived(program: Program) -> Derived | None:
    by_metric: dict[str, list[int]] = {}
    for at, rule in enumerate(program.rules):
        if is_on_point(rule):
            by_metric.setdefault(rule.metric, []).append(at)
    tier = Program(
        roster=program.roster,
        rules=program.rules,
        specs=program.specs,
        variants=program.variants,
        first_spec=program.first_spec,
        level_counts=program.level_counts,
        by_metric=by_metric,
        silences=[],
        intervals=program.intervals,
    )
    return Derived(tier, recipes_of(program.rules)) if by_metric else None


def extend(program: Program, roster: Roster, from_row: int) -> None:
    """Append what the rows `[from_row, roster.size)`, and devices that are new, need. `from_row` is where the program ended."""
    assert roster is program.roster
    assert from_row == program.rows, f"the program ends at row {program.rows}, not {from_row}"
    _extend_devices(program)
    if program.derived is not None:
        extend(program.derived.tier, roster, from_row)
        program.derived.extend()
    rows = np.arange(from_row, roster.size, dtype=np.int32)
    if not len(rows):
        return
    own = program.device_rows[from_row : roster.size]
    begins = np.flatnonzero(np.concatenate(([True], own[1:] != own[:-1])))
    program.run_row = _append(program.run_row, program.runs, (begins + from_row).astype(np.int32))
    program.run_device = _append(program.run_device, program.runs, own[begins])
    program.runs += len(begins)
    rule, row = _match(program, rows)
    variant = program.variants.of_points(program, rule, row)
    _add_specs(program)
    is_watched = variant >= 0
    if not is_watched.all():
        rule, row, variant = rule[is_watched], row[is_watched], variant[is_watched]
    levels = program.level_counts[rule]
    ends = np.cumsum(levels)
    total = int(ends[-1]) if len(ends) else 0
    within = np.arange(total) - np.repeat(ends - levels, levels)
    spec = (np.repeat(np.array(program.variants.first_spec, np.int64)[variant], levels) + within).astype(np.int32)
    check_row = np.repeat(row, levels)
    program.check_spec = _append(program.check_spec, program.checks, spec)
    program.check_row = _append(program.check_row, program.checks, check_row)
    per_row = np.bincount(check_row - from_row, minlength=len(rows))
    program.start = _append(program.start, from_row + 1, program.checks + np.cumsum(per_row))
    first, program.checks = program.checks, program.checks + total
    program.rows = roster.size
    program.gates.add_checks(program, first)


def concern(device: Device) -> tuple[object, ...]:
    """What rules look at of a device: an edit of anything else needs no other program."""
    return device.kind, device.site_id, device.zone_id, device.link, device.interval_s


def pair_key(program: Program, checks: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number that rises with (row, rule, level): checks are sorted by it."""
    return program.check_row[checks].astype(np.int64) * pairs_a_row(program) + program.specs.base[program.check_spec[checks]]


def pairs_a_row(program: Program) -> int:
    """How many different checks a row can have: what rows are multiplied by in `pair_key`."""
    return max(1, int(program.level_counts.sum()))


def meanings(program: Program) -> list[tuple[object, ...]]:
    """The `meaning` of each spec."""
    specs, rules = program.specs, program.variants.rules
    return [meaning(rules[variant], level) for variant, level in zip(specs.variant.tolist(), specs.level.tolist(), strict=True)]


def meaning(rule: Rule, level: int) -> tuple[object, ...]:
    """What makes a check's memory transferable from one version of its rule to another: severity and texts do not count."""
    at = rule.levels[level]
    hold_s = rule.hold_s if at.hold_s is None else at.hold_s
    derived = window_meaning(rule), rule.per_s, rule.covered, rule.of
    return rule.kind, rule.metric, rule.direction, at.limit, at.deadband, hold_s, rule.clear_hold_s, rule.states, derived


def _add_specs(program: Program) -> None:
    """Let the specs follow the variants."""
    specs, variants = program.specs, program.variants
    known = int(specs.variant[-1]) + 1 if len(specs.variant) else 0
    if known == len(variants.rules):
        return
    more = _specs([(variants.rule[at], at, variants.rules[at]) for at in range(known, len(variants.rules))])
    more.base = program.first_spec[more.rule] + more.level
    width = specs.states.shape[1]
    more.states = np.pad(more.states, ((0, 0), (0, width - more.states.shape[1])), constant_values=np.nan)
    for each in fields(Specs):
        setattr(specs, each.name, np.concatenate((getattr(specs, each.name), getattr(more, each.name))))


def _specs(rules: Sequence[tuple[int, int, Rule]]) -> Specs:
    """The specs of variants, as (rule, variant, rule as it is there)."""
    both = [(at, rule, number, level) for at, _, rule in rules for number, level in enumerate(rule.levels)]
    most = max((len(rule.states) for *_, rule in rules), default=0)
    states = np.full((len(both), max(1, most)), np.nan)
    sign = np.array([-1.0 if rule.direction is Direction.BELOW else 1.0 for _, rule, _, _ in both])
    limit = np.array([level.limit for *_, level in both])
    raise_at = sign * limit
    return_at = raise_at - np.array([level.deadband for *_, level in both])
    is_state = np.array([rule.kind is RuleKind.STATE for _, rule, _, _ in both], bool)
    up = sign > 0
    idle_low = np.where(up, -np.inf, np.nextafter(limit, np.inf))
    idle_high = np.where(up, np.nextafter(limit, -np.inf), np.inf)
    active_low = np.where(up, return_at, -np.inf)
    active_high = np.where(up, np.inf, -return_at)
    for at, (_, rule, _, _) in enumerate(both):
        if rule.kind is RuleKind.STATE:
            states[at, : len(rule.states)] = rule.states
            idle_low[at], idle_high[at] = -np.inf, np.nextafter(min(rule.states), -np.inf)
            only = rule.states[0] if len(rule.states) == 1 else np.inf
            active_low[at], active_high[at] = only, only if len(rule.states) == 1 else -np.inf
    return Specs(
        rule=np.array([at for at, *_ in both], np.int32),
        level=np.array([number for _, _, number, _ in both], np.uint8),
        variant=np.array([variant for _, variant, rule in rules for _ in rule.levels], np.int32),
        base=np.arange(len(both), dtype=np.int32),
        sign=sign,
        raise_at=raise_at,
        return_at=return_at,
        is_state=is_state,
        states=states,
        hold_ms=np.array([_ms(rule.hold_s if level.hold_s is None else level.hold_s) for _, rule, _, level in both], np.int64),
        clear_hold_ms=np.array([_ms(rule.clear_hold_s) for _, rule, _, _ in both], np.int64),
        lateness_ms=np.array([-1 if rule.lateness_s is None else _ms(rule.lateness_s) for _, rule, _, _ in both], np.int64),
        idle_low=idle_low,
        idle_high=idle_high,
        active_low=active_low,
        active_high=active_high,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _extend_devices(program: Program) -> None:
    roster, first = program.roster, program.devices
    new = roster.devices_by_row[first:]
    if not new:
        return
    program.intervals.fit(roster)
    lateness = np.array([LATENESS_RADIO_MS if device.link in _RADIO_LINKS else LATENESS_MS for device in new], np.int64)
    program.gap_ms = _append(program.gap_ms, first, np.zeros(len(new), np.int64))
    program.link_lateness_ms = _append(program.link_lateness_ms, first, lateness)
    rows = np.arange(first, len(roster.devices_by_row), dtype=np.int32)
    scopes = Scopes(roster, rows)
    matched = [(at, rows[scopes.allowed(program.rules[at].scope)]) for at in program.silences]
    rule = np.concatenate([np.full(len(found), at, np.int32) for at, found in matched] or [np.zeros(0, np.int32)])
    device = np.concatenate([found for _, found in matched] or [np.zeros(0, np.int32)])
    order = np.lexsort((rule, device))
    rule, device = rule[order], device[order]
    variant = program.variants.of_devices(program, rule, device)
    is_watched = variant >= 0
    rule, device, variant = rule[is_watched], device[is_watched], variant[is_watched].astype(np.int32)
    program.watch_variant = _append(program.watch_variant, program.watches, variant)
    program.watch_rule = _append(program.watch_rule, program.watches, rule)
    program.watch_device = _append(program.watch_device, program.watches, device)
    program.watch_limit_ms = _append(program.watch_limit_ms, program.watches, np.zeros(len(rule), np.int64))
    per_device = np.bincount(device - first, minlength=len(new))
    program.watch_start = _append(program.watch_start, first + 1, program.watches + np.cumsum(per_device))
    watches = np.arange(program.watches, program.watches + len(rule))
    program.watches += len(rule)
    program.gates.add_watches(program, program.watches - len(rule))
    program.devices = len(roster.devices_by_row)
    set_intervals(program, rows, watches)


def set_intervals(program: Program, devices: NDArray[Any], watches: NDArray[np.int64]) -> None:
    """Set the gaps of these device rows and the limits of these watches by the intervals as they are now."""
    program.gap_ms[devices] = (GAP_INTERVALS * program.intervals.expected_ms(devices)).astype(np.int64)
    rules = [program.variants.rules[at] for at in program.watch_variant[watches].tolist()]
    limits = np.array([rule.levels[0].limit for rule in rules], np.float64)
    holds = np.array([_ms(rule.hold_s) for rule in rules], np.float64)
    intervals = program.intervals.expected_ms(program.watch_device[watches])
    program.watch_limit_ms[watches] = (limits * intervals + holds).astype(np.int64)


def _match(program: Program, rows: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(rule, row) of every pair among these rows, sorted by row, then rule."""
    roster = program.roster
    devices, own = np.unique(roster.columns.device_rows[rows], return_inverse=True)
    metrics = roster.columns.metric_indexes[rows]
    by_metric = np.argsort(metrics, kind="stable")
    present, begins = np.unique(metrics[by_metric], return_index=True)
    ends = np.append(begins[1:], len(rows))
    scopes = Scopes(roster, devices)
    found_rules: list[NDArray[Any]] = [np.zeros(0, np.int32)]
    found_rows: list[NDArray[Any]] = [np.zeros(0, np.int32)]
    for metric, begin, end in zip(present.tolist(), begins.tolist(), ends.tolist(), strict=True):
        here = by_metric[begin:end]
        for at in program.by_metric.get(base_metric(roster.metrics[metric]), ()):
            covered = rows[here[scopes.allowed(program.rules[at].scope)[own[here]]]]
            found_rules.append(np.full(len(covered), at, np.int32))
            found_rows.append(covered)
    rule, row = np.concatenate(found_rules), np.concatenate(found_rows)
    order = np.lexsort((rule, row))
    return rule[order], row[order]


def _append(old: NDArray[Any], size: int, new: NDArray[Any]) -> NDArray[Any]:
    """`old[:size]` followed by `new`, in place where there is room."""
    need = size + len(new)
    if need > len(old):
        grown = np.empty(need if size == 0 else max(need, 2 * len(old)), old.dtype)
        grown[:size] = old[:size]
        old = grown
    old[size:need] = new
    return old
