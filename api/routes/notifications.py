"""Receive the notifications of S3 servers that send them to a web address."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth import EVENT_SENDER
from api.database import Backend
from api.errors import ErrorCode, RequestRefused
from exifinator.batches.events import EventApplier
from exifinator.errors import EXIFinatorError, MalformedNotification, SourceUnavailable, TransientError
from exifinator.metrics import COUNTS
from exifinator.sources.notifications import parse_notification
from exifinator.sources.source import SourceReader

# This path is not in the OpenAPI schema: it is for servers, and its body has as many shapes as there are servers.
router = APIRouter(include_in_schema=False, dependencies=[EVENT_SENDER])


def make_applier(backend: Backend, client: SourceReader) -> EventApplier:
    """Return the object that applies the events of notifications."""
    return EventApplier(backend.config, client, backend.store, backend.queue)


@router.post("/events/s3")
async def receive_notification(request: Request) -> Response:
    """Apply a notification. Respond with an error if the sender has to send it again."""
    body = await request.body()
    try:
        notification = parse_notification(body)
    except MalformedNotification as error:
        COUNTS.events["malformed"] += 1
        raise RequestRefused(ErrorCode.BAD_JSON, f"{error}.") from None
    COUNTS.events["ignored"] += notification.ignored
    try:
        applied = await asyncio.to_thread(request.app.state.events.apply, notification.events)
    except TransientError:
        raise
    except EXIFinatorError as error:
        # Someone has to mend this, so the sender need not hurry.
        detail = f"The notification cannot be applied now: {error.message}."
        raise RequestRefused(ErrorCode.UNAVAILABLE, detail, headers={"Retry-After": "60"}) from error
    if applied.failures:
        raise SourceUnavailable(next(iter(applied.failures.values())).message)
    return Response(status_code=204)
