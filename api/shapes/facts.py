"""Facts over HTTP and in the live stream: what the scan keeps besides alarms and orders, with its times as ISO 8601.

One shape for every kind: `body` is the kind's own value, whose fields named `..._ms` become `..._at` (`from_ms`, `until_ms`: `from`,
`until`).
"""

from __future__ import annotations

from typing import Any

import msgspec
from typing_extensions import TypedDict

from api.shapes.times import Instant, iso, iso_or_none
from sites.facts import Fact

FactShape = TypedDict(
    "FactShape",
    {
        "kind": str,
        "id": str,
        "site_id": str,
        "state": str,
        "subject": str,
        "from": Instant | None,
        "until": Instant | None,
        "changed_at": Instant,
        "is_over": bool,
        "body": dict[str, Any],
    },
)


class FactPage(TypedDict):
    items: list[FactShape]
    next_cursor: str | None


def fact_shape(fact: Fact) -> FactShape:
    return {
        "kind": fact.kind,
        "id": fact.id,
        "site_id": fact.site_id,
        "state": fact.state,
        "subject": fact.subject,
        "from": iso_or_none(fact.from_ms or None),
        "until": iso_or_none(fact.until_ms),
        "changed_at": iso(fact.changed_ms),
        "is_over": fact.is_over,
        "body": timed(msgspec.to_builtins(fact.body)),
    }


def timed(value: Any) -> Any:
    """Builtins with every millisecond field turned into its ISO time under the name that the API uses."""
    if isinstance(value, dict):
        return {_name(key): iso_or_none(each) if key.endswith("_ms") else timed(each) for key, each in value.items()}
    return [timed(each) for each in value] if isinstance(value, list | tuple) else value


def _name(key: str) -> str:
    if key in ("from_ms", "until_ms"):
        return key[:-3]
    return f"{key[:-3]}_at" if key.endswith("_ms") else key
