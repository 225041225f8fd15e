"""Show the sources that are indexed on a schedule."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.auth import OPERATOR
from api.database import BackendDep
from api.http.responses import json_response
from api.http.router import PathRouter
from api.routes.batches import Batch
from exifinator.batches.scheduler import describe_schedule

router = PathRouter(tags=["batches"])


class LastStart(BaseModel):
    """What happened when a batch was last due."""

    at: str = Field(description="When a worker started or skipped the batch, or failed to start it.")
    outcome: Literal["started", "skipped", "failed"] = Field(
        description="`skipped`: the previous batch was still running. `failed`: the batch could not be started; the "
        "next attempt is at `next_at`."
    )
    problem: str | None = Field(description="Why no batch was started; null if one was started.")


class ScheduledSource(BaseModel):
    """A source in the setting SCHEDULE, with its last and next batch."""

    source: str
    include: list[str]
    exclude: list[str]
    every: str = Field(description="The interval, such as `30m`, `6h`, `1d` or `2w`.")
    at: str | None = Field(description="The time of day, such as `02:00`; null if only the interval is set.")
    timezone: str | None = Field(description="The time zone of `at`.")
    prune: bool = Field(description="Whether the records of deleted objects are removed after each batch.")
    max_requests: int | None = Field(description="The maximum number of requests of each batch; null without a limit.")
    max_dollars: float | None = Field(description="The maximum price of each batch in dollars; null without a limit.")
    next_at: str = Field(description="When the next batch is due. This may be in the past while no worker is running.")
    checked_at: str | None = Field(description="When a worker last checked whether a batch is due.")
    last: LastStart | None
    last_batch: Batch | None = Field(description="The last batch that the schedule started.")


class Schedule(BaseModel):
    """The sources in SCHEDULE, in the order of the settings."""

    sources: list[ScheduledSource]


@router.get("/schedule", summary="Get the schedule", response_model=Schedule, dependencies=[OPERATOR])
def get_schedule(request: Request, backend: BackendDep) -> Response:
    """List the sources that are indexed on a schedule, with their last and next batch."""
    sources = describe_schedule(backend.store, backend.queue, request.app.state.schedule)
    return json_response(request, {"sources": sources})
