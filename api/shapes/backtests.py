"""Backtests over HTTP: the job, and of one that is done what the rule would have made, beside what the present version made."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.ports import BacktestJob
from api.shapes.alarms import SEVERITY_NAMES, SeverityName
from api.shapes.asks import Ask
from api.shapes.times import AskedInstant, Instant, finite, iso, iso_or_none
from rules.backtest import Episode, Fate, Result, Tried
from rules.findings import Finding

MOST_POINTS = 10_000
MOST_SHOWN = 500  # episodes of a list


class BacktestAsk(Ask):
    """`rule`: an edited (or new) rule as data; without it the present version is tried. Without `to_at` until now, without `from_at` for
    the seven days before. `points` narrows what is looked at."""

    rule: dict[str, Any] | None = None
    from_at: AskedInstant | None = None
    to_at: AskedInstant | None = None
    points: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=MOST_POINTS)] = Field(default_factory=list)


class EpisodeShape(TypedDict):
    """From a raise to its clear; `until_at` null: it still stood at the end."""

    subject: str
    device_id: str
    level: int
    severity: SeverityName
    value: float | None
    from_at: Instant
    until_at: Instant | None


class DayZoneCount(TypedDict):
    """`day` is the local date of the site."""

    day: str
    zone_id: str
    raised: int


class TriedShape(TypedDict):
    """`is_cut`: it made too many findings and was stopped."""

    findings: int
    raised: int
    is_cut: bool
    by_day_and_zone: list[DayZoneCount]
    episodes: list[EpisodeShape]


class PairShape(TypedDict):
    present: EpisodeShape
    tried: EpisodeShape
    delay_s: float


class DifferenceShape(TypedDict):
    """Counts of all, and the first of each."""

    kept_total: int
    lost_total: int
    new_total: int
    kept: list[PairShape]
    lost: list[EpisodeShape]
    new: list[EpisodeShape]


class FateShape(TypedDict):
    alarm_id: str
    subject: str
    verdict: str
    raised_at: Instant
    is_kept: bool
    delay_s: float | None


class VerdictsShape(TypedDict):
    """Measured by what operators found: alarms judged true that the rule keeps or loses, others that it keeps or removes, and the mean
    change in delay of the true ones it keeps."""

    true_kept: int
    true_lost: int
    false_kept: int
    false_removed: int
    mean_delay_s: float | None
    alarms: list[FateShape]


class ResultShape(TypedDict):
    readings: int
    first_at: Instant | None
    last_at: Instant | None
    until_at: Instant
    seconds: float
    tried: TriedShape
    present: TriedShape | None
    difference: DifferenceShape | None
    verdicts: VerdictsShape


class BacktestShape(TypedDict):
    """`part` runs from 0 to 1; `problem` says why it failed; `result` when it is done."""

    id: str
    rule_id: str
    rule_name: str
    present_version: int | None
    is_edited: bool
    state: Literal["waiting", "running", "done", "failed"]
    part: float
    readings: int
    points: int
    from_at: Instant
    to_at: Instant
    asked_at: Instant
    problem: str | None
    result: ResultShape | None


class BacktestPage(TypedDict):
    items: list[BacktestShape]


class FindingShape(TypedDict):
    subject: str
    device_id: str
    edge: Literal["raised", "stepped", "cleared"]
    level: int
    at: Instant
    value: float | None


class FindingPage(TypedDict):
    items: list[FindingShape]
    next_cursor: str | None


def backtest_shape(job: BacktestJob, result: Result | None = None) -> BacktestShape:
    return {
        "id": job.id,
        "rule_id": job.rule_id,
        "rule_name": job.rule_name,
        "present_version": job.present_version,
        "is_edited": job.is_edited,
        "state": job.state,
        "part": round(job.part, 4),
        "readings": job.readings,
        "points": job.points,
        "from_at": iso(job.from_ms),
        "to_at": iso(job.to_ms),
        "asked_at": iso(job.asked_ms),
        "problem": job.problem,
        "result": None if result is None else _result(result),
    }


def finding_shape(finding: Finding) -> FindingShape:
    return {
        "subject": finding.subject,
        "device_id": finding.device_id,
        "edge": finding.edge.value,
        "level": finding.level,
        "at": iso(finding.at_ms),
        "value": finite(finding.value),
    }


def _result(result: Result) -> ResultShape:
    difference: DifferenceShape | None = None
    if result.difference is not None:
        told = result.difference
        difference = {
            "kept_total": len(told.kept),
            "lost_total": len(told.lost),
            "new_total": len(told.new),
            "kept": [
                {"present": _episode(a), "tried": _episode(b), "delay_s": (b.from_ms - a.from_ms) / 1000} for a, b in told.kept[:MOST_SHOWN]
            ],
            "lost": [_episode(each) for each in told.lost[:MOST_SHOWN]],
            "new": [_episode(each) for each in told.new[:MOST_SHOWN]],
        }
    return {
        "readings": result.readings,
        "first_at": iso_or_none(result.first_ms),
        "last_at": iso_or_none(result.last_ms),
        "until_at": iso(result.until_ms),
        "seconds": result.seconds,
        "tried": _tried(result.tried),
        "present": None if result.present is None else _tried(result.present),
        "difference": difference,
        "verdicts": _verdicts(result.fates),
    }


def _tried(tried: Tried) -> TriedShape:
    return {
        "findings": len(tried.findings),
        "raised": sum(count for _, _, count in tried.raised),
        "is_cut": tried.is_cut,
        "by_day_and_zone": [{"day": day, "zone_id": zone_id, "raised": count} for day, zone_id, count in tried.raised],
        "episodes": [_episode(each) for each in tried.episodes[:MOST_SHOWN]],
    }


def _episode(episode: Episode) -> EpisodeShape:
    return {
        "subject": episode.subject,
        "device_id": episode.device_id,
        "level": episode.level,
        "severity": SEVERITY_NAMES[episode.severity],
        "value": finite(episode.value),
        "from_at": iso(episode.from_ms),
        "until_at": iso_or_none(episode.until_ms),
    }


def _verdicts(fates: list[Fate]) -> VerdictsShape:
    true = [fate for fate in fates if fate.alarm.verdict == "true"]
    false = [fate for fate in fates if fate.alarm.verdict != "true"]
    delays = [fate.delay_ms for fate in true if fate.delay_ms is not None]
    return {
        "true_kept": sum(fate.is_kept for fate in true),
        "true_lost": sum(not fate.is_kept for fate in true),
        "false_kept": sum(fate.is_kept for fate in false),
        "false_removed": sum(not fate.is_kept for fate in false),
        "mean_delay_s": sum(delays) / len(delays) / 1000 if delays else None,
        "alarms": [
            {
                "alarm_id": fate.alarm.alarm_id,
                "subject": fate.alarm.subject,
                "verdict": fate.alarm.verdict,
                "raised_at": iso(fate.alarm.from_ms),
                "is_kept": fate.is_kept,
                "delay_s": None if fate.delay_ms is None else fate.delay_ms / 1000,
            }
            for fate in fates[:MOST_SHOWN]
        ],
    }
