"""Facts in the records: the newest of each (kind, id) that the scan's sections have told, whole as JSON beside what is searched by.

Only the projector writes them. `BODIES` says what each kind holds; a kind is never taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from alarms.escalation import Climb
from alarms.floods import Flood
from alarms.handovers import HandOver
from alarms.out_of_service import OutOfService
from alarms.presence_checks import PresenceCheck
from alarms.proof_tests import ProofRecord, ProofTest
from alarms.quiet_times import QuietSpan
from alarms.self_tests import SelfTest
from alarms.shelf import Shelf
from power.after_hours import StillDrawing
from power.lock_outs import LockRecord
from power.morning_model import Morning, MorningPart
from power.permit_model import WorkPermit
from power.reminders import Notice
from power.run_model import Run, RunItem, Skip
from power.stay_on import StayOn
from power.switchings import Decision, Switching
from sites.facts import Fact
from sites.records import NotFound, Page, Scope
from storage import cursors, rows, tables
from storage.database import put

BODIES: dict[str, type] = {
    "shelf": Shelf,
    "out_of_service": OutOfService,
    "proof_test": ProofTest,
    "proof_record": ProofRecord,
    "quiet_time": QuietSpan,
    "escalation": Climb,
    "presence_check": PresenceCheck,
    "flood": Flood,
    "handover": HandOver,
    "self_test": SelfTest,
    "run": Run,
    "run_item": RunItem,
    "skip": Skip,
    "still_drawing": StillDrawing,
    "lock_out": LockRecord,
    "switching": Switching,
    "order_decision": Decision,
    "notice": Notice,
    "work_permit": WorkPermit,
    "stay_on": StayOn,
    "morning": Morning,
    "morning_part": MorningPart,
}

_COLUMNS = ("kind", "id", "site_id", "state", "subject", "from_ms", "until_ms", "changed_ms", "is_over", "seq")


def apply(connection: Connection, facts: Sequence[Fact]) -> None:
    """Write the newest of each; the same again changes nothing."""
    last = {(fact.kind, fact.id): fact for fact in facts}
    put(connection, tables.facts, [_row(fact) for fact in last.values()], newer_by="seq")


def one(connection: Connection, kind: str, fact_id: str) -> Fact:
    """Raises NotFound."""
    t = tables.facts
    row = connection.execute(select(t).where(t.c.kind == kind, t.c.id == fact_id)).mappings().first()
    if row is None:
        raise NotFound(f"{kind} {fact_id} does not exist")
    return _fact(row)


def page(connection: Connection, kind: str, sites: Scope, cursor: str | None, limit: int, where: dict[str, Any]) -> Page[Fact]:
    """Newest change first. `where`: columns that must equal (state, subject, site_id, is_over), `from_ms` and `to_ms`: those whose span
    overlaps [from, to)."""
    t = tables.facts
    statement = select(t).where(t.c.kind == kind)
    if sites is not None:
        statement = statement.where(t.c.site_id.in_(sites))
    given = {name: value for name, value in where.items() if value is not None}
    if (from_ms := given.pop("from_ms", None)) is not None:
        statement = statement.where((t.c.until_ms.is_(None)) | (t.c.until_ms > from_ms))
    if (to_ms := given.pop("to_ms", None)) is not None:
        statement = statement.where(t.c.from_ms < to_ms)
    for name, value in given.items():
        assert name in _COLUMNS, f"facts have no column {name}"
        statement = statement.where(t.c[name] == value)
    found, next_cursor = cursors.rows_of(connection, statement, [t.c.changed_ms, t.c.id], cursor, limit, descending=True)
    return Page([_fact(row) for row in found], next_cursor)


def _row(fact: Fact) -> dict[str, Any]:
    assert fact.kind in BODIES, f"facts of kind {fact.kind} are not declared in storage.facts.BODIES"
    return {name: getattr(fact, name) for name in _COLUMNS} | {"body": rows.to_json(fact.body)}


def _fact(row: Any) -> Fact:
    return Fact(body=rows.from_json(BODIES[row["kind"]], row["body"]), **{name: row[name] for name in _COLUMNS})


def audited(fact: Fact) -> dict[str, Any]:
    """What the audit keeps of a person's change."""
    return {"state": fact.state, "subject": fact.subject, "until_ms": fact.until_ms, "body": rows.to_json(fact.body)}
