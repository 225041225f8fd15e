"""Path and query parameters that several routes share."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import Path, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict

from api.errors import BadParameter


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


async def refuse_repeats(request: Request) -> None:
    """Raises: BadParameter where a parameter that has one value is there twice, in the URL."""
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name in seen and name not in REPEATABLE:
            raise BadParameter(name[:60], "this parameter can be there only once")
        seen.add(name)
