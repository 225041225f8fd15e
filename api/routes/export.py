"""Stream all photos that match a filter."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Path, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.responses import Response, StreamingResponse

from api.auth import READER
from api.database import Store, StoreDep
from api.errors import ErrorCode, RequestRefused
from api.export.formats import COLUMNS, Chunk, stream_csv, stream_geojson, stream_ndjson, stream_parquet, stream_records
from api.export.streaming import EXPORT_MS, reserve_export, start_stream
from api.http.parameters import JSON_BODY_RESPONSES, REQUIRE_JSON, Arguments
from api.http.problems import PROBLEM_RESPONSE
from api.http.router import PathRouter
from api.query.buckets import set_searched_buckets
from api.query.filters import Filters
from api.query.mongo_filter import Filter, combine
from api.query.sort_order import Order, SortName
from api.serializers import SUMMARY_FIELDS

router = PathRouter(dependencies=[READER], tags=["export"])

CHUNK_RECORDS = 500
MAX_IDS = 1000
# A chunk of an export: decoded records, or records in BSON.
AnyChunk = TypeVar("AnyChunk", Chunk, bytes)

PARQUET = "application/vnd.apache.parquet"
Format = Literal["ndjson", "csv", "geojson", "parquet"]
_TYPES: dict[str, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "parquet": PARQUET,
}
_SCHEMAS = {"geojson": {"type": "object"}, "parquet": {"type": "string", "format": "binary"}, "ndjson": {}}


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {"schema": _SCHEMAS.get(name, {"type": "string"})} for name, media in _TYPES.items()}},
    409: {**PROBLEM_RESPONSE, "description": "The format does not have this option"},
    501: {**PROBLEM_RESPONSE, "description": "The package arro3-io, which writes Parquet, is not installed"},
}


_OPTION_FORMATS: dict[str, tuple[Format, ...]] = {
    "whole": ("ndjson",),
    "raw": ("csv",),
    "bom": ("csv",),
    "columns": ("csv", "ndjson"),
}
_COLUMN = f"({'|'.join(COLUMNS)})"


def _check_columns(text: str) -> str:
    unknown = sorted(set(text.split(",")) - set(COLUMNS))
    if unknown:
        raise ValueError(f"expected names of columns, separated by commas; unknown: {', '.join(unknown)[:200]}")
    return text


class _Options(BaseModel):
    """Options that only some formats have."""

    whole: bool = Field(False, description="Return whole records, with every tag (ndjson only).")
    raw: bool = Field(False, description="Do not escape text that a spreadsheet would run as a formula (csv only).")
    bom: bool = Field(False, description="Begin with a byte order mark, by which Excel recognizes UTF-8 (csv only).")
    columns: (
        Annotated[
            str,
            AfterValidator(_check_columns),
            WithJsonSchema({"type": "string", "pattern": f"^{_COLUMN}(,{_COLUMN})*$"}),
        ]
        | None
    ) = Field(
        None,
        description="Write only these columns, in this order, separated by commas (csv and ndjson only): "
        f"{', '.join(COLUMNS)}.",
        examples=["id,taken_local,camera_model,iso"],
    )

    @property
    def column_names(self) -> list[str] | None:
        """The names in `columns`, without repetitions."""
        return list(dict.fromkeys(self.columns.split(","))) if self.columns else None

    def check(self, file_format: Format) -> None:
        """Check the options.

        Raises:
            RequestRefused: The format does not have one of the options.
        """
        for name, formats in _OPTION_FORMATS.items():
            if getattr(self, name) and file_format not in formats:
                detail = f"{name}: only {' and '.join(formats)} {'has' if len(formats) == 1 else 'have'} this option."
                raise RequestRefused(ErrorCode.CONFLICTING_PARAMETERS, detail, parameter=name)
        if self.whole and self.columns:
            detail = "columns: cannot be combined with whole."
            raise RequestRefused(ErrorCode.CONFLICTING_PARAMETERS, detail, parameter="columns")
        if file_format == "parquet" and importlib.util.find_spec("arro3") is None:
            detail = (
                "Parquet requires the package arro3-io, which is not installed. Install it with: pip install arro3-io"
            )
            raise RequestRefused(ErrorCode.PARQUET_UNAVAILABLE, detail)


class ExportArguments(_Options, Filters):
    """Filter parameters, the sort order, and options that only some formats have."""

    sort: SortName | None = Field(
        None,
        description="Sort order, as in /photos. Without `sort`, the photos have no particular order, which is faster.",
        examples=["-taken"],
    )


class SelectionArguments(_Options, Arguments):
    """Options that only some formats have."""


class Selection(BaseModel):
    """Photos by id."""

    model_config = ConfigDict(extra="forbid")
    ids: list[Annotated[str, Field(min_length=1, max_length=2048)]] = Field(
        min_length=1, max_length=MAX_IDS, description="The ids, at most 1,000.", examples=[["holiday/2024/beach.jpg"]]
    )


@router.get(
    "/export.{file_format}",
    summary="Export photos",
    response_class=Response,
    responses=_RESPONSES,
)
async def export_photos(
    request: Request,
    store: StoreDep,
    file_format: Annotated[Format, Path(description="File format.", examples=["csv"])],
    arguments: Annotated[ExportArguments, Query()],
) -> Response:
    """Stream all photos that match the filters.

    If an error occurs after the response has started, the connection is closed without completing the HTTP response,
    so that clients can detect an incomplete export.
    """
    await set_searched_buckets(store.photos, arguments)
    arguments.check(file_format)
    filter_ = arguments.to_filter()
    headers = _headers(file_format)
    if getattr(request.state, "head", False):
        return StreamingResponse(iter(()), media_type=_TYPES[file_format], headers=headers)
    gate = reserve_export(request)
    if arguments.whole:
        stream = stream_records(await start_stream(_read(_raw_chunks(store, filter_, arguments.sort), gate)))
    else:
        chunks = await start_stream(_read(_summaries(store, filter_, arguments.sort), gate))
        stream = _encode(chunks, file_format, arguments)
    return StreamingResponse(stream, media_type=_TYPES[file_format], headers=headers)


@router.post(
    "/export.{file_format}",
    summary="Export photos by id",
    response_class=Response,
    responses={**_RESPONSES, **JSON_BODY_RESPONSES},
    dependencies=[REQUIRE_JSON],
)
async def export_selection(
    request: Request,
    store: StoreDep,
    file_format: Annotated[Format, Path(description="File format.", examples=["csv"])],
    arguments: Annotated[SelectionArguments, Query()],
    selection: Selection,
) -> Response:
    """Return the photos with these ids, in this order. Ids that do not exist are left out."""
    arguments.check(file_format)
    gate = reserve_export(request)
    order = {id_: index for index, id_ in enumerate(selection.ids)}
    filter_: Filter = {"_id": {"$in": list(order)}}

    async def read() -> AsyncGenerator[Chunk]:
        async with gate:
            records = await store.photos.find(filter_, SUMMARY_FIELDS, max_time_ms=EXPORT_MS).to_list()
            yield sorted(records, key=lambda record: order[record["_id"]])

    if arguments.whole:
        stream = stream_records(await start_stream(_read(_raw_chunks(store, filter_), gate)))
    else:
        stream = _encode(await start_stream(read()), file_format, arguments)
    return StreamingResponse(stream, media_type=_TYPES[file_format], headers=_headers(file_format))


def _headers(file_format: Format) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="photos.{file_format}"', "Cache-Control": "no-store"}


def _encode(chunks: AsyncIterator[Chunk], file_format: Format, options: _Options) -> AsyncIterator[bytes]:
    """Yield records in a format."""
    streams: dict[Format, Callable[[AsyncIterator[Chunk]], AsyncIterator[bytes]]] = {
        "ndjson": partial(stream_ndjson, columns=options.column_names),
        "csv": partial(stream_csv, columns=options.column_names or COLUMNS, raw=options.raw, bom=options.bom),
        "geojson": stream_geojson,
        "parquet": stream_parquet,
    }
    return streams[file_format](chunks)


@asynccontextmanager
async def _summaries(
    store: Store, filter_: Filter, sort: SortName | None
) -> AsyncIterator[Callable[[], Awaitable[Chunk]]]:
    """Yield a function that returns the next records, or an empty list at the end."""
    async with AsyncExitStack() as stack:
        cursors = [
            await stack.enter_async_context(
                store.photos.find(projection=SUMMARY_FIELDS, batch_size=CHUNK_RECORDS, **query)
            )
            for query in _queries(filter_, sort)
        ]
        yield partial(_read_first, [partial(cursor.to_list, CHUNK_RECORDS) for cursor in cursors], [])


@asynccontextmanager
async def _raw_chunks(
    store: Store, filter_: Filter, sort: SortName | None = None
) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Yield a function that returns the next whole records in BSON, or empty bytes at the end."""
    async with AsyncExitStack() as stack:
        cursors = [
            await stack.enter_async_context(store.photos.find_raw_batches(batch_size=CHUNK_RECORDS, **query))
            for query in _queries(filter_, sort)
        ]
        yield partial(_read_first, [partial(anext, cursor, b"") for cursor in cursors], b"")


