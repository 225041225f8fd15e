"""Show photos: links to originals, files of local folders, and previews.

The bytes come from files of unknown origin. A response therefore has a content type from a fixed list, which browsers
must not override (nosniff), is saved instead of shown when it is opened by itself, and may load nothing (CSP).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.auth import READER, Credentials, require_reader
from api.database import QUERY_MS, Document, Store, StoreDep
from api.errors import ErrorCode, RequestRefused
from api.http.parameters import Arguments, PhotoId
from api.http.problems import MEDIA_TYPE as PROBLEM_TYPE
from api.http.problems import PROBLEM_RESPONSE
from api.http.responses import bytes_response, encode_json, json_response
from api.presigned_urls import URL_SECONDS
from api.previews import outcomes
from api.previews.maker import PreviewMaker, Size, TooManyWaiting
from api.previews.outcomes import NoPreview
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

router = APIRouter(prefix="/photos", tags=["photos"])

# Format of a record -> content type, for what browsers show. Neither SVG nor any other text is among them.
MEDIA_TYPES = {
    "avif": "image/avif", "bmp": "image/bmp", "gif": "image/gif", "heic": "image/heic", "heif": "image/heif",
    "ico": "image/x-icon", "jpeg": "image/jpeg", "jxl": "image/jxl", "m4v": "video/mp4", "mkv": "video/x-matroska",
    "mov": "video/quicktime", "mp4": "video/mp4", "png": "image/png", "tiff": "image/tiff", "webm": "video/webm",
    "webp": "image/webp", "3gp": "video/3gpp", "3g2": "video/3gpp2",
}  # fmt: skip
OTHER_TYPE = "application/octet-stream"
_CHUNK_BYTES = 512 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_FOREVER = "private, max-age=31536000, immutable"
_SHORTLY = "private, max-age=300"
# Pages of other origins must not embed the pictures, not even those that the user may see.
_OWN_PAGES_ONLY = {"Cross-Origin-Resource-Policy": "same-origin"}
_RECORD_FIELDS = {"bucket": 1, "key": 1, "etag": 1, "size": 1, "last_modified": 1, "format": 1, "photo.orientation": 1}
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


class PreviewArguments(Arguments):
    """Size and caching."""

    size: Size = Field("screen", description="`tile`: longer side at most 480 pixels. `screen`: for the whole screen.")
    soft: bool = Field(
        False,
        description="Answer with status 200 if there is no preview, too. The body is then `application/problem+json`.",
    )
    v: str | None = Field(
        None,
        max_length=300,
        description="The image's ETag. With `v`, browsers cache the preview for a year, otherwise for minutes.",
        examples=["a1b2"],
    )


def refuse_other_pages(request: Request) -> None:
    """If no token is set, reject requests that pages of other origins cause: they would cost S3 requests and CPU time.

    Raises:
        RequestRefused: The request comes from such a page.
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
    record = await _get_record(store, id)
    ref, state = _ref_of(record), request.app.state
    if _is_file(state.sources, ref):
        url = state.link_signer.sign(f"{photo_path(id)}/content")
    else:
        media_type = MEDIA_TYPES.get(str(record.get("format")), OTHER_TYPE)
        url = await run_in_threadpool(state.signer.sign, ref.bucket, ref.key, media_type)
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
    if not request.app.state.link_signer.is_valid(path, arguments.expires, arguments.signature):
        await require_reader(request, credentials)
    _require_originals(store)
    record = await _get_record(store, id)
    ref, sources = _ref_of(record), request.app.state.sources
    if not _is_file(sources, ref):
        raise RequestRefused(ErrorCode.NOT_FOUND, "The original is in S3. Use /original for a link to it.")
    with source_errors():
        first = await run_in_threadpool(sources.read_range, ref, 0, 1)
    etag = f'"{first.etag}"'
    headers = {
        **_OWN_PAGES_ONLY,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(ref.key.rpartition('/')[2], safe='')}",
        # Keep GZipMiddleware from compressing the file, whose length is in the headers.
        "Content-Encoding": "identity",
        "ETag": etag,
    }
    status, start, end = 200, 0, first.total_bytes
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    # A range of another version would not fit to what the client has.
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
    """Yield a range of a file. If the file changes meanwhile, the error breaks the connection."""
    while start < end:
        length = min(_CHUNK_BYTES, end - start)
        part = await run_in_threadpool(sources.read_range, ref, start, length, if_match=etag)
        yield part.data
        start += length


