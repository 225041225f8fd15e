"""Receive the notifications that S3 servers send to webhooks."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import anyio.to_thread
from fastapi import Request
from starlette.responses import Response

from api.auth import EVENT_SENDER
from api.database import Backend
from api.errors import ErrorCode, RequestRefused
from api.http.router import PathRouter
from exifinator.batches.events import AppliedEvents, EventApplier
from exifinator.errors import EXIFinatorError, MalformedNotification, SourceUnavailable, TransientError
from exifinator.metrics import COUNTS
from exifinator.sources.notifications import ObjectEvent, parse_notification
from exifinator.sources.source import SourceReader

# This path is not in the OpenAPI schema: it is for S3 servers, and each of them sends a body of a different form.
router = PathRouter(include_in_schema=False, dependencies=[EVENT_SENDER])


# Applying a notification occupies a thread for up to several seconds. Other routes need threads too.
MAX_APPLIED = 4
# Further notifications are refused, and their senders send them again later.
MAX_WAITING = 32


class NotificationSlots:
    """Limits how many notifications are applied at the same time, and how many wait to be applied."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(MAX_APPLIED)
        self._taken = 0

    async def apply(self, applier: EventApplier, events: Sequence[ObjectEvent]) -> AppliedEvents:
        """Apply events in a thread.

        Raises:
            RequestRefused: Too many notifications are waiting.
            EXIFinatorError: The events cannot be applied.
        """
        if self._taken >= MAX_APPLIED + MAX_WAITING:
            detail = "Too many notifications are waiting to be applied."
            raise RequestRefused(ErrorCode.UNAVAILABLE, detail, headers={"Retry-After": "5"})
        self._taken += 1
        try:
            return await anyio.to_thread.run_sync(applier.apply, events, limiter=self._limiter)
        finally:
            self._taken -= 1


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
    state = request.app.state
    try:
        applied = await state.notification_slots.apply(state.events, notification.events)
    except (RequestRefused, TransientError):
        raise
    except EXIFinatorError as error:
        # The error lasts until an operator corrects its cause, so the sender should wait.
        detail = f"The notification cannot be applied now: {error.message}."
        raise RequestRefused(ErrorCode.UNAVAILABLE, detail, headers={"Retry-After": "60"}) from error
    if applied.failures:
        raise SourceUnavailable(next(iter(applied.failures.values())).message)
    return Response(status_code=204)
