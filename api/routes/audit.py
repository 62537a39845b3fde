"""The audit over HTTP: searched, exported with its hashes, and its chain checked. For who administers everything: it is of all sites."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from api.access import roles_for
from api.door import ActingRoute, At, By, Door, Visitor
from api.problems import forbidden, invalid
from api.routes.query import Cursor, From, Limit, To
from api.shapes.access import AuditCheckAsk, AuditChecked, AuditEntry, AuditHead, AuditPage, audit_entry
from api.shapes.times import iso
from sites.audit import AuditQuery

router = APIRouter(route_class=ActingRoute, tags=["audit"])
_AT_ONCE = 500
_COLUMNS = ("id", "at_ms", "at", "who", "name", "what", "kind", "thing_id", "before", "after", "prev_hash", "hash")
Name = Annotated[str | None, Query(max_length=200)]


@router.get("/audit")
def audit(
    door: At,
    visitor: By,
    who: Name = None,
    kind: Name = None,
    what: Name = None,
    thing: Name = None,
    from_ms: From = None,
    to_ms: To = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AuditPage:
    """Newest first, each entry whole, so that its hash can be computed again."""
    _must_everywhere(visitor)
    query = AuditQuery(who=who, kind=kind, what=what, thing_id=thing, from_ms=from_ms, to_ms=to_ms)
    page = door.records.audit_page(query, cursor, limit)
    return {"items": [_shape(door, entry) for entry in page.items], "next_cursor": page.next_cursor}


@router.get("/audit/head")
def audit_head(door: At, visitor: By) -> AuditHead:
    """The newest entry and its hash: kept elsewhere, it later shows that nothing before it was changed or cut off."""
    _must_everywhere(visitor)
    last_id, hashed = door.records.audit_head()
    return {"last_id": last_id, "hash": hashed, "at": iso(visitor.now_ms)}


@router.post("/audit/check")
def check_audit(ask: AuditCheckAsk, door: At, visitor: By) -> AuditChecked:
    """Walk the whole chain, and find in it the entry whose hash was kept elsewhere, where one is given."""
    _must_everywhere(visitor)
    if (ask.known_id is None) != (ask.known_hash is None):
        raise invalid("the id and the hash of the entry kept elsewhere go together", "/known_hash")
    known = None if ask.known_id is None or ask.known_hash is None else (ask.known_id, ask.known_hash)
    found = door.records.audit_check(known)
    return {
        "problem": found.problem, "entries": found.entries, "first_id": found.first_id, "last_id": found.last_id, "hash": found.head,
    }  # fmt: skip


@router.get("/audit/export", response_class=Response, responses={200: {"content": {"text/csv": {}, "application/jsonl": {}}}})
def export_audit(
    door: At,
    visitor: By,
    form: Literal["csv", "jsonl"] = "jsonl",
    who: Name = None,
    kind: Name = None,
    what: Name = None,
    thing: Name = None,
    from_ms: From = None,
    to_ms: To = None,
) -> Response:
    """Newest first, with hashes. The export itself is an entry."""
    _must_everywhere(visitor)
    asked = {"form": form, "who": who, "kind": kind, "what": what, "thing": thing, "from_ms": from_ms, "to_ms": to_ms}
    door.records.note_act(visitor.user.id, "export", "audit", form, visitor.now_ms, {k: v for k, v in asked.items() if v is not None})
    query = AuditQuery(who=who, kind=kind, what=what, thing_id=thing, from_ms=from_ms, to_ms=to_ms)
    entries = _entries(door, query)
    body = _csv(entries) if form == "csv" else (orjson.dumps(entry) + b"\n" for entry in entries)
    media = "text/csv; charset=utf-8" if form == "csv" else "application/jsonl"
    return StreamingResponse(body, media_type=media, headers={"Content-Disposition": f'attachment; filename="audit.{form}"'})


def _entries(door: Door, query: AuditQuery) -> Iterator[AuditEntry]:
    cursor: str | None = None
    while True:
        page = door.records.audit_page(query, cursor, _AT_ONCE)
        for entry in page.items:
            yield _shape(door, entry)
        cursor = page.next_cursor
        if cursor is None:
            return


def _csv(entries: Iterator[AuditEntry]) -> Iterator[bytes]:
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(_COLUMNS)
    lines.seek(0)
    yield b"\xef\xbb\xbf" + lines.read().encode()
    for entry in entries:
        lines = io.StringIO()
        row: dict[str, Any] = dict(entry)
        csv.writer(lines).writerow([_cell(row[name]) for name in _COLUMNS])
        yield lines.getvalue().encode()


def _cell(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula is given as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _shape(door: Door, entry: dict[str, Any]) -> AuditEntry:
    person = door.person(entry["who"])
    return audit_entry(entry, iso(entry["at_ms"]), None if person is None else person["name"])


def _must_everywhere(visitor: Visitor) -> None:
    if not visitor.reach.may("audit", None):
        raise forbidden("audit", roles_for("audit"))
