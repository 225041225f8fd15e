"""What users of npm's mongodb-rest type: GET /dbs, /{db}, /{db}/{collection}, /{db}/{collection}/{id}, reading only.

Only the database and the collection that the settings name exist; the paths are theirs, no parameter chooses them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from bson.son import SON
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.answers import answer_bytes, answer_json
from api.doors import READER
from api.errors import Refused
from api.params import Arguments, PhotoId
from api.query import MAX_JSON_BYTES, Filter, read_filter, read_hint, read_projection, read_sort
from api.sheets import page_as_csv
from api.store import QUERY_MS, Document, ReadStore
from exifinator.config import Config

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_SKIP = 10_000_000


# Records, or how many there are, or how they would be found.
Found = list[dict[str, Any]] | dict[str, Any]
_CSV = {"content": {"text/csv": {"schema": {"type": "string"}}}}


class FindArguments(Arguments):
    """The parameters of mongodb-rest."""

    query: str | None = Field(
        None,
        description="A MongoDB filter in JSON. Strings written /x/i are regular expressions.",
        examples=['{"Image Make.printable":"SONY"}'],
        max_length=MAX_JSON_BYTES,
    )
    fields: str | None = Field(
        None, description="Which fields, in JSON.", examples=['{"photo":1}'], max_length=MAX_JSON_BYTES
    )
    sort: str | None = Field(
        None, description="The order, in JSON.", examples=['{"photo.taken_at":-1}'], max_length=MAX_JSON_BYTES
    )
    hint: str | None = Field(
        None, description="The fields of the index to use, in JSON.", examples=['{"_id":1}'], max_length=1000
    )
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="At most so many records.")
    skip: int = Field(0, ge=0, le=MAX_SKIP, description="Leave out so many first.")
    count: bool = Field(False, description='Answer {"n": how many there are} instead of the records.')
    explain: bool = Field(False, description="Answer how MongoDB would find them instead of the records.")
    output: Literal["json", "csv"] = Field("json", description="The form of the answer.")


def make_router(config: Config) -> APIRouter:
    """The routes for the database and the collection of the settings."""
    database, collection = config.mongodb_database, config.mongodb_collection
    router = APIRouter(dependencies=[READER], tags=["mongodb-rest"])

    # mongodb-rest takes them with a slash at the end too, as its README writes them.
    @router.get("/dbs/", include_in_schema=False)
    @router.get("/dbs", summary="The databases", response_model=list[str])
    async def list_databases(request: Request) -> Response:
        return answer_json(request, [database])

    @router.get(f"/{database}/", include_in_schema=False)
    @router.get(f"/{database}", summary="The collections", response_model=list[str])
    async def list_collections(request: Request) -> Response:
        return answer_json(request, [collection])

    @router.get(f"/{database}/{collection}/", include_in_schema=False)
    @router.get(f"/{database}/{collection}", summary="Find records", response_model=Found, responses={200: _CSV})
    async def find_records(
        request: Request, store: ReadStore, arguments: Annotated[FindArguments, Query()]
    ) -> Response:
        """Records by a MongoDB filter, as mongodb-rest answers them: a list of whole documents."""
        return await _find(request, store, arguments)

    @router.get(f"/{database}/{collection}/{{id:path}}", summary="One record by its id", response_model=dict[str, Any])
    async def get_record(request: Request, store: ReadStore, id: PhotoId) -> Response:
        record = await store.photos.find_one({"_id": id}, max_time_ms=QUERY_MS)
        if record is None:
            raise Refused(404, "There is no record with this id.")
        return answer_json(request, record)

    return router


async def _find(request: Request, store: ReadStore, arguments: FindArguments) -> Response:
    # mongodb-rest takes an empty one for none.
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
        return answer_json(request, {"n": n})
    if arguments.explain:
        return answer_json(request, await _explain(store, filter_, fields, sort, hint, arguments))
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
        return answer_bytes(request, body, "text/csv; charset=utf-8")
    return answer_json(request, records)


async def _explain(
    store: ReadStore,
    filter_: Filter,
    fields: dict[str, int] | None,
    sort: list[tuple[str, int]] | None,
    hint: Any,
    arguments: FindArguments,
) -> Document:
    """The plan alone: what else MongoDB tells here (host, version, settings) is nobody's business."""
    command: dict[str, Any] = {"find": store.photos.name, "filter": filter_, "maxTimeMS": QUERY_MS}
    command |= {"limit": arguments.limit, "skip": arguments.skip}
    if fields:
        command["projection"] = fields
    if sort:
        command["sort"] = SON(sort)
    if hint:
        command["hint"] = SON(hint) if isinstance(hint, list) else hint
    answer = await store.photos.database.command("explain", command, verbosity="queryPlanner")
    planner = answer.get("queryPlanner", {})
    return {
        "namespace": planner.get("namespace"),
        "winningPlan": planner.get("winningPlan"),
        "rejectedPlans": len(planner.get("rejectedPlans", [])),
    }
