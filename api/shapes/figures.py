"""Figures of alarms and cover of devices as they go over HTTP."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from alarms.figure_definitions import DEFINITIONS
from alarms.figures import Figure, Flood, Report, Source
from api.shapes.people import Person
from api.shapes.times import Instant, iso


class Place(TypedDict):
    id: str
    name: str


class FigureShape(TypedDict):
    """`holds` null: there is nothing to hold. `definition` in both languages."""

    code: str
    name: str
    name_en: str
    value: float | None
    unit: str
    target: str
    clause: str
    holds: bool | None
    definition: str
    definition_en: str


class SourceShape(TypedDict):
    rule_id: str
    rule_name: str
    rule_name_en: str
    subject: str
    device_name: str
    alarms: int


FloodShape = TypedDict("FloodShape", {"from": Instant, "to": Instant, "alarms": int, "peak": int})
FigureGroup = TypedDict(
    "FigureGroup",
    {
        "key": str,  # all, the local day, day and shift, or the user's id
        "from": Instant,
        "to": Instant,
        "operator": Person | None,
        "figures": list[FigureShape],
        "floods": list[FloodShape],
        "top": list[SourceShape],
        "chattering": list[SourceShape],
    },
)
FiguresShape = TypedDict(
    "FiguresShape",
    {
        "site": str | None,
        "from": Instant,
        "to": Instant,
        "by": str | None,
        "positions": int,
        "total": FigureGroup,
        "groups": list[FigureGroup],
    },
)


def figure_shape(figure: Figure) -> FigureShape:
    zh, en = DEFINITIONS[figure.code]
    value = None if figure.value is None else round(figure.value, 4)
    return {
        "code": figure.code,
        "name": figure.name,
        "name_en": figure.name_en,
        "value": value,
        "unit": figure.unit,
        "target": figure.target,
        "clause": figure.clause,
        "holds": figure.holds,
        "definition": zh,
        "definition_en": en,
    }


def group_shape(key: str, from_ms: int, to_ms: int, report: Report, operator: Person | None = None) -> FigureGroup:
    return {
        "key": key,
        "from": iso(from_ms),
        "to": iso(to_ms),
        "operator": operator,
        "figures": [figure_shape(figure) for figure in report.figures],
        "floods": [_flood(flood) for flood in report.floods[:200]],
        "top": [_source(source) for source in report.top],
        "chattering": [_source(source) for source in report.chattering],
    }


def _flood(flood: Flood) -> FloodShape:
    return {"from": iso(flood.from_ms), "to": iso(flood.to_ms), "alarms": flood.alarms, "peak": flood.peak}


def _source(source: Source) -> SourceShape:
    return {
        "rule_id": source.rule_id,
        "rule_name": source.rule_name,
        "rule_name_en": source.rule_name_en,
        "subject": source.subject,
        "device_name": source.device_name,
        "alarms": source.number,
    }


# -- cover ---------------------------------------------------------------------------------------------------------------

Hearing = Literal["online", "silent", "offline", "never_heard"]


class DeviceCover(TypedDict):
    """One device, for the list and the map. `problems`: codes, worst first; empty: covered. `heard_share`: part of the span in which it was
    heard (1 now, when it is)."""

    id: str
    name: str
    kind: str
    site_id: str
    zone_id: str
    zone_name: str
    state: Hearing
    heard_at: Instant | None
    heard_share: float | None
    tested_at: Instant | None
    test_due_at: Instant | None
    calibrated_until: Instant | None
    rules: int
    problems: list[str]


class ZoneCover(TypedDict):
    """How many of a zone's devices there are, and how many have each problem."""

    site_id: str
    zone_id: str
    zone_name: str
    devices: int
    covered: int
    problems: dict[str, int]


CoverShape = TypedDict(
    "CoverShape",
    {
        "site": str | None,
        "from": Instant,
        "to": Instant,
        "devices": int,
        "covered": int,
        "problems": dict[str, int],
        "zones": list[ZoneCover],
        "items": list[DeviceCover],
        "records_available": bool,
    },
)
