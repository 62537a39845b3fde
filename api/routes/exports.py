"""Exports of history as a file: asked for, watched, fetched, forgotten. Each belongs to the person who asked, nobody else sees it.

What is exported is settled when it is asked for: the points of that moment that the person sees.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import Field
from typing_extensions import TypedDict

from api.door import ActingRoute, At, By, Door, Visitor
from api.ports import ExportJob
from api.problems import Problem, invalid, not_found
from api.shapes.asks import Ask
from api.shapes.times import AskedInstant, Instant, iso
from sites.model import point_id

router = APIRouter(route_class=ActingRoute, tags=["history"])
MOST_POINTS = 10_000
_MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class ExportAsk(Ask):
    """All raw readings of a span: of the named points, of a device, or of a site."""

    points: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=MOST_POINTS)] = Field(default_factory=list)
    device_id: Annotated[str, Field(max_length=64)] | None = None
    site_id: Annotated[str, Field(max_length=64)] | None = None
    from_at: AskedInstant
    to_at: AskedInstant
    format: Literal["csv", "parquet"] = "csv"


class ExportShape(TypedDict):
    """`part` runs from 0 to 1; `problem` says why it failed."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    part: float
    readings: int
    bytes: int
    points: int
    from_at: Instant
    to_at: Instant
    format: str
    asked_at: Instant
    problem: str | None


class ExportPage(TypedDict):
    items: list[ExportShape]


@router.post("/history/exports", status_code=202)
def ask_export(ask: ExportAsk, door: At, visitor: By) -> ExportShape:
    """Begin an export; it is made in the background, one at a time. Ask again for its progress."""
    if ask.from_at >= ask.to_at:
        raise invalid("from_at must lie before to_at", "/from_at")
    points = _points(ask, door, visitor)
    if len(points) > MOST_POINTS:
        raise invalid(f"{len(points)} points were asked for; at most {MOST_POINTS} are exported at once", "/site_id")
    return _shape(door.exports.ask(points, ask.from_at, ask.to_at, ask.format, visitor.user.id))


@router.get("/history/exports")
def exports(door: At, visitor: By, limit: Annotated[int, Query(ge=1, le=50)] = 20) -> ExportPage:
    """Your own, newest first; they are kept for a day."""
    return {"items": [_shape(job) for job in [job for job in door.exports.of(visitor.user.id) if job.kind == "history"][:limit]]}


@router.get("/history/exports/{export_id}")
def export(export_id: str, door: At, visitor: By) -> ExportShape:
    return _shape(_mine(export_id, door, visitor))


@router.get(
    "/history/exports/{export_id}/file", response_class=FileResponse, responses={200: {"content": {m: {} for m in _MEDIA.values()}}}
)
def export_file(export_id: str, door: At, visitor: By) -> FileResponse:
    """`point,taken_ms,value,taken_at,unit`, by day, then by point and time."""
    job = _mine(export_id, door, visitor)
    file = door.exports.file(export_id)
    if file is None:
        raise Problem(409, "export-not-done", "Not ready", f"the export is {job.state}; it can be fetched when it is done")
    day = iso(job.from_ms)[:10]
    return FileResponse(file, media_type=_MEDIA[job.form], filename=f"history-{day}.{job.form}")


@router.delete("/history/exports/{export_id}", status_code=204)
def forget_export(export_id: str, door: At, visitor: By) -> None:
    """Stop it, if it runs, and remove its file."""
    door.exports.cancel(_mine(export_id, door, visitor).id)


def _mine(export_id: str, door: Door, visitor: Visitor) -> ExportJob:
    job = door.exports.one(export_id)
    if job is None or job.user_id != visitor.user.id or job.kind != "history":
        raise not_found("the export", export_id)
    return job


def _points(ask: ExportAsk, door: Door, visitor: Visitor) -> list[str]:
    """The points asked for, in order. Raises 404 for what is not seen, 422 where nothing is named."""
    roster, found = door.board.roster, []
    for name in ask.points:
        device_id, _, metric = name.rpartition(":")
        device = roster.device(device_id)
        if device is None or not visitor.reach.may("see", device.site_id) or roster.point_row(device_id, metric) is None:
            raise not_found("the point", name)
        found.append(name)
    if ask.device_id is not None:
        device = roster.device(ask.device_id)
        if device is None or not visitor.reach.may("see", device.site_id):
            raise not_found("the device", ask.device_id)
        found += _of_device(door, device.id)
    if ask.site_id is not None:
        if ask.site_id not in roster.sites or not visitor.reach.may("see", ask.site_id):
            raise not_found("the site", ask.site_id)
        for device in roster.devices():
            if device.site_id == ask.site_id:
                found += _of_device(door, device.id)
    if not ask.points and ask.device_id is None and ask.site_id is None:
        raise invalid("name points, a device_id or a site_id", "/points")
    return sorted(set(found))


def _of_device(door: Door, device_id: str) -> list[str]:
    roster = door.board.roster
    return [point_id(device_id, metric) for metric in roster.rows_by_metric[roster.device_rows[device_id]]]


def _shape(job: ExportJob) -> ExportShape:
    return {
        "id": job.id,
        "state": job.state,
        "part": round(job.part, 4),
        "readings": job.readings,
        "bytes": job.bytes,
        "points": job.points,
        "from_at": iso(job.from_ms),
        "to_at": iso(job.to_ms),
        "format": job.form,
        "asked_at": iso(job.asked_ms),
        "problem": job.problem,
    }
