"""A person's saved views of the alarm list, and any such list as a file, made in the background. Nobody sees another's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from api import configuration, sheets
from api.door import ActingRoute, At, By, Door, Visitor
from api.ports import ExportJob
from api.problems import Problem, invalid, not_found
from api.shapes.alarm_views import (
    AlarmExportAsk,
    AlarmExportPage,
    AlarmExportShape,
    ViewAsk,
    ViewPage,
    ViewShape,
)
from api.shapes.times import iso, iso_or_none
from sites.records import NotFound, SavedView

router = APIRouter(route_class=ActingRoute, tags=["alarms"])
MOST_VIEWS = 100
_MEDIA = {"csv": sheets.CSV_TYPE, "xlsx": sheets.XLSX_TYPE}


@router.get("/alarm-views")
def views(door: At, visitor: By) -> ViewPage:
    """Your own, by name."""
    return {"items": [_view_shape(view) for view in door.records.alarm_views(visitor.user.id)]}


@router.post("/alarm-views", status_code=201)
def new_view(ask: ViewAsk, door: At, visitor: By) -> ViewShape:
    if len(door.records.alarm_views(visitor.user.id)) >= MOST_VIEWS:
        raise invalid(f"there are {MOST_VIEWS} views already; remove one first", "/name")
    made = SavedView(id=configuration.new_id(None, "view"), user_id=visitor.user.id, name=ask.name, query=_words(ask), version=1)
    return _view_shape(door.records.put_alarm_view(made))


@router.put("/alarm-views/{view_id}")
def change_view(view_id: str, ask: ViewAsk, door: At, visitor: By) -> ViewShape:
    """`version` is the present one."""
    if ask.version is None:
        raise invalid("the version that is changed is needed", "/version")
    _mine(view_id, door, visitor)
    changed = SavedView(id=view_id, user_id=visitor.user.id, name=ask.name, query=_words(ask), version=ask.version + 1)
    return _view_shape(door.records.put_alarm_view(changed))


@router.delete("/alarm-views/{view_id}", status_code=204)
def remove_view(view_id: str, door: At, visitor: By) -> None:
    door.records.drop_alarm_view(_mine(view_id, door, visitor).id)


@router.post("/alarm-exports", status_code=202)
def ask_alarm_export(ask: AlarmExportAsk, door: At, visitor: By) -> AlarmExportShape:
    """Begin a file of all alarms that answer the filter and that you see; ask again for its progress."""
    query, sites = ask.filter.query(), visitor.reach.alarm_scope
    states = door.records.alarm_counts(query, sites)["state"]
    total = states.get(query.state, 0) if query.state else states.get("open", 0) + states.get("ended", 0)
    return _shape(door.exports.ask_alarms(query, sites, total, ask.format, visitor.user.id))


@router.get("/alarm-exports")
def alarm_exports(door: At, visitor: By, limit: Annotated[int, Query(ge=1, le=50)] = 20) -> AlarmExportPage:
    """Your own, newest first; they are kept for a day."""
    mine = [job for job in door.exports.of(visitor.user.id) if job.kind == "alarms"]
    return {"items": [_shape(job) for job in mine[:limit]]}


@router.get("/alarm-exports/{export_id}")
def alarm_export(export_id: str, door: At, visitor: By) -> AlarmExportShape:
    return _shape(_job(export_id, door, visitor))


@router.get("/alarm-exports/{export_id}/file", response_class=FileResponse, responses={200: {"content": {m: {} for m in _MEDIA.values()}}})
def alarm_export_file(export_id: str, door: At, visitor: By) -> FileResponse:
    job = _job(export_id, door, visitor)
    file = door.exports.file(export_id)
    if file is None:
        raise Problem(409, "export-not-done", "Not ready", f"the export is {job.state}; it can be fetched when it is done")
    return FileResponse(file, media_type=_MEDIA[job.form], filename=f"alarms-{iso(job.asked_ms)[:10]}.{job.form}")


@router.delete("/alarm-exports/{export_id}", status_code=204)
def forget_alarm_export(export_id: str, door: At, visitor: By) -> None:
    """Stop it, if it runs, and remove its file."""
    door.exports.cancel(_job(export_id, door, visitor).id)


def _job(export_id: str, door: Door, visitor: Visitor) -> ExportJob:
    job = door.exports.one(export_id)
    if job is None or job.user_id != visitor.user.id or job.kind != "alarms":
        raise not_found("the export", export_id)
    return job


def _mine(view_id: str, door: Door, visitor: Visitor) -> SavedView:
    try:
        return next(view for view in door.records.alarm_views(visitor.user.id) if view.id == view_id)
    except (StopIteration, NotFound):
        raise not_found("the view", view_id) from None


def _words(ask: ViewAsk) -> dict[str, object]:
    """The filter as it is kept: what was given, times as ISO 8601."""
    given = ask.filter.model_dump(exclude_unset=True)
    return given | {name: iso_or_none(given[name]) for name in ("from_at", "to_at") if name in given}


def _view_shape(view: SavedView) -> ViewShape:
    return {"id": view.id, "name": view.name, "filter": view.query, "version": view.version}


def _shape(job: ExportJob) -> AlarmExportShape:
    return {
        "id": job.id,
        "state": job.state,
        "part": round(job.part, 4),
        "alarms": job.readings,
        "bytes": job.bytes,
        "format": job.form,
        "asked_at": iso(job.asked_ms),
        "problem": job.problem,
    }
