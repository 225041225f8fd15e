"""Parse the headers of S3's responses. Servers write them in many ways, so no header raises an error."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)$")
# Codings of the connection, which do not change the stored bytes.
_NO_CODINGS = frozenset({"", "identity", "aws-chunked"})
# The longest name of Amazon S3 has 19 characters. Servers may define names of their own.
_MAX_CLASS_CHARS = 64


def parse_content_range(text: str, unknown_size_bytes: int = 0) -> tuple[int, int, int] | None:
    """Return the first byte, the last byte and the object size from a Content-Range header (RFC 9110, 14.4).

    Return None if the header does not contain the range.

    Args:
        text: The header.
        unknown_size_bytes: The size to return if the header has "*" in place of the size.
    """
    match = _CONTENT_RANGE.match(text)
    if match is None:
        return None
    first, last, total = match.groups()
    return int(first), int(last), max(unknown_size_bytes, int(last) + 1) if total == "*" else int(total)


def parse_etag(text: str) -> tuple[str, bool]:
    """Return an ETag without its quotes, and whether it is weak, such as W/"x" (RFC 9110, 8.8.3)."""
    text = text.strip()
    is_weak = text.startswith("W/")
    return text.removeprefix("W/").strip('"'), is_weak


def parse_http_date(text: str | None) -> datetime | None:
    """Return the time of a Date or Last-Modified header; None if it is missing or not a date."""
    try:
        date = parsedate_to_datetime(text or "")
    except (TypeError, ValueError):
        return None
    # parsedate_to_datetime returns UTC without a time zone if the header ends with -0000.
    return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)


def parse_content_encoding(text: str) -> str:
    """Return the codings that were applied to the stored object, such as "gzip"; "" if there are none."""
    codings = [coding.strip().lower() for coding in text.split(",")]
    return ", ".join(coding for coding in codings if coding not in _NO_CODINGS)


def to_storage_class(text: str) -> str:
    """Return a storage class; "" for STANDARD, which servers may leave out."""
    text = text.strip()[:_MAX_CLASS_CHARS]
    return "" if text == "STANDARD" else text
