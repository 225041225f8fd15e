"""Give access to originals: links to objects in S3, and the files of local folders.

The bytes come from files of unknown origin. A response therefore has a content type from a fixed list, which browsers
must not override (nosniff), is saved instead of shown when it is opened by itself, and may load nothing (CSP).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.auth import READER, Credentials, require_reader
from api.database import Document, Store, StoreDep, get_record
from api.errors import ErrorCode, RequestRefused
from api.http.parameters import Arguments, PhotoId
from api.http.problems import PROBLEM_RESPONSE
from api.http.responses import json_response
from api.http.router import PathRouter
from api.presigned_urls import URL_SECONDS
from api.serializers import photo_path
from exifinator.errors import (
    AccessDenied,
    BucketGone,
    ObjectArchived,
    ObjectChanged,
    ObjectGone,
    PermanentError,
    TransientError,
)
from exifinator.models import ImageRef
from exifinator.sources.client import SourceClient
from exifinator.web_security import is_cross_site

router = PathRouter(prefix="/photos", tags=["photos"])

# Format of a record -> content type, for formats that browsers can show. Neither SVG nor any other text is among them.
MEDIA_TYPES = {
    "avif": "image/avif", "bmp": "image/bmp", "gif": "image/gif", "heic": "image/heic", "heif": "image/heif",
    "ico": "image/x-icon", "jpeg": "image/jpeg", "jxl": "image/jxl", "m4v": "video/mp4", "mkv": "video/x-matroska",
    "mov": "video/quicktime", "mp4": "video/mp4", "png": "image/png", "tiff": "image/tiff", "webm": "video/webm",
    "webp": "image/webp", "3gp": "video/3gpp", "3g2": "video/3gpp2",
}  # fmt: skip
OTHER_TYPE = "application/octet-stream"
_CHUNK_BYTES = 512 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
# Pages of other origins must not embed originals and previews, not even those that the user may see.
OWN_PAGES_ONLY = {"Cross-Origin-Resource-Policy": "same-origin"}
# The fields of a record that `to_ref` and these routes need.
REF_FIELDS = {"bucket": 1, "key": 1, "etag": 1, "size": 1, "last_modified": 1, "format": 1}
_EPOCH = datetime.fromtimestamp(0, UTC)


class Original(BaseModel):
    """A URL of the original, and the number of seconds for which the URL is valid.

    For a file in a local folder, the URL is a path of this API.
    """

    url: str
    seconds: int


class OriginalArguments(Arguments):
    """Response options."""

    redirect: bool = Field(False, description="Redirect to the URL (303) instead of returning it.")


class ContentArguments(Arguments):
    """The signature of a link that /original has returned."""

    expires: int | None = Field(
        None, ge=0, le=2**53, description="When the link expires, as Unix time.", examples=[1_800_000_000]
    )
    signature: str | None = Field(None, max_length=100, description="The signature.", examples=["9f86d081"])


def refuse_other_pages(request: Request) -> None:
    """If no token is set, reject requests from pages of other origins, which would cost S3 requests and CPU time.

    Raises:
        RequestRefused: The request comes from such a page (403).
    """
    config = request.app.state.config
    if config.api_token is not None or request.headers.get("origin") in config.api_cors_origins:
        return
    if is_cross_site(request.headers.get):
        raise RequestRefused(ErrorCode.FOREIGN_ORIGIN, "Web pages from other origins cannot load originals.")


OWN_PAGES = Depends(refuse_other_pages)


@router.get(
    "/{id:path}/original",
    summary="Get a URL of the original",
    response_model=Original,
    responses={
        303: {"description": "Redirect to the URL, if `redirect` is set"},
        403: {**PROBLEM_RESPONSE, "description": "Links to originals are disabled (API_SIGN_ORIGINALS)"},
    },
    dependencies=[READER, OWN_PAGES],
)
async def get_original(
    request: Request, store: StoreDep, id: PhotoId, arguments: Annotated[OriginalArguments, Query()]
) -> Response:
    """Return a URL that is valid for ten minutes: a presigned S3 URL or, for a file in a folder, one of this API.

    Requires API_SIGN_ORIGINALS. Anyone with the URL can download the photo.
    """
    _require_originals(store)
    record = await get_record(store, id, REF_FIELDS)
    ref, state = to_ref(record), request.app.state
    if _is_file(state.sources, ref):
        url = state.path_signer.sign(f"{photo_path(id)}/content")
    else:
        media_type = MEDIA_TYPES.get(str(record.get("format")), OTHER_TYPE)
        url = await run_in_threadpool(state.url_signer.sign, ref.bucket, ref.key, media_type)
    if arguments.redirect:
        return Response(status_code=303, headers={"Location": url, "Cache-Control": "no-store"})
    content = {"url": url, "seconds": URL_SECONDS}
    return json_response(request, content, headers={"Cache-Control": "no-store"})


@router.get(
    "/{id:path}/content",
    summary="Get the original, if it is a file in a local folder",
    response_class=Response,
    responses={
        200: {"content": {OTHER_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
        206: {"description": "The requested range"},
        403: {**PROBLEM_RESPONSE, "description": "Links to originals are disabled (API_SIGN_ORIGINALS)"},
        416: {**PROBLEM_RESPONSE, "description": "The range begins after the end of the file"},
    },
    dependencies=[OWN_PAGES],
)
async def get_content(
    request: Request,
    store: StoreDep,
    credentials: Credentials,
    id: PhotoId,
    arguments: Annotated[ContentArguments, Query()],
) -> Response:
    """Return a file of a local folder, or a range of it. Requires API_SIGN_ORIGINALS.

    /original returns the URL. It is signed, so it needs no token.
    """
    path = f"{photo_path(id)}/content"
    if not request.app.state.path_signer.is_valid(path, arguments.expires, arguments.signature):
        await require_reader(request, credentials)
    _require_originals(store)
    record = await get_record(store, id, REF_FIELDS)
    ref, sources = to_ref(record), request.app.state.sources
    if not _is_file(sources, ref):
        raise RequestRefused(ErrorCode.NOT_FOUND, "The original is in S3. Use /original for a link to it.")
    with source_errors():
        first = await run_in_threadpool(sources.read_range, ref, 0, 1)
    etag = f'"{first.etag}"'
    headers = {
        **OWN_PAGES_ONLY,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(ref.key.rpartition('/')[2], safe='')}",
        # Keep GZipMiddleware from compressing the file, whose length is in the headers.
        "Content-Encoding": "identity",
        "ETag": etag,
    }
    status, start, end = 200, 0, first.total_bytes
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    # If the client has a part of another version, send the whole file.
    if match and match[0] != "bytes=-" and request.headers.get("if-range", etag) == etag:
        status, (start, end) = 206, _resolve_range(match[1], match[2], first.total_bytes)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{first.total_bytes}"
    headers["Content-Length"] = str(end - start)
    media_type = MEDIA_TYPES.get(str(record.get("format")), OTHER_TYPE)
    if getattr(request.state, "head", False):
        return Response(status_code=status, headers=headers, media_type=media_type)
    content = _read_chunks(sources, ref, start, end, first.etag)
    return StreamingResponse(content, status, headers, media_type)


def _resolve_range(first: str, last: str, total_bytes: int) -> tuple[int, int]:
    """Return the start and the end of a range of a Range header (RFC 9110, 14.1.2).

    Raises:
        RequestRefused: The range begins after the end of the file, or is empty (416).
    """
    if first:
        start, end = int(first), min(int(last) + 1, total_bytes) if last else total_bytes
    else:
        start, end = max(0, total_bytes - int(last)), total_bytes
    if start >= end:
        headers = {"Content-Range": f"bytes */{total_bytes}"}
        raise RequestRefused(ErrorCode.RANGE_NOT_SATISFIABLE, "The file has no such range.", headers=headers)
    return start, end


async def _read_chunks(sources: SourceClient, ref: ImageRef, start: int, end: int, etag: str) -> AsyncIterator[bytes]:
    """Yield a range of a file. If the file changes in the meantime, the error closes the connection."""
    while start < end:
        length = min(_CHUNK_BYTES, end - start)
        part = await run_in_threadpool(sources.read_range, ref, start, length, if_match=etag)
        yield part.data
        start += length


@contextmanager
def source_errors() -> Iterator[None]:
    """Translate the errors of reading an original."""
    try:
        yield
    except ObjectChanged as error:
        detail = "The original was replaced after it was indexed. Index it again."
        raise RequestRefused(ErrorCode.ORIGINAL_CHANGED, detail) from error
    except (ObjectGone, BucketGone) as error:
        raise RequestRefused(ErrorCode.ORIGINAL_GONE, "The original no longer exists.") from error
    except ObjectArchived as error:
        detail = "The original is archived. It has to be restored before it can be read."
        raise RequestRefused(ErrorCode.ORIGINAL_ARCHIVED, detail) from error
    except AccessDenied as error:
        raise RequestRefused(ErrorCode.ACCESS_DENIED, str(error)) from error
    except TransientError as error:
        raise RequestRefused(ErrorCode.S3_UNAVAILABLE, str(error), headers={"Retry-After": "5"}) from error
    except PermanentError as error:
        raise RequestRefused(ErrorCode.S3_UNAVAILABLE, str(error)) from error


def _require_originals(store: Store) -> None:
    if not store.config.signs_originals:
        detail = "Links to originals are disabled. To enable them, set API_SIGN_ORIGINALS in settings.py."
        raise RequestRefused(ErrorCode.ORIGINALS_DISABLED, detail)


def _is_file(sources: SourceClient, ref: ImageRef) -> bool:
    return sources.folders.has(ref)


def to_ref(record: Document) -> ImageRef:
    """Return the version of the object that was indexed."""
    size: Any = record.get("size")
    modified: Any = record.get("last_modified")
    return ImageRef(
        str(record["bucket"]),
        str(record["key"]),
        str(record.get("etag") or ""),
        size if isinstance(size, int) else 0,
        modified if isinstance(modified, datetime) else _EPOCH,
    )