@router.get(
    "/{id:path}/preview",
    summary="Get a picture of a photo in any format",
    response_class=Response,
    responses={
        200: {
            "content": {
                **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/jpeg", OTHER_TYPE)},
                # With `soft`, if there is no preview.
                **PROBLEM_RESPONSE["content"],
            }
        },
        403: {**PROBLEM_RESPONSE, "description": "Making previews is disabled (API_PREVIEWS)"},
        409: {**PROBLEM_RESPONSE, "description": "The original was replaced, or is archived"},
        422: {**PROBLEM_RESPONSE, "description": "The picture is damaged or too large"},
    },
    dependencies=[READER, OWN_PAGES],
)
async def get_preview(
    request: Request, store: StoreDep, id: PhotoId, arguments: Annotated[PreviewArguments, Query()]
) -> Response:
    """Return an upright JPEG: the preview that the camera embedded, or a smaller copy of the original.

    It is made on the first request and cached. Requires API_PREVIEWS.

    A photo without a preview is nothing unusual, but browsers log each response with an error status: hence `soft`.
    """
    try:
        data = await _make_preview(request, store, id, arguments.size)
    except RequestRefused as error:
        if not arguments.soft:
            raise
        problem = {"status": error.status, "code": error.error_code.value, "detail": str(error)}
        headers = {"Cache-Control": "no-store", **error.headers}
        return Response(encode_json(problem), headers=headers, media_type=PROBLEM_TYPE)
    headers = {**_OWN_PAGES_ONLY, "Content-Disposition": 'attachment; filename="preview.jpg"'}
    # What a URL with the ETag returns never changes.
    cache = _FOREVER if arguments.v else _SHORTLY
    return bytes_response(request, data, "image/jpeg", cache_control=cache, headers=headers)


async def _make_preview(request: Request, store: Store, id_: str, size: Size) -> bytes:
    if not store.config.api_previews:
        detail = "Making previews is disabled. To enable it, set API_PREVIEWS in settings.py."
        raise RequestRefused(ErrorCode.PREVIEWS_DISABLED, detail)
    if importlib.util.find_spec("PIL") is None:
        detail = "Previews require the package Pillow, which is not installed. Install it with: pip install pillow"
        raise RequestRefused(ErrorCode.PREVIEWS_DISABLED, detail)
    record = await _get_record(store, id_)
    maker: PreviewMaker = request.app.state.previews
    with source_errors():
        return await maker.get(
            _ref_of(record), str(record.get("format")), _orientation_of(record), size, request.is_disconnected
        )


_REASONS = {
    outcomes.ABSENT: (ErrorCode.NO_PREVIEW, "This file has no preview, and its format cannot be decoded."),
    outcomes.TOO_LARGE: (ErrorCode.PREVIEW_TOO_LARGE, "The picture is too large for a preview (API_PREVIEW_MAX_MB)."),
    outcomes.DAMAGED: (ErrorCode.PREVIEW_DAMAGED, "The picture in this file is damaged."),
}


@contextmanager
def source_errors() -> Iterator[None]:
    """Translate the errors of reading an original, and of making a preview."""
    try:
        yield
    except NoPreview as error:
        raise RequestRefused(*_REASONS[error.reason]) from error
    except TooManyWaiting as error:
        detail = "Too many previews are waiting to be made."
        raise RequestRefused(ErrorCode.TOO_MANY_PREVIEWS, detail, headers={"Retry-After": "2"}) from error
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


async def _get_record(store: Store, id_: str) -> Document:
    record = await store.photos.find_one({"_id": id_}, _RECORD_FIELDS, max_time_ms=QUERY_MS)
    if record is None:
        raise RequestRefused(ErrorCode.NOT_FOUND, "This photo no longer exists, or the link is wrong.")
    return record


def _orientation_of(record: Document) -> int:
    """Return the orientation in a record; 0 if it has none."""
    photo = record.get("photo")
    orientation = photo.get("orientation") if isinstance(photo, dict) else None
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 0


def _ref_of(record: Document) -> ImageRef:
    size: Any = record.get("size")
    modified: Any = record.get("last_modified")
    return ImageRef(
        str(record["bucket"]),
        str(record["key"]),
        str(record.get("etag") or ""),
        size if isinstance(size, int) else 0,
        modified if isinstance(modified, datetime) else _EPOCH,
    )
