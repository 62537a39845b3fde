"""The HTTP application: every router under /api/v1, health beside it, the console below it. Made once by `app.wiring`, and by tests.

It refuses bodies that are too long before they are read whole. The documentation page is our own, because the service must work
where no other host is reached.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import console, problems
from api.docs_page import DOCS
from api.door import Door, only_known_parameters
from api.idempotency import Remembered
from api.keyring import Keyring
from api.live import HEARTBEAT_S, JOIN_S, Live
from api.ports import Backtests, Board, BrokerVerdict, Clock, Codecs, Desk, Exports, Feed, History, Records, RuleBench
from api.ports_notify import Notices
from api.routes import (
    alarms,
    auth,
    circuits,
    decoding,
    devices,
    escalations,
    hazards,
    health,
    linkages,
    live,
    notifications,
    orders,
    places,
    plans,
    provisioning,
    rectifiers,
    rules,
    runs,
    users,
)
from api.routes.account import router as account_router
from api.routes.alarm_views import router as alarm_views_router
from api.routes.audit import router as audit_router
from api.routes.backtests import router as backtests_router
from api.routes.calendars import router as calendars_router
from api.routes.duty import router as duty_router
from api.routes.exports import router as exports_router
from api.routes.figures import router as figures_router
from api.routes.hazard_figures import router as hazard_figures_router
from api.routes.hazard_files import router as hazard_files_router
from api.routes.hazard_notes import router as hazard_notes_router
from api.routes.hazard_sheets import router as hazard_sheets_router
from api.routes.incidents import router as incidents_router
from api.routes.keys import router as keys_router
from api.routes.locks import router as locks_router
from api.routes.mornings import router as mornings_router
from api.routes.quiet_times import router as quiet_times_router
from api.routes.rule_views import router as rule_views_router
from api.routes.shift import router as shift_router
from api.routes.shops import router as shops_router
from api.routes.stay_ons import router as stay_ons_router
from api.routes.suppressions import router as suppressions_router
from api.routes.work_permits import router as work_permits_router
from api.sessions import Sessions

MOST_BODY = 1 << 20
MOST_FILE = 11 << 20
LONG = {"/api/v1/devices/import": 12 << 20, "/api/v1/hazards/import": 12 << 20, "/api/v1/hazards/fixed": 30 << 20}
LONG_FILES = re.compile(r"/api/v1/(hazards/[^/]+/files|rectify/[^/]+/photos)")  # 10 MiB, as `api.pictures` takes them
TOO_LONG = "a request has at most {} bytes"


def create_app(
    *,
    desk: Desk,
    board: Board,
    feed: Feed,
    records: Records,
    history: History,
    exports: Exports,
    backtests: Backtests,
    bench: RuleBench,
    clock: Clock,
    codecs: Codecs,
    notices: Notices,
    secret: bytes,
    version: str = "0",
    cookie_secure: bool = False,
    console_dir: Path | None = None,
    session_cache: Path | None = None,
    broker_check: Callable[[], BrokerVerdict] | None = None,
    live_join_s: float = JOIN_S,
    live_heartbeat_s: float = HEARTBEAT_S,
) -> FastAPI:
    """The application. `secret` keys the hashes of session tokens: kept over restarts. `session_cache`: a file of the data directory
    by which signed-in people go on for 12 h while the records are away. `app.state.door.live.close()` ends the live streams."""
    app = bare_app(version)
    app.state.door = open_door(
        desk=desk,
        board=board,
        feed=feed,
        records=records,
        history=history,
        exports=exports,
        backtests=backtests,
        bench=bench,
        clock=clock,
        codecs=codecs,
        notices=notices,
        secret=secret,
        version=version,
        cookie_secure=cookie_secure,
        session_cache=session_cache,
        broker_check=broker_check,
        live_join_s=live_join_s,
        live_heartbeat_s=live_heartbeat_s,
    )
    console.serve(app, console_dir)
    return app


def open_door(
    *,
    desk: Desk,
    board: Board,
    feed: Feed,
    records: Records,
    history: History,
    exports: Exports,
    backtests: Backtests,
    bench: RuleBench,
    clock: Clock,
    codecs: Codecs,
    notices: Notices,
    secret: bytes,
    version: str = "0",
    cookie_secure: bool = False,
    session_cache: Path | None = None,
    broker_check: Callable[[], BrokerVerdict] | None = None,
    live_join_s: float = JOIN_S,
    live_heartbeat_s: float = HEARTBEAT_S,
) -> Door:
    """What stands behind the routes: `app.state.door`."""
    sessions = Sessions(records, clock, secret, session_cache)
    return Door(
        desk=desk,
        board=board,
        feed=feed,
        records=records,
        history=history,
        exports=exports,
        backtests=backtests,
        bench=bench,
        clock=clock,
        codecs=codecs,
        notices=notices,
        sessions=sessions,
        keyring=Keyring(records, clock, secret),
        live=Live(feed, board, clock, sessions.person, live_join_s, live_heartbeat_s),
        remembered=Remembered(records, clock, secret),
        cookie_secure=cookie_secure,
        version=version,
        secret=secret,
        broker_check=broker_check,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    if hasattr(app.state, "door"):
        app.state.door.live.open()
        await to_thread.run_sync(app.state.door.sessions.learn_names)
    yield
    app.state.door.live.close()


def bare_app(version: str) -> FastAPI:
    """The application with its routes and nothing behind them: enough for the OpenAPI document."""
    app = FastAPI(
        title="Sitewarden",
        version=version,
        description="Monitoring, alarm linkage, proved power cut-off and the hazard ledger of enterprise sites.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        responses={
            "4XX": {"description": "a problem of RFC 9457", "content": {"application/problem+json": {"schema": PROBLEM}}},
        },
        generate_unique_id_function=lambda route: f"{route.tags[0] if route.tags else 'service'}_{route.name}",
        separate_input_output_schemas=False,
    )
    v1 = APIRouter(prefix="/api/v1", dependencies=[Depends(only_known_parameters)])
    before_one_hazard = (
        hazard_figures_router, hazard_sheets_router, hazard_notes_router, hazard_files_router, rectifiers.router, rectifiers.held,
    )  # fmt: skip
    for router in before_one_hazard:  # /hazards/counts is no hazard's id
        v1.include_router(router)
    for noun in (
        auth,
        places,
        provisioning,
        devices,
        decoding,
        circuits,
        rules,
        linkages,
        escalations,
        notifications,
        alarms,
        hazards,
        orders,
        plans,
        runs,
        live,
        users,
    ):
        v1.include_router(noun.router)
    for router in (exports_router, backtests_router, calendars_router, rule_views_router):
        v1.include_router(router)
    v1.include_router(suppressions_router)
    v1.include_router(duty_router)
    v1.include_router(quiet_times_router)
    for of_access in (account_router, keys_router, audit_router):
        v1.include_router(of_access)
    for more in (alarm_views_router, shift_router, figures_router, incidents_router):
        v1.include_router(more)
    for of_power in (locks_router, work_permits_router, mornings_router, stay_ons_router, shops_router):
        v1.include_router(of_power)
    app.include_router(v1)
    app.include_router(health.router)
    app.add_api_route("/api/v1/docs", _docs, methods=["GET"], include_in_schema=False)
    problems.install(app)
    app.add_middleware(BoundedBody)
    return app


PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}}},
        },
    },
}


async def _docs() -> HTMLResponse:
    return HTMLResponse(DOCS)


class BoundedBody:
    """Refuses a request body over 1 MiB (of `LONG` paths: over their own bound): by its declared length, or when it turns out so long."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MOST_FILE if LONG_FILES.fullmatch(scope["path"]) else LONG.get(scope["path"], MOST_BODY)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > most:
            await _too_long(most)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                # the one kind of exception that FastAPI lets through while it reads a body
                raise HTTPException(413, TOO_LONG.format(most))
            return message

        await self._app(scope, counted, send)


def _too_long(most: int) -> ASGIApp:
    return problems.answer(413, "too-long", TOO_LONG.format(most), TOO_LONG.format(most))
