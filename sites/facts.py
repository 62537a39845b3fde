"""A fact: one thing that the scan keeps besides alarms and orders, as it stands after a change.

Shelving, proof tests, escalations, permits, plans' runs and the like are each written by one section of the scan, which hands every
change on as a fact; the records keep the newest of each (kind, id), the live stream tells it. It decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """`body` is a frozen dataclass of the kind (`storage.facts.BODIES`). `site_id` "": it concerns the service. `subject`: what it is about
    (`alarm:<id>`, `zone:<id>`, `circuit:<id>`). `who`: the user whose request changed it (then it is audited as `what`); None: the service.
    `is_over`: it matters
    no longer to what happens now. `seq` rises with each change of the same (kind, id)."""

    kind: str
    id: str
    site_id: str
    state: str
    changed_ms: int
    body: Any
    subject: str = ""
    from_ms: int = 0
    until_ms: int | None = None
    who: str | None = None
    what: str = ""
    is_over: bool = False
    seq: int = 1
