"""Rules as they are looked at over HTTP: how they stand, why they did or did not raise, what they would cover, their versions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.shapes.alarms import SEVERITY_NAMES, SeverityName
from api.shapes.asks import Ask
from api.shapes.people import Person
from api.shapes.rules import RuleShape
from api.shapes.times import Instant, finite, iso, iso_or_none
from rules.cover import Beside, Cover
from rules.explain import Explanation, Said
from rules.expression import Explained
from rules.inheritance import Source
from rules.standing import LevelStanding, Standing
from rules.versions import FieldChange

MOST_TEXT = 20_000


class LevelStandingShape(TypedDict):
    """`margin`: how far the value must still go to the limit (negative: past it). `phase` rising: its hold is running; falling: its clear
    hold is."""

    level: int
    severity: SeverityName
    limit: float | None
    returns_at: float | None
    margin: float | None
    is_met: bool | None
    phase: Literal["idle", "rising", "active", "falling"]
    since_at: Instant | None
    held_s: float | None
    hold_s: float
    due_at: Instant | None


class TruthShape(TypedDict):
    """One part of an expression as it is now. `truth` null: unknown, or it is a number."""

    text: str
    start: int
    end: int
    truth: bool | None
    value: float | None
    unit: str
    parts: list[TruthShape]


class RuleStandingShape(TypedDict):
    """`value` is what the rule judges, `reading` the newest reading (the same where nothing is derived). `level` -1: not raised."""

    rule_id: str
    rule_version: int
    subject: str
    device_id: str
    device_name: str
    site_id: str
    zone_id: str
    metric: str
    unit: str
    value: float | None
    reading: float | None
    taken_at: Instant | None
    arrived_at: Instant | None
    delay_s: float
    expected_s: float
    overdue_at: Instant | None
    quality: Literal["fresh", "late", "overdue", "never_heard"]
    gate: Literal["open", "schedule", "condition", "both"]
    is_raised: bool
    level: int
    levels: list[LevelStandingShape]
    condition: TruthShape | None
    only_while: TruthShape | None
    at: Instant


class RuleStandingPage(TypedDict):
    items: list[RuleStandingShape]
    next_cursor: str | None
    total: int


class RuleSaidShape(TypedDict):
    code: str
    zh: str
    en: str
    at: Instant | None
    figures: dict[str, Any]


class ExplanationShape(TypedDict):
    """`verdict` is the sentence, `steps` lead to it. `is_live` False: replayed from stored readings with the version then in force."""

    rule_id: str
    subject: str
    at: Instant
    is_live: bool
    is_raised: bool | None
    verdict: RuleSaidShape
    steps: list[RuleSaidShape]
    standing: RuleStandingShape | None


class ZoneCount(TypedDict):
    site_id: str
    site_name: str
    zone_id: str
    zone_name: str
    subjects: int


class KindCount(TypedDict):
    kind: str
    subjects: int


class RuleCoverShape(TypedDict):
    """`subjects` are the first of `total`; `without` the first of `without_total` devices in scope that have no point of the metric."""

    total: int
    subjects: list[str]
    by_zone: list[ZoneCount]
    by_kind: list[KindCount]
    devices: int
    without: list[str]
    without_total: int


class BesideShape(TypedDict):
    """Another rule that judges some of the same subjects. `is_same`: it means the same at every level."""

    rule_id: str
    rule_name: str
    rule_name_en: str
    is_same: bool
    subjects: int


class StandingAlarm(TypedDict):
    """An alarm that stands now and what the edit would do to it: `kept`, `judged_anew` by the next reading, `withdrawn`, or `left` (no
    longer covered: it stays open until a person ends it)."""

    alarm_id: str
    subject: str
    device_name: str
    fate: Literal["kept", "judged_anew", "withdrawn", "left"]


class ProblemShape(TypedDict):
    """`pointer` leads to the field; `line` and `column` (from 1) into the text that was handed in, or into an expression."""

    pointer: str
    given: str
    allowed: str
    allowed_zh: str
    line: int | None
    column: int | None


class CheckShape(TypedDict):
    """`judges_after_s`: how long after it is made the rule can judge at the earliest, since its span begins empty; `whole_after_s`: when it
    looks at its whole span. Both 0: at once."""

    is_ok: bool
    judges_after_s: float
    whole_after_s: float
    problems: list[ProblemShape]
    rule: RuleShape | None
    text: str
    cover: RuleCoverShape | None
    beside: list[BesideShape]
    alarms: list[StandingAlarm]


class CheckAsk(Ask):
    """A rule as data (a form), or as YAML or JSON text: exactly one."""

    data: dict[str, Any] | None = None
    text: Annotated[str, Field(max_length=MOST_TEXT)] | None = None


class FieldChangeShape(TypedDict):
    field: str
    before: Any
    after: Any


class VersionShape(TypedDict):
    """`rule` None: it was removed then. `changes` are against the version before."""

    version: int
    at: Instant
    by: Person | None
    rule: RuleShape | None
    text: str
    changes: list[FieldChangeShape]


class VersionList(TypedDict):
    items: list[VersionShape]


class RestoreVersionAsk(Ask):
    """`version` is brought back as the next version after `present`."""

    version: Annotated[int, Field(ge=1)]
    present: Annotated[int, Field(ge=1)]


class TextShape(TypedDict):
    """`is_as_written`: with the comments of whoever wrote it; else made from the rule."""

    rule_id: str
    version: int
    text: str
    is_as_written: bool


class TextAsk(Ask):
    text: Annotated[str, Field(max_length=MOST_TEXT)]
    version: Annotated[int, Field(ge=1)]


class NumberSourceShape(TypedDict):
    """One number as it is at a device. `node_kind` None: the rule itself sets it."""

    number: str
    value: float | bool
    node_kind: str | None
    node_id: str | None
    override_id: str
    reason: str


class SourceList(TypedDict):
    rule_id: str
    device_id: str
    items: list[NumberSourceShape]


class ShippedShape(TypedDict):
    """A rule of a shipped set. `state`: as shipped, changed here, missing here (removed), disabled here."""

    rule_id: str
    name: str
    name_en: str
    state: Literal["as_shipped", "changed", "missing", "disabled"]
    version: int | None
    changes: list[FieldChangeShape]


class RuleSetShape(TypedDict):
    id: str
    file: str
    rules: list[ShippedShape]


class RuleSetList(TypedDict):
    items: list[RuleSetShape]


def level_shape(level: LevelStanding) -> LevelStandingShape:
    return {
        "level": level.level,
        "severity": SEVERITY_NAMES[level.severity],
        "limit": level.limit,
        "returns_at": level.returns_at,
        "margin": finite(level.margin),
        "is_met": level.is_met,
        "phase": level.phase,  # type: ignore[typeddict-item]
        "since_at": iso_or_none(level.since_ms),
        "held_s": None if level.held_ms is None else level.held_ms / 1000,
        "hold_s": level.hold_ms / 1000,
        "due_at": iso_or_none(level.due_ms),
    }


def standing_shape(standing: Standing, device_name: str, site_id: str, zone_id: str) -> RuleStandingShape:
    return {
        "rule_id": standing.rule_id,
        "rule_version": standing.rule_version,
        "subject": standing.subject,
        "device_id": standing.device_id,
        "device_name": device_name,
        "site_id": site_id,
        "zone_id": zone_id,
        "metric": standing.metric,
        "unit": standing.unit,
        "value": finite(standing.value),
        "reading": finite(standing.reading),
        "taken_at": iso_or_none(standing.taken_ms),
        "arrived_at": iso_or_none(standing.arrived_ms),
        "delay_s": standing.delay_ms / 1000,
        "expected_s": standing.expected_ms / 1000,
        "overdue_at": iso_or_none(standing.overdue_ms),
        "quality": standing.quality,  # type: ignore[typeddict-item]
        "gate": standing.gate,  # type: ignore[typeddict-item]
        "is_raised": standing.is_raised,
        "level": standing.level,
        "levels": [level_shape(level) for level in standing.levels],
        "condition": _truth(standing.condition),
        "only_while": _truth(standing.only_while),
        "at": iso(max(standing.now_ms, 0)),
    }


def _truth(told: Explained | None) -> TruthShape | None:
    return None if told is None else _part(told)


def _part(told: Explained) -> TruthShape:
    return {
        "text": told.text,
        "start": told.start,
        "end": told.end,
        "truth": told.truth,
        "value": finite(told.value),
        "unit": told.unit,
        "parts": [_part(part) for part in told.parts],
    }


def said_shape(said: Said) -> RuleSaidShape:
    return {"code": said.code, "zh": said.zh, "en": said.en, "at": iso_or_none(said.at_ms), "figures": dict(said.figures)}


def explanation_shape(rule_id: str, subject: str, told: Explanation, standing: RuleStandingShape | None) -> ExplanationShape:
    return {
        "rule_id": rule_id,
        "subject": subject,
        "at": iso(max(told.at_ms, 0)),
        "is_live": told.is_live,
        "is_raised": None if told.standing is None else told.standing.is_raised,
        "verdict": said_shape(told.verdict),
        "steps": [said_shape(step) for step in told.steps],
        "standing": standing,
    }


def cover_shape(cover: Cover, site_names: dict[str, str], zone_names: dict[str, str], most: int) -> RuleCoverShape:
    return {
        "total": len(cover.subjects),
        "subjects": cover.subjects[:most],
        "by_zone": [
            {
                "site_id": site_id,
                "site_name": site_names.get(site_id, site_id),
                "zone_id": zone_id,
                "zone_name": zone_names.get(zone_id, zone_id),
                "subjects": count,
            }
            for site_id, zone_id, count in cover.by_zone
        ],
        "by_kind": [{"kind": kind, "subjects": count} for kind, count in cover.by_kind],
        "devices": cover.devices,
        "without": cover.without,
        "without_total": cover.without_total,
    }


def beside_shape(beside: Beside) -> BesideShape:
    return {
        "rule_id": beside.rule_id,
        "rule_name": beside.rule_name,
        "rule_name_en": beside.rule_name_en,
        "is_same": beside.is_same,
        "subjects": beside.subjects,
    }


def change_shape(change: FieldChange) -> FieldChangeShape:
    return {"field": change.field, "before": change.before, "after": change.after}


def source_shape(source: Source) -> NumberSourceShape:
    return {
        "number": source.number,
        "value": source.value,
        "node_kind": source.node[0].value if source.node else None,
        "node_id": source.node[1] if source.node else None,
        "override_id": source.override_id,
        "reason": source.reason,
    }
