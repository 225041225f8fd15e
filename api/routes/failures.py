"""Images that could not be read: MRQ's failed jobs, grouped by cause, and queueing them again."""

from __future__ import annotations

from typing import Annotated, Any

from bson import ObjectId
from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag
from starlette.responses import Response

from api.answers import answer_json
from api.doors import OPERATOR, WRITER
from api.errors import Refused
from api.filters import after_prefix
from api.params import JSON_BODY, NOT_JSON, Arguments
from api.query import Filter
from api.store import QUERY_MS, ReadStore
from exifinator.failed_jobs import FIELDS, describe_job, failed_filter, grouping, requeueing

router = APIRouter(prefix="/failures", tags=["failures"])

MAX_LIMIT = 500
MAX_IDS = 1000
_REQUEUE_MS = 30_000

JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class FailureArguments(Arguments):
    """Which failed jobs."""

    exception: Name | None = Field(None, description="Type of the exception.", examples=["AccessDenied"])
    bucket: Name | None = Field(None, description="Bucket of the image.", examples=["holiday"])
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Jobs a page.")
    after: JobId | None = Field(
        None, description="The id of the last job of the page before.", examples=["65a1b2c3d4e5f60718293a4b"]
    )


class Failure(BaseModel):
    """A job that failed."""

    id: str
    exception: str | None
    message: str = Field(description="The last line of the traceback.")
    bucket: str | None
    key: str | None
    path: str | None = Field(description="The task.")
    queue: str | None
    status: str | None
    queued_at: str | None
    traceback: str


class FailureGroup(BaseModel):
    """How many jobs failed for one cause, and one of them."""

    exception: str | None
    count: int
    example: Failure


class Failures(BaseModel):
    """Failed jobs."""

    total: int = Field(description="How many there are; 100,000 means that or more.")
    groups: list[FailureGroup]
    failures: list[Failure]
    next: str | None = Field(description="`after` of the next page, if there is one.")


class RequeueIds(BaseModel):
    """The jobs of these ids."""

    model_config = ConfigDict(extra="forbid")
    ids: list[JobId] = Field(min_length=1, max_length=MAX_IDS)


class RequeueException(BaseModel):
    """All jobs that failed with an exception of this type."""

    model_config = ConfigDict(extra="forbid")
    exception: Name


class RequeueBatch(BaseModel):
    """All failed jobs of the images of this batch."""

    model_config = ConfigDict(extra="forbid")
    batch: Name


def _which(body: Any) -> str | None:
    """The form of a body, by the name that it has."""
    if isinstance(body, dict):
        return next((name for name in ("ids", "exception", "batch") if name in body), None)
    return None


Requeue = Annotated[
    Annotated[RequeueIds, Tag("ids")]
    | Annotated[RequeueException, Tag("exception")]
    | Annotated[RequeueBatch, Tag("batch")],
    Discriminator(
        _which,
        custom_error_type="requeue",
        custom_error_message="give exactly one of `ids`, `exception` and `batch`",
    ),
    Body(examples=[{"exception": "AccessDenied"}]),
]


class Requeued(BaseModel):
    requeued: int = Field(description="Jobs that were queued again.")


@router.get("", summary="Failed images, by cause and one by one", response_model=Failures, dependencies=[OPERATOR])
async def list_failures(
    request: Request, store: ReadStore, arguments: Annotated[FailureArguments, Query()]
) -> Response:
    """The groups count all of them, up to 100,000; the list is in the order of the jobs' ids."""
    filter_ = failed_filter(exception=arguments.exception, bucket=arguments.bucket)
    groups = await (await store.jobs.aggregate(grouping(filter_), maxTimeMS=QUERY_MS)).to_list()
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
    answer = {
        "total": sum(group["count"] for group in groups),
        "groups": [
            {"exception": group["_id"], "count": group["count"], "example": examples[group["example"]]}
            for group in groups
            if group["example"] in examples
        ],
        "failures": [describe_job(job) for job in shown],
        "next": str(shown[-1]["_id"]) if len(jobs) > len(shown) else None,
    }
    return answer_json(request, answer)


@router.post(
    "/requeue",
    summary="Queue failed images again",
    response_model=Requeued,
    dependencies=[WRITER, JSON_BODY],
    responses=NOT_JSON,
)
async def requeue_failures(request: Request, store: ReadStore, wanted: Requeue) -> Response:
    """As the dashboard's Requeue button does it; jobs that have not failed are left alone."""
    filter_ = failed_filter()
    match wanted:
        case RequeueIds():
            filter_["_id"] = {"$in": [ObjectId(id_) for id_ in wanted.ids]}
        case RequeueException():
            filter_["exceptiontype"] = wanted.exception
        case RequeueBatch():
            filter_["$or"] = await _of_batch(store, wanted.batch)
    command = {
        "update": store.jobs.name,
        "updates": [{"q": filter_, "u": requeueing(), "multi": True}],
        "maxTimeMS": _REQUEUE_MS,
    }
    done = await store.jobs.database.command(command)
    return answer_json(request, {"requeued": done["nModified"]})


async def _of_batch(store: ReadStore, batch_id: str) -> list[Filter]:
    """The jobs of the images under a batch's sources. Raises: Refused where there is no such batch."""
    batch = await store.batches.find_one({"_id": batch_id}, max_time_ms=QUERY_MS)
    sources = [str(source) for source in (batch or {}).get("sources", ())]
    if not sources:
        raise Refused(404, "There is no batch of this id.")
    return [_under(source) for source in sources]


def _under(source: str) -> Filter:
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    filter_: Filter = {"params.bucket": bucket}
    if prefix and (end := after_prefix(prefix)):
        filter_["params.key"] = {"$gte": prefix, "$lt": end}
    return filter_
