"""Send the progress of batches as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from fastapi import Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from api.auth import OPERATOR
from api.database import Backend
from api.errors import ErrorCode, RequestRefused
from api.http.event_feed import Feed
from api.http.responses import encode_json
from api.http.router import PathRouter
from exifinator.batches.service import read_batches

router = PathRouter(dependencies=[OPERATOR], tags=["batches"])

MAX_LISTENERS = 200
PING_SECONDS = 15
RETRY_MILLISECONDS = 3000
# How long streams may take to finish at shutdown before they are cut off.
_CLOSE_SECONDS = 5.0
# The feed includes batches updated within this time, so that a client that reconnects sees how a batch ended.
_UPDATED_WITHIN = timedelta(minutes=1)
_MEDIA_TYPE = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store"}


def batch_feed(backend: Backend) -> Feed:
    """Return a feed of the batches updated in the last minute, including those that have ended since."""

    def read() -> bytes:
        # A running batch updates its document every second, so this query finds every batch in progress.
        since = datetime.now(UTC) - _UPDATED_WITHIN
        batches = read_batches(backend.store, backend.queue, updated_since=since)
        return b"event: batches\ndata: " + encode_json({"batches": batches}) + b"\n\n"

    return Feed(read)


# /events is described here and not in the OpenAPI schema, because tools that call every operation of the schema would
# wait for the stream to end.
BATCHES_TAG_DESCRIPTION = """Start, watch and cancel batches.

`GET /events` is a stream of server-sent events (`text/event-stream`) named `batches`. The data of each event is
`{"batches": [...]}`, with batches in the same form as in `/batches`. The data contains all batches updated in the last
minute, including those that have ended since. The first event is sent immediately. Another one is sent whenever one of
these batches has changed, at most once per second. A comment is sent every 15 seconds to keep the connection alive.

A browser's EventSource cannot send a token. If a token is required, read the stream with fetch:

```js
const response = await fetch("/events", {headers: {Authorization: `Bearer ${token}`}});
let text = "";
for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
  const events = (text += part).split("\\n\\n");
  text = events.pop();
  for (const event of events.filter((event) => event.startsWith("event: batches"))) {
    show(JSON.parse(event.split("\\ndata: ")[1]).batches);
  }
}
```
"""


@router.get("/events", include_in_schema=False)
async def stream_events(request: Request) -> Response:
    feed: Feed = request.app.state.batch_feed
    if getattr(request.state, "head", False):
        return Response(media_type=_MEDIA_TYPE, headers=_HEADERS)
    # Read a message before the response starts, so that a failure yields an error response instead of a broken stream.
    await feed.current_message()
    if feed.listeners >= MAX_LISTENERS:
        detail = f"{MAX_LISTENERS} clients are already listening. Try again later."
        raise RequestRefused(ErrorCode.TOO_MANY_LISTENERS, detail, headers={"Retry-After": "30"})
    # The first message is available, so no other request runs before this one has joined.
    messages = feed.listen()
    first = await anext(messages)
    return EventSourceResponse(
        _stream(first, messages),
        media_type=_MEDIA_TYPE,
        headers=_HEADERS,
        sep="\n",
        ping=PING_SECONDS,
        ping_message_factory=lambda: ServerSentEvent(comment="ping", sep="\n"),
        shutdown_event=feed.closing,
        shutdown_grace_period=_CLOSE_SECONDS,
    )


async def _stream(first: bytes, following: AsyncGenerator[bytes]) -> AsyncIterator[bytes | ServerSentEvent]:
    async with aclosing(following) as messages:
        yield ServerSentEvent(retry=RETRY_MILLISECONDS, sep="\n")
        yield first
        async for message in messages:
            yield message
