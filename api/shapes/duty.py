"""The duty record, the script of a call to the fire service, and whom an alarm can be given to, as they go over HTTP."""

from __future__ import annotations

from typing_extensions import TypedDict

from api.shapes.people import Person
from api.shapes.times import Instant


class Assignee(TypedDict):
    """`may_acknowledge`: has the right to take alarms there; others only see them."""

    id: str
    name: str
    roles: list[str]
    may_acknowledge: bool


class AssigneeList(TypedDict):
    items: list[Assignee]


class ScriptLine(TypedDict):
    label: str
    text: str


class CallScriptShape(TypedDict):
    """What to read out to 119. `missing`: lines that nobody has entered yet (the site's address)."""

    alarm_id: str
    lines: list[ScriptLine]
    lines_zh: list[ScriptLine]
    missing: list[str]


class DutyStep(TypedDict):
    step: str
    name: str
    name_zh: str
    at: Instant
    local_time: str
    who: Person | None
    whom: str
    phone: str
    note: str


class DutyAlarm(TypedDict):
    alarm_id: str
    kind: str
    name: str
    name_en: str
    place: str
    severity: str
    raised_at: Instant
    local_time: str
    acknowledged_at: Instant | None
    acknowledged_by: Person | None
    acknowledged_s: float | None
    verdict: str | None
    is_test: bool
    is_suppressed: bool
    ended_at: Instant | None
    steps: list[DutyStep]


class DutyStatus(TypedDict):
    """Standing alarms of fire and gas, of faults, others; what was out of service, in test."""

    at: Instant
    local_time: str
    fire: int
    faults: int
    others: int
    out_of_service: int
    in_test: int


class DutyOther(TypedDict):
    at: Instant
    local_time: str
    kind: str
    state: str
    who: Person | None
    text: str
    text_zh: str


DutyRecordShape = TypedDict(
    "DutyRecordShape",
    {
        "site_id": str,
        "site_name": str,
        "timezone": str,
        "date": str,
        "from": Instant,
        "until": Instant,
        "people": list[Person],
        "alarms": list[DutyAlarm],
        "status": list[DutyStatus],
        "others": list[DutyOther],
        "is_whole": bool,
    },
)
