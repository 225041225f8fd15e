"""Turn boto3's responses into RangeRead and ListedPage.

Servers leave out headers and fields, or write them in their own way. A response is used if it certainly contains the
requested bytes or keys. Otherwise, it is translated into an error that names the problem.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from exifinator.errors import IncompleteListing, SourceUnavailable
from exifinator.models import ImageRef, ListedPage, RangeRead
from exifinator.sources.s3.errors import not_s3
from exifinator.sources.s3.headers import (
    parse_content_encoding,
    parse_content_range,
    parse_etag,
    parse_http_date,
    to_storage_class,
)

# The maximum number of objects on a page.
MAX_KEYS = 1000
# Storage classes whose objects have to be restored before they can be read.
ARCHIVE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


def to_range_read(response: dict[str, Any], ref: ImageRef, start: int, length: int) -> RangeRead:
    """Read the requested bytes from boto3's response to GetObject, which has status 206 or 200.

    Args:
        response: The response.
        ref: The requested object.
        start: Offset of the requested bytes.
        length: Number of the requested bytes.

    Raises:
        SourceUnavailable: The response does not contain the requested bytes, or does not come from an S3 server.
    """
    body = response["Body"]
    modified = response.get("LastModified")
    etag, is_weak = parse_etag(response.get("ETag", ""))
    if not isinstance(modified, datetime):
        if not etag:
            body.close()
            raise not_s3(ref.id)
        modified = ref.last_modified
    encoding = parse_content_encoding(response.get("ContentEncoding", ""))
    storage_class = to_storage_class(response.get("StorageClass", ""))
    header = response.get("ContentRange", "")
    content_range = parse_content_range(header, ref.size_bytes)
    if content_range:
        first, last, total = content_range
        if first != start or last < first or last - first >= length:
            body.close()
            raise SourceUnavailable(
                f"S3 sent a different range of {ref.id} than requested: {header}", code="bad_response"
            )
        # Try to read one byte more than the range has, to notice a body that is longer.
        data = _read(body, last - first + 2)
        if len(data) != last - first + 1:
            raise SourceUnavailable(
                f"S3 sent a body of {ref.id} that does not match its Content-Range {header}", code="bad_response"
            )
        return RangeRead(
            start, data, total, etag, modified.astimezone(UTC), encoding, is_weak, storage_class=storage_class
        )
    if header or response["ResponseMetadata"]["HTTPStatusCode"] == 206:
        body.close()
        raise SourceUnavailable(
            f"S3 sent a part of {ref.id} without a valid Content-Range: {header!r}", code="bad_response"
        )
    # Status 200: the server does not support ranges, or ignores the range of a small object.
    end = start + length
    data = _read(body, end)
    # A body in chunks has no length. If it was not read to its end, only the listing says how long it is.
    total_if_chunked = len(data) if len(data) < end else max(ref.size_bytes, end)
    total = int(response.get("ContentLength", total_if_chunked))
    if len(data) < min(total, end):
        raise SourceUnavailable(f"S3 sent {len(data)} of {total} bytes of {ref.id}", code="bad_response")
    return RangeRead(
        start, data[start:], total, etag, modified.astimezone(UTC), encoding, is_weak, storage_class=storage_class
    )


def _read(body: Any, limit_bytes: int) -> bytes:
    """Read up to `limit_bytes` bytes of a body, and close it.

    Read repeatedly, because a chunked body returns fewer bytes at a time than requested.
    """
    parts, missing = [], limit_bytes
    while missing and (part := body.read(missing)):
        parts.append(part)
        missing -= len(part)
    body.close()
    return b"".join(parts)


def to_listed_page(page: dict[str, Any], bucket: str, prefix: str, *, max_keys: int, is_v1: bool) -> ListedPage:
    """Turn boto3's response to ListObjects or ListObjectsV2 into a page.

    Args:
        page: The response.
        bucket: The requested bucket.
        prefix: The requested prefix.
        max_keys: The requested number of keys.
        is_v1: Whether this is a response to ListObjects.

    Raises:
        SourceUnavailable: The response does not come from an S3 server.
        IncompleteListing: An entry lacks its key, size or time.
    """
    if "IsTruncated" not in page and "Contents" not in page and "KeyCount" not in page:
        raise not_s3(bucket)
    try:
        refs = [
            ImageRef(
                bucket,
                item["Key"],
                parse_etag(item.get("ETag", ""))[0],
                item["Size"],
                item["LastModified"],
                item.get("StorageClass") in ARCHIVE_CLASSES
                and "RestoreExpiryDate" not in item.get("RestoreStatus", {}),
                to_storage_class(item.get("StorageClass", "")),
            )
            for item in page.get("Contents", ())
        ]
    except KeyError as exc:
        raise malformed_listing(bucket, f"an entry has no {exc.args[0]}") from exc
    if is_v1:
        # Without a delimiter, servers send no NextMarker: the next page starts after the last key.
        token = page.get("NextMarker") or (refs[-1].key if refs else None)
    else:
        token = page.get("NextContinuationToken") or None
    is_truncated = page.get("IsTruncated")
    if is_truncated is None:
        has_token = bool(page.get("NextContinuationToken") or page.get("NextMarker"))
        is_truncated = has_token or len(refs) == max_keys == MAX_KEYS
    served_at = parse_http_date(page["ResponseMetadata"].get("HTTPHeaders", {}).get("date")) or datetime.now(UTC)
    return ListedPage(
        # A server that ignores the prefix lists other objects too.
        [ref for ref in refs if ref.key.startswith(prefix)],
        token if is_truncated else None,
        served_at,
        lacks_token=bool(is_truncated) and token is None,
    )


def malformed_listing(bucket: str, problem: str) -> IncompleteListing:
    """Return the error for a page that arrived whole, but is not a valid S3 listing."""
    return IncompleteListing(
        f"The listing of {bucket} cannot be used: {problem}",
        code="malformed_listing",
        hint="update the S3 server, or ask its operator",
    )
