"""A rule as it differs from place to place, compiled: one *variant* for each set of numbers that some device resolves to.

Variant `i` is rule `i` as it stands, for every rule; further ones come as rows need them, their specs behind those of the rules. Without
overrides and relative limits there are no others, and asking costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rules.inheritance import Inheritance, overridden
from rules.model import Rule

if TYPE_CHECKING:
    from rules.compile import Program


class Variants:
    """`rules[variant]` is a rule with the numbers of a place; `first_spec[variant]` where its levels begin among the specs."""

    def __init__(self, rules: tuple[Rule, ...], inheritance: Inheritance) -> None:
        self.inheritance = inheritance
        self.rules: list[Rule] = list(rules)
        self.rule: list[int] = list(range(len(rules)))  # which rule each is a variant of
        counts = [len(rule.levels) for rule in rules]
        self.first_spec: list[int] = [sum(counts[:at]) for at in range(len(rules))]
        self.specs = sum(counts)  # how many there are, with those to be appended
        self._known: dict[tuple[int, Rule], int] = {(at, rule): at for at, rule in enumerate(rules)}
        own = [rule.id in inheritance.by_rule or _is_of_circuits(rule) for rule in rules]
        self._varies = np.array(own, np.bool_)

    def of_devices(self, program: Program, rule: NDArray[np.int32], device: NDArray[np.int32]) -> NDArray[np.int64]:
        """The variant of each (rule, device row); -1: the rule does not watch it."""
        return self._of(program, rule, device, None)

    def of_points(self, program: Program, rule: NDArray[np.int32], row: NDArray[np.int32]) -> NDArray[np.int64]:
        """The variant of each (rule, point row); -1: the rule does not watch it."""
        return self._of(program, rule, program.device_rows[row], row)

    def _of(self, program: Program, rule: NDArray[np.int32], device: NDArray[np.int32], row: NDArray[np.int32] | None) -> NDArray[np.int64]:
        made = rule.astype(np.int64)
        if not self._varies.any():
            return made
        at = np.flatnonzero(self._varies[rule])
        for number in np.unique(rule[at]).tolist():
            mine = at[rule[at] == number]
            # devices of one place without an override of their own resolve alike
            pairs, place = np.unique(self._places(program, number, device[mine]), return_inverse=True)
            first = np.full(len(pairs), len(mine))
            np.minimum.at(first, place, np.arange(len(mine)))
            chains = [self._chained(program, number, int(device[mine[each]])) for each in first.tolist()]
            if not _is_of_circuits(self.rules[number]):
                made[mine] = np.array([self._number(number, rule_here) for rule_here in chains])[place]
                continue
            for each, chain in zip(mine.tolist(), place.tolist(), strict=True):
                made[each] = self._of_circuit(program, number, chains[chain], int(device[each]), None if row is None else int(row[each]))
        return made

    def _places(self, program: Program, number: int, device: NDArray[np.int32]) -> NDArray[np.int64]:
        """A number for each device row, equal where the same overrides of a rule hold."""
        own = self.inheritance.by_rule.get(self.rules[number].id, {})
        named = {node_id for _, node_id in own}
        devices = program.roster.devices_by_row
        rows, at = np.unique(device, return_inverse=True)
        words: dict[Any, int] = {}
        codes = [
            words.setdefault((d.site_id, d.zone_id, d.id if d.id in named else ""), len(words))
            for d in (devices[row] for row in rows.tolist())
        ]
        return np.array(codes, np.int64)[at]

    def _chained(self, program: Program, number: int, device: int) -> Rule:
        rule = self.rules[number]
        return overridden(rule, self.inheritance.chain(rule.id, program.roster.devices_by_row[device]))

    def _of_circuit(self, program: Program, number: int, rule: Rule, device: int, row: int | None) -> int:
        roster = program.roster
        metric = rule.metric if row is None else roster.metric_of_row(row)
        here = self.inheritance.of_circuit(rule, roster.devices_by_row[device].id, metric)
        return -1 if here is None else self._number(number, here)

    def _number(self, rule: int, variant: Rule) -> int:
        if not variant.enabled:
            return -1
        number = self._known.get((rule, variant))
        if number is None:
            number = self._known[rule, variant] = len(self.rules)
            self.rules.append(variant)
            self.rule.append(rule)
            self.first_spec.append(self.specs)
            self.specs += len(variant.levels)
        return number


def _is_of_circuits(rule: Rule) -> bool:
    return bool(rule.relative_to or rule.scope.circuit_classes)
