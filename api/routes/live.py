"""`GET /live`: the door to the stream of `api.live`, with the visitor's scope renewed while it runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.door import At, By, reach_of, token_of, who_has
from api.live import Client, LiveResponse
from api.problems import Problem, invalid
from api.shapes.live import LiveEvents
from sites.records import Scope, Unavailable

router = APIRouter(tags=["live"])


@router.get(
    "/live",
    response_class=Response,
    responses={200: {"model": LiveEvents, "description": "text/event-stream: `snapshot`, then one event a change, by these names"}},
)
async def live(
    request: Request,
    door: At,
    visitor: By,
    last_event_id: Annotated[str | None, Query(max_length=30, description="as the Last-Event-ID header")] = None,
) -> Response:
    """What is open now, then every change, joined for 50 ms at most. Resumes after `Last-Event-ID`."""
    given = request.headers.get("last-event-id") or last_event_id
    if given is not None and not (given.isascii() and given.isdigit()):
        raise invalid("Last-Event-ID is the id of an event of this stream", "?last_event_id")
    token, _ = token_of(request)

    async def scope_now() -> tuple[Scope] | None:
        try:
            found = await who_has(door, token)
        except Unavailable:
            return None
        except Problem:
            return (visitor.scope,)  # a key that asks too often elsewhere is still a good key
        return None if found is None else (reach_of(door, found).scope,)

    return LiveResponse(door.live, Client(scope_now, visitor.scope), None if given is None else int(given))
