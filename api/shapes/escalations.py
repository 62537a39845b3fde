"""Escalation policies and duty rosters over HTTP: handed in as the data that their parsers read, given back with sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typing_extensions import TypedDict

from alarms.contacts import masked_phone
from alarms.duty import DutyRoster, OnDuty
from alarms.duty_parse import duty_roster_data
from alarms.escalation import Climb
from alarms.escalation_parse import escalation_data
from alarms.escalation_policy import Escalation
from alarms.escalation_words import sentences, whom_words
from api.shapes.times import Instant, iso, iso_or_none

Namer = Callable[[str, str], str]


class StepShape(TypedDict):
    after_s: int
    whom: list[str]
    otherwise: list[str]
    channels: list[str]
    repeat_s: int
    repeats: int


class EscalationShape(TypedDict):
    """`sentences` say the whole policy. `data` is the policy as it is handed in: change that, with its version, and PUT it."""

    id: str
    name: str
    name_en: str
    site_id: str | None
    kinds: list[str]
    min_severity: str
    unacknowledged: list[StepShape]
    unverified: list[StepShape]
    enabled: bool
    version: int
    sentences_zh: list[str]
    sentences_en: list[str]
    data: dict[str, Any]


class EscalationPage(TypedDict):
    items: list[EscalationShape]
    next_cursor: str | None


class ToldShape(TypedDict):
    ladder: str
    step: int
    repetition: int
    at: Instant
    whom: list[str]
    whom_zh: str
    whom_en: str


class ClimbShape(TypedDict):
    """Where an alarm stands: on the ladder `unacknowledged` or `unverified`, or `over` with the reason. `next_...`: what comes next."""

    state: str
    policy_id: str
    policy_name: str
    policy_name_en: str
    since: Instant
    next_at: Instant | None
    next_step: int | None
    next_whom: list[str]
    next_whom_zh: str
    next_whom_en: str
    next_channels: list[str]
    told: list[ToldShape]
    reason: str
    reason_zh: str


class OnDutyShape(TypedDict):
    """`from`, `until` bound the shift. Telephone and e-mail only for who may change the roster."""

    shift_id: str
    position: str
    person_id: str
    name: str
    user_id: str | None
    phone: str
    begins_at: Instant
    ends_at: Instant


class ShortfallShape(TypedDict):
    begins_at: Instant
    ends_at: Instant
    missing: int


class DutyRosterShape(TypedDict):
    """`missing_now`: how many people too few are on duty at this moment."""

    id: str
    name: str
    name_en: str
    site_id: str | None
    min_persons: int
    waiver: str
    enabled: bool
    version: int
    on_duty: list[OnDutyShape]
    missing_now: int
    data: dict[str, Any]


class DutyRosterPage(TypedDict):
    items: list[DutyRosterShape]
    next_cursor: str | None


class DutyShape(TypedDict):
    """Shifts that touch the span, and when too few people are on duty in it."""

    items: list[OnDutyShape]
    shortfalls: list[ShortfallShape]


def escalation_shape(policy: Escalation, name: Namer) -> EscalationShape:
    data = escalation_data(policy)
    zh, en = sentences(policy, name)
    return {
        "id": policy.id,
        "name": policy.name,
        "name_en": policy.name_en,
        "site_id": policy.site_id,
        "kinds": list(policy.kinds),
        "min_severity": policy.min_severity.name.lower(),
        "unacknowledged": data["unacknowledged"],
        "unverified": data["unverified"],
        "enabled": policy.enabled,
        "version": policy.version,
        "sentences_zh": zh,
        "sentences_en": en,
        "data": data,
    }


def climb_shape(climb: Climb, name: Namer) -> ClimbShape:
    zh, en = _listed(climb.next_whom, name)
    return {
        "state": climb.state,
        "policy_id": climb.policy_id,
        "policy_name": climb.policy_name,
        "policy_name_en": climb.policy_name_en,
        "since": iso(climb.since_ms),
        "next_at": iso_or_none(climb.next_ms),
        "next_step": climb.next_step,
        "next_whom": list(climb.next_whom),
        "next_whom_zh": zh,
        "next_whom_en": en,
        "next_channels": list(climb.next_channels),
        "told": [
            {
                "ladder": told.ladder,
                "step": told.step,
                "repetition": told.repetition,
                "at": iso(told.at_ms),
                "whom": list(told.whom),
                "whom_zh": _listed(told.whom, name)[0],
                "whom_en": _listed(told.whom, name)[1],
            }
            for told in climb.told
        ],
        "reason": climb.reason,
        "reason_zh": climb.reason_zh,
    }


def duty_roster_shape(roster: DutyRoster, on_duty: list[OnDuty], missing: int, may_see_contacts: bool) -> DutyRosterShape:
    data = duty_roster_data(roster)
    if not may_see_contacts:
        data["people"] = [{**each, "phone": masked_phone(each["phone"]), "email": ""} for each in data["people"]]
    return {
        "id": roster.id,
        "name": roster.name,
        "name_en": roster.name_en,
        "site_id": roster.site_id,
        "min_persons": roster.min_persons,
        "waiver": roster.waiver,
        "enabled": roster.enabled,
        "version": roster.version,
        "on_duty": [on_duty_shape(duty, may_see_contacts) for duty in on_duty],
        "missing_now": missing,
        "data": data,
    }


def on_duty_shape(duty: OnDuty, may_see_contacts: bool) -> OnDutyShape:
    return {
        "shift_id": duty.shift_id,
        "position": duty.position,
        "person_id": duty.person.id,
        "name": duty.person.name,
        "user_id": duty.person.user_id,
        "phone": duty.person.phone if may_see_contacts else masked_phone(duty.person.phone),
        "begins_at": iso(duty.from_ms),
        "ends_at": iso(duty.until_ms),
    }


def _listed(whom: tuple[str, ...], name: Namer) -> tuple[str, str]:
    named = [whom_words(each, name) for each in whom]
    return "、".join(zh for zh, _ in named), ", ".join(en for _, en in named)
