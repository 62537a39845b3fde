"""Escalation policies from YAML- or JSON-shaped data, and back. Refuses, with every reason at once, what cannot be meant.

A policy that an alarm of fire can climb by keeps the limits of domain.md 8: somebody is told within 180 s while nobody has acknowledged,
and within 300 s while nothing is verified.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from alarms.errors import DocumentError
from alarms.escalation_policy import (
    ACKNOWLEDGE_WITHIN_S,
    CHANNELS,
    CONFIRM_WITHIN_S,
    FIRE_KINDS,
    LEAST_REPEAT_S,
    MOST_ACKNOWLEDGE_S,
    MOST_CONFIRM_S,
    MOST_REPEATS,
    Escalation,
    Step,
)
from alarms.given import Given
from alarms.linkage_parse import KINDS
from rules.model import Severity

ROLES = ("operator", "manager", "enterprise", "agency", "grid", "supervisor", "administrator")
MOST_STEPS = 10
MOST_AFTER_S = 86_400
_SEVERITIES = {severity.name.lower(): severity for severity in Severity}
_WHOM = re.compile(r"(duty(:[A-Za-z0-9_.-]{1,64})?|role:(%s)|(user|group):[A-Za-z0-9_.-]{1,64})\Z" % "|".join(ROLES))  # noqa: UP031
_CLAUSES = {
    "unacknowledged": (
        MOST_ACKNOWLEDGE_S,
        "a fire alarm that nobody acknowledges is told within 180 s (GB 25201 confirm by the fastest means)",
    ),
    "unverified": (
        MOST_CONFIRM_S,
        "a fire alarm that nobody verifies is told within 300 s (micro fire station: confirm in 1 min, fight in 3)",
    ),
}


def is_whom(text: str) -> bool:
    """Whether a text names recipients: `duty`, `duty:POSITION`, `role:ROLE`, `user:ID`, `group:ID`."""
    return bool(_WHOM.match(text))


def parse_escalation(data: Any) -> Escalation:
    """One policy from its data. Raises DocumentError with all its problems."""
    given = Given(data)
    given.only("id", "name", "site_id", "kinds", "min_severity", "unacknowledged", "unverified", "enabled", "version")
    name, name_en = given.names()
    policy = Escalation(
        id=given.own_id(),
        name=name,
        name_en=name_en,
        site_id=given.id("site_id"),
        kinds=given.words("kinds", "kinds: " + ", ".join(KINDS), KINDS.__contains__),
        min_severity=_SEVERITIES[given.choice("min_severity", tuple(_SEVERITIES), "high")],
        unacknowledged=given.parts("unacknowledged", lambda step: _step(step, ACKNOWLEDGE_WITHIN_S), MOST_STEPS),
        unverified=given.parts("unverified", lambda step: _step(step, CONFIRM_WITHIN_S), MOST_STEPS),
        enabled=given.flag("enabled", True),
        version=given.whole("version", 1, 2**31 - 1, 1),
    )
    _ordered(given, policy)
    _limited(given, policy)
    if given.problems:
        raise DocumentError("escalation", policy.id, given.problems)
    return policy


def _step(given: Given, default_s: int) -> Step:
    given.only("after_s", "whom", "otherwise", "channels", "repeat_s", "repeats")
    whom = given.words("whom", "recipients: duty, duty:POSITION, role:ROLE, user:ID or group:ID", is_whom, 20)
    if not whom:
        given.refuse("whom", [], "at least one of duty, duty:POSITION, role:ROLE, user:ID, group:ID")
    step = Step(
        after_s=given.whole("after_s", 0, MOST_AFTER_S, default_s),
        whom=whom,
        otherwise=given.words("otherwise", "recipients: role:ROLE, user:ID or group:ID", is_whom, 20),
        channels=given.words("channels", "channels: " + ", ".join(CHANNELS), CHANNELS.__contains__),
        repeat_s=given.whole("repeat_s", 0, MOST_AFTER_S, 0),
        repeats=given.whole("repeats", 0, MOST_REPEATS, 0),
    )
    if step.repeats and step.repeat_s < LEAST_REPEAT_S:
        given.refuse("repeat_s", step.repeat_s, f"at least {LEAST_REPEAT_S} s between repetitions")
    return step


def _ordered(given: Given, policy: Escalation) -> None:
    if not policy.unacknowledged and not policy.unverified:
        given.refuse("unacknowledged", [], "at least one step on one of the two ladders")
    for ladder in _CLAUSES:
        times = [step.after_s for step in policy.ladder(ladder)]
        if times != sorted(set(times)):
            given.refuse(ladder, times, "steps in the order of their times, no two at the same")


def _limited(given: Given, policy: Escalation) -> None:
    """Fire: neither ladder may be left out, nor its first step be later than the limit."""
    if policy.kinds and not set(policy.kinds) & set(FIRE_KINDS):
        return
    for ladder, (most_s, clause) in _CLAUSES.items():
        steps = policy.ladder(ladder)
        if not steps:
            given.refuse(ladder, [], f"at least one step: {clause}; or kinds without {', '.join(FIRE_KINDS)}")
        elif steps[0].after_s > most_s:
            given.refuse(f"{ladder}[0].after_s", steps[0].after_s, f"at most {most_s}: {clause}")


def escalation_data(policy: Escalation) -> dict[str, Any]:
    """The data of a policy, as `parse_escalation` takes it."""
    return {
        "id": policy.id,
        "name": {"zh": policy.name, "en": policy.name_en} if policy.name_en else policy.name,
        "site_id": policy.site_id,
        "kinds": list(policy.kinds),
        "min_severity": policy.min_severity.name.lower(),
        "unacknowledged": [_step_data(step) for step in policy.unacknowledged],
        "unverified": [_step_data(step) for step in policy.unverified],
        "enabled": policy.enabled,
        "version": policy.version,
    }


def _step_data(step: Step) -> Mapping[str, Any]:
    return {
        "after_s": step.after_s,
        "whom": list(step.whom),
        "otherwise": list(step.otherwise),
        "channels": list(step.channels),
        "repeat_s": step.repeat_s,
        "repeats": step.repeats,
    }
