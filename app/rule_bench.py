"""The bench on which rules are looked at: how they stand now, and why they did or did not raise, now or at a past moment.

Now is asked of the scan, between two of its steps. The past is replayed: the engine steps the version that was in force over the stored
readings of the points concerned, from long enough before the moment for its holds and windows. Nothing of the running service is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from alarms.model import Alarm
from api.ports import Busy
from app.configuration import Configuration
from app.places import places_of
from app.shipped import rule_sets
from app.warden import Warden
from rules.backtest import Run
from rules.explain import Explanation, Said, clock, explain
from rules.inheritance import Inheritance
from rules.intervals import Intervals
from rules.model import Rule, RuleKind, Scope
from rules.needs import companions, points_needed
from rules.schedule import DEFAULT_ZONE
from rules.standing import Standing, standing
from rules.versions import RuleVersion, in_force
from sites.latest import apply_latest
from sites.readings import Readings
from sites.roster import Roster
from sites.series import Series
from storage.history_blocks import in_order

LOOK_WITHIN_S = 5.0
LEAST_BACK_MS = 3_600_000
MOST_BACK_MS = 7 * 86_400_000
MOST_READINGS = 400_000  # that are replayed for one moment
MOST_POINTS = 500


class Keeps(Protocol):
    def series(self, point_id: str, from_ms: int, to_ms: int, most: int) -> Series: ...


class RuleBench:
    """`look` asks the scan, `history` the historian, `versions` the records."""

    def __init__(
        self,
        look: Callable[[Callable[[Warden], Any]], Future[Any]],
        history: Keeps,
        versions: Callable[[str], Sequence[RuleVersion]],
    ) -> None:
        self._look, self._history, self._versions = look, history, versions

    def standings(self, rule_id: str, subjects: Sequence[str]) -> list[Standing | None]:
        """How the rule stands on each of these subjects now; None: it does not cover it. Raises Busy."""
        found: list[Standing | None] = self._asked(
            lambda warden: [standing(warden.program, warden.memory, rule_id, subject) for subject in subjects]
        )
        return found

    def explain(self, rule_id: str, subject: str, at_ms: int | None, alarms: Sequence[Alarm]) -> Explanation:
        """Why the rule did or did not raise on this subject at that moment (None: now). `alarms` are those of the rule and subject that the
        records have around it. Raises Busy, Unavailable."""
        now_ms, warden = self._asked(lambda warden: (warden.now_ms, warden))
        configuration: Configuration = warden.configuration
        device_id = _device_of(subject)
        timezone = _timezone(configuration.roster, subject, device_id)
        if at_ms is not None and at_ms < now_ms:
            return self._past(rule_id, subject, at_ms, alarms, warden, timezone)
        rule = configuration.rules.get(rule_id)
        if rule is None or not rule.enabled:
            return _nothing(now_ms, True, _absent(self._versions(rule_id), now_ms, timezone))
        stands = self.standings(rule_id, [subject])[0]
        if stands is None:
            return _nothing(now_ms, True, _NOT_COVERED)
        return explain(rule, stands, [], timezone, now_ms, True, _evidence(alarms, now_ms, timezone))

    def compile_problem(self, rule: Rule) -> str | None:
        """Why this rule does not compile, tried beside the scan with what it refers to; None: it does."""
        configuration: Configuration = self._asked(lambda warden: warden.configuration)
        roster = configuration.roster
        some = [roster.point_id_of_row(row) for row in points_needed([rule], roster)[:MOST_POINTS].tolist()]
        places = places_of(configuration, Intervals(), some)
        try:
            Run(rule, places.roster(), companions(rule, configuration.rules), places.overrides)
        except Exception as error:  # whatever it is, it would have been the scan's
            return str(error) or type(error).__name__
        return None

    def inheritance(self) -> Inheritance:
        configuration: Configuration = self._asked(lambda warden: warden.configuration)
        return Inheritance(configuration.roster, list(configuration.documents["override"].values()))

    def shipped(self) -> list[tuple[str, list[Rule]]]:
        return rule_sets()

    # -- inside --------------------------------------------------------------------------------------------------------

    def _asked(self, ask: Callable[[Warden], Any]) -> Any:
        try:
            return self._look(ask).result(LOOK_WITHIN_S)
        except NoAnswer:
            raise Busy(f"the scan has not answered within {LOOK_WITHIN_S:g} s") from None

    def _past(self, rule_id: str, subject: str, at_ms: int, alarms: Sequence[Alarm], warden: Warden, timezone: str) -> Explanation:
        versions = self._versions(rule_id)
        version = in_force(versions, at_ms)
        if version is None or version.rule is None or not version.rule.enabled:
            return _nothing(at_ms, False, _absent(versions, at_ms, timezone))
        rule, configuration = version.rule, warden.configuration
        beside = companions(rule, configuration.rules)
        narrow = [replace(each, scope=_scope_of(subject)) for each in (rule, *beside)]
        roster = configuration.roster
        points = [roster.point_id_of_row(row) for row in points_needed(narrow, roster).tolist()]
        if not points or len(points) > MOST_POINTS:
            return _nothing(at_ms, False, _NOT_COVERED if not points else _too_many(len(points)))
        places = places_of(configuration, warden.program.intervals, points)
        from_ms = _begin_of(rule, at_ms, alarms, max(device.interval_s or 0.0 for device in places.devices))
        readings, from_ms = self._readings(points, from_ms, at_ms)
        if readings is None:
            return _nothing(at_ms, False, _not_kept(from_ms, timezone))
        run = Run(rule, places.roster(), beside, places.overrides)
        findings = run.take(readings)
        apply_latest(run.program.roster, readings)
        findings = [finding for finding in findings + run.finish(at_ms + 1) if finding.subject == subject]
        stands = standing(run.program, run.memory, rule_id, subject)
        if stands is None:
            return _nothing(at_ms, False, _NOT_COVERED)
        told = [_replayed(len(readings), from_ms, timezone), *_evidence(alarms, at_ms, timezone)]
        was_open = any(alarm.raised_ms <= at_ms and (alarm.cleared_ms or alarm.ended_ms or at_ms + 1) > at_ms for alarm in alarms)
        if was_open != stands.is_raised:
            told.append(_DIFFERS)
        return explain(rule, stands, findings, timezone, at_ms, False, told)

    def _readings(self, points: Sequence[str], from_ms: int, at_ms: int) -> tuple[Readings | None, int]:
        """The raw readings of these points, by rows in their order, from as early as there are not too many; None where they are no longer
        kept. And from when on."""
        while True:
            found = [self._history.series(point, from_ms, at_ms + 1, MOST_READINGS // len(points)) for point in points]
            if not any(series.step_ms for series in found):
                break
            if at_ms - from_ms <= LEAST_BACK_MS // 4:
                return None, from_ms
            from_ms = at_ms - (at_ms - from_ms) // 4
        rows = np.repeat(np.arange(len(points), dtype=np.int32), [len(series.taken_ms) for series in found])
        taken = np.concatenate([series.taken_ms for series in found])
        block = in_order(rows, taken, np.concatenate([series.mean for series in found]), at_ms + 1)
        return Readings.of(block.rows, block.taken_ms, block.taken_ms, block.values), from_ms


def _device_of(subject: str) -> str:
    kind, _, name = subject.partition(":")
    return name.rpartition(":")[0] if kind == "point" else name if kind == "device" else ""


def _scope_of(subject: str) -> Scope:
    return Scope(zones=(subject.partition(":")[2],)) if subject.startswith("zone:") else Scope(devices=(_device_of(subject),))


def _timezone(roster: Roster, subject: str, device_id: str) -> str:
    device = roster.device(device_id)
    zone = roster.zones.get(subject.partition(":")[2]) if subject.startswith("zone:") else None
    site = roster.sites.get(device.site_id if device else zone.site_id if zone else "")
    return site.timezone if site else DEFAULT_ZONE


def _begin_of(rule: Rule, at_ms: int, alarms: Sequence[Alarm], interval_s: float) -> int:
    """From when to replay: long enough for holds and windows, and from before an alarm that stood then."""
    longest_s = max(level.hold_s or 0.0 for level in rule.levels)
    longest_s = max(longest_s, rule.hold_s) + rule.clear_hold_s + 2 * (rule.window_s or 0.0) + 10 * interval_s
    if rule.kind is RuleKind.SILENCE:
        longest_s += max(level.limit for level in rule.levels) * interval_s
    back_ms = max(LEAST_BACK_MS, int(3000 * longest_s))
    stood = [
        alarm.raised_ms for alarm in alarms if alarm.raised_ms <= at_ms and (alarm.ended_ms is None or alarm.ended_ms > at_ms - back_ms)
    ]
    return max(min([at_ms, *stood]) - back_ms, at_ms - MOST_BACK_MS)


def _nothing(at_ms: int, is_live: bool, why: Said) -> Explanation:
    return Explanation(at_ms=at_ms, is_live=is_live, verdict=why, steps=(why,), standing=None)


_NOT_COVERED = Said(
    code="not_covered",
    zh="未触发：该对象不在规则的适用范围内，或还没有这个测点。",
    en="Not raised: the rule does not cover this subject, or there is no such point yet.",
)
_DIFFERS = Said(
    code="differs",
    zh="重放结果与当时的报警记录不一致：历史数据不含到达时间、迟到与服务停机，以报警记录为准。",
    en="The replay differs from the alarms of that time: history has no arrivals, lateness or pauses of the service. The alarms are what"
    " happened.",
)


def _absent(versions: Sequence[RuleVersion], at_ms: int, timezone: str) -> Said:
    version = in_force(versions, at_ms)
    if version is None:
        first = min((each.at_ms for each in versions), default=None)
        since = "" if first is None else clock(timezone, first)
        return Said(
            code="no_rule",
            zh=f"未触发：当时还没有这条规则{'(建立于 ' + since + ')' if since else ''}。",
            en=f"Not raised: there was no such rule yet{' (it was made at ' + since + ')' if since else ''}.",
        )
    if version.rule is None:
        return Said(
            code="removed",
            zh=f"未触发：规则已于 {clock(timezone, version.at_ms)} 删除。",
            en=f"Not raised: the rule was removed at {clock(timezone, version.at_ms)}.",
            at_ms=version.at_ms,
        )
    return Said(
        code="disabled",
        zh=f"未触发：第 {version.version} 版停用了规则({clock(timezone, version.at_ms)})。",
        en=f"Not raised: version {version.version} had disabled the rule ({clock(timezone, version.at_ms)}).",
        at_ms=version.at_ms,
    )


def _too_many(count: int) -> Said:
    return Said(
        code="too_many_points",
        zh=f"涉及 {count} 个测点，超过一次重放的上限 {MOST_POINTS} 个；请改用回测。",
        en=f"{count} points are concerned, more than the {MOST_POINTS} that are replayed for one moment; use a backtest.",
    )


def _not_kept(from_ms: int, timezone: str) -> Said:
    return Said(
        code="not_kept",
        zh=f"{clock(timezone, from_ms)} 起的原始读数已不再保存(或过多)，无法重放当时的判断。",
        en=f"The raw readings from {clock(timezone, from_ms)} on are no longer kept (or are too many), so that moment cannot be replayed.",
        at_ms=from_ms,
    )


def _replayed(count: int, from_ms: int, timezone: str) -> Said:
    return Said(
        code="replayed",
        zh=f"由 {clock(timezone, from_ms)} 起的 {count} 条历史读数重放得出；日历与各级参数按现行设置。",
        en=f"Replayed from {count} stored readings since {clock(timezone, from_ms)}; calendars and numbers of places as they are now.",
        at_ms=from_ms,
        figures={"readings": count},
    )


def _evidence(alarms: Sequence[Alarm], at_ms: int, timezone: str) -> list[Said]:
    """What the alarms say of that moment."""
    said: list[Said] = []
    for alarm in alarms:
        if alarm.raised_ms > at_ms or (alarm.ended_ms is not None and alarm.ended_ms <= at_ms):
            continue
        raised = clock(timezone, alarm.raised_ms)
        cleared = alarm.cleared_ms is not None and alarm.cleared_ms <= at_ms
        said.append(
            Said(
                code="alarm",
                zh=f"报警 {alarm.id} 当时未结束：{raised} 由第 {alarm.rule_version} 版触发" + ("，其条件已恢复。" if cleared else "。"),
                en=f"Alarm {alarm.id} was open: raised at {raised} by version {alarm.rule_version}"
                + (", its condition back to normal." if cleared else "."),
                at_ms=alarm.raised_ms,
                figures={"alarm_id": alarm.id, "rule_version": alarm.rule_version},
            )
        )
        if alarm.suppression is not None:
            why = alarm.suppression
            said.append(
                Said(code="suppressed", zh=f"报警被抑制：{why.reason_zh or why.reason}。", en=f"The alarm calls nobody: {why.reason}.")
            )
    return said
