"""Batches: start one over a bucket, see how far each is, cancel what is not yet read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from api.answers import answer_json
from api.doors import OPERATOR, STARTER
from api.errors import DESCRIBED, BadParameter, Refused
from api.params import JSON_BODY, NOT_JSON, Arguments, decode_path
from api.store import ReadControl
from exifinator.control import (
    MAX_SHOWN,
    BatchEnded,
    BucketRefused,
    NoSuchBatch,
    NoSuchBucket,
    TooManyBatches,
    cancel_batch,
    read_batch,
    read_batches,
    start_batch,
)
from exifinator.errors import ConfigError

router = APIRouter(prefix="/batches", tags=["batches"])

BatchId = Annotated[
    str,
    Path(description="The batch's id.", examples=["20240101-000000-abcdef"], min_length=1, max_length=100),
    BeforeValidator(decode_path),
]
State = Literal["listing", "reading", "done", "left", "stopped", "cancelling", "cancelled"]


class BatchArguments(Arguments):
    """Which page of the batches."""

    limit: int = Field(20, ge=1, le=MAX_SHOWN, description="Batches a page.")
    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$")] | None = Field(
        None, description="`next` of the page before.", examples=["20240101-000000-abcdef"]
    )


class NewBatch(BaseModel):
    """What to read."""

    model_config = ConfigDict(extra="forbid")
    source: str = Field(
        min_length=1,
        max_length=1200,
        description="bucket, bucket/prefix or s3://bucket/prefix; never a folder.",
        examples=["holiday/2024/"],
        json_schema_extra={"pattern": "^(s3://)?[A-Za-z0-9][A-Za-z0-9._-]{1,62}(/[^\\u0000:]{0,250})?$"},
    )


class BatchNumbers(BaseModel):
    """What a batch has done so far: the numbers of `./run.sh --json`."""

    listed: int = Field(description="Every key of the listing.")
    folders: int
    unchanged: int
    queued: int = Field(description="Images that had to be read.")
    stored: int = Field(description="Records with EXIF.")
    no_exif: int
    unsupported: int
    damaged: int
    failed: int
    bytes_read: int
    requests: int
    seconds: float


class Batch(BaseModel):
    """A batch. `left`: nobody watches it, but the workers may go on; `stopped`: its listing broke off."""

    id: str
    sources: list[str]
    state: State
    started_at: str | None
    updated_at: str | None = Field(description="When its process last said how far it is.")
    numbers: BatchNumbers
    rate: float | None = Field(description="Images a second at present; null when nobody is at it.")
    seconds_left: float | None = Field(description="At this rate; null while that is not known.")
    problem: str | None = Field(description="What keeps or has ended it, as a sentence.")


class Batches(BaseModel):
    """Batches, newest first, and `after` of the next page if there is one."""

    batches: list[Batch]
    next: str | None


_CONFLICT: dict[int | str, dict[str, Any]] = {
    403: {**DESCRIBED, "description": "A page of another origin asks"},
    409: {**DESCRIBED, "description": "The batch has ended"},
}
_LINKS = {
    "batch": {"operationId": "get_batch", "parameters": {"id": "$response.body#/id"}},
    "cancel": {"operationId": "cancel_one_batch", "parameters": {"id": "$response.body#/id"}},
}


@router.get("", summary="Batches, newest first", response_model=Batches, dependencies=[OPERATOR])
def list_batches(request: Request, control: ReadControl, arguments: Annotated[BatchArguments, Query()]) -> Response:
    found = read_batches(control.store, control.queue, limit=arguments.limit + 1, after=arguments.after)
    shown = found[: arguments.limit]
    following = shown[-1]["id"] if len(found) > len(shown) else None
    return answer_json(request, {"batches": shown, "next": following})


@router.post(
    "",
    summary="Start a batch",
    response_model=Batch,
    status_code=202,
    dependencies=[STARTER, JSON_BODY],
    responses={
        **NOT_JSON,
        202: {"links": _LINKS, "headers": {"Location": {"schema": {"type": "string"}}}},
        403: {**DESCRIBED, "description": "S3 refuses the bucket, or a page of another origin asks"},
        404: {**DESCRIBED, "description": "There is no such bucket"},
    },
)
def post_batch(
    request: Request, control: ReadControl, wanted: Annotated[NewBatch, Body(examples=[{"source": "holiday/2024/"}])]
) -> Response:
    """Reads the photos of a bucket, or of what lies under a prefix of it, as `./run.sh` does: what is stored and
    unchanged is skipped. The batch is a process of its own: it goes on when the API ends.
    """
    try:
        batch_id = start_batch(control.config, control.store, wanted.source)
    except ConfigError as error:
        raise BadParameter("source", str(error)) from error
    except NoSuchBucket as error:
        raise Refused(404, str(error), parameter="source") from error
    except BucketRefused as error:
        raise Refused(403, str(error), parameter="source") from error
    except TooManyBatches as error:
        raise Refused(503, f"{error}.", headers={"Retry-After": "60"}) from error
    batch = read_batch(control.store, control.queue, batch_id)
    return answer_json(request, batch, status=202, headers={"Location": f"/batches/{batch_id}"})


@router.get("/{id}", summary="How far a batch is", response_model=Batch, dependencies=[OPERATOR])
def get_batch(request: Request, control: ReadControl, id: BatchId) -> Response:
    try:
        return answer_json(request, read_batch(control.store, control.queue, id))
    except NoSuchBatch:
        raise Refused(404, "There is no batch of this id.") from None


@router.delete(
    "/{id}",
    summary="Cancel what is not yet read",
    response_model=Batch,
    status_code=202,
    dependencies=[STARTER],
    responses=_CONFLICT,
)
def cancel_one_batch(request: Request, control: ReadControl, id: BatchId) -> Response:
    """What is read already stays, and what another open batch covers too is still read. The batch is `cancelling`
    until what the workers have in hand has ended, then `cancelled`.
    """
    try:
        batch = cancel_batch(control.store, control.queue, id)
    except NoSuchBatch:
        raise Refused(404, "There is no batch of this id.") from None
    except BatchEnded as error:
        raise Refused(409, f"There is nothing to cancel: {error}.") from error
    return answer_json(request, batch, status=202)
