"""The one shape of every error that the API answers: problem+json (RFC 9457)."""

from __future__ import annotations

import http
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson
from bson.errors import InvalidDocument
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pymongo.errors import (
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
)
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from exifinator.errors import BadQuery, EXIFinatorError, TransientError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# Where MongoDB says that a query is wrong rather than that it cannot answer. Source: MongoDB's error_codes.yml.
_NOT_AUTHORISED = frozenset({13, 18})
_OUT_OF_MEMORY = frozenset({96, 146, 292})


class Problem(BaseModel):
    """What an error looks like; `parameter` and `hint` are there where they help."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400], ge=400, le=599)
    detail: str = Field(examples=["iso: write a number or a range, as in 100-400"])
    parameter: str | None = Field(None, examples=["iso"])
    hint: str | None = None


# How a route's description names it.
DESCRIBED: dict[str, Any] = {"model": Problem, "content": {MEDIA_TYPE: {}}}


class Refused(EXIFinatorError):
    """The API answers `status` with this message; `headers` go with it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        parameter: str | None = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.parameter = parameter
        self.hint = hint
        self.headers = dict(headers or {})


class BadParameter(BadQuery):
    """A parameter of the URL cannot be taken: `parameter` names it, the message says why."""

    def __init__(self, parameter: str, detail: str, *, place: str | None = None) -> None:
        super().__init__(f"{place or parameter}: {detail}")
        self.parameter = parameter


def problem_response(
    status: int,
    detail: str,
    *,
    parameter: str | None = None,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as problem+json."""
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if parameter is not None:
        content["parameter"] = parameter
    if hint is not None:
        content["hint"] = hint
    body = orjson.dumps(content)
    return Response(body, status, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", **(headers or {})})


def explain_mongo(error: PyMongoError, suggest: Callable[[], str]) -> Refused:
    """What a failure of MongoDB means for whoever asked; the server's own words are only repeated for a wrong query.

    suggest: says what would make the query cheaper.
    """
    if isinstance(error, ExecutionTimeout):
        return Refused(503, "The query took longer than it may.", hint=suggest(), headers={"Retry-After": "5"})
    if isinstance(error, WaitQueueTimeoutError):
        return Refused(503, "Too many queries are waiting for MongoDB.", headers={"Retry-After": "2"})
    if isinstance(error, ConnectionFailure):
        return Refused(503, "MongoDB cannot be reached.", headers={"Retry-After": "5"})
    if isinstance(error, OperationFailure):
        if error.code in _NOT_AUTHORISED:
            return Refused(503, "MongoDB refuses the API's credentials: see MONGODB_URI.")
        if error.code in _OUT_OF_MEMORY:
            return Refused(503, "Sorting or grouping this needs more memory than a query may use.", hint=suggest())
        message = str((error.details or {}).get("errmsg", "no reason given"))
        if "hint provided does not" in message:
            return Refused(400, "hint: there is no such index, or it cannot serve this query.", parameter="hint")
        return Refused(400, f"MongoDB refuses this query: {message[:300]}")
    if isinstance(error, InvalidDocument | DocumentTooLarge):
        return Refused(400, "The query holds a value that MongoDB cannot take.")
    return Refused(503, "MongoDB failed to answer.")


def _validation_response(error: RequestValidationError) -> Response:
    """All mistakes in one sentence each; the values are not repeated, for they may be anything."""
    lines = []
    parameter: str | None = None
    for item in error.errors():
        place = [str(part) for part in item["loc"][1:]]
        name = ".".join(place) or str(item["loc"][0])
        parameter = parameter or (place[0] if place else None)
        if item["type"] == "extra_forbidden":
            lines.append(f"{name[:60] if all(place) else repr('')}: there is no such parameter")
        elif item["type"] == "json_invalid":
            parameter = "body"
            lines.append("body: this is no JSON")
        else:
            lines.append(f"{name}: {item['msg'].removeprefix('Value error, ')}")
    return problem_response(400, "; ".join(lines), parameter=parameter)


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """The methods that the path of `scope` takes; none where there is no such path."""
    found: set[str] = set()
    for method in ("GET", "POST", "DELETE"):
        for route in app.routes:
            match, _ = route.matches({**scope, "method": method})
            if match.value == 2:  # Match.FULL: path and method
                found.add(method)
                break
    if "GET" in found:
        found.add("HEAD")
    return sorted(found | {"OPTIONS"}) if found else []


def install_handlers(app: FastAPI, suggest: Callable[[Request], str]) -> None:
    """Make every error of `app` a problem+json answer. suggest: what would make a request's query cheaper."""

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # registered for it below
        headers = dict(error.headers or {})
        detail = str(error.detail)
        if error.status_code == 404:
            detail = "There is nothing at this address; / lists what there is."
        elif error.status_code == 405:
            headers["Allow"] = ", ".join(allowed_methods(app, request.scope))
            detail = f"This address takes {headers['Allow']}."
        return problem_response(error.status_code, detail, headers=headers)

    async def on_refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101
        return problem_response(
            error.status, str(error), parameter=error.parameter, hint=error.hint, headers=error.headers
        )

    async def on_bad_query(_: Request, error: Exception) -> Response:
        return problem_response(400, str(error), parameter=getattr(error, "parameter", None))

    async def on_mongo(request: Request, error: Exception) -> Response:
        assert isinstance(error, PyMongoError)  # noqa: S101
        refused = explain_mongo(error, partial(suggest, request))
        if refused.status >= 500:
            log.warning("%s %s: %s", request.method, request.url.path, type(error).__name__)
        return await on_refused(request, refused)

    async def on_transient(_: Request, error: Exception) -> Response:
        return problem_response(503, str(error), headers={"Retry-After": "5"})

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return _validation_response(error)

    async def on_anything(_request: Request, _error: Exception) -> Response:
        return problem_response(500, "The API failed at this; its log says why.")

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(BadQuery, on_bad_query)
    app.add_exception_handler(TransientError, on_transient)
    app.add_exception_handler(PyMongoError, on_mongo)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_anything)
