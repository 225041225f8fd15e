"""All photos that pass a filter, as one stream."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from api.doors import READER
from api.errors import DESCRIBED, Refused
from api.exports import Chunk, stream_csv, stream_geojson, stream_ndjson, stream_parquet
from api.filters import Filters
from api.query import Filter
from api.shapes import SUMMARY_FIELDS
from api.store import ReadStore, Store

router = APIRouter(dependencies=[READER], tags=["export"])

CHUNK = 500
EXPORTS_AT_ONCE = 4
# Time that MongoDB may work on one export, not counting what the client needs to read it.
_EXPORT_MS = 15 * 60 * 1000

PARQUET = "application/vnd.apache.parquet"
Form = Literal["ndjson", "csv", "geojson", "parquet"]
_TYPES: dict[str, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "parquet": PARQUET,
}
_SCHEMAS = {"geojson": {"type": "object"}, "parquet": {"type": "string", "format": "binary"}, "ndjson": {}}


class ExportArguments(Filters):
    """Which photos, and how much of each."""

    whole: bool = Field(False, description="ndjson only: the whole records, with every tag, as they are stored.")


@router.get(
    "/export.{form}",
    summary="All photos, as a stream",
    response_class=Response,
    responses={
        200: {"content": {media: {"schema": _SCHEMAS.get(form, {"type": "string"})} for form, media in _TYPES.items()}},
        501: {**DESCRIBED, "description": "Parquet needs the package arro3-io"},
    },
)
async def export_photos(
    request: Request,
    store: ReadStore,
    form: Annotated[Form, Path(description="The form of the stream.", examples=["csv"])],
    arguments: Annotated[ExportArguments, Query()],
) -> Response:
    """Any number of photos in constant memory, in no particular order.

    A stream that breaks off before its end was cut by an error: it is not closed as HTTP closes a whole one.
    """
    filter_ = arguments.to_filter()
    if form == "parquet" and importlib.util.find_spec("arro3") is None:
        raise Refused(501, "Parquet needs the package arro3-io, which is not installed: pip install arro3-io.")
    headers = {
        "Content-Disposition": f'attachment; filename="photos.{form}"',
        "Cache-Control": "no-store",
    }
    if getattr(request.state, "head", False):
        return StreamingResponse(iter(()), media_type=_TYPES[form], headers=headers)
    gate: asyncio.Semaphore = request.app.state.exports
    if gate.locked():
        raise Refused(503, f"{EXPORTS_AT_ONCE} exports are under way already.", headers={"Retry-After": "30"})
    chunks = await _begun(_read_chunks(store, filter_, gate, whole=arguments.whole and form == "ndjson"))
    streams = {"csv": stream_csv, "geojson": stream_geojson, "parquet": stream_parquet}
    stream = stream_ndjson(chunks, whole=arguments.whole) if form == "ndjson" else streams[form](chunks)
    return StreamingResponse(stream, media_type=_TYPES[form], headers=headers)


async def _read_chunks(store: Store, filter_: Filter, gate: asyncio.Semaphore, *, whole: bool) -> AsyncGenerator[Chunk]:
    async with gate:
        cursor = store.photos.find(filter_, None if whole else SUMMARY_FIELDS, batch_size=CHUNK, max_time_ms=_EXPORT_MS)
        async with cursor:
            while chunk := await cursor.to_list(CHUNK):
                yield chunk
                # Others have their turn, however fast this client reads.
                await asyncio.sleep(0)


async def _begun(chunks: AsyncGenerator[Chunk]) -> AsyncIterator[Chunk]:
    """The same chunks, the first of which is there: what fails before it is answered as an error, not as a stream."""
    first = await anext(chunks, None)

    async def all_of_them() -> AsyncIterator[Chunk]:
        async with aclosing(chunks):
            if first is not None:
                yield first
            async for chunk in chunks:
                yield chunk

    return all_of_them()
