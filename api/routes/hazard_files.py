"""Photos and files of a hazard: handed in, listed with the record, shown to whoever sees the hazard; and hazards fixed on the spot.

Their content lies in the data directory under its hash; what goes out is never anything that a browser would run.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from api.door import ActingRoute, At, By, Door, Visitor, in_thread
from api.ledger import cause_of, detail, find, find_for, shown, site_for_report
from api.pictures import PictureError, Taken, take, take_picture, thumbnail
from api.problems import Problem, invalid, not_found
from api.shapes.hazard_notes import FixAsk
from api.shapes.hazards import HazardDetail
from hazards import loop
from hazards.model import Hazard, HazardAct, HazardStep
from hazards.queries import Cause, HazardFile
from sites.records import NotFound

router = APIRouter(route_class=ActingRoute, tags=["hazards"])
MOST_FILES = 60
Moment = Literal["before", "after", "other"]
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=86400, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}, "image/png": {}, "image/webp": {}, "application/pdf": {}}}}


@router.post("/hazards/{hazard_id}/files", status_code=201, openapi_extra=BODY)
async def add_file(
    hazard_id: str,
    request: Request,
    door: At,
    visitor: By,
    moment: Moment = "other",
    name: Annotated[str, Query(max_length=120)] = "",
) -> HazardDetail:
    """Hand in a photo or PDF as the request's body. What it is, is told by its content; a picture loses its EXIF."""
    content = await request.body()
    return await in_thread(_add, door, visitor, hazard_id, content, moment, name)


@router.get("/hazards/{hazard_id}/files/{file_id}", response_class=FileResponse, responses=_FILE)
def file(hazard_id: str, file_id: str, door: At, visitor: By) -> Response:
    """The file itself: pictures in place, anything else as a download."""
    return sent(door, _found(door, visitor, hazard_id, file_id))


@router.get("/hazards/{hazard_id}/files/{file_id}/thumbnail", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
def file_thumbnail(hazard_id: str, file_id: str, door: At, visitor: By) -> Response:
    return small(door, _found(door, visitor, hazard_id, file_id))


@router.post("/hazards/fixed", status_code=201)
async def fixed(ask: FixAsk, request: Request, door: At, visitor: By) -> HazardDetail:
    """立查立改: found and fixed, with a photo of before and one of after; it waits for its acceptance by somebody else."""
    return await in_thread(_fixed, ask, door, visitor, await cause_of(request, door, visitor))


# -- parts, also for rectifiers' links -------------------------------------------------------------------------------------


def keep(door: Door, hazard_id: str, taken: Taken, moment: Moment, name: str, who: str, now_ms: int) -> tuple[Hazard, HazardStep]:
    """Keep a checked file: its content first, then its row with the step. Raises 422 when the hazard has too many."""
    if len(door.records.hazard_files(hazard_id)) >= MOST_FILES:
        raise invalid(f"the hazard has {MOST_FILES} files already", "")
    row = HazardFile(
        id=secrets.token_hex(12),
        hazard_id=hazard_id,
        sha256=door.records.keep_content(taken.content),
        moment=moment,
        media_type=taken.media_type,
        name=_plain(name) or f"{moment}.{taken.media_type.rpartition('/')[2]}",
        who=who,
        bytes=len(taken.content),
        width=taken.width,
        height=taken.height,
        at_ms=now_ms,
    )
    return door.records.attach_to_hazard(row, who)


def taken_or_422(content: bytes, pointer: str = "", is_picture: bool = False) -> Taken:
    try:
        return take_picture(content) if is_picture else take(content)
    except PictureError as error:
        raise invalid(str(error), pointer) from None


def sent(door: Door, row: HazardFile) -> Response:
    path = door.records.content_path(row.sha256)
    if not path.is_file():
        raise Problem(503, "file-away", "The file is away", "the file's content is not in the data directory: restore it from the backup")
    shown_as = "inline" if row.width else "attachment"
    return FileResponse(path, media_type=row.media_type, filename=row.name, content_disposition_type=shown_as, headers=SAFE)


def small(door: Door, row: HazardFile) -> Response:
    """Raises 404 for what is no picture."""
    path = door.records.content_path(row.sha256)
    if not row.width or not path.is_file():
        raise not_found("the thumbnail", row.id)
    return Response(thumbnail(path.read_bytes()), media_type="image/jpeg", headers=SAFE)


def _add(door: Door, visitor: Visitor, hazard_id: str, content: bytes, moment: Moment, name: str) -> HazardDetail:
    find_for(door, visitor, HazardAct.ATTACH, hazard_id)
    taken = taken_or_422(content)
    return shown(door, visitor, *keep(door, hazard_id, taken, moment, name, visitor.user.id, visitor.now_ms))


def _found(door: Door, visitor: Visitor, hazard_id: str, file_id: str) -> HazardFile:
    find(door, visitor, hazard_id)
    try:
        return door.records.hazard_file(hazard_id, file_id)
    except NotFound:
        raise not_found("the file", file_id) from None


def _fixed(ask: FixAsk, door: Door, visitor: Visitor, cause: Cause | None) -> HazardDetail:
    site = site_for_report(door, visitor, HazardAct.FIX, ask.site_id, ask.zone_id, ask.device_id)
    pictures: dict[Moment, Taken] = {
        "before": taken_or_422(_decoded(ask.before, "/before"), "/before", is_picture=True),
        "after": taken_or_422(_decoded(ask.after, "/after"), "/after", is_picture=True),
    }
    me, now_ms = visitor.user.id, visitor.now_ms

    def make(number: str, _: Hazard | None) -> tuple[Hazard, HazardStep]:
        return loop.fix(
            number=number, enterprise_id=site.enterprise_id, site_id=site.id, zone_id=ask.zone_id, device_id=ask.device_id,
            category=ask.category or "other", title=ask.title, description=ask.description, measures=ask.measures, who=me, now_ms=now_ms,
            clause=ask.clause, place=ask.place,
        )  # fmt: skip

    made, step = door.records.report_hazard(make, site.id, None, me, now_ms, cause)
    present = {each.moment for each in door.records.hazard_files(made.id)}  # asked again after a crash: only what is missing
    for place, (moment, taken) in enumerate(pictures.items()):
        if moment not in present:
            made, step = keep(door, made.id, taken, moment, "", me, now_ms + place)  # listed in this order
    door.feed.publish("hazard", made.site_id, (made, step))
    return detail(door, visitor, made)


def _decoded(text: str, pointer: str) -> bytes:
    try:
        return base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("this is not base64", pointer) from None


def _plain(name: str) -> str:
    """A file's name without folders or anything that is not printed."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable() and letter not in '"<>|:*?').strip(". ")[:120]
