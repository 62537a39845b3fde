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
    """A response step of `alarms.response.STEPS`. `whom`: who was sent, has arrived, or was spoken to; `phone`: the number used."""

    alarm_id: str
    who: str
    step: str
    note: str = ""
    whom: str = ""
    phone: str = ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """End an alarm that nothing will ever clear: its point left the rule's scope, its rule or device is gone."""

    alarm_id: str
    who: str
    reason: str


# -- suppression: answered by alarms.suppressions ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelve:
    """Put an alarm aside until then. `one_shot`: until its condition is over, if that is sooner."""

    alarm_id: str
    who: str
    until_ms: int
    reason: str
    one_shot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unshelve:
    """Take an alarm's shelf away before its time."""

    alarm_id: str
    who: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOut:
    """Take a device, a zone, or a rule on a subject out of service. `kinds`: facets of alarms that it is given for; a zone needs them.
    `permit`: its number; `patrol`: what watches instead. Over 24 h it stands only once another person approves it."""

    who: str
    reason: str
    until_ms: int
    from_ms: int | None = None  # None: now
    device_id: str = ""
    zone_id: str = ""
    rule_id: str = ""
    subject: str = ""
    kinds: tuple[str, ...] = ()
    permit: str = ""
    patrol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveOut:
    out_id: str
    who: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndOut:
    """Return to service, or take the wish back before it stands."""

    out_id: str
    who: str
    reason: str = ""


# -- proof tests: answered by alarms.proof_tests -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginTest:
    """A zone or a device is tested until then."""

    who: str
    until_ms: int
    reason: str
    device_id: str = ""
    zone_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkApplied:
    """The tester has just applied smoke, gas or heat to this detector: its time to respond counts from here."""

    test_id: str
    who: str
    device_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTest:
    test_id: str
    who: str
    note: str = ""


AlarmRequest = (
    Acknowledge
    | Reset
    | Assign
    | Note
    | Progress
    | Judge
    | LinkHazard
    | Withdraw
    | Shelve
    | Unshelve
    | TakeOut
    | ApproveOut
    | EndOut
    | BeginTest
    | MarkApplied
    | EndTest
)
BookRequest = Acknowledge | Reset | Assign | Note | Progress | Judge | LinkHazard | Withdraw  # those that `alarms.book` answers itself
