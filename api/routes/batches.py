"""Start, watch and cancel batches."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Body, Path, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from api.auth import OPERATOR, WRITER
from api.database import BackendDep
from api.errors import BadParameter, ErrorCode, RequestRefused
from api.http.parameters import JSON_BODY_RESPONSES, REQUIRE_JSON, Arguments, decode_path
from api.http.problems import PROBLEM_RESPONSE
from api.http.responses import json_response
from api.http.router import PathRouter
from exifinator.batches.limits import BatchLimits
from exifinator.batches.service import MAX_SHOWN, cancel_batch, read_batch, read_batches
from exifinator.batches.start import start_batch
from exifinator.errors import AccessDenied, BatchEnded, BucketGone, ConfigError, NoSuchBatch, TooManyBatches
from exifinator.sources.patterns import MAX_PATTERN_CHARS, MAX_PATTERNS

router = PathRouter(prefix="/batches", tags=["batches"])

BatchId = Annotated[
    str,
    Path(description="The batch's id.", examples=["20240101-000000-abcdef"], min_length=1, max_length=100),
    BeforeValidator(decode_path),
]
State = Literal["listing", "reading", "done", "left", "stopped", "cancelling", "cancelled"]


class BatchArguments(Arguments):
    """Paging parameters."""

    limit: int = Field(20, ge=1, le=MAX_SHOWN, description="Maximum number of batches to return.")
    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$")] | None = Field(
        None, description="`next` of the previous page.", examples=["20240101-000000-abcdef"]
    )


# The pattern in the schema describes only a simple part of what make_patterns accepts.
Pattern = Annotated[
    str, Field(min_length=1, max_length=MAX_PATTERN_CHARS, json_schema_extra={"pattern": "^[A-Za-z0-9*?/._]*[a-z]$"})
]


class NewBatch(BaseModel):
    """What to index."""

    model_config = ConfigDict(extra="forbid")
    source: str = Field(
        min_length=1,
        max_length=1200,
        description="A bucket or prefix: bucket, bucket/prefix or s3://bucket/prefix. Local folders are not accepted.",
        examples=["holiday/2024/"],
        json_schema_extra={"pattern": "^(s3://)?[A-Za-z0-9._][A-Za-z0-9._-]{0,254}(/[^\\u0000:]{0,250})?$"},
    )
    include: list[Pattern] = Field(
        [],
        max_length=MAX_PATTERNS,
        description="Index only objects that match one of these patterns, such as `*.heic` or `*/original.*`.",
        examples=[["*/original.*"]],
    )
    exclude: list[Pattern] = Field(
        [],
        max_length=MAX_PATTERNS,
        description="Do not index objects that match one of these patterns, even if they match `include`.",
        examples=[["drafts/"]],
    )
    max_requests: int | None = Field(
        None,
        ge=1,
        le=10**15,
        description="Stop after this many requests to S3. The next batch continues.",
        examples=[10000],
    )
    max_dollars: float | None = Field(
        None,
        gt=0,
        le=10**9,
        allow_inf_nan=False,
        description="Stop when S3's requests and traffic have cost this much, in dollars. The next batch continues.",
        examples=[5.0],
    )


class BatchNumbers(BaseModel):
    """What a batch has done so far, under the same names as in the output of `./run.sh --json`."""

    listed: int = Field(description="Keys listed.")
    folders: int = Field(
        description="Folder markers: empty objects whose key ends in a slash, as created by S3 consoles."
    )
    excluded: int = Field(0, description="Objects left out by the patterns, and junk files such as Thumbs.db.")
    unchanged: int = Field(description="Images skipped, because they are indexed with the same ETag and size.")
    archived: int = Field(0, description="Images that have to be restored in S3 before they can be read.")
    queued: int = Field(description="Images queued because they were new or changed, had failed, or were refreshed.")
    stored: int = Field(description="Images indexed with EXIF.")
    no_exif: int = Field(description="Images recorded without EXIF.")
    unsupported: int = Field(description="Images recorded whose format is not supported.")
    damaged: int = Field(description="Images recorded that are damaged or empty.")
    failed: int = Field(description="Images that failed.")
    deleted: int = Field(0, description="Images that, according to events, were deleted before they were indexed.")
    bytes_read: int = Field(description="Bytes read from S3.")
    requests: int = Field(description="Ranged GET requests.")
    list_requests: int = Field(0, description="LIST requests.")
    list_dollars: float = Field(0, description="Cost of the LIST requests, in dollars.")
    dollars: float = Field(
        0, description="Cost of all requests and the traffic, in dollars; 0 if the prices are unknown."
    )
    seconds: float = Field(description="Duration of the batch, in seconds.")


class SourcePatterns(BaseModel):
    """The patterns that select the objects of a source."""

    source: str
    include: list[str]
    exclude: list[str]


class PruneResult(BaseModel):
    """What a scheduled batch with `prune` removed after it was done."""

    records: int = Field(description="Records of deleted objects that were removed.")
    failed_jobs: int = Field(description="Failed jobs of deleted objects that were removed.")
    problem: str | None = Field(description="Why nothing was removed; null if there was no problem.")


class Batch(BaseModel):
    """A batch and its state.

    `listing`: sources are being listed and images queued. `reading`: the listing is complete, and workers are indexing
    the queued images. `left`: the batch's process has exited, and workers continue with the queued images. `stopped`:
    the listing was interrupted. `cancelling`: images in progress are being finished. `done` and `cancelled`: the batch
    has ended.
    """

    id: str
    sources: list[str]
    patterns: list[SourcePatterns] = Field([], description="The patterns of the sources that have any.")
    state: State
    started_at: str | None
    updated_at: str | None = Field(description="When the batch's process last reported progress.")
    numbers: BatchNumbers
    rate: float | None = Field(description="Images per second; null while no worker is indexing.")
    seconds_left: float | None = Field(description="Estimated remaining time; null if unknown.")
    problem: str | None = Field(description="Why the batch is waiting, or why it ended.")
    pruned: PruneResult | None = Field(None, description="What was removed after the batch; null without `prune`.")


class Batches(BaseModel):
    """Batches, newest first. `next` is the value of `after` for the next page; null on the last page."""

    batches: list[Batch]
    next: str | None


_CANCEL_RESPONSES: dict[int | str, dict[str, Any]] = {
    403: {**PROBLEM_RESPONSE, "description": "A web page from another origin sent the request"},
    409: {**PROBLEM_RESPONSE, "description": "The batch has already ended"},
}
_LINKS = {
    "batch": {"operationId": "get_batch", "parameters": {"id": "$response.body#/id"}},
    "cancel": {"operationId": "cancel_one_batch", "parameters": {"id": "$response.body#/id"}},
}


@router.get("", summary="List batches, newest first", response_model=Batches, dependencies=[OPERATOR])
def list_batches(request: Request, backend: BackendDep, arguments: Annotated[BatchArguments, Query()]) -> Response:
    batches = read_batches(backend.store, backend.queue, limit=arguments.limit + 1, after=arguments.after)
    shown = batches[: arguments.limit]
    last_id = shown[-1]["id"] if len(batches) > len(shown) else None
    return json_response(request, {"batches": shown, "next": last_id})


@router.post(
    "",
    summary="Start a batch",
    response_model=Batch,
    status_code=202,
    dependencies=[WRITER, REQUIRE_JSON],
    responses={
        **JSON_BODY_RESPONSES,
        202: {"links": _LINKS, "headers": {"Location": {"schema": {"type": "string"}}}},
        403: {
            **PROBLEM_RESPONSE,
            "description": "S3 denies access to the bucket, or a web page from another origin sent the request",
        },
        404: {**PROBLEM_RESPONSE, "description": "The bucket does not exist"},
    },
)
def post_batch(
    request: Request, backend: BackendDep, body: Annotated[NewBatch, Body(examples=[{"source": "holiday/2024/"}])]
) -> Response:
    """Index a bucket or prefix, like `./run.sh`. Unchanged images are skipped.

    The batch runs in its own process, which continues if the API stops.
    """
    try:
        limits = BatchLimits(body.max_requests, body.max_dollars)
        batch_id = start_batch(
            backend.config,
            backend.store,
            backend.queue,
            body.source,
            include=body.include,
            exclude=body.exclude,
            limits=limits,
        )
    except ConfigError as error:
        name = error.pointer if error.pointer in ("include", "exclude", "max_dollars") else "source"
        raise BadParameter(name, str(error).removeprefix(f"{name}: ")) from error
    except BucketGone as error:
        raise RequestRefused(ErrorCode.BUCKET_GONE, str(error), parameter="source") from error
    except AccessDenied as error:
        raise RequestRefused(ErrorCode.ACCESS_DENIED, str(error), parameter="source") from error
    except TooManyBatches as error:
        raise RequestRefused(ErrorCode.TOO_MANY_BATCHES, f"{error}.", headers={"Retry-After": "60"}) from error
    batch = read_batch(backend.store, backend.queue, batch_id)
    return json_response(request, batch, status=202, headers={"Location": f"/batches/{batch_id}"})


@router.get("/{id}", summary="Get the progress of a batch", response_model=Batch, dependencies=[OPERATOR])
def get_batch(request: Request, backend: BackendDep, id: BatchId) -> Response:
    try:
        return json_response(request, read_batch(backend.store, backend.queue, id))
    except NoSuchBatch:
        raise RequestRefused(ErrorCode.NOT_FOUND, "This batch does not exist.") from None


@router.delete(
    "/{id}",
    summary="Cancel a batch",
    response_model=Batch,
    status_code=202,
    dependencies=[WRITER],
    responses=_CANCEL_RESPONSES,
)
def cancel_one_batch(request: Request, backend: BackendDep, id: BatchId) -> Response:
    """Remove the batch's images from the queue, except those that another unfinished batch also covers.

    Photos already indexed are kept. The batch is `cancelling` until the images in progress are finished, and then
    `cancelled`.
    """
    try:
        batch = cancel_batch(backend.store, backend.queue, id)
    except NoSuchBatch:
        raise RequestRefused(ErrorCode.NOT_FOUND, "This batch does not exist.") from None
    except BatchEnded as error:
        raise RequestRefused(ErrorCode.BATCH_ENDED, f"{error}.") from error
    return json_response(request, batch, status=202)
