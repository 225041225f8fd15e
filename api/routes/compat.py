"""Read-only API compatible with npm's mongodb-rest: GET /dbs, /{db}, /{db}/{collection}, /{db}/{collection}/{id}.

These routes serve only the configured database and collection, whose names are therefore fixed in the paths.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from functools import partial
from typing import Annotated, Any, Literal

from bson.son import SON
from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field
from pymongo.asynchronous.cursor import AsyncRawBatchCursor
from starlette.responses import Response, StreamingResponse

from api.auth import READER
from api.database import QUERY_MS, Document, StoreDep
from api.errors import BadParameter, ErrorCode, RequestRefused
from api.export.record_stream import (
    encode_csv,
    encode_json,
    encode_record,
    find_columns,
    stream_csv,
    stream_json,
)
from api.export.streaming import EXPORT_MS, reserve_export, start_stream
from api.http.parameters import Arguments, PhotoId
from api.http.responses import bytes_response, json_response
from api.http.router import PathRouter
from api.query.mongo_filter import MAX_JSON_BYTES, Filter, read_filter, read_hint, read_projection, read_sort
from exifinator.config import Config

MAX_SKIP = 10_000_000
_MAX_INTEGER = 2**31 - 1
# Large responses count as exports if they have a higher limit than this, or none.
PAGE_RECORDS = 1000
# Collect records up to this size, in BSON, and return them with an ETag. Stream anything larger.
_COLLECT_BYTES = 1024 * 1024
_BATCH_RECORDS = 100

# A list of records, or an object: the number of records, or the query plan.
FindResult = list[dict[str, Any]] | dict[str, Any]
_CSV_TYPE = "text/csv; charset=utf-8"
_CSV = {"content": {"text/csv": {"schema": {"type": "string"}}}}


class FindArguments(Arguments):
    """The parameters of mongodb-rest, which ignores all others, such as the `_` that jQuery adds."""

    model_config = ConfigDict(extra="ignore")

    query: str | None = Field(
        None,
        description="A MongoDB filter in JSON. A string such as /x/i is a regular expression.",
        examples=['{"Image Make.printable":"SONY"}'],
        max_length=MAX_JSON_BYTES,
    )
    fields: str | None = Field(
        None, description="The fields to return, in JSON.", examples=['{"photo":1}'], max_length=MAX_JSON_BYTES
    )
    sort: str | None = Field(
        None, description="The sort order, in JSON.", examples=['{"photo.taken_at":-1}'], max_length=MAX_JSON_BYTES
    )
    hint: str | None = Field(
        None, description="The index to use, in JSON: its fields or its name.", examples=['{"_id":1}'], max_length=1000
    )
    limit: int = Field(
        0, ge=-_MAX_INTEGER, le=_MAX_INTEGER, description="Maximum number of records to return or count. 0: all."
    )
    skip: int = Field(0, ge=0, le=MAX_SKIP, description="Number of records to skip.")
    count: bool = Field(False, description='Return {"count": number of records} instead of the records.')
    explain: bool = Field(False, description="Return MongoDB's query plan instead of the records.")
    output: Literal["json", "csv"] = Field("json", description="The format of the response.")


def make_router(config: Config) -> APIRouter:
    """Return the routes for the configured database and collection."""
    database, collection = config.mongodb_database, config.mongodb_collection
    router = PathRouter(dependencies=[READER], tags=["mongodb-rest"])

    # Accept a trailing slash too, as mongodb-rest does in its README.
    @router.get("/dbs/", include_in_schema=False)
    @router.get("/dbs", summary="List databases", response_model=list[str])
    async def list_databases(request: Request) -> Response:
        return json_response(request, [database])

    @router.get(f"/{database}/", include_in_schema=False)
    @router.get(f"/{database}", summary="List collections", response_model=list[str])
    async def list_collections(request: Request) -> Response:
        return json_response(request, [collection])

    @router.get(f"/{database}/{collection}/", include_in_schema=False)
    @router.get(f"/{database}/{collection}", summary="Find records", response_model=FindResult, responses={200: _CSV})
    async def find_records(request: Request, store: StoreDep, arguments: Annotated[FindArguments, Query()]) -> Response:
        """Return whole records that match a MongoDB filter, as mongodb-rest does.

        Without `limit`, all records are returned. Large responses are streamed: if an error occurs midway, the
        connection is closed without completing the HTTP response.
        """
        return await _find(request, store, arguments)

    @router.get(
        f"/{database}/{collection}/{{id:path}}", summary="Get one record by its id", response_model=dict[str, Any]
    )
    async def get_record(request: Request, store: StoreDep, id: PhotoId) -> Response:
        record = await store.photos.find_one({"_id": id}, max_time_ms=QUERY_MS)
        if record is None:
            raise RequestRefused(ErrorCode.NOT_FOUND, "This record does not exist.")
        return bytes_response(request, encode_record(record), "application/json")

    return router


async def _find(request: Request, store: StoreDep, arguments: FindArguments) -> Response:
    _refuse_unsupported(request)
    # Like mongodb-rest, ignore an empty query.
    filter_ = read_filter(arguments.query) if arguments.query else {}
    hint = read_hint(arguments.hint) if arguments.hint is not None else None
    fields = read_projection(arguments.fields) if arguments.fields is not None else None
    sort = read_sort(arguments.sort) if arguments.sort is not None else None
    options: dict[str, Any] = {"hint": hint} if hint else {}
    limit = abs(arguments.limit)  # in MongoDB, a negative limit differs only in that all records come in one batch
    if arguments.count:
        bounds: dict[str, Any] = {name: value for name, value in (("skip", arguments.skip), ("limit", limit)) if value}
        if not filter_ and not hint and not bounds:
            n = await store.total.count(QUERY_MS)
        else:
            n = await store.photos.count_documents(filter_, maxTimeMS=QUERY_MS, **options, **bounds)
        return json_response(request, {"count": n})
    if arguments.explain:
        return json_response(request, await _explain(store, filter_, fields, sort, hint, arguments))

    async def find(max_time_ms: int) -> AsyncGenerator[bytes]:
        batches: AsyncRawBatchCursor[Any] = store.photos.find_raw_batches(
            filter_,
            fields or None,
            sort=sort or None,
            limit=limit,
            skip=arguments.skip,
            batch_size=_BATCH_RECORDS,
            max_time_ms=max_time_ms,
            allow_disk_use=False,
            **options,
        )
        async with batches:
            async for batch in batches:
                yield batch

    return await _respond(request, find, as_csv=arguments.output == "csv", is_page=0 < limit <= PAGE_RECORDS)


def _refuse_unsupported(request: Request) -> None:
    """Refuse parameters that mongodb-rest supports but this API does not.

    If they were ignored, the response would contain other records than the client expects.

    Raises:
        BadParameter: The request has such a parameter, or repeats a parameter.
    """
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        known, bracket, _ = name.partition("[")
        if name == "datatypes":
            raise BadParameter(name, "not supported: write dates and ids in `query` as $date and $oid")
        if bracket and known in FindArguments.model_fields:
            raise BadParameter(name[:60], f"not supported: write {known} as JSON", code=ErrorCode.UNKNOWN_PARAMETER)
        if name in seen and name in FindArguments.model_fields:
            raise BadParameter(name, "this parameter can be sent only once", code=ErrorCode.REPEATED_PARAMETER)
        seen.add(name)


async def _respond(
    request: Request, find: Callable[[int], AsyncGenerator[bytes]], *, as_csv: bool, is_page: bool
) -> Response:
    """Return the records in one piece if their total size is small, else as a stream.

    Args:
        find: Runs the query with a time limit, in milliseconds. Yields batches of records in BSON.
        is_page: Whether there are at most PAGE_RECORDS.
    """
    media_type = _CSV_TYPE if as_csv else "application/json"
    collected: list[bytes] = []
    async with aclosing(find(QUERY_MS)) as batches:
        async for batch in batches:
            collected.append(batch)
            if sum(map(len, collected)) > _COLLECT_BYTES:
                break
        else:
            return bytes_response(request, encode_csv(collected) if as_csv else encode_json(collected), media_type)
    headers = {"Cache-Control": "no-store"}
    if getattr(request.state, "head", False):
        return StreamingResponse(iter(()), media_type=media_type, headers=headers)
    # A page cannot take long, but a response with all records can.
    gate = contextlib.nullcontext() if is_page else reserve_export(request)
    stream = _stream(partial(find, QUERY_MS if is_page else EXPORT_MS), gate, as_csv=as_csv)
    return StreamingResponse(await start_stream(stream), media_type=media_type, headers=headers)


async def _stream(
    find: Callable[[], AsyncGenerator[bytes]], gate: AbstractAsyncContextManager[Any], *, as_csv: bool
) -> AsyncGenerator[bytes]:
    async with gate:
        columns = []
        if as_csv:
            # The header row comes first, so read all records once to find the columns.
            async with aclosing(find()) as batches:
                columns = await find_columns(batches)
        async with aclosing(find()) as batches:
            async for piece in stream_csv(columns, batches) if as_csv else stream_json(batches):
                yield piece


async def _explain(
    store: StoreDep,
    filter_: Filter,
    fields: dict[str, int] | None,
    sort: list[tuple[str, int]] | None,
    hint: Any,
    arguments: FindArguments,
) -> Document:
    """Return only the query plan: MongoDB's full response discloses its host, version and settings."""
    command: dict[str, Any] = {"find": store.photos.name, "filter": filter_, "maxTimeMS": QUERY_MS}
    command |= {"limit": abs(arguments.limit), "skip": arguments.skip}
    if fields:
        command["projection"] = fields
    if sort:
        command["sort"] = SON(sort)
    if hint:
        command["hint"] = SON(hint) if isinstance(hint, list) else hint
    response = await store.photos.database.command("explain", command, verbosity="queryPlanner")
    planner = response.get("queryPlanner", {})
    return {
        "namespace": planner.get("namespace"),
        "winningPlan": planner.get("winningPlan"),
        "rejectedPlans": len(planner.get("rejectedPlans", [])),
    }
