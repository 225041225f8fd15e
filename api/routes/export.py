"""All photos that pass a filter, as one stream."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from api.doors import READER
from api.errors import DESCRIBED, Refused
from api.exports import Chunk, stream_csv, stream_geojson, stream_ndjson, stream_parquet, stream_whole
from api.filters import Filters
from api.query import Filter
from api.shapes import SUMMARY_FIELDS
from api.store import ReadStore, Store

router = APIRouter(dependencies=[READER], tags=["export"])

CHUNK = 500
Some = TypeVar("Some", Chunk, bytes)
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
    if form == "ndjson" and arguments.whole:
        stream = stream_whole(await _begun(_read(_raw_batches(store, filter_), gate)))
    else:
        streams = {"ndjson": stream_ndjson, "csv": stream_csv, "geojson": stream_geojson, "parquet": stream_parquet}
        stream = streams[form](await _begun(_read(_summaries(store, filter_), gate)))
    return StreamingResponse(stream, media_type=_TYPES[form], headers=headers)


@asynccontextmanager
async def _summaries(store: Store, filter_: Filter) -> AsyncIterator[Callable[[], Awaitable[Chunk]]]:
    """What reads the next records, some at a time; none at the end."""
    async with store.photos.find(filter_, SUMMARY_FIELDS, batch_size=CHUNK, max_time_ms=_EXPORT_MS) as cursor:
        yield partial(cursor.to_list, CHUNK)


@asynccontextmanager
async def _raw_batches(store: Store, filter_: Filter) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """The same in BSON, whole."""
    async with store.photos.find_raw_batches(filter_, batch_size=CHUNK, max_time_ms=_EXPORT_MS) as cursor:
        yield partial(anext, cursor, b"")


async def _read(
    source: AbstractAsyncContextManager[Callable[[], Awaitable[Some]]], gate: asyncio.Semaphore
) -> AsyncGenerator[Some]:
    async with gate, source as read_next:
        chunk = await read_next()
        while chunk:
            # MongoDB gathers the next ones while these are sent.
            following = asyncio.ensure_future(read_next())
            try:
                # Others have their turn, however fast this client reads.
                await asyncio.sleep(0)
                yield chunk
                chunk = await following
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


async def _begun(chunks: AsyncGenerator[Some]) -> AsyncIterator[Some]:
    """The same chunks, the first of which is there: what fails before it is answered as an error, not as a stream."""
    first = await anext(chunks, None)

    async def all_of_them() -> AsyncIterator[Some]:
        async with aclosing(chunks):
            if first is not None:
                yield first
            async for chunk in chunks:
                yield chunk

    return all_of_them()
