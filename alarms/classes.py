"""Which classes of circuits may go dark, and by whose decision. The one table that linkage, orders and the preview share.

After GB 50116 4.10.1 (what the fire linkage cuts at once and what it must not) and GB/T 40248 7.3.5 (closing-time cuts), with the
classes of domain.md C2. It only speaks of classes; trials, locks and fresh measurements are `power.protection`'s.
"""

from __future__ import annotations

from enum import StrEnum

from sites.model import CircuitClass


class By(StrEnum):
    """Whose decision a cut is."""

    PERSON = "person"
    LINKAGE = "linkage"
    PLAN = "plan"


# fmt: off
MAY_CUT: dict[CircuitClass, frozenset[By]] = {
    CircuitClass.FIRE:         frozenset(),
    CircuitClass.LIFE:         frozenset(),
    CircuitClass.PERMIT_24H:   frozenset({By.PERSON, By.PLAN}),  # a plan only once the permit has ended
    CircuitClass.NIGHT_OFF:    frozenset({By.PERSON, By.LINKAGE, By.PLAN}),
    CircuitClass.USE:          frozenset({By.PERSON, By.LINKAGE, By.PLAN}),
    CircuitClass.MANUAL:       frozenset({By.PERSON}),
    CircuitClass.UNCLASSIFIED: frozenset(),
}
# fmt: on


def may_cut(circuit_class: CircuitClass, by: By) -> bool:
    """Whether this class may be cut by such a decision at all."""
    return by in MAY_CUT[circuit_class]
