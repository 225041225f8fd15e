"""Turn every error into a problem+json response (RFC 9457)."""

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

from api.errors import BadParameter, ErrorCode, RequestRefused
from api.http.methods import allowed_methods
from exifinator.errors import BadQuery, QueueUnavailable, SourceUnavailable, StoreUnavailable, TransientError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# MongoDB's error codes (error_codes.yml): Unauthorized, AuthenticationFailed.
_NOT_AUTHORIZED = frozenset({13, 18})
# OperationFailed (for sorts in older versions), ExceededMemoryLimit, QueryExceededMemoryLimitNoDiskUseAllowed.
_OUT_OF_MEMORY = frozenset({96, 146, 292})


class Problem(BaseModel):
    """An error. `parameter`, `pointer` and `hint` are omitted where they do not apply."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Bad Request"])
    status: int = Field(examples=[400], ge=400, le=599)
    code: ErrorCode = Field(
        description="The cause, as a stable word that clients can branch on.", examples=["bad_parameter"]
    )
    detail: str = Field(
        description="The cause, as a sentence for people. The wording may change.",
        examples=["iso: expected a number or a range, such as 100-400, 100- or -400"],
    )
    parameter: str | None = Field(None, description="The parameter or body field at fault.", examples=["iso"])
    pointer: str | None = Field(
        None,
        description="JSON pointer (RFC 6901) to the wrong value in a parameter that holds JSON.",
        examples=["/photo.iso/$gt"],
    )
    hint: str | None = Field(None, description="What to do about the error.")


# Describes a problem response in the `responses` of a route.
PROBLEM_RESPONSE: dict[str, Any] = {"model": Problem, "content": {MEDIA_TYPE: {}}}


def describe_codes() -> str:
    """Return all codes as a Markdown table."""
    rows = (f"| `{code}` | {code.status} | {code.meaning} |" for code in ErrorCode)
    return "\n".join(["| Code | Status | Meaning |", "|---|---|---|", *rows])


def problem_response(
    code: ErrorCode,
    detail: str,
    *,
    status: int | None = None,
    parameter: str | None = None,
    pointer: str | None = None,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error as problem+json.

    Args:
        status: Defaults to the status of `code`.
    """
    status = status or code.status
    optional = {"parameter": parameter, "pointer": pointer, "hint": hint}
    content = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "code": code.value,
        "detail": detail,
        **{name: value for name, value in optional.items() if value is not None},
    }
    body = orjson.dumps(content)
    return Response(body, status, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", **(headers or {})})


def explain_mongo(error: PyMongoError, suggest: Callable[[], str]) -> RequestRefused:
    """Translate a MongoDB error for the client.

    Include MongoDB's own message only for a rejected query: other messages may contain host names.

    Args:
        suggest: Returns advice on how to make the query cheaper.
    """
    if isinstance(error, ExecutionTimeout):
        detail = "The query exceeded its time limit."
        return RequestRefused(ErrorCode.QUERY_TIMEOUT, detail, hint=suggest(), headers={"Retry-After": "5"})
    if isinstance(error, WaitQueueTimeoutError):
        detail = "Too many queries are waiting for MongoDB."
        return RequestRefused(ErrorCode.TOO_MANY_QUERIES, detail, headers={"Retry-After": "2"})
    if isinstance(error, ConnectionFailure):
        return RequestRefused(ErrorCode.MONGODB_UNAVAILABLE, "MongoDB cannot be reached.", headers={"Retry-After": "5"})
    if isinstance(error, OperationFailure):
        return _explain_failure(error, suggest)
    if isinstance(error, InvalidDocument | DocumentTooLarge):
        return RequestRefused(ErrorCode.QUERY_REJECTED, "The query contains a value that MongoDB cannot represent.")
    return RequestRefused(ErrorCode.MONGODB_ERROR, "The MongoDB operation failed.")


def _explain_failure(error: OperationFailure, suggest: Callable[[], str]) -> RequestRefused:
    if error.code in _NOT_AUTHORIZED:
        detail = "MongoDB rejected the API's credentials, or their user lacks a permission. Check MONGODB_URI."
        return RequestRefused(ErrorCode.MONGODB_ACCESS_DENIED, detail)
    if error.code in _OUT_OF_MEMORY:
        detail = "The query needs more memory for sorting or grouping than MongoDB allows."
        return RequestRefused(ErrorCode.OUT_OF_MEMORY, detail, hint=suggest())
    message = str((error.details or {}).get("errmsg", "no reason given"))
    # Only the message identifies this error: its code is 2 (BadValue), as for most mistakes in a query.
    if "hint provided does not" in message:
        detail = "hint: this index does not exist, or cannot serve this query."
        return RequestRefused(ErrorCode.BAD_HINT, detail, parameter="hint")
    return RequestRefused(ErrorCode.QUERY_REJECTED, f"MongoDB rejected this query: {message[:300]}")


def _transient_code(error: TransientError) -> ErrorCode:
    match error:
        case StoreUnavailable():
            return ErrorCode.MONGODB_UNAVAILABLE
        case QueueUnavailable():
            return ErrorCode.REDIS_UNAVAILABLE
        case SourceUnavailable():
            return ErrorCode.S3_UNAVAILABLE
    return ErrorCode.UNAVAILABLE


def _validation_response(error: RequestValidationError) -> Response:
    """Return a response that names all invalid parameters. Omit their values, which come from the client."""
    sentences = []
    first: tuple[ErrorCode, str | None] | None = None
    for item in error.errors():
        # The first item is "query", "path" or "body".
        path = [str(part) for part in item["loc"][1:]]
        name = ".".join(path) or str(item["loc"][0])
        code, parameter = ErrorCode.BAD_PARAMETER, path[0] if path else None
        if item["type"] == "extra_forbidden":
            code = ErrorCode.UNKNOWN_PARAMETER
            reason = "the body has no such field" if item["loc"][0] == "body" else "this path has no such parameter"
            sentences.append(f"{name[:60] if all(path) else repr('')}: {reason}")
        elif item["type"] == "json_invalid":
            code, parameter = ErrorCode.BAD_JSON, "body"
            sentences.append("body: not valid JSON")
        else:
            sentences.append(f"{name}: {item['msg'].removeprefix('Value error, ')}")
        first = first or (code, parameter)
    code, parameter = first or (ErrorCode.BAD_PARAMETER, None)
    return problem_response(code, "; ".join(sentences), parameter=parameter)


_NO_SUCH_PATH = "This path does not exist. See / for the main endpoints."


def not_found_response() -> Response:
    """Return the 404 response for a path that does not exist."""
    return problem_response(ErrorCode.NOT_FOUND, _NO_SUCH_PATH)


def install_handlers(app: FastAPI, suggest: Callable[[Request], str]) -> None:
    """Install handlers that turn every error of `app` into a problem+json response.

    Args:
        suggest: Returns advice on how to make a request's query cheaper.
    """

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # registered below for HTTPException only
        headers = dict(error.headers or {})
        match error.status_code:
            case 404:
                return not_found_response()
            case 405:
                headers["Allow"] = ", ".join(allowed_methods(app, request.scope))
                detail = f"This path supports {headers['Allow']}."
                return problem_response(ErrorCode.METHOD_NOT_ALLOWED, detail, headers=headers)
        return problem_response(ErrorCode.HTTP_ERROR, str(error.detail), status=error.status_code, headers=headers)

    async def on_refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestRefused)  # noqa: S101
        return problem_response(
            error.error_code, str(error), parameter=error.parameter, hint=error.hint, headers=error.headers
        )

    async def on_bad_query(_: Request, error: Exception) -> Response:
        if isinstance(error, BadParameter):
            return problem_response(
                error.error_code, str(error), parameter=error.parameter, pointer=error.pointer, hint=error.hint
            )
        return problem_response(ErrorCode.QUERY_REJECTED, str(error))

    async def on_mongo(request: Request, error: Exception) -> Response:
        assert isinstance(error, PyMongoError)  # noqa: S101
        refused = explain_mongo(error, partial(suggest, request))
        if refused.status >= 500:
            log.warning("%s %s: %s", request.method, request.url.path, type(error).__name__, extra={"action": "fail"})
        return await on_refused(request, refused)

    async def on_transient(_: Request, error: Exception) -> Response:
        assert isinstance(error, TransientError)  # noqa: S101
        return problem_response(_transient_code(error), str(error), headers={"Retry-After": "5"})

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return _validation_response(error)

    async def on_other(_request: Request, _error: Exception) -> Response:
        return problem_response(ErrorCode.INTERNAL_ERROR, "Internal error. See the API's log.")

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestRefused, on_refused)
    app.add_exception_handler(BadQuery, on_bad_query)
    app.add_exception_handler(TransientError, on_transient)
    app.add_exception_handler(PyMongoError, on_mongo)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_other)
