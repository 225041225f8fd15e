"""What happens, as it happens: server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from api.answers import encode_json
from api.doors import OPERATOR
from api.errors import Refused
from api.feed import Feed
from api.store import Control
from exifinator.control import read_batches

router = APIRouter(dependencies=[OPERATOR], tags=["batches"])

MAX_LISTENERS = 200
HEARTBEAT_SECONDS = 15.0
RETRY_MILLISECONDS = 3000
# A batch that has ended is told of for so long, so that who looks away for a moment sees how.
_ENDED_SHOWN = timedelta(minutes=1)
_HEADERS = {
    "Cache-Control": "no-store",
    # A proxy that gathers bytes before it passes them on would hold events back.
    "X-Accel-Buffering": "no",
}


def batch_feed(control: Control) -> Feed:
    """The feed of the batches that are under way, and of those that ended in the last minute."""

    def read() -> bytes:
        # A process that is at a batch stores its numbers each second.
        since = datetime.now(UTC) - _ENDED_SHOWN
        batches = read_batches(control.store, control.queue, touched_since=since)
        return b"event: batches\ndata: " + encode_json({"batches": batches}) + b"\n\n"

    return Feed(read)


# Described in words, for what reads an OpenAPI document to try all that it says waits for an end of each answer.
DESCRIPTION = """Start a batch, see how far it is, cancel it.

`GET /events` is a stream of server-sent events (`text/event-stream`) named `batches`. The data of one is
`{"batches": [...]}`, each as in `/batches`: those that are under way, and those that something happened to in the
last minute. One comes at once, then one whenever something has changed, at most once a second; a comment each
15 seconds meanwhile.

A browser's EventSource cannot send a token. Where one is needed, read the stream with fetch:

```js
const answer = await fetch("/events", {headers: {Authorization: `Bearer ${token}`}});
let text = "";
for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
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
    """See DESCRIPTION."""
    feed: Feed = request.app.state.batch_feed
    if getattr(request.state, "head", False):
        return StreamingResponse(iter(()), media_type="text/event-stream", headers=_HEADERS)
    if feed.listeners >= MAX_LISTENERS:
        raise Refused(503, f"{MAX_LISTENERS} clients listen already.", headers={"Retry-After": "30"})
    # What fails now is answered as an error, not as a stream.
    await feed.join()
    return StreamingResponse(_stream(feed), media_type="text/event-stream", headers=_HEADERS)


async def _stream(feed: Feed) -> AsyncIterator[bytes]:
    yield b"retry: %d\n\n" % RETRY_MILLISECONDS
    async with aclosing(feed.listen(heartbeat_seconds=HEARTBEAT_SECONDS)) as messages:
        async for message in messages:
            yield b": still there\n\n" if message is None else message
