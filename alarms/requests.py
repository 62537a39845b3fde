"""What a person may ask of alarms, as frozen values that enter the scan's inbox and the journal.

`who` is a user id that the API has authenticated; whether that user may touch the alarm's site is decided at the door, whether the
alarm's state allows it is decided by `alarms.book`.
"""

from __future__ import annotations

from dataclasses import dataclass

from alarms.model import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    alarm_ids: tuple[str, ...]
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    alarm_ids: tuple[str, ...]
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    alarm_id: str
    who: str
    assignee: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    alarm_id: str
    who: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A response step: dispatched, arrived, verified, called_119."""

    alarm_id: str
    who: str
    step: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    alarm_id: str
    who: str
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkHazard:
    """The records tell the scan which hazard an alarm belongs to."""

    alarm_id: str
    who: str
    hazard_id: str


AlarmRequest = Acknowledge | Reset | Assign | Note | Progress | Judge | LinkHazard
