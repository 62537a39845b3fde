"""Linkage: which transitions of which alarms call for which actions. It yields intents; others carry them out."""

from __future__ import annotations

from dataclasses import dataclass

from rules.model import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """When (`on`, filters) then (`actions`). `on` holds signals (`raised`, `stepped_up`, `acknowledged`, `judged_true`, `cleared`).
    Empty filters match everything. `triggers`: standing alarms of these filters on so many different devices of the zone are needed
    (2 for automatic cuts by default: GB 50116 4.1.6 asks for two independent triggers, and two points of one detector are not).
    `cut`: `none`, `offer` (one click offered) or `automatic`; it concerns the circuits of the alarm's zone."""

    id: str
    name: str
    name_en: str = ""
    on: tuple[str, ...] = ("raised", "stepped_up")
    kinds: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    min_severity: Severity = Severity.INFO
    triggers: int = 1
    notify: tuple[str, ...] = ()  # e-mail addresses, `user:ID`, `role:ROLE`, `group:ID`
    cut: str = "none"
    hazard: bool = False
    hazard_after: int = 3  # occurrences (alarm.count or alarms of the point) before a hazard is wanted
    enabled: bool = True
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyWanted:
    """One message for one alarm change; `key` makes it exactly one row of the outbox. `to` is an address where it is known; else
    `recipient` (`user:ID`, `role:ROLE`, `group:ID`) is looked up when the row is written, and everybody found gets a row of their own.
    `channel` "": every one that they have. `cause` names what wanted it: two recipients of one cause with one address get one message."""

    key: str
    linkage_id: str
    alarm_id: str
    alarm_seq: int
    to: str
    at_ms: int
    channel: str = "email"
    recipient: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CutWanted:
    linkage_id: str
    alarm_id: str
    circuit_id: str
    at_ms: int
    reason: str
    alarm_seq: int = 0  # the transition that fired: with linkage and circuit the cause of the order


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardWanted:
    key: str
    linkage_id: str | None
    alarm_id: str
    at_ms: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A linkage that fired, or did not although its alarm matched, with the reason."""

    linkage_id: str
    alarm_id: str
    alarm_seq: int
    at_ms: int
    fired: bool
    reason: str
    code: str = ""  # fired, offered, late, test, suppressed, triggers_missing, hazard_waiting
    reason_zh: str = ""


Intent = NotifyWanted | CutWanted | HazardWanted
