"""Linkages from YAML- or JSON-shaped data, and back. Refuses, with every reason at once, what cannot be meant.

The only maker of linkages from outside; it reads no file. `parse_linkage(linkage_data(linkage)) == linkage` for every one it accepts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from alarms.errors import LinkageError
from alarms.linkage import ACTUATOR_ACTIONS, ActuatorCommand, Linkage
from rules.errors import Problem
from rules.model import Severity
from rules.parse_reader import Reader, is_finite
from rules.parse_schedule import data_of_schedule, schedule_of
from sites.model import ID_PATTERN

SIGNALS = ("raised", "stepped_up", "acknowledged", "judged_true", "cleared", "unresolved")
CUTS = ("none", "offer", "automatic")
KINDS = ("smoke", "heat", "gas", "electrical", "water", "power", "device", "presence", "manual_call", "service", "other")
MOST_TRIGGERS = 10
MOST_HAZARD_AFTER = 1_000
MOST_DELAY_S = 86_400.0
MOST_UNRESOLVED_S = 30 * 86_400.0
MOST_COMMANDS = 20
_RULE = re.compile(r"(service:)?[A-Za-z0-9_.-]{1,64}\Z")
_METRIC = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_SEVERITIES = {severity.name.lower(): severity for severity in Severity}
_ADDRESS = re.compile(
    r"[^@\s]+@[^@\s]+\Z|role:(operator|manager|enterprise|supervisor|administrator)\Z|(user|group):[A-Za-z0-9_.-]{1,64}\Z"
)
_FIELDS = frozenset(
    {
        "id", "name", "on", "kinds", "sites", "zones", "min_severity", "triggers", "notify", "cut",
        "hazard", "hazard_after", "enabled", "version",
        "rules", "metrics", "schedule", "unresolved_s", "delay_s", "cancel_if_cleared", "circuits", "outside_gas_area", "plan", "commands",
        "hazard_days", "hazard_apart_h",
    }
)  # fmt: skip


class _Reader:
    """Takes fields out of the data and notes what is wrong with them."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.problems: list[Problem] = []

    def refuse(self, field: str, given: object, allowed: str) -> None:
        self.problems.append(Problem(field, "nothing" if given is None else repr(given), allowed))

    def choice(self, field: str, allowed: tuple[str, ...], default: str) -> str:
        given = self.data.get(field, default)
        if isinstance(given, str) and given in allowed:
            return given
        self.refuse(field, given, "one of " + ", ".join(allowed))
        return default

    def whole(self, field: str, most: int, default: int) -> int:
        given = self.data.get(field, default)
        if isinstance(given, int) and not isinstance(given, bool) and 1 <= given <= most:
            return given
        self.refuse(field, given, f"a whole number from 1 to {most}")
        return default

    def number(self, field: str, most: float, default: float) -> float:
        given = self.data.get(field, default)
        if is_finite(given) and 0 <= given <= most:
            return float(given)
        self.refuse(field, given, f"a number from 0 to {most:g}")
        return default

    def commands(self) -> tuple[ActuatorCommand, ...]:
        given = self.data.get("commands", ())
        if not isinstance(given, list | tuple) or len(given) > MOST_COMMANDS:
            self.refuse("commands", given, f"a list of at most {MOST_COMMANDS} commands")
            return ()
        found = [self._command(f"commands.{number}", each) for number, each in enumerate(given)]
        return tuple(dict.fromkeys(each for each in found if each is not None))

    def _command(self, field: str, given: object) -> ActuatorCommand | None:
        allowed = "; ".join(f"{kind}: {', '.join(actions)}" for kind, actions in ACTUATOR_ACTIONS.items())
        if not isinstance(given, Mapping) or not {"kind", "action"} <= set(given) <= {"kind", "action", "actuator_id"}:
            self.refuse(field, given, "{kind, action, actuator_id}, the last where one is meant and not all of the zone")
            return None
        kind, action, named = given["kind"], given["action"], given.get("actuator_id", "")
        if not isinstance(kind, str) or action not in ACTUATOR_ACTIONS.get(kind, ()):
            self.refuse(field, dict(given), allowed)
            return None
        if not isinstance(named, str) or (named and not ID_PATTERN.match(named)):
            self.refuse(f"{field}.actuator_id", named, "the id of an actuator")
            return None
        return ActuatorCommand(kind=kind, action=str(action), actuator_id=named)

    def one_id(self, field: str) -> str:
        given = self.data.get(field, "")
        if isinstance(given, str) and (not given or ID_PATTERN.match(given)):
            return given
        self.refuse(field, given, "an id")
        return ""

    def flag(self, field: str, default: bool) -> bool:
        given = self.data.get(field, default)
        if isinstance(given, bool):
            return given
        self.refuse(field, given, "true or false")
        return default

    def many(self, field: str, allowed: str, fits: Any, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        given = self.data.get(field, default)
        if isinstance(given, list | tuple) and all(isinstance(item, str) and fits(item) for item in given):
            return tuple(dict.fromkeys(given))
        self.refuse(field, given, f"a list of {allowed}")
        return default

    def names(self) -> tuple[str, str]:
        given = self.data.get("name")
        if isinstance(given, str) and given.strip():
            return given, ""
        if isinstance(given, Mapping) and set(given) <= {"zh", "en"} and all(isinstance(text, str) for text in given.values()):
            zh, en = given.get("zh", ""), given.get("en", "")
            if zh.strip() or en.strip():
                return (zh, en) if zh.strip() else (en, "")
        self.refuse("name", given, "a text, or {zh: text, en: text}")
        return "", ""


def parse_linkage(data: Mapping[Any, Any]) -> Linkage:
    """One linkage from its data. Raises LinkageError with all its problems."""
    if not isinstance(data, Mapping):
        raise LinkageError("", [Problem("linkage", repr(data), "a mapping of fields")])
    data = {"on" if name is True else name: given for name, given in data.items()}  # YAML 1.1 reads a bare `on` as true
    read = _Reader(data)
    for name in data:
        if name not in _FIELDS:
            read.refuse(str(name), "an unknown field", ", ".join(sorted(_FIELDS)))
    linkage_id = data.get("id")
    if not isinstance(linkage_id, str) or not ID_PATTERN.match(linkage_id):
        read.refuse("id", linkage_id, "1 to 64 letters, digits, '_', '.' and '-'")
        linkage_id = ""
    name, name_en = read.names()
    on = read.many("on", "signals: " + ", ".join(SIGNALS), SIGNALS.__contains__, ("raised", "stepped_up"))
    if not on:
        read.refuse("on", [], "at least one of " + ", ".join(SIGNALS))
    severity = read.choice("min_severity", tuple(_SEVERITIES), "info")
    cut = read.choice("cut", CUTS, "none")
    plan = read.one_id("plan")
    acts = cut == "automatic" or bool(plan)
    if acts and not set(on) <= {"raised", "stepped_up", "judged_true", "unresolved"}:
        allowed = "raised, stepped_up, judged_true or unresolved for an automatic cut or a plan: nothing is cut because an alarm ends"
        read.refuse("on", list(on), allowed)
    if acts and not data.get("kinds"):
        read.refuse("kinds", data.get("kinds"), "at least one kind for an automatic cut or a plan, so that it is meant")
    unresolved_s = read.number("unresolved_s", MOST_UNRESOLVED_S, 0.0)
    if ("unresolved" in on) != (unresolved_s > 0):
        read.refuse("unresolved_s", unresolved_s, "seconds above 0 together with the signal unresolved, and only with it")
    schedules = Reader(data)
    schedule = schedule_of(schedules)
    read.problems += schedules.problems
    linkage = Linkage(
        id=linkage_id,
        name=name,
        name_en=name_en,
        on=on,
        kinds=read.many("kinds", "kinds: " + ", ".join(KINDS), KINDS.__contains__),
        sites=read.many("sites", "site ids", ID_PATTERN.match),
        zones=read.many("zones", "zone ids", ID_PATTERN.match),
        min_severity=_SEVERITIES[severity],
        triggers=read.whole("triggers", MOST_TRIGGERS, 2 if acts else 1),
        notify=read.many("notify", "e-mail addresses, user:ID, role:ROLE or group:ID", _ADDRESS.match),
        cut=cut,
        hazard=read.flag("hazard", False),
        hazard_after=read.whole("hazard_after", MOST_HAZARD_AFTER, 3),
        enabled=read.flag("enabled", True),
        version=read.whole("version", 2**31, 1),
        rules=read.many("rules", "rule ids", _RULE.match),
        metrics=read.many("metrics", "metrics, without a channel", _METRIC.match),
        schedule=schedule,
        unresolved_s=unresolved_s,
        delay_s=read.number("delay_s", MOST_DELAY_S, 0.0),
        cancel_if_cleared=read.flag("cancel_if_cleared", True),
        circuits=read.many("circuits", "circuit ids", ID_PATTERN.match),
        outside_gas_area=read.flag("outside_gas_area", False),
        plan=plan,
        commands=read.commands(),
        hazard_days=read.whole("hazard_days", 30, 0) if data.get("hazard_days") else 0,
        hazard_apart_h=read.number("hazard_apart_h", 240.0, 0.0),
    )
    if read.problems:
        raise LinkageError(linkage_id, read.problems)
    return linkage


def linkage_data(linkage: Linkage) -> dict[str, Any]:
    """The data of a linkage, as `parse_linkage` takes it: the common fields always, the others where they say something."""
    return {
        "id": linkage.id,
        "name": {"zh": linkage.name, "en": linkage.name_en} if linkage.name_en else linkage.name,
        "on": list(linkage.on),
        "kinds": list(linkage.kinds),
        "sites": list(linkage.sites),
        "zones": list(linkage.zones),
        "min_severity": linkage.min_severity.name.lower(),
        "triggers": linkage.triggers,
        "notify": list(linkage.notify),
        "cut": linkage.cut,
        "hazard": linkage.hazard,
        "hazard_after": linkage.hazard_after,
        "enabled": linkage.enabled,
        "version": linkage.version,
        **_further(linkage),
    }


def _further(linkage: Linkage) -> dict[str, Any]:
    data: dict[str, Any] = {
        "rules": list(linkage.rules),
        "metrics": list(linkage.metrics),
        "schedule": None if linkage.schedule is None else data_of_schedule(linkage.schedule),
        "unresolved_s": linkage.unresolved_s,
        "delay_s": linkage.delay_s,
        "circuits": list(linkage.circuits),
        "outside_gas_area": linkage.outside_gas_area,
        "plan": linkage.plan,
        "commands": [
            {"kind": each.kind, "action": each.action} | ({"actuator_id": each.actuator_id} if each.actuator_id else {})
            for each in linkage.commands
        ],
        "hazard_days": linkage.hazard_days,
        "hazard_apart_h": linkage.hazard_apart_h,
    }
    kept = {name: value for name, value in data.items() if value}
    return kept if linkage.cancel_if_cleared else kept | {"cancel_if_cleared": False}
