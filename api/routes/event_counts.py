"""Count the events that S3 servers have reported, by outcome."""

from __future__ import annotations

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.auth import OPERATOR
from api.database import BackendDep
from api.http.responses import json_response
from api.http.router import PathRouter
from exifinator.metrics import EVENT_OUTCOMES
from exifinator.monitoring.status import describe_events
from exifinator.queue.admin import QueueAdmin

router = PathRouter(tags=["batches"])


class EventCounts(BaseModel):
    """The numbers of events reported since Redis last lost its data, by outcome."""

    received: int = Field(description="All events: the sum of the other counts.")
    queued: int = Field(description="New and changed objects that were queued.")
    removed: int = Field(description="Deleted objects whose records were removed.")
    unchanged: int = Field(description="Objects that were already indexed, for example because an event was repeated.")
    ignored: int = Field(description="Events of objects outside the sources, and events of other kinds.")
    failed: int = Field(description="Events that could not be applied, and are delivered again.")
    malformed: int = Field(description="Messages that are not valid notifications.")
    lag_seconds: float | None = Field(
        description="Average time from the change of an object until its event was applied; null if it is unknown."
    )


class EventStream(BaseModel):
    """The state of the event stream."""

    events: EventCounts | None = Field(description="The counts; null if no events are configured.")


@router.get("/events/counts", summary="Count events of S3 servers", response_model=EventStream, dependencies=[OPERATOR])
def get_event_counts(request: Request, backend: BackendDep) -> Response:
    """Count the events by which the index follows the changes in buckets."""
    if not backend.config.follows_events:
        return json_response(request, {"events": None})
    events = describe_events(QueueAdmin(backend.queue, backend.config).counts())
    counts = {outcome: events.get(outcome, 0) for outcome in EVENT_OUTCOMES}
    lag = {"lag_seconds": events.get("lag_seconds")}
    return json_response(request, {"events": {"received": sum(counts.values()), **counts, **lag}})
