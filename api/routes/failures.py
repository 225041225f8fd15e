"""List MRQ's failed jobs grouped by cause, and requeue them."""

from __future__ import annotations

from typing import Annotated, Any

from bson import ObjectId
from fastapi import Body, Query, Request
from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag
from starlette.responses import Response

from api.auth import OPERATOR, WRITER
from api.database import QUERY_MS, StoreDep
from api.errors import ErrorCode, RequestRefused
from api.http.parameters import JSON_BODY_RESPONSES, REQUIRE_JSON, Arguments
from api.http.responses import json_response
from api.http.router import PathRouter
from api.query.conditions import range_of
from api.query.mongo_filter import Filter
from exifinator.bucket_names import split_bucket
from exifinator.storage.failed_jobs import FIELDS, describe_job, failed_filter, group_stages
from exifinator.storage.jobs import requeue_update

router = PathRouter(prefix="/failures", tags=["failures"])

MAX_LIMIT = 500
MAX_IDS = 1000
_REQUEUE_MS = 30_000

JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class FailureArguments(Arguments):
    """Filter and paging parameters."""

    exception: Name | None = Field(None, description="Class name of the exception.", examples=["AccessDenied"])
    bucket: Name | None = Field(None, description="Bucket of the image.", examples=["holiday"])
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Maximum number of failed jobs to list.")
    after: JobId | None = Field(None, description="`next` of the previous page.", examples=["65a1b2c3d4e5f60718293a4b"])


class Failure(BaseModel):
    """A failed job."""

    id: str
    exception: str | None
    message: str = Field(description="The exception and its message, from the end of the traceback.")
    bucket: str | None
    key: str | None
    path: str | None = Field(description="Dotted path of the MRQ task.")
    queue: str | None
    status: str | None
    queued_at: str | None
    traceback: str


class FailureGroup(BaseModel):
    """The number of jobs that failed with the same exception, and one of these jobs."""

    exception: str | None
    count: int
    example: Failure


class Failures(BaseModel):
    """Failed jobs, grouped by exception and as a list."""

    total: int = Field(description="Number of failed jobs. 100,000 stands for 100,000 or more.")
    groups: list[FailureGroup]
    failures: list[Failure]
    next: str | None = Field(description="The value of `after` for the next page; null on the last page.")


class RequeueIds(BaseModel):
    """Failed jobs by id."""

    model_config = ConfigDict(extra="forbid")
    ids: list[JobId] = Field(min_length=1, max_length=MAX_IDS)


class RequeueException(BaseModel):
    """All jobs that failed with an exception of this class."""

    model_config = ConfigDict(extra="forbid")
    exception: Name


class RequeueBatch(BaseModel):
    """All failed jobs for images of this batch."""

    model_config = ConfigDict(extra="forbid")
    batch: Name


def _discriminate(body: Any) -> str | None:
    """Return the field that identifies the variant of the body."""
    if isinstance(body, dict):
        return next((name for name in ("ids", "exception", "batch") if name in body), None)
    return None


Requeue = Annotated[
    Annotated[RequeueIds, Tag("ids")]
    | Annotated[RequeueException, Tag("exception")]
    | Annotated[RequeueBatch, Tag("batch")],
    Discriminator(
        _discriminate,
        custom_error_type="requeue",
        custom_error_message="must have exactly one of `ids`, `exception` and `batch`",
    ),
    Body(examples=[{"exception": "AccessDenied"}]),
]


class Requeued(BaseModel):
    requeued: int = Field(description="Number of jobs that were requeued.")


@router.get("", summary="List failed images, and count them by cause", response_model=Failures, dependencies=[OPERATOR])
async def list_failures(request: Request, store: StoreDep, arguments: Annotated[FailureArguments, Query()]) -> Response:
    """Return failed jobs, newest first, and the number of jobs per exception, counting at most 100,000 jobs."""
    filter_ = failed_filter(exception=arguments.exception, bucket=arguments.bucket)
    groups = await (await store.jobs.aggregate(group_stages(filter_), maxTimeMS=QUERY_MS)).to_list()
    example_ids = [group["example"] for group in groups]
    examples = {
        job["_id"]: describe_job(job)
        async for job in store.jobs.find({"_id": {"$in": example_ids}}, FIELDS, max_time_ms=QUERY_MS)
    }
    page = {**filter_, "_id": {"$lt": ObjectId(arguments.after)}} if arguments.after else filter_
    jobs = await store.jobs.find(
        page, FIELDS, sort=[("_id", -1)], limit=arguments.limit + 1, max_time_ms=QUERY_MS
    ).to_list()
    shown = jobs[: arguments.limit]
    content = {
        "total": sum(group["count"] for group in groups),
        "groups": [
            {"exception": group["_id"], "count": group["count"], "example": examples[group["example"]]}
            for group in groups
            if group["example"] in examples
        ],
        "failures": [describe_job(job) for job in shown],
        "next": str(shown[-1]["_id"]) if len(jobs) > len(shown) else None,
    }
    return json_response(request, content)


@router.post(
    "/requeue",
    summary="Requeue failed images",
    response_model=Requeued,
    dependencies=[WRITER, REQUIRE_JSON],
    responses=JSON_BODY_RESPONSES,
)
async def requeue_failures(request: Request, store: StoreDep, body: Requeue) -> Response:
    """Requeue failed jobs, like the dashboard's Requeue button. Jobs that have not failed are not affected."""
    filter_ = failed_filter()
    match body:
        case RequeueIds():
            filter_["_id"] = {"$in": [ObjectId(id_) for id_ in body.ids]}
        case RequeueException():
            filter_["exceptiontype"] = body.exception
        case RequeueBatch():
            filter_["$or"] = await _batch_filters(store, body.batch)
    command = {
        "update": store.jobs.name,
        "updates": [{"q": filter_, "u": requeue_update(), "multi": True}],
        "maxTimeMS": _REQUEUE_MS,
    }
    result = await store.jobs.database.command(command)
    return json_response(request, {"requeued": result["nModified"]})


async def _batch_filters(store: StoreDep, batch_id: str) -> list[Filter]:
    """Return filters for jobs of images under the sources of a batch.

    Raises:
        RequestRefused: The batch does not exist (404).
    """
    batch = await store.batches.find_one({"_id": batch_id}, max_time_ms=QUERY_MS)
    sources = [str(source) for source in (batch or {}).get("sources", ())]
    if not sources:
        raise RequestRefused(ErrorCode.NOT_FOUND, "This batch does not exist.", parameter="batch")
    return [_source_filter(source) for source in sources]


def _source_filter(source: str) -> Filter:
    bucket, prefix = split_bucket(source.removeprefix("s3://"))
    filter_: Filter = {"params.bucket": bucket}
    if prefix:
        filter_["params.key"] = range_of(prefix)
    return filter_
