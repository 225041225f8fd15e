"""POST /events/s3: who may send notifications, and what the sender is told."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.routes.notifications import MAX_APPLIED, MAX_WAITING
from exifinator.batches.events import AppliedEvents
from exifinator.config import build_config
from exifinator.errors import AccessDenied, EXIFinatorError, QueueUnavailable, RecordRefused, SourceUnavailable
from exifinator.sources.notifications import MAX_BYTES, ObjectEvent

TOKEN = "events-token-1234567"
API_TOKEN = "reader-token-1234567"
GOOD = {"Authorization": f"Bearer {TOKEN}"}
PUT = {
    "EventName": "s3:ObjectCreated:Put",
    "Key": "photos/a b.jpg",
    "Records": [
        {
            "eventSource": "minio:s3",
            "eventName": "s3:ObjectCreated:Put",
            "s3": {"bucket": {"name": "photos"}, "object": {"key": "a+b.jpg"}},
        }
    ],
}


class FakeApplier:
    """Remembers the events that it was given."""

    def __init__(self, failure: EXIFinatorError | None = None, error: EXIFinatorError | None = None) -> None:
        self.ids: list[str] = []
        self.failure = failure
        self.error = error

    def apply(self, events: Sequence[ObjectEvent]) -> AppliedEvents:
        if self.error:
            raise self.error
        self.ids += [event.id for event in events]
        return AppliedEvents(failures={event.id: self.failure for event in events} if self.failure else {})


def client(applier: FakeApplier, **settings: Any) -> TestClient:
    """Return a client of an API whose lifespan is not entered: it would connect to the servers."""
    app = create_app(build_config(settings, {}))
    app.state.events = applier
    return TestClient(app, base_url="http://127.0.0.1:3001", client=("127.0.0.1", 50_000))


def test_post__right_token__applies_the_notification() -> None:
    applier = FakeApplier()
    api = client(applier, EVENTS_TOKEN=TOKEN, API_TOKEN=API_TOKEN)
    assert api.post("/events/s3", headers=GOOD, json=PUT).status_code == 204
    # Some servers do not declare the body as JSON.
    assert api.post("/events/s3", headers=GOOD, content=json.dumps(PUT)).status_code == 204
    assert applier.ids == ["photos/a b.jpg"] * 2


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {API_TOKEN}"}, {"Authorization": f"Basic {TOKEN}"}])
def test_post__other_token__is_refused(headers: dict[str, str]) -> None:
    applier = FakeApplier()
    refused = client(applier, EVENTS_TOKEN=TOKEN, API_TOKEN=API_TOKEN).post("/events/s3", headers=headers, json=PUT)
    assert refused.status_code == 401
    assert applier.ids == []


def test_post__events_token_reads_nothing() -> None:
    api = client(FakeApplier(), EVENTS_TOKEN=TOKEN, API_TOKEN=API_TOKEN)
    assert api.get("/", headers=GOOD).status_code == 401


@pytest.mark.parametrize("settings", [{}, {"API_TOKEN": API_TOKEN}, {"EVENTS_TOKEN": None}])
def test_post__no_token_is_set__is_closed(settings: dict[str, Any]) -> None:
    applier = FakeApplier()
    for headers in ({}, GOOD, {"Authorization": f"Bearer {API_TOKEN}"}, {"Authorization": "Bearer None"}):
        assert client(applier, **settings).post("/events/s3", headers=headers, json=PUT).status_code == 404
    assert applier.ids == []


@pytest.mark.parametrize(
    ("applier", "code"),
    [
        (FakeApplier(failure=SourceUnavailable("S3 does not respond")), "s3_unavailable"),
        (FakeApplier(error=QueueUnavailable("Redis does not respond")), "redis_unavailable"),
    ],
)
def test_post__not_applied__asks_to_send_it_again(applier: FakeApplier, code: str) -> None:
    refused = client(applier, EVENTS_TOKEN=TOKEN).post("/events/s3", headers=GOOD, json=PUT)
    assert (refused.status_code, refused.json()["code"]) == (503, code)


@pytest.mark.parametrize("error", [RecordRefused("MongoDB rejects it"), AccessDenied("S3 denies it")])
def test_post__error_that_lasts__asks_to_send_it_later(error: EXIFinatorError) -> None:
    refused = client(FakeApplier(error=error), EVENTS_TOKEN=TOKEN).post("/events/s3", headers=GOOD, json=PUT)
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "unavailable", "60")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{}", 400), (b"[" * 60_000, 400), (b"\xff", 400), (b" " * (MAX_BYTES + 1), 413)],
)
def test_post__hostile_body__is_refused(body: bytes, status: int) -> None:
    applier = FakeApplier()
    assert client(applier, EVENTS_TOKEN=TOKEN).post("/events/s3", headers=GOOD, content=body).status_code == status
    assert applier.ids == []


def test_post__test_event__is_accepted() -> None:
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}
    assert client(FakeApplier(), EVENTS_TOKEN=TOKEN).post("/events/s3", headers=GOOD, json=body).status_code == 204


class SlowApplier(FakeApplier):
    """Applies events only after the test has set `go_on`, and counts how many calls run at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.running = 0
        self.most_running = 0
        self.lock = threading.Lock()

    def apply(self, events: Sequence[ObjectEvent]) -> AppliedEvents:
        with self.lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        self.go_on.wait()
        with self.lock:
            self.running -= 1
        return super().apply(events)


def test_post__more_notifications_than_can_wait__are_sent_again_later() -> None:
    applier = SlowApplier()
    allowed = MAX_APPLIED + MAX_WAITING
    app = create_app(build_config({"EVENTS_TOKEN": TOKEN}, {}))
    app.state.events = applier

    async def send_all() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3001", headers=GOOD) as api:
            posts = [asyncio.ensure_future(api.post("/events/s3", json=PUT)) for _ in range(allowed + 3)]
            refused, _ = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
            while len(refused) < 3 or applier.running < MAX_APPLIED:
                refused, _ = await asyncio.wait(posts, timeout=0.01)
            applier.go_on.set()
            return await asyncio.gather(*posts)

    responses = asyncio.run(send_all())
    assert Counter(response.status_code for response in responses) == {204: allowed, 503: 3}
    (refused, *_) = (response for response in responses if response.status_code == 503)
    assert (refused.json()["code"], refused.headers["Retry-After"]) == ("unavailable", "5")
    assert applier.most_running == MAX_APPLIED
