"""Path and query parameters that several routes share."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Path, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict

from api.errors import DESCRIBED, BadParameter, Refused


def decode_path(text: str) -> str:
    """A part of the path as its writer meant it. Raises: ValueError where it is no UTF-8."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("the percent-encoding is not that of UTF-8") from None


PhotoId = Annotated[
    str,
    Path(
        description="`<bucket>/<key>`, percent-encoded; the slashes may stand as they are or as %2F.",
        examples=["holiday/2024/beach.jpg"],
        min_length=1,
        max_length=2048,
    ),
    BeforeValidator(decode_path),
]


# Parameters that may be there several times: any of their values will do.
REPEATABLE = frozenset({"camera", "lens", "bucket", "format", "status", "keyword", "rating", "has", "without"})


class Arguments(BaseModel):
    """Query parameters: one that is not known is refused, so that a typing mistake does not pass as no filter."""

    model_config = ConfigDict(extra="forbid")


async def refuse_strays(request: Request) -> None:
    """Raises: BadParameter where a parameter that has one value is there twice, or where an address takes none."""
    seen: set[str] = set()
    takes_some = _takes_parameters(request)
    for name, _ in request.query_params.multi_items():
        if not takes_some:
            raise BadParameter(name[:60], "this address takes no parameters")
        if name in seen and name not in REPEATABLE:
            raise BadParameter(name[:60], "this parameter can be there only once")
        seen.add(name)


def _takes_parameters(request: Request) -> bool:
    """Whether the route has query parameters; pages and their files are left alone, whatever stands behind them."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not route.include_in_schema or "health" in route.tags:
        return True
    return bool(route.dependant.query_params)


async def _require_json(request: Request) -> None:
    """Raises: Refused (415) where a body does not say that it is JSON; a page of another origin can send only such."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json and await request.body():
        raise Refused(415, "The body has to be JSON, with the header Content-Type: application/json.")


JSON_BODY = Depends(_require_json)
NOT_JSON: dict[int | str, dict[str, Any]] = {415: {**DESCRIBED, "description": "The body does not say that it is JSON"}}
