"""Linkages from YAML- or JSON-shaped data, and back. Refuses, with every reason at once, what cannot be meant.

The only maker of linkages from outside; it reads no file. `parse_linkage(linkage_data(linkage)) == linkage` for every one it accepts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from alarms.errors import LinkageError
from alarms.linkage import Linkage
from rules.errors import Problem
from rules.model import Severity
from sites.model import ID_PATTERN

SIGNALS = ("raised", "stepped_up", "acknowledged", "judged_true", "cleared")
CUTS = ("none", "offer", "automatic")
KINDS = ("smoke", "heat", "gas", "electrical", "water", "power", "device", "presence", "manual_call", "service", "other")
MOST_TRIGGERS = 10
MOST_HAZARD_AFTER = 1_000
_SEVERITIES = {severity.name.lower(): severity for severity in Severity}
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\Z|role:(operator|manager|enterprise|supervisor|administrator)\Z|(user|group):[A-Za-z0-9_.-]{1,64}\Z")
_FIELDS = frozenset(
    {
        "id", "name", "on", "kinds", "sites", "zones", "min_severity", "triggers", "notify", "cut",
        "hazard", "hazard_after", "enabled", "version",
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
    if cut == "automatic" and not set(on) <= {"raised", "stepped_up", "judged_true"}:
        read.refuse("on", list(on), "raised, stepped_up or judged_true for an automatic cut: nothing is cut because an alarm ends")
    if cut == "automatic" and not data.get("kinds"):
        read.refuse("kinds", data.get("kinds"), "at least one kind for an automatic cut, so that it is meant")
    linkage = Linkage(
        id=linkage_id,
        name=name,
        name_en=name_en,
        on=on,
        kinds=read.many("kinds", "kinds: " + ", ".join(KINDS), KINDS.__contains__),
        sites=read.many("sites", "site ids", ID_PATTERN.match),
        zones=read.many("zones", "zone ids", ID_PATTERN.match),
        min_severity=_SEVERITIES[severity],
        triggers=read.whole("triggers", MOST_TRIGGERS, 2 if cut == "automatic" else 1),
        notify=read.many("notify", "e-mail addresses, user:ID, role:ROLE or group:ID", _ADDRESS.match),
        cut=cut,
        hazard=read.flag("hazard", False),
        hazard_after=read.whole("hazard_after", MOST_HAZARD_AFTER, 3),
        enabled=read.flag("enabled", True),
        version=read.whole("version", 2**31, 1),
    )
    if read.problems:
        raise LinkageError(linkage_id, read.problems)
    return linkage


def linkage_data(linkage: Linkage) -> dict[str, Any]:
    """The data of a linkage, as `parse_linkage` takes it."""
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
    }
