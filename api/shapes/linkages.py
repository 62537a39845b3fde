"""Linkages over HTTP: as data with a sentence a person reads, what became of them at an alarm, and what they would have done."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from alarms.dry_run import DryRun
from alarms.escalation_words import Namer
from alarms.linkage import CommandWanted, CutWanted, Firing, HazardWanted, Intent, Linkage, NotifyWanted, RunWanted
from alarms.linkage_parse import linkage_data
from alarms.linkage_words import sentence
from api.shapes.alarms import SEVERITY_NAMES, SeverityName
from api.shapes.times import Instant, iso


class LinkageShape(TypedDict):
    """`sentence`: what it does, in words. `data`: all of it, as it is handed in."""

    id: str
    name: str
    name_en: str
    on: list[str]
    kinds: list[str]
    sites: list[str]
    zones: list[str]
    min_severity: SeverityName
    triggers: int
    notify: list[str]
    cut: str
    hazard: bool
    hazard_after: int
    enabled: bool
    version: int
    sentence: str
    sentence_en: str
    data: dict[str, Any]


class LinkagePage(TypedDict):
    items: list[LinkageShape]
    next_cursor: str | None


class FiringShape(TypedDict):
    """A linkage that fired at the alarm's transition `seq`, waits, or did nothing, with the reason. `code`: see `alarms.follow`."""

    linkage_id: str
    name: str
    name_en: str
    seq: int
    at: Instant
    fired: bool
    code: str
    reason: str
    reason_en: str


class FiringList(TypedDict):
    items: list[FiringShape]


class DryRunAsk(BaseModel):
    model_config = ConfigDict(extra="forbid")
    alarm_id: str = Field(max_length=64)
    linkage: dict[str, Any] | None = Field(None, description="A linkage as data that is not saved; else the one that was named.")


class WantedShape(TypedDict):
    """`what`: notify, cut, plan, command, hazard; `which`: whom, the circuit, the plan, the actuator."""

    what: str
    which: str
    at: Instant


class DryRunShape(TypedDict):
    """`others`: alarms of its zone that were taken into account; `is_whole`: false where there were more than could be."""

    would_fire: bool
    sentence: str
    sentence_en: str
    firings: list[FiringShape]
    wanted: list[WantedShape]
    others: int
    is_whole: bool


def linkage_shape(linkage: Linkage, name: Namer) -> LinkageShape:
    zh, en = sentence(linkage, name)
    return {
        "id": linkage.id,
        "name": linkage.name,
        "name_en": linkage.name_en,
        "on": list(linkage.on),
        "kinds": list(linkage.kinds),
        "sites": list(linkage.sites),
        "zones": list(linkage.zones),
        "min_severity": SEVERITY_NAMES[linkage.min_severity],
        "triggers": linkage.triggers,
        "notify": list(linkage.notify),
        "cut": linkage.cut,
        "hazard": linkage.hazard,
        "hazard_after": linkage.hazard_after,
        "enabled": linkage.enabled,
        "version": linkage.version,
        "sentence": zh,
        "sentence_en": en,
        "data": linkage_data(linkage),
    }


def firing_shape(firing: Firing, linkage: Linkage | None) -> FiringShape:
    return {
        "linkage_id": firing.linkage_id,
        "name": linkage.name if linkage else firing.linkage_id,
        "name_en": (linkage.name_en or linkage.name) if linkage else firing.linkage_id,
        "seq": firing.alarm_seq,
        "at": iso(firing.at_ms),
        "fired": firing.fired,
        "code": firing.code,
        "reason": firing.reason_zh,
        "reason_en": firing.reason,
    }


def dry_run_shape(found: DryRun, linkage: Linkage, is_whole: bool, name: Namer) -> DryRunShape:
    zh, en = sentence(linkage, name)
    return {
        "would_fire": found.would_fire,
        "sentence": zh,
        "sentence_en": en,
        "firings": [firing_shape(firing, linkage) for firing in found.firings],
        "wanted": [_wanted(intent) for intent in found.intents],
        "others": found.others,
        "is_whole": is_whole,
    }


def _wanted(intent: Intent) -> WantedShape:
    match intent:
        case NotifyWanted():
            what, which = "notify", intent.recipient or intent.to
        case CutWanted():
            what, which = "cut", intent.circuit_id
        case RunWanted():
            what, which = "plan", intent.plan_id
        case CommandWanted():
            what, which = "command", f"{intent.actuator_id}: {intent.action}"
        case HazardWanted():
            what, which = "hazard", intent.reason
    return {"what": what, "which": which, "at": iso(intent.at_ms)}
