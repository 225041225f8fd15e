"""Read-only API compatible with npm's mongodb-rest: GET /dbs, /{db}, /{db}/{collection}, /{db}/{collection}/{id}.

These routes serve only the configured database and collection, whose names are therefore fixed in the paths.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from bson.son import SON
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.auth import READER
from api.database import QUERY_MS, Document, StoreDep
from api.errors import ErrorCode, RequestRefused
from api.export.csv_rows import page_as_csv
from api.http.parameters import Arguments, PhotoId
from api.http.responses import bytes_response, json_response
from api.query.mongo_filter import MAX_JSON_BYTES, Filter, read_filter, read_hint, read_projection, read_sort
from exifinator.config import Config

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_SKIP = 10_000_000


# A list of records, or an object: the number of records, or the query plan.
FindResult = list[dict[str, Any]] | dict[str, Any]
_CSV = {"content": {"text/csv": {"schema": {"type": "string"}}}}


class FindArguments(Arguments):
    """The parameters of mongodb-rest."""

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
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Maximum number of records to return.")
    skip: int = Field(0, ge=0, le=MAX_SKIP, description="Number of records to skip.")
    count: bool = Field(False, description='Return {"n": number of records} instead of the records.')
    explain: bool = Field(False, description="Return MongoDB's query plan instead of the records.")
    output: Literal["json", "csv"] = Field("json", description="The format of the response.")


def make_router(config: Config) -> APIRouter:
    """Return the routes for the configured database and collection."""
    database, collection = config.mongodb_database, config.mongodb_collection
    router = APIRouter(dependencies=[READER], tags=["mongodb-rest"])

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
        """Return whole records that match a MongoDB filter, as mongodb-rest does."""
        return await _find(request, store, arguments)

    @router.get(
        f"/{database}/{collection}/{{id:path}}", summary="Get one record by its id", response_model=dict[str, Any]
    )
    async def get_record(request: Request, store: StoreDep, id: PhotoId) -> Response:
        record = await store.photos.find_one({"_id": id}, max_time_ms=QUERY_MS)
        if record is None:
            raise RequestRefused(ErrorCode.NOT_FOUND, "This record does not exist.")
        return json_response(request, record)

    return router


async def _find(request: Request, store: StoreDep, arguments: FindArguments) -> Response:
    # Like mongodb-rest, ignore an empty query.
    filter_ = read_filter(arguments.query) if arguments.query else {}
    hint = read_hint(arguments.hint) if arguments.hint is not None else None
    fields = read_projection(arguments.fields) if arguments.fields is not None else None
    sort = read_sort(arguments.sort) if arguments.sort is not None else None
    options: dict[str, Any] = {"hint": hint} if hint else {}
    if arguments.count:
        if not filter_ and not hint:
            n = await store.photos.estimated_document_count(maxTimeMS=QUERY_MS)
        else:
            n = await store.photos.count_documents(filter_, maxTimeMS=QUERY_MS, **options)
        return json_response(request, {"n": n})
    if arguments.explain:
        return json_response(request, await _explain(store, filter_, fields, sort, hint, arguments))
    cursor = store.photos.find(
        filter_,
        fields or None,
        sort=sort or None,
        limit=arguments.limit,
        skip=arguments.skip,
        max_time_ms=QUERY_MS,
        allow_disk_use=False,
        **options,
    )
    records = await cursor.to_list()
    if arguments.output == "csv":
        body = page_as_csv(records)
        return bytes_response(request, body, "text/csv; charset=utf-8")
    return json_response(request, records)


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
    command |= {"limit": arguments.limit, "skip": arguments.skip}
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
