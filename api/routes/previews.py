"""Make previews of photos. The rules of originals.py for files of unknown origin apply here too."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import Response

from api.auth import READER
from api.database import Document, Store, StoreDep, get_record
from api.errors import ErrorCode, RequestRefused
from api.http.parameters import Arguments, PhotoId
from api.http.problems import MEDIA_TYPE as PROBLEM_TYPE
from api.http.problems import PROBLEM_RESPONSE
from api.http.responses import PRIVATE_FOREVER, bytes_response, encode_json
from api.http.router import PathRouter
from api.previews import outcomes
from api.previews.maker import PreviewMaker, Size, TooManyWaiting
from api.previews.outcomes import NoPreview
from api.routes.originals import OTHER_TYPE, OWN_PAGES, OWN_PAGES_ONLY, REF_FIELDS, source_errors, to_ref

router = PathRouter(prefix="/photos", tags=["photos"])

_FIVE_MINUTES = "private, max-age=300"
_RECORD_FIELDS = {**REF_FIELDS, "photo.orientation": 1}


class PreviewArguments(Arguments):
    """Size and caching options."""

    size: Size = Field("screen", description="`tile`: longer side at most 480 pixels. `screen`: to fill a screen.")
    soft: bool = Field(
        False,
        description="If there is no preview, respond with status 200 instead of an error status. The body is still "
        "`application/problem+json`.",
    )
    v: str | None = Field(
        None,
        max_length=300,
        description="The image's ETag. With `v`, browsers cache the preview for a year, otherwise for five minutes.",
        examples=["a1b2"],
    )


@router.get(
    "/{id:path}/preview",
    summary="Get a preview of a photo in any format",
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

    The preview is made on the first request and cached. Requires API_PREVIEWS.

    Many photos have no preview. Use `soft` in web pages, because browsers log each response with an error status.
    """
    try:
        data = await _make_preview(request, store, id, arguments.size)
    except RequestRefused as error:
        if not arguments.soft:
            raise
        problem = {"status": error.status, "code": error.error_code.value, "detail": str(error)}
        headers = {"Cache-Control": "no-store", **error.headers}
        return Response(encode_json(problem), headers=headers, media_type=PROBLEM_TYPE)
    headers = {**OWN_PAGES_ONLY, "Content-Disposition": 'attachment; filename="preview.jpg"'}
    cache_control = PRIVATE_FOREVER if arguments.v else _FIVE_MINUTES
    return bytes_response(request, data, "image/jpeg", cache_control=cache_control, headers=headers)


async def _make_preview(request: Request, store: Store, id_: str, size: Size) -> bytes:
    if not store.config.api_previews:
        detail = "Making previews is disabled. To enable it, set API_PREVIEWS in settings.py."
        raise RequestRefused(ErrorCode.PREVIEWS_DISABLED, detail)
    if importlib.util.find_spec("PIL") is None:
        detail = "Previews require the package Pillow, which is not installed. Install it with: pip install pillow"
        raise RequestRefused(ErrorCode.PREVIEWS_DISABLED, detail)
    record = await get_record(store, id_, _RECORD_FIELDS)
    maker: PreviewMaker = request.app.state.previews
    with source_errors(), preview_errors():
        return await maker.get(
            to_ref(record), str(record.get("format")), _orientation_of(record), size, request.is_disconnected
        )


_REASONS = {
    outcomes.ABSENT: (ErrorCode.NO_PREVIEW, "This file has no preview, and its format cannot be decoded."),
    outcomes.TOO_LARGE: (ErrorCode.PREVIEW_TOO_LARGE, "The picture is too large for a preview (API_PREVIEW_MAX_MB)."),
    outcomes.DAMAGED: (ErrorCode.PREVIEW_DAMAGED, "The picture in this file is damaged."),
}


@contextmanager
def preview_errors() -> Iterator[None]:
    """Translate the errors of making a preview, other than those of reading the original."""
    try:
        yield
    except NoPreview as error:
        raise RequestRefused(*_REASONS[error.reason]) from error
    except TooManyWaiting as error:
        detail = "Too many previews are waiting to be made."
        raise RequestRefused(ErrorCode.TOO_MANY_PREVIEWS, detail, headers={"Retry-After": "2"}) from error


def _orientation_of(record: Document) -> int:
    """Return the orientation in a record; 0 if it has none."""
    photo = record.get("photo")
    orientation = photo.get("orientation") if isinstance(photo, dict) else None
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 0
