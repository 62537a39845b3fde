"""The ledger as a file in the usual columns, read and written; the printable 整改通知单 and acceptance sheet.

An import is tried first (`dry_run`): every bad row is listed with its reasons, and nothing is written unless all rows are good.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from hashlib import sha256
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from api import hazard_columns, hazard_prints, sheets
from api.door import ActingRoute, At, By, Door, Visitor
from api.hazard_columns import Row
from api.ledger import find
from api.problems import Problem, invalid
from api.routes.hazards import Asked
from api.shapes.hazard_sheets import BadRow, LedgerImport, LedgerImportAsk
from hazards import loop
from hazards.model import Hazard, HazardStep
from hazards.queries import Cause, HazardQuery
from sites.model import derived_id

router = APIRouter(route_class=ActingRoute, tags=["hazards"])
MOST_EXPORTED = 20_000
MOST_IMPORTED = 5_000
_PAGE = 1_000


@router.get("/hazards/export.xlsx", response_class=Response, responses={200: {"content": {sheets.XLSX_TYPE: {}}}})
def export_xlsx(asked: Asked, door: At, visitor: By, language: Literal["zh", "en"] = "zh") -> Response:
    """The hazards of the filter, newest found first, in the ledger's columns; at most 20,000."""
    content = sheets.write_xlsx(_table(door, visitor, asked, language))
    return Response(content, media_type=sheets.XLSX_TYPE, headers={"Content-Disposition": 'attachment; filename="hazards.xlsx"'})


@router.get("/hazards/export.csv", response_class=Response, responses={200: {"content": {sheets.CSV_TYPE: {}}}})
def export_csv(asked: Asked, door: At, visitor: By, language: Literal["zh", "en"] = "zh") -> Response:
    content = sheets.write_csv(_table(door, visitor, asked, language))
    return Response(content, media_type=sheets.CSV_TYPE, headers={"Content-Disposition": 'attachment; filename="hazards.csv"'})


@router.post("/hazards/import")
def import_ledger(ask: LedgerImportAsk, door: At, visitor: By) -> LedgerImport:
    """Read a ledger of XLSX or CSV. `dry_run` says what would become of each row; else all rows are recorded, or none when one is bad.
    The same row of the same file is recorded once."""
    visitor.must_somewhere("hazard_report")
    try:
        content = base64.b64decode(ask.content, validate=True)
        table = sheets.read(content)
    except (binascii.Error, ValueError):
        raise invalid("this is not base64", "/content") from None
    except sheets.SheetError as error:
        raise invalid(str(error), "/content") from None
    try:
        rows = hazard_columns.read(table, door.board.roster, visitor.now_ms)
    except hazard_columns.NoLedger as error:
        raise invalid(str(error), "/content") from None
    if len(rows) > MOST_IMPORTED:
        raise invalid(f"the file has {len(rows)} hazards; at most {MOST_IMPORTED} are read at once", "/content")
    for row in rows:
        if row.site is not None and not visitor.reach.may("hazard_report", row.site.id):
            row.problems.append(f"场所不存在或无权上报 there is no site {row.site_given}")
    bad: list[BadRow] = [{"row": row.line, "title": row.title, "problems": row.problems} for row in rows if row.problems]
    file = sha256(content).hexdigest()
    made = [] if ask.dry_run or bad else [_record(door, visitor, row, file).number for row in rows]
    return {"rows": len(rows), "good": len(rows) - len(bad), "bad": bad, "recorded": made, "dry_run": ask.dry_run}


@router.get("/hazards/{hazard_id}/notice.html", response_class=HTMLResponse)
def notice(hazard_id: str, door: At, visitor: By, language: Literal["zh", "en"] = "zh") -> HTMLResponse:
    """The rectification notice (整改通知单), to print."""
    return _printed(door, visitor, hazard_id, "notice", language)


@router.get("/hazards/{hazard_id}/acceptance.html", response_class=HTMLResponse)
def acceptance(hazard_id: str, door: At, visitor: By, language: Literal["zh", "en"] = "zh") -> HTMLResponse:
    """The acceptance sheet (复查验收单), to print; its photos are the record's."""
    return _printed(door, visitor, hazard_id, "acceptance", language)


# -- parts ---------------------------------------------------------------------------------------------------------------


def _table(door: Door, visitor: Visitor, asked: HazardQuery, language: str) -> sheets.Table:
    names = hazard_columns.Names(door.board.roster, lambda user_id: (door.person(user_id) or {"name": ""})["name"])
    table: sheets.Table = [hazard_columns.titles(language)]
    cursor: str | None = None
    while True:
        page = door.records.hazards(replace(asked, cursor=cursor, limit=_PAGE), visitor.scope)
        table += [hazard_columns.cells(hazard, names, language) for hazard in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return table
        if len(table) > MOST_EXPORTED:
            raise Problem(422, "too-many", "Too many hazards", f"more than {MOST_EXPORTED} hazards answer this filter: narrow it")


def _record(door: Door, visitor: Visitor, row: Row, file: str) -> Hazard:
    site = row.site
    assert site is not None
    cause = Cause(derived_id("ledger", visitor.user.id, file, row.line), "ledger")

    def make(number: str, _: Hazard | None) -> tuple[Hazard, HazardStep]:
        hazard, step = loop.report(
            number=number, enterprise_id=site.enterprise_id, site_id=site.id, source=row.source, category=row.category, title=row.title,
            description=row.description, who=visitor.user.id, now_ms=row.found_ms, deadline_ms=row.deadline_ms, found_by=row.found_by,
            note=f"ledger {row.number}" if row.number else "ledger", origin=row.origin, aspect=row.aspect, clause=row.clause,
            place=row.place, unit=row.unit, control=row.control,
        )  # fmt: skip
        plan = replace(hazard.rectification, person=row.person, measures=row.measures, funds=row.funds, contingency=row.contingency)
        return replace(hazard, grade=row.grade, rectification=plan), replace(step, at_ms=visitor.now_ms)

    made, step = door.records.report_hazard(make, site.id, None, visitor.user.id, visitor.now_ms, cause)
    door.feed.publish("hazard", made.site_id, (made, step))
    return made


def _printed(door: Door, visitor: Visitor, hazard_id: str, sheet: Literal["notice", "acceptance"], language: str) -> HTMLResponse:
    hazard = find(door, visitor, hazard_id)
    names = hazard_columns.Names(door.board.roster, lambda user_id: (door.person(user_id) or {"name": ""})["name"])
    photos = []
    if sheet == "acceptance":
        pictures = [file for file in door.records.hazard_files(hazard.id) if file.width and file.moment != "other"]
        photos = [(file.moment, f"files/{file.id}/thumbnail") for file in pictures[:12]]
    made = hazard_prints.render(sheet, hazard, door.records.hazard_steps(hazard.id), photos, names, visitor.now_ms, language)
    return HTMLResponse(made, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'"})