def _queries(filter_: Filter, sort: SortName | None) -> list[dict[str, Any]]:
    """Return the arguments of the queries whose results, one after the other, are all matches in the order `sort`."""
    if sort is None:
        return [{"filter": filter_, "max_time_ms": EXPORT_MS}]
    order = Order.named(sort)
    # MongoDB may have to sort more records than fit into its memory.
    options = {"sort": list(order.keys), "allow_disk_use": True, "max_time_ms": EXPORT_MS}
    return [{"filter": combine(filter_, segment), **options} for segment in order.segments_after(None)]


async def _read_first(readers: list[Callable[[], Awaitable[AnyChunk]]], end: AnyChunk) -> AnyChunk:
    """Return the next chunk of the first reader that has one, or `end`. Remove the readers that have none."""
    while readers:
        if chunk := await readers[0]():
            return chunk
        readers.pop(0)
    return end


async def _read(
    reader: AbstractAsyncContextManager[Callable[[], Awaitable[AnyChunk]]], gate: AbstractAsyncContextManager[object]
) -> AsyncGenerator[AnyChunk]:
    """Yield all chunks, and hold `gate` until the last one has been sent."""
    async with gate, reader as read_next:
        chunk = await read_next()
        while chunk:
            # Let MongoDB read the next records while this chunk is sent.
            next_chunk = asyncio.ensure_future(read_next())
            try:
                # Give other requests a turn, even if this client reads fast.
                await asyncio.sleep(0)
                yield chunk
                chunk = await next_chunk
            finally:
                next_chunk.cancel()
                await asyncio.gather(next_chunk, return_exceptions=True)
