"""Path and query parameters that routes share, and checks of requests."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Path, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict

from api.errors import BadParameter, ErrorCode, RequestRefused
from api.http.problems import PROBLEM_RESPONSE


def decode_path(text: str) -> str:
    """Percent-decode a part of the path.

    Raises:
        ValueError: The decoded bytes are not UTF-8.
    """
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("the percent-encoded bytes are not UTF-8") from None


PhotoId = Annotated[
    str,
    Path(
        description="`<bucket>/<key>`, percent-encoded; slashes may be written as / or %2F.",
        examples=["holiday/2024/beach.jpg"],
        min_length=1,
        max_length=2048,
    ),
    BeforeValidator(decode_path),
]

# Parameters that may be repeated. A photo must match one of their values; for `has` and `without`, it must match all.
REPEATABLE = frozenset(
    {
        "camera", "lens", "bucket", "format", "status", "keyword", "person", "rating", "has", "without", "country",
        "state", "city", "place", "kind", "label", "creator", "copyright", "owner", "software", "camera_serial",
        "lens_serial", "white_balance", "flash", "color_space", "date_suspect", "media_type", "video_codec",
        "audio_codec", "stack", "fingerprint", "make",
    }
)  # fmt: skip


class Arguments(BaseModel):
    """Base class of all models of query parameters.

    It rejects unknown parameters. If they were ignored, a misspelled filter would match all photos.
    """

    model_config = ConfigDict(extra="forbid")


async def reject_stray_parameters(request: Request) -> None:
    """Reject parameters that are repeated but not REPEATABLE, and any parameter sent to a path that takes none.

    Raises:
        BadParameter: A parameter is rejected.
    """
    if _ignores_parameters(request):
        return
    seen: set[str] = set()
    allows_parameters = _allows_parameters(request)
    for name, _ in request.query_params.multi_items():
        if not allows_parameters:
            raise BadParameter(name[:60], "this path takes no parameters", code=ErrorCode.UNKNOWN_PARAMETER)
        if name in seen and name not in REPEATABLE:
            raise BadParameter(name[:60], "this parameter can be sent only once", code=ErrorCode.REPEATED_PARAMETER)
        seen.add(name)


def _ignores_parameters(request: Request) -> bool:
    """Return whether the route ignores parameters that it does not know, as mongodb-rest does."""
    return "mongodb-rest" in getattr(request.scope.get("route"), "tags", ())


def _allows_parameters(request: Request) -> bool:
    """Return whether requests to the route may have query parameters. HTML pages and health checks ignore them."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not route.include_in_schema or "health" in route.tags:
        return True
    return bool(route.dependant.query_params)


async def _require_json(request: Request) -> None:
    """Reject a body that is not declared as JSON.

    A browser asks this server before it lets a web page from another origin send JSON (CORS). This check therefore
    stops pages whose origin is not in API_CORS_ORIGINS.

    Raises:
        RequestRefused: The Content-Type is not JSON (415).
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )
    if not is_json and await request.body():
        detail = "The body must be JSON, sent with the header Content-Type: application/json."
        raise RequestRefused(ErrorCode.UNSUPPORTED_MEDIA_TYPE, detail)


REQUIRE_JSON = Depends(_require_json)
JSON_BODY_RESPONSES: dict[int | str, dict[str, Any]] = {
    413: {**PROBLEM_RESPONSE, "description": "The body is too large"},
    415: {**PROBLEM_RESPONSE, "description": "The body is not declared as JSON"},
}
