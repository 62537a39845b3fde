"""The error map: every exception that can reach the door becomes one RFC 9457 problem, here and nowhere else.

Problem (what the door itself raises)
|-- status, type (`urn:sitewarden:problem:<name>`), title, detail, and members of its own
What the core and the records raise is mapped by `MAP`; anything else is a 500 that says nothing of the inside, and is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from alarms.errors import AlarmError, DocumentError, LinkageError, UnknownAlarm
from api.ports import Busy
from hazards import errors as hazard_errors
from power.errors import PowerError, UnknownCircuit, UnknownOrder
from rules.errors import RuleError
from sites.records import BadCursor, Conflict, NotFound, Unavailable

log = logging.getLogger("sitewarden.api")
PREFIX = "urn:sitewarden:problem:"


class Problem(Exception):
    """A refusal made at the door. `detail` says what was asked, what is, and what would be allowed."""

    def __init__(self, status: int, name: str, title: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status, self.name, self.title, self.detail = status, name, title, detail
        self.headers, self.members = dict(headers or {}), members


def not_found(what: str, thing_id: str) -> Problem:
    """The same words whether it does not exist or is outside the person's scope."""
    return Problem(404, "not-found", "Not found", f"{what} {thing_id} does not exist, or is not yours to see")


def forbidden(act: str, needed: Sequence[str]) -> Problem:
    return Problem(
        403,
        "forbidden",
        "Not allowed",
        f"this needs the right to {act.replace('_', ' ')} here, which the roles {', '.join(needed)} have",
        act=act,
    )


def invalid(detail: str, pointer: str) -> Problem:
    """A field that is well formed but cannot be meant. `pointer` is a JSON pointer."""
    return Problem(422, "invalid", "Not valid", detail, errors=[{"pointer": pointer, "detail": detail}])


# most special first; (exception, status, problem name, title)
MAP: list[tuple[type[Exception], int, str, str]] = [
    (UnknownAlarm, 404, "not-found", "Not found"),
    (AlarmError, 409, "illegal-transition", "The alarm's state does not allow it"),
    (hazard_errors.NotAllowed, 403, "forbidden", "Not this person"),
    (hazard_errors.Incomplete, 422, "incomplete", "Something is missing"),
    (hazard_errors.HazardError, 409, "illegal-step", "The hazard's state does not allow it"),
    (UnknownCircuit, 404, "not-found", "Not found"),
    (UnknownOrder, 404, "not-found", "Not found"),
    (PowerError, 409, "request-refused", "Refused"),
    (NotFound, 404, "not-found", "Not found"),
    (BadCursor, 400, "bad-cursor", "Not a cursor of this list"),
    (Conflict, 409, "conflict", "Somebody else was first"),
    (Unavailable, 503, "records-unavailable", "The records cannot be reached now"),
    (Busy, 503, "busy", "Too much is being asked"),
]


def answer(status: int, name: str, title: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """A problem as a response."""
    body = {"type": PREFIX + name, "title": title, "status": status, "detail": detail, **members}
    return Response(orjson.dumps(body), status, dict(headers or {}), "application/problem+json")


def install(app: FastAPI) -> None:
    """Give the app its exception handlers."""

    async def of_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return answer(error.status, error.name, error.title, error.detail, error.headers, **error.members)

    async def of_mapped(_: Request, error: Exception) -> Response:
        for kind, status, name, title in MAP:
            if isinstance(error, kind):
                headers = {"Retry-After": "2"} if status == 503 else None
                # what a driver says of an unreachable database is for the log
                detail = str(error) if status != 503 else _DEGRADED[name]
                if status == 503:
                    log.warning("%s: %s", name, error)
                zh = getattr(error, "text_zh", "")
                return answer(status, name, title, detail or title, headers, **({"detail_zh": zh} if zh else {}))
        raise error

    async def of_parsed(_: Request, error: Exception) -> Response:
        assert isinstance(error, RuleError | LinkageError | DocumentError)
        what = "rule" if isinstance(error, RuleError) else error.what if isinstance(error, DocumentError) else "linkage"
        errors = [
            {"pointer": _field_pointer(p.field), "detail": f"given {p.given}; allowed: {p.allowed}"}
            | ({"detail_zh": f"给定 {p.given}；允许：{p.allowed_zh}"} if p.allowed_zh else {})
            for p in error.problems
        ]
        return answer(422, f"invalid-{what.replace(' ', '-')}", f"The {what} cannot be meant", str(error), errors=errors)

    async def of_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = [{"pointer": _pointer(e["loc"]), "detail": str(e["msg"])} for e in error.errors()]
        first = errors[0] if errors else {"pointer": "", "detail": "not valid"}
        return answer(422, "invalid", "Not valid", f"{first['pointer']}: {first['detail']}", errors=errors)

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405 and "path" in request.path_params:
            # only the console's own catch-all knows the path
            return answer(404, "not-found", "Not found", f"there is no {request.method} {request.url.path}")
        name = {404: "not-found", 405: "method-not-allowed", 413: "too-long"}.get(error.status_code, "http")
        return answer(error.status_code, name, str(error.detail), str(error.detail), error.headers)

    async def of_anything(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return answer(500, "internal", "It went wrong inside", "the reason is in the service's log")

    app.add_exception_handler(Problem, of_problem)
    for kind, *_ in MAP:
        app.add_exception_handler(kind, of_mapped)
    app.add_exception_handler(RuleError, of_parsed)
    app.add_exception_handler(LinkageError, of_parsed)
    app.add_exception_handler(DocumentError, of_parsed)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, of_anything)


def _field_pointer(field: str) -> str:
    """`above[1].limit` -> `/above/1/limit`."""
    return "/" + field.replace("[", "/").replace("]", "").replace(".", "/")


_DEGRADED = {
    "records-unavailable": "the records cannot be reached now; open alarms, acknowledgements and cuts go on without them",
    "busy": "the service cannot take this request now; nothing was done, try again",
}


def _pointer(location: Sequence[Any]) -> str:
    """('body', 'levels', 0) -> `/levels/0`; ('query', 'limit') -> `?limit`."""
    where, *rest = [str(part) for part in location]
    if where == "body":
        return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in rest)
    return {"query": "?", "path": "path:", "header": "header:"}.get(where, where) + ".".join(rest)
