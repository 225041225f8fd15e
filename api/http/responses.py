"""Responses with ETags, and 304 for clients that already have the content."""

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

TIME_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
# Photos are private: shared caches must not store them, and browsers must revalidate them each time.
REVALIDATE = "private, no-cache"
# For a URL that contains the image's ETag: what it returns never changes.
PRIVATE_FOREVER = "private, max-age=31536000, immutable"


def to_plain(value: Any) -> Any:
    """Convert a value of a type that JSON lacks: bytes to base64, ids and exact decimals to strings."""
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
    """Encode a value as JSON. Times become ISO 8601 with a Z (MongoDB's are UTC). NaN and infinities become null."""
    return orjson.dumps(value, default=to_plain, option=TIME_OPTIONS | orjson.OPT_NON_STR_KEYS)


def json_response(
    request: Request, value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return `value` as JSON with an ETag, or 304 if the client has this ETag."""
    return bytes_response(request, encode_json(value), "application/json", status=status, headers=headers)


def bytes_response(
    request: Request,
    body: bytes,
    media_type: str,
    *,
    status: int = 200,
    cache_control: str = REVALIDATE,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return `body` with an ETag, or 304 if the client has this ETag.

    The ETag is weak: compression changes the bytes but not the meaning.
    """
    etag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    all_headers = {"ETag": etag, "Cache-Control": cache_control, **(headers or {})}
    if status == 200 and matches_etag(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=all_headers)
    return Response(body, status, media_type=media_type, headers=all_headers)


def matches_etag(if_none_match: str | None, etag: str) -> bool:
    """Return whether an If-None-Match header matches this ETag (weak comparison, RFC 9110, 13.1.2).

    werkzeug's parse_etags is not used because it accepts unquoted tags.
    """
    if if_none_match is None:
        return False
    tags = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags
