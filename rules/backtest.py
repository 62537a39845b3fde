"""Rules tried on stored readings, from nothing: which findings a rule would have made, and how an edit of it differs.

The engine is the one that runs live, stepped over large blocks; nothing of the running service's memory is carried in or out. Stored
readings have no arrival of their own, so each counts as arrived when it was taken. Pure: who reads history hands the blocks in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rules import engine
from rules.compile import compile
from rules.findings import Edge, Finding
from rules.memory import Memory
from rules.model import Override, Rule, Severity
from sites.readings import Readings
from sites.roster import Roster

BLOCK = 1 << 18  # readings of a block in order of time: so large that a step costs next to nothing, so small that it stays in the caches


class Run:
    """One version of a rule over the points of a roster. `companions` are rules that it refers to (`of`, `alarm(...)`): they run beside it,
    their findings kept back. A disabled rule is tried as if it were enabled."""

    def __init__(self, rule: Rule, roster: Roster, companions: Iterable[Rule] = (), overrides: Iterable[Override] = ()) -> None:
        self.rule = replace(rule, enabled=True)
        others = [other for other in companions if other.id != rule.id]
        self.program = compile([self.rule, *others], roster, None, overrides)
        self.memory = Memory(self.program)
        self._has_others = bool(others)

    def take(self, readings: Readings) -> list[Finding]:
        """The next block: `arrived_ms` does not fall, also from block to block."""
        if not len(readings):
            return []
        return self._own(engine.step(self.program, self.memory, readings, int(readings.arrived_ms[-1])))

    def finish(self, until_ms: int) -> list[Finding]:
        """What time alone brings about up to `until_ms` (exclusive)."""
        return self._own(engine.step(self.program, self.memory, Readings.of([], [], [], []), until_ms - 1))

    def _own(self, findings: list[Finding]) -> list[Finding]:
        return [finding for finding in findings if finding.rule_id == self.rule.id] if self._has_others else findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """From a raise to its clear; `until_ms` None: it still stood at the end. `level` and `severity` are the highest it reached, `value` is
    that of the raise."""

    subject: str
    device_id: str
    level: int
    severity: Severity
    value: float | None
    from_ms: int
    until_ms: int | None

    def overlaps(self, from_ms: int, until_ms: int | None) -> bool:
        """Whether the two have a moment in common; an episode has at least the one at which it began."""
        return (until_ms is None or self.from_ms < max(until_ms, from_ms + 1)) and (
            self.until_ms is None or from_ms < max(self.until_ms, self.from_ms + 1)
        )


def episodes(findings: Iterable[Finding]) -> list[Episode]:
    """The episodes of one rule's findings, in order of their begin."""
    standing: dict[str, Episode] = {}
    done: list[Episode] = []
    for finding in findings:
        before = standing.get(finding.subject)
        if finding.edge is Edge.CLEARED:
            if before is not None:
                done.append(replace(standing.pop(finding.subject), until_ms=finding.at_ms))
        elif before is None:
            assert finding.severity is not None
            standing[finding.subject] = Episode(
                subject=finding.subject,
                device_id=finding.device_id,
                level=finding.level,
                severity=finding.severity,
                value=finding.value,
                from_ms=finding.at_ms,
                until_ms=None,
            )
        elif finding.level > before.level:
            assert finding.severity is not None
            standing[finding.subject] = replace(before, level=finding.level, severity=finding.severity)
    return sorted([*done, *standing.values()], key=lambda episode: (episode.from_ms, episode.subject))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What an edit changes: `kept` are pairs (present, edited), a present episode with the first edited one that overlaps it."""

    kept: list[tuple[Episode, Episode]]
    lost: list[Episode]
    new: list[Episode]


def difference(present: Sequence[Episode], edited: Sequence[Episode]) -> Difference:
    """Episodes are the same when they are of one subject and their spans overlap."""
    by_subject = _by_subject(edited)
    kept: list[tuple[Episode, Episode]] = []
    lost: list[Episode] = []
    met: set[tuple[str, int]] = set()
    for episode in present:
        same = [other for other in by_subject.get(episode.subject, ()) if other.overlaps(episode.from_ms, episode.until_ms)]
        met.update((other.subject, other.from_ms) for other in same)
        if same:
            kept.append((episode, same[0]))
        else:
            lost.append(episode)
    return Difference(kept=kept, lost=lost, new=[other for other in edited if (other.subject, other.from_ms) not in met])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An alarm that operators gave a verdict: true, false, test, fault or nuisance."""

    alarm_id: str
    subject: str
    from_ms: int
    until_ms: int | None
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a judged alarm under the tried rule. `delay_ms`: how much later it would have been raised (negative: earlier); None:
    not at all."""

    alarm: Judged
    is_kept: bool
    delay_ms: int | None


def fates(judged: Iterable[Judged], tried: Sequence[Episode]) -> list[Fate]:
    """Each judged alarm and whether the tried rule would have raised it. An alarm that stood for a moment only still counts."""
    by_subject = _by_subject(tried)
    found: list[Fate] = []
    for alarm in judged:
        same = [each for each in by_subject.get(alarm.subject, ()) if each.overlaps(alarm.from_ms, alarm.until_ms)]
        found.append(Fate(alarm=alarm, is_kept=bool(same), delay_ms=same[0].from_ms - alarm.from_ms if same else None))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one version made. `raised` counts by (local day, zone id); `is_cut`: it was stopped because it made too many findings."""

    findings: list[Finding]
    episodes: list[Episode]
    raised: list[tuple[str, str, int]]
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`first_ms` and `last_ms` bound the readings that there were; `until_ms` is how far it came."""

    readings: int
    first_ms: int | None
    last_ms: int | None
    until_ms: int
    seconds: float
    tried: Tried
    present: Tried | None
    difference: Difference | None
    fates: list[Fate]


def _by_subject(given: Sequence[Episode]) -> dict[str, list[Episode]]:
    by_subject: dict[str, list[Episode]] = {}
    for episode in given:
        by_subject.setdefault(episode.subject, []).append(episode)
    return by_subject
