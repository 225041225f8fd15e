"""Answers: JSON as a browser reads it, ETags, and 304 for whoever has it already."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

import orjson
from bson import Decimal128, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from starlette.requests import Request
from starlette.responses import Response

TIMES = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
# Photos have owners: shared caches keep none of it, and browsers ask each time whether it changed.
REVALIDATE = "private, no-cache"


def to_plain(value: Any) -> Any:
    """What JSON has no word for: bytes in base64, identifiers and exact decimals as text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, ObjectId | Decimal128 | uuid.UUID):
        return str(value)
    if isinstance(value, DatetimeMS):  # a date before year 1 or after 9999
        return int(value)
    if isinstance(value, Timestamp):
        return value.as_datetime()
    if isinstance(value, Regex):
        return str(value.pattern)
    return str(value)


def encode_json(value: Any) -> bytes:
    """JSON in UTF-8; times in ISO 8601, with a Z, for those of MongoDB are UTC; NaN and infinities become null."""
    return orjson.dumps(value, default=to_plain, option=TIMES | orjson.OPT_NON_STR_KEYS)


def answer_json(
    request: Request, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`value` as JSON with an ETag, or 304 where the caller names that ETag."""
    return answer_bytes(request, encode_json(value), "application/json", status=status, headers=headers)


def answer_bytes(
    request: Request,
    body: bytes,
    media_type: str,
    *,
    status: int = 200,
    cache_control: str = REVALIDATE,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`body` with an ETag, or 304 where the caller names that ETag.

    The ETag is weak, because compression changes the bytes and not what they say.
    """
    etag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    all_headers = {"ETag": etag, "Cache-Control": cache_control, **(headers or {})}
    if status == 200 and names_etag(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=all_headers)
    return Response(body, status, media_type=media_type, headers=all_headers)


def names_etag(if_none_match: str | None, etag: str) -> bool:
    """Whether an If-None-Match header names this ETag (weak comparison, RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    given = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return "*" in given or etag.removeprefix("W/") in given
