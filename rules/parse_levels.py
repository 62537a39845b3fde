"""The levels of a rule from its data: limits within the metric's range and the clauses, from mild to severe.

Refuses a limit that could never be reached and one that a standard forbids, each with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from rules.limits import DAY_S, clause_of
from rules.model import Direction, Level, Severity
from rules.parse_reader import Reader
from sites.metrics import METRICS, unit_of

_LEVEL_FIELDS = ("limit", "severity", "deadband", "hold_s")


def read_levels(read: Reader, metric: str, bounds: tuple[float, float] | None = None) -> tuple[Direction, tuple[Level, ...]]:
    """The direction and the levels. `bounds` are those of a derived value; without them the levels compare with readings of the metric,
    and its range and clauses bound them."""
    present = [direction for direction in Direction if direction.value in read.data]
    fallback = (Level(limit=0.0, severity=Severity.HIGH),)
    if len(present) != 1:
        read.refuse("above/below", [direction.value for direction in present], "exactly one of above and below, a list of levels")
        return Direction.ABOVE, fallback
    direction = present[0]
    field, given = direction.value, read.data[direction.value]
    known = METRICS.get(metric)
    if bounds is None and known and known.low == 0.0 and known.high == 1.0:
        read.refuse("kind", "level", f"{metric} is a 0/1 signal: use kind state with states [1]")
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= 4 or not all(isinstance(each, Mapping) for each in given):
        read.refuse(field, given, "a list of one to four levels, each with limit and severity")
        return direction, fallback
    low, high = bounds or ((known.low, known.high) if known else (-1e12, 1e12))
    levels: list[Level] = []
    for at, each in enumerate(given):
        prefix = f"{field}[{at}]."
        read.unknown(each, _LEVEL_FIELDS, prefix)
        level = Level(
            limit=read.number(each.get("limit"), prefix + "limit", low, high),
            severity=read.severity(each.get("severity"), prefix + "severity"),
            deadband=read.number(each.get("deadband", 0.0), prefix + "deadband", 0.0, high - low),
            hold_s=None if each.get("hold_s") is None else read.number(each["hold_s"], prefix + "hold_s", 0.0, DAY_S),
        )
        if bounds is None:
            _within_clause(read, metric, direction, at, level)
        if levels:
            _after(read, prefix, direction, levels[-1], level)
        levels.append(level)
    return direction, tuple(levels)


def _after(read: Reader, prefix: str, direction: Direction, mild: Level, severe: Level) -> None:
    sign = 1.0 if direction is Direction.ABOVE else -1.0
    if sign * severe.limit <= sign * mild.limit:
        word = "above" if sign > 0 else "below"
        read.refuse(prefix + "limit", severe.limit, f"levels go from mild to severe: a limit {word} {mild.limit:g}")
    if severe.severity < mild.severity:
        read.refuse(prefix + "severity", severe.severity.name.lower(), f"at least {mild.severity.name.lower()}, that of the level before")


def _within_clause(read: Reader, metric: str, direction: Direction, at: int, level: Level) -> None:
    clause = clause_of(metric, direction)
    if clause is None:
        return
    low, high = clause.first if at == 0 else clause.others
    if not low <= level.limit <= high:
        field, unit = f"{direction.value}[{at}].limit", unit_of(metric)
        read.refuse(field, level.limit, f"{low:g} to {high:g} {unit}: {clause.reason}", f"{low:g} 至 {high:g} {unit}：{clause.reason_zh}")
