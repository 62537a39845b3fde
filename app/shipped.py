"""What a new service begins with: the shipped rules and linkages, put into the records once, when they hold no rule at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from alarms.escalation_parse import parse_escalation
from alarms.linkage_parse import parse_linkage
from rules.parse import parse_rule
from sites.records import Conflict
from storage.records import Records

_ROOT = Path(__file__).resolve().parent.parent
SERVICE = "service"


class _Loader(yaml.SafeLoader):
    """YAML in which only `true` and `false` are booleans: a linkage's key `on` is a word."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the library's way
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _documents(folder: Path) -> list[dict[str, Any]]:
    texts = [file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.yaml"))]
    return [entry for text in texts for entry in yaml.load(text, _Loader)]


def rules() -> list[Any]:
    """The shipped rules. Raises RuleError, which a test excludes."""
    return [parse_rule(document) for document in _documents(_ROOT / "rules" / "sets")]


def rule_sets() -> list[tuple[str, list[Any]]]:
    """(file, its rules) of each shipped set."""
    files = sorted((_ROOT / "rules" / "sets").glob("*.yaml"))
    return [(file.name, [parse_rule(entry) for entry in yaml.load(file.read_text(encoding="utf-8"), _Loader)]) for file in files]


def linkages() -> list[Any]:
    """The shipped linkages."""
    return [parse_linkage(document) for document in _documents(_ROOT / "alarms" / "sets")]


def escalations() -> list[Any]:
    """The shipped escalation policies."""
    return [parse_escalation(document) for document in _documents(_ROOT / "alarms" / "sets" / "escalations")]


def ensure(records: Records, now_ms: int) -> int:
    """Insert what is shipped into records that hold no rule; returns how many things were inserted."""
    if records.all_things("rule"):
        return 0
    inserted = 0
    for kind, things in (("rule", rules()), ("linkage", linkages()), ("escalation", escalations())):
        for thing in things:
            try:
                records.insert(kind, thing, SERVICE, now_ms)
                inserted += 1
            except Conflict:
                continue  # it is there already
    return inserted
